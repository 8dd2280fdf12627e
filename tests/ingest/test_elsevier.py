"""Elsevier's articles: every real file of the collection, the kinds of items, and CAP sets through the real command."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from collection import SAMPLES, assert_as_indexed, index_rows, the_one_article
from deliveries import Published
from installation import Installation, folder_store_table

from ingest.dialects import Described, describe
from ingest.dialects.elsevier import date_of
from repository.vocabulary import Author, Related

PACKAGES = SAMPLES / "packages"
ROWS = index_rows("elsevier/")
ARTICLE_ROWS = [row for row in ROWS if "dataset" not in row["file"]]

NIMB = "elsevier/els-nimb-2019-04-063-ccby.xml"
ICARUS = "elsevier/els-icarus-382-115019-ccby.xml"
MONONYM = "elsevier/els-mononym-ccbyncnd.xml"
ROMAN = "elsevier/els-roman-num-1.xml"
CONSYN = "elsevier/els-consyn-1988.xml"
RESPONSE = "elsevier/els-fulltext-retrieval-S1870345313729385.xml"

# Where the product differs from the index on purpose: file and column, and the product's value.
OUR_CHOICE = {
    # The language stands on the article inside the wrapper, not on the root.
    **{(file, "lang"): "en" for file in (NIMB, ICARUS, MONONYM, ROMAN, CONSYN)},
    (RESPONSE, "lang"): "es",
    # Dates are ISO 8601 of the precision given, absent ones are absent, and the day of going online is told too.
    (NIMB, "pub_dates"): "cover=2020-01-15;display=2020-01-15",
    (ICARUS, "pub_dates"): "display=2022-08",
    (MONONYM, "pub_dates"): "display=2023-01;online=2023-01-15",
    (ROMAN, "pub_dates"): "cover=1995;online=2003-12-09",
    (CONSYN, "pub_dates"): "cover=1988-05-26;display=1988-05-26",
    (RESPONSE, "pub_dates"): "cover=2013-12-31;display=2013-12",
    # ISSNs are written with their hyphen.
    (RESPONSE, "issn_unspecified"): "1870-3453",
    # The index read the response's properties alone; the original text in it says more.
    (RESPONSE, "trans_titles"): (
        "en:Two new species of the family Rubiaceae from Sierra de los Tuxtlas, Veracruz, Mexico"
    ),
    (RESPONSE, "first_author"): "Torres-Montúfar, Alejandro",
    (RESPONSE, "article_type"): "article/fla",
}


@pytest.mark.skipif(not ROWS, reason="the collection of samples is not beside this checkout")
def test_the_collection_is_whole() -> None:
    assert len(ROWS) == 7
    assert {file for file, _ in OUR_CHOICE} <= {row["file"] for row in ROWS}


@pytest.mark.parametrize("row", ARTICLE_ROWS, ids=[row["file"] for row in ARTICLE_ROWS])
def test_a_real_file_gives_the_values_of_the_index(row: dict[str, str]) -> None:
    description = describe((SAMPLES / row["file"]).read_bytes(), row["file"])
    assert description.findings == ()
    (one,) = description.articles
    assert_as_indexed(row, one.record, OUR_CHOICE)
    assert one.findings == ()


@pytest.mark.skipif(not ROWS, reason="the collection of samples is not beside this checkout")
def test_a_real_dataset_names_every_item_with_its_own_issue() -> None:
    (row,) = [row for row in ROWS if "dataset" in row["file"]]
    sides = describe((SAMPLES / row["file"]).read_bytes(), "dataset.xml").sides
    assert ";".join(side.record.doi or "" for side in sides) == row["doi"]
    (package,) = [each for each in expected_packages() if each["package"].endswith("CLKS003A.tar")]
    for side, item in zip(sides, package["items"], strict=True):
        assert side.path == item["xml"].partition("/")[2]
        assert side.pdf_names == (item["pdf"].partition("/")[2],)
        assert side.record.journal_title == item["journal_title"]
        assert side.record.issn_unspecified == "1111-1111"
        assert (side.record.volume, side.record.issue or "") == (item["volume"], item["issue"])
        assert side.record.published.get("online", "") == item["online_date"]
        assert side.record.other_ids["pii"] == item["pii"]
        assert side.record.other_ids.get("supplement", "C") == (item["supplement"] or "C")


# The kinds of items.


def main_xml(head: str, *, info: str = "", kind: str = "article", names: str = 'docsubtype="fla"') -> bytes:
    """A main.xml whose prefixes nobody declares, as Elsevier sends it: its DTD does."""
    inner = "head" if kind in ("article", "converted-article") else "simple-head"
    inner = "book-review-head" if kind == "book-review" else inner
    return (
        '<!DOCTYPE x PUBLIC "-//ES//DTD journal article DTD version 5.6.0//EN//XML" "art560.dtd" '
        '[<!ENTITY gr1 SYSTEM "gr1" NDATA IMAGE>]>'
        f'<{kind} {names} xml:lang="tr"><item-info><jid>OABD</jid><aid>7</aid>'
        f"<ce:pii>S9999-0016(24)00007-1</ce:pii><ce:doi>10.5555/els.7</ce:doi>{info}</item-info>"
        f"<{inner}>{head}</{inner}></{kind}>"
    ).encode()


def one(data: bytes) -> Described:
    return the_one_article(data, "main.xml")


@pytest.mark.parametrize("kind", ["article", "simple-article", "converted-article", "book-review", "exam"])
def test_every_kind_of_item_is_read_without_declared_prefixes(kind: str) -> None:
    record = one(main_xml("<ce:title>Işık <ce:italic>ve</ce:italic> gölge</ce:title>", kind=kind)).record
    assert record.title == "Işık ve gölge"
    assert record.doi == "10.5555/els.7"
    assert record.article_type == f"{kind}/fla"
    assert record.other_ids == {"pii": "S9999-0016(24)00007-1", "jid": "OABD", "aid": "7"}


def test_the_head_gives_authors_groups_abstracts_and_keywords() -> None:
    head = """<ce:title>Bir<ce:cross-ref refid="fn1"><ce:sup>1</ce:sup></ce:cross-ref></ce:title>
