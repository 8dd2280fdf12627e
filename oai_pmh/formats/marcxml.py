"""An article in MARC 21 (MARCXML): a component part, with its journal in 773; no field of which nothing is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from oai_pmh.formats.elements import said
from oai_pmh.formats.languages import marc_code
from oai_pmh.formats.told import Told
from oai_pmh.formats.wording import ADDRESS, pages, publication_date, relation, volume_and_issue
from oai_pmh.xml import text
from repository.vocabulary import ArticleRecord, Author

PREFIX = "marcxml"
SCHEMA = "http://www.loc.gov/standards/marcxml/schema/MARC21slim.xsd"
NAMESPACE = "http://www.loc.gov/MARC21/slim"

_HEAD = (
    f'<record xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    f' xsi:schemaLocation="{NAMESPACE} {SCHEMA}">\n'
)
_LEADER = "     naa a22     uu 4500"
"""New, language material, monographic component part, Unicode; encoding level and cataloguing rules unknown."""
_ONLINE = "cr |||||||||||"
_UNRESTRICTED, _AUTHORIZED, _NONE = (
    "Unrestricted online access",
    "Online access with authorization",
    "No online access",
)
"""Of the Standardized Terminology for Access Restriction (source code ``star``)."""

Subfields = Sequence[tuple[str, str | None]]


def crosswalk(record: ArticleRecord, told: Told) -> str:
    """The record element of an article."""
    lines = [
        _HEAD,
        f"<leader>{_LEADER}</leader>\n",
        _control("001", told.identifier.rpartition(":")[2]),
        _control("007", _ONLINE),
        _control("008", _fixed(record)),
        *_identifiers(record),
        _language(record.language),
        *_names(record),
        _field("245", "1" if record.authors else "0", "0", [("a", record.title)]),
        *(_field("246", "3", "1", [("a", title)]) for title in record.translated_titles.values()),
        _field("264", " ", "1", [("b", record.publisher), ("c", publication_date(record))]),
        _field("506", *(("0", " ") if told.open else ("1", " ")), [("f", _access(told)), ("2", "star")]),
        *(_field("520", "3", " ", [("a", abstract)]) for abstract in record.abstracts.values()),
        *_licences(record.licence),
        *(_field("653", " ", " ", [("a", keyword)]) for keyword in dict.fromkeys(record.keywords)),
        _field("655", " ", "4", [("a", record.article_type)]),
        *(_name("7", author) for author in record.authors[1:]),
        *_hosts(record),
        *(_field("787", "0", "8", [("i", one.type), ("o", relation(one))]) for one in record.related),
        _field("856", "4", "0" if told.open else "2", [("u", told.address)]),
        "</record>",
    ]
    return "".join(lines)


def _access(told: Told) -> str:
    return _UNRESTRICTED if told.open else _AUTHORIZED if told.opened else _NONE


def _fixed(record: ArticleRecord) -> str:
    """Field 008, forty characters: those of which nothing is known are fill characters."""
    date = publication_date(record) or ""
    year, rest = date[:4], date[5:].replace("-", "")
    kind = "n" if not year else "e" if rest else "s"
    language = marc_code(record.language) or "|||"
    return f"||||||{kind}{year or 'uuuu'}{rest or ('    ' if year else 'uuuu'):<4}xx |||||o|||||||||||{language}||"


def _identifiers(record: ArticleRecord) -> Iterator[str]:
    yield _field("024", "7", " ", [("a", record.doi), ("2", "doi")])
    for kind, value in record.other_ids.items():
        yield _field("024", "8", " ", [("a", value), ("q", kind)])


def _language(language: str | None) -> str:
    """By the MARC code where there is one, else as the tag that it is (RFC 5646)."""
    code = marc_code(language)
    return (
        _field("041", " ", " ", [("a", code)]) if code else _field("041", " ", "7", [("a", language), ("2", "rfc5646")])
    )


def _names(record: ArticleRecord) -> Iterator[str]:
    if record.authors:
        yield _name("1", record.authors[0])


def _name(hundred: str, author: Author) -> str:
    """A person in 100 or 700, a group in 110 or 710; an ORCID iD is a person in the world ($1)."""
    if author.collab:
        return _field(f"{hundred}10", "2", " ", [("a", author.collab), ("4", "aut")])
    name = ", ".join(part for part in (author.family, author.given) if part and said(part))
    if not name:
        return ""
    orcid = author.orcid_address
    first = "1" if author.family else "0"
    return _field(f"{hundred}00", first, " ", [("a", name), ("c", author.suffix), ("4", "aut"), ("1", orcid)])


def _licences(licence: str | None) -> Iterator[str]:
    for one in (licence or "").split(" ; "):
        yield _field("540", " ", " ", [("u" if ADDRESS.match(one) else "a", one)])


def _hosts(record: ArticleRecord) -> Iterator[str]:
    """The journal. $x cannot be repeated: its other ISSNs stand in fields of their own, each with the title."""
    within = [volume_and_issue(record), publication_date(record), pages(record)]
    where = ", ".join(part for part in within if part) if within[0] or within[2] else None
    first, *others = record.issns or (None,)
    if record.journal_title or first:
        yield _field(
            "773", "0", " ", [("t", record.journal_title), ("d", record.publisher), ("g", where), ("x", first)]
        )
    for issn in others:
        yield _field("773", "1", " ", [("t", record.journal_title), ("x", issn)])


def _control(tag: str, value: str) -> str:
    return f'<controlfield tag="{tag}">{text(value)}</controlfield>\n'


def _field(tag: str, first: str, second: str, subfields: Subfields) -> str:
    """A data field with those of ``subfields`` that say something; nothing where only $2, $4, $d, $i or $q would."""
    given = [(code, written) for code, value in subfields if (written := said(value))]
    if not any(code in "abcfgotux" for code, _ in given):
        return ""
    inside = "".join(f'<subfield code="{code}">{value}</subfield>' for code, value in given)
    return f'<datafield tag="{tag}" ind1="{first}" ind2="{second}">{inside}</datafield>\n'
