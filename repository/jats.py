"""JATS Archiving 1.3 as it is harvested: its namespace and the tag with which an article begins."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

NAMESPACE = "https://jats.nlm.nih.gov/ns/archiving/1.3/"
"""The standard itself has no namespace, and OAI-PMH takes none that is without: this is PubMed Central's for it."""
SCHEMA = "https://jats.nlm.nih.gov/archiving/1.3/xsd/JATS-archivearticle1-3-mathml3.xsd"
PREFIXES = {
    "http://www.w3.org/1999/xlink": "xlink",
    "http://www.w3.org/1998/Math/MathML": "mml",
    "http://www.niso.org/schemas/ali/1.0/": "ali",
}
"""Of the other vocabularies that may stand in an article, each declared by :func:`opened`."""

_LEVEL = 6
_DECLARED = "".join(f' xmlns:{prefix}="{space}"' for space, prefix in PREFIXES.items())
_HEAD = (
    f'<article xmlns="{NAMESPACE}"{_DECLARED} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    f' xsi:schemaLocation="{NAMESPACE} {SCHEMA}" dtd-version="1.3"'
)


def opened(attributes: str) -> str:
    """The start tag of an article; ``attributes`` are those of its own, written as they stand in it."""
    return f"{_HEAD}{attributes}>\n"


@dataclass(frozen=True, slots=True)
class Front:
    """The front matter of one article, as text: the attributes of the ``article``, and its ``front`` in two pieces.

    Between ``before`` and ``after`` is the place where further related articles may stand.
    """

    attributes: str
    before: str
    after: str

    def packed(self) -> bytes:
        """All of it as it is kept."""
        # No XML holds U+0000.
        return zlib.compress(f"{self.attributes}\0{self.before}\0{self.after}".encode(), _LEVEL)

    @classmethod
    def unpacked(cls, packed: bytes) -> Front:
        """The inverse of :meth:`packed`."""
        return cls(*zlib.decompress(packed).decode().split("\0"))
