"""Institutions, what they licensed with its title lists, what was triggered, and what was used."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

from bench.generator.filling import Filling
from bench.generator.size import Size

from repository.turkish import tr_fold

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_METRICS = ("Total_Item_Investigations", "Unique_Item_Investigations", "Total_Item_Requests", "Unique_Item_Requests")
_TRIGGERS = 5
_PREVIEW = '{"articles":100,"titles":10,"institutions":155,"missing":0,"at_most":false}'


def fill(to_fill: Filling) -> None:
    """155 institutions of one consortium; one licence in ten is national, the others are one institution's."""
    size, dice = to_fill.size, random.Random(2026)
    _institutions(to_fill, size, dice)
    _licences(to_fill, size, dice)
    _triggers(to_fill, size)
    _used(to_fill, size)
    _expected(to_fill, size)


def _stamp(to_fill: Filling, moment: datetime) -> str | datetime:
    return moment if to_fill.on_postgresql else moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def _day(to_fill: Filling, day: date) -> str | date:
    return day if to_fill.on_postgresql else day.isoformat()


def _institutions(to_fill: Filling, size: Size, dice: random.Random) -> None:
    numbers = range(1, size.institutions + 1)
    to_fill.rows("consortium", "id, code, name", [(1, "ulusal", "Ulusal Konsorsiyum")])
    to_fill.rows(
        "institution",
        "id, code, name, sort_key, folded, active, created_at",
        (
            (n, f"kurum-{n}", name, f"{n:05d}", tr_fold(name), True, _stamp(to_fill, _NOW))
            for n, name in ((n, f"Örnek Üniversitesi {n}") for n in numbers)
        ),
    )
    to_fill.rows(
        "institution_network",
        "id, institution_id, given, first, last",
        (
            (
                n,
                n,
                f"10.{n}.0.0/16",
                f"{0xFFFF_0A00_0000 + (n << 16):032x}",
                f"{0xFFFF_0A00_0000 + (n << 16) + 0xFFFF:032x}",
            )
            for n in numbers
        ),
    )
    to_fill.rows(
        "membership",
        "consortium_id, institution_id, since",
        ((1, n, _day(to_fill, date(dice.randint(2005, 2015), 1, 1))) for n in numbers),
    )


def _licences(to_fill: Filling, size: Size, dice: random.Random) -> None:
    rows, periods, parties = [], [], []
    columns = (
        "id, code, name, folded, publisher_id, type, basis, status, closure, perpetual, back_years, hosting, created_at"
    )
    for n in range(1, size.licences + 1):
        national = n % 10 == 0
        first = dice.randint(2005, 2018)
        last = dice.randint(first, 2025)
        closed = last < 2025
        perpetual = dice.choice(("paid_years", "paid_years", "full", "none"))
        hosting = dice.choice(("on_trigger", "on_trigger", "exclusive", "always"))
        said = (dice.randint(1, size.publishers), "national" if national else "local", "signed")
        stands = ("closed", "cancelled") if closed else ("active", None)
        named = (n, f"lisans-{n}", f"Lisans {n}", f"lisans {n}")
        rows.append((*named, *said, *stands, perpetual, 0, hosting, _stamp(to_fill, _NOW)))
        periods.append((n, _day(to_fill, date(first, 1, 1)), _day(to_fill, date(last, 12, 31))))
        parties.append((n, n, None if national else n % size.institutions + 1, 1 if national else None))
    to_fill.rows("licence", columns, rows)
    to_fill.rows("licence_period", "licence_id, since, until", periods)
    to_fill.rows("licence_party", "id, licence_id, institution_id, consortium_id", parties)
    # A fiftieth of the lines is not agreed on; every line has the act by which it was entered.
    at = to_fill.moment(str(int(_NOW.timestamp())))
    to_fill.run(f"""
        INSERT INTO entitlement (id, licence_id, title_id, name, first_date, first_volume, embargo, state, source, row,
                                 by, at)
        SELECT row_number() OVER (ORDER BY licence_id, title_id), licence_id, title_id, name, '2005',
               CASE WHEN n % 2 = 1 THEN '1' END, CASE WHEN n % 7 = 0 THEN 'P1Y' END,
               CASE WHEN n % 50 = 0 THEN 'asserted' ELSE 'agreed' END, 'liste.txt', n + 1, 'bench', {at}
          FROM (SELECT licence.id AS licence_id, title.id AS title_id, title.name AS name,
                       row_number() OVER (PARTITION BY licence.id ORDER BY title.id) AS n
                  FROM licence JOIN title ON title.publisher_id = licence.publisher_id) AS listed
         WHERE n <= {size.in_a_list}""")
    to_fill.run(f"""
        INSERT INTO entitlement_act (id, entitlement_id, state, side, by, at, reason)
        SELECT id, id, state, 'archive', 'bench', {at}, 'liste.txt' FROM entitlement""")


