"""OJS native XML of every generation gives its articles, and the PDFs inside it become files."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

import pytest
from collection import SAMPLES, as_row, expected_value, folded, index_rows

from ingest.dialects import Described, describe
from ingest.dialects.description import MOST_ARTICLES
from ingest.dialects.ojs_words import day_of, language_of, pages_of
from ingest.sips import group
from ingest.unpack import Limits, unpack
from repository.vocabulary import Author, Level

PDF = b"%PDF-1.7\nbir sayfa\n%%EOF\n"


def ojs3(publications: str, attributes: str = "", files: str = "") -> bytes:
    return f"""<?xml version="1.0"?>
<issue xmlns="http://pkp.sfu.ca" published="1">
<issue_identification><volume>12</volume><number>Özel Sayı</number><year>2024</year></issue_identification>
<articles><article locale="tr_TR" {attributes}><id type="internal" advice="ignore">9</id>{files}{publications}</article>
</articles></issue>""".encode()


def publication(number: int = 1, title: str = "Başlık", status: int = 3, version: int = 1, more: str = "") -> str:
    return f"""<publication locale="tr_TR" version="{version}" status="{status}" date_published="2024-09-30">
<id type="internal" advice="ignore">{number}</id><id type="doi" advice="update">10.5555/x.{number}</id>
<title locale="tr_TR">{escape(title)}</title>{more}</publication>"""


def one(data: bytes) -> Described:
    description = describe(data, "data/Issue.xml")
    assert description.findings == ()
    (described,) = description.articles
    return described


def test_the_current_publication_is_the_article() -> None:
    two = publication(4, "Birinci") + publication(7, "İkinci", version=2)
    assert one(ojs3(two, 'current_publication_id="4"')).record.title == "Birinci"
    assert one(ojs3(two, 'current_publication_id="7"')).record.title == "İkinci"
    # Named by none: the newest that is published.
    assert one(ojs3(two)).record.title == "İkinci"
    queued = publication(4, "Birinci") + publication(7, "İkinci", status=1, version=2)
    assert one(ojs3(queued)).record.title == "Birinci"


def test_titles_stand_by_locale_with_prefix_and_subtitle() -> None:
    more = """<title locale="en_US">Model of &lt;i&gt;trust&lt;/i&gt;</title><prefix locale="en_US">A</prefix>
<subtitle locale="tr_TR">Bir İnceleme</subtitle><subtitle locale="en_US">a Study</subtitle>
<abstract locale="tr_TR">&lt;p&gt;Özet.&lt;/p&gt;&lt;p&gt;Son&amp;nbsp;söz.&lt;/p&gt;</abstract>
<keywords locale="tr_TR"><keyword>arşiv</keyword></keywords>
<keywords locale="en_US"><keyword>archive</keyword></keywords>
<pages>1–18</pages>"""
    record = one(ojs3(publication(title="Işık", more=more))).record
    assert record.title == "Işık: Bir İnceleme"
    assert record.translated_titles == {"en": "A Model of trust: a Study"}
    assert record.language == "tr"
    assert record.abstracts == {"tr": "Özet. Son söz."}
    assert record.keywords == ("arşiv", "archive")
    assert (record.first_page, record.last_page) == ("1", "18")
    assert (record.volume, record.issue, record.year) == ("12", "Özel Sayı", 2024)
    # OJS has no field for these, so that nothing stands in them.
    assert (record.journal_title, record.issns, record.article_type, record.related) == (None, (), None, ())


def test_authors_stand_in_their_own_order_and_a_translator_is_none() -> None:
    more = """<authors>
<author seq="1" user_group_ref="Yazar"><givenname locale="en_US">Isil</givenname>
<givenname locale="tr_TR">Işıl</givenname>
<familyname locale="tr_TR">Şahin</familyname><orcid>https://orcid.org/0000-0002-1825-009x</orcid></author>
<author seq="2" user_group_ref="Çevirmen"><givenname locale="tr_TR">Çevirmen</givenname></author>
<author seq="0" user_group_ref="Yazar"><givenname locale="tr_TR">Gülşen</givenname></author></authors>"""
    record = one(ojs3(publication(more=more))).record
    assert record.authors == (
        Author(None, "Gülşen"),
        Author("Şahin", "Işıl", orcid="https://orcid.org/0000-0002-1825-009X"),
    )


def test_an_article_of_ojs_3_1_has_its_fields_itself_and_its_files_in_revisions() -> None:
    data = f"""<articles xmlns="http://pkp.sfu.ca">
