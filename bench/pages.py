"""Do pages and labels stay quick while answers come in?

One reader opens a grid of 100 answers and labels them, again and again, with a short rest after
each request; first while nothing else happens, then while another grid fills.

    python -m bench.pages                       100 calls of 0.5 s in flight, 20 pieces each
    python -m bench.pages --chunks 1 --in-flight 400
"""

import argparse
import http.client
import math
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from bench.measure import Used, Watch, percentile, require_proc
from bench.model_server import model_name
from bench.servers import REPEATS, bluffcheck, model_server, progress, start_grid

FORM = "application/x-www-form-urlencoded"
PATIENCE_S = 60.0
BUSY_S = 180.0  # the other grid takes at least so long
VALUES = ("correct", "hallucinated", "abstained")


class Browser:
    """One connection that stays open, and the cookie of a reviewer."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)
        self._cookie = ""

    def send(
        self, method: str, path: str, form: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, float]:
        """Returns the response, read to its end, and the milliseconds it took."""
        headers = {"Cookie": self._cookie, "HX-Request": "true"}
        body = None if form is None else urlencode(form)
        if body is not None:
            headers["Content-Type"] = FORM
        started = time.perf_counter()
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        text = response.read()
        took_ms = 1000 * (time.perf_counter() - started)
        if response.status >= 400:
            raise SystemExit(f"{method} {path}: {response.status} {text[:300]!r}")
        return response, took_ms

    def reconnect(self) -> None:
        self._connection.close()  # the next request opens it again

    def name(self, reviewer: str) -> None:
        response, _ = self.send("POST", "/reviewer", {"name": reviewer, "next": "/"})
        self._cookie = (response.getheader("Set-Cookie") or "").partition(";")[0]


@dataclass
class Times:
    """Milliseconds of each request, and what the server used meanwhile."""

    page: list[float] = field(default_factory=list)
    label: list[float] = field(default_factory=list)
    used: Used | None = None
    answers: int = 0  # of the other grid, that came in meanwhile


class Reader:
    """Looks at one grid and labels its answers, as its page does."""

    def __init__(self, browser: Browser, grid_id: str, answers: list[int], rest_s: float) -> None:
        self._browser = browser
        self._grid_id = grid_id
        self._answers = answers
        self._rest_s = rest_s
        self._seq = "0"
        self._labelled = 0

    def go_on(self, requests: int, times: Times) -> None:
        for _ in range(requests):
            times.page.append(self._browser.send("GET", f"/grids/{self._grid_id}")[1])
            time.sleep(self._rest_s)
            answer_id = self._answers[self._labelled % len(self._answers)]
            form = {"value": VALUES[self._labelled % len(VALUES)]}
            path = f"/answers/{answer_id}/label?since={self._seq}"
            response, took_ms = self._browser.send("PUT", path, form)
            self._seq = response.getheader("X-Seq") or self._seq
            self._labelled += 1
            times.label.append(took_ms)
            time.sleep(self._rest_s)


def measure(requests: int, rest_s: float, latency_s: float, in_flight: int, chunks: int) -> None:
    with model_server() as model, bluffcheck(model.url, in_flight) as server:
        models = [model_name(0.01, chunks) for chunks in range(1, 5)]
        shown = start_grid(server, 100, *models, repeats=5)
        while progress(server, shown)["done"] < 100:
            time.sleep(0.1)
        answers = server.get(f"/api/grids/{shown}/answers?limit=1000")["items"]
        browser = Browser(server.url)
        browser.name("bench")
        reader = Reader(browser, shown, [answer["id"] for answer in answers], rest_s)
        reader.go_on(20, Times())  # what is only done once is done

        idle, busy = Times(), Times()
        watch = Watch(server.pid)
        reader.go_on(requests, idle)
        idle.used = watch.used()

        rounds = math.ceil(BUSY_S / latency_s)
        answers_to_come = rounds * in_flight // REPEATS * REPEATS
        filling = start_grid(server, answers_to_come, model_name(latency_s, chunks))
        while progress(server, filling)["done"] < in_flight:
            time.sleep(0.1)
        browser.reconnect()  # the server ended a connection that was silent for so long
        reader.go_on(5, Times())
        watch, before = Watch(server.pid), progress(server, filling)["done"]
        reader.go_on(requests, busy)
        busy.used = watch.used()
        found = progress(server, filling)
        busy.answers = found["done"] - before
        if not found["pending"]:
            raise SystemExit("The other grid was full too early: ask for fewer --requests.")
    report(idle, busy, in_flight / latency_s)


def report(idle: Times, busy: Times, ideal_rate: float) -> None:
    print(f"{len(idle.page)} requests of each kind, in ms     p50     p99     max")
    for kind in ("page", "label"):
        quiet, loud = getattr(idle, kind), getattr(busy, kind)
        ratios = ""
        for when, values in (("idle", quiet), ("busy", loud)):
            found = [percentile(values, 0.5), percentile(values, 0.99), max(values)]
            print(f"  {kind:<6}{when:<28}" + "".join(f"{ms:>8.1f}" for ms in found))
        for share in (0.5, 0.99):
            ratios += f"{percentile(loud, share) / percentile(quiet, share):>8.2f}"
        print(f"  {kind:<6}{'busy ÷ idle':<28}{ratios}")
    assert idle.used
    assert busy.used
    rate = busy.answers / busy.used.wall_s
    print(
        f"The server took {idle.used.cores():.2f} cores idle and {busy.used.cores():.2f} busy;"
        f" meanwhile {rate:.0f} answers came in per second, ideal {ideal_rate:.0f}"
        f" (other programs: {idle.used.others:.1f} and {busy.used.others:.1f} cores)."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--requests", type=int, default=300, help="of each kind, idle and busy")
    parser.add_argument("--rest", type=float, default=0.02, help="seconds after each request")
    parser.add_argument("--latency", type=float, default=0.5, help="seconds of each call")
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--chunks", type=int, default=20, help="pieces of each streamed answer")
    given = parser.parse_args()
    require_proc()
    measure(given.requests, given.rest, given.latency, given.in_flight, given.chunks)


if __name__ == "__main__":
    main()
