"""One grid as it is shown: columns in levels, rows of cells, a chip for each repeat. Pure."""

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, groupby
from typing import Protocol

from app.grid.chips import SHORT, Chip
from app.grid.facts import UNKNOWN, Facts
from app.grid.filter import Matches
from app.grid.look import Level as LevelName
from app.grid.look import Look
from app.grid.tally import Tally, total
from app.providers import Thinking
from app.tables import (
    AnswerState,
    HeldBack,
    HeldState,
    LabelValue,
    Prompt,
    Variant,
    Wording,
)

CHARACTERS = {"chips": SHORT, "lines": 400, "full": 20_000}
LONG = 48  # characters: if most answers are longer, a chip says too little of them
BLOCK = 600  # chips that are sent at once
BLOCK_ROWS = 50
MARKS = 6  # ways to underline equal answers


@dataclass(slots=True)
class Column:
    """One model × variant."""

    key: str
    model: str
    variant: Variant
    wording: Wording
    apart: str = ""  # what tells it from others with this wording and thinking setting
    forced: bool = False  # the model is known not to take this thinking setting
    held: HeldBack | None = None  # in a large grid: its test call
    place: int = 0  # on the screen: the prompts are column 1
    tally: Tally = field(default_factory=Tally)

    @property
    def name(self) -> str:
        """In full, for whoever does not see the heads above it."""
        forced = " (forced)" if self.forced else ""
        wording = self.title("wording")
        return f"{self.model} · thinking {self.variant.thinking}{forced} · {wording}"

    @property
    def folded(self) -> bool:
        return False

    def title(self, level: LevelName) -> str:
        match level:
            case "model":
                return self.model
            case "thinking":
                return f"thinking {self.variant.thinking}"
            case "wording":
                return ", ".join(filter(None, (self.wording.title, self.apart)))

    def why_not_called(self, state: AnswerState, attempt_id: int | None) -> str:
        """What its test call said, of an answer that failed without a call of its own."""
        stopped = state is AnswerState.failed and attempt_id is None
        held = self.held if self.held and self.held.state is not HeldState.passed else None
        return held.message if held and stopped else ""


def told_apart(variants: Sequence[tuple[Variant, Wording]]) -> dict[int, str]:
    """By the id of a variant, in what it differs from those that would be called the same: such as
    "temperature 0.5". ``variants`` in their order."""
    prompts = dict.fromkeys(it.system_prompt for it, _ in variants if it.system_prompt)
    numbers = {prompt: n for n, prompt in enumerate(prompts, start=1)}

    def words(variant: Variant, wording: Wording) -> list[str]:
        """All that can differ, at the same places."""
        number, degree = numbers.get(variant.system_prompt), variant.temperature
        return [
            f"version {wording.version}",
            "without a system prompt" if number is None else f"system prompt {number}",
            "default temperature" if degree is None else f"temperature {degree:g}",
            f"at most {variant.max_tokens:,} tokens",
        ]

    alike: dict[tuple[str, Thinking], dict[int, list[str]]] = {}
    for variant, wording in variants:
        of_name = alike.setdefault((wording.title, variant.thinking), {})
        of_name[variant.id] = words(variant, wording)
    found: dict[int, str] = {}
    for group in alike.values():
        differ = [len(set(one)) > 1 for one in zip(*group.values(), strict=True)]
        found |= {id_: ", ".join(compress(said, differ)) for id_, said in group.items()}
    return found


def forced_settings(columns: Iterable[Column]) -> dict[str, list[Thinking]]:
    """The thinking settings asked of models that are known not to take them, by model."""
    found: dict[str, list[Thinking]] = {}
    for column in columns:
        if column.forced:
            found.setdefault(column.model, []).append(column.variant.thinking)
    return {model: list(dict.fromkeys(settings)) for model, settings in found.items()}


@dataclass(slots=True)
class Group:
    """Neighbouring columns that have a level in common, folded into one slim column."""

    key: str  # the names of the levels from the outermost, as addresses have it
    title: str
    parts: list[Column]
    place: int = 0

    @property
    def folded(self) -> bool:
        return True

    @property
    def tally(self) -> Tally:
        return total([column.tally for column in self.parts])

    @property
    def id(self) -> str:
        """For its parts of the page. A column that is added moves others, and keeps their keys."""
        return self.parts[0].key

    @property
    def name(self) -> str:
        return f"{self.title}, {len(self.parts)} columns folded"


Slot = Column | Group  # what one column on the screen shows


@dataclass(frozen=True, slots=True)
class Level:
    """A head over neighbouring columns: such as a model, or one thinking setting of it."""

    key: str
    title: str
    slots: list[Slot]
    children: list["Level"] = field(default_factory=list)

    @property
    def folded(self) -> Group | None:
        """Itself as one column."""
        first = self.slots[0]
        return first if isinstance(first, Group) and first.key == self.key else None


@dataclass(frozen=True, slots=True)
class Cell:
    column: Column
    chips: list[Chip]
    edge: bool = False  # it is the first of an outermost group

    @property
    def differ(self) -> bool:
        """Whether the labels of the repeats are not all the same."""
        return len({c.label for c in self.chips if c.label is not None}) > 1


@dataclass(frozen=True, slots=True)
class Mini:
    """The cells of a folded group in one row."""

    group: Group
    prompt_id: int
    total: int = 0
    correct: int = 0
    hallucinated: int = 0
    abstained: int = 0

    @property
    def rest(self) -> int:
        """Answers that have no label."""
        return self.total - self.correct - self.hallucinated - self.abstained


