"""Which files lie in another article's place, so that no guess by a name may take them for this one's."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import accumulate
from urllib.parse import unquote

from ingest.claims import Claim, File, folders, loose

_PREFIX = re.compile(r"10\.\d{4,9}(?:\.\d+)*(?=$|[_/])")
_NOT_A_LETTER = re.compile(r"[\W_]+")


def doi_key(doi: str) -> str:
    """The same for a DOI and for the names that file systems let it have: ``10.5555/a.1``, ``10.5555_a.1``."""
    return _NOT_A_LETTER.sub("_", loose(doi)).strip("_")


class Reach:
    """The places of all the articles of one delivery: their folders, and the folders and names that are a DOI."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self._keys: dict[str, set[str]] = defaultdict(set)
        for claim in claims:
            if doi := _doi(claim):
                self._keys[doi_key(doi)].add(loose(doi))
        self._in_folder: dict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            self._in_folder[claim.folder].append(claim)
        self._stems = Counter(loose(claim.stem) for claim in claims)
        self._placed: dict[str, str | None] = {}

    def allows(self, claim: Claim, file: File, *, written: bool = False) -> bool:
        """Whether ``file`` may be this article's at all.

        Never under a DOI of another article; ``written``: the XML writes out the way to it, and then nothing else
        is asked. Else it does not lie beside another article either, or bears this one's own name.
        """
        placed = self.doi_of(file)
        own = _doi(claim)
        if placed is not None and placed != (doi_key(own) if own else None):
            beside = _within(file.folder, claim.folder) and any(map(_PREFIX.match, claim.folder.split("/")))
            if not beside and (placed in self._keys or not written):
                return False
        if written or placed is not None:
            return True
        near = self.around(file)
        if near is None or claim in self._in_folder[near]:
            return True
        if _within(claim.folder, near) and (file.folder != near or len(self._in_folder[near]) != 1):
            return True
        stem = loose(claim.stem)
        return loose(file.stem) == stem and self._stems[stem] == 1

    def with_key(self, key: str) -> set[str]:
        """The DOIs of articles here that have this key."""
        return self._keys.get(key, set())

    def around(self, file: File) -> str | None:
        """The nearest folder around the file in which any article's metadata lies."""
        return next((folder for folder in folders(file.folder) if folder in self._in_folder), None)

    def doi_of(self, file: File) -> str | None:
        """The key of the DOI under which the file lies or by which it is named: an article's here, or unknown."""
        name = file.member.name
        if name not in self._placed:
            self._placed[name] = self._found(f"{file.folder}/{file.stem}".split("/"))
        return self._placed[name]

    def _found(self, segments: list[str]) -> str | None:
        for at, segment in enumerate(segments):
            if not _PREFIX.match(unquote(segment)):
                continue
            parts = [doi_key(unquote(each)).split("_") for each in segments[at:]]
            if len(parts) == 1 and _PREFIX.fullmatch(segment):
                return None  # a file that is named like a number, and no DOI
            words = [word for part in parts for word in part]
            ends = list(accumulate(map(len, parts)))
            for length in range(len(words), 1, -1):
                key = "_".join(words[:length])
                rest = words[length : next(end for end in ends if end >= length)]
                # Of 10.5555/a, '10.5555_a.1' is not a part but another article's name.
                if key in self._keys and not "".join(rest).isdecimal():
                    return key
            return "_".join(words)
        return None


def _doi(claim: Claim) -> str | None:
    return claim.described.record.doi if claim.described else None


def _within(folder: str, around: str) -> bool:
    return not around or folder == around or folder.startswith(f"{around}/")
