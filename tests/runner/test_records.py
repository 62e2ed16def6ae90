"""Claims and results at the level of rows: doubled and late steps change nothing."""

from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import Session, col, select

from app.control import Scope, cancel, pause, rerun, resume, set_ceilings
from app.db import Database
from app.errors import Conflict, ProviderError
from app.grid.shape import load_shape
from app.grids import start_grid
from app.plans import GridInput, plan_grid
from app.pricing.estimates import Estimator
from app.pricing.prices import Cost, PriceBook
from app.prompts import PromptInput
from app.providers import Completion, Outcome
from app.reviewing.labels import get_reviewer, set_label
from app.runner import queue, records
from app.runner.queue import Queued
from app.runner.records import Close, Running
from app.tables import (
    Answer,
    AnswerState,
    Attempt,
    Grid,
    Label,
    LabelChange,
    LabelValue,
    now,
    storable,
)
from tests.factories import practice

PROVIDERS = practice()
ANSWERED = Completion("42", Outcome.answered, "stop")


@pytest.fixture
def queued(database: Database) -> list[Queued]:
    """The three answers of a grid."""
    return grid_of_three(database)


def grid_of_three(database: Database, **changes: Any) -> list[Queued]:
    given = GridInput(
        prompts=[PromptInput(text="How many?")], models=["practice/honest"], repeats=3
    )
    with database.write() as session:
        plan = plan_grid(session, given, PROVIDERS)
        grid = start_grid(session, plan, 10)
        for name, value in changes.items():
            setattr(grid, name, value)
        session.commit()
        return pending(session, grid.id)


def pending(session: Session, grid_id: int) -> list[Queued]:
    estimator = Estimator(session, PriceBook(PROVIDERS), PROVIDERS)
    return queue.pending(session, estimator, grid_id, ["practice"], after=0, limit=10)


def start(queued: Queued, expected_usd: float | None = None) -> Running:
    return Running(replace(queued, expected_usd=expected_usd), None, Cost(), called_at=now())


def next_try(running: Running) -> Running:
    running.before = running.attempt_id
    return running


def end(running: Running, state: AnswerState = AnswerState.done, usd: float | None = 0.5) -> Close:
    assert running.attempt_id is not None
    if state is AnswerState.done:
        return Close(
            running,
            records.came(ANSWERED, None, Cost(usd, "a source"), running.queued.prompt),
            state,
        )
    return Close(running, records.failed(ProviderError("server", "No."), Cost()), state)


def grid_row(session: Session, queued: Queued) -> Grid:
    session.expire_all()
    return session.get_one(Grid, queued.grid_id)


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
    won, lost, other = start(first), start(first), start(second)
    with database.write() as session:
        assert records.begin(session, [won, other]) == [True, True]
        assert records.begin(session, [lost]) == [False]
        assert lost.attempt_id is None
        assert books(session) == [
            ("running", None, ["open"]),
            ("running", None, ["open"]),
            ("pending", None, []),
        ]


def test_page_knows_of_a_call_that_ends_after_its_answer_was_cancelled(
    database: Database, queued: list[Queued]
) -> None:
    running = start(queued[0])

    def shown() -> str:
        with database.read() as session:
            [column] = load_shape(session, grid_row(session, running.queued)).columns
            return str(column.tally.spending)

    with database.write() as session:
        records.begin(session, [running])
        session.commit()
        assert shown() == "–"
        cancel(session, grid_row(session, running.queued))
        session.commit()
        assert shown() == "–"
        records.let_go(session, [running])
        session.commit()
    assert shown() == "n/a"  # it may have been billed


def test_result_that_comes_late_or_twice_changes_nothing(
    database: Database, queued: list[Queued]
) -> None:
    early, other, again = start(queued[0]), start(queued[1]), start(queued[0])
    with database.write() as session:
        records.begin(session, [early, other])
        queue.take_over(session, queued[0].id, queued[0].grid_id)  # another process did
        assert records.begin(session, [again]) == [True]
        records.close(session, [end(early)])
        assert books(session)[0] == ("running", None, ["interrupted", "open"])
        assert records.begin(session, [next_try(early)]) == [False]

        records.close(session, [end(again), end(other)])
        records.close(session, [end(again, AnswerState.failed)])
        records.let_go(session, [early, again, other])
        assert books(session)[:2] == [
            ("done", 2, ["interrupted", "answered"]),
            ("done", 1, ["answered"]),
        ]


