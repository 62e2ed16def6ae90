"""The pages over plain HTTP: what they show, and that bad input loses nothing."""

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import func, select

from app.grid.look import LABELS, ONLY, OUTCOMES
from app.reviewing.said import TAGS
from app.tables import Grid, Prompt
from app.web import home
from tests.factories import run_grid
from tests.polling import wait_until_done

FORM = {
    "prompt_text": ["How many Ls are in SPELL?"],
    "prompt_references": ["2\r\n two"],
    "model": ["practice/honest", "practice/bluffer"],
    "wording": ["not-mentioned", "allowed"],
    "thinking": ["off"],
    "repeats": "2",
}
HTMX = {"HX-Request": "true"}


def stored(client: TestClient) -> tuple[int, int]:
    """How many grids and prompts there are."""
    services = client.app.state.services  # type: ignore[attr-defined]
    with services.database.read() as session:
        count = [session.exec(select(func.count()).select_from(t)).one() for t in (Grid, Prompt)]
        return count[0], count[1]


def chips(html: str) -> list[int]:
    return [int(n) for n in re.findall(r'class="chip" id="a-(\d+)"', html)]


def test_home_offers_the_example_and_recent_grids(client: TestClient) -> None:
    assert "Run it with practice models" in client.get("/").text
    assert "None yet." in client.get("/").text
    grid_id = run_grid(client, title="My first grid")
    assert f'<a href="/grids/{grid_id}">My first grid</a>' in client.get("/").text


def test_all_grids_can_be_reached(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "RECENT", 1)
    monkeypatch.setattr(home, "PAGE", 2)
    started = [run_grid(client, title=f"Grid {n}") for n in range(5)]
    link = re.compile(r'<a href="(/\?all=1[^"]*)#grids">(?:Show all|Older) grids')
    seen: list[str] = []
    html, pages = client.get("/").text, 0
    assert re.findall(r"/grids/(\w+)\">Grid", html) == started[-1:]
    while (found := link.search(html)) is not None:
        html = client.get(unescape(found[1])).text
        seen += re.findall(r"/grids/(\w+)\">Grid", html)
        pages += 1
    assert pages == 3
    assert seen == started[::-1]
    assert "← The newest" in html
    assert "None is older." in client.get("/?all=1&before=1").text


def test_page_of_an_error_asks_nobody_again_who_they_are(client: TestClient) -> None:
    client.post("/reviewer", data={"name": "Ada", "next": "/"})
    assert "Ada" in client.get("/").text
    lost = client.get("/grids/gone")
    assert lost.status_code == 404
    assert "Who is reviewing?" not in lost.text


def test_example_runs_the_papers_prompts(client: TestClient) -> None:
    response = client.post("/example", follow_redirects=False)
    assert response.status_code == 303
    grid_id = response.headers["location"].rpartition("/")[2]
    grid = wait_until_done(client, grid_id)
    assert grid["progress"]["total"] == 108  # type: ignore[index]
    assert [p["key"] for p in grid["prompts"]] == [  # type: ignore[attr-defined]
        "kalai-birthday", "deepseek-ds", "kalai-dissertation",
    ]  # fmt: skip


def test_example_that_is_pressed_twice_runs_once(client: TestClient) -> None:
    [form] = re.findall(r'<form[^>]*action="/example">.*?</form>', client.get("/").text)
    [form_id] = re.findall(r'name="form_id" value="([^"]+)"', form)
    started = [client.post("/example", data={"form_id": form_id}).url for _ in range(2)]
    assert started[0] == started[1]
    assert len(client.get("/api/grids").json()["items"]) == 1


