"""Is a grid of 60,000 answers as quick as one of 600? Its page, its filters, its scrolling.

    python -m bench.grid                        600, 60,000 and 10,000 prompts, from the server
    python -m bench.grid --browser              the same, and in a real browser

Scrolling is 40 px a frame, a wheel turned fast; a browser without a graphics card draws all by CPU.
Databases are filled directly; no model is called. "first" is the first request after the server
has started, which reads the facts of the whole grid; "view" are those after it.
"""

import argparse
import http.client
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

from app.db import Database
from bench.gridbook import Size, fill
from bench.measure import percentile
from tests.serving import app_server
from tests.support.chromium import chromium_path, launch_args

SIZES = {
    "600": Size(5),
    "60,000": Size(500),
    "10,000 prompts": Size(10_000, models=1, repeats=1),
}
FILTERS = ("label=correct", "only=repeats,thinking", "q=recall", "sort=disagreement", "by=Ada")
SCROLL = """async (steps) => {
  const scroller = document.querySelector(".scroller");
  const frames = [];
  let last = performance.now();
  for (let n = 0; n < steps; n++) {
    scroller.scrollTop += 40;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return frames;
}"""


def get_ms(url: str, path: str) -> tuple[float, int]:
    """Milliseconds and bytes of a page."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    started = time.perf_counter()
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    took_ms = 1000 * (time.perf_counter() - started)
    connection.close()
    if response.status != 200:
        raise SystemExit(f"{path}: {response.status} {body[:300]!r}")
    return took_ms, len(body)


def at_server(url: str, path: str, requests: int) -> dict[str, float]:
    found = {"first ms": get_ms(url, path)[0]}
    views = [get_ms(url, path) for _ in range(requests)]
    found["view ms"] = percentile([ms for ms, _ in views], 0.5)
    found["kB"] = views[0][1] / 1000
    for query in FILTERS:
        found[f"{query} ms"] = get_ms(url, f"{path}?{query}")[0]
    found["results ms"] = get_ms(url, f"{path}/results")[0]
    found["results again ms"] = get_ms(url, f"{path}/results")[0]
    found["slider ms"] = get_ms(url, f"{path}/results/price?t=0.7")[0]
    return found


def in_browser(browser: Browser, address: str) -> dict[str, float]:
    page = browser.new_page(viewport={"width": 1440, "height": 860})
    page.goto("about:blank")
    started = time.perf_counter()
    page.goto(address)
    page.locator(".chip").first.wait_for()
    found = {"seen ms": 1000 * (time.perf_counter() - started)}
    frames = page.evaluate(SCROLL, 300)
    found["median frame ms"] = percentile(frames, 0.5)
    found["longest frame ms"] = max(frames)
    page.locator(".scroller").evaluate("e => e.scrollTop = e.scrollHeight")
    page.locator(".block:last-child .chip").first.wait_for()
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    usage: dict[str, Any] = session.send("Runtime.getHeapUsage")
    counters: dict[str, Any] = session.send("Memory.getDOMCounters")
    found["JS heap MB"] = usage["usedSize"] / 1e6
    found["other heap MB"] = usage.get("embedderHeapUsedSize", 0) / 1e6
    found["DOM nodes"] = counters["nodes"]
    page.close()
    return found


def report(results: dict[str, dict[str, float]]) -> None:
    """Each figure, and beside it the ratio to the smallest grid."""
    reference = next(iter(results.values()))
    print(f"{'':<30}" + "".join(f"{name:>22}" for name in results))
    for figure, usual in reference.items():
        line = f"{figure:<30}"
        for found in results.values():
            ratio = f"×{found[figure] / usual:.1f}" if usual else ""
            line += f"{found[figure]:>14,.0f}{ratio:>8}"
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.grid",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--requests", type=int, default=15, help="for the page of each grid")
    parser.add_argument("--browser", action="store_true", help="also in Chromium")
    options = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for number, (name, size) in enumerate(SIZES.items()):
            data = Path(folder) / str(number)
            database = Database(f"sqlite:///{data}/bluffcheck.db")
            database.migrate()
            path = f"/grids/{fill(database, size, name)}"
            database.close()
            with app_server(data) as server:
                results[name] = at_server(server.url, path, options.requests)
                if options.browser:
                    browser = playwright.chromium.launch(
                        executable_path=chromium_path(), args=launch_args()
                    )
                    results[name] |= in_browser(browser, server.url + path)
                    browser.close()
    report(results)


if __name__ == "__main__":
    main()
