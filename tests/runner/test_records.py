"""Claims and results at the level of rows: doubled and late steps change nothing."""

import pytest
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import ProviderError
from app.grids import cancel_grid, start_grid
from app.messages import Message
from app.plans import GridInput, plan_grid
from app.prices import Cost
from app.prompts import PromptInput
from app.providers import Completion, Outcome, load_providers
from app.runner import queue, records
from app.runner.queue import Queued
from app.runner.records import Begin, Close
from app.tables import Answer, AnswerState, Attempt, Grid, storable

ANSWERED = Completion("42", Outcome.answered, "stop")


@pytest.fixture
def queued(database: Database) -> list[Queued]:
    """The three answers of a grid."""
    given = GridInput(
        prompts=[PromptInput(text="How many?")], models=["practice/honest"], repeats=3
    )
    with database.write() as session:
        plan = plan_grid(session, given, load_providers({}, practice_latency_s=0))
        grid = start_grid(session, plan, 10)
        session.commit()
        return queue.pending(session, grid.id, "practice", after=0, limit=10)


def start(queued: Queued, *, again: bool = False) -> Begin:
    return Begin(queued, Message("How many?", ""), None, again, Cost())


def end(queued: Queued, attempt_id: int | None, state: AnswerState = AnswerState.done) -> Close:
    assert attempt_id is not None
    if state is AnswerState.done:
        return Close(queued, attempt_id, records.came(ANSWERED, None, Cost(0.5, "a source")), state)
    return Close(queued, attempt_id, records.failed(ProviderError("server", "No."), Cost()), state)


def books(session: Session) -> list[tuple[str, int | None, list[str]]]:
    """Per answer: its state, the attempt that counts, how its attempts ended."""
    found = []
    for answer in session.exec(select(Answer).order_by(col(Answer.id))):
        attempts = session.exec(
            select(Attempt).where(Attempt.answer_id == answer.id).order_by(col(Attempt.number))
        ).all()
        assert [a.number for a in attempts] == list(range(1, len(attempts) + 1))
        ends = [a.error_kind or (a.outcome or "open") for a in attempts]
        counts = next((a.number for a in attempts if a.id == answer.attempt_id), None)
        found.append((answer.state.value, counts, [str(e) for e in ends]))
    return found


def test_answer_is_claimed_once(database: Database, queued: list[Queued]) -> None:
    first, second, _third = queued
    with database.write() as session:
        won, lost, other = records.begin(session, [start(first), start(first), start(second)])
        assert won is not None
        assert lost is None
        assert other is not None
        assert records.begin(session, [start(first)]) == [None]
        assert books(session) == [
            ("running", None, ["open"]),
            ("running", None, ["open"]),
            ("pending", None, []),
        ]


def test_result_that_comes_late_or_twice_changes_nothing(
    database: Database, queued: list[Queued]
) -> None:
    first, second, _third = queued
    with database.write() as session:
        early, other = records.begin(session, [start(first), start(second)])
        queue.let_go(session, [first])
        [again] = records.begin(session, [start(first)])
        records.close(session, [end(first, early)])
        assert books(session)[0] == ("running", None, ["interrupted", "open"])

        records.close(session, [end(first, again), end(second, other)])
        records.close(session, [end(first, again, AnswerState.failed)])
        queue.let_go(session, [first, second])
        assert books(session)[:2] == [
            ("done", 2, ["interrupted", "answered"]),
            ("done", 1, ["answered"]),
        ]


def test_failed_try_goes_on_and_the_last_one_counts(
    database: Database, queued: list[Queued]
) -> None:
    first = queued[0]
    with database.write() as session:
        [attempt] = records.begin(session, [start(first)])
        records.close(session, [end(first, attempt, AnswerState.running)])
        assert books(session)[0] == ("running", None, ["server"])
        [attempt] = records.begin(session, [start(first, again=True)])
        records.close(session, [end(first, attempt, AnswerState.failed)])
        assert books(session)[0] == ("failed", 2, ["server", "server"])


def test_cancelled_grid_takes_no_claims_and_keeps_results(
    database: Database, queued: list[Queued]
) -> None:
    first, second, third = queued
    with database.write() as session:
        one, two = records.begin(session, [start(first), start(second)])
        cancel_grid(session, session.get_one(Grid, first.grid_id))
        assert records.begin(session, [start(third), start(first, again=True)]) == [None, None]
        records.close(session, [end(first, one)])
        queue.let_go(session, [first, second])
        records.close(session, [end(second, two)])
        assert books(session) == [
            ("done", 1, ["answered"]),
            ("cancelled", None, ["cancelled"]),
            ("cancelled", None, []),
        ]


def test_recover_lets_go_only_of_what_nobody_holds(
    database: Database, queued: list[Queued]
) -> None:
    first, second, third = queued
    with database.write() as session:
        records.begin(session, [start(first), start(second)])
        assert queue.recover(session, [lambda: {first.id}]) == [[(third.grid_id, "practice")]]
        assert books(session) == [
            ("running", None, ["open"]),
            ("pending", None, ["interrupted"]),
            ("pending", None, []),
        ]


def test_every_change_is_stamped(database: Database, queued: list[Queued]) -> None:
    def seq(session: Session) -> tuple[int, list[int]]:
        session.expire_all()
        found = session.exec(select(Answer.seq).order_by(col(Answer.id))).all()
        return session.get_one(Grid, queued[0].grid_id).seq, list(found)

    first = queued[0]
    with database.write() as session:
        [attempt] = records.begin(session, [start(first)])
        session.commit()
        assert seq(session) == (1, [1, 0, 0])
        session.commit()
        records.close(session, [end(first, attempt)])
        session.commit()
        assert seq(session) == (2, [2, 0, 0])


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("plain", "plain"),
        ("\0", "␀"),
        ("Zürich 🎂", "Zürich 🎂"),
        ("a\ud83c\udf82b", "a🎂b"),
        ("\udc00x\ud800", "�x�"),
        ({"a\0": ["\ud800", 1, None, True]}, {"a␀": ["�", 1, None, True]}),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (0.5, 0.5),
    ],
)
def test_storable(value: object, stored: object) -> None:
    assert storable(value) == stored
