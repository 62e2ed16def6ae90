"""The logs of Inspect: .json, and .eval, which is a ZIP with a file for each sample."""

import json
from collections.abc import Iterator, Sequence

from app.errors import InvalidInput
from app.exports.jsonl import FORMAT
from app.imports.answers import bodies
from app.imports.answers.foreign import (
    Facts,
    is_summary,
    note_of,
    of_role,
    outcome_of,
    parts_of,
    shown,
    whole_text,
)
from app.imports.answers.records import MAX_REPEATS, PromptRecord, VariantRecord
from app.imports.answers.stage import Stage
from app.imports.answers.zips import DAMAGED, ZipFile
from app.imports.tables import Record
from app.prompts import MAX_REFERENCES
from app.providers import ThinkingKind
from app.tables import Wording

HEADER = "header.json"
START = "_journal/start.json"  # of a log that is still being written


def members(archive: ZipFile, head: Facts) -> Iterator[Record]:
    """The samples in a .eval; its header goes into ``head`` first. Raises InvalidInput where that
    cannot be read; a sample that cannot is a problem of its own."""
    names = archive.namelist()
    first = HEADER if HEADER in names else START
    try:
        head.update(json.loads(archive.read(first)))
    except (ValueError, TypeError, RecursionError) as exc:
        raise InvalidInput(
            f"{first} in this Inspect log is no JSON object ({exc}), and only it says which model"
            " answered. Choose the log as Inspect wrote it."
        ) from None
    samples = sorted(n for n in names if n.startswith("samples/") and not n.endswith("/"))
    for number, name in enumerate(samples, 1):
        try:
            yield Record(number, json.loads(archive.read(name)))
        except (ValueError, RecursionError) as exc:
            yield Record(number, problem=f"{name} is no valid JSON: {exc}")
        except DAMAGED as exc:
            yield Record(number, problem=f"{name} is damaged: {exc}")


