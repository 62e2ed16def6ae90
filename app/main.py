"""The application: opens database, providers and runner, mounts static files and routers."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles

from app import __version__, prompts
from app.catalogue import configured, in_use
from app.db import ROOT, Database, newer
from app.errors import SettingsError
from app.grid.shape import reading_ahead
from app.imports import uploads
from app.partials import Partials
from app.people.oidc import OidcProvider
from app.plans import Providers
from app.pricing.costs import price_unpriced
from app.pricing.own import own_prices
from app.pricing.prices import PriceBook
from app.runner.local import LocalRunner
from app.settings import Settings
from app.suggestions import catching_up
from app.upkeep.backups import keep_before_migrating
from app.upkeep.deletion import removing
from app.web import (
    access,
    additions,
    answer_imports,
    answers,
    api,
    api_additions,
    api_answer_imports,
    api_costs,
    api_docs,
    api_imports,
    api_labels,
    api_limits,
    api_models,
    api_prices,
    api_results,
    audit,
    comparison,
    compose,
    conflicts,
    control,
    deletion,
    exports,
    grids,
    health,
    home,
    imports,
    keys,
    labels,
    library,
    login,
    me,
    models,
    pasted,
    people,
    probes,
    problems,
    results,
    review,
    shares,
)
from app.web.deps import Services
from app.web.notices import TroubleMiddleware
from app.web.requests import RequestMiddleware
from app.web.security import SecurityMiddleware
from app.web.who import VisitorMiddleware

if TYPE_CHECKING:
    from app.runner.team import TeamRunner

log = logging.getLogger(__name__)


def create_app(settings: Settings, *, works: bool = True) -> FastAPI:
    """Open the database, bring it up to date and build the application.

    ``works``: whether this process runs answers too; on Postgres other processes may. Raises
    SettingsError when the database is in use elsewhere or a data file is wrong. The runner
    starts with the application's lifespan, whose end closes everything.
    """
    providers = configured(settings)
    oidc = OidcProvider(settings) if settings.login == "oidc" else None
    prices = PriceBook(providers)
    database = open_database(settings, prices)
    if database.is_sqlite and not works:
        database.close()
        raise SettingsError("With SQLite the server itself has to run the answers.")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        partials = Partials()
        runner = open_runner(database, providers, prices, settings, partials, works=works)
        try:
            async with (
                in_use(providers, follow=settings.discover),
                runner,
                catching_up(database),
                reading_ahead(database),
                removing(database),
            ):
                services = Services(settings, database, providers, prices, runner, partials)
                services.oidc = oidc
                app.state.services = services
                try:
                    yield
                finally:
                    await services.live.aclose()
                    services.resamples.close()
        finally:
            database.close()

    app = FastAPI(
        title="Bluffcheck",
        version=__version__,
        description="Side-by-side sanity checks of language models.",
        lifespan=lifespan,
        openapi_url=None,  # our own route and page: theirs ask nobody to log in,
        docs_url=None,  # and fetch scripts from elsewhere
        redoc_url=None,
        routes=routes(),
    )
    app.add_middleware(
        SecurityMiddleware,
        hosts=settings.hosts,
        max_body_bytes=settings.max_body_bytes,
        max_upload_bytes=settings.max_upload_bytes,
        embedders=settings.embed_shares,
    )
    app.add_middleware(TroubleMiddleware)
    app.add_middleware(VisitorMiddleware, settings=settings)
    app.add_middleware(RequestMiddleware)  # the last is the outermost
    problems.install(app)
    uploads.clear(settings.uploads)  # of a server that was stopped before an hour was over
    return app


@cache
def routes() -> list[BaseRoute]:
    """What serves which address. FastAPI takes its time to look into all handlers: once will do."""
    everything = APIRouter()
    everything.mount("/static", StaticFiles(directory=ROOT / "static"), name="static")
    everything.include_router(api_docs.router)
    everything.include_router(api.router)
    everything.include_router(api_labels.router)
    everything.include_router(api_additions.router)
    everything.include_router(api_models.router)
    everything.include_router(api_costs.router)
    everything.include_router(api_prices.router)
    everything.include_router(api_limits.router)
    everything.include_router(api_results.router)
    everything.include_router(probes.api)
    everything.include_router(pasted.api)
    everything.include_router(deletion.api)
    everything.include_router(api_imports.router)
    everything.include_router(api_answer_imports.router)
    pages = APIRouter(include_in_schema=False)
    for module in (
        health, home, compose, answer_imports, grids, control, additions, answers, labels,
        conflicts, imports, library, models, exports, review, keys, results, comparison, shares,
        login, me, people, audit, access,
    ):  # fmt: skip
        pages.include_router(module.router)
    pages.include_router(shares.visits)
    pages.include_router(imports.library)
    pages.include_router(probes.pages)
    pages.include_router(pasted.pages)
    pages.include_router(deletion.pages)
    everything.include_router(pages)
    return everything.routes


def open_runner(
    database: Database,
    providers: Providers,
    prices: PriceBook,
    settings: Settings,
    partials: Partials,
    *,
    works: bool,
) -> "LocalRunner | TeamRunner":
    """One process on SQLite, any number of them on Postgres."""
    if database.is_sqlite:
        return LocalRunner(database, providers, prices, settings.concurrency, partials)
    from app.runner.team import TeamRunner  # of an extra

    calls = settings.worker_calls if works else 0
    return TeamRunner(database, providers, prices, settings.concurrency, partials, calls)


def open_database(settings: Settings, prices: PriceBook) -> Database:
    """The database, up to date, with what is shipped in it. Raises SettingsError."""
    database = Database(settings.url)
    database.hold(alone=database.is_sqlite)
    try:
        before = database.revision()
        if problem := newer(before):
            raise SettingsError(
                f"{settings.url_for_people} cannot be used: {problem}. Start that version, or"
                " restore a backup from before it."
            )
        if kept := keep_before_migrating(database):
            log.warning("the tables are updated; a copy from before is in %s", kept)
        database.migrate()
        with database.write() as session:
            database.take_turns(session)  # several processes may start at once
            prompts.ship(session)
            prices.use(own_prices(session))
            if database.revision() != before:  # tables of a time before prices, perhaps
                price_unpriced(session, prices)
            session.commit()
    except BaseException:
        database.close()
        raise
    return database
