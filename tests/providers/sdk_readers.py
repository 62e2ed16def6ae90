"""Each vendor's own SDK: sends one of our requests to the test server and reads the answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import groq
import ollama
import openai
from anthropic import Anthropic
from google import genai
from mistralai.client import Mistral
from mistralai.client.models import TextChunk, ThinkChunk

from app.providers import Request
from tests.wire import WireServer

KEY = "key-of-a-test-0123456789"


@dataclass(frozen=True)
class Seen:
    """What an SDK made of an answer."""

    text: str
    finish: str | None
    thinking: str
    tokens: tuple[int | None, int | None, int | None]  # input, output, and thinking if any


class ErrorEvent(Exception):
    """The SDK hands this error over as an event and raises nothing."""


def read_anthropic(server: WireServer, request: Request) -> Seen:
    with (
        Anthropic(base_url=server.url, api_key=KEY, max_retries=0) as client,
        client.messages.stream(**_without_stream(request)) as stream,
    ):
        message = stream.get_final_message()
    usage, details = message.usage, message.usage.output_tokens_details
    return Seen(
        text="".join(block.text for block in message.content if block.type == "text"),
        finish=message.stop_reason,
        thinking="".join(b.thinking for b in message.content if b.type == "thinking"),
        tokens=(
            usage.input_tokens,
            usage.output_tokens,
            details.thinking_tokens if details else None,
        ),
    )


def read_gemini(server: WireServer, request: Request) -> Seen:
    assert request.call
    config = dict(request.body["generationConfig"])
    if "systemInstruction" in request.body:
        config["systemInstruction"] = request.body["systemInstruction"]
    options = genai.types.HttpOptions(base_url=server.url)
    with genai.Client(enterprise=False, api_key=KEY, http_options=options) as client:
        stream = client.models.generate_content_stream(
            model=request.call.model,
            contents=request.body["contents"],
            config=genai.types.GenerateContentConfig.model_validate(config),
        )
        chunks = list(stream)
    candidates = [candidate for chunk in chunks for candidate in chunk.candidates or []]
    parts = [p for c in candidates if c.content for p in c.content.parts or []]
    usage = chunks[-1].usage_metadata
    finish = candidates[-1].finish_reason
    assert usage
    thought = usage.thoughts_token_count
    return Seen(
        text="".join(part.text or "" for part in parts if not part.thought),
        finish=finish and finish.value,
        thinking="".join(part.text or "" for part in parts if part.thought),
        tokens=(
            usage.prompt_token_count,
            (usage.candidates_token_count or 0) + (thought or 0),
            thought,
        ),
    )


def read_groq(server: WireServer, request: Request) -> Seen:
    with (
        groq.Groq(base_url=server.url, api_key=KEY, max_retries=0) as client,
        client.chat.completions.create(**request.body) as stream,
    ):
        return _chat(stream)


def read_mistral(server: WireServer, request: Request) -> Seen:
    with (
        Mistral(server_url=server.url, api_key=KEY) as client,
        client.chat.stream(**_without_stream(request)) as stream,
    ):
        chunks = [event.data for event in stream]
    parts: list[Any] = []
    for chunk in chunks:
        content = chunk.choices[0].delta.content
        parts += content if isinstance(content, list) else [TextChunk(text=content or "")]
    usage = chunks[-1].usage
    assert usage
    details = usage.additional_properties.get("completion_tokens_details", {})
    return Seen(
        text="".join(part.text for part in parts if isinstance(part, TextChunk)),
        finish=chunks[-1].choices[0].finish_reason,
        thinking="".join(
            getattr(thought, "text", "")
            for part in parts
            if isinstance(part, ThinkChunk)
            for thought in part.thinking
        ),
        tokens=(usage.prompt_tokens, usage.completion_tokens, details.get("reasoning_tokens")),
    )


def read_ollama(server: WireServer, request: Request) -> Seen:
    with ollama.Client(host=server.url) as client:
        lines = list(client.chat(**request.body))
    last = lines[-1]
    assert last.done
    return Seen(
        text="".join(line.message.content or "" for line in lines),
        finish=last.done_reason,
        thinking="".join(line.message.thinking or "" for line in lines),
        tokens=(last.prompt_eval_count, last.eval_count, None),
    )


def read_openai_chat(server: WireServer, request: Request) -> Seen:
    with (
        openai.OpenAI(base_url=server.openai_url, api_key=KEY, max_retries=0) as client,
        client.chat.completions.create(**request.body) as stream,
    ):
        return _chat(stream)


def read_openai_responses(server: WireServer, request: Request) -> Seen:
    with (
        openai.OpenAI(base_url=server.openai_url, api_key=KEY, max_retries=0) as client,
        client.responses.stream(**_without_stream(request)) as stream,
    ):
        *_, last = stream
    if last.type == "error":
        raise ErrorEvent(last.message)
    assert last.type in ("response.completed", "response.incomplete")
    response = last.response
    items = response.output
    refusals = [
        part.refusal
        for item in items
        if item.type == "message"
        for part in item.content
        if part.type == "refusal"
    ]
    usage, cut = response.usage, response.incomplete_details
    assert usage
    return Seen(
        text=response.output_text or "".join(refusals),
        finish=cut.reason if cut else response.status,
        thinking="".join(
            s.text for item in items if item.type == "reasoning" for s in item.summary
        ),
        tokens=(
            usage.input_tokens,
            usage.output_tokens,
            usage.output_tokens_details.reasoning_tokens or None,
        ),
    )


def _chat(chunks: Iterable[Any]) -> Seen:
    """Chat Completions. Thinking is typed by Groq's SDK only; others add it under this name."""
    text = refusal = thinking = ""
    finish = usage = None
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            refusal += getattr(choice.delta, "refusal", None) or ""
            thinking += getattr(choice.delta, "reasoning_content", None) or ""
            thinking += getattr(choice.delta, "reasoning", None) or ""
            finish = choice.finish_reason or finish
    assert usage
    details = usage.completion_tokens_details
    thought = details and details.reasoning_tokens
    return Seen(
        text or refusal, finish, thinking, (usage.prompt_tokens, usage.completion_tokens, thought)
    )


def _without_stream(request: Request) -> dict[str, Any]:
    """The body for a method that is named for streaming and takes no such argument."""
    return {name: value for name, value in request.body.items() if name != "stream"}
