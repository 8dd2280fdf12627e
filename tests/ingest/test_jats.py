"""JATS and NLM in every variant that publishers send become the same record: fictional articles, written out here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects import Described, describe
from repository.vocabulary import ArticleRecord, Author, Related

JATS = '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) Journal Publishing DTD v1.2 20190208//EN" "x.dtd">'
NLM = '<!DOCTYPE article PUBLIC "-//NLM//DTD Journal Publishing DTD v2.3 20070202//EN" "journalpublishing.dtd">'
NAMESPACES = 'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:mml="http://www.w3.org/1998/Math/MathML"'
TITLE = "<title-group><article-title>Kuzey</article-title></title-group>"


def article(
    meta: str = TITLE,
    journal: str = "",
    attributes: str = 'article-type="research-article" xml:lang="tr"',
    rest: str = "",
    doctype: str = JATS,
    encoding: str = "UTF-8",
) -> bytes:
    """A fictional article around the given parts of its front matter."""
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>\n{doctype}\n<article {NAMESPACES} {attributes}>'
        f"<front><journal-meta>{journal}</journal-meta>\n<article-meta>{meta}</article-meta></front>{rest}</article>"
    ).encode(encoding)


def described(data: bytes) -> Described:
    description = describe(data, "a.xml")
    assert description.findings == ()
    assert len(description.articles) == 1
    return description.articles[0]


def record(meta: str = TITLE, **parts: str) -> ArticleRecord:
    return described(article(meta, **parts)).record


def titled(content: str, **parts: str) -> str | None:
    return record(f"<title-group>{content}</title-group>", **parts).title


def test_a_turkish_bilingual_article_is_read_whole() -> None:
    one = described(
        article(
            journal="""<journal-id journal-id-type="publisher-id">kad</journal-id>
                <journal-title-group><journal-title>Kuzey Arşivcilik Dergisi</journal-title>
                <trans-title-group xml:lang="en"><trans-title>Northern Archives</trans-title></trans-title-group>
                <abbrev-journal-title>KAD</abbrev-journal-title></journal-title-group>
                <issn pub-type="ppub">9999-0016</issn><issn pub-type="epub">99990024</issn>
                <publisher><publisher-name>Örnek  Yayınları</publisher-name></publisher>""",
            meta="""<article-id pub-id-type="doi"> https://doi.org/10.5555/KAD.1 </article-id>
                <article-id pub-id-type="pmid">123</article-id>
                <title-group><article-title>Iğdır’da
                Şehir   İzleri<xref ref-type="fn" rid="f1">*</xref></article-title><subtitle>Bir Deneme</subtitle>
                <trans-title-group xml:lang="en"><trans-title>Traces in Iğdır</trans-title>
                <trans-subtitle>An Essay</trans-subtitle></trans-title-group></title-group>
                <contrib-group><contrib contrib-type="author"><contrib-id
                contrib-id-type="orcid">0000-0002-1825-0097</contrib-id>
                <name><surname>Yıldız</surname><given-names>İlknur</given-names><suffix>Jr</suffix></name></contrib>
                <contrib contrib-type="editor"><name><surname>Editör</surname></name></contrib></contrib-group>
                <pub-date pub-type="epub"><day>3</day><month>Eylül</month><year>2024</year></pub-date>
                <volume>12</volume><issue>Özel Sayı 2</issue><fpage>iii</fpage><lpage>iv</lpage>
                <permissions><license xlink:href="https://creativecommons.org/licenses/by/4.0/"><license-p>Açık
                </license-p></license></permissions>
                <self-uri content-type="pdf" xlink:href="pdf/kad-1.pdf"/>
                <abstract><title>Öz</title><p>Bir.</p><p>İki.</p></abstract>
                <abstract abstract-type="graphical"><p>x</p></abstract>
                <trans-abstract xml:lang="en"><p>One.</p></trans-abstract>
                <kwd-group xml:lang="tr"><kwd>arşiv</kwd><kwd>kent</kwd></kwd-group>""",
            rest="""<body><p>Metin <graphic xlink:href="kad-1-g1"/></p></body>
                <back><supplementary-material xlink:href="ek.csv"/>
                <media xlink:href="https://example.org/x.mp4"/></back>""",
        )
    )
    assert one.record == ArticleRecord(
        title="Iğdır’da Şehir İzleri: Bir Deneme",
        translated_titles={"en": "Traces in Iğdır: An Essay"},
        language="tr",
        journal_title="Kuzey Arşivcilik Dergisi",
        publisher="Örnek Yayınları",
        issn_print="9999-0016",
        issn_electronic="9999-0024",
        volume="12",
        issue="Özel Sayı 2",
        first_page="iii",
        last_page="iv",
        doi="10.5555/KAD.1",
        authors=(Author("Yıldız", "İlknur", "Jr", orcid="https://orcid.org/0000-0002-1825-0097"),),
        published={"epub": "2024-09-03"},
        article_type="research-article",
        licence="https://creativecommons.org/licenses/by/4.0/",
        abstracts={"tr": "Öz Bir. İki.", "en": "One."},
        keywords=("arşiv", "kent"),
        other_ids={"pmid": "123"},
    )
    assert one.pdf_names == ("pdf/kad-1.pdf",)
    assert one.file_names == ("kad-1-g1", "ek.csv")
    assert one.full_text
    assert one.line == 3
    assert one.lines["issn_print"] == 7
    assert one.lines["doi"] == 9
    assert one.lines["title"] == 11


def test_what_is_not_said_is_absent() -> None:
    one = described(b"<article><front><article-meta/></front></article>")
    assert one.record == ArticleRecord()
    assert (one.pdf_names, one.file_names, one.full_text) == ((), (), False)


def test_nlm_2_places_are_read() -> None:
    one = record(
        journal="<journal-title>Kuzey</journal-title><issn pub-type='epub'>9999-0024</issn>",
        meta="<title-group><article-title>A</article-title><trans-title xml:lang='en'>B</trans-title></title-group>",
        doctype=NLM,
    )
    assert (one.journal_title, one.title, one.translated_titles) == ("Kuzey", "A", {"en": "B"})


def test_nlm_entities_and_undeclared_prefixes_come_out_right() -> None:
    data = (
        f"{NLM}<article><front><article-meta><title-group><article-title>&Idot;l &scedil;&inodot;k</article-title>"
        '</title-group><self-uri content-type="pdf" xlink:href="a.pdf"/></article-meta></front></article>'
    ).encode("ascii")
    one = described(data)
    assert (one.record.title, one.pdf_names) == ("İl şık", ("a.pdf",))


@pytest.mark.parametrize("encoding", ["windows-1254", "ISO-8859-9", "UTF-16"])
def test_turkish_encodings_come_out_right(encoding: str) -> None:
    assert titled("<article-title>Iğdır İşleri</article-title>", encoding=encoding) == "Iğdır İşleri"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<article-title>A <italic>b</italic> H<sub>2</sub>O</article-title>", "A b H2O"),
        ("<article-title>A<break/>B</article-title>", "A B"),
        ("<article-title><ruby><rb>漢</rb><rt>kan</rt></ruby>字</article-title>", "漢字"),
        ("<article-title>A<fn><p>note</p></fn><xref>1</xref>.</article-title>", "A."),
        ("<article-title>Şi\u0307z s\u0327</article-title>", "Şi\u0307z ş"),
        ("<article-title> </article-title><alt-title>Yedek</alt-title>", "Yedek"),
        ("<article-title/><subtitle>Alt</subtitle>", "Alt"),
        ("<article-title>Neden?</article-title><subtitle>Çünkü</subtitle>", "Neden? Çünkü"),
        ("<article-title>A<!-- no --><?no no?> B</article-title>", "A B"),
        ("<article-title>On <named-content content-type='x'>Ankara</named-content></article-title>", "On Ankara"),
        (
            (
                "<article-title>On <inline-formula><mml:math><mml:mi>x</mml:mi><mml:mn>2</mml:mn></mml:math>"
                "<tex-math>$x^2$</tex-math></inline-formula></article-title>"
            ),
            "On x2",
        ),
        (
            (
                "<article-title>On <inline-formula><alternatives><tex-math>$x^2$</tex-math><mml:math><mml:semantics>"
                "<mml:mi>y</mml:mi><mml:annotation encoding='tex'>y</mml:annotation></mml:semantics></mml:math>"
                "<inline-graphic xlink:href='a.gif'><alt-text>y</alt-text></inline-graphic></alternatives>"
                "</inline-formula> twice</article-title>"
            ),
            "On y twice",
        ),
        (
            (
                "<article-title>On <inline-formula><alt-text>alpha</alt-text>"
                "<tex-math>\\alpha</tex-math></inline-formula></article-title>"
            ),
            "On alpha",
        ),
        (
            (
                "<article-title>On <inline-formula><tex-math>\\documentclass{m}\\begin{document}$\\alpha$"
                "\\end{document}</tex-math></inline-formula></article-title>"
            ),
            "On \\alpha",
        ),
    ],
)
def test_titles_are_plain_text(content: str, expected: str) -> None:
    assert titled(content) == expected


def test_the_doi_of_several_is_the_one_that_is_not_of_a_version() -> None:
    one = record(
        '<article-id pub-id-type="doi" specific-use="version">10.5555/a.2</article-id>'
        '<article-id pub-id-type="doi">info:doi/10.5555/a</article-id><article-id>x7</article-id>'
    )
    assert (one.doi, one.other_ids) == ("10.5555/a", {"other": "x7", "version-doi": "10.5555/a.2"})


def test_a_supplement_to_a_volume_stands_where_the_issue_would() -> None:
    assert record("<volume>3</volume><supplement>Ek 1</supplement>").issue == "Ek 1"
    assert record("<volume>3</volume><issue>2</issue><supplement>Ek 1</supplement>").issue == "2"


def test_the_type_of_an_identifier_may_be_written_in_capitals() -> None:
    one = described(article("<article-id pub-id-type='DOI'>10.5555/1</article-id>"))
    assert (one.record.doi, one.record.other_ids, "doi" in one.lines) == ("10.5555/1", {}, True)
    untyped = described(article("<article-id>17</article-id><article-id>https://doi.org/10.5555/1</article-id>"))
    assert (untyped.record.doi, untyped.record.other_ids) == ("10.5555/1", {"other": "17"})


@pytest.mark.parametrize(
    "prefix",
    [
        *("", "doi:", "DOI: ", "DOI ", "doi : ", "info:doi/", "doi.org/", "www.doi.org/"),
        *("http://dx.doi.org/", "https://doi.org/", "https://doi.org/doi:", "https://doi.org/https://doi.org/"),
    ],
)
def test_a_doi_is_stored_bare(prefix: str) -> None:
    assert record(f'<article-id pub-id-type="doi">{prefix}10.5555/Abc</article-id>').doi == "10.5555/Abc"


@pytest.mark.parametrize(
    ("issn", "field", "value"),
    [
        ('<issn pub-type="ppub">9999-0016</issn>', "issn_print", "9999-0016"),
        ('<issn publication-format="electronic">9999-0016</issn>', "issn_electronic", "9999-0016"),
        ('<issn pub-type="online-only">99990016</issn>', "issn_electronic", "9999-0016"),
        ('<issn publication-format="epub">ISSN 2434 561x</issn>', "issn_electronic", "2434-561X"),
        ('<issn pub-type="ppub">9999\u20130016</issn>', "issn_print", "9999-0016"),
        ('<issn pub-type="pISSN">9999-0016</issn>', "issn_print", "9999-0016"),
        ('<issn pub-type="e-ISSN">9999-0016</issn>', "issn_electronic", "9999-0016"),
        ("<issn>9999-0016</issn>", "issn_unspecified", "9999-0016"),
        ("<issn-l>9999-0016</issn-l>", "issn_l", "9999-0016"),
        ('<issn pub-type="ppub">yok</issn>', "issn_print", "yok"),
        ('<issn pub-type="ppub">9999-0016</issn><issn pub-type="ppub">1</issn>', "issn_print", "9999-0016"),
    ],
)
def test_issns_are_shaped_and_sorted_by_medium(issn: str, field: str, value: str) -> None:
    one = record(journal=issn)
    assert getattr(one, field) == value
    assert len(one.issns) == 1


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (
            "<pub-date pub-type='epub'><day>01</day><month>02</month><year>2024</year></pub-date>",
            {"epub": "2024-02-01"},
        ),
        ("<pub-date><year>2024</year></pub-date>", {"": "2024"}),
        (
            "<pub-date publication-format='e' date-type='pub'><month>Ağustos</month><year>2024</year></pub-date>",
            {"e/pub": "2024-08"},
        ),
        ("<pub-date pub-type='ppub'><month>January</month><year>2024</year></pub-date>", {"ppub": "2024-01"}),
        ("<pub-date pub-type='ppub'><season>Kış</season><year>2024</year></pub-date>", {"ppub": "2024"}),
        ("<pub-date pub-type='ppub'><season>Summer</season><year>2024</year></pub-date>", {"ppub": "2024"}),
        ("<pub-date pub-type='ppub'><season>Jul-Sep</season><year>2024</year></pub-date>", {"ppub": "2024-07"}),
        ("<pub-date pub-type='ppub'><day>31</day><month>2</month><year>2024</year></pub-date>", {"ppub": "2024-02"}),
        ("<pub-date pub-type='ppub'><month>13</month><year>2024</year></pub-date>", {"ppub": "2024"}),
        ("<pub-date pub-type='ppub'><year>2003-2004</year></pub-date>", {"ppub": "2003"}),
        ("<pub-date pub-type='ppub' iso-8601-date='2024-05-06'/>", {"ppub": "2024-05-06"}),
        ("<pub-date pub-type='ppub'><string-date>Güz 2024</string-date></pub-date>", {"ppub": "2024"}),
        ("<pub-date pub-type='ppub'><string-date>30 Eylül 2024</string-date></pub-date>", {"ppub": "2024-09-30"}),
        ("<pub-date pub-type='ppub'><string-date>Sept. 30th, 2024</string-date></pub-date>", {"ppub": "2024-09-30"}),
        ("<pub-date pub-type='ppub'><string-date>30.09.2024</string-date></pub-date>", {"ppub": "2024-09-30"}),
        ("<pub-date pub-type='ppub'><string-date>05/06/2024</string-date></pub-date>", {"ppub": "2024"}),
        ("<pub-date pub-type='ppub'><string-date>5–7 May 2024</string-date></pub-date>", {"ppub": "2024-05-05"}),
        ("<pub-date pub-type='ppub'><month>juillet</month><year>2024</year></pub-date>", {"ppub": "2024-07"}),
        ("<pub-date pub-type='ppub'><month>Dezember</month><year>2024</year></pub-date>", {"ppub": "2024-12"}),
        ("<pub-date pub-type='ppub' iso-8601-date='20240506'/>", {"ppub": "2024-05-06"}),
        (
            (
                "<pub-date pub-type='ppub'><year>2023</year></pub-date>"
                "<pub-date pub-type='ppub'><year>2024</year></pub-date>"
            ),
            {"ppub": "2023"},
        ),
    ],
)
def test_dates_keep_the_precision_that_was_given(date: str, expected: dict[str, str]) -> None:
    assert record(date).published == expected


def test_a_year_of_zeros_is_no_date_and_is_reported() -> None:
    one = described(article("<pub-date pub-type='ppub'><year>0000</year></pub-date>"))
    assert one.record.published == {}
    assert [(f.code, f.line, f.params["date"]) for f in one.findings] == [("DATE_UNREADABLE", 4, "0000")]


def authors(content: str) -> list[str]:
    return [author.label for author in record(f"<contrib-group>{content}</contrib-group>").authors]


def test_groups_are_authors_and_their_members_are_not() -> None:
    member = "<contrib contrib-type='author'><name><surname>Üye</surname></name></contrib>"
    assert authors(
        "<contrib contrib-type='author'><collab>Kuzey <italic>Grubu</italic><xref>1</xref>"
        f"<contrib-group>{member * 3}</contrib-group></collab></contrib>{member}"
    ) == ["Kuzey Grubu", "Üye"]
    assert authors("<collab>Güney Grubu</collab>") == ["Güney Grubu"]
    wrapped = "<institution-wrap><institution-id>https://example.org/1</institution-id><institution>Kurum</institution>"
    assert authors(f"<contrib><collab>{wrapped}</institution-wrap></collab></contrib>") == ["Kurum"]


@pytest.mark.parametrize("role", ["collab", "collaboration", "Author", "consortium"])
@pytest.mark.parametrize("element", ["collab", "collab-name"])
def test_a_group_is_an_author_whatever_its_role_is_called(role: str, element: str) -> None:
    group = f"<contrib contrib-type='{role}'><{element}>(Kuzey Grubu)</{element}></contrib>"
    assert authors(group) == ["Kuzey Grubu"]
    person = "<contrib contrib-type='collaboration'><name><surname>Üye</surname></name></contrib>"
    assert authors(person + group) == ["Kuzey Grubu"]


def test_running_titles_are_no_subtitles() -> None:
    group = (
        "<title-group><article-title>Kuzey</article-title><subtitle>Bir bakış</subtitle>"
        "<subtitle content-type='running-title'>K.</subtitle><subtitle content-type='running-author'>A. Işık</subtitle>"
        "</title-group>"
    )
    assert record(group).title == "Kuzey: Bir bakış"


def test_an_abstract_called_so_is_one_and_a_teaser_is_none() -> None:
    def abstracts(kind: str) -> dict[str, str]:
        return dict(record(f"{TITLE}<abstract abstract-type='{kind}'><p>Metin.</p></abstract>").abstracts)

    assert abstracts("abstract") == abstracts("standard") == {"tr": "Metin."}
    assert abstracts("teaser") == abstracts("graphical") == {}


def test_a_keyword_in_parts_is_its_term() -> None:
    parts = "".join(
        f"<compound-kwd-part content-type='{kind}'>{text}</compound-kwd-part>"
        for kind, text in (("vocab-term-identifier", "https://example.org/1"), ("term", "Yıldız"), ("uat-code", "1"))
    )
    words = f"<kwd-group><compound-kwd>{parts}</compound-kwd><kwd>Toprak</kwd></kwd-group>"
    assert record(TITLE + words).keywords == ("Yıldız", "Toprak")


def test_the_signs_of_astronomers_come_out_right() -> None:
    assert titled("<article-title>16&fdg;5 ve 3&farcs;2</article-title>") == "16.°5 ve 3.″2"


def test_names_come_in_many_forms() -> None:
    assert authors("<contrib><string-name>Ada Demir</string-name></contrib>") == ["Ada Demir"]
    assert authors("<contrib><name>Ada Demir</name></contrib>") == ["Ada Demir"]
    assert authors(
        "<contrib><string-name><given-names>Ada</given-names> <surname>Demir</surname></string-name></contrib>"
    ) == ["Demir, Ada"]
    assert authors(
        "<contrib contrib-type='author'><name-alternatives><name name-style='eastern'><surname>丁</surname></name>"
        "<name name-style='western'><surname>Ding</surname><given-names>A</given-names></name></name-alternatives>"
        "</contrib>"
    ) == ["Ding, A"]
    assert authors("<contrib><name name-style='given-only'><given-names>Ada</given-names></name></contrib>") == ["Ada"]
    assert authors("<contrib><anonymous/></contrib><contrib><name><surname/></name></contrib>") == []


def test_editors_and_reviewers_are_not_authors() -> None:
    name = "<name><surname>E</surname></name>"
    assert authors(f"<contrib contrib-type='editor'>{name}</contrib>") == []
    for called in ("editors", "volume-editors", "conference editor"):
        group = f"<contrib-group content-type='{called}'><contrib>{name}</contrib></contrib-group>"
        assert record(group).authors == ()


@pytest.mark.parametrize("role", ["first-author", "co-author", "Corresponding author", "corresp", "yazar", "autor"])
def test_an_author_is_one_whatever_the_role_is_called(role: str) -> None:
    assert authors(f"<contrib contrib-type='{role}'><name><surname>Işık</surname></name></contrib>") == ["Işık"]
    member = "<contrib contrib-type='author non-byline'><name><surname>Üye</surname></name></contrib>"
    assert authors(member) == []


@pytest.mark.parametrize(
    "said",
    [
        "<ext-link ext-link-type='orcid'>0000-0002-1825-0097</ext-link>",
        "<ext-link ext-link-type='uri' xlink:href='https://orcid.org/0000-0002-1825-0097'>ORCID</ext-link>",
        "<uri>https://orcid.org/0000-0002-1825-0097</uri>",
    ],
)
def test_an_orcid_may_stand_in_a_link(said: str) -> None:
    (one,) = record(
        f"<contrib-group><contrib><name><surname>A</surname></name>{said}</contrib></contrib-group>"
    ).authors
    assert one.orcid == "https://orcid.org/0000-0002-1825-0097"
    contributor = (
        "<contrib xlink:href='http://orcid.org/0000-0002-1825-0097'><name><surname>A</surname></name></contrib>"
    )
    assert record(f"<contrib-group>{contributor}</contrib-group>").authors == (one,)


def test_a_number_like_an_orcid_in_another_link_is_none() -> None:
    link = "<ext-link ext-link-type='uri' xlink:href='https://example.org/0000-0002-1825-0097'>x</ext-link>"
    (one,) = record(
        f"<contrib-group><contrib><name><surname>A</surname></name>{link}</contrib></contrib-group>"
    ).authors
    assert one.orcid is None


def test_whether_persons_are_authors_their_group_says() -> None:
    persons = "<contrib contrib-type='person'><name><surname>Işık</surname></name></contrib>"
    one = record(
        f"<contrib-group content-type='author'>{persons}"
        "<contrib contrib-type='group'><collab>Tuz Grubu</collab></contrib>"
        f"</contrib-group><contrib-group content-type='editor'>{persons}</contrib-group>"
    )
    assert [author.label for author in one.authors] == ["Işık", "Tuz Grubu"]


@pytest.mark.parametrize("given", ["0000-0002-1825-009X", "http://orcid.org/0000-0002-1825-009x", "000000021825009X"])
def test_an_orcid_is_written_as_orcid_asks(given: str) -> None:
    one = record(
        f"<contrib-group><contrib><contrib-id contrib-id-type='orcid'>{given}</contrib-id>"
        "<name><surname>A</surname></name></contrib></contrib-group>"
    )
    assert one.authors[0].orcid == "https://orcid.org/0000-0002-1825-009X"


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("<license><ali:license_ref xmlns:ali='a'>https://c.org/by</ali:license_ref></license>", "https://c.org/by"),
        (
            "<license xlink:href='https://c.org/a'/><license xlink:href='https://c.org/b'/>",
            "https://c.org/a ; https://c.org/b",
        ),
        (
            (
                "<license><license-p>See "
                "<ext-link xlink:href='https://creativecommons.org/licenses/by/4.0/'>CC</ext-link> or "
                "<ext-link xlink:href='https://example.org/help'>help</ext-link></license-p></license>"
            ),
            "https://creativecommons.org/licenses/by/4.0/",
        ),
        ("<license><p>Open access.</p></license>", "Open access."),
        ("<license><license-p/></license>", None),
        ("<copyright-statement>© A</copyright-statement>", None),
        (
            "<license license-type='https://creativecommons.org/licenses/by/4.0/'><p>Open.</p></license>",
            "https://creativecommons.org/licenses/by/4.0/",
        ),
        ("<license license-type='open-access'><p>Open.</p></license>", "Open."),
        (
            "<ali:free_to_read xmlns:ali='a'/><ali:license_ref xmlns:ali='a'>https://c.org/by</ali:license_ref>",
            "https://c.org/by",
        ),
    ],
)
def test_a_licence_is_its_address_or_its_text(licence: str, expected: str | None) -> None:
    assert record(f"<permissions>{licence}</permissions>").licence == expected


def test_in_nlm_2_a_licence_stands_without_permissions_around_it() -> None:
    meta = "<copyright-statement>© A</copyright-statement><license xlink:href='https://c.org/by'><p>Open.</p></license>"
    assert record(meta, doctype=NLM).licence == "https://c.org/by"


def test_related_articles_are_named_by_bare_doi_and_pdf_links_are_not_related() -> None:
    one = described(
        article(
            "<related-article related-article-type='corrected-article' xlink:href='info:doi/10.5555/a'/>"
            "<related-article related-article-type='companion' ext-link-type='pmid' xlink:href='77'/>"
            "<related-article related-article-type='pdf' xlink.href='kad.pdf'/>"
        )
    )
    assert one.record.related == (Related("corrected-article", "10.5555/a", "doi"), Related("companion", "77", "pmid"))
    assert one.pdf_names == ("kad.pdf",)


@pytest.mark.parametrize(
    ("said", "identifier", "scheme"),
    [
        ("Kuzey 2020;3:1. doi:10.5555/asil.", "10.5555/asil", "doi"),
        ("<ext-link xlink:href='https://doi.org/10.5555/asil'>Kuzey 2020</ext-link>", "10.5555/asil", "doi"),
        ("Kuzey 2020;3:1", "Kuzey 2020;3:1", None),
    ],
)
def test_a_related_article_told_in_words_is_known_by_the_doi_among_them(
    said: str, identifier: str, scheme: str | None
) -> None:
    one = record(f"<related-article related-article-type='corrected-article'>{said}</related-article>")
    assert one.related == (Related("corrected-article", identifier, scheme),)


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ("<fpage>1</fpage><lpage>9</lpage>", ("1", "9", None)),
        ("<fpage>S12</fpage><elocation-id>e4</elocation-id>", ("S12", None, "e4")),
        ("<page-range>1–18</page-range>", ("1", "18", None)),
        ("<page-range>8-11, 14-19, 40</page-range>", ("8", "40", None)),
        ("<page-range>7</page-range>", ("7", None, None)),
        ("<fpage>S12</fpage><page-range>S12-S19</page-range>", ("S12", "S19", None)),
        ("<fpage>3</fpage><page-range>5-9</page-range>", ("3", None, None)),
        ("<fpage>12 – 34</fpage>", ("12", "34", None)),
        ("<fpage>12-3</fpage>", ("12-3", None, None)),
        ("<fpage>1-12</fpage><lpage>1-20</lpage>", ("1-12", "1-20", None)),
        ("<fpage>n/a</fpage><lpage>n/a</lpage>", (None, None, None)),
    ],
)
def test_pages_and_article_numbers(pages: str, expected: tuple[str | None, ...]) -> None:
    one = record(pages)
    assert (one.first_page, one.last_page, one.elocation) == expected


def test_a_translation_gives_its_title_and_other_sub_articles_give_nothing() -> None:
    stub = "<front-stub><title-group><article-title>{}</article-title></title-group><contrib-group/></front-stub>"
    subs = "".join(
        f"<sub-article article-type='{kind}' xml:lang='en'>{stub.format(title)}</sub-article>"
        for kind, title in (("translation", "North"), ("referee-report", "Report"))
    )
    one = record(rest=subs + "<response>" + stub.format("R") + "</response>")
    assert (one.title, one.translated_titles) == ("Kuzey", {"en": "North"})


def test_a_translated_title_keeps_its_subtitle_wherever_it_stands() -> None:
    stub = "<front-stub><title-group><article-title>Norden?</article-title><subtitle>Ein Blick</subtitle></title-group>"
    one = record(
        "<title-group><article-title>Kuzey</article-title><trans-title-group xml:lang='en'>"
        "<trans-title>North:</trans-title><trans-subtitle>a view</trans-subtitle></trans-title-group></title-group>",
        rest=f"<sub-article article-type='translation' xml:lang='de'>{stub}</front-stub></sub-article>",
    )
    assert one.translated_titles == {"en": "North: a view", "de": "Norden? Ein Blick"}


def test_in_nlm_2_a_translated_subtitle_follows_its_title() -> None:
    one = record(
        "<title-group><article-title>Kuzey</article-title><trans-title xml:lang='en'>North</trans-title>"
        "<trans-subtitle>a view</trans-subtitle><trans-title xml:lang='de'>Norden</trans-title></title-group>",
        doctype=NLM,
    )
    assert one.translated_titles == {"en": "North: a view", "de": "Norden"}


def test_one_file_may_hold_several_articles() -> None:
    one = article().decode().partition("\n<article")[2]
    one = "<article" + one
    for wrapper in (
        "<pmc-articleset>{}\n{}</pmc-articleset>",
        "<OAI-PMH xmlns='o'><r>{}</r><r>\n{}</r></OAI-PMH>",
        "<article-set>{}\n{}</article-set>",
    ):
        description = describe(wrapper.format(one, one).encode(), "set.xml")
        assert [found.record.title for found in description.articles] == ["Kuzey", "Kuzey"]
        assert description.articles[0].line == 1
        assert description.articles[1].line == 3


def test_a_hostile_title_stays_text() -> None:
    assert titled("<article-title>&lt;script&gt;&amp;lt;b&amp;gt;\u202e</article-title>") == "<script>&lt;b&gt;\u202e"


def test_a_hundred_nested_forms_of_a_formula_are_read_in_a_moment() -> None:
    deep = "<alternatives><tex-math/><mml:math>" * 100 + "x" + "</mml:math></alternatives>" * 100
    assert titled(f"<article-title>{f'<inline-formula>{deep}</inline-formula>' * 100}</article-title>") == "x" * 100


NAMES = sorted(set(re.findall(r"<([a-z][a-z-]*)", Path(__file__).read_text(encoding="utf-8"))) - {"article", "front"})
ATTRIBUTES = [
    "xlink:href",
    "pub-id-type",
    "pub-type",
    "date-type",
    "xml:lang",
    "specific-use",
    "content-type",
    "none:x",
]
VALUES = [
    "doi",
    "10.5555/a",
    "a.pdf",
    "pdf",
    "epub",
    "tr",
    "author",
    "2024",
    "0000",
    "Eylül",
    " ",
    "9999-0016",
    "1-",
    "–",
]
LEAVES = st.sampled_from(VALUES)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda name, attributes, parts: (
            f"<{name} "
            + " ".join(f'{key}="{value}"' for key, value in attributes.items())
            + ">"
            + "".join(parts)
            + f"</{name}>"
        ),
        st.sampled_from(NAMES),
        st.dictionaries(st.sampled_from(ATTRIBUTES), LEAVES, max_size=3),
        st.lists(inner, max_size=5),
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(journal=TREES, meta=st.lists(TREES, max_size=6).map("".join), rest=TREES)
def test_any_arrangement_of_elements_is_read_without_an_error(journal: str, meta: str, rest: str) -> None:
    one = described(article(meta, journal=journal, rest=rest))
    assert ArticleRecord.from_json(json.loads(json.dumps(one.record.as_json()))) == one.record
    texts = [one.record.title, one.record.journal_title, *one.record.keywords, *one.record.abstracts.values()]
    assert all(text is None or (text and text == " ".join(text.split())) for text in texts)


def test_subjects_are_read_with_those_above_them_where_a_group_is_said_to_hold_subjects() -> None:
    categories = """<article-categories>
        <subj-group subj-group-type="heading"><subject>Araştırma</subject></subj-group>
        <subj-group subj-group-type="Discipline-v3"><subject>Fen bilimleri</subject>
          <subj-group><subject>Fizik</subject>
            <subj-group><subject>Işık</subject></subj-group></subj-group></subj-group>
        <subj-group subj-group-type="discipline"><subject>Tarih</subject>
          <subject>Dil <i>bilimi</i></subject></subj-group>
        <subj-group subj-group-type="Discipline-v3"><subject>Tarih</subject></subj-group>
        <subj-group><subject>Bir yer</subject></subj-group>
        <subj-group subj-group-type="subject-x"><subject> </subject></subj-group>
      </article-categories>"""
    found = record(categories + TITLE)
    assert found.subjects == (("Fen bilimleri", "Fizik", "Işık"), ("Tarih",), ("Dil bilimi",))
    assert ArticleRecord.from_json(json.loads(json.dumps(found.as_json()))) == found
    assert record().subjects == ()
