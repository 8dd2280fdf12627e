"""Words in, articles out: folding, completion, and pages that meet every article once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pages
import pytest
from sqlalchemy import select

from repository import search
from repository.models import Article
from repository.vocabulary import ArticleState


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = pages.site(database_url)
    yield site
    site.catalogue.close()


def found(archive: pages.Site, text: str) -> set[str]:
    with archive.catalogue.reading() as rows:
        answer = search.articles(rows, search.understand(text), limit=100)
        return {line.record.title or "" for line in answer.articles}


def walked(archive: pages.Site, text: str, limit: int) -> list[str]:
    after, met = None, []
    while True:
        with archive.catalogue.reading() as rows:
            answer = search.articles(rows, search.understand(text), after=after, limit=limit)
        met += [line.id for line in answer.articles]
        after = answer.after
        if after is None:
            return met


@pytest.mark.parametrize(
    "typed",
    [
        "10.5555/Ornek.7",
        "doi:10.5555/ornek.7",
        "https://doi.org/10.5555/ornek.7",
        "http://dx.doi.org/10.5555/ORNEK.7",
        "  info:doi/10.5555/ornek.7 ",
    ],
)
def test_a_doi_in_any_form_leads_to_its_article(archive: pages.Site, typed: str) -> None:
    identifier = pages.enter(archive, pages.record(7))
    answer = archive.client.get("/search", query_string={"q": typed})
    assert answer.status_code == 302
    assert answer.location == f"/articles/{identifier}"


@pytest.mark.parametrize("typed", ["1300-0632", "13000632", "ISSN 1300-0632", "issn:1300-0632"])
def test_an_issn_leads_to_its_journal(archive: pages.Site, typed: str) -> None:
    pages.enter(archive, pages.record(1))
    assert archive.client.get("/search", query_string={"q": typed}).location == "/titles/1300-0632"


def test_capitals_and_dots_make_no_difference(archive: pages.Site) -> None:
    title = "ISPARTA'da ısıl işlem: İğne yapraklılar"
    pages.enter(archive, pages.record(1, title=title))
    for typed in ("isparta", "ısparta", "ISPARTA", "İSPARTA", "Isıl İŞLEM", "isil islem", "IGNE", "iğne YAPRAKLILAR"):
        assert found(archive, typed) == {title}, typed


def test_every_word_must_be_there_and_the_last_may_be_a_beginning(archive: pages.Site) -> None:
    pages.enter(archive, pages.record(1, title="Gül yetiştiriciliğinde sulama"))
    pages.enter(archive, pages.record(2, title="Gül ihracatı"))
    assert len(found(archive, "gül")) == 2
    assert found(archive, "gül sul") == {"Gül yetiştiriciliğinde sulama"}
    assert found(archive, "sul gül") == set(), "only the last word may be a beginning"
    assert found(archive, "gül pamuk") == set()


def test_translated_titles_are_found(archive: pages.Site) -> None:
    pages.enter(archive, pages.record(1, translated_titles={"en": "Irrigation of roses"}))
    assert len(found(archive, "irrigation")) == 1


def test_walking_the_pages_meets_every_article_once_the_newest_first(archive: pages.Site) -> None:
    expected = []
    for number in range(1, 12):
        record = pages.record(number, title="Toprak nemi", published={"ppub": str(2000 + number)})
        expected.append(pages.enter(archive, record))
    assert walked(archive, "toprak nemi", 3) == expected[::-1]


def test_more_than_are_put_in_order_are_still_met_once_each(
    archive: pages.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "IN_ORDER", 4)
    expected = {pages.enter(archive, pages.record(number, title="Toprak topraklar toprağı")) for number in range(1, 12)}
    met = walked(archive, "topra", 3)
    assert len(met) == len(expected)
    assert set(met) == expected


@pytest.mark.parametrize("typed", ["nemi toprak", "toprak nem", "nemi top"])
def test_words_that_are_everywhere_are_looked_for_a_part_at_a_time(
    archive: pages.Site, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr(search, "LOOKED_AT", 8)
    ids = [pages.enter(archive, pages.record(n, title=f"Toprak nemi {n}")) for n in range(1, 5)]
    for n in range(5, 40):
        pages.enter(archive, pages.record(n, title="Toprak" if n % 4 else "Nemi nemli"))
    broken_off, met, after = 0, [], None
    while True:
        with archive.catalogue.reading() as rows:
            answer = search.articles(rows, search.understand(typed), after=after, limit=3)
        met += [line.id for line in answer.articles]
        broken_off += answer.looked_at is not None
        assert answer.looked_at is None or (answer.after and not answer.in_order and 0 < answer.looked_at < 1)
        after = answer.after
        if after is None:
            break
    expected = {line.id for line in _lines(archive) if _has(line.record["title"], typed)}
    assert set(ids) <= expected
    assert len(met) == len(set(met))
    assert set(met) == expected
    assert broken_off, "nothing was broken off: the test shows nothing"


def test_the_page_says_how_far_it_has_looked_and_leads_on(archive: pages.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LOOKED_AT", 8)
    for n in range(1, 40):
        pages.enter(archive, pages.record(n, title="Toprak" if n % 2 else "Nemi"))
    address, broken_off = "/search?q=toprak+nemi&lang=en", 0
    for _ in range(20):
        page = archive.client.get(address).get_data(as_text=True)
        if 'rel="next"' not in page:
            break
        broken_off += "of the archive has been looked through" in page
        address = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert broken_off > 1
    assert "There are no more titles with all these words" in page


def _lines(archive: pages.Site) -> list[Article]:
    with archive.catalogue.reading() as rows:
        return list(rows.execute(select(Article)).scalars())


def _has(title: str, typed: str) -> bool:
    *exact, last = typed.split()
    words = title.lower().split()
    return all(word in words for word in exact) and any(word.startswith(last) for word in words)


def test_what_is_withdrawn_is_not_found(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1, title="Geri çekilen"))
    with archive.catalogue.writing() as rows:
        rows.get_one(Article, identifier).state = ArticleState.WITHDRAWN
    assert found(archive, "çekilen") == set()


@pytest.mark.parametrize(
    "typed",
    ["", " ", "%", "_", "\x00", "10.5555/\x00", "a" * 5000, "' OR 1=1 --", "🌹", "\u202e", "1300-0632\n", "-", "AND"],
)
def test_nothing_that_is_typed_is_an_error(archive: pages.Site, typed: str) -> None:
    pages.enter(archive, pages.record(1))
    assert archive.client.get("/search", query_string={"q": typed}).status_code in (200, 302)


def test_a_wildcard_is_no_wildcard(archive: pages.Site) -> None:
    pages.enter(archive, replace(pages.record(1), journal_title="Örnek Dergi"))
    with archive.catalogue.reading() as rows:
        assert search.journals(rows, search.Question("%", words=("%",)), 10) == []


def test_journals_are_found_by_any_word_of_their_names(archive: pages.Site) -> None:
    pages.enter(archive, pages.record(1, journal_title="Işık ve Optik", issn_electronic="1309-1220"))
    pages.enter(archive, pages.record(2))
    with archive.catalogue.reading() as rows:
        names = [line.name for line in search.journals(rows, search.understand("OPTIK ışık"), 10)]
    assert names == ["Işık ve Optik"]
