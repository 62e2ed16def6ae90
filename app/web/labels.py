"""What reviewers say of one answer: labels, tags, notes and decisions."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from app.chips import Chip
from app.decisions import Labels, agreement, decision, history
from app.errors import NotFound
from app.gridqueries import load_chip
from app.labels import KEEP, clear_label, decide, labels_of, set_label, set_tag
from app.look import Look
from app.prompts import Line, Text
from app.tables import Answer, Grid, LabelValue, Reviewer
from app.web.changes import answer_changes
from app.web.deps import (
    MAX_INTEGER,
    WHO,
    AnswerId,
    Form,
    IsHtmx,
    KnownReviewer,
    LookHere,
    MaybeReviewer,
    Reading,
    ReviewerUnknown,
    Server,
    Services,
    Since,
)
from app.web.problems import validated
from app.web.render import page

router = APIRouter(prefix="/answers/{answer_id}")


class LabelForm(BaseModel):
    value: LabelValue | Literal[""] | None = None  # "": no label; not given: as it is
    note: Text | None = None
    tags: list[str] | None = None
    decides: bool | None = None


class TagForm(BaseModel):
    tag: Line
    on: bool = True


class LabelButtons(BaseModel):
    """The form of the drawer: one of its buttons, and the note."""

    value: LabelValue | Literal["none"] | None = None  # "none": take all away that I said
    on: Line | None = None  # a tag
    off: Line | None = None
    note: Text | None = None


class DecisionForm(BaseModel):
    value: LabelValue | Literal["none"]  # "none": take the decision back
    note: Text | None = None
    page: int | None = Field(None, ge=1, le=10_000)  # of the list of conflicts, to return to
    then: int | None = Field(None, ge=1, le=MAX_INTEGER)  # the answer that comes next there


@router.get("/labels")
def show_labels(session: Reading, answer_id: AnswerId, reviewer: MaybeReviewer) -> Response:
    """The labels in the drawer, as they are now."""
    answer, grid = _answer(session, answer_id)
    labels = labels_of(session, [answer_id]).get(answer_id, [])
    part = labels_part(session, answer, load_chip(session, answer), labels, reviewer)
    return page("partials/labels.html", grid=grid, **part)


@dataclass(frozen=True)
class Press:
    """A key that changes one's own label of an answer."""

    server: Server
    answer_id: AnswerId
    reviewer: KnownReviewer
    look: LookHere
    since: Since = 0

    def changed(self) -> Response:
        return _changed(self.server, self.answer_id, self.since, self.look, self.reviewer)


PressHere = Annotated[Press, Depends()]


@router.put("/label")
def put_label(press: PressHere, data: Form) -> Response:
    """What is not given stays. ``tags`` is repeated, or one value with commas."""
    fields: dict[str, Any] = {k: v for k, v in data.items() if k in ("value", "note", "decides")}
    if "tags" in data:
        fields["tags"] = [
            tag.strip() for v in data.getlist("tags") for tag in str(v).split(",") if tag.strip()
        ]
    given = validated(LabelForm, **fields)
    value = KEEP if given.value is None else given.value or None
    said = (value, given.note, given.tags, given.decides)
    with press.server.database.write() as session:
        set_label(session, press.answer_id, press.reviewer, *said)
        session.commit()
    return press.changed()


@router.delete("/label")
def delete_label(press: PressHere) -> Response:
    with press.server.database.write() as session:
        clear_label(session, press.answer_id, press.reviewer)
        session.commit()
    return press.changed()


@router.put("/tags")
def put_tag(press: PressHere, data: Form) -> Response:
    """Put one tag on one's own label or take it off."""
    given = validated(TagForm, **{k: v for k, v in data.items() if k in ("tag", "on")})
    with press.server.database.write() as session:
        set_tag(session, press.answer_id, press.reviewer, given.tag, given.on)
        session.commit()
    return press.changed()


