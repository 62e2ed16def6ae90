"""What CONTRIBUTING.md promises: its provider, added as it says, and how small the scripts are."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tests.providers
from app.providers import registry
from tests.providers import calling
from tests.wire import WireServer

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
FILE, TEST = "app/providers/fernhill.py", "tests/providers/test_fernhill.py"
REGISTRY = "app/providers/registry.py"
Check = Callable[[WireServer], None]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def code(path: str) -> str:
    """The block that follows the first mention of a file."""
    found = re.search(rf"`{path}`.*?^```python\n(.+?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def patched(source: str) -> str:
    """The source with the lines that the diffs add."""
    for diff in blocks("diff"):
        lines = diff.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] == " ")
        after = "".join(line[1:] for line in lines)
        assert source.count(before) == 1, f"{before!r} is not where the diff expects it"
        source = source.replace(before, after)
    return source


def run(source: str, path: str) -> ModuleType:
    """A module out of its source, as if it stood in that file."""
    module = ModuleType(path.removesuffix(".py").replace("/", "."))
    module.__file__ = str(ROOT / path)
    exec(compile(source, path, "exec"), vars(module))
    return module


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Check]]:
    """Adds the provider for one test; gives the example's own tests."""

    def go(file: str = code(FILE), registered: bool = True) -> list[Check]:
        monkeypatch.setitem(sys.modules, "app.providers.fernhill", run(file, FILE))
        source = (ROOT / REGISTRY).read_text()
        with_it = run(patched(source) if registered else source, REGISTRY)
        monkeypatch.setattr(registry, "PROVIDERS", with_it.PROVIDERS)
        monkeypatch.setattr(registry, "_BY_NAME", with_it._BY_NAME)
        # What the tests share is read anew, with the provider in it.
        monkeypatch.setattr(tests.providers, "calling", calling)  # put back afterwards
        monkeypatch.delitem(sys.modules, calling.__name__)
        found: dict[str, Any] = vars(run(code(TEST), TEST))
        return [check for name, check in found.items() if name.startswith("test_")]

    return go


def test_example_works(add: Callable[..., list[Check]]) -> None:
    [check] = add()
    with WireServer() as server:
        check(server)


def test_example_fails_without_its_line(add: Callable[..., list[Check]]) -> None:
    [check] = add(registered=False)
    with WireServer() as server, pytest.raises(Exception, match="no provider 'fernhill'"):
        check(server)


def test_example_fails_without_its_quirk(add: Callable[..., list[Check]]) -> None:
    [check] = add(file=code(FILE).replace('"pondering"', '"reasoning"'))
    with WireServer() as server, pytest.raises(AssertionError):
        check(server)


@pytest.mark.parametrize("path", [FILE, TEST, REGISTRY])
def test_example_is_formatted_and_linted(path: str) -> None:
    source = patched((ROOT / REGISTRY).read_text()) if path == REGISTRY else code(path)
    for command in (["format", "--diff"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", path, "-"]
        done = subprocess.run(ruff, input=source, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr


def test_everything_it_names_is_there() -> None:
    for name in re.findall(r"`(?:app|tests|templates|static|migrations|bench|docs)/[^`]*`", TEXT):
        path = name.strip("`")
        assert (ROOT / path).exists() or path in (FILE, TEST), path
    for name, path in re.findall(r"`(test_\w+)` in `(\S+)`", TEXT):
        assert f"def {name}(" in (ROOT / path).read_text()


def test_every_module_has_its_place() -> None:
    told = re.findall(r"`(app/\w+\.py)`", TEXT)
    there = [str(p.relative_to(ROOT)) for p in ROOT.glob("app/*.py") if p.name != "__init__.py"]
    assert sorted(told) == sorted(there)


def test_providers_know_nothing_of_the_rest() -> None:
    for path in ROOT.glob("app/providers/*.py"):
        for module in re.findall(r"^(?:from|import) (app\.\S+)", path.read_text(), re.MULTILINE):
            assert module.startswith(("app.providers", "app.errors")), f"{path.name}: {module}"


def test_rules_know_nothing_of_the_rest() -> None:
    for path in ROOT.glob("app/suggest/*.py"):
        for module in re.findall(r"^(?:from|import) (app\.\S+)", path.read_text(), re.MULTILINE):
            assert module.startswith("app.suggest"), f"{path.name}: {module}"


def test_own_scripts_stay_small() -> None:
    lines = [
        line for path in (ROOT / "static/js").iterdir() for line in path.read_text().split("\n")
    ]
    code = [line for line in lines if line.strip() and not line.lstrip().startswith("//")]
    assert "under 600 lines of code" in TEXT
    assert len(code) < 600
