"""A grid complete, a JSON object per line: the grid, its answers with all that belongs to them, and
in the last line a hash of the content.

The hash is made of what the grid says, not of where it lies: ids, addresses and the time of the
export are left out, so that an import elsewhere, exported again, has the same hash.
"""

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy
from sqlmodel import SQLModel, col

from app import __version__
from app.exports.rows import Export, flag, iso, plain, raw_json, raw_time, within
from app.grid.shape import load_prompts
from app.tables import (
    Answer,
    Attempt,
    GridModel,
    HeldBack,
    LabelChange,
    Prompt,
    Variant,
    Wording,
    now,
    storable,
)

FORMAT = 1
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_sorted = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
_NESTED = (dict, list)
# What another copy of the same content may have otherwise; and of prompts and wordings, which have
# numbers of their own in each database.
LOCAL = frozenset(
    ("grid", "answer", "link", "seq", "filters", "imported", "exported_at", "bluffcheck",
     "content_hash")
)  # fmt: skip
LOCAL_PARTS = frozenset(("key", "version"))
_PROMPT = ("key", "version", "text", "question", "answer_format", "references", "constraint",
           "answerable", "tags", "source")  # fmt: skip
_WORDING = ("slug", "version", "title", "mode", "opt_out", "placement", "blank_line",
            "may_abstain", "target")  # fmt: skip
ATTEMPT_COLUMNS = [
    column
    for column in SQLModel.metadata.tables["attempt"].columns
    if column.name not in ("id", "answer_id", "expected_usd")  # ids, and what was only expected
]


def export_jsonl(export: Export) -> Iterator[str]:
    """The lines in pieces of many."""
    content = hashlib.sha256()
    line, hashed = _lines(_grid(export))
    content.update(hashed)
    yield line
    for ids in export.batches():
        pairs = [_lines(record) for record in _answers(export, ids)]
        for _, hashed in pairs:
            content.update(hashed)
        yield "".join(line for line, _ in pairs)
    last = {"kind": "end", "answers": len(export.ids), "content_hash": content.hexdigest()}
    yield _compact(last) + "\n"


def hash_of(export: Export) -> str:
    """The hash that the last line of this export has."""
    [last] = deque(export_jsonl(export), maxlen=1)
    found: str = json.loads(last)["content_hash"]
    return found


def content_hash(lines: Iterable[str]) -> str:
    """SHA-256, in hex, over the lines of an export in their order, the last one left out.

    Of each line what is not LOCAL, of its prompts and wordings what is not LOCAL_PARTS, and nowhere
    what is empty (null, false, "", [], {}), so that fields which later versions add change no hash
    of what does not have them; as JSON with sorted keys, no spaces, no escapes of what is not
    ASCII, in UTF-8, and a line feed.
    """
    content = hashlib.sha256()
    for line in lines:
        record = json.loads(line)
        if record["kind"] != "end":
            content.update(canonical(record))
    return content.hexdigest()


def _lines(record: dict[str, Any]) -> tuple[str, bytes]:
    """A record as its line, and as the hash sees it."""
    line = _compact(record)
    if "\\u0000" in line:  # NUL, perhaps: not every database can take it back
        record = storable(record)
        line = _compact(record)
    return line + "\n", canonical(record)


def canonical(record: dict[str, Any]) -> bytes:
    """A record as the hash sees it."""
    kept = _bare(_without(record, LOCAL))
    if "prompts" in kept:
        kept["prompts"] = [_without(prompt, LOCAL_PARTS) for prompt in kept["prompts"]]
    if "variants" in kept:
        kept["variants"] = [
            {**variant, "wording": _without(variant["wording"], LOCAL_PARTS)}
            for variant in kept["variants"]
        ]
    return _sorted(kept).encode() + b"\n"


def _bare(value: Any) -> Any:
    """Without what is empty. A number is never that."""
    kind = type(value)
    if kind is list:
        return [_bare(it) if type(it) in _NESTED else it for it in value]
    if kind is not dict:
        return value
    return {
        name: _bare(it) if type(it) in _NESTED else it
        for name, it in value.items()
        if it or type(it) in (int, float)
    }


