"""The lines of a list of digests, in the forms in which tools and people write them."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.unpack.names import code_page_of
from repository.turkish import machine_lower

ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_BY_LENGTH = {hashlib.new(name, usedforsecurity=False).digest_size * 2: name for name in ALGORITHMS}
_LARGEST = 32 << 20
_MOST_LINES = 250_000

_DIGEST = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{32,128}(?![0-9A-Za-z])")
_GNU = re.compile(r"(\\?)([0-9A-Fa-f]{32,128})(?: [ *]|[ \t]+\*?)(.+)")
_BSD = re.compile(r"(MD5|SHA2?-?\d+) ?\((.+)\) ?= ?([0-9A-Fa-f]{32,128})")
_ESCAPED = {"\\": "\\", "n": "\n", "r": "\r"}
_GNU_ESCAPE = re.compile(r"\\([\\nr])")
_REMARK = ("#", ";", "//")
_HEAD_WORDS = (
    r"algorithm|algoritma|hash(?:es)?|path|file|name|dosya|adı|adi|checksums?|digest|size|bytes|boyut|length|type"
    r"|md5(?:sum)?|sha-?\d+(?:sum)?"
)
_HEAD = re.compile(rf"(?i)[\W_]*(?:(?:{_HEAD_WORDS})[\W_]*)*")
_NO_NAME = re.compile(r"(?i)\d+|md5|sha2?-?\d+|[-=:*]*")
_AROUND = " \t,;|:=*\"'"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list: which digest, and the names that it may mean, the likeliest first; none: only a digest."""

    targets: tuple[str, ...]
    algorithm: str
    digest: str
    number: int


@dataclass(frozen=True, slots=True)
class Digests:
    """What a file says as a list of digests; ``strange`` lines of it are none, and ``wrong`` is the first of them."""

    lines: tuple[Line, ...]
    strange: int = 0
    wrong: int | None = None

    @property
    def is_list(self) -> bool:
        """Whether every line is one, and each names its file; a single line need not."""
        named = len(self.lines) == 1 or all(each.targets for each in self.lines)
        return bool(self.lines) and not self.strange and named


def read_digests(source: Path, size: int, algorithm: str | None = None) -> Digests:
    """The list in this file of ``size`` bytes, whose digests are by ``algorithm`` if its name says so.

    Read are the forms of ``md5sum`` and its kin, GNU and BSD, of PowerShell's Get-FileHash and FCIV, and tables with
    a name and a digest in each line, in either order. Remarks, heads of tables and empty lines are passed over.
    """
    lines: list[Line] = []
    wrong: list[int] = []
    for number, text in enumerate(text_lines(source, size), 1):
        if not text.strip() or text.startswith(_REMARK):
            continue
        read = _line(text, number, algorithm)
        if read is not None:
            lines.append(read)
        elif lines or not _HEAD.fullmatch(text):
            wrong.append(number)
    return Digests(tuple(lines), len(wrong), wrong[0] if wrong else None)


def text_lines(source: Path, size: int) -> list[str]:
    """The lines of a text in UTF-8, in UTF-16 with its mark (PowerShell's ``>``), or in a Turkish code page."""
    if size > _LARGEST:
        return ["too large to be a list"]
    data = source.read_bytes()
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


def _line(text: str, number: int, algorithm: str | None) -> Line | None:
    bsd, gnu = _BSD.fullmatch(text.strip()), _GNU.fullmatch(text)
    targets: Iterable[str]
    if bsd:
        algorithm = machine_lower(bsd[1]).replace("sha2-", "sha").replace("-", "")
        digest, targets = bsd[3], (bsd[2],)
    elif gnu:
        name = _GNU_ESCAPE.sub(lambda each: _ESCAPED[each[1]], gnu[3]) if gnu[1] else gnu[3]
        digest, targets = gnu[2], (name, *_names(gnu[3]))
    else:
        found = list(_DIGEST.finditer(text))
        if len(found) != 1:
            return None
        digest, targets = found[0][0], _names(text[: found[0].start()], text[found[0].end() :])
    named = _BY_LENGTH.get(len(digest))
    if named is None or (algorithm or named) != named:
        return None
    return Line(tuple(dict.fromkeys(targets)), named, machine_lower(digest), number)


def _names(*around: str) -> Iterator[str]:
    """What may be the name in the rest of a line, once the digest is out of it."""
    for text in around:
        whole = text.strip(_AROUND)
        for mark in (",", ";", "\t"):
            if mark in whole:
                cells = next(csv.reader([text.strip()], delimiter=mark), [])
                yield from (cell.strip(_AROUND) for cell in cells if not _NO_NAME.fullmatch(cell.strip(_AROUND)))
        first, _, rest = whole.partition(" ")
        if rest and _NO_NAME.fullmatch(first):
            yield rest.strip(_AROUND)  # a size, or the name of the algorithm
        if whole and not _NO_NAME.fullmatch(whole):
            yield whole
