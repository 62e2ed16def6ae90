"""Amounts of money and how they are written."""

from dataclasses import dataclass
from math import floor, log10


@dataclass(frozen=True, slots=True)
class Spending:
    """What calls cost together: the sum that is known, and how many calls are in it or not."""

    usd: float = 0.0
    known: int = 0
    unknown: int = 0

    @property
    def count(self) -> int:
        """How many calls there are, with and without a known cost."""
        return self.known + self.unknown

    def __add__(self, other: "Spending") -> "Spending":
        known, unknown = self.known + other.known, self.unknown + other.unknown
        return Spending(self.usd + other.usd, known, unknown)

    def __str__(self) -> str:
        """Such as $0.12; ≥ $0.12 when part is unknown, n/a when all is; a dash without calls."""
        if not self.known:
            return "n/a" if self.unknown else "–"
        return f"≥ {dollars(self.usd)}" if self.unknown else dollars(self.usd)


def rate(usd: float) -> str:
    """A price, with all its digits: $0.175, $2.50."""
    whole, _, part = f"{usd:,.6f}".partition(".")
    return f"${whole}.{part.rstrip('0').ljust(2, '0')}"


def dollars(usd: float | None) -> str:
    """Two digits that say something, and cents at least: $0.0004, $0.012, $0.40, $1,234.50."""
    if usd is None:
        return "n/a"
    if 0 < usd < 1e-6:
        return "< $0.000001"
    digits = 2 if usd >= 0.1 or usd <= 0 else 1 - floor(log10(usd))
    whole, _, part = f"{usd:,.{digits}f}".partition(".")
    return "$0" if usd == 0 else f"${whole}.{part.rstrip('0').ljust(2, '0')}"
