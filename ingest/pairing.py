"""XML and PDF of one article brought together, then its figures and supplements.

The rules are those by which publishers' deliveries are read elsewhere (LOCKSS source plug-ins, PMC, SciELO).
Every rule looks at names only, the surer rule first, and a rule that could mean two files means none: a wrong
file is worse than a missing one.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass

from ingest.claims import METADATA_SUFFIX, Claim, File, articles_among, folders, loose, nfc
from ingest.findings import finding
from ingest.naming import Names
from ingest.pagination import by_pages_or_title
from ingest.reach import Reach, doi_key
from ingest.unpack import Member
from repository.turkish import machine_lower
from repository.vocabulary import Level

_LANGUAGE = re.compile(r"[-_][a-z]{2}")
_XML_FOLDERS = frozenset(("xml", "xmls", "nxml", "markup", "fulltext"))
_PDF_FOLDERS = frozenset(("pdf", "pdfs", "page_renditions"))


@dataclass(frozen=True, slots=True)
class Paired:
    """The articles with their files, in the order of their metadata files, and the names that none of them claims."""

    claims: tuple[Claim, ...]
    unclaimed: frozenset[str]


def pair(
    readable: Sequence[Claim], doubtful: Sequence[Claim], members: Sequence[Member], papers: Sequence[Member]
) -> Paired:
    """Every article with its PDFs and other files out of ``members``.

    ``doubtful`` are XML files that cannot be read: each is an article of its own, or a supplement of one that
    is surer. ``papers`` (manifests, tables of contents) go to the only article there is, or to the one they lie with.
    """
    claims = articles_among(readable, doubtful, members)
    metadata = {claim.metadata.name for claim in claims}
    pairing = _Pairing(claims, [File(member) for member in members if member.name not in metadata])
    pairing.pair_pdfs()
    pairing.claim_the_rest()
    pairing.claim_papers([File(member) for member in papers])
    owned = metadata.union(*(claim.files for claim in claims)) if claims else set()
    every = {member.name for member in (*members, *papers)}
    return Paired(tuple(sorted(claims, key=lambda claim: claim.metadata.name)), frozenset(every - owned))


class _Pairing:
    def __init__(self, claims: list[Claim], files: list[File]) -> None:
        self._claims = claims
        self._files = files
        self._owned: set[str] = set()
        self._owners: dict[str, Claim] = {}
        self._unclear: dict[Claim, list[File]] = {}
        self._reach = Reach(claims)
        self._names = Names(files, claims, self._reach)
        self._by_doi: dict[str, list[File]] = defaultdict(list)
        for file in files:
            if file.is_pdf and (key := self._reach.doi_of(file)):
                self._by_doi[key].append(file)
        self._in_folder: dict[str, list[Claim]] = {}
        for claim in claims:
            self._in_folder.setdefault(claim.folder, []).append(claim)
        self._by_place = {(claim.folder, claim.stem): claim for claim in claims}
        stems = Counter(claim.stem for claim in claims)
        self._by_stem_only = {claim.stem: claim for claim in claims if stems[claim.stem] == 1}

    # PDFs.

    def pair_pdfs(self) -> None:
        """Each article's own PDFs, rule after rule over all the articles, so that no guess takes a sure one away."""
        for key in (str, nfc, loose):
            self._pair_same_base(key)
        self._try(self._named_by_doi)
        self._pair_named()
        supplements = {
            file.member.name
            for claim in self._claims
            for name in (claim.described.file_names if claim.described else ())
            if machine_lower(name).endswith(".pdf")
            for file in self._names.others(claim, name)
        }
        self._try(self._only_in_folder, supplements)
        self._try(self._same_base_elsewhere)
        self._try(self._only_in_parallel, supplements)
        self._try(self._named_by_suffix)
        self._pair_by_pages(supplements)
        self._give_translations()
        for claim, files in self._unclear.items():
            if not claim.pdfs and (left := self._free_pdfs(files)):
                names = ", ".join(sorted(file.member.name for file in left))
                claim.findings.append(finding("PDF_AMBIGUOUS", claim.metadata.name, claim.line, names=names))

    def _try(self, rule: Callable[[Claim], list[File]], besides: Container[str] = ()) -> None:
        """Give every article without a PDF what the rule finds for it, if that is one; several are remembered."""
        for claim in self._claims:
            found = [] if claim.pdfs else self._free_pdfs(rule(claim))
            found = [file for file in found if file.member.name not in besides and self._reach.allows(claim, file)]
            if len(found) == 1:
                self._give_pdf(claim, found[0])
            elif found:
                self._unclear.setdefault(claim, found)

    def _pair_named(self) -> None:
        """The PDFs that the XML names, be there one already or not."""
        for claim in self._claims:
            for name in claim.described.pdf_names if claim.described else ():
                found = self._names.pdfs(claim, name)
                if len(found) > 1:
                    self._unclear.setdefault(claim, found)
                    continue
                for file in found:
                    self._give_pdf(claim, file)
                    if not claim.pdfs and file.folder == claim.folder and self._writes(file):
                        # Short letters share the PDF of their page, and each XML says so.
                        claim.pdfs.append(file.member)
                        self._give(claim, file)

    def _writes(self, file: File) -> bool:
        """Whether the article that has this PDF names it too."""
        owner = self._owners[file.member.name]
        names = owner.described.pdf_names if owner.described else ()
        return any(file in self._names.pdfs(owner, name) for name in names)

    def _pair_by_pages(self, supplements: Container[str]) -> None:
        """PDFs named by page or title, among the articles and the PDFs of one place."""
        pools: dict[str, list[File]] = defaultdict(list)
        for file in self._free_pdfs(self._files):
            near = self._reach.around(file)
            if near is not None and self._reach.doi_of(file) is None and file.member.name not in supplements:
                pools[near].append(file)
        for folder, pdfs in pools.items():
            claims = [claim for claim in self._in_folder[folder] if not claim.pdfs]
            for found in by_pages_or_title(claims, pdfs):
                if found.clear:
                    self._give_pdf(found.claim, found.files[0])
                else:
                    self._unclear.setdefault(found.claim, list(found.files))

    def _give_pdf(self, claim: Claim, file: File) -> None:
        if file.member.name not in self._owned:
            claim.pdfs.append(file.member)
            self._owners[file.member.name] = claim
            self._give(claim, file)

    def _give(self, claim: Claim, file: File) -> None:
        self._owned.add(file.member.name)
        claim.files[file.member.name] = file.member

    def _free_pdfs(self, files: Iterable[File]) -> list[File]:
        return [file for file in files if file.is_pdf and file.member.name not in self._owned]

    def _pair_same_base(self, key: Callable[[str], str]) -> None:
        """Same folder, same base name; differences of Unicode form or capitals are told."""
        pdfs: dict[str, list[File]] = defaultdict(list)
        for file in self._free_pdfs(self._files):
            pdfs[key(posixpath.splitext(file.member.name)[0])].append(file)
        for claim in self._claims:
            stem = key(METADATA_SUFFIX.sub("", claim.metadata.name))
            found = pdfs.get(stem, []) if claim.alone and not claim.pdfs else []
            if len(found) == 1:
                self._give_pdf(claim, found[0])
                if key is not str:
                    name = found[0].member.name
                    claim.findings.append(finding("NAME_NORMALISATION", name, detail=claim.metadata.name))

    def _only_in_folder(self, claim: Claim) -> list[File]:
        """The only PDF beside the only XML."""
        if len(self._in_folder[claim.folder]) != 1:
            return []
        return self._names.at(claim.folder)

    def _same_base_elsewhere(self, claim: Claim) -> list[File]:
        """The same base name in a folder below (Springer's BodyRef/PDF), or in ``pdf`` beside ``xml`` (NPG)."""
        if not claim.alone:
            return []
        inside = f"{claim.folder}/" if claim.folder else ""
        parallel = self._parallel(claim)
        same = self._names.with_stem(claim.stem)
        return [file for file in same if file.folder.startswith(inside) or loose(file.folder) in parallel]

    def _only_in_parallel(self, claim: Claim) -> list[File]:
        """The only PDF in ``Page_Renditions`` beside ``Markup`` with only one XML (AIP)."""
        if len(self._in_folder[claim.folder]) != 1:
            return []
        return [file for folder in self._parallel(claim) for file in self._names.at(folder)]

    def _parallel(self, claim: Claim) -> set[str]:
        parts = loose(claim.folder).split("/")
        return {
            "/".join((*parts[:at], other, *parts[at + 1 :]))
            for at, part in enumerate(parts)
            if part in _XML_FOLDERS
            for other in _PDF_FOLDERS
        }

    def _named_by_doi(self, claim: Claim) -> list[File]:
        """The DOI as folders, or as the base name with '_' for '/' (CLOCKSS guideline)."""
        doi = loose(claim.described.record.doi or "") if claim.described else ""
        found = self._by_doi.get(doi_key(doi), []) if doi else []
        literal = [file for file in found if _is_named(file, doi)]
        if literal or len(self._reach.with_key(doi_key(doi))) > 1:
            return literal
        return [file for file in found if doi_key(doi) in (doi_key(file.stem), doi_key(file.folder.rpartition("/")[2]))]

    def _named_by_suffix(self, claim: Claim) -> list[File]:
        """The DOI's suffix as base name (AIMS)."""
        suffix = loose(claim.described.record.doi or "").partition("/")[2] if claim.described else ""
        return self._names.with_stem(suffix) if suffix else []

    def _give_translations(self) -> None:
        """SciELO's ``-en.pdf`` beside the article's own."""
        for file in self._free_pdfs(self._files):
            claim = self._by_place.get((file.folder, file.stem[:-3]))
            if claim is not None and claim.alone and _LANGUAGE.fullmatch(file.stem[-3:]):
                self._give_pdf(claim, file)

    # Figures, supplements and whatever else lies with an article.

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
        orphans = Counter(folder for file in self._free_pdfs(self._files) for folder in folders(file.folder))
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

    def _give_all(self, owner: Callable[[File], Claim | None]) -> None:
        for file in self._files:
            claim = owner(file) if file.member.name not in self._owned else None
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


def _is_named(file: File, doi: str) -> bool:
    name = loose(f"/{file.folder}/{file.stem}")
    return (
        loose(file.stem) == doi.replace("/", "_")
        or name.endswith(f"/{doi}")
        or loose(f"/{file.folder}").endswith(f"/{doi}")
    )
