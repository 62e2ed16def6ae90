"""Grids: what they are made of, what they leave out, how they are counted, cancelled, run again."""

from typing import Any

import pytest
from sqlmodel import func, select

from app.control import cancel, rerun
from app.db import Database
from app.errors import Conflict, InvalidInput, NotFound
from app.grid.shape import load_columns
from app.grids import get_grid, progress, stamp, start_grid, status
from app.plans import GridInput, Plan, plan_grid
from app.providers import Outcome, load_providers
from app.tables import Answer, AnswerState, Grid, Prompt
from tests.factories import answers_of, finish, grid_input, new_grid, practice

OFF_ON = [
    {"wording": w, "thinking": t} for w in ("not-mentioned", "allowed") for t in ("off", "on")
]


def planned(database: Database, environ: dict[str, str] | None = None, **changes: Any) -> Plan:
    providers = load_providers(environ or {}, practice_latency_s=0)
    with database.write() as session:
        return plan_grid(session, GridInput(**grid_input(**changes)), providers)


def test_grid_is_prompts_times_columns_times_repeats(database: Database) -> None:
    prompts = [{"text": f"Question {n}?"} for n in range(3)]
    with database.write() as session:
        grid = new_grid(session, prompts=prompts, variants=OFF_ON, repeats=5)
        session.commit()
        rows = answers_of(session, grid)
    assert len(rows) == 3 * 2 * 4 * 5
    assert {a.state for a in rows} == {AnswerState.pending}
    keys = {(a.prompt_id, a.variant_id, a.model, a.repeat) for a in rows}
    assert len(keys) == len(rows)
    assert [a.model for a in rows[:2]] == ["practice/bluffer", "practice/honest"]  # side by side


def test_plan_folds_what_is_given_twice(database: Database) -> None:
    plan = planned(
        database,
        prompts=[{"text": "Same?"}, {"text": "Same?"}],
        models=["practice/honest", " practice/honest "],
        variants=[OFF_ON[0], OFF_ON[0]],
    )
    assert (len(plan.prompts), plan.models, plan.calls) == (1, ["practice/honest"], 2)


def test_wording_that_is_written_in_two_ways_is_called_once(database: Database) -> None:
    written = ["not-mentioned", "Not mentioned", "not_mentioned "]
    plan = planned(database, variants=[{"wording": name} for name in written], repeats=1)
    assert plan.calls == len(plan.models)


def test_blank_system_prompt_is_none(database: Database) -> None:
    blank = [{**OFF_ON[0], "system_prompt": text} for text in ("", " \n ")]
    [(_, [message])] = planned(database, variants=blank, repeats=1).messages()
    assert message.system == ""
    [(_, [message])] = planned(database, variants=[{"system_prompt": " So. "}]).messages()
    assert message.system == " So. "


def test_plan_leaves_out_what_a_model_cannot_do_and_says_why(database: Database) -> None:
    plan = planned(
        database,
        {"ANTHROPIC_API_KEY": "k"},
        models=["anthropic/claude-opus-5-5", "practice/honest"],
        variants=OFF_ON,
    )
    [left_out] = plan.left_out
    assert (left_out.model, left_out.thinking) == ("anthropic/claude-opus-5-5", "off")
    assert left_out.reason.endswith("the API refuses to switch it off.")
    assert plan.calls == (2 + 4) * 1 * 2


