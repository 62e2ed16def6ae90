"""Where a reviewer is, and how they are shown what is there: the address of a review."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query, Request

from app.errors import NotFound
from app.people.access import blinded
from app.reviewing.aliases import alias_of, answer_of
from app.reviewing.review import Item, Order, Queue
from app.tables import MAX_INTEGER
from app.web.deps import GridToReview, Reading
from app.web.who import PersonHere

SWITCHES = ("blind", "reference", "left")  # on, if not said otherwise
OWN = {"way", "seed", *SWITCHES, "at", "ahead"}
END = "end"  # in place of an answer
GONE = (
    "There is no such answer to review here. It may be running again; start the review from its"
    " grid."
)


@dataclass(frozen=True)
class Place:
    """How a review is shown and where it is, as its address says."""

    grid_id: str  # the public one
    order: Order
    seed: int | None
    blind: bool
    reference: bool
    left: bool
    at: str | None
    carried: tuple[tuple[str, str], ...] = ()
    by_rule: bool = False  # blind, and so it stays

    def url(self, action: str = "", **changes: Any) -> str:
        """This address, with changes; what is as usual is not in it."""
        there = replace(self, **changes)
        own = {
            "way": None if there.order == "row" else there.order,
            "seed": there.seed,
            **{name: None if getattr(there, name) else 0 for name in SWITCHES},
            "at": there.at,
        }
        given = [(name, str(value)) for name, value in own.items() if value is not None]
        return _address(f"/grids/{there.grid_id}/review{action}", [*there.carried, *given])

    @property
    def grid_url(self) -> str:
        return _address(f"/grids/{self.grid_id}", self.carried)

    def to(self, item: Item | None) -> str:
        return self.url(at=self.alias(item.id) if item else END)

    def alias(self, answer_id: int) -> str:
        return alias_of(answer_id, self.grid_id)

    def item(self, queue: Queue) -> Item | None:
        """The answer that is named, else the first; None at the end. Raises NotFound."""
        if self.at == END:
            return None
        if self.at is None:
            return next(iter(queue.after(None)), None)
        item = queue.item(answer_of(self.at, self.grid_id) or 0)
        if item is None:
            raise NotFound(GONE)
        return item


def place_at(
    request: Request,
    grid_id: str,
    order: Annotated[Order, Query(alias="way")] = "row",  # "order" is the grid's, of its columns
    seed: Annotated[int | None, Query(ge=0, le=MAX_INTEGER)] = None,
    blind: bool = True,
    reference: bool = True,
    left: bool = True,
    at: Annotated[str | None, Query(max_length=20)] = None,
) -> Place:
    carried = [(k, v) for k, v in request.query_params.multi_items() if k not in OWN]
    return Place(grid_id, order, seed, blind, reference, left, at, tuple(carried))


def place_allowed(
    place: Annotated[Place, Depends(place_at)],
    grid: GridToReview,
    session: Reading,
    person: PersonHere,
) -> Place:
    """Blind, where the grid's rule says so for this person: no filter and no order then tells
    what is hidden."""
    if not blinded(session, grid, person.viewer):
        return place
    order = "row" if place.order == "informative" else place.order
    return replace(place, blind=True, carried=(), order=order, by_rule=True)


PlaceHere = Annotated[Place, Depends(place_allowed)]


def _address(path: str, query: Iterable[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(list(query))}" if query else path
