"""``python -m app``, as a person types it."""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.__main__ import main
from app.exports.jsonl import content_hash
from tests import forking, serving
from tests.forking import app_server
from tests.polling import wait_for
from tests.serving import ROOT, plain_environ, providers_at, request_json
from tests.wire import WireServer
from tests.wire_scripts import Script


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    return forking.run(["-m", "app", *arguments], {**plain_environ(), **environ})


def refused(result: subprocess.CompletedProcess[str]) -> str:
    """What the command said when it did not start."""
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    return result.stderr


def test_serve_prints_its_address_and_keeps_to_its_data_folder(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    before = files(ROOT)
    with serving.app_server(data) as server:
        assert f"Bluffcheck is ready on {server.url}" in server.text
        assert str(data / "bluffcheck.db") in server.text
        with urllib.request.urlopen(server.url, timeout=10) as page:
            assert page.status == 200
            assert b"Bluffcheck" in page.read()
        grid = {"prompts": [{"text": "Why?"}], "models": ["practice/honest"]}
        assert server.post("/api/grids", grid)["answers"] == 1
        assert server.stop() == 0
    assert {p.name for p in data.iterdir()} <= {"bluffcheck.db", "bluffcheck.db.lock"}
    assert files(ROOT) - before == set()


def files(folder: Path) -> set[Path]:
    """Everything in the checkout but what tools keep for themselves."""
    found = set()
    for parent, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if not f.startswith(".") and f != "__pycache__"]
        found |= {Path(parent, name) for name in names if name.endswith((".db", ".lock", ".log"))}
    return found


# ``python -m app`` where the packages of the extra "team" are not installed.
WITHOUT_TEAM = (
    "import runpy, sys; sys.modules |= dict.fromkeys(('psycopg', 'asyncpg', 'pgqueuer'));"
    " runpy.run_module('app', run_name='__main__')"
)


def test_commands_need_nothing_of_the_extra_for_postgres(
    tmp_path: Path, sqlite_template: Path
) -> None:
    def without(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", WITHOUT_TEAM, *arguments],
            cwd=ROOT,
            env={**plain_environ(), "BLUFFCHECK_DATA_DIR": str(tmp_path), **environ},
            capture_output=True,
            text=True,
            timeout=60,
        )

    (tmp_path / "bluffcheck.db").write_bytes(sqlite_template.read_bytes())
    listed = without("people", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    copied = without("copy", str(tmp_path / "bluffcheck.db"), str(tmp_path / "copy.db"))
    assert (copied.returncode, copied.stderr) == (0, "")
    needed = without("copy", str(tmp_path / "bluffcheck.db"), "postgresql://me@127.0.0.1:1/none")
    assert "needs the extra “team”" in refused(needed)
    told = without("doctor", "--no-calls", BLUFFCHECK_DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert "needs the extra “team”" in told.stdout
    assert (told.returncode, told.stderr) == (1, "")


def test_port_in_use_is_said_and_nothing_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port), "--data-dir", str(tmp_path))
    assert f"Cannot listen on 127.0.0.1, port {port}" in refused(result)
    assert "--port" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("port", ["http", "70000"])
def test_bad_port_in_the_environment_is_named(tmp_path: Path, port: str) -> None:
    result = run("serve", "--data-dir", str(tmp_path), BLUFFCHECK_PORT=port)
    assert "BLUFFCHECK_PORT" in refused(result)
    assert port in result.stderr


