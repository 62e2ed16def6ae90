"""What pages and API both do to grids: one transaction, then a word to the runner."""

import asyncio
from dataclasses import dataclass

from sqlmodel import Session, select

from app import additions, checks, control, grids, ratelimits
from app.additions import AdditionInput, GridSize
from app.errors import InvalidInput
from app.people import access
from app.people.audit import By, note
from app.plans import GridInput, Plan, find_model, plan_grid
from app.pricing import own as ownprices
from app.pricing.ceilings import Ceilings
from app.pricing.costs import spending_of_grids
from app.pricing.estimates import Estimate, Estimator
from app.pricing.own import PriceInput
from app.pubid import public_id_of
from app.ratelimits import LimitInput
from app.tables import Grid, ModelCheck, Price
from app.upkeep import deletion
from app.web.api_shapes import Wanted
from app.web.deps import Services


@dataclass(frozen=True)
class Draft:
    """Calls that were laid out and not yet queued."""

    plan: Plan
    estimate: Estimate
    ceilings: Ceilings
    tested: list[str]  # models that get a test call first
    spent_usd: float = 0.0  # by the grid so far
    other_calls: int = 0  # that the grid has made, or is about to

    @property
    def expected_usd(self) -> float:
        """What the grid will have cost in all, as far as prices are known."""
        return self.spent_usd + self.estimate.expected_usd

    @property
    def calls(self) -> int:
        """How many the grid will have made in all, should none have to be repeated."""
        return self.other_calls + self.plan.calls

    @property
    def problem(self) -> str:
        """Why its ceilings do not let it start; empty: they do."""
        return self.ceilings.problem(self.calls, self.expected_usd)


def draft_grid(server: Services, session: Session, given: GridInput) -> Draft:
    """A grid before it starts; new prompts are added to the session. Raises InvalidInput."""
    plan = plan_grid(session, given, server.providers)
    estimate = Estimator(session, server.prices, server.providers).plan(plan)
    tested = models_to_check(server, given.preflight, plan)
    return Draft(plan, estimate, ceilings_of(server, given), tested)


def start_grid(server: Services, by: By, given: GridInput) -> tuple[Grid, Plan]:
    """Raises InvalidInput; then nothing was written."""
    with server.database.write() as session:
        grid, plan = _start_grid(server, session, by, given)
        session.commit()
    server.runner.enqueue(grid.id)
    return grid, plan


def start_grid_once(server: Services, by: By, given: GridInput, form_id: str) -> Grid:
    """The same for a form, which may be sent twice: by a double press, or again by a browser whose
    connection broke. Then it gives the grid that is there.

    The grid's id is made of the form's and of all that is asked. So the same is known by an id that
    is taken, however late it comes, also once the grid was added to; and a form that somebody went
    back to and changed asks something else, and starts another grid. What was deleted is started
    anew, under another id.
    """
    public_id = public_id_of(form_id, given.model_dump_json())
    with server.database.write() as session:
        server.database.take_turns(session, public_id)
        taken = session.exec(select(Grid).where(Grid.public_id == public_id)).first()
        if taken and not taken.deleted_at:
            return taken
        grid, _ = _start_grid(server, session, by, given, "" if taken else public_id)
        session.commit()
    server.runner.enqueue(grid.id)
    return grid


def _start_grid(
    server: Services, session: Session, by: By, given: GridInput, public_id: str = ""
) -> tuple[Grid, Plan]:
    draft = draft_grid(server, session, given)
    most = server.settings.max_answers
    grid = grids.start_grid(
        session, draft.plan, most, draft.ceilings, draft.expected_usd, public_id
    )
    checks.hold_back(session, grid, draft.plan, draft.tested)
    access.created(session, by, grid)
    return grid, draft.plan


def draft_addition(server: Services, session: Session, grid: Grid, given: AdditionInput) -> Draft:
    """The same for what is to be added to a grid. Its ceilings hold where no others are given."""
    plan = additions.plan_addition(session, grid, given, server.providers)
    estimate = Estimator(session, server.prices, server.providers).plan(plan)
    ceilings = Ceilings(
        grid.max_calls if given.max_calls is None else given.max_calls,
        grid.max_cost_usd if given.max_cost_usd is None else given.max_cost_usd,
    )
    tested = models_to_check(server, given.preflight, plan)
    spent = spending_of_grids(session, [grid.id])[grid.id]
    left = grids.progress(session, grid.id).pending
    return Draft(plan, estimate, ceilings, tested, spent.usd, grid.calls + left)


def add_to_grid(
    server: Services, by: By, grid_id: int, given: AdditionInput, shown: GridSize | None = None
) -> Plan:
    """Call what is missing of an enlarged grid. ``shown``: only if there is as much of it as that.

    Raises InvalidInput, NotFound, Conflict or SentAgain; then nothing was written.
    """
    with server.database.write() as session:
        grids.stamp(session, grid_id)  # two that add to the same grid come one after the other
        grid = session.get_one(Grid, grid_id)
        if shown is not None:
            additions.refuse_changed(session, grid, given, shown, server.providers)
        draft = draft_addition(server, session, grid, given)
        most = server.settings.max_answers
        plan = draft.plan
        if draft.problem:
            raise InvalidInput(draft.problem)
        additions.add_to_grid(session, grid, plan, most, draft.ceilings)
        checks.hold_back(session, grid, plan, draft.tested)
        note(session, by, "grid enlarged", "grid", grid.public_id, f"{plan.calls} calls")
        session.commit()
    server.runner.enqueue(grid_id)
    return plan


