"""A deposit of the PKP Preservation Network: the Atom entry speaks of all its articles, and promises its zip."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from collection import SAMPLES
from deliveries import Published
from installation import Installation, folder_store_table

from ingest.dialects import Kind, describe

ENTRY = """<?xml version="1.0" encoding="utf-8"?>
<entry xmlns="http://www.w3.org/2005/Atom" xmlns:pkp="http://pkp.sfu.ca/SWORD"><email>a@example.org</email>
<title>Örnek Arşiv Bilimi Dergisi</title><pkp:publisherName>Örnek Yayınevi</pkp:publisherName>
<pkp:issn>{issn}</pkp:issn><id>urn:uuid:1</id>
<pkp:content size="1" volume="{volume}" issue="3" checksumType="SHA-1" checksumValue="0">https://example.org/1</pkp:content>
</entry>"""


def sides(text: str) -> Any:
    description = describe(text.encode(), "D.xml")
    assert description.format.kind is Kind.WRAPPER
    assert [found.code for found in description.findings] == ["NOT_METADATA"]
    return description.sides


def test_the_entry_says_journal_publisher_and_issn_of_every_article() -> None:
    (side,) = sides(ENTRY.format(issn="9999-002x", volume="12"))
    assert side.path is None
    record = side.record
    assert (record.journal_title, record.publisher) == ("Örnek Arşiv Bilimi Dergisi", "Örnek Yayınevi")
    # Which medium it is of, the entry does not say.
    assert (record.issn_unspecified, record.issn_print, record.issn_electronic) == ("9999-002X", None, None)
    assert (record.volume, record.issue, record.title, record.licence) == ("12", "3", None, None)


def test_an_entry_without_values_says_nothing() -> None:
    (side,) = sides(ENTRY.format(issn="", volume="0"))
    assert (side.record.issns, side.record.volume) == ((), None)


def test_the_terms_of_use_are_no_deposit() -> None:
    terms = '<entry xmlns="http://www.w3.org/2005/Atom"><pkp:terms_of_use xmlns:pkp="terms"/></entry>'
    assert sides(terms) == ()


PACKAGES = SAMPLES / "packages"
NAME = "D03E360A-9AFA-5EF2-B101-DE46C94BBAF2"
DEPOSIT = [PACKAGES / f"pkp-pln/{NAME}{ending}" for ending in (".zip", ".xml")]
here = pytest.mark.skipif(not DEPOSIT[0].exists(), reason="the collection of samples is not beside this checkout")

# What expected.json has from its own making and no file of the deposit says: the types of articles, and the ISSN
# of the printed journal, which only the list of agreed titles knows.
NOWHERE_IN_THE_DEPOSIT = {"issn_print", "issn_electronic", "article_type", "n_authors", "trans_title_en", "related"}


def archive(tmp_path: Path) -> Installation:
    home = tmp_path / "archive"
    installation = Installation(home, folder_store_table("bir", home), folder_store_table("iki", home))
    status, _, err = installation.tell("titles", "agree", str(PACKAGES / "titles.tsv"), "--publisher", "Örnek Yayınevi")
    assert status == 0, err
    return installation


def kept_entries(installation: Installation) -> dict[str, bytes]:
    """The letters in the bags of one store, by name; every bag must have the same."""
    found: list[dict[str, bytes]] = []
    for key in installation.objects("bir"):
        if key.endswith(".tar"):
            with tarfile.open(installation.home / "bir" / key) as bag:
                letters = [member for member in bag if "/metadata/delivery/" in member.name]
                streams = {member.name.rpartition("/")[2]: bag.extractfile(member) for member in letters}
                found.append({name: stream.read() for name, stream in streams.items() if stream})
    assert all(one == found[0] for one in found)
    return found[0]


@here
def test_a_real_deposit_is_kept_whole(tmp_path: Path) -> None:
    installation = archive(tmp_path)
    answer = installation.run("ingest", *map(str, DEPOSIT), "--publisher", "Örnek Yayınevi")
    (delivery,) = answer["deliveries"]
    assert [article["outcome"] for article in delivery["articles"]] == ["accepted"] * 3
    expected = next(
        package
        for package in json.loads((PACKAGES / "expected.json").read_text(encoding="utf-8"))
        if package["package"] == f"pkp-pln/{NAME}.zip"
    )
    for item in expected["items"]:
        known = installation.run("article", item["doi"])
        for name in item.keys() - NOWHERE_IN_THE_DEPOSIT:
            assert known[name] == item[name], name
        assert known["translated_titles"] == {"en": item["trans_title_en"]}
        assert len(known["authors"]) == item["n_authors"]
        assert [[each["type"], each["identifier"]] for each in known["related"]] == item["related"]
        assert known["journal_title"] == "Örnek Arşiv Bilimi ve Iğdır İncelemeleri Dergisi"
        assert item["issn_electronic"] in known.values()
        (version,) = known["versions"]
        assert sum(file["path"].endswith(".pdf") for file in version["files"]) == 1
        assert kept_entries(installation) == {DEPOSIT[1].name: DEPOSIT[1].read_bytes()}, "with each article"
    assert "UNPAIRED_FILE" not in [found["code"] for found in delivery["findings"]]


@here
def test_a_deposit_without_its_entry_has_no_issn(tmp_path: Path) -> None:
    answer = archive(tmp_path).run("ingest", str(DEPOSIT[0]), "--publisher", "Örnek Yayınevi", status=1)
    (delivery,) = answer["deliveries"]
    for article in delivery["articles"]:
        assert article["outcome"] == "refused"
        assert "NO_ISSN" in [found["code"] for found in article["findings"]]


@here
def test_a_zip_that_is_not_the_one_of_the_entry_is_refused(tmp_path: Path) -> None:
    for file in DEPOSIT:
        shutil.copy(file, tmp_path)
    changed = tmp_path / DEPOSIT[1].name
    text = changed.read_text(encoding="utf-8")
    changed.write_text(text.replace('checksumValue="af9a', 'checksumValue="0000'), encoding="utf-8")
    files = [str(tmp_path / file.name) for file in DEPOSIT]
    answer = archive(tmp_path).run("ingest", *files, "--publisher", "Örnek Yayınevi", status=1)
    (delivery,) = answer["deliveries"]
    assert "CHECKSUM_MISMATCH" in [found["code"] for found in delivery["findings"]]


def test_an_article_whose_pdf_lies_inside_the_xml_is_kept_with_both(tmp_path: Path) -> None:
    pdf = Published("10.5555/ic").pdf(tmp_path / "a.pdf")
    issue = f"""<issue xmlns="http://pkp.sfu.ca"><issue_identification><volume>1</volume><year>2024</year>
