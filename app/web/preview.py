"""What a grid would do, before anything runs: its calls, messages, requests, costs, warnings."""

from collections.abc import Callable, Sequence
from typing import Any

from app.errors import BluffcheckError
from app.estimates import Estimator
from app.messages import gives_its_own_way_out
from app.plans import GridInput, Plan, PlannedVariant, plan_grid, requests_preview
from app.providers import Request
from app.tables import Prompt, WordingMode
from app.web import actions
from app.web.deps import Services

Requests = Sequence[tuple[str, PlannedVariant, Request]]


def preview_of(server: Services, parse: Callable[[], GridInput]) -> dict[str, Any]:
    """What partials/preview.html shows. Nothing is kept: new prompts are rolled back."""
    with server.database.write() as session:
        try:
            given = parse()
            plan = plan_grid(session, given, server.providers)
            estimate = Estimator(session, server.prices, server.providers).plan(plan)
        except BluffcheckError as exc:
            return {"plan": None, "preview_error": str(exc)}
        finally:
            session.expunge_all()
            session.rollback()
        requests = requests_preview(plan, server.providers)
        ceilings = actions.ceilings_of(server, given)
        return {
            "plan": plan,
            "preview_error": "",
            "requests": requests,
            "estimate": estimate,
            "tested": len(actions.models_to_check(server, given, plan)),
            "warnings": _warnings(plan, requests, server.settings.max_answers),
            "ceiling_problem": ceilings.problem(plan.calls, estimate.expected_usd),
        }


def _warnings(plan: Plan, requests: Requests, max_answers: int) -> list[str]:
    found = [
        f"“{_shorten(prompt)}” offers a way out in its own words, also where the wording"
        f" “{variant.wording.title}” should not. Give its question without that part."
        for variant in plan.variants
        if variant.wording.mode is WordingMode.parts and not variant.wording.may_abstain
        for prompt in plan.prompts
        if gives_its_own_way_out(prompt)
    ]
    found += [
        f"{model}, thinking {variant.given.thinking}: {request.temperature_note}"
        for model, variant, request in requests
        if request.temperature_note
    ]
    if plan.calls > max_answers:
        found.append(f"More than {max_answers:,} calls are not allowed in one grid.")
    return list(dict.fromkeys(found))


def _shorten(prompt: Prompt, length: int = 60) -> str:
    return prompt.text if len(prompt.text) <= length else prompt.text[: length - 1] + "…"
