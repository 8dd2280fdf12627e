"""Crossref deposits and PubMed records: real files give the values of the index, and our own the rules behind them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from collection import SAMPLES, as_row, expected_value, folded, index_rows
from deliveries import Published
from installation import Installation, folder_store_table

from ingest.dialects import Described, describe
from repository.vocabulary import Related

ROWS = index_rows("crossref/", "pubmed/")
PACKAGES = SAMPLES / "packages"

# Where the product differs from the index on purpose: file and column, and the product's value.
OUR_CHOICE = {
    # "other" is no author.
    ("crossref/deposit-5.5.0-elife-crossref-00666.xml", "n_groups"): "2",
    # One licence: that of the version of record, or the first.
    ("crossref/deposit-5.5.0-elife-crossref-00666.xml", "license"): "http://creativecommons.org/licenses/by/4.0/",
    # Relations in the words of JATS, so that they are the same whatever format tells them; a notice is one by them.
    ("crossref/deposit-5.5.0-elife-crossref-15743.xml", "related"): "corrected-article:10.7554/eLife.05462",
    ("crossref/deposit-5.5.0-elife-crossref-15743.xml", "article_type"): "correction",
    ("pubmed/articleset-2.7-elife-pubmed-15743.xml", "related"): "corrected-article:10.7554/eLife.05462",
    ("pubmed/articleset-2.7-elife-pubmed-15743.xml", "article_type"): "correction",
    # The index describes the element; the file gives no type.
    ("crossref/deposit-4.3.0-aims.xml", "article_type"): "",
    ("crossref/deposit-4.4.2-isciencenotes.xml", "issn_electronic"): "2456-9577",
    # The title in the article's own language, which the index has no column for.
    ("crossref/unixref-UFNe.2022.11.039660-no-contrib.xml", "trans_titles"): "ru:Басовские чтения",
    # A middle name is a given name.
    ("pubmed/articleset-2.6-iop-standard.xml", "first_author"): "Roth, Rachel M",
    # EndPage is 125; the index has the abbreviated MedlinePgn.
    ("pubmed/medline-pubmed1.xml", "last_page"): "125",
    # The first of several types; the number of records is a remark of the index.
    ("pubmed/medline-pubmed1.xml", "article_type"): "Journal Article",
    ("pubmed/medline-pubmed-29768149.xml", "article_type"): "Clinical Trial, Phase III",
    # What can be compared is the PMID, not the citation.
    ("pubmed/medline-pubmed-29768149.xml", "related"): "CommentIn:29768146 ; CommentIn:30242404",
}


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_a_real_file_gives_the_values_of_the_index(row: dict[str, str]) -> None:
    description = describe((SAMPLES / row["file"]).read_bytes(), row["file"])
    if row["article_type"] == "query_result":
        assert description.articles == (), "it describes a database"
        return
    one = description.articles[0]
    assert one.findings == ()
    for column, got in as_row(one.record).items():
        expected = expected_value(column, row[column], got)
        key = (row["file"], column)
        if column == "lang" and row["file"].startswith("pubmed/articleset") and not expected:
            expected = "EN"  # <Language>, which the index leaves out for deposits
        if key in OUR_CHOICE:
            assert folded(expected) != folded(OUR_CHOICE[key]), f"{key} is no difference any more"
            expected = OUR_CHOICE[key]
        assert folded(got) == folded(expected), column


@pytest.mark.parametrize(
    ("package", "outcome", "code"),
    [
        ("crossref-meta/10.7554_eLife.00666.zip", "accepted", None),
        ("crossref-meta/AIMS_FCT_2015_4_4.zip", "quarantined", "ISSN_INVALID"),
        ("pubmed-meta/elife-12717.zip", "accepted", None),
    ],
)
@pytest.mark.skipif(not PACKAGES.exists(), reason="the collection of samples is not beside this checkout")
def test_a_real_package_ends_as_its_row_says(tmp_path: Path, package: str, outcome: str, code: str | None) -> None:
    home = tmp_path / "home"
    archive = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    archive.run("titles", "agree", str(PACKAGES / "titles.tsv"), "--publisher", "P")
    status = 0 if outcome == "accepted" else 1
    (receipt,) = archive.run("ingest", str(PACKAGES / package), "--publisher", "P", status=status)["deliveries"]
    rows = json.loads((PACKAGES / "expected.json").read_text(encoding="utf-8"))
    expected = next(each for each in rows if each["package"] == package)
    assert receipt["state"] == outcome
    items = expected["items"] or expected["xml_read"]
    assert [line["doi"] for line in receipt["articles"]] == [item["doi"] for item in items]
    for line in receipt["articles"]:
        errors = {found["code"] for found in line["findings"] if found["level"] == "error"}
        assert errors == ({code} if code else set())


def crossref(article: str, journal: str = "") -> tuple[Described, ...]:
    text = f"""<?xml version="1.0"?><doi_batch xmlns="http://www.crossref.org/schema/5.3.1"><head>
