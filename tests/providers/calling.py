"""Makes calls from plain tests: providers are built, asked and closed in one event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from app.errors import ProviderError
from app.providers import Call, Completion, Provider, load_providers, split_model
from app.providers.addresses import Network
from app.providers.registry import PROVIDERS
from app.providers.spec import read_specs, read_toml
from tests.wire import WireServer

T = TypeVar("T")
Answers = dict[str, Completion | BaseException]  # by provider

OWN = Path(__file__).with_name("own.toml")
SPECS = {
    spec.name: spec
    for spec in [*(p.spec for p in PROVIDERS), *read_specs(read_toml(OWN), OWN.name)]
}
BASE_URLS = {name: spec.base_url_env[0] for name, spec in SPECS.items()}  # what moves each
KEYS = {name: spec.key_env[-1] for name, spec in SPECS.items() if spec.key_env}
# The others speak Chat Completions.
PROTOCOLS = {name: name for name in ("anthropic", "openai", "gemini", "ollama")}
_AT_THE_ROOT = ("anthropic", "gemini", "groq", "ollama")  # their paths hold the version themselves
QUESTION = "How many Ds are in DEEPSEEK?"


def protocol_of(provider: str) -> str:
    return PROTOCOLS.get(provider, "chat")


def each_provider(cannot: Mapping[str, str] | None = None) -> pytest.MarkDecorator:
    """Runs a test for every provider but those that cannot, each with its reason."""
    marks = {name: pytest.mark.skip(reason=why) for name, why in (cannot or {}).items()}
    assert marks.keys() <= SPECS.keys()
    given = [pytest.param(name, marks=marks.get(name, ())) for name in SPECS]
    return pytest.mark.parametrize("provider", given)


def environ_for(server: WireServer, **more: str) -> dict[str, str]:
    """All providers moved to the test server, with keys."""
    urls = {
        variable: server.url if name in _AT_THE_ROOT else server.openai_url
        for name, variable in BASE_URLS.items()
    }
    keys = {
        variable: f"sk-test-{variable.removesuffix('_API_KEY').lower()}-0123456789"
        for variable in KEYS.values()
    }
    return {**urls, **keys, **more}


def with_providers(
    environ: Mapping[str, str],
    use: Callable[[dict[str, Provider]], Awaitable[T]],
    **options: Any,
) -> T:
    async def go() -> T:
        given = {"practice_latency_s": 0, "extra": OWN, **options}
        providers = load_providers(environ, **given)
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
    extra: Path = OWN,
    call_timeout_s: float = 600,
    ca_file: str = "",
    allow_private: Sequence[Network] = (),
    **values: Any,
) -> Completion:
    """One call to ``provider/model-id``."""

    async def use(providers: dict[str, Provider]) -> Completion:
        name, model_id = split_model(model, providers)
        call = Call(model_id, **{"user": QUESTION, **values})
        return await providers[name].complete(providers[name].prepare(call))

    options: dict[str, Any] = {"extra": extra, "call_timeout_s": call_timeout_s, "ca_file": ca_file}
    options |= {"allow_private": allow_private}
    return with_providers(environ, use, **options)


def ask_everyone(server: WireServer, model: str, *, but: Sequence[str] = ()) -> Answers:
    """One call to each provider at the same time, for answers that take long."""
    names = [name for name in SPECS if name not in but]

    async def use(providers: dict[str, Provider]) -> Answers:
        asked = [providers[name] for name in names]
        calls = (provider.complete(provider.prepare(Call(model, QUESTION))) for provider in asked)
        return dict(zip(names, await asyncio.gather(*calls, return_exceptions=True), strict=True))

    return with_providers(environ_for(server), use)


def failure(environ: Mapping[str, str], model: str, **values: Any) -> ProviderError:
    """The error that one call ends in."""
    with pytest.raises(ProviderError) as caught:
        ask(environ, model, **values)
    return caught.value
