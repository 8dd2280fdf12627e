"""A MECA package: its manifest says which files are the article, and a preprint is held back."""

from __future__ import annotations

from pathlib import Path

import pytest
from collection import SAMPLES
from installation import Installation, folder_store_table

from ingest.dialects import Side, describe

MANIFEST = """<manifest xmlns="http://manuscriptexchange.org" version="1.0">
<item type="article" id="a1"><instance media-type="application/xml" href="content/a%20b.xml"/>
<instance href="./content/makale.pdf" media-type="application/pdf"/></item>
<item type="transfer-details"><instance media-type="application/meca-xfer+xml" href="transfer.xml"/></item>
<item type="x-hw-directives"><instance media-type="application/xml" href="directives.xml"/></item>
<item type="figure"><instance media-type="image/tiff" href="content/fig1.tif"/></item>
<item type="supplement"><instance media-type="application/pdf" href="content/ek.pdf"/>
<instance href="https://example.org/x"/></item></manifest>"""


def sides(text: str) -> tuple[Side, ...]:
    return describe(text.encode(), "manifest.xml").sides


def test_the_manifest_names_the_article_its_pdf_and_its_other_files() -> None:
    (side,) = sides(MANIFEST)
    assert side.path == "content/a b.xml"
    assert side.pdf_names == ("content/makale.pdf",)
    assert side.file_names == ("content/fig1.tif", "content/ek.pdf")
    assert side.record.issns == ()


def test_media_types_that_are_left_out_are_read_from_the_names() -> None:
    (side,) = sides(MANIFEST.replace('media-type="application/xml" ', "").replace(' media-type="application/pdf"', ""))
    assert (side.path, side.pdf_names) == ("content/a b.xml", ("content/makale.pdf",))


@pytest.mark.parametrize("name", ["directives.xml", "transfer.xml", "reviews.xml"])
def test_the_papers_of_the_transfer_are_no_articles_whatever_they_hold(name: str) -> None:
    found = describe(b"<anything><here/></anything>", f"paket/{name}")
    assert (found.articles, [each.code for each in found.findings]) == ((), ["NOT_METADATA"])


def test_a_manifest_without_an_article_says_nothing() -> None:
    assert sides('<manifest xmlns="http://manuscriptexchange.org"><item type="figure"/></manifest>') == ()


MANIFEST_FILE = SAMPLES / "other/meca-manifest-elife-rp100056.xml"
PACKAGE = SAMPLES / "packages/real/meca/95901-v1-meca.zip"
reason = "the collection of samples is not beside this checkout"


@pytest.mark.skipif(not MANIFEST_FILE.exists(), reason=reason)
def test_a_real_manifest() -> None:
    (side,) = describe(MANIFEST_FILE.read_bytes(), "manifest.xml").sides
    assert side.path == "content/599315.xml"
    assert side.pdf_names == ("content/elife-preprint-100056-v3.pdf",)
    assert side.file_names == ("content/599315v3_fig1.tif", "content/599315v3_tblS1.tif")


@pytest.mark.skipif(not PACKAGE.exists(), reason=reason)
def test_a_real_preprint_is_held_back_with_both_reasons(tmp_path: Path) -> None:
    home = tmp_path / "archive"
    installation = Installation(home, folder_store_table("bir", home), folder_store_table("iki", home))
    answer = installation.run("ingest", str(PACKAGE), "--publisher", "medRxiv", status=1)
    (delivery,) = answer["deliveries"]
    (article,) = delivery["articles"]
    assert article["doi"] == "10.1101/2024.01.24.24301711"
    assert article["outcome"] == "refused"
    assert {"NO_ISSN", "PREPRINT"} <= {found["code"] for found in article["findings"]}
    assert not [found for found in delivery["findings"] if found["code"] == "UNPAIRED_FILE"]
    assert not [name for name in installation.objects("bir") if name.endswith(".tar")]
