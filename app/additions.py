"""Additions: further repeats, models, variants or prompts for a grid that exists.

Only what is missing is called. Answers and columns that are there stay as they are, those that
today's rules of a model would leave out too; and what was left out stays left out.
"""

from collections.abc import Sequence
from itertools import product
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import tuple_, update
from sqlmodel import Session, col, func, select

from app.errors import Conflict, InvalidInput
from app.grid.shape import load_prompts
from app.grids import stamp
from app.hindrances import find_hindrances, nothing_left
from app.origins import refuse_imported
from app.planrows import CALLED, answers_of, insert_rows, models_of, variants_of
from app.plans import (
    MAX_MODELS,
    MAX_PROMPTS,
    MAX_REPEATS,
    MAX_VARIANTS,
    Existing,
    Forced,
    MaxCalls,
    MaxCost,
    Plan,
    PlannedVariant,
    Preflight,
    PromptRef,
    Providers,
    VariantInput,
    check_ready,
    check_size,
    find_prompts,
)
from app.pricing.ceilings import Ceilings
from app.prompts import Line, PromptInput, current_wording, same, shorten
from app.tables import Answer, Grid, HeldBack, HeldState, Prompt


class AdditionInput(BaseModel):
    """What a grid is to have more of, as people and programs give it."""

    model_config = ConfigDict(extra="forbid")

    repeats: int = Field(
        0, ge=0, le=MAX_REPEATS, description="How many more of every cell, in all columns"
    )
    models: Annotated[list[Line], Field(max_length=MAX_MODELS)] = Field(
        default_factory=list, description="provider/model-id; they get all variants and prompts"
    )
    variants: list[VariantInput] = Field(
        [], max_length=MAX_VARIANTS, description="They are asked of all models and prompts"
    )
    prompts: list[PromptInput | PromptRef] = Field(
        [], max_length=MAX_PROMPTS, description="They are asked in all columns"
    )
    preflight: Preflight = None
    forced: Forced = Field(default_factory=dict)
    max_calls: MaxCalls | None = Field(
        None, description="What the grid may be made of in all; default: as it is"
    )
    max_cost_usd: MaxCost | None = Field(
        None, description="What the grid may cost in all, US dollars; default: as it is"
    )


class GridSize(BaseModel):
    """How much of a grid there is, without what was pasted: only additions change that."""

    repeats: int
    answers: int


class SentAgain(Conflict):
    """The grid has by now what is to be added to what was shown: a form was sent twice."""


def size_of(session: Session, grid: Grid) -> GridSize:
    count = select(func.count()).where(col(Answer.grid_id) == grid.id, CALLED)
    return GridSize(repeats=grid.repeats, answers=session.exec(count).one())


def plan_addition(session: Session, grid: Grid, given: AdditionInput, providers: Providers) -> Plan:
    """Lay out the grid as it will be; new prompts are added to the session.

    Raises InvalidInput where nothing would be added, for unknown wordings, for models that cannot
    be called now, and for more of anything than a grid takes; NotFound for unknown prompts;
    Conflict for an imported grid.
    """
    refuse_imported(grid)
    plan = _laid_out(session, grid, given, providers)
    check_ready(dict.fromkeys(model for model, _ in plan.called_columns), providers)
    _check_limits(plan)
    if not plan.calls:
        raise InvalidInput(_nothing(plan))
    return plan


def refuse_changed(
    session: Session, grid: Grid, given: AdditionInput, shown: GridSize, providers: Providers
) -> None:
    """Raises Conflict where the grid, which was read after ``stamp`` locked it, is not as ``shown``
    any more, and SentAgain where it lacks nothing of what was to be added to that."""
    there = size_of(session, grid)
    if there == shown:
        return
    others = given.model_copy(update={"repeats": 0})
    if (
        there.repeats == shown.repeats + given.repeats
        and not _laid_out(session, grid, others, providers).calls
    ):
        raise SentAgain("This was added already.")
    raise Conflict(
        "This grid was added to since this page showed it, perhaps by this very form. Answers then:"
        f" {shown.answers:,}, in every cell {shown.repeats:,}; now: {there.answers:,}, in every"
        f" cell {there.repeats:,}. Look at what would be added now."
    )


def _laid_out(session: Session, grid: Grid, given: AdditionInput, providers: Providers) -> Plan:
    notes: list[str] = []
    forced = models_of(session, grid.id)
    variants = variants_of(session, grid.id)
    prompts = load_prompts(session, grid.id)
    there = Existing({p.id for p in prompts}, forced.keys(), answers_of(session, grid.id))
    prompts += _new_prompts(session, prompts, given, notes)
    variants += _new_variants(session, variants, given, notes)
    asked = [model.strip() for model in given.models]
    notes += [f"{model} is in the grid already." for model in asked if model in forced]
    models = list(dict.fromkeys([*forced, *asked]))

    def is_new(model: str, variant: PlannedVariant) -> bool:
        return model not in forced or variant.id is None

    hindrances = [
        hindrance
        for model in models
        if (settings := list(dict.fromkeys(v.given.thinking for v in variants if is_new(model, v))))
        # What the grid asks of a model all the same, it asks in its new columns too.
        for hindrance in find_hindrances(
            model, settings, {*given.forced.get(model, []), *forced.get(model, [])}, providers
        )
    ]
    without = {(h.model, h.thinking) for h in hindrances if not h.forced}
    columns = [
        (m, v)
        for m, v in product(models, variants)
        if (m, v.id) in there.answers or (is_new(m, v) and (m, v.given.thinking) not in without)
    ]
    return Plan(
        grid.title,
        prompts,
        # What is left out altogether may be added another time: it leaves no trace.
        [m for m in models if m in forced or any(m == model for model, _ in columns)],
        [v for v in variants if v.id is not None or any(v is of for _, of in columns)],
        grid.repeats + given.repeats,
        columns,
        hindrances,
        there,
        list(dict.fromkeys(notes)),
    )