def test_example_with_a_key_is_set_up_first(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = client.get("/compose?start=paper").text
    assert page.count('name="library"') == 7
    assert len(re.findall(r'name="library" value="[^"]+" checked', page)) == 3


def test_form_starts_a_grid(client: TestClient) -> None:
    response = client.post("/grids", data=FORM, follow_redirects=False)
    assert response.status_code == 303
    page = client.get(response.headers["location"]).text
    assert len(chips(page)) == 2 * 2 * 2
    assert "<title>How many Ls are in SPELL? · Bluffcheck</title>" in page
    assert "1 prompt in 4 columns (model × thinking × wording), 2 repeats each" in page
    assert 'property="og:title"' in page
    grid = wait_until_done(client, response.headers["location"].rpartition("/")[2])
    assert grid["prompts"][0]["references"] == ["2", "two"]  # type: ignore[index]


def form_id(page: str) -> str:
    return str(re.findall(r'name="form_id" value="(\w+)"', page)[0])


def start(client: TestClient, **form: Any) -> str:
    """The id of the grid that the form leads to."""
    response = client.post("/grids", data={**FORM, **form}, follow_redirects=False)
    assert response.status_code == 303, response.text
    return str(response.headers["location"])[len("/grids/") :]


@pytest.mark.parametrize("url", ["/", "/compose"])
def test_form_sent_twice_starts_one_grid(client: TestClient, url: str) -> None:
    this = form_id(client.get(url).text)
    with ThreadPoolExecutor(3) as pool:
        [grid_id] = set(pool.map(lambda _: start(client, form_id=this), range(3)))
    wait_until_done(client, grid_id)
    client.post(f"/grids/{grid_id}/additions", data={"repeats": "1"})
    assert start(client, form_id=this) == grid_id
    assert stored(client)[0] == 1


def test_form_that_was_changed_starts_another_grid(client: TestClient) -> None:
    this = form_id(client.get("/compose").text)
    first = start(client, form_id=this)
    changed = start(client, form_id=this, repeats="1")
    assert changed != first
    assert start(client, form_id=this, repeats="1") == changed
    assert start(client, form_id=form_id(client.get("/compose").text)) not in (first, changed)
    assert start(client, form_id=first) not in (first, changed)  # a grid's id is no form's


def test_grid_that_was_deleted_is_started_anew(client: TestClient) -> None:
    this = form_id(client.get("/compose").text)
    first = start(client, form_id=this)
    wait_until_done(client, first)
    client.post(f"/grids/{first}/deletion")
    assert client.get(f"/grids/{first}").status_code == 404
    assert start(client, form_id=this) != first


def test_form_keeps_its_id_until_it_is_another_form(client: TestClient) -> None:
    this = form_id(client.get("/").text)
    form = {**FORM, "form_id": this}
    assert form_id(client.post("/compose", data={**form, "action": "add"}).text) == this
    wrong = client.post("/grids", data={**form, "repeats": "0"})
    assert (wrong.status_code, form_id(wrong.text)) == (422, this)
    like = client.get(f"/compose?like={start(client, form_id=this)}").text
    probe = client.post("/compose/probe", data={"probe": "no"}).text
    assert len({this, form_id(like), form_id(probe), form_id(client.get("/").text)}) == 4
    for odd in ("", "x", "<b>" + this, this + "2"):
        again = form_id(client.post("/compose", data={**FORM, "form_id": odd}).text)
        assert again not in (this, odd)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"prompt_text": [""], "prompt_references": [""]}, "Write a prompt, or pick one"),
        ({"model": []}, "Choose at least one model."),
        ({"wording": []}, "Choose at least one wording."),
        ({"thinking": []}, "Choose at least one thinking setting."),
        ({"repeats": "many"}, "repeats: Input should be a valid integer"),
        ({"repeats": "0"}, "repeats: Input should be greater than or equal to 1"),
        ({"model_extra": "gpt-5"}, "provider/model-id"),
        ({"temperature": "hot"}, "temperature: Input should be a valid number"),
        ({"prompt_text": [""]}, "Prompt 1: text: a prompt needs a text"),
        ({"prompt_text": ["a\0b"]}, "NUL character"),
        ({"repeats": "99", "model_extra": "practice/thinker", "thinking": ["off", "on"] * 20},
         ""),
    ],
)  # fmt: skip
def test_form_that_cannot_start_keeps_what_was_typed(
    shared_client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    sentence: str,
) -> None:
    if not sentence:
        settings = shared_client.app.state.services.settings  # type: ignore[attr-defined]
        monkeypatch.setattr(settings, "max_answers", 100)
        sentence = "at most 100 are allowed"
    before = stored(shared_client)
    form = {**FORM, "title": "My title", "system_prompt": "You <are> terse.", **change}
    response = shared_client.post("/grids", data=form, follow_redirects=False)
    assert response.status_code == 422
    assert "Nothing was started." in response.text
    assert sentence in response.text
    assert 'value="My title"' in response.text
    assert "You &lt;are&gt; terse." in response.text
    assert stored(shared_client) == before


