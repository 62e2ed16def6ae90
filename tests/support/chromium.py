"""The browser for the tests: one that is there and works, else one that gets installed.

Without a browser the tests must fail, not skip, so ``chromium_path`` tries hard and then raises.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import click
import platformdirs

from tests.support.installing import apt_install, reason, run

PATH_NAMES = ("chromium", "chromium-headless-shell", "google-chrome", "chromium-browser")
APT_PACKAGES = ("chromium-headless-shell", "chromium")
NPM_VERSION = "147.0.0"  # of @sparticuz/chromium

RENDER = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    browser = p.chromium.launch(executable_path=sys.argv[1], args=sys.argv[2:], timeout=30_000)
    page = browser.new_page()
    page.set_content("<title>rendered</title>")
    print(page.title())
    browser.close()
"""
PLAYWRIGHT_PATH = """
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    print(p.chromium.executable_path)
"""
UNBROTLI = """
const [, from, to] = process.argv, fs = require("fs"), zlib = require("zlib");
const done = (error) => { if (error) throw error; };
require("stream").pipeline(
  fs.createReadStream(from), zlib.createBrotliDecompress(), fs.createWriteStream(to), done);
"""
# It brings the few libraries and the font that a bare machine may lack.
NPM_LAUNCHER = """\
#!/bin/sh
here={folder}
export LD_LIBRARY_PATH="$here/lib${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_FILE="$here/fonts.conf"
exec "$here/chromium" --no-zygote "$@"
"""
FONTS_CONF = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/fonts-cache</cachedir></fontconfig>
"""


def launch_args() -> list[str]:
    """What to start it with: it shows only our own pages, and must not call home."""
    return [
        "--no-sandbox",  # which root and most containers cannot have
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    ]


@cache
def chromium_path() -> str:
    """The executable of a Chromium that has just rendered a page. Raises if none can be had."""
    tried: list[str] = []
    for way, find in WAYS:
        try:
            for path in find():
                if problem := _problem(path):
                    tried.append(f"{way}: {path} does not work: {problem}")
                else:
                    return path
        except (OSError, subprocess.SubprocessError) as exc:
            tried.append(f"{way}: {reason(exc)}")
    raise RuntimeError(
        "The browser tests need Chromium, and none was found or could be installed:\n  "
        + "\n  ".join(tried)
        + "\nInstall Chromium or Chrome, or set BLUFFCHECK_CHROMIUM to the path of one."
    )


def _from_environment() -> Iterator[str]:
    if path := os.environ.get("BLUFFCHECK_CHROMIUM"):
        yield path


def _from_path() -> Iterator[str]:
    for name in PATH_NAMES:
        if path := shutil.which(name):
            yield path


def _from_playwright() -> Iterator[str]:
    path = run(sys.executable, "-c", PLAYWRIGHT_PATH, timeout_s=30)
    if Path(path).exists():
        yield path


def _from_npm_cache() -> Iterator[str]:
    launcher = _npm_folder() / "launch"
    if launcher.exists():
        yield str(launcher)


def _install_with_playwright() -> Iterator[str]:
    _say("playwright install chromium")
    run(sys.executable, "-m", "playwright", "install", "chromium", timeout_s=300)
    yield from _from_playwright()


def _install_with_apt() -> Iterator[str]:
    _say("apt-get install " + APT_PACKAGES[0])
    apt_install(*APT_PACKAGES)
    yield from _from_path()


def _install_from_npm() -> Iterator[str]:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise OSError("@sparticuz/chromium runs on 64-bit Intel Linux only")
    _say("npm package @sparticuz/chromium")
    folder = _npm_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temp:
        new = Path(temp) / "new"
        new.mkdir()
        package = f"@sparticuz/chromium@{NPM_VERSION}"
        run("npm", "pack", "--silent", "--pack-destination", temp, package, timeout_s=300)
        (packed,) = Path(temp).glob("*.tgz")
        run("tar", "-xzf", str(packed), "-C", temp, timeout_s=60)
        for source in (Path(temp) / "package" / "bin").glob("*.br"):
            target = new / source.stem
            run("node", "-e", UNBROTLI, str(source), str(target), timeout_s=120)
            if target.suffix == ".tar":
                run("tar", "-xf", str(target), "-C", str(new), timeout_s=60)
                target.unlink()
        (new / "fonts.conf").write_text(FONTS_CONF.format(folder=folder))
        (new / "launch").write_text(NPM_LAUNCHER.format(folder=shlex.quote(str(folder))))
        for executable in ("chromium", "launch"):
            (new / executable).chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)  # one that was there did not work
        new.rename(folder)
    yield from _from_npm_cache()


WAYS: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
    ("BLUFFCHECK_CHROMIUM", _from_environment),
    ("PATH", _from_path),
    ("Playwright's own", _from_playwright),
    ("npm package in the cache", _from_npm_cache),
    ("playwright install", _install_with_playwright),
    ("apt-get install", _install_with_apt),
    ("npm package", _install_from_npm),
)


def _npm_folder() -> Path:
    return platformdirs.user_cache_path("bluffcheck") / f"chromium-{NPM_VERSION}"


def _problem(path: str) -> str | None:
    """Why this browser cannot be used, or None when it rendered a page."""
    try:
        title = run(sys.executable, "-c", RENDER, path, *launch_args(), timeout_s=60)
    except (OSError, subprocess.SubprocessError) as exc:
        return reason(exc)
    return None if title == "rendered" else f"it rendered {title!r}"


def _say(what: str) -> None:
    click.echo(f"No working Chromium yet; trying: {what}", err=True)


if __name__ == "__main__":
    try:
        click.echo(chromium_path())
    except RuntimeError as exc:
        sys.exit(str(exc))
