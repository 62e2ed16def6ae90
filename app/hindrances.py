"""Hindrances: what a model is known not to take, and what of it is asked for all the same."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.providers import Provider, Thinking, split_model


@dataclass(frozen=True)
class Hindrance:
    """A thinking setting that a model is known not to take."""

    model: str
    thinking: Thinking
    reason: str
    can_force: bool  # there are fields that would ask for it all the same
    forced: bool  # and it is asked for all the same
    expected: str  # what the API then does: "refused" or "ignored"

    @property
    def setting(self) -> str:
        """As a form names it: "off provider/model-id"."""
        return f"{self.thinking} {self.model}"

    def __str__(self) -> str:
        return f"{self.model}, thinking {self.thinking}: {self.reason}"


def find_hindrances(
    model: str,
    settings: Sequence[Thinking],
    wanted: Collection[Thinking],
    providers: Mapping[str, Provider],
) -> list[Hindrance]:
    """Which of these settings the model is known not to take; ``wanted`` are forced if possible.

    Raises InvalidInput where there is no such provider.
    """
    provider, name = split_model(model, providers)
    rule = providers[provider].rule(name)
    return [
        Hindrance(
            model,
            thinking,
            reason,
            rule.can_force(thinking),
            rule.can_force(thinking) and thinking in wanted,
            rule.when_forced,
        )
        for thinking in settings
        if (reason := rule.reason_against(thinking))
    ]


def nothing_left(hindrances: Sequence[Hindrance]) -> str:
    """A sentence for when they leave nothing to call."""
    first = hindrances[0]
    return (
        f"None of these models takes any of these thinking settings: {first.model} with"
        f" thinking {first.thinking}: {first.reason}"
    )
