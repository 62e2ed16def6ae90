"""How fast providers may be called: the form on the Models page, and the API."""

import re

import pytest
from fastapi.testclient import TestClient

from tests.polling import wait_for, wait_until_done
from tests.runner.starting import ended, start
from tests.wire import WireServer
from tests.wire_scripts import Script

pytestmark = pytest.mark.usefixtures("wire")


def forms(page: str) -> dict[str, str]:
    """The forms of the page, by account."""
    found = re.findall(r'<details class="limits".*?</details>', page, re.DOTALL)
    return {re.findall(r'name="account" value="([^"]+)"', form)[0]: form for form in found}


def limits(client: TestClient) -> dict[str, dict[str, object]]:
    return {item["account"]: item for item in client.get("/api/limits").json()["items"]}


def test_each_account_that_is_ready_has_one_form(client: TestClient) -> None:
    page = client.get("/models").text
    assert list(forms(page)) == ["anthropic", "openai", "practice"]
    assert "Of OpenAI and OpenAI (Chat Completions) together" in forms(page)["openai"]
    assert '<a href="#limits-openai">see there</a>' in page
    assert "none set" in forms(page)["openai"]
    assert 'placeholder="8 (the setting)"' in forms(page)["openai"]


def test_limits_are_saved_and_taken_away(client: TestClient) -> None:
    form = {"account": "openai", "calls": "3", "requests_per_minute": " 1 ",
            "tokens_per_minute": "30000"}  # fmt: skip
    saved = client.post("/models/limits", data=form, follow_redirects=False)
    assert saved.status_code == 303
    assert saved.headers["location"] == "/models#limits-openai"
    shown = forms(client.get("/models").text)["openai"]
    assert "3 calls in flight, 1 request a minute, 30,000 tokens a minute" in shown
    assert 'value="30000"' in shown
    assert "At most 3 calls at once" in client.get("/models").text
    client.post("/models/limits", data={"account": "openai", "calls": "", "tokens_per_minute": ""})
    assert "none set" in forms(client.get("/models").text)["openai"]


@pytest.mark.parametrize("wrong", ["many", "0", "-1", "1.5", "1,000", "9" * 30, "<b>"])
def test_form_that_makes_no_sense_keeps_what_was_typed(
    shared_client: TestClient, wrong: str
) -> None:
    form = {"account": "practice", "calls": "5", "requests_per_minute": wrong}
    page = shared_client.post("/models/limits", data=form)
    assert page.status_code == 422
    shown = forms(page.text)["practice"]
    assert "Nothing was saved.</strong> requests per minute: " in shown
    assert '<details class="limits" open>' in shown
    assert re.search(r'name="calls" [^>]* value="5"', shown)
    assert wrong.replace("<", "&lt;").replace(">", "&gt;") in shown
    assert page.text.count("Nothing was saved.") == 1
    assert limits(shared_client)["practice"]["calls"] is None


def test_unknown_account_is_refused(client: TestClient) -> None:
    assert client.post("/models/limits", data={"account": "nobody"}).status_code == 404
    assert client.post("/models/limits", data={}).status_code == 404
    response = client.put("/api/limits/nobody", json={})
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_api_lists_and_sets_limits(client: TestClient) -> None:
    assert limits(client)["openai"] == {
        "account": "openai",
        "providers": ["openai", "openai-chat"],
        "ready": True,
        "calls": None,
        "usual_calls": 8,
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "waits_s": 0,
    }
    assert limits(client)["mistral"]["ready"] is False
    response = client.put("/api/limits/openai", json={"requests_per_minute": 50})
    assert response.status_code == 200
    assert response.json() == limits(client)["openai"]
    assert response.json()["requests_per_minute"] == 50
    cleared = client.put("/api/limits/openai", json={"calls": 2}).json()
    assert (cleared["calls"], cleared["requests_per_minute"]) == (2, None)
    for wrong in ({"calls": 0}, {"calls": 1001}, {"rpm": 5}, {"tokens_per_minute": "many"}):
        assert client.put("/api/limits/openai", json=wrong).status_code == 422


def test_limits_are_kept_to(client: TestClient, wire: WireServer) -> None:
    wire.handler = lambda request: Script(delay_s=0.05)
    client.put("/api/limits/openai", json={"calls": 1}).raise_for_status()
    grid_id = start(client, "openai-chat/x", "openai/x", repeats=5)
    wait_until_done(client, grid_id)
    assert (len(wire.calls), wire.max_in_flight) == (10, 1)


def test_waiting_shows_on_both_pages(client: TestClient) -> None:
    client.put("/api/limits/openai", json={"requests_per_minute": 1}).raise_for_status()
    grid_id = start(client, "openai-chat/x", repeats=2)
    wait_for(lambda: float(str(limits(client)["openai"]["waits_s"])) > 1, "the wait")
    assert re.search(r"waiting \d+ s for its turn", forms(client.get("/models").text)["openai"])
    page = client.get(f"/grids/{grid_id}").text
    [notice] = re.findall(r'<span id="runner-notice".*?</span></span>', page)
    assert re.search(r"Waiting for OpenAI \(\d+ s\)</span>", notice)
    # A screen reader is told once, not every second.
    assert '<span class="sr" role="status">Waiting for OpenAI: its limit is used up.' in notice
    cancelled = client.post(f"/grids/{grid_id}/cancellation").text
    assert re.search(r'id="runner-notice" class="waits" hidden>', cancelled)
    ended(client, grid_id)