def test_what_a_model_cannot_do_is_asked_when_forced(database: Database) -> None:
    models = ["anthropic/claude-opus-5-5", "practice/honest"]
    forced = {models[0]: ["off"], "nobody/heard-of": ["off"]}
    given = GridInput(**grid_input(models=models, variants=OFF_ON, forced=forced))
    providers = load_providers({"ANTHROPIC_API_KEY": "k"}, practice_latency_s=0)
    with database.write() as session:
        plan = plan_grid(session, given, providers)
        columns = load_columns(session, start_grid(session, plan, 100).id)
    assert (plan.left_out, plan.calls) == ([], (4 + 4) * 1 * 2)
    assert [(h.thinking, h.expected) for h in plan.forced] == [("off", "refused")]
    assert {(c.model, c.variant.thinking) for c in columns if c.forced} == {(models[0], "off")}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"models": ["openai-chat/gpt-5.2"]}, "OPENAI_API_KEY"),
        ({"models": ["nobody/x"]}, "There is no provider"),
        ({"models": ["gpt-5"]}, "provider/model-id"),
        ({"variants": [{"wording": "polite"}]}, "There are: as-published, not-mentioned"),
        ({"prompts": [{"key": "gone"}]}, "no such prompt"),
    ],
)
def test_plan_refuses_what_cannot_run(
    database: Database, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises((InvalidInput, NotFound), match=sentence):
        planned(database, **changes)


def test_only_impossible_columns_are_an_error(database: Database) -> None:
    with pytest.raises(InvalidInput, match="None of these models takes"):
        planned(
            database,
            {"ANTHROPIC_API_KEY": "k"},
            models=["anthropic/claude-opus-5-5"],
            variants=[{"thinking": "off"}],
        )


def test_grid_over_the_ceiling_leaves_nothing_behind(database: Database) -> None:
    with database.write() as session:
        before = session.exec(select(func.count()).select_from(Prompt)).one()
        given = GridInput(**grid_input(prompts=[{"text": "New?"}], repeats=100))
        plan = plan_grid(session, given, practice())
        with pytest.raises(InvalidInput, match="would make 200 calls; at most 199"):
            start_grid(session, plan, max_answers=199)
    with database.read() as session:
        assert session.exec(select(func.count()).select_from(Grid)).one() == 0
        assert session.exec(select(func.count()).select_from(Prompt)).one() == before


def test_progress_counts_every_kind(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session, models=["practice/honest"], repeats=6)
        rows = answers_of(session, grid)
        kinds = [Outcome.answered, Outcome.empty, Outcome.truncated, Outcome.refused, Outcome.error]
        for answer, outcome in zip(rows, kinds, strict=False):
            finish(session, answer, outcome=outcome)
        session.commit()
        counts = progress(session, grid.id)
        assert status(grid, counts) == "running"
    assert (counts.total, counts.pending, counts.done, counts.failed) == (6, 1, 4, 1)
    assert (counts.answered, counts.unanswered, counts.settled) == (1, 3, 5)


def test_cancel_stops_pending_answers_only(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session)
        rows = answers_of(session, grid)
        finish(session, rows[0])
        assert cancel(session, grid) == 3
        session.commit()
        session.expire_all()
        assert [a.state for a in answers_of(session, grid)] == ["done"] + 3 * ["cancelled"]
        assert status(grid, progress(session, grid.id)) == "cancelled"


def test_rerun_takes_failed_and_cancelled_but_no_results(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session)
        rows = answers_of(session, grid)
        for answer, outcome in zip(
            rows, [Outcome.error, Outcome.empty, Outcome.truncated], strict=False
        ):
            finish(session, answer, outcome=outcome)
        cancel(session, grid)
        assert rerun(session, grid, failed=True) == 2
        session.commit()
        session.expire_all()
        states = [a.state for a in answers_of(session, grid)]
        assert states == ["pending", "done", "done", "pending"]
        assert grid.cancelled_at is None


def test_rerun_of_nothing_is_a_conflict(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session)
        for answer in answers_of(session, grid):
            finish(session, answer)
        with pytest.raises(Conflict, match="nothing to run again"):
            rerun(session, grid, failed=True)


def test_stamp_counts_transactions(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session)
        session.commit()
        assert [stamp(session, grid.id), stamp(session, grid.id)] == [1, 1]
        session.commit()
        assert stamp(session, grid.id) == 2
        session.rollback()
        assert stamp(session, grid.id) == 2
        session.commit()
    with database.read() as session:
        assert get_grid(session, grid.public_id).seq == 2
        assert session.exec(select(func.count()).select_from(Answer)).one() == 4
