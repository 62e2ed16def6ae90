"""Labels: what a reviewer says of an answer, and what counts over all reviewers.

A label has a value, tags, a note, and may decide the answer. Without a value it does not vote: its
tags or its note say why there is none. Every change of it goes into the history.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.errors import Conflict, InvalidInput
from app.grids import get_answer, stamp
from app.providers import Outcome
from app.tables import (
    Answer,
    AnswerState,
    Attempt,
    Grid,
    Label,
    LabelChange,
    LabelValue,
    Reviewer,
    now,
)

# No name is a part of another, so that the text of all tags can be searched for one.
TAGS: Final = {
    "hedged": "unsure of itself, or offers several candidates",
    "refusal": "declines out of policy or privacy",
    "partial": "too vague, or incomplete",
    "extra_error": "a side remark is wrong",
    "premise": "corrects what the question takes for granted",
    "reasoning": "a slip in reasoning or counting",
    "outdated": "was true once",
    "format": "not in the form that was asked for",
    "bad_reference": "the reference is wrong, and should be mended",
    "no_answer": "there is no answer text that could be judged",
    "unverifiable": "nothing at hand tells whether it is right",
}
NO_LABEL: Final = ("unverifiable", "no_answer")  # why there is none: these go with no value


class Keep(Enum):
    KEEP = "as it is"


KEEP: Final = Keep.KEEP


@dataclass(frozen=True, slots=True)
class Said:
    """All that a reviewer says of one answer."""

    value: LabelValue | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    decides: bool = False


NOTHING: Final = Said()


def final_label(
    values: Iterable[LabelValue | None], decision: LabelValue | None = None
) -> tuple[LabelValue | None, bool]:
    """The label that counts and whether reviewers differ: unanimous or majority, a tie is none.

    A decision ends that.
    """
    counts = Counter(value for value in values if value is not None).most_common(2)
    if decision is not None or not counts:
        return decision, False
    if len(counts) == 2 and counts[0][1] == counts[1][1]:
        return None, True
    return counts[0][0], len(counts) > 1


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


def amended(
    before: Said,
    value: LabelValue | Keep | None = KEEP,
    note: str | None = None,
    tags: Iterable[str] | None = None,
    decides: bool | None = None,
) -> Said:
    """What a reviewer says who said ``before`` and now says this. Raises InvalidInput."""
    after = replace(before, note=before.note if note is None else note)
    if value is not KEEP:
        after = replace(after, value=value)
    if tags is not None:
        after = replace(after, tags=known_tags(tags))
        if why := set(NO_LABEL) & set(after.tags):
            if after.value is not None and value is not KEEP:
                raise InvalidInput(f"“{min(why)}” tells why there is no label: give one of both.")
            after = replace(after, value=None)
    if after.value is not None:
        after = replace(after, tags=tuple(tag for tag in after.tags if tag not in NO_LABEL))
    elif decides:
        raise InvalidInput("A decision is one of correct, hallucinated and abstained.")
    decided = before.decides if decides is None else decides
    return replace(after, decides=decided and after.value is not None)


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


def refuse_other_text(session: Session, answer_id: int, attempt: int | None) -> None:
    """Raises Conflict where another attempt counts by now than the one of this number, which was
    looked at (0: none), and sees to it that this stays so. None: nobody says what it was."""
    if attempt is None:
        return
    counts = _lock(session, answer_id).attempt_id
    if (session.scalar(select(Attempt.number).where(Attempt.id == counts)) or 0) != attempt:
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


def known_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """These tags, each once, in the order of TAGS. Raises InvalidInput for one that is none."""
    given = set(tags)
    if unknown := given - TAGS.keys():
        raise InvalidInput(f"There is no tag “{min(unknown)}”. Known are: {', '.join(TAGS)}.")
    return tuple(tag for tag in TAGS if tag in given)


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


def said_by(label: Label | None) -> Said:
    return Said(label.value, tuple(label.tags), label.note, label.decides) if label else NOTHING


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


def rewrite(label: Label, said: Said, at: datetime) -> None:
    """Have a label say this. Other tags or another note leave its time as it is."""
    if (said.value, said.decides) != (label.value, label.decides):
        label.labelled_at = at
    label.value, label.tags = said.value, list(said.tags)
    label.note, label.decides = said.note, said.decides


def _refuse_unless_there(session: Session, answer: Answer, value: LabelValue | None) -> None:
    attempt = session.get(Attempt, answer.attempt_id) if answer.attempt_id else None
    if why := refusal(
        answer.state, attempt is not None, attempt.outcome if attempt else None, value
    ):
        raise Conflict(why)


def refusal(
    state: AnswerState, called: bool, outcome: Outcome | None, value: LabelValue | None
) -> str:
    """Why an answer takes no such label, as a sentence; empty: it does. ``called``: whether it has
    an attempt that counts, of which this is the outcome."""
    if value is not None and outcome is not Outcome.answered:
        return (
            f"This answer is {outcome or state}: there is no answer text to judge, so it takes no"
            " label. It is counted apart."
        )
    if not called and state in (AnswerState.pending, AnswerState.running):
        return f"This answer is {state}: there is nothing to look at yet."
    return ""


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


def derived(labels: Sequence[Any]) -> dict[str, Any]:
    """What is stored with an answer that has these labels, in the order they were given."""
    decisions = [label.value for label in labels if label.decides]
    label, disputed = final_label(
        (label.value for label in labels), decisions[-1] if decisions else None
    )
    return {
        "label": label,
        "disputed": disputed,
        "decided": bool(decisions),
        "tags": " ".join(known_tags(tag for one in labels for tag in one.tags)),
    }
