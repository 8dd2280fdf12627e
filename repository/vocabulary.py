"""The field's words as frozen values: what both towers of the repository may say to each other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from repository.turkish import machine_lower, tr_fold


class Level(StrEnum):
    """How much a finding weighs: an error refuses what it is about, a warning and a note do not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or worth knowing, as a value.

    ``code`` is stable for ever (docs/findings.md); ``path`` and ``line`` say where;
    ``message`` says what, ``remedy`` what to do, both as one English sentence;
    ``params`` are the values inside them, so that a page can say it in another language.
    """

    code: str
    level: Level
    message: str
    remedy: str = ""
    path: str | None = None
    line: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The finding as the contract prints it."""
        return {
            "code": self.code,
            "level": str(self.level),
            "path": self.path,
            "line": self.line,
            "message": self.message,
            "remedy": self.remedy,
            "params": dict(self.params),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """The inverse of :meth:`as_json`."""
        return cls(
            code=data["code"],
            level=Level(data["level"]),
            message=data["message"],
            remedy=data.get("remedy") or "",
            path=data.get("path"),
            line=data.get("line"),
            params=data.get("params") or {},
        )


class DifferenceKind(StrEnum):
    """How a store's listing and the catalogue may differ. None of them says that bytes are damaged: an audit does."""

    ABSENT = "absent"
    """A row without bytes: the store lists no object, and a HEAD finds none."""
    OTHER_SIZE = "other size"
    """The object is not as long as it was sealed."""
    MISPLACED = "misplaced"
    """Under this key begins another bag."""
    UNKNOWN = "unknown"
    """Bytes without a row: a bag under a key of ours that the catalogue does not know."""
    STRANGER = "stranger"
    """An object under a key that no bag of ours has."""
    UNFINISHED = "unfinished"
    """An upload that was begun long ago and never ended: it takes room and is no object."""


class AuditOutcome(StrEnum):
    """What one reading of one copy told. The first three are knowledge, the last is doubt."""

    INTACT = "intact"
    DAMAGED = "damaged"
    MISSING = "missing"
    UNREADABLE = "unreadable"


class CopyState(StrEnum):
    """What is known of a copy. Doubt is not a state: it stands in a column of its own."""

    UNVERIFIED = "unverified"
    INTACT = "intact"
    DAMAGED = "damaged"
    MISSING = "missing"
    DISPOSED = "disposed"
    """Given up on purpose by two people: not read, not missed, never mended. Said before the bytes go, so that no
    round that goes on at that moment brings them back."""
    RETIRED = "retired"
    """Given up with its whole store by two people: not read, not missed, never mended. Its bytes are left alone."""


GIVEN_UP = (CopyState.DISPOSED, CopyState.RETIRED)
"""The states of copies that the archive promises no more."""


class RetirementState(StrEnum):
    """Where the retirement of a store stands: only a DONE one expects nothing of its store any more."""

    ASKED = "asked"
    APPROVED = "approved"
    DONE = "done"
    CANCELLED = "cancelled"


class DeliveryState(StrEnum):
    """Where a delivery stands.

    RECEIVED: its bytes are kept, its story is not finished (a restart takes it up again).
    ACCEPTED: every article is preserved. PARTIAL: some are, the others wait for the publisher.
    QUARANTINED: kept whole, nothing published, a person or the publisher decides.
    REFUSED: unusable or hostile as a delivery; the bytes are kept as evidence.
    """

    RECEIVED = "received"
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


class Stage(StrEnum):
    """How far the work on a delivery that is RECEIVED has come."""

    UNPACKING = "unpacking"
    CHECKING = "checking"
    KEEPING = "keeping"


class Verdict(StrEnum):
    """What a person decides about a delivery that waits for one.

    RETRY: work on it again as it is. RELEASE: take its articles in, in spite of named findings.
    REJECT: the publisher has to send it again.
    """

    RETRY = "retry"
    RELEASE = "release"
    REJECT = "reject"


class DigestState(StrEnum):
    """Where a letter stands: one that tells a publisher of its deliveries, or one that tells of alerts.

    EMPTY: there was nothing to tell, or nobody. WAITING: the mail server has not taken it yet. SENT: it has, for every
    recipient. REFUSED: the mail server will not, and a person has to mend an address or the settings.
    """

    EMPTY = "empty"
    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"


class ArticleOutcome(StrEnum):
    """What became of one article of a delivery."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class ArticleState(StrEnum):
    """Whether an article is shown. Withdrawing hides it; its bytes and its tombstone stay."""

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"


class DisposalState(StrEnum):
    """Where a disposal stands.

    ASKED: one person wants it. APPROVED: a second one agreed, and it goes store by store when its days have come.
    HELD: something else than what was approved lies in a store; nothing goes on until a person decides.
    """

    ASKED = "asked"
    APPROVED = "approved"
    HELD = "held"
    DONE = "done"
    CANCELLED = "cancelled"


class TurnState(StrEnum):
    """Where one store's turn in a disposal stands. BEGUN: its copies are given up, its bytes may be there or not."""

    WAITING = "waiting"
    BEGUN = "begun"
    DONE = "done"


class EventType(StrEnum):
    """PREMIS event types, by the terms of the Library of Congress vocabulary (eventType)."""

    CAPTURE = "capture"
    VALIDATION = "validation"
    INGESTION = "ingestion"
    REPLICATION = "replication"
    FIXITY_CHECK = "fixity check"
    RECOVERY = "recovery"
    QUARANTINE = "quarantine"
    ACCESSION = "accession"
    DEACCESSION = "deaccession"
    POLICY_ASSIGNMENT = "policy assignment"
    DELETION = "deletion"
    DISSEMINATION = "dissemination"
    REBUILD = "metadata modification"
    SIGNATURE = "digital signature generation"


@dataclass(frozen=True, slots=True)
class Digest:
    """PREMIS messageDigest: ``algorithm`` as in a manifest's name (``sha512``), ``value`` in small hexadecimal."""

    algorithm: str
    value: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


@dataclass(frozen=True, slots=True)
class Author:
    """One person (``family``, ``given``, ``suffix``) or one group (``collab``), as named by the publisher."""

    family: str | None = None
    given: str | None = None
    suffix: str | None = None
    collab: str | None = None
    orcid: str | None = None
    """As ORCID asks for it: ``https://orcid.org/0000-0002-1825-0097``."""

    @property
    def orcid_number(self) -> str | None:
        """``0000-0002-1825-0097``, whether the record has it with the address before it or without."""
        return self.orcid.rpartition("/")[2] if self.orcid else None

    @property
    def orcid_address(self) -> str | None:
        """``https://orcid.org/0000-0002-1825-0097``, likewise."""
        return f"https://orcid.org/{self.orcid_number}" if self.orcid_number else None

    @property
    def label(self) -> str:
        """``Family, Given`` or the group's name, for lists and for dc:creator."""
        if self.collab:
            return self.collab
        return ", ".join(part for part in (self.family, self.given, self.suffix) if part)


@dataclass(frozen=True, slots=True)
class Related:
    """A pointer to another article as the publisher gave it: JATS related-article-type and its target."""

    type: str
    identifier: str
    identifier_type: str | None = None


NOTICES: Mapping[str, str] = {
    "retracted-article": "retraction-forward",
    "partial-retraction": "retraction-forward",
    "object-of-concern": "concern-forward",
    "corrected-article": "correction-forward",
    "addended-article": "addendum",
    "updated-article": "update",
}
"""What a notice says of the article that it is about (JATS related-article-type), and the same said from there.

The gravest first. Other relations (companions, comments) are for reading on; these change what the other article
is worth.
"""


NOTICE_TYPES = frozenset(
    (
        "addendum",
        "correction",
        "corrigendum",
        "erratum",
        "expression-of-concern",
        "partial-retraction",
        "retraction",
        "withdrawal",
        *("add", "err", "rem", "ret"),
    )
)
"""Article types of notices, in small letters; the short ones are Elsevier's docsubtypes."""


@dataclass(frozen=True, slots=True)
class ArticleRecord:
    """What one publisher said of one article; what it did not say is None or empty, never invented.

    Texts are plain, white space folded, Unicode NFC. ``published`` maps the
    publisher's date type to an ISO 8601 date of the precision given.
    """

    title: str | None = None
    translated_titles: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None
    journal_title: str | None = None
    publisher: str | None = None
    issn_print: str | None = None
    issn_electronic: str | None = None
    issn_unspecified: str | None = None
    issn_l: str | None = None
    volume: str | None = None
    issue: str | None = None
    first_page: str | None = None
    last_page: str | None = None
    elocation: str | None = None
    doi: str | None = None
    authors: tuple[Author, ...] = ()
    published: Mapping[str, str] = field(default_factory=dict)
    article_type: str | None = None
    related: tuple[Related, ...] = ()
    licence: str | None = None
    abstracts: Mapping[str, str] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    other_ids: Mapping[str, str] = field(default_factory=dict)
    subjects: tuple[tuple[str, ...], ...] = ()
    """The headings under which the publisher files it, each with those above it, the widest first."""

    @property
    def issns(self) -> tuple[str, ...]:
        """Every ISSN given, the electronic one first, each once."""
        given = (self.issn_electronic, self.issn_print, self.issn_unspecified, self.issn_l)
        return tuple(dict.fromkeys(issn for issn in given if issn))

    @property
    def is_notice(self) -> bool:
        """Whether it corrects, retracts or adds to another article, by its type or by what it points at."""
        return self.is_notice_by_type or any(one.type in NOTICES for one in self.related)

    @property
    def is_notice_by_type(self) -> bool:
        """Whether its type says that it is a notice."""
        return machine_lower(self.article_type or "").rpartition("/")[2] in NOTICE_TYPES

    @property
    def issue_date(self) -> str | None:
        """The date under which the article is shelved: that of its issue if one is given, else the earliest."""
        for kind in ("cover", "CoverDate", "display", "ppub", "collection", "print", "pub", "epub-ppub", "epub"):
            for name, date in self.published.items():
                if (name == kind or name.endswith("/" + kind) or name.startswith(kind + "/")) and date[:4].isdigit():
                    return date
        return min((date for date in self.published.values() if date[:4].isdigit()), default=None)

    @property
    def year(self) -> int | None:
        """The year of :attr:`issue_date`."""
        date = self.issue_date
        return int(date[:4]) if date else None

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries, keys in the order above; written to ``metadata/article.json``."""
        # Not dataclasses.asdict: that copies every text deeply, and this is asked for three times an article.
        return _fields(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ArticleRecord:
        """The inverse of :meth:`as_json`; keys that a later version added are passed over."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        known["authors"] = tuple(Author(**author) for author in known.get("authors", ()))
        known["related"] = tuple(Related(**related) for related in known.get("related", ()))
        known["keywords"] = tuple(known.get("keywords", ()))
        known["subjects"] = tuple(tuple(path) for path in known.get("subjects", ()))
        return cls(**known)


def _fields(value: ArticleRecord | Author | Related) -> dict[str, Any]:
    return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_fields(each) if isinstance(each, Author | Related) else each for each in value)
    return dict(value) if isinstance(value, Mapping) else value


