"""The command that moves the catalogue from SQLite to PostgreSQL."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from config import wiring
from config.commands.answers import Asked, answer, as_json, progress
from config.schedule import clock_lock
from repository.catalogue import Catalogue, heartbeats, moving, schema
from repository.errors import UsageError
from repository.vocabulary import utc_now

_POSTGRESQL = "postgresql+psycopg://"


@click.command()
@click.option("--to", "target", required=True, metavar="URL", help=f"An empty database: {_POSTGRESQL}user@host/name")
@as_json
@click.pass_obj
def migrate_database(asked: Asked, target: str, json_wanted: bool) -> None:
    """Copy the catalogue from SQLite into an empty PostgreSQL database, and compare every row of every table.

    Stop the parts of the program first. The SQLite file is not changed; whatever interrupts this leaves the
    PostgreSQL database empty.
    """
    settings = asked.settings()
    if not target.startswith(_POSTGRESQL):
        raise UsageError(f"--to is a PostgreSQL database, for example {_POSTGRESQL}mahfuz@db.example.org/mahfuz")
    if not settings.database_url.startswith("sqlite:///"):
        raise UsageError("database.url names PostgreSQL already: only an SQLite catalogue is moved")
    file = Path(settings.database_url.removeprefix("sqlite:///"))
    if not file.is_file():
        raise UsageError(f"there is no catalogue {file}")
    began = time.monotonic()
    with (
        wiring.opened(settings, with_stores=False) as archive,
        clock_lock(archive.catalogue, archive.home)() as alone,
    ):
        if alone is None:
            raise UsageError("the clock is running: stop clock, worker and web server, then run this again")
        _check_nobody_works(archive.catalogue, timedelta(seconds=settings.alerts.silent_seconds))
        there = Catalogue(target)
        try:
            with progress("rows") as bar:
                found = moving.move(archive.catalogue, there, bar)
        finally:
            there.close()
        shown = there.shown_url
    verified = all(one.equal for one in found)
    rows = sum(one.rows for one in found)
    data = {
        "from": str(file),
        "to": shown,
        "verified": verified,
        "rows": rows,
        "seconds": round(time.monotonic() - began, 3),
        "tables": [{**asdict(one), "equal": one.equal} for one in found],
        "settings": {"database.url": shown} if verified else None,
    }

    def say(console: Console) -> None:
        table = Table("table", "rows", "SHA-256 of all rows, as in both", box=None)
        for one in found:
            if one.equal and one.rows:
                table.add_row(one.table, str(one.rows), one.sha256)
        console.print(table)
        console.print(f"{sum(not one.rows for one in found)} tables are empty on both sides")
        for one in found:
            if not one.equal:
                console.print(f"{one.table}: {one.rows} rows in SQLite, {one.rows_there} in PostgreSQL", style="red")
                for each in one.unlike:
                    console.print(f"  {each.key}: {each.what} {', '.join(each.columns)}", markup=False)
        if not verified:
            console.print("Not the same. Nothing is left in PostgreSQL; the archive goes on with SQLite.", style="red")
            return
        console.print(f"{rows} rows copied and compared in {data['seconds']} s. The archive moves when you write")
        console.print(f'\n  [database]\n  url = "{shown}"\n', markup=False)
        console.print(
            f"into the settings (with its password, or leave that to ~/.pgpass) and start the parts again. {file} is "
            "as it was: keep it until the next backup, and let nothing write to it any more.",
            markup=False,
        )

    answer(json_wanted, data, say, 0 if verified else 1)


def _check_nobody_works(catalogue: Catalogue, silent: timedelta) -> None:
    """Raises UsageError while a part of the program gives signs of life."""
    if schema.revision_of(catalogue) != schema.HEAD:
        return  # which is told before anything is copied
    with catalogue.reading() as session:
        beats = [row for rows in heartbeats.beats(session).values() for row in rows]
    alive = [row for row in beats if row.beat_at > utc_now() - silent and not _is_gone(row.host, row.pid)]
    if alive:
        parts = ", ".join(f"{row.part} on {row.host} (process {row.pid})" for row in alive)
        raise UsageError(f"still running: {parts}. Stop them all, then run this again")


def _is_gone(host: str, pid: int) -> bool:
    """Whether a process of this machine is known to have ended."""
    if host != socket.gethostname():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