def test_who_lets_go_late_takes_nothing_away(database: Database, queued: list[Queued]) -> None:
    """Cancelled and run again at once: the old task ends while the new one is at work."""
    old, new = start(queued[0]), start(queued[0])
    with database.write() as session:
        records.begin(session, [old])
        grid = grid_row(session, queued[0])
        cancel(session, grid)
        rerun(session, grid, failed=True)
        assert records.begin(session, [new]) == [True]
        assert queue.stale(session, {queued[0].id: old.attempt_id or 0}) == {queued[0].id}
        records.let_go(session, [old])
        assert books(session)[0] == ("running", None, ["cancelled", "open"])
        records.close(session, [end(new)])
        assert books(session)[0] == ("done", 2, ["cancelled", "answered"])


def test_failed_try_goes_on_and_the_last_one_counts(
    database: Database, queued: list[Queued]
) -> None:
    first = start(queued[0])
    with database.write() as session:
        records.begin(session, [first])
        records.close(session, [end(first, AnswerState.running)])
        assert books(session)[0] == ("running", None, ["server"])
        assert records.begin(session, [next_try(first)]) == [True]
        records.close(session, [end(first, AnswerState.failed)])
        assert books(session)[0] == ("failed", 2, ["server", "server"])


def test_begin_that_was_rolled_back_leaves_others_alone_and_can_be_repeated(
    database: Database, queued: list[Queued]
) -> None:
    """As on a full disk, where the commit fails."""
    one, two = start(queued[0]), start(queued[1])
    with database.write() as session:
        records.begin(session, [one])
    with database.write() as session:
        records.begin(session, [two])
        one.attempt_id = two.attempt_id  # on SQLite it is so already: the number was free again
        records.let_go(session, [one])
        assert [kinds for _, _, kinds in books(session)] == [[], ["open"], []]
        assert records.begin(session, [one]) == [True]
        assert one.attempt_id != two.attempt_id
        assert [kinds for _, _, kinds in books(session)] == [["open"], ["open"], []]


def test_cancelled_grid_takes_no_claims_and_keeps_results(
    database: Database, queued: list[Queued]
) -> None:
    one, two, three = map(start, queued)
    with database.write() as session:
        records.begin(session, [one, two])
        assert cancel(session, grid_row(session, queued[0])) == 3
        held = {run.queued.id: run.attempt_id or 0 for run in (one, two)}
        assert queue.stale(session, held) == set(held)
        assert records.begin(session, [three, next_try(one)]) == [False, False]
        records.close(session, [end(one)])  # it came before its call could be ended
        records.let_go(session, [one, two])
        records.close(session, [end(two)])
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
        queue.recover(session, [lambda: {first.id}])
        assert queue.work(session) == [(third.grid_id, "practice")]
        assert books(session) == [
            ("running", None, ["open"]),
            ("pending", None, ["interrupted"]),
            ("pending", None, []),
        ]


def test_what_was_cancelled_when_the_process_died_is_closed(
    database: Database, queued: list[Queued]
) -> None:
    one, two = start(queued[0], 0.25), start(queued[1])
    with database.write() as session:
        records.begin(session, [one, two])
        cancel(session, grid_row(session, queued[0]), Scope(answer=queued[0].id))
        queue.close_left(session)
        assert [kinds for _, _, kinds in books(session)] == [["cancelled"], ["open"], []]
        assert grid_row(session, queued[0]).committed_usd == 0


def test_grid_counts_calls_and_what_they_cost_or_will(
    database: Database, queued: list[Queued]
) -> None:
    one, two, three = (start(q, 0.1) for q in queued)
    with database.write() as session:
        records.begin(session, [one, two, three])
        grid = grid_row(session, queued[0])
        assert (grid.calls, round(grid.committed_usd, 6)) == (3, 0.3)
        records.close(session, [end(one, usd=0.5), end(two, usd=None)])
        records.let_go(session, [three])
        grid = grid_row(session, queued[0])
        assert (grid.calls, round(grid.committed_usd, 6)) == (3, 0.5)
        records.begin(session, [start(queued[2], 0.1)])
        assert grid_row(session, queued[0]).calls == 4


@pytest.mark.parametrize(
    ("ceiling", "begun"),
    [({"max_calls": 2}, 2), ({"max_cost_usd": 0.2}, 2), ({"max_cost_usd": 0.0}, 0), ({}, 3)],
)
def test_calls_stop_before_a_ceiling_is_passed(
    database: Database, ceiling: dict[str, Any], begun: int
) -> None:
    queued = grid_of_three(database, **ceiling)
    with database.write() as session:
        assert records.begin(session, [start(q, 0.1) for q in queued]).count(True) == begun
        states = [state for state, _, _ in books(session)]
        assert states == ["running"] * begun + ["cancelled"] * (3 - begun)
        assert bool(grid_row(session, queued[0]).stopped_at) is (begun < 3)


