"""Measures by column or by level: one line each, with counts, intervals and what stands outside."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.grid.view import Column
from app.results.book import Book, Cells, Outside, total
from app.results.choice import By
from app.stats.measures import Abstention, Counts
from app.stats.rates import clustered, effective_n
from app.tables import LabelValue

# The measures that are shares of all labelled answers, and the label each of them counts.
SHARES: dict[str, LabelValue] = {
    "accuracy": LabelValue.correct,
    "hallucination_rate": LabelValue.hallucinated,
    "abstention_rate": LabelValue.abstained,
}


@dataclass(frozen=True, slots=True)
class Line:
    """What the labels say of some columns together."""

    key: str  # as in Choice.before: "column:0-3", "model:practice/bluffer"
    names: tuple[str, ...]  # such as ("practice/bluffer", "thinking on", "allowed")
    columns: tuple[Column, ...]
    cells: Cells
    counts: Counts
    outside: Outside
    unknowable: Abstention | None  # None where no prompt is known to have no answer

    @property
    def name(self) -> str:
        return " · ".join(self.names)

    @property
    def prompts(self) -> int:
        """How many prompts have a label here."""
        return len(self.cells)

    @property
    def repeated(self) -> bool:
        """Whether any prompt has several labelled answers."""
        return self.counts.n > self.prompts

    def interval(self, label: LabelValue) -> tuple[float, float] | None:
        """Where the share of a label over prompts like these may lie, with 95 % confidence."""
        return clustered(self.groups(label))

    def effective(self, label: LabelValue) -> float | None:
        """As many independent answers would be as sure about other prompts as these are."""
        return effective_n(self.groups(label))

    def groups(self, label: LabelValue) -> list[tuple[int, int]]:
        """(answers with this label, labelled answers) of each prompt."""
        return [(int(getattr(c, label.value)), c.n) for c in self.cells.values()]


def lines(book: Book, by: By) -> list[Line]:
    """In the order of the grid's columns; tags by name."""
    if by is By.tag:
        return [_tagged(book, tag) for tag in book.tags if _of_tag(book, tag)]
    if by is By.column:
        parts = [(column.key, [column]) for column in book.columns]
    else:
        parts = level_parts(book.columns, by)
    return [
        _line(f"{by}:{key}", _names(by, columns[0]), tuple(columns), book.of(columns), book,
              book.outside_of(columns))
        for key, columns in parts
    ]  # fmt: skip


def level_parts(columns: Iterable[Column], by: By) -> list[tuple[str, list[Column]]]:
    """The columns of each level of a factor, by the level's name in addresses."""
    found: dict[str, list[Column]] = {}
    for column in columns:
        found.setdefault(level_of(column, by), []).append(column)
    return list(found.items())


def level_of(column: Column, by: By) -> str:
    """The name of a column's level in addresses. Raises KeyError for what is no factor."""
    return {
        By.model: column.model,
        By.thinking: column.variant.thinking.value,
        By.wording: column.wording.slug,
    }[by]


def name_of(column: Column, by: By) -> str:
    """The name of a column, or of its level, for people."""
    match by:
        case By.model:
            return column.title("model")
        case By.thinking:
            return column.title("thinking")
        case By.wording:
            return column.wording.title
    return column.name


def _names(by: By, column: Column) -> tuple[str, ...]:
    if by is By.column:
        return column.model, column.title("thinking"), column.title("wording")
    return (name_of(column, by),)


def _line(
    key: str,
    names: tuple[str, ...],
    columns: tuple[Column, ...],
    cells: Cells,
    book: Book,
    outside: Outside,
) -> Line:
    counts = total(cells.values())
    return Line(key, names, columns, cells, counts, outside, _unknowable(book, cells))


def _of_tag(book: Book, tag: str) -> set[int]:
    return {q.id for q in book.questions.values() if tag in q.tags}


def _tagged(book: Book, tag: str) -> Line:
    prompts = _of_tag(book, tag)
    cells = {p: counts for p, counts in book.of(book.columns).items() if p in prompts}
    outside = sum((o for p, o in book.outside_by_prompt.items() if p in prompts), Outside())
    return _line(f"tag:{tag}", (tag,), (), cells, book, outside)


def _unknowable(book: Book, cells: Cells) -> Abstention | None:
    """How well abstaining goes with prompts that nobody can answer."""
    sides = {"yes": Counts(), "no": Counts()}
    for prompt, counts in cells.items():
        side = book.questions[prompt].answerable
        if side in sides:
            sides[side] += counts
    if not sides["no"].n:
        return None
    return Abstention(unanswerable=sides["no"], answerable=sides["yes"])
