"""OpenAI's two protocols, as the wire server speaks them."""

from collections.abc import Callable, Generator, Iterator
from typing import Any

from tests.wire_http import Recorded, sse
from tests.wire_scripts import CREATED, THOUGHT, USAGE, Script, pieces_of

NO = "I cannot help with that."
Item = dict[str, Any]
Event = Callable[..., bytes]


def chat(script: Script, request: Recorded) -> Iterator[bytes]:
    """Chat Completions. Asked for it, the usage comes in a chunk of its own, else in the last."""
    apart = bool(request.body.get("stream_options", {}).get("include_usage"))
    usage: dict[str, Any] = {
        "prompt_tokens": USAGE[0],
        "completion_tokens": USAGE[1],
        "total_tokens": sum(USAGE),
    }
    if script.thinking is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": THOUGHT}

    def chunk(choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        value: dict[str, Any] = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": f"{request.model}-served",
            "choices": choices,
        }
        return sse(value | {"usage": usage} if usage or apart else value)

    def said(**delta: Any) -> bytes:
        return chunk([{"index": 0, "delta": delta, "finish_reason": None}])

    yield b": keep-alive\n\n"
    yield said(role="assistant", content="")
    text = script.text
    if script.thinking and script.thinking_field == "tags":
        text = f"<think>\n{script.thinking}\n</think>\n\n{text}"
    elif script.thinking:
        for piece in pieces_of(script.thinking):
            yield said(**_thought(script.thinking_field, piece))
    pieces: list[str | None] = [*pieces_of(text), None]
    for number, part in enumerate(pieces):
        if script.error_after == number:
            yield sse(error(script))
            return
        if part is not None:
            yield said(content=part)
    if script.finish == "refusal":
        yield said(refusal=NO)
    if not script.terminator:
        return
    finish = {"refusal": "stop"}.get(script.finish, script.finish)
    last = {"index": 0, "delta": {}, "finish_reason": finish}
    yield chunk([last], None if apart else usage)
    if apart:
        yield chunk([], usage)
    yield b"data: [DONE]\n\n"


def _thought(field: str, text: str) -> dict[str, Any]:
    match field:
        case "reasoning_details":
            return {field: [{"type": "reasoning.text", "text": text}]}
        case "content":
            return {field: [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}
    return {field: text}


def responses(script: Script, request: Recorded) -> Iterator[bytes]:
    """Responses: items in an output, each opened, filled and closed."""
    number = -1

    def event(kind: str, **values: Any) -> bytes:
        nonlocal number
        number += 1
        return sse({"type": kind, "sequence_number": number, **values}, kind)

    response: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": f"{request.model}-served",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None,
    }
    yield event("response.created", response=response)
    yield event("response.in_progress", response=response)
    output: list[Item] = []
    if script.thinking is not None:
        output.append((yield from _reasoning(event, script.thinking)))
    message = yield from _message(event, script, len(output))
    if message is None:
        yield event("error", code=script.error_type, message=script.error, param=None)
        return
    if not script.terminator:
        return
    cut = script.finish == "length"
    message["status"] = status = "incomplete" if cut else "completed"
    yield event("response.output_item.done", output_index=len(output), item=message)
    usage = {
        "input_tokens": USAGE[0],
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": USAGE[1],
        "output_tokens_details": {"reasoning_tokens": THOUGHT if output else 0},
        "total_tokens": sum(USAGE),
    }
    details = {"reason": "max_output_tokens"} if cut else None
    response |= {"status": status, "incomplete_details": details, "usage": usage}
    yield event(f"response.{status}", response=response | {"output": [*output, message]})


def _reasoning(event: Event, summary: str) -> Generator[bytes, None, Item]:
    """A whole item; without a summary its thinking is withheld."""
    item: Item = {"type": "reasoning", "id": "rs_1", "summary": []}
    yield event("response.output_item.added", output_index=0, item=item)
    if summary:
        where = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
        part = {"type": "summary_text", "text": summary}
        yield event("response.reasoning_summary_part.added", part=part | {"text": ""}, **where)
        for piece in pieces_of(summary):
            yield event("response.reasoning_summary_text.delta", delta=piece, **where)
        yield event("response.reasoning_summary_text.done", text=summary, **where)
        yield event("response.reasoning_summary_part.done", part=part, **where)
        item = item | {"summary": [part]}
    yield event("response.output_item.done", output_index=0, item=item)
    return item


def _message(event: Event, script: Script, at: int) -> Generator[bytes, None, Item | None]:
    """An item all but closed, or None where the script wants an error."""
    item: Item = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    where = {"item_id": "msg_1", "output_index": at, "content_index": 0}
    content: list[Item] = []
    if script.error_after == 0:
        return None
    opened = item | {"status": "in_progress"}
    yield event("response.output_item.added", output_index=at, item=opened)
    if script.text or script.finish != "refusal":
        part: Item = {"type": "output_text", "text": script.text, "annotations": []}
        yield event("response.content_part.added", part=part | {"text": ""}, **where)
        for number, piece in enumerate(pieces_of(script.text), start=1):
            yield event("response.output_text.delta", delta=piece, logprobs=[], **where)
            if script.error_after == number:
                return None
        yield event("response.output_text.done", text=script.text, logprobs=[], **where)
        yield event("response.content_part.done", part=part, **where)
        content.append(part)
    if script.finish == "refusal":
        part = {"type": "refusal", "refusal": NO}
        where["content_index"] = len(content)
        yield event("response.content_part.added", part=part | {"refusal": ""}, **where)
        yield event("response.refusal.delta", delta=NO, **where)
        yield event("response.refusal.done", refusal=NO, **where)
        yield event("response.content_part.done", part=part, **where)
        content.append(part)
    return item | {"content": content}


def error(script: Script) -> dict[str, Any]:
    kind = script.error_type
    return {"error": {"message": script.error, "type": kind, "param": None, "code": kind}}
