"""The catalogue's tables on one page, in PREMIS words: a memory of what lies in the stores.

Every moment is UTC. Every list that a page or a worker walks has an index that
begins with what it asks for and ends with a unique column, so that it pages by
key. Nothing here depends on a database's collation: what is sorted for people
has a ``sort_key``, what is searched has a ``folded`` column.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime in every database (SQLite keeps no zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Octets = bytes

Bytewise = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text compared byte by byte in every database, whatever its locale: what is sorted or paged by."""

Id = BigInteger().with_variant(Integer(), "sqlite")
"""A row number: 64 bits everywhere (SQLite's INTEGER PRIMARY KEY is its rowid)."""


def _only(condition: str) -> dict[str, Any]:
    """An index over those rows alone."""
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


class Table(DeclarativeBase):
    """What all tables share: names of constraints that a migration can rely on."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: Moment(), dict[str, Any]: JSON(), list[dict[str, Any]]: JSON()}


class Publisher(Table):
    """One who delivers, by the name under which the archive knows them."""

    __tablename__ = "publisher"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    titles_agreed: Mapped[bool] = mapped_column(Boolean, default=False)
    """True once a list of agreed titles was loaded: from then on a title that is not on it is quarantined."""


class Title(Table):
    """One journal. Its ISSNs lead to it through :class:`TitleIssn`."""

    __tablename__ = "title"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    publisher_id: Mapped[int] = mapped_column(ForeignKey("publisher.id"))
    name: Mapped[str] = mapped_column(Text)
    sort_key: Mapped[str] = mapped_column(Bytewise)
    folded: Mapped[str] = mapped_column(Bytewise)
    issn_l: Mapped[str | None] = mapped_column(String(9))
    issn_print: Mapped[str | None] = mapped_column(String(9))
    issn_electronic: Mapped[str | None] = mapped_column(String(9))
    set_issn: Mapped[str | None] = mapped_column(String(9))
    """The ISSN that names its set: the one by which it was known first. It never changes, whatever is learnt later."""
    preceding_id: Mapped[int | None] = mapped_column(Id, index=True)
    """The journal that it continues, under the name and the ISSN that were that one's (KBART 6.6.24)."""
    articles: Mapped[int] = mapped_column(Integer, default=0)

    __table_args__ = (
        Index(None, "sort_key", "id"),
        Index(None, "folded", "id"),
        Index(None, "publisher_id", "sort_key", "id"),
    )


class TitleIssn(Table):
    """Every ISSN that leads to a title, whichever kind it was given as."""

    __tablename__ = "title_issn"

    issn: Mapped[str] = mapped_column(String(9), primary_key=True)
    title_id: Mapped[int] = mapped_column(ForeignKey("title.id"), index=True)


class Agreement(Table):
    """Which publisher may deliver which title, from when to when: a transferred title has one of each publisher."""

    __tablename__ = "agreement"

    title_id: Mapped[int] = mapped_column(ForeignKey("title.id"), primary_key=True)
    publisher_id: Mapped[int] = mapped_column(ForeignKey("publisher.id"), primary_key=True, index=True)
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    """The moment from which this publisher's deliveries are held (NISO RP-24, Transfer Code of Practice)."""


class Issue(Table):
    """One issue of a title, or its year where the journal has no issues, with the number of articles shown in it."""

    __tablename__ = "issue"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    title_id: Mapped[int] = mapped_column(ForeignKey("title.id"))
    shelf: Mapped[str] = mapped_column(Bytewise)
    """Comparable bytewise: year, volume, issue (catalogue.shelves)."""
    year: Mapped[int | None] = mapped_column(Integer)
    volume: Mapped[str | None] = mapped_column(Text)
    issue: Mapped[str | None] = mapped_column(Text)
    articles: Mapped[int] = mapped_column(Integer, default=0)

    __table_args__ = (UniqueConstraint("title_id", "shelf"),)


class Expectation(Table):
    """What somebody says a title has published: an article by its DOI, or an issue or volume without one."""

    __tablename__ = "expectation"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    title_id: Mapped[int] = mapped_column(ForeignKey("title.id"))
    source: Mapped[str] = mapped_column(Text)
    """The list that says so, by the name of its file."""
    delivery_id: Mapped[str | None] = mapped_column(ForeignKey("delivery.id"), index=True)
    """The delivery with which the list came; None for one that staff loaded."""
    key: Mapped[str] = mapped_column(Bytewise)
    """The same for the same thing in two lists, so that it is counted once (catalogue.completeness)."""
    goes_on: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """From this year, or this volume, up to now."""
    doi: Mapped[str | None] = mapped_column(Text)
    """Small ASCII letters, as in :class:`Article`."""
    year: Mapped[int | None] = mapped_column(Integer)
    volume: Mapped[str | None] = mapped_column(Text)
    issue: Mapped[str | None] = mapped_column(Text)
    page: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str | None] = mapped_column(Text)
    """The article's title, as the list gives it."""

    __table_args__ = (Index(None, "title_id", "id"), Index(None, "title_id", "key", "id"))


class Shortfall(Table):
    """How many things a title's lists expect and how many of them are not held, as they were counted last."""

    __tablename__ = "shortfall"

    title_id: Mapped[int] = mapped_column(ForeignKey("title.id"), primary_key=True, autoincrement=False)
    expected: Mapped[int | None] = mapped_column(Integer)
    missing: Mapped[int | None] = mapped_column(Integer)
    counted_at: Mapped[datetime | None]
    """None: it was never counted."""
    due: Mapped[datetime]
    """When it is to be counted again: at once, as soon as its lists or its articles change."""

    __table_args__ = (Index(None, "due", "title_id"),)


class Delivery(Table):
    """One transfer from a publisher: its bytes, their digest, and what became of it."""

    __tablename__ = "delivery"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    publisher_id: Mapped[int] = mapped_column(ForeignKey("publisher.id"))
    file_names: Mapped[list[str]] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    accepted_on: Mapped[datetime]
    """When its bytes were kept. The day of it is the Bagging-Date of every bag made from it."""
    finished_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    begun: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Attempts that began and neither ended nor paused: in each of them the worker was killed, or fell."""
    stage: Mapped[str | None] = mapped_column(String(16))
    """How far the present attempt has come (vocabulary.Stage), with the articles done and expected."""
    done: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    expected: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    held_up: Mapped[str | None] = mapped_column(Text)
    """Why the last attempt paused: which store or disk did not answer. None once it goes on."""
    findings: Mapped[list[dict[str, Any]]]
    home: Mapped[str | None] = mapped_column(String(32))
    """In which home its bytes lie (ingest.inbox.home_of); None where that was not told yet."""

    __table_args__ = (
        UniqueConstraint("publisher_id", "sha256"),
        Index(None, "publisher_id", "state", "accepted_on", "id"),
        Index(None, "state", "accepted_on", "id"),
        Index(None, "accepted_on", "id"),
        Index(None, "publisher_id", "accepted_on", "id"),
        Index(None, "publisher_id", "finished_at", "id"),
        Index(None, "finished_at", "id"),
    )


class DeliveryName(Table):
    """The names of a delivery's files, folded, so that it is found by the beginning of any of them."""

    __tablename__ = "delivery_name"

    folded: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("delivery.id"), primary_key=True, index=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class Decision(Table):
    """What a member of staff decided about a delivery that waits for a person, and why."""

    __tablename__ = "decision"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("delivery.id"))
    verdict: Mapped[str] = mapped_column(String(16))
    codes: Mapped[list[str]] = mapped_column(JSON)
    """The findings in spite of which its articles are released."""
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime]

    __table_args__ = (Index(None, "delivery_id", "id"),)


