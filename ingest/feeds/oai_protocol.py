"""The harvester's half of OAI-PMH 2.0: lists in parts, the granularity of the repository, deleted records, errors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from lxml import etree

from ingest.dialects.xml import child, children, descendants, local, read_xml
from ingest.feeds.asking import Asking, Elsewhere
from ingest.feeds.offered import FeedFailed

_MOST_BYTES = 64 << 20
_SECONDS_LONG = len("2026-01-01T00:00:00Z")


class NotAnswered(FeedFailed):
    """The repository was reached, and what it said is no answer to what it was asked."""


class Malformed(NotAnswered):
    """OAI-PMH that is no XML: one character that XML does not know, in one record, spoils a whole part of a list."""


class ProtocolRefusal(NotAnswered):
    """The repository answered with an error of the protocol (section 3.6): ``code`` is its word for it."""

    def __init__(self, feed: str, code: str, text: str) -> None:
        super().__init__(feed, f"the repository answers {code}{': ' if text else ''}{text}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Header:
    """One record of a list. ``digest`` is that of all that the list says of it (SHA-256), so that a change within a
    day is seen."""

    identifier: str
    datestamp: str
    deleted: bool
    digest: str


@dataclass(frozen=True, slots=True)
class Part:
    """One answer of a list; ``token`` asks for the next, None after the last. ``told_at`` is its responseDate."""

    headers: tuple[Header, ...]
    token: str | None
    told_at: datetime | None


class Repository:
    """A repository at ``url``, harvested in one ``prefix`` and, if given, one ``set_spec``."""

    def __init__(self, feed: str, asking: Asking, url: str, prefix: str, set_spec: str | None) -> None:
        self._feed = feed
        self._asking = asking
        self._url = url
        self._prefix = prefix
        self._set = set_spec

    def parts(
        self, verb: str, since: datetime | None, token: str | None, until: datetime | None = None
    ) -> Iterator[Part]:
        """The list of records changed since then (and until then), or the rest of one from ``token`` on.

        ``verb`` is ListRecords or ListIdentifiers. Raises FeedFailed: Malformed for what is no XML.
        """
        asked = {"resumptionToken": token} if token else self._first(since, until)
        met = {token}
        while True:
            part = self._part(verb, asked)
            yield part
            if part.token is None:
                return
            if part.token in met:
                raise FeedFailed(self._feed, "the repository gives the same resumptionToken again and again")
            met.add(part.token)
            asked = {"resumptionToken": part.token}

    def record(self, identifier: str) -> etree._Element | None:
        """The response to GetRecord; None when the record is deleted or no longer there. Raises FeedFailed."""
        try:
            root = self._answer({"verb": "GetRecord", "metadataPrefix": self._prefix, "identifier": identifier})
        except ProtocolRefusal as refusal:
            if refusal.code in {"idDoesNotExist", "cannotDisseminateFormat"}:
                return None
            raise
        header = child(root, "GetRecord", "record", "header")
        if header is None or _text(child(header, "identifier")) != identifier:
            raise NotAnswered(self._feed, f"GetRecord of {identifier!a} was answered with another record")
        return None if header.get("status") == "deleted" else root

    def _first(self, since: datetime | None, until: datetime | None) -> dict[str, str]:
        granularity = _text(child(self._answer({"verb": "Identify"}), "Identify", "granularity"))
        asked = {"metadataPrefix": self._prefix}
        if self._set:
            asked["set"] = self._set
        form = "%Y-%m-%dT%H:%M:%SZ" if len(granularity) == _SECONDS_LONG else "%Y-%m-%d"
        bounds = {"from": since, "until": until}
        return asked | {name: at.astimezone(UTC).strftime(form) for name, at in bounds.items() if at is not None}

    def _part(self, verb: str, asked: dict[str, str]) -> Part:
        try:
            root = self._answer({"verb": verb} | asked)
        except ProtocolRefusal as refusal:
            if refusal.code == "noRecordsMatch":
                return Part((), None, None)
            if refusal.code == "cannotDisseminateFormat":
                raise FeedFailed(self._feed, f"{refusal.reason}; it offers {self._formats()}") from refusal
            raise
        listed = child(root, verb)
        if listed is None:
            raise NotAnswered(self._feed, f"{verb} was answered without a list")
        headers = tuple(self._header(one) for one in children(listed, "record", "header"))
        token = _text(child(listed, "resumptionToken")) or None
        return Part(headers, token, moment_of(_text(child(root, "responseDate"))))

    def _header(self, listed: etree._Element) -> Header:
        header = listed if local(listed) == "header" else child(listed, "header")
        identifier = _text(child(header, "identifier"))
        if header is None or not identifier:
            raise NotAnswered(self._feed, "a record of the list has no identifier")
        said = etree.tostring(listed, method="c14n", exclusive=True)
        datestamp = _text(child(header, "datestamp"))
        return Header(identifier, datestamp, header.get("status") == "deleted", hashlib.sha256(said).hexdigest())

    def _formats(self) -> str:
        root = self._answer({"verb": "ListMetadataFormats"})
        return ", ".join(_text(one) for one in descendants(root, "metadataPrefix")) or "none"

    def _answer(self, asked: dict[str, str]) -> etree._Element:
        """The root of the response. Raises ProtocolRefusal, FeedFailed."""
        join = "&" if "?" in self._url else "?"
        try:
            with self._asking.asked(f"{self._url}{join}{urlencode(asked)}") as answer:
                if answer.status != 200:
                    raise NotAnswered(self._feed, f"{asked['verb']} was answered {answer.status} and not 200")
                data = answer.read(_MOST_BYTES + 1)
        except Elsewhere as elsewhere:
            raise FeedFailed(self._feed, f"{asked['verb']} is led to {elsewhere.host}; give its own url") from elsewhere
        parsed = read_xml(data, asked["verb"])
        root = parsed.root
        if root is None or local(root) != "OAI-PMH":
            said = f"{asked['verb']} was not answered by OAI-PMH: "
            if parsed.findings and b"<OAI-PMH" in data[:2000]:
                spoilt = parsed.findings[0]
                raise Malformed(self._feed, f"{said}line {spoilt.line}: {spoilt.message}")
            raise NotAnswered(self._feed, f"{said}{data[:60]!a}")
        for error in children(root, "error"):
            raise ProtocolRefusal(self._feed, error.get("code", "an error"), _text(error)[:300])
        return root


def _text(node: etree._Element | None) -> str:
    return " ".join("".join(str(part) for part in node.itertext()).split()) if node is not None else ""


def moment_of(text: str) -> datetime | None:
    """A datestamp of either granularity; None for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
