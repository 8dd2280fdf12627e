"""BioMed Central's old format: the collection's values, and what its files may lack."""

from __future__ import annotations

import pytest
from collection import SAMPLES, assert_as_indexed, index_rows, the_one_article

from ingest.dialects import Described
from repository.vocabulary import Author

ROWS = index_rows("other/bmc-art")
# Where the product differs from the index on purpose: the licence's address, which stands in the words that the
# index has (a second one, of the article's data, does not count), is what opens the article.
OUR_CHOICE = {
    ("other/bmc-art-1471-2148-14-70.xml", "license"): "http://creativecommons.org/licenses/by/2.0",
    ("other/bmc-art-trials-16-1-2.xml", "license"): "http://creativecommons.org/licenses/by/4.0",
}


def article(entry: str = "", front: str = "", body: str = "") -> bytes:
    """An ``art`` with these parts."""
    return (
        f"<art><ui>9999-0024-1-2</ui><ji>9999-0024</ji><fm><bibl>{entry}</bibl>{front}</fm><bdy>{body}</bdy></art>"
    ).encode()


def read(data: bytes) -> Described:
    return the_one_article(data, "x.xml")


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_a_real_file_gives_the_values_of_the_index(row: dict[str, str]) -> None:
    one = read((SAMPLES / row["file"]).read_bytes())
    assert_as_indexed(row, one.record, OUR_CHOICE)
    assert one.findings == ()
    assert one.full_text


@pytest.mark.skipif(not ROWS, reason="the collection of samples is not beside this checkout")
def test_every_difference_is_of_a_file_in_the_collection() -> None:
    assert len(ROWS) == 2
    assert {file for file, _ in OUR_CHOICE} <= {row["file"] for row in ROWS}


def test_the_title_keeps_what_is_set_low_and_drops_notes() -> None:
    title = '<title><p>CO<sub>2</sub> in <it>Panthera</it><fnr fnid="n1">1</fnr></p></title>'
    assert read(article(title)).record.title == "CO2 in Panthera"


def test_persons_and_groups_are_authors() -> None:
    entry = "<aug><au><snm>Işık</snm><mi>Z</mi><fnm>Çağrı</fnm></au><au><cnm>Ortak Kurul</cnm></au><au/></aug>"
    assert read(article(entry)).record.authors == (Author("Işık", "Çağrı"), Author(collab="Ortak Kurul"))


def test_supplements_are_files_of_the_article() -> None:
    one = read(article(body='<suppl><file name="x-S1.pdf"><p>Click</p></file></suppl><graphic file="x-1"/>'))
    assert (one.pdf_names, one.file_names) == ((), ("x-S1.pdf", "x-1"))


def test_dates_of_every_precision_and_none() -> None:
    pub = "<history><pub><date><month>Eylül</month><year>2014</year></date></pub></history>"
    assert read(article("<pubdate>2014</pubdate>", pub)).record.published == {"pubdate": "2014", "pub": "2014-09"}
    bad = read(article("<pubdate>in press</pubdate>"))
    assert bad.record.published == {}
    assert [found.code for found in bad.findings] == ["DATE_UNREADABLE"]


def test_nothing_is_invented_for_what_is_not_there() -> None:
    record = read(b"<art><ui>x</ui></art>").record
    assert (record.title, record.doi, record.authors, record.published) == (None, None, (), {})
    assert (record.licence, record.issns, record.article_type) == (None, (), None)
