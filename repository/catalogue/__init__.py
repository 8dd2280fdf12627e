"""What the archive knows, asked and told: every question and every change goes through here, none holds a byte.

The modules beside this one each know one noun. Their functions take the
:class:`~sqlalchemy.orm.Session` of a transaction that the caller opened with
:meth:`Catalogue.reading` or :meth:`Catalogue.writing`; no transaction is ever
open while bytes move.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from repository.catalogue.hints import HINTING, Hinting
from repository.errors import DatabaseUnavailable

LOCK_WAIT_SECONDS = 30
"""How long a writer waits for another before it says that the catalogue did not answer."""

PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""How long a database server is waited for that is gone without a word, where database.url does not say otherwise: the
system's own patience is a quarter of an hour for what was sent, and two hours for an answer."""


class Catalogue:
    """The catalogue behind one database URL (SQLite or PostgreSQL)."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._told: dict[str, Hinting] = {}
        self.engine = _engine(url)
        snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reading = (
            self.engine if self.engine.dialect.name == "sqlite" else self.engine.execution_options(**snapshot)
        )
        self._queue = threading.Lock() if self.engine.dialect.name == "sqlite" else nullcontext()
        self._writing = self.engine.execution_options(mahfuz_writing=True)

    @property
    def is_shared(self) -> bool:
        """Whether processes of several machines may work with it (PostgreSQL)."""
        return self.engine.dialect.name == "postgresql"

    def tell(self, hinting: Hinting) -> None:
        """From now on what this program's writers leave to be done is told to ``hinting`` (:mod:`.hints`)."""
        self._told = {HINTING: hinting}

    @property
    def shown_url(self) -> str:
        """The URL without its password."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that sees one moment of the catalogue and changes nothing. Raises DatabaseUnavailable."""
        with _translated(self), Session(self._reading, expire_on_commit=False) as session:
            yield session  # closed without a commit; what was read stays readable

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is committed at the end of the block, or not at all. Raises DatabaseUnavailable."""
        # SQLite has one writer, and who finds it busy sleeps and asks again: threads of one process queue here instead.
        with self._queue, _translated(self), self._session() as session, session.begin():
            yield session

    def _session(self) -> Session:
        return Session(self._writing, expire_on_commit=False, info=self._told)

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


@contextmanager
def _translated(catalogue: Catalogue) -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable(f"the catalogue {catalogue.shown_url} did not answer: {error.orig}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailable(f"the catalogue {catalogue.shown_url} went away: {error.orig}") from error
        raise


# Letters as they are: a Turkish title in six-byte escapes would be three times as long.
_json = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))
# The values of a statement that failed stand in no message: they are of people as often as of articles.
_MANNERS: dict[str, Any] = {"json_serializer": _json, "hide_parameters": True}


def _engine(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        told = make_url(url).query
        patience = {name: value for name, value in PATIENCE.items() if name not in told}
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20, connect_args=patience, **_MANNERS)
    # isolation_level None: the driver begins nothing by itself, the "begin" below does.
    engine = create_engine(
        url,
        connect_args={"timeout": LOCK_WAIT_SECONDS, "isolation_level": None},
        **_MANNERS,
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        # Rollback journal, not WAL: SQLite 3.7.0 to 3.51.2 can lose commits in WAL mode (walresetbug).
        cursor = connection.cursor()
        for pragma in ("journal_mode = DELETE", "synchronous = FULL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its lock at once: an upgrade from reading to writing cannot wait, it fails.
        writing = connection.get_execution_options().get("mahfuz_writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine
