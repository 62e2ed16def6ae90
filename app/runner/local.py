"""Where answers run by default: asyncio tasks in this process, the answer table as the queue.

Each provider has a feeder that takes pending answers, in turn from every grid that has some, as
fast as the provider's limit gives slots. Only a few hundred answers are in memory at a time.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from sqlmodel import Session

from app import checks
from app.checks import Waiting
from app.costs import price_again, spending_of_grids
from app.db import Database
from app.estimates import Estimator
from app.messages import compose
from app.partials import Partials
from app.plans import Providers
from app.prices import PriceBook
from app.runner import preflight, queue, records
from app.runner.attempt import Attempts
from app.runner.budgets import Budgets
from app.runner.limits import Limit, Slot
from app.runner.preflight import Preflights
from app.runner.queue import Queued, Stop
from app.runner.writer import Writer
from app.tables import Grid

log = logging.getLogger(__name__)
BATCH = 200
PRICING_S = 60  # the longest a price that was entered is waited for
LOOK_S = 30  # between two looks for answers that nobody holds
# In one transaction they come in this order: what is let go of was begun and closed before.
STEPS = (records.begin, records.close, queue.let_go, queue.stop, preflight.settle, queue.recover)


Fetch = Callable[[int, int], Awaitable[list[Queued]]]  # a grid's next after this answer id


@dataclass
class _GridQueue:
    """What is known of one grid's pending answers for one provider."""

    after: int = 0  # the highest answer id fetched
    buffer: deque[Queued] = field(default_factory=deque)


class _Lane:
    """One provider: its limit, and the grids that have work for it."""

    def __init__(self, limit: Limit, fetch: Fetch) -> None:
        self.limit = limit
        self._fetch = fetch
        self._grids: OrderedDict[int, _GridQueue] = OrderedDict()
        self._wake = asyncio.Event()

    def add(self, grid_id: int) -> None:
        """Read this grid's pending answers from the start, also those that are pending again."""
        self._grids[grid_id] = _GridQueue()
        self._wake.set()

    def drop(self, grid_id: int) -> None:
        self._grids.pop(grid_id, None)

    async def next(self) -> Queued:
        """The next answer, one grid after the other; waits until there is one."""
        while True:
            while self._grids:
                grid_id, grid = next(iter(self._grids.items()))
                self._grids.move_to_end(grid_id)
                if not grid.buffer:
                    found = await self._fetch(grid_id, grid.after)
                    if self._grids.get(grid_id) is not grid:
                        continue  # added anew or dropped meanwhile
                    if not found:
                        self.drop(grid_id)
                        continue
                    grid.buffer.extend(found)
                    grid.after = found[-1].id
                return grid.buffer.popleft()
            self._wake.clear()
            await self._wake.wait()


