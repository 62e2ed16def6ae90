"""The documents say what the code does, as far as that can be checked."""

import csv
import re
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from app import checks
from app.catalogue import LIST_EVERY, LOOK_S
from app.cli.commands import ASK_ABOVE
from app.exports.dictionary import ANSWERS, LABELS, LINES, Fields, as_markdown
from app.prompts import PromptInput
from app.providers import Call, Evidence, Outcome, Shape, Thinking, load_providers
from app.providers.failures import LONGEST_WAIT_S
from app.providers.observing import BYTES_A_TOKEN, FRAMING_TOKENS, PAUSE_MS
from app.providers.registry import MODELS, PROVIDERS
from app.providers.spec import ProviderSpec, read_toml
from app.providers.target import Limits
from app.reviewing.said import TAGS
from app.runner.attempt import RATE_TRIES, TRIES, WAIT_MAX_S, WAIT_S
from app.settings import Settings
from app.tables import CheckState
from app.web.keys import FACES, GRID, REVIEW
from tests.providers.calling import ask
from tests.wire import WireServer

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *ROOT.glob("CONTRIBUTING.md"), *sorted(ROOT.glob("docs/*.md"))]
README, PROVIDERS_MD = (ROOT / "README.md").read_text(), (ROOT / "docs/providers.md").read_text()
ENV = (ROOT / ".env.example").read_text()
SPECS = [provider.spec for provider in PROVIDERS]
TABLES = re.findall(r"^```toml\n(.+?)^```$", PROVIDERS_MD, re.DOTALL | re.MULTILINE)


def section(document: str, heading: str) -> str:
    """What stands under a heading, up to the next of the same or a higher level."""
    level = heading.partition(" ")[0]
    after = document.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"^#{{1,{len(level)}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of the lines of its tables."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [next(csv.reader([x[2:-2]], delimiter="|", quoting=csv.QUOTE_NONE)) for x in lines]


