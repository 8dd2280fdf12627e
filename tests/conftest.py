"""What every test may ask for: real servers, fresh databases and fresh stores."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from servers import PostgreSQLServer, S3Server, postgresql, seaweedfs, shared_folder

from repository.catalogue import Catalogue, schema
from repository.storage import Store
from repository.storage.directory import DirectoryStore
from repository.storage.s3 import S3Store

pytest.register_assert_rewrite("store_contract", "faults", "whole_archive")


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
    """The address of an empty PostgreSQL database for SQLAlchemy."""
    with postgresql_server.fresh_database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database in which there is nothing yet: once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite catalogue with its schema and nothing in it, to be copied."""
    file = tmp_path_factory.mktemp("template") / "catalogue.sqlite"
    catalogue = Catalogue(f"sqlite:///{file}")
    schema.migrate(catalogue)
    catalogue.close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a catalogue with its schema and nothing in it: once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), tmp_path / "catalogue.sqlite")
        yield f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
    else:
        server: PostgreSQLServer = request.getfixturevalue("postgresql_server")
        with server.fresh_database(migrated=True) as url:
            yield url
