"""One reading tells damage, absence and doubt apart, whatever the store does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from builders import PAYLOAD, BagFault, build_bag, flipped
from watched import FaultyStore

from fixity import audit as audit_module
from fixity.audit import audit
from repository.bags import Bag
from repository.catalogue.copies import CopyRef
from repository.storage import Store
from repository.vocabulary import AuditOutcome, bag_key


@pytest.fixture
def store(tmp_path: Path) -> FaultyStore:
    store = FaultyStore("main", tmp_path / "main")
    store.prepare()
    return store


@pytest.fixture
def bag(tmp_path: Path) -> Bag:
    return build_bag(tmp_path, payload={**PAYLOAD, "büyük.pdf": random.Random(1).randbytes(3 * 2**20 + 17)})


def ref_of(bag: Bag, store: str = "main") -> CopyRef:
    return CopyRef(1, store, bag.article_id, bag.version, bag.seal, bag.bytes)


def put(store: Store, bag: Bag) -> CopyRef:
    store.put(bag_key(bag.article_id, bag.version), bag.path, bag.seal)
    return ref_of(bag, store.name)


def lies_at(store: FaultyStore, bag: Bag) -> Path:
    return store.root / bag_key(bag.article_id, bag.version)


def test_a_whole_copy_is_intact_in_every_kind_of_store(stores: list[Store], bag: Bag) -> None:
    for store in stores:
        ref = put(store, bag)
        for deep in (False, True):
            reading = audit(store, ref, deep=deep)
            assert (reading.outcome, reading.found_sha256, reading.found_bytes) == ("intact", bag.seal, bag.bytes)
            assert not reading.mendable


def test_a_missing_copy_is_missing_in_every_kind_of_store(stores: list[Store], bag: Bag) -> None:
    for store in stores:
        reading = audit(store, ref_of(bag, store.name))
        assert reading.outcome is AuditOutcome.MISSING
        assert reading.found_sha256 is None
        assert reading.mendable


@pytest.mark.parametrize("change", ["flipped", "truncated", "appended", "emptied", "swapped"])
def test_other_bytes_are_damage(store: FaultyStore, bag: Bag, change: str, tmp_path: Path) -> None:
    ref = put(store, bag)
    whole = lies_at(store, bag).read_bytes()
    data = {
        "flipped": flipped(whole, len(whole) // 2),
        "truncated": whole[:-1],
        "appended": whole + b"\0",
        "emptied": b"",
        "swapped": build_bag(tmp_path / "other", article_id="f" * 32).path.read_bytes()
        if (tmp_path / "other").mkdir() is None
        else b"",
    }[change]
    assert data != whole
    lies_at(store, bag).write_bytes(data)
    reading = audit(store, ref)
    assert reading.outcome is AuditOutcome.DAMAGED
    assert reading.found_bytes == len(data)
    assert reading.mendable
    assert store.opened.count(ref.key) == 2, "damage is named only after a second reading"


def test_a_flip_on_the_way_is_not_damage(store: FaultyStore, bag: Bag) -> None:
    ref = put(store, bag)
    store.garbles = lambda _key, before, data: flipped(data, 0) if before == 0 else data
    reading = audit(store, ref)
    assert store.happened["garbled"]
    assert reading.outcome is AuditOutcome.INTACT
    assert "on the way" in reading.detail


def test_a_path_that_garbles_differently_each_time_is_doubt(store: FaultyStore, bag: Bag) -> None:
    ref = put(store, bag)
    store.garbles = lambda _key, before, data: flipped(data, before)
    reading = audit(store, ref)
    assert store.happened["garbled"] >= 2
    assert reading.outcome is AuditOutcome.UNREADABLE
    assert not reading.mendable


def test_a_silent_store_is_doubt(store: FaultyStore, bag: Bag) -> None:
    ref = put(store, bag)
    store.silent = True
    assert audit(store, ref).outcome is AuditOutcome.UNREADABLE
    assert store.happened["silent"]


def test_a_store_that_stops_in_the_middle_is_doubt(store: FaultyStore, bag: Bag) -> None:
    ref = put(store, bag)
    store.stops_at = bag.bytes - 1
    reading = audit(store, ref)
    assert store.happened["stopped"]
    assert reading.outcome is AuditOutcome.UNREADABLE
    assert "in the middle" in reading.detail


def test_fewer_bytes_than_announced_are_doubt_even_without_an_error(store: FaultyStore, bag: Bag) -> None:
    ref = put(store, bag)
    store.ends_at = bag.bytes - 512
    reading = audit(store, ref)
    assert store.happened["ended early"] == 2
    assert reading.outcome is AuditOutcome.UNREADABLE
    assert "announces" in reading.detail


def test_a_store_that_only_drips_is_given_up(store: FaultyStore, bag: Bag, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = put(store, bag)
    monkeypatch.setattr(audit_module, "PATIENCE_SECONDS", -1e9)
    reading = audit(store, ref)
    assert reading.outcome is AuditOutcome.UNREADABLE
    assert "given up" in reading.detail


def test_a_folder_that_went_away_is_doubt_and_not_absence(store: FaultyStore, bag: Bag, tmp_path: Path) -> None:
    ref = put(store, bag)
    store.root.rename(tmp_path / "unmounted")
    assert not store.root.exists()
    assert audit(store, ref).outcome is AuditOutcome.UNREADABLE


def test_an_object_that_is_announced_and_not_given_is_doubt(store: FaultyStore, bag: Bag) -> None:
    ref = put(store, bag)

    class Forgetful(FaultyStore):
        def head(self, key: str):  # type: ignore[no-untyped-def]
            return store.head(key)

    other = Forgetful("main", store.root.parent / "empty")
    other.prepare()
    reading = audit(other, ref)
    assert reading.outcome is AuditOutcome.UNREADABLE
    assert "announces" in reading.detail


def test_a_bag_sealed_wrong_is_found_by_a_deep_audit_and_never_mended(store: FaultyStore, tmp_path: Path) -> None:
    bag = build_bag(tmp_path, fault=BagFault.FLIPPED_PAYLOAD_BIT)
    import hashlib

    data = bag.path.read_bytes()
    seal = hashlib.sha256(data).hexdigest()
    assert seal != bag.seal
    store.put(bag_key(bag.article_id, bag.version), bag.path, seal)
    ref = CopyRef(1, "main", bag.article_id, bag.version, seal, len(data))
    assert audit(store, ref).outcome is AuditOutcome.INTACT, "the seal alone cannot know"
    reading = audit(store, ref, deep=True)
    assert reading.outcome is AuditOutcome.DAMAGED
    assert reading.sealed_wrong
    assert "sealed wrong" in reading.detail
    assert not reading.mendable


def test_no_false_alarm_in_thousands_of_clean_readings(store: FaultyStore, tmp_path: Path) -> None:
    ref = put(store, build_bag(tmp_path))
    outcomes = {audit(store, ref, deep=number % 10 == 0).outcome for number in range(3000)}
    assert outcomes == {AuditOutcome.INTACT}
    assert len(store.opened) == 3000, "none was even read twice"
