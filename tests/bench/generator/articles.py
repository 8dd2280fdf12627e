"""Articles in the order in which they came, each in its issue, with what is searched and what it is known by.

``generated`` is where each of them belongs; the other steps begin with it.
"""

from __future__ import annotations

import json
import random
from itertools import accumulate

from bench.generator.filling import Filling
from bench.generator.size import A_DELIVERY, FIRST_YEAR, LARGE_JOURNAL, WORDS_OF_A_TITLE, YEARS

_TEXTS = 2999
"""Abstracts that are told again and again, too far apart for any compression to notice."""

_LETTERS = "aaaaeeeeiiııoöuüürrrllnnnnddkkkttssşmmybgzçhğvpcfj"


def fill(to_fill: Filling) -> None:
    """The articles, their words, what one says of another, and what journals and issues count of them."""
    _place(to_fill)
    _count(to_fill)
    _name(to_fill)
    _describe(to_fill)
    words = " UNION ALL ".join(f"SELECT w{k} AS word, id FROM worded" for k in range(WORDS_OF_A_TITLE))
    to_fill.run(
        f"INSERT INTO article_word (word, article_id) SELECT DISTINCT word, id FROM ({words}) AS w ORDER BY 1, 2"
    )
    to_fill.run(
        "INSERT INTO alias (digest, article_id) SELECT substr(sha256_of('place:' || id), 1, 32), id"
        " FROM generated ORDER BY 1"
    )
    # One article in fifty corrects the one before it; one in a hundred has the publisher's own front matter.
    to_fill.run(
        "INSERT INTO link (article_id, target, type)"
        " SELECT id, '10.5555/' || (i - 1), 'corrected-article' FROM generated WHERE i % 50 = 1 ORDER BY 1"
    )


def _count(to_fill: Filling) -> None:
    """The issues of 25 years of each journal, and how many articles are shown in each and in the journal."""
    for table, column in (("issue", "issue_id"), ("title", "title_id")):
        counted = f"counted_{table}"
        shown = "FROM generated WHERE state = 'active' GROUP BY 1"
        to_fill.table(counted, f"SELECT {column} AS id, count(*) AS number {shown}")
        to_fill.run(f"CREATE INDEX of_{counted} ON {counted} (id)")
    year = f"(i % {YEARS})"
    to_fill.run(f"""
        INSERT INTO issue (id, title_id, shelf, year, volume, issue, articles)
        SELECT i + 1, i / {YEARS} + 1,
               CAST({FIRST_YEAR} + {year} AS text) || '|' ||
               substr('00000000' || CAST({year} + 1 AS text), length(CAST({year} + 1 AS text)) + 1) || '|00000001',
               {FIRST_YEAR} + {year}, CAST({year} + 1 AS text), '1', coalesce(number, 0)
          FROM {to_fill.numbers(to_fill.size.journals * YEARS)} LEFT JOIN counted_issue ON counted_issue.id = i + 1
         ORDER BY i""")
    to_fill.run("UPDATE title SET articles = number FROM counted_title WHERE counted_title.id = title.id")


def _place(to_fill: Filling) -> None:
    size = to_fill.size
    journal = (
        f"CASE WHEN i % {LARGE_JOURNAL} = 7 THEN 1 ELSE (i / {size.per_issue}) % {size.journals} + 1 END AS title_id"
    )
    year = (
        f"CASE WHEN i % {LARGE_JOURNAL} = 7 THEN i * {YEARS} / {size.articles}"
        f" ELSE (i / {size.per_issue} / {size.journals}) % {YEARS} END AS year"
    )
    # Those of one delivery are announced at one moment.
    began, span = to_fill.epoch - (size.days + 1) * 86400, size.days * 86400
    step = f"({began} + i / {A_DELIVERY} * {A_DELIVERY} * {span} / {size.articles})"
    to_fill.table(
        "generated",
        f"""
        SELECT i, md5_of(i) AS id, title_id, (title_id - 1) * {YEARS} + year + 1 AS issue_id, year, at,
               CASE WHEN title_id <= {size.largest} THEN 1
                    ELSE 2 + (title_id - {size.largest} - 1) / {size.per_publisher} END AS publisher_id,
               CASE WHEN i % 997 = 5 THEN 'withdrawn' ELSE 'active' END AS state,
               i % 4 AS kind, i % 5 = 0 AS is_open
          FROM (SELECT i, {journal}, {year}, {step} AS at FROM {to_fill.numbers(size.articles)}) AS placed""",
    )


