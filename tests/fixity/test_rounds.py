"""A round takes each copy once, the longest unverified first, and its figures add up whatever happens."""

from __future__ import annotations

import hashlib
import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import flipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plans import plans
from sqlalchemy import select, update
from watched import START, FaultyStore, Killed, Miniature, miniature

from fixity import rounds as rounds_module
from fixity import share
from fixity.rounds import Scope, run_round
from fixity.silence import DOUBTS_IN_A_ROW, REST_SECONDS, Silence
from repository.bags import Bag
from repository.catalogue import Catalogue, copies, days, rounds, troubles, watch
from repository.errors import UsageError
from repository.models import Copy, Event, Round
from repository.vocabulary import AuditOutcome, bag_key


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'catalogue.sqlite'}"


@pytest.fixture
def small(tmp_path: Path, sqlite_url: str) -> Miniature:
    return miniature(tmp_path, sqlite_url)


def rows_of_rounds(small: Miniature) -> list[tuple[str, bool, int, int]]:
    """(scope, finished, expected, sum of the outcomes) of every round, the oldest first."""
    with small.catalogue.reading() as session:
        return [
            (
                row.scope,
                row.finished_at is not None,
                row.expected,
                row.intact + row.damaged + row.missing + row.unreadable,
            )
            for row in session.execute(select(Round).order_by(Round.id)).scalars()
        ]


# --- doubt ------------------------------------------------------------------------------------------------------------


def test_a_silent_store_is_unreadable_and_nothing_is_repaired_or_verified(tmp_path: Path, database_url: str) -> None:
    small = miniature(tmp_path, database_url)
    before = [small.copy("main", bag).verified_at for bag in small.bags]
    small.clock.forward(days=1)
    small.stores["main"].silent = True
    report = small.audit()
    assert small.stores["main"].happened["silent"]
    assert (report.expected, report.intact, report.unreadable, report.mended) == (6, 3, 3, 0)
    assert (report.checked, report.exit_status) == (3, 3)
    assert [small.copy("main", bag).verified_at for bag in small.bags] == before
    assert {small.copy("main", bag).state for bag in small.bags} == {"intact"}
    assert {small.copy("main", bag).unreadable_since for bag in small.bags} == {small.clock.now}
    assert small.tallied() == {("main", "unreadable"): 3, ("second", "intact"): 3}
    assert not small.stores["main"].happened["replaced"]
    assert small.events(small.bags[0], "main")[-1][:2] == ("fixity check", "unknown")
    small.stores["main"].silent = False
    small.clock.forward(hours=1)
    assert small.audit(due=True).intact == 3
    assert small.tallied() == {("main", "intact"): 3, ("second", "intact"): 3}
    small.catalogue.close()


def test_a_store_that_falls_silent_in_the_middle_is_left_alone_and_the_others_go_on(
    tmp_path: Path, sqlite_url: str
) -> None:
    small = miniature(tmp_path, sqlite_url, bags=25)
    small.stores["main"].silent_after = 10
    report = run_round(replace(small.watch, readers=1), Scope(due=False))
    assert (report.expected, report.intact, report.unreadable, report.mended) == (50, 35, 15, 0)
    assert report.silent == ("main",)
    assert small.stores["main"].happened["silent"] == DOUBTS_IN_A_ROW, "it is not hammered"
    assert sum("not asked" in trouble.detail for trouble in report.troubles) == 15 - DOUBTS_IN_A_ROW
    assert small.tallied() == {("main", "intact"): 10, ("main", "unreadable"): 15, ("second", "intact"): 25}


def test_a_due_round_takes_no_more_copies_of_a_silent_store(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds_module, "BATCH", 20)
    small = miniature(tmp_path, sqlite_url, bags=40)
    small.stores["main"].silent = True
    report = small.audit(due=True)
    assert report.intact == 40
    assert 0 < report.unreadable <= 20, "the first batch only: the others stay due and are not marked one by one"
    assert report.still_due == 0 or report.still_due + report.expected == 80


