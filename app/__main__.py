"""The command line: ``python -m app serve``."""

import gc
import io
import logging.config
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import click
import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError

from app import __version__
from app.cli import upkeep
from app.cli.options import DATA_DIR, load
from app.errors import SettingsError, Unavailable
from app.logs import logging_config
from app.settings import Settings, load_settings

FORCE_AFTER_S = 1.0


class Server(uvicorn.Server):
    """uvicorn that says when it is ready, and tells our streams to end before it waits for them."""

    def __init__(self, app: FastAPI, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self.app = app
        self.announce = announce
        self.asked_at = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            gc.collect()
            gc.set_threshold(50_000, 20, 100)  # an answer makes much garbage, and hardly a cycle
            gc.freeze()  # what is there now stays: looking through it again costs 100 ms a time
            self.announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Not the base's way, which ends by raising the signal again: stopping is no failure.
        # Ctrl+C comes from the terminal and again through make and uv: only a later one forces.
        asked_again = self.should_exit and time.monotonic() - self.asked_at > FORCE_AFTER_S
        self.force_exit = self.force_exit or asked_again
        if not self.should_exit:
            self.asked_at = time.monotonic()
        self.should_exit = True
        if self.started:
            self.app.state.services.stopping.set()


@click.group()
@click.version_option(__version__, prog_name="bluffcheck")
def main() -> None:
    """Bluffcheck: which language model bluffs when it does not know?

    Settings come from BLUFFCHECK_* variables and .env; options win over both.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # what it cannot say must not end a command
        sys.stdout.reconfigure(errors="replace")


for command in (upkeep.backup, upkeep.restore, upkeep.doctor):
    main.add_command(command)


@main.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: 8000]")
@DATA_DIR
@click.option("--open/--no-open", "open_", default=False, help="Open a browser.")
@click.option("--work/--no-work", default=True, help="Run answers too; on Postgres, workers can.")
def serve(
    host: str | None, port: int | None, data_dir: Path | None, open_: bool, work: bool
) -> None:
    """Set up the database and serve the dashboard."""
    try:
        settings = load_settings(host=host, port=port, data_dir=data_dir)
        listener = _listen(settings)
        from app.main import create_app  # takes a second: not before --help or a wrong setting
        from app.web.protocol import PatientProtocol, allow_many_connections

        allow_many_connections()
        app = create_app(settings, works=work)
    except SettingsError as exc:
        raise click.ClickException(str(exc)) from exc
    except (OSError, DBAPIError, Unavailable) as exc:
        reason = exc.reason if isinstance(exc, Unavailable) else getattr(exc, "orig", exc)
        raise click.ClickException(f"Cannot open {settings.url_for_people}: {reason}") from exc
    log_config: dict[str, Any] = logging_config(settings.log_format, settings.log_level)
    config = uvicorn.Config(
        app,
        log_config=log_config,
        timeout_graceful_shutdown=2,
        server_header=False,
        http=PatientProtocol,
        proxy_headers=False,  # app/web/peers.py knows whom to believe
        ws="none",
        access_log=False,  # app/web/requests.py says more, and no secrets of addresses
    )
    name = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{name}:{listener.getsockname()[1]}"
    server = Server(app, config, partial(_announce, app, url, settings, open_))
    server.run(sockets=[listener])
    if not server.started:
        sys.exit(1)


@main.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of providers.toml.  [default: the user's data folder]",
)
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Serve /metrics here.")
def worker(data_dir: Path | None, metrics_port: int | None) -> None:
    """Run answers of a Postgres database (BLUFFCHECK_DATABASE_URL), beside other processes.

    Any number of workers on any number of machines share the work and the providers' limits.
    """
    try:
        settings = load_settings(data_dir=data_dir)
        from app.worker import run  # takes a second

        logging.config.dictConfig(logging_config(settings.log_format, settings.log_level))
        ready = partial(click.echo, f"Bluffcheck works on {settings.url_for_people}")
        run(settings, ready, metrics_port)
    except SettingsError as exc:
        raise click.ClickException(str(exc)) from exc
    except (OSError, DBAPIError, Unavailable) as exc:
        reason = exc.reason if isinstance(exc, Unavailable) else getattr(exc, "orig", exc)
        raise click.ClickException(f"Cannot open {settings.url_for_people}: {reason}") from exc


@main.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy(source: str, target: str) -> None:
    """Copy everything from one database into another, new one.

    FROM and TO are SQLite files (a path that ends in .db, or sqlite:///path) or Postgres databases
    (postgresql://user@host/name, which must exist; a password may stand in PGPASSWORD instead).
    No server may run on either. Every row is read again and compared; TO gets all of it or nothing.
    """
    from app.cli import commands  # takes a second

    commands.copy(source, target)


@main.command()
@click.argument("probe", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--server", metavar="URL", help="Have a server that runs already do it.")
@DATA_DIR
def run(probe: Path, server: str | None, data_dir: Path | None) -> None:
    """Run the grid that the file PROBE describes (TOML), and wait until it is done.

    Its answers are kept where “serve” shows them; a run that is interrupted is continued there.
    Exit status 1 when an answer failed.
    """
    from app.cli import running  # takes a second

    if not running.run_probe(probe, server, data_dir):
        sys.exit(1)


@main.command()
@click.argument("grid")
@click.argument("file", default="-")
@click.option(
    "--format", "format_", default="",
    help="csv, labels (a CSV row per label), jsonl, md, html or zip.  [default: as FILE ends]",
)  # fmt: skip
@click.option("--labelled", is_flag=True, help="Only answers that somebody labelled.")
@DATA_DIR
def export(grid: str, file: str, format_: str, labelled: bool, data_dir: Path | None) -> None:
    """Write a grid to FILE. GRID is its id, the last part of its address; snapshots have one too.

    Without FILE it goes to the standard output. A server may run meanwhile.
    """
    from app.cli import commands  # takes a second

    settings = load(data_dir=data_dir)
    commands.export(settings, grid, file, format_, labelled=labelled)


@main.command("import-prompts")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--format", "format_", default="", help="csv, tsv, jsonl, json, toml or lines.")
@click.option(
    "--column", "columns", multiple=True, metavar="NAME:FIELD",
    help="What a column is, such as Frage:text; without FIELD it is left out.",
)  # fmt: skip
@click.option("--tag", "tags", multiple=True, help="A tag for all of them.")
@click.option(
    "--bad-rows",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the rows that cannot be imported to this CSV, and import the others.",
)
@DATA_DIR
def import_prompts(
    file: Path,
    dry_run: bool,
    format_: str,
    columns: tuple[str, ...],
    tags: tuple[str, ...],
    bad_rows: Path | None,
    data_dir: Path | None,
) -> None:
    """Import prompts from FILE: CSV, TSV, JSON, JSON Lines, TOML or one prompt per line.

    Prompts that are in the library already are updated. It is one transaction: where a row cannot
    be imported, none is, unless --bad-rows names a file for those. A server may run meanwhile.
    """
    from app.cli import importing  # takes a second

    settings = load(data_dir=data_dir)
    importing.import_prompts(
        settings, file, format_, columns, ",".join(tags), bad_rows, dry_run=dry_run
    )


@main.command("import-answers")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--format",
    "format_",
    default="",
    help="bluffcheck, csv, tsv, jsonl, json, promptfoo or inspect.  [default: find out]",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME:FIELD",
    help="What a column of a table is, such as Antwort:text; without FIELD it is left out.",
)
@click.option(
    "--label",
    "meanings",
    multiple=True,
    metavar="VALUE:MEANING",
    help="What a value of a label means, such as pass:correct; none: no label.",
)
@click.option(
    "--rest-unlabelled", is_flag=True, help="Values of labels that are not explained: no label."
)
@click.option("--model", default="", help="Who answered, where a row names no model.")
@click.option("--reviewer", default="", help="Who labelled, where a row names nobody.")
@click.option("--title", default="", help="Of the grid that a table becomes.")
@click.option("--again", is_flag=True, help="Import also what is here already.")
@click.option("--skip-bad", is_flag=True, help="Leave out lines that cannot be imported.")
@click.option(
    "--bad-rows",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write the lines that cannot be imported to this CSV, and import the others.",
)
@click.option("--into", default="", metavar="GRID", help="Add the labels to this grid instead.")
@click.option(
    "--overwrite", is_flag=True, help="With --into: also labels that differ from what is here."
)
@DATA_DIR
def import_answers(
    file: Path,
    dry_run: bool,
    format_: str,
    columns: tuple[str, ...],
    meanings: tuple[str, ...],
    rest_unlabelled: bool,
    model: str,
    reviewer: str,
    title: str,
    again: bool,
    skip_bad: bool,
    bad_rows: Path | None,
    into: str,
    overwrite: bool,
    data_dir: Path | None,
) -> None:
    """Import answers and labels from FILE, as grids of which nothing is ever called.

    FILE is an export of Bluffcheck (JSONL, ZIP, CSV), a table of answers, results of promptfoo or a
    log of Inspect. It is one transaction, and what is here already is not imported once more. With
    --into, the labels in it are added to a grid that is here. A server may run meanwhile.
    """
    from app.cli import importing  # takes a second

    settings = load(data_dir=data_dir)
    said = importing.Said(
        format_, columns, meanings, rest_unlabelled, model, reviewer, title, again, skip_bad,
        bad_rows, into, overwrite,
    )  # fmt: skip
    importing.import_answers(settings, file, said, dry_run=dry_run)


@main.group()
def models() -> None:
    """Look at models, and try them."""


@models.command("list")
@click.argument("text", default="")
def list_models(text: str) -> None:
    """Print the models of ready providers whose id contains TEXT."""
    from app.cli import commands  # takes a second

    commands.list_models(text)


@models.command("check")
@click.argument("names", nargs=-1, metavar="[PROVIDER/MODEL]...")
@click.option("--all", "every", is_flag=True, help="Every known model of every ready provider.")
@click.option("--yes", is_flag=True, help="Do not ask before trying more than 20 models.")
def check_models(names: tuple[str, ...], every: bool, yes: bool) -> None:
    """Make test calls: is the key valid, does the model exist, does its thinking switch work?

    Without names, one model of each ready provider is tried. Each takes one or two small calls of
    at most 2,048 tokens of output. Exit status 1 when something fails or ignores its switch.
    """
    from app.cli import commands  # takes a second

    if not commands.check_models(names, every=every, yes=yes):
        sys.exit(1)


@main.group()
def people() -> None:
    """Who may log in."""


@people.command("list")
@DATA_DIR
def list_people(data_dir: Path | None) -> None:
    """Print everybody who has an account."""
    from app.cli import commands  # takes a second

    commands.list_people(load(data_dir=data_dir))


@people.command("invite")
@click.option("--role", type=click.Choice(["reader", "reviewer", "owner"]), default="reviewer")
@click.option("--for", "name", metavar="NAME", help="A reviewer who is there: their labels, or a"
              " new password.")  # fmt: skip
@DATA_DIR
def invite_person(role: str, name: str | None, data_dir: Path | None) -> None:
    """Print a link that makes an account. It works once, for a week. A server may run meanwhile."""
    from app.cli import commands  # takes a second

    commands.invite_person(load(data_dir=data_dir), role, name)


def _listen(settings: Settings) -> socket.socket:
    """Take the port first: a clear message beats a half-started server."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as exc:
        listener.close()
        raise SettingsError(
            f"Cannot listen on {settings.host}, port {settings.port}: {exc.strerror}."
            " Is another Bluffcheck running? Choose another port with --port."
        ) from None
    return listener


def _announce(app: FastAPI, url: str, settings: Settings, open_: bool) -> None:
    click.echo(f"Bluffcheck is ready on {url}  (data: {settings.url_for_people})")
    if settings.login != "none":
        from app.people.members import first_link

        if path := first_link(app.state.services.database):
            click.echo(
                "There is no owner yet. This link makes the first one; it works once, for a day,\n"
                "also with the same path under the address that your team uses:\n"
                f"{url.replace('0.0.0.0', 'localhost').replace('[::]', 'localhost')}{path}"  # noqa: S104
            )
    if open_:
        threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()


if __name__ == "__main__":
    main()
