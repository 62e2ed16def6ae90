"""``python -m app backup``, ``restore`` and ``doctor``: their options, and what they print."""

import json
import sys
from pathlib import Path

import click

from app.cli.options import DATA_DIR, load
from app.errors import BluffcheckError

FILE = click.Path(path_type=Path, dir_okay=False)
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.argument("file", type=FILE)
@DATA_DIR
def backup(file: Path, data_dir: Path | None) -> None:
    """Write everything in the database to a new FILE. A server may run meanwhile.

    FILE holds what was saved when this began, and was read again before it got its name. Keys of
    providers are not in it; prompts, answers and reviewers are. For SQLite; Postgres has pg_dump.
    """
    from app.upkeep.backups import back_up  # takes a second

    settings = load(data_dir=data_dir)
    try:
        size = back_up(settings.url, file)
    except (BluffcheckError, OSError) as exc:
        raise click.ClickException(str(exc)) from exc
    click.echo(f"{file} holds everything ({size:,} bytes).")


@click.command()
@click.argument("file", type=FILE)
@click.option("--force", is_flag=True, help="Also where there is a database, which is kept aside.")
@DATA_DIR
def restore(file: Path, force: bool, data_dir: Path | None) -> None:
    """Put a backup FILE in the place of the database. No server may run on it.

    FILE is checked first and stays as it is.
    """
    from app.upkeep.backups import restore as put_back  # takes a second

    settings = load(data_dir=data_dir)
    try:
        aside = put_back(settings.url, file, force=force)
    except (BluffcheckError, OSError) as exc:
        raise click.ClickException(str(exc)) from exc
    click.echo(f"{settings.url_for_people} now holds what is in {file}.")
    if aside:
        click.echo(f"What was there before is in {aside}.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for machines.")
@click.option("--calls/--no-calls", default=True, help="Ask ready providers for their models.")
@DATA_DIR
def doctor(as_json: bool, calls: bool, data_dir: Path | None) -> None:
    """Look at settings, database, keys, providers, disk and clock, and say what is wrong.

    Nothing is changed and nothing is paid; a server may run meanwhile. Exit status 1 where
    something fails; what only deserves attention is a warning.
    """
    from app.upkeep.doctor import Mark, examine  # takes a second

    found = []
    for line in examine(data_dir, calls=calls):
        found.append(line)
        if not as_json:
            mark = click.style(f"{line.mark.value:<4}", fg=_COLOURS[line.mark])
            click.echo(f"{mark}  {line.name:<9}  {line.text}")
    if as_json:
        rows = [{"name": one.name, "state": one.mark.value, "text": one.text} for one in found]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    if any(line.mark is Mark.fail for line in found):
        sys.exit(1)
