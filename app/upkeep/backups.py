"""Copies of a SQLite database: made beside a running server, kept before migrating, put back.

A copy is one file with everything that was committed when it began. It is written under another
name and read again before it gets its own: what is called a backup is one.
"""

import glob
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, make_url

from app.db import Database, newer, revisions
from app.errors import Conflict, InvalidInput, SettingsError
from app.settings import without_password
from app.tables import now

KEPT = 3  # of those made before migrating
_POSTGRES = (
    "{url} is a Postgres database, which has better tools: {tool}. A SQLite file of all that is in"
    " it is made by “python -m app copy {url} FILE.db” while no server runs."
)


def back_up(url: str, target: Path) -> int:
    """Write everything in the database to a new file; gives its size in bytes.

    A server may go on meanwhile. Raises InvalidInput and Conflict.
    """
    source = _file_of(url, f"pg_dump --format=custom --file={target} DATABASE")
    if not source.is_file():
        raise InvalidInput(f"There is no database {source}.")
    if target.exists():
        raise Conflict(f"{target} is there already: choose another name.")
    with _arriving(target) as part:
        _copy(source, part)
        if problem := problem_of(part):
            raise Conflict(f"The copy cannot be used, and was not kept: {problem}.")
    return target.stat().st_size


def restore(url: str, source: Path, *, force: bool) -> Path | None:
    """Put a backup in the place of the database; gives where the one that was there is now.

    ``force``: there may be one. Nothing is changed unless the backup is whole and no server has
    the database. Raises InvalidInput and Conflict.
    """
    target = _file_of(url, f"pg_restore --clean --dbname=DATABASE {source}")
    if not source.is_file():
        raise InvalidInput(f"There is no file {source}.")
    if target.exists() and source.samefile(target):
        raise InvalidInput(f"{source} is the database itself.")
    if problem := problem_of(source):
        raise Conflict(f"{source} cannot be restored: {problem}. Nothing was changed.")
    with closing(Database(url)) as database:
        try:
            database.hold()
        except SettingsError:
            raise Conflict(f"A server is using {target}: stop it first.") from None
        if target.exists() and not force:
            raise Conflict(
                f"There is a database {target} already. With --force it is kept aside, under"
                " another name."
            )
        with _arriving(target, replace=True) as part:
            _copy(source, part)
            if problem := problem_of(part):
                raise Conflict(f"The copy of {source} cannot be used: {problem}.")
            aside = _set_aside(target)
    return aside


def keep_before_migrating(database: Database) -> Path | None:
    """Copy a SQLite database of an older version to a file beside it; the newest few are kept.

    Raises SettingsError where there is no room for it.
    """
    revision = database.revision()
    if not database.is_sqlite or revision in (None, revisions()[0]):
        return None
    source = Path(str(database.url.database))
    # Not what was set aside by a restore, which is nobody's copy.
    pattern = f"{glob.escape(source.stem)}.before-[0-9]*{glob.escape(source.suffix)}"
    target = source.with_name(f"{source.stem}.before-{revisions()[0]}.{_stamp()}{source.suffix}")
    try:
        with _arriving(target, replace=True) as part:
            _copy(source, part)
    except (OSError, Conflict) as exc:
        raise SettingsError(
            f"{source} has to be updated, and cannot be copied before that: {exc}. Make room beside"
            " it, then start again. Nothing was changed."
        ) from exc
    kept = sorted(source.parent.glob(pattern), key=lambda path: path.stat().st_mtime)
    for old in kept[:-KEPT]:
        old.unlink()
    return target


def problem_of(file: Path) -> str:
    """Why a file is no sound database of this version or an older one; empty: it is."""
    try:
        with _opened(file) as connection:
            wrong = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(1)")]
            if wrong != ["ok"]:
                return f"it is damaged ({wrong[0]})"
            if connection.execute("PRAGMA foreign_key_check").fetchone():
                return "rows in it point at others that are missing"
            [revision] = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError) as exc:
        no_table = isinstance(exc, TypeError) or "no such table" in str(exc)
        return "it holds no data of Bluffcheck" if no_table else f"it cannot be read ({exc})"
    return newer(revision)


@contextmanager
def _arriving(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """A name to write to, which becomes ``target`` once all of it is on the disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        # Prompts and answers in it are for whoever may read the database, and nobody else.
        part.touch(mode=0o600)
        yield part
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        if replace:
            part.replace(target)
        else:
            _link(part, target)
    finally:
        part.unlink(missing_ok=True)


def _link(part: Path, target: Path) -> None:
    """Unlike renaming, this takes the place of nothing that came meanwhile."""
    try:
        target.hardlink_to(part)
    except FileExistsError:
        raise Conflict(f"{target} is there already: choose another name.") from None
    except OSError:  # a file system without links
        part.replace(target)


def _copy(source: Path, part: Path) -> None:
    try:
        with _opened(source) as connection:
            connection.execute("VACUUM INTO ?", [str(part)])
    except sqlite3.Error as exc:
        raise Conflict(f"{source} cannot be copied: {exc}") from exc


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    """To be read only."""
    address = f"{file.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
        yield connection


def _set_aside(target: Path) -> Path | None:
    """A second name for the database, which loses its own to what comes in its place.

    So there is a database under that name at any moment, should the machine stop here.
    """
    aside = target.with_name(f"{target.stem}.before-restore.{_stamp()}{target.suffix}")
    there = target.exists()
    if there:
        with suppress(sqlite3.Error), closing(sqlite3.connect(target)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # all of it in the one file
        try:
            aside.hardlink_to(target)
        except OSError:
            shutil.copy2(target, aside)
    # Left where it is too damaged for that, or was taken away without them. SQLite would take what
    # stands in them for changes of what comes.
    for part in ("-wal", "-shm"):
        file = target.with_name(target.name + part)
        if file.exists():
            file.replace(aside.with_name(aside.name + part))
    return aside if there else None


def _file_of(url: str, tool: str) -> Path:
    """The file of a SQLite database. Raises InvalidInput for Postgres, with what to do there."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise InvalidInput(_POSTGRES.format(url=_plain(parsed), tool=tool))
    return Path(str(parsed.database))


def _plain(url: URL) -> str:
    return without_password(url.set(drivername="postgresql", password=None))


def _stamp() -> str:
    return f"{now():%Y%m%d-%H%M%S-%f}"
