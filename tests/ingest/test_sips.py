"""Each article of a delivery gets its own files and no other's, and what belongs to none is named."""

from __future__ import annotations

import io
import json
import tarfile
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest.dialects import describe
from ingest.sips import Grouping, Sip, group
from ingest.unpack import LARGEST_METADATA, Member, Unpacked, unpack

PACKAGES = Path(__file__).parents[2] / "../shared/samples/packages"

PDF = b"%PDF-1.4"


def article(doi: str = "10.5555/a.1", pdf: str = "", files: Sequence[str] = (), extra: str = "") -> bytes:
    """A JATS article with what its XML says of its files."""
    own = f'<self-uri content-type="pdf" xlink:href="{pdf}"/>' if pdf else ""
    graphics = "".join(f'<fig><graphic xlink:href="{name}"/></fig>' for name in files)
    return (
        '<article xmlns:xlink="http://www.w3.org/1999/xlink" article-type="research-article"><front><journal-meta>'
        '<issn pub-type="epub">9999-0024</issn></journal-meta><article-meta>'
        f'<article-id pub-id-type="doi">{doi}</article-id>'
        f"<title-group><article-title>Bir</article-title></title-group>{own}</article-meta></front>"
        f"<body><p>Metin</p>{graphics}</body>{extra}</article>"
    ).encode()


class Seen:
    """What a test asks of a grouping."""

    def __init__(self, grouping: Grouping) -> None:
        self.grouping = grouping

    @property
    def files(self) -> dict[str, list[str]]:
        return {sip.name: [member.name for member in sip.members[1:]] for sip in self.grouping.sips}

    @property
    def pdfs(self) -> dict[str, list[str]]:
        return {sip.name: [member.name for member in sip.pdfs] for sip in self.grouping.sips}

    @property
    def unclaimed(self) -> list[str]:
        return [member.name for member in self.grouping.unclaimed]

    @property
    def said(self) -> list[tuple[str, str | None]]:
        return [(found.code, found.path) for found in self.grouping.findings]

    def sip(self, name: str) -> Sip:
        return next(sip for sip in self.grouping.sips if sip.name == name)

    def codes(self, name: str) -> list[str]:
        return [found.code for found in self.sip(name).findings]


Delivering = Callable[..., Seen]


@pytest.fixture
def delivering(tmp_path: Path) -> Delivering:
    """Deliver files in one zip, and others beside it, and group them."""

    def deliver(files: Mapping[str, bytes], **beside: bytes) -> Seen:
        source = tmp_path / "d.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        paths = [source]
        for name, data in beside.items():
            path = tmp_path / name.replace("__", ".")
            path.write_bytes(data)
            paths.append(path)
        unpacked = unpack(paths, tmp_path)
        assert not unpacked.refused, unpacked.findings
        return check(unpacked, group(unpacked, describe))

    return deliver


def check(unpacked: Unpacked, grouping: Grouping) -> Seen:
    """What holds of every grouping: no file is lost, none is in a Sip and unclaimed, metadata stands first."""
    claimed = {member.name for sip in grouping.sips for member in sip.members}
    unclaimed = [member.name for member in grouping.unclaimed]
    assert claimed.isdisjoint(unclaimed)
    assert claimed.union(unclaimed) == {member.name for member in unpacked.members}
    assert len(unclaimed) == len(set(unclaimed))
    for sip in grouping.sips:
        assert sip.members[0] is sip.metadata
        assert sip.members[1 : 1 + len(sip.pdfs)] == sip.pdfs
        assert max(Counter(member.name for member in sip.members).values()) == 1
    return Seen(grouping)


# XML and PDF.


@pytest.mark.parametrize(
    ("xml", "pdf"),
    [
        ("a.xml", "a.pdf"),
        ("a.nxml", "a.pdf"),
        ("a.xml", "a.PDF"),
        ("a.wml.xml", "a.pdf"),
        ("a.xml.Meta", "a.pdf"),
        ("v1/n2/a.xml", "v1/n2/a.pdf"),
        ("ART=1/a.xml.Meta", "ART=1/BodyRef/PDF/a.pdf"),
        ("j/xml/a.xml", "j/pdf/a.pdf"),
        ("j/XML/a.xml", "j/PDF/a.pdf"),
        ("JAP/v1/i1/art/Markup/VOR_10.1063_x.xml", "JAP/v1/i1/art/Page_Renditions/online.pdf"),
        ("content/a.xml", "content/whatever.pdf"),
        ("batch.xml", "10.5555_a.1.pdf"),
        ("batch.xml", "10.5555/a.1/paper.pdf"),
        ("1678-4790-jbchs-28.xml", "0103-5053-jbchs-28.pdf"),
    ],
)
def test_xml_and_pdf_find_each_other_beside_another_article(delivering: Delivering, xml: str, pdf: str) -> None:
    alone = delivering({xml: article(), pdf: PDF})
    assert alone.pdfs == {xml: [pdf]}
    assert alone.unclaimed == []
    assert alone.said == []
    two = delivering({xml: article(), pdf: PDF, "other/o.xml": article("10.5555/o"), "other/o.pdf": PDF})
    assert two.pdfs == {"other/o.xml": ["other/o.pdf"], xml: [pdf]}
    assert two.unclaimed == []


