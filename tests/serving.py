"""The real server and the wire server as processes of their own, to be killed and looked at."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

ROOT = Path(__file__).resolve().parent.parent
START_S = 30
WORKS = re.compile("works on .*")
_URL = re.compile(r"http://\S+:\d+")


class Started(Protocol):
    """What of a Popen is needed here."""

    pid: int
    stdin: IO[str] | None
    stdout: IO[str] | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


Start = Callable[[Sequence[str], Mapping[str, str]], Started]


def by_itself(command: Sequence[str], environ: Mapping[str, str]) -> Started:
    """``python`` with these arguments, as a person would start it."""
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Process:
    """A command that says when it is ready; what it prints is kept in ``output``.

    Without ``ready`` nobody waits for that.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str] | None = None,
        ready: re.Pattern[str] | None = _URL,
        start: Start = by_itself,
    ) -> None:
        self.output: list[str] = []
        self.url = ""
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._process = start(command, {**plain_environ(), **(environ or {})})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if ready:
            self.wait_until_ready(ready)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def text(self) -> str:
        return "".join(self.output)

    def stop(self, timeout_s: float = 10) -> int:
        """SIGTERM; returns the exit status."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL: nothing of it gets a chance to tidy up."""
        self._process.send_signal(signal.SIGKILL)
        self.wait(10)

    def wait(self, timeout_s: float) -> int:
        status = self._process.wait(timeout_s)
        if self._process.stdin:
            self._process.stdin.close()
        self._reader.join(timeout_s)
        return status

    def write(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def wait_until_ready(self, ready: re.Pattern[str] = _URL) -> str:
        """What it says then: its address."""
        try:
            self.url = self._said(ready)
        except BaseException:
            self.kill()
            raise
        return self.url

    def get(self, path: str) -> Any:
        return request_json("GET", self.url + path)

    def post(self, path: str, body: object = None) -> Any:
        return request_json("POST", self.url + path, body)

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as output:
            for line in output:
                self.output.append(line)
                self._lines.put(line)
        self._lines.put(None)

    def _said(self, ready: re.Pattern[str]) -> str:
        while True:
            line = self._lines.get(timeout=START_S)
            assert line is not None, f"it ended without being ready:\n{self.text}"
            if found := ready.search(line):
                return found.group()


@contextmanager
def app_server(
    data_dir: Path,
    environ: Mapping[str, str] | None = None,
    *options: str,
    start: Start = by_itself,
) -> Iterator[Process]:
    """``python -m app serve`` on a free port; stopped at the end if it still runs."""
    command = ["-m", "app", "serve", "--port", "0", "--data-dir", str(data_dir), *options]
    environ = {"BLUFFCHECK_DISCOVER": "0", **(environ or {})}
    yield from _running(Process(command, environ, start=start))


@contextmanager
def worker(
    data_dir: Path, environ: Mapping[str, str], calls: int = 200, start: Start = by_itself
) -> Iterator[Process]:
    """``python -m app worker`` with at most so many calls in flight."""
    command = ["-m", "app", "worker", "--data-dir", str(data_dir)]
    environ = {**environ, "BLUFFCHECK_WORKER_CALLS": str(calls)}
    yield from _running(Process(command, environ, WORKS, start))


@contextmanager
def wire_server(delay_s: float = 0, start: Start = by_itself) -> Iterator[Process]:
    """``python -m tests.wire``, whose calls survive the server under test."""
    command = ["-m", "tests.wire", "--port", "0", "--delay", str(delay_s)]
    yield from _running(Process(command, start=start))


def plain_environ() -> dict[str, str]:
    """This environment without anybody's keys and settings."""
    ours = ("BLUFFCHECK_", "OLLAMA_")
    theirs = ("_API_KEY", "_AUTH_TOKEN", "_BASE_URL")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return {k: v for k, v in kept.items() if not k.endswith(theirs)}


def providers_at(wire_url: str) -> dict[str, str]:
    """OpenAI and Anthropic moved to a wire server."""
    return {
        "OPENAI_BASE_URL": f"{wire_url}/v1",
        "ANTHROPIC_BASE_URL": wire_url,
        "OPENAI_API_KEY": "sk-test-openai-0123456789",
        "ANTHROPIC_API_KEY": "sk-ant-test-0123456789",
    }


def request_json(method: str, url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


def _running(process: Process) -> Iterator[Process]:
    try:
        yield process
    finally:
        if process.running:
            process.kill()
