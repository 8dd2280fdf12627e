"""What Identify says of the archive: in the containers made for it, and nothing that is empty."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from oai_pmh.descriptions import Icon, Said
from oai_pmh.web import Window

ROOT = "http://www.openarchives.org/OAI/"
WHOLE = Said(
    friends=("https://dergi.example.org/oai?a=1&b=2", "https://depo.example.org/oai"),
    metadata_licence="https://example.org/licence",
    icon=Icon("https://arsiv.example.org/icon.png", "Örnek & Arşiv", "https://arsiv.example.org/", 88, 31),
    content="Türkiye'nin <lisanslı> dergileri",
    metadata_policy="https://arsiv.example.org/policy",
)


@pytest.fixture
def database_url(tmp_path: Any) -> str:
    """What is asked here does not depend on the database."""
    return f"sqlite:///{tmp_path / 'catalogue.sqlite'}"


def containers(harvester: Any) -> dict[str, Any]:
    found = [element[0] for element in harvester.ask("Identify").root.iter(f"{{{ROOT}2.0/}}description")]
    return {element.tag: element for element in found}


def test_nothing_but_the_identifier_is_said_where_nothing_else_is_given(harvester: Any) -> None:
    assert list(containers(harvester)) == [f"{{{ROOT}2.0/oai-identifier}}oai-identifier"]


def test_all_that_is_given_is_said(window: Window, harvester_of: Any) -> None:
    said = containers(harvester_of(replace(window, said=WHOLE)))
    friends = said[f"{{{ROOT}2.0/friends/}}friends"]
    assert [one.text for one in friends] == list(WHOLE.friends)
    rights = said[f"{{{ROOT}2.0/rights/}}rightsManifest"]
    assert rights.get("appliesTo") == ROOT + "2.0/entity#metadata"
    assert [one.get("ref") for one in rights.iter(f"{{{ROOT}2.0/rights/}}rightsReference")] == [WHOLE.metadata_licence]
    (icon,) = said[f"{{{ROOT}2.0/branding/}}branding"]
    assert [(etree.QName(one).localname, one.text) for one in icon] == [
        ("url", "https://arsiv.example.org/icon.png"),
        ("link", "https://arsiv.example.org/"),
        ("title", "Örnek & Arşiv"),
        ("width", "88"),
        ("height", "31"),
    ]
    policies = said[f"{{{ROOT}1.1/eprints}}eprints"]
    told = [(etree.QName(one).localname, *((etree.QName(it).localname, it.text) for it in one)) for one in policies]
    assert told == [
        ("content", ("text", WHOLE.content)),
        ("metadataPolicy", ("URL", WHOLE.metadata_policy)),
        ("dataPolicy",),
    ]


def test_every_container_names_its_schema(window: Window, harvester_of: Any) -> None:
    location = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
    for element in containers(harvester_of(replace(window, said=WHOLE))).values():
        namespace, schema = element.get(location).split()
        assert namespace == etree.QName(element).namespace
        assert schema.startswith(ROOT)
        assert schema.endswith(".xsd")


def test_every_administrator_is_named(window: Window, harvester_of: Any) -> None:
    asked = harvester_of(replace(window, admin_emails=("a@example.org", "b@example.org"))).ask("Identify")
    assert asked.texts("adminEmail") == ["a@example.org", "b@example.org"]
