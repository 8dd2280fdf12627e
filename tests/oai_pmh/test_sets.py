"""Every set in which an article stands, and what becomes of them when the article changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from oai_pmh import sets
from repository.catalogue import feed_days
from repository.catalogue.sets import specs_of, word_of
from repository.models import Article, FeedDay
from repository.vocabulary import ArticleRecord, Related

PREFIX = "oai:arsiv.example.org:"
CC = "https://creativecommons.org/licenses/by/4.0/"
DAY = timedelta(days=1)


def listed(harvester: Any, spec: str) -> list[str]:
    """The ids in a set, in their order; none where it is not known."""
    answer = harvester.ask("ListIdentifiers", metadataPrefix="oai_dc", set=spec)
    return [] if answer.errors else [name.removeprefix(PREFIX) for name, _, _ in harvester.headers(set=spec)]


def test_the_words_of_a_set_are_ascii_and_tell_other_scripts_apart() -> None:
    assert word_of("Işık & Gölge: Öyküler") == "isik-golge-oykuler"
    assert word_of("物理") != word_of("化学")
    assert set(word_of("物理")) <= set("x0123456789abcdef")
    assert len(word_of("a" * 300)) == 56


def test_an_article_is_in_the_sets_that_its_record_says_and_in_their_ancestors() -> None:
    record = ArticleRecord(
        article_type="review-article", subjects=(("Fen", "Fizik"), ("Fen", "Kimya")), licence=CC, title="x"
    )
    assert list(specs_of(record, retracted=True)) == [
        "type",
        "type:review-article",
        "subject",
        "subject:fen",
        "subject:fen:fizik",
        "subject:fen:kimya",
        "open",
        "retracted",
    ]
    assert specs_of(ArticleRecord(title="x"), retracted=False) == {}


def test_a_header_names_each_set_but_no_ancestor_of_another() -> None:
    found = sets.of_article("ornek", "2000-0001", ["type", "type:a", "subject", "subject:b", "subject:b:c", "open"])
    assert found == ("publisher:ornek", "journal:2000-0001", "type:a", "subject:b:c", "open", "openaire")


def test_sets_are_harvested_by_every_level_of_their_hierarchy(
    archive: Any, harvester: Any, article: Callable[[int], ArticleRecord], long_ago: Any
) -> None:
    physics = archive.add(
        replace(article(1), subjects=(("Fen", "Fizik"),), licence=CC), datestamp=long_ago + timedelta(minutes=1)
    )
    history = archive.add(replace(article(2), subjects=(("Tarih",),), article_type="letter"), datestamp=long_ago)
    assert listed(harvester, "subject") == [history, physics]
    assert listed(harvester, "subject:fen") == listed(harvester, "subject:fen:fizik") == [physics]
    assert listed(harvester, "open") == [physics]
    assert listed(harvester, "type:letter") == [history]
    assert listed(harvester, "type") == listed(harvester, "openaire") == [history, physics]
    assert listed(harvester, "retracted") == listed(harvester, "subject:yok") == []
    shown = dict(zip(*(harvester.ask("ListSets").texts(name) for name in ("setSpec", "setName")), strict=True))
    assert shown["subject:fen:fizik"] == "Fizik"
    assert shown["open"] == "Open now"
    assert "retracted" not in shown
    page = harvester.ask("GetRecord", metadataPrefix="oai_dc", identifier=PREFIX + physics)
    assert {"subject:fen:fizik", "open", "openaire", "type:research-article"} <= set(page.texts("setSpec"))
    assert "subject" not in page.texts("setSpec")


def test_a_set_of_several_pages_is_complete(
    archive: Any, harvester: Any, article: Callable[[int], ArticleRecord], long_ago: Any
) -> None:
    names = [
        archive.add(replace(article(n), licence=CC if n % 2 else None), datestamp=long_ago + timedelta(seconds=n // 5))
        for n in range(64)
    ]
    assert listed(harvester, "open") == names[1::2]
    first = harvester.ask("ListRecords", metadataPrefix="oai_dc", set="open")
    assert first.token.get("completeListSize") == "32"


def test_a_corrected_article_leaves_its_sets_for_others(
    archive: Any, harvester: Any, article: Callable[[int], ArticleRecord], long_ago: Any
) -> None:
    name = archive.add(replace(article(1), subjects=(("Fen",),), licence=CC), datestamp=long_ago)
    again = archive.add(
        replace(article(1), subjects=(("Tarih",),), article_type="letter"), datestamp=long_ago + DAY, version=2
    )
    assert again == name
    for spec in ("subject:fen", "open", "type:research-article"):
        assert listed(harvester, spec) == []
    for spec in ("subject:tarih", "type:letter", "subject", "type"):
        assert listed(harvester, spec) == [name]


def test_a_notice_puts_its_article_into_the_set_of_the_retracted_and_takes_it_out_again(
    archive: Any, harvester: Any, article: Callable[[int], ArticleRecord], long_ago: Any
) -> None:
    name = archive.add(article(1), datestamp=long_ago)
    notice = replace(
        article(2), article_type="retraction", related=(Related("retracted-article", "10.5555/ornek.1", "doi"),)
    )
    told = archive.add(notice, datestamp=long_ago + DAY)
    assert listed(harvester, "retracted") == [name]
    archive.withdraw(told, datestamp=long_ago + 2 * DAY, besides=[name])
    assert listed(harvester, "retracted") == []


def test_a_withdrawn_article_stays_in_its_sets_as_a_tombstone(
    archive: Any, harvester: Any, article: Callable[[int], ArticleRecord], long_ago: Any
) -> None:
    name = archive.add(replace(article(1), licence=CC), datestamp=long_ago)
    archive.withdraw(name, datestamp=long_ago + DAY)
    assert [deleted for _, _, deleted in harvester.headers(set="open")] == [True]


def test_each_day_of_each_set_is_counted_and_its_records_make_its_digest(
    archive: Any, harvester: Any, article: Callable[[int], ArticleRecord], long_ago: Any
) -> None:
    names = [
        archive.add(replace(article(n), licence=CC if n % 2 else None), datestamp=long_ago + timedelta(hours=n))
        for n in range(40)
    ]
    archive.add(replace(article(7), title="Yeni"), datestamp=long_ago + 3 * DAY, version=2)
    archive.withdraw(names[9], datestamp=long_ago + 3 * DAY)
    for spec in (None, "open", "type", "publisher:ornek-yayinevi", "journal:2000-0001"):
        asked = {} if spec is None else {"set": spec}
        expected: dict[str, feed_days.Count] = {}
        for identifier, datestamp, deleted in harvester.headers(**asked):
            line = feed_days.Line(identifier.removeprefix(PREFIX), datetime.fromisoformat(datestamp), deleted)
            expected[line.day] = expected.get(line.day, feed_days.NONE) + line.count
        with archive.catalogue.reading() as session:
            part = sets.range_of(session, spec)
            assert part is not None
            found = {row.day: feed_days.count_of(row) for row in feed_days.days(session, part.place)}
            assert feed_days.number(session, part.place) == sum(day.number for day in expected.values())
        assert found == expected, spec


def test_what_stands_where_is_the_same_when_journals_prove_to_be_one(
    archive: Any, harvester: Any, article: Callable[[int], ArticleRecord]
) -> None:
    """Each record whose journal is another now is announced again: its set has another name."""
    printed = archive.add(replace(article(0), issn_print="1000-0000", issn_electronic=None))
    online = archive.add(replace(article(6), issn_print=None))
    with archive.catalogue.reading() as session:
        before = {one.id: one.change_number for one in session.query(Article)}
    joined = archive.add(replace(article(12), issn_print="1000-0000"))
    with archive.catalogue.reading() as session:
        after = {one.id: one.change_number for one in session.query(Article)}
        titles = {one.title_id for one in session.query(Article)}
        days = session.query(FeedDay).all()
    assert len(titles) == 1
    assert sum(after[name] != before[name] for name in (printed, online)) == 1
    counted = {row.place: row.number for row in days}
    assert counted[f"t{titles.pop()}"] == counted[""] == len({printed, online, joined})
    assert len([place for place in counted if place.startswith("t")]) == 1


@pytest.mark.parametrize("spec", ["publisher", "open", "type:letter"])
def test_the_size_of_a_set_is_known_for_whole_days(
    archive: Any, harvester: Any, article: Callable[[int], ArticleRecord], long_ago: Any, spec: str
) -> None:
    for n in range(30):
        record = replace(article(n), licence=CC, article_type="letter")
        archive.add(record, datestamp=long_ago + timedelta(hours=n))
    archive.add(replace(article(99), licence=CC, article_type="letter"))  # not to be shown yet
    first = harvester.ask("ListIdentifiers", metadataPrefix="oai_dc", set=spec)
    assert first.token.get("completeListSize") == "30"
    day = f"{long_ago:%Y-%m-%d}"
    some = harvester.ask("ListIdentifiers", metadataPrefix="oai_dc", set=spec, since=day, until=day)
    assert int(some.token.get("completeListSize")) == len(harvester.headers(set=spec, since=day, until=day)) == 15
