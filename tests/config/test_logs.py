"""The log: every line of a request has its number, every line about a delivery names it, and none names a reader."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pages
import psycopg
import pytest
import requests
from deliveries import Published, delivery
from installation import Installation, folder_store_table
from served import lines_of, serving

from config import app
from config.logs import without_persons
from repository.access import staff
from repository.access.web.guard import Who
from repository.catalogue import Catalogue

ROOT = Path(__file__).parents[2]
READER, NAME, KEY = "203.0.113.77", "gizli.okur@universite.example.org", "GizliAnahtar0123456789"
HOP = {"X-Forwarded-For": READER}


def installed(home: Path, more: str = "") -> Installation:
    stores = (folder_store_table("first", home), folder_store_table("second", home))
    return Installation(home, *stores, more=f'repository_identifier = "arsiv.example.org"\n{more}')


def raw(address: str, said: bytes) -> bytes:
    """What the server answers to bytes that no HTTP library would send."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(said)
        return line.recv(65536)


def test_a_server_that_was_asked_everything_names_nobody_and_every_line_its_request(tmp_path: Path) -> None:
    archive = installed(tmp_path / "home", '[access]\ntrusted_proxies = 1\n[log]\nlevel = "debug"\n')
    archive.run("init")
    catalogue = Catalogue(f"sqlite:///{archive.home / 'mahfuz.sqlite'}")
    with catalogue.writing() as session:
        password = staff.create(session, "gizlikisi", "staff")
    catalogue.close()
    log = tmp_path / "log"
    with serving(archive, log) as address:
        asked = requests.Session()
        asked.headers.update(HOP)
        for path in (
            f"/search?q={NAME}",
            f"/openurl?rft.au={NAME}",
            f"/oai?verb=Identify&{NAME}=1",
            f"/oai?verb=GetRecord&identifier={NAME}&metadataPrefix=oai_dc",
            f"/doi/10.5555/{NAME}",
            f"/supply/{KEY}",
            f"/{NAME}",
            f"/articles/{'0' * 32}.json?{NAME}",
            f"/sign-in?next=/{NAME}",
            "/resourcesync/bags/" + "0" * 32 + "/v1.tar",
        ):
            asked.get(address + path, timeout=20, headers={"Authorization": f"Bearer {KEY}", "Referer": NAME})
        for words in ({"login": NAME, "password": KEY}, {"login": "gizlikisi", "password": password}):
            form = asked.get(f"{address}/staff/sign-in", timeout=20).text
            token = re.search(r'name="csrf_token" value="([^"]+)"', form)
            assert token is not None
            asked.post(f"{address}/staff/sign-in", data={**words, "csrf_token": token[1]}, timeout=20)
        assert asked.get(f"{address}/staff/alerts", timeout=20).status_code == 200
        asked.post(f"{address}/api/sword/2.0/col-iri/{'0' * 8}-0000-4000-8000-{'0' * 12}", data=NAME, timeout=20)
        asked.post(f"{address}/oai", data={"verb": NAME}, timeout=20)
        asked.get(f"{address}/metrics", headers={"Authorization": f"Basic {KEY}"}, timeout=20)
        raw(address, f"GET /{NAME} HTTP/1.1\r\nHost: x\r\nBad Header {NAME}: {KEY}\r\n\r\n".encode())
        raw(address, f"{NAME} / HTTP/9.9\r\n\r\n".encode())
        refused = raw(address, b"GET / HTTP/1.1\r\nHost: elsewhere.example.org\r\nConnection: close\r\n\r\n")
        assert b"X-Request-Id" in refused
    text, lines = log.read_text(encoding="utf-8"), lines_of(log)
    for secret in (READER, NAME, "gizli.okur", "universite.example.org", KEY, password, "gizlikisi", "elsewhere"):
        assert secret not in text, next(line for line in text.splitlines() if secret in line)
    answered = [line for line in lines if line["event"] == "answered"]
    assert len({line["request_id"] for line in answered}) == len(answered) > 15
    assert {"/search", "/supply/<secret>", "/staff/sign-in"} <= {line.get("page") for line in answered}
    assert [line["event"] for line in lines if line["logger"] == "gunicorn.error" and line["level"] == "warning"] == [
        "a request that cannot be read as HTTP was refused"
    ] * 2