def test_silence_ends_with_the_first_answer_and_is_asked_for_now_and_then() -> None:
    now = [0.0]
    silence = Silence(lambda: now[0])
    for _ in range(DOUBTS_IN_A_ROW):
        assert silence.may_ask()
        silence.heard(AuditOutcome.UNREADABLE)
    assert silence.fallen
    assert not silence.may_ask()
    now[0] += REST_SECONDS
    assert [silence.may_ask() for _ in range(3)] == [True, False, False]
    silence.heard(AuditOutcome.DAMAGED)
    assert silence.may_ask()
    assert not silence.fallen


def test_one_object_that_a_talking_store_cannot_give_is_pointed_out(small: Miniature) -> None:
    bag = small.bags[1]
    small.path("main", bag).unlink()
    small.path("main", bag).mkdir()
    small.stores["main"].head = lambda key: FaultyStore.head(small.stores["second"], key)  # type: ignore[method-assign]
    report = small.audit()
    (trouble,) = report.troubles
    assert (trouble.outcome, report.exit_status) == ("unreadable", 3)
    assert "2 other copies whole" in trouble.detail


def test_a_copy_in_a_store_that_is_not_configured_any_more_is_unreadable(small: Miniature) -> None:
    report = small.audit({"second": small.stores["second"]})
    assert (report.expected, report.intact, report.unreadable) == (6, 3, 3)
    assert {trouble.detail for trouble in report.troubles} == {"no store of this name is configured any more"}
    assert small.copy("main", small.bags[0]).next_due == START + timedelta(days=1)


def test_an_emptied_store_is_not_filled_unasked(tmp_path: Path, sqlite_url: str) -> None:
    small = miniature(tmp_path, sqlite_url, bags=12)
    for bag in small.bags:
        small.path("second", bag).unlink()
    report = small.audit()
    assert (report.missing, report.mended, report.decisions, report.exit_status) == (12, 0, 12, 4)
    assert not small.stores["second"].happened["replaced"]
    assert "emptied or exchanged" in report.troubles[0].detail
    report = small.audit(store="second")
    assert (report.expected, report.missing, report.mended) == (12, 12, 12), "asked for, it is"
    assert all(small.whole("second", bag) for bag in small.bags)


# --- figures ----------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_figures_add_up_whatever_happens_to_the_copies(small: Miniature, data: st.DataObject) -> None:
    wanted = Counter[str]()
    whole = {bag.article_id: bag.path.read_bytes() for bag in small.bags}
    for name, store in small.stores.items():
        store.silent = data.draw(st.booleans(), label=f"{name} silent")
        for bag in small.bags:
            path = small.path(name, bag)
            path.write_bytes(whole[bag.article_id])
            fault = data.draw(st.sampled_from(["none", "flip", "gone", "short"]), label=f"{name} {bag.article_id[:4]}")
            if fault == "flip":
                small.write(name, bag, flipped(whole[bag.article_id], data.draw(st.integers(0, bag.bytes - 1))))
            elif fault == "gone":
                path.unlink()
            elif fault == "short":
                small.write(name, bag, whole[bag.article_id][: data.draw(st.integers(0, bag.bytes - 1))])
            outcome = {"none": "intact", "flip": "damaged", "short": "damaged", "gone": "missing"}[fault]
            wanted["unreadable" if store.silent else outcome] += 1
    mend = data.draw(st.booleans(), label="mend")
    small.clock.forward(minutes=1)
    report = small.audit(mend=mend)
    found = (report.intact, report.damaged, report.missing, report.unreadable)
    if not mend:
        assert found == tuple(wanted[name] for name in ("intact", "damaged", "missing", "unreadable"))
        assert report.mended == 0
    assert report.expected == 6
    assert sum(found) == 6
    assert report.mended <= report.damaged + report.missing
    assert report.troubles_in_all == len(report.troubles) == 6 - report.intact
    assert rows_of_rounds(small)[-1][1:] == (True, 6, 6)
    small.tallied()


