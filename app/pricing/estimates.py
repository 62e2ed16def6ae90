"""What a grid will cost, before it runs: about so much, and at most so much.

Input tokens are the characters of a message divided by four, rounded up. Output tokens are the
median of what the same model with the same thinking setting used lately; while there are fewer
than five such answers, a default. Neither is ever more than the output cap.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

import sqlalchemy
from sqlmodel import Session, col

from app.messages import Message, compose
from app.plans import Plan, PlannedColumn, PlannedVariant, Providers
from app.pricing.prices import PriceBook, Usage
from app.providers import Shape, Thinking
from app.tables import Answer, AnswerState, Attempt, Variant, now

CHARACTERS_PER_TOKEN = 4
ENOUGH = 5  # answers, for their median to mean something
LATEST = 100  # answers that are looked at
WITHOUT_THINKING, WITH_THINKING = 60, 1_000  # output tokens, where there are not enough answers


@dataclass(frozen=True, slots=True)
class ModelEstimate:
    """One model's part of a grid; tokens and dollars of all its calls together."""

    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    basis: str  # where the output tokens are from
    expected_usd: float | None  # None: no price is known
    at_most_usd: float | None  # if every answer used its whole output cap


@dataclass(frozen=True, slots=True)
class Estimate:
    models: Sequence[ModelEstimate]

    @property
    def expected_usd(self) -> float:
        """US dollars, of the models whose price is known."""
        return sum(m.expected_usd for m in self.models if m.expected_usd is not None)

    @property
    def at_most_usd(self) -> float:
        return sum(m.at_most_usd for m in self.models if m.at_most_usd is not None)

    @property
    def unknown(self) -> list[str]:
        """The models without a known price."""
        return [m.model for m in self.models if m.expected_usd is None]


class Estimator:
    """Estimates calls. What it read of earlier answers it remembers: use it shortly."""

    def __init__(self, session: Session, prices: PriceBook, providers: Providers) -> None:
        self._session = session
        self._prices = prices
        self._providers = providers
        self._at: datetime = now()
        self._lately: dict[tuple[str, Thinking], list[int]] = {}
        self._priced: dict[tuple[str, int, int], float | None] = {}

    def plan(self, plan: Plan) -> Estimate:
        """All calls that a plan makes, model by model."""
        lengths = {id(variant): _input_lengths(plan, variant) for variant in plan.variants}
        by_model: dict[str, list[ModelEstimate]] = {}
        for model, variant in plan.called_columns:
            calls = _calls(plan, (model, variant), lengths[id(variant)])
            by_model.setdefault(model, []).append(self._column(model, variant, calls))
        return Estimate([_together(parts) for parts in by_model.values()])

    def call(self, model: str, variant: Variant, message: Message) -> float | None:
        """What one call will cost, in US dollars; None: no price is known."""
        output, _ = self.output_tokens(model, variant.thinking, variant.max_tokens)
        return self._usd(model, input_tokens(message), output)

    def output_tokens(self, model: str, thinking: Thinking, cap: int) -> tuple[int, str]:
        """How many tokens an answer will take, thinking included, and how that is known."""
        lately = self._output_lately(model, thinking)
        if len(lately) >= ENOUGH:
            tokens, basis = round(median(lately)), f"median of {len(lately)} earlier answers"
        else:
            thinks = self._thinks(model, thinking)
            tokens = WITH_THINKING if thinks else WITHOUT_THINKING
            basis = f"assumed {'with' if thinks else 'without'} thinking"
        return min(tokens, cap), basis

    def _column(self, model: str, variant: PlannedVariant, lengths: Counter[int]) -> ModelEstimate:
        """One column, of which so many calls have so many input tokens."""
        cap = variant.given.max_tokens
        output, basis = self.output_tokens(model, variant.given.thinking, cap)
        expected: float | None = 0.0
        at_most: float | None = 0.0
        for tokens, calls in lengths.items():
            usual, most = self._usd(model, tokens, output), self._usd(model, tokens, cap)
            expected = _plus(expected, usual, calls)
            at_most = _plus(at_most, most, calls)
        calls = lengths.total()
        total = sum(tokens * n for tokens, n in lengths.items())
        return ModelEstimate(model, calls, total, calls * output, basis, expected, at_most)

    def _usd(self, model: str, tokens: int, output: int) -> float | None:
        key = (model, tokens, output)
        if key not in self._priced:
            self._priced[key] = self._prices.cost(model, self._at, Usage(tokens, output)).usd
        return self._priced[key]

    def _thinks(self, model: str, thinking: Thinking) -> bool:
        """Whether to expect thinking; where a model's default is not known, rather too much."""
        if thinking is not Thinking.default:
            return thinking is not Thinking.off
        prefix, _, name = model.partition("/")
        if prefix not in self._providers:
            return True
        rule = self._providers[prefix].rule(name)
        return rule.shape not in (Shape.off, Shape.never)

    def _output_lately(self, model: str, thinking: Thinking) -> list[int]:
        key = (model, thinking)
        if key not in self._lately:
            self._lately[key] = list(
                self._session.scalars(
                    sqlalchemy.select(col(Attempt.output_tokens))
                    .join(Answer, col(Answer.attempt_id) == col(Attempt.id))
                    .join(Variant, col(Variant.id) == col(Answer.variant_id))
                    .where(
                        col(Answer.model) == model,
                        col(Answer.state) == AnswerState.done,
                        col(Variant.thinking) == thinking,
                        col(Attempt.output_tokens).is_not(None),
                    )
                    .order_by(col(Answer.id).desc())
                    .limit(LATEST)
                )
            )
        return self._lately[key]


def input_tokens(message: Message) -> int:
    """About how many tokens a message has: a quarter of its characters, rounded up."""
    return -(-(len(message.user) + len(message.system)) // CHARACTERS_PER_TOKEN)


def _input_lengths(plan: Plan, variant: PlannedVariant) -> list[int]:
    """The input tokens of each prompt in this variant."""
    system = variant.given.system_prompt
    return [input_tokens(compose(p, variant.wording, system)) for p in plan.prompts]


def _calls(plan: Plan, column: PlannedColumn, lengths: Sequence[int]) -> Counter[int]:
    """How many calls of a column have how many input tokens."""
    model, variant = column
    if (model, variant.id) not in plan.there.answers:  # the usual case, in grids of any size
        return Counter({t: n * plan.repeats for t, n in Counter(lengths).items()})
    found: Counter[int] = Counter()
    for prompt, tokens in zip(plan.prompts, lengths, strict=True):
        if missing := len(plan.missing(column, prompt)):
            found[tokens] += missing
    return found


def _plus(total: float | None, usd: float | None, times: int = 1) -> float | None:
    return None if total is None or usd is None else total + usd * times


def _together(parts: Sequence[ModelEstimate]) -> ModelEstimate:
    """The columns of one model as one."""
    expected: float | None = 0.0
    at_most: float | None = 0.0
    for part in parts:
        expected = _plus(expected, part.expected_usd)
        at_most = _plus(at_most, part.at_most_usd)
    return ModelEstimate(
        parts[0].model,
        sum(part.calls for part in parts),
        sum(part.input_tokens for part in parts),
        sum(part.output_tokens for part in parts),
        "; ".join(dict.fromkeys(part.basis for part in parts)),
        expected,
        at_most,
    )
