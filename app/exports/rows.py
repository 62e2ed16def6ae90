"""Which answers are exported, and how what belongs to them is read: in batches of plain values.

Rows of the tables would each cost more than all else that is done with them.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import ColumnElement, Integer, String, Text, literal, type_coerce
from sqlmodel import Session, col, select

from app.grid.look import Look
from app.grid.shape import EVERYTHING, load_columns, load_shape
from app.grid.view import Column
from app.origins import in_words, origin_of
from app.sharing.hiding import Shown, whole
from app.tables import Answer, Grid, GridPrompt, Label, Origin, Prompt, Reviewer, Variant, Wording

BATCH = 1_000
# A spreadsheet takes a cell that begins so for a formula. Line breaks count too: some programs
# skip leading white space first.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
SUSPECT = frozenset("".join(_FORMULA_STARTS) + " ")


def safe_cell(value: str) -> str:
    """Text that no spreadsheet runs: an apostrophe goes before what could be a formula.

    Cells that begin with an apostrophe get one more, so that taking one away gives the original.
    """
    if value and value[0] in SUSPECT and value.lstrip(" ").startswith(_FORMULA_STARTS):
        return "'" + value
    return value


class LabelRow(NamedTuple):
    """What one reviewer says of one answer. ``label`` is empty where only tags or a note are."""

    id: int
    answer: int
    reviewer_id: int
    label: str | None
    note: str
    tags: str  # JSON
    decides: bool
    labelled_at: str


class PromptRow(NamedTuple):
    id: int
    text: str
    question: str
    references: list[str]
    constraint: str
    answerable: str


@dataclass(frozen=True, eq=False)
class Export:
    """Some answers of one grid, by their ids in order, and what is read once for all of them.

    ``shown``: for whom, with what is left out; ``practice``: the names of providers that are
    simulated. ``about``: which answers these are, in words; empty: all of them.
    """

    session: Session
    grid: Grid
    ids: Sequence[int]
    shown: Shown
    base_url: str = ""
    practice: frozenset[str] = frozenset()
    look: Look = EVERYTHING
    about: str = ""
    advance: Callable[[int], None] = lambda _: None  # told how many answers were read
    _reviewers: dict[int, str] = field(default_factory=dict, init=False)

    @cached_property
    def origin(self) -> Origin | None:
        return origin_of(self.session, self.grid)

    @property
    def imported(self) -> str:
        """Where it was imported from, in words; empty: it was asked here."""
        return in_words(self.origin, named=self.shown.shows("reviewers")) if self.origin else ""

    @cached_property
    def _there(self) -> dict[str, Any]:
        """What an imported grid keeps of where it was exported first: so that a number in a note
        means the same answer for ever, and the same file comes out again."""
        return self.origin.there if self.origin else {}

    @property
    def address(self) -> str:
        if (link := self._there.get("link")) and not self.shown.shared:
            return str(link)
        return self.base_url + self.shown.path

    @property
    def link(self) -> str:
        """The address of an answer without its number at the end. Shares have no scripts, so that a
        row that is not sent at once would not be found on the page of the grid."""
        of_share = self.shown.shared or self.address.rpartition("/")[0].endswith("/s")
        return f"{self.address}/answers/" if of_share else f"{self.address}#a-"

    @property
    def grid_id(self) -> str:
        there = "" if self.shown.shared else self._there.get("grid", "")
        return str(there) or self.shown.public_id

    def version(self, wording: Wording) -> int:
        version: int = self._there.get("versions", {}).get(str(wording.id), wording.version)
        return version

    @property
    def key(self) -> Any:
        """The column that says what an answer is called, where it is not its id."""
        return col(Answer.key) if self.origin else literal("")

    def seen(self, column: Any) -> ColumnElement[Any]:
        """A column, or nothing in its place where it is left out."""
        return column if self.shown.has(column.key) else literal("")

    @cached_property
    def columns(self) -> dict[tuple[str, int], Column]:
        return {(c.model, c.variant.id): c for c in load_columns(self.session, self.grid.id)}

    @cached_property
    def prompts(self) -> dict[int, PromptRow]:
        """In the order of the grid."""
        rows = self.session.execute(
            sqlalchemy.select(
                col(Prompt.id),
                col(Prompt.text),
                col(Prompt.question),
                col(Prompt.references),
                col(Prompt.constraint),
                plain(Prompt.answerable),
            )
            .join(GridPrompt, col(GridPrompt.prompt_id) == col(Prompt.id))
            .where(col(GridPrompt.grid_id) == self.grid.id)
            .order_by(col(GridPrompt.position))
        )
        if not self.shown.shows("prompts"):
            texts = ((row[0], self.shown.prompt_text("", n)) for n, row in enumerate(rows, 1))
            return {id_: PromptRow(id_, text, "", [], "", "") for id_, text in texts}
        return {row[0]: PromptRow._make(row) for row in rows}

    @cached_property
    def numbers(self) -> tuple[dict[int, int], dict[int, int]]:
        """The numbers, from 1, of prompts and of variants by their ids."""
        variants = select(Variant.id).where(Variant.grid_id == self.grid.id)
        in_order = self.session.exec(variants.order_by(col(Variant.position), col(Variant.id)))
        return (
            {id_: number for number, id_ in enumerate(self.prompts, start=1)},
            {id_: number for number, id_ in enumerate(in_order, start=1)},
        )

    def is_practice(self, model: str) -> bool:
        return model.partition("/")[0] in self.practice

    def reviewer(self, id_: int) -> str:
        if not self._reviewers:  # few, and a join would tempt the planner to begin with them
            rows = self.session.execute(sqlalchemy.select(col(Reviewer.id), col(Reviewer.name)))
            self._reviewers.update((row[0], self.shown.name(row[0], row[1])) for row in rows)
        return self._reviewers[id_]

    def batches(self) -> Iterator[Sequence[int]]:
        for start in range(0, len(self.ids), BATCH):
            ids = self.ids[start : start + BATCH]
            yield ids
            self.advance(len(ids))

    def labels(self, ids: Sequence[int]) -> dict[int, list[LabelRow]]:
        """Every reviewer's label of these answers, oldest first."""
        statement = sqlalchemy.select(
            col(Label.id),
            col(Label.answer_id),
            col(Label.reviewer_id),
            plain(Label.value),
            self.seen(col(Label.note)),
            raw_json(Label.tags),
            flag(Label.decides),
            raw_time(Label.labelled_at),
        ).where(within(col(Label.answer_id), ids))
        found: dict[int, list[LabelRow]] = {}
        for row in sorted(self.read(statement), key=itemgetter(0)):
            label = LabelRow._make((*row[:7], iso(row[7])))
            found.setdefault(label.answer, []).append(label)
        return found

    def read(self, statement: Any) -> Sequence[Any]:
        """As the driver gives it: rows of SQLAlchemy would cost half as much again, and nothing of
        what is read here (see ``plain``, ``flag``, ``raw_json``, ``raw_time``) needs converting."""
        with self.session.connection().execute(statement) as result:
            cursor: Any = result.cursor
            found: Sequence[Any] = cursor.fetchall()
        return found


