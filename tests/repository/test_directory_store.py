"""The store in a folder keeps every store's promises, and takes no unmounted disk for an empty one."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_contract import StoreContract, names, sha256, some_key, whole

from repository.errors import ObjectMissing, StoreUnavailable, WouldOverwrite
from repository.storage import MARK, Put
from repository.storage.directory import DirectoryStore


class TestDirectoryStore(StoreContract):
    @pytest.fixture
    def store(self, directory_store: DirectoryStore) -> Iterator[DirectoryStore]:
        yield directory_store
        assert list((directory_store.root / ".incoming").iterdir()) == [], "something half written was left behind"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"x" * 100_000)
    return path


X = sha256(b"x" * 100_000)


def every_verb_is_doubt(store: DirectoryStore, source: Path, why: str) -> None:
    with pytest.raises(StoreUnavailable, match=why):
        store.head("a")
    with pytest.raises(StoreUnavailable, match=why), store.open("a"):
        pass
    with pytest.raises(StoreUnavailable, match=why):
        list(store.keys())
    with pytest.raises(StoreUnavailable, match=why):
        store.put("b", source, X)
    with pytest.raises(StoreUnavailable, match=why):
        store.replace("a", source, X, None)
    with pytest.raises(StoreUnavailable, match=why):
        store.replace("a", source, X, X)


def test_an_unmounted_disk_is_doubt_and_not_missing(directory_store: DirectoryStore, source: Path) -> None:
    directory_store.put("a", source, X)
    directory_store.root.rename(directory_store.root.with_name("elsewhere"))
    every_verb_is_doubt(directory_store, source, "is not there")
    directory_store.root.mkdir()  # the mount point of a disk that is not mounted
    every_verb_is_doubt(directory_store, source, "no mark")
    assert list(directory_store.root.iterdir()) == []


def test_the_folder_of_another_store_is_doubt(directory_store: DirectoryStore, source: Path) -> None:
    other = DirectoryStore("third", directory_store.root)
    every_verb_is_doubt(other, source, "mark of the store 'second'")
    with pytest.raises(StoreUnavailable, match="mark of the store 'second'"):
        other.prepare()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_broken_mark_is_doubt(directory_store: DirectoryStore, source: Path, content: bytes) -> None:
    (directory_store.root / MARK).write_bytes(content)
    every_verb_is_doubt(directory_store, source, "cannot be read")


def test_a_disk_that_goes_away_while_it_is_listed_is_no_end_of_the_list(
    directory_store: DirectoryStore, source: Path
) -> None:
    for number in range(3):
        directory_store.put(some_key(number), source, X)
    listing = directory_store.keys()
    next(listing)
    shutil.rmtree(directory_store.root)
    with pytest.raises(StoreUnavailable):
        list(listing)


def test_preparing_makes_folder_and_mark(tmp_path: Path) -> None:
    store = DirectoryStore("second", tmp_path / "deep" / "down")
    store.prepare()
    told = json.loads((store.root / MARK).read_bytes())
    assert told["store"] == "second"
    assert len(told["created"]) == len("2026-11-23")
    before = (store.root / MARK).read_bytes()
    store.prepare()
    assert (store.root / MARK).read_bytes() == before


def test_a_folder_with_strangers_in_it_is_not_prepared(tmp_path: Path) -> None:
    (tmp_path / "thesis.pdf").write_bytes(b"mine")
    with pytest.raises(StoreUnavailable, match=r"thesis\.pdf.*whose is it"):
        DirectoryStore("second", tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.pdf"]


def test_a_file_where_the_folder_should_be_is_doubt(tmp_path: Path, source: Path) -> None:
    store = DirectoryStore("second", source)
    with pytest.raises(StoreUnavailable):
        store.prepare()
    with pytest.raises(StoreUnavailable, match="Not a directory"):
        store.head("a")


def test_byte_order_holds_where_folders_and_files_stand_side_by_side(
    directory_store: DirectoryStore, source: Path
) -> None:
    keys = ["a/b", "a-b", "a.b", "a0", "a/b-c/d", "a/b.c", "a-/x", "a", "B/x", "_/x"]
    for key in keys:
        if key != "a":  # a file and a folder of one name do not go together
            directory_store.put(key, source, X)
    expected = sorted((key for key in keys if key != "a"), key=str.encode)
    assert names(directory_store) == expected
    for after in [*expected, "a", "a/", "a.", "a-", "a-/", "a/b", "a/b-c", "a/b-c/"]:
        assert names(directory_store, after=after) == [key for key in expected if key > after]
    assert names(directory_store, "a-") == ["a-/x", "a-b"]


def test_only_files_are_objects(directory_store: DirectoryStore, source: Path, tmp_path: Path) -> None:
    (directory_store.root / "link").symlink_to(source)
    os.mkfifo(directory_store.root / "pipe")
    (directory_store.root / "folder").mkdir()
    for key in ("link", "pipe", "folder"):
        assert directory_store.head(key) is None
        with pytest.raises(ObjectMissing), directory_store.open(key):
            pass
        with pytest.raises(StoreUnavailable, match="no file"):
            directory_store.put(key, source, X)
    assert list(directory_store.keys()) == []
    assert source.read_bytes() == b"x" * 100_000


def test_a_file_where_a_folder_should_be_is_doubt(directory_store: DirectoryStore, source: Path) -> None:
    directory_store.put("a", source, X)
    with pytest.raises(StoreUnavailable, match="Not a directory"):
        directory_store.put("a/b", source, X)
    with pytest.raises(StoreUnavailable, match="Not a directory"):
        directory_store.head("a/b")


def test_a_file_that_ends_early_is_just_shorter(directory_store: DirectoryStore, source: Path) -> None:
    """The auditor's digest tells; a length that the file system names is no announcement."""
    directory_store.put("a", source, X)
    with directory_store.open("a", 0, 100_000) as stream:
        assert len(stream.read(50_000)) == 50_000
        os.truncate(directory_store.root / "a", 60_000)
        assert len(stream.read(50_000)) == 10_000
        assert stream.read(1) == b""


