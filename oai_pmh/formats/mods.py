"""An article in MODS 3.8: names in parts with ORCID, the journal with volume, issue and pages as its host."""

from __future__ import annotations

from oai_pmh.formats.elements import attribute, element, wrapped
from oai_pmh.formats.told import Told
from oai_pmh.formats.wording import publication_date, relation, tagged
from repository.vocabulary import ArticleRecord, Author

PREFIX = "mods"
SCHEMA = "http://www.loc.gov/standards/mods/v3/mods-3-8.xsd"
NAMESPACE = "http://www.loc.gov/mods/v3"

_HEAD = (
    f'<mods xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    f' xsi:schemaLocation="{NAMESPACE} {SCHEMA}" version="3.8">\n'
)
_ROLE = '<role><roleTerm type="code" authority="marcrelator">aut</roleTerm></role>'


def crosswalk(record: ArticleRecord, told: Told) -> str:
    """The mods element of an article."""
    lines = [_HEAD, _title(record.title, record.language)]
    lines += [_title(title, language, ' type="translated"') for language, title in record.translated_titles.items()]
    lines += map(_name, record.authors)
    lines.append("<typeOfResource>text</typeOfResource>\n")
    lines.append(element("genre", record.article_type))
    lines.append(wrapped("originInfo", element("dateIssued", publication_date(record), ' encoding="w3cdtf"')))
    kind = ' type="code" authority="rfc5646"' if tagged(record.language) else ' type="text"'
    term = element("languageTerm", record.language, kind)
    lines.append(wrapped("language", term))
    lines += [element("abstract", abstract, tagged(language)) for language, abstract in record.abstracts.items()]
    lines += [wrapped("subject", element("topic", keyword)) for keyword in dict.fromkeys(record.keywords)]
    lines.append(_host(record))
    lines += [
        wrapped("relatedItem", element("identifier", relation(related)), attribute("otherType", related.type))
        for related in record.related
    ]
    lines.append(element("identifier", record.doi, ' type="doi"'))
    lines += [element("identifier", value, attribute("type", kind)) for kind, value in record.other_ids.items()]
    lines.append(wrapped("location", element("url", told.address, ' usage="primary" access="object in context"')))
    lines.append(element("accessCondition", record.licence, ' type="use and reproduction"'))
    lines.append(wrapped("recordInfo", element("recordIdentifier", told.identifier)))
    lines.append("</mods>")
    return "".join(lines)


def _title(title: str | None, language: str | None, attributes: str = "") -> str:
    return wrapped("titleInfo", element("title", title), attributes + tagged(language))


def _name(author: Author) -> str:
    if author.collab:
        return wrapped("name", element("namePart", author.collab), ' type="corporate"', _ROLE)
    parts = (
        element("namePart", author.family, ' type="family"')
        + element("namePart", author.given, ' type="given"')
        + element("namePart", author.suffix, ' type="termsOfAddress"')
    )
    orcid = element("nameIdentifier", author.orcid_number, ' type="orcid"')
    return wrapped("name", parts, ' type="personal"', _ROLE + orcid)


def _host(record: ArticleRecord) -> str:
    given = dict.fromkeys((record.issn_electronic, record.issn_print, record.issn_unspecified))
    issns = "".join(element("identifier", issn, ' type="issn"') for issn in given)
    issns += element("identifier", record.issn_l, ' type="issn-l"')
    extent = element("start", record.first_page) + element("end", record.last_page)
    part = (
        wrapped("detail", element("number", record.volume), ' type="volume"')
        + wrapped("detail", element("number", record.issue), ' type="issue"')
        + wrapped("detail", element("number", record.elocation), ' type="article number"')
        + wrapped("extent", extent, ' unit="page"')
    )
    about = (
        _title(record.journal_title, None)
        + wrapped("originInfo", element("publisher", record.publisher))
        + issns
        + wrapped("part", part)
    )
    return wrapped("relatedItem", about, ' type="host"')
