"""An archive of fictional articles with its pages: rows through the catalogue's own functions, bytes in memory."""

from __future__ import annotations

import atexit
import hashlib
import io
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from config.app import Rooms, create_app
from config.doctor.questions import Patient
from config.doctor.web import SystemRoom
from config.settings import load
from config.wiring import Archive
from fixity.evidence.room import Evidence, Place
from fixity.forecast import Policy
from repository.access import staff
from repository.access.ranges import span_of
from repository.access.web.sessions import StaffSessions
from repository.catalogue import Catalogue, registration, schema, titles
from repository.errors import ObjectMissing, StoreUnavailable
from repository.models import (
    Article,
    Entitlement,
    Institution,
    InstitutionNetwork,
    Licence,
    LicenceParty,
    LicencePeriod,
    Staff,
)
from repository.promise import Promise, Promises
from repository.turkish import tr_fold, tr_sort_key
from repository.vocabulary import ArticleRecord, Author, PayloadFile, article_id, bag_key

NOW = datetime.now(UTC)
CC_BY = "https://creativecommons.org/licenses/by/4.0/"
PASSWORD = "uzun bir parola, kolay"
BASE_URL = "http://localhost"

# The same hash with the smallest cost: a test signs in a hundred times, a person once a day.
staff._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


_build_anew, _BUILT = Rule._compile_builder, {}


def _built(rule: Rule, append_unknown: bool = True) -> Any:
    """How addresses of a rule are made, worked out once in a process: a site has eighty rules, all of them code."""
    key = (rule.rule, rule.endpoint, repr(rule.defaults), append_unknown)
    if key not in _BUILT:
        _BUILT[key] = _build_anew(rule, append_unknown)
    return _BUILT[key]


Rule._compile_builder = _built


