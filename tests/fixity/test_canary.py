"""A round reads bags that are known to be bad; one that misses a canary has proved nothing, and says so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from watched import Miniature, miniature

from fixity import audit as auditing
from fixity import canary, readers
from fixity.audit import Reading
from fixity.inventory import take_inventory
from fixity.report import RoundReport
from fixity.rounds import Scope, run_round
from fixity.watch import Watch
from repository.catalogue import canaries
from repository.catalogue.copies import CopyRef
from repository.storage import Store
from repository.vocabulary import AuditOutcome, CopyState, bag_key

NAMES = {"whole", "flipped", "cut", "sealed-wrong", "absent"}


@pytest.fixture
def small(tmp_path: Path, database_url: str) -> Iterator[Miniature]:
    made = miniature(tmp_path, database_url)
    yield made
    made.catalogue.close()


def watch(small: Miniature) -> Watch:
    return replace(small.watch, canaries=small.home / "canaries")


def audit(small: Miniature, **scope: Any) -> RoundReport:
    return run_round(watch(small), Scope(**{"due": False, **scope}))


def lies(small: Miniature, name: str, store: str = "main") -> Path:
    return small.stores[store].root / f"canaries/{canary.GENERATION}/{name}.tar"


def test_every_round_catches_every_canary_in_every_store(small: Miniature) -> None:
    for _ in range(2):
        report = audit(small)
        assert (report.expected, report.intact) == (6, 6), "they are no holdings"
        told = report.as_json()["canaries"]
        assert told == {"expected": 10, "caught": 10, "missed": 0, "unreadable": 0, "details": []}
        assert report.exit_status == 0
    with small.catalogue.reading() as session:
        rows = canaries.latest(session)
    assert {(row.store, row.name) for row in rows} == {(store, name) for store in small.stores for name in NAMES}
    assert all(row.caught_at == small.clock() for row in rows)
    assert small.tallied() == {("main", "intact"): 3, ("second", "intact"): 3}


def test_they_are_really_bad_and_the_same_on_every_machine(tmp_path: Path) -> None:
    flock = {one.name: one for one in canary.hatch(tmp_path)}
    assert set(flock) == NAMES
    digests = {name: hashlib.sha256(one.stored.read_bytes()).hexdigest() for name, one in flock.items() if one.stored}
    assert digests["whole"] == flock["whole"].seal
    assert flock["flipped"].seal != digests["flipped"]
    assert flock["cut"].stored is not None
    assert flock["cut"].stored.stat().st_size == flock["cut"].bytes - 512
    assert digests["sealed-wrong"] == flock["sealed-wrong"].seal
    # Whoever changes these bytes changes GENERATION too: the stores keep those of the version before.
    assert (canary.GENERATION, digests["whole"][:16]) == ("1", "24ff1e1232eb22a6")


def blind(outcome: AuditOutcome, when: Callable[[CopyRef], bool]) -> Callable[..., Reading]:
    """An audit that says ``outcome`` of some copies without looking."""
    struck: list[str] = []

    def say(store: Store, ref: CopyRef, *, deep: bool = False, **_: Any) -> Reading:
        if when(ref):
            struck.append(ref.key)
            return Reading(outcome, ref.seal, ref.bytes)
        return auditing.audit(store, ref, deep=deep)

    say.struck = struck  # type: ignore[attr-defined]
    return say


@pytest.mark.parametrize("name", ["flipped", "cut", "sealed-wrong", "absent"])
def test_a_watch_that_reports_success_without_checking_is_found_out(
    small: Miniature, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    audit(small)
    verified = small.copy("main", small.bags[0]).verified_at
    small.clock.forward(days=1)
    say = blind(AuditOutcome.INTACT, lambda ref: ref.store == "main" and (not ref.place or name in ref.place))
    monkeypatch.setattr(readers, "audit", say)
    report = audit(small)
    assert say.struck, "the fault happened"  # type: ignore[attr-defined]
    assert [(look.store, look.name) for look in report.canaries.missed] == [("main", name)]
    assert report.exit_status == 4
    assert (report.intact, report.unreadable) == (3, 3), "what it says of that store proves nothing"
    assert small.copy("main", small.bags[0]).verified_at == verified, "no false 'fixity OK'"
    assert small.copy("second", small.bags[0]).verified_at == small.clock()
    with small.catalogue.reading() as session:
        row = next(row for row in canaries.latest(session) if (row.store, row.name) == ("main", name))
    assert row.outcome == AuditOutcome.INTACT
    assert row.caught_at == verified or row.caught_at is not None
    assert row.caught_at != row.read_at


def test_a_watch_that_calls_everything_damaged_is_found_out_too(
    small: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit(small)
    monkeypatch.setattr(readers, "audit", blind(AuditOutcome.DAMAGED, lambda _ref: True))
    report = audit(small)
    assert {(look.store, look.name) for look in report.canaries.missed} == {
        (store, name) for store in small.stores for name in ("whole", "absent")
    }
    assert (report.damaged, report.mended, report.unreadable) == (0, 0, 6), "nothing is called damaged, nothing mended"
    assert small.copy("main", small.bags[0]).state == CopyState.INTACT


@pytest.mark.parametrize("change", ["lost", "decayed", "mended"])
@pytest.mark.parametrize("name", ["whole", "flipped"])
def test_a_canary_that_the_store_lost_or_changed_is_put_anew_and_told(small: Miniature, name: str, change: str) -> None:
    audit(small)
    path, before = lies(small, name), lies(small, name).read_bytes()
    if change == "lost":
        path.unlink()
    elif change == "mended":
        path.write_bytes(lies(small, "whole").read_bytes())
    else:
        path.write_bytes(before[:-1] + b"\x01")
    unnoticed = (name == "whole" and change == "mended") or (name == "flipped" and change == "decayed")
    report = audit(small)
    assert not report.canaries.missed
    assert report.exit_status == 0
    notes = [(look.store, look.name) for look in report.canaries.looks if look.note]
    assert notes == ([] if unnoticed else [("main", name)])
    if not unnoticed:
        assert path.read_bytes() == before
    assert all(small.whole("main", bag) for bag in small.bags)


def test_a_silent_store_is_doubt_about_its_canaries(small: Miniature) -> None:
    audit(small)
    small.stores["main"].silent = True
    report = audit(small)
    assert small.stores["main"].happened["silent"]
    told = report.as_json()["canaries"]
    assert (told["caught"], told["missed"], told["unreadable"]) == (5, 0, 5)
    assert report.exit_status == 3


def test_without_mending_none_is_put_anywhere(small: Miniature) -> None:
    report = audit(small, mend=False)
    assert report.as_json()["canaries"]["expected"] == 0
    assert not lies(small, "whole").exists()
    audit(small)
    assert audit(small, mend=False).as_json()["canaries"]["caught"] == 10


def test_no_list_of_bags_shows_them(small: Miniature) -> None:
    audit(small)
    report = take_inventory(watch(small), "main")
    assert report is not None
    assert (report.objects, report.exit_status) == (3, 0)


def test_a_due_round_without_work_reads_none(small: Miniature) -> None:
    audit(small)
    opened = {name: len(store.opened) for name, store in small.stores.items()}
    assert audit(small, due=True).as_json()["canaries"]["expected"] == 0
    assert {name: len(store.opened) for name, store in small.stores.items()} == opened


def test_real_stores_keep_them(stores: list[Store], tmp_path: Path, database_url: str) -> None:
    made = miniature(tmp_path, database_url, bags=1, stores=[store.name for store in stores])
    for store in stores:
        store.put(bag_key(made.bags[0].article_id, 1), made.bags[0].path, made.bags[0].seal)
    given = replace(watch(made), stores={store.name: store for store in stores})
    for _ in range(2):
        told = run_round(given, Scope(due=False)).as_json()["canaries"]
        assert told == {
            "expected": 5 * len(stores), "caught": 5 * len(stores), "missed": 0, "unreadable": 0, "details": [],
        }  # fmt: skip
    made.catalogue.close()
