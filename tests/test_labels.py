"""Labels: whose they are, what counts, and that none is lost."""

import threading

import pytest
from sqlmodel import select

from app.db import Database
from app.errors import Conflict, InvalidInput, NotFound
from app.grids import progress
from app.labels import clear_label, final_label, get_reviewer, labels_of, set_label
from app.providers import Outcome
from app.tables import Answer, Label, LabelChange, LabelValue
from tests.factories import answers_of, finish, new_grid

C, H, A = LabelValue.correct, LabelValue.hallucinated, LabelValue.abstained


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (None, False)),
        ([H], (H, False)),
        ([H, H], (H, False)),
        ([H, C], (None, True)),
        ([H, C, H], (H, True)),
        ([C, H, A], (None, True)),
        ([C, C, H, H, A], (None, True)),
    ],
)
def test_final_label_is_the_majority_and_a_tie_is_none(
    values: list[LabelValue], expected: tuple[LabelValue | None, bool]
) -> None:
    assert final_label(values) == expected


def answered(database: Database, outcome: Outcome = Outcome.answered) -> int:
    """A grid with one finished answer; returns the answer's id."""
    with database.write() as session:
        grid = new_grid(session, models=["practice/honest"], repeats=1)
        answer = answers_of(session, grid)[0]
        finish(session, answer, outcome=outcome)
        session.commit()
        return answer.id


def test_reviewers_never_overwrite_one_another(database: Database) -> None:
    answer_id = answered(database)
    with database.write() as session:
        ada, bob = get_reviewer(session, "Ada"), get_reviewer(session, "Bob")
        set_label(session, answer_id, ada, C, "sure")
        set_label(session, answer_id, bob, H)
        session.commit()
    with database.read() as session:
        found = [
            (r.name, la.value, la.note) for la, r in labels_of(session, [answer_id])[answer_id]
        ]
        answer = session.get_one(Answer, answer_id)
    assert found == [("Ada", C, "sure"), ("Bob", H, "")]
    assert (answer.label, answer.disputed) == (None, True)


def test_relabelling_keeps_one_label_and_the_whole_history(database: Database) -> None:
    answer_id = answered(database)
    for value, note in ((C, "first"), (H, None), (A, "third")):
        with database.write() as session:
            set_label(session, answer_id, get_reviewer(session, "Ada"), value, note)
            session.commit()
    with database.write() as session:
        assert clear_label(session, answer_id, get_reviewer(session, "ada"))  # the same person
        session.commit()
    with database.read() as session:
        history = session.exec(select(LabelChange).order_by(LabelChange.id)).all()  # type: ignore[arg-type]
        assert [(h.value, h.note) for h in history] == [
            (C, "first"), (H, "first"), (A, "third"), (None, ""),
        ]  # fmt: skip
        assert session.exec(select(Label)).all() == []
        answer = session.get_one(Answer, answer_id)
        assert (answer.label, answer.disputed) == (None, False)


@pytest.mark.parametrize(
    "outcome", [Outcome.empty, Outcome.truncated, Outcome.refused, Outcome.error]
)
def test_what_is_no_answer_takes_no_label(database: Database, outcome: Outcome) -> None:
    answer_id = answered(database, outcome)
    with database.write() as session:
        with pytest.raises(Conflict, match=f"This answer is {outcome}"):
            set_label(session, answer_id, get_reviewer(session, "Ada"), H)
        session.rollback()
    with database.read() as session:
        counts = progress(session, session.get_one(Answer, answer_id).grid_id)
    assert (counts.answered, counts.labelled) == (0, 0)


def test_answer_that_is_not_there_yet_takes_no_label(database: Database) -> None:
    with database.write() as session:
        answer = answers_of(session, new_grid(session))[0]
        with pytest.raises(Conflict, match="This answer is pending"):
            set_label(session, answer.id, get_reviewer(session, "Ada"), H)


def test_unknown_answer_and_unusable_names_are_refused(database: Database) -> None:
    with database.write() as session:
        with pytest.raises(NotFound):
            set_label(session, 10_000, get_reviewer(session, "Ada"), H)
        for name in ("", "  ", "x" * 81, "a\x00b"):
            with pytest.raises(InvalidInput):
                get_reviewer(session, name)


def test_labels_given_at_the_same_time_all_count(database: Database) -> None:
    answer_id = answered(database)
    names = [f"Reviewer {n}" for n in range(6)]
    with database.write() as session:
        reviewers = [get_reviewer(session, name) for name in names]
        session.commit()

    def label(number: int) -> None:
        with database.write() as session:
            set_label(session, answer_id, reviewers[number], H if number else C)
            session.commit()

    threads = [threading.Thread(target=label, args=[n]) for n in range(len(names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        answer = session.get_one(Answer, answer_id)
        assert len(labels_of(session, [answer_id])[answer_id]) == 6
        assert (answer.label, answer.disputed) == (H, True)


def test_new_name_given_twice_at_the_same_time_is_one_reviewer(database: Database) -> None:
    together = threading.Barrier(4)
    found: list[int] = []

    def name() -> None:
        together.wait()
        with database.write() as session:
            found.append(get_reviewer(session, "Ada").id)
            session.commit()

    threads = [threading.Thread(target=name) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
