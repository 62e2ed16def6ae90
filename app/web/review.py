"""The review mode: one answer at a time.

Every address says all of how it is shown, and carries what else it was given, such as the grid's
filters. A page holds one answer, the progress and the guideline; scripts ask for the first two.
"""

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from app import grids
from app.errors import NotFound
from app.grid.look import Look
from app.grid.shape import column_of, load_shape
from app.people.audit import note
from app.prompts import Text
from app.reviewing.aliases import answer_of
from app.reviewing.labels import clear_label, labels_of, refuse_other_text
from app.reviewing.queries import (
    can_label,
    count_own,
    label_all,
    load_queue,
    load_said,
    load_sitting,
    load_standing,
)
from app.reviewing.review import Item, Queue, Sitting
from app.reviewing.undo import undo_last
from app.tables import MAX_INTEGER, Answer, Attempt, Grid, LabelValue, Prompt, Reviewer
from app.web.deps import (
    ByHere,
    Form,
    GridToReview,
    IsHtmx,
    MaybeReviewer,
    Reading,
    ReviewerUnknown,
    Server,
)
from app.web.keys import REVIEW, KeysHere
from app.web.problems import validated
from app.web.render import page, render
from app.web.reviewplace import END, GONE, Place, PlaceHere
from app.web.who import REVIEWER, needs

router = APIRouter(dependencies=[needs(REVIEWER)])
UNNAMED = "Give your name first, so that your labels carry it."


class ReviewForm(BaseModel):
    """``value``: a label; "none" to take it away; or the tag that says why there is none."""

    value: LabelValue | Literal["none", "unverifiable"]
    note: Text | None = None
    tags: list[str] = Field(default_factory=list)
    equal: bool = False
    attempt: int | None = Field(None, ge=0, le=MAX_INTEGER)  # the number of what was looked at


@dataclass(frozen=True)
class Review:
    """One reviewer at one place of one grid."""

    session: Session
    grid: Grid
    reviewer: Reviewer
    place: Place
    queue: Queue
    _known: dict[int, dict[int, str]] = field(default_factory=dict)  # what is said, by prompt

    def answer(self, item: Item | None) -> dict[str, Any]:
        """What partials/review_answer.html shows."""
        back = self.queue.before(item.id if item else None)
        here = replace(self.place, at=self.place.alias(item.id) if item else END)
        there = {
            "grid": self.grid,
            "place": here,
            "standing": self.queue.standing,
            "previous": here.to(back) if back else None,
        }
        if item is None:
            return {
                **there,
                "item": None,
                "own": count_own(self.session, self.grid.id, self.reviewer),
                "counts": grids.progress(self.session, self.grid.id),
            }
        answer = self.session.get_one(Answer, item.id)
        attempt = self.session.get_one(Attempt, answer.attempt_id)
        given = labels_of(self.session, [item.id]).get(item.id, []) if self._open(item) else []
        equal = self.queue.equal(item.id, self._said(answer.prompt_id))
        return {
            **there,
            "item": item,
            "next": self.place.to(next(iter(self.queue.after(item.id)), None)),
            "prompt": self.session.get_one(Prompt, answer.prompt_id),
            "attempt": attempt,
            "own": next((la for la, who in given if who.id == self.reviewer.id), None),
            "equal": [self.place.alias(one) for one in equal],
            "facts": self._facts(answer, given) if self._open(item) else None,
        }

    def _open(self, item: Item) -> bool:
        """Whether this reviewer may know whose answer it is, and what others say."""
        return item.mine or not self.place.blind

    def _said(self, prompt_id: int) -> dict[int, str]:
        if prompt_id not in self._known:
            self._known[prompt_id] = load_said(self.session, self.grid.id, prompt_id)
        return self._known[prompt_id]

    def _facts(self, answer: Answer, given: Collection[Any]) -> dict[str, Any]:
        return {
            "answer": answer,
            "column": column_of(self.session, answer),
            "others": [(la, who) for la, who in given if who.id != self.reviewer.id],
        }


def in_filter(session: Session, grid: Grid, place: Place, reviewer: Reviewer) -> set[int] | None:
    """The answers that the grid's filters leave; None: there are none.

    What is asked to be without a label stays when it gets one in this sitting: it is what was done.
    """
    look = Look.parse(place.carried)
    if not look.filters:
        return None
    chosen = set(load_shape(session, grid, look, reviewer.id).matching_ids)
    others = look.with_(only=look.only - {"unlabelled", "unlabelled-by-me"})
    if others != look:
        sitting = load_sitting(session, grid.id, reviewer).answers
        shape = load_shape(session, grid, others, reviewer.id)
        chosen |= {answer_id for answer_id in sitting if shape.matching(answer_id)}
    return chosen


def open_review(session: Session, grid: Grid, place: Place, reviewer: Reviewer) -> Review:
    queue = load_queue(
        session,
        grid.id,
        reviewer,
        place.order,
        place.seed or 0,
        blind=place.blind,
        left=place.left,
        chosen=in_filter(session, grid, place, reviewer),
    )
    return Review(session, grid, reviewer, place, queue)


@router.get("/grids/{grid_id}/review")
def show_review(
    grid: GridToReview,
    session: Reading,
    reviewer: MaybeReviewer,
    place: PlaceHere,
    htmx: IsHtmx,
    keys: KeysHere,
    ahead: Annotated[int, Query(ge=0, le=30)] = 0,
) -> Response:
    """A page. For scripts an answer with the progress, or those that come ``ahead`` of it."""
    if reviewer is None:
        return _ask_for_name(place, htmx)
    if place.seed is None:  # so that coming back finds the same order
        return RedirectResponse(place.url(seed=secrets.randbelow(1_000_000)), status_code=303)
    review = open_review(session, grid, place, reviewer)
    item = place.item(review.queue)
    if ahead:
        coming = review.queue.after(item.id) if item else ()
        return _fragments(_answers(review, islice(coming, ahead)))
    if htmx:
        return _fragments([*_answers(review, [item]), _progress(session, grid, place, reviewer)])
    shown = progress(session, grid, place, reviewer) | review.answer(item)
    return page("pages/review.html", reviewer=reviewer, keys=keys.rows(REVIEW), **shown)


