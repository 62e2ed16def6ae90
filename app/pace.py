"""How fast one account may be called. Pure: times are seconds of any clock that only goes forward.

Requests and tokens per minute follow the generic cell rate algorithm (ITU-T I.371): every unit
moves the time by which all that was granted is earned; a call may go at most BURST_S before it.
Whoever turns a call away ("too many requests") slows the whole account: its calls in flight are
halved and come back within a minute, and nobody calls until the time it asked for is over.
"""

from dataclasses import dataclass, replace

MINUTE_S = 60.0
BURST_S = 6.0  # of a minute's allowance may go at once
RECOVERY_S = 60.0  # until all calls may be in flight again
PAUSE_S = 1.0  # after the first refusal that names no time; doubles from there
PAUSE_MAX_S = 60.0


@dataclass(slots=True)
class Pace:
    """The limits of one account, and how far they are used."""

    calls: int  # in flight at a time
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    requests_at: float = 0.0  # when all that was granted will have been earned
    tokens_at: float = 0.0
    paused_until: float = 0.0
    low: int | None = None  # calls in flight that were left when it last had to slow down
    lowered_at: float = 0.0
    refusals: int = 0  # in a row

    @property
    def metered(self) -> bool:
        return self.requests_per_minute is not None or self.tokens_per_minute is not None

    @property
    def limits(self) -> tuple[int | None, int | None]:
        """What a minute may hold."""
        return self.requests_per_minute, self.tokens_per_minute

    def allowed(self, now: float) -> int:
        """How many calls may be in flight now."""
        if self.low is None:
            return self.calls
        regained = int(self.calls * max(now - self.lowered_at, 0.0) / RECOVERY_S)
        return max(1, min(self.calls, self.low + regained))

    def reserve(self, now: float, tokens: int) -> float:
        """Grant one call of about so many tokens; gives the seconds to wait before it.

        No half-open minute holds more than ``requests_per_minute`` calls; the tokens of a minute
        pass their limit by no more than one call, and by what estimates were too low.
        """
        start = max(now, self.paused_until)
        wait = start - now
        if self.requests_per_minute is not None:
            granted = max(self.requests_at, start)
            self.requests_at = granted + _cost_s(1, self.requests_per_minute)
            wait = max(wait, granted - BURST_S - now)
        if self.tokens_per_minute is not None:
            granted = max(self.tokens_at, start)
            self.tokens_at = granted + _cost_s(tokens, self.tokens_per_minute)
            wait = max(wait, granted - BURST_S - now)
        return wait

    def with_limits_of(self, other: "Pace") -> "Pace":
        """The same under other limits. If those of a minute differ, what was granted is forgotten:
        it was reserved by another measure."""
        new = replace(
            self,
            calls=other.calls,
            requests_per_minute=other.requests_per_minute,
            tokens_per_minute=other.tokens_per_minute,
        )
        if new.limits != self.limits:
            new.requests_at = new.tokens_at = 0.0
        return new

    def shift(self, seconds: float) -> None:
        """The clock was set, forward or back: what was granted is as far away as before."""
        self.requests_at += seconds
        self.tokens_at += seconds
        self.paused_until += seconds
        self.lowered_at += seconds

    def used(self, more_tokens: int) -> None:
        """A call took so many tokens more (or fewer) than were reserved."""
        if self.tokens_per_minute is not None:
            self.tokens_at += _cost_s(more_tokens, self.tokens_per_minute)

    def wait_s(self, now: float) -> float:
        """Seconds until the next call may go; 0: at once."""
        granted = [self.paused_until]
        if self.requests_per_minute is not None:
            granted.append(self.requests_at - BURST_S)
        if self.tokens_per_minute is not None:
            granted.append(self.tokens_at - BURST_S)
        return max(max(granted) - now, 0.0)

    def refused(self, now: float, age_s: float, retry_after_s: float | None) -> None:
        """A call that began ``age_s`` ago was told to come later."""
        if now - age_s >= self.lowered_at:  # others that were under way then tell nothing new
            self.low = max(1, self.allowed(now) // 2)
            self.lowered_at = now
            self.refusals += 1
        if not retry_after_s:  # 0, or a date that is over by our clock, is no time to wait either
            retry_after_s = min(PAUSE_S * 2 ** max(self.refusals - 1, 0), PAUSE_MAX_S)
        self.paused_until = max(self.paused_until, now + retry_after_s)

    def accepted(self) -> None:
        """A call went through."""
        self.refusals = 0


def _cost_s(units: int, per_minute: int) -> float:
    # Stretched by the burst, so that burst and steady flow together stay within the limit.
    return units * (MINUTE_S + BURST_S) / per_minute
