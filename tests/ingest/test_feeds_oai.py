"""Another repository as a feed: this archive's own endpoint over HTTP, and one that plays every trick there is."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from deliveries import Published, delivery
from open_archive import OpenArchive, open_archive
from sqlalchemy import select

from ingest.feeds import Feed, bring
from ingest.feeds.asking import Asking
from ingest.feeds.content import Rule
from ingest.feeds.oai import Harvest, OaiSource, name_of
from ingest.inbox import Arrived
from repository.catalogue import Catalogue, feeds, schema
from repository.models import Article, FeedItem
from repository.vocabulary import utc_now

CC_BY = "https://creativecommons.org/licenses/by/4.0/"
NAMESPACES = 'xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
PDF = b"%PDF-1.7 of a test"


# --- the archive's own endpoint -------------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path: Path) -> Iterator[OpenArchive]:
    with open_archive(tmp_path / "other") as found:
        articles = [Published(f"10.5555/hasat.{n}", title=f"Işık & gölge {n}", licence=CC_BY) for n in (1, 2)]
        send(found, tmp_path, "issue", articles)
        yield found


def send(archive: OpenArchive, tmp_path: Path, name: str, articles: list[Published]) -> None:
    inbox = archive.archive.home / "inbox" / "Örnek Yayınevi"
    inbox.mkdir(parents=True, exist_ok=True)
    delivery(tmp_path / f"{name}.zip", articles).rename(inbox / f"{name}.zip")
    (receipt,) = archive.receive()
    assert receipt.state == "accepted"


def harvesting(url: str, more: str = "") -> str:
    return f'[[feeds]]\nname = "hasat"\npublisher = "Örnek Yayınevi"\nkind = "oai"\nurl = "{url}"\n{more}\n'


def titles(archive: OpenArchive) -> dict[str | None, str]:
    with archive.archive.catalogue.reading() as session:
        return {row.doi: row.record["title"] for row in session.scalars(select(Article))}


def test_another_archive_is_harvested_with_its_files_once_and_then_what_changes(
    tmp_path: Path, other: OpenArchive
) -> None:
    with open_archive(tmp_path / "home", harvesting(f"{other.base}/oai")) as ours:
        receipts = ours.receive()
        assert [receipt.state for receipt in receipts] == ["accepted", "accepted"], ours.told("hasat").last_error
        assert titles(ours) == titles(other) == {f"10.5555/hasat.{n}": f"Işık & gölge {n}" for n in (1, 2)}
        assert ours.receive() == []
        assert ours.told("hasat").last_error is None
        send(other, tmp_path, "third", [Published("10.5555/hasat.3", licence=CC_BY)])
        (receipt,) = ours.receive()
        assert [line.doi for line in receipt.articles] == ["10.5555/hasat.3"]


def test_what_is_not_open_there_comes_without_its_pdf_and_says_so(tmp_path: Path, other: OpenArchive) -> None:
    send(other, tmp_path, "closed", [Published("10.5555/hasat.9")])
    with open_archive(tmp_path / "home", harvesting(f"{other.base}/oai")) as ours:
        states = sorted(str(receipt.state) for receipt in ours.receive())
        assert states == ["accepted", "accepted", "quarantined"]


# --- a repository that plays every trick ----------------------------------------------------------------------


@dataclass
class Record:
    """One record: Dublin Core elements as they are written, or a metadata element of another format."""

    links: tuple[str, ...] = ()
    datestamp: str = "2026-03-04T05:06:07Z"
    deleted: bool = False
    title: str = "Arşiv"
    metadata: str = ""

    def xml(self, identifier: str) -> str:
        status = ' status="deleted"' if self.deleted else ""
        written = "".join(f"<dc:relation>{link}</dc:relation>" for link in self.links)
        dublin_core = f"<oai_dc:dc {NAMESPACES}><dc:title>{self.title}</dc:title>{written}</oai_dc:dc>"
        said = self.metadata or dublin_core
        head = f"<header{status}><identifier>{identifier}</identifier><datestamp>{self.datestamp}</datestamp></header>"
        return f"<record>{head}{'' if self.deleted else f'<metadata>{said}</metadata>'}</record>"


@dataclass
class Playing:
    """``records`` by identifier, ``files`` by path; ``asked`` is its log. Each trick is one field."""

    port: int = 0
    records: dict[str, Record] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    granularity: str = "YYYY-MM-DDThh:mm:ssZ"
    page: int = 100
    busy: list[tuple[int, str | None]] = field(default_factory=list)
    break_at: str | None = None
    error: str | None = None
    nonsense: bool = False
    formats: tuple[str, ...] = ("oai_dc",)
    now: str = "2026-03-05T00:00:00Z"
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/oai"

    def at(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def verbs(self, verb: str) -> list[dict[str, str]]:
        """The arguments of every such request."""
        every = ({key: value[0] for key, value in parse_qs(urlsplit(one).query).items()} for one in self.asked)
        return [one for one in every if one.get("verb") == verb]

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(path)
        if self.busy:
            status, after = self.busy.pop(0)
            return status, {} if after is None else {"Retry-After": after}, b""
        parts = urlsplit(path)
        if parts.path in self.redirects:
            return 302, {"Location": self.redirects[parts.path]}, b""
        if parts.path in self.files:
            kind, content = self.files[parts.path]
            return 200, {"Content-Type": kind}, content
        if parts.path != "/oai":
            return 404, {}, b""
        if self.nonsense:
            return 200, {"Content-Type": "text/html"}, b"<html><body>Welcome</body></html>"
        asked = {key: value[0] for key, value in parse_qs(parts.query).items()}
        if asked.get("resumptionToken") == self.break_at and self.break_at is not None:
            self.break_at = None
            return 500, {}, b""
        said = self.said(asked)
        head = f'<responseDate>{self.now}</responseDate><request verb="{asked["verb"]}">{self.url}</request>'
        document = f'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">{head}{said}</OAI-PMH>'
        return 200, {"Content-Type": "text/xml"}, document.encode()

    def said(self, asked: dict[str, str]) -> str:
        verb = asked["verb"]
        if verb == "Identify":
            return f"<Identify><granularity>{self.granularity}</granularity></Identify>"
        if verb == "ListMetadataFormats":
            offered = "".join(f"<metadataPrefix>{one}</metadataPrefix>" for one in self.formats)
            return f"<ListMetadataFormats><metadataFormat>{offered}</metadataFormat></ListMetadataFormats>"
        if self.error is not None:
            return f'<error code="{self.error}">as it is</error>'
        if asked.get("metadataPrefix", "oai_dc") not in self.formats:
            return '<error code="cannotDisseminateFormat"/>'
        if verb == "GetRecord":
            return f"<GetRecord>{self.records[asked['identifier']].xml(asked['identifier'])}</GetRecord>"
        token = asked.get("resumptionToken", "0")
        if not token.isdecimal():
            return '<error code="badResumptionToken"/>'
        since = asked.get("from", "")
        listed = [one for one in sorted(self.records) if self.records[one].datestamp >= since]
        verb_of = {"ListRecords": lambda one: self.records[one].xml(one), "ListIdentifiers": self.header}
        shown = listed[int(token) : int(token) + self.page]
        if not shown:
            return '<error code="noRecordsMatch"/>'
        more = int(token) + self.page
        rest = f"<resumptionToken>{more if more < len(listed) else ''}</resumptionToken>"
        return f"<{verb}>{''.join(map(verb_of[verb], shown))}{rest}</{verb}>"

    def header(self, identifier: str) -> str:
        head, end, _ = self.records[identifier].xml(identifier).removeprefix("<record>").partition("</header>")
        return head + end


@pytest.fixture
def playing() -> Iterator[Playing]:
    found = Playing()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, content = found.answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that hangs up is part of the test."""

    server = Quiet(("127.0.0.1", 0), Answers)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    found = Catalogue(f"sqlite:///{tmp_path / 'catalogue.sqlite'}")
    schema.migrate(found)
    yield found
    found.close()


