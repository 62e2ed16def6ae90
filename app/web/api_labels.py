"""The JSON API of labels: what reviewers say of answers, and where they differ."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session

from app.errors import Forbidden, NotFound
from app.grids import progress
from app.people.audit import note
from app.prompts import Line
from app.reviewing.decisions import PAGE, history, load_disputed
from app.reviewing.labels import clear_label, get_reviewer, refuse_other_text, set_label
from app.reviewing.said import KEEP
from app.tables import Answer, Reviewer
from app.web.api import PROBLEMS
from app.web.api_shapes import (
    ConflictItem,
    ConflictPage,
    LabelChangeItem,
    LabelHistory,
    LabelInput,
    LabelItem,
    LabelSaid,
)
from app.web.deps import (
    AnswerHere,
    AnswerToLabel,
    ByHere,
    GridHere,
    MaybeReviewer,
    Reading,
    Server,
    Services,
)
from app.web.who import READER, REVIEWER, needs

router = APIRouter(prefix="/api", tags=["api"], responses=PROBLEMS, dependencies=[needs(READER)])


@router.put("/answers/{answer_id}/label", dependencies=[needs(REVIEWER)])
def put_label(
    server: Server, answer_id: AnswerToLabel, given: LabelInput, reviewer: MaybeReviewer, by: ByHere
) -> LabelItem:
    """Set one reviewer's label; what is not given stays. Only an answer with outcome “answered”
    takes one; any other takes tags and a note."""
    value = given.label if "label" in given.model_fields_set else KEEP
    with server.database.write() as session:
        who = _reviewer(server, session, given.reviewer, reviewer)
        refuse_other_text(session, answer_id, given.attempt)
        label = set_label(session, answer_id, who, value, given.note, given.tags, given.decides)
        note(session, replace(by, reviewer_id=who.id), "label", "answer", answer_id)
        session.commit()
        answer = session.get_one(Answer, answer_id, populate_existing=True)
        return LabelItem(
            **LabelSaid.of(label, who).model_dump(),
            answer=answer_id,
            final=answer.label,
            disputed=answer.disputed,
        )


@router.delete("/answers/{answer_id}/label", status_code=204, dependencies=[needs(REVIEWER)])
def delete_label(
    server: Server,
    answer_id: AnswerToLabel,
    reviewer_here: MaybeReviewer,
    by: ByHere,
    reviewer: Line | None = None,
) -> None:
    """Take one reviewer's label away, with its tags, its note and its decision."""
    with server.database.write() as session:
        who = _reviewer(server, session, reviewer, reviewer_here)
        if not clear_label(session, answer_id, who):
            raise NotFound("This reviewer has no label on this answer.")
        note(session, replace(by, reviewer_id=who.id), "label cleared", "answer", answer_id)
        session.commit()


@router.get("/answers/{answer_id}/history")
def list_changes(session: Reading, answer_id: AnswerHere) -> LabelHistory:
    """All changes of an answer's labels, oldest first."""
    return LabelHistory(
        items=[
            LabelChangeItem(
                label=change.value,
                tags=change.tags,
                note=change.note,
                decides=change.decides,
                reviewer=who.name,
                changed_at=change.changed_at,
            )
            for change, who in history(session, answer_id)
        ]
    )


@router.get("/grids/{grid_id}/conflicts")
def list_conflicts(
    grid: GridHere, session: Reading, page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> ConflictPage:
    """The answers on which reviewers differ. A label that ``decides`` takes one off this list."""
    total = progress(session, grid.id).disputed
    return ConflictPage(
        total=total,
        items=[
            ConflictItem(
                answer=one.answer.id,
                prompt=one.prompt.text,
                model=one.answer.model,
                wording=one.column.wording.slug,
                thinking_requested=one.column.variant.thinking,
                repeat=one.answer.repeat,
                text=one.text,
                final=one.answer.label,
                agreement=one.agreement,
                labels=[LabelSaid.of(label, who) for label, who in one.labels],
            )
            for one in load_disputed(session, grid, page=page)
        ],
        next=page + 1 if total > page * PAGE else None,
    )


def _reviewer(
    server: Services, session: Session, name: str | None, here: Reviewer | None
) -> Reviewer:
    """Who labels. Where one logs in nobody labels in another's name: raises Forbidden."""
    if server.settings.login != "none" and here is not None:
        if name is not None and " ".join(name.split()).casefold() != here.name_key:
            raise Forbidden(f"You are {here.name}: leave the reviewer out, or give that name.")
        return here
    return here if here is not None and name is None else get_reviewer(session, name or "api")
