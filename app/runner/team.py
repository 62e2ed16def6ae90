"""Where answers run for a team: any number of processes on one Postgres, jobs kept by PgQueuer.

Every process can add work; those that work take jobs, at most so many of an account over all of
them. If one dies, its jobs are taken over once its heartbeat is missed. How fast an account may be
called stands in its row (see ratelimits.py), which all processes change under its lock.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import asyncpg
from pgqueuer.core.qm import QueueManager
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueEntrypoint
from sqlmodel import Session

from app import ratelimits
from app.checks import Waiting
from app.costs import price_again
from app.db import Database
from app.errors import ProviderError, Unavailable
from app.estimates import Estimator
from app.ownprices import own_prices
from app.pace import Pace
from app.partials import Partials
from app.plans import Providers
from app.prices import Cost, PriceBook
from app.ratelimits import Change
from app.runner import jobs, preflight, queue, records
from app.runner.attempt import Attempts
from app.runner.limits import Limit, Slot
from app.runner.preflight import Preflights
from app.runner.queue import Queued
from app.runner.records import Running
from app.runner.writer import Writer
from app.tables import Price

log = logging.getLogger(__name__)
WATCH_S = 0.5  # between two looks at what other processes changed
RECONCILE_S = 10.0
AGAIN_S = 1.0  # before connecting again
BATCH = 10
HEARTBEAT = timedelta(seconds=8)  # a worker that is silent for so long is taken for dead
IDLE = timedelta(seconds=2)  # between two looks for jobs of dead workers
PRICING_S = 60
STEPS = (records.close, records.begin, records.let_go, preflight.settle, ratelimits.change)


class TeamLimit(Limit):
    """An account's limit that all processes share: its pace stands in the database."""

    def __init__(
        self, account: str, pace: Pace, writer: Writer, clock: Callable[[], float]
    ) -> None:
        super().__init__(pace)
        self._account = account
        self._writer = writer
        self._clock = clock

    def now(self) -> float:
        return self._clock()

    async def slot(self) -> Slot:
        """Whoever has a job has the right to call: PgQueuer counts them."""
        self.in_flight += 1
        return Slot(self)

    async def refused(self, error: ProviderError, age_s: float) -> None:
        def change(pace: Pace, now: float) -> float:
            pace.refused(now, age_s, error.retry_after_s)
            return 0.0

        await self._change(change)

    async def went_through(self, more_tokens: int) -> None:
        if self.pace.tokens_per_minute is None and not self.pace.refusals:
            return

        def change(pace: Pace, now: float) -> float:
            pace.used(more_tokens)
            pace.accepted()
            return 0.0

        await self._change(change)

    async def _reserve(self, tokens: int) -> float:
        if not self.pace.metered:
            return max(self.pace.paused_until - self.now(), 0.0)
        return await self._change(lambda pace, now: pace.reserve(now, tokens))

    async def _change(self, change: Callable[[Pace, float], float]) -> float:
        self.pace, result = await self._writer.put(
            ratelimits.change, Change(self._account, self.pace.calls, change)
        )
        return result


