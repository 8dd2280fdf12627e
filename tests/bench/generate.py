"""Deliveries of any number and size for the bench: fictional articles whose pictures no compression can shrink."""

from __future__ import annotations

import random
import sys
from functools import cache
from pathlib import Path

from stdnum import issn

from config.demo.articles import DemoArticle, Journal, TextSection, Writer, articles
from config.demo.deliveries import zipped
from config.demo.figures import Picture
from config.demo.jats import Attached, Dialect, write_xml
from config.demo.pdf import write_pdf

PUBLISHER = "Bench Yayınevi"
ISSUE = 20
"""Articles of one issue, and of one delivery where the caller asks for issues."""
_SHARES = (0.5, 0.3, 0.2)
"""How the bytes of an article are divided among the picture in the PDF and the two beside it."""
_DOTS = 1000


def describe(number: int) -> DemoArticle:
    """The article of this number: its own DOI, title, authors and place in one of five journals."""
    sample = list(articles().values())[number % 3]
    turn, place = divmod(number // 5, ISSUE)
    return DemoArticle(
        journal=_journal(number % 5),
        key=f"bench-{number:06d}",
        doi=f"10.5555/bench.{number:06d}",
        type="research-article",
        subject="Araştırma Makalesi",
        language="tr",
        title=f"Ölçüm {number}: {sample.title}",
        translated_titles={"en": f"Measurement {number}: {sample.translated_titles['en']}"},
        abstract=sample.abstract,
        keywords=sample.keywords,
        authors=(*sample.authors, Writer(family=f"Işık {number}", given="Çağrı")),
        sections=(*sample.sections[:2], TextSection("Bulgular", ("Şekil 1'e bakınız.",))),
        volume=str(1 + turn // 4),
        issue=str(1 + turn % 4),
        first_page=str(1 + 5 * place),
        last_page=str(5 + 5 * place),
        published=f"{2000 + turn % 25}-{1 + turn % 12:02d}-15",
        figure="Şekil 1. Rastlantı.",
        licence="https://creativecommons.org/licenses/by/4.0/" if number % 2 else "",
    )


def generated_article(number: int, size: int) -> dict[str, bytes]:
    """The files of one article by their names, about ``size`` bytes together (40 kB at least): XML, PDF, two pictures.

    The same number and size give the same bytes, of which most are random and cannot be compressed.
    """
    article = describe(number)
    chance = random.Random(number)
    room = max(size - 30_000, 10_000)
    pictures = [_noise(chance, int(room * share)) for share in _SHARES]
    names = [f"{article.key}-g00{place}.png" for place in (1, 2)]
    files = {
        f"{article.key}.xml": write_xml(article, Dialect.JATS_1_3, Attached(f"{article.key}.pdf", names[0])),
        f"{article.key}.pdf": write_pdf(article, pictures[0]),
    }
    return files | {name: picture.png() for name, picture in zip(names, pictures[1:], strict=True)}


def write_generated_deliveries(folder: Path, count: int, size: int, per_delivery: int = 1) -> list[Path]:
    """Zips of the articles 0 to ``count - 1``, one directory an article; the same bytes each time."""
    written = []
    for start in range(0, count, per_delivery):
        files: dict[str, bytes] = {}
        for number in range(start, min(start + per_delivery, count)):
            files |= {
                f"bench-{number:06d}/{name}": content for name, content in generated_article(number, size).items()
            }
        target = folder / f"bench-{start:06d}.zip"
        target.write_bytes(zipped(files))
        written.append(target)
    return written


@cache
def _journal(number: int) -> Journal:
    base = f"9999{700 + number}"
    checked = issn.format(base + issn.calc_check_digit(base))
    name = ("Ağaç", "Bulut", "Çınar", "Işık", "İğne")[number]
    return Journal(f"{name} Ölçümleri", f"BENCH{number}", PUBLISHER, "Isparta", "tr", checked, checked)


def _noise(chance: random.Random, size: int) -> Picture:
    return Picture(tuple(chance.randbytes(_DOTS) for _ in range(max(1, size // _DOTS))))


if __name__ == "__main__":
    target, count, size, per_delivery = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    write_generated_deliveries(target, count, size, per_delivery)
