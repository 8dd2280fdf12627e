"""What the night watch has written down: rounds, days, inventories, and what stores said of themselves."""

from __future__ import annotations

from bench.generator.filling import Filling
from bench.generator.size import STORES

_ROUNDS = 1_000


def fill(to_fill: Filling) -> None:
    """A thousand rounds; every day of the last year of each store and of each publisher."""
    size, now = to_fill.size, to_fill.epoch
    day = size.articles // 90
    began = f"{now} - ({_ROUNDS} - i) * 3600"
    to_fill.run(f"""
        INSERT INTO round (id, started_at, finished_at, scope, expected, intact, damaged, missing, unreadable, mended,
                           bytes)
        SELECT i + 1, {to_fill.moment(began)}, {to_fill.moment(began + " + 1800")}, 'due', {day // 24}, {day // 24}, 0,
               0, 0, 0, {day * 45} FROM {to_fill.numbers(_ROUNDS)}""")
    for store in STORES:
        to_fill.run(f"""
            INSERT INTO watch_day (store, day, intact, damaged, missing, unreadable, mended, bytes, milliseconds, late)
            SELECT '{store}', {to_fill.day(f"{now} - (i + 1) * 86400")}, {day}, 0, 0, 0, 0, {day * 1_400_000},
                   {day * 20}, 0
              FROM {to_fill.numbers(360)}""")
    to_fill.run(f"""
        INSERT INTO publisher_day (publisher_id, day, intact, damaged, missing, unreadable, mended, bytes, late)
        SELECT i % {size.publishers} + 1, {to_fill.day(f"{now} - (i / {size.publishers} + 1) * 86400")},
               {max(day // size.publishers, 1)}, 0, 0, 0, 0, {day * 1000}, 0
          FROM {to_fill.numbers(360 * size.publishers)}""")
    moment = to_fill.moment(str(now - 86400))
    for number, store in enumerate(STORES, 1):
        to_fill.run(f"""
            INSERT INTO inventory (id, store, started_at, finished_at, place, copies, objects, bytes, arriving, found)
            VALUES ({number}, '{store}', {moment}, {moment}, '', {size.articles}, {size.articles}, {size.articles * 45},
                    0, '{{}}')""")
        to_fill.run(f"""
            INSERT INTO store_answer (store, asked_at, answered_at, free_bytes, total_bytes)
            VALUES ('{store}', {moment}, {moment}, 1000000000000, 4000000000000)""")
    moment = to_fill.moment(str(now - 3600))
    to_fill.run(f"""
        INSERT INTO recount (id, started_at, finished_at, reached, ranges, rows)
        VALUES (1, {moment}, {moment}, 257, 257, {4 * size.articles})""")
