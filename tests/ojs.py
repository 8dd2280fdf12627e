"""A playing OJS: a web server that gives out the packages of its deposits, and the plugin that announces them."""

from __future__ import annotations

import hashlib
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.dom import minidom

from deliveries import Published

JOURNAL = "9B2A7C1E-5D34-4F0B-8E6A-1C2D3E4F5A6B"
API = "/api/sword/2.0"
KNOWN = {
    "depositedByJournal": 1, "harvest-error": 1, "harvested": 2, "payload-validated": 2, "bag-validated": 2,
    "xml-validated": 2, "virus-checked": 2, "payload-error": 2, "bag-error": 2, "xml-error": 2, "virus-error": 2,
    "reserialized": 3, "hold": 3, "reserialize-error": 3, "deposit-error": 3, "deposited": 4, "status-error": 4,
}  # fmt: skip
"""The states of processing that the plugin knows (PKP PN plugin 3.x, DepositPackage::updateDepositStatus)."""


@dataclass(frozen=True)
class Answer:
    """What the archive answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def document(self) -> minidom.Document:
        return minidom.parseString(self.body)

    def elements(self, name: str) -> list[minidom.Element]:
        """By local name, as PHP's getElementsByTagName does it."""
        return list(self.document.getElementsByTagNameNS("*", name))

    def text(self, name: str) -> str:
        (node,) = self.elements(name)
        return "".join(child.data for child in node.childNodes if isinstance(child, minidom.Text))

    @property
    def states(self) -> tuple[str, str]:
        """The two that the plugin reads: of processing, and of the network."""
        first, second = self.elements("category")[:2]
        return first.getAttribute("term"), second.getAttribute("term")

    @property
    def own(self) -> tuple[str, str]:
        """Our own state and what is said of it."""
        node = self.elements("category")[2]
        return node.getAttribute("term"), "".join(child.data for child in node.childNodes)  # type: ignore[union-attr]

    @property
    def codes(self) -> list[str]:
        nodes = self.elements("category")
        return [node.getAttribute("term") for node in nodes if node.getAttribute("scheme") == "urn:mahfuz:finding"]

    @property
    def receipt(self) -> str:
        """The address of the receipt's page."""
        return next(one.getAttribute("href") for one in self.elements("link") if one.getAttribute("rel") == "related")


@dataclass
class Ojs:
    """Its packages by deposit; ``asked`` is its log. Each fault is one field."""

    port: int = 0
    packages: dict[str, bytes] = field(default_factory=dict)
    entries: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    cut_after: int | None = None
    while_giving: Callable[[], None] | None = None
    """Called once, between the asking for a package and the answer."""
    asked: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/index.php/oabd"

    def path(self, deposit: str) -> str:
        return f"/index.php/oabd/pln/deposits/{deposit}"

    def write(self, deposit: str, articles: Sequence[Published], folder: Path, **changes: Any) -> None:
        """Make the package of an issue and its entry anew; ``changes`` are for :func:`entry`."""
        self.packages[deposit] = package(deposit, articles, folder)
        url = changes.pop("url", f"http://127.0.0.1:{self.port}{self.path(deposit)}")
        self.entries[deposit] = entry(deposit, self.packages[deposit], url, **changes)

    # What the plugin does.

    def service_document(self, base: str, url: str | None = None, journal: str = JOURNAL, **more: str) -> Answer:
        headers = {"On-Behalf-Of": journal, "Journal-URL": url or self.url, "Accept-Language": "en-us"} | more
        return ask("GET", f"{base}{API}/sd-iri", headers=headers)

    def transfer(self, base: str, deposit: str) -> tuple[str, Answer]:
        """As transferDeposit: a deposit that is known is put, any other posted; the method with the answer."""
        address = f"{base}{API}/cont-iri/{JOURNAL}/{deposit}"
        known = ask("GET", f"{address}/state").status
        assert known // 100 in (2, 4), known
        method, target = ("PUT", f"{address}/edit") if known == 200 else ("POST", f"{base}{API}/col-iri/{JOURNAL}")
        return method, ask(method, target, self.entries[deposit], {"Content-Type": "text/xml"})

    def state(self, base: str, deposit: str) -> Answer:
        """As updateDepositStatus, which knows certain words and no others."""
        answer = ask("GET", f"{base}{API}/cont-iri/{JOURNAL}/{deposit}/state")
        if answer.status == 200:
            processing, network = answer.states
            assert processing in KNOWN, processing
            assert network in ("", "inProgress", "agreement"), network
        return answer


