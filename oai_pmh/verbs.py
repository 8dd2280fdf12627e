"""The six verbs: a request in, an answer out, read from the catalogue as it stands at one responseDate."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.orm import Session

from oai_pmh import items, sets, xml
from oai_pmh.arguments import (
    GetRecord,
    Identify,
    Listing,
    ListMetadataFormats,
    ListSets,
    Request,
    Selection,
    Verb,
    shown,
)
from oai_pmh.descriptions import Said, descriptions
from oai_pmh.errors import ErrorCode, refused
from oai_pmh.formats import FORMATS, Format
from oai_pmh.items import Item, Places
from oai_pmh.sheaves import HEADERS, Run, Write, form, run
from oai_pmh.tokens import BadToken, Continuation, TokenKeys, at, ticks
from oai_pmh.xml import Answer, Formats, Header, Identity, OneRecord, Page, Record, Set, Token
from repository.catalogue import Catalogue, changes, harvest
from repository.errors import UsageError
from repository.vocabulary import ArticleState

_REPOSITORY_IDENTIFIER = re.compile(r"[a-zA-Z][a-zA-Z0-9\-]*(\.[a-zA-Z][a-zA-Z0-9\-]*)+")
_ARTICLE_ID = re.compile(r"[0-9a-f]{32}")
_EMAIL = re.compile(r"\S+@(\S+\.)+\S+")


@dataclass(frozen=True, slots=True)
class Window:
    """Everything that the room is told when it is wired.

    ``base_url`` is the archive's public address, without a slash at its end; the window opens at
    ``{base_url}/oai``. ``page_size`` is the most items of one answer. ``clock`` gives the moment by
    which datestamps are given. Raises UsageError for what the protocol's schemas do not allow.
    """

    catalogue: Catalogue
    repository_name: str
    base_url: str
    repository_identifier: str
    admin_emails: tuple[str, ...]
    token_keys: TokenKeys
    page_size: int = 500
    said: Said = field(default_factory=Said)
    clock: Callable[[Session], datetime] = changes.now
    wishes: set[str] = field(default_factory=set)
    """Formats that somebody has begun to harvest since it was written down last."""

    def __post_init__(self) -> None:
        if not _REPOSITORY_IDENTIFIER.fullmatch(self.repository_identifier):
            raise UsageError(
                f"{self.repository_identifier!r} is no repository identifier: it is a domain name with at least "
                "one dot and no part that begins with a digit, for example 'archive.example.org'"
            )
        if not self.admin_emails or not all(map(_EMAIL.fullmatch, self.admin_emails)):
            raise UsageError("OAI-PMH needs the e-mail address of an administrator, for example 'oai@example.org'")
        if self.base_url.endswith("/") or not self.repository_name.strip() or self.page_size < 1:
            raise UsageError("OAI-PMH needs a name, an address without a slash at its end, pages of at least 1 record")

    @property
    def preparable(self) -> tuple[str, ...]:
        """What can lie ready: headers, and the formats whose records change only with a change number."""
        return (HEADERS, *(prefix for prefix, known in FORMATS.items() if known.settled))

    def form(self, prefix: str) -> str:
        """The name under which records of this format lie ready."""
        return form(prefix, self.base_url, self.repository_identifier)

    def asked_for(self, prefix: str) -> None:
        """Somebody begins to harvest in this format: it is worth laying ready."""
        self.wishes.add(prefix)

    @property
    def address(self) -> str:
        """The protocol's baseURL."""
        return f"{self.base_url}/oai"

    def identifier(self, article_id: str) -> str:
        """The OAI identifier of an article (OAI guidelines, oai-identifier)."""
        return f"oai:{self.repository_identifier}:{article_id}"

    @property
    def places(self) -> Places:
        """Where its items are found."""
        return Places(lambda article: f"{self.base_url}/articles/{article}", self.identifier)

    def now(self) -> datetime:
        """The responseDate of an answer that is yet to be read. Raises DatabaseUnavailable.

        In a transaction of its own, so that the snapshot of the one that reads is not older than it.
        """
        with self.catalogue.reading() as session:
            return self.clock(session).replace(microsecond=0)


