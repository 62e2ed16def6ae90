"""Answers as jobs of PgQueuer, in the same Postgres database. Its rows can be lost: ours are true.

A job exists for every answer that may be called or is being called; whoever holds the job holds
the answer. Jobs of several grids take turns: each grid's jobs get consecutive numbers from that of
the job that comes next on (start-time fair queueing, Goyal et al. 1996), lowest number first.
"""

from collections.abc import Sequence
from typing import Any

from pgqueuer.db import SyncDriver
from pgqueuer.domain.settings import db_settings
from pgqueuer.models import Job, TracebackRecord
from pgqueuer.queries import Queries, SyncQueries
from pgqueuer.types import JOB_STATUS
from psycopg import RawCursor
from psycopg.rows import dict_row
from sqlalchemy import select, text
from sqlmodel import Session, col

from app.checks import Waiting, waiting
from app.plans import Providers
from app.ratelimits import account_of
from app.runner import queue
from app.tables import MAX_INTEGER, Answer, Grid, Variant

GONE = "gone"  # where answers of providers go that are not there any more
INSTALLING = 0x626C7568  # the advisory lock of whoever installs PgQueuer
FIRST = MAX_INTEGER  # test calls come before all answers
_JOBS = db_settings().queue_table
_LOG = db_settings().queue_table_log
_Ended = tuple[Job, JOB_STATUS, TracebackRecord | None]


class _InTransaction(SyncDriver):
    """Lets PgQueuer write in a transaction of ours."""

    def __init__(self, session: Session) -> None:
        self._connection: Any = session.connection().connection.driver_connection

    def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        with RawCursor(self._connection, row_factory=dict_row) as cursor:
            cursor.execute(query, args or None)
            return cursor.fetchall()


class OwnQueries(Queries):
    """Ends only jobs that whoever worked on them still holds."""

    async def log_jobs(self, job_status: list[_Ended]) -> None:
        # PgQueuer goes by their ids, which they keep when another process takes them over.
        holders = f"SELECT id, queue_manager_id FROM {_JOBS} WHERE id = ANY($1)"  # noqa: S608
        rows = await self.driver.fetch(holders, [job.id for job, _, _ in job_status])
        held = {(row["id"], row["queue_manager_id"]) for row in rows}
        own = [one for one in job_status if (one[0].id, one[0].queue_manager_id) in held]
        await super().log_jobs(own)


async def install(queries: Queries) -> None:
    """Make PgQueuer's tables, or bring them up to date. One process at a time may do this."""
    if await queries.has_table(_JOBS):
        await queries.upgrade()
    else:
        await queries.install()


def enqueue(session: Session, providers: Providers, grid_id: int) -> bool:
    """Make the jobs of a grid: of its answers that may be called now, and of its test calls.

    True where a worker holds one: if that is over and only not cleared away yet, as that of an
    answer which is run again at once, there is none afterwards.
    """
    # Before the new ones are made: it may be cleared away at any moment.
    held = session.scalar(
        text(
            f"SELECT EXISTS (SELECT FROM {_JOBS} WHERE status <> 'queued'"  # noqa: S608 (our names)
            " AND (dedupe_key LIKE :checks OR dedupe_key IN (SELECT 'answer:' || id FROM answer"
            " WHERE grid_id = :grid AND state = 'pending')))"
        ),
        {"grid": grid_id, "checks": f"check:{grid_id}:%"},
    )
    rows = session.execute(
        select(col(Answer.id), col(Answer.provider))
        .join(Grid, col(Grid.id) == col(Answer.grid_id))
        .join(Variant, col(Variant.id) == col(Answer.variant_id))
        .where(col(Answer.grid_id) == grid_id, *queue.READY)
        .order_by(col(Answer.id))
    )
    answers: dict[str, list[int]] = {}
    for answer_id, provider in rows:
        answers.setdefault(entrypoint(provider, providers), []).append(answer_id)
    for name, ids in answers.items():
        start = _next_number(session, name)
        _insert(
            session, name, [f"answer:{id_}" for id_ in ids], [-start - n for n in range(len(ids))]
        )
    for one in waiting(session):
        if one.grid_id == grid_id:
            name = entrypoint(one.model.partition("/")[0], providers)
            _insert(session, name, [f"check:{one.grid_id}:{one.model}"], [FIRST])
    return bool(held)


def entrypoint(provider: str, providers: Providers) -> str:
    """Where the jobs of a provider go: one place for each account, which has its own limit."""
    return account_of(provider, providers) if provider in providers else GONE


def entrypoints(providers: Providers) -> list[str]:
    return [*dict.fromkeys(p.account for p in providers.values()), GONE]


def find_check(session: Session, grid_id: int, model: str) -> Waiting | None:
    """The test calls that a job stands for, while they are still to be made."""
    return next((w for w in waiting(session) if (w.grid_id, w.model) == (grid_id, model)), None)


def drop(session: Session, grid_id: int) -> None:
    """Take away the waiting jobs of answers that may not be called now."""
    session.execute(
        text(
            f"DELETE FROM {_JOBS} job USING answer, grid"  # noqa: S608 (our own names)
            " WHERE job.status = 'queued' AND job.dedupe_key = 'answer:' || answer.id"
            " AND answer.grid_id = :grid AND grid.id = answer.grid_id"
            " AND (answer.state <> 'pending' OR grid.paused_at IS NOT NULL)"
        ),
        {"grid": grid_id},
    )


def reconcile(session: Session, providers: Providers) -> None:
    """Make the jobs that are missing, and put back what runs without one: its process died."""
    without = f"NOT EXISTS (SELECT FROM {_JOBS} job WHERE job.dedupe_key = 'answer:' || answer.id)"
    lost = session.execute(
        text(f"SELECT id, grid_id FROM answer WHERE state = 'running' AND {without}")  # noqa: S608
    ).all()
    for answer_id, grid_id in sorted(lost, key=lambda row: row.grid_id):
        queue.take_over(session, answer_id, grid_id)
    left = session.scalars(
        text(
            "SELECT attempt.id FROM attempt JOIN answer ON answer.id = attempt.answer_id"  # noqa: S608
            f" WHERE attempt.finished_at IS NULL AND answer.state <> 'running' AND {without}"
        )
    ).all()
    queue.close_left(session, left)
    grids = {
        *session.scalars(
            text(f"SELECT DISTINCT grid_id FROM answer WHERE state = 'pending' AND {without}")  # noqa: S608
        ),
        *(one.grid_id for one in waiting(session)),
    }
    for grid_id in sorted(grids):
        enqueue(session, providers, grid_id)
    # Its log only feeds statistics; a grid of 20,000 leaves 60,000 rows.
    session.execute(text(f"DELETE FROM {_LOG} WHERE created < now() - interval '1 hour'"))  # noqa: S608


def _next_number(session: Session, name: str) -> int:
    """The number of the job that comes next; 0 where none waits."""
    found = session.scalar(
        text(
            f"SELECT max(priority) FROM {_JOBS}"  # noqa: S608
            " WHERE entrypoint = :name AND status = 'queued' AND priority <= 0"
        ),
        {"name": name},
    )
    return -(found or 0)


def _insert(session: Session, name: str, keys: Sequence[str], priorities: Sequence[int]) -> None:
    """Jobs that are there already stay as they are."""
    SyncQueries(_InTransaction(session)).enqueue(
        [name] * len(keys),
        [key.encode() for key in keys],
        list(priorities),
        dedupe_key=list(keys),
        on_conflict="skip",
    )
