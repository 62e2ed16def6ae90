"""A grid as CSV: one row per answer, everything a reader needs to recount; or one per label."""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy
from sqlmodel import col

from app.exports.dictionary import COLUMNS, LABEL_COLUMNS
from app.exports.rows import (
    SUSPECT,
    Export,
    LabelRow,
    PromptRow,
    flag,
    iso,
    plain,
    raw_json,
    raw_time,
    safe_cell,
    within,
    without_nul,
)
from app.grid.answer import thinking_seen
from app.grid.view import Column
from app.messages import opt_out_text
from app.providers import Evidence, ThinkingKind, Thought
from app.tables import Answer, AnswerState, Attempt

BOM = "\ufeff"  # by which spreadsheets know that it is UTF-8
YES_NO = ("no", "yes")


def answers_csv(export: Export) -> Iterator[str]:
    """One row per answer, in pieces of many rows; header first."""
    shared = _Shared(
        {key: _of_column(export, column) for key, column in export.columns.items()},
        {id_: _of_prompt(prompt) for id_, prompt in export.prompts.items()},
    )
    return _pieces(COLUMNS, (_answer_lines(export, shared, ids) for ids in export.batches()))


def labels_csv(export: Export) -> Iterator[str]:
    """One row per label, in pieces of many rows; header first."""
    return _pieces(LABEL_COLUMNS, (_label_lines(export, ids) for ids in export.batches()))


def cell(value: str | None) -> str:
    """Text as it stands in the file: safe, and quoted where it must be.

    Joining cells takes a third of what Python's csv does, which looks at each character by itself.
    """
    if not value:
        return ""
    if value[0] in SUSPECT:  # or else it is safe, and a call costs as much as the rest
        value = safe_cell(value)
    if '"' in value:
        value = value.replace('"', '""')
    elif not ("," in value or "\n" in value or "\r" in value):
        return value
    return f'"{value}"'


def _pieces(heads: Sequence[str], batches: Iterator[list[str]]) -> Iterator[str]:
    yield f"{BOM}{','.join(heads)}\r\n"
    for lines in batches:
        if lines:
            lines.append("")
            yield without_nul("\r\n".join(lines))


class _Shared(NamedTuple):
    """What many rows have in common, by column and by prompt."""

    of_column: dict[tuple[str, int], tuple[Any, ...]]
    of_prompt: dict[int, str]


def _answer_lines(export: Export, shared: _Shared, ids: Sequence[int]) -> list[str]:
    """The order is that of COLUMNS, written out: by name it would take three times as long."""
    heads = f"{cell(export.grid_id)},{cell(export.grid.title)}"
    # Pages of a share know answers by their numbers here.
    link, by_number = export.link, export.shown.shared
    of_column, of_prompt = shared
    labels = export.labels(ids)
    wanted = frozenset(ids)
    sent: dict[str, str] = {}
    lines = []
    for (
        answer, prompt, provider, model, variant, repeat, state, label, disputed, decided, tags,
        attempt,
        served, user, system, thinking_sent, thought, evidence, mismatch, temperature_sent,
        temperature_note, number, outcome, finish, text, thinking, kind, error, input_tokens,
        output_tokens, reasoning_tokens, cached_tokens, cost, cost_source, first_token_ms,
        total_ms, started_at, finished_at, response_id, short, suggested, strength, reason,
        method, hedged, key,
    ) in export.read(_statement(export, ids)):  # fmt: skip
        if answer not in wanted:
            continue
        column, practice, wording, asked, temperature, max_tokens = of_column[model, variant]
        if number is None:
            seen, error = "", column.why_not_called(AnswerState(state), attempt)
        else:
            seen = _seen(evidence, kind, thought, reasoning_tokens, first_token_ms)
            if thinking_sent not in sent:
                sent[thinking_sent] = cell(_sorted(json.loads(thinking_sent)))
            thinking_sent = sent[thinking_sent]
            hedged = YES_NO[hedged]
        said = _of_labels(export, labels[answer]) if answer in labels else ",,,,"
        row = (
            heads, cell(key) or answer, of_prompt[prompt], cell(provider), cell(model),
            served and cell(served), practice, wording, user and cell(user),
            system and cell(system), asked, thinking_sent, thought,
            evidence, seen, mismatch and cell(mismatch), temperature, temperature_sent,
            temperature_note and cell(temperature_note), max_tokens, repeat, number, state, outcome,
            cell(finish), cell(text), thinking and cell(thinking), kind, error and cell(error),
            input_tokens, output_tokens, reasoning_tokens, cached_tokens, cost, cell(cost_source),
            first_token_ms, total_ms, iso(started_at), iso(finished_at),
            response_id and cell(response_id), cell(short), suggested, strength, cell(reason),
            cell(method), hedged, label, YES_NO[disputed], YES_NO[decided], tags and cell(tags),
            said, cell(f"{link}{answer if by_number else key or answer}"),
        )  # fmt: skip
        lines.append(_joined(row))
    return lines


def _joined(cells: Sequence[object]) -> str:
    return ",".join(["" if it is None else it if type(it) is str else str(it) for it in cells])