@dataclass(frozen=True, slots=True)
class PayloadFile:
    """One file of an AIP: ``path`` inside ``data/``, where its bytes start in the tar, how many, their SHA-512.

    ``format`` is its PRONOM identifier, None where it was not identified.
    """

    path: str
    offset: int
    bytes: int
    sha512: str
    format: str | None = None


_DOI_PREFIX = re.compile(
    r"(?:(?:(?:https?://)?(?:dx\.|www\.)?doi\.org/|info:doi/|doi\s*:|doi\s+(?=10\.))\s*)+", re.IGNORECASE
)


def bare_doi(text: str) -> str:
    """``text`` without outer blanks and without what is written before a DOI: ``https://doi.org/``, ``doi.org/``,
    ``info:doi/``, ``doi:`` or ``DOI ``, or an address before a scheme.
    """
    given = text.strip()
    found = _DOI_PREFIX.match(given)
    return given[found.end() :].strip() if found else given


def article_identity(record: ArticleRecord) -> str:
    """The text from which an article's id is derived: its DOI, else where it stands in its journal.

    Never a counter or a clock, so that the same article gets the same id in any
    order and on any machine. Raises ValueError when the record names neither a
    DOI nor a journal with a title or a page.
    """
    if record.doi:
        return "doi:" + machine_lower(record.doi)
    if not record.issns or not (record.title or record.first_page or record.elocation):
        raise ValueError("an article without DOI needs an ISSN and a title or page")
    return "place:" + "\x1f".join(machine_lower(part) for part in (record.issns[0], *place_in_journal(record)))


