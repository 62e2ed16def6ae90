"""Test calls: is the key valid, does the model exist, does its thinking switch work?

People make them on the Models page and on the command line. Before a large grid they come by
themselves: each model × thinking setting is *held back* until its test call went through, and a
setting that is refused stops only its own columns.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.errors import ProviderError
from app.grids import stamp
from app.plans import Plan
from app.pricing.prices import PriceBook, believable, usage_of
from app.providers import (
    Call,
    Completion,
    Evidence,
    Outcome,
    Provider,
    Thinking,
    Thought,
    mismatch,
    observe,
)
from app.tables import (
    Answer,
    AnswerState,
    CheckState,
    Grid,
    HeldBack,
    HeldState,
    ModelCheck,
    Variant,
    now,
    storable,
)

# Short to answer, and worth a thought to a model that may think.
QUESTION = "What is 17 × 23 + 19 × 29? Answer with the number only."
# Kinds of error that the same call would meet again. Whether a call may be repeated at once is
# another matter: an overloaded server is no reason to give a model up.
OF_THE_ACCOUNT = frozenset({"auth", "billing", "quota", "not_ready", "redirect"})
PERMANENT = OF_THE_ACCOUNT | {"bad_request", "too_large", "permission", "not_found"}
CHECK_S = 120  # the longest a test call is waited for
MAX_TOKENS = 2048  # room for the smallest thinking budget there is, 1,024 tokens, and an answer


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one test call showed."""

    thinking: Thinking
    state: CheckState
    message: str
    kind: str = ""  # of the error, when it failed
    permanent: bool = False  # the same call would fail again
    completion: Completion | None = None
    thought: Thought | None = None
    evidence: Evidence | None = None


def settings_to_check(provider: Provider, name: str) -> list[Thinking]:
    """Off and on, where the model can be asked; else whatever it can."""
    rule = provider.rule(name)
    both = [s for s in (Thinking.off, Thinking.on) if not rule.reason_against(s)]
    return both or [Thinking.default]


async def check_model(
    provider: Provider, name: str, settings: Sequence[Thinking]
) -> list[CheckResult]:
    """One small call per setting, one after the other; what would fail again is not repeated."""
    results: list[CheckResult] = []
    for setting in settings:
        result = await _check(provider, name, setting)
        results.append(result)
        if result.kind in OF_THE_ACCOUNT:  # all else may be a matter of this one setting
            left = settings[len(results) :]
            return results + [replace(result, thinking=setting) for setting in left]
    return results


async def _check(provider: Provider, name: str, setting: Thinking) -> CheckResult:
    if reason := provider.not_ready():
        return CheckResult(setting, CheckState.fails, reason, "not_ready", permanent=True)
    try:
        request = provider.prepare(Call(name, QUESTION, thinking=setting, max_tokens=MAX_TOKENS))
        async with asyncio.timeout(CHECK_S):
            completion = await provider.complete(request)
    except TimeoutError:
        return CheckResult(setting, CheckState.fails, f"No answer within {CHECK_S} s.", "timeout")
    except ProviderError as exc:
        permanent = exc.kind in PERMANENT
        return CheckResult(setting, CheckState.fails, exc.message, exc.kind, permanent)
    thought, evidence = observe(completion)
    misfit = mismatch(setting, thought, evidence, adaptive=request.adaptive)
    state, message = _verdict(setting, completion.outcome, thought, misfit)
    return CheckResult(
        setting, state, message, completion=completion, thought=thought, evidence=evidence
    )


def _verdict(
    setting: Thinking, outcome: Outcome, thought: Thought, misfit: str
) -> tuple[CheckState, str]:
    """What a call that went through says of the setting, and a sentence about it."""
    answered = outcome is Outcome.answered
    answers = "It answers" if answered else f"The call goes through, and its answer is {outcome}"
    works = CheckState.works if answered else CheckState.undecided
    if misfit:
        return CheckState.ignored, misfit
    if setting is Thinking.default:
        return works, f"{answers}."
    if thought is Thought.unclear:
        return CheckState.undecided, f"{answers}; nothing shows whether it thought."
    if setting is Thinking.off:
        return works, f"{answers}, and thinking is off."
    if thought is Thought.no:
        may = "that may be the model's own decision"
        return CheckState.undecided, f"{answers}, and shows no thinking: {may}."
    return works, f"{answers}, and thinking is on."