def test_prompts_can_be_added_and_removed_without_scripts(client: TestClient) -> None:
    two = {**FORM, "prompt_text": ["First?", "Second?"], "prompt_references": ["1", "2"]}
    added = client.post("/compose", data={**two, "action": "add"}).text
    assert added.count('name="prompt_text"') == 3
    removed = client.post("/compose", data={**two, "action": "remove-0"}).text
    assert "First?" not in removed
    assert "Second?" in removed
    assert 'value="practice/thinker" checked' not in removed  # ticks are kept as they were


def test_preview_shows_the_words_and_writes_nothing(client: TestClient) -> None:
    before = stored(client)
    preview = client.post("/compose/preview", data=FORM).text
    assert "<b>8</b> calls" in preview
    assert "How many Ls are in SPELL? If you are not sure, you may answer" in preview
    assert "&#34;thinking&#34;: &#34;off&#34;" in preview
    assert stored(client) == before


def test_preview_warns_of_a_prompt_with_its_own_way_out(client: TestClient) -> None:
    form = {**FORM, "prompt_text": ["Who? If you know, say it."]}
    assert "offers a way out in its own words" in client.post("/compose/preview", data=form).text


def test_grid_page_is_shaped_by_its_address(client: TestClient) -> None:
    grid_id = run_grid(client)
    page = client.get(f"/grids/{grid_id}?show=abstained&density=lines").text
    assert 'data-density="lines"' in page
    for name, value in (("density", "lines"), ("label", "abstained")):
        assert f'<input type="hidden" name="{name}" value="{value}">' in page
    assert "No answer matches." in page
    assert chips(page) == []
    assert client.get(f"/grids/{grid_id}?density=huge").status_code == 422


def test_unknown_addresses_get_a_page_that_helps(client: TestClient) -> None:
    for url in ("/grids/nothing", "/nothing", "/library/prompts/nothing"):
        response = client.get(url)
        assert response.status_code == 404
        assert "Go to the start page" in response.text
    partial = client.get("/grids/nothing/answers/1", headers=HTMX)
    assert partial.text.startswith('<div class="error" role="alert">')


def test_answer_is_a_page_and_a_drawer(client: TestClient) -> None:
    grid_id = run_grid(client, models=["practice/honest"])
    answer = chips(client.get(f"/grids/{grid_id}").text)[0]
    url = f"/grids/{grid_id}/answers/{answer}"
    whole, part = client.get(url), client.get(url, headers=HTMX)
    assert whole.text.startswith("<!doctype html>")
    assert part.text.startswith('<article class="answer"')
    for shown in ('<pre class="answer-text" tabindex="0">1</pre>', "Message as sent", "no field"):
        assert (shown in whole.text) == (shown in part.text)
    other = run_grid(client)
    assert client.get(f"/grids/{other}/answers/{answer}").status_code == 404


