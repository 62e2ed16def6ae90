"""What reviewers say of one answer: labels, tags, notes and decisions."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.datastructures import FormData

from app.grid.chips import Chip
from app.grid.look import Look
from app.grid.shape import column_of
from app.grids import get_answer
from app.people.audit import note
from app.prompts import Line, Text
from app.reviewing.decisions import Labels, agreement, decision, history
from app.reviewing.labels import (
    clear_label,
    decide,
    is_other_text,
    refuse_other_text,
    set_label,
    set_tag,
)
from app.reviewing.said import KEEP, NO_LABEL, TAGS
from app.reviewing.undo import last_change, restore
from app.tables import MAX_INTEGER, Answer, Grid, Label, LabelValue, Reviewer
from app.web.changes import Wanted, answer_changes
from app.web.deps import (
    WHO,
    AnswerToLabel,
    ByHere,
    Form,
    IsHtmx,
    KnownReviewer,
    LookHere,
    MaybeReviewer,
    ReviewerUnknown,
    Server,
    Services,
    Since,
    look_and_since,
)
from app.web.problems import validated
from app.web.render import page
from app.web.who import REVIEWER, needs

router = APIRouter(prefix="/answers/{answer_id}", dependencies=[needs(REVIEWER)])
# As the buttons of the tags are numbered.
TAG_KEYS = {str(n): tag for n, tag in enumerate((t for t in TAGS if t not in NO_LABEL), start=1)}
TAG_KEYS["0"] = "unverifiable"


class LabelForm(BaseModel):
    """What a key or a button says. What is not given stays as it is."""

    value: LabelValue | Literal["", "none"] | None = None  # "": no label; "none": nothing at all
    note: Text | None = None
    tags: list[str] | None = None
    decides: bool | None = None
    on: Line | None = None  # a tag
    off: Line | None = None
    key: Annotated[str, Field(pattern=r"^[0-9]$")] | None = None  # of a tag: on or off
    as_of: int | None = Field(None, ge=0, le=MAX_INTEGER)  # what I said at a change of the history
    attempt: int | None = Field(None, ge=0, le=MAX_INTEGER)  # the number of what was looked at

    @classmethod
    def of(cls, data: FormData) -> Self:
        """``tags`` is repeated, or one value with commas."""
        fields: dict[str, Any] = {k: v for k, v in data.items() if k in cls.model_fields}
        if "tags" in data:
            typed = ",".join(str(v) for v in data.getlist("tags")).split(",")
            fields["tags"] = [tag.strip() for tag in typed if tag.strip()]
        return validated(cls, **fields)

    @property
    def action(self) -> str:
        """What the audit log calls it."""
        if self.as_of is not None:
            return "label undone"
        return "label cleared" if self.value == "none" else "label"

    def say(self, session: Session, answer_id: int, reviewer: Reviewer) -> Label | None:
        own = (session, answer_id, reviewer)
        if self.as_of is not None:  # what was run again is not taken back
            gone = is_other_text(session, answer_id, self.attempt)
            return None if gone else restore(*own, self.as_of)
        refuse_other_text(session, answer_id, self.attempt)
        if self.value == "none":
            clear_label(*own)
            return None
        if self.key:
            return set_tag(*own, TAG_KEYS[self.key])
        if tag := self.on or self.off:
            return set_tag(*own, tag, self.on is not None, self.note)
        value = KEEP if self.value is None else self.value or None
        return set_label(*own, value, self.note, self.tags, self.decides)


class DecisionForm(BaseModel):
    value: LabelValue | Literal["none"]  # "none": take the decision back
    note: Text | None = None
    page: int | None = Field(None, ge=1, le=10_000)  # of the list of conflicts, to return to
    then: int | None = Field(None, ge=1, le=MAX_INTEGER)  # the answer that comes next there
    attempt: int | None = Field(None, ge=0, le=MAX_INTEGER)  # the number of what was looked at


@router.put("/label")
def put_label(
    server: Server,
    answer_id: AnswerToLabel,
    reviewer: KnownReviewer,
    by: ByHere,
    look: LookHere,
    data: Form,
    since: Since = 0,
) -> Response:
    """What changed; of a tag's key, also my tags in words. For undo, which change was the last."""
    given = LabelForm.of(data)
    with server.database.write() as session:
        before = last_change(session, answer_id, reviewer)
        label = given.say(session, answer_id, reviewer)
        note(session, by, given.action, "answer", answer_id)
        said = _tags(session, answer_id, label) if given.key else ""
        session.commit()
    response = _changed(server, answer_id, since, look, reviewer, said)
    response.headers["X-Before"] = str(before)
    return response


@dataclass(frozen=True)
class Filled:
    """A form about one answer, from a page with or without scripts."""

    server: Server
    answer_id: AnswerToLabel
    data: Form
    reviewer: MaybeReviewer
    by: ByHere
    htmx: IsHtmx

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
        look, since = look_and_since(self.data)
        return _changed(self.server, self.answer_id, since, look, reviewer)


FilledHere = Annotated[Filled, Depends()]


@router.post("/label")
def post_label(form: FilledHere) -> Response:
    """The drawer's form: without scripts back to the answer, else what changed."""
    back = form.address
    if form.reviewer is None:
        return form.ask_name(back)
    given = LabelForm.of(form.data)
    with form.server.database.write() as session:
        given.say(session, form.answer_id, form.reviewer)
        note(session, form.by, given.action, "answer", form.answer_id)
        session.commit()
    return form.done(back, form.reviewer)


@router.post("/decision")
def post_decision(form: FilledHere) -> Response:
    """Settle an answer, and go on in the list of conflicts if one was there."""
    fields = form.fields("value", "note", "page", "then", "attempt")
    # A note that was emptied is one; a hidden field without a value says nothing.
    given = validated(DecisionForm, **{k: v for k, v in fields.items() if v or k == "note"})
    back = form.address
    if given.page:
        query = f"?page={given.page}" if given.page > 1 else ""
        anchor = f"#a-{given.then}" if given.then else ""
        back = f"{back.partition('/answers/')[0]}/conflicts{query}{anchor}"
    if form.reviewer is None:
        return form.ask_name(back)
    with form.server.database.write() as session:
        refuse_other_text(session, form.answer_id, given.attempt)
        if given.value == "none":
            set_label(session, form.answer_id, form.reviewer, note=given.note, decides=False)
        else:
            decide(session, form.answer_id, form.reviewer, given.value, given.note)
        note(session, form.by, "decision", "answer", form.answer_id, given.value)
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
    answer = get_answer(session, answer_id)
    return answer, session.get_one(Grid, answer.grid_id)


def _tags(session: Session, answer_id: int, label: Label | None) -> str:
    answer, _ = _answer(session, answer_id)
    tags = ", ".join(label.tags if label else ()).replace("_", " ")
    place = f"{column_of(session, answer).name}, repeat {answer.repeat}"
    return f"tags of {place}: {tags or 'none'}"


def _changed(
    server: Services, answer_id: int, since: int, look: Look, reviewer: Reviewer, said: str = ""
) -> Response:
    """The fragments of what this label changed, and of what others changed since ``since``."""
    with server.database.read() as session:
        answer, grid = _answer(session, answer_id)
        wanted = Wanted(look, reviewer.id, min(since, answer.seq - 1))
        return answer_changes(session, grid, wanted, server.runner_notice(grid.id), said)
