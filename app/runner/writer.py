"""One thread that writes: what arrives during a commit goes into the next transaction together.

A transaction costs a flush to the disk and half a millisecond of CPU. A write that comes alone is
done at once; under load transactions keep a distance, so that many writes share each of them.
"""

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sqlmodel import Session

from app.db import Database
from app.errors import Unavailable

log = logging.getLogger(__name__)
Item = TypeVar("Item")
T = TypeVar("T")

GROUP = 64  # writes in a transaction: with more, answers come in waves that wait for each other
DISTANCE_S = 0.01  # between the starts of two transactions, unless the first was full
TOLD = 16  # at once, before others have their turn: else the first call waits for hundreds
RETRY_S = 0.5  # while the database is locked, full or away
CLASHES = 20  # times that a write is repeated at once because others were at the same rows
STOP_S = 2.0

Step = Callable[[Session, Sequence[Item]], Sequence[T]]


@dataclass(slots=True)
class _Write:
    step: int  # its place in the order
    item: Any
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


class Writer:
    """Runs steps, each for all items that wait for it.

    One transaction takes its steps in the order of ``steps``, its items in the order they came.
    """

    def __init__(self, database: Database, steps: Sequence[Step[Any, Any]]) -> None:
        self._database = database
        self._steps = steps
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._written: deque[_Write] = deque()  # of which nobody has been told yet
        self._give_up = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Why the database cannot be written at the moment; empty: it can."""
        return self._database.trouble

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def put(self, step: Step[Item, T], item: Item) -> asyncio.Future[T]:
        """Queue a write, which then happens whatever becomes of the caller.

        The future has the step's result for this item once that is on disk, or what it raised; then
        nothing of it was written. While the database cannot be written at all, everything waits.
        """
        write = _Write(self._steps.index(step), item, self._loop.create_future())
        self._queue.put(write)
        return cast(asyncio.Future[T], write.future)

    async def stop(self) -> None:
        """Write what is waiting, then end; give up when the database does not take it in time."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, STOP_S)
        if self._thread.is_alive():
            log.error("the database could not be written while stopping: some results are lost")
            self._give_up.set()

    def _work(self) -> None:
        open_ = True
        while open_:
            group = [self._queue.get()]
            started = time.monotonic()
            while len(group) < GROUP and not self._queue.empty():
                group.append(self._queue.get_nowait())
            open_ = None not in group
            self._write([write for write in group if write is not None])
            if open_ and len(group) < GROUP:
                time.sleep(max(0.0, started + DISTANCE_S - time.monotonic()))

    def _write(self, group: list[_Write]) -> None:
        clashes = 0
        while not self._give_up.is_set():
            try:
                self._together(group)
            except Unavailable as exc:
                clashes += exc.clashed
                if not exc.clashed or clashes > CLASHES:
                    self._wait(exc.reason)
                continue
            except Exception as exc:
                if len(group) > 1:  # one bad write must not take its neighbours down
                    log.debug("a group of %d writes failed", len(group), exc_info=True)
                    for write in group:
                        self._write([write])
                    return
                group[0].error = exc
            if self._database.trouble:
                self._database.trouble = ""
                log.warning("the database can be written again")
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._tell, group)
            return

    def _tell(self, group: list[_Write]) -> None:
        telling = bool(self._written)
        self._written += group
        if not telling:
            self._tell_some()

    def _tell_some(self) -> None:
        for _ in range(min(TOLD, len(self._written))):
            _resolve(self._written.popleft())
        if self._written:
            self._loop.call_soon(self._tell_some)

    def _wait(self, reason: str) -> None:
        """The database cannot be written: say so, and give it time."""
        if not self._database.trouble:
            log.error("the database cannot be written, trying on: %s", reason)
        self._database.trouble = reason
        self._give_up.wait(RETRY_S)

    def _together(self, group: list[_Write]) -> None:
        with self._database.write(insist=True) as session:
            for number, step in enumerate(self._steps):
                if writes := [write for write in group if write.step == number]:
                    results = step(session, [write.item for write in writes])
                    for write, result in zip(writes, results, strict=True):
                        write.result = result
            session.commit()


def _resolve(write: _Write) -> None:
    if write.future.done():  # whoever waited was cancelled meanwhile
        return
    if write.error is not None:
        write.future.set_exception(write.error)
    else:
        write.future.set_result(write.result)