def add_to_grid(
    session: Session,
    grid: Grid,
    plan: Plan,
    max_answers: int,
    ceilings: Ceilings,
) -> None:
    """Insert what is missing as pending answers, and store the ceilings and repeats.

    The grid was read after ``stamp`` locked it. The caller commits, then tells the runner. A grid
    that was cancelled or stopped runs what was added, and no more. Raises InvalidInput where the
    grid would pass ``max_answers``.
    """
    check_size(plan, max_answers)
    insert_rows(session, grid.id, plan, stamp(session, grid.id))
    _test_again(session, grid.id, plan)
    grid.repeats = plan.repeats
    grid.max_calls, grid.max_cost_usd = ceilings.max_calls, ceilings.max_cost_usd
    grid.cancelled_at = grid.stopped_at = grid.stopped_seq = None
    session.add(grid)


def _new_prompts(
    session: Session, there: Sequence[Prompt], given: AdditionInput, notes: list[str]
) -> list[Prompt]:
    found: dict[int, Prompt] = {}
    by_text: dict[str, list[Prompt]] = {}
    for prompt in there:
        by_text.setdefault(prompt.text, []).append(prompt)
    # Before the library is asked: it has no prompts that were archived meanwhile.
    in_grid = {
        n: prompt
        for n, one in enumerate(given.prompts)
        if isinstance(one, PromptInput)
        for prompt in by_text.get(one.text, ())
        if same(prompt, one)
    }
    others = iter(
        find_prompts(session, [one for n, one in enumerate(given.prompts) if n not in in_grid])
    )
    ids = {p.id for p in there}
    by_key = {p.key: p for p in reversed(there)}
    for n in range(len(given.prompts)):
        prompt = in_grid.get(n) or next(others)
        name = f"“{shorten(prompt.text)}”"
        if prompt.id in ids:
            notes.append(f"{name} is in the grid already.")
            continue
        found[prompt.id] = prompt
        if older := by_key.get(prompt.key):
            notes.append(
                f"{name} is version {prompt.version}; the grid has version {older.version}. They"
                " count as two prompts, each with a row of its own."
            )
        elif prompt.text in by_text:
            notes.append(
                f"{name} is in the grid with other references or parts: as given here it counts as"
                " another prompt."
            )
    return list(found.values())


def _new_variants(
    session: Session, there: Sequence[PlannedVariant], given: AdditionInput, notes: list[str]
) -> list[PlannedVariant]:
    found: dict[str, PlannedVariant] = {}
    for one in given.variants:
        wording = current_wording(session, one.wording)
        asked = one.model_copy(update={"wording": wording.slug})
        name = f"{wording.title}, thinking {asked.thinking}"
        alike = [v for v in there if v.given.wording == wording.slug]
        if any(v.wording.id == wording.id and v.given == asked for v in alike):
            notes.append(f"{name} is in the grid already.")
            continue
        found.setdefault(asked.model_dump_json(), PlannedVariant(asked, wording))
        if alike and all(v.wording.id != wording.id for v in alike):
            notes.append(
                f"“{wording.title}” is version {wording.version} now; the grid has version"
                f" {alike[0].wording.version}. They count as two wordings, with columns of their"
                " own."
            )
        elif any(v.given.thinking == asked.thinking for v in alike):
            notes.append(
                f"{name} is in the grid with another system prompt, temperature or output cap: as"
                " given here it gets columns of its own."
            )
    return list(found.values())


def _check_limits(plan: Plan) -> None:
    for count, most, what in (
        (len(plan.prompts), MAX_PROMPTS, "prompts"),
        (len(plan.models), MAX_MODELS, "models"),
        (len(plan.variants), MAX_VARIANTS, "variants"),
        (plan.repeats, MAX_REPEATS, "repeats"),
    ):
        if count > most:
            raise InvalidInput(
                f"A grid takes at most {most:,} {what}; this one would have {count:,}."
            )


def _nothing(plan: Plan) -> str:
    """Why there is nothing to add."""
    if plan.left_out:
        return " ".join([nothing_left(plan.left_out), *plan.notes])
    if plan.notes:
        return " ".join(["Nothing would be added.", *plan.notes])
    return "Nothing is added yet: give further repeats, models, variants or prompts."


def _test_again(session: Session, grid_id: int, plan: Plan) -> None:
    """What a test call stopped gets another one before anything more is called."""
    pairs = {(model, variant.given.thinking) for model, variant in plan.called_columns}
    session.execute(
        update(HeldBack)
        .where(
            col(HeldBack.grid_id) == grid_id,
            col(HeldBack.state) == HeldState.stopped,
            tuple_(col(HeldBack.model), col(HeldBack.thinking)).in_(sorted(pairs)),
        )
        .values(state=HeldState.waiting)
    )
