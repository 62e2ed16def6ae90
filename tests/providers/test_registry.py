"""The data files, and what is built from them."""

from pathlib import Path
from typing import Any

import pytest

from app.errors import InvalidInput, SettingsError
from app.providers import (
    ModelInfo,
    Provider,
    Thinking,
    load_providers,
    split_model,
)
from app.providers.catalogue import SETTINGS, Catalogue
from app.providers.registry import HERE
from app.providers.spec import read_specs, read_toml

RULES = read_toml(HERE / "models.toml")
SPECS = {spec.name: spec for spec in read_specs(read_toml(HERE / "providers.toml"), "data")}


def load(environ: dict[str, str] | None = None, **options: Any) -> dict[str, Provider]:
    return load_providers({} if environ is None else environ, practice_latency_s=0, **options)


def test_every_provider_is_loaded_in_order() -> None:
    assert list(load()) == [
        "anthropic", "openai", "deepseek", "openrouter",
        "gemini", "mistral", "xai", "groq", "together", "openai-responses",
        "ollama", "llamacpp", "vllm", "lmstudio", "practice",
    ]  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
def test_unknown_models_can_be_asked_to_think_and_not_to(name: str) -> None:
    rule = load()[name].rule("a-model-of-next-year")
    assert {Thinking.default, Thinking.on} <= set(rule.fields)
    assert rule.fields[Thinking.default] == {}
    assert rule.fields.get(Thinking.off) != rule.fields[Thinking.on]
    assert bool(rule.reason_against(Thinking.off)) is (name == "gemini")  # none of today's can


@pytest.mark.parametrize("table", RULES["rule"], ids=lambda t: f"{t['provider']} {t['models'][0]}")
def test_rule_gives_or_excuses_every_setting(table: dict[str, Any]) -> None:
    catalogue = Catalogue()
    catalogue.add({"rule": [table]}, "models.toml")
    rule = catalogue.rules[table["provider"]][0].thinking
    assert table["provider"] in SPECS
    assert set(rule.fields) | set(rule.cannot) == set(Thinking)
    assert set(rule.fields).isdisjoint(rule.cannot)
    assert all(reason.endswith(".") for reason in rule.cannot.values())
    known = {
        "provider", "models", "default", "temperature", "thinking_text", "note", "cannot",
        *SETTINGS,
    }  # fmt: skip
    assert set(table) <= known


