"""Runs answers in the background. Pages and the API only see this protocol.

What runs:      queue.py      pending answers, and those left in the middle
                attempt.py    one answer: its call, and when the call is repeated
                records.py    what is written about a call, each step safe to come twice or late
                preflight.py  test calls before the answers of a large grid
                statements.py the statements of records.py
How fast:       limits.py     slots and turns in one process, by the rules of app/pace.py
                shared.py     the same where several processes call
Where it runs:  local.py      tasks in this process, the answer table as the queue
                process.py    what both have in common
                team.py       any number of processes on Postgres, PgQueuer as the queue
                jobs.py       its jobs
                lasting.py    its connection
                loader.py     reads the answers of jobs
                relay.py      partial text from process to process
                writer.py     how writes reach the database: in order, in few transactions
"""

from typing import Protocol


class Runner(Protocol):
    """May be called from any thread but the event loop's."""

    def enqueue(self, grid_id: int) -> None:
        """Look for pending answers of this grid and run them."""

    def interrupt(self, grid_id: int) -> None:
        """End the calls of a grid's answers that were cancelled; make none while it is paused."""

    def price_again(self, model: str) -> None:
        """Price the calls of this model anew, also those about to be stored; waits for it."""

    def limits_changed(self) -> None:
        """Read anew how fast accounts may be called."""

    def waits(self, grid_id: int) -> dict[str, float]:
        """Accounts whose calls for this grid wait for their turn, and seconds until the next.

        From memory, so that the event loop may ask too.
        """

    @property
    def trouble(self) -> str:
        """Why the database cannot be written at the moment; empty: it can."""

    @property
    def problem(self) -> str:
        """Why no answers are run here although they should be; empty: they are."""
