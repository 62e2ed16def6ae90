"""What the wire server does for which model name, and its answers in both protocols."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.wire_http import Recorded

USAGE = (11, 7)  # input and output tokens of every answer
THOUGHT = 5  # reasoning tokens, when it thought


@dataclass(frozen=True)
class Script:
    """How the server treats one call."""

    text: str = "42"
    thinking: str | None = None  # None: thinks when asked to; "": thinks, but withholds the text
    thinking_field: str = "reasoning_content"  # or reasoning, reasoning_details, tags
    finish: str = "stop"  # or length, refusal, error
    status: int = 200
    times: int | None = None  # how often a conversation gets ``status``, before it gets an answer
    error: str = "scripted failure"
    error_type: str = "scripted_error"
    error_after: int | None = None  # an error event inside the stream, after so many text pieces
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "text/event-stream"
    body: Any = None  # sent as it is
    delay_s: float | None = None
    cut: int = 0  # send so many bytes at a time
    drip_s: float = 0.001  # and wait so long between them
    terminator: bool = True
    hang_up: str = ""  # "at once", "after headers", "before the end", "never"
    echo: bool = False  # the text is the whole request body, as JSON


def retry(headers: dict[str, str]) -> Script:
    return Script(status=429, times=1, error_type="rate_limit_error", headers=headers)


SCRIPTS = {
    "plain": Script(),
    "echo": Script(echo=True),
    "slow": Script(delay_s=2),
    "thinks": Script(thinking="I count the letters."),
    "hidden": Script(thinking=""),
    "tags": Script(thinking="I count the letters.", thinking_field="tags"),
    "idk": Script(text="I don't know."),
    "empty": Script(text=""),
    "truncated": Script(text="It is pro", finish="length"),
    "refusal": Script(text="", finish="refusal"),
    "strange": Script(text="a\u2028b\u0085c\x0bd – Zürich 東京 🎂", cut=1),
    "drip": Script(text="slowly but surely", cut=40, drip_s=0.05),
    "html": Script(body=b"<!doctype html><title>Sign in</title>", content_type="text/html"),
    "drops": Script(text="half an answer", hang_up="before the end", terminator=False),
    "drops-at-once": Script(hang_up="at once"),
    "unfinished": Script(text="half an answer", terminator=False),
    "error-mid": Script(text="half an answer", error_after=1, error_type="overloaded_error"),
    "error-first": Script(error_after=0, error_type="overloaded_error"),
    "429-once": retry({"retry-after": "0"}),
    "429-ms": retry({"retry-after-ms": "50"}),
    "429-seconds": retry({"retry-after": "0.05"}),
    "429-date": retry({"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=90))}),
    "429-long": retry({"retry-after": "3600"}),
    "quota": Script(status=429, error_type="insufficient_quota"),
    "500-once": Script(status=500, times=1),
}


def script_for(request: Recorded) -> Script:
    """By the model's name; a bare status such as "529" always fails; any other name answers."""
    name = request.model.rpartition("/")[2]
    if name.isdecimal():
        return Script(status=int(name))
    return SCRIPTS.get(name, SCRIPTS["plain"])


def frames(script: Script, request: Recorded, anthropic: bool) -> Iterator[bytes]:
    """The stream of one answer."""
    if script.echo:
        script = replace(script, text=json.dumps(request.body))
    if script.thinking is None and asks_to_think(request.body):
        script = replace(script, thinking="I think about it.")
    return _anthropic(script, request.model) if anthropic else _openai(script, request.model)


def asks_to_think(body: dict[str, Any]) -> bool:
    kwargs = body.get("chat_template_kwargs", {})
    reasoning = body.get("reasoning", {})
    return (
        body.get("thinking", {}).get("type") in ("enabled", "adaptive")
        or body.get("reasoning_effort", "none") != "none"
        or reasoning.get("effort", "none") != "none"
        or bool(reasoning.get("enabled") or kwargs.get("enable_thinking") or kwargs.get("thinking"))
    )


def _pieces(text: str) -> list[str]:
    return [text[i : i + 9] for i in range(0, len(text), 9)]


def _openai(script: Script, model: str) -> Iterator[bytes]:
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


def _anthropic(script: Script, model: str) -> Iterator[bytes]:
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
