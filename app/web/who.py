"""Who asks, and what they may. Every route declares the role it takes: ``needs(REVIEWER)``.

A router says it for all its routes, and a route may ask for more. Without a login everybody is an
owner. OPEN routes are for people without an account.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from app.errors import BluffcheckError, Forbidden
from app.peopletables import Role
from app.tables import Reviewer

OPEN, READER, REVIEWER, OWNER = None, Role.reader, Role.reviewer, Role.owner


class NotLoggedIn(BluffcheckError):
    status = 401
    title = "Please log in"


@dataclass(frozen=True, slots=True)
class Person:
    """Who made this request."""

    role: Role | None = None  # nobody knows who it is
    reviewer: Reviewer | None = None  # whose account it is


EVERYBODY = Person(OWNER)


def person_at(request: Request) -> Person:
    return EVERYBODY


PersonHere = Annotated[Person, Depends(person_at)]


class Needs:
    """Lets those through who have this role."""

    def __init__(self, role: Role | None) -> None:
        self.role = role

    async def __call__(self, person: PersonHere) -> None:
        if self.role is None:
            return
        if person.role is None:
            raise NotLoggedIn("Log in to see this.")
        if not person.role.covers(self.role):
            raise Forbidden(f"This takes the role {self.role}, and yours is {person.role}.")


def needs(role: Role | None) -> Any:
    """What a router or a route has among its ``dependencies``."""
    return Depends(Needs(role))
