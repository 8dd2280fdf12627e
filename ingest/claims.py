"""The articles that a delivery seems to hold, each with the names by which its files will be known."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ingest.dialects import Described, Kind
from ingest.unpack import Member
from repository.turkish import machine_lower
from repository.vocabulary import Finding

_ONE_I = str.maketrans({"İ": "i", "I": "i", "ı": "i"})
_NUMBER = re.compile(r"\d+")
_METADATA_SUFFIX = re.compile(r"(?i)(?:\.wml2?)?(?:\.xml\.meta|\.n?xml|\.sgml?)$")


def nfc(text: str) -> str:
    """Equal for names that differ only in Unicode form (macOS writes NFD)."""
    return unicodedata.normalize("NFC", text)


def loose(text: str) -> str:
    """Equal for names that differ in capitals, English or Turkish, or in Unicode form."""
    return nfc(nfc(text).translate(_ONE_I).casefold())


def without_ending(name: str) -> str:
    """The name of a metadata file without what tells that it is one; of another name, without its last ending."""
    return _METADATA_SUFFIX.sub("", name) if _METADATA_SUFFIX.search(name) else posixpath.splitext(name)[0]


def is_next(name: str, other: str) -> bool:
    """Whether two names differ in their numbers alone, as ``6.xml`` and ``7.xml``, ``art06`` and ``art12`` do."""
    name, other = loose(name), loose(other)
    return name != other and _NUMBER.sub("0", name) == _NUMBER.sub("0", other)


def folders(folder: str) -> Iterator[str]:
    """The folder, the one around it, and so on to the root, which is empty."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""


@dataclass(eq=False)
class File:
    """A member by the parts of its name."""

    member: Member

    @cached_property
    def folder(self) -> str:
        return nfc(self.member.name.rpartition("/")[0])

    @cached_property
    def base(self) -> str:
        return nfc(self.member.name.rpartition("/")[2])

    @cached_property
    def stem(self) -> str:
        return posixpath.splitext(self.base)[0]

    @cached_property
    def is_pdf(self) -> bool:
        return machine_lower(self.base).endswith(".pdf")


@dataclass(eq=False)
class Claim:
    """One article while its files are being found. ``alone``: no other article stands in its metadata file.

    ``listed`` are those of its names that are exact paths: a list of the delivery gave them, not the article's XML.
    """

    metadata: Member
    described: Described | None
    kind: Kind
    alone: bool = True
    findings: list[Finding] = field(default_factory=list)
    pdfs: list[Member] = field(default_factory=list)
    files: dict[str, Member] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()

    @cached_property
    def folder(self) -> str:
        """Where its metadata file lies, in NFC."""
        return nfc(self.metadata.name.rpartition("/")[0])

    @cached_property
    def stem(self) -> str:
        """The base name of its metadata file without what follows the name, in NFC."""
        return without_ending(nfc(self.metadata.name.rpartition("/")[2]))

    @property
    def line(self) -> int | None:
        """Where in its metadata file the article begins."""
        return self.described.line if self.described else None

    def owns_by_prefix(self, base: str) -> bool:
        """Whether a base name begins with this one's and then turns to something else: ``a-gf01``, ``06861f2``."""
        if not self.stem or not base.startswith(self.stem):
            return False
        last, following = self.stem[-1], base[len(self.stem) :][:1]
        same_run = (last.isdigit() and following.isdigit()) or (last.isalpha() and following.isalpha())
        return not same_run


def articles_among(readable: Sequence[Claim], doubtful: Sequence[Claim], members: Sequence[Member]) -> list[Claim]:
    """The readable articles, and of the doubtful ones those that are not a supplement of a surer one."""
    claims = list(readable)
    pdfs = {loose(f"{file.folder}/{file.stem}") for file in map(File, members) if file.is_pdf}
    for kind in (Kind.UNREAD, Kind.READ, Kind.UNKNOWN):
        by_folder: dict[str, list[Claim]] = defaultdict(list)
        named: set[str] = set()
        for claim in claims:
            by_folder[claim.folder].append(claim)
            names = claim.described.file_names if claim.described else ()
            named.update(loose(posixpath.basename(name)) for name in names)
        for claim in [each for each in doubtful if each.kind is kind]:
            file = File(claim.metadata)
            if loose(f"{claim.folder}/{claim.stem}") in pdfs:
                claims.append(claim)
                continue
            near = next((by_folder[folder] for folder in folders(claim.folder) if folder in by_folder), [])
            # Broken XML may be anything, and is told; well-formed XML of no article's format beside one is its data.
            harmless = all(found.code.startswith("FORMAT_") for found in claim.findings)
            supplement = (
                loose(file.base) in named
                or any(other.owns_by_prefix(file.stem) for other in by_folder.get(claim.folder, ()))
                or (harmless and len(near) == 1)
            )
            if not supplement:
                claims.append(claim)
    return claims