def save_checks(
    session: Session, model: str, results: Sequence[CheckResult], prices: PriceBook
) -> list[ModelCheck]:
    """Keep the latest test call of each setting of ``model`` (provider/model-id)."""
    rows = [_row(model, result, prices, now()) for result in results]
    return [_keep(session, row) for row in rows]


def _keep(session: Session, row: ModelCheck) -> ModelCheck:
    fields = row.model_dump()
    try:
        with session.begin_nested():
            kept = session.merge(row)
            session.flush()
    except IntegrityError:  # somebody else tried the same model for the first time just now
        kept = session.merge(ModelCheck(**fields))
    return kept


def _row(model: str, result: CheckResult, prices: PriceBook, at: datetime) -> ModelCheck:
    row = ModelCheck(
        model=model,
        thinking=result.thinking,
        checked_at=at,
        state=result.state,
        message=storable(result.message),
        thought=result.thought,
        evidence=result.evidence,
    )
    if done := result.completion:
        usage = usage_of(done)
        row.served_model = storable(done.served_model)
        row.input_tokens, row.output_tokens = usage.input_tokens, usage.output_tokens
        row.reasoning_tokens = believable(done.reasoning_tokens)
        row.total_ms = done.total_ms
        row.cost_usd = prices.cost_of(model, at, done).usd
    return row


def latest_checks(session: Session, model: str | None = None) -> dict[str, list[ModelCheck]]:
    """By model, in the order of the settings."""
    statement = select(ModelCheck)
    if model is not None:
        statement = statement.where(ModelCheck.model == model)
    found: dict[str, list[ModelCheck]] = {}
    for row in session.exec(statement):
        found.setdefault(row.model, []).append(row)
    return {m: sorted(rows, key=lambda r: r.thinking.position) for m, rows in found.items()}


def hold_back(session: Session, grid: Grid, plan: Plan, models: Collection[str]) -> None:
    """Let no answer of these models be called before its test call went through.

    A setting of which the grid has answers needs none: they have shown more.
    """
    pairs = {pair for pair in plan.untried if pair[0] in models}
    session.add_all(HeldBack(grid_id=grid.id, model=m, thinking=t) for m, t in sorted(pairs))


@dataclass(frozen=True, slots=True)
class Waiting:
    """One model of a grid whose test calls have not been made."""

    grid_id: int
    model: str
    settings: tuple[Thinking, ...]


def waiting(session: Session) -> list[Waiting]:
    """What is held back in grids that are neither cancelled nor stopped, as far as it is wanted."""
    wanted = (
        sqlalchemy.select(col(Answer.id))
        .join(Variant, col(Variant.id) == col(Answer.variant_id))
        .where(
            col(Answer.grid_id) == col(HeldBack.grid_id),
            col(Answer.state) == AnswerState.pending,
            col(Answer.model) == col(HeldBack.model),
            col(Variant.thinking) == col(HeldBack.thinking),
        )
    )
    rows = session.exec(
        select(HeldBack)
        .join(Grid, col(Grid.id) == HeldBack.grid_id)
        .where(
            HeldBack.state == HeldState.waiting,
            col(Grid.cancelled_at).is_(None),
            col(Grid.stopped_at).is_(None),
            col(Grid.paused_at).is_(None),
            wanted.exists(),  # else its column was cancelled
        )
    ).all()
    found: dict[tuple[int, str], list[Thinking]] = {}
    for row in rows:
        found.setdefault((row.grid_id, row.model), []).append(row.thinking)
    return [
        Waiting(*key, tuple(sorted(settings, key=lambda t: t.position)))
        for key, settings in found.items()
    ]


def release(session: Session, grid_id: int, model: str, results: Sequence[CheckResult]) -> None:
    """Let go what was held back, and fail the answers of settings that are refused for good."""
    seq = stamp(session, grid_id)
    for result in results:
        state = HeldState.stopped if result.permanent else HeldState.passed
        session.execute(
            update(HeldBack)
            .where(
                col(HeldBack.grid_id) == grid_id,
                col(HeldBack.model) == model,
                col(HeldBack.thinking) == result.thinking,
            )
            .values(state=state, message=storable(result.message))
        )
        if result.permanent:
            variants = sqlalchemy.select(col(Variant.id)).where(
                col(Variant.grid_id) == grid_id, col(Variant.thinking) == result.thinking
            )
            session.execute(
                update(Answer)
                .where(
                    col(Answer.grid_id) == grid_id,
                    col(Answer.model) == model,
                    col(Answer.variant_id).in_(variants),
                    col(Answer.state) == AnswerState.pending,
                )
                .values(state=AnswerState.failed, seq=seq)
            )