<registrant>Örnek Yayınevi</registrant></head><body><journal><journal_metadata language="tr"><full_title>Örnek Dergi
</full_title>{journal or '<issn media_type="print">13000632</issn>'}</journal_metadata><journal_issue>
<publication_date media_type="print"><year>2021</year></publication_date><journal_volume><volume>3</volume>
</journal_volume><issue>2</issue></journal_issue>{article}</journal></body></doi_batch>"""
    return describe(text.encode(), "deposit.xml").articles


def test_each_article_has_what_its_own_journal_says() -> None:
    one, two = crossref(
        "<journal_article><titles><title>Bir</title></titles><doi_data><doi>10.5555/1</doi></doi_data></journal_article>"
        "<journal_article><titles><title>İki</title></titles><pages><first_page>9</first_page></pages>"
        "<doi_data><doi>https://doi.org/10.5555/2</doi></doi_data></journal_article>"
    )
    assert (one.record.doi, two.record.doi) == ("10.5555/1", "10.5555/2")
    assert {one.record.issn_print, two.record.issn_print} == {"1300-0632"}
    assert (one.record.volume, one.record.issue, two.record.first_page) == ("3", "2", "9")
    assert one.record.published == {"print": "2021"}


@pytest.mark.parametrize(
    ("said", "kind", "relation"),
    [
        ("retraction", "retraction", "retracted-article"),
        ("erratum", "correction", "corrected-article"),
        ("expression_of_concern", "expression-of-concern", "object-of-concern"),
    ],
)
def test_crossmark_updates_make_a_notice(said: str, kind: str, relation: str) -> None:
    (one,) = crossref(
        '<journal_article publication_type="full_text"><titles><title>X</title></titles><crossmark><updates>'
        f'<update type="{said}" date="2021-01-01">10.5555/ESKI</update></updates></crossmark>'
        "<doi_data><doi>10.5555/1</doi></doi_data></journal_article>"
    )
    assert one.record.article_type == kind
    assert one.record.related == (Related(relation, "10.5555/ESKI", "doi"),)


def test_only_a_resource_that_is_named_so_is_the_pdf() -> None:
    (one,) = crossref(
        "<journal_article><titles><title>X</title></titles><doi_data><doi>10.5555/1</doi>"
        "<resource>https://example.org/article/view/7</resource><collection><item>"
        "<resource>https://example.org/files/makale%207.PDF?download=1</resource></item><item>"
        "<resource>https://example.org/12/7.pdf</resource></item><item>"
        "<resource>http://[bad/x.pdf</resource></item></collection></doi_data></journal_article>"
    )
    assert one.pdf_names == ("files/makale 7.PDF",)


def test_a_book_is_no_article() -> None:
    text = (
        '<doi_batch xmlns="http://www.crossref.org/schema/5.3.1"><body><book><book_metadata/></book></body></doi_batch>'
    )
    assert describe(text.encode(), "book.xml").articles == ()


def test_what_is_no_article_is_told_where_there_is_no_article_either() -> None:
    text = """<doi_batch xmlns="http://www.crossref.org/schema/5.3.1"><body><posted_content type="preprint"><titles>
