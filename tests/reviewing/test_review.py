"""The review's order, its queue, sittings and undo."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, select

from app.db import Database
from app.pubid import ALPHABET
from app.reviewing.aliases import LENGTH, alias_of, answer_of
from app.reviewing.labels import get_reviewer, labels_of, set_label
from app.reviewing.queries import (
    PAUSE,
    label_all,
    load_queue,
    load_said,
    load_sitting,
    load_standing,
)
from app.reviewing.review import Item, Queue, Sitting, Standing, first_line, in_order, informative
from app.reviewing.undo import undo_last
from app.tables import Grid, Label, LabelValue, Reviewer, now
from tests.factories import answers_of, finish, new_grid

C, H, A = LabelValue.correct, LabelValue.hallucinated, LabelValue.abstained
PLACES = list(product(range(2), range(2), range(2), range(1, 3)))  # prompt, model, variant, repeat


def items(**own: Mapping[int, object]) -> list[Item]:
    """Sixteen answers, numbered as in their grid."""
    return [
        Item(number, place, **{name: said[number] for name, said in own.items() if number in said})  # type: ignore[arg-type]
        for number, place in enumerate(PLACES, start=1)
    ]


def ids(found: list[Item]) -> list[int]:
    return [item.id for item in found]


def test_row_by_row_is_the_grids_order() -> None:
    shuffled = sorted(items(), key=lambda i: -i.id)
    assert ids(in_order(shuffled, "row", 1, blind=False)) == list(range(1, 17))


def test_blind_rows_are_shuffled_within_each_prompt() -> None:
    found = in_order(items(), "row", 1, blind=True)
    assert [i.place[0] for i in found] == [0] * 8 + [1] * 8
    assert ids(found)[:8] != sorted(ids(found)[:8])
    # The places of one prompt's answers say nothing about those of the next.
    assert [i - 8 for i in ids(found)[8:]] != ids(found)[:8]


def test_no_model_has_a_place_of_its_own_when_blind() -> None:
    first = Counter(in_order(items(), "row", seed, blind=True)[0].id for seed in range(800))
    assert set(first) == set(range(1, 9))
    assert max(first.values()) < 160  # 100 are expected of each


@pytest.mark.parametrize("order", ["random", "row", "informative"])
def test_order_stays_with_its_seed(order: str) -> None:
    known = in_order(items(), order, 7, blind=True)  # type: ignore[arg-type]
    again = in_order(reversed(items()), order, 7, blind=True)  # type: ignore[arg-type]
    other = in_order(items(), order, 8, blind=True)  # type: ignore[arg-type]
    assert ids(again) == ids(known)
    assert ids(other) != ids(known)


def test_most_informative_are_told_by_the_first_disagreement() -> None:
    # Numbers 1 and 2 are one cell, 3 and 4 the next variant, 5 and 6 another model.
    all_the_same = dict.fromkeys(range(1, 17), "1")
    found = informative(
        items(
            says={**all_the_same, 3: "2", 9: "3", 10: "3"},
            others={1: (C, H), 5: (C,), 6: (A,)},
        )
    )
    assert found[1] == 4  # two reviewers disagree about it
    assert found[2] == 3  # and its repeat is in the same cell
    assert (found[5], found[6]) == (3, 3)  # each has one label, not the same
    assert (found[3], found[4]) == (2, 2)  # the repeats say different things
    assert (found[7], found[8]) == (1, 1)  # another model says something else there
    assert (found[9], found[10], found[13], found[14]) == (1, 1, 1, 1)
    assert (found[11], found[12]) == (0, 0)
    order = in_order(items(says=all_the_same, others={14: (C, H)}), "informative", 1, blind=False)
    assert ids(order)[:2] == [14, 13]


def test_own_labels_do_not_move_what_comes_next() -> None:
    before = in_order(items(says={1: "a"}), "informative", 3, blind=True)
    after = in_order(items(says={1: "a"}, mine={4: True, 9: True}), "informative", 3, blind=True)
    assert ids(before) == ids(after)


def queue(wanted: set[int], sitting: Sitting = Sitting()) -> Queue:  # noqa: B008
    everything = items(mine=dict.fromkeys(set(range(1, 17)) - wanted, True))
    return Queue(everything, set(range(1, 17)), wanted, sitting)


def test_going_on_passes_what_is_labelled_and_going_back_what_was_labelled_just_now() -> None:
    found = queue({5, 9}, Sitting([7]))
    assert ids(list(found.after(None))) == [5, 9]
    assert ids(list(found.after(5))) == [9]
    assert ids(list(found.after(9))) == []
    back = [found.before(place) for place in (None, 9, 7, 5)]
    assert [item and item.id for item in back] == [9, 7, 5, None]
    assert found.standing == Standing(14, 16, Sitting([7]))
    assert found.standing.left == 2


def test_equal_answers_are_those_still_to_come() -> None:
    found = queue({2, 3, 5, 9})
    said = {1: "x", 2: "x", 3: "x", 4: "x", 5: "x", 6: "y"}
    assert found.equal(2, said) == [3, 5]
    assert found.equal(5, said) == []


def test_pace_is_told_from_the_third_label_on() -> None:
    end = now()
    minute = timedelta(minutes=1)
    assert queue(set(), Sitting([1, 2], end - minute, end)).standing.pace == ""
    assert queue(set(range(1, 15)), Sitting([1, 2, 3], end - minute, end)).standing.pace == (
        "2 a minute, about 7 minutes left"
    )
    assert queue({4}, Sitting([1, 2, 3], end - minute, end)).standing.pace == (
        "2 a minute, about a minute left"
    )
    assert queue(set(), Sitting([1, 2, 3], end - 8 * minute, end)).standing.pace == (
        "less than one a minute"
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [("03-07", "03-07"), ("\n  I  Don't know.\nSorry", "i don't know."), ("", ""), ("1 D", "1 d")],
)
def test_equal_answers_are_told_by_their_first_line(text: str, key: str) -> None:
    assert first_line(text) == key


@given(st.integers(1, 2**31 - 1), st.text(max_size=12))
def test_alias_leads_back_to_its_answer(answer_id: int, salt: str) -> None:
    alias = alias_of(answer_id, salt)
    assert answer_of(alias, salt) == answer_id
    assert len(alias) == LENGTH


def test_aliases_have_no_order_and_are_the_grids_own() -> None:
    aliases = [alias_of(number, "grid") for number in range(1, 201)]
    assert len(set(aliases)) == 200
    numbers = [[ALPHABET.index(letter) for letter in reversed(alias)] for alias in aliases]
    rising = sum(a < b for a, b in pairwise(numbers))
    assert 75 < rising < 125
    assert aliases[0] != alias_of(1, "another grid")


@pytest.mark.parametrize("alias", ["", "kKGDM", "kKGDMh2", "kKGDM1", "ZZZZZZ", "kKGD h"])
def test_what_is_no_alias_names_no_answer(alias: str) -> None:
    assert answer_of(alias, "grid") is None


def answered_grid(session: Session, texts: list[str]) -> tuple[Grid, list[int], Reviewer]:
    grid = new_grid(session, repeats=len(texts), models=["practice/honest"])
    answers = answers_of(session, grid)
    for answer, text in zip(answers, texts, strict=True):
        if text:
            finish(session, answer, text)
    return grid, [answer.id for answer in answers], get_reviewer(session, "Ada")


def test_queue_holds_what_can_be_labelled(database: Database) -> None:
    with database.write() as session:
        grid, answers, ada = answered_grid(session, ["1", "", "2", "1"])
        bob = get_reviewer(session, "Bob")
        set_label(session, answers[0], ada, C)
        set_label(session, answers[2], bob, C)

        def found(left: bool, chosen: set[int] | None = None) -> Queue:
            return load_queue(
                session, grid.id, ada, "row", 1, blind=False, left=left, chosen=chosen
            )

        assert ids(list(found(left=True).after(None))) == [answers[2], answers[3]]
        assert ids(list(found(left=False).after(None))) == [answers[0], answers[2], answers[3]]
        few = found(left=True, chosen={answers[0], answers[3]})
        assert (ids(list(few.after(None))), few.standing.done, few.standing.total) == (
            [answers[3]],
            1,
            2,
        )
        for chosen in (None, {answers[0], answers[3]}, set()):  # the same without the order
            assert load_standing(session, grid.id, ada, chosen) == found(True, chosen).standing
        prompt = answers_of(session, grid)[0].prompt_id
        assert load_said(session, grid.id, prompt) == {
            answers[0]: "1", answers[2]: "2", answers[3]: "1",
        }  # fmt: skip


def test_informative_order_reads_texts_and_others_labels(database: Database) -> None:
    with database.write() as session:
        grid, answers, ada = answered_grid(session, ["1", "1", "1"])
        set_label(session, answers[2], get_reviewer(session, "Bob"), C)
        set_label(session, answers[2], get_reviewer(session, "Eve"), H)
        found = load_queue(session, grid.id, ada, "informative", 1, blind=True, left=True)
        assert found.items[0].id == answers[2]
        assert sorted(found.items[0].others) == [C, H]


def test_sitting_ends_with_a_long_pause(database: Database) -> None:
    with database.write() as session:
        grid, answers, ada = answered_grid(session, ["1"] * 4)
        assert load_sitting(session, grid.id, ada) == Sitting()
        for answer_id, ago in zip(answers, (3 * PAUSE, 1.5 * PAUSE, PAUSE / 2, PAUSE / 4),
                                  strict=True):  # fmt: skip
            label = set_label(session, answer_id, ada, C)
            assert label is not None
            label.labelled_at = now() - ago
        session.flush()
        found = load_sitting(session, grid.id, ada)
        assert list(found.answers) == [answers[3], answers[2]]
        assert load_sitting(session, grid.id, get_reviewer(session, "Bob")) == Sitting()


def said_by(session: Session, answers: list[int], who: Reviewer) -> list[str | None]:
    labels = labels_of(session, answers)
    own = [next((la for la, r in labels.get(i, []) if r.id == who.id), None) for i in answers]
    return [f"{la.value[0]} {la.note}".strip() if la and la.value else None for la in own]


def test_undo_goes_back_step_by_step_to_what_was_before(database: Database) -> None:
    with database.write() as session:
        grid, answers, ada = answered_grid(session, ["1", "1", "2", "3"])
        bob = get_reviewer(session, "Bob")
        set_label(session, answers[0], bob, A)
        label_all(session, answers[:2], ada, C, "sure")
        set_label(session, answers[2], ada, H)
        set_label(session, answers[0], ada, A, "not sure")
        session.flush()
        steps = [
            (answers[:1], ["c sure", "c sure", "h", None]),  # to what it was before
            (answers[2:3], ["c sure", "c sure", None, None]),
        ]
        for undone, left in steps:
            assert undo_last(session, grid.id, ada) == undone
            session.flush()
            assert said_by(session, answers, ada) == left
        while undo_last(session, grid.id, ada):
            session.flush()
        assert said_by(session, answers, ada) == [None] * 4
        assert said_by(session, answers, bob) == ["a", None, None, None]


def test_labels_given_together_are_undone_together(database: Database) -> None:
    with database.write() as session:
        grid, answers, ada = answered_grid(session, ["1", "1", "1"])
        set_label(session, answers[2], ada, H)
        label_all(session, answers[:2], ada, C)
        session.flush()
        assert undo_last(session, grid.id, ada) == answers[:2]
        session.flush()
        assert said_by(session, answers, ada) == [None, None, "h"]
        assert len(session.exec(select(Label)).all()) == 1
