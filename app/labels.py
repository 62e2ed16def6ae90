"""Labels: set or clear what a reviewer says of an answer, and derive the final label."""

import secrets
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.errors import Conflict, InvalidInput, NotFound
from app.grids import stamp
from app.providers import Outcome
from app.tables import Answer, Attempt, Label, LabelChange, LabelValue, Reviewer, now


def final_label(values: Sequence[LabelValue]) -> tuple[LabelValue | None, bool]:
    """The label that counts and whether reviewers differ: unanimous or majority, a tie is none."""
    counts = Counter(values).most_common(2)
    if not counts:
        return None, False
    if len(counts) == 2 and counts[0][1] == counts[1][1]:
        return None, True
    return counts[0][0], len(counts) > 1


def set_label(
    session: Session, answer_id: int, reviewer: Reviewer, value: LabelValue, note: str | None = None
) -> Label:
    """Set this reviewer's label; ``note`` None keeps the note. Other reviewers' labels stay.

    Raises NotFound, or Conflict when the answer has no text that could be judged.
    """
    answer = _lock(session, answer_id)
    attempt = session.get(Attempt, answer.attempt_id) if answer.attempt_id else None
    if attempt is None or attempt.outcome is not Outcome.answered:
        what = attempt.outcome if attempt and attempt.outcome else answer.state
        raise Conflict(
            f"This answer is {what}: there is no answer text to judge, so it takes no label."
            " It is counted apart."
        )
    label = _own(session, answer_id, reviewer)
    if label is None:
        label = Label(answer_id=answer_id, reviewer_id=reviewer.id, value=value)
    label.value = value
    label.note = label.note if note is None else note
    label.labelled_at = now()
    session.add(label)
    _record(session, answer, reviewer, value, label.note)
    return label


def clear_label(session: Session, answer_id: int, reviewer: Reviewer) -> bool:
    """Take this reviewer's label away; False when there was none. Raises NotFound."""
    answer = _lock(session, answer_id)
    label = _own(session, answer_id, reviewer)
    if label is None:
        return False
    session.delete(label)
    _record(session, answer, reviewer, None, "")
    return True


def forget_labels(session: Session, answer_ids: Sequence[int]) -> None:
    """Take all labels off answers that were run again; the history keeps them."""
    for label in session.exec(select(Label).where(col(Label.answer_id).in_(answer_ids))).all():
        session.add(
            LabelChange(answer_id=label.answer_id, reviewer_id=label.reviewer_id, value=None)
        )
        session.delete(label)
    session.flush()
    session.execute(
        update(Answer).where(col(Answer.id).in_(answer_ids)).values(label=None, disputed=False)
    )


def labels_of(
    session: Session, answer_ids: Sequence[int]
) -> dict[int, list[tuple[Label, Reviewer]]]:
    """Every reviewer's label of these answers, oldest first."""
    found: dict[int, list[tuple[Label, Reviewer]]] = {}
    for start in range(0, len(answer_ids), 10_000):  # below the limit of bound values in SQLite
        rows = session.exec(
            select(Label, Reviewer)
            .join(Reviewer, col(Reviewer.id) == Label.reviewer_id)
            .where(col(Label.answer_id).in_(answer_ids[start : start + 10_000]))
            .order_by(col(Label.id))
        )
        for label, reviewer in rows:
            found.setdefault(label.answer_id, []).append((label, reviewer))
    return found


def get_reviewer(session: Session, name: str) -> Reviewer:
    """The reviewer of this name, made if new. Raises InvalidInput for an empty or huge name."""
    name = " ".join(name.split())
    if not name or len(name) > 80 or not name.isprintable():
        raise InvalidInput("Please give a name of 1 to 80 printable characters.")
    key = name.casefold()
    found = session.exec(select(Reviewer).where(Reviewer.name_key == key)).first()
    if found is None:
        found = Reviewer(name=name, name_key=key, secret=secrets.token_urlsafe(16))
        try:
            with session.begin_nested():
                session.add(found)
        except IntegrityError:  # somebody else added this name just now
            found = session.exec(select(Reviewer).where(Reviewer.name_key == key)).one()
    return found


def reviewer_by_secret(session: Session, secret: str) -> Reviewer | None:
    return session.exec(select(Reviewer).where(Reviewer.secret == secret)).first()


def _lock(session: Session, answer_id: int) -> Answer:
    """The answer, with its grid's row locked: two reviewers at once derive one final label."""
    answer = session.get(Answer, answer_id)
    if answer is None:
        raise NotFound("There is no such answer.")
    stamp(session, answer.grid_id)
    return answer


def _own(session: Session, answer_id: int, reviewer: Reviewer) -> Label | None:
    return session.exec(
        select(Label).where(Label.answer_id == answer_id, Label.reviewer_id == reviewer.id)
    ).first()


def _record(
    session: Session, answer: Answer, reviewer: Reviewer, value: LabelValue | None, note: str
) -> None:
    session.add(LabelChange(answer_id=answer.id, reviewer_id=reviewer.id, value=value, note=note))
    session.flush()
    values = session.exec(select(Label.value).where(Label.answer_id == answer.id)).all()
    label, disputed = final_label([LabelValue(v) for v in values])
    session.execute(
        update(Answer)
        .where(col(Answer.id) == answer.id)
        .values(label=label, disputed=disputed, seq=stamp(session, answer.grid_id))
    )