def test_without_mending_nothing_is_changed_in_any_store(small: Miniature) -> None:
    data = flipped(small.bytes_of("main", small.bags[0]), 900)
    small.write("main", small.bags[0], data)
    report = small.audit(mend=False)
    assert (report.damaged, report.mended, report.exit_status) == (1, 0, 1)
    assert small.bytes_of("main", small.bags[0]) == data
    assert not small.quarantined()
    assert small.copy("main", small.bags[0]).state == "damaged"


def test_damage_is_named_before_doubt_and_a_decision_before_both(small: Miniature) -> None:
    small.write("main", small.bags[0], b"damaged")
    assert small.audit(mend=False).exit_status == 1
    small.stores["second"].silent = True
    report = small.audit(mend=False)
    assert (report.damaged, report.unreadable, report.exit_status) == (1, 3, 1)
    assert replace(report, decisions=1).exit_status == 4
    small.stores["main"].silent = True
    assert small.audit(mend=False).exit_status == 3


# --- what is told of a round ----------------------------------------------------------------------------------------


def told_of_rounds(small: Miniature) -> list[tuple[str, dict[str, Any]]]:
    """(outcome, detail) of every event that a round left of itself."""
    with small.catalogue.reading() as session:
        rows = session.execute(select(Event).where(Event.type == "fixity check", Event.article_id.is_(None)))
        return [(row.outcome, row.detail) for row in rows.scalars()]


def digest_of(read: Iterable[tuple[str, Bag]]) -> str:
    """What an outsider reckons from a list of copies: the product of their numbers, and its SHA-256."""
    product = 1
    for store, bag in read:
        line = f"{store}\t{bag_key(bag.article_id, bag.version)}\t{bag.seal}\n".encode()
        product = product * int.from_bytes(hashlib.shake_256(line).digest(384), "little") % (2**3072 - 1103717)
    return hashlib.sha256(product.to_bytes(384, "little")).hexdigest()


def test_copies_that_are_whole_and_were_have_one_event_together_that_says_which(
    tmp_path: Path, database_url: str
) -> None:
    small = miniature(tmp_path, database_url)
    report = small.audit()
    assert not any(small.events(bag) for bag in small.bags)
    ((outcome, detail),) = told_of_rounds(small)
    assert outcome == "success"
    assert detail == {
        "round": 1,
        "scope": "all",
        "ended": "finished",
        "expected": 6,
        "intact": 6,
        **dict.fromkeys(("damaged", "missing", "unreadable", "mended"), 0),
        "bytes": report.bytes,
        "verified": {
            "copies": 6,
            "bytes": report.bytes,
            "digest": digest_of(itertools.product(("second", "main"), reversed(small.bags))),
        },
    }
    assert {small.copy("main", bag).verified_in for bag in small.bags} == {1}
    small.audit(store="main")
    assert told_of_rounds(small)[1][1]["verified"]["digest"] == digest_of(("main", bag) for bag in small.bags)
    assert [small.copy(store, small.bags[0]).verified_in for store in ("main", "second")] == [2, 1]
    small.catalogue.close()


def test_a_round_with_nothing_to_do_tells_nothing(small: Miniature) -> None:
    small.clock.forward(days=-1)
    assert small.audit(due=True).expected == 0
    assert not told_of_rounds(small)


