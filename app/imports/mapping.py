"""Which column is what, and what a record then says of a prompt."""

import ast
import json
from collections.abc import Mapping as Names
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from app.errors import InvalidInput
from app.exports import safe_cell
from app.imports.encoding import is_damaged, visible
from app.imports.names import FIELDS, field_of, plain
from app.imports.reading import Source
from app.imports.tables import Record
from app.prompts import NEW, PromptInput
from app.tables import Answerable

OWN_COLUMNS = (
    "key", "text", "question", "answer_format", "references", "constraint", "answerable", "tags",
    "source",
)  # fmt: skip
NOTE_COLUMNS = ("import_line", "import_problem", "import_raw")  # of the rows we give back
SEPARATORS = {
    "": "one per line, or a list in brackets",
    "; ": "separated by semicolons",
    " | ": "separated by bars",
    ", ": "separated by commas",
    "none": "never: a cell is one answer",
}
MAX_SOURCE = 500
KEY_LENGTH = 100
_KEY_MARKS = frozenset("-_.~")


@dataclass(frozen=True)
class Dataset:
    """A benchmark as it is published, known by its columns."""

    name: str
    columns: Names[str, str]
    tags: str = ""
    source: str = ""
    answerable: Answerable | None = None
    separator: str = ""


DATASETS = (
    Dataset(
        "SimpleQA Verified",
        {
            "problem": "text", "answer": "references", "topic": "tags", "answer_type": "tags",
            "multi_step": "flag", "requires_reasoning": "flag", "urls": "source",
            "original_index": "",
        },
        tags="SimpleQA Verified",
        answerable=Answerable.yes,
        separator="none",
    ),
    Dataset(
        "SimpleQA",
        {"metadata": "metadata", "problem": "text", "answer": "references"},
        tags="SimpleQA",
        answerable=Answerable.yes,
        separator="none",
    ),
    Dataset(
        "TruthfulQA",
        {
            "type": "tags", "category": "tags", "question": "text", "best_answer": "references",
            "correct_answers": "references", "incorrect_answers": "", "source": "source",
        },
        tags="TruthfulQA",
        separator="; ",
    ),
)  # fmt: skip
OWN = Dataset("Bluffcheck’s own export", {name: name for name in OWN_COLUMNS})


class RowProblem(Exception):
    """Why a record is no prompt; ``str(error)`` says it."""


@dataclass
class Mapping:
    """What is made of the columns, as a person may change it."""

    columns: dict[str, str]  # to fields; empty: left out
    separator: str = ""
    tags: str = ""  # given to all, separated by commas
    source: str = ""  # of those that have none
    answerable: str = ""  # of those that say nothing
    dataset: str = ""
    own: bool = False  # an apostrophe stands before what a spreadsheet could take for a formula
    take_text_whole: bool = False  # the format has lists of its own

    def check(self) -> None:
        """Raises InvalidInput."""
        used = [f for f in self.columns.values() if f]
        if unknown := set(used) - set(FIELDS):
            raise InvalidInput(f"There is no field “{visible(unknown.pop())[:40]}”.")
        if "text" not in used:
            raise InvalidInput("Say which column holds the prompts.")
        for only in ("text", "question", "answer_format", "constraint", "answerable", "key"):
            if used.count(only) > 1:
                raise InvalidInput(f"Only one column can be the {FIELDS[only]}.")
        if self.separator not in SEPARATORS:
            raise InvalidInput("Choose what separates several answers from the list.")
        if self.answerable and self.answerable not in list(Answerable):
            raise InvalidInput("Answerable is yes, no or unknown.")


@dataclass
class Draft:
    """What a record says: only the fields that it speaks of, and remarks."""

    fields: dict[str, Any]
    key: str = ""
    added_tags: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def recognise(source: Source, columns: list[str]) -> Mapping:
    """What the columns usually are."""
    given = {column: plain(column) for column in columns}
    names = set(given.values())
    whole = not source.is_table
    own = source.is_table and {"key", "text", "answer_format", "references"} <= names
    own = own or (source.is_table and "import_problem" in names)  # what we gave back
    for dataset in (OWN, *DATASETS):
        if set(dataset.columns) <= names:
            found = {column: dataset.columns.get(name, "") for column, name in given.items()}
            return Mapping(
                found, dataset.separator, dataset.tags, dataset.source,
                dataset.answerable or "", dataset.name, own, whole,
            )  # fmt: skip
    if not source.header:
        fields = dict(zip(columns, ("text", "references"), strict=False))
        return Mapping({column: fields.get(column, "") for column in columns})
    found = {column: field_of(column) for column in columns}
    texts = [column for column, name in found.items() if name == "text"]
    # “prompt” wins over “question”, which is then what it is in our own files.
    for column in texts:
        if len(texts) > 1 and plain(column) == "question":
            found[column] = "question"
    texts = [column for column in texts if found[column] == "text"]
    for column in texts[1:]:
        found[column] = ""
    for only in ("answer_format", "constraint", "answerable", "key"):
        for column in [c for c, name in found.items() if name == only][1:]:
            found[column] = ""
    if not texts and len(columns) == 1:
        found[columns[0]] = "text"
    return Mapping(found, own=own, take_text_whole=whole)


def original_cell(value: str) -> str:
    """What ``safe_cell`` was given: one apostrophe less where it put one."""
    return value[1:] if value.startswith("'") and safe_cell(value[1:]) == value else value


