"""Eight workers, killed and replaced, over thirty days with a clock that jumps: every due item once, none left out."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from full_size import one_database, sized
from night_shift import Shift, days_and_jumps
from sqlalchemy import select, text
from watched import Miniature, miniature

from repository.catalogue import Catalogue
from repository.models import Copy, Event
from repository.vocabulary import EventType, parse_bag_key

WORKERS = 8
DAYS = 30
PROMISE = 7.0
STORES = ("main", "second", "third")
START = datetime(2026, 12, 8, 21, 0, tzinfo=UTC)
"""So that New Year falls among the thirty days."""
BAGS = sized(8, 150)
STEP = timedelta(hours=sized(24, 3))
BATCH = sized(2, 8)

# The database itself notes each verification that is written into it, whoever writes it: what the program says is no
# witness of what it does.
_SEEN = "CREATE TABLE seen (aip_id INTEGER, store VARCHAR(64), was_due {moment}, verified_at {moment}, round INTEGER)"
_NOTE = "INSERT INTO seen VALUES (NEW.aip_id, NEW.store, OLD.next_due, NEW.verified_at, NEW.verified_in)"
_CALL = "EXECUTE FUNCTION note_seen()"
_CHANGED = "NEW.verified_at IS {not_} OLD.verified_at OR NEW.verified_in IS {not_} OLD.verified_in"
_TRIGGER = {
    "sqlite": (
        _SEEN.format(moment="VARCHAR(40)"),
        f"CREATE TRIGGER seen AFTER UPDATE ON copy WHEN {_CHANGED.format(not_='NOT')} BEGIN {_NOTE}; END",
    ),
    "postgresql": (
        _SEEN.format(moment="TIMESTAMP WITH TIME ZONE"),
        f"CREATE FUNCTION note_seen() RETURNS trigger AS $$ BEGIN {_NOTE}; RETURN NULL; END $$ LANGUAGE plpgsql",
        f"CREATE TRIGGER seen AFTER UPDATE ON copy FOR EACH ROW WHEN ({_CHANGED.format(not_='DISTINCT FROM')}) {_CALL}",
    ),
}


@dataclass(frozen=True)
class Seen:
    """One verification as the database noted it."""

    aip_id: int
    store: str
    was_due: datetime
    verified_at: datetime
    round: int


def noted_from_here(catalogue: Catalogue) -> None:
    with catalogue.writing() as session:
        for statement in _TRIGGER[catalogue.engine.dialect.name]:
            session.execute(text(statement))


def seen(catalogue: Catalogue) -> list[Seen]:
    columns = text("SELECT aip_id, store, was_due, verified_at, round FROM seen").columns(
        Copy.aip_id, Copy.store, Copy.next_due.label("was_due"), Copy.verified_at, Copy.verified_in.label("round")
    )
    with catalogue.reading() as session:
        return [Seen(*row) for row in session.execute(columns)]


def due(catalogue: Catalogue, at: datetime) -> set[tuple[int, str]]:
    """The copies whose day has come."""
    with catalogue.reading() as session:
        rows = session.execute(select(Copy.aip_id, Copy.store).where(Copy.next_due <= at))
        return {(row.aip_id, row.store) for row in rows}


def claimed(catalogue: Catalogue, at: datetime) -> set[tuple[int, str]]:
    """The copies that somebody holds: once all have looked, the dead."""
    with catalogue.reading() as session:
        rows = session.execute(select(Copy.aip_id, Copy.store).where(Copy.lease_until > at))
        return {(row.aip_id, row.store) for row in rows}


def told(catalogue: Catalogue) -> int:
    """How many verifications the rounds have borne witness to."""
    with catalogue.reading() as session:
        events = session.execute(select(Event).where(Event.type == EventType.FIXITY_CHECK)).scalars()
        return sum(event.detail["verified"]["copies"] for event in events if "round" in event.detail)


def test_every_due_item_is_read_once_whoever_falls_and_however_the_clock_jumps(
    tmp_path: Path, database_url: str
) -> None:
    one_database(database_url, "postgresql")
    dice = random.Random(30)
    small = miniature(tmp_path, database_url, bags=BAGS, stores=STORES, due=START, verified=START)
    spread_over_the_cycle(small, dice)
    noted_from_here(small.catalogue)
    small.catalogue.close()
    ids = aip_ids(small)
    stores = {name: str(store.root) for name, store in small.stores.items()}
    shift = Shift(database_url, stores, tmp_path, WORKERS, BATCH, PROMISE, dice)
    orphans: set[tuple[int, str]] = set()
    left_by_the_dead, jumped, ticks, before = 0, [], {}, Counter[Seen]()
    try:
        for at, jump in days_and_jumps(START, DAYS, STEP):
            was_due = due(small.catalogue, at)
            tick = shift.tick(at, kills=dice.choice([0, 1, 2, 3]))
            ticks[tick] = at
            jumped += [jump] if jump else []
            orphans = claimed(small.catalogue, at)
            still_due = due(small.catalogue, at)
            assert still_due <= orphans, "what is due and not read is held by one who fell in this tick"
            left_by_the_dead += len(orphans)
            now = Counter(seen(small.catalogue))
            fresh = Counter((one.aip_id, one.store) for one in (now - before).elements())
            before = now
            assert set(fresh) <= was_due, "nothing was read that was not due"
            assert was_due - set(fresh) == still_due
            assert set(fresh.values()) <= {1}
    finally:
        shift.end()
    last = max(ticks.values()) + timedelta(days=1)
    everything = seen(small.catalogue)
    read = Counter(
        (line["tick"], line["pid"], ids[parse_bag_key(str(line["key"]))[0]], line["store"])  # type: ignore[index]
        for line in shift.read()
    )
    # The faults happened.
    assert len(shift.dead) >= sized(10, 80)
    assert left_by_the_dead
    assert jumped == ["an hour forward", "an hour back", "a day forward", "a year forward", "a year back"]
    assert {at.year for at in ticks.values()} >= {2026, 2027}
    # Nothing stormed: in one tick nobody opened a copy that another opened, or opened one twice.
    by_tick = Counter((tick, aip_id, store) for tick, _pid, aip_id, store in read.elements())
    assert set(by_tick.values()) == {1}
    # What was read and not written down was read by one who fell in that very tick.
    written = Counter((one.aip_id, one.store, one.verified_at) for one in everything)
    assert set(written.values()) == {1}
    lost = [line for line in read if (line[2], line[3], ticks[line[0]]) not in written]  # type: ignore[index]
    assert all(shift.dead.get(pid) == tick for tick, pid, _, _ in lost)  # type: ignore[call-overload]
    assert sum(read.values()) == len(everything) + len(lost)
    # Every copy again and again, and none later than was promised but for what the clock itself left out.
    every_copy = due(small.catalogue, datetime(2100, 1, 1, tzinfo=UTC))
    cycles: dict[tuple[int, str], list[Seen]] = {place: [] for place in every_copy}
    for one in everything:
        cycles[one.aip_id, one.store].append(one)
        assert one.was_due <= one.verified_at
    assert len(cycles) == BAGS * len(STORES)
    assert min(map(len, cycles.values())) >= 4
    # Nobody bears witness twice, and none is left without: the round of the last who fell is told by the next.
    small.clock.now = last
    small.audit()
    assert told(small.catalogue) == len(seen(small.catalogue)) == len(everything) + BAGS * len(STORES)
    small.tallied()
    print(
        f"{len(ticks)} ticks, {len(shift.dead)} workers killed, {len(everything)} verifications written, "
        f"{len(lost)} lost with their readers and made again, {left_by_the_dead} claims left by the dead"
    )


def spread_over_the_cycle(small: Miniature, dice: random.Random) -> None:
    """The first readings come evenly over the first days, as in an archive that has grown day by day."""
    with small.catalogue.writing() as session:
        for copy in session.execute(select(Copy)).scalars():
            copy.next_due = START + timedelta(days=PROMISE * dice.random())


def aip_ids(small: Miniature) -> dict[str, int]:
    return {bag.article_id: small.copy("main", bag).aip_id for bag in small.bags}
