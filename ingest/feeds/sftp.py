"""A publisher's SFTP server as a source; it must show the host key that the settings name, or nothing is said to it."""

from __future__ import annotations

import base64
import binascii
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import paramiko
from paramiko.ssh_exception import NoValidConnectionsError

from ingest.feeds.offered import FeedFailed, NotAsListed, Offered, Source, append, hidden

_SECONDS = 30.0
_DEEPEST = 16
_BLOCK = 32 * 1024
"""What every server gives in one answer."""
_WINDOW = 64 * _BLOCK
_KEY_KINDS = ("ssh-", "ecdsa-", "sk-")


@dataclass(frozen=True, slots=True)
class Account:
    """Where to sign in, as whom, and which host keys to believe (lines of a known_hosts file)."""

    host: str
    port: int
    folder: str
    user: str
    known_hosts: str
    password: str | None = None
    key_file: Path | None = None


class SftpSource(Source):
    """The files below one folder of an SFTP server; links there are not followed."""

    own_clock = False

    def __init__(self, feed: str, account: Account) -> None:
        self._feed = feed
        self._account = account
        self._client = paramiko.SSHClient()
        self._sftp: Any = None

    def __enter__(self) -> Self:
        account = self._account
        known = believed(account.known_hosts, account.host, account.port)
        for name, kind, key in known:
            self._client.get_host_keys().add(name, kind, key)
        self._client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            with self._telling("cannot be reached"):
                self._client.connect(
                    account.host,
                    account.port,
                    account.user,
                    account.password,
                    key_filename=str(account.key_file) if account.key_file else None,
                    timeout=_SECONDS,
                    banner_timeout=_SECONDS,
                    auth_timeout=_SECONDS,
                    allow_agent=False,
                    look_for_keys=False,
                )
                transport = self._client.get_transport()
                assert transport is not None
                transport.set_keepalive(30)  # taking a delivery in may last longer than a server's patience
                self._sftp = self._client.open_sftp()
                self._sftp.get_channel().settimeout(_SECONDS * 2)
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def listing(self) -> Iterator[Offered]:
        """Every regular file, folder by folder; what begins with a dot is passed over."""
        waiting = [("", 0)]
        while waiting:
            below, depth = waiting.pop()
            with self._telling(f"{self._path(below)} cannot be listed"):
                entries = self._sftp.listdir_iter(self._path(below) or ".")
            while True:
                with self._telling(f"{self._path(below)} cannot be listed"):
                    entry = next(entries, None)
                if entry is None:
                    break
                if entry.filename in {".", ".."}:
                    continue
                name = f"{below}{entry.filename}"
                if stat.S_ISDIR(entry.st_mode or 0):
                    if "/" not in entry.filename and not hidden(name) and depth < _DEEPEST:
                        waiting.append((f"{name}/", depth + 1))
                elif stat.S_ISREG(entry.st_mode or 0):
                    yield _offered(name, entry)

    def fetch(self, offered: Offered, target: Path) -> None:
        """Read the file on from what is there; before and after it must be the one that was listed."""
        have = target.stat().st_size if target.exists() else 0
        with self._telling(f"{offered.name} cannot be read"):
            try:
                remote = self._sftp.open(self._path(offered.name), "rb")
            except FileNotFoundError as error:
                raise NotAsListed("the file is gone") from error
            with remote:
                self._check(offered, remote.stat())
                blocks = _blocks(remote, have, offered.bytes or 0)
                append(lambda _size: next(blocks, b""), target, have, offered.bytes)
            self._check(offered, self._sftp.stat(self._path(offered.name)))

    def remove(self, offered: Offered) -> None:
        """Delete the file if nobody has replaced it."""
        with self._telling(f"{offered.name} cannot be taken away"):
            if self._still(offered):
                self._sftp.remove(self._path(offered.name))

    def set_aside(self, offered: Offered) -> None:
        """Move the file into ``.taken``; its folders become one name, so that none has to be made there."""
        with self._telling(f"{offered.name} cannot be moved to .taken"):
            if self._still(offered):
                try:
                    self._sftp.stat(self._path(".taken"))
                except FileNotFoundError:
                    self._sftp.mkdir(self._path(".taken"))
                target = self._path(".taken/" + offered.name.replace("/", "__"))
                self._sftp.posix_rename(self._path(offered.name), target)

    def _path(self, name: str) -> str:
        folder = self._account.folder
        return f"{folder.rstrip('/')}/{name}" if folder else name

    def _still(self, offered: Offered) -> bool:
        try:
            return _offered(offered.name, self._sftp.lstat(self._path(offered.name))).version == offered.version
        except FileNotFoundError:
            return False

    @staticmethod
    def _check(offered: Offered, found: Any) -> None:
        if _offered(offered.name, found).version != offered.version:
            raise NotAsListed("the file is being written")

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        account = self._account
        server = f"{account.host}:{account.port}"
        try:
            yield
        except paramiko.BadHostKeyException as error:
            raise FeedFailed(
                self._feed,
                f"{server} shows another host key than known_hosts says ({_shown(error.key)}); nothing was sent to it. "
                "Ask the publisher whether the key was changed before you enter the new one",
            ) from error
        except paramiko.AuthenticationException as error:
            raise FeedFailed(self._feed, f"{server} refused the user {account.user!r}: {error}") from error
        except paramiko.SSHException as error:
            reason = str(error) or type(error).__name__
            if "not found in known_hosts" in reason:
                reason = f"known_hosts has no key of {server}; {reason}"
            raise FeedFailed(self._feed, f"{server}: {what}: {reason}") from error
        except NoValidConnectionsError as error:
            raise FeedFailed(self._feed, f"{server}: {what}: {error.strerror}") from error
        except (OSError, EOFError) as error:
            raise FeedFailed(self._feed, f"{server}: {what}: {error or type(error).__name__}") from error