class DeliveryArticle(Table):
    """What one delivery said of one article: the lines of its receipt."""

    __tablename__ = "delivery_article"

    delivery_id: Mapped[str] = mapped_column(ForeignKey("delivery.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    """The metadata file from which the article was read, as the publisher named it."""
    article_id: Mapped[str | None] = mapped_column(String(32), index=True)
    doi: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int | None] = mapped_column(Integer)
    outcome: Mapped[str] = mapped_column(String(16))
    datestamp: Mapped[datetime | None]
    """The moment from which harvesters are told of this version."""
    findings: Mapped[list[dict[str, Any]]]


class Digest(Table):
    """One letter that tells a publisher what became of its deliveries, from one midnight to another."""

    __tablename__ = "digest"

    publisher_id: Mapped[int] = mapped_column(ForeignKey("publisher.id"), primary_key=True)
    until: Mapped[datetime] = mapped_column(primary_key=True)
    """The midnight to which it tells; the next one begins there, so that nothing is told twice or by none."""
    since: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    """vocabulary.DigestState"""
    told: Mapped[list[str]] = mapped_column(JSON)
    """The addresses for which the mail server has taken it."""
    made_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_try: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(Text)
    """What stood in the way at the last attempt."""
    lease: Mapped[str | None] = mapped_column(String(32))
    """Who is sending it at this moment, so that no second process does."""
    lease_until: Mapped[datetime | None]

    __table_args__ = (Index(None, "state", "publisher_id", "until"),)


class Article(Table):
    """PREMIS intellectual entity: the work across its versions, described as its latest version describes it."""

    __tablename__ = "article"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    title_id: Mapped[int] = mapped_column(ForeignKey("title.id"))
    publisher_id: Mapped[int] = mapped_column(ForeignKey("publisher.id"))
    state: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(Integer)
    doi: Mapped[str | None] = mapped_column(Text, index=True)
    """Small ASCII letters: compared, never shown (the record keeps the publisher's spelling)."""
    issue_id: Mapped[int] = mapped_column(ForeignKey("issue.id"))
    shelf: Mapped[str] = mapped_column(Bytewise)
    """Where it stands in its issue, comparable bytewise (catalogue.shelves)."""
    record: Mapped[dict[str, Any]]
    change_number: Mapped[int] = mapped_column(BigInteger)
    datestamp: Mapped[datetime]
    places: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    """The parts of the feed in which it stands since it was announced last (catalogue.sets)."""

    __table_args__ = (
        UniqueConstraint("change_number"),
        Index(None, "datestamp", "change_number"),
        Index(None, "title_id", "datestamp", "change_number"),
        Index(None, "publisher_id", "datestamp", "change_number"),
        Index(None, "issue_id", "shelf", "id"),
        Index("ix_article_not_active", "id", **_only("state <> 'active'")),
    )


class FrontMatter(Table):
    """What the publisher's own XML says before an article's body, of its latest version, ready to be given out."""

    __tablename__ = "front_matter"

    article_id: Mapped[str] = mapped_column(ForeignKey("article.id"), primary_key=True)
    packed: Mapped[Octets] = mapped_column(LargeBinary)
    """JATS Archiving 1.3, compressed (catalogue.fronts)."""


class ArticleWord(Table):
    """Which article has which folded word in one of its titles: search without a database's own text engine."""

    __tablename__ = "article_word"

    word: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    article_id: Mapped[str] = mapped_column(ForeignKey("article.id"), primary_key=True)

    __table_args__ = (Index(None, "article_id"), {"sqlite_with_rowid": False})


class Alias(Table):
    """Where an article stands in its journal, as a digest that leads to it: so it is known before and after its DOI."""

    __tablename__ = "alias"

    digest: Mapped[str] = mapped_column(String(32), primary_key=True)
    article_id: Mapped[str] = mapped_column(ForeignKey("article.id"), primary_key=True)

    __table_args__ = (Index(None, "article_id"), {"sqlite_with_rowid": False})


class Link(Table):
    """What one article says of another: kept whether its target is held or not, in whatever order the two come."""

    __tablename__ = "link"

    article_id: Mapped[str] = mapped_column(ForeignKey("article.id"), primary_key=True)
    target: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    """The DOI in small ASCII letters, as in :class:`Article`."""
    type: Mapped[str] = mapped_column(Bytewise, primary_key=True)

    __table_args__ = (Index(None, "target", "article_id", "type"), {"sqlite_with_rowid": False})


class Aip(Table):
    """One sealed bag: one version of one article."""

    __tablename__ = "aip"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    article_id: Mapped[str] = mapped_column(ForeignKey("article.id"))
    version: Mapped[int] = mapped_column(Integer)
    seal: Mapped[str] = mapped_column(String(64), unique=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    payload_digest: Mapped[str] = mapped_column(String(64))
    """Digest of the payload's digests: tells the same bytes again, whatever they are named."""
    bagging_date: Mapped[str] = mapped_column(String(10))
    delivery_id: Mapped[str | None] = mapped_column(ForeignKey("delivery.id"), index=True)
    registered_at: Mapped[datetime]
    salvage: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What its bag says of where it comes from (repository.salvage), where it was put together from damaged copies."""

    __table_args__ = (UniqueConstraint("article_id", "version"),)


class Notice(Table):
    """What was decided about an article after its bags were sealed, as it lies beside them (repository.notice)."""

    __tablename__ = "notice"

    article_id: Mapped[str] = mapped_column(ForeignKey("article.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(String(8))
    seal: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the object in the stores."""

    __table_args__ = ({"sqlite_with_rowid": False},)


class Disposal(Table):
    """A disposal of one version of a withdrawn article, or of all: asked for by one person, approved by another."""

    __tablename__ = "disposal"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    article_id: Mapped[str] = mapped_column(ForeignKey("article.id"))
    version: Mapped[int | None] = mapped_column(Integer)
    """None: the whole article, in the versions that it had when it was asked for."""
    bags: Mapped[list[dict[str, Any]]]
    """``version``, ``seal`` and ``bytes`` of what is to be given up, and nothing else is."""
    state: Mapped[str] = mapped_column(String(16))
    asked_by: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    wait_days: Mapped[int] = mapped_column(Integer)
    """Days from the approval to the first store's turn, as it was asked for."""
    delay_days: Mapped[int] = mapped_column(Integer)
    """Days from one store's turn to the next."""
    approved_by: Mapped[str | None] = mapped_column(String(120))
    approved_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    next_due: Mapped[datetime | None]
    """When the next store has its turn, or is asked again; None where nothing is to be done."""
    trouble: Mapped[str | None] = mapped_column(Text)
    """What stands in the way: a silent store, a lock, other bytes."""
    noticed: Mapped[int | None] = mapped_column(Integer)
    """The number of the notice in the stores that says so: it is there before anything is deleted."""
    cancelled_by: Mapped[str | None] = mapped_column(String(120))
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint("approved_by IS NULL OR approved_by <> asked_by", name="two_people"),
        CheckConstraint("state NOT IN ('approved', 'held', 'done') OR approved_by IS NOT NULL", name="approved"),
        Index(None, "article_id", "id"),
        Index(None, "next_due", "id"),
        Index(None, "state", "id"),
    )


class DisposalTurn(Table):
    """One store's turn in a disposal."""

    __tablename__ = "disposal_turn"

    disposal_id: Mapped[int] = mapped_column(ForeignKey("disposal.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    store: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime | None]
    """When its state was last changed."""

    __table_args__ = ({"sqlite_with_rowid": False},)


class File(Table):
    """One payload file of an AIP; ``offset`` is its first byte inside the tar, so one ranged GET serves it."""

    __tablename__ = "file"

    aip_id: Mapped[int] = mapped_column(ForeignKey("aip.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    path: Mapped[str] = mapped_column(Text)
    offset: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha512: Mapped[Octets] = mapped_column(LargeBinary(64))
    format: Mapped[str | None] = mapped_column(String(32))
    """PRONOM identifier, where the format was identified."""

    __table_args__ = ({"sqlite_with_rowid": False},)


class Copy(Table):
    """One AIP in one store: what is known of it, since when, and when it is to be read again."""

    __tablename__ = "copy"

    aip_id: Mapped[int] = mapped_column(ForeignKey("aip.id"), primary_key=True)
    store: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    verified_at: Mapped[datetime | None]
    """When its bytes were last read to the end and matched the seal."""
    unreadable_since: Mapped[datetime | None]
    """Doubt: since when the store has not answered for it. Says nothing of the bytes."""
    verified_in: Mapped[int | None] = mapped_column(Id)
    """The round that read it then; None where its bytes were read back as they were stored."""
    next_due: Mapped[datetime]
    promised_until: Mapped[datetime | None]
    """When the promise that was made at its last verification runs out; None for one that was never verified."""
    lease: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "store", "next_due", "aip_id"),
        Index(None, "next_due", "aip_id"),
        Index(None, "store", "state", "aip_id"),
        Index(None, "store", "verified_at", "aip_id"),
        Index(None, "store", "promised_until", "aip_id"),
        Index("ix_copy_lost", "next_due", "aip_id", **_only("state IN ('damaged', 'missing')")),
        Index("ix_copy_unpromised", "store", "next_due", **_only("promised_until IS NULL")),
        Index("ix_copy_silent", "store", "unreadable_since", "aip_id", **_only("unreadable_since IS NOT NULL")),
        {"sqlite_with_rowid": False},
    )


class PolicyInForce(Table):
    """The one row that says how far the copies' due dates follow from the promise of the settings."""

    __tablename__ = "policy_in_force"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    """Which promise (repository.promise.Promises)."""
    aip_id: Mapped[int] = mapped_column(Id, default=0)
    """The last AIP whose copies were dated by it."""
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)


class Tally(Table):
    """How many there are of what, kept in the transaction that changes it: no page counts a large table."""

    __tablename__ = "tally"

    what: Mapped[str] = mapped_column(String(32), primary_key=True)
    """``copies``, ``articles``, ``aips``, ``deliveries``; ``added``: copies entered, by day."""
    part: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False, default=0)
    """The range of keys that is counted here (catalogue.tallies): so each range can be counted again by itself."""
    place: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The store of a copy; empty for the others."""
    state: Mapped[str] = mapped_column(String(16), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)


class Recount(Table):
    """One comparison of all tallies with the rows that they count, range by range."""

    __tablename__ = "recount"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    reached: Mapped[int] = mapped_column(Integer, default=0)
    """So many ranges are done: there it goes on after a kill."""
    ranges: Mapped[int] = mapped_column(Integer, default=0)
    rows: Mapped[int] = mapped_column(BigInteger, default=0)
    """Rows counted."""


class Miscount(Table):
    """A tally that says something else than the rows say, as it was last seen."""

    __tablename__ = "miscount"

    what: Mapped[str] = mapped_column(String(32), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    place: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), primary_key=True)
    tallied: Mapped[int] = mapped_column(BigInteger)
    tallied_bytes: Mapped[int] = mapped_column(BigInteger)
    counted: Mapped[int] = mapped_column(BigInteger)
    counted_bytes: Mapped[int] = mapped_column(BigInteger)
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]


WATCHED = "store IS NOT NULL AND (outcome <> 'success' OR type = 'recovery')"
"""The events of one copy that are no routine: what was not found whole, and what was mended."""

ABOUT_RECORDS = "type = 'policy assignment' AND article_id IS NULL"
"""The events of licences, institutions and triggers (access.changes), and few others."""


class Event(Table):
    """PREMIS event: append-only testimony of an act and its outcome, linked to all that were told before it."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    type: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(16))
    agent: Mapped[str] = mapped_column(String(120))
    detail: Mapped[dict[str, Any]]
    article_id: Mapped[str | None] = mapped_column(String(32))
    version: Mapped[int | None] = mapped_column(Integer)
    store: Mapped[str | None] = mapped_column(String(64))
    delivery_id: Mapped[str | None] = mapped_column(String(32))
    position: Mapped[int | None] = mapped_column(BigInteger)
    """Its place in the chain, from 1 and without a gap; None until it is linked (catalogue.chain), a minute at most."""
    hash: Mapped[Octets | None] = mapped_column(LargeBinary(32))
    """SHA-256 of the hash of the event before it and of its own canonical form."""

    __table_args__ = (
        Index(None, "article_id", "id"),
        Index(None, "delivery_id", "id"),
        Index(None, "at", "id"),
        Index(None, "position", unique=True),
        Index("ix_event_unlinked", "id", **_only("position IS NULL")),
        Index("ix_event_watched", "type", "outcome", "at", "id", **_only(WATCHED)),
        Index("ix_event_rebuilt", "id", **_only("type = 'metadata modification'")),
        Index("ix_event_records", "id", **_only(ABOUT_RECORDS)),
    )


class ChainEnd(Table):
    """The one row whose lock puts all events in one order: where their chain ends."""

    __tablename__ = "chain_end"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    hash: Mapped[Octets] = mapped_column(LargeBinary(32))

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)


class SignedHead(Table):
    """Where the chain of events ended at one moment, as the archive signed it."""

    __tablename__ = "signed_head"

    key: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    """Under which it lies in every store."""
    position: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(index=True)
    document: Mapped[str] = mapped_column(Text)
    """The very bytes of the object, ASCII."""
    time_stamp: Mapped[Octets | None] = mapped_column(LargeBinary)
    """The answer of a time-stamp authority (RFC 3161, DER) for these bytes; None where there is none yet."""


class SignedHeadCopy(Table):
    """In which store a signed head lies since when; a store that did not answer has none yet."""

    __tablename__ = "signed_head_copy"

    key: Mapped[str] = mapped_column(ForeignKey("signed_head.key"), primary_key=True)
    store: Mapped[str] = mapped_column(String(64), primary_key=True)
    put_at: Mapped[datetime]
    time_stamp_put_at: Mapped[datetime | None]
    """When its time stamp was put beside it."""


class ChainProof(Table):
    """The one row that says how far the clock has verified the testimony by itself, and what stands against it."""

    __tablename__ = "chain_proof"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    looked_at: Mapped[datetime | None]
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    """Up to here the chain was verified day by day; ``hash`` is what stood there then."""
    hash: Mapped[Octets] = mapped_column(LargeBinary(32))
    proved_at: Mapped[datetime | None]
    """When that reached the end of the chain, and the newest heads of every store were compared."""
    walked: Mapped[int] = mapped_column(BigInteger, default=0)
    """How far the pass over the whole chain has come; ``walked_hash`` is what stood there."""
    walked_hash: Mapped[Octets] = mapped_column(LargeBinary(32))
    month: Mapped[str | None] = mapped_column(String(7))
    """The month whose heads the pass compares next; None: all of them were."""
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    """When a pass over everything was last completed."""
    problems: Mapped[list[dict[str, Any]]]
    """What is not as it was told, looked at again each time."""
    problems_since: Mapped[datetime | None]
    silent: Mapped[dict[str, Any]]
    """Stores that did not answer for their heads at the last look, with what they said."""

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)


class Ledger(Table):
    """One bag of what no article's bag holds: the events, and the tables that a burned catalogue would lose."""

    __tablename__ = "ledger"

    name: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    position: Mapped[int] = mapped_column(BigInteger)
    """Of the last event in it."""
    hash: Mapped[Octets] = mapped_column(LargeBinary(32))
    """Of that event: by it the next ledger knows whether it goes on from this one."""
    seal: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    marks: Mapped[dict[str, Any]]
    """How far each table has been told by it and all before it (ingest.ledger_tables)."""


class LedgerCopy(Table):
    """A ledger in one store: what the watch last found of it, and when it is to be read again."""

    __tablename__ = "ledger_copy"

    name: Mapped[str] = mapped_column(ForeignKey("ledger.name"), primary_key=True)
    store: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    """vocabulary.AuditOutcome"""
    verified_at: Mapped[datetime | None]
    next_due: Mapped[datetime] = mapped_column(index=True)


class Rehearsal(Table):
    """One trial of writing the catalogue again from the stores, into another database, and how the two differed."""

    __tablename__ = "rehearsal"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    whole: Mapped[bool] = mapped_column(Boolean, default=False)
    """Of all articles, and not of a sample."""
    store: Mapped[str | None] = mapped_column(String(64))
    """The one store that it was made from; None: all."""
    first: Mapped[str] = mapped_column(Bytewise, default="")
    last: Mapped[str] = mapped_column(Bytewise, default="")
    """The articles from the first id to the last; a sample goes on behind that of the rehearsal before."""
    articles: Mapped[int] = mapped_column(BigInteger, default=0)
    aips: Mapped[int] = mapped_column(BigInteger, default=0)
    events: Mapped[int] = mapped_column(BigInteger, default=0)
    ledgers: Mapped[int] = mapped_column(BigInteger, default=0)
    differences: Mapped[int] = mapped_column(BigInteger, default=0)
    details: Mapped[list[dict[str, Any]]]
    """The first of the differences, one by one."""
    doubt: Mapped[str | None] = mapped_column(Text)
    """Why it could not be carried to its end."""


class Backup(Table):
    """One backup of the catalogue that was made whole and opened again, or that somebody told of."""

    __tablename__ = "backup"
    __table_args__ = (Index("ix_backup_at", "at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime]
    """The moment before which everything is in it."""
    host: Mapped[str] = mapped_column(String(255))
    place: Mapped[str] = mapped_column(Text)
    """Its file, as the host names it."""
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    schema: Mapped[str] = mapped_column(String(32))
    """The revision that the copy is of."""
    kind: Mapped[str] = mapped_column(String(16))
    """``sqlite``, ``postgresql``, or ``foreign``: made by other means, without size and digest."""


class Round(Table):
    """One pass of the night watch; ``expected = intact + damaged + missing + unreadable`` once it has ended."""

    __tablename__ = "round"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    scope: Mapped[str] = mapped_column(String(120))
    expected: Mapped[int] = mapped_column(Integer, default=0)
    intact: Mapped[int] = mapped_column(Integer, default=0)
    damaged: Mapped[int] = mapped_column(Integer, default=0)
    missing: Mapped[int] = mapped_column(Integer, default=0)
    unreadable: Mapped[int] = mapped_column(Integer, default=0)
    mended: Mapped[int] = mapped_column(Integer, default=0)
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    verified: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Copies that were read whole, those mended in it among them: what the round's own event bears witness to."""
    verified_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    verified_set: Mapped[Octets | None] = mapped_column(LargeBinary(384))
    """Which they were, as one number (catalogue.rounds); None: there were none."""


class Inventory(Table):
    """One comparison of all that a store lists with all that the catalogue says should lie there."""

    __tablename__ = "inventory"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    store: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    place: Mapped[str] = mapped_column(Bytewise, default="")
    """The key up to which both were compared: there it goes on after a kill."""
    copies: Mapped[int] = mapped_column(BigInteger, default=0)
    """Rows compared."""
    objects: Mapped[int] = mapped_column(BigInteger, default=0)
    """Objects listed, of whatever kind."""
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    arriving: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bags without a row that are younger than a day: of a delivery that is being taken in."""
    found: Mapped[dict[str, Any]]
    """How many differences of each kind (vocabulary.DifferenceKind)."""
    held_up: Mapped[str | None] = mapped_column(Text)
    """Why it has not come to its end, or why nothing follows from it. None: it is complete, or going on."""
    lease: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]

    __table_args__ = (Index(None, "store", "id"),)


class Difference(Table):
    """Something that a store lists and the catalogue does not, or the other way round, as last seen."""

    __tablename__ = "difference"

    store: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    key: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    inventory_id: Mapped[int] = mapped_column(Id)
    """The inventory that saw it last: a complete one that does not see it any more takes it away."""
    expected_bytes: Mapped[int | None] = mapped_column(BigInteger)
    found_bytes: Mapped[int | None] = mapped_column(BigInteger)
    holds: Mapped[str | None] = mapped_column(Text)
    """The bag that begins there, by the name of its folder, where it is another than the key says."""
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]

    __table_args__ = (Index(None, "store", "inventory_id"), {"sqlite_with_rowid": False})


class WatchDay(Table):
    """What the watch read in one store on one day (UTC): the bars of the dashboard, and the rate of the forecast."""

    __tablename__ = "watch_day"

    store: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    intact: Mapped[int] = mapped_column(BigInteger, default=0)
    damaged: Mapped[int] = mapped_column(BigInteger, default=0)
    missing: Mapped[int] = mapped_column(BigInteger, default=0)
    unreadable: Mapped[int] = mapped_column(BigInteger, default=0)
    mended: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    milliseconds: Mapped[int] = mapped_column(BigInteger, default=0)
    """Time that its readers spent on copies read to the end, added up over all that read side by side."""
    late: Mapped[int | None] = mapped_column(BigInteger)
    """Copies that had outlived their promise when the day's last round ended, counted no further than a bound."""

    __table_args__ = ({"sqlite_with_rowid": False},)


class PublisherDay(Table):
    """What the watch read of one publisher's bags on one day (UTC), in all stores together."""

    __tablename__ = "publisher_day"

    publisher_id: Mapped[int] = mapped_column(ForeignKey("publisher.id"), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    intact: Mapped[int] = mapped_column(BigInteger, default=0)
    damaged: Mapped[int] = mapped_column(BigInteger, default=0)
    missing: Mapped[int] = mapped_column(BigInteger, default=0)
    unreadable: Mapped[int] = mapped_column(BigInteger, default=0)
    mended: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    late: Mapped[int | None] = mapped_column(BigInteger)
    """As in :class:`WatchDay`."""

    __table_args__ = (Index(None, "day"), {"sqlite_with_rowid": False})


class StoreAnswer(Table):
    """What a store said when it was last asked how it is: whether it answers, and how much room it has left."""

    __tablename__ = "store_answer"

    store: Mapped[str] = mapped_column(String(64), primary_key=True)
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    silent_since: Mapped[datetime | None]
    """Since when it has not answered; None: it does."""
    problem: Mapped[str | None] = mapped_column(Text)
    free_bytes: Mapped[int | None] = mapped_column(BigInteger)
    total_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """None where the store cannot tell."""


class StoreTrial(Table):
    """One thing that a store does or does not do, as it was tried last (repository.storage.capabilities)."""

    __tablename__ = "store_trial"

    store: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    verdict: Mapped[str] = mapped_column(String(16))
    needed: Mapped[bool] = mapped_column(Boolean)
    detail: Mapped[str] = mapped_column(Text)
    tried_at: Mapped[datetime]


class SystemLine(Table):
    """One thing that was looked at on one machine or over the network, and how it stood (config.doctor)."""

    __tablename__ = "system_line"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    """The machine that it is about; empty: the archive, whichever machine looked."""
    question: Mapped[str] = mapped_column(String(32), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    part: Mapped[str] = mapped_column(String(16), primary_key=True)
    """The part of the program whose process it is about; empty: any."""
    code: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str] = mapped_column(String(8))
    said: Mapped[dict[str, Any]]
    """The sentence as it is marked for translation, and what fills it."""
    remedy: Mapped[dict[str, Any] | None]
    asked_at: Mapped[datetime]


class StoreEntry(Table):
    """A store since it was first in the settings: how far what was kept before lies in it, or that it is given up."""

    __tablename__ = "store_entry"

    store: Mapped[str] = mapped_column(String(64), primary_key=True)
    since: Mapped[datetime]
    reached: Mapped[int] = mapped_column(Id, default=0)
    """Every bag up to this AIP has its copy here, or a row that says what it lacks."""
    filled_at: Mapped[datetime | None]
    """When all that was kept lay in it for the first time."""
    began_at: Mapped[datetime | None]
    """When the present run began to copy into it, or the last one;"""
    copied: Mapped[int] = mapped_column(BigInteger, default=0)
    """so many bags it has copied,"""
    copied_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    """of so many octets: that is its pace."""
    noted_at: Mapped[datetime | None]
    """When that was written down."""
    held_up: Mapped[str | None] = mapped_column(Text)
    """Why copying does not go on; None: it does, or is done."""
    lease: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    """Since when no copy of it is expected any more."""


class Lacking(Table):
    """A bag that could not be copied into a store yet, and why."""

    __tablename__ = "lacking"

    store: Mapped[str] = mapped_column(String(64), primary_key=True)
    aip_id: Mapped[int] = mapped_column(ForeignKey("aip.id"), primary_key=True)
    since: Mapped[datetime]
    next_try: Mapped[datetime]
    problem: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index(None, "store", "next_try", "aip_id"), Index(None, "aip_id"), {"sqlite_with_rowid": False})


class Retirement(Table):
    """A store that is to be given up: asked for by one person, approved by another, and proved before it is done."""

    __tablename__ = "retirement"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    store: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    """vocabulary.RetirementState"""
    asked_by: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    approved_by: Mapped[str | None] = mapped_column(String(120))
    approved_at: Mapped[datetime | None]
    next_due: Mapped[datetime | None]
    """When it is to be proved, or its copies are to be told as given up; None where nothing is to be done."""
    proof: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What the last look at every bag of it showed (fixity.retiring)."""
    trouble: Mapped[str | None] = mapped_column(Text)
    """What stands in the way."""
    cancelled_by: Mapped[str | None] = mapped_column(String(120))
    cancelled_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("approved_by IS NULL OR approved_by <> asked_by", name="two_people"),
        CheckConstraint("state NOT IN ('approved', 'done') OR approved_by IS NOT NULL", name="approved"),
        Index(None, "next_due", "id"),
        Index(None, "store", "id"),
    )


class Canary(Table):
    """One bag with known damage in one store, and whether the watch saw it for what it is when it last looked."""

    __tablename__ = "canary"

    store: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    expected: Mapped[str] = mapped_column(String(16))
    """What an audit must say of it (vocabulary.AuditOutcome)."""
    outcome: Mapped[str] = mapped_column(String(16))
    """What it said. UNREADABLE is doubt: neither caught nor missed."""
    read_at: Mapped[datetime]
    caught_at: Mapped[datetime | None]
    note: Mapped[str | None] = mapped_column(Text)
    """What had become of it since the round before."""

    __table_args__ = ({"sqlite_with_rowid": False},)


class HarvestSet(Table):
    """A set that no column of an article says by itself: a type, a subject, what is open or retracted now."""

    __tablename__ = "harvest_set"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    spec: Mapped[str] = mapped_column(Bytewise, unique=True)
    """The setSpec (OAI-PMH 2.0, section 2.6); a colon parts it from its ancestors."""
    name: Mapped[str] = mapped_column(Text)
    """As a publisher first wrote it."""


class SetMember(Table):
    """Where in the feed a set's articles stand: a page of a set is one range of this."""

    __tablename__ = "set_member"

    set_id: Mapped[int] = mapped_column(ForeignKey("harvest_set.id"), primary_key=True)
    datestamp: Mapped[datetime] = mapped_column(primary_key=True)
    change_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)

    __table_args__ = ({"sqlite_with_rowid": False},)


class FeedDay(Table):
    """How many records of one part of the feed bear a datestamp of one day (UTC), and which, as one number."""

    __tablename__ = "feed_day"

    place: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    """The part (catalogue.sets); empty: the whole feed."""
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    deleted: Mapped[int] = mapped_column(BigInteger)
    """Of them, withdrawn."""
    digest: Mapped[Octets] = mapped_column(LargeBinary(32))

    __table_args__ = ({"sqlite_with_rowid": False},)


class Sheaf(Table):
    """A run of records in the order of the feed, written out in one format and compressed: it goes out as it lies.

    A change number names one wording of a record for ever, so a sheaf is never wrong; records that have gone on since
    are passed over.
    """

    __tablename__ = "sheaf"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    form: Mapped[str] = mapped_column(Bytewise)
    """In which format, as this program and this archive's settings write it (oai_pmh.sheaves)."""
    first_datestamp: Mapped[datetime]
    first_number: Mapped[int] = mapped_column(BigInteger)
    last_datestamp: Mapped[datetime]
    last_number: Mapped[int] = mapped_column(BigInteger)
    """The places of the first and the last record."""
    size: Mapped[int] = mapped_column(Integer)
    """Octets of all the records as text,"""
    crc: Mapped[int] = mapped_column(BigInteger)
    """and their CRC-32."""
    numbers: Mapped[Octets] = mapped_column(LargeBinary)
    """The change numbers in their order, eight octets each, the lowest first."""
    ends: Mapped[Octets] = mapped_column(LargeBinary)
    """Where each record ends in the text, four octets each, the lowest first."""
    deflated: Mapped[Octets] = mapped_column(LargeBinary)
    """The text as raw DEFLATE that ends with a full flush (RFC 1951)."""

    __table_args__ = (UniqueConstraint("form", "last_datestamp", "last_number"),)


class SheafForm(Table):
    """How far the records of one format have been laid ready."""

    __tablename__ = "sheaf_form"

    form: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    datestamp: Mapped[datetime]
    number: Mapped[int] = mapped_column(BigInteger)
    """Up to this place in the feed."""
    followed: Mapped[int] = mapped_column(BigInteger)
    """The change up to which records that have gone on were taken out."""
    asked_at: Mapped[datetime | None]
    """When somebody last began to harvest it."""


class Announcement(Table):
    """Changes that one transaction announced, until it is known that it was done before their datestamp came."""

    __tablename__ = "announcement"

    first: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(BigInteger)
    datestamp: Mapped[datetime]


class ChangeHead(Table):
    """The one row whose lock puts all changes in one order: the last number given and the last moment stamped."""

    __tablename__ = "change_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, default=0)
    datestamp: Mapped[datetime]

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)


class Change(Table):
    """The change log: everything that a harvester must hear of, numbered without end and never renumbered."""

    __tablename__ = "change"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    article_id: Mapped[str] = mapped_column(ForeignKey("article.id"), index=True)
    version: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16))
    datestamp: Mapped[datetime]


