"""Damage is mended from a copy verified this moment, and where witnesses disagree nothing is overwritten."""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from pathlib import Path

import pytest
from builders import BagFault, build_bag, flipped
from faults import FlippingStore, GarblingStore, UnheardStore
from sqlalchemy import update
from watched import FaultyStore, Killed, Miniature, miniature

from fixity.audit import Reading, audit
from fixity.mending import mend
from repository.bags import Bag
from repository.catalogue.copies import CopyRef
from repository.models import Aip
from repository.storage import Store
from repository.vocabulary import AuditOutcome, CopyState, bag_key


@pytest.fixture
def small(tmp_path: Path) -> Miniature:
    return miniature(tmp_path, f"sqlite:///{tmp_path / 'catalogue.sqlite'}", bags=2)


@pytest.fixture
def three(tmp_path: Path) -> Miniature:
    url = f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
    return miniature(tmp_path, url, bags=1, stores=("main", "second", "third"))


def damage(small: Miniature, store: str, bag: Bag, offset: int = 3000) -> bytes:
    data = flipped(small.bytes_of(store, bag), offset)
    small.write(store, bag, data)
    return data


def test_any_flipped_byte_is_found_and_the_copy_is_byte_identical_again(tmp_path: Path) -> None:
    """200 flips at random places: 20 bags in three stores, ten rounds, one copy of each bag damaged in each."""
    dice = random.Random(19)
    url = f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
    small = miniature(tmp_path, url, bags=20, stores=("main", "second", "third"))
    whole = {bag.article_id: bag.path.read_bytes() for bag in small.bags}
    for _ in range(10):
        for bag in small.bags:
            damaged = bytearray(whole[bag.article_id])
            damaged[dice.randrange(len(damaged))] ^= dice.randrange(1, 256)
            small.write(dice.choice(list(small.stores)), bag, bytes(damaged))
        report = small.audit()
        assert (report.expected, report.damaged, report.mended, report.intact) == (60, 20, 20, 40)
        assert report.exit_status == 1
        for store in small.stores:
            assert {bag.article_id: small.bytes_of(store, bag) for bag in small.bags} == whole
        small.clock.forward(seconds=1)
    assert small.audit().exit_status == 0
    assert small.tallied() == {(store, "intact"): 20 for store in small.stores}
    assert len(small.quarantined()) == 200


@pytest.mark.parametrize("how", ["truncated", "appended", "emptied", "removed"])
def test_a_copy_that_lost_or_gained_bytes_is_whole_again(small: Miniature, how: str) -> None:
    bag = small.bags[0]
    whole = small.bytes_of("second", bag)
    if how == "removed":
        small.path("second", bag).unlink()
    else:
        small.write("second", bag, {"truncated": whole[:-700], "appended": whole + b"x", "emptied": b""}[how])
    report = small.audit()
    assert (report.damaged, report.missing) == ((0, 1) if how == "removed" else (1, 0))
    assert report.mended == 1
    assert small.bytes_of("second", bag) == whole
    assert len(small.quarantined()) == (0 if how == "removed" else 1)


def test_two_swapped_bags_are_both_put_right(small: Miniature) -> None:
    first, second = small.bags
    a, b = small.bytes_of("main", first), small.bytes_of("main", second)
    small.write("main", first, b)
    small.write("main", second, a)
    report = small.audit()
    assert (report.damaged, report.mended) == (2, 2)
    assert (small.bytes_of("main", first), small.bytes_of("main", second)) == (a, b)


def test_two_of_three_copies_damaged_alike_are_mended_from_the_one_that_bears_the_seal(three: Miniature) -> None:
    (bag,) = three.bags
    whole = three.bytes_of("main", bag)
    for store in ("main", "second"):
        damage(three, store, bag)
    report = three.audit()
    assert (report.damaged, report.mended) == (2, 2)
    assert report.troubles[0].source == "third", "the seal decides, not the majority"
    assert all(three.bytes_of(store, bag) == whole for store in three.stores)


