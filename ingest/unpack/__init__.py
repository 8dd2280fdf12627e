"""A delivery opened safely: every file of it in a folder of ours under a number, its name kept as mere data.

Nothing of an archive is believed before it has been read, and nothing is written before the whole
listing has been judged. What is wrong becomes a finding; only our own disk raises.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from ingest import dialects
from ingest.dialects import describe
from ingest.dialects.embedded import files_within
from ingest.findings import finding
from ingest.profiles import DEFAULT, Nested, Profile
from ingest.unpack.archives import (
    BUFFER,
    HEAD,
    INNER,
    Archive,
    Entry,
    Form,
    Kind,
    Limits,
    Quota,
    Refused,
    corrupt,
    form_of,
    head_of,
    named_as_archive,
    unsupported_form,
)
from ingest.unpack.gunzip import opened
from ingest.unpack.manifests import Held, compare
from ingest.unpack.members import LARGEST_METADATA, Aside, Delivered, Member, SetAside, Unpacked
from ingest.unpack.names import is_junk, judge_all, judge_listing, name_of
from ingest.unpack.tars import TarArchive
from ingest.unpack.told import Told
from ingest.unpack.zips import ZipArchive
from repository.vocabulary import Level

__all__ = [
    "LARGEST_METADATA",
    "Aside",
    "Delivered",
    "Limits",
    "Member",
    "SetAside",
    "Unpacked",
    "is_locked",
    "name_of",
    "unpack",
]

_OPENED = "it was opened"
_CLOSED = "it is kept closed, as a file like any other"


def unpack(
    files: Sequence[Path | Delivered], staging: Path, limits: Limits | None = None, profile: Profile = DEFAULT
) -> Unpacked:
    """Open the delivery that consists of these files, writing only into a new folder inside ``staging``.

    A file is given as Delivered when its bytes are kept under another name than the publisher's.

    Afterwards every file of every archive among ``files`` lies in that folder under a number, with its size and
    SHA-512 counted while it was written, and every list of digests in the delivery has been held against the
    bytes. The caller removes ``staging``. Files that are no archives are members where they lie. An archive in
    an archive is opened, one level deep, if no article's XML stands beside it: else it is a supplement; unless
    ``profile`` says otherwise. It also says which of the files are lists of digests.
    Raises OSError when ``staging`` cannot be written or a file cannot be read, and for nothing that is in the files.
    """
    opening = _Opening(Path(tempfile.mkdtemp(prefix="opened-", dir=staging)), limits or Limits(), profile)
    named = [file if isinstance(file, Delivered) else Delivered(file.name, file) for file in files]
    try:
        opening.take_all(sorted(named, key=lambda file: file.name))
    except Refused as refused:
        if refused.finding != opening.findings.first_error:
            opening.findings.append(refused.finding)
    return opening.result()


def is_locked(source: Path) -> bool:
    """Whether the file is a zip in which something is behind a password."""
    if form_of(head_of(source)) is not Form.ZIP:
        return False
    with ZipArchive(source, source.name, Quota(Limits(), source.stat().st_size)) as archive:
        try:
            archive.survey()
        except Refused as refused:
            return refused.finding.code == "ARCHIVE_ENCRYPTED"
    return False


class _Opening:
    """One delivery while it is being opened."""

    def __init__(self, folder: Path, limits: Limits, profile: Profile) -> None:
        self.findings = Told()
        self._profile = profile
        self._folder = folder
        self._limits = limits
        self._quota = Quota(limits, delivered=0)
        self._members: dict[str, Member] = {}
        self._set_aside: list[SetAside] = []
        self._opened: list[str] = []
        self._inner: list[Held] = []
        self._lists: frozenset[str] = frozenset()
        self._raw_names: dict[str, bytes] = {}
        self._written = 0

    def result(self) -> Unpacked:
        """What came of it; of a refused delivery nothing stays in the folder."""
        findings = tuple(self.findings)
        unpacked = Unpacked(
            tuple(self._members.values()), findings, tuple(self._set_aside), tuple(self._opened), self._lists
        )
        if not unpacked.refused:
            return unpacked
        for number in range(1, self._written + 1):
            self._numbered(number).unlink(missing_ok=True)
        return Unpacked((), findings, (), unpacked.opened)

    def take_all(self, came: Sequence[Delivered]) -> None:
        """The story: the delivered files, the archives among them, the archives inside those, the lists, the names."""
        delivered = [self._deliver(file) for file in came]
        self._quota.delivered = sum(held.bytes for held in delivered)
        for held in delivered:
            self._take_file(held)
        inner = self._inner_archives(self._members.values()) if self._limits.nesting else []
        for member, form in inner:
            self._open_inner(member, form)
        self._refuse_what_is_wrong()
        files = [Held(member.name, member.source, member.bytes) for member in self._members.values()]
        compared = compare([*files, *self._inner], delivered, self._profile.manifest)
        self._lists = compared.lists
        if delivered and self._lists == {held.name for held in delivered}:
            raise Refused(finding("SET_INCOMPLETE", delivered[0].name, detail="the files that it lists are not here"))
        self.findings.extend(compared.findings)
        # What lies inside an XML came with it, so that no list can name it.
        self._take_out_embedded()
        self.findings.extend(judge_all([member.name for member in self._members.values()]))
        if not self._members.keys() - self._lists:
            self.findings.append(finding("EMPTY_PACKAGE", delivered[0].name if delivered else None))

    def _refuse_what_is_wrong(self) -> None:
        if self.findings.first_error is not None:
            raise Refused(self.findings.first_error)

    # The delivered files.

    def _deliver(self, file: Delivered) -> Held:
        raw = os.fsencode(file.name) if file.raw_name is None else file.raw_name
        name = name_of(raw)
        if raw != name.encode():
            self._raw_names[name] = raw
            self.findings.append(finding("NAME_ENCODING", name, octets=raw.hex()))
        status = file.source.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise Refused(finding("LINK_OR_DEVICE", name, detail="the delivered file is not a plain file"))
        return Held(name, file.source, status.st_size)

    def _take_file(self, held: Held) -> None:
        head = head_of(held.source)
        form = form_of(head)
        if form is not None:
            if self._is_gzip_of_one_file(held.source, held.name, form):
                detail = "it is gzip of one file and not of a tar"
                raise Refused(finding("ARCHIVE_FORMAT_UNSUPPORTED", held.name, detail=detail))
            self._open(held.source, held.name, form, prefix="")
            return
        if other := unsupported_form(head):
            raise Refused(finding("ARCHIVE_FORMAT_UNSUPPORTED", held.name, detail=f"it is {other}"))
        if named_as_archive(held.name):
            if held.bytes and not any(head):
                raise Refused(finding("EMPTY_PACKAGE", held.name))
            raise corrupt(held.name, "it does not begin as its name says")
        self._quota.count_entry(held.name)
        self._quota.check_size(held.name, held.bytes)
        sha512 = hashlib.sha512()
        with held.source.open("rb") as stream:
            while block := stream.read(BUFFER):
                sha512.update(block)
        self._keep(Member(held.name, self._raw_names.get(held.name), "", held.source, held.bytes, sha512.hexdigest()))

    # Archives.

    def _open(self, source: Path, archive: str, form: Form, prefix: str) -> list[Member]:
        """Every file of one archive as a member, after its whole listing has been judged."""
        with ExitStack() as stack:
            reader: Archive
            if form is Form.ZIP:
                reader = stack.enter_context(ZipArchive(source, archive, self._quota))
            else:
                reader = TarArchive(source, archive, self._quota, packed=form is Form.GZIP)
            entries = reader.survey()
            names = judge_listing(entries, archive, self.findings.append)
            self._refuse_what_is_wrong()
            self._opened.append(archive)
            kept: list[Member] = []
            for index, blocks in reader.contents():
                name, entry = names[index], entries[index]
                if is_junk(name):
                    self._set_aside.append(SetAside(prefix + name, archive, Aside.JUNK))
                    self.findings.append(finding("JUNK_IGNORED", prefix + name))
                    continue
                member = self._write(prefix, name, entry, archive, blocks)
                if self._keep(member):
                    kept.append(member)
            return kept

    def _is_gzip_of_one_file(self, source: Path, name: str, form: Form) -> bool:
        if form is not Form.GZIP:
            return False
        with opened(source, name, self._quota, packed=True) as stream:
            block = stream.read(HEAD)
        return any(block) and form_of(block) is not Form.TAR

    def _numbered(self, number: int) -> Path:
        return self._folder / f"{number:08d}"

    def _write(self, prefix: str, name: str, entry: Entry, archive: str, blocks: Iterator[bytes]) -> Member:
        """The bytes under the next number, with their size and digest; limits are on what was really read."""
        self._written += 1
        target = self._numbered(self._written)
        sha512, size = hashlib.sha512(), 0
        with target.open("xb") as out:
            for block in blocks:
                size += len(block)
                self._quota.check_size(prefix + name, size)
                sha512.update(block)
                out.write(block)
        self._quota.add(prefix + name, size)
        raw = None if entry.raw == name.encode() else entry.raw
        return Member(prefix + name, raw, archive, target, size, sha512.hexdigest())

    def _keep(self, member: Member) -> bool:
        """Add the member, unless another archive of the set has brought the same one."""
        first = self._members.setdefault(member.name, member)
        if first is member:
            return True
        if first.sha512 != member.sha512:
            detail = f"{first.archive or 'delivered as it is'} and {member.archive or 'delivered as it is'}"
            self.findings.append(finding("DUPLICATE_MEMBER", member.name, detail=detail))
        else:
            self._set_aside.append(SetAside(member.name, member.archive, Aside.REPEATED))
        return False

    # Files inside an XML.

    def _take_out_embedded(self) -> None:
        """Every file that an XML carries as base64 becomes a member beside it; the XML stays as it came."""
        for member in list(self._members.values()):
            if not member.is_named_as_metadata or member.bytes > LARGEST_METADATA:
                continue
            archive = f"{member.archive}{INNER}{member.name}" if member.archive else member.name
            for name, data in files_within(member.source.read_bytes(), member.name):
                self._quota.count_entry(archive)
                self._quota.check_size(name, len(data))
                entry = Entry(name.encode(), name, Kind.FILE, len(data))
                self._keep(self._write("", name, entry, archive, iter([data])))

    # Archives inside archives.

    def _inner_archives(self, members: Iterable[Member]) -> list[tuple[Member, Form]]:
        """The archives among these members that are to be opened: all of them, or none if an article is beside them.

        Those that stay closed are told too: an article may be in one where nobody looks for it.
        """
        packed = [member for member in members if member.archive]
        named = [(member, form_of(head_of(member.source))) for member in packed if named_as_archive(member.name)]
        found = [
            (member, form)
            for member, form in named
            if form is not None and not self._is_gzip_of_one_file(member.source, member.name, form)
        ]
        rule = self._profile.nested
        if not found or rule is Nested.OPEN:
            return found
        if rule is Nested.REFUSE:
            raise Refused(finding("NESTED_REFUSED", found[0][0].name, name=self._profile.name))
        if rule is Nested.AUTO and not any(_is_of_an_article(member) for member in packed):
            return found
        for member, _ in found:
            self.findings.append(finding("NESTED_ARCHIVE", member.name, level=Level.INFO, detail=_CLOSED))
        return []

    def _open_inner(self, member: Member, form: Form) -> None:
        del self._members[member.name]
        self._inner.append(Held(member.name, member.source, member.bytes))
        archive = f"{member.archive}{INNER}{member.name}"
        self.findings.append(finding("NESTED_ARCHIVE", member.name, detail=_OPENED))
        for deeper, _ in self._inner_archives(self._open(member.source, archive, form, member.name + INNER)):
            self.findings.append(finding("NESTED_TOO_DEEP", deeper.name))


def _is_of_an_article(member: Member) -> bool:
    """Whether this is the XML of an article, read or not: not a manifest, and not the data of somebody's table."""
    if not member.is_named_as_metadata:
        return False
    if member.bytes > LARGEST_METADATA:
        return True
    description = describe(member.source.read_bytes(), member.name)
    broken = any(found.code.startswith("XML_") for found in description.findings)
    return broken or description.format.kind in (dialects.Kind.READ, dialects.Kind.UNREAD)
