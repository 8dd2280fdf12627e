"""A publisher's web server as a feed: a real HTTPS server with its own authority, and the ways in which it can lie."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from ingest.feeds import Feed, FeedFailed, bring
from ingest.feeds.host import Host
from ingest.feeds.https import HttpsSource
from ingest.inbox import Arrived
from repository.catalogue import Catalogue, feeds, schema
from repository.vocabulary import utc_now


class WebServer:
    """``files`` by their paths, ``index`` for folders; ``cut_after`` cuts the next body; ``asked`` is the log."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.index: dict[str, tuple[str, bytes]] = {}
        self.redirects: dict[str, str] = {}
        self.cut_after: int | None = None
        self.refused_to_get: set[str] = set()
        self.length_at_head = True
        self.asked: list[tuple[str, str, str | None]] = []
        self.port = 0
        self.authority = Path()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/out/"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    served = WebServer()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            served.asked.append((self.command, self.path, self.headers.get("Range")))
            if self.path in served.redirects:
                self._say(302, b"", Location=served.redirects[self.path])
            elif self.path in served.index:
                kind, content = served.index[self.path]
                self._say(200, content, Content_Type=kind)
            elif self.command == "GET" and self.path in served.refused_to_get:
                self._say(403, b"")
            elif self.path in served.files:
                content = served.files[self.path]
                tag = f'"{hash(content)}"'
                wanted = self.headers.get("Range")
                if wanted:
                    first = int(wanted.removeprefix("bytes=").rstrip("-"))
                    told = f"bytes {first}-{len(content) - 1}/{len(content)}"
                    self._say(206, content[first:], ETag=tag, Content_Range=told)
                else:
                    self._say(200, content, ETag=tag)
            else:
                self._say(404, b"")

        def _say(self, status: int, content: bytes, **headers: str) -> None:
            self.send_response(status)
            if self.command == "GET" or served.length_at_head:
                self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command == "GET":
                if served.cut_after is not None and len(content) > served.cut_after:
                    self.wfile.write(content[: served.cut_after])
                    served.cut_after = None
                    self.close_connection = True
                    return
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    authority = trustme.CA()
    served.authority = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(served.authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that hangs up is part of the test."""

    server = Quiet(("127.0.0.1", 0), Answers)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    found = Catalogue(f"sqlite:///{tmp_path / 'catalogue.sqlite'}")
    schema.migrate(found)
    yield found
    found.close()


def look(web: WebServer, catalogue: Catalogue, home: Path, **more: Any) -> tuple[list[Arrived], str | None]:
    ca_file = more.get("ca_file", web.authority)
    url = more.get("url", web.url)
    feed = Feed(
        name="ornek",
        publisher="Örnek Yayınevi",
        kind="https",
        place=url,
        open=lambda: HttpsSource(
            "ornek", url, user=None, password=None, ca_file=ca_file, max_bytes=more.get("max_bytes", 1 << 30)
        ),
        next_after=lambda at: at + timedelta(hours=1),
        quiet_seconds=0,
    )
    arrived = list(bring(feed, catalogue, home, utc_now))
    with catalogue.reading() as session:
        row = feeds.state_of(session, "ornek")
    assert row is not None
    return arrived, row.last_error


def test_what_an_index_links_to_is_brought_from_this_host_alone(
    web: WebServer, catalogue: Catalogue, tmp_path: Path
) -> None:
    web.files |= {"/out/2024/dergi%203.zip": b"an issue", "/secret.zip": b"not below the address"}
    web.index["/out/"] = (
        "text/html",
        (
            b'<a href="../">up</a><a href="2024/">2024</a><a href="?C=N;O=D">sort</a><a href="/secret.zip">x</a>'
            b'<a href="https://elsewhere.invalid/evil.zip">e</a><a href="http://169.254.169.254/latest.zip">m</a>'
        ),
    )
    web.index["/out/2024/"] = ("text/html", b'<a href="dergi%203.zip">3</a><a href="%2e%2e/%2e%2e/secret.zip">y</a>')
    arrived, problem = look(web, catalogue, tmp_path)
    assert [one.file_names for one in arrived] == [("dergi 3.zip",)]
    assert "leads out of the feed's place" in (problem or "")
    assert {path for _, path, _ in web.asked} == {"/out/", "/out/2024/", "/out/2024/dergi%203.zip"}


def test_one_file_that_the_server_does_not_give_holds_up_no_other(
    web: WebServer, catalogue: Catalogue, tmp_path: Path
) -> None:
    web.files["/out/good.zip"] = b"an issue"
    web.index["/out/"] = ("application/json", b'["a-dead-link.zip", "good.zip"]')
    arrived, problem = look(web, catalogue, tmp_path)
    assert [one.file_names for one in arrived] == [("good.zip",)]
    assert problem == "a-dead-link.zip: was answered 404 and not 200"
    web.files["/out/a-dead-link.zip"] = b"it has come"
    arrived, problem = look(web, catalogue, tmp_path)
    assert ([one.file_names for one in arrived], problem) == ([("a-dead-link.zip",)], None)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/html", b"<html><title>Sign in</title><form><input type=password></form><a href='/help'>Help</a></html>"),
        ("text/html", b"PK\x03\x04 is no page"),
        ("application/json", b'{"error": "not allowed"}'),
        ("application/json", b"[1, 2]"),
        ("application/json", b"[" * 100_000),
    ],
)
def test_a_listing_that_is_no_listing_is_told_and_then_it_goes_on(
    web: WebServer, catalogue: Catalogue, tmp_path: Path, kind: str, content: bytes
) -> None:
    web.files["/out/issue.zip"] = b"an issue"
    web.index["/out/"] = (kind, content)
    arrived, problem = look(web, catalogue, tmp_path)
    assert arrived == []
    assert "index" in (problem or "")
    web.index["/out/"] = ("application/json", b'["issue.zip"]')
    arrived, problem = look(web, catalogue, tmp_path)
    assert ([one.file_names for one in arrived], problem) == ([("issue.zip",)], None)


@pytest.mark.parametrize(
    "content",
    [
        b'<html><head><title>Index of /out/</title></head><body><a href="../">../</a></body></html>',
        b"<html><body><h1>Directory listing for /out/</h1><ul></ul></body></html>",
        b'<html><body><a href="/">Up</a></body></html>',
        b"",
    ],
)
def test_an_empty_folder_is_an_index(web: WebServer, catalogue: Catalogue, tmp_path: Path, content: bytes) -> None:
    web.index["/out/"] = ("text/html", content)
    assert look(web, catalogue, tmp_path) == ([], None)


def test_a_json_index_is_read(web: WebServer, catalogue: Catalogue, tmp_path: Path) -> None:
    web.files["/out/issue.zip"] = b"an issue"
    entries = [{"name": "issue.zip", "type": "file"}, {"name": "old", "type": "directory"}]
    web.index["/out/"] = ("application/json", json.dumps(entries).encode())
    web.index["/out/old/"] = ("application/json", b"[]")
    arrived, problem = look(web, catalogue, tmp_path)
    assert ([one.file_names for one in arrived], problem) == ([("issue.zip",)], None)


def test_a_connection_cut_in_the_middle_is_gone_on_with(web: WebServer, catalogue: Catalogue, tmp_path: Path) -> None:
    content = os.urandom(900_000)
    web.files["/out/issue.zip"] = content
    web.index["/out/"] = ("application/json", b'["issue.zip"]')
    web.cut_after = 600_000
    arrived, problem = look(web, catalogue, tmp_path)
    assert arrived == []
    assert problem is not None
    arrived, problem = look(web, catalogue, tmp_path)
    assert (arrived[0].files[0].read_bytes() == content, problem) == (True, None)
    assert web.asked[-1][2] is not None, "only what was lacking was asked for"


def test_a_file_that_is_named_and_not_given_out_is_told(web: WebServer, catalogue: Catalogue, tmp_path: Path) -> None:
    web.index["/out/"] = ("text/html", b'<a href="a.zip">a</a> <a href="b.zip">b</a>')
    web.files |= {"/out/a.zip": b"a", "/out/b.zip": b"b"}
    web.refused_to_get.add("/out/a.zip")
    arrived, error = look(web, catalogue, tmp_path)
    assert [one.file_names for one in arrived] == [("b.zip",)]
    assert error == "a.zip: was answered 403 and not 200"


def test_a_server_that_tells_no_length_beforehand_is_believed_at_the_end(
    web: WebServer, catalogue: Catalogue, tmp_path: Path
) -> None:
    web.index["/out/"] = ("text/html", b'<a href="a.zip">a</a>')
    web.files["/out/a.zip"] = b"an issue"
    web.length_at_head = False
    (arrived,), error = look(web, catalogue, tmp_path)
    assert arrived.files[0].read_bytes() == b"an issue"
    assert error is None
    assert look(web, catalogue, tmp_path) == ([], None)


def test_a_redirect_is_followed_nowhere(web: WebServer, catalogue: Catalogue, tmp_path: Path) -> None:
    web.index["/out/"] = ("application/json", b'["issue.zip"]')
    web.redirects["/out/issue.zip"] = "http://127.0.0.1:1/evil.zip"
    arrived, problem = look(web, catalogue, tmp_path)
    assert arrived == []
    assert "302" in (problem or "")


def test_a_certificate_that_nobody_vouches_for_is_refused(web: WebServer, catalogue: Catalogue, tmp_path: Path) -> None:
    arrived, problem = look(web, catalogue, tmp_path, ca_file=None)
    assert arrived == []
    assert "certificate" in (problem or "").casefold()
    assert web.asked == []


def test_a_name_that_leads_into_our_own_network_is_refused(
    web: WebServer, catalogue: Catalogue, tmp_path: Path
) -> None:
    with_name = f"https://localhost.localdomain:{web.port}/out/"
    arrived, problem = look(web, catalogue, tmp_path, url=with_name)
    assert arrived == []
    assert "private address" in (problem or "") or "not known" in (problem or "")
    assert web.asked == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_leads_inward_the_second_time_is_told_nothing(
    web: WebServer, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name server first names an outward address, and then, for the connection, one of ours."""
    real, answers = socket.getaddrinfo, iter(["93.184.216.34", "127.0.0.1"])
    given: list[str] = []

    def names(host: str, *more: Any, **named: Any) -> Any:
        given.append(next(answers))
        return real(given[-1], *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", names)
    with (
        Host("ornek", f"{scheme}://dergi.example.org:{web.port}/") as host,
        pytest.raises(FeedFailed, match=r"private address 127\.0\.0\.1"),
        host.asked("GET", "/out/issue.zip"),
    ):
        pytest.fail("it was asked")
    assert given == ["93.184.216.34", "127.0.0.1"], "the fault happened"
    assert web.asked == []


def test_a_server_that_tells_no_length_gives_no_more_than_is_allowed(
    web: WebServer, catalogue: Catalogue, tmp_path: Path
) -> None:
    web.length_at_head = False
    web.files |= {"/out/a.zip": bytes(3_000), "/out/b.zip": b"an issue"}
    web.index["/out/"] = ("application/json", b'["a.zip", "b.zip"]')
    arrived, problem = look(web, catalogue, tmp_path, max_bytes=2_000)
    assert [one.file_names for one in arrived] == [("b.zip",)]
    assert problem == "a.zip: it has more than the 2000 bytes that are allowed"
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and file.stat().st_size == 3_000]
