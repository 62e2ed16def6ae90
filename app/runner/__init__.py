"""Runs answers in the background. Pages and the API only see this protocol.

attempt.py   one answer: what its call is made of, when the call is repeated
records.py   what is written about a call, each step safe to come twice or late
queue.py     what is left to do: pending answers, and those left in the middle
budgets.py   what a grid may still cost
preflight.py test calls before the answers of a large grid
limits.py    how many calls a provider gets at a time, and when it must be left alone
local.py     where it runs: tasks in this process, the answer table as the queue
writer.py    how writes reach the database: in order, grouped into few transactions
"""

from typing import Protocol


class Runner(Protocol):
    """May be called from any thread but the event loop's."""

    def enqueue(self, grid_id: int) -> None:
        """Look for pending answers of this grid and run them."""

    def cancel(self, grid_id: int) -> None:
        """End the calls in flight of a grid that was marked as cancelled."""

    def price_again(self, model: str) -> None:
        """Price the calls of this model anew, also those about to be stored; waits for it."""
