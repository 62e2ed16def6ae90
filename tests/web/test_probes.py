"""Probe files over HTTP: saved, opened in the form, started by programs."""

import re
from html import unescape

from fastapi.testclient import TestClient

from tests.factories import run_grid


def probe_of(client: TestClient, grid_id: str) -> str:
    return client.get(f"/grids/{grid_id}/probe.toml").text


def test_grid_is_saved_as_a_file(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer = client.get(f"/grids/{grid_id}/probe.toml")
    assert answer.headers["content-type"] == "application/toml; charset=utf-8"
    assert f'filename="bluffcheck-{grid_id}.toml"' in answer.headers["content-disposition"]
    assert client.get(f"/api/grids/{grid_id}/probe").text == answer.text
    assert f"/grids/{grid_id}/probe.toml" in client.get(f"/grids/{grid_id}").text


def test_file_opens_in_the_form(client: TestClient) -> None:
    text = probe_of(client, run_grid(client, title="From a file", repeats=1))
    text = text.replace("How many Ds are in DEEPSEEK?", "How many Ds are in DUDE?")
    page = unescape(client.post("/compose/probe", data={"probe": text}).text)
    assert 'name="title" value="From a file"' in page
    assert re.search(r">\s*How many Ds are in DUDE\?</textarea>", page)
    checked = set(re.findall(r'name="(\w+)" value="([^"]+)" checked', page))
    assert {("wording", "allowed"), ("model", "practice/honest")} <= checked
    assert re.search(r"<b>2</b>\s*calls", page)


def test_file_that_cannot_be_opened_stays_in_its_field(client: TestClient) -> None:
    answer = client.post("/compose/probe", data={"probe": "models = 1\n# mine"})
    assert answer.status_code == 422
    assert "This is no probe file: models:" in unescape(answer.text)
    assert "models = 1\n# mine</textarea>" in answer.text


def test_variants_that_the_form_cannot_show_are_said_to_be_so(client: TestClient) -> None:
    variants = [
        {"wording": "allowed", "temperature": 0.1},
        {"wording": "allowed", "temperature": 0.9},
    ]
    text = probe_of(client, run_grid(client, variants=variants))
    answer = client.post("/compose/probe", data={"probe": text})
    assert answer.status_code == 422
    assert "differ in temperature" in answer.text
    started = client.post("/api/grids/probe", content=text.encode())
    assert started.status_code == 201
    assert started.json()["answers"] == 8


def test_what_is_no_probe_is_a_problem_for_programs(client: TestClient) -> None:
    for content, words in ((b"\xff", "UTF-8"), (b"models = [", "no TOML")):
        answer = client.post("/api/grids/probe", content=content)
        assert answer.status_code == 422
        assert words in answer.json()["detail"]