def place_in_journal(record: ArticleRecord) -> tuple[str, ...]:
    """Where the article stands in its journal: volume, issue, page and title.

    Without a page, titles such as "Editörden" or "Kitap incelemesi" come again and again: then the first author and
    whether it is a notice count too, and where there is no volume or issue either, all dates and identifiers given.
    """
    page = record.elocation or record.first_page or ""
    place: tuple[str, ...] = (record.volume or "", record.issue or "", page, tr_fold(record.title or ""))
    if page:
        return place
    author = tr_fold(record.authors[0].label) if record.authors else ""
    place = (*place, author, "notice" if record.is_notice else "")
    if record.volume or record.issue:
        return place
    said = (*sorted(record.published.items()), *sorted(record.other_ids.items()))
    return (*place, *(f"{kind}={text}" for kind, text in said))


def article_id(record: ArticleRecord) -> str:
    """32 small hexadecimal digits derived from :func:`article_identity` (128 bits: no collision at 50 million)."""
    return hashlib.sha256(article_identity(record).encode()).hexdigest()[:32]


def bag_name(article: str, version: int) -> str:
    """``{id}-v{n}``: the one top-level folder inside the tar."""
    return f"{article}-v{version}"


def parse_bag_name(name: str) -> tuple[str, int] | None:
    """The article id and version of a folder named by :func:`bag_name`; None for any other name."""
    article, _, number = name.rpartition("-v")
    if not number.isascii() or not number.isdigit() or name != bag_name(article, int(number)) or len(article) != 32:
        return None
    return article, int(number)


