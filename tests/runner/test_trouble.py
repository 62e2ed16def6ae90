"""A real server whose database is locked by another program, or whose disk is full."""

import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import (
    AbstractContextManager,
    ExitStack,
    closing,
    contextmanager,
    nullcontext,
    suppress,
)
from pathlib import Path

import httpx
import pytest

from app.runner.limits import AHEAD
from tests import forking
from tests.forking import app_server
from tests.polling import wait_for
from tests.runner import books
from tests.serving import Process, plain_environ, providers_at
from tests.web.streaming import Stream
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script

AT_ONCE = 4
AT_WORK = AT_ONCE + AT_ONCE // AHEAD  # one more is got ready
GRID = {
    "prompts": [{"text": f"How many Ds are in DEEPSEEK? ({n})"} for n in range(30)],
    "models": ["openai-chat/plain"],
}
HTMX = {"HX-Request": "true"}
Trouble = Callable[[Process, Path], AbstractContextManager[None]]


@contextmanager
def locked(_server: Process, database: Path) -> Iterator[None]:
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def full(server: Process, _database: Path) -> Iterator[None]:
    """No file of the server may grow any more: its writes fail, as they do on a full disk."""
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def disk_full(_server: Process, database: Path) -> Iterator[None]:
    """The small disk of the data folder has no byte left."""
    filler = database.with_name("filler")
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def small_disk(folder: Path, size: str = "12m") -> Iterator[None]:
    """A file system of its own, in memory."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        pytest.param(locked, "database is locked", id="locked"),
        pytest.param(
            full,
            "disk I/O error",
            id="full",
            marks=pytest.mark.skipif(
                not hasattr(resource, "prlimit"), reason="only Linux limits another process"
            ),
        ),
        pytest.param(disk_full, "database or disk is full", id="disk-full"),
    ],
)
def test_runner_pauses_says_so_and_goes_on(tmp_path: Path, trouble: Trouble, said: str) -> None:
    database = tmp_path / "data" / "bluffcheck.db"
    nothing = "Nothing was saved: try again."

    def reply(_: Recorded) -> Script:
        return Script(text=f"Reply {len(wire.calls) - 1}", delay_s=0.3)

    with WireServer(handler=reply) as wire:
        environ = {**providers_at(wire.url), "BLUFFCHECK_CONCURRENCY": str(AT_ONCE)}
        on_disk = small_disk(database.parent) if trouble is disk_full else nullcontext()
        with (
            on_disk,
            app_server(database.parent, environ) as server,
            httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client,
            ExitStack() as opened,
        ):
            grid = client.post("/api/grids", json=GRID).json()["id"]
            here = f"/grids/{grid}"
            stream = opened.enter_context(closing(Stream(f"{server.url}{here}/events?since=0")))

            def done() -> list[dict[str, object]]:
                found = client.get(f"/api/grids/{grid}/answers?limit=1000").json()["items"]
                return [a for a in found if a["state"] == "done"]

            wait_for(lambda: len(done()) >= 8, "some answers")
            page = client.get(here).text
            assert said not in page
            assert client.post("/reviewer", data={"name": "Ada"}).status_code == 303

            with trouble(server, database):
                wait_for(lambda: said in client.get(here).text, "the banner")
                wait_for(lambda: wire.in_flight == 0, "the end of the calls in flight")
                made, before = len(wire.calls), done()
                chip = f"/answers/{before[0]['id']}/label"
                label = {"label": "correct", "reviewer": "Bob"}
                refused = [
                    client.put(chip, data={"value": "correct"}, headers=HTMX),
                    client.post(chip, data={"value": "correct"}),
                    client.put(f"/api{chip}", json=label),
                    client.post("/api/grids", json=GRID),
                    client.post(f"/api/grids/{grid}/cancellation"),
                ]
                assert [r.status_code for r in refused] == [503] * 5
                for response in refused:
                    assert nothing in response.text
                    assert said in response.text
                    assert response.headers["retry-after"] == "2"
                    # The runner knows already: nobody has to wait for a lock.
                    assert response.elapsed.total_seconds() < 1
                partial, html, problem, *_ = refused
                assert partial.text.startswith('<div class="error" role="alert">')
                assert "<title>The database cannot be used" in html.text
                assert problem.headers["content-type"] == "application/problem+json"
                assert problem.json()["title"] == "The database cannot be used"
                form = client.post("/grids", data={"prompt_text": "What was typed", "model": "x/y"})
                assert "What was typed" in form.text
                pages = ["/", "/compose", "/library", "/models", f"{here}?density=full"]
                pages += [f"{here}/answers/{before[0]['id']}", f"/api/grids/{grid}"]
                assert [client.get(path).status_code for path in pages] == [200] * len(pages)
                seq = client.get(f"{here}/changes?since=0").headers["x-seq"]
                assert said in client.get(f"{here}/changes?since={seq}").text
                wait_for(lambda: any(said in e["data"] for e in stream.events), "the banner, live")
                assert client.get(f"/api/grids/{grid}").json()["progress"]["running"] <= AT_WORK
                assert len(wire.calls) == made
                assert done() == before

            # By itself, and at once: not only when it is looked again for what was lost.
            wait_for(lambda: len(done()) == 30, "the rest of the answers", 15)
            assert said not in client.get(here).text
            stream.end()
            notices = [e["data"] for e in stream.events if 'id="runner-notice"' in e["data"]]
            assert said not in notices[-1]
            assert stream.done
            client.put(chip, data={"value": "correct"}, headers=HTMX).raise_for_status()
            assert server.stop() == 0
            found = books.read(database, tmp_path / "copy")
        books.check(found, found, wire.calls)

    assert len(found.grids) == 1
    assert found.labels == {(before[0]["id"], "Ada"): "correct"}
    assert [a["outcome"] for a in found.attempts.values()] == ["answered"] * 30
    assert len(wire.calls) == 30
    assert "Traceback" not in server.text
    assert server.text.count("trying on") == server.text.count("can be written again") == 1


def test_read_only_disk_is_said_and_nothing_is_lost(tmp_path: Path, sqlite_template: Path) -> None:
    """A file that is open for writing cannot be made read-only: this is found at the start."""
    folder = tmp_path / "data"
    with small_disk(folder, "100m"):
        database = folder / "bluffcheck.db"
        database.write_bytes(sqlite_template.read_bytes())
        before = database.read_bytes()
        command = ["-m", "app", "serve", "--port", "0", "--data-dir", str(folder)]

        def remount(how: str) -> None:
            subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)

        remount("ro")
        refused = forking.run(command, plain_environ())
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "Read-only file system" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert database.read_bytes() == before
        remount("rw")
        with app_server(folder) as server:
            assert server.get("/readyz")["ready"]
            assert server.stop() == 0
