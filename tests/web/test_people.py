"""Accounts, invites, sessions, tokens: the story of a team that logs in."""

import re
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update
from sqlmodel import select

from app.main import create_app
from app.people import logins
from app.people import members as people
from app.people.audit import By
from app.people.tables import Account, Login, Role
from app.reviewing.labels import get_reviewer
from app.settings import Settings
from app.tables import now
from app.web.who import SESSION_COOKIE
from tests.team import BASE_URL, Someone, team

PASSWORD = "correct horse battery"
HTML = {"Accept": "text/html"}


def secret_in(text: str) -> str:
    found = re.search(r"/invites/([\w-]{43})", text)
    assert found
    return found[1]


def cookie(response: object) -> dict[str, str]:
    value = response.cookies[SESSION_COOKIE]  # type: ignore[attr-defined]
    return {"Cookie": f"{SESSION_COOKIE}={value}"}


def test_first_owner_invites_a_team(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(settings.model_copy(update={"login": "password"}))
    with TestClient(app, base_url=BASE_URL) as client:
        database = app.state.services.database
        visitor, owner, other = Someone(client), Someone(client), Someone(client)
        there = visitor.get("/grids/x?density=full", headers=HTML)
        assert there.status_code == 303
        assert there.headers["location"] == "/login?next=/grids/x%3Fdensity%3Dfull"
        assert "Log in" in visitor.get("/login", headers=HTML).text
        api = visitor.get("/api/grids")
        assert (api.status_code, api.headers["www-authenticate"]) == (401, "Bearer")

        # The first owner, by the link that the terminal prints.
        link, spare = people.first_link(database), people.first_link(database)
        assert "The first owner" in visitor.get(link).text
        given = {"name": "Alice", "login": "Alice@Example.org", "password": "short"}
        weak = visitor.post(link, data=given)
        assert weak.status_code == 422
        assert 'value="Alice@Example.org"' in weak.text
        assert "short" not in weak.text
        joined = visitor.post(link, data=given | {"password": PASSWORD})
        assert joined.status_code == 303, joined.text
        set_cookie = joined.headers["set-cookie"]
        assert "HttpOnly" in set_cookie
        assert "SameSite=lax" in set_cookie
        assert "Secure" not in set_cookie  # this is http
        owner.headers = cookie(joined)
        assert "Alice" in owner.get("/").text
        assert [visitor.get(one).status_code for one in (link, spare)] == [410, 410]
        assert people.first_link(database) == ""
        assert visitor.get("/invites/nothing").status_code == 404

        # An invite, which works once.
        page = owner.post("/people/invites", data={"role": "reviewer"})
        secret = secret_in(page.text)
        assert secret not in owner.get("/people").text
        given = {"name": "alice", "login": "bob", "password": PASSWORD}
        taken = visitor.post(f"/invites/{secret}", data=given)
        assert taken.status_code == 409  # nobody becomes Alice by calling themselves that
        taken = visitor.post(
            f"/invites/{secret}", data=given | {"name": "Bob", "login": "ALICE@example.org"}
        )
        assert taken.status_code == 409
        assert visitor.post(f"/invites/{secret}", data=given | {"name": "Bob"}).status_code == 303
        assert visitor.post(f"/invites/{secret}", data=given | {"name": "Eve"}).status_code == 410
        assert owner.post("/people/invites", data={"role": "king"}).status_code == 422

        # A login makes a new session; a wrong one is told in the same words as an unknown one.
        wrong = visitor.post("/login", data={"login": "bob", "password": "wrong"})
        unknown = visitor.post("/login", data={"login": "xavier", "password": "wrong"})
        assert wrong.status_code == unknown.status_code == 401
        assert wrong.text.replace("bob", "") == unknown.text.replace("xavier", "")
        right = {"login": " Bob ", "password": PASSWORD, "next": "//evil.example"}
        first = visitor.post("/login", data=right)
        assert (first.status_code, first.headers["location"]) == (303, "/")
        other.headers = cookie(first)
        again = other.post("/login", data=right | {"next": "/models"})
        assert again.headers["location"] == "/models"
        assert other.get("/me").status_code == 401  # rotated
        other.headers = cookie(again)
        assert "bob" in other.get("/me").text
        with database.read() as session:
            kept = [row.secret_hash for row in session.exec(select(Login))]
            assert all(len(hashed) == 64 for hashed in kept)
            hashes = [account.password_hash for account in session.exec(select(Account))]
            assert all(hashed.startswith("$argon2id$") for hashed in hashes)

        # A new password ends all other sessions.
        elsewhere = Someone(client, headers=cookie(visitor.post("/login", data=right)))
        new = {"now": "wrong", "new": "another horse battery"}
        assert other.post("/me/password", data=new).status_code == 422
        changed = other.post("/me/password", data=new | {"now": PASSWORD})
        assert changed.status_code == 303
        assert [one.get("/me").status_code for one in (elsewhere, other)] == [401, 401]
        other.headers = cookie(changed)
        assert other.get("/me").status_code == 200
        assert visitor.post("/login", data=right).status_code == 401

        # An owner makes a link for whoever forgot it.
        with database.read() as session:
            bob = people.member_of_login(session, "bob")
            alice = people.member_of_login(session, "alice@example.org")
        assert bob
        assert alice
        secret = secret_in(owner.post("/people/invites", data={"reviewer": str(bob.id)}).text)
        assert "A new password for Bob" in visitor.get(f"/invites/{secret}").text
        reset = visitor.post(f"/invites/{secret}", data={"password": PASSWORD})
        assert reset.status_code == 303
        assert other.get("/me").status_code == 401
        other.headers = cookie(reset)

        # The last owner stays one; a closed account is out at once.
        for act in ("role", "deactivation", "removal"):
            data = {"role": "reader", "sure": "1"}
            last = owner.post(f"/people/{alice.id}/{act}", data=data)
            assert last.status_code == 409
            assert "This is the last owner" in last.text
        assert owner.post(f"/people/{bob.id}/role", data={"role": "reader"}).status_code == 303
        assert "reader" in other.get("/me").text
        link = secret_in(owner.post("/people/invites", data={"reviewer": str(bob.id)}).text)
        assert owner.post(f"/people/{bob.id}/deactivation").status_code == 303
        assert other.get("/me").status_code == 401
        refused = visitor.post(f"/invites/{link}", data={"password": PASSWORD})
        assert (refused.status_code, "This account is closed" in refused.text) == (409, True)
        assert visitor.post("/login", data=right).status_code == 401
        assert owner.post(f"/people/{bob.id}/activation").status_code == 303
        back = visitor.post("/login", data=right)
        assert back.status_code == 303
        other.headers = cookie(back)

        # Sessions are listed and ended; an idle one ends by itself.
        third = Someone(client, headers=cookie(visitor.post("/login", data=right)))
        assert other.get("/me").text.count("/revocation") == 2  # one, and all others
        assert other.post("/me/sessions/revocation").status_code == 303
        assert third.get("/me").status_code == 401
        assert other.post("/me/sessions/1/revocation").status_code == 404  # Alice's
        with database.write() as session:
            session.execute(update(Login).values(last_used_at=now() - timedelta(days=8)))
            session.commit()
        assert owner.get("/me").status_code == 401

        # Too many tries are held, also with the right password, and an address has its own count.
        monkeypatch.setattr(logins, "TRIES", 2)
        tries = [visitor.post("/login", data={"login": "bob", "password": "no"}) for _ in range(3)]
        assert [one.status_code for one in tries] == [401, 401, 429]
        held = visitor.post("/login", data=right)
        assert held.status_code == 429
        assert 0 < int(held.headers["retry-after"]) <= 900
        monkeypatch.setattr(logins, "TRIES_OF_ADDRESS", 1)
        stuffed = visitor.post("/login", data={"login": "carl", "password": "no"})
        assert stuffed.status_code == 429


def test_an_office_that_logs_in_is_not_held_for_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong passwords are what is counted, also of an address."""
    monkeypatch.setattr(logins, "TRIES_OF_ADDRESS", 3)
    with team(settings) as t:
        with t.services.database.write() as session:
            people.set_password(session, By(), people.get_member(session, t.bob.id), PASSWORD)
            session.commit()
        right = {"login": "bob@example.org", "password": PASSWORD}
        for _ in range(5):
            assert t.nobody.post("/login", data=right).status_code == 303
        wrong = [t.nobody.post("/login", data=right | {"login": f"x{n}"}) for n in range(4)]
        assert [one.status_code for one in wrong] == [401, 401, 401, 429]
        assert t.nobody.post("/login", data=right).status_code == 429


def test_tokens_do_what_they_are_for(settings: Settings) -> None:
    with team(settings) as t:
        page = t.alice.post("/me/tokens", data={"name": "CI", "scope": "read", "days": "30"})
        [token] = re.findall(r"bluff_[\w-]{43}", page.text)
        assert token not in t.alice.get("/me").text
        program = Someone(t.client, headers={"Authorization": f"Bearer {token}"})
        assert program.get("/api/grids").status_code == 200
        assert program.post("/api/grids", json={}).status_code == 403  # it may only read
        assert program.get("/people").status_code == 403
        assert program.get("/me").status_code == 403  # a token makes no tokens
        for wrong in ("bluff_x", token[:-1], "x y"):
            unknown = Someone(t.client, headers={"Authorization": f"Bearer {wrong}"})
            assert unknown.get("/api/grids").status_code == 401
        schemes = t.alice.get("/api/openapi.json").json()["components"]["securitySchemes"]
        assert schemes["token"]["scheme"] == "bearer"
        asked = {"name": "Too much", "scope": "run", "days": "30"}
        assert t.bob.post("/me/tokens", data=asked).status_code == 422
        assert t.bob.post("/me/tokens", data=asked | {"scope": "label"}).status_code == 200
        assert t.bob.post("/me/tokens/1/revocation").status_code == 404  # Alice's
        assert t.alice.post("/me/tokens/1/revocation").status_code == 303
        assert program.get("/api/grids").status_code == 401


def test_proxy_is_believed_only_where_it_is_ours(settings: Settings) -> None:
    changes = {"login": "proxy", "proxy_addresses": ["10.0.0.0/24"]}
    app = create_app(settings.model_copy(update=changes))
    outside = TestClient(app, base_url=BASE_URL, client=("10.1.0.1", 1))
    proxy = TestClient(app, base_url=BASE_URL, client=("10.0.0.7", 1))
    named = {"X-Forwarded-User": "ada@example.org"}
    with proxy:
        assert outside.get("/me", headers=named).status_code == 401
        assert proxy.get("/me").status_code == 401
        twice = [("X-Forwarded-User", "ada"), ("X-Forwarded-User", "eve")]
        assert proxy.get("/me", headers=twice).status_code == 401
        seen = proxy.get("/me", headers=named)
        assert seen.status_code == 200
        assert "Your role is <b>reader</b>" in seen.text
        assert proxy.get("/people", headers=named).status_code == 403
        # The first owner follows the link while the proxy says who that is.
        database = app.state.services.database
        link = people.first_link(database)
        assert outside.post(link, headers=named).status_code == 404
        followed = proxy.post(link, headers=named, follow_redirects=False)
        assert followed.status_code == 303, followed.text
        assert proxy.get("/people", headers=named).status_code == 200
        with database.read() as session:
            member = people.member_of_login(session, "ADA@example.org")
            assert member
            assert member.account.role is Role.owner


def test_behind_a_proxy_a_link_for_a_reviewer_of_before_is_for_nobody_else(
    settings: Settings,
) -> None:
    changes = {"login": "proxy", "proxy_addresses": ["10.0.0.0/24"]}
    app = create_app(settings.model_copy(update=changes))
    with TestClient(app, base_url=BASE_URL, client=("10.0.0.7", 1), follow_redirects=False) as it:
        database = app.state.services.database
        with database.write() as session:
            olga = get_reviewer(session, "Olga").id
            session.flush()
            link = people.path_of(people.invite(session, By(), Role.reviewer, olga))
            session.commit()
        # Carl has an account, since he was here before. The link still holds.
        carl = {"X-Forwarded-User": "carl"}
        assert it.get("/", headers=carl).status_code == 200
        refused = it.post(link, headers=carl)
        assert refused.status_code == 409
        assert "for the labels of Olga, and you have one already, as carl." in refused.text
        # Olga opens it first.
        named = {"X-Forwarded-User": "olga@example.org"}
        assert "for the labels of <b>Olga</b>" in it.get(link, headers=named).text
        assert it.post(link, headers=named).status_code == 303
        with database.write() as session:
            member = people.member_named(session, "olga@example.org")
            assert member
            assert (member.id, member.account.role) == (olga, Role.reviewer)
            # Where nobody has a password, none is asked for.
            again = people.path_of(people.invite(session, By(), Role.reviewer, olga))
            session.commit()
        refused = it.post(again, headers=named)
        assert (refused.status_code, "nobody has one here" in refused.text) == (409, True)


def test_invite_leads_to_how_others_reach_the_server(settings: Settings) -> None:
    with team(settings.model_copy(update={"public_url": "https://bluff.example"})) as t:
        page = t.alice.post("/people/invites", data={"role": "reader"})
        assert f"https://bluff.example/invites/{secret_in(page.text)}" in page.text
