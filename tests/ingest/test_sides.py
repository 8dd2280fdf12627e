"""What a file beside the articles says completes exactly the article that it means, and never overrules it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.dialects import Described, Side, describe
from ingest.findings import delivery_verdict
from ingest.sides import Said, Sides
from ingest.sips import group
from ingest.unpack import Member, Unpacked
from repository.vocabulary import ArticleRecord, DeliveryState, Level

ELSEVIER = "an Elsevier article (journal article DTD 4 or 5)"


def member(name: str, source: Path = Path("/nowhere")) -> Member:
    return Member(name, None, "a.tar", source, 1, "0")


def sides(*given: Side, source: str = "ds/dataset.xml") -> Sides:
    return Sides([Said(member(source), side) for side in given])


def completed(
    said: Sides, record: ArticleRecord, name: str = "ds/1/main.xml", family: str = "", *, only: bool = True
) -> Described:
    return said.complete(Described(record), name, family, only=only).described


def test_only_empty_fields_are_filled() -> None:
    said = sides(Side("1/main.xml", ArticleRecord(title="Other", journal_title="J", issn_unspecified="9999-0016")))
    record = completed(said, ArticleRecord(title="Own", issn_print="9999-0016")).record
    assert (record.title, record.journal_title) == ("Own", "J")
    assert record.issns == ("9999-0016",)
    assert record.issn_unspecified is None


@pytest.mark.parametrize(
    ("path", "name", "meets"),
    [
        ("1/main.xml", "ds/1/main.xml", True),
        ("ds/1/main.xml", "ds/1/main.xml", True),
        ("1/main.xml", "ds/11/main.xml", False),
        ("main.xml", "other/main.xml", True),
        ("x/ds/1/main.xml", "ds/1/main.xml", False),
        ("../1/main.xml", "ds/1/main.xml", False),
        (unicodedata.normalize("NFD", "ş/main.xml"), unicodedata.normalize("NFC", "ds/ş/main.xml"), True),
    ],
)
def test_a_path_is_compared_from_its_end_in_whole_parts(path: str, name: str, meets: bool) -> None:
    record = completed(sides(Side(path, ArticleRecord(volume="12"))), ArticleRecord(), name).record
    assert record.volume == ("12" if meets else None)


def test_of_two_lists_the_one_in_the_same_folder_is_meant() -> None:
    said = Sides(
        [
            Said(member(f"{folder}/dataset.xml"), Side("1/main.xml", ArticleRecord(volume=folder)))
            for folder in ("ds1", "ds2")
        ]
    )
    assert completed(said, ArticleRecord(), "ds2/1/main.xml").record.volume == "ds2"


def test_another_doi_refuses_the_article_and_another_issn_is_told() -> None:
    other = ArticleRecord(doi="10.5555/B", issn_unspecified="9999-0024")
    found = completed(sides(Side("1/main.xml", other)), ArticleRecord(doi="10.5555/a", issn_print="9999-0016")).findings
    assert [(each.code, each.level, each.params["field"]) for each in found] == [
        ("METADATA_CONFLICT", Level.ERROR, "DOI"),
        ("METADATA_CONFLICT", Level.WARNING, "ISSN"),
    ]
    same = sides(Side("1/main.xml", ArticleRecord(doi="10.5555/A")))
    assert completed(same, ArticleRecord(doi="10.5555/a")).findings == ()


def test_what_speaks_of_every_article_gives_a_doi_only_to_the_only_one() -> None:
    said = sides(Side(None, ArticleRecord(doi="10.5555/a", title="T", issn_unspecified="9999-0016", volume="1")))
    one = completed(said, ArticleRecord()).record
    of_many = completed(said, ArticleRecord(), only=False).record
    assert (one.doi, one.title, one.volume) == ("10.5555/a", "T", "1")
    assert (of_many.doi, of_many.title) == (None, None)
    assert (of_many.issn_unspecified, of_many.volume) == ("9999-0016", "1")


def test_the_place_of_a_main_xml_speaks_last() -> None:
    name = "ds/99990016/v12i3sS1/S1/main.xml"
    record = completed(sides(), ArticleRecord(), name, ELSEVIER).record
    assert (record.issn_unspecified, record.volume, record.issue) == ("9999-0016", "12", "3")
    assert record.other_ids == {"supplement": "S1"}
    said = sides(Side("99990016/v12i3sS1/S1/main.xml", ArticleRecord(issn_unspecified="9999-0024", volume="13")))
    record = completed(said, ArticleRecord(), name, ELSEVIER).record
    assert (record.issn_unspecified, record.volume, record.issue) == ("9999-0024", "13", "3")
    assert completed(sides(), ArticleRecord(), name, "JATS/NLM").record == ArticleRecord()


def test_the_issn_in_a_publisher_item_identifier_speaks_where_nothing_else_does() -> None:
    def issns(pii: str, name: str = "20070004/1/main.xml") -> tuple[str, ...]:
        return completed(sides(), ArticleRecord(other_ids={"pii": pii}), name, ELSEVIER).record.issns

    assert issns("S9999-0016(07)70060-6") == issns("S9999001607700606") == ("9999-0016",)
    assert issns("S9999-0016(07)70060-6", "ds/99990024/v12i3/S1/main.xml") == ("9999-0024",)
    assert issns("S9999-0017(07)70060-6") == issns("B978-0-12-037311-6.50008-9") == issns("9999-0016(99)1") == ()


# Whole deliveries.

LIST = """<dataset><dataset-unique-ids/><dataset-content>{}</dataset-content></dataset>"""
LISTED = """<journal-item><journal-item-unique-ids><doi>10.5555/{0}</doi></journal-item-unique-ids><files-info>
<ml><pathname>{0}/main.xml</pathname></ml><web-pdf><pathname>{0}/main.pdf</pathname></web-pdf></files-info></journal-item>"""
MAIN = b"<article><item-info><jid>A</jid></item-info><head><ce:title>Bir</ce:title></head></article>"


def delivered(folder: Path, listed: Sequence[str], files: dict[str, bytes]) -> Unpacked:
    every = {"ds/dataset.xml": LIST.format("".join(map(LISTED.format, listed))).encode(), **files}
    members = []
    for number, (name, data) in enumerate(every.items()):
        (folder / str(number)).write_bytes(data)
        members.append(member(name, folder / str(number)))
    return Unpacked(tuple(members), ())


def test_an_article_whose_own_pdf_did_not_come_gets_no_other_ones(tmp_path: Path) -> None:
    files = {"ds/a/main.xml": MAIN, "ds/b/main.pdf": b"%PDF-"}
    grouping = group(delivered(tmp_path, ["a"], files), describe)
    (sip,) = grouping.sips
    assert sip.pdfs == ()
    assert sip.described is not None
    assert sip.described.pdf_names == ("main.pdf",)
    assert sip.record is not None
    assert sip.record.doi == "10.5555/a"


def test_a_listed_article_that_did_not_come_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    files = {"ds/a/main.xml": MAIN, "ds/a/main.pdf": b"%PDF-", "ds/c/main.xml": b"<broken"}
    grouping = group(delivered(tmp_path, ["a", "b", "c"], files), describe)
    assert len(grouping.sips) == 2
    assert [(found.code, found.level, found.path) for found in grouping.findings] == [
        ("MANIFEST_FILE_MISSING", Level.WARNING, "b/main.xml")
    ]


def test_a_list_without_any_of_its_articles_waits_for_the_rest_of_its_set(tmp_path: Path) -> None:
    grouping = group(delivered(tmp_path, ["a"], {}), describe)
    assert [found.code for found in grouping.findings] == ["SET_INCOMPLETE"]
    assert delivery_verdict(grouping.findings) is DeliveryState.QUARANTINED
