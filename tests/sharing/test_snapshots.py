"""Snapshots: whatever becomes of the grid, they stay; whoever tries to change one is refused."""

import json
from collections.abc import Callable

import pytest
from sqlmodel import Session, col, select, true, update

from app import control, suggestions
from app.additions import AdditionInput, add_to_grid, plan_addition
from app.db import Database
from app.errors import Conflict
from app.exports.csv import answers_csv, labels_csv
from app.exports.jsonl import content_hash, export_jsonl
from app.exports.rows import open_export
from app.grid.shape import load_shape
from app.grids import recent_grids, status
from app.pasted import PasteInput, paste
from app.pricing.ceilings import NO_CEILINGS
from app.pricing.costs import price_again
from app.pricing.prices import PriceBook
from app.results.runs import offers
from app.reviewing.labels import clear_label, decide, get_reviewer, set_label
from app.runner.queue import READY
from app.sharing.snapshots import freeze, keep_hash, snapshots_of, take_snapshot
from app.suggest import METHOD
from app.tables import (
    Answer,
    AnswerState,
    Attempt,
    Grid,
    LabelValue,
    Snapshot,
    Variant,
    now,
)
from tests.exports.reading import small_grid
from tests.factories import answers_of, practice

PRACTICE = frozenset({"practice"})


def said(database: Database, grid_id: int) -> tuple[str, str, str, str]:
    """All that a grid says, as files, without the time of the export; and the hash of it."""
    with database.read() as session:
        export = open_export(session, session.get_one(Grid, grid_id), practice=PRACTICE)
        first, *lines, last = "".join(export_jsonl(export)).splitlines()
        grid = json.loads(first) | {"exported_at": ""}
        hash_ = json.loads(last)["content_hash"]
        assert content_hash([first, *lines, last]) == hash_
        csvs = "".join(answers_csv(export)), "".join(labels_csv(export))
        return json.dumps([grid, *lines]), *csvs, hash_


def change_everything(database: Database, grid_id: int) -> None:
    """What people and programs do to a grid later on."""
    with database.write() as session:
        grid = session.get_one(Grid, grid_id)
        first, second, third, fourth = answers_of(session, grid)[:4]
        eve = get_reviewer(session, "Eve")
        decide(session, first.id, eve, LabelValue.correct, "I decide")
        set_label(session, second.id, eve, LabelValue.hallucinated, "no", ["hedged"])
        clear_label(session, first.id, get_reviewer(session, "Ada"))
        plan = plan_addition(session, grid, AdditionInput(repeats=1), practice())
        add_to_grid(session, grid, plan, 1000, NO_CEILINGS)
        control.rerun(session, grid, control.Scope(answer=fourth.id), failed=False)
        attempt = session.get_one(Attempt, third.attempt_id)
        attempt.text, attempt.input_tokens, attempt.output_tokens = "another", 1000, 1000
        session.add(attempt)
        session.commit()


def test_snapshot_stays_as_it_was(database: Database) -> None:
    with database.write() as session:
        grid = small_grid(session)
        for answer in answers_of(session, grid):
            attempt = session.get_one(Attempt, answer.attempt_id)
            attempt.input_tokens, attempt.output_tokens = 1000, 1000
            session.add(attempt)
        session.commit()
    taken = freeze(database, grid.id, PRACTICE, "Ada")
    before = said(database, taken)
    assert before[3] == said(database, grid.id)[3]

    change_everything(database, grid.id)
    with database.write() as session:
        price_again(session, PriceBook(practice()), ["practice/bluffer", "practice/honest"])
        session.execute(update(Attempt).values(suggestion_method="of old"))
        session.commit()
    while suggestions.read_some(database):
        pass
    with database.write() as session:  # so that only what the rules wrote would differ
        method = Attempt.suggestion_method
        old = select(Attempt.id).where(method == "of old")
        of_copy = select(Answer.attempt_id).where(Answer.grid_id == taken)
        assert set(session.exec(old)) >= set(session.exec(of_copy))
        copied = update(Attempt).where(col(Attempt.id).in_(of_copy))
        session.execute(copied.values(suggestion_method=METHOD))
        session.commit()
    assert said(database, taken) == before
    assert said(database, grid.id)[3] != before[3]

    again, same = (freeze(database, grid.id, PRACTICE) for _ in range(2))
    with database.read() as session:
        found = snapshots_of(session, grid.id)
        assert [it.number for it, _ in found] == [3, 2, 1]
        assert [it.grid_id for it, _ in found] == [same, again, taken]
        hashes = [it.content_hash for it, _ in found]
        assert hashes[2] == before[3]
        assert hashes[0] == hashes[1] != hashes[2]
        assert [g.id for g, _ in recent_grids(session, 9)] == [grid.id]
        assert offers(session, session.get_one(Grid, grid.id), true()) == []