@pytest.mark.parametrize("named", ["b.pdf", "./b.pdf", "b", "B.pdf", "b.pdf?download=1"])
def test_a_pdf_is_found_by_the_name_in_the_xml(delivering: Delivering, named: str) -> None:
    result = delivering({"x.xml": article(pdf=named), "y.xml": article("10.5555/y"), "b.pdf": PDF, "c.pdf": PDF})
    assert result.pdfs["x.xml"] == ["b.pdf"]
    assert result.pdfs["y.xml"] == []
    assert result.said == [("UNPAIRED_FILE", "c.pdf")]


def test_a_name_in_the_xml_may_lead_to_a_parallel_folder(delivering: Delivering) -> None:
    files = {f"xml/{n}.xml": article(f"10.5555/{n}", pdf=f"../print/p{n}.pdf") for n in "12"}
    result = delivering({**files, "print/p1.pdf": PDF, "print/p2.pdf": PDF})
    assert result.pdfs == {"xml/1.xml": ["print/p1.pdf"], "xml/2.xml": ["print/p2.pdf"]}


def test_a_name_in_the_xml_that_leads_outside_means_nothing(delivering: Delivering) -> None:
    result = delivering({"x.xml": article(pdf="../../../etc/passwd.pdf")})
    assert result.pdfs == {"x.xml": []}


def test_the_same_base_name_is_surer_than_the_only_pdf(delivering: Delivering) -> None:
    result = delivering({"a.xml": article(), "a.pdf": PDF, "b.xml": article("10.5555/b"), "b.pdf": PDF, "c.pdf": PDF})
    assert result.pdfs == {"a.xml": ["a.pdf"], "b.xml": ["b.pdf"]}
    assert result.said == [("UNPAIRED_FILE", "c.pdf")]


def test_names_in_two_unicode_forms_are_paired_and_told(delivering: Delivering) -> None:
    xml, pdf = unicodedata.normalize("NFD", "Özel Sayı/Ölçü.xml"), "Özel Sayı/Ölçü.pdf"
    assert xml.rpartition("/")[0] != pdf.rpartition("/")[0]
    result = delivering({xml: article(), pdf: PDF, "b.xml": article("10.5555/b")})
    assert result.pdfs[xml] == [pdf]
    assert result.codes(xml) == ["NAME_NORMALISATION"]


@pytest.mark.parametrize(("xml", "pdf"), [("A1.xml", "a1.pdf"), ("iğdır.xml", "IĞDIR.pdf"), ("İZMİR.xml", "izmir.pdf")])
def test_names_in_other_capitals_are_paired_and_told(delivering: Delivering, xml: str, pdf: str) -> None:
    result = delivering({xml: article(), pdf: PDF, "b.xml": article("10.5555/b"), "b.pdf": PDF})
    assert result.pdfs == {xml: [pdf], "b.xml": ["b.pdf"]}
    assert result.codes(xml) == ["NAME_NORMALISATION"]


def test_an_exact_name_wins_over_one_in_other_capitals(delivering: Delivering) -> None:
    result = delivering({"a.xml": article(), "A.xml": article("10.5555/A"), "A.pdf": PDF, "a.pdf": PDF})
    assert result.pdfs == {"A.xml": ["A.pdf"], "a.xml": ["a.pdf"]}
    assert result.codes("a.xml") == []


def test_two_pdfs_that_could_be_meant_are_none(delivering: Delivering) -> None:
    result = delivering({"x.xml": article(), "y.xml": article("10.5555/y"), "1.pdf": PDF, "2.pdf": PDF})
    assert result.pdfs == {"x.xml": [], "y.xml": []}
    assert result.said == [("UNPAIRED_FILE", "1.pdf"), ("UNPAIRED_FILE", "2.pdf")]


def test_translations_are_pdfs_of_the_article(delivering: Delivering) -> None:
    base = "2236-8906-hoehnea-49-e1"
    files = {f"{base}.xml": article(), f"{base}.pdf": PDF, f"{base}-en.pdf": PDF, f"{base}-es.pdf": PDF}
    result = delivering({**files, f"{base}2.xml": article("10.5555/2"), f"{base}2.pdf": PDF})
    assert result.pdfs == {
        f"{base}.xml": [f"{base}.pdf", f"{base}-en.pdf", f"{base}-es.pdf"],
        f"{base}2.xml": [f"{base}2.pdf"],
    }
    older = delivering({f"{base}.xml": article(), f"{base}.pdf": PDF, f"en_{base}.pdf": PDF})
    assert older.pdfs == {f"{base}.xml": [f"{base}.pdf", f"en_{base}.pdf"]}


