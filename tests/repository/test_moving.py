"""A catalogue moved from SQLite to PostgreSQL arrives value by value, or not at all."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from servers import PostgreSQLServer
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import OperationalError

from repository.catalogue import Catalogue, lines, moving, schema
from repository.errors import DatabaseUnavailable, UsageError
from repository.models import (
    Alert,
    Article,
    ArticleWord,
    ChangeHead,
    Event,
    Feed,
    File,
    HarvestSet,
    Heartbeat,
    Institution,
    Publisher,
    Staff,
    Table,
)
from repository.vocabulary import utc_now

AT = datetime(2026, 11, 28, 1, 2, 3, 4000, tzinfo=UTC)
HARD = [
    "İstanbul'da IŞIK ığdır",
    "tab\there, line\nthere, return\r, back\\slash, \\N and \\.",
    "bell\x07 feed\x0c vertical\x0b backspace\x08 delete\x7f",
    "\u00a0\u2028\ufeff\ufffd\U0001f4da e\u0301 é",
    "",
    "\\\\N",
    "\\x00 \\u0000 as letters",
]


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'catalogue.sqlite'}")
    schema.migrate(catalogue)
    yield catalogue
    catalogue.close()


@pytest.fixture
def empty_url(postgresql_server: PostgreSQLServer) -> Iterator[str]:
    with postgresql_server.fresh_database() as url:
        yield url


@pytest.fixture
def target(empty_url: str) -> Iterator[Catalogue]:
    catalogue = Catalogue(empty_url)
    yield catalogue
    catalogue.close()


def fill(catalogue: Catalogue) -> None:
    """Texts, moments, JSON, octets, truths and numbers that are hard to carry over, in tables of every kind of key."""
    with catalogue.writing() as session:
        for number, name in enumerate(HARD):
            session.add(Publisher(name=f"{name}#{number}", slug=f"p{number}", titles_agreed=number % 2 == 0))
            session.add(HarvestSet(spec=f"{name}#{number}", name=name))
            session.add(Feed(name=f"{name}#{number}", since=AT, last_error=name))
        session.add(Feed(name="z", since=datetime(1970, 1, 1, tzinfo=UTC), next_due=datetime(9999, 1, 1, tzinfo=UTC)))
        for number, name in enumerate(HARD):
            detail = {"text": name, "list": [1, 2.5, -0.0, 1e300, None, True, {"iç": []}], "large": 2**60}
            session.add(
                Event(
                    type="capture", at=AT, outcome="success", agent=name, detail=detail, hash=bytes(range(32)),
                    position=2**40 + number,
                )
            )  # fmt: skip
        session.add(
            Alert(
                kind="x", subject="", level="critical", opened_at=AT, since=AT, last_seen_at=utc_now(), objects=-1,
                more=True, detail={},
            )
        )  # fmt: skip


def rows_of(catalogue: Catalogue) -> dict[str, list[Any]]:
    """Everything that the program itself reads of a catalogue, by table."""
    with catalogue.reading() as session:
        return {
            table.name: sorted(map(tuple, session.execute(table.select()).all()), key=repr)
            for table in Table.metadata.sorted_tables
        }


def test_every_value_arrives_as_it_is(source: Catalogue, target: Catalogue) -> None:
    fill(source)
    file = Path(str(source.url.database))
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    seen: list[tuple[int, int]] = []
    found = moving.move(source, target, lambda done, of_all: seen.append((done, of_all)))
    assert all(one.equal for one in found)
    assert {one.table for one in found} == {table.name for table in Table.metadata.sorted_tables}
    assert rows_of(target) == rows_of(source)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert seen[-1][0] == seen[-1][1] == 2 * sum(one.rows for one in found)
    events = next(one for one in found if one.table == "event")
    assert (events.rows, len(events.sha256)) == (len(HARD), 64)


def test_the_next_numbers_go_on_from_the_last(source: Catalogue, target: Catalogue) -> None:
    fill(source)
    moving.move(source, target)
    with target.writing() as session:
        one = Publisher(name="Yeni", slug="yeni")
        session.add(one)
        session.flush()
        assert one.id == len(HARD) + 1
        member = Staff(login="ilk", password_hash="x", role="staff", created_at=AT)  # of a table in which was nothing
        session.add(member)
        session.flush()
        assert member.id == 1


@pytest.mark.parametrize("told", [False, True])
def test_keys_are_compared_octet_by_octet(
    source: Catalogue, target: Catalogue, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """Turkish letters, capitals, accents, characters beyond U+FFFF: both sides are read in one order."""
    words = ["a", "B", "ı", "I", "İ", "z", "Z", "ﬀ", "\U0001f4da", "~", "é", "e\u0301", "a-b", "ab", "a b"]
    with source.writing() as session:
        session.execute(insert(HarvestSet), [{"spec": word, "name": word} for word in words])
        session.execute(
            insert(Heartbeat),
            [
                {"part": "web", "host": word, "pid": 1, "started_at": AT, "beat_at": AT, "version": "1"}
                for word in words
            ],
        )
    if told:  # as a database that sorts otherwise has to be
        monkeypatch.setattr(lines, "sorts_by_octets", lambda _connection: False)
    assert all(one.equal for one in moving.move(source, target))


@pytest.mark.parametrize(
    ("table", "column", "change"),
    [
        ("publisher", "name", "UPDATE publisher SET name = 'Başka' WHERE id = 3"),
        ("publisher", "titles_agreed", "UPDATE publisher SET titles_agreed = NOT titles_agreed WHERE id = 3"),
        ("event", "at", "UPDATE event SET at = at + interval '1 microsecond' WHERE id = 3"),
        ("event", "hash", "UPDATE event SET hash = set_byte(hash, 31, 0) WHERE id = 3"),
        ("event", "detail", "UPDATE event SET detail = replace(detail::text, '2.5', '2.50')::json WHERE id = 3"),
        ("feed", "last_error", "UPDATE feed SET last_error = NULL WHERE name = 'İstanbul''da IŞIK ığdır#0'"),
    ],
)
def test_one_wrong_value_is_found_and_nothing_is_left(
    source: Catalogue, target: Catalogue, monkeypatch: pytest.MonkeyPatch, table: str, column: str, change: str
) -> None:
    fill(source)
    _between(monkeypatch, change)
    found = {one.table: one for one in moving.move(source, target)}
    assert [name for name, one in found.items() if not one.equal] == [table]
    (unlike,) = found[table].unlike
    assert (unlike.what, unlike.columns) == ("differs", (column,))
    assert unlike.key in {"3", "İstanbul'da IŞIK ığdır#0"}
    assert empty(target)


def test_a_lost_row_and_one_too_many_are_found(
    source: Catalogue, target: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source)
    _between(
        monkeypatch,
        "DELETE FROM event WHERE id = 2; INSERT INTO event (type, at, outcome, agent, detail) "
        "VALUES ('x', now(), 'x', 'x', '{}')",
    )
    (events,) = [one for one in moving.move(source, target) if not one.equal]
    assert [(one.key, one.what) for one in events.unlike] == [("2", "not in PostgreSQL"), ("8", "not in SQLite")]
    assert empty(target)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("'a' || char(0) || 'b'", "NUL"),
        ("CAST(x'EDA080' AS TEXT)", "surrogate"),
        ("CAST(x'FF' AS TEXT)", "not UTF-8"),
        (f"'{'x' * 121}'", "longer than 120"),
        ("7.5", "no text"),
    ],
)
def test_what_has_no_place_is_named_and_nothing_is_copied(
    source: Catalogue, target: Catalogue, value: str, why: str
) -> None:
    fill(source)
    spoil(source, f"UPDATE event SET agent = {value} WHERE id = 4")
    if why == "no text":
        spoil(source, "UPDATE event SET at = 7.5 WHERE id = 4")
        why = "no moment"
    with pytest.raises(UsageError, match=why) as told:
        moving.move(source, target)
    assert "event, key 4, " in str(told.value)
    assert empty(target)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (r'{"a":"\u0000"}', "NUL"),
        (r'{"a":"\ud800"}', "surrogate"),
        ('{"a":NaN}', "NaN"),
        (r'{"\u0131', "no JSON"),
    ],
)
def test_what_json_hides_is_found(source: Catalogue, target: Catalogue, value: str, why: str) -> None:
    fill(source)
    spoil(source, "UPDATE event SET detail = ? WHERE id = 4", value)
    with pytest.raises(UsageError, match=why):
        moving.move(source, target)
    assert empty(target)


def test_a_database_in_which_somebody_works_is_refused(source: Catalogue, target: Catalogue) -> None:
    fill(source)
    schema.migrate(target)
    with target.writing() as session:
        session.add(Publisher(name="Onların", slug="onlarin"))
    with pytest.raises(UsageError, match="not empty: there are rows in 'publisher'"):
        moving.move(source, target)
    with target.reading() as session:
        assert session.execute(select(Publisher.name)).scalars().all() == ["Onların"]


def test_somebody_elses_database_is_refused(source: Catalogue, target: Catalogue) -> None:
    with target.writing() as session:
        session.execute(text("CREATE TABLE orders (id int)"))
    with pytest.raises(UsageError, match="not empty: it has the table 'orders'"):
        moving.move(source, target)


def test_an_initialised_database_is_empty(source: Catalogue, target: Catalogue) -> None:
    fill(source)
    schema.migrate(target)
    assert all(one.equal for one in moving.move(source, target))


@pytest.mark.parametrize("revision", ["0021", "9999"])
def test_another_schema_is_refused(source: Catalogue, target: Catalogue, revision: str) -> None:
    spoil(source, f"UPDATE alembic_version SET version_num = '{revision}'")
    with pytest.raises(UsageError, match=revision):
        moving.move(source, target)
    assert empty(target)


def test_a_copy_that_was_killed_leaves_nothing_and_can_be_made_again(
    source: Catalogue, target: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source)

    def killed(rows: Any, there: psycopg.Connection[Any], *_: Any) -> None:
        with target.engine.connect() as other:
            other.execute(
                text("SELECT pg_terminate_backend(:pid)"), {"pid": there.info.backend_pid}
            )  # as the end of its process would end it
        there.execute("SELECT 1")

    with monkeypatch.context() as patched:
        patched.setattr(moving, "_compare", killed)
        with pytest.raises(DatabaseUnavailable, match="nothing is there"):
            moving.move(source, target)
    assert empty(target)
    assert all(one.equal for one in moving.move(source, target))
    assert rows_of(target) == rows_of(source)


def test_nobody_writes_to_either_meanwhile(
    source: Catalogue, target: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source)
    tried = []
    compare = moving._compare

    def meanwhile(*given: Any) -> Any:
        second = sqlite3.connect(str(source.url.database), timeout=0.1)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            second.execute("BEGIN IMMEDIATE")
        tried.append(second.execute("SELECT count(*) FROM publisher").fetchone())  # readers are served
        second.close()
        with target.engine.connect() as other:
            other.execute(text("SET lock_timeout = 100"))
            with pytest.raises(OperationalError, match="lock timeout"):
                other.execute(text("INSERT INTO publisher (name, slug, titles_agreed) VALUES ('x', 'x', false)"))
        return compare(*given)

    monkeypatch.setattr(moving, "_compare", meanwhile)
    assert all(one.equal for one in moving.move(source, target))
    assert tried == [(len(HARD),)]


def test_what_is_alone_in_its_table_is_moved_too(source: Catalogue, target: Catalogue) -> None:
    """The rows that a new catalogue has (heads of its chains) are replaced by those of the old one."""
    with source.writing() as session:
        session.get_one(ChangeHead, 1).number = 4711
    moving.move(source, target)
    with target.reading() as session:
        assert session.get_one(ChangeHead, 1).number == 4711
        assert schema.revision_of(target) == schema.HEAD


def spoil(catalogue: Catalogue, statement: str, *values: str) -> None:
    """What no part of the program writes is written past it."""
    with sqlite3.connect(str(catalogue.url.database)) as connection:
        assert connection.execute(statement, values).rowcount == 1
    connection.close()


def empty(target: Catalogue) -> bool:
    """Whether nothing of ours is there."""
    with target.reading() as session:
        if schema.revision_of(target) is None:
            return True
        return all(
            session.execute(select(func.count()).select_from(table)).scalar_one() == 0
            for table in (Publisher, Event, Feed, HarvestSet, Institution, Article, ArticleWord, File)
        )


def _between(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """``change`` happens in PostgreSQL after everything was written and before it is read back."""
    compare = moving._compare

    def altered(rows: Any, there: psycopg.Connection[Any], *given: Any) -> Any:
        there.execute(change)
        return compare(rows, there, *given)

    monkeypatch.setattr(moving, "_compare", altered)
