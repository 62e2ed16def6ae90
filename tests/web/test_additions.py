"""The page that adds to a grid, over plain HTTP: what it offers, shows, runs and refuses."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import BASE_URL
from tests.factories import run_grid
from tests.polling import wait_until_done
from tests.web.test_pages import HTMX, chips, stored
from tests.wire import WireServer

NOTHING = {"prompt_text": [""], "prompt_references": [""], "repeats": "0"}
OPUS = "anthropic/claude-opus-5-5"  # cannot be asked to stop thinking


def add(client: TestClient, grid_id: str, **form: Any) -> Any:
    url = f"/grids/{grid_id}/additions"
    return client.post(url, data={**NOTHING, **form}, follow_redirects=False)


def preview(client: TestClient, grid_id: str, **form: Any) -> str:
    url = f"/grids/{grid_id}/additions/preview"
    return client.post(url, data={**NOTHING, **form}, headers=HTMX).text


def columns(html: str) -> list[str]:
    """The new columns a preview lists."""
    found = re.findall(r"<li><code>([^<]+)</code> ([^<]+)</li>", html)
    return [f"{model} {setting}" for model, setting in found]


def total(client: TestClient, grid_id: str) -> Any:
    return client.get(f"/api/grids/{grid_id}").json()["progress"]["total"]


def test_grid_page_leads_to_a_form_that_shows_what_is_there(client: TestClient) -> None:
    grid_id = run_grid(client, prompts=[{"key": "kalai-birthday"}], max_calls=50, max_cost_usd=2.5)
    url = f"/grids/{grid_id}/additions"
    assert (
        f'<a class="button for-owner" href="{url}">Add…</a>' in client.get(f"/grids/{grid_id}").text
    )
    page = client.get(url).text
    assert "<title>Add to Ds · Bluffcheck</title>" in page
    fixed = (
        r'<input type="checkbox" checked disabled> <span>([^<]+) <span class="limit">in the grid'
    )
    assert [name[:16] for name in re.findall(fixed, page)] == [
        "practice/bluffer", "practice/honest", "What is Adam Tau",
    ]  # fmt: skip
    assert 'name="repeats" inputmode="numeric" value="0"' in page
    assert 'name="max_calls" inputmode="numeric" value="50"' in page
    assert 'name="max_cost_usd" inputmode="decimal" value="2.50"' in page
    assert 'name="max_tokens" inputmode="numeric" value="16000"' in page
    assert "Nothing is added yet" in page
    assert f'formaction="{url}/draft"' in page
    assert client.get("/grids/nothing/additions").status_code == 404


def test_form_runs_only_what_is_missing(client: TestClient) -> None:
    grid_id = run_grid(client)
    url = f"/grids/{grid_id}"
    before = chips(client.get(url).text)
    response = add(
        client,
        grid_id,
        repeats="1",
        model=["practice/flaky"],
        wording=["forced"],
        prompt_text=["How many Ls are in SPELL?"],
        library=["kalai-birthday"],
    )
    assert (response.status_code, response.headers["location"]) == (303, url)
    wait_until_done(client, grid_id)
    page = client.get(url).text
    assert "3 prompts in 6 columns (model × thinking × wording), 3 repeats each" in page
    after = chips(page)
    assert len(after) == len(set(after)) == 3 * 6 * 3
    assert set(before) < set(after)
    answers = client.get(f"/api{url}/answers?limit=1000").json()["items"]
    assert [len(a["attempts"]) for a in answers if a["id"] in before] == [1] * 4


def shown(page: str) -> dict[str, str]:
    """What a page of additions says of the grid as it shows it."""
    return dict(re.findall(r'name="(had_\w+)" value="(\d+)"', page))


@pytest.mark.parametrize("given", [{"repeats": "2"}, {"model": "practice/flaky"}])
def test_form_sent_twice_adds_once(client: TestClient, given: dict[str, Any]) -> None:
    grid_id = run_grid(client)
    form = {**given, **shown(client.get(f"/grids/{grid_id}/additions").text)}
    with ThreadPoolExecutor(3) as pool:
        sent = list(pool.map(lambda _: add(client, grid_id, **form), range(3)))
    sent.append(add(client, grid_id, **form))
    assert [one.status_code for one in sent] == [303] * 4
    assert {one.headers["location"] for one in sent} == {f"/grids/{grid_id}"}
    assert total(client, grid_id) == (8 if "repeats" in given else 6)


def test_grid_that_was_added_to_meanwhile_is_looked_at_first(client: TestClient) -> None:
    grid_id = run_grid(client)
    before = shown(client.get(f"/grids/{grid_id}/additions").text)
    assert before == {"had_repeats": "2", "had_answers": "4"}
    add(client, grid_id, repeats="1")
    for given in ({"repeats": "2"}, {"model": "practice/flaky"}):
        late = add(client, grid_id, **before, **given)
        assert late.status_code == 409
        assert "Nothing was added." in late.text
        assert "Answers then: 4, in every cell 2; now: 6, in every cell 3." in late.text
        assert "there are 3 in every cell" in late.text
        assert total(client, grid_id) == 6
    now = shown(late.text)
    assert now == {"had_repeats": "3", "had_answers": "6"}
    assert add(client, grid_id, repeats="2", **now).status_code == 303
    assert total(client, grid_id) == 10
    odd = add(client, grid_id, repeats="2", had_repeats="many", had_answers="6")
    assert (odd.status_code, total(client, grid_id)) == (422, 10)


def test_preview_tells_what_is_new_and_writes_nothing(client: TestClient) -> None:
    grid_id = run_grid(client)
    before = stored(client)
    text = "Which <b>?"
    page = preview(
        client, grid_id, repeats="1", model="practice/flaky", thinking="on", prompt_text=text
    )
    assert "<b>32</b> calls" in page  # 3 models × 2 variants × 2 prompts × 3 repeats, without 4
    assert "4 answers are there and not called again: 36 in all" in page
    assert "<b>1</b> more repeat: 3 in every cell" in page
    assert columns(page) == [
        "practice/bluffer thinking on, allowed",
        "practice/honest thinking on, allowed",
        "practice/flaky thinking off, allowed",
        "practice/flaky thinking on, allowed",
    ]
    assert "<li>Which &lt;b&gt;?</li>" in page
    assert "Which &lt;b&gt;? If you are not sure, you may answer" in page
    assert 'id="thinking-choices" hx-swap-oob' in page
    assert stored(client) == before
    assert total(client, grid_id) == 4


def test_wording_alone_comes_with_the_settings_of_the_grid(client: TestClient) -> None:
    variants = [{"wording": "allowed", "thinking": t} for t in ("off", "on")]
    grid_id = run_grid(client, models=["practice/honest"], variants=variants)
    assert columns(preview(client, grid_id, wording="forced")) == [
        "practice/honest thinking off, forced",
        "practice/honest thinking on, forced",
    ]
    assert columns(preview(client, grid_id, wording="forced", thinking="high")) == [
        "practice/honest thinking high, forced"
    ]
    assert "allowed, thinking off is in the grid already" in preview(
        client, grid_id, wording="allowed"
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "Nothing is added yet: give further repeats, models, variants or prompts."),
        ({"model": "practice/honest"}, "practice/honest is in the grid already."),
        ({"repeats": "many"}, "repeats: Input should be a valid integer"),
        ({"repeats": "-1"}, "repeats: Input should be greater than or equal to 0"),
        ({"repeats": "99"}, "at most 100 repeats"),
        ({"model_extra": "gpt-5"}, "provider/model-id"),
        ({"model_extra": "openai-chat/gpt-5.2"}, "OPENAI_API_KEY"),
        ({"prompt_references": ["1"]}, "Prompt 1: text: a prompt needs a text"),
        ({"repeats": "1", "max_calls": "5"}, "would make 6 calls and is to stop above 5"),
    ],
)
def test_form_that_cannot_run_keeps_what_was_typed(
    shared_client: TestClient, shared_grid: str, change: dict[str, Any], sentence: str
) -> None:
    before = stored(shared_client)
    response = add(shared_client, shared_grid, system_prompt="You <are> terse.", **change)
    assert response.status_code == 422
    assert "Nothing was added." in response.text
    assert sentence in response.text
    assert "You &lt;are&gt; terse." in response.text
    if "repeats" in change:
        assert f'name="repeats" inputmode="numeric" value="{change["repeats"]}"' in response.text
    assert stored(shared_client) == before
    assert total(shared_client, shared_grid) == 4


def test_ceilings_can_be_raised_with_what_is_added(client: TestClient) -> None:
    grid_id = run_grid(client, max_calls=4)
    assert "is to stop above 4" in preview(client, grid_id, repeats="1")
    assert add(client, grid_id, repeats="1").status_code == 422
    raised = add(client, grid_id, repeats="1", max_calls="6", max_cost_usd="2,5")
    assert raised.status_code == 303
    grid = client.get(f"/api/grids/{grid_id}").json()
    assert (grid["max_calls"], grid["max_cost_usd"]) == (6, 2.5)


def test_prompts_can_be_added_and_removed_without_scripts(client: TestClient) -> None:
    grid_id = run_grid(client)
    url = f"/grids/{grid_id}/additions/draft"
    two = {**NOTHING, "prompt_text": ["First?", "Second?"], "repeats": "7"}
    added = client.post(url, data={**two, "action": "add"}).text
    assert added.count('name="prompt_text"') == 3
    removed = client.post(url, data={**two, "action": "remove-0"}).text
    assert "First?" not in removed
    assert "Second?" in removed
    assert 'name="repeats" inputmode="numeric" value="7"' in removed


@pytest.mark.usefixtures("wire")
def test_what_is_left_out_is_said_and_can_be_forced(client: TestClient) -> None:
    variants = [{"wording": "allowed", "thinking": "on"}]
    grid_id = run_grid(client, models=[OPUS, "practice/honest"], variants=variants, repeats=1)
    page = preview(client, grid_id, thinking="off")
    assert "<b>1</b> call<" in page
    assert f'<span class="off">{OPUS}, thinking off</span>' in page
    box = f'name="forced" value="off {OPUS}"'
    assert f"{box}>" in page
    assert f"{box} checked>" in preview(client, grid_id, thinking="off", forced=f"off {OPUS}")
    assert add(client, grid_id, thinking="off", forced=f"off {OPUS}").status_code == 303
    wait_until_done(client, grid_id)
    assert total(client, grid_id) == 4
    later = preview(client, grid_id, wording="forced")
    assert "As in the columns that are there." in later
    assert box not in later


def test_large_additions_begin_with_test_calls_of_what_is_new(
    settings: Settings, wire: WireServer
) -> None:
    few = settings.model_copy(update={"preflight_calls": 4})
    with TestClient(create_app(few), base_url=BASE_URL) as client:
        grid_id = run_grid(client, models=["openai-chat/one"])
        assert len(wire.calls) == 2
        assert "test call" not in preview(client, grid_id, repeats="4")
        add(client, grid_id, repeats="4")
        wait_until_done(client, grid_id)
        assert len(wire.calls) == 6
        page = preview(client, grid_id, model_extra="openai-chat/two")
        assert "First a small test call to 1 model, for each new thinking setting" in page
        add(client, grid_id, model_extra="openai-chat/two")
        wait_until_done(client, grid_id)
        assert len(wire.calls) == 6 + 1 + 6


def test_thinking_alone_passes_over_no_wording_that_was_archived(client: TestClient) -> None:
    wordings = [{"wording": name, "thinking": "off"} for name in ("allowed", "forced")]
    grid_id = run_grid(client, variants=wordings)
    client.post("/library/wordings/forced", data={"action": "archive"})
    url = f"/grids/{grid_id}/additions"
    answer = client.post(url, data={**NOTHING, "thinking": "on"})
    assert answer.status_code == 422
    assert "“forced”, archived in the library." in answer.text
    ticked = client.post(f"{url}/preview", data={**NOTHING, "thinking": "on", "wording": "allowed"})
    assert "<b>4</b> call" in ticked.text
    client.post("/library/wordings/forced", data={"action": "restore"})
    both = client.post(f"{url}/preview", data={**NOTHING, "thinking": "on"})
    assert "<b>8</b> call" in both.text
