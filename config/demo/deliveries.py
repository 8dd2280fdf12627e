"""What the three fictional publishers send: an issue, single articles, a correction, a new version, two mistakes."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from config.demo.articles import DemoArticle, articles
from config.demo.figures import curves, table
from config.demo.jats import Attached, Dialect, write_xml
from config.demo.pdf import write_pdf

_ZIP_TIME = (2024, 9, 2, 9, 0, 0)
_TAR_TIME = 1725267600  # the same moment, UTC
_WRONG_ISSN = "9999-2018"  # the print ISSN of Belge ve Bellek with its check digit mistyped


@dataclass(frozen=True, slots=True)
class DemoDelivery:
    """One file as it arrived, who sent it, and what is to be seen in it (one English phrase)."""

    file: Path
    publisher: str
    note: str


@dataclass(frozen=True, slots=True)
class _Draft:
    name: str
    publisher: str
    note: str
    content: Callable[[], bytes]


def write_deliveries(folder: Path) -> list[DemoDelivery]:
    """Write every delivery of the demo into ``folder``, in the order in which they are to be taken in.

    Afterwards the same files hold the same bytes, whenever and however often this is called.
    """
    delivered = []
    for draft in _drafts():
        file = folder / draft.name
        file.write_bytes(draft.content())
        delivered.append(DemoDelivery(file, draft.publisher, draft.note))
    return delivered


def files_of(
    article: DemoArticle, dialect: Dialect, *, suffix: str = ".xml", figure_ending: bool = True
) -> dict[str, bytes]:
    """The files of one article by their names: XML, PDF and, where it has them, figure and supplement.

    ``figure_ending=False`` names the figure in the XML without its ending, as many publishers do.
    """
    figure = f"{article.key}-g001.png" if article.figure else ""
    supplement = f"{article.key}-s001.csv" if article.supplement else ""
    named = figure if figure_ending else figure.removesuffix(".png")
    attached = Attached(f"{article.key}.pdf", named, supplement)
    picture = curves(article.key) if figure else None
    files = {
        f"{article.key}{suffix}": write_xml(article, dialect, attached),
        attached.pdf: write_pdf(article, picture),
    }
    if picture is not None:
        files[figure] = picture.png()
    if supplement:
        files[supplement] = table(article.key)
    return files


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of ``files`` in the order of their names, with a fixed time and mode: the same bytes each time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return out.getvalue()


def _tar_gz(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=_TAR_TIME) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(content), _TAR_TIME, 0o644
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def _under(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": content for name, content in files.items()}


def _with_manifest(files: Mapping[str, bytes]) -> dict[str, bytes]:
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    return {**files, "manifest-sha256.txt": "".join(lines).encode()}


def _issue(keys: tuple[str, ...], mistyped: str) -> bytes:
    """One directory an article and a manifest of all; the article ``mistyped`` has a wrong print ISSN."""
    files: dict[str, bytes] = {}
    for key in keys:
        article = articles()[key]
        if key == mistyped:
            article = replace(article, journal=replace(article.journal, issn_print=_WRONG_ISSN))
        files |= _under(key, files_of(article, Dialect.JATS_1_3))
    return zipped(_with_manifest(files))


def _single(key: str, dialect: Dialect = Dialect.JATS_1_3) -> Callable[[], bytes]:
    return lambda: zipped(files_of(articles()[key], dialect))


def _pmc(key: str, number: str) -> bytes:
    files = files_of(articles()[key], Dialect.JATS_1_1, suffix=".nxml", figure_ending=False)
    licence = f"This article is distributed under the licence {articles()[key].licence}\n"
    return _tar_gz(_under(number, {**files, "license.txt": licence.encode()}))


def _again(key: str) -> bytes:
    return zipped(files_of(articles()[key].changed(), Dialect.JATS_1_3))


def _cut_off(key: str) -> bytes:
    whole = _single(key)()
    return whole[: len(whole) * 6 // 10]


def _drafts() -> list[_Draft]:
    texts = articles()
    cinaralti = texts["bvb-8-2-101"].journal.publisher
    igdeli = texts["icgol-17-e003"].journal.publisher
    northfold = texts["jsi-6-1-3"].journal.publisher
    issue = ("bvb-8-2-101", "bvb-8-2-104", "bvb-8-2-106", "bvb-8-2-108")
    return [
        _Draft(
            "bvb-8-2.zip",
            cinaralti,
            "a whole issue with its manifest; one article has a mistyped ISSN and is refused",
            lambda: _issue(issue, mistyped="bvb-8-2-108"),
        ),
        _Draft("iimd-31-1-7.zip", cinaralti, "an article with a figure and a supplement", _single("iimd-31-1-7")),
        _Draft(
            "iimd-31-1-10.zip",
            cinaralti,
            "NLM 2.3, every Turkish letter written as an entity",
            _single("iimd-31-1-10", Dialect.NLM_2_3),
        ),
        _Draft(
            "iimd-31-1-12.zip", cinaralti, "English with a Turkish title", _single("iimd-31-1-12", Dialect.JATS_1_1)
        ),
        _Draft(
            "icgol-17-e003.zip", igdeli, "an article number and a group among the authors", _single("icgol-17-e003")
        ),
        _Draft(
            "PMC99990007.tar.gz",
            igdeli,
            "tar.gz in the manner of PubMed Central",
            lambda: _pmc("icgol-17-e007", "PMC99990007"),
        ),
        _Draft("jsi-6-1-3.zip", northfold, "open access, delivered for the first time", _single("jsi-6-1-3")),
        _Draft("jsi-6-1-5.zip", northfold, "not openly licensed, with a table", _single("jsi-6-1-5")),
        _Draft("jsi-6-1-7.zip", northfold, "an editorial", _single("jsi-6-1-7", Dialect.JATS_1_1)),
        _Draft("icgol-17-e011.zip", igdeli, "a correction of icgol-17-e003", _single("icgol-17-e011")),
        _Draft(
            "jsi-6-1-3-again.zip", northfold, "jsi-6-1-3 again with other bytes: version 2", lambda: _again("jsi-6-1-3")
        ),
        _Draft("jsi-6-1-9.zip", northfold, "cut off on its way: refused as a whole", lambda: _cut_off("jsi-6-1-9")),
    ]
