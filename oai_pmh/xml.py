"""The protocol's answers as values, and how each is written: valid by OAI-PMH.xsd whatever was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from oai_pmh.arguments import Verb
from oai_pmh.errors import ProtocolError
from oai_pmh.wire import Part
from repository.lawful_text import ILLEGAL
from repository.vocabulary import as_utc_text

_BETWEEN = "\u241e"  # the picture of a record separator: printable, lawful, and in no one's title
_BLANKS = str.maketrans({"\t": "&#9;", "\n": "&#10;"})

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/ http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">
"""
_DC = (
    '<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/oai_dc/ http://www.openarchives.org/OAI/2.0/oai_dc.xsd">'
)
_OAI_IDENTIFIER = """<description>
<oai-identifier xmlns="http://www.openarchives.org/OAI/2.0/oai-identifier" \
xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/oai-identifier \
http://www.openarchives.org/OAI/2.0/oai-identifier.xsd">
<scheme>oai</scheme><repositoryIdentifier>{}</repositoryIdentifier><delimiter>:</delimiter>\
<sampleIdentifier>{}</sampleIdentifier>
</oai-identifier>
</description>
"""


def text(value: str) -> str:
    """``value`` as XML character data or inside a quoted attribute; what XML 1.0 cannot hold is left out."""
    if not value.isprintable():
        # Whatever XML cannot hold is not printable, and asking for that is ten times as fast as the expression.
        value = ILLEGAL.sub("", value)
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return value.replace("\r", "&#13;")


def texts(values: list[str]) -> list[str]:
    """:func:`text` of each, for the price of one: a record's many short values are escaped as one long one."""
    written = text(_BETWEEN.join(values)).split(_BETWEEN)
    return written if len(written) == len(values) else [text(value) for value in values]


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a record (section 2.5); a deleted record is nothing but its header."""

    identifier: str
    datestamp: datetime
    set_specs: tuple[str, ...]
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A header, and the item in one format: XML in a namespace of its own, or None when it is deleted."""

    header: Header
    metadata: str | None


@dataclass(frozen=True, slots=True)
class Token:
    """The resumptionToken element; ``value`` is empty on the last page of a list that had several."""

    value: str
    cursor: int
    size: int | None
    expires: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """The answer to Identify."""

    repository_name: str
    base_url: str
    admin_emails: tuple[str, ...]
    earliest_datestamp: datetime
    repository_identifier: str
    sample_identifier: str
    descriptions: tuple[str, ...] = ()
    """What else the archive says of itself: whole description elements (oai_pmh.descriptions)."""


@dataclass(frozen=True, slots=True)
class FormatDescription:
    """One metadataFormat."""

    prefix: str
    schema: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Formats:
    """The answer to ListMetadataFormats."""

    formats: tuple[FormatDescription, ...]


