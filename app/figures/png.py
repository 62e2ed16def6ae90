"""A picture as PNG, without a browser and without anything of the system but what pip installed.

Servers and containers often have no fonts at all, so one comes along as a package. Fonts that are
there stand in only for letters it lacks.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import resvg_py

FONT = "Source Sans Pro"
FILES = ("SourceSansPro-Regular.ttf", "SourceSansPro-Bold.ttf")


def png(svg: str, scale: float = 2.0) -> bytes:
    """The picture at ``scale`` times its natural size. Raises ValueError if it is none."""
    return resvg_py.svg_to_bytes(
        svg_string=svg,
        zoom=scale,
        font_files=_font_files(),
        font_family=FONT,
        sans_serif_family=FONT,
        # The SVG asks for the system's own font first, which may be any.
        style_sheet=f'svg {{ font-family: "{FONT}", sans-serif; }}',
    )


@cache
def _font_files() -> list[str]:
    # Found, not imported: the package opens all of its fonts.
    spec = find_spec("font_source_sans_pro")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("The package font-source-sans-pro is not installed")
    folder = Path(spec.submodule_search_locations[0]) / "files"
    return [str(folder / file) for file in FILES]
