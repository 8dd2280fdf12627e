"""What one question costs a catalogue: seconds, statements, and the work that the database itself counts.

Seconds tell of the machine and of whoever else is using it. The work does not: SQLite counts the steps of its virtual
machine, PostgreSQL the pages that its plans touched (EXPLAIN ANALYZE), and both are the same on any day.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psycopg
from sqlalchemy import event

from repository.catalogue import Catalogue

_STEPS = 100
"""Steps of SQLite's machine between two looks."""

_FEW_ROWS = 2_000
"""A table so small may be read from one end to the other."""

_LONG = 0.3
"""What takes longer than so many seconds is timed once."""


@dataclass(frozen=True)
class Question:
    """Something that is asked of an archive; ``because`` is why it may grow with it, where it does."""

    group: str
    name: str
    ask: Callable[[], object]
    because: str = ""

    @property
    def key(self) -> str:
        """By which it is known."""
        return f"{self.group}: {self.name}"


@dataclass
class Cost:
    """What a question costs. ``work``: thousands of steps (SQLite), or pages (PostgreSQL)."""

    milliseconds: float
    first: float = 0
    """Milliseconds of the first answer, what it needs being on the disk still."""
    statements: int = 0
    work: float = 0
    scans: list[str] = field(default_factory=list)
    """Where no index answered: the table, and the statement."""
    worst: str = ""
    """The statement that took most of the work."""

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return dict(vars(self))


class Costs:
    """Watches a catalogue; made once, before its first connection."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue, self._watching = catalogue, False
        self._said: list[str] = []
        self._plans: list[tuple[str, dict[str, Any]]] = []
        self._steps = 0
        self.on_postgresql = catalogue.engine.dialect.name == "postgresql"
        event.listen(catalogue.engine, "connect", self._connected)
        self._sizes: dict[str, int] = {}

    def of(self, ask: Callable[[], object], times: int = 3) -> Cost:
        """Ask once to warm up, then so often by the clock, and once more under watch; what takes long is timed once."""
        first = _seconds(ask)
        seconds = [_seconds(ask)]
        if seconds[0] < _LONG:
            seconds += [_seconds(ask) for _ in range(times - 1)]
        cost = Cost(round(median(seconds) * 1000, 2), round(first * 1000, 2))
        self._said, self._plans, self._steps, self._watching = [], [], 0, True
        try:
            ask()
        finally:
            self._watching = False
        self._judge(cost)
        return cost

    def _judge(self, cost: Cost) -> None:
        cost.statements = len(self._said)
        if self.on_postgresql:
            works = [(_pages(plan), said) for said, plan in self._plans]
            cost.work = sum(pages for pages, _ in works)
            cost.worst = _short(max(works)[1]) if works else ""
            found = {
                f"{table} ({rows:,} rows): {_short(said)}": None
                for said, plan in self._plans
                for table, rows in _read_whole(plan)
            }
            cost.scans = list(found)
        else:
            cost.work = round(self._steps * _STEPS / 1000, 1)
            cost.scans = self._scanned()

    def _scanned(self) -> list[str]:
        """What SQLite's plans read from one end to the other without a limit."""
        bare = sqlite3.connect(str(self._catalogue.url.database))
        found: dict[str, None] = {}
        for said in dict.fromkeys(self._said):
            if said.startswith(("SELECT", "WITH", "UPDATE", "DELETE", "INSERT")):
                try:
                    steps = [row[-1] for row in bare.execute(f"EXPLAIN QUERY PLAN {said}")]
                except sqlite3.Error:
                    continue  # cut off, or with octets in it
                for step in steps:
                    table = step.removeprefix("SCAN ").split(" ")[0]
                    if step.startswith("SCAN ") and self._size(bare, table) > _FEW_ROWS and " LIMIT " not in said:
                        found[f"{step}: {_short(said)}"] = None
        bare.close()
        return list(found)

    def _size(self, bare: sqlite3.Connection, table: str) -> int:
        """How many rows it has, counted no further than it matters."""
        if table not in self._sizes:
            try:
                some = f"SELECT 1 FROM {table} LIMIT {_FEW_ROWS + 1}"
                self._sizes[table] = bare.execute(f"SELECT count(*) FROM ({some})").fetchone()[0]
            except sqlite3.Error:
                self._sizes[table] = 0  # an alias, or a table of the question's own
        return self._sizes[table]

    def _connected(self, connection: Any, _record: Any) -> None:
        if self.on_postgresql:
            connection.cursor_factory = _cursor_of(self)
            return

        def step() -> int:
            self._steps += self._watching
            return 0

        connection.set_progress_handler(step, _STEPS)
        connection.set_trace_callback(self._hear)

    def heard(self, said: str) -> None:
        """One statement with many values, which is counted and not explained."""
        if self._watching:
            self._said.append(said)

    def _hear(self, said: str) -> None:
        if self._watching and not said.startswith(
            ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SAVEPOINT", "RELEASE", "--")
        ):
            self._said.append(said)

    def explained(self, connection: Any, said: str, values: Any) -> None:
        """PostgreSQL's own plan of a statement, with what it did; what it changed is taken back."""
        if not self._watching:
            return
        self._said.append(said)
        if connection.autocommit or not said.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
            return
        cursor = psycopg.Cursor(connection)
        cursor.execute("SAVEPOINT watched")
        try:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {said}", values)
            row = cursor.fetchone()
            assert row is not None
            self._plans.append((said, row[0][0]["Plan"]))
        finally:
            cursor.execute("ROLLBACK TO watched")
            cursor.execute("RELEASE watched")


def _cursor_of(costs: Costs) -> type[psycopg.Cursor[Any]]:
    class Watched(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
            if isinstance(query, str):
                costs.explained(self.connection, query, params)
            return super().execute(query, params, **more)

        def executemany(self, query: Any, params_seq: Any, **more: Any) -> Any:
            costs.heard(str(query))
            return super().executemany(query, params_seq, **more)

    return Watched


def _pages(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _read_whole(plan: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Tables of which many rows were read and thrown away, or read without an index."""
    for node in _nodes(plan):
        loops = node["Actual Loops"]
        thrown = node.get("Rows Removed by Filter", 0) * loops
        rows = int(node["Actual Rows"] * loops + thrown)
        table = node.get("Relation Name", "")
        if table and ((node["Node Type"] == "Seq Scan" and rows > _FEW_ROWS) or thrown > _FEW_ROWS):
            yield f"{node['Node Type']} {table}", rows


def _short(said: str) -> str:
    return " ".join(said.split())[:400]


def _seconds(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


@contextmanager
def watched(url: str) -> Iterator[tuple[Catalogue, Costs]]:
    """A catalogue and who watches it."""
    catalogue = Catalogue(url)
    costs = Costs(catalogue)
    try:
        yield catalogue, costs
    finally:
        catalogue.close()
