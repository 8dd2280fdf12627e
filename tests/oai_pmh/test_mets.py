"""METS with PREMIS: every file with its digest, every copy with the last time it was read whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from oai_pmh.formats import Told, mets
from repository.vocabulary import ArticleRecord

NAMES = {
    "m": mets.NAMESPACE,
    "p": "http://www.loc.gov/premis/v3",
    "mods": "http://www.loc.gov/mods/v3",
    "xlink": "http://www.w3.org/1999/xlink",
}


@pytest.fixture
def root(rich_record: ArticleRecord, told: Told) -> Any:
    return etree.fromstring(mets.crosswalk(rich_record, told))


def test_it_holds_the_description(root: Any, told: Told) -> None:
    assert (root.get("OBJID"), root.get("LABEL")) == (told.identifier, "İstanbul'un Işıkları")
    assert root.findtext("m:dmdSec/m:mdWrap/m:xmlData/mods:mods/mods:titleInfo/mods:title", None, NAMES)


def test_every_file_of_every_version_has_size_and_digest(root: Any, told: Told) -> None:
    files = [
        (file.get("SIZE"), file.get("CHECKSUM"), file.get("CHECKSUMTYPE"), file[0].get(f"{{{NAMES['xlink']}}}href"))
        for file in root.iterfind("m:fileSec/m:fileGrp/m:file", NAMES)
    ]
    assert files == [
        (str(file.bytes), file.sha512, "SHA-512", f"{told.address}/files/{path}?version={version.version}")
        for version in told.versions
        for file, path in zip(version.files, ("makale/%C3%B6z%20%26%20ek.xml", "makale/tam%20metin.pdf"), strict=True)
    ]


def test_premis_tells_what_each_file_is(root: Any) -> None:
    objects = root.xpath("m:amdSec[@ID='v2']/m:techMD//p:object", namespaces=NAMES)
    told = [
        (
            one.findtext("p:objectIdentifier/p:objectIdentifierValue", None, NAMES),
            one.findtext(".//p:messageDigestAlgorithm", None, NAMES),
            one.findtext(".//p:formatRegistryKey", None, NAMES) or one.findtext(".//p:formatName", None, NAMES),
        )
        for one in objects
    ]
    bag = f"{'0' * 32}-v2"
    assert told == [
        (bag, "SHA-256", "x-fmt/265"),
        (f"{bag}/data/makale/öz & ek.xml", "SHA-512", "fmt/101"),
        (f"{bag}/data/makale/tam metin.pdf", "SHA-512", "not identified"),
    ]


def test_a_copy_is_stored_where_it_is_believed_whole_and_was_read_when_it_was(root: Any) -> None:
    def texts(version: str, path: str) -> list[str]:
        return [one.text for one in root.xpath(f"m:amdSec[@ID='{version}']//{path}", namespaces=NAMES)]

    assert texts("v1", "p:contentLocationValue") == []
    assert texts("v2", "p:contentLocationValue") == ["ankara", "izmir"]
    assert texts("v2", "p:eventDateTime") == ["2026-11-20T08:30:00Z"], "the other copy was never read"
    assert texts("v1", "p:eventOutcomeDetailNote") == ["copy in the store ankara; its state now: damaged"]
    assert texts("v2", "p:eventIdentifierValue") == [f"{'0' * 32}-v2@ankara"]


def test_every_reference_inside_leads_somewhere(root: Any) -> None:
    ids = root.xpath("//@ID")
    assert len(ids) == len(set(ids))
    for name in ("ADMID", "DMDID", "FILEID"):
        named = root.xpath(f"//@{name}")
        assert named, name
        assert set(named) <= set(ids)


def test_without_a_version_there_is_the_description_alone(rich_record: ArticleRecord, told: Told) -> None:
    bare = etree.fromstring(mets.crosswalk(rich_record, replace(told, versions=())))
    assert [etree.QName(one).localname for one in bare] == ["dmdSec", "structMap"]
