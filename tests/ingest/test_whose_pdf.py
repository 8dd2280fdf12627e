"""Whatever is missing from a delivery, no article is given another one's PDF: layouts of publishers, with gaps."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest.dialects import describe
from ingest.sips import group
from ingest.unpack import Member, Unpacked

NUMBER = 7
TITLES = ("Su", "Toprak", "Hava", "Ateş", "Taş", "Orman", "Deniz")
PAGES = (1, 2, 3, 5, 9, 12, 45)
"""Some of them are places in an issue, too."""


@dataclass(frozen=True)
class One:
    """One article of a delivery: its metadata file, what stands in it, and where its PDF would lie."""

    doi: str
    xml: str
    data: bytes
    pdf: str


def jats(doi: str, page: int, title: str, named: str = "") -> bytes:
    own = f'<self-uri content-type="pdf" xlink:href="{named}"/>' if named else ""
    return (
        '<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta>'
        f'<article-id pub-id-type="doi">{doi}</article-id><title-group><article-title>{title}</article-title>'
        f"</title-group><volume>12</volume><issue>3</issue><fpage>{page}</fpage><lpage>{page + 3}</lpage>{own}"
        "</article-meta></front></article>"
    ).encode()


def deposit(doi: str, title: str, address: str) -> bytes:
    return (
        '<doi_batch xmlns="http://www.crossref.org/schema/5.3.1"><body><journal><journal_metadata><issn>9999-0016</issn>'
        f"</journal_metadata><journal_article><titles><title>{title}</title></titles><doi_data><doi>{doi}</doi>"
        f"<resource>{address}</resource></doi_data></journal_article></journal></body></doi_batch>"
    ).encode()


Layout = Callable[[int, str, int, str], One]


def _doi(number: int) -> str:
    return f"10.5555/d.{number}"


LAYOUTS: Mapping[str, Layout] = {
    "same name": lambda n, d, p, t: One(d, f"{n}.xml", jats(d, p, t), f"{n}.pdf"),
    "same name in folders": lambda n, d, p, t: One(d, f"{n}/main.xml", jats(d, p, t), f"{n}/main.pdf"),
    "named, a folder each": lambda n, d, p, t: One(d, f"{n}/a.xml", jats(d, p, t, "paper.pdf"), f"{n}/paper.pdf"),
    "named below": lambda n, d, p, t: One(d, f"{n}/a.xml", jats(d, p, t, "paper.pdf"), f"{n}/print/paper.pdf"),
    "named elsewhere": lambda n, d, p, t: One(d, f"xml/{n}.xml", jats(d, p, t, f"p{p}.pdf"), f"print/p{p}.pdf"),
    "parallel": lambda n, d, p, t: One(d, f"j/xml/{n}.xml", jats(d, p, t), f"j/pdf/{n}.pdf"),
    "rendition": lambda n, d, p, t: One(d, f"{n}/Markup/v.xml", jats(d, p, t), f"{n}/Page_Renditions/online.pdf"),
    "the only one": lambda n, d, p, t: One(d, f"{n}/v.xml", jats(d, p, t), f"{n}/makale{PAGES[-n]}.pdf"),
    "under its DOI": lambda n, d, p, t: One(d, f"{n}.xml", jats(d, p, t), f"{d}/paper.pdf"),
    "deposit, under its DOI": lambda n, d, p, t: One(
        d, f"{n}.xml", deposit(d, t, f"https://example.org/{d}/paper.pdf"), f"{d}/paper.pdf"
    ),
    "deposit, by its DOI": lambda n, d, p, t: One(
        d, f"{n}.xml", deposit(d, t, f"https://example.org/{PAGES[-n]}.pdf"), f"{d.replace('/', '_')}.pdf"
    ),
    "deposit, by the suffix": lambda n, d, p, t: One(
        d, f"m/{n}.xml", deposit(d, t, f"https://example.org/view/{n}"), f"f/{d.partition('/')[2]}.pdf"
    ),
    "pages": lambda n, d, p, t: One(d, f"{n}.xml", jats(d, p, t), f"oabd_12_3_{p}.pdf"),
    "range": lambda n, d, p, t: One(d, f"x{n}.xml", jats(d, p, t), f"{p}-{p + 3}.pdf"),
    "place in the issue": lambda n, d, p, t: One(d, f"x{n}.xml", jats(d, p, t), f"{n}.pdf"),
    "title": lambda n, d, p, t: One(d, f"x{n}.xml", jats(d, p, t), f"{t}.pdf"),
}
HOPELESS = {"place in the issue"}
"""A number that is no page leads nowhere: there every article stays without, or has its own by chance of the rules."""


def paired(folder: Path, articles: list[One], delivered: set[str]) -> dict[str, list[str]]:
    members = []
    files = {**{one.xml: one.data for one in articles}, **dict.fromkeys(sorted(delivered), b"%PDF-1.4")}
    for number, (name, data) in enumerate(files.items()):
        source = folder / str(number)
        source.write_bytes(data)
        members.append(Member(name, None, "d.zip", source, len(data), "0"))
    grouping = group(Unpacked(tuple(members), ()), describe)
    return {sip.record.doi or "": [pdf.name for pdf in sip.pdfs] for sip in grouping.sips if sip.record}


@pytest.mark.parametrize("style", LAYOUTS)
@pytest.mark.parametrize("seed", range(12))
def test_each_has_its_own_or_none(tmp_path: Path, style: str, seed: int) -> None:
    chance = random.Random(seed)
    numbers = list(range(1, NUMBER + 1))
    chance.shuffle(numbers)
    articles = [
        LAYOUTS[style](n, _doi(n), PAGES[n - 1], TITLES[n - 1]) for n in numbers[: chance.randrange(2, NUMBER + 1)]
    ]
    own = {one.doi: one.pdf for one in articles}
    found = paired(tmp_path, articles, set(own.values()))
    assert set(found) == set(own)
    for doi, pdfs in found.items():
        assert pdfs == [own[doi]] or (style in HOPELESS and pdfs == []), f"{doi} of a whole delivery has {pdfs}"
    missing = set(chance.sample(sorted(own), chance.randrange(1, len(own) + 1)))
    left = {pdf for doi, pdf in own.items() if doi not in missing}
    for doi, pdfs in paired(tmp_path, articles, left).items():
        assert pdfs in ([], [own[doi]]), f"{doi} has {pdfs} and its own is {own[doi]}"
        assert doi in missing or pdfs or style in HOPELESS, f"{doi} lost {own[doi]} since others are missing"


@pytest.mark.parametrize("style", LAYOUTS)
def test_a_pdf_whose_article_did_not_come_is_nobodys(tmp_path: Path, style: str) -> None:
    articles = [LAYOUTS[style](n, _doi(n), PAGES[n - 1], TITLES[n - 1]) for n in range(1, NUMBER + 1)]
    own = {one.doi: one.pdf for one in articles}
    present = articles[1:4]
    for doi, pdfs in paired(tmp_path, present, {one.pdf for one in articles if one not in present[:2]}).items():
        assert pdfs in ([], [own[doi]]), f"{doi} has {pdfs} and its own is {own[doi]}"


@pytest.mark.parametrize("seed", range(200))
def test_styles_side_by_side_take_nothing_from_each_other(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    articles = []
    for n in range(1, NUMBER + 1):
        style = chance.choice(sorted(set(LAYOUTS) - HOPELESS))
        one = LAYOUTS[style](n, _doi(n), PAGES[n - 1], TITLES[n - 1])
        if one.pdf not in {other.pdf for other in articles} and one.xml not in {other.xml for other in articles}:
            articles.append(one)
    own = {one.doi: one.pdf for one in articles}
    delivered = {pdf for pdf in own.values() if chance.random() < 0.6}
    described = [one for one in articles if chance.random() < 0.8] or articles
    place = {one.doi: folder(one.xml) for one in described}
    for doi, pdfs in paired(tmp_path, described, delivered).items():
        beside = [pdf for pdf in delivered if folder(pdf) == place[doi]]
        # The only PDF beside the only XML may be that of another one whose XML did not come: nobody could tell.
        only = beside == pdfs and list(place.values()).count(place[doi]) == 1
        assert pdfs in ([], [own[doi]]) or only, f"{doi} has {pdfs} and its own is {own[doi]}"


def folder(name: str) -> str:
    return name.rpartition("/")[0]