@contextmanager
def ojs_server(ojs: Ojs) -> Iterator[None]:
    """It answers at ``ojs.port`` (a free one at first), for as long as the block lasts."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            ojs.heads.append(self.path)
            self.send_response(301)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            ojs.asked.append(self.path)
            deposit = self.path.rpartition("/")[2]
            content = ojs.packages.get(deposit, b"")
            status = ojs.statuses.get(deposit, 200 if self.path == ojs.path(deposit) and content else 404)
            if deposit in ojs.redirects:
                status, content = 302, b""
            meanwhile, ojs.while_giving = ojs.while_giving, None
            if meanwhile is not None:
                meanwhile()
            self.send_response(status)
            if deposit in ojs.redirects:
                self.send_header("Location", ojs.redirects[deposit])
            self.send_header("Content-Type", "application/zip")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: ojs.cut_after])
            if ojs.cut_after is not None and len(content) > ojs.cut_after:
                self.close_connection = True
                ojs.cut_after = None

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: Any) -> None:
            """A client that hangs up is part of the test."""

    server = Quiet(("127.0.0.1", ojs.port), Answers)
    ojs.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(method: str, address: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """One request, whatever the answer."""
    request = urllib.request.Request(address, body, dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answer(answer.status, answer.read(), dict(answer.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), dict(error.headers))


def entry(deposit: str, content: bytes, url: str, **changes: str) -> bytes:
    """The Atom entry as the plugin writes it, texts in CDATA; ``changes`` replace attributes of pkp:content."""
    attributes = {
        "size": str(-(-len(content) // 1000)),
        "volume": "12",
        "issue": "3",
        "pubdate": "2024-09-30",
        "ojsVersion": "3.3.0.14",
        "checksumType": "SHA-1",
        "checksumValue": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
    } | changes
    written = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"""<?xml version="1.0" encoding="utf-8"?>
<entry xmlns="http://www.w3.org/2005/Atom" xmlns:dcterms="http://purl.org/dc/terms/" \
xmlns:pkp="http://pkp.sfu.ca/SWORD"><email><![CDATA[editor@example.org]]></email>\
<title><![CDATA[Örnek Arşiv Bilimi Dergisi]]></title><pkp:journal_url><![CDATA[https://example.org]]></pkp:journal_url>\
<pkp:publisherName><![CDATA[Örnek Yayınevi]]></pkp:publisherName><pkp:publisherUrl/>\
<pkp:issn><![CDATA[9999-0016]]></pkp:issn><id><![CDATA[urn:uuid:{deposit}]]></id>\
<updated><![CDATA[2024-10-01 12:00:00]]></updated><pkp:content {written}><![CDATA[{url}]]></pkp:content>\
<pkp:license><pkp:publishingMode>Open</pkp:publishingMode></pkp:license></entry>
""".encode()


def package(deposit: str, articles: Sequence[Published], folder: Path) -> bytes:
    """The bag of an issue, as OJS makes it: native XML beside the files that it names."""
    native, files = [], {}
    for number, article in enumerate(articles, start=1):
        name = f"files/{article.stem}.pdf"
        if not article.without_pdf:
            files[f"data/{name}"] = article.pdf(folder / "scratch.pdf")
        native.append(
            f"""<article locale="tr_TR" status="3" current_publication_id="{number}" stage="production">
<id type="internal">{number}</id><submission_file id="{number}" genre="Makale Metni">
<name locale="tr_TR">{article.stem}.pdf</name><file id="{number}" extension="pdf"><href src="{name}"/></file>
</submission_file><publication version="1" status="3" date_published="2024-09-30">
<id type="internal">{number}</id><id type="doi">{escape(article.doi)}</id>
<title locale="tr_TR">{escape(article.title)}</title><article_galley locale="tr_TR"><name>PDF</name>
<submission_file_ref id="{number}"/></article_galley><pages>{number}-{number + 1}</pages></publication></article>"""
        )
    files[f"data/Issue{deposit}.xml"] = f"""<?xml version="1.0"?>
<issue xmlns="http://pkp.sfu.ca" published="1"><issue_identification><volume>12</volume><number>3</number>
<year>2024</year></issue_identification><articles>{"".join(native)}</articles></issue>""".encode()
    files[f"data/terms{deposit}.xml"] = b"""<entry xmlns="http://www.w3.org/2005/Atom">
<pkp:terms_of_use xmlns:pkp="terms"><pkp:term_1 agreed="2024-09-01">Yes</pkp:term_1></pkp:terms_of_use></entry>"""
    lines = "".join(f"{hashlib.sha512(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    octets = sum(map(len, files.values()))
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": f"PKP-PLN-OJS-Version: 3.3.0.14\nPayload-Oxum: {octets}.{len(files)}\n".encode(),
        "manifest-sha512.txt": lines.encode(),
    }
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**tags, **files}.items():
            archive.writestr(zipfile.ZipInfo(f"{deposit}/{name}"), content)
    return written.getvalue()
