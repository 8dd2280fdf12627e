"""bagit.txt: which BagIt the bag follows, and in what encoding its tag files are written (RFC 8493 2.1.1)."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from repository.bags.codes import Findings
from repository.bags.text import known_encoding

TEXT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
"""What stands in every bag of ours."""

KNOWN = ("0.93", "0.94", "0.95", "0.96", "0.97", "1.0")
_EXACT = re.compile(
    rb"BagIt-Version: ([0-9]+\.[0-9]+)(?:\r\n|\r|\n)Tag-File-Character-Encoding: ([!-~]+)(?:\r\n|\r|\n)?"
)
# ABNF strings know no case (RFC 5234 2.3), and the standard's own examples write "BagIt-version". Before 1.0 there
# might be white space around the colon and after the value.
_STRICT = re.compile(_EXACT.pattern, re.IGNORECASE)
_LAX = re.compile(
    rb"[ \t]*BagIt-Version[ \t]*:[ \t]*([0-9]+\.[0-9]+)[ \t]*[\r\n]+"
    rb"[ \t]*Tag-File-Character-Encoding[ \t]*:[ \t]*([!-~]+)\s*",
    re.IGNORECASE,
)
LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Declaration:
    """``version`` as written, or None when it could not be read; ``encoding`` as Python names it."""

    version: str | None = None
    encoding: str = "utf-8"

    @property
    def strict(self) -> bool:
        """Whether the rules of 1.0 hold, stricter than those before it. They also hold where none is known."""
        return self.version is None or self.version == "1.0"

    @property
    def info_name(self) -> str:
        """The file of bag metadata: ``package-info.txt`` until 0.95."""
        return "package-info.txt" if self.version in ("0.93", "0.94", "0.95") else "bag-info.txt"


def read_declaration(raw: bytes | None, findings: Findings) -> Declaration:
    """What bagit.txt says; everything wrong with it is added to ``findings``. ``raw`` is None when there is none."""
    path = "bagit.txt"
    if raw is None:
        findings.add("BAG_DECLARATION_MISSING", path)
        return Declaration()
    if raw.startswith(codecs.BOM_UTF8):
        findings.add("BAG_DECLARATION", path, 1, reason="it begins with a byte-order mark")
        raw = raw[len(codecs.BOM_UTF8) :]
    if len(raw) > LONGEST:
        findings.add("BAG_DECLARATION", path, reason=f"it is longer than {LONGEST} bytes")
        return Declaration()
    if not (found := _STRICT.fullmatch(raw)):
        found = _LAX.fullmatch(raw)
        if not found:
            findings.add("BAG_DECLARATION", path, reason="one is missing or malformed, or there is something else")
            return Declaration()
        if found.group(1) == b"1.0":
            findings.add("BAG_DECLARATION", path, reason="white space or empty lines where BagIt 1.0 allows none")
        else:
            findings.add("BAG_DECLARATION_LAX", path, reason="white space or empty lines that need not be there")
    elif not _EXACT.fullmatch(raw):
        findings.add("BAG_DECLARATION_LAX", path, reason="large and small letters differ")
    version, charset = found.group(1).decode("ascii"), found.group(2).decode("ascii")
    if version not in KNOWN:
        findings.add("BAG_VERSION", path, 1, version=version)
    encoding = known_encoding(charset)
    if encoding is None:
        findings.add("BAG_ENCODING", path, 2, encoding=charset)
    elif encoding != "utf-8":
        findings.add("BAG_ENCODING_OLD", path, 2, encoding=charset)
    return Declaration(version, encoding or "utf-8")
