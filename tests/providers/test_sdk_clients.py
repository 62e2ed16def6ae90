"""The vendors' own SDKs, against the test server: they send what we send, and read its answers."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import anthropic
import groq
import ollama
import openai
import pytest
from google.genai.errors import ClientError, ServerError
from mistralai.client.errors import ResponseValidationError, SDKError
from pydantic.alias_generators import to_snake

from app.providers import Call, Request, Thinking, load_providers
from app.providers.remote import RemoteProvider
from tests.providers import sdk_readers as sdk
from tests.wire import WireServer
from tests.wire_openai import NO
from tests.wire_scripts import THOUGHT, USAGE, script_for

Errors = dict[str, type[Exception]]


def generated(module: ModuleType) -> Errors:
    """What the SDKs of one generator raise for a status."""
    return {
        "401": module.AuthenticationError,
        "404": module.NotFoundError,
        "429": module.RateLimitError,
        "503": module.InternalServerError,
        "529": module.InternalServerError,
        "error-mid": module.APIError,
    }


def coarse(client: type[Exception], server: type[Exception], mid: type[Exception]) -> Errors:
    """What SDKs raise that leave the status to be looked at."""
    return dict.fromkeys(("401", "404", "429"), client) | {
        "503": server,
        "529": server,
        "error-mid": mid,
    }


@dataclass(frozen=True)
class Sdk:
    """How an SDK is used, and what it calls things."""

    read: Callable[[WireServer, Request], sdk.Seen]
    errors: Errors
    stop: str = "stop"
    length: str = "length"
    refusal: str = ""  # empty: it has no word for one
    refusal_text: str = ""
    thinking_field: str = ""
    counts_thinking: bool = True


SDKS = {
    "anthropic": Sdk(
        sdk.read_anthropic,
        generated(anthropic)
        | {
            "503": anthropic.ServiceUnavailableError,
            "529": anthropic.OverloadedError,
            "error-mid": anthropic.APIStatusError,
        },
        stop="end_turn",
        length="max_tokens",
        refusal="refusal",
    ),
    "gemini": Sdk(
        sdk.read_gemini,
        coarse(ClientError, ServerError, ServerError),
        stop="STOP",
        length="MAX_TOKENS",
        refusal="SAFETY",
    ),
    "groq": Sdk(sdk.read_groq, generated(groq), thinking_field="reasoning"),
    "mistral": Sdk(
        sdk.read_mistral,
        coarse(SDKError, SDKError, ResponseValidationError),
        thinking_field="content",
    ),
    "ollama": Sdk(
        sdk.read_ollama,
        coarse(ollama.ResponseError, ollama.ResponseError, ollama.ResponseError),
        counts_thinking=False,
    ),
    "openai-chat": Sdk(
        sdk.read_openai_chat,
        generated(openai),
        refusal="stop",
        refusal_text=NO,
        thinking_field="reasoning_content",
    ),
    "openai": Sdk(
        sdk.read_openai_responses,
        generated(openai) | {"error-mid": sdk.ErrorEvent},
        stop="completed",
        length="max_output_tokens",
        refusal="completed",
        refusal_text=NO,
    ),
}
PROVIDERS = load_providers({}, practice_latency_s=0)
each = pytest.mark.parametrize("name", SDKS)


@pytest.fixture(autouse=True)
def straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDKs would take a proxy from the environment, even to this machine."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


def prepare(name: str, model: str, **values: Any) -> Request:
    return PROVIDERS[name].prepare(Call(model, "How many Ds are in DEEPSEEK?", **values))


def read(server: WireServer, name: str, request: Request) -> sdk.Seen:
    used = SDKS[name]
    server.handler = lambda got: replace(script_for(got), thinking_field=used.thinking_field)
    return used.read(server, request)


def canonical(body: Any) -> Any:
    """What counts of a body: Google reads snake case too, and no tools are as good as none."""
    text = json.dumps(body)
    return json.loads(
        text, object_hook=lambda found: {to_snake(k): v for k, v in found.items() if v != []}
    )


@pytest.mark.parametrize(
    ("name", "thinking"),
    [
        (name, thinking)
        for name in SDKS
        for thinking in Thinking
        if not PROVIDERS[name].rule("plain").reason_against(thinking)
    ],
)
def test_sdk_sends_our_request_and_reads_the_answer(
    server: WireServer, name: str, thinking: Thinking
) -> None:
    provider, used = PROVIDERS[name], SDKS[name]
    assert isinstance(provider, RemoteProvider)
    request = prepare(name, "plain", system="Be brief.", thinking=thinking, temperature=0.5)

    seen = read(server, name, request)

    [call] = server.calls
    assert canonical(call.body) == canonical(request.body)
    assert call.path == urlsplit(provider.spec.base_url).path + request.path
    assert request.headers.items() <= call.headers.items()
    thinks = thinking not in (Thinking.default, Thinking.off)
    thought = THOUGHT if thinks and used.counts_thinking else None
    assert seen == sdk.Seen(
        "42", used.stop, "I think about it." if thinks else "", (*USAGE, thought)
    )


@each
@pytest.mark.parametrize(("model", "text"), [("empty", ""), ("truncated", "It is pro")])
def test_sdk_sees_why_an_answer_ended(server: WireServer, name: str, model: str, text: str) -> None:
    expected = SDKS[name].length if model == "truncated" else SDKS[name].stop
    seen = read(server, name, prepare(name, model))
    assert seen == sdk.Seen(text, expected, "", (*USAGE, None))


@pytest.mark.parametrize("name", [name for name, used in SDKS.items() if used.refusal])
def test_sdk_sees_a_refusal(server: WireServer, name: str) -> None:
    used = SDKS[name]
    seen = read(server, name, prepare(name, "refusal"))
    assert seen == sdk.Seen(used.refusal_text, used.refusal, "", (*USAGE, None))


@each
def test_sdk_sees_withheld_thinking(server: WireServer, name: str) -> None:
    thought = THOUGHT if SDKS[name].counts_thinking else None
    seen = read(server, name, prepare(name, "hidden"))
    assert seen == sdk.Seen("42", SDKS[name].stop, "", (*USAGE, thought))


@each
@pytest.mark.parametrize("model", ["401", "404", "429", "503", "529", "error-mid"])
def test_sdk_raises_its_own_exception(server: WireServer, name: str, model: str) -> None:
    expected = SDKS[name].errors[model]
    with pytest.raises(expected) as caught:
        read(server, name, prepare(name, model))
    assert caught.type is expected
    assert len(server.calls) == 1
