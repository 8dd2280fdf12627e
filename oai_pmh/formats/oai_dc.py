"""An article in unqualified Dublin Core: the format that every provider and every harvester speaks."""

from __future__ import annotations

from oai_pmh.formats.told import Told
from oai_pmh.formats.wording import citation, doi_url, publication_date, relation, tagged
from oai_pmh.xml import texts
from repository.vocabulary import ArticleRecord

PREFIX = "oai_dc"
SCHEMA = "http://www.openarchives.org/OAI/2.0/oai_dc.xsd"
NAMESPACE = "http://www.openarchives.org/OAI/2.0/oai_dc/"

_HEAD = (
    f'<oai_dc:dc xmlns:oai_dc="{NAMESPACE}" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="{NAMESPACE} {SCHEMA}">\n'
)
_EPRINT_TYPES = {
    "research-article": "article",
    "review-article": "article",
    "brief-report": "article",
    "case-report": "article",
    "rapid-communication": "article",
    "book-review": "review",
    "product-review": "review",
}
"""JATS article-type to the last part of info:eu-repo/semantics (DRIVER Guidelines 2.0, Use of dc:type)."""


def crosswalk(record: ArticleRecord, told: Told) -> str:
    """The oai_dc:dc element of an article; what the record does not say is left out."""
    said: list[tuple[str, str | None]] = [(f"title{tagged(record.language)}", record.title)]
    said += [(f"title{tagged(language)}", title) for language, title in record.translated_titles.items()]
    said += [("creator", author.label) for author in record.authors]
    said += [("subject", keyword) for keyword in dict.fromkeys(record.keywords)]
    said += [(f"description{tagged(language)}", abstract) for language, abstract in record.abstracts.items()]
    said += [("publisher", record.publisher), ("date", publication_date(record))]
    said += [("type", kind) for kind in _types(record.article_type)]
    said += [("identifier", told.address), ("identifier", doi_url(record.doi) if record.doi else None)]
    said.append(("source", citation(record)))
    said += [("source", f"urn:ISSN:{issn}") for issn in record.issns]
    said.append(("language", record.language))
    said += [("relation", target) for target in dict.fromkeys(map(relation, record.related))]
    said.append(("rights", record.licence))
    written = texts([value or "" for _, value in said])
    return _HEAD + "".join(map(_element, [tag for tag, _ in said], written)) + "</oai_dc:dc>"


def _types(article_type: str | None) -> list[str]:
    kinds = ["Text"]  # DCMI Type Vocabulary: true of every article
    if article_type:
        kinds.insert(0, article_type)
        if article_type in _EPRINT_TYPES:
            kinds.insert(0, "info:eu-repo/semantics/" + _EPRINT_TYPES[article_type])
    return kinds


def _element(tag: str, content: str) -> str:
    if not content.replace("&#13;", "").strip():
        return ""
    return f"<dc:{tag}>{content}</dc:{tag.partition(' ')[0]}>\n"
