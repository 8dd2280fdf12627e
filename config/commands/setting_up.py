"""Commands for whoever sets the archive up and looks after its machine."""

from __future__ import annotations

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config import wiring
from config.commands.answers import Asked, answer, as_json
from config.doctor import entries, examination
from config.doctor.entries import DOCUMENT, ENTRIES
from config.doctor.lines import Line, Verdict
from config.doctor.questions import Patient
from repository.catalogue import schema


@click.command()
@as_json
@click.pass_obj
def init(asked: Asked, json_wanted: bool) -> None:
    """Create or migrate the database, and make the places of stores that keep nothing yet."""
    with asked.archive() as archive:
        data = {
            "database": archive.catalogue.shown_url,
            "schema": schema.revision_of(archive.catalogue),
            "stores": list(archive.by_name),
            "home": str(archive.home),
        }

    def say(console: Console) -> None:
        for key, value in data.items():
            console.print(f"{key:10} {value}", markup=False)

    answer(json_wanted, data, say)


@click.command()
@as_json
@click.pass_obj
def doctor(asked: Asked, json_wanted: bool) -> None:
    """Look at the database, at each store by trying it, at this machine, the parts of the program, mail, sign-in,
    certificates, queues, backup and rehearsal; say what to do.

    Nothing is waited for longer than a minute. Exit status: 0 well, 1 something is bad, 3 something is in doubt.
    """
    loaded = asked.told()
    with wiring.opened(loaded.settings, loaded.origins) as archive:
        lines = examination.examine(Patient(archive))
    status = 3 if any(line.verdict is Verdict.DOUBT for line in lines) else 0
    status = 1 if any(line.verdict is Verdict.BAD for line in lines) else status
    data = {"healthy": status == 0, "lines": [_told(line) for line in lines]}
    answer(json_wanted, data, lambda console: _say(console, lines), status)


@click.group()
def config() -> None:
    """The settings."""


@config.command()
@as_json
@click.pass_obj
def show(asked: Asked, json_wanted: bool) -> None:
    """Every setting with its value and where it came from; secrets are masked."""
    rows = list(asked.loaded().shown())
    data = {key: {"value": value, "origin": origin} for key, value, origin in rows}

    def say(console: Console) -> None:
        for key, value, origin in rows:
            console.print(f"{key:34} {value!s:44} {origin}", markup=False)

    answer(json_wanted, data, say)


def _say(console: Console, lines: list[Line]) -> None:
    table = Table("", "what", "how it stands", "what to do", box=None)
    marks = {
        Verdict.GOOD: "[green]✓ good[/]",
        Verdict.NOTE: "[cyan]· note[/]",
        Verdict.BAD: "[red]✗ bad[/]",
        Verdict.DOUBT: "[yellow]? doubt[/]",
    }
    for line in lines:
        told = _told(line)
        table.add_row(marks[line.verdict], escape(told["what"]), escape(told["detail"]), escape(told["remedy"]))
    console.print(table)
    if any(line.verdict in (Verdict.BAD, Verdict.DOUBT) for line in lines):
        console.print(f"What each line means and what to do stands in {DOCUMENT}, and on the page /staff/system.")


def _told(line: Line) -> dict[str, str]:
    remedy = "" if line.verdict is Verdict.GOOD else str(line.remedy or ENTRIES[line.code].remedy)
    what = entries.what(line.code, line.subject)
    return {"what": what, "verdict": line.verdict, "detail": str(line.said), "remedy": remedy, "code": line.code}
