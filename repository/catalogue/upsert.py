"""Rows entered where there may be one already, in one statement that no second writer can come between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import FromClause
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from repository.models import Table

_INSERTS: Mapping[str, Callable[[Any], Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


class Upsert:
    """Called with a session and rows, it enters them; where the primary key is taken it changes the row there instead.

    ``changed`` is given the row that was to be entered, column by column, and says what becomes of the one that is
    there; without it that one stays as it is. To be made once: each statement is compiled once.
    """

    def __init__(self, table: type[Table], changed: Callable[[Any], Mapping[str, Any]] | None = None) -> None:
        self._statements = {
            dialect: _statement(insert(table.__table__), table.__table__, changed).execution_options(
                preserve_rowcount=True
            )
            for dialect, insert in _INSERTS.items()
        }

    def __call__(self, session: Session, rows: Sequence[Mapping[str, Any]]) -> int:
        """How many rows were entered or changed."""
        if not rows:
            return 0
        result = session.connection().execute(self._statements[session.get_bind().dialect.name], rows)
        return int(result.rowcount)


def _statement(insert: Any, table: FromClause, changed: Callable[[Any], Mapping[str, Any]] | None) -> Any:
    if changed is None:
        return insert.on_conflict_do_nothing()
    return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed(insert.excluded))
