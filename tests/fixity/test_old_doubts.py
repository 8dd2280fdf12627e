"""What cannot be read for a week, in a store that gives others, is damage: mended, and never before its time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from watched import FaultyStore, Miniature, miniature

from fixity.report import RoundReport
from fixity.rounds import Scope, run_round
from repository.bags import Bag
from repository.errors import StoreUnavailable
from repository.storage import UNREADABLE, ByteStream, Store
from repository.storage.s3 import S3Store
from repository.vocabulary import CopyState, bag_key


class Rotten(FaultyStore):
    """One object of it answers every GET with an error, until it is written anew."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        self.rotten: set[str] = set()

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        self._refuse(key)
        with super().open(key, offset, length) as stream:
            yield stream

    def _digest(self, path: Path) -> str:
        self._refuse(path.relative_to(self.root).as_posix())
        return super()._digest(path)

    def replace(self, key: str, source: Path, sha256: str, damaged_sha256: str | None) -> None:
        super().replace(key, source, sha256, damaged_sha256)
        self.rotten.discard(key)

    def _refuse(self, key: str) -> None:
        if key in self.rotten:
            self.happened["refused"] += 1
            raise StoreUnavailable(self.name, "GetObject answered 500 InternalError")


@pytest.fixture
def small(tmp_path: Path, database_url: str) -> Iterator[Miniature]:
    made = miniature(tmp_path, database_url)
    rotten = Rotten("main", made.stores["main"].root)
    made.stores["main"] = rotten
    rotten.rotten.add(bag_key(made.bags[0].article_id, 1))
    yield made
    made.catalogue.close()


def audit(small: Miniature, **scope: Any) -> RoundReport:
    watch = replace(small.watch, canaries=small.home / "canaries")
    return run_round(watch, Scope(**{"due": False, **scope}))


def first(small: Miniature) -> tuple[Bag, Rotten]:
    store = small.stores["main"]
    assert isinstance(store, Rotten)
    return small.bags[0], store


def test_it_is_doubt_for_a_week_and_then_damage_which_is_mended(small: Miniature) -> None:
    bag, store = first(small)
    for _ in range(7):
        report = audit(small)
        assert (report.unreadable, report.damaged, report.mended) == (1, 0, 0)
        assert small.copy("main", bag).state == CopyState.INTACT
        small.clock.forward(days=1)
    report = audit(small)
    assert store.happened["refused"] > 7
    assert (report.unreadable, report.damaged, report.mended) == (0, 1, 1)
    assert report.expected == report.intact + report.damaged
    assert not store.rotten, "it was written anew"
    copy = small.copy("main", bag)
    assert (copy.state, copy.unreadable_since, copy.verified_at) == (CopyState.INTACT, None, small.clock())
    (kept,) = (small.home / "quarantine").glob("main/*/*-unreadable.json")
    assert "answered 500" in kept.read_text()
    assert any(kind == "recovery" and outcome == "success" for kind, outcome, _ in small.events(bag, "main"))
    assert audit(small).exit_status == 0


def test_a_due_round_of_this_copy_alone_can_tell_by_the_canary(small: Miniature) -> None:
    bag, _ = first(small)
    audit(small)
    small.clock.forward(days=7, hours=1)
    report = audit(small, due=True, store="main")
    assert (report.expected, report.damaged, report.mended) == (1, 1, 1)
    assert small.copy("main", bag).state == CopyState.INTACT


def test_in_a_store_that_gives_nothing_it_stays_doubt(small: Miniature) -> None:
    bag, store = first(small)
    audit(small)
    small.clock.forward(days=30)
    store.silent = True
    report = audit(small)
    assert store.happened["silent"]
    assert (report.unreadable, report.damaged) == (3, 0)
    assert small.copy("main", bag).state == CopyState.INTACT


def test_where_no_other_copy_answers_it_is_damage_that_is_tried_again_soon(small: Miniature) -> None:
    bag, store = first(small)
    audit(small)
    small.clock.forward(days=8)
    small.stores["second"].silent = True
    report = audit(small, store="main")
    assert (report.damaged, report.mended) == (1, 0)
    assert small.copy("main", bag).state == CopyState.DAMAGED
    assert store.rotten
    small.stores["second"].silent = False
    small.clock.forward(hours=1, minutes=1)
    report = audit(small, store="main")
    assert (report.damaged, report.mended) == (1, 1), "it does not wait another week"
    small.tallied()


def test_what_can_be_read_again_meanwhile_is_not_overwritten(small: Miniature) -> None:
    bag, store = first(small)
    audit(small)
    small.clock.forward(days=8)
    other = small.bytes_of("main", small.bags[1])

    def change(_when: str) -> None:
        if store.rotten:
            store.rotten.clear()
            small.path("main", bag).write_bytes(other)

    store.at_replace = change
    report = audit(small)
    assert (report.damaged, report.mended) == (1, 0)
    assert small.bytes_of("main", bag) == other, "it was readable, and other than what was thought"
    store.at_replace = None


def test_a_store_that_comes_back_in_the_middle_of_a_round_was_never_damaged(small: Miniature) -> None:
    _, store = first(small)
    store.rotten.clear()
    bags = {bag_key(bag.article_id, 1) for bag in small.bags}
    store.rotten |= bags
    audit(small)
    small.clock.forward(days=8)
    asked: list[str] = []
    refuse = store._refuse

    def back_after_the_first(key: str) -> None:
        asked.extend({key} & bags)
        if len(asked) > 1:
            store.rotten.clear()
        refuse(key)

    store._refuse = back_after_the_first  # type: ignore[method-assign]
    refused = store.happened["refused"]
    report = run_round(
        replace(small.watch, canaries=small.home / "canaries", readers=1), Scope(due=False, store="main")
    )
    assert store.happened["refused"] == refused + 1, "one was asked for before it was back"
    assert (report.damaged, report.unreadable, report.mended) == (0, 0, 0)
    assert {small.copy("main", bag).state for bag in small.bags} == {CopyState.INTACT}
    assert not (small.home / "quarantine").exists()


@pytest.mark.parametrize("index", [0, 1])
def test_real_stores_replace_what_cannot_be_read_and_nothing_else(
    stores: list[Store], index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from builders import build_bag

    from repository.errors import WouldOverwrite
    from repository.storage import Mendable

    store = stores[index]
    assert isinstance(store, Mendable)
    old, new = build_bag(tmp_path / "a"), build_bag(tmp_path / "b", payload={"b.xml": b"<b/>"})
    store.put("aa/x.tar", old.path, old.seal)
    with pytest.raises(WouldOverwrite):
        store.replace("aa/x.tar", new.path, new.seal, UNREADABLE)
    with pytest.raises(WouldOverwrite):
        store.replace("aa/nothing.tar", new.path, new.seal, UNREADABLE)

    def refuse(*_: object) -> str:
        raise StoreUnavailable(store.name, "500")

    with monkeypatch.context() as patched:
        patched.setattr(type(store), "_digest", refuse)
        with pytest.raises(StoreUnavailable):
            store.replace("aa/x.tar", new.path, new.seal, old.seal)
        store.replace("aa/x.tar", new.path, new.seal, UNREADABLE)
    with store.open("aa/x.tar") as stream:
        assert stream.read(1 << 20) == new.path.read_bytes()
    assert isinstance(store, S3Store) == (index == 0)
