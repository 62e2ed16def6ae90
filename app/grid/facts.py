"""What is known of every answer of a grid, without its texts: what filters, counts and heads need.

Reading 60,000 answers takes longer than all that is done with them. So what was read is kept with
the database for the next reader, who reads again only what changed since: every change that a
viewer can see stamps the answers it touched with the grid's number.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

import sqlalchemy
from sqlalchemy import ColumnElement, String, type_coerce
from sqlmodel import Session, col, select

from app.grid.look import Look
from app.tables import Answer, Attempt, Grid, GridPrompt, Label, Reviewer

KEPT = 8  # grids
MADE = 40  # things made of the facts of one grid
T = TypeVar("T")
_NOT_YET = object()


class Fact(NamedTuple):
    """One answer and its attempt that counts. Enums are plain text, as stored."""

    id: int
    prompt_id: int
    model: str
    variant_id: int
    state: str
    label: str | None
    disputed: bool
    outcome: str | None
    mismatch: bool
    thought: str | None
    total_ms: int | None
    cost_usd: float | None
    suggested: str | None
    tags: str


@dataclass(eq=False, slots=True)
class Facts:
    """Of all answers of one grid, as of its change ``seq``."""

    seq: int
    by_id: dict[int, Fact]
    prompts: list[int]  # in their order
    # What was known before and is other now, by which what was made of it can be renewed.
    before: "Facts | None" = None
    changed: dict[int, Fact] = field(default_factory=dict)
    _made: dict[Any, Any] = field(default_factory=dict)
    _making: dict[Any, threading.Lock] = field(default_factory=dict)

    def made(self, key: Any, make: Callable[[], T]) -> T:
        """What was made of these facts already, or is now; a few things are kept.

        Of two who ask at once the second waits: of a large grid some of it takes half a second.
        """
        with self._making.setdefault(key, threading.Lock()):
            found = self._made.get(key, _NOT_YET)
            if found is not _NOT_YET:
                return cast("T", found)
            made = make()
            for old in list(self._made)[: max(len(self._made) - MADE, 0)]:
                self._made.pop(old, None)
                self._making.pop(old, None)
            self._made[key] = made
            return made

    def earlier(self, key: Any) -> Any:
        """What was made of the facts before; None where that is not known."""
        return self.before._made.get(key) if self.before else None

    @property
    def tagged(self) -> bool:
        """Whether any answer has a tag."""
        return self.made("tagged", lambda: any(fact.tags for fact in self.by_id.values()))


_reading = threading.Lock()  # so that two readers of a large grid do not both read all of it


def load_facts(session: Session, grid: Grid) -> Facts:
    """The facts as of ``grid.seq``."""
    kept: dict[int, Facts] | None = session.info.get("kept")
    if kept is None:  # a session that writes: what it sees is perhaps never committed
        return _read(session, grid)
    with _reading:
        known = kept.get(grid.id)
        if known is None:
            found = _read(session, grid)
        elif known.seq > grid.seq:  # others have seen more than this session's snapshot holds
            return _read(session, grid)
        else:
            found = known if known.seq == grid.seq else _renewed(session, grid, known)
        kept.pop(grid.id, None)
        kept[grid.id] = found
        while len(kept) > KEPT:
            del kept[next(iter(kept))]
        return found


def _read(session: Session, grid: Grid) -> Facts:
    statement = _statement(grid.id).order_by(col(Answer.id))
    return Facts(grid.seq, _facts(session, statement), _prompts(session, grid.id))


def _facts(session: Session, statement: sqlalchemy.Select[Any]) -> dict[int, Fact]:
    """By id. Of equal texts one is kept: else they would be most of what is held."""
    one: dict[str, str] = {}
    # In pieces: all rows of the driver at once would be as large again.
    rows = session.execute(statement, execution_options={"yield_per": 10_000})
    return {
        row[0]: Fact._make([one.setdefault(it, it) if type(it) is str else it for it in row])
        for row in rows
    }


def _renewed(session: Session, grid: Grid, known: Facts) -> Facts:
    changed = _facts(session, _statement(grid.id).where(col(Answer.seq) > known.seq))
    known.before = None  # only one is needed
    prompts = _prompts(session, grid.id)
    return Facts(grid.seq, known.by_id | changed, prompts, known, changed)


def _prompts(session: Session, grid_id: int) -> list[int]:
    statement = select(GridPrompt.prompt_id).where(GridPrompt.grid_id == grid_id)
    return list(session.exec(statement.order_by(col(GridPrompt.position))))


def _statement(grid_id: int) -> sqlalchemy.Select[Any]:
    def plain(column: Any) -> ColumnElement[Any]:
        return type_coerce(column, String)

    columns: list[Any] = [
        col(Answer.id),
        col(Answer.prompt_id),
        col(Answer.model),
        col(Answer.variant_id),
        plain(col(Answer.state)),
        plain(col(Answer.label)),
        col(Answer.disputed),
        plain(col(Attempt.outcome)),
        col(Attempt.mismatch) != "",
        plain(col(Attempt.thought)),
        col(Attempt.total_ms),
        col(Attempt.cost_usd),
        plain(col(Attempt.suggested)),
        col(Answer.tags),
    ]
    return (
        sqlalchemy.select(*columns)
        .outerjoin(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(col(Answer.grid_id) == grid_id)
    )


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of answers that only the database can tell; None where nothing is asked for."""

    text: frozenset[int] | None = None  # with the text that is searched
    by: frozenset[int] | None = None  # labelled by the reviewer of the filter
    mine: frozenset[int] = frozenset()  # labelled by the one who looks