class LocalRunner:
    """Use ``async with``: entering picks up what an earlier process left, leaving stops it."""

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
        self._lanes: dict[str, _Lane] = {}
        self._feeders: list[asyncio.Task[None]] = []
        self._tasks: dict[asyncio.Task[None], Queued] = {}
        self._readers = ThreadPoolExecutor(2, "queue")

    async def __aenter__(self) -> "LocalRunner":
        self._loop = asyncio.get_running_loop()
        self._look = asyncio.Event()
        self._writer = Writer(self._database, (*STEPS, self._price_step))
        self._budgets = Budgets()
        self._attempts = Attempts(
            self._providers, self._writer, self._prices, self._budgets, self._partials
        )
        self._preflights = Preflights(
            self._providers,
            self._prices,
            self._writer,
            lambda provider: self._lane(provider).limit,
            self._look.set,
        )
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Calls in flight are ended and go back to the queue, for the next start."""
        tasks = [self._keeper, *self._feeders, *self._preflights.tasks, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._writer.stop()
        await asyncio.to_thread(self._readers.shutdown)  # no read outlives its database

    def enqueue(self, grid_id: int) -> None:
        self._loop.call_soon_threadsafe(self._look.set)

    def cancel(self, grid_id: int) -> None:
        self._loop.call_soon_threadsafe(self._cancel, grid_id)

    def price_again(self, model: str) -> None:
        asyncio.run_coroutine_threadsafe(self._price_again(model), self._loop).result(PRICING_S)

    async def _price_again(self, model: str) -> None:
        # Calls are priced in this loop, just before they go to the writer: those that still had
        # the earlier price are in its queue before this is.
        await self._writer.put(self._price_step, model)

    def _price_step(self, session: Session, models: Sequence[str]) -> list[None]:
        price_again(session, self._prices, set(models))
        return [None] * len(models)

    def _cancel(self, grid_id: int) -> None:
        for lane in self._lanes.values():
            lane.drop(grid_id)
        self._preflights.cancel(grid_id)
        for task, queued in self._tasks.items():
            if queued.grid_id == grid_id:
                task.cancel()
        self._look.set()  # somebody may have started it again meanwhile

    def _stop(self, stop: Stop) -> None:
        """The next call of a grid would pass its ceiling: make no more."""
        for lane in self._lanes.values():
            lane.drop(stop.grid_id)
        self._writer.put(queue.stop, stop)

    async def _keep(self) -> None:
        """Find the work: at the start, when there is news, and now and then what was lost."""
        while True:
            self._look.clear()
            try:
                for grid_id, provider in await self._writer.put(queue.recover, self._held):
                    self._lane(provider).add(grid_id)
                for waiting in await self._loop.run_in_executor(self._readers, self._waiting):
                    self._preflights.begin(waiting)
            except Exception:
                log.exception("the queue could not be read; it will be looked at again")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), LOOK_S)

    def _held(self) -> set[int]:
        """The answers somebody works on. Called in the writer's thread.

        A task is in the list before it claims an answer, and leaves it after its last write was
        queued; so whatever a transaction finds running without being here has been left alone.
        """
        return {queued.id for queued in list(self._tasks.values())}

    def _waiting(self) -> list[Waiting]:
        with self._database.read() as session:
            return checks.waiting(session)

    def _lane(self, provider: str) -> _Lane:
        if provider not in self._lanes:
            lane = _Lane(Limit(self._concurrency), partial(self._fetch, provider))
            self._lanes[provider] = lane
            self._feeders.append(asyncio.create_task(self._feed(lane)))
        return self._lanes[provider]

    async def _fetch(self, provider: str, grid_id: int, after: int) -> list[Queued]:
        def read() -> tuple[list[Queued], float | None, float]:
            with self._database.read() as session:
                found = queue.pending(session, grid_id, provider, after=after, limit=BATCH)
                estimator = Estimator(session, self._prices, self._providers)
                priced = [replace(q, expected_usd=_expected(estimator, q)) for q in found]
                ceiling_usd = session.get_one(Grid, grid_id).max_cost_usd
                if after:  # read before, and kept up since
                    return priced, ceiling_usd, 0.0
                spent = spending_of_grids(session, [grid_id])[grid_id]
                return priced, ceiling_usd, spent.usd

        mark = self._budgets.mark(grid_id)
        found, ceiling_usd, spent_usd = await self._loop.run_in_executor(self._readers, read)
        if not after:
            self._budgets.read(grid_id, ceiling_usd, spent_usd, mark)
        return found

    async def _feed(self, lane: _Lane) -> None:
        while True:
            try:
                queued = await lane.next()
            except Exception:
                log.exception("the queue could not be read; trying again in a second")
                await asyncio.sleep(1)
                continue
            # Not before there is work: a slot held idly would be missing to the test calls.
            slot = await lane.limit.slot()
            if stop := self._budgets.take(queued):
                slot.release()
                self._stop(stop)
                continue
            task = asyncio.create_task(self._run(queued, slot))
            self._tasks[task] = queued
            task.add_done_callback(partial(self._ended, slot))

    def _ended(self, slot: Slot, task: asyncio.Task[None]) -> None:
        slot.release()  # a task that was cancelled before its first step never could
        self._budgets.give_back(self._tasks.pop(task))
        if task.cancelled():
            self._look.set()  # its grid may have been started again meanwhile

    async def _run(self, queued: Queued, slot: Slot) -> None:
        try:
            await self._attempts.run(queued, slot)
        except Exception:
            log.exception("answer %d could not be run; it will be tried again", queued.id)


def _expected(estimator: Estimator, queued: Queued) -> float | None:
    message = compose(queued.prompt, queued.wording, queued.variant.system_prompt)
    return estimator.call(queued.model, queued.variant, message)