class Harvester:
    """Looks at the repository again and again; ``waited`` are the seconds that it was asked to wait."""

    def __init__(self, playing: Playing, catalogue: Catalogue, home: Path, **more: Any) -> None:
        self.waited: list[float] = []
        self.hosts = more.pop("hosts", ())
        self.catalogue = catalogue
        self.home = home
        self.harvest = Harvest(more.pop("url", playing.url), **more)
        self.feed = Feed(
            name="hasat",
            publisher="Örnek Yayınevi",
            kind="oai",
            place=playing.url,
            open=self.source,
            next_after=lambda at: at + timedelta(hours=1),
            quiet_seconds=0,
        )

    def source(self) -> OaiSource:
        asking = Asking("hasat", self.harvest.url, self.hosts, wait=self.waited.append)
        return OaiSource("hasat", self.harvest, asking, self.home / "feeds" / "hasat" / "harvest.json")

    def look(self) -> list[Arrived]:
        return list(bring(self.feed, self.catalogue, self.home, utc_now))

    @property
    def problem(self) -> str:
        with self.catalogue.reading() as session:
            row = feeds.state_of(session, "hasat")
        assert row is not None
        return row.last_error or ""

    def items(self) -> dict[str, tuple[str, bool]]:
        with self.catalogue.reading() as session:
            rows = session.scalars(select(FeedItem))
            return {row.name: (row.state, row.delivery_id is not None) for row in rows}


