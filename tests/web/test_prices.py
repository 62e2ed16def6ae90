"""Prices by page and by API: entered, removed, refused; and what that does to costs."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.pricing.prices import LIST_DATE, LIST_VERSION, LISTED
from app.tables import now
from tests.factories import run_grid
from tests.wire import WireServer

GPT = "openai-chat/gpt-5.2"
FORM = {"model": GPT, "input_usd": "1,5", "output_usd": "1000000", "note": "from the invoice"}
pytestmark = pytest.mark.usefixtures("wire")


def prices(client: TestClient, **query: str) -> Any:
    return client.get("/api/prices", params=query).raise_for_status().json()


def sources(client: TestClient, grid_id: str) -> set[tuple[float | None, str]]:
    items = client.get(f"/api/grids/{grid_id}/answers").json()["items"]
    return {(item["cost_usd"], item["cost_source"]) for item in items}


def test_list_price_is_shown_with_its_date(client: TestClient) -> None:
    page = client.get(f"/models/{GPT}").text
    assert "$1.75 in, $14.00 out, $0.175 cached in per million tokens" in page
    assert f"{LISTED}, as published on {LIST_DATE}" in page
    assert prices(client, model=GPT) == {
        "items": [],
        "in_force": {
            "model": GPT, "input_usd": 1.75, "output_usd": 14.0, "cached_usd": 0.175,
            "source": LISTED, "note": f"as published on {LIST_DATE}", "tiered": False,
        },
        "list_version": LIST_VERSION,
        "list_date": LIST_DATE.isoformat(),
    }  # fmt: skip
    assert prices(client, model="openai-chat/plain")["in_force"] is None
    assert prices(client)["in_force"] is None


def test_price_entered_by_form_changes_costs_and_can_be_removed(client: TestClient) -> None:
    grid_id = run_grid(client, models=[GPT])
    before = sources(client, grid_id)
    answer = client.post("/models/prices", data=FORM, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/models/{GPT}#prices")

    today = now().date()
    assert sources(client, grid_id) == {(7 + 11 * 1.5e-6, f"own price of {today}")}
    page = client.get(f"/models/{GPT}").text
    assert f"from {today}: $1.50 in, $1,000,000.00 out" in page
    assert "from the invoice" in page
    assert f"own price of {today}, from the invoice" in page
    later = run_grid(client, models=[GPT], max_cost_usd=200)  # the runner knows it too
    assert sources(client, later) == sources(client, grid_id)

    [number] = re.findall(r'name="price" value="(\d+)"', page)
    gone = client.post("/models/prices/removal", data={"price": number}, follow_redirects=False)
    assert (gone.status_code, gone.headers["location"]) == (303, f"/models/{GPT}#prices")
    assert sources(client, grid_id) == sources(client, later) == before
    for wrong in (number, "", "x", "9" * 30):
        assert client.post("/models/prices/removal", data={"price": wrong}).status_code == 404


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"input_usd": "-1"}, "input usd: Input should be greater than or equal to 0"),
        ({"input_usd": "1,000"}, "input usd: Input should be a valid number"),
        ({"output_usd": "a lot"}, "output usd: Input should be a valid number"),
        ({"output_usd": ""}, "output usd: Field required"),
        ({"cached_usd": "nan"}, "cached usd: Input should be a finite number"),
        ({"valid_from": "tomorrow"}, "valid from: Input should be a valid date"),
        ({"valid_from": "1066-10-14"}, "between 2000 and 2099"),
        ({"model": "nobody/x"}, "There is no provider"),
        ({"model": "gpt-5.2"}, "provider/model-id"),
        ({"model": ""}, "provider/model-id"),
        ({"model": "practice/honest"}, "costs nothing"),
        ({"model": "openai-chat/a\0b"}, "cannot be the id of a model"),
    ],
)
def test_form_that_makes_no_sense_comes_back_as_typed(
    shared_client: TestClient, change: dict[str, str], sentence: str
) -> None:
    typed = {**FORM, "note": "<b>my note</b>", **change}
    answer = shared_client.post("/models/prices", data=typed)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert prices(shared_client)["items"] == []
    if typed["model"] == GPT:
        assert answer.text.count("Nothing was saved.") == 1
        assert 'value="&lt;b&gt;my note&lt;/b&gt;"' in answer.text
        assert 'value="1,5"' in answer.text or "input_usd" in change


def test_price_by_api(client: TestClient) -> None:
    grid_id = run_grid(client, models=["openai-chat/plain"])
    assert sources(client, grid_id) == {(None, "")}
    body = {
        "model": "openai-chat/plain",
        "input_usd": 0,
        "output_usd": 0,
        "valid_from": "2027-01-01",
    }
    made = client.post("/api/prices", json=body)
    assert made.status_code == 201
    item = {**body, "id": made.json()["id"], "cached_usd": None, "note": ""}
    assert made.json() == item
    assert prices(client)["items"] == prices(client, model="openai-chat/plain")["items"] == [item]
    assert prices(client, model=GPT)["items"] == []
    assert sources(client, grid_id) == {(0.0, "own price of 2027-01-01")}  # better than none

    again = client.post("/api/prices", json=body)
    assert (again.status_code, "remove that one first" in again.json()["detail"]) == (409, True)
    for wrong, part in (
        ({"input_usd": -1}, "greater than or equal to 0"),
        ({"input_usd": "x"}, "valid number"),
        ({"valid_from": "soon"}, "valid date"),
        ({"model": "nobody/x"}, "There is no provider"),
        ({"currency": "EUR"}, "currency"),
    ):
        refused = client.post("/api/prices", json=body | wrong)
        assert (refused.status_code, part in refused.json()["detail"]) == (422, True), refused.text
    assert client.get("/api/prices", params={"model": "nobody/x"}).status_code == 422

    url = f"/api/prices/{item['id']}"
    assert client.delete(url).status_code == 204
    assert client.delete(url).status_code == 404
    assert client.delete("/api/prices/0").status_code == 422
    assert sources(client, grid_id) == {(None, "")}


def test_preview_tells_the_cost_and_what_is_unknown(client: TestClient) -> None:
    form = {
        "prompt_text": "How many?", "model": [GPT, "openai-chat/plain"], "wording": "as-published",
        "thinking": "off", "repeats": "10", "max_tokens": "1000",
    }  # fmt: skip
    preview = client.post("/compose/preview", data=form).text
    assert (
        "About <b>$0.0085</b>, at most $0.14 if every answer used its whole output cap" in preview
    )
    assert "n/a for <code>openai-chat/plain</code>: no price known" in preview
    assert 'href="/models"' in preview
    assert "cannot be counted against the ceiling" in preview
    nothing = client.post("/compose/preview", data={**form, "model": "openai-chat/plain"}).text
    assert "Cost: <b>n/a</b>" in nothing
    free = client.post("/compose/preview", data={**form, "model": "practice/honest"}).text
    assert "About <b>$0</b>" in free

    estimate = client.post(
        "/api/estimates",
        json={
            "prompts": [{"text": "How many?"}], "models": [GPT, "openai-chat/plain"], "repeats": 10,
            "variants": [{"thinking": "off", "max_tokens": 1000}], "max_calls": 19,
        },
    ).json()  # fmt: skip
    assert (estimate["calls"], estimate["unknown"]) == (20, ["openai-chat/plain"])
    assert estimate["expected_usd"] == pytest.approx((30 * 1.75 + 600 * 14) / 1e6)
    assert estimate["at_most_usd"] == pytest.approx((30 * 1.75 + 10_000 * 14) / 1e6)
    assert estimate["problem"].startswith("This grid would make 20 calls")
    assert (estimate["max_calls"], estimate["max_cost_usd"]) == (19, 10.0)
    assert estimate["models"][0] == {
        "model": GPT, "calls": 10, "input_tokens": 30, "output_tokens": 600,
        "basis": "assumed without thinking",
        "expected_usd": estimate["expected_usd"], "at_most_usd": estimate["at_most_usd"],
    }  # fmt: skip
    assert client.get("/api/grids").json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"max_calls": "9"}, "would make 10 calls and is to stop above 9. Raise that ceiling"),
        ({"max_cost_usd": "0,001"}, "would cost about $0.0085 and is to stop above $0.001."),
        ({"max_cost_usd": "free"}, "max cost usd: Input should be a valid number"),
    ],
)
def test_form_over_its_ceilings_keeps_what_was_typed(
    client: TestClient, wire: WireServer, change: dict[str, str], sentence: str
) -> None:
    form = {
        "prompt_text": "How many?", "model": GPT, "wording": "as-published", "thinking": "off",
        "repeats": "10", "title": "My title", **change,
    }  # fmt: skip
    if "a valid number" not in sentence:
        assert sentence in client.post("/compose/preview", data=form).text
    refused = client.post("/grids", data=form)
    assert refused.status_code == 422
    assert sentence in refused.text
    assert 'value="My title"' in refused.text
    [(name, typed)] = change.items()
    assert f'name="{name}" inputmode=' in refused.text
    assert f'value="{typed}"' in refused.text
    assert wire.calls == []


def test_ceilings_are_preset_and_kept_with_the_grid(client: TestClient) -> None:
    client.app.state.services.settings.max_cost_default = 2.5  # type: ignore[attr-defined]
    page = client.get("/compose").text
    assert 'name="max_calls" inputmode="numeric" value="1000"' in page
    assert 'name="max_cost_usd" inputmode="decimal" value="2.50"' in page
    grid = client.get(f"/api/grids/{run_grid(client, models=[GPT])}").json()
    assert (grid["max_calls"], grid["max_cost_usd"]) == (1000, 2.5)
    named = run_grid(client, models=[GPT], max_calls=2, max_cost_usd=7)
    grid = client.get(f"/api/grids/{named}").json()
    assert (grid["max_calls"], grid["max_cost_usd"]) == (2, 7.0)


def test_estimate_says_what_the_start_would_be_refused_for(client: TestClient) -> None:
    most = client.app.state.services.settings.max_answers  # type: ignore[attr-defined]
    prompts = [{"text": f"Question {n}?"} for n in range(most // 100 + 1)]
    given = {"prompts": prompts, "models": ["practice/honest"], "max_calls": 2 * most}
    for repeats, starts in ((99, True), (100, False)):
        found = client.post("/api/estimates", json={**given, "repeats": repeats}).json()
        assert found["calls"] == repeats * len(prompts)
        assert (found["problem"] == "") == starts
    refused = client.post("/api/grids", json={**given, "repeats": 100})
    assert refused.status_code == 422
    assert refused.json()["detail"] == found["problem"]
