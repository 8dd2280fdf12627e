"""A store that was added comes to hold everything, whatever happens on the way, and nothing is said that is not so."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from servers import S3Server
from sqlalchemy import select
from watched import START, FaultyStore, Killed, Miniature, add_bag, miniature

from fixity import filling
from fixity.budget import Budget
from fixity.filling import Filling, fill
from repository.catalogue import disposals, recount
from repository.catalogue import filling as rows
from repository.errors import StoreUnavailable
from repository.models import Aip, Copy, Disposal, Lacking, StoreEntry, Tally
from repository.storage import ByteStream, Store, StoredObject
from repository.vocabulary import CopyState, EventType, bag_key

BAGS = 5


@pytest.fixture
def small(tmp_path: Path, database_url: str) -> Iterator[Miniature]:
    made = miniature(tmp_path, database_url, bags=BAGS)
    yield made
    made.catalogue.close()


def added(small: Miniature, name: str = "third") -> FaultyStore:
    """A further store in the settings."""
    store = FaultyStore(name, small.home.parent / "stores" / name)
    store.prepare()
    small.stores[name] = store
    return store


def filled(small: Miniature, name: str = "third", **budgets: Budget) -> Any:
    return fill(Filling(small.watch, budgets), name)


def progress(small: Miniature, name: str = "third") -> rows.Progress:
    with small.catalogue.reading() as session:
        return rows.progress(session, small.clock())[name]


def lying(store: FaultyStore) -> set[str]:
    return {one.key for one in store.keys(after="")}


def test_everything_is_copied_read_back_and_watched_from_then_on(small: Miniature) -> None:
    third = added(small)
    done = filled(small)
    assert (done.copied, done.left, done.problems, done.held_up, done.exit_status) == (BAGS, 0, 0, None, 0)
    assert done.bytes == sum(bag.bytes for bag in small.bags)
    assert all(small.whole("third", bag) for bag in small.bags)
    assert lying(third) == {bag_key(bag.article_id, bag.version) for bag in small.bags}
    for bag in small.bags:
        row = small.copy("third", bag)
        assert (row.state, row.verified_at) == (CopyState.INTACT, small.clock())
        assert row.next_due > small.clock()
        ((kind, outcome, detail),) = small.events(bag, "third")
        assert (kind, outcome, detail["source"]) == (EventType.REPLICATION, "success", "main")
        assert third.opened.count(bag_key(bag.article_id, bag.version)) == 1  # read back, and not more than once
    assert small.tallied()["third", "intact"] == BAGS
    assert not recount.run(small.catalogue, small.clock, anew=True).differences
    told = progress(small)
    assert (told.whole, told.filled_at, told.lacks.number, told.lacks.bytes) == (True, small.clock(), 0, 0)
    report = small.audit()
    assert (report.expected, report.intact) == (3 * BAGS, 3 * BAGS)


def test_nothing_is_done_twice_and_what_comes_later_is_seen(small: Miniature, tmp_path: Path) -> None:
    third = added(small)
    filled(small)
    small.clock.forward(hours=1)
    filled(small)
    third.opened.clear()
    assert filled(small).copied == 0
    assert third.opened == []
    with small.catalogue.reading() as session:
        assert session.get_one(StoreEntry, "third").reached == BAGS
    # A worker that was not started again does not know of the store yet.
    del small.stores["third"]
    add_bag(small, tmp_path / "late", BAGS, due=small.clock(), verified=small.clock())
    small.stores["third"] = third
    assert filled(small).copied == 1
    assert small.whole("third", small.bags[-1])
    assert not progress(small).lacks.number


def test_a_number_that_becomes_visible_late_is_not_passed_over(small: Miniature) -> None:
    """On PostgreSQL a bag may be seen after one with a higher number."""
    added(small)
    last = small.bags[-2]
    with small.catalogue.writing() as session:
        hidden = session.execute(select(Aip).where(Aip.article_id == last.article_id)).scalar_one()
        number, hidden.id = hidden.id, hidden.id  # what is registered now is not settled yet
        for aip in session.execute(select(Aip)).scalars():
            aip.registered_at = small.clock()
    filled(small)
    with small.catalogue.reading() as session:
        assert session.get_one(StoreEntry, "third").reached < number
    small.clock.forward(minutes=11)
    filled(small)
    with small.catalogue.reading() as session:
        assert session.get_one(StoreEntry, "third").reached == BAGS


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_was_killed_is_gone_on_with(small: Miniature, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Killed between a bag and its row: what lies there is read, and counts; nothing is put twice."""
    third = added(small)
    enter, note = rows.enter, rows.note
    entered: list[bool] = []

    def killed_before(*given: Any) -> bool:
        if when == "before":
            raise Killed
        entered.append(enter(*given))
        return entered[-1]

    def killed_after(*given: Any, **more: Any) -> bool:
        if entered:
            raise Killed
        return note(*given, **more)

    monkeypatch.setattr(filling, "AT_ONCE", 2)
    with monkeypatch.context() as patched:
        patched.setattr(rows, "enter", killed_before)
        patched.setattr(rows, "note", killed_after)
        with pytest.raises(Killed):
            filled(small)
    before = {key: (third.root / key).stat().st_ino for key in lying(third)}
    assert len(before) == 2
    assert filled(small) is None  # its claim stands for two minutes
    small.clock.forward(minutes=3)
    done = filled(small)
    assert done.copied == (BAGS if when == "before" else BAGS - 2)
    assert {key: (third.root / key).stat().st_ino for key in before} == before
    assert small.tallied()["third", "intact"] == BAGS
    assert not recount.run(small.catalogue, small.clock, anew=True).differences
    for bag in small.bags:
        assert len(small.events(bag, "third")) == 1


