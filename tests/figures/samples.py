"""What the pictures are tried with: something usual, something hostile, nothing at all."""

from collections.abc import Callable
from typing import Any, NamedTuple

from markupsafe import Markup

from app.figures.bars import BarRow, Bars, bars
from app.figures.slopes import Slope, Slopes, slopes
from app.figures.square import Square, SquareCell, square
from app.figures.values import Counts, Estimate

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
