"""What a name means among the files of a delivery, when an article's XML writes it."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from urllib.parse import unquote

from ingest.claims import Claim, File, folders, is_next, loose
from ingest.patterns import wild
from ingest.reach import Reach

_TOO_COMMON = 500
_SOME_NUMBER = re.compile(r"\d")


class Names:
    """The files by the parts of their names; what is compared is without regard to capitals and Unicode form."""

    def __init__(self, files: Sequence[File], claims: Sequence[Claim], reach: Reach) -> None:
        self._reach = reach
        self._by_path: dict[str, list[File]] = defaultdict(list)
        self._by_path_stem: dict[str, list[File]] = defaultdict(list)
        self._by_base: dict[str, list[File]] = defaultdict(list)
        self._by_stem: dict[str, list[File]] = defaultdict(list)
        self._at: dict[str, list[File]] = defaultdict(list)
        for file in files:
            self._by_path[loose(file.member.name)].append(file)
            self._by_path_stem[loose(posixpath.splitext(file.member.name)[0])].append(file)
            self._by_base[loose(file.base)].append(file)
            self._by_stem[loose(file.stem)].append(file)
            self._at[loose(file.folder)].append(file)
        self._pdf_paths = sorted({loose(file.member.name) for file in files if file.is_pdf})
        self._claims_within = Counter(folder for claim in claims for folder in folders(claim.folder))
        # Who writes which base name of a PDF, and where that would lead.
        self._writers: dict[str, list[tuple[Claim, str]]] = defaultdict(list)
        for claim in claims:
            for name in claim.described.pdf_names if claim.described else ():
                for text in _written(name):
                    path = _resolved(claim, text)
                    self._writers[_without_pdf(posixpath.basename(path))].append((claim, _without_pdf(path)))

    def with_stem(self, stem: str) -> list[File]:
        """Every file of this base name without its ending."""
        return self._by_stem.get(loose(stem), [])

    def at(self, folder: str) -> list[File]:
        """Every file that lies directly in the folder."""
        return self._at.get(loose(folder), [])

    def pdfs(self, claim: Claim, name: str, *, guessing: bool = True) -> list[File]:
        """The PDF that the article's XML means by ``name``; several when nothing tells which of them.

        Not ``guessing``: only at the place that is written, or beside the XML.
        """
        found = [file for file in self._meant(claim, name, pdf=True) if file.is_pdf]
        if not guessing:
            sure = [_without_pdf(_resolved(claim, text)) for text in _written(name)]
            found = [
                file for file in found if file.folder == claim.folder or _without_pdf(loose(file.member.name)) in sure
            ]
        exact = [file for file in found if file.base == posixpath.basename(unquote(name))]
        return exact if len(exact) == 1 else found

    def along(self, claim: Claim, way: str) -> list[File]:
        """The PDFs on a way from the article's folder, in which ``*`` stands for a part of a name."""
        path = _resolved(claim, way)
        fitting = wild(path)
        if fitting is None:
            return [file for file in self._by_path.get(path, []) if file.is_pdf]
        begin, form = fitting
        at = bisect_left(self._pdf_paths, begin)
        names = takewhile(lambda name: name.startswith(begin), islice(self._pdf_paths, at, None))
        return [file for name in names if form.fullmatch(name) for file in self._by_path[name] if file.is_pdf]

    def others(self, claim: Claim, name: str) -> list[File]:
        """The figures, supplements and media that it means: one name may stand for a picture in several formats."""
        return self._meant(claim, name, pdf=False)

    def _meant(self, claim: Claim, name: str, *, pdf: bool) -> list[File]:
        """From the XML's folder, below it, or the only one anywhere that may be this article's.

        A path out of a list of the delivery means the file at that path and no other: every article of Elsevier's
        has a ``main.pdf``.
        """
        if name in claim.listed:
            path = loose(posixpath.normpath(posixpath.join(claim.folder, name)))
            return self._by_path.get(path, [])
        for text in _written(name):
            for variant in (text, text + ".pdf") if pdf else (text,):
                path = _resolved(claim, variant)
                base = posixpath.basename(path)
                # Figures are often named without the ending that they are delivered with, or with another one.
                stems = () if pdf else (path, posixpath.splitext(path)[0])
                found = self._by_path.get(path, [])
                for stem in stems:
                    found = found or self._by_path_stem.get(stem, [])
                found = [file for file in found if self._reach.allows(claim, file, written=True)]
                found = found or self._nearest(claim, self._by_base.get(base, []))
                for stem in stems:
                    found = found or self._nearest(claim, self._by_stem.get(posixpath.basename(stem), []))
                if pdf:
                    found = [file for file in found if file.is_pdf and self._tells(claim, file, path)]
                if found:
                    return found
        return []

    def _nearest(self, claim: Claim, files: list[File]) -> list[File]:
        """Those in the article's folder, else those below it, else all; but only if they lie in one folder."""
        if len(files) > _TOO_COMMON:
            return []
        files = [file for file in files if self._reach.allows(claim, file)]
        inside = f"{claim.folder}/" if claim.folder else ""
        here = [file for file in files if file.folder == claim.folder]
        pool = here or [file for file in files if file.folder.startswith(inside)] or files
        return pool if len({file.folder for file in pool}) == 1 else []

    def _tells(self, claim: Claim, file: File, path: str) -> bool:
        """Whether the name alone, without the way that was written, still means this article's PDF."""
        if loose(file.member.name) == path:
            return True
        if self._contested(claim, file, path):
            return False
        if file.folder == claim.folder or _SOME_NUMBER.search(file.stem):
            return True
        # Many articles have a paper.pdf: elsewhere it may be that of one whose XML did not come.
        own = bool(claim.folder) and self._claims_within[claim.folder] == 1 and claim.folder in folders(file.folder)
        lone = self._claims_within[""] == len(self._by_base[loose(file.base)]) == 1
        return own or (lone and not is_next(claim.folder, file.folder))

    def _contested(self, claim: Claim, file: File, path: str) -> bool:
        """Whether another article may mean this file too, by the same base name at the end of another way."""
        ours = claim.folder in folders(file.folder)
        return any(
            other is not claim and way != _without_pdf(path) and (not ours or other.folder in folders(file.folder))
            for other, way in self._writers.get(_without_pdf(loose(file.base)), ())
        )


def _written(name: str) -> Iterator[str]:
    """The name without what a web server is asked for, as it stands and without percent signs."""
    plain = name.replace("\\", "/").partition("?")[0].partition("#")[0]
    yield from dict.fromkeys((plain, unquote(plain)))


def _resolved(claim: Claim, text: str) -> str:
    return loose(posixpath.normpath(posixpath.join(claim.folder, text.lstrip("/"))))


def _without_pdf(path: str) -> str:
    return path.removesuffix(".pdf")
