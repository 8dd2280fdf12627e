"""Dublin Core of DergiPark, OJS and their kin, a record alone or a whole OAI-PMH response."""

from __future__ import annotations

import pytest

from ingest.dialects import Described, describe
from ingest.dialects.dc_source import Citation, citation_of
from repository.vocabulary import Author

NAMESPACES = 'xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
RECORD = """<dc:title xml:lang="en-US">Light in the Archive</dc:title>
<dc:title xml:lang="tr-TR">Arşivde Işık</dc:title>
<dc:creator>Öztürk, İsmail  Çağrı</dc:creator><dc:creator>Işıl Şahin</dc:creator>
<dc:subject>arşiv; ışık</dc:subject><dc:subject xml:lang="en">archive</dc:subject>
<dc:description xml:lang="tr-TR">Özet.</dc:description>
<dc:publisher>Örnek Üniversitesi</dc:publisher>
<dc:date>2015-12-31T00:00:00Z</dc:date>
<dc:type>info:eu-repo/semantics/article</dc:type><dc:type>Derleme</dc:type>
<dc:format>application/pdf</dc:format>
<dc:identifier>https://dergipark.org.tr/tr/pub/ornek/issue/1/77</dc:identifier>
<dc:identifier>10.5555/ornek.77</dc:identifier>
<dc:source>Örnek Arşiv Bilimi Dergisi; Vol. 3 No. 2 (2015): Güz; 12-20</dc:source>
<dc:source>9999-0016</dc:source><dc:source>9999-0024</dc:source>
<dc:language>tur</dc:language>
<dc:relation>https://dergipark.org.tr/tr/download/article-file/4711</dc:relation>
<dc:rights>Telif (c) 2015</dc:rights><dc:rights>https://creativecommons.org/licenses/by/4.0/</dc:rights>"""


def bare(content: str) -> bytes:
    return f"<oai_dc:dc {NAMESPACES}>{content}</oai_dc:dc>".encode()


def response(*records: str) -> bytes:
    every = "".join(
        f"<record><header><identifier>oai:dergipark.org.tr:{number}</identifier></header>"
        f"<metadata><oai_dc:dc {NAMESPACES}>{record}</oai_dc:dc></metadata></record>"
        for number, record in enumerate(records, 1)
    )
    deleted = '<record><header status="deleted"><identifier>oai:dergipark.org.tr:0</identifier></header></record>'
    return (
        f'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords>{deleted}{every}</ListRecords></OAI-PMH>'
    ).encode()


def articles(data: bytes) -> tuple[Described, ...]:
    description = describe(data, "kayit.xml")
    assert description.findings == ()
    return description.articles


def test_a_bare_record_gives_what_it_says() -> None:
    (one,) = articles(bare(RECORD))
    record = one.record
    assert (record.title, record.translated_titles, record.language) == (
        "Arşivde Işık",
        {"en": "Light in the Archive"},
        "tr",
    )
    assert (record.journal_title, record.publisher) == ("Örnek Arşiv Bilimi Dergisi", "Örnek Üniversitesi")
    # Of which medium an ISSN is, Dublin Core cannot say.
    assert (record.issn_unspecified, record.issn_print, record.issn_electronic) == ("9999-0016", None, None)
    assert record.other_ids == {"uri": "https://dergipark.org.tr/tr/pub/ornek/issue/1/77", "issn": "9999-0024"}
    assert (record.volume, record.issue, record.first_page, record.last_page) == ("3", "2", "12", "20")
    assert record.doi == "10.5555/ornek.77"
    assert record.authors == (Author("Öztürk", "İsmail Çağrı"), Author("Işıl Şahin"))
    assert record.published == {"date": "2015-12-31", "collection": "2015"}
    assert record.article_type == "Derleme"
    assert record.licence == "https://creativecommons.org/licenses/by/4.0/"
    assert record.abstracts == {"tr": "Özet."}
    assert record.keywords == ("arşiv", "ışık", "archive")
    assert one.pdf_names == ()
    assert one.lines["title"] == 1


def test_every_record_of_a_response_is_an_article_and_a_deleted_one_is_none() -> None:
    first, second = articles(response(RECORD, RECORD.replace("4711", "4712").replace("ornek.77", "ornek.78")))
    assert [each.record.other_ids["oai"] for each in (first, second)] == [
        "oai:dergipark.org.tr:1",
        "oai:dergipark.org.tr:2",
    ]
    # Among others an article has nothing else that leads to its PDF.
    assert (first.pdf_names, second.pdf_names) == (("4711",), ("4712",))
    assert second.record.doi == "10.5555/ornek.78"


def test_one_record_of_a_response_is_read_alone() -> None:
    (one,) = articles(response(RECORD))
    assert one.pdf_names == ()
    assert one.record.other_ids["oai"] == "oai:dergipark.org.tr:1"


def test_an_empty_record_gives_nothing_and_nothing_is_invented() -> None:
    (one,) = articles(bare("<dc:title>Adsız</dc:title><dc:date>tarihsiz</dc:date><dc:source>https://x.org</dc:source>"))
    given = {name: value for name, value in one.record.as_json().items() if value}
    assert given == {"title": "Adsız"}


def test_a_pdf_named_as_a_file_is_the_articles_own() -> None:
    (one,) = articles(bare("<dc:title>A</dc:title><dc:relation>tam-metin.pdf</dc:relation>"))
    assert one.pdf_names == ("tam-metin.pdf",)


