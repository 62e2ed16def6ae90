"""What a grid would do, before anything runs: its calls, messages, requests, costs, warnings."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlmodel import Session

from app.errors import BluffcheckError, Unavailable
from app.messages import gives_its_own_way_out
from app.plans import Plan, PlannedVariant, requests_preview
from app.prompts import shorten
from app.providers import Request
from app.tables import WordingMode
from app.web.actions import Draft
from app.web.deps import Services

Requests = Sequence[tuple[str, PlannedVariant, Request]]


def preview_of(server: Services, draft: Callable[[Session], Draft]) -> dict[str, Any]:
    """What partials/preview.html shows. Nothing is kept: new prompts are rolled back."""
    try:
        return _preview(server, draft)
    except Unavailable as exc:  # the form is still worth something
        return {"plan": None, "preview_error": f"There is no preview at the moment: {exc.reason}."}


def _preview(server: Services, draft: Callable[[Session], Draft]) -> dict[str, Any]:
    with server.database.write() as session:
        try:
            drafted = draft(session)
        except BluffcheckError as exc:
            return {"plan": None, "preview_error": str(exc)}
        finally:
            session.expunge_all()
            session.rollback()
        plan = drafted.plan
        requests = requests_preview(plan, server.providers)
        return {
            "plan": plan,
            "preview_error": "",
            "requests": requests,
            "estimate": drafted.estimate,
            "tested": len(drafted.tested),
            "warnings": _warnings(plan, requests, server.settings.max_answers),
            "ceiling_problem": drafted.problem,
        }


def _warnings(plan: Plan, requests: Requests, max_answers: int) -> list[str]:
    found = [
        f"“{shorten(prompt.text)}” offers a way out in its own words, also where the wording"
        f" “{variant.wording.title}” should not. Give its question without that part."
        for variant in plan.variants
        if variant.wording.mode is WordingMode.parts and not variant.wording.may_abstain
        for prompt in (plan.prompts if variant.id is None else plan.new_prompts)
        if gives_its_own_way_out(prompt)
    ]
    found += [
        f"{model}, thinking {variant.given.thinking}: {request.temperature_note}"
        for model, variant, request in requests
        if request.temperature_note
    ]
    if plan.total > max_answers:
        found.append(f"More than {max_answers:,} calls are not allowed in one grid.")
    return list(dict.fromkeys(found))
