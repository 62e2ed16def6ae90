"""Additions: rules of models, limits, ceilings, what was cancelled, and test calls."""

from collections.abc import Iterator

import pytest
from sqlalchemy import update
from sqlmodel import Session, select

from app.additions import add_to_grid
from app.checks import hold_back
from app.control import cancel
from app.db import Database
from app.errors import InvalidInput
from app.grid.shape import load_columns
from app.grids import progress, status
from app.pricing.ceilings import NO_CEILINGS, Ceilings
from app.providers import Thinking, load_providers
from app.tables import (
    Answer,
    AnswerState,
    GridModel,
    HeldBack,
    HeldState,
)
from tests.adding import BLUFFER, FLAKY, HONEST, OPUS, add, keys, planned, with_opus
from tests.factories import answers_of, finish, new_grid, practice


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as writing:
        yield writing


def test_left_out_columns_stay_left_out_and_new_ones_follow_the_rules(session: Session) -> None:
    grid, providers = with_opus(session)
    more = planned(session, grid, providers, repeats=1)
    assert (more.calls, more.hindrances) == (3, [])  # opus off is not asked, nor spoken of
    plan = add(
        session,
        grid,
        providers,
        variants=[{"wording": "forced", "thinking": t} for t in ("off", "on")],
    )
    assert [str(h)[: len(OPUS) + 14] for h in plan.left_out] == [f"{OPUS}, thinking off"]
    new = {key[1:4] for key in keys(session, grid)[3:]}
    assert new == {
        (OPUS, "forced", "on"), (HONEST, "forced", "off"), (HONEST, "forced", "on"),
    }  # fmt: skip


def test_what_is_forced_is_asked_and_on_record(session: Session) -> None:
    grid, providers = with_opus(session)
    new = [{"wording": "forced", "thinking": "off"}]
    plan = add(session, grid, providers, variants=new, forced={OPUS: ["off"]})
    assert (plan.left_out, plan.calls) == ([], 2)
    row = session.get_one(GridModel, (grid.id, OPUS))
    assert row.forced == ["off"]
    # From now on the grid asks it all the same; the column that was left out stays so.
    again = add(session, grid, providers, variants=[{"wording": "encouraged", "thinking": "off"}])
    assert (again.left_out, again.calls) == ([], 2)
    assert (OPUS, "allowed", "off") not in {key[1:4] for key in keys(session, grid)}


def test_columns_of_a_time_with_other_rules_stay(session: Session) -> None:
    grid, _ = with_opus(session, models=[HONEST])
    session.execute(update(Answer).values(model=OPUS))
    session.execute(update(GridModel).values(model=OPUS))
    session.expire_all()
    providers = load_providers({"ANTHROPIC_API_KEY": "k"}, practice_latency_s=0)
    plan = add(session, grid, providers, repeats=1)
    assert (plan.calls, plan.left_out) == (2, [])
    assert (OPUS, "allowed", "off") in {key[1:4] for key in keys(session, grid)[2:]}


def test_what_is_left_out_altogether_leaves_no_trace(session: Session) -> None:
    grid, providers = with_opus(
        session, models=[HONEST], variants=[{"wording": "allowed", "thinking": "off"}]
    )
    with pytest.raises(InvalidInput, match="None of these models takes any"):
        planned(session, grid, providers, models=[OPUS])
    plan = add(session, grid, providers, models=[OPUS], repeats=1)
    assert (plan.calls, len(plan.left_out)) == (1, 1)
    assert session.get(GridModel, (grid.id, OPUS)) is None
    forced = add(session, grid, providers, models=[OPUS], forced={OPUS: ["off"]})
    assert forced.calls == 2


def test_a_model_that_cannot_be_called_now_hinders_only_its_own_columns(session: Session) -> None:
    grid, _ = with_opus(session)
    without_key = practice()
    assert add(session, grid, without_key, models=[FLAKY]).calls == 2
    with pytest.raises(InvalidInput, match=f"{OPUS} cannot be called yet"):
        planned(session, grid, without_key, repeats=1)


def test_limits_count_what_is_there(session: Session) -> None:
    grid = new_grid(session)  # 4 answers
    plan = planned(session, grid, repeats=1)  # 2 more
    with pytest.raises(InvalidInput, match="would make 6 calls; at most 5 are allowed"):
        add_to_grid(session, grid, plan, 5, NO_CEILINGS)
    assert len(answers_of(session, grid)) == 4
    add_to_grid(session, grid, plan, 6, Ceilings(6, 2))
    assert (grid.max_calls, grid.max_cost_usd, len(answers_of(session, grid))) == (6, 2, 6)


@pytest.mark.parametrize("ended", ["cancelled_at", "stopped_at"])
def test_what_was_cancelled_is_not_revived_and_what_was_added_runs(
    session: Session, ended: str
) -> None:
    grid = new_grid(session)
    finish(session, answers_of(session, grid)[0])
    cancel(session, grid)
    grid.stopped_at, grid.cancelled_at = grid.cancelled_at, None
    setattr(grid, ended, grid.stopped_at)
    add(session, grid, repeats=1)
    states = [a.state for a in answers_of(session, grid)]
    assert states == ["done", *3 * ["cancelled"], *2 * ["pending"]]
    assert (grid.cancelled_at, grid.stopped_at) == (None, None)
    assert status(grid, progress(session, grid.id)) == "running"


def test_only_settings_that_are_new_to_the_grid_are_tried_first(session: Session) -> None:
    grid = new_grid(session)
    plan = add(
        session,
        grid,
        repeats=1,
        models=[FLAKY],
        variants=[{"wording": "forced", "thinking": t} for t in ("off", "on")],
    )
    assert plan.untried == {
        (BLUFFER, "on"), (HONEST, "on"), (FLAKY, "off"), (FLAKY, "on"),
    }  # fmt: skip
    hold_back(session, grid, plan, [BLUFFER, FLAKY])
    session.flush()
    held = {(h.model, h.thinking) for h in session.exec(select(HeldBack))}
    assert held == {(BLUFFER, "on"), (FLAKY, "off"), (FLAKY, "on")}
    assert planned(session, grid, repeats=1).untried == set()


def test_what_a_test_call_stopped_is_tried_again_before_more_of_it(session: Session) -> None:
    grid = new_grid(session)
    stopped = answers_of(session, grid)[0]
    stopped.state = AnswerState.failed
    session.add(stopped)
    for model in (BLUFFER, HONEST):
        held = HeldBack(grid_id=grid.id, model=model, thinking=Thinking.off, message="No.")
        held.state = HeldState.stopped if model == BLUFFER else HeldState.passed
        session.add(held)
    session.flush()
    add(session, grid, models=[FLAKY])
    states = dict(session.execute(select(HeldBack.model, HeldBack.state)).all())
    assert states == {BLUFFER: "stopped", HONEST: "passed"}  # nothing more is asked of them
    add(session, grid, repeats=1)
    states = dict(session.execute(select(HeldBack.model, HeldBack.state)).all())
    assert states == {BLUFFER: "waiting", HONEST: "passed"}
    column = next(c for c in load_columns(session, grid.id) if c.model == BLUFFER)
    assert column.why_not_called(stopped.state, stopped.attempt_id) == "No."
    assert column.held
    column.held.state = HeldState.passed
    assert column.why_not_called(stopped.state, stopped.attempt_id) == ""
