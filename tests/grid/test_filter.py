"""Which answers match a look: by themselves, by comparison, and how many others would."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.grid.facts import Fact, Facts, Found
from app.grid.filter import Setting, extremes, marks_of, match, relations
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
        "prompt_id": 1, "model": "m", "variant_id": OFF, "state": "done", "label": None,
        "disputed": False, "outcome": "answered", "mismatch": False, "thought": None,
        "total_ms": None, "cost_usd": None, "suggested": None, "tags": "",
    }  # fmt: skip
    return Fact(id=id_, **{**usual, **changes})


def labelled(*labels: str, start: int = 1, **changes: Any) -> list[Fact]:
    """One cell's repeats, a letter for each label, - for none."""
    names = {"C": "correct", "H": "hallucinated", "A": "abstained", "-": None}
    return [fact(n, label=names[it], **changes) for n, it in enumerate("".join(labels), start)]


def matches(facts: Iterable[Fact], query: dict[str, str], **found: Any) -> set[int]:
    known = Facts(0, {it.id: it for it in facts}, [1])
    return match(known, marks_of(known, SETTINGS), Look.parse(query.items()), Found(**found)).ids


def test_repeats_disagree_within_a_cell_only() -> None:
    facts = labelled("CH-") + labelled("CC", start=11, variant_id=ON)
    assert relations(facts, SETTINGS)["repeats"] == {1, 2}


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
    changed = relations(labelled("CCH") + labelled("HH-", start=11, **other), SETTINGS)
    assert changed[name] == {1, 2, 3, 11, 12}
    others = {"thinking", "permission", "models"} - {name}
    assert [changed[it] for it in others] == [set(), set()]
    same = relations(labelled("CCH") + labelled("C", start=11, **other), SETTINGS)
    assert same[name] == set()
    torn = relations(labelled("CH") + labelled("A", start=11, **other), SETTINGS)
    assert torn[name] == set()  # the first cell has no label that most of it agrees on
    elsewhere = relations(labelled("C") + labelled("H", start=11, prompt_id=2, **other), SETTINGS)
    assert elsewhere[name] == set()


def test_variants_that_differ_in_more_are_not_compared() -> None:
    facts = labelled("C", variant_id=ALLOWED) + labelled("H", start=11, variant_id=OTHER)
    assert not any(relations(facts, SETTINGS).values())


def test_slow_is_the_slowest_twentieth_if_it_is_far_from_the_rest() -> None:
    facts = [fact(n, total_ms=1000 + n) for n in range(1, 40)] + [fact(40, total_ms=9000)]
    assert extremes(facts)["slow"] == {40}
    alike = [fact(n, cost_usd=0.01) for n in range(1, 100)]
    assert extremes(alike)["costly"] == set()


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
    facts = Facts(0, {it.id: it for it in labelled("CCHHA--")}, [1])
    facts.by_id[8] = fact(8, label="correct", mismatch=True)
    marks = marks_of(facts, SETTINGS)
    for query in ({}, {"label": "correct"}, {"only": "repeats"}, {"outcome": "answered"}):
        look = Look.parse(query.items())
        counts = match(facts, marks, look, Found()).counts
        for facet, value in (("label", "correct"), ("label", "abstained"), ("outcome", "empty")):
            alone = look.with_(**{facet: frozenset({value})})
            assert counts[f"{facet}-{value}"] == len(match(facts, marks, alone, Found()).ids)
        for value in ("repeats", "mismatch", "unlabelled"):
            more = look.with_(only=look.only | {value})
            assert counts[f"only-{value}"] == len(match(facts, marks, more, Found()).ids)
        assert counts["all"] == len(match(facts, marks, look, Found()).ids)


def test_what_two_ask_for_at_once_is_made_once() -> None:
    """The first request after a start comes while the grid is still read ahead."""
    facts, made = Facts(0, {}, []), []
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
    known = Facts(1, {it.id: it for it in facts}, [1, 2])
    tallies(known, marks_of(known, SETTINGS))
    for change in (
        {"label": "abstained"}, {"label": None}, {"total_ms": 9000}, {"state": "running"},
        {"state": "failed", "outcome": "error", "label": None}, {"tags": "hedged"},
    ):  # fmt: skip
        changed = {2: known.by_id[2]._replace(**change), 99: fact(99, prompt_id=2, **change)}
        known = Facts(known.seq + 1, known.by_id | changed, [1, 2], known, changed)
        anew = Facts(known.seq, known.by_id, [1, 2])
        marks = marks_of(known, SETTINGS)
        assert marks == marks_of(anew, SETTINGS)
        assert tallies(known, marks) == tallies(anew, marks)
