"""The results of a grid for programs: the same numbers as on the page, from the same functions."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.results.agreement import load_agreement
from app.results.effects import Effect
from app.results.lines import SHARES, Line
from app.results.patterns import load_patterns
from app.results.pictures import pictures
from app.results.words import sentence
from app.stats.measures import MEASURES, Abstention
from app.stats.paired import Difference
from app.web.api import PROBLEMS
from app.web.deps import Reading
from app.web.results import ReportHere
from app.web.who import READER, needs

router = APIRouter(prefix="/api", tags=["api"], responses=PROBLEMS, dependencies=[needs(READER)])


class MeasureItem(BaseModel):
    key: str
    name: str
    formula: str
    meaning: str


class LineItem(BaseModel):
    key: str = Field(description="As in `before` and `after`")
    name: str
    correct: int
    hallucinated: int
    abstained: int
    n: int = Field(description="C + H + A: labelled answers")
    prompts: int = Field(description="That have a labelled answer")
    outside: dict[str, int] = Field(description="Answers outside every rate, by why")
    measures: dict[str, float | None] = Field(description="null where the denominator is 0")
    intervals: dict[str, tuple[float, float] | None] = Field(
        description="95 %, over prompts like these; of shares of n"
    )
    effective_n: dict[str, float | None] = Field(
        description="As sure of prompts like these as so many independent answers; of shares of n"
    )
    unknowable: dict[str, float | None] | None = Field(
        description="Abstention where nobody can know; null where no such prompt is labelled"
    )


class ChangeItem(BaseModel):
    """A difference of shares, with Student's 95 % interval over prompts."""

    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, change: Difference | None) -> "ChangeItem | None":
        return cls(mean=change.mean, low=change.low, high=change.high) if change else None


class EffectItem(BaseModel):
    what: str
    where: str
    before: str
    after: str
    of: str = Field(description="The label whose share is compared")
    prompts: int = Field(description="With labels on both sides: what is paired")
    shares: tuple[float | None, float | None]
    change: ChangeItem | None
    transitions: list[list[float]] = Field(
        description="Rows: C, H, A before; columns: C, H, A after; in prompts × pairs of columns"
    )
    test: str
    p: float | None = Field(description="null under 6 prompts, which could show nothing")
    p_holm: float | None
    detectable: float | None = Field(
        description="A change that would show in 4 of 5 cases; above 1: none would"
    )
    all_labels: dict[str, float] | None = Field(
        description="Stuart–Maxwell over all three labels; one answer per prompt only"
    )
    sentence: str

    @classmethod
    def from_effect(cls, effect: Effect) -> "EffectItem":
        return cls(
            what=effect.what,
            where=effect.where,
            before=effect.before,
            after=effect.after,
            of=effect.of,
            prompts=effect.prompts,
            shares=effect.shares,
            change=ChangeItem.of(effect.change),
            transitions=[list(row) for row in effect.table],
            test=effect.test,
            p=effect.p,
            p_holm=effect.adjusted,
            detectable=effect.detectable,
            all_labels=asdict(effect.overall) if effect.overall else None,
            sentence=sentence(effect),
        )


class InteractionItem(BaseModel):
    """How much more permission changes with more thinking than with less."""

    model: str
    thinking: tuple[str, ...] = Field(description="Less, more")
    prompts: int = Field(description="With labels in all four cells")
    change: ChangeItem | None


class ResultsItem(BaseModel):
    grid: str
    t: float
    by: str
    answers: int
    labelled: int = Field(description="Also those that are left out: `ignored`")
    outside: dict[str, int] = Field(description="Of all answers: outside every rate, by why")
    measures: list[MeasureItem]
    lines: list[LineItem]
    effects: list[EffectItem] = Field(
        description="Of permission and of thinking by model, then what was chosen"
    )
    interactions: list[InteractionItem]
    ranking: list[dict[str, Any]] = Field(description="At t, best first")
    swaps: list[dict[str, Any]] = Field(description="Where two change places as errors get dearer")
    told: list[dict[str, Any]] = Field(
        description="Models that were told t: behavioural calibration"
    )
    figures: list[str] = Field(
        description="Pictures, as .svg and .png: …/results/figures/{name}.svg"
    )
    patterns: list[dict[str, Any]] = Field(description="What repeats do, by column")
    agreement: dict[str, Any]


