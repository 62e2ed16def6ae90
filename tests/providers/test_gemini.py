"""Requests and replies that only Google's API knows."""

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
from app.providers.gemini_reader import GeminiReader
from app.providers.sse import SseEvent
from tests.providers.calling import ask, environ_for, failure, with_providers
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script


def prepare(model: str, **values: Any) -> Request:
    provider = load_providers({}, practice_latency_s=0)["gemini"]
    return provider.prepare(Call(model, **{"user": "Hello", **values}))


def test_request_shows_exactly_what_is_sent(server: WireServer) -> None:
    values: dict[str, Any] = {
        "system": "Be brief.",
        "temperature": 0.5,
        "thinking": Thinking.high,
        "user": "Hello",
    }
    ask(environ_for(server), "gemini/gemini-4-argon", **values)
    request = prepare("gemini-4-argon", **values)
    config = {"thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": True}}
    assert request.body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "generationConfig": {"maxOutputTokens": 16000, "temperature": 0.5, **config},
    }
    assert request.thinking_sent == config
    assert server.calls[0].body == request.body
    assert server.calls[0].path == "/v1/models/gemini-4-argon:streamGenerateContent?alt=sse"
    assert server.calls[0].headers["x-goog-api-key"] == "sk-test-gemini-0123456789"


def test_google_key_wins_over_gemini_key(server: WireServer) -> None:
    ask(environ_for(server, GOOGLE_API_KEY="AIza-google-0123456789"), "gemini/any")
    assert server.calls[0].headers["x-goog-api-key"] == "AIza-google-0123456789"


@pytest.mark.parametrize(
    ("model", "thinking", "config"),
    [
        ("gemini-2.5-flash", Thinking.off, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", Thinking.on, {"thinkingBudget": -1, "includeThoughts": True}),
        ("models/gemini-2.5-flash", Thinking.on, {"thinkingBudget": -1, "includeThoughts": True}),
        ("gemini-2.5-pro", Thinking.on, {"thinkingBudget": -1, "includeThoughts": True}),
        ("gemini-3.6-flash", Thinking.low, {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-4-argon", Thinking.on, {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
    ],
)
def test_older_models_get_a_budget_newer_ones_a_level(
    model: str, thinking: Thinking, config: dict[str, Any]
) -> None:
    request = prepare(model, thinking=thinking)
    assert request.body["generationConfig"] == {"maxOutputTokens": 16000, "thinkingConfig": config}


@pytest.mark.parametrize("model", ["gemma-3-27b-it", "models/gemma-3-27b-it"])
def test_gemma_gets_the_system_text_with_the_question(model: str) -> None:
    body = prepare(model, system="Be brief.").body
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Be brief.\n\nHello"}]}]
    assert "systemInstruction" not in body


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-flash-latest", "/v1beta/models/gemini-flash-latest"),
        ("models/gemini-2.5-pro", "/v1/models/gemini-2.5-pro"),
        ("a/b?c", "/v1/models/a%2Fb%3Fc"),
    ],
)
def test_path_holds_the_version_and_the_model(model: str, path: str) -> None:
    assert prepare(model).path == f"{path}:streamGenerateContent?alt=sse"


def stream(*chunks: dict[str, Any]) -> bytes:
    return "".join(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in chunks).encode()


def play(server: WireServer, *chunks: dict[str, Any]) -> Completion:
    server.handler = lambda request: Script(body=stream(*chunks))
    return ask(environ_for(server), "gemini/any")


def said(text: str, finish: str = "", **values: Any) -> dict[str, Any]:
    candidate = {"content": {"parts": [{"text": text}]}, **values}
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})]}


@pytest.mark.parametrize(
    "reason", ["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"]
)
def test_filter_is_a_refusal(server: WireServer, reason: str) -> None:
    got = play(server, said("Well"), {"candidates": [{"finishReason": reason}]})
    assert (got.outcome, got.text, got.finish_reason) == (Outcome.refused, "Well", reason)