def answer(window: Window, request: Request, moment: datetime) -> Answer:
    """What the archive has to say to ``request`` at ``moment`` (from :meth:`Window.now`).

    Raises Refused with the protocol's error, DatabaseUnavailable.
    """
    match request:
        case Identify():
            return _identify(window, moment)
        case ListMetadataFormats():
            return _list_metadata_formats(window, request)
        case ListSets():
            return _list_sets(window, request, moment)
        case GetRecord():
            return _get_record(window, request)
        case Listing():
            return _list(window, request, moment)


def _identify(window: Window, moment: datetime) -> Identity:
    with window.catalogue.reading() as session:
        first = harvest.first(session, moment)
    # Whatever an empty archive will receive is stamped later than now.
    earliest, sample = first or (moment, "0" * 32)
    return Identity(
        repository_name=window.repository_name,
        base_url=window.address,
        admin_emails=window.admin_emails,
        earliest_datestamp=earliest,
        repository_identifier=window.repository_identifier,
        sample_identifier=window.identifier(sample),
        descriptions=tuple(descriptions(window.said)),
    )


def _list_metadata_formats(window: Window, request: ListMetadataFormats) -> Formats:
    if request.identifier is not None:
        with window.catalogue.reading() as session:
            _entry(window, session, request.identifier)
    return Formats(tuple(known.description for known in FORMATS.values()))


def _get_record(window: Window, request: GetRecord) -> OneRecord:
    known = _format(request.metadata_prefix)
    with window.catalogue.reading() as session:
        entry = _entry(window, session, request.identifier)
        header = _headers(window, session, [entry])[0]
        found = items.of_page(session, [entry], known, window.places)
    modified = entry.datestamp if request.metadata_prefix in window.preparable else None
    return OneRecord(Record(header, _written(known, found.get(entry.article_id))), modified)


def _list_sets(window: Window, request: ListSets, moment: datetime) -> Page:
    begin = Continuation(Verb.LIST_SETS, "", None, None, None, moment, after=(0, 0), cursor=0, size=None)
    place = begin if request.token is None else _continued(window, request.token, Verb.LIST_SETS, moment)
    with window.catalogue.reading() as session:
        found = sets.page(session, place.after, window.page_size + 1, place.begun)
        if place is begin and len(found) > window.page_size:
            place = replace(place, size=sets.number(session, place.begun))
    if not found:
        raise refused(ErrorCode.NO_RECORDS_MATCH, "the rest of this list has gone in the meantime")
    page = found[: window.page_size]
    listed = tuple(xml.item(Set(described.spec, described.name, described.about)).encode() for _, described in page)
    return Page(Verb.LIST_SETS, listed, _token(window, place, len(page), page[-1][0], more=len(found) > len(page)))


def _list(window: Window, request: Listing, moment: datetime) -> Page:
    if isinstance(request.what, Selection):
        chosen = request.what
        place = Continuation(
            verb=request.verb,
            metadata_prefix=chosen.metadata_prefix,
            set_spec=chosen.set_spec,
            since=chosen.since,
            until=chosen.until,
            begun=moment,
            after=(0, 0),
            cursor=0,
            size=None,
        )
    else:
        place = _continued(window, request.what, request.verb, moment)
    _format(place.metadata_prefix)
    first = isinstance(request.what, Selection)
    prefix = place.metadata_prefix if request.verb is Verb.LIST_RECORDS else HEADERS
    within = harvest.Span(place.begun, place.since, place.until)
    with window.catalogue.reading() as session:
        part = sets.range_of(session, place.set_spec)
        if part is None:
            raise refused(ErrorCode.NO_RECORDS_MATCH, f"there is no set {shown(place.set_spec or '')}")
        found = run(
            session,
            part,
            within,
            after=None if first else (at(place.after[0]), place.after[1]),
            limit=window.page_size,
            lying_as=window.form(prefix) if prefix in window.preparable else None,
            write=write(window, prefix),
        )
        if found is not None and first and found.more:
            place = replace(place, size=harvest.size(session, part, within))
        # Of the whole feed: a page changes too when a record of it goes on to another.
        newest = harvest.latest(session, harvest.Span(moment))
    # Written out only now: in SQLite an open reader would keep writers from committing.
    if found is None:
        raise refused(ErrorCode.NO_RECORDS_MATCH, _nothing(first))
    if first:
        window.asked_for(prefix)
    last = (ticks(found.last[0]), found.last[1])
    token = _token(window, place, found.records, last, more=found.more)
    if prefix not in window.preparable:
        return Page(request.verb, tuple(found.build()), token, records=found.records)
    modified = newest[0] if newest else None
    return Page(request.verb, tuple(found.build()), token, modified, _state(place, found), found.records)


