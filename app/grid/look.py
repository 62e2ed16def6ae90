"""How a grid is looked at: everything that shapes the view, from and to the end of its address."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from itertools import permutations
from typing import Any, Literal, Self, cast, get_args
from unicodedata import category
from urllib.parse import urlencode

from app.errors import InvalidInput

Density = Literal["chips", "lines", "full"]
Level = Literal["model", "thinking", "wording"]
Sort = Literal["row", "disagreement", "hallucinations", "time"]
Facet = Literal["only", "label", "outcome", "tag"]

DENSITIES: dict[str, str] = {"chips": "Chips", "lines": "First lines", "full": "Full text"}
ORDERS: list[tuple[Level, ...]] = list(permutations(get_args(Level)))
SORTS: dict[str, str] = {
    "row": "As composed",
    "disagreement": "Most disagreement first",
    "hallucinations": "Most hallucinations first",
    "time": "Slowest first",
}
LABELS: dict[str, str] = {
    "correct": "Correct",
    "hallucinated": "Hallucinated",
    "abstained": "Abstained",
}
OUTCOMES: dict[str, str] = {
    "answered": "Answered",
    "empty": "Empty",
    "truncated": "Truncated",
    "refused": "Refused by the filter",
    "error": "Error",
    "cancelled": "Cancelled",
    "waiting": "Not in yet",
}
ONLY: dict[str, str] = {
    "unlabelled": "Unlabelled",
    "unlabelled-by-me": "Unlabelled by me",
    "repeats": "Repeats disagree",
    "thinking": "Thinking changes the label",
    "permission": "Permission changes the label",
    "models": "Models disagree",
    "reviewers": "Reviewers disagree",
    "suggestion": "Suggestion ≠ label",
    "mismatch": "Thinking mismatch",
    "slow": "Slow",
    "costly": "Costly",
}
# What these mean, where the name alone does not say it.
MEANINGS: dict[str, str] = {
    "unlabelled-by-me": "Answers that could take a label and have none of yours",
    "repeats": "The repeats of one cell have different labels",
    "thinking": "Same prompt, model, wording: most repeats get another label with other thinking",
    "permission": "Same prompt, model, thinking: most repeats get another label with other wording",
    "models": "Same prompt and variant: most repeats get another label with another model",
    "reviewers": "Reviewers gave different labels",
    "suggestion": "The suggestion is another one than the final label",
    "mismatch": "Thinking asked for and thinking seen do not fit",
    "slow": "Among the slowest 5 %, and more than twice the median time",
    "costly": "Among the costliest 5 %, and more than twice the median cost",
}
FACETS: dict[Facet, dict[str, str]] = {"only": ONLY, "label": LABELS, "outcome": OUTCOMES}
SEARCH = 200  # characters of a search text
UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of others, ends of lines
NAMES = 100  # how many groups or tags can be named in one address

# The filters of older addresses.
_SHOWN = {
    "all": "",
    "unlabelled": "only=unlabelled",
    "correct": "label=correct",
    "hallucinated": "label=hallucinated",
    "abstained": "label=abstained",
    "disputed": "only=reviewers",
    "differ": "only=repeats",
    "failed": "outcome=empty,truncated,refused,error",
    "mismatch": "only=mismatch",
}


@dataclass(frozen=True, slots=True)
class Look:
    """One way to look at a grid. Two that are equal show the same, so they can share what is made.

    ``density`` None leaves the choice to the length of the answers. ``fold`` names the groups of
    columns that are folded into one. An answer matches when it has one of the chosen labels, one
    of the outcomes, one of the tags, and everything of ``only``; ``q`` is searched in its text and
    thinking, ``by`` is a reviewer who labelled it.
    """

    density: Density | None = None
    order: tuple[Level, ...] = ("model", "thinking", "wording")
    fold: frozenset[str] = frozenset()
    sort: Sort = "row"
    q: str = ""
    label: frozenset[str] = frozenset()
    outcome: frozenset[str] = frozenset()
    tag: frozenset[str] = frozenset()
    by: str = ""
    only: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, given: Iterable[tuple[str, Any]]) -> Self:
        """From the parameters of an address; other parameters are not looked at.

        Raises InvalidInput for a value that there is not.
        """
        values: dict[str, Any] = {}
        for name, value in _translated(given):
            match name:
                case "density":
                    values[name] = _one_of(name, value, DENSITIES)
                case "sort":
                    values[name] = _one_of(name, value, SORTS)
                case "order":
                    values[name] = _order(value)
                case "q" | "by":
                    values[name] = _text(name, value)
                case "fold" | "tag":
                    values[name] = values.get(name, frozenset()) | {_text(name, value)}
                case "label" | "outcome" | "only":
                    chosen = [_one_of(name, part, FACETS[name]) for part in value.split(",")]
                    values[name] = values.get(name, frozenset()) | set(chosen)
        if any(len(values.get(name, ())) > NAMES for name in ("fold", "tag")):
            raise InvalidInput(f"At most {NAMES} groups or tags can be named.")
        return cls(**values)

    def items(self) -> list[tuple[str, str]]:
        """What differs from the usual, as parameters of an address or fields of a form."""
        usual, found = Look(), []
        for field in fields(self):
            value = getattr(self, field.name)
            if value == getattr(usual, field.name):
                continue
            if field.name in ("fold", "tag"):
                found += [(field.name, one) for one in sorted(value)]
            elif isinstance(value, frozenset):
                found.append((field.name, ",".join(sorted(value))))
            else:
                found.append((field.name, value if isinstance(value, str) else ",".join(value)))
        return found

    def query(self) -> str:
        """The end of the address, as short as can be; empty: as usual."""
        return urlencode(self.items(), safe=",/~")

    def with_(self, **changes: Any) -> Self:
        return replace(self, **changes)

    def toggled(self, facet: str, value: str) -> Self:
        """The same with this filter or fold added, or taken away where it was there."""
        return replace(self, **{facet: getattr(self, facet) ^ {value}})

    def reordered(self, order: tuple[Level, ...]) -> Self:
        """The same with other levels, whose groups are others."""
        return replace(self, order=order, fold=frozenset())

    @property
    def filters(self) -> bool:
        """Whether it leaves out any answer."""
        return self.unfiltered != self

    @property
    def unfiltered(self) -> Self:
        """The same view of all answers."""
        none: frozenset[str] = frozenset()
        return replace(self, q="", label=none, outcome=none, tag=none, by="", only=none)

    @property
    def unshaped(self) -> Self:
        """What decides about rows and matches: the same however columns and chips are shown."""
        usual = Look()
        return replace(self, density=usual.density, order=usual.order, fold=usual.fold)

    @property
    def chosen(self) -> list[tuple[str, Self]]:
        """Each filter that is on, in words, and the look without it."""
        found = [(f"“{self.q}”", replace(self, q=""))] if self.q else []
        for facet, names in FACETS.items():
            on = getattr(self, facet)
            found += [(names[v], self.toggled(facet, v)) for v in names if v in on]
        found += [(f"tag {tag}", self.toggled("tag", tag)) for tag in sorted(self.tag)]
        return found + ([(f"labelled by {self.by}", replace(self, by=""))] if self.by else [])

    @property
    def more(self) -> int:
        """How many of the filters that are on stand behind *More filters*."""
        beside = [self.q, *self.label, *(it for it in self.only if it.startswith("unlabelled"))]
        return len(self.chosen) - sum(map(bool, beside))


def _translated(given: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, str]]:
    """Without what says nothing, and older addresses in today's words."""
    for name, value in given:
        if not isinstance(value, str) or not value.strip():
            continue
        if name == "show":
            name, _, value = _SHOWN[_one_of(name, value, _SHOWN)].partition("=")
        yield name, value


def _one_of(name: str, value: str, known: Iterable[str]) -> str:
    if value not in known:
        raise InvalidInput(f"{name}: there is no “{value[:40]}”. There are: {', '.join(known)}.")
    return value


def _order(value: str) -> tuple[Level, ...]:
    order = tuple(value.split(","))
    if order not in ORDERS:
        raise InvalidInput("order: name model, thinking and wording, each once.")
    return cast("tuple[Level, ...]", order)


def _text(name: str, value: str) -> str:
    value = value.strip()
    # Answers have no-break spaces, and joiners in emoji, which Python does not call printable.
    if len(value) > SEARCH or any(category(one) in UNPRINTABLE for one in value):
        raise InvalidInput(f"{name}: at most {SEARCH} printable characters in one line.")
    return value
