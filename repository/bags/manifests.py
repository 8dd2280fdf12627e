"""Manifests and tag manifests: how ours are written, and how anyone's are read line by line (RFC 8493 2.1.3, 2.2.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from repository.bags.codes import Findings
from repository.bags.paths import percent_encoded
from repository.bags.text import lines

_LINE = re.compile(r"(\\?)([0-9A-Fa-f]+)([ \t]+)(.*)", re.DOTALL)
_UNESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a manifest: ``path`` as written, ``digest`` as bytes (None: not even hexadecimal pairs)."""

    line: int
    path: str
    digest: bytes | None
    star: bool
    """Whether ``path`` begins with the asterisk that md5sum puts before a name read in binary mode, or a name's own."""


def render_manifest(digests: Iterable[tuple[str, bytes]]) -> bytes:
    """A manifest's bytes for pairs of path and digest: in the order of the paths' UTF-8 bytes, two blanks between.

    So ``sha512sum -c`` reads it as well.
    """
    rows = sorted((percent_encoded(path).encode("utf-8", "surrogateescape"), digest) for path, digest in digests)
    return b"".join(digest.hex().encode("ascii") + b"  " + path + b"\n" for path, digest in rows)


def parse_manifest(raw: bytes, encoding: str, path: str, findings: Findings) -> Iterator[Listed]:
    """Each line that names a file; the others are findings under ``path``."""
    for number, line in lines(raw, encoding):
        if line is None:
            findings.add("BAG_TAG_ENCODING", path, number, encoding=encoding)
            continue
        found = _LINE.fullmatch(line)
        if not found or not found.group(4):
            reason = "the line is empty" if not line.strip() else "no digest stands at its start, or no path after it"
            findings.add("BAG_MANIFEST_SYNTAX", path, number, reason=reason)
            continue
        escaped, digits, gap, name = found.groups()
        if escaped:
            findings.add("BAG_MANIFEST_MD5SUM", path, number, reason="a backslash before the digest")
            name = _UNESCAPED.sub(lambda pair: "\n" if pair.group(1) == "n" else pair.group(1), name)
        digest = bytes.fromhex(digits) if len(digits) % 2 == 0 else None
        yield Listed(number, name, digest, gap == " " and name.startswith("*"))
