"""What pages and API both do to grids: one transaction, then a word to the runner."""

from app import grids
from app.plans import GridInput, Plan, plan_grid
from app.tables import Grid
from app.web.deps import Services


def start_grid(server: Services, given: GridInput) -> tuple[Grid, Plan]:
    """Raises InvalidInput; then nothing was written."""
    with server.database.write() as session:
        plan = plan_grid(session, given, server.providers)
        grid = grids.start_grid(session, plan, server.settings.max_answers)
        session.commit()
    server.runner.enqueue(grid.id)
    return grid, plan


def cancel_grid(server: Services, grid_id: int) -> int:
    """Cancel what has not started and end the calls in flight. Returns how many had not started."""
    with server.database.write() as session:
        count = grids.cancel_grid(session, session.get_one(Grid, grid_id))
        session.commit()
    server.runner.cancel(grid_id)
    return count


def rerun_failed(server: Services, grid_id: int) -> int:
    """Queue failed and cancelled answers again. Raises Conflict when there are none."""
    with server.database.write() as session:
        count = grids.rerun_failed(session, session.get_one(Grid, grid_id))
        session.commit()
    server.runner.enqueue(grid_id)
    return count