def test_blocked_prompt_is_a_refusal(server: WireServer) -> None:
    usage = {"promptTokenCount": 4}
    got = play(server, {"promptFeedback": {"blockReason": "OTHER"}, "usageMetadata": usage})
    assert (got.outcome, got.text, got.finish_reason) == (Outcome.refused, "", "OTHER")
    assert (got.input_tokens, got.output_tokens) == (4, None)


def test_counter_that_is_left_out_is_the_rest_of_the_total(server: WireServer) -> None:
    usage = {"promptTokenCount": 4, "totalTokenCount": 4}
    got = play(server, {"promptFeedback": {"blockReason": "OTHER"}, "usageMetadata": usage})
    assert (got.input_tokens, got.output_tokens) == (4, 0)
    got = play(server, said("", "STOP") | {"usageMetadata": usage | {"thoughtsTokenCount": 9}})
    assert (got.input_tokens, got.output_tokens) == (4, 9)


def test_other_finish_reasons_are_errors(server: WireServer) -> None:
    with pytest.raises(ProviderError, match=r"stopped with LANGUAGE\. No Klingon\."):
        play(server, said("a", "LANGUAGE", finishMessage="No Klingon."))


def test_thoughts_without_text_are_hidden(server: WireServer) -> None:
    got = play(server, said("1", "STOP") | {"usageMetadata": {"thoughtsTokenCount": 9}})
    assert (got.thinking_kind, got.reasoning_tokens) == (ThinkingKind.hidden, 9)
    assert got.output_tokens == 9


def continued(server: WireServer, *answers: dict[str, Any]) -> Completion:
    left = list(answers)
    server.handler = lambda request: Script(body=stream(left.pop(0)))
    return ask(environ_for(server), "gemini/any")


def test_continuation_is_followed(server: WireServer) -> None:
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 5}
    first = said("Half an ", "CONTINUATION", continuationToken="dG9rZW4=")
    got = continued(
        server, first | {"usageMetadata": usage}, said("answer", "STOP") | {"usageMetadata": usage}
    )
    assert (got.text, got.outcome, got.finish_reason) == (
        "Half an answer",
        Outcome.answered,
        "STOP",
    )
    assert (got.input_tokens, got.output_tokens) == (6, 10)
    assert server.calls[1].body == server.calls[0].body | {"continuationToken": "dG9rZW4="}


def test_continuation_without_a_new_token_is_cut_off(server: WireServer) -> None:
    again = said("a", "CONTINUATION", continuationToken="dG9rZW4=")
    got = continued(server, again, again)
    assert (got.text, got.outcome) == ("aa", Outcome.truncated)


def test_continuations_are_bounded(server: WireServer) -> None:
    answers = [said("a", "CONTINUATION", continuationToken=f"t{n}") for n in range(20)]
    got = continued(server, *answers)
    assert (got.text, got.outcome, len(server.calls)) == ("a" * 9, Outcome.truncated, 9)


def test_failing_continuation_is_not_tried_again(server: WireServer) -> None:
    first = said("a", "CONTINUATION", continuationToken="t")
    scripts = [Script(body=stream(first)), Script(status=503)]
    server.handler = lambda request: scripts.pop(0)
    error = failure(environ_for(server), "gemini/any")
    assert (error.kind, error.retryable) == ("overloaded", False)


def test_deadline_covers_all_continuations(server: WireServer) -> None:
    def handle(request: Recorded) -> Script:
        token = f"t{len(server.calls)}"
        return Script(body=stream(said("a", "CONTINUATION", continuationToken=token)), delay_s=0.1)

    server.handler = handle
    error = failure(environ_for(server), "gemini/any", call_timeout_s=0.35)
    assert (error.kind, len(server.calls) < 6) == ("timeout", True)


