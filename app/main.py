"""The application: opens database, providers and runner, mounts static files and routers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from starlette.staticfiles import StaticFiles

from app import __version__, prompts
from app.catalogue import configured, watch
from app.costs import price_unpriced
from app.db import ROOT, Database
from app.ownprices import own_prices
from app.partials import Partials
from app.prices import PriceBook
from app.runner.local import LocalRunner
from app.settings import Settings
from app.web import (
    answers,
    api,
    api_costs,
    api_docs,
    api_models,
    api_prices,
    compose,
    exports,
    grids,
    home,
    library,
    models,
    problems,
)
from app.web.deps import Services
from app.web.security import SecurityMiddleware


def create_app(settings: Settings) -> FastAPI:
    """Open the database, bring it up to date and build the application.

    Raises SettingsError when the database is in use elsewhere or a data file is wrong. The runner
    starts with the application's lifespan, whose end closes everything.
    """
    providers = configured(settings)
    prices = PriceBook(providers)
    database = _open(settings, prices)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(watch(providers)) if settings.discover else None
        partials = Partials()
        runner = LocalRunner(database, providers, prices, settings.concurrency, partials)
        try:
            async with runner:
                services = Services(settings, database, providers, prices, runner, partials)
                app.state.services = services
                try:
                    yield
                finally:
                    await services.live.aclose()
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.wait([watching])
            for provider in providers.values():
                await provider.aclose()
            database.close()

    app = FastAPI(
        title="Bluffcheck",
        version=__version__,
        description="Side-by-side sanity checks of language models.",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,  # our own page: theirs fetches scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(
        SecurityMiddleware, hosts=settings.hosts, max_body_bytes=settings.max_body_bytes
    )
    problems.install(app)
    app.mount("/static", StaticFiles(directory=ROOT / "static"), name="static")
    app.include_router(api_docs.router)
    app.include_router(api.router)
    app.include_router(api_models.router)
    app.include_router(api_costs.router)
    app.include_router(api_prices.router)
    pages = APIRouter(include_in_schema=False)
    for module in (home, compose, grids, answers, library, models, exports):
        pages.include_router(module.router)
    app.include_router(pages)
    return app


def _open(settings: Settings, prices: PriceBook) -> Database:
    database = Database(settings.url)
    database.hold()
    try:
        before = database.revision()
        database.migrate()
        with database.write() as session:
            prompts.ship(session)
            prices.use(own_prices(session))
            if database.revision() != before:  # tables of a time before prices, perhaps
                price_unpriced(session, prices)
            session.commit()
    except BaseException:
        database.close()
        raise
    return database