def test_option_wins_over_the_environment(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with app_server(tmp_path, {"BLUFFCHECK_PORT": port}) as server:
            assert not server.url.endswith(f":{port}")


def test_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with app_server(tmp_path) as server:
        result = run("serve", "--port", "0", "--data-dir", str(tmp_path))
        assert "Another Bluffcheck is already using" in refused(result)
        assert "--data-dir" in result.stderr
        assert server.get("/api/models")["items"]


def test_data_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "data"
    result = run("serve", "--port", "0", "--data-dir", str(folder))
    assert "Cannot open" in refused(result)
    assert str(folder) in result.stderr

    (tmp_path / "bluffcheck.db").write_bytes(b"a shopping list " * 1000)
    result = run("serve", "--port", "0", "--data-dir", str(tmp_path))
    assert "file is not a database" in refused(result)


def test_database_that_does_not_answer_is_said_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://me:secret@127.0.0.1:1/none"
    result = run("serve", "--port", "0", "--data-dir", str(tmp_path), BLUFFCHECK_DATABASE_URL=url)
    assert "Cannot open" in refused(result)
    assert "127.0.0.1" in result.stderr
    assert "secret" not in result.stderr


def test_help_teaches() -> None:
    general = run("--help")
    assert general.returncode == 0
    assert "BLUFFCHECK_" in general.stdout
    assert "serve" in general.stdout
    serve = run("serve", "--help")
    assert serve.returncode == 0
    for option in ("--host", "--port", "--data-dir", "--open / --no-open", "default: 8000"):
        assert option in serve.stdout


def test_json_log_is_json_on_every_line_and_tells_no_secrets(tmp_path: Path) -> None:
    secrets = ("What nobody may read", "An answer nobody may read", "Ada the reviewer")
    with WireServer(lambda _: Script(text=secrets[1])) as wire:
        environ = {
            "BLUFFCHECK_LOG_FORMAT": "json",
            "BLUFFCHECK_LOG_LEVEL": "debug",
            **providers_at(wire.url),
        }
        with app_server(tmp_path, environ) as server:
            grid = {"prompts": [{"text": secrets[0]}], "models": ["openai-chat/m"]}
            here = f"/api/grids/{server.post('/api/grids', grid)['id']}"
            wait_for(lambda: server.get(here)["status"] == "done", "the answer")
            answer = server.get(f"{here}/answers")["items"][0]["id"]
            given = {"label": "correct", "reviewer": secrets[2]}
            request_json("PUT", f"{server.url}/api/answers/{answer}/label", given)
            counted = urllib.request.urlopen(f"{server.url}/metrics", timeout=10).read().decode()
            assert server.stop() == 0
        assert len(wire.calls) == 1
    assert 'tokens_total{direction="output",provider="openai-chat"}' in counted
    for secret in (*secrets, environ["OPENAI_API_KEY"], environ["ANTHROPIC_API_KEY"]):
        assert secret not in server.text
        assert secret not in counted
    lines = [line for line in server.output if not line.startswith("Bluffcheck is ready")]
    assert len(lines) == len(server.output) - 1
    entries = [json.loads(line) for line in lines]
    assert all({"time", "level", "logger", "message"} <= entry.keys() for entry in entries)
    asked = next(e for e in entries if e["logger"] == "app.web.requests")
    assert (asked["method"], asked["route"], asked["status"]) == ("POST", "/api/grids", 201)
    assert asked["request_id"]


@pytest.fixture
def data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BLUFFCHECK_DATA_DIR", str(tmp_path))


def models(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", *arguments])


@pytest.mark.usefixtures("data_dir")
def test_models_check_prints_a_table(wire: WireServer) -> None:
    result = models("check", "anthropic/claude-opus-4-6", "openai/gpt-5.2")
    lines = [re.split(r"\s{2,}", line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert lines[0] == ["model", "thinking", "result", "tokens in/out", "cost", "what it showed"]
    assert [line[:4] for line in lines[1:]] == [
        ["anthropic/claude-opus-4-6", "off", "works", "11/7"],
        ["anthropic/claude-opus-4-6", "on", "works", "11/7"],
        ["openai/gpt-5.2", "off", "works", "11/7"],
        ["openai/gpt-5.2", "on", "works", "11/7"],
    ]
    assert lines[1][4:] == ["$0.00023", "It answers, and thinking is off."]


@pytest.mark.usefixtures("data_dir")
def test_models_check_tries_one_model_of_each_ready_provider(wire: WireServer) -> None:
    result = models("check")
    assert result.exit_code == 0, result.output
    tried = dict.fromkeys(line.split()[0] for line in result.stdout.splitlines()[1:])
    assert list(tried) == ["anthropic/plain", "openai/plain", "openai-chat/plain"]


@pytest.mark.usefixtures("data_dir")
def test_models_check_fails_where_a_model_does(wire: WireServer) -> None:
    result = models("check", "openai-chat/401")
    assert result.exit_code == 1
    assert "refused the API key (401)" in result.stdout
    assert "sk-" not in result.output


@pytest.mark.usefixtures("data_dir")
def test_models_check_asks_before_many_calls(wire: WireServer) -> None:
    wire.models = {"data": [{"id": f"m{n}"} for n in range(30)]}
    result = models("check", "--all")
    assert result.exit_code == 1
    assert "Make test calls to 90 models?" in result.stderr
    assert wire.calls == []
    assert models("check", "--all", "--yes").exit_code == 0


@pytest.mark.usefixtures("data_dir")
def test_models_check_names_what_it_does_not_know(wire: WireServer) -> None:
    result = models("check", "antropic/x")
    assert result.exit_code == 1
    assert "Did you mean anthropic?" in result.stderr


@pytest.mark.usefixtures("data_dir")
def test_models_check_without_keys_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OLLAMA_HOST", "LLAMACPP_BASE_URL", "LMSTUDIO_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # whatever runs on this machine
    result = models("check")
    assert result.exit_code == 1
    assert "put a key into the environment" in result.stderr


@pytest.mark.usefixtures("data_dir")
def test_models_list_prints_ids(wire: WireServer) -> None:
    result = models("list", "ECHO")
    assert result.stdout.split() == ["anthropic/echo", "openai/echo", "openai-chat/echo"]


PROBE = """
title = "From a terminal"
models = ["openai/any"]
repeats = 2
variants = [{ wording = "allowed", thinking = "off" }]
prompts = [{ text = "How many Ds are in DEEPSEEK?", references = ["1"] }]
"""


def test_probe_runs_to_its_end_and_its_grid_is_there(tmp_path: Path) -> None:
    probe = tmp_path / "probe.toml"
    probe.write_text(PROBE.replace("openai/any", "practice/honest"))
    data = tmp_path / "data"
    result = run("run", str(probe), "--data-dir", str(data), BLUFFCHECK_PRACTICE_LATENCY_MS="0")
    assert result.returncode == 0, result.stderr
    [grid_id] = re.findall(
        r"^Grid (\w+) is done: 2 of 2 answered, 0 failed\.$", result.stdout, re.M
    )

    with app_server(data) as server:
        with urllib.request.urlopen(f"{server.url}/api/grids/{grid_id}", timeout=10) as answer:
            assert json.load(answer)["title"] == "From a terminal"
        target = tmp_path / "grid.jsonl"
        arguments = ["export", grid_id, str(target), "--data-dir", str(data)]
        written = CliRunner().invoke(main, arguments)
        assert (written.exit_code, written.output[:10]) == (0, "2 answers,"), written.output
        assert content_hash(target.read_text("utf-8").splitlines()) in target.read_text("utf-8")
        formless = CliRunner().invoke(main, ["export", grid_id, "--data-dir", str(data)])
        assert "Choose a format with --format" in formless.output
        there = CliRunner().invoke(main, ["run", str(probe), "--data-dir", str(data)])
        assert "Another Bluffcheck is already using" in there.output
        probe.write_text(PROBE.replace("openai/any", "practice/bluffer"))
        again = CliRunner().invoke(main, ["run", str(probe), "--server", server.url])
        assert again.exit_code == 0, again.output
        assert f"{server.url}/grids/" in again.output
        probe.write_text("models = []")
        wrong = CliRunner().invoke(main, ["run", str(probe), "--server", server.url])
        assert "This is no probe file" in wrong.output


def test_probe_with_failed_answers_ends_with_status_1(tmp_path: Path, wire: WireServer) -> None:
    wire.handler = lambda request: Script(status=401, error="invalid key")
    probe = tmp_path / "probe.toml"
    probe.write_text(PROBE)
    result = run("run", str(probe), "--data-dir", str(tmp_path / "data"), **providers_at(wire.url))
    assert result.returncode == 1
    assert "0 of 2 answered, 2 failed." in result.stdout


def test_what_is_no_probe_is_refused_before_anything_starts(tmp_path: Path) -> None:
    probe = tmp_path / "probe.toml"
    for content, options, words in (
        (b"\xff\xfe", ["--data-dir", str(tmp_path / "data")], "is not UTF-8"),
        (b"models = 1", ["--data-dir", str(tmp_path / "data")], "This is no probe file"),
        (b"models = 1", ["--server", "http://127.0.0.1:9"], "Cannot reach"),
        (b"models = 1", ["--server", "http://127.0.0.1:a"], "is no address of a server"),
        (b"models = 1", ["--server", ""], "missing an 'http://' or 'https://'"),
    ):
        probe.write_bytes(content)
        result = CliRunner().invoke(main, ["run", str(probe), *options])
        assert result.exit_code == 1
        assert words in result.output


def test_terminal_without_a_sign_and_reader_that_has_enough_are_no_faults(tmp_path: Path) -> None:
    probe, file = tmp_path / "probe.toml", tmp_path / "prompts.csv"
    probe.write_text(PROBE.replace("openai/any", "practice/honest"))
    file.write_text("Frage\nWarum?\n", "utf-8")
    options = ["--data-dir", str(tmp_path / "data")]
    result = run("run", str(probe), *options, BLUFFCHECK_PRACTICE_LATENCY_MS="0")
    [grid_id] = re.findall(r"^Grid (\w+) is done", result.stdout, re.M)

    environ = {**plain_environ(), "PYTHONIOENCODING": "cp1252"}

    def start(arguments: list[str], stdout: int) -> subprocess.CompletedProcess[bytes]:
        python = [sys.executable, "-m", "app", *arguments]
        return subprocess.run(python, cwd=ROOT, env=environ, stdout=stdout, stderr=subprocess.PIPE)

    importing = ["import-prompts", str(file), "--column", "Frage:text", *options]
    imported = start(importing, subprocess.PIPE)
    assert (imported.returncode, imported.stderr) == (0, b"")
    assert b"Frage ? " in imported.stdout  # an arrow, elsewhere

    reading, writing = os.pipe()
    os.close(reading)
    exporting = ["export", grid_id, "--format", "jsonl", *options]
    exported = start(exporting, writing)
    os.close(writing)
    assert (exported.returncode, exported.stderr) == (1, b"")
