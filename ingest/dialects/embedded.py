"""Files that lie as base64 text inside an XML (OJS ``embed``): their names as members, and their bytes."""

from __future__ import annotations

import base64
import binascii
import re
import string
from collections.abc import Iterator

from lxml import etree

from ingest.dialects.xml import Limits, Parsed, attribute, descendants, local, read_xml
from repository.turkish import machine_lower

WITHIN = "!/"
"""Between the XML's name and the name of a file inside it, as for an archive in an archive."""

# A text node of libxml2 ends at 10 million bytes; base64 of a large PDF is longer. The text is nothing but the
# alphabet of base64, so that no mark-up is ever taken out.
_LONG = re.compile(rb"(<(?:[A-Za-z_][\w.-]*:)?embed\b[^<>]*>)([A-Za-z0-9+/=\s]{4096,})(?=</)")
_SET_APART = re.compile(r"#(\d{1,9})\n*")
_NOT_IN_A_NAME = re.compile(r"[^\w.\-]+")
_LONGEST_NAME = 80
_PDF = "JVBERi"  # %PDF
_METADATA = (".xml", ".nxml", ".sgm", ".sgml", ".meta")
_ENDINGS = {"application/pdf": "pdf", "text/html": "html", "image/png": "png", "image/jpeg": "jpg"}


def read_with_embedded(data: bytes, path: str, limits: Limits | None = None) -> Parsed:
    """As :func:`ingest.dialects.xml.read_xml`, with embedded files of any length that ``limits`` allow in it."""
    limits = limits or Limits()
    if b"embed" not in data or len(data) > limits.bytes:
        return read_xml(data, path, limits)
    apart: list[bytes] = []

    def note(found: re.Match[bytes]) -> bytes:
        apart.append(found[2])
        # The lines of what follows stay what they are.
        return found[1] + b"#%d" % (len(apart) - 1) + b"\n" * found[2].count(b"\n")

    parsed = read_xml(_LONG.sub(note, data), path, limits)
    for node in embeds(parsed.root) if apart else ():
        reference = _SET_APART.fullmatch(node.text or "")
        if reference and int(reference[1]) < len(apart):
            node.text = apart[int(reference[1])].decode("ascii")
    return parsed


def embeds(root: etree._Element | None) -> list[etree._Element]:
    """Every ``embed`` element, in document order."""
    return list(descendants(root, "embed"))


def names_within(root: etree._Element) -> dict[etree._Element, str]:
    """``embed`` element to the name by which its file is kept inside the XML's own: ``3-makale.pdf``.

    The number is its place in the file, so that no two are the same; the rest is the publisher's name for it,
    with nothing in it that means something in a path or an address.
    """
    return {node: f"{number}-{_name(node)}" for number, node in enumerate(embeds(root), 1)}


def content(node: etree._Element) -> bytes | None:
    """The bytes of an ``embed``; None when its text is not base64 as RFC 4648, section 4, has it, or is empty."""
    if machine_lower(attribute(node, "encoding") or "base64") != "base64":
        return None
    try:
        # Not split and joined: of a blank after every letter that would take fifty times their bytes.
        octets = (node.text or "").encode("ascii").translate(None, string.whitespace.encode())
        return base64.b64decode(octets, validate=True) or None
    except (binascii.Error, ValueError):
        return None


def files_within(data: bytes, path: str) -> Iterator[tuple[str, bytes]]:
    """``(name, bytes)`` of every file inside the XML ``path`` that can be decoded, in its order.

    Not of XML inside XML: as a file of its own it would be taken for another article.
    """
    if b"embed" not in data or b"base64" not in data:
        return
    root = read_with_embedded(data, path).root
    if root is None:
        return
    for node, name in names_within(root).items():
        decoded = None if machine_lower(name).endswith(_METADATA) else content(node)
        if decoded is not None:
            yield f"{path}{WITHIN}{name}", decoded


def _name(node: etree._Element) -> str:
    """The publisher's name: of the element, of the revision around it, or what its submission file is called.

    Its ending is the one that is declared, else the one that the bytes of a PDF tell.
    """
    given = attribute(node, "filename")
    ending = _ENDINGS.get(machine_lower(attribute(node, "mime_type") or ""))
    for around in node.iterancestors("{*}file", "{*}revision", "{*}submission_file"):
        called = next((text for each in around if local(each) == "name" and (text := each.text)), None)
        given = given or attribute(around, "filename") or called
        filetype = _ENDINGS.get(machine_lower(attribute(around, "filetype") or ""))
        ending = ending or attribute(around, "extension") or filetype
    if (node.text or "")[:1000].lstrip().startswith(_PDF):
        ending = "pdf"
    base = _NOT_IN_A_NAME.sub("_", (given or "file").replace("\\", "/").rpartition("/")[2]).strip("._") or "file"
    ending = _NOT_IN_A_NAME.sub("_", ending or "")[:8]
    if ending and not machine_lower(base).endswith("." + machine_lower(ending)):
        base = f"{base}.{ending}"
    stem, dot, suffix = base.rpartition(".")
    return f"{stem[:_LONGEST_NAME]}.{suffix[:8]}" if dot else base[:_LONGEST_NAME]
