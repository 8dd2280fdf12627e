"""The demo's deliveries are what they promise: the same bytes each time, real PDFs, true check digits, two mistakes."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pikepdf
import pytest
from lxml import etree
from stdnum import issn
from stdnum.iso7064 import mod_11_2

from config.demo import DemoDelivery, write_deliveries
from config.demo.articles import DemoArticle, articles

KEYS = sorted(articles())
SOLE = {"iimd-31-1-7", "iimd-31-1-10", "iimd-31-1-12", "icgol-17-e003", "icgol-17-e011", "jsi-6-1-3", "jsi-6-1-5",
        "jsi-6-1-7"}  # fmt: skip


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> list[DemoDelivery]:
    return write_deliveries(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def opened(deliveries: list[DemoDelivery]) -> dict[str, dict[str, bytes]]:
    """Delivery name to member name to bytes; the truncated delivery is left out."""
    return {each.file.name: members(each.file) for each in deliveries if each.file.name != "jsi-6-1-9.zip"}


def members(file: Path) -> dict[str, bytes]:
    if file.name.endswith(".tar.gz"):
        with tarfile.open(file) as archive:
            return {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def named(opened: Mapping[str, Mapping[str, bytes]], *endings: str) -> dict[str, bytes]:
    return {
        f"{delivery}!{name}": content
        for delivery, files in opened.items()
        for name, content in files.items()
        if name.endswith(endings)
    }


def text_of(pdf: bytes) -> str:
    """The text as a viewer copies it: each shown code through the font's own /ToUnicode, lines joined by blanks."""
    words: list[str] = []
    with pikepdf.open(io.BytesIO(pdf)) as document:
        for page in document.pages:
            maps = {name: to_unicode(font) for name, font in page.Resources.Font.items()}
            letters: Mapping[int, str] = {}
            for operands, operator in pikepdf.parse_content_stream(page):
                if str(operator) == "Tf":
                    letters = maps[str(operands[0])]
                elif str(operator) == "Tj":
                    words.append("".join(letters[code] for code in bytes(operands[0])))
    return " ".join(words)


def to_unicode(font: pikepdf.Object) -> dict[int, str]:
    pairs = re.findall(rb"<(\w\w)> <(\w{4})>", font.ToUnicode.read_bytes())
    return {int(code, 16): chr(int(letter, 16)) for code, letter in pairs}


def article_of(name: str) -> DemoArticle:
    return articles()[name.rpartition("/")[2].rpartition("!")[2].rpartition(".")[0]]


def test_the_same_bytes_are_written_each_time(deliveries: list[DemoDelivery], tmp_path: Path) -> None:
    again = write_deliveries(tmp_path)
    assert [each.file.name for each in again] == [each.file.name for each in deliveries]
    for before, after in zip(deliveries, again, strict=True):
        assert before.file.read_bytes() == after.file.read_bytes(), before.file.name
        assert (before.publisher, before.note) == (after.publisher, after.note)


def test_three_publishers_deliver_a_dozen_files_of_four_journals(deliveries: list[DemoDelivery]) -> None:
    assert len(deliveries) == 12
    assert len({each.publisher for each in deliveries}) == 3
    assert len({article.journal.title for article in articles().values()}) == 4
    assert len({article.doi for article in articles().values()}) == len(KEYS) == 14


def test_each_delivery_has_the_members_that_it_promises(opened: dict[str, dict[str, bytes]]) -> None:
    issue = [f"bvb-8-2-{page}" for page in (101, 104, 106, 108)]
    expected = {f"{key}/{key}{ending}" for key in issue for ending in (".xml", ".pdf")}
    assert set(opened["bvb-8-2.zip"]) == expected | {"manifest-sha256.txt"}
    for key in SOLE:
        more = {f"{key}-g001.png"} if articles()[key].figure else set()
        more |= {f"{key}-s001.csv"} if articles()[key].supplement else set()
        assert set(opened[f"{key}.zip"]) == {f"{key}.xml", f"{key}.pdf"} | more
    folder = "PMC99990007/"
    assert set(opened["PMC99990007.tar.gz"]) == {
        folder + name for name in ("icgol-17-e007.nxml", "icgol-17-e007.pdf", "icgol-17-e007-g001.png", "license.txt")
    }


def test_the_manifest_of_the_issue_is_true(opened: dict[str, dict[str, bytes]]) -> None:
    files = opened["bvb-8-2.zip"]
    lines = files["manifest-sha256.txt"].decode().splitlines()
    assert len(lines) == len(files) - 1
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256(files[name]).hexdigest() == digest


def test_the_cut_off_delivery_is_really_cut_off(deliveries: list[DemoDelivery]) -> None:
    file = next(each.file for each in deliveries if each.file.name == "jsi-6-1-9.zip")
    assert file.read_bytes()[:4] == b"PK\x03\x04"
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(file)


def test_every_pdf_opens_without_repair_and_has_pages(opened: dict[str, dict[str, bytes]]) -> None:
    pdfs = named(opened, ".pdf")
    assert len(pdfs) == 14
    for name, content in pdfs.items():
        article = article_of(name)
        with pikepdf.open(io.BytesIO(content), attempt_recovery=False) as document:
            assert len(document.pages) >= 2, name
            assert not document.check_pdf_syntax(), name
            assert not document.get_warnings()
            assert str(document.docinfo["/Title"]) == article.title
            assert str(document.docinfo["/doi"]) == article.doi
            assert article.doi.encode() in document.Root.Metadata.read_bytes()
            if article.first_page:
                assert len(document.pages) == int(article.last_page) - int(article.first_page) + 1, name


