"""What is known of every answer of a grid, without its texts: what filters, counts and heads need.

Reading 60,000 answers takes longer than all that is done with them. So what was read is kept with
the database for the next reader, who reads again only what changed since: every change that a
viewer can see stamps the answers it touched with the grid's number.
"""

import threading
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isnan, nan
from typing import Any, NamedTuple, TypeVar, cast

import sqlalchemy
from sqlalchemy import ColumnElement, String, type_coerce
from sqlmodel import Session, col, select

from app.tables import Answer, Attempt, Grid, GridPrompt

KEPT = 8  # grids
MADE = 40  # things made of the facts of one grid
UNKNOWN = -1  # of a time
T = TypeVar("T")
_NOT_YET = object()


class Kind(NamedTuple):
    """What many answers have in common, and their attempts that count. Enums are plain text, as
    stored."""

    model: str
    variant_id: int
    state: str
    label: str | None
    disputed: bool
    outcome: str | None
    mismatch: bool
    thought: str | None
    suggested: str | None
    tags: str

    @property
    def column(self) -> tuple[str, int]:
        return self.model, self.variant_id


class Fact(NamedTuple):
    """One answer."""

    id: int
    prompt_id: int
    total_ms: int | None
    cost_usd: float | None
    kind: Kind


class Facts:
    """Of all answers of one grid, as of its change ``seq``.

    An answer is a place in five columns of numbers, in the order of ids. Whatever else is said of
    it, some hundred kinds of answers say of 60,000: so each takes 32 bytes, and what is asked of
    all is asked of kinds.
    """

    def __init__(self, seq: int, facts: Iterable[Fact], prompts: Sequence[int]) -> None:
        """``facts`` in the order of their ids; ``prompts``: their ids in the order of the grid."""
        self.seq = seq
        self.prompts = prompts
        self.ids = array("q")
        self.prompt_ids = array("q")
        self.times_ms = array("q")  # UNKNOWN: none
        self.costs_usd = array("d")  # NaN: none
        self.kind_numbers = array("I")
        self.kinds: list[Kind] = []  # perhaps also some that no answer is of any more
        self._numbers: dict[Kind, int] = {}
        # What was known before, where it was of the same answers, and the places that are other
        # now, by which what was made of it can be renewed.
        self.before: Facts | None = None
        self.changed: Sequence[int] = ()
        self._made: dict[Any, Any] = {}
        self._making: dict[Any, threading.Lock] = {}
        for fact in facts:
            self._insert(len(self.ids), fact)

    def __len__(self) -> int:
        return len(self.ids)

    def place(self, answer_id: int) -> int | None:
        """Where an answer stands in the columns; None: it is not in this grid."""
        at = bisect_left(self.ids, answer_id)
        return at if at < len(self.ids) and self.ids[at] == answer_id else None

    def get(self, answer_id: int) -> Fact | None:
        at = self.place(answer_id)
        return None if at is None else self.at(at)

    def at(self, place: int) -> Fact:
        ms, usd = self.times_ms[place], self.costs_usd[place]
        return Fact(
            self.ids[place],
            self.prompt_ids[place],
            None if ms == UNKNOWN else ms,
            None if isnan(usd) else usd,
            self.kind(place),
        )

    def kind(self, place: int) -> Kind:
        return self.kinds[self.kind_numbers[place]]

    def of_kinds(self, ask: Callable[[Kind], T]) -> list[T]:
        """What is asked of each kind, by its number."""
        return list(map(ask, self.kinds))

    @property
    def rows(self) -> Mapping[int, Sequence[int]]:
        """The places of each prompt's answers, by its id."""
        return self.made("rows", self._rows)

    def renewed(self, seq: int, facts: Iterable[Fact], prompts: Sequence[int]) -> "Facts":
        """The same with what changed since, in the order of ids; this one is still true then."""
        found = Facts(seq, (), prompts)
        found.kinds, found._numbers = self.kinds, self._numbers  # which only grow
        for name in _COLUMNS:
            setattr(found, name, getattr(self, name)[:])
        changed = []
        for fact in facts:
            at = found.place(fact.id)
            if at is None:
                found._insert(bisect_left(found.ids, fact.id), fact)
            else:
                found.times_ms[at], found.costs_usd[at] = _numbers(fact)
                found.kind_numbers[at] = found._number(fact.kind)
                changed.append(at)
        if len(found) == len(self):
            self.before = None  # only one is needed
            found.before, found.changed = self, changed
        return found

    @property
    def tagged(self) -> bool:
        """Whether any answer may have a tag."""
        return any(kind.tags for kind in self.kinds)

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
        before = self.before  # which another thread may let go of
        return before._made.get(key) if before else None

    def _insert(self, at: int, fact: Fact) -> None:
        ms, usd = _numbers(fact)
        self.ids.insert(at, fact.id)
        self.prompt_ids.insert(at, fact.prompt_id)
        self.times_ms.insert(at, ms)
        self.costs_usd.insert(at, usd)
        self.kind_numbers.insert(at, self._number(fact.kind))

    def _number(self, kind: Kind) -> int:
        number = self._numbers.get(kind)
        if number is None:
            number = self._numbers[kind] = len(self.kinds)
            self.kinds.append(kind)
        return number

    def _rows(self) -> Mapping[int, Sequence[int]]:
        if (known := self.earlier("rows")) is not None:
            return cast("Mapping[int, Sequence[int]]", known)
        found: dict[int, array[int]] = {}
        for at, prompt in enumerate(self.prompt_ids):
            if (places := found.get(prompt)) is None:
                places = found[prompt] = array("I")
            places.append(at)
        return found


