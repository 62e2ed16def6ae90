"""OpenRouter: Chat Completions in front of many providers, with fields of its own."""

from dataclasses import replace
from typing import Any

from app.providers.base import Call, Request, ThinkingKind
from app.providers.catalogue import Rule
from app.providers.openai_chat import ChatProvider, ChatReply
from app.providers.reply import string, table
from app.providers.spec import ProviderSpec
from app.providers.thinking import LEVELS, Shape, Temperature


class OpenRouterReply(ChatReply):
    """Thinking may come in typed details, and the usage says what the call cost."""

    def take_delta(self, delta: dict[str, Any]) -> None:
        details = delta.get("reasoning_details")
        told = self._told(details) if isinstance(details, list) else ""
        if told and not (delta.get("reasoning") or delta.get("reasoning_content")):
            delta = delta | {"reasoning": told}
        super().take_delta(delta)

    def cost_usd(self) -> float | None:
        cost = _dollars(self.usage.get("cost"))
        if cost is None or self.usage.get("is_byok") is not True:
            return cost
        # With one's own key at the route, ``cost`` is only what the gateway takes for itself.
        details = table(self.usage.get("cost_details"))
        paid = _dollars(details.get("upstream_inference_cost"))
        return None if paid is None else cost + paid

    def _told(self, details: list[Any]) -> str:
        told = []
        for detail in map(table, details):
            kind = detail.get("type")
            if kind == "reasoning.encrypted":
                self.withheld = True
            elif kind == "reasoning.summary":
                self.kind = ThinkingKind.summary
            told.append(string(detail.get("summary")) or string(detail.get("text")))
        return "".join(told)


class OpenRouterProvider(ChatProvider):
    reply = OpenRouterReply
    spec = ProviderSpec(
        name="openrouter",
        title="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        base_url_env=("OPENROUTER_BASE_URL",),
        key_env=("OPENROUTER_API_KEY",),
        headers={"X-OpenRouter-Title": "Bluffcheck"},
        switch="reasoning",
        stream_options=False,  # the usage always comes
        thinking_text=ThinkingKind.summary,
        closes_alone=False,
        silence_s=600,
        price_list="openrouter",
    )

    def build(self, call: Call, thinking: dict[str, Any], temperature: float | None) -> Request:
        request = super().build(call, thinking, temperature)
        if not thinking and temperature is None:
            return request
        # Else a route that does not know a field drops it without a word.
        only = {"provider": {"require_parameters": True}}
        return replace(request, body=request.body | only)

    def refined(self, rule: Rule, entry: dict[str, Any]) -> Rule:
        """``reasoning`` in the list: absent for models that do not think."""
        if "supported_parameters" not in entry:
            return rule  # not the list as we know it
        if "temperature" not in (entry["supported_parameters"] or []):
            rule = replace(rule, temperature=Temperature("never", "ignored"))
        if not isinstance(told := entry.get("reasoning"), dict):
            return replace(rule, shape=Shape.never, levels=())
        efforts = told.get("supported_efforts")
        if isinstance(efforts, list):
            rule = replace(rule, levels=tuple(level for level in LEVELS if level in efforts))
        if told.get("mandatory") is True:
            return replace(rule, shape=Shape.always)
        on = told.get("default_enabled")
        shape = Shape.on if on is True else Shape.off if on is False else Shape.unknown
        return replace(rule, shape=shape)


def _dollars(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e6 else None