<title>Ön baskı</title></titles><doi_data><doi>10.5555/on</doi></doi_data></posted_content></body></doi_batch>"""
    description = describe(text.encode(), "d.xml")
    assert [found.code for found in description.findings] == ["FORMAT_NOT_RECOGNISED"]
    (side,) = description.sides
    assert [found.params["detail"] for found in side.findings] == ["Ön baskı, 10.5555/on"]


def test_html_in_a_title_is_no_text_and_a_span_of_pages_is_two() -> None:
    (one,) = crossref(
        "<journal_article><titles><title>H&lt;sub&gt;2&lt;/sub&gt;O &lt; buz, A&amp;amp;B</title></titles>"
        "<pages><first_page>1–18</first_page></pages><doi_data><doi>10.5555/1</doi></doi_data></journal_article>"
    )
    assert one.record.title == "H2O < buz, A&B"
    assert (one.record.first_page, one.record.last_page) == ("1", "18")


def test_each_title_has_its_own_subtitle() -> None:
    (one,) = crossref(
        "<journal_article><titles><title>Bir</title>"
        "<original_language_title language='en'>One</original_language_title>"
        "<subtitle>a study</subtitle></titles><titles><title>Eins</title><subtitle>Teil</subtitle></titles>"
        "<doi_data><doi>10.5555/1</doi></doi_data></journal_article>"
    )
    assert one.record.title == "Bir"
    assert one.record.translated_titles == {"en": "One: a study", "": "Eins: Teil"}


def test_the_form_for_deposits_is_no_publisher() -> None:
    text = """<doi_batch xmlns="http://www.crossref.org/schema/4.3.7"><head><registrant>WEB-FORM</registrant></head><body>
<journal><journal_metadata><full_title>Dergi</full_title></journal_metadata><journal_article><titles><title>Bir</title>
</titles><doi_data><doi>10.5555/1</doi></doi_data></journal_article></journal></body></doi_batch>"""
    (one,) = describe(text.encode(), "d.xml").articles
    assert one.record.publisher is None


def test_a_book_beside_an_article_is_told(tmp_path: Path) -> None:
    text = """<doi_batch xmlns="http://www.crossref.org/schema/5.3.1"><body><book><book_metadata><titles>
<title>Kitap</title></titles><doi_data><doi>10.5555/kitap</doi></doi_data></book_metadata></book><journal>
<journal_metadata><full_title>Dergi</full_title><issn media_type="other">13000632</issn></journal_metadata>
<journal_article><titles><title>Bir</title></titles><doi_data><doi>10.5555/1</doi></doi_data></journal_article></journal>
<conference><proceedings_metadata><proceedings_title>Bildiriler</proceedings_title></proceedings_metadata>
<conference_paper><titles><title>P</title></titles></conference_paper></conference></body></doi_batch>"""
    description = describe(text.encode(), "d.xml")
    assert [one.record.doi for one in description.articles] == ["10.5555/1"]
    assert (description.articles[0].record.issn_print, description.articles[0].record.issns) == (None, ("1300-0632",))
    home = tmp_path / "home"
    archive = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    (tmp_path / "d.xml").write_text(text, encoding="utf-8")
    Published("10.5555/1").pdf(tmp_path / "d.pdf")
    files = [str(tmp_path / "d.xml"), str(tmp_path / "d.pdf")]
    (receipt,) = archive.run("ingest", *files, "--publisher", "P")["deliveries"]
    assert receipt["state"] == "accepted"
    told = [(each["code"], each["level"], each["line"], each["message"]) for each in receipt["findings"]]
    assert told == [
        (
            "NOT_METADATA",
            "warning",
            1,
            "This is a book; it describes no article and is passed over: Kitap, 10.5555/kitap.",
        ),
        ("NOT_METADATA", "warning", 5, "This is proceedings; it describes no article and is passed over: Bildiriler."),
    ]


@pytest.mark.parametrize(
    ("said", "kind"),
    [("isCommentOn", "commentary-article"), ("replaces", "updated-article"), ("isCitedBy", "isCitedBy")],
)
def test_relations_are_told_in_the_words_of_jats(said: str, kind: str) -> None:
    (one,) = crossref(
        "<journal_article><titles><title>X</title></titles><doi_data><doi>10.5555/1</doi></doi_data>"
        '<program xmlns="http://www.crossref.org/relations.xsd"><related_item><intra_work_relation '
        f'relationship-type="{said}" identifier-type="doi">https://doi.org/10.5555/2</intra_work_relation>'
        "</related_item></program></journal_article>"
    )
    assert one.record.related == (Related(kind, "10.5555/2", "doi"),)


@pytest.mark.parametrize("around", ["record", "OAI-PMH"])
def test_a_record_of_crossrefs_own_feed_is_read(around: str) -> None:
    record = """<record><header/><metadata><crossref xmlns="http://www.crossref.org/xschema/1.1"><journal><journal_metadata>
