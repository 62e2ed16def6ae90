"""The limits of accounts where several processes call: each one's pace stands in the database."""

import asyncio
import time
from collections.abc import Callable

from app import ratelimits
from app.db import Database
from app.errors import ProviderError
from app.pace import Pace
from app.plans import Providers
from app.ratelimits import Change
from app.runner import jobs, queue
from app.runner.limits import Limit, Slot
from app.runner.writer import Writer


class SharedLimit(Limit):
    """One account's. PgQueuer counts the calls in flight, its row holds all else."""

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
        """Whoever has a job may call."""
        slot = Slot(self)
        self._given += 1
        self.in_flight += slot.take()
        return slot

    async def refused(self, error: ProviderError, age_s: float) -> None:
        def change(pace: Pace, now: float) -> float:
            pace.refused(now, age_s, error.retry_after_s)
            return 0.0

        await self._alter(change)

    async def went_through(self, more_tokens: int) -> None:
        set_back = self.pace.lowered_at > self.now()  # the clock, which ``change`` puts right
        if self.pace.tokens_per_minute is None and not self.pace.refusals and not set_back:
            return

        def change(pace: Pace, now: float) -> float:
            pace.used(more_tokens)
            pace.accepted()
            return 0.0

        await self._alter(change)

    async def _reserve(self, tokens: int) -> float:
        if not self.pace.metered and self.pace.paused_until <= self.now():
            return 0.0
        return await self._alter(lambda pace, now: pace.reserve(now, tokens))

    async def _pause(self) -> float:
        # Only under its lock it shows that the clock was set back, and nobody waits for that.
        if self.pace.paused_until <= self.now():
            return 0.0
        return await self._alter(lambda pace, now: pace.paused_until - now)

    async def _alter(self, change: Callable[[Pace, float], float]) -> float:
        pace, result = await self._writer.put(
            ratelimits.change, Change(self._account, self.pace.calls, change)
        )
        self.follow(pace)
        return result


class SharedLimits:
    """All accounts'. ``refresh`` follows what other processes changed."""

    def __init__(
        self, database: Database, providers: Providers, writer: Writer, concurrency: int
    ) -> None:
        self._database = database
        self._providers = providers
        self._concurrency = concurrency
        self._offset = 0.0  # of the database's clock; ours may be set meanwhile
        self._busy: dict[int, set[str]] = {}  # accounts that let a grid wait
        self.by_account = {
            name: SharedLimit(name, Pace(concurrency), writer, self._now)
            for name in jobs.entrypoints(providers)
        }

    def of(self, provider: str) -> SharedLimit:
        return self.by_account[jobs.entrypoint(provider, self._providers)]

    def allowed(self, account: str) -> int:
        """How many calls may be in flight now, over all processes."""
        return self.by_account[account].pace.allowed(self._now())

    def waits(self, grid_id: int) -> dict[str, float]:
        """Accounts that let this grid wait, and seconds until their next call. From memory."""
        now = self._now()
        waits = {a: self.by_account[a].pace.wait_s(now) for a in self._busy.get(grid_id, ())}
        return {account: seconds for account, seconds in waits.items() if seconds}

    async def refresh(self) -> None:
        paces = await asyncio.to_thread(self._read_paces)
        for account, limit in self.by_account.items():
            limit.follow(paces.get(account) or Pace(self._concurrency))
        now = self._now()
        waits = {a for a, limit in self.by_account.items() if limit.pace.wait_s(now)}
        self._busy = await asyncio.to_thread(self._read_busy, waits) if waits else {}

    def _now(self) -> float:
        return time.monotonic() + self._offset

    def _read_paces(self) -> dict[str, Pace]:
        with self._database.read() as session:
            self._offset = ratelimits.clock(session) - time.monotonic()
            return ratelimits.paces(session, self._concurrency)

    def _read_busy(self, accounts: set[str]) -> dict[int, set[str]]:
        """The grids that have work for these accounts."""
        found: dict[int, set[str]] = {}
        with self._database.read() as session:
            for grid_id, provider in queue.work(session, running=True):
                account = jobs.entrypoint(provider, self._providers)
                if account in accounts:
                    found.setdefault(grid_id, set()).add(account)
        return found
