"""XML and PDF of one article brought together, then its figures and supplements.

The rules are those by which publishers' deliveries are read elsewhere (LOCKSS source plug-ins, PMC, SciELO).
Every rule looks at names only, the surer rule first, and a rule that could mean two files means none.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from ingest.claims import METADATA_SUFFIX, Claim, File, articles_among, folders, loose, nfc
from ingest.findings import finding
from ingest.unpack import Member
from repository.vocabulary import Level

_TOO_COMMON = 500
_LANGUAGE = re.compile(r"[-_][a-z]{2}")
_XML_FOLDERS = frozenset(("xml", "xmls", "nxml", "markup", "fulltext"))
_PDF_FOLDERS = frozenset(("pdf", "pdfs", "page_renditions"))


@dataclass(frozen=True, slots=True)
class Paired:
    """The articles with their files, in the order of their metadata files, and the names that none of them claims."""

    claims: tuple[Claim, ...]
    unclaimed: frozenset[str]


def pair(
    readable: Sequence[Claim],
    doubtful: Sequence[Claim],
    members: Sequence[Member],
    papers: Sequence[Member],
    of_all: Collection[str] = (),
) -> Paired:
    """Every article with its PDFs and other files out of ``members``.

    ``doubtful`` are XML files that cannot be read: each is an article of its own, or a supplement of one that
    is surer. ``papers`` (manifests, tables of contents) go to the only article there is, or to the one they lie with,
    those named in ``of_all`` to every article.
    """
    claims = articles_among(readable, doubtful, members)
    metadata = {claim.metadata.name for claim in claims}
    pairing = _Pairing(claims, [File(member) for member in members if member.name not in metadata])
    pairing.pair_pdfs()
    pairing.claim_the_rest()
    pairing.claim_papers([File(member) for member in papers], of_all)
    owned = metadata.union(*(claim.files for claim in claims)) if claims else set()
    every = {member.name for member in (*members, *papers)}
    return Paired(tuple(sorted(claims, key=lambda claim: claim.metadata.name)), frozenset(every - owned))


class _Pairing:
    def __init__(self, claims: list[Claim], files: list[File]) -> None:
        self._claims = claims
        self._files = files
        self._owned: set[str] = set()
        self._by_path: dict[str, list[File]] = defaultdict(list)
        self._by_path_stem: dict[str, list[File]] = defaultdict(list)
        self._by_base: dict[str, list[File]] = defaultdict(list)
        self._by_stem: dict[str, list[File]] = defaultdict(list)
        self._at: dict[str, list[File]] = defaultdict(list)
        self._by_last_folder: dict[str, list[File]] = defaultdict(list)
        for file in files:
            self._by_path[loose(file.member.name)].append(file)
            self._by_path_stem[loose(posixpath.splitext(file.member.name)[0])].append(file)
            self._by_base[loose(file.base)].append(file)
            self._by_stem[loose(file.stem)].append(file)
            self._at[loose(file.folder)].append(file)
            self._by_last_folder[loose(file.folder.rpartition("/")[2])].append(file)
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
        for claim in self._claims:
            for name in claim.described.pdf_names if claim.described else ():
                for file in self._named(claim, name, pdf=True):
                    self._give_pdf(claim, file)
                    if not claim.pdfs and file.folder == claim.folder:
                        # Short letters share the PDF of their page, and each XML says so.
                        claim.pdfs.append(file.member)
                        self._give(claim, file)
        for rule in (self._only_in_folder, self._same_base_elsewhere, self._only_in_parallel, self._named_by_doi):
            for claim in self._claims:
                found = [] if claim.pdfs else [file for file in rule(claim) if file.member.name not in self._owned]
                if len(found) == 1:
                    self._give_pdf(claim, found[0])
        self._give_translations()

    def _give_pdf(self, claim: Claim, file: File) -> None:
        if file.member.name not in self._owned:
            claim.pdfs.append(file.member)
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

    def _named(self, claim: Claim, name: str, *, pdf: bool) -> list[File]:
        """The files that a name written in the XML means: from the XML's folder, below it, or the only one anywhere.

        A path out of a list of the delivery means the file at that path and no other: every article of Elsevier's
        has a ``main.pdf``.
        """
        if name in claim.listed:
            path = loose(posixpath.normpath(posixpath.join(claim.folder, name)))
            return [file for file in self._by_path.get(path, []) if file.is_pdf or not pdf]
        written = name.replace("\\", "/").partition("?")[0].partition("#")[0]
        for text in dict.fromkeys((written, unquote(written))):
            for variant in (text, text + ".pdf") if pdf else (text,):
                path = posixpath.normpath(posixpath.join(claim.folder, variant.lstrip("/")))
                base = loose(posixpath.basename(path))
                found = self._by_path.get(loose(path), [])
                # Figures are often named without the ending that they are delivered with, or with another one.
                stems = () if pdf else (loose(path), posixpath.splitext(loose(path))[0])
                for stem in stems:
                    found = found or self._by_path_stem.get(stem, [])
                found = found or self._nearest(claim, self._by_base.get(base, []))
                for stem in stems:
                    found = found or self._nearest(claim, self._by_stem.get(posixpath.basename(stem), []))
                found = [file for file in found if file.is_pdf] if pdf else found
                if found:
                    return found
        return []

    def _nearest(self, claim: Claim, files: list[File]) -> list[File]:
        """Those in the article's folder, else those below it, else all; but only if they lie in one folder."""
        if len(files) > _TOO_COMMON:
            return []
        inside = f"{claim.folder}/" if claim.folder else ""
        here = [file for file in files if file.folder == claim.folder]
        pool = here or [file for file in files if file.folder.startswith(inside)] or files
        return pool if len({file.folder for file in pool}) == 1 else []

    def _only_in_folder(self, claim: Claim) -> list[File]:
        """The only PDF beside the only XML."""
        if len(self._in_folder[claim.folder]) != 1:
            return []
        return self._free_pdfs(self._at.get(loose(claim.folder), []))

    def _same_base_elsewhere(self, claim: Claim) -> list[File]:
        """The same base name in a folder below (Springer's BodyRef/PDF), or in ``pdf`` beside ``xml`` (NPG)."""
        if not claim.alone:
            return []
        inside = f"{claim.folder}/" if claim.folder else ""
        parallel = self._parallel(claim)
        same = self._free_pdfs(self._by_stem.get(loose(claim.stem), []))
        return [file for file in same if file.folder.startswith(inside) or loose(file.folder) in parallel]

    def _only_in_parallel(self, claim: Claim) -> list[File]:
        """The only PDF in ``Page_Renditions`` beside ``Markup`` with only one XML (AIP)."""
        if len(self._in_folder[claim.folder]) != 1:
            return []
        return self._free_pdfs(file for folder in self._parallel(claim) for file in self._at.get(folder, []))

    def _parallel(self, claim: Claim) -> set[str]:
        parts = loose(claim.folder).split("/")
        return {
            "/".join((*parts[:at], other, *parts[at + 1 :]))
            for at, part in enumerate(parts)
            if part in _XML_FOLDERS
            for other in _PDF_FOLDERS
        }

    def _named_by_doi(self, claim: Claim) -> list[File]:
        """The DOI as folders, its suffix as base name (AIMS), or the DOI with '_' for '/' (CLOCKSS guideline)."""
        doi = loose(claim.described.record.doi or "") if claim.described else ""
        if not doi:
            return []
        base = [*self._by_stem.get(doi.replace("/", "_"), []), *self._by_stem.get(doi.partition("/")[2], [])]
        folder = [file for file in self._by_last_folder.get(doi.rpartition("/")[2], ()) if file.is_pdf]
        folder = [file for file in folder if f"/{loose(file.folder)}".endswith(f"/{doi}")]
        return self._free_pdfs(dict.fromkeys((*base, *folder)))

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
                for file in self._named(claim, name, pdf=False):
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
            return owner[around] if around is not None and inside[around] == 1 and not orphans[around] else None

        self._give_all(by_subtree)

    def claim_papers(self, papers: Sequence[File], of_all: Collection[str]) -> None:
        """Manifests and tables of contents out of an archive go to the only article, or to the one beside them."""
        for paper in papers:
            if paper.member.name in of_all:
                for each in self._claims:
                    each.files[paper.member.name] = paper.member
                continue
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
                return found
        return None

    def _by_folder(self, file: File, *, beside: bool = False) -> Claim | None:
        """The article that alone has its XML in this folder, or in the nearest one around it that has any."""
        near = next((folder for folder in folders(file.folder) if folder in self._in_folder), None)
        if near is None or len(self._in_folder[near]) != 1 or (beside and near != file.folder):
            return None
        claim = self._in_folder[near][0]
        if file.is_pdf and claim.pdfs:
            detail = f"it is kept with {claim.metadata.name}, beside which it lies"
            claim.findings.append(finding("METADATA_MISSING", file.member.name, level=Level.WARNING, detail=detail))
        return claim