def _without(record: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def _grid(export: Export) -> dict[str, Any]:
    grid, session, shown = export.grid, export.session, export.shown
    prompts = enumerate(load_prompts(session, grid.id), start=1)
    set_ = [n for n in ("thinking", "system_prompt", "temperature", "max_tokens") if shown.has(n)]
    models = session.execute(
        sqlalchemy.select(col(GridModel.model), col(GridModel.forced))
        .where(col(GridModel.grid_id) == grid.id)
        .order_by(col(GridModel.position))
    ).all()
    held = session.scalars(
        sqlalchemy.select(HeldBack)
        .where(col(HeldBack.grid_id) == grid.id)
        .order_by(col(HeldBack.model), col(HeldBack.thinking))
    ).all()
    return {
        "kind": "grid",
        "format": FORMAT,
        "grid": export.grid_id,
        "title": grid.title,
        "created_at": grid.created_at.isoformat(),
        "repeats": grid.repeats,
        "prompts": [_named(shown.prompt(prompt, n), _PROMPT) for n, prompt in prompts],
        "models": [
            {
                "model": model,
                "practice": export.is_practice(model),
                "forced": forced,
                "held": [
                    _named(it, ("thinking", "state", "message")) for it in held if it.model == model
                ],
            }
            for model, forced in models
        ],
        "variants": [
            {
                **_named(variant, set_),
                "wording": _named(wording, _WORDING) | {"version": export.version(wording)},
            }
            for variant, wording in _variants(export)
        ],
        "link": export.address,
        "seq": grid.seq,
        "left_out": sorted(shown.hidden),
        "filters": export.about,
        "imported": export.imported,
        "exported_at": now().isoformat(),
        "bluffcheck": __version__,
    }


def _variants(export: Export) -> list[tuple[Variant, Wording]]:
    rows = export.session.execute(
        sqlalchemy.select(Variant, Wording)
        .join(Wording, col(Wording.id) == col(Variant.wording_id))
        .where(col(Variant.grid_id) == export.grid.id)
        .order_by(col(Variant.position), col(Variant.id))
    )
    return [(variant, wording) for variant, wording in rows]


def _named(row: Prompt | Wording | Variant | HeldBack, names: Sequence[str]) -> dict[str, Any]:
    """Enums are text to JSON by themselves."""
    return {name: getattr(row, name) for name in names}


def _answers(export: Export, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    prompts, variants = export.numbers
    attempts = _attempts(export, ids)
    labels = export.labels(ids)
    history = _history(export, ids)
    wanted = frozenset(ids)
    columns: list[Any] = [
        col(Answer.id), col(Answer.prompt_id), col(Answer.model), col(Answer.variant_id),
        col(Answer.repeat), plain(Answer.state), col(Answer.attempt_id), plain(Answer.label),
        flag(Answer.disputed), flag(Answer.decided), export.key,
    ]  # fmt: skip
    statement = sqlalchemy.select(*columns).where(within(col(Answer.id), ids))
    for (
        id_,
        prompt,
        model,
        variant,
        repeat,
        state,
        attempt,
        label,
        disputed,
        decided,
        key,
    ) in export.read(statement.order_by(col(Answer.id))):
        if id_ not in wanted:
            continue
        made = attempts.get(id_, [])
        name = int(key) if key.isdecimal() and key.isascii() else key or id_
        yield {
            "kind": "answer",
            "answer": name,
            "prompt": prompts[prompt],
            "model": model,
            "variant": variants[variant],
            "repeat": repeat,
            "state": state,
            "counts": next((it["number"] for of, it in made if of == attempt), None),
            "label": label,
            "disputed": bool(disputed),
            "decided": bool(decided),
            "attempts": [it for _, it in made],
            "labels": [
                {
                    "reviewer": export.reviewer(la.reviewer_id),
                    "label": la.label,
                    "tags": json.loads(la.tags),
                    "note": la.note,
                    "decides": bool(la.decides),
                    "labelled_at": la.labelled_at,
                }
                for la in labels.get(id_, [])
            ],
            "history": history.get(id_, []),
            "link": f"{export.link}{id_ if export.shown.shared else name}",
        }


def _attempts(export: Export, ids: Sequence[int]) -> dict[int, list[tuple[int, dict[str, Any]]]]:
    """Every call of these answers in order, with its id."""
    names = [column.name for column in ATTEMPT_COLUMNS if export.shown.has(column.name)]
    columns = [_cheap(column) for column in ATTEMPT_COLUMNS if column.name in names]
    statement = sqlalchemy.select(col(Attempt.answer_id), col(Attempt.id), *columns).where(
        within(col(Attempt.answer_id), ids)
    )
    places = {name: place for place, name in enumerate(names)}
    json_places = [places[n] for n in ("request", "thinking_sent", "usage") if n in places]
    found: dict[int, list[tuple[int, dict[str, Any]]]] = {}
    for answer, id_, *values in sorted(export.read(statement), key=itemgetter(0, 2)):
        for place in json_places:
            values[place] = {} if values[place] == "{}" else json.loads(values[place])
        values[places["started_at"]] = iso(values[places["started_at"]])
        values[places["finished_at"]] = iso(values[places["finished_at"]])
        values[places["hedged"]] = bool(values[places["hedged"]])
        found.setdefault(answer, []).append((id_, dict(zip(names, values, strict=True))))
    return found


def _cheap(column: Any) -> Any:
    """The column as text or number, which costs least to read."""
    match column.name:
        case "request" | "thinking_sent" | "usage":
            return raw_json(column)
        case "started_at" | "finished_at":
            return raw_time(column)
        case "hedged":
            return flag(column)
        case "outcome" | "thinking_kind" | "thought" | "evidence" | "suggested":
            return plain(column)
    return column


def _history(export: Export, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    statement = sqlalchemy.select(
        col(LabelChange.answer_id),
        col(LabelChange.id),
        col(LabelChange.reviewer_id),
        plain(LabelChange.value),
        raw_json(LabelChange.tags),
        export.seen(col(LabelChange.note)),
        flag(LabelChange.decides),
        raw_time(LabelChange.changed_at),
    ).where(within(col(LabelChange.answer_id), ids))
    rows = sorted(export.read(statement), key=itemgetter(0, 1))
    return {
        answer: [
            {
                "reviewer": export.reviewer(reviewer),
                "label": label,
                "tags": json.loads(tags),
                "note": note,
                "decides": bool(decides),
                "changed_at": iso(changed_at),
            }
            for _, _, reviewer, label, tags, note, decides, changed_at in group
        ]
        for answer, group in groupby(rows, key=itemgetter(0))
    }
