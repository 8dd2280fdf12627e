"""The catalogue copied into a file beside which its digest stands, while it is written to; and such a file judged.

SQLite is copied by its own online backup, PostgreSQL by its own pg_dump: both tell of one moment, whatever is written
meanwhile. A file that bears its name is whole and was opened again; one that is being made ends with ``.part``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from repository.bags import seal_of
from repository.catalogue import Catalogue, schema
from repository.errors import Doubt, MahfuzError, UsageError
from repository.storage.durable import sync_folder, write_text

_ENDINGS = {"sqlite": "sqlite", "postgresql": "dump"}
_NAME = re.compile(r"mahfuz-\d{8}T\d{6}Z\.(sqlite|dump)")
_SAID = 500


class NoBackup(Doubt):
    """The copy could not be made to its end. The catalogue is as it was, and older backups are too."""


class BadBackup(MahfuzError):
    """This file is not the backup that it should be."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup, as the file beside it (``….json``) describes it."""

    file: str
    kind: str
    schema: str
    bytes: int
    sha256: str
    made_at: str
    """The moment before which everything is in it, ISO 8601."""
    made_by: str


def make(catalogue: Catalogue, folder: Path, at: datetime, agent: str) -> Backup:
    """A new backup in ``folder``, whole, on the disk, opened again and described.

    Raises DatabaseUnavailable, NoBackup, UsageError where PostgreSQL's programs are not there, OSError.
    """
    present = schema.revision_of(catalogue)
    if present is None:
        raise UsageError(f"the catalogue {catalogue.shown_url} has no schema yet: there is nothing to back up")
    kind = catalogue.url.get_backend_name()
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    target = folder / f"mahfuz-{at:%Y%m%dT%H%M%SZ}.{_ENDINGS[kind]}"
    part = target.with_name(f"{target.name}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))  # there are password hashes in it
        if kind == "sqlite":
            _copy(catalogue, part)
        else:
            _dump(catalogue, part)
        found = _revision_in(part, kind)
        sha256, size = _digest(part)
        made = Backup(target.name, kind, found, size, sha256, at.isoformat(timespec="seconds"), agent)
        _on_disk(part)
        write_text(_description(target), json.dumps(asdict(made), indent=2) + "\n")
        part.replace(target)
        sync_folder(folder)
    finally:
        part.unlink(missing_ok=True)
    return made


def verified(file: Path) -> Backup:
    """What the file is, when it is the very one that was made and can be opened. Raises BadBackup, UsageError."""
    description = _description(file)
    try:
        told = Backup(**json.loads(description.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{description} cannot be read: {error.strerror}; it was made beside the backup") from error
    except (ValueError, TypeError) as error:
        raise BadBackup(f"{description} does not describe a backup") from error
    sha256, size = _digest(file)
    if (size, sha256) != (told.bytes, told.sha256):
        raise BadBackup(f"{file} has {size} bytes and SHA-256 {sha256}; made were {told.bytes} with {told.sha256}")
    try:
        found = _revision_in(file, told.kind)
    except NoBackup as error:
        raise BadBackup(str(error)) from error
    if found != told.schema:
        raise BadBackup(f"{file} holds schema {found}, and should hold {told.schema}")
    return told


def forget_older(folder: Path, keep: int, made: str) -> list[str]:
    """Of the backups in ``folder`` only the newest ``keep`` are left, ``made`` just now among them whatever the clock
    said when others were; the names of those that went."""
    others = sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.name != made)
    older = others[: max(0, len(others) - keep + 1)]
    for name in older:
        (folder / name).unlink()
        _description(folder / name).unlink(missing_ok=True)
    return older


def _description(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def _copy(catalogue: Catalogue, part: Path) -> None:
    """All pages in one step: in several, every writer between two of them would have it begin anew."""
    with closing(catalogue.engine.raw_connection()) as ours, closing(sqlite3.connect(part)) as copy:
        connection = ours.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        try:
            connection.backup(copy)
        except sqlite3.Error as error:
            raise NoBackup(f"the catalogue {catalogue.shown_url} could not be copied: {error}") from error


def _dump(catalogue: Catalogue, part: Path) -> None:
    _, given = catalogue.engine.dialect.create_connect_args(catalogue.url)
    words = {key: str(value) for key, value in given.items() if key not in ("password", "context")}
    address = " ".join(f"{key}='{_escaped(value)}'" for key, value in words.items())
    # Never as an argument: whoever may list the processes of this machine could read it.
    secret = {"PGPASSWORD": str(given["password"])} if given.get("password") else {}
    _run("pg_dump", ["--format=custom", "--no-password", f"--file={part}", f"--dbname={address}"], secret)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _revision_in(file: Path, kind: str) -> str:
    """The schema of the copy, read from the copy itself once it is known to be sound. Raises NoBackup."""
    if kind == "sqlite":
        try:
            with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro&immutable=1", uri=True)) as copy:
                (sound,) = copy.execute("PRAGMA quick_check(1)").fetchone()
                found = copy.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.Error as error:
            raise NoBackup(f"{file} cannot be opened: {error}") from error
        if sound != "ok" or found is None:
            raise NoBackup(f"{file} is not sound: {sound}")
        return str(found[0])
    # Read to the end, every table of it: a list of contents alone says nothing about what follows.
    _run("pg_restore", ["--file=/dev/null", str(file)], {})
    rows = _run("pg_restore", ["--data-only", "--table=alembic_version", "--file=-", str(file)], {})
    copied = re.search(r"^COPY [^\n]*alembic_version[^\n]*;\n([^\n]+)\n", rows, re.MULTILINE)
    if copied is None:
        raise NoBackup(f"{file} does not say of which schema it is")
    return copied[1]


def _run(program: str, words: Sequence[str], secret: Mapping[str, str]) -> str:
    found = shutil.which(program)
    if found is None:
        raise UsageError(
            f"{program} is not installed: install PostgreSQL's client programs (postgresql-client, of the server's "
            "version or newer), or back the database up with tools of your own (docs/deploy.md)"
        )
    # libpq's own variables and files go on holding; nothing else of ours is for it.
    ours = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME") or key.startswith("PG")}
    done = subprocess.run([found, *words], env={**ours, "LC_ALL": "C", **secret}, capture_output=True, check=False)  # noqa: S603
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[-_SAID:]
        raise NoBackup(f"{program} ended with status {done.returncode}: {said}")
    return done.stdout.decode(errors="replace")


def _digest(file: Path) -> tuple[str, int]:
    with file.open("rb") as stream:
        return seal_of(stream)


def _on_disk(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
