"""Lists of digests that a publisher sent along, compared with what came: a list is binding once it is one.

A file counts as a list if every line of it is a digest and a name, and most of the names are those of files that
came; the less its own name promises a list, the more of them. A text that happens to be named ``checksums.txt``, or
the digests of somebody's data elsewhere, stay what they are.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from lxml import etree

from ingest.dialects.xml import local, read_xml
from ingest.findings import finding
from ingest.profiles import DEFAULT, ManifestRule
from ingest.unpack.archives import BUFFER, INNER
from ingest.unpack.digest_lines import ALGORITHMS, Line, read_digests, text_lines
from ingest.unpack.names import caseless, is_junk
from repository.turkish import machine_lower
from repository.vocabulary import Finding

_ANY = "|".join(ALGORITHMS)
_HYPHENED = _ANY.replace("sha", "sha-?")
_LARGEST_ENTRY = 1 << 20

_BAG_LIST = re.compile(r"(tag)?manifest-([a-z0-9]+)\.txt")
_NAMED_BY_ALGORITHM = re.compile(rf"(.*)\.({_ANY})(?:sums?)?(?:\.txt)?")
_BY_HABIT = rf"(?:{_HYPHENED})?[-_. ]?(?:(?:check)?sums?|hash(?:es)?|shasums)?[-_. ]?(?:{_HYPHENED}|224|256|384|512)?"
_NAMED_BY_HABIT = re.compile(rf"(?=.*[a-z]){_BY_HABIT}(?:\.(?:txt|lst|list|csv|tsv))?")
_MAY_BE_ONE = re.compile(r"[^.]+|.*\.(?:txt|lst|list|csv|tsv|sums?|chk|mf)")
_SOME_DIGEST = re.compile(rb"(?i)(?:[0-9a-f]\0?){32}")

_BAG_LINE = re.compile(r"([0-9A-Fa-f]+)[ \t]+\*?(.+)")
_BAG_ESCAPE = re.compile(r"%(0[AaDd]|25)")
_ABSOLUTE = re.compile(r"[A-Za-z]:|[/\\]")


class _Sure(Enum):
    """How much a file's name alone promises a list."""

    YES = "its name leaves no doubt"
    LIKELY = "it is called as such lists are"
    POSSIBLY = "it may be any text"


@dataclass(frozen=True, slots=True)
class Held:
    """A file that came: a member of an archive, or a delivered file itself."""

    name: str
    source: Path
    bytes: int


@dataclass(frozen=True, slots=True)
class Compared:
    """What the lists told: ``lists`` are the names of the files that are lists."""

    lists: frozenset[str]
    findings: tuple[Finding, ...]


def compare(members: Sequence[Held], delivered: Sequence[Held], rule: ManifestRule = DEFAULT.manifest) -> Compared:
    """Every list among ``members`` held against the bytes that came; archives that were opened are members here.

    ``delivered`` are the files of the delivery as they arrived, archives among them. CHECKSUM_MISMATCH and
    MANIFEST_FILE_MISSING stand for a broken promise, UNLISTED_FILE for what was not promised,
    MANIFEST_UNREADABLE for a file that is named as a list and is none, or one by another algorithm than ``rule``
    asks for; MANIFEST_MISSING where the list that it names did not come.
    """
    comparison = _Comparison(members, delivered, rule)
    for member in members:
        comparison.take(member)
    comparison.check_presence()
    comparison.check_digests()
    comparison.check_unlisted()
    return Compared(frozenset(comparison.lists), tuple(comparison.findings))


