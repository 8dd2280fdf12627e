"""Tallies counted again: exact while others write, taken up after a kill, and mended only where a person says so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pages
import pytest
from sqlalchemy import func, select, text, update

from repository.catalogue import Catalogue, copies, notices, recount, schema, tallies
from repository.models import Aip, Article, Event, Miscount, Recount, Tally
from repository.vocabulary import AuditOutcome


@pytest.fixture
def archive(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pages.Site]:
    """Twelve articles in 16 ranges, and in ranges of five AIPs; copies of every kind."""
    for room in (tallies, recount):
        monkeypatch.setattr(room, "BAGS_IN_A_PART", 5)
        monkeypatch.setattr(room, "DIGITS_OF_ARTICLES", 1)
    site = pages.site(database_url)
    for number in range(1, 12):
        pages.enter(site, pages.record(number))
    pages.enter(site, pages.record(12), verified={"main": None, "second": None})
    with site.catalogue.writing() as rows:
        outcomes = (AuditOutcome.DAMAGED, AuditOutcome.MISSING, AuditOutcome.UNREADABLE)
        for ref, outcome in zip(copies.walk(rows, limit=3), outcomes, strict=True):
            copies.record(rows, ref, outcome, at=pages.NOW, next_due=pages.NOW)
        (aip,) = rows.execute(select(Aip).order_by(Aip.id).offset(6).limit(1)).scalars()
        copies.give_up(rows, [(aip.id, aip.bytes)], "second", pages.NOW)
        article = rows.execute(select(Article).order_by(Article.id).limit(1)).scalar_one()
        notices._move(rows, article, notices.ArticleState.WITHDRAWN)
        article.state = notices.ArticleState.WITHDRAWN
    yield site
    site.catalogue.close()


def run(catalogue: Catalogue, **how: object) -> recount.Report:
    return recount.run(catalogue, lambda: pages.NOW, **how)  # type: ignore[arg-type]


def falsify(catalogue: Catalogue, number: int = 3) -> None:
    """One tally says more than the rows do."""
    with catalogue.writing() as rows:
        part = rows.execute(select(func.max(Tally.part)).where(Tally.what == "copies")).scalar_one()
        where = (Tally.what == "copies", Tally.part == part, Tally.place == "main", Tally.state == "intact")
        rows.execute(update(Tally).where(*where).values(number=Tally.number + number, bytes=Tally.bytes + 70))


def test_what_the_program_writes_is_what_it_tallies(archive: pages.Site) -> None:
    report = run(archive.catalogue)
    assert report.complete
    assert report.differences == ()
    assert report.rows == 12 + 24 + 12
    assert report.ranges == 1 + 16 + 3
    with archive.catalogue.reading() as rows:
        assert tallies.of(rows, "copies")["second", "disposed"].number == 1
        assert tallies.of(rows, "never verified")["main", ""].number == 1
        assert sum(count.number for count in tallies.of(rows, copies.ADDED).values()) == 24
        assert not recount.is_due(rows, pages.NOW + timedelta(hours=23))
        assert recount.is_due(rows, pages.NOW + timedelta(days=1))


def test_a_wrong_tally_is_told_and_stays_wrong_until_a_person_decides(archive: pages.Site) -> None:
    falsify(archive.catalogue)
    (wrong,) = run(archive.catalogue).differences
    assert (wrong.what, wrong.place, wrong.state) == ("copies", "main", "intact")
    assert (wrong.tallied - wrong.counted, wrong.tallied_bytes - wrong.counted_bytes) == (3, 70)
    assert len(run(archive.catalogue, anew=True).differences) == 1
    put_right = recount.correct(archive.catalogue, lambda: pages.NOW, by="ayse", reason="a restored row", agent="t")
    assert len(put_right) == 1
    assert run(archive.catalogue, anew=True).differences == ()
    with archive.catalogue.reading() as rows:
        assert rows.execute(select(func.count()).select_from(Miscount)).scalar_one() == 0
        event = rows.execute(select(Event).order_by(Event.id.desc()).limit(1)).scalar_one()
        assert event.type == "policy assignment"
        assert (event.detail["by"], event.detail["reason"]) == ("ayse", "a restored row")
        assert event.detail["tallies corrected"][0]["counted"]["number"] == wrong.counted
    assert recount.correct(archive.catalogue, lambda: pages.NOW, by="a", reason="b", agent="t") == ()


def test_a_tally_without_rows_and_rows_without_a_tally_are_found(archive: pages.Site) -> None:
    with archive.catalogue.writing() as rows:
        tallies.add(rows, "copies", "intact", 2, 9, place="elsewhere")
        rows.execute(text("DELETE FROM tally WHERE what = 'articles' AND state = 'withdrawn'"))
        rows.execute(text("UPDATE tally SET number = number - 1 WHERE what = 'aips' AND part = 1 AND state = 'kept'"))
    found = run(archive.catalogue).differences
    assert {(one.what, one.place, one.tallied, one.counted) for one in found} >= {
        ("copies", "elsewhere", 2, 0),
        ("articles", "", 0, 1),
        ("aips", "", 4, 5),
    }


def test_one_that_was_killed_goes_on_where_it_was(archive: pages.Site) -> None:
    falsify(archive.catalogue)
    steps = iter(range(1000))
    report = run(archive.catalogue, stopping=lambda: next(steps) >= 10)
    assert (report.complete, report.ranges) == (False, 10)
    with archive.catalogue.reading() as rows:
        assert recount.is_due(rows, pages.NOW)
    done: list[int] = []
    report = run(archive.catalogue, progress=lambda at, _of: done.append(at))
    assert report.complete
    assert done[0] == 10
    assert len(report.differences) == 1
    with archive.catalogue.reading() as rows:
        assert rows.execute(select(func.count()).select_from(Recount)).scalar_one() == 1
        assert rows.execute(select(Recount.rows)).scalar_one() == 48


def test_it_is_exact_while_others_write(archive: pages.Site) -> None:
    stop = threading.Event()
    wrote = 0

    def write() -> None:
        nonlocal wrote
        number = 100
        while not stop.is_set():
            number += 1
            pages.enter(archive, pages.record(number))
            with archive.catalogue.writing() as rows:
                for ref in copies.walk(rows, after=(number % 11, ""), limit=3):
                    outcome = (AuditOutcome.INTACT, AuditOutcome.DAMAGED, AuditOutcome.UNREADABLE)[number % 3]
                    copies.record(rows, ref, outcome, at=pages.NOW, next_due=pages.NOW)
            wrote += 1

    falsify(archive.catalogue)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for round_number in count(1):
            assert [(one.what, one.tallied - one.counted) for one in run(archive.catalogue, anew=True).differences] == [
                ("copies", 3)
            ]
            if round_number > 1 and wrote > 12:
                break
        recount.correct(archive.catalogue, lambda: pages.NOW, by="ayse", reason="tried", agent="t")
        assert run(archive.catalogue, anew=True).differences == ()
    finally:
        stop.set()
        writer.join()
    assert wrote > 1


def test_a_catalogue_of_before_is_tallied_in_parts(empty_database_url: str) -> None:
    site = pages.site(empty_database_url)
    for number in range(1, 6):
        pages.enter(site, pages.record(number), verified={"main": None, "second": pages.NOW})
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(schema._SCRIPTS))
    with site.catalogue.reading() as rows:
        before = {what: tallies.of(rows, what) for what in ("copies", "never verified", "aips", "articles", "added")}
    with site.catalogue.writing() as rows:
        config.attributes["connection"] = rows.connection()
        command.downgrade(config, "0012")
        rows.execute(text("UPDATE tally SET number = number + 1 WHERE what = 'copies'"))
    schema.migrate(site.catalogue)
    with site.catalogue.reading() as rows:
        assert {what: tallies.of(rows, what) for what in before} == before
    assert run(site.catalogue).differences == ()
    site.catalogue.close()
