"""Which publisher may deliver which title: agreed lists, and titles that go from one publisher to another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pages
import pytest
from click.testing import CliRunner
from sqlalchemy import select

from config.commands import mahfuz
from repository.access import changes as access_changes
from repository.access import staff, triggers
from repository.access.triggers import Proposal, Scope
from repository.catalogue import Catalogue, changes, schema, titles
from repository.catalogue.sets import sets_among
from repository.catalogue.titles import AgreedTitle
from repository.errors import UsageError
from repository.models import Article, Title, TitleIssn
from repository.rights import Audience, TriggerKind
from repository.vocabulary import utc_now

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


def test_the_command_tells_the_feed_and_the_same_again_tells_what_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = pages.site(f"sqlite:///{tmp_path / 'mahfuz.sqlite'}")
    catalogue = site.catalogue
    pages.enter(site, pages.record(1, licence=None))
    pages.enter(site, pages.record(2, licence=None))
    now = utc_now()
    with catalogue.writing() as rows:
        for who in ("ayse", "mehmet"):
            staff.create(rows, who, "staff")
        title = rows.execute(select(Title)).scalar_one()
        scope = Scope(publisher_ids=frozenset({title.publisher_id}))
        wanted = Proposal(TriggerKind.PUBLISHER_CEASED, Audience.EVERYONE, scope, "Kapandı", now)
        code = triggers.propose(rows, wanted, {}, by="ayse", at=now).code
        triggers.approve(rows, code, by="mehmet", at=now)
    assert triggers.tell(catalogue) == 2
    with catalogue.reading() as rows:
        before = access_changes.number(rows)
        issn = rows.execute(select(TitleIssn.issn)).scalars().first()
    monkeypatch.setenv("MAHFUZ_ARCHIVE__HOME", str(tmp_path))
    words = ["titles", "transfer", str(issn), "--to", "Başka Yayınevi", "--on", "2027-01-01"]

    def transferred() -> Any:
        return CliRunner().invoke(mahfuz, [*words, "--json"], standalone_mode=False)

    monkeypatch.setattr(triggers, "AT_ONCE", 1)
    with monkeypatch.context() as killed:
        killed.setattr(changes, "in_time", lambda *_: 1 / 0)
        assert isinstance(transferred().exception, ZeroDivisionError)
    with catalogue.reading() as rows:
        assert access_changes.number(rows) == before + 1, "lists of what may be read are made anew"
    assert json.loads(transferred().stdout)["announced"] == 1
    with catalogue.reading() as rows:
        assert not [one for places in rows.execute(select(Article.places)).scalars() for one in sets_among(places)]
    assert isinstance(transferred().exception, UsageError)
    catalogue.close()
