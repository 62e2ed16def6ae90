"""Additions: what is missing of an enlarged grid, and what is there already."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import Session, col, func, select

from app import prompts
from app.db import Database
from app.errors import InvalidInput, NotFound
from app.grid.queries import load_view
from app.grid.shape import load_columns
from app.grid.view import Cell
from app.grids import stamp
from app.plans import requests_preview
from app.pricing.estimates import Estimator
from app.pricing.prices import PriceBook
from app.prompts import PromptInput, WordingInput
from app.tables import (
    Answer,
    AnswerState,
    Grid,
    GridModel,
    GridPrompt,
    Prompt,
    Variant,
)
from tests.adding import BLUFFER, FLAKY, HONEST, QUESTION, add, keys, planned
from tests.factories import answers_of, finish, new_grid, practice


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as writing:
        yield writing


def test_repeats_are_added_to_every_cell_and_nothing_else_is_touched(session: Session) -> None:
    grid = new_grid(session)
    before = answers_of(session, grid)
    for answer in before:
        finish(session, answer)
    rows = [a.model_dump() for a in before]
    plan = add(session, grid, repeats=2)
    after = answers_of(session, grid)
    assert [a.model_dump() for a in after[:4]] == rows
    assert [(a.model, a.repeat, a.state) for a in after[4:]] == [
        (model, repeat, AnswerState.pending) for repeat in (3, 4) for model in (BLUFFER, HONEST)
    ]
    assert (plan.calls, plan.total, grid.repeats) == (4, 8, 4)
    assert {a.seq for a in after[4:]} == {grid.seq} == {1}


def test_everything_at_once_is_the_enlarged_grid_without_what_was_there(session: Session) -> None:
    grid = new_grid(session)
    first = keys(session, grid)
    variants = [{"wording": "allowed", "thinking": "on"}, {"wording": "forced", "thinking": "off"}]
    prompts = [{"text": "New?"}, {"key": "kalai-birthday"}]
    plan = add(session, grid, repeats=1, models=[FLAKY], variants=variants, prompts=prompts)
    found = keys(session, grid)
    assert found[:4] == first
    assert len(found) == len(set(found)) == 3 * 3 * 3 * 3 == plan.total
    assert plan.calls == len(found) - 4
    # Repeats outermost, models innermost: the old cells join in with their new repeat.
    assert [repeat for *_, repeat in found[4:]] == sorted(repeat for *_, repeat in found[4:])
    assert found[4:7] == [
        (QUESTION["text"], FLAKY, "allowed", "off", 1),
        (QUESTION["text"], BLUFFER, "allowed", "on", 1),
        (QUESTION["text"], HONEST, "allowed", "on", 1),
    ]
    view = load_view(session, grid)
    cells = [cell for row in view.rows for cell in row.cells if isinstance(cell, Cell)]
    assert {len(cell.chips) for cell in cells} == {3}
    positions = [
        list(session.scalars(select(table.position).where(table.grid_id == grid.id).order_by(by)))
        for table, by in (
            (GridPrompt, col(GridPrompt.position)),
            (GridModel, col(GridModel.position)),
            (Variant, col(Variant.position)),
        )
    ]
    assert positions == [[0, 1, 2]] * 3


def test_a_model_comes_with_all_variants_and_prompts(session: Session) -> None:
    grid = new_grid(session, prompts=[QUESTION, {"text": "And now?"}])
    plan = add(session, grid, models=[f" {FLAKY} ", FLAKY])
    assert plan.calls == 2 * 1 * 2
    assert {model for _, model, *_ in keys(session, grid)[8:]} == {FLAKY}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "Nothing is added yet"),
        ({"models": [HONEST]}, "practice/honest is in the grid already"),
        ({"variants": [{"wording": "Allowed", "thinking": "off"}]},
         "allowed, thinking off is in the grid already"),
        ({"prompts": [QUESTION]}, "DEEPSEEK\\?” is in the grid already"),
        ({"models": ["openai-chat/gpt-5.2"]}, "cannot be called yet. Set OPENAI_API_KEY"),
        ({"models": ["nobody/x"]}, "There is no provider"),
        ({"variants": [{"wording": "polite"}]}, "There are: as-published"),
        ({"prompts": [{"key": "gone"}]}, "no such prompt"),
        ({"repeats": 99}, "at most 100 repeats; this one would have 101"),
    ],
)  # fmt: skip
def test_what_cannot_be_added_is_said(
    session: Session, given: dict[str, Any], sentence: str
) -> None:
    grid = new_grid(session)
    with pytest.raises((InvalidInput, NotFound), match=sentence):
        planned(session, grid, **given)


def test_what_is_there_is_noted_beside_what_is_new(session: Session) -> None:
    grid = new_grid(session)
    plan = add(session, grid, models=[HONEST, FLAKY])
    assert plan.calls == 2
    assert plan.notes == ["practice/honest is in the grid already."]


def test_a_newer_version_counts_as_another(session: Session) -> None:
    grid = new_grid(session, prompts=[{"key": "kalai-birthday"}])
    newer = PromptInput(text="When was he born?")
    prompts.save_prompt(session, newer, "kalai-birthday")
    wording = WordingInput(title="allowed", opt_out="Or say that you do not know.")
    prompts.save_wording(session, wording, "allowed")
    before = {c.variant.id: c.wording.version for c in load_columns(session, grid.id)}
    plan = add(
        session,
        grid,
        prompts=[{"key": "kalai-birthday"}],
        variants=[{"wording": "allowed", "thinking": "off"}],
    )
    assert plan.calls == 2 * 2 * 2 * 2 - 4
    assert [note.partition(". ")[0] for note in plan.notes] == [
        "“When was he born?” is version 2; the grid has version 1",
        "“allowed” is version 2 now; the grid has version 1",
    ]
    after = {c.variant.id: c.wording.version for c in load_columns(session, grid.id)}
    assert after.items() > before.items()
    assert sorted(after.values()) == [1, 2]


def test_the_same_with_another_setting_or_reference_is_noted(session: Session) -> None:
    grid = new_grid(session)
    plan = planned(
        session,
        grid,
        prompts=[{**QUESTION, "references": ["2"]}],
        variants=[{"wording": "allowed", "thinking": "off", "temperature": 1}],
    )
    assert plan.calls == 2 * 2 * 2 * 2 - 4
    assert "with other references or parts" in plan.notes[0]
    assert "with another system prompt, temperature or output cap" in plan.notes[1]


def test_a_prompt_that_was_archived_is_still_there(session: Session) -> None:
    grid = new_grid(session)
    prompts.archive(session.get_one(Prompt, answers_of(session, grid)[0].prompt_id))
    session.flush()
    with pytest.raises(InvalidInput, match="is in the grid already"):
        planned(session, grid, prompts=[QUESTION])


def test_estimate_is_of_what_is_added(session: Session) -> None:
    grid = new_grid(session, prompts=[{"text": "x" * 400}])
    plan = planned(session, grid, repeats=1, prompts=[{"text": "x" * 41}], models=[FLAKY])
    estimate = Estimator(session, PriceBook(practice()), practice()).plan(plan)
    assert {m.model: m.calls for m in estimate.models} == {BLUFFER: 4, HONEST: 4, FLAKY: 6}
    longer = 100 + len("If you are not sure") // 4
    assert all(m.input_tokens > longer for m in estimate.models)
    only = Estimator(session, PriceBook(practice()), practice()).plan(
        planned(session, grid, models=[FLAKY])
    )
    assert [m.model for m in only.models] == [FLAKY]


def test_messages_and_requests_are_those_that_are_new(session: Session) -> None:
    grid = new_grid(session)
    assert planned(session, grid, repeats=1).messages() == []
    [(wording, messages)] = planned(session, grid, prompts=[{"text": "New?"}]).messages()
    assert (wording.slug, [m.user[:4] for m in messages]) == ("allowed", ["New?"])
    both = planned(
        session,
        grid,
        prompts=[{"text": "New?"}],
        variants=[{"wording": "allowed", "thinking": "on"}, {"wording": "as-published"}],
    )
    assert [(w.slug, len(m)) for w, m in both.messages()] == [("allowed", 2), ("as-published", 2)]
    requests = requests_preview(planned(session, grid, models=[FLAKY]), practice())
    assert [model for model, *_ in requests] == [FLAKY]
    [first, _] = requests_preview(planned(session, grid, prompts=[{"text": "New?"}]), practice())
    assert first[2].body["messages"][0]["content"].startswith("New?")


def test_a_break_in_between_leaves_nothing_behind(database: Database) -> None:
    def counts(session: Session) -> list[int]:
        tables = (Answer, GridPrompt, GridModel, Variant, Prompt)
        return [session.exec(select(func.count()).select_from(t)).one() for t in tables]

    with database.write() as session:
        grid = new_grid(session)
        session.commit()
        before = counts(session)

    def add_and_break() -> None:
        with database.write() as session:
            stamp(session, grid.id)
            here = session.get_one(Grid, grid.id)
            new: Any = {"prompts": [{"text": "New?"}], "variants": [{"wording": "forced"}]}
            add(session, here, models=[FLAKY], repeats=1, **new)
            assert all(n > b for n, b in zip(counts(session), before, strict=True))
            raise RuntimeError("power")

    with pytest.raises(RuntimeError, match="power"):
        add_and_break()
    with database.read() as session:
        assert counts(session) == before
        assert session.get_one(Grid, grid.id).repeats == 2
        assert session.get_one(Grid, grid.id).seq == 0
