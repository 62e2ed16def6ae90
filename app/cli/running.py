"""``python -m app run``: from a probe file to a finished grid, in a terminal."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import httpx
from sqlalchemy.exc import DBAPIError

from app.errors import BluffcheckError
from app.grids import get_grid, progress, status
from app.settings import load_settings

LOOK_EVERY_S = 0.25
TIMEOUT_S = 60
Counts = dict[str, Any]


def run_probe(file: Path, server: str | None, data_dir: Path | None) -> bool:
    """Start the grid, show how far it is, say what came of it; False when an answer failed."""
    try:
        text = file.read_text("utf-8-sig")
        if server is not None:  # an empty variable is no wish to run it here
            grid_id, counts = _on_server(server.rstrip("/"), text)
        else:
            grid_id, counts = asyncio.run(_here(text, data_dir))
    except httpx.InvalidURL as exc:
        raise click.ClickException(f"{server} is no address of a server: {exc}.") from exc
    except UnicodeDecodeError as exc:
        raise click.ClickException(f"{file} is not UTF-8.") from exc
    except (OSError, DBAPIError) as exc:
        raise click.ClickException(str(getattr(exc, "orig", exc))) from exc
    except BluffcheckError as exc:
        raise click.ClickException(str(exc)) from exc
    answered = f"{counts['answered']} of {counts['total']} answered"
    click.echo(f"Grid {grid_id} is {counts['status']}: {answered}, {counts['failed']} failed.")
    return not counts["failed"]


async def _here(text: str, data_dir: Path | None) -> tuple[str, Counts]:
    """In this process, on a database that no server uses."""
    from app.main import create_app
    from app.people.audit import COMMAND_LINE, By  # takes a second, as these do
    from app.web.actions import start_grid
    from app.web.probes import take_in

    app = create_app(load_settings(data_dir=data_dir))
    async with app.router.lifespan_context(app):
        services = app.state.services

        def look(grid_id: str) -> Counts:
            with services.database.read() as session:
                grid = get_grid(session, grid_id)
                found = progress(session, grid.id)
                return {
                    "status": status(grid, found),
                    "total": found.total,
                    "settled": found.settled,
                    "answered": found.answered,
                    "failed": found.failed,
                }

        def start() -> str:
            grid, _ = start_grid(services, By(address=COMMAND_LINE), take_in(services, text))
            return grid.public_id

        grid_id = await asyncio.to_thread(start)
        with _bar(look(grid_id)["total"]) as bar:
            while True:
                counts = await asyncio.to_thread(look, grid_id)
                bar.update(counts["settled"] - bar.pos)
                if counts["status"] not in ("running", "paused"):
                    return grid_id, counts
                await asyncio.sleep(LOOK_EVERY_S)


def _on_server(server: str, text: str) -> tuple[str, Counts]:
    with httpx.Client(base_url=server, timeout=TIMEOUT_S) as client:
        headers = {"Content-Type": "application/toml"}
        if token := os.environ.get("BLUFFCHECK_TOKEN"):
            client.headers["Authorization"] = f"Bearer {token}"
        content = text.encode()
        sent = _told(lambda: client.post("/api/grids/probe", content=content, headers=headers))
        click.echo(sent["url"])
        with _bar(sent["answers"]) as bar:
            while True:
                grid = _told(lambda: client.get(f"/api/grids/{sent['id']}"))
                found = grid["progress"]
                settled = found["total"] - found["pending"] - found["running"]
                bar.update(settled - bar.pos)
                if grid["status"] not in ("running", "paused"):
                    return sent["id"], {**found, "status": grid["status"]}
                time.sleep(LOOK_EVERY_S)


def _told(ask: Callable[[], httpx.Response]) -> dict[str, Any]:
    """What the server says; raises ClickException with its reason where it refuses."""
    try:
        response = ask()
        found: dict[str, Any] = response.json()
    except httpx.TransportError as exc:
        raise click.ClickException(f"Cannot reach the server: {exc}") from exc
    except ValueError as exc:
        raise click.ClickException("What answers there is no Bluffcheck.") from exc
    if response.is_error:
        raise click.ClickException(str(found.get("detail", response.status_code)))
    return found


def _bar(length: int) -> Any:
    return click.progressbar(
        length=length, label="Answers", file=sys.stderr, hidden=not sys.stderr.isatty()
    )
