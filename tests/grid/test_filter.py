"""Which answers match a look: by themselves, by comparison, and how many others would."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import compress
from typing import Any

import pytest

from app.grid.facts import Fact, Facts, Kind
from app.grid.filter import Setting, extremes, marks_of, match, relations
from app.grid.found import Found
from app.grid.look import Look
from app.grid.tally import tallies

OFF, ON, ALLOWED, OTHER = 1, 2, 3, 4  # variants
SETTINGS = {
    OFF: Setting("off", 10),
    ON: Setting("on", 10),
    ALLOWED: Setting("off", 11),
    OTHER: Setting("on", 11, ("Be brief.",)),  # has no fellow: another system prompt
}


def fact(id_: int, **changes: Any) -> Fact:
    usual = {
        "prompt_id": 1, "total_ms": None, "cost_usd": None, "model": "m", "variant_id": OFF,
        "state": "done", "label": None, "disputed": False, "outcome": "answered",
        "mismatch": False, "thought": None, "suggested": None, "tags": "",
    }  # fmt: skip
    values = usual | changes
    kind = Kind(**{name: values.pop(name) for name in Kind._fields})
    return Fact(id=id_, kind=kind, **values)


def labelled(*labels: str, start: int = 1, **changes: Any) -> list[Fact]:
    """One cell's repeats, a letter for each label, - for none."""
    names = {"C": "correct", "H": "hallucinated", "A": "abstained", "-": None}
    return [fact(n, label=names[it], **changes) for n, it in enumerate("".join(labels), start)]


def matches(facts: Iterable[Fact], query: dict[str, str], **found: Any) -> set[int]:
    known = Facts(0, facts, [1])
    at = match(known, marks_of(known, SETTINGS), Look.parse(query.items()), Found(**found)).at
    return set(compress(known.ids, at))


def related(facts: Iterable[Fact]) -> dict[str, set[int]]:
    known = Facts(0, facts, [1, 2])
    found = relations(known, known.rows, SETTINGS)
    return {name: {known.ids[at] for at in places} for name, places in found.items()}


def extreme(facts: Iterable[Fact]) -> dict[str, set[int]]:
    known = Facts(0, facts, [1])
    return {name: {known.ids[at] for at in places} for name, places in extremes(known).items()}


def test_repeats_disagree_within_a_cell_only() -> None:
    facts = labelled("CH-") + labelled("CC", start=11, variant_id=ON)
    assert related(facts)["repeats"] == {1, 2}


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("thinking", {"variant_id": ON}),
        ("permission", {"variant_id": ALLOWED}),
        ("models", {"model": "n"}),
    ],
)
def test_what_changes_the_label_is_compared_with_the_rest_alike(
    name: str, other: dict[str, Any]
) -> None:
    changed = related(labelled("CCH") + labelled("HH-", start=11, **other))
    assert changed[name] == {1, 2, 3, 11, 12}
    others = {"thinking", "permission", "models"} - {name}
    assert [changed[it] for it in others] == [set(), set()]
    same = related(labelled("CCH") + labelled("C", start=11, **other))
    assert same[name] == set()
    torn = related(labelled("CH") + labelled("A", start=11, **other))
    assert torn[name] == set()  # the first cell has no label that most of it agrees on
    elsewhere = related(labelled("C") + labelled("H", start=11, prompt_id=2, **other))
    assert elsewhere[name] == set()


def test_variants_that_differ_in_more_are_not_compared() -> None:
    facts = labelled("C", variant_id=ALLOWED) + labelled("H", start=11, variant_id=OTHER)
    assert not any(related(facts).values())


def test_slow_is_the_slowest_twentieth_if_it_is_far_from_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts = [fact(n, total_ms=1000 + n) for n in range(1, 40)] + [fact(40, total_ms=9000)]
    reversed_ids = [fact(n, total_ms=it.total_ms) for n, it in enumerate(reversed(facts), 1)]
    assert extreme(facts)["slow"] == {40}
    monkeypatch.setattr("app.grid.filter.RUN", 7)  # as of a million answers
    assert extreme(reversed_ids)["slow"] == {1}
    alike = [fact(n, cost_usd=0.01) for n in range(1, 100)]
    assert extreme(alike)["costly"] == set()


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, {1, 2, 3, 4, 5, 6, 7, 8}),
        ({"label": "correct,hallucinated"}, {1, 2}),
        ({"only": "unlabelled"}, {4}),
        ({"only": "reviewers"}, {3}),
        ({"only": "mismatch"}, {2}),
        ({"only": "suggestion"}, {1}),
        ({"outcome": "error"}, {5}),
        ({"outcome": "empty,waiting"}, {6, 7}),
        ({"outcome": "cancelled"}, {8}),
        ({"tag": "hedged"}, {1}),
        ({"label": "correct", "only": "mismatch"}, set()),
        ({"label": "hallucinated", "only": "mismatch", "outcome": "answered"}, {2}),
    ],
)
def test_filters_by_what_an_answer_is(query: dict[str, str], ids: set[int]) -> None:
    facts = [
        fact(1, label="correct", suggested="abstained", tags="hedged partial"),
        fact(2, label="hallucinated", mismatch=True, suggested="hallucinated", tags="partial"),
        fact(3, disputed=True),
        fact(4, suggested="correct"),
        fact(5, state="failed", outcome="error"),
        fact(6, outcome="empty"),
        fact(7, state="running", outcome="answered", mismatch=True),
        fact(8, state="cancelled", outcome=None),
    ]
    assert matches(facts, query) == ids


