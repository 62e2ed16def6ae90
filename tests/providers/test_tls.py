"""Certificates: what is not trusted is refused with a way out, and one's own authority is one."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme

from app.providers.transport import authorities
from tests.providers.calling import SPECS, ask, each_provider, environ_for, failure
from tests.wire import WireServer

WAY_OUT = " If its authority is your own, name its file in BLUFFCHECK_CA_FILE and restart."
each = each_provider()


@contextmanager
def serving(authority: trustme.CA, *names: str, **options: Any) -> Iterator[WireServer]:
    """A server on 127.0.0.1 whose certificate is for ``names``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **options).configure_cert(context)
    with WireServer(tls=context) as server:
        yield server


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="module")
def secure(authority: trustme.CA) -> Iterator[WireServer]:
    with serving(authority, "127.0.0.1") as server:
        yield server


@each
def test_unknown_authority_is_refused_with_a_way_out(secure: WireServer, provider: str) -> None:
    before = len(secure.calls)
    error = failure(environ_for(secure), f"{provider}/any")
    assert (error.kind, error.retryable) == ("connection", False)
    assert error.message.startswith(
        f"{SPECS[provider].title} has a certificate at 127.0.0.1:{secure.port}"
        " that cannot be verified: "
    )
    assert error.message.endswith(WAY_OUT)
    assert len(secure.calls) == before


@each
def test_own_authority_is_trusted(secure: WireServer, ca_file: str, provider: str) -> None:
    assert ask(environ_for(secure), f"{provider}/any", ca_file=ca_file).text == "42"


def test_certificate_for_another_name_is_refused(authority: trustme.CA, ca_file: str) -> None:
    with serving(authority, "api.example", "127.0.0.2") as server:
        error = failure(environ_for(server), "anthropic/any", ca_file=ca_file)
    assert (error.kind, error.retryable, server.calls) == ("connection", False, [])
    assert error.message.endswith("certificate is not valid for '127.0.0.1'.")


def test_expired_certificate_is_refused(authority: trustme.CA, ca_file: str) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with serving(authority, "127.0.0.1", not_after=yesterday) as server:
        error = failure(environ_for(server), "anthropic/any", ca_file=ca_file)
    assert (error.kind, error.retryable, server.calls) == ("connection", False, [])
    assert error.message.endswith("that cannot be verified: certificate has expired.")


def test_usual_authorities_stay_trusted(ca_file: str) -> None:

    usual, more = (authorities(file).cert_store_stats()["x509_ca"] for file in ("", ca_file))
    assert more == usual + 1


def test_server_without_tls_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        host = f"127.0.0.1:{plain.getsockname()[1]}"
        error = failure({"VLLM_BASE_URL": f"https://{host}"}, "vllm/any")
        thread.join()
    assert (error.kind, error.retryable) == ("connection", False)
    assert error.message == (
        f"vLLM cannot be reached: {host} does not speak TLS. Is its address http://?"
    )
