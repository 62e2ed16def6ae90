"""What is written about a call: that it starts, and what came of it.

Nothing is called before its attempt is on disk, and no result shows before it is on disk. Each
step changes only rows that are in the state it expects, so a doubled or late step does nothing.
Steps take many answers at once: under load that costs a fifth of one by one.
"""

from asyncio import Future
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_
from sqlmodel import Session, col

from app.control import break_off, commit_usd, take_back
from app.errors import ProviderError
from app.grids import stamp
from app.pricing.prices import Cost, believable, usage_of
from app.providers import Completion, Outcome, Request, Thinking, mismatch, observe
from app.reviewing.labels import forget_labels
from app.runner import queue, statements
from app.runner.queue import Queued
from app.suggestions import suggestion
from app.tables import AnswerState, Attempt, Prompt, now, storable

_ROUNDING = 1e-9  # US dollars by which sums of floats may be off


@dataclass(slots=True, eq=False)
class Running:
    """An answer somebody works on, from its first call to its last."""

    queued: Queued
    request: Request | None  # None: it cannot be made, which is put on record
    cost: Cost  # should nothing be heard of a call again
    attempt_id: int | None = None  # its latest attempt, once that is on disk
    begun: bool = False  # whether that is known to be on disk
    before: int | None = None  # the one before: where ``begin`` starts when it is repeated
    called_at: datetime | None = None  # None: what is begun has not been called yet
    capped: bool = False  # whether its grid had a ceiling on cost as it was begun
    let_go: Future[None] | None = None  # nobody works on it any more, which is being written

    @property
    def grid_id(self) -> int:
        return self.queued.grid_id


@dataclass(frozen=True, slots=True, eq=False)
class Close:
    """A call that is over. Its answer goes on when ``state`` is running."""

    running: Running
    result: dict[str, Any]
    state: AnswerState

    @property
    def grid_id(self) -> int:
        return self.running.grid_id


def came(
    completion: Completion, request: Request | None, cost: Cost, prompt: Prompt
) -> dict[str, Any]:
    """What came back, as columns of an attempt."""
    thought, evidence = observe(completion)
    usage = usage_of(completion)
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
        **{name: getattr(usage, name) for name in usage.__slots__},
        "cost_usd": cost.usd,
        "cost_source": cost.source,
        "usage": storable(completion.usage),
        "finish_reason": storable(completion.finish_reason),
        "served_model": storable(completion.served_model),
        "response_id": storable(completion.response_id),
        "response": storable(completion.response),
        "first_token_ms": completion.first_token_ms,
        "total_ms": completion.total_ms,
        **suggestion(completion.outcome, storable(completion.text), prompt),
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


def begin(session: Session, calls: Sequence[Running]) -> list[bool]:
    """Claim answers and record that a call of each starts now.

    False for answers that are no longer wanted, and for all that a pause or a ceiling of their
    grid forbids; a grid at its ceiling is stopped.
    """
    connection = session.connection()
    for call in calls:  # the number that an earlier, failed transaction gave belongs to others
        call.attempt_id = call.before
    seqs = {id_: stamp(session, id_) for id_ in sorted({call.grid_id for call in calls})}
    allowed: dict[int, Running] = {}
    for grid in connection.execute(statements.LIMITS, {"grids": list(seqs)}):
        own = [call for call in calls if call.grid_id == grid.id]
        for call in own:
            call.capped = grid.max_cost_usd is not None
        fitting = own if not grid.paused_at else []
        if fitting and (room := _room(grid, fitting)) < len(fitting):
            fitting = fitting[:room]
            stop = {"grid": grid.id, "seq_now": seqs[grid.id]}
            connection.execute(statements.STOP, stop | {"now": now()})
            but = [call.queued.id for call in fitting]
            connection.execute(statements.STOP_PENDING, stop | {"but": but})
        allowed |= {call.queued.id: call for call in fitting}
    claim = {
        "first": [id_ for id_, call in allowed.items() if call.attempt_id is None],
        "again": [id_ for id_, call in allowed.items() if call.attempt_id is not None],
        "latest": [call.attempt_id for call in allowed.values() if call.attempt_id is not None],
    }
    claimed = [allowed[id_] for id_ in connection.scalars(statements.CLAIM, claim)]
    if claimed:
        rows = connection.execute(statements.OPEN, [_opened(call) for call in claimed])
        for row in rows:
            allowed[row.answer_id].attempt_id = row.id
    for grid_id in seqs:
        if own := [call for call in claimed if call.grid_id == grid_id]:
            usd = sum(call.queued.expected_usd or 0.0 for call in own)
            commit_usd(session, grid_id, usd, len(own))
    begun = set(map(id, claimed))
    return [id(call) in begun for call in calls]


