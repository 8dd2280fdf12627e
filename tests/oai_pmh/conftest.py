"""A small archive with a window: real rows of fictional articles, asked over the real web face."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pages
import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree
from sqlalchemy.orm import Session

from oai_pmh.formats import Told
from oai_pmh.tokens import TokenKeys
from oai_pmh.web import Window, blueprint
from repository.catalogue import Catalogue, changes, registration, schema, tallies, titles
from repository.catalogue.holdings import KeptBag, KeptCopy, KeptFile
from repository.catalogue.registration import Entering, Sealed
from repository.models import Article
from repository.promise import Promises
from repository.vocabulary import ArticleRecord, ArticleState, Author, Related, article_id

ROOTS = tuple(
    Path(folder)
    for folder in (
        Path(__file__).parents[2] / "../shared/schemas",
        *filter(None, os.environ.get("MAHFUZ_TEST_SCHEMAS", "").split(os.pathsep)),
    )
)
"""Where schemas lie; further folders in MAHFUZ_TEST_SCHEMAS, of any layout: a schema is known by its file's name."""
SCHEMAS = ROOTS[0] / "oai_pmh"
_MODS, _PREMIS = ("http://www.loc.gov/mods/v3", "mods-3-8.xsd"), ("http://www.loc.gov/premis/v3", "premis-v3-0.xsd")
WANTED: dict[str, tuple[tuple[str, str], ...]] = {
    "oai_dc": (("http://www.openarchives.org/OAI/2.0/oai_dc/", "oai_dc.xsd"),),
    "mods": (_MODS,),
    "marcxml": (("http://www.loc.gov/MARC21/slim", "MARC21slim.xsd"),),
    "oai_openaire": (("http://namespace.openaire.eu/schema/oaire/", "openaire.xsd"),),
    "mets": (("http://www.loc.gov/METS/", "mets.xsd"), _MODS, _PREMIS),
}
"""Format to the namespaces and schemas by which it is judged."""
JATS_DTD = "JATS-archivearticle1-3-mathml3.dtd"
JATS = "https://jats.nlm.nih.gov/ns/archiving/1.3/"
SCHEMA_LOCATION = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
OAI = "{http://www.openarchives.org/OAI/2.0/}"
BASE = "https://arsiv.example.org"
KEYS = TokenKeys((b"a secret of the tests, long enough",))
LONG_AGO = datetime(2024, 3, 1, 9, 0, 0, tzinfo=UTC)