def test_letters_on_one_page_share_its_pdf_when_both_say_so(delivering: Delivering) -> None:
    result = delivering({"x.xml": article(pdf="p7.pdf"), "y.xml": article("10.5555/y", pdf="p7.pdf"), "p7.pdf": PDF})
    assert result.pdfs == {"x.xml": ["p7.pdf"], "y.xml": ["p7.pdf"]}


def test_a_pdf_with_the_base_name_of_another_article_is_not_shared(delivering: Delivering) -> None:
    result = delivering({"x.xml": article(pdf="y.pdf"), "y.xml": article("10.5555/y"), "y.pdf": PDF})
    assert result.pdfs == {"x.xml": [], "y.xml": ["y.pdf"]}


# Files in another article's place.


def deposit(doi: str, address: str = "", extra: str = "") -> bytes:
    """A Crossref deposit of one article, with the address of its PDF."""
    resource = f"<resource>{address}</resource>" if address else ""
    return (
        '<doi_batch xmlns="http://www.crossref.org/schema/5.3.1"><head><registrant>Y</registrant></head><body><journal>'
        "<journal_metadata><full_title>D</full_title><issn>9999-0016</issn></journal_metadata><journal_article><titles>"
        f"<title>{doi}</title></titles>{extra}<doi_data><doi>{doi}</doi>{resource}</doi_data></journal_article>"
        "</journal></body></doi_batch>"
    ).encode()


PAPER = "https://example.org/{0}/paper.pdf"
ONE, TWO = "10.5555/a", "10.5555/b"


@pytest.mark.parametrize("delivered", [{ONE, TWO}, {ONE}, {TWO}, set[str]()], ids=["both", "one", "two", "none"])
@pytest.mark.parametrize("order", [("1.xml", "2.xml"), ("2.xml", "1.xml")])
def test_of_two_deposits_none_takes_the_paper_under_the_others_doi(
    delivering: Delivering, order: tuple[str, str], delivered: set[str]
) -> None:
    files = {name: deposit(doi, PAPER.format(doi)) for name, doi in zip(order, (ONE, TWO), strict=True)}
    result = delivering({**files, **{f"{doi}/paper.pdf": PDF for doi in delivered}, "x.txt": b"1"})
    assert result.pdfs == {
        name: [f"{doi}/paper.pdf"] if doi in delivered else [] for name, doi in zip(order, (ONE, TWO), strict=True)
    }


@pytest.mark.parametrize(
    "place", ["10.5555/b/paper.pdf", "10.5555_b.pdf", "10.5555_b/paper.pdf", "10.5555%2Fb.pdf", "d/10.5555/b.pdf"]
)
@pytest.mark.parametrize("xml", [deposit(ONE, PAPER.format(ONE)), deposit(ONE), article("10.5555/a", pdf="paper.pdf")])
def test_what_lies_under_a_doi_of_no_article_here_is_no_ones(delivering: Delivering, xml: bytes, place: str) -> None:
    result = delivering({"1.xml": xml, place: PDF})
    assert result.files == {"1.xml": []}
    assert result.said == [("UNPAIRED_FILE", place)]
    own = delivering({"1.xml": xml, place.replace("b", "a"): PDF, place: PDF})
    assert own.pdfs == {"1.xml": [place.replace("b", "a")]}


def test_a_doi_that_begins_like_another_one_is_another_one(delivering: Delivering) -> None:
    dois = ("10.5555/a", "10.5555/a.1", "10.5555/a/2", "10.5555/a-1")
    files = {f"{number}.xml": deposit(doi) for number, doi in enumerate(dois)}
    result = delivering({**files, **{f"{doi.replace('/', '_')}.pdf": PDF for doi in dois[1:]}})
    assert result.pdfs == {
        "0.xml": [],
        "1.xml": ["10.5555_a.1.pdf"],
        "2.xml": ["10.5555_a_2.pdf"],
        "3.xml": ["10.5555_a-1.pdf"],
    }


def test_the_doi_is_asked_before_the_name_at_an_address(delivering: Delivering) -> None:
    files = {"1.xml": deposit(ONE, "https://example.org/9.pdf"), "2.xml": deposit(TWO, "https://example.org/8.pdf")}
    result = delivering({**files, "10.5555_a.pdf": PDF, "10.5555_b.pdf": PDF, "3.pdf": PDF})
    assert result.pdfs == {"1.xml": ["10.5555_a.pdf"], "2.xml": ["10.5555_b.pdf"]}
    # Nor is what stands at the address a file of the delivery that would be missing.
    assert [sip.described.pdf_names for sip in result.grouping.sips if sip.described] == [(), ()]


