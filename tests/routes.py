"""All routes of the application, what they declare, and an address for each."""

import re
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from app.main import routes
from app.people.tables import Role
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


def filled(path: str, ids: dict[str, Any]) -> str:
    values = {
        "other_id": ids["answer_id"], "share_id": 1, "token": "x" * 22, "name": "rates",
        "kind": "svg",
        "file": "export.csv", "deleted_id": "nothing", "key": "new",
        "slug": "new", "model": "practice/honest",
        "account": "practice", "price_id": 1, "person_id": 1, "invite_id": 1, "login_id": 1,
        "token_id": 1, "secret": "nothing", **ids,
    }  # fmt: skip
    return re.sub(r"{(\w+)(:path)?}", lambda found: str(values[found[1]]), path)