def draft(record: Record, mapping: Mapping) -> Draft:
    """Raises RowProblem."""
    found = Draft({})
    fields: dict[str, Any] = {}
    tags: list[str] = []
    for column, name in mapping.columns.items():
        if not name or column not in record.values:
            continue  # what a row does not speak of stays as it is
        value = record.values[column]
        if mapping.own and isinstance(value, str):
            value = original_cell(value)
        refuse_damage(column, value)
        match name:
            case "references":
                fields.setdefault(name, []).extend(_several(value, mapping))
            case "tags":
                fields.setdefault("tags", tags)
                tags += tags_of(value)
            case "flag":
                fields.setdefault("tags", tags)
                tags += [plain(column).replace("_", "-")] if says_yes(value) else []
            case "source":
                fields["source"] = "; ".join(filter(None, [fields.get("source"), text_of(value)]))
            case "metadata":
                fields.setdefault("tags", tags)
                _take_metadata(text_of(value), fields, tags, found.warnings)
            case "answerable":
                fields[name] = answerable_of(value, mapping.answerable)
            case "key":
                found.key = _key(text_of(value))
            case _:
                fields[name] = text_of(value)
    if mapping.answerable:
        fields.setdefault("answerable", mapping.answerable)
    if mapping.source and not fields.get("source"):
        fields["source"] = mapping.source
    if len(fields.get("source", "")) > MAX_SOURCE:
        fields["source"] = fields["source"][: MAX_SOURCE - 1] + "…"
        found.warnings.append(f"its source was cut to {MAX_SOURCE} characters")
    found.added_tags = [tag for tag in map(str.strip, mapping.tags.split(",")) if tag]
    if record.warning:
        found.warnings.append(record.warning)
    found.fields = fields
    return found


def completed(found: Draft, base: Names[str, Any]) -> PromptInput:
    """The prompt, where ``base`` says what the record does not. Raises RowProblem."""
    fields = {**base, **found.fields}
    if found.added_tags:
        fields["tags"] = [*fields.get("tags", []), *found.added_tags]
    try:
        return PromptInput(**fields)
    except ValidationError as exc:
        raise RowProblem("; ".join(dict.fromkeys(map(_in_words, exc.errors())))) from None


def _in_words(error: Any) -> str:
    name, *place = error["loc"]
    where = FIELDS.get(str(name), str(name)) + "".join(f" {p + 1}" for p in place)
    return f"{where}: {error['msg'].removeprefix('Value error, ')}"


def refuse_damage(column: str, value: Any) -> None:
    for text in value if isinstance(value, list) else [value or ""]:
        if is_damaged(text):
            at = next(n for n, c in enumerate(text) if "\ud800" <= c <= "\udfff")
            raise RowProblem(
                f"{column}: contains what is no text, “{visible(text[max(0, at - 10) : at + 10])}”"
            )


def text_of(value: Any) -> str:
    return "\n".join(value) if isinstance(value, list) else value or ""


def listed_texts(text: str) -> list[str] | None:
    """The texts of a JSON list, or None."""
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return found if all(isinstance(one, str) for one in found) else None


def _several(value: Any, mapping: Mapping) -> list[str]:
    if isinstance(value, list):
        return value
    text = value or ""
    if mapping.separator == "none":
        return [text]
    if (listed := listed_texts(text)) is not None:
        return listed
    if mapping.separator:
        return text.split(mapping.separator.strip())
    return [text] if mapping.take_text_whole else text.split("\n")


def tags_of(value: Any) -> list[str]:
    if isinstance(value, list):
        return value
    listed = listed_texts(value or "")
    return (value or "").replace("\n", ",").split(",") if listed is None else listed


def says_yes(value: Any) -> bool:
    return text_of(value).strip().lower() in ("yes", "true", "1", "y", "t")


def answerable_of(value: Any, otherwise: str = "") -> str:
    """``otherwise``: where nothing is said. Raises RowProblem."""
    said = text_of(value).strip().lower()
    if not said:
        return otherwise or Answerable.unknown
    for meaning, words in (
        (Answerable.yes, ("yes", "true", "1", "y")),
        (Answerable.no, ("no", "false", "0", "n")),
        (Answerable.unknown, ("unknown", "?")),
    ):
        if said in words:
            return meaning
    raise RowProblem(f"answerable: “{said[:40]}” is none of yes, no, unknown")


def _key(text: str) -> str:
    key = text.strip()
    if len(key) > KEY_LENGTH or not all(c.isascii() and (c.isalnum() or c in _KEY_MARKS)
                                        for c in key) or key in (NEW, ".", ".."):  # fmt: skip
        raise RowProblem(
            f"key: “{visible(key)[:40]}” cannot be one: use a to z, digits and - _ . ~, at most"
            f" {KEY_LENGTH}, and not “new”"
        )
    return key


def _take_metadata(text: str, fields: dict[str, Any], tags: list[str], warnings: list[str]) -> None:
    """SimpleQA's ``{'topic': …, 'answer_type': …, 'urls': […]}``, as Python or JSON writes it."""
    if not text.strip():
        return
    try:
        found = json.loads(text) if len(text) < 50_000 else None
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(text)  # reads values, runs nothing
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            found = None
    if not isinstance(found, dict):
        warnings.append("its metadata could not be read and was left out")
        return
    tags += [str(found[name]) for name in ("topic", "answer_type") if found.get(name)]
    urls = found.get("urls")
    if isinstance(urls, list):
        fields["source"] = "; ".join(filter(None, [fields.get("source"), *map(str, urls)]))