class _Compiled(BytecodeCache):
    """Templates compiled once in a process, for every site that it makes."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if (kept := self._kept.get(f"{bucket.key} {bucket.checksum}")) is not None:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[f"{bucket.key} {bucket.checksum}"] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


@dataclass
class Shelf:
    """Stores in memory: objects by store and key; each can be damaged, emptied or silenced."""

    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    silent_after: dict[str, int] = field(default_factory=dict)
    opened: list[tuple[str, str, int, int]] = field(default_factory=list)

    @contextmanager
    def open_range(self, store: str, key: str, offset: int, length: int) -> Iterator[io.RawIOBase | Stream]:
        self.opened.append((store, key, offset, length))
        if store in self.silent:
            raise StoreUnavailable(store, "silenced by the test")
        if (store, key) not in self.objects:
            raise ObjectMissing(store, key)
        part = self.objects[store, key][offset : offset + length]
        yield Stream(store, part, self.silent_after.get(store))

    def flip(self, store: str, key: str, place: int) -> None:
        """Change one byte at rest."""
        kept = bytearray(self.objects[store, key])
        kept[place] ^= 0xFF
        self.objects[store, key] = bytes(kept)


class Stream:
    """A byte stream that may fall silent after so many bytes."""

    def __init__(self, store: str, data: bytes, silent_after: int | None) -> None:
        self._store, self._data, self._left = store, io.BytesIO(data), silent_after

    def read(self, size: int, /) -> bytes:
        if self._left is not None:
            if self._left <= 0:
                raise StoreUnavailable(self._store, "fell silent")
            size = min(size, self._left)
            self._left -= size
        return self._data.read(size)


@dataclass
class Site:
    """The pages, the rows and the bytes behind them."""

    app: Flask
    catalogue: Catalogue
    shelf: Shelf

    @property
    def client(self) -> FlaskClient:
        """A browser that was never here."""
        return self.app.test_client()

    def staff_client(self, login: str = "ayse", role: str = "staff", **whose: str) -> FlaskClient:
        """A browser in which a member of staff is signed in, with a password of her own; or an account of another role.

        Entered as signing in leaves it: the tests of accounts (tests/repository/test_staff.py) fill in the forms.
        """
        sessions = self.app.session_interface
        assert isinstance(sessions, StaffSessions)
        browser, secret, now = self.client, secrets.token_urlsafe(32), datetime.now(UTC)
        with self.catalogue.writing() as rows:
            staff.create(rows, login, role, **whose)
            account = rows.execute(select(Staff).where(Staff.login == login)).scalar_one()
            account.password_hash, account.must_change = staff.hashed(PASSWORD), False
            data = {"_user_id": str(account.id), "_fresh": True, "began": now.isoformat()}
            staff.begin_session(rows, secret, account.id, data, now)
        browser.set_cookie(sessions.cookie, secret)
        return browser


def site(url: str, **changes: Any) -> Site:
    """An empty archive with a schema, two stores in memory, and all pages."""
    catalogue = Catalogue(url)
    schema.migrate(catalogue)
    shelf = Shelf()
    home = Path(tempfile.mkdtemp(prefix="mahfuz-pages-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    rooms = Rooms(
        archive="Mahfuz",
        base_url=BASE_URL,
        repository_identifier="mahfuz.example.org",
        admin_email="arsiv@example.org",
        languages=("tr", "en"),
        time_zone="Europe/Istanbul",
        secret_key=b"k" * 32,
        catalogue=catalogue,
        open_range=shelf.open_range,
        places={"main": "Ankara", "second": "İzmir"},
        policies={"main": Policy(90), "second": Policy(90)},
        home=home,
        agent="mahfuz test",
        system=SystemRoom(Patient(_installed(url, home, catalogue))),
        counted=False,  # in a thread, behind what is being tested
    )
    asked = replace(rooms, **changes)
    shown = Evidence(
        catalogue=catalogue,
        home=asked.home,
        named={"name": asked.archive, "identifier": asked.repository_identifier, "base_url": asked.base_url},
        agent=asked.agent,
        places=tuple(Place(name, "s3", place, f"deprem {place}") for name, place in asked.places.items()),
        promises=Promises(Promise(days_of={store: policy.days for store, policy in asked.policies.items()})),
        policy={"fixity_days": {store: int(policy.days) for store, policy in asked.policies.items()}},
        inventory=timedelta(days=1),
    )
    app = create_app(replace(asked, evidence=asked.evidence or shown))
    app.testing = True
    app.jinja_env.bytecode_cache = _COMPILED
    return Site(app, catalogue, shelf)


def _installed(url: str, home: Path, catalogue: Catalogue) -> Archive:
    """The installation behind these pages: settings that were hardly set, and no store that can be asked."""
    loaded = load(None, {"MAHFUZ_ARCHIVE__HOME": str(home), "MAHFUZ_DATABASE__URL": url})
    return Archive(loaded.settings, catalogue, (), {"main": "Ankara", "second": "İzmir"}, loaded.origins)


def enter(
    into: Site,
    record: ArticleRecord,
    files: Mapping[str, bytes] | None = None,
    *,
    version: int = 1,
    publisher: str = "Örnek Yayınevi",
    verified: Mapping[str, datetime | None] | None = None,
    at: datetime = NOW,
    delivery_id: str | None = None,
) -> str:
    """Register an article with these files as the bag's payload, in both stores; its id."""
    identifier = article_id(record)
    kept = files if files is not None else {"makale.pdf": b"%PDF-1.7\n" + identifier.encode() * 20}
    bag, payload = b"", []
    for path, data in kept.items():
        bag += b"\x00" * 512
        payload.append(PayloadFile(path, len(bag), len(data), hashlib.sha512(data).hexdigest()))
        bag += data
    for store in ("main", "second"):
        into.shelf.objects[store, bag_key(identifier, version)] = bag
    seal = hashlib.sha256(bag + f"{identifier}{version}".encode()).hexdigest()
    where = verified if verified is not None else {"main": at, "second": at}
    sealed = registration.Sealed(
        identifier, version, seal, len(bag), hashlib.sha256(bag).hexdigest(), f"{at:%Y-%m-%d}", tuple(payload), where
    )
    with into.catalogue.writing() as rows:
        registration.register(
            rows,
            titles.publisher_named(rows, publisher),
            record,
            sealed,
            at=at,
            agent="mahfuz test",
            delivery_id=delivery_id,
            promises=Promises(),
        )
    return identifier


