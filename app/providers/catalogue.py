"""models.toml: what each model can be asked about thinking, and which ids are known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from app.errors import SettingsError
from app.providers.base import ModelInfo, Thinking, ThinkingKind, ThinkingRule

SETTINGS = frozenset(Thinking) - {Thinking.default}
LEVELS = (Thinking.low, Thinking.medium, Thinking.high)


@dataclass(frozen=True, slots=True)
class ModelRule:
    """One [[rule]] table."""

    patterns: tuple[str, ...]
    thinking: ThinkingRule
    temperature_needs_off: bool = False
    thinking_text: ThinkingKind | None = None

    def matches(self, model: str) -> bool:
        return any(fnmatchcase(model.lower(), pattern) for pattern in self.patterns)

    def takes_temperature(self, thinking: Thinking) -> bool:
        """Whether a temperature may be sent together with this thinking setting."""
        if not self.temperature_needs_off:
            return self.thinking.temperature
        if thinking is Thinking.default:
            return self.thinking.default == "off"
        return thinking is Thinking.off


@dataclass(slots=True)
class Catalogue:
    """All rules and known models, by provider."""

    rules: dict[str, list[ModelRule]] = field(default_factory=dict)
    models: dict[str, list[ModelInfo]] = field(default_factory=dict)

    def add(self, tables: Mapping[str, Any], source: str) -> None:
        """Take in the [[rule]] and [[model]] tables of one file."""
        for table in tables.get("rule", []):
            self.rules.setdefault(table.get("provider", ""), []).append(_rule(table, source))
        for table in tables.get("model", []):
            provider = table.get("provider", "")
            known = [ModelInfo(provider, name, title) for name, title in table.get("ids", [])]
            self.models.setdefault(provider, []).extend(known)

    def rule(self, provider: str, model: str) -> ModelRule:
        return next(rule for rule in self.rules[provider] if rule.matches(model))

    def require(self, providers: Iterable[str], source: str) -> None:
        """Every provider named needs rules, the last one for models nobody has described."""
        for name in providers:
            rules = self.rules.get(name, [])
            if not rules or "*" not in rules[-1].patterns:
                raise SettingsError(
                    f"{source}: provider {name} needs a last [[rule]] with models = ['*'],"
                    " or rules = '<provider to take them from>'."
                )


def _rule(table: Mapping[str, Any], source: str) -> ModelRule:
    where = f"{source}: rule for {table.get('provider')} {table.get('models')}"
    cannot = dict(table.get("cannot", {}))
    levels_reason = cannot.pop("levels", "")
    fields: dict[Thinking, dict[str, Any]] = {Thinking.default: {}}
    reasons: dict[Thinking, str] = {}
    for setting in Thinking:
        if setting is Thinking.default:
            continue
        reason = cannot.pop(setting.value, "") or (levels_reason if setting in LEVELS else "")
        if setting.value in table:
            fields[setting] = dict(table[setting.value])
        elif reason:
            reasons[setting] = reason
        else:
            raise SettingsError(f"{where} neither gives nor excuses {setting.value!r}.")
    temperature = table.get("temperature", True)
    default = table.get("default", "unknown")
    if cannot or default not in ("off", "on", "unknown") or not table.get("models"):
        raise SettingsError(f"{where} is malformed (cannot, default or models).")
    if temperature not in (True, False, "when_off"):
        raise SettingsError(f"{where}: temperature is not true, false or 'when_off'.")
    text = table.get("thinking_text")
    rule = ThinkingRule(fields, reasons, default, temperature is not False, table.get("note", ""))
    return ModelRule(
        patterns=tuple(table["models"]),
        thinking=rule,
        temperature_needs_off=temperature == "when_off",
        thinking_text=ThinkingKind(text) if text else None,
    )