def close(session: Session, calls: Sequence[Close]) -> list[None]:
    """Save what came of attempts, and the new states of their answers."""
    connection = session.connection()
    for grid_id in sorted({call.grid_id for call in calls}):
        stamp(session, grid_id)
    ids = [call.running.attempt_id for call in calls]
    # Whether each attempt that is still open is its answer's latest.
    still_open = {
        row.id: row.latest for row in connection.execute(statements.OPEN_ONES, {"attempts": ids})
    }
    live = [call for call in calls if call.running.attempt_id in still_open]
    if not live:
        return [None] * len(calls)
    own = [call for call in live if still_open[call.running.attempt_id]]
    for state in {call.state for call in own}:
        these = [call for call in own if call.state is state]
        answers = {
            "answers": [call.running.queued.id for call in these],
            "attempts": [call.running.attempt_id for call in these],
        }
        if state is AnswerState.running:
            connection.execute(statements.GO_ON, answers)
        elif state is AnswerState.failed:
            connection.execute(statements.FAIL, answers)
        else:
            connection.execute(statements.SETTLE, answers | {"new_state": state})
    done = (c.running.queued for c in own if c.state is AnswerState.done)
    again = [queued.id for queued in done if queued.again]
    if again:
        # Only now does something newer count: labels were given to what was there before.
        forget_labels(session, again)
    connection.execute(
        statements.CLOSE,
        [
            statements.BLANK
            | call.result
            | {"attempt": call.running.attempt_id, "finished_at": now()}
            | {"started_at": call.running.called_at}
            for call in live
        ],
    )
    for grid_id, usd in _differences(live).items():
        commit_usd(session, grid_id, usd)
    return [None] * len(calls)


def let_go(session: Session, left: Sequence[Running]) -> list[None]:
    """Nobody works on these any more: they go back to the queue, unless somebody else has them."""
    connection = session.connection()
    for running in left:
        if running.attempt_id is None:
            continue  # it never began, or that was undone with its transaction
        stamp(session, running.grid_id)
        latest = connection.scalar(statements.LATEST, {"answer": running.queued.id})
        mine = latest == running.attempt_id
        back = mine and queue.put_back(session, running.queued.id, running.grid_id)
        why = queue.INTERRUPTED if back else queue.CANCELLED
        # Its number may come from a transaction that failed, and be another answer's by now.
        own = and_(
            col(Attempt.answer_id) == running.queued.id, col(Attempt.id) == running.attempt_id
        )
        if running.called_at is None and running.attempt_id != running.before:
            take_back(session, running.grid_id, own)
        else:
            break_off(session, running.grid_id, own, *why)
    return [None] * len(left)


def _room(grid: Any, calls: Sequence[Running]) -> int:
    """How many of these calls, in their order, may be made under the grid's ceilings."""
    usd, made = grid.committed_usd, grid.calls
    for number, call in enumerate(calls):
        usd += call.queued.expected_usd or 0.0
        made += 1
        dear = grid.max_cost_usd is not None and usd - _ROUNDING > grid.max_cost_usd
        if dear or (grid.max_calls is not None and made > grid.max_calls):
            return number
    return len(calls)


def _differences(calls: Iterable[Close]) -> dict[int, float]:
    """US dollars by which closed calls cost more than was expected, per grid."""
    found: dict[int, float] = {}
    for call in calls:
        usd = (call.result.get("cost_usd") or 0.0) - (call.running.queued.expected_usd or 0.0)
        found[call.grid_id] = found.get(call.grid_id, 0.0) + usd
    return {grid_id: usd for grid_id, usd in found.items() if usd}


def _opened(call: Running) -> dict[str, Any]:
    """The row of an attempt that starts now."""
    request, message = call.request, call.queued.message
    return {
        "answer": call.queued.id,
        "answer_id": call.queued.id,
        "started_at": now(),
        "user_message": message.user,
        "system_message": message.system,
        "request": request.body if request else {},
        "thinking_sent": request.thinking_sent if request else {},
        "temperature_sent": request.temperature_sent if request else None,
        "temperature_note": request.temperature_note if request else "",
        "expected_usd": call.queued.expected_usd,
        "cost_usd": call.cost.usd,
        "cost_source": call.cost.source,
    }
