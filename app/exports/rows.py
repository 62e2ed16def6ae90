"""Which answers are exported, and how what belongs to them is read: in batches of plain values.

Rows of the tables would each cost more than all else that is done with them.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import ColumnElement, Integer, String, Text, type_coerce
from sqlmodel import Session, col, select

from app.gridshape import EVERYTHING, load_columns, matching
from app.gridview import Column
from app.look import Look
from app.origins import origin_of
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

    ``practice``: the names of providers that are simulated. ``about``: which answers these are, in
    words; empty: all of them.
    """

    session: Session
    grid: Grid
    ids: Sequence[int]
    base_url: str = ""
    practice: frozenset[str] = frozenset()
    look: Look = EVERYTHING
    about: str = ""
    _reviewers: dict[int, str] = field(default_factory=dict, init=False)

    @cached_property
    def origin(self) -> Origin | None:
        return origin_of(self.session, self.grid.id) if self.grid.imported else None

    @cached_property
    def _there(self) -> dict[str, Any]:
        """What an imported grid keeps of where it was exported first: so that a number in a note
        means the same answer for ever, and the same file comes out again."""
        return self.origin.there if self.origin else {}

    @property
    def address(self) -> str:
        link: str = self._there.get("link") or f"{self.base_url}/grids/{self.grid.public_id}"
        return link

    @property
    def grid_id(self) -> str:
        name: str = self._there.get("grid") or self.grid.public_id
        return name

    def version(self, wording: Wording) -> int:
        version: int = self._there.get("versions", {}).get(str(wording.id), wording.version)
        return version

    @property
    def key(self) -> Any:
        """The column that says what an answer is called, where it is not its id."""
        return col(Answer.key) if self.origin else sqlalchemy.literal("")

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
            self._reviewers.update((row[0], row[1]) for row in rows)
        return self._reviewers[id_]

    def batches(self) -> Iterator[Sequence[int]]:
        for start in range(0, len(self.ids), BATCH):
            yield self.ids[start : start + BATCH]

    def labels(self, ids: Sequence[int]) -> dict[int, list[LabelRow]]:
        """Every reviewer's label of these answers, oldest first."""
        statement = sqlalchemy.select(
            col(Label.id),
            col(Label.answer_id),
            col(Label.reviewer_id),
            plain(Label.value),
            col(Label.note),
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
    look: Look = EVERYTHING,
    reviewer: Reviewer | None = None,
    labelled: bool = False,
) -> Export:
    """All answers of a grid, or those that match the filters of ``look``; ``labelled``: of these
    the ones that somebody labelled."""
    statement = select(Answer.id).where(Answer.grid_id == grid.id).order_by(col(Answer.id))
    if labelled:
        given = col(Label.answer_id) == Answer.id, col(Label.value).is_not(None)
        statement = statement.where(select(Label.id).where(*given).exists())
    in_pieces = {"yield_per": 10_000}  # else all of them would be there twice
    rows = session.connection().execute(statement, execution_options=in_pieces)
    found: Iterable[int] = (row[0] for row in rows)
    about = [name for name, _ in look.chosen]
    if look.filters:
        matches = matching(session, grid, look, reviewer)
        found = (id_ for id_ in found if id_ in matches)
    if labelled:
        about.append("labelled by somebody")
    return Export(session, grid, array("q", found), base_url, practice, look, ", ".join(about))


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