def bag_key(article: str, version: int) -> str:
    """``{id[0:2]}/{id[2:4]}/{id}/v{n}.tar``: where a bag lies in every store; ASCII only."""
    return f"{article[0:2]}/{article[2:4]}/{article}/v{version}.tar"


def parse_bag_key(key: str) -> tuple[str, int] | None:
    """The article id and version of a key made by :func:`bag_key`; None for any other key."""
    parts = key.split("/")
    if len(parts) != 4 or not parts[3].startswith("v") or not parts[3].endswith(".tar"):
        return None
    number = parts[3][1:-4]
    if not number.isascii() or not number.isdigit() or key != bag_key(parts[2], int(number)):
        return None
    return parts[2], int(number)


CANARIES = "canaries/"
"""Begins the key of every bag with known damage: none of them is a holding."""


HEADS = "testimony/heads/"
"""What the keys of signed heads begin with, in every store; no bag's key does."""

_HEAD_KEY = re.compile(rf"{HEADS}\d{{4}}-\d\d-\d\d-\d{{12,}}-[0-9a-f]{{16}}\.json")


def head_key(at: datetime, position: int, digest: str) -> str:
    """``testimony/heads/2026-11-27-000000041200-0f3a….json``: where the chain of events ended on that day (UTC).

    Two chains that ended differently never share a key, whatever befell the catalogue in between.
    """
    return f"{HEADS}{at.astimezone(UTC):%Y-%m-%d}-{position:012d}-{digest[:16]}.json"


def is_head_key(key: str) -> bool:
    """Whether a key was made by :func:`head_key`."""
    return _HEAD_KEY.fullmatch(key) is not None


def time_stamp_key(head: str) -> str:
    """Where the time stamp of the signed head under the key ``head`` lies: beside it, ``….tsr``."""
    return f"{head.removesuffix('.json')}.tsr"


def is_time_stamp_key(key: str) -> bool:
    """Whether a key was made by :func:`time_stamp_key`."""
    return key.endswith(".tsr") and is_head_key(f"{key.removesuffix('.tsr')}.json")


LEDGERS = "ledger/"
"""What the keys of ledgers begin with, in every store; no bag's key does."""

_LEDGER_KEY = re.compile(rf"{LEDGERS}(\d{{4}}-\d\d-\d\d-\d{{12,}}-[0-9a-f]{{16}})-v1\.tar")


def ledger_name(at: datetime, position: int, digest: str) -> str:
    """``2026-11-27-000000041200-0f3a…``: its day (UTC), the last event in it, the beginning of a digest of it.

    Two ledgers that hold anything else never share a name, whatever befell the catalogue in between.
    """
    return f"{at.astimezone(UTC):%Y-%m-%d}-{position:012d}-{digest[:16]}"


def ledger_key(name: str) -> str:
    """``ledger/{name}-v1.tar``: where a ledger lies in every store; the folder in the tar is named alike."""
    return f"{LEDGERS}{bag_name(name, 1)}.tar"


def parse_ledger_key(key: str) -> str | None:
    """The name of the ledger under a key made by :func:`ledger_key`; None for any other key."""
    found = _LEDGER_KEY.fullmatch(key)
    return found[1] if found else None


def is_housekeeping(key: str) -> bool:
    """Whether an object under this key is the archive's own and no holding: who lists bags passes it over."""
    ours = is_head_key(key) or is_time_stamp_key(key) or parse_ledger_key(key) is not None
    return ours or key.startswith(CANARIES)


def utc_now() -> datetime:
    """The present moment, aware, UTC. Times are UTC everywhere inside."""
    return datetime.now(UTC)


def as_utc_text(moment: datetime) -> str:
    """``2026-11-23T09:05:00Z``: seconds, as OAI-PMH, PREMIS and our JSON write a moment."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