def test_turkish_titles_and_names_can_be_copied_out_of_the_pdf(opened: dict[str, dict[str, bytes]]) -> None:
    seen = set()
    for name, content in named(opened, ".pdf").items():
        article, text = article_of(name), text_of(content)
        for wanted in (article.title, *article.translated_titles.values(), article.authors[0].name):
            assert wanted in text, (name, wanted)
        seen |= set(text)
    assert seen >= set("çğıiöşüÇĞIİÖŞÜ")


def test_the_pdf_shows_the_turkish_letters_by_the_names_of_their_glyphs(opened: dict[str, dict[str, bytes]]) -> None:
    with pikepdf.open(io.BytesIO(opened["iimd-31-1-7.zip"]["iimd-31-1-7.pdf"])) as document:
        for font in document.pages[0].Resources.Font.values():
            shown, code = {}, 0
            for entry in font.Encoding.Differences:
                if isinstance(entry, pikepdf.Name):
                    shown[code], code = str(entry), code + 1
                else:
                    code = int(entry)
            letters = {to_unicode(font)[code]: glyph for code, glyph in shown.items()}
            names = ("/Gbreve", "/Idotaccent", "/Scedilla", "/gbreve", "/dotlessi", "/scedilla")
            assert letters == dict(zip("ĞİŞğış", names, strict=True))
            assert len(font.Widths) == font.LastChar - font.FirstChar + 1


def test_every_issn_and_orcid_has_its_check_digit_and_belongs_to_nobody() -> None:
    for article in articles().values():
        journal = article.journal
        for given in filter(None, (journal.issn_print, journal.issn_electronic, journal.issn_l)):
            assert issn.is_valid(given)
            assert given.startswith("9999-")
        for writer in article.authors:
            if writer.orcid:
                assert mod_11_2.is_valid(writer.orcid.replace("-", ""))
                assert writer.orcid.startswith("0000-0000-")  # ORCID issues from 0000-0001-5000-0007 on
        assert article.doi.startswith("10.5555/")


def test_only_one_article_has_a_wrong_issn(opened: dict[str, dict[str, bytes]]) -> None:
    wrong = {
        name
        for name, content in named(opened, ".xml", ".nxml").items()
        for element in etree.fromstring(content, _parser()).iter("issn")
        if not issn.is_valid(element.text)
    }
    assert wrong == {"bvb-8-2.zip!bvb-8-2-108/bvb-8-2-108.xml"}


def test_every_xml_has_its_doctype_and_names_files_that_came(opened: dict[str, dict[str, bytes]]) -> None:
    kinds = set()
    for name, content in named(opened, ".xml", ".nxml").items():
        tree = etree.fromstring(content, _parser()).getroottree()
        kinds.add(tree.docinfo.public_id)
        delivery, _, member = name.partition("!")
        folder = member.rpartition("/")[0]
        article = article_of(name)
        assert tree.findtext(".//article-id[@pub-id-type='doi']") == article.doi
        for node in tree.iter("self-uri", "graphic", "supplementary-material"):
            href = node.get("{http://www.w3.org/1999/xlink}href")
            beside = [other for other in opened[delivery] if other.rpartition("/")[0] == folder]
            assert any(other.rpartition("/")[2].startswith(href) for other in beside), (name, href)
    assert len(kinds) == 3


def test_the_old_tag_set_writes_its_letters_as_entities(opened: dict[str, dict[str, bytes]]) -> None:
    xml = opened["iimd-31-1-10.zip"]["iimd-31-1-10.xml"]
    assert b"-//NLM//DTD Journal Publishing DTD v2.3 20070202//EN" in xml
    assert {b"&Idot;", b"&inodot;", b"&gbreve;", b"&scedil;", b"&Scedil;"} <= set(re.findall(rb"&\w+;", xml))
    assert not set(xml.decode()) & set("çğıöşüÇĞİÖŞÜ")


def test_the_correction_points_to_an_article_delivered_before(
    deliveries: list[DemoDelivery], opened: dict[str, dict[str, bytes]]
) -> None:
    xml = etree.fromstring(opened["icgol-17-e011.zip"]["icgol-17-e011.xml"], _parser())
    related = xml.find(".//related-article[@related-article-type='corrected-article']")
    assert related is not None
    assert related.get("{http://www.w3.org/1999/xlink}href") == articles()["icgol-17-e003"].doi
    order = [each.file.name for each in deliveries]
    assert order.index("icgol-17-e003.zip") < order.index("icgol-17-e011.zip")


def test_the_second_delivery_has_the_same_names_and_other_bytes(opened: dict[str, dict[str, bytes]]) -> None:
    first, again = opened["jsi-6-1-3.zip"], opened["jsi-6-1-3-again.zip"]
    assert first.keys() == again.keys()
    assert all(first[name] != again[name] for name in first)
    article = articles()["jsi-6-1-3"]
    for before, after in article.changes:
        assert before in text_of(first["jsi-6-1-3.pdf"])
        assert after in text_of(again["jsi-6-1-3.pdf"])


def test_some_articles_are_open_and_some_are_not() -> None:
    open_ones = {key for key, article in articles().items() if article.licence}
    assert 0 < len(open_ones) < len(KEYS)


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
