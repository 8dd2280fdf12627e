"""What has arrived is kept whole before anything is made of it; the same bytes twice are one delivery."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.unpack import name_of
from repository.catalogue import Catalogue, deliveries
from repository.errors import UsageError
from repository.models import Delivery
from repository.storage import BUFFER
from repository.storage.durable import sync_folder, write_text
from repository.vocabulary import as_utc_text

# One delivery may be several files. The first group of each pattern names the set to which a file belongs.
_DIGEST_ENDING = r"[._-](?:md5|sha-?(?:1|224|256|384|512))(?:sums?)?(?:\.txt)?$"
_MEMBERS_OF_A_SET = (
    re.compile(rf"(?i)(.+){_DIGEST_ENDING}"),
    re.compile(r"(?i)(.+)\.go\.xml$"),
    re.compile(r"(?i)(.+)\.ready\.xml$"),
    re.compile(r"(?i)(CLKS\w*?\d+)[A-Z]\.tar$"),
    re.compile(r"(?i)(.+?)(?:\.(?:zip|tar|tgz|tar\.gz|xml|pdf|rar|7z|gz))?$"),
)
_SIDECAR = re.compile(rf"(?i)(?:{_DIGEST_ENDING}|\.go\.xml$|\.ready\.xml$)")
_ABOUT = "about.json"
_IDENTITY = "identity"
_ARCHIVE_ENDING = re.compile(r"(?i)\.(?:zip|tar|tgz|tar\.gz|gz)$")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A delivery whose bytes are kept: ``files`` lie in the archive's own folder, under names of its own making."""

    delivery_id: str
    publisher: str
    accepted_on: datetime
    state: str
    files: tuple[Path, ...]
    file_names: tuple[str, ...]
    raw_names: tuple[bytes | None, ...] = ()
    """The octets of each name that is not UTF-8; empty where all are."""
    profile: str | None = None
    """The delivery profile that its feed or its command named; None: its publisher's own, or the default."""
    virus_check: str | None = None
    """What the virus scanner said of its members, once it was asked; None when there is no scanner."""


def sets_of(files: Sequence[Path]) -> list[tuple[Path, ...]]:
    """The deliveries among ``files``: an archive with its checksum sidecar, its go.xml, its sister tars is one.

    In the order in which each set's first file was given.
    """
    sets: dict[tuple[Path, str], list[Path]] = {}
    for file in files:
        sets.setdefault((file.parent, set_of(file.name)), []).append(file)
    return [tuple(members) for members in sets.values()]


def set_of(name: str) -> str:
    """What the names of all files of one delivery have in common; ``name`` is without its folder."""
    matches = (pattern.match(name) for pattern in _MEMBERS_OF_A_SET)
    return next((_ARCHIVE_ENDING.sub("", match.group(1)) for match in matches if match), name)


def is_sidecar(name: str) -> bool:
    """Whether a file of this name is about the others of its set, and no delivery without them."""
    return _SIDECAR.search(name) is not None


