"""Grids by API, for tests of what the runner makes of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import BASE_URL
from tests.polling import wait_for, wait_until_done

PROMPT = "How many Ds are in DEEPSEEK?"


@contextmanager
def running(settings: Settings, **changes: Any) -> Iterator[TestClient]:
    """The application with other settings, or started once more on the same database."""
    app = create_app(settings.model_copy(update=changes))
    with TestClient(app, base_url=BASE_URL) as client:
        yield client


def start(
    client: TestClient,
    *models: str,
    prompts: int | Sequence[str] = 1,
    repeats: int = 1,
    **variant: Any,
) -> str:
    """Start a grid; gives its id."""
    texts = [f"{PROMPT} ({n})" for n in range(prompts)] if isinstance(prompts, int) else prompts
    given = {
        "prompts": [{"text": text} for text in texts],
        "models": models,
        "variants": [variant or {"wording": "as-published"}],
        "repeats": repeats,
    }
    answer = client.post("/api/grids", json=given)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def run(client: TestClient, *models: str, **options: Any) -> list[dict[str, Any]]:
    """Start a grid and wait for its end; gives its answers."""
    grid_id = start(client, *models, **options)
    wait_until_done(client, grid_id)
    return answers(client, grid_id)


def answers(client: TestClient, grid_id: str) -> list[dict[str, Any]]:
    """All answers of a grid, over all pages."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        url = f"/api/grids/{grid_id}/answers?limit=1000&cursor={cursor}"
        page = client.get(url).raise_for_status().json()
        found += page["items"]
        cursor = page["next"]
    return found


def ended(client: TestClient, grid_id: str) -> list[dict[str, Any]]:
    """All answers, once no call of them is open."""

    def closed() -> list[dict[str, Any]] | None:
        found = answers(client, grid_id)
        return found if all(a["finished_at"] for one in found for a in one["attempts"]) else None

    return wait_for(closed, "the end of all calls", 2)


def progress(client: TestClient, grid_id: str) -> dict[str, int]:
    counts: dict[str, int] = (
        client.get(f"/api/grids/{grid_id}").raise_for_status().json()["progress"]
    )
    return counts


def states(client: TestClient, grid_id: str) -> list[str]:
    return [answer["state"] for answer in answers(client, grid_id)]


def tries(answer: dict[str, Any]) -> list[str]:
    """How each attempt of an answer ended: the kind of its error, or its outcome."""
    return [a["error_kind"] or a["outcome"] for a in answer["attempts"]]