def test_label_by_plain_form_asks_for_a_name_once(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer = chips(client.get(f"/grids/{grid_id}").text)[0]
    url = f"/answers/{answer}/label"
    assert "Who is reviewing?" in client.post(url, data={"value": "correct"}).text
    client.post("/reviewer", data={"name": " Ada  Lovelace ", "next": "/library"})
    page = client.post(url, data={"value": "hallucinated", "note": "no"})
    assert page.url.path == f"/grids/{grid_id}/answers/{answer}"
    assert "Ada Lovelace" in page.text
    cleared = client.post(url, data={"value": "none"})
    assert 'aria-pressed="true"' not in cleared.text
    assert client.post(url, data={"value": "bluff"}).status_code == 422


def test_label_by_key_answers_with_what_changed(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer = chips(client.get(f"/grids/{grid_id}").text)[0]
    url = f"/answers/{answer}/label?since=9999"
    unnamed = client.put(url, data={"value": "correct"}, headers=HTMX)
    assert unnamed.status_code == 428
    client.post("/reviewer", data={"name": "Ada"})
    response = client.put(url, data={"value": "correct"}, headers=HTMX)
    assert answer in chips(response.text)
    assert 'data-status="correct"' in response.text
    counts = len(re.findall(r'<span class="n[^>]*hx-swap-oob="outerMorph"', response.text))
    assert counts == len(LABELS) + len(OUTCOMES) + len(ONLY) + len(TAGS) + 1
    # The chip and one that equals it, the columns, the rest.
    assert response.text.count('hx-swap-oob="outerMorph"') == (
        counts + len(chips(response.text)) + 2 + 3
    )
    assert 'data-status="unlabelled"' in client.put(url, data={"value": "none"}, headers=HTMX).text


def test_name_form_leads_nowhere_else(client: TestClient) -> None:
    for target in ("//evil.example", "https://evil.example", "/\\evil.example", "evil"):
        response = client.post(
            "/reviewer", data={"name": "Ada", "next": target}, follow_redirects=False
        )
        assert response.headers["location"] == "/"
    assert client.post("/reviewer", data={"name": ""}).status_code == 422


def test_library_keeps_what_was_typed_when_it_cannot_save(client: TestClient) -> None:
    response = client.post("/library/prompts/new", data={"text": " ", "source": "A book"})
    assert response.status_code == 422
    assert "a prompt needs a text" in response.text
    assert 'value="A book"' in response.text
    wording = client.post(
        "/library/wordings/new", data={"title": "Mine", "opt_out": "−{penalty}", "target": ""}
    )
    assert wording.status_code == 422
    assert "needs a target" in wording.text
    assert "−{penalty}</textarea>" in wording.text
    fixed = client.post(
        "/library/wordings/new", data={"title": "Mine", "opt_out": "−{penalty}", "target": "0,8"}
    )
    assert fixed.url.path == "/library"
    assert "−4" in client.get("/library/wordings/mine").text


def test_models_page_names_the_variable_to_set(client: TestClient) -> None:
    assert "Set OPENAI_API_KEY in the environment" in client.get("/models").text


def events(client: TestClient, url: str, **headers: str) -> list[dict[str, str]]:
    """A stream until its end, as (event, data, id) of each message."""
    found = []
    with client.stream("GET", url, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for block in "".join(response.iter_text()).split("\n\n"):
            fields: dict[str, str] = {}
            for line in block.split("\n"):
                name, _, value = line.partition(": ")
                fields[name] = fields[name] + "\n" + value if name in fields else value
            if "data" in fields:
                found.append(fields)
    return found


def test_stream_sends_changes_and_ends_when_the_grid_is_done(client: TestClient) -> None:
    grid_id = client.post("/grids", data=FORM, follow_redirects=False).headers["location"][7:]
    found = events(client, f"/grids/{grid_id}/events?since=0")
    assert found[-1]["event"] == "done"
    assert len({n for message in found for n in chips(message["data"])}) == 8
    numbers = [int(message["id"]) for message in found]
    assert numbers == sorted(numbers)


def test_stream_goes_on_where_it_was(client: TestClient) -> None:
    grid_id = run_grid(client)
    url = f"/grids/{grid_id}/events?since=0"
    last = events(client, url)[-1]["id"]
    assert [m["event"] for m in events(client, url, **{"Last-Event-ID": last})] == ["done"]
    before = str(int(last) - 1)
    resumed = events(client, url, **{"Last-Event-ID": before})
    assert len(chips(resumed[0]["data"])) >= 1
    assert resumed[0]["id"] == last


def test_polling_gets_the_same_fragments(client: TestClient) -> None:
    grid_id = run_grid(client)
    streamed = events(client, f"/grids/{grid_id}/events?since=0")[0]["data"]
    polled = client.get(f"/grids/{grid_id}/changes?since=0")
    assert polled.text.strip() == streamed.strip()
    assert polled.headers["x-status"] == "done"
    nothing = client.get(f"/grids/{grid_id}/changes?since={polled.headers['x-seq']}")
    assert re.findall(r'id="([^"]+)"', nothing.text) == ["trouble", "runner-notice"]
