"""Grids, and additions to them, made the way the program makes them."""

from typing import Any

from sqlmodel import Session, select

from app.additions import AdditionInput, add_to_grid, plan_addition
from app.grid.shape import load_columns
from app.grids import start_grid
from app.plans import GridInput, Plan, Providers, plan_grid
from app.pricing.ceilings import NO_CEILINGS
from app.providers import load_providers
from app.tables import (
    Grid,
    Prompt,
)
from tests.factories import answers_of, grid_input, practice

BLUFFER, HONEST, FLAKY = "practice/bluffer", "practice/honest", "practice/flaky"
OPUS = "anthropic/claude-opus-5-5"  # cannot be asked to stop thinking
QUESTION = {"text": "How many Ds are in DEEPSEEK?", "references": ["1"]}
Key = tuple[str, str, str, str, int]


def planned(session: Session, grid: Grid, providers: Providers | None = None, **given: Any) -> Plan:
    return plan_addition(session, grid, AdditionInput(**given), providers or practice())


def add(session: Session, grid: Grid, providers: Providers | None = None, **given: Any) -> Plan:
    plan = planned(session, grid, providers, **given)
    add_to_grid(session, grid, plan, 1000, NO_CEILINGS)
    session.flush()
    session.expire_all()
    return plan


def keys(session: Session, grid: Grid) -> list[Key]:
    """What each answer is of, in the order of the queue."""
    columns = {c.variant.id: c for c in load_columns(session, grid.id)}
    texts = {p.id: p.text for p in session.exec(select(Prompt))}
    return [
        (
            texts[a.prompt_id],
            a.model,
            columns[a.variant_id].wording.slug,
            columns[a.variant_id].variant.thinking,
            a.repeat,
        )
        for a in answers_of(session, grid)
    ]


def with_opus(session: Session, **changes: Any) -> tuple[Grid, Providers]:
    """A grid of opus and an honest model, thinking off and on, from which opus off is left out."""
    providers = load_providers({"ANTHROPIC_API_KEY": "k"}, practice_latency_s=0)
    variants = [{"wording": "allowed", "thinking": t} for t in ("off", "on")]
    given = GridInput(
        **grid_input(**{"models": [OPUS, HONEST], "variants": variants, "repeats": 1, **changes})
    )
    return start_grid(session, plan_grid(session, given, providers), 100), providers
