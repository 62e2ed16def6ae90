"""Alembic, which takes a fifth of a second and six megabytes to load: only migrations do."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from app.db import ROOT


def upgrade(connection: Connection, to: str) -> None:
    command.upgrade(alembic_config(connection), to)


def alembic_config(connection: Connection) -> Config:
    """Alembic's settings stand in pyproject.toml; the connection is ours."""
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.attributes["connection"] = connection
    return config
