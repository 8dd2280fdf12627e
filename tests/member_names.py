"""Two thousand names that a member of an archive may have, and what must become of each.

The judgement here is made apart from the program's: by the rules of POSIX and Windows, on the octets.
"""

from __future__ import annotations

import io
import random
import struct
import tarfile
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SEED = 20261125
WORDS = ("makale", "şekil", "İçindekiler", "ölçü", "figure", "مقالة", "論文", "статья", "x")
LONGEST_NAME = 255
LONGEST_PATH = 3900


@dataclass(frozen=True)
class Name:
    """One name as an archive stores it: its octets, and the text that they are, where they are UTF-8."""

    octets: bytes
    text: str | None

    @property
    def plain(self) -> str | None:
        """The text without what means nothing in a path: ``./a//b`` is ``a/b``."""
        return None if self.text is None else "/".join(part for part in self.text.split("/") if part not in ("", "."))

    @property
    def leaves(self) -> bool:
        """Whether some system would write it outside the folder that it is unpacked into, or not at all."""
        one = self.octets.replace(b"\\", b"/")
        drive = one[1:2] == b":" and one[:1].isalpha()
        parts = one.split(b"/")
        bare = not [part for part in parts if part not in (b"", b".")]
        return b"\\" in self.octets or b"\0" in one or one.startswith(b"/") or drive or b".." in parts or bare

    @property
    def fits_nowhere(self) -> bool:
        """Whether no file of this name can be made on Linux, where bags are unpacked."""
        parts = self.octets.split(b"/")
        return len(self.octets) > LONGEST_PATH or any(len(part) > LONGEST_NAME for part in parts)


def _text(*texts: str) -> Iterator[Name]:
    for text in texts:
        yield Name(text.encode(), text)


def _everywhere(letters: Sequence[str]) -> Iterator[Name]:
    """Each letter alone, first, in the middle and last."""
    for number, letter in enumerate(letters):
        word = WORDS[number % len(WORDS)]
        yield from _text(letter, f"{letter}{word}.tif", f"{word}{letter}{number}.tif", f"{word}{number}.tif{letter}")


