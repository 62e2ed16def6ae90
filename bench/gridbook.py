"""Fills databases with grids whose answers are in, without calling any model."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, update
from sqlmodel import Session, SQLModel, select

from app.db import Database
from app.grid.shape import load_prompts
from app.grids import start_grid
from app.plans import GridInput, plan_grid
from app.prompts import ship
from app.providers import Outcome, load_providers
from app.reviewing.labels import get_reviewer
from app.suggestions import suggestion
from app.tables import Answer, Grid, Prompt, now

WORDINGS = ("not-mentioned", "allowed", "encouraged")
THINKING = ("off", "on")
MODELS = ("practice/bluffer", "practice/honest", "practice/thinker", "practice/flaky")
LABELS = ("correct", "hallucinated", "abstained")
DAYS = ("07-03", "15-06", "01-01", "31-12", "I don't know.", "2", "1")
OTHERS = ("empty", "truncated", "refused", "error")


@dataclass(frozen=True)
class Size:
    prompts: int
    models: int = 4
    repeats: int = 5

    @property
    def answers(self) -> int:
        return self.prompts * self.models * len(WORDINGS) * len(THINKING) * self.repeats


def fill(database: Database, size: Size, title: str, labelled: float = 0.7) -> str:
    """One grid of this size, the same each time; its public id."""
    dice = random.Random(size.prompts)
    with database.write() as session:
        ship(session)
        grid = _start(session, size, title)
        reviewer = get_reviewer(session, "Ada")
        prompts = {prompt.id: prompt for prompt in load_prompts(session, grid.id)}
        answers = session.execute(
            select(Answer.id, Answer.prompt_id).where(Answer.grid_id == grid.id)
        ).all()
        _insert(
            session,
            "attempt",
            [_attempt(answer, prompts[prompt], dice) for answer, prompt in answers],
        )
        attempt = SQLModel.metadata.tables["attempt"]
        in_grid = select(Answer.id).where(Answer.grid_id == grid.id)
        found = session.execute(
            select(attempt.c.answer_id, attempt.c.id, attempt.c.outcome).where(
                attempt.c.answer_id.in_(in_grid)
            )
        ).all()
        rows: list[dict[str, Any]] = []
        for answer, id_, outcome in found:
            label = dice.choice(LABELS) if outcome == "answered" else None
            label = label if dice.random() < labelled else None
            state = "failed" if outcome == "error" else "done"
            rows.append({"id": answer, "attempt_id": id_, "state": state, "label": label})
        session.execute(update(Answer), rows)
        _insert(
            session,
            "label",
            [
                {"answer_id": row["id"], "reviewer_id": reviewer.id, "value": row["label"],
                 "note": "", "labelled_at": now()}
                for row in rows if row["label"]
            ],
        )  # fmt: skip
        session.commit()
        return grid.public_id


def _start(session: Session, size: Size, title: str) -> Grid:
    given = GridInput(
        title=title,
        prompts=[
            {"text": f"On which day was person number {n} born? Answer as DD-MM.",
             "references": [DAYS[n % 4]]}
            for n in range(1, size.prompts + 1)
        ],
        models=list(MODELS[: size.models]),
        variants=[{"wording": w, "thinking": t} for w in WORDINGS for t in THINKING],
        repeats=size.repeats,
    )  # fmt: skip
    plan = plan_grid(session, given, load_providers({}, practice_latency_s=0))
    return start_grid(session, plan, max_answers=10_000_000)


def _attempt(answer: int, prompt: Prompt, dice: random.Random) -> dict[str, Any]:
    outcome = dice.choice(OTHERS) if dice.random() < 0.04 else "answered"
    text = dice.choice(DAYS) if outcome == "answered" else ""
    thought = dice.random() < 0.5
    return {
        "answer_id": answer, "number": 1, "started_at": now(), "finished_at": now(),
        "user_message": "On which day?", "system_message": "", "request": {}, "thinking_sent": {},
        "temperature_note": "", "outcome": outcome, "usage": {}, "finish_reason": "stop",
        "text": text,
        "thinking_text": "I try to recall when this person was born. " * 5 if thought else "",
        "thinking_kind": "full" if thought else "none", "thought": "yes" if thought else "no",
        "evidence": "text", "mismatch": "It thought, not asked to." * (dice.random() < 0.03),
        "cost_usd": round(dice.lognormvariate(-7, 0.8), 6), "cost_source": "reported",
        "served_model": "", "response_id": "", "total_ms": int(dice.lognormvariate(7, 0.7)),
        "error_kind": "", "error_message": "It broke." if outcome == "error" else "",
        **suggestion(Outcome(outcome), text, prompt),
    }  # fmt: skip


def _insert(session: Session, table: str, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(SQLModel.metadata.tables[table]), rows)
