"""Where answers run by default: asyncio tasks in this process, the answer table as the queue.

Each provider has a feeder that takes pending answers, in turn from every grid that has some, as
fast as the provider's limit gives slots. Only a few hundred answers are in memory at a time.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import select
from sqlmodel import col

from app.db import Database
from app.grids import Providers
from app.runner.attempt import Attempts, Queued, recover
from app.runner.limits import Limit, Slot
from app.runner.writer import Writer
from app.tables import Answer, AnswerState

log = logging.getLogger(__name__)
BATCH = 200


@dataclass
class _GridQueue:
    """What is known of one grid's pending answers for one provider."""

    after: int = 0  # the highest answer id fetched
    buffer: deque[Queued] = field(default_factory=deque)


class _Lane:
    """One provider: its limit, and the grids that have work for it."""

    def __init__(self, provider: str, limit: Limit, database: Database) -> None:
        self.limit = limit
        self._provider = provider
        self._database = database
        self._grids: OrderedDict[int, _GridQueue] = OrderedDict()
        self._wake = asyncio.Event()

    def add(self, grid_id: int) -> None:
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
                    found = await asyncio.to_thread(self._fetch, grid_id, grid.after)
                    if self._grids.get(grid_id) is not grid:
                        continue  # enqueued anew or dropped meanwhile
                    if not found:
                        self.drop(grid_id)
                        continue
                    grid.buffer.extend(found)
                    grid.after = found[-1].id
                return grid.buffer.popleft()
            self._wake.clear()
            await self._wake.wait()

    def _fetch(self, grid_id: int, after: int) -> list[Queued]:
        with self._database.read() as session:
            rows = session.execute(
                select(
                    col(Answer.id),
                    col(Answer.grid_id),
                    col(Answer.prompt_id),
                    col(Answer.variant_id),
                    col(Answer.model),
                    col(Answer.repeat),
                )
                .where(
                    col(Answer.grid_id) == grid_id,
                    col(Answer.provider) == self._provider,
                    col(Answer.state) == AnswerState.pending,
                    col(Answer.id) > after,
                )
                .order_by(col(Answer.id))
                .limit(BATCH)
            )
            return [Queued(*row) for row in rows]


class LocalRunner:
    """Use ``async with``: entering picks up what an earlier process left, leaving stops it."""

    def __init__(self, database: Database, providers: Providers, concurrency: int) -> None:
        self._database = database
        self._providers = providers
        self._concurrency = concurrency
        self._lanes: dict[str, _Lane] = {}
        self._feeders: list[asyncio.Task[None]] = []
        self._tasks: dict[asyncio.Task[None], Queued] = {}

    async def __aenter__(self) -> "LocalRunner":
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(self._database)
        self._attempts = Attempts(self._providers, self._writer)
        for grid_id in await self._writer.run(recover):
            self._enqueue(grid_id, await asyncio.to_thread(self._providers_of, grid_id))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Calls in flight are dropped; the next start finds and repeats them."""
        tasks = [*self._feeders, *self._tasks]
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._writer.stop()

    def enqueue(self, grid_id: int) -> None:
        providers = self._providers_of(grid_id)
        self._loop.call_soon_threadsafe(self._enqueue, grid_id, providers)

    def cancel(self, grid_id: int) -> None:
        self._loop.call_soon_threadsafe(self._cancel, grid_id)

    def _enqueue(self, grid_id: int, providers: list[str]) -> None:
        for provider in providers:
            if provider not in self._lanes:
                lane = _Lane(provider, Limit(self._concurrency), self._database)
                self._lanes[provider] = lane
                self._feeders.append(asyncio.create_task(self._feed(lane)))
            self._lanes[provider].add(grid_id)

    def _cancel(self, grid_id: int) -> None:
        for lane in self._lanes.values():
            lane.drop(grid_id)
        for task, queued in self._tasks.items():
            if queued.grid_id == grid_id:
                task.cancel()

    async def _feed(self, lane: _Lane) -> None:
        while True:
            slot = await lane.limit.slot()
            try:
                queued = await lane.next()
            except Exception:
                log.exception("the queue could not be read; trying again in a second")
                slot.release()
                await asyncio.sleep(1)
                continue
            task = asyncio.create_task(self._run(queued, slot))
            self._tasks[task] = queued
            task.add_done_callback(partial(self._ended, slot))

    def _ended(self, slot: Slot, task: asyncio.Task[None]) -> None:
        slot.release()  # a task that was cancelled before its first step never could
        self._tasks.pop(task, None)

    async def _run(self, queued: Queued, slot: Slot) -> None:
        try:
            await self._attempts.run(queued, slot)
        except asyncio.CancelledError:
            if asyncio.current_task() not in self._tasks:
                raise  # the server is stopping
            await self._attempts.cancelled(queued)
        except Exception:
            # The answer keeps its state on disk and is found again at the next start.
            log.exception("answer %d could not be run", queued.id)

    def _providers_of(self, grid_id: int) -> list[str]:
        with self._database.read() as session:
            return list(
                session.scalars(
                    select(col(Answer.provider))
                    .where(col(Answer.grid_id) == grid_id, col(Answer.state) == AnswerState.pending)
                    .distinct()
                )
            )
