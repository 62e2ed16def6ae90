"""Requests, replies and discovery of Ollama's own API."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ProviderError
from app.providers import (
    Call,
    Completion,
    ModelInfo,
    Outcome,
    Provider,
    Request,
    Shape,
    Thinking,
    ThinkingKind,
    discover,
    load_providers,
)
from app.providers.ndjson import NdjsonReader
from app.providers.sse import SseEvent
from tests.providers.calling import ask, environ_for, with_providers
from tests.wire import WireServer
from tests.wire_scripts import Script


def prepare(model: str, **values: Any) -> Request:
    provider = load_providers({}, practice_latency_s=0)["ollama"]
    return provider.prepare(Call(model, **{"user": "Hello", **values}))


def test_request_shows_exactly_what_is_sent(server: WireServer) -> None:
    values: dict[str, Any] = {
        "system": "Be brief.",
        "temperature": 0.5,
        "thinking": Thinking.on,
        "max_tokens": 99,
        "user": "Hello",
    }
    got = ask({"OLLAMA_HOST": server.url}, "ollama/qwen3:8b", **values)
    request = prepare("qwen3:8b", **values)
    assert request.body == {
        "model": "qwen3:8b",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ],
        "stream": True,
        "options": {"num_predict": 99, "num_ctx": 4096, "temperature": 0.5},
        "think": True,
    }
    assert request.thinking_sent == {"think": True}
    assert server.calls[0].body == request.body
    assert server.calls[0].path == "/api/chat"
    assert "authorization" not in server.calls[0].headers
    assert got.thinking_text == "I think about it."


def test_nothing_unasked_is_sent() -> None:
    body = prepare("qwen3:8b").body
    options = {"num_predict": 16000, "num_ctx": 12288}
    assert (body["options"], "think" in body) == (options, False)


def test_context_has_room_for_the_whole_prompt() -> None:
    contexts = [prepare("m", user="x" * n).body["options"]["num_ctx"] for n in (1, 9_000, 100_000)]
    assert contexts == [12_288, 16_384, 61_440]


def test_key_of_the_cloud_is_sent(server: WireServer) -> None:
    ask(environ_for(server), "ollama/any")
    assert server.calls[0].headers["authorization"] == "Bearer sk-test-ollama-0123456789"


@pytest.mark.parametrize(
    ("model", "thinking", "think"),
    [
        ("qwen3:8b", Thinking.off, False),
        ("qwen3:8b", Thinking.high, "high"),
        ("gpt-oss:20b", Thinking.on, "medium"),
    ],
)
def test_think_is_a_switch_or_a_level(model: str, thinking: Thinking, think: object) -> None:
    assert prepare(model, thinking=thinking).body["think"] == think


def play(server: WireServer, *lines: dict[str, Any], end: str = "\n") -> Completion:
    body = "\n".join(json.dumps(line) for line in lines) + end
    server.handler = lambda request: Script(body=body.encode())
    return ask(environ_for(server), "ollama/any")


def said(**values: str) -> dict[str, Any]:
    return {"message": {"role": "assistant", **values}, "done": False}


DONE = {"message": {"content": ""}, "done": True, "done_reason": "stop"}


def test_thinking_left_in_tags_is_taken_out(server: WireServer) -> None:
    got = play(server, said(content="<think>I count.</thi"), said(content="nk>\n\n1"), DONE)
    assert (got.text, got.thinking_text, got.thinking_kind) == ("1", "I count.", ThinkingKind.full)


def test_last_line_may_lack_its_end(server: WireServer) -> None:
    assert play(server, said(content="1"), DONE, end="").outcome is Outcome.answered


def test_half_a_last_line_is_an_error(server: WireServer) -> None:
    body = json.dumps(said(content="1")) + '\n{"done": tr'
    server.handler = lambda request: Script(body=body.encode())
    with pytest.raises(ProviderError, match="not a JSON object"):
        ask(environ_for(server), "ollama/any")


def test_model_that_cannot_think_says_so(server: WireServer) -> None:
    said = {"error": '"gemma3" does not support thinking'}
    server.handler = lambda request: Script(status=400, body=said)
    with pytest.raises(ProviderError) as caught:
        ask(environ_for(server), "ollama/gemma3", thinking=Thinking.on)
    assert caught.value.kind == "bad_request"
    assert caught.value.message.endswith('(400): "gemma3" does not support thinking')


def test_server_is_found_by_its_own_list(server: WireServer, tmp_path: Path) -> None:
    server.models = {"data": [{"id": "qwen3:8b"}, {"id": "nomic-embed-text"}, {"id": None}]}
    extra = tmp_path / "extra.toml"
    extra.write_text(
        '[[provider]]\nname = "mine"\ntitle = "Mine"\nadapter = "ollama"\nrules = "ollama"\n'
        'base_url = "http://127.0.0.1:{port}"\nbase_url_env = ["MINE"]\nbase_url_form = "host"\n'
        f'ports = [9, {server.port}]\nkey_optional = true\nskip_models = ["*embed*"]\n'
    )

    async def look(providers: dict[str, Provider]) -> list[ModelInfo]:
        await discover([providers["mine"]])
        assert providers["mine"].not_ready() == ""
        return providers["mine"].known_models()

    assert with_providers({}, look, extra=extra) == [ModelInfo("mine", "qwen3:8b")]
    assert {request.path for request in server.lists} == {"/api/tags", "/api/show"}


@pytest.mark.parametrize(
    ("told", "shape"),
    [(["completion"], Shape.never), (["completion", "thinking"], Shape.on), ([], Shape.unknown)],
)
def test_server_says_whether_a_model_thinks(
    server: WireServer, told: list[str], shape: Shape
) -> None:
    server.models = {"data": [{"id": "new:1b"}]}
    server.capabilities = {"new:1b": told} if told else {}

    async def look(providers: dict[str, Provider]) -> Shape:
        await providers["ollama"].list_models()
        await providers["ollama"].list_models()
        return providers["ollama"].rule("new:1b").shape

    assert with_providers(environ_for(server), look) is shape
    assert [r.path for r in server.lists] == ["/api/tags", "/api/show", "/api/tags"]


@pytest.mark.parametrize(
    ("stream", "lines"),
    [
        (b"{}\n", ["{}"]),
        (b"{}\r\n\n \n{}\n", ["{}", "{}"]),
        (b"{}", ["{}"]),
        (b"", []),
        ('"a\u2028b\u0085c\x0bd"\n'.encode(), ['"a\u2028b\u0085c\x0bd"']),
    ],
)
def test_reader_cuts_at_line_feeds_only(stream: bytes, lines: list[str]) -> None:
    reader = NdjsonReader()
    assert reader.feed(stream) + reader.finish() == [SseEvent(line) for line in lines]


@given(st.lists(st.integers(0, 40), max_size=9))
def test_any_chunking_gives_the_same_lines(cuts: list[int]) -> None:
    stream = '{"a": "é東🎂"}\n\n{"b": "\u2028"}\r\n{"c": 1}'.encode()
    ends = [0, *sorted(cuts), len(stream)]
    reader = NdjsonReader()
    events = [e for a, b in pairwise(ends) for e in reader.feed(stream[a:b])]
    assert [e.data for e in events + reader.finish()] == [
        '{"a": "é東🎂"}',
        '{"b": "\u2028"}',
        '{"c": 1}',
    ]