class Feed(Table):
    """Where deliveries come from, as it was found at the last look; what it is stands in the settings."""

    __tablename__ = "feed"

    name: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    since: Mapped[datetime]
    """When it was first looked at."""
    last_looked_at: Mapped[datetime | None]
    last_arrival_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    error_since: Mapped[datetime | None]
    next_due: Mapped[datetime | None]


class FeedItem(Table):
    """One file that a feed offers, in the version last seen, and what became of it."""

    __tablename__ = "feed_item"

    feed: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    name: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    set_key: Mapped[str] = mapped_column(Bytewise)
    """What the files of one delivery have in common, so that they stand together."""
    version: Mapped[str] = mapped_column(Text)
    """What tells these bytes from other bytes under the same name, in the words of the source."""
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    modified: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(16))
    delivery_id: Mapped[str | None] = mapped_column(String(32))
    first_seen: Mapped[datetime]
    """When this version was first seen, by the archive's clock."""
    problem: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        Index(None, "feed", "state", "set_key", "name"),
        Index(None, "feed", "set_key", "name"),
        {"sqlite_with_rowid": False},
    )


class Alert(Table):
    """One cause that somebody has to look into, from the moment at which it was noticed until it is over."""

    __tablename__ = "alert"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    """What is the matter (repository.causes.KINDS)."""
    subject: Mapped[str] = mapped_column(String(200))
    """With what: a store, a feed, a part of the program; empty where there is only one."""
    level: Mapped[str] = mapped_column(String(16))
    opened_at: Mapped[datetime]
    since: Mapped[datetime]
    """Since when it is so, as far as that is known; else when it was noticed."""
    last_seen_at: Mapped[datetime]
    objects: Mapped[int] = mapped_column(BigInteger, default=0)
    more: Mapped[bool] = mapped_column(Boolean, default=False)
    """``objects`` were counted no further: there are more."""
    detail: Mapped[dict[str, Any]]
    """The values from which its sentence is made when it is shown."""
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(120))
    note: Mapped[str | None] = mapped_column(Text)
    told_at: Mapped[datetime | None]
    """When it was put into a letter. That is written down with the letter: it is never put into a second one."""
    told_level: Mapped[str | None] = mapped_column(String(16))
    escalated_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    end_told_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "ix_alert_open",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index(None, "closed_at", "id"),
    )


