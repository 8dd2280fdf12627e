"""Each check finds its fault and nothing else, and every code is explained to publishers."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from ingest import pdfs
from ingest.checks import ArticleContext, check_article
from ingest.dialects import describe
from ingest.examiner import Examiner
from ingest.findings import CODES, Scope, delivery_verdict, finding, refuses_article, sentence
from ingest.pdfs import PdfState, examine
from repository.kbart_lines import is_issn
from repository.vocabulary import ArticleRecord, DeliveryState, Level

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "../shared/samples/packages"
RECORD = ArticleRecord(
    title="Kuzey",
    doi="10.5555/kad.1",
    issn_print="9999-0016",
    issn_electronic="9999-0024",
    article_type="research-article",
)


def a_pdf(path: Path, **info: str) -> Path:
    """A sound PDF of two pages with these properties."""
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.add_blank_page()
        pdf.pages[0].Contents = pdf.make_stream(os.urandom(20_000))
        for key, value in info.items():
            pdf.docinfo[f"/{key}"] = value
        pdf.save(path)
    return path


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    return a_pdf(tmp_path / "a.pdf")


@pytest.fixture
def context(pdf: Path) -> ArticleContext:
    return ArticleContext(
        RECORD, "kad-1.xml", 3, (("pdf/kad-1.pdf", pdf),), ("kad-1.pdf",), lines={"doi": 7, "issn_print": 5}
    )


def told(context: ArticleContext, **record: Any) -> list[tuple[str, str, int | None]]:
    """Code, level and line of every finding after these changes to the record."""
    changed = replace(context, record=replace(context.record, **record))
    return [(found.code, str(found.level), found.line) for found in check_article(changed)]


def test_a_sound_article_has_no_findings(context: ArticleContext) -> None:
    assert check_article(context) == []


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"doi": None}, [("NO_DOI", "warning", 3)]),
        ({"doi": "11.5555/x"}, [("DOI_INVALID", "error", 7)]),
        ({"doi": "10.5555"}, [("DOI_INVALID", "error", 7)]),
        ({"doi": "10.5555/a b"}, [("DOI_INVALID", "error", 7)]),
        ({"doi": "10.1002/(SICI)1097(199601)52:1<1::AID-X>2.0.CO;2-#"}, []),
        ({"title": None}, [("NO_TITLE", "warning", 3)]),
        ({"issn_print": "9999-0017"}, [("ISSN_INVALID", "error", 5)]),
        ({"issn_print": "yok"}, [("ISSN_INVALID", "error", 5)]),
        ({"issn_print": "0000-0000"}, [("ISSN_INVALID", "warning", 5)]),
        ({"issn_print": "0000-0000", "issn_electronic": None}, [("ISSN_INVALID", "error", 5)]),
        ({"issn_print": None, "issn_electronic": None}, [("NO_ISSN", "error", 3)]),
        ({"issn_electronic": "9999-0016"}, [("ISSN_SAME", "info", 3)]),
        ({"issn_print": None, "issn_l": "9999-0016"}, []),
        ({"article_type": "preprint"}, [("PREPRINT", "warning", 3)]),
        ({"journal_title": "medRxiv"}, [("PREPRINT", "warning", 3)]),
        (
            {"doi": None, "issn_print": None, "issn_electronic": None},
            [("NO_IDENTITY", "error", 3), ("NO_DOI", "warning", 3), ("NO_ISSN", "error", 3)],
        ),
    ],
)
def test_each_fault_of_a_record_has_its_code_level_and_line(
    context: ArticleContext, record: dict[str, Any], expected: list[tuple[str, str, int | None]]
) -> None:
    assert told(context, **record) == expected


def test_zeros_are_no_issn_though_their_check_digit_is_right() -> None:
    assert not is_issn("0000-0000")
    assert is_issn("2434-561X")


def test_a_journal_without_agreement_is_refused_once_its_issn_is_true(context: ArticleContext) -> None:
    outside = replace(context, agreed=False)
    assert told(outside) == [("TITLE_NOT_AGREED", "error", 3)]
    assert told(outside, issn_print="9999-0017", issn_electronic=None) == [("ISSN_INVALID", "error", 5)]


@pytest.mark.parametrize(
    ("changes", "article_type", "level"),
    [
        ({}, "research-article", "error"),
        ({"pdf_names": ()}, "research-article", "error"),
        ({"pdf_names": (), "full_text": True}, "research-article", "warning"),
        ({"full_text": True}, "research-article", "error"),
        ({"pdf_names": ()}, "correction", "warning"),
        ({"pdf_names": ()}, "retraction", "warning"),
        ({"pdf_names": ()}, "simple-article/err", "warning"),
        ({"pdf_names": ()}, "article/ret", "warning"),
        ({"pdf_names": ()}, "article/fla", "error"),
        ({}, "correction", "error"),
        ({"held": True}, "research-article", "warning"),
    ],
)
def test_a_missing_pdf_weighs_by_what_else_holds_the_text(
    context: ArticleContext, changes: dict[str, Any], article_type: str, level: str
) -> None:
    bare = replace(context, pdfs=(), **changes)
    assert told(bare, article_type=article_type) == [("PDF_MISSING", level, 3)]


def test_a_named_pdf_that_did_not_come_beside_another_is_a_warning(context: ArticleContext) -> None:
    assert told(replace(context, pdf_names=("KAD-1.PDF", "ek.pdf"))) == [("FILE_MISSING", "warning", 3)]
    assert told(replace(context, pdf_names=("kad-1",))) == []


def state(path: Path) -> tuple[PdfState, bool]:
    report = examine(path)
    assert str(path.parent) not in report.detail
    return report.state, report.encrypted


def test_a_sound_pdf_is_sound_and_left_as_it_is(pdf: Path) -> None:
    before = pdf.read_bytes()
    assert state(pdf) == (PdfState.SOUND, False)
    assert pdf.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: b"", PdfState.EMPTY),
        (lambda data: b"<!DOCTYPE html><html><body>404</body></html>", PdfState.NOT_A_PDF),
        (lambda data: b"x" * 1100 + data, PdfState.NOT_A_PDF),
        (lambda data: b"x" * 50 + data, PdfState.REPAIRABLE),
        (lambda data: data.replace(b"startxref\n", b"startxref\n9"), PdfState.REPAIRABLE),
        (lambda data: data + b"\n" + b"after " * 1000, PdfState.REPAIRABLE),
        (lambda data: data[: len(data) * 7 // 10], PdfState.DAMAGED),
        (lambda data: data[:-30], PdfState.DAMAGED),
        (lambda data: data[:12], PdfState.DAMAGED),
        (lambda data: b"%PDF-1.7\n%%EOF\n", PdfState.DAMAGED),
    ],
    ids=["empty", "html", "far header", "junk before", "xref", "junk after", "cut", "no end", "header only", "nothing"],
)
def test_a_faulty_pdf_is_called_what_it_is(pdf: Path, change: Any, expected: PdfState) -> None:
    before = pdf.read_bytes()
    pdf.write_bytes(change(before))
    assert pdf.read_bytes() != before
    assert state(pdf)[0] is expected


@pytest.mark.parametrize("percent", [5, 30, 70, 99])
def test_a_linearised_pdf_that_is_cut_is_damaged_though_readers_open_it(tmp_path: Path, percent: int) -> None:
    whole = tmp_path / "whole.pdf"
    with pikepdf.open(a_pdf(tmp_path / "a.pdf")) as opened:
        opened.save(whole, linearize=True)
    assert state(whole) == (PdfState.SOUND, False)
    cut = tmp_path / "cut.pdf"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * percent // 100])
    assert state(cut)[0] is PdfState.DAMAGED


def test_restrictions_are_a_warning_and_a_password_is_an_error(
    context: ArticleContext, pdf: Path, tmp_path: Path
) -> None:
    for user, level in (("", "warning"), ("sifre", "error")):
        locked = tmp_path / f"locked{user}.pdf"
        with pikepdf.open(pdf) as opened:
            opened.save(locked, encryption=pikepdf.Encryption(owner="sahip", user=user))
        found = told(replace(context, pdfs=(("kad-1.pdf", locked),)))
        assert found == [("PDF_ENCRYPTED", level, None)]


def test_a_pdf_without_pages_is_damaged(tmp_path: Path) -> None:
    with pikepdf.new() as empty:
        empty.save(tmp_path / "a.pdf")
    assert state(tmp_path / "a.pdf")[0] is PdfState.DAMAGED


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"Subject": "doi:10.5555/KAD.1"}, []),
        ({"doi": "10.5555/kad.1"}, []),
        ({"Subject": "Kuzey 12 (2024) 1-9. https://doi.org/10.5555/kad.2."}, [("DOI_MISMATCH", "warning", None)]),
        ({"Subject": "see 10.5555/other without the word before it"}, []),
        ({"Title": "Reply to doi:10.5555/other"}, []),
    ],
)
def test_the_doi_of_the_pdfs_own_properties_is_compared(
    context: ArticleContext, tmp_path: Path, info: dict[str, str], expected: list[Any]
) -> None:
    assert told(replace(context, pdfs=(("kad-1.pdf", a_pdf(tmp_path / "b.pdf", **info)),))) == expected


def test_the_doi_of_the_xmp_packet_is_compared(context: ArticleContext, tmp_path: Path) -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:prism="p" xmlns:dc="d" {}</rdf:Description></rdf:RDF></x:xmpmeta>'
    )
    for form in ("><prism:doi>{}</prism:doi>", 'prism:doi="{}">', "><dc:identifier>doi:{}</dc:identifier>"):
        for doi, expected in (("10.5555/kad.1", []), ("10.5555/kad.2", [("DOI_MISMATCH", "warning", None)])):
            path = tmp_path / "x.pdf"
            with pikepdf.open(a_pdf(tmp_path / "b.pdf")) as opened:
                opened.Root.Metadata = opened.make_stream(packet.format(form.format(doi)).encode())
                opened.save(path, fix_metadata_version=False)
            assert told(replace(context, pdfs=(("kad-1.pdf", path),))) == expected


def xref_bomb(path: Path, mebibytes: int) -> Path:
    """A small PDF whose cross-reference stream unpacks to ``mebibytes``."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(mebibytes)) + packer.flush()
    body = b"%PDF-1.5\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n"
    table = b"<</Type/XRef/Size 3/W[1 2 1]/Root 1 0 R/Filter/FlateDecode/Length %d>>" % len(packed)
    stream = b"3 0 obj" + table + b"stream\n" + packed + b"\nendstream endobj\n"
    path.write_bytes(body + stream + b"startxref\n%d\n%%%%EOF\n" % len(body))
    return path