def accept(
    catalogue: Catalogue,
    home: Path,
    files: Sequence[Path],
    publisher: str,
    clock: Callable[[], datetime],
    profile: str | None = None,
) -> Arrived:
    """Keep the bytes of one delivery in ``home/deliveries`` and enter it in the catalogue.

    ``profile`` is kept beside them; for bytes that are here already it takes the place of the one before.

    Afterwards the publisher's own files may vanish. Raises UsageError for a file that cannot be
    read; whatever went wrong before the catalogue was told leaves only a temporary folder, which
    the next accept of the same bytes does not need.
    """
    files = sorted(files, key=lambda file: file.name)
    names = [name_of(os.fsencode(file.name)) for file in files]
    root = home / "deliveries"
    incoming = root / ".incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=incoming))
    try:
        digests, octets = [], 0
        for position, file in enumerate(files):
            digest, length = _kept(file, staging / str(position))
            digests.append((file.name, digest))
            octets += length
        sha256 = digests[0][1] if len(digests) == 1 else _digest_of_set(digests)
        name = " ".join(publisher.split())
        folder = root / deliveries.delivery_id(name, sha256)
        if not (folder / _ABOUT).is_file():
            raw_names = _raw_names(files, names)
            about = {
                "publisher": name,
                "files": list(names),
                "sha256": sha256,
                "bytes": octets,
                "accepted_on": as_utc_text(clock()),
                **({"raw_names": raw_names} if raw_names else {}),
                **({"profile": profile} if profile else {}),
            }
            write_text(staging / _ABOUT, _as_text(about))
            sync_folder(staging)
            try:
                staging.rename(folder)
            except OSError:
                if not (folder / _ABOUT).is_file():  # else another process was given the same bytes, and was first
                    raise
            sync_folder(root)
        elif profile is not None:
            about = _about(folder)
            write_text(folder / _ABOUT, _as_text({**about, "profile": profile}))
        return _entered(catalogue, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def reenter(catalogue: Catalogue, home: Path) -> int:
    """Enter every kept delivery that the catalogue does not know of; how many there are in the folder.

    For a catalogue that was burned, or restored from a day before they came.
    """
    folders = sorted(path for path in (home / "deliveries").glob("*") if (path / _ABOUT).is_file())
    with catalogue.reading() as session:
        known = deliveries.states_of(session, [folder.name for folder in folders])
    for folder in folders:
        if folder.name not in known:
            _entered(catalogue, folder)
    return len(folders)


def kept(catalogue: Catalogue, home: Path, delivery_id: str) -> Arrived:
    """A delivery accepted before, as :func:`accept` gave it."""
    with catalogue.reading() as session:
        delivery = deliveries.known(session, delivery_id)
        publisher = deliveries.publisher_of(session, delivery).name
    return _arrived(home / "deliveries", publisher, delivery, _about(home / "deliveries" / delivery_id))


def is_here(home: Path, delivery_id: str) -> bool:
    """Whether its bytes lie in this home: on another machine lie those of other deliveries."""
    return (home / "deliveries" / delivery_id / _ABOUT).is_file()


def home_of(home: Path) -> str:
    """By what the catalogue knows this home from those of other machines: made on first use, and kept in it."""
    file = home / _IDENTITY
    with suppress(FileNotFoundError):
        return file.read_text(encoding="ascii").strip()
    home.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{_IDENTITY}.{secrets.token_hex(8)}.part")
    write_text(part, secrets.token_hex(16))
    with suppress(FileExistsError):  # another process of this home was first
        os.link(part, file)
    part.unlink()
    sync_folder(home)
    return file.read_text(encoding="ascii").strip()


def tidy(home: Path, before: datetime) -> None:
    """Take away what a killed :func:`accept` left half copied, if nothing in it has changed since ``before``."""
    for left in (home / "deliveries" / ".incoming").glob("*"):
        if left.stat().st_mtime < before.timestamp():
            shutil.rmtree(left, ignore_errors=True)


def _entered(catalogue: Catalogue, folder: Path) -> Arrived:
    """The delivery that lies in ``folder``, entered if it is new."""
    about = _about(folder)
    with catalogue.writing() as session:
        delivery = deliveries.accept(
            session,
            about["publisher"],
            about["files"],
            about["sha256"],
            about["bytes"],
            datetime.fromisoformat(about["accepted_on"]),
            home_of(folder.parent.parent),
        )
        return _arrived(folder.parent, about["publisher"], delivery, about)


def _about(folder: Path) -> dict[str, Any]:
    """What the bytes cannot say of themselves, kept beside them."""
    about: dict[str, Any] = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    return about


def _arrived(root: Path, publisher: str, delivery: Delivery, about: Mapping[str, Any]) -> Arrived:
    return Arrived(
        delivery_id=delivery.id,
        publisher=publisher,
        accepted_on=delivery.accepted_on,
        state=delivery.state,
        files=tuple(root / delivery.id / str(position) for position in range(len(delivery.file_names))),
        file_names=tuple(delivery.file_names),
        raw_names=tuple(None if octets is None else bytes.fromhex(octets) for octets in about.get("raw_names", ())),
        profile=about.get("profile"),
    )


def _raw_names(files: Sequence[Path], names: Sequence[str]) -> list[str | None]:
    """The octets of each name that is not UTF-8, in hexadecimal; empty where all are."""
    raw = [os.fsencode(file.name) for file in files]
    given = [None if octets == name.encode() else octets.hex() for octets, name in zip(raw, names, strict=True)]
    return given if any(given) else []


def _as_text(about: Mapping[str, Any]) -> str:
    return json.dumps(about, ensure_ascii=False, indent=1)


def _kept(source: Path, target: Path) -> tuple[str, int]:
    """Copy ``source`` durably and give its SHA-256 and length."""
    digest, length = hashlib.sha256(), 0
    try:
        stream = source.open("rb")
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}") from error
    with stream, target.open("xb") as kept_file:
        while block := stream.read(BUFFER):
            digest.update(block)
            kept_file.write(block)
            length += len(block)
        kept_file.flush()
        os.fsync(kept_file.fileno())
    return digest.hexdigest(), length


def _digest_of_set(digests: Sequence[tuple[str, str]]) -> str:
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
