"""Every request body we can send, checked against the types of the vendors' own SDKs."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Literal

import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from google.genai.types import Content, GenerationConfig
from groq.types.chat.completion_create_params import CompletionCreateParams
from mistralai.client.models import ChatCompletionStreamRequest
from ollama._types import ChatRequest, Message, Options
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from app.providers import Call, Request, Thinking, load_providers
from app.providers.registry import MODELS as MODELS_FILE
from app.providers.remote import RemoteProvider
from app.providers.spec import read_toml
from tests.providers.strict import Strict


class GeminiRequest(BaseModel, alias_generator=to_camel):
    """The wire form, which the SDK puts together from these types of its own."""

    contents: list[Content]
    generation_config: GenerationConfig
    system_instruction: Content | None = None


class OllamaRequest(ChatRequest):
    """The SDK takes any mapping for some parts and leaves them to the server."""

    messages: Sequence[Message]
    options: Options
    think: bool | Literal["low", "medium", "high", "max"] | None = None


SDK_TYPES: dict[str, Any] = {
    "anthropic": MessageCreateParamsStreaming,
    "gemini": GeminiRequest,
    "groq": CompletionCreateParams,
    "mistral": ChatCompletionStreamRequest,
    "ollama": OllamaRequest,
    "openai-chat": CompletionCreateParamsStreaming,
    "openai": ResponseCreateParamsStreaming,
}
VENDORS = ["deepseek", "llamacpp", "lmstudio", "openrouter", "together", "vllm", "xai"]
VALIDATORS = {name: Strict(kind) for name, kind in SDK_TYPES.items()}
VALIDATORS |= dict.fromkeys(VENDORS, VALIDATORS["openai-chat"])

PROVIDERS = {
    name: provider
    for name, provider in load_providers({}, practice_latency_s=0).items()
    if isinstance(provider, RemoteProvider)
}
RULES = read_toml(MODELS_FILE)["rule"]
MODELS = [  # one for each rule, and one that nobody has described
    (name, model)
    for name, provider in PROVIDERS.items()
    for model in [
        *(
            rule["models"][0].replace("*", "x")
            for rule in RULES
            if rule["provider"] == (provider.spec.rules or name)
        ),
        "unheard-of",
    ]
]
SYSTEM, USER, TEMPERATURE = "Be brief.", "How many Ds are in DEEPSEEK?", 0.5


def askable(models: list[tuple[str, str]]) -> pytest.MarkDecorator:
    """Each model with each thinking setting that its rule offers."""
    cases = [
        pytest.param(name, model, thinking, id=f"{name}/{model}-{thinking}")
        for name, model in models
        for thinking in Thinking
        if not PROVIDERS[name].rule(model).reason_against(thinking)
    ]
    return pytest.mark.parametrize(("name", "model", "thinking"), cases)


def vendor_fields(name: str, request: Request) -> dict[str, list[Any]]:
    """What a vendor adds to the SDK's body, and what it may hold."""
    assert request.call
    thinking = request.call.thinking
    thinks = thinking is not Thinking.off
    effort = {"effort": thinking.value if thinks else "none"}
    switches: dict[str, dict[str, list[Any]]] = {
        "deepseek": {"thinking": [{"type": "enabled" if thinks else "disabled"}]},
        "llamacpp": {"chat_template_kwargs": [{"enable_thinking": thinks}]},
        "openrouter": {"reasoning": [{"enabled": True} if thinking is Thinking.on else effort]},
        "together": {"reasoning": [{"enabled": thinks}]},
        "vllm": {"chat_template_kwargs": [{"enable_thinking": thinks}, {"thinking": thinks}]},
    }
    if name == "openrouter" and "provider" in request.body:
        fields = switches[name] if thinking is not Thinking.default else {}
        return fields | {"provider": [{"require_parameters": True}]}
    if request.headers.get("anthropic-version") == "2023-06-01":
        return {"temperature": [TEMPERATURE]}  # the SDK knows only the version that has none
    return {} if thinking is Thinking.default else switches.get(name, {})


def check(name: str, request: Request) -> None:
    """Raises an AssertionError, or what Strict.check raises."""
    body = dict(request.body)
    for field, allowed in vendor_fields(name, request).items():
        if field in body:
            assert json.dumps(body.pop(field)) in map(json.dumps, allowed)  # 1 is not true
    VALIDATORS[name].check(body)


def test_every_provider_is_checked() -> None:
    assert VALIDATORS.keys() == PROVIDERS.keys()


@askable(MODELS)
def test_body_is_what_the_sdk_would_send(name: str, model: str, thinking: Thinking) -> None:
    for system, temperature in product(["", SYSTEM], [None, TEMPERATURE]):
        call = Call(model, USER, system, thinking, temperature)
        check(name, PROVIDERS[name].prepare(call))


def misspelt(request: Request) -> Iterator[Request]:
    """The request with one name, or one word of the thinking switch, spelt wrong."""
    text = json.dumps(request.body)
    names = re.findall(r'"\w+":', text)
    words = re.findall(r': "\w+"', json.dumps(request.thinking_sent))
    for right in names + words:
        wrong = right.replace('"', '"mis', 1)
        yield replace(request, body=json.loads(text.replace(right, wrong)))


@askable([(name, "x") for name in PROVIDERS])
def test_a_misspelt_word_is_noticed(name: str, model: str, thinking: Thinking) -> None:
    request = PROVIDERS[name].prepare(Call(model, USER, SYSTEM, thinking, TEMPERATURE))
    for wrong in misspelt(request):
        with pytest.raises((AssertionError, ValueError, UserWarning)):
            check(name, wrong)