@pytest.mark.parametrize("folder", ["content/", "dosyalar/tam metin/"])
def test_of_one_article_and_one_pdf_below_it_any_names_will_do(delivering: Delivering, folder: str) -> None:
    pdf = f"{folder}makale.pdf"
    assert delivering({"catalogue_md.xml": article(), pdf: PDF}).pdfs == {"catalogue_md.xml": [pdf]}
    assert delivering({"meta/a.xml": article(), pdf: PDF}).pdfs == {"meta/a.xml": []}
    two = delivering({"a.xml": article(), "b.xml": article("10.5555/a.2"), pdf: PDF})
    assert two.pdfs == {"a.xml": [], "b.xml": []}
    assert delivering({"a.xml": article(), pdf: PDF, f"{folder}ek.pdf": PDF}).pdfs == {"a.xml": []}


@pytest.mark.parametrize("addresses", [(PAPER.format("1"), PAPER.format("2")), (PAPER.format("2"), PAPER.format("1"))])
def test_one_name_at_the_end_of_two_addresses_is_neithers(delivering: Delivering, addresses: tuple[str, str]) -> None:
    files = {"1.xml": deposit(ONE, addresses[0]), "2.xml": deposit(TWO, addresses[1]), "paper.pdf": PDF}
    assert delivering(files).pdfs == {"1.xml": [], "2.xml": []}


@pytest.mark.parametrize("named", ["paper.pdf", "print/paper.pdf", "paper"])
def test_a_pdf_beside_another_article_is_not_taken_for_a_missing_one(delivering: Delivering, named: str) -> None:
    files = {"i/1/a.xml": article(pdf=named), "i/2/b.xml": article("10.5555/b", pdf="paper.pdf")}
    result = delivering({**files, "i/2/paper.pdf": PDF})
    assert result.pdfs == {"i/1/a.xml": [], "i/2/b.xml": ["i/2/paper.pdf"]}
    below = delivering({**files, "i/2/print/paper.pdf": PDF})
    assert below.pdfs == {"i/1/a.xml": [], "i/2/b.xml": ["i/2/print/paper.pdf"]}
    written = delivering({**files, "i/1/a.xml": article(pdf="../2/other.pdf"), "i/2/other.pdf": PDF})
    assert written.pdfs["i/1/a.xml"] == ["i/2/other.pdf"], "a way that is written out is no guess"


@pytest.mark.parametrize(("xml", "pdf"), [("6.xml", "5.pdf"), ("j/xml/a-6.xml", "j/pdf/a-5.pdf")])
def test_the_next_number_is_the_next_article(delivering: Delivering, xml: str, pdf: str) -> None:
    others = {"o/o.xml": article("10.5555/o"), "o/o.pdf": PDF} if "/" in xml else {"o.pdf/o.pdf": PDF}
    result = delivering({xml: article(), pdf: PDF, **others})
    assert result.pdfs[xml] == []


@pytest.mark.parametrize("named", ["paper.pdf", "online/paper.pdf"])
def test_a_name_that_many_articles_have_is_sought_in_the_articles_own_folder(
    delivering: Delivering, named: str
) -> None:
    files = {"1/a.xml": article(pdf=named), "3/c.xml": article("10.5555/c"), "3/c.pdf": PDF}
    assert delivering({**files, "2/paper.pdf": PDF}).pdfs["1/a.xml"] == []
    assert delivering({**files, "1/print/paper.pdf": PDF}).pdfs["1/a.xml"] == ["1/print/paper.pdf"]
    alone = {"1/a.xml": article(pdf=named), "print/paper.pdf": PDF, "ekler/s.pdf": PDF}
    assert delivering(alone).pdfs == {"1/a.xml": ["print/paper.pdf"]}
    assert delivering({"1/a.xml": article(pdf=named), "2/paper.pdf": PDF}).pdfs == {"1/a.xml": []}


def test_a_figure_in_another_articles_folder_is_its_own(delivering: Delivering) -> None:
    files = {"1/a.xml": article(files=["gr1"]), "2/b.xml": article("10.5555/b", files=["gr1"]), "2/gr1.tif": b"1"}
    assert delivering(files).files == {"1/a.xml": [], "2/b.xml": ["2/gr1.tif"]}


def test_a_supplement_is_not_taken_for_the_article(delivering: Delivering) -> None:
    result = delivering({"a.xml": article(files=["s1.pdf"]), "s1.pdf": PDF})
    assert result.files == {"a.xml": ["s1.pdf"]}
    assert result.pdfs == {"a.xml": []}


