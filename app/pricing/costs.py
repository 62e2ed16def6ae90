"""What calls cost: summed over grids and columns, and priced again when prices change."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import and_, bindparam, case, or_, update
from sqlmodel import Session, SQLModel, col, func

from app.grids import IS_ORIGINAL, stamp
from app.origins import ASKED_HERE
from app.pricing.money import Spending
from app.pricing.prices import REPORTED, PriceBook, Usage
from app.providers import Outcome
from app.tables import Answer, Attempt, Grid

_NOTHING_BILLED = ("not_ready", "connection")  # kinds of error of calls that reached no model


def spending_of_grids(session: Session, grid_ids: Sequence[int]) -> dict[int, Spending]:
    """What each grid's calls cost so far, also those that failed or no longer count."""
    by_grid = _sums(session, (col(Answer.grid_id),), col(Answer.grid_id).in_(grid_ids))
    return {id_: by_grid.get((id_,), Spending()) for id_ in grid_ids}


def spending_of_columns(session: Session, grid_id: int) -> dict[tuple[str, int], Spending]:
    """The same per column of one grid: by model and variant id."""
    keys = (col(Answer.model), col(Answer.variant_id))
    return _sums(session, keys, col(Answer.grid_id) == grid_id)


def price_again(session: Session, prices: PriceBook, models: Iterable[str]) -> None:
    """Price the stored calls of these models anew; what providers reported stays as it is."""
    for model in models:
        changed, priced, grid_ids = [], [], set()
        for row in session.execute(
            sqlalchemy.select(
                col(Attempt.id),
                col(Answer.id),
                col(Answer.grid_id),
                col(Attempt.started_at),
                col(Attempt.input_tokens),
                col(Attempt.output_tokens),
                col(Attempt.cached_tokens),
                col(Attempt.cache_write_tokens),
                col(Attempt.cost_usd),
                col(Attempt.cost_source),
            )
            .join(Answer, col(Answer.id) == col(Attempt.answer_id))
            .join(Grid, col(Grid.id) == col(Answer.grid_id))
            .where(col(Answer.model) == model, IS_ORIGINAL, *_PRICED_BY_US)
        ):
            id_, answer_id, grid_id, started_at, *tokens, usd, source = row
            cost = prices.cost(model, started_at, Usage(*tokens))
            if (cost.usd, cost.source) != (usd, source):
                changed.append({"attempt": id_, "usd": cost.usd, "source": cost.source})
                priced.append((answer_id, grid_id))
                grid_ids.add(grid_id)
        if changed:
            seqs = {grid_id: stamp(session, grid_id) for grid_id in sorted(grid_ids)}
            session.connection().execute(_PRICE, changed)
            stamps = [{"priced": answer, "number": seqs[grid]} for answer, grid in priced]
            session.connection().execute(_STAMP, stamps)
            for grid_id in sorted(grid_ids):
                _recount(session, grid_id)


def price_unpriced(session: Session, prices: PriceBook) -> None:
    """Price the stored calls that had no price yet: older ones, or of models listed since."""
    models = session.scalars(
        sqlalchemy.select(col(Answer.model))
        .join(Attempt, col(Attempt.answer_id) == col(Answer.id))
        .where(col(Attempt.cost_usd).is_(None), *_PRICED_BY_US)
        .distinct()
    ).all()
    price_again(session, prices, models)


def _recount(session: Session, grid_id: int) -> None:
    """What counts against a grid's ceiling: known costs, and what open calls are expected to."""
    is_open = col(Attempt.finished_at).is_(None)
    usd = case((is_open, col(Attempt.expected_usd)), else_=col(Attempt.cost_usd))
    committed = (
        sqlalchemy.select(func.coalesce(func.sum(usd), 0.0))
        .join(Answer, col(Answer.id) == col(Attempt.answer_id))
        .where(col(Answer.grid_id) == grid_id)
    )
    session.execute(
        update(Grid)
        .where(col(Grid.id) == grid_id)
        .values(committed_usd=committed.scalar_subquery())
    )


_PRICED_BY_US = (
    col(Attempt.input_tokens).is_not(None),
    col(Attempt.output_tokens).is_not(None),
    col(Attempt.cost_source) != REPORTED,
    ASKED_HERE,
)
_ATTEMPT = SQLModel.metadata.tables["attempt"]
_ANSWER = SQLModel.metadata.tables["answer"]
_PRICE = (
    update(_ATTEMPT)
    .where(_ATTEMPT.c.id == bindparam("attempt"))
    .values(cost_usd=bindparam("usd"), cost_source=bindparam("source"))
)
_STAMP = update(_ANSWER).where(_ANSWER.c.id == bindparam("priced")).values(seq=bindparam("number"))
# A call that was refused, or reached nobody, is not billed; one that broke off may have been.
_UNKNOWN = and_(
    col(Attempt.finished_at).is_not(None),
    col(Attempt.cost_usd).is_(None),
    or_(
        col(Attempt.outcome) != Outcome.error,
        and_(col(Attempt.error_status).is_(None), col(Attempt.error_kind).not_in(_NOTHING_BILLED)),
    ),
)


def _sums(session: Session, keys: tuple[Any, ...], where: Any) -> dict[Any, Spending]:
    rows = session.execute(
        sqlalchemy.select(
            *keys,
            func.coalesce(func.sum(col(Attempt.cost_usd)), 0.0),
            func.count(col(Attempt.cost_usd)),
            func.sum(case((_UNKNOWN, 1), else_=0)),
        )
        .join(Attempt, col(Attempt.answer_id) == col(Answer.id))
        .where(where)
        .group_by(*keys)
    )
    return {tuple(key): Spending(usd, known, unknown) for *key, usd, known, unknown in rows}
