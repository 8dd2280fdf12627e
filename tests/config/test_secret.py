"""The secret by which everything is signed is whole for everybody, or the program does not start."""

from __future__ import annotations

import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.wiring import secret_key
from repository.errors import UsageError
from repository.storage import durable


def test_whoever_comes_first_all_have_the_same_whole_secret(tmp_path: Path) -> None:
    for number in range(50):
        home = tmp_path / str(number)
        home.mkdir()
        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(secret_key, [home] * 8))
        assert len(found) == 1
        assert len(found.pop()) == 64
        assert [path.name for path in home.iterdir()] == ["secret"]
        assert (home / "secret").stat().st_mode & 0o777 == 0o600


def test_a_disk_that_is_full_leaves_no_empty_secret(tmp_path: Path) -> None:
    if not (child := os.fork()):
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            secret_key(tmp_path)
        except OSError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7, "it could be written"
    assert not any(tmp_path.iterdir())
    assert len(secret_key(tmp_path)) == 64


@pytest.mark.parametrize("text", [b"", b"short", b"x" * 64])
def test_a_secret_that_is_none_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "secret").write_bytes(text)
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        secret_key(tmp_path)


def test_two_who_write_one_file_never_mix(tmp_path: Path) -> None:
    file, texts = tmp_path / "a", [bytes([letter]) * 100_000 for letter in b"abcdefgh"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: [durable.write_bytes(file, text) for _ in range(5)], texts))
    assert file.read_bytes() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