def test_what_is_not_whole_and_what_has_become_whole_again_has_an_event_of_its_own(small: Miniature) -> None:
    damaged, missing, silent = small.bags
    whole = small.bytes_of("main", damaged)
    small.write("main", damaged, b"x" * len(whole))
    gone = small.bytes_of("main", missing)
    small.path("main", missing).unlink()
    small.audit(mend=False)
    small.path("main", missing).write_bytes(gone)
    small.write("main", damaged, whole)
    small.stores["main"].silent = True
    small.audit(article_id=silent.article_id, mend=False)
    small.stores["main"].silent = False
    small.audit()
    small.audit()
    assert [(outcome, detail.get("before")) for _, outcome, detail in small.events(damaged, "main")] == [
        ("failure", None),
        ("success", "damaged"),
    ]
    assert [(outcome, detail.get("before")) for _, outcome, detail in small.events(missing, "main")] == [
        ("failure", None),
        ("success", "missing"),
    ]
    assert [(outcome, detail.get("before")) for _, outcome, detail in small.events(silent, "main")] == [
        ("unknown", None),
        ("success", "unreadable"),
    ]
    told = told_of_rounds(small)
    assert [outcome for outcome, _ in told] == ["failure", "unknown", "success", "success"]
    assert told[0][1]["verified"]["digest"] != told[2][1]["verified"]["digest"] == told[3][1]["verified"]["digest"]


def test_the_first_reading_of_a_copy_that_was_only_found_is_an_event_of_its_own(
    tmp_path: Path, sqlite_url: str
) -> None:
    small = miniature(tmp_path, sqlite_url, verified=None)
    for _ in range(2):
        small.audit()
    assert [(outcome, detail["before"]) for _, outcome, detail in small.events(small.bags[0], "main")] == [
        ("success", "unverified")
    ]


def test_a_mended_copy_is_among_those_that_the_round_read_whole(small: Miniature) -> None:
    small.write("main", small.bags[0], b"damaged")
    small.audit()
    ((outcome, detail),) = told_of_rounds(small)
    assert (outcome, detail["intact"], detail["mended"], detail["verified"]["copies"]) == ("failure", 5, 1, 6)
    assert detail["verified"]["digest"] == digest_of(itertools.product(("main", "second"), small.bags))


def test_what_a_killed_round_read_whole_is_told_by_the_next(tmp_path: Path, database_url: str) -> None:
    """Its copies are marked as verified: that no event bore witness to that must never last."""
    small = miniature(tmp_path, database_url, bags=2)
    small.write("main", small.bags[1], b"damaged")

    def kill(_when: str) -> None:
        raise Killed

    small.stores["main"].at_replace = kill
    with pytest.raises(Killed):
        small.audit()
    assert not told_of_rounds(small)
    read = [(s, b) for s in small.stores for b in small.bags if small.copy(s, b).verified_in == 1]
    assert read
    small.stores["main"].at_replace = None
    small.audit()
    (_, killed), (_, after) = told_of_rounds(small)
    assert (killed["round"], killed["ended"], killed["verified"]["copies"]) == (1, "interrupted", len(read))
    assert (after["round"], after["ended"], after["verified"]["copies"]) == (2, "finished", 4)
    assert killed["verified"]["digest"] == digest_of(read)
    small.catalogue.close()


def test_a_round_taken_for_dead_tells_of_no_reading_twice(small: Miniature) -> None:
    with small.catalogue.writing() as session:
        first = rounds.begin(session, "all", START, "mahfuz test")
        refs = copies.walk(session, limit=6)
        rounds.read_whole(session, first, refs[:4])
        rounds.begin(session, "due", START, "mahfuz test")
        rounds.read_whole(session, first, refs[4:])
        rounds.end(session, first, rounds.RoundCounts(intact=6), START, "mahfuz test")
    told = [detail for _, detail in told_of_rounds(small) if detail["round"] == first]
    assert [(detail["ended"], detail["verified"]["copies"]) for detail in told] == [("interrupted", 4), ("finished", 2)]


def test_a_scope_without_copies_is_refused_and_not_called_whole(small: Miniature) -> None:
    with pytest.raises(UsageError, match="no copy is known"):
        small.audit(article_id="0" * 32)
    with pytest.raises(UsageError, match="no store is named 'third'"):
        small.audit(store="third")
    report = small.audit(article_id=small.bags[0].article_id, store="main")
    assert (report.expected, report.scope) == (1, f"all article {small.bags[0].article_id} store main")


