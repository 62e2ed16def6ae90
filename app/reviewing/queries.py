"""Reads and writes for the review: one reviewer's queue, their sitting and labels."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy
from sqlmodel import Session, col, func, select

from app.grids import Progress
from app.providers import Outcome
from app.reviewing.labels import set_label
from app.reviewing.review import Item, Order, Queue, Sitting, Standing, first_line, in_order
from app.tables import (
    Answer,
    AnswerState,
    Attempt,
    GridModel,
    GridPrompt,
    Label,
    LabelValue,
    Reviewer,
    Variant,
    now,
)

PAUSE = timedelta(minutes=10)  # after which another sitting begins
KEY_CHARACTERS = 300  # of an answer, in which its first line ends or is cut
# What the rules found it to say; else as it begins.
_SAYS = func.coalesce(
    func.nullif(col(Attempt.answer_key), ""), func.substr(Attempt.text, 1, KEY_CHARACTERS)
)


def load_queue(
    session: Session,
    grid_id: int,
    reviewer: Reviewer,
    order: Order,
    seed: int,
    *,
    blind: bool,
    left: bool,
    chosen: Collection[int] | None = None,
) -> Queue:
    """``left``: go on only to what the reviewer has not labelled. ``chosen``: what the filters
    leave, None for all."""
    found = _load_items(session, grid_id, reviewer, compared=order == "informative")
    items = in_order(found, order, seed, blind=blind)
    kept = {i.id for i in items if chosen is None or i.id in chosen}
    wanted = {i.id for i in items if i.id in kept and not (left and i.mine)}
    return Queue(items, kept, wanted, load_sitting(session, grid_id, reviewer))


def load_standing(
    session: Session, grid_id: int, reviewer: Reviewer, chosen: Collection[int] | None = None
) -> Standing:
    """What a queue would say of it, without its order: this is asked at every label."""
    sitting = load_sitting(session, grid_id, reviewer)
    own = _own(select(Label.answer_id), grid_id, reviewer)
    if chosen is None:
        total = session.scalar(_can_label(sqlalchemy.select(func.count(col(Answer.id))), grid_id))
        mine = _can_label(sqlalchemy.select(func.count(col(Answer.id))), grid_id)
        done = session.scalar(mine.where(col(Answer.id).in_(own)))
        return Standing(done or 0, total or 0, sitting)
    kept = set(session.scalars(_can_label(sqlalchemy.select(col(Answer.id)), grid_id))) & set(
        chosen
    )
    return Standing(len(kept & set(session.exec(own))), len(kept), sitting)


def can_label(session: Session, grid_id: int, answer_id: int) -> bool:
    statement = _can_label(sqlalchemy.select(col(Answer.id)), grid_id)
    return session.scalar(statement.where(col(Answer.id) == answer_id)) is not None


def load_said(session: Session, grid_id: int, prompt_id: int) -> dict[int, str]:
    """What each answer to a prompt says, for telling equal ones."""
    statement = _can_label(sqlalchemy.select(col(Answer.id), _SAYS), grid_id)
    rows = session.execute(statement.where(col(Answer.prompt_id) == prompt_id))
    return {answer_id: first_line(text) for answer_id, text in rows}


def load_equal(session: Session, grid_id: int, answer_id: int) -> list[int]:
    """The answers to the same prompt that say the same as this one, which is one of them."""
    prompt = select(Answer.prompt_id).where(Answer.id == answer_id, Answer.grid_id == grid_id)
    said = load_said(session, grid_id, session.exec(prompt).first() or 0)
    return [other for other, text in said.items() if text == said.get(answer_id)]


def count_own(session: Session, grid_id: int, reviewer: Reviewer) -> Progress:
    """How often the reviewer gave each label in this grid."""
    statement = (
        select(Label.value, func.count())
        .join(Answer, col(Answer.id) == Label.answer_id)
        .where(Answer.grid_id == grid_id, Label.reviewer_id == reviewer.id)
        .group_by(col(Label.value))
    )
    own = {str(value): n for value, n in session.exec(statement) if value is not None}
    return Progress(sum(own.values()), **own)


def load_sitting(session: Session, grid_id: int, reviewer: Reviewer) -> Sitting:
    """The reviewer's labels up to now, without a pause between them or since."""
    statement = (
        select(Label.answer_id, Label.labelled_at)
        .join(Answer, col(Answer.id) == Label.answer_id)
        .where(Answer.grid_id == grid_id, Label.reviewer_id == reviewer.id)
        .order_by(col(Label.labelled_at).desc(), col(Label.id).desc())
        .limit(10_000)
    )
    answers, times = [], [now()]
    for answer_id, labelled_at in session.exec(statement):
        if times[-1] - labelled_at > PAUSE:
            break
        answers.append(answer_id)
        times.append(labelled_at)
    return Sitting(answers, times[-1], times[1]) if answers else Sitting()


