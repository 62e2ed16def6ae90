"""What holds for every picture, with whatever it is given."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from app.figures.drawing import FONTS, LOOKS
from app.figures.lettering import text_width
from tests.figures.samples import CARDS, SAMPLES, Sample

CSS = Path(__file__).parents[2].joinpath("static/css/figures.css").read_text()
SVG = "{http://www.w3.org/2000/svg}"
SIZES = (320, 360, 720, 960)
every = pytest.mark.parametrize("sample", SAMPLES, ids=repr)
also_cards = pytest.mark.parametrize("sample", [*SAMPLES, *CARDS], ids=repr)


def drawn(sample: Sample, **how: int) -> ET.Element:
    return ET.fromstring(sample.draw(sample.figure, **how))


def marks(svg: ET.Element) -> Iterator[ET.Element]:
    """Everything that is painted."""
    names = ("rect", "line", "path", "circle", "text")
    return (element for element in svg.iter() if element.tag.removeprefix(SVG) in names)


@every
@pytest.mark.parametrize("width", SIZES)
def test_every_picture_is_xml_of_the_width_asked_for(sample: Sample, width: int) -> None:
    svg = drawn(sample, width=width)

    x, y, across, down = map(float, svg.attrib["viewBox"].split())
    assert (svg.tag, x, y, across) == (f"{SVG}svg", 0, 0, width)
    assert (svg.attrib["width"], svg.attrib["height"]) == (str(width), f"{down:g}")
    assert svg.attrib["role"] == "img"
    assert svg.attrib["font-family"] == FONTS
    assert ("fig-narrow" in svg.attrib["class"].split()) == (width < 560)


@also_cards
def test_every_picture_has_a_name_and_a_sentence(sample: Sample) -> None:
    svg = drawn(sample)

    title, desc = svg[0], svg[1]
    assert (title.tag, desc.tag) == (f"{SVG}title", f"{SVG}desc")
    assert svg.attrib["aria-labelledby"] == title.attrib["id"]
    assert svg.attrib["aria-describedby"] == desc.attrib["id"]
    assert title.text
    assert desc.text
    assert desc.text.endswith(".")


@every
@pytest.mark.parametrize("width", SIZES)
def test_every_number_is_one_and_within_the_picture(sample: Sample, width: int) -> None:
    svg = drawn(sample, width=width)
    height = float(svg.attrib["height"])
    bounds = {"x": width, "y": height, "x1": width, "x2": width, "y1": height, "y2": height}
    bounds |= {"cx": width, "cy": height, "width": width, "height": height}
    in_pattern = {mark for pattern in svg.iter(f"{SVG}pattern") for mark in pattern.iter()}

    for mark in set(marks(svg)) - in_pattern:
        for name, most in bounds.items():
            if name in mark.attrib:
                assert -0.5 <= float(mark.attrib[name]) <= most + 0.5, mark.attrib
        for value in re.findall(r"-?\d[\d.]*|nan|inf", mark.attrib.get("d", "")):
            float(value)
            assert value not in ("nan", "inf")


@every
@pytest.mark.parametrize("width", SIZES)
def test_no_text_runs_out_of_the_picture(sample: Sample, width: int) -> None:
    for text in drawn(sample, width=width).iter(f"{SVG}text"):
        if "transform" in text.attrib:
            continue
        size, bold = float(text.attrib["font-size"]), "font-weight" in text.attrib
        room = text_width(text.text or "", size, bold)
        start = {"start": 0, "middle": room / 2, "end": room}
        left = float(text.attrib["x"]) - start[text.attrib.get("text-anchor", "start")]
        assert left >= -0.5, text.text
        assert left + room <= width + 0.5, text.text


@every
def test_no_text_is_smaller_than_can_be_read(sample: Sample) -> None:
    for width in SIZES:
        sizes = [
            float(text.attrib["font-size"])
            for text in drawn(sample, width=width).iter(f"{SVG}text")
        ]
        assert min(sizes, default=11) >= 11


@also_cards
def test_every_mark_has_a_look_of_its_own_and_one_in_the_style_sheet(sample: Sample) -> None:
    svg = drawn(sample)
    parents = {child: parent for parent in svg.iter() for child in parent}

    for mark in marks(svg):
        if "class" not in mark.attrib:  # one of many, whose group has it for all
            mark = parents[mark]
        assert mark.attrib["class"].startswith("f-")
        assert {"fill", "stroke"} & set(mark.attrib), mark.attrib
        assert "style" not in mark.attrib


@also_cards
def test_ids_are_of_one_picture_only_and_refer_to_it(sample: Sample) -> None:
    one, other = (
        sample.draw(sample.figure, prefix="one"),
        sample.draw(sample.figure, prefix="other"),
    )

    ids = re.findall(r' id="([^"]+)"', one) + re.findall(r' id="([^"]+)"', other)
    assert len(ids) == len(set(ids)) > 4
    used = set(re.findall(r"url\(#([^)]+)\)", one))
    assert used <= {name for name in ids if name.startswith("one-")}


@also_cards
def test_what_names_say_is_only_text(sample: Sample) -> None:
    svg = sample.draw(sample.figure)

    assert "<script" not in svg
    assert not re.search("[\0\x0b\ud800\ufffe\u202e]", svg)
    assert svg.__html__() == svg  # a page takes it as it is


def test_every_look_is_in_the_style_sheet() -> None:
    fixed = {"c", "s0"}  # named, so that the test cannot pass on an empty list
    assert fixed <= LOOKS.keys()
    missing = [look for look in LOOKS if not re.search(rf"\.f-{look}(?![\w-])", CSS)]
    assert missing == []


@pytest.mark.parametrize("prefix", ["", "1", 'a"b', "a b"])
def test_a_prefix_that_cannot_begin_an_id_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="cannot begin"):
        SAMPLES[0].draw(SAMPLES[0].figure, prefix=prefix)


def test_a_picture_that_nobody_could_read_is_refused() -> None:
    with pytest.raises(ValueError, match="too narrow"):
        SAMPLES[0].draw(SAMPLES[0].figure, width=100)
