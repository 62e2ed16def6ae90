"""Servers that are ready in a moment: a process with everything imported forks them.

As a process: python -m tests.forking; then for each server one line, of JSON.
"""

import json
import os
import re
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import IO

from tests import serving
from tests.polling import wait_for
from tests.serving import Process

READY = re.compile("ready to fork")
# What takes a second each time; not what is then run as a program.
PRELOADED = ("app.main", "app.worker", "app.runner.team", "tests.wire_protocols")


class _Child:
    """For a process that another one forked, what Popen is for one of one's own."""

    stdin: IO[str] | None = None
    stdout: IO[str] | None

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], errors: str | None = None
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            pipe = os.path.join(folder, "output")
            os.mkfifo(pipe)
            given = {"command": command, "environ": dict(environ), "output": pipe, "errors": errors}
            _parent().write(json.dumps(given))
            began = re.compile(rf"{re.escape(pipe)} is (\d+)\n")
            self.pid = int(wait_for(lambda: began.search(_parent().text), "a process")[1])
            self.stdout = open(pipe, encoding="utf-8")  # as soon as it opens its end  # noqa: SIM115

    def poll(self) -> int | None:
        ended = re.search(rf"^{self.pid} ended with (-?\d+)$", _parent().text, re.MULTILINE)
        return int(ended[1]) if ended else None

    def wait(self, timeout: float | None = None) -> int:
        end = time.monotonic() + (timeout or 0)
        while (status := self.poll()) is None:
            if timeout is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.005)
        return status

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it ended just now
                os.kill(self.pid, sig)


def forked(command: Sequence[str], environ: Mapping[str, str]) -> serving.Started:
    """``python`` with these arguments, which are those of a module, without starting it first."""
    return _Child(command, environ)


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """``python`` with these arguments, run to its end."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as errors:
        child = _Child(arguments, environ, errors.name)
        assert child.stdout
        with child.stdout as output:
            text = output.read()
        status = child.wait(timeout=10)
        return subprocess.CompletedProcess(list(arguments), status, text, errors.read())


app_server = partial(serving.app_server, start=forked)
worker = partial(serving.worker, start=forked)
wire_server = partial(serving.wire_server, start=forked)


@contextmanager
def starting(data_dir: Path, environ: Mapping[str, str]) -> Iterator[Process]:
    """The same as ``app_server``, perhaps before it is ready."""
    command = ["-m", "app", "serve", "--port", "0", "--data-dir", str(data_dir)]
    process = Process(command, {"BLUFFCHECK_DISCOVER": "0", **environ}, None, forked)
    try:
        yield process
    finally:
        if process.running:
            process.kill()


@cache
def _parent() -> Process:
    return Process(["-m", "tests.forking"], ready=READY)


def _say(text: str) -> None:
    os.write(1, f"{text}\n".encode())  # at once, also out of a signal handler


def _fork(
    command: Sequence[str], environ: Mapping[str, str], output: str, errors: str | None
) -> None:
    if pid := os.fork():
        _say(f"{output} is {pid}")
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for name, descriptors in ((output, (1, 2)), (errors, (2,))):
        if name:
            file = os.open(name, os.O_WRONLY)
            for descriptor in descriptors:
                os.dup2(file, descriptor)
            os.close(file)
    os.environ.clear()
    os.environ.update(environ)
    threading.Thread(target=_end_with_the_tests, daemon=True).start()
    _, module, *sys.argv[1:] = command
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()


def _end_with_the_tests() -> None:
    hung_up = select.poll()
    hung_up.register(0, 0)
    hung_up.poll()
    os._exit(1)


def _reap(_signal: int, _frame: FrameType | None) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _say(f"{pid} ended with {os.waitstatus_to_exitcode(status)}")


def _main() -> None:
    for name in PRELOADED:
        import_module(name)
    signal.signal(signal.SIGCHLD, _reap)
    _say(READY.pattern)
    for line in sys.stdin:
        _fork(**json.loads(line))


if __name__ == "__main__":
    _main()
