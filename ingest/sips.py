"""Which files of a delivery belong to which article: one Sip per article, and what no article claims is named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ingest.claims import Claim
from ingest.dialects import DIALECTS, Described, Description, Format, Kind, Side, TableOfContents
from ingest.dialects.lawful import lawful
from ingest.findings import delivery_verdict, finding
from ingest.pairing import pair
from ingest.profiles import DEFAULT, PdfRule, Profile
from ingest.sides import Said, Sides
from ingest.unpack import LARGEST_METADATA, Member, Unpacked
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Finding

Describe = Callable[[bytes, str], Description]

_PAPERS = frozenset(("bagit.txt", "bag-info.txt", "fetch.txt", "mimetype"))
_SCHEMAS = (".xsd", ".dtd", ".ent", ".mod")
"""The schemas that OJS sends along with the XML of an issue: they belong to no article more than to another."""


@dataclass(frozen=True, slots=True)
class Sip:
    """What a delivery holds of one article (OAIS submission information package).

    ``name`` is its metadata file's, with ``#2`` for the second article in one file; ``described`` what the XML
    says, None when it could not be read: then ``findings`` refuse this article alone. ``members`` are all its
    files, metadata first, then ``pdfs``: the article itself and its translations.
    """

    name: str
    metadata: Member
    described: Described | None
    members: tuple[Member, ...]
    pdfs: tuple[Member, ...]
    findings: tuple[Finding, ...]
    letters: tuple[Member, ...] = ()
    """What came with the delivery, speaks of every article in it, and is no file of any."""
    shared: bool = False
    """Whether its metadata file tells of other articles too."""

    @property
    def record(self) -> ArticleRecord | None:
        """The article's descriptive metadata, None when the XML could not be read."""
        return self.described.record if self.described else None

    @property
    def line(self) -> int | None:
        """The line of the metadata file where the article begins."""
        return self.described.line if self.described else None


@dataclass(frozen=True, slots=True)
class Grouping:
    """Every member of a delivery once: in a Sip (or several, when their XML names it), or in ``unclaimed``."""

    sips: tuple[Sip, ...]
    unclaimed: tuple[Member, ...]
    findings: tuple[Finding, ...]
    contents: tuple[tuple[str, TableOfContents], ...] = ()
    """The tables of contents, each with the name of its file."""


def group(unpacked: Unpacked, describe: Describe, profile: Profile = DEFAULT) -> Grouping:
    """One Sip for each article of an opened delivery, by the names of its files and what its XML names.

    ``describe(bytes, name)`` says what an XML file is. An XML that cannot be read is a Sip without a record,
    unless it is a supplement of an article that can. Manifests and tables of contents join the one article of a
    delivery that has only one, and what they say of an article completes its record; what speaks of every article
    (the Atom entry of a deposit) is a letter to each of them. What stays unclaimed and is no letter is UNPAIRED_FILE,
    or METADATA_MISSING when nothing in the delivery describes an article, or SET_INCOMPLETE when there is nothing but
    accompanying files. ``profile`` says which files are passed over, which describe articles, how their PDFs are
    found, and what is true of an article whose XML does not say it.
    """
    members = [member for member in unpacked.members if not profile.ignored.fit(member.name)]
    described = {
        member.name: _described(member, describe)
        for member in members
        if member.is_named_as_metadata or profile.described.fit(member.name)
    }
    unread = [name for name, description in described.items() if not _is_wanted(name, description, profile)]
    for name in unread:
        del described[name]
    papers = {
        member.name
        for member in members
        if member.name in unpacked.lists
        or member.name.rpartition("/")[2] in _PAPERS
        or (member.name in described and described[member.name].format.kind is Kind.WRAPPER)
    }
    told_twice = set(_told_twice(described))
    readable = [
        member
        for member in members
        if member.name in described and described[member.name].articles and member.name not in told_twice
    ]
    doubtful = [
        member
        for member in members
        if member.name in described
        and not described[member.name].articles
        and described[member.name].format.kind in (Kind.READ, Kind.UNREAD, Kind.UNKNOWN)
    ]
    sides = Sides([Said(each, side) for each in members for side in _sides(described.get(each.name))])
    for name in told_twice:
        sides.meet(name)
    only = sum(len(described[member.name].articles) for member in readable) == 1
    paired = pair(
        [claim for each in readable for claim in _claims(each, described[each.name], sides, profile, only=only)],
        [claim for each in doubtful for claim in _claims(each, described[each.name], sides, profile, only=only)],
        [member for member in members if member.name not in papers],
        [member for member in members if member.name in papers],
        profile,
    )
    letters = tuple(
        member
        for member in members
        if member.name in papers & paired.unclaimed
        and any(side.path is None for side in _sides(described.get(member.name)))
    )
    left = [member for member in members if member.name in paired.unclaimed]
    findings = [*sides.findings(articles=len(paired.claims)), *_passed_over(unpacked.members, profile)]
    if unpacked.members and delivery_verdict(findings) is None:
        detail = f"the profile {profile.name} does not read {unread[0]}" if unread else None
        lost = [each for each in left if each not in letters]
        findings += _about(lost, papers, members, described, detail, articles=len(paired.claims))
    contents = ((name, each.contents) for name, each in described.items())
    tables = tuple((name, table) for name, table in contents if table is not None and table.records)
    passed_over = [member for member in unpacked.members if profile.ignored.fit(member.name)]
    return Grouping(tuple(_sips(paired.claims, letters)), (*left, *passed_over), tuple(findings), tables)