def _triggers(to_fill: Filling, size: Size) -> None:
    """Each opens one publisher, or ten journals, from a day of last year on; one waits for a second person."""
    moment = to_fill.moment(str(to_fill.epoch - 200 * 86400))
    for n in range(1, _TRIGGERS + 1):
        approved = f"'b', {moment}" if n < _TRIGGERS else "NULL, NULL"
        to_fill.run(f"""
            INSERT INTO trigger_event (id, code, kind, audience, nation, reason, effective, preview, proposed_by,
                                       proposed_at, approved_by, approved_at, announced_state, announced)
            VALUES ({n}, 'olay-{n}', 'publisher_ceased', '{"everyone" if n % 2 else "entitled"}', false, 'Örnek',
                    {moment}, '{_PREVIEW}', 'a', {moment}, {approved}, {"'open'" if n < _TRIGGERS else "NULL"}, 0)""")
        if n % 2:
            column, values = "publisher_id", (size.publishers - n,)
        else:
            column, values = "title_id", tuple(size.journals_of(2))[:10]
        for value in values:
            to_fill.run(f"INSERT INTO trigger_scope (trigger_id, {column}) VALUES ({n}, {value})")


def _used(to_fill: Filling, size: Size) -> None:
    """In the last year, each institution every day: so many journals as there are articles for it."""
    metrics = " UNION ALL ".join(f"SELECT '{metric}' AS metric" for metric in _METRICS)
    inst, day, turn = (
        f"(i % {size.institutions} + 1)",
        f"(i / {size.institutions} % 360)",
        f"(i / {size.institutions} / 360)",
    )
    to_fill.run(f"""
        INSERT INTO usage_day (institution_id, day, title_id, year, access_type, metric, number)
        SELECT {inst}, {to_fill.date(f"{to_fill.epoch} - {day} * 86400")},
               ({inst} * 37 + {day} * 11 + {turn}) % {size.journals} + 1, 2020 + i % 6, 'Controlled', metric, 1 + i % 5
          FROM {to_fill.numbers(max(size.articles // 16, 1000))}, ({metrics}) AS metrics ORDER BY 1, 2, 3""")


def _expected(to_fill: Filling, size: Size) -> None:
    """Of one journal in ten a list says a hundred articles; it was counted yesterday."""
    to_fill.run(f"""
        INSERT INTO expectation (id, title_id, source, key, goes_on, doi, year, volume)
        SELECT i + 1, i / 100 * 10 + 1, 'kbart.txt', '10.5555/x' || i, false, '10.5555/x' || i, 2010, '10'
          FROM {to_fill.numbers(size.journals // 10 * 100)}""")
    counted, due = to_fill.moment(str(to_fill.epoch - 86400)), to_fill.moment(str(to_fill.epoch + 30 * 86400))
    to_fill.run(f"""
        INSERT INTO shortfall (title_id, expected, missing, counted_at, due)
        SELECT i * 10 + 1, 100, 100, {counted}, {due} FROM {to_fill.numbers(size.journals // 10)}""")
