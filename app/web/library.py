"""The library: prompts and wordings, their versions, adding and editing."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session
from starlette.datastructures import FormData

from app import prompt_search, prompts
from app.errors import BluffcheckError, Conflict
from app.messages import compose
from app.prompt_search import Search
from app.prompts import PromptInput, WordingInput
from app.tables import MAX_INTEGER, Answerable, Placement, Prompt, Wording, WordingMode
from app.web.deps import Form, IsHtmx, MaybeReviewer, Reading, Server
from app.web.problems import validated
from app.web.render import page
from app.web.typed import decimal
from app.web.who import OWNER, READER, needs

router = APIRouter(dependencies=[needs(READER)])
ON_A_PAGE = 100
MOST_TAGS = 100  # of which a page tells the numbers


@router.get("/library")
def show_library(
    session: Reading,
    reviewer: MaybeReviewer,
    htmx: IsHtmx,
    q: str = "",
    tag: str = "",
    archived: str = "",
    number: Annotated[int, Query(alias="page", ge=1, le=MAX_INTEGER)] = 1,
) -> Response:
    """A page of the prompts, those with words or a tag alone where asked for; and the wordings."""
    shown = _prompts_shown(session, Search.of(q, tag, archived=bool(archived)), number)
    if htmx:
        return page("partials/library_prompts.html", **shown)
    return page(
        "pages/library.html",
        wordings=prompts.wordings(session),
        archived_wordings=prompts.wordings(session, archived=True),
        reviewer=reviewer,
        **shown,
    )


@router.get("/library/prompts/{key}")
def show_prompt(session: Reading, reviewer: MaybeReviewer, key: str) -> Response:
    if key == prompts.NEW:
        return _prompt_page(session, None, Prompt(key="", text=""), reviewer=reviewer)
    return _prompt_page(session, key, prompts.prompt_versions(session, key)[0], reviewer=reviewer)


@router.post("/library/prompts/{key}", dependencies=[needs(OWNER)])
def save_prompt(
    server: Server, session: Reading, key: str, data: Form, reviewer: MaybeReviewer
) -> Response:
    """Save a new prompt (``new``) or a new version; archive or restore."""
    fields: dict[str, Any] = {
        name: _lines(data, name)
        for name in ("text", "question", "answer_format", "constraint", "source", "answerable")
    }
    fields["references"] = lines = _lines(data, "references").split("\n")
    fields["tags"] = [t.strip() for t in str(data.get("tags", "")).split(",")]
    there = None if key == prompts.NEW else key
    try:
        with server.database.write() as writing:
            newest = prompts.prompt_versions(writing, key)[0] if there else None
            if newest:
                fields["references"] = _references(lines, newest.references)
            if newest and data.get("action") in ("archive", "restore"):
                prompts.archive(newest, restore=data["action"] == "restore")
            else:
                given = validated(PromptInput, **fields)
                if newest and not prompts.same(newest, given):
                    _refuse_changed(data, newest)
                prompts.save_prompt(writing, given, there, listed=True)
            writing.commit()
    except BluffcheckError as exc:
        typed = Prompt(key=key, **fields)
        return _prompt_page(session, there, typed, reviewer=reviewer, error=exc)
    return RedirectResponse("/library", status_code=303)


@router.get("/library/wordings/{slug}")
def show_wording(session: Reading, reviewer: MaybeReviewer, slug: str) -> Response:
    if slug == prompts.NEW:
        return _wording_page(session, None, Wording(slug="", title=""), reviewer=reviewer)
    newest = prompts.wording_versions(session, slug)[0]
    return _wording_page(session, slug, newest, reviewer=reviewer)


@router.post("/library/wordings/{slug}", dependencies=[needs(OWNER)])
def save_wording(
    server: Server, session: Reading, slug: str, data: Form, reviewer: MaybeReviewer
) -> Response:
    """Save a new wording (``new``) or a new version; archive or restore."""
    target = decimal(str(data.get("target", "")))
    fields: dict[str, Any] = {
        "title": str(data.get("title", "")),
        "opt_out": _lines(data, "opt_out"),
        "mode": str(data.get("mode", WordingMode.parts)),
        "placement": str(data.get("placement", Placement.end)),
        "blank_line": "blank_line" in data,
        "may_abstain": "may_abstain" in data,
        "target": target or None,
    }
    there = None if slug == prompts.NEW else slug
    try:
        with server.database.write() as writing:
            newest = prompts.wording_versions(writing, slug)[0] if there else None
            if newest and data.get("action") in ("archive", "restore"):
                prompts.archive(newest, restore=data["action"] == "restore")
            else:
                given = validated(WordingInput, **fields)
                if newest and not prompts.same(newest, given):
                    _refuse_changed(data, newest)
                prompts.save_wording(writing, given, there)
            writing.commit()
    except BluffcheckError as exc:
        typed = Wording(slug=slug, **fields)
        return _wording_page(session, there, typed, reviewer=reviewer, error=exc)
    return RedirectResponse("/library", status_code=303)


def _lines(data: FormData, name: str) -> str:
    """A field as typed: browsers send CRLF for every line break."""
    return str(data.get(name, "")).replace("\r\n", "\n")


def _references(lines: list[str], known: list[str]) -> list[str]:
    """One per line; those of several lines, which a program or an import gave, stay whole."""
    found = list(lines)
    for reference in known:
        parts = reference.split("\n")
        starts = (at for at in range(len(found)) if found[at : at + len(parts)] == parts)
        if (first := next(starts, None)) is not None:
            found[first : first + len(parts)] = [reference]
    return found


def _refuse_changed(data: FormData, newest: Prompt | Wording) -> None:
    """Raises Conflict where the page that sent the form (field ``version``) showed an older one."""
    if data.get("version", str(newest.version)) != str(newest.version):
        raise Conflict(
            f"Version {newest.version} was saved since this page was opened. What you typed is"
            f" still here: compare it with that one under Versions, and save again to make it"
            f" version {newest.version + 1}."
        )


def _prompts_shown(session: Session, search: Search, number: int) -> dict[str, Any]:
    """A page that is behind the last one is the last one."""
    found, tags = prompt_search.count_and_tags(session, search, MOST_TAGS)
    number = min(number, max(1, -(-found // ON_A_PAGE)))
    first = (number - 1) * ON_A_PAGE
    return {
        "search": search,
        "found": found,
        "first": first,
        "number": number,
        "prompts": prompt_search.part(session, search, first=first, size=ON_A_PAGE),
        "tags": tags,
        "archived": prompt_search.count(session, Search(archived=True)),
    }


def _prompt_page(
    session: Session,
    key: str | None,
    prompt: Prompt,
    error: BluffcheckError | None = None,
    **more: Any,
) -> Response:
    return page(
        "pages/prompt.html",
        status_code=error.status if error else 200,
        error=str(error or ""),
        key=key,
        prompt=prompt,
        versions=prompts.prompt_versions(session, key) if key else [],
        answerables=list(Answerable),
        **more,
    )


def _wording_page(
    session: Session,
    slug: str | None,
    wording: Wording,
    error: BluffcheckError | None = None,
    **more: Any,
) -> Response:
    sample = Prompt(key="", text="How many Ds are in LADDER?", answer_format="Just say the number.")
    return page(
        "pages/wording.html",
        status_code=error.status if error else 200,
        error=str(error or ""),
        slug=slug,
        wording=wording,
        versions=prompts.wording_versions(session, slug) if slug else [],
        sample=None if error else compose(sample, wording),
        modes=list(WordingMode),
        placements=list(Placement),
        **more,
    )
