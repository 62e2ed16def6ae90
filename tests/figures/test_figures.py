"""What each picture says and where it stands."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.figures.bars import BarRow, Bars, bars
from app.figures.flows import Flows, flows
from app.figures.heat import Heat, HeatRow, heat
from app.figures.preview import Preview, PreviewRow, preview
from app.figures.price import Price, PriceModel, crossings, price
from app.figures.risk_coverage import CurvePoint, RiskCoverage, RiskModel, ToldPoint, risk_coverage
from app.figures.slopes import Slope, Slopes, slopes
from app.figures.square import Square, SquareCell, square
from app.figures.values import Estimate
from app.stats.measures import Counts

SVG = "{http://www.w3.org/2000/svg}"
TEN, RATE = Counts(6, 3, 1), Estimate(0.3, 0.1078, 0.6032)
MINI, O4 = Counts(22, 26, 52), Counts(24, 75, 1)
NONE = Counts(0, 0, 0)


def desc(svg: str) -> str:
    return ET.fromstring(svg)[1].text or ""


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in ET.fromstring(svg).iter(f"{SVG}text")]


def of_class(svg: str, name: str) -> list[ET.Element]:
    return [mark for mark in ET.fromstring(svg).iter() if mark.get("class") == name]


def sizes(marks: list[ET.Element], name: str) -> list[float]:
    return [float(mark.attrib[name]) for mark in marks]


def test_bars_say_what_they_show() -> None:
    rows = (BarRow(("gpt-5", "thinking on", "allowed"), TEN, RATE), BarRow(("gpt-5",), NONE, None))
    svg = bars(Bars(rows))

    assert (
        "gpt-5, thinking on, allowed: 6 correct, 3 hallucinated, 1 abstained of 10;"
        " hallucination rate 30% (11–60%). gpt-5: no labelled answers."
    ) in desc(svg)
    shown = texts(svg)
    assert shown.count("gpt-5") == 1
    for text in ("thinking on · allowed", "C 6", "H 3", "10", "30%", "11–60%", "–"):
        assert text in shown


def test_a_bar_is_as_long_as_its_shares_and_its_whisker_as_its_interval() -> None:
    svg = bars(Bars((BarRow(("gpt-5", "x"), TEN, Estimate(0.3, 0.1, 0.6)),)))

    parts = [of_class(svg, f"f-{label}")[-1] for label in "ca"]
    assert float(parts[0].attrib["width"]) == pytest.approx(
        6 * float(parts[1].attrib["width"]), 0.01
    )
    ticks = [float(line.attrib["x1"]) for line in of_class(svg, "f-grid") if "x1" in line.attrib]
    [whisker] = of_class(svg, "f-whisker")
    whole = ticks[-1] - ticks[0]
    assert float(whisker.attrib["x1"]) == pytest.approx(ticks[0] + 0.1 * whole, abs=0.02)
    assert float(whisker.attrib["x2"]) == pytest.approx(ticks[0] + 0.6 * whole, abs=0.02)


def test_slopes_show_a_missing_side_as_missing() -> None:
    both = Slope("gpt-5", RATE, Estimate(0.1), Estimate(-0.2, -0.5, 0.1), 12)
    figure = Slopes((both, Slope("o4-mini", None, RATE)), ("not allowed", "allowed"))
    svg = slopes(figure)

    assert (
        "gpt-5: not allowed 30% (11–60%), allowed 10%, a change of −20 points (−50 to +10),"
        " 12 prompts. o4-mini: not allowed –, allowed 30% (11–60%)."
    ) in desc(svg)
    assert len(of_class(svg, "f-slope")) == len(of_class(svg, "f-gap")) == 1
    assert texts(svg).count("no data") == 1


def test_the_square_has_a_dash_where_there_is_nothing() -> None:
    cell, empty = SquareCell(TEN, RATE), SquareCell(NONE, None)
    across, down = Estimate(-0.29, -0.41, -0.17), Estimate(-0.2)
    svg = square(Square("gpt-5", ((cell, cell), (cell, empty)), across, down))

    assert "thinking on, allowed to abstain: no labelled answers." in desc(svg)
    assert (
        "On average permission changes the rate by −29 points (−41 to −17). On average thinking"
        " changes the rate by −20 points. The interaction is –."
    ) in desc(svg)
    shown = texts(svg)
    assert shown.count("30%") == 3
    assert shown.count("–") == 2  # the cell, and the interaction
    assert "permission −29 points" in shown


Row = tuple[float, float, float]
row = st.tuples(*[st.floats(0, 1e4)] * 3)


def test_a_square_of_which_only_one_side_was_tried_has_one_effect() -> None:
    cell, change = SquareCell(TEN, RATE), Estimate(-0.29)
    row = Square("gpt-5", ((cell, cell),), across=change, rows=("thinking default",))
    column = Square("gpt-5", ((cell,), (cell,)), down=change, columns=("as published",))

    assert desc(square(row)).endswith("On average permission changes the rate by −29 points.")
    assert desc(square(column)).endswith("On average thinking changes the rate by −29 points.")
    for figure in (row, column):
        svg = square(figure)
        assert texts(svg).count("30%") == 2
        assert len(of_class(svg, "f-arrow")) == len(of_class(svg, "f-axis")) == 1
        assert not of_class(svg, "f-badge")
    with pytest.raises(ValueError, match="one or two rows"):
        Square("gpt-5", ((cell, cell),))


@settings(max_examples=40, deadline=None)  # each draws a picture
@given(st.tuples(row, row, row))
def test_bands_fill_their_labels(table: tuple[Row, Row, Row]) -> None:
    figure = Flows(table, ("off", "on"))
    if figure.total < 1e-3:
        return
    svg = flows(figure)

    nodes = [rect for rect in ET.fromstring(svg).iter(f"{SVG}rect") if rect.get("width") == "12"]
    both = sum(sizes([node for node in nodes if node.get("class") != "f-print"], "height"))
    bands = 0.0
    for path in ET.fromstring(svg).iter(f"{SVG}path"):
        if "fill-opacity" in path.attrib:
            numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.attrib["d"])]
            bands += numbers[8] - numbers[7]  # down the right side
    assert bands == pytest.approx(both / 2, abs=0.1)


def test_flows_name_what_is_gained_and_lost() -> None:
    table = ((18.0, 1.0, 3.0), (2.0, 10.0, 14.5), (0.0, 0.0, 2.0))
    svg = flows(Flows(table, ("not mentioned", "allowed")))

    assert desc(svg).endswith("That is bluffs avoided 14.5, knowledge lost 3, fixed 2, broken 1.")
    assert "50.5 answers in all" in desc(svg)
    with pytest.raises(ValueError, match="transitions"):
        Flows(((float("nan"), 0, 0), (0, 0, 0), (0, 0, 0)), ("off", "on"))


def test_models_swap_places_where_they_score_the_same() -> None:
    models = [PriceModel("mini", MINI), PriceModel("o4", O4), PriceModel("none", NONE)]

    [crossing] = crossings(models)
    assert crossing.names == ("o4", "mini")
    assert crossing.t == pytest.approx(0.02 / 0.51)
    assert MINI.score_at(crossing.t) == pytest.approx(O4.score_at(crossing.t))
    assert crossing.leads


def test_a_crossing_below_a_third_model_does_not_lead() -> None:
    models = [PriceModel("mini", MINI), PriceModel("o4", O4), PriceModel("all", Counts(9, 0, 0))]

    assert [crossing.leads for crossing in crossings(models)] == [False]


def test_price_ranks_models_at_the_chosen_t() -> None:
    svg = price(Price((PriceModel("o4", O4), PriceModel("mini", MINI)), 0.5), width=360)

    shown = texts(svg)
    assert shown.index("mini") < shown.index("−0.04") < shown.index("o4") < shown.index("−0.51")
    assert "At t = 0.5: o4 −0.51, mini −0.04." in desc(svg)
    assert "from t = 0.04 mini ahead of o4" in desc(svg)
    with pytest.raises(ValueError, match="t is from 0"):
        Price((), 1)


def test_calibration_is_drawn_for_models_that_were_told() -> None:
    curve = (CurvePoint(0, 1, 0.5), CurvePoint(0.9, 0, None))
    told = (ToldPoint(0.5, 0.7, 0.357, Estimate(0.643, 0.39, 0.84)),)

    without = risk_coverage(RiskCoverage((RiskModel("gpt-5", curve),)))
    svg = risk_coverage(RiskCoverage((RiskModel("gpt-5", curve, told),)))
    assert "less than promised" not in texts(without)
    assert "less than promised" in texts(svg)
    assert (
        "gpt-5: 50% wrong at 100%, – wrong at 0%, told t = 0.5 70% answered and of these"
        " 64% (39–84%) right."
    ) in desc(svg)


def test_heat_shows_what_fits_and_says_of_how_many() -> None:
    columns = tuple(("gpt-5", str(place)) for place in range(30))
    rows = tuple(HeatRow(f"prompt {number}", (TEN,) * 30) for number in range(80))
    svg = heat(Heat(columns, rows, 500))

    assert any(text.startswith("60 of 500 prompts, 24 of 30 columns.") for text in texts(svg))
    assert "A grid of 60 of 500 prompts by 24 of 30 columns" in desc(svg)
    assert "gpt-5, 0: 360 correct, 180 hallucinated, 60 abstained of 600" in desc(svg)
    assert texts(svg).count("C") == 60 * 24
    assert "prompt 59" in texts(svg)
    assert "prompt 60" not in texts(svg)


def test_a_heat_cell_has_the_letter_of_most_and_none_if_two_are_even() -> None:
    cells = (TEN, Counts(0, 1, 0), Counts(1, 1, 0), NONE, None)
    columns = tuple((name,) for name in "vwxyz")
    svg = heat(Heat(columns, (HeatRow("one", cells),)))

    assert [text for text in texts(svg) if text in ("C", "H", "A")] == ["C", "H"]
    assert len(re.findall("<title>C ", svg)) == 3
    [whole] = re.findall(r'fill-opacity="([^"]+)"><title>C 0 · H 1 · A 0', svg)
    assert whole == "1"
    with pytest.raises(ValueError, match="number of cells"):
        Heat(columns, (HeatRow("one", (TEN,)),))


def test_the_card_has_the_size_that_chats_want() -> None:
    rows = tuple(PreviewRow((f"model {number}", "allowed"), TEN, RATE) for number in range(10))
    svg = preview(Preview("Do models bluff?", rows, "12 prompts"))

    assert ET.fromstring(svg).attrib["viewBox"] == "0 0 1200 630"
    shown = texts(svg)
    for text in ("Do models bluff?", "100 labelled answers · 12 prompts", "and 2 more", "C 6"):
        assert text in shown
    assert shown.count("30%") == 8
    assert "model 7, allowed: 6 correct" in desc(svg)
    assert "model 8" not in desc(svg)