def _sides(description: Description | None) -> tuple[Side, ...]:
    return description.sides if description is not None else ()


def _is_wanted(name: str, description: Description, profile: Profile) -> bool:
    """Whether the file may describe articles by the profile; what stands around articles is always read."""
    if description.format.kind in (Kind.WRAPPER, Kind.OTHER):
        return True
    if profile.metadata and not profile.described.fit(name):
        return False
    families = frozenset[str]().union(*(DIALECTS[dialect] for dialect in profile.dialects))
    # What cannot be read at all may be an article in any dialect.
    return not families or not description.format.family or description.format.family in families


def _passed_over(members: Iterable[Member], profile: Profile) -> Iterator[Finding]:
    found: dict[str, list[str]] = defaultdict(list)
    for member in members:
        if (glob := profile.ignored.first(member.name)) is not None:
            found[glob].append(member.name)
    for glob, names in found.items():
        yield finding("PASSED_OVER", names[0], number=len(names), pattern=glob)


def _described(member: Member, describe: Describe) -> Description:
    if member.bytes > LARGEST_METADATA:
        detail = f"{member.bytes} bytes, limit {LARGEST_METADATA}"
        too_large = finding("XML_TOO_LARGE", member.name, detail=detail)
        return Description(Format("XML that is too large", Kind.UNKNOWN), (), (too_large,))
    return describe(member.source.read_bytes(), member.name)


def _claims(member: Member, description: Description, sides: Sides, profile: Profile, *, only: bool) -> list[Claim]:
    """One claim for each article of a metadata file; one without a record when there is none to be read."""
    kind = description.format.kind
    alone = len(description.articles) <= 1
    found = list(description.findings)
    if not description.articles:
        sides.meet(member.name)
        return [Claim(member, None, kind, alone, found)]
    claims = []
    for described in description.articles:
        full = sides.complete(described, member.name, description.format.family, only=only)
        record, told = profile.completed(full.described.record, member.name, described.line)
        names = tuple(
            name
            for name in full.described.pdf_names
            if profile.believes(PdfRule.MANIFEST if name in full.listed else PdfRule.XML)
        )
        complete = replace(full.described, record=lawful(record), pdf_names=names)
        findings = [*found, *complete.findings, *told]
        claims.append(Claim(member, complete, kind, alone, findings, listed=full.listed))
    return claims


def _told_twice(described: Mapping[str, Description]) -> Iterator[str]:
    """Springer's full texts ``x.xml`` or ``x_nlm.xml`` beside ``x.xml.Meta``, which describes the same article."""
    articles = {machine_lower(name): description.articles for name, description in described.items()}
    for name in described:
        text = machine_lower(name)
        own = articles[text]
        for end in (".xml", "_nlm.xml"):
            other = articles.get(f"{text.removesuffix(end)}.xml.meta", ()) if text.endswith(end) else ()
            # One that gives no DOI says nothing else; two DOIs are two articles, whatever their names.
            if len(own) == len(other) == 1 and len({_doi(own[0]), _doi(other[0])} - {""}) < 2:
                yield name


def _doi(described: Described) -> str:
    return machine_lower(described.record.doi or "")


def _sips(claims: Sequence[Claim], letters: tuple[Member, ...]) -> Iterator[Sip]:
    counts: Counter[str] = Counter()
    for claim in claims:
        name = claim.metadata.name
        counts[name] += 1
        rest = sorted(
            (member for member in claim.files.values() if member not in claim.pdfs), key=lambda each: each.name
        )
        yield Sip(
            name if counts[name] == 1 else f"{name}#{counts[name]}",
            claim.metadata,
            claim.described,
            (claim.metadata, *claim.pdfs, *rest),
            tuple(claim.pdfs),
            tuple(claim.findings),
            letters,
            not claim.alone,
        )


def _about(
    left: Iterable[Member],
    papers: set[str],
    members: Sequence[Member],
    described: Mapping[str, Description],
    detail: str | None,
    *,
    articles: int,
) -> Iterator[Finding]:
    """What there is to say of the files that no article claims; ``detail`` of those that the profile leaves unread."""
    if not articles and members and all(each.name in papers and not each.archive for each in members):
        yield finding("SET_INCOMPLETE", members[0].name)
        return
    silent = not articles
    for member in left:
        if member.name in papers:
            if not member.archive and member.name in described:
                yield finding("SIDECAR", member.name, detail=described[member.name].format.name)
        elif articles:
            if not machine_lower(member.name).endswith(_SCHEMAS):
                yield finding("UNPAIRED_FILE", member.name)
        elif machine_lower(member.name).endswith(".pdf"):
            silent = False
            yield finding("METADATA_MISSING", member.name, detail=detail)
    if silent:
        yield finding("METADATA_MISSING", detail=detail)