# --- which copies next ------------------------------------------------------------------------------------------------


def test_after_three_days_without_a_watch_all_that_is_overdue_is_read_once_the_oldest_first(
    tmp_path: Path, database_url: str
) -> None:
    small = miniature(tmp_path, database_url, bags=12, stores=("main",), due=START + timedelta(days=365))
    order = random.Random(3).sample(small.bags, 12)
    with small.catalogue.writing() as session:
        for hours, bag in enumerate(order):
            row = small.copy("main", bag)
            due = START + timedelta(hours=6 * (hours + 1))
            session.execute(update(Copy).where(Copy.aip_id == row.aip_id).values(next_due=due))
    assert small.audit(due=True).expected == 0
    small.clock.forward(days=3)
    report = run_round(replace(small.watch, readers=1), Scope(due=True))
    assert (report.expected, report.intact, report.still_due) == (12, 12, 0)
    assert small.stores["main"].opened == [bag_key(bag.article_id, 1) for bag in order]
    small.clock.forward(minutes=1)
    assert small.audit(due=True).expected == 0
    dues = [small.copy("main", bag).next_due - small.clock.now for bag in order]
    assert all(timedelta(days=71) < due < timedelta(days=90) for due in dues)
    assert len(set(dues)) == 12
    small.catalogue.close()


def test_a_due_round_without_work_leaves_no_trace(tmp_path: Path, sqlite_url: str) -> None:
    small = miniature(tmp_path, sqlite_url, due=START + timedelta(seconds=1))
    report = small.audit(due=True)
    assert (report.expected, report.exit_status) == (0, 0)
    assert rows_of_rounds(small) == []
    assert not small.events(small.bags[0])


def test_a_wave_is_spread_over_days_unless_a_promise_would_be_broken(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "SMALLEST_SHARE", 4)
    small = miniature(tmp_path, sqlite_url, bags=20, stores=("main",), fixity_days=5)
    with small.catalogue.writing() as session:
        verified = START - timedelta(days=4.1)
        session.execute(update(Copy).values(verified_at=verified, promised_until=verified + timedelta(days=5)))
    assert [small.audit(due=True).expected for _ in range(2)] == [4, 0], "a fifth of 20 a day, and no more that day"
    small.clock.forward(days=1, seconds=1)
    report = small.audit(due=True)
    assert report.expected == 16, "now the promise of five days would be broken: lateness is never spared"
    assert report.still_due == 0


def test_a_copy_that_a_person_asked_for_is_read_though_the_share_of_the_day_is_used_up(
    small: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "SMALLEST_SHARE", 1)
    small.clock.forward(days=1)
    with small.catalogue.writing() as session:
        refs = copies.walk(session, limit=3)
        session.execute(update(Copy).values(next_due=small.clock.now))
    run_round(small.watch, Scope(due=True))
    assert run_round(small.watch, Scope(due=True)).expected == 0, "the share is used up"
    with small.catalogue.writing() as session:
        assert watch.read_now(session, refs[2].aip_id, refs[2].store)
        assert copies.asked_for(session, up_to=9) == 1
        assert troubles.first_due(session) == small.clock.now, "that is no sign of a watch that falls behind"
    assert run_round(small.watch, Scope(due=True)).expected == 1
    with small.catalogue.reading() as session:
        assert copies.asked_for(session, up_to=9) == 0


