"""Small grids and answers for tests, made the way the program makes them."""

from typing import Any

from fastapi.testclient import TestClient
from sqlmodel import Session, col, select

from app.grids import start_grid
from app.plans import GridInput, plan_grid
from app.pricing.prices import Cost
from app.providers import Call, Completion, Outcome, Provider, Request, ThinkingKind, load_providers
from app.runner.records import came
from app.tables import Answer, AnswerState, Attempt, Grid, Prompt, Variant, now
from tests.polling import wait_until_done
from tests.team import Someone


def practice() -> dict[str, Provider]:
    """The providers of a machine without any key."""
    return load_providers({}, practice_latency_s=0)


def grid_input(**changes: Any) -> dict[str, Any]:
    """What POST /api/grids takes: two practice models, one prompt, one variant, two repeats."""
    return {
        "title": "Ds",
        "prompts": [{"text": "How many Ds are in DEEPSEEK?", "references": ["1"]}],
        "models": ["practice/bluffer", "practice/honest"],
        "variants": [{"wording": "allowed", "thinking": "off"}],
        "repeats": 2,
        **changes,
    }


def new_grid(session: Session, **changes: Any) -> Grid:
    """A grid whose answers are pending, not committed."""
    plan = plan_grid(session, GridInput(**grid_input(**changes)), practice())
    return start_grid(session, plan, max_answers=1000)


def answers_of(session: Session, grid: Grid) -> list[Answer]:
    return list(
        session.exec(select(Answer).where(Answer.grid_id == grid.id).order_by(col(Answer.id)))
    )


def finish(
    session: Session,
    answer: Answer,
    text: str = "1",
    outcome: Outcome = Outcome.answered,
    thinking_kind: ThinkingKind = ThinkingKind.none,
    reasoning_tokens: int | None = 0,
) -> Attempt:
    """Give an answer the attempt that counts, as if a model had been called."""
    asked = session.get_one(Variant, answer.variant_id).thinking
    request = Request("", {}, {}, call=Call("m", "q", thinking=asked))
    seen: dict[str, Any] = {"thinking_kind": thinking_kind, "reasoning_tokens": reasoning_tokens}
    attempt = Attempt(
        answer_id=answer.id,
        number=1,
        started_at=now(),
        finished_at=now(),
        **came(
            Completion(text, outcome, "stop", **seen),
            request,
            Cost(),
            session.get_one(Prompt, answer.prompt_id),
        ),
    )
    attempt.error_message = "It broke." if outcome is Outcome.error else ""
    session.add(attempt)
    session.flush()
    answer.state = AnswerState.failed if outcome is Outcome.error else AnswerState.done
    answer.attempt_id = attempt.id
    session.add(answer)
    session.flush()
    return attempt


def run_grid(client: TestClient | Someone, **changes: Any) -> str:
    """Start a grid over the API, wait until it is done, return its id."""
    created = client.post("/api/grids", json=grid_input(**changes))
    assert created.status_code == 201, created.text
    wait_until_done(client, created.json()["id"])
    return str(created.json()["id"])
