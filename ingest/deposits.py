"""Deposits over the web: a collection for the journals of one feed, and what it takes in."""

from __future__ import annotations

import base64
import binascii
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from ingest import inbox
from ingest.feeds.feed import Feed
from ingest.feeds.offered import hidden, name_problem
from ingest.feeds.pln import Entries, package_name
from ingest.feeds.pln_entry import KILO, DepositRefused, Fault, is_below, read_entry
from repository.catalogue import Catalogue, feeds
from repository.catalogue.feeds import Listed
from repository.storage import BUFFER
from repository.texts import marked
from repository.turkish import machine_lower

ALGORITHMS = {"md5": "md5", "sha": "sha1", "sha-1": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
"""Names of the header Digest (RFC 3230 and its registry) that are compared."""


@dataclass(frozen=True, slots=True)
class Collection:
    """One feed of the kind pln, as those who deposit into it see it."""

    feed: Feed
    folder: Path
    """Where its entries are kept."""
    journals: frozenset[str]
    """The UUIDs, in capitals, of the journals for which it is there."""
    terms: tuple[str, ...]
    terms_updated: date
    user: str | None
    """Who may send packages; None: nobody, and deposits come by reference alone."""
    password: Callable[[], str | None]
    """Raises UsageError when it cannot be read."""

    @property
    def most_kilobytes(self) -> int:
        """The largest package that is taken, in units of KILO."""
        return self.feed.max_bytes // KILO


def take_entry(collection: Collection, journal: str, data: bytes, deposit: str | None = None) -> str:
    """Keep the entry of a deposit whose package is to be fetched; its UUID. ``deposit`` is that of the address.

    The same deposit again takes the place of the one before, and its package is fetched again. Raises
    DepositRefused, OSError.
    """
    entry = read_entry(data, f"{deposit or journal}.xml")
    if deposit is not None and entry.deposit != deposit:
        raise DepositRefused(
            Fault.BAD_REQUEST,
            marked("The entry has the id {given} and was sent to another deposit."),
            given=entry.deposit,
        )
    if not is_below(entry.url, collection.feed.place):
        raise DepositRefused(
            Fault.BAD_REQUEST,
            marked(
                "The package lies at {url}, which is not below {place}, the address registered for this journal. "
                "If the journal has moved, write to the archive."
            ),
            url=entry.url.geturl(),
            place=collection.feed.place,
        )
    if entry.size > collection.most_kilobytes:
        raise _too_large(collection)
    Entries(collection.folder).keep(journal, entry.deposit, data)
    return entry.deposit


@dataclass(frozen=True, slots=True)
class Sent:
    """A package as it is sent: its name, its bytes, and the digests (by names of hashlib) that it must have."""

    name: str | None
    read: Callable[[int], bytes]
    digests: Mapping[str, bytes]


def take_package(
    collection: Collection, catalogue: Catalogue, home: Path, journal: str, sent: Sent, at: datetime
) -> str:
    """Keep a package that was sent whole as a delivery; the UUID of the deposit, the same for the same bytes.

    Raises DepositRefused, DatabaseUnavailable, OSError.
    """
    name = sent.name or ""
    if not name or "/" in name or name_problem(name) is not None or hidden(name):
        raise DepositRefused(
            Fault.BAD_REQUEST, marked("The header Content-Disposition must give the plain file name of the package.")
        )
    parts = collection.feed.folder(home) / "packages"
    parts.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parts))
    try:
        octets = _written(collection, sent, folder / name)
        whose = collection.feed
        arrived = inbox.accept(catalogue, home, [folder / name], whose.publisher, lambda: at, whose.profile)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    deposit = str(UUID(hex=arrived.delivery_id)).upper()
    feed, item = collection.feed.name, package_name(journal, deposit)
    with catalogue.writing() as session:
        feeds.begin(session, feed, at)
        feeds.remember(session, feed, [Listed(item, f"{journal}/{deposit}", arrived.delivery_id, octets, at)], at)
        feeds.brought(session, feed, [item], arrived.delivery_id)
        feeds.arrived(session, feed, at)
    return deposit


def digests_in(digest: str | None, content_md5: str | None) -> dict[str, bytes]:
    """What the headers Digest (RFC 3230) and Content-MD5 promise, by names of hashlib; of others nothing is known.

    SWORD v2 gives the MD5 in hexadecimal digits, RFC 1864 in base64: both are read. Raises DepositRefused.
    """
    found = {}
    for part in (digest or "").split(","):
        name, equals, value = part.strip().partition("=")
        algorithm = ALGORITHMS.get(machine_lower(name)) if equals else None
        if algorithm is not None:
            found[algorithm] = _octets(value, algorithm)
    if content_md5:
        found["md5"] = _octets(content_md5, "md5")
    return found


def _octets(value: str, algorithm: str) -> bytes:
    length = hashlib.new(algorithm, usedforsecurity=False).digest_size
    text = value.strip()
    try:
        octets = bytes.fromhex(text) if len(text) == 2 * length else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        octets = b""
    if len(octets) != length:
        raise DepositRefused(
            Fault.BAD_REQUEST, marked("The digest {given} is no {algorithm}."), given=ascii(text), algorithm=algorithm
        )
    return octets


def _written(collection: Collection, sent: Sent, target: Path) -> int:
    digests = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in sent.digests}
    octets = 0
    with target.open("xb") as file:
        while block := sent.read(BUFFER):
            octets += len(block)
            if octets > collection.feed.max_bytes:
                raise _too_large(collection)
            file.write(block)
            for digest in digests.values():
                digest.update(block)
    if not octets:
        raise DepositRefused(Fault.BAD_REQUEST, marked("The package has no bytes."))
    for algorithm, digest in digests.items():
        if digest.digest() != sent.digests[algorithm]:
            raise DepositRefused(
                Fault.CHECKSUM_MISMATCH,
                marked("What arrived has the {algorithm} {found}, and another one was promised. Send it again."),
                algorithm=algorithm,
                found=digest.hexdigest(),
            )
    return octets


def _too_large(collection: Collection) -> DepositRefused:
    return DepositRefused(
        Fault.TOO_LARGE,
        marked("The package is larger than the {limit} kB that are taken. Divide it, or write to the archive."),
        limit=collection.most_kilobytes,
    )
