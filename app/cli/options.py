"""What several commands have in common: where the database is, and settings that must be right."""

from pathlib import Path

import click

from app.errors import SettingsError
from app.settings import Settings, load_settings

DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the database.  [default: the user's data folder]",
)


def load(**given: object) -> Settings:
    """The settings, or the end of the command."""
    try:
        return load_settings(**given)
    except SettingsError as exc:
        raise click.ClickException(str(exc)) from exc