def believed(known_hosts: str, host: str, port: int) -> list[tuple[str, str, paramiko.PKey]]:
    """``(host name, kind, key)`` of each line; a line that begins with the key's kind is about this host.

    Raises ValueError that quotes the line that is none.
    """
    server = host if port == 22 else f"[{host}]:{port}"
    found = []
    for line in filter(None, (line.strip() for line in known_hosts.splitlines())):
        if line.startswith("#"):
            continue
        words = line.split()
        if words[0].startswith(_KEY_KINDS):
            words = [server, *words]
        if len(words) < 3 or not words[1].startswith(_KEY_KINDS):
            raise ValueError(f"{line[:80]!r} is no line of a known_hosts file")
        try:
            key = paramiko.PKey.from_type_string(words[1], base64.b64decode(words[2], validate=True))
        except (binascii.Error, paramiko.SSHException, ValueError, IndexError) as error:
            raise ValueError(f"{line[:80]!r} holds no host key: {error}") from error
        found += [(name, words[1], key) for name in words[0].split(",")]
    if not found:
        raise ValueError("it holds no host key")
    return found


def _blocks(remote: Any, offset: int, end: int) -> Iterator[bytes]:
    """The bytes from ``offset`` to ``end``, asked for a window ahead so that a long way costs little.

    Not by prefetch() of the whole file: when the connection is cut its thread waits for ever.
    """
    asking = remote._prefetch_thread

    def ask(*arguments: Any) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):  # who reads the answers hears of it and tells
            asking(*arguments)

    remote._prefetch_thread = ask
    for first in range(offset, end, _WINDOW):
        last = min(first + _WINDOW, end)
        yield from remote.readv([(at, min(_BLOCK, last - at)) for at in range(first, last, _BLOCK)])


def _shown(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.fingerprint}"


def _offered(name: str, found: Any) -> Offered:
    modified = datetime.fromtimestamp(found.st_mtime, UTC) if found.st_mtime is not None else None
    return Offered(name, found.st_size, modified, f"{found.st_size}-{found.st_mtime}")
