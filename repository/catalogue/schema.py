"""The schema of the catalogue is brought to this version's, under a lock; a newer one is refused, never guessed at."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select, text
from sqlalchemy.engine import Connection

from repository.catalogue import Catalogue
from repository.errors import UsageError
from repository.models import ChangeHead

_SCRIPTS = Path(__file__).parent.parent / "migrations"
_LOCK = 0x6D616866757A  # "mahfuz": the advisory lock of everyone who migrates


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The revision that this version of the program works with."""
    revision = ScriptDirectory(str(_SCRIPTS)).get_current_head()
    assert revision is not None
    return revision


def revision_of(catalogue: Catalogue) -> str | None:
    """The revision that the database is at; None for an empty one. Raises DatabaseUnavailable."""
    with catalogue.reading() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def migrate(catalogue: Catalogue) -> None:
    """Bring the database to :func:`head`. Safe from several processes at once.

    Raises UsageError when the database was made by a newer version, DatabaseUnavailable.
    """
    known = {script.revision for script in ScriptDirectory(str(_SCRIPTS)).walk_revisions()}
    with catalogue.writing() as session:
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        present = MigrationContext.configure(connection).get_current_revision()
        if present is not None and present not in known:
            raise UsageError(
                f"the catalogue {catalogue.shown_url} has schema {present}, which this version does not know: "
                "it was made by a newer Mahfuz; install that version, or restore the backup taken before its upgrade"
            )
        if present != head():
            command.upgrade(_config(connection), "head")
        if session.execute(select(ChangeHead.id)).first() is None:
            session.execute(insert(ChangeHead).values(id=1, number=0, datestamp=datetime(1970, 1, 1, tzinfo=UTC)))
