"""WileyML 3G: a ``component`` whose header describes journal, issue and article on three levels."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ingest.dialects import house_words as words
from ingest.dialects.dates import date_in_words
from ingest.dialects.description import Described
from ingest.dialects.text import plain
from ingest.dialects.xml import attribute, child, children, descendants, local
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Author, Related

_NOTES = {"note", "noteReference", "feature", "citation", "bibliography", "indexTerm"}
_PUBLISHED = {
    "publishedPrint",
    "publishedOnlineEarlyUnpaginated",
    "publishedOnlineAccepted",
    "publishedOnlineFinalForm",
    "publishedOnlineLateUnpaginated",
    "firstOnline",
    "publishedOnline",
}
_NOTICES = ("errat", "corrigend", "correct", "retract", "withdraw", "concern")
_OWN_LINKS = ("totypeset", "toauthor", "toreplaced", "toalternative", "tosource")


def read(root: etree._Element, path: str) -> tuple[Described, ...]:
    """The one article of a ``component``."""
    header = child(root, "header")
    levels = {attribute(node, "level"): node for node in reversed(list(children(header, "publicationMeta")))}
    product, part, unit = (levels.get(name) for name in ("product", "part", "unit"))
    content = child(header, "contentMeta")
    language = attribute(root, "lang")
    title, others = _titles(content, unit, language)
    numbers = _numbers(part) | _numbers(unit)
    identifiers = _identifiers(unit, root)
    issns = {attribute(node, "type"): words.issn_of(plain(node)) for node in children(product, "issn")}
    dates = _dates(part, unit, path)
    record = ArticleRecord(
        title=title,
        translated_titles=others,
        language=language,
        journal_title=_main_title(product),
        publisher=plain(child(product, "publisherInfo", "publisherName")),
        issn_print=issns.get("print"),
        issn_electronic=issns.get("electronic"),
        issn_unspecified=next((text for kind, text in issns.items() if kind not in ("print", "electronic")), None),
        volume=numbers.get("journalVolume"),
        issue=numbers.get("journalIssue"),
        first_page=words.page_of(numbers.get("pageFirst")),
        last_page=words.page_of(numbers.get("pageLast")),
        elocation=identifiers.pop("eLocator", None) or numbers.get("eLocator"),
        doi=words.doi_of(plain(child(unit, "doi"))),
        authors=tuple(_authors(content)),
        published=dates.published,
        article_type=attribute(unit, "type") if unit is not None else None,
        related=tuple(_related(unit)),
        licence=_licence(unit),
        abstracts=_abstracts(content, language),
        keywords=_keywords(content),
        other_ids=identifiers,
    )
    pdfs = words.file_names(
        attribute(link, "href") for link in descendants(unit, "link") if attribute(link, "type") == "toTypesetVersion"
    )
    resources = (attribute(node, "href") for node in descendants(root, "mediaResource"))
    described = Described(
        record=record,
        pdf_names=pdfs,
        file_names=tuple(name for name in words.file_names(resources) if name not in pdfs),
        line=root.sourceline,
        lines=words.lines_among(
            doi=child(unit, "doi"),
            title=child(content, "titleGroup", "title"),
            journal=product,
            **{
                f"issn_{kind}": node
                for node in children(product, "issn")
                if (kind := attribute(node, "type")) in ("print", "electronic")
            },
        ),
        full_text=any(text.strip() for body in children(root, "body") for text in body.itertext()),
        findings=tuple(dates.findings),
    )
    return (described,)


def _left_out(node: etree._Element) -> bool:
    """Notes, and the links to notes and references that stand as marks in a text."""
    name = local(node)
    if name == "link":
        return (attribute(node, "href") or "").startswith("#")
    return name in _NOTES or (name == "mediaResource")


def _titles(
    content: etree._Element | None, unit: etree._Element | None, language: str | None
) -> tuple[str | None, dict[str, str]]:
    """The main title in the article's language, else the first, and the others by language.

    An erratum or a cover without a title of its own is called as its heading in the table of contents.
    """
    mains: dict[str, str] = {}
    subtitles: dict[str, str] = {}
    for node in children(child(content, "titleGroup"), "title"):
        kind, text = attribute(node, "type") or "main", plain(node, _left_out)
        target = mains if kind in {"main", "translated"} else subtitles if kind in {"subtitle", "sub"} else None
        if text and target is not None:
            target.setdefault(attribute(node, "lang") or language or "", text)
    whole = {key: words.with_subtitle(text, subtitles.get(key)) or text for key, text in mains.items()}
    own = language if language in whole else next(iter(whole), None)
    others = {key: text for key, text in whole.items() if key != own}
    if own is not None:
        return whole[own], others
    headings = {attribute(node, "type"): plain(node) for node in children(child(unit, "titleGroup"), "title")}
    return headings.get("articleCategory") or headings.get("tocHeading1"), others


def _main_title(product: etree._Element | None) -> str | None:
    titles = list(children(child(product, "titleGroup"), "title"))
    mains = [node for node in titles if attribute(node, "type") == "main"]
    return next((text for node in (mains or titles) if (text := plain(node, _left_out))), None)


def _numbers(level: etree._Element | None) -> dict[str, str]:
    """``numbering`` by its type: the text, which of a double issue is ``3-4``, else its attribute ``number``."""
    found: dict[str, str] = {}
    for group in children(level, "numberingGroup"):
        for node in children(group, "numbering"):
            text = plain(node) or attribute(node, "number")
            if text:
                found.setdefault(attribute(node, "type") or "", text)
    return found


def _identifiers(unit: etree._Element | None, root: etree._Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in children(child(unit, "idGroup"), "id"):
        text = attribute(node, "value") or plain(node)
        if text:
            found.setdefault(attribute(node, "type") or "other", text)
    name = attribute(root, "id")
    return found | {"publisher-id": name} if name else found


def _dates(part: etree._Element | None, unit: etree._Element | None, path: str) -> words.Dates:
    dates = words.Dates(path)
    for node in [*children(part, "coverDate"), *children(unit, "coverDate")]:
        given = attribute(node, "startDate") or plain(node)
        dates.note("cover", date_in_words(given), node, given)
    for node in children(child(unit, "eventGroup"), "event"):
        kind = attribute(node, "type") or ""
        if kind in _PUBLISHED:
            given = attribute(node, "date")
            dates.note(kind, date_in_words(given), node, given)
    return dates


def _authors(content: etree._Element | None) -> Iterator[Author]:
    """Persons and groups whose role is author; a creator without a role is one."""
    for creator in children(child(content, "creators"), "creator"):
        if machine_lower(attribute(creator, "creatorRole") or "author") not in {"author", "corrauthor", "coauthor"}:
            continue
        group = plain(child(creator, "groupName"), _left_out)
        if group:
            yield Author(collab=group)
            continue
        name = child(creator, "personName")
        family = [plain(node, _left_out) for node in children(name, "familyNamePrefix", "familyName")]
        given = [plain(node, _left_out) for node in children(name, "givenNames")]
        last = " ".join(text for text in family if text) or None
        first = " ".join(text for text in given if text) or None
        if last or first:
            yield Author(last, first, plain(child(name, "nameSuffix")), orcid=_orcid(creator))


def _orcid(creator: etree._Element) -> str | None:
    given = (node for node in descendants(creator, "id") if machine_lower(attribute(node, "type") or "") == "orcid")
    return next((words.orcid_of(attribute(node, "value") or plain(node)) for node in given), None)


def _related(unit: etree._Element | None) -> Iterator[Related]:
    """Links from this article to others; of an erratum or a retraction they lead to what it is about."""
    headings = [plain(node) or "" for node in children(child(unit, "titleGroup"), "title")]
    kinds = [attribute(unit, "type") or "" if unit is not None else "", *headings]
    notice = next((kind for kind in kinds if any(part in machine_lower(kind) for part in _NOTICES)), None)
    links = [node for group in children(unit, "linkGroup") for node in children(group, "link")]
    for node in [*links, *descendants(unit, "relatedItem", "relatedArticle")]:
        kind = attribute(node, "type") or attribute(node, "relation")
        target = attribute(node, "href") or attribute(node, "ref") or plain(child(node, "doi")) or plain(node)
        if not target or machine_lower(kind or "").startswith(_OWN_LINKS) or not words.doi_in(target):
            continue
        said = kind if kind and any(part in machine_lower(kind) for part in _NOTICES) else notice or kind
        # "correctionTo", whatever the article itself is called.
        to = machine_lower(kind or "").endswith(("to", "of"))
        yield words.related_to(said, target, of_a_notice=to or notice is not None)


def _licence(unit: etree._Element | None) -> str | None:
    """The licence's address; its words if it has none; else the access that the publisher names."""
    texts: list[str] = []
    for statement in children(unit, "legalStatement"):
        for link in descendants(statement, "link", "url"):
            address = attribute(link, "href") or ""
            if "creativecommons.org" in address:
                return address
        texts.append(plain(statement, _left_out) or attribute(statement, "type") or "")
    access = attribute(unit, "accessType") if unit is not None else None
    return " ".join(text for text in texts if text) or (f"accessType={access}" if access else None)


def _abstracts(content: etree._Element | None, language: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in children(child(content, "abstractGroup"), "abstract"):
        text = plain(node, lambda below: _left_out(below) or local(below) == "title")
        if text and attribute(node, "type") in (None, "main"):
            found.setdefault(attribute(node, "lang") or language or "", text)
    return found


def _keywords(content: etree._Element | None) -> tuple[str, ...]:
    groups = descendants(content, "keywordGroup")
    found = (plain(node, _left_out) for group in groups for node in children(group, "keyword"))
    return tuple(dict.fromkeys(word for word in found if word))
