"""What is written about a call: that it starts, and what came of it.

Nothing is called before its attempt is on disk, and no result shows before it is on disk. Each
step changes only rows that are in the state it expects, so a doubled or late step does nothing.
Steps take many answers at once: under load that costs a fifth of one by one.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, or_, select, update
from sqlmodel import Session, SQLModel

from app.errors import ProviderError
from app.grids import stamp
from app.messages import Message
from app.prices import Cost, believable, usage_of
from app.providers import Completion, Outcome, Request, Thinking, ThinkingKind, mismatch, observe
from app.runner.queue import Queued
from app.tables import AnswerState, now, storable


@dataclass(frozen=True, slots=True, eq=False)
class Begin:
    """A call that is about to be made."""

    queued: Queued
    message: Message
    request: Request | None  # None: it cannot be made, which is put on record
    again: bool
    cost: Cost  # should nothing be heard of it again


@dataclass(frozen=True, slots=True, eq=False)
class Close:
    """A call that is over. Its answer goes on when ``state`` is running."""

    queued: Queued
    attempt_id: int
    result: dict[str, Any]
    state: AnswerState


def came(completion: Completion, request: Request | None, cost: Cost) -> dict[str, Any]:
    """What came back, as columns of an attempt."""
    thought, evidence = observe(completion)
    asked = request.call.thinking if request and request.call else Thinking.default
    adaptive = request is not None and request.adaptive
    misfit = mismatch(asked, thought, evidence, adaptive=adaptive)
    # Thinking that was to be off may be the very reason why there is no answer.
    cut = completion.outcome in (Outcome.truncated, Outcome.empty)
    used_up = cut and asked is Thinking.off
    return {
        "outcome": completion.outcome,
        "thought": thought,
        "evidence": evidence,
        "mismatch": misfit if completion.outcome is Outcome.answered or used_up else "",
        "error_message": storable(completion.note),
        "text": storable(completion.text),
        "thinking_text": storable(completion.thinking_text),
        "thinking_kind": completion.thinking_kind,
        "reasoning_tokens": believable(completion.reasoning_tokens),
        **asdict(usage_of(completion)),
        "cost_usd": cost.usd,
        "cost_source": cost.source,
        "usage": storable(completion.usage),
        "finish_reason": storable(completion.finish_reason),
        "served_model": storable(completion.served_model),
        "response_id": storable(completion.response_id),
        "first_token_ms": completion.first_token_ms,
        "total_ms": completion.total_ms,
    }


def failed(error: ProviderError, cost: Cost) -> dict[str, Any]:
    """What went wrong, as columns of an attempt."""
    return {
        "cost_usd": cost.usd,
        "cost_source": cost.source,
        "outcome": Outcome.error,
        "error_kind": error.kind,
        "error_message": storable(error.message),
        "error_status": error.status,
    }


def begin(session: Session, calls: Sequence[Begin]) -> list[int | None]:
    """Claim answers and record that a call of each starts now.

    Gives the ids of the attempts, None for answers that are no longer wanted.
    """
    connection = session.connection()
    for grid_id in {call.queued.grid_id for call in calls}:
        stamp(session, grid_id)
    wanted = {call.queued.id: call for call in reversed(calls)}
    claim = {
        "first": [id_ for id_, call in wanted.items() if not call.again],
        "again": [id_ for id_, call in wanted.items() if call.again],
    }
    claimed = list(connection.scalars(_CLAIM, claim))
    if not claimed:
        return [None] * len(calls)
    opened = {
        wanted[row.answer_id]: row.id
        for row in connection.execute(_OPEN, [_opened(wanted[id_]) for id_ in claimed])
    }
    return [opened.get(call) for call in calls]


def close(session: Session, calls: Sequence[Close]) -> list[None]:
    """Save what came of attempts, and the new states of their answers."""
    connection = session.connection()
    for grid_id in {call.queued.grid_id for call in calls}:
        stamp(session, grid_id)
    for state in {call.state for call in calls}:
        these = [call for call in calls if call.state is state]
        ids = {
            "answers": [call.queued.id for call in these],
            "attempts": [call.attempt_id for call in these],
        }
        if state is AnswerState.running:
            connection.execute(_GO_ON, ids)
        else:
            connection.execute(_SETTLE, ids | {"new_state": state})
    connection.execute(
        _CLOSE,
        [
            _BLANK | call.result | {"attempt": call.attempt_id, "finished_at": now()}
            for call in calls
        ],
    )
    return [None] * len(calls)


# The statements of every single answer are built once: building one costs more than running it.
_GRID, _ANSWER, _ATTEMPT = (SQLModel.metadata.tables[n] for n in ("grid", "answer", "attempt"))
_SEQ = select(_GRID.c.seq).where(_GRID.c.id == _ANSWER.c.grid_id).scalar_subquery()
_CLAIM = (
    update(_ANSWER)
    .where(
        or_(
            and_(
                _ANSWER.c.id.in_(bindparam("first", expanding=True)),
                _ANSWER.c.state == AnswerState.pending,
            ),
            and_(
                _ANSWER.c.id.in_(bindparam("again", expanding=True)),
                _ANSWER.c.state == AnswerState.running,
            ),
        ),
        select(_GRID.c.id)
        .where(_GRID.c.id == _ANSWER.c.grid_id, _GRID.c.cancelled_at.is_(None))
        .exists(),
    )
    .values(state=AnswerState.running, seq=_SEQ)
    .returning(_ANSWER.c.id)
)
_OPEN = (
    insert(_ATTEMPT)
    .values(
        number=select(func.coalesce(func.max(_ATTEMPT.c.number), 0) + 1)
        .where(_ATTEMPT.c.answer_id == bindparam("answer"))
        .scalar_subquery()
    )
    .returning(_ATTEMPT.c.id, _ATTEMPT.c.answer_id)
)
_BLANK: dict[str, Any] = {
    "outcome": None,
    "text": "",
    "thinking_text": "",
    "thinking_kind": ThinkingKind.none,
    "thought": None,
    "evidence": None,
    "mismatch": "",
    "reasoning_tokens": None,
    "input_tokens": None,
    "output_tokens": None,
    "cached_tokens": None,
    "cache_write_tokens": None,
    "cost_usd": None,
    "cost_source": "",
    "usage": {},
    "finish_reason": "",
    "served_model": "",
    "response_id": "",
    "first_token_ms": None,
    "total_ms": None,
    "error_kind": "",
    "error_message": "",
    "error_status": None,
}
_STILL_OPEN = select(_ATTEMPT.c.id).where(
    _ATTEMPT.c.answer_id == _ANSWER.c.id,
    _ATTEMPT.c.id.in_(bindparam("attempts", expanding=True)),
    _ATTEMPT.c.finished_at.is_(None),
)
_GO_ON = (
    update(_ANSWER)
    .where(
        _ANSWER.c.id.in_(bindparam("answers", expanding=True)),
        _ANSWER.c.state == AnswerState.running,
        _STILL_OPEN.exists(),
    )
    .values(seq=_SEQ)
)
_SETTLE = _GO_ON.values(state=bindparam("new_state"), attempt_id=_STILL_OPEN.scalar_subquery())
_CLOSE = (
    update(_ATTEMPT)
    .where(_ATTEMPT.c.id == bindparam("attempt"), _ATTEMPT.c.finished_at.is_(None))
    .values({name: bindparam(name) for name in ("finished_at", *_BLANK)})
)


def _opened(call: Begin) -> dict[str, Any]:
    """The row of an attempt that starts now."""
    return _BLANK | {
        "answer": call.queued.id,
        "answer_id": call.queued.id,
        "started_at": now(),
        "user_message": call.message.user,
        "system_message": call.message.system,
        "request": call.request.body if call.request else {},
        "thinking_sent": call.request.thinking_sent if call.request else {},
        "temperature_sent": call.request.temperature_sent if call.request else None,
        "temperature_note": call.request.temperature_note if call.request else "",
        "cost_usd": call.cost.usd,
        "cost_source": call.cost.source,
    }
