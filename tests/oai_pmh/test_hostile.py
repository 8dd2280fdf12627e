"""Whatever is asked, in whatever way: an answer that a program can read, and never an error of ours."""

from __future__ import annotations

import gzip
import io
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pages
import pytest
from full_size import FULL, sized
from lxml import etree
from werkzeug.test import create_environ, run_wsgi_app

from oai_pmh.errors import ErrorCode
from oai_pmh.manners import Turns
from oai_pmh.web import Window, blueprint
from oai_pmh.whole.web import blueprint as whole

REQUESTS = sized(700, 10_000)
OAI = "{http://www.openarchives.org/OAI/2.0/}"
FORM = "application/x-www-form-urlencoded"
VERBS = ["Identify", "ListMetadataFormats", "ListSets", "ListIdentifiers", "ListRecords", "GetRecord"]
NAMES = [
    "set",
    "from",
    "until",
    "resumptionToken",
    "verb",
    "metadataPrefix",
    "set",
    "from",
    "until",
    "identifier",
    "resumptionToken",
]
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
LAWFUL = {200, 304, 400, 404, 405, 413, 415}
"""404 only of another address than ours, 400 of a page for people alone."""


@dataclass
class Question:
    """One request as it reaches the program."""

    method: str = "GET"
    path: str = "/oai"
    query: bytes = b""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def environ(self) -> dict[str, Any]:
        environ = create_environ("/", base_url=pages.BASE_URL, method="GET")
        environ["REQUEST_METHOD"], environ["PATH_INFO"] = self.method, self.path
        # The server refuses whatever else stands in an address; in a body anything may come.
        environ["QUERY_STRING"] = bytes(octet for octet in self.query if 32 < octet < 127).decode()
        if self.body or self.method == "POST":
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(self.body), str(len(self.body))
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
        return environ


class Questioner:
    """Asks what nobody in his senses asks, always the same from the same seed; ``known`` are values that exist."""

    def __init__(self, seed: int, known: dict[str, list[str]]) -> None:
        self._choose = random.Random(seed)
        self._known = known

    def question(self) -> Question:
        choose = self._choose
        method = (
            choose.choices(
                ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get", "Ö"],
                [60, 25, 4, 2, 1, 1, 1, 1, 1, 1, 1],
            )[0]
            .encode()
            .decode("latin-1")
        )
        path = choose.choices(["/oai", "/oai/", "/oai//", "/OAI", "/oai/x", "/oai;a=b"], [70, 20, 1, 1, 1, 1])[0]
        one = Question(method, path, self._arguments())
        if method == "POST":
            one.query, one.body = choose.choice([(b"", one.query), (one.query, b""), (self._arguments(), one.query)])
            if choose.random() < 0.03:
                one.body = b"verb=ListRecords&resumptionToken=" + b"A" * 70_000
            one.headers["Content-Type"] = choose.choices(
                [FORM, FORM + "; charset=utf-8", FORM + "; charset=iso-8859-9", FORM.upper(), "", "text/xml", "/",
                "a;;=",
                 "multipart/form-data; boundary=x", FORM + "; charset=\x01"],
                [60, 10, 5, 3, 5, 3, 3, 3, 3, 3],
            )[0]  # fmt: skip
        for name, values in ODD_HEADERS.items():
            if choose.random() < 0.2:
                one.headers[name] = choose.choice(values)
        return one

    def _arguments(self) -> bytes:
        choose = self._choose
        if choose.random() < 0.04:
            return choose.choice(WHOLE)
        pairs = []
        if choose.random() < 0.85:
            verb = choose.choice(VERBS)
            pairs.append((b"verb", verb.encode()))
            # Half of them as they should be, so that what is odd elsewhere is not hidden behind a missing argument.
            if choose.random() < 0.6 and verb in ("ListRecords", "ListIdentifiers", "GetRecord"):
                pairs.append((b"metadataPrefix", choose.choice([b"oai_dc", b"mods", b"none"])))
            if choose.random() < 0.6 and verb == "GetRecord":
                pairs.append((b"identifier", self._value("identifier")))
        for _ in range(choose.choice([0, 0, 1, 1, 2, 3])):
            name = choose.choice(NAMES)
            written = self._mangled(name.encode()) if choose.random() < 0.15 else name.encode()
            pairs.append((written, self._value(name)))
        choose.shuffle(pairs)
        return choose.choice([b"&", b"&", b"&", b"&&", b";"]).join(name + b"=" + value for name, value in pairs)

    def _value(self, name: str) -> bytes:
        choose = self._choose
        value = choose.choice(self._known.get(name) or VERBS).encode()
        kind = choose.random()
        if kind < 0.65:
            return quote(value, safe=":").encode()
        if kind < 0.75:
            return choose.choice(ODD_VALUES)
        return self._mangled(value)

    def _mangled(self, value: bytes) -> bytes:
        choose = self._choose
        octets = bytearray(value)
        for _ in range(choose.choice([0, 1, 1, 2, 5])):
            place = choose.randrange(len(octets) + 1)
            how = choose.randrange(4)
            if how == 0:
                octets[place:place] = choose.choice(ODD_VALUES[:40])
            elif how == 1 and octets:
                del octets[place : place + 1]
            elif how == 2 and place < len(octets):
                octets[place] ^= 1 << choose.randrange(8)
            else:
                octets[place:place] = bytes([choose.randrange(256)])
        return bytes(octets)