def test_what_is_not_in_yet_is_cancelled_in_the_copy_and_never_called(database: Database) -> None:
    with database.write() as session:
        grid = small_grid(session)
        first, second, third, _ = answers_of(session, grid)
        again = Attempt(answer_id=first.id, number=2, started_at=now())
        session.add(again)
        first.state, second.state = AnswerState.running, AnswerState.pending
        third.state, third.attempt_id, third.label = AnswerState.pending, None, None
        session.add_all([first, second, third])
        session.commit()
        snapshot = take_snapshot(session, grid.id)
        session.commit()
        assert snapshot.unfinished == 3
    with database.read() as session:
        copy = session.get_one(Grid, snapshot.grid_id)
        states = [answer.state for answer in answers_of(session, copy)]
        done, cancelled = AnswerState.done, AnswerState.cancelled
        assert states == [done, done, cancelled, done]
        open_ = select(Attempt.id).join(Answer, col(Answer.id) == col(Attempt.answer_id))
        copied = open_.where(Answer.grid_id == copy.id, col(Attempt.finished_at).is_(None))
        assert session.exec(copied).all() == []
        assert status(copy, load_shape(session, copy).progress) == "cancelled"
        ready = select(Answer.id).join(Grid, col(Grid.id) == col(Answer.grid_id))
        ready = ready.join(Variant, col(Variant.id) == col(Answer.variant_id))
        assert session.exec(ready.where(Answer.grid_id == copy.id, *READY)).all() == []


def refused(session: Session, copy: Grid) -> dict[str, Callable[[], object]]:
    """Everything by which a grid is changed."""
    answer = answers_of(session, copy)[0]
    ada = get_reviewer(session, "Ada")
    pasted = PasteInput(prompt=1, variant=answer.variant_id, product="ChatGPT", answers=["x"])
    more = plan_addition(session, copy, AdditionInput(repeats=1), practice())
    return {
        "label": lambda: set_label(session, answer.id, ada, LabelValue.correct),
        "clear": lambda: clear_label(session, answer.id, ada),
        "decide": lambda: decide(session, answer.id, ada, LabelValue.correct),
        "cancel": lambda: control.cancel(session, copy),
        "run again": lambda: control.rerun(session, copy, failed=False, labelled=True),
        "pause": lambda: control.pause(session, copy),
        "resume": lambda: control.resume(session, copy),
        "ceiling": lambda: control.set_ceilings(session, copy, 0.0, max_calls=1000),
        "paste": lambda: paste(session, copy, pasted, "Ada"),
        "add": lambda: add_to_grid(session, copy, more, 1000, NO_CEILINGS),
        "snapshot": lambda: take_snapshot(session, copy.id),
    }


def test_nobody_changes_a_snapshot(database: Database) -> None:
    with database.write() as session:
        grid = small_grid(session)
        session.commit()
    taken = freeze(database, grid.id, PRACTICE)
    before = said(database, taken)
    with database.write() as session:
        names = list(refused(session, session.get_one(Grid, taken)))
    for name in names:
        with database.write() as session:
            change = refused(session, session.get_one(Grid, taken))[name]
            with pytest.raises(Conflict, match="snapshot"):
                change()
    assert said(database, taken) == before


def test_hash_that_was_not_computed_is_computed_later(database: Database) -> None:
    with database.write() as session:
        grid = small_grid(session)
        copy_id = take_snapshot(session, grid.id).grid_id
        session.commit()
    for _ in range(2):
        keep_hash(database, copy_id, PRACTICE)
        with database.read() as session:
            found = session.get_one(Snapshot, copy_id).content_hash
        assert found == said(database, copy_id)[3]
