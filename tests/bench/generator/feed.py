"""The change feed: a change for each article, the sets in which it stands, and what is counted of each day."""

from __future__ import annotations

from bench.generator.filling import Filling

_SETS = (
    (1, "type", "Article types"),
    (2, "type:research-article", "research-article"),
    (3, "type:review-article", "review-article"),
    (4, "open", "Open now"),
)


def fill(to_fill: Filling) -> None:
    """Each article is announced once, those of one delivery at one moment."""
    to_fill.run(
        "INSERT INTO change (number, article_id, version, state, datestamp)"
        f" SELECT i + 1, id, 1, state, {to_fill.moment('at')} FROM generated ORDER BY i"
    )
    to_fill.rows("harvest_set", "id, spec, name", _SETS)
    belonging = {"1": "true", "2": "kind <> 0", "3": "kind = 0", "4": "is_open"}
    for number, whether in belonging.items():
        to_fill.run(
            "INSERT INTO set_member (set_id, datestamp, change_number)"
            f" SELECT {number}, {to_fill.moment('at')}, i + 1 FROM generated WHERE {whether} ORDER BY i"
        )
    places = {"''": "true", "'p' || publisher_id": "true", "'t' || title_id": "true"}
    places |= {f"'s{number}'": whether for number, whether in belonging.items()}
    for place, whether in places.items():
        to_fill.run(f"""
            INSERT INTO feed_day (place, day, number, deleted, digest)
            SELECT place, day, number, deleted, octets_of(place || day) FROM (
                SELECT {place} AS place, {to_fill.day("at")} AS day, count(*) AS number,
                       sum(CASE state WHEN 'withdrawn' THEN 1 ELSE 0 END) AS deleted
                  FROM generated WHERE {whether} GROUP BY 1, 2) AS counted ORDER BY 1, 2""")
    last = f"{to_fill.epoch - 3600}"
    to_fill.run("DELETE FROM change_head")
    to_fill.run(
        f"INSERT INTO change_head (id, number, datestamp) VALUES (1, {to_fill.size.articles}, {to_fill.moment(last)})"
    )