@dataclass(frozen=True)
class Filled:
    """A form about one answer, from a page with or without scripts."""

    server: Server
    answer_id: AnswerId
    data: Form
    reviewer: MaybeReviewer
    htmx: IsHtmx
    since: Since = 0

    @property
    def address(self) -> str:
        """Of the answer. Raises NotFound."""
        with self.server.database.read() as session:
            _, grid = _answer(session, self.answer_id)
            return f"/grids/{grid.public_id}/answers/{self.answer_id}"

    def fields(self, *names: str) -> dict[str, Any]:
        return {k: v for k, v in self.data.items() if k in names}

    def ask_name(self, back: str) -> Response:
        if self.htmx:
            raise ReviewerUnknown(WHO)
        return page("pages/reviewer.html", next=back, reviewer=None)

    def done(self, back: str, reviewer: Reviewer) -> Response:
        """What changed; the form says how the grid is looked at. Without scripts the way back."""
        if not self.htmx:
            return RedirectResponse(back, status_code=303)
        look = Look.parse(self.data.multi_items())
        return _changed(self.server, self.answer_id, self.since, look, reviewer)


FilledHere = Annotated[Filled, Depends()]


@router.post("/label")
def post_label(form: FilledHere) -> Response:
    """The drawer's form: without scripts back to the answer, else what changed."""
    back = form.address
    if form.reviewer is None:
        return form.ask_name(back)
    given = validated(LabelButtons, **form.fields("value", "on", "off", "note"))
    own = (form.answer_id, form.reviewer)
    with form.server.database.write() as session:
        if given.value == "none":
            clear_label(session, *own)
        elif tag := given.on or given.off:
            set_tag(session, *own, tag, given.on is not None, given.note)
        else:
            set_label(session, *own, given.value or KEEP, given.note)
        session.commit()
    return form.done(back, form.reviewer)


@router.post("/decision")
def post_decision(form: FilledHere) -> Response:
    """Settle an answer, and go on in the list of conflicts if one was there."""
    fields = form.fields("value", "note", "page", "then")
    given = validated(DecisionForm, **{k: v for k, v in fields.items() if v})
    back = form.address
    if given.page:
        query = f"?page={given.page}" if given.page > 1 else ""
        anchor = f"#a-{given.then}" if given.then else ""
        back = f"{back.partition('/answers/')[0]}/conflicts{query}{anchor}"
    if form.reviewer is None:
        return form.ask_name(back)
    with form.server.database.write() as session:
        if given.value == "none":
            set_label(session, form.answer_id, form.reviewer, note=given.note, decides=False)
        else:
            decide(session, form.answer_id, form.reviewer, given.value, given.note)
        session.commit()
    return form.done(back, form.reviewer)


def labels_part(
    session: Session, answer: Answer, chip: Chip, labels: Labels, reviewer: Reviewer | None
) -> dict[str, Any]:
    """What partials/labels.html needs, beside the grid."""
    return {
        "answer": answer,
        "chip": chip,
        "labels": labels,
        "own": next((la for la, who in labels if reviewer and who.id == reviewer.id), None),
        "reviewer": reviewer,
        "agreement": agreement(labels),
        "decision": decision(labels),
        "history": history(session, answer.id),
    }


def _answer(session: Session, answer_id: int) -> tuple[Answer, Grid]:
    answer = session.get(Answer, answer_id)
    if answer is None:
        raise NotFound("There is no such answer.")
    return answer, session.get_one(Grid, answer.grid_id)


def _changed(
    server: Services, answer_id: int, since: int, look: Look, reviewer: Reviewer
) -> Response:
    """The fragments of what this label changed, and of what others changed since ``since``."""
    with server.database.read() as session:
        answer, grid = _answer(session, answer_id)
        wanted = (look, reviewer.id, min(since, answer.seq - 1))
        return answer_changes(session, grid, wanted, server.runner_notice(grid.id))
