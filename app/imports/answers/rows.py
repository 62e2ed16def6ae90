"""Our own CSV of answers: each row an answer with its attempt that counts and all its labels."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from app.exports.dictionary import COLUMNS
from app.exports.jsonl import FORMAT
from app.imports.answers import bodies
from app.imports.answers.named import note_label, note_unread, told_of
from app.imports.answers.records import (
    AttemptRecord,
    LabelRecord,
    PromptRecord,
    VariantRecord,
    WordingRecord,
    in_words,
)
from app.imports.answers.stage import Stage
from app.imports.encoding import is_damaged
from app.imports.mapping import original_cell
from app.imports.tables import Record
from app.messages import opt_out_text
from app.reviewing.said import final_label
from app.tables import AnswerState, LabelValue, Placement, Wording, WordingMode, storable

_TEXTS = {
    "user_message": "user_message", "system_message": "system_message",
    "temperature_note": "temperature_note", "outcome": "outcome", "text": "answer_text",
    "thinking_text": "thinking_text", "thinking_kind": "thinking_kind",
    "thought": "thinking_observed", "evidence": "thinking_evidence",
    "mismatch": "thinking_mismatch", "finish_reason": "finish_reason",
    "served_model": "model_served", "response_id": "response_id", "error_message": "error",
    "cost_source": "cost_source", "short": "short_answer", "suggested": "suggested",
    "suggestion_strength": "suggestion_strength", "suggestion_reason": "suggestion_reason",
    "suggestion_method": "suggestion_method",
}  # fmt: skip
_NUMBERS = (
    "input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "cost_usd",
    "temperature_sent", "first_token_ms", "total_ms", "started_at", "finished_at",
)  # fmt: skip
_ENUMS = ("outcome", "thought", "evidence", "suggested")


def is_own_csv(columns: Sequence[str]) -> bool:
    return set(COLUMNS) <= set(columns)


def read_own_rows(
    records: Iterable[Record], stage: Stage, wordings: Sequence[Wording], reviewer: str = ""
) -> None:
    """Stage the answers. ``wordings``: of this library, all versions, for what the file leaves out
    of them; ``reviewer``: who gave labels that were added by hand and name nobody. Rows that are
    none of ours become problems."""
    seen: dict[tuple[int, str], int] = {}
    for record in records:
        if record.problem:
            stage.bad(record.line, record.problem, record.raw)
            note_unread(stage, record.line, record.problem)
            continue
        cells = {name: original_cell(record.values[name]) for name in COLUMNS}
        try:
            if damaged := next((name for name, cell in cells.items() if is_damaged(cell)), ""):
                raise ValueError(f"{damaged}: contains what is no text")
            cells = storable(cells)
            labels = _labels(cells, reviewer.strip())
            _name(stage, record.line, cells, labels, reviewer.strip())
        except (ValueError, RecursionError) as exc:
            stage.bad(record.line, _why(exc), " | ".join(cells.values()))
            note_unread(stage, record.line, _why(exc))
            continue
        try:
            _stage_row(stage, record.line, cells, labels, wordings, seen)
        except (ValueError, RecursionError) as exc:
            stage.bad(record.line, _why(exc), " | ".join(cells.values()))


def _why(error: Exception) -> str:
    return in_words(error) if isinstance(error, ValidationError) else str(error)


def _name(
    stage: Stage, line: int, cells: dict[str, str], labels: list[dict[str, Any]], reviewer: str
) -> None:
    """Note the labels for the answer that the row names. Which of several decides, it does not
    say. Raises ValueError."""
    if not labels:
        return
    told = told_of(
        prompt=cells["prompt"],
        text=cells["answer_text"],
        model=cells["model_asked"],
        wording=bodies.slug_of(cells["wording"]),
        thinking=cells["thinking_requested"],
        repeat=int(cells["repeat"]) if cells["repeat"].isdecimal() else None,
    )
    for label in labels:
        given = {field: label[field] for field in ("reviewer", "tags", "note")}
        if "raw" in label:
            stage.value(line, label["raw"])
            given |= {"raw": label["raw"], "reviewer": cells["reviewer"].strip() or reviewer}
        else:
            given["value"] = label["label"]
        note_label(stage, line, cells["grid"], cells["answer"], told, given)


def _stage_row(
    stage: Stage,
    line: int,
    cells: dict[str, str],
    labels: list[dict[str, Any]],
    wordings: Sequence[Wording],
    seen: dict[tuple[int, str], int],
) -> None:
    """``seen``: a variant for those that differ in the system prompt only, which an answer that
    was never called does not show. Raises ValueError and ValidationError."""
    head = {"format": FORMAT, "title": cells["grid_title"], "created_at": None,
            "grid": cells["grid"], "link": _grid_at(cells["link"])}  # fmt: skip
    if not cells["grid"] or not cells["repeat"].isdecimal():
        raise ValueError("no answer: grid and repeat have to be there")
    references = _listed(cells["references"], "references")
    prompt = PromptRecord(
        text=cells["prompt"],
        question="" if cells["question"] == cells["prompt"] else cells["question"],
        references=references,
        constraint=cells["constraint"],
        answerable=cells["answerable"] or "unknown",  # a share may leave it out
    )
    called = bool(cells["attempt"])
    variant = _variant(cells, wordings, called=called)
    attempts = [_attempt(cells)] if called else []
    model = cells["model_asked"]
    if not model:
        raise ValueError("no answer: model_asked has to be there")
    state = AnswerState(cells["state"])
    grid = stage.grid_named(cells["grid"], head)  # nothing is staged of a row that is bad
    _note_model(stage, grid, cells, model, called=called)
    base = (grid, variant.model_copy(update={"system_prompt": ""}).model_dump_json())
    number = (seen.get(base) if not called else None) or stage.variant(grid, variant)
    seen.setdefault(base, number)
    if state in (AnswerState.pending, AnswerState.running):
        state = AnswerState.cancelled
        stage.remark(line, "it was not finished: it is imported as cancelled")
    body: dict[str, Any] = {
        "answer": cells["answer"],
        "prompt": stage.prompt(grid, prompt),
        "model": model,
        "variant": number,
        "repeat": int(cells["repeat"]),
        "state": state.value,
        "counts": int(cells["attempt"]) if called else None,
        "attempts": attempts,
        "labels": labels,
        "history": [bodies.change_of(label) for label in labels if "raw" not in label],
    }
    if there := stage.answer(grid, line, body):
        if stage.at(grid, body["prompt"], model, number, body["repeat"])[0].body == body:
            stage.duplicates += 1
        else:
            raise ValueError(f"line {there} has the same repeat and says something else of it")


def _grid_at(link: str) -> str:
    """The address of the grid in that of an answer; in a share answers have pages of their own."""
    return link.partition("#")[0] if "#" in link else link.rpartition("/answers/")[0]


def _variant(cells: dict[str, str], wordings: Sequence[Wording], *, called: bool) -> VariantRecord:
    slug, version, text = (cells[f"wording{end}"] for end in ("", "_version", "_text"))
    known = [w for w in wordings if w.slug == slug and opt_out_text(w) == text]
    known.sort(key=lambda w: str(w.version) != version)
    system = cells["system_message"]
    if known:
        names = WordingRecord.model_fields.keys() - {"version"}
        fields = {name: getattr(known[0], name) for name in names}
        in_system = known[0].placement is Placement.system
    else:
        in_system = bool(text) and system.endswith(text)
        fields = {
            "slug": slug,
            "title": slug[:60],
            "mode": WordingMode.parts if text else WordingMode.published,
            "opt_out": text,
            "placement": Placement.system if in_system else Placement.end,
        }
    if in_system:
        system = system.removesuffix(text).removesuffix("\n\n")
    return VariantRecord(
        thinking=cells["thinking_requested"],
        system_prompt=system if called else "",
        temperature=cells["temperature"] or None,
        max_tokens=cells["max_tokens"],
        wording=WordingRecord(version=version, **fields),
    )


def _attempt(cells: dict[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: cells[column] for name, column in _TEXTS.items()}
    fields |= {name: cells[name] or None for name in _NUMBERS}
    fields |= {name: fields[name] or None for name in _ENUMS}
    fields["number"] = cells["attempt"]
    fields["thinking_sent"] = json.loads(cells["thinking_sent"] or "{}")
    fields["hedged"] = _yes(cells["hedged"])
    found: dict[str, Any] = AttemptRecord(**fields).model_dump(mode="json")
    return found


def _note_model(
    stage: Stage, grid: int, cells: dict[str, str], model: str, *, called: bool
) -> None:
    """What the model was asked although it is known not to take it, or why it was not called."""
    body = stage.model(grid, model)
    thinking = cells["thinking_requested"]
    if _yes(cells["thinking_forced"]) and thinking not in body["forced"]:
        body["forced"].append(thinking)
        stage.set_model(grid, body)
    if not called and cells["error"] and thinking not in [it["thinking"] for it in body["held"]]:
        held = {"thinking": thinking, "state": "stopped", "message": cells["error"]}
        body["held"].append(held)
        stage.set_model(grid, body)


def _labels(cells: dict[str, str], reviewer: str) -> list[dict[str, Any]]:
    """Of one reviewer as it stands there; of several, parted (see exports/csv.py). Where nobody
    had labelled the answer, what somebody wrote into the file."""
    if not (cells["labelled_at"] or cells["all_labels"]):
        return _by_hand(cells, reviewer)
    times = cells["labelled_at"].split(" | ") if cells["labelled_at"] else []
    several = len(times) > 1
    columns = ("reviewer", "all_labels", "all_tags", "note")
    parted = [parts(cells[name]) if several else [cells[name]] for name in columns]
    if not parted[3][0] and len(parted[3]) == 1:
        parted[3] = [""] * len(times)
    if any(len(part) != len(times) for part in parted) and times:
        raise ValueError("reviewer, note, labelled_at, all_labels and all_tags do not fit together")
    found = [
        LabelRecord(
            reviewer=name,
            label=None if value == "none" else value,
            tags=[] if tags == "none" else tags.split(),
            note=note,
            labelled_at=time,
        ).model_dump(mode="json")
        for name, value, tags, note, time in zip(*parted, times, strict=False)
    ]
    if _yes(cells["decided"]):
        made = [label for label in found if label["label"] == cells["label"]]
        if not made or cells["label"] not in list(LabelValue):
            raise ValueError("decided, and no reviewer has the label that counts")
        max(made, key=lambda label: str(label["labelled_at"]))["decides"] = True
    elif cells["label"] != (
        final_label(LabelValue(v) for la in found if (v := la["label"]))[0] or ""
    ):
        raise ValueError(
            f"label says “{cells['label'][:40]}”, and all_labels something else: write it there, in"
            " its reviewer’s place"
        )
    return found


def _by_hand(cells: dict[str, str], reviewer: str) -> list[dict[str, Any]]:
    raw, tags = " ".join(cells["label"].split()), cells["all_tags"] or cells["tags"]
    if not (raw or tags or cells["note"].strip()):
        return []
    who = cells["reviewer"].strip() or reviewer or bodies.NOBODY
    tags_said = tags.replace(",", " ").split()
    return [bodies.label(who, raw, tags=tags_said, note=cells["note"])]


def parts(cell: str) -> list[str]:
    """What ``exports.csv.joined`` joined."""
    return [re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) for text in cell.split(" | ")]


def _listed(cell: str, name: str) -> list[str]:
    found = json.loads(cell or "[]")
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError(f"{name}: no JSON list of texts")
    return found


def _yes(cell: str) -> bool:
    return cell == "yes"
