"""Pictures as PNG."""

import re
import struct

import pytest

from app.figures.png import png
from tests.figures.samples import CARDS, SAMPLES, Sample


def size(data: bytes) -> tuple[int, int]:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    return width, height


@pytest.mark.parametrize("sample", [SAMPLES[0], *CARDS[:2]], ids=repr)
def test_a_png_is_twice_as_large_as_its_picture(sample: Sample) -> None:
    svg = sample.draw(sample.figure)
    natural = re.search(r'width="([\d.]+)" height="([\d.]+)"', svg)
    assert natural

    width, height = size(png(svg))
    assert width == 2 * float(natural[1])
    assert abs(height - 2 * float(natural[2])) < 2


def test_letters_are_drawn_without_fonts_of_the_system() -> None:
    start = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30" font-family="none">'
    frame = start + "{}</svg>"
    text = '<text x="5" y="20" font-weight="{}">bluff</text>'
    nothing, plain, bold = (
        png(frame.format(inner)) for inner in ("", text.format(400), text.format(600))
    )

    assert size(nothing) == size(plain) == (180, 60)
    assert len(nothing) < len(plain)
    assert plain != bold


@pytest.mark.parametrize("svg", ["", "<svg", "not a picture"])
def test_what_is_no_picture_is_refused(svg: str) -> None:
    with pytest.raises(ValueError, match=r"svg|root node|token"):
        png(svg)