class AlertLetter(Table):
    """What one channel is told of alerts, as it was when the letter was made: kept until it is taken."""

    __tablename__ = "alert_letter"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    channel: Mapped[str] = mapped_column(String(80))
    """``mail``, ``escalation``, or ``webhook:`` and its name; where that leads stands in the settings."""
    items: Mapped[list[dict[str, Any]]]
    state: Mapped[str] = mapped_column(String(16))
    """vocabulary.DigestState"""
    told: Mapped[list[str]] = mapped_column(JSON)
    """The addresses for which the mail server has taken it."""
    made_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_try: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(Text)
    lease: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]

    __table_args__ = (Index(None, "state", "id"),)


class Heartbeat(Table):
    """A part of the program that runs, and the last moment at which it said so."""

    __tablename__ = "heartbeat"

    part: Mapped[str] = mapped_column(String(16), primary_key=True)
    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    pid: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    version: Mapped[str] = mapped_column(String(120))


class Staff(Table):
    """An account: of the archive's staff, of a member library, of a publisher. Readers have none."""

    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    login: Mapped[str] = mapped_column(String(120), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(32))
    institution_id: Mapped[int | None] = mapped_column(Id, index=True)
    """Whose librarian it is, for accounts with that role."""
    publisher_id: Mapped[int | None] = mapped_column(Id, index=True)
    """Whose account it is, for accounts of publishers."""
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    must_change: Mapped[bool] = mapped_column(Boolean, default=False)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]


