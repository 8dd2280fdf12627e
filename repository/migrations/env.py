"""Alembic's entry: it is given an open connection by catalogue.schema and reads no settings of its own."""

from __future__ import annotations

from alembic import context

from repository.models import Table

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Table.metadata,
    compare_type=True,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
context.run_migrations()
