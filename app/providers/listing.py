"""The models of one provider: the catalogue's, and those that the server itself lists."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from app.providers.base import ModelInfo, ThinkingRule
from app.providers.catalogue import Catalogue, Rule
from app.providers.spec import ProviderSpec

Described = tuple[ModelInfo, dict[str, Any]]  # a model, with the server's entry of it


class ModelList:
    """What is known of a provider's models. ``error`` says why it could not be asked lately."""

    def __init__(self, spec: ProviderSpec, catalogue: Catalogue) -> None:
        self.listed = False  # the server has listed its models
        self.error = ""
        self._spec = spec
        self._catalogue = catalogue
        self._rules_of = spec.rules or spec.name
        self._models = [
            replace(m, provider=spec.name) for m in catalogue.models.get(self._rules_of, [])
        ]
        self._known = {m.name: m for m in self._models}
        self._refined: dict[str, Rule] = {}
        self._rules: dict[str, ThinkingRule] = {}  # filled in when they are asked for

    @property
    def models(self) -> list[ModelInfo]:
        """Those listed, the known ones among them first; before a listing, the known ones."""
        return list(self._models)

    def rule(self, model: str) -> ThinkingRule:
        if model not in self._rules:
            data = self._refined.get(model) or self._catalogue.rule(self._rules_of, model)
            taken = tuple(level for level in data.levels if level not in self._spec.no_levels)
            data = replace(data, levels=taken)
            switch = self._catalogue.switches[data.switch or self._spec.switch]
            self._rules[model] = data.thinking(switch)
        return self._rules[model]

    def take(
        self,
        described: Iterable[Described],
        refine: Callable[[Rule, dict[str, Any]], Rule],
    ) -> list[ModelInfo]:
        """Keep what the server listed, and what its entries tell beyond the catalogue."""
        entries = {m.name: (m, entry) for m, entry in described if not self._skips(m.name)}
        ordered = [*(name for name in self._known if name in entries), *entries]
        self._models = [self._titled(entries[name][0]) for name in dict.fromkeys(ordered)]
        self._refined = {
            name: refine(self._catalogue.rule(self._rules_of, name), entry)
            for name, (_, entry) in entries.items()
        }
        self._rules = {}
        self.listed, self.error = True, ""
        return self.models

    def forget(self, error: str) -> None:
        """The server is not there any more."""
        self._models = list(self._known.values())
        self._refined, self._rules = {}, {}
        self.listed, self.error = False, error

    def _titled(self, model: ModelInfo) -> ModelInfo:
        return model if model.title else self._known.get(model.name, model)

    def _skips(self, model: str) -> bool:
        return any(fnmatchcase(model.lower(), pattern) for pattern in self._spec.skip_models)
