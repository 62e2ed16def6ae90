"""A process that runs answers of a Postgres database and serves no pages."""

import asyncio
import signal
from collections.abc import Callable

from prometheus_client import start_http_server

from app.catalogue import configured, in_use
from app.errors import SettingsError
from app.main import open_database, open_runner
from app.partials import Partials
from app.pricing.prices import PriceBook
from app.settings import Settings
from app.upkeep.metrics import ANSWERS_WAITING, LABELS, REGISTRY


def run(settings: Settings, ready: Callable[[], None], metrics_port: int | None = None) -> None:
    """Work until SIGTERM or Ctrl+C; ``metrics_port``: where programs of this machine read numbers.

    Raises SettingsError where there is nothing to share, and for a port that is in use.
    """
    if settings.url.startswith("sqlite"):
        raise SettingsError(
            "Workers share a Postgres database: name one in BLUFFCHECK_DATABASE_URL. With SQLite"
            " the server runs the answers itself."
        )
    if metrics_port is not None:
        _tell_metrics(metrics_port)
    providers = configured(settings)
    prices = PriceBook(providers)
    database = open_database(settings, prices)

    async def work() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        runner = open_runner(database, providers, prices, settings, Partials(), works=True)
        async with in_use(providers, follow=settings.discover), runner:
            ready()
            await stop.wait()

    try:
        asyncio.run(work())
    finally:
        database.close()


def _tell_metrics(port: int) -> None:
    for of_the_database in (ANSWERS_WAITING, LABELS):  # servers read them; 0 would be a lie
        REGISTRY.unregister(of_the_database)
    try:
        start_http_server(port, "127.0.0.1", REGISTRY)
    except OSError as exc:
        raise SettingsError(
            f"Cannot listen on port {port}: {exc.strerror}. Choose another one with --metrics-port."
        ) from None
