"""The Models page: what is ready, search, one model, test calls."""

import re

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.factories import grid_input, run_grid
from tests.polling import wait_for
from tests.runner.starting import running
from tests.wire import WireServer
from tests.wire_scripts import Script

OPUS = "anthropic/claude-opus-5-5"
pytestmark = pytest.mark.usefixtures("wire")


def test_page_says_what_is_ready_and_what_to_set(client: TestClient) -> None:
    page = client.get("/models").text
    assert "Set MISTRAL_API_KEY in the environment or in .env and restart." in page
    assert "Nothing answered on port 11434: start Ollama, or set OLLAMA_HOST." in page
    assert f'href="/models/{OPUS}"' in page
    assert "always on; low, medium, high, xhigh, max" in page
    assert "$4.00 / $20.00" in page
    assert "At most 8 calls at once, 600 s each, and 120 s without a word." in page


def test_unreachable_server_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk_0123456789abcdef")
    monkeypatch.setenv("GROQ_BASE_URL", "http://127.0.0.1:9")
    with running(settings, discover=True) as client:

        def told() -> bool:
            return "Groq cannot be reached: nothing answers at 127.0.0.1:9." in page(client)

        wait_for(told, "the news that Groq does not answer")
        assert "does not answer" in page(client)


def page(client: TestClient) -> str:
    return client.get("/models").text


@pytest.mark.parametrize("q", ["OPUS-5-5", "claude opus 5.5", " opus-5-5 "])
def test_search_finds_by_id_and_title(shared_client: TestClient, q: str) -> None:
    found = shared_client.get("/models", params={"q": q}).text
    assert f'href="/models/{OPUS}"' in found
    assert "claude-opus-4-6" not in found
    assert "Mistral" not in found


def test_search_that_finds_nothing_says_what_to_do(client: TestClient) -> None:
    found = client.get("/models", params={"q": "<nothing>"}).text
    assert "contains “&lt;nothing&gt;”" in found
    assert "can still be typed" in found


def test_search_as_one_types_brings_the_list_alone(client: TestClient) -> None:
    part = client.get("/models", params={"q": "opus"}, headers={"HX-Request": "true"})
    assert part.headers["vary"] == "HX-Request"
    assert "<html" not in part.text
    assert OPUS in part.text


def test_long_lists_are_cut(settings: Settings, wire: WireServer) -> None:
    wire.models = {"data": [{"id": f"model-{n}"} for n in range(150)]}
    with running(settings, discover=True) as client:
        wait_for(lambda: "150 models" in page(client), "the list of models")
        assert "and 138 more: search for a part of the name." in page(client)
        found = client.get("/models", params={"q": "model-14"}).text
        assert "anthropic/model-149" in found


def test_model_page_says_what_is_sent_and_what_not(client: TestClient) -> None:
    page = client.get(f"/models/{OPUS}").text
    assert "This model always thinks: the API refuses to switch it off." in page
    assert "the API refuses it" in page
    assert "never sent, since this API refuses it for this model" in page
    assert "Not tested yet." in page
    assert f"/compose?model={OPUS}" in page


def test_any_id_of_a_provider_has_a_page(client: TestClient) -> None:
    page = client.get("/models/openai/some/new-id:beta")
    assert page.status_code == 200
    assert "Not in the list of this provider" in page.text


@pytest.mark.parametrize("model", ["nobody/x", "openai", "openai/", "openai/a%00b", "openai/a%0Ab"])
def test_what_is_no_model_has_no_page(shared_client: TestClient, model: str) -> None:
    assert shared_client.get(f"/models/{model}").status_code in (404, 422)


def test_compose_starts_with_the_model_asked_for(client: TestClient) -> None:
    page = client.get("/compose", params={"model": OPUS}).text
    assert f'value="{OPUS}" checked' in page
    assert page.count(" checked> <span>anthropic/") == 1
    assert page.count(" checked> <span>openai") == 0


