"""What was found at each size, kept as files beside the catalogues, and the table in which growth is marked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.cost import Cost, Question
from bench.report import machine, moment
from rich.console import Console
from rich.table import Table

_SLACK = 1.6
"""So many times the growth of a logarithm is taken for one: trees have whole levels, and a page has to be full."""

_LITTLE = {"sqlite": 40.0, "postgresql": 400.0}
"""Work that is not looked at: thousands of steps, and pages; a few milliseconds."""

_SLOWLY = 1000.0
"""A first answer that took more milliseconds, and twice as long as the next, is told."""


@dataclass
class Kept:
    """What one catalogue was asked, in one file."""

    folder: Path
    database: str
    articles: int
    costs: dict[str, Any] = field(default_factory=dict)
    because: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    octets: int = 0

    @classmethod
    def of(cls, folder: Path, database: str, articles: int) -> Kept:
        """What is there already, or nothing."""
        kept = cls(folder, database, articles)
        if kept.file.exists():
            kept = cls(**{**json.loads(kept.file.read_text(encoding="utf-8")), "folder": folder})
        return kept

    @classmethod
    def all_in(cls, folder: Path) -> list[Kept]:
        """Everything that was asked in this folder, the smallest first."""
        found = []
        for file in folder.glob("costs-*.json"):
            _, database, articles = file.stem.split("-")
            found.append(cls.of(folder, database, int(articles)))
        return sorted(found, key=lambda one: (one.database != "sqlite", one.articles))

    @property
    def file(self) -> Path:
        """Where it lies."""
        return self.folder / f"costs-{self.database}-{self.articles}.json"

    def filled(self, seconds: dict[str, float], octets: int) -> None:
        """It was filled just now: in how long, and how large it is."""
        self.seconds, self.octets = seconds, octets
        self.write()

    def asked(self, question: Question, cost: Cost) -> None:
        """One question was answered."""
        self.costs[question.key] = cost.as_json()
        self.because[question.key] = question.because

    def cost(self, key: str) -> Cost | None:
        """What it cost; None: it was not asked."""
        return Cost(**self.costs[key]) if key in self.costs else None

    def write(self) -> None:
        """Keep it."""
        told = {**asdict(self), "folder": ""}
        self.file.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")


@dataclass(frozen=True)
class Line:
    """One question over all catalogues; ``mark`` says what grows."""

    key: str
    cells: tuple[str, ...]
    mark: str
    because: str
    scans: tuple[str, ...]


def show(found: Sequence[Kept], *, every_line: bool) -> None:
    """The table on a terminal: what grows and has no reason, or every line."""
    table = Table("", *(f"{one.database} {_short(one.articles)}" for one in found), "")
    for line in lines(found):
        if every_line or (line.mark and not line.because):
            table.add_row(line.key, *line.cells, line.mark)
    Console(width=220).print(table)


def lines(found: Sequence[Kept]) -> Iterator[Line]:
    """Every question that was asked of the largest of each database, in the order in which it was asked."""
    keys = dict.fromkeys(key for kept in found for key in kept.costs)
    for key in keys:
        costs = [kept.cost(key) for kept in found]
        cells = tuple(_cell(cost) for cost in costs)
        marks, scans = [], dict[str, None]()
        for database in dict.fromkeys(kept.database for kept in found):
            of_it = [
                (kept.articles, cost)
                for kept, cost in zip(found, costs, strict=True)
                if kept.database == database and cost
            ]
            for (small, before), (large, after) in pairwise(of_it):
                if grows(database, small, before, large, after):
                    marks.append(f"{database} {after.work / max(before.work, 1):.1f}× at {_short(large)}")
            if of_it:
                scans |= dict.fromkeys(of_it[-1][1].scans)
        because = next((kept.because[key] for kept in found if kept.because.get(key)), "")
        yield Line(key, cells, ", ".join(marks), because, tuple(scans))


def grows(database: str, small: int, before: Cost, large: int, after: Cost) -> bool:
    """Whether the work has grown by more than a logarithm, and is more than a little."""
    allowed = _SLACK * math.log(large) / math.log(small)
    return after.work > _LITTLE[database] and after.work > allowed * max(before.work, _LITTLE[database] / allowed)


def _cell(cost: Cost | None) -> str:
    if cost is None:
        return ""
    return f"{_shown(cost)} · {cost.statements} · {cost.work:,.0f}{' *' if cost.scans else ''}"


def _shown(cost: Cost) -> str:
    return f"{cost.milliseconds:,.0f} ms" if cost.milliseconds >= 9.5 else f"{cost.milliseconds:.1f} ms"


def _short(number: int) -> str:
    return f"{number // 1_000_000} million" if number >= 1_000_000 else f"{number:,}"


def _first(found: Sequence[Kept]) -> Iterator[str]:
    """What took longest to be answered for the first time, with how long it takes from then on."""
    for kept in found:
        for key in kept.costs:
            cost = kept.cost(key)
            if cost is not None and cost.first > max(_SLOWLY, 2 * cost.milliseconds):
                catalogue = f"{kept.database}, {_short(kept.articles)}"
                yield f"| {catalogue} | `{key}` | {cost.first / 1000:.1f} s | {_shown(cost)} |"


def document(found: Sequence[Kept]) -> str:
    """docs/scale.md with this table in it."""
    headings = ["", *(f"{one.database}, {_short(one.articles)}" for one in found), "grows"]
    rows = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * len(found) + "---|"]
    group = ""
    for line in lines(found):
        of_it, _, name = line.key.partition(": ")
        if of_it != group:
            group = of_it
            rows.append(f"| **{group}** |" + " |" * (len(found) + 1))
        rows.append(f"| `{name}` | " + " | ".join((*line.cells, line.because if line.mark else "")) + " |")
    values = {"machine": machine(), "moment": moment(), "table": "\n".join(rows), "first": "\n".join(_first(found))}
    return Path(__file__).with_name("scale.md").read_text(encoding="utf-8").format(**values)