@contextmanager
def opener(memory: int = 1 << 30, seconds: float = 60) -> Iterator[Callable[[Path], dict[str, Any] | None]]:
    examiner = Examiner("pdf_probe.py", str(memory), seconds=seconds)
    try:
        yield lambda path: examiner.ask(str(path))
    finally:
        examiner.close()


def test_a_pdf_that_asks_for_too_much_memory_exhausts_only_its_own_process(tmp_path: Path, pdf: Path) -> None:
    bomb = xref_bomb(tmp_path / "bomb.pdf", 300)
    assert bomb.stat().st_size < 2 << 20
    with opener(memory=256 << 20) as ask:
        answer = ask(bomb)
        assert answer is None or not answer["opens"]
        assert (ask(pdf) or {})["opens"]


def test_a_pdf_at_which_the_process_gives_up_is_damaged(pdf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdfs, "_opens", Examiner("pdf_probe.py", str(1 << 30), seconds=0))
    report = examine(pdf)
    assert report.state is PdfState.DAMAGED
    assert "60.0 s" in report.detail
    pdfs._opens.close()


# The codes themselves.

DOC = (ROOT / "docs/findings.md").read_text(encoding="utf-8")
DOCUMENTED = re.findall(r"^\| `([A-Z_0-9]+)` \| (\w+) \| (\w+)(?:, (\w+))? \|", DOC, re.MULTILINE)


