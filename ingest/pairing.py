"""XML and PDF of one article brought together.

The rules are those by which publishers' deliveries are read elsewhere (LOCKSS source plug-ins, PMC, SciELO).
Every rule looks at names only, the surer rule first, and a rule that could mean two files means none: a wrong
file is worse than a missing one.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

from ingest.claims import Claim, File, articles_among, loose, nfc, without_ending
from ingest.companions import Companions
from ingest.findings import finding
from ingest.naming import Names
from ingest.pagination import by_pages_or_title
from ingest.patterns import filled
from ingest.places import Places
from ingest.profiles import DEFAULT, PdfRule, Profile
from ingest.reach import Reach, doi_key
from ingest.unpack import Member
from repository.turkish import machine_lower

_LANGUAGE = re.compile(r"[-_][a-z]{2}")
_LANGUAGE_BEFORE = re.compile(r"[a-z]{2}_")


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
    profile: Profile = DEFAULT,
) -> Paired:
    """Every article with its PDFs and other files out of ``members``.

    ``doubtful`` are XML files that cannot be read: each is an article of its own, or a supplement of one that
    is surer. ``papers`` (manifests, tables of contents) go to the only article there is, or to the one they lie with.
    ``profile`` says by which rules a PDF is found.
    """
    claims = articles_among(readable, doubtful, members)
    metadata = {claim.metadata.name for claim in claims}
    pairing = _Pairing(claims, [File(member) for member in members if member.name not in metadata], profile)
    pairing.pair_pdfs()
    companions = pairing.companions()
    companions.claim_the_rest()
    companions.claim_papers([File(member) for member in papers])
    owned = metadata.union(*(claim.files for claim in claims)) if claims else set()
    every = {member.name for member in (*members, *papers)}
    return Paired(tuple(sorted(claims, key=lambda claim: claim.metadata.name)), frozenset(every - owned))


class _Pairing:
    def __init__(self, claims: list[Claim], files: list[File], profile: Profile) -> None:
        self._profile = profile
        self._claims = claims
        self._files = files
        self._owned: set[str] = set()
        self._owners: dict[str, Claim] = {}
        self._unclear: dict[Claim, list[File]] = {}
        self._reach = Reach(claims)
        self._names = Names(files, claims, self._reach)
        self._places = Places(claims, files, self._names, self._reach, self._owned)
        self._by_doi: dict[str, list[File]] = defaultdict(list)
        for file in files:
            if file.is_pdf and (key := self._reach.doi_of(file)):
                self._by_doi[key].append(file)
        self._in_folder: dict[str, list[Claim]] = {}
        for claim in claims:
            self._in_folder.setdefault(claim.folder, []).append(claim)
        self._by_place = {(claim.folder, claim.stem): claim for claim in claims}

    def companions(self) -> Companions:
        """Everything else, now that the PDFs have their articles."""
        return Companions(self._claims, self._files, self._owned, self._names, self._reach)

    def pair_pdfs(self) -> None:
        """Each article's own PDFs, rule after rule over all the articles, so that no guess takes a sure one away."""
        supplements = {
            file.member.name
            for claim in self._claims
            for name in (claim.described.file_names if claim.described else ())
            if machine_lower(name).endswith(".pdf")
            for file in self._names.others(claim, name)
        }
        usual: tuple[tuple[PdfRule, Callable[[], None]], ...] = (
            (PdfRule.SAME_NAME, self._pair_same_base),
            (PdfRule.DOI, self._pair_by_doi),
            (PdfRule.XML, lambda: self._pair_named(listed=False)),
            (PdfRule.MANIFEST, lambda: self._pair_named(listed=True)),
            (PdfRule.ONLY_ONE, lambda: self._try(self._places.only_in_folder, supplements)),
            (PdfRule.SAME_NAME, lambda: self._try(self._places.same_base_elsewhere)),
            (PdfRule.ONLY_ONE, lambda: self._try(self._places.only_in_parallel, supplements)),
            (PdfRule.ONLY_ONE, lambda: self._try(self._places.only_one_at_all, supplements)),
            (PdfRule.DOI, lambda: self._try(self._named_by_suffix)),
            (PdfRule.PAGES, lambda: self._pair_by_pages(supplements)),
            (PdfRule.SAME_NAME, self._give_translations),
            (PdfRule.PATTERN, lambda: self._try(self._by_pattern, written=True)),
            (PdfRule.WHOLE_ISSUE, self._pair_issue),
        )
        order = self._profile.pdf
        steps = sorted(usual, key=lambda step: order.index(step[0]) if step[0] in order else -1) if order else usual
        for rule, step in steps:
            if self._profile.believes(rule):
                step()
        for claim, files in self._unclear.items():
            if not claim.pdfs and (left := self._free_pdfs(files)):
                names = ", ".join(sorted(file.member.name for file in left))
                claim.findings.append(finding("PDF_AMBIGUOUS", claim.metadata.name, claim.line, names=names))

    def _try(self, rule: Callable[[Claim], list[File]], besides: Container[str] = (), *, written: bool = False) -> None:
        """Give every article without a PDF what the rule finds for it, if that is one; several are remembered."""
        for claim in self._claims:
            found = [] if claim.pdfs else self._free_pdfs(rule(claim))
            found = [file for file in found if file.member.name not in besides]
            found = [file for file in found if self._reach.allows(claim, file, written=written)]
            if len(found) == 1:
                self._give_pdf(claim, found[0])
            elif found:
                self._unclear.setdefault(claim, found)

    def _pair_named(self, *, listed: bool) -> None:
        """The PDFs that the XML names, or a list of the delivery, be there one already or not."""
        for claim in self._claims:
            has_one = bool(claim.pdfs)
            for name in claim.described.pdf_names if claim.described else ():
                if (name in claim.listed) is not listed:
                    continue
                found = self._names.pdfs(claim, name, guessing=not has_one)
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

    def _pair_same_base(self) -> None:
        """Same folder, same base name; differences of Unicode form or capitals are told."""
        for key in (str, nfc, loose):
            self._pair_same_path(key)

    def _pair_same_path(self, key: Callable[[str], str]) -> None:
        pdfs: dict[str, list[File]] = defaultdict(list)
        for file in self._free_pdfs(self._files):
            pdfs[key(posixpath.splitext(file.member.name)[0])].append(file)
        for claim in self._claims:
            stem = key(without_ending(claim.metadata.name))
            found = pdfs.get(stem, []) if claim.alone and not claim.pdfs else []
            if len(found) == 1:
                self._give_pdf(claim, found[0])
                if key is not str:
                    name = found[0].member.name
                    claim.findings.append(finding("NAME_NORMALISATION", name, detail=claim.metadata.name))

    def _pair_by_doi(self) -> None:
        before = {claim for claim in self._claims if claim.pdfs}
        self._try(self._named_by_doi)
        for claim in self._claims:
            if claim.pdfs and claim not in before and claim.described is not None:
                # What the XML names stands at an address on the web, then, and is no file of the delivery.
                names = tuple(name for name in claim.described.pdf_names if name in claim.listed)
                claim.described = replace(claim.described, pdf_names=names)

    def _named_by_doi(self, claim: Claim) -> list[File]:
        """The DOI as folders, or as the base name with '_' for '/' (CLOCKSS guideline)."""
        doi = loose(claim.described.record.doi or "") if claim.described else ""
        found = self._by_doi.get(doi_key(doi), []) if doi else []
        literal = [file for file in found if _is_named(file, doi)]
        if literal or len(self._reach.with_key(doi_key(doi))) > 1:
            return literal
        return [
            file
            for file in found
            if doi_key(doi) in (doi_key(unquote(file.stem)), doi_key(unquote(file.folder.rpartition("/")[2])))
        ]

    def _named_by_suffix(self, claim: Claim) -> list[File]:
        """The DOI's suffix as base name (AIMS)."""
        suffix = loose(claim.described.record.doi or "").partition("/")[2] if claim.described else ""
        return self._names.with_stem(suffix) if suffix else []

    def _by_pattern(self, claim: Claim) -> list[File]:
        """Where the publisher's profile says that it is."""
        assert self._profile.pdf_pattern is not None
        way = filled(self._profile.pdf_pattern, claim)
        return self._names.along(claim, way) if way is not None else []

    def _pair_issue(self) -> None:
        """The PDF with the base name of an XML of several articles, for each of them that has no other."""
        pdfs = {loose(posixpath.splitext(file.member.name)[0]): file for file in self._files if file.is_pdf}
        for claim in self._claims:
            file = pdfs.get(loose(without_ending(claim.metadata.name)))
            if file is not None and not claim.alone and not claim.pdfs:
                claim.pdfs.append(file.member)
                self._give(claim, file)
                claim.findings.append(finding("PDF_OF_ISSUE", file.member.name))

    def _give_translations(self) -> None:
        """SciELO's ``x-en.pdf`` beside the article's own, or its older ``en_x.pdf``."""
        for file in self._free_pdfs(self._files):
            for form, part, stem in (
                (_LANGUAGE, file.stem[-3:], file.stem[:-3]),
                (_LANGUAGE_BEFORE, file.stem[:3], file.stem[3:]),
            ):
                claim = self._by_place.get((file.folder, stem))
                if claim is not None and claim.alone and form.fullmatch(part):
                    self._give_pdf(claim, file)


def _is_named(file: File, doi: str) -> bool:
    name = loose(f"/{file.folder}/{file.stem}")
    return (
        loose(file.stem) == doi.replace("/", "_")
        or name.endswith(f"/{doi}")
        or loose(f"/{file.folder}").endswith(f"/{doi}")
    )