@lru_cache(maxsize=10_000)
def _seen(evidence: str | None, kind: str, thought: str | None, *numbers: int | None) -> str:
    if evidence is None:
        return ""
    told = Thought(thought) if thought else None
    return cell(thinking_seen(Evidence(evidence), ThinkingKind(kind), told, *numbers))


def _statement(export: Export, ids: Sequence[int]) -> sqlalchemy.Select[Any]:
    seen = export.seen
    columns: list[Any] = [
        col(Answer.id), col(Answer.prompt_id), col(Answer.provider), col(Answer.model),
        col(Answer.variant_id), col(Answer.repeat), plain(Answer.state), plain(Answer.label),
        flag(Answer.disputed), flag(Answer.decided), col(Answer.tags), col(Answer.attempt_id),
        col(Attempt.served_model), seen(col(Attempt.user_message)),
        seen(col(Attempt.system_message)), raw_json(Attempt.thinking_sent), plain(Attempt.thought),
        plain(Attempt.evidence), col(Attempt.mismatch),
        col(Attempt.temperature_sent), col(Attempt.temperature_note), col(Attempt.number),
        plain(Attempt.outcome), col(Attempt.finish_reason), col(Attempt.text),
        seen(col(Attempt.thinking_text)), plain(Attempt.thinking_kind),
        seen(col(Attempt.error_message)), col(Attempt.input_tokens), col(Attempt.output_tokens),
        col(Attempt.reasoning_tokens), col(Attempt.cached_tokens), seen(col(Attempt.cost_usd)),
        seen(col(Attempt.cost_source)), col(Attempt.first_token_ms), col(Attempt.total_ms),
        raw_time(Attempt.started_at), raw_time(Attempt.finished_at), seen(col(Attempt.response_id)),
        col(Attempt.short), plain(Attempt.suggested), col(Attempt.suggestion_strength),
        seen(col(Attempt.suggestion_reason)), col(Attempt.suggestion_method), flag(Attempt.hedged),
        export.key,
    ]  # fmt: skip
    return (
        sqlalchemy.select(*columns)
        .outerjoin(Attempt, col(Attempt.id) == col(Answer.attempt_id))
        .where(within(col(Answer.id), ids))
        .order_by(col(Answer.id))
    )


def _of_column(export: Export, column: Column) -> tuple[Any, ...]:
    wording, variant = column.wording, column.variant
    return (
        column,
        YES_NO[export.is_practice(column.model)],
        f"{cell(wording.slug)},{export.version(wording)},{cell(opt_out_text(wording))}",
        f"{variant.thinking.value},{YES_NO[column.forced]}",
        variant.temperature,
        variant.max_tokens,
    )


def _of_prompt(it: PromptRow) -> str:
    texts = (it.text, it.question or it.text, _json(it.references), it.constraint, it.answerable)
    return ",".join(map(cell, texts))


def _of_labels(export: Export, labels: Sequence[LabelRow]) -> str:
    """Who labelled, oldest first; what there is of several is ``joined``."""
    if len(labels) == 1:
        [it] = labels
        name, tags = cell(export.reviewer(it.reviewer_id)), cell(_tags(it)) or "none"
        return f"{name},{cell(it.note)},{it.labelled_at},{it.label or 'none'},{tags}"
    names = [export.reviewer(la.reviewer_id) for la in labels]
    notes = [la.note for la in labels]
    all_tags = [_tags(la) or "none" for la in labels]
    return ",".join(
        (
            cell(joined(names)),
            cell(joined(notes) if any(notes) else ""),
            " | ".join([la.labelled_at for la in labels]),
            " | ".join([la.label or "none" for la in labels]),
            cell(" | ".join(all_tags)),
        )
    )


def joined(texts: Sequence[str]) -> str:
    """Several texts in one cell, with " | " between them. A bar or a backslash of their own gets a
    backslash in front, so that they can be told apart again."""
    return " | ".join([text.replace("\\", "\\\\").replace("|", "\\|") for text in texts])


def _tags(label: LabelRow) -> str:
    return "" if label.tags == "[]" else " ".join(json.loads(label.tags))


def _label_lines(export: Export, ids: Sequence[int]) -> list[str]:
    labels = export.labels(ids)
    wanted = frozenset(ids).intersection(labels)
    statement = sqlalchemy.select(
        col(Answer.id),
        col(Answer.prompt_id),
        col(Answer.model),
        col(Answer.variant_id),
        col(Answer.repeat),
        export.key,
    ).where(within(col(Answer.id), ids))
    lines = []
    in_order = statement.order_by(col(Answer.id))
    for answer, prompt, model, variant, repeat, key in export.read(in_order):
        if answer not in wanted:
            continue
        column = export.columns[model, variant]
        asked = (
            cell(key) or answer,
            cell(export.prompts[prompt].text),
            cell(model),
            cell(column.wording.slug),
            column.variant.thinking.value,
            repeat,
        )
        for la in labels[answer]:
            said = (
                cell(export.reviewer(la.reviewer_id)),
                la.label,
                cell(_tags(la)),
                cell(la.note),
                YES_NO[la.decides],
                la.labelled_at,
            )
            lines.append(_joined((*asked, *said)))
    return lines


def _sorted(value: Any) -> str:
    """Postgres keeps no order of names, so there is one order on both."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
