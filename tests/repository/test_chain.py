"""Events are linked one to the other, each once, whoever writes them and whoever is killed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from full_size import one_database
from sqlalchemy import func, select, text

from repository.catalogue import Catalogue, chain, schema, testimony
from repository.models import ChainEnd, Event
from repository.vocabulary import EventType

ROOT = Path(__file__).parent.parent.parent
AT = datetime(2026, 11, 27, 8, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def catalogue(database_url: str) -> Iterator[Catalogue]:
    made = Catalogue(database_url)
    schema.migrate(made)
    yield made
    made.close()


def tell(catalogue: Catalogue, number: int, who: str = "mahfuz test") -> None:
    with catalogue.writing() as session:
        for each in range(number):
            testimony.witness(
                session,
                EventType.VALIDATION,
                at=AT,
                outcome="success",
                agent=who,
                detail={
                    "sayı": each,
                    "note": "Işık “ısı” \U0001f4da",
                    "empty": None,
                    "list": [1, "iki", {"b": 1, "a": 2}],
                },
                article_id="ab" * 16 if each % 2 else None,
                version=each % 2 or None,
            )


def links(catalogue: Catalogue) -> list[chain.Link]:
    with catalogue.reading() as session:
        end = chain.end_of(session)
    return list(chain.walk(catalogue, until=end.position))


def test_each_event_is_linked_to_the_one_before(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "BATCH", 4)
    tell(catalogue, 10)
    assert not links(catalogue)
    with catalogue.reading() as session:
        assert (chain.unlinked(session, AT + timedelta(seconds=1)), chain.unlinked(session, AT)) == (10, 0)
    assert (chain.link_all(catalogue), chain.link_all(catalogue)) == (10, 0)
    tell(catalogue, 3)
    assert chain.link_all(catalogue) == 3
    before = bytes(32)
    for place, link in enumerate(links(catalogue), 1):
        form = json.dumps(link.event, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        before = hashlib.sha256(before + form).digest()
        assert (link.position, link.event["position"], link.hash) == (place, place, before)
    assert link.event["at"] == "2026-11-27T08:30:15.123456Z"
    assert link.event["detail"]["note"] == "Işık “ısı” \U0001f4da"
    with catalogue.reading() as session:
        assert chain.end_of(session) == chain.End(13, before)
        assert chain.hash_at(session, 13) == before
        assert chain.hash_at(session, 14) is None
        assert chain.unlinked(session, AT + timedelta(seconds=1)) == 0


def test_both_databases_hash_alike(tmp_path, postgresql_url: str) -> None:  # type: ignore[no-untyped-def]
    ends = []
    for url in (f"sqlite:///{tmp_path / 'c.sqlite'}", postgresql_url):
        catalogue = Catalogue(url)
        schema.migrate(catalogue)
        tell(catalogue, 5)
        chain.link_all(catalogue)
        with catalogue.reading() as session:
            ends.append(chain.end_of(session))
        catalogue.close()
    assert ends[0] == ends[1]


def test_what_was_cut_off_the_end_leaves_a_hole(catalogue: Catalogue) -> None:
    tell(catalogue, 5)
    chain.link_all(catalogue)
    with catalogue.writing() as session:
        session.execute(text("DELETE FROM event WHERE position > 3"))
    tell(catalogue, 2)
    chain.link_all(catalogue)
    assert [link.position for link in links(catalogue)] == [1, 2, 3, 6, 7]


def test_what_waits_is_found_by_an_index_and_not_among_what_is_there(catalogue: Catalogue) -> None:
    tell(catalogue, 3000)
    chain.link_all(catalogue)
    asked = "SELECT id FROM event WHERE position IS NULL ORDER BY id LIMIT 1000"
    with catalogue.writing() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("ANALYZE event"))
            plan = session.execute(text(f"EXPLAIN {asked}")).scalars().all()
        else:
            plan = [row.detail for row in session.execute(text(f"EXPLAIN QUERY PLAN {asked}"))]
    assert "ix_event_" in " ".join(plan)
    assert "scan event" not in " ".join(plan).lower().replace("seq scan on", "scan")


_COMMON = """
import sys, time
from datetime import UTC, datetime
from repository.catalogue import Catalogue, chain, testimony
from repository.vocabulary import EventType
catalogue = Catalogue(sys.argv[1])
"""

WRITE = (
    _COMMON
    + """
for number in range(21):
    with catalogue.writing() as session:
        for each in range(10):
            testimony.witness(session, EventType.VALIDATION, at=datetime.now(UTC), outcome="success", agent=sys.argv[2],
                              detail={"number": number * 10 + each})
        time.sleep(0.002 * (number % 3))  # so that numbers given early are committed late
        if number % 7 == 6:
            session.rollback()
"""
)

LINK = (
    _COMMON
    + """
while True:
    if not chain.link_all(catalogue):
        time.sleep(0.001)
"""
)


def started(script: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=ROOT)


def checked(catalogue: Catalogue) -> Counter[tuple[str, int]]:
    """(agent, number) of every event in the chain, which is whole and holds every event there is."""
    before, told = bytes(32), Counter[tuple[str, int]]()
    for place, link in enumerate(links(catalogue), 1):
        before = chain.hash_of(before, link.event)
        assert (link.position, link.hash) == (place, before)
        told[link.event["agent"], link.event["detail"].get("number", -1)] += 1
    with catalogue.reading() as session:
        assert session.execute(select(func.count()).select_from(Event)).scalar_one() == sum(told.values())
    return told


def test_several_processes_write_while_two_others_link(database_url: str) -> None:
    """Nothing is lost and nothing linked twice; those that were rolled back are no holes."""
    catalogue = Catalogue(database_url)
    schema.migrate(catalogue)
    linkers = [started(LINK, database_url) for _ in range(2)]
    writers = [started(WRITE, database_url, f"writer {number}") for number in range(4)]
    try:
        assert [one.wait(120) for one in writers] == [0] * 4
        assert [one.poll() for one in linkers] == [None] * 2
    finally:
        for one in (*writers, *linkers):
            one.kill()
            one.wait()
    chain.link_all(catalogue)
    kept = [n for n in range(210) if n // 10 % 7 != 6]
    assert checked(catalogue) == Counter({(f"writer {who}", n): 1 for who in range(4) for n in kept})
    catalogue.close()


def test_a_linker_that_is_killed_leaves_a_whole_chain(database_url: str) -> None:
    one_database(database_url, "postgresql")
    catalogue = Catalogue(database_url)
    schema.migrate(catalogue)
    for attempt in range(4):
        tell(catalogue, 1500, f"round {attempt}")
        linker = started(LINK, database_url)
        until = time.monotonic() + 60
        while (done := position(catalogue)) <= attempt * 1500:
            assert linker.poll() is None
            assert time.monotonic() < until
            time.sleep(0.002)
        time.sleep(0.01 * attempt)
        linker.kill()
        linker.wait()
        assert sum(checked_so_far(catalogue)) >= done
        chain.link_all(catalogue)
    assert sum(checked(catalogue).values()) == 6_000
    catalogue.close()


def position(catalogue: Catalogue) -> int:
    with catalogue.reading() as session:
        return session.get_one(ChainEnd, 1).position


def checked_so_far(catalogue: Catalogue) -> Iterator[int]:
    """One for every link, each of them right."""
    before = bytes(32)
    for place, link in enumerate(links(catalogue), 1):
        before = chain.hash_of(before, link.event)
        assert (link.position, link.hash) == (place, before)
        yield 1