def test_a_damaged_source_is_passed_over_and_never_spread(small: Miniature) -> None:
    third = added(small)
    bag = small.bags[0]
    small.write("main", bag, small.bytes_of("main", bag)[:-1] + b"x")
    assert filled(small).copied == BAGS
    assert small.whole("third", bag)
    assert small.events(bag, "third")[0][2]["source"] == "second"
    assert third.happened["replaced"] == 0


def test_what_no_store_has_whole_waits_with_its_reason(small: Miniature) -> None:
    added(small)
    bag = small.bags[2]
    for name in ("main", "second"):
        small.path(name, bag).unlink()
    done = filled(small)
    assert (done.copied, done.left, done.problems, done.exit_status) == (BAGS - 1, 1, 1, 4)
    with small.catalogue.reading() as session:
        ((lacking, aip),) = rows.problems(session, "third", limit=9)
        assert (aip.article_id, "no copy to mend from" in lacking.problem) == (bag.article_id, True)
    assert not progress(small).whole
    # It came back: the next look after a day copies it.
    for name in ("main", "second"):
        small.stores[name].put(bag_key(bag.article_id, bag.version), bag.path, bag.seal)
    assert filled(small).copied == 0
    small.clock.forward(days=1, seconds=1)
    assert filled(small).copied == 1
    assert (progress(small).whole, progress(small).problems) == (True, 0)


def test_other_bytes_in_the_new_store_are_not_overwritten(small: Miniature, tmp_path: Path) -> None:
    third = added(small)
    bag = small.bags[1]
    path = third.root / bag_key(bag.article_id, bag.version)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"somebody else's")
    done = filled(small)
    assert (done.copied, done.problems, done.exit_status) == (BAGS - 1, 1, 4)
    assert path.read_bytes() == b"somebody else's"
    with small.catalogue.reading() as session:
        ((lacking, _),) = rows.problems(session, "third", limit=9)
    assert "not overwritten" in lacking.problem


def test_a_store_that_falls_silent_holds_it_up_and_loses_nothing(small: Miniature) -> None:
    third = added(small)
    third.silent_after = 2
    done = filled(small)
    assert done.held_up is not None
    assert done.exit_status == 3
    assert progress(small).held_up is not None
    third.silent_after, third.silent = None, False
    small.clock.forward(minutes=3)
    filled(small)
    small.clock.forward(hours=2)
    filled(small)
    told = progress(small)
    assert (told.whole, told.held_up, told.problems) == (True, None, 0)
    assert all(small.whole("third", bag) for bag in small.bags)


def test_a_silent_store_is_no_problem_of_the_bags(small: Miniature) -> None:
    third = added(small)
    third.silent = True
    done = filled(small)
    assert (done.copied, done.problems, done.exit_status) == (0, 0, 3)
    assert "connection refused" in done.held_up
    third.silent = False
    assert filled(small).copied == BAGS