<ce:subtitle>İki</ce:subtitle><ce:alt-title xml:lang="en">One</ce:alt-title>
<ce:alt-subtitle xml:lang="en">Two</ce:alt-subtitle>
<ce:author-group><ce:author orcid="0000-0002-1825-0097"><ce:given-name>Çağrı</ce:given-name>
<ce:surname>Işık</ce:surname><ce:cross-ref refid="a"><ce:sup>a</ce:sup></ce:cross-ref></ce:author>
<ce:author><ce:surname>Gunadi</ce:surname></ce:author>
<ce:collaboration><ce:text>Arşiv Grubu</ce:text><ce:author-group><ce:author><ce:surname>Üye</ce:surname></ce:author>
</ce:author-group></ce:collaboration></ce:author-group>
<ce:abstract class="author"><ce:section-title>Öz</ce:section-title>
<ce:abstract-sec><ce:section-title>Amaç</ce:section-title>
<ce:simple-para>Metin.</ce:simple-para></ce:abstract-sec></ce:abstract>
<ce:abstract class="author-highlights">
<ce:abstract-sec><ce:simple-para>x</ce:simple-para></ce:abstract-sec></ce:abstract>
<ce:keywords class="keyword"><ce:keyword><ce:text>arşiv</ce:text></ce:keyword></ce:keywords>
<ce:keywords class="abr"><ce:keyword><ce:text>kıs.</ce:text></ce:keyword></ce:keywords>"""
    info = (
        '<ce:article-number>e7</ce:article-number><ce:copyright type="full-transfer" year="2024">Örnek</ce:copyright>'
    )
    record = one(main_xml(head, info=info)).record
    assert record.title == "Bir: İki"
    assert record.translated_titles == {"en": "One: Two"}
    assert record.authors == (
        Author("Işık", "Çağrı", orcid="https://orcid.org/0000-0002-1825-0097"),
        Author("Gunadi"),
        Author(collab="Arşiv Grubu"),
    )
    assert record.abstracts == {"tr": "Amaç Metin."}
    assert record.keywords == ("arşiv",)
    assert record.elocation == "e7"
    assert record.licence == "© 2024 Örnek"


def test_a_converted_article_may_keep_the_names_of_the_sgml_before_it() -> None:
    data = b"""<converted-article><item-info><ce:doi>10.5555/els.8</ce:doi></item-info><fm><atl>Old</atl>
