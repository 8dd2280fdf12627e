"""Whatever is done to one article or one delivery finds its rows by an index: no large table is read to its end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pages
import pytest
from plans import plans

from repository.catalogue import changes, copies, holdings, intake, inventories
from repository.vocabulary import ArticleState, bag_key, utc_now

_NAMES = (
    "aip alias article article_word change copy delivery delivery_article event feed_day file front_matter issue link"
    " set_member sheaf usage_day"
)
_LARGE = frozenset(_NAMES.split())
_VERBS = ("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")


@pytest.fixture
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('plans') / 'catalogue.sqlite'}")
    yield site
    site.catalogue.close()


def read_whole(found: Sequence[Sequence[str]]) -> list[str]:
    """The steps that go through a large table."""
    steps = [step for plan in found for step in plan]
    return [step for step in steps if (name := re.match(r"SCAN (\w+)", step)) and name[1] in _LARGE]


def test_an_article_is_entered_announced_and_announced_again(archive: pages.Site) -> None:
    with plans(archive.catalogue.engine, verbs=_VERBS) as found:
        identifier = pages.enter(archive, pages.record(1))
        pages.enter(archive, pages.record(1, title="Başka bir başlık, uzunca"), version=2)
        with archive.catalogue.writing() as session:
            (article,) = changes.locked(session, [identifier])
            article.state = ArticleState.WITHDRAWN
            changes.announce(session, article)
    assert len(found) > 20
    assert not read_whole(found)


def test_what_a_receipt_says_of_bags(archive: pages.Site) -> None:
    wanted = []
    for number in (1, 2):
        identifier = pages.enter(archive, pages.record(number))
        wanted += [(identifier, 1), (identifier, 2)]
    pages.enter(archive, pages.record(1, title="Başka bir başlık, uzunca"), version=2)
    with plans(archive.catalogue.engine) as found, archive.catalogue.reading() as session:
        kept = holdings.kept_bags(session, wanted[:1] + wanted[2:3])
        assert set(kept) == {wanted[0], wanted[2]}
        both = holdings.kept_bags(session, wanted[:2])
        assert set(both) == set(wanted[:2])
    assert not read_whole(found)


def test_days_gone_by_are_left_for_today_each_by_its_own_index(archive: pages.Site) -> None:
    ids = [pages.enter(archive, pages.record(number)) for number in range(1, 4)]
    with archive.catalogue.writing() as session:  # as if they had come on other days
        for days, article in enumerate(changes.locked(session, ids), 1):
            stamp = article.datestamp - timedelta(days=days)
            changes.announce_as_they_were(session, [(article, stamp)])
    with plans(archive.catalogue.engine, "feed_day", _VERBS) as found, archive.catalogue.writing() as session:
        changes.announce_all(session, changes.locked(session, ids))
    assert found
    assert not read_whole(found)


def test_a_page_of_an_inventory_begins_where_the_one_before_ended(archive: pages.Site) -> None:
    ids = sorted(pages.enter(archive, pages.record(number)) for number in range(1, 5))
    with archive.catalogue.reading() as session:
        (store, *_) = sorted(copies.stores_with_copies(session))
    with plans(archive.catalogue.engine, "aip") as found:
        keys = [row.key for row in inventories.expected(archive.catalogue, store, bag_key(ids[0], 1))]
    assert keys == [bag_key(one, 1) for one in ids[1:]]
    assert not read_whole(found)
    assert all(plan[0].startswith("SEARCH aip USING INDEX") for plan in found), found
    assert not any("TEMP B-TREE" in step for plan in found for step in plan)


def test_deliveries_of_a_few_days_are_counted_and_not_all_of_a_publisher(archive: pages.Site) -> None:
    pages.enter(archive, pages.record(1))
    until = utc_now()
    since = until - timedelta(days=1)
    with plans(archive.catalogue.engine, "count(") as found, archive.catalogue.reading() as session:
        intake.publishers(session, since, limit=10)
        intake.counts_within(session, 1, since, until)
        intake.counts_within(session, None, since, until)
    of_deliveries = [step for plan in found for step in plan if step.startswith("SEARCH delivery")]
    assert len(of_deliveries) == 3
    assert all("accepted_on>?" in step for step in of_deliveries), of_deliveries


@pytest.mark.parametrize("of_a_store", [False, True])
def test_an_audit_of_all_goes_on_behind_the_copy_it_read_last(archive: pages.Site, of_a_store: bool) -> None:
    for number in range(1, 5):
        pages.enter(archive, pages.record(number))
    with archive.catalogue.reading() as session:
        (store, *_) = sorted(copies.stores_with_copies(session))
        every = copies.walk(session, limit=100)
    wanted = [ref for ref in every if ref.store == store or not of_a_store]
    with plans(archive.catalogue.engine, "FROM copy") as found, archive.catalogue.reading() as session:
        place = (wanted[1].aip_id, wanted[1].store)
        rest = copies.walk(session, after=place, limit=100, store=store if of_a_store else None)
    assert rest == wanted[2:]
    assert found[0] == ["SEARCH copy USING PRIMARY KEY ((aip_id,store)>(?,?))"]
    assert "copy USING PRIMARY KEY (aip_id=?" in " ".join(found[1])
    assert not read_whole(found)
