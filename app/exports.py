"""A grid as CSV: one row per answer, everything a reader needs to recount."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from sqlmodel import Session, col, select

from app.answerview import observed
from app.gridshape import load_columns, load_prompts
from app.labels import labels_of
from app.messages import opt_out_text
from app.tables import Answer, Attempt, Grid, Label, Reviewer

BATCH = 500
COLUMNS = (
    "grid", "grid_title", "answer", "prompt", "question", "references", "constraint", "answerable",
    "provider", "model_asked", "model_served", "practice", "wording", "wording_version",
    "wording_text", "user_message", "system_message", "thinking_requested", "thinking_forced",
    "thinking_sent", "thinking_observed", "thinking_evidence", "thinking_seen",
    "thinking_mismatch", "temperature", "temperature_sent", "temperature_note", "max_tokens",
    "repeat", "attempt",
    "state", "outcome", "finish_reason", "answer_text", "thinking_text", "thinking_kind",
    "error", "input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "cost_usd",
    "cost_source", "first_token_ms", "total_ms", "started_at", "finished_at", "response_id",
    "short_answer", "suggested", "suggestion_strength", "suggestion_reason", "suggestion_method",
    "hedged",
    "label", "disputed", "decided", "tags", "reviewer", "note", "labelled_at", "all_labels",
    "all_tags", "link",
)  # fmt: skip
# A spreadsheet takes a cell that begins so for a formula. Line breaks count too: some programs
# skip leading white space first.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cell(value: str) -> str:
    """Text that no spreadsheet runs: an apostrophe goes before what could be a formula.

    Cells that begin with an apostrophe get one more, so that taking one away gives the original.
    """
    stripped = value.lstrip(" ")
    return "'" + value if stripped.startswith((*_FORMULA_STARTS, "'")) else value


def export_csv(
    session: Session, grid: Grid, base_url: str, practice: frozenset[str], *, labelled: bool = False
) -> Iterator[str]:
    """The CSV in pieces, header first. ``labelled`` keeps only answers that somebody labelled.

    The first characters are a byte order mark, by which spreadsheets know that it is UTF-8.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    yield "\ufeff" + buffer.getvalue()
    for row in _rows(session, grid, base_url, practice, labelled):
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([_cell(row[name]) for name in COLUMNS])
        yield buffer.getvalue()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return str(value)  # also negative ones: a number is no formula
        case str():
            return safe_cell(value)
    return safe_cell(json.dumps(value, ensure_ascii=False))


def _rows(
    session: Session, grid: Grid, base_url: str, practice: frozenset[str], labelled: bool
) -> Iterator[dict[str, Any]]:
    columns = {(c.model, c.variant.id): c for c in load_columns(session, grid.id)}
    prompts = {p.id: p for p in load_prompts(session, grid.id)}
    after = 0
    while True:
        statement = (
            select(Answer, Attempt)
            .outerjoin(Attempt, col(Attempt.id) == Answer.attempt_id)
            .where(Answer.grid_id == grid.id, col(Answer.id) > after)
            .order_by(col(Answer.id))
            .limit(BATCH)
        )
        if labelled:
            given = col(Label.answer_id) == Answer.id, col(Label.value).is_not(None)
            statement = statement.where(select(Label.id).where(*given).exists())
        batch = session.execute(statement).all()
        if not batch:
            return
        labels = labels_of(session, [answer.id for answer, _ in batch])
        for answer, attempt in batch:
            column, prompt = columns[answer.model, answer.variant_id], prompts[answer.prompt_id]
            variant, wording = column.variant, column.wording
            yield {
                "grid": grid.public_id,
                "grid_title": grid.title,
                "answer": answer.id,
                "prompt": prompt.text,
                "question": prompt.question or prompt.text,
                "references": prompt.references,
                "constraint": prompt.constraint,
                "answerable": prompt.answerable.value,
                "provider": answer.provider,
                "model_asked": answer.model,
                "practice": answer.provider in practice,
                "wording": wording.slug,
                "wording_version": wording.version,
                "wording_text": opt_out_text(wording),
                "thinking_requested": variant.thinking.value,
                "thinking_forced": column.forced,
                "temperature": variant.temperature,
                "max_tokens": variant.max_tokens,
                "repeat": answer.repeat,
                "state": answer.state.value,
                "label": answer.label.value if answer.label else None,
                "disputed": answer.disputed,
                "decided": answer.decided,
                "tags": answer.tags,
                "link": f"{base_url}/grids/{grid.public_id}#a-{answer.id}",
                **_of_attempt(attempt),
                "error": attempt.error_message
                if attempt
                else column.why_not_called(answer.state, answer.attempt_id),
                **_of_labels(labels.get(answer.id, [])),
            }
        after = batch[-1][0].id
        session.expunge_all()  # what is written out is not kept in memory