@router.get("/grids/{grid_id}/results")
def get_results(report: ReportHere, session: Reading) -> ResultsItem:
    """Measures with intervals, effects, ranking at t, patterns of repeats, agreement.

    `before` and `after` name two columns or two levels of a factor to compare, such as
    `thinking:off` and `thinking:on`; the keys of lines are such names.
    """
    it = load_agreement(session, report)
    return ResultsItem(
        grid=report.grid.public_id,
        t=report.choice.t,
        by=report.choice.by,
        answers=report.answers,
        labelled=report.labelled,
        outside=asdict(report.outside),
        measures=[
            MeasureItem(key=key, name=m.name, formula=m.formula, meaning=m.meaning)
            for key, m in MEASURES.items()
        ],
        lines=[_line(line) for line in report.lines],
        effects=[EffectItem.from_effect(effect) for effect in report.effects],
        interactions=[
            InteractionItem(
                model=square.model,
                thinking=square.thinking,
                prompts=square.interaction.prompts,
                change=ChangeItem.of(square.interaction.change),
            )
            for square in report.squares
            if square.interaction
        ],
        ranking=[
            {"rank": place.rank, "name": place.line.name, "score": place.score,
             "n": place.line.counts.n}
            for place in report.ranking
        ],
        swaps=[
            {"t": swap.t, "before": swap.before.name, "after": swap.after.name}
            for swap in report.swaps
        ],
        told=[
            {"model": it.model, "t": it.t, "n": it.counts.n, "attempted_accuracy": it.attempted,
             "interval": it.interval, "abstention_rate": it.counts.abstention_rate,
             "score": it.score, "keeps": it.keeps}
            for it in report.told
        ],
        figures=list(pictures(report)),
        patterns=[
            {"column": line.column.key, "prompts": line.prompts, **line.counts,
             "same_label": line.same_label, "same_answer": line.same_answer, "k": line.k,
             "once_right": line.once_right, "always_right": line.always_right,
             "once_wrong": line.once_wrong}
            for line in load_patterns(session, report)
        ],
        agreement={
            "answers": it.answers,
            "reviewers": it.reviewers,
            "raw": it.raw,
            "krippendorff_alpha": it.alpha,
            "fleiss_kappa": it.fleiss,
            "disputed": it.disputed,
            "hallucination_rate_as_decided": it.swing,
            "pairs": [
                {"reviewers": pair.names, "table": pair.table, "n": pair.n,
                 "cohen_kappa": pair.kappa.kappa if pair.kappa else None}
                for pair in it.pairs
            ],
            "suggestions": [
                {"method": beside.method, "table": beside.table, "n": beside.n,
                 "same": beside.same, "interval": beside.interval, "none": beside.none}
                for beside in it.suggestions
            ],
        },
    )  # fmt: skip


def _line(line: Line) -> LineItem:
    counts = line.counts
    return LineItem(
        key=line.key,
        name=line.name,
        correct=counts.correct,
        hallucinated=counts.hallucinated,
        abstained=counts.abstained,
        n=counts.n,
        prompts=line.prompts,
        outside=asdict(line.outside),
        measures={key: measure.of(counts) for key, measure in MEASURES.items()},
        intervals={key: line.interval(label) for key, label in SHARES.items()},
        effective_n={key: line.effective(label) for key, label in SHARES.items()},
        unknowable=_unknowable(line.unknowable),
    )


def _unknowable(it: Abstention | None) -> dict[str, float | None] | None:
    if it is None:
        return None
    return {
        "recall": it.recall,
        "precision": it.precision,
        "f1": it.f1,
        "over_abstention": it.over_abstention,
    }