def test_the_figures_of_a_day_are_told_by_publisher_too(small: Miniature) -> None:
    report = run_round(small.watch, Scope(due=False))
    day = small.clock.now.date()
    with small.catalogue.reading() as session:
        ((publisher, sums),) = days.publishers(session, day)
        of_stores = days.totals(session, day).values()
        assert sums["intact"] == report.intact == sum(one["intact"] for one in of_stores)
        assert sums["bytes"] == report.bytes
        assert sums["late"] == 0
        assert days.of_publisher(session, publisher.id, day)[0].intact == report.intact
    small.clock.forward(days=200)
    with small.catalogue.reading() as session:
        late = share.late_now(session, small.clock.now)
    assert sum(late.values()) == report.expected
    assert share.late_of_publishers(small.catalogue, small.clock.now, late) == {publisher.id: report.expected}


def test_whose_late_copies_are_is_asked_some_at_a_time_each_once(
    small: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "_LOOKED_UP", 2)
    report = run_round(small.watch, Scope(due=False))
    small.clock.forward(days=200)
    with small.catalogue.writing() as session:  # of one copy nobody knows when it was read
        session.execute(update(Copy).where(Copy.aip_id == 1, Copy.store == "main").values(promised_until=None))
    with small.catalogue.reading() as session:
        late = share.late_now(session, small.clock.now)
    with plans(small.catalogue.engine, "FROM copy") as found:
        whose = share.late_of_publishers(small.catalogue, small.clock.now, late)
    assert list(whose.values()) == [report.expected] == [sum(late.values())]
    assert len(found) > report.expected // 2
    assert not any(step.startswith("SCAN") for plan in found for step in plan), found


