"""Everything of a grid in one ZIP, written while it is sent."""

import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime

from app import __version__
from app.exports.csv import answers_csv, labels_csv
from app.exports.dictionary import ANSWERS, LABELS, LINES, as_markdown
from app.exports.jsonl import export_jsonl
from app.exports.markdown import export_markdown
from app.exports.rows import Export
from app.results.choice import Choice
from app.results.pictures import pictures
from app.results.report import load_report
from app.results.table import results_csv
from app.tables import now

LEVEL = 3  # a tenth larger than at 6, in half the time
WIDTH = 720

README = """\
{title}

{answers:,} answers of a comparison of language models, exported on {when} by Bluffcheck {version}.
{about}
answers.csv     one row per answer: open it in a spreadsheet, or recount it
labels.csv      one row per label: who said what of which answer
grid.jsonl      all of it, complete, a JSON object per line; the last line has a hash of the content
grid.md         what was asked and what came of it, to read
measures.csv    accuracy, hallucination rate and the other measures by column, with intervals
figures/        the pictures of the results as SVG
DICTIONARY.md   what every column and field means

measures.csv and figures/ count the labelled answers of the whole grid, but for those with a
thinking_mismatch in answers.csv.
The CSVs are UTF-8 with a byte order mark. A text that a spreadsheet could take for a formula, or
that begins with an apostrophe, has one more apostrophe in front.
"""
DICTIONARY = f"""\
# Data dictionary

## answers.csv: one row per answer

{as_markdown(ANSWERS, "columns")}
## labels.csv: one row per label

{as_markdown(LABELS, "columns")}
## grid.jsonl: one line per answer

{as_markdown(LINES)}
The content hash is the SHA-256, in hex, over all lines but the last, in their order. Of each line
take away what is no part of it (the last row above; of prompts `key` and `version`, of wordings
`version`) and, at any depth, every field that is null, false, "", [] or {{}}; write the rest as
JSON with sorted keys, without spaces and with no escapes of what is not ASCII, in UTF-8, and add a
line feed.
"""


class _Sent:
    """What a ZIP is written to: it cannot go back, and what was written is taken away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def export_zip(export: Export) -> Iterator[bytes]:
    made = now()
    sent = _Sent()
    with zipfile.ZipFile(sent, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, pieces in _files(export, made):
            with archive.open(_info(name, made), "w", force_zip64=True) as file:
                for piece in pieces:
                    file.write(piece.encode())
                    if ready := sent.take():
                        yield ready
    yield sent.take()


def _info(name: str, made: datetime) -> zipfile.ZipInfo:
    when = (made.year, made.month, made.day, made.hour, made.minute, made.second)
    info = zipfile.ZipInfo(name, when)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _files(export: Export, made: datetime) -> Iterator[tuple[str, Iterable[str]]]:
    """Each name with its pieces, which are read before the next name is asked for."""
    about = f"Only answers that match: {export.about}.\n" if export.about else ""
    if left_out := export.shown.left_out:
        about += f"Left out, and empty in the files: {left_out}.\n"
    if export.imported:
        about += f"The grid was imported {export.imported}.\n"
    readme = README.format(
        title=export.grid.title,
        answers=len(export.ids),
        when=f"{made:%-d %B %Y}",
        version=__version__,
        about=about,
    )
    yield "README.txt", [readme]
    yield "DICTIONARY.md", [DICTIONARY]
    yield "answers.csv", answers_csv(export)
    yield "labels.csv", labels_csv(export)
    yield "grid.jsonl", export_jsonl(export)
    yield "grid.md", export_markdown(export)
    report = load_report(export.session, export.grid, Choice())
    yield "measures.csv", [results_csv(report, export.shown.public_id)]
    for name, picture in export.shown.pictures(pictures(report)).items():
        yield f"figures/{name}.svg", [str(picture.draw(WIDTH, name))]