@pytest.mark.parametrize(
    "files",
    [
        {"a.xml": article(), "1.pdf": PDF, "2.pdf": PDF},
        {"a.xml": article(pdf="paper.pdf"), "x/1.pdf": PDF, "Paper.pdf": PDF, "PAPER.pdf": PDF},
        {"a.xml": deposit(ONE), "10.5555/a/1.pdf": PDF, "10.5555/a/2.pdf": PDF},
        {"ART=1/a.xml.Meta": article(), "ART=1/X/a.pdf": PDF, "ART=1/Y/a.pdf": PDF},
    ],
    ids=["in its folder", "named", "under its DOI", "below"],
)
def test_of_two_pdfs_that_are_equally_likely_none_is_taken_and_that_is_said(
    delivering: Delivering, files: dict[str, bytes]
) -> None:
    result = delivering(files)
    (sip,) = result.grouping.sips
    assert sip.pdfs == ()
    (told,) = [found for found in sip.findings if found.code == "PDF_AMBIGUOUS"]
    assert told.level == "error"
    candidates = [name for name in files if name.endswith(".pdf") and not name.startswith("x/")]
    assert told.params["names"] == ", ".join(sorted(candidates))


@pytest.mark.parametrize("given", ["10.5555/a", "10.5555/A", ""])
def test_full_text_beside_its_metadata_is_one_article_and_the_only_one(tmp_path: Path, given: str) -> None:
    entry = (
        '<entry xmlns="http://www.w3.org/2005/Atom"><title>Dergi</title>'
        '<issn xmlns="http://pkp.sfu.ca/SWORD">9999-0016</issn></entry>'
    )
    meta = (
        "<Publisher><PublisherInfo/><Journal><Volume><Issue><Article><ArticleInfo><ArticleDOI>10.5555/a</ArticleDOI>"
        "</ArticleInfo></Article></Issue></Volume></Journal></Publisher>"
    )
    full = meta.replace("10.5555/a", given)
    for name, text in {"x.xml.Meta": meta, "x.xml": full, "entry.xml": entry}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    grouping = group(unpack([tmp_path / "x.xml.Meta", tmp_path / "x.xml", tmp_path / "entry.xml"], tmp_path), describe)
    (sip,) = grouping.sips
    assert sip.record is not None
    assert (sip.record.doi, sip.record.issn_unspecified) == ("10.5555/a", "9999-0016")


# Figures and supplements.


def test_everything_in_an_articles_own_folder_is_its_own(delivering: Delivering) -> None:
    one = {
        "PMC1/x.nxml": article(),
        "PMC1/x.pdf": PDF,
        "PMC1/f1.gif": b"1",
        "PMC1/data/t.csv": b"2",
        "PMC1/license.txt": b"3",
    }
    two = {"PMC2/x.nxml": article("10.5555/2"), "PMC2/x.pdf": PDF, "PMC2/f1.gif": b"4"}
    result = delivering({**one, **two})
    assert sorted(result.files["PMC1/x.nxml"]) == sorted(set(one) - {"PMC1/x.nxml"})
    assert sorted(result.files["PMC2/x.nxml"]) == sorted(set(two) - {"PMC2/x.nxml"})
    assert result.unclaimed == []


def test_in_a_flat_issue_files_go_to_the_longest_base_name_that_they_begin_with(delivering: Delivering) -> None:
    files = {"o-1.xml": article(), "o-1.pdf": PDF, "o-10.xml": article("10.5555/10"), "o-10.pdf": PDF}
    result = delivering({**files, "o-1-fig1.tif": b"1", "o-10-fig1.tif": b"2", "o-1f2.gif": b"3", "o-11.tif": b"4"})
    assert sorted(result.files["o-1.xml"]) == ["o-1-fig1.tif", "o-1.pdf", "o-1f2.gif"]
    assert sorted(result.files["o-10.xml"]) == ["o-10-fig1.tif", "o-10.pdf"]
    assert result.said == [("UNPAIRED_FILE", "o-11.tif")]


def test_figures_are_found_by_their_names_in_the_xml_with_any_ending(delivering: Delivering) -> None:
    files = {"x.xml": article(files=["gr1", "gr2.tif", "s 3.zip"]), "y.xml": article("10.5555/y", files=["gr4"])}
    figures = {"gr1.tif": b"1", "gr1.jpg": b"2", "gr2.gif": b"3", "gr4.eps": b"4", "gr5.eps": b"5"}
    result = delivering({**files, **figures})
    assert result.files["x.xml"] == ["gr1.jpg", "gr1.tif", "gr2.gif"]
    assert result.files["y.xml"] == ["gr4.eps"]
    assert result.said == [("UNPAIRED_FILE", "gr5.eps")]


def test_a_figure_that_two_articles_name_belongs_to_both(delivering: Delivering) -> None:
    result = delivering(
        {"x.xml": article(files=["logo.gif"]), "y.xml": article("10.5555/y", files=["logo.gif"]), "logo.gif": b"1"}
    )
    assert result.files == {"x.xml": ["logo.gif"], "y.xml": ["logo.gif"]}