@pytest.mark.parametrize(
    ("model", "off", "default"),
    [
        ("anthropic/claude-opus-4-6", {"thinking": {"type": "disabled"}}, "off"),
        ("anthropic/claude-opus-4-7", {}, "off"),
        ("anthropic/claude-opus-5", {"thinking": {"type": "disabled"}}, "on"),
        ("anthropic/claude-opus-5-5", None, "on"),
        ("anthropic/claude-opus-5-5-20261101", None, "on"),
        ("anthropic/claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}, "on"),
        ("anthropic/claude-haiku-5-5", {"thinking": {"type": "disabled"}}, "on"),
        ("anthropic/claude-fable-5-2", None, "on"),
        ("openai/gpt-5", None, "on"),
        ("openai/gpt-5-mini", None, "on"),
        ("openai/gpt-5-chat-latest", {}, "off"),
        ("openai/gpt-5.3-chat-latest", None, "on"),
        ("openai/gpt-5.2", {"reasoning_effort": "none"}, "off"),
        ("openai/gpt-5.2-pro", None, "on"),
        ("openai/gpt-5.5", {"reasoning_effort": "none"}, "on"),
        ("openai/gpt-6-astra", None, "on"),
        ("openai/gpt-4o-mini", {}, "off"),
        ("openai/o3", None, "on"),
        ("gemini/gemini-2.5-flash", {"thinkingConfig": {"thinkingBudget": 0}}, "unknown"),
        ("gemini/gemini-2.5-pro", None, "on"),
        ("gemini/gemini-3.6-flash", None, "on"),
        ("gemini/gemini-4-argon", None, "on"),
        ("gemini/gemma-3-27b-it", {}, "off"),
        ("ollama/gpt-oss:20b", None, "on"),
        ("mistral/magistral-medium-latest", {"reasoning_effort": "none"}, "off"),
        ("mistral/mistral-large-4", None, "on"),
        ("mistral/zai-glm-5-3", None, "on"),
        ("mistral/ministral-8b-latest", {}, "off"),
        ("xai/grok-4.3", {"reasoning_effort": "none"}, "unknown"),
        ("xai/grok-4.7", None, "on"),
        ("xai/grok-4.20-reasoning", None, "on"),
        ("xai/grok-4.20-non-reasoning", {}, "off"),
        ("groq/openai/gpt-oss-120b", None, "on"),
        ("groq/qwen/qwen3-32b", {"reasoning_effort": "none"}, "on"),
        ("together/openai/gpt-oss-20b", None, "on"),
        ("ollama/qwen3:8b", {"think": False}, "unknown"),
        ("vllm/deepseek-ai/DeepSeek-V3.1", {"chat_template_kwargs": {"thinking": False}}, "off"),
    ],
)
def test_first_matching_rule_wins(model: str, off: dict[str, Any] | None, default: str) -> None:
    providers = load()
    provider, name = split_model(model, providers)
    rule = providers[provider].rule(name)
    assert (rule.fields.get(Thinking.off), rule.default) == (off, default)
    assert bool(rule.reason_against(Thinking.off)) is (off is None)


def test_known_models_have_titles_and_are_named_once() -> None:
    models = [model for provider in load().values() for model in provider.known_models()]
    assert len({model.id for model in models}) == len(models)
    assert all(model.title for model in models)
    assert ModelInfo("anthropic", "claude-opus-4-6", "Claude Opus 4.6") in models


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("practice/honest", ("practice", "honest")),
        ("openrouter/anthropic/claude-x", ("openrouter", "anthropic/claude-x")),
        (" ollama/qwen3:8b ", ("ollama", "qwen3:8b")),
    ],
)
def test_model_is_split_at_the_first_slash(text: str, expected: tuple[str, str]) -> None:
    assert split_model(text, load()) == expected


@pytest.mark.parametrize("text", ["gpt-5", "", "/x", "openai/", "openai/ "])
def test_malformed_model_is_explained(text: str) -> None:
    with pytest.raises(InvalidInput, match="write provider/model-id"):
        split_model(text, load())


def test_misspelt_provider_gets_a_hint() -> None:
    with pytest.raises(InvalidInput, match=r"no provider 'antropic' .* Did you mean anthropic\?"):
        split_model("antropic/claude", load())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[provider]\n", "cannot be read"),
        ('[[provider]]\nname = "x"\n', "provider x lacks adapter, base_url, title"),
        ('[[provider]]\nname = "x"\nkeyy = 1\n', "unknown fields: keyy"),
        (
            '[[provider]]\nname = "x"\ntitle = "X"\nadapter = "y"\nbase_url = ""\n',
            "adapter must be one of anthropic, gemini, groq, ollama, openai_chat,",
        ),
        (
            '[[provider]]\nname = "x"\ntitle = "X"\nadapter = "openai_chat"\nbase_url = ""\n',
            "provider x needs a last",
        ),
        (
            '[[provider]]\nname = "openai"\ntitle = "X"\nadapter = "openai_chat"\nbase_url = ""\n',
            "two providers named openai",
        ),
        ('[[rule]]\nprovider = "x"\nmodels = ["*"]\n', "neither gives nor excuses 'off'"),
    ],
)
def test_wrong_data_stops_the_start_with_a_sentence(
    tmp_path: Path, text: str, message: str
) -> None:
    extra = tmp_path / "extra.toml"
    extra.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load(extra=extra)