</issue_identification><articles><article locale="tr_TR">
<submission_file id="1" genre="Makale"><name locale="tr_TR">ışık.pdf</name>
<file id="1" extension="pdf"><embed encoding="base64">{base64.b64encode(pdf).decode()}</embed></file></submission_file>
<publication version="1" status="3"><id type="doi">10.5555/ic</id><title locale="tr_TR">İç</title>
<article_galley><name>PDF</name><submission_file_ref id="1"/></article_galley></publication>
</article></articles></issue>"""
    with zipfile.ZipFile(tmp_path / "D.zip", "w") as archive:
        archive.writestr("D/data/Issue.xml", issue)
        archive.writestr("D/data/native.xsd", "<schema/>")
    digest = hashlib.sha1((tmp_path / "D.zip").read_bytes(), usedforsecurity=False).hexdigest()
    entry = ENTRY.format(issn="9999-0024", volume="1").replace('checksumValue="0"', f'checksumValue="{digest}"')
    (tmp_path / "D.xml").write_text(entry, encoding="utf-8")
    home = tmp_path / "archive"
    installation = Installation(home, folder_store_table("bir", home), folder_store_table("iki", home))
    sent = [str(tmp_path / "D.zip"), str(tmp_path / "D.xml")]
    (receipt,) = installation.run("ingest", *sent, "--publisher", "Örnek Yayınevi")["deliveries"]
    assert "UNPAIRED_FILE" not in [found["code"] for found in receipt["findings"]]
    known = installation.run("article", "10.5555/ic")
    (version,) = known["versions"]
    digests = {file["path"]: file["sha512"] for file in version["files"]}
    assert digests == {
        "D/data/Issue.xml": hashlib.sha512(issue.encode()).hexdigest(),
        "D/data/Issue.xml!/1-ışık.pdf": hashlib.sha512(pdf).hexdigest(),
        "D/data/native.xsd": hashlib.sha512(b"<schema/>").hexdigest(),
    }
    assert kept_entries(installation) == {"D.xml": entry.encode()}
