"""One at a time, for as long as a block lasts: by a file among the processes of one home, by the database among homes.

A transaction's lock (:mod:`repository.catalogue.turns`) ends with it; these are for work in which bytes move.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from repository.catalogue import Catalogue
from repository.errors import DatabaseUnavailable


@dataclass(frozen=True, slots=True)
class Hold:
    """What is held within the block."""

    connection: Connection | None = None

    def is_lost(self) -> bool:
        """Whether others may have come in: a lock in the database is gone with its connection."""
        if self.connection is None:
            return False
        try:
            self.connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return True
        return False


@contextmanager
def alone(
    catalogue: Catalogue, home: Path, *names: str, shared: bool = False, wait: bool = True
) -> Iterator[Hold | None]:
    """Nobody else holds one of these names within the block; with ``shared``, nobody who does not share it.

    A name is a file's name without its ending. Without ``wait`` None is given where somebody holds one of them
    already. Gone with the process that held it, however that ended. Of the database it is a lock of one session,
    and a session may be lost in the middle: what is done within the block must come to no harm by two who do it, this
    spares them the work and a person their quarrel. Raises DatabaseUnavailable, OSError.
    """
    with ExitStack() as held:
        ordered = sorted(names)  # in one order everywhere, so that no two wait for each other
        if not all(held.enter_context(_file(home / "locks", name, shared, wait)) for name in ordered):
            yield None
            return
        if not names or not catalogue.is_shared:
            yield Hold()
            return
        connection = held.enter_context(_session(catalogue, ordered, shared, wait))
        yield None if connection is None else Hold(connection)


@contextmanager
def _file(folder: Path, name: str, shared: bool, wait: bool) -> Iterator[bool]:
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


@contextmanager
def _session(catalogue: Catalogue, names: list[str], shared: bool, wait: bool) -> Iterator[Connection | None]:
    kind = "_shared" if shared else ""
    asked = text(f"SELECT pg_{'' if wait else 'try_'}advisory_lock{kind}(:key)")
    try:
        connection = catalogue.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    except SQLAlchemyError as error:
        raise DatabaseUnavailable(f"the catalogue {catalogue.shown_url} did not answer: {error}") from error
    try:
        try:
            got = [connection.execute(asked, {"key": key_of(name)}).scalar_one() for name in names]
        except SQLAlchemyError as error:
            raise DatabaseUnavailable(f"the catalogue {catalogue.shown_url} went away: {error}") from error
        # Of a lock that is waited for the answer is nothing at all.
        yield connection if wait or all(got) else None
    finally:
        _given_back(connection)


def _given_back(connection: Connection) -> None:
    try:
        if not connection.invalidated:
            connection.execute(text("SELECT pg_advisory_unlock_all()"))
    except SQLAlchemyError:
        connection.invalidate()  # the locks go with it
    finally:
        connection.close()


def key_of(name: str) -> int:
    """The 64 bits by which the database knows the name; of the locks of transactions none is so large."""
    return int.from_bytes(hashlib.sha256(f"mahfuz/{name}".encode()).digest()[:8], "big", signed=True)
