"""``python -m app models``, ``copy``, ``people`` and ``export``: what they print.

``models`` is what the Models page does, in a terminal.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from app.catalogue import configured, list_all_models
from app.catalogue import list_models as list_models_of
from app.checks import CheckResult, check_model, settings_to_check
from app.db import Database, revisions
from app.errors import BluffcheckError, InvalidInput
from app.exports.formats import encoded, formats
from app.exports.rows import open_export
from app.grids import get_grid
from app.people import members as people
from app.people.audit import COMMAND_LINE, By
from app.people.tables import Role
from app.plans import Providers, find_model
from app.pricing.money import dollars
from app.pricing.prices import PriceBook
from app.providers import Provider, discover
from app.providers.practice import PracticeProvider
from app.settings import Settings, load_settings
from app.tables import CheckState, now
from app.upkeep.copying import Advance, copy_database, database_url, name_of

T = TypeVar("T")
HEADINGS = ("model", "thinking", "result", "tokens in/out", "cost", "what it showed")
ASK_ABOVE = 20  # models
SHOWN_PROBLEMS = 20  # rows of a file
BAD = (CheckState.fails, CheckState.ignored)


def list_models(text: str) -> None:
    """Print the models of ready providers whose id contains ``text``."""

    async def go(providers: Providers) -> list[str]:
        ready = await _ready(providers)
        return [m.id for p in ready for m in p.known_models() if text.lower() in m.id.lower()]

    for model in _with_providers(go):
        click.echo(model)


def check_models(names: Sequence[str], *, every: bool, yes: bool) -> bool:
    """Make test calls and print what they showed; False when one fails or ignores its switch."""

    async def go(providers: Providers) -> list[tuple[CheckState, tuple[str, ...]]]:
        chosen = list(names) or await _chosen(providers, every=every)
        if len(chosen) > ASK_ABOVE and not yes:
            click.confirm(f"Make test calls to {len(chosen)} models?", abort=True, err=True)
        prices = PriceBook(providers)
        results = await asyncio.gather(*(_check(providers, model) for model in chosen))
        return [
            (one.state, _row(model, one, prices))
            for model, found in zip(chosen, results, strict=True)
            for one in found
        ]

    found = _with_providers(go)
    if not found:
        raise click.ClickException("No provider is ready: put a key into the environment or .env.")
    for line in _table([HEADINGS, *(row for _, row in found)]):
        click.echo(line)
    return not any(state in BAD for state, _ in found)


def copy(source: str, target: str) -> None:
    """Copy one database into another and print how many rows that were."""
    try:
        with ExitStack() as shown:

            def started(steps: int) -> Advance:
                bar = click.progressbar(
                    length=steps, label="Copying", file=sys.stderr, hidden=not sys.stderr.isatty()
                )
                return shown.enter_context(bar).update

            copied = copy_database(source, target, started)
    except BluffcheckError as exc:
        raise click.ClickException(str(exc)) from exc
    rows = [(one.table, f"{one.rows:,}", f"{one.checked:,}") for one in copied]
    for line in _table([("table", "rows copied", "rows checked"), *rows]):
        click.echo(line)
    names = [name_of(database_url(url)) for url in (source, target)]
    click.echo("{1} now holds everything of {0}.".format(*names))


def export(settings: Settings, grid_id: str, target: str, kind: str, *, labelled: bool) -> None:
    """Write a grid to a file, or to the standard output (“-”), and say how far it is."""
    from app.web.render import render_pieces

    ending = kind or Path(target).suffix.removeprefix(".")
    name = "labels.csv" if ending == "labels" else f"export.{ending}"
    known = formats(render_pieces)
    if name not in known:
        names = ", ".join(it.partition(".")[2] for it in known if it.startswith("export"))
        raise click.ClickException(f"Choose a format with --format: {names} or labels.")
    with opened(settings) as database, database.read() as session, ExitStack() as stack:
        grid, practice = get_grid(session, grid_id), frozenset({PracticeProvider.name})
        export = open_export(session, grid, settings.public_url, practice, labelled=labelled)
        # A ZIP has both CSVs and the JSONL; Markdown reads no answer by itself.
        times = {"export.zip": 3, "export.md": 0}.get(name, 1)
        bar = click.progressbar(
            length=times * len(export.ids),
            label=f"{len(export.ids):,} answers",
            file=sys.stderr,
            hidden=not sys.stderr.isatty(),
        )
        stack.enter_context(bar)
        out = stack.enter_context(click.open_file(target, "wb", atomic=True))
        size = 0
        for piece in encoded(known[name].make(replace(export, advance=bar.update))):
            size += out.write(piece)
    click.echo(f"{len(export.ids):,} answers, {size:,} bytes: {target}", err=True)


def list_people(settings: Settings) -> None:
    """Print who has an account."""
    with opened(settings) as database, database.read() as session:
        rows = [
            (one.reviewer.name, one.account.login, one.account.role,
             "closed" if one.account.deactivated_at else "open")
            for one in people.members(session)
        ]  # fmt: skip
        for line in _table([("name", "logs in as", "role", "account"), *rows]):
            click.echo(line)


def invite_person(settings: Settings, role: str, name: str | None) -> None:
    """Print where a link leads that makes an account, or sets a password."""
    with opened(settings) as database, database.write() as session:
        known = None if name is None else people.reviewer_called(session, name).id
        secret = people.invite(session, By(address=COMMAND_LINE), Role(role), known)
        session.commit()
        click.echo("Open this path once, within a week, under the address of your server:")
        click.echo(people.path_of(secret))


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database as a server has left it; what goes wrong with it ends the command."""
    try:
        with closing(_ready_database(settings)) as database:
            yield database
    except BrokenPipeError:  # whoever reads what is written has enough: no error to tell
        raise
    except (OSError, DBAPIError) as exc:
        raise click.ClickException(str(getattr(exc, "orig", exc))) from exc
    except BluffcheckError as exc:
        raise click.ClickException(str(exc)) from exc