def test_a_number_comes_from_our_own_proxy_or_is_made(tmp_path: Path) -> None:
    number = "0123456789abcdef0123456789abcdef"
    url = f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
    behind, direct = pages.site(url, trusted_proxies=1), pages.site(url)

    def given(**headers: str) -> str:
        answer = behind.client.get("/no-such-page", headers={k.replace("_", "-"): v for k, v in headers.items()})
        (shown,) = re.findall(r"Bu isteğin numarası: ([^<]+)<", answer.text)
        assert answer.headers["X-Request-Id"] == shown
        return str(shown)

    assert given(X_Request_Id=number, X_Forwarded_For=READER) == number
    for untaken in (
        given(X_Request_Id=number),  # it came beside the proxies
        given(X_Request_Id=number, X_Forwarded_For="unknown"),
        given(X_Request_Id="198.51.100.7", X_Forwarded_For=READER),
        given(X_Request_Id="okur@example.org", X_Forwarded_For=READER),
        given(X_Request_Id="<script>alert(1)</script>", X_Forwarded_For=READER),
        given(X_Request_Id="7", X_Forwarded_For=READER),
    ):
        assert re.fullmatch(r"[0-9a-f]{32}", untaken)
        assert untaken != number
    assert direct.client.get("/", headers={"X-Request-Id": number, **HOP}).headers["X-Request-Id"] != number


def test_every_line_about_a_delivery_names_it(tmp_path: Path) -> None:
    archive = installed(tmp_path / "home", '[log]\nlevel = "info"\n')
    files = [
        delivery(tmp_path / f"{number}.zip", [Published(f"10.5555/{number}.{each}") for each in range(3)])
        for number in (1, 2, 3)
    ]
    log = tmp_path / "log"
    words = ["ingest", *map(str, files), "--publisher", "Örnek Yayınevi", "--json"]
    command = [sys.executable, "-m", "config.cli", "--config", str(archive.file), *words]
    with log.open("wb") as stream:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stream, check=True)
    deliveries = {one["delivery_id"]: one for one in json.loads(done.stdout)["deliveries"]}
    assert len(deliveries) == 3
    lines = lines_of(log)
    preserved = {line["article"]: line["delivery_id"] for line in lines if line["event"] == "preserved"}
    assert preserved == {
        article["id"]: identifier for identifier, one in deliveries.items() for article in one["articles"]
    }
    assert {line["delivery_id"] for line in lines if line["event"] == "delivery finished"} == set(deliveries)


STUMBLES = """
import structlog
from config import logs
from ingest.examiner import Examiner
from ingest.threads import Threads
from repository.storage.s3.deadlines import within

logs.configure("info")
log = structlog.get_logger("trial")
with structlog.contextvars.bound_contextvars(delivery_id="d1"):
    with Threads(1) as pool:
        pool.submit(log.info, "in a thread").result()
        assert list(pool.map(int, ["7"])) == [7]
    within(5, lambda: log.info("on the way to a store"))
    assert Examiner("pdf_probe.py", "not a number").ask("/x") is None
log.info("afterwards")
"""


def test_threads_stores_and_examiners_say_for_which_delivery_they_work(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", STUMBLES], env=environment, capture_output=True, text=True, check=True)
    told = {line["event"]: line.get("delivery_id") for line in map(json.loads, done.stderr.splitlines())}
    assert told == {
        "in a thread": "d1",
        "on the way to a store": "d1",
        "an examiner gave no answer": "d1",
        "afterwards": None,
    }


def test_what_a_database_and_a_mail_server_say_of_people_is_cut_out(postgresql_url: str) -> None:
    catalogue = Catalogue(postgresql_url)
    with catalogue.writing() as session:
        staff.create(session, "gizlikisi", "staff")
    with pytest.raises(Exception, match="psycopg") as caught, catalogue.writing() as session:
        session.execute(
            staff.Staff.__table__.insert().from_select(
                [column.name for column in staff.Staff.__table__.columns], staff.Staff.__table__.select()
            )
        )
    catalogue.close()
    said = str(caught.value)
    assert isinstance(caught.value.__cause__, psycopg.errors.UniqueViolation)
    assert "DETAIL:" in said
    line = without_persons(
        None,
        "error",
        {
            "event": "550 <ayse.okur@example.org>: no such user",
            "exception": f"Traceback\n{said}\n\nThe above exception was",
            "url": "postgresql+psycopg://mahfuz:***@db.example.org/mahfuz",
            "count": 3,
        },
    )
    assert line["event"] == "550 <…@example.org>: no such user"
    assert "DETAIL" not in line["exception"]
    assert line["exception"].endswith("\n\nThe above exception was")
    assert line["url"] == "postgresql+psycopg://mahfuz:***@db.example.org/mahfuz"


def test_a_fault_of_ours_is_told_with_its_number_and_without_the_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever sets up logging anew in this process, as the reading of import contracts does, silences what was there.
    monkeypatch.setattr(app.log, "disabled", False)
    one = pages.site(f"sqlite:///{tmp_path / 'catalogue.sqlite'}")

    def falls(**_words: str) -> str:
        raise ZeroDivisionError

    falls.who = Who.EVERYONE  # type: ignore[attr-defined]
    one.app.config["PROPAGATE_EXCEPTIONS"] = False  # as it is outside of tests
    one.app.view_functions["reading.supplied"] = falls
    answer = one.client.get(f"/supply/{KEY}?okur={NAME}")
    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] in answer.text
    assert "ZeroDivisionError" in caplog.text
    assert KEY not in caplog.text
    assert NAME not in caplog.text
