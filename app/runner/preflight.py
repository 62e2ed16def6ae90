"""Test calls before the answers of a large grid are called: one task per grid and model."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from app.checks import CheckResult, Waiting, check_model, release, save_checks
from app.errors import BluffcheckError
from app.plans import Providers, find_model
from app.pricing.prices import PriceBook
from app.runner.limits import Limit
from app.runner.writer import Writer
from app.tables import CheckState

log = logging.getLogger(__name__)
TOKENS = 500  # what a test call takes, about
PAUSE_S = 60  # before test calls that could not be kept are made again


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """The test calls of one model of a grid, to be put on record."""

    waiting: Waiting
    results: Sequence[CheckResult]
    prices: PriceBook

    @property
    def grid_id(self) -> int:
        return self.waiting.grid_id


def settle(session: Session, checked: Sequence[Checked]) -> list[None]:
    """Keep the results; what went through may be called, what is refused fails."""
    for one in checked:
        save_checks(session, one.waiting.model, one.results, one.prices)
        release(session, one.waiting.grid_id, one.waiting.model, one.results)
    return [None] * len(checked)


class Preflights:
    """The test calls under way. Only the event loop may use this."""

    def __init__(
        self,
        providers: Providers,
        prices: PriceBook,
        writer: Writer,
        limit_of: Callable[[str], Limit],
        done: Callable[[], None],
    ) -> None:
        self._providers = providers
        self._prices = prices
        self._writer = writer
        self._limit_of = limit_of
        self._done = done
        self._tasks: dict[tuple[int, str], asyncio.Task[None]] = {}

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return list(self._tasks.values())

    async def begin(self, read: Callable[[], Awaitable[list[Waiting]]]) -> None:
        """Make the test calls that wait, but for those that are being made.

        One that ends while this reads may be read as waiting still, so it is passed over too; its
        end has all be read again.
        """
        under_way = set(self._tasks)
        for waiting in await read():
            if (waiting.grid_id, waiting.model) not in under_way:
                self._begin(waiting)

    def _begin(self, waiting: Waiting) -> None:
        key = (waiting.grid_id, waiting.model)
        task = asyncio.create_task(self.check(waiting))
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._ended(key))

    def cancel(self, grid_id: int) -> None:
        for (grid, _), task in self._tasks.items():
            if grid == grid_id:
                task.cancel()

    def _ended(self, key: tuple[int, str]) -> None:
        del self._tasks[key]
        self._done()  # there may be answers to call now, or new test calls to make

    async def check(self, waiting: Waiting) -> None:
        """Make the test calls of one model of a grid and keep what they showed."""
        try:
            results = await self._results(waiting)
        except Exception as exc:
            log.exception("the test calls of %s could not be made", waiting.model)
            text = f"The test call broke ({type(exc).__name__}); see the log."
            results = [CheckResult(s, CheckState.fails, text) for s in waiting.settings]
        try:
            await self._writer.put(settle, Checked(waiting, results, self._prices))
        except Exception:
            # Made again at once, the test calls would be paid for again and again.
            log.exception("the test calls of %s could not be kept", waiting.model)
            await asyncio.sleep(PAUSE_S)

    async def _results(self, waiting: Waiting) -> Sequence[CheckResult]:
        try:
            provider, name = find_model(waiting.model, self._providers)
        except BluffcheckError as exc:
            text = str(exc)
            return [
                CheckResult(s, CheckState.fails, text, permanent=True) for s in waiting.settings
            ]
        slot = await self._limit_of(provider.name).slot()
        try:
            await slot.hold()
            await slot.limit.turn(TOKENS * len(waiting.settings))
            try:
                return await check_model(provider, name, waiting.settings)
            finally:
                slot.limit.over()
        finally:
            slot.release()
