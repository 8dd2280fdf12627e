"""What a harvester asked for: raw argument pairs become one frozen request, or every reason why they cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from oai_pmh.errors import ErrorCode, ProtocolError, Refused, refused
from repository.lawful_text import ILLEGAL

Pairs = Sequence[tuple[str, str]]
"""Argument names and values in the order in which they came, repeated ones included."""

_MOST_ERRORS = 20
_PREFIX = re.compile(r"[A-Za-z0-9\-_.!~*'()]+")
_SET_SPEC = re.compile(r"[A-Za-z0-9\-_.!~*'()]+(:[A-Za-z0-9\-_.!~*'()]+)*")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_SECOND = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_REG_NAME = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
_SEGMENT = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*"
_REST = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*"
# Appendix A of RFC 3986 without addresses of hosts in brackets: nobody names an article by one.
_URI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.\-]*:(?=.)"
    rf"(?://(?:(?:{_REG_NAME}|:)*@)?{_REG_NAME}*(?::[0-9]{{1,5}})?(?:/{_SEGMENT})*|/?(?!/){_SEGMENT}(?:/{_SEGMENT})*)"
    rf"(?:\?{_REST})?(?:#{_REST})?"
)


class Verb(StrEnum):
    """The six verbs."""

    IDENTIFY = "Identify"
    LIST_METADATA_FORMATS = "ListMetadataFormats"
    LIST_SETS = "ListSets"
    LIST_IDENTIFIERS = "ListIdentifiers"
    LIST_RECORDS = "ListRecords"
    GET_RECORD = "GetRecord"


@dataclass(frozen=True, slots=True)
class Identify:
    """Who is this archive?"""

    verb: ClassVar[Verb] = Verb.IDENTIFY


@dataclass(frozen=True, slots=True)
class ListMetadataFormats:
    """Which formats are there, of everything or of one item?"""

    verb: ClassVar[Verb] = Verb.LIST_METADATA_FORMATS

    identifier: str | None


@dataclass(frozen=True, slots=True)
class ListSets:
    """Which sets are there? ``token`` goes on with a list that was begun."""

    verb: ClassVar[Verb] = Verb.LIST_SETS

    token: str | None


@dataclass(frozen=True, slots=True)
class GetRecord:
    """One record in one format."""

    verb: ClassVar[Verb] = Verb.GET_RECORD

    identifier: str
    metadata_prefix: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Selective harvesting (section 2.7): both moments inclusive; ``until`` as a day is that day's last second."""

    metadata_prefix: str
    set_spec: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The records of a selection (ListRecords) or only their headers (ListIdentifiers)."""

    verb: Verb
    what: Selection | str
    """A str is the resumption token of a list that was begun."""


Request = Identify | ListMetadataFormats | ListSets | GetRecord | Listing

_ALLOWED: dict[Verb, tuple[str, ...]] = {
    Verb.IDENTIFY: (),
    Verb.LIST_METADATA_FORMATS: ("identifier",),
    Verb.LIST_SETS: ("resumptionToken",),
    Verb.LIST_IDENTIFIERS: ("metadataPrefix", "from", "until", "set", "resumptionToken"),
    Verb.LIST_RECORDS: ("metadataPrefix", "from", "until", "set", "resumptionToken"),
    Verb.GET_RECORD: ("identifier", "metadataPrefix"),
}


def parse(pairs: Pairs) -> Request:
    """The request that ``pairs`` spell, every value of it lawful in form.

    Raises Refused with every reason at once: badVerb, or one badArgument for each argument that
    is unknown, repeated, empty, missing or malformed.
    """
    verb = _verb([value for name, value in pairs if name == "verb"])
    given, reasons = _given(verb, [(name, value) for name, value in pairs if name != "verb"])
    if "resumptionToken" in given:
        for name in given.keys() - {"resumptionToken"}:
            reasons.setdefault(name, f"resumptionToken is an exclusive argument: {name} must not stand beside it")
    else:
        for name in _required(verb):
            if name not in given:
                reasons.setdefault(name, f"{verb} needs the argument {name}")
    if not {"from", "until"} & reasons.keys():
        reasons |= _disorder(given.get("from"), given.get("until"))
    if reasons:
        shortened = list(reasons.values())[:_MOST_ERRORS]
        raise Refused(*(ProtocolError(ErrorCode.BAD_ARGUMENT, reason) for reason in shortened))
    return _request(verb, given)


def echo(pairs: Pairs) -> dict[str, str]:
    """The attributes of the request element for pairs that :func:`parse` accepted, as far as the schema allows them."""
    return {name: value for name, value in pairs if name != "identifier" or is_uri(value)}


def is_uri(text: str) -> bool:
    """Whether an item could have this identifier at all: an absolute URI of RFC 3986."""
    return _URI.fullmatch(text) is not None


def shown(text: str) -> str:
    """Something that a stranger sent, short and printable, for an error's message."""
    return ascii(text if len(text) <= 60 else text[:60] + "…")


