"""Logging in at an OpenID Connect provider, which here is a server of the tests."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from pydantic import SecretStr

from app.main import create_app
from app.people import members as people
from app.people.audit import By
from app.people.tables import Role
from app.settings import Settings
from tests.team import BASE_URL

CLIENT = "bluffcheck"


@dataclass
class Provider:
    """What it says of the person who logs in, and what it was asked."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)  # at its token endpoint
    challenge: str = ""
    nonce: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    signs_with: RSAKey | None = None

    def about(self) -> dict[str, str]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }

    def token(self, asked: dict[str, str]) -> dict[str, Any]:
        self.asked.append(asked)
        hashed = hashlib.sha256(asked["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(hashed).rstrip(b"=").decode() == self.challenge
        claims = {"iss": self.url, "aud": CLIENT, "sub": "7", "nonce": self.nonce,
                  "exp": int(time.time()) + 300, **self.claims}  # fmt: skip
        header = {"alg": "RS256", "kid": "one"}
        signed = jwt.encode(header, claims, self.signs_with or self.key)
        return {"access_token": "a", "token_type": "Bearer", "id_token": signed}


@pytest.fixture
def provider() -> Iterator[Provider]:
    it = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys = KeySet([it.key]).as_dict(private=False)
            self._say(keys if self.path == "/keys" else it.about())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self._say(it.token({name: values[0] for name, values in parse_qs(body).items()}))

        def _say(self, told: Any) -> None:
            content = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield it
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_login_at_a_provider(settings: Settings, provider: Provider) -> None:
    changes = {"login": "oidc", "oidc_issuer": provider.url, "oidc_client_id": CLIENT,
               "oidc_client_secret": SecretStr("hush")}  # fmt: skip
    app = create_app(settings.model_copy(update=changes))
    with TestClient(app, base_url=BASE_URL, follow_redirects=False) as client:

        def log_in(back: str = "/models", **changed: str) -> Response:
            """As a browser goes there and comes back."""
            off = client.get("/login/oidc", params={"next": back})
            assert off.status_code == 303
            asked = {k: v[0] for k, v in parse_qs(urlsplit(off.headers["location"]).query).items()}
            assert off.headers["location"].startswith(f"{provider.url}/authorize?")
            assert asked["redirect_uri"] == f"{BASE_URL}/login/oidc/callback"
            assert asked["code_challenge_method"] == "S256"
            provider.challenge, provider.nonce = asked["code_challenge"], asked["nonce"]
            answer = {"code": "c", "state": asked["state"], **changed}
            return client.get("/login/oidc/callback", params=answer)

        ada = {"email": "Ada@example.org", "email_verified": True, "name": "Ada"}
        provider.claims = ada
        assert "/login/oidc?next=/models" in client.get("/login?next=/models").text
        unknown = log_in()
        assert unknown.status_code == 403
        assert "Ada@example.org" in unknown.text
        link = people.first_link(app.state.services.database)
        assert f"/login/oidc?next={link}" in client.get(link).text
        joined = log_in(link)
        assert joined.status_code == 303, joined.text
        assert provider.asked[-1]["code"] == "c"
        assert client.get("/people").status_code == 200
        assert client.post("/logout").status_code == 303
        assert client.get("/people").status_code == 401
        again = log_in()
        assert (again.status_code, again.headers["location"]) == (303, "/models")
        assert client.post("/login", data={"login": "ada", "password": "x"}).status_code == 404
        client.post("/logout")

        app.state.services.settings.public_url = "https://bluff.example"
        off = client.get("/login/oidc").headers["location"]
        back = parse_qs(urlsplit(off).query)["redirect_uri"]
        assert back == ["https://bluff.example/login/oidc/callback"]
        app.state.services.settings.public_url = ""

        # Two people of one name: there is no form in which the second could give another one.
        for email, told in (
            ("ada2@example.org", "Ada"),
            ("mina@example.org", "Mi\u200cna"),
            ("no@example.org", "\x07"),
        ):
            provider.claims = {"email": email, "email_verified": True, "name": told}
            with app.state.services.database.write() as session:
                link = people.path_of(people.invite(session, By(), Role.reader))
                session.commit()
            joined = log_in(link)
            assert joined.status_code == 303, joined.text
            client.post("/logout")
        with app.state.services.database.read() as session:
            names = [(one.reviewer.name, one.account.login) for one in people.members(session)]
        assert names == [
            ("Ada", "Ada@example.org"),
            ("Ada 2", "ada2@example.org"),
            ("Mina", "mina@example.org"),
            ("no@example.org", "no@example.org"),
        ]

        # What is not to be believed.
        other = RSAKey.generate_key(2048, {"kid": "one"})
        for claims, changed, key in (
            (ada, {"state": "another"}, None),
            (ada, {"error": "access_denied"}, None),
            (ada | {"nonce": "another"}, {}, None),
            (ada | {"aud": "another"}, {}, None),
            (ada | {"iss": "https://evil.example"}, {}, None),
            (ada | {"exp": 1_000_000_000}, {}, None),
            (ada | {"email_verified": False}, {}, None),
            ({"email_verified": True}, {}, None),
            (ada, {}, other),
        ):
            provider.claims, provider.signs_with = claims, key
            refused = log_in(**changed)
            assert refused.status_code == 502, (claims, changed)
            assert client.get("/people").status_code == 401
        client.cookies.clear()
        stray = client.get("/login/oidc/callback", params={"code": "c", "state": "s"})
        assert stray.status_code == 502
        assert "hush" not in repr(app.state.services.settings)
