"""WileyML 3G: the collection's values, what its files may lack, and a delivery of the publisher's from end to end."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from collection import SAMPLES, assert_as_indexed, index_rows, the_one_article
from installation import Installation, folder_store_table

from ingest.dialects import Described, describe
from ingest.sips import group
from ingest.unpack import unpack
from repository.vocabulary import Author, Related

ROWS = index_rows("wiley/")
NO_PAGE = ("wiley-swe21103-ccby.xml", "wiley-jgra57392-ccby.xml", "wiley-swe461-news-na-pages.xml")
# Where the product differs from the index on purpose: file and column, and the product's value.
OUR_CHOICE = {
    # "n/a" says that there is no page: the article has a number instead.
    **{(f"wiley/{file}", page): "" for file in NO_PAGE for page in ("first_page", "last_page")},
    # The component's xml:lang.
    **{(row["file"], "lang"): "en" for row in ROWS},
    # The licence's address alone, as for JATS: it is what opens the article and what is linked.
    ("wiley/wiley-swe21103-ccby.xml", "license"): "http://creativecommons.org/licenses/by/4.0/",
    ("wiley/wiley-jgra57392-ccby.xml", "license"): "http://creativecommons.org/licenses/by/4.0/",
}
PACKAGE = SAMPLES / "packages/wiley/S/SWE19.3.zip"


def article(unit: str = "", content: str = "", part: str = "", kind: str = "article", access: str = "") -> bytes:
    """A component with these parts."""
    return (
        '<component xmlns="http://www.wiley.com/namespaces/wiley" type="serialArticle" xml:lang="en"><header>'
        '<publicationMeta level="product"><issn type="electronic">99990024</issn><titleGroup>'
        '<title type="main">Bir Dergi</title></titleGroup></publicationMeta>'
        f'<publicationMeta level="part">{part}</publicationMeta>'
        f'<publicationMeta level="unit" type="{kind}" {access}><doi>10.5555/w.1</doi>{unit}</publicationMeta>'
        f"<contentMeta>{content}</contentMeta></header></component>"
    ).encode()


def read(data: bytes) -> Described:
    return the_one_article(data, "w1.wml.xml")


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_a_real_file_gives_the_values_of_the_index(row: dict[str, str]) -> None:
    one = read((SAMPLES / row["file"]).read_bytes())
    assert_as_indexed(row, one.record, OUR_CHOICE)
    assert one.findings == ()


@pytest.mark.skipif(not ROWS, reason="the collection of samples is not beside this checkout")
def test_every_difference_is_of_a_file_in_the_collection() -> None:
    assert len(ROWS) == 4
    assert {file for file, _ in OUR_CHOICE} <= {row["file"] for row in ROWS}


def test_the_title_keeps_what_is_set_high_or_low_and_drops_the_marks_of_notes() -> None:
    one = read(
        article(
            content='<titleGroup><title type="main">CO<sub>2</sub> at 10<sup>3</sup> Pa<link href="#w1-note">*</link>'
            '</title><title type="subtitle">a study</title><title type="short">CO2</title>'
            '<title type="main" xml:lang="tr">Bir başlık</title></titleGroup>'
        )
    )
    assert one.record.title == "CO2 at 103 Pa: a study"
    assert one.record.translated_titles == {"tr": "Bir başlık"}


def test_creators_without_a_role_groups_prefixes_and_editors() -> None:
    creators = (
        "<creators><creator><personName><givenNames>Anna M.</givenNames><familyNamePrefix>van der</familyNamePrefix>"
        "<familyName>Berg</familyName><nameSuffix>Jr.</nameSuffix></personName></creator>"
        '<creator creatorRole="author"><groupName>Ortak Kurul</groupName></creator>'
        '<creator creatorRole="editor"><personName><familyName>Başka</familyName></personName></creator></creators>'
    )
    assert read(article(content=creators)).record.authors == (
        Author("van der Berg", "Anna M.", "Jr."),
        Author(collab="Ortak Kurul"),
    )


def test_numbers_of_a_double_issue_an_article_number_and_a_cover_in_words() -> None:
    part = (
        '<numberingGroup><numbering type="journalVolume" number="12"/><numbering type="journalIssue">3-4</numbering>'
        "</numberingGroup><coverDate>Autumn 2024</coverDate>"
    )
    unit = (
        '<idGroup><id type="eLocator" value="e7"/><id type="unit" value="W1"/></idGroup><numberingGroup>'
        '<numbering type="pageFirst">n/a</numbering><numbering type="pageLast">N/A</numbering></numberingGroup>'
    )
    record = read(article(unit, part=part)).record
    assert (record.volume, record.issue, record.elocation) == ("12", "3-4", "e7")
    assert (record.first_page, record.last_page) == (None, None)
    assert record.published == {"cover": "2024"}
    assert record.issn_electronic == "9999-0024"
    assert record.other_ids == {"unit": "W1"}


def test_a_date_that_is_none_is_told_and_left_out() -> None:
    one = read(article('<eventGroup><event type="firstOnline" date="0000-00-00"/></eventGroup>'))
    assert one.record.published == {}
    assert [found.code for found in one.findings] == ["DATE_UNREADABLE"]


def test_nothing_is_invented_for_what_is_not_there() -> None:
    record = read(article()).record
    assert (record.title, record.authors, record.published, record.licence) == (None, (), {}, None)
    assert describe(b"<component><header/></component>", "w.xml").articles[0].record.doi is None


def test_an_erratum_without_a_title_is_called_as_its_heading_and_leads_to_what_it_corrects() -> None:
    unit = (
        '<titleGroup><title type="articleCategory">Erratum</title></titleGroup><linkGroup>'
        '<link type="toTypesetVersion" href="file:w1.pdf"/>'
        '<link type="linksTo" href="info:doi/10.5555/w.0"/></linkGroup>'
    )
    one = read(article(unit, kind="erratum"))
    assert one.record.title == "Erratum"
    assert one.record.related == (Related("corrected-article", "10.5555/w.0", "doi"),)
    retracted = read(article('<linkGroup><link type="retraction" href="10.5555/w.9"/></linkGroup>')).record
    assert retracted.related == (Related("retraction-forward", "10.5555/w.9", "doi"),)
    corrects = read(article('<relatedItem type="correctionTo"><doi>10.5555/w.8</doi></relatedItem>')).record
    assert corrects.related == (Related("corrected-article", "10.5555/w.8", "doi"),)


@pytest.mark.parametrize("href", ["file:w1.pdf", "file://w1.pdf", "w1.pdf"])
def test_the_typeset_version_is_the_pdf(href: str) -> None:
    unit = f'<linkGroup><link type="toTypesetVersion" href="{href}"/></linkGroup>'
    assert read(article(unit)).pdf_names == ("w1.pdf",)


def test_a_licence_is_its_address_its_words_or_the_access_that_is_named() -> None:
    words = '<legalStatement type="x"><p>Free for <b>study</b></p></legalStatement>'
    assert read(article(words, access='accessType="open"')).record.licence == "Free for study"
    assert read(article(access='accessType="open"')).record.licence == "accessType=open"


def test_the_pdf_is_the_one_that_the_xml_names(tmp_path: Path) -> None:
    sent = tmp_path / "BIR12.3.zip"
    with zipfile.ZipFile(sent, "w") as archive:
        link = '<linkGroup><link type="toTypesetVersion" href="file://typeset-1.pdf"/></linkGroup>'
        archive.writestr("w1.wml2.xml", article(link))
        archive.writestr("typeset-1.pdf", b"%PDF-1.4")
        archive.writestr("typeset-2.pdf", b"%PDF-1.4 2")
    (sip,) = group(unpack([sent], tmp_path), describe).sips
    assert [pdf.name for pdf in sip.pdfs] == ["typeset-1.pdf"]


@pytest.mark.skipif(not PACKAGE.exists(), reason="the collection of samples is not beside this checkout")
def test_a_delivery_is_kept_from_end_to_end(tmp_path: Path) -> None:
    home = tmp_path / "home"
    archive = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    archive.run("titles", "agree", str(SAMPLES / "packages/titles.tsv"), "--publisher", "Wiley")
    (receipt,) = archive.run("ingest", str(PACKAGE), "--publisher", "Wiley")["deliveries"]
    expected = next(
        each
        for each in json.loads((SAMPLES / "packages/expected.json").read_text(encoding="utf-8"))
        if each["package"] == "wiley/S/SWE19.3.zip"
    )
    assert (expected["outcome"], receipt["state"]) == ("accept", "accepted")
    assert [line["doi"] for line in receipt["articles"]] == [item["doi"] for item in expected["items"]]
    assert [line["outcome"] for line in receipt["articles"]] == ["accepted"]
    assert archive.objects("ankara") == archive.objects("izmir")