<article locale="pt_BR" stage="production" date_published="2018-05-04">
<id type="internal" advice="ignore">5</id><id type="public" advice="update">kod-5</id><id type="doi">10.5555/eski</id>
<title locale="pt_BR">Título</title><title locale="sr_RS@latin">Naslov</title>
<authors><author><firstname>Ana</firstname><middlename>M.</middlename><lastname>Sá</lastname></author></authors>
<submission_file stage="proof" id="8">
<revision number="1" genre="Article Text" filename="eski.pdf" filetype="application/pdf">
<embed encoding="base64">{base64.b64encode(b"%PDF-1.4 eski").decode()}</embed></revision>
<revision number="2" genre="Article Text" filename="../../yeni?.pdf" filetype="application/pdf">
<embed encoding="base64">{base64.encodebytes(PDF).decode()}</embed></revision></submission_file>
<article_galley><name locale="pt_BR">PDF</name><submission_file_ref id="8" revision="2"/></article_galley>
<issue_identification><volume>3</volume><number>2</number><year>2018</year></issue_identification>
<pages>e12</pages></article></articles>"""
    described = one(data.encode())
    record = described.record
    assert (record.doi, record.title, record.language) == ("10.5555/eski", "Título", "pt-BR")
    assert record.translated_titles == {"sr-Latn": "Naslov"}
    assert (record.volume, record.issue, record.elocation) == ("3", "2", "e12")
    assert record.published == {"date_published": "2018-05-04", "collection": "2018"}
    assert record.authors == (Author("Sá", "Ana M."),)
    assert record.other_ids == {"publisher-id": "kod-5"}
    assert described.pdf_names == ("Issue.xml!/2-yeni_.pdf",)


def submission_file(number: int, name: str, genre: str, tag: str = "submission_file") -> str:
    return (
        f'<{tag} id="{number}" genre="{genre}" file_id="{number}"><name locale="tr_TR">{name}</name>'
        f'<file id="{number}" extension="pdf"><href src="files/{name}"/></file></{tag}>'
    )


def test_only_the_galleys_of_the_articles_own_genre_are_the_article() -> None:
    files = (
        submission_file(1, "makale.pdf", "Makale Metni")
        + submission_file(2, "article.pdf", "Makale Metni")
        + submission_file(3, "anket.pdf", "Araştırma Aracı")
        + submission_file(4, "hakem.pdf", "Makale Metni")
        + submission_file(5, "ek.pdf", "Ek", tag="supplementary_file")
    )
    galleys = "".join(
        f'<article_galley><name>PDF</name><submission_file_ref id="{number}"/></article_galley>'
        for number in (1, 2, 3, 5, 99)
    )
    described = one(ojs3(publication(more=galleys), files=files))
    assert described.pdf_names == ("files/makale.pdf", "files/article.pdf")
    assert described.file_names == ("files/anket.pdf", "files/ek.pdf", "files/hakem.pdf")


def embedded(text: str, name: str = "makale.pdf") -> bytes:
    files = (
        f'<submission_file id="1" genre="Makale Metni" file_id="1"><name locale="tr_TR">{name}</name>'
        f'<file id="1" extension="pdf"><embed encoding="base64">{text}</embed></file></submission_file>'
    )
    galley = '<article_galley><name>PDF</name><submission_file_ref id="1"/></article_galley>'
    return ojs3(publication(more=galley), files=files)


def test_a_pdf_inside_the_xml_becomes_a_file_beside_it(tmp_path: Path) -> None:
    delivered = tmp_path / "Issue.xml"
    delivered.write_bytes(embedded(base64.encodebytes(PDF).decode(), "çalışma.pdf"))
    before = delivered.read_bytes()
    unpacked = unpack([delivered], tmp_path)
    assert [member.name for member in unpacked.members] == ["Issue.xml", "Issue.xml!/1-çalışma.pdf"]
    assert unpacked.members[1].source.read_bytes() == PDF
    (sip,) = group(unpacked, describe).sips
    assert [member.name for member in sip.pdfs] == ["Issue.xml!/1-çalışma.pdf"]
    assert delivered.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("makale", "1-makale.pdf"),
        ("makale.v2", "1-makale.v2.pdf"),
        ("MAKALE.PDF", "1-MAKALE.PDF"),
        ("../../etc/a b#c?.pdf", "1-a_b_c_.pdf"),
        ("", "1-file.pdf"),
        ("ş" * 300, "1-" + "ş" * 80 + ".pdf"),
    ],
)
def test_the_name_of_a_file_inside_the_xml_is_the_publishers_made_safe(name: str, kept: str) -> None:
    text = base64.b64encode(PDF).decode()
    for data in (embedded(text, name), embedded(text, name).replace(b' extension="pdf"', b"")):
        assert one(data).pdf_names == (f"Issue.xml!/{kept}",)


def test_a_pdf_of_any_length_may_lie_inside_the_xml(tmp_path: Path) -> None:
    large = PDF + bytes(range(256)) * 40_000  # its base64 is longer than a text of libxml2 may be
    delivered = tmp_path / "Issue.xml"
    delivered.write_bytes(embedded(base64.b64encode(large).decode()))
    unpacked = unpack([delivered], tmp_path)
    assert unpacked.members[1].source.read_bytes() == large
    (sip,) = group(unpacked, describe).sips
    assert sip.findings == ()
    assert sip.record is not None
    assert sip.record.title == "Başlık"


def test_lines_after_a_long_embedded_file_stay_what_they_are() -> None:
    text = base64.encodebytes(PDF * 2000).decode()
    described = one(embedded(text))
    data = embedded(text).decode().splitlines()
    assert data[described.lines["title"] - 1].startswith("<title")


@pytest.mark.parametrize("text", ["(base64 would stand here)", "JVBERi0=x", "JVBERi", ""])
def test_broken_base64_is_told_and_gives_no_file(text: str, tmp_path: Path) -> None:
    described = one(embedded(text))
    (found,) = described.findings
    assert (found.code, found.level) == ("PDF_DAMAGED", Level.ERROR)
    delivered = tmp_path / "Issue.xml"
    delivered.write_bytes(embedded(text))
    assert [member.name for member in unpack([delivered], tmp_path).members] == ["Issue.xml"]


def test_files_inside_the_xml_count_against_the_limits_of_the_delivery(tmp_path: Path) -> None:
    delivered = tmp_path / "Issue.xml"
    delivered.write_bytes(embedded(base64.b64encode(PDF * 100).decode()))
    unpacked = unpack([delivered], tmp_path, Limits(member_bytes=len(PDF)))
    assert unpacked.refused
    assert [found.code for found in unpacked.findings] == ["ARCHIVE_TOO_LARGE"]


def test_an_xml_inside_the_xml_is_no_second_article(tmp_path: Path) -> None:
    jats = base64.b64encode(b"<article><front/></article>").decode()
    delivered = tmp_path / "Issue.xml"
    delivered.write_bytes(embedded(jats, "makale.xml").replace(b'extension="pdf"', b'extension="xml"'))
    assert len(unpack([delivered], tmp_path).members) == 1


def test_a_file_of_countless_articles_is_refused_before_it_costs_memory() -> None:
    many = b"<article/>" * (MOST_ARTICLES + 1)
    for before, after in (
        (b'<articles xmlns="http://pkp.sfu.ca">', b"</articles>"),
        (b"<issue><section>", b"</section></issue>"),
    ):
        description = describe(before + many + after, "x.xml")
        assert description.articles == ()
        assert [found.code for found in description.findings] == ["XML_TOO_LARGE"]


@pytest.mark.parametrize("strange", ["9" * 5000, "-1", "²", ""])
def test_a_number_that_is_none_stops_nothing(strange: str) -> None:
    authors = f'<authors><author seq="{strange}"><givenname>Işık</givenname></author></authors>'
    data = embedded(f"#{strange}").replace(b"</publication>", authors.encode() + b"</publication>")
    described = one(data.replace(b'version="1"', f'version="{strange}"'.encode()))
    assert described.record.authors == (Author(None, "Işık"),)


def test_a_notice_is_about_the_article_whose_title_it_repeats() -> None:
    articles = (("1", "Işık ve Gölge"), ("2", "Düzeltme: Işık ve Gölge"), ("3", "Düzeltme: Başka Bir Yazı"))
    data = "".join(f"<article locale='tr_TR'>{publication(int(key), title)}</article>" for key, title in articles)
    first, second, third = describe(f"<articles xmlns='http://pkp.sfu.ca'>{data}</articles>".encode(), "x.xml").articles
    assert first.record.related == ()
    assert [(each.type, each.identifier) for each in second.record.related] == [("corrected-article", "10.5555/x.1")]
    assert second.record.article_type == "correction"
    assert third.record.related == ()
    assert third.record.article_type is None


def test_ojs_2_gives_its_articles_with_their_galleys() -> None:
    data = f"""<!DOCTYPE issue PUBLIC "-//PKP//OJS Articles and Issues XML//EN" "native.dtd">
