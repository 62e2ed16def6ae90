"""Practice models: simulated, deterministic, without key and without network."""

import asyncio
import hashlib
import re
from dataclasses import replace
from time import perf_counter
from typing import Any

from app.errors import ProviderError
from app.providers import practice_answers as answers
from app.providers.base import (
    Call,
    Completion,
    Heard,
    ModelInfo,
    Outcome,
    Request,
    Status,
    Thinking,
    ThinkingKind,
    ThinkingRule,
)
from app.providers.thinking import LEVELS, Shape

TITLES = {
    "bluffer": "Practice: bluffer",
    "honest": "Practice: honest",
    "thinker": "Practice: thinker",
    "flaky": "Practice: flaky",
}
PIECES = 8  # that an answer is said in
_ON = (Thinking.on, *LEVELS)
_RULE = ThinkingRule(
    fields={
        Thinking.default: {},
        Thinking.off: {"thinking": "off"},
        **{level: {"thinking": level.value} for level in _ON},
    },
    cannot={},
    shape=Shape.off,
    levels=LEVELS,
    note="A practice model: simulated, nothing is sent anywhere.",
)


class PracticeProvider:
    """Answers after a made-up delay. The same call always gets the same answer."""

    name = "practice"
    title = "Practice models (simulated)"
    account = "practice"
    practice = True
    price_list = ""

    def __init__(self, latency_s: float, seed: int = 0) -> None:
        self._latency_s = latency_s
        self._seed = seed
        self._refused: dict[bytes, int] = {}  # how often a flaky draw was turned away

    def not_ready(self) -> str:
        return ""

    def status(self) -> Status:
        return Status(listed=True)

    def rule(self, model: str) -> ThinkingRule:
        return _RULE

    def prepare(self, call: Call) -> Request:
        body: dict[str, Any] = {"model": f"practice/{call.model}", "messages": call.messages}
        body |= {"max_tokens": call.max_tokens} | _RULE.fields[call.thinking]
        if call.temperature is not None:
            body["temperature"] = call.temperature
        fields = dict(_RULE.fields[call.thinking])
        return Request("practice", body, fields, temperature_sent=call.temperature, call=call)

    async def complete(self, request: Request, heard: Heard | None = None) -> Completion:
        started = perf_counter()
        call = request.call
        if call is None or call.model not in TITLES:
            asked = call.model if call else "without a name"
            raise ProviderError("not_found", f"There is no practice model {asked}.", status=404)
        # The draw leaves the repeat out where answers must differ from one repeat to the next.
        base, draw = self._hash(call, repeat=False), self._hash(call, repeat=True)
        thinks = call.thinking in _ON
        delay_s = self._latency_s * (0.6 + 0.8 * draw[0] / 255) * (2 if thinks else 1)
        await asyncio.sleep(delay_s * 0.3)
        first_token_ms = _ms(started)
        if call.model == "flaky":
            self._turn_away(draw)
        reply = answers.reply(call, base, draw, thinks=thinks)
        if heard is None or not delay_s:
            await asyncio.sleep(delay_s * 0.7)
        else:
            await _say(reply.text, heard, delay_s * 0.7)
        completion = _completion(call, reply, draw)
        return replace(completion, first_token_ms=first_token_ms, total_ms=_ms(started))

    def known_models(self) -> list[ModelInfo]:
        return [ModelInfo(self.name, name, title) for name, title in TITLES.items()]

    async def list_models(self) -> list[ModelInfo]:
        return self.known_models()

    async def aclose(self) -> None:
        """Nothing is open."""

    def _hash(self, call: Call, *, repeat: bool) -> bytes:
        parts = [self._seed, call.model, call.user, call.system, call.thinking.value]
        return hashlib.sha256(repr([*parts, call.repeat if repeat else 0]).encode()).digest()

    def _turn_away(self, draw: bytes) -> None:
        """Answer 429 to the first one or two attempts of three draws in ten."""
        already = self._refused.get(draw, 0)
        if already < answers.refusals(draw):
            self._refused[draw] = already + 1
            raise ProviderError(
                "rate_limit",
                "The practice model says that it is called too often (a simulated 429).",
                status=429,
                retryable=True,
                retry_after_s=0.2 + 0.8 * draw[2] / 255,
            )
        self._refused.pop(draw, None)


async def _say(text: str, heard: Heard, seconds: float) -> None:
    """Let ``text`` be heard word by word, in at most so many pieces."""
    words = re.findall(r"\s*\S+\s*", text) or [""]
    step = -(-len(words) // PIECES)
    pieces = ["".join(words[i : i + step]) for i in range(0, len(words), step)]
    for piece in pieces:
        await asyncio.sleep(seconds / (len(pieces) + 1))
        heard(piece)
    await asyncio.sleep(seconds / (len(pieces) + 1))


def _completion(call: Call, reply: answers.Reply, draw: bytes) -> Completion:
    prompt, said, thought = (
        _tokens(text) for text in (f"{call.system} {call.user}", reply.text, reply.thinking)
    )
    outcome = Outcome.truncated if reply.cut else Outcome.answered if reply.text else Outcome.empty
    return Completion(
        text=reply.text,
        outcome=outcome,
        finish_reason="length" if reply.cut else "stop",
        thinking_text=reply.thinking,
        thinking_kind=ThinkingKind.full if reply.thinking else ThinkingKind.none,
        reasoning_tokens=thought,
        input_tokens=prompt,
        output_tokens=said + thought,
        usage={
            "practice": True,
            "prompt_tokens": prompt,
            "completion_tokens": said + thought,
            "completion_tokens_details": {"reasoning_tokens": thought},
        },
        served_model=f"practice/{call.model}",
        response_id=f"practice-{draw.hex()[:12]}",
    )


def _tokens(text: str) -> int:
    return round(len(text.split()) * 1.3)


def _ms(started: float) -> int:
    return round((perf_counter() - started) * 1000)
