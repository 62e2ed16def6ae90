"""A plan's rows: what a grid has of it, what is missing, and the answers that are to be called."""

from itertools import count

import sqlalchemy
from sqlmodel import Session, col, func, select

from app.plans import Plan, PlannedVariant, VariantInput
from app.providers import Thinking
from app.tables import PASTED, Answer, AnswerState, GridModel, GridPrompt, Variant, Wording

CALLED = col(Answer.provider) != PASTED  # nobody can call for the others


def models_of(session: Session, grid_id: int) -> dict[str, list[Thinking]]:
    """The models that can be called, in their order, with the thinking settings forced on each."""
    rows = session.exec(
        select(GridModel)
        .where(GridModel.grid_id == grid_id, ~col(GridModel.model).startswith(f"{PASTED}/"))
        .order_by(col(GridModel.position))
    )
    return {row.model: [Thinking(t) for t in row.forced] for row in rows}


def variants_of(session: Session, grid_id: int) -> list[PlannedVariant]:
    """The grid's variants in their order, each with the version of the wording it has."""
    rows = session.exec(
        select(Variant, Wording)
        .join(Wording, col(Wording.id) == Variant.wording_id)
        .where(Variant.grid_id == grid_id)
        .order_by(col(Variant.position))
    )
    return [PlannedVariant(VariantInput.of(row, wording), wording, row.id) for row, wording in rows]


def answers_of(session: Session, grid_id: int) -> dict[tuple[str, int | None], dict[int, set[int]]]:
    """Which repeats there are, by column and prompt."""
    keys = (col(Answer.model), col(Answer.variant_id), col(Answer.prompt_id), col(Answer.repeat))
    found: dict[tuple[str, int | None], dict[int, set[int]]] = {}
    for model, variant_id, prompt_id, repeat in session.execute(
        sqlalchemy.select(*keys).where(col(Answer.grid_id) == grid_id, CALLED)
    ):
        cells = found.setdefault((model, variant_id), {})
        cells.setdefault(prompt_id, set()).add(repeat)
    return found


def insert_rows(session: Session, grid_id: int, plan: Plan, seq: int = 0) -> None:
    """Add prompts, models and variants after those that are there, and the missing answers.

    The answers are pending; ``seq`` is the number of the change they come with.
    """
    for position, prompt in enumerate(plan.prompts):
        if prompt.id not in plan.there.prompts:
            session.add(GridPrompt(grid_id=grid_id, prompt_id=prompt.id, position=position))
    last = select(func.max(GridModel.position)).where(GridModel.grid_id == grid_id)
    highest = session.exec(last).one()  # also of what was pasted, which no plan has
    free = count(0 if highest is None else highest + 1)
    for model in plan.models:
        forced = [h.thinking.value for h in plan.forced if h.model == model]
        if model not in plan.there.models:
            row = GridModel(grid_id=grid_id, model=model, position=next(free), forced=forced)
            session.add(row)
        elif forced:
            row = session.get_one(GridModel, (grid_id, model))
            row.forced = list(dict.fromkeys([*row.forced, *forced]))
            session.add(row)
    ids: dict[int, int | None] = {}
    for position, planned in enumerate(plan.variants):
        ids[id(planned)] = planned.id
        if planned.id is None:
            variant = Variant(
                grid_id=grid_id,
                position=position,
                wording_id=planned.wording.id,
                thinking=planned.given.thinking,
                system_prompt=planned.given.system_prompt,
                temperature=planned.given.temperature,
                max_tokens=planned.given.max_tokens,
            )
            session.add(variant)
            session.flush()
            ids[id(planned)] = variant.id
    rows = _pending(grid_id, plan, ids, seq)
    if rows:
        # As the driver takes them: to prepare 20,000 rows took twice as long as to store them.
        connection = session.connection()
        mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        connection.exec_driver_sql(_PENDING.format(", ".join([mark] * len(rows[0]))), rows)


def _pending(
    grid_id: int, plan: Plan, variants: dict[int, int | None], seq: int
) -> list[tuple[int | str | None, ...]]:
    """The missing answers, as rows. ``variants`` has the ids of the planned ones."""
    # Repeats outermost and models innermost: every cell of every model gets its first chip early.
    columns = sorted(plan.columns, key=lambda column: plan.variants.index(column[1]))
    missing = [
        (prompt, column, plan.missing(column, prompt))
        for prompt in plan.prompts
        for column in columns
    ]
    return [
        (grid_id, seq, prompt.id, variants[id(planned)], model.partition("/")[0], model, repeat)
        for repeat in range(1, plan.repeats + 1)
        for prompt, (model, planned), repeats in missing
        if repeat in repeats
    ]


_PENDING = f"""
    INSERT INTO answer
        (grid_id, seq, prompt_id, variant_id, provider, model, repeat, state, disputed)
    VALUES ({{}}, '{AnswerState.pending}', false)
"""  # noqa: S608 (nothing in it comes from outside)