class Refusing(FaultyStore):
    """Answers everything, but these keys: by ``how``, when they are asked for, put, or read."""

    def __init__(self, name: str, root: Path, how: str, bad: Collection[str]) -> None:
        super().__init__(name, root)
        self.how, self.bad = how, set(bad)

    def _refused(self, how: str, key: str) -> None:
        if how == self.how and key in self.bad:
            raise StoreUnavailable(self.name, f"{key} answered 500 InternalError")

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        self._refused("read", key)
        with super().open(key, offset, length) as stream:
            yield stream

    def head(self, key: str) -> StoredObject | None:
        self._refused("head", key)
        return super().head(key)

    def put(self, key: str, source: Path, sha256: str) -> Any:
        self._refused("put", key)
        return super().put(key, source, sha256)


def refusing(small: Miniature, how: str, *numbers: int) -> Refusing:
    bad = [bag_key(bag.article_id, bag.version) for bag in (small.bags[number] for number in numbers)]
    store = Refusing("third", small.home.parent / "stores" / "third", how, bad)
    store.prepare()
    small.stores["third"] = store
    return store


@pytest.mark.parametrize("number", [0, BAGS - 1])
@pytest.mark.parametrize("how", ["head", "put", "read"])
def test_one_bag_that_the_new_store_does_not_take_or_give_waits_and_the_rest_goes_on(
    small: Miniature, monkeypatch: pytest.MonkeyPatch, how: str, number: int
) -> None:
    monkeypatch.setattr(filling, "LOOKED_AT", 2)  # the last one is alone in its group
    monkeypatch.setattr(filling, "AT_ONCE", 2)
    third = refusing(small, how, number)
    done = filled(small)
    assert (done.copied, done.left, done.problems, done.held_up, done.exit_status) == (BAGS - 1, 1, 1, None, 4)
    with small.catalogue.reading() as session:
        ((lacking, aip),) = rows.problems(session, "third", limit=9)
        assert (aip.article_id, "500 InternalError" in lacking.problem) == (small.bags[number].article_id, True)
        assert session.get_one(StoreEntry, "third").reached == BAGS
    third.bad.clear()
    assert filled(small).copied == 0
    small.clock.forward(hours=1, seconds=1)  # what was put and not read back is found and read
    assert filled(small).copied == 1
    assert (progress(small).whole, progress(small).problems) == (True, 0)
    assert all(small.whole("third", bag) for bag in small.bags)


def test_what_a_killed_run_has_put_and_cannot_be_read_waits_too(small: Miniature) -> None:
    third = refusing(small, "read", 1)
    bag = small.bags[1]
    third.put(bag_key(bag.article_id, bag.version), bag.path, bag.seal)
    done = filled(small)
    assert (done.copied, done.problems, done.held_up) == (BAGS - 1, 1, None)