<aug><au><fnm>A.</fnm><snm>B</snm></au></aug></fm></converted-article>"""
    record = one(data).record
    assert (record.title, record.authors, record.article_type) == ("Old", (Author("B", "A."),), "converted-article")


@pytest.mark.parametrize(
    ("subtype", "kind"),
    [
        ("err", "corrected-article"),
        ("ret", "retracted-article"),
        ("rem", "retracted-article"),
        ("fla", "refers-to-document"),
    ],
)
def test_a_notice_points_to_what_it_is_about(subtype: str, kind: str) -> None:
    info = "<ce:refers-to-document><ce:pii>S1</ce:pii><ce:doi>https://doi.org/10.5555/els.1</ce:doi></ce:refers-to-document>"
    data = main_xml(
        "<ce:dochead><ce:textfn>Düzeltme</ce:textfn></ce:dochead>",
        info=info,
        kind="simple-article",
        names=f'docsubtype="{subtype}"',
    )
    record = one(data).record
    assert record.related == (Related(kind, "10.5555/els.1", "doi"),)
    assert record.title == "Düzeltme"


def test_properties_around_an_article_with_another_doi_refuse_it() -> None:
    inner = main_xml("<ce:title>Bir</ce:title>").decode().partition("]>")[2]
    data = f"""<doc:document><rdf:RDF><rdf:Description>
<prism:doi>10.5555/els.9</prism:doi><prism:issn>99990016</prism:issn>
</rdf:Description></rdf:RDF>{inner}</doc:document>"""
    (described,) = describe(data.encode(), "a.xml").articles
    assert [found.code for found in described.findings] == ["METADATA_CONFLICT"]
    assert described.record.issn_unspecified == "9999-0016"


def test_a_response_without_its_text_is_read_from_its_properties() -> None:
    data = """<full-text-retrieval-response><coredata><dc:title>Bir</dc:title><prism:doi>10.5555/els.9</prism:doi>
<dc:creator>Işık, Çağrı</dc:creator><dc:creator>Gunadi</dc:creator><prism:coverDate>2024-02-30</prism:coverDate>
</coredata></full-text-retrieval-response>"""
    record = one(data.encode()).record
    assert record.authors == (Author("Işık", "Çağrı"), Author("Gunadi"))
    assert record.published == {"cover": "2024-02"}


# Sets, through the real command.


def expected_packages() -> list[dict[str, Any]]:
    file = PACKAGES / "expected.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def installed(tmp_path: Path) -> Installation:
    home = tmp_path / "home"
    return Installation(home, folder_store_table("one", home), folder_store_table("two", home))


def tar(target: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(target, "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target


ITEM = """<journal-item><journal-item-unique-ids><pii>S9999-0016(24)00007-1</pii><doi>10.5555/els.7</doi>
<jid-aid><jid>OABD</jid><issn>9999-0016</issn><aid>7</aid></jid-aid></journal-item-unique-ids><journal-item-properties>
<pit>FLA</pit><online-publication-date>2024-04-20T00:54:27Z</online-publication-date></journal-item-properties><files-info>
<ml><pathname>99990016/v12i3/S9999001624000071/main.xml</pathname><purpose>MAIN</purpose>
<asset><pathname>99990016/v12i3/S9999001624000071/main.assets/gr1.jpg</pathname></asset></ml>
<web-pdf><pathname>99990016/v12i3/S9999001624000071/main.pdf</pathname><purpose>MAIN</purpose></web-pdf>
<raw-text><pathname>99990016/v12i3/S9999001624000071/main.raw</pathname></raw-text></files-info></journal-item>"""


def dataset(*items: str, action: str = "LOAD") -> bytes:
    """A dataset.xml of one issue."""
    return f"""<dataset xmlns="http://www.elsevier.com/xml/schema/transport/ew-xcr/journal-2015.1/issues">
