"""What running answers of a grid again would mean: calls, about what they cost, labels that go."""

from dataclasses import dataclass

import sqlalchemy
from sqlmodel import Session, col, func, select

from app.control import ENDED, WHOLE, Scope
from app.grid.shape import load_columns, load_prompts
from app.messages import compose
from app.origins import refuse_imported
from app.planrows import CALLED
from app.pricing.estimates import Estimator
from app.pricing.money import Spending
from app.tables import Answer, AnswerState, Grid, Label

NOTHING = Spending()


@dataclass(frozen=True, slots=True)
class Preview:
    """Answers by what can be done to them. Sums are what calling them again costs, about."""

    waiting: int = 0  # neither done nor failed: these can be cancelled
    failed: Spending = NOTHING  # failed or cancelled
    cancelled: int = 0  # of these
    ended: Spending = NOTHING  # all that ended, those included; without labels
    labelled: Spending = NOTHING  # ended too; their labels go when a new answer comes
    labels: int = 0  # that these have, of all reviewers

    @property
    def answers(self) -> int:
        return self.waiting + self.ended.count + self.labelled.count


def preview(session: Session, estimator: Estimator, grid: Grid, scope: Scope = WHOLE) -> Preview:
    """What ``control.cancel`` and ``control.rerun`` would do to these answers. Raises Conflict for
    an imported grid."""
    refuse_imported(grid)
    prompts = {p.id: p for p in load_prompts(session, grid.id)}
    columns = {(c.model, c.variant.id): c for c in load_columns(session, grid.id)}
    labels = (
        select(col(Label.answer_id), func.count().label("n"))
        .join(Answer, col(Answer.id) == col(Label.answer_id))
        .where(*scope.where(grid.id))
        .group_by(col(Label.answer_id))
        .subquery()
    )
    kinds = (
        col(Answer.prompt_id),
        col(Answer.model),
        col(Answer.variant_id),
        col(Answer.state),
        labels.c.n.is_not(None),
    )
    statement = (
        sqlalchemy.select(*kinds, func.count(), func.coalesce(func.sum(labels.c.n), 0))
        .outerjoin(labels, labels.c.answer_id == col(Answer.id))
        .where(*scope.where(grid.id), CALLED)
        .group_by(*kinds)
    )
    waiting = going = cancelled = 0
    failed = ended = labelled = NOTHING
    for prompt_id, model, variant_id, state, has_label, n, n_labels in session.execute(statement):
        if state not in ENDED:
            waiting += n
            continue
        column = columns[model, variant_id]
        message = compose(prompts[prompt_id], column.wording, column.variant.system_prompt)
        usd = estimator.call(model, column.variant, message)
        calls = Spending(unknown=n) if usd is None else Spending(usd * n, n)
        if has_label:
            labelled += calls
            going += n_labels
            continue
        ended += calls
        if state != AnswerState.done:
            failed += calls
            cancelled += n if state == AnswerState.cancelled else 0
    return Preview(waiting, failed, cancelled, ended, labelled, int(going))
