"""The example of docs/deploy/nginx.conf, as nginx runs it in front of the real web server."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import trustme
from deliveries import Published, delivery
from installation import Installation, folder_store_table
from lxml import etree
from served import free_port, lines_of, serving

EXAMPLE = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
JOURNAL = "9B2A7C1E-5D34-4F0B-8E6A-1C2D3E4F5A6B"
CC_BY = "https://creativecommons.org/licenses/by/4.0/"
SPOOFED = "192.0.2.1"
NUMBER = "f" * 32
FEED = f"""
[[feeds]]
name = "oabd"
publisher = "Örnek Yayınevi"
kind = "pln"
url = "https://dergi.example.org/"
journals = ["{JOURNAL}"]
terms = ["Şart."]
terms_updated = 2026-01-15
user = "dergi"
password = "uzun bir parola"
"""

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def changed(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


@dataclass
class Front:
    """nginx in front: where it is reached, who vouches for it, and the logs of both."""

    base: str
    plain: str
    ca: Path
    archive: Installation
    log: Path
    access: Path

    def ask(self, path: str, method: str = "GET", **more: object) -> requests.Response:
        return requests.request(method, self.base + path, verify=str(self.ca), timeout=60, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("nginx")
    port, plain_port = free_port(), free_port()
    base, home = f"https://localhost:{port}", folder / "home"
    tables = (
        folder_store_table("first", home),
        folder_store_table("second", home),
        "[access]\ntrusted_proxies = 1\n[oai]\npage_size = 3\n[log]\nlevel = 'info'\n",
        FEED,
    )
    archive = Installation(home, *tables, more=f'base_url = "{base}"\nrepository_identifier = "arsiv.example.org"')
    articles = [Published(f"10.5555/on.{n}", title=f"Ön yüz {n}", licence=CC_BY) for n in range(20)]
    archive.run("ingest", str(delivery(folder / "d.zip", articles)), "--publisher", "Örnek Yayınevi")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued = ca.issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    log, access = folder / "mahfuz.log", folder / "access.log"
    with serving(archive, log) as behind:
        site = re.sub(r"\n *listen \[::\][^\n]*", "", EXAMPLE.read_text(encoding="utf-8"))
        site = changed(
            site,
            ("listen 443", f"listen 127.0.0.1:{port}"),
            ("listen 80", f"listen 127.0.0.1:{plain_port}"),
            ("server 127.0.0.1:8080", f"server {behind.removeprefix('http://')}"),
            ("arsiv.example.org;\n    ssl_certificate ", "localhost;\n    ssl_certificate "),
            ("/etc/ssl/arsiv.example.org.pem", str(folder / "server.pem")),
            ("/etc/ssl/private/arsiv.example.org.key", str(folder / "server.pem")),
            ("/var/log/nginx/mahfuz.log", str(access)),
        )
        temporary = "".join(
            f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        file = folder / "nginx.conf"
        user = "user root;\n" if os.geteuid() == 0 else ""
        file.write_text(
            f"{user}daemon off;\npid {folder}/pid;\nevents {{}}\nhttp {{\n{temporary}{site}}}\n",
            encoding="utf-8",
        )
        words = [str(NGINX), "-p", str(folder), "-c", str(file), "-e", str(folder / "error.log")]
        tested = subprocess.run([*words, "-t"], capture_output=True, text=True, check=False)
        assert tested.returncode == 0, tested.stderr
        assert "warn" not in tested.stderr
        process = subprocess.Popen(words)
        found = Front(base, f"http://127.0.0.1:{plain_port}", folder / "ca.pem", archive, log, access)
        try:
            for _ in range(200):
                try:
                    found.ask("/healthz")
                    break
                except requests.ConnectionError:
                    assert process.poll() is None
                    time.sleep(0.05)
            yield found
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(60)


def test_what_a_visitor_says_of_where_they_come_from_is_nothing(front: Front) -> None:
    front.archive.run("institution", "add", "kurban", "--name", "Kurban Üniversitesi", "--by", "ayse")
    front.archive.run("institution", "network", "kurban", "--add", "192.0.2.0/24", "--by", "ayse")
    names = (
        "X-Forwarded-For",
        "X-Real-IP",
        "X-Client-IP",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X_Forwarded_For",
        "Via",
    )
    claims = dict.fromkeys(names, SPOOFED)
    claims |= {"Forwarded": f"for={SPOOFED}", "X-Request-Id": NUMBER, "Accept-Language": "en"}
    told = front.ask("/sign-in", headers=claims)
    assert "Kurban Üniversitesi" in told.text, "it is in the list of those where one can sign in"
    assert "You read from" not in told.text
    assert told.headers["X-Request-Id"] != NUMBER
    # and it is we who are believed: the very same request, once our own address is one of theirs
    front.archive.run("institution", "network", "kurban", "--add", "127.0.0.1", "--by", "ayse")
    assert "You read from Kurban Üniversitesi" in front.ask("/sign-in", headers=claims).text
    assert SPOOFED not in front.log.read_text(encoding="utf-8")


def test_the_number_of_a_request_stands_in_both_logs_and_what_was_searched_for_in_neither(front: Front) -> None:
    number = front.ask("/search?q=GizliSoz").headers["X-Request-Id"]
    assert re.fullmatch(r"[0-9a-f]{32}", number)
    time.sleep(0.2)
    (line,) = [line for line in lines_of(front.log) if line.get("request_id") == number and line["event"] == "answered"]
    assert line["page"] == "/search"
    access = front.access.read_text(encoding="utf-8")
    assert number in access
    assert "GizliSoz" not in access + front.log.read_text(encoding="utf-8")


def test_a_pdf_comes_whole_and_by_ranges(front: Front) -> None:
    (one,) = front.archive.run("article", "10.5555/on.7")["versions"]
    (pdf,) = [file for file in one["files"] if file["path"].endswith(".pdf")]
    path = f"/articles/{front.archive.run('article', '10.5555/on.7')['id']}/files/{pdf['path']}"
    whole = front.ask(path)
    assert (whole.status_code, hashlib.sha512(whole.content).hexdigest()) == (200, pdf["sha512"])
    part = front.ask(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(whole.content)}"
    tail = front.ask(path, headers={"Range": "bytes=-50", "If-Range": whole.headers["ETag"]})
    assert (tail.status_code, tail.content) == (206, whole.content[-50:])
    assert front.ask(path, headers={"Range": f"bytes={len(whole.content)}-"}).status_code == 416
    assert front.ask(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert front.ask(path, "HEAD").headers["Content-Length"] == str(len(whole.content))


def test_a_harvest_to_its_end_compressed_by_mahfuz_and_by_nobody_else(front: Front) -> None:
    namespace, seen, token = "{http://www.openarchives.org/OAI/2.0/}", [], ""
    while True:
        words = f"resumptionToken={token}" if token else "metadataPrefix=oai_dc"
        with front.ask(f"/oai?verb=ListRecords&{words}", headers={"Accept-Encoding": "gzip"}, stream=True) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            raw = answer.raw.read(decode_content=False)
        document = etree.fromstring(gzip.decompress(raw))
        seen += [node.text for node in document.iter(f"{namespace}identifier")]
        (token,) = [node.text or "" for node in document.iter(f"{namespace}resumptionToken")] or [""]
        if not token:
            break
    assert len(seen) == len(set(seen)) == 20
    plain = front.ask("/oai?verb=ListRecords&metadataPrefix=oai_dc", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    page = front.ask("/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in page.headers
    assert page.headers["Strict-Transport-Security"]


def test_a_package_larger_than_any_form_is_taken_and_a_form_of_that_size_is_not(front: Front, tmp_path: Path) -> None:
    file = delivery(tmp_path / "sayi.zip", [Published("10.5555/on.100", title="Sayı")])
    padding = Published("10.5555/on.101", title="Büyük").xml() + b"<!--" + os.urandom(36 << 19).hex().encode() + b"-->"
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("on.101/on.101.xml", padding)
    content = file.read_bytes()
    assert len(content) > 34 << 20
    answer = front.ask(
        f"/api/sword/2.0/col-iri/{JOURNAL}",
        "POST",
        data=content,
        auth=("dergi", "uzun bir parola"),
        headers={
            "Content-Type": "application/zip",
            "Packaging": "http://purl.org/net/sword/package/SimpleZip",
            "Content-Disposition": "attachment; filename=sayi.zip",
            "In-Progress": "false",
        },
    )
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"].startswith(f"{front.base}/api/sword/2.0/cont-iri/")
    chunks = (content[at : at + 65536] for at in range(0, 1 << 20, 65536))
    assert front.ask(f"/api/sword/2.0/col-iri/{JOURNAL}", "POST", data=chunks).status_code in (400, 413, 415)
    assert front.ask("/staff/sign-in", "POST", data=b"x" * (35 << 20)).status_code == 413
    assert front.ask("/staff/sign-in", "POST", data=b"x" * (1 << 20)).status_code == 413


def test_other_names_and_plain_http_lead_nowhere_else(front: Front) -> None:
    answer = requests.get(
        front.plain + "/search?q=x", headers={"Host": "kotu.example.org"}, timeout=20, allow_redirects=False
    )
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://arsiv.example.org/search?q=x")
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(front.base.replace("localhost", "127.0.0.1"), verify=str(front.ca), timeout=20)
    assert front.ask("/", headers={"Host": "kotu.example.org"}).status_code == 421
