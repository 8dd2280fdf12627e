"""What every test may ask for: real servers, fresh databases and fresh stores."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import compiled
import migrated
import pytest
from servers import PostgreSQLServer, S3Server, postgresql, seaweedfs, shared_folder

from repository.catalogue import schema
from repository.storage import Store
from repository.storage.directory import DirectoryStore
from repository.storage.s3 import S3Store

_MEMORY = Path("/dev/shm")
_PLENTY = 6 << 30


def _has_room_in_memory() -> bool:
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _PLENTY:
        return False
    return not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC  # PostgreSQL's programs may be started from there


# Every database, store and bag of the suite is small and flushed to its disk again and again: where the machine has
# memory to spare they lie there, which takes a quarter of the time away. TMPDIR set by hand is obeyed.
if "TMPDIR" not in os.environ and _has_room_in_memory():
    os.environ["TMPDIR"], tempfile.tempdir = str(_MEMORY), None

pytest.register_assert_rewrite("store_contract", "faults", "whole_archive")

compiled.once()

_HERE = Path(__file__).parent
_LONG = (_HERE, _HERE / "proofs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole archives first, which take longest: the last of many short tests leaves no worker waiting for another."""
    items.sort(key=lambda item: item.path.parent not in _LONG)


def pytest_collection_finish() -> None:
    """What is loaded by now stays. To look for garbage in it again and again takes a quarter of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 20, 20)


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """Where the servers of this run keep their data; one for all xdist workers."""
    with shared_folder(os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)[:12]) as folder:
        yield folder


@pytest.fixture(scope="session")
def s3_server(servers_folder: Path) -> Iterator[S3Server]:
    """A real SeaweedFS: ``endpoint_url``, ``access_key``, ``secret_key``, ``client()``, ``store(name, bucket)``."""
    with seaweedfs(servers_folder) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server(servers_folder: Path) -> Iterator[PostgreSQLServer]:
    """A real PostgreSQL."""
    with postgresql(servers_folder) as server:
        yield server


@pytest.fixture
def make_bucket(s3_server: S3Server) -> Callable[[], str]:
    """``make_bucket()`` is the name of a new and empty bucket."""
    return s3_server.make_bucket


@pytest.fixture(scope="session")
def common_bucket(s3_server: S3Server) -> str:
    """One bucket for all stores that need none of their own: each has its own prefix there."""
    return s3_server.make_bucket()


@pytest.fixture
def s3_store(s3_server: S3Server, common_bucket: str) -> S3Store:
    """A prepared and empty store named ``main`` on the real S3 server."""
    store = s3_server.store("main", common_bucket, prefix=uuid4().hex)
    store.prepare()
    return store


@pytest.fixture
def directory_store(tmp_path: Path) -> DirectoryStore:
    """A prepared and empty store named ``second`` in a folder."""
    store = DirectoryStore("second", tmp_path / "second-store")
    store.prepare()
    return store


@pytest.fixture
def stores(s3_store: S3Store, directory_store: DirectoryStore) -> list[Store]:
    """Two fresh stores as in the default installation: S3 first, the folder second."""
    return [s3_store, directory_store]


@pytest.fixture
def postgresql_url(postgresql_server: PostgreSQLServer) -> Iterator[str]:
    """The address of a PostgreSQL database for SQLAlchemy, with its schema and nothing in it."""
    with postgresql_server.fresh_database(migrated=True) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of a database in which there is nothing yet, to be migrated: once on SQLite, once on PostgreSQL."""
    monkeypatch.setattr(schema, "migrate", migrated.in_earnest)
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
    else:
        server: PostgreSQLServer = request.getfixturevalue("postgresql_server")
        with server.fresh_database() as url:
            yield url


@pytest.fixture(scope="session", autouse=True)
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite catalogue with its schema and nothing in it, of which every new one begins as a copy."""
    file = migrated.template(tmp_path_factory.mktemp("template") / "catalogue.sqlite")
    migrated.by_copying(file)
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a catalogue with its schema and nothing in it: once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), tmp_path / "catalogue.sqlite")
        yield f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
    else:
        yield request.getfixturevalue("postgresql_url")