def test_figures_in_a_folder_of_their_own_are_found_by_prefix(delivering: Delivering) -> None:
    files = {f"xml/a{n}.xml": article(f"10.5555/{n}") for n in "12"} | {f"pdf/a{n}.pdf": PDF for n in "12"}
    result = delivering({**files, "images/a1-g001.tif": b"1", "images/a2-g001.tif": b"2"})
    assert result.files == {
        "xml/a1.xml": ["pdf/a1.pdf", "images/a1-g001.tif"],
        "xml/a2.xml": ["pdf/a2.pdf", "images/a2-g001.tif"],
    }


def test_the_only_article_of_a_delivery_has_all_of_it(delivering: Delivering) -> None:
    files = {
        "mimetype": b"application/x",
        "manifest.xml": b"<manifest/>",
        "content/1.xml": article(),
        "content/1.pdf": PDF,
    }
    result = delivering({**files, "graphic/f1.tif": b"1", "notes.txt": b"n"})
    assert sorted(result.files["content/1.xml"]) == [
        "content/1.pdf",
        "graphic/f1.tif",
        "manifest.xml",
        "mimetype",
        "notes.txt",
    ]
    assert result.said == []


def test_a_pdf_whose_xml_is_missing_is_no_other_articles_file(delivering: Delivering) -> None:
    files = {"i/1/a.xml": article(), "i/1/a.pdf": PDF, "i/2/b.pdf": PDF, "i/2/f.gif": b"1"}
    result = delivering(files)
    assert result.files == {"i/1/a.xml": ["i/1/a.pdf"]}
    assert result.said == [("UNPAIRED_FILE", "i/2/b.pdf"), ("UNPAIRED_FILE", "i/2/f.gif")]


def test_a_second_pdf_that_nothing_names_is_kept_with_its_neighbour_and_told(delivering: Delivering) -> None:
    result = delivering({"a.xml": article(), "a.pdf": PDF, "b.pdf": PDF})
    assert result.files == {"a.xml": ["a.pdf", "b.pdf"]}
    assert result.pdfs == {"a.xml": ["a.pdf"]}
    assert result.codes("a.xml") == ["METADATA_MISSING"]


# XML that is no article, or cannot be read.


def test_an_xml_that_cannot_be_read_is_refused_alone(delivering: Delivering) -> None:
    entity = b'<!DOCTYPE article [<!ENTITY e SYSTEM "file:///etc/passwd">]><article>&e;</article>'
    files = {
        "a.xml": article(),
        "b.xml": b"<article><front></article>",
        "c.xml": entity,
        "d.xml": b"<html><body/></html>",
    }
    result = delivering({**files, **{f"{stem}.pdf": PDF for stem in "abcd"}})
    assert result.pdfs == {f"{stem}.xml": [f"{stem}.pdf"] for stem in "abcd"}
    assert result.sip("a.xml").record is not None
    assert result.codes("a.xml") == []
    for name, code in {
        "b.xml": "XML_NOT_WELL_FORMED",
        "c.xml": "XML_FORBIDDEN_ENTITY",
        "d.xml": "FORMAT_NOT_RECOGNISED",
    }.items():
        assert result.sip(name).record is None
        assert result.codes(name) == [code]


def test_a_format_that_is_not_read_is_named(delivering: Delivering) -> None:
    result = delivering({"b.xml": b"<article><pubfm/><fm/></article>", "b.pdf": PDF})
    assert result.codes("b.xml") == ["FORMAT_NOT_READ"]
    assert result.pdfs == {"b.xml": ["b.pdf"]}


@pytest.mark.parametrize("name", ["a-suppl.xml", "data/table.xml", "named.xml"])
def test_an_xml_that_is_a_supplement_of_an_article_is_no_article(delivering: Delivering, name: str) -> None:
    files = {"a.xml": article(files=["named.xml"]), "a.pdf": PDF, name: b"<table><row/></table>"}
    result = delivering(files)
    assert sorted(result.files["a.xml"]) == sorted(["a.pdf", name])
    assert result.codes("a.xml") == []


def test_a_broken_supplement_that_the_xml_names_does_not_refuse_its_article(delivering: Delivering) -> None:
    result = delivering({"a.xml": article(files=["s1.xml"]), "a.pdf": PDF, "s1.xml": b"<broken"})
    assert result.files == {"a.xml": ["a.pdf", "s1.xml"]}


