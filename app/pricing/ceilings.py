"""How many calls a grid may make, and how many US dollars it may cost."""

from dataclasses import dataclass
from decimal import Decimal

from app.pricing.money import dollars


@dataclass(frozen=True, slots=True)
class Ceilings:
    """None: no ceiling. The one on cost also stops a grid that runs (see runner/records.py)."""

    max_calls: int | None = None
    max_cost_usd: float | None = None

    @property
    def max_cost_text(self) -> str:
        """For a form's field, to the last digit, for it comes back: 10, 2.50, 0.004, or empty."""
        if self.max_cost_usd is None:
            return ""
        in_cents = f"{self.max_cost_usd:.2f}"
        if float(in_cents) != self.max_cost_usd:
            return f"{Decimal(str(self.max_cost_usd)):f}"
        return in_cents.removesuffix(".00")

    def problem(self, calls: int, expected_usd: float) -> str:
        """Why a grid of so many calls may not start, and what to do; empty: it may."""
        if self.max_calls is not None and calls > self.max_calls:
            return (
                f"This grid would make {calls:,} calls and is to stop above {self.max_calls:,}."
                " Raise that ceiling (“Stop above … calls”, max_calls in the API), or take fewer"
                " prompts, models, variants or repeats."
            )
        if self.max_cost_usd is not None and expected_usd > self.max_cost_usd:
            return (
                f"This grid would cost about {dollars(expected_usd)} and is to stop above"
                f" {dollars(self.max_cost_usd)}. Raise that ceiling (“Stop above … US dollars”,"
                " max_cost_usd in the API), or take fewer or cheaper models, variants or repeats."
            )
        return ""


NO_CEILINGS = Ceilings()
NEAR = 0.8  # of a ceiling, from where on pages show it


def near(used: float, ceiling: float | None) -> bool:
    """Whether so much of a ceiling is used that it is worth a look."""
    return ceiling is not None and used > 0 and used >= NEAR * ceiling