def test_what_the_database_tells_is_one_more_filter() -> None:
    facts = labelled("CCH")
    assert matches(facts, {"label": "correct"}, text=frozenset({2, 3})) == {2}
    assert matches(facts, {}, by=frozenset({3}), text=frozenset({2, 3})) == {3}
    assert matches(facts, {"only": "unlabelled-by-me"}, mine=frozenset({1})) == {2, 3}


def test_every_count_is_what_the_filter_would_show() -> None:
    facts = Facts(0, [*labelled("CCHHA--"), fact(8, label="correct", mismatch=True)], [1])
    marks = marks_of(facts, SETTINGS)
    for query in ({}, {"label": "correct"}, {"only": "repeats"}, {"outcome": "answered"}):
        look = Look.parse(query.items())
        counts = match(facts, marks, look, Found()).counts
        for facet, value in (("label", "correct"), ("label", "abstained"), ("outcome", "empty")):
            alone = look.with_(**{facet: frozenset({value})})
            assert counts[f"{facet}-{value}"] == sum(match(facts, marks, alone, Found()).at)
        for value in ("repeats", "mismatch", "unlabelled"):
            more = look.with_(only=look.only | {value})
            assert counts[f"only-{value}"] == sum(match(facts, marks, more, Found()).at)
        assert counts["all"] == sum(match(facts, marks, look, Found()).at)


def test_what_two_ask_for_at_once_is_made_once() -> None:
    """The first request after a start comes while the grid is still read ahead."""
    facts, made = Facts(0, [], []), []
    begun, other = threading.Event(), threading.Event()

    def make() -> int:
        begun.set()
        assert not other.wait(0.2)  # it cannot get on before this is there
        made.append(1)
        return len(made)

    def ask_too() -> int:
        assert begun.wait(10)
        found = facts.made("it", make)
        other.set()
        return found

    with ThreadPoolExecutor(2) as threads:
        second = threads.submit(ask_too)
        assert facts.made("it", make) == second.result() == 1
    assert made == [1]


def test_what_is_renewed_is_what_would_be_made_anew() -> None:
    facts = labelled("CH-C") + labelled("HHC", start=11, variant_id=ON)
    facts += [
        it._replace(prompt_id=2, total_ms=1000 + it.id) for it in labelled("C" * 40, start=21)
    ]
    known = Facts(1, facts, [1, 2])
    tallies(known, marks_of(known, SETTINGS))
    for change in (
        {"label": "abstained"}, {"label": None}, {"total_ms": 9000}, {"state": "running"},
        {"state": "failed", "outcome": "error", "label": None}, {"tags": "hedged"},
    ):  # fmt: skip
        facts[1], facts[-1] = fact(2, **change), fact(60, prompt_id=2, **change)
        known = known.renewed(known.seq + 1, [facts[1], facts[-1]], [1, 2])
        anew = Facts(known.seq, facts, [1, 2])
        assert [known.get(it.id) for it in facts] == facts
        marks = marks_of(known, SETTINGS)
        assert marks == marks_of(anew, SETTINGS)
        assert tallies(known, marks) == tallies(anew, marks)


def test_answers_that_were_added_stand_where_their_ids_do() -> None:
    facts = labelled("CH", start=1) + labelled("HA", start=11, prompt_id=2)
    known = Facts(1, facts, [1, 2])
    tallies(known, marks_of(known, SETTINGS))
    more = [fact(2, label="abstained"), fact(5, prompt_id=2), fact(30, label="correct")]
    renewed = known.renewed(2, more, [1, 2])
    anew = Facts(2, [facts[0], *more[:2], *facts[2:], more[2]], [1, 2])
    assert list(renewed.ids) == [1, 2, 5, 11, 12, 30]
    assert [renewed.get(id_) for id_ in range(31)] == [anew.get(id_) for id_ in range(31)]
    assert {row: list(places) for row, places in renewed.rows.items()} == {
        1: [0, 1, 5],
        2: [2, 3, 4],
    }
    marks = marks_of(renewed, SETTINGS)
    assert marks == marks_of(anew, SETTINGS)
    assert tallies(renewed, marks) == tallies(anew, marks)
    assert known.get(2) == facts[1]  # the earlier facts are still what they were