@dataclass(frozen=True, slots=True)
class GridRow:
    number: int  # from 1, among all rows of the grid
    index: int  # from 1, among those that are shown
    prompt: Prompt
    cells: list[Cell | Mini]
    answer: int  # one of its answers, by which the row can be named; 0: it has none


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring rows, which are sent together; ``rows`` is empty while they are not.

    ``numbers`` name them, also when they no longer match, or would be sorted otherwise: a page
    keeps the rows that it came with.
    """

    first: int  # from 1, among those that are shown
    last: int
    numbers: Sequence[int]  # from 1, among all rows of the grid
    rows: list[GridRow] = field(default_factory=list)


class Counts(Protocol):
    """What a C/H/A bar is drawn from: a column, or the progress of a whole grid."""

    @property
    def correct(self) -> int: ...
    @property
    def hallucinated(self) -> int: ...
    @property
    def abstained(self) -> int: ...


def ordered(columns: Sequence[Column], look: Look) -> list[Column]:
    """The columns as the look has them; ``columns`` come by model, thinking, wording."""
    models = {model: n for n, model in enumerate(dict.fromkeys(c.model for c in columns))}
    by_position = sorted(columns, key=lambda column: column.variant.position)
    wordings = {w: n for n, w in enumerate(dict.fromkeys(c.title("wording") for c in by_position))}

    def place(column: Column) -> tuple[int, ...]:
        variant = column.variant
        of_level: dict[LevelName, int] = {
            "model": models[column.model],
            "thinking": variant.thinking.position,
            "wording": wordings[column.title("wording")],
        }
        return (*(of_level[level] for level in look.order), variant.position)

    return sorted(columns, key=place)


def levels(columns: Sequence[Column], look: Look) -> list[Level]:
    """The heads over ``columns``, which are in order, from the outermost."""

    def grouped(part: Sequence[Column], depth: int, path: str) -> list[Level]:
        name = look.order[depth]
        found = []
        for title, group in groupby(part, lambda column: column.title(name)):
            inside = list(group)
            key = f"{path}~{title}" if path else title
            if key in look.fold:
                folded = Group(key, key.replace("~", " · "), inside)
                found.append(Level(key, title, [folded]))
                continue
            children = grouped(inside, depth + 1, key) if depth + 2 < len(look.order) else []
            slots: list[Slot] = [slot for child in children for slot in child.slots] or [*inside]
            found.append(Level(key, title, slots, children))
        return found

    found = grouped(columns, 0, "")
    for place, slot in enumerate((slot for level in found for slot in level.slots), start=2):
        slot.place = place
    return found


def row_order(facts: Facts, look: Look, matches: Matches) -> list[tuple[int, int]]:
    """(number, prompt id) of the rows that are shown, as they are shown."""
    numbered = list(enumerate(facts.prompts, start=1))
    if look.filters:
        having = set(compress(facts.prompt_ids, matches.at))
        numbered = [pair for pair in numbered if pair[1] in having]
    if look.sort == "row":
        return numbered
    scores = {prompt: _score(look.sort, facts, places) for prompt, places in facts.rows.items()}
    return sorted(numbered, key=lambda pair: -scores.get(pair[1], -1.0))


def _score(sort: str, facts: Facts, places: Iterable[int]) -> float:
    """What a row is sorted by: the highest comes first. -1: it has nothing of that."""
    if sort == "time":
        times = [facts.times_ms[at] for at in places if facts.times_ms[at] != UNKNOWN]
        return float(sum(times)) if times else -1.0
    kinds = (facts.kind(at) for at in places)
    labels = Counter(kind.label for kind in kinds if kind.label)
    if not labels:
        return -1.0
    return disagreement(labels) if sort == "disagreement" else float(labels["hallucinated"])


def disagreement(counts: Mapping[str, int]) -> float:
    """The share of pairs of labels that differ, from 0 to 1; of fewer than two labels 0."""
    n = sum(counts.values())
    same = sum(m * (m - 1) for m in counts.values())
    return 1 - same / (n * (n - 1)) if n > 1 else 0.0


def blocks(numbers: Sequence[int], chips_per_row: int) -> list[Block]:
    """All rows that are shown, by their numbers, in blocks of about equally many chips."""
    size = min(max(BLOCK // max(chips_per_row, 1), 1), BLOCK_ROWS)
    parts = ((at, numbers[at : at + size]) for at in range(0, len(numbers), size))
    return [Block(at + 1, at + len(part), part) for at, part in parts]


def mark_equals(chips: Sequence[Chip]) -> dict[int, int]:
    """A number for each answer of a row that another one equals, by its id.

    Numbers hang on the text, so that they stay when other answers come in; two texts get the same
    one only when there are more of them than numbers.
    """
    by_key: dict[str, list[int]] = {}
    for chip in sorted(chips, key=lambda chip: chip.id):
        if chip.key:
            by_key.setdefault(chip.key, []).append(chip.id)
    found: dict[int, int] = {}
    used: set[int] = set()
    for key, ids in by_key.items():
        if len(ids) < 2:
            continue
        number = zlib.crc32(key.encode()) % MARKS
        free = [n % MARKS for n in range(number, number + MARKS) if n % MARKS not in used]
        number = free[0] if free else number
        used.add(number)
        found |= dict.fromkeys(ids, number + 1)
    return found


def bar_parts(counts: Counts) -> list[tuple[str, float, float]]:
    """(label, start, width) of each part of a C/H/A bar, in percent; no labels, no width."""
    parts, start = [], 0.0
    labelled = counts.correct + counts.hallucinated + counts.abstained
    for value in LabelValue:
        width = 100 * getattr(counts, value) / labelled if labelled else 0.0
        parts.append((value.value, round(start, 3), round(width, 3)))
        start += width
    return parts
