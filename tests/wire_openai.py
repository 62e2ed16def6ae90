"""OpenAI's two protocols, as the wire server speaks them."""

from collections.abc import Iterator
from typing import Any

from tests.wire_http import sse
from tests.wire_scripts import THOUGHT, USAGE, Script, pieces_of


def chat(script: Script, model: str) -> Iterator[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        value = {"id": "chatcmpl-1", "model": f"{model}-served", "choices": [choice], **more}
        return sse(value)

    yield b": keep-alive\n\n"
    yield chunk({"role": "assistant", "content": ""})
    text = script.text
    if script.thinking and script.thinking_field == "tags":
        text = f"<think>\n{script.thinking}\n</think>\n\n{text}"
    elif script.thinking:
        for part in pieces_of(script.thinking):
            detail = [{"type": "reasoning.text", "text": part}]
            told = detail if script.thinking_field == "reasoning_details" else part
            yield chunk({script.thinking_field: told})
    pieces: list[str | None] = [*pieces_of(text), None]
    for number, piece in enumerate(pieces):
        if script.error_after == number:
            yield sse({"error": {"type": script.error_type, "message": script.error}})
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
    yield sse({"id": "chatcmpl-1", "model": f"{model}-served", "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def responses(script: Script, model: str) -> Iterator[bytes]:
    number = 0

    def event(kind: str, **values: Any) -> bytes:
        nonlocal number
        number += 1
        value = {"type": kind, "sequence_number": number, **values}
        return sse(value, kind)

    response: dict[str, Any] = {"id": "resp_1", "model": f"{model}-served", "output": []}
    yield event("response.created", response=response | {"status": "in_progress"})
    if script.thinking is not None:
        item: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": []}
        yield event("response.output_item.added", output_index=0, item=item)
        part: dict[str, Any] = {"type": "summary_text", "text": ""}
        where = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
        if script.thinking:
            yield event("response.reasoning_summary_part.added", part=part, **where)
        for piece in pieces_of(script.thinking):
            yield event("response.reasoning_summary_text.delta", delta=piece, **where)
        yield event("response.output_item.done", output_index=0, item=item)
    message: dict[str, Any] = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    position = 0 if script.thinking is None else 1
    where = {"item_id": "msg_1", "output_index": position, "content_index": 0}
    pieces: list[str | None] = [*pieces_of(script.text), None]
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
