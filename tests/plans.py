"""How SQLite looks up what it is asked: its plan is the same however few rows there are. And how PostgreSQL does, whose
plan is another one for other rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def plans(engine: Engine, about: str = "", verbs: tuple[str, ...] = ("SELECT",)) -> Iterator[list[list[str]]]:
    """The steps of each statement of the block that begins with one of ``verbs`` and has ``about`` in it."""
    found: list[list[str]] = []

    def explain(_connection: Any, cursor: Any, said: str, values: Any, _context: Any, several: bool) -> None:
        if said.startswith(verbs) and about in said and not several:
            found.append([row[-1] for row in cursor.connection.execute(f"EXPLAIN QUERY PLAN {said}", values)])

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", explain)


@contextmanager
def explained(engine: Engine, about: str) -> Iterator[list[list[str]]]:
    """The steps that PostgreSQL takes for each question of the block that has ``about`` in it."""
    found: list[list[str]] = []

    def explain(connection: Any, cursor: Any, said: str, values: Any, _context: Any, several: bool) -> None:
        if said.startswith("SELECT") and about in said and not several:
            with cursor.connection.cursor() as beside:
                beside.execute(f"EXPLAIN {said}", values)
                found.append([row[0].strip(" ->") for row in beside.fetchall()])

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", explain)