class StaffSession(Table):
    """A signed-in browser, kept here so that signing out ends it. ``id`` is the SHA-256 of the cookie's secret."""

    __tablename__ = "staff_session"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), index=True)
    data: Mapped[dict[str, Any]]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Institution(Table):
    """A library that reads, or has read, what it licensed: how its readers are known, and whom to ask."""

    __tablename__ = "institution"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    """By which commands and files name it, for ever: small ASCII letters, digits and hyphens."""
    name: Mapped[str] = mapped_column(Text)
    sort_key: Mapped[str] = mapped_column(Bytewise)
    folded: Mapped[str] = mapped_column(Bytewise)
    ror: Mapped[str | None] = mapped_column(String(9))
    isni: Mapped[str | None] = mapped_column(String(16))
    counter_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    """COUNTER's Customer_ID."""
    resolver: Mapped[str | None] = mapped_column(Text)
    """The address of its link resolver."""
    contact: Mapped[str | None] = mapped_column(Text)
    """The address, or the e-mail, at which its readers find help."""
    supply: Mapped[str | None] = mapped_column(Text)
    """The address at which its readers ask for document supply."""
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "sort_key", "id"), Index(None, "folded", "id"))


class InstitutionNetwork(Table):
    """One range of addresses from which an institution's readers come, as 128-bit numbers in hexadecimal (RFC 4291)."""

    __tablename__ = "institution_network"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    institution_id: Mapped[int] = mapped_column(ForeignKey("institution.id"))
    given: Mapped[str] = mapped_column(String(90))
    """As it was entered: an address, a network, or the first and the last."""
    first: Mapped[str] = mapped_column(String(32))
    last: Mapped[str] = mapped_column(String(32))

    __table_args__ = (UniqueConstraint("institution_id", "first", "last"), Index(None, "first", "last", "id"))


