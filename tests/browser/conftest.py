"""A real server, a real browser. Every page fails its test on any console message of weight, on
any request to elsewhere, and, where asked, on anything axe-core finds."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.main import create_app
from app.settings import Settings
from app.web.deps import Services
from tests.polling import wait_for
from tests.support.chromium import chromium_path, launch_args

AXE = Path(__file__).parent.parent / "support" / "axe.min.js"
EVERYTHING = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What can be otherwise on a page that was looked at in light too.
OF_LOOKS = ["color-contrast", "link-in-text-block", "scrollable-region-focusable"]
IS_DARK = "matchMedia('(prefers-color-scheme: dark)').matches"


# Not for the whole session: while Playwright runs, no other test can start an event loop.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=launch_args())
        yield browser
        browser.close()


@dataclass
class Served:
    """An application that is being served, and what is inside of it."""

    url: str
    settings: Settings
    services: Services
    loop: asyncio.AbstractEventLoop

    def tasks(self) -> set[asyncio.Task[object]]:
        return asyncio.all_tasks(self.loop)


@contextmanager
def served(settings: Settings) -> Iterator[Served]:
    """The application on a free port of this machine."""
    app = create_app(settings)
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="warning", ws="none", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start in time"
        time.sleep(0.01)
    services: Services = app.state.services
    try:
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield Served(url, settings, services, server.servers[0].get_loop())
    finally:
        services.stopping.set()
        server.should_exit = True
        thread.join()


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The same, where its address is enough."""
    with served(settings) as it:
        yield it.url


@pytest.fixture
def practice_latency_ms() -> int:
    """A little time, so that one can watch; tests that begin with what is there take none."""
    return 60


@pytest.fixture
def beginning(sqlite_template: Path) -> Path:
    """The database that a test begins with a copy of."""
    return sqlite_template


@pytest.fixture
def site(tmp_path: Path, beginning: Path, practice_latency_ms: int) -> Iterator[str]:
    """The address of a server with practice models."""
    (tmp_path / "bluffcheck.db").write_bytes(beginning.read_bytes())
    settings = Settings(data_dir=tmp_path, discover=False, practice_latency_ms=practice_latency_ms)
    with serving(settings) as url:
        yield url


@dataclass(frozen=True)
class Example:
    """The paper's example, run to its end: a database to be copied, and its grid's address."""

    database: Path
    path: str


@pytest.fixture(scope="package")
def example(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Example:
    data = tmp_path_factory.mktemp("example")
    database = data / "bluffcheck.db"
    database.write_bytes(sqlite_template.read_bytes())
    with serving(Settings(data_dir=data, discover=False, practice_latency_ms=0)) as url:
        path = str(httpx.post(f"{url}/example").headers["location"])
        wait_for(lambda: httpx.get(f"{url}/api{path}").json()["status"] == "done", "the example")
    return Example(database, path)


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[Open]:
    """``open_page(path, **context options)`` in a browser context of its own."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(path: str = "/", expect_errors: bool = False, **options: Any) -> Page:
        # What moves would be drawn by the processors that the test needs.
        usual = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"}
        context = browser.new_context(**{**usual, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)

        def on_request(url: str) -> None:
            if not url.startswith((site, "blob:", "data:")):
                complaints.append(f"request to {url}")

        # Of the context: what other tabs of it complain of counts too.
        context.on("request", lambda request: on_request(request.url))
        if not expect_errors:
            context.on(
                "console",
                lambda m: (
                    complaints.append(f"{m.type}: {m.text}")
                    if m.type in ("error", "warning")
                    else None
                ),
            )
        context.on("weberror", lambda error: complaints.append(f"exception: {error.error}"))
        page.goto(site + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


@contextmanager
def offline(browser: Browser, file: Path) -> Iterator[Page]:
    """A file opened from the disk: it may complain of nothing, and ask nobody for anything."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    complaints: list[str] = []
    address = file.as_uri()
    context.on("console", lambda message: complaints.append(message.text))
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on(
        "request",
        lambda request: None if request.url == address else complaints.append(request.url),
    )
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()
    assert complaints == []


LOOKS = ((1440, "light"), (390, "dark"), (390, "light"), (1440, "dark"))


def findings_in_all_looks(page: Page, looks: Sequence[tuple[int, str]] = LOOKS) -> list[str]:
    """What axe-core finds on wide and narrow screens, light and dark; nothing may be too wide."""
    found = []
    for width, scheme in looks:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += [f"{width} {scheme}: {it}" for it in axe_findings(page)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{width} {scheme}: it is too wide")
    page.set_viewport_size({"width": 1440, "height": 900})
    return found


def axe_findings(page: Page) -> list[str]:
    """What axe-core finds on the page as it stands, one line each; in dark, of its looks."""
    if not page.evaluate("'axe' in window"):
        # Through the debugger, which the content security policy does not stop.
        page.evaluate(AXE.read_text("utf-8"))
    rules = OF_LOOKS if page.evaluate(IS_DARK) else EVERYTHING
    # Telling of what is right takes longer than looking.
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{v['id']}: {v['help']} ({'; '.join(n['html'][:160] for n in v['nodes'][:3])})"
        for v in result["violations"]
    ]


def start_example(page: Page) -> None:
    """Run the paper's example from the home page and wait until its grid is done."""
    page.get_by_role("button", name="Run it with practice models").click()
    page.wait_for_url("**/grids/*")
    page.locator('#progress[data-status="done"]').wait_for(timeout=30_000)


def known_as(page: Page, name: str) -> None:
    """Give a name in the head of the page, which is then loaded anew: keys wait for that."""
    page.locator("#reviewer summary").click()
    page.locator("#reviewer").get_by_label("Your name").fill(name)
    with page.expect_navigation():
        page.locator("#reviewer").get_by_role("button").click()


def wait_on(page: Page, condition: Callable[[], bool], what: str, deadline_s: float = 10) -> None:
    """Wait for something outside of the page, while the page's events go on."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {deadline_s} s"
        page.wait_for_timeout(20)
