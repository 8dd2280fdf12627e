"""An issue sent again in one file: which of its articles that file tells in the same words as before."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from threading import Lock

from ingest.dialects import describe
from ingest.sips import Sip
from ingest.unpack import LARGEST_METADATA
from repository.errors import Doubt, ObjectMissing
from repository.storage import Store
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, PayloadFile, bag_key

_START_TAG = re.compile(rb"<([A-Za-z_][\w.:-]*)")
_LAST_LINE = 65_535
"""libxml2 counts no further in every build: what it puts there may begin anywhere below."""


class Retelling:
    """The metadata files of one delivery held against those that are kept; each is read once, by whichever thread."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self._stores = stores
        self._lock = Lock()
        self._read: dict[str, Mapping[int, str]] = {}

    def is_the_same(self, sip: Sip, article: str, version: int, held: tuple[ArticleRecord, list[PayloadFile]]) -> bool:
        """Whether ``sip`` says and brings of its article what ``version`` did, whatever its file now says of others.

        ``held`` is the description and the files of that version. True only where everything is known to be the
        same: the description, every other file, and the article's own part of the XML byte for byte.
        """
        record, files = held
        assert sip.record is not None
        ours = sip.record if sip.record.doi else replace(sip.record, doi=record.doi)
        others = [member.sha512 for member in sip.members if member is not sip.metadata]
        before = self._metadata_among(files, sip, others)
        if ours != record or before is None or sip.line is None:
            return False
        if sorted(others) != sorted(file.sha512 for file in files if file is not before):
            return False
        now = self._parts(sip.metadata.sha512, sip.metadata.name, sip.metadata.source.read_bytes).get(sip.line)
        then = self._parts(before.sha512, before.path, lambda: self._fetched(bag_key(article, version), before))
        return now is not None and now in then.values()

    @staticmethod
    def _metadata_among(files: Sequence[PayloadFile], sip: Sip, others: Sequence[str]) -> PayloadFile | None:
        """The file that told of the article before: under the same name, else the only XML that did not come again."""
        left = [file for file in files if file.sha512 not in others and machine_lower(file.path).endswith("xml")]
        named = [file for file in left if file.path == sip.metadata.name]
        found = named or left
        return found[0] if len(found) == 1 else None

    def _parts(self, sha512: str, name: str, read: Callable[[], bytes]) -> Mapping[int, str]:
        with self._lock:
            if sha512 not in self._read:
                self._read[sha512] = parts_of(read(), name)
            return self._read[sha512]

    def _fetched(self, key: str, file: PayloadFile) -> bytes:
        """The file out of the first store that gives it whole; nothing where none does, which equals nothing."""
        for store in self._stores:
            if file.bytes > LARGEST_METADATA:
                break
            try:
                with store.open(key, file.offset, file.bytes) as stream:
                    data = b"".join(iter(lambda: stream.read(1 << 20), b""))
            except (Doubt, ObjectMissing):
                continue
            if hashlib.sha512(data).hexdigest() == file.sha512:
                return data
        return b""


def parts_of(data: bytes, name: str) -> dict[int, str]:
    """The line where each article of a metadata file begins, with a digest of all from there to the next article.

    Empty where that cannot be told for sure: articles on one line, or too many lines to be counted.
    """
    if not data or b"\0" in data[:4]:  # UTF-16, whose ends of lines are not one byte
        return {}
    starts = [one.line or 0 for one in describe(data, name).articles]
    if not starts or min(starts) < 1 or max(starts) >= _LAST_LINE or len(set(starts)) < len(starts):
        return {}
    lines = data.split(b"\n")

    def beginning(line: int) -> int:
        # The line of an element is that on which its start tag ends.
        while line > 1 and b"<" not in lines[line - 1]:
            line -= 1
        return line - 1

    cuts = [*map(beginning, sorted(starts)), len(lines)]
    parts = (
        _without_ends(b"\n".join(lines[first:last]), b"\n".join(lines[first:line]))
        for line, (first, last) in zip(sorted(starts), pairwise(cuts), strict=True)
    )
    return {line: hashlib.sha256(part).hexdigest() for line, part in zip(sorted(starts), parts, strict=True)}


def _without_ends(part: bytes, beginning: bytes) -> bytes:
    """``part`` up to the end of what begins in its ``beginning``, without the end tags that it then ends with.

    After an article stand the header of the next record of a harvest, or the end tags of the whole file.
    """
    begun = b"|".join(re.escape(name) for name in set(_START_TAG.findall(beginning)))
    ends = [found.start() for found in re.finditer(rb"</(?:" + begun + rb")\s*>", part)] if begun else []
    part = (part[: ends[-1]] if ends else part).rstrip()
    while part.endswith(b">") and part.startswith(b"</", start := part.rfind(b"<")):
        part = part[:start].rstrip()
    return part
