"""An archive in miniature under the night watch, with stores that can be made to fail in exactly one way."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from builders import METADATA, build_bag
from sqlalchemy import select, update

from fixity.report import RoundReport
from fixity.rounds import Scope, Watch, run_round
from repository.bags import Bag
from repository.catalogue import Catalogue, copies, registration, schema, tallies, timetable, titles
from repository.catalogue.registration import Sealed
from repository.errors import StoreUnavailable
from repository.models import Aip, Copy, Event
from repository.promise import Promise, Promises
from repository.storage import ByteStream, Store, StoredObject
from repository.storage.directory import DirectoryStore
from repository.storage.retrying import RetryingStore
from repository.vocabulary import GIVEN_UP, ArticleRecord, article_id, bag_key

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Killed(BaseException):
    """What kill -9 does to a process, as far as one process can play it: nothing catches this."""


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """The clock stands this much later."""
        self.now += timedelta(**by)


class FaultyStore(DirectoryStore):
    """A folder that does what it should until one of its faults is set; ``happened`` counts the faults that did."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        self.opened: list[str] = []
        self.happened: Counter[str] = Counter()
        self.silent = False
        self.silent_after: int | None = None
        """Falls silent after so many opened objects."""
        self.stops_at: int | None = None
        """Each stream breaks off with an error after so many bytes."""
        self.ends_at: int | None = None
        """Each stream ends early, without an error."""
        self.garbles: Callable[[str, int, bytes], bytes] | None = None
        """What (key, how often it was opened before, the bytes) become on the way."""
        self.at_replace: Callable[[str], None] | None = None
        """Called as ``before`` and as ``after`` by every replacing."""

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        """As a folder, or as the faults have it."""
        if self.silent_after is not None and len(self.opened) >= self.silent_after:
            self.silent = True
        before = self.opened.count(key)
        self.opened.append(key)
        self._speak()
        with super().open(key, offset, length) as stream:
            yield _Faulty(self, stream, key, before)

    def head(self, key: str) -> StoredObject | None:
        """As a folder, unless it is silent."""
        self._speak()
        return super().head(key)

    def replace(self, key: str, source: Path, sha256: str, damaged_sha256: str | None) -> None:
        """As a folder, with the fault before or after."""
        self._speak()
        self.happened["replaced"] += 1
        if self.at_replace:
            self.at_replace("before")
        super().replace(key, source, sha256, damaged_sha256)
        if self.at_replace:
            self.at_replace("after")

    def _speak(self) -> None:
        if self.silent:
            self.happened["silent"] += 1
            raise StoreUnavailable(self.name, "connection refused")


class Witnessed(RetryingStore):
    """Notes which objects were read to their last byte."""

    def __init__(self, store: Store, **more: float) -> None:
        super().__init__(store, **more)  # type: ignore[arg-type]
        self.read_whole: set[str] = set()

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[ByteStream]:
        witness = self

        class Stream:
            def read(self, size: int, /) -> bytes:
                data = stream.read(size)
                if not data:
                    witness.read_whole.add(key)
                return data

        with super().open(key, offset, length) as stream:
            yield Stream()


class _Faulty:
    def __init__(self, store: FaultyStore, stream: ByteStream, key: str, before: int) -> None:
        self._store, self._stream = store, stream
        self._key, self._before = key, before
        self._given = 0

    def read(self, size: int, /) -> bytes:
        store = self._store
        for limit, fault in ((store.stops_at, "stopped"), (store.ends_at, "ended early")):
            if limit is None:
                continue
            size = min(size, limit - self._given)
            if size <= 0:
                store.happened[fault] += 1
                if fault == "stopped":
                    raise StoreUnavailable(store.name, "connection reset in the middle")
                return b""
        data = self._stream.read(size)
        self._given += len(data)
        if store.garbles and data:
            changed = store.garbles(self._key, self._before, data)
            store.happened["garbled"] += changed != data
            return changed
        return data