def pairs_of(*parts: bytes) -> list[tuple[str, str]]:
    """The argument pairs of application/x-www-form-urlencoded octets (section 3.1.1.1); empty pieces are passed over.

    Raises Refused (badArgument) for what is no such encoding: a percent sign without two
    hexadecimal digits, octets that are not UTF-8, characters that XML 1.0 has no place for.
    """
    return [
        (_decoded(name), _decoded(value))
        for part in parts
        for piece in part.split(b"&")
        if piece
        for name, _, value in (piece.partition(b"="),)
    ]


def _decoded(octets: bytes) -> str:
    first, *escapes = octets.replace(b"+", b" ").split(b"%")
    plain = bytearray(first)
    for escape in escapes:
        if not re.match(rb"[0-9A-Fa-f]{2}", escape):
            raise refused(
                ErrorCode.BAD_ARGUMENT,
                "an argument holds a percent sign without two hexadecimal digits after it",
            )
        plain.append(int(escape[:2], 16))
        plain += escape[2:]
    try:
        text = plain.decode("utf-8")
    except UnicodeDecodeError:
        raise refused(ErrorCode.BAD_ARGUMENT, "an argument is not UTF-8") from None
    if ILLEGAL.search(text):
        raise refused(ErrorCode.BAD_ARGUMENT, "an argument holds a character that XML 1.0 does not allow")
    return text


def _verb(values: list[str]) -> Verb:
    if not values:
        raise refused(ErrorCode.BAD_VERB, "the argument verb is missing; the verbs are " + ", ".join(Verb))
    if len(values) > 1:
        raise refused(ErrorCode.BAD_VERB, "the argument verb is repeated")
    try:
        return Verb(values[0])
    except ValueError:
        raise refused(ErrorCode.BAD_VERB, f"{shown(values[0])} is no verb; the verbs are {', '.join(Verb)}") from None


def _given(verb: Verb, pairs: Pairs) -> tuple[dict[str, str], dict[str, str]]:
    """The arguments that ``verb`` may have, and by name what is wrong with those that came."""
    given: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for name, value in pairs:
        if name not in _ALLOWED[verb]:
            reasons.setdefault(name, f"{verb} knows no argument {shown(name)}")
        elif name in given:
            reasons[name] = f"the argument {name} is repeated"
        else:
            given[name] = value
            if reason := _malformed(name, value):
                reasons[name] = reason
    return given, reasons


def _required(verb: Verb) -> tuple[str, ...]:
    if verb is Verb.GET_RECORD:
        return ("identifier", "metadataPrefix")
    return ("metadataPrefix",) if verb in {Verb.LIST_IDENTIFIERS, Verb.LIST_RECORDS} else ()


def _malformed(name: str, value: str) -> str | None:
    if not value:
        return f"the argument {name} is empty"
    if name == "metadataPrefix" and not _PREFIX.fullmatch(value):
        return f"{shown(value)} cannot be a metadataPrefix"
    if name == "set" and not _SET_SPEC.fullmatch(value):
        return f"{shown(value)} cannot be a setSpec"
    if name in {"from", "until"} and moment(value) is None:
        return f"{name} {shown(value)} is no date: write 2026-11-23 or 2026-11-23T09:05:00Z"
    return None


def moment(text: str) -> datetime | None:
    """The UTCdatetime (section 3.3) in one of our two granularities, as its first second; None for anything else."""
    found = _DAY.fullmatch(text) or _SECOND.fullmatch(text)
    try:
        return datetime(*map(int, found.groups()), tzinfo=UTC) if found else None  # type: ignore[misc,arg-type]
    except ValueError:
        return None


def _disorder(since: str | None, until: str | None) -> dict[str, str]:
    if since is None or until is None:
        return {}
    if len(since) != len(until):
        return {"until": "from and until differ in granularity: give two days or two moments"}
    if since > until:
        return {"until": f"from {since} is later than until {until}"}
    return {}


def _request(verb: Verb, given: dict[str, str]) -> Request:
    token = given.get("resumptionToken")
    match verb:
        case Verb.IDENTIFY:
            return Identify()
        case Verb.LIST_METADATA_FORMATS:
            return ListMetadataFormats(given.get("identifier"))
        case Verb.LIST_SETS:
            return ListSets(token)
        case Verb.GET_RECORD:
            return GetRecord(given["identifier"], given["metadataPrefix"])
        case Verb.LIST_RECORDS | Verb.LIST_IDENTIFIERS:
            return Listing(verb, token if token is not None else _selection(given))


def _selection(given: dict[str, str]) -> Selection:
    until = moment(given["until"]) if "until" in given else None
    if until is not None and len(given["until"]) == 10:
        until += timedelta(seconds=24 * 3600 - 1)
    return Selection(
        metadata_prefix=given["metadataPrefix"],
        set_spec=given.get("set"),
        since=moment(given["from"]) if "from" in given else None,
        until=until,
    )
