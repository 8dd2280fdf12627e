"""A feed that changes while it is read: nothing is lost, nothing comes twice, and what is not yet due is not shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from oai_pmh.verbs import Window
from repository.vocabulary import ArticleRecord, as_utc_text

LONG_AGO = datetime(2024, 3, 1, 9, 0, 0, tzinfo=UTC)
PREFIX = "oai:arsiv.example.org:"


def test_an_empty_archive_answers_every_verb(harvester: Any) -> None:
    assert harvester.ask("Identify").texts("earliestDatestamp")[0] <= as_utc_text(datetime.now(UTC))
    assert harvester.ask("ListSets").texts("setSpec") == ["publisher", "journal", "openaire"]
    assert harvester.ask("ListRecords", metadataPrefix="oai_dc").errors == ["noRecordsMatch"]
    assert harvester.ask("ListIdentifiers", metadataPrefix="oai_dc", set="journal").errors == ["noRecordsMatch"]
    assert harvester.ask("GetRecord", metadataPrefix="oai_dc", identifier=PREFIX + "0" * 32).errors == [
        "idDoesNotExist"
    ]


def test_until_as_a_day_reaches_its_last_second(archive: Any, harvester: Any, article: Any) -> None:
    last = archive.add(article(0), datestamp=datetime(2024, 3, 1, 23, 59, 59, tzinfo=UTC))
    archive.add(article(1), datestamp=datetime(2024, 3, 2, tzinfo=UTC))
    assert harvester.headers(until="2024-03-01") == [(PREFIX + last, "2024-03-01T23:59:59Z", False)]


def test_more_records_than_a_page_under_one_datestamp(archive: Any, harvester: Any) -> None:
    archive.fill(25, per_second=25)
    headers = harvester.headers("ListRecords")
    assert len(set(headers)) == len(headers) == 25
    assert len({stamp for _, stamp, _ in headers}) == 1


def test_a_set_without_anything_to_harvest_is_not_listed(archive: Any, harvester: Any, article: Any) -> None:
    archive.fill(2)
    before = len([spec for page in harvester.pages("ListSets") for spec in page.texts("setSpec")])
    new = replace(article(900), issn_electronic="2999-0001", issn_print=None)
    archive.add(new, publisher="Üçüncü Yayınevi", datestamp=datetime(2999, 1, 1, tzinfo=UTC))
    after = [spec for page in harvester.pages("ListSets") for spec in page.texts("setSpec")]
    assert len(after) == before
    assert harvester.ask("ListRecords", metadataPrefix="oai_dc", set="journal:2999-0001").errors == ["noRecordsMatch"]


def test_a_change_during_a_harvest_neither_drops_nor_repeats_the_others(
    archive: Any, window: Window, harvester_of: Callable[[Window], Any]
) -> None:
    archive.fill(32)
    harvester = harvester_of(window)
    changed = [archive.ids[number] for number in (1, 15, 31)]
    seen: list[str] = []
    pages = harvester.pages("ListRecords", metadataPrefix="oai_dc")
    for number, page in enumerate(pages):
        seen += page.texts("identifier")
        if number == 0:
            begun = page.moment
            for name in changed:
                archive.withdraw(name)
    others = [PREFIX + name for name in archive.ids if name not in changed]
    assert [count for name, count in Counter(seen).items() if count > 1] == []
    assert set(others) <= set(seen)
    later = harvester_of(replace(window, clock=lambda _: datetime.now(UTC) + timedelta(seconds=5)))
    again = later.headers(since=begun)
    assert {name for name, _, deleted in again if deleted} == {PREFIX + name for name in changed}


def test_a_list_whose_rest_was_changed_ends_with_no_records_match(archive: Any, harvester: Any) -> None:
    archive.fill(12)
    first = harvester.ask("ListIdentifiers", metadataPrefix="oai_dc")
    given = {name.removeprefix(PREFIX) for name in first.texts("identifier")}
    for name in set(archive.ids) - given:
        archive.withdraw(name)
    assert harvester.ask("ListIdentifiers", resumptionToken=first.token.text).errors == ["noRecordsMatch"]


def test_a_journal_without_issn_stands_in_the_parent(archive: Any, harvester: Any) -> None:
    name = archive.add(
        ArticleRecord(title="Adsız", journal_title="Numarasız Dergi", doi="10.5555/x"), datestamp=LONG_AGO
    )
    answer = harvester.ask("GetRecord", identifier=PREFIX + name, metadataPrefix="oai_dc")
    assert answer.texts("setSpec") == ["publisher:ornek-yayinevi", "journal", "openaire"]
    assert len(harvester.headers(set="journal")) == 1
