"""The JSON API: what the screens do, for programs. Errors are problem details (RFC 9457)."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response
from sqlmodel import col, select

from app import grids
from app.grid.answer import observed
from app.grid.shape import load_columns, load_prompts
from app.grid.view import forced_settings
from app.people.access import blinded_of, visible
from app.plans import GridInput, Plan
from app.pricing.costs import spending_of_grids
from app.pricing.money import Spending
from app.reviewing.labels import labels_of
from app.tables import MAX_INTEGER, Answer, Attempt, Grid
from app.web import actions
from app.web.api_shapes import (
    AnswerPage,
    Cancelled,
    GridCreated,
    GridItem,
    GridList,
    GridSummary,
    LabelSaid,
    ProgressItem,
    SpendingItem,
    Wanted,
)
from app.web.deps import ByHere, GridHere, Reading, Server
from app.web.problems import Problem
from app.web.who import OWNER, READER, PersonHere, needs

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
    }
    for status, description in (
        (400, "The body cannot be read: text that is no Unicode, or nested too deep"),
        (401, "Log in, or send a token of yours: Authorization: Bearer"),
        (403, "Refused by a safety rule, or your role does not allow it"),
        (404, "No such thing"),
        (409, "Not possible in the present state"),
        (413, "The body is too large"),
        (422, "The input does not make sense; the detail says what to change"),
        (503, "The database is locked, full, read-only or away: nothing was saved, try again"),
    )
}
WantedOrAll = Annotated[Wanted, Body(default_factory=Wanted)]
Cursor = Annotated[str, Query(pattern="^[0-9]{0,20}$", description="`next` of a page")]
router = APIRouter(prefix="/api", tags=["api"], responses=PROBLEMS, dependencies=[needs(READER)])


@router.get("/grids")
def list_grids(
    request: Request,
    session: Reading,
    person: PersonHere,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Cursor = "",
) -> GridList:
    """The newest grids, without those that you only see blind until you have labelled them."""
    before = min(int(cursor or MAX_INTEGER), MAX_INTEGER)
    recent = grids.recent_grids(session, limit + 1, visible(person.viewer), before)
    more, recent = len(recent) > limit, recent[:limit]
    following = str(recent[-1][0].id) if more else None
    hidden = blinded_of(session, (grid for grid, _ in recent), person.viewer)
    recent = [(grid, counts) for grid, counts in recent if grid.id not in hidden]
    spending = spending_of_grids(session, [grid.id for grid, _ in recent])
    return GridList(
        items=[
            GridSummary(**_summary(request, grid, progress, spending[grid.id]))
            for grid, progress in recent
        ],
        next=following,
    )


@router.post("/grids", status_code=201, dependencies=[needs(OWNER)])
def create_grid(
    request: Request, response: Response, server: Server, by: ByHere, given: GridInput
) -> GridCreated:
    """Start a grid: every prompt × model × variant × repeat becomes an answer and is called."""
    return started(request, response, *actions.start_grid(server, by, given))


def started(request: Request, response: Response, grid: Grid, plan: Plan) -> GridCreated:
    """What is told of a grid that was started."""
    response.headers["Location"] = f"/api/grids/{grid.public_id}"
    return GridCreated(
        id=grid.public_id,
        url=_url(request, grid),
        answers=plan.calls,
        left_out=[str(h) for h in plan.left_out],
    )


@router.get("/grids/{grid_id}")
def get_grid(request: Request, server: Server, grid: GridHere, session: Reading) -> GridItem:
    """One grid: what it is made of and how far it is."""
    columns = load_columns(session, grid.id)
    variants = {c.variant.id: c for c in columns}
    return GridItem(
        **_summary(
            request,
            grid,
            grids.progress(session, grid.id),
            spending_of_grids(session, [grid.id])[grid.id],
        ),
        repeats=grid.repeats,
        calls=grid.calls,
        max_calls=grid.max_calls,
        max_cost_usd=grid.max_cost_usd,
        waiting=server.runner.waits(grid.id),
        prompts=[
            p.model_dump(mode="json", exclude={"id", "created_at", "archived_at"})
            for p in load_prompts(session, grid.id)
        ],
        models=list(dict.fromkeys(c.model for c in columns)),
        forced=forced_settings(columns),
        variants=[
            {
                "id": c.variant.id,
                "wording": c.wording.slug,
                "wording_version": c.wording.version,
                "opt_out": c.wording.opt_out,
                **c.variant.model_dump(
                    mode="json", include={"thinking", "system_prompt", "temperature", "max_tokens"}
                ),
            }
            for c in variants.values()
        ],
    )


@router.get("/grids/{grid_id}/answers")
def list_answers(
    grid: GridHere,
    session: Reading,
    cursor: Cursor = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> AnswerPage:
    """A grid's answers with everything sent and received, in the order they were queued.

    `suggested` is what rules (`suggestion_method`) make of the text, strong or weak. It is no label
    and counts in no rate. `hedged`: it commits to an answer and says that it may be wrong.
    """
    after = min(int(cursor or 0), MAX_INTEGER)
    rows = session.execute(
        select(Answer, Attempt)
        .outerjoin(Attempt, col(Attempt.id) == Answer.attempt_id)
        .where(Answer.grid_id == grid.id, col(Answer.id) > after)
        .order_by(col(Answer.id))
        .limit(limit + 1)
    ).all()
    more, rows = len(rows) > limit, rows[:limit]
    columns = {(c.model, c.variant.id): c for c in load_columns(session, grid.id)}
    prompts = {p.id: p for p in load_prompts(session, grid.id)}
    ids = [answer.id for answer, _ in rows]
    labels = labels_of(session, ids)
    attempts: dict[int, list[Attempt]] = {}
    for attempt in session.exec(
        select(Attempt).where(col(Attempt.answer_id).in_(ids)).order_by(col(Attempt.number))
    ):
        attempts.setdefault(attempt.answer_id, []).append(attempt)
    items = []
    for answer, counted in rows:
        column = columns[answer.model, answer.variant_id]
        asked = column.variant.thinking
        items.append(
            {
                "id": answer.id,
                "prompt": {"key": prompts[answer.prompt_id].key,
                           "text": prompts[answer.prompt_id].text},
                "model": answer.model,
                "variant": answer.variant_id,
                "wording": column.wording.slug,
                "thinking_requested": asked,
                "repeat": answer.repeat,
                "state": answer.state,
                "label": answer.label,
                "disputed": answer.disputed,
                "decided": answer.decided,
                "tags": answer.tags.split(),
                "labels": [LabelSaid.of(la, who) for la, who in labels.get(answer.id, [])],
                "attempt": counted.number if counted else 0,
                **_attempt_item(counted),
                "error_message": counted.error_message
                if counted
                else column.why_not_called(answer.state, answer.attempt_id) or None,
                "thinking_forced": column.forced,
                "thinking_observed": counted.thought if counted else None,
                "thinking_evidence": counted.evidence if counted else None,
                "thinking_seen": observed(counted),
                "thinking_mismatch": counted.mismatch if counted else None,
                "attempts": [
                    {
                        "number": a.number,
                        "outcome": a.outcome,
                        "error_kind": a.error_kind,
                        "error": a.error_message,
                        "error_status": a.error_status,
                        "started_at": a.started_at,
                        "finished_at": a.finished_at,
                    }
                    for a in attempts.get(answer.id, [])
                ],
            }
        )  # fmt: skip
    return AnswerPage(items=items, next=str(ids[-1]) if more else None)


@router.post("/grids/{grid_id}/cancellation", dependencies=[needs(OWNER)])
def cancel(server: Server, grid: GridHere, by: ByHere, wanted: WantedOrAll) -> Cancelled:
    """Cancel a grid, or one answer, cell, row or column of it; calls in flight are ended."""
    count = actions.cancel(server, by, grid.id, wanted)
    with server.database.read() as session:
        now = grids.status(session.get_one(Grid, grid.id), grids.progress(session, grid.id))
    return Cancelled(id=grid.public_id, status=now, cancelled=count)


@router.post("/grids/{grid_id}/reruns", status_code=202, dependencies=[needs(OWNER)])
def rerun(server: Server, grid: GridHere, by: ByHere, wanted: WantedOrAll) -> dict[str, int]:
    """Queue answers again: those of a grid that failed or were cancelled, or what is wanted."""
    return {"answers": actions.rerun(server, by, grid.id, wanted)}


@router.put("/grids/{grid_id}/pause", dependencies=[needs(OWNER)])
def pause(server: Server, grid: GridHere, by: ByHere) -> dict[str, str]:
    """Make no new calls; those in flight come to their end."""
    actions.pause(server, by, grid.id)
    return {"id": grid.public_id}


@router.delete("/grids/{grid_id}/pause", dependencies=[needs(OWNER)])
def resume(server: Server, grid: GridHere, by: ByHere) -> dict[str, str]:
    """Go on with a grid that was paused."""
    actions.resume(server, by, grid.id)
    return {"id": grid.public_id}


def _attempt_item(attempt: Attempt | None) -> dict[str, Any]:
    fields = {
        "outcome", "text", "thinking_text", "thinking_kind", "reasoning_tokens", "input_tokens",
        "output_tokens", "usage", "finish_reason", "served_model", "response_id",
        "first_token_ms", "total_ms", "error_kind", "error_message", "user_message",
        "system_message", "request", "thinking_sent", "temperature_sent", "temperature_note",
        "cached_tokens", "cache_write_tokens", "cost_usd", "cost_source",
        "suggested", "suggestion_strength", "suggestion_reason", "suggestion_method", "hedged",
    }  # fmt: skip
    found = attempt.model_dump(include=fields) if attempt else dict.fromkeys(sorted(fields))
    return {**found, "short_answer": attempt.short if attempt else None}


def _url(request: Request, grid: Grid) -> str:
    return str(request.url_for("show_grid", grid_id=grid.public_id))


def _summary(
    request: Request, grid: Grid, progress: grids.Progress, spending: Spending
) -> dict[str, Any]:
    names = ProgressItem.model_fields
    return {
        "id": grid.public_id,
        "url": _url(request, grid),
        "title": grid.title,
        "status": grids.status(grid, progress),
        "created_at": grid.created_at,
        "imported": grid.imported,
        "progress": ProgressItem(**{name: getattr(progress, name) for name in names}),
        "spending": SpendingItem(
            usd=spending.usd if spending.known else None,
            known=spending.known,
            unknown=spending.unknown,
        ),
    }
