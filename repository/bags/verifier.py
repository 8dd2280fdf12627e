"""A bag read once, from a tar's stream or from a folder, and everything that is wrong with it named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from repository.bags.bag_info import Pairs, values_of
from repository.bags.contents import Contents, Wanted
from repository.bags.declaration import Declaration
from repository.bags.folder_contents import read_folder
from repository.bags.judging import judge
from repository.bags.own import judge_own
from repository.bags.paths import PAYLOAD
from repository.bags.seal import payload_digest
from repository.bags.tar_contents import read_tar
from repository.storage import ByteStream
from repository.vocabulary import Finding, Level, PayloadFile

TagFiles = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class BagReport:
    """What one reading of a bag told."""

    findings: tuple[Finding, ...]
    """Errors first; without an error the bag is valid."""
    seal: str
    """SHA-256 of every byte of the stream, small hexadecimal; empty for a folder, which has no one order of bytes."""
    bytes: int
    """Length of the stream; for a folder, of all its files together."""
    files: tuple[PayloadFile, ...]
    """The payload as it was found, whether or not a manifest lists it; paths inside ``data/``; offset 0 in a folder."""
    bag_info: Pairs
    version: str | None
    """BagIt-Version as declared; None when it could not be read."""
    name: str | None
    """The bag's base directory; None for a tar that has none."""
    tag_files: TagFiles
    """The files under ``metadata/``, by their path in the bag."""
    texts: TagFiles
    """The tag files that the standard itself describes, manifests among them, as far as they could be read."""
    held: TagFiles = field(default_factory=dict)
    """The payload files that were asked for whole, by their path inside ``data/``, as far as there was room."""

    @property
    def valid(self) -> bool:
        """Whether the bag is complete and valid (RFC 8493 section 3), and ours if ours was asked for."""
        return not any(found.level is Level.ERROR for found in self.findings)

    @property
    def external_identifier(self) -> str | None:
        """The first External-Identifier of the bag metadata."""
        return next(iter(values_of(self.bag_info, "External-Identifier")), None)

    @property
    def payload_digest(self) -> str:
        """:func:`repository.bags.payload_digest` of the payload that was found."""
        return payload_digest(self.files)


def verify_stream(
    stream: ByteStream,
    own: tuple[str, int] | None = None,
    expected_name: str | None = None,
    wanted: Wanted | None = None,
) -> BagReport:
    """Read a tar once from ``stream`` to its end and judge the bag in it; nothing touches a disk.

    With ``own`` (article id and version) the bag must also be byte for byte what
    :func:`repository.bags.write_bag` writes for that version: then any changed bit is an
    error even for one who does not know the seal. ``expected_name`` is what the base
    directory should be called, usually the file's name without ``.tar``. The payload files for which
    ``wanted`` (path inside ``data/``, size) is true are in the report whole, so that nobody reads the bag again.

    No input raises anything; what ``stream.read`` itself raises passes through unchanged,
    because a store that does not answer is doubt and not damage.
    """
    serialised = read_tar(stream, own is not None, wanted)
    contents = serialised.contents
    declaration, pairs = judge(contents)
    if own is not None and not contents.cut_short:
        judge_own(contents, serialised.order, pairs, *own)
    if expected_name is not None and contents.name is not None and contents.name != expected_name:
        contents.findings.add("BAG_TAR_NAME", name=contents.name, expected=expected_name)
    return _report(contents, declaration, pairs, serialised.seal, serialised.octets)


def verify_folder(path: Path) -> BagReport:
    """Read an unpacked bag once and judge it. Raises OSError when something cannot be read: doubt, not damage."""
    contents = read_folder(path)
    declaration, pairs = judge(contents)
    return _report(contents, declaration, pairs, "", sum(member.size for member in contents.members.values()))


def verify_path(path: Path) -> BagReport:
    """Judge a folder as an unpacked bag and any other file as a tar, whose name the base directory should have.

    Raises OSError.
    """
    if path.is_dir():
        return verify_folder(path)
    with path.open("rb", buffering=0) as stream:
        return verify_stream(stream, expected_name=path.name.removesuffix(".tar"))


def _report(contents: Contents, declaration: Declaration, pairs: Pairs, seal: str, octets: int) -> BagReport:
    files = tuple(
        PayloadFile(path[len(PAYLOAD) :], member.offset, member.size, (member.digest("sha512") or b"").hex())
        for path, member in contents.payload()
    )
    return BagReport(
        findings=contents.findings.all(),
        seal=seal,
        bytes=octets,
        files=files,
        bag_info=pairs,
        version=declaration.version,
        name=contents.name,
        tag_files=contents.metadata,
        texts=contents.texts,
        held={path[len(PAYLOAD) :]: raw for path, raw in contents.held.items()},
    )
