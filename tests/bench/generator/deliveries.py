"""Deliveries with their names and receipts, what feeds offered, and an event for each article, linked in a chain."""

from __future__ import annotations

from bench.generator.filling import Filling
from bench.generator.size import A_DELIVERY

from repository.catalogue.deliveries import OF_PUBLISHER

_WAITING = 200
"""For so many deliveries there is one more that waits for a person, or was refused."""

_FINDING = (
    '[{"code":"bag-foreign","level":"warning","path":"","line":null,"message":"Örnek.","remedy":"Örnek.","params":{}}]'
)


def fill(to_fill: Filling) -> None:
    """Nearly all were accepted whole; those that wait came last."""
    size = to_fill.size
    waiting = max(size.deliveries // _WAITING, 10)
    at = f"({to_fill.epoch} - 43200 + d % 3600)"
    to_fill.table(
        "delivered",
        f"""
        SELECT i / {A_DELIVERY} AS d, md5_of(-1 - i / {A_DELIVERY}) AS id, publisher_id, at,
               CASE WHEN i / {A_DELIVERY} % 50 = 3 THEN 'partial' ELSE 'accepted' END AS state
          FROM generated WHERE i % {A_DELIVERY} = 0
        UNION ALL
        SELECT d, md5_of(-1 - d), d % {size.publishers} + 1, {at},
               CASE WHEN d % 3 = 0 THEN 'refused' ELSE 'quarantined' END
          FROM (SELECT {size.deliveries} + i AS d FROM {to_fill.numbers(waiting)}) AS more""",
    )
    to_fill.run(f"""
        INSERT INTO delivery (id, publisher_id, file_names, sha256, bytes, state, accepted_on, finished_at, attempts,
                              findings)
        SELECT id, publisher_id, json_of('["sayi-' || d || '.zip"]'), sha256_of('d' || d), 28000000, state,
               {to_fill.moment("at")}, {to_fill.moment("at + 120")}, 1,
               json_of(CASE state WHEN 'quarantined' THEN '{_FINDING}' ELSE '[]' END)
          FROM delivered ORDER BY d""")
    to_fill.run(
        "INSERT INTO delivery_name (folded, delivery_id) SELECT 'sayi-' || d || '.zip', id FROM delivered ORDER BY 1"
    )
    to_fill.run(f"""
        INSERT INTO delivery_article (delivery_id, position, name, article_id, doi, title, version, outcome, datestamp,
                                      findings)
        SELECT md5_of(-1 - i / {A_DELIVERY}), i % {A_DELIVERY}, 'makale-' || i || '.xml', id, '10.5555/' || i,
               'Makale ' || i, 1, 'accepted', {to_fill.moment("at")},
               json_of(CASE WHEN i / {A_DELIVERY} % 50 = 3 THEN '{_FINDING}' ELSE '[]' END)
          FROM generated ORDER BY i""")
    for what, place in (("deliveries", "''"), (OF_PUBLISHER, "'yayinevi-' || publisher_id")):
        to_fill.run(
            "INSERT INTO tally (what, part, place, state, number, bytes)"
            f" SELECT '{what}', 0, {place}, state, count(*), 28000000 * count(*) FROM delivered GROUP BY 3, 4"
        )
    to_fill.run(f"""
        INSERT INTO feed_item (feed, name, set_key, version, bytes, modified, state, delivery_id, first_seen)
        SELECT 'yayinevi-' || publisher_id, 'sayi-' || d || '.zip', 'sayi-' || d, '1', 28000000,
               {to_fill.moment("at")}, 'fetched', id, {to_fill.moment("at")}
          FROM delivered ORDER BY 1, 2""")
    _events(to_fill)


def _events(to_fill: Filling) -> None:
    size, agent = to_fill.size, "mahfuz bench"
    columns = "id, type, at, outcome, agent, detail, article_id, version, store, delivery_id, position, hash"
    to_fill.run(f"""
        INSERT INTO event ({columns})
        SELECT i + 1, 'ingestion', {to_fill.moment("at")}, 'success', '{agent}',
               json_of('{{"seal":"' || id || id || '","bytes":45}}'), id, 1, NULL, md5_of(-1 - i / {A_DELIVERY}), i + 1,
               octets_of(id)
          FROM generated ORDER BY i""")
    # One copy in ten thousand is damaged (bags), and the watch has said so.
    to_fill.run(f"""
        INSERT INTO event ({columns})
        SELECT {size.articles} + n, 'fixity check', {to_fill.moment("at + 86400 * 20")}, 'failure', '{agent}',
               json_of('{{"outcome":"damaged","detail":"bench"}}'), id, 1, 'izmir', NULL, {size.articles} + n,
               octets_of(id)
          FROM (SELECT id, at, row_number() OVER (ORDER BY i) AS n FROM generated WHERE i % 3000 = 11) AS found""")
    ((last, end),) = to_fill.ask("SELECT id, hash FROM event ORDER BY id DESC LIMIT 1")
    moment = to_fill.moment(str(to_fill.epoch))
    octets = f"'\\x{bytes(end).hex()}'::bytea" if to_fill.on_postgresql else f"x'{end.hex()}'"
    to_fill.run("DELETE FROM chain_end")
    to_fill.run(f"INSERT INTO chain_end (id, position, hash) VALUES (1, {last}, {octets})")
    to_fill.run("DELETE FROM chain_proof")
    to_fill.run(f"""
        INSERT INTO chain_proof (id, looked_at, position, hash, proved_at, walked, walked_hash, month, began_at,
                                 ended_at, problems, silent)
        VALUES (1, {moment}, {last}, {octets}, {moment}, {last}, {octets}, NULL, {moment}, {moment}, '[]', '{{}}')""")
