"""The wire server's answers in the words of each protocol."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.wire_http import Recorded
from tests.wire_scripts import THOUGHT, USAGE, Script


def frames(script: Script, request: Recorded) -> Iterator[bytes]:
    """The stream of one answer."""
    if script.echo:
        script = replace(script, text=json.dumps(request.body))
    if script.thinking is None and asks_to_think(request.body):
        script = replace(script, thinking="I think about it.")
    protocol = protocol_of(request)
    assert protocol
    return protocol.frames(script, request.model)


def asks_to_think(body: dict[str, Any]) -> bool:
    kwargs = body.get("chat_template_kwargs", {})
    reasoning = body.get("reasoning", {})
    config = body.get("generationConfig", {}).get("thinkingConfig", {})
    return (
        body.get("thinking", {}).get("type") in ("enabled", "adaptive")
        or body.get("reasoning_effort", "none") != "none"
        or reasoning.get("effort", "none") != "none"
        or bool(reasoning.get("enabled") or kwargs.get("enable_thinking") or kwargs.get("thinking"))
        or bool(config.get("includeThoughts") or body.get("think"))
    )


def _pieces(text: str) -> list[str]:
    return [text[i : i + 9] for i in range(0, len(text), 9)]


def chat(script: Script, model: str) -> Iterator[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        value = {"id": "chatcmpl-1", "model": f"{model}-served", "choices": [choice], **more}
        return _data(value)

    yield b": keep-alive\n\n"
    yield chunk({"role": "assistant", "content": ""})
    text = script.text
    if script.thinking and script.thinking_field == "tags":
        text = f"<think>\n{script.thinking}\n</think>\n\n{text}"
    elif script.thinking:
        for part in _pieces(script.thinking):
            detail = [{"type": "reasoning.text", "text": part}]
            told = detail if script.thinking_field == "reasoning_details" else part
            yield chunk({script.thinking_field: told})
    pieces: list[str | None] = [*_pieces(text), None]
    for number, piece in enumerate(pieces):
        if script.error_after == number:
            yield _data({"error": {"type": script.error_type, "message": script.error}})
            return
        if piece is not None:
            yield chunk({"content": piece})
    if script.finish == "refusal":
        yield chunk({"refusal": "I cannot help with that."})
    finish = {"refusal": "stop"}.get(script.finish, script.finish)
    if not script.terminator:
        return
    yield chunk({}, finish)
    usage: dict[str, Any] = {"prompt_tokens": USAGE[0], "completion_tokens": USAGE[1]}
    if script.thinking is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": THOUGHT}
    yield _data({"id": "chatcmpl-1", "model": f"{model}-served", "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def messages(script: Script, model: str) -> Iterator[bytes]:
    def event(kind: str, **values: Any) -> bytes:
        return f"event: {kind}\n".encode() + _data({"type": kind, **values})

    usage = {"input_tokens": USAGE[0], "output_tokens": 1}
    message = {"id": "msg_1", "model": f"{model}-served", "content": [], "usage": usage}
    yield event("message_start", message=message)
    yield event("ping")
    if script.thinking is not None:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        yield event("content_block_start", index=0, content_block=block)
        for part in _pieces(script.thinking):
            delta = {"type": "thinking_delta", "thinking": part}
            yield event("content_block_delta", index=0, delta=delta)
        signature = {"type": "signature_delta", "signature": "c2ln"}
        yield event("content_block_delta", index=0, delta=signature)
        yield event("content_block_stop", index=0)
    pieces: list[str | None] = [*_pieces(script.text), None]
    for number, piece in enumerate(pieces):
        if script.error_after == number:
            error = {"type": script.error_type, "message": script.error}
            yield event("error", error=error)
            return
        if number == 0 and piece is not None:
            block = {"type": "text", "text": ""}
            yield event("content_block_start", index=1, content_block=block)
        if piece is not None:
            delta = {"type": "text_delta", "text": piece}
            yield event("content_block_delta", index=1, delta=delta)
    if not script.terminator:
        return
    reasons = {"stop": "end_turn", "length": "max_tokens"}
    details = {"thinking_tokens": THOUGHT} if script.thinking is not None else None
    yield event(
        "message_delta",
        delta={"stop_reason": reasons.get(script.finish, script.finish)},
        usage={"output_tokens": USAGE[1], "output_tokens_details": details},
    )
    yield event("message_stop")


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def responses(script: Script, model: str) -> Iterator[bytes]:
    number = 0

    def event(kind: str, **values: Any) -> bytes:
        nonlocal number
        number += 1
        value = {"type": kind, "sequence_number": number, **values}
        return f"event: {kind}\n".encode() + _data(value)

    response: dict[str, Any] = {"id": "resp_1", "model": f"{model}-served", "output": []}
    yield event("response.created", response=response | {"status": "in_progress"})
    if script.thinking is not None:
        item: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": []}
        yield event("response.output_item.added", output_index=0, item=item)
        part: dict[str, Any] = {"type": "summary_text", "text": ""}
        where = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
        if script.thinking:
            yield event("response.reasoning_summary_part.added", part=part, **where)
        for piece in _pieces(script.thinking):
            yield event("response.reasoning_summary_text.delta", delta=piece, **where)
        yield event("response.output_item.done", output_index=0, item=item)
    message: dict[str, Any] = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    position = 0 if script.thinking is None else 1
    where = {"item_id": "msg_1", "output_index": position, "content_index": 0}
    pieces: list[str | None] = [*_pieces(script.text), None]
    for index, text in enumerate(pieces):
        if script.error_after == index:
            yield event("error", code=script.error_type, message=script.error, param=None)
            return
        if index == 0:
            yield event("response.output_item.added", output_index=position, item=message)
            part = {"type": "output_text", "text": "", "annotations": []}
            yield event("response.content_part.added", part=part, **where)
        if text is not None:
            yield event("response.output_text.delta", delta=text, logprobs=[], **where)
    content: list[dict[str, Any]] = [
        {"type": "output_text", "text": script.text, "annotations": []}
    ]
    yield event("response.output_text.done", text=script.text, logprobs=[], **where)
    yield event("response.content_part.done", part=content[0], **where)
    if script.finish == "refusal":
        said = "I cannot help with that."
        content.append({"type": "refusal", "refusal": said})
        where["content_index"] = 1
        yield event("response.content_part.added", part=content[1] | {"refusal": ""}, **where)
        yield event("response.refusal.delta", delta=said, **where)
        yield event("response.refusal.done", refusal=said, **where)
        yield event("response.content_part.done", part=content[1], **where)
    if not script.terminator:
        return
    message |= {"content": content, "status": "completed"}
    yield event("response.output_item.done", output_index=position, item=message)
    usage: dict[str, Any] = {"input_tokens": USAGE[0], "output_tokens": USAGE[1]}
    if script.thinking is not None:
        usage["output_tokens_details"] = {"reasoning_tokens": THOUGHT}
    status = "incomplete" if script.finish == "length" else "completed"
    details = {"reason": "max_output_tokens"} if script.finish == "length" else None
    end = {"status": status, "incomplete_details": details, "error": None, "usage": usage}
    yield event(f"response.{status}", response=response | end)


def gemini(script: Script, model: str) -> Iterator[bytes]:
    def chunk(parts: list[dict[str, Any]], **more: Any) -> bytes:
        content = {"role": "model", "parts": parts}
        candidate = {"index": 0, **({"content": content} if parts else {}), **more}
        return _data(
            {
                "candidates": [candidate],
                "usageMetadata": usage,
                "modelVersion": f"{model}-served",
                "responseId": "gen-1",
            }
        )

    usage: dict[str, int] = {"promptTokenCount": USAGE[0]}
    for part in _pieces(script.thinking or ""):
        yield chunk([{"text": part, "thought": True}])
    pieces: list[str | None] = [*_pieces(script.text), None]
    for number, piece in enumerate(pieces):
        if script.error_after == number:
            yield _data({"error": _google_error(503, script)})
            return
        if piece is not None:
            yield chunk([{"text": piece}])
    if not script.terminator:
        return
    usage["candidatesTokenCount"] = USAGE[1]
    if script.thinking is not None:
        usage |= {"candidatesTokenCount": USAGE[1] - THOUGHT, "thoughtsTokenCount": THOUGHT}
    reasons = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
    yield chunk([], finishReason=reasons.get(script.finish, script.finish))


def ollama(script: Script, model: str) -> Iterator[bytes]:
    def line(value: dict[str, Any]) -> bytes:
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"

    def message(done: bool = False, **values: str) -> dict[str, Any]:
        said = {"role": "assistant", "content": "", **values}
        return {"model": f"{model}-served", "message": said, "done": done}

    for part in _pieces(script.thinking or ""):
        yield line(message(thinking=part))
    pieces: list[str | None] = [*_pieces(script.text), None]
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
    error = {"type": script.error_type, "code": script.error_type, "message": script.error}
    return {"type": "error", "error": error}


def _google_error(status: int, script: Script) -> dict[str, Any]:
    details = []
    if script.error_type == "insufficient_quota":
        details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []}]
    return {"code": status, "message": script.error, "status": "FAILED", "details": details}


@dataclass(frozen=True)
class Protocol:
    """How one kind of API is spoken."""

    route: str  # a pattern of paths
    frames: Callable[[Script, str], Iterator[bytes]]
    error: Callable[[Script], dict[str, Any]] = _error
    content_type: str = "text/event-stream"


PROTOCOLS = [
    Protocol(r"/v1/messages", messages),
    Protocol(r"(/openai)?/v1/chat/completions", chat),
    Protocol(r"/v1/responses", responses),
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
