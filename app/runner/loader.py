"""Reads answers for whoever has a job of one, those that are wanted at the same moment together."""

import asyncio

from app.db import Database
from app.plans import Providers
from app.pricing.estimates import Estimator
from app.pricing.prices import PriceBook
from app.runner import queue
from app.runner.queue import Queued


class Loader:
    """Only the event loop may use it."""

    def __init__(self, database: Database, providers: Providers, prices: PriceBook) -> None:
        self._database = database
        self._providers = providers
        self._prices = prices
        self._wanted: dict[int, asyncio.Future[Queued | None]] = {}

    async def load(self, answer_id: int) -> Queued | None:
        """An answer to be called; None where it is not wanted, or not now."""
        loop = asyncio.get_running_loop()
        if not self._wanted:
            loop.call_soon(lambda: asyncio.ensure_future(self._load_wanted()))
        future: asyncio.Future[Queued | None] = loop.create_future()
        self._wanted[answer_id] = future
        return await future

    async def _load_wanted(self) -> None:
        wanted, self._wanted = self._wanted, {}
        try:
            found = await asyncio.to_thread(self._read, list(wanted))
        except Exception as exc:
            for future in wanted.values():
                if not future.done():
                    future.set_exception(exc)
            return
        for answer_id, future in wanted.items():
            if not future.done():
                future.set_result(found.get(answer_id))

    def _read(self, ids: list[int]) -> dict[int, Queued]:
        with self._database.read() as session:
            estimator = Estimator(session, self._prices, self._providers)
            found = {q.id: q for q in queue.load(session, estimator, ids)}
        left = [q for q in found.values() if q.left]
        if left:  # whoever had their jobs before is dead
            with self._database.write() as session:
                for queued in sorted(left, key=lambda q: (q.grid_id, q.id)):
                    queue.take_over(session, queued.id, queued.grid_id)
                session.commit()
        return found