def test_whose_late_copies_are_is_asked_while_nobody_waits(small: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    writers: list[bool] = []

    def asked(catalogue: Catalogue, *_more: Any) -> dict[int, int]:
        queue = catalogue._queue
        assert isinstance(queue, type(threading.Lock()))
        writers.append(queue.locked())
        return {}

    monkeypatch.setattr(rounds_module, "late_of_publishers", asked)
    run_round(small.watch, Scope(due=False))
    assert writers == [False]


def test_copies_loaded_together_come_back_evenly_over_the_cycle() -> None:
    at = START
    firsts = Counter[int]()
    for number in range(9000):
        article = f"{number:032x}"
        first = copies.first_due(article, 1, "main", at, 90)
        again = copies.next_due(article, 1, "main", at, 90)
        assert timedelta(days=9) <= first - at <= timedelta(days=90)
        assert timedelta(days=72) <= again - at <= timedelta(days=90)
        assert first == copies.first_due(article, 1, "main", at, 90)
        firsts[(first - at).days] += 1
    assert max(firsts.values()) < 2 * 9000 / 81
    assert copies.first_due("0" * 32, 1, "main", at, 90) != copies.first_due("0" * 32, 1, "second", at, 90)
    assert copies.next_due("0" * 32, 1, "main", at, 0) > at, "a round ends whatever the policy says"


def in_threads(act: Callable[[], object], number: int) -> None:
    """``act`` in so many threads at once; what one of them raises is raised here."""
    with ThreadPoolExecutor(number) as pool:
        for done in [pool.submit(act) for _ in range(number)]:
            done.result()


def test_two_rounds_at_once_read_no_copy_twice(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = miniature(tmp_path, database_url, bags=20)
    both_have_claims = threading.Barrier(2, timeout=60)
    reports = []

    def one() -> None:
        def wait_for_the_other(_done: int, _of_all: int) -> None:
            if not waited.is_set():
                waited.set()
                both_have_claims.wait()

        waited = threading.Event()

        watch = replace(small.watch, readers=1, progress=wait_for_the_other)
        reports.append(run_round(watch, Scope(due=True)))

    monkeypatch.setattr(rounds_module, "BATCH", 3)
    in_threads(one, 2)
    assert sum(report.expected for report in reports) == 40
    assert all(report.expected for report in reports), "both took a part"
    for store in small.stores.values():
        assert set(Counter(store.opened).values()) == {1}
        assert len(store.opened) == 20
    assert small.tallied() == {("main", "intact"): 20, ("second", "intact"): 20}
    small.catalogue.close()


def test_claims_of_several_watches_never_overlap(tmp_path: Path, database_url: str) -> None:
    small = miniature(tmp_path, database_url, bags=20)
    taken: list[tuple[int, str]] = []

    def claim() -> None:
        while True:
            with small.catalogue.writing() as session:
                refs = copies.claim_due(session, at=START, lease_for=timedelta(hours=1), limit=3)
            if not refs:
                return
            taken.extend((ref.aip_id, ref.store) for ref in refs)

    in_threads(claim, 4)
    assert len(taken) == len(set(taken)) == 40
    small.catalogue.close()


# --- interruption -----------------------------------------------------------------------------------------------------


def test_a_round_that_was_killed_is_taken_up_when_its_claims_lapse(tmp_path: Path, database_url: str) -> None:
    small = miniature(tmp_path, database_url, bags=6, stores=("main",))
    killed: list[str] = []

    def kill(key: str, _before: int, data: bytes) -> bytes:
        killed.append(key)
        raise Killed

    small.stores["main"].garbles = kill
    with pytest.raises(Killed):
        small.audit(due=True)
    assert killed
    assert rows_of_rounds(small) == [("due", False, 0, 0)], "it is seen that it never ended"
    small.stores["main"].garbles = None
    assert small.audit(due=True).expected == 0, "its claims stand"
    small.clock.forward(hours=1)
    report = small.audit(due=True)
    assert (report.expected, report.intact) == (6, 6)
    assert rows_of_rounds(small) == [("due (interrupted)", True, 0, 0), ("due", True, 6, 6)]
    with small.catalogue.reading() as session:
        newest, interrupted = rounds.latest(session)
        assert rounds.was_interrupted(interrupted)
        assert not rounds.was_interrupted(newest)
        assert rounds.label(interrupted) == "due"
    small.catalogue.close()


def test_a_whole_round_does_not_wait_for_the_claims_of_a_dead_one(small: Miniature) -> None:
    with small.catalogue.writing() as session:
        assert len(copies.claim_due(session, at=START, lease_for=timedelta(hours=1), limit=100)) == 6
    assert small.audit(due=True).expected == 0
    assert small.audit().intact == 6


def test_a_living_round_that_was_taken_for_dead_opens_itself_again(small: Miniature) -> None:
    with small.catalogue.writing() as session:
        first = rounds.begin(session, "all", START, "mahfuz test")
    with small.catalogue.writing() as session:
        rounds.begin(session, "due", START, "mahfuz test")
    assert [row[:2] for row in rows_of_rounds(small)] == [("all (interrupted)", True), ("due", False)]
    with small.catalogue.writing() as session:
        rounds.note(session, first, rounds.RoundCounts(intact=1))
    assert [row[:2] for row in rows_of_rounds(small)] == [("all", False), ("due", False)]


def test_what_an_overtaken_round_reads_is_not_written_over_newer_knowledge(small: Miniature) -> None:
    with small.catalogue.writing() as session:
        slow = copies.claim_due(session, at=START, lease_for=timedelta(hours=1), limit=100)
    small.path("main", small.bags[0]).unlink()
    assert small.audit(mend=False).missing == 1
    with small.catalogue.writing() as session:
        verdicts = [copies.Verdict(ref, AuditOutcome.INTACT, START, START) for ref in slow if ref.store == "main"]
        assert copies.record_all(session, verdicts) == {}
    assert small.copy("main", small.bags[0]).state == "missing"


def test_a_round_asked_to_stop_writes_down_what_it_read_and_gives_the_rest_back(
    tmp_path: Path, sqlite_url: str
) -> None:
    small = miniature(tmp_path, sqlite_url, bags=20, stores=("main",))
    main = small.stores["main"]
    watch = replace(small.watch, readers=1, stopping=lambda: len(main.opened) >= 5)
    report = run_round(watch, Scope(due=True))
    assert (report.expected, report.intact, report.stopped, report.exit_status) == (5, 5, True, 3)
    assert small.audit(due=True).expected == 15, "nobody waits for a lease"


def test_no_transaction_is_open_while_bytes_move(tmp_path: Path, sqlite_url: str) -> None:
    small = miniature(tmp_path, sqlite_url)
    wrote: list[int] = []

    def write(_key: str, _before: int, data: bytes) -> bytes:
        with small.catalogue.writing() as session:
            wrote.append(len(session.execute(select(Copy.aip_id)).all()))
        return data

    for store in small.stores.values():
        store.garbles = write
    small.write("main", small.bags[0], b"damaged")
    assert small.audit().mended == 1
    assert wrote


# --- a clock that is set back, and a promise that is made shorter -----------------------------------------------------


def test_a_clock_that_was_a_year_ahead_leaves_nothing_unread_for_a_year(tmp_path: Path, database_url: str) -> None:
    small = miniature(tmp_path, database_url, bags=10, fixity_days=7, verified=START - timedelta(days=6))
    small.clock.forward(days=365)
    assert small.audit(due=True).expected == 20
    small.clock.forward(days=-365)
    read = []
    for _ in range(8):
        read.append(small.audit(due=True).expected)
        small.clock.forward(days=1)
    each = [small.copy(store, bag).verified_at for store in small.stores for bag in small.bags]
    assert all(when and START < when <= small.clock.now for when in each), "each within its promise"
    assert read[0] == 0, "they were read a moment ago, whatever that clock said"
    assert max(read) <= 10, "and no wave comes of it"
    small.catalogue.close()


def test_a_claim_made_by_a_clock_that_was_ahead_binds_nobody(tmp_path: Path, database_url: str) -> None:
    small = miniature(tmp_path, database_url, bags=2)
    with small.catalogue.writing() as session:
        ahead = START + timedelta(days=365)
        assert len(copies.claim_due(session, at=ahead, lease_for=timedelta(hours=1), limit=2)) == 2
        back = START + timedelta(hours=1)
        assert len(copies.claim_due(session, at=back, lease_for=timedelta(hours=1), limit=2)) == 2
    small.clock.forward(hours=1)
    assert small.audit(due=True).expected == 2, "a claim of two hours is one that is kept"
    small.catalogue.close()


def test_a_shorter_promise_holds_from_the_day_on_which_it_is_made(tmp_path: Path, database_url: str) -> None:
    small = miniature(
        tmp_path, database_url, bags=10, due=START + timedelta(days=60), verified=START - timedelta(days=20)
    )
    assert small.audit(due=True).expected == 0
    small.fixity_days = 30
    read = []
    for _ in range(11):
        read.append(small.audit(due=True).expected)
        small.clock.forward(days=1)
    assert sum(read) == 20, "verified 20 days ago, all are read within 10 days"
    assert max(read) < 20
    small.catalogue.close()


def test_a_silent_store_takes_nothing_from_the_share_of_the_others(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "SMALLEST_SHARE", 20)
    monkeypatch.setattr(rounds_module, "BATCH", 10)
    small = miniature(tmp_path, sqlite_url, bags=30, verified=START - timedelta(days=75))
    small.stores["main"].silent = True
    read = [small.audit(due=True).intact for _ in range(8)]
    assert small.stores["main"].happened["silent"] >= 5
    assert sum(read) == 20, "the day's share is read in the store that answers"


def test_no_round_looks_for_its_copies_by_reading_the_table(tmp_path: Path, sqlite_url: str) -> None:
    small = miniature(tmp_path, sqlite_url, bags=3)
    small.write("main", small.bags[0], b"x")
    with plans(small.catalogue.engine, " copy", ("SELECT", "UPDATE")) as found:
        assert small.audit(due=True).mended == 1
    assert found
    assert not [steps for steps in found if any(step.startswith("SCAN copy") for step in steps)], found
    small.catalogue.close()
