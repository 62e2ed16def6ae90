"""Effects in plain sentences: what was found, or that it is not enough to tell."""

from app.figures.values import percent as whole_percent
from app.figures.values import signed, span
from app.results.effects import ALPHA, Effect
from app.stats.measures import Unit
from app.stats.paired import Difference

APART = 0.01  # from here on a reader who takes one share from the other sees that it differs
RATES = {
    "hallucinated": "hallucination rate",
    "correct": "accuracy",
    "abstained": "abstention rate",
}


def points(value: float) -> str:
    """A difference of shares in percentage points: "−42", "+3", "0"."""
    return signed(100 * value)


def change_interval(change: Difference | None) -> str:
    """ "−41 to −17", in percentage points; empty where there is none."""
    if change is None or change.low is None or change.high is None:
        return ""
    return f"{points(change.low)} to {points(change.high)}"


def shares(interval: tuple[float, float]) -> str:
    return span(*interval)


def measured(value: float | None, unit: Unit) -> str:
    """A measure as it is shown; no data is a dash."""
    if value is None:
        return "–"
    if unit is Unit.percent:
        return percent(value)
    return decimals(value, 0 if abs(value) >= 10 else 2)


def decimals(value: float | None, digits: int = 2) -> str:
    """With a true minus, and without the sign of a zero."""
    if value is None:
        return "–"
    text = f"{abs(value):.{digits}f}"
    return f"−{text}" if value < 0 and float(text) else text


def percent(value: float | None) -> str:
    return "–" if value is None else whole_percent(value)


def p_value(p: float) -> str:
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("= 0.", "= .")


def count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def sentence(effect: Effect) -> str:
    """One sentence that can be quoted: the finding with n and interval, or what is missing."""
    subject = f"{effect.where}: " if effect.where else ""
    step = f"{effect.before} → {effect.after}"
    named = f"{effect.what} ({step})" if effect.what else step
    if effect.change is None:
        return f"{subject}no prompt has labels on both sides of {step}."
    noun = RATES[effect.of]
    numbers = _numbers(effect, effect.change.mean)
    if effect.found:
        verb = "lowered" if effect.change.mean < 0 else "raised"
        return f"{subject}{named} {verb} the {noun} {numbers} ({_evidence(effect)})."
    return (
        f"{subject}not enough to tell what {named} does. The {noun} went {numbers} "
        f"({_evidence(effect)}){_what_would_tell(effect)}."
    )


def _numbers(effect: Effect, change: float) -> str:
    before, after = effect.shares
    step = f"from {percent(before)} to {percent(after)}"
    # Where prompts have unequally many labels, the shares of all answers need not differ by it.
    if before is not None and after is not None and abs(after - before - change) > APART:
        return f"{step} of the answers, {points(change)} points averaged over prompts"
    return f"{step}, {points(change)} points"


def _evidence(effect: Effect) -> str:
    """The interval, n and p: what the finding rests on."""
    found = [count(effect.prompts, "prompt")]
    if between := change_interval(effect.change):
        found.insert(0, f"95% interval {between}")
    if effect.adjusted is not None:
        found.append(p_value(effect.adjusted))
    return "; ".join(found)


def _what_would_tell(effect: Effect) -> str:
    if effect.more_prompts:
        return f"; {count(effect.more_prompts, 'more prompt')} would be the first that could"
    if effect.p is not None and effect.p < ALPHA:
        return (
            f"; looked at alone it would count as found ({p_value(effect.p)}), "
            "among all that is shown together it does not"
        )
    if effect.detectable is not None and effect.detectable > 1:
        return "; no change can be so large that it would show in 4 of 5 such grids"
    if effect.detectable is not None:
        return f"; a change of {100 * effect.detectable:.0f} points would show in 4 of 5 such grids"
    return ""
