"""A real web server on the loopback that takes what is posted to it, or answers as a test has it answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    """One request that reached it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A running server. ``answers``: what the next requests get, then 200; a status, ``hang``, ``drip`` or ``cut``."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    answers: list[int | str] = field(default_factory=list)
    met: list[int | str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/hook") -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A server until the end of the block."""
    told = Receiver()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            how = told.answers.pop(0) if told.answers else 200
            told.met.append(how)
            if how == "hang":
                told.ended.wait(30)
            elif how == "drip":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while not told.ended.wait(0.02):
                    self.wfile.write(b"X-Slow: very\r\n")
                    self.wfile.flush()
            elif isinstance(how, int):
                self.send_response(how)
                if 300 <= how < 400:
                    self.send_header("Location", told.url("/elsewhere"))
                self.send_header("Content-Length", "0")
                self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            told.met.append("gone")

    with Server(("127.0.0.1", 0), Answer) as server:
        told.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield told
        finally:
            told.ended.set()
            server.shutdown()
            thread.join()


def until_met(told: Receiver, number: int, seconds: float = 30) -> None:
    """Wait until so many requests have come; fail when they never do."""
    deadline = time.monotonic() + seconds
    while len(told.asked) < number:
        assert time.monotonic() < deadline, f"{len(told.asked)} requests, not {number}"
        time.sleep(0.02)