def _name(to_fill: Filling) -> None:
    """The words of each title, worked out once."""
    ranks = ", ".join(f"rank_of(h, {k}) AS r{k}" for k in range(WORDS_OF_A_TITLE))
    words = ", ".join(f"word(r{k}) AS w{k}" for k in range(WORDS_OF_A_TITLE))
    to_fill.table(
        "worded",
        f"""
        WITH hashed AS MATERIALIZED (SELECT i, id, dice(i) AS h FROM generated),
             ranked AS MATERIALIZED (SELECT i, id, {ranks} FROM hashed)
        SELECT i, id, {words} FROM ranked""",
    )
    to_fill.run("CREATE INDEX of_worded ON worded (i)")


def _describe(to_fill: Filling) -> None:
    title = " || ' ' || ".join(f"w{k}" for k in range(WORDS_OF_A_TITLE))
    said = "''"
    if to_fill.size.spoken:
        to_fill.table("texts", f"SELECT i AS id, CAST('' AS text) AS said FROM {to_fill.numbers(0)}")
        to_fill.rows("texts", "id, said", enumerate(_texts()))
        to_fill.run("CREATE INDEX of_texts ON texts (id)")
        said = f"(SELECT said FROM texts WHERE texts.id = i % {_TEXTS})"
    record = f"""'{{"title":"' || name || '","translated_titles":{{"en":"' || name || '"}},"language":"tr",'
        || '"journal_title":"' || journal || '","publisher":"Yayınevi ' || publisher_id || '",'
        || '"issn_electronic":"' || issn || '","volume":"' || (year + 1) || '","issue":"1","first_page":"' || i
        || '","doi":"10.5555/' || i
        || '","authors":[{{"family":"Örnek","given":"Ayşe"}},{{"family":"Deneme","given":"Ali"}}],'
        || '"published":{{"electronic/pub":"' || ({FIRST_YEAR} + year) || '-03"}},"article_type":"'
        || CASE kind WHEN 0 THEN 'review-article' ELSE 'research-article' END || '"'
        || CASE WHEN is_open THEN ',"licence":"https://creativecommons.org/licenses/by/4.0/"' ELSE '' END
        || {said} || '}}'"""
    places = """'["p' || publisher_id || '","t' || title_id || '","s1","s' || CASE kind WHEN 0 THEN 3 ELSE 2 END || '"'
        || CASE WHEN is_open THEN ',"s4"' ELSE '' END || ']'"""
    to_fill.run(f"""
        INSERT INTO article (id, title_id, publisher_id, state, version, doi, issue_id, shelf, record, change_number,
                             datestamp, places)
        SELECT id, title_id, publisher_id, state, 1, '10.5555/' || i, issue_id,
               substr('00000000' || i, length(CAST(i AS text)) + 1) || '|' || name, json_of({record}), i + 1,
               {to_fill.moment("at")}, json_of({places})
          FROM (SELECT g.*, t.set_issn AS issn, t.name AS journal, {title} AS name
                  FROM generated AS g JOIN worded AS w ON w.i = g.i JOIN title AS t ON t.id = g.title_id) AS described
         ORDER BY i""")


def _texts() -> list[str]:
    """What is long in a description: words as frequent as those of a language."""
    chance = random.Random(2026)
    words = ["".join(chance.choices(_LETTERS, k=chance.randint(2, 11))) for _ in range(20_000)]
    weights = list(accumulate(1 / (rank + 5) for rank in range(len(words))))

    def said(number: int) -> str:
        return " ".join(chance.choices(words, cum_weights=weights, k=number)).capitalize() + "."

    return [
        ","
        + json.dumps(
            {"abstracts": {"tr": said(60), "en": said(70)}, "keywords": [said(2) for _ in range(6)]},
            ensure_ascii=False,
            separators=(",", ":"),
        )[1:-1]
        for _ in range(_TEXTS)
    ]
