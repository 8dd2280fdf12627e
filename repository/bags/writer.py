"""One article version written as one sealed bag: a tar whose every byte follows from what it is given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from repository.bags.bag_info import render_bag_info, values_of
from repository.bags.declaration import TEXT
from repository.bags.headers import END, member_header, padding
from repository.bags.manifests import render_manifest
from repository.bags.own import MANIFEST, METADATA, TAGMANIFEST, member_order
from repository.bags.paths import PAYLOAD, both_file_and_folder, unsafe_path
from repository.bags.seal import payload_digest
from repository.errors import Doubt
from repository.storage import BUFFER
from repository.vocabulary import PayloadFile, bag_name


class StagingChanged(Doubt):
    """A staged file no longer has the bytes that were counted and digested when the delivery was unpacked."""

    def __init__(self, source: Path, detail: str) -> None:
        super().__init__(f"{source} is not what was unpacked: {detail}; look at the disk")
        self.source = source


@dataclass(frozen=True, slots=True)
class PayloadSource:
    """One payload file to be: ``path`` inside ``data/``, where its bytes are staged, and what they were when staged."""

    path: str
    source: Path
    bytes: int
    sha512: str


@dataclass(frozen=True, slots=True)
class Bag:
    """A sealed bag on the local disk. ``files`` is the payload alone, with the place of each in the tar."""

    article_id: str
    version: int
    path: Path
    seal: str
    bytes: int
    files: tuple[PayloadFile, ...]
    payload_digest: str
    bagging_date: str
    """``Bagging-Date`` of the bag metadata, or the empty text."""


def write_bag(
    target: Path,
    *,
    article_id: str,
    version: int,
    bag_info: Sequence[tuple[str, str]],
    tag_files: Mapping[str, bytes],
    payload: Sequence[PayloadSource],
) -> Bag:
    """Write the bag to ``target``; the same arguments give the same bytes on any machine.

    It is not forced to the disk: what is kept lies in the stores, which see to it, and is read back from there.

    RFC 8493, BagIt 1.0, SHA-512 manifests; a tar with regular files only, in the order
    of :func:`repository.bags.own.member_order`, ended by two blocks of zeros and nothing
    more. ``tag_files`` are paths under ``metadata/``. ``External-Identifier`` (the article
    id) is put first if ``bag_info`` has none, ``Payload-Oxum`` last.

    Each staged file is digested again while it is copied. Raises StagingChanged when it
    is not what it was, ValueError for a path or a text that may not stand in a bag or for
    an empty payload, OSError. In each case ``target`` is not there.
    """
    name = bag_name(article_id, version)
    if "/" in name or unsafe_path(name) or version < 1:
        raise ValueError(f"not the name of a bag: {name!r}")
    files = {PAYLOAD + source.path: source for source in payload}
    _check_names([PAYLOAD + source.path for source in payload], tag_files)
    tags = _tag_files(article_id, bag_info, tag_files, files)
    placed: list[PayloadFile] = []
    try:
        with target.open("wb") as file:
            tar = _SealedFile(file)
            for path in member_order([*tags, *files]):
                if path in files:
                    source = files[path]
                    tar.write(member_header(f"{name}/{path}", source.bytes))
                    placed.append(PayloadFile(source.path, tar.octets, source.bytes, source.sha512))
                    _copy(source, tar)
                    tar.write(bytes(padding(source.bytes)))
                else:
                    raw = tags[path]
                    tar.write(member_header(f"{name}/{path}", len(raw)) + raw + bytes(padding(len(raw))))
            tar.write(END)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    dates = values_of(bag_info, "Bagging-Date")
    return Bag(
        article_id=article_id,
        version=version,
        path=target,
        seal=tar.seal,
        bytes=tar.octets,
        files=tuple(placed),
        payload_digest=payload_digest(placed),
        bagging_date=dates[0] if dates else "",
    )


class _SealedFile:
    """A file that digests what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.octets = 0

    def write(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        self._file.write(data)
        self.octets += len(data)

    @property
    def seal(self) -> str:
        return self._digest.hexdigest()


def _check_names(payload: list[str], tag_files: Mapping[str, bytes]) -> None:
    if not payload:
        raise ValueError("a bag without payload has no folder data")
    names = [*payload, *tag_files]
    for name in names:
        if reason := unsafe_path(name):
            raise ValueError(f"{name!r} may not stand in a bag: {reason}")
    for name in tag_files:
        if not name.startswith(METADATA):
            raise ValueError(f"the tag file {name!r} does not stand under {METADATA}")
    if len(set(names)) != len(names):
        raise ValueError("two files have the same name")
    for name in both_file_and_folder(names):
        raise ValueError(f"{name!r} would be both a file and a folder")


def _tag_files(
    article_id: str,
    bag_info: Sequence[tuple[str, str]],
    tag_files: Mapping[str, bytes],
    files: Mapping[str, PayloadSource],
) -> dict[str, bytes]:
    """Every tag file's bytes by its path: the four of the standard and those given."""
    if values_of(bag_info, "Payload-Oxum"):
        raise ValueError("Payload-Oxum is counted here, not given")
    identifiers = values_of(bag_info, "External-Identifier")
    if identifiers not in ([], [article_id]):
        raise ValueError(f"External-Identifier must be the article id, once: {identifiers}")
    pairs = [*([] if identifiers else [("External-Identifier", article_id)]), *bag_info]
    pairs.append(("Payload-Oxum", f"{sum(source.bytes for source in files.values())}.{len(files)}"))
    tags = {
        "bagit.txt": TEXT,
        "bag-info.txt": render_bag_info(pairs),
        MANIFEST: render_manifest((path, bytes.fromhex(source.sha512)) for path, source in files.items()),
        **tag_files,
    }
    tags[TAGMANIFEST] = render_manifest((path, hashlib.sha512(raw).digest()) for path, raw in tags.items())
    return tags


def _copy(source: PayloadSource, tar: _SealedFile) -> None:
    digest = hashlib.sha512()
    buffer = bytearray(min(BUFFER, source.bytes + 1))
    view = memoryview(buffer)
    octets = 0
    with source.source.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            octets += count
            if octets > source.bytes:
                raise StagingChanged(source.source, f"it has more than {source.bytes} bytes")
            digest.update(view[:count])
            tar.write(view[:count])
    if octets != source.bytes:
        raise StagingChanged(source.source, f"it has {octets} bytes instead of {source.bytes}")
    if digest.hexdigest() != source.sha512:
        raise StagingChanged(source.source, f"its SHA-512 is {digest.hexdigest()} instead of {source.sha512}")
