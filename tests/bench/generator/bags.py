"""One bag to each article and its copies in three stores, verified in the weeks before and due in the weeks to come.

A bag's bytes are its own key, so that a pass can read it to its last byte and find its seal without a disk.
"""

from __future__ import annotations

from bench.generator.filling import Filling
from bench.generator.size import A_DELIVERY, STORES

from repository.catalogue.tallies import BAGS_IN_A_PART
from repository.promise import Promises
from repository.vocabulary import bag_key

_SPAN_DAYS = 71
"""Copies were verified up to so many days ago, each due again 80 to 100 % of 90 days after that."""

_OCTETS = len(bag_key("0" * 32, 1))


def fill(to_fill: Filling) -> None:
    """Of the copies one in ten thousand is damaged, one in twenty thousand missing, as many were never read and as many
    cannot be read; ``Size.due`` are due, the others are to be read in the weeks to come.
    """
    size = to_fill.size
    to_fill.run(f"""
        INSERT INTO aip (id, article_id, version, seal, bytes, payload_digest, bagging_date, delivery_id, registered_at)
        SELECT i + 1, id, 1, sha256_of(substr(id, 1, 2) || '/' || substr(id, 3, 2) || '/' || id || '/v1.tar'),
               {_OCTETS}, id || id, {to_fill.day("at")}, md5_of(-1 - i / {A_DELIVERY}), {to_fill.moment("at")}
          FROM generated ORDER BY i""")
    to_fill.run("""
        INSERT INTO file (aip_id, position, path, "offset", bytes, sha512, format)
        SELECT i + 1, n, CASE n WHEN 0 THEN 'article.pdf' ELSE 'article.xml' END, 4096 + n * 100000, 90000,
               octets_of(id), CASE n WHEN 0 THEN 'fmt/18' ELSE 'fmt/101' END
          FROM generated, (SELECT 0 AS n UNION ALL SELECT 1) AS files ORDER BY 1, 2""")
    _copies(to_fill)
    to_fill.run(
        "INSERT INTO tally (what, part, place, state, number, bytes)"
        f" SELECT 'articles', {_part(to_fill)}, '', state, count(*), 0 FROM generated GROUP BY 2, 4"
    )
    to_fill.run(
        "INSERT INTO tally (what, part, place, state, number, bytes)"
        f" SELECT 'aips', (i + 1) / {BAGS_IN_A_PART}, '', 'kept', count(*), {_OCTETS} * count(*)"
        " FROM generated GROUP BY 2"
    )
    for store in STORES:
        to_fill.run(
            "INSERT INTO tally (what, part, place, state, number, bytes)"
            f" SELECT 'added', 0, '{store}', {to_fill.day('at')}, count(*), {_OCTETS} * count(*)"
            " FROM generated GROUP BY 4"
        )
    moment = to_fill.moment(str(to_fill.epoch))
    to_fill.run(
        "INSERT INTO policy_in_force (id, digest, aip_id, started_at, finished_at)"
        f" VALUES (1, '{Promises().digest}', {size.articles}, {moment}, {moment})"
    )


def _part(to_fill: Filling) -> str:
    """The part in which an article is tallied: the first two digits of its id."""
    if to_fill.on_postgresql:
        return "CAST(CAST('x' || substr(id, 1, 2) AS bit(8)) AS int)"
    digits = "'0123456789abcdef'"
    return f"((instr({digits}, substr(id, 1, 1)) - 1) * 16 + instr({digits}, substr(id, 2, 1)) - 1)"


def _copies(to_fill: Filling) -> None:
    # A copy's number decides everything of it: its state, and when it was read and is to be read.
    now, each = to_fill.epoch, -(-to_fill.size.due // len(STORES))
    places = " UNION ALL ".join(f"SELECT {at} AS place, '{store}' AS store" for at, store in enumerate(STORES))
    age = f"(mix % {_SPAN_DAYS * 86400})"
    ahead = f"(80 * 86400 - {age} + mix % 86400 + 3600)"
    due = f"CASE WHEN i < {each} AND {each} * place + i < {to_fill.size.due} THEN -60 - i ELSE {ahead} END"
    to_fill.run(f"""
        INSERT INTO copy (aip_id, store, state, verified_at, promised_until, unreadable_since, next_due)
        SELECT i + 1, store,
               CASE mix % 20000 WHEN 1 THEN 'damaged' WHEN 2 THEN 'damaged' WHEN 3 THEN 'missing'
                                WHEN 4 THEN 'unverified' ELSE 'intact' END,
               CASE mix % 20000 WHEN 4 THEN NULL ELSE {to_fill.moment(f"{now} - {age}")} END,
               CASE mix % 20000 WHEN 4 THEN NULL ELSE {to_fill.moment(f"{now} - {age} + 90 * 86400")} END,
               CASE mix % 20000 WHEN 5 THEN {to_fill.moment(f"{now} - 7200")} END,
               {to_fill.moment(f"{now} + {due}")}
          FROM (SELECT i, place, store, (i + place) * 2654435761 % 4294967296 AS mix
                  FROM generated, ({places}) AS places) AS copies
         ORDER BY 1, 2""")
    counted = "CASE WHEN unreadable_since IS NULL THEN state ELSE 'unreadable' END"
    to_fill.run(f"""
        INSERT INTO tally (what, part, place, state, number, bytes)
        SELECT 'copies', aip_id / {BAGS_IN_A_PART}, store, {counted}, count(*), {_OCTETS} * count(*)
          FROM copy GROUP BY 2, 3, 4""")
    to_fill.run(f"""
        INSERT INTO tally (what, part, place, state, number, bytes)
        SELECT 'never verified', aip_id / {BAGS_IN_A_PART}, store, '', count(*), {_OCTETS} * count(*)
          FROM copy WHERE verified_at IS NULL GROUP BY 2, 3""")