@dataclass
class Archive:
    """The catalogue of a test and the ways to fill it."""

    catalogue: Catalogue
    ids: list[str] = field(default_factory=list)

    def add(
        self,
        record: ArticleRecord,
        *,
        publisher: str = "Örnek Yayınevi",
        datestamp: datetime | None = None,
        version: int = 1,
        front: bytes | None = None,
    ) -> str:
        """Register ``record``; with ``datestamp`` as an old one, without as one that has just been preserved."""
        with self.catalogue.writing() as session:
            return self.enter(session, record, publisher, datestamp, version, front)

    def enter(
        self,
        session: Session,
        record: ArticleRecord,
        publisher: str,
        datestamp: datetime | None,
        version: int = 1,
        front: bytes | None = None,
    ) -> str:
        """The same inside a transaction of the caller's."""
        self.enter_all(session, [record], publisher, datestamp, version, front)
        name = article_id(record)
        if name not in self.ids:
            self.ids.append(name)
        return name

    def enter_all(
        self,
        session: Session,
        records: Sequence[ArticleRecord],
        publisher: str,
        datestamp: datetime | None,
        version: int = 1,
        front: bytes | None = None,
    ) -> None:
        """Several at once, as the door enters them."""
        registration.register_all(
            session,
            titles.publisher_named(session, publisher),
            [Entering(record, _sealed(article_id(record), version), front) for record in records],
            at=datetime.now(UTC),
            agent="test",
            delivery_id=None,
            promises=Promises(),
            datestamp=datestamp,
        )

    def withdraw(self, name: str, *, datestamp: datetime | None = None, besides: Sequence[str] = ()) -> None:
        """Make a tombstone of an article, and tell of those ``besides`` whose description changes with it."""
        with self.catalogue.writing() as session:
            gone = session.get_one(Article, name)
            gone.state = ArticleState.WITHDRAWN
            tallies.add(session, "articles", ArticleState.ACTIVE, -1)
            tallies.add(session, "articles", ArticleState.WITHDRAWN, 1)
            if datestamp is None:
                changes.announce(session, gone)
            else:
                told = [gone, *(session.get_one(Article, other) for other in besides)]
                changes.announce_as_they_were(session, [(one, datestamp) for one in told])

    def fill(self, number: int, *, per_second: int = 7) -> None:
        """``number`` articles in six journals of two publishers, ``per_second`` of them under one datestamp."""
        together: dict[tuple[int, str], list[ArticleRecord]] = {}
        for place in range(number):
            publisher = "Örnek Yayınevi" if place % 6 < 4 else "Ikinci Yayınevi"
            together.setdefault((place // per_second, publisher), []).append(article(place))
            self.ids += [article_id(article(place))]
        with self.catalogue.writing() as session:
            for (minute, publisher), records in together.items():
                self.enter_all(session, records, publisher, LONG_AGO + timedelta(minutes=minute))


def _sealed(name: str, version: int) -> Sealed:
    return Sealed(
        article_id=name,
        version=version,
        seal=hashlib.sha256(f"{name} {version}".encode()).hexdigest(),
        bytes=10240,
        payload_digest=hashlib.sha256(f"payload {name} {version}".encode()).hexdigest(),
        bagging_date="2026-11-23",
        files=(),
        verified={},
    )


def article(place: int) -> ArticleRecord:
    """The article of this number, in one of six journals."""
    journal = place % 6
    return ArticleRecord(
        title=f"Işık ve Gölge Üzerine {place} — İncelemeler & <Notlar>",
        translated_titles={"en": f"On Light and Shadow {place}"},
        language="tr",
        journal_title=f"Çağdaş Öykü Dergisi {journal}",
        publisher="Örnek Yayınevi",
        issn_electronic=f"2000-{journal:04d}",
        issn_print=f"1000-{journal:04d}" if journal % 2 else None,
        volume="12",
        issue="3",
        first_page=str(place * 10),
        last_page=str(place * 10 + 9),
        doi=f"10.5555/ornek.{place}",
        authors=(Author(family="Şahin", given="Ğülçin"), Author(collab="Öykü Topluluğu")),
        published={"ppub": "2023-11"},
        article_type="research-article",
        keywords=("ışık", "gölge"),
    )


@pytest.fixture
def long_ago() -> datetime:
    """The first datestamp of :meth:`Archive.fill`."""
    return LONG_AGO


@pytest.fixture(name="article", scope="session")
def article_fixture() -> Callable[[int], ArticleRecord]:
    """The article of a number, in one of six journals."""
    return article


@contextmanager
def _opened(url: str) -> Iterator[Archive]:
    catalogue = Catalogue(url)
    schema.migrate(catalogue)
    yield Archive(catalogue)
    catalogue.close()


@pytest.fixture(scope="session")
def opened() -> Callable[[str], AbstractContextManager[Archive]]:
    """``opened(url)`` is the archive in an empty database, for as long as the block lasts."""
    return _opened


@pytest.fixture
def archive(database_url: str) -> Iterator[Archive]:
    with _opened(database_url) as archive:
        yield archive


@dataclass
class Asked:
    """One answer, parsed; ``errors`` are its error codes."""

    body: bytes
    root: Any

    @property
    def errors(self) -> list[str]:
        return [error.get("code") for error in self.root.findall(OAI + "error")]

    @property
    def moment(self) -> str:
        return str(self.root.findtext(OAI + "responseDate"))

    def texts(self, name: str) -> list[str]:
        return [element.text or "" for element in self.root.iter(OAI + name)]

    @property
    def token(self) -> Any:
        return next(self.root.iter(OAI + "resumptionToken"), None)


@dataclass
class Harvester:
    """Asks the window as a client on the network would, and holds every answer to the protocol's schemas."""

    client: FlaskClient
    validate: Callable[[Any], None]

    def raw(self, query: str, **options: Any) -> Asked:
        response = self.client.get("/oai?" + query, **options)
        assert response.status_code == 200, response.text
        assert response.content_type == "text/xml; charset=utf-8"
        root = etree.fromstring(response.data)
        self.validate(root)
        return Asked(response.data, root)

    def ask(self, verb: str, **arguments: str) -> Asked:
        """``since`` stands for ``from``, which Python keeps for itself."""
        pairs = {"from" if name == "since" else name: value for name, value in arguments.items()}
        response = self.client.get("/oai", query_string={"verb": verb, **pairs})
        assert response.status_code == 200, response.text
        root = etree.fromstring(response.data)
        self.validate(root)
        return Asked(response.data, root)

    def pages(self, verb: str, **arguments: str) -> Iterator[Asked]:
        """Every part of a list, to its end."""
        asked = self.ask(verb, **arguments)
        yield asked
        while asked.token is not None and asked.token.text:
            asked = self.ask(verb, resumptionToken=asked.token.text)
            yield asked

    def headers(self, verb: str = "ListIdentifiers", **arguments: str) -> list[tuple[str, str, bool]]:
        """(identifier, datestamp, deleted) of a whole list, in its order."""
        arguments = {"metadataPrefix": "oai_dc", **arguments}
        return [
            (header.findtext(OAI + "identifier"), header.findtext(OAI + "datestamp"), header.get("status") == "deleted")
            for page in self.pages(verb, **arguments)
            for header in page.root.iter(OAI + "header")
        ]


@pytest.fixture(scope="session")
def validate() -> Callable[[Any], None]:
    """Raises AssertionError for a document that OAI-PMH.xsd, oai_dc.xsd or oai-identifier.xsd does not allow."""
    if not SCHEMAS.is_dir():
        return lambda root: None
    paths = [(SCHEMAS / name).resolve() for name in ("OAI-PMH.xsd", "oai_dc.xsd", "oai-identifier.xsd")]
    known = imported((etree.parse(str(path)).getroot().get("targetNamespace") or "", path) for path in paths)

    def check(root: Any) -> None:
        document = etree.fromstring(etree.tostring(root))
        for element in list(document.iter()):
            # A format of another namespace is judged by its own test.
            if element.tag == OAI + "metadata" and not element[0].tag.startswith("{http://www.openarchives.org/"):
                element.getparent().remove(element)
            # Nor do those of the containers of Identify beside oai-identifier: they have a test of their own too.
            if element.tag == OAI + "description" and not element[0].tag.endswith("}oai-identifier"):
                element.getparent().remove(element)
            element.attrib.pop(SCHEMA_LOCATION, None)
        assert known.validate(document), known.error_log

    return check


def schema_file(name: str) -> Path | None:
    """The first file of this name below any of the roots."""
    return next((path.resolve() for root in ROOTS for path in sorted(root.rglob(name))), None)


def imported(wanted: Iterable[tuple[str, Path]]) -> Any:
    """One schema of several namespaces."""
    imports = "".join(f'<xs:import namespace="{space}" schemaLocation="{path.as_uri()}"/>' for space, path in wanted)
    return etree.XMLSchema(
        etree.fromstring(f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>')
    )


@cache
def judge_of(prefix: str) -> Callable[[str], None] | None:
    """Raises AssertionError for what the format's own schema does not allow; None where that does not lie here."""
    if prefix == "jats":
        dtd = schema_file(JATS_DTD)
        return _judge_of_jats(etree.DTD(str(dtd))) if dtd else None
    found = [(space, schema_file(name)) for space, name in WANTED[prefix]]
    there = [(space, path) for space, path in found if path is not None]
    return _judge_of_schema(imported(there)) if len(there) == len(found) else None


def _judge_of_schema(known: Any) -> Callable[[str], None]:
    def check(text: str) -> None:
        root = etree.fromstring(text)
        for element in root.iter():
            element.attrib.pop(SCHEMA_LOCATION, None)  # nothing is fetched
        assert known.validate(root), known.error_log

    return check


def _judge_of_jats(dtd: Any) -> Callable[[str], None]:
    """The standard has no namespace: it is taken off."""

    def check(text: str) -> None:
        without = text.replace(f' xmlns="{JATS}"', "", 1).replace("xsi:schemaLocation", "xsi:noNamespaceSchemaLocation")
        root = etree.fromstring(without)
        assert dtd.validate(root), dtd.error_log

    return check


@pytest.fixture(scope="session")
def judged() -> Callable[[str, str], None]:
    """``judged(prefix, text)`` holds a record to the schema of its format, and skips the test without one."""

    def judge(prefix: str, text: str) -> None:
        check = judge_of(prefix)
        if check is None:
            pytest.skip(f"the schema of {prefix} does not lie beside this checkout nor in MAHFUZ_TEST_SCHEMAS")
        check(text)

    return judge


@pytest.fixture(scope="session")
def told() -> Told:
    """What a crosswalk is told of an article of which two versions are kept."""
    read = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    files = (KeptFile("makale/öz & ek.xml", 10, "cd" * 64, "fmt/101"), KeptFile("makale/tam metin.pdf", 20, "ef" * 64))
    gone = (KeptCopy("ankara", "damaged", read), KeptCopy("izmir", "missing", None))
    whole = (KeptCopy("ankara", "intact", read), KeptCopy("izmir", "unverified", None))
    return Told(
        address=f"{BASE}/articles/{'0' * 32}",
        identifier=f"oai:arsiv.example.org:{'0' * 32}",
        versions=(KeptBag(1, "ab" * 32, 10240, files, gone), KeptBag(2, "ba" * 32, 20480, files, whole)),
    )


@pytest.fixture
def window(archive: Archive) -> Window:
    return Window(
        catalogue=archive.catalogue,
        repository_name="Örnek Elektronik Arşivi",
        base_url=BASE,
        repository_identifier="arsiv.example.org",
        admin_emails=("oai@example.org",),
        token_keys=KEYS,
        page_size=10,
    )


@pytest.fixture
def site_window(database_url: str) -> Iterator[Window]:
    """The window of a site of :mod:`pages`, long after whatever is entered there."""
    catalogue = Catalogue(database_url)
    schema.migrate(catalogue)
    yield Window(
        catalogue=catalogue,
        repository_name="Mahfuz",
        base_url=pages.BASE_URL,
        repository_identifier="mahfuz.example.org",
        admin_emails=("arsiv@example.org",),
        token_keys=KEYS,
        clock=lambda _session: pages.NOW.replace(year=2999),
    )
    catalogue.close()


@pytest.fixture
def harvester_of(validate: Callable[[Any], None]) -> Callable[[Window], Harvester]:
    """A harvester of a window, as often as the window is opened anew."""

    def harvester(window: Window) -> Harvester:
        app = Flask("window")
        app.register_blueprint(blueprint(window))
        return Harvester(app.test_client(), validate)

    return harvester


@pytest.fixture
def harvester(window: Window, harvester_of: Callable[[Window], Harvester]) -> Harvester:
    return harvester_of(window)


@pytest.fixture
def rich_record() -> ArticleRecord:
    """An article of which the publisher said everything."""
    return ArticleRecord(
        title="İstanbul'un Işıkları",
        translated_titles={"en": "The Lights of İstanbul", "": "Ohne Sprache"},
        language="tr",
        journal_title="Kurgu & Araştırma",
        publisher="Örnek Yayınevi",
        issn_print="1000-0001",
        issn_electronic="2000-0001",
        issn_l="1000-0001",
        volume="7",
        issue="2",
        first_page="101",
        last_page="119",
        doi="10.5555/Örnek<7>",
        authors=(Author(family="Çelik", given="Ümit", suffix="Jr", orcid="0000-0001-2345-6789"), Author(collab="Ekip")),
        published={"ppub": "2023-11", "epub": "2023-10-05"},
        article_type="research-article",
        related=(Related("corrected-article", "10.5555/once", "doi"), Related("companion", "http://example.org/x")),
        licence="https://creativecommons.org/licenses/by/4.0/",
        abstracts={"tr": "Özet < kısa", "en": "Abstract & short"},
        keywords=("ışık", "şehir", "ışık"),
        other_ids={"pmid": "12345"},
    )