def _state(place: Continuation, found: Run) -> str:
    """What two answers have in common that give the same records of the same list: an entity tag."""
    said = f"{place.verb} {place.metadata_prefix} {place.set_spec} {found.more} "
    return hashlib.sha256(said.encode() + found.mark).hexdigest()[:32]


def write(window: Window, prefix: str) -> Write:
    """How records in the format ``prefix``, or as headers, are written out for a list."""

    def headers(session: Session, numbers: Sequence[int]) -> Callable[[], list[bytes]]:
        found = _headers(window, session, harvest.entries(session, numbers, records=False))
        return lambda: [xml.item(header).encode() for header in found]

    def records(session: Session, numbers: Sequence[int]) -> Callable[[], list[bytes]]:
        known = FORMATS[prefix]
        entries = harvest.entries(session, numbers, records=True)
        found = items.of_page(session, entries, known, window.places)
        listed = list(zip(_headers(window, session, entries), entries, strict=True))
        return lambda: [
            xml.item(Record(header, _written(known, found.get(entry.article_id)))).encode() for header, entry in listed
        ]

    return headers if prefix == HEADERS else records


def _nothing(first: bool) -> str:
    if first:
        return "no record fits this combination of from, until, set and metadataPrefix"
    return "the rest of this list was changed in the meantime: it comes with from = the responseDate of the first page"


def _continued(window: Window, token: str, verb: Verb, moment: datetime) -> Continuation:
    try:
        return window.token_keys.read(token, verb, moment)
    except BadToken as error:
        raise refused(ErrorCode.BAD_RESUMPTION_TOKEN, str(error)) from error


def _token(window: Window, place: Continuation, given: int, after: tuple[int, int], *, more: bool) -> Token | None:
    """The resumptionToken after a page of ``given`` items that ends at ``after`` (section 3.5)."""
    if more:
        following = replace(place, after=after, cursor=place.cursor + given)
        return Token(window.token_keys.write(following), place.cursor, place.size, place.expires)
    return Token("", place.cursor, place.size, place.expires) if place.cursor else None


def _format(prefix: str) -> Format:
    known = FORMATS.get(prefix)
    if known is None:
        raise refused(
            ErrorCode.CANNOT_DISSEMINATE_FORMAT, f"there is no format {shown(prefix)}; there are {', '.join(FORMATS)}"
        )
    return known


def _entry(window: Window, session: Session, identifier: str) -> harvest.Entry:
    article_id = identifier.removeprefix(window.identifier(""))
    found = None
    if article_id != identifier and _ARTICLE_ID.fullmatch(article_id):
        found = harvest.entry(session, article_id)
    if found is None:
        raise refused(ErrorCode.ID_DOES_NOT_EXIST, f"this archive has no item {shown(identifier)}")
    return found


def _headers(window: Window, session: Session, entries: Sequence[harvest.Entry]) -> list[Header]:
    """The headers of a page, with three look-ups for all of their sets."""
    others = harvest.specs(session, entries)
    issns = harvest.issns(session, {entry.title_id for entry in entries})
    slugs = harvest.slugs(session, {entry.publisher_id for entry in entries})
    return [
        Header(
            identifier=window.identifier(entry.article_id),
            datestamp=entry.datestamp,
            set_specs=sets.of_article(
                slugs[entry.publisher_id], issns.get(entry.title_id), others[entry.change_number]
            ),
            deleted=entry.state == ArticleState.WITHDRAWN,
        )
        for entry in entries
    ]


def _written(known: Format, item: Item | None) -> str | None:
    return known.crosswalk(item.record, item.told) if item else None
