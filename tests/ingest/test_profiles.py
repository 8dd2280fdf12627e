"""A delivery profile of the settings is what decides how a publisher's package is read, key by key, to the bags."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published
from installation import Installation, folder_store_table

from config import wiring
from config.profile_settings import FallbackSettings, ProfileSettings
from config.settings import load
from ingest import inbox, pipeline
from ingest.dialects import DIALECTS
from ingest.patterns import PLACEHOLDERS
from ingest.profiles import Nested, PdfRule
from ingest.receipts import Receipt
from ingest.rehearsal import rehearse
from repository.errors import UsageError
from repository.vocabulary import utc_now

PUBLISHER = "Örnek Yayınevi"
ONE = Published("10.5555/profil.1", "Birinci makale")
TWO = Published("10.5555/profil.2", "İkinci makale")


@pytest.fixture
def pdf(tmp_path: Path) -> bytes:
    return ONE.pdf(tmp_path / "one.pdf")


def packed(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


class Archive:
    """One archive with one profile, which takes in packages made for it."""

    def __init__(self, folder: Path, profile: str, publisher: str = PUBLISHER) -> None:
        self.home = folder / "home"
        stores = folder_store_table("ankara", self.home) + folder_store_table("izmir", self.home)
        own = f'[[profiles]]\nname = "ornek"\npublisher = "{publisher}"\n{profile}\n'
        self.file = folder / "mahfuz.toml"
        self.file.write_text(f'[archive]\nhome = "{self.home}"\n{own}{stores}', encoding="utf-8")
        self.folder = folder

    def take(self, files: Mapping[str, bytes], profile: str | None = None) -> Receipt:
        """The receipt of one zip of these files, which the rehearsal has foretold."""
        package = self.folder / "paket.zip"
        package.write_bytes(packed(files))
        with wiring.opened(load(self.file, {}).settings) as archive:
            wiring.initialise(archive)
            door = archive.door()
            foreseen = rehearse(door, [package], PUBLISHER, profile)
            kept = inbox.accept(archive.catalogue, archive.home, [package], PUBLISHER, utc_now, profile)
            receipt = pipeline.ingest(door, kept)
        assert foreseen.state == receipt.state
        assert [found.code for found in foreseen.findings] == [found.code for found in receipt.findings]
        assert [one.article_id for one in foreseen.articles] == [line.article_id for line in receipt.articles]
        return receipt

    def bags(self) -> dict[str, list[str]]:
        """What lies in ``data/`` of each bag, by the DOI in its bag-info."""
        found = {}
        for bag in sorted((self.home / "ankara").rglob("*.tar")):
            with tarfile.open(bag) as tar:
                names = tar.getnames()
                info = tar.extractfile(next(name for name in names if name.endswith("bag-info.txt")))
                assert info is not None
                doi = info.read().decode().partition("Internal-Sender-Identifier: ")[2].partition("\n")[0].strip()
            found[doi] = sorted(name.partition("/data/")[2] for name in names if "/data/" in name)
        return found


def codes(receipt: Receipt) -> list[str]:
    return [found.code for found in receipt.findings]


def told(receipt: Receipt) -> dict[str, list[str]]:
    return {line.doi or line.name: [found.code for found in line.findings] for line in receipt.articles}


# How each key changes what becomes of one and the same package.


def test_without_a_key_a_profile_reads_as_the_default_does_and_is_named(tmp_path: Path, pdf: bytes) -> None:
    receipt = Archive(tmp_path, "").take({"a.xml": ONE.xml(), "a.pdf": pdf})
    assert (receipt.state, codes(receipt)) == ("accepted", ["PROFILE_USED"])
    assert receipt.as_json()["profile"] == "ornek"


def test_another_publishers_profile_is_not_used(tmp_path: Path, pdf: bytes) -> None:
    archive = Archive(tmp_path, 'ignore = ["*"]', publisher="Başka Yayınevi")
    receipt = archive.take({"a.xml": ONE.xml(), "a.pdf": pdf})
    assert (receipt.state, codes(receipt), receipt.as_json()["profile"]) == ("accepted", [], "default")


def test_metadata_lies_where_the_globs_say(tmp_path: Path, pdf: bytes) -> None:
    files = {
        "full/a.xml": ONE.xml(),
        "full/a.pdf": pdf,
        "old/a.xml": ONE.xml(),
        "full/b.meta": TWO.xml(),
        "full/b.pdf": pdf,
    }
    archive = Archive(tmp_path, 'metadata = ["full/*.xml", "*.meta"]')
    assert archive.take(files).state == "accepted"
    assert archive.bags() == {
        ONE.doi: ["full/a.pdf", "full/a.xml", "old/a.xml"],
        TWO.doi: ["full/b.meta", "full/b.pdf"],
    }


def test_what_the_globs_leave_out_is_named_when_nothing_is_left(tmp_path: Path, pdf: bytes) -> None:
    receipt = Archive(tmp_path, 'metadata = ["meta/*"]').take({"a.xml": ONE.xml(), "a.pdf": pdf})
    assert (receipt.state, codes(receipt)) == ("quarantined", ["PROFILE_USED", "METADATA_MISSING"])
    assert "the profile ornek does not read a.xml" in receipt.findings[-1].message


CROSSREF = (
    '<doi_batch xmlns="http://www.crossref.org/schema/5.3.1"><body><journal><journal_metadata><full_title>D</full_title>'
    "<issn>9999-0016</issn></journal_metadata><journal_article><titles><title>Birinci</title></titles><doi_data>"
    f"<doi>{ONE.doi}</doi></doi_data></journal_article></journal></body></doi_batch>"
).encode()


@pytest.mark.parametrize(("dialect", "metadata"), [("jats", "a.xml"), ("crossref", "deposit.xml")])
def test_of_two_descriptions_of_an_article_the_profile_takes_one(
    tmp_path: Path, pdf: bytes, dialect: str, metadata: str
) -> None:
    files = {"a.xml": ONE.xml(), "a.pdf": pdf, "deposit.xml": CROSSREF}
    receipt = Archive(tmp_path, f'dialects = ["{dialect}"]').take(files)
    assert receipt.state == "accepted"
    assert [line.name for line in receipt.articles] == [metadata]
    (tmp_path / "without").mkdir()
    assert Archive(tmp_path / "without", "").take(files).state == "quarantined", "else both claim the DOI"


NAMED = ONE.xml().replace(b"</article-meta>", b'<self-uri content-type="pdf" xlink:href="ekran.pdf"/></article-meta>')


@pytest.mark.parametrize(
    ("rules", "chosen"),
    [
        ('"same-name"', "a.pdf"),
        ('"xml"', "ekran.pdf"),
        ('"doi"', "10.5555_profil.1.pdf"),
        ('"pages"', "oabd_12_3_7.pdf"),
        ('"doi", "same-name"', "10.5555_profil.1.pdf"),
        ('"pattern", "same-name"', "baski/12-3-7.pdf"),
    ],
)
def test_the_pdf_is_found_as_the_profile_says_and_in_its_order(
    tmp_path: Path, pdf: bytes, rules: str, chosen: str
) -> None:
    names = ["a.pdf", "ekran.pdf", "10.5555_profil.1.pdf", chosen]
    pattern = 'pdf_pattern = "baski/{volume}-{issue}-{first_page}.pdf"' if "pattern" in rules else ""
    archive = Archive(tmp_path, f"pdf = [{rules}]\n{pattern}")
    receipt = archive.take({"a.xml": NAMED, **dict.fromkeys(names, pdf)})
    assert receipt.state == "accepted"
    document = load(archive.file, {}).settings
    with wiring.opened(document) as opened:
        (foreseen,) = rehearse(opened.door(), [tmp_path / "paket.zip"], PUBLISHER).articles
    assert [name for name, _ in foreseen.files[:2]] == ["a.xml", chosen]


def test_a_rule_that_is_not_listed_is_not_tried(tmp_path: Path, pdf: bytes) -> None:
    receipt = Archive(tmp_path, 'pdf = ["doi"]').take({"a.xml": ONE.xml(), "a.pdf": pdf})
    assert receipt.state == "quarantined"
    assert "PDF_MISSING" in told(receipt)[ONE.doi]


@pytest.mark.parametrize(
    ("pattern", "pdfs"),
    [
        ("../pdf/{stem}_tr.pdf", ("pdf/a_tr.pdf", "pdf/b_tr.pdf")),
        ("../pdf/{doi_suffix}-*.pdf", ("pdf/profil.1-Başlık bir.pdf", "pdf/profil.2-Başlık iki.pdf")),
        ("../{doi}/paper.pdf", ("10.5555/profil.1/paper.pdf", "10.5555/profil.2/paper.pdf")),
        ("../{year}/{doi_underscored}/*", ("2024/10.5555_profil.1/x.pdf", "2024/10.5555_profil.2/y.pdf")),
    ],
)
def test_a_pattern_leads_each_article_to_its_own_pdf(
    tmp_path: Path, pdf: bytes, pattern: str, pdfs: tuple[str, str]
) -> None:
    archive = Archive(tmp_path, f'pdf = ["pattern"]\npdf_pattern = "{pattern}"')
    receipt = archive.take({"xml/a.xml": ONE.xml(), "xml/b.xml": TWO.xml(), **dict.fromkeys(pdfs, pdf)})
    assert receipt.state == "accepted"
    assert archive.bags() == {ONE.doi: sorted(["xml/a.xml", pdfs[0]]), TWO.doi: sorted(["xml/b.xml", pdfs[1]])}


def test_two_pdfs_on_the_way_of_a_pattern_are_none(tmp_path: Path, pdf: bytes) -> None:
    archive = Archive(tmp_path, 'pdf = ["pattern"]\npdf_pattern = "{stem}-*.pdf"')
    receipt = archive.take({"a.xml": ONE.xml(), "a-1.pdf": pdf, "a-2.pdf": pdf})
    assert told(receipt)[ONE.doi] == ["PDF_AMBIGUOUS"]


def issue(*pages: tuple[int, int]) -> bytes:
    articles = (
        "<Article><Journal><JournalTitle>D</JournalTitle><Issn>9999-0016</Issn><Volume>12</Volume></Journal>"
        f"<ArticleTitle>Makale {first}</ArticleTitle><FirstPage>{first}</FirstPage><LastPage>{last}</LastPage>"
        f'<ELocationID EIdType="doi">10.5555/sayi.{first}</ELocationID></Article>'
        for first, last in pages
    )
    return f"<ArticleSet>{''.join(articles)}</ArticleSet>".encode()


def test_the_pdf_of_an_issue_is_every_articles_only_where_the_profile_says_so(tmp_path: Path, pdf: bytes) -> None:
    files = {"sayi3.xml": issue((1, 4), (5, 9)), "sayi3.pdf": pdf}
    archive = Archive(tmp_path, 'pdf = ["doi", "whole-issue"]')
    receipt = archive.take(files)
    assert receipt.state == "accepted"
    assert all("PDF_OF_ISSUE" in found for found in told(receipt).values())
    assert archive.bags() == {f"10.5555/sayi.{page}": ["sayi3.pdf", "sayi3.xml"] for page in (1, 5)}
    (tmp_path / "without").mkdir()
    assert Archive(tmp_path / "without", "").take(files).state == "quarantined"


def test_what_is_ignored_is_in_no_bag_and_is_told_once_a_pattern(tmp_path: Path, pdf: bytes) -> None:
    archive = Archive(tmp_path, 'ignore = ["*/kapak/*", "*_eski.*"]')
    others = {
        "s/kapak/on.jpg": b"1",
        "s/kapak/arka.jpg": b"2",
        "s/kapak/içindekiler.xml": TWO.xml(),
        "s/a_eski.pdf": pdf,
    }
    receipt = archive.take({"s/a.xml": ONE.xml(), "s/a.pdf": pdf, **others})
    assert receipt.state == "accepted"
    assert [line.doi for line in receipt.articles] == [ONE.doi]
    assert archive.bags() == {ONE.doi: ["s/a.pdf", "s/a.xml"]}
    passed = [found.params for found in receipt.findings if found.code == "PASSED_OVER"]
    assert [(params["pattern"], params["number"]) for params in passed] == [("*/kapak/*", "3"), ("*_eski.*", "1")]


def test_a_delivery_of_which_all_is_ignored_is_held(tmp_path: Path, pdf: bytes) -> None:
    receipt = Archive(tmp_path, 'ignore = ["*"]').take({"a.xml": ONE.xml(), "a.pdf": pdf})
    assert (receipt.state, codes(receipt)[-1]) == ("quarantined", "METADATA_MISSING")


@pytest.mark.parametrize(
    ("rule", "state", "dois"),
    [
        ("auto", "accepted", [ONE.doi]),
        ("open", "accepted", [ONE.doi, TWO.doi]),
        ("keep", "accepted", [ONE.doi]),
        ("refuse", "quarantined", []),
    ],
)
def test_an_archive_inside_is_opened_kept_or_refused(
    tmp_path: Path, pdf: bytes, rule: str, state: str, dois: list[str]
) -> None:
    inner = packed({"b.xml": TWO.xml(), "b.pdf": pdf})
    archive = Archive(tmp_path, f'nested = "{rule}"')
    receipt = archive.take({"1/a.xml": ONE.xml(), "1/a.pdf": pdf, "1/ek.zip": inner})
    assert (receipt.state, sorted(archive.bags())) == (state, dois)
    found = next(each for each in receipt.findings if each.code.startswith("NESTED_"))
    kept = rule in ("auto", "keep")
    assert (found.code, found.path) == ("NESTED_REFUSED" if rule == "refuse" else "NESTED_ARCHIVE", "1/ek.zip")
    assert found.level == {"open": "warning", "refuse": "error"}.get(rule, "info")
    assert ("kept closed" in found.message) == kept
    if kept:
        assert "1/ek.zip" in archive.bags()[ONE.doi]


def test_a_zip_of_zips_may_be_kept_closed(tmp_path: Path, pdf: bytes) -> None:
    files = {"b.zip": packed({"b.xml": TWO.xml(), "b.pdf": pdf})}
    receipt = Archive(tmp_path, 'nested = "keep"').take(files)
    assert (receipt.state, codes(receipt)) == ("quarantined", ["PROFILE_USED", "NESTED_ARCHIVE", "METADATA_MISSING"])


def listing(files: Mapping[str, bytes], algorithm: str) -> bytes:
    lines = (f"{hashlib.new(algorithm, data).hexdigest()}  {name}\n" for name, data in files.items())
    return "".join(lines).encode()


def test_the_manifest_is_the_file_that_the_profile_names(tmp_path: Path, pdf: bytes) -> None:
    files = {"a.xml": ONE.xml(), "a.pdf": pdf}
    archive = Archive(tmp_path, 'manifest_file = "içindekiler.lst"\nmanifest_algorithm = "sha256"')
    good = {**files, "içindekiler.lst": listing(files, "sha256")}
    assert archive.take(good).state == "accepted"
    wrong = {**good, "a.pdf": pdf + b"\n"}
    assert (archive.take(wrong).state, codes(archive.take(wrong))) == ("refused", ["PROFILE_USED", "CHECKSUM_MISMATCH"])
    more = {**good, "b.txt": b"1"}
    assert "UNLISTED_FILE" in codes(archive.take(more))
    missing = archive.take(files)
    assert (missing.state, codes(missing)) == ("quarantined", ["PROFILE_USED", "MANIFEST_MISSING"])
    weaker = archive.take({**files, "içindekiler.lst": listing(files, "md5")})
    assert (weaker.state, codes(weaker)) == ("quarantined", ["PROFILE_USED", "MANIFEST_UNREADABLE"])
    none = archive.take({**files, "içindekiler.lst": b"merhaba\n"})
    assert (none.state, codes(none)) == ("quarantined", ["PROFILE_USED", "MANIFEST_UNREADABLE"])


FALLBACK = """
[[profiles.fallback]]
files = ["OABD/*"]
journal_title = "Örnek Arşiv Bilimi Dergisi"
issn_print = "9999-0016"
publisher = "Örnek Üniversitesi"
language = "tr"
licence = "https://creativecommons.org/licenses/by/4.0/"

