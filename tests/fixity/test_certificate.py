"""A fixity certificate says what was measured, names what was not, and proves itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pages
import pytest
from sqlalchemy import select, update

from fixity.evidence import certificates
from fixity.evidence.certificate import KIND, Wanted
from fixity.evidence.room import Evidence, Place
from repository import canonical, signing
from repository.catalogue import Catalogue, canaries, chain, days, rounds
from repository.catalogue.canaries import Look
from repository.catalogue.periods import Period
from repository.catalogue.rounds import RoundCounts
from repository.errors import UsageError
from repository.models import Copy, Event
from repository.promise import Promises
from repository.vocabulary import AuditOutcome, EventType

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
YEAR = Period(date(2026, 1, 1), date(2026, 12, 31))


@pytest.fixture
def site(database_url: str) -> Iterator[pages.Site]:
    made = pages.site(database_url)
    yield made
    made.catalogue.close()


@pytest.fixture
def evidence(site: pages.Site, tmp_path: Path) -> Evidence:
    return room(site.catalogue, tmp_path / "home")


def room(catalogue: Catalogue, home: Path, **changes: Any) -> Evidence:
    home.mkdir(exist_ok=True)
    usual: dict[str, Any] = {
        "named": {"name": "Mahfuz", "identifier": "mahfuz.example.org", "base_url": "https://mahfuz.example.org"},
        "agent": "mahfuz test",
        "places": (Place("main", "s3", "Ankara", "deprem"), Place("second", "file", "İzmir", "sel")),
        "promises": Promises(),
        "policy": {"copies": 2, "fixity_days": {"main": 90, "second": 90}},
        "inventory": timedelta(days=1),
    }
    return Evidence(catalogue=catalogue, home=home, **{**usual, **changes})


def read(site: pages.Site, at: datetime, **counts: int) -> None:
    with site.catalogue.writing() as rows:
        days.add(rows, at, {"main": counts})


def issue(evidence: Evidence, period: Period = YEAR, at: datetime = NOW, **scope: str) -> dict[str, Any]:
    return certificates.issue(evidence, Wanted(period, **scope), at).document


def codes(document: dict[str, Any], store: str | None = None) -> list[str]:
    return [one["code"] for one in document["notes"] if store in (None, one["values"].get("store"))]


def test_what_was_read_is_added_up_by_store_and_outcome(site: pages.Site, evidence: Evidence) -> None:
    pages.enter(site, pages.record(1), at=datetime(2026, 3, 1, tzinfo=UTC))
    read(site, datetime(2025, 12, 31, 23, tzinfo=UTC), intact=1000)
    read(site, datetime(2026, 3, 5, tzinfo=UTC), intact=7, damaged=2, missing=1, mended=3, bytes=900)
    read(site, datetime(2026, 3, 6, tzinfo=UTC), intact=5, unreadable=4, bytes=600)
    told = issue(evidence)
    main, second = told["stores"]
    assert main["readings"] == {
        "expected": 19, "intact": 12, "damaged": 2, "missing": 1, "unreadable": 4, "bytes": 1500, "mended": 3,
    }  # fmt: skip
    assert main["held"]["copies"] == 1
    assert second["readings"]["expected"] == 0
    assert "nothing-measured" in codes(told, "second")
    assert "nothing-measured" not in codes(told, "main")


def test_days_on_which_nothing_was_read_are_named(site: pages.Site, evidence: Evidence) -> None:
    pages.enter(site, pages.record(1), at=datetime(2026, 3, 1, tzinfo=UTC))
    for day in (1, 2, 5):
        read(site, datetime(2026, 3, day, tzinfo=UTC), intact=1)
    told = issue(evidence, Period(date(2026, 3, 1), date(2026, 3, 7)))
    assert told["stores"][0]["days_without_readings"] == [
        {"from": "2026-03-03", "to": "2026-03-04"},
        {"from": "2026-03-06", "to": "2026-03-07"},
    ]
    written = next(one for one in told["notes"] if one["code"] == "days-without")
    assert written["values"] == {
        "store": "main", "number": "4", "days": "2026-03-03 – 2026-03-04, 2026-03-06 – 2026-03-07",
    }  # fmt: skip


def test_a_period_that_begins_before_the_figures_or_ends_after_today_says_so(
    site: pages.Site, evidence: Evidence
) -> None:
    pages.enter(site, pages.record(1), at=datetime(2026, 11, 25, tzinfo=UTC))
    read(site, datetime(2026, 11, 26, tzinfo=UTC), intact=1)
    told = issue(evidence)
    assert told["period"] == {"from": "2026-01-01", "to": "2026-12-31", "over": False, "held_at_its_end": True}
    begins = [one["values"]["day"] for one in told["notes"] if one["code"] == "begins-later"]
    assert begins == ["2026-11-25", "2026-11-25"]
    assert "not-over" in codes(told)
    assert told["stores"][0]["days_without_readings"] == [
        {"from": "2026-11-25", "to": "2026-11-25"},
        {"from": "2026-11-27", "to": "2026-11-27"},
    ], "the days to come are not missing"


def test_an_empty_archive_certifies_nothing(site: pages.Site, evidence: Evidence) -> None:
    told = issue(evidence)
    assert [one["held"]["copies"] for one in told["stores"]] == [0, 0]
    assert codes(told).count("nothing-measured") == 2
    assert codes(told).count("no-canaries") == 2
    assert "no-head" in codes(told)
    assert told["testimony"]["position"] == 0


def test_of_a_past_period_it_tells_no_more_than_the_catalogue_kept(site: pages.Site, evidence: Evidence) -> None:
    spring = Period(date(2026, 3, 1), date(2026, 5, 31))
    pages.enter(site, pages.record(1), at=datetime(2026, 2, 1, tzinfo=UTC))
    pages.enter(site, pages.record(2), at=datetime(2026, 2, 1, tzinfo=UTC))
    told = issue(evidence, spring)
    assert told["period"]["held_at_its_end"] is True, "nothing came or went since"
    assert told["stores"][0]["not_verified_in_period"] == {"number": 2, "more": False}
    with site.catalogue.writing() as rows:
        rows.execute(update(Copy).where(Copy.aip_id == 1).values(verified_at=datetime(2026, 9, 1, tzinfo=UTC)))
    told = issue(evidence, spring)
    assert told["stores"][0]["not_verified_in_period"] == {"number": 1, "more": False}
    assert told["stores"][0]["verified_since"] == {"number": 1, "more": False}
    assert "read-since" in codes(told, "main")
    pages.enter(site, pages.record(3), at=datetime(2026, 7, 1, tzinfo=UTC))
    told = issue(evidence, spring)
    assert told["period"]["held_at_its_end"] is False
    assert "held-now" in codes(told)


def test_canaries_and_rounds_stand_in_it(site: pages.Site, evidence: Evidence) -> None:
    with site.catalogue.writing() as rows:
        seen = [Look("main", "flipped", AuditOutcome.DAMAGED, AuditOutcome.INTACT)]
        canaries.write_down(rows, seen, datetime(2026, 4, 1, tzinfo=UTC))
        first = rounds.begin(rows, "due", datetime(2026, 4, 1, tzinfo=UTC), "mahfuz test")
        rounds.begin(rows, "due", datetime(2026, 4, 2, tzinfo=UTC), "mahfuz test")
        last = rounds.begin(rows, "due", datetime(2026, 4, 3, tzinfo=UTC), "mahfuz test")
        rounds.end(rows, last, RoundCounts(intact=1), datetime(2026, 4, 3, 1, tzinfo=UTC), "mahfuz test")
    assert first
    told = issue(evidence)
    assert told["canaries"] == [
        {
            "store": "main", "canary": "flipped", "is": "damaged", "was_called": "intact", "caught": False,
            "read_at": "2026-04-01T00:00:00Z",
        }
    ]  # fmt: skip
    assert told["rounds"] == {"begun": 3, "finished": 1, "interrupted": 2, "last_ended": "2026-04-03T01:00:00Z"}
    later = issue(evidence, Period(date(2026, 5, 1), date(2026, 5, 31)))
    assert later["rounds"]["begun"] == 0
    assert "canaries-now" in codes(later, "main")


def test_of_a_publisher_it_counts_what_is_held_and_what_left_an_event(site: pages.Site, evidence: Evidence) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    ours = pages.enter(site, pages.record(1), at=at)
    pages.enter(site, pages.record(2, publisher="Başka Yayınevi"), publisher="Başka Yayınevi", at=at)
    when = datetime(2026, 4, 1, tzinfo=UTC)
    with site.catalogue.writing() as rows:
        found = rounds.Testimony(EventType.FIXITY_CHECK, when, "failure", ours, 1, "main", {"outcome": "damaged"})
        mended = rounds.Testimony(EventType.RECOVERY, when, "success", ours, 1, "main", {})
        rounds.testify(rows, "mahfuz test", [found, mended])
    told = issue(evidence, publisher="Örnek  Yayınevi")
    main, second = told["stores"]
    assert (main["held"]["copies"], second["held"]["copies"]) == (1, 1)
    assert main["readings"] == {
        "expected": None, "intact": None, "bytes": None, "damaged": 1, "missing": 0, "unreadable": 0, "mended": 1,
    }  # fmt: skip
    assert second["readings"]["damaged"] == 0
    assert "no-readings-by-publisher" in codes(told)
    with pytest.raises(UsageError, match="no publisher"):
        issue(evidence, publisher="Hiç Kimse")
    with pytest.raises(UsageError, match="there are: main, second"):
        issue(evidence, store="third")
    with pytest.raises(UsageError, match="has no day"):
        issue(evidence, Period(date(2026, 2, 2), date(2026, 2, 1)))


def test_it_is_signed_kept_and_told_in_the_chain(site: pages.Site, evidence: Evidence) -> None:
    pages.enter(site, pages.record(1), at=datetime(2026, 3, 1, tzinfo=UTC))
    made = certificates.issue(evidence, Wanted(YEAR), NOW, "ayse")
    keys = evidence.signer.public_keys()
    assert signing.verify(made.signed, keys, KIND) is None
    assert signing.verify(canonical.read(made.text), keys, KIND) is None
    assert certificates.find(evidence, made.name) == made
    assert [one.name for one in certificates.kept(evidence)] == [made.name]
    with site.catalogue.reading() as rows:
        event = rows.execute(select(Event).where(Event.type == EventType.SIGNATURE)).scalar_one()
        end = chain.end_of(rows)
    assert event.detail["certificate"] == made.name
    assert event.detail["by"] == "ayse"
    assert (event.position, event.outcome) == (end.position, "success"), "linked"
    assert made.document["testimony"]["position"] == end.position - 1, "its own event comes after it"
    for change in ("stores", "notes", "period"):
        forged = copy.deepcopy(made.signed)
        forged[KIND][change] = json.loads(json.dumps(forged[KIND][change]).replace("2026", "2025").replace("1", "9"))
        assert signing.verify(forged, keys, KIND), change


@pytest.mark.parametrize("name", ["../../signing/key", "fixity", "", "fixity-2026-01-01-2026-12-31-0000000000000000"])
def test_a_name_that_is_no_certificate_finds_nothing(evidence: Evidence, name: str) -> None:
    assert certificates.find(evidence, name) is None
