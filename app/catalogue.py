"""Which models can be put into a grid now: known ones, and what servers list."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.errors import InvalidInput, ProviderError
from app.plans import Providers, find_model
from app.providers import (
    ModelInfo,
    Provider,
    Shape,
    Status,
    Thinking,
    ThinkingRule,
    discover,
    load_providers,
)
from app.settings import Settings

log = logging.getLogger(__name__)
OWN_FILE = "providers.toml"  # in the data folder: servers of one's own
OFFERED_AT_MOST, OFFERED_AT_FIRST = 24, 12
LOOK_S = 20  # between two looks for servers on this machine
LIST_EVERY = 30  # looks between two questions to a provider elsewhere


def configured(settings: Settings) -> dict[str, Provider]:
    """All providers as the settings have them. Raises SettingsError for a wrong data file."""
    own = settings.data_dir / OWN_FILE
    return load_providers(
        settings.environ,
        practice_latency_s=settings.practice_latency_ms / 1000,
        extra=own if own.is_file() else None,
        call_timeout_s=settings.call_timeout_s,
        ca_file=str(settings.ca_file or ""),
        allow_private=settings.allow_private,
    )


@dataclass(frozen=True)
class Entry:
    """One provider with its models. ``reason`` is empty when it can be called.

    ``limits`` says of a model which thinking settings it cannot take, where there are any.
    """

    provider: str
    title: str
    practice: bool
    reason: str
    models: Sequence[ModelInfo]
    limits: Mapping[str, str]
    status: Status

    @property
    def ready(self) -> bool:
        return not self.reason

    def offered(self, chosen: Sequence[str]) -> list[ModelInfo]:
        """The models to tick: all, or of a long list the first and those that are chosen."""
        if len(self.models) <= OFFERED_AT_MOST:
            return list(self.models)
        first = self.models[:OFFERED_AT_FIRST]
        return [m for m in self.models if m in first or m.id in chosen]


def entries(providers: Providers) -> list[Entry]:
    """All providers: ready ones first, practice models last among them. Asks nobody."""
    found = []
    for name, provider in providers.items():
        models = provider.known_models()
        limits = {m.id: limit for m in models if (limit := _limit(provider.rule(m.name)))}
        reason, status = provider.not_ready(), provider.status()
        found.append(Entry(name, provider.title, provider.practice, reason, models, limits, status))
    return sorted(found, key=lambda e: (not e.ready, e.practice))


def suggested(providers: Providers, limit: int = 3) -> list[str]:
    """The models to tick at first: real ones of different providers, else practice models."""
    ready = [e for e in entries(providers) if e.ready and e.models]
    real: list[str] = []
    names: set[str] = set()  # an API that lists the models of one before it is the same vendor
    for entry in ready:
        own = {m.name for m in entry.models}
        if not entry.practice and not own & names:
            real.append(_first_switchable(providers[entry.provider], entry.models))
            names |= own
    practice = [m.id for e in ready if e.practice for m in e.models]
    return (real or practice)[:limit]


def _first_switchable(provider: Provider, models: Sequence[ModelInfo]) -> str:
    """A model of which thinking can be asked both off and on, if there is one."""
    both = (Thinking.off, Thinking.on)
    for model in models:
        rule = provider.rule(model.name)
        if not any(rule.reason_against(setting) for setting in both):
            return model.id
    return models[0].id


def _limit(rule: ThinkingRule) -> str:
    """In a few words, what this model cannot be asked about thinking."""
    if rule.reason_against(Thinking.off):
        return "always thinks"
    return "cannot think" if rule.reason_against(Thinking.on) else ""


def thinking_in_words(rule: ThinkingRule) -> str:
    """What a model does about thinking and which efforts it takes, in a few words."""
    shape = {
        Shape.off: "off, can be on",
        Shape.on: "on, can be off",
        Shape.always: "always on",
        Shape.never: "none",
        Shape.unknown: "not known",
    }[rule.shape]
    levels = ", ".join(rule.levels)
    return f"{shape}; {levels}" if levels and rule.shape is not Shape.unknown else shape


@dataclass(frozen=True)
class ThinkingChoice:
    """One thinking setting, and which of the chosen models cannot be asked for it."""

    value: Thinking
    title: str
    against: Sequence[tuple[str, str]]  # (model, reason)
    models: int  # how many are chosen

    @property
    def impossible(self) -> bool:
        """No chosen model takes it."""
        return self.models > 0 and len(self.against) == self.models

    @property
    def limit(self) -> str:
        """In a few words, who does not take it."""
        if not self.against:
            return ""
        if self.models == 1:
            return f"not {self.against[0][0]}"
        return f"{self.models - len(self.against)} of {self.models} models"

    @property
    def reasons(self) -> str:
        return " ".join(f"{model}: {reason}" for model, reason in self.against)


def thinking_choices(providers: Providers, models: Sequence[str]) -> list[ThinkingChoice]:
    """Every thinking setting; ids that cannot be read count for none."""
    rules = {}
    for model in dict.fromkeys(models):
        try:
            provider, name = find_model(model, providers)
        except InvalidInput:
            continue
        rules[model] = provider.rule(name)
    return [
        ThinkingChoice(
            setting,
            "provider default" if setting is Thinking.default else str(setting),
            [(m, reason) for m, rule in rules.items() if (reason := rule.reason_against(setting))],
            len(rules),
        )
        for setting in Thinking
    ]


def only_practice(providers: Providers) -> bool:
    """Whether nothing but practice models can be called."""
    return not any(e.ready and not e.practice for e in entries(providers))


@asynccontextmanager
async def in_use(providers: Providers, *, follow: bool) -> AsyncIterator[None]:
    """Follow what providers offer, if wanted; at the end close their connections."""
    watching = asyncio.create_task(watch(providers)) if follow else None
    try:
        yield
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.wait([watching])
        for provider in providers.values():
            await provider.aclose()


async def watch(providers: Providers) -> None:
    """Look for local servers, and ask ready providers for their models, until cancelled."""
    look = 0
    while True:
        await discover(providers.values())
        if look % LIST_EVERY == 0:
            await list_all_models(providers)
        look += 1
        await asyncio.sleep(LOOK_S)


async def list_all_models(providers: Providers) -> list[Provider]:
    """Ask all that can be called, and return them."""
    ready = [p for p in providers.values() if not p.practice and not p.not_ready()]
    await asyncio.gather(*map(list_models, ready))
    return ready


async def list_models(provider: Provider) -> None:
    """Ask for the models; a failure stands in the provider's status."""
    try:
        await provider.list_models()
    except ProviderError as exc:
        # Nothing is lost: known models stay, and any id can be typed.
        log.info("%s did not list its models: %s", provider.name, exc.message)