@pytest.fixture
def harvester(playing: Playing, catalogue: Catalogue, tmp_path: Path) -> Harvester:
    return Harvester(playing, catalogue, tmp_path)


def packed(arrived: Arrived) -> dict[str, bytes]:
    with zipfile.ZipFile(arrived.files[0]) as package:
        return {name: package.read(name) for name in package.namelist()}


def test_a_list_in_many_parts_is_read_to_its_end(playing: Playing, harvester: Harvester) -> None:
    playing.records |= {f"oai:x:{n:02}": Record() for n in range(7)}
    playing.page = 3
    assert sorted(one.file_names[0] for one in harvester.look()) == [f"oai:x:{n:02}.zip" for n in range(7)]
    assert [one.get("resumptionToken") for one in playing.verbs("ListRecords")] == [None, "3", "6"]
    assert harvester.problem == ""


@pytest.mark.parametrize(
    ("granularity", "asked_from"), [("YYYY-MM-DDThh:mm:ssZ", "2026-03-03T00:00:00Z"), ("YYYY-MM-DD", "2026-03-03")]
)
def test_the_next_harvest_begins_some_time_before_the_last(
    playing: Playing, harvester: Harvester, granularity: str, asked_from: str
) -> None:
    playing.granularity = granularity
    playing.records["oai:x:1"] = Record(datestamp="2026-03-04")
    assert len(harvester.look()) == 1
    playing.asked.clear()
    assert harvester.look() == []
    assert [one.get("from") for one in playing.verbs("ListRecords")] == [asked_from]
    assert playing.verbs("GetRecord") == [], "what was brought and is the same is not fetched again"
    playing.records["oai:x:1"] = Record(datestamp="2026-03-04", title="Another on the same day")
    (changed,) = harvester.look()
    assert b"Another on the same day" in packed(changed)["record.xml"]


def test_a_new_datestamp_alone_is_the_same_delivery(playing: Playing, harvester: Harvester) -> None:
    playing.files["/1.pdf"] = ("application/pdf", PDF)
    playing.records["oai:x:1"] = Record((playing.at("/1.pdf"),))
    (first,) = harvester.look()
    playing.now = "2027-01-01T00:00:00Z"
    playing.records["oai:x:1"].datestamp = "2026-12-31T00:00:00Z"
    (second,) = harvester.look()
    assert first.delivery_id == second.delivery_id
    playing.records["oai:x:1"].datestamp = "2027-01-01T00:00:00Z"
    playing.files["/1.pdf"] = ("application/pdf", PDF + b", corrected")
    (third,) = harvester.look()
    assert third.delivery_id != first.delivery_id


def test_a_busy_repository_is_waited_for_as_long_as_it_asks(playing: Playing, harvester: Harvester) -> None:
    playing.records["oai:x:1"] = Record()
    playing.busy += [(503, "7"), (429, None)]
    assert len(harvester.look()) == 1
    assert (harvester.waited, playing.busy) == ([7, 10], []), "the fault happened"


