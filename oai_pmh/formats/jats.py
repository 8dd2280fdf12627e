"""An article in JATS Archiving 1.3, front matter only: the publisher's where we have it, else ours."""

from __future__ import annotations

from oai_pmh.formats.elements import attribute, element, wrapped
from oai_pmh.formats.told import Told
from oai_pmh.formats.wording import ADDRESS, ISO_DATE, is_doi, tagged
from repository import jats
from repository.vocabulary import ArticleRecord, Author, Related

PREFIX = "jats"
SCHEMA = jats.SCHEMA
NAMESPACE = jats.NAMESPACE


def crosswalk(record: ArticleRecord, told: Told) -> str:
    """The article element. Notices that point at the article are among its related articles in either case."""
    if told.front is not None:
        notices = "".join(_related(one) for one in told.notices)
        front = f"{told.front.before}{notices}{told.front.after}"
        return f"{jats.opened(told.front.attributes)}{front}</article>"
    attributes = attribute("article-type", record.article_type) + tagged(record.language)
    return f"{jats.opened(attributes)}<front>\n{_journal_meta(record)}{_article_meta(record, told)}</front>\n</article>"


def _journal_meta(record: ArticleRecord) -> str:
    issns = (
        element("issn", record.issn_print, ' publication-format="print"')
        + element("issn", record.issn_electronic, ' publication-format="electronic"')
        + element("issn", record.issn_unspecified)
        + element("issn-l", record.issn_l)
    )
    titles = wrapped("journal-title-group", element("journal-title", record.journal_title))
    publisher = wrapped("publisher", element("publisher-name", record.publisher))
    return wrapped("journal-meta", titles + issns + publisher)


def _article_meta(record: ArticleRecord, told: Told) -> str:
    ids = element("article-id", record.doi, ' pub-id-type="doi"')
    ids += "".join(
        element("article-id", value, attribute("pub-id-type", kind)) for kind, value in record.other_ids.items()
    )
    pages = element("fpage", record.first_page)
    # The standard has a last page only behind a first one, and an article number only where there are no pages.
    pages += element("lpage", record.last_page) if pages else ""
    inside = (
        ids,
        _titles(record),
        wrapped("contrib-group", "".join(map(_contributor, record.authors))),
        "".join(_date(kind, date) for kind, date in record.published.items()),
        element("volume", record.volume),
        element("issue", record.issue),
        pages or element("elocation-id", record.elocation),
        wrapped("permissions", "".join(map(_licence, (record.licence or "").split(" ; ")))),
        element("self-uri", told.address, attribute("xlink:href", told.address)),
        "".join(map(_related, record.related)),
        _abstracts(record),
        wrapped("kwd-group", "".join(element("kwd", keyword) for keyword in dict.fromkeys(record.keywords))),
    )
    return f"<article-meta>\n{''.join(inside)}</article-meta>\n"


def _titles(record: ArticleRecord) -> str:
    """The standard wants an article-title in every title-group: without one there is none."""
    title = element("article-title", record.title)
    if not title:
        return ""
    translated = "".join(
        wrapped("trans-title-group", element("trans-title", text), tagged(language))
        for language, text in record.translated_titles.items()
    )
    return wrapped("title-group", title + translated)


def _contributor(author: Author) -> str:
    orcid = author.orcid_address
    person = ' contrib-id-type="orcid"'
    name = element("collab", author.collab) or wrapped("name", _name(author))
    return wrapped("contrib", element("contrib-id", orcid, person) + name if name else "", ' contrib-type="author"')


def _name(author: Author) -> str:
    parts = element("surname", author.family) + element("given-names", author.given)
    return parts + element("suffix", author.suffix) if parts else ""


def _date(kind: str, date: str) -> str:
    """A date with its kind as it is told: ``ppub``, or format and type parted by a slash."""
    if not ISO_DATE.fullmatch(date):
        return ""
    form, slash, what = kind.rpartition("/")
    told = (
        attribute("publication-format", form) + attribute("date-type", what) if slash else attribute("pub-type", kind)
    )
    parts = zip(("year", "month", "day"), date.split("-"), strict=False)
    # The parts stand from the smallest to the greatest.
    return wrapped("pub-date", "".join(element(name, part) for name, part in reversed(list(parts))), told)


def _licence(licence: str) -> str:
    if ADDRESS.match(licence):
        reference = element("ali:license_ref", licence)
        return wrapped("license", reference, attribute("xlink:href", licence))
    return wrapped("license", element("license-p", licence))


def _related(related: Related) -> str:
    """A pointer to another article; without a kind there is none (the standard requires it)."""
    kind = attribute("related-article-type", related.type)
    target = attribute("xlink:href", related.identifier)
    if not kind or not target:
        return ""
    scheme = "doi" if is_doi(related) else "uri" if ADDRESS.match(related.identifier) else related.identifier_type
    return f"<related-article{kind}{attribute('ext-link-type', scheme)}{target}/>\n"


def _abstracts(record: ArticleRecord) -> str:
    """The abstract in the article's language, or else the first one, and the others as translations of it."""
    given = [
        (language, inside) for language, abstract in record.abstracts.items() if (inside := element("p", abstract))
    ]
    own = next((one for one in given if one[0] == (record.language or "")), given[0] if given else None)
    return "".join(
        wrapped("abstract" if one is own else "trans-abstract", one[1], tagged(one[0]))
        for one in sorted(given, key=lambda one: one is not own)
    )
