"""The library: prompts and wordings, created and edited by adding versions."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from sqlalchemy import exists, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from app.errors import Conflict, InvalidInput, NotFound
from app.pubid import new_public_id
from app.sql import among, depending
from app.tables import Answerable, Placement, Prompt, Wording, WordingMode, now

DATA = Path(__file__).parent / "data"
MAX_TEXT = 50_000
MAX_REFERENCES = 100  # of a prompt
MAX_TITLE = 60  # of a wording
NEWEST_FIRST = (col(Prompt.created_at).desc(), col(Prompt.id))
NEW = "new"  # in the place of a key or slug in an address: of what is still to be saved
FIRST = 1  # version of the library; what came with an imported grid only has lower ones


def _storable(value: str) -> str:
    """Refuse what Postgres cannot hold. (pydantic itself refuses halves of surrogate pairs.)"""
    if "\0" in value:
        raise ValueError("contains a NUL character; remove it")
    return value


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_storable)]
Line = Annotated[str, Field(max_length=500), AfterValidator(_storable)]


class PromptInput(BaseModel):
    """A prompt as people and programs give it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: Text = Field(description="The prompt as its author published it.")
    question: Text = Field("", description="The same without opt-out and format; default: text.")
    answer_format: Text = Field("", description='Such as "Just respond with DD-MM."')
    references: list[Text] = Field(
        [], max_length=MAX_REFERENCES, description="Answers that count as correct."
    )
    constraint: Text = Field("", description="What is known when there is no reference.")
    answerable: Answerable = Answerable.unknown
    tags: list[Line] = Field([], max_length=50)
    source: Line = ""

    @field_validator("text")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value:
            raise ValueError("a prompt needs a text")
        return value

    @field_validator("tags", mode="before")
    @classmethod
    def _between_commas(cls, value: Any) -> Any:
        """Forms have commas between tags, so that none can have one in it."""
        if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
            return value  # which is refused
        return [part for tag in value for part in re.split("[,\n]", tag)]

    @field_validator("references", "tags")
    @classmethod
    def _without_blanks(cls, value: list[str]) -> list[str]:
        return list(dict.fromkeys(v for v in value if v))


