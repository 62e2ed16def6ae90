"""A grid over five providers, each a server of its own: the trouble of one is nobody else's."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from app.settings import Settings
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import answers, run, running, start, tries
from tests.wire import WireServer
from tests.wire_scripts import SCRIPTS, Script

MOVED_BY = {  # provider → the variable with its address, and what follows that of the server
    "anthropic": ("ANTHROPIC_BASE_URL", ""),
    "openai": ("OPENAI_BASE_URL", "/v1"),
    "gemini": ("GOOGLE_GEMINI_BASE_URL", ""),
    "ollama": ("OLLAMA_HOST", ""),
    "deepseek": ("DEEPSEEK_BASE_URL", "/v1"),
}
MODELS = [f"{name}/plain" for name in MOVED_BY]
AT_ONCE = 4


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, WireServer]]:
    """One for each provider."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(WireServer(delay_s=0.3)) for name in MOVED_BY}
        for name, (variable, path) in MOVED_BY.items():
            monkeypatch.setenv(variable, f"{found[name].url}{path}")
        yield found


def of(found: list[dict[str, Any]], provider: str) -> list[dict[str, Any]]:
    return [answer for answer in found if answer["model"] == f"{provider}/plain"]


def ends(found: list[dict[str, Any]]) -> list[str]:
    return [attempt["finished_at"] for answer in found for attempt in answer["attempts"]]


def test_grid_over_five_providers_runs_in_one_go(
    settings: Settings, servers: dict[str, WireServer]
) -> None:
    with running(settings, concurrency=AT_ONCE) as client:
        found = run(client, *MODELS, prompts=4, repeats=2)

    assert len(found) == 40
    assert {(a["state"], a["text"]) for a in found} == {("done", "42")}
    assert {name: len(server.calls) for name, server in servers.items()} == dict.fromkeys(
        MOVED_BY, 8
    )
    assert {server.max_in_flight for server in servers.values()} == {AT_ONCE}


def test_trouble_of_four_does_not_reach_the_fifth(
    settings: Settings, servers: dict[str, WireServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    with WireServer() as gone:  # its port is closed afterwards
        monkeypatch.setenv("ANTHROPIC_BASE_URL", gone.url)
    servers["openai"].delay_s = 2
    servers["gemini"].handler = lambda request: SCRIPTS["html"]
    servers["deepseek"].handler = lambda request: Script(status=401, error="No such key.")
    healthy = servers["ollama"]

    with running(settings, concurrency=AT_ONCE) as client:
        grid_id = start(client, *MODELS, prompts=4, repeats=2)
        both_full = (servers["openai"], healthy)
        wait_for(
            lambda: all(server.max_in_flight == AT_ONCE for server in both_full),
            "as many calls as allowed to the healthy server, beside those to the slow one",
        )
        wait_until_done(client, grid_id)
        found = answers(client, grid_id)

    assert [a["state"] for a in of(found, "ollama")] == ["done"] * 8
    assert [a["state"] for a in of(found, "openai")] == ["done"] * 8
    assert max(ends(of(found, "ollama"))) < max(ends(of(found, "openai")))
    assert [server.max_in_flight for server in both_full] == [AT_ONCE] * 2

    how = {
        name: {(a["state"], *tries(a), a["error_message"]) for a in of(found, name)}
        for name in ("anthropic", "gemini", "deepseek")
    }
    assert how == {
        "anthropic": {
            (
                "failed",
                *["connection"] * 4,
                "Anthropic cannot be reached: nothing answers at"
                f" {gone.url.removeprefix('http://')}.",
            )
        },
        "gemini": {
            (
                "failed",
                "protocol",
                "Google Gemini answered with a web page instead of data."
                " Is the base URL right, is a proxy between?",
            )
        },
        "deepseek": {("failed", "auth", "DeepSeek refused the API key (401): No such key.")},
    }
