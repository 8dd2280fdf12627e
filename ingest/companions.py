"""Figures, supplements and whatever else lies with an article, once every article has its PDFs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence

from ingest.claims import Claim, File, folders
from ingest.findings import finding
from ingest.naming import Names
from ingest.reach import Reach
from repository.vocabulary import Level


class Companions:
    """The files that are no article's own PDF, and whose they are; ``owned`` are the names of those PDFs."""

    def __init__(
        self, claims: Sequence[Claim], files: Sequence[File], owned: Collection[str], names: Names, reach: Reach
    ) -> None:
        self._claims = claims
        self._files = files
        self._owned = set(owned)
        self._names = names
        self._reach = reach
        self._in_folder: dict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            self._in_folder[claim.folder].append(claim)
        self._by_place = {(claim.folder, claim.stem): claim for claim in claims}
        stems = Counter(claim.stem for claim in claims)
        self._by_stem_only = {claim.stem: claim for claim in claims if stems[claim.stem] == 1}

    def claim_the_rest(self) -> None:
        """Files named in the XML, files whose names begin like it, files in a folder that is one article's own."""
        main = {pdf.name for claim in self._claims for pdf in claim.pdfs}
        for claim in self._claims:
            for name in claim.described.file_names if claim.described else ():
                for file in self._names.others(claim, name):
                    if file.member.name not in main:
                        self._give(claim, file)
        self._give_all(self._by_prefix)
        self._give_all(self._by_folder)
        orphans = Counter(
            folder for file in self._files if self._is_free(file) and file.is_pdf for folder in folders(file.folder)
        )
        inside = Counter(folder for claim in self._claims for folder in folders(claim.folder))
        owner = {folder: claim for claim in self._claims for folder in folders(claim.folder)}

        def by_subtree(file: File) -> Claim | None:
            # A PDF that nobody claims may be an article whose XML is missing; then its figures are not ours either.
            around = next((folder for folder in folders(file.folder) if inside[folder]), None)
            found = owner[around] if around is not None and inside[around] == 1 and not orphans[around] else None
            return found if found is not None and self._reach.allows(found, file) else None

        self._give_all(by_subtree)

    def claim_papers(self, papers: Sequence[File]) -> None:
        """Manifests and tables of contents out of an archive go to the only article, or to the one beside them."""
        for paper in papers:
            claim = self._claims[0] if len(self._claims) == 1 else self._by_folder(paper, beside=True)
            if claim is not None and paper.member.archive:
                claim.files[paper.member.name] = paper.member

    def _is_free(self, file: File) -> bool:
        return file.member.name not in self._owned

    def _give(self, claim: Claim, file: File) -> None:
        self._owned.add(file.member.name)
        claim.files[file.member.name] = file.member

    def _give_all(self, owner: Callable[[File], Claim | None]) -> None:
        for file in self._files:
            claim = owner(file) if self._is_free(file) else None
            if claim is not None:
                self._give(claim, file)

    def _by_prefix(self, file: File) -> Claim | None:
        """The article with the longest base name that this one begins with: beside it, or the only such anywhere."""
        beside = file.folder in self._in_folder
        for length in range(len(file.base), 0, -1):
            found = (
                self._by_place.get((file.folder, file.base[:length]))
                if beside
                else self._by_stem_only.get(file.base[:length])
            )
            if found is not None and found.alone and found.owns_by_prefix(file.base):
                return found if self._reach.allows(found, file) else None
        return None

    def _by_folder(self, file: File, *, beside: bool = False) -> Claim | None:
        """The article that alone has its XML in this folder, or in the nearest one around it that has any."""
        near = next((folder for folder in folders(file.folder) if folder in self._in_folder), None)
        if near is None or len(self._in_folder[near]) != 1 or (beside and near != file.folder):
            return None
        claim = self._in_folder[near][0]
        if not self._reach.allows(claim, file):
            return None
        if file.is_pdf and claim.pdfs:
            detail = f"it is kept with {claim.metadata.name}, beside which it lies"
            claim.findings.append(finding("METADATA_MISSING", file.member.name, level=Level.WARNING, detail=detail))
        return claim
