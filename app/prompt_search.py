"""Prompts of a library that may have very many: found by words and a tag, a part at a time."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import sqlalchemy
from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlmodel import Session, col

from app.prompts import NEWEST_FIRST, is_newest
from app.sql import among, contains, json_elements
from app.tables import Prompt

MOST_Q = 200  # characters


@dataclass(frozen=True)
class Search:
    """Which prompts are looked for. Of several versions the newest counts."""

    q: str = ""  # in text, question and references, whatever their case
    tag: str = ""
    archived: bool = False  # else those that are not

    @classmethod
    def of(cls, q: str = "", tag: str = "", *, archived: bool = False) -> "Search":
        """As typed. No text has a NUL character, and Postgres takes none."""
        return cls(q.replace("\0", "␀").strip()[:MOST_Q], tag.replace("\0", "␀"), archived)

    def __bool__(self) -> bool:
        """Whether it leaves anything out of the library."""
        return bool(self.q or self.tag)

    def query(self, tag: str | None = None, page: int = 1) -> str:
        """The same in an address, with another tag or of another page."""
        given = {
            "q": self.q,
            "tag": self.tag if tag is None else tag,
            "archived": "1" if self.archived else "",
            "page": str(page) if page > 1 else "",
        }
        return urlencode({name: value for name, value in given.items() if value})

    def conditions(self) -> list[ColumnElement[bool]]:
        archived_at = col(Prompt.archived_at)
        among_which = archived_at.is_not(None) if self.archived else archived_at.is_(None)
        return [among_which, is_newest(), *self.asked()]

    def asked(self) -> list[ColumnElement[bool]]:
        """The same of any versions, archived or not."""
        found: list[ColumnElement[bool]] = []
        if self.tag:
            found.append(_has_tag(self.tag))
        if self.q:
            found.append(_contains(self.q))
        return found


def count(session: Session, search: Search, *more: ColumnElement[bool]) -> int:
    statement = select(func.count()).select_from(Prompt).where(*search.conditions(), *more)
    return int(session.scalar(statement) or 0)


def part(
    session: Session,
    search: Search,
    *more: ColumnElement[bool],
    first: int = 0,
    size: int,
    last: ColumnElement[bool] | None = None,
) -> list[Prompt]:
    """Some of the prompts that match, newest first; those of ``last`` after the others."""
    order = NEWEST_FIRST if last is None else (last, *NEWEST_FIRST)
    statement = select(Prompt).where(*search.conditions(), *more)
    return list(session.scalars(statement.order_by(*order).offset(first).limit(size)))


def keys(session: Session, search: Search, *more: ColumnElement[bool], size: int) -> list[str]:
    """The keys of those that match, newest first, at most so many."""
    statement = select(col(Prompt.key)).where(*search.conditions(), *more)
    return list(session.scalars(statement.order_by(*NEWEST_FIRST).limit(size)))


def count_and_tags(
    session: Session, search: Search, size: int
) -> tuple[int, list[tuple[str, int]]]:
    """How many match; and of those that match whatever their tag, the commonest tags."""
    # By lists of tags first, of which there are few: that takes half the time. And what is read
    # once is counted twice.
    conditions = replace(search, tag="").conditions()
    lists = select(col(Prompt.tags), func.count().label("n")).where(*conditions)
    grouped = lists.group_by(col(Prompt.tags)).cte()
    elements = json_elements(grouped.c.tags).table_valued("value")
    number = func.sum(grouped.c.n)
    statement = (
        select(elements.c.value, number, select(number).scalar_subquery())
        .select_from(sqlalchemy.outerjoin(grouped, elements, sqlalchemy.true()))
        .group_by(elements.c.value)
        .order_by(number.desc(), elements.c.value)
        .limit(size + 1)  # one row is of prompts without tags
    )
    rows = session.execute(statement).all()
    tags = {tag: int(n) for tag, n, _ in rows if tag is not None}
    found = tags.get(search.tag) if search.tag else int(rows[0][2]) if rows else 0
    return count(session, search) if found is None else found, list(tags.items())[:size]


def in_order(session: Session, wanted: Collection[str]) -> list[str]:
    """Those of these keys that there are, in the order of the library, archived or not."""
    return chosen_keys(session, Search(), wanted)


def chosen_keys(session: Session, search: Search, wanted: Collection[str]) -> list[str]:
    """The same of those that match."""
    asked = {key for key in wanted if key.isprintable()}  # Postgres takes no NUL character
    if not asked:
        return []
    named = (among(col(Prompt.key), asked), is_newest(of_few=True))
    statement = select(col(Prompt.key)).where(*named, *search.asked())
    return list(session.scalars(statement.order_by(*NEWEST_FIRST)))


def with_keys(session: Session, wanted: Collection[str]) -> list[Prompt]:
    """The newest versions of these prompts, in the order of the library."""
    statement = select(Prompt).where(among(col(Prompt.key), wanted), is_newest(of_few=True))
    return list(session.scalars(statement.order_by(*NEWEST_FIRST)))


def with_texts(session: Session, texts: Collection[str]) -> list[Prompt]:
    """The prompts of the library with one of these texts, newest first."""
    statement = select(Prompt).where(*Search().conditions(), among(col(Prompt.text), texts))
    return list(session.scalars(statement.order_by(*NEWEST_FIRST)))


def _has_tag(tag: str) -> ColumnElement[bool]:
    elements = json_elements(col(Prompt.tags)).table_valued("value")
    return exists().select_from(elements).where(elements.c.value == tag)


def _contains(q: str) -> ColumnElement[bool]:
    elements = json_elements(col(Prompt.references)).table_valued("value")
    reference = exists().select_from(elements).where(contains(elements.c.value, q))
    return or_(contains(col(Prompt.text), q), contains(col(Prompt.question), q), reference)