@pytest.mark.parametrize("more", [[], [3001]], ids=["alike", "differently"])
def test_when_the_same_byte_is_whole_nowhere_nothing_is_overwritten(small: Miniature, more: list[int]) -> None:
    bag = small.bags[0]
    for store in small.stores:
        damage(small, store, bag)
    for offset in more:
        damage(small, "second", bag, offset)
    left = {store: small.bytes_of(store, bag) for store in small.stores}
    report = small.audit()
    assert (report.damaged, report.mended, report.decisions, report.exit_status) == (2, 0, 0, 1)
    assert {store: small.bytes_of(store, bag) for store in small.stores} == left
    assert not any(store.happened["replaced"] for store in small.stores.values())
    assert small.copy("main", bag).state == "damaged"
    assert [(kind, outcome) for kind, outcome, _ in small.events(bag, "main")] == [
        ("fixity check", "failure"),
        ("recovery", "failure"),
    ]


def test_a_seal_altered_in_the_catalogue_is_for_a_person_to_decide(small: Miniature) -> None:
    bag = small.bags[0]
    whole = small.bytes_of("main", bag)
    with small.catalogue.writing() as session:
        changed = session.execute(update(Aip).where(Aip.seal == bag.seal).values(seal="0" * 64))
        assert changed.rowcount == 1
    report = small.audit()
    assert (report.damaged, report.mended, report.decisions, report.exit_status) == (2, 0, 2, 4)
    assert all(small.bytes_of(store, bag) == whole for store in small.stores)
    assert not any(store.happened["replaced"] for store in small.stores.values())
    assert "seal in the catalogue may be what is wrong" in report.troubles[0].detail


def test_a_seal_altered_to_that_of_another_valid_bag_is_for_a_person_to_decide(
    small: Miniature, tmp_path: Path
) -> None:
    """Somebody wrote a bag of their own into one store and its seal into the catalogue; the other copy tells."""
    bag = small.bags[0]
    (tmp_path / "forged").mkdir()
    forged = build_bag(tmp_path / "forged", article_id=bag.article_id, payload={"makale.pdf": b"%PDF-1.7 forged"})
    small.write("main", bag, forged.path.read_bytes())
    with small.catalogue.writing() as session:
        session.execute(update(Aip).where(Aip.seal == bag.seal).values(seal=forged.seal, bytes=forged.bytes))
    before = small.bytes_of("second", bag)
    report = small.audit()
    assert (report.intact, report.damaged, report.mended, report.exit_status) == (3, 1, 0, 4)
    assert small.bytes_of("second", bag) == before
    assert "decay does not do that" in report.troubles[0].detail


