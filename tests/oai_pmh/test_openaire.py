"""OpenAIRE: who may read an article now, and what it is, in COAR's words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from oai_pmh.formats import Told, oai_openaire
from repository.catalogue.holdings import KeptBag, KeptCopy, KeptFile
from repository.vocabulary import ArticleRecord

NAMES = {
    "oaire": oai_openaire.NAMESPACE,
    "datacite": "http://datacite.org/schema/kernel-4",
    "dc": "http://purl.org/dc/elements/1.1/",
}


def found(record: ArticleRecord, told: Told, path: str) -> list[str | None]:
    root = etree.fromstring(oai_openaire.crosswalk(record, told))
    return [one.text for one in root.iterfind(path, NAMES)]


def test_until_it_is_opened_there_is_metadata_only_and_no_file(rich_record: ArticleRecord, told: Told) -> None:
    root = etree.fromstring(oai_openaire.crosswalk(rich_record, told))
    (rights,) = root.iterfind("datacite:rights", NAMES)
    assert (rights.text, rights.get("rightsURI")) == (
        "metadata only access",
        "http://purl.org/coar/access_right/c_14cb",
    )
    assert root.find("oaire:file", NAMES) is None


def test_what_is_open_is_open_access_with_the_address_of_its_pdf(rich_record: ArticleRecord, told: Told) -> None:
    root = etree.fromstring(oai_openaire.crosswalk(rich_record, replace(told, open=True)))
    (rights,) = root.iterfind("datacite:rights", NAMES)
    assert (rights.text, rights.get("rightsURI")) == ("open access", "http://purl.org/coar/access_right/c_abf2")
    (file,) = root.iterfind("oaire:file", NAMES)
    assert file.text == f"{told.address}/files/makale/tam%20metin.pdf?version=2"
    assert (file.get("mimeType"), file.get("objectType")) == ("application/pdf", "fulltext")
    assert file.get("accessRightsURI") == "http://purl.org/coar/access_right/c_abf2"


@pytest.mark.parametrize("state", ["damaged", "missing", "disposed"])
def test_no_file_is_named_that_no_copy_has_whole(rich_record: ArticleRecord, told: Told, state: str) -> None:
    bag = KeptBag(1, "ab" * 32, 1, (KeptFile("a.pdf", 1, "cd" * 64),), (KeptCopy("ankara", state, None),))
    assert found(rich_record, replace(told, open=True, versions=(bag,)), "oaire:file") == []


def test_the_citation_and_the_journal(rich_record: ArticleRecord, told: Told) -> None:
    names = ("Title", "Volume", "Issue", "StartPage", "EndPage")
    assert [found(rich_record, told, f"oaire:citation{name}") for name in names] == [
        ["Kurgu & Araştırma"],
        ["7"],
        ["2"],
        ["101"],
        ["119"],
    ]
    assert found(rich_record, told, ".//datacite:relatedIdentifier[@relationType='IsPartOf']") == [
        "1000-0001",
        "2000-0001",
        "1000-0001",
    ]
    assert found(rich_record, told, ".//datacite:date[@dateType='Issued']") == ["2023-11"]
    assert found(rich_record, told, "datacite:identifier") == [told.address]
    assert found(rich_record, told, ".//datacite:nameIdentifier") == ["https://orcid.org/0000-0001-2345-6789"]


@pytest.mark.parametrize(
    ("kind", "label", "concept"),
    [
        ("research-article", "research article", "c_2df8fbb1"),
        ("editorial", "editorial", "c_b239"),
        ("obituary", "contribution to journal", "c_3e5a"),
        (None, "contribution to journal", "c_3e5a"),
    ],
)
def test_what_it_is(told: Told, kind: str | None, label: str, concept: str) -> None:
    root = etree.fromstring(oai_openaire.crosswalk(ArticleRecord(article_type=kind), told))
    (said,) = root.iterfind("oaire:resourceType", NAMES)
    assert (said.text, said.get("uri")) == (label, f"http://purl.org/coar/resource_type/{concept}")


def test_several_licences_are_told_one_by_one(told: Told) -> None:
    record = ArticleRecord(licence="https://creativecommons.org/licenses/by/4.0/ ; Bütün hakları saklıdır")
    root = etree.fromstring(oai_openaire.crosswalk(record, told))
    assert [(one.text, one.get("uri")) for one in root.iterfind("oaire:licenseCondition", NAMES)] == [
        ("https://creativecommons.org/licenses/by/4.0/", "https://creativecommons.org/licenses/by/4.0/"),
        ("Bütün hakları saklıdır", None),
    ]
