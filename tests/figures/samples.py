"""What the pictures are tried with: something usual, something hostile, nothing at all."""

from collections.abc import Callable
from typing import Any, NamedTuple

from markupsafe import Markup

from app.figures.bars import BarRow, Bars, bars
from app.figures.flows import Flows, flows
from app.figures.heat import Heat, HeatRow, heat
from app.figures.preview import Preview, PreviewRow, preview
from app.figures.price import Price, PriceModel, price
from app.figures.risk_coverage import (
    CurvePoint,
    RiskCoverage,
    RiskModel,
    ToldPoint,
    risk_coverage,
)
from app.figures.slopes import Slope, Slopes, slopes
from app.figures.square import Square, SquareCell, square
from app.figures.values import Estimate
from app.stats.measures import Counts

HOSTILE = (
    "</text><script>alert(1)</script>",
    "\u202eדגם ישן\x00\x0b\ud800\ufffe",
    "🎉🦜👩‍👩‍👧 model \"&amp;' <b>",
    "an-extremely-long-model-name/" * 12,
    "",
)
RATE = Estimate(0.3, 0.1078, 0.6032)
TEN = Counts(6, 3, 1)
NONE = Counts(0, 0, 0)
O4_MINI = Counts(24, 75, 1)
NUMBERED = tuple(enumerate(HOSTILE))


class Sample(NamedTuple):
    name: str
    draw: Callable[..., Markup]
    figure: Any

    def __repr__(self) -> str:
        return self.name


def _square(name: str, *cells: SquareCell, **more: Any) -> Square:
    return Square(name, ((cells[0], cells[1]), (cells[2], cells[3])), **more)


SAMPLES = [
    Sample(
        "bars",
        bars,
        Bars(
            (
                BarRow(("gpt-5", "thinking on", "allowed"), TEN, RATE),
                BarRow(("gpt-5", "thinking off", "allowed"), Counts(0, 4, 1), Estimate(0.8)),
                BarRow(("o4-mini", "thinking on"), NONE, None),
            )
        ),
    ),
    Sample(
        "bars hostile",
        bars,
        Bars(tuple(BarRow((name, name), Counts(1, 100_000, 1), RATE) for name in HOSTILE), ""),
    ),
    Sample("bars nothing", bars, Bars(())),
    Sample(
        "square",
        square,
        _square(
            "gpt-5",
            SquareCell(TEN, RATE),
            SquareCell(Counts(2, 8, 10), Estimate(0.4, 0.22, 0.61)),
            SquareCell(NONE, None),
            SquareCell(Counts(0, 0, 1), Estimate(0, 0, 0.79)),
            across=Estimate(-0.29, -0.41, -0.17),
            down=Estimate(0.01),
            interaction=Estimate(0.03, -0.1, 0.18),
        ),
    ),
    *(
        Sample(
            f"square hostile {index}",
            square,
            _square(
                name,
                *[SquareCell(TEN, None)] * 4,
                columns=(name, name),
                rows=(name, name),
                effects=(name, name),
                across=Estimate(-1, -1, 1),
                down=Estimate(-1, -1, 1),
                interaction=Estimate(-2, -2, 2),
            ),
        )
        for index, name in enumerate(HOSTILE)
    ),
    Sample("square nothing", square, _square("gpt-5", *[SquareCell(NONE, None)] * 4)),
    Sample(
        "slopes",
        slopes,
        Slopes(
            (
                Slope("gpt-5", RATE, Estimate(0.1), Estimate(-0.2, -0.5, 0.1), 12),
                Slope("o4-mini", None, RATE),
                Slope("grok-4", None, None, None, 0),
                Slope("qwen3", Estimate(1, 0.44, 1), Estimate(0, 0, 0.56), Estimate(-1), 1),
            ),
            ("not allowed", "allowed"),
        ),
    ),
    Sample(
        "slopes hostile",
        slopes,
        Slopes(tuple(Slope(name, RATE, RATE) for name in HOSTILE), (HOSTILE[0], HOSTILE[3]), ""),
    ),
    Sample("slopes nothing", slopes, Slopes((), ("off", "on"))),
]


def _risk(name: str) -> RiskModel:
    return RiskModel(
        name,
        (CurvePoint(0, 1, 0.5), CurvePoint(0.5, 0.7, 0.2), CurvePoint(0.9, 0, None)),
        (
            ToldPoint(0.5, 0.7, 0.357, Estimate(0.643, 0.39, 0.84)),
            ToldPoint(0.9, 0.5, 0.2, Estimate(0.8, 0.49, 0.94)),
        ),
    )


def _heat(names: tuple[str, ...], rows: int, columns: int, total: int | None) -> Heat:
    cells = (TEN, NONE, None, Counts(0, 9, 1), Counts(1, 1, 0))
    return Heat(
        tuple((names[place % len(names)], "allowed", str(place)) for place in range(columns)),
        tuple(
            HeatRow(names[number % len(names)], tuple(cells[place % 5] for place in range(columns)))
            for number in range(rows)
        ),
        total,
    )


SAMPLES += [
    Sample(
        "flows",
        flows,
        Flows(((18, 1, 3), (2, 10, 14), (0, 0, 2)), ("not mentioned", "allowed")),
    ),
    Sample(
        "flows hostile",
        flows,
        Flows(((1e6, 0.3, 0), (0.04, 0, 0), (0, 0, 0)), (HOSTILE[0], HOSTILE[3]), HOSTILE[1]),
    ),
    Sample("flows nothing", flows, Flows(((0, 0, 0), (0, 0, 0), (0, 0, 0)), ("off", "on"), "")),
    Sample(
        "price",
        price,
        Price((PriceModel("gpt-5-mini", Counts(22, 26, 52)), PriceModel("o4", O4_MINI)), 0.5),
    ),
    Sample(
        "price hostile",
        price,
        Price(
            (
                *(PriceModel(name, Counts(9 - place, 5 - place, 2)) for place, name in NUMBERED),
                PriceModel("nothing", NONE),
                PriceModel("always wrong", Counts(0, 7, 0)),
                *(PriceModel(f"model {place}", Counts(place, 3, 8)) for place in range(20)),
            ),
            0.99,
            "",
        ),
    ),
    Sample("price nothing", price, Price((), 0)),
    Sample("risk", risk_coverage, RiskCoverage((_risk("gpt-5"), _risk("o4-mini")))),
    Sample(
        "risk hostile",
        risk_coverage,
        RiskCoverage(
            (
                *(_risk(name) for name in HOSTILE),
                RiskModel("silent", (CurvePoint(0, 0, None),), (ToldPoint(0.5, 0, None),)),
                *(RiskModel(f"model {place}") for place in range(12)),
            ),
            "",
        ),
    ),
    Sample("risk nothing", risk_coverage, RiskCoverage(())),
    Sample("heat", heat, _heat(("gpt-5", "o4-mini"), 12, 5, None)),
    Sample("heat hostile", heat, _heat(HOSTILE, 80, 30, 500)),
    Sample("heat nothing", heat, Heat((), ())),
]
CARDS = [
    Sample(
        "preview",
        preview,
        Preview(
            "Do models bluff?",
            (PreviewRow(("gpt-5", "allowed"), TEN, RATE), PreviewRow(("o4-mini",), NONE)),
            "12 prompts",
        ),
    ),
    Sample(
        "preview hostile",
        preview,
        Preview(
            HOSTILE[3], tuple(PreviewRow((name,) * 3, TEN) for name in HOSTILE * 3), HOSTILE[0]
        ),
    ),
    Sample("preview nothing", preview, Preview("", ())),
]
