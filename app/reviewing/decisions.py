"""What several reviewers say of one answer: how far they agree, who decided, what changed when."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy
from sqlmodel import Session, col, func, select

from app.grid.shape import load_columns, load_prompts
from app.grid.view import Column
from app.reviewing.labels import labels_of
from app.reviewing.said import final_label
from app.tables import (
    Answer,
    Attempt,
    Grid,
    GridPrompt,
    Label,
    LabelChange,
    LabelValue,
    Prompt,
    Reviewer,
)

SHOWN = 600  # characters of a disputed answer
PAGE = 50  # disputed answers on one page
Labels = Sequence[tuple[Label, Reviewer]]


@dataclass(frozen=True, slots=True)
class Decision:
    value: LabelValue
    reviewer: Reviewer


@dataclass(frozen=True, slots=True)
class Disputed:
    """One answer whose reviewers differ, or differed until somebody decided."""

    answer: Answer
    row: int  # from 1
    prompt: Prompt
    column: Column
    attempt: int  # the number of the one that counts
    text: str  # the beginning of it
    length: int  # of the whole, in characters
    labels: Labels

    @property
    def agreement(self) -> str:
        return agreement(self.labels)

    @property
    def decision(self) -> Decision | None:
        return decision(self.labels)

    def note_of(self, reviewer: Reviewer | None) -> str:
        own = (la.note for la, who in self.labels if reviewer and who.id == reviewer.id)
        return next(own, "")


def decision(labels: Labels) -> Decision | None:
    """The decision that counts: the latest."""
    made = sorted(
        (
            (la.labelled_at, la.id, Decision(la.value, who))
            for la, who in labels
            if la.decides and la.value
        ),
        key=lambda one: one[:2],
    )
    return made[-1][2] if made else None


def agreement(labels: Labels) -> str:
    """How far those agree who gave a label, such as "2 of 3 say hallucinated"; empty for one."""
    votes = [label.value for label, _ in labels if label.value is not None]
    if len(votes) < 2:
        return ""
    value, disputed = final_label(votes)
    if value is None:
        parts = (f"{votes.count(each)} {each}" for each in LabelValue if each in votes)
        return f"Tied: {', '.join(parts)}"
    if disputed:
        return f"{votes.count(value)} of {len(votes)} say {value}"
    return f"{'Both' if len(votes) == 2 else f'All {len(votes)}'} say {value}"


def history(session: Session, answer_id: int) -> list[tuple[LabelChange, Reviewer]]:
    """All changes of an answer's labels, oldest first."""
    rows = session.execute(
        select(LabelChange, Reviewer)
        .join(Reviewer, col(Reviewer.id) == LabelChange.reviewer_id)
        .where(LabelChange.answer_id == answer_id)
        .order_by(col(LabelChange.id))
    )
    return [(change, who) for change, who in rows]


def count_decided(session: Session, grid_id: int) -> int:
    statement = select(func.count()).select_from(Answer).where(Answer.grid_id == grid_id)
    return session.exec(statement.where(col(Answer.decided))).one()


def load_disputed(
    session: Session, grid: Grid, *, decided: bool = False, page: int = 1
) -> list[Disputed]:
    """The answers of a grid whose reviewers differ, by row; or those that somebody decided."""
    statement = (
        sqlalchemy.select(
            Answer,
            func.coalesce(Attempt.number, 0),
            func.substr(func.coalesce(Attempt.text, ""), 1, SHOWN),
            func.length(func.coalesce(Attempt.text, "")),
        )
        .join(
            GridPrompt,
            sqlalchemy.and_(
                col(GridPrompt.grid_id) == col(Answer.grid_id),
                col(GridPrompt.prompt_id) == col(Answer.prompt_id),
            ),
        )
        .outerjoin(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(
            col(Answer.grid_id) == grid.id,
            col(Answer.decided) if decided else col(Answer.disputed),
        )
        .order_by(col(GridPrompt.position), col(Answer.id))
        .limit(PAGE)
        .offset(PAGE * (page - 1))
    )
    found = session.execute(statement).all()
    labels = labels_of(session, [answer.id for answer, *_ in found])
    columns = {(c.model, c.variant.id): c for c in load_columns(session, grid.id)}
    prompts = {p.id: (n, p) for n, p in enumerate(load_prompts(session, grid.id), start=1)}
    return [
        Disputed(
            answer,
            *prompts[answer.prompt_id],
            columns[answer.model, answer.variant_id],
            attempt,
            text,
            length,
            labels.get(answer.id, []),
        )
        for answer, attempt, text, length in found
    ]
