"""How Alembic reaches the database: always over the connection Calotype hands it."""

from alembic import context

from calotype.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
