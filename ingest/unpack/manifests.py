"""Lists of digests that a publisher sent along, compared with what came: a list is binding once it is one.

A file counts as a list only if both its name and every line of it say so, so that a text that
happens to be named ``checksums.txt`` stays a text.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.dialects.xml import read_xml
from ingest.findings import finding
from ingest.profiles import DEFAULT, ManifestRule
from ingest.unpack.archives import BUFFER, INNER
from ingest.unpack.names import caseless, code_page_of, is_junk
from repository.turkish import machine_lower
from repository.vocabulary import Finding

_ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_BY_LENGTH = {hashlib.new(name, usedforsecurity=False).digest_size * 2: name for name in _ALGORITHMS}
_ANY = "|".join(_ALGORITHMS)
_LARGEST = 32 << 20
_MOST_LINES = 250_000
_LARGEST_ENTRY = 1 << 20

_BAG_LIST = re.compile(r"(tag)?manifest-([a-z0-9]+)\.txt")
_NAMED_BY_ALGORITHM = re.compile(rf"(.*)\.({_ANY})(?:sums?)?(?:\.txt)?")
_NAMED_BY_HABIT = re.compile(rf"(?:({_ANY})[-_]?sums?|check[-_]?sums?|({_ANY})|hash(?:es)?)(?:\.txt)?")

_GNU = re.compile(r"(\\?)([0-9A-Fa-f]{32,128})(?: [ *]|[ \t]+\*?)(.+)")
_BSD = re.compile(r"(MD5|SHA-?\d+) ?\((.+)\) ?= ?([0-9A-Fa-f]{32,128})")
_BARE = re.compile(r"[0-9A-Fa-f]{32,128}")
_BAG_LINE = re.compile(r"([0-9A-Fa-f]+)[ \t]+\*?(.+)")
_BAG_ESCAPE = re.compile(r"%(0[AaDd]|25)")
_ESCAPED = {"\\": "\\", "n": "\n", "r": "\r"}
_GNU_ESCAPE = re.compile(r"\\([\\nr])")


@dataclass(frozen=True, slots=True)
class Held:
    """A file that came: a member of an archive, or a delivered file itself."""

    name: str
    source: Path
    bytes: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list: which file (None: the one that the list is named after), which digest."""

    target: str | None
    algorithm: str
    digest: str
    line: int


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
        self._promised: dict[Held, list[tuple[str, Listed]]] = defaultdict(list)
        self._scopes: set[str] = set()

    def take(self, member: Held) -> None:
        """Read this member if it is a list, and note what it promises."""
        folder, _, base = member.name.rpartition("/")
        folder += "/" if folder else ""
        small = machine_lower(base)
        if self._rule.names(member.name):
            self._take_list(member, folder, None, None, sure=True)
            return
        bag_list = _BAG_LIST.fullmatch(small)
        if bag_list and folder in self._bags:
            self._take_bag_list(member, folder, bag_list[2], payload=not bag_list[1])
            return
        by_algorithm, by_habit = _NAMED_BY_ALGORITHM.fullmatch(small), _NAMED_BY_HABIT.fullmatch(small)
        if bag_list or by_algorithm or by_habit:
            algorithm = bag_list[2] if bag_list else by_algorithm[2] if by_algorithm else None
            stem = base[: len(by_algorithm[1])] if by_algorithm else None
            self._take_list(member, folder, algorithm, stem, sure=(bag_list or by_algorithm) is not None)
        elif small.endswith(".xml") and member.name in self._loose and member.bytes <= _LARGEST_ENTRY:
            self._take_entry(member)

    def _take_list(self, member: Held, folder: str, algorithm: str | None, stem: str | None, *, sure: bool) -> None:
        """A list by name: ``stem`` is what the list is named after, ``sure`` whether its name leaves no doubt."""
        listed = _read_list(member, algorithm)
        if not listed:
            if sure:
                self.findings.append(finding("MANIFEST_UNREADABLE", member.name, detail="its lines are no digests"))
                self.lists.add(member.name)
            return
        found = [(line, line.target or stem or member.name) for line in listed]
        if not sure and not any(self._find(member, folder, line, target) for line, target in found):
            return  # the digests of somebody's data set, none of which is here
        if not self._is_believed(member, listed[0].algorithm):
            return
        self.lists.add(member.name)
        for line, target in found:
            self._promise(member, folder, line, target)
        first = listed[0].target
        alone = stem is not None and len(listed) == 1 and (first is None or (first + ".").startswith(stem + "."))
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
        for number, text in enumerate(_lines(member), 1):
            found = _BAG_LINE.fullmatch(text)
            if text and not found:
                self.findings.append(finding("MANIFEST_UNREADABLE", member.name, number))
            elif found:
                path = found[2]
                if self._members.find(folder + path) is None:
                    path = _BAG_ESCAPE.sub(lambda each: chr(int(each[1], 16)), path)
                self._promise(member, folder, Listed(path, algorithm, machine_lower(found[1]), number), path)

    def _take_entry(self, member: Held) -> None:
        """The SWORD Atom entry of a PKP PLN deposit: ``pkp:content`` gives the digest of the zip beside it."""
        root = read_xml(member.source.read_bytes(), member.name).root
        if root is None:
            return
        content = root.find("{http://pkp.sfu.ca/SWORD}content")
        others = self._others(member)
        if root.tag != "{http://www.w3.org/2005/Atom}entry" or content is None or len(others) != 1:
            return
        algorithm = machine_lower(content.get("checksumType") or "").replace("-", "")
        digest = machine_lower((content.get("checksumValue") or "").strip())
        if algorithm in _ALGORITHMS and digest:
            line = Listed(others[0].name, algorithm, digest, content.sourceline or 1)
            self._promised[others[0]].append((member.name, line))

    def _find(self, member: Held, folder: str, line: Listed, target: str) -> Held | None:
        """The file that a line means: beside the list, from the archive's root, or by the end of its path."""
        name = "/".join(part for part in target.replace("\\", "/").split("/") if part not in ("", "."))
        held = None
        if member.name in self._loose:
            held = self._delivered.find(name) or self._delivered.find(name.rpartition("/")[2])
            others = self._others(member)
            if held is None and line.target is None and len(others) == 1:
                held = others[0]
        root = member.name.rpartition(INNER)
        held = held or self._members.find(folder + name) or self._members.find(root[0] + root[1] + name)
        return held or self._members.find_by_end(name)

    def _promise(self, member: Held, folder: str, line: Listed, target: str) -> None:
        held = self._find(member, folder, line, target)
        if held is None:
            if not is_junk(target.replace("\\", "/")):  # it may have come, and was set aside
                detail = f"{member.name}, line {line.line}"
                self.findings.append(finding("MANIFEST_FILE_MISSING", target, detail=detail))
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
                    detail = f"{listing}, line {line.line}, says {line.algorithm} {line.digest}"
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


