"""One answer: claim it, call the model, repeat the call where that is safe, save the result."""

import asyncio
import logging
import random
from itertools import count
from time import monotonic

from app.errors import BluffcheckError, ProviderError
from app.partials import Partials
from app.plans import Providers, call_of, find_model
from app.pricing.prices import Cost, PriceBook, Usage, usage_of
from app.providers import Completion, Provider, Request
from app.runner import records
from app.runner.limits import Slot
from app.runner.lull import Lull
from app.runner.queue import Queued
from app.runner.records import Close, Running
from app.runner.writer import Writer
from app.tables import AnswerState, now
from app.upkeep import metrics

log = logging.getLogger(__name__)

TRIES = 4  # calls made for one answer before it counts as failed
RATE_TRIES = 7  # the same where it was called too often: a minute's limit has to pass
WAIT_S = 0.5  # before the second try when the provider named no time; doubles from there
WAIT_MAX_S = 8.0
SLOWING = ("rate_limit", "overloaded")  # kinds of error that slow the whole account


class Attempts:
    """Everything needed to run answers; one per process."""

    def __init__(
        self,
        providers: Providers,
        writer: Writer,
        prices: PriceBook,
        partials: Partials,
        lull: Lull,
    ) -> None:
        self._providers = providers
        self._writer = writer
        self._prices = prices
        self._partials = partials
        self._lull = lull

    async def run(self, running: Running, slot: Slot) -> bool:
        """Run one answer to its end, with ``slot`` until its last call is over.

        False where no call of it was begun: it is not wanted, or its grid paused or stopped. The
        slot is kept while waiting for another try: a provider in trouble is called less.
        Cancelling the task ends the call and puts that on record.
        """
        try:
            if not slot.held:
                await self._lull.wait(slot.taken)
            provider, problem = self._prepare(running)
            for number in count(1):
                error = await self._try(running, slot, provider, problem, number)
                if error is None:
                    break
                if error.kind not in SLOWING:  # then all calls of the account wait
                    await asyncio.sleep(_wait_s(error, number))
            return running.attempt_id is not None
        except asyncio.CancelledError:
            # Written after what this task has written before: a result that came is kept.
            running.let_go = self._writer.put(records.let_go, running)
            raise
        finally:
            slot.release()

    def _prepare(self, running: Running) -> tuple[Provider | None, str]:
        """Build the request; the provider to call with it, or why there can be no call."""
        queued = running.queued
        # Without usage only what costs nothing anyway has a cost.
        running.cost = self._prices.cost(queued.model, now(), Usage())
        try:
            provider, name = find_model(queued.model, self._providers)
            call = call_of(name, queued.variant, queued.message, queued.repeat)
            running.request = provider.prepare(call)
        except BluffcheckError as exc:
            return None, str(exc)
        except Exception as exc:
            log.exception("answer %d cannot be prepared", queued.id)
            return None, _unexpected(exc).message
        return provider, ""

    async def _try(
        self,
        running: Running,
        slot: Slot,
        provider: Provider | None,
        problem: str,
        number: int,
    ) -> ProviderError | None:
        """Make one call and save what came of it; the error if another try is to be made."""
        queued, limit = running.queued, slot.limit
        running.before, running.begun, running.called_at = running.attempt_id, False, None
        # Nothing is begun that has to wait for its turn, but it may be while all slots are held.
        if has_turn := slot.held:
            await limit.turn(queued.expected_tokens)
        began = monotonic()
        try:
            if not await self._writer.put(records.begin, running):
                if number > 1:
                    self._writer.put(records.let_go, running)
                return None
            running.begun = True
            if not has_turn:
                await slot.hold()
                await limit.turn(queued.expected_tokens)
                has_turn = True
            began, running.called_at = monotonic(), now()
            completion = await self._call(queued, running.request, provider, problem)
        except ProviderError as exc:
            return await self._failed(running, slot, exc, number, monotonic() - began)
        finally:
            if has_turn:
                limit.over()
        try:
            if not self._may_forbid_others(running, completion):
                # The next call need wait neither for the disk nor for what follows.
                slot.release()
                with limit.holding_back() as may_wait:
                    await (self._lull.wait() if may_wait else asyncio.sleep(0))
        finally:  # whatever ends this task: what came was paid for
            saved = self._save(running, completion)
        slot.release()
        used = (completion.input_tokens or 0) + (completion.output_tokens or 0)
        await limit.went_through(used - queued.expected_tokens if used else 0)
        try:
            await saved
        except Exception as exc:
            await self._not_saved(running, exc)
        return None

    def _may_forbid_others(self, running: Running, completion: Completion) -> bool:
        """Whether a call took more of its grid's ceiling than was set aside for it."""
        cost = self._cost(running, completion) if running.capped else Cost()
        return (cost.usd or 0.0) > (running.queued.expected_usd or 0.0)

    def _cost(self, running: Running, completion: Completion) -> Cost:
        return self._prices.cost_of(running.queued.model, running.called_at or now(), completion)

    def _save(self, running: Running, completion: Completion) -> asyncio.Future[None]:
        """Bring what came on its way to the disk, where it is once the future has ended."""
        running.cost = self._cost(running, completion)  # prices may have changed in the lull
        try:
            result = records.came(completion, running.request, running.cost, running.queued.prompt)
        except Exception as exc:
            return asyncio.ensure_future(self._not_saved(running, exc))
        return self._writer.put(records.close, Close(running, result, AnswerState.done))

    async def _not_saved(self, running: Running, exc: Exception) -> None:
        log.error("answer %d came, but could not be stored", running.queued.id, exc_info=exc)
        error = _unexpected(exc, "An answer came, but could not be stored")
        await self._close(running, records.failed(error, running.cost), AnswerState.failed)

    async def _failed(
        self, running: Running, slot: Slot, error: ProviderError, number: int, age_s: float
    ) -> ProviderError | None:
        """Save that a call failed; the error if another try is to be made."""
        tries = RATE_TRIES if error.kind == "rate_limit" else TRIES
        goes_on = error.retryable and number < tries
        if error.retryable and error.kind in SLOWING:
            await slot.limit.refused(error, age_s)
        if not goes_on:
            slot.release()
            log.info("answer %d failed: %s", running.queued.id, error.kind)
        state = AnswerState.running if goes_on else AnswerState.failed
        await self._close(running, records.failed(error, running.cost), state)
        return error if goes_on else None

    async def _close(self, running: Running, result: dict[str, object], state: AnswerState) -> None:
        await self._writer.put(records.close, Close(running, result, state))

    async def _call(
        self, queued: Queued, request: Request | None, provider: Provider | None, problem: str
    ) -> Completion:
        """Make the call. Raises ProviderError for everything that can go wrong."""
        if provider is None or request is None:
            raise ProviderError("not_ready", problem)
        heard = self._partials.begin(queued.grid_id, queued.id, queued.prompt.id)
        outcome = "cancelled"
        try:
            with metrics.CALLS_IN_FLIGHT.labels(provider.name).track_inprogress():
                completion = await provider.complete(request, heard)
            outcome = completion.outcome.value
            used = usage_of(completion)
            metrics.TOKENS.labels(provider.name, "input").inc(used.input_tokens or 0)
            metrics.TOKENS.labels(provider.name, "output").inc(used.output_tokens or 0)
            return completion
        except ProviderError as exc:
            outcome = exc.kind
            raise
        except Exception as exc:
            outcome = "internal"
            log.exception("answer %d: unexpected error", queued.id)
            raise _unexpected(exc) from exc
        finally:
            self._partials.end(queued.id)
            metrics.CALLS.labels(provider.name, outcome).inc()


def _wait_s(error: ProviderError, number: int) -> float:
    """Seconds before the next try: what the provider asked for, else more each time."""
    if error.retry_after_s:
        return error.retry_after_s
    longest: float = min(WAIT_S * 2 ** (number - 1), WAIT_MAX_S)
    return longest * random.uniform(0.75, 1.0)  # noqa: S311


def _unexpected(exc: Exception, what: str = "Unexpected error in Bluffcheck") -> ProviderError:
    return ProviderError("internal", f"{what} ({type(exc).__name__}); see the log.")
