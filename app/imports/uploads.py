"""Files that wait to be imported: each in a folder of its own, beside the database, not in it.

Files of prompts and files of answers wait in the same way; what is known of them differs.

The folder's name is the secret by which a page finds it again. An hour later it is gone.
"""

import json
import os
import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from filelock import FileLock
from sqlmodel import Session

from app.errors import NotFound, Unavailable
from app.imports.mapping import Mapping
from app.imports.prompts import Choices, DryRun, dry_run

KEPT_S = 3600
GONE = (
    "This upload is gone: it is kept for an hour at most, and until it is imported."
    " Choose the file again."
)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass
class Upload:
    """One file, and what is known of it so far."""

    kind: ClassVar[str] = "prompts"
    dry_run: ClassVar[Callable[..., Any]] = staticmethod(dry_run)

    folder: Path
    name: str
    choices: Any = field(default_factory=Choices)
    found: Any = None  # what the dry run found
    notice: str = ""  # what the page has to say first
    done: dict[str, Any] | None = None  # what was imported
    by: int | None = None  # whose it is, by their number; None where nobody logs in

    @classmethod
    def begin(cls, parent: Path, name: str, by: int | None = None) -> Self:
        """A new, empty folder, and no others that are too old."""
        clear(parent)
        folder = parent / secrets.token_urlsafe(16)
        folder.mkdir(parents=True, mode=0o700)
        return cls(folder, name, by=by)

    @classmethod
    def at(cls, parent: Path, token: str, by: int | None = None) -> Self:
        """Raises NotFound, also for somebody else's."""
        clear(parent)
        try:
            if not _TOKEN.fullmatch(token):
                raise NotFound(GONE)
            told = json.loads((parent / token / "about.json").read_text("utf-8"))
        except OSError:
            raise NotFound(GONE) from None
        if told["by"] != by or told.pop("kind") != cls.kind:
            raise NotFound(GONE)
        return cls(parent / token, **told | cls.revived(told))

    @contextmanager
    def alone(self) -> Iterator[Self]:
        """The same upload as it is once nobody else is at it: a form may be sent twice, and who
        comes second is shown what the first one did. Raises NotFound."""
        lock = FileLock(self.folder / "lock")
        with kept_on_disk():
            lock.acquire()
        try:
            yield self.at(self.folder.parent, self.token, self.by)
        finally:
            lock.release()

    def check(self, session: Session, choices: Any, notice: str = "") -> None:
        """Look at what importing it so would do, and keep that."""
        with kept_on_disk():
            self.found = self.dry_run(session, self.file, self.name, choices, self.rows)
            self.choices, self.notice = choices, notice
            self.keep()

    @classmethod
    def revived(cls, told: dict[str, Any]) -> dict[str, Any]:
        """Choices and what was found, as they were kept."""
        found = told["found"]
        if found:
            found = DryRun(**{**found, "mapping": Mapping(**found["mapping"])})
        return {"choices": Choices(**told["choices"]), "found": found}

    @property
    def token(self) -> str:
        return self.folder.name

    @property
    def file(self) -> Path:
        return self.folder / "file"

    @property
    def rows(self) -> Path:
        return self.folder / "rows.db"

    def keep(self) -> None:
        told = {name: value for name, value in asdict(self).items() if name != "folder"}
        whole = self.folder / "about.part"  # somebody may read it meanwhile
        whole.write_text(json.dumps({"kind": self.kind, **told}), "utf-8")
        os.replace(whole, self.folder / "about.json")

    def forget(self) -> None:
        """The file has done its work; what is known of its rows can still be asked for."""
        self.file.unlink(missing_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def kept_on_disk() -> Iterator[None]:
    """Raises Unavailable where a disk is full, or a folder cannot be written."""
    try:
        yield
    except (OSError, sqlite3.Error) as exc:
        raise Unavailable(
            f"The file cannot be kept while it is looked at: {exc}. Nothing was imported. Make room"
            " in the data folder, or name another one in BLUFFCHECK_DATA_DIR.",
            str(exc),
        ) from exc


def clear(parent: Path) -> None:
    """Remove what has waited for too long."""
    with suppress(FileNotFoundError):
        for folder in parent.iterdir():
            with suppress(OSError):  # another request was faster
                if folder.stat().st_mtime < time.time() - KEPT_S:
                    shutil.rmtree(folder, ignore_errors=True)