def test_many_bags_in_a_row_that_it_does_not_take_end_the_run_and_not_the_next_one(
    small: Miniature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a store that is full is not tried for each bag; and a folder of it that cannot be read bars none behind it."""
    for number in range(BAGS, BAGS + 2):
        add_bag(small, tmp_path / "more", number, due=START, verified=START - timedelta(days=80))
    monkeypatch.setattr(filling, "AT_ONCE", BAGS)
    refusing(small, "put", *range(BAGS))
    done = filled(small)
    assert (done.copied, done.problems, done.exit_status) == (0, BAGS, 3)
    assert "500 InternalError" in done.held_up
    done = filled(small)
    assert (done.copied, done.problems, done.held_up, done.exit_status) == (2, BAGS, None, 4)


def test_bags_that_wait_are_not_tried_before_their_time_where_nothing_is_settled(small: Miniature) -> None:
    refusing(small, "head", 0)
    with small.catalogue.writing() as session:
        for aip in session.execute(select(Aip)).scalars():
            aip.registered_at = small.clock()
    filled(small)
    with small.catalogue.reading() as session:
        before = rows.problems(session, "third", limit=9)[0][0].next_try
    small.clock.forward(minutes=1)
    filled(small)
    with small.catalogue.reading() as session:
        assert rows.problems(session, "third", limit=9)[0][0].next_try == before


def test_what_the_store_garbles_is_not_called_whole(small: Miniature) -> None:
    third = added(small)
    third.garbles = lambda _key, _before, data: data[:-1] + b"x"
    done = filled(small)
    assert (done.copied, done.problems) == (0, BAGS)
    assert ("third", "intact") not in small.tallied()


def test_a_silent_source_is_not_asked_for_every_bag(small: Miniature) -> None:
    added(small)
    small.stores["main"].silent = True
    work = Filling(replace(small.watch, readers=1))
    assert fill(work, "third").copied == BAGS  # type: ignore[union-attr]
    assert small.stores["main"].happened["silent"] == 1


def test_what_may_be_copied_a_second_is_kept_to(small: Miniature) -> None:
    added(small)
    slept: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    budget = Budget(small.bags[0].bytes / 10, monotonic=lambda: now[0], sleep=sleep)
    work = Filling(replace(small.watch, readers=1), {"third": budget})
    fill(work, "third")
    assert 30 <= sum(slept) <= 50  # five bags at a tenth of one a second, the first ones without waiting


def test_the_pace_tells_the_end(small: Miniature) -> None:
    added(small)
    with small.catalogue.writing() as session:
        going = rows.begin(session, "third", small.clock(), lease_for=timedelta(hours=1))
        assert going is not None
        assert rows.note(session, going, small.clock(), lease_for=timedelta(hours=1), begins=True)
    with small.catalogue.writing() as session:
        refs = rows.look(session, "third", 0, limit=9)[1][:2]
        small.clock.forward(seconds=100)
        done = [rows.Copied(ref, "main", small.clock()) for ref in refs]
        assert rows.enter(session, going, done, [], [], small.watch.promises, small.clock(), "test")
        assert rows.note(session, going, small.clock(), lease_for=timedelta(hours=1))
    told = progress(small)
    assert (told.copied.number, told.lacks.number, told.at_work) == (2, 3, True)
    assert told.ends_at is not None
    assert abs((told.ends_at - small.clock()).total_seconds() - 150) < 5


def test_what_two_people_are_giving_up_is_not_copied_anew(small: Miniature) -> None:
    third = added(small)
    bag = small.bags[0]
    with small.catalogue.writing() as session:
        told = {"article_id": bag.article_id, "state": "approved", "asked_by": "ayse", "approved_by": "can"}
        told |= {"reason": "x", "asked_at": START, "wait_days": 1, "delay_days": 1}
        session.add(Disposal(bags=[{"version": 1, "seal": bag.seal, "bytes": bag.bytes}], **told))
    done = filled(small)
    assert (done.copied, done.problems) == (BAGS - 1, 1)
    assert bag_key(bag.article_id, 1) not in lying(third)
    # Once it is done everywhere, it counts as given up here as well, and nothing is lacking.
    with small.catalogue.writing() as session:
        session.execute(select(Disposal)).scalar_one().state = "done"
        from repository.catalogue import copies

        aip = session.execute(select(Aip).where(Aip.article_id == bag.article_id)).scalar_one()
        for name in ("main", "second"):
            assert copies.give_up(session, [(aip.id, aip.bytes)], name, small.clock())
    small.clock.forward(days=2)
    done = filled(small)
    assert (done.copied, done.left, done.problems) == (0, 0, 0)
    with small.catalogue.reading() as session:
        assert disposals.gone(session, [aip.id]) == {aip.id}
        states = {row.store: row.state for row in session.execute(select(Copy).where(Copy.aip_id == aip.id)).scalars()}
    assert states == {"main": "disposed", "second": "disposed", "third": "disposed"}
    assert not recount.run(small.catalogue, small.clock, anew=True).differences


def test_a_catalogue_from_before_is_looked_through_once(small: Miniature) -> None:
    """Its stores have everything already: that is found out, and not believed."""
    for name in ("main", "second"):
        done = filled(small, name)
        assert (done.copied, done.left) == (0, 0)
        assert progress(small, name).whole
    assert small.stores["main"].opened == []


def test_it_goes_from_a_folder_into_a_bucket(small: Miniature, s3_server: S3Server, common_bucket: str) -> None:
    store = s3_server.store("bucket", common_bucket, prefix=uuid4().hex)
    store.prepare()
    stores: dict[str, Store] = {**small.stores, "bucket": store}
    done = fill(Filling(replace(small.watch, stores=stores)), "bucket")
    assert done is not None
    assert (done.copied, done.exit_status) == (BAGS, 0)
    report = small.audit(stores, store="bucket", deep=True)
    assert (report.expected, report.intact) == (BAGS, BAGS)
    # And back, where the folders burned.
    for name in ("main", "second"):
        shutil.rmtree(small.stores[name].root)
    added(small, "fourth")
    done = fill(Filling(replace(small.watch, stores={**small.stores, "bucket": store})), "fourth")
    assert done is not None
    assert done.copied == BAGS
    assert all(small.whole("fourth", bag) for bag in small.bags)
    with small.catalogue.reading() as session:
        assert not session.execute(select(Lacking)).all()
        assert session.execute(select(Tally).where(Tally.place == "fourth")).all()
