"""A line between two archives that a test can spoil: it flips a byte, or is cut, once or for good."""

from __future__ import annotations

import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Wire:
    """A proxy to ``port`` of this machine, at ``url``. ``asked`` holds path, Range and status of every request."""

    def __init__(self, port: int) -> None:
        self.asked: list[tuple[str, str | None, int]] = []
        self.connections = 0
        self.flip: dict[str, int] = {}
        """Path to how many more times a byte of it is flipped."""
        self.cut: dict[str, int] = {}
        """Path to after how many bytes the line is cut, the next time."""
        wire = self

        class Forward(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                wire.connections += 1

            def do_GET(self) -> None:
                line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name != "Connection"}
                line.request("GET", self.path, headers=headers)
                answer = line.getresponse()
                body = answer.read()
                wire.asked.append((self.path, self.headers.get("Range"), answer.status))
                if wire.flip.get(self.path, 0) and body:
                    wire.flip[self.path] -= 1
                    body = body[:-600] + bytes([body[-600] ^ 1]) + body[-599:]
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if (after := wire.cut.pop(self.path, None)) is not None:
                    self.wfile.write(body[:after])
                    self.close_connection = True
                    return
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing is said."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Forward)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Nothing is carried any more."""
        self._server.shutdown()
        self._server.server_close()

    def bags(self) -> list[str]:
        """The paths of the bags that were asked for, in order."""
        return [path for path, _, _ in self.asked if path.startswith("/resourcesync/bags/")]


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
