"""Probe files over HTTP: saved, opened in the form, started by programs."""

import re
import tomllib
from html import unescape

import pytest
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


ASKED = """
models = ["practice/honest"]
variants = [{ wording = "allowed", thinking = "off" }]
"""


def test_form_keeps_all_that_a_file_says_of_its_prompts(client: TestClient) -> None:
    prompt = '[[prompts]]\ntext = "Who?"\ntags = ["people, famous"]\nsource = "me"\n'
    page = client.post("/compose/probe", data={"probe": ASKED + prompt}).text
    inputs = r'<input[^>]*name="(prompt_\w+|\w+)"[^>]*value="([^"]*)"'
    fields = dict(re.findall(inputs, page[: page.index('id="preview"')]))
    assert fields["prompt_tags"] == "people, famous"
    typed = {"prompt_text": "Who?", "model": "practice/honest", "wording": "allowed"}
    names = ("form_id", "prompt_tags", "prompt_source")
    again = typed | {"thinking": "off", "repeats": "1"} | {name: fields[name] for name in names}
    grid_id = client.post("/grids", data=again).url.path.rpartition("/")[2]
    saved = tomllib.loads(probe_of(client, grid_id))["prompts"]
    assert saved == [{"text": "Who?", "tags": ["people", "famous"], "source": "me"}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            ASKED.replace("}]", '}, { wording = "not-mentioned", thinking = "on" }]')
            + '[[prompts]]\ntext = "Who?"\n',
            "does not ask each of its wordings with each",
        ),
        (
            ASKED + '[[prompts]]\ntext = "Which lines?"\nreferences = ["one\\ntwo"]\n',
            "“Which lines?” has a correct answer of several lines",
        ),
        (
            ASKED + "".join(f'[[prompts]]\ntext = "Question {n}"\n' for n in range(501)),
            "501 of its prompts are not in the library",
        ),
    ],
)
def test_what_the_form_would_ask_otherwise_is_said_to_be_so(
    client: TestClient, text: str, words: str
) -> None:
    answer = client.post("/compose/probe", data={"probe": text})
    assert answer.status_code == 422
    assert words in answer.text
    assert client.post("/api/grids/probe", content=text.encode()).status_code == 201


def test_form_takes_as_many_prompts_as_it_opens_with(client: TestClient) -> None:
    text = ASKED + "".join(f'[[prompts]]\ntext = "Question {n}"\n' for n in range(500))
    page = client.post("/compose/probe", data={"probe": text}).text
    names = re.findall(r'name="(prompt_\w+)"', page)
    assert names.count("prompt_text") == 500
    typed: dict[str, list[str]] = {name: ["x"] * names.count(name) for name in names}
    answer = client.post("/compose", data=typed | {"prompt_answerable": ["yes"] * 500})
    assert answer.status_code == 200


def test_what_is_no_probe_is_a_problem_for_programs(client: TestClient) -> None:
    for content, words in ((b"\xff", "UTF-8"), (b"models = [", "no TOML")):
        answer = client.post("/api/grids/probe", content=content)
        assert answer.status_code == 422
        assert words in answer.json()["detail"]
