"""What the columns of a table of answers or labels are."""

from dataclasses import dataclass

from app.errors import InvalidInput
from app.exports.dictionary import LABEL_COLUMNS
from app.imports.answers.names import FIELDS, SEVERAL, fields_of
from app.imports.encoding import visible
from app.imports.mapping import NOTE_COLUMNS

OWN_LABELS = {
    "answer": "key", "prompt": "prompt", "model": "model", "wording": "wording",
    "thinking": "thinking", "repeat": "repeat", "reviewer": "reviewer", "label": "label",
    "tags": "tags", "note": "note", "decides": "decides", "labelled_at": "labelled_at",
}  # fmt: skip


@dataclass
class Columns:
    """What is made of the columns, and what holds where a row says nothing."""

    columns: dict[str, str]  # to fields; empty: left out
    own: bool = False  # our labels
    escaped: bool = False  # an apostrophe stands before what could be a formula
    model: str = ""
    reviewer: str = ""
    title: str = ""

    def check(self) -> None:
        """Raises InvalidInput."""
        used = [name for name in self.columns.values() if name]
        if unknown := set(used) - set(FIELDS):
            raise InvalidInput(f"There is no field “{visible(unknown.pop())[:40]}”.")
        for name in FIELDS:
            if name not in SEVERAL and used.count(name) > 1:
                raise InvalidInput(f"Only one column can be the {FIELDS[name]}.")

    @property
    def lacks(self) -> str:
        """Why no grid can be made of the rows; empty: it can."""
        used = self.columns.values()
        if "prompt" not in used:
            return "Say which column holds the prompts."
        if "text" not in used and "label" not in used:
            return "Say which column holds the answers, or which the labels."
        if "model" not in used and not self.model.strip():
            return "Say which column names the model, or name the one that answered."
        return ""

    @property
    def name_answers(self) -> bool:
        """Whether the rows say which answers they label."""
        used = self.columns.values()
        return "label" in used and ("key" in used or "link" in used)


def columns_told(columns: list[str], *, table: bool) -> Columns:
    """What the columns usually are."""
    if table and set(LABEL_COLUMNS) <= set(columns):
        fields = {name: OWN_LABELS.get(name, "") for name in columns}
        return Columns(fields, own=True, escaped=True)
    return Columns(fields_of(columns), escaped=table and NOTE_COLUMNS[1] in columns)
