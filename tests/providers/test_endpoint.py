"""Where providers are looked for, and what they need to be ready."""

import asyncio
from pathlib import Path

import pytest

from app.errors import ProviderError
from app.providers import ModelInfo, Provider, discover, load_providers
from app.providers.endpoint import Endpoint, from_host
from app.providers.registry import PROVIDERS
from app.providers.remote import RemoteProvider
from tests.providers.calling import with_providers
from tests.wire import WireServer

SPECS = {provider.spec.name: provider.spec for provider in PROVIDERS}


def load(environ: dict[str, str]) -> dict[str, Provider]:
    return load_providers(environ, practice_latency_s=0)


def test_missing_keys_name_the_variable_to_set() -> None:
    sentence = load({})["anthropic"].not_ready()
    assert sentence == "Set ANTHROPIC_API_KEY in the environment or in .env and restart."


@pytest.mark.parametrize(
    ("name", "environ", "ready"),
    [
        ("openai-chat", {"OPENAI_API_KEY": "k"}, True),
        ("openai-chat", {"OPENAI_API_KEY": " "}, False),
        ("openai-chat", {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, True),
        ("openai-chat", {"OPENAI_BASE_URL": "https://api.openai.com/v1/"}, False),
        ("openai-chat", {"OPENAI_BASE_URL": "127.0.0.1:9", "OPENAI_API_KEY": "k"}, False),
        (
            "openai-chat",
            {"OPENAI_BASE_URL": "http://me:pw@127.0.0.1:9", "OPENAI_API_KEY": "k"},
            False,
        ),
        ("anthropic", {"ANTHROPIC_AUTH_TOKEN": "t"}, True),
        ("ollama", {}, False),
        ("ollama", {"OLLAMA_HOST": "0.0.0.0"}, True),
        ("vllm", {}, False),
        ("vllm", {"VLLM_BASE_URL": "http://127.0.0.1:9"}, True),
        ("lmstudio", {"LMSTUDIO_BASE_URL": "http://127.0.0.1:9/v1"}, True),
        ("practice", {}, True),
    ],
)
def test_readiness_follows_the_environment(name: str, environ: dict[str, str], ready: bool) -> None:
    assert (load(environ)[name].not_ready() == "") is ready


def test_key_is_looked_up_when_it_is_needed() -> None:
    environ: dict[str, str] = {}
    provider = load(environ)["openai-chat"]
    assert provider.not_ready()
    environ["OPENAI_API_KEY"] = "k"
    assert provider.not_ready() == ""


@pytest.mark.parametrize(
    ("name", "value", "url"),
    [
        ("anthropic", "http://host:1/", "http://host:1"),
        ("openai-chat", "http://host:1/v1", "http://host:1/v1"),
        ("deepseek", "http://host:1", "http://host:1"),
        ("openrouter", "http://host:1/api/v1", "http://host:1/api/v1"),
        ("llamacpp", "http://host:1", "http://host:1/v1"),
        ("vllm", "http://host:1/v1/", "http://host:1/v1"),
        ("lmstudio", "http://host:1", "http://host:1/v1"),
        ("ollama", "host", "http://host:11434"),
        ("ollama", "http://host:1/v1/", "http://host:1"),
        ("ollama", "https://host/ollama", "https://host/ollama"),
        ("gemini", "http://host:1/", "http://host:1"),
        ("openai", "http://host:1/v1", "http://host:1/v1"),
    ],
)
def test_base_url_can_be_moved(name: str, value: str, url: str) -> None:
    endpoint = Endpoint(SPECS[name], {SPECS[name].base_url_env[0]: value})
    assert endpoint.override() == url


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("host", "http://host:11434"),
        ("host:1", "http://host:1"),
        (":1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:1", "http://127.0.0.1:1"),
        ("http://host:1", "http://host:1"),
        ("https://host", "https://host"),
        ("http://0.0.0.0:1/", "http://127.0.0.1:1/"),
        ("[::1]", "http://[::1]:11434"),
        ("[::]:1", "http://127.0.0.1:1"),
    ],
)
def test_ollama_host_takes_its_usual_forms(value: str, url: str) -> None:
    assert from_host(value, 11434) == url


