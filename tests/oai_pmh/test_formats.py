"""An article as harvesters get it: nothing lost, nothing invented, always well-formed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from oai_pmh import xml
from oai_pmh.formats import FORMATS, Told, mods, oai_dc
from repository.vocabulary import ArticleRecord, Author, Related

SCHEMAS = Path(__file__).parents[2] / "../shared/schemas/oai_pmh"
ADDRESS = "https://arsiv.example.org/articles/0123"
BARE = Told(ADDRESS, "oai:arsiv.example.org:0123")
DC = "{http://purl.org/dc/elements/1.1/}"
MODS = "{http://www.loc.gov/mods/v3}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
ANY_TEXT = st.text(st.characters(codec="utf-8") | st.sampled_from("&<>\"'\0\x0b\x1f\ufffe\uffff\r\n\t␞"), max_size=40)


def dublin_core(record: ArticleRecord) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in etree.fromstring(oai_dc.crosswalk(record, BARE)):
        found.setdefault(element.tag.removeprefix(DC), []).append(element.text or "")
    return found


def test_dublin_core_says_all_that_the_publisher_said(rich_record: ArticleRecord) -> None:
    assert dublin_core(rich_record) == {
        "title": ["İstanbul'un Işıkları", "The Lights of İstanbul", "Ohne Sprache"],
        "creator": ["Çelik, Ümit, Jr", "Ekip"],
        "subject": ["ışık", "şehir"],
        "description": ["Özet < kısa", "Abstract & short"],
        "publisher": ["Örnek Yayınevi"],
        "date": ["2023-11"],
        "type": ["info:eu-repo/semantics/article", "research-article", "Text"],
        "identifier": [ADDRESS, "https://doi.org/10.5555/%C3%96rnek%3C7%3E"],
        "source": ["Kurgu & Araştırma, 7(2), 101-119", "urn:ISSN:2000-0001", "urn:ISSN:1000-0001"],
        "language": ["tr"],
        "relation": ["https://doi.org/10.5555/once", "http://example.org/x"],
        "rights": ["https://creativecommons.org/licenses/by/4.0/"],
    }


def test_titles_and_abstracts_carry_their_language_where_it_is_known(rich_record: ArticleRecord) -> None:
    root = etree.fromstring(oai_dc.crosswalk(rich_record, BARE))
    assert [title.get(LANG) for title in root.findall(DC + "title")] == ["tr", "en", None]
    assert [abstract.get(LANG) for abstract in root.findall(DC + "description")] == ["tr", "en"]


def test_what_the_publisher_did_not_say_is_absent() -> None:
    assert dublin_core(ArticleRecord()) == {"type": ["Text"], "identifier": [ADDRESS]}
    assert dublin_core(ArticleRecord(title=" ", journal_title="Dergi", elocation="e7")) == {
        "type": ["Text"],
        "identifier": [ADDRESS],
        "source": ["Dergi, e7"],
    }


def test_the_date_is_that_of_the_issue_else_the_earliest() -> None:
    assert dublin_core(ArticleRecord(published={"epub": "2022-12-30", "ppub": "2023-02"}))["date"] == ["2023-02"]
    assert dublin_core(ArticleRecord(published={"b": "2023-03-04", "a": "2022"}))["date"] == ["2022"]
    assert "date" not in dublin_core(ArticleRecord(published={"ppub": "Kasım 2023"}))


@given(st.lists(ANY_TEXT, max_size=6))
def test_many_texts_are_written_as_each_would_be(values: list[str]) -> None:
    assert xml.texts(values) == [xml.text(value) for value in values]


@pytest.mark.parametrize("crosswalk", [known.crosswalk for known in FORMATS.values()])
def test_an_orcid_is_written_once_however_the_record_has_it(crosswalk: Callable[[ArticleRecord, Told], str]) -> None:
    bare, addressed = (
        crosswalk(ArticleRecord(title="Işık", authors=(Author("Çelik", "Ümit", orcid=orcid),)), BARE)
        for orcid in ("0000-0002-1825-0097", "https://orcid.org/0000-0002-1825-0097")
    )
    assert bare == addressed
    assert "orcid.org/http" not in addressed


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
@pytest.mark.parametrize("crosswalk", [known.crosswalk for known in FORMATS.values()])
def test_no_text_breaks_a_record(
    crosswalk: Callable[[ArticleRecord, Told], str], one: str, two: str, three: str
) -> None:
    record = ArticleRecord(
        title=one,
        translated_titles={two: three},
        language=three,
        journal_title=two,
        authors=(Author(family=one, given=two, orcid=three), Author(collab=three)),
        abstracts={one: two},
        keywords=(one, two),
        licence=three,
        doi=one,
        related=(Related(one, two),),
        other_ids={one: three},
    )
    root = etree.fromstring(crosswalk(record, BARE))
    kept = xml.text(one).replace("&#13;", "\r")
    if kept.strip():
        wanted = kept.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
        assert wanted in {element.text for element in root.iter()}


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="the protocol's schemas do not lie beside this checkout")
def test_oai_dc_is_valid(rich_record: ArticleRecord, validate: Callable[[Any], None]) -> None:
    header = "<header><identifier>oai:a.b:1</identifier><datestamp>2024-01-01T00:00:00Z</datestamp></header>"
    record = f"<record>{header}<metadata>{oai_dc.crosswalk(rich_record, BARE)}</metadata></record>"
    document = (
        '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><responseDate>2024-01-01T00:00:00Z</responseDate>'
        f"<request>https://arsiv.example.org/oai</request><GetRecord>{record}</GetRecord></OAI-PMH>"
    )
    validate(etree.fromstring(document))


MODS_CHILDREN = {
    "mods": "titleInfo name typeOfResource genre originInfo language abstract subject relatedItem identifier location "
    "accessCondition recordInfo",
    "relatedItem": "titleInfo originInfo identifier part",
    "titleInfo": "title",
    "name": "namePart role nameIdentifier",
    "role": "roleTerm",
    "originInfo": "publisher dateIssued",
    "language": "languageTerm",
    "subject": "topic",
    "part": "detail extent",
    "detail": "number",
    "extent": "start end",
    "location": "url",
    "recordInfo": "recordIdentifier",
}
"""What the MODS 3.8 schema lets stand in what, of the elements that we write."""


def test_mods_nests_as_its_schema_says(rich_record: ArticleRecord) -> None:
    root = etree.fromstring(mods.crosswalk(rich_record, BARE))
    assert root.tag == MODS + "mods"
    assert root.get("version") == "3.8"
    for element in root.iter():
        name = element.tag.removeprefix(MODS)
        children = [child.tag.removeprefix(MODS) for child in element]
        assert set(children) <= set(MODS_CHILDREN.get(name, "").split()), name
        assert children or (element.text or "").strip(), name


def test_mods_keeps_names_and_the_journal_in_parts(rich_record: ArticleRecord) -> None:
    root = etree.fromstring(mods.crosswalk(rich_record, BARE))

    def values(path: str) -> list[str]:
        return [element.text for element in root.findall(path.replace("m:", MODS))]

    assert values("m:name/m:namePart[@type='family']") == ["Çelik"]
    assert values("m:name/m:nameIdentifier[@type='orcid']") == ["0000-0001-2345-6789"]
    assert values("m:name[@type='corporate']/m:namePart") == ["Ekip"]
    host = "m:relatedItem[@type='host']/"
    assert values(host + "m:titleInfo/m:title") == ["Kurgu & Araştırma"]
    assert values(host + "m:identifier[@type='issn']") == ["2000-0001", "1000-0001"]
    assert values(host + "m:part/m:detail[@type='volume']/m:number") == ["7"]
    assert values(host + "m:part/m:extent/m:end") == ["119"]
    assert values("m:relatedItem[@otherType='corrected-article']/m:identifier") == ["https://doi.org/10.5555/once"]
    assert values("m:identifier[@type='pmid']") == ["12345"]
    assert values("m:recordInfo/m:recordIdentifier") == [BARE.identifier]


@pytest.mark.parametrize(("said", "kind"), [("tr", "code"), ("pt-BR", "code"), ("Osmanlı Türkçesi", "text")])
def test_mods_calls_a_code_only_what_is_one(said: str, kind: str) -> None:
    root = etree.fromstring(mods.crosswalk(ArticleRecord(language=said), BARE))
    (term,) = root.iterfind(f"{MODS}language/{MODS}languageTerm")
    assert (term.text, term.get("type")) == (said, kind)


@pytest.mark.parametrize("prefix", sorted(FORMATS))
def test_a_payload_is_in_the_namespace_that_is_announced(prefix: str, rich_record: ArticleRecord) -> None:
    announced = FORMATS[prefix].description
    root = etree.fromstring(FORMATS[prefix].crosswalk(rich_record, BARE))
    assert etree.QName(root).namespace == announced.namespace
    location = root.get("{http://www.w3.org/2001/XMLSchema-instance}schemaLocation")
    assert location.split()[:2] == [announced.namespace, announced.schema]