def _read_list(member: Held, algorithm: str | None) -> list[Listed]:
    """Every line of a list by ``md5sum`` and its kin, GNU or BSD; empty if one of them is anything else."""
    listed: list[Listed] = []
    for number, text in enumerate(_lines(member), 1):
        if not text.strip() or text.startswith(("#", ";")):
            continue
        bare, bsd, gnu = _BARE.fullmatch(text.strip()), _BSD.fullmatch(text.strip()), _GNU.fullmatch(text)
        if bare:
            target, digest, named = None, bare[0], algorithm
        elif bsd:
            target, digest, named = bsd[2], bsd[3], machine_lower(bsd[1]).replace("-", "")
        elif gnu:
            target = _GNU_ESCAPE.sub(lambda each: _ESCAPED[each[1]], gnu[3]) if gnu[1] else gnu[3]
            digest, named = gnu[2], algorithm
        else:
            return []
        if len(digest) not in _BY_LENGTH or (named or _BY_LENGTH[len(digest)]) != _BY_LENGTH[len(digest)]:
            return []
        listed.append(Listed(target, _BY_LENGTH[len(digest)], machine_lower(digest), number))
    return listed if all(line.target is not None for line in listed) or len(listed) == 1 else []


def _lines(member: Held) -> list[str]:
    """The lines of a text in UTF-8, in UTF-16 with its mark (PowerShell's ``>``), or in a Turkish code page."""
    if member.bytes > _LARGEST:
        return ["too large to be a list"]
    data = member.source.read_bytes()
    if data.count(b"\n") > _MOST_LINES:
        return ["too long to be a list"]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode(code_page_of([data]), "replace")
    return re.split(r"\r\n|\n|\r", text)


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