_COLUMNS = ("ids", "prompt_ids", "times_ms", "costs_usd", "kind_numbers")


def _numbers(fact: Fact) -> tuple[int, float]:
    ms, usd = fact.total_ms, fact.cost_usd
    return UNKNOWN if ms is None else ms, nan if usd is None else usd


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
    return Facts(grid.seq, _facts(session, _statement(grid.id)), _prompts(session, grid.id))


def _facts(session: Session, statement: sqlalchemy.Select[Any]) -> Iterator[Fact]:
    # In pieces: all rows of the driver at once would be ten times what is kept of them.
    rows = session.execute(statement, execution_options={"yield_per": 1_000})
    return (Fact(row[0], row[1], row[2], row[3], Kind._make(row[4:])) for row in rows)


def _renewed(session: Session, grid: Grid, known: Facts) -> Facts:
    changed = _statement(grid.id).where(col(Answer.seq) > known.seq)
    return known.renewed(grid.seq, _facts(session, changed), _prompts(session, grid.id))


def _prompts(session: Session, grid_id: int) -> list[int]:
    statement = select(GridPrompt.prompt_id).where(GridPrompt.grid_id == grid_id)
    return list(session.exec(statement.order_by(col(GridPrompt.position))))


def _statement(grid_id: int) -> sqlalchemy.Select[Any]:
    def plain(column: Any) -> ColumnElement[Any]:
        return type_coerce(column, String)

    columns: list[Any] = [
        # as Fact has it
        col(Answer.id),
        col(Answer.prompt_id),
        col(Attempt.total_ms),
        col(Attempt.cost_usd),
        # and Kind
        col(Answer.model),
        col(Answer.variant_id),
        plain(col(Answer.state)),
        plain(col(Answer.label)),
        col(Answer.disputed),
        plain(col(Attempt.outcome)),
        col(Attempt.mismatch) != "",
        plain(col(Attempt.thought)),
        plain(col(Attempt.suggested)),
        col(Answer.tags),
    ]
    return (
        sqlalchemy.select(*columns)
        .outerjoin(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(col(Answer.grid_id) == grid_id)
        .order_by(col(Answer.id))
    )
