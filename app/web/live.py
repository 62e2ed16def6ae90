"""Live updates: one poll per grid and process feeds everybody here who watches it.

Changes are numbered in the database, so whoever says where it was misses nothing: a listener is
behind until it was given what came after its number, whether it just came, came back or was slow.
Listeners that show the grid in the same way and are equally far get the same bytes.

Nobody holds others up: a listener takes one change and one piece of partial text at a time. While
it has not taken them it is passed over, and later gets everything since at once.
"""

import asyncio
import json
import logging
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from sqlmodel import Session, col, select

from app.db import Database
from app.grid.look import Look
from app.grid.view import CHARACTERS
from app.partials import KEPT, Partial, Partials
from app.tables import Grid, GridPrompt
from app.upkeep import metrics
from app.web.changes import Wanted, render_changes
from app.web.notices import DELETED, NOTHING, Notice
from app.web.render import render

log = logging.getLogger(__name__)
POLL_S = 0.25
TICK_S = 0.1  # between two events of partial text
SHARE = 4  # rest this many times as long as a poll took: a large grid leaves the core to others
PING_S = 15
AFTER_ERROR_S = 1.0
STREAMS = 4  # of one browser: over HTTP/1.1 it opens six connections, for labels and pages too
PING = b"event: ping\ndata: 1\n\n"  # by which a browser knows that the connection is alive


@dataclass(frozen=True, slots=True)
class View:
    """How one page shows a grid, and which part of it is on the screen."""

    look: Look = field(default_factory=Look)
    reviewer: int | None = None  # who looks
    rows: tuple[int, int] | None = None  # first and last, from 1
    open: int | None = None  # the answer in the drawer
    shown: str = ""  # its rows, as ``Shape.rows_mark``
    stay: bool = False  # also when the grid is done: labels still come
    lasts_s: float = math.inf  # then the page asks anew, and who it is is looked at again

    def characters_of(self, answer_id: int, row: int | None) -> int:
        """How much is shown of this answer's text."""
        if answer_id == self.open:
            return KEPT
        inside = self.rows and row and self.rows[0] <= row <= self.rows[1]
        return min(CHARACTERS[self.look.density or "chips"], KEPT) if inside else 0


@dataclass(eq=False, slots=True)
class Listener:
    """One open stream."""

    view: View
    seq: int  # the last change it was given
    notice: Notice = NOTHING
    told: bool = False  # whether it has the partial text of before its time
    over: bool = False
    sent_at: float = field(default_factory=time.monotonic)
    began_at: float = field(default_factory=time.monotonic)
    _waiting: dict[str, bytes] = field(default_factory=dict)
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def wanted(self) -> Wanted:
        view = self.view
        return Wanted(view.look, view.reviewer, self.seq, view.shown)

    def busy(self, kind: str) -> bool:
        """Whether it has yet to take an event of this kind."""
        return kind in self._waiting

    def give(self, kind: str, event: bytes) -> None:
        self._waiting[kind] = event
        self.sent_at = time.monotonic()
        self._ready.set()

    def end(self) -> None:
        self.over = True
        self._ready.set()

    async def events(self) -> AsyncIterator[bytes]:
        """What it was given, until it is over."""
        while self._waiting or not self.over:
            await self._ready.wait()
            self._ready.clear()
            waiting, self._waiting = self._waiting, {}
            for event in waiting.values():
                yield event


class Hub:
    """All streams of this process. Only the event loop may use it."""

    def __init__(
        self,
        database: Database,
        partials: Partials,
        stopping: asyncio.Event,
        notice: Callable[[int], Notice],
    ) -> None:
        self.database = database
        self.partials = partials
        self.stopping = stopping
        self.notice = notice
        self.readers = ThreadPoolExecutor(2, "live")
        self.watched: dict[int, _Watch] = {}
        self._streams = Counter[str]()  # by browser

    @contextmanager
    def listening(self, grid_id: int, view: View, since: int) -> Iterator[Listener]:
        """A listener that has seen the changes up to ``since``."""
        listener = Listener(view, since)
        watch = self.watched.get(grid_id)
        if watch is None:
            watch = self.watched[grid_id] = _Watch(self, grid_id)
        watch.listeners.add(listener)
        watch.wake.set()
        try:
            with metrics.STREAMS.track_inprogress():
                yield listener
        finally:
            watch.listeners.discard(listener)
            if not watch.listeners and self.watched.get(grid_id) is watch:
                del self.watched[grid_id]
                watch.stop()

    @contextmanager
    def admitted(self, browser: str) -> Iterator[bool]:
        """Whether this browser may hold one more stream; one without its cookie always may."""
        if browser and self._streams[browser] >= STREAMS:
            yield False
            return
        self._streams[browser] += 1
        try:
            yield True
        finally:
            self._streams[browser] -= 1
            self._streams += Counter()  # which forgets those that have none

    async def aclose(self) -> None:
        """End all streams; afterwards nothing reads the database any more."""
        for watch in list(self.watched.values()):
            watch.end()
            watch.stop()
        await asyncio.to_thread(self.readers.shutdown)


