"""Every provider there is: one line each, and the tables of one's own servers."""

import asyncio
import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from app.errors import InvalidInput, ProviderError, SettingsError
from app.providers.addresses import Network
from app.providers.anthropic import AnthropicProvider
from app.providers.base import Provider
from app.providers.catalogue import Catalogue
from app.providers.deepseek import DeepSeekProvider
from app.providers.gemini import GeminiProvider
from app.providers.groq import GroqProvider
from app.providers.http import HttpClient
from app.providers.llamacpp import LlamaCppProvider
from app.providers.lmstudio import LmStudioProvider
from app.providers.mistral import MistralProvider
from app.providers.ollama import OllamaProvider
from app.providers.openai_chat import ChatProvider, OpenAIChatProvider
from app.providers.openai_responses import OpenAIProvider
from app.providers.openrouter import OpenRouterProvider
from app.providers.practice import PracticeProvider
from app.providers.remote import RemoteProvider
from app.providers.spec import ProviderSpec, Tables, read_specs, read_toml
from app.providers.target import Limits
from app.providers.together import TogetherProvider
from app.providers.vllm import VllmProvider
from app.providers.xai import XaiProvider

MODELS = Path(__file__).parent / "models.toml"
# In the order in which they are shown, and suggested where their key is found.
PROVIDERS: tuple[type[RemoteProvider], ...] = (
    AnthropicProvider,
    OpenAIProvider,
    DeepSeekProvider,
    GeminiProvider,
    OpenRouterProvider,
    MistralProvider,
    XaiProvider,
    GroqProvider,
    TogetherProvider,
    OpenAIChatProvider,
    OllamaProvider,
    LlamaCppProvider,
    VllmProvider,
    LmStudioProvider,
)
_BY_NAME = {provider.spec.name: provider for provider in PROVIDERS}


def load_providers(
    environ: Mapping[str, str],
    *,
    practice_latency_s: float,
    extra: Path | None = None,
    call_timeout_s: float = 600,
    ca_file: str = "",
    allow_private: Sequence[Network] = (),
) -> dict[str, Provider]:
    """All providers by name, in the order above. Raises SettingsError for wrong data.

    ``allow_private`` are networks that may be called although they are private.
    ``extra`` is a file of one's own with [[provider]] tables (and [[rule]], [[model]], [switch]).
    """
    catalogue = Catalogue()
    catalogue.add(_shipped(), MODELS.name)
    classes: dict[str, type[RemoteProvider]] = dict(_BY_NAME)
    specs = {name: provider.spec for name, provider in _BY_NAME.items()}
    if extra:
        tables = read_toml(extra)
        catalogue.add(tables, extra.name)
        for spec in read_specs(tables, extra.name):
            if spec.name in specs or spec.name == PracticeProvider.name:
                raise SettingsError(f"{extra.name}: there are two providers named {spec.name}.")
            classes[spec.name] = _adapter(spec, extra.name)
            switch = spec.switch or _BY_NAME[spec.adapter].spec.switch
            specs[spec.name] = replace(spec, switch=switch)
    for spec in specs.values():
        if spec.switch not in catalogue.switches:
            known = ", ".join(sorted(catalogue.switches))
            raise SettingsError(f"{spec.name}: switch must be one of {known}.")
    providers: dict[str, Provider] = {
        name: classes[name](
            spec,
            catalogue,
            environ,
            HttpClient(
                Limits(call_timeout_s, min(spec.silence_s, call_timeout_s)), ca_file, allow_private
            ),
        )
        for name, spec in specs.items()
    }
    providers[PracticeProvider.name] = PracticeProvider(practice_latency_s)
    return providers


@cache
def switch_titles() -> Mapping[str, str]:
    """The ways to switch thinking that a server of one's own can be given, in words."""
    return {name: table["title"] for name, table in _shipped()["switch"].items()}


@cache
def _shipped() -> Tables:
    """What models take; the file is long, and stays the same while the program runs."""
    return read_toml(MODELS)


def _adapter(spec: ProviderSpec, source: str) -> type[RemoteProvider]:
    """Who speaks the protocol of a server of one's own."""
    if spec.adapter == OpenAIChatProvider.spec.name:
        return ChatProvider
    if spec.adapter not in _BY_NAME:
        known = ", ".join(_BY_NAME)
        raise SettingsError(f"{source}: {spec.name}: adapter must be one of {known}.")
    return _BY_NAME[spec.adapter]


async def discover(providers: Iterable[Provider]) -> None:
    """Look for servers on this machine's usual ports. Takes about a second at most."""
    local = [p for p in providers if isinstance(p, RemoteProvider) and p.discoverable]

    async def look(provider: RemoteProvider) -> None:
        try:
            await provider.find()
        except ProviderError:
            return  # not_ready() says what to do

    await asyncio.gather(*(look(provider) for provider in local))


def is_practice(model: str, providers: Mapping[str, Provider]) -> bool:
    """Whether ``provider/model-id`` is simulated; False for a provider that is gone."""
    provider = providers.get(model.partition("/")[0])
    return provider is not None and provider.practice


def split_model(model: str, providers: Collection[str]) -> tuple[str, str]:
    """``provider/model-id`` in two; the id may hold further slashes."""
    provider, slash, name = model.strip().partition("/")
    if not slash or not provider or not name.strip():
        raise InvalidInput(
            f"{model!r} is not a model: write provider/model-id, for example"
            " anthropic/claude-opus-4-6 or practice/honest."
        )
    if not name.isprintable():
        raise InvalidInput(f"{model!r} has characters that cannot be the id of a model.")
    if provider not in providers:
        close = difflib.get_close_matches(provider.lower(), providers, 1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise InvalidInput(
            f"There is no provider {provider!r} (in {model!r}).{hint}"
            f" Known are {', '.join(sorted(providers))}."
        )
    return provider, name
