"""Which answers of a grid match a look, and how many would match another one. Pure.

Each answer gets a mark, a number whose bits say what it is. Of 60,000 answers a few hundred marks
are different, by which all filters can be counted at once.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge, nlargest
from itertools import chain, compress, islice
from math import isnan
from operator import and_

from app.grid.facts import UNKNOWN, Fact, Facts, Kind
from app.grid.found import Found
from app.grid.look import LABELS, ONLY, OUTCOMES, Look
from app.providers import Outcome, Thought
from app.tables import AnswerState

BITS = {
    name: 1 << number
    for number, name in enumerate(
        [*(f"label-{n}" for n in LABELS), *(f"outcome-{n}" for n in OUTCOMES),
         *(f"only-{n}" for n in ONLY), "thought", "judged"]
    )
}  # fmt: skip
_MINE = BITS["only-unlabelled-by-me"]
_EXTREMES = BITS["only-slow"] | BITS["only-costly"]
_WAITING = (AnswerState.pending.value, AnswerState.running.value)
SHARE = 0.05  # of the answers may be called slow or costly
RUN = 100_000  # numbers that are sorted at once
TIMES = 2  # and only if they pass so many times the median


@dataclass(frozen=True, slots=True)
class Setting:
    """A variant by what is compared: cells that differ in one of the three belong together."""

    thinking: str
    wording: int
    rest: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Matches:
    """The answers that match a look, and for each filter how many match it and all others."""

    at: bytearray  # 1 or 0 for each place in the facts
    counts: dict[str, int]
    tags: dict[str, int]


def marks_of(facts: Facts, settings: Mapping[int, Setting]) -> "array[int]":
    """The bits of each answer, by its place; kept with the facts."""

    def make() -> "array[int]":
        earlier: array[int] | None = facts.earlier("marks")
        if earlier is None:
            return _marks(facts, settings)
        return _renewed_marks(facts, settings, earlier[:])

    return facts.made("marks", make)


def _marks(facts: Facts, settings: Mapping[int, Setting]) -> "array[int]":
    simple = facts.of_kinds(_simple)
    marks = array("I", map(simple.__getitem__, facts.kind_numbers))
    _add(marks, relations(facts, facts.rows, settings))
    _add(marks, extremes(facts))
    return marks


def _renewed_marks(
    facts: Facts, settings: Mapping[int, Setting], marks: "array[int]"
) -> "array[int]":
    """Those of the facts before, after the changes: answers are compared within a row."""
    simple = facts.of_kinds(_simple)
    rows = {facts.prompt_ids[at] for at in facts.changed}
    for at in chain.from_iterable(facts.rows[row] for row in rows):
        marks[at] = simple[facts.kind_numbers[at]] | marks[at] & _EXTREMES
    _add(marks, relations(facts, rows, settings))
    if other_numbers(facts):
        marks = array("I", [mark & ~_EXTREMES for mark in marks])
        _add(marks, extremes(facts))
    return marks


def _add(marks: "array[int]", found: Mapping[str, Iterable[int]]) -> None:
    for name, places in found.items():
        bit = BITS[f"only-{name}"]
        for at in places:
            marks[at] |= bit


def other_numbers(facts: Facts) -> bool:
    """Whether the changes touch times or costs, of which all answers together say what is slow."""

    def numbers(fact: Fact) -> tuple[object, ...]:
        return fact.kind.state, fact.total_ms, fact.cost_usd

    before = facts.before
    return before is None or any(
        numbers(facts.at(it)) != numbers(before.at(it)) for it in facts.changed
    )


def same_facts(facts: Facts) -> bool:
    """Whether of an answer that changed the same is known as before: its earlier calls changed."""
    before = facts.before
    return before is not None and any(facts.at(it) == before.at(it) for it in facts.changed)


def match(facts: Facts, marks: Sequence[int], look: Look, found: Found) -> Matches:
    """``marks`` of these facts; ``found``: what only the database could tell."""
    if found.mine:
        marks = array("I", marks)
        for at in compress(range(len(facts)), _are_in(found.mine, facts)):
            marks[at] &= ~_MINE
    of_look = bytearray(b"\1") * len(facts)  # as far as kinds of marks do not tell
    for ids in (found.text, found.by):
        if ids is not None:
            of_look = bytearray(map(and_, of_look, _are_in(ids, facts)))
    tags: Counter[str] = Counter()
    if facts.tagged:
        of_both = Counter(compress(zip(marks, facts.kind_numbers, strict=True), of_look))
        for (mark, number), n in of_both.items():
            if _fits(mark, look):
                tags.update(dict.fromkeys(facts.kinds[number].tags.split(), n))
    if look.tag:
        having = facts.of_kinds(lambda kind: not look.tag.isdisjoint(kind.tags.split()))
        tagged = map(having.__getitem__, facts.kind_numbers)
        of_look = bytearray(map(and_, of_look, tagged))
    of_mark = Counter(compress(marks, of_look))
    fits = {mark: _fits(mark, look) for mark in of_mark}
    of_all = bytearray(is_it and fits[mark] for is_it, mark in zip(of_look, marks, strict=True))
    return Matches(of_all, _counts(of_mark, look), dict(sorted(tags.items())))


def _are_in(ids: Collection[int], facts: Facts) -> Iterator[bool]:
    return map(ids.__contains__, facts.ids)


def _counts(of_mark: Mapping[int, int], look: Look) -> dict[str, int]:
    """How many answers each filter would show beside the others that are on."""
    counts = {}
    for name, bit in BITS.items():
        facet, _, value = name.partition("-")
        if facet in ("label", "outcome"):
            other = look.with_(**{facet: frozenset()})
        elif facet == "only":
            other = look.with_(only=look.only | {value})
        else:
            continue
        fits = [n for mark, n in of_mark.items() if mark & bit and _fits(mark, other)]
        counts[name] = sum(fits)
    counts["all"] = sum(n for mark, n in of_mark.items() if _fits(mark, look))
    return counts


def _fits(mark: int, look: Look) -> bool:
    """Whether answers with these bits match, as far as bits can tell."""
    return (
        all(mark & BITS[f"only-{name}"] for name in look.only)
        and (not look.label or any(mark & BITS[f"label-{name}"] for name in look.label))
        and (not look.outcome or any(mark & BITS[f"outcome-{name}"] for name in look.outcome))
    )


def _simple(it: Kind) -> int:
    """The bits that answers of this kind have by themselves."""
    waiting = it.state in _WAITING
    outcome = "waiting" if waiting else it.outcome if it.state == "done" else None
    if outcome is None:
        outcome = "cancelled" if it.state == AnswerState.cancelled else "error"
    mark = BITS[f"outcome-{outcome}"]
    can_label = outcome == Outcome.answered
    if it.label:
        mark |= BITS[f"label-{it.label}"]
    elif can_label and not it.disputed:
        mark |= BITS["only-unlabelled"]
    if can_label:
        mark |= _MINE
        if it.thought in (Thought.yes, Thought.no):
            mark |= BITS["judged"] | (BITS["thought"] if it.thought == Thought.yes else 0)
    if it.disputed:
        mark |= BITS["only-reviewers"]
    if it.mismatch and not waiting:
        mark |= BITS["only-mismatch"]
    if it.suggested and it.label and it.suggested != it.label:
        mark |= BITS["only-suggestion"]
    return mark


def relations(
    facts: Facts, rows: Iterable[int], settings: Mapping[int, Setting]
) -> dict[str, list[int]]:
    """The places of answers by what a comparison with others of their row tells; ``rows``: ids of
    prompts.

    What changes a label compares cells by the label that most of their repeats have; a cell without
    such a label is left out. The answers that belong are the labelled ones of the cells compared.
    """
    found: dict[str, list[int]] = {"repeats": [], "thinking": [], "permission": [], "models": []}
    columns = facts.of_kinds(lambda kind: kind.column)
    labels = facts.of_kinds(lambda kind: kind.label)
    by_row = facts.rows
    for row in rows:
        cells: dict[tuple[str, int], list[int]] = {}
        for at in by_row[row]:
            number = facts.kind_numbers[at]
            if labels[number]:
                cells.setdefault(columns[number], []).append(at)
        alike: dict[tuple[object, ...], dict[str, list[int]]] = {}
        for (model, variant), places in cells.items():
            most = Counter(labels[facts.kind_numbers[at]] for at in places).most_common(2)
            if len(most) > 1:
                found["repeats"] += places
                if most[0][1] == most[1][1]:
                    continue
            label, it = str(most[0][0]), settings[variant]
            for key in (
                ("thinking", model, it.wording, it.rest),
                ("permission", model, it.thinking, it.rest),
                ("models", variant),
            ):
                alike.setdefault(key, {}).setdefault(label, []).extend(places)
        for (name, *_), by_label in alike.items():
            if len(by_label) > 1:
                found[str(name)] += chain.from_iterable(by_label.values())
    return found


def extremes(facts: Facts) -> dict[str, list[int]]:
    """The places of the answers that took or cost far more than others."""
    done = facts.of_kinds(lambda kind: kind.state == AnswerState.done)
    places = array("I", compress(range(len(facts)), map(done.__getitem__, facts.kind_numbers)))
    return {
        "slow": _most(facts.times_ms, places, lambda ms: ms != UNKNOWN),
        "costly": _most(facts.costs_usd, places, lambda usd: not isnan(usd)),
    }


def _most(
    values: Sequence[float], places: Iterable[int], known: Callable[[float], bool]
) -> list[int]:
    """Where the largest values are: at most ``SHARE`` of those that are known."""
    n, median = _median(filter(known, map(values.__getitem__, places)))
    far = ((values[at], at) for at in places if known(values[at]) and values[at] > TIMES * median)
    return [at for _, at in nlargest(int(SHARE * n), far)]


def _median(values: Iterator[float]) -> tuple[int, float]:
    """How many there are, and the lower one of the middle. A million numbers at once would take
    more memory than all that is known of as many answers."""
    runs = []
    while run := array("d", sorted(islice(values, RUN))):
        runs.append(run)
    n = sum(map(len, runs))
    return n, next(islice(merge(*runs), max(n - 1, 0) // 2, None), 0.0)
