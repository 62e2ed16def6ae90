"""Looks at everything a server needs, one line each; changes nothing, and makes no paid call."""

import asyncio
import platform
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, func, select, text

from app import __version__
from app.catalogue import configured
from app.db import Database, newer, revisions
from app.errors import ProviderError, SettingsError, Unavailable
from app.plans import Providers
from app.providers import Provider
from app.settings import LOOPBACK, Settings, load_settings
from app.tables import Answer, Attempt, now
from app.upkeep.backups import problem_of
from app.upkeep.health import LEAST_FREE, free_bytes

FREE = 1_000_000_000  # bytes; with less somebody should look for room
CLOCK_S = 5.0
_RELEASED = datetime(2026, 1, 1, tzinfo=UTC)  # no clock that is right shows an earlier day


class Mark(StrEnum):
    ok = "ok"
    warn = "warn"  # it works, and somebody should know
    fail = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    mark: Mark
    text: str


def examine(data_dir: Path | None = None, *, calls: bool = True) -> Iterator[Line]:
    """Look at one thing after the other. ``calls``: ask ready providers for their models."""
    python = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield Line("version", Mark.ok, f"Bluffcheck {__version__}, {python}, {sys.platform}")
    try:
        settings = load_settings(data_dir=data_dir)
    except SettingsError as exc:
        yield Line("settings", Mark.fail, " ".join(str(exc).split()))
        return
    yield Line("settings", Mark.ok, f"host {settings.host}, data {settings.data_dir}")
    yield from _database_lines(settings)
    try:
        providers = configured(settings)
    except SettingsError as exc:
        yield Line("providers", Mark.fail, str(exc))
        return
    yield from _key_lines(providers)
    if calls:
        yield from asyncio.run(_asked(providers))


def _database_lines(settings: Settings) -> Iterator[Line]:
    name = settings.url_for_people
    url = make_url(settings.url)
    is_sqlite, file = url.get_backend_name() == "sqlite", Path(str(url.database))
    if is_sqlite and not file.is_file():
        yield Line("database", Mark.warn, f"{name} is not there yet; the first start makes it.")
        return
    try:
        opened = Database(settings.url)
    except SettingsError as exc:  # without what Postgres needs
        yield Line("database", Mark.fail, str(exc))
        return
    with closing(opened) as database:
        try:
            revision = database.revision()
        except (DBAPIError, OSError) as exc:
            yield Line("database", Mark.fail, f"{name} cannot be opened: {_reason(exc)}")
            return
        yield Line("database", Mark.ok, name)
        yield _schema(revision)
        if revision == revisions()[0]:
            try:
                with database.read() as session:
                    yield _integrity(session, file if is_sqlite else None)
                    yield _books(session)
                    yield _clock(session, is_sqlite=is_sqlite)
            except Unavailable as exc:
                yield Line("reading", Mark.fail, str(exc))
            except DBAPIError as exc:  # of a damaged file, of which there may be more to say
                yield Line("reading", Mark.fail, f"{name} cannot be read: {_reason(exc)}")
        yield from _disk(database)


def _reason(exc: Exception) -> str:
    return str(getattr(exc, "orig", None) or exc).strip().partition("\n")[0]


def _schema(revision: str | None) -> Line:
    if revision is None:
        return Line("schema", Mark.warn, "There are no tables yet; the first start makes them.")
    if problem := newer(revision):
        return Line("schema", Mark.fail, f"{problem[0].upper()}{problem[1:]}.")
    if revision != revisions()[0]:
        text_ = f"The tables are at {revision}; the next start brings them to {revisions()[0]}."
        return Line("schema", Mark.warn, text_)
    return Line("schema", Mark.ok, f"the tables are at {revision}, as this version has them")


def _integrity(session: Session, file: Path | None) -> Line:
    if file is None:
        version = session.scalar(text("SHOW server_version"))
        return Line("integrity", Mark.ok, f"left to Postgres {version}, with its foreign keys")
    if problem := problem_of(file):
        return Line("integrity", Mark.fail, f"{file.name}: {problem}. Restore a backup.")
    return Line("integrity", Mark.ok, "the file is whole, and no row points at one that is missing")


def _books(session: Session) -> Line:
    """What no constraint of the database says."""
    lost = (
        select(func.count())
        .select_from(Answer)
        .outerjoin(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(col(Answer.attempt_id).is_not(None), col(Attempt.id).is_(None))
    )
    if count := session.exec(lost).one():
        return Line("answers", Mark.fail, f"{count:,} answers have lost what was answered.")
    answers = session.exec(select(func.count(col(Answer.id)))).one()
    return Line("answers", Mark.ok, f"{answers:,}, each with what was answered")


def _clock(session: Session, *, is_sqlite: bool) -> Line:
    here = now()
    if here < _RELEASED:
        return Line("clock", Mark.fail, f"It says {here:%d %B %Y}: certificates will not hold.")
    if not is_sqlite:
        theirs = session.scalar(text("SELECT clock_timestamp()"))
        off = abs((theirs - here).total_seconds()) if theirs else 0.0
        if off > CLOCK_S:
            return Line("clock", Mark.warn, f"It is {off:.0f} s away from that of the database.")
    latest = session.exec(select(func.max(Attempt.started_at))).one()
    if latest is not None and (latest - here).total_seconds() > CLOCK_S:
        text_ = f"The latest call was at {latest:%d %B %Y, %H:%M} UTC, which is yet to come."
        return Line("clock", Mark.warn, text_)
    return Line("clock", Mark.ok, f"{here:%d %B %Y, %H:%M:%S} UTC")


def _disk(database: Database) -> Iterator[Line]:
    if (free := free_bytes(database)) is None:
        return
    mark = Mark.fail if free < LEAST_FREE else Mark.warn if free < FREE else Mark.ok
    yield Line("disk", mark, f"{free / 1e9:,.1f} GB are free where the database lies")


def _key_lines(providers: Providers) -> Iterator[Line]:
    real = [provider for provider in providers.values() if not provider.practice]
    ready = [provider.name for provider in real if not provider.not_ready()]
    if not ready:
        yield Line("keys", Mark.warn, "No provider is ready: only practice models can be asked.")
    for provider in real:
        status = provider.status()
        if not status.key_in:
            continue
        address = urlsplit(status.address)
        if address.scheme == "http" and address.hostname not in LOOPBACK:
            text_ = (
                f"{provider.title}: the key in {status.key_in} is sent in plain to an http:// URL."
            )
            yield Line("keys", Mark.warn, text_)
        else:
            yield Line("keys", Mark.ok, f"{provider.title}: found in {status.key_in}")


async def _asked(providers: Providers) -> list[Line]:
    real = [provider for provider in providers.values() if not provider.practice]
    try:
        found = await asyncio.gather(*map(_ask, real))
        return [line for line in found if line is not None]
    finally:
        for provider in providers.values():
            await provider.aclose()


async def _ask(provider: Provider) -> Line | None:
    """None for one that nobody has set up."""
    try:
        models = await provider.list_models()
    except ProviderError as exc:
        if not provider.status().set_up:
            return None
        return Line("provider", Mark.fail, exc.message)
    return Line("provider", Mark.ok, f"{provider.title}: reachable, {len(models):,} models")