@dataclass(frozen=True, slots=True)
class Set:
    """One set (section 4.6); ``about`` is what it holds, by language."""

    spec: str
    name: str
    about: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: records, headers only (ListIdentifiers), or sets, as :func:`item` writes them.

    ``state`` is the same for two answers that give the same, ``last_modified`` the newest datestamp in it.
    """

    verb: Verb
    items: tuple[Part, ...]
    token: Token | None
    last_modified: datetime | None = None
    state: str | None = None
    records: int = 0
    """How many records, or headers of records, its items hold."""


@dataclass(frozen=True, slots=True)
class OneRecord:
    """The answer to GetRecord."""

    record: Record
    last_modified: datetime | None = None


Answer = Identity | Formats | Page | OneRecord


@dataclass(frozen=True, slots=True)
class Document:
    """A whole answer, in parts. ``state`` is the same for two that say the same at different moments."""

    parts: Sequence[Part]
    state: str | None = None
    last_modified: datetime | None = None


def records_in(answer: Answer) -> int:
    """How many records, or headers of records, an answer holds."""
    match answer:
        case Page():
            return answer.records
        case OneRecord():
            return 1
        case _:
            return 0


def response(moment: datetime, base_url: str, request: Mapping[str, str], answer: Answer) -> Document:
    """The document of a granted request; ``moment`` is its responseDate, ``request`` its arguments."""
    modified = None
    match answer:
        case Identity():
            body = f"<Identify>\n{_identity(answer)}</Identify>\n"
        case Formats():
            body = f"<ListMetadataFormats>\n{''.join(map(_format, answer.formats))}</ListMetadataFormats>\n"
        case OneRecord():
            body, modified = f"<GetRecord>\n{item(answer.record)}</GetRecord>\n", answer.last_modified
        case Page():
            token = "" if answer.token is None else _token(answer.token)
            begin, end = around_list(answer.verb, moment, base_url, request)
            parts = [begin.encode(), *answer.items, f"{token}{end}".encode()]
            return Document(parts, answer.state, answer.last_modified)
    state = hashlib.sha256(body.encode()).hexdigest()[:32]
    return Document(_document(moment, base_url, request, body), state, modified)


def around_list(verb: Verb, moment: datetime, base_url: str, request: Mapping[str, str]) -> tuple[str, str]:
    """What stands before and after the items of a list."""
    before, after = _around(moment, base_url, request)
    return f"{before}<{verb}>\n", f"</{verb}>\n{after}"


def refusal(moment: datetime, base_url: str, request: Mapping[str, str], errors: Iterable[ProtocolError]) -> Document:
    """The document of a refused request, with every error."""
    body = "".join(f'<error code="{error.code}">{text(error.message)}</error>\n' for error in errors)
    return Document(_document(moment, base_url, request, body))


def _document(moment: datetime, base_url: str, request: Mapping[str, str], body: str) -> list[Part]:
    before, after = _around(moment, base_url, request)
    return [f"{before}{body}{after}".encode()]


def _around(moment: datetime, base_url: str, request: Mapping[str, str]) -> tuple[str, str]:
    """What stands before and after the body of an answer."""
    # Tab and newline would be read back as blanks (attribute-value normalisation).
    attributes = "".join(f' {name}="{text(value).translate(_BLANKS)}"' for name, value in request.items())
    head = (
        f"{_HEAD}<responseDate>{as_utc_text(moment)}</responseDate>\n<request{attributes}>{text(base_url)}</request>\n"
    )
    return head, "</OAI-PMH>\n"


def _identity(answer: Identity) -> str:
    emails = "".join(f"<adminEmail>{text(email)}</adminEmail>\n" for email in answer.admin_emails)
    identifier = _OAI_IDENTIFIER.format(text(answer.repository_identifier), text(answer.sample_identifier))
    return (
        f"<repositoryName>{text(answer.repository_name)}</repositoryName>\n"
        f"<baseURL>{text(answer.base_url)}</baseURL>\n"
        "<protocolVersion>2.0</protocolVersion>\n"
        f"{emails}"
        f"<earliestDatestamp>{as_utc_text(answer.earliest_datestamp)}</earliestDatestamp>\n"
        "<deletedRecord>persistent</deletedRecord>\n"
        "<granularity>YYYY-MM-DDThh:mm:ssZ</granularity>\n"
        "<compression>gzip</compression>\n"
    ) + "".join((identifier, *answer.descriptions))


def _format(known: FormatDescription) -> str:
    return (
        f"<metadataFormat><metadataPrefix>{known.prefix}</metadataPrefix><schema>{text(known.schema)}</schema>"
        f"<metadataNamespace>{text(known.namespace)}</metadataNamespace></metadataFormat>\n"
    )


def item(item: Record | Header | Set) -> str:
    """An item as it stands in a list."""
    if isinstance(item, Record):
        metadata = "" if item.metadata is None else f"<metadata>\n{item.metadata}</metadata>"
        return f"<record>{_header(item.header)}{metadata}</record>\n"
    if isinstance(item, Header):
        return _header(item) + "\n"
    described = "".join(
        f'<dc:description xml:lang="{language}">{text(said)}</dc:description>' for language, said in item.about.items()
    )
    about = f"<setDescription>{_DC}{described}</oai_dc:dc></setDescription>" if described else ""
    return f"<set><setSpec>{text(item.spec)}</setSpec><setName>{text(item.name)}</setName>{about}</set>\n"


def _header(header: Header) -> str:
    status = ' status="deleted"' if header.deleted else ""
    specs = "".join(f"<setSpec>{spec}</setSpec>" for spec in header.set_specs)
    return (
        f"<header{status}><identifier>{text(header.identifier)}</identifier>"
        f"<datestamp>{as_utc_text(header.datestamp)}</datestamp>{specs}</header>"
    )


def _token(token: Token) -> str:
    expires = f' expirationDate="{as_utc_text(token.expires)}"' if token.value else ""
    size = "" if token.size is None else f' completeListSize="{token.size}"'
    return f'<resumptionToken{expires}{size} cursor="{token.cursor}">{token.value}</resumptionToken>\n'
