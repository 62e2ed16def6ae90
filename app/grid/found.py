"""What filters ask of answers that only the database can tell: texts, and who labelled them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy
from sqlmodel import Session, col

from app.grid.look import Look
from app.sql import contains
from app.tables import Answer, Attempt, Label, Reviewer


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of answers that only the database can tell; None where nothing is asked for."""

    text: frozenset[int] | None = None  # with the text that is searched
    by: frozenset[int] | None = None  # labelled by the reviewer of the filter
    mine: frozenset[int] = frozenset()  # labelled by the one who looks


def find(
    session: Session, grid_id: int, look: Look, named: Collection[int], reviewer_id: int | None
) -> Found:
    """What the filters of ``look`` need beside the facts; ``named``: see ``reviewers_named``."""
    return Found(
        text=frozenset(_with_text(session, grid_id, look.q)) if look.q else None,
        by=_labelled(session, grid_id, named) if look.by else None,
        mine=_labelled(session, grid_id, [reviewer_id]) if reviewer_id else frozenset(),
    )


def reviewers_named(session: Session, name: str) -> frozenset[int]:
    """The ids of the reviewers whom a filter means by this name. That can change while nothing of a
    grid does: whoever leaves takes their name along."""
    if not name:
        return frozenset()
    # Whoever came out of a file has another key, and goes by the name all the same.
    named = (col(Reviewer.name_key) == name.casefold()) | (col(Reviewer.name) == name)
    return frozenset(session.scalars(sqlalchemy.select(col(Reviewer.id)).where(named)))


def _with_text(session: Session, grid_id: int, q: str) -> Iterable[int]:
    return session.scalars(
        sqlalchemy.select(col(Answer.id))
        .join(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(
            col(Answer.grid_id) == grid_id,
            contains(col(Attempt.text), q) | contains(col(Attempt.thinking_text), q),
        )
    )


def _labelled(session: Session, grid_id: int, who: Collection[int]) -> frozenset[int]:
    return frozenset(
        session.scalars(
            sqlalchemy.select(col(Label.answer_id))
            .join(Answer, col(Answer.id) == col(Label.answer_id))
            .where(col(Answer.grid_id) == grid_id, col(Label.reviewer_id).in_(who))
        )
    )


def labelled_by(session: Session, grid_id: int) -> dict[int, int]:
    """How many answers of a grid each of its reviewers labelled, by the reviewers' ids."""
    rows = session.execute(
        sqlalchemy.select(col(Label.reviewer_id), sqlalchemy.func.count())
        .join(Answer, col(Answer.id) == col(Label.answer_id))
        .where(col(Answer.grid_id) == grid_id)
        .group_by(col(Label.reviewer_id))
    )
    return dict(tuple(row) for row in rows)


def reviewers_of(session: Session, grid_id: int, counts: Mapping[int, int]) -> dict[str, int]:
    """Who labelled anything in this grid, by name, and how many answers their name finds;
    ``counts``: see ``labelled_by``."""
    columns = (col(Reviewer.id), col(Reviewer.name), col(Reviewer.name_key))
    named = session.execute(sqlalchemy.select(*columns).where(col(Reviewer.id).in_(counts))).all()
    found = {}
    for wanted in sorted({name for _, name, _ in named}, key=str.casefold):
        # Whoever came out of a file may be called as somebody here is, and label the same answer.
        same = [id_ for id_, name, key in named if wanted == name or wanted.casefold() == key]
        one = len(same) == 1
        found[wanted] = counts[same[0]] if one else len(_labelled(session, grid_id, same))
    return found
