"""Which publisher may deliver which title: agreed lists, and titles that go from one publisher to another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pages
import pytest

from repository.catalogue import Catalogue, schema, titles
from repository.catalogue.titles import AgreedTitle
from repository.errors import UsageError

AT = pages.NOW
TITLE = AgreedTitle("Örnek Dergi", "1300-0632", "2149-2263")


@pytest.fixture
def catalogue(database_url: str) -> Iterator[Catalogue]:
    made = Catalogue(database_url)
    schema.migrate(made)
    yield made
    made.close()


def may(catalogue: Catalogue, publisher: str, issn: str = "2149-2263", days: int = 0) -> bool:
    with catalogue.reading() as rows:
        found = titles.find_publisher(rows, publisher)
        assert found is not None
        return titles.is_agreed(rows, found, (issn,), AT + timedelta(days=days))


def enter(catalogue: Catalogue, publisher: str, *listed: AgreedTitle) -> None:
    with catalogue.writing() as rows:
        made = titles.publisher_named(rows, publisher)
        if listed:
            titles.agree(rows, made, listed, AT)


def test_a_title_is_agreed_with_the_publisher_on_whose_list_it_is(catalogue: Catalogue) -> None:
    other = AgreedTitle("Başka Dergi", "1300-7009", None)
    enter(catalogue, "Bir", TITLE)
    enter(catalogue, "İki", other)
    enter(catalogue, "Listesiz")
    assert may(catalogue, "Bir")
    assert may(catalogue, "Bir", "1300-0632")
    assert not may(catalogue, "İki")
    assert not may(catalogue, "Bir", "1300-7009")
    assert may(catalogue, "Listesiz"), "without a list every title is taken"
    enter(catalogue, "İki", TITLE)
    assert may(catalogue, "Bir"), "two publishers may deliver one title"
    assert may(catalogue, "İki")


def test_a_transferred_title_may_still_come_from_the_old_publisher_until_the_day(catalogue: Catalogue) -> None:
    enter(catalogue, "Veren", TITLE)
    enter(catalogue, "Alan", AgreedTitle("Başka Dergi", "1300-7009", None))
    with catalogue.writing() as rows:
        title = titles.title_by_issn(rows, ("1300-0632",))
        assert title is not None
        receiving = titles.publisher_named(rows, "Alan")
        leaving = titles.transfer(rows, title, receiving, AT + timedelta(days=30), AT)
        assert leaving.name == "Veren"
        assert title.publisher_id == receiving.id
    assert may(catalogue, "Veren", days=29)
    assert not may(catalogue, "Veren", days=30)
    assert may(catalogue, "Alan")
    with catalogue.reading() as rows:
        title = titles.title_by_issn(rows, ("1300-0632",))
        again = titles.find_publisher(rows, "Alan")
        assert title is not None
        assert again is not None
        with pytest.raises(UsageError):
            titles.transfer(rows, title, again, AT, AT)
