"""No committed change is missed by a harvester that asks again from where it was, whoever commits when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from repository.catalogue import changes
from repository.models import Announcement, Article
from repository.vocabulary import as_utc_text

PREFIX = "oai:arsiv.example.org:"


def wait_until(moment: datetime) -> None:
    """Return in the second after ``moment``, by this machine's clock (the database servers of tests share it)."""
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds() + 0.01))


def test_a_change_committed_after_an_answer_is_found_from_its_response_date(
    archive: Any, harvester: Any, article: Callable[[int], Any]
) -> None:
    with archive.catalogue.writing() as session:
        name = archive.enter(session, article(1), "Örnek Yayınevi", None)
        before = harvester.ask("ListIdentifiers", metadataPrefix="oai_dc")
        assert before.errors == ["noRecordsMatch"], "the change is not committed yet"
    at_once = harvester.ask("ListIdentifiers", metadataPrefix="oai_dc", since=before.moment)
    single = harvester.ask("GetRecord", metadataPrefix="oai_dc", identifier=PREFIX + name)
    stamp = datetime.fromisoformat(single.texts("datestamp")[0])
    assert at_once.errors == ["noRecordsMatch"] or as_utc_text(stamp) <= at_once.moment
    assert as_utc_text(stamp) > before.moment
    wait_until(stamp)
    assert harvester.headers(since=before.moment) == [(PREFIX + name, as_utc_text(stamp), False)]


def test_nothing_is_shown_before_its_second_has_come(
    archive: Any, window: Any, harvester_of: Any, article: Callable[[int], Any]
) -> None:
    name = archive.add(article(1))
    with archive.catalogue.reading() as session:
        stamp = session.get_one(Article, name).datestamp
    for seconds, shown in ((-1, False), (0, True), (1, True)):
        reader = harvester_of(replace(window, clock=lambda _, after=seconds: stamp + timedelta(seconds=after)))
        answer = reader.ask("ListRecords", metadataPrefix="oai_dc")
        assert (answer.errors == []) is shown
        assert all(text <= answer.moment for text in answer.texts("datestamp"))


def test_a_commit_that_the_clock_overtook_is_found_once_it_is_stamped_again(
    archive: Any, harvester: Any, article: Callable[[int], Any]
) -> None:
    with archive.catalogue.writing() as session:
        name = archive.enter(session, article(1), "Örnek Yayınevi", None)
        stamp = session.get_one(Article, name).datestamp
        wait_until(stamp)
        before = harvester.ask("ListIdentifiers", metadataPrefix="oai_dc")
        assert before.errors == ["noRecordsMatch"]
        assert before.moment >= as_utc_text(stamp), "the clock has overtaken the stamp"
    again = changes.in_time(archive.catalogue, stamp)
    assert again > stamp
    wait_until(again)
    assert [found for found, _, _ in harvester.headers(since=before.moment)] == [PREFIX + name]
    with archive.catalogue.reading() as session:
        assert session.execute(select(Announcement)).first() is None, "it is settled"