@dataclass
class Miniature:
    """A few bags in a few folders, registered, with the watch that looks after them."""

    catalogue: Catalogue
    stores: dict[str, FaultyStore]
    home: Path
    clock: Clock
    bags: list[Bag] = field(default_factory=list)
    fixity_days: float = 90

    @property
    def watch(self) -> Watch:
        """What a round is given."""
        return Watch(
            catalogue=self.catalogue,
            stores=self.stores,
            promises=Promises(Promise(self.fixity_days)),
            quarantine=self.home / "quarantine",
            agent="mahfuz test",
            clock=self.clock,
        )

    def audit(self, stores: Mapping[str, Store] | None = None, **scope: Any) -> RoundReport:
        """A round over everything, unless ``scope`` says otherwise; its figures always add up."""
        watch = self.watch if stores is None else replace(self.watch, stores=stores)
        report = run_round(watch, Scope(**{"due": False, **scope}))
        assert report.expected == report.intact + report.damaged + report.missing + report.unreadable
        told = report.as_json()
        assert told["expected"] == told["intact"] + told["damaged"] + told["missing"] + told["unreadable"]
        return report

    def path(self, store: str, bag: Bag) -> Path:
        """Where a copy lies."""
        return self.stores[store].root / bag_key(bag.article_id, bag.version)

    def write(self, store: str, bag: Bag, data: bytes) -> None:
        """Other bytes lie there from now on; asserts that they are others."""
        path = self.path(store, bag)
        assert path.read_bytes() != data, "the fault did not happen"
        path.write_bytes(data)

    def bytes_of(self, store: str, bag: Bag) -> bytes:
        """What lies there."""
        return self.path(store, bag).read_bytes()

    def whole(self, store: str, bag: Bag) -> bool:
        """Whether the bytes that lie there are those that were sealed."""
        return hashlib.sha256(self.bytes_of(store, bag)).hexdigest() == bag.seal

    def copy(self, store: str, bag: Bag) -> Copy:
        """The row of a copy."""
        with self.catalogue.reading() as session:
            this = (Aip.article_id == bag.article_id, Copy.store == store)
            row = session.execute(select(Copy).join(Aip, Aip.id == Copy.aip_id).where(*this)).scalar_one()
            session.expunge(row)
            return row

    def events(self, bag: Bag, store: str | None = None) -> list[tuple[str, str, dict[str, Any]]]:
        """(type, outcome, detail) of what was testified of a bag by the watch, the oldest first."""
        with self.catalogue.reading() as session:
            rows = session.execute(
                select(Event).where(Event.article_id == bag.article_id, Event.store.is_not(None)).order_by(Event.id)
            ).scalars()
            return [(row.type, row.outcome, row.detail) for row in rows if store in {None, row.store}]

    def tallied(self) -> dict[tuple[str, str], int]:
        """``{(store, shown state): copies}`` by the counters, which must equal a count of the rows."""
        with self.catalogue.reading() as session:
            kept = {place: count.number for place, count in tallies.of(session, "copies").items()}
            rows = session.execute(select(Copy)).scalars().all()
            counted = Counter((copy.store, copies.shown_state(copy)) for copy in rows)
            never = sum(count.number for count in tallies.of(session, "never verified").values())
            assert kept == dict(counted)
            assert never == sum(copy.verified_at is None and copy.state not in GIVEN_UP for copy in rows)
        return kept

    def quarantined(self) -> list[Path]:
        """The damaged bytes that were kept, by name."""
        return sorted((self.home / "quarantine").glob("*/*/*.tar"))


def miniature(
    folder: Path,
    database_url: str,
    *,
    bags: int = 3,
    stores: Sequence[str] = ("main", "second"),
    due: datetime = START,
    verified: datetime | None = START - timedelta(days=80),
    fixity_days: float = 90,
) -> Miniature:
    """An archive of so many bags of one article each, every copy whole and due at ``due``."""
    catalogue = Catalogue(database_url)
    schema.migrate(catalogue)
    built = {name: FaultyStore(name, folder / "stores" / name) for name in stores}
    for store in built.values():
        store.prepare()
    small = Miniature(catalogue, built, folder / "home", Clock(), fixity_days=fixity_days)
    for number in range(bags):
        add_bag(small, folder / "built", number, due=due, verified=verified)
    return small


def add_bag(small: Miniature, folder: Path, number: int, *, due: datetime, verified: datetime | None) -> Bag:
    """One more bag, in every store and in the catalogue."""
    record = ArticleRecord(title=f"Makale {number}", doi=f"10.5555/nobet.{number}", issn_print="9999-0016")
    folder.mkdir(parents=True, exist_ok=True)
    pdf = b"%PDF-1.7 " + bytes([number % 251]) * 700
    payload = {"makale.xml": f"<article>{number}</article>".encode(), "makale.pdf": pdf}
    metadata = METADATA | {"metadata/article.json": json.dumps(record.as_json()).encode()}
    bag = build_bag(folder, article_id=article_id(record), metadata=metadata, payload=payload)
    for store in small.stores.values():
        store.put(bag_key(bag.article_id, bag.version), bag.path, bag.seal)
    with small.catalogue.writing() as session:
        registration.register(
            session,
            titles.publisher_named(session, "Örnek Yayınevi"),
            record,
            Sealed(
                article_id=bag.article_id,
                version=bag.version,
                seal=bag.seal,
                bytes=bag.bytes,
                payload_digest=bag.payload_digest,
                bagging_date="2026-09-01",
                files=bag.files,
                verified=dict.fromkeys(small.stores, verified),
            ),
            at=verified or due,
            agent="mahfuz test",
            delivery_id=None,
            promises=small.watch.promises,
        )
    with small.catalogue.writing() as session:
        while timetable.apply(session, small.watch.promises, START):
            pass
        aip = select(Aip.id).where(Aip.article_id == bag.article_id, Aip.version == bag.version)
        session.execute(update(Copy).where(Copy.aip_id.in_(aip)).values(next_due=due))
    small.bags.append(bag)
    return bag
