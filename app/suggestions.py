"""What the rules suggest of answers, kept with their attempts; also of those from before."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from functools import lru_cache, partial
from typing import Any, Protocol

from sqlalchemy import and_, bindparam, or_, select, update
from sqlmodel import Session, SQLModel, col

from app.db import Database
from app.errors import Unavailable
from app.grids import IS_ORIGINAL, stamp
from app.meanwhile import meanwhile, rest
from app.origins import ASKED_HERE
from app.providers import Outcome
from app.suggest import METHOD, Gist, Question, gist
from app.tables import Answer, Attempt, Grid, LabelValue, Prompt

log = logging.getLogger(__name__)

BATCH = 50  # answers read at a time: what is written in one transaction, and held in memory
REST_S = 0.02  # between two batches, for others who want to write
RETRY_S = 5.0  # while the database cannot be written

_ATTEMPT = SQLModel.metadata.tables["attempt"]
_COLUMNS = (
    "short",
    "answer_key",
    "suggested",
    "suggestion_strength",
    "suggestion_reason",
    "suggestion_method",
    "hedged",
)
_KEEP = (
    update(_ATTEMPT)
    .where(_ATTEMPT.c.id == bindparam("attempt"))
    .values({name: bindparam(f"new_{name}") for name in _COLUMNS})
)
# Two ranges: an index finds what is not equal only so.
_UNREAD = and_(
    col(Attempt.outcome) == Outcome.answered,
    or_(col(Attempt.suggestion_method) < METHOD, col(Attempt.suggestion_method) > METHOD),
)


class Asked(Protocol):
    """What the rules want to know of a prompt."""

    text: str
    answer_format: str
    references: list[str]


def suggestion(outcome: Outcome | None, text: str, prompt: Asked) -> dict[str, Any]:
    """What the rules make of an answer, as columns of its attempt; nothing where there is none."""
    found = Gist()
    if outcome is Outcome.answered:
        try:
            found = gist(
                text, _question(tuple(prompt.references), prompt.answer_format, prompt.text)
            )
        except Exception:
            # An answer is worth more than what rules make of it.
            id_ = getattr(prompt, "id", None)
            log.exception("no suggestion could be made for an answer to prompt %s", id_)
    return {
        "short": found.short,
        "answer_key": found.key,
        "suggested": LabelValue(found.suggested) if found.suggested else None,
        "suggestion_strength": found.strength,
        "suggestion_reason": found.reason,
        "suggestion_method": METHOD if outcome is Outcome.answered else "",
        "hedged": found.hedged,
    }


def catching_up(database: Database) -> AbstractAsyncContextManager[None]:
    """Meanwhile read, a few at a time, the answers that no rules, or other ones, have read."""
    return meanwhile(partial(_catch_up, database))


def read_some(database: Database) -> int:
    """Make suggestions for the next answers without; how many these were."""
    with database.read() as session:
        rows = session.execute(
            select(col(Attempt.id), col(Attempt.text), col(Answer.grid_id), Prompt)
            .join(Answer, col(Answer.id) == col(Attempt.answer_id))
            .join(Prompt, col(Prompt.id) == col(Answer.prompt_id))
            .join(Grid, col(Grid.id) == col(Answer.grid_id))
            .where(_UNREAD, ASKED_HERE, IS_ORIGINAL)
            .limit(BATCH)
        ).all()
    found = []
    for attempt_id, text, _, prompt in rows:
        new = suggestion(Outcome.answered, text, prompt)
        found.append({"attempt": attempt_id} | {f"new_{name}": new[name] for name in _COLUMNS})
    if found:
        with database.write() as session:
            _keep(session, found, {grid_id for _, _, grid_id, _ in rows})
            session.commit()
    return len(found)


async def _catch_up(database: Database, stop: asyncio.Event) -> None:
    total, done, rest_s = 0, 1, REST_S
    while done and not stop.is_set():
        try:
            done = await asyncio.to_thread(read_some, database)
            total, rest_s = total + done, REST_S
        except Unavailable as exc:
            log.info("suggestions wait for the database: %s", exc.reason)
            rest_s = RETRY_S
        except Exception:
            log.exception("earlier answers could not be read by the rules")
            return
        await rest(stop, rest_s)
    if total:
        log.info("%d earlier answers were read by the rules %s", total, METHOD)


def _keep(session: Session, found: list[dict[str, Any]], grid_ids: set[int]) -> None:
    seqs = {grid_id: stamp(session, grid_id) for grid_id in sorted(grid_ids)}
    session.connection().execute(_KEEP, found)
    for grid_id, seq in seqs.items():  # whoever looks at the grid sees it
        session.execute(
            update(Answer)
            .where(
                col(Answer.grid_id) == grid_id,
                col(Answer.attempt_id).in_([one["attempt"] for one in found]),
            )
            .values(seq=seq)
        )


@lru_cache(maxsize=500)
def _question(references: tuple[str, ...], answer_format: str, text: str) -> Question:
    return Question.of(references, answer_format, text)
