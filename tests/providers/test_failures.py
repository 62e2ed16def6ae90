"""What goes wrong over the wire, and whether it may be tried again."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from app.providers import Call, Outcome, Provider
from tests.providers.calling import (
    BASE_URLS,
    KEYS,
    QUESTION,
    ask,
    each_provider,
    environ_for,
    failure,
    with_providers,
)
from tests.wire import WireServer
from tests.wire_scripts import Script

each = each_provider()


@each
@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, "bad_request", False),
        (401, "auth", False),
        (402, "billing", False),
        (403, "permission", False),
        (404, "not_found", False),
        (408, "timeout", True),
        (409, "conflict", True),
        (413, "too_large", False),
        (422, "bad_request", False),
        (429, "rate_limit", True),
        (500, "server", True),
        (501, "server", False),
        (503, "overloaded", True),
        (504, "timeout", True),
        (529, "overloaded", True),
    ],
)
def test_status_decides_kind_and_retry(
    server: WireServer, provider: str, status: int, kind: str, retryable: bool
) -> None:
    error = failure(environ_for(server), f"{provider}/{status}")
    assert (error.kind, error.status, error.retryable) == (kind, status, retryable)
    assert error.message.endswith(f"({status}): scripted failure")
    assert len(server.calls) == 1  # trying again is the runner's business


@each
@pytest.mark.parametrize(
    ("model", "kind", "retryable"),
    [
        ("quota", "quota", False),
        ("error-first", "overloaded", True),
        ("error-mid", "overloaded", False),
        ("unfinished", "protocol", False),
        ("drops", "interrupted", False),
        ("drops-at-once", "connection", True),
        ("drops-after-headers", "connection", True),
        ("html", "protocol", False),
    ],
)
def test_broken_answer_is_an_error(
    server: WireServer, provider: str, model: str, kind: str, retryable: bool
) -> None:
    if provider == "ollama":  # its errors are plain words
        kind = {"quota": "rate_limit", "overloaded": "server"}.get(kind, kind)
        retryable = retryable or model == "quota"
    error = failure(environ_for(server), f"{provider}/{model}")
    assert (error.kind, error.retryable) == (kind, retryable)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"), [(401, "auth", False), (429, "rate_limit", True)]
)
def test_status_counts_though_the_body_cannot_be_read(
    server: WireServer, status: int, kind: str, retryable: bool
) -> None:
    broken = {"content-encoding": "gzip", "retry-after": "5"}
    server.handler = lambda request: Script(status=status, headers=broken, body=b"not packed")
    error = failure(environ_for(server), "openai-chat/any")
    assert (error.kind, error.status, error.retryable) == (kind, status, retryable)
    assert error.retry_after_s == 5


def test_status_counts_though_the_body_does_not_come(server: WireServer) -> None:
    server.handler = lambda request: Script(
        status=429, headers={"retry-after": "5"}, hang_up="never"
    )
    error = failure(environ_for(server), "openai-chat/any")
    assert (error.kind, error.status, error.retry_after_s) == ("rate_limit", 429, 5)


@each
@pytest.mark.parametrize("status", [302, 307])
def test_redirect_is_not_followed(server: WireServer, provider: str, status: int) -> None:
    """Else a key in a header of its own would travel to whoever the server names."""
    environ = environ_for(server)
    with WireServer() as elsewhere:
        there = {"location": f"{elsewhere.url}/v1/chat/completions"}
        server.handler = lambda request: Script(status=status, headers=there)
        error = failure(environ, f"{provider}/any")
    assert (error.kind, error.status, error.retryable) == ("redirect", status, False)
    assert len(server.calls) == 1
    assert elsewhere.connections == 0


@each
def test_event_that_is_not_json_is_an_error(server: WireServer, provider: str) -> None:
    start = b"" if provider == "ollama" else b"data: "
    server.handler = lambda request: Script(body=start + b'{"id": \n\n')
    error = failure(environ_for(server), f"{provider}/any")
    assert error.message.endswith('sent an event that is not a JSON object: {"id":')


@each
def test_web_page_of_a_proxy_is_told(server: WireServer, provider: str) -> None:
    page = b"<!doctype html><h1>Bad gateway</h1>"
    html = {"content-type": "text/html"}
    server.handler = lambda request: Script(status=502, body=page, headers=html)
    error = failure(environ_for(server), f"{provider}/any")
    assert (error.kind, error.retryable) == ("server", True)
    assert error.message.endswith(
        "(502): it sent a web page instead, perhaps from a proxy in between"
    )


@each
def test_endless_answer_is_ended(server: WireServer, provider: str) -> None:
    """What carries no event costs neither time nor memory, so only the bytes tell."""
    line = b" " * 65_000 + b"\n" if provider == "ollama" else b": " + b"x" * 65_000 + b"\n\n"
    server.handler = lambda request: Script(body=line * 320)
    error = failure(environ_for(server), f"{provider}/any")
    assert (error.kind, error.retryable) == ("protocol", False)
    assert error.message.endswith(" sent more than 20 MB; the call was ended.")


@each
def test_answer_without_streaming_shows_what_came(server: WireServer, provider: str) -> None:
    expected = "application/x-ndjson" if provider == "ollama" else "text/event-stream"
    body = b'{"text": "not asked for like this"}'
    server.handler = lambda request: Script(body=body, content_type="application/json")
    error = failure(environ_for(server), f"{provider}/any")
    assert error.kind == "protocol"
    assert error.message.endswith(f"instead of {expected}: {body.decode()}")


@each
def test_error_in_a_plain_200_is_the_providers_error(server: WireServer, provider: str) -> None:
    body = b'{"error": {"code": 429, "message": "too many for this route"}}'
    server.handler = lambda request: Script(body=body, content_type="application/json")
    error = failure(environ_for(server), f"{provider}/any")
    assert (error.kind, error.retryable) == ("rate_limit", True)
    assert error.message.endswith("while answering: too many for this route")


@each
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"code": "content_filter", "message": "flagged"}),
        (400, {"code": "invalid_prompt", "message": "flagged"}),
        (403, {"code": 403, "message": "flagged", "metadata": {"flagged_input": "…"}}),
    ],
)
def test_filter_may_answer_with_an_error(
    server: WireServer, provider: str, status: int, error: dict[str, Any]
) -> None:
    server.handler = lambda request: Script(status=status, body={"error": error})
    got = ask(environ_for(server), f"{provider}/any")
    assert (got.outcome, got.text) == (Outcome.refused, "")
    assert got.finish_reason in ("content_filter", "invalid_prompt", "moderation")
    assert got.note.endswith(f"refused to answer this ({status}): flagged")


@pytest.mark.parametrize(
    ("provider", "status", "error"),
    [
        (
            "anthropic",
            400,
            {
                "type": "invalid_request_error",
                "message": "Output blocked by content filtering policy",
            },
        ),
        ("deepseek", 400, {"code": "invalid_request_error", "message": "Content Exists Risk"}),
        ("xai", 403, "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"),
    ],
)
def test_filter_may_have_no_word_but_a_sentence(
    server: WireServer, provider: str, status: int, error: Any
) -> None:
    body = {"type": "error", "code": "The caller does not have permission", "error": error}
    server.handler = lambda request: Script(status=status, body=body)
    got = ask(environ_for(server), f"{provider}/any")
    assert (got.outcome, got.finish_reason) == (Outcome.refused, "content_filter")
    event = f"data: {json.dumps(body)}\n\n".encode()
    server.handler = lambda request: Script(body=event)
    assert ask(environ_for(server), f"{provider}/any").outcome is Outcome.refused


@each
def test_filter_may_end_a_stream(server: WireServer, provider: str) -> None:
    server.handler = lambda request: Script(error_after=1, error_type="content_filter")
    if provider in ("gemini", "ollama"):  # whose errors have no such word
        assert failure(environ_for(server), f"{provider}/any").kind != "refused"
        return
    got = ask(environ_for(server), f"{provider}/any")
    assert (got.outcome, got.finish_reason) == (Outcome.refused, "content_filter")


@each
def test_endless_keep_alives_end_in_a_timeout(
    server: WireServer, provider: str, tmp_path: Path
) -> None:
    quiet = b" " * 13 + b"\n" if provider == "ollama" else b": keep-alive\n\n"
    server.handler = lambda request: Script(body=quiet * 500, cut=14, drip_s=0.01)
    extra = tmp_path / "more.toml"
    extra.write_text(
        f'[[provider]]\nname = "quiet"\ntitle = "Quiet"\nsilence_s = 0.1\n'
        f'adapter = "{"openai-chat" if provider == "own" else provider}"\n'
        f'base_url = "{environ_for(server)[BASE_URLS[provider]]}"\n'
    )
    error = failure({}, "quiet/any", extra=extra)
    assert (error.kind, error.message) == ("timeout", "Quiet sent nothing for 0.1 seconds.")
    assert not error.retryable


@each
def test_total_deadline_ends_a_slow_stream(server: WireServer, provider: str) -> None:
    server.handler = lambda request: Script(text="x" * 900, cut=60, drip_s=0.02)
    error = failure(environ_for(server), f"{provider}/any", call_timeout_s=0.1)
    assert (error.kind, error.retryable) == ("timeout", False)
    assert error.message.endswith("did not finish within 0.1 seconds.")


@each
def test_cancelled_call_hangs_up(server: WireServer, provider: str) -> None:
    async def cancel(providers: dict[str, Provider]) -> None:
        asked = providers[provider]
        async with asyncio.timeout(10):
            task = asyncio.create_task(asked.complete(asked.prepare(Call("slow", QUESTION))))
            while not server.in_flight:  # noqa: ASYNC110 - it runs in another thread
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while server.in_flight:  # noqa: ASYNC110
                await asyncio.sleep(0)

    with_providers(environ_for(server), cancel)
    assert server.hung_up == 1


@each
def test_nobody_listening_is_a_connection_error(server: WireServer, provider: str) -> None:
    with socket.socket() as taken:  # bound, not listening
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        error = failure({BASE_URLS[provider]: url}, f"{provider}/any")
    assert (error.kind, error.retryable) == ("connection", True)
    assert error.message.endswith(f"cannot be reached: nothing answers at {url[7:]}.")


@each_provider(
    dict.fromkeys(("llamacpp", "lmstudio", "ollama", "vllm"), "it is ready without a key")
)
def test_missing_key_fails_before_any_request(server: WireServer, provider: str) -> None:
    environ = environ_for(server)
    del environ[KEYS[provider]], environ[BASE_URLS[provider]]  # a server of one's own needs none
    error = failure(environ, f"{provider}/any")
    assert (error.kind, error.retryable) == ("not_ready", False)
    assert error.message.endswith("in the environment or in .env and restart.")
    assert server.connections == 0