<dataset-unique-ids/><dataset-properties><dataset-action>{action}</dataset-action></dataset-properties>
<dataset-content><journal-issue><journal-issue-properties><issn>9999-0016</issn><volume-issue-number>
<vol-first>12</vol-first><iss-first>3</iss-first><iss-last>4</iss-last><suppl>C</suppl></volume-issue-number>
<collection-title>Örnek Arşiv Bilimi Dergisi</collection-title></journal-issue-properties></journal-issue>
{"".join(items)}</dataset-content></dataset>""".encode()


def files_of_article(tmp_path: Path) -> dict[str, bytes]:
    folder = "CLKS9/99990016/v12i3/S9999001624000071/"
    return {
        folder + "main.xml": main_xml("<ce:title>Bir</ce:title>"),
        folder + "main.pdf": Published("10.5555/els.7").pdf(tmp_path / "scratch.pdf"),
        folder + "main.assets/gr1.jpg": b"\xff\xd8\xff",
    }


def test_a_set_whose_list_and_articles_lie_in_different_tars_is_taken_in(tmp_path: Path) -> None:
    first = tar(tmp_path / "CLKS9A.tar", {"CLKS9/dataset.xml": dataset(ITEM)})
    second = tar(tmp_path / "CLKS9B.tar", files_of_article(tmp_path))
    ready = tmp_path / "CLKS9.ready.xml"
    ready.write_text("<ready/>")
    archive = installed(tmp_path)
    (delivery,) = archive.run("ingest", str(first), str(second), str(ready), "--publisher", "Örnek")["deliveries"]
    assert delivery["state"] == "accepted", delivery
    (article,) = delivery["articles"]
    assert (article["doi"], article["findings"]) == ("10.5555/els.7", [])
    bag = next((archive.home / "one").rglob("v1.tar"))
    with tarfile.open(bag) as opened:
        names = [name for name in opened.getnames() if name.endswith("article.json")]
        stream = opened.extractfile(names[0])
        assert stream is not None
        record = json.loads(stream.read())
        assert any(name.endswith("gr1.jpg") for name in opened.getnames())
    assert record["journal_title"] == "Örnek Arşiv Bilimi Dergisi"
    assert (record["volume"], record["issue"], record["issn_unspecified"]) == ("12", "3-4", "9999-0016")
    assert record["published"] == {"online": "2024-04-20"}


def test_a_list_that_asks_to_delete_deletes_nothing_and_lets_nothing_in(tmp_path: Path) -> None:
    files = {"CLKS9/dataset.xml": dataset(ITEM, action="DELETE"), **files_of_article(tmp_path)}
    archive = installed(tmp_path)
    made = tar(tmp_path / "CLKS9A.tar", files)
    (delivery,) = archive.run("ingest", str(made), "--publisher", "Örnek", status=1)["deliveries"]
    assert (delivery["state"], delivery["articles"]) == ("quarantined", [])
    (found,) = delivery["findings"]
    assert (found["code"], found["params"]["detail"]) == ("DELETION_REQUESTED", "10.5555/els.7")


SETS = {
    "elsevier-cap/CLKS0000000000101A.tar": (
        "elsevier-cap/CLKS0000000000101B.tar",
        "elsevier-cap/CLKS0000000000101.ready.xml",
    ),
    "elsevier-cap/CLKS0000000000111A.tar": (),
    "real/elsevier-cap-lockss/CLKS003A.tar": ("real/elsevier-cap-lockss/CLKS003B.tar",),
}


@pytest.mark.skipif(not PACKAGES.exists(), reason="the collection of samples is not beside this checkout")
@pytest.mark.parametrize("name", SETS)
def test_a_real_set_has_the_outcome_that_is_expected_of_it(name: str, tmp_path: Path) -> None:
    (expected,) = [package for package in expected_packages() if package["package"] == name]
    archive = installed(tmp_path)
    archive.tell("titles", "agree", str(PACKAGES / "titles.tsv"), "--publisher", "P")
    accepted = expected["outcome"] == "accept"
    files = [str(PACKAGES / each) for each in (name, *SETS[name])]
    (delivery,) = archive.run("ingest", *files, "--publisher", "P", status=0 if accepted else 1)["deliveries"]
    assert delivery["state"] == ("accepted" if accepted else "quarantined")
    articles = {article["name"]: article for article in delivery["articles"]}
    assert len(articles) == expected["articles"]
    for item in expected["items"]:
        article = articles[item["xml"]]
        assert article["doi"] == item["doi"]
        assert {found["code"] for found in article["findings"]} == (set() if accepted else {"ISSN_INVALID"})
        if accepted:
            assert article["title"] == item["title"]


def test_the_signs_of_elseviers_own_set_come_out_right() -> None:
    assert one(main_xml("<ce:title>&z.euro; 6 milyon, &z.jup; ve &z.sat;</ce:title>")).record.title == (
        "€ 6 milyon, ♃ ve ♄"
    )


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("March-April 2024", "2024-03"),
        ("December 2023–January 2024", "2023-12"),
        ("15 January 2020", "2020-01-15"),
        ("1–15 June 2020", "2020"),
        ("Spring 2024", "2024"),
        ("Available online 3 May 2024", "2024-05-03"),
        ("2010/11", "2010"),
        ("in press", None),
    ],
)
def test_a_date_in_words_gives_what_it_says_for_certain(said: str, date: str | None) -> None:
    assert date_of(said) == date


@pytest.mark.parametrize(
    "around",
    [
        "<doc:document><rdf:RDF><rdf:Description>{}</rdf:Description></rdf:RDF><bk:chapter/></doc:document>",
        "<full-text-retrieval-response><coredata>{}</coredata></full-text-retrieval-response>",
    ],
)
def test_a_chapter_of_a_book_is_no_article(around: str) -> None:
    kind = "<prism:aggregationType>book</prism:aggregationType>"
    doi = "<prism:doi>10.5555/els.b</prism:doi><dct:title>Bir</dct:title>"
    description = describe(around.format(kind + doi).encode(), "main.xml")
    assert [found.code for found in description.findings] == ["FORMAT_NOT_RECOGNISED"]
    assert "a chapter of a book" in description.format.name
    (article,) = describe(around.format(kind.replace("book", "journal") + doi).encode(), "main.xml").articles
    assert article.record.title == "Bir"


ISSUE = """<serial-issue><issue-info><ce:issn>9999-0016</ce:issn><volume-issue-number><vol-first>12</vol-first>
<iss-first>3</iss-first></volume-issue-number></issue-info><issue-data><cover-date><date-range>
<start-date>202403</start-date></date-range></cover-date></issue-data><issue-body>
<ce:include-item><ce:pii>S9999-0016(24)00007-1</ce:pii><ce:doi>10.5555/els.7</ce:doi><ce:pages>
<ce:first-page>17</ce:first-page><ce:last-page>29</ce:last-page></ce:pages></ce:include-item>
<ce:include-item><ce:pii>S9999-0016(24)00008-3</ce:pii><ce:doi>10.5555/els.8</ce:doi></ce:include-item>
</issue-body></serial-issue>"""


def test_the_list_of_an_issue_gives_the_pages_of_the_articles_beside_it_and_awaits_none(tmp_path: Path) -> None:
    files = {
        "CLKS9/dataset.xml": dataset(ITEM),
        "CLKS9/99990016/v12i3/issue.xml": ISSUE.encode(),
        **files_of_article(tmp_path),
    }
    archive = installed(tmp_path)
    made = tar(tmp_path / "CLKS9A.tar", files)
    (delivery,) = archive.run("ingest", str(made), "--publisher", "Örnek")["deliveries"]
    assert delivery["state"] == "accepted", delivery
    assert not [found for found in delivery["findings"] if found["code"] == "MANIFEST_FILE_MISSING"]
    article = archive.run("article", "10.5555/els.7")
    assert (article["first_page"], article["last_page"], article["volume"]) == ("17", "29", "12")
    assert article["published"] == {"cover": "2024-03", "online": "2024-04-20"}