def test_manifests_and_tables_of_contents_are_no_articles(delivering: Delivering) -> None:
    papers = {
        "manifest.xml": b'<submission group-doi="10.5555/g"/>',
        "i/issue-files/toc.xml": b"<issue-xml/>",
        "__ToC_1.xml": b"<x/>",
    }
    one = {"i/a/a.xml": article(), "i/a/a.pdf": PDF}
    assert sorted(delivering({**papers, **one}).files["i/a/a.xml"]) == sorted(["i/a/a.pdf", *papers])
    two = delivering({**papers, **one, "i/b/b.xml": article("10.5555/b"), "i/b/b.pdf": PDF})
    assert sorted(two.unclaimed) == sorted(papers)
    assert two.said == []


def test_a_manifest_in_an_articles_folder_stays_with_it(delivering: Delivering) -> None:
    files = {
        f"{n}/{name}": data
        for n in "12"
        for name, data in {"a.xml": article(f"10.5555/{n}"), "manifest.xml": b"<manifest/>"}.items()
    }
    assert delivering(files).files == {"1/a.xml": ["1/manifest.xml"], "2/a.xml": ["2/manifest.xml"]}


def test_what_came_beside_the_archive_tells_of_the_delivery_and_not_of_the_article(delivering: Delivering) -> None:
    go = b'<GO><header/><filegroup><archive-file name="d.zip"/></filegroup></GO>'
    result = delivering({"a.xml": article(), "a.pdf": PDF}, d__go__xml=go)
    assert result.files == {"a.xml": ["a.pdf"]}
    assert result.said == [("SIDECAR", "d.go.xml")]


def test_accompanying_files_alone_wait_for_their_archive(tmp_path: Path) -> None:
    path = tmp_path / "d.go.xml"
    path.write_bytes(b"<GO/>")
    grouping = group(unpack([path], tmp_path), describe)
    assert [found.code for found in grouping.findings] == ["SET_INCOMPLETE"]


def test_pdfs_without_any_xml_are_told_one_by_one(delivering: Delivering) -> None:
    result = delivering({"a.pdf": PDF, "b.pdf": PDF, "f.tif": b"1"})
    assert result.grouping.sips == ()
    assert result.said == [("METADATA_MISSING", "a.pdf"), ("METADATA_MISSING", "b.pdf")]


def test_files_without_xml_or_pdf_are_no_article(delivering: Delivering) -> None:
    assert delivering({"f.tif": b"1", "g.tif": b"2"}).said == [("METADATA_MISSING", None)]


