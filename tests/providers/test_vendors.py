"""Vendors that speak Chat Completions, each with its own accent."""

import json
from typing import Any

import pytest

from app.errors import ProviderError
from app.providers import (
    Call,
    Completion,
    ModelInfo,
    Outcome,
    Provider,
    Request,
    Thinking,
    ThinkingKind,
    load_providers,
)
from tests.providers.calling import ask, environ_for, failure, with_providers
from tests.wire import WireServer
from tests.wire_scripts import Script


def prepare(vendor: str, model: str, **values: Any) -> Request:
    provider = load_providers({}, practice_latency_s=0)[vendor]
    return provider.prepare(Call(model, **{"user": "Hello", **values}))


@pytest.mark.parametrize(
    ("vendor", "model", "path", "fields"),
    [
        (
            "mistral",
            "mistral-small-latest",
            "/v1/chat/completions",
            {"max_tokens": 16000, "reasoning_effort": "high"},
        ),
        (
            "xai",
            "grok-4.3",
            "/v1/chat/completions",
            {
                "max_completion_tokens": 16000,
                "reasoning_effort": "high",
                "stream_options": {"include_usage": True},
            },
        ),
        (
            "groq",
            "qwen/qwen3-32b",
            "/openai/v1/chat/completions",
            {
                "max_completion_tokens": 16000,
                "reasoning_effort": "default",
                "reasoning_format": "parsed",
            },
        ),
        (
            "together",
            "zai-org/GLM-5",
            "/v1/chat/completions",
            {"max_tokens": 16000, "reasoning": {"enabled": True}},
        ),
    ],
)
def test_request_shows_exactly_what_is_sent(
    server: WireServer, vendor: str, model: str, path: str, fields: dict[str, Any]
) -> None:
    values: dict[str, Any] = {"thinking": Thinking.on, "temperature": 0.5, "user": "Hello"}
    got = ask(environ_for(server), f"{vendor}/{model}", **values)
    assert prepare(vendor, model, **values).body == {
        "model": model,
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "temperature": 0.5,
        **fields,
    }
    assert server.calls[0].body == prepare(vendor, model, **values).body
    assert server.calls[0].path == path
    assert server.calls[0].headers["authorization"] == f"Bearer sk-test-{vendor}-0123456789"
    assert (got.text, got.thinking_text) == ("42", "I think about it.")
    assert (got.thinking_kind, got.served_model) == (ThinkingKind.full, f"{model}-served")


def test_own_server_gets_its_key_and_its_headers(server: WireServer) -> None:
    ask(environ_for(server), "own/any")
    [call] = server.calls
    assert call.headers["authorization"] == "Bearer sk-test-own-0123456789"
    assert call.headers["x-team"] == "sanity"


def play(server: WireServer, vendor: str, *chunks: dict[str, Any]) -> Completion:
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    server.handler = lambda request: Script(body=body.encode())
    return ask(environ_for(server), f"{vendor}/any")


def delta(finish: str | None = None, **values: Any) -> dict[str, Any]:
    return {"choices": [{"delta": values, "finish_reason": finish}]}


def test_mistral_content_may_be_a_list_of_chunks(server: WireServer) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "I count."}]}
    got = play(
        server,
        "mistral",
        delta(content=[thinking]),
        delta(content=[{"type": "text", "text": "4"}]),
        delta("stop", content="2"),
    )
    assert (got.text, got.thinking_text) == ("42", "I count.")


def test_mistral_says_what_is_wrong_with_a_request(server: WireServer) -> None:
    said = {"detail": [{"loc": ["body", "top"], "msg": "Extra inputs are not permitted"}]}
    server.handler = lambda request: Script(status=422, body=said)
    assert "Extra inputs are not permitted" in failure(environ_for(server), "mistral/any").message


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "No luck.", "code": "x"}},
        {"code": "x", "error": "No luck."},
        {"error": "No luck."},
    ],
)
def test_xai_errors_of_all_shapes_are_read(server: WireServer, body: dict[str, Any]) -> None:
    server.handler = lambda request: Script(status=400, body=body)
    assert failure(environ_for(server), "xai/any").message.endswith("(400): No luck.")
    with pytest.raises(ProviderError, match=r"while answering: No luck\.$"):
        play(server, "xai", body)


def test_xai_wrong_key_may_be_a_400(server: WireServer) -> None:
    said = {"code": "invalid-argument", "error": "Incorrect API key provided: xx"}
    server.handler = lambda request: Script(status=400, body=said)
    assert failure(environ_for(server), "xai/any").kind == "auth"


def test_xai_output_counts_the_thinking(server: WireServer) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 63}
    got = play(server, "xai", delta("stop", content="1") | {"usage": usage})
    assert (got.input_tokens, got.output_tokens) == (10, 53)


def test_groq_usage_may_stand_apart(server: WireServer) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 3}
    got = play(server, "groq", delta("stop", content="1") | {"x_groq": {"usage": usage}})
    assert (got.input_tokens, got.output_tokens) == (10, 3)


@pytest.mark.parametrize("error", ["no luck", {"message": "no luck"}])
def test_groq_error_may_stand_apart(server: WireServer, error: object) -> None:
    with pytest.raises(ProviderError, match="while answering: no luck"):
        play(server, "groq", delta(content="1"), {"x_groq": {"error": error}})


def test_together_ends_with_eos(server: WireServer) -> None:
    got = play(server, "together", delta("eos", content="1") | {"usage": None})
    assert (got.outcome, got.finish_reason) == (Outcome.answered, "eos")


@pytest.mark.parametrize(
    ("vendor", "models"),
    [
        ("together", [{"id": "zai-org/GLM-5", "display_name": "GLM 5"}, {"id": "BAAI/bge-x"}]),
        ("groq", {"data": [{"id": "zai-org/GLM-5", "name": "GLM 5"}, {"id": "whisper-x"}]}),
        (
            "mistral",
            {
                "data": [
                    {"id": "zai-org/GLM-5", "name": "GLM 5"},
                    {"id": "x", "capabilities": {"completion_chat": False}},
                ]
            },
        ),
    ],
)
def test_models_are_listed(server: WireServer, vendor: str, models: Any) -> None:
    server.models = models

    async def list_them(providers: dict[str, Provider]) -> list[ModelInfo]:
        return await providers[vendor].list_models()

    expected = [ModelInfo(vendor, "zai-org/GLM-5", "GLM 5")]
    assert with_providers(environ_for(server), list_them) == expected
