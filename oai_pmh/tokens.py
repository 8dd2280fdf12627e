"""Resumption tokens: a place in a list, written out whole and signed, so that no server need remember a harvest."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from oai_pmh.arguments import Verb

LIFETIME = timedelta(days=400)
"""From the first page of a list: a harvest may be left for a year and taken up again."""

_FORM = "1"
_LONGEST = 1000
_SHORTEST_KEY = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class BadToken(ValueError):
    """The text is no token of ours, or one that may not be used here; the message may be shown."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """How a list goes on: what was asked for on its first page, and the last place already given.

    ``begun`` is the responseDate of the first page. Nothing stamped after it belongs to the list,
    so the list ends although the archive goes on changing. ``after`` is the place of the last
    item given: its datestamp (microseconds since 1970) and change number, or a set's kind and
    row. ``cursor`` counts the items given before; ``size`` is the whole list's, where known.
    """

    verb: Verb
    metadata_prefix: str
    set_spec: str | None
    since: datetime | None
    until: datetime | None
    begun: datetime
    after: tuple[int, int]
    cursor: int
    size: int | None

    @property
    def expires(self) -> datetime:
        """Until when the token is honoured; its expirationDate."""
        return self.begun + LIFETIME


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The secrets that sign tokens: the first signs, every one is accepted, so a key can be changed without harm."""

    secrets: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not self.secrets or min(map(len, self.secrets)) < _SHORTEST_KEY:
            raise ValueError(f"tokens are signed with at least one key of at least {_SHORTEST_KEY} octets")

    def write(self, place: Continuation) -> str:
        """The token, of unreserved URI characters: ``form.key.place.signature``."""
        fields = [
            place.verb,
            place.metadata_prefix,
            place.set_spec,
            place.since and ticks(place.since),
            place.until and ticks(place.until),
            ticks(place.begun),
            *place.after,
            place.cursor,
            place.size,
        ]
        return _signed(self.secrets[0], _text(json.dumps(fields, separators=(",", ":")).encode()))

    def read(self, token: str, verb: Verb, now: datetime) -> Continuation:
        """The place that ``token`` names, when we wrote it for this verb and it has not expired. Raises BadToken."""
        parts = token.split(".")
        if len(token) > _LONGEST or not token.isascii() or len(parts) != 4:
            raise BadToken("this is no resumptionToken of this repository")
        if parts[0] != _FORM:
            raise BadToken("this resumptionToken has the form of another version: begin the list again")
        # The whole text is compared, not the decoded octets: base64 has more than one spelling of its last letter.
        if not any(hmac.compare_digest(_signed(secret, parts[2]), token) for secret in self.secrets):
            raise BadToken("this resumptionToken was altered, or its key has been retired: begin the list again")
        fields = json.loads(base64.urlsafe_b64decode(parts[2] + "=" * (-len(parts[2]) % 4)))
        of_verb, prefix, set_spec, since, until, begun, first, second, cursor, size = fields
        place = Continuation(
            verb=Verb(of_verb),
            metadata_prefix=prefix,
            set_spec=set_spec,
            since=None if since is None else at(since),
            until=None if until is None else at(until),
            begun=at(begun),
            after=(first, second),
            cursor=cursor,
            size=size,
        )
        if place.verb is not verb:
            raise BadToken(f"this resumptionToken was given for {place.verb}")
        if now > place.expires:
            raise BadToken("this resumptionToken has expired: begin the list again from the last datestamp received")
        return place


def ticks(moment: datetime) -> int:
    """Microseconds since 1970 began, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def at(microseconds: int) -> datetime:
    """The inverse of :func:`ticks`."""
    return _EPOCH + microseconds * _MICROSECOND


def _signed(secret: bytes, place: str) -> str:
    key = hashlib.sha256(b"oai-pmh token key\n" + secret).hexdigest()[:8]
    message = f"{_FORM}.{key}.{place}"
    return f"{message}.{_text(hmac.digest(secret, message.encode(), 'sha256'))}"


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