def killed_while_staging(root: Path) -> None:
    store = DirectoryStore("second", root)
    with store._staged() as (_, file):
        file.write(b"half")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_writer_left_is_swept_and_what_is_being_written_is_not(directory_store: DirectoryStore) -> None:
    writer = multiprocessing.get_context("fork").Process(target=killed_while_staging, args=(directory_store.root,))
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    incoming = directory_store.root / ".incoming"
    assert len(list(incoming.iterdir())) == 1
    with directory_store._staged() as (staged, _):
        DirectoryStore("second", directory_store.root).prepare()
        assert list(incoming.iterdir()) == [staged]
    assert list(incoming.iterdir()) == []


def test_a_killed_put_done_again_ends_as_if_undisturbed(directory_store: DirectoryStore, source: Path) -> None:
    """The link stands and the process died before it could say so."""
    program = (
        "import os, signal, sys; from pathlib import Path; from repository.storage import directory\n"
        "directory.DirectoryStore._sync_way = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "directory.DirectoryStore('second', Path(sys.argv[1])).put('a/b', Path(sys.argv[2]), sys.argv[3])"
    )
    words = [sys.executable, "-c", program, str(directory_store.root), str(source), X]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (directory_store.root / "a" / "b").stat().st_size == 100_000
    assert directory_store.put("a/b", source, X) is Put.ALREADY
    directory_store.prepare()
    assert list((directory_store.root / ".incoming").iterdir()) == []


def test_everything_is_on_the_disk_before_a_put_is_acknowledged(
    directory_store: DirectoryStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_sync, real_link = os.fsync, os.link

    def sync(handle: int) -> None:
        steps.append("sync " + Path(f"/proc/self/fd/{handle}").readlink().name)
        real_sync(handle)

    def link(old: Path, new: Path) -> None:
        steps.append("link")
        real_link(old, new)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "link", link)
    directory_store.put("ab/cd/v1.tar", source, X)
    assert steps[0].startswith("sync ")
    assert steps[1:] == ["link", "sync cd", "sync ab", "sync second-store"]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EACCES, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("call", ["fsync", "link", "open"])
def test_what_the_file_system_refuses_is_doubt_and_leaves_nothing(
    directory_store: DirectoryStore, source: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    struck = 0

    def refuse(*_: object, **__: object) -> None:
        nonlocal struck
        struck += 1
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(StoreUnavailable, match=os.strerror(number)):
            directory_store.put("a", source, X)
    assert struck
    assert directory_store.head("a") is None
    assert list((directory_store.root / ".incoming").iterdir()) == []


def test_a_full_disk_is_doubt_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk, so that the write itself fails half way."""
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from repository.errors import StoreUnavailable; from repository.storage.directory import DirectoryStore\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "store = DirectoryStore('second', Path(sys.argv[1]) / 'store'); store.prepare()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try: store.put('a', Path(sys.argv[1]) / 'source', sys.argv[2])\n"
        "except StoreUnavailable as doubt: print(doubt.reason)\n"
        "print(store.head('a'), list((store.root / '.incoming').iterdir()))"
    )
    (tmp_path / "source").write_bytes(b"x" * 100_000)
    words = [sys.executable, "-c", program, str(tmp_path), X]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["put a: File too large", "None []"]


def test_an_error_of_the_disk_while_reading_is_doubt(
    directory_store: DirectoryStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory_store.put("a", source, X)

    class Broken:
        def read(self, _size: int) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with directory_store.open("a") as stream:
        monkeypatch.setattr(stream, "_file", Broken())
        with pytest.raises(StoreUnavailable, match="Input/output error"):
            stream.read(10)


def test_a_file_changed_on_the_disk_is_read_as_it_is(directory_store: DirectoryStore, source: Path) -> None:
    directory_store.put("a", source, X)
    with (directory_store.root / "a").open("r+b") as file:
        file.seek(5000)
        file.write(b"y")
    assert sha256(whole(directory_store, "a")) != X
    with pytest.raises(WouldOverwrite):
        directory_store.put("a", source, X)