<issue published="true"><volume>4</volume><number>1</number><year>2009</year><section><title>Makaleler</title>
<article locale="tr_TR" language="tr"><id type="doi">10.5555/ojs2</id><title locale="en_US">Light</title>
<title locale="tr_TR">Işık</title><indexing><type locale="tr_TR">Derleme</type>
<subject locale="tr_TR">arşiv; kütüphane</subject></indexing>
<author><firstname>Çağrı</firstname><middlename>İ.</middlename><lastname>Öztürk</lastname></author>
<pages>ss. 5 – 9</pages><date_published>2009-03-01</date_published>
<permissions><license_url>https://creativecommons.org/licenses/by/4.0</license_url></permissions>
<galley locale="tr_TR"><label>PDF</label><file>
<embed filename="isik.pdf" encoding="base64" mime_type="application/pdf">{base64.b64encode(PDF).decode()}</embed>
</file></galley>
<supplemental_file><title>Ek</title><file><href src="ek.pdf" mime_type="application/pdf"/></file></supplemental_file>
</article></section></issue>"""
    described = one(data.encode())
    record = described.record
    assert (record.title, record.translated_titles) == ("Işık", {"en": "Light"})
    assert (record.volume, record.issue, record.first_page, record.last_page) == ("4", "1", "5", "9")
    assert (record.doi, record.article_type, record.language) == ("10.5555/ojs2", "Derleme", "tr")
    assert record.authors == (Author("Öztürk", "Çağrı İ."),)
    assert record.keywords == ("arşiv", "kütüphane")
    assert described.pdf_names == ("Issue.xml!/1-isik.pdf",)
    assert described.file_names == ("ek.pdf",)


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("1-18", ("1", "18", None)),
        ("1–18", ("1", "18", None)),
        ("pp. S12 — S20", ("S12", "S20", None)),
        ("sayfa 7", ("7", None, None)),
        ("xi-xiv", ("xi", "xiv", None)),
        ("e104", (None, None, "e104")),
        ("12-20, 33", ("12", "20", None)),
        ("yok", (None, None, None)),
        ("", (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_pages(text: str | None, pages: tuple[str | None, ...]) -> None:
    assert pages_of(text) == pages


def test_locales_and_dates() -> None:
    assert [language_of(each) for each in ("tr_TR", "en", "zh_CN", "zh_Hant", "sr_RS@cyrillic", None)] == [
        "tr",
        "en",
        "zh-CN",
        "zh-Hant",
        "sr-Cyrl",
        None,
    ]
    assert [day_of(each) for each in ("2024-09-30 00:00:00", "2024-13-01", "Güz 2019", "", None)] == [
        "2024-09-30",
        "2024",
        "2019",
        None,
        None,
    ]


# Where the product says more than the index, which names only what it looked for: file and column, and the value.
SAID_AS_WELL = {
    ("ojs/synthetic-ojs33-native-issue-A.xml", "title"): (
        "Iğdır İlinde Şarkî Anadolu Kütüphanelerinin Dijital Arşivlenmesi: “Güvenilir” Bir Model"
    ),
    ("ojs/synthetic-ojs33-native-issue-A.xml", "trans_titles"): (
        'en:Digital Archiving of Libraries in Iğdır Province: a "Trusted" Model'
    ),
    ("ojs/synthetic-ojs33-native-issue-A.xml", "lang"): "tr",
    # The day of the article, and the year of its issue.
    ("ojs/synthetic-ojs33-native-issue-A.xml", "pub_dates"): "date_published=2024-09-30;collection=2024",
    ("ojs/synthetic-ojs33-native-issue-A.xml", "license"): "https://creativecommons.org/licenses/by/4.0",
}
ROWS = index_rows("ojs/")


@pytest.mark.skipif(not ROWS, reason="the collection of samples is not beside this checkout")
def test_the_collection_is_whole() -> None:
    assert {row["file"] for row in ROWS} >= {file for file, _ in SAID_AS_WELL}
    assert len(ROWS) == 2


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_a_real_file_gives_the_values_of_the_index(row: dict[str, str]) -> None:
    description = describe((SAMPLES / row["file"]).read_bytes(), row["file"])
    assert description.findings == ()
    for column, got in as_row(description.articles[0].record).items():
        expected = expected_value(column, row[column], got)
        if (row["file"], column) in SAID_AS_WELL:
            assert expected == ""
            expected = SAID_AS_WELL[row["file"], column]
        assert folded(got) == folded(expected), column