def named(text: str) -> list[str]:
    """The words that stand as code in the first cells."""
    return [name for first, *_ in rows(text) for name in re.findall(r"`([^`]+)`", first)]


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def without_code(text: str) -> str:
    """Headings and links, and no comments of a code block."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_images_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", without_code(document.read_text()))
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        target = document.parent / path if path else document
        assert target.is_file(), link
        if fragment:
            headings = re.findall(r"^#+ (.+)$", without_code(target.read_text()), re.MULTILINE)
            assert fragment in map(anchor, headings), link


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_provider_has_its_table(spec: ProviderSpec) -> None:
    told = {
        name.strip(): text.strip() for name, text in rows(section(PROVIDERS_MD, f"### {spec.name}"))
    }
    switch = ["thinking off", "on"] if "on" in told else ["thinking off, on"]
    assert list(told) == [
        "", "checked", *switch, "levels", "comes back", "temperature", "its list", "silence",
        "unverified", "sources",
    ]  # fmt: skip
    assert told["silence"].startswith(f"{spec.silence_s:g} s")
    assert "live: no" in told["checked"]


def test_every_provider_stands_in_the_readme() -> None:
    table = section(README, "## The first grid")
    for spec in SPECS:
        name = spec.title.removesuffix(" (Chat Completions)")
        assert name in table
        for variable in (*spec.base_url_env, *spec.key_env, *spec.bearer_env):
            assert f"`{variable}`" in table


def test_variables_of_providers_stand_in_the_example_with_their_defaults() -> None:
    shown = dict(re.findall(r"^#(\w+)=(.*)$", ENV, re.MULTILINE))
    for spec in SPECS:
        keys = (*spec.key_env, *spec.bearer_env, *spec.headers_env.values())
        assert {shown[variable] for variable in keys} <= {""}
        assert [shown[variable] for variable in spec.base_url_env] == [*spec.base_urls, ""][:1]


def test_every_setting_stands_in_the_example_with_its_default() -> None:
    shown = dict(re.findall(r"^#BLUFFCHECK_(\w+)=(.*)$", ENV, re.MULTILINE))
    assert set(shown) == {name.upper() for name in Settings.model_fields}
    example_only = {"CA_FILE"}  # has no default
    given = {n.lower(): v for n, v in shown.items() if v and n not in example_only}
    usual = {name: Settings.model_fields[name].default for name in given}
    assert PydanticUndefined not in usual.values()
    settings = Settings.model_validate(given)
    assert {name: getattr(settings, name) for name in given} == usual


def test_every_setting_stands_in_the_readme_with_its_default() -> None:
    table = section(README, "## Settings")
    assert set(named(table)) - {"json"} == {
        f"BLUFFCHECK_{name.upper()}" for name in Settings.model_fields
    }
    for first, default, _ in rows(table):
        names = re.findall(r"BLUFFCHECK_(\w+)", first)
        for name, told in zip(names, default.split(","), strict=False):
            usual = Settings.model_fields[name.lower()].default
            if usual not in (PydanticUndefined, None, "", []):
                assert told.strip().lower() == f"{usual}".lower()


@pytest.mark.parametrize(
    ("heading", "table", "what"),
    [
        ("## CSV: one row per answer", ANSWERS, "columns"),
        ("## CSV: one row per label", LABELS, "columns"),
        ("## JSONL, complete", LINES, "fields"),
    ],
)
def test_exports_are_explained_as_in_the_code(heading: str, table: Fields, what: str) -> None:
    text = (ROOT / "docs/exports.md").read_text()
    assert as_markdown(table, what) in section(text, heading)


def test_every_tag_is_listed_with_what_it_means() -> None:
    listed = rows(section((ROOT / "docs/labels.md").read_text(), "## Tags"))[1:]
    assert [(name.strip(" `"), text.strip()) for name, text in listed] == list(TAGS.items())


def test_switches_are_listed_with_their_titles() -> None:
    titles = {name: switch["title"] for name, switch in read_toml(MODELS)["switch"].items()}
    found = [
        (first.strip(" `"), title.strip())
        for first, title in (row for row in rows(PROVIDERS_MD) if len(row) == 2)
        if first.strip(" `") in titles and first.strip().startswith("`")
    ]
    assert found == list(titles.items())


@pytest.mark.parametrize(
    ("words", "heading"),
    [
        (Evidence, "## Asked, sent, seen"),
        (Outcome, "## Outcomes"),
        (Shape, "## What each model can be asked: models.toml"),
        (CheckState, "## Test calls"),
    ],
)
def test_words_are_explained_in_their_order(words: type[Evidence], heading: str) -> None:
    first = [row[0].strip() for row in rows(section(PROVIDERS_MD, heading))]
    assert [word for word in first if word in list(words)] == list(words)


def test_every_field_of_an_own_server_is_explained() -> None:
    told = named(section(PROVIDERS_MD, "## A server of your own"))
    assert {field.name for field in fields(ProviderSpec)} <= set(told)


def test_there_are_tables_to_copy() -> None:
    assert len(TABLES) == 2


@pytest.mark.parametrize("text", TABLES)
def test_tables_to_copy_can_be_loaded(tmp_path: Path, text: str) -> None:
    extra = tmp_path / "providers.toml"
    extra.write_text(text)
    providers = load_providers({}, practice_latency_s=0, extra=extra)
    tables = read_toml(extra)
    for table in tables["model"]:
        known = {model.name for model in providers[table["provider"]].known_models()}
        assert known >= {name for name, _ in table["ids"]}
    for rule in tables["rule"]:
        asked = providers[rule["provider"]].rule(rule["models"][0].replace("*", "x"))
        assert asked.shape == rule["thinking"]


def test_own_server_gets_what_its_table_says(tmp_path: Path) -> None:
    extra = tmp_path / "providers.toml"
    extra.write_text(TABLES[-1])
    with WireServer() as server:
        environ = {
            "LAB_BASE_URL": server.openai_url,
            "LAB_API_KEY": "key-of-the-lab-0123456789",
            "LAB_PROJECT": "bluff",
        }
        assert ask(environ, "lab/qwen3-32b", extra=extra, thinking=Thinking.on).text == "42"
    [call] = server.calls
    assert call.headers["authorization"] == "Bearer key-of-the-lab-0123456789"
    assert (call.headers["x-team"], call.headers["x-project"]) == ("sanity", "bluff")
    assert call.body["max_completion_tokens"] == Call("", "").max_tokens
    assert call.body["chat_template_kwargs"] == {"enable_thinking": True}


def test_numbers_are_those_of_the_code() -> None:
    limits, usual = Limits(), Settings.model_fields
    for sentence in (
        f"`BLUFFCHECK_CALL_TIMEOUT_S` ({usual['call_timeout_s'].default} s)",
        f"after {limits.max_bytes / 1e6:g} MB",
        f"more than {LONGEST_WAIT_S} s is not called again",
        f"Else {WAIT_S:g} s, doubling up to {WAIT_MAX_S:g} s",
        f"at most {checks.MAX_TOKENS:,} tokens of output, {checks.CHECK_S} s",
        f"`BLUFFCHECK_PREFLIGHT_CALLS` ({usual['preflight_calls'].default}) calls or more",
        f"{PAUSE_MS // 1000} s of silence or more",
        f"than the text has bytes (and {FRAMING_TOKENS} more,",
        f"looked for every {LOOK_S} s",
        f"every {LOOK_S * LIST_EVERY // 60} minutes",
        f"more than {ASK_ABOVE};",
    ):
        assert sentence in PROVIDERS_MD
    # "at most four times, and seven", "a quarter of its bytes"
    assert (TRIES, RATE_TRIES, BYTES_A_TOKEN) == (4, 7, 4)


def test_levels_stand_in_the_readme() -> None:
    levels = ", ".join(f"*{level}*" for level in list(Thinking)[3:])
    assert f"or a level: {levels}." in README


def test_keys_are_those_of_the_pages() -> None:
    keys = set(re.findall(r"<kbd>([^<]+)</kbd>", section(README, "## Labels")))
    names = {FACES.get(key, key) for key in GRID} - {"←", "→", "↑", "↓", "Home", "End"}
    shifted = {"Shift+ArrowLeft", "Shift+ArrowRight", "Shift+ArrowUp", "Shift+ArrowDown"}
    assert keys == (names - shifted) | {"Shift", "Enter", "1", "0"}
    review = (ROOT / "docs/review.md").read_text()
    keys = set(re.findall(r"<kbd>([^<]+)</kbd>", section(review, "## Keys and fingers")))
    assert keys == ({FACES.get(key, key) for key in REVIEW} - {"?"}) | {"1", "9", "0"}
    # The key of the button Review, which leads to a blind one.
    actions = (ROOT / "templates/partials/actions.html").read_text()
    [blind] = re.findall(r'data-keys="(.)" href="[^"]+/review', actions)
    [open_] = re.findall(r'data-keys="(.)" hidden .*blind=0', actions)
    assert f"**Review** (<kbd>{blind}</kbd>) shows one answer at a time, blind" in README
    assert f"(<kbd>{blind}</kbd>; <kbd>{open_}</kbd>: knowing whose they are)" in review


def test_limits_of_a_prompt_are_those_of_the_code() -> None:
    most = {
        name: next(rule.max_length for rule in it.metadata if hasattr(rule, "max_length"))
        for name, it in PromptInput.model_fields.items()
        if it.metadata
    }
    bad = section((ROOT / "docs/imports.md").read_text(), "## What cannot be imported")
    assert f"texts of more than {most['text']:,} characters" in bad
    assert f"more than {most['references']} references or {most['tags']} tags" in bad
