import pytest

from tests.wire import WireServer


@pytest.fixture(autouse=True)
def everything_goes_there(wire: WireServer) -> None:
    """No test of the runner calls anybody else."""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two tries of a call, where the provider asks for no wait."""
    monkeypatch.setattr("app.runner.attempt.WAIT_S", 0.01)
    monkeypatch.setattr("app.pace.PAUSE_S", 0.01)
