"""What a process has that runs answers, wherever their queue is."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlmodel import Session

from app.db import Database
from app.partials import Partials
from app.plans import Providers
from app.pricing.costs import price_again
from app.pricing.prices import PriceBook
from app.runner import queue
from app.runner.attempt import Attempts
from app.runner.lull import Lull
from app.runner.records import Running
from app.runner.writer import Step, Writer

T = TypeVar("T")
WAIT_S = 60  # the longest that a thread waits for the event loop


class RunningProcess:
    """The answers at work in this process, and the means to work on them."""

    def __init__(
        self,
        database: Database,
        providers: Providers,
        prices: PriceBook,
        concurrency: int,
        partials: Partials,
    ) -> None:
        self._database = database
        self._providers = providers
        self._prices = prices
        self._concurrency = concurrency
        self._partials = partials
        self._tasks: dict[asyncio.Task[None], Running] = {}
        self._readers = ThreadPoolExecutor(2, "queue")

    def _start(self, steps: Sequence[Step[Any, Any]], lull: Lull) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(self._database, (*steps, self._price_step))
        self._attempts = Attempts(self._providers, self._writer, self._prices, self._partials, lull)

    async def _stop(self) -> None:
        """Write what waits, and let no read outlive its database."""
        await self._writer.stop()
        await asyncio.to_thread(self._readers.shutdown)

    @property
    def trouble(self) -> str:
        return self._writer.trouble

    @property
    def problem(self) -> str:
        ended = not self._writer.running or any(task.done() for task in self._own_tasks())
        return "The runner has stopped: restart the server." if ended else ""

    def _own_tasks(self) -> Iterable[asyncio.Task[None]]:
        """Those that last as long as the process."""
        raise NotImplementedError

    def price_again(self, model: str) -> None:
        put = asyncio.run_coroutine_threadsafe(self._price_again([model]), self._loop)
        put.result(WAIT_S)

    async def _price_again(self, models: Iterable[str]) -> None:
        # Calls are priced in this loop, just before they go to the writer: those that still had
        # the earlier price are in its queue before this is.
        for model in models:
            await self._writer.put(self._price_step, model)

    def _price_step(self, session: Session, models: Sequence[str]) -> list[None]:
        price_again(session, self._prices, set(models))
        return [None] * len(models)

    async def _sweep(self, grid_id: int | None = None) -> None:
        """End the calls (of one grid, or all) of answers that are no longer wanted."""
        at_work = {
            task: running
            for task, running in self._tasks.items()
            if running.begun and grid_id in (None, running.grid_id)
        }
        held = {r.queued.id: r.attempt_id or 0 for r in at_work.values()}
        stale = await self._read(lambda session: queue.stale(session, held)) if held else ()
        for task, running in at_work.items():
            # One that went on to its next attempt meanwhile was found to be wanted.
            wanted = running.queued.id not in stale
            if not wanted and running.begun and held[running.queued.id] == running.attempt_id:
                task.cancel()

    async def _read(self, read: Callable[[Session], T]) -> T:
        def with_session() -> T:
            with self._database.read() as session:
                return read(session)

        return await self._loop.run_in_executor(self._readers, with_session)
