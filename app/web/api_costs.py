"""The JSON API of what grids cost: estimates before they run, and the ceiling while they do."""

from dataclasses import asdict

from fastapi import APIRouter

from app.plans import GridInput, plan_grid, size_problem
from app.pricing.estimates import Estimator
from app.web import actions
from app.web.api import PROBLEMS
from app.web.api_shapes import CeilingInput, CeilingSet, EstimateItem, EstimateResult
from app.web.deps import ByHere, OpenGrid, Server
from app.web.who import OWNER, needs

router = APIRouter(prefix="/api", tags=["api"], responses=PROBLEMS, dependencies=[needs(OWNER)])


@router.post("/estimates")
def estimate_grid(server: Server, given: GridInput) -> EstimateResult:
    """What a grid would cost. Takes what POST /api/grids takes; nothing is kept or called."""
    ceilings = actions.ceilings_of(server, given)
    with server.database.write() as session:  # new prompts are rolled back with it
        plan = plan_grid(session, given, server.providers)
        estimate = Estimator(session, server.prices, server.providers).plan(plan)
        session.rollback()
    size = size_problem(plan, server.settings.max_answers)
    return EstimateResult(
        calls=plan.calls,
        expected_usd=estimate.expected_usd,
        at_most_usd=estimate.at_most_usd,
        unknown=estimate.unknown,
        problem=size or ceilings.problem(plan.calls, estimate.expected_usd),
        models=[EstimateItem(**asdict(model)) for model in estimate.models],
        **asdict(ceilings),
    )


@router.put("/grids/{grid_id}/ceiling")
def set_ceiling(server: Server, grid: OpenGrid, by: ByHere, given: CeilingInput) -> CeilingSet:
    """Let a grid make so many calls or cost so much in all; one that was stopped goes on."""
    answers = actions.set_ceilings(server, by, grid.id, given.max_calls, given.max_cost_usd)
    return CeilingSet(
        id=grid.public_id,
        max_calls=grid.max_calls if given.max_calls is None else given.max_calls,
        max_cost_usd=grid.max_cost_usd if given.max_cost_usd is None else given.max_cost_usd,
        answers=answers,
    )
