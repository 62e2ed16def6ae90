"""Taking back what a reviewer said, by the history of it."""

from sqlmodel import Session, col, func, select

from app.errors import NotFound
from app.reviewing.labels import clear_label, set_label
from app.reviewing.queries import load_sitting
from app.tables import Answer, Label, LabelChange, Reviewer


def last_change(session: Session, answer_id: int, reviewer: Reviewer) -> int:
    """The latest change of what this reviewer says of an answer; 0 where there is none."""
    statement = select(func.max(LabelChange.id)).where(
        LabelChange.answer_id == answer_id, LabelChange.reviewer_id == reviewer.id
    )
    return session.exec(statement).one() or 0


def restore(session: Session, answer_id: int, reviewer: Reviewer, change_id: int) -> Label | None:
    """Say again what was said as of a change; 0: nothing. Raises NotFound, and as ``set_label``."""
    if not change_id:
        clear_label(session, answer_id, reviewer)
        return None
    change = session.get(LabelChange, change_id)
    if change is None or (change.answer_id, change.reviewer_id) != (answer_id, reviewer.id):
        raise NotFound("The history has no such change of yours.")
    return _say_again(session, reviewer, change)


def undo_last(session: Session, grid_id: int, reviewer: Reviewer) -> list[int]:
    """Take back what was labelled last in this sitting, to what it was before. Gives the answers.

    What was restored gets its old time, so that doing this again goes on to what was before that.
    """
    sitting = load_sitting(session, grid_id, reviewer)
    last = session.exec(
        select(Label)
        .join(Answer, col(Answer.id) == Label.answer_id)
        .where(
            Answer.grid_id == grid_id,
            Label.reviewer_id == reviewer.id,
            Label.labelled_at == sitting.ended,
        )
        .order_by(col(Label.answer_id))
    ).all()
    answer_ids = [label.answer_id for label in last]
    for label in last:
        before = session.exec(
            select(LabelChange)
            .where(
                LabelChange.answer_id == label.answer_id,
                LabelChange.reviewer_id == reviewer.id,
                LabelChange.changed_at < label.labelled_at,
            )
            .order_by(col(LabelChange.changed_at).desc(), col(LabelChange.id).desc())
        ).first()
        if before is None:
            clear_label(session, label.answer_id, reviewer)
        elif restored := _say_again(session, reviewer, before):
            restored.labelled_at = before.changed_at
    return answer_ids


def _say_again(session: Session, reviewer: Reviewer, change: LabelChange) -> Label | None:
    if not (change.value or change.tags or change.note):
        clear_label(session, change.answer_id, reviewer)
        return None
    said = (change.value, change.note, change.tags, change.decides)
    return set_label(session, change.answer_id, reviewer, *said)