class TeamRunner:
    """Use ``async with``. ``works``: whether this process runs answers itself, and how many."""

    def __init__(
        self,
        database: Database,
        providers: Providers,
        prices: PriceBook,
        concurrency: int,
        partials: Partials,
        works: int,
    ) -> None:
        self._database = database
        self._providers = providers
        self._prices = prices
        self._concurrency = concurrency
        self._partials = partials
        self._works = works
        self._offset = 0.0  # of the database's clock
        self._limits: dict[str, TeamLimit] = {}
        self._tasks: dict[asyncio.Task[None], Running] = {}
        self._manager: QueueManager | None = None
        self._wanted: dict[int, asyncio.Future[Queued | None]] = {}
        self._busy: dict[int, set[str]] = {}  # accounts that let a grid wait
        self._unsure: set[int] = set()  # grids whose answers may have lost their jobs
        self._stopping = False

    async def __aenter__(self) -> "TeamRunner":
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(self._database, (*STEPS, self._price_step))
        self._attempts = Attempts(self._providers, self._writer, self._prices, self._partials)
        self._preflights = Preflights(
            self._providers,
            self._prices,
            self._writer,
            lambda provider: self._limits[jobs.entrypoint(provider, self._providers)],
            lambda: None,
        )
        connection = await self._connect()
        try:
            # Several processes may start at once.
            await connection.execute("SELECT pg_advisory_lock($1)", jobs.INSTALLING)
            await jobs.install(Queries(AsyncpgDriver(connection)))
        finally:
            await connection.close()
        names = jobs.entrypoints(self._providers)
        paces = await asyncio.to_thread(self._read_paces, names)
        self._limits = {
            name: TeamLimit(name, paces[name], self._writer, self._now) for name in names
        }
        await asyncio.to_thread(self._reconcile)
        self._own = [asyncio.create_task(self._watch())]
        if self._works:
            self._own.append(asyncio.create_task(self._work()))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Calls in flight are ended and go back to the queue, for whoever works on."""
        self._stopping = True
        if self._manager:
            self._manager.shutdown.set()
        for task in self._tasks:
            task.cancel()
        if self._works:
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await asyncio.wait([self._own[1]])
        for task in self._own:
            task.cancel()
        await asyncio.gather(*self._own, return_exceptions=True)
        await self._writer.stop()
        try:
            await asyncio.to_thread(self._reconcile)
        except Exception:
            log.warning("what is left to do could not be queued again; others will find it")

    @property
    def trouble(self) -> str:
        return self._writer.trouble

    def enqueue(self, grid_id: int) -> None:
        with self._later(), self._database.write() as session:
            jobs.enqueue(session, self._providers, grid_id)
            session.commit()

    def interrupt(self, grid_id: int) -> None:
        with self._later(), self._database.write() as session:
            jobs.drop(session, grid_id)
            session.commit()
        asyncio.run_coroutine_threadsafe(self._sweep(), self._loop)

    def price_again(self, model: str) -> None:
        put = asyncio.run_coroutine_threadsafe(self._price_again([model]), self._loop)
        put.result(PRICING_S)

    def limits_changed(self) -> None:
        asyncio.run_coroutine_threadsafe(self._refresh(), self._loop).result(PRICING_S)

    def waits(self, grid_id: int) -> dict[str, float]:
        now = self._now()
        waits = {a: self._limits[a].pace.wait_s(now) for a in self._busy.get(grid_id, ())}
        return {account: seconds for account, seconds in waits.items() if seconds}

    @contextmanager
    def _later(self) -> Iterator[None]:
        """What is to be done is in the database; only its jobs may have to wait.

        Whoever saved it must not hear that it was not saved, and start a second grid.
        """
        try:
            yield
        except Unavailable as exc:
            log.warning("jobs could not be changed, they will be soon: %s", exc.reason)

    async def _price_again(self, models: Sequence[str]) -> None:
        # Calls are priced in this loop, just before they go to the writer: those that still had
        # the earlier price are in its queue before this is.
        for model in models:
            await self._writer.put(self._price_step, model)

    def _price_step(self, session: Session, models: Sequence[str]) -> list[None]:
        price_again(session, self._prices, set(models))
        return [None] * len(models)

    async def _work(self) -> None:
        """Take jobs until stopped; connect again when the database was away."""
        while not self._stopping:
            try:
                connection = await self._connect()
                try:
                    await self._take_jobs(QueueManager(Queries(AsyncpgDriver(connection))))
                finally:
                    await connection.close()
            except Exception as exc:
                if self._stopping:
                    return
                log.error("no jobs can be taken, trying on: %s", exc)
                await asyncio.sleep(AGAIN_S)

    async def _take_jobs(self, manager: QueueManager) -> None:
        self._manager = manager
        for name, limit in self._limits.items():
            manager.entrypoint(name, concurrency_limit=self._allowed(limit))(self._job)
        await manager.run(
            dequeue_timeout=IDLE,
            batch_size=min(BATCH, self._works // 2),
            max_concurrent_tasks=self._works,
            heartbeat_timeout=HEARTBEAT,
        )

    async def _job(self, job: Job) -> None:
        kind, _, rest = (job.payload or b"").decode().partition(":")
        if kind == "check":
            grid_id, _, model = rest.partition(":")
            await self._check(int(grid_id), model)
        else:
            await self._answer(int(rest), self._limits[job.entrypoint])

    async def _answer(self, answer_id: int, limit: TeamLimit) -> None:
        task: asyncio.Task[None] | None = asyncio.current_task()
        queued = await self._load(answer_id)
        if queued is None or task is None:
            return  # not wanted any more, or not now
        running = Running(queued, None, Cost())
        self._tasks[task] = running
        slot = await limit.slot()
        try:
            wanted = await self._attempts.run(running, slot)
        except asyncio.CancelledError:
            wanted = False
            raise
        finally:
            slot.release()
            del self._tasks[task]
            if not wanted:
                self._unsure.add(queued.grid_id)

    async def _check(self, grid_id: int, model: str) -> None:
        def find() -> Waiting | None:
            with self._database.read() as session:
                return jobs.find_check(session, grid_id, model)

        if waiting := await asyncio.to_thread(find):
            await self._preflights.check(waiting)
            await asyncio.to_thread(self.enqueue, grid_id)

    async def _load(self, answer_id: int) -> Queued | None:
        """Read an answer with others that are wanted at the same moment, in one query."""
        if not self._wanted:
            self._loop.call_soon(lambda: asyncio.ensure_future(self._load_wanted()))
        future: asyncio.Future[Queued | None] = self._loop.create_future()
        self._wanted[answer_id] = future
        return await future

    async def _load_wanted(self) -> None:
        wanted, self._wanted = self._wanted, {}
        try:
            found = await asyncio.to_thread(self._read_queued, list(wanted))
        except Exception as exc:
            for future in wanted.values():
                if not future.done():
                    future.set_exception(exc)
            return
        for answer_id, future in wanted.items():
            if not future.done():
                future.set_result(found.get(answer_id))

    def _read_queued(self, ids: list[int]) -> dict[int, Queued]:
        with self._database.read() as session:
            estimator = Estimator(session, self._prices, self._providers)
            found = {q.id: q for q in queue.load(session, estimator, ids)}
        left = [q for q in found.values() if q.left]
        if left:  # whoever held their jobs before is dead
            with self._database.write() as session:
                for queued in sorted(left, key=lambda q: (q.grid_id, q.id)):
                    queue.take_over(session, queued.id, queued.grid_id)
                session.commit()
        return found

    async def _watch(self) -> None:
        """Follow what other processes changed: cancelled answers, limits, prices."""
        looked = self._loop.time()
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await self._sweep()
                await self._refresh()
                while self._unsure:
                    await asyncio.to_thread(self.enqueue, self._unsure.pop())
                if self._loop.time() - looked > RECONCILE_S:
                    looked = self._loop.time()
                    await asyncio.to_thread(self._reconcile)
            except Exception as exc:
                log.warning("the database could not be read, trying on: %s", type(exc).__name__)

    async def _sweep(self) -> None:
        """End the calls of answers that are no longer wanted."""
        at_work = {t: r for t, r in self._tasks.items() if r.attempt_id is not None}
        held = {r.queued.id: r.attempt_id or 0 for r in at_work.values()}
        if not held:
            return

        def read() -> set[int]:
            with self._database.read() as session:
                return queue.stale(session, held)

        stale = await asyncio.to_thread(read)
        for task, running in at_work.items():
            if running.queued.id in stale and held[running.queued.id] == running.attempt_id:
                task.cancel()

    async def _refresh(self) -> None:
        paces = await asyncio.to_thread(self._read_paces, list(self._limits))
        for name, limit in self._limits.items():
            limit.pace = paces[name]
            if self._manager:
                executor = self._manager.entrypoint_registry.get(QueueEntrypoint(name))
                if executor:
                    executor.parameters.concurrency_limit = self._allowed(limit)
        waits = [name for name, limit in self._limits.items() if limit.pace.wait_s(self._now())]
        self._busy = await asyncio.to_thread(self._read_busy, waits) if waits else {}
        own = await asyncio.to_thread(self._read_prices)
        if changed := self._prices.use(own):
            await self._price_again(sorted(changed))

    def _allowed(self, limit: TeamLimit) -> int:
        return limit.pace.allowed(self._now())

    def _now(self) -> float:
        return time.time() + self._offset

    def _read_paces(self, names: list[str]) -> dict[str, Pace]:
        with self._database.read() as session:
            self._offset = ratelimits.clock(session) - time.time()
            found = ratelimits.paces(session, self._concurrency)
        return {name: found.get(name) or Pace(self._concurrency) for name in names}

    def _read_prices(self) -> Sequence[Price]:
        with self._database.read() as session:
            return own_prices(session)

    def _read_busy(self, accounts: list[str]) -> dict[int, set[str]]:
        """The grids that have work for these accounts."""
        found: dict[int, set[str]] = {}
        with self._database.read() as session:
            for grid_id, provider in queue.work(session, running=True):
                name = jobs.entrypoint(provider, self._providers)
                if name in accounts:
                    found.setdefault(grid_id, set()).add(name)
        return found

    def _reconcile(self) -> None:
        with self._database.write() as session:
            jobs.reconcile(session, self._providers)
            session.commit()

    async def _connect(self) -> Any:
        url = self._database.url.set(drivername="postgresql")
        return await asyncpg.connect(url.render_as_string(hide_password=False))
