"""The lines of a text tag file, in the encoding that bagit.txt declares (RFC 8493 2.3)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from repository.turkish import machine_lower

_BYTES_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_TEXT_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")

# Not every name that Python's codecs know is a character encoding (zip, rot13, idna): only those that libraries
# really meet are let in. The second group cannot be cut into lines before it is decoded.
_SUPERSET_OF_ASCII = re.compile(
    r"utf8|usascii|ascii|latin1|l1|iso8859\d{1,2}|windows125\d|cp125\d|cp437|cp850|cp857|macroman|macturkish|koi8r|koi8u|eucjp|euckr|gb2312"
)
_OTHERS = re.compile(r"utf16|utf16le|utf16be|utf32|utf32le|utf32be|shiftjis|sjis|big5|gbk|gb18030|cp932|cp949|cp950")


def known_encoding(name: str) -> str | None:
    """The name of the Python codec for a declared character set; None when it is not one that we read."""
    plain = "".join(c for c in machine_lower(name) if c.isascii() and c.isalnum())
    if not (_SUPERSET_OF_ASCII.fullmatch(plain) or _OTHERS.fullmatch(plain)):
        return None
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def lines(raw: bytes, encoding: str) -> Iterator[tuple[int, str | None]]:
    """Each line of ``raw`` with its number from 1, without its line end; None for one that cannot be decoded.

    LF, CR and CRLF end a line, nothing else: U+2028 or a form feed may stand in a file's name.
    ``encoding`` is one that :func:`known_encoding` gave. A byte-order mark is not part of
    the first line. Linear in the size of ``raw``.
    """
    if _OTHERS.fullmatch(encoding.replace("-", "").replace("_", "")):
        try:
            text = raw.decode(encoding)
        except UnicodeError:
            yield 1, None
            return
        for number, found in enumerate(_TEXT_LINE.finditer(text.removeprefix("\ufeff")), 1):
            if found.group(1) or found.group(2):
                yield number, found.group(1)
        return
    start = len(codecs.BOM_UTF8) if encoding == "utf-8" and raw.startswith(codecs.BOM_UTF8) else 0
    for number, cut in enumerate(_BYTES_LINE.finditer(raw, start), 1):
        if not cut.group(1) and not cut.group(2):
            continue
        try:
            yield number, cut.group(1).decode(encoding)
        except UnicodeError:
            yield number, None


def has_forbidden_mark(raw: bytes, encoding: str) -> bool:
    """Whether a UTF-8 tag file begins with a byte-order mark."""
    return encoding == "utf-8" and raw.startswith(codecs.BOM_UTF8)


def lacks_last_line_end(raw: bytes, encoding: str) -> bool:
    """Whether the text does not end with LF or CR. An empty text does not lack it."""
    ending = raw[-4:].replace(b"\0", b"") if encoding.startswith(("utf-16", "utf-32")) else raw[-1:]
    return bool(raw) and not ending.endswith((b"\n", b"\r"))
