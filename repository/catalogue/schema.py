"""The schema of the catalogue is brought to this version's, under a lock; a newer one is refused, never guessed at."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Column, MetaData, String, Table, insert, inspect, select
from sqlalchemy.engine import Connection

from repository.catalogue import Catalogue, turns
from repository.catalogue.chain import START
from repository.errors import UsageError
from repository.models import ChainEnd, ChangeHead

HEAD = "0026"
"""The revision that this version of the program works with: the newest of ``migrations/versions``."""

_SCRIPTS = Path(__file__).parent.parent / "migrations"
_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32)))


def revision_of(catalogue: Catalogue) -> str | None:
    """The revision that the database is at; None for an empty one. Raises DatabaseUnavailable."""
    with catalogue.reading() as session:
        return present(session.connection())


def migrate(catalogue: Catalogue) -> None:
    """Bring the database to :data:`HEAD`. Safe from several processes at once.

    Raises UsageError when the database was made by a newer version, DatabaseUnavailable.
    """
    if _complete(catalogue):
        return  # as nearly always: nobody is kept waiting, and Alembic is not even loaded
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    known = {script.revision for script in ScriptDirectory(str(_SCRIPTS)).walk_revisions()}
    with catalogue.writing() as session:
        connection = session.connection()
        turns.take_schema(session)
        found = present(connection)
        if found is not None and found not in known:
            raise UsageError(
                f"the catalogue {catalogue.shown_url} has schema {found}, which this version does not know: "
                "it was made by a newer Mahfuz; install that version, or restore the backup taken before its upgrade"
            )
        if found != HEAD:
            config = Config()
            config.set_main_option("script_location", str(_SCRIPTS))
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
        if session.execute(select(ChangeHead.id)).first() is None:
            session.execute(insert(ChangeHead).values(id=1, number=0, datestamp=datetime(1970, 1, 1, tzinfo=UTC)))
        if session.execute(select(ChainEnd.id)).first() is None:
            session.execute(insert(ChainEnd).values(id=1, position=0, hash=START))


def _complete(catalogue: Catalogue) -> bool:
    """Whether the schema is this version's, with the rows without which no article is entered and no event linked."""
    with catalogue.reading() as session:
        if present(session.connection()) != HEAD:
            return False
        return None not in (session.get(ChangeHead, 1), session.get(ChainEnd, 1))


def present(connection: Connection) -> str | None:
    """The revision that the database behind ``connection`` is at; None for an empty one."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar()
