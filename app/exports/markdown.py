"""A grid as Markdown, for a post or an issue: what was asked, what came of it, who said what."""

import re
from collections.abc import Iterator

from app.exports.rows import Export, without_nul
from app.grid.chips import Chip
from app.grid.queries import load_rows
from app.grid.shape import Shape, load_shape
from app.grid.view import Cell, Column, GridRow
from app.messages import opt_out_text
from app.results.choice import Choice
from app.results.report import Report, load_report
from app.results.table import escape, markdown_table, measures_markdown
from app.results.words import count, sentence
from app.tables import LabelValue, Placement, WordingMode

SMALL = 30  # prompts: beyond that nobody reads the answers in a post
WIDE = 4  # columns of answers in one table
_PLACES = {
    Placement.start: "at the start",
    Placement.end: "at the end",
    Placement.system: "as the system message",
}
LETTERS = {value: value.value[0].upper() for value in LabelValue}


def export_markdown(export: Export) -> Iterator[str]:
    report = load_report(export.session, export.grid, Choice())
    shape = load_shape(export.session, export.grid, export.look.with_(density="chips"))
    for part in (
        _title(export, shape, report),
        _asked(export, shape),
        _results(report),
        *(_answers(export, shape) if len(shape.rows) <= SMALL else [_too_many(shape)]),
    ):
        yield without_nul(part)


def code(text: str) -> str:
    """Text as code: the one place where a Markdown reader makes nothing of it. For tables, too."""
    text = " ".join(text.replace("\\|", "\\ |").split())
    if not text:
        return ""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    inner = f" {text} " if text[0] == "`" or text[-1] == "`" else text
    return fence + inner.replace("|", "\\|") + fence


def _title(export: Export, shape: Shape, report: Report) -> str:
    grid = export.grid
    parts = [
        f"{grid.created_at:%-d %B %Y}",
        f"{count(len(shape.facts.prompts), 'prompt')} × {count(len(shape.columns), 'column')} ×"
        f" {count(grid.repeats, 'repeat')}",
        f"{report.labelled:,} of {report.answers:,} answers labelled",
    ]
    lines = [f"# {escape(grid.title) or 'Untitled'}", " · ".join(parts)]
    if any(export.is_practice(column.model) for column in shape.columns):
        lines.append("Models named practice/… are simulated: nothing was called.")
    if export.imported:
        lines.append(f"Imported {escape(export.imported)}.")
    return "\n\n".join(lines) + "\n"


def _asked(export: Export, shape: Shape) -> str:
    lines = []
    wordings = {column.wording.id: column.wording for column in shape.columns}
    for wording in wordings.values():
        said = code(opt_out_text(wording))
        if wording.mode is WordingMode.published:
            meaning = "the prompt as it was published"
        elif said:
            meaning = f"{said} {_PLACES[wording.placement]}"
        else:
            meaning = "the question and its format, nothing about abstaining"
        lines.append(f"- wording *{escape(wording.title)}*: {meaning}")
    thinking = dict.fromkeys(column.variant.thinking.value for column in shape.columns)
    lines.append(f"- thinking asked for: {', '.join(thinking)}")
    texts = dict.fromkeys(column.variant.system_prompt for column in shape.columns)
    if export.shown.has("system_prompt"):
        lines += [f"- system prompt: {code(text)}" for text in texts if text]
    temperatures = {c.variant.temperature for c in shape.columns} - {None}
    if temperatures:
        lines.append(f"- temperature: {', '.join(map(str, sorted(filter(None, temperatures))))}")
    return "\n## What was asked\n\n" + "\n".join(lines) + "\n"


def _results(report: Report) -> str:
    text = "\n## What came of it\n\n"
    if not report.counts.n:
        return text + "No labels yet.\n"
    text += "C correct, H hallucinated, A abstained, n all of these.\n\n"
    text += measures_markdown(report)
    if report.effects:
        text += (
            "\n" + "\n".join(f"- {escape(sentence(effect))}" for effect in report.effects) + "\n"
        )
    return text


def _answers(export: Export, shape: Shape) -> Iterator[str]:
    """One table where it is not too wide, else one for each model."""
    rows = export.shown.rows(load_rows(export.session, shape, 1, max(len(shape.rows), 1)))
    about = f" Only answers that match: {escape(export.about)}." if export.about else ""
    yield f"\n## The answers\n\nA dash stands for no label.{about}\n"
    models = dict.fromkeys(column.model for column in shape.columns)
    if len(shape.columns) <= WIDE:
        yield "\n" + _table(rows, shape.columns, with_model=len(models) > 1)
        return
    for model in models:
        of_model = [column for column in shape.columns if column.model == model]
        yield f"\n### {escape(model)}\n\n" + _table(rows, of_model, with_model=False)


def _table(rows: list[GridRow], columns: list[Column], *, with_model: bool) -> str:
    heads = ["Prompt"] + [
        (f"{column.model} · " if with_model else "")
        + f"thinking {column.variant.thinking} · {column.title('wording')}"
        for column in columns
    ]
    keys = [column.key for column in columns]
    lines = []
    for row in rows:
        cells = {cell.column.key: cell for cell in row.cells if isinstance(cell, Cell)}
        lines.append(
            [
                f"{row.number}. {escape(row.prompt.text)}",
                *(_cell(cells[key].chips) if key in cells else "" for key in keys),
            ]
        )
    return markdown_table(map(escape, heads), lines, numbers=False)


def _cell(chips: list[Chip]) -> str:
    return " ".join(_short(chip) for chip in chips if not chip.off)


def _short(chip: Chip) -> str:
    if chip.can_label:
        return f"{LETTERS[chip.label] if chip.label else '–'} {code(chip.short)}".strip()
    return f"*{chip.short}*"


def _too_many(shape: Shape) -> str:
    return f"\nThe answers to {len(shape.rows):,} prompts are in the other exports.\n"
