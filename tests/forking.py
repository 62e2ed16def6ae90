"""Servers that are ready in a moment: a process with everything imported forks one at a time.

As a process: python -m tests.forking, then per server one line: its arguments as JSON.
"""

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.polling import wait_for
from tests.serving import Process

_READY = re.compile(r"http://\S+:\d+  \(data")
_ENDED = re.compile(r"server (\d+) ended")


class Forking:
    """Starts ``serve`` on one folder again and again; kills it again and again."""

    def __init__(self, data_dir: Path, environ: Mapping[str, str]) -> None:
        self._data_dir = data_dir
        given = {"BLUFFCHECK_DISCOVER": "0", **environ}
        self._parent = Process(["-m", "tests.forking"], given, stdin=subprocess.PIPE)
        self._pid = 0  # of the server that runs
        self._from = 0  # where the output of the latest server begins

    def start(self) -> None:
        """Returns before it is ready."""
        self._from = len(self._parent.output)
        arguments = ["serve", "--port", "0", "--data-dir", str(self._data_dir)]
        self._parent.write(json.dumps(arguments))
        found = wait_for(lambda: re.search(r"server (\d+) begins", self.text), "a server")
        self._pid = int(found[1])

    def ready(self) -> str:
        """Its address, once it answers there."""
        found = wait_for(lambda: _READY.search(self.text), "that the server is ready", 30)
        return found.group().partition(" ")[0]

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        wait_for(lambda: _ENDED.search(self.text), "its end")
        self._pid = 0

    @property
    def text(self) -> str:
        """What the latest server printed."""
        return "".join(self._parent.output[self._from :])

    def close(self) -> None:
        if self._pid:
            self.kill()
        self._parent.kill()


@contextmanager
def forking(data_dir: Path, environ: Mapping[str, str]) -> Iterator[Forking]:
    servers = Forking(data_dir, environ)
    try:
        yield servers
    finally:
        servers.close()


def _fork(arguments: list[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    from app.__main__ import main

    threading.Thread(target=_end_with_the_test, daemon=True).start()
    main(arguments)
    raise AssertionError("click ends the process")


def _end_with_the_test() -> None:
    hung_up = select.poll()
    hung_up.register(0, 0)
    hung_up.poll()
    os._exit(1)


def _main() -> None:
    import app.main  # noqa: F401 (what takes a second each time)

    print("http://127.0.0.1:0 is nobody: ready to fork", flush=True)  # noqa: T201
    for line in sys.stdin:
        pid = _fork(json.loads(line))
        print(f"server {pid} begins", flush=True)  # noqa: T201
        os.waitpid(pid, 0)
        print(f"server {pid} ended", flush=True)  # noqa: T201


if __name__ == "__main__":
    _main()
