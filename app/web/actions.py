"""What pages and API both do to grids: one transaction, then a word to the runner."""

import asyncio

from app import checks, control, grids, ownprices, ratelimits
from app.ceilings import Ceilings
from app.costs import spending_of_grids
from app.estimates import Estimator
from app.ownprices import PriceInput
from app.plans import GridInput, Plan, find_model, plan_grid
from app.ratelimits import LimitInput
from app.tables import Grid, ModelCheck, Price
from app.web.api_shapes import Wanted
from app.web.deps import Services


def start_grid(server: Services, given: GridInput) -> tuple[Grid, Plan]:
    """Raises InvalidInput; then nothing was written."""
    with server.database.write() as session:
        plan = plan_grid(session, given, server.providers)
        estimate = Estimator(session, server.prices, server.providers).plan(plan)
        ceilings = ceilings_of(server, given)
        most = server.settings.max_answers
        grid = grids.start_grid(session, plan, most, ceilings, estimate.expected_usd)
        checks.hold_back(session, grid, plan, models_to_check(server, given, plan))
        session.commit()
    server.runner.enqueue(grid.id)
    return grid, plan


def models_to_check(server: Services, given: GridInput, plan: Plan) -> list[str]:
    """The models that get a test call before the grid's own: in large grids all that cost."""
    large = plan.calls >= server.settings.preflight_calls
    if not (large if given.preflight is None else given.preflight):
        return []
    return [m for m in plan.models if not find_model(m, server.providers)[0].practice]


def ceilings_of(server: Services, given: GridInput) -> Ceilings:
    """The ceilings a grid names, else those of the settings."""
    settings = server.settings
    calls, cost = given.max_calls, given.max_cost_usd
    return Ceilings(
        settings.max_calls_default if calls is None else calls,
        settings.max_cost_default if cost is None else cost,
    )


def set_ceilings(
    server: Services, grid_id: int, max_calls: int | None, max_cost_usd: float | None
) -> int:
    """Let a grid make or cost more; if it was stopped it goes on. Returns how many are called.

    Raises InvalidInput where it has made or cost that much already.
    """
    with server.database.write() as session:
        spent = spending_of_grids(session, [grid_id])[grid_id]
        grid = session.get_one(Grid, grid_id)
        count = control.set_ceilings(session, grid, spent.usd, max_calls, max_cost_usd)
        session.commit()
    server.runner.enqueue(grid_id)
    return count


async def check_model(server: Services, model: str) -> list[ModelCheck]:
    """Make test calls of ``model`` and keep what they showed. Raises InvalidInput."""
    provider, name = find_model(model, server.providers)
    results = await checks.check_model(provider, name, checks.settings_to_check(provider, name))

    def save() -> list[ModelCheck]:
        with server.database.write() as session:
            kept = checks.save_checks(session, f"{provider.name}/{name}", results, server.prices)
            session.commit()
            return kept

    return await asyncio.to_thread(save)


def add_price(server: Services, given: PriceInput) -> Price:
    """Enter a price, and price the calls of its model anew. Raises InvalidInput or Conflict."""
    with server.database.write() as session:
        price = ownprices.add_price(session, given, server.providers)
        session.commit()
    _price_again(server, price.model)
    return price


def remove_price(server: Services, price_id: int) -> str:
    """Remove a price that somebody entered; gives its model. Raises NotFound."""
    with server.database.write() as session:
        model = ownprices.remove_price(session, price_id)
        session.commit()
    _price_again(server, model)
    return model


def _price_again(server: Services, model: str) -> None:
    # In memory first: calls that end from now on have the new price, those from before get it.
    with server.database.read() as session:
        server.prices.use(ownprices.own_prices(session))
    server.runner.price_again(model)


def cancel(server: Services, grid_id: int, wanted: Wanted) -> int:
    """Cancel what has not ended and end its calls in flight. Returns how many."""
    with server.database.write() as session:
        grid = session.get_one(Grid, grid_id)
        count = control.cancel(session, grid, wanted.scope(session, grid))
        session.commit()
    server.runner.interrupt(grid_id)
    return count


def rerun(server: Services, grid_id: int, wanted: Wanted) -> int:
    """Queue answers again. Raises Conflict when there are none."""
    with server.database.write() as session:
        grid = session.get_one(Grid, grid_id)
        scope = wanted.scope(session, grid)
        count = control.rerun(session, grid, scope, failed=wanted.failed, labelled=wanted.labelled)
        session.commit()
    server.runner.enqueue(grid_id)
    return count


def pause(server: Services, grid_id: int) -> None:
    """Make no new calls for a grid."""
    with server.database.write() as session:
        control.pause(session, session.get_one(Grid, grid_id))
        session.commit()
    server.runner.interrupt(grid_id)


def resume(server: Services, grid_id: int) -> None:
    with server.database.write() as session:
        control.resume(session, session.get_one(Grid, grid_id))
        session.commit()
    server.runner.enqueue(grid_id)


def set_limit(server: Services, account: str, given: LimitInput) -> None:
    """Set how fast a provider may be called. Raises NotFound."""
    with server.database.write() as session:
        ratelimits.set_limit(session, account, given, server.providers)
        session.commit()
    server.runner.limits_changed()
