"""A serialised bag taken in member by member: which folder is the bag, and which of its names to trust."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from repository.bags.codes import Findings
from repository.bags.contents import Collector, Contents, Wanted
from repository.bags.headers import member_header
from repository.bags.paths import PAYLOAD, both_file_and_folder, outside
from repository.bags.tar import TarReader
from repository.bags.tar_blocks import FOLDER, REGULAR, Entry, TarDamage
from repository.storage import ByteStream
from repository.vocabulary import Level

T = TypeVar("T")


@dataclass(slots=True)
class Serialised:
    """A tar read to its end: the bag in it, the seal and length of all bytes, and what only our own bags are asked."""

    contents: Contents
    seal: str
    octets: int
    order: list[str] = field(default_factory=list)
    """Every name in the tar as it came, with the top folder; kept only when our own bag is judged."""


def read_tar(stream: ByteStream, own: bool, wanted: Wanted | None = None) -> Serialised:
    """Read the whole stream once and take in what it holds.

    With ``own``, headers, filling and end must be exactly those that we write; what
    differs is a finding. Payload files that are ``wanted`` are held. Nothing but what ``stream.read`` raises is raised.
    """
    reader = TarReader(stream)
    collector = Collector(("sha512",) if own else None, wanted)
    members = _Names(collector, own)
    try:
        for entry in reader.entries():
            _note_filling(reader, own, collector.contents.findings)
            members.take(entry, reader)
        _note_filling(reader, own, collector.contents.findings)
    except TarDamage as damage:
        collector.contents.findings.keep(damage.finding)
        collector.contents.cut_short = True
    findings = collector.contents.findings
    if reader.end_blocks < 2 and not collector.contents.cut_short:
        findings.add("BAG_TAR_END", level=Level.ERROR if own else None, count=str(reader.end_blocks))
    if own and reader.zeros_after_end:
        start = str(reader.octets - reader.zeros_after_end)
        findings.add("BAG_TAR_TRAILING_DATA", offset=start, reason=f"{reader.zeros_after_end} bytes of zeros")
    reader.drain()
    return Serialised(members.settle(), reader.seal, reader.octets, members.order)


def _note_filling(reader: TarReader, own: bool, findings: Findings) -> None:
    if reader.unclean is not None:
        findings.add("BAG_OWN_HEADER" if own else "BAG_TAR_PADDING", reader.unclean)
        reader.unclean = None


class _Names:
    """The names of the tar until its end shows which of its folders is the bag."""

    def __init__(self, collector: Collector, own: bool) -> None:
        self._collector = collector
        self._contents = collector.contents
        self._own = own
        self._folders: set[str] = set()
        self._tops: dict[str, None] = {}
        self._loose: set[str] = set()
        self.order: list[str] = []

    def take(self, entry: Entry, reader: TarReader) -> None:
        """Take one member in, if its name and kind allow it; what does not is a finding."""
        findings = self._contents.findings
        if self._own:
            self.order.append(entry.path)
            if entry.kind != REGULAR or not _as_we_write(entry):
                findings.add("BAG_OWN_HEADER", entry.path)
        path = self._trusted(entry)
        if path is None or not self._collector.room_for(path):
            return
        segments = path.split("/")
        if entry.kind == FOLDER:
            self._tops[segments[0]] = None
            if len(segments) < 3:
                self._folders.add(path)
            return
        if len(segments) == 1:
            self._loose.add(path)
        else:
            self._tops[segments[0]] = None
        if entry.kind != REGULAR:
            findings.add("BAG_FILE_KIND", path, kind=entry.kind)
            self._contents.refused.add(path)
        elif path in self._contents.members:
            findings.add("BAG_TAR_MEMBER_TWICE", path)
        else:
            # Loose files and files below a top folder called data: as if the bag had been serialised from within.
            within = path if len(segments) == 1 or segments[0] == "data" else path.partition("/")[2]
            if self._collector.take(path, within, entry.offset, entry.size, reader.data(entry)) < entry.size:
                self._collector.forget(path)

    def _trusted(self, entry: Entry) -> str | None:
        """The member's name without what stands around it; None for the top itself and for a name not to be used."""
        path = entry.path
        while path.startswith("./"):
            path = path[2:].lstrip("/")
        if entry.kind == FOLDER:
            path = path.rstrip("/")
            if path in ("", "."):
                return None
        if outside(path) or "\0" in path or not {"", "."}.isdisjoint(path.split("/")):
            self._contents.findings.add("BAG_NAME_UNSAFE", entry.path, name=entry.path)
            return None
        if not path.isascii() and _undecodable(path):
            self._contents.findings.add("BAG_NAME_ENCODING", path)
        return path

    def settle(self) -> Contents:
        """The contents with paths relative to the bag's base directory, whichever that is."""
        contents = self._contents
        base = self._base()
        contents.name = base or None
        prefix = base + "/" if base else ""
        # Members are moved, not copied: a bag may hold a million.
        contents.members = _below(prefix, contents.members)
        contents.texts = _below(prefix, contents.texts)
        contents.metadata = _below(prefix, contents.metadata)
        contents.held = _below(prefix, contents.held)
        contents.refused = {path[len(prefix) :] for path in contents.refused if path.startswith(prefix)}
        contents.has_payload_folder = prefix + "data" in self._folders or any(
            path.startswith(PAYLOAD) for path in contents.members
        )
        for path in both_file_and_folder(contents.members):
            contents.findings.add("BAG_NAME_CONFLICT", path)
        return contents

    def _base(self) -> str:
        findings = self._contents.findings
        if not self._tops and not self._loose:
            if not self._contents.cut_short:
                findings.add("BAG_TAR_LAYOUT", reason="it holds nothing")
            return ""
        if len(self._tops) == 1 and not self._loose:
            return next(iter(self._tops))
        if "bagit.txt" in self._loose:
            findings.add("BAG_TAR_LAYOUT", reason="bagit.txt stands at the top, in no folder")
            return ""
        reason = f"{len(self._tops)} folders and {len(self._loose)} files"
        findings.add("BAG_TAR_LAYOUT", reason=reason)
        declared = [top for top in self._tops if f"{top}/bagit.txt" in self._contents.members]
        return (declared or [*self._tops, ""])[0]


def _below(prefix: str, table: dict[str, T]) -> dict[str, T]:
    return {path[len(prefix) :]: value for path, value in table.items() if path.startswith(prefix)}


def _undecodable(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _as_we_write(entry: Entry) -> bool:
    return not _undecodable(entry.path) and member_header(entry.path, entry.size) == entry.header


def read_offsets(stream: ByteStream) -> dict[str, tuple[int, int]]:
    """Where each regular file's bytes stand in a tar: name in the tar to (offset of the first byte, length).

    Only headers are believed and nothing is verified. Raises TarDamage where the tar
    cannot be read on, and whatever ``stream.read`` raises.
    """
    return {entry.path: (entry.offset, entry.size) for entry in TarReader(stream).entries() if entry.kind == REGULAR}
