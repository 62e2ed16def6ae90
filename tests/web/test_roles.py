"""Every route declares who may use it, and lets nobody else in."""

from typing import Any

import pytest
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.testclient import TestClient

from app.people.tables import Role
from app.settings import Settings
from app.web.deps import answer_at, grid_at, grid_id_at, grid_to_label_at, grid_to_review_at
from app.web.who import Needs
from tests.factories import run_grid
from tests.routes import OPEN_MOUNTS, all_routes, calls, declared, filled, role_of
from tests.team import Someone, team


def test_every_route_declares_its_role(shared_client: TestClient) -> None:
    assert len(all_routes()) > 100
    app: Any = shared_client.app
    served = {route.path for route in iter_route_contexts(app.routes)}
    assert served == {route.path for route in all_routes()} | OPEN_MOUNTS
    for route in all_routes():
        assert route.methods, route.path
        assert declared(route), f"{route.path} does not say who may use it: add needs(…)"
        first = route.dependant.dependencies[0].call
        assert isinstance(first, Needs), f"{route.path} does something before it asks who it is"
    assert {route.path for route in all_routes() if role_of(route) is None} == {
        "/healthz",
        "/readyz",
        "/metrics",
        "/login",
        "/login/oidc",
        "/login/oidc/callback",
        "/invites/{secret}",
        "/s/{token}",
        "/s/{token}/answers/{answer_id}",
        "/s/{token}/figures/{name}.{kind}",
        "/s/{token}/preview.png",
        "/s/{token}/{file}",
    }


def test_what_a_path_names_is_loaded_with_its_check() -> None:
    for route in all_routes():
        called = calls(route.dependant)
        if "{grid_id}" in str(route.path):
            assert {grid_at, grid_id_at, grid_to_review_at} & set(called), route.path
        elif "{answer_id}" in str(route.path) and role_of(route) is not None:
            assert answer_at in called, route.path
        labels = role_of(route) is Role.reviewer
        if labels and "{grid_id}" in str(route.path):
            assert {grid_to_label_at, grid_to_review_at} & set(called), route.path


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nobody_gets_where_they_may_not(settings: Settings) -> None:
    """Each line is one kind of person; alice's grid is for bob alone."""
    with team(settings) as t:
        grid_id = run_grid(t.alice)
        answer_id = t.alice.get(f"/api/grids/{grid_id}/answers").json()["items"][0]["id"]
        access = {"readers": "named", "reads": str(t.bob.id)}
        assert t.alice.post(f"/grids/{grid_id}/access", data=access).status_code == 303
        ids = {"grid_id": grid_id, "answer_id": answer_id}

        def answers(who: Someone, route: RouteContext) -> set[int]:
            url = filled(str(route.path), ids)
            found = {who.request(method, url).status_code for method in route.methods or ()}
            assert max(found) < 500, url
            return found

        closed = [r for r in all_routes() if role_of(r) is not None]
        for route in closed:
            assert answers(t.nobody, route) == {401}, route.path
        html = {"Accept": "text/html"}
        for url in ("/", f"/grids/{grid_id}", "/people", f"/grids/{grid_id}/export.csv"):
            page = t.nobody.get(url, headers=html)
            assert page.headers["location"].startswith("/login"), url
        for who, role in ((t.carol, Role.reader), (t.bob, Role.reviewer)):
            for route in closed:
                needed = role_of(route)
                if needed and not role.covers(needed):
                    assert answers(who, route) == {403}, route.path
        for who, role in ((t.carol, Role.reader), (t.dave, Role.reviewer)):
            for route in closed:
                needed = role_of(route)
                named = "{grid_id}" in str(route.path) or "{answer_id}" in str(route.path)
                if named and needed and role.covers(needed):
                    assert answers(who, route) == {404}, route.path
        for who, sees in ((t.alice, True), (t.bob, True), (t.carol, False), (t.dave, False)):
            assert (grid_id in who.get("/").text) is sees
            assert (grid_id in who.get("/api/grids").text) is sees
        other = run_grid(t.alice)
        assert grid_id not in t.dave.get(f"/grids/{other}/comparison").text
        assert grid_id in t.bob.get(f"/grids/{other}/comparison").text
        theirs = t.dave.get(f"/grids/{other}/comparison?with={grid_id}")
        assert theirs.status_code == 404
        # An import that somebody else staged.
        staged = t.alice.post("/library/import", data={"text": "How many?", "format": "lines"})
        assert t.alice.get(staged.headers["location"]).status_code == 200
        promoted = t.alice.post(f"/people/{t.dave.id}/role", data={"role": "owner"})
        assert promoted.status_code == 303
        assert t.dave.get(staged.headers["location"]).status_code == 404
        assert t.dave.get(f"/grids/{grid_id}").status_code == 200  # an owner now
