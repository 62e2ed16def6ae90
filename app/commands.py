"""``python -m app models`` and ``copy``: what they print.

``models`` is what the Models page does, in a terminal.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from typing import TypeVar

import click

from app.catalogue import configured, list_all_models
from app.catalogue import list_models as list_models_of
from app.checks import CheckResult, check_model, settings_to_check
from app.copying import Advance, copy_database, database_url, name_of
from app.errors import BluffcheckError
from app.money import dollars
from app.plans import Providers, find_model
from app.prices import PriceBook
from app.providers import Provider, discover
from app.settings import load_settings
from app.tables import CheckState, now

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
