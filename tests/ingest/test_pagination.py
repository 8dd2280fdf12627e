"""PDFs named by pages or by title find the articles of a PubMed set, and no number is taken for more than it says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.dialects import describe
from ingest.sips import Grouping, group
from ingest.unpack import Member, Unpacked

TITLES = ("Çağdaş arşivcilikte yöntem arayışları", "Işık ve gölge: bir inceleme", "Kısa bir not")


def pubmed(pages: Sequence[tuple[str, str]], titles: Sequence[str] = TITLES) -> bytes:
    """A publisher's set of articles of volume 12, issue 3, without DOIs."""
    articles = (
        "<Article><Journal><JournalTitle>D</JournalTitle><Issn>9999-0016</Issn><Volume>12</Volume><Issue>3</Issue>"
        f"</Journal><ArticleTitle>{title}</ArticleTitle><FirstPage>{first}</FirstPage><LastPage>{last}</LastPage></Article>"
        for (first, last), title in zip(pages, titles, strict=True)
    )
    return f"<ArticleSet>{''.join(articles)}</ArticleSet>".encode()


def grouped(folder: Path, xml: bytes, pdfs: Sequence[str]) -> Grouping:
    members = []
    for number, (name, data) in enumerate({"set.xml": xml, **dict.fromkeys(pdfs, b"%PDF-1.4")}.items()):
        source = folder / str(number)
        source.write_bytes(data)
        members.append(Member(name, None, "d.zip", source, len(data), "0"))
    return group(Unpacked(tuple(members), ()), describe)


PAGES = (("1", "6"), ("7", "19"), ("20", "20"))


@pytest.mark.parametrize(
    "pdfs",
    [
        ("1-6.pdf", "7-19.pdf", "20.pdf"),
        ("001-006.pdf", "007-019.pdf", "020-020.pdf"),
        ("oabd_12_3_1.pdf", "oabd_12_3_7.pdf", "oabd_12_3_20.pdf"),
        ("OABDv12i3p1.pdf", "OABDv12i3p7.pdf", "OABDv12i3p20.pdf"),
        ("pdf/sayfa1.pdf", "pdf/sayfa7.pdf", "pdf/sayfa20.pdf"),
        ("1.pdf", "7.pdf", "20.pdf"),
        ("cagdas-arsivcilikte-yontem-arayislari.pdf", "Işık ve gölge_ bir inceleme.pdf", "03 Kısa Bir Not.pdf"),
        ("Çağdaş arşivcilikte yöntem.pdf", "12_3_7.pdf", "kisa_bir_not.pdf"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_every_article_of_a_set_finds_its_own(tmp_path: Path, pdfs: tuple[str, ...], turned: bool) -> None:
    order = slice(None, None, -1 if turned else 1)
    result = grouped(tmp_path, pubmed(PAGES[order], TITLES[order]), pdfs)
    assert [[pdf.name for pdf in sip.pdfs] for sip in result.sips] == [[name] for name in pdfs[order]]
    assert result.unclaimed == ()


def test_a_pdf_that_did_not_come_leaves_its_article_without(tmp_path: Path) -> None:
    result = grouped(tmp_path, pubmed(PAGES), ("oabd_12_3_1.pdf", "oabd_12_3_20.pdf"))
    assert [[pdf.name for pdf in sip.pdfs] for sip in result.sips] == [["oabd_12_3_1.pdf"], [], ["oabd_12_3_20.pdf"]]


@pytest.mark.parametrize(
    ("pages", "pdfs"),
    [
        # Places in the issue, of which some happen to be first pages.
        ((("1", "2"), ("3", "8"), ("9", "12")), ("1.pdf", "2.pdf", "3.pdf")),
        ((("1", "2"), ("3", "8"), ("9", "12")), ("1.pdf", "3.pdf")),
        # Another volume, another issue.
        (PAGES, ("oabd_11_3_1.pdf", "oabd_12_4_7.pdf")),
        # A supplement's pages.
        (PAGES, ("oabd_12_3_S1.pdf", "oabd_12_3_S7.pdf", "oabd_12_3_S20.pdf")),
    ],
)
def test_a_number_that_may_mean_something_else_means_nothing(
    tmp_path: Path, pages: Sequence[tuple[str, str]], pdfs: tuple[str, ...]
) -> None:
    result = grouped(tmp_path, pubmed(pages), pdfs)
    assert all(sip.pdfs == () for sip in result.sips)
    assert [member.name for member in result.unclaimed] == list(pdfs)


def test_letters_that_begin_on_one_page_are_told_apart_by_nothing(tmp_path: Path) -> None:
    result = grouped(tmp_path, pubmed((("7", "7"), ("7", "7"), ("8", "9"))), ("p7.pdf", "p8.pdf"))
    assert [[pdf.name for pdf in sip.pdfs] for sip in result.sips] == [[], [], ["p8.pdf"]]
    assert [[found.code for found in sip.findings] for sip in result.sips] == [["PDF_AMBIGUOUS"], ["PDF_AMBIGUOUS"], []]


def test_two_pdfs_of_one_page_are_told(tmp_path: Path) -> None:
    result = grouped(tmp_path, pubmed(PAGES), ("a-p7.pdf", "b-p7.pdf"))
    (told,) = result.sips[1].findings
    assert (told.code, told.params["names"]) == ("PDF_AMBIGUOUS", "a-p7.pdf, b-p7.pdf")
    assert all(sip.pdfs == () for sip in result.sips)
