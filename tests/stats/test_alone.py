"""The statistics stand alone."""

import ast
import sys
from pathlib import Path

import pytest

import app.stats

MODULES = sorted(Path(app.stats.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_only_the_standard_library_is_needed(module: Path) -> None:
    """The libraries of the tests are heavy, and one must not be shipped."""
    names = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    foreign = [name for name in names if name.split(".")[0] not in sys.stdlib_module_names]
    assert [name for name in foreign if not name.startswith("app.stats.")] == []
