"""Alembic's entry: runs migrations on the connection that database.py has opened and locked."""

from alembic import context

from cds_service.store.schema import tables

context.configure(connection=context.config.attributes["connection"], target_metadata=tables)
with context.begin_transaction():
    context.run_migrations()
