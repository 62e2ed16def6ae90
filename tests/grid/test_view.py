"""The grid as shown: order, counts that agree with a recount, marks, and what changed."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlmodel import Session

from app.db import Database
from app.grid.answer import observed
from app.grid.chips import Chip
from app.grid.look import ORDERS, Look
from app.grid.queries import GridView, load_changed, load_chip, load_view
from app.grid.shape import load_shape
from app.grid.tally import total
from app.grid.view import Cell, bar_parts
from app.providers import Evidence, Outcome, ThinkingKind, Thought
from app.results.choice import By, Choice
from app.results.report import load_report
from app.reviewing.labels import decide, get_reviewer, set_label
from app.tables import AnswerState, Attempt, Grid, LabelValue, now
from tests.factories import answers_of, finish, new_grid, run_grid

FOUR = [
    {"wording": wording, "thinking": thinking}
    for wording in ("allowed", "not-mentioned")
    for thinking in ("on", "off")
]


def scattered(session: Session) -> Grid:
    """A grid with every kind of answer and label, the same one each time."""
    dice = random.Random(7)
    grid = new_grid(
        session, prompts=[{"text": f"Question {n}?"} for n in range(5)], variants=FOUR, repeats=4
    )
    ada, bob = get_reviewer(session, "Ada"), get_reviewer(session, "Bob")
    for answer in answers_of(session, grid):
        outcome = dice.choice([*Outcome, *(5 * [Outcome.answered]), None])
        if outcome is None:
            continue
        kind = dice.choice(list(ThinkingKind))
        finish(session, answer, dice.choice(["1", "2", "I don’t know."]), outcome, kind)
        for reviewer in (ada, bob):
            if outcome is Outcome.answered and dice.random() < 0.7:
                set_label(session, answer.id, reviewer, dice.choice(list(LabelValue)))
    return grid


def test_columns_that_differ_in_little_are_told_apart(database: Database) -> None:
    with database.write() as session:
        variants: list[dict[str, Any]] = [
            {"wording": "allowed", "thinking": "off"},
            {"wording": "allowed", "thinking": "off", "temperature": 0.5},
            {"wording": "allowed", "thinking": "off", "system_prompt": "Be brief.",
             "max_tokens": 2000},
            {"wording": "allowed", "thinking": "on", "temperature": 0.5},
        ]  # fmt: skip
        grid = new_grid(session, variants=variants)
        shape = load_shape(session, grid)
        usual, off = "at most 16,000 tokens", "practice/bluffer · thinking off · allowed"
        assert [column.name for column in shape.columns[:4]] == [
            f"{off}, without a system prompt, default temperature, {usual}",
            f"{off}, without a system prompt, temperature 0.5, {usual}",
            f"{off}, system prompt 1, default temperature, at most 2,000 tokens",
            "practice/bluffer · thinking on · allowed",
        ]
        names = [line.name for line in load_report(session, grid, Choice()).columns]
        assert names == [column.name for column in shape.columns]
        [by_wording] = load_report(session, grid, Choice(by=By.wording)).lines
        assert by_wording.name == "allowed"
        for order in ORDERS:
            heads = load_shape(session, grid, Look(order=order)).levels
            assert len({head.key for head in heads}) == len(heads), order


def test_columns_come_by_model_then_thinking_then_wording(database: Database) -> None:
    with database.write() as session:
        view = load_view(session, new_grid(session, variants=FOUR))
    assert [(c.model, c.variant.thinking, c.wording.slug) for c in view.shape.columns] == [
        (model, thinking, wording)
        for model in ("practice/bluffer", "practice/honest")
        for thinking in ("off", "on")
        for wording in ("allowed", "not-mentioned")
    ]
    assert [slot.place for slot in view.shape.slots] == list(range(2, 10))
    assert [(m.title, [t.title for t in m.children]) for m in view.shape.levels] == [
        ("practice/bluffer", ["thinking off", "thinking on"]),
        ("practice/honest", ["thinking off", "thinking on"]),
    ]


def chips_of(view: GridView, key: str = "") -> list[Chip]:
    return [
        chip
        for row in view.rows
        for cell in row.cells
        if isinstance(cell, Cell) and key in ("", cell.column.key)
        for chip in cell.chips
    ]


def test_heads_agree_with_a_recount(database: Database) -> None:
    with database.write() as session:
        view = load_view(session, scattered(session))
    for column in view.shape.columns:
        tally, statuses = column.tally, Counter(c.status for c in chips_of(view, column.key))
        assert tally.total == statuses.total() == 20
        for name in ("correct", "hallucinated", "abstained", "unlabelled", "empty", "refused"):
            assert getattr(tally, name) == statuses[name], name
        assert tally.error == statuses["failed"]
        assert tally.waiting == statuses["pending"]
        assert tally.failed == sum(n for _, n, _ in tally.shares)
        assert tally.n == sum(c.label is not None for c in chips_of(view, column.key))
    whole = total([column.tally for column in view.shape.columns])
    assert (whole.total, whole.n) == (160, view.shape.progress.labelled)


def test_changes_are_those_after_a_number(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session)
        answers = answers_of(session, grid)
        for number, answer in enumerate(answers):
            finish(session, answer, str(number))
        session.commit()
        set_label(session, answers[1].id, get_reviewer(session, "Ada"), LabelValue.correct)
        session.commit()
        set_label(session, answers[3].id, get_reviewer(session, "Ada"), LabelValue.abstained)
        session.commit()
    with database.read() as session:
        shape = load_shape(session, session.get_one(Grid, grid.id))
        found = {n: [c.id for c in load_changed(session, shape, n)[0]] for n in range(3)}
    assert found == {0: [answers[1].id, answers[3].id], 1: [answers[3].id], 2: []}


def test_answer_that_gets_its_first_equal_is_sent_with_it(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session)
        answers = answers_of(session, grid)
        for answer, text in zip(answers, ("One", "two", "three", "one "), strict=True):
            finish(session, answer, text).answer_key = text.strip().lower()
        session.commit()
        set_label(session, answers[3].id, get_reviewer(session, "Ada"), LabelValue.correct)
        session.commit()
    with database.read() as session:
        shape = load_shape(session, session.get_one(Grid, grid.id))
        chips, _ = load_changed(session, shape, 0)
    assert [chip.id for chip in chips] == [answers[0].id, answers[3].id]
    assert chips[0].eq == chips[1].eq > 0


@pytest.mark.parametrize(
    ("text", "said", "short"),
    [
        ("The birthday is 07-03.", "07-03", "07-03"),
        ("I don’t know.", "IDK", "IDK"),
        # No rules have read it yet.
        ("07-03", "", "07-03"),
        ("\n\n  second line first\nthird", "", "second line first"),
    ],
)
def test_chip_shows_the_short_answer(text: str, said: str, short: str) -> None:
    chip = Chip("m", 1, AnswerState.done, Outcome.answered, None, False, "", text=text, said=said)
    assert (chip.short, chip.status, chip.can_label) == (short, "unlabelled", True)


@pytest.mark.parametrize(
    ("state", "outcome", "label", "disputed", "status", "words"),
    [
        ("pending", None, None, False, "pending", "pending"),
        ("running", None, None, False, "running", ""),
        ("failed", "error", None, False, "failed", "failed"),
        ("cancelled", None, None, False, "cancelled", ""),
        ("done", "truncated", None, False, "truncated", ""),
        ("done", "answered", "correct", False, "correct", "correct"),
        ("done", "answered", None, True, "disputed", "disputed"),
        ("done", "answered", "abstained", True, "abstained",
         "abstained, by majority: reviewers differ"),
        # Run again: what came before counts, and is not what is waited for.
        ("pending", "error", None, False, "pending", "pending"),
        ("running", "answered", "correct", False, "running",
         "an earlier answer counts as correct"),
        ("pending", "answered", None, True, "pending", "pending, an earlier answer counts"),
    ],
)  # fmt: skip
def test_chip_says_what_it_is(
    state: str, outcome: str | None, label: str | None, disputed: bool, status: str, words: str
) -> None:
    chip = Chip(
        "m",
        1,
        AnswerState(state),
        Outcome(outcome) if outcome else None,
        LabelValue(label) if label else None,
        disputed,
        "",
        text="1",
    )
    assert (chip.status, chip.words) == (status, words)


def test_only_what_surely_fits_on_a_chip_is_not_cut_off() -> None:
    def is_long(text: str, state: AnswerState = AnswerState.done, mismatch: str = "") -> bool:
        done = state is AnswerState.done
        outcome = (Outcome.answered if text else Outcome.truncated) if done else None
        return Chip("m", 1, state, outcome, None, False, mismatch, text=text).long

    assert [is_long(text) for text in ("07-03", "I know", "I don’t", "")] == [
        False, False, True, False,
    ]  # fmt: skip
    assert is_long("07-03", mismatch="It thought.")  # the mark takes of its room
    assert is_long("", AnswerState.running)  # its text is on the way


def test_chip_has_a_mark_for_all_that_is_said_of_it(database: Database) -> None:
    with database.write() as session:
        answers = answers_of(session, new_grid(session))
        for answer in answers:
            finish(session, answer, "1")
        ada, bob, carol = (get_reviewer(session, name) for name in ("Ada", "Bob", "Carol"))
        for who, value in ((ada, "correct"), (bob, "correct"), (carol, "hallucinated")):
            set_label(session, answers[0].id, who, LabelValue(value))
        set_label(session, answers[1].id, ada, LabelValue.correct, tags=["hedged", "partial"])
        decide(session, answers[2].id, bob, LabelValue.abstained)
        session.commit()
        chips = [load_chip(session, answer) for answer in answers[:3]]
    assert [chip.flags for chip in chips] == ["?", "~", "§"]
    assert [chip.words for chip in chips] == [
        "correct, by majority: reviewers differ",
        "correct, hedged",
        "abstained, decided",
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"thought": "yes", "evidence": "text", "thinking_kind": "summary"}, "a summary"),
        ({"thought": "yes", "evidence": "text", "thinking_kind": "full", "reasoning_tokens": 1200},
         "full text, 1,200 tokens"),
        ({"thought": "yes", "evidence": "withheld"}, "yes, text withheld"),
        ({"thought": "yes", "evidence": "tokens", "reasoning_tokens": 64},
         "yes, text withheld, 64 tokens"),
        ({"thought": "no", "evidence": "tokens", "reasoning_tokens": 0},
         "none (no thinking tokens counted)"),
        ({"thought": "no", "evidence": "billed"}, "none (the text explains the bill)"),
        ({"thought": "no", "evidence": "time", "first_token_ms": 400},
         "none (judging by the time to the first token: 400 ms)"),
        ({"thought": "unclear", "evidence": "nothing"}, "unclear: nothing reported"),
        ({}, ""),
    ],
)  # fmt: skip
def test_observed_is_said_in_words(values: dict[str, Any], said: str) -> None:
    kinds = {"thought": Thought, "evidence": Evidence, "thinking_kind": ThinkingKind}
    made: dict[str, Any] = {name: kinds.get(name, int)(value) for name, value in values.items()}
    assert observed(Attempt(answer_id=1, number=1, started_at=now(), **made)) == said


def test_column_counts_where_thinking_was_seen(database: Database) -> None:
    with database.write() as session:
        view = load_view(session, scattered(session))
    for column in view.shape.columns:
        chips = [chip for chip in chips_of(view, column.key) if chip.can_label]
        assert column.tally.seen == f"{column.tally.thought}/{len(chips)}"
        assert 0 <= column.tally.thought <= len(chips)
    assert any(column.tally.thought for column in view.shape.columns)


def test_bar_fills_its_width_or_stays_empty(database: Database) -> None:
    with database.write() as session:
        columns = load_view(session, scattered(session)).shape.columns
        empty = load_view(session, new_grid(session, prompts=[{"text": "x?"}])).shape.columns
    for column in columns:
        assert sum(width for *_, width in bar_parts(column.tally)) == pytest.approx(100, abs=0.01)
    assert {width for *_, width in bar_parts(empty[0].tally)} == {0}
    assert empty[0].tally.hallucination_rate is None
    assert empty[0].tally.interval is None


@pytest.mark.parametrize(
    "address",
    ["/grids/{id}", "/grids/{id}/export.csv", "/api/grids/{id}", "/api/grids/{id}/answers", "/"],
)
def test_queries_do_not_grow_with_the_grid(client: TestClient, address: str) -> None:
    engine = client.app.state.services.database.reader  # type: ignore[attr-defined]

    def queries(make: Callable[[], str]) -> int:
        grid_id = make()
        counted: list[str] = []

        def count(*arguments: object) -> None:
            if threading.current_thread().name.startswith("AnyIO"):  # the runner looks around too
                counted.append(str(arguments[2]))

        event.listen(engine, "before_cursor_execute", count)
        assert client.get(address.format(id=grid_id)).status_code == 200
        event.remove(engine, "before_cursor_execute", count)
        return len(counted)

    one = queries(lambda: run_grid(client))
    prompts = [{"text": f"Question {n}?"} for n in range(3)]
    assert queries(lambda: run_grid(client, prompts=prompts, variants=FOUR)) == one