def test_every_code_is_explained_to_publishers_and_no_other() -> None:
    assert [code for code, *_ in DOCUMENTED] == list(CODES)


def test_every_code_is_told_somewhere() -> None:
    told = "".join(
        file.read_text(encoding="utf-8") for file in (ROOT / "ingest").rglob("*.py") if file.name != "findings.py"
    )
    assert [code for code in CODES if f'"{code}"' not in told] == []


def test_the_explanation_gives_the_level_and_the_scope_of_the_table() -> None:
    levels = {"error": Level.ERROR, "warning": Level.WARNING, "note": Level.INFO}
    for code, level, scope, state_ in DOCUMENTED:
        rule = CODES[code]
        assert (levels[level], Scope(scope)) == (rule.level, rule.scope), code
        assert bool(state_) == (rule.level is Level.ERROR and rule.scope is Scope.DELIVERY), code
        if state_:
            assert DeliveryState(state_) is rule.state, code


@pytest.mark.parametrize("code", CODES)
def test_every_code_says_what_and_what_to_do(code: str) -> None:
    rule = CODES[code]
    found = finding(code, "a.xml", 4, detail="so", **dict.fromkeys(rule.parameters, "V"))
    assert found.level is rule.level
    assert found.message.endswith(": so.")
    assert found.remedy.endswith(".")
    assert "{" not in found.message + found.remedy
    assert sentence(found) == f"file a.xml, line 4: {found.message} {found.remedy}"