<full_title>Dergi</full_title><issn media_type="print">13000632</issn></journal_metadata><journal_article><titles>
<title>Bir</title></titles><doi_data><doi>10.5555/1</doi></doi_data></journal_article></journal></crossref></metadata>
</record>"""
    text = record if around == "record" else f"<OAI-PMH><ListRecords>{record}{record}</ListRecords></OAI-PMH>"
    articles = describe(text.encode(), "r.xml").articles
    assert {one.record.doi for one in articles} == {"10.5555/1"}
    assert len(articles) == (1 if around == "record" else 2)


def test_an_answer_says_whose_prefix_it_is() -> None:
    text = """<crossref_result xmlns="http://www.crossref.org/qrschema/3.0"><query_result><body>
<query status="resolved"><doi type="journal_article">10.5555/1</doi>
<crm-item name="publisher-name" type="string">Örnek Yayınevi</crm-item>
<doi_record><crossref xmlns="http://www.crossref.org/xschema/1.1"><journal><journal_metadata><full_title>Dergi</full_title>
</journal_metadata><journal_article><titles><title>Bir</title></titles><doi_data><doi>10.5555/1</doi></doi_data>
</journal_article></journal></crossref></doi_record></query></body></query_result></crossref_result>"""
    (one,) = describe(text.encode(), "r.xml").articles
    assert (one.record.publisher, one.record.journal_title) == ("Örnek Yayınevi", "Dergi")


def test_who_paid_is_no_related_work() -> None:
    (one,) = crossref(
        "<journal_article><titles><title>X</title></titles><doi_data><doi>10.5555/1</doi></doi_data>"
        '<program xmlns="http://www.crossref.org/relations.xsd"><related_item><inter_work_relation '
        'relationship-type="isFinancedBy" identifier-type="doi">10.13039/1</inter_work_relation></related_item>'
        "</program></journal_article>"
    )
    assert one.record.related == ()


def test_a_flat_query_result_is_read() -> None:
    text = """<crossref_result xmlns="http://www.crossref.org/qrschema/2.0" version="2.0"><query_result><head/><body>