class InstitutionLogin(Table):
    """By which name an identity provider tells of an institution's readers."""

    __tablename__ = "institution_login"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    """``entity``: an identity provider's entityID; ``scope``: the part behind the @ of a scoped affiliation."""
    value: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    institution_id: Mapped[int] = mapped_column(ForeignKey("institution.id"), index=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class Requestor(Table):
    """A key with which a machine of an institution fetches its usage and its holdings."""

    __tablename__ = "requestor"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    institution_id: Mapped[int] = mapped_column(ForeignKey("institution.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    """COUNTER's requestor_id."""
    key_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(120))
    closed_at: Mapped[datetime | None]


class Consortium(Table):
    """Institutions that license together."""

    __tablename__ = "consortium"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(Text)


class Membership(Table):
    """From when to when an institution belongs to a consortium, both days included."""

    __tablename__ = "membership"

    consortium_id: Mapped[int] = mapped_column(ForeignKey("consortium.id"), primary_key=True)
    institution_id: Mapped[int] = mapped_column(ForeignKey("institution.id"), primary_key=True)
    since: Mapped[date] = mapped_column(primary_key=True)
    until: Mapped[date | None]

    __table_args__ = (Index(None, "institution_id", "consortium_id"), {"sqlite_with_rowid": False})


class Licence(Table):
    """An agreement with a publisher, as far as it decides who may read what for ever (repository.rights)."""

    __tablename__ = "licence"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(Text)
    folded: Mapped[str] = mapped_column(Bytewise)
    publisher_id: Mapped[int] = mapped_column(ForeignKey("publisher.id"))
    type: Mapped[str] = mapped_column(String(16))
    basis: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    closure: Mapped[str | None] = mapped_column(String(16))
    perpetual: Mapped[str] = mapped_column(String(16))
    perpetual_from: Mapped[str | None] = mapped_column(String(10))
    perpetual_to: Mapped[str | None] = mapped_column(String(10))
    back_years: Mapped[int] = mapped_column(Integer, default=0)
    hosting: Mapped[str] = mapped_column(String(16))
    archival_copy: Mapped[bool | None] = mapped_column(Boolean)
    """Whether the licence permits an archival copy; None: it does not say."""
    supply: Mapped[bool | None] = mapped_column(Boolean)
    """Whether it permits document supply to other libraries; None: it does not say."""
    note: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("(status = 'closed') = (closure IS NOT NULL)", name="closed_for_a_reason"),
        Index(None, "publisher_id", "code"),
        Index(None, "status", "code"),
    )


class LicencePeriod(Table):
    """From when to when a licence runs, both days included; the periods of one licence do not overlap."""

    __tablename__ = "licence_period"

    licence_id: Mapped[int] = mapped_column(ForeignKey("licence.id"), primary_key=True)
    since: Mapped[date] = mapped_column(primary_key=True)
    until: Mapped[date | None]

    __table_args__ = ({"sqlite_with_rowid": False},)


class LicenceParty(Table):
    """An institution, or a consortium as a whole, for which a licence runs, and from when to when."""

    __tablename__ = "licence_party"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    licence_id: Mapped[int] = mapped_column(ForeignKey("licence.id"), index=True)
    institution_id: Mapped[int | None] = mapped_column(ForeignKey("institution.id"))
    consortium_id: Mapped[int | None] = mapped_column(ForeignKey("consortium.id"))
    since: Mapped[date | None]
    """None: as long as the licence."""
    until: Mapped[date | None]

    __table_args__ = (
        CheckConstraint("(institution_id IS NULL) <> (consortium_id IS NULL)", name="one_of_both"),
        Index(None, "institution_id", "licence_id"),
        Index(None, "consortium_id", "licence_id"),
    )


class Document(Table):
    """A file that bears witness: a licence, an invoice, a letter. It is told by its digest."""

    __tablename__ = "document"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    bytes: Mapped[int] = mapped_column(Integer)
    content: Mapped[Octets] = mapped_column(LargeBinary)
    by: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime] = mapped_column(index=True)


