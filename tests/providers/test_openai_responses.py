"""Requests and replies that only OpenAI's Responses knows."""

import json
from typing import Any

import pytest

from app.errors import ProviderError
from app.providers import Call, Completion, Outcome, Request, Thinking, ThinkingKind, load_providers
from tests.providers.calling import ask, environ_for
from tests.wire import WireServer
from tests.wire_scripts import Script


def prepare(model: str, **values: Any) -> Request:
    provider = load_providers({}, practice_latency_s=0)["openai"]
    return provider.prepare(Call(model, **{"user": "Hello", **values}))


def test_request_shows_exactly_what_is_sent(server: WireServer) -> None:
    values: dict[str, Any] = {"system": "Be brief.", "thinking": Thinking.high, "user": "Hello"}
    got = ask(environ_for(server), "openai/gpt-5.6-sol", temperature=0.5, **values)
    request = prepare("gpt-5.6-sol", temperature=0.5, **values)
    assert request.body == {
        "model": "gpt-5.6-sol",
        "instructions": "Be brief.",
        "input": "Hello",
        "max_output_tokens": 16000,
        "store": False,
        "stream": True,
        "reasoning": {"effort": "high", "summary": "auto"},
    }
    assert request.thinking_sent == {"reasoning": {"effort": "high", "summary": "auto"}}
    assert server.calls[0].body == request.body
    assert server.calls[0].path == "/v1/responses"
    assert server.calls[0].headers["authorization"] == "Bearer sk-test-openai-0123456789"
    assert got.thinking_text == "I think about it."


@pytest.mark.parametrize(
    ("model", "thinking", "fields"),
    [
        ("gpt-5.5", Thinking.default, {}),
        ("gpt-5.5", Thinking.off, {"reasoning": {"effort": "none"}}),
        ("gpt-5.5", Thinking.on, {"reasoning": {"effort": "medium", "summary": "auto"}}),
        ("gpt-4o", Thinking.off, {}),
    ],
)
def test_rules_of_chat_completions_are_put_into_this_apis_words(
    model: str, thinking: Thinking, fields: dict[str, Any]
) -> None:
    assert prepare(model, thinking=thinking).thinking_sent == fields


def test_temperature_is_sent_while_not_thinking() -> None:
    assert prepare("gpt-5.2", thinking=Thinking.off, temperature=0.5).body["temperature"] == 0.5


def play(server: WireServer, *events: dict[str, Any]) -> Completion:
    body = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()
    server.handler = lambda request: Script(body=body)
    return ask(environ_for(server), "openai/any")


def text(delta: str, position: int = 0) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "output_index": position, "delta": delta}


def item(position: int = 0, **values: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": position, "item": values}


def ended(status: str = "completed", **values: Any) -> dict[str, Any]:
    return {"type": f"response.{status}", "response": {"status": status, **values}}


def test_final_answer_is_taken_when_messages_are_marked(server: WireServer) -> None:
    got = play(
        server,
        item(0, type="message", phase="commentary"),
        text("Let me see. ", 0),
        item(1, type="message", phase="final_answer"),
        text("1", 1),
        ended(),
    )
    assert (got.text, got.outcome, got.finish_reason) == ("1", Outcome.answered, "completed")


def test_messages_without_marks_are_joined(server: WireServer) -> None:
    assert play(server, text("a", 0), text("b", 1), ended()).text == "ab"


def test_raw_thinking_of_open_models_is_full(server: WireServer) -> None:
    got = play(server, {"type": "response.reasoning_text.delta", "delta": "I count."}, ended())
    assert (got.thinking_text, got.thinking_kind) == ("I count.", ThinkingKind.full)


def test_summaries_are_kept_apart(server: WireServer) -> None:
    part = {"type": "response.reasoning_summary_part.added"}
    kind = "response.reasoning_summary_text.delta"
    got = play(
        server, part, {"type": kind, "delta": "A"}, part, {"type": kind, "delta": "B"}, ended()
    )
    assert (got.thinking_text, got.thinking_kind) == ("A\n\nB", ThinkingKind.summary)


@pytest.mark.parametrize(
    ("tokens", "kind"),
    [(None, ThinkingKind.hidden), (3, ThinkingKind.hidden), (0, ThinkingKind.none)],
)
def test_reasoning_without_summary_is_hidden_unless_none_was_counted(
    server: WireServer, tokens: int | None, kind: ThinkingKind
) -> None:
    usage = {"output_tokens": 9, "output_tokens_details": {"reasoning_tokens": tokens}}
    got = play(server, item(type="reasoning", summary=[]), text("1"), ended(usage=usage))
    assert (got.thinking_kind, got.reasoning_tokens) == (kind, tokens)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("max_output_tokens", Outcome.truncated),
        ("content_filter", Outcome.refused),
        ("steered", Outcome.truncated),
    ],
)
def test_incomplete_is_cut_off_or_filtered(
    server: WireServer, reason: str, outcome: Outcome
) -> None:
    got = play(server, text("Well"), ended("incomplete", incomplete_details={"reason": reason}))
    assert (got.outcome, got.text, got.finish_reason) == (outcome, "Well", reason)


@pytest.mark.parametrize("code", ["invalid_prompt", "bio_policy", "misalignment_policy_violation"])
def test_blocked_prompt_is_a_refusal(server: WireServer, code: str) -> None:
    got = play(server, ended("failed", error={"code": code, "message": "flagged"}))
    assert (got.outcome, got.text, got.finish_reason) == (Outcome.refused, "", code)


@pytest.mark.parametrize(
    ("code", "kind"), [("server_error", "server"), ("rate_limit_exceeded", "rate_limit")]
)
def test_failed_response_is_an_error(server: WireServer, code: str, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        play(server, text("1"), ended("failed", error={"code": code, "message": "no luck"}))
    assert (caught.value.kind, caught.value.retryable) == (kind, False)
    assert caught.value.message.endswith("while answering: no luck")


@pytest.mark.parametrize(
    ("code", "retryable"), [(None, True), ("server_error", True), ("unheard_of", False)]
)
def test_error_before_the_first_token_may_be_called_again_unless_its_code_is_unknown(
    server: WireServer, code: str | None, retryable: bool
) -> None:
    with pytest.raises(ProviderError) as caught:
        play(server, {"type": "error", "code": code, "message": "no luck", "param": None})
    assert (caught.value.kind, caught.value.retryable) == ("server", retryable)


def test_end_without_its_reason_is_an_error(server: WireServer) -> None:
    with pytest.raises(ProviderError, match="without the reason why it stopped"):
        play(server, text("1"), {"type": "response.completed"})
