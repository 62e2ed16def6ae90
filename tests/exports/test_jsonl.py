"""The JSONL: complete, the same again, and with a hash that says so."""

import json
import re
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.db import ROOT, Database
from app.exports.jsonl import content_hash, export_jsonl
from app.grid.look import Look
from app.tables import Attempt
from tests.exports.reading import TRICKY, exported_text, open_newest, small_grid
from tests.factories import answers_of, run_grid


@pytest.fixture
def lines(database: Database) -> list[str]:
    with database.write() as session:
        small_grid(session)
        session.commit()
    return exported_text(database, export_jsonl).splitlines()


def test_jsonl_holds_all_of_a_grid(lines: list[str], database: Database) -> None:
    first, *answers, last = map(json.loads, lines)
    assert (first["kind"], first["title"], first["repeats"]) == ("grid", "=Ds & more", 2)
    assert [model["model"] for model in first["models"]] == ["practice/bluffer", "practice/honest"]
    assert first["models"][0]["practice"] is True
    assert first["prompts"][0]["references"] == ["1"]
    [variant] = first["variants"]
    assert variant["wording"]["opt_out"].startswith("If you are not sure")
    assert (variant["thinking"], variant["wording"]["mode"]) == ("off", "parts")
    assert [(a["prompt"], a["model"], a["variant"], a["repeat"]) for a in answers] == [
        (1, model["model"], 1, repeat) for repeat in (1, 2) for model in first["models"]
    ]
    one = answers[0]
    assert (one["label"], one["decided"], one["counts"]) == ("abstained", True, 1)
    assert [la["reviewer"] for la in one["labels"]] == ["Ada", "=Bob"]
    assert [(h["reviewer"], h["label"]) for h in answers[1]["history"]] == [
        ("Ada", "abstained"),
        ("Ada", "correct"),
    ]
    assert last["answers"] == len(answers) == 4
    with database.read() as session:
        stored = session.get(Attempt, open_attempt(database))
    assert stored
    [attempt] = one["attempts"]
    assert attempt["text"] == TRICKY
    assert datetime.fromisoformat(attempt["started_at"]) == stored.started_at
    for name, value in attempt.items():
        if not isinstance(getattr(stored, name), datetime):
            assert value == getattr(stored, name), name
    kept = set(Attempt.model_fields) - {"id", "answer_id", "expected_usd"}
    assert set(attempt) == kept


def open_attempt(database: Database) -> int:
    with database.read() as session:
        return answers_of(session, open_newest(session).grid)[0].attempt_id or 0


def test_hash_is_that_of_the_content(lines: list[str]) -> None:
    stated = json.loads(lines[-1])["content_hash"]
    assert content_hash(lines) == stated
    elsewhere = [json.loads(line) for line in lines]
    for number, record in enumerate(elsewhere):
        record.update(grid="other", answer=number + 900, link="https://elsewhere", seq=0)
    elsewhere[0]["exported_at"] = str(datetime.min + timedelta(days=1))
    elsewhere[0]["prompts"][0].update(key="other", version=7)
    respelt = [json.dumps(record, sort_keys=True, indent=None) for record in elsewhere]
    assert content_hash(respelt) == stated
    elsewhere[1]["label"] = "correct"
    assert content_hash(map(json.dumps, elsewhere)) != stated


def test_filters_choose_answers_and_are_named(lines: list[str], database: Database) -> None:
    look = Look.parse([("label", "correct")])
    text = exported_text(database, export_jsonl, look=look)
    first, answer, last = map(json.loads, text.splitlines())
    assert (first["filters"], answer["label"], last["answers"]) == ("Correct", "correct", 1)


@pytest.fixture(scope="module")
def kept(sqlite_template: Path) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bluffcheck.db"
        path.write_bytes(sqlite_template.read_bytes())
        database = Database(f"sqlite:///{path}")
        with database.write() as session:
            small_grid(session)
            session.commit()
        yield database
        database.close()


TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text('"\\u0\x00\n\u2028', max_size=9)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, TEXTS)
def test_any_text_comes_back(kept: Database, text: str, thinking: str) -> None:
    with kept.write() as session:
        attempt = session.get(Attempt, open_attempt(kept))
        assert attempt
        attempt.text, attempt.thinking_text = text, thinking
        session.add(attempt)
        session.commit()
    lines = exported_text(kept, export_jsonl).split("\n")
    assert lines.pop() == ""
    found = json.loads(lines[1])["attempts"][0]
    assert "\0" not in lines[1]
    expected = [text.replace("\0", "␀"), thinking.replace("\0", "␀")]
    assert [found["text"], found["thinking_text"]] == expected
    assert json.loads(lines[-1])["content_hash"] == content_hash(lines)


def test_jsonl_download_is_named_and_typed(client: TestClient) -> None:
    grid_id = run_grid(client)
    response = client.get(f"/grids/{grid_id}/export.jsonl?labelled=1")
    assert response.headers["content-type"] == "application/x-ndjson"
    assert f"bluffcheck-{grid_id}-labelled.jsonl" in response.headers["content-disposition"]
    assert [json.loads(line)["kind"] for line in response.text.splitlines()] == ["grid", "end"]


def test_code_in_the_docs_finds_the_same_hash(lines: list[str]) -> None:
    document = (ROOT / "docs" / "exports.md").read_text("utf-8")
    [code] = re.findall(r"```python\n(import hashlib, json.+?)\nprint\(", document, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["recounted"](lines) == json.loads(lines[-1])["content_hash"]


def test_a_field_that_says_nothing_changes_no_hash(lines: list[str]) -> None:
    """So that a later version finds the same, which knows more fields."""
    first, answer, *rest = map(json.loads, lines)
    answer["new"] = answer["attempts"][0]["newer"] = ""
    first["prompts"][0]["newest"] = []
    assert content_hash(map(json.dumps, (first, answer, *rest))) == content_hash(lines)
    answer["attempts"][0]["input_tokens"] = 0
    assert content_hash(map(json.dumps, (first, answer, *rest))) != content_hash(lines)