def open_export(
    session: Session,
    grid: Grid,
    base_url: str = "",
    practice: frozenset[str] = frozenset(),
    *,
    shown: Shown | None = None,
    look: Look = EVERYTHING,
    reviewer: Reviewer | None = None,
    labelled: bool = False,
) -> Export:
    """All answers of a grid, or those that match the filters of ``look``; ``labelled``: of these
    the ones that somebody labelled. ``shown``: for whom; None: who works with the grid."""
    statement = select(Answer.id).where(Answer.grid_id == grid.id).order_by(col(Answer.id))
    if labelled:
        given = col(Label.answer_id) == Answer.id, col(Label.value).is_not(None)
        statement = statement.where(select(Label.id).where(*given).exists())
    in_pieces = {"yield_per": 10_000}  # else all of them would be there twice
    rows = session.connection().execute(statement, execution_options=in_pieces)
    found: Iterable[int] = (row[0] for row in rows)
    about = [name for name, _ in look.chosen]
    if look.filters:
        shape = load_shape(session, grid, look, reviewer.id if reviewer else None)
        found = filter(shape.matching, found)
    if labelled:
        about.append("labelled by somebody")
    ids = array("q", found)
    shown = shown or whole(session, grid)
    return Export(session, grid, ids, shown, base_url, practice, look, ", ".join(about))


def within(column: Any, ids: Sequence[int]) -> ColumnElement[bool]:
    """Where a column is one of these ids, which are in order; perhaps also where it is another id
    between them. Nothing is asked of the grid: SQLite would then read all of it for each batch."""
    if ids[-1] - ids[0] < 2 * len(ids):
        between: ColumnElement[bool] = column.between(ids[0], ids[-1])
        return between
    one_of: ColumnElement[bool] = column.in_(list(ids))
    return one_of


def plain(column: Any) -> ColumnElement[Any]:
    """An enum as the text it is stored as."""
    return type_coerce(column, String)


def flag(column: Any) -> ColumnElement[Any]:
    """True or false as it comes: 1 or 0 on SQLite."""
    return type_coerce(column, Integer)


def raw_json(column: Any) -> ColumnElement[Any]:
    """JSON as text, not read."""
    return sqlalchemy.cast(column, Text)


def raw_time(column: Any) -> ColumnElement[Any]:
    """A time as the driver gives it: SQLite has text."""
    return type_coerce(column, String)


def iso(value: Any) -> Any:
    """Such a time in ISO 8601; nothing of nothing."""
    if isinstance(value, str):  # "2026-11-27 06:14:10.000000", in UTC
        return f"{value[:10]}T{value[11:].removesuffix('.000000')}+00:00"
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return value


def without_nul(text: str) -> str:
    """NUL, which many readers take for the end, shown as ␀."""
    return text.replace("\0", "␀") if "\0" in text else text
