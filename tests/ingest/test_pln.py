"""Deposits of OJS over real HTTP: announced, fetched from the journal, kept, and told of in words that OJS knows."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from deliveries import Published, delivery
from ojs import API, JOURNAL, Answer, Ojs, ask, entry, ojs_server
from open_archive import OpenArchive, open_archive
from sqlalchemy import func, select, update

from config import feeding, wiring
from config.app import create_app
from config.settings import load
from ingest.feeds import bring
from repository.models import Article, Delivery, FeedItem
from repository.vocabulary import DeliveryState

PUBLISHER = "Örnek Yayınevi"
TERM = "Derginin yöneticisi, içeriğin saklanmasını kabul eder."
USER, PASSWORD = "dergi", "açık parola"


class House(OpenArchive):
    """An archive to which OJS deposits."""

    def post(self, body: bytes, journal: str = JOURNAL, **headers: str) -> Answer:
        given = {"Content-Type": "text/xml"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return ask("POST", f"{self.base}{API}/col-iri/{journal}", body, given)

    def last_error(self) -> str:
        return self.told("oabd").last_error or ""

    def number_of(self, table: Any) -> int:
        with self.archive.catalogue.reading() as session:
            return session.execute(select(func.count()).select_from(table)).scalar_one()

    def entries(self) -> list[str]:
        folder = self.archive.home / "feeds" / "oabd" / "deposits"
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def feed_table(place: str, more: str = "") -> str:
    return f"""[[feeds]]
