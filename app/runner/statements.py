"""The statements of every single answer, built once: building one costs more than running it."""

from typing import Any

from sqlalchemy import and_, bindparam, case, func, insert, literal_column, or_, select, update
from sqlmodel import SQLModel

from app.control import state_without_call
from app.providers import Outcome, ThinkingKind
from app.tables import AnswerState

_GRID, _ANSWER, _ATTEMPT = (SQLModel.metadata.tables[n] for n in ("grid", "answer", "attempt"))
_SEQ = select(_GRID.c.seq).where(_GRID.c.id == _ANSWER.c.grid_id).scalar_subquery()
LIMITS = select(
    _GRID.c.id,
    _GRID.c.paused_at,
    _GRID.c.calls,
    _GRID.c.max_calls,
    _GRID.c.committed_usd,
    _GRID.c.max_cost_usd,
).where(_GRID.c.id.in_(bindparam("grids", expanding=True)))
STOP = (
    update(_GRID)
    .where(_GRID.c.id == bindparam("grid"))
    .values(
        stopped_at=bindparam("now"),
        # Calls that are got ready may find it stopped already.
        stopped_seq=func.coalesce(_GRID.c.stopped_seq, bindparam("seq_now")),
    )
)
STOP_PENDING = (
    update(_ANSWER)
    .where(
        _ANSWER.c.grid_id == bindparam("grid"),
        _ANSWER.c.state == AnswerState.pending,
        _ANSWER.c.id.not_in(bindparam("but", expanding=True)),
    )
    .values(state=state_without_call(), seq=bindparam("seq_now"))
)
LATEST = select(func.max(_ATTEMPT.c.id)).where(_ATTEMPT.c.answer_id == bindparam("answer"))
CLAIM = (
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
                select(func.max(_ATTEMPT.c.id))
                .where(_ATTEMPT.c.answer_id == _ANSWER.c.id)
                .scalar_subquery()
                .in_(bindparam("latest", expanding=True)),
            ),
        ),
    )
    .values(state=AnswerState.running, seq=_SEQ)
    .returning(_ANSWER.c.id)
)
BLANK: dict[str, Any] = {
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
    "response": "",
    "first_token_ms": None,
    "total_ms": None,
    "short": "",
    "answer_key": "",
    "suggested": None,
    "suggestion_strength": "",
    "suggestion_reason": "",
    "suggestion_method": "",
    "hedged": False,
    "error_kind": "",
    "error_message": "",
    "error_status": None,
}
_EMPTY = [name for name, value in BLANK.items() if value == "" and name != "cost_source"]
_OPEN_COLUMNS = (
    "answer_id",
    "started_at",
    "user_message",
    "system_message",
    "request",
    "thinking_sent",
    "temperature_sent",
    "temperature_note",
    "expected_usd",
    "cost_usd",
    "cost_source",
)
OPEN = (
    insert(_ATTEMPT)
    .values(
        # What is not known yet stands in the statement: binding it took longer than storing it.
        {name: literal_column("''") for name in _EMPTY}
        | {"usage": literal_column("'{}'"), "thinking_kind": literal_column("'none'")}
        | {name: bindparam(name) for name in _OPEN_COLUMNS},
    )
    .values(
        number=select(func.coalesce(func.max(_ATTEMPT.c.number), 0) + 1)
        .where(_ATTEMPT.c.answer_id == bindparam("answer"))
        .scalar_subquery()
    )
    .returning(_ATTEMPT.c.id, _ATTEMPT.c.answer_id)
)
_NEWER = _ATTEMPT.alias("newer")
OPEN_ONES = select(
    _ATTEMPT.c.id,
    ~select(_NEWER.c.id)
    .where(_NEWER.c.answer_id == _ATTEMPT.c.answer_id, _NEWER.c.id > _ATTEMPT.c.id)
    .exists()
    .label("latest"),
).where(_ATTEMPT.c.id.in_(bindparam("attempts", expanding=True)), _ATTEMPT.c.finished_at.is_(None))
_ITS_ATTEMPT = (
    select(_ATTEMPT.c.id)
    .where(
        _ATTEMPT.c.answer_id == _ANSWER.c.id,
        _ATTEMPT.c.id.in_(bindparam("attempts", expanding=True)),
    )
    .scalar_subquery()
)
GO_ON = (
    update(_ANSWER).where(_ANSWER.c.id.in_(bindparam("answers", expanding=True))).values(seq=_SEQ)
)
SETTLE = GO_ON.values(state=bindparam("new_state"), attempt_id=_ITS_ATTEMPT)
# What is run again and fails leaves the answer that was there before.
_HAS_RESULT = (
    select(_ATTEMPT.c.id)
    .where(_ATTEMPT.c.id == _ANSWER.c.attempt_id, _ATTEMPT.c.outcome != Outcome.error)
    .exists()
)
FAIL = GO_ON.values(
    state=case((_HAS_RESULT, AnswerState.done.value), else_=AnswerState.failed.value),
    attempt_id=case((_HAS_RESULT, _ANSWER.c.attempt_id), else_=_ITS_ATTEMPT),
)
CLOSE = (
    update(_ATTEMPT)
    .where(_ATTEMPT.c.id == bindparam("attempt"), _ATTEMPT.c.finished_at.is_(None))
    .values({name: bindparam(name) for name in ("started_at", "finished_at", *BLANK)})
)