<query status="resolved"><doi type="journal_article">10.5555/1</doi><issn type="print">13000632</issn>
<issn type="electronic">99990016</issn><journal_title>Dergi</journal_title><contributors>
<contributor first-author="true" sequence="first" contributor_role="author"><given_name>Ayşe</given_name>
<surname>Işık</surname></contributor></contributors><volume>4</volume><issue>2</issue><first_page>17</first_page>
<year media_type="online">2019</year><publication_type>full_text</publication_type>
<article_title>Tuz</article_title></query>
<query status="resolved"><doi type="journal_article">10.5555/2</doi><author>Demir</author>
<journal_title>Dergi</journal_title><year>2020</year></query><query status="unresolved"><doi>10.5555/3</doi></query>
<query status="resolved"><doi type="book_title">10.5555/4</doi><article_title>B</article_title></query>
</body></query_result></crossref_result>"""
    one, two = describe(text.encode(), "result.xml").articles
    record = one.record
    assert (record.doi, record.title, record.journal_title) == ("10.5555/1", "Tuz", "Dergi")
    assert (record.issn_print, record.issn_electronic, record.volume, record.issue) == (
        "1300-0632",
        "9999-0016",
        "4",
        "2",
    )
    assert (record.first_page, record.published, record.authors[0].label) == ("17", {"online": "2019"}, "Işık, Ayşe")
    assert (two.record.doi, two.record.authors[0].label, two.line) == ("10.5555/2", "Demir", 8)


def pubmed(inside: str, journal: str = "") -> Described:
    text = (
        "<ArticleSet><Article><Journal><JournalTitle>Ornek Derg</JournalTitle><Issn>1300-0632</Issn>"
        f"{journal}</Journal>{inside}</Article></ArticleSet>"
    )
    (one,) = describe(text.encode(), "set.xml").articles
    return one


def test_a_bracketed_title_is_the_translation_of_the_vernacular_one() -> None:
    record = pubmed(
        "<ArticleTitle>[A study of salt].</ArticleTitle><VernacularTitle>Tuz üzerine</VernacularTitle>"
    ).record
    assert (record.title, record.translated_titles) == ("Tuz üzerine", {"en": "A study of salt"})


def test_groups_are_authors_and_their_members_are_not() -> None:
    record = pubmed(
        "<ArticleTitle>T</ArticleTitle><AuthorList><Author><FirstName>Ayşe</FirstName><MiddleName>N.</MiddleName>"
        "<LastName>Işık</LastName></Author><Author><CollectiveName>Tuz Grubu</CollectiveName></Author></AuthorList>"
        "<GroupList><Group><GroupName>Tuz Grubu</GroupName><IndividualName><LastName>Üye</LastName></IndividualName>"
        "</Group></GroupList>"
    ).record
    assert [author.label for author in record.authors] == ["Işık, Ayşe N.", "Tuz Grubu"]


def test_abbreviated_pages_and_medline_dates_are_read() -> None:
    text = (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>7</PMID><Article><Journal><ISSN IssnType='Electronic'>"
        "1300-0632</ISSN><JournalIssue><PubDate><MedlineDate>1998 Dec-1999 Jan</MedlineDate></PubDate></JournalIssue>"
        "<Title>Dergi</Title></Journal><ArticleTitle>T.</ArticleTitle><Pagination><MedlinePgn>1865-76</MedlinePgn>"
        "</Pagination></Article><CommentsCorrectionsList><CommentsCorrections RefType='RetractionOf'><RefSource>Derg."
        "</RefSource><PMID>5</PMID></CommentsCorrections></CommentsCorrectionsList></MedlineCitation></PubmedArticle>"
        "</PubmedArticleSet>"
    )
    (one,) = describe(text.encode(), "export.xml").articles
    assert (one.record.first_page, one.record.last_page) == ("1865", "1876")
    assert one.record.published == {"PubDate": "1998-12"}
    assert one.record.related == (Related("retracted-article", "5", "pmid"),)
    assert one.record.other_ids["pmid"] == "7"


def test_of_pages_with_a_letter_the_last_has_it_too() -> None:
    text = (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>7</PMID><Article><ArticleTitle>T.</ArticleTitle>"
        "<Pagination><MedlinePgn>S123-9</MedlinePgn></Pagination></Article></MedlineCitation></PubmedArticle>"
        "</PubmedArticleSet>"
    )
    (one,) = describe(text.encode(), "export.xml").articles
    assert (one.record.first_page, one.record.last_page) == ("S123", "S129")


def test_a_doi_that_the_file_calls_wrong_is_not_taken() -> None:
    record = pubmed(
        '<ArticleTitle>T</ArticleTitle><ELocationID EIdType="doi" ValidYN="N">10.5555/yanlis</ELocationID>'
        '<ArticleIdList><ArticleId IdType="doi">10.5555/dogru</ArticleId></ArticleIdList>'
    ).record
    assert record.doi == "10.5555/dogru"


def test_what_an_article_cites_is_not_related_to_it() -> None:
    links = "".join(
        f"<CommentsCorrections RefType='{kind}'><RefSource>D.</RefSource><PMID>{pmid}</PMID></CommentsCorrections>"
        for kind, pmid in (("Cites", 1), ("ErratumIn", 2), ("Cites", 3))
    )
    text = (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>7</PMID><Article><ArticleTitle>T.</ArticleTitle></Article>"
        f"<CommentsCorrectionsList>{links}</CommentsCorrectionsList></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    (one,) = describe(text.encode(), "export.xml").articles
    assert one.record.related == (Related("correction-forward", "2", "pmid"),)


@pytest.mark.parametrize(
    ("said", "relation"),
    [
        ("Erratum", "corrected-article"),
        ("ExpressionOfConcernFor", "object-of-concern"),
        ("RetractionOf", "retracted-article"),
    ],
)
def test_the_objects_of_a_deposit_are_what_it_is_about(said: str, relation: str) -> None:
    objects = "".join(
        f'<Object Type="{kind}"><Param Name="type">doi</Param><Param Name="id">10.5555/{place}</Param></Object>'
        for place, kind in enumerate((said, "ErratumIn", "GenBank"))
    )
    record = pubmed(f"<ArticleTitle>T</ArticleTitle><ObjectList>{objects}</ObjectList>").record
    assert record.related == (Related(relation, "10.5555/0", "doi"),)


def test_leading_zeros_stay_only_where_the_deposit_says_so() -> None:
    record = pubmed("<ArticleTitle>T</ArticleTitle><FirstPage>007</FirstPage><LastPage>0</LastPage>").record
    assert (record.first_page, record.last_page) == ("7", "0")
    record = pubmed('<ArticleTitle>T</ArticleTitle><FirstPage LZero="save">007</FirstPage>').record
    assert record.first_page == "007"
    assert (
        pubmed('<ArticleTitle>T</ArticleTitle><FirstPage LZero="delete">S012</FirstPage>').record.first_page == "S012"
    )


def test_what_a_citation_replaces_is_the_article_itself() -> None:
    record = pubmed('<Replaces IdType="pubmed">123</Replaces><ArticleTitle>T</ArticleTitle>').record
    assert (record.other_ids, record.related) == ({"pmid": "123"}, ())
    assert pubmed('<Replaces IdType="doi">10.5555/1</Replaces><ArticleTitle>T</ArticleTitle>').record.doi == "10.5555/1"


def test_the_dois_of_references_are_not_the_articles() -> None:
    record = pubmed(
        "<ArticleTitle>T</ArticleTitle><ArticleIdList><ArticleId IdType='doi'>10.5555/kendi</ArticleId></ArticleIdList>"
        "<ReferenceList><Reference><Citation>K.</Citation><ArticleIdList><ArticleId IdType='doi'>10.5555/kaynak"
        "</ArticleId></ArticleIdList></Reference></ReferenceList>"
    ).record
    assert record.doi == "10.5555/kendi"


def test_of_several_dois_the_first_is_the_articles() -> None:
    record = pubmed(
        "<ArticleTitle>T</ArticleTitle><ELocationID EIdType='doi'>10.5555/1</ELocationID>"
        "<ELocationID EIdType='doi'>10.5555/2</ELocationID>"
    ).record
    assert record.doi == "10.5555/1"


def test_a_publishers_number_is_no_place_in_the_journal() -> None:
    ids = "<ArticleIdList><ArticleId IdType='pii'>DERG-2024-17</ArticleId></ArticleIdList>"
    ahead = pubmed(f"<ArticleTitle>T</ArticleTitle>{ids}").record
    assert (ahead.elocation, ahead.other_ids) == (None, {"pii": "DERG-2024-17"})
    found = pubmed(f"<ArticleTitle>T</ArticleTitle><ELocationID EIdType='pii'>e17</ELocationID>{ids}").record
    assert found.elocation == "e17"


def exported(inside: str = "", around: str = "", beside: str = "") -> str:
    return (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>7</PMID><Article><Journal><ISSN>1300-0632</ISSN>"
        f"<Title>Dergi</Title></Journal>{inside}</Article>{around}</MedlineCitation></PubmedArticle>{beside}"
        "</PubmedArticleSet>"
    )


def export(inside: str) -> Described:
    (one,) = describe(exported(inside).encode(), "export.xml").articles
    return one


@pytest.mark.parametrize(
    ("said", "title", "translated"),
    [
        ("<ArticleTitle>[Salt].</ArticleTitle><VernacularTitle>Tuz</VernacularTitle>", "Tuz", {"en": "Salt"}),
        ("<ArticleTitle>[Salt in [Na] lakes].</ArticleTitle>", "Salt in [Na] lakes", {}),
        ("<ArticleTitle>[18F]FDG or [11C]</ArticleTitle>", "[18F]FDG or [11C]", {}),
        ("<ArticleTitle>[Not Available].</ArticleTitle><VernacularTitle>Tuz</VernacularTitle>", "Tuz", {}),
        ("<ArticleTitle>[In Process Citation]</ArticleTitle>", None, {}),
    ],
)
def test_brackets_around_a_title_are_the_nlms(said: str, title: str | None, translated: dict[str, str]) -> None:
    record = export(said).record
    assert (record.title, record.translated_titles) == (title, translated)


def test_a_misspelt_author_kept_beside_the_correction_and_an_editor_are_none() -> None:
    people = (
        "<AuthorList Type='editors'><Author><LastName>Yayıncı</LastName></Author></AuthorList>"
        "<AuthorList Type='authors'><Author ValidYN='N'><LastName>Isik</LastName></Author>"
        "<Author ValidYN='Y'><LastName>Işık</LastName><ForeName>Ayşe</ForeName></Author></AuthorList>"
    )
    assert [author.label for author in export(f"<ArticleTitle>T</ArticleTitle>{people}").record.authors] == [
        "Işık, Ayşe"
    ]


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("<Year>2001</Year><Season>Spring</Season>", "2001"),
        ("<Year>2001</Year><Season>Jul-Sep</Season>", "2001-07"),
        ("<MedlineDate>2015 Nov-Dec</MedlineDate>", "2015-11"),
        ("<MedlineDate>2000 Nov 15-30</MedlineDate>", "2000-11-15"),
        ("<MedlineDate>2000 Spring</MedlineDate>", "2000"),
        ("<MedlineDate>1999-2000</MedlineDate>", "1999"),
    ],
)
def test_a_date_in_words_gives_what_its_beginning_says(said: str, date: str) -> None:
    text = exported("<ArticleTitle>T</ArticleTitle>").replace(
        "<Title>", f"<JournalIssue><PubDate>{said}</PubDate></JournalIssue><Title>"
    )
    (one,) = describe(text.encode(), "export.xml").articles
    assert one.record.published == {"PubDate": date}


def test_books_and_deletions_are_no_articles_and_are_told() -> None:
    text = exported(
        "<ArticleTitle>T</ArticleTitle>",
        beside="<PubmedBookArticle><BookDocument><PMID>8</PMID><Book><BookTitle>Kitap</BookTitle></Book>"
        "<AuthorList><Author><LastName>X</LastName></Author></AuthorList></BookDocument></PubmedBookArticle>"
        "<DeleteCitation><PMID>5</PMID><PMID>6</PMID></DeleteCitation>",
    )
    description = describe(text.encode(), "export.xml")
    assert [one.record.other_ids for one in description.articles] == [{"pmid": "7"}]
    (side,) = description.sides
    assert [(told.code, told.params["format"], told.params["detail"]) for told in side.findings] == [
        ("NOT_METADATA", "a book", "Kitap, 8"),
        ("NOT_METADATA", "a list of deleted citations", "5, 6"),
    ]


@pytest.mark.parametrize("root", ["PubmedArticle", "MedlineCitation"])
def test_one_citation_without_its_set_is_read(root: str) -> None:
    text = exported("<ArticleTitle>T</ArticleTitle>")
    start, end = text.index(f"<{root}>"), text.index(f"</{root}>")
    (one,) = describe((text[start:end] + f"</{root}>").encode(), "one.xml").articles
    assert (one.record.title, one.record.other_ids) == ("T", {"pmid": "7"})