name = "oabd"
publisher = "{PUBLISHER}"
kind = "pln"
url = "{place}"
journals = ["{JOURNAL.lower()}"]
terms = ["{TERM}", "İkinci şart."]
terms_updated = 2026-01-15
user = "{USER}"
password = "{PASSWORD}"
{more}
"""


@contextmanager
def opened(tmp_path: Path, place: str, *, more: str = "", settings: str = "", database: str = "") -> Iterator[House]:
    tables = feed_table(place, more)
    with open_archive(tmp_path / "archive", tables, settings=settings, database=database) as found:
        yield House(found.base, found.archive)


@pytest.fixture
def ojs() -> Iterator[Ojs]:
    playing = Ojs()
    with ojs_server(playing):
        yield playing


@pytest.fixture
def house(tmp_path: Path, ojs: Ojs) -> Iterator[House]:
    with opened(tmp_path, f"{ojs.url}/") as found:
        yield found


def deposit_id() -> str:
    return str(uuid4()).upper()


def issue(count: int = 2) -> Sequence[Published]:
    return [Published(f"10.5555/pln.{number}", title=f"Makale {number}") for number in range(1, count + 1)]


# --- the service document -------------------------------------------------------------------------------------


def test_the_service_document_says_what_the_plugin_reads(house: House, ojs: Ojs) -> None:
    answer = ojs.service_document(house.base)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert answer.text("maxUploadSize") == str(house.archive.settings.ingest.max_delivery_bytes // 1000)
    assert answer.text("uploadChecksumType") == "SHA-1"
    (accepting,) = answer.elements("pln_accepting")
    assert accepting.getAttribute("is_accepting") == "Yes"
    assert answer.text("pln_accepting") == "The archive takes deposits from this journal."
    (terms,) = answer.elements("terms_of_use")
    told = [(term.tagName, term.getAttribute("updated"), term.firstChild.data) for term in terms.childNodes]  # type: ignore[union-attr]
    day = "2026-01-15 00:00:00+00:00"
    assert told == [("pkp:term_1", day, TERM), ("pkp:term_2", day, "İkinci şart.")]
    (collection,) = answer.elements("collection")
    assert collection.getAttribute("href") == f"{house.base}{API}/col-iri/{JOURNAL}"
    assert "application/zip" in [node.firstChild.data for node in answer.elements("accept")]  # type: ignore[union-attr]


def test_a_proxy_may_have_renamed_the_headers(house: House, ojs: Ojs) -> None:
    renamed = {"X-On-Behalf-Of": JOURNAL.lower(), "X-Journal-Url": ojs.url}
    answer = ask("GET", f"{house.base}{API}/sd-iri", headers=renamed)
    assert answer.elements("pln_accepting")[0].getAttribute("is_accepting") == "Yes"


def test_who_is_not_registered_is_told_what_to_do(house: House, ojs: Ojs) -> None:
    stranger = deposit_id()
    answer = ojs.service_document(house.base, journal=stranger)
    assert answer.elements("pln_accepting")[0].getAttribute("is_accepting") == "No"
    assert stranger in answer.text("pln_accepting")
    assert "archive@mahfuz.local" in answer.text("pln_accepting")
    assert (answer.elements("collection"), len(answer.elements("terms_of_use"))) == ([], 1)
    elsewhere = ojs.service_document(house.base, "https://baska.example.org/oabd")
    assert elsewhere.elements("pln_accepting")[0].getAttribute("is_accepting") == "No"
    assert ojs.url in elsewhere.text("pln_accepting")
    turkish = ojs.service_document(house.base, journal=stranger, **{"Accept-Language": "tr-tr"})
    assert "kayıtlı değil" in turkish.text("pln_accepting")


@pytest.mark.parametrize("headers", [{}, {"On-Behalf-Of": JOURNAL}, {"On-Behalf-Of": "x", "Journal-Url": "https://a/"}])
def test_a_service_document_is_for_somebody(house: House, headers: dict[str, str]) -> None:
    answer = ask("GET", f"{house.base}{API}/sd-iri", headers=headers)
    assert answer.status == 400
    assert answer.elements("error")[0].getAttribute("href") == "http://purl.org/net/sword/error/ErrorBadRequest"
    assert answer.text("summary")


# --- a deposit by reference -----------------------------------------------------------------------------------


def test_a_deposit_is_announced_fetched_kept_and_agreed(house: House, ojs: Ojs, tmp_path: Path) -> None:
    deposit = deposit_id()
    ojs.write(deposit, issue(), tmp_path)
    method, answer = ojs.transfer(house.base, deposit)
    assert (method, answer.status) == ("POST", 201)
    state = f"{house.base}{API}/cont-iri/{JOURNAL}/{deposit}/state"
    assert answer.headers["Location"] == state
    assert answer.states == ("depositedByJournal", "")
    assert all(node.firstChild is not None for node in answer.elements("category")[:3]), "each state is said in words"
    assert ojs.asked == [], "nothing is fetched while OJS waits for the answer"

    (receipt,) = house.receive()
    assert (receipt.state, receipt.publisher, len(receipt.articles)) == (DeliveryState.ACCEPTED, PUBLISHER, 2)
    assert receipt.file_names == (f"{deposit}.xml", f"{deposit}.zip")
    assert house.receive() == []
    assert ojs.asked == [ojs.path(deposit)]

    answer = ojs.state(house.base, deposit.lower())
    assert answer.states == ("deposited", "agreement")
    assert answer.own[0] == "kept"
    assert answer.own[1].startswith("2 ")
    content = next(node for node in answer.elements("content"))
    assert content.getAttribute("checksumValue") == hashlib.sha1(ojs.packages[deposit]).hexdigest()
    page = ask("GET", answer.receipt, headers={"Accept-Language": "en"})
    assert (page.status, b"10.5555/pln.1" in page.body) == (200, True)
    # What the entry alone says has reached the articles, and so their bags.
    with house.archive.catalogue.reading() as session:
        records = [row.record for row in session.execute(select(Article)).scalars()]
    assert {(one["journal_title"], one["issn_unspecified"], one["publisher"]) for one in records} == {
        ("Örnek Arşiv Bilimi Dergisi", "9999-0016", PUBLISHER)
    }


def test_what_is_being_done_is_told(house: House, ojs: Ojs, tmp_path: Path) -> None:
    deposit = deposit_id()
    ojs.write(deposit, issue(1), tmp_path)
    ojs.transfer(house.base, deposit)

    (feed,) = feeding.configured(house.archive.settings)
    (arrived,) = bring(feed, house.archive.catalogue, house.archive.home, lambda: datetime.now(UTC))
    assert ojs.state(house.base, deposit).states == ("harvested", "")
    for stage, word in (("checking", "bag-validated"), ("keeping", "xml-validated")):
        with house.archive.catalogue.writing() as session:
            session.execute(update(Delivery).where(Delivery.id == arrived.delivery_id).values(stage=stage))
        answer = ojs.state(house.base, deposit)
        assert (answer.states, answer.own[0]) == ((word, ""), "validated" if stage == "keeping" else "harvested")


def test_a_corrected_issue_is_deposited_again_and_is_a_new_version(house: House, ojs: Ojs, tmp_path: Path) -> None:
    deposit = deposit_id()
    ojs.write(deposit, issue(), tmp_path)
    ojs.transfer(house.base, deposit)
    house.receive()
    ojs.write(deposit, [Published("10.5555/pln.1", title="Düzeltilmiş başlık"), issue()[1]], tmp_path)
    method, answer = ojs.transfer(house.base, deposit)
    assert (method, answer.status, answer.states) == ("PUT", 201, ("depositedByJournal", ""))
    (receipt,) = house.receive()
    assert {line.doi: line.version for line in receipt.articles} == {"10.5555/pln.1": 2, "10.5555/pln.2": 1}
    assert ojs.state(house.base, deposit).states == ("deposited", "agreement")


def test_a_version_of_the_plugin_that_asks_at_a_wrong_address_posts_again(
    house: House, ojs: Ojs, tmp_path: Path
) -> None:
    """The plugin for OJS 3.5 writes the path twice, is answered 404, and takes every deposit for a new one."""
    deposit = deposit_id()
    ojs.write(deposit, issue(1), tmp_path)
    wrong = f"{house.base}{API}/cont-iri{API}/cont-iri/{JOURNAL}/{deposit}/state"
    for _ in range(2):
        assert ask("GET", wrong).status == 404
        assert house.post(ojs.entries[deposit]).status == 201
        assert ojs.state(house.base, deposit).states[0] == "depositedByJournal"
        house.receive()
        assert ojs.state(house.base, deposit).states == ("deposited", "agreement")
    assert len(ojs.asked) == 2
    assert house.number_of(Delivery) == 1, "the same bytes are the same delivery"


def test_on_postgresql_too(tmp_path: Path, ojs: Ojs, postgresql_url: str) -> None:
    deposit = deposit_id()
    with opened(tmp_path, f"{ojs.url}/", database=postgresql_url) as house:
        ojs.write(deposit, issue(1), tmp_path)
        ojs.transfer(house.base, deposit)
        house.receive()
        assert ojs.state(house.base, deposit).states == ("deposited", "agreement")


def test_refused_articles_are_told_with_their_codes(house: House, ojs: Ojs, tmp_path: Path) -> None:
    deposit = deposit_id()
    ojs.write(deposit, [issue()[0], Published("10.5555/pln.2", without_pdf=True)], tmp_path)
    ojs.transfer(house.base, deposit)
    (receipt,) = house.receive()
    assert receipt.state is DeliveryState.PARTIAL
    answer = ojs.state(house.base, deposit)
    assert (answer.states, answer.own[0], answer.codes) == (("payload-error", ""), "refused", ["PDF_MISSING"])
    assert answer.own[1] == "2 makaleden 1 tanesi saklanıyor."


def test_a_bag_that_is_not_whole_is_refused(house: House, ojs: Ojs, tmp_path: Path) -> None:
    deposit = deposit_id()
    ojs.write(deposit, issue(), tmp_path)
    lacking = BytesIO()
    with zipfile.ZipFile(BytesIO(ojs.packages[deposit])) as whole, zipfile.ZipFile(lacking, "w") as written:
        for name in whole.namelist():
            if not name.endswith("pln.2.pdf"):
                written.writestr(name, whole.read(name))
    ojs.packages[deposit] = lacking.getvalue()
    ojs.entries[deposit] = entry(deposit, lacking.getvalue(), f"http://127.0.0.1:{ojs.port}{ojs.path(deposit)}")
    ojs.transfer(house.base, deposit)
    house.receive()
    answer = ojs.state(house.base, deposit)
    assert (answer.states[0], answer.own[0], answer.codes) == ("bag-error", "refused", ["MANIFEST_FILE_MISSING"])


# --- what can go wrong on the way -----------------------------------------------------------------------------


def test_a_journal_that_is_down_is_asked_again(tmp_path: Path) -> None:
    ojs, deposit = Ojs(), deposit_id()
    with ojs_server(ojs):
        """It has a port, and is gone."""
    with opened(tmp_path, f"{ojs.url}/") as house:
        ojs.write(deposit, issue(1), tmp_path)
        assert house.post(ojs.entries[deposit]).status == 201
        assert house.receive() == []
        assert ojs.asked == []
        assert "refused" in house.last_error().casefold()
        answer = ojs.state(house.base, deposit)
        assert answer.states == ("harvest-error", "")
        assert answer.own[0] == "received"
        with ojs_server(ojs):
            (receipt,) = house.receive()
        assert receipt.state is DeliveryState.ACCEPTED
        assert ojs.state(house.base, deposit).states == ("deposited", "agreement")
        assert house.last_error() == ""


def test_one_bad_deposit_stops_no_other_and_is_given_up_at_last(house: House, ojs: Ojs, tmp_path: Path) -> None:
    bad, good = sorted([deposit_id(), deposit_id()])
    ojs.write(bad, issue(1), tmp_path, checksumValue="0" * 40)
    ojs.write(good, [Published("10.5555/pln.7")], tmp_path)
    for deposit in (bad, good):
        ojs.transfer(house.base, deposit)
    (receipt,) = house.receive()
    assert receipt.file_names[0].startswith(good)
    answer = ojs.state(house.base, bad)
    assert answer.states == ("harvest-error", "")
    assert "its entry says 0000" in answer.own[1]
    assert bad in house.last_error()

    house.receive()
    assert ojs.asked.count(ojs.path(bad)) == 2, "it is tried again"
    with house.archive.catalogue.writing() as session:
        long_ago = datetime.now(UTC) - timedelta(days=8)
        session.execute(
            update(FeedItem).where(FeedItem.name.startswith(f"{JOURNAL}/{bad}")).values(first_seen=long_ago)
        )
    house.receive()
    house.receive()
    assert ojs.asked.count(ojs.path(bad)) == 3, "and after max_wait_days no more"
    answer = ojs.state(house.base, bad)
    assert (answer.states[0], "artık denenmiyor" in answer.own[1]) == ("harvest-error", True)

    ojs.write(bad, issue(1), tmp_path)  # OJS packs and sends it again
    method, _ = ojs.transfer(house.base, bad)
    assert method == "PUT"
    (receipt,) = house.receive()
    assert ojs.state(house.base, bad).states == ("deposited", "agreement")


def test_a_package_of_another_size_than_its_entry_says_is_not_taken(house: House, ojs: Ojs, tmp_path: Path) -> None:
    larger, smaller = sorted([deposit_id(), deposit_id()])
    ojs.write(larger, issue(12), tmp_path)
    kilobytes = -(-len(ojs.packages[larger]) // 1000)
    assert kilobytes > 4
    ojs.write(larger, issue(12), tmp_path, size="2")
    ojs.write(smaller, issue(12), tmp_path, size=str(kilobytes * 2))
    for deposit in (larger, smaller):
        ojs.transfer(house.base, deposit)
    assert house.receive() == []
    assert "more than the 2 kB" in ojs.state(house.base, larger).own[1]
    assert f"its entry says {kilobytes * 2} kB" in ojs.state(house.base, smaller).own[1]
    assert len(ojs.asked) == 2
    parts = house.archive.home / "feeds" / "oabd" / "parts"
    assert [part for part in parts.iterdir() if not part.read_bytes().lstrip().startswith(b"<")] == []


def test_a_connection_cut_in_the_middle_is_no_package(house: House, ojs: Ojs, tmp_path: Path) -> None:
    deposit = deposit_id()
    ojs.write(deposit, issue(1), tmp_path)
    ojs.transfer(house.base, deposit)
    ojs.cut_after = 400
    assert house.receive() == []
    assert ojs.cut_after is None, "it was cut"
    assert ojs.state(house.base, deposit).states == ("harvest-error", "")
    (receipt,) = house.receive()
    assert receipt.state is DeliveryState.ACCEPTED


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_journal_that_does_not_give_it_out_is_asked_again(
    house: House, ojs: Ojs, tmp_path: Path, status: int
) -> None:
    deposit = deposit_id()
    ojs.write(deposit, issue(1), tmp_path)
    ojs.transfer(house.base, deposit)
    ojs.statuses[deposit] = status
    assert house.receive() == []
    assert f"answered {status}" in ojs.state(house.base, deposit).own[1]
    del ojs.statuses[deposit]
    (receipt,) = house.receive()
    assert receipt.state is DeliveryState.ACCEPTED


def test_an_entry_that_comes_while_its_package_is_fetched_is_the_next_version(
    house: House, ojs: Ojs, tmp_path: Path
) -> None:
    deposit = deposit_id()
    ojs.write(deposit, issue(1), tmp_path)
    ojs.transfer(house.base, deposit)
    before = ojs.packages[deposit]

    def sent_again() -> None:
        ojs.write(deposit, [Published("10.5555/pln.1", title="Düzeltilmiş başlık")], tmp_path)
        assert ojs.transfer(house.base, deposit)[0] == "PUT"

    ojs.while_giving = sent_again
    (first,) = house.receive()
    assert ojs.while_giving is None, "it came meanwhile"
    assert ojs.packages[deposit] != before
    assert ojs.state(house.base, deposit).states == ("depositedByJournal", "")
    (second,) = house.receive()
    assert [line.version for receipt in (first, second) for line in receipt.articles] == [1, 2]
    assert ojs.state(house.base, deposit).states == ("deposited", "agreement")


def test_a_redirect_is_followed_nowhere(house: House, ojs: Ojs, tmp_path: Path) -> None:
    deposit, inward = deposit_id(), Ojs()
    ojs.write(deposit, issue(1), tmp_path)
    inward.packages[deposit] = ojs.packages[deposit]
    with ojs_server(inward):
        ojs.redirects[deposit] = f"http://127.0.0.1:{inward.port}{inward.path(deposit)}"
        ojs.transfer(house.base, deposit)
        assert house.receive() == []
    assert ojs.asked == [ojs.path(deposit)], "it was redirected"
    assert inward.asked == []
    answer = ojs.state(house.base, deposit)
    assert answer.states[0] == "harvest-error"
    assert "answered 302" in answer.own[1]


def test_a_name_that_leads_into_our_own_network_is_not_asked(tmp_path: Path, ojs: Ojs) -> None:
    with opened(tmp_path, f"http://localhost.localdomain:{ojs.port}/") as house:
        deposit = deposit_id()
        ojs.write(deposit, issue(1), tmp_path, url=f"http://localhost.localdomain:{ojs.port}{ojs.path(deposit)}")
        assert house.post(ojs.entries[deposit]).status == 201
        assert house.receive() == []
        assert "private address" in house.last_error() or "not known" in house.last_error()
        assert ojs.asked == []
        assert ojs.state(house.base, deposit).states[0] == "harvest-error"


# --- entries that are refused ---------------------------------------------------------------------------------


def test_an_entry_that_asks_us_to_fetch_elsewhere_is_refused(house: House, ojs: Ojs) -> None:
    place = f"http://127.0.0.1:{ojs.port}"
    for url in (
        "http://169.254.169.254/latest/meta-data",
        f"http://127.0.0.1:{ojs.port + 1}{ojs.path('x')}",
        f"https://127.0.0.1:{ojs.port}{ojs.path('x')}",
        f"{place}/index.php/oabd/../admin",
        f"{place}/index.php/oabd/%2e%2e/admin",
        f"{place}/index.php/oabdx/pln",
        f"http://dergi@127.0.0.1:{ojs.port}/index.php/oabd/pln",
        f"http://127.0.0.1:{ojs.port}@evil.invalid/index.php/oabd/pln",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://[::1/",
        "",
    ):
        answer = house.post(entry(deposit_id(), b"x", url.replace("&", "&amp;")))
        assert (answer.status, bool(answer.text("summary"))) == (400, True), url
    assert house.entries() == []
    house.receive()
    assert ojs.asked == []


def test_a_hostile_entry_is_refused_and_not_kept(house: House, ojs: Ojs) -> None:
    good = entry(deposit_id(), b"x", f"{ojs.url}/pln/deposits/x")
    bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha" * 50}">' for n in range(9))
    head, body = good.split(b"?>", 1)
    hostile = {
        "XML_ENTITY_EXPANSION": head
        + f"?><!DOCTYPE entry [{bomb}]>".encode()
        + body.replace(b"<title>", b"<title>&a8;"),
        "XML_FORBIDDEN_ENTITY": head
        + b'?><!DOCTYPE entry [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        + body.replace(b"<title>", b"<title>&x;"),
        "XML_NOT_WELL_FORMED": good[:-9],
    }
    for name, data in hostile.items():
        answer = house.post(data, Accept_Language="en")
        assert answer.status == 400, name
        assert answer.elements("error")[0].getAttribute("href").endswith("/ErrorBadRequest")
        assert "XML" in answer.text("summary")
        assert b"root:" not in answer.body
    assert house.entries() == []


@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        ({"checksumType": "CRC32"}, 400, "ErrorBadRequest"),
        ({"checksumValue": "af9a"}, 400, "ErrorBadRequest"),
        ({"size": "0"}, 400, "ErrorBadRequest"),
        ({"size": "-3"}, 400, "ErrorBadRequest"),
        ({"size": "9" * 40}, 400, "ErrorBadRequest"),
        ({"size": "99999999999"}, 413, "MaxUploadSizeExceeded"),
    ],
)
def test_an_entry_that_promises_nothing_is_refused(
    house: House, ojs: Ojs, changes: dict[str, str], status: int, kind: str
) -> None:
    answer = house.post(entry(deposit_id(), b"x", f"{ojs.url}/pln/deposits/x", **changes))
    assert answer.status == status
    assert answer.elements("error")[0].getAttribute("href") == f"http://purl.org/net/sword/error/{kind}"
    assert house.entries() == []


def test_what_is_no_entry_is_refused(house: House, ojs: Ojs) -> None:
    good = entry(deposit_id(), b"x", f"{ojs.url}/pln/deposits/x")
    for body, status in (
        (b"", 400),
        (b"<entry xmlns='http://www.w3.org/2005/Atom'/>", 415),
        (good.replace(b"urn:uuid:", b"urn:isbn:"), 400),
        (good.replace(b"</entry>", b"<pkp:content/></entry>"), 400),
        (good + b" " * (256 << 10), 413),
    ):
        answer = house.post(body)
        assert (answer.status, len(answer.elements("error"))) == (status, 1), body[:80]
    assert house.entries() == []


def test_an_unknown_journal_and_an_unknown_deposit_are_no_secret(house: House, ojs: Ojs, tmp_path: Path) -> None:
    stranger, deposit = deposit_id(), deposit_id()
    ojs.write(deposit, issue(1), tmp_path)
    answer = house.post(ojs.entries[deposit], stranger)
    assert (answer.status, stranger in answer.text("summary")) == (404, True)
    assert house.entries() == []
    assert ojs.state(house.base, deposit).status == 404
    address = f"{house.base}{API}/cont-iri/{JOURNAL}/{deposit}/edit"
    assert ask("PUT", address, ojs.entries[deposit], {"Content-Type": "text/xml"}).status == 404
    ojs.transfer(house.base, deposit)
    other = f"{house.base}{API}/cont-iri/{stranger}/{deposit}/state"
    assert ask("GET", other).status == 404
    wrong = ask("PUT", address, entry(deposit_id(), b"x", f"{ojs.url}/x"), {"Content-Type": "text/xml"})
    assert (wrong.status, house.entries()) == (400, [f"{JOURNAL}/{deposit}.xml"])


def test_our_own_trouble_is_never_told_as_theirs(house: House, ojs: Ojs, tmp_path: Path) -> None:
    """At a 4xx OJS begins the deposit anew, and forgets that it was ever kept."""
    deposit = deposit_id()
    ojs.write(deposit, issue(1), tmp_path)
    ojs.transfer(house.base, deposit)
    house.archive.catalogue.close()
    database = house.archive.home / "mahfuz.sqlite"
    database.rename(tmp_path / "away")
    database.mkdir()
    answer = ojs.state(house.base, deposit)
    assert (answer.status, answer.headers["Retry-After"], len(answer.elements("summary"))) == (503, "60", 1)
    database.rmdir()
    (tmp_path / "away").rename(database)
    assert ojs.state(house.base, deposit).states[0] == "depositedByJournal"


# --- packages sent whole --------------------------------------------------------------------------------------


def sent(content: bytes, **changes: str) -> dict[str, str]:
    secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return {
        "Content_Type": "application/zip",
        "Authorization": f"Basic {secret}",
        "Packaging": "http://purl.org/net/sword/package/SimpleZip",
        "Content_Disposition": "attachment; filename=sayi-3.zip",
        "Content_MD5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "In_Progress": "false",
    } | changes


def test_a_package_is_sent_kept_and_told_of(house: House, tmp_path: Path) -> None:
    content = delivery(tmp_path / "sayi.zip", issue()).read_bytes()
    sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
    answer = house.post(content, **sent(content, Digest=f"sha-256={sha256},unixsum=30637"))
    assert answer.status == 201
    edit = answer.headers["Location"]
    links = {node.getAttribute("rel"): node.getAttribute("href") for node in answer.elements("link")}
    assert links["edit"] == edit
    state = links["http://purl.org/net/sword/terms/statement"]
    assert ask("GET", state).states == ("harvested", "")
    again = house.post(content, **sent(content))
    assert (again.status, again.headers["Location"]) == (201, edit)
    (receipt,) = house.receive()
    assert (receipt.state, receipt.file_names) == (DeliveryState.ACCEPTED, ("sayi-3.zip",))
    assert ask("GET", state).states == ("deposited", "agreement")
    assert ask("GET", edit).status == 200
    assert list((house.archive.home / "feeds" / "oabd" / "packages").iterdir()) == []
    assert house.number_of(Delivery) == 1


def test_a_package_may_come_in_chunks_under_a_turkish_name(house: House, tmp_path: Path) -> None:
    content = delivery(tmp_path / "sayi.zip", issue(1)).read_bytes()
    given = sent(content, Content_Disposition="attachment; filename*=UTF-8''say%C4%B1%203.zip")
    connection = HTTPConnection("127.0.0.1", int(house.base.rpartition(":")[2]), timeout=60)
    parts = (content[at : at + 300] for at in range(0, len(content), 300))
    headers = {name.replace("_", "-"): value for name, value in given.items()}
    connection.request("POST", f"{API}/col-iri/{JOURNAL}", parts, headers, encode_chunked=True)
    assert connection.getresponse().status == 201
    connection.close()
    (receipt,) = house.receive()
    assert (receipt.state, receipt.file_names) == (DeliveryState.ACCEPTED, ("sayı 3.zip",))


def test_a_package_without_its_password_is_not_read(house: House, tmp_path: Path) -> None:
    content = delivery(tmp_path / "sayi.zip", issue(1)).read_bytes()
    for wrong in ("dergi:yanlis", "x:açık parola", "dergi:", "dergi"):
        secret = base64.b64encode(wrong.encode()).decode()
        answer = house.post(content, **sent(content, Authorization=f"Basic {secret}"))
        assert (answer.status, answer.headers["WWW-Authenticate"][:5]) == (401, "Basic"), wrong
    assert house.post(content, **sent(content, Authorization="Bearer x")).status == 401
    for _ in range(5):
        house.post(content, **sent(content, Authorization="Basic eDp5"))
    answer = house.post(content, **sent(content))
    assert (answer.status, answer.headers["Retry-After"]) == (429, "900"), "who fails too often has to wait"
    assert house.number_of(Delivery) == 0


@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        ({"Content_MD5": "0" * 32}, 412, "ErrorChecksumMismatch"),
        ({"Digest": "SHA-512=" + base64.b64encode(b"0" * 64).decode()}, 412, "ErrorChecksumMismatch"),
        ({"Content_MD5": "zz"}, 400, "ErrorBadRequest"),
        ({"In_Progress": "true"}, 400, "ErrorBadRequest"),
        ({"Packaging": "http://purl.org/net/sword/package/METSDSpaceSIP"}, 415, "ErrorContent"),
        ({"Content_Type": "multipart/related"}, 415, "ErrorContent"),
        ({"Content_Disposition": "attachment"}, 400, "ErrorBadRequest"),
        ({"Content_Disposition": 'attachment; filename="../../etc/x.zip"'}, 400, "ErrorBadRequest"),
        ({"Content_Disposition": 'attachment; filename=".hidden.zip"'}, 400, "ErrorBadRequest"),
    ],
)
def test_a_package_that_is_not_what_it_should_be_is_refused(
    house: House, tmp_path: Path, changes: dict[str, str], status: int, kind: str
) -> None:
    content = delivery(tmp_path / "sayi.zip", issue(1)).read_bytes()
    answer = house.post(content, **sent(content, **changes))
    assert answer.status == status
    assert answer.elements("error")[0].getAttribute("href") == f"http://purl.org/net/sword/error/{kind}"
    assert house.number_of(Delivery) == 0


def test_a_package_over_the_limit_is_refused_whatever_it_declares(tmp_path: Path, ojs: Ojs) -> None:
    content = delivery(tmp_path / "sayi.zip", issue(3)).read_bytes()
    limit = len(content) - 1
    assert limit > 1000
    with opened(tmp_path, f"{ojs.url}/", settings=f"[ingest]\nmax_delivery_bytes = {limit}") as house:
        answer = house.post(content, **sent(content))
        assert (answer.status, house.number_of(Delivery)) == (413, 0)
        assert answer.elements("error")[0].getAttribute("href").endswith("MaxUploadSizeExceeded")


def test_a_collection_without_a_user_takes_no_packages(tmp_path: Path, ojs: Ojs) -> None:
    content = delivery(tmp_path / "sayi.zip", issue(1)).read_bytes()
    with opened(tmp_path, f"{ojs.url}/") as house:
        file = house.archive.home / "mahfuz.toml"
        text = file.read_text(encoding="utf-8")
    without = [line for line in text.splitlines() if not line.startswith(("user", "password"))]
    file.write_text("\n".join(without), encoding="utf-8")
    with wiring.opened(load(file, {}).settings) as archive:
        browser = create_app(wiring.rooms(archive)).test_client()
        headers = {name.replace("_", "-"): value for name, value in sent(content).items()}
        answer = browser.post(f"{API}/col-iri/{JOURNAL}", data=content, headers=headers)
        assert answer.status_code == 415
        service = browser.get(f"{API}/sd-iri", headers={"On-Behalf-Of": JOURNAL, "Journal-Url": ojs.url})
        assert "application/zip" not in service.text
    assert house.entries() == []


def test_an_issue_that_is_only_packed_anew_is_no_new_version(house: House, ojs: Ojs, tmp_path: Path) -> None:
    """A manager resets the deposit, or the plugin does so when it is upgraded."""
    deposit = deposit_id()
    ojs.write(deposit, issue(), tmp_path)
    ojs.transfer(house.base, deposit)
    house.receive()
    anew = BytesIO()
    with zipfile.ZipFile(BytesIO(ojs.packages[deposit])) as before, zipfile.ZipFile(anew, "w") as written:
        for name in before.namelist():
            written.writestr(zipfile.ZipInfo(name, (2025, 1, 2, 3, 4, 6)), before.read(name))
    assert anew.getvalue() != ojs.packages[deposit]
    ojs.packages[deposit] = anew.getvalue()
    ojs.entries[deposit] = entry(deposit, anew.getvalue(), f"http://127.0.0.1:{ojs.port}{ojs.path(deposit)}")
    ojs.transfer(house.base, deposit)
    (receipt,) = house.receive()
    assert [(line.outcome, line.version) for line in receipt.articles] == [("unchanged", 1)] * 2
    assert ojs.state(house.base, deposit).states == ("deposited", "agreement")
