"""One thread that writes: what arrives during a commit goes into the next transaction together.

A transaction costs a flush to the disk. Grouping by nothing but "what is waiting by now" keeps a
single write quick and makes hundreds of writes a second share their flushes.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sqlmodel import Session

from app.db import Database

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(slots=True)
class _Write:
    operation: Callable[[Session], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = field(default=None)


class Writer:
    """``await writer.run(operation)`` returns the operation's result once it is on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    async def run(self, operation: Callable[[Session], T]) -> T:
        """Raises what the operation or the commit raised; then nothing of it was written."""
        write = _Write(operation, self._loop.create_future())
        self._queue.put(write)
        return cast(T, await write.future)

    async def stop(self) -> None:
        """Write what is waiting, then end."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        open_ = True
        while open_:
            group = [self._queue.get()]
            while not self._queue.empty():
                group.append(self._queue.get_nowait())
            open_ = None not in group
            writes = [w for w in group if w is not None]
            if not self._together(writes):
                for write in writes:
                    self._alone(write)
            self._loop.call_soon_threadsafe(_resolve, writes)

    def _together(self, writes: list[_Write]) -> bool:
        try:
            with self._database.write() as session:
                for write in writes:
                    write.result = write.operation(session)
                session.commit()
        except Exception:
            # One bad write must not take its neighbours down: they are tried one by one.
            log.debug("a group of %d writes failed", len(writes), exc_info=True)
            return False
        return True

    def _alone(self, write: _Write) -> None:
        try:
            with self._database.write() as session:
                write.result = write.operation(session)
                session.commit()
        except Exception as exc:
            write.error = exc


def _resolve(writes: list[_Write]) -> None:
    for write in writes:
        if write.future.done():  # whoever waited was cancelled meanwhile
            continue
        if write.error is not None:
            write.future.set_exception(write.error)
        else:
            write.future.set_result(write.result)
