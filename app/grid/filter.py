"""Which answers of a grid match a look, and how many would match another one. Pure.

Each answer is given a number whose bits say what it is. Then 60,000 answers are a few hundred kinds
of answers, and all filters can be counted at once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.grid.facts import Fact, Facts, Found
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

    ids: set[int]
    counts: dict[str, int]
    tags: dict[str, int]


def marks_of(facts: Facts, settings: Mapping[int, Setting]) -> dict[int, int]:
    """The bits of each answer, by its id; kept with the facts."""

    def make() -> dict[int, int]:
        earlier: dict[int, int] = facts.earlier("marks") or {}
        fresh = list(facts.by_id.values())
        if earlier:  # what is compared stands in one row
            rows = {fact.prompt_id for fact in facts.changed.values()}
            fresh = [fact for fact in fresh if fact.prompt_id in rows]
        marks = earlier | {fact.id: _simple(fact) for fact in fresh}
        _add(marks, relations(fresh, settings))
        if earlier and not other_numbers(facts):
            for fact in fresh:
                marks[fact.id] |= earlier[fact.id] & _EXTREMES
        else:
            if earlier:
                marks = {id_: kind & ~_EXTREMES for id_, kind in marks.items()}
            _add(marks, extremes(facts.by_id.values()))
        return marks

    return facts.made("marks", make)


def _add(marks: dict[int, int], found: Mapping[str, set[int]]) -> None:
    for name, ids in found.items():
        bit = BITS[f"only-{name}"]
        for id_ in ids:
            marks[id_] |= bit


def other_numbers(facts: Facts) -> bool:
    """Whether the changes touch times or costs, of which all answers together say what is slow."""
    before = facts.before.by_id if facts.before else {}

    def numbers(fact: Fact | None) -> tuple[object, ...]:
        return (fact.state, fact.total_ms, fact.cost_usd) if fact else ()

    return any(numbers(it) != numbers(before.get(id_)) for id_, it in facts.changed.items())


def match(facts: Facts, marks: Mapping[int, int], look: Look, found: Found) -> Matches:
    """``marks`` of these facts; ``found``: what only the database could tell."""
    kinds = dict(marks)
    for id_ in found.mine:
        if id_ in kinds:
            kinds[id_] &= ~_MINE
    for ids in (found.text, found.by):
        if ids is not None:
            kinds = {id_: kind for id_, kind in kinds.items() if id_ in ids}
    tags = Counter(
        tag
        for id_, kind in (kinds.items() if facts.tagged else ())
        if _fits(kind, look)
        for tag in facts.by_id[id_].tags.split()
    )
    if look.tag:
        kinds = {
            id_: kind
            for id_, kind in kinds.items()
            if look.tag & set(facts.by_id[id_].tags.split())
        }
    of_kind = Counter(kinds.values())
    fitting = {kind for kind in of_kind if _fits(kind, look)}
    matching = {id_ for id_, kind in kinds.items() if kind in fitting}
    return Matches(matching, _counts(of_kind, look), dict(sorted(tags.items())))


def _counts(of_kind: Mapping[int, int], look: Look) -> dict[str, int]:
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
        fits = [n for kind, n in of_kind.items() if kind & bit and _fits(kind, other)]
        counts[name] = sum(fits)
    counts["all"] = sum(n for kind, n in of_kind.items() if _fits(kind, look))
    return counts


def _fits(kind: int, look: Look) -> bool:
    """Whether answers of this kind match, as far as bits can tell."""
    return (
        all(kind & BITS[f"only-{name}"] for name in look.only)
        and (not look.label or any(kind & BITS[f"label-{name}"] for name in look.label))
        and (not look.outcome or any(kind & BITS[f"outcome-{name}"] for name in look.outcome))
    )


def _simple(fact: Fact) -> int:
    """The bits that an answer has by itself."""
    waiting = fact.state in _WAITING
    outcome = "waiting" if waiting else fact.outcome if fact.state == "done" else None
    if outcome is None:
        outcome = "cancelled" if fact.state == AnswerState.cancelled else "error"
    kind = BITS[f"outcome-{outcome}"]
    can_label = outcome == Outcome.answered
    if fact.label:
        kind |= BITS[f"label-{fact.label}"]
    elif can_label and not fact.disputed:
        kind |= BITS["only-unlabelled"]
    if can_label:
        kind |= _MINE
        if fact.thought in (Thought.yes, Thought.no):
            kind |= BITS["judged"] | (BITS["thought"] if fact.thought == Thought.yes else 0)
    if fact.disputed:
        kind |= BITS["only-reviewers"]
    if fact.mismatch and not waiting:
        kind |= BITS["only-mismatch"]
    if fact.suggested and fact.label and fact.suggested != fact.label:
        kind |= BITS["only-suggestion"]
    return kind


def relations(facts: Iterable[Fact], settings: Mapping[int, Setting]) -> dict[str, set[int]]:
    """The ids of answers by what a comparison with others of their row tells.

    What changes a label compares cells by the label that most of their repeats have; a cell without
    such a label is left out. The answers that belong are the labelled ones of the cells compared.
    """
    cells: dict[tuple[int, str, int], list[Fact]] = {}
    for fact in facts:
        if fact.label:
            cells.setdefault((fact.prompt_id, fact.model, fact.variant_id), []).append(fact)
    found: dict[str, set[int]] = {
        "repeats": set(), "thinking": set(), "permission": set(), "models": set(),
    }  # fmt: skip
    alike: dict[tuple[object, ...], dict[str, list[Fact]]] = {}
    for (prompt, model, variant), group in cells.items():
        labels = Counter(fact.label for fact in group).most_common(2)
        if len(labels) > 1:
            found["repeats"].update(fact.id for fact in group)
            if labels[0][1] == labels[1][1]:
                continue
        label, it = str(labels[0][0]), settings[variant]
        for key in (
            ("thinking", prompt, model, it.wording, it.rest),
            ("permission", prompt, model, it.thinking, it.rest),
            ("models", prompt, variant),
        ):
            alike.setdefault(key, {}).setdefault(label, []).extend(group)
    for (name, *_), by_label in alike.items():
        if len(by_label) > 1:
            found[str(name)].update(fact.id for group in by_label.values() for fact in group)
    return found


def extremes(facts: Iterable[Fact]) -> dict[str, set[int]]:
    """The ids of the answers that took or cost far more than others."""
    done = [fact for fact in facts if fact.state == "done"]
    return {
        "slow": _most([(fact.id, fact.total_ms) for fact in done]),
        "costly": _most([(fact.id, fact.cost_usd) for fact in done]),
    }


def _most(values: Sequence[tuple[int, float | None]]) -> set[int]:
    """The ids with the largest values: at most ``SHARE`` of all that have one."""
    known = sorted(((value, id_) for id_, value in values if value is not None), reverse=True)
    if not known:
        return set()
    median = known[len(known) // 2][0]
    first = known[: int(SHARE * len(known))]
    return {id_ for value, id_ in first if value > TIMES * median}
