"""Plans: check what a grid is to be made of, and lay out its calls before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlmodel import Session

from app.errors import InvalidInput
from app.messages import Message, compose
from app.prompts import Line, PromptInput, Text, current_wording, prompt_versions, save_prompt
from app.providers import Call, Provider, Request, Thinking, split_model
from app.tables import Prompt, Variant, Wording

Providers = Mapping[str, Provider]


class PromptRef(BaseModel):
    """A prompt that is in the library already."""

    model_config = ConfigDict(extra="forbid")

    key: Line


class VariantInput(BaseModel):
    model_config = ConfigDict(extra="forbid")

    wording: Line = "as-published"
    thinking: Thinking = Thinking.default
    system_prompt: Text = ""
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int = Field(16_000, ge=1, le=1_000_000)


class GridInput(BaseModel):
    """What a grid is made of, as people and programs give it."""

    model_config = ConfigDict(extra="forbid")

    title: Line = ""
    prompts: list[PromptInput | PromptRef] = Field(min_length=1, max_length=20_000)
    models: Annotated[list[Line], Field(min_length=1, max_length=100)]
    variants: list[VariantInput] = Field([VariantInput()], min_length=1, max_length=100)
    repeats: int = Field(1, ge=1, le=100)
    preflight: bool | None = Field(
        None,
        description="Begin with a test call per model and thinking setting; default: large grids.",
    )
    forced: dict[Line, list[Thinking]] = Field(
        default_factory=dict,
        description="Thinking settings to ask of a model although it is known not to take them.",
    )
    max_calls: int | None = Field(
        None, ge=1, le=2**31 - 1, description="Do not start with more calls; default: a setting"
    )
    max_cost_usd: float | None = Field(
        None,
        ge=0,
        le=1e9,
        allow_inf_nan=False,
        description="Do not start, and stop, where US dollars pass this; default: a setting",
    )

    @model_validator(mode="after")
    def _each_once(self) -> "GridInput":
        self.models = list(dict.fromkeys(m.strip() for m in self.models))
        self.variants = list({v.model_dump_json(): v for v in self.variants}.values())
        return self


@dataclass(frozen=True)
class PlannedVariant:
    given: VariantInput
    wording: Wording


@dataclass(frozen=True)
class Hindrance:
    """A thinking setting that a model is known not to take."""

    model: str
    thinking: Thinking
    reason: str
    can_force: bool  # there are fields that would ask for it all the same
    forced: bool  # and it is asked for all the same
    expected: str  # what the API then does: "refused" or "ignored"


@dataclass(frozen=True)
class Plan:
    """A grid before it starts: which calls it makes, and which it leaves out and why."""

    title: str
    prompts: list[Prompt]
    models: list[str]
    variants: list[PlannedVariant]
    repeats: int
    columns: list[tuple[str, PlannedVariant]]
    hindrances: list[Hindrance]

    @property
    def left_out(self) -> list[Hindrance]:
        return [h for h in self.hindrances if not h.forced]

    @property
    def forced(self) -> list[Hindrance]:
        return [h for h in self.hindrances if h.forced]

    @property
    def calls(self) -> int:
        return len(self.columns) * len(self.prompts) * self.repeats

    def messages(self) -> list[tuple[Wording, list[Message]]]:
        """The exact messages of every prompt, per wording: thinking does not change them."""
        by_wording = {(v.wording.id, v.given.system_prompt): v for v in self.variants}
        return [
            (v.wording, [compose(p, v.wording, v.given.system_prompt) for p in self.prompts])
            for v in by_wording.values()
        ]


def plan_grid(session: Session, given: GridInput, providers: Providers) -> Plan:
    """Check a grid and lay out its calls; new prompts are added to the session.

    Raises InvalidInput for unknown wordings, models that cannot be called now, and combinations
    that leave nothing to run.
    """
    for model in given.models:
        provider, _ = find_model(model, providers)
        if reason := provider.not_ready():
            raise InvalidInput(f"{model} cannot be called yet. {reason}")
    prompts = list({p.id: p for p in (_prompt(session, p) for p in given.prompts)}.values())
    variants = [PlannedVariant(v, current_wording(session, v.wording)) for v in given.variants]
    hindrances = [h for model in given.models for h in _hindrances(model, given, providers)]
    without = {(h.model, h.thinking) for h in hindrances if not h.forced}
    columns = [
        (model, variant)
        for model in given.models
        for variant in variants
        if (model, variant.given.thinking) not in without
    ]
    if not columns:
        first = hindrances[0]
        raise InvalidInput(
            f"None of these models takes any of these thinking settings: {first.model} with"
            f" thinking {first.thinking}: {first.reason}"
        )
    title = given.title.strip() or _title(prompts)
    return Plan(title, prompts, given.models, variants, given.repeats, columns, hindrances)


def requests_preview(plan: Plan, providers: Providers) -> list[tuple[str, PlannedVariant, Request]]:
    """What goes over the wire for the first prompt, per column."""
    found = []
    for model, variant in plan.columns:
        provider, name = find_model(model, providers)
        message = compose(plan.prompts[0], variant.wording, variant.given.system_prompt)
        found.append((model, variant, provider.prepare(call_of(name, variant.given, message))))
    return found


def find_model(model: str, providers: Providers) -> tuple[Provider, str]:
    """The provider of ``provider/model-id``, and its own id. Raises InvalidInput."""
    provider, name = split_model(model, providers)
    return providers[provider], name


def call_of(name: str, variant: VariantInput | Variant, message: Message, repeat: int = 1) -> Call:
    """The call of one answer: exactly one system and one user message, nothing from before."""
    return Call(
        model=name,
        user=message.user,
        system=message.system,
        thinking=Thinking(variant.thinking),
        temperature=variant.temperature,
        max_tokens=variant.max_tokens,
        repeat=repeat,
    )


def _hindrances(model: str, given: GridInput, providers: Providers) -> list[Hindrance]:
    provider, name = find_model(model, providers)
    rule = provider.rule(name)
    wanted = given.forced.get(model, [])
    return [
        Hindrance(
            model,
            thinking,
            reason,
            rule.can_force(thinking),
            rule.can_force(thinking) and thinking in wanted,
            rule.when_forced,
        )
        for thinking in dict.fromkeys(v.thinking for v in given.variants)
        if (reason := rule.reason_against(thinking))
    ]


def _prompt(session: Session, given: PromptInput | PromptRef) -> Prompt:
    if isinstance(given, PromptRef):
        return prompt_versions(session, given.key)[0]
    return save_prompt(session, given)


def _title(prompts: Sequence[Prompt]) -> str:
    first = prompts[0].text.split("\n")[0]
    first = first if len(first) <= 80 else first[:79].rstrip() + "…"
    return first if len(prompts) == 1 else f"{first} (+{len(prompts) - 1} more)"
