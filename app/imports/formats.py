"""Which format a file is in, by its name and by how it begins."""

import json
import re
from enum import StrEnum

from app.imports.tables import Shape, shape_of


class Format(StrEnum):
    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"
    json = "json"
    toml = "toml"
    lines = "lines"


TITLES = {
    Format.csv: "CSV",
    Format.tsv: "TSV (tabs)",
    Format.jsonl: "JSON Lines",
    Format.json: "JSON",
    Format.toml: "TOML",
    Format.lines: "one prompt per line",
}
_ENDINGS = {
    "csv": Format.csv, "tsv": Format.tsv, "tab": Format.tsv, "jsonl": Format.jsonl,
    "ndjson": Format.jsonl, "json": Format.json, "toml": Format.toml,
}  # fmt: skip
_TOML = re.compile(  # a line of prose may have an equation in it
    r"""\[\[\s*["\w.-]+\s*\]\]\s*(\#|$)"""
    r"""|["\w.-]+[ \t]*=[ \t]*(["'\[{]|\d[\w.:+-]*\s*(\#|$))"""
)


def detect_format(name: str, head: str) -> Format:
    """``head`` is how the file begins. A name that ends in .json or .csv may be wrong."""
    by_name = _ENDINGS.get(name.rpartition(".")[2].lower())
    if by_name in (Format.csv, Format.tsv, Format.toml, Format.jsonl):
        return by_name
    head = head.replace("\r\n", "\n").replace("\r", "\n")  # Excel ends lines of .txt so on a Mac
    if head.lstrip().startswith(("{", "[")) and not _is_toml(head):
        return Format.jsonl if _is_lines_of_json(head) else Format.json
    if by_name is not None:
        return by_name
    if _is_toml(head):
        return Format.toml
    delimiter = shape_of(head).delimiter if "\n" in head.strip() else ""
    if not delimiter:
        return Format.lines
    return Format.tsv if delimiter == "\t" else Format.csv


def table_shape(kind: Format, head: str) -> Shape:
    """What separates the cells of a table."""
    if kind is Format.tsv:
        return Shape("\t")
    return Shape(shape_of(head).delimiter or ",") if kind is Format.csv else Shape("")


def _is_toml(head: str) -> bool:
    """By the first line that says something."""
    lines = (line.strip() for line in head.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return _TOML.match(first) is not None


def _is_lines_of_json(head: str) -> bool:
    """Whether the first line is an object by itself, and is not all there is."""
    first, _, rest = head.lstrip().partition("\n")
    try:
        whole = isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False
    return whole and rest.lstrip().startswith("{")
