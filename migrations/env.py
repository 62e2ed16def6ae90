"""Runs inside Database.migrate, on its connection and in its transaction."""

from alembic import context
from sqlmodel import SQLModel

from app.people import tables as peopletables  # noqa: F401  (fills the metadata, with tables)

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
context.run_migrations()
