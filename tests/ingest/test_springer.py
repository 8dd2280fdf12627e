"""Springer A++: the collection's values, what its files may lack, and a delivery of the publisher's from end to end."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from collection import SAMPLES, assert_as_indexed, index_rows, the_one_article
from installation import Installation, folder_store_table

from ingest.dialects import Described, describe
from ingest.sips import group
from ingest.unpack import unpack
from repository.vocabulary import Author, Related

SCRAMBLED = "springer/springer-app-scrambled-sp_"
# Where the product differs from the index on purpose: file and column, and the product's value.
OUR_CHOICE = {
    # The second ArticleTitle, in another language, is a translated title.
    ("springer/springer-app-10343_2013_Article_302.xml", "trans_titles"): (
        "De:Die Interaktion zwischen entomopathogenen Pilzen und einigen Blattlausarten in Thailand"
    ),
    # Two dates of one type cannot both stand under its name: the article's own does, the issue's tells its place.
    ("springer/springer-app-10343_2013_Article_302.xml", "pub_dates"): (
        "OnlineDate=2013-07-19;IssueHistory/OnlineDate=2013-09-17;PrintDate=2013-09-16;CoverDate=2013-09"
    ),
    # Scrambled digits are no dates: a finding says so.
    (f"{SCRAMBLED}openAccess.xml", "pub_dates"): "",
    (f"{SCRAMBLED}OtherCredit.xml", "pub_dates"): "",
    (f"{SCRAMBLED}editeurs_journal.xml", "pub_dates"): "",
    # Title and subtitle are joined by a colon, as for JATS.
    (f"{SCRAMBLED}OtherCredit.xml", "title"): "Cersnpr: Vagreangvbany Lrne bs Purzvfgel 7988",
    # Every GivenName counts, not the first alone.
    (f"{SCRAMBLED}editeurs_journal.xml", "first_author"): "Fnneryn, Whun Z.",
}
ROWS = index_rows("springer/")
PACKAGE = SAMPLES / "packages/springer-app/ftp_PUB_16-01-15_06-11-02.zip"
FOLDER = "JOU=1/VOL=2024.12/ISU=3/ART=7"


def article(
    info: str = "", header: str = "", body: str = "<NoBody/>", issue: str = "", doi: str = "10.5555/a.7"
) -> bytes:
    """An A++ file with these parts."""
    return (
        "<Publisher><PublisherInfo><PublisherName>Örnek Yayınevi</PublisherName></PublisherInfo><Journal><JournalInfo>"
        "<JournalElectronicISSN>9999-0024</JournalElectronicISSN><JournalTitle>Bir Dergi</JournalTitle></JournalInfo>"
        f"<Volume><VolumeInfo><VolumeIDStart>12</VolumeIDStart></VolumeInfo><Issue><IssueInfo>{issue}</IssueInfo>"
        f'<Article ID="s7"><ArticleInfo ArticleType="OriginalPaper" Language="Tr"><ArticleDOI>{doi}</ArticleDOI>{info}'
        f"</ArticleInfo><ArticleHeader>{header}</ArticleHeader>{body}</Article></Issue></Volume></Journal></Publisher>"
    ).encode()


def read(data: bytes) -> Described:
    return the_one_article(data, "x.xml.Meta")


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_a_real_file_gives_the_values_of_the_index(row: dict[str, str]) -> None:
    one = read((SAMPLES / row["file"]).read_bytes())
    assert_as_indexed(row, one.record, OUR_CHOICE)
    scrambled = row["file"].startswith(SCRAMBLED)
    assert {found.code for found in one.findings} == ({"DATE_UNREADABLE"} if scrambled else set())


@pytest.mark.skipif(not ROWS, reason="the collection of samples is not beside this checkout")
def test_every_difference_is_of_a_file_in_the_collection() -> None:
    assert len(ROWS) == 4
    assert {file for file, _ in OUR_CHOICE} <= {row["file"] for row in ROWS}


def test_the_title_keeps_formulae_and_drops_footnotes_and_goes_by_the_language_of_the_article() -> None:
    one = read(
        article(
            '<ArticleTitle Language="En">Water</ArticleTitle><ArticleTitle Language="Tr">H<Subscript>2</Subscript>O ve '
            '<InlineEquation><InlineMediaObject><ImageObject FileRef="MediaObjects/e1.gif"/></InlineMediaObject>'
            '<EquationSource Format="TEX"><![CDATA[$$x^2$$]]></EquationSource></InlineEquation> üzerine'
            '<Footnote ID="F1"><Para>Bir not</Para></Footnote></ArticleTitle>'
        )
    )
    assert one.record.title == "H2O ve x^2 üzerine"
    assert one.record.translated_titles == {"En": "Water"}
    assert one.file_names == ("MediaObjects/e1.gif",)


def test_of_two_sources_of_a_formula_the_mathml_is_read_if_it_is_elements() -> None:
    def title(mathml: str) -> str | None:
        sources = f'<EquationSource Format="MATHML">{mathml}</EquationSource>'
        sources += '<EquationSource Format="TEX">\\(t\\)</EquationSource>'
        return read(article(f"<ArticleTitle>a <InlineEquation>{sources}</InlineEquation></ArticleTitle>")).record.title

    assert title("<math><mi>m</mi></math>") == "a m"
    assert title("<![CDATA[<math><mi>m</mi></math>]]>") == "a t"


def test_names_with_particles_groups_and_orcids() -> None:
    authors = (
        '<AuthorGroup><Author ORCID="http://orcid.org/0000-0002-1825-0097"><AuthorName><GivenName>Anna</GivenName>'
        "<GivenName>M.</GivenName><Particle>van der</Particle><FamilyName>Berg</FamilyName><Suffix>Jr.</Suffix>"
        "</AuthorName></Author><InstitutionalAuthor><InstitutionalAuthorName>Ortak Kurul</InstitutionalAuthorName>"
        "</InstitutionalAuthor><Author><AuthorName/></Author></AuthorGroup>"
    )
    assert read(article(header=authors)).record.authors == (
        Author("van der Berg", "Anna M.", "Jr.", orcid="https://orcid.org/0000-0002-1825-0097"),
        Author(collab="Ortak Kurul"),
    )


def test_nothing_is_invented_for_what_is_not_there() -> None:
    record = read(article()).record
    assert (record.title, record.authors, record.published, record.issue, record.licence) == (None, (), {}, None, None)
    assert (record.volume, record.first_page) == ("12", None)


def test_a_double_issue_and_dates_of_every_precision() -> None:
    issue = (
        "<IssueIDStart>3</IssueIDStart><IssueIDEnd>4</IssueIDEnd><IssueHistory><CoverDate><Year>2024</Year>"
        "</CoverDate><PrintDate><Year>2024</Year><Month>September</Month></PrintDate></IssueHistory>"
    )
    record = read(article(issue=issue)).record
    assert record.issue == "3-4"
    assert record.published == {"CoverDate": "2024", "PrintDate": "2024-09"}


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("ErratumTo", "corrected-article"),
        ("ErratumFrom", "correction-forward"),
        ("RetractionTo", "retracted-article"),
        ("Other", "Other"),
    ],
)
def test_an_erratum_names_what_it_corrects(kind: str, word: str) -> None:
    related = (
        f'<ArticleRelatedObject RelatedObjectType="{kind}"><RelatedObjectDOI>10.5555/old</RelatedObjectDOI>'
        "</ArticleRelatedObject>"
    )
    assert read(article(related)).record.related == (Related(word, "10.5555/old", "doi"),)


@pytest.mark.parametrize("kind", ["ErratumFrom", "ErratumTo"])
def test_an_erratum_is_about_what_it_points_to_whichever_word_it_uses(kind: str) -> None:
    related = (
        f'<ArticleRelatedObject RelatedObjectType="{kind}"><RelatedObjectDOI>10.5555/old</RelatedObjectDOI>'
        "</ArticleRelatedObject>"
    )
    erratum = article(related).replace(b'"OriginalPaper"', b'"Erratum"')
    assert read(erratum).record.related == (Related("corrected-article", "10.5555/old", "doi"),)


def test_the_licence_is_its_address_else_what_is_granted() -> None:
    grants = '<ArticleGrants Type="OpenChoice"><BodyPDFGrant Grant="OpenAccess"/></ArticleGrants>'
    licence = (
        '<ArticleCopyright><License SubType="CC BY"><SimplePara>Open <ExternalRef><RefTarget TargetType="URL" '
        'Address="https://creativecommons.org/licenses/by/4.0/"/></ExternalRef></SimplePara></License></ArticleCopyright>'
    )
    assert read(article(grants)).record.licence == "OpenChoice ; BodyPDFGrant=OpenAccess"
    assert read(article(licence + grants)).record.licence == "https://creativecommons.org/licenses/by/4.0/"


def test_full_text_beside_the_metadata_is_the_same_article(tmp_path: Path) -> None:
    title = "<ArticleTitle>Bir</ArticleTitle>"
    files = {
        f"{FOLDER}/1_2024_Article_7.xml.Meta": article(title),
        f"{FOLDER}/1_2024_Article_7.xml": article(title, body="<Body><Para>Metin</Para></Body>"),
        f"{FOLDER}/BodyRef/PDF/1_2024_Article_7.pdf": b"%PDF-1.4",
        f"{FOLDER}/MediaObjects/1_2024_7_MOESM1_ESM.doc": b"ek",
        f"{FOLDER}8/1_2024_Article_78.xml.Meta": article(title, doi="10.5555/a.78"),
        f"{FOLDER}8/1_2024_Article_78.xml": article(title, doi="10.5555/b.78"),
    }
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    sent = tmp_path / "ftp_PUB_24-01-15_06-11-02.zip"
    with zipfile.ZipFile(sent, "w") as archive:
        archive.write(inner, "inner.zip")
    grouping = group(unpack([sent], tmp_path), describe)
    seven, *others = grouping.sips
    assert [member.name.rpartition("!/")[2] for member in seven.members] == sorted(
        list(files)[:4], key=lambda name: (not name.endswith(".Meta"), not name.endswith(".pdf"), name)
    )
    assert [pdf.name.rpartition("/")[2] for pdf in seven.pdfs] == ["1_2024_Article_7.pdf"]
    assert len(others) == 2, "two DOIs are two articles, whatever their names"


@pytest.mark.skipif(not PACKAGE.exists(), reason="the collection of samples is not beside this checkout")
def test_a_delivery_is_kept_from_end_to_end(tmp_path: Path) -> None:
    home = tmp_path / "home"
    archive = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    archive.run("titles", "agree", str(SAMPLES / "packages/titles.tsv"), "--publisher", "Springer")
    (receipt,) = archive.run("ingest", str(PACKAGE), "--publisher", "Springer")["deliveries"]
    expected = next(
        each
        for each in json.loads((SAMPLES / "packages/expected.json").read_text(encoding="utf-8"))
        if each["package"] == "springer-app/ftp_PUB_16-01-15_06-11-02.zip"
    )
    assert (expected["outcome"], receipt["state"]) == ("accept", "accepted")
    assert [line["doi"] for line in receipt["articles"]] == [item["doi"] for item in expected["items"]]
    assert [line["outcome"] for line in receipt["articles"]] == ["accepted"]
    assert archive.objects("ankara") == archive.objects("izmir")
