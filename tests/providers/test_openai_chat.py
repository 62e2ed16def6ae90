"""Requests and replies of Chat Completions, as its many speakers vary them."""

import json
from typing import Any

import pytest

from app.errors import ProviderError
from app.providers import (
    Call,
    Completion,
    Outcome,
    Provider,
    Request,
    Thinking,
    ThinkingKind,
    load_providers,
)
from tests.providers.calling import ask, environ_for, with_providers
from tests.wire import WireServer
from tests.wire_scripts import Script


def prepare(provider: str, model: str, **values: Any) -> Request:
    found = load_providers({}, practice_latency_s=0)[provider]
    return found.prepare(Call(model, **{"user": "Hello", **values}))


def test_request_shows_exactly_what_is_sent(server: WireServer) -> None:
    values: dict[str, Any] = {
        "system": "Be brief.",
        "temperature": 0.5,
        "thinking": Thinking.off,
        "user": "Hello",
    }
    ask(environ_for(server), "openai-chat/gpt-5.2", **values)
    request = prepare("openai-chat", "gpt-5.2", **values)
    assert request.body == {
        "model": "gpt-5.2",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ],
        "max_completion_tokens": 16000,
        "stream": True,
        "stream_options": {"include_usage": True},
        "reasoning_effort": "none",
        "temperature": 0.5,
    }
    assert request.thinking_sent == {"reasoning_effort": "none"}
    assert server.calls[0].body == request.body
    assert server.calls[0].path == "/v1/chat/completions"
    assert server.calls[0].headers["authorization"] == "Bearer sk-test-openai-0123456789"


@pytest.mark.parametrize(
    ("provider", "model", "thinking", "fields"),
    [
        ("openai-chat", "gpt-5.5", Thinking.default, {}),
        ("openai-chat", "gpt-5.5", Thinking.on, {"reasoning_effort": "medium"}),
        (
            "vllm",
            "deepseek-ai/DeepSeek-V3.1",
            Thinking.on,
            {"chat_template_kwargs": {"thinking": True}},
        ),
    ],
)
def test_thinking_fields_are_those_of_the_model(
    provider: str, model: str, thinking: Thinking, fields: dict[str, Any]
) -> None:
    request = prepare(provider, model, thinking=thinking, temperature=None)
    assert request.thinking_sent == fields
    assert {key: request.body[key] for key in fields} == fields
    cap = "max_completion_tokens" if provider == "openai-chat" else "max_tokens"
    assert request.body[cap] == 16000


@pytest.mark.parametrize("thinking", [Thinking.on, Thinking.default])
def test_temperature_is_left_out_while_thinking(thinking: Thinking) -> None:
    request = prepare("deepseek", "deepseek-flash", thinking=thinking, temperature=0.5)
    assert "temperature" not in request.body


def test_organisation_is_sent_when_set(server: WireServer) -> None:
    ask(environ_for(server, OPENAI_ORG_ID="org-1"), "openai-chat/any")
    assert server.calls[0].headers["openai-organization"] == "org-1"
    assert "openai-project" not in server.calls[0].headers


@pytest.mark.parametrize("provider", ["openai", "openai-chat"])
def test_open_models_of_a_server_in_its_place_are_listed(server: WireServer, provider: str) -> None:
    names = ["gpt-4.1", "gpt-3.5-turbo-instruct", "Qwen/Qwen2.5-7B-Instruct", "dall-e-3"]
    server.models = {"data": [{"id": name} for name in names]}

    async def list_them(providers: dict[str, Provider]) -> list[str]:
        return [model.name for model in await providers[provider].list_models()]

    listed = with_providers(environ_for(server), list_them)
    assert listed == ["gpt-4.1", "Qwen/Qwen2.5-7B-Instruct"]


def test_header_with_a_line_break_is_refused(server: WireServer) -> None:
    with pytest.raises(ProviderError, match="malformed address or header"):
        ask(environ_for(server, OPENAI_ORG_ID="org\nx-evil: 1"), "openai-chat/any")
    assert server.calls == []


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "tags"])
def test_thinking_is_found_under_every_name(server: WireServer, field: str) -> None:
    server.handler = lambda request: Script(thinking="I count.", thinking_field=field)
    got = ask({"DEEPSEEK_BASE_URL": server.openai_url}, "deepseek/deepseek-flash")
    assert (got.text, got.thinking_text, got.thinking_kind) == ("42", "I count.", ThinkingKind.full)


def play(server: WireServer, *chunks: dict[str, Any]) -> Completion:
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    server.handler = lambda request: Script(body=body.encode())
    return ask(environ_for(server), "openai-chat/any")


def delta(finish: str | None = None, **values: Any) -> dict[str, Any]:
    return {"choices": [{"delta": values, "finish_reason": finish}]}


def test_same_thinking_under_two_names_is_taken_once(server: WireServer) -> None:
    both = delta(reasoning="I count.", reasoning_content="I count.")
    assert play(server, both, delta("stop", content="1")).thinking_text == "I count."


def test_tags_beside_a_thinking_field_are_dropped(server: WireServer) -> None:
    got = play(server, delta(reasoning="A"), delta("stop", content="<think>A</think>1"))
    assert (got.thinking_text, got.text) == ("A", "1")


def test_unclosed_tag_leaves_no_answer(server: WireServer) -> None:
    got = play(server, delta("length", content="<think>I count and count"))
    assert (got.outcome, got.text) == (Outcome.truncated, "")
    assert got.thinking_text == "I count and count"


def test_empty_tags_are_no_thinking(server: WireServer) -> None:
    got = play(server, delta("stop", content="<think>\n\n</think>\n\n1"))
    assert (got.text, got.thinking_kind) == ("1", ThinkingKind.none)


def test_content_filter_is_a_refusal(server: WireServer) -> None:
    got = play(server, delta("content_filter", content="Well"))
    assert (got.outcome, got.text) == (Outcome.refused, "Well")


def test_last_usage_seen_is_kept(server: WireServer) -> None:
    first = delta(content="1") | {"usage": {"prompt_tokens": 1, "completion_tokens": 0}}
    last = delta("stop") | {"usage": {"prompt_tokens": 1, "completion_tokens": 8}}
    got = play(server, first, last, {"choices": [], "usage": None})
    assert (got.usage, got.output_tokens) == (last["usage"], 8)


def test_strange_values_do_no_harm(server: WireServer) -> None:
    odd = {"id": 5, "model": None, "choices": [None], "usage": "many"}
    got = play(server, odd, delta("stop", content=["no", "text"], refusal=3))
    assert (got.outcome, got.served_model, got.input_tokens) == (Outcome.empty, "", None)


def test_failing_finish_reason_is_an_error(server: WireServer) -> None:
    with pytest.raises(ProviderError) as caught:
        play(server, delta("error"))
    assert (caught.value.kind, caught.value.retryable) == ("server", True)


def test_done_without_finish_reason_is_an_error(server: WireServer) -> None:
    with pytest.raises(ProviderError, match="without the reason why it stopped"):
        play(server, delta(content="1"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429, "message": "slow down"}, "rate_limit"),
        ({"code": "402", "message": "no credit"}, "billing"),
        ({"code": "insufficient_quota", "type": "insufficient_quota"}, "quota"),
        ("just words", "server"),
    ],
)
def test_error_inside_the_stream_has_a_kind(server: WireServer, error: Any, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        play(server, {"error": error})
    assert caught.value.kind == kind
