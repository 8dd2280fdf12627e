"""PDFs found by where they lie: the only one beside an XML, below it, or in the folder that goes with the XML's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Sequence

from ingest.claims import Claim, File, folders, is_next, loose
from ingest.naming import Names
from ingest.reach import Reach

_LEADING_ISSN = re.compile(r"\d{4}-\d{3}[\dx](?!\d)")
_XML_FOLDERS = frozenset(("xml", "xmls", "nxml", "markup", "fulltext"))
_PDF_FOLDERS = frozenset(("pdf", "pdfs", "page_renditions"))


class Places:
    """The folders of a delivery; ``owned`` are the names of the files that have found their article, as they do."""

    def __init__(
        self, claims: Sequence[Claim], files: Sequence[File], names: Names, reach: Reach, owned: Container[str]
    ) -> None:
        self._in_folder = Counter(claim.folder for claim in claims)
        pdfs = [file for file in files if file.is_pdf]
        self._lone = pdfs if len(claims) == len(pdfs) == 1 else []
        self._names = names
        self._reach = reach
        self._owned = owned

    def only_in_folder(self, claim: Claim) -> list[File]:
        """The only PDF beside the only XML: in a folder that is one article's own, whatever their names are."""
        if self._in_folder[claim.folder] != 1:
            return []
        everyones = all(claim.folder in folders(each) for each in self._in_folder)
        return self._unless_shared(claim, self._names.at(claim.folder), numbered=everyones)

    def same_base_elsewhere(self, claim: Claim) -> list[File]:
        """The same base name in a folder below (Springer's BodyRef/PDF), or in ``pdf`` beside ``xml`` (NPG)."""
        if not claim.alone:
            return []
        inside = f"{claim.folder}/" if claim.folder else ""
        parallel = self._parallel(claim)
        same = self._names.with_stem(claim.stem)
        return [file for file in same if file.folder.startswith(inside) or loose(file.folder) in parallel]

    def only_in_parallel(self, claim: Claim) -> list[File]:
        """The only PDF in ``Page_Renditions`` beside ``Markup`` with only one XML (AIP)."""
        if self._in_folder[claim.folder] != 1:
            return []
        found = [file for folder in self._parallel(claim) for file in self._names.at(folder)]
        return self._unless_shared(claim, found, numbered=True)

    def only_one_at_all(self, claim: Claim) -> list[File]:
        """The only PDF of a delivery of only one article, in a folder below the XML (``content``, as libraries do)."""
        inside = f"{claim.folder}/" if claim.folder else ""
        return [file for file in self._lone if file.folder.startswith(inside)]

    def _unless_shared(self, claim: Claim, files: list[File], *, numbered: bool) -> list[File]:
        """None of them where one is another article's: then the one that is left may be a third one's.

        ``numbered``: where the PDFs of many articles lie, one that is called as the XML is but for its number is.
        """
        for file in files:
            owned = file.member.name in self._owned or not self._reach.allows(claim, file)
            if file.is_pdf and (owned or (numbered and self._is_next(claim, file))):
                return []
        return files

    def _is_next(self, claim: Claim, file: File) -> bool:
        """Whether the PDF is called as the XML is but for the numbers: ``7.pdf`` is not that of ``6.xml``.

        The print ISSN in the place of the electronic one is no other number; and of one XML and one PDF that are
        all there is, any names will do.
        """
        if self._lone:
            return False
        return is_next(*(_LEADING_ISSN.sub("", loose(stem)) for stem in (claim.stem, file.stem)))

    def _parallel(self, claim: Claim) -> set[str]:
        parts = loose(claim.folder).split("/")
        return {
            "/".join((*parts[:at], other, *parts[at + 1 :]))
            for at, part in enumerate(parts)
            if part in _XML_FOLDERS
            for other in _PDF_FOLDERS
        }