class WordingInput(BaseModel):
    """A wording as people edit it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    title: Annotated[str, Field(min_length=1, max_length=MAX_TITLE), AfterValidator(_storable)]
    mode: WordingMode = WordingMode.parts
    opt_out: Text = ""
    placement: Placement = Placement.end
    blank_line: bool = False
    may_abstain: bool = False
    target: float | None = Field(None, ge=0, lt=1)

    @model_validator(mode="after")
    def _target_given(self) -> "WordingInput":
        if self.target is None and ("{percent}" in self.opt_out or "{penalty}" in self.opt_out):
            raise ValueError("the text uses {percent} or {penalty}, so it needs a target t")
        return self


def ship(session: Session) -> None:
    """Add the shipped prompts and wordings that the database does not know yet."""
    known = set(session.exec(select(Wording.slug).where(Wording.version >= FIRST)))
    for position, row in enumerate(_load("wordings.toml", "wording")):
        slug = row.pop("slug")
        if slug not in known:
            fields = WordingInput(**row).model_dump()
            session.add(Wording(slug=slug, position=position, **fields))
    known = set(session.exec(select(Prompt.key)))
    for row in reversed(_load("prompts.toml", "prompt")):  # the library shows the newest first
        key = row.pop("key")
        if key not in known:
            session.add(Prompt(key=key, **PromptInput(**row).model_dump()))


def example_keys() -> list[str]:
    """The keys of the three prompts of "Reproduce the paper"."""
    return [row["key"] for row in _load("prompts.toml", "prompt")[:3]]


def newest_versions(*columns: Any) -> Any:
    """A statement: the newest version of every prompt, also of archived ones."""
    return select(*columns).where(is_newest())


def is_newest(*, of_few: bool = False) -> Any:
    """A condition: there is no later version of the prompt.

    SQLite would look each prompt up; to look up those with several versions, which are few, takes
    it a third of the time, unless prompts are named by their keys (``of_few``).
    """
    earlier, later = aliased(Prompt), aliased(Prompt)
    several = col(later.version) > FIRST
    is_last = ~exists().where(
        several, col(later.key) == Prompt.key, col(later.version) > Prompt.version
    )
    if of_few:
        return is_last
    replaced = select(earlier.id).where(
        several, col(earlier.key) == later.key, col(earlier.version) < later.version
    )
    return depending(col(Prompt.id).not_in(replaced), is_last)


def in_library() -> Any:
    """A statement: the newest version of every prompt that is not archived, newest first."""
    statement = newest_versions(Prompt).where(col(Prompt.archived_at).is_(None))
    return statement.order_by(*NEWEST_FIRST)


def library(session: Session) -> list[Prompt]:
    """The newest version of every prompt that is not archived, newest first."""
    return list(session.exec(in_library()))


def wordings(session: Session, *, archived: bool = False) -> list[Wording]:
    """The newest version of every wording that is not archived, or is, in their order."""
    newest = select(Wording.slug, func.max(Wording.version)).group_by(Wording.slug)
    archived_at = col(Wording.archived_at)
    statement = select(Wording).where(
        tuple_(col(Wording.slug), col(Wording.version)).in_(newest),
        *(
            [archived_at.is_not(None), Wording.version >= FIRST]
            if archived
            else [archived_at.is_(None)]
        ),
    )
    return list(session.exec(statement.order_by(col(Wording.position), col(Wording.id))))


def prompt_versions(session: Session, key: str) -> list[Prompt]:
    """All versions of one prompt, newest first. Raises NotFound."""
    found = session.exec(
        select(Prompt).where(Prompt.key == key).order_by(col(Prompt.version).desc())
    ).all()
    if not found:
        raise NotFound("There is no such prompt in the library.")
    return list(found)


def wording_versions(session: Session, slug: str) -> list[Wording]:
    """All versions of one wording, newest first. Raises NotFound."""
    found = session.exec(
        select(Wording).where(Wording.slug == slug).order_by(col(Wording.version).desc())
    ).all()
    if not found:
        raise NotFound(f"There is no wording called “{slug}”.")
    return list(found)


def current_wording(session: Session, slug: str) -> Wording:
    """The version to use now. Raises InvalidInput with the names that exist."""
    by_slug = {w.slug: w for w in wordings(session)}
    found = by_slug.get(slug_of(slug))
    if found is None:
        raise InvalidInput(f"There is no wording “{slug}”. There are: {', '.join(by_slug)}.")
    return found


def slug_of(name: str) -> str:
    """The slug that people mean: they write "not mentioned" and "Not_mentioned" too."""
    return name.strip().lower().replace(" ", "-").replace("_", "-")


def save_prompt(
    session: Session, given: PromptInput, key: str | None = None, *, listed: bool = False
) -> Prompt:
    """Add a prompt, or a new version of the prompt ``key``; an identical one is reused, where it
    is to be ``listed`` only one that the library shows."""
    if key is None:
        return save_prompts(session, [given], listed=listed)[0]
    newest = prompt_versions(session, key)[0]
    if same(newest, given):
        return newest
    prompt = Prompt(key=key, version=newest.version + 1, **given.model_dump())
    _add(session, prompt)
    return prompt


def save_prompts(
    session: Session, given: Sequence[PromptInput], *, listed: bool = False
) -> list[Prompt]:
    """Add prompts, in their order, but for those that are there: thousands with few statements."""
    alike: Any = newest_versions(Prompt) if listed else select(Prompt)
    alike = alike.where(
        among(col(Prompt.text), {one.text for one in given}), col(Prompt.archived_at).is_(None)
    )
    there: dict[str, list[Prompt]] = {}
    for prompt in session.exec(alike.order_by(col(Prompt.version).desc(), col(Prompt.id))):
        there.setdefault(prompt.text, []).append(prompt)
    found, added = [], []
    for one in given:
        same_text = there.setdefault(one.text, [])
        saved = next((prompt for prompt in same_text if same(prompt, one)), None)
        if saved is None:
            saved = Prompt(key=new_public_id(), **one.model_dump())
            same_text.append(saved)
            added.append(saved)
        found.append(saved)
    _add(session, *added)
    return found


def save_wording(session: Session, given: WordingInput, slug: str | None = None) -> Wording:
    """Add a wording, or a new version of the wording ``slug``; an identical one is reused.

    Raises InvalidInput, NotFound.
    """
    fields = given.model_dump()
    if slug is None:
        slug = "-".join("".join(c if c.isalnum() else " " for c in given.title.lower()).split())
        if not slug:
            raise InvalidInput("The name of a wording needs letters or digits.")
        if slug == NEW:
            raise InvalidInput(f"“{given.title}” is no name to know a wording by. Give another.")
        if session.exec(_slug_in_use(slug)).first():
            newest = wording_versions(session, slug)[0]
            if same(newest, given) and newest.archived_at is None:  # a form that was sent twice
                return newest
            raise InvalidInput(f"There is already a wording called “{given.title}”. Edit that one.")
        highest = session.exec(select(func.max(Wording.position))).one() or 0
        wording = Wording(slug=slug, position=highest + 1, **fields)
    else:
        newest = wording_versions(session, slug)[0]
        if same(newest, given):
            return newest
        others = {it.title.casefold() for it in wordings(session) if it.slug != slug}
        if given.title != newest.title and given.title.casefold() in others:
            raise InvalidInput(f"There is another wording called “{given.title}”. Give a new name.")
        wording = Wording(slug=slug, version=newest.version + 1, position=newest.position, **fields)
    _add(session, wording)
    return wording


def _slug_in_use(slug: str) -> Any:
    return select(Wording.id).where(Wording.slug == slug, Wording.version >= FIRST)


def archive(row: Prompt | Wording, *, restore: bool = False) -> None:
    """Take a prompt or wording out of the library; grids that used it keep it."""
    row.archived_at = None if restore else now()


def _add(session: Session, *rows: Prompt | Wording) -> None:
    """Raises Conflict when somebody else added the same version at the same moment."""
    try:
        with session.begin_nested():
            session.add_all(rows)
    except IntegrityError:
        raise Conflict(
            "Somebody else saved this a moment ago. Look at it and save again."
        ) from None


def same(row: Prompt | Wording, given: PromptInput | WordingInput) -> bool:
    """Whether a row is what was given, to the letter."""
    return all(getattr(row, name) == value for name, value in given.model_dump().items())


def shorten(text: str, length: int = 60) -> str:
    """The beginning of a text, to name it by."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _load(file: str, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tomllib.loads((DATA / file).read_text("utf-8"))[table]
    return rows