def test_xml_and_pdf_delivered_as_they_are_make_a_sip(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(article())
    (tmp_path / "a.pdf").write_bytes(PDF)
    unpacked = unpack([tmp_path / "a.xml", tmp_path / "a.pdf"], tmp_path)
    assert check(unpacked, group(unpacked, describe)).files == {"a.xml": ["a.pdf"]}


def test_several_articles_in_one_file_are_several_sips(delivering: Delivering) -> None:
    both = b"<pmc-articleset>" + article("10.5555/1", pdf="one.pdf") + article("10.5555/2") + b"</pmc-articleset>"
    result = delivering({"set.xml": both, "one.pdf": PDF, "10.5555_2.pdf": PDF, "rest.tif": b"1"})
    assert result.pdfs == {"set.xml": ["one.pdf"], "set.xml#2": ["10.5555_2.pdf"]}
    assert [sip.record and sip.record.doi for sip in result.grouping.sips] == ["10.5555/1", "10.5555/2"]
    assert result.said == [("UNPAIRED_FILE", "rest.tif")]


def test_two_xml_files_of_one_article_are_two_sips(delivering: Delivering) -> None:
    result = delivering({"a.xml": article(), "a.pdf": PDF, "b.xml": article(), "b.pdf": PDF})
    assert result.pdfs == {"a.xml": ["a.pdf"], "b.xml": ["b.pdf"]}


def test_an_xml_of_monstrous_size_is_not_read(tmp_path: Path) -> None:
    source = tmp_path / "a.xml"
    with source.open("wb") as out:
        out.truncate(LARGEST_METADATA + 1)
    member = Member("a.xml", None, "", source, LARGEST_METADATA + 1, "")
    asked: list[str] = []

    def never(data: bytes, name: str) -> Any:
        asked.append(name)

    grouping = group(Unpacked((member,), ()), never)
    assert asked == []
    assert [found.code for found in grouping.sips[0].findings] == ["XML_TOO_LARGE"]


def test_files_of_the_same_name_in_many_folders_do_not_take_for_ever(delivering: Delivering) -> None:
    files = {f"{n}/main.xml": article(f"10.5555/{n}", pdf="main.pdf", files=["gr1", "gr2"]) for n in range(600)}
    files |= {f"{n}/main.pdf": PDF for n in range(600)} | {f"{n}/gr1.jpg": b"1" for n in range(600)}
    result = delivering(files)
    assert all(
        names == [f"{name.partition('/')[0]}/main.pdf", f"{name.partition('/')[0]}/gr1.jpg"]
        for name, names in result.files.items()
    )


# Deliveries as publishers make them.

SETS = {
    "elsevier-cap/CLKS0000000000101A.tar": [
        "elsevier-cap/CLKS0000000000101B.tar",
        "elsevier-cap/CLKS0000000000101.ready.xml",
    ],
    "real/elsevier-cap-lockss/CLKS003A.tar": ["real/elsevier-cap-lockss/CLKS003B.tar"],
    "jats-md5/CRIM-2016-9874187.zip": ["jats-md5/CRIM-2016-9874187.zip.md5"],
    "aries-go/pone_3b1d8099-ae81-4fd3-8c72-5ca741bb39d9.zip": [
        "aries-go/pone_3b1d8099-ae81-4fd3-8c72-5ca741bb39d9.go.xml"
    ],
    "pkp-pln/D03E360A-9AFA-5EF2-B101-DE46C94BBAF2.zip": ["pkp-pln/D03E360A-9AFA-5EF2-B101-DE46C94BBAF2.xml"],
}
PARTS = {name for names in SETS.values() for name in names}

# What a later step says, which knows the agreements, the store and the inside of PDFs.
LATER = {
    *("PDF_MISSING", "NO_ISSN", "PREPRINT", "ISSN_INVALID", "DUPLICATE_NO_CHANGE", "NEW_VERSION", "DUPLICATE_DOI"),
    *("TITLE_NOT_AGREED", "DOI_MISMATCH", "NO_DOI", "PDF_DAMAGED", "PDF_NOT_A_PDF", "PDF_EMPTY", "PDF_ENCRYPTED"),
    "PDF_REPAIRABLE",
}
OURS = {"APPLEDOUBLE": {"JUNK_IGNORED"}, "XML_NOT_WELL_FORMED": {"XML_NOT_WELL_FORMED", "XML_ENCODING"}}


def packages() -> list[dict[str, Any]]:
    expected = PACKAGES / "expected.json"
    rows = json.loads(expected.read_text(encoding="utf-8")) if expected.is_file() else []
    return [row for row in rows if row["package"] not in PARTS]


@pytest.mark.skipif(not PACKAGES.is_dir(), reason="the collection of sample packages is not here")
@pytest.mark.parametrize("row", packages(), ids=lambda row: row["package"])
def test_a_sample_package_gives_its_articles_or_its_reason(row: dict[str, Any], tmp_path: Path) -> None:
    names = [row["package"], *SETS.get(row["package"], ())]
    unpacked = unpack([PACKAGES / name for name in names], tmp_path)
    grouping = Grouping((), (), ()) if unpacked.refused else group(unpacked, describe)
    check(unpacked, grouping)
    codes = {found.code for found in (*unpacked.findings, *grouping.findings)}
    codes.update(found.code for sip in grouping.sips for found in sip.findings)

    for reason in filter(None, row["reason"].split(";")):
        if reason not in LATER:
            assert codes & OURS.get(reason, {reason}), f"{reason} is not among {codes}"
    assert unpacked.refused == (
        row["outcome"] == "reject" or row["reason"] in {"DUPLICATE_MEMBER", "ARCHIVE_FORMAT_UNSUPPORTED"}
    )
    if "FORMAT_NOT_READ" in codes:
        assert all(sip.record is None for sip in grouping.sips)
        return
    assert sum(sip.record is not None for sip in grouping.sips) == row["articles"]
    read = {sip.record.doi: sip for sip in grouping.sips if sip.record is not None}
    for item in row["items"]:
        if "xml" in item:
            sip = read[item["doi"]]
            names = [nfc(member.name) for member in sip.members]
            # The table leaves out the top folder of some archives.
            assert f"/{names[0]}".endswith("/" + nfc(item["xml"]))
            assert f"/{names[1]}".endswith("/" + nfc(item["pdf"]))
            assert [nfc(pdf.name) for pdf in sip.pdfs] == names[1:2]


def nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


@pytest.mark.skipif(not PACKAGES.is_dir(), reason="the collection of sample packages is not here")
def test_every_file_of_every_good_sample_is_accounted_for(tmp_path: Path) -> None:
    counted = 0
    for row in packages():
        source = PACKAGES / row["package"]
        unpacked = unpack([source], tmp_path)
        if unpacked.refused:
            continue
        if source.suffix == ".zip":
            with zipfile.ZipFile(source) as archive:
                entries = sum(not info.is_dir() for info in archive.infolist())
        else:
            with tarfile.open(fileobj=io.BytesIO(source.read_bytes())) as archive:
                entries = sum(info.isreg() for info in archive)
        inner = [name for name in unpacked.opened if "!/" in name]
        direct = [member for member in unpacked.members if member.archive == source.name]
        assert len(direct) + len(unpacked.set_aside) + len(inner) == entries, source
        counted += 1
    assert counted > 40
