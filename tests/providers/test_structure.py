"""A provider is known to its own file and the registry, and to nothing else of the program."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db import ROOT
from app.providers.registry import PROVIDERS

INSIDE = ROOT / "app" / "providers"
MODULES = [path for path in (ROOT / "app").rglob("*.py") if INSIDE not in path.parents]
PAGES = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "static" / "js").rglob("*.js")]
ENGLISH = {"together"}  # as a provider it stands alone, or in front of a slash
LANGUAGE = "'s Chat Completions"  # behind its author's name: what many servers speak


def _pattern() -> re.Pattern[str]:
    names = {p.spec.name for p in PROVIDERS} - ENGLISH
    titles = {p.spec.title for p in PROVIDERS if p.spec.title.lower() not in ENGLISH}
    words = "|".join(map(re.escape, sorted(names | titles, key=len, reverse=True)))
    variables = "|".join(name.upper() for name in names)
    alone = "|".join(ENGLISH)
    return re.compile(
        rf"(?<![A-Za-z0-9])(?:(?:{words})(?![a-z0-9]|{LANGUAGE})|(?:{variables})_[A-Z])"
        rf"|(?:^|(?<=[\"'`]))(?:{alone})(?=[\"'`/]|$)"
    )


NAMED = _pattern()


def words(tree: ast.Module) -> Iterator[str]:
    """All strings and identifiers of a module but its docstrings (and comments)."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and id(node) not in docstrings:
                yield node.value
            continue
        for name, value in ast.iter_fields(node):
            if name in ("id", "attr", "name", "asname", "arg", "module", "rest"):
                yield from [value] if isinstance(value, str) else []


@pytest.mark.parametrize("path", sorted(INSIDE.glob("*.py")), ids=lambda path: path.name)
def test_file_of_a_provider_is_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 200


@pytest.mark.parametrize("path", sorted(MODULES), ids=lambda path: str(path.relative_to(ROOT)))
def test_module_names_no_provider(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert [word for word in words(tree) if NAMED.search(word)] == []


@pytest.mark.parametrize("path", sorted(PAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_page_names_no_provider(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert [line for line in lines if NAMED.search(line)] == []


@pytest.mark.parametrize(
    "source",
    [
        'x = "openai"',
        'x = f"{y}: ask gemini-4 on {z}"',
        'x = "openai-chat/gpt-5"',
        'environ["ANTHROPIC_API_KEY"]',
        'x = "a key of OpenAI"',
        'x = "LM Studio is not running"',
        'x = "together"',
        'x = "together/zai-org"',
        "anthropic = 1",
        "x.groq_limit",
        "class OpenAIError: pass",
        "def f(xai): pass",
        "f(ollama=1)",
        "from app.providers.mistral import MistralProvider",
        "import app.providers.vllm as x",
        'def f():\n    "says"\n    "deepseek"',
    ],
)
def test_name_of_a_provider_is_found(source: str) -> None:
    assert any(NAMED.search(word) for word in words(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        'openapi_url = "/api/openapi.json"',
        'x = "How many Ds are in DEEPSEEK?"',
        'x = "all of them together"',
        'x = "practice/honest"',
        'x = "a server that speaks OpenAI\'s Chat Completions"',
        "x = 1  # as openai does",
        '"""Ask gemini."""',
        'def f():\n    """Ask gemini."""',
        "maxai = mistralised = 1",
    ],
)
def test_other_words_are_not(source: str) -> None:
    assert [word for word in words(ast.parse(source)) if NAMED.search(word)] == []
