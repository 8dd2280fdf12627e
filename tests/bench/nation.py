"""A nation on paper: institutions, licences with title lists, journals with issues and articles; no bags, no copies."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from repository.catalogue import Catalogue
from repository.models import (
    Article,
    Consortium,
    Entitlement,
    Institution,
    InstitutionNetwork,
    Issue,
    Licence,
    LicenceParty,
    LicencePeriod,
    Membership,
    Publisher,
    Title,
    TitleIssn,
)

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_AT_ONCE = 20_000
FIRST_YEAR, LAST_YEAR = 2001, 2025
WORDS = 30_000


@dataclass(frozen=True)
class Nation:
    """How large it is."""

    institutions: int = 155
    licences: int = 1628
    titles: int = 20_000
    articles: int = 1_000_000
    publishers: int = 60
    in_a_list: int = 400
    """Journals in a title list, at most."""


def issn(number: int) -> str:
    """The ISSN of the journal with this number, with its check digit (ISO 3297)."""
    seven = f"{1_000_000 + number:07d}"
    rest = -sum(int(digit) * weight for digit, weight in zip(seven, range(8, 1, -1), strict=True)) % 11
    return f"{seven[:4]}-{seven[4:]}{'X' if rest == 10 else rest}"


def article_id(number: int) -> str:
    """The id of the article with this number: ids stand as evenly as the digests that they are in earnest."""
    return f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128):032x}"


def word(rank: int) -> str:
    """A word of titles by how frequent it is, 0 being on every third title; neighbours begin alike."""
    letters = ""
    for _ in range(4):
        rank, letter = divmod(rank, 26)
        letters = chr(ord("a") + letter) + letters
    return f"s{letters}"


def found(catalogue: Catalogue, size: Nation) -> None:
    """Enter the nation, in bulk, and let the database look at what it has."""
    dice = random.Random(2026)
    with catalogue.writing() as session:
        _institutions(session, size, dice)
        _titles(session, size)
        _licences(session, size, dice)
    _articles(catalogue, size)
    with catalogue.writing() as session:
        _words(session, size, dice)
    with catalogue.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as bare:
        bare.execute(text("ANALYZE"))


def _many(session: Session, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    some: list[dict[str, Any]] = []
    for row in rows:
        some.append(row)
        if len(some) == _AT_ONCE:
            session.connection().execute(insert(table), some)
            some.clear()
    if some:
        session.connection().execute(insert(table), some)


def _institutions(session: Session, size: Nation, dice: random.Random) -> None:
    numbers = range(1, size.institutions + 1)
    session.add(Consortium(id=1, code="ulusal", name="Ulusal Konsorsiyum"))
    session.flush()
    _many(
        session,
        Institution,
        (
            {
                "id": n,
                "code": f"kurum-{n}",
                "name": f"Örnek Üniversitesi {n}",
                "sort_key": f"{n:05d}",
                "folded": f"ornek universitesi {n}",
                "active": True,
                "created_at": _NOW,
            }
            for n in numbers
        ),
    )
    _many(
        session,
        InstitutionNetwork,
        (
            {
                "institution_id": n,
                "given": f"10.{n}.0.0/16",
                "first": f"{0xFFFF_0A00_0000 + (n << 16):032x}",
                "last": f"{0xFFFF_0A00_0000 + (n << 16) + 0xFFFF:032x}",
            }
            for n in numbers
        ),
    )
    joined = {n: date(dice.randint(2005, 2015), 1, 1) for n in numbers}
    _many(
        session,
        Membership,
        ({"consortium_id": 1, "institution_id": n, "since": joined[n], "until": None} for n in numbers),
    )


def _titles(session: Session, size: Nation) -> None:
    per_publisher = max(size.titles // size.publishers, 1)
    _many(
        session,
        Publisher,
        (
            {"id": n, "name": f"Yayınevi {n}", "slug": f"yayinevi-{n}", "titles_agreed": False}
            for n in range(1, size.publishers + 1)
        ),
    )
    per_title = max(size.articles // size.titles, 1)
    _many(
        session,
        Title,
        (
            {
                "id": n,
                "publisher_id": min((n - 1) // per_publisher, size.publishers - 1) + 1,
                "name": f"Örnek Dergisi {n}",
                "sort_key": f"{n:06d}",
                "folded": f"ornek dergisi {n}",
                "issn_electronic": issn(n),
                "set_issn": issn(n),
                "articles": per_title,
            }
            for n in range(1, size.titles + 1)
        ),
    )
    _many(session, TitleIssn, ({"issn": issn(n), "title_id": n} for n in range(1, size.titles + 1)))
    per_issue = max(per_title // (LAST_YEAR - FIRST_YEAR + 1), 1)
    years = range(FIRST_YEAR, min(LAST_YEAR, FIRST_YEAR + per_title // per_issue - 1) + 1)
    _many(
        session,
        Issue,
        (
            {
                "id": (n - 1) * len(years) + at + 1,
                "title_id": n,
                "shelf": f"{year:04d}|{at + 1:08d}|00000001",
                "year": year,
                "volume": str(at + 1),
                "issue": "1",
                "articles": per_issue,
            }
            for n in range(1, size.titles + 1)
            for at, year in enumerate(years)
        ),
    )


def _licences(session: Session, size: Nation, dice: random.Random) -> None:
    numbers = range(1, size.licences + 1)
    rows, periods, parties = [], [], []
    whose = {n: dice.randint(1, size.publishers) for n in numbers}
    for n in numbers:
        national = n % 10 == 0
        first = dice.randint(2005, 2018)
        last = dice.randint(first, 2025)
        closed = last < 2025
        rows.append(
            {
                "id": n,
                "code": f"lisans-{n}",
                "name": f"Lisans {n}",
                "folded": f"lisans {n}",
                "publisher_id": whose[n],
                "type": "national" if national else "local",
                "basis": "signed",
                "status": "closed" if closed else "active",
                "closure": "cancelled" if closed else None,
                "perpetual": dice.choice(("paid_years", "paid_years", "full", "none")),
                "back_years": 0,
                "hosting": dice.choice(("on_trigger", "on_trigger", "exclusive", "always")),
                "created_at": _NOW,
            }
        )
        periods.append({"licence_id": n, "since": date(first, 1, 1), "until": date(last, 12, 31)})
        who = None if national else n % size.institutions + 1
        parties.append(
            {
                "licence_id": n,
                "institution_id": who,
                "consortium_id": 1 if national else None,
                "since": None,
                "until": None,
            }
        )
    _many(session, Licence, iter(rows))
    _many(session, LicencePeriod, iter(periods))
    _many(session, LicenceParty, iter(parties))
    per_publisher = max(size.titles // size.publishers, 1)
    _many(
        session,
        Entitlement,
        (
            {
                "licence_id": n,
                "title_id": (whose[n] - 1) * per_publisher + at + 1,
                "name": "Örnek",
                "first_date": "2005",
                "first_volume": "1" if at % 2 else None,
                "last_date": None,
                "embargo": "P1Y" if at % 7 == 0 else None,
                "state": "agreed" if at % 50 else "asserted",
                "by": "bench",
                "at": _NOW,
            }
            for n in numbers
            for at in range(min(size.in_a_list, per_publisher))
        ),
    )


def _words(session: Session, size: Nation, dice: random.Random) -> None:
    """About eight words to each article, as frequent as words are (Zipf)."""

    def rows() -> Iterator[tuple[str, str]]:
        for rank in range(WORDS):
            share, number, some = 0.88 / (rank + 3), 0, []
            while (number := number + 1 + int(math.log(1 - dice.random()) / math.log(1 - share))) <= size.articles:
                some.append(article_id(number))
            yield from ((word(rank), identifier) for identifier in sorted(some))

    if session.get_bind().dialect.name == "postgresql":
        cursor = session.connection().connection.cursor()
        with cursor.copy("COPY article_word (word, article_id) FROM STDIN") as copy:  # type: ignore[attr-defined]
            for row in rows():
                copy.write_row(row)
    else:
        session.connection().connection.cursor().executemany("INSERT INTO article_word VALUES (?, ?)", rows())


def _articles(catalogue: Catalogue, size: Nation) -> None:
    per_title = max(size.articles // size.titles, 1)
    per_issue = max(per_title // (LAST_YEAR - FIRST_YEAR + 1), 1)
    issues = min(LAST_YEAR - FIRST_YEAR + 1, per_title // per_issue)
    number = 0
    for first in range(1, size.titles + 1, 400):
        rows = []
        for title in range(first, min(first + 400, size.titles + 1)):
            for at in range(issues):
                for page in range(per_issue):
                    number += 1
                    year = FIRST_YEAR + at
                    rows.append(
                        {
                            "id": article_id(number),
                            "title_id": title,
                            "publisher_id": 1,
                            "state": "active",
                            "version": 1,
                            "doi": f"10.5555/{number}",
                            "issue_id": (title - 1) * issues + at + 1,
                            "shelf": f"{page:08d}",
                            "record": {
                                "title": f"Makale {number}",
                                "issn_electronic": issn(title),
                                "volume": str(at + 1),
                                "issue": "1",
                                "published": {"ppub": f"{year}-03"},
                            },
                            "change_number": number,
                            "datestamp": _NOW,
                            "places": [],
                        }
                    )
        with catalogue.writing() as session:
            _many(session, Article, iter(rows))
