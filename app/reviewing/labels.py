"""Labels: keeping what reviewers say of an answer, and what counts of it.

Each reviewer has one label of an answer; every change of it goes into the history.
"""

import secrets
from collections.abc import Iterable, Sequence

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.errors import Conflict, InvalidInput
from app.grids import get_answer, stamp
from app.reviewing.said import (
    KEEP,
    NOTHING,
    Keep,
    Said,
    amended,
    derived,
    known_tags,
    refusal,
    rewrite,
    said_by,
)
from app.tables import (
    Answer,
    Attempt,
    Grid,
    Label,
    LabelChange,
    LabelValue,
    Reviewer,
    now,
)


def set_label(
    session: Session,
    answer_id: int,
    reviewer: Reviewer,
    value: LabelValue | Keep | None = KEEP,
    note: str | None = None,
    tags: Iterable[str] | None = None,
    decides: bool | None = None,
) -> Label | None:
    """Set what this reviewer says; what is not given stays. Other reviewers' labels stay.

    A tag that says why there is no label takes the label away, and a label takes such tags off.
    Gives the label as it is then, None if nothing is said any more. Raises NotFound; Conflict when
    the answer has no text that could be judged; InvalidInput for what does not go together.
    """
    answer = _lock(session, answer_id)
    label = _own(session, answer_id, reviewer)
    after = amended(said_by(label), value, note, tags, decides)
    return _become(session, answer, reviewer, label, after)


def set_tag(
    session: Session,
    answer_id: int,
    reviewer: Reviewer,
    tag: str,
    on: bool | None = None,
    note: str | None = None,
) -> Label | None:
    """Put a tag on this reviewer's label or take it off, if not told which. As ``set_label``."""
    known_tags([tag])
    _lock(session, answer_id)
    before = said_by(_own(session, answer_id, reviewer)).tags
    tags = [other for other in before if other != tag]
    if tag not in before if on is None else on:
        tags.append(tag)
    return set_label(session, answer_id, reviewer, note=note, tags=tags)


def decide(
    session: Session, answer_id: int, reviewer: Reviewer, value: LabelValue, note: str | None = None
) -> Label | None:
    """Settle an answer: this label counts, whatever others say. Raises as ``set_label`` does."""
    return set_label(session, answer_id, reviewer, value, note, decides=True)


def is_other_text(session: Session, answer_id: int, attempt: int | None) -> bool:
    """Whether another attempt counts by now than the one of this number, which was looked at (0:
    none); sees to it that this stays so. None: nobody says what it was."""
    if attempt is None:
        return False
    counts = _lock(session, answer_id).attempt_id
    return (session.scalar(select(Attempt.number).where(Attempt.id == counts)) or 0) != attempt


def refuse_other_text(session: Session, answer_id: int, attempt: int | None) -> None:
    """Raises Conflict where the answer is another one by now than was looked at."""
    if is_other_text(session, answer_id, attempt):
        raise Conflict(
            "This answer was run again since you looked at it: look at what it says now, then"
            " label that."
        )


def clear_label(session: Session, answer_id: int, reviewer: Reviewer) -> bool:
    """Take all away that this reviewer says; False when there was nothing. Raises NotFound."""
    answer = _lock(session, answer_id)
    label = _own(session, answer_id, reviewer)
    _become(session, answer, reviewer, label, NOTHING)
    return label is not None


def forget_labels(session: Session, answer_ids: Sequence[int]) -> None:
    """Take all labels off answers that were run again; the history keeps them."""
    for label in session.exec(select(Label).where(col(Label.answer_id).in_(answer_ids))).all():
        session.add(LabelChange(answer_id=label.answer_id, reviewer_id=label.reviewer_id))
        session.delete(label)
    session.flush()
    session.execute(
        update(Answer)
        .where(col(Answer.id).in_(answer_ids))
        .values(label=None, disputed=False, decided=False, tags="")
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
    grid_id = get_answer(session, answer_id).grid_id
    # A session that writes on SQLite has the whole database to itself.
    session.exec(select(Grid.id).where(Grid.id == grid_id).with_for_update()).one()
    return session.get_one(Answer, answer_id, populate_existing=True)


def _own(session: Session, answer_id: int, reviewer: Reviewer) -> Label | None:
    return session.exec(
        select(Label)
        .where(Label.answer_id == answer_id, Label.reviewer_id == reviewer.id)
        .execution_options(populate_existing=True)
    ).first()


def _become(
    session: Session, answer: Answer, reviewer: Reviewer, label: Label | None, said: Said
) -> Label | None:
    """Make that the reviewer's label, if it is a change."""
    before = said_by(label)
    if said == before:
        return label
    if said != NOTHING:
        _refuse_unless_there(session, answer, said.value)
        label = label or Label(answer_id=answer.id, reviewer_id=reviewer.id)
        rewrite(label, said, now())
        session.add(label)
    elif label is not None:
        session.delete(label)
        label = None
    session.add(
        LabelChange(
            answer_id=answer.id,
            reviewer_id=reviewer.id,
            value=said.value,
            tags=list(said.tags),
            note=said.note,
            decides=said.decides,
        )
    )
    session.flush()
    _derive(session, answer)
    return label


def _refuse_unless_there(session: Session, answer: Answer, value: LabelValue | None) -> None:
    attempt = session.get(Attempt, answer.attempt_id) if answer.attempt_id else None
    if why := refusal(
        answer.state, attempt is not None, attempt.outcome if attempt else None, value
    ):
        raise Conflict(why)


def _derive(session: Session, answer: Answer) -> None:
    """Bring what is stored with the answer in step with its labels."""
    labels = session.exec(
        select(Label)
        .where(Label.answer_id == answer.id)
        .order_by(col(Label.labelled_at), col(Label.id))
    ).all()
    session.execute(
        update(Answer)
        .where(col(Answer.id) == answer.id)
        .values(**derived(labels), seq=stamp(session, answer.grid_id))
    )