@pytest.mark.parametrize(
    "given", ["10.5555/A.1", "doi:10.5555/A.1", "https://doi.org/10.5555/A.1", "http://dx.doi.org/10.5555/A.1"]
)
def test_a_doi_in_every_writing(given: str) -> None:
    (one,) = articles(bare(f"<dc:title>A</dc:title><dc:identifier>{given}</dc:identifier>"))
    assert one.record.doi == "10.5555/A.1"


def test_a_doi_among_the_relations_is_the_articles_only_when_it_says_so() -> None:
    other = "<dc:title>A</dc:title><dc:relation>https://doi.org/10.5555/baska</dc:relation>"
    own = "<dc:relation>info:eu-repo/semantics/altIdentifier/doi/10.5555/kendi</dc:relation>"
    assert [each.record.doi for each in (*articles(bare(other)), *articles(bare(other + own)))] == [
        None,
        "10.5555/kendi",
    ]


@pytest.mark.parametrize(
    ("text", "citation"),
    [
        ("Volume: 12, Issue: 1 1-18", Citation(None, "12", "1", None, "1", "18")),
        ("Cilt: 12 Sayı: 1 1-18", Citation(None, "12", "1", None, "1", "18")),
        ("Dergi Adı; Cilt 5, Sayı 2 (2019): Bahar; 5–19", Citation("Dergi Adı", "5", "2", "2019", "5", "19")),
        ("Dergi Adı; No. 7 (2019); 44", Citation("Dergi Adı", None, "7", "2019", "44", None)),
        (
            "Journal of Light; Vol 3, No 1-2 (2011); e12-e15",
            Citation("Journal of Light", "3", "1-2", "2011", "e12", "e15"),
        ),
        ("Örnek Dergi, 12(3), 45-67", Citation("Örnek Dergi", "12", "3", None, "45", "67")),
        ("Örnek Dergi, 12(3)", Citation("Örnek Dergi", "12", "3", None, None, None)),
        ("Yıl: 2020 Cilt: 3 Sayı: 4", Citation(None, "3", "4", "2020", None, None)),
        ("Örnek Dergi", Citation("Örnek Dergi")),
        ("Örnek Dergi 8: 63-93", Citation("Örnek Dergi", "8", None, None, "63", "93")),
        ("Örnek Dergi 45(3-4): 12–34.", Citation("Örnek Dergi", "45", "3-4", None, "12", "34")),
        ("Örnek Dergi 17: e173358", Citation("Örnek Dergi", "17", elocation="e173358")),
        ("Örnek Dergi, Vol. 29 No. 247            ", Citation("Örnek Dergi", "29", "247")),
        ("Örnek Dergi, Vol. 17 No. Özel Sayı 1", Citation("Örnek Dergi", "17", "Özel Sayı 1")),
        ("Örnek Dergi, Vol.  No. 3", Citation("Örnek Dergi", None, "3")),
        ("Örnek Dergi, Vol. 3 No. ", Citation("Örnek Dergi", "3")),
        ("Örnek Dergi, Vol. 12 No. 1-2", Citation("Örnek Dergi", "12", "1-2")),
        ("Örnek Dergi, Cilt 12 Sayı 1-2", Citation("Örnek Dergi", "12", "1-2")),
        ("Örnek Dergi, Vol. 3 No. 2 12-20", Citation("Örnek Dergi", "3", "2", None, "12", "20")),
        ("Örnek Dergi 2015;4(2):12-20.", Citation("Örnek Dergi", "4", "2", "2015", "12", "20")),
        ("99990016", Citation()),
        ("https://example.org/dergi", Citation()),
        ("2149-1234;2015", Citation()),
        ("Örnek Dergi, Cilt 2, 7-9", Citation("Örnek Dergi", "2", None, None, "7", "9")),
    ],
)
def test_citations(text: str, citation: Citation) -> None:
    assert citation_of(text) == citation


def test_html_that_was_left_in_a_text_is_none_and_an_address_stays_as_it_is() -> None:
    (one,) = articles(
        bare(
            "<dc:title><![CDATA[Meclis&#039;in &lt;i&gt;tezkere&lt;/i&gt; usul&uuml;]]></dc:title>"
            "<dc:creator><![CDATA[O&#039;Hara, Işık]]></dc:creator>"
            "<dc:identifier>https://example.org/?a=1&amp;sect=2</dc:identifier>"
        )
    )
    assert one.record.title == "Meclis'in tezkere usulü"
    assert one.record.authors == (Author("O'Hara", "Işık"),)
    assert one.record.other_ids == {"uri": "https://example.org/?a=1&sect=2"}


def test_authors_in_one_element_are_told_apart_and_an_id_is_an_orcid() -> None:
    (one,) = articles(
        bare(
            "<dc:title>A</dc:title><dc:creator>[Işık,  Çağrı; Ada  Öz]</dc:creator>"
            '<dc:creator id="https://orcid.org/0000-0002-1825-0097">Şen,Ece</dc:creator>'
        )
    )
    assert one.record.authors == (
        Author("Işık", "Çağrı"),
        Author("Ada Öz"),
        Author("Şen", "Ece", orcid="https://orcid.org/0000-0002-1825-0097"),
    )


def test_a_source_may_name_the_issn_and_a_doi_is_no_journal() -> None:
    (one,) = articles(
        bare(
            "<dc:title>A</dc:title><dc:source>10.5555/a.1</dc:source>"
            "<dc:source>Örnek Dergi, Vol. 12 No. 2, ISSN: 9999-0016</dc:source>"
        )
    )
    record = one.record
    assert (record.journal_title, record.volume, record.issue) == ("Örnek Dergi", "12", "2")
    assert (record.issn_unspecified, record.first_page) == ("9999-0016", None)
