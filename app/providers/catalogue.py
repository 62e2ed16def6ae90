"""models.toml: how thinking is switched, what each model can be asked, and which ids are known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from app.errors import SettingsError
from app.providers.base import ModelInfo
from app.providers.thinking import LEVELS, Shape, Temperature, Thinking, ThinkingKind, ThinkingRule

Fields = dict[str, Any]
USUAL_LEVELS = (Thinking.low, Thinking.medium, Thinking.high)
SETTINGS = frozenset(Thinking) - {Thinking.default}


@dataclass(frozen=True, slots=True)
class Switch:
    """One [switch.…] table: the fields that ask for thinking off, on, and at a level."""

    title: str
    off: Fields | None = None  # None: there are no such fields
    on: Fields | None = None
    level: Fields | None = None  # "{level}" and "{LEVEL}" are filled in
    adaptive: bool = False
    display: str = ""

    def at(self, level: Thinking) -> Fields | None:
        return None if self.level is None else _filled(self.level, level)


@dataclass(frozen=True, slots=True)
class Rule:
    """One [[rule]] table: what the models that match its patterns can be asked."""

    patterns: tuple[str, ...] = ("*",)
    shape: Shape = Shape.unknown
    levels: tuple[Thinking, ...] = LEVELS
    switch: str = ""  # empty: the provider's
    off: Fields | None = None  # in place of the switch's fields
    on: Fields | Thinking | None = None  # fields, or the level that stands for "on"
    why: Mapping[str, str] = field(default_factory=dict)  # setting → reason, in place of the usual
    when_forced: str = "refused"
    temperature: Temperature = field(default_factory=Temperature)
    kind: ThinkingKind | None = None
    note: str = ""

    def matches(self, model: str) -> bool:
        return any(fnmatchcase(model.lower(), pattern) for pattern in self.patterns)

    def thinking(self, switch: Switch) -> ThinkingRule:
        """The same with the fields of its switch filled in."""
        fields: dict[Thinking, Fields | None] = {
            Thinking.default: {},
            Thinking.off: self._off(switch),
            Thinking.on: self._on(switch),
            **{level: switch.at(level) for level in LEVELS},
        }
        cannot = {s: self._why_not(s, fields[s]) for s in Thinking if s in SETTINGS}
        return ThinkingRule(
            fields={setting: given for setting, given in fields.items() if given is not None},
            cannot={setting: reason for setting, reason in cannot.items() if reason},
            shape=self.shape,
            levels=self.levels,
            adaptive=switch.adaptive,
            when_forced=self.when_forced,
            kind=self.kind,
            display=switch.display,
            temperature=self.temperature,
            note=self.note,
        )

    def _off(self, switch: Switch) -> Fields | None:
        if self.off is not None:
            return self.off
        return {} if self.shape is Shape.never else switch.off

    def _on(self, switch: Switch) -> Fields | None:
        if isinstance(self.on, Thinking):
            return switch.at(self.on)
        return switch.on if self.on is None else self.on

    def _why_not(self, setting: Thinking, fields: Fields | None) -> str:
        if reason := self.why.get(setting) or (self.why.get("levels", "") * (setting in LEVELS)):
            return reason
        if self.shape is Shape.never and setting is not Thinking.off:
            return "This model does not think."
        if self.shape is Shape.always and setting is Thinking.off:
            refuses = "the API refuses to switch it off."
            ignores = "the API accepts the switch and ignores it."
            says = refuses if self.when_forced == "refused" else ignores
            return f"This model always thinks: {says}"
        if setting in LEVELS and setting not in self.levels:
            known = ", ".join(self.levels)
            takes = f"no effort but {known}" if known else "no effort levels"
            return f"This model takes {takes}."
        if fields is None:
            return "No field is known that would ask this model for it."
        return ""


@dataclass(slots=True)
class Catalogue:
    """All switches, rules and known models."""

    switches: dict[str, Switch] = field(default_factory=dict)
    rules: dict[str, list[Rule]] = field(default_factory=dict)  # by provider
    models: dict[str, list[ModelInfo]] = field(default_factory=dict)  # by provider

    def add(self, tables: Mapping[str, Any], source: str) -> None:
        """Take in the tables of one file; its rules go before those that are there already.

        Raises SettingsError for wrong ones.
        """
        added: dict[str, list[Rule]] = {}
        for name, table in tables.get("switch", {}).items():
            try:
                self.switches[name] = Switch(**table)
            except TypeError:
                raise SettingsError(f"{source}: the switch {name} has unknown fields.") from None
        for table in tables.get("rule", []):
            rule = _rule(table, source)
            if rule.switch and rule.switch not in self.switches:
                raise SettingsError(f"{source}: there is no switch {rule.switch!r}.")
            added.setdefault(table["provider"], []).append(rule)
        for provider, rules in added.items():
            self.rules[provider] = rules + self.rules.get(provider, [])
        for table in tables.get("model", []):
            self.models.setdefault(table.get("provider", ""), []).extend(_models(table, source))

    def rule(self, provider: str, model: str) -> Rule:
        """The first that matches; for models nobody has described, one that rules nothing out."""
        return next((r for r in self.rules.get(provider, []) if r.matches(model)), Rule())


def _models(table: Mapping[str, Any], source: str) -> list[ModelInfo]:
    match table:
        case {"provider": str(provider), "ids": [*ids], **rest} if not rest and all(
            isinstance(pair, list) and len(pair) == 2 for pair in ids
        ):
            return [ModelInfo(provider, str(name), str(title)) for name, title in ids]
    raise SettingsError(f"{source}: a [[model]] needs provider and ids = [[id, title], …] only.")


_KNOWN = {
    "provider", "models", "thinking", "levels", "switch", "off", "on", "why", "when_forced",
    "temperature", "temperature_otherwise", "temperature_highest", "thinking_text", "note",
}  # fmt: skip


def _rule(table: Mapping[str, Any], source: str) -> Rule:
    where = f"{source}: rule for {table.get('provider')} {table.get('models')}"
    if not table.get("provider") or not table.get("models"):
        raise SettingsError(f"{where}: provider and models are needed.")
    if unknown := sorted(set(table) - _KNOWN):
        raise SettingsError(f"{where}: unknown fields: {', '.join(unknown)}.")
    if wrong := set(table.get("why", {})) - SETTINGS - {"levels"}:
        raise SettingsError(f"{where}: why has no setting {', '.join(sorted(wrong))}.")
    try:
        shape = Shape(table.get("thinking", Shape.unknown))
        usual = LEVELS if shape is Shape.unknown else USUAL_LEVELS
        levels = {Thinking(name) for name in table.get("levels", usual)}
        on = table.get("on")
        on = Thinking(on) if isinstance(on, str) else on
        text = table.get("thinking_text")
        kind = ThinkingKind(text) if text else None
    except ValueError as exc:
        raise SettingsError(f"{where}: {exc}.") from None
    temperature = Temperature(
        table.get("temperature", "always"),
        table.get("temperature_otherwise", "refused"),
        table.get("temperature_highest", 2.0),
    )
    forced = table.get("when_forced", "refused")
    if temperature.taken not in ("always", "never", "when off") or not (
        {temperature.otherwise, forced} <= {"refused", "ignored"}
    ):
        raise SettingsError(f"{where}: temperature or when_forced has a value nobody knows.")
    return Rule(
        patterns=tuple(table["models"]),
        shape=shape,
        levels=() if shape is Shape.never else tuple(sorted(levels, key=LEVELS.index)),
        switch=table.get("switch", ""),
        off=table.get("off"),
        on=on,
        why=table.get("why", {}),
        when_forced=forced,
        temperature=temperature,
        kind=kind,
        note=table.get("note", ""),
    )


def _filled(template: Any, level: Thinking) -> Any:
    """``template`` with the level's name in every text."""
    if isinstance(template, dict):
        return {key: _filled(value, level) for key, value in template.items()}
    if isinstance(template, str):
        return template.replace("{level}", level).replace("{LEVEL}", level.upper())
    return template