def test_one_that_asks_for_an_hour_is_told_of_and_left_alone(playing: Playing, harvester: Harvester) -> None:
    playing.busy += [(503, "3600")]
    assert harvester.look() == []
    assert (harvester.waited, playing.busy, len(playing.asked)) == ([], [], 1)
    assert "503 and asks for 3600 seconds" in harvester.problem


def test_a_harvest_that_broke_off_goes_on_where_it_was(playing: Playing, harvester: Harvester) -> None:
    playing.records |= {f"oai:x:{n}": Record() for n in range(6)}
    playing.page, playing.break_at = 2, "4"
    assert harvester.look() == []
    assert playing.break_at is None, "the fault happened"
    assert "answered 500" in harvester.problem
    playing.asked.clear()
    assert len(harvester.look()) == 6
    assert [one.get("resumptionToken") for one in playing.verbs("ListRecords")] == ["4"]
    assert harvester.problem == ""


def test_a_token_that_has_expired_meanwhile_begins_the_list_again(playing: Playing, harvester: Harvester) -> None:
    playing.records |= {f"oai:x:{n}": Record() for n in range(4)}
    playing.page, playing.break_at = 2, "2"
    assert harvester.look() == []
    mark = harvester.home / "feeds" / "hasat" / "harvest.json"
    mark.write_text(mark.read_text().replace('"token": "2"', '"token": "expired"'))
    assert len(harvester.look()) == 4
    assert [one.get("resumptionToken") for one in playing.verbs("ListRecords")] == [None, "2", "expired", None, "2"]


def test_what_is_deleted_there_is_noted_and_stays_here(playing: Playing, harvester: Harvester) -> None:
    playing.records |= {"oai:x:1": Record(), "oai:x:2": Record(deleted=True)}
    (arrived,) = harvester.look()
    playing.records["oai:x:1"] = Record(datestamp="2026-03-05T00:00:00Z", deleted=True)
    assert harvester.look() == []
    assert harvester.items() == {"oai:x:1.zip": ("withdrawn", True), "oai:x:2.zip": ("withdrawn", False)}
    assert arrived.files[0].exists()
    assert harvester.problem == ""
    playing.records["oai:x:2"] = Record(datestamp="2026-03-06T00:00:00Z")
    (back,) = harvester.look()
    assert back.file_names == ("oai:x:2.zip",)


def test_one_deleted_between_the_list_and_the_fetch_stops_no_other(playing: Playing, harvester: Harvester) -> None:
    playing.records |= {"oai:x:1": Record(), "oai:x:2": Record()}
    said = playing.said

    def deleting(asked: dict[str, str]) -> str:
        if asked.get("identifier") == "oai:x:1":
            playing.records["oai:x:1"].deleted = True
        return said(asked)

    playing.said = deleting  # type: ignore[method-assign]
    assert [one.file_names for one in harvester.look()] == [("oai:x:2.zip",)]
    assert "has deleted the record" in harvester.problem


def test_one_record_that_spoils_the_list_is_told_and_stops_no_other(playing: Playing, harvester: Harvester) -> None:
    """A control character that XML does not know, as copied out of a PDF: the whole part is no XML."""
    playing.records |= {f"oai:x:{n}": Record() for n in range(5)}
    playing.records["oai:x:2"].title = "form feed \x0c"
    playing.page = 2
    assert sorted(one.file_names[0] for one in harvester.look()) == [f"oai:x:{n}.zip" for n in (0, 1, 3, 4)]
    assert "oai:x:2.zip: GetRecord was not answered by OAI-PMH: line 1" in harvester.problem
    playing.asked.clear()
    playing.records["oai:x:2"].title = "mended"
    assert [one.file_names for one in harvester.look()] == [("oai:x:2.zip",)]
    assert (playing.verbs("ListRecords"), harvester.problem) == ([], ""), "nothing is fetched twice for it"


