"""The client below the adapters."""

import asyncio
import json
from contextlib import aclosing

import pytest

from app.errors import ProviderError
from app.providers.http import HttpClient
from app.providers.masking import sentence
from app.providers.sse import SseEvent, SseReader
from app.providers.target import Limits, Target
from tests.wire import WireServer
from tests.wire_scripts import Script


def stream(server: WireServer, limits: Limits, calls: int = 1) -> list[SseEvent]:
    """The events of one call; further calls run beside it."""
    target = Target("Test", f"{server.openai_url}/chat/completions", {})

    async def one(client: HttpClient) -> list[SseEvent]:
        body = {"model": "plain", "messages": []}
        events = client.stream(
            target, body, SseReader(), is_last=lambda event: event.data == "[DONE]"
        )
        async with aclosing(events):
            return [event async for event in events]

    async def go() -> list[SseEvent]:
        client = HttpClient(limits)
        try:
            return (await asyncio.gather(*(one(client) for _ in range(calls))))[0]
        finally:
            await client.aclose()

    return asyncio.run(go())


def test_stream_yields_each_event_and_no_comment(server: WireServer) -> None:
    events = stream(server, Limits())
    texts = [json.loads(event.data) for event in events[:-1]]
    assert events[-1] == SseEvent("[DONE]")
    assert "".join(t["choices"][0]["delta"].get("content", "") for t in texts if t["choices"]) == (
        "42"
    )


def test_too_many_bytes_end_the_call(server: WireServer) -> None:
    server.handler = lambda request: Script(text="x" * 5000)
    with pytest.raises(ProviderError) as caught:
        stream(server, Limits(max_bytes=2000))
    assert str(caught.value) == "Test sent more than 0.002 MB; the call was ended."
    assert (caught.value.kind, caught.value.retryable) == ("protocol", False)


def test_calls_are_not_limited_by_the_connection_pool(server: WireServer) -> None:
    server.handler = lambda request: Script(delay_s=0.5)
    stream(server, Limits(), calls=150)
    assert server.max_in_flight == 150


def test_connection_is_used_again(server: WireServer) -> None:
    target = Target("Test", f"{server.openai_url}/chat/completions", {})

    async def go() -> None:
        client = HttpClient()
        for _ in range(3):
            events = client.stream(
                target,
                {"model": "plain"},
                SseReader(),
                is_last=lambda event: event.data == "[DONE]",
            )
            async with aclosing(events):
                assert [event async for event in events]
        await client.aclose()

    asyncio.run(go())
    assert server.connections == 1


def test_sentence_masks_keys_and_ends() -> None:
    said = sentence("a\n  b sk-proj-abc***xyz Bearer abcdef hidden", ["hidden"])
    assert said == "a b [key] [key] [key]"
    assert len(sentence("x" * 900)) == 500
