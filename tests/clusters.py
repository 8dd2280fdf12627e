"""Clusters for the tests, every daemon a process of its own that can be killed or held: SeaweedFS in parts, Ceph."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from servers import S3Server

from repository.errors import RefusedByStore, StoreUnavailable
from repository.storage.s3 import S3Limits

_HERE = "127.0.0.1"
_START_SECONDS = 120.0


@dataclass
class Daemons:
    """Named processes of one cluster, each with its own log in ``folder``."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _commands: dict[str, Sequence[str]] = field(default_factory=dict)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> None:
        """The daemon runs, as it ran the last time where no ``command`` is given; one that runs is left alone."""
        if name in self._running:
            return
        words = self._commands[name] = command or self._commands[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, start_new_session=True
            )

    def kill(self, name: str) -> None:
        """The daemon is gone, without a word."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def hold(self, *names: str) -> None:
        """The daemons are there and do nothing, as on a machine whose disk hangs."""
        for name in names:
            self._running[name].send_signal(signal.SIGSTOP)

    def let_go(self, *names: str) -> None:
        """The daemons go on."""
        for name in names:
            self._running[name].send_signal(signal.SIGCONT)

    def named(self, beginning: str) -> list[str]:
        """Those whose names begin so, whether they run or not."""
        return sorted(name for name in self._commands if name.startswith(beginning))

    def used(self) -> dict[str, tuple[float, int]]:
        """Seconds of processor and bytes of memory of each that runs."""
        tick, found = os.sysconf("SC_CLK_TCK"), {}
        for name, process in self._running.items():
            words = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            found[name] = ((int(words[11]) + int(words[12])) / tick, int(words[21]) * os.sysconf("SC_PAGE_SIZE"))
        return found

    def stop(self) -> None:
        """All are gone, the last started first."""
        for name in reversed(list(self._running)):
            self.kill(name)


@dataclass
class Cluster:
    """A running cluster: its S3 door, and its daemons, of which those that keep bytes are ``keepers``.

    ``server`` has the keys of the user ``owner``, ``everyday`` those of ``mahfuz``, who may do what a bucket's policy
    allows; policies name both with this ``account``.
    """

    server: S3Server
    everyday: S3Server
    account: str
    daemons: Daemons
    keepers: list[str]
    version: str
    ask: Callable[..., str] = lambda *_: ""
    """What Ceph's own command answers, as JSON."""

    def wait(self) -> None:
        """The cluster takes and gives bytes; asserts that it does so in time."""
        bucket = f"waiting-{uuid4().hex[:8]}"
        limits = S3Limits(connect_seconds=1, read_seconds=10, deadline_seconds=10, attempts=1)
        store = self.server.store("waiting", bucket, limits=limits)
        end = time.monotonic() + _START_SECONDS
        while True:
            with suppress(StoreUnavailable, RefusedByStore):
                if store.responds():
                    self.server.client().delete_bucket(Bucket=bucket)
                    return
            assert time.monotonic() < end, f"no answer; its last words are in {self.daemons.folder}"
            time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    """So many ports that nobody has at this moment, below those that the system gives to outgoing connections."""
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            door = held.enter_context(socket.socket())
            with suppress(OSError):
                door.bind((_HERE, 10_240 + secrets.randbelow(32_768 - 10_240)))
                ports.append(int(door.getsockname()[1]))
    return ports


def _listens(port: int) -> None:
    """Somebody answers at this port; asserts that it is so in time."""
    end = time.monotonic() + _START_SECONDS
    while True:
        with socket.socket() as door:
            door.settimeout(1)
            if door.connect_ex((_HERE, port)) == 0:
                return
        assert time.monotonic() < end, f"nobody listens at {port}"
        time.sleep(0.05)


# --- SeaweedFS ------------------------------------------------------------------------------------------------


