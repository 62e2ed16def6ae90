"""Settings are checked before anything starts, and say what is wrong."""

import re
from pathlib import Path

import pytest
import trustme
from sqlalchemy import make_url

from app.errors import SettingsError
from app.settings import load_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("PORT", "eighty", "BLUFFCHECK_PORT"),
        ("PORT", "70000", "it is '70000'"),
        ("CONCURRENCY", "0", "BLUFFCHECK_CONCURRENCY"),
        ("LOG_FORMAT", "xml", "'text' or 'json'"),
        ("DATABASE_URL", "mysql://root@host/x", "only sqlite:/// and postgresql://"),
        ("DATABASE_URL", "nonsense", "not a database URL"),
        (
            "ALLOW_PRIVATE",
            "10.1.2.3, nonsense",
            "BLUFFCHECK_ALLOW_PRIVATE: Value error, 'nonsense'",
        ),
        ("ALLOW_PRIVATE", "10.1.2.3/8", "has host bits set"),
        ("PUBLIC_URL", "bluff.example.org", "write it like https://bluff.example.org"),
        ("DATA_DIR", "~nobody-of-that-name/data", "no such user"),
        ("CA_FILE", "~nobody-of-that-name/ca.pem", "no such user"),
        ("DATABASE_URL", "sqlite://", "names no file"),
        ("DATABASE_URL", "sqlite:///:memory:", "names no file"),
        ("DATABASE_URL", "postgresql://me@host:54x/name", "its port is no number"),
    ],
)
def test_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, part: str
) -> None:
    monkeypatch.setenv(f"BLUFFCHECK_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert part in str(caught.value)
    assert f"BLUFFCHECK_{name}" in str(caught.value)


def test_password_of_a_database_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLUFFCHECK_DATABASE_URL", "mysql://root:hunter2@host/x")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("BLUFFCHECK_DATABASE_URL", "postgres://root:hunter2@host/x")
    settings = load_settings()
    assert settings.url == "postgresql+psycopg://root:hunter2@host/x"
    assert "hunter2" not in settings.url_for_people
    for odd in ("hunter@fox", "hunter@fox:hole"):
        monkeypatch.setenv("BLUFFCHECK_DATABASE_URL", f"postgres://root:{odd}@host/x")
        with pytest.raises(SettingsError, match="write %40 for @") as caught:
            load_settings()
        assert not re.search("hunter|fox|hole", str(caught.value))
    monkeypatch.setenv("BLUFFCHECK_DATABASE_URL", "postgres://root@host/x?password=hunter2&port=9")
    settings = load_settings()
    assert settings.url == "postgresql+psycopg://root@host/x?password=hunter2&port=9"
    assert settings.url_for_people == "postgresql+psycopg://root@host/x?port=9"


def test_env_file_is_read_and_the_environment_wins(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / ".env").write_text(
        "BLUFFCHECK_PORT=9001\nBLUFFCHECK_CONCURRENCY=3\nOPENAI_API_KEY=from-file\n"
    )
    monkeypatch.setenv("BLUFFCHECK_CONCURRENCY", "4")
    settings = load_settings(port=None)
    assert (settings.port, settings.concurrency) == (9001, 4)
    assert load_settings(port=9002).port == 9002
    assert settings.environ["OPENAI_API_KEY"] == "from-file"
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    assert settings.environ["OPENAI_API_KEY"] == "from-environment"


def test_env_file_as_other_systems_write_it(elsewhere: Path) -> None:
    (elsewhere / ".env").write_bytes(
        b"\xef\xbb\xbfOPENAI_API_KEY=from-file\nBLUFFCHECK_PORT=9001\n"
    )
    settings = load_settings()
    assert (settings.environ["OPENAI_API_KEY"], settings.port) == ("from-file", 9001)
    (elsewhere / ".env").write_bytes(b"\xef\xbb\xbfBLUFFCHECK_PORT=9002\n")
    assert load_settings().port == 9002
    for text in ("# Schl\xfcssel\n".encode("latin-1"), "BLUFFCHECK_PORT=9001\n".encode("utf-16")):
        (elsewhere / ".env").write_bytes(text)
        with pytest.raises(SettingsError, match=r"\.env is not UTF-8"):
            load_settings()


def test_listening_to_other_machines_takes_a_login() -> None:
    with pytest.raises(SettingsError, match=r"nobody has to log in.*BLUFFCHECK_LOGIN to password"):
        load_settings(host="0.0.0.0", allowed_hosts="bluff.example.org")
    with pytest.raises(SettingsError, match="BLUFFCHECK_PROXY_ADDRESSES"):
        load_settings(host="0.0.0.0", login="proxy")
    with pytest.raises(SettingsError, match=r"PROXY_ADDRESSES.*does not appear to be"):
        load_settings(login="proxy", proxy_addresses="10.0.0.1, proxy")
    with pytest.raises(SettingsError, match="not the name of a header"):
        load_settings(login="proxy", proxy_addresses="10.0.0.1", proxy_header="X User")
    settings = load_settings(
        host="0.0.0.0", login="password", allowed_hosts="Bluff.Example.org, other"
    )
    assert settings.hosts == {"127.0.0.1", "localhost", "::1", "bluff.example.org", "other"}


def test_what_is_left_empty_or_ends_in_a_slash_is_meant_as_usual(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = load_settings().data_dir
    monkeypatch.setenv("BLUFFCHECK_DATA_DIR", "")
    monkeypatch.setenv("BLUFFCHECK_PUBLIC_URL", "https://bluff.example.org/")
    settings = load_settings()
    assert settings.data_dir == usual != elsewhere
    assert settings.public_url == "https://bluff.example.org"


def test_database_lies_in_the_data_folder(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "data")
    assert settings.url == f"sqlite:///{tmp_path / 'data' / 'bluffcheck.db'}"


@pytest.mark.parametrize("name", ["Who?", "50%20", "Müll & a b#c"])
def test_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    assert make_url(load_settings(data_dir=tmp_path / name).url).database == str(
        tmp_path / name / "bluffcheck.db"
    )


def test_file_of_certificates_may_lie_at_home(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(elsewhere))
    trustme.CA().cert_pem.write_to_path(str(elsewhere / "ours.pem"))
    monkeypatch.setenv("BLUFFCHECK_CA_FILE", "~/ours.pem")
    assert load_settings().ca_file == elsewhere / "ours.pem"
    monkeypatch.setenv("BLUFFCHECK_CA_FILE", "")
    assert load_settings().ca_file is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "holds no certificate in PEM form"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no certificate"),
    ],
)
def test_file_without_certificates_stops_the_start(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, said: str
) -> None:
    if content is not None:
        (elsewhere / "ours.pem").write_text(content)
    monkeypatch.setenv("BLUFFCHECK_CA_FILE", "ours.pem")
    with pytest.raises(SettingsError, match=rf"BLUFFCHECK_CA_FILE: .*/ours\.pem {said}"):
        load_settings()
