"""Makes calls from plain tests: providers are built, asked and closed in one event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from app.errors import ProviderError
from app.providers import Call, Completion, Provider, load_providers, split_model
from tests.wire import WireServer

T = TypeVar("T")

PROTOCOLS = ["openai-chat", "anthropic", "openai", "gemini", "ollama"]
BASE_URLS = {  # the variable that moves each
    "openai-chat": "OPENAI_BASE_URL",
    "anthropic": "ANTHROPIC_BASE_URL",
    "openai": "OPENAI_BASE_URL",
    "gemini": "GOOGLE_GEMINI_BASE_URL",
    "ollama": "OLLAMA_HOST",
}
KEYS = {
    "openai-chat": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "ollama": "OLLAMA_API_KEY",
}
QUESTION = "How many Ds are in DEEPSEEK?"


def environ_for(server: WireServer, **more: str) -> dict[str, str]:
    """All vendors moved to the test server, with keys."""
    return {
        "OPENAI_BASE_URL": server.openai_url,
        "ANTHROPIC_BASE_URL": server.url,
        "GOOGLE_GEMINI_BASE_URL": server.url,
        "OLLAMA_HOST": server.url,
        "OPENAI_API_KEY": "sk-test-openai-0123456789",
        "ANTHROPIC_API_KEY": "sk-ant-test-0123456789",
        "GEMINI_API_KEY": "AIza-test-gemini-0123456789",
        "OLLAMA_API_KEY": "sk-test-ollama-0123456789",
        **more,
    }


def with_providers(
    environ: Mapping[str, str],
    use: Callable[[dict[str, Provider]], Awaitable[T]],
    **options: Any,
) -> T:
    async def go() -> T:
        providers = load_providers(environ, **{"practice_latency_s": 0, **options})
        try:
            return await use(providers)
        finally:
            for provider in providers.values():
                await provider.aclose()

    return asyncio.run(go())


def ask(
    environ: Mapping[str, str],
    model: str,
    *,
    extra: Path | None = None,
    call_timeout_s: float = 600,
    **values: Any,
) -> Completion:
    """One call to ``provider/model-id``."""

    async def use(providers: dict[str, Provider]) -> Completion:
        name, model_id = split_model(model, providers)
        call = Call(model_id, **{"user": QUESTION, **values})
        return await providers[name].complete(providers[name].prepare(call))

    return with_providers(environ, use, extra=extra, call_timeout_s=call_timeout_s)


def failure(environ: Mapping[str, str], model: str, **values: Any) -> ProviderError:
    """The error that one call ends in."""
    with pytest.raises(ProviderError) as caught:
        ask(environ, model, **values)
    return caught.value
