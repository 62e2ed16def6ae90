"""The wire server's answers in the words of each protocol."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.wire_http import Recorded, sse
from tests.wire_openai import chat, responses
from tests.wire_openai import error as openai_error
from tests.wire_scripts import THOUGHT, USAGE, Script, pieces_of

GOOGLE_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


def frames(script: Script, request: Recorded) -> Iterator[bytes]:
    """The stream of one answer."""
    if script.echo:
        script = replace(script, text=json.dumps(request.body))
    if script.thinking is None and script.obeys and asks_to_think(request.body):
        script = replace(script, thinking="I think about it.")
    protocol = protocol_of(request)
    assert protocol
    return protocol.frames(script, request)


def asks_to_think(body: dict[str, Any]) -> bool:
    kwargs = body.get("chat_template_kwargs", {})
    reasoning = body.get("reasoning", {})
    config = body.get("generationConfig", {}).get("thinkingConfig", {})
    return (
        body.get("thinking", {}).get("type") in ("enabled", "adaptive")
        or body.get("reasoning_effort", "none") != "none"
        or reasoning.get("effort", "none") != "none"
        or bool(reasoning.get("enabled") or kwargs.get("enable_thinking") or kwargs.get("thinking"))
        or bool(config.get("includeThoughts") or config.get("include_thoughts"))  # both are read
        or bool(body.get("think"))
    )


def messages(script: Script, request: Recorded) -> Iterator[bytes]:
    def event(kind: str, **values: Any) -> bytes:
        return sse({"type": kind, **values}, kind)

    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": f"{request.model}-served",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": USAGE[0], "output_tokens": 1},
    }
    yield event("message_start", message=message)
    yield event("ping")
    if script.thinking is not None:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        yield event("content_block_start", index=0, content_block=block)
        for part in pieces_of(script.thinking):
            delta = {"type": "thinking_delta", "thinking": part}
            yield event("content_block_delta", index=0, delta=delta)
        signature = {"type": "signature_delta", "signature": "c2ln"}
        yield event("content_block_delta", index=0, delta=signature)
        yield event("content_block_stop", index=0)
    at = 0 if script.thinking is None else 1
    pieces: list[str | None] = [*pieces_of(script.text), None]
    for number, piece in enumerate(pieces):
        if script.error_after == number:
            yield event("error", error=_error(script)["error"])
            return
        if number == 0 and piece is not None:
            block = {"type": "text", "text": ""}
            yield event("content_block_start", index=at, content_block=block)
        if piece is not None:
            delta = {"type": "text_delta", "text": piece}
            yield event("content_block_delta", index=at, delta=delta)
    if not script.terminator:
        return
    if script.text:
        yield event("content_block_stop", index=at)
    reasons = {"stop": "end_turn", "length": "max_tokens"}
    refused = {"type": "refusal", "category": None, "explanation": None}
    details = {"thinking_tokens": THOUGHT} if script.thinking is not None else None
    yield event(
        "message_delta",
        delta={
            "stop_reason": reasons.get(script.finish, script.finish),
            "stop_sequence": None,
            "stop_details": refused if script.finish == "refusal" else None,
        },
        usage={"output_tokens": USAGE[1], "output_tokens_details": details},
    )
    yield event("message_stop")


def gemini(script: Script, request: Recorded) -> Iterator[bytes]:
    def chunk(parts: list[dict[str, Any]], **more: Any) -> bytes:
        content = {"role": "model", "parts": parts}
        candidate = {"index": 0, **({"content": content} if parts else {}), **more}
        return sse(
            {
                "candidates": [candidate],
                "usageMetadata": usage,
                "modelVersion": f"{request.model}-served",
                "responseId": "gen-1",
            }
        )

    usage: dict[str, int] = {"promptTokenCount": USAGE[0]}
    for part in pieces_of(script.thinking or ""):
        yield chunk([{"text": part, "thought": True}])
    pieces: list[str | None] = [*pieces_of(script.text), None]
    for number, piece in enumerate(pieces):
        if script.error_after == number:
            yield sse({"error": _google_error(503, script)})
            return
        if piece is not None:
            yield chunk([{"text": piece}])
    if not script.terminator:
        return
    usage["candidatesTokenCount"] = USAGE[1]
    if script.thinking is not None:
        usage |= {"candidatesTokenCount": USAGE[1] - THOUGHT, "thoughtsTokenCount": THOUGHT}
    usage["totalTokenCount"] = sum(USAGE)
    reasons = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
    yield chunk([], finishReason=reasons.get(script.finish, script.finish))


def ollama(script: Script, request: Recorded) -> Iterator[bytes]:
    def line(value: dict[str, Any]) -> bytes:
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"

    def message(done: bool = False, **values: str) -> dict[str, Any]:
        said = {"role": "assistant", "content": "", **values}
        model, created = f"{request.model}-served", "2026-11-24T12:00:00.123456789Z"
        return {"model": model, "created_at": created, "message": said, "done": done}

    for part in pieces_of(script.thinking or ""):
        yield line(message(thinking=part))
    pieces: list[str | None] = [*pieces_of(script.text), None]
    for number, piece in enumerate(pieces):
        if script.error_after == number:
            yield line({"error": script.error})
            return
        if piece is not None:
            yield line(message(content=piece))
    if script.terminator:
        counts = {"prompt_eval_count": USAGE[0], "eval_count": USAGE[1], "total_duration": 10**9}
        yield line(message(done=True) | {"done_reason": script.finish} | counts)


def _error(script: Script) -> dict[str, Any]:
    error = {"type": script.error_type, "message": script.error}
    return {"type": "error", "error": error, "request_id": "req_1"}


def _google_error(status: int, script: Script) -> dict[str, Any]:
    details = []
    if script.error_type == "insufficient_quota":
        details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []}]
    name = GOOGLE_STATUS.get(status, "INTERNAL")
    return {"code": status, "message": script.error, "status": name, "details": details}


@dataclass(frozen=True)
class Protocol:
    """How one kind of API is spoken."""

    route: str  # a pattern of paths
    frames: Callable[[Script, Recorded], Iterator[bytes]]
    error: Callable[[Script], dict[str, Any]]
    content_type: str = "text/event-stream"


PROTOCOLS = [
    Protocol(r"/v1/messages", messages, _error),
    Protocol(r"(/openai)?/v1/chat/completions", chat, openai_error),
    Protocol(r"/v1/responses", responses, openai_error),
    Protocol(
        r"/v1(beta)?/models/.+:streamGenerateContent",
        gemini,
        lambda script: {"error": _google_error(script.status, script)},
    ),
    Protocol(r"/api/chat", ollama, lambda script: {"error": script.error}, "application/x-ndjson"),
]


def protocol_of(request: Recorded) -> Protocol | None:
    """The one that a POST is spoken in."""
    route = request.path.partition("?")[0]
    return next((p for p in PROTOCOLS if re.fullmatch(p.route, route)), None)
