"""The Atom entry by which OJS deposits an issue in a PKP Preservation Network: what it promises, and where it lies."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, unquote, urlsplit

from lxml import etree

from ingest.dialects.xml import child, children, read_xml
from repository.texts import marked
from repository.turkish import machine_lower
from repository.vocabulary import Finding

ATOM = "http://www.w3.org/2005/Atom"
PKP = "http://pkp.sfu.ca/SWORD"
KILO = 1000
"""OJS gives the size of its package in units of so many bytes, rounded up."""

_CLOSE_ENOUGH = 0.08
"""By how much the size may differ, as in PKP's own network; the digest alone says whether the bytes are right."""
_DIGESTS = {"sha-1": ("sha1", 40), "sha1": ("sha1", 40), "md5": ("md5", 32)}
_UUID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
_PORTS = {"http": 80, "https": 443}


class Fault(StrEnum):
    """Why a deposit is refused, as the last part of SWORD's error addresses (SWORD v2, section 12)."""

    BAD_REQUEST = "ErrorBadRequest"
    CONTENT = "ErrorContent"
    CHECKSUM_MISMATCH = "ErrorChecksumMismatch"
    TOO_LARGE = "MaxUploadSizeExceeded"
    UNKNOWN = "TargetOwnerUnknown"


class DepositRefused(Exception):
    """Nothing of it was kept. ``sentence`` names its ``values`` in braces; ``finding`` says it where there is one."""

    def __init__(self, fault: Fault, sentence: str, finding: Finding | None = None, **values: object) -> None:
        super().__init__(finding.message if finding else sentence.format_map(values))
        self.fault = fault
        self.sentence = sentence
        self.finding = finding
        self.values = values


@dataclass(frozen=True, slots=True)
class Entry:
    """One deposit by reference. ``size`` in units of KILO; ``digest`` in small hexadecimal digits of ``algorithm``."""

    deposit: str
    url: SplitResult
    size: int
    algorithm: str
    digest: str
    given: dict[str, str]
    """The attributes of ``pkp:content`` as they came, for the statement."""

    @property
    def most_bytes(self) -> int:
        """More than this is never read of it."""
        return int(self.size * KILO * (1 + 2 * _CLOSE_ENOUGH)) + KILO

    def has_size(self, octets: int) -> bool:
        """Whether so many bytes are about what it promises."""
        found = -(-octets // KILO)
        return abs(found - self.size) <= max(found, self.size) * _CLOSE_ENOUGH

    @property
    def target(self) -> str:
        """What its server is asked for."""
        return self.url.path + (f"?{self.url.query}" if self.url.query else "")


def read_entry(data: bytes, name: str) -> Entry:
    """The entry in ``data``; ``name`` is its file's for the messages. Raises DepositRefused."""
    parsed = read_xml(data, name)
    root = parsed.root
    if root is None:
        raise DepositRefused(Fault.BAD_REQUEST, "", parsed.findings[0])
    contents = [node for node in root if node.tag == f"{{{PKP}}}content"]
    if root.tag != f"{{{ATOM}}}entry" or not contents:
        raise DepositRefused(
            Fault.CONTENT,
            marked("This is no deposit: an Atom entry with pkp:content was expected. Use the PKP PN plugin of OJS."),
        )
    if len(contents) > 1:
        raise DepositRefused(Fault.BAD_REQUEST, marked("The entry names several contents; one deposit is one package."))
    (content,) = contents
    return Entry(
        deposit=_deposit(root),
        url=_address(content),
        size=_size(content),
        **_promise(content),
        given={str(key): str(value) for key, value in content.attrib.items()},
    )


def uuid_in(text: str) -> str | None:
    """A UUID (RFC 9562) in capitals, as PKP's network compares them; None for anything else."""
    capitals = text.strip().translate(_CAPITALS)
    return capitals if _UUID.fullmatch(capitals) else None


_CAPITALS = str.maketrans("abcdef", "ABCDEF")


def split_address(text: str) -> SplitResult | None:
    """An http or https address with a host, or None."""
    try:
        url = urlsplit(text.strip())
        whole = url.scheme in _PORTS and bool(url.hostname) and _port(url) is not None
    except ValueError:
        return None
    return url if whole and text.strip().isprintable() and " " not in text.strip() else None


def is_below(url: SplitResult, place: str) -> bool:
    """Whether ``url`` lies on the server and below the path of ``place``, without a step upwards."""
    root = urlsplit(place)
    same = (url.scheme, url.hostname, _port(url)) == (root.scheme, root.hostname, _port(root))
    path = unquote(url.path)
    upwards = ".." in re.split(r"[/\\]", path)
    return same and url.username is None and not upwards and f"{path}/".startswith(f"{root.path.rstrip('/')}/")


def _port(url: SplitResult) -> int | None:
    return url.port or _PORTS.get(url.scheme)


def _deposit(root: etree._Element) -> str:
    node = child(root, "id")
    given = (node.text or "") if node is not None and len(list(children(root, "id"))) == 1 else ""
    found = uuid_in(given.strip().removeprefix("urn:uuid:"))
    if found is None:
        raise DepositRefused(Fault.BAD_REQUEST, marked("The id of the entry must be urn:uuid: and a UUID."))
    return found


def _address(content: etree._Element) -> SplitResult:
    # Some versions of OJS write &amp;amp; for &.
    url = split_address(html.unescape("".join(content.itertext())))
    if url is None:
        raise DepositRefused(
            Fault.BAD_REQUEST, marked("pkp:content must hold the http or https address of the package.")
        )
    return url


def _size(content: etree._Element) -> int:
    given = content.get("size") or ""
    if not re.fullmatch(r"0*[1-9][0-9]{0,11}", given):
        raise DepositRefused(
            Fault.BAD_REQUEST, marked("The attribute size of pkp:content must be a number of units of 1000 bytes.")
        )
    return int(given)


def _promise(content: etree._Element) -> dict[str, str]:
    algorithm, digits = _DIGESTS.get(machine_lower(content.get("checksumType") or ""), ("", 0))
    digest = machine_lower((content.get("checksumValue") or "").strip())
    if not digits or not re.fullmatch(rf"[0-9a-f]{{{digits}}}", digest):
        raise DepositRefused(
            Fault.BAD_REQUEST,
            marked("pkp:content must have checksumType SHA-1 (or MD5) and its checksumValue in hexadecimal digits."),
        )
    return {"algorithm": algorithm, "digest": digest}
