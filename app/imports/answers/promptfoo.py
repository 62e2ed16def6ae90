"""The results of a promptfoo evaluation, as ``promptfoo eval -o out.json`` writes them."""

import json
import re
from collections.abc import Sequence
from typing import Any

from app.exports.jsonl import FORMAT
from app.imports.answers import bodies
from app.imports.answers.foreign import Facts, note_of, of_role, outcome_of, shown, whole_ms
from app.imports.answers.records import PromptRecord, VariantRecord, WordingRecord
from app.imports.answers.stage import Stage
from app.imports.names import field_of, plain
from app.providers import Outcome
from app.tables import Wording, WordingMode, storable

QUESTIONS = ("question", "prompt", "query", "input", "problem", "text", "message", "task")
_ONLY = re.compile(r"\s*\{\{\s*([\w.]+)\s*\}\}\s*")  # a template that is nothing but the question
_THEN = re.compile(r"\s*\{\{\s*[\w.]+\s*\}\}(\s+)([^{]+)")  # the question, and what follows it


class Promptfoo:
    """``beside``: what stands around the results, filled while they are read."""

    def __init__(self, stage: Stage, beside: Facts, wordings: Sequence[Wording]) -> None:
        self.stage_, self.beside, self.wordings = stage, beside, wordings

    def read(self, line: int, result: Facts) -> None:
        """One result: a test's question, under one of its prompts, by one provider."""
        stage, response = self.stage_, result.get("response") or {}
        user, system = _messages((result.get("prompt") or {}).get("raw", ""))
        prompt = _question(result.get("vars") or {}, user)
        provider = result.get("provider") or {}
        named = provider if isinstance(provider, dict) else {"id": provider}
        model = str(named.get("label") or named.get("id") or "unknown")
        text = shown(response.get("output"))
        finish = str(response.get("finishReason") or "")
        failed = "output" not in response or result.get("failureReason") == 2
        tokens = response.get("tokenUsage") or {}
        counted = tokens if tokens.get("total") else {}
        outcome = outcome_of(text, finish, failed)
        if response.get("isRefusal") and not text.strip():
            outcome = Outcome.refused
        attempt = bodies.attempt(
            prompt,
            outcome,
            text,
            user_message=user,
            system_message=system,
            finish_reason=finish,
            error_message=str(response.get("error") or result.get("error") or "") if failed else "",
            input_tokens=counted.get("prompt"),
            output_tokens=counted.get("completion"),
            reasoning_tokens=(counted.get("completionDetails") or {}).get("reasoning"),
            cost_usd=result.get("cost") or None,
            total_ms=whole_ms(result.get("latencyMs")),
        )
        grid = self._grid()
        variant = VariantRecord(system_prompt=system, wording=self._wording(result))
        cell = (grid, stage.prompt(grid, prompt), model, stage.variant(grid, variant))
        stage.model(grid, model)
        place = {"prompt": cell[1], "model": model, "variant": cell[3]}
        repeat = stage.last_in(*cell) + 1
        labels = [] if failed else self._labels(line, result.get("gradingResult") or {})
        name = str(result.get("id") or "")
        stage.answer(
            grid, line, bodies.answer(attempt, labels, answer=name, repeat=repeat, **place)
        )

    def finish(self) -> None:
        """The name of the whole stands behind the results."""
        config = self.beside.get("config")
        title = config.get("description") if isinstance(config, dict) else ""
        if isinstance(title, str) and title.strip():
            self.stage_.set_title(self._name, storable(title)[:500])

    @property
    def _name(self) -> str:
        return str(self.beside.get("evalId") or "promptfoo")

    def _grid(self) -> int:
        made = bodies.time_of(str(self.beside.get("timestamp") or ""))
        at = made.isoformat() if made else None
        head = {"format": FORMAT, "title": self._name[:500], "created_at": at}
        return self.stage_.grid_named(self._name, head)

    def _wording(self, result: Facts) -> WordingRecord:
        number, prompts = result.get("promptIdx"), self.beside.get("prompts") or []
        given = result.get("prompt") or {}
        if isinstance(number, int) and 0 <= number < len(prompts):
            given = prompts[number]
        template = str(given.get("raw") or "")
        label = str(given.get("label") or template)
        if _ONLY.fullmatch(template):
            return bodies.wording_of("", self.wordings)
        then = _THEN.fullmatch(template)
        known: Facts = {"mode": WordingMode.published}
        if then:
            known = {"mode": WordingMode.parts, "opt_out": then[2], "blank_line": "\n\n" in then[1]}
        named = bodies.wording_of(f"promptfoo {label}"[:100], [])
        return named.model_copy(
            update={"title": " ".join(label.split())[:60] or "promptfoo"} | known
        )

    def _labels(self, line: int, graded: Facts) -> list[Facts]:
        if not graded.get("componentResults") and not graded.get("comment"):
            return []  # nothing was asserted, so that it passed says nothing
        raw = "pass" if graded.get("pass") else "fail"
        self.stage_.value(line, raw)
        note = " ".join(filter(None, (shown(graded.get(n)) for n in ("reason", "comment"))))
        return [bodies.label("promptfoo", raw, note=note_of(note, line, self.stage_))]


def _messages(raw: Any) -> tuple[str, str]:
    """The user's and the system's text of a prompt that may be a list of messages as JSON."""
    text = shown(raw)
    try:
        messages = json.loads(text) if text.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        messages = None
    if not isinstance(messages, list) or not all(
        isinstance(one, dict) and "role" in one for one in messages
    ):
        return text, ""
    return of_role(messages, "user"), of_role(messages, "system", "developer")


def _question(variables: Facts, user: str) -> PromptRecord:
    """What a test asks, by the name of its variable, or the one there is; else what was sent."""
    texts = {name: shown(value) for name, value in variables.items() if value is not None}
    right = {name: text for name, text in texts.items() if field_of(name) == "references"}
    asked = {name: text for name, text in texts.items() if name not in right and text.strip()}
    by_name = {plain(name): text for name, text in asked.items()}
    text = next((by_name[name] for name in QUESTIONS if name in by_name), "")
    if not text:
        text = next(iter(asked.values())) if len(asked) == 1 else user
    return PromptRecord(text=text, references=list(right.values()))
