"""One work over time stays one article: every way in which publishers send it again, through the real door."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from html import escape
from pathlib import Path

import pikepdf
import pytest
from servers import S3Server
from whole_archive import WholeArchive

from ingest import inbox, pipeline, quarantine
from ingest.receipts import Receipt
from repository.bags import verify_stream
from repository.catalogue import titles
from repository.storage import Store
from repository.storage.s3 import S3Store
from repository.vocabulary import ArticleOutcome, DeliveryState, Level, bag_key, utc_now

TITLE = "Anadolu yaylalarında toprak neminin mevsimlere göre değişimi"


@dataclass(frozen=True, slots=True)
class Work:
    """One fictional article as its publisher describes it at one time."""

    doi: str | None = "10.5555/is.1"
    title: str = TITLE
    journal: str = "Örnek Toprak Dergisi"
    publisher: str = "Örnek Yayınevi"
    issn: str = "9999-0016"
    kind: str = "research-article"
    place: str = "<volume>12</volume><issue>3</issue><fpage>7</fpage><lpage>9</lpage>"
    ids: str = ""
    related: tuple[tuple[str, str, str], ...] = ()
    pdf: str | None = "first"
    """What its PDF says; None: it came without one."""

    def files(self, name: str = "makale") -> dict[str, bytes]:
        doi = f'<article-id pub-id-type="doi">{escape(self.doi)}</article-id>' if self.doi else ""
        links = "".join(
            f'<related-article related-article-type="{kind}" ext-link-type="{scheme}" xlink:href="{target}"/>'
            for kind, scheme, target in self.related
        )
        xml = f"""<article article-type="{self.kind}" xml:lang="tr" xmlns:xlink="http://www.w3.org/1999/xlink"><front>
