"""Whether a promise can be kept follows from what was measured, and is said before the promise is made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from gettext import NullTranslations
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from watched import START, Miniature, miniature

from fixity import causes
from fixity.forecast import Forecast, Policy, forecasts
from repository.catalogue import days, tallies
from repository.cause_words import Words

MILLION = 10**6
TB = 10**12


@pytest.fixture
def small(tmp_path: Path, database_url: str) -> Iterator[Miniature]:
    made = miniature(tmp_path, database_url, bags=0)
    yield made
    made.catalogue.close()


def hold(small: Miniature, store: str, copies: int, octets: int, *, read: int, seconds: float) -> None:
    """``copies`` are held there; ``read`` of them were read yesterday in so many seconds of one reader."""
    with small.catalogue.writing() as session:
        tallies.add(session, "copies", "intact", copies, octets, place=store)
        counts = {"intact": read, "bytes": read * (octets // copies), "milliseconds": int(seconds * 1000)}
        days.add(session, START - timedelta(days=1), {store: counts})


def ask(small: Miniature, **policies: Policy) -> list[Forecast]:
    with small.catalogue.reading() as session:
        return forecasts(session, policies, START, readers=4)


def test_a_pass_ends_when_the_measured_rate_says(small: Miniature) -> None:
    hold(small, "izmir", 50 * MILLION, 70 * TB, read=100_000, seconds=40_000)
    (told,) = ask(small, izmir=Policy(90))
    assert told.pass_days == pytest.approx(50e6 * 0.4 / 4 / 86400)
    assert told.bound_by == "rate"
    assert told.ends_at == START + timedelta(seconds=5e6)
    assert told.kept is True
    assert told.missed_by_days == 0
    assert told.shortest_days == 65


def test_a_promise_that_cannot_be_kept_says_by_how_much_and_what_it_would_take(small: Miniature) -> None:
    hold(small, "izmir", 50 * MILLION, 70 * TB, read=100_000, seconds=40_000)
    (told,) = ask(small, izmir=Policy(30))
    assert told.kept is False
    assert told.missed_by_days == pytest.approx(57.87 / 0.9 - 30, abs=0.01)
    assert told.megabytes_needed == pytest.approx(70e6 / (27 * 86400))
    (bounded,) = ask(small, izmir=Policy(90, megabytes_per_second=5))
    assert (bounded.bound_by, bounded.kept) == ("bytes", False)
    assert bounded.pass_days == pytest.approx(70e6 / 5 / 86400)
    (enough,) = ask(small, izmir=Policy(90, megabytes_per_second=bounded.megabytes_needed + 0.01))
    assert enough.kept is True
    (few,) = ask(small, izmir=Policy(90, requests_per_second=3))
    assert (few.bound_by, few.kept) == ("requests", False)
    (shortest,) = ask(small, izmir=Policy(told.shortest_days or 0))
    assert shortest.kept is True


def test_without_a_measurement_nothing_is_said(small: Miniature) -> None:
    hold(small, "izmir", 1000, 10**9, read=99, seconds=1)
    told, unknown = ask(small, izmir=Policy(90), ankara=Policy(90))
    assert (told.pass_days, told.kept, told.ends_at) == (None, None, None)
    assert unknown.kept is True, "where nothing is held every promise is kept"


def test_what_was_measured_long_ago_does_not_count(small: Miniature) -> None:
    hold(small, "izmir", 1000, 10**9, read=1000, seconds=10)
    with small.catalogue.reading() as session:
        (told,) = forecasts(session, {"izmir": Policy(90)}, START + timedelta(days=40))
    assert told.kept is None


def test_rounds_measure_what_they_read(tmp_path: Path, database_url: str) -> None:
    small = miniature(tmp_path, database_url, bags=3)
    small.write("main", small.bags[0], small.bytes_of("main", small.bags[0])[:-1])
    small.path("main", small.bags[1]).unlink()
    small.audit()
    small.clock.forward(days=1)
    small.stores["second"].silent = True
    small.audit()
    with small.catalogue.reading() as session:
        rows = {(row.store, row.day): row for row in days.since(session, START.date())}
    first, second = rows["main", "2026-11-23"], rows["second", "2026-11-24"]
    assert (first.intact, first.damaged, first.missing, first.unreadable, first.mended) == (1, 1, 1, 0, 2)
    assert first.bytes == sum(bag.bytes for bag in small.bags[::2]) - 1
    assert (second.intact, second.unreadable, second.bytes) == (0, 3, 0)
    assert {row.late for row in rows.values()} == {0}
    small.clock.forward(days=95)
    small.audit(store="main")
    with small.catalogue.reading() as session:
        late = {row.store: row.late for row in days.since(session, small.clock().date())}
    assert late == {"main": 0, "second": 3}
    small.catalogue.close()


def test_a_promise_that_will_be_missed_is_an_alert_before_anything_is_late(small: Miniature) -> None:
    hold(small, "izmir", 50 * MILLION, 70 * TB, read=100_000, seconds=40_000)
    with small.catalogue.reading() as session:
        (cause,) = causes.promises_missed(session, START, {"izmir": Policy(30), "ankara": Policy(30)})
        assert not list(causes.promises_missed(session, START, {"izmir": Policy(90)}))
    assert (cause.kind, cause.subject, cause.objects) == ("promise-missed", "izmir", 50 * MILLION)
    words = Words("en", NullTranslations(), ZoneInfo("UTC"))
    assert words.sentence(cause).endswith("the promised 30 days will be missed by 34 days.")
