"""A team on a server where one logs in: alice owns, bob reviews, carol reads, dave is an outsider.

with team(settings) as t:
    assert t.carol.get("/people").status_code == 403
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response

from app.main import create_app
from app.people import logins
from app.people.audit import By
from app.people.members import add_account
from app.people.tables import Role
from app.reviewing.labels import get_reviewer
from app.settings import Settings
from app.web.deps import Services
from app.web.who import SESSION_COOKIE

BASE_URL = "http://127.0.0.1:8000"


@dataclass
class Someone:
    """A person with a browser; ``id`` is 0 for somebody nobody knows."""

    client: TestClient
    id: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, url: str, **more: Any) -> Response:
        self.client.cookies.clear()
        headers = self.headers | more.pop("headers", {})
        return self.client.request(method, url, headers=headers, follow_redirects=False, **more)

    def get(self, url: str, **more: Any) -> Response:
        return self.request("GET", url, **more)

    def post(self, url: str, **more: Any) -> Response:
        return self.request("POST", url, **more)

    def put(self, url: str, **more: Any) -> Response:
        return self.request("PUT", url, **more)


@dataclass
class Team:
    client: TestClient
    services: Services
    alice: Someone
    bob: Someone
    carol: Someone
    dave: Someone
    nobody: Someone


@contextmanager
def team(settings: Settings) -> Iterator[Team]:
    app = create_app(settings.model_copy(update={"login": "password"}))
    with TestClient(app, base_url=BASE_URL) as client:
        services: Services = app.state.services

        def someone(name: str, role: Role) -> Someone:
            with services.database.write() as session:
                reviewer = get_reviewer(session, name)
                add_account(session, By(), reviewer, f"{name}@example.org", role)
                secret = logins.begin(session, reviewer.id, "127.0.0.1", "a test")
                session.commit()
            return Someone(client, reviewer.id, {"Cookie": f"{SESSION_COOKIE}={secret}"})

        yield Team(
            client,
            services,
            alice=someone("Alice", Role.owner),
            bob=someone("Bob", Role.reviewer),
            carol=someone("Carol", Role.reader),
            dave=someone("Dave", Role.reviewer),
            nobody=Someone(client),
        )
