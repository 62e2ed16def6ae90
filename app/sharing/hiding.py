"""What readers of a grid see of it, and what is left out: the one place for pages and files.

Pages ask ``Shown`` for prompts, attempts, names and notes; exports ask it which fields to read, so
that what is hidden does not even leave the database.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlmodel import Session

from app.grid.chips import Chip
from app.grid.view import Cell, GridRow
from app.grids import snapshot_of
from app.tables import Attempt, Grid, Label, Prompt, Reviewer, Snapshot

T = TypeVar("T")
# What can be left out, and what that means.
HIDEABLE: Final = {
    "reviewers": "reviewers' names",
    "notes": "reviewers' notes",
    "thinking": "the models' thinking",
    "prompts": "prompts and references, such as those of a benchmark",
    "costs": "costs",
}
# The fields that hold it, by the names that attempts, variants and exports have for them. Of
# prompts all is left out but their numbers; names become numbers.
_FIELDS: Final[dict[str, frozenset[str]]] = {
    "reviewers": frozenset(),
    "notes": frozenset({"note"}),
    "thinking": frozenset({"thinking_text"}),
    # A reason may quote the reference, and what a provider complains of the question.
    "prompts": frozenset(
        {"user_message", "system_message", "system_prompt", "suggestion_reason", "error_message"}
    ),
    # Some providers tell what a call cost with its tokens.
    "costs": frozenset({"cost_usd", "cost_source", "usage"}),
}
# In no share at all: whose account it is, and whatever a server sent.
_NEVER_SHARED: Final = frozenset({"request", "response", "response_id"})
_PASTED: Final = ("product", "asked_on", "search")  # what is told of a pasted answer
_CALLS: Final = [column.name for column in Attempt.__table__.columns]  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Shown:
    """A grid as its readers see it: templates of the grid take it for one.

    All addresses begin with ``path``; ``public_id`` is the last part of it, by which pages of a
    share link to each other.
    """

    public_id: str
    path: str
    title: str
    created_at: datetime
    repeats: int
    snapshot: Snapshot | None = None  # with the hash of what they see
    shared: bool = False
    imported: bool = False  # asked elsewhere
    hidden: frozenset[str] = frozenset()
    numbers: dict[int, int] = field(default_factory=dict)  # of reviewers, where names are hidden

    def shows(self, what: str) -> bool:
        return what not in self.hidden

    @property
    def without(self) -> frozenset[str]:
        """The fields that are left out."""
        never = _NEVER_SHARED if self.shared else frozenset()
        return never.union(*(_FIELDS[name] for name in self.hidden))

    def has(self, name: str) -> bool:
        """Whether this field may be seen."""
        return name not in self.without

    @property
    def left_out(self) -> str:
        """In words; empty: nothing."""
        return "; ".join(words for name, words in HIDEABLE.items() if name in self.hidden)

    def pictures(self, found: dict[str, T]) -> dict[str, T]:
        """Those that may be seen: one has the texts of prompts in it."""
        return {name: it for name, it in found.items() if name != "heat" or self.shows("prompts")}

    def name(self, id_: int, name: str) -> str:
        """What a reviewer is called."""
        return name if self.shows("reviewers") else f"Reviewer {self.numbers.get(id_, 0)}"

    def prompt_text(self, text: str, number: int) -> str:
        return text if self.shows("prompts") else f"Prompt {number}"

    def prompt(self, prompt: Prompt, number: int) -> Prompt:
        """As readers may see it; ``number``: its row, from 1."""
        if self.shows("prompts"):
            return prompt
        return Prompt(id=prompt.id, key="", text=self.prompt_text("", number))

    def attempt(self, attempt: Attempt | None) -> Attempt | None:
        if attempt is None or not self.without:
            return attempt
        kept = {name: getattr(attempt, name) for name in _CALLS if self.has(name)}
        return Attempt(**kept | {"request": self._pasted(attempt.request)})

    def labels(self, labels: Iterable[tuple[Label, Reviewer]]) -> list[tuple[Label, Reviewer]]:
        if self.shows("reviewers") and self.shows("notes"):
            return list(labels)
        return [
            (
                Label(**la.model_dump() | ({} if self.has("note") else {"note": ""})),
                Reviewer(id=who.id, name=self.name(who.id, who.name), name_key="", secret=""),
            )
            for la, who in labels
        ]

    def rows(self, rows: Iterable[GridRow]) -> list[GridRow]:
        """The same rows, without what is left out."""
        found = [replace(row, prompt=self.prompt(row.prompt, row.number)) for row in rows]
        for row in found:
            for cell in row.cells:
                for chip in cell.chips if isinstance(cell, Cell) else ():
                    self.chip(chip)
        return found

    def chip(self, chip: Chip) -> Chip:
        """It itself, without what is left out."""
        if not self.has("error_message"):
            chip.error = ""
        return chip

    def _pasted(self, request: dict[str, Any]) -> dict[str, Any]:
        """Where it was pasted from must be seen. A link to a chat leads to the question."""
        if self.has("request"):
            return request
        told = request.get("pasted")
        if not told:
            return {}
        source = told.get("source", "") if self.shows("prompts") else ""
        return {"pasted": {name: told.get(name, "") for name in _PASTED} | {"source": source}}


def whole(session: Session, grid: Grid) -> Shown:
    """A grid as those see it who work with it."""
    path, of = f"/grids/{grid.public_id}", snapshot_of(session, grid)
    return Shown(
        grid.public_id, path, grid.title, grid.created_at, grid.repeats, of, imported=grid.imported
    )