<journal-meta><journal-title-group><journal-title>{escape(self.journal)}</journal-title></journal-title-group>
<issn pub-type="ppub">{self.issn}</issn><publisher><publisher-name>{escape(self.publisher)}</publisher-name></publisher>
</journal-meta><article-meta>{doi}{self.ids}<title-group><article-title>{escape(self.title)}</article-title></title-group>
<contrib-group><contrib contrib-type="author"><name><surname>Işık</surname><given-names>Çağrı</given-names></name>
</contrib></contrib-group><pub-date pub-type="epub"><year>2024</year></pub-date>{self.place}{links}
</article-meta></front></article>"""
        return {f"{name}.xml": xml.encode()} | ({f"{name}.pdf": pdf_of(self.pdf)} if self.pdf else {})


def pdf_of(text: str) -> bytes:
    document = pikepdf.new()
    document.add_blank_page(page_size=(300, 400))
    document.docinfo["/Subject"] = text
    target = io.BytesIO()
    document.save(target, deterministic_id=True)
    return target.getvalue()


@pytest.fixture
def archive(database_url: str, stores: Sequence[Store], tmp_path: Path) -> Iterator[WholeArchive]:
    archive = WholeArchive.made(database_url, stores, tmp_path)
    yield archive
    archive.door.catalogue.close()


def sent(archive: WholeArchive, work: Work, publisher: str = "Örnek Yayınevi") -> tuple[str, int, ArticleOutcome]:
    (line,) = archive.deliver(work.files(), publisher).articles
    assert line.article_id is not None
    assert line.version is not None, line.findings
    return line.article_id, line.version, line.outcome


def codes(receipt: Receipt) -> list[list[str]]:
    return [[found.code for found in line.findings] for line in receipt.articles]


def test_another_work_under_a_doi_that_is_held_waits_for_a_person(archive: WholeArchive) -> None:
    first, _, _ = sent(archive, Work())
    place = "<volume>40</volume><issue>1</issue><fpage>301</fpage><lpage>318</lpage>"
    other = Work(title="Göçmen kuşların İstanbul Boğazı üzerindeki geçişleri", place=place, pdf="second").files()
    for part, put in ((b"I\xc5\x9f\xc4\xb1k", "Ördek"), (b"\xc3\x87a\xc4\x9fr\xc4\xb1", "Gül")):
        other = {name: data.replace(part, put.encode()) for name, data in other.items()}
    receipt = archive.deliver(other)
    assert receipt.state is DeliveryState.QUARANTINED
    assert codes(receipt) == [["DOI_CONFLICT"]]
    assert archive.told(first)["title"] == TITLE
    door = archive.door
    person = quarantine.Person("ayse", door.catalogue, door.home, door.agent, utc_now)
    quarantine.release(person, receipt.delivery_id, "yayıncı doğruladı")
    (line,) = pipeline.ingest(door, inbox.kept(door.catalogue, door.home, receipt.delivery_id)).articles
    assert (line.article_id, line.version, line.outcome) == (first, 2, ArticleOutcome.ACCEPTED)


def test_other_bytes_are_a_new_version_and_the_earlier_one_stays(archive: WholeArchive) -> None:
    first, _, _ = sent(archive, Work())
    before = archive.oai(first)[0], archive.change_number(first)
    assert sent(archive, Work(title="Yeni başlık", pdf="second")) == (first, 2, ArticleOutcome.ACCEPTED)
    told = archive.told(first)
    assert (told["title"], [one["version"] for one in told["versions"]]) == ("Yeni başlık", [1, 2])
    assert archive.oai(first)[0] >= before[0]
    assert archive.change_number(first) > before[1]
    page = archive.page(first)
    assert page.xpath("//summary[text()='Version 1']")
    assert archive.site.client.get(f"/articles/{first}/files/makale.pdf?version=1").status_code in (200, 403)
    archive.comes_back()


def test_new_metadata_without_the_pdf_is_a_version_that_says_where_the_pdf_is(archive: WholeArchive) -> None:
    first, _, _ = sent(archive, Work())
    receipt = archive.deliver(Work(title="Düzeltilmiş başlık", pdf=None).files())
    assert receipt.state is DeliveryState.ACCEPTED
    assert codes(receipt) == [["PDF_MISSING", "NEW_VERSION"]]
    for store in archive.door.stores:
        with store.open(bag_key(first, 2)) as stream:
            report = verify_stream(stream, own=(first, 2))
        assert report.valid
        assert f"{first}-v1/data/makale.pdf" in report.tag_files["metadata/premis.xml"].decode()
    text = archive.page(first).text_content()
    assert "Düzeltilmiş başlık" in text
    assert "the PDF is that of version 1" in " ".join(text.split())
    (again,) = archive.deliver(Work(title="Düzeltilmiş başlık", pdf=None).files("baska")).articles
    assert (again.version, again.outcome) == (2, ArticleOutcome.UNCHANGED)
    archive.comes_back()


def test_a_whole_issue_sent_again_changes_only_what_was_changed(archive: WholeArchive) -> None:
    works = [
        Work(
            doi=f"10.5555/sayi.{number}", title=f"{TITLE} {number}", place=f"<volume>1</volume><fpage>{number}</fpage>"
        )
        for number in (1, 2, 3)
    ]
    whole = [works[0].files("a"), works[1].files("b"), works[2].files("c")]
    first = archive.deliver(whole[0] | whole[1] | whole[2])
    stamps = [line.datestamp for line in first.articles]
    mended = replace(works[1], title="Düzeltilmiş").files("b")
    again = archive.deliver(whole[0] | mended | whole[2] | {"oku.txt": b"whole issue, 2nd time"})
    assert [line.outcome for line in again.articles] == [
        ArticleOutcome.UNCHANGED,
        ArticleOutcome.ACCEPTED,
        ArticleOutcome.UNCHANGED,
    ]
    assert [line.version for line in again.articles] == [1, 2, 1]
    assert again.articles[0].datestamp in (None, stamps[0])
    archive.comes_back()


@pytest.mark.parametrize("doi", [None, "10.5555/is.1"])
def test_ahead_of_print_and_then_in_its_issue(archive: WholeArchive, doi: str | None) -> None:
    first, _, _ = sent(archive, Work(doi=doi, place=""))
    assert sent(archive, Work(doi=doi, pdf="paginated"))[:2] == (first, 2)
    told = archive.told(first)
    assert (told["volume"], told["issue"], told["first_page"]) == ("12", "3", "7")
    title = archive.site.client.get("/titles/9999-0016?lang=en").text
    assert title.count("/issues/") == 1, "the place where it stood before is empty and not shown"
    archive.comes_back()


def test_a_doi_that_comes_later_and_is_left_out_again(archive: WholeArchive) -> None:
    first, _, _ = sent(archive, Work(doi=None))
    assert sent(archive, Work())[:2] == (first, 2)
    assert archive.site.client.get("/doi/10.5555/is.1").location.endswith(first)
    assert sent(archive, Work(doi=None, pdf="third"))[:2] == (first, 3)
    assert archive.told("10.5555/IS.1")["id"] == first
    assert sent(archive, Work(pdf="fourth"))[:2] == (first, 4)
    assert archive.articles() == 1
    archive.comes_back()


@pytest.mark.parametrize("doi", [None, "10.5555/is.1"])
def test_a_mended_issn(archive: WholeArchive, doi: str | None) -> None:
    first, _, _ = sent(archive, Work(doi=doi, issn="1234-5679"))
    assert sent(archive, Work(doi=doi))[:2] == (first, 2)
    assert archive.told(first)["issn_print"] == "9999-0016"

    def journal() -> None:
        moved = archive.site.client.get("/titles/1234-5679")
        assert (moved.status_code, moved.location) == (301, "/titles/9999-0016"), "one journal, under its true ISSN"
        assert archive.site.client.get("/titles?lang=en").text.count(f">{Work().journal}<") == 1

    journal()
    archive.comes_back()
    journal()


@pytest.mark.parametrize("doi", [None, "10.5555/is.1"])
def test_a_title_that_went_to_another_publisher(archive: WholeArchive, doi: str | None) -> None:
    first, _, _ = sent(archive, Work(doi=doi))
    after = Work(doi=doi, publisher="Yeni Yayınevi", issn="1234-5679", pdf="with the new cover")
    assert sent(archive, after, "Yeni Yayınevi")[:2] == (first, 2)
    told = archive.told(first)
    assert told["publisher"] == "Yeni Yayınevi"
    assert [one["delivered_by"] for one in told["versions"]] == ["Örnek Yayınevi", "Yeni Yayınevi"]
    text = " ".join(archive.page(first).text_content().split())
    assert "Delivered by: Örnek Yayınevi" in text
    assert "Delivered by: Yeni Yayınevi" in text
    archive.comes_back()


def test_an_agreed_title_that_is_transferred(archive: WholeArchive) -> None:
    """NISO RP-24: from the effective date on the receiving publisher delivers, what was held stays one article."""
    old, new = "Örnek Yayınevi", "Yeni Yayınevi"
    with archive.door.catalogue.writing() as rows:
        agreed = [titles.AgreedTitle(Work().journal, "9999-0016", None)]
        titles.agree(rows, titles.publisher_named(rows, old), agreed, utc_now())
        titles.agree(rows, titles.publisher_named(rows, new), [], utc_now())
    first, _, _ = sent(archive, Work())
    (early,) = archive.deliver(Work(publisher=new, pdf="early").files(), new).articles
    assert [found.code for found in early.findings if found.level is Level.ERROR] == ["TITLE_NOT_AGREED"]
    with archive.door.catalogue.writing() as rows:
        title = titles.title_by_issn(rows, ("9999-0016",))
        assert title is not None
        yesterday = utc_now() - timedelta(days=1)
        titles.transfer(rows, title, titles.publisher_named(rows, new), yesterday, utc_now())
    assert sent(archive, Work(publisher=new, pdf="with the new cover"), new)[:2] == (first, 2)
    (late,) = archive.deliver(Work(title="Geç kalan", pdf="late").files(), old).articles
    assert [found.code for found in late.findings if found.level is Level.ERROR] == ["TITLE_NOT_AGREED"]
    assert [one["delivered_by"] for one in archive.told(first)["versions"]] == [old, new]
    archive.comes_back()


KINDS = {
    "correction": ("corrected-article", "Corrected by"),
    "retraction": ("retracted-article", "Retracted by"),
    "expression-of-concern": ("object-of-concern", "Expression of concern"),
    "addendum": ("addended-article", "Added to by"),
}
IDS = (
    '<article-id pub-id-type="pmid">31234567</article-id>'
    '<article-id pub-id-type="pii">S9999-0016(24)00123-4</article-id>'
)
TARGETS = {"doi": "https://doi.org/10.5555/IS.1", "pmid": "31234567", "pii": "S9999001624001234"}


def notice(kind: str = "correction", scheme: str = "doi") -> Work:
    return Work(
        doi="10.5555/bildirim.1",
        title=f"Bildirim: {TITLE}",
        kind=kind,
        place="<volume>13</volume><fpage>1</fpage>",
        related=((KINDS[kind][0], scheme, TARGETS[scheme]),),
        pdf=None,
    )


@pytest.mark.parametrize(
    ("kind", "scheme"), [*((kind, "doi") for kind in KINDS), ("correction", "pmid"), ("retraction", "pii")]
)
@pytest.mark.parametrize("order", ["target first", "notice first"])
def test_a_notice_and_its_target_in_any_order(archive: WholeArchive, kind: str, scheme: str, order: str) -> None:
    target = Work(ids=IDS)
    if order == "target first":
        about, _, _ = sent(archive, target)
        before = archive.oai(about)[0], archive.change_number(about)
        receipt = archive.deliver(notice(kind, scheme).files())
        assert "RELATED_NOT_HELD" not in codes(receipt)[0]
        assert archive.change_number(about) > before[1], "harvesters learn that the article has a notice"
        assert archive.oai(about)[0] >= before[0]
    else:
        receipt = archive.deliver(notice(kind, scheme).files())
        assert codes(receipt)[0][-1] == "RELATED_NOT_HELD"
        assert "not held here" in archive.page(str(receipt.articles[0].article_id)).text_content()
        about, _, _ = sent(archive, target)
    (line,) = receipt.articles
    assert line.article_id is not None
    type_, word = KINDS[kind]
    (related,) = archive.told(line.article_id)["related"]
    assert (related["type"], related["article"]) == (type_, about)
    assert archive.told(about)["pointed_at_by"] == [
        {"type": type_, "identifier": "10.5555/bildirim.1", "article": line.article_id}
    ]
    page = archive.page(about)
    (box,) = page.xpath("//div[contains(@class, 'notice')]")
    assert word in box.text_content()
    assert box.xpath(f".//a[@href='/articles/{line.article_id}']")
    assert archive.page(line.article_id).xpath(f"//a[@href='/articles/{about}']")
    assert "https://doi.org/10.5555/bildirim.1" in archive.oai(about)[1]
    archive.comes_back()


def test_a_notice_and_its_target_in_one_delivery_leave_no_open_link(archive: WholeArchive) -> None:
    receipt = archive.deliver(notice().files("a") | Work().files("b"))
    assert receipt.state is DeliveryState.ACCEPTED
    assert all("RELATED_NOT_HELD" not in found for found in codes(receipt))
    archive.comes_back()


def ojs_issue(*titles: str, citation: str = "Kaynak 1", header: str = "") -> dict[str, bytes]:
    """An issue as OJS exports it, one article a title, with its PDFs inside."""
    articles = "".join(
        f"""<article locale="tr_TR"><submission_file id="{place}" genre="Makale"><name locale="tr_TR">{place}.pdf</name>
