"""Files that are sent to be imported, of prompts and of answers alike.

They are taken in from a form or as the body of a request, and found again by their address.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.responses import StreamingResponse
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from app.errors import InvalidInput, TooLarge
from app.imports.encoding import visible
from app.imports.uploads import Upload, kept_on_disk
from app.web.deps import Server, Services
from app.web.who import Person, PersonHere

U = TypeVar("U", bound=Upload)
CHANGED = "You changed how it is read. This is what it would do now."
ANY_FILE = {"requestBody": {"required": True, "description": "The file as it is", "content": {
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}  # fmt: skip


async def upload_form(server: Server, request: Request) -> AsyncIterator[FormData]:
    """A form with one file, which is on disk where it is large. Raises TooLarge."""
    largest = server.settings.max_body_bytes
    try:
        form = await request.form(max_files=1, max_fields=50, max_part_size=largest)
    except HTTPException as exc:
        if "maximum size" not in str(exc.detail):
            raise
        raise TooLarge("The text is too long to be pasted. Save it as a file and choose that.")\
            from None  # fmt: skip
    try:
        yield form
    finally:
        await form.close()


UploadForm = Annotated[FormData, Depends(upload_form)]


def waiting(kind: type[U]) -> Callable[..., U]:
    """A dependency: the upload named in the path, or 404."""

    def upload_at(server: Server, token: str, person: PersonHere) -> U:
        return kind.at(server.settings.uploads, token, person.viewer.reviewer_id)

    return upload_at


def receive(
    server: Services, session: Session, person: Person, data: FormData, kind: type[U], choices: Any
) -> U:
    """Keep the file or the text of a form, and what importing it would do. Raises InvalidInput."""
    file, text = data.get("file"), str(data.get("text", ""))
    chosen = isinstance(file, UploadFile) and bool(file.filename or file.size)
    if chosen == bool(text.strip()):
        raise InvalidInput(
            "Choose a file or paste text, not both." if chosen else "Choose a file, or paste."
        )
    name = visible(str(file.filename))[-100:] if isinstance(file, UploadFile) and chosen else ""
    with kept_on_disk():
        kept = kind.begin(server.settings.uploads, name, person.viewer.reviewer_id)
        try:
            with kept.file.open("wb") as target:
                if isinstance(file, UploadFile) and chosen:
                    shutil.copyfileobj(file.file, target, 1 << 20)
                else:
                    target.write(text.replace("\r\n", "\n").encode("utf-8", "surrogatepass"))
            kept.check(session, choices)
        except BaseException:
            kept.remove()
            raise
    return kept


@asynccontextmanager
async def received(
    request: Request, server: Services, kind: type[U], name: str
) -> AsyncIterator[U]:
    """The body of a request as an upload, for as long as it is looked at."""
    upload = await run_in_threadpool(kind.begin, server.settings.uploads, name)
    try:
        with await run_in_threadpool(upload.file.open, "wb") as file:
            async for chunk in request.stream():
                await run_in_threadpool(file.write, chunk)
        yield upload
    finally:
        await asyncio.shield(run_in_threadpool(upload.remove))


def download(pieces: Iterator[str], name: str, media_type: str) -> StreamingResponse:
    return StreamingResponse(
        pieces,
        media_type=f"{media_type}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def pairs(data: FormData, names: str, values: str, problem: str) -> dict[str, str]:
    """What a form says of each of several names. Raises InvalidInput."""
    given = [[str(one) for one in data.getlist(field)] for field in (names, values)]
    if len(given[0]) != len(given[1]):
        raise InvalidInput(problem)
    return dict(zip(*given, strict=True))


def told(given: list[str], example: str) -> dict[str, str]:
    """“name:what” as a dictionary; a name may contain colons. Raises InvalidInput."""
    found = {}
    for one in given:
        name, colon, what = one.rpartition(":")
        if not colon:
            raise InvalidInput(f"{example}, not “{one[:40]}”.")
        found[name] = what
    return found
