"""An article by OpenAIRE's Guidelines for Literature Repositories 4: what it is and who may read it in COAR's words."""

from __future__ import annotations

from urllib.parse import quote

from oai_pmh.formats.elements import attribute, element, wrapped
from oai_pmh.formats.told import Told
from oai_pmh.formats.wording import ADDRESS, is_doi, publication_date, relation, tagged
from repository.catalogue.holdings import KeptBag
from repository.turkish import machine_lower
from repository.vocabulary import NOTICES, ArticleRecord, Author, CopyState, Related

PREFIX = "oai_openaire"
SCHEMA = "https://www.openaire.eu/schema/repo-lit/4.0/openaire.xsd"
NAMESPACE = "http://namespace.openaire.eu/schema/oaire/"

_HEAD = (
    f'<oaire:resource xmlns:oaire="{NAMESPACE}" xmlns:datacite="http://datacite.org/schema/kernel-4"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    f' xsi:schemaLocation="{NAMESPACE} {SCHEMA}">\n'
)
_OPEN = ("open access", "http://purl.org/coar/access_right/c_abf2")
_RESTRICTED = ("restricted access", "http://purl.org/coar/access_right/c_16ec")
_METADATA_ONLY = ("metadata only access", "http://purl.org/coar/access_right/c_14cb")
_TYPES = {
    "research-article": ("research article", "c_2df8fbb1"),
    "review-article": ("review article", "c_dcae04bc"),
    "data-paper": ("data paper", "c_beb9"),
    "book-review": ("book review", "c_ba08"),
    "editorial": ("editorial", "c_b239"),
    "letter": ("letter to the editor", "c_545b"),
    "brief-report": ("journal article", "c_6501"),
    "case-report": ("journal article", "c_6501"),
    "rapid-communication": ("journal article", "c_6501"),
}
"""JATS article-type to label and concept of COAR's Resource Types, as far as the guidelines' schema has them."""
_ANY = ("contribution to journal", "c_3e5a")
"""True of everything that appeared in a journal; the guidelines want a type of every resource."""
_FROM_THERE = frozenset(NOTICES.values())
_READ = (CopyState.INTACT, CopyState.UNVERIFIED)


def crosswalk(record: ArticleRecord, told: Told) -> str:
    """The oaire:resource element of an article. Its file is named only while everybody may read it."""
    label, access = _OPEN if told.open else _RESTRICTED if told.opened else _METADATA_ONLY
    kind, concept = _TYPES.get(record.article_type or "", _ANY)
    types = f' resourceTypeGeneral="literature" uri="http://purl.org/coar/resource_type/{concept}"'
    lines = [
        _HEAD,
        wrapped("datacite:titles", _titles(record)),
        wrapped("datacite:creators", "".join(map(_creator, record.authors))),
        wrapped("datacite:alternateIdentifiers", _alternate(record)),
        wrapped("datacite:relatedIdentifiers", _related(record)),
        wrapped("datacite:dates", element("datacite:date", publication_date(record), ' dateType="Issued"')),
        element("dc:language", record.language),
        element("dc:publisher", record.publisher),
        element("oaire:resourceType", kind, types),
        *(element("dc:description", abstract, tagged(language)) for language, abstract in record.abstracts.items()),
        element("datacite:identifier", told.address, ' identifierType="URL"'),
        element("datacite:rights", label, f' rightsURI="{access}"'),
        wrapped(
            "datacite:subjects",
            "".join(element("datacite:subject", keyword) for keyword in dict.fromkeys(record.keywords)),
        ),
        *(element("oaire:licenseCondition", one, _uri(one)) for one in (record.licence or "").split(" ; ")),
        element("oaire:citationTitle", record.journal_title),
        element("oaire:citationVolume", record.volume),
        element("oaire:citationIssue", record.issue),
        element("oaire:citationStartPage", record.first_page or record.elocation),
        element("oaire:citationEndPage", record.last_page),
    ]
    if told.open and (file := _file(told)):
        attributes = f' accessRightsURI="{access}" mimeType="application/pdf" objectType="fulltext"'
        lines.append(element("oaire:file", file, attributes))
    return "".join(lines) + "</oaire:resource>"


def _titles(record: ArticleRecord) -> str:
    translated = (
        element("datacite:title", title, ' titleType="TranslatedTitle"' + tagged(language))
        for language, title in record.translated_titles.items()
    )
    return element("datacite:title", record.title, tagged(record.language)) + "".join(translated)


def _creator(author: Author) -> str:
    if author.collab:
        return wrapped("datacite:creator", element("datacite:creatorName", author.collab, ' nameType="Organizational"'))
    name = element("datacite:creatorName", author.label, ' nameType="Personal"')
    scheme = ' nameIdentifierScheme="ORCID" schemeURI="https://orcid.org"'
    orcid = element("datacite:nameIdentifier", author.orcid_address, scheme)
    parts = element("datacite:givenName", author.given) + element("datacite:familyName", author.family) + orcid
    return wrapped("datacite:creator", name, besides=parts)


def _alternate(record: ArticleRecord) -> str:
    doi = element("datacite:alternateIdentifier", record.doi, ' alternateIdentifierType="DOI"')
    others = (
        element("datacite:alternateIdentifier", value, scheme)
        for kind, value in record.other_ids.items()
        if (scheme := attribute("alternateIdentifierType", kind))
    )
    return doi + "".join(others)


def _related(record: ArticleRecord) -> str:
    """The journal by its ISSNs, and the articles that this one points to or that are notices of it."""
    issns = dict.fromkeys((("ISSN", record.issn_print), ("EISSN", record.issn_electronic)))
    issns |= dict.fromkeys((("ISSN", record.issn_unspecified), ("LISSN", record.issn_l)))
    part = "".join(
        element("datacite:relatedIdentifier", issn, f' relatedIdentifierType="{kind}" relationType="IsPartOf"')
        for kind, issn in issns
    )
    return part + "".join(_pointer(one) for one in record.related)


def _pointer(related: Related) -> str:
    kind = "DOI" if is_doi(related) else "URL" if ADDRESS.match(related.identifier) else None
    if kind is None:
        return ""
    # DataCite 4.1 has no words for corrections and retractions, but one mentions the other.
    relationship = "IsReferencedBy" if related.type in _FROM_THERE else "References"
    attributes = f' relatedIdentifierType="{kind}" relationType="{relationship}"'
    return element("datacite:relatedIdentifier", relation(related), attributes)


def _uri(licence: str) -> str:
    return attribute("uri", licence) if ADDRESS.match(licence) else ""


def _file(told: Told) -> str | None:
    """The address of the PDF in the newest version that has one in a copy that is not known to be damaged or gone."""
    for version in reversed(told.versions):
        if any(copy.state in _READ for copy in version.copies):
            path = _pdf(version)
            if path:
                return f"{told.address}/files/{quote(path)}?version={version.version}"
    return None


def _pdf(version: KeptBag) -> str | None:
    return next((file.path for file in version.files if machine_lower(file.path).endswith(".pdf")), None)