def test_where_no_record_can_be_read_the_repository_is_left_alone(
    playing: Playing, harvester: Harvester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.feeds.oai._MOST_UNREAD", 3)
    playing.records |= {f"oai:x:{n}": Record() for n in range(9)}
    said = playing.said
    playing.said = lambda asked: "" if asked["verb"] == "GetRecord" else said(asked)  # type: ignore[method-assign]
    assert harvester.look() == []
    assert len(playing.verbs("GetRecord")) == 3
    assert "answered with another record" in harvester.problem
    playing.said = said  # type: ignore[method-assign]
    assert len(harvester.look()) == 9


@pytest.mark.parametrize(
    ("trick", "told"),
    [
        ({"nonsense": True}, "not answered by OAI-PMH"),
        ({"error": "badArgument"}, "badArgument: as it is"),
        ({"formats": ("mods", "jats")}, "it offers mods, jats"),
        ({"redirects": {"/oai": "http://elsewhere.invalid/oai"}}, "led to elsewhere.invalid"),
        ({"redirects": {"/oai": "/oai"}}, "more than 5 redirects"),
    ],
)
def test_what_is_wrong_with_a_repository_is_told_and_then_it_goes_on(
    playing: Playing, harvester: Harvester, trick: dict[str, Any], told: str
) -> None:
    playing.records["oai:x:1"] = Record()
    before = {name: getattr(playing, name) for name in trick}
    for name, value in trick.items():
        setattr(playing, name, value)
    assert harvester.look() == []
    assert told in harvester.problem
    for name, value in before.items():
        setattr(playing, name, value)
    assert len(harvester.look()) == 1
    assert harvester.problem == ""


# --- taken in end to end --------------------------------------------------------------------------------------


def test_records_as_dergipark_gives_them_are_taken_in_with_their_files(tmp_path: Path, playing: Playing) -> None:
    pdf = Published("10.5555/ornek.77").pdf(tmp_path / "x.pdf")
    playing.files["/tr/download/article-file/4711"] = ("application/pdf", pdf)
    said = f"""<dc:title xml:lang="tr-TR">Arşivde Işık</dc:title><dc:title xml:lang="en-US">Light</dc:title>
<dc:creator>Öztürk, İsmail Çağrı</dc:creator><dc:publisher>Örnek Üniversitesi</dc:publisher>
<dc:date>2015-12-31T00:00:00Z</dc:date><dc:language>tur</dc:language>
<dc:identifier>{playing.at("/tr/pub/ornek/issue/1/77")}</dc:identifier><dc:identifier>10.5555/ornek.77</dc:identifier>
<dc:source>Örnek Arşiv Bilimi Dergisi; Cilt 3, Sayı 2 (2015): Güz; 12-20</dc:source><dc:source>9999-0016</dc:source>
<dc:relation>{playing.at("/tr/download/article-file/4711")}</dc:relation>"""
    playing.records["oai:dergipark.org.tr:article/77"] = Record(metadata=f"<oai_dc:dc {NAMESPACES}>{said}</oai_dc:dc>")
    with open_archive(tmp_path / "home", harvesting(playing.url)) as ours:
        (receipt,) = ours.receive()
        assert receipt.state == "accepted", ours.told("hasat").last_error
        assert titles(ours) == {"10.5555/ornek.77": "Arşivde Işık"}
        with ours.archive.catalogue.reading() as session:
            (article,) = session.scalars(select(Article))
        assert (article.record["volume"], article.record["issue"]) == ("3", "2")
        assert article.record["other_ids"]["oai"] == "oai:dergipark.org.tr:article/77"


def test_another_format_that_the_repository_offers_is_taken_in(tmp_path: Path, playing: Playing) -> None:
    """JATS in the record itself, which names its PDF by self-uri."""
    published = Published("10.5555/hasat.8")
    jats = published.xml().decode().partition("<article ")[2].removesuffix("\n")
    link = f'<self-uri content-type="pdf" xlink:href="{playing.at("/8.pdf")}"/></article-meta>'
    playing.formats = ("oai_dc", "jats")
    playing.files["/8.pdf"] = ("application/pdf", published.pdf(tmp_path / "x.pdf"))
    playing.records["oai:x:8"] = Record(metadata="<article " + jats.replace("</article-meta>", link))
    with open_archive(tmp_path / "home", harvesting(playing.url, 'metadata_prefix = "jats"')) as ours:
        (receipt,) = ours.receive()
        assert receipt.state == "accepted", receipt
        assert titles(ours) == {"10.5555/hasat.8": published.title}


# --- content links --------------------------------------------------------------------------------------------


def test_files_are_kept_in_the_order_of_their_links_and_no_bytes_twice(playing: Playing, harvester: Harvester) -> None:
    playing.files |= {
        "/tr/download/article-file/1": ("application/pdf", PDF),
        "/en.pdf": ("application/octet-stream", PDF + b" in English"),
        "/same.pdf": ("application/pdf", PDF),
    }
    links = ("/tr/download/article-file/1", "/en.pdf", "/same.pdf", "/landing")
    playing.records["oai:x:1"] = Record(tuple(map(playing.at, links)))
    (arrived,) = harvester.look()
    files = packed(arrived)
    assert {name: files[name] for name in files if name != "record.xml"} == {
        "record.pdf": PDF,
        "record-2.pdf": PDF + b" in English",
    }
    assert "/landing" not in playing.asked, "no page is asked where the record names its files"
    left = [path.name for path in (harvester.home / "feeds" / "hasat").rglob("*") if path.is_file()]
    assert left == ["harvest.json"]


def test_a_page_leads_to_the_file_that_it_names_for_machines(playing: Playing, harvester: Harvester) -> None:
    page = b'<html><head><meta name="citation_pdf_url" content="/article/download/1/2"></head><body>x</body></html>'
    playing.files |= {"/article/view/1": ("text/html", page), "/article/download/1/2": ("application/pdf", PDF)}
    playing.records["oai:x:1"] = Record((playing.at("/article/view/1"),))
    (arrived,) = harvester.look()
    assert packed(arrived)["record.pdf"] == PDF


def test_a_record_waits_for_all_the_files_that_its_page_names(playing: Playing, harvester: Harvester) -> None:
    names = "".join(f'<meta name="citation_pdf_url" content="/download/{word}.pdf">' for word in ("tr", "en"))
    playing.files |= {
        "/view/1": ("text/html", f"<html><head>{names}</head><body>x</body></html>".encode()),
        "/download/tr.pdf": ("application/pdf", PDF),
    }
    playing.records["oai:x:1"] = Record((playing.at("/view/1"),))
    assert harvester.look() == []
    assert "/download/en.pdf was answered 404" in harvester.problem
    playing.files["/download/en.pdf"] = ("application/pdf", PDF + b" in English")
    (arrived,) = harvester.look()
    assert sorted(name for name in packed(arrived) if name.endswith(".pdf")) == ["record-2.pdf", "record.pdf"]


def test_a_record_of_more_files_than_are_fetched_is_told(playing: Playing, harvester: Harvester) -> None:
    paths = [f"/{number}.pdf" for number in range(41)]
    playing.files |= {path: ("application/pdf", PDF + path.encode()) for path in paths}
    playing.records["oai:x:1"] = Record(tuple(map(playing.at, paths)))
    assert harvester.look() == []
    assert "it names 41 files, and no more than 40 are fetched" in harvester.problem


def test_a_rule_makes_the_address_of_the_file(playing: Playing, catalogue: Catalogue, tmp_path: Path) -> None:
    rule = Rule.read(r"(.+)/article/view/(\d+)/(\d+) => \1/article/viewFile/\2/\3")
    harvester = Harvester(playing, catalogue, tmp_path, rules=(rule,))
    playing.files["/article/viewFile/1/2"] = ("application/pdf", PDF)
    links = (playing.at("/article/view/1"), playing.at("/article/view/1/2"))
    playing.records["oai:x:1"] = Record(links)
    (arrived,) = harvester.look()
    assert packed(arrived)["record.pdf"] == PDF
    assert [path for path in playing.asked if path.startswith("/article")] == ["/article/viewFile/1/2"]


@pytest.mark.parametrize("text", ["(", r"(.+) => \2", r"a => \g<name>"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no rule"):
        Rule.read(text)


def test_a_full_text_in_xml_describes_the_article_and_the_record_goes_along(
    playing: Playing, harvester: Harvester
) -> None:
    jats = Published("10.5555/hasat.7").xml()
    playing.files |= {"/1.xml": ("text/xml", jats), "/1.pdf": ("application/pdf", PDF)}
    playing.records["oai:x:1"] = Record((playing.at("/1.pdf"), playing.at("/1.xml")))
    (arrived,) = harvester.look()
    files = packed(arrived)
    assert (files["record.xml"], files["record.pdf"]) == (jats, PDF)
    assert b"<identifier>oai:x:1</identifier>" in files["record.oai"]


def test_no_server_is_asked_that_the_settings_do_not_name(
    playing: Playing, catalogue: Catalogue, tmp_path: Path
) -> None:
    """A record leads to another port of this machine, to the cloud's own address, and by a redirect."""
    harvester = Harvester(playing, catalogue, tmp_path)
    playing.redirects["/moved.pdf"] = "http://127.0.0.1:1/secret.pdf"
    playing.records |= {
        "oai:x:1": Record(("http://127.0.0.1:1/secret.pdf",)),
        "oai:x:2": Record(("http://169.254.169.254/latest.pdf", "https://doi.org/10.5555/x")),
        "oai:x:3": Record((playing.at("/moved.pdf"),)),
        "oai:x:4": Record((f"http://user@127.0.0.1:{playing.port}@127.0.0.1:1/x.pdf",)),
        "oai:x:5": Record(("file:///etc/passwd", "gopher://127.0.0.1:1/x.pdf", "https://doi.org/10.5555/y")),
    }
    arrived = harvester.look()
    assert [one.file_names[0] for one in arrived] == ["oai:x:5.zip"], "it names no file at all"
    assert list(packed(arrived[0])) == ["record.xml"]
    for host in ("127.0.0.1:1", "169.254.169.254"):
        assert f"{host}: not among content_hosts" in harvester.problem
    assert {item for item, (state, _) in harvester.items().items() if state == "seen"} == {
        f"oai:x:{n}.zip" for n in (1, 2, 3, 4)
    }


def test_an_allowed_name_that_leads_into_our_own_network_is_refused(
    playing: Playing, catalogue: Catalogue, tmp_path: Path
) -> None:
    name = f"localhost.localdomain:{playing.port}"
    harvester = Harvester(playing, catalogue, tmp_path, hosts=(name,))
    playing.files["/1.pdf"] = ("application/pdf", PDF)
    playing.records["oai:x:1"] = Record((f"http://{name}/1.pdf",))
    assert harvester.look() == []
    assert "private address" in harvester.problem or "not known" in harvester.problem
    assert "/1.pdf" not in playing.asked


def test_a_file_that_cannot_be_had_is_tried_again_and_stops_no_other(playing: Playing, harvester: Harvester) -> None:
    playing.files["/2.pdf"] = ("application/pdf", PDF)
    playing.records |= {f"oai:x:{n}": Record((playing.at(f"/{n}.pdf"),)) for n in (1, 2)}
    assert [one.file_names for one in harvester.look()] == [("oai:x:2.zip",)]
    assert "/1.pdf was answered 404" in harvester.problem
    playing.files["/1.pdf"] = ("application/pdf", PDF + b" one")
    assert [one.file_names for one in harvester.look()] == [("oai:x:1.zip",)]
    assert harvester.problem == ""


def test_a_file_larger_than_allowed_is_not_kept(playing: Playing, catalogue: Catalogue, tmp_path: Path) -> None:
    harvester = Harvester(playing, catalogue, tmp_path, max_bytes=1000)
    playing.files["/1.pdf"] = ("application/pdf", PDF + b"x" * 1000)
    playing.records["oai:x:1"] = Record((playing.at("/1.pdf"),))
    assert harvester.look() == []
    assert "more than the 1000 bytes" in harvester.problem


@pytest.mark.parametrize("identifier", ["oai:x:a/b.c", "oai:x:%2e../..", "oai:x:ğ ü", "../../etc/passwd", ".hidden"])
def test_any_identifier_is_one_plain_name(playing: Playing, harvester: Harvester, identifier: str) -> None:
    playing.records[identifier] = Record()
    (arrived,) = harvester.look()
    assert arrived.file_names == (name_of(identifier),)
    assert "/" not in name_of(identifier)
    assert list(packed(arrived)) == ["record.xml"]