<file id="{place}" extension="pdf">
<embed encoding="base64">{base64.b64encode(pdf_of(str(place))).decode()}</embed></file></submission_file>
<publication version="1" status="3">
<id type="doi">10.5555/ojs.{place}</id>
<title locale="tr_TR">{title}</title>
<citations><citation>{citation if place == 1 else "Kaynak 0"}</citation></citations>
<article_galley><name>PDF</name><submission_file_ref id="{place}"/></article_galley>
</publication>
</article>
"""
        for place, title in enumerate(titles)
    )
    issue = f"""<issue xmlns="http://pkp.sfu.ca">{header}
<issue_identification><volume>1</volume><number>2</number><year>2024</year></issue_identification>
<articles>
{articles}</articles></issue>"""
    entry = """<entry xmlns="http://www.w3.org/2005/Atom" xmlns:pkp="http://pkp.sfu.ca/SWORD"><title>Örnek Dergi</title>
<pkp:issn>9999-0016</pkp:issn></entry>"""
    return {"data/issue.xml": issue.encode(), "entry.xml": entry.encode()}


UNCHANGED, ACCEPTED = ArticleOutcome.UNCHANGED, ArticleOutcome.ACCEPTED


@pytest.mark.parametrize(
    ("again", "outcomes"),
    [
        (ojs_issue("Bir", "İki", "Üç", header="<!-- exported anew -->"), [UNCHANGED, UNCHANGED, UNCHANGED]),
        (ojs_issue("Bir", "Mendilli iki", "Üç"), [UNCHANGED, ACCEPTED, UNCHANGED]),
        # What is not read counts as well.
        (ojs_issue("Bir", "İki", "Üç", citation="Başka kaynak"), [UNCHANGED, ACCEPTED, UNCHANGED]),
        (ojs_issue("Bir", "İki", "Üç", "Dört"), [UNCHANGED, UNCHANGED, UNCHANGED, ACCEPTED]),
    ],
    ids=["header", "title", "citation", "one more"],
)
def test_an_issue_in_one_file_sent_again_changes_only_what_was_changed(
    archive: WholeArchive, again: dict[str, bytes], outcomes: list[ArticleOutcome]
) -> None:
    first = archive.deliver(ojs_issue("Bir", "İki", "Üç"))
    assert first.state is DeliveryState.ACCEPTED
    receipt = archive.deliver(again)
    assert [line.outcome for line in receipt.articles] == outcomes
    for line in receipt.articles:
        held = archive.told(str(line.article_id))["versions"]
        assert len(held) == line.version
    same = next(line for line in receipt.articles if line.outcome is UNCHANGED)
    assert same.findings[-1].code == "DUPLICATE_NO_CHANGE"
    archive.comes_back()


def test_what_no_store_gives_is_no_reason_to_call_an_article_unchanged(
    archive: WholeArchive, s3_server: S3Server
) -> None:
    first = archive.deliver(ojs_issue("Bir", "İki"))
    keys = [bag_key(str(line.article_id), 1) for line in first.articles]
    for path in archive.folder.rglob("v1.tar"):
        path.unlink()
    for store in archive.door.stores:
        if isinstance(store, S3Store):
            for key in keys:
                s3_server.client().delete_object(Bucket=store.bucket, Key=store.prefix + key)
        assert all(store.head(key) is None for key in keys)
    receipt = archive.deliver(ojs_issue("Bir", "İki", header="<!-- exported anew -->"))
    assert [line.version for line in receipt.articles] == [2, 2]
