"""Runs answers in the background. Pages and the API only see this protocol.

attempt.py   one answer: what a call is made of, when it is repeated, how it is saved
limits.py    how many calls a provider gets at a time, and when it must be left alone
local.py     where it runs: tasks in this process, the answer table as the queue
writer.py    how results reach the database: grouped into few transactions
"""

from typing import Protocol


class Runner(Protocol):
    """May be called from any thread; returns at once."""

    def enqueue(self, grid_id: int) -> None:
        """Look for pending answers of this grid and run them."""

    def cancel(self, grid_id: int) -> None:
        """End the calls in flight of a grid that was marked as cancelled."""
