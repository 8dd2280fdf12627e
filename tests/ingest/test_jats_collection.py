"""Every real JATS and NLM file of the sample collection gives the values that other parsers and people read in it."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from collection import SAMPLES, as_row, expected_value, folded, index_rows

from ingest.dialects import describe

# Where the product differs from the index on purpose: file and column, and the product's value.
OUR_CHOICE = {
    # The version's DOI is kept in other_ids; the article's identity is the DOI without a version.
    ("jats/elife-preprint-91826-v2.xml", "doi"): "10.7554/eLife.91826",
    # Relations of a referee's report to the article, not of the article.
    ("nlm/f1000-3-190.xml", "related"): "",
    # The link to the PDF is in pdf_names: a PDF is no related article.
    ("nlm/degruyter-afd.1975.21.jg.459-nlm30.xml", "related"): "",
    # The file has no journal-title; the "abbreviation" of the type full is the title.
    ("nlm/degruyter-afd.1975.21.jg.459-nlm30.xml", "journal_title"): "Archiv für Diplomatik",
    ("nlm/atypon-liebert-no-journal-title.xml", "journal_title"): "Sustainability: The Journal of Record",
    # Title and subtitle are joined by a colon without a blank before it (as LOCKSS does).
    ("nlm/degruyter-afd.1975.21.jg.459-nlm30.xml", "title"): (
        "Geschäftssiegel: Untersuchungen zur Verbreitung, Funktion und Bedeutung des Sigillum ad causas im Rheinland"
    ),
    # The language stands on trans-title instead of on its group.
    ("jats/springer-AcMSn-chinese-trans.xml", "trans_titles"): "zh:变翼展的仿生扑翼尾迹特征",
    # A contrib whose name is empty names nobody.
    ("jats/jats4r-pubhist-vor-corrected.xml", "n_authors"): "0",
    # The title of a sub-article of the type translation is a translated title.
    ("jats/scielo-rlae-28-e3231-subarticles.xml", "trans_titles"): (
        "pt:Análise da evolução de competências da prática clínica no curso de enfermagem || "
        "es:Análisis de la evolución de las competencias en la práctica clínica del grado en enfermeira"
    ),
    ("jats/scielo-bak-book-review-no-vol-no-page.xml", "trans_titles"): (
        "en:HIRSCHKOP, Ken. The Cambridge Introduction to Mikhail Bakhtin."
    ),
}
ADDED_TRANSLATION = ("jats/scielo-ress-33-spe2-special-issue.xml", "trans_titles")


ROWS = index_rows("jats/", "nlm/")


@pytest.mark.skipif(not ROWS, reason="the collection of samples is not beside this checkout")
def test_the_collection_is_whole_and_every_difference_is_of_a_file_in_it() -> None:
    assert len(ROWS) == 80
    assert {file for file, _ in (*OUR_CHOICE, ADDED_TRANSLATION)} <= {row["file"] for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_a_real_file_gives_the_values_of_the_index(row: dict[str, str]) -> None:
    description = describe((SAMPLES / row["file"]).read_bytes(), row["file"])
    assert description.findings == ()
    (one,) = description.articles
    for column, got in as_row(one.record).items():
        expected = expected_value(column, row[column], got)
        key = (row["file"], column)
        if key in OUR_CHOICE:
            assert folded(expected) != folded(OUR_CHOICE[key]), f"{key} is no difference any more"
            expected = OUR_CHOICE[key]
        if key == ADDED_TRANSLATION:
            assert folded(got).startswith(folded(expected) + " || pt:Desigualdades raciais")
        else:
            assert folded(got) == folded(expected), column
    assert one.findings == ()


def package_items() -> list[tuple[str, dict[str, Any]]]:
    expected = SAMPLES / "packages/expected.json"
    if not expected.exists():
        return []
    packages = json.loads(expected.read_text(encoding="utf-8"))
    return [
        (package["package"], item)
        for package in packages
        for item in [*package.get("xml_read", ()), *package.get("xml_if_it_were_read", ())]
        if item.get("xml")
        and package["package"] != "bad/duplicate-member-names.zip"  # which of the two is nobody's guess
        and not package["package"].startswith("elsevier-cap/")  # no JATS: tests/ingest/test_elsevier.py
    ]


ITEMS = package_items()


def member(package: Path, name: str) -> bytes | None:
    if package.suffix == ".zip":
        with zipfile.ZipFile(package) as archive:
            return archive.read(name) if name in archive.namelist() else None
    with tarfile.open(package) as archive:
        found = archive.extractfile(name) if name in archive.getnames() else None
        return found.read() if found else None


@pytest.mark.parametrize(("package", "item"), ITEMS, ids=[f"{package}:{item['xml']}" for package, item in ITEMS])
def test_the_xml_inside_a_package_gives_its_expected_values(package: str, item: dict[str, Any]) -> None:
    try:
        data = member(SAMPLES / "packages" / package, item["xml"])
    except (zipfile.BadZipFile, tarfile.TarError, RuntimeError, EOFError) as error:
        pytest.skip(f"the archive is broken on purpose: {error}")
    if data is None:
        pytest.skip("the member has another name in the archive (encoding, nesting)")
    description = describe(data, item["xml"])
    if not description.articles:
        (found,) = description.findings
        assert found.code == "FORMAT_NOT_READ" or package.startswith(("bad/", "attack/"))
        return
    row = as_row(description.articles[0].record)
    columns = set(row) & set(item) - {"pub_dates"}
    assert {"title", "doi", "n_authors"} <= columns
    for column in columns:
        value = "" if item[column] is None else str(item[column])
        if column in {"first_page", "last_page"} and value == "n/a":  # Wiley's word for no page
            value = ""
        if package == "attack/internal-subset-harmless.zip":  # written there as a parser without entities reads it
            value = value.replace("? ve", "Örnek Kurumu ve")
        if value.endswith("articles)"):  # a remark of the index: the file gives no type
            value = ""
        assert folded(row[column]) == folded(expected_value(column, value, row[column])), column
