"""Deliveries as a publisher sends them, each built from fictional articles with exactly the fault that is asked for."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pikepdf

from repository.vocabulary import ArticleRecord


@dataclass(frozen=True, slots=True)
class Published:
    """One fictional article; every field beyond the DOI can be made wrong."""

    doi: str
    title: str = "Arşiv bilimine giriş"
    issn: str = "9999-0016"
    year: int = 2024
    volume: int = 12
    licence: str = ""
    without_pdf: bool = False
    broken_xml: bool = False

    @property
    def stem(self) -> str:
        """The base name of its files."""
        return self.doi.rpartition("/")[2]

    def record(self) -> ArticleRecord:
        """What identifies it."""
        return ArticleRecord(title=self.title, doi=self.doi, issn_print=self.issn)

    def xml(self) -> bytes:
        """Its JATS."""
        text = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) Journal Publishing DTD v1.3 20210610//EN" "JATS-1-3.dtd">
<article article-type="research-article" xml:lang="tr" xmlns:xlink="http://www.w3.org/1999/xlink"><front>
<journal-meta><journal-id journal-id-type="publisher-id">OABD</journal-id>
<journal-title-group><journal-title>Örnek Arşiv Bilimi Dergisi</journal-title></journal-title-group>
<issn publication-format="print">{self.issn}</issn>
<publisher><publisher-name>Örnek Yayınevi</publisher-name></publisher></journal-meta>
<article-meta><article-id pub-id-type="doi">{escape(self.doi)}</article-id>
<title-group><article-title>{escape(self.title)}</article-title></title-group>
<contrib-group><contrib contrib-type="author"><name><surname>Işık</surname><given-names>Çağrı</given-names></name>
</contrib></contrib-group>
<pub-date date-type="pub" publication-format="print"><year>{self.year}</year></pub-date>
<volume>{self.volume}</volume><issue>3</issue><fpage>7</fpage><lpage>9</lpage>{self._permissions}</article-meta></front></article>
"""
        return (text[:-30] if self.broken_xml else text).encode()

    @property
    def _permissions(self) -> str:
        return f'<permissions><license xlink:href="{escape(self.licence)}"/></permissions>' if self.licence else ""

    def pdf(self, target: Path) -> bytes:
        """Its PDF: one empty page."""
        document = pikepdf.new()
        document.add_blank_page(page_size=(300, 400))
        document.docinfo["/Title"] = self.doi
        document.save(target, deterministic_id=True)
        return target.read_bytes()


def delivery(target: Path, articles: Sequence[Published], folder: str = "") -> Path:
    """A zip of these articles, one XML and one PDF each; the same bytes each time."""
    scratch = target.with_suffix(".scratch")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for article in articles:
            files = {f"{article.stem}.xml": article.xml()}
            if not article.without_pdf:
                files[f"{article.stem}.pdf"] = article.pdf(scratch)
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(f"{folder}{article.stem}/{name}"), content)
    scratch.unlink(missing_ok=True)
    return target