def test_raised_ceiling_calls_nothing_that_people_had_cancelled(database: Database) -> None:
    first, second, third = grid_of_three(database, max_calls=1)
    with database.write() as session:
        cancel(session, grid_row(session, first), Scope(answer=second.id))
        session.commit()
        assert records.begin(session, [start(first), start(third)]) == [True, False]
        session.commit()
        # Calls that were got ready before it stopped come too late, and change nothing of that.
        assert records.begin(session, [start(third)]) == [False]
        assert set_ceilings(session, grid_row(session, first), 0.0, max_calls=9) == 1
        assert [state for state, _, _ in books(session)] == ["running", "cancelled", "pending"]
        assert grid_row(session, first).stopped_seq is None


def test_calls_in_flight_count_with_what_they_are_expected_to_cost(database: Database) -> None:
    first, second, third = grid_of_three(database, max_cost_usd=0.5)
    one, two, three = start(first, 0.3), start(second, 0.2), start(third, 0.2)
    with database.write() as session:
        assert records.begin(session, [one]) == [True]
        records.close(session, [end(one, usd=0.1)])  # cheaper than expected: there is room for two
        assert records.begin(session, [two, three]) == [True, True]


def test_free_and_unknown_calls_are_not_held_up(database: Database) -> None:
    first, second, _ = grid_of_three(database, max_cost_usd=0.0)
    with database.write() as session:
        assert records.begin(session, [start(first, 0.0), start(second, None)]) == [True, True]


def test_paused_grid_begins_nothing_and_its_next_tries_go_back(
    database: Database, queued: list[Queued]
) -> None:
    one, two = start(queued[0]), start(queued[1])
    with database.write() as session:
        records.begin(session, [one])
        records.close(session, [end(one, AnswerState.running)])
        pause(session, grid_row(session, queued[0]))
        assert pending(session, queued[0].grid_id) == []
        assert records.begin(session, [next_try(one), two]) == [False, False]
        records.let_go(session, [one])
        assert books(session)[0] == ("pending", None, ["server"])
        resume(session, grid_row(session, queued[0]))
        assert len(pending(session, queued[0].grid_id)) == 3


def test_run_again_keeps_what_was_there_until_something_newer_comes(
    database: Database, queued: list[Queued]
) -> None:
    with database.write() as session:
        runs = [start(q) for q in queued]
        records.begin(session, runs)
        records.close(session, [end(run) for run in runs])
        ada = get_reviewer(session, "Ada")
        for q in queued:
            set_label(session, q.id, ada, LabelValue.hallucinated)
        grid = grid_row(session, queued[0])
        with pytest.raises(Conflict, match="carries labels"):
            rerun(session, grid, failed=False)
        assert rerun(session, grid, failed=False, labelled=True) == 3
        new, worse, never = map(start, pending(session, grid.id))
        assert new.queued.again
        records.begin(session, [new, worse])
        records.close(session, [end(new), end(worse, AnswerState.failed)])
        cancel(session, grid_row(session, queued[0]), Scope(answer=never.queued.id))
        assert books(session) == [
            ("done", 2, ["answered", "answered"]),
            ("done", 1, ["answered", "server"]),
            ("done", 1, ["answered"]),
        ]
        session.expire_all()
        labels = [a.label for a in session.exec(select(Answer).order_by(col(Answer.id)))]
        assert labels == [None, "hallucinated", "hallucinated"]
        assert len(session.exec(select(Label)).all()) == 2
        changes = session.exec(select(LabelChange.value).order_by(col(LabelChange.id))).all()
        assert changes == ["hallucinated"] * 3 + [None]  # the history keeps it


def test_every_change_is_stamped(database: Database, queued: list[Queued]) -> None:
    def seq(session: Session) -> tuple[int, list[int]]:
        session.expire_all()
        found = session.exec(select(Answer.seq).order_by(col(Answer.id))).all()
        return session.get_one(Grid, queued[0].grid_id).seq, list(found)

    first = start(queued[0])
    with database.write() as session:
        records.begin(session, [first])
        session.commit()
        assert seq(session) == (1, [1, 0, 0])
        session.commit()
        records.close(session, [end(first)])
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
