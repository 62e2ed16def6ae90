"""Answers while they stream in: the beginning of each one's text, in memory only.

The runner tells what it hears, live pages read it. Nothing here is looked at unless somebody
watches the grid; until then a piece of text costs an append. Only the event loop may use this.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.providers import Heard

KEPT = 2_000  # characters of an answer
PUBLISH_S = 0.2  # between two tellings of one process to the others

# Grid, answer, prompt, its text so far; None when nothing more will be heard.
Publish = Callable[[int, int, int, str | None], None]


@dataclass(slots=True, eq=False)
class Partial:
    """One answer that is being given. ``version`` changes whenever its text does."""

    grid_id: int
    answer_id: int
    prompt_id: int
    pieces: list[str] = field(default_factory=list)
    room: int = KEPT
    version: int = 0

    @property
    def text(self) -> str:
        """What has been heard of it, at most the first KEPT characters."""
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0][:KEPT] if self.pieces else ""

    def add(self, piece: str) -> None:
        if self.room > 0:
            self.room -= len(piece)
            self.pieces.append(piece)
            self.version += 1


class Partials:
    """Of all answers that are running, by grid.

    ``publish`` is told what is heard in this process, a few times a second, so that web processes
    elsewhere can ``take`` it.
    """

    def __init__(self, publish: Publish | None = None) -> None:
        self._publish = publish
        self._grids: dict[int, dict[int, Partial]] = {}
        self._answers: dict[int, Partial] = {}
        self._unpublished: set[Partial] = set()

    def publish_with(self, publish: Publish) -> None:
        """Tell what is heard in this process from now on."""
        self._publish = publish

    def begin(self, grid_id: int, answer_id: int, prompt_id: int) -> Heard:
        """A call for this answer begins; gives what takes the pieces of its text."""
        partial = self._add(Partial(grid_id, answer_id, prompt_id))
        if self._publish is None:
            return partial.add

        def heard(piece: str) -> None:
            if partial.room > 0:
                partial.add(piece)
                self._publish_soon(partial)

        return heard

    def end(self, answer_id: int) -> None:
        """The call is over: what came of it is told by the database."""
        partial = self._drop(answer_id)
        if partial is not None and self._publish is not None:
            self._unpublished.discard(partial)
            self._publish(partial.grid_id, answer_id, partial.prompt_id, None)

    def take(self, grid_id: int, answer_id: int, prompt_id: int, text: str | None) -> None:
        """What another process heard of an answer that it runs; None when that is over."""
        if text is None:
            self._drop(answer_id)
            return
        partial = self._answers.get(answer_id)
        if partial is None or not text.startswith(partial.text):  # or it is another call
            partial = self._add(Partial(grid_id, answer_id, prompt_id))
        partial.pieces, partial.room = [text], KEPT - len(text)
        partial.version += 1

    def of(self, grid_id: int) -> Iterable[Partial]:
        """The running answers of a grid, also those of which nothing was heard yet."""
        running = self._grids.get(grid_id)
        return running.values() if running else ()

    def _add(self, partial: Partial) -> Partial:
        self._drop(partial.answer_id)
        self._grids.setdefault(partial.grid_id, {})[partial.answer_id] = partial
        self._answers[partial.answer_id] = partial
        return partial

    def _drop(self, answer_id: int) -> Partial | None:
        partial = self._answers.pop(answer_id, None)
        if partial is not None:
            running = self._grids[partial.grid_id]
            del running[answer_id]
            if not running:
                del self._grids[partial.grid_id]
        return partial

    def _publish_soon(self, partial: Partial) -> None:
        if not self._unpublished:
            asyncio.get_running_loop().call_later(PUBLISH_S, self._publish_now)
        self._unpublished.add(partial)

    def _publish_now(self) -> None:
        partials, self._unpublished = self._unpublished, set()
        for it in partials:
            if self._publish is not None:
                self._publish(it.grid_id, it.answer_id, it.prompt_id, it.text)
