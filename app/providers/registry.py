"""Builds every provider from data. A new one is a table in providers.toml, or an adapter here."""

import asyncio
import difflib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from app.errors import InvalidInput, ProviderError, SettingsError
from app.providers.anthropic import AnthropicProvider
from app.providers.base import Provider
from app.providers.catalogue import Catalogue
from app.providers.gemini import GeminiProvider
from app.providers.groq import GroqProvider
from app.providers.ollama import OllamaProvider
from app.providers.openai_chat import OpenAIChatProvider
from app.providers.openai_responses import OpenAIResponsesProvider
from app.providers.practice import PracticeProvider
from app.providers.remote import RemoteProvider
from app.providers.spec import ProviderSpec, read_specs, read_toml
from app.providers.target import Limits

HERE = Path(__file__).parent
ADAPTERS: dict[str, type[RemoteProvider]] = {
    "anthropic": AnthropicProvider,
    "gemini": GeminiProvider,
    "groq": GroqProvider,
    "ollama": OllamaProvider,
    "openai_chat": OpenAIChatProvider,
    "openai_responses": OpenAIResponsesProvider,
}


def load_providers(
    environ: Mapping[str, str],
    *,
    practice_latency_s: float,
    extra: Path | None = None,
    call_timeout_s: float = 600,
) -> dict[str, Provider]:
    """All providers by name, in the order of the data. Raises SettingsError for wrong data.

    ``extra`` is a file of one's own with more [[provider]] (and [[rule]], [[model]]) tables.
    """
    files = [HERE / "models.toml", HERE / "providers.toml", *([extra] if extra else [])]
    catalogue = Catalogue()
    specs: dict[str, ProviderSpec] = {}
    for path in files:
        tables = read_toml(path)
        catalogue.add(tables, path.name)
        for spec in read_specs(tables, path.name):
            if spec.name in specs or spec.name == PracticeProvider.name:
                raise SettingsError(f"{path.name}: there are two providers named {spec.name}.")
            if spec.adapter not in ADAPTERS:
                known = ", ".join(ADAPTERS)
                raise SettingsError(f"{path.name}: {spec.name}: adapter must be one of {known}.")
            catalogue.require([spec.rules or spec.name], path.name)
            specs[spec.name] = spec
    providers: dict[str, Provider] = {
        name: ADAPTERS[spec.adapter](
            spec, catalogue, environ, Limits(call_timeout_s, min(spec.silence_s, call_timeout_s))
        )
        for name, spec in specs.items()
    }
    providers[PracticeProvider.name] = PracticeProvider(practice_latency_s)
    return providers


async def discover(providers: Iterable[Provider]) -> None:
    """Look for servers on this machine's usual ports. Takes about a second at most."""
    local = [p for p in providers if isinstance(p, RemoteProvider) and p.discoverable]

    async def look(provider: RemoteProvider) -> None:
        try:
            await provider.find()
        except ProviderError:
            return  # not_ready() says what to do

    await asyncio.gather(*(look(provider) for provider in local))


def split_model(model: str, providers: Collection[str]) -> tuple[str, str]:
    """``provider/model-id`` in two; the id may hold further slashes."""
    provider, slash, name = model.strip().partition("/")
    if not slash or not provider or not name.strip():
        raise InvalidInput(
            f"{model!r} is not a model: write provider/model-id, for example"
            " anthropic/claude-opus-4-6 or practice/honest."
        )
    if provider not in providers:
        close = difflib.get_close_matches(provider.lower(), providers, 1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise InvalidInput(
            f"There is no provider {provider!r} (in {model!r}).{hint}"
            f" Known are {', '.join(sorted(providers))}."
        )
    return provider, name