def label_all(
    session: Session,
    answer_ids: Sequence[int],
    reviewer: Reviewer,
    value: LabelValue | None,
    note: str | None = None,
    tags: Sequence[str] | None = None,
) -> None:
    """Label several at once; they are undone at once too. Raises as ``set_label`` does."""
    given = (set_label(session, one, reviewer, value, note, tags) for one in answer_ids)
    labels = [label for label in given if label is not None]
    for label in labels:  # by which they are known to belong together
        label.labelled_at = labels[0].labelled_at


def _can_label(statement: Any, grid_id: int) -> Any:
    return statement.join(Attempt, col(Attempt.id) == col(Answer.attempt_id)).where(
        col(Answer.grid_id) == grid_id,
        col(Answer.state) == AnswerState.done,
        col(Attempt.outcome) == Outcome.answered,
    )


def _load_items(
    session: Session, grid_id: int, reviewer: Reviewer, *, compared: bool
) -> list[Item]:
    prompts, models, variants = _places(session, grid_id)
    wanted: list[Any] = [
        Answer.id, Answer.prompt_id, Answer.model, Answer.variant_id, Answer.repeat
    ]  # fmt: skip
    if compared:
        wanted.append(_SAYS)
    statement = _can_label(sqlalchemy.select(*wanted), grid_id)
    others = _labels_of_others(session, grid_id, reviewer) if compared else {}
    own = set(session.exec(_own(select(Label.answer_id), grid_id, reviewer)))
    return [
        Item(
            answer_id,
            (prompts[prompt], models[model], variants[variant], repeat),
            answer_id in own,
            first_line(said[0]) if said else "",
            tuple(others.get(answer_id, ())),
        )
        for answer_id, prompt, model, variant, repeat, *said in session.execute(statement)
    ]


def _own(statement: Any, grid_id: int, reviewer: Reviewer) -> Any:
    return statement.join(Answer, col(Answer.id) == Label.answer_id).where(
        Answer.grid_id == grid_id, Label.reviewer_id == reviewer.id
    )


def _places(
    session: Session, grid_id: int
) -> tuple[dict[int, int], dict[str, int], dict[int, int]]:
    """Where prompts, models and variants stand in the grid."""
    prompts = select(GridPrompt.prompt_id, GridPrompt.position).where(GridPrompt.grid_id == grid_id)
    models = select(GridModel.model, GridModel.position).where(GridModel.grid_id == grid_id)
    variants = session.exec(select(Variant).where(Variant.grid_id == grid_id)).all()
    ordered = sorted(variants, key=lambda v: (v.thinking.position, v.position))
    return (
        dict(session.exec(prompts).all()),
        dict(session.exec(models).all()),
        {variant.id: place for place, variant in enumerate(ordered)},
    )


def _labels_of_others(
    session: Session, grid_id: int, reviewer: Reviewer
) -> dict[int, list[LabelValue]]:
    statement = (
        select(Label.answer_id, Label.value)
        .join(Answer, col(Answer.id) == Label.answer_id)
        .where(Answer.grid_id == grid_id, Label.reviewer_id != reviewer.id)
    )
    found: dict[int, list[LabelValue]] = {}
    for answer_id, value in session.exec(statement):
        if value is not None:
            found.setdefault(answer_id, []).append(LabelValue(value))
    return found