@contextmanager
def seaweedfs_in_parts(folder: Path, *, volumes: int = 3, replication: str = "001") -> Iterator[Cluster]:
    """A master, so many volume servers, a filer and an S3 gateway; every object lies on two volume servers."""
    weed = Path(sys.executable).parent / "weed"
    folder.mkdir(parents=True, exist_ok=True)
    owner = _identity("owner", "Admin", "Read", "List", "Tagging", "Write")
    everyday = _identity("mahfuz")
    (folder / "s3.json").write_text(json.dumps({"identities": [owner, everyday]}))
    master, filer, s3 = ((ports[0], ports[1]) for ports in (_free_ports(2) for _ in range(3)))
    # At its first object a bucket gets so many volumes: each takes a while, and some must lie on every two servers.
    daemons = Daemons(folder, {**os.environ, "WEED_MASTER_VOLUME_GROWTH_COPY_2": "4"})

    def start(name: str, part: str, ports: tuple[int, int], **more: object) -> None:
        words = {"ip": _HERE, "ip.bind": _HERE, "port": ports[0], "port.grpc": ports[1], **more}
        options = (f"-{option.replace('_', '.')}={value}" for option, value in words.items())
        daemons.start(name, str(weed), "-logtostderr=true", part, *options)

    address = f"{_HERE}:{master[0]}.{master[1]}"
    for name in ("master", "filer", *(f"volume.{number}" for number in range(volumes))):
        (folder / name).mkdir(exist_ok=True)
    try:
        start(
            "master", "master", master, mdir=folder / "master", defaultReplication=replication, telemetry="false",
            resumeState="false", volumeSizeLimitMB=64,
        )  # fmt: skip
        _listens(master[1])
        for number in range(volumes):
            ports = _free_ports(2)
            start(
                f"volume.{number}", "volume", (ports[0], ports[1]), dir=folder / f"volume.{number}", master=address,
                max=20, preStopSeconds=0,
            )  # fmt: skip
        start(
            "filer", "filer", filer, master=address, defaultStoreDir=folder / "filer",
            defaultReplicaPlacement=replication,
        )  # fmt: skip
        _listens(filer[1])
        start(
            "s3", "s3", s3, filer=f"{_HERE}:{filer[0]}.{filer[1]}", config=folder / "s3.json", iam="false",
            autoCreateBucket="false", port_iceberg=0, port_lance=0,
        )  # fmt: skip
        told = subprocess.run([weed, "version"], capture_output=True, text=True, check=True).stdout
        servers = [
            S3Server(f"http://{_HERE}:{s3[0]}", keys["accessKey"], keys["secretKey"])
            for one in (owner, everyday)
            for keys in one["credentials"]
        ]
        cluster = Cluster(*servers, "000000000000", daemons, daemons.named("volume."), f"SeaweedFS {told.split()[2]}")
        cluster.wait()
        yield cluster
    finally:
        daemons.stop()
        for leftover in (f"/tmp/seaweedfs-{part}-{ports[0]}.sock" for part, ports in (("filer", filer), ("s3", s3))):
            Path(leftover).unlink(missing_ok=True)


def _identity(name: str, *actions: str) -> dict[str, Any]:
    """A user as SeaweedFS writes it down."""
    keys = {"accessKey": name.upper() + secrets.token_hex(8), "secretKey": secrets.token_urlsafe(32)}
    return {"name": name, "credentials": [keys], "actions": actions}


# --- Ceph -----------------------------------------------------------------------------------------------------


def ceph_root() -> Path | None:
    """Where Ceph's programs are installed, or its packages were unpacked (``MAHFUZ_CEPH``); None where they are not."""
    root = Path(os.environ.get("MAHFUZ_CEPH", "/"))
    wanted = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
    return root if all((root / "usr/bin" / name).is_file() for name in wanted) else None


