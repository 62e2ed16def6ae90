"""Which key does what: as usual, or as a reader wants it, which a cookie of their browser keeps.

Pages and scripts name what a key does by its usual key.
"""

import json
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import quote, unquote, urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from app.errors import InvalidInput
from app.web.deps import Form, MaybeReviewer, own_path
from app.web.render import page
from app.web.who import READER, needs

router = APIRouter(prefix="/keys", dependencies=[needs(READER)])
COOKIE = "bluffcheck_keys"
FACES = {"ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓", " ": "Space"}
FACES |= {"Escape": "Esc"}
NAMED = {face.casefold(): key for key, face in FACES.items()}
NAMED |= {
    name.casefold(): name
    for name in (*FACES, "Home", "End", "PageUp", "PageDown", "Insert", "Delete", "Backspace")
}
NAMED |= {f"f{n}": f"F{n}" for n in range(1, 13)}
GRID = {
    "ArrowLeft": "answer to the left", "ArrowRight": "answer to the right",
    "ArrowUp": "answer above", "ArrowDown": "answer below",
    "Shift+ArrowLeft": "cell to the left", "Shift+ArrowRight": "cell to the right",
    "Shift+ArrowUp": "cell above", "Shift+ArrowDown": "cell below",
    "Home": "first answer of the row", "End": "last answer of the row",
    "[": "previous unlabelled answer", "]": "next unlabelled answer",
    "c": "correct, and on to the next", "h": "hallucinated, and on", "a": "abstained, and on",
    "g": "label the equal answers of the row together",
    "u": "clear my label", "z": "undo my last step", "e": "write a note",
    "r": "run the answer again; asks first where it is labelled",
    "d": "mark an answer; on another one: where the two differ",
    " ": "open or close the answer; Enter opens it too",
    "Escape": "close the answer; leave the note",
    "f": "review one answer at a time, knowing whose it is", "b": "the same, blind",
    "?": "this help",
}  # fmt: skip
REVIEW = {
    "c": "correct, and on to the next", "h": "hallucinated, and on", "a": "abstained, and on",
    "g": "label equal answers with this one, or not", "e": "write a note",
    "z": "undo my last label",
    "ArrowLeft": "previous answer", "ArrowRight": "next answer",
    "[": "previous answer", "]": "next answer",
    "b": "blind, or not", "t": "show or hide the reference",
    "Escape": "back to the grid; leave the note", "?": "this help",
}  # fmt: skip
ALL = GRID | {key: what for key, what in REVIEW.items() if key not in GRID}


@dataclass(frozen=True, slots=True)
class Row:
    usual: str
    pressed: str  # the reader's own
    face: str
    what: str
    complaint: str = ""


@dataclass(frozen=True)
class Keys:
    """The reader's keys; ``changed`` has those that are not as usual."""

    changed: dict[str, str] = field(default_factory=dict)

    def rows(self, of: dict[str, str]) -> list[Row]:
        pressed = [(usual, self.changed.get(usual, usual)) for usual in of]
        return [Row(usual, key, face(key), of[usual]) for usual, key in pressed]


def keys_here(request: Request) -> Keys:
    try:
        kept = json.loads(unquote(request.cookies.get(COOKIE, "{}")))
        return Keys({usual: read(str(kept[usual])) for usual in ALL if usual in kept})
    except (ValueError, TypeError, RecursionError, InvalidInput):  # not ours
        return Keys()


KeysHere = Annotated[Keys, Depends(keys_here)]


@router.get("")
def show_keys(request: Request, keys: KeysHere, reviewer: MaybeReviewer) -> Response:
    """The keys, to be changed; then back to the page one came from."""
    came = urlsplit(request.headers.get("referer", ""))
    back = f"{came.path}?{came.query}" if came.query else came.path
    return page("pages/keys.html", reviewer=reviewer, rows=keys.rows(ALL), back=own_path(back))


@router.post("")
def change_keys(data: Form, reviewer: MaybeReviewer) -> Response:
    back = own_path(str(data.get("next", "")))
    response: Response = RedirectResponse(back, status_code=303)
    if "reset" in data:
        response.delete_cookie(COOKIE)
        return response
    rows = as_typed({usual: str(data.get(usual, face(usual))) for usual in ALL})
    if any(row.complaint for row in rows):
        return page("pages/keys.html", 422, reviewer=reviewer, rows=rows, back=back)
    changed = {row.usual: row.pressed for row in rows if row.pressed != row.usual}
    year = 365 * 86_400
    response.set_cookie(COOKIE, quote(json.dumps(changed)), max_age=year, samesite="lax")
    return response


def as_typed(typed: dict[str, str]) -> list[Row]:
    """What was typed for each usual key, and what is wrong with it."""
    rows: list[Row] = []
    for usual, text in typed.items():
        try:
            key = read(text)
            taken = next((row for row in rows if row.pressed == key), None)
            complaint = f"{face(key)} is taken by “{taken.what}”." if taken else ""
        except InvalidInput as error:
            key, complaint = "", str(error)
        rows.append(Row(usual, key, text, ALL[usual], complaint))
    return rows


def read(text: str) -> str:
    """A key as a browser names it. Raises InvalidInput."""
    name = text if text == " " else text.strip()
    shift, plus, rest = name.rpartition("+")
    shifted = shift.casefold() == "shift" and plus
    known = NAMED.get((rest if shifted else name).casefold())
    if known and len(known) > 1:
        return f"Shift+{known}" if shifted else known
    if known:
        return known
    if len(name) == 1 and name.isdecimal():
        raise InvalidInput("The digits are for tags: give another key.")
    if len(name) == 1 and name.isprintable():
        return name.lower()
    raise InvalidInput("Give a letter, a sign, or the name of a key, such as Space, F2 or Shift+←.")


def face(key: str) -> str:
    shift, plus, rest = key.rpartition("+") if len(key) > 1 else ("", "", key)
    return f"{shift}{plus}{FACES.get(rest, rest)}"