def _of_attempt(attempt: Attempt | None) -> dict[str, Any]:
    """The cells of the attempt that counts; empty while there is none."""
    if attempt is None:
        return dict.fromkeys(
            ("model_served", "user_message", "system_message", "thinking_sent",
             "thinking_observed", "thinking_evidence", "thinking_seen", "thinking_mismatch",
             "temperature_sent", "temperature_note", "attempt", "outcome", "finish_reason",
             "answer_text", "thinking_text", "thinking_kind", "error", "input_tokens",
             "output_tokens", "reasoning_tokens", "cached_tokens", "cost_usd", "cost_source",
             "first_token_ms", "total_ms", "started_at", "finished_at", "response_id",
             "short_answer", "suggested", "suggestion_strength", "suggestion_reason",
             "suggestion_method", "hedged")
        )  # fmt: skip
    return {
        "model_served": attempt.served_model,
        "user_message": attempt.user_message,
        "system_message": attempt.system_message,
        "thinking_sent": attempt.thinking_sent,
        "thinking_observed": attempt.thought.value if attempt.thought else None,
        "thinking_evidence": attempt.evidence.value if attempt.evidence else None,
        "thinking_seen": observed(attempt),
        "thinking_mismatch": attempt.mismatch,
        "temperature_sent": attempt.temperature_sent,
        "temperature_note": attempt.temperature_note,
        "attempt": attempt.number,
        "outcome": attempt.outcome.value if attempt.outcome else None,
        "finish_reason": attempt.finish_reason,
        "answer_text": attempt.text,
        "thinking_text": attempt.thinking_text,
        "thinking_kind": attempt.thinking_kind.value,
        "error": attempt.error_message,
        "input_tokens": attempt.input_tokens,
        "output_tokens": attempt.output_tokens,
        "reasoning_tokens": attempt.reasoning_tokens,
        "cached_tokens": attempt.cached_tokens,
        "cost_usd": attempt.cost_usd,
        "cost_source": attempt.cost_source,
        "first_token_ms": attempt.first_token_ms,
        "total_ms": attempt.total_ms,
        "started_at": attempt.started_at.isoformat(),
        "finished_at": attempt.finished_at.isoformat() if attempt.finished_at else None,
        "response_id": attempt.response_id,
        "short_answer": attempt.short,
        "suggested": attempt.suggested.value if attempt.suggested else None,
        "suggestion_strength": attempt.suggestion_strength,
        "suggestion_reason": attempt.suggestion_reason,
        "suggestion_method": attempt.suggestion_method,
        "hedged": attempt.hedged,
    }


def _of_labels(labels: list[tuple[Label, Reviewer]]) -> dict[str, Any]:
    """Who labelled, oldest first; several reviewers, notes and times are joined by " | "."""
    return {
        "reviewer": " | ".join(r.name for _, r in labels),
        "note": " | ".join(la.note for la, _ in labels if la.note),
        "labelled_at": " | ".join(la.labelled_at.isoformat() for la, _ in labels),
        "all_labels": " | ".join(la.value or "none" for la, _ in labels),
        "all_tags": " | ".join(" ".join(la.tags) or "none" for la, _ in labels),
    }
