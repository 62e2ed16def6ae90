"""Every route declares who may use it."""

from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.testclient import TestClient

from app.main import routes
from app.peopletables import Role
from app.web.who import Needs

OPEN_MOUNTS = {"/static"}  # style, scripts and pictures that are shipped


def all_routes() -> list[RouteContext]:
    return [r for r in iter_route_contexts(routes()) if r.path not in OPEN_MOUNTS]


def calls(dependant: Dependant) -> list[Any]:
    """All that is called for a route, however deep."""
    return [dependant.call, *(c for d in dependant.dependencies for c in calls(d))]


def declared(route: RouteContext) -> list[Role | None]:
    """The roles that stand in its ``dependencies``, those of its routers too."""
    return [d.call.role for d in route.dependant.dependencies if isinstance(d.call, Needs)]


def role_of(route: RouteContext) -> Role | None:
    return max(declared(route), key=lambda role: -1 if role is None else role.rank)


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
        "/login",
        "/invites/{secret}",
        "/s/{token}",
        "/s/{token}/answers/{answer_id}",
        "/s/{token}/figures/{name}.{kind}",
        "/s/{token}/preview.png",
    }
