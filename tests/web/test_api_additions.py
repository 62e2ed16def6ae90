"""The JSON API of additions: what it answers, and how it says no."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import BASE_URL
from tests.factories import grid_input, run_grid
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import answers
from tests.web.test_api import assert_problem


def test_what_is_missing_is_queued(client: TestClient) -> None:
    grid_id = run_grid(client)
    before = answers(client, grid_id)
    given = {
        "repeats": 1,
        "models": ["practice/honest", "practice/flaky"],
        "variants": [{"wording": "forced", "thinking": "on"}],
        "prompts": [{"text": "How many Ls are in SPELL?", "references": ["2"]}],
    }
    response = client.post(f"/api/grids/{grid_id}/additions", json=given)
    assert response.status_code == 202
    assert response.json() == {
        "id": grid_id,
        "url": f"http://127.0.0.1:8000/grids/{grid_id}",
        "answers": 3 * 2 * 2 * 3 - 4,
        "total": 3 * 2 * 2 * 3,
        "left_out": [],
        "notes": ["practice/honest is in the grid already."],
    }
    grid = wait_until_done(client, grid_id)
    assert (grid["repeats"], len(grid["prompts"]), len(grid["variants"])) == (3, 2, 2)  # type: ignore[arg-type]
    after = answers(client, grid_id)
    assert after[:4] == before
    assert {a["state"] for a in after} == {"done"}


def test_what_a_model_cannot_be_asked_is_left_out(client: TestClient, wire: object) -> None:
    grid_id = run_grid(client, models=["practice/honest"])
    url = f"/api/grids/{grid_id}/additions"
    given = {"models": ["anthropic/claude-opus-5-5"], "repeats": 1}
    body = client.post(url, json=given).json()
    assert body["answers"] == 1
    [left_out] = body["left_out"]
    assert left_out.startswith("anthropic/claude-opus-5-5, thinking off: ")


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({}, "Nothing is added yet"),
        ({"models": ["practice/honest"]}, "is in the grid already"),
        ({"models": ["openai-chat/gpt-5.2"]}, "OPENAI_API_KEY"),
        ({"models": ["x"]}, "provider/model-id"),
        ({"prompts": [{"text": " "}]}, "needs a text"),
        ({"variants": [{"wording": "polite"}]}, "no wording “polite”"),
        ({"repeats": -1}, "greater than or equal to 0"),
        ({"repeats": 1, "max_calls": 5}, "is to stop above 5"),
        ({"title": "New"}, "title"),
    ],
)
def test_what_makes_no_sense_is_refused_whole(
    shared_client: TestClient, shared_grid: str, given: dict[str, Any], part: str
) -> None:
    answer = shared_client.post(f"/api/grids/{shared_grid}/additions", json=given)
    assert_problem(answer, 422, part)
    assert len(answers(shared_client, shared_grid)) == 4


def test_unknown_grids_and_prompts_are_not_found(client: TestClient) -> None:
    assert_problem(client.post("/api/grids/nothing/additions", json={"repeats": 1}), 404, "address")
    url = f"/api/grids/{run_grid(client)}/additions"
    assert_problem(client.post(url, json={"prompts": [{"key": "gone"}]}), 404, "no such prompt")


def test_several_at_once_are_all_added(client: TestClient) -> None:
    grid_id = run_grid(client)
    url = f"/api/grids/{grid_id}/additions"
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: client.post(url, json={"repeats": 1}), range(4)))
    assert [response.json()["answers"] for response in done] == [2] * 4
    grid = wait_until_done(client, grid_id)
    assert (grid["repeats"], len(answers(client, grid_id))) == (6, 12)


def test_cancelled_grid_runs_what_is_added_and_no_more(settings: Settings) -> None:
    settings.practice_latency_ms = 30_000
    with TestClient(create_app(settings), base_url=BASE_URL) as client:
        grid_id = client.post("/api/grids", json=grid_input(repeats=20)).json()["id"]
        url = f"/api/grids/{grid_id}"
        wait_for(lambda: client.get(url).json()["progress"]["running"] >= 8, "eight in flight")
        client.post(f"{url}/cancellation")
        wait_until_done(client, grid_id, deadline_s=2)
    settings.practice_latency_ms = 0
    with TestClient(create_app(settings), base_url=BASE_URL) as client:
        assert client.post(f"{url}/additions", json={"repeats": 1}).json()["answers"] == 2
        grid = wait_until_done(client, grid_id)
    assert grid["status"] == "done"
    progress: Any = grid["progress"]
    assert (progress["done"], progress["cancelled"]) == (2, 40)


def test_it_is_documented(client: TestClient) -> None:
    page = client.get("/api/docs").text
    assert "/api/grids/{grid_id}/additions" in page
    schema = client.get("/api/openapi.json").json()["components"]["schemas"]["AdditionInput"]
    assert schema["properties"]["repeats"]["description"].startswith("How many more")
    assert "required" not in schema
