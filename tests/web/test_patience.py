"""Requests that are too large, too slow or come from strange places, over real connections."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient
from starlette.responses import StreamingResponse

from app.errors import SettingsError
from app.grids import get_grid
from app.main import create_app
from app.settings import Settings, load_settings
from app.sharing.shares import shares_of
from app.web import security
from app.web.protocol import PatientProtocol
from tests.conftest import BASE_URL
from tests.factories import run_grid
from tests.polling import wait_for


class Hasty(PatientProtocol):
    head_s, head_bytes, stuck_s = 0.4, 20_000, 0.4


@contextmanager
def served(app: Any, **options: Any) -> Iterator[int]:
    """The port of a server in this process."""
    config = uvicorn.Config(app, log_config=None, http=Hasty, lifespan="on", **options)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: server.run([listener]), daemon=True)
        thread.start()
        wait_for(lambda: server.started, "the start")
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(20)


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    connection.settimeout(10)
    found = b""
    try:
        while piece := connection.recv(65_536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def test_slow_clients_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(security, "PAUSE_S", 0.3)
    app = create_app(Settings(data_dir=tmp_path, discover=False))

    @app.get("/much")
    async def send_much() -> Any:
        async def pieces() -> Any:
            try:
                while True:
                    yield b"x" * 65_536
                    await asyncio.sleep(0)
            finally:
                ended.set()

        return StreamingResponse(pieces())

    ended = threading.Event()
    with served(app) as port:

        def connect() -> socket.socket:
            return socket.create_connection(("127.0.0.1", port), timeout=10)

        head = f"POST /api/grids HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        with connect() as silent, connect() as dribbling, connect() as endless, connect() as body:
            dribbling.sendall(head.encode())
            body.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
            endless.sendall(f"{head}X-Long: {'x' * 30_000}".encode())
            assert b" 431 " in read_all(endless)
            answer = read_all(body)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"came too slowly" in answer
            assert (read_all(silent), read_all(dribbling)) == (b"", b"")
        with connect() as stuck:
            stuck.sendall(f"GET /much HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            wait_for(ended.is_set, "the end of what nobody reads", 10)
        # One that was used and then asks again takes no longer than it may, either.
        with connect() as again:
            asked = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
            again.sendall(asked)
            assert b"alive" in again.recv(65_536)
            again.sendall(asked[:20])
            assert read_all(again) == b""
    assert "Traceback" not in caplog.text


def test_heads_and_addresses_have_limits(shared_client: TestClient) -> None:
    for headers, url, status, said in (
        ({f"X-{n}": "1" for n in range(101)}, "/api/grids", 431, "more than 100 header fields"),
        ({"Cookie": "x" * 40_000}, "/api/grids", 431, "32,768 bytes"),
        ({}, f"/api/grids?x={'x' * 9000}", 414, "longer than 8,192"),
    ):
        refused = shared_client.get(url, headers=headers)
        assert refused.status_code == status
        assert said in refused.json()["detail"]
        assert refused.headers["content-security-policy"]
    many = shared_client.post("/reviewer", data={f"f{n}": "x" for n in range(5_001)})
    assert many.status_code == 400
    assert "Too many fields" in many.text
    files = shared_client.post("/reviewer", files={"name": ("x.txt", b"x")})
    assert files.status_code == 400
    part = shared_client.post(
        "/reviewer",
        files={"name": (None, b"x" * 1_100_000)},  # a part that is no file
    )
    assert part.status_code == 400
    assert "maximum size" in part.text


def test_shares_may_be_framed_by_setting(settings: Settings) -> None:
    origin = "https://forum.example"
    app = create_app(settings.model_copy(update={"embed_shares": [origin]}))
    with TestClient(app, base_url=BASE_URL) as client:
        grid_id = run_grid(client)
        client.post(f"/grids/{grid_id}/shares", data={})
        with app.state.services.database.read() as session:
            [share] = shares_of(session, get_grid(session, grid_id).id)
        for url, framed in (
            (f"/s/{share.token}", True), (f"/grids/{grid_id}", False), ("/", False)
        ):  # fmt: skip
            policy = client.get(url).headers["content-security-policy"]
            assert (f"frame-ancestors {origin}" in policy) is framed
            assert ("frame-ancestors 'none'" in policy) is not framed
            assert policy.startswith("default-src 'none'; script-src 'self'")


def test_settings_of_proxies_and_frames_are_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BLUFFCHECK_PROXY_ADDRESSES", "10.0.0.2, 192.168.0.0/24")
    assert load_settings().proxy_addresses == ["10.0.0.2", "192.168.0.0/24"]
    for name, wrong in (
        ("PROXY_ADDRESSES", "*"),
        ("EMBED_SHARES", "forum.example"),
        ("EMBED_SHARES", "https://forum.example; script-src *"),
    ):
        monkeypatch.setenv(f"BLUFFCHECK_{name}", wrong)
        with pytest.raises(SettingsError, match=f"BLUFFCHECK_{name}"):
            load_settings()
        monkeypatch.delenv(f"BLUFFCHECK_{name}")


def test_only_named_proxies_say_who_somebody_is(tmp_path: Path) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
            return
        seen.append((scope["client"][0], scope["scheme"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    ask = (
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https"
        b"\r\nConnection: close\r\n\r\n"
    )
    for trusted in ([], ["10.0.0.2"], ["127.0.0.1"]):
        options = {"proxy_headers": bool(trusted), "forwarded_allow_ips": trusted}
        with (
            served(app, **options) as port,
            socket.create_connection(("127.0.0.1", port)) as asking,
        ):
            asking.sendall(ask)
            assert b" 204 " in read_all(asking)
    assert seen == [("127.0.0.1", "http")] * 2 + [("203.0.113.9", "https")]
