"""Requests and replies that only the Messages API knows."""

import json
from typing import Any

import pytest

from app.providers import (
    Call,
    Completion,
    Outcome,
    Provider,
    Request,
    Shape,
    Thinking,
    ThinkingKind,
    ThinkingRule,
    load_providers,
)
from tests.providers.calling import ask, environ_for, with_providers
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script


def prepare(model: str, **values: Any) -> Request:
    provider = load_providers({}, practice_latency_s=0)["anthropic"]
    return provider.prepare(Call(model, **{"user": "Hello", **values}))


def test_request_shows_exactly_what_is_sent(server: WireServer) -> None:
    ask(environ_for(server), "anthropic/claude-opus-4-6", thinking=Thinking.on, user="Hello")
    request = prepare("claude-opus-4-6", thinking=Thinking.on)
    assert request.body == {
        "model": "claude-opus-4-6",
        "max_tokens": 16000,
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "thinking": {"type": "adaptive", "display": "summarized"},
    }
    assert request.thinking_sent == {"thinking": {"type": "adaptive", "display": "summarized"}}
    assert server.calls[0].body == request.body
    assert server.calls[0].path == "/v1/messages"


def test_key_goes_into_its_own_header(server: WireServer) -> None:
    ask(environ_for(server, ANTHROPIC_AUTH_TOKEN="token-0123456789"), "anthropic/any")
    headers = server.calls[0].headers
    assert headers["x-api-key"] == "sk-test-anthropic-0123456789"
    assert headers["anthropic-version"] == "2026-10-21"
    assert "authorization" not in headers


def test_token_stands_in_for_a_missing_key(server: WireServer) -> None:
    environ = environ_for(server, ANTHROPIC_API_KEY="", ANTHROPIC_AUTH_TOKEN="token-0123456789")
    ask(environ, "anthropic/any")
    headers = server.calls[0].headers
    assert headers["authorization"] == "Bearer token-0123456789"
    assert "x-api-key" not in headers


def test_own_server_needs_no_key(server: WireServer) -> None:
    ask({"ANTHROPIC_BASE_URL": server.url}, "anthropic/any")
    assert not {"authorization", "x-api-key"} & set(server.calls[0].headers)


@pytest.mark.parametrize(
    ("model", "thinking", "temperature", "version"),
    [
        ("claude-opus-4-6", Thinking.off, 0.7, "2023-06-01"),
        ("claude-opus-4-6", Thinking.default, 0.7, "2023-06-01"),
        ("claude-opus-4-6", Thinking.on, None, "2026-10-21"),
        ("claude-opus-5-5", Thinking.default, None, "2026-10-21"),
    ],
)
def test_temperature_is_sent_only_where_it_is_taken(
    server: WireServer, model: str, thinking: Thinking, temperature: float | None, version: str
) -> None:
    ask(environ_for(server), f"anthropic/{model}", thinking=thinking, temperature=0.7)
    assert server.calls[0].body.get("temperature") == temperature
    assert server.calls[0].headers["anthropic-version"] == version


@pytest.mark.parametrize(("max_tokens", "budget"), [(16_000, 8000), (8000, 4000), (500, 1024)])
def test_thinking_budget_leaves_room_for_the_answer(max_tokens: int, budget: int) -> None:
    request = prepare("claude-haiku-4-5", thinking=Thinking.on, max_tokens=max_tokens)
    assert request.thinking_sent == {"thinking": {"type": "enabled", "budget_tokens": budget}}


def offered(**told: Any) -> dict[str, Any]:
    return {name: {"supported": value} for name, value in told.items()}