@pytest.mark.parametrize("wrapped", [False, True])
def test_plain_error_in_the_middle_of_a_stream_is_seen(server: WireServer, wrapped: bool) -> None:
    error: Any = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    plain = json.dumps([error] if wrapped else error, indent=2).encode()
    server.handler = lambda request: Script(body=stream(said("Well")) + plain)
    found = failure(environ_for(server), "gemini/any")
    assert (found.kind, found.retryable) == ("overloaded", False)
    assert found.message.endswith("while answering: overloaded")


def test_reader_gives_what_is_left_at_the_end_once() -> None:
    reader = GeminiReader()
    assert reader.feed(b"data: {}\n\ndata: {") == [SseEvent("{}")]
    assert reader.finish() == [SseEvent("{")]
    assert reader.finish() == []


def refused(
    server: WireServer, status: int, *details: dict[str, Any], wrapped: bool = False
) -> Any:
    error = {"error": {"code": status, "message": "No more.", "details": list(details)}}
    server.handler = lambda request: Script(status=status, body=[error] if wrapped else error)
    return failure(environ_for(server), "gemini/any")


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "5.8s"}
QUOTA = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{}]}


@pytest.mark.parametrize("wrapped", [False, True])
def test_time_to_wait_is_read_from_the_body(server: WireServer, wrapped: bool) -> None:
    error = refused(server, 429, QUOTA, RETRY, wrapped=wrapped)
    assert (error.kind, error.retryable, error.retry_after_s) == ("rate_limit", True, 5.8)


def test_time_to_wait_is_read_inside_a_stream_too(server: WireServer) -> None:
    error = {"error": {"code": 429, "message": "No more.", "details": [QUOTA, RETRY]}}
    server.handler = lambda request: Script(body=b"data: %b\n\n" % json.dumps(error).encode())
    found = failure(environ_for(server), "gemini/any")
    assert (found.kind, found.retryable, found.retry_after_s) == ("rate_limit", True, 5.8)


def test_quota_without_time_to_wait_is_used_up(server: WireServer) -> None:
    error = refused(server, 429, QUOTA)
    assert (error.kind, error.retryable) == ("quota", False)


def test_daily_quota_is_used_up_whatever_time_to_wait_stands_beside_it(
    server: WireServer,
) -> None:
    daily = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "20"}
    error = refused(server, 429, QUOTA | {"violations": [daily]}, RETRY)
    assert (error.kind, error.retryable) == ("quota", False)
    minute = {"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}
    error = refused(server, 429, QUOTA | {"violations": [minute]}, RETRY)
    assert (error.kind, error.retryable) == ("rate_limit", True)


def test_wrong_key_is_told_from_a_wrong_request(server: WireServer) -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    assert refused(server, 400, detail).kind == "auth"
    assert refused(server, 400).kind == "bad_request"


def test_all_pages_of_models_are_listed(server: WireServer) -> None:
    chats = {"supportedGenerationMethods": ["generateContent"]}
    pages = [
        {
            "models": [
                {"name": "models/gemini-x", "displayName": "Gemini X", **chats},
                {"name": "models/embedder", "supportedGenerationMethods": ["embedContent"]},
                {"name": "models/gemini-x-tts", **chats},
            ],
            "nextPageToken": "a+b",
        },
        {"models": [{"name": "models/gemini-y", **chats}, "odd"]},
    ]
    server.models = lambda request: pages[len(server.lists) - 1]

    async def list_them(providers: dict[str, Provider]) -> list[ModelInfo]:
        return await providers["gemini"].list_models()

    assert with_providers(environ_for(server), list_them) == [
        ModelInfo("gemini", "gemini-x", "Gemini X"),
        ModelInfo("gemini", "gemini-y", ""),
    ]
    assert [request.path for request in server.lists] == [
        "/v1/models?pageSize=1000",
        "/v1/models?pageSize=1000&pageToken=a%2Bb",
    ]