@router.post("/grids/{grid_id}/review")
def label_answer(
    server: Server,
    grid: GridToReview,
    session: Reading,
    reviewer: MaybeReviewer,
    place: PlaceHere,
    by: ByHere,
    data: Form,
    htmx: IsHtmx,
) -> Response:
    """Label the answer of this address, then on to the next; scripts are there already."""
    if reviewer is None:
        return _ask_for_name(place, htmx)
    fields = {k: v for k, v in data.items() if k in ReviewForm.model_fields}
    given = validated(ReviewForm, **fields | {"tags": data.getlist("tags")})
    answer_id = answer_of(place.at or "", place.grid_id) or 0
    if not can_label(session, grid.id, answer_id):
        raise NotFound(GONE)
    queue, ids = None, [answer_id]
    if given.equal or not htmx:  # else the order is not needed, which takes long in a large grid
        queue = open_review(session, grid, place, reviewer).queue
    if given.equal and queue:
        prompt_id = session.get_one(Answer, answer_id).prompt_id
        ids += queue.equal(answer_id, load_said(session, grid.id, prompt_id))
    with server.database.write() as writing:
        refuse_other_text(writing, answer_id, given.attempt)
        if given.value == "none":
            clear_label(writing, answer_id, reviewer)
        elif given.value == "unverifiable":
            label_all(writing, ids, reviewer, None, given.note, [*given.tags, given.value])
        else:
            label_all(writing, ids, reviewer, given.value, given.note, given.tags)
        action = "label cleared" if given.value == "none" else "label"
        equal = f"and {len(ids) - 1} equal ones" if len(ids) > 1 else ""
        note(writing, by, action, "answer", answer_id, equal)
        writing.commit()
    if htmx or queue is None:
        many = f"{len(ids)} answers " if len(ids) > 1 else ""
        said = f"{many}labelled {given.value}"
        if not isinstance(given.value, LabelValue):
            said = "label cleared" if given.value == "none" else f"{many}unverifiable"
        with server.database.read() as fresh:
            now = fresh.get_one(Grid, grid.id)  # which knows of the label
            return _fragments([_progress(fresh, now, place, reviewer, said)])
    if given.value == "none":
        return RedirectResponse(place.url(), status_code=303)
    coming = (one for one in queue.after(answer_id) if one.id not in ids)
    return RedirectResponse(place.to(next(coming, None)), status_code=303)


@router.post("/grids/{grid_id}/review/undo")
def undo_label(
    server: Server,
    grid: GridToReview,
    reviewer: MaybeReviewer,
    place: PlaceHere,
    by: ByHere,
    htmx: IsHtmx,
) -> Response:
    """Take back what this reviewer labelled last, and show it."""
    if reviewer is None:
        return _ask_for_name(place, htmx)
    with server.database.write() as writing:
        undone = undo_last(writing, grid.id, reviewer)
        if undone:
            note(writing, by, "label undone", "answer", undone[0])
        writing.commit()
    there = replace(place, at=place.alias(undone[0])) if undone else place
    if not htmx:
        return RedirectResponse(there.url(), status_code=303)
    with server.database.read() as fresh:
        now = fresh.get_one(Grid, grid.id)  # which knows of the undo
        review = open_review(fresh, now, there, reviewer)
        shown = _answers(review, [there.item(review.queue)]) if undone else []
        said = "undone" if undone else "nothing to undo in this sitting"
        return _fragments([*shown, _progress(fresh, now, there, reviewer, said)])


def _ask_for_name(place: Place, htmx: bool) -> Response:
    if htmx:
        raise ReviewerUnknown(UNNAMED)
    return page("pages/reviewer.html", next=place.url(), reviewer=None)


def _answers(review: Review, items: Iterable[Item | None]) -> list[str]:
    return [render("partials/review_answer.html", **review.answer(item)) for item in items]


def progress(
    session: Session, grid: Grid, place: Place, reviewer: Reviewer, said: str | None = None
) -> dict[str, Any]:
    """What partials/review_progress.html shows: in a page, or alone with what is ``said`` of it to
    screen readers, which may be nothing."""
    chosen = in_filter(session, grid, place, reviewer)
    standing = load_standing(session, grid.id, reviewer, chosen)
    return {
        "place": place,
        "standing": standing,
        "last": _last(session, place, reviewer, standing.sitting),
        "said": said,
    }


def _last(
    session: Session, place: Place, reviewer: Reviewer, sitting: Sitting
) -> dict[str, Any] | None:
    if not sitting.answers:
        return None
    answer = session.get_one(Answer, sitting.answers[0])
    labels = labels_of(session, [answer.id])[answer.id]
    return {
        "url": place.url(at=place.alias(answer.id)),
        "text": session.get_one(Attempt, answer.attempt_id).text,
        "label": next(la for la, who in labels if who.id == reviewer.id),
    }


def _progress(
    session: Session, grid: Grid, place: Place, reviewer: Reviewer, said: str = ""
) -> str:
    shown = progress(session, grid, place, reviewer, said)
    return render("partials/review_progress.html", **shown)


def _fragments(parts: Iterable[str]) -> Response:
    return HTMLResponse("".join(parts), headers={"Vary": "HX-Request"})
