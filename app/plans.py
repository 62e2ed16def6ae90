"""Plans: check what a grid is to be made of, and lay out its calls before anything runs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from sqlmodel import Session

from app.errors import InvalidInput
from app.hindrances import Hindrance, find_hindrances, nothing_left
from app.messages import Message, compose
from app.prompt_search import with_keys
from app.prompts import Line, PromptInput, Text, current_wording, prompt_versions, save_prompts
from app.providers import Call, Provider, Request, Thinking, split_model
from app.tables import MAX_INTEGER, Prompt, Variant, Wording

Providers = Mapping[str, Provider]
MAX_PROMPTS, MAX_MODELS, MAX_VARIANTS, MAX_REPEATS = 20_000, 100, 100, 100


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

    @field_validator("system_prompt")
    @classmethod
    def _none_if_blank(cls, value: str) -> str:
        """A blank left in a form is no system message, and APIs refuse one."""
        return value if value.strip() else ""

    @classmethod
    def of(cls, row: Variant, wording: Wording) -> Self:
        """What asks the same as a variant of a grid."""
        return cls(
            wording=wording.slug,
            thinking=row.thinking,
            system_prompt=row.system_prompt,
            temperature=row.temperature,
            max_tokens=row.max_tokens,
        )


# What a grid and an addition to one are both told.
Preflight = Annotated[
    bool | None,
    Field(description="Begin with a test call per model and thinking setting; default: if large."),
]
Forced = Annotated[
    dict[Line, list[Thinking]],
    Field(description="Thinking settings to ask of a model although it is known not to take them."),
]
MaxCalls = Annotated[int, Field(ge=1, le=MAX_INTEGER)]
MaxCost = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class GridInput(BaseModel):
    """What a grid is made of, as people and programs give it."""

    model_config = ConfigDict(extra="forbid")

    title: Line = ""
    prompts: list[PromptInput | PromptRef] = Field(min_length=1, max_length=MAX_PROMPTS)
    models: Annotated[list[Line], Field(min_length=1, max_length=MAX_MODELS)]
    variants: list[VariantInput] = Field([VariantInput()], min_length=1, max_length=MAX_VARIANTS)
    repeats: int = Field(1, ge=1, le=MAX_REPEATS)
    preflight: Preflight = None
    forced: Forced = Field(default_factory=dict)
    max_calls: MaxCalls | None = Field(
        None, description="Do not start with more calls; default: a setting"
    )
    max_cost_usd: MaxCost | None = Field(
        None, description="Do not start, and stop, where US dollars pass this; default: a setting"
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
    id: int | None = None  # of its row, if it is in the grid already


PlannedColumn = tuple[str, PlannedVariant]


@dataclass(frozen=True)
class Existing:
    """What a grid has already, of a plan that adds to it."""

    prompts: Collection[int] = ()  # their ids
    models: Collection[str] = ()
    # Which repeats there are: by column (model and variant id), then by prompt id.
    answers: Mapping[tuple[str, int | None], Mapping[int, Collection[int]]] = field(
        default_factory=dict
    )

    @property
    def count(self) -> int:
        """How many answers."""
        return sum(self.count_in(column) for column in self.answers)

    def count_in(self, column: tuple[str, int | None]) -> int:
        return sum(len(repeats) for repeats in self.answers.get(column, {}).values())


@dataclass(frozen=True)
class Plan:
    """A grid before it runs: which calls will be made, and which are left out and why.

    What is ``there`` already is part of the plan and is not called again.
    """

    title: str
    prompts: list[Prompt]
    models: list[str]
    variants: list[PlannedVariant]
    repeats: int
    columns: list[PlannedColumn]
    hindrances: list[Hindrance]
    there: Existing = Existing()
    notes: Sequence[str] = ()  # sentences on what was given and adds nothing, or more than it seems

    @property
    def left_out(self) -> list[Hindrance]:
        return [h for h in self.hindrances if not h.forced]

    @property
    def forced(self) -> list[Hindrance]:
        return [h for h in self.hindrances if h.forced]

    @property
    def total(self) -> int:
        """All answers of the grid, with those that are there."""
        return len(self.columns) * len(self.prompts) * self.repeats

    @property
    def calls(self) -> int:
        return self.total - self.there.count

    @property
    def new_prompts(self) -> list[Prompt]:
        return [p for p in self.prompts if p.id not in self.there.prompts]

    @property
    def new_columns(self) -> list[PlannedColumn]:
        return [(m, v) for m, v in self.columns if (m, v.id) not in self.there.answers]

    @property
    def called_columns(self) -> list[PlannedColumn]:
        """The columns in which anything is missing."""
        whole = len(self.prompts) * self.repeats
        return [(m, v) for m, v in self.columns if self.there.count_in((m, v.id)) < whole]

    @property
    def untried(self) -> set[tuple[str, Thinking]]:
        """Models × thinking settings of which the grid has no answers."""
        tried = {(m, v.given.thinking) for m, v in self.columns if (m, v.id) in self.there.answers}
        return {(m, v.given.thinking) for m, v in self.new_columns} - tried

    def missing(self, column: PlannedColumn, prompt: Prompt) -> list[int]:
        """The repeats of one cell that are to be called."""
        model, variant = column
        there = self.there.answers.get((model, variant.id), {}).get(prompt.id, ())
        return [repeat for repeat in range(1, self.repeats + 1) if repeat not in there]

    def messages(self) -> list[tuple[Wording, list[Message]]]:
        """The exact messages that are new, per wording: thinking does not change them."""
        found: dict[tuple[int, str], tuple[PlannedVariant, list[Prompt]]] = {}
        for variant in self.variants:
            prompts = self.prompts if variant.id is None else self.new_prompts
            key = (variant.wording.id, variant.given.system_prompt)
            if prompts and len(prompts) >= len(found.get(key, (variant, []))[1]):
                found[key] = (variant, prompts)
        return [
            (v.wording, [compose(p, v.wording, v.given.system_prompt) for p in prompts])
            for v, prompts in found.values()
        ]


def plan_grid(session: Session, given: GridInput, providers: Providers) -> Plan:
    """Check a grid and lay out its calls; new prompts are added to the session.

    Raises InvalidInput for unknown wordings, models that cannot be called now, and combinations
    that leave nothing to run.
    """
    check_ready(given.models, providers)
    found = find_prompts(session, given.prompts)
    prompts = list({prompt.id: prompt for prompt in found}.values())
    variants = _planned(session, given.variants)
    settings = list(dict.fromkeys(v.thinking for v in given.variants))
    hindrances = [
        hindrance
        for model in given.models
        for hindrance in find_hindrances(model, settings, given.forced.get(model, []), providers)
    ]
    without = {(h.model, h.thinking) for h in hindrances if not h.forced}
    columns = [
        (model, variant)
        for model in given.models
        for variant in variants
        if (model, variant.given.thinking) not in without
    ]
    if not columns:
        raise InvalidInput(nothing_left(hindrances))
    title = given.title.strip() or _title(prompts)
    return Plan(title, prompts, given.models, variants, given.repeats, columns, hindrances)


def check_ready(models: Iterable[str], providers: Providers) -> None:
    """Raises InvalidInput for the first model that cannot be called now."""
    for model in models:
        provider, _ = find_model(model, providers)
        if reason := provider.not_ready():
            raise InvalidInput(f"{model} cannot be called yet. {reason}")


def size_problem(plan: Plan, max_answers: int) -> str:
    """Why there may not be as many answers as the whole grid would have; empty: there may."""
    if plan.total <= max_answers:
        return ""
    return (
        f"This grid would make {plan.total:,} calls; at most {max_answers:,} are allowed in one"
        " grid. Take fewer prompts, models, variants or repeats, or raise"
        " BLUFFCHECK_MAX_ANSWERS."
    )


def check_size(plan: Plan, max_answers: int) -> None:
    """Raises InvalidInput where the whole grid would have more answers than that."""
    if problem := size_problem(plan, max_answers):
        raise InvalidInput(problem)


def requests_preview(plan: Plan, providers: Providers) -> list[tuple[str, PlannedVariant, Request]]:
    """What goes over the wire for the first prompt that is called, per column."""
    found = []
    for column in plan.called_columns:
        model, variant = column
        provider, name = find_model(model, providers)
        prompt = next(p for p in plan.prompts if plan.missing(column, p))
        message = compose(prompt, variant.wording, variant.given.system_prompt)
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


def find_prompts(session: Session, given: Sequence[PromptInput | PromptRef]) -> list[Prompt]:
    """The newest versions of those that are named by a key, and new prompts. Raises NotFound,
    Conflict."""
    keys = [one.key for one in given if isinstance(one, PromptRef)]
    known = {prompt.key: prompt for prompt in with_keys(session, keys)} if keys else {}
    saved = iter(save_prompts(session, [one for one in given if isinstance(one, PromptInput)]))
    return [
        known.get(one.key) or prompt_versions(session, one.key)[0]
        if isinstance(one, PromptRef)
        else next(saved)
        for one in given
    ]


def _planned(session: Session, given: Iterable[VariantInput]) -> list[PlannedVariant]:
    """Each once, also where its wording is written in several ways."""
    found: dict[str, PlannedVariant] = {}
    for one in given:
        wording = current_wording(session, one.wording)
        asked = one.model_copy(update={"wording": wording.slug})
        found.setdefault(asked.model_dump_json(), PlannedVariant(asked, wording))
    return list(found.values())


def _title(prompts: Sequence[Prompt]) -> str:
    first = prompts[0].text.split("\n")[0]
    first = first if len(first) <= 80 else first[:79].rstrip() + "…"
    return first if len(prompts) == 1 else f"{first} (+{len(prompts) - 1} more)"
