"""Many labels at once are what each of them would be by itself."""

from typing import Any

import pytest
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import Conflict, InvalidInput
from app.providers import Outcome
from app.reviewing.labels import get_reviewer, set_label
from app.reviewing.several import set_labels
from app.tables import Answer, Grid, Label, LabelChange, LabelValue
from tests.factories import answers_of, finish, new_grid

C, H, A = LabelValue.correct, LabelValue.hallucinated, LabelValue.abstained
FIRST: list[tuple[int, str, dict[str, Any]]] = [
    (0, "Ada", {"value": C, "note": "sure", "tags": ["hedged"]}),
    (0, "Bob", {"value": H}),
    (1, "Ada", {"value": None, "tags": ["unverifiable"]}),
    (1, "Bob", {"value": H, "decides": True}),
    (2, "Ada", {"note": "only that"}),
]
THEN: list[tuple[int, str, dict[str, Any]]] = [
    (0, "Ada", {"value": H, "tags": ["partial", "hedged"]}),
    (0, "Bob", {"value": H}),  # no change
    (1, "Ada", {"value": A, "note": "well"}),
    (1, "Cyd", {"value": C, "decides": True}),
    (2, "Ada", {"note": "only this"}),
]


def finished(session: Session) -> Grid:
    grid = new_grid(session)
    for answer, outcome in zip(
        answers_of(session, grid), [Outcome.answered] * 3 + [Outcome.refused], strict=True
    ):
        finish(session, answer, "one" if outcome is Outcome.answered else "", outcome)
    return grid


def state_of(session: Session, grid: Grid) -> list[Any]:
    """All that labels leave behind, but for ids and times."""
    session.expire_all()
    found: list[Any] = [session.get_one(Grid, grid.id).seq]
    for answer in answers_of(session, grid):
        found.append((answer.label, answer.disputed, answer.decided, answer.tags, answer.seq))
        for table in (Label, LabelChange):
            rows: Any = session.exec(
                select(table)
                .where(table.answer_id == answer.id)
                .order_by(col(table.reviewer_id), col(table.id))
            )
            found += [(one.reviewer_id, one.value, one.tags, one.note, one.decides) for one in rows]
    return found


def test_several_are_as_one_after_the_other(database: Database) -> None:
    with database.write() as session:
        people = {name: get_reviewer(session, name) for name in ("Ada", "Bob", "Cyd")}
        one_by_one, at_once = finished(session), finished(session)
        session.commit()
        for said in (FIRST, THEN):
            for place, who, how in said:
                set_label(session, answers_of(session, one_by_one)[place].id, people[who], **how)
            session.commit()
            ids = [answer.id for answer in answers_of(session, at_once)]
            set_labels(session, at_once.id, [(ids[n], people[w].id, how) for n, w, how in said])
            session.commit()
            assert state_of(session, at_once) == state_of(session, one_by_one)
        times = select(Label.labelled_at, LabelChange.changed_at).join(
            LabelChange,
            (col(LabelChange.answer_id) == Label.answer_id)
            & (col(LabelChange.reviewer_id) == Label.reviewer_id)
            & (col(LabelChange.value) == Label.value),
        )
        assert all(labelled <= changed for labelled, changed in session.exec(times))


def test_what_one_label_must_not_be_none_of_several_is(database: Database) -> None:
    with database.write() as session:
        grid = finished(session)
        ada = get_reviewer(session, "Ada").id
        first, *_, refused = (answer.id for answer in answers_of(session, grid))
        with pytest.raises(Conflict, match="This answer is refused"):
            set_labels(session, grid.id, [(refused, ada, {"value": C})])
        with pytest.raises(InvalidInput, match="tells why there is no label"):
            set_labels(session, grid.id, [(first, ada, {"value": C, "tags": ["no_answer"]})])
        set_labels(session, grid.id, [])
        grid.snapshot_of = grid.id
        session.add(grid)
        session.commit()
        with pytest.raises(Conflict, match="frozen snapshot"):
            set_labels(session, grid.id, [(first, ada, {"value": C})])
        assert session.exec(select(Answer).where(col(Answer.label).is_not(None))).all() == []
