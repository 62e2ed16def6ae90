"""Effects in plain sentences: what was found, or that it is not enough to tell."""

from app.results.effects import Effect
from app.stats.measures import Unit
from app.stats.paired import Difference
from app.tables import LabelValue

_DOES = {
    LabelValue.hallucinated: "hallucinates",
    LabelValue.correct: "is correct",
    LabelValue.abstained: "abstains",
}
_NOUN = {
    LabelValue.hallucinated: "hallucination rate",
    LabelValue.correct: "accuracy",
    LabelValue.abstained: "abstention rate",
}


def points(value: float, *, signed: bool = True) -> str:
    """A share or a difference of shares in percentage points: "−42", "+3", "0"."""
    rounded = round(100 * value)
    if not signed or not rounded:
        return str(abs(rounded))
    return f"{'+' if rounded > 0 else '−'}{abs(rounded)}"


def shares(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:.0f}–{100 * interval[1]:.0f}%"


def measured(value: float | None, unit: Unit) -> str:
    """A measure as it is shown; no data is a dash."""
    if value is None:
        return "–"
    if unit is Unit.percent:
        return percent(value)
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2f}".replace("-", "−")


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f}%"


def p_value(p: float) -> str:
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".")


def count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def interval_words(change: Difference) -> str:
    if change.low is None or change.high is None:
        return ""
    return f"{points(change.low)} to {points(change.high)}"


def sentence(effect: Effect) -> str:
    """One sentence that can be quoted: the finding with n and interval, or what is missing."""
    subject = f"{effect.where}: " if effect.where else ""
    step = f"{effect.before} → {effect.after}"
    if effect.change is None:
        return f"{subject}no prompt has labels on both sides of {step}."
    before, after = effect.shares
    noun, change = _NOUN[effect.of], effect.change
    if effect.found and effect.adjusted is not None:
        verb = "lowered" if change.mean < 0 else "raised"
        return (
            f"{subject}{step} {verb} the {noun} from {percent(before)} to {percent(after)}: "
            f"{points(change.mean)} points (95% interval {interval_words(change)}; "
            f"{count(effect.prompts, 'prompt')}; {p_value(effect.adjusted)})."
        )
    return (
        f"{subject}not enough to tell whether {step} changes how often it {_DOES[effect.of]}: "
        f"{percent(before)} → {percent(after)}{_why_not(effect, change)}."
    )


def _why_not(effect: Effect, change: Difference) -> str:
    seen = f" on {count(effect.prompts, 'prompt')}"
    if change.low is not None:
        seen += f", and anything from {interval_words(change)} points would fit"
    if effect.more_prompts:
        more = count(effect.more_prompts, "more prompt")
        return f"{seen}; {more} would be the first that could"
    if effect.detectable is not None:
        return f"{seen}; a change of {points(effect.detectable, signed=False)} points would show"
    return seen
