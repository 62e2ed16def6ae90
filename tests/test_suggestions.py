"""Suggestions are kept with answers, old ones too, and never count as labels."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, col, select, text

from app import suggestions
from app.db import Database
from app.grid.queries import GridView, load_changed, load_view
from app.grid.shape import load_shape
from app.grid.view import Cell
from app.main import create_app
from app.providers import Outcome
from app.reviewing.labels import get_reviewer, set_label
from app.settings import Settings
from app.suggest import METHOD
from app.suggestions import BATCH, catching_up, read_some
from app.tables import Attempt, Grid, LabelValue
from tests.factories import answers_of, finish, new_grid, run_grid
from tests.firstversion import first_version
from tests.polling import wait_for

CUT = {Outcome.empty, Outcome.truncated, Outcome.refused, Outcome.error}


def gists(session: Session) -> list[tuple[str, str | None, str, str]]:
    """Of all attempts, in their order: short answer, suggestion, strength and method."""
    session.expire_all()
    return [
        (a.short, a.suggested, a.suggestion_strength, a.suggestion_method)
        for a in session.exec(select(Attempt).order_by(col(Attempt.id)))
    ]


def forget(session: Session, method: str = "") -> None:
    """As if the answers were from before the rules, or read by other ones."""
    session.execute(
        text(
            "UPDATE attempt SET short = '', answer_key = '', suggested = NULL, hedged = false,"
            " suggestion_strength = '', suggestion_reason = '', suggestion_method = :method"
        ),
        {"method": method},
    )
    session.commit()


def test_answer_comes_with_its_suggestion(client: TestClient) -> None:
    grid_id = run_grid(client)
    items = client.get(f"/api/grids/{grid_id}/answers").json()["items"]
    bluffs = [one for one in items if one["model"] == "practice/bluffer"]
    honest = [one for one in items if one["model"] == "practice/honest"]
    names = ("short_answer", "suggested", "suggestion_strength", "suggestion_method", "hedged")
    assert {tuple(one[name] for name in names) for one in honest} == {
        ("1", "correct", "strong", METHOD, False)
    }
    assert {one["suggested"] for one in bluffs} == {"hallucinated"}
    assert all(one["short_answer"] == one["text"] for one in bluffs)
    assert {one["suggestion_reason"] for one in honest} == {"The whole answer is a reference."}


def test_suggestion_is_no_label_until_somebody_gives_it(client: TestClient) -> None:
    grid_id = run_grid(client, models=["practice/honest"], repeats=1)
    grid = f"/api/grids/{grid_id}"
    [answer] = client.get(f"{grid}/answers").json()["items"]
    assert (answer["suggested"], answer["label"], answer["labels"]) == ("correct", None, [])
    assert client.get(grid).json()["progress"]["labelled"] == 0
    page = client.get(f"/grids/{grid_id}").text
    assert 'data-suggested="correct"' in page
    assert "suggestion correct" in page
    assert 'data-status="unlabelled"' in page

    client.put(f"/api/answers/{answer['id']}/label", json={"label": "abstained"})
    [answer] = client.get(f"{grid}/answers").json()["items"]
    assert (answer["suggested"], answer["label"]) == ("correct", "abstained")
    page = client.get(f"/grids/{grid_id}").text
    assert "data-suggested" not in page
    assert 'data-status="abstained"' in page


def test_csv_has_suggestions_in_columns_of_their_own(client: TestClient) -> None:
    grid_id = run_grid(client, models=["practice/honest"], repeats=1)
    header, row = client.get(f"/grids/{grid_id}/export.csv").text.lstrip("\ufeff").splitlines()
    start = header.split(",").index("short_answer")
    shown = row.rsplit(",", len(header.split(",")) - start)[1:]
    assert shown[:6] == [
        "1", "correct", "strong", "The whole answer is a reference.", METHOD, "no",
    ]  # fmt: skip


def first_cell(view: GridView) -> Cell:
    cell = view.rows[0].cells[0]
    assert isinstance(cell, Cell)
    return cell


def test_chips_show_what_the_rules_found(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session, models=["practice/honest"], repeats=5)
        texts = ["There is 1 D.", "I think there are 3.", "I don’t know.", "", "1"]
        for answer, said in zip(answers_of(session, grid), texts, strict=True):
            finish(session, answer, said, Outcome.answered if said else Outcome.empty)
        last = answers_of(session, grid)[-1]
        set_label(session, last.id, get_reviewer(session, "Ada"), LabelValue.correct)
        chips = first_cell(load_view(session, grid)).chips
    assert [(c.short, c.suggestion, c.suggestion_strength, c.hedged) for c in chips] == [
        ("1", "correct", "weak", False),
        ("3", "hallucinated", "weak", True),
        ("IDK", "abstained", "strong", False),
        ("empty", None, "", False),
        ("1", None, "strong", False),
    ]
    assert [c.answer_key for c in chips] == ["1", "3", "idk", "", "1"]


def test_rates_do_not_see_suggestions(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session, models=["practice/honest"], repeats=2)
        for answer in answers_of(session, grid):
            finish(session, answer, "2")
        [column] = load_view(session, grid).shape.columns
    tally = column.tally
    assert (tally.n, tally.hallucination_rate, tally.unlabelled) == (0, None, 2)


@pytest.mark.parametrize("outcome", sorted(CUT))
def test_only_an_answer_has_a_suggestion(database: Database, outcome: Outcome) -> None:
    with database.write() as session:
        grid = new_grid(session, models=["practice/honest"], repeats=1)
        finish(session, answers_of(session, grid)[0], "1", outcome)
        assert gists(session) == [("", None, "", "")]
        session.commit()
    assert read_some(database) == 0


def test_rules_that_break_lose_no_answer(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a rule is wrong")

    monkeypatch.setattr(suggestions, "gist", broken)
    grid_id = run_grid(client, models=["practice/honest"], repeats=1)
    [answer] = client.get(f"/api/grids/{grid_id}/answers").json()["items"]
    assert (answer["text"], answer["outcome"], answer["suggested"]) == ("1", "answered", None)
    assert "no suggestion could be made" in caplog.text


@pytest.mark.parametrize("method", ["", "rules/0", "rules/999", "judge/1"])
def test_answers_read_by_other_rules_are_read_again(database: Database, method: str) -> None:
    with database.write() as session:
        grid = new_grid(session, models=["practice/honest"], repeats=3)
        for answer, said in zip(answers_of(session, grid), ["1", "2", "IDK"], strict=True):
            finish(session, answer, said)
        before = gists(session)
        forget(session, method)
        assert gists(session) != before
    assert [read_some(database), read_some(database)] == [3, 0]
    with database.read() as session:
        assert gists(session) == before


def test_what_is_read_later_shows_on_open_pages(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session, models=["practice/honest"], repeats=2)
        for answer in answers_of(session, grid):
            finish(session, answer, "There is 1 D.")
        forget(session)
        seq = session.get_one(Grid, grid.id, populate_existing=True).seq
        view = load_view(session, grid)
        assert load_changed(session, view.shape, seq) == ([], [])
        assert first_cell(view).chips[0].short == "There is 1 D."
        session.commit()
    read_some(database)
    with database.read() as session:
        grid = session.get_one(Grid, grid.id)
        changed, _ = load_changed(session, load_shape(session, grid), seq)
    assert [(chip.short, chip.suggestion) for chip in changed] == [("1", "correct")] * 2


def test_reading_goes_on_in_batches_after_trouble(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(suggestions, "RETRY_S", 0.01)
    with database.write() as session:
        grid = new_grid(session, models=["practice/honest"], repeats=20,
                        prompts=[{"text": f"How many? ({n})"} for n in range(6)])  # fmt: skip
        for answer in answers_of(session, grid):
            finish(session, answer, "2" * 300_000 if answer.repeat == 1 else "IDK")
        forget(session)
    assert 2 * BATCH < 120

    async def catch_up() -> None:
        database.trouble = "the disk is full"
        async with catching_up(database):
            await asyncio.to_thread(wait_for, lambda: "the disk is full" in caplog.text, "trouble")
            assert _unread(database) == 120
            database.trouble = ""
            await asyncio.to_thread(wait_for, lambda: not _unread(database), "the end")

    asyncio.run(catch_up())
    with database.read() as session:
        found = gists(session)
    assert [one[1] for one in found].count(LabelValue.abstained) == 114
    assert {len(short) for short, *_ in found} == {3, 90}


def test_stopping_does_not_wait_for_the_rest(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session, models=["practice/honest"], repeats=20,
                        prompts=[{"text": f"How many? ({n})"} for n in range(6)])  # fmt: skip
        for answer in answers_of(session, grid):
            finish(session, answer, "IDK")
        forget(session)

    async def start_and_stop() -> None:
        async with catching_up(database):
            await asyncio.sleep(0)

    asyncio.run(start_and_stop())
    assert _unread(database) >= 120 - BATCH


def test_answers_from_before_the_rules_are_read_after_the_start(
    empty_url: str, tmp_path: Path
) -> None:
    first_version(
        empty_url,
        'UPDATE prompt SET "references" = \'["42"]\' WHERE id = 901',
        f"UPDATE attempt SET text = '{'word ' * 200_000}' WHERE id = 3",
    ).close()

    app = create_app(Settings(database_url=empty_url, data_dir=tmp_path, discover=False))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:

        def items() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = client.get("/api/grids/abc/answers").json()["items"]
            return found

        wait_for(lambda: {one["suggestion_method"] for one in items()} == {METHOD}, "reading")
        assert [(one["suggested"], one["suggestion_strength"]) for one in items()] == [
            ("correct", "strong"),
            ("hallucinated", "strong"),
            (None, ""),
            ("hallucinated", "strong"),
        ]
        assert [one["label"] for one in items()] == [None] * 4
        assert client.get("/grids/abc").status_code == 200


def _unread(database: Database) -> int:
    with database.read() as session:
        return len([1 for *_, method in gists(session) if method != METHOD])
