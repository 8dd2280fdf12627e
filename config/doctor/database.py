"""The database: that it answers, that its schema is this version's, and the traps of SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from config.doctor.lines import Line, bad, good
from config.doctor.questions import Patient
from repository.catalogue import schema
from repository.texts import marked

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "ceph", "lustre", "afs"}
)
"""Where the locks that SQLite lives by do not hold, or not always."""
_MOUNTS = Path("/proc/self/mounts")


def answers(patient: Patient, session: Session) -> Iterator[Line]:
    """It answers."""
    session.execute(text("SELECT 1"))
    yield good("database", "{url}", url=patient.archive.catalogue.shown_url)


def its_schema(_patient: Patient, session: Session) -> Iterator[Line]:
    """Its schema is the one that this version works with."""
    found = schema.present(session.connection())
    if found == schema.HEAD:
        yield good("schema", marked("revision {found}"), found=found)
    else:
        said = marked("revision {found}; this version needs {wanted}")
        yield bad("schema", said, found=found or "–", wanted=schema.HEAD)


def sqlite(patient: Patient, session: Session) -> Iterator[Line]:
    """Whether commits can be lost in WAL mode, whether each waits for the disk, and whether locks hold there."""
    if session.get_bind().dialect.name != "sqlite":
        return
    mode = str(session.execute(text("PRAGMA journal_mode")).scalar_one())
    synchronous = int(session.execute(text("PRAGMA synchronous")).scalar_one())
    values = {"version": sqlite3.sqlite_version, "mode": mode}
    if mode == "wal" and not wal_reset_is_fixed(sqlite3.sqlite_version_info):
        yield bad("sqlite", marked("{version}, journal_mode {mode}: it can lose commits"), **values)
    elif synchronous < 2:
        yield bad("sqlite", marked("{version}, journal_mode {mode}: commits do not wait for the disk"), **values)
    else:
        yield good("sqlite", marked("{version}, journal_mode {mode}"), **values)
    file = patient.archive.catalogue.url.database
    kind = file_system(Path(file)) if file else None
    if kind is None:
        return
    if kind in NETWORK_FILE_SYSTEMS:
        yield bad("sqlite-place", marked("{file} lies on a network file system ({kind})"), file=str(file), kind=kind)
    else:
        yield good("sqlite-place", marked("{file} lies on {kind}"), file=str(file), kind=kind)


def wal_reset_is_fixed(version: tuple[int, ...]) -> bool:
    """The bug stands in 3.7.0 to 3.51.2 and is mended in 3.44.6 and 3.50.7 too (sqlite.org/wal.html#walresetbug)."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


def file_system(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Of what kind the file system is on which ``path`` lies; None where this machine does not tell."""
    try:
        lines = [line.split() for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
        place = path.resolve()
    except OSError:
        return None
    found, deepest = None, -1
    for _what, where, kind, *_more in lines:
        folder = Path(where.replace("\\040", " "))
        if place.is_relative_to(folder) and len(folder.parts) >= deepest:
            found, deepest = kind, len(folder.parts)
    return found
