"""Answers out of chat windows: columns of their own, labelled and counted like others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, select

from app.additions import AdditionInput, add_to_grid, plan_addition
from app.control import Scope, rerun, set_ceilings
from app.db import Database
from app.errors import Conflict, InvalidInput, NotFound
from app.grid.queries import load_view
from app.grid.view import Cell
from app.pasted import PasteInput, paste, places, products, split_answers, take_out
from app.plans import Providers
from app.pricing.ceilings import NO_CEILINGS
from app.probes import save_probe
from app.results.choice import Choice
from app.results.report import load_report
from app.reviewing.labels import get_reviewer, set_label
from app.tables import AnswerState, Attempt, Grid, GridModel, LabelValue, now
from tests.factories import answers_of, finish, new_grid, practice

PRODUCT = "ChatGPT, GPT-5.5"
MODEL = f"pasted/{PRODUCT}"


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as session:
        yield session


@pytest.fixture
def grid(session: Session) -> Grid:
    grid = new_grid(session, prompts=[{"text": "Who?"}, {"text": "When?", "references": ["1905"]}])
    for answer in answers_of(session, grid):
        finish(session, answer)
    return grid


def given(session: Session, grid: Grid, *answers: str, **changes: object) -> PasteInput:
    variant = answers_of(session, grid)[0].variant_id
    fields = {"prompt": 2, "variant": variant, "product": PRODUCT, "answers": list(answers)}
    return PasteInput.model_validate({**fields, **changes})


def test_model_that_is_added_comes_after_what_was_pasted(session: Session, grid: Grid) -> None:
    paste(session, grid, given(session, grid, "1905"))
    for model in ("practice/flaky", "practice/improver"):
        plan = plan_addition(session, grid, AdditionInput(models=[model]), practice())
        add_to_grid(session, grid, plan, 1000, NO_CEILINGS)
        session.flush()
    rows = session.exec(select(GridModel).where(GridModel.grid_id == grid.id)).all()
    in_order = [row.model for row in sorted(rows, key=lambda row: row.position)]
    assert in_order[2:] == [MODEL, "practice/flaky", "practice/improver"]
    assert len({row.position for row in rows}) == len(rows)


def test_system_prompt_of_the_variant_is_part_of_what_is_sent(session: Session) -> None:
    grid = new_grid(session, variants=[{"wording": "allowed", "system_prompt": "Be brief."}])
    asked = given(session, grid, "1", prompt=1)
    [place] = places(session, grid, asked.variant, PRODUCT)
    assert place.message.system == "Be brief."
    [answer] = paste(session, grid, asked)
    attempt = session.get_one(Attempt, answer.attempt_id)
    assert (attempt.user_message, attempt.system_message) == (place.message.user, "Be brief.")


def test_pasted_answers_become_a_column_of_their_own(session: Session, grid: Grid) -> None:
    pasted = paste(session, grid, given(session, grid, "1905", "In 1906."), by="Ada")
    assert [answer.repeat for answer in pasted] == [1, 2]
    assert {answer.model for answer in pasted} == {MODEL}
    attempt = session.get_one(Attempt, pasted[0].attempt_id)
    assert (attempt.text, attempt.short, attempt.suggested) == ("1905", "1905", "correct")
    assert attempt.user_message.startswith("When? If you are not sure")
    assert attempt.request["pasted"]["pasted_by"] == "Ada"

    view = load_view(session, grid)
    columns = [column.model for column in view.shape.columns]
    assert columns == ["practice/bluffer", "practice/honest", MODEL]
    cells = [row.cells[2] for row in view.rows]
    shorts = [[chip.short for chip in it.chips] for it in cells if isinstance(it, Cell)]
    assert shorts == [[], ["1905", "1906"]]


def test_more_of_them_are_further_repeats(session: Session, grid: Grid) -> None:
    paste(session, grid, given(session, grid, "a"))
    [again] = paste(session, grid, given(session, grid, "b", product="  ChatGPT,  GPT-5.5 "))
    assert again.repeat == 2
    assert products(session, grid.id) == [PRODUCT]
    found = places(session, grid, again.variant_id, PRODUCT)
    assert [place.there for place in found] == [0, 2]


def test_they_are_labelled_and_counted_like_others(session: Session, grid: Grid) -> None:
    [answer] = paste(session, grid, given(session, grid, "1906"))
    set_label(session, answer.id, get_reviewer(session, "Ada"), LabelValue.hallucinated)
    session.flush()
    lines = load_report(session, grid, Choice.model_validate({"by": "model"})).lines
    assert [(line.name, line.counts.n) for line in lines][-1] == (MODEL, 1)


def test_nobody_calls_for_them(session: Session, grid: Grid) -> None:
    [answer] = paste(session, grid, given(session, grid, "1905"))
    providers: Providers = practice()
    plan = plan_addition(session, grid, AdditionInput(repeats=1), providers)
    assert MODEL not in {model for model, _ in plan.columns}
    assert rerun(session, grid, failed=False, labelled=True) == len(answers_of(session, grid)) - 1
    session.refresh(answer)
    assert answer.state is AnswerState.done
    assert "pasted" not in save_probe(session, grid)


def test_one_cannot_be_run_again_and_says_what_to_do(session: Session, grid: Grid) -> None:
    [answer] = paste(session, grid, given(session, grid, "1905"))
    with pytest.raises(Conflict, match="ask once more and paste that"):
        rerun(session, grid, Scope(answer=answer.id), failed=False)


def test_one_pasted_by_mistake_is_taken_out_with_its_labels(session: Session, grid: Grid) -> None:
    [answer] = paste(session, grid, given(session, grid, "1905"))
    set_label(session, answer.id, get_reviewer(session, "Ada"), LabelValue.correct)
    take_out(session, answer.id)
    session.refresh(answer)
    assert (answer.state, answer.label) == (AnswerState.cancelled, None)
    with pytest.raises(InvalidInput, match="Only pasted"):
        take_out(session, answers_of(session, grid)[0].id)
    with pytest.raises(NotFound):
        take_out(session, 10**6)


def test_one_that_was_taken_out_leaves_its_place_to_another(session: Session, grid: Grid) -> None:
    wrong = given(session, grid, "1905")
    [answer] = paste(session, grid, wrong)
    assert [one.there for one in places(session, grid, wrong.variant, PRODUCT)] == [0, 1]
    take_out(session, answer.id)
    assert [one.there for one in places(session, grid, wrong.variant, PRODUCT)] == [0, 0]
    [other] = paste(session, grid, given(session, grid, "1906"))
    assert other.repeat == 2
    assert [one.there for one in places(session, grid, wrong.variant, PRODUCT)] == [0, 1]


def test_one_that_was_taken_out_stays_out_where_a_stopped_grid_goes_on(
    session: Session, grid: Grid
) -> None:
    [pasted] = paste(session, grid, given(session, grid, "1905"))
    take_out(session, pasted.id)
    called = answers_of(session, grid)[0]
    called.state = AnswerState.cancelled
    grid.stopped_at = now()
    session.flush()
    assert set_ceilings(session, grid, 0.0, max_calls=1000) == 1
    session.refresh(pasted)
    session.refresh(called)
    assert (pasted.state, called.state) == (AnswerState.cancelled, AnswerState.pending)


@pytest.mark.parametrize(("hour", "ahead"), [(9, 0), (10, 1), (23, 1)])
def test_today_is_today_wherever_on_earth_it_was_asked(
    session: Session, grid: Grid, monkeypatch: pytest.MonkeyPatch, hour: int, ahead: int
) -> None:
    at = datetime(2026, 4, 1, hour, 30, tzinfo=UTC)
    monkeypatch.setattr("app.pasted.now", lambda: at)
    last = at.date() + timedelta(days=ahead)
    [answer] = paste(session, grid, given(session, grid, "1905", asked_on=last))
    attempt = session.get_one(Attempt, answer.attempt_id)
    assert attempt.request["pasted"]["asked_on"] == last.isoformat()
    with pytest.raises(InvalidInput, match="future"):
        paste(session, grid, given(session, grid, "1905", asked_on=last + timedelta(days=1)))


def test_what_makes_no_sense_is_refused(session: Session, grid: Grid) -> None:
    for wrong, words in (
        ({"prompt": 3}, "has 2 prompts"),
        ({"variant": 10**6}, "no such variant"),
        ({"asked_on": (now() + timedelta(days=2)).date()}, "future"),
        ({"answers": ["a", "b"], "thinking": "Hm."}, "one answer"),
    ):
        with pytest.raises((InvalidInput, NotFound), match=words):
            paste(session, grid, given(session, grid, "a", **wrong))


def test_visible_thinking_is_seen_and_its_absence_proves_nothing(
    session: Session, grid: Grid
) -> None:
    [one] = paste(session, grid, given(session, grid, "1905", thinking="Hm."))
    [other] = paste(session, grid, given(session, grid, "1905"))
    seen = [session.get_one(Attempt, answer.attempt_id).thought for answer in (one, other)]
    assert seen == ["yes", "unclear"]


def test_several_are_split_at_lines_of_three_signs() -> None:
    assert split_answers("a\r\nb\r\n===\r\n\r\n c\n  ===  \n===\nd === e\n") == [
        "a\nb",
        " c",
        "d === e",
    ]
    assert split_answers(" \n===\n") == []