def find(session: Session, grid_id: int, look: Look, reviewer_id: int | None) -> Found:
    """What the filters of ``look`` need beside the facts."""
    by_name = col(Reviewer.name_key) == look.by.casefold()
    return Found(
        text=frozenset(_with_text(session, grid_id, look.q)) if look.q else None,
        by=_labelled(session, grid_id, by_name) if look.by else None,
        mine=_labelled(session, grid_id, col(Reviewer.id) == reviewer_id)
        if reviewer_id
        else frozenset(),
    )


def _with_text(session: Session, grid_id: int, q: str) -> Iterable[int]:
    # SQLite knows upper and lower case of ASCII only.
    forms = {q} if q.isascii() else {q, q.lower(), q.upper(), q.capitalize(), q.title()}
    return session.scalars(
        sqlalchemy.select(col(Answer.id))
        .join(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(
            col(Answer.grid_id) == grid_id,
            sqlalchemy.or_(
                *(
                    column.icontains(form, autoescape=True)
                    for column in (col(Attempt.text), col(Attempt.thinking_text))
                    for form in sorted(forms)
                )
            ),
        )
    )


def _labelled(session: Session, grid_id: int, who: ColumnElement[bool]) -> frozenset[int]:
    return frozenset(
        session.scalars(
            sqlalchemy.select(col(Label.answer_id))
            .join(Answer, col(Answer.id) == col(Label.answer_id))
            .join(Reviewer, col(Reviewer.id) == col(Label.reviewer_id))
            .where(col(Answer.grid_id) == grid_id, who)
        )
    )


def reviewers_of(session: Session, grid_id: int) -> dict[str, int]:
    """Who labelled anything in this grid, by name, and how many of its answers."""
    rows = session.execute(
        sqlalchemy.select(col(Reviewer.name), sqlalchemy.func.count())
        .join(Label, col(Label.reviewer_id) == col(Reviewer.id))
        .join(Answer, col(Answer.id) == col(Label.answer_id))
        .where(col(Answer.grid_id) == grid_id)
        .group_by(col(Reviewer.name))
    )
    return dict(sorted((tuple(row) for row in rows), key=lambda row: row[0].casefold()))
