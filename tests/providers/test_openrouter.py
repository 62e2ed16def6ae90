"""What only the gateway knows: typed details, costs, and what routes may not drop."""

import json
from typing import Any

import pytest

from app.errors import ProviderError
from app.providers import (
    Call,
    Completion,
    Outcome,
    Provider,
    Shape,
    Thinking,
    ThinkingKind,
    ThinkingRule,
    load_providers,
)
from app.providers.thinking import LEVELS
from tests.providers.calling import ask, failure, with_providers
from tests.wire import WireServer
from tests.wire_scripts import Script


def environ(server: WireServer) -> dict[str, str]:
    return {"OPENROUTER_BASE_URL": server.openai_url, "OPENROUTER_API_KEY": "sk-or-0123456789abc"}


def body(**values: Any) -> dict[str, Any]:
    provider = load_providers({}, practice_latency_s=0)["openrouter"]
    return provider.prepare(Call("x/y", "Hello", **values)).body


def test_routes_must_know_the_fields_that_matter() -> None:
    only = {"require_parameters": True}
    assert body(thinking=Thinking.off)["provider"] == only
    assert body(temperature=0.5)["provider"] == only
    assert "provider" not in body()


def play(server: WireServer, *chunks: dict[str, Any]) -> Completion:
    stream = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    server.handler = lambda request: Script(body=stream.encode())
    return ask(environ(server), "openrouter/any")


def delta(finish: str | None = None, **values: Any) -> dict[str, Any]:
    return {"choices": [{"delta": values, "finish_reason": finish}]}


def test_thinking_in_details_is_read_once(server: WireServer) -> None:
    detail = {"type": "reasoning.text", "text": "I count."}
    got = play(
        server,
        delta(reasoning="I count.", reasoning_details=[detail]),
        delta(reasoning_details=[{"type": "reasoning.summary", "summary": " Done."}]),
        delta("stop", content="1"),
    )
    assert (got.thinking_text, got.thinking_kind) == ("I count. Done.", ThinkingKind.summary)


@pytest.mark.parametrize(
    ("tokens", "kind"),
    [(None, ThinkingKind.hidden), (3, ThinkingKind.hidden), (0, ThinkingKind.none)],
)
def test_encrypted_thinking_is_hidden_unless_none_was_counted(
    server: WireServer, tokens: int | None, kind: ThinkingKind
) -> None:
    encrypted = [{"type": "reasoning.encrypted", "data": "eA=="}]
    usage = {"usage": {"completion_tokens_details": {"reasoning_tokens": tokens}}}
    got = play(server, delta(reasoning_details=encrypted), delta("stop", content="1") | usage)
    assert got.thinking_kind is kind


@pytest.mark.parametrize(
    ("model", "kind"),
    [("qwen/qwen3", ThinkingKind.full), ("anthropic/claude-x", ThinkingKind.summary)],
)
def test_thinking_is_named_by_model(server: WireServer, model: str, kind: ThinkingKind) -> None:
    server.handler = lambda request: Script(thinking="I count.")
    assert ask(environ(server), f"openrouter/{model}").thinking_kind is kind


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (
            '{"error": {"message": "max_tokens is too large", "code": null}}',
            "max_tokens is too large",
        ),
        ("The route is busy.", "The route is busy."),
    ],
)
def test_error_tells_the_reason_of_the_route(server: WireServer, raw: str, reason: str) -> None:
    metadata = {"raw": raw, "provider_name": "Fernhill"}
    body = {"error": {"code": 400, "message": "Provider returned error", "metadata": metadata}}
    server.handler = lambda request: Script(status=400, body=body)
    said = failure(environ(server), "openrouter/any").message
    assert said.endswith(f"(400): Provider returned error: {reason}")
    with pytest.raises(ProviderError, match=rf"Provider returned error: {reason}"):
        play(server, body)


def test_filter_of_the_route_is_a_refusal(server: WireServer) -> None:
    raw = '{"type":"error","error":{"message":"Output blocked by content filtering policy"}}'
    error = {"code": 400, "message": "Provider returned error", "metadata": {"raw": raw}}
    server.handler = lambda request: Script(status=400, body={"error": error})
    assert ask(environ(server), "openrouter/any").outcome is Outcome.refused


@pytest.mark.parametrize(("cost", "expected"), [(0.00012, 0.00012), (0, 0.0), (None, None)])
def test_cost_is_what_the_gateway_says(
    server: WireServer, cost: float | None, expected: float | None
) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "cost": cost}
    assert play(server, delta("stop", content="1") | {"usage": usage}).cost_usd == expected


@pytest.mark.parametrize(
    ("is_byok", "upstream", "expected"),
    [(True, 0.02, 0.021), (True, None, None), (False, 0.001, 0.001)],
)
def test_cost_with_ones_own_key_at_the_route_is_also_what_the_route_takes(
    server: WireServer, is_byok: bool, upstream: float | None, expected: float | None
) -> None:
    details = {"upstream_inference_cost": upstream}
    usage = {"prompt_tokens": 10, "cost": 0.001, "is_byok": is_byok, "cost_details": details}
    got = play(server, delta("stop", content="1") | {"usage": usage})
    assert got.cost_usd == expected


EFFORTS = ["xhigh", "high", "medium", "low", "minimal", "none"]


@pytest.mark.parametrize(
    ("told", "shape", "levels"),
    [
        ({}, Shape.never, ()),
        ({"reasoning": {"mandatory": True, "supported_efforts": ["high"]}},
         Shape.always, ("high",)),
        ({"reasoning": {"mandatory": False, "default_enabled": True, "supported_efforts": EFFORTS}},
         Shape.on, ("minimal", "low", "medium", "high", "xhigh")),
        ({"reasoning": {"default_enabled": False}}, Shape.off, tuple(LEVELS)),
        ({"reasoning": {}}, Shape.unknown, tuple(LEVELS)),
    ],
)  # fmt: skip
def test_list_of_models_says_what_each_takes(
    server: WireServer, told: dict[str, Any], shape: Shape, levels: tuple[str, ...]
) -> None:
    entry = {"id": "x/y", "name": "X: Y", "supported_parameters": ["max_tokens"], **told}
    server.models = {"data": [entry]}

    async def look(providers: dict[str, Provider]) -> ThinkingRule:
        await providers["openrouter"].list_models()
        return providers["openrouter"].rule("x/y")

    rule = with_providers(environ(server), look)
    assert (rule.shape, tuple(rule.levels)) == (shape, levels)
    assert rule.temperature.taken == "never"  # it is not among the parameters
