"""Copernicus's own format: the collection's values, HTML written as text, and what its files may lack."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from collection import SAMPLES, assert_as_indexed, index_rows, the_one_article

from ingest.dialects import Described, describe
from ingest.sips import group
from ingest.unpack import unpack
from repository.vocabulary import Author

ROWS = index_rows("other/copernicus")
# Where the product differs from the index on purpose: the language is an attribute of the article.
OUR_CHOICE = {(row["file"], "lang"): "en" for row in ROWS}


def article(text: str = "", journal: str = "") -> bytes:
    """An article with these parts."""
    address = "https://dergi.example/articles/1/7/2024/dergi-1-7-2024.pdf"
    return (
        f'<article language="en"><journal><issn>9999-0016</issn>{journal}</journal><doi>10.5555/c.7</doi>'
        f"<article_url>https://dergi.example/articles/1/7/2024/</article_url><fulltext_pdf>{address}</fulltext_pdf>"
        f"{text}</article>"
    ).encode()


def read(data: bytes) -> Described:
    return the_one_article(data, "x.xml")


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_a_real_file_gives_the_values_of_the_index(row: dict[str, str]) -> None:
    one = read((SAMPLES / row["file"]).read_bytes())
    assert_as_indexed(row, one.record, OUR_CHOICE)
    assert one.findings == ()


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("CO&lt;sub&gt;2&lt;/sub&gt; in &lt;i&gt;situ&lt;/i&gt;", "CO2 in situ"),
        ("CO&amp;lt;sub&amp;gt;2&amp;lt;/sub&amp;gt;", "CO2"),
        ("CO<sub>2</sub>", "CO2"),
        ("&amp;alpha;-pinene &amp;ndash; p &amp;lt; 0.05", "α-pinene – p < 0.05"),
        ("if a &lt; b and c &gt; d", "if a < b and c > d"),
        ("One&lt;br/&gt;two", "One two"),
        ('A title&lt;sup class="footnote"&gt;*&lt;/sup&gt;', "A title"),
        (" ", None),
    ],
)
def test_html_written_as_text_becomes_text(written: str, title: str | None) -> None:
    assert read(article(f"<article_title>{written}</article_title>")).record.title == title


def test_titles_in_several_languages_and_the_older_name_of_the_element() -> None:
    titles = '<title language="de">Wasser</title><title>Water</title>'
    record = read(article(titles)).record
    assert (record.title, record.translated_titles) == ("Water", {"de": "Wasser"})


def test_a_name_stays_as_it_is_written_and_a_group_is_a_group() -> None:
    authors = (
        "<authors><author><name>Ç. Işık</name><orcid>0000-0002-1825-0097</orcid></author>"
        '<author type="group"><name>Ortak Kurul</name></author><author><email>x@example.org</email></author></authors>'
    )
    assert read(article(authors)).record.authors == (
        Author("Ç. Işık", orcid="https://orcid.org/0000-0002-1825-0097"),
        Author(collab="Ortak Kurul"),
    )


def test_the_year_of_the_volume_stands_where_no_day_is_given() -> None:
    year = "<publication_year>2023</publication_year>"
    assert read(article(journal=year)).record.published == {"publication_year": "2023"}
    both = article("<publication_date>2023-06-23</publication_date>", year)
    assert read(both).record.published == {"publication_date": "2023-06-23"}


def test_nothing_is_invented_for_what_is_not_there() -> None:
    record = read(article()).record
    assert (record.title, record.authors, record.published, record.volume, record.licence) == (None, (), {}, None, None)


@pytest.mark.parametrize("name", ["dergi-1-7-2024.pdf", "metadata.pdf"])
def test_the_pdf_is_known_by_its_address_or_by_the_name_of_the_xml(tmp_path: Path, name: str) -> None:
    sent = tmp_path / "c.zip"
    with zipfile.ZipFile(sent, "w") as archive:
        archive.writestr("metadata.xml", article())
        archive.writestr(name, b"%PDF-1.4")
    (sip,) = group(unpack([sent], tmp_path), describe).sips
    assert [pdf.name for pdf in sip.pdfs] == [name]
    assert sip.findings == ()