def test_a_writer_that_is_killed_before_it_could_look_leaves_nothing_behind_that_harvesters_miss(
    archive: Any, harvester: Any, article: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [archive.add(article(1)), archive.add(article(2))]
    with archive.catalogue.reading() as session:
        stamp = max(session.get_one(Article, name).datestamp for name in names)
    wait_until(stamp)
    before = harvester.ask("ListIdentifiers", metadataPrefix="oai_dc")
    assert changes.take_up(archive.catalogue) is None, "whoever announced it may still come back"
    monkeypatch.setattr(changes, "_LEFT", timedelta(0))
    again = changes.take_up(archive.catalogue)
    assert again is not None
    wait_until(again)
    assert sorted(one for one, _, _ in harvester.headers(since=before.moment)) == sorted(PREFIX + one for one in names)
    assert changes.take_up(archive.catalogue) is None


def test_what_was_announced_in_time_is_not_announced_again(archive: Any, article: Callable[[int], Any]) -> None:
    name = archive.add(article(1))
    with archive.catalogue.reading() as session:
        stood = session.get_one(Article, name)
    assert changes.in_time(archive.catalogue, stood.datestamp) == stood.datestamp
    with archive.catalogue.reading() as session:
        assert session.get_one(Article, name).change_number == stood.change_number
        assert session.execute(select(Announcement)).first() is None


@dataclass
class Follower:
    """A harvester that asks again and again from one moment on, and how it chooses the next."""

    choose: Callable[[Any, list[str]], str | None]
    since: str
    seen: set[str] = field(default_factory=set)
    growth: list[int] = field(default_factory=list)

    def poll(self, harvester: Any) -> None:
        pages = list(harvester.pages("ListIdentifiers", metadataPrefix="oai_dc", since=self.since))
        names = [name for page in pages for name in page.texts("identifier")]
        if set(names) - self.seen:
            self.growth.append(len(set(names) - self.seen))
        self.seen |= set(names)
        self.since = self.choose(pages[0], [text for page in pages for text in page.texts("datestamp")]) or self.since


def test_harvesters_that_follow_concurrent_writers_miss_nothing(
    archive: Any, window: Any, harvester_of: Any, article: Callable[[int], Any]
) -> None:
    """Four writers of slow transactions; one follower by responseDate, one by the newest datestamp that it saw."""
    harvester = harvester_of(window)
    begin = harvester.ask("Identify").moment
    by_answer = Follower(lambda first, _: first.moment, begin)
    by_newest = Follower(lambda _, stamps: max(stamps, default=None), begin)
    archive.fill(0)
    with archive.catalogue.writing() as session:  # the shelves, so that writers do not race to put them up
        for number in range(6):
            archive.enter(session, article(number), "Örnek Yayınevi", datetime(2024, 1, 1, tzinfo=UTC))
    committed: list[tuple[str, float]] = []
    late: list[str] = []
    stop = threading.Event()

    def write(writer: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with archive.catalogue.writing() as session:
                name = archive.enter(session, article(writer * 6000 + number * 6 + writer), "Örnek Yayınevi", None)
                stamp = session.get_one(Article, name).datestamp
                stop.wait(0.02 * ((number + writer) % 4))  # between the stamp and the commit
            committed.append((name, time.monotonic()))
            if changes.in_time(archive.catalogue, stamp) != stamp:
                late.append(name)

    polls: list[float] = []
    with ThreadPoolExecutor(4) as writers:
        running = [writers.submit(write, writer) for writer in range(1, 5)]
        until = time.monotonic() + 6
        while time.monotonic() < until:
            by_answer.poll(harvester)
            by_newest.poll(harvester)
            polls.append(time.monotonic())
        stop.set()
        for writer in running:
            writer.result()
    wait_until(datetime.now(UTC) + timedelta(seconds=3))
    by_answer.poll(harvester)
    by_newest.poll(harvester)

    written = {PREFIX + name for name, _ in committed}
    assert len(written) >= 20
    assert sum(polls[0] < moment < polls[-1] for _, moment in committed) >= 15, "no writer committed between polls"
    assert len(by_answer.growth) >= 3, "the changes did not become visible one after another"
    assert written <= by_answer.seen, f"missed {len(written - by_answer.seen)} of {len(written)}"
    assert written <= by_newest.seen, f"missed {len(written - by_newest.seen)} of {len(written)}"


def test_a_reader_that_looked_past_its_clock_would_miss_changes(
    archive: Any, window: Any, harvester_of: Any, article: Callable[[int], Any]
) -> None:
    """The proof that the horizon is what protects: without it the same story loses a record."""
    careless = harvester_of(replace(window, clock=lambda _: datetime.now(UTC) + timedelta(seconds=10)))
    with archive.catalogue.writing() as session:
        archive.enter(session, article(1), "Örnek Yayınevi", None)
        before = careless.ask("ListIdentifiers", metadataPrefix="oai_dc")
        assert before.errors == ["noRecordsMatch"]
    assert careless.ask("ListIdentifiers", metadataPrefix="oai_dc", since=before.moment).errors == ["noRecordsMatch"]
    later = harvester_of(replace(window, clock=lambda _: datetime.now(UTC) + timedelta(seconds=60)))
    assert later.ask("ListIdentifiers", metadataPrefix="oai_dc", since=before.moment).errors == ["noRecordsMatch"]
