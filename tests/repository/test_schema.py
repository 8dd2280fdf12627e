"""The migrations lead to exactly the models, on both databases, from several processes at once, and never backwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from repository.catalogue import Catalogue, schema
from repository.errors import DatabaseUnavailable, UsageError
from repository.models import Table


def test_the_migrations_equal_the_models(empty_database_url: str) -> None:
    catalogue = Catalogue(empty_database_url)
    schema.migrate(catalogue)
    with catalogue.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []
    assert schema.revision_of(catalogue) == schema.HEAD
    catalogue.close()


def test_several_processes_may_migrate_at_once(empty_database_url: str) -> None:
    catalogues = [Catalogue(empty_database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(schema.migrate, catalogues))
    for catalogue in catalogues:
        with catalogue.reading() as session:
            assert session.execute(text("SELECT count(*) FROM change_head")).scalar_one() == 1
        catalogue.close()


def test_a_catalogue_whose_rows_are_gone_is_made_ready_again(database_url: str) -> None:
    catalogue = Catalogue(database_url)
    schema.migrate(catalogue)
    with catalogue.writing() as session:
        session.execute(text("DELETE FROM change_head"))
        session.execute(text("DELETE FROM chain_end"))
    schema.migrate(catalogue)
    with catalogue.reading() as session:
        assert session.execute(text("SELECT position FROM chain_end")).scalar_one() == 0
        assert session.execute(text("SELECT number FROM change_head")).scalar_one() == 0
    catalogue.close()


def test_a_newer_schema_is_refused_with_what_to_do(empty_database_url: str) -> None:
    catalogue = Catalogue(empty_database_url)
    schema.migrate(catalogue)
    with catalogue.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UsageError, match="newer Mahfuz"):
        schema.migrate(catalogue)
    catalogue.close()


def test_every_text_that_is_sorted_is_compared_bytewise(empty_database_url: str) -> None:
    catalogue = Catalogue(empty_database_url)
    schema.migrate(catalogue)
    with catalogue.reading() as session:
        if session.connection().dialect.name == "postgresql":
            rows = session.execute(
                text(
                    "SELECT table_name, column_name, collation_name FROM information_schema.columns "
                    "WHERE column_name IN ('sort_key', 'folded', 'shelf', 'word') AND table_schema = 'public'"
                )
            ).all()
            assert len(rows) >= 5
            assert {row.collation_name for row in rows} == {"C"}
    catalogue.close()


def test_sqlite_is_opened_as_its_durability_needs(tmp_path) -> None:  # type: ignore[no-untyped-def]
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'c.sqlite'}")
    with catalogue.writing() as session:
        found = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "delete", "synchronous": 2, "foreign_keys": 1}
    catalogue.close()


def test_a_database_that_is_not_there_is_doubt() -> None:
    catalogue = Catalogue("postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=2")
    with pytest.raises(DatabaseUnavailable), catalogue.reading() as session:
        session.execute(text("SELECT 1"))
    catalogue.close()