def models_to_check(server: Services, preflight: bool | None, plan: Plan) -> list[str]:
    """The models that get a test call before their answers: where much is called all that cost."""
    large = plan.calls >= server.settings.preflight_calls
    if not (large if preflight is None else preflight):
        return []
    untried = {model for model, _ in plan.untried}
    return [
        m for m in plan.models if m in untried and not find_model(m, server.providers)[0].practice
    ]


def ceilings_of(server: Services, given: GridInput) -> Ceilings:
    """The ceilings a grid names, else those of the settings."""
    settings = server.settings
    calls, cost = given.max_calls, given.max_cost_usd
    return Ceilings(
        settings.max_calls_default if calls is None else calls,
        settings.max_cost_default if cost is None else cost,
    )


def set_ceilings(
    server: Services, by: By, grid_id: int, max_calls: int | None, max_cost_usd: float | None
) -> int:
    """Let a grid make or cost more; if it was stopped it goes on. Returns how many are called.

    Raises InvalidInput where it has made or cost that much already.
    """
    with server.database.write() as session:
        spent = spending_of_grids(session, [grid_id])[grid_id]
        grid = session.get_one(Grid, grid_id)
        count = control.set_ceilings(session, grid, spent.usd, max_calls, max_cost_usd)
        told = f"calls {grid.max_calls}, US dollars {grid.max_cost_usd}"
        note(session, by, "ceiling", "grid", grid.public_id, told)
        session.commit()
    server.runner.enqueue(grid_id)
    return count


async def check_model(server: Services, model: str) -> list[ModelCheck]:
    """Make test calls of ``model`` and keep what they showed. Raises InvalidInput, Unavailable."""
    provider, name = find_model(model, server.providers)
    with server.database.write():  # while there is trouble, no call whose result is not kept
        pass
    results = await checks.check_model(provider, name, checks.settings_to_check(provider, name))

    def save() -> list[ModelCheck]:
        with server.database.write() as session:
            kept = checks.save_checks(session, f"{provider.name}/{name}", results, server.prices)
            session.commit()
            return kept

    return await asyncio.to_thread(save)


def add_price(server: Services, by: By, given: PriceInput) -> Price:
    """Enter a price, and price the calls of its model anew. Raises InvalidInput or Conflict."""
    with server.database.write() as session:
        price = ownprices.add_price(session, given, server.providers)
        told = f"{price.input_usd} in, {price.output_usd} out, from {price.valid_from}"
        note(session, by, "price added", "model", price.model, told)
        session.commit()
    _price_again(server, price.model)
    return price


def remove_price(server: Services, by: By, price_id: int) -> str:
    """Remove a price that somebody entered; gives its model. Raises NotFound."""
    with server.database.write() as session:
        model = ownprices.remove_price(session, price_id)
        note(session, by, "price removed", "model", model, f"price {price_id}")
        session.commit()
    _price_again(server, model)
    return model


def _price_again(server: Services, model: str) -> None:
    # In memory first: calls that end from now on have the new price, those from before get it.
    with server.database.read() as session:
        changed = server.prices.follow(lambda: ownprices.own_prices(session))
    for each in {model, *changed}:  # others may have changed some a moment ago
        server.runner.price_again(each)


def cancel(server: Services, by: By, grid_id: int, wanted: Wanted) -> int:
    """Cancel what has not ended and end its calls in flight. Returns how many."""
    with server.database.write() as session:
        grid = session.get_one(Grid, grid_id)
        count = control.cancel(session, grid, wanted.scope(session, grid))
        note(session, by, "grid cancelled", "grid", grid.public_id, f"{count} answers")
        session.commit()
    server.runner.interrupt(grid_id)
    return count


def rerun(server: Services, by: By, grid_id: int, wanted: Wanted) -> int:
    """Queue answers again. Raises Conflict when there are none."""
    with server.database.write() as session:
        grid = session.get_one(Grid, grid_id)
        scope = wanted.scope(session, grid)
        count = control.rerun(session, grid, scope, failed=wanted.failed, labelled=wanted.labelled)
        note(session, by, "grid run again", "grid", grid.public_id, f"{count} answers")
        session.commit()
    server.runner.enqueue(grid_id)
    return count


def pause(server: Services, by: By, grid_id: int) -> None:
    """Make no new calls for a grid."""
    with server.database.write() as session:
        grid = session.get_one(Grid, grid_id)
        control.pause(session, grid)
        note(session, by, "grid paused", "grid", grid.public_id)
        session.commit()
    server.runner.interrupt(grid_id)


def resume(server: Services, by: By, grid_id: int) -> None:
    with server.database.write() as session:
        grid = session.get_one(Grid, grid_id)
        control.resume(session, grid)
        note(session, by, "grid resumed", "grid", grid.public_id)
        session.commit()
    server.runner.enqueue(grid_id)


def delete_grid(server: Services, by: By, grid_id: int) -> None:
    """It is at no address any more, and calls nobody."""
    with server.database.write() as session:
        grid = session.get_one(Grid, grid_id)
        deletion.delete_grid(session, grid)
        note(session, by, "grid deleted", "grid", grid.public_id)
        session.commit()
    server.runner.interrupt(grid_id)


def restore_grid(server: Services, by: By, public_id: str) -> Grid:
    """Raises NotFound."""
    with server.database.write() as session:
        grid = deletion.restore_grid(session, public_id)
        note(session, by, "grid restored", "grid", grid.public_id)
        session.commit()
    return grid


def set_limit(server: Services, by: By, account: str, given: LimitInput) -> None:
    """Set how fast a provider may be called. Raises NotFound."""
    with server.database.write() as session:
        ratelimits.set_limit(session, account, given, server.providers)
        note(session, by, "limit", "account", account, str(given.model_dump(exclude_none=True)))
        session.commit()
    server.runner.limits_changed()