[[profiles.fallback]]
issn = "9999-0024"
"""
BARE = (
    b'<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta><article-id pub-id-type="doi">%s'
    b"</article-id><title-group><article-title>T</article-title></title-group></article-meta></front></article>"
)


def test_what_the_xml_lacks_comes_from_the_profile_and_is_told(tmp_path: Path, pdf: bytes) -> None:
    archive = Archive(tmp_path, FALLBACK)
    files = {
        "OABD/a.xml": BARE % ONE.doi.encode(),
        "OABD/a.pdf": pdf,
        "diğer/b.xml": TWO.xml().replace(b"9999-0016", b"9999-0032").replace(b' xml:lang="tr"', b""),
        "diğer/b.pdf": pdf,
        "diğer/c.xml": BARE % b"10.5555/profil.3",
        "diğer/c.pdf": pdf,
    }
    receipt = archive.take(files)
    assert receipt.state == "accepted"
    whole = (
        "journal_title = Örnek Arşiv Bilimi Dergisi; publisher = Örnek Üniversitesi; language = tr; "
        "licence = https://creativecommons.org/licenses/by/4.0/; issn_print = 9999-0016"
    )
    given = {
        line.doi: [found.params["detail"] for found in line.findings if found.code == "FROM_PROFILE"]
        for line in receipt.articles
    }
    assert given == {
        ONE.doi: [whole],
        TWO.doi: [],
        "10.5555/profil.3": ["issn_unspecified = 9999-0024"],
    }
    assert all(f.level == "info" for line in receipt.articles for f in line.findings if f.code == "FROM_PROFILE")
    identity = next(line.article_id or "" for line in receipt.articles if line.doi == ONE.doi)
    bag = next(path for path in (archive.home / "ankara").rglob("*.tar") if identity in path.as_posix())
    with tarfile.open(bag) as tar:
        inside = {name.partition("/")[2]: tar.extractfile(name) for name in tar.getnames()}
        premis, record = (inside[f"metadata/{name}"] for name in ("premis.xml", "article.json"))
        assert premis is not None
        assert record is not None
        assert b"FROM_PROFILE" in premis.read()
        assert json.loads(record.read())["journal_title"] == "Örnek Arşiv Bilimi Dergisi"


# Which profile is used.


def test_a_profile_that_is_named_is_used_before_the_publishers_own_and_remembered(tmp_path: Path, pdf: bytes) -> None:
    archive = Archive(tmp_path, 'pdf = ["doi"]\n\n[[profiles]]\nname = "deneme"\npdf = ["same-name"]')
    files = {"a.xml": ONE.xml(), "a.pdf": pdf}
    assert archive.take(files).state == "quarantined"
    receipt = archive.take(files, "deneme")
    assert (receipt.state, receipt.as_json()["profile"]) == ("accepted", "deneme")


def test_a_delivery_whose_profile_the_settings_have_no_more_waits_for_a_person(tmp_path: Path, pdf: bytes) -> None:
    archive = Archive(tmp_path, "")
    files = {"a.xml": ONE.xml(), "a.pdf": pdf}
    receipt = archive.take(files, "eski")
    assert (receipt.state, codes(receipt)) == ("quarantined", ["PROFILE_UNKNOWN"])
    archive.file.write_text(archive.file.read_text().replace('name = "ornek"', 'name = "eski"'))
    with wiring.opened(load(archive.file, {}).settings) as opened:
        again = pipeline.ingest(opened.door(), inbox.kept(opened.catalogue, opened.home, receipt.delivery_id))
    assert (again.state, again.as_json()["profile"]) == ("accepted", "eski")


def test_a_feed_names_its_profile_and_the_commands_tell_it(tmp_path: Path, pdf: bytes) -> None:
    outgoing, home = tmp_path / "outgoing", tmp_path / "home"
    outgoing.mkdir()
    (outgoing / "sayi.zip").write_bytes(packed({"a.xml": ONE.xml(), "baski/a_baski.pdf": pdf}))
    feed = (
        f'[[feeds]]\nname = "besleme"\npublisher = "{PUBLISHER}"\nkind = "folder"\nurl = "file://{outgoing}"\n'
        'quiet_seconds = 0\nprofile = "baski"\n'
    )
    profile = '[[profiles]]\nname = "baski"\npdf = ["pattern"]\npdf_pattern = "baski/{stem}_baski.pdf"\n'
    other = '[[profiles]]\nname = "ad"\npdf = ["same-name"]\n'
    stores = (folder_store_table("ankara", home), folder_store_table("izmir", home))
    archive = Installation(home, *stores, feed, profile, other)
    foretold = archive.run("feed", "dry-run", "besleme")
    assert (foretold["profile"], foretold["state"]) == ("baski", "accepted")
    otherwise = archive.run("feed", "dry-run", "besleme", "--profile", "ad", status=1)
    assert (otherwise["profile"], otherwise["state"]) == ("ad", "quarantined")
    package = str(outgoing / "sayi.zip")
    local = archive.run("feed", "dry-run", "--publisher", PUBLISHER, "--profile", "baski", package)
    assert local["articles"][0]["files"][1]["path"] == "baski/a_baski.pdf"
    status, _, err = archive.tell("ingest", package, "--publisher", PUBLISHER, "--profile", "yok")
    assert (status, "no profile is named 'yok'; there are: baski, ad, default" in err) == (2, True)
    (received,) = archive.run("receive")["deliveries"]
    assert (received["profile"], received["state"]) == ("baski", "accepted")
    (again,) = archive.run("ingest", package, "--publisher", PUBLISHER)["deliveries"]
    assert (again["profile"], again["state"]) == ("baski", "unchanged")


# What the settings refuse, by name, with the reason and an example.


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        ('dialects = ["tei"]', "profiles.0.dialects: 'tei' is no dialect; there are bmc, consyn, copernicus"),
        ('pdf = ["by-name"]', "profiles.0.pdf.0: Input should be 'same-name', 'doi', 'xml'"),
        ('pdf = ["doi", "doi"]', "profiles.0.pdf: doi is named twice"),
        ('pdf = ["pattern"]', 'profiles.0: pdf_pattern and "pattern" among pdf belong together'),
        ('pdf_pattern = "{stem}.pdf"', 'profiles.0: pdf_pattern and "pattern" among pdf belong together'),
        ('pdf = ["pattern"]\npdf_pattern = "{author}.pdf"', "{author} stands for nothing; there are {stem}, {doi}"),
        ('pdf = ["pattern"]\npdf_pattern = "{stem.__class__}.pdf"', "{stem.__class__} stands for nothing"),
        ('pdf = ["pattern"]\npdf_pattern = "{stem.pdf"', "the braces do not match"),
        ('nested = "maybe"', "profiles.0.nested: Input should be 'auto', 'open', 'keep' or 'refuse'"),
        ('manifest_algorithm = "crc32"', "profiles.0.manifest_algorithm: Input should be 'md5'"),
        ('ignore = [""]', "profiles.0.ignore.0: String should have at least 1 character"),
        ('pdfs = ["doi"]', "profiles.0.pdfs: no such setting"),
        ('[[profiles.fallback]]\nissn = "9999-0017"', "profiles.0.fallback.0.issn: '9999-0017' is not an ISSN"),
        ('[[profiles.fallback]]\nfiles = ["*"]', "profiles.0.fallback.0: a fallback has to say something"),
        ('[[profiles.fallback]]\ndoi = "10.5555/1"', "profiles.0.fallback.0.doi: no such setting"),
        ('[[profiles]]\nname = "ornek"', "two profiles have the same name"),
        (f'[[profiles]]\nname = "b"\npublisher = "{PUBLISHER}"', "two profiles are of the publisher"),
        ('[[profiles]]\nname = "default"', "profiles.1.name: 'default' is what holds without a profile"),
        (
            '[[feeds]]\nname = "f"\npublisher = "P"\nkind = "folder"\nurl = "file:///f"\nprofile = "yok"',
            "feeds.f.profile: no profile is named 'yok'; there are: ornek",
        ),
    ],
)
def test_a_key_that_is_misused_stops_the_program(tmp_path: Path, profile: str, reason: str) -> None:
    archive = Archive(tmp_path, profile)
    with pytest.raises(UsageError) as stopped:
        load(archive.file, {})
    assert reason in str(stopped.value)
    if "profiles.0" in reason:
        assert "for example:\n[[profiles]]" in str(stopped.value)


def test_the_example_of_the_message_is_a_profile_that_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as stopped:
        load(Archive(tmp_path, 'dialects = ["tei"]').file, {})
    file = tmp_path / "example.toml"
    file.write_text(str(stopped.value).partition("for example:\n")[2], encoding="utf-8")
    (profile,) = load(file, {}).settings.profiles
    value: Any = profile.value()
    assert (value.name, value.dialects, value.fallbacks[0].record.journal_title) == (
        "ornek",
        frozenset(("jats",)),
        "Örnek Dergisi",
    )


def test_every_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/profiles.md").read_text(encoding="utf-8")
    lines = [line[4:] if line.startswith("    ") else "" for line in text.splitlines()]
    tables = "\n".join(line for line in lines if not line.startswith("mahfuz")).replace(
        'name = "ornek"', 'name = "o"', 1
    )
    file = tmp_path / "examples.toml"
    file.write_text(tables, encoding="utf-8")
    found = load(file, {}).settings.profiles
    assert len(found) == text.count("    [[profiles]]\n") == 7


def test_the_documentation_names_every_key_rule_dialect_and_placeholder() -> None:
    text = (Path(__file__).parents[2] / "docs/profiles.md").read_text(encoding="utf-8")
    keys = {*ProfileSettings.model_fields, *FallbackSettings.model_fields} - {"fallback"}
    words = {*keys, *(rule.value for rule in PdfRule), *(each.value for each in Nested), *DIALECTS}
    assert [word for word in sorted(words) if f"`{word}`" not in text] == []
    assert [name for name in PLACEHOLDERS if f"`{{{name}}}`" not in text] == []
    assert "[[profiles.fallback]]" in text


def test_a_key_may_come_from_the_environment_by_the_profiles_name(tmp_path: Path) -> None:
    file = Archive(tmp_path, FALLBACK).file
    loaded = load(file, {"MAHFUZ_PROFILES__ORNEK__NESTED": "keep"})
    assert loaded.settings.profiles[0].nested == "keep"
    shown = [(key, value) for key, value, _ in loaded.shown()]
    assert ("profiles.ornek.nested", "keep") in shown
    assert ("profiles.ornek.fallback.1.issn", "9999-0024") in shown
