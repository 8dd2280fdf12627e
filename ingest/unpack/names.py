"""Publishers' file names as data: read from their bytes, judged, and never used as a path on this machine."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from ingest.findings import finding
from ingest.unpack.archives import Entry, Kind
from repository.vocabulary import Finding, Level

_TURKISH = frozenset("çğıöşüÇĞİÖŞÜâîûÂÎÛ")
_CODE_PAGES = ("cp857", "cp1254")
_LAST_RESORT = "cp437"

_DRIVE = re.compile(r"[A-Za-z]:")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")
_FORBIDDEN_ELSEWHERE = frozenset('<>:"|?*')
_UNSEEN = frozenset(("Cc", "Cf", "Zl", "Zp", "Cs", "Cn"))
_LONGEST_PATH = 4095
_DEEPEST = 256

_JUNK_NAMES = frozenset((".DS_Store", "Thumbs.db", "desktop.ini", ".localized"))


def is_junk(name: str) -> bool:
    """Whether an operating system left this file: AppleDouble, Finder, Explorer."""
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1] in _JUNK_NAMES or parts[-1].startswith("._")


def code_page_of(names: Iterable[bytes]) -> str:
    """The one encoding in which all these names, which are not UTF-8, were most likely written.

    cp857 (DOS and Explorer in Turkey) and cp1254 (Windows) put their letters on each other's
    undefined or unlettered places: first the one that gives Turkish letters only, then the one that
    gives letters only; else cp437, the zip specification's own (APPNOTE D.1), which reads any byte.
    """
    raws = list(names)
    decoded: dict[str, str] = {}
    for page in _CODE_PAGES:
        try:
            texts = "".join(raw.decode(page) for raw in raws)
        except UnicodeDecodeError:
            continue
        decoded[page] = "".join(letter for letter in texts if letter > "\x7f")
    for page, letters in decoded.items():
        if _TURKISH.issuperset(letters):
            return page
    for page, letters in decoded.items():
        if letters.isalpha():
            return page
    return _LAST_RESORT


def _utf8(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def name_of(raw: bytes) -> str:
    """The name of a file that came by itself."""
    text = _utf8(raw)
    return raw.decode(code_page_of([raw])) if text is None else text


def judge_listing(entries: Sequence[Entry], archive: str, tell: Callable[[Finding], None]) -> list[str]:
    """The plain name of every entry of one archive; everything that is wrong with the listing is told, all at once.

    A name is what the archive says it is in Unicode, else UTF-8; all the others are read in one code page.
    """
    texts = [_utf8(entry.raw) if entry.text is None else entry.text for entry in entries]
    page = code_page_of(entry.raw for entry, text in zip(entries, texts, strict=True) if text is None)
    names: list[str] = []
    files: set[str] = set()
    folders: set[str] = set()
    for entry, known in zip(entries, texts, strict=True):
        text = entry.raw.decode(page) if known is None else known
        name = plain(text)
        names.append(name)
        shown = text.replace("\x00", "\ufffd")[:_LONGEST_PATH]
        # A name that cannot be shown as it is comes back all the same.
        octets = entry.raw.hex() if shown.encode() != entry.raw and len(entry.raw) <= _LONGEST_PATH else None
        empty = None if name or entry.kind is Kind.DIRECTORY else "the name is empty"
        if reason := leaving(text) or empty:
            tell(finding("PATH_TRAVERSAL", shown, detail=f"{reason} ({archive})", octets=octets))
        elif reason := beyond_any_system(name):
            tell(finding("NAME_NOT_PORTABLE", shown, level=Level.ERROR, detail=reason, octets=octets))
        elif entry.kind is Kind.FORBIDDEN:
            tell(finding("LINK_OR_DEVICE", shown, detail=f"it is {entry.forbidden} ({archive})", octets=octets))
        elif entry.kind is Kind.DIRECTORY:
            folders.add(name)
        else:
            if name in files:
                tell(finding("DUPLICATE_MEMBER", name, detail=archive))
            elif known is None:
                tell(finding("NAME_ENCODING", name, detail=f"read as {page}", octets=entry.raw.hex()))
            files.add(name)
    both = sorted(files & folders)
    for name in both:
        tell(finding("DUPLICATE_MEMBER", name, detail="a file and a folder have this name"))
    return names


def leaving(name: str) -> str | None:
    """Why this name would leave the delivery's folder, or mean another file elsewhere; None if it stays inside."""
    if "\x00" in name:
        return "the name holds a NUL"
    if "\\" in name:
        return "the name holds a backslash, a separator on Windows (APPNOTE 4.4.17.1 demands '/')"
    if name.startswith("/"):
        return "the name is absolute"
    if _DRIVE.match(name):
        return "the name begins with a drive letter"
    if ".." in name.split("/"):
        return "the name holds '..'"
    return None


def beyond_any_system(name: str) -> str | None:
    """Why no computer could write a file under this name (POSIX PATH_MAX); None for every real name."""
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST_PATH:
        return f"it is longer than {_LONGEST_PATH} bytes"
    return f"it lies deeper than {_DEEPEST} folders" if name.count("/") > _DEEPEST else None


def plain(name: str) -> str:
    """The name without empty and '.' parts: ``./a//b`` is ``a/b``, on every system; a folder's last '/' goes too."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def why_not_portable(name: str) -> str | None:
    """What some system could not store in this name, however short it is; None for most names."""
    for part in name.split("/"):
        if part.endswith((".", " ")) or part.startswith(" "):
            return "a part of it begins or ends with a blank or a dot"
        if any(unicodedata.category(letter) in _UNSEEN for letter in part):
            return "it holds characters that cannot be seen"
        if _FORBIDDEN_ELSEWHERE.intersection(part):
            return 'it holds one of < > : " | ? *'
        if _RESERVED.fullmatch(part):
            return "a part of it is a device name on Windows"
    return None


def caseless(name: str) -> str:
    """Names with the same key differ only in capitals or in Unicode form, and are one name on some systems."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def judge_all(names: Sequence[str]) -> Iterator[Finding]:
    """Everything to be said of the names of one delivery's members, which are plain and differ from each other.

    NAME_COLLISION for the second of two names that differ only in capitals or Unicode form,
    NAME_NOT_PORTABLE, and DUPLICATE_MEMBER for a name that is a file's and a folder's at once.
    """
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(caseless(name), name)
        if other != name:
            yield finding("NAME_COLLISION", name, detail=other)
        if reason := why_not_portable(name):
            yield finding("NAME_NOT_PORTABLE", name, detail=reason)
    # With '/' as the smallest letter a file stands right before what lies in the folder of the same name: no
    # list of all folders is needed, which a name of 30,000 parts would make quadratic.
    order = sorted(name.replace("/", "\0") for name in names)
    for here, after in pairwise(order):
        if after.startswith(here + "\0"):
            path = here.replace("\0", "/")
            yield finding("DUPLICATE_MEMBER", path, detail="a file and a folder have this name")
