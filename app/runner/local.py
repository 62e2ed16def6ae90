"""Where answers run by default: asyncio tasks in this process, the answer table as the queue.

Each account has a feeder that takes pending answers, in turn from every grid that has some, as
fast as its limit gives slots. Only a few hundred answers are in memory at a time.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from sqlmodel import Session

from app import checks
from app.pace import Pace
from app.pricing.estimates import Estimator
from app.pricing.prices import Cost
from app.ratelimits import account_of, members, paces
from app.runner import preflight, queue, records
from app.runner.limits import Limit, Slot
from app.runner.lull import Lull
from app.runner.preflight import Preflights
from app.runner.process import WAIT_S, RunningProcess
from app.runner.queue import Queued
from app.runner.records import Running

log = logging.getLogger(__name__)
T = TypeVar("T")
BATCH = 200
AT_ONCE = 16
LOOK_S = 30  # between two looks for answers that nobody holds
# In one transaction they come in this order: what calls cost is known before others begin, and
# what is let go of was begun before.
STEPS = (records.close, records.begin, records.let_go, preflight.settle, queue.recover)

Fetch = Callable[[int, int], Awaitable[list[Queued]]]  # a grid's next after this answer id


@dataclass
class _GridQueue:
    """What is known of one grid's pending answers for one account."""

    after: int = 0  # the highest answer id fetched
    buffer: deque[Queued] = field(default_factory=deque)


class _Lane:
    """One account: its limit, and the grids that have work for it."""

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


class LocalRunner(RunningProcess):
    """Use ``async with``: entering picks up what an earlier process left, leaving stops it."""

    async def __aenter__(self) -> "LocalRunner":
        self._lanes: dict[str, _Lane] = {}
        self._feeders: list[asyncio.Task[None]] = []
        self._look = asyncio.Event()
        self._following = asyncio.Lock()
        self._lull = Lull()
        self._start(STEPS, self._lull)
        self._preflights = Preflights(
            self._providers,
            self._prices,
            self._writer,
            lambda provider: self._lane(account_of(provider, self._providers)).limit,
            self._look.set,
        )
        self._paces = await self._read(self._load_paces)
        await asyncio.to_thread(self._close_left)
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Calls in flight are ended and go back to the queue, for the next start."""
        tasks = [self._keeper, *self._feeders, *self._preflights.tasks, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stop()

    def _own_tasks(self) -> list[asyncio.Task[None]]:
        return [self._keeper, *self._feeders]

    def enqueue(self, grid_id: int) -> None:
        self._loop.call_soon_threadsafe(self._look.set)

    def interrupt(self, grid_id: int) -> None:
        asyncio.run_coroutine_threadsafe(self._interrupt(grid_id), self._loop)

    def limits_changed(self) -> None:
        asyncio.run_coroutine_threadsafe(self._limits_changed(), self._loop).result(WAIT_S)

    def waits(self, grid_id: int) -> dict[str, float]:
        found = {account: lane.limit.waiting_s for account, lane in list(self._lanes.items())}
        found = {account: seconds for account, seconds in found.items() if seconds}
        if found:
            models = {r.queued.model for r in list(self._tasks.values()) if r.grid_id == grid_id}
            own = {account_of(m.partition("/")[0], self._providers) for m in models}
            found = {account: seconds for account, seconds in found.items() if account in own}
        return found

    async def _limits_changed(self) -> None:
        async with self._following:  # what was read first must not be used last
            for account, new in (await self._read(self._load_paces)).items():
                self._paces[account] = new
                if lane := self._lanes.get(account):
                    lane.limit.follow(lane.limit.pace.with_limits_of(new))

    async def _interrupt(self, grid_id: int) -> None:
        """End the calls of answers that were cancelled, and make none for a paused grid."""
        for lane in self._lanes.values():
            lane.drop(grid_id)  # what may still be called is found again
        self._preflights.cancel(grid_id)
        for task, running in self._tasks.items():
            if running.grid_id == grid_id and running.begun and running.called_at is None:
                task.cancel()  # it is got ready again if it is still wanted
        await self._sweep(grid_id)
        self._look.set()

    async def _keep(self) -> None:
        """Find the work: at the start, when there is news, and now and then what was lost."""
        while True:
            self._look.clear()
            try:
                for grid_id, provider in await self._read(queue.work):
                    self._lane(account_of(provider, self._providers)).add(grid_id)
                await self._preflights.begin(partial(self._read, checks.waiting))
                # Last: whoever started a grid waits for its first answers.
                if await self._writer.put(queue.recover, self._held):
                    continue
            except Exception:
                log.exception("the queue could not be read; it will be looked at again")
            # Not wait_for: on Python 3.11 it can swallow the cancellation that ends this task.
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._look.wait()

    def _held(self) -> set[int]:
        """The answers somebody works on. Called in the writer's thread.

        A task is in the list before it claims an answer, and leaves it after its last write; so
        whatever a transaction finds running without being here has been left alone.
        """
        return {running.queued.id for running in list(self._tasks.values())}

    def _close_left(self) -> None:
        with self._database.write() as session:
            queue.close_left(session)
            session.commit()

    def _load_paces(self, session: Session) -> dict[str, Pace]:
        return paces(session, self._concurrency)

    def _lane(self, account: str) -> _Lane:
        if account not in self._lanes:
            pace = self._paces.get(account) or Pace(self._concurrency)
            lane = _Lane(Limit(pace, self._lull), partial(self._fetch, account))
            self._lanes[account] = lane
            self._feeders.append(asyncio.create_task(self._feed(lane)))
        return self._lanes[account]

    async def _fetch(self, account: str, grid_id: int, after: int) -> list[Queued]:
        def read(session: Session) -> list[Queued]:
            estimator = Estimator(session, self._prices, self._providers)
            providers = members(account, self._providers)
            return queue.pending(session, estimator, grid_id, providers, after=after, limit=BATCH)

        return await self._read(read)

    async def _feed(self, lane: _Lane) -> None:
        while True:
            try:
                await lane.limit.room()
                queued = await lane.next()
            except Exception:
                log.exception("the queue could not be read; trying again in a second")
                await asyncio.sleep(1)
                continue
            # Not before there is work: a slot held idly would be missing to the test calls.
            slot = await lane.limit.slot()
            running = Running(queued, None, Cost())
            task = asyncio.create_task(self._run(running, slot, lane))
            self._tasks[task] = running
            task.add_done_callback(partial(self._ended, slot))
            if len(self._tasks) % AT_ONCE == 0:
                await asyncio.sleep(0)  # these begin while others are still got ready

    def _ended(self, slot: Slot, task: asyncio.Task[None]) -> None:
        slot.release()  # a task that was cancelled before its first step never could
        let_go = self._tasks[task].let_go
        if let_go is None:
            self._forget(task)
        else:
            let_go.add_done_callback(lambda _: self._forget(task))

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if task.cancelled():
            self._look.set()  # its answer may have been put in the queue again meanwhile

    async def _run(self, running: Running, slot: Slot, lane: _Lane) -> None:
        try:
            if not await self._attempts.run(running, slot):
                lane.drop(running.grid_id)  # what was read of its queue is no longer true
                self._look.set()
        except Exception:
            log.exception("answer %d could not be run; it will be tried again", running.queued.id)
