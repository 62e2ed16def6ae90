"""One answer: claim it, call the model, repeat the call where that is safe, save the result."""

import asyncio
import logging
from dataclasses import dataclass

import stamina

from app.errors import BluffcheckError, ProviderError
from app.messages import Message, compose
from app.partials import Partials
from app.plans import Providers, call_of, find_model
from app.prices import PriceBook, Usage
from app.providers import Completion, Provider, Request
from app.runner import queue, records
from app.runner.budgets import Budgets
from app.runner.limits import Slot
from app.runner.queue import Queued
from app.runner.records import Begin, Close
from app.runner.writer import Writer
from app.tables import AnswerState, now

log = logging.getLogger(__name__)

TRIES = 4  # calls made for one answer before it counts as failed
WAIT_S = 0.5  # before the second try when the provider named no time; doubles from there
WAIT_MAX_S = 8.0


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A call, ready to be made as often as needed; or why it cannot be made at all."""

    queued: Queued
    message: Message
    request: Request | None = None
    provider: Provider | None = None
    problem: str = ""


class Attempts:
    """Everything needed to run answers; one per runner."""

    def __init__(
        self,
        providers: Providers,
        writer: Writer,
        prices: PriceBook,
        budgets: Budgets,
        partials: Partials,
    ) -> None:
        self._providers = providers
        self._writer = writer
        self._prices = prices
        self._budgets = budgets
        self._partials = partials

    async def run(self, queued: Queued, slot: Slot) -> None:
        """Run one answer to its end, holding ``slot`` until its last call is over.

        The slot is kept while waiting for another try: a provider in trouble is called less.
        Cancelling the task ends the call and puts that on record.
        """
        try:
            prepared = self._prepare(queued)
            async for tried in stamina.retry_context(
                on=_retry_after,
                attempts=TRIES,
                timeout=None,
                wait_initial=WAIT_S,
                wait_max=WAIT_MAX_S,
                wait_jitter=WAIT_S / 2,
            ):
                with tried:
                    await slot.limit.pause_over()
                    await self._try(prepared, slot, tried.num)
        except ProviderError as exc:
            log.info("answer %d failed: %s", queued.id, exc.kind)
        except asyncio.CancelledError:
            # Written after what this task has written before: a result that came is kept.
            self._writer.put(queue.let_go, queued)
            raise
        finally:
            slot.release()

    def _prepare(self, queued: Queued) -> _Prepared:
        variant = queued.variant
        message = compose(queued.prompt, queued.wording, variant.system_prompt)
        try:
            provider, name = find_model(queued.model, self._providers)
            request = provider.prepare(call_of(name, variant, message, queued.repeat))
        except BluffcheckError as exc:
            return _Prepared(queued, message, problem=str(exc))
        except Exception as exc:
            log.exception("answer %d cannot be prepared", queued.id)
            return _Prepared(queued, message, problem=_unexpected(exc).message)
        return _Prepared(queued, message, request, provider)

    async def _try(self, prepared: _Prepared, slot: Slot, number: int) -> None:
        """Make one call and save what came of it. Raises ProviderError when the call failed."""
        queued = prepared.queued
        started_at = now()
        # Without usage only what costs nothing anyway has a cost.
        unheard = self._prices.cost(queued.model, started_at, Usage())
        start = Begin(queued, prepared.message, prepared.request, number > 1, unheard)
        attempt_id = await self._writer.put(records.begin, start)
        if attempt_id is None:
            return
        try:
            completion = await self._call(prepared)
        except ProviderError as exc:
            goes_on = exc.retryable and number < TRIES
            if not goes_on:
                slot.release()
            elif exc.retry_after_s:
                slot.limit.pause(exc.retry_after_s)
            state = AnswerState.running if goes_on else AnswerState.failed
            await self._close(Close(queued, attempt_id, records.failed(exc, unheard), state))
            raise
        slot.release()  # the next call need not wait for the disk
        cost = self._prices.cost_of(queued.model, started_at, completion)
        self._budgets.settle(queued, cost.usd)
        try:
            result = records.came(completion, prepared.request, cost)
            await self._close(Close(queued, attempt_id, result, AnswerState.done))
        except Exception as exc:
            log.exception("answer %d came, but could not be stored", queued.id)
            error = _unexpected(exc, "An answer came, but could not be stored")
            result = records.failed(error, cost)
            await self._close(Close(queued, attempt_id, result, AnswerState.failed))

    async def _close(self, close: Close) -> None:
        await self._writer.put(records.close, close)

    async def _call(self, prepared: _Prepared) -> Completion:
        """Make the call. Raises ProviderError for everything that can go wrong."""
        if prepared.provider is None or prepared.request is None:
            raise ProviderError("not_ready", prepared.problem)
        queued = prepared.queued
        heard = self._partials.begin(queued.grid_id, queued.id, queued.prompt.id)
        try:
            return await prepared.provider.complete(prepared.request, heard)
        except ProviderError:
            raise
        except Exception as exc:
            log.exception("answer %d: unexpected error", queued.id)
            raise _unexpected(exc) from exc
        finally:
            self._partials.end(queued.id)


def _retry_after(error: Exception) -> bool | float:
    """Whether to call again, and after how many seconds if the provider said so."""
    if not isinstance(error, ProviderError) or not error.retryable:
        return False
    return error.retry_after_s or True


def _unexpected(exc: Exception, what: str = "Unexpected error in Bluffcheck") -> ProviderError:
    return ProviderError("internal", f"{what} ({type(exc).__name__}); see the log.")