def test_a_bag_sealed_wrong_mends_nothing_and_waits_for_a_person(small: Miniature, tmp_path: Path) -> None:
    bag = small.bags[0]
    (tmp_path / "wrong").mkdir()
    wrong = build_bag(tmp_path / "wrong", fault=BagFault.FLIPPED_MANIFEST_BIT, article_id=bag.article_id)
    data = wrong.path.read_bytes()
    for store in small.stores:
        small.write(store, bag, data)
    with small.catalogue.writing() as session:
        values = {"seal": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        session.execute(update(Aip).where(Aip.seal == bag.seal).values(**values))
    assert small.audit().exit_status == 0
    report = small.audit(deep=True)
    assert (report.damaged, report.mended, report.decisions, report.exit_status) == (2, 0, 2, 4)
    report = small.audit()
    assert (report.damaged, report.intact) == (2, 2), "the seal fits, and what is inside is as wrong as before"
    small.clock.forward(days=2)
    assert small.audit(due=True).damaged == 2
    assert {small.copy(store, bag).state for store in small.stores} == {CopyState.DAMAGED}
    small.path("main", bag).unlink()
    report = small.audit()
    assert (report.missing, report.mended, report.exit_status) == (1, 0, 4), "a bag sealed wrong is not spread"
    assert not small.path("main", bag).exists()


def test_the_damaged_bytes_lie_in_quarantine_with_a_report_before_they_are_replaced(small: Miniature) -> None:
    bag = small.bags[0]
    damaged = damage(small, "main", bag)
    seen: list[bytes] = []

    def look(when: str) -> None:
        if when == "before":
            (kept,) = small.quarantined()
            seen.append(kept.read_bytes())
            report = json.loads(kept.with_suffix(".json").read_text())
            assert report["found_sha256"] == hashlib.sha256(damaged).hexdigest()

    small.stores["main"].at_replace = look
    assert small.audit().mended == 1
    assert seen == [damaged]
    (kept,) = small.quarantined()
    folder = small.home / "quarantine" / "main" / f"{bag.article_id}-v1"
    assert kept == folder / f"20261123T090000Z-{hashlib.sha256(damaged).hexdigest()[:12]}.tar"
    assert [path.name for path in (small.home / "quarantine").iterdir()] == ["main"], "nothing fetched is left behind"


def test_the_events_tell_what_was_found_kept_and_mended(small: Miniature) -> None:
    bag = small.bags[0]
    damaged = damage(small, "main", bag)
    small.audit()
    (check, kept, recovery) = small.events(bag, "main")
    assert (check[0], check[1], check[2]["sha256"]) == ("fixity check", "failure", hashlib.sha256(damaged).hexdigest())
    assert kept[:2] == ("quarantine", "success")
    assert recovery[:2] == ("recovery", "success")
    assert (recovery[2]["before"], recovery[2]["after"]) == (hashlib.sha256(damaged).hexdigest(), bag.seal)
    assert recovery[2]["source"] == "second"
    assert not small.events(bag, "second"), "whole as before: the round tells of it"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_round_killed_around_the_replacing_is_finished_by_the_next(small: Miniature, when: str) -> None:
    bag = small.bags[0]
    damaged = damage(small, "main", bag)
    killed: list[str] = []

    def kill(now: str) -> None:
        if now == when:
            killed.append(now)
            raise Killed

    small.stores["main"].at_replace = kill
    with pytest.raises(Killed):
        small.audit()
    assert killed == [when]
    assert small.copy("main", bag).state == "damaged", "what was found is written down before anything is replaced"
    assert (small.bytes_of("main", bag) == damaged) == (when == "before")

    small.stores["main"].at_replace = None
    small.clock.forward(hours=2)
    report = small.audit()
    assert (report.damaged, report.mended) == ((1, 1) if when == "before" else (0, 0))
    assert small.whole("main", bag)
    assert small.copy("main", bag).state == "intact"
    (kept,) = small.quarantined()
    assert kept.read_bytes() == damaged, "kept once, although two rounds came by"
    assert small.tallied() == {("main", "intact"): 2, ("second", "intact"): 2}
    if when == "after":
        assert small.events(bag, "main")[-1][2]["before"] == "damaged"


def test_doubt_repairs_nothing(small: Miniature) -> None:
    bag = small.bags[0]
    ref = CopyRef(1, "main", bag.article_id, 1, bag.seal, bag.bytes)
    doubt = Reading(AuditOutcome.UNREADABLE, detail="no answer")
    mending = mend(ref, doubt, small.stores, [ref], small.home / "quarantine")
    assert not mending.mended
    assert not small.stores["main"].happened["replaced"]


def test_with_the_good_copy_out_of_reach_nothing_is_decided_and_it_is_tried_again_soon(small: Miniature) -> None:
    bag = small.bags[0]
    damaged = damage(small, "main", bag)
    small.stores["second"].silent = True
    report = small.audit()
    assert (report.damaged, report.mended, report.unreadable, report.exit_status) == (1, 0, 2, 1)
    assert small.bytes_of("main", bag) == damaged
    assert small.events(bag, "main")[-1][:2] == ("recovery", "unknown")
    small.stores["second"].silent = False
    small.clock.forward(hours=1)
    assert small.audit(due=True).mended == 1


def test_a_store_that_changed_since_it_was_read_is_left_as_it_is(small: Miniature) -> None:
    bag = small.bags[0]
    damage(small, "main", bag)
    other = flipped(small.bytes_of("main", bag), 5000)

    def change(when: str) -> None:
        if when == "before":
            small.write("main", bag, other)

    small.stores["main"].at_replace = change
    report = small.audit()
    assert (report.damaged, report.mended) == (1, 0)
    assert small.bytes_of("main", bag) == other
    assert "changed since" in report.troubles[0].detail


def test_wrong_bytes_twice_and_others_at_the_third_reading_are_doubt_and_no_damage(small: Miniature) -> None:
    """A line that flips the same bit twice by chance: the copy is as it was, and is read again soon."""
    bag = small.bags[0]
    key, store = bag_key(bag.article_id, bag.version), small.stores["main"]

    def garbles(read: str, times: int, data: bytes) -> bytes:
        if read != key or times > 1 or len(data) < 4000:
            return data
        store.happened["flipped"] += 1
        return flipped(data, 3000)

    store.garbles = garbles
    report = small.audit()
    assert store.happened["flipped"] == 2, "the fault happened, and the third reading was right"
    assert (report.intact, report.unreadable, report.damaged, report.mended) == (3, 1, 0, 0)
    assert report.exit_status == 3
    assert "a moment ago" in report.troubles[0].detail
    assert store.happened["replaced"] == 0
    assert small.copy("main", bag).state == "intact"
    assert small.copy("main", bag).unreadable_since is not None
    small.clock.forward(hours=2)
    assert small.audit().intact == 4
    assert small.copy("main", bag).unreadable_since is None


def test_a_copy_mended_by_another_hand_meanwhile_is_recorded_as_it_is(small: Miniature) -> None:
    bag = small.bags[0]
    whole = small.bytes_of("main", bag)
    damage(small, "main", bag)

    def change(when: str) -> None:
        if when == "before":
            small.path("main", bag).unlink()

    small.stores["main"].at_replace = change
    report = small.audit()
    assert (report.damaged, report.mended) == (1, 0)
    assert small.copy("main", bag).state == "missing"
    small.stores["main"].at_replace = None
    assert small.audit().mended == 1
    assert small.bytes_of("main", bag) == whole


def test_a_replacing_that_did_not_arrive_is_not_called_mended(small: Miniature) -> None:
    bag = small.bags[0]
    damage(small, "main", bag)

    def decay(when: str) -> None:
        if when == "after":
            damage(small, "main", bag, 4000)

    small.stores["main"].at_replace = decay
    report = small.audit()
    assert small.stores["main"].happened["replaced"] == 1
    assert (report.damaged, report.mended, report.exit_status) == (1, 0, 1)
    assert small.copy("main", bag).state == "damaged"


def test_a_lost_acknowledgement_is_settled_by_reading(small: Miniature) -> None:
    bag = small.bags[0]
    damage(small, "main", bag)
    unheard = UnheardStore(small.stores["main"])
    report = small.audit({**small.stores, "main": unheard})
    assert unheard.struck == 1
    assert (report.damaged, report.mended) == (1, 1)
    assert small.whole("main", bag)
    assert "acknowledgement was lost" in small.events(bag, "main")[-1][2]["detail"]


def test_a_store_that_writes_other_bytes_than_it_says_is_found_out(small: Miniature) -> None:
    bag = small.bags[0]
    damage(small, "main", bag)
    garbling = GarblingStore(small.stores["main"])
    report = small.audit({**small.stores, "main": garbling})
    assert garbling.struck == 1
    assert (report.damaged, report.mended, report.exit_status) == (1, 0, 1)
    assert small.copy("main", bag).state == "damaged"
    assert small.audit().mended == 1


def test_a_source_that_is_garbled_on_the_way_is_no_source_but_a_piece_of_one(small: Miniature) -> None:
    bag = small.bags[0]
    damage(small, "main", bag)
    refs = {store: CopyRef(1, store, bag.article_id, 1, bag.seal, bag.bytes) for store in small.stores}
    reading = audit(small.stores["main"], refs["main"])
    flipping = FlippingStore(small.stores["second"], 700)
    stores: dict[str, Store] = {"main": small.stores["main"], "second": flipping}
    mending = mend(refs["main"], reading, stores, [refs["second"]], small.home / "quarantine")
    assert flipping.struck == 1
    assert mending.mended
    assert mending.source == "main + second", "what it garbled was taken from the other"
    assert small.whole("main", bag)


def test_without_room_for_evidence_nothing_is_replaced(small: Miniature) -> None:
    bag = small.bags[0]
    damaged = damage(small, "main", bag)
    (small.home / "quarantine").parent.mkdir(exist_ok=True)
    (small.home / "quarantine").write_text("a file where the folder should be")
    report = small.audit()
    assert (report.damaged, report.mended) == (1, 0)
    assert small.bytes_of("main", bag) == damaged
    assert "our own disk" in report.troubles[0].detail


def test_a_store_in_which_nothing_can_be_replaced_says_so(small: Miniature) -> None:
    class Frozen:
        """Only the four verbs."""

        def __init__(self, store: FaultyStore) -> None:
            self.name, self.prepare, self.put = store.name, store.prepare, store.put
            self.open, self.head, self.keys = store.open, store.head, store.keys

    bag = small.bags[0]
    damaged = damage(small, "main", bag)
    stores: dict[str, Store] = {**small.stores, "main": Frozen(small.stores["main"])}
    report = small.audit(stores)
    assert (report.damaged, report.mended) == (1, 0)
    assert small.bytes_of("main", bag) == damaged
    assert "nothing can be replaced" in report.troubles[0].detail


def test_what_a_killed_run_fetched_is_swept_after_a_day(small: Miniature) -> None:
    folder = small.home / "quarantine"
    folder.mkdir(parents=True)
    old, new = folder / ".fetched-old.tar", folder / ".fetched-new.tar"
    for path in (old, new):
        path.write_bytes(b"left behind")
    yesterday = time.time() - 90_000
    os.utime(old, (yesterday, yesterday))
    damage(small, "main", small.bags[0])
    assert small.audit().mended == 1
    assert (old.exists(), new.exists()) == (False, True)


def test_damage_in_the_real_stores_is_mended(stores: list[Store], tmp_path: Path) -> None:
    """The S3 store too: damaged through the back door, mended through replace, read again."""
    bag = build_bag(tmp_path)
    key = bag_key(bag.article_id, bag.version)
    by_name = {store.name: store for store in stores}
    refs = {name: CopyRef(1, name, bag.article_id, 1, bag.seal, bag.bytes) for name in by_name}
    damaged = tmp_path / "damaged.tar"
    damaged.write_bytes(flipped(bag.path.read_bytes(), 4000))
    found = hashlib.sha256(damaged.read_bytes()).hexdigest()
    for bad, good in (("main", "second"), ("second", "main")):
        fresh = by_name[bad]
        if bad == "main":
            fresh.put(key, damaged, found)
            by_name[good].put(key, bag.path, bag.seal)
        else:
            (tmp_path / "second-store" / key).write_bytes(damaged.read_bytes())
        reading = audit(fresh, refs[bad])
        assert (reading.outcome, reading.found_sha256) == ("damaged", found)
        mending = mend(refs[bad], reading, by_name, [refs[good]], tmp_path / "quarantine")
        assert mending.mended, mending.detail
        assert audit(fresh, refs[bad]).outcome is AuditOutcome.INTACT
