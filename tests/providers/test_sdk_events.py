"""Every event our test server streams, checked against the types of the vendors' own SDKs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from anthropic.types import RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from google.genai.types import GenerateContentResponse
from groq.types.chat import ChatCompletionChunk as GroqChunk
from mistralai.client.models import CompletionChunk
from ollama import ChatResponse
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent
from openai.types.shared import ErrorObject
from pydantic import BaseModel

from app.providers import Call, load_providers
from app.providers.remote import RemoteProvider
from tests.providers.strict import Strict
from tests.wire_http import Recorded
from tests.wire_protocols import frames, protocol_of
from tests.wire_scripts import SCRIPTS, Script


class OpenAIError(BaseModel):
    """OpenAI's SDK has a type for what is inside."""

    error: ErrorObject


@dataclass(frozen=True)
class Stream:
    """What a provider streams, in its SDK's words."""

    event: Any
    thinking_field: str = ""
    error: Any = None
    brackets: tuple[tuple[str, str], ...] = ()  # an event that opens something, and closes it
    refuses: bool = True  # has a word for a refusal
    extras: tuple[str, ...] = ()  # sent nevertheless: fields the SDK has no type for


STREAMS = {
    "anthropic": Stream(
        RawMessageStreamEvent,
        error=ErrorResponse,
        brackets=(
            ("content_block_start", "content_block_stop"),
            ("message_start", "message_stop"),
        ),
    ),
    "gemini": Stream(GenerateContentResponse),
    "groq": Stream(GroqChunk, "reasoning", refuses=False),
    "mistral": Stream(
        CompletionChunk, "content", refuses=False, extras=("completion_tokens_details",)
    ),
    "ollama": Stream(ChatResponse, refuses=False),
    "openai-chat": Stream(
        ChatCompletionChunk, "reasoning_content", OpenAIError, extras=("reasoning_content",)
    ),
    "openai": Stream(
        ResponseStreamEvent,
        brackets=(
            ("response.output_item.added", "response.output_item.done"),
            ("response.content_part.added", "response.content_part.done"),
            ("response.created", "response.completed"),
        ),
    ),
}
ENDINGS = ["plain", "thinks", "hidden", "empty", "truncated", "strange"]
PROVIDERS = load_providers({}, practice_latency_s=0)
cases = pytest.mark.parametrize(
    ("name", "script"),
    [
        (name, script)
        for name, stream in STREAMS.items()
        for script in [*ENDINGS, *(["refusal"] if stream.refuses else [])]
    ],
)


def asked(name: str) -> Recorded:
    """A call as the server sees it."""
    provider = PROVIDERS[name]
    assert isinstance(provider, RemoteProvider)
    request = provider.prepare(Call("any", "How many Ds are in DEEPSEEK?"))
    return Recorded("POST", urlsplit(provider.spec.base_url).path + request.path, {}, request.body)


def streamed(name: str, script: Script) -> Iterator[dict[str, Any]]:
    """The events of an answer, without what the SDK reads apart or has no type for."""
    stream = STREAMS[name]
    script = replace(script, thinking_field=stream.thinking_field)

    def typed(found: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in found.items() if key not in stream.extras}

    for line in b"".join(frames(script, asked(name))).split(b"\n"):
        data = line.removeprefix(b"data: ")
        if data.startswith(b"{") and data != b'{"type": "ping"}':
            yield json.loads(data, object_hook=typed)


@cases
def test_events_are_the_sdks(name: str, script: str) -> None:
    event_type = Strict(STREAMS[name].event)
    events = list(streamed(name, SCRIPTS[script]))
    assert events
    for event in events:
        event_type.check(event)


@pytest.mark.parametrize("name", STREAMS)
def test_a_field_too_many_is_noticed(name: str) -> None:
    event_type = Strict(STREAMS[name].event)
    for event in streamed(name, SCRIPTS["thinks"]):
        with pytest.raises(ValueError, match="Extra inputs are not permitted"):
            event_type.check(event | {"misspelt": 1})


@pytest.mark.parametrize("name", [name for name, stream in STREAMS.items() if stream.brackets])
@pytest.mark.parametrize("script", ["plain", "thinks"])
def test_what_is_opened_is_closed(name: str, script: str) -> None:
    seen = [event["type"] for event in streamed(name, SCRIPTS[script])]
    for opened, closed in STREAMS[name].brackets:
        assert seen.count(opened) == seen.count(closed) > 0


@pytest.mark.parametrize("name", [name for name, stream in STREAMS.items() if stream.error])
def test_error_is_the_sdks(name: str) -> None:
    script = SCRIPTS["error-mid"]
    protocol = protocol_of(asked(name))
    assert protocol
    *_, event = streamed(name, script)
    for error in (event, protocol.error(script)):
        Strict(STREAMS[name].error).check(error)
