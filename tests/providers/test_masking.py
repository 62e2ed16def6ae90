"""Keys stay in the environment, whatever a server echoes."""

import pytest

from tests.providers.calling import KEYS, ask, each_provider, environ_for, failure
from tests.wire import WireServer
from tests.wire_scripts import Script

each = each_provider({"lmstudio": "it takes no key"})


@each
@pytest.mark.parametrize("echo", ["Wrong key: {key}.", "You sent Bearer {key}", "sk-other-0123456"])
def test_echoed_key_is_masked(server: WireServer, provider: str, echo: str) -> None:
    environ = environ_for(server)
    key = environ[KEYS[provider]]
    said = echo.format(key=key) + " x" * 2000
    server.handler = lambda request: Script(status=401, error=said)
    error = failure(environ, f"{provider}/any")
    assert key not in error.message
    assert "sk-" not in error.message
    assert "[key]" in error.message
    assert len(error.message) <= 500


@each
def test_echoed_key_does_not_reach_the_answer(server: WireServer, provider: str) -> None:
    environ = environ_for(server)
    key = environ[KEYS[provider]]
    server.handler = lambda request: Script(text=f"Your key is {key}", thinking=key)
    got = ask(environ, f"{provider}/any")
    assert (got.text, got.thinking_text) == ("Your key is [key]", "[key]")
    assert key not in got.response


@each
def test_key_with_a_line_break_is_refused_unseen(server: WireServer, provider: str) -> None:
    environ = environ_for(server) | {KEYS[provider]: "secret\nx-evil: 1"}
    error = failure(environ, f"{provider}/any")
    assert (error.kind, "secret" in error.message) == ("auth", False)
    assert server.calls == []
