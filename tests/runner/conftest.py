from collections.abc import Iterator

import pytest

from tests.serving import providers_at
from tests.wire import WireServer


@pytest.fixture(autouse=True)
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    """OpenAI and Anthropic, moved to a server of this test."""
    with WireServer() as server:
        for name, value in providers_at(server.url).items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two tries of a call, where the provider asks for no wait."""
    monkeypatch.setattr("app.runner.attempt.WAIT_S", 0.01)
