"""The pictures of a report: which there are, what each is given, how it is drawn."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from app.figures.bars import BarRow, Bars, bars
from app.figures.flows import Flows, flows
from app.figures.heat import Heat, HeatRow, heat
from app.figures.preview import MOST, Preview, PreviewRow
from app.figures.price import Price, PriceModel, price
from app.figures.risk_coverage import (
    CurvePoint,
    RiskCoverage,
    RiskModel,
    ToldPoint,
    risk_coverage,
)
from app.figures.slopes import Slope, Slopes, slopes
from app.figures.square import Square as SquareFigure
from app.figures.square import SquareCell, square
from app.figures.values import Estimate
from app.grid.view import Column
from app.results.book import total
from app.results.design import Square
from app.results.effects import Effect
from app.results.lines import Line
from app.results.report import Report
from app.results.words import count
from app.stats.measures import Counts
from app.stats.paired import Difference
from app.tables import LabelValue

H = LabelValue.hallucinated
HEAT_ROWS = 60  # more cannot be told apart


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a report. ``draw`` takes the width in px and what its ids begin with."""

    name: str  # in addresses
    caption: str  # with n
    draw: Callable[[int, str], Markup]


def pictures(report: Report) -> dict[str, Picture]:
    """All that this report has data for, by name."""
    return {picture.name: picture for picture in _pictures(report)}


def _pictures(report: Report) -> Iterator[Picture]:
    if not report.counts.n:
        return
    n = f"n = {count(report.counts.n, 'labelled answer')}"
    yield Picture("bars", f"What the answers were, by column; {n}.", _bars(report))
    for number, found in enumerate(report.pictured, start=1):
        caption = f"{found.model}: hallucination rate by permission and thinking."
        yield Picture(f"square-{number}", caption, _square(report, found))
    for name, effects in (
        ("permission", [it.permission for it in report.pictured if it.permission]),
        ("thinking", [it.thought for it in report.pictured if it.thought]),
    ):
        if effects:
            words = f"{effects[0].before} → {effects[0].after}"
            caption = f"Hallucination rate, {words}, by model, over prompts labelled on both sides."
            yield Picture(f"slopes-{name}", caption, _slopes(effects))
            for number, effect in enumerate(effects, start=1):
                yield Picture(
                    f"flows-{name}-{number}",
                    f"{effect.where}, {words}: what became of the answers; "
                    f"{count(effect.prompts, 'prompt')}.",
                    _flows(effect),
                )
    if report.chosen and report.chosen.prompts:
        prompts = count(report.chosen.prompts, "prompt")
        caption = f"{report.chosen.before} → {report.chosen.after}; {prompts}."
        yield Picture("flows-chosen", caption, _flows(report.chosen))
    yield Picture("price", f"Score by what an error costs; {n}.", _price(report))
    yield Picture("risk", f"How much is answered, and how often that is wrong; {n}.", _risk(report))
    yield Picture("heat", f"Hallucinated, prompt by prompt; {n}.", _heat(report))


def card(report: Report, as_of: datetime | None = None) -> Preview:
    """What chats and forums show of a link; ``as_of``: when it was frozen."""
    under = f"{count(len(report.book.questions), 'prompt')}, {count(report.grid.repeats, 'repeat')}"
    if as_of:
        under += f", as of {as_of:%-d %B %Y}"
    lines = report.columns if len(report.columns) <= MOST else report.models
    rows = tuple(PreviewRow(line.names, line.counts, _rate(line)) for line in lines)
    return Preview(report.grid.title, rows, under)


def _rate(line: Line) -> Estimate | None:
    return _estimate(line.counts.hallucination_rate, line.interval(H))


def _estimate(value: float | None, interval: tuple[float, float] | None) -> Estimate | None:
    return None if value is None else Estimate(value, *(interval or ()))


def _difference(change: Difference | None) -> Estimate | None:
    return Estimate(change.mean, change.low, change.high) if change else None


