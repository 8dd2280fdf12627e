"""Commands that copy the catalogue into a file, and say whether such a file is good."""

from __future__ import annotations

import socket
from dataclasses import asdict
from pathlib import Path

import click
import structlog

from config import backup_files, wiring
from config.commands.answers import Asked, answer, as_json
from repository.catalogue import backups, schema
from repository.vocabulary import utc_now

log = structlog.get_logger(__name__)


@click.group()
def backup() -> None:
    """Backups of the catalogue."""


@backup.command()
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for it; on another disk, and taken from there to another machine.",
)
@click.option("--keep", type=click.IntRange(min=1), help="Then delete older ones there, but for so many.")
@as_json
@click.pass_obj
def make(asked: Asked, folder: Path, keep: int | None, json_wanted: bool) -> None:
    """Copy the catalogue while it is in use, open the copy, and write its digest and schema beside it.

    It brings no schema up to date: before an upgrade, the new version backs up what the old one wrote.
    """
    at = utc_now()
    # Not asked.archive(), which migrates.
    with wiring.opened(asked.settings(), with_stores=False) as archive:
        made = backup_files.make(archive.catalogue, folder, at, wiring.AGENT)
        place = folder.absolute() / made.file
        if schema.revision_of(archive.catalogue) == schema.HEAD:
            with archive.catalogue.writing() as session:
                backups.note(
                    session,
                    at,
                    host=socket.gethostname(),
                    place=str(place),
                    size=made.bytes,
                    sha256=made.sha256,
                    schema=made.schema,
                    kind=made.kind,
                )
    gone = backup_files.forget_older(folder, keep, made.file) if keep else []
    log.info("backup", file=str(place), bytes=made.bytes, schema=made.schema, forgotten=len(gone))
    data = {**asdict(made), "file": str(place), "forgotten": gone}
    answer(json_wanted, data, lambda console: console.print(f"{place}: {made.bytes} bytes, schema {made.schema}"))


@backup.command()
@click.option("--what", required=True, help='What was made, and with what: "pgBackRest, full".')
@as_json
@click.pass_obj
def note(asked: Asked, what: str, json_wanted: bool) -> None:
    """Write down that a backup was just made with tools of your own, so that `mahfuz doctor` knows of it.

    Give it as the last step of a script that ends at its first failure.
    """
    at = utc_now()
    with asked.archive(with_stores=False) as archive, archive.catalogue.writing() as session:
        backups.note(
            session,
            at,
            host=socket.gethostname(),
            place=what,
            size=0,
            sha256="",
            schema=schema.HEAD,
            kind=backups.FOREIGN,
        )
    data = {"at": at.isoformat(timespec="seconds"), "what": what}
    answer(json_wanted, data, lambda console: console.print(f"{what}: {at:%Y-%m-%d %H:%M} UTC", markup=False))


@backup.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
def verify(file: Path, json_wanted: bool) -> None:
    """Read a backup to the end: is it the one that was made, and can it be opened? Exit status 0 yes, 1 no."""
    try:
        found = backup_files.verified(file)
    except backup_files.BadBackup as error:
        reason = str(error)
        said = {"file": str(file), "good": False, "reason": reason}
        answer(json_wanted, said, lambda console: console.print(reason, markup=False), 1)
        return
    data = {**asdict(found), "file": str(file), "good": True, "known": found.schema <= schema.HEAD}
    answer(
        json_wanted,
        data,
        lambda console: console.print(f"{file}: good, of {found.made_at}, schema {found.schema}", markup=False),
    )
