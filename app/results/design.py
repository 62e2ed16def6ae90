"""Which conditions are compared: permission × thinking for each model, or what is chosen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.errors import InvalidInput
from app.grid.view import Column
from app.providers import Thinking
from app.results.book import Book, factors
from app.results.choice import By, Choice
from app.results.effects import Effect, Interaction, Pair, compare, interaction
from app.results.lines import level_of, level_parts, name_of
from app.tables import LabelValue, Wording

PERMISSION, THINKING = "permission to abstain", "thinking"
# Where a grid has several wordings that do not permit abstaining, or that do: these first.
_WITHOUT = ("not-mentioned", "as-published")
_WITH = ("allowed", "encouraged")
_EFFORT = (
    Thinking.off, Thinking.default, Thinking.minimal, Thinking.low, Thinking.on, Thinking.medium,
    Thinking.high, Thinking.xhigh, Thinking.max,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Square:
    """One model: permission × thinking, as far as the grid has both."""

    model: str
    thinking: tuple[str, ...]  # less, more; or the only one
    wordings: tuple[Wording, ...]  # without permission, with it; or the only one
    cells: tuple[tuple[Column | None, ...], ...]  # by thinking, then wording
    permission: Effect | None
    thought: Effect | None
    interaction: Interaction | None

    @property
    def effects(self) -> list[Effect]:
        return [effect for effect in (self.permission, self.thought) if effect]


def squares(book: Book, of: LabelValue) -> list[Square]:
    """One for each model that has anything to compare. Their p values are not adjusted yet."""
    wordings = permission_pair(column.wording for column in book.columns)
    found = []
    for _, columns in level_parts(book.columns, By.model):
        rest = factors(columns[0]).rest
        alike = [column for column in columns if factors(column).rest == rest]
        square = _square(book, alike, wordings or (alike[0].wording,), of)
        if square.effects:
            found.append(square)
    return found


def _square(
    book: Book, columns: Sequence[Column], wordings: tuple[Wording, ...], of: LabelValue
) -> Square:
    there = {(c.variant.thinking.value, c.wording.id): c for c in columns}
    settings = [Thinking(thinking) for thinking, _ in there]
    thinking = tuple(s.value for s in thinking_pair(settings) or settings[:1])
    cells = tuple(tuple(there.get((t, w.id)) for w in wordings) for t in thinking)

    def pairs(sides: Iterable[Sequence[Column | None]]) -> list[Pair]:
        both = (side for side in sides if len(side) == 2)
        return [(book.of([old]), book.of([new])) for old, new in both if old and new]

    def effect(what: str, names: Sequence[str], compared: list[Pair]) -> Effect | None:
        if not compared:
            return None
        return compare(what, model, names[0], names[1], compared, of)

    model = columns[0].model
    four = [[book.of([column]) for column in row if column] for row in cells]
    whole = [len(row) for row in four] == [2, 2]
    return Square(
        model,
        thinking,
        wordings,
        cells,
        effect(PERMISSION, [w.title for w in wordings], pairs(cells)),
        effect(THINKING, [f"thinking {t}" for t in thinking], pairs(zip(*cells, strict=True))),
        interaction(four, of) if whole else None,
    )


def permission_pair(wordings: Iterable[Wording]) -> tuple[Wording, Wording] | None:
    """The wordings that stand for "not permitted" and "permitted"; None without one of them."""
    different = {wording.id: wording for wording in wordings}.values()
    without = sorted(
        (w for w in different if not w.may_abstain),
        key=lambda w: (_rank(w.slug, _WITHOUT), w.slug == "forced"),
    )
    allowing = sorted(
        (w for w in different if w.may_abstain), key=lambda w: (_rank(w.slug, _WITH), w.target or 0)
    )
    return (without[0], allowing[0]) if without and allowing else None


def _rank(slug: str, order: Sequence[str]) -> int:
    return order.index(slug) if slug in order else len(order)


def thinking_pair(settings: Iterable[Thinking]) -> tuple[Thinking, Thinking] | None:
    """The settings that stand for less and more thinking; None where there is only one."""
    in_order = sorted(set(settings), key=_EFFORT.index)
    if len(in_order) < 2:
        return None
    more = Thinking.on if Thinking.on in in_order[1:] else in_order[-1]
    return in_order[0], more


def chosen_effect(book: Book, choice: Choice) -> Effect | None:
    """The two columns or levels that were chosen; None where none were. Raises InvalidInput."""
    if not choice.before or not choice.after:
        return None
    by, old = _side(book, choice.before)
    other, new = _side(book, choice.after)
    if by is not other:
        raise InvalidInput("Compare two columns, or two levels of the same factor.")
    if choice.before == choice.after:
        raise InvalidInput("Choose two different things to compare.")
    before, after = name_of(old[0], by), name_of(new[0], by)
    where = "" if by is By.column else "all else the same"
    return compare("", where, before, after, _pairs(book, by, old, new), choice.of)


def _pairs(book: Book, by: By, old: Sequence[Column], new: Sequence[Column]) -> list[Pair]:
    if by is By.column:
        return [(book.of(old), book.of(new))]
    # Of a wording there may be two versions, so one column may have several partners.
    partners: dict[object, list[Column]] = {}
    for column in new:
        partners.setdefault(factors(column).without(by.value), []).append(column)
    both = [(a, b) for a in old for b in partners.get(factors(a).without(by.value), ())]
    if not both:
        raise InvalidInput("These two levels have no columns that differ in nothing else.")
    return [(book.of([a]), book.of([b])) for a, b in both]


def _side(book: Book, key: str) -> tuple[By, list[Column]]:
    name, _, value = key.partition(":")
    if name in ("column", "model", "thinking", "wording"):
        by = By(name)
        found = [
            c for c in book.columns if value == (c.key if by is By.column else level_of(c, by))
        ]
        if found:
            return by, found
    raise InvalidInput(f"There is no “{key[:60]}” to compare in this grid.")