def local(path: Path, *ports: int) -> Path:
    """A provider file with one local server that is looked for on ``ports``."""
    path.write_text(
        '[[provider]]\nname = "mine"\ntitle = "Mine"\nadapter = "openai-chat"\n'
        'base_url = "http://127.0.0.1:{port}/v1"\nbase_url_env = ["MINE_URL"]\n'
        f'ports = {list(ports)}\nkey_optional = true\nrules = "lmstudio"\n'
        'skip_models = ["*embed*"]\n'
    )
    return path


def test_local_server_is_found_by_itself(server: WireServer, tmp_path: Path) -> None:
    server.models = {"data": [{"id": "qwen3:8b"}, {"id": "nomic-embed"}, {"no": "id"}, "x"]}

    async def look(providers: dict[str, Provider]) -> tuple[str, str, list[ModelInfo]]:
        mine = providers["mine"]
        before = mine.not_ready()
        await discover([mine])
        return before, mine.not_ready(), mine.known_models()

    extra = local(tmp_path / "extra.toml", 9, server.port)
    assert with_providers({}, look, extra=extra) == (
        f"Nothing answered on port 9 or {server.port}: start Mine, or set MINE_URL.",
        "",
        [ModelInfo("mine", "qwen3:8b")],
    )


@pytest.mark.parametrize("reply", [[], {"data": "many"}, {"models": []}, "hello"])
def test_something_else_on_the_port_is_not_found(
    server: WireServer, tmp_path: Path, reply: object
) -> None:
    server.models = reply

    async def look(providers: dict[str, Provider]) -> str:
        await discover([providers["mine"]])
        return providers["mine"].not_ready()

    extra = local(tmp_path / "extra.toml", server.port)
    assert with_providers({}, look, extra=extra).startswith("Nothing answered")


def test_listed_models_replace_the_known_ones(server: WireServer) -> None:
    names = ["claude-new", "claude-opus-5-5"]
    server.models = {"data": [{"id": name, "display_name": f"{name} here"} for name in names]}

    async def ask_it(providers: dict[str, Provider]) -> list[ModelInfo]:
        await providers["anthropic"].list_models()
        return providers["anthropic"].known_models()

    environ = {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "sk-ant-0123456789"}
    assert with_providers(environ, ask_it) == [
        ModelInfo("anthropic", "claude-opus-5-5", "claude-opus-5-5 here"),  # known ones come first
        ModelInfo("anthropic", "claude-new", "claude-new here"),
    ]
    assert server.lists[0].path == "/v1/models?limit=1000"
    assert server.lists[0].headers["x-api-key"] == "sk-ant-0123456789"


def test_our_own_usual_port_is_never_looked_at() -> None:
    assert all(8000 not in spec.ports for spec in SPECS.values())


def test_unreachable_local_server_says_so_when_called() -> None:
    async def go() -> None:
        provider = load({"VLLM_BASE_URL": "http://127.0.0.1:9"})["vllm"]
        assert isinstance(provider, RemoteProvider)
        try:
            with pytest.raises(ProviderError, match=r"nothing answers at 127\.0\.0\.1:9"):
                await provider.list_models()
        finally:
            await provider.aclose()

    asyncio.run(go())


def test_busy_server_stays_ready(server: WireServer) -> None:
    """One that answers late is at work, perhaps for us."""
    server.models = {"data": [{"id": "qwen3:8b"}]}

    async def look(providers: dict[str, Provider]) -> tuple[str, list[ModelInfo]]:
        ollama = providers["ollama"]
        await discover([ollama])
        server.list_delay_s = 30
        assert isinstance(ollama, RemoteProvider)
        with pytest.raises(ProviderError):
            await ollama.find(0.05)
        return ollama.not_ready(), ollama.known_models()

    found = with_providers({"OLLAMA_HOST": server.url}, look)
    assert found == ("", [ModelInfo("ollama", "qwen3:8b")])