def _ready_database(settings: Settings) -> Database:
    """The database as a server has left it. Raises InvalidInput where there is none."""
    file = make_url(settings.url)
    if file.get_backend_name() == "sqlite" and not Path(file.database or "").is_file():
        raise InvalidInput(
            f"There is no database {settings.url_for_people}. Start the server on it once."
        )
    database = Database(settings.url)
    try:
        ready = database.revision() == revisions()[0]
    except DBAPIError:
        ready = False
    if not ready:
        database.close()
        raise InvalidInput(
            f"{settings.url_for_people} is no database of this version."
            " Start the server on it once."
        )
    return database


def _with_providers(use: Callable[[Providers], Awaitable[T]]) -> T:
    async def go() -> T:
        providers = configured(load_settings())
        try:
            return await use(providers)
        finally:
            for provider in providers.values():
                await provider.aclose()

    try:
        return asyncio.run(go())
    except BluffcheckError as exc:
        raise click.ClickException(str(exc)) from exc


async def _ready(providers: Providers) -> list[Provider]:
    """Those that can be called, with what their servers list."""
    await discover(providers.values())
    return await list_all_models(providers)


async def _chosen(providers: Providers, *, every: bool) -> list[str]:
    ready = await _ready(providers)
    return [m.id for p in ready for m in p.known_models()[: None if every else 1]]


async def _check(providers: Providers, model: str) -> list[CheckResult]:
    provider, name = find_model(model, providers)
    await list_models_of(provider)
    return await check_model(provider, name, settings_to_check(provider, name))


def _row(model: str, result: CheckResult, prices: PriceBook) -> tuple[str, ...]:
    done = result.completion
    if done is None:
        return (model, result.thinking, result.state, "–", "–", result.message)
    tokens = f"{_number(done.input_tokens)}/{_number(done.output_tokens)}"
    cost = dollars(prices.cost_of(model, now(), done).usd)
    return (model, result.thinking, result.state, tokens, cost, result.message)


def _number(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
