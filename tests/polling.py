"""Waiting in tests: a condition is asked again and again, with a deadline, never just slept for."""

import time
from collections.abc import Callable
from typing import TypeVar

from fastapi.testclient import TestClient

from tests.team import Someone

T = TypeVar("T")


def wait_for(condition: Callable[[], T | None], what: str, deadline_s: float = 20) -> T:
    """The first true result of ``condition``; fails the test after the deadline."""
    end = time.monotonic() + deadline_s
    while not (result := condition()):
        assert time.monotonic() < end, f"{what} did not happen within {deadline_s} s"
        time.sleep(0.02)
    return result


def wait_until_done(
    client: TestClient | Someone, grid_id: str, deadline_s: float = 20
) -> dict[str, object]:
    """The grid, once nothing of it is pending or running."""

    def settled() -> dict[str, object] | None:
        grid: dict[str, object] = client.get(f"/api/grids/{grid_id}").raise_for_status().json()
        return None if grid["status"] == "running" else grid

    return wait_for(settled, f"the end of grid {grid_id}", deadline_s)