class _Watch:
    """One grid while somebody watches it."""

    def __init__(self, hub: Hub, grid_id: int) -> None:
        self.hub = hub
        self.grid_id = grid_id
        self.listeners: set[Listener] = set()
        self.wake = asyncio.Event()
        self._seq = -1  # as last read
        self._status = ""
        self._deleted = False
        self._rows: dict[int, int] = {}  # where each prompt stands
        self._told: dict[Partial, tuple[int, int]] = {}  # version and length
        self._tasks = [
            asyncio.create_task(self._poll()),
            asyncio.create_task(self._tick()),
        ]

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def end(self) -> None:
        for listener in self.listeners:
            listener.end()

    async def _poll(self) -> None:
        failed = False
        while True:
            self.wake.clear()
            started = time.monotonic()
            try:
                await self._look()
                failed = False
            except Exception:
                if not failed:
                    log.exception("a grid could not be read for its viewers; trying on")
                failed = True
            took = time.monotonic() - started
            await asyncio.sleep(AFTER_ERROR_S if failed else max(TICK_S, SHARE * took))
            with suppress(TimeoutError):  # wait_for of Python 3.11 may swallow a cancellation
                async with asyncio.timeout(POLL_S - TICK_S):
                    await self.wake.wait()

    async def _look(self) -> None:
        """Read what is new, and give everybody what it lacks."""
        wanted = {it.wanted for it in self.listeners if not it.busy("change")}
        read = partial(self._read, wanted, self._seq, self.hub.notice(self.grid_id))
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self.hub.readers, read)
        self._rows = found.rows or self._rows
        self._seq, self._status = found.seq, found.status or self._status
        self._deleted = found.deleted
        events = {key: _event(html, id=found.seq) for key, html in found.fragments.items()}
        for it in self.listeners:
            if it.busy("change"):
                continue
            if it.wanted in events:
                it.give("change", events[it.wanted])
                it.seq = found.seq
            told = self._status != "running" and it.seq >= found.seq
            if (told or self._deleted) and not it.view.stay:
                status = "deleted" if self._deleted else self._status
                it.give("done", _event(status, "done", found.seq))
                it.end()

    def _read(self, wanted: set[Wanted], known: int, notice: Notice) -> "_Found":
        with self.hub.database.read() as session:
            grid = session.get(Grid, self.grid_id)
            if grid is None or grid.deleted_at:
                return _Found(known, deleted=True)
            behind = [key for key in wanted if key.since < grid.seq]
            if grid.seq == known and not behind:
                return _Found(grid.seq)
            status, fragments = render_changes(session, grid, behind, notice)
            return _Found(grid.seq, status, fragments, _rows(session, self.grid_id))

    async def _tick(self) -> None:
        while True:
            if self.hub.stopping.is_set():
                self.end()
            started = time.monotonic()
            self._tell_text()
            self._tell_notice()
            for it in self.listeners:
                if started - it.sent_at > PING_S:
                    it.give("ping", PING)
                if started - it.began_at > it.view.lasts_s:
                    it.end()
            await asyncio.sleep(max(TICK_S, SHARE * (time.monotonic() - started)))

    def _tell_notice(self) -> None:
        notice = DELETED if self._deleted else self.hub.notice(self.grid_id)
        event = b""
        for it in self.listeners:
            if it.notice != notice and not it.busy("notice"):
                event = event or _event(render("partials/notices.html", notice=notice))
                it.give("notice", event)
                it.notice = notice

    def _tell_text(self) -> None:
        """Give everybody the text that is new in its view: the same bytes for the same view."""
        running = list(self.hub.partials.of(self.grid_id))
        texts = [(it, it.text) for it in running if it.version]
        before, self._told = self._told, {it: (it.version, len(text)) for it, text in texts}
        if not texts or not self._rows:  # without which nobody can be given the right ones
            return
        pieces: dict[tuple[int, int], str] = {}  # by answer and length, as JSON
        events: dict[tuple[View, bool], bytes] = {}
        for listener in self.listeners:
            view = listener.view
            if (view.rows is None and view.open is None) or listener.busy("text"):
                listener.told = False
                continue
            key = (view, listener.told)
            if key not in events:
                chosen = []
                for it, text in texts:
                    shown = view.characters_of(it.answer_id, self._rows.get(it.prompt_id))
                    version, length = before.get(it, (0, 0))
                    if not shown or (listener.told and (version == it.version or length >= shown)):
                        continue
                    piece = (it.answer_id, shown)
                    if piece not in pieces:
                        pieces[piece] = f'"{it.answer_id}":{json.dumps(text[:shown])}'
                    chosen.append(pieces[piece])
                events[key] = _event(f"{{{','.join(chosen)}}}", "partial") if chosen else b""
            if event := events[key]:
                listener.give("text", event)
            listener.told = True


@dataclass(frozen=True, slots=True)
class _Found:
    seq: int
    status: str = ""  # empty: as before
    fragments: dict[Wanted, str] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)
    deleted: bool = False


def _rows(session: Session, grid_id: int) -> dict[int, int]:
    """Where each prompt stands, from 1."""
    statement = select(GridPrompt.prompt_id).where(GridPrompt.grid_id == grid_id)
    ordered = session.exec(statement.order_by(col(GridPrompt.position)))
    return {prompt_id: row for row, prompt_id in enumerate(ordered, start=1)}


def _event(data: str, name: str = "", id: int | None = None) -> bytes:  # noqa: A002
    """One server-sent event. Lines also end at a lone CR there, which would end the event early."""
    lines = [f"data: {line}" for line in data.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    if name:
        lines.insert(0, f"event: {name}")
    if id is not None:
        lines.append(f"id: {id}")
    return "\n".join([*lines, "", ""]).encode()
