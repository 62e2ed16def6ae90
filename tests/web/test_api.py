"""The JSON API: what it answers, and how it says no."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import BASE_URL
from tests.factories import grid_input, run_grid
from tests.polling import wait_for, wait_until_done


def assert_problem(response: Any, status: int, part: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["type"] == "about:blank"
    assert body["title"]
    assert part in body["detail"], body["detail"]


def first_answer(client: TestClient, grid_id: str) -> dict[str, Any]:
    item: dict[str, Any] = client.get(f"/api/grids/{grid_id}/answers").json()["items"][0]
    return item


def test_grid_is_created_at_its_location(client: TestClient) -> None:
    response = client.post("/api/grids", json=grid_input())
    assert response.status_code == 201
    body = response.json()
    assert response.headers["location"] == f"/api/grids/{body['id']}"
    assert body == {
        "id": body["id"],
        "url": f"http://127.0.0.1:8000/grids/{body['id']}",
        "answers": 4,
        "left_out": [],
    }
    grid = wait_until_done(client, body["id"])
    assert grid["title"] == "Ds"
    assert grid["status"] == "done"
    assert grid["models"] == ["practice/bluffer", "practice/honest"]
    assert grid["progress"] == {
        "total": 4, "pending": 0, "running": 0, "done": 4, "failed": 0, "cancelled": 0,
        "answered": 4, "labelled": 0, "correct": 0, "hallucinated": 0, "abstained": 0,
        "disputed": 0,
    }  # fmt: skip
    assert client.get("/api/grids").json()["items"][0]["id"] == body["id"]


def test_answers_carry_everything_sent_and_received(client: TestClient) -> None:
    answer = first_answer(client, run_grid(client, models=["practice/honest"]))
    assert answer["text"] == "1"
    assert answer["state"] == "done"
    assert answer["outcome"] == "answered"
    assert answer["thinking_requested"] == "off"
    assert answer["thinking_sent"] == {"thinking": "off"}
    assert (answer["thinking_observed"], answer["thinking_evidence"]) == ("no", "tokens")
    assert answer["request"]["messages"] == [{"role": "user", "content": answer["user_message"]}]
    assert answer["served_model"] == "practice/honest"
    assert answer["input_tokens"] > 0
    assert [a["number"] for a in answer["attempts"]] == [1]


def test_grids_come_in_pages(client: TestClient) -> None:
    started = [run_grid(client, title=f"Grid {n}") for n in range(5)]
    seen: list[str] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        page = client.get("/api/grids", params={"limit": 2, "cursor": cursor}).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        pages += 1
    assert pages == 3
    assert seen == started[::-1]


def test_answers_come_in_pages(client: TestClient) -> None:
    grid_id = run_grid(client, repeats=5)
    seen: list[int] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        url = f"/api/grids/{grid_id}/answers"
        page = client.get(url, params={"limit": 4, "cursor": cursor}).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        pages += 1
    assert pages == 3
    assert len(seen) == len(set(seen)) == 10
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"prompts": []}, "at least 1 item"),
        ({"prompts": [{"text": " "}]}, "needs a text"),
        ({"models": ["openai-chat/gpt-5.2"]}, "OPENAI_API_KEY"),
        ({"models": ["x"]}, "provider/model-id"),
        ({"variants": [{"wording": "polite"}]}, "no wording “polite”"),
        ({"variants": [{"thinking": "maybe"}]}, "'default', 'off', 'on'"),
        ({"repeats": 0}, "greater than or equal to 1"),
        ({"repeats": 101}, "less than or equal to 100"),
        ({"colour": "red"}, "colour"),
        ({"title": "a\x00b"}, "NUL"),
    ],
)
def test_grid_that_makes_no_sense_is_refused_whole(
    shared_client: TestClient, changes: dict[str, Any], part: str
) -> None:
    assert_problem(shared_client.post("/api/grids", json=grid_input(**changes)), 422, part)
    assert shared_client.get("/api/grids").json() == {"items": [], "next": None}


def test_broken_json_is_a_problem_too(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    assert_problem(client.post("/api/grids", content="{", headers=headers), 422, "JSON")


def test_unknown_things_are_not_found(client: TestClient) -> None:
    for url in ("/api/grids/nothing", "/api/grids/nothing/answers", "/api/nothing"):
        assert_problem(client.get(url), 404, "address")
    assert_problem(client.put("/api/answers/9/label", json={"label": "correct"}), 404, "answer")
    assert_problem(client.post("/api/grids/nothing/cancellation"), 404, "address")
    assert_problem(client.put("/api/grids"), 405, "kind of request")


def test_label_is_set_changed_and_taken_away(client: TestClient) -> None:
    grid_id = run_grid(client)
    url = f"/api/answers/{first_answer(client, grid_id)['id']}/label"
    first = client.put(url, json={"label": "hallucinated", "note": "no", "reviewer": "Ada"})
    assert first.status_code == 200
    assert {**first.json(), "labelled_at": ""} == {
        "answer": first_answer(client, grid_id)["id"],
        "label": "hallucinated",
        "tags": [],
        "note": "no",
        "decides": False,
        "reviewer": "Ada",
        "labelled_at": "",
        "final": "hallucinated",
        "disputed": False,
    }
    assert client.put(url, json={"label": "correct"}).json()["reviewer"] == "api"
    answer = first_answer(client, grid_id)
    assert (answer["label"], answer["disputed"]) == (None, True)
    assert [la["reviewer"] for la in answer["labels"]] == ["Ada", "api"]
    assert client.delete(url).status_code == 204
    assert first_answer(client, grid_id)["label"] == "hallucinated"
    assert client.delete(url, params={"reviewer": "Ada"}).status_code == 204
    assert_problem(client.delete(url, params={"reviewer": "Ada"}), 404, "no label")
    assert_problem(client.put(url, json={"label": "bluff"}), 422, "hallucinated")
    assert_problem(client.put(url, json={"label": "correct", "reviewer": "\x00"}), 422, "NUL")


def test_truncated_and_empty_answers_are_counted_apart(client: TestClient) -> None:
    prompts = [{"text": f"Question {n}?"} for n in range(6)]
    grid_id = run_grid(client, models=["practice/flaky"], prompts=prompts, repeats=3)
    answers = client.get(f"/api/grids/{grid_id}/answers").json()["items"]
    without = [a for a in answers if a["outcome"] in ("empty", "truncated")]
    assert {a["outcome"] for a in without} == {"empty", "truncated"}
    for answer in without:
        response = client.put(f"/api/answers/{answer['id']}/label", json={"label": "abstained"})
        assert_problem(response, 409, f"This answer is {answer['outcome']}")
    progress = client.get(f"/api/grids/{grid_id}").json()["progress"]
    assert progress["labelled"] == 0
    assert progress["answered"] == progress["done"] - len(without)
    # The model's 429s were tried again, and that is on record.
    assert any(
        [t["error_status"] for t in a["attempts"]][:1] == [429] and a["state"] == "done"
        for a in answers
    )


def test_cancelled_grid_can_be_run_again(settings: Settings) -> None:
    settings.practice_latency_ms = 30_000
    with TestClient(create_app(settings), base_url=BASE_URL) as client:
        grid_id = client.post("/api/grids", json=grid_input(repeats=20)).json()["id"]
        url = f"/api/grids/{grid_id}"
        wait_for(lambda: client.get(url).json()["progress"]["running"] >= 8, "eight in flight")
        body = client.post(f"{url}/cancellation").json()
        assert body == {"id": grid_id, "status": "cancelled", "cancelled": 40}
        grid = wait_until_done(client, grid_id, deadline_s=2)
        assert grid["status"] == "cancelled"
        assert grid["progress"]["cancelled"] == 40  # type: ignore[index]
        assert client.post(f"{url}/reruns").json() == {"answers": 40}
        assert client.get(url).json()["status"] == "running"
        client.post(f"{url}/cancellation")


def test_nothing_to_run_again_is_a_conflict(client: TestClient) -> None:
    grid_id = run_grid(client)
    assert_problem(client.post(f"/api/grids/{grid_id}/reruns"), 409, "nothing to run again")


def test_models_say_whether_they_are_ready(client: TestClient) -> None:
    models = {m["id"]: m for m in client.get("/api/models").json()["items"]}
    assert models["practice/honest"]["ready"] is True
    assert models["practice/honest"]["practice"] is True
    opus = models["anthropic/claude-opus-4-6"]
    assert opus["ready"] is False
    assert "ANTHROPIC_API_KEY" in opus["reason"]


def test_models_with_a_key_are_ready(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-0123456789abcdef")
    with TestClient(create_app(settings), base_url=BASE_URL) as client:
        models = {m["id"]: m["ready"] for m in client.get("/api/models").json()["items"]}
    assert models["anthropic/claude-opus-4-6"] is True
    assert models["openai-chat/gpt-5.2"] is False


def test_every_operation_is_documented(client: TestClient) -> None:
    document = client.get("/api/openapi.json").json()
    page = client.get("/api/docs").text
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        assert path.startswith("/api/")
        assert path in page
        for operation in methods.values():
            assert operation["description"]
            assert "application/problem+json" in operation["responses"]["404"]["content"]