class Inspect:
    """``head``: the log without its samples, filled while they are read."""

    def __init__(self, stage: Stage, head: Facts, wordings: Sequence[Wording]) -> None:
        self.stage_, self.head, self.wordings = stage, head, wordings

    def read(self, line: int, sample: Facts) -> None:
        """One sample in one epoch."""
        stage, about = self.stage_, self.head.get("eval") or {}
        attached = sample.get("attachments") or {}
        output = sample.get("output") or {}
        choice = (output.get("choices") or [{}])[0]
        said = (choice.get("message") or {}).get("content") or output.get("completion") or ""
        text, thinking = parts_of(said, attached)
        user, system, turns = _conversation(sample, attached)
        if turns > 1:
            stage.remark(line, "a conversation of several turns: only what was asked is kept of it")
        targets = _targets(sample)
        if len(targets) > MAX_REFERENCES:
            stage.remark(line, f"of {len(targets):,} targets, the first {MAX_REFERENCES} are kept")
            targets = targets[:MAX_REFERENCES]
        prompt = PromptRecord(text=_asked(sample, attached), references=targets)
        kind: Facts = {}
        if thinking and isinstance(said, list) and any(map(is_summary, said)):
            kind = {"thinking_kind": ThinkingKind.summary}
        error = sample.get("error")
        usage, finish = output.get("usage") or {}, str(choice.get("stop_reason") or "")
        took = output.get("time")
        attempt = bodies.attempt(
            prompt,
            outcome_of(text, finish, bool(error)),
            text,
            thinking,
            user_message=user,
            system_message=system,
            finish_reason=finish,
            error_message=shown(error.get("message")) if isinstance(error, dict) else "",
            started_at=bodies.time_of(str(sample.get("started_at") or "")),
            finished_at=bodies.time_of(str(sample.get("completed_at") or "")),
            served_model=str(output.get("model") or ""),
            input_tokens=usage.get("input_tokens"),
            output_tokens=usage.get("output_tokens"),
            reasoning_tokens=usage.get("reasoning_tokens"),
            cached_tokens=usage.get("input_tokens_cache_read"),
            total_ms=round(took * 1000) if isinstance(took, int | float) else None,
            **kind,
        )
        model = str(about.get("model") or output.get("model") or "unknown")
        epoch = int(sample.get("epoch") or 1)
        if not 1 <= epoch <= MAX_REPEATS:
            raise ValueError(f"epoch: a number from 1 to {MAX_REPEATS:,}, please")
        grid = self._grid(about)
        variant = stage.variant(grid, self._variant(about, system))
        stage.model(grid, model)
        cell = (grid, stage.prompt(grid, prompt), model, variant)
        if stage.at(*cell, epoch):  # two samples that ask the same
            epoch = stage.last_in(*cell) + 1
        place = {"prompt": cell[1], "model": model, "variant": variant, "repeat": epoch}
        name = f"{sample.get('id')}/{sample.get('epoch') or 1}"
        labels = [] if error else self._labels(line, sample)
        stage.answer(grid, line, bodies.answer(attempt, labels, answer=name, **place))

    def _grid(self, about: Facts) -> int:
        name = str(
            about.get("eval_id") or about.get("task_id") or about.get("created") or "Inspect"
        )
        made = bodies.time_of(str(about.get("created") or ""))
        at = made.isoformat() if made else None
        title = str(about.get("task_display_name") or about.get("task") or "Inspect")[:500]
        return self.stage_.grid_named(name, {"format": FORMAT, "title": title, "created_at": at})

    def _variant(self, about: Facts, system: str) -> VariantRecord:
        config = about.get("model_generate_config") or {}
        plan = (self.head.get("plan") or {}).get("config") or {}
        asked = {**config, **{name: value for name, value in plan.items() if value is not None}}
        effort = str(asked.get("reasoning_effort") or "")
        cap = asked.get("max_tokens")
        return VariantRecord(
            thinking=bodies.thinking_of(effort),
            system_prompt=system,
            temperature=asked.get("temperature"),
            max_tokens=min(max(cap, 1), 1_000_000) if isinstance(cap, int) else 16_000,
            wording=bodies.wording_of("", self.wordings),
        )

    def _labels(self, line: int, sample: Facts) -> list[Facts]:
        found = []
        scores = sample.get("scores") or ({"score": sample["score"]} if "score" in sample else {})
        for scorer, score in scores.items():
            value = score.get("value") if isinstance(score, dict) else score
            if not isinstance(value, str | int | float):
                self.stage_.remark(line, f"the score of {scorer} is no single value: left out")
                continue
            raw = str(value).lower() if isinstance(value, bool) else str(value)
            raw = " ".join(raw.split())[:200]
            self.stage_.value(line, raw)
            note = shown(score.get("explanation")) if isinstance(score, dict) else ""
            note = "" if note == (sample.get("output") or {}).get("completion") else note
            name = f"Inspect: {' '.join(str(scorer).split())}"[:80]
            found.append(bodies.label(name, raw, note=note_of(note, line, self.stage_)))
        return found


def _asked(sample: Facts, attached: Facts) -> str:
    given = sample.get("input") or ""
    if isinstance(given, list):
        given = of_role([_resolved(one, attached) for one in given], "user")
    text = whole_text(str(given), attached)
    choices = sample.get("choices") or []
    # As Inspect calls them: A to Z, and numbers from 1 after these.
    names = [chr(65 + n) if n < 26 else str(n - 25) for n in range(len(choices))]
    lines = [f"{name}) {choice}" for name, choice in zip(names, choices, strict=True)]
    return "\n".join([text, *lines])


def _targets(sample: Facts) -> list[str]:
    target = sample.get("target") or ""
    found = target if isinstance(target, list) else [target]
    return [str(one) for one in found if str(one).strip()]


def _conversation(sample: Facts, attached: Facts) -> tuple[str, str, int]:
    """The last user message, the system messages, and how many user messages there were."""
    messages = [_resolved(one, attached) for one in sample.get("messages") or []]
    users = [parts_of(one.get("content"), attached)[0] for one in messages if one["role"] == "user"]
    return users[-1] if users else "", of_role(messages, "system"), len(users)


def _resolved(message: Facts, attached: Facts) -> Facts:
    text, _ = parts_of(message.get("content"), attached)
    return {"role": message.get("role"), "content": text}