def _bars(report: Report) -> Callable[[int, str], Markup]:
    rows = tuple(BarRow(line.names, line.counts, _rate(line)) for line in report.columns)
    return lambda width, prefix: bars(Bars(rows), width, prefix)


def _square(report: Report, found: Square) -> Callable[[int, str], Markup]:
    lines = {line.columns[0].key: line for line in report.columns}

    def cell(column: Column | None) -> SquareCell:
        if column is None:
            return SquareCell(Counts(), None)
        line = lines[column.key]
        return SquareCell(line.counts, _rate(line))

    figure = SquareFigure(
        found.model,
        tuple(tuple(map(cell, row)) for row in found.cells),
        _difference(found.permission.change if found.permission else None),
        _difference(found.thought.change if found.thought else None),
        _difference(found.interaction.change if found.interaction else None),
        tuple(wording.title for wording in found.wordings),
        tuple(f"thinking {thinking}" for thinking in found.thinking),
    )
    return lambda width, prefix: square(figure, width, prefix)


def _slopes(effects: list[Effect]) -> Callable[[int, str], Markup]:
    found = tuple(
        Slope(
            effect.where,
            before=_estimate(effect.shares[0], effect.intervals[0]),
            after=_estimate(effect.shares[1], effect.intervals[1]),
            difference=_difference(effect.change),
            prompts=effect.prompts,
        )
        for effect in effects
    )
    sides = [side.removeprefix("thinking ") for side in (effects[0].before, effects[0].after)]
    figure = Slopes(found, (sides[0], sides[1]), title="")
    return lambda width, prefix: slopes(figure, width, prefix)


def _flows(effect: Effect) -> Callable[[int, str], Markup]:
    (a, b, c), (d, e, f), (g, h, i) = effect.table
    figure = Flows(
        ((a, b, c), (d, e, f), (g, h, i)), (effect.before, effect.after), effect.where, "prompts"
    )
    return lambda width, prefix: flows(figure, width, prefix)


def _price(report: Report) -> Callable[[int, str], Markup]:
    models = tuple(PriceModel(place.line.name, place.line.counts) for place in report.ranking)
    return lambda width, prefix: price(Price(models, report.choice.t), width, prefix)


def _risk(report: Report) -> Callable[[int, str], Markup]:
    """A point for each model and t it was told; not told anything about errors is t = 0."""
    models = []
    for line in report.models:
        points: list[ToldPoint] = []
        for told in report.told:
            if told.model == line.columns[0].model:
                accuracy = _estimate(told.attempted, told.interval)
                points.append(ToldPoint(told.t, *_coverage(told.counts), accuracy))
        plain = [column for column in line.columns if column.wording.target is None]
        counts = total(report.book.of(plain).values())
        curve = [CurvePoint(0, *_coverage(counts))] if counts.n else []
        models.append(RiskModel(line.name, (*curve, *points), tuple(points)))
    return lambda width, prefix: risk_coverage(RiskCoverage(tuple(models)), width, prefix)


def _coverage(counts: Counts) -> tuple[float, float | None]:
    attempted = counts.correct + counts.hallucinated
    risk = counts.hallucinated / attempted if attempted else None
    return attempted / counts.n, risk


def _heat(report: Report) -> Callable[[int, str], Markup]:
    """Where there are too many prompts, those with most hallucinations."""
    book = report.book
    questions = list(book.questions.values())
    if len(questions) > HEAT_ROWS:
        bad = {
            q.id: sum(cells[q.id].hallucinated for cells in book.cells.values() if q.id in cells)
            for q in questions
        }
        questions = sorted(questions, key=lambda q: (-bad[q.id], q.number))[:HEAT_ROWS]
    rows = tuple(
        HeatRow(f"{q.number}. {q.text}", tuple(line.cells.get(q.id) for line in report.columns))
        for q in questions
    )
    figure = Heat(tuple(line.names for line in report.columns), rows, len(book.questions))
    return lambda width, prefix: heat(figure, width, prefix)
