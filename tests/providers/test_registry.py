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
from app.providers.catalogue import Catalogue
from app.providers.registry import MODELS, PROVIDERS
from app.providers.spec import read_toml
from app.providers.thinking import LEVELS, Shape

DATA = read_toml(MODELS)
SPECS = {provider.spec.name: provider.spec for provider in PROVIDERS}


def load(environ: dict[str, str] | None = None, **options: Any) -> dict[str, Provider]:
    return load_providers({} if environ is None else environ, practice_latency_s=0, **options)


def test_every_provider_is_loaded_in_order() -> None:
    assert list(load()) == [
        "anthropic", "openai", "deepseek", "gemini", "openrouter",
        "mistral", "xai", "groq", "together", "openai-chat",
        "ollama", "llamacpp", "vllm", "lmstudio", "practice",
    ]  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
def test_unknown_models_can_be_asked_to_think_and_not_to(name: str) -> None:
    rule = load()[name].rule("a-model-of-next-year")
    assert {Thinking.default, Thinking.on} <= set(rule.fields)
    assert rule.fields[Thinking.default] == {}
    assert rule.fields.get(Thinking.off) != rule.fields[Thinking.on]
    assert bool(rule.reason_against(Thinking.off)) is (name == "gemini")  # none of today's can


@pytest.mark.parametrize("table", DATA["rule"], ids=lambda t: f"{t['provider']} {t['models'][0]}")
def test_rule_gives_or_excuses_every_setting(table: dict[str, Any]) -> None:
    catalogue = Catalogue()
    catalogue.add({"switch": DATA["switch"], "rule": [table]}, "models.toml")
    assert table["provider"] in SPECS
    rule = catalogue.rules[table["provider"]][0]
    told = rule.thinking(catalogue.switches[rule.switch or SPECS[table["provider"]].switch])
    for setting in Thinking:
        assert (setting in told.cannot) or (setting in told.fields)
    assert all(reason.endswith(".") for reason in told.cannot.values())
    assert set(told.levels) == set(LEVELS) - set(told.cannot)
    assert (Thinking.off in told.cannot) or told.shape is not Shape.always
    assert {Thinking.on, *LEVELS} <= set(told.cannot) or told.shape is not Shape.never


@pytest.mark.parametrize("name", DATA["switch"])
def test_switch_says_off_on_and_levels_differently(name: str) -> None:
    switch = DATA["switch"][name]
    said = [repr(switch[key]) for key in ("off", "on", "level") if key in switch]
    assert len(set(said)) == len(said)
    assert switch["title"]


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
        ("openai-chat/gpt-5", None, "on"),
        ("openai-chat/gpt-5-mini", None, "on"),
        ("openai-chat/gpt-5-chat-latest", {}, "off"),
        ("openai-chat/gpt-5.3-chat-latest", None, "on"),
        ("openai-chat/gpt-5.2", {"reasoning_effort": "none"}, "off"),
        ("openai-chat/gpt-5.2-pro", None, "on"),
        ("openai-chat/gpt-5.5", {"reasoning_effort": "none"}, "on"),
        ("openai-chat/gpt-6-astra", None, "on"),
        ("openai-chat/gpt-4o-mini", {}, "off"),
        ("openai-chat/o3", None, "on"),
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
        ("ollama/qwen3:8b", {"think": False}, "on"),
        ("vllm/deepseek-ai/DeepSeek-V3.1", {"chat_template_kwargs": {"thinking": False}}, "off"),
    ],
)
def test_first_matching_rule_wins(model: str, off: dict[str, Any] | None, default: str) -> None:
    providers = load()
    provider, name = split_model(model, providers)
    rule = providers[provider].rule(name)
    shapes = {"always": "on", "never": "off", "on by default": "on", "off by default": "off"}
    assert shapes.get(rule.shape, "unknown") == default
    if off is None:
        assert rule.reason_against(Thinking.off)
    else:
        assert rule.fields[Thinking.off] == off
        assert not rule.reason_against(Thinking.off)


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


@pytest.mark.parametrize("text", ["gpt-5", "", "/x", "openai-chat/", "openai-chat/ "])
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
        ('[[provider]]\nname = "x"\n', "provider x lacks base_url, title"),
        ('[[provider]]\nname = "x"\nkeyy = 1\n', "unknown fields: keyy"),
        (
            '[[provider]]\nname = "x"\ntitle = "X"\nadapter = "y"\nbase_url = ""\n',
            "adapter must be one of anthropic, openai, deepseek,",
        ),
        (
            '[[provider]]\nname = "x"\ntitle = "X"\nswitch = "y"\nbase_url = ""\n',
            "x: switch must be one of adaptive, budget,",
        ),
        (
            '[[provider]]\nname = "openai"\ntitle = "X"\nbase_url = ""\n',
            "two providers named openai",
        ),
        ('[[rule]]\nmodels = ["*"]\n', "provider and models are needed"),
        ('[[rule]]\nprovider = "x"\nmodels = ["*"]\nof = {}\n', "unknown fields: of"),
        ('[[rule]]\nprovider = "x"\nmodels = ["*"]\nthinking = "so"\n', "'so' is not a valid"),
        ('[[rule]]\nprovider = "x"\nmodels = ["*"]\nlevels = ["up"]\n', "'up' is not a valid"),
        ('[[rule]]\nprovider = "x"\nmodels = ["*"]\non = "up"\n', "'up' is not a valid"),
        ('[[rule]]\nprovider = "x"\nmodels = ["*"]\nwhy.up = ""\n', "why has no setting up"),
        ('[[rule]]\nprovider = "x"\nmodels = ["*"]\nswitch = "y"\n', "there is no switch 'y'"),
        ('[[rule]]\nprovider = "x"\nmodels = ["*"]\ntemperature = 1\n', "has a value nobody"),
        ("[switch.y]\nonn = {}\n", "the switch y has unknown fields"),
        (
            '[[provider]]\nname = "x"\ntitle = "X"\nbase_url = ""\nkey_env = "KEY"\n',
            "provider x: key_env must be a list",
        ),
        ('[[model]]\nprovider = "x"\nids = ["y"]\n', "needs provider and ids"),
        ('[[model]]\nprovider = "x"\nids = []\nmore = 1\n', "needs provider and ids"),
    ],
)
def test_wrong_data_stops_the_start_with_a_sentence(
    tmp_path: Path, text: str, message: str
) -> None:
    extra = tmp_path / "extra.toml"
    extra.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load(extra=extra)


def test_own_rules_come_before_the_shipped_ones(tmp_path: Path) -> None:
    extra = tmp_path / "extra.toml"
    extra.write_text('[[rule]]\nprovider = "openai"\nmodels = ["gpt-5.5*"]\nthinking = "never"\n')
    rules = load(extra=extra)["openai"]
    assert (rules.rule("gpt-5.5").shape, rules.rule("gpt-5.6").shape) == (Shape.never, Shape.on)


def test_api_that_refuses_an_effort_does_not_offer_it() -> None:
    providers = load()
    assert not providers["openai"].rule("gpt-6-sol").reason_against(Thinking.max)
    assert providers["openai-chat"].rule("gpt-6-sol").reason_against(Thinking.max)
    assert not providers["openai-chat"].rule("gpt-6-sol").reason_against(Thinking.xhigh)