class LicenceDocument(Table):
    """Which documents belong to a licence."""

    __tablename__ = "licence_document"

    licence_id: Mapped[int] = mapped_column(ForeignKey("licence.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("document.sha256"), primary_key=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class Entitlement(Table):
    """One line of a licence's title list, or what one institution claims under it: a run of one journal."""

    __tablename__ = "entitlement"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    licence_id: Mapped[int] = mapped_column(ForeignKey("licence.id"))
    institution_id: Mapped[int | None] = mapped_column(ForeignKey("institution.id"))
    """None: for all parties of the licence."""
    title_id: Mapped[int] = mapped_column(ForeignKey("title.id"))
    name: Mapped[str] = mapped_column(Text)
    """The journal as the list names it."""
    first_date: Mapped[str | None] = mapped_column(String(10))
    first_volume: Mapped[str | None] = mapped_column(Text)
    first_issue: Mapped[str | None] = mapped_column(Text)
    last_date: Mapped[str | None] = mapped_column(String(10))
    last_volume: Mapped[str | None] = mapped_column(Text)
    last_issue: Mapped[str | None] = mapped_column(Text)
    embargo: Mapped[str | None] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    source: Mapped[str | None] = mapped_column(Text)
    """The list that says so, by the name of its file."""
    row: Mapped[int | None] = mapped_column(Integer)
    """Its line there."""
    by: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime]

    __table_args__ = (
        Index(None, "title_id", "licence_id", "id"),
        Index(None, "licence_id", "id"),
        Index(None, "institution_id", "id"),
        Index("ix_entitlement_unsettled", "state", "id", **_only("state <> 'agreed'")),
    )


class EntitlementAct(Table):
    """What was said of an entitlement, by whom, when, and with which evidence: append-only."""

    __tablename__ = "entitlement_act"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    entitlement_id: Mapped[int] = mapped_column(ForeignKey("entitlement.id"))
    state: Mapped[str] = mapped_column(String(16))
    side: Mapped[str] = mapped_column(String(16))
    """``library``, ``publisher`` or ``archive``: for whom it was said."""
    by: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    document: Mapped[str | None] = mapped_column(ForeignKey("document.sha256"))

    __table_args__ = (Index(None, "entitlement_id", "id"),)


class Trigger(Table):
    """An event from which articles open, asked for by one person and approved by another (repository.rights)."""

    __tablename__ = "trigger_event"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[str] = mapped_column(String(24))
    audience: Mapped[str] = mapped_column(String(16))
    nation: Mapped[bool] = mapped_column(Boolean, default=False)
    """All that is kept, whatever its scope names."""
    reason: Mapped[str] = mapped_column(Text)
    effective: Mapped[datetime]
    until: Mapped[datetime | None]
    preview: Mapped[dict[str, Any]]
    """What it was said to open when it was proposed (access.preview)."""
    proposed_by: Mapped[str] = mapped_column(String(120))
    proposed_at: Mapped[datetime]
    approved_by: Mapped[str | None] = mapped_column(String(120))
    approved_at: Mapped[datetime | None]
    refused_by: Mapped[str | None] = mapped_column(String(120))
    refused_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(String(120))
    revoked_at: Mapped[datetime | None]
    said: Mapped[str | None] = mapped_column(Text)
    """Why it was refused or revoked."""
    next_due: Mapped[datetime | None]
    """When the feed is to tell of it next: at its beginning, while articles are being announced, at its end."""
    announced_state: Mapped[str | None] = mapped_column(String(16))
    """``open`` or ``closed``: what the feed has been told, or is being told."""
    announced_to: Mapped[str | None] = mapped_column(String(32))
    """The last article that was announced; None: all were."""
    announced: Mapped[int] = mapped_column(Integer, default=0, server_default="0")

    __table_args__ = (
        CheckConstraint("approved_by IS NULL OR approved_by <> proposed_by", name="two_people"),
        Index(None, "next_due", "id"),
    )


class TriggerScope(Table):
    """A journal, or all journals of a publisher, of which a trigger speaks."""

    __tablename__ = "trigger_scope"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    trigger_id: Mapped[int] = mapped_column(ForeignKey("trigger_event.id"), index=True)
    title_id: Mapped[int | None] = mapped_column(ForeignKey("title.id"), index=True)
    publisher_id: Mapped[int | None] = mapped_column(ForeignKey("publisher.id"), index=True)

    __table_args__ = (CheckConstraint("(title_id IS NULL) <> (publisher_id IS NULL)", name="one_of_both"),)


class TriggerInstitution(Table):
    """An institution for which a trigger opens, where it does not open for all."""

    __tablename__ = "trigger_institution"

    trigger_id: Mapped[int] = mapped_column(ForeignKey("trigger_event.id"), primary_key=True)
    institution_id: Mapped[int] = mapped_column(ForeignKey("institution.id"), primary_key=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class TriggerTrial(Table):
    """One rehearsal of a trigger: which of its articles could be decided on and read from the stores."""

    __tablename__ = "trigger_trial"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    trigger_id: Mapped[int] = mapped_column(ForeignKey("trigger_event.id"), index=True)
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(120))
    outcome: Mapped[dict[str, Any]]


class AccessHead(Table):
    """The one row whose number grows with every change to who may read what: what was worked out by it is kept."""

    __tablename__ = "access_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, default=0)

    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)


