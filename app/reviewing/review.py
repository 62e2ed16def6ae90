"""The review: in which order one reviewer is shown the answers of a grid, and how they go on. Pure.

Answers that can be labelled form a queue. Its order depends on nothing the reviewer does, so that
going back is going back; where they are in it is named by an answer.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from app.tables import LabelValue

Order = Literal["row", "random", "informative"]
ORDERS: dict[Order, str] = {
    "row": "Row by row",
    "random": "Random",
    "informative": "Most informative first",
}


class Item(NamedTuple):
    """One answer that can be labelled. A large grid has 60,000: a tuple is made quickest."""

    id: int
    place: tuple[int, int, int, int]  # in the grid: its prompt, model, variant, repeat
    mine: bool = False  # this reviewer has labelled it
    says: str = ""  # for comparing; read only where the order needs it
    others: tuple[LabelValue, ...] = ()  # what other reviewers say; likewise


@dataclass(frozen=True, slots=True)
class Sitting:
    """What a reviewer labelled in a grid since their last long pause."""

    answers: Sequence[int] = ()  # latest first
    began: datetime | None = None
    ended: datetime | None = None

    @property
    def per_minute(self) -> float | None:
        """How fast, from the first label to the last; None before that can be told."""
        if self.began is None or self.ended is None or len(self.answers) < 3:
            return None
        return 60 * (len(self.answers) - 1) / max((self.ended - self.began).total_seconds(), 1)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a reviewer is with what they chose to review."""

    done: int
    total: int
    sitting: Sitting

    @property
    def left(self) -> int:
        return self.total - self.done

    @property
    def pace(self) -> str:
        """How fast, and how long what is left takes at that; empty before it can be told."""
        pace = self.sitting.per_minute
        if pace is None:
            return ""
        speed = f"{pace:.0f} a minute" if pace >= 1 else "less than one a minute"
        minutes = round(self.left / pace)
        if not self.left:
            return speed
        return f"{speed}, about {f'{minutes} minutes' if minutes > 1 else 'a minute'} left"


@dataclass(frozen=True)
class Queue:
    """``wanted`` are shown when going on; going back also passes what was labelled just now."""

    items: list[Item]
    chosen: Collection[int]  # by the filters
    wanted: Collection[int]
    sitting: Sitting
    _places: dict[int, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        places = {item.id: place for place, item in enumerate(self.items)}
        object.__setattr__(self, "_places", places)

    @property
    def standing(self) -> Standing:
        done = sum(1 for item in self.items if item.mine and item.id in self.chosen)
        return Standing(done, len(self.chosen), self.sitting)

    def item(self, answer_id: int) -> Item | None:
        place = self._places.get(answer_id)
        return None if place is None else self.items[place]

    def after(self, answer_id: int | None) -> Iterable[Item]:
        """What comes next, from the beginning where no answer is named."""
        start = 0 if answer_id is None else self._places[answer_id] + 1
        return (item for item in self.items[start:] if item.id in self.wanted)

    def equal(self, answer_id: int, said: Mapping[int, str]) -> list[int]:
        """Answers still to come that say the same; ``said`` is of the answers to its prompt."""
        here = self._places[answer_id]
        places = [self._places[i] for i, key in said.items() if key == said[answer_id]]
        later = (self.items[place] for place in sorted(places) if place > here)
        return [item.id for item in later if item.id in self.wanted and not item.mine]

    def before(self, answer_id: int | None) -> Item | None:
        """The one to go back to, from the end where no answer is named."""
        end = len(self.items) if answer_id is None else self._places[answer_id]
        passed = set(self.sitting.answers)
        earlier = reversed(self.items[:end])
        return next((i for i in earlier if i.id in self.wanted or i.id in passed), None)


def first_line(text: str) -> str:
    """What an answer says, for telling equal ones: its first line, without case and spaces."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return " ".join(line.casefold().split())


def in_order(items: Iterable[Item], order: Order, seed: int, *, blind: bool) -> list[Item]:
    """``blind``: no place within a prompt tells the model or the variant, also row by row."""

    start = int.from_bytes(blake2b(str(seed).encode(), digest_size=8).digest())

    def scattered(item: Item) -> int:
        # Multiplied by odd numbers and folded, so that every bit of the id moves every place.
        mixed = (item.id ^ start) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        return (mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF

    if order == "random":
        return sorted(items, key=scattered)
    if order == "informative":
        items = list(items)
        worth = informative(items)
        return sorted(items, key=lambda i: (-worth[i.id], i.place[0], scattered(i)))
    if blind:
        return sorted(items, key=lambda i: (i.place[0], scattered(i)))
    return sorted(items, key=lambda i: i.place)


def informative(items: Sequence[Item]) -> dict[int, int]:
    """How much a label of each answer would tell, by the first of these that holds:

    4  other reviewers disagree about it
    3  others' labels of its cell (the repeats) are not all the same
    2  its cell says different things
    1  the models say different things, asked the same in the same way
    0  everybody says the same

    The reviewer's own labels do not enter: they would move what comes next.
    """
    labels: dict[Any, set[LabelValue]] = defaultdict(set)
    cells: dict[Any, set[str]] = defaultdict(set)
    models: dict[Any, set[str]] = defaultdict(set)
    for item in items:
        prompt, _, variant, _ = item.place
        labels[item.place[:3]].update(item.others)
        cells[item.place[:3]].add(item.says)
        models[prompt, variant].add(item.says)

    def worth(item: Item) -> int:
        prompt, _, variant, _ = item.place
        disagreements: tuple[set[Any], ...] = (
            set(item.others),
            labels[item.place[:3]],
            cells[item.place[:3]],
            models[prompt, variant],
        )
        return next((4 - i for i, found in enumerate(disagreements) if len(found) > 1), 0)

    return {item.id: worth(item) for item in items}
