"""A ledger: one bag of what no article's bag holds, written, judged and read as every other bag is."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from repository.bags import Bag, BagReport, PayloadSource, verify_stream, write_bag
from repository.preservation import read_back
from repository.storage import BUFFER, Store
from repository.vocabulary import as_utc_text, bag_name, ledger_key, ledger_name

EVENTS = "events.jsonl"
_ABOUT = "metadata/ledger.json"
_BEGINNING = 64 << 10
"""Octets in which the tag files of a ledger lie, which come first."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the chain of events: a position, and the hash there."""

    position: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Account:
    """What a ledger says of itself: made when, and which events and tables it tells.

    The events are those behind ``begins`` up to ``ends``. ``marks``: how far each table is told by this ledger and
    all before it.
    """

    archive: str
    at: datetime
    begins: Place
    ends: Place
    marks: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As it lies in the bag."""
        return {
            "archive": self.archive,
            "at": as_utc_text(self.at),
            "begins": {"position": self.begins.position, "hash": self.begins.hash.hex()},
            "ends": {"position": self.ends.position, "hash": self.ends.hash.hex()},
            "marks": dict(self.marks),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Account:
        """The inverse of :meth:`as_json`. Raises KeyError, TypeError, ValueError for anything else."""
        begins, ends = (
            Place(int(told[name]["position"]), bytes.fromhex(told[name]["hash"])) for name in ("begins", "ends")
        )
        return cls(str(told["archive"]), datetime.fromisoformat(told["at"]), begins, ends, dict(told["marks"]))


@dataclass(frozen=True, slots=True)
class Opened:
    """A ledger fetched from a store and found to be a valid bag of ours."""

    name: str
    account: Account
    seal: str
    bytes: int
    file: Path
    offsets: Mapping[str, tuple[int, int]]
    """Of each file of the payload, where it begins in the tar and how long it is."""

    def rows(self, name: str) -> Iterator[Any]:
        """The lines of one file of the payload, each a JSON document; none where it has no such file."""
        offset, left = self.offsets.get(name, (0, 0))
        with self.file.open("rb") as stream:
            stream.seek(offset)
            while left > 0 and (line := stream.readline(left)):
                left -= len(line)
                yield json.loads(line)


class NoLedger(Exception):
    """What lies under the key is no ledger of ours, for this reason."""


def write(folder: Path, files: Mapping[str, Path], account: Account) -> tuple[str, Bag]:
    """The bag of these files in ``folder``, and the ledger's name; the same files and account give the same bytes."""
    sources = [_source(name, path) for name, path in sorted(files.items())]
    digest = hashlib.sha256("".join(source.sha512 for source in sources).encode("ascii"))
    digest.update(json.dumps(account.as_json(), sort_keys=True).encode())
    name = ledger_name(account.at, account.ends.position, digest.hexdigest())
    target = folder / f"{name}-v1.tar"
    part = target.with_suffix(".part")
    bag = write_bag(
        part,
        article_id=name,
        version=1,
        bag_info=[
            ("Source-Organization", account.archive),
            ("External-Description", "What no article's bag holds: events, and tables of the catalogue"),
            ("Bag-Group-Identifier", "ledger"),
            ("Bagging-Date", f"{account.at:%Y-%m-%d}"),
        ],
        tag_files={_ABOUT: (json.dumps(account.as_json(), sort_keys=True, indent=1) + "\n").encode()},
        payload=sources,
    )
    part.replace(target)
    return name, replace(bag, path=target)


def glimpsed(store: Store, name: str) -> Account:
    """What the ledger in ``store`` says of itself, by its beginning alone. Raises NoLedger, Doubt, ObjectMissing."""
    beginning = bytearray()
    with store.open(ledger_key(name), 0, _BEGINNING) as stream:
        while block := stream.read(_BEGINNING):
            beginning += block
    try:
        with tarfile.open(fileobj=io.BytesIO(beginning), mode="r|") as tar:
            for member in tar:
                if member.name == f"{bag_name(name, 1)}/{_ABOUT}" and (file := tar.extractfile(member)) is not None:
                    return Account.from_json(json.load(file))
    except (tarfile.TarError, KeyError, TypeError, ValueError) as error:
        raise NoLedger(f"it does not begin as a ledger does: {error!r}") from error
    raise NoLedger("it does not begin as a ledger does")


@contextmanager
def fetched(store: Store, name: str, scratch: Path) -> Iterator[Opened]:
    """The ledger as it lies in ``store``, for the length of the block. Raises NoLedger, Doubt, ObjectMissing."""
    with tempfile.NamedTemporaryFile(dir=scratch, prefix=".ledger-") as file:
        with store.open(ledger_key(name)) as stream:
            while block := stream.read(BUFFER):
                file.write(block)
        file.flush()
        path = Path(file.name)
        with path.open("rb", buffering=0) as copy:
            report = verify_stream(copy, own=(name, 1))
        yield _opened(name, report, path)


def _opened(name: str, report: BagReport, path: Path) -> Opened:
    if not report.valid:
        raise NoLedger("not a valid bag of ours: " + ", ".join(sorted({found.code for found in report.findings})))
    try:
        account = Account.from_json(json.loads(report.tag_files[_ABOUT]))
    except (KeyError, TypeError, ValueError) as error:
        raise NoLedger(f"it does not say what a ledger says: {error!r}") from error
    offsets = {file.path: (file.offset, file.bytes) for file in report.files}
    return Opened(name, account, report.seal, report.bytes, path, offsets)


def put(store: Store, name: str, file: Path, seal: str, octets: int) -> None:
    """The ledger lies in the store and was read back. Raises WouldOverwrite, RefusedByStore, StoreUnavailable."""
    store.put(ledger_key(name), file, seal)
    read_back(store, ledger_key(name), seal, octets)


def _source(name: str, path: Path) -> PayloadSource:
    digest = hashlib.sha512()
    with path.open("rb", buffering=0) as file:
        while block := file.read(BUFFER):
            digest.update(block)
    return PayloadSource(name, path, path.stat().st_size, digest.hexdigest())