class SupplyLink(Table):
    """An address that opens one file for a short time, made by a library for a reader elsewhere."""

    __tablename__ = "supply_link"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the secret in the address, so that the table alone opens nothing."""
    article_id: Mapped[str] = mapped_column(ForeignKey("article.id"))
    institution_id: Mapped[int | None] = mapped_column(ForeignKey("institution.id"), index=True)
    by: Mapped[str] = mapped_column(String(120))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    left: Mapped[int] = mapped_column(Integer)
    """How many times it may still be used."""


class UsageDay(Table):
    """What the readers of one institution did with one journal on one day: counted, and no reader among it."""

    __tablename__ = "usage_day"

    institution_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    """0: the world, whose readers are of no institution."""
    day: Mapped[date] = mapped_column(primary_key=True)
    title_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    """0: the platform as a whole."""
    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """COUNTER's YOP; 0001: not known, 9999: not yet published."""
    access_type: Mapped[str] = mapped_column(String(16), primary_key=True)
    metric: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, default=0)

    __table_args__ = (Index(None, "day", "title_id"), {"sqlite_with_rowid": False})


class UsageSeen(Table):
    """That a session has asked for an item lately: forgotten after a day, and unreadable by anyone meanwhile."""

    __tablename__ = "usage_seen"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of session, item and kind, under a key that is thrown away."""
    at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = ({"sqlite_with_rowid": False},)
