"""The results of a grid for programs: the same numbers as on the page, from the same functions."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.results.agreement import load_agreement
from app.results.book import OUTSIDE
from app.results.effects import Effect
from app.results.lines import SHARES, Line
from app.results.patterns import load_patterns
from app.results.pictures import pictures
from app.results.words import sentence
from app.stats.measures import MEASURES
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
            sentence=sentence(effect),
        )


class ResultsItem(BaseModel):
    grid: str
    t: float
    by: str
    measures: list[MeasureItem]
    lines: list[LineItem]
    effects: list[EffectItem] = Field(
        description="Of permission and of thinking by model, then what was chosen"
    )
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
        measures=[
            MeasureItem(key=key, name=m.name, formula=m.formula, meaning=m.meaning)
            for key, m in MEASURES.items()
        ],
        lines=[_line(line) for line in report.lines],
        effects=[EffectItem.from_effect(effect) for effect in report.effects],
        ranking=[
            {"rank": place.rank, "name": place.line.name, "score": place.score}
            for place in report.ranking
        ],
        swaps=[
            {"t": swap.t, "before": swap.before.name, "after": swap.after.name}
            for swap in report.swaps
        ],
        told=[
            {"model": it.model, "t": it.t, "n": it.counts.n, "attempted_accuracy": it.attempted,
             "abstention_rate": it.counts.abstention_rate, "score": it.score}
            for it in report.told
        ],
        figures=list(pictures(report)),
        patterns=[
            {"column": line.column.key, "prompts": line.prompts, **line.counts}
            for line in load_patterns(session, report)
        ],
        agreement={
            "answers": it.answers,
            "reviewers": it.reviewers,
            "raw": it.raw,
            "krippendorff_alpha": it.alpha,
            "fleiss_kappa": it.fleiss,
            "disputed": it.disputed,
            "pairs": [
                {"reviewers": pair.names, "table": pair.table, "n": pair.n,
                 "cohen_kappa": pair.kappa.kappa if pair.kappa else None}
                for pair in it.pairs
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
        outside={name: getattr(line.outside, name) for name in OUTSIDE},
        measures={key: measure.of(counts) for key, measure in MEASURES.items()},
        intervals={key: line.interval(label) for key, label in SHARES.items()},
    )