def test_test_call_without_scripts_leads_to_the_model(client: TestClient, wire: WireServer) -> None:
    answer = client.post("/models/checks", data={"model": OPUS}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/models/{OPUS}")
    assert len(wire.calls) == 1
    page = client.get(f"/models/{OPUS}").text
    assert "It answers, and thinking is on." in page
    assert "Served by claude-opus-5-5-served." in page
    assert "on works" in client.get("/models").text


def test_test_call_with_scripts_brings_the_table(client: TestClient, wire: WireServer) -> None:
    wire.handler = lambda request: Script(status=401, error="<b>no</b>")
    part = client.post("/models/checks", data={"model": OPUS}, headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert "refused the API key (401): &lt;b&gt;no&lt;/b&gt;" in part.text


def test_test_call_of_nothing_is_refused(client: TestClient) -> None:
    for model in ("", "nobody/x"):
        assert client.post("/models/checks", data={"model": model}).status_code == 422


def test_api_tells_what_a_model_takes_and_tests_it(client: TestClient) -> None:
    items = {m["id"]: m for m in client.get("/api/models").json()["items"]}
    assert items[OPUS]["thinking"] == "always"
    assert items[OPUS]["levels"] == ["low", "medium", "high", "xhigh", "max"]
    assert items[OPUS]["cannot"]["off"].startswith("This model always thinks")
    answer = client.post("/api/models/checks", json={"model": OPUS}).raise_for_status().json()
    [result] = answer["items"]
    assert (result["thinking"], result["state"]) == ("on", "works")
    assert result["message"] == "It answers, and thinking is on."
    assert client.post("/api/models/checks", json={"model": "nobody/x"}).status_code == 422


def test_long_lists_offer_the_first_and_what_is_chosen(
    settings: Settings, wire: WireServer
) -> None:
    wire.models = {"data": [{"id": f"model-{n}"} for n in range(100)]}
    with running(settings, discover=True) as client:
        wait_for(lambda: "100 models" in page(client), "the list of models")
        compose = client.get("/compose", params={"model": "openai/model-77"}).text
    ticks = re.findall(r'name="model" value="openai/(model-\d+)"', compose)
    assert ticks == [*(f"model-{n}" for n in range(12)), "model-77"]
    assert "These are the first of 100." in compose
    assert '<option value="openai/model-99">' in compose


def test_list_can_be_asked_for_again(client: TestClient, wire: WireServer) -> None:
    wire.models = {"data": [{"id": "brand-new"}]}
    answer = client.post("/models/lists", data={"provider": "anthropic"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/models#provider-anthropic")
    assert "anthropic/brand-new" in page(client)
    wire.models = {"error": "no list today"}
    client.post("/models/lists", data={"provider": "anthropic"})
    assert "Its models could not be listed: Anthropic sent something that is not a list" in page(
        client
    )
    assert client.post("/models/lists", data={"provider": "nobody"}).status_code == 404


def test_forced_setting_is_sent_and_on_record(client: TestClient, wire: WireServer) -> None:
    variants = [{"wording": "allowed", "thinking": thinking} for thinking in ("off", "on")]
    given = grid_input(models=[OPUS], variants=variants, repeats=1)
    left_out = client.post("/api/grids", json=given).raise_for_status().json()
    assert (left_out["answers"], len(left_out["left_out"])) == (1, 1)

    grid_id = run_grid(client, **{**given, "forced": {OPUS: ["off"]}})
    assert client.get(f"/api/grids/{grid_id}").json()["forced"] == {OPUS: ["off"]}
    answers = client.get(f"/api/grids/{grid_id}/answers").json()["items"]
    assert {(a["thinking_requested"], a["thinking_forced"]) for a in answers} == {
        ("off", True),
        ("on", False),
    }
    assert {"type": "disabled"} in [call.body["thinking"] for call in wire.calls]


def test_unknown_setting_cannot_be_forced(client: TestClient) -> None:
    given = grid_input(models=[OPUS], forced={OPUS: ["sideways"]})
    assert client.post("/api/grids", json=given).status_code == 422


def test_forced_setting_survives_a_form_that_is_not_ready(client: TestClient) -> None:
    forced = f"off {OPUS}"
    fields = {"prompt_text": "", "model": OPUS, "wording": "allowed", "thinking": "off"}
    for address in ("/compose", "/compose/preview"):
        part = client.post(address, data={**fields, "forced": forced})
        assert f'<input type="hidden" name="forced" value="{forced}">' in part.text