def test_an_unknown_code_or_a_missing_parameter_is_a_bug() -> None:
    with pytest.raises(KeyError):
        finding("NO_SUCH_CODE")
    with pytest.raises(KeyError):
        finding("DOI_INVALID")


def test_only_errors_refuse_and_the_heavier_verdict_stands() -> None:
    assert not refuses_article([finding("NO_DOI")])
    assert refuses_article([finding("NO_DOI"), finding("NO_ISSN")])
    assert delivery_verdict([finding("NO_ISSN"), finding("UNLISTED_FILE")]) is None
    assert delivery_verdict([finding("DUPLICATE_MEMBER")]) is DeliveryState.QUARANTINED
    assert delivery_verdict([finding("DUPLICATE_MEMBER"), finding("ARCHIVE_BOMB")]) is DeliveryState.REFUSED
    assert delivery_verdict([finding("ARCHIVE_BOMB", level=Level.WARNING)]) is None


# What the collection of packages expects of the checks.

SINGLE = {
    "bad/pdf-missing.zip": (("error", "PDF_MISSING"),),
    "bad/issn-bad-check-digit.zip": (("error", "ISSN_INVALID"), ("warning", "DOI_MISMATCH")),
    "bad/doi-in-pdf-differs.zip": (("warning", "DOI_MISMATCH"),),
    "bad/no-doi.zip": (("warning", "NO_DOI"),),
    "bad/pdf-truncated.zip": (("error", "PDF_DAMAGED"),),
    "bad/pdf-is-html.zip": (("error", "PDF_NOT_A_PDF"),),
    "bad/pdf-zero-bytes.zip": (("error", "PDF_EMPTY"),),
    "bad/pdf-encrypted.zip": (("warning", "PDF_ENCRYPTED"),),
    "bad/pdf-junk-before-header.zip": (("warning", "PDF_REPAIRABLE"),),
    "redelivery/1-first.zip": (),
    "issue-tr/nlm23-iso-entities.zip": (),
    "issue-tr/xlink-prefix-only-in-dtd.zip": (),
    "issue-tr/xml-utf16-bom.zip": (),
    "issue-tr/xml-declared-windows-1254.zip": (),
    "attack/internal-subset-harmless.zip": (),
}


@pytest.mark.skipif(not PACKAGES.exists(), reason="the collection of packages is not beside this checkout")
@pytest.mark.parametrize("package", SINGLE)
def test_a_package_of_the_collection_has_its_findings_and_no_other(package: str, tmp_path: Path) -> None:
    pdfs = []
    with zipfile.ZipFile(PACKAGES / package) as archive:
        (xml,) = [name for name in archive.namelist() if name.endswith(".xml")]
        for number, name in enumerate(name for name in archive.namelist() if name.endswith(".pdf")):
            (tmp_path / str(number)).write_bytes(archive.read(name))
            pdfs.append((name, tmp_path / str(number)))
        (one,) = describe(archive.read(xml), xml).articles
    context = ArticleContext(
        one.record, xml, one.line, tuple(pdfs), one.pdf_names, full_text=one.full_text, lines=one.lines
    )
    assert tuple((str(found.level), found.code) for found in check_article(context)) == SINGLE[package]


@pytest.mark.skipif(not PACKAGES.exists(), reason="the collection of packages is not beside this checkout")
def test_a_correction_package_without_pdf_is_kept_with_warnings() -> None:
    with zipfile.ZipFile(PACKAGES / "real/scielo/errata_with_compatible_xml_files.zip") as archive:
        for name in archive.namelist():
            (one,) = describe(archive.read(name), name).articles
            found = check_article(
                ArticleContext(one.record, name, one.line, pdf_names=one.pdf_names, full_text=one.full_text)
            )
            assert [(item.code, item.level) for item in found] == [("PDF_MISSING", Level.WARNING)]


@pytest.mark.skipif(not PACKAGES.exists(), reason="the collection of packages is not beside this checkout")
def test_a_preprint_server_in_the_place_of_a_journal_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(PACKAGES / "real/meca/95901-v1-meca.zip") as archive:
        (one,) = describe(archive.read("content/24301711.xml"), "content/24301711.xml").articles
        (tmp_path / "a.pdf").write_bytes(archive.read("content/24301711.pdf"))
    found = check_article(ArticleContext(one.record, "x.xml", pdfs=(("a.pdf", tmp_path / "a.pdf"),)))
    assert {"NO_ISSN", "PREPRINT"} <= {item.code for item in found}
