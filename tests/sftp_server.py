"""A real SSH server with SFTP on the loopback, written independently of the client under test (asyncssh)."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "archive", "parola-örnek"


@dataclass
class SftpServer:
    """A running server; ``host_key`` is its line for known_hosts."""

    port: int
    host_key: str
    cut_after: list[int]
    """When it holds a number, the next transfer is cut after so many bytes; each number is used once."""
    bytes_read: list[int]
    hostile: list[str]
    """Names that every listing has besides, of files that are nowhere."""


class _Door(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


@contextmanager
def sftp_server(folder: Path, key: Any = None, port: int = 0) -> Iterator[SftpServer]:
    """The files of ``folder``, for :data:`USER`, under a fresh host key and at a free port unless they are given."""
    key = key or asyncssh.generate_private_key("ssh-ed25519")
    kind, encoded = key.export_public_key().decode().split()[:2]
    started = SftpServer(0, f"{kind} {encoded}", [], [], [])

    class Files(asyncssh.SFTPServer):
        def __init__(self, chan: Any) -> None:
            super().__init__(chan, chroot=str(folder).encode())
            self._chan = chan
            self._cut = False

        def read(self, file_obj: Any, offset: int, size: int) -> Any:
            # Requests that were on their way when the line was cut are still handed in here, some of them late.
            if self._cut:
                raise asyncssh.SFTPFailure("cut")
            if started.cut_after and sum(started.bytes_read) + size > started.cut_after[0]:
                started.cut_after.pop()
                self._cut = True
                self._chan.get_connection().abort()
                raise asyncssh.SFTPFailure("cut")
            data = super().read(file_obj, offset, size)
            started.bytes_read.append(len(data))
            return data

        async def scandir(self, path: bytes) -> Any:
            for name in started.hostile:
                yield asyncssh.SFTPName(
                    name.encode(), attrs=asyncssh.SFTPAttrs(type=1, permissions=0o100644, size=4, mtime=1, atime=1)
                )
            async for entry in super().scandir(path):
                yield entry

    loop = asyncio.new_event_loop()
    # A transfer that the test cuts ends in an exception on this side too; nobody needs to read of it.
    loop.set_exception_handler(lambda _loop, _context: None)
    ready = threading.Event()

    async def serve() -> Any:
        server = await asyncssh.create_server(
            _Door, "127.0.0.1", port, server_host_keys=[key], sftp_factory=Files, allow_scp=False
        )
        started.port = server.sockets[0].getsockname()[1]
        ready.set()
        return server

    def run() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(serve())
        loop.run_forever()
        server.close()
        loop.run_until_complete(server.wait_closed())
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield started
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        # What a cut transfer left is finalised here: its complaint, formatted while something else is being parsed,
        # would trip over a fault of Python 3.11.
        gc.collect()