@pytest.mark.parametrize(
    ("model", "told", "shape", "off", "levels"),
    [
        ("claude-opus-4-6", {"thinking": {"supported": False}}, Shape.never, {}, ()),
        (
            "claude-new",
            {"thinking": {"supported": True, "types": offered(adaptive=True, disabled=True)},
             "effort": offered(low=True, high=True, max=False)},
            Shape.unknown, {"thinking": {"type": "disabled"}}, ("low", "high"),
        ),
        (
            "claude-new",
            {"thinking": {"supported": True, "types": offered(adaptive=True, between_tools=True)}},
            Shape.unknown, {"thinking": {"type": "between_tools"}},
            ("low", "medium", "high", "xhigh", "max"),
        ),
        (
            "claude-opus-5",
            {"thinking": {"supported": True, "types": offered(adaptive=True, disabled=False)}},
            Shape.always, None, ("low", "medium", "high", "xhigh", "max"),
        ),
        (
            "claude-opus-4-7",
            {"thinking": {"supported": True, "types": offered(adaptive=True, disabled=False)}},
            Shape.off, {}, ("low", "medium", "high", "xhigh", "max"),
        ),
        ("claude-opus-5", {}, Shape.on, {"thinking": {"type": "disabled"}},
         ("low", "medium", "high", "xhigh", "max")),
    ],
)  # fmt: skip
def test_list_of_models_says_what_each_takes(
    server: WireServer,
    model: str,
    told: dict[str, Any],
    shape: Shape,
    off: dict[str, Any] | None,
    levels: tuple[str, ...],
) -> None:
    server.models = {"data": [{"id": model, "capabilities": told}], "has_more": False}

    async def look(providers: dict[str, Provider]) -> ThinkingRule:
        await providers["anthropic"].list_models()
        return providers["anthropic"].rule(model)

    rule = with_providers(environ_for(server), look)
    assert (rule.shape, tuple(rule.levels)) == (shape, levels)
    assert bool(rule.reason_against(Thinking.off)) is (off is None)
    assert off is None or rule.fields[Thinking.off] == off


def test_model_with_a_budget_only_gets_a_budget(server: WireServer) -> None:
    types = offered(enabled=True, disabled=True)
    told = {"thinking": {"supported": True, "types": types}}
    server.models = {"data": [{"id": "claude-new", "capabilities": told}]}

    async def look(providers: dict[str, Provider]) -> ThinkingRule:
        await providers["anthropic"].list_models()
        return providers["anthropic"].rule("claude-new")

    rule = with_providers(environ_for(server), look)
    assert rule.fields[Thinking.on] == {"thinking": {"type": "enabled", "budget_tokens": 8000}}


def test_list_of_models_goes_on_over_pages(server: WireServer) -> None:
    def page(request: Recorded) -> dict[str, Any]:
        if "after_id=b" in request.path:
            return {"data": [{"id": "c"}], "has_more": False, "last_id": "c"}
        return {"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "last_id": "b"}

    server.models = page

    async def look(providers: dict[str, Provider]) -> list[str]:
        return [model.name for model in await providers["anthropic"].list_models()]

    assert with_providers(environ_for(server), look) == ["a", "b", "c"]


def play(server: WireServer, *events: dict[str, Any]) -> Completion:
    body = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()
    server.handler = lambda request: Script(body=body)
    return ask(environ_for(server), "anthropic/any")


STOP: dict[str, Any] = {"type": "message_stop"}


def stopped(reason: str, **usage: int) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


def test_input_counts_what_the_cache_served(server: WireServer) -> None:
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 5}
    start: dict[str, Any] = {"type": "message_start", "message": {"usage": usage}}
    got = play(server, start, stopped("end_turn", output_tokens=9), STOP)
    assert (got.input_tokens, got.output_tokens) == (12, 9)
    assert got.usage == usage | {"output_tokens": 9}


def test_redacted_thinking_is_hidden(server: WireServer) -> None:
    block = {"type": "redacted_thinking", "data": "b3BhcXVl"}
    start: dict[str, Any] = {"type": "content_block_start", "index": 0, "content_block": block}
    got = play(server, start, {"type": "unheard_of"}, stopped("end_turn"), STOP)
    assert (got.thinking_kind, got.outcome) == (ThinkingKind.hidden, Outcome.empty)


def test_full_context_window_is_truncated(server: WireServer) -> None:
    got = play(server, stopped("model_context_window_exceeded"), STOP)
    assert got.outcome is Outcome.truncated
