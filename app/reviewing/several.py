"""Many labels of one grid at once: what ``set_label`` does to each, in few statements for all."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy
from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, SQLModel, col, select

from app.errors import Conflict
from app.grids import stamp
from app.reviewing.said import amended, derived, refusal, rewrite, said_by
from app.tables import Answer, Attempt, Label, now

_ANSWER, _LABEL, _CHANGE = (
    SQLModel.metadata.tables[name] for name in ("answer", "label", "label_change")
)
_DERIVED = (
    update(_ANSWER)
    .where(_ANSWER.c.id == bindparam("answer_id"))
    .values({name: bindparam(name) for name in ("label", "disputed", "decided", "tags", "seq")})
)


def set_labels(
    session: Session, grid_id: int, given: Sequence[tuple[int, int, dict[str, Any]]]
) -> None:
    """Each the id of an answer, of a reviewer, and what else ``set_label`` takes; none twice.

    Raises as that does.
    """
    seq = stamp(session, grid_id)  # from here on nobody else labels the grid
    ids = sorted({answer_id for answer_id, *_ in given})
    asked = select(Label).where(col(Label.answer_id).in_(ids))
    there = session.exec(asked.execution_options(populate_existing=True)).all()
    own = {(label.answer_id, label.reviewer_id): label for label in there}
    rows: Any = session.execute(
        sqlalchemy.select(
            col(Answer.id), col(Answer.state), col(Attempt.id).is_not(None), col(Attempt.outcome)
        )
        .outerjoin(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(col(Answer.id).in_(ids), col(Answer.grid_id) == grid_id)
    )
    answers = {id_: known for id_, *known in rows}
    labels: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    for answer_id, reviewer_id, said in given:
        label = own.get((answer_id, reviewer_id))
        before = said_by(label)
        after = amended(before, **said)
        if after == before:
            continue
        state, called, outcome = answers[answer_id]
        if why := refusal(state, called, outcome, after.value):
            raise Conflict(why)
        fields, at = asdict(after) | {"tags": list(after.tags)}, now()
        row = {"answer_id": answer_id, "reviewer_id": reviewer_id, **fields}
        changes.append({**row, "changed_at": at})
        if label is None:
            labels.append({**row, "labelled_at": at})
            continue
        rewrite(label, after, at)
        session.add(label)
    session.flush()
    for table, added in ((_LABEL, labels), (_CHANGE, changes)):
        if added:
            session.connection().execute(insert(table), added)
    _derive(session, sorted({row["answer_id"] for row in changes}), seq)


def _derive(session: Session, ids: Sequence[int], seq: int) -> None:
    found: dict[int, list[Any]] = {id_: [] for id_ in ids}
    for row in session.execute(
        select(Label.answer_id, Label.value, Label.decides, Label.tags)
        .where(col(Label.answer_id).in_(ids))
        .order_by(col(Label.labelled_at), col(Label.id))
    ):
        found[row.answer_id].append(row)
    rows = [{"answer_id": id_, "seq": seq, **derived(said)} for id_, said in found.items()]
    if rows:
        session.connection().execute(_DERIVED, rows)
