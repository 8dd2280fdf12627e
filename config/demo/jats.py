"""A demo article as its publisher's XML: JATS 1.3, JATS 1.1, or NLM 2.3 with the letters as ISO entities."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from xml.sax.saxutils import escape, quoteattr

from config.demo.articles import DemoArticle, Journal, TextSection, Writer

_XLINK = "http://www.w3.org/1999/xlink"
_ENTITIES = {
    "ç": "ccedil", "Ç": "Ccedil", "ğ": "gbreve", "Ğ": "Gbreve", "ı": "inodot", "İ": "Idot", "ö": "ouml",
    "Ö": "Ouml", "ş": "scedil", "Ş": "Scedil", "ü": "uuml", "Ü": "Uuml", "â": "acirc", "î": "icirc", "û": "ucirc",
}  # fmt: skip
"""ISO 8879 (isolat1, isolat2), as the NLM DTD names them. The DTD is not delivered: a reader has to know them."""


class Dialect(StrEnum):
    """Which tag set an article is written in."""

    JATS_1_3 = "1.3"
    JATS_1_1 = "1.1"
    NLM_2_3 = "2.3"


_DOCTYPES = {
    Dialect.JATS_1_3: (
        "-//NLM//DTD JATS (Z39.96) Journal Publishing DTD v1.3 20210610//EN",
        "JATS-journalpublishing1-3.dtd",
    ),
    Dialect.JATS_1_1: (
        "-//NLM//DTD JATS (Z39.96) Journal Publishing DTD v1.1 20151215//EN",
        "JATS-journalpublishing1.dtd",
    ),
    Dialect.NLM_2_3: ("-//NLM//DTD Journal Publishing DTD v2.3 20070202//EN", "journalpublishing.dtd"),
}


@dataclass(frozen=True, slots=True)
class Attached:
    """The names of the files that the XML points to; empty where there is none."""

    pdf: str
    figure: str = ""
    supplement: str = ""


def write_xml(article: DemoArticle, dialect: Dialect, files: Attached) -> bytes:
    """The article in UTF-8 with its DOCTYPE, front, body and back, in the element order of the tag set."""
    public, system = _DOCTYPES[dialect]
    parts = [_front(article, dialect, files), _body(article, files), _back(article, dialect)]
    xml = _tag(
        "article",
        *parts,
        xmlns__xlink=_XLINK,
        article_type=article.type,
        dtd_version=str(dialect),
        xml__lang=article.language,
    )
    if dialect is Dialect.NLM_2_3:
        xml = "".join(f"&{_ENTITIES[letter]};" if letter in _ENTITIES else letter for letter in xml)
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE article PUBLIC "{public}" "{system}">\n'
    return (head + xml).encode()


def _tag(name: str, *children: str, **attributes: str) -> str:
    """An element of ready-made children; in attribute names ``__`` stands for a colon and ``_`` for a hyphen."""
    given = "".join(
        f" {key.replace('__', ':').replace('_', '-')}={quoteattr(value)}" for key, value in attributes.items() if value
    )
    inside = "".join(children)
    if not inside:
        return f"<{name}{given}/>\n"
    # Line breaks only between elements: white space inside mixed content would be text.
    return f"<{name}{given}>" + ("\n" if inside.endswith("\n") else "") + f"{inside}</{name}>\n"


def _text(name: str, text: str, **attributes: str) -> str:
    return _tag(name, escape(text), **attributes) if text else ""


def _front(article: DemoArticle, dialect: Dialect, files: Attached) -> str:
    meta = _tag(
        "article-meta",
        _text("article-id", article.key, pub_id_type="publisher-id"),
        _text("article-id", article.doi, pub_id_type="doi"),
        _tag("article-categories", _tag("subj-group", _text("subject", article.subject), subj_group_type="heading")),
        _titles(article, dialect),
        _tag("contrib-group", *(_contributor(writer, article, dialect) for writer in article.authors)),
        *(
            _text("aff", affiliation, id=f"aff{number}")
            for number, affiliation in enumerate(_affiliations(article), start=1)
        ),
        *_published(article, dialect),
        _text("volume", article.volume),
        _text("issue", article.issue),
        _text("fpage", article.first_page),
        _text("lpage", article.last_page),
        _text("elocation-id", article.elocation),
        _history(article),
        _permissions(article, dialect),
        _tag("self-uri", xlink__href=files.pdf, content_type="pdf") if files.pdf else "",
        _corrects(article),
        *_abstracts(article),
        *(
            _tag("kwd-group", *(_text("kwd", word) for word in words), xml__lang=language)
            for language, words in article.keywords.items()
        ),
    )
    return _tag("front", _journal(article.journal, dialect), meta)


def _journal(journal: Journal, dialect: Dialect) -> str:
    old = dialect is Dialect.NLM_2_3
    titles = _text("journal-title", journal.title)
    if not old:
        titles = _tag(
            "journal-title-group",
            titles,
            *(
                _tag("trans-title-group", _text("trans-title", title), xml__lang=language)
                for language, title in journal.translated_titles.items()
            ),
            _text("abbrev-journal-title", journal.abbreviation, abbrev_type="publisher"),
        )
    kinds = (("print", "ppub", journal.issn_print), ("electronic", "epub", journal.issn_electronic))
    issns = [
        _text("issn", issn, **({"pub_type": short} if old else {"publication_format": long}))
        for long, short, issn in kinds
        if issn
    ]
    return _tag(
        "journal-meta",
        _text("journal-id", journal.abbreviation, journal_id_type="publisher-id"),
        titles,
        *issns,
        "" if dialect is not Dialect.JATS_1_3 else _text("issn-l", journal.issn_l),
        _tag("publisher", _text("publisher-name", journal.publisher), _text("publisher-loc", journal.place)),
    )


def _titles(article: DemoArticle, dialect: Dialect) -> str:
    if dialect is Dialect.NLM_2_3:
        others = [_text("trans-title", title, xml__lang=lang) for lang, title in article.translated_titles.items()]
    else:
        others = [
            _tag("trans-title-group", _tag("trans-title", _marked(article, title)), xml__lang=language)
            for language, title in article.translated_titles.items()
        ]
    return _tag("title-group", _tag("article-title", _marked(article, article.title)), *others)


def _marked(article: DemoArticle, title: str) -> str:
    """The title with the name of the species in italics."""
    text = escape(title)
    return text.replace(name := article.title_italic, f"<italic>{name}</italic>") if article.title_italic else text


def _contributor(writer: Writer, article: DemoArticle, dialect: Dialect) -> str:
    if writer.collab:
        return _tag("contrib", _text("collab", writer.collab), contrib_type="author")
    orcid = ""
    if writer.orcid and dialect is not Dialect.NLM_2_3:  # contrib-id came with JATS 1.0
        orcid = _text("contrib-id", f"https://orcid.org/{writer.orcid}", contrib_id_type="orcid")
    name = _tag(
        "name",
        _text("surname", writer.family),
        _text("given-names", writer.given),
        _text("suffix", writer.suffix),
    )
    reference = ""
    if writer.affiliation:
        number = _affiliations(article).index(writer.affiliation) + 1
        reference = _text("xref", str(number), ref_type="aff", rid=f"aff{number}")
    return _tag("contrib", orcid, name, reference, contrib_type="author")


def _affiliations(article: DemoArticle) -> list[str]:
    return list(dict.fromkeys(writer.affiliation for writer in article.authors if writer.affiliation))


def _published(article: DemoArticle, dialect: Dialect) -> list[str]:
    year, month, day = article.published.split("-")
    parts = (_text("day", day), _text("month", month), _text("year", year))
    printed = bool(article.journal.issn_print)
    if dialect is Dialect.NLM_2_3:
        return [_tag("pub-date", *parts, pub_type="ppub" if printed else "epub")]
    dates = [
        _tag(
            "pub-date",
            *parts,
            date_type="pub",
            publication_format="electronic",
            **({"iso_8601_date": article.published} if dialect is Dialect.JATS_1_3 else {}),
        )
    ]
    if printed:
        dates.append(_tag("pub-date", _text("year", year), date_type="collection", publication_format="print"))
    return dates


def _history(article: DemoArticle) -> str:
    dates = []
    for kind, value in (("received", article.received), ("accepted", article.accepted)):
        if value:
            year, month, day = value.split("-")
            dates.append(_tag("date", _text("day", day), _text("month", month), _text("year", year), date_type=kind))
    return _tag("history", *dates) if dates else ""


def _permissions(article: DemoArticle, dialect: Dialect) -> str:
    holder = "" if dialect is Dialect.NLM_2_3 or article.licence else article.journal.publisher
    licence = ""
    if article.licence:
        words = "Bu makale CC BY 4.0 lisansı ile açık erişimlidir." if article.language == "tr" else ""
        words = words or "This article is open access under the licence CC BY 4.0."
        paragraph = _text("p" if dialect is Dialect.NLM_2_3 else "license-p", words)
        licence = _tag("license", paragraph, license_type="open-access", xlink__href=article.licence)
    return _tag(
        "permissions",
        _text("copyright-statement", article.copyright),
        _text("copyright-year", article.published[:4]),
        _text("copyright-holder", holder),
        licence,
    )


def _corrects(article: DemoArticle) -> str:
    if not article.corrects:
        return ""
    return _tag(
        "related-article",
        id="ra1",
        related_article_type="corrected-article",
        ext_link_type="doi",
        xlink__href=article.corrects,
    )


def _abstracts(article: DemoArticle) -> list[str]:
    found = []
    for language, text in article.abstract.items():
        if language == article.language:
            found.append(_tag("abstract", _text("p", text)))
        else:
            found.append(_tag("trans-abstract", _text("p", text), xml__lang=language))
    return found


def _body(article: DemoArticle, files: Attached) -> str:
    sections = [_section(section) for section in article.sections]
    if files.figure:
        label, _, caption = article.figure.partition(". ")
        figure = _tag(
            "fig",
            _text("label", label),
            _tag("caption", _text("p", caption)),
            _tag("graphic", xlink__href=files.figure),
            id="f1",
        )
        sections[2] = sections[2].removesuffix("</sec>\n") + figure + "</sec>\n"
    if files.supplement:
        supplement = _tag(
            "supplementary-material",
            _tag("caption", _text("p", article.supplement)),
            id="s1",
            xlink__href=files.supplement,
            mimetype="text",
            mime_subtype="csv",
        )
        heading = "Ek" if article.language == "tr" else "Supplement"
        sections.append(_tag("sec", _text("title", heading), supplement, sec_type="supplementary-material"))
    return _tag("body", *sections)


def _section(section: TextSection) -> str:
    return _tag("sec", _text("title", section.heading), *(_text("p", text) for text in section.paragraphs))


def _back(article: DemoArticle, dialect: Dialect) -> str:
    if not article.references:
        return ""
    cited = "citation" if dialect is Dialect.NLM_2_3 else "mixed-citation"
    references = (
        _tag("ref", _text(cited, text), id=f"r{number}") for number, text in enumerate(article.references, start=1)
    )
    return _tag("back", _tag("ref-list", *references))
