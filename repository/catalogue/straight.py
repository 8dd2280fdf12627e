"""Questions put to the database's own driver: what is asked for every page of a harvest of millions, and nothing else.

A statement is written with SQLAlchemy, compiled once for each kind of database, and from then on handed over as
text. What SQLAlchemy does for each question, and that is more than the database does for these, is not done: the
rows are the driver's, and a moment is read by :func:`moment_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session


class Straight:
    """One question, asked again and again. To be made once."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, list[str] | None, Mapping[str, Any]]] = {}

    def __call__(self, session: Session, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Every row of the answer, in the transaction of ``session``; ``values`` are those of its parameters."""
        connection = session.connection()
        text, order, given = self._compiled.get(connection.dialect.name) or self._compile(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            if order is None:
                cursor.execute(text, {**given, **values})
            else:
                every = {**given, **values}
                cursor.execute(text, [_as_sqlite(every[name]) for name in order])
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def _compile(self, dialect: Dialect) -> tuple[str, list[str] | None, Mapping[str, Any]]:
        made = self._statement.compile(dialect=dialect)
        order = list(made.positiontup) if made.positiontup is not None else None
        known = (str(made), order, {name: value for name, value in made.params.items() if value is not None})
        self._compiled[dialect.name] = known
        return known


def moment_of(told: Any) -> datetime:
    """A moment as the driver gives it, text in SQLite."""
    moment = datetime.fromisoformat(told) if isinstance(told, str) else told
    assert isinstance(moment, datetime)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _as_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value
