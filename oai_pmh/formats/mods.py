"""An article in MODS 3.8: names in parts with ORCID, the journal with volume, issue and pages as its host."""

from __future__ import annotations

from oai_pmh.formats.wording import publication_date, relation, tagged
from oai_pmh.xml import text
from repository.vocabulary import ArticleRecord, Author

PREFIX = "mods"
SCHEMA = "http://www.loc.gov/standards/mods/v3/mods-3-8.xsd"
NAMESPACE = "http://www.loc.gov/mods/v3"

_HEAD = (
    f'<mods xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    f' xsi:schemaLocation="{NAMESPACE} {SCHEMA}" version="3.8">\n'
)
_ROLE = '<role><roleTerm type="code" authority="marcrelator">aut</roleTerm></role>'


def crosswalk(record: ArticleRecord, address: str) -> str:
    """The mods element of an article whose page is at ``address``."""
    lines = [_HEAD, _title(record.title, record.language)]
    lines += [_title(title, language, ' type="translated"') for language, title in record.translated_titles.items()]
    lines += map(_name, record.authors)
    lines.append("<typeOfResource>text</typeOfResource>\n")
    lines.append(_element("genre", record.article_type))
    lines.append(_wrapped("originInfo", _element("dateIssued", publication_date(record), ' encoding="w3cdtf"')))
    term = _element("languageTerm", record.language, ' type="code" authority="rfc5646"')
    lines.append(_wrapped("language", term))
    lines += [_element("abstract", abstract, tagged(language)) for language, abstract in record.abstracts.items()]
    lines += [_wrapped("subject", _element("topic", keyword)) for keyword in dict.fromkeys(record.keywords)]
    lines.append(_host(record))
    lines += [
        _wrapped("relatedItem", _element("identifier", relation(related)), f' otherType="{text(related.type)}"')
        for related in record.related
    ]
    lines.append(_element("identifier", record.doi, ' type="doi"'))
    lines += [_element("identifier", value, f' type="{text(kind)}"') for kind, value in record.other_ids.items()]
    lines.append(_wrapped("location", _element("url", address, ' usage="primary" access="object in context"')))
    lines.append(_element("accessCondition", record.licence, ' type="use and reproduction"'))
    lines.append("</mods>")
    return "".join(lines)


def _title(title: str | None, language: str | None, attributes: str = "") -> str:
    return _wrapped("titleInfo", _element("title", title), attributes + tagged(language))


def _name(author: Author) -> str:
    if author.collab:
        return _wrapped("name", _element("namePart", author.collab), ' type="corporate"', _ROLE)
    parts = (
        _element("namePart", author.family, ' type="family"')
        + _element("namePart", author.given, ' type="given"')
        + _element("namePart", author.suffix, ' type="termsOfAddress"')
    )
    orcid = _element("nameIdentifier", author.orcid, ' type="orcid"')
    return _wrapped("name", parts, ' type="personal"', _ROLE + orcid)


def _host(record: ArticleRecord) -> str:
    given = dict.fromkeys((record.issn_electronic, record.issn_print, record.issn_unspecified))
    issns = "".join(_element("identifier", issn, ' type="issn"') for issn in given)
    issns += _element("identifier", record.issn_l, ' type="issn-l"')
    extent = _element("start", record.first_page) + _element("end", record.last_page)
    part = (
        _wrapped("detail", _element("number", record.volume), ' type="volume"')
        + _wrapped("detail", _element("number", record.issue), ' type="issue"')
        + _wrapped("detail", _element("number", record.elocation), ' type="article number"')
        + _wrapped("extent", extent, ' unit="page"')
    )
    about = (
        _title(record.journal_title, None)
        + _wrapped("originInfo", _element("publisher", record.publisher))
        + issns
        + _wrapped("part", part)
    )
    return _wrapped("relatedItem", about, ' type="host"')


def _element(name: str, value: str | None, attributes: str = "") -> str:
    content = text(value) if value else ""
    return f"<{name}{attributes}>{content}</{name}>\n" if content.strip() else ""


def _wrapped(name: str, content: str, attributes: str = "", besides: str = "") -> str:
    """``content`` in an element, followed by ``besides``; nothing when there is no content."""
    return f"<{name}{attributes}>{content}{besides}</{name}>\n" if content else ""