class _Comparison:
    def __init__(self, members: Sequence[Held], delivered: Sequence[Held], rule: ManifestRule) -> None:
        self._rule = rule
        self.findings: list[Finding] = []
        self.lists: set[str] = set()
        self._members = _Index(members)
        self._delivered = _Index(delivered)
        self._loose = {held.name for held in delivered}
        self._names = [held.name for held in members]
        self._bags = {
            member.name.removesuffix("bagit.txt")
            for member in members
            if member.name.rpartition("/")[2] == "bagit.txt" and _begins(member.source, b"BagIt-Version")
        }
        self._promised: dict[Held, list[tuple[str, Line]]] = defaultdict(list)
        self._scopes: set[str] = set()

    def take(self, member: Held) -> None:
        """Read this member if it is a list, and note what it promises."""
        folder, _, base = member.name.rpartition("/")
        folder += "/" if folder else ""
        small = machine_lower(base)
        if self._rule.names(member.name):
            self._take_list(member, folder, None, None, _Sure.YES)
            return
        bag_list = _BAG_LIST.fullmatch(small)
        if bag_list and folder in self._bags:
            self._take_bag_list(member, folder, bag_list[2], payload=not bag_list[1])
            return
        by_algorithm = _NAMED_BY_ALGORITHM.fullmatch(small)
        if bag_list or by_algorithm:
            algorithm = bag_list[2] if bag_list else by_algorithm[2] if by_algorithm else None
            stem = base[: len(by_algorithm[1])] if by_algorithm else None
            self._take_list(member, folder, algorithm, stem, _Sure.YES)
        elif _NAMED_BY_HABIT.fullmatch(small):
            self._take_list(member, folder, None, None, _Sure.LIKELY)
        elif _MAY_BE_ONE.fullmatch(small) and _SOME_DIGEST.search(_head(member.source)):
            self._take_list(member, folder, None, None, _Sure.POSSIBLY)
        elif small.endswith(".xml") and member.name in self._loose and member.bytes <= _LARGEST_ENTRY:
            self._take_entry(member)

    def _take_list(self, member: Held, folder: str, algorithm: str | None, stem: str | None, sure: _Sure) -> None:
        """A list by name or by content: ``stem`` is what the list is named after."""
        read = read_digests(member.source, member.bytes, algorithm)
        found = [(line, line.targets or (stem or member.name,)) for line in read.lines]
        means = [self._find(member, folder, line, targets) for line, targets in found]
        here = sum(
            held is not None and (held.name != member.name or bool(line.targets))
            for held, line in zip(means, read.lines, strict=True)
        )
        if sure is _Sure.POSSIBLY and (not read.is_list or here * 2 <= len(found)):
            return
        if not read.is_list:
            if sure is _Sure.YES or (here and read.strange < len(found)):
                detail = "this line is no digest of a file" if read.wrong else "its lines are no digests of files"
                self.findings.append(finding("MANIFEST_UNREADABLE", member.name, read.wrong, detail=detail))
                self.lists.add(member.name)
            return
        if sure is _Sure.LIKELY and not here:
            return  # the digests of somebody's data set, none of which is here
        if not self._is_believed(member, read.lines[0].algorithm):
            return
        self.lists.add(member.name)
        for line, targets in found:
            self._promise(member, folder, line, targets)
        first = read.lines[0].targets
        alone = stem is not None and len(found) == 1 and (not first or f"{first[0]}.".startswith(f"{stem}."))
        if member.name in self._loose:
            self.findings.append(finding("SIDECAR", member.name))
        elif not alone:
            self._scopes.add(folder)

    def _is_believed(self, member: Held, algorithm: str) -> bool:
        wanted = self._rule.algorithm
        if wanted is None or algorithm == wanted:
            return True
        detail = f"its digests are {algorithm}, and the publisher's are to be {wanted}"
        self.findings.append(finding("MANIFEST_UNREADABLE", member.name, detail=detail))
        self.lists.add(member.name)
        return False

    def check_presence(self) -> None:
        """The list that the publisher sends with every delivery has come."""
        if self._rule.file is not None and not any(self._rule.names(name) for name in self.lists):
            self.findings.append(finding("MANIFEST_MISSING", name=self._rule.file))

    def _take_bag_list(self, member: Held, folder: str, algorithm: str, *, payload: bool) -> None:
        self.lists.add(member.name)
        if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
            detail = f"the algorithm {algorithm} is not known"
            self.findings.append(finding("MANIFEST_UNREADABLE", member.name, detail=detail))
            return
        if payload and not self._is_believed(member, algorithm):
            return
        if payload:
            self._scopes.add(folder + "data/")
        for number, text in enumerate(text_lines(member.source, member.bytes), 1):
            found = _BAG_LINE.fullmatch(text)
            if text and not found:
                self.findings.append(finding("MANIFEST_UNREADABLE", member.name, number))
            elif found:
                path = found[2]
                if self._members.find(folder + path) is None:
                    path = _BAG_ESCAPE.sub(lambda each: chr(int(each[1], 16)), path)
                self._promise(member, folder, Line((path,), algorithm, machine_lower(found[1]), number), (path,))

    def _take_entry(self, member: Held) -> None:
        """A file about the others: the Atom entry of a deposit, or the go.xml of Aries."""
        root = read_xml(member.source.read_bytes(), member.name).root
        if root is not None and root.tag == "{http://www.w3.org/2005/Atom}entry":
            self._take_atom(member, root)
        elif root is not None and local(root) == "GO":
            self._take_go(member, root)

    def _take_atom(self, member: Held, root: etree._Element) -> None:
        """``pkp:content`` of a PKP PLN deposit gives the digest of the zip beside it."""
        content = root.find("{http://pkp.sfu.ca/SWORD}content")
        others = self._others(member)
        if content is None or len(others) != 1:
            return
        algorithm = machine_lower(content.get("checksumType") or "").replace("-", "")
        digest = machine_lower((content.get("checksumValue") or "").strip())
        if algorithm in ALGORITHMS and digest:
            line = Line((others[0].name,), algorithm, digest, content.sourceline or 1)
            self._promised[others[0]].append((member.name, line))

    def _take_go(self, member: Held, root: etree._Element) -> None:
        """``filegroup`` names the archive and every file in it: what did not come is missing."""
        if not self._others(member):
            return  # it came alone, and is told as one part of a set
        for each in root.iterfind(".//filegroup/*[@name]"):
            name = (each.get("name") or "").strip()
            held = self._delivered.find(name) or self._members.find(name) or self._members.find_by_end(name)
            if name and held is None and not is_junk(name):
                detail = f"{member.name}, line {each.sourceline}"
                self.findings.append(finding("MANIFEST_FILE_MISSING", name, detail=detail))

    def _find(self, member: Held, folder: str, line: Line, targets: Sequence[str]) -> Held | None:
        """The file that a line means: the first of its possible names that is one here."""
        return next((held for target in targets if (held := self._named(member, folder, line, target))), None)

    def _named(self, member: Held, folder: str, line: Line, target: str) -> Held | None:
        """The file of this name: beside the list, from the archive's root, or by the end of its path."""
        name = "/".join(part for part in target.replace("\\", "/").split("/") if part not in ("", "."))
        held = None
        if member.name in self._loose:
            held = self._delivered.find(name) or self._delivered.find(name.rpartition("/")[2])
            others = self._others(member)
            if not line.targets and len(others) == 1 and (held is None or held.name == member.name):
                held = others[0]
        inner, mark, _ = member.name.rpartition(INNER)
        for end in _ends(name) if _ABSOLUTE.match(target) else (name,):
            held = held or self._members.find(folder + end) or self._members.find(inner + mark + end)
            held = held or self._members.find_by_end(end)
        return held

    def _promise(self, member: Held, folder: str, line: Line, targets: Sequence[str]) -> None:
        held = self._find(member, folder, line, targets)
        if held is None:
            if not is_junk(targets[0].replace("\\", "/")):  # it may have come, and was set aside
                detail = f"{member.name}, line {line.number}"
                self.findings.append(finding("MANIFEST_FILE_MISSING", targets[0], detail=detail))
        elif held.name != member.name:
            # A list made by `md5sum *` into the same folder holds a digest of itself half written.
            self._promised[held].append((member.name, line))

    def _others(self, member: Held) -> list[Held]:
        return [held for held in self._delivered.all if held.name != member.name]

    def check_digests(self) -> None:
        """Each promised file is read once, for all the algorithms that were promised of it."""
        for held, promises in self._promised.items():
            digests = _digests(held.source, {line.algorithm for _, line in promises})
            for listing, line in promises:
                if digests[line.algorithm] != line.digest:
                    detail = f"{listing}, line {line.number}, says {line.algorithm} {line.digest}"
                    self.findings.append(
                        finding("CHECKSUM_MISMATCH", held.name, detail=f"{detail}; it is {digests[line.algorithm]}")
                    )

    def check_unlisted(self) -> None:
        """A list speaks for its folder and all below it; a list of one file named after it speaks for that file."""
        promised = {held.name for held in self._promised}
        lengths = {len(scope) for scope in self._scopes}
        for name in self._names:
            if name in promised or name in self.lists or name in self._loose:
                continue
            # What is inside an inner archive is that archive's to list.
            if any(name[:length] in self._scopes and INNER not in name[length:] for length in lengths):
                self.findings.append(finding("UNLISTED_FILE", name))