def _curious() -> Iterator[Name]:
    yield from _everywhere([chr(number) for number in (*range(1, 32), *range(0x7F, 0xA1))])
    marks = (*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xAD, 0x61C, 0x180E, 0x3000)
    yield from _everywhere([chr(number) for number in (*marks, 0xFEFF, 0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF, 0xE0001)])
    yield from _everywhere([chr(number) for number in (0x0301, 0xE000, 0x1FFFE, 0x10FFFF, 0x1F4A9, 0x130)])
    for letter in "<>:\"|?*;&$`!#%^{}[]()'~=+@,-_":
        yield from _text(f"a{letter}b.tif", f"aa{letter}", f"{letter}{letter}")
    for word in WORDS:
        yield from _text(f"{word}.", f"{word}..", f"{word} ", f"{word}  ", f" {word}", f"{word}. .", f"{word} /{word}")
        yield from _text(f".{word}", f"..{word}", f"{word}./{word}", f"...{word}", f"~{word}", f"{word}\u00a0")
        yield from _text(f"./{word}1", f"{word}//2", f"{word}/./3", f"././/{word}4", f"{word}..{word}")
        yield from _text(f"\u202e{word}fdp.exe", f"{word}\u200f.tif", f"\u2067{word}\u2069.tif", f"{word}\u2028\u2029")
    yield from _text("...", "....", " ", "  ", "\u00a0", "\u3000", "-", "--", "-rf", "-rf *", "--help", "-o/tmp/x", "~")
    yield from _text("=cmd|' /C calc'!A0", "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "|calc", "%0A=1", "=cmd")
    yield from _text(
        "$(id)", "`id`", "$HOME", "a;rm -rf .", "a&&b", "a|b", "!history", "{a,b}", "[a-z]", "?", "*", "'a'"
    )
    yield from _text("{0}", "{detail}", "{path!r}", "%s", "%n%n", "%(x)s", "${jndi:ldap:x}", "<script>x", "<b>x", "]]>")
    yield from _text(
        "%2e%2e%2fetc%2fpasswd", "%2e%2e", "..%2f..%2fx", "%00", "a%00.tif", "%0A", "%0d", "%25", "%", "%%"
    )
    yield from _text("%c0%ae%c0%ae", "..%c0%af", "%5c..%5c", "&#46;&#46;", "\uff0e\uff0e", "\u2024\u2024", "\u2025")
    yield from _text("\u2215etc\u2215passwd", "\u2044etc", "\uff0fetc", "\uff3cetc", "a\u29f5b", "..\u2215..\u2215x")
    for device in ("CON", "con", "PRN", "AUX", "NUL", "COM1", "com9", "LPT1", "COM¹", "CONIN$", "CLOCK$"):
        yield from _text(device, f"{device}.tif", f"{device}.tar.x", f"{device} .tif", f"{device}/{device}")
    for letters in ("é", "ş", "ğ", "İ", "Å", "각", "ö̲", "ẛ̣"):
        yield from _text(*(f"{unicodedata.normalize(form, letters)}-{letters!a}.tif" for form in ("NFC", "NFD")))
        yield from _text(unicodedata.normalize("NFD", letters * 5), unicodedata.normalize("NFC", letters * 5))
    for pair in ("Ii", "İi", "ıI", "ßẞ", "ſs", "\u212ak", "\u212bå", "ﬁF", "Σς", "ΣΣ", "aA", "ŞS"):
        yield from _text(*(f"{letter}-{number}.TIF" for number, letter in enumerate(pair)))
        yield from _text(f"pair-{pair}.tif", f"PAIR-{pair}.TIF", f"pair-{pair[::-1]}.tif")
    for letter, size in (
        ("n", 255),
        ("ş", 127),
        ("語", 85),
        ("\U0001f4a9", 63),
        ("\u202e", 85),
        (" ", 255),
        (".", 255),
    ):
        yield from _text(letter * size, f"{letter * (size // 2)}.tif", f"{letter * size}/{letter * size}")
        yield from _text(letter * (size + 1 + (LONGEST_NAME % len(letter.encode()))), f"kat/{letter * (size * 2)}")
    yield from _text("d/" * 100 + "f", "d/" * 250 + "f", "/".join(["s" * 200] * 19), "/".join(["s" * 200] * 21))
    yield from _text("data/x", "metadata/premis.xml.tif", "../data", "bag/data/../../x", "v1.tar.tif", "0", "00000001")


def _leaving(noise: random.Random) -> Iterator[Name]:
    ups = ("..", "../", "../..", "a/..", "a/../..", "a/../../b", "./..", ".//..", "a/b/../../../c", "../a/../b")
    yield from _text(*ups, *(f"{up}/{word}" for up in ups for word in WORDS))
    yield from _text("/", "//", "///x", "/etc/passwd", "//host/share", "/./x", "/ x", "", ".", "./", "./.", "//.")
    yield from _text(
        "C:x", "C:/x", "c:\\x", "z:", "a:b", "C:../x", "C:", "\\x", "\\\\host\\share\\x", "..\\x", "a\\..\\b"
    )
    yield from _text("\\\\?\\C:\\x", "a\\b", "\\", "x\\", "..\\..\\x", "%5c\\", "\\\u202e", "a/b\\c")
    yield from _text("a\0b", "\0", "a.tif\0.exe", "../\0x", "\0..")
    for number in range(150):
        parts = [
            noise.choice(("..", ".", "", noise.choice(WORDS), "a b", "\u202e..")) for _ in range(noise.randint(1, 6))
        ]
        parts.insert(noise.randint(0, len(parts)), "..")
        yield from _text("/".join(parts) + f"/{number}")
    for number in range(50):
        yield from _text(f"/{noise.choice(WORDS)}/{number}", f"{noise.choice('aZq')}:{noise.choice(WORDS)}{number}")
        yield from _text(f"{noise.choice(WORDS)}\\{number}")


def _octets(noise: random.Random) -> Iterator[Name]:
    """Names that are not UTF-8: Turkish code pages, and whatever a broken tool has written."""
    for word in ("Ünvan", "Çağrı", "İçerik", "Özgür Işık", "şablon"):
        for page in ("cp857", "cp1254", "iso8859-9", "utf-16-le"):
            octets = word.encode(page).replace(b"\0", b"_")
            yield from (Name(octets + end, None) for end in (b"", b".tif", b"/" + octets, b" ."))
    for octets in (
        b"\xff",
        b"\xfe\xff",
        b"a\x80",
        b"\xc0\xae\xc0\xae/x",
        b"\xed\xa0\x80",
        b"\xf5\x80\x80\x80",
        b"\xe2\x80",
    ):
        yield from (Name(octets + end, None) for end in (b"", b".tif", b"\n"))
    made = 0
    while made < 150:
        octets = bytes(noise.choice(range(1, 256)) for _ in range(noise.randint(1, 40)))
        try:
            octets.decode()
        except UnicodeDecodeError:
            made += 1
            yield Name(octets, None)


def _noise(noise: random.Random) -> Iterator[Name]:
    planes = (
        (1, 0x7F),
        (0x80, 0x24F),
        (0x590, 0x700),
        (0x2000, 0x2070),
        (0x4E00, 0x9FFF),
        (1, 0xD7FF),
        (0xE000, 0x10FFFF),
    )
    while True:
        plane = noise.choice(planes)
        letters = [chr(noise.randint(*noise.choice((plane, (1, 0x7F))))) for _ in range(noise.randint(1, 60))]
        yield from _text("".join(letters))


def names(number: int = 2000) -> list[Name]:
    """At least ``number`` different names, the same each time."""
    noise = random.Random(SEED)
    found = dict.fromkeys([*_curious(), *_leaving(noise), *_octets(noise)])
    for name in _noise(noise):
        if len(found) >= number:
            break
        found[name] = None
    return list(found)


def sheets(kept: Sequence[Name], most: int = 120) -> list[list[Name]]:
    """These names cut into lists that can each lie in one folder: none twice, none the folder of another."""
    made: list[tuple[list[Name], set[bytes], set[bytes]]] = []
    for name in kept:
        path = b"/".join(part for part in name.octets.split(b"/") if part not in (b"", b"."))
        around = {path[:at] for at in range(len(path)) if path[at : at + 1] == b"/"}
        for sheet, files, folders in made:
            if len(sheet) < most and path not in files and path not in folders and not around & files:
                break
        else:
            sheet, files, folders = [], set(), set()
            made.append((sheet, files, folders))
        sheet.append(name)
        files.add(path)
        folders |= around
    return [sheet for sheet, _, _ in made]


# Archives by hand or by Python's writers, which ask nothing about names.

Files = Sequence[tuple[bytes, bytes]]


def as_zip(files: Files, *, flagged: bool = True) -> bytes:
    """A zip with the octets of each name as they are; ``flagged`` says that those which are UTF-8 are."""
    body, directory = bytearray(), bytearray()
    for name, data in files:
        flags = 0x800 if flagged and _is_utf8(name) else 0
        crc, at = zlib.crc32(data), len(body)
        body += struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, flags, 0, 0, 0x21, crc, len(data), len(data), len(name), 0)
        body += name + data
        head = (b"PK\x01\x02", 0x314, 20, flags, 0, 0, 0x21, crc, len(data), len(data), len(name), 0, 0, 0, 0)
        directory += struct.pack("<4s6H3L5H2L", *head, 0o100644 << 16, at) + name
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return bytes(body + directory + end)


def as_zip_with_unicode_path(files: Files) -> bytes:
    """A zip whose names stand in Info-ZIP's field 0x7075, beside others in a code page."""
    body, directory = bytearray(), bytearray()
    for number, (name, data) in enumerate(files):
        raw = b"ad_%04d" % number
        extra = struct.pack("<HHBL", 0x7075, 5 + len(name), 1, zlib.crc32(raw)) + name
        crc, at = zlib.crc32(data), len(body)
        body += struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0x21, crc, len(data), len(data), len(raw), 0)
        body += raw + data
        head = (b"PK\x01\x02", 0x314, 20, 0, 0, 0, 0x21, crc, len(data), len(data), len(raw), len(extra), 0, 0, 0)
        directory += struct.pack("<4s6H3L5H2L", *head, 0o100644 << 16, at) + raw + extra
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return bytes(body + directory + end)


def as_tar(files: Files, form: int, *, packed: bool = False) -> bytes:
    """A tar in ``tarfile``'s form, whose names keep their octets."""
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w:gz" if packed else "w", format=form, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True
