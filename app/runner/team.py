"""Where answers run for a team: any number of processes on one Postgres, jobs kept by PgQueuer.

Every process can add work; those that work take jobs, at most so many of an account over all of
them. If one dies, its jobs are taken over once its heartbeat is missed. How fast an account may be
called stands in its row (see ratelimits.py), which all processes change under its lock.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import asyncpg
from pgqueuer.core.qm import QueueManager
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from sqlmodel import Session

from app import ratelimits
from app.checks import Waiting
from app.db import Database
from app.errors import Unavailable
from app.partials import Partials
from app.plans import Providers
from app.pricing.own import own_prices
from app.pricing.prices import Cost, PriceBook
from app.runner import jobs, preflight, records
from app.runner.lasting import LastingDriver
from app.runner.loader import Loader
from app.runner.lull import Lull
from app.runner.preflight import Preflights
from app.runner.process import WAIT_S, RunningProcess
from app.runner.records import Running
from app.runner.relay import Relay
from app.runner.shared import SharedLimit, SharedLimits

log = logging.getLogger(__name__)
WATCH_S = 0.5  # between two looks at what other processes changed
RECONCILE_S = 10.0
AGAIN_S = 1.0  # before connecting again
BATCH = 10
HEARTBEAT = timedelta(seconds=8)  # a worker that is silent for so long is taken for dead
SAY_S = 3.0  # in which those that live say so, once the database is back
IDLE = timedelta(seconds=2)  # between two looks for jobs of dead workers
STOP_S = 5
# What asyncpg knows of the settings that an address may have behind its “?”. Others are of the
# library that all else here connects with; asyncpg would tell Postgres of them, which refuses.
KNOWN = frozenset({
    "application_name", "database", "dbname", "gsslib", "host", "krbsrvname", "options",
    "passfile", "password", "port", "sslcert", "sslcrl", "sslkey", "sslmode", "sslnegotiation",
    "sslpassword", "sslrootcert", "ssl_max_protocol_version", "ssl_min_protocol_version",
    "target_session_attrs", "user",
})  # fmt: skip
STEPS = (records.close, records.begin, records.let_go, preflight.settle, ratelimits.change)


class TeamRunner(RunningProcess):
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
        super().__init__(database, providers, prices, concurrency, partials)
        self._works = works
        self._manager: QueueManager | None = None
        self._unsure: dict[int, float] = {}  # grids that may lack jobs, and when to look again
        self._stopping = False

    async def __aenter__(self) -> "TeamRunner":
        # A job ends with its answer on disk: the next one would wait for that.
        self._start(STEPS, Lull(0))
        self._loader = Loader(self._database, self._providers, self._prices)
        self._limits = SharedLimits(
            self._database, self._providers, self._writer, self._concurrency
        )
        self._preflights = Preflights(
            self._providers,
            self._prices,
            self._writer,
            self._limits.of,
            lambda: None,
        )
        connection = await self._connect()
        try:
            # Several processes may start at once.
            await connection.execute("SELECT pg_advisory_lock($1)", jobs.INSTALLING)
            await jobs.install(Queries(AsyncpgDriver(connection)))
        finally:
            await connection.close()
        await self._limits.refresh()
        await asyncio.to_thread(self._reconcile)
        relay = Relay(self._partials, self._connect)
        self._own = [asyncio.create_task(self._watch()), asyncio.create_task(relay.run())]
        self._worker = asyncio.create_task(self._work()) if self._works else None
        return self

    async def __aexit__(self, *_: object) -> None:
        """Calls in flight are ended and go back to the queue, for whoever works on."""
        self._stopping = True
        if self._manager:
            self._manager.shutdown.set()
        for task in self._tasks:
            task.cancel()
        if self._worker:
            await asyncio.wait([self._worker], timeout=STOP_S)
            self._own.append(self._worker)
        for task in self._own:
            task.cancel()
        await asyncio.gather(*self._own, return_exceptions=True)
        await self._stop()
        try:
            await asyncio.to_thread(self._reconcile)
        except Exception:
            log.warning("what is left to do could not be queued again; others will find it")

    def _own_tasks(self) -> list[asyncio.Task[None]]:
        return [*self._own, *([self._worker] if self._worker else [])]

    def enqueue(self, grid_id: int) -> None:
        if self._make_jobs(grid_id):
            self._look_again(grid_id)

    def interrupt(self, grid_id: int) -> None:
        with self._later(), self._database.write() as session:
            jobs.drop(session, grid_id)
            session.commit()
        asyncio.run_coroutine_threadsafe(self._sweep(), self._loop)

    def limits_changed(self) -> None:
        asyncio.run_coroutine_threadsafe(self._refresh(), self._loop).result(WAIT_S)

    def waits(self, grid_id: int) -> dict[str, float]:
        return self._limits.waits(grid_id)

    def _look_again(self, grid_id: int) -> None:
        """Soon: the jobs in the way of new ones are cleared away a moment after they end."""
        self._unsure[grid_id] = time.monotonic() + WATCH_S

    def _make_jobs(self, grid_id: int) -> bool:
        held = False
        with self._later(), self._database.write() as session:
            held = jobs.enqueue(session, self._providers, grid_id)
            session.commit()
        return held

    @contextmanager
    def _later(self) -> Iterator[None]:
        """What is to be done is in the database; only its jobs may have to wait.

        Whoever saved it must not hear that it was not saved, and start a second grid.
        """
        try:
            yield
        except Unavailable as exc:
            log.warning("jobs could not be changed, they will be soon: %s", exc.reason)

    async def _work(self) -> None:
        """Take jobs until stopped; connect again when the database was away."""
        away = False
        while not self._stopping:
            try:
                driver = LastingDriver(await self._connect(), self._connect)
                try:
                    if away:  # everybody was silent meanwhile, also those at work
                        await asyncio.sleep(SAY_S)
                    await self._take_jobs(QueueManager(jobs.OwnQueries(driver)))
                finally:
                    await driver.close()
            except Exception as exc:
                if self._stopping:
                    return
                log.error("no jobs can be taken, trying on: %s", exc)
                away = True
                await asyncio.sleep(AGAIN_S)

    async def _take_jobs(self, manager: QueueManager) -> None:
        self._manager = manager
        for name in self._limits.by_account:
            limit = self._limits.allowed(name)
            manager.entrypoint(name, concurrency_limit=limit)(self._job)
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
            await self._answer(int(rest), self._limits.by_account[job.entrypoint])

    async def _answer(self, answer_id: int, limit: SharedLimit) -> None:
        task: asyncio.Task[None] | None = asyncio.current_task()
        queued = await self._loader.load(answer_id)
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
                self._look_again(queued.grid_id)

    async def _check(self, grid_id: int, model: str) -> None:
        def find(session: Session) -> Waiting | None:
            return jobs.find_check(session, grid_id, model)

        if waiting := await self._read(find):
            await self._preflights.check(waiting)
            await asyncio.to_thread(self.enqueue, grid_id)

    async def _watch(self) -> None:
        """Follow what other processes changed: cancelled answers, limits, prices."""
        looked = self._loop.time()
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await self._sweep()
                await self._refresh()
                now = time.monotonic()
                for grid_id in [it for it, due in list(self._unsure.items()) if due <= now]:
                    del self._unsure[grid_id]
                    # Only once: a job may be held for minutes, until it has its turn.
                    await asyncio.to_thread(self._make_jobs, grid_id)
                if self._loop.time() - looked > RECONCILE_S:
                    looked = self._loop.time()
                    await asyncio.to_thread(self._reconcile)
                    await asyncio.to_thread(self._database.hold_on)
            except Exception as exc:
                log.warning("the database could not be read, trying on: %s", type(exc).__name__)

    async def _refresh(self) -> None:
        await self._limits.refresh()
        if self._manager:
            for name, executor in self._manager.entrypoint_registry.items():
                executor.parameters.concurrency_limit = self._limits.allowed(name)
        follow = self._prices.follow
        if changed := await self._read(lambda session: follow(lambda: own_prices(session))):
            await self._price_again(sorted(changed))

    def _reconcile(self) -> None:
        with self._database.write() as session:
            jobs.reconcile(session, self._providers)
            session.commit()

    async def _connect(self) -> Any:
        url = self._database.url.set(drivername="postgresql")
        url = url.difference_update_query(url.query.keys() - KNOWN)
        return await asyncpg.connect(url.render_as_string(hide_password=False))