class _Index:
    """Files by their names: as written, else in Unicode NFC, else without regard to capitals."""

    def __init__(self, held: Sequence[Held]) -> None:
        self.all = held
        self._exact = {each.name: each for each in held}
        self._nfc: dict[str, list[Held]] = defaultdict(list)
        self._caseless: dict[str, list[Held]] = defaultdict(list)
        self._by_base: dict[str, list[Held]] = defaultdict(list)
        for each in held:
            self._nfc[unicodedata.normalize("NFC", each.name)].append(each)
            self._caseless[caseless(each.name)].append(each)
            self._by_base[each.name.rpartition("/")[2]].append(each)

    def find(self, name: str) -> Held | None:
        """The one file that has this name, or could only be meant by it."""
        if name in self._exact:
            return self._exact[name]
        for found in (self._nfc.get(unicodedata.normalize("NFC", name)), self._caseless.get(caseless(name))):
            if found and len(found) == 1:
                return found[0]
        return None

    def find_by_end(self, name: str) -> Held | None:
        """The one file whose path ends with this name: lists often leave out the top folder."""
        found = [each for each in self._by_base.get(name.rpartition("/")[2], ()) if each.name.endswith("/" + name)]
        return found[0] if len(found) == 1 else None


def _ends(path: str) -> Iterator[str]:
    """The path, and what is left of it as its first parts go: a sender's own folders are not in the archive."""
    while path:
        yield path
        path = path.partition("/")[2]


def _head(source: Path) -> bytes:
    with source.open("rb") as stream:
        return stream.read(4096)


def _begins(source: Path, magic: bytes) -> bool:
    with source.open("rb") as stream:
        return stream.read(len(magic) + 3).removeprefix(b"\xef\xbb\xbf").startswith(magic)


def _digests(source: Path, algorithms: Iterable[str]) -> Mapping[str, str]:
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    with source.open("rb") as stream:
        while block := stream.read(BUFFER):
            for each in hashes.values():
                each.update(block)
    return {name: each.hexdigest() for name, each in hashes.items()}
