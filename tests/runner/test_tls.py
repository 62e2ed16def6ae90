"""The setting that names one's own authority, from the environment down to the call."""

import ssl
from pathlib import Path

import pytest
import trustme

from app.settings import Settings
from tests.runner.starting import run, running, tries
from tests.wire import WireServer


def test_ca_file_of_the_settings_is_trusted(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with WireServer(tls=context) as secure:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", secure.url)
        with running(settings) as client:
            [refused] = run(client, "anthropic/plain")
        with running(settings, ca_file=tmp_path / "authority.pem") as client:
            [answered] = run(client, "anthropic/plain")

    assert (refused["state"], tries(refused)) == ("failed", ["connection"])  # not tried again
    assert "BLUFFCHECK_CA_FILE" in refused["error_message"]
    assert (answered["state"], answered["text"]) == ("done", "42")