_CEPH_CONF = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}]
mon_initial_members = a
public_network = 127.0.0.0/8
ms_bind_ipv6 = false
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = {folder}/$name.keyring
run_dir = {folder}
admin_socket = {folder}/$name.asok
pid_file =
log_file = {folder}/$name.said
crash_dir = {folder}/crash
plugin_dir = {library}/ceph
erasure_code_dir = {library}/ceph/erasure-code
# Each byte on every OSD, and two of three are enough to go on.
osd_pool_default_size = 3
osd_pool_default_min_size = 2
osd_pool_default_pg_num = 4
osd_pool_default_pg_autoscale_mode = off
# The OSDs stand for three machines, so two that miss a third are believed.
osd_crush_chooseleaf_type = 0
mon_osd_reporter_subtree_level = osd
mon_max_pg_per_osd = 1000
mon_data_avail_warn = 3
mon_data_avail_crit = 1
[mon]
mon_data = {folder}/mon
auth_allow_insecure_global_id_reclaim = false
[osd]
osd_data = {folder}/osd.$id
osd_class_dir = {library}/rados-classes
bluestore_block_size = {bytes_each}
bluestore_block_preallocate_file = false
# As on flash: small writes go to their place at once as well, and not by the log of the metadata.
bluestore_prefer_deferred_size_hdd = 0
bluestore_cache_autotune = false
bluestore_cache_size = 67108864
osd_memory_target = 939524096
osd_heartbeat_grace = 6
osd_heartbeat_interval = 2
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:{rgw} tcp_nodelay=1
rgw_thread_pool_size = 64
"""


@contextmanager
def ceph(folder: Path, root: Path, *, osds: int = 3, bytes_each: int = 4 << 30) -> Iterator[Cluster]:
    """A monitor, so many OSDs and a RADOS gateway; ``folder`` must lie on a disk, for the OSDs ask for direct I/O."""
    folder.mkdir(parents=True, exist_ok=True)
    (library,) = (root / "usr/lib").glob("*-linux-gnu")
    mon_v1, mon_v2, rgw = _free_ports(3)
    conf = folder / "ceph.conf"
    conf.write_text(
        _CEPH_CONF.format(
            fsid=uuid4(), folder=folder, library=library, bytes_each=bytes_each, mon_v1=mon_v1, mon_v2=mon_v2, rgw=rgw
        )
    )
    libraries = os.pathsep.join(map(str, (library, library / "ceph", root / "lib" / library.name)))
    environment = dict(os.environ)
    if root != Path("/"):
        environment |= {"LD_LIBRARY_PATH": libraries, "PYTHONPATH": str(root / "usr/lib/python3/dist-packages")}
    daemons = Daemons(folder, environment)

    def say(program: str, *words: str) -> str:
        python = ["/usr/bin/python3"] if program == "ceph" else []  # its bindings are the system's Python's
        command = [*python, str(root / "usr/bin" / program), *words]
        done = subprocess.run(
            command, check=False, env=environment, capture_output=True, text=True, timeout=_START_SECONDS
        )
        assert done.returncode == 0, (words, done.stdout[-1000:], done.stderr[-2000:])
        return done.stdout

    def ask(*words: str) -> str:
        return say("ceph", "--conf", str(conf), "--format", "json", *words)

    def start(name: str, program: str, *words: str) -> None:
        daemons.start(name, str(root / "usr/bin" / program), "--foreground", "--conf", str(conf), *words)

    def keyring(name: str, *caps: str) -> str:
        path = folder / f"{name}.keyring"
        say("ceph-authtool", str(path), "--create-keyring", "--gen-key", "--name", name, *caps)
        return str(path)

    all_caps = [word for part in ("mon", "osd", "mgr") for word in ("--cap", part, "allow *")]
    admin, mon = keyring("client.admin", *all_caps), keyring("mon.", "--cap", "mon", "allow *")
    say("ceph-authtool", mon, "--import-keyring", admin)
    shutil.copyfile(mon, folder / "mon.a.keyring")
    monmap = str(folder / "monmap")
    addresses = f"[v2:{_HERE}:{mon_v2},v1:{_HERE}:{mon_v1}]"
    fsid = next(line.split()[-1] for line in conf.read_text().splitlines() if line.startswith("fsid"))
    say("monmaptool", "--create", "--addv", "a", addresses, "--fsid", fsid, monmap)
    (folder / "mon").mkdir()
    say("ceph-mon", "--mkfs", "--id", "a", "--conf", str(conf), "--monmap", monmap, "--keyring", mon)
    try:
        start("mon.a", "ceph-mon", "--id", "a")
        _listens(mon_v2)
        for number in range(osds):
            _make_osd(folder / f"osd.{number}", number, conf, say)
            start(f"osd.{number}", "ceph-osd", "--id", str(number))
        end = time.monotonic() + _START_SECONDS
        while json.loads(ask("osd", "stat"))["num_up_osds"] < osds:
            assert time.monotonic() < end, f"the OSDs do not come up; see {folder}"
            time.sleep(0.2)
        caps = ("mon", "allow rw", "osd", "allow rwx")
        made = say("ceph", "--conf", str(conf), "auth", "get-or-create", "client.rgw", *caps)
        (folder / "client.rgw.keyring").write_text(made)
        start("rgw", "radosgw", "--name", "client.rgw")
        _listens(rgw)

        def user(name: str, buckets: int) -> S3Server:
            words = ("--uid", name, "--display-name", name, f"--max-buckets={buckets}")
            told = say("radosgw-admin", "--conf", str(conf), "--name", "client.rgw", "user", "create", *words)
            (keys,) = json.loads(told)["keys"]
            return S3Server(f"http://{_HERE}:{rgw}", keys["access_key"], keys["secret_key"])

        servers = user("owner", 0), user("mahfuz", -1)
        version = " ".join(say("ceph-osd", "--version").split()[:3])
        cluster = Cluster(*servers, "", daemons, daemons.named("osd."), version, ask)
        cluster.wait()
        yield cluster
    finally:
        daemons.stop()


def _make_osd(place: Path, number: int, conf: Path, say: Callable[..., str]) -> None:
    """An OSD that has its name, its key and its empty files, and does not run yet."""
    place.mkdir()
    uuid, keyring = str(uuid4()), place.with_name(f"osd.{number}.keyring")
    key = say("ceph-authtool", "--gen-print-key").strip()
    secret = place.with_name(f"osd.{number}.secret")
    secret.write_text(json.dumps({"cephx_secret": key}))
    say("ceph", "--conf", str(conf), "osd", "new", uuid, str(number), "-i", str(secret))
    say("ceph-authtool", str(keyring), "--create-keyring", "--name", f"osd.{number}", "--add-key", key)
    say("ceph-osd", "--id", str(number), "--conf", str(conf), "--mkfs", "--osd-uuid", uuid)
