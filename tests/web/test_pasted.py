"""Pasting over HTTP: cell by cell, nothing lost when something is wrong."""

import re
from html import unescape

from fastapi.testclient import TestClient

from tests.factories import run_grid

TWO = [{"text": "Who?"}, {"text": "When?"}]


def variant_of(client: TestClient, grid_id: str) -> str:
    page = client.get(f"/grids/{grid_id}/pasted").text
    [variant] = re.findall(r'<input type="hidden" name="variant" value="(\d+)">', page)
    return str(variant)


def test_page_leads_from_prompt_to_prompt(client: TestClient) -> None:
    grid_id = run_grid(client, prompts=TWO)
    variant = variant_of(client, grid_id)
    fields = {"product": "Le Chat & co", "variant": variant, "prompt": "1", "answer": "Me\n===\nI"}
    page = client.post(f"/grids/{grid_id}/pasted", data=fields)
    assert page.status_code == 200
    assert page.url.query.decode().startswith(
        f"product=Le+Chat+%26+co&variant={variant}&prompt=2&saved=2"
    )
    assert "2 answers saved. Next: prompt 2 of 2." in page.text
    assert "When? If you are not sure" in unescape(page.text)

    grid = unescape(client.get(f"/grids/{grid_id}").text)
    assert "pasted/Le Chat & co" in grid
    items = client.get(f"/api/grids/{grid_id}/answers").json()["items"]
    pasted = [item for item in items if item["model"] == "pasted/Le Chat & co"]
    assert [(item["repeat"], item["text"]) for item in pasted] == [(1, "Me"), (2, "I")]

    drawer = client.get(f"/grids/{grid_id}/answers/{pasted[0]['id']}").text
    assert "Pasted" in drawer
    assert "web search unknown" in drawer
    back = client.post(f"/answers/{pasted[0]['id']}/removal")
    assert f"at={pasted[0]['id']}" in str(back.url)


def test_form_that_is_sent_twice_pastes_once(client: TestClient) -> None:
    grid_id = run_grid(client, prompts=TWO)
    url = f"/grids/{grid_id}/pasted"
    [form_id] = re.findall(r'name="form_id" value="([^"]+)"', client.get(url).text)
    fields = {"variant": variant_of(client, grid_id), "product": "X", "prompt": "1"}
    fields |= {"answer": "Me\n===\nI", "form_id": form_id}
    pages = [client.post(url, data=fields) for _ in range(2)]
    assert pages[0].url == pages[1].url

    def pasted() -> list[str]:
        items = client.get(f"/api/grids/{grid_id}/answers").json()["items"]
        return [it["text"] for it in items if it["model"] == "pasted/X" and it["state"] == "done"]

    assert pasted() == ["Me", "I"]
    client.post(url, data=fields | {"answer": "You"})  # somebody went back, and pasted another one
    assert pasted() == ["Me", "I", "You"]
    [new_id] = re.findall(r'name="form_id" value="([^"]+)"', pages[0].text)
    client.post(url, data=fields | {"answer": "You", "form_id": new_id})  # it said so again
    assert pasted() == ["Me", "I", "You", "You"]


def test_programs_find_the_variant_that_they_paste_into(client: TestClient) -> None:
    variants = [{"wording": "allowed", "temperature": t} for t in (0.2, 0.9)]
    grid_id = run_grid(client, models=["practice/bluffer"], variants=variants, repeats=1)
    warm = client.get(f"/api/grids/{grid_id}").json()["variants"][1]
    given = {"prompt": 1, "variant": warm["id"], "product": "ChatGPT", "answers": ["1"]}
    assert client.post(f"/api/grids/{grid_id}/pasted", json=given).status_code == 201
    items = client.get(f"/api/grids/{grid_id}/answers").json()["items"]
    of_model = {(item["model"], item["variant"]) for item in items}
    assert ("pasted/ChatGPT", warm["id"]) in of_model
    assert len({variant for model, variant in of_model if model != "pasted/ChatGPT"}) == 2


def test_wrong_input_keeps_what_was_pasted(client: TestClient) -> None:
    grid_id = run_grid(client, prompts=TWO)
    fields = {
        "product": "", "variant": variant_of(client, grid_id), "prompt": "2",
        "answer": "<b>1905</b>", "source": "https://chat.example/1", "asked_on": "2999-01-01",
    }  # fmt: skip
    page = client.post(f"/grids/{grid_id}/pasted", data=fields)
    assert page.status_code == 422
    assert "Nothing was saved." in page.text
    assert "&lt;b&gt;1905&lt;/b&gt;</textarea>" in page.text
    assert 'value="https://chat.example/1"' in page.text
    page = client.post(f"/grids/{grid_id}/pasted", data=fields | {"product": "X"})
    assert "lies in the future" in page.text
    page = client.post(f"/grids/{grid_id}/pasted", data=fields | {"answer": " \n=== "})
    assert "Paste what it said." in page.text


def test_programs_paste_too(client: TestClient) -> None:
    grid_id = run_grid(client, prompts=TWO)
    given = {
        "prompt": 1, "variant": int(variant_of(client, grid_id)), "product": "Window",
        "answers": ["It was me."], "search": "off", "asked_on": "2026-04-01",
    }  # fmt: skip
    answer = client.post(f"/api/grids/{grid_id}/pasted", json=given)
    assert answer.status_code == 201
    [id_] = answer.json()["answers"]
    [item] = [
        item
        for item in client.get(f"/api/grids/{grid_id}/answers").json()["items"]
        if item["id"] == id_
    ]
    assert item["attempts"][0]["started_at"].startswith("2026-04-01")
    assert item["request"]["pasted"]["search"] == "off"
    assert (
        client.post(f"/api/grids/{grid_id}/pasted", json=given | {"prompt": 9}).status_code == 404
    )
