"""What each grid may still cost: its calls stop before the ceiling, counted in memory.

A grid's spending is read from the database when its queue is, then kept up here: per answer that
costs two additions. Only the event loop may use this. Unknown prices count as nothing.
"""

from dataclasses import dataclass, field

from app.runner.queue import Queued, Stop

_ROUNDING = 1e-9  # US dollars by which sums of floats may be off


@dataclass(slots=True)
class Budget:
    """One grid: US dollars it may cost (None: any amount), has cost, and will by calls begun."""

    ceiling_usd: float | None
    spent_usd: float
    tasks: int = 0
    ended: int = 0  # tasks so far
    expected: dict[int, float] = field(default_factory=dict)  # by answer, until its cost is known

    def with_call(self, usd: float) -> float:
        """US dollars in all, should one more call be made."""
        return self.spent_usd + sum(self.expected.values()) + usd - _ROUNDING


class Budgets:
    """Of all grids this process has seen."""

    def __init__(self) -> None:
        self._grids: dict[int, Budget] = {}

    def mark(self, grid_id: int) -> int | None:
        """Changes when tasks of this grid end; None while some are at work."""
        budget = self._grids.get(grid_id, Budget(None, 0.0))
        return None if budget.tasks else budget.ended

    def read(
        self, grid_id: int, ceiling_usd: float | None, spent_usd: float, mark: int | None
    ) -> None:
        """Take in what the database said of a grid whose queue was read from the start.

        ``mark`` is from before it was asked: what calls cost that ended since may not be in it.
        """
        budget = self._grids.setdefault(grid_id, Budget(ceiling_usd, spent_usd))
        budget.ceiling_usd = ceiling_usd
        if mark is not None and mark == self.mark(grid_id):
            budget.spent_usd = spent_usd  # prices may have been entered since

    def take(self, queued: Queued) -> Stop | None:
        """Count this answer's expected cost as spent; or the Stop if its grid has to end here."""
        budget, usd = self._grids[queued.grid_id], queued.expected_usd or 0.0
        if budget.ceiling_usd is not None and budget.with_call(usd) > budget.ceiling_usd:
            return Stop(queued.grid_id, budget.ceiling_usd)
        budget.tasks += 1
        budget.expected[queued.id] = usd
        return None

    def settle(self, queued: Queued, usd: float | None) -> None:
        """A call came back: its cost, where known, takes the place of what was expected."""
        budget = self._grids[queued.grid_id]
        budget.expected.pop(queued.id, None)
        budget.spent_usd += usd or 0.0

    def give_back(self, queued: Queued) -> None:
        """Nobody works on this answer any more."""
        budget = self._grids[queued.grid_id]
        budget.expected.pop(queued.id, None)
        budget.tasks -= 1
        budget.ended += 1