def named_columns(name: str) -> dict[str, str]:
    """The columns of an institution's name: as written, by which it is sorted, and by which it is searched."""
    return {"name": name, "sort_key": tr_sort_key(name), "folded": tr_fold(name)}


def institution(into: Site, code: str, *, networks: Sequence[str] = (), **columns: Any) -> int:
    """Enter an institution with these ranges of addresses; its number."""
    named = named_columns(columns.pop("name", f"Kütüphane {code}"))
    with into.catalogue.writing() as rows:
        row = Institution(code=code, created_at=NOW, **named, **columns)
        rows.add(row)
        rows.flush()
        for given in networks:
            first, last = span_of(given).keys
            rows.add(InstitutionNetwork(institution_id=row.id, given=given, first=first, last=last))
        return row.id


def right(
    into: Site,
    code: str,
    article: str,
    institution_id: int | None,
    *,
    paid: Sequence[tuple[str, str | None]] = (("2009-01-01", "2018-12-31"),),
    state: str = "agreed",
    coverage: Mapping[str, str] | None = None,
    embargo: str | None = None,
    **columns: Any,
) -> int:
    """Enter a licence of this code with the journal of an article on its list, and one party; the line's number."""
    usual = {"type": "local", "basis": "signed", "status": "active", "perpetual": "paid_years", "hosting": "exclusive"}
    with into.catalogue.writing() as rows:
        found = rows.get_one(Article, article)
        values = usual | {"name": f"Lisans {code}", "folded": code, "publisher_id": found.publisher_id} | columns
        licence = Licence(code=code, created_at=NOW, **values)
        rows.add(licence)
        rows.flush()
        for since, until in paid:
            end = date.fromisoformat(until) if until else None
            rows.add(LicencePeriod(licence_id=licence.id, since=date.fromisoformat(since), until=end))
        if institution_id is not None:
            rows.add(LicenceParty(licence_id=licence.id, institution_id=institution_id))
        line = Entitlement(
            licence_id=licence.id,
            title_id=found.title_id,
            name="Örnek",
            state=state,
            embargo=embargo,
            by="test",
            at=NOW,
            **(coverage or {}),
        )
        rows.add(line)
        rows.flush()
        return line.id


def record(number: int = 1, **changes: Any) -> ArticleRecord:
    """A fictional article; ``number`` gives it a DOI and a page of its own."""
    usual = ArticleRecord(
        title=f"Isparta gül bahçelerinde toprak nemi {number}",
        language="tr",
        journal_title="Örnek Tarım Bilimleri Dergisi",
        publisher="Örnek Yayınevi",
        issn_electronic="1300-0632",
        volume="12",
        issue="3",
        first_page=str(10 * number),
        last_page=str(10 * number + 9),
        doi=f"10.5555/ornek.{number}",
        authors=(Author(family="Yılmaz", given="Ayşe"), Author(family="Demir", given="Can")),
        published={"ppub": "2021-06"},
        licence=CC_BY,
    )
    return replace(usual, **changes)


def token_of(page: TestResponse) -> str:
    """The CSRF token in the form of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found, page.text[:500]
    return found.group(1)


def post(browser: FlaskClient, address: str, form_at: str | None = None, **fields: str) -> TestResponse:
    """Send the form of ``form_at`` (or of the address itself) as a browser would."""
    token = token_of(browser.get(form_at or address))
    return browser.post(address, data={"csrf_token": token, **fields})


def sign_in(browser: FlaskClient, login: str, password: str, **fields: str) -> TestResponse:
    """Fill in the sign-in form."""
    return post(browser, "/staff/sign-in", login=login, password=password, **fields)


def many_authors(number: int) -> Sequence[Author]:
    """A collaboration."""
    return tuple(Author(family=f"Soyad{place}", given=f"Ad{place}") for place in range(number))
