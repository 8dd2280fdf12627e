"""Each copy's manifests are checked in one of every so many cycles, an even share at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from fixity.watch import Watch
from repository.catalogue import Catalogue
from repository.catalogue.copies import CopyRef
from repository.promise import Promise, Promises

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)


def watch(deep_days: float | None) -> Watch:
    return Watch(
        catalogue=Catalogue("sqlite://"),
        stores={},
        promises=Promises(Promise(90, deep_days=deep_days)),
        quarantine=Path("unused"),
        agent="mahfuz test",
        clock=lambda: BEGIN,
    )


def ref(number: int) -> CopyRef:
    return CopyRef(number, "a", f"{number:032x}", 1, "0" * 64, 1)


def test_every_copy_has_one_deep_reading_in_every_four() -> None:
    for number in range(50):
        turns = [watch(360).deep_turn(ref(number), BEGIN + timedelta(days=90 * cycle)) for cycle in range(8)]
        assert sum(turns) == 2
        assert turns[:4] == turns[4:]


def test_a_day_has_its_share_of_deep_readings() -> None:
    deep = sum(watch(360).deep_turn(ref(number), BEGIN) for number in range(2000))
    assert 400 < deep < 600


def test_a_policy_without_deep_readings_has_none_and_a_short_one_has_only_those() -> None:
    assert not any(watch(None).deep_turn(ref(number), BEGIN) for number in range(50))
    assert all(watch(30).deep_turn(ref(number), BEGIN) for number in range(50))
