"""One answer: claim it, call the model, repeat the call where that is safe, save the result.

Nothing is called before its attempt is on disk, and no result shows before it is on disk. Each
step is a conditional UPDATE, so a doubled or late step changes nothing.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import stamina
from sqlalchemy import insert, update
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, func, select

from app.errors import BluffcheckError, ProviderError
from app.grids import Providers, call_of, find_model, stamp
from app.messages import compose
from app.providers import Completion, Outcome, Provider, Request
from app.runner.limits import Slot
from app.runner.writer import Writer
from app.tables import Answer, AnswerState, Attempt, Grid, Prompt, Variant, Wording, now

log = logging.getLogger(__name__)
T = TypeVar("T")

TRIES = 4  # calls made for one answer before it counts as failed
WAIT_S = 0.5  # before the second try when the provider named no time; doubles from there
WAIT_MAX_S = 8.0


@dataclass(frozen=True, slots=True)
class Queued:
    """A pending answer, as read from the table."""

    id: int
    grid_id: int
    prompt_id: int
    variant_id: int
    model: str
    repeat: int


class Attempts:
    """Everything needed to run answers; one per runner."""

    def __init__(self, providers: Providers, writer: Writer) -> None:
        self._providers = providers
        self._writer = writer
        # Prompts, wordings and variants never change, so what a pair of them sends never does.
        self._rows: dict[tuple[int, int], tuple[Prompt, Variant, Wording]] = {}

    async def run(self, queued: Queued, slot: Slot) -> None:
        """Run one answer to its end. ``slot`` is held on entry and given back between calls.

        Cancelling the task ends the call; call ``cancelled`` afterwards to put it on record.
        """
        try:
            async for tried in stamina.retry_context(
                on=_retry_after,
                attempts=TRIES,
                timeout=None,
                wait_initial=WAIT_S,
                wait_max=WAIT_MAX_S,
                wait_jitter=WAIT_S / 2,
            ):
                with tried:
                    await slot.acquire()
                    await self._try(queued, slot, tried.num)
        except ProviderError as exc:
            log.info("answer %d failed: %s", queued.id, exc.kind)
        finally:
            slot.release()

    async def _try(self, queued: Queued, slot: Slot, number: int) -> None:
        """Make one call and save what came of it. Raises ProviderError when the call failed."""
        attempt_id = await self._begin(queued, again=number > 1)
        if attempt_id is None:
            return
        try:
            completion = await self._call(queued, attempt_id)
        except ProviderError as exc:
            slot.release()
            if exc.kind == "rate_limit" and exc.retry_after_s:
                slot.pause(exc.retry_after_s)
            last = number >= TRIES or not exc.retryable
            await self._save_error(queued, attempt_id, exc, last=last)
            raise
        slot.release()  # the next call need not wait for the disk
        await self._save(queued, attempt_id, completion)

    async def cancelled(self, queued: Queued) -> None:
        """Put on record that the calls of this answer were ended by a person."""

        def save(session: Session) -> None:
            _close_open_attempts(session, queued.id, "cancelled", "Cancelled during this call.")
            session.execute(
                update(Answer)
                .where(
                    col(Answer.id) == queued.id,
                    col(Answer.state).in_([AnswerState.running, AnswerState.pending]),
                )
                .values(state=AnswerState.cancelled, seq=stamp(session, queued.grid_id))
            )

        await self._saved(save)

    async def _begin(self, queued: Queued, *, again: bool) -> int | None:
        """Claim the answer and record that a call starts now; None when it is no longer wanted."""

        def begin(session: Session) -> int | None:
            expected = AnswerState.running if again else AnswerState.pending
            wanted = select(Grid.id).where(
                Grid.id == queued.grid_id, col(Grid.cancelled_at).is_(None)
            )
            claimed: Any = session.execute(
                update(Answer)
                .where(col(Answer.id) == queued.id, col(Answer.state) == expected, wanted.exists())
                .values(state=AnswerState.running, seq=stamp(session, queued.grid_id))
                .execution_options(synchronize_session=False)
            )
            if not claimed.rowcount:
                return None
            number = select(func.coalesce(func.max(Attempt.number), 0) + 1).where(
                Attempt.answer_id == queued.id
            )
            prompt, variant, wording = self._parts(session, queued)
            message = compose(prompt, wording, variant.system_prompt)
            row = {
                "answer_id": queued.id,
                "number": session.execute(number).scalar_one(),
                "started_at": now(),
                "user_message": message.user,
                "system_message": message.system,
                **_EMPTY_ATTEMPT,
            }
            try:
                request = self._prepare(queued, prompt, variant, wording)[1]
                row |= {"request": request.body, "thinking_sent": request.thinking_sent}
            except (BluffcheckError, ProviderError):
                log.debug("answer %d cannot be prepared", queued.id, exc_info=True)
            inserted = session.execute(insert(Attempt).returning(col(Attempt.id)), [row])
            return int(inserted.scalar_one())

        return await self._saved(begin)

    async def _call(self, queued: Queued, attempt_id: int) -> Completion:
        """Make the call. Raises ProviderError for everything that can go wrong."""
        try:
            provider, request = self._prepare(queued, *self._rows[_pair(queued)])
            if reason := provider.not_ready():
                raise ProviderError("not_ready", reason)
            return await provider.complete(request)
        except ProviderError:
            raise
        except BluffcheckError as exc:
            raise ProviderError("not_ready", str(exc)) from exc
        except Exception as exc:
            log.exception("answer %d, attempt %d: unexpected error", queued.id, attempt_id)
            raise ProviderError(
                "internal", f"Unexpected error in Bluffcheck ({type(exc).__name__}); see its log."
            ) from exc

    async def _save(self, queued: Queued, attempt_id: int, completion: Completion) -> None:
        def save(session: Session) -> None:
            values = {
                "finished_at": now(),
                "outcome": completion.outcome,
                "text": storable(completion.text),
                "thinking_text": storable(completion.thinking_text),
                "thinking_kind": completion.thinking_kind,
                "reasoning_tokens": completion.reasoning_tokens,
                "input_tokens": completion.input_tokens,
                "output_tokens": completion.output_tokens,
                "usage": storable(completion.usage),
                "finish_reason": storable(completion.finish_reason),
                "served_model": storable(completion.served_model),
                "response_id": storable(completion.response_id),
                "first_token_ms": completion.first_token_ms,
                "total_ms": completion.total_ms,
            }
            _finish(session, queued, attempt_id, values, AnswerState.done)

        await self._saved(save)

    async def _save_error(
        self, queued: Queued, attempt_id: int, error: ProviderError, *, last: bool
    ) -> None:
        def save(session: Session) -> None:
            values = {
                "finished_at": now(),
                "outcome": Outcome.error,
                "error_kind": error.kind,
                "error_message": storable(error.message),
                "error_status": error.status,
            }
            _finish(session, queued, attempt_id, values, AnswerState.failed if last else None)

        await self._saved(save)

    async def _saved(self, save: Callable[[Session], T]) -> T:
        """Save, and keep trying while the database cannot: the answer was paid for."""
        async for tried in stamina.retry_context(
            on=OperationalError, attempts=None, timeout=None, wait_initial=0.2, wait_max=5
        ):
            with tried:
                return await self._writer.run(save)
        raise AssertionError("unreachable: it tries for ever")

    def _parts(self, session: Session, queued: Queued) -> tuple[Prompt, Variant, Wording]:
        pair = _pair(queued)
        if pair not in self._rows:
            if len(self._rows) > 50_000:
                self._rows.clear()
            prompt = session.get_one(Prompt, queued.prompt_id)
            variant = session.get_one(Variant, queued.variant_id)
            wording = session.get_one(Wording, variant.wording_id)
            session.expunge_all()
            self._rows[pair] = (prompt, variant, wording)
        return self._rows[pair]

    def _prepare(
        self, queued: Queued, prompt: Prompt, variant: Variant, wording: Wording
    ) -> tuple[Provider, Request]:
        provider, name = find_model(queued.model, self._providers)
        message = compose(prompt, wording, variant.system_prompt)
        return provider, provider.prepare(call_of(name, variant, message, queued.repeat))


def recover(session: Session) -> list[int]:
    """After a crash: put the answers that were in flight back in the queue, on record.

    Returns the grids that have something to run. Only for the one process that holds the database.
    """
    interrupted = session.execute(
        select(Answer.id, Answer.grid_id, Grid.cancelled_at)
        .join(Grid, col(Grid.id) == Answer.grid_id)
        .where(Answer.state == AnswerState.running)
    ).all()
    for answer_id, grid_id, cancelled_at in interrupted:
        _close_open_attempts(
            session,
            answer_id,
            "interrupted",
            "The server stopped during this call. The provider may have billed it.",
        )
        session.execute(
            update(Answer)
            .where(col(Answer.id) == answer_id)
            .values(
                state=AnswerState.cancelled if cancelled_at else AnswerState.pending,
                seq=stamp(session, grid_id),
            )
        )
    pending = select(Answer.grid_id).where(Answer.state == AnswerState.pending).distinct()
    return list(session.exec(pending))


def storable(value: Any) -> Any:
    """Model output made safe for any database: NUL shown as ␀, half surrogates as �."""
    if isinstance(value, str):
        return value.replace("\0", "␀").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {storable(k): storable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [storable(v) for v in value]
    return value


_EMPTY_ATTEMPT: dict[str, Any] = {
    "text": "",
    "thinking_text": "",
    "thinking_kind": "none",
    "usage": {},
    "finish_reason": "",
    "served_model": "",
    "response_id": "",
    "error_kind": "",
    "error_message": "",
    "request": {},
    "thinking_sent": {},
}


def _pair(queued: Queued) -> tuple[int, int]:
    return queued.prompt_id, queued.variant_id


def _retry_after(error: Exception) -> bool | float:
    """Whether to call again, and after how many seconds if the provider said so."""
    if not isinstance(error, ProviderError) or not error.retryable:
        return False
    return error.retry_after_s or True


def _finish(
    session: Session,
    queued: Queued,
    attempt_id: int,
    values: dict[str, Any],
    state: AnswerState | None,
) -> None:
    """Save an attempt, and the answer's new state unless it goes on (``state`` None)."""
    session.execute(
        update(Attempt)
        .where(col(Attempt.id) == attempt_id, col(Attempt.finished_at).is_(None))
        .values(**values)
    )
    answer: dict[str, Any] = {"seq": stamp(session, queued.grid_id)}
    if state is not None:
        answer |= {"state": state, "attempt_id": attempt_id}
    session.execute(
        update(Answer)
        .where(col(Answer.id) == queued.id, col(Answer.state) == AnswerState.running)
        .values(**answer)
    )


def _close_open_attempts(session: Session, answer_id: int, kind: str, message: str) -> None:
    session.execute(
        update(Attempt)
        .where(col(Attempt.answer_id) == answer_id, col(Attempt.finished_at).is_(None))
        .values(finished_at=now(), outcome=Outcome.error, error_kind=kind, error_message=message)
    )