ODD_VALUES = [
    b"", b"%", b"%%", b"%z", b"%00", b"%0A", b"%0D%0A", b"%7F", b"%FF", b"%C0%AF", b"%ED%A0%80", b"%EF%BF%BE",
    b"%EF%BF%BF",
    b"%F4%90%80%80", b"%01", b"%09", b"+", b"%20", b"%25", b"%252e", b"=", b"#", b"<", b"%3C%21--", b"]]>", b"&amp",
    b"%26",
    b"'", b'"', b"\\", b"..%2F..%2Fetc%2Fpasswd", b"%C4%B0%C4%B1", b"\xc4\xb0", b"\xff\xfe", b"{{7*7}}",
    b"%F0%9F%93%9A",
    b"%u0131", b"1e400", b"-1", b"0", b"2024-01-01", b"2024-13-01", b"0000-00-00", b"9999-12-31", b"2024-02-30",
    b"2024-01-01T00:00:00Z", b"2024-01-01T24:00:00Z", b"2024-01-01T00:00:00.0Z", b"2024-01-01T00:00:00%2B03:00",
    b"%D9%A2%D9%A0%D9%A2%D9%A4-01-01", b"99999999999999999999-01-01", b"journal", b"journal:", b":journal", b"a:b:c:d",
    b"publisher:" + b"a" * 300, b"A" * 5000, b"%41" * 3000, b"9" * 4000, b"null", b"true", b"oai:", b"oai::",
    b"oai:x:y",
    b"http://user@host:99999/", b"urn:x:%zz", b"file:///etc/passwd", b"1%2E1%2E1%2E1", b"a.b.c.d",
    b"1..." + b"A" * 900,
]  # fmt: skip
WHOLE = [
    b"", b"&", b"&&&&", b"=", b"=&=", b"verb", b"verb=", b"?verb=Identify", b"%76erb=Identify", b"verb=Identify#x",
    b"&".join(b"a%d=b" % number for number in range(2000)), b"verb=Identify&" * 500, b"verb=" + b"I" * 60_000,
    bytes(range(33, 256)), b"%" * 3000, b"lang=tr", b"sets=journal", b"sets=%00", b"sets=journal&after=W10",
    b"lang=%FF",
    b"sets=publisher&after=" + b"A" * 5000,
]  # fmt: skip
ODD_HEADERS = {
    "Accept": [
        "*/*",
        BROWSER,
        "text/html",
        "",
        "text/xml;q=0",
        ";",
        "a/b;q=x",
        "text/html;q=0.1,*/*",
        "\xff",
        "," * 500,
    ],
    "Accept-Encoding": [
        "gzip",
        "gzip;q=0",
        "*",
        "br",
        "gzip;q=2",
        "",
        ",",
        "zstd, gzip",
        "gzip;q=\xff",
        "identity;q=0",
    ],
    "Accept-Language": ["tr", "en", "xx", "*", "tr;q=x", "\xff"],
    "Range": ["bytes=0-10", "bytes=5-", "bytes=-5", "bytes=9-1", "lines=1-2", "bytes=0-0,5-6", "x"],
    "If-None-Match": ["*", '"x"', 'W/"x"', '"', "\xff"],
    "If-Modified-Since": ["Sat, 01 Jan 2000 00:00:00 GMT", "yesterday", "Sat, 01 Jan 9999 00:00:00 GMT", ""],
    "If-Range": ['"x"', "Sat, 01 Jan 2000 00:00:00 GMT"],
    "X-Forwarded-For": ["1.2.3.4", "::1, x", "\xff"],
    "Cookie": ["lang=xx", "lang=en", "session=\xff", ";;="],
    "User-Agent": ["", "\xff", "A" * 5000],
    "Expect": ["100-continue"],
    "Content-Encoding": ["gzip", "x"],
    "Transfer-Encoding": ["identity"],
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What is asked here does not depend on the database."""
    return f"sqlite:///{tmp_path / 'catalogue.sqlite'}"


@pytest.fixture
def turns() -> Turns:
    return Turns(at_once=2, each=2, waiting=0)


@pytest.fixture
def site(archive: Any, window: Window, database_url: str, turns: Turns, tmp_path: Path) -> Iterator[pages.Site]:
    archive.fill(40)
    archive.withdraw(archive.ids[3])
    opened = pages.site(database_url, open_blueprints=(blueprint(window, turns), whole(window, tmp_path)))
    yield opened
    opened.catalogue.close()


def test_hostile_questions_get_answers_that_can_be_read(
    archive: Any, site: pages.Site, turns: Turns, validate: Callable[[Any], None]
) -> None:
    tokens = []
    for query in ("ListRecords&metadataPrefix=oai_dc", "ListIdentifiers&metadataPrefix=mods&set=journal"):
        with site.client.get(f"/oai?verb={query}") as answer:
            tokens += [element.text for element in etree.fromstring(answer.data).iter(OAI + "resumptionToken")]
    known = {
        "verb": VERBS,
        "metadataPrefix": ["oai_dc", "mods", "marc"],
        "set": [
            "journal",
            "publisher",
            "journal:2000-0001",
            "journal:1000-0001",
            "publisher:ornek-yayinevi",
            "nothing",
        ],
        "from": ["2024-03-01", "2024-03-01T09:00:00Z", "2999-01-01"],
        "until": ["2024-03-02", "2024-03-01T09:02:00Z", "1999-01-01"],
        "identifier": [f"oai:arsiv.example.org:{name}" for name in archive.ids[:5]],
        "resumptionToken": [token for token in tokens if token],
    }
    questioner = Questioner(20261127, known)
    met: Counter[tuple[int, str]] = Counter()
    for number in range(REQUESTS):
        question = questioner.question()
        body, status, headers = run_wsgi_app(site.app, question.environ(), buffered=True)
        said = judged(question, int(status[:3]), headers, b"".join(body), validate)
        met[int(status[:3]), said] += 1
        assert turns.taken == 0, (number, question)
    print(sorted(met.items()))
    # The questions are odd, and not so odd that nothing else is met than refusals.
    assert {said for _, said in met} >= {"badVerb", "badArgument", "ListRecords", "ListIdentifiers"}
    if FULL:
        assert {said for _, said in met} >= {*ErrorCode, *VERBS} - {"noMetadataFormats", "noSetHierarchy"}
    assert {200, 405, 413, 415} <= {code for code, _ in met}


def judged(question: Question, status: int, headers: Any, body: bytes, validate: Callable[[Any], None]) -> str:
    """What the answer says, once it is found lawful: an error code or the verb, or the kind of page."""
    assert status in LAWFUL, (status, question)
    if status == 405:
        assert {"GET", "HEAD", "POST"} <= set(headers["Allow"].replace(" ", "").split(",")), question
        return "method"
    if status == 404:
        assert question.path not in ("/oai", "/oai/") or b"sets=" in question.query, question
    if status != 200 or question.method in ("HEAD", "OPTIONS"):
        return "other"
    if headers.get("Content-Encoding") == "gzip":
        assert {"gzip", "*"} & set(re.split("[,; ]+", question.headers.get("Accept-Encoding", ""))), question
        body = gzip.decompress(body)
    if headers["Content-Type"].startswith("text/html"):
        assert "html" in question.headers.get("Accept", ""), question
        return "page"
    assert headers["Content-Type"] == "text/xml; charset=utf-8", question
    root = etree.fromstring(body)
    validate(root)
    errors = [error.get("code") for error in root.iter(OAI + "error")]
    return str(errors[0]) if errors else etree.QName(root[2]).localname
