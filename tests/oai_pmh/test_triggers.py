"""What two people open is told to harvesters at once, and so is its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from oai_pmh.web import Window
from repository.access import changes as access_changes
from repository.access import preview, triggers
from repository.access.triggers import Proposal, Scope
from repository.catalogue import Catalogue, changes, opened
from repository.catalogue import titles as title_rows
from repository.errors import NotNow
from repository.models import Article, Event, Staff, Title, Trigger
from repository.rights import Audience, TriggerKind, TriggerState
from repository.vocabulary import ArticleRecord

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
OAIRE_RIGHTS = "{http://datacite.org/schema/kernel-4}rights"


@pytest.fixture
def late(window: Window, harvester_of: Callable[[Window], Any]) -> Any:
    """A harvester who comes when every datestamp has passed."""
    return harvester_of(replace(window, clock=lambda _session: NOW.replace(year=2999)))


@pytest.fixture
def filled(archive: Any, article: Callable[[int], ArticleRecord], long_ago: Any) -> Iterator[Any]:
    """Two journals of one publisher, one of another; three members of staff."""
    for number in range(9):
        issn = ("2149-1305", "1307-6477", "2757-5284")[number % 3]
        record = replace(
            article(number), issn_electronic=issn, issn_print=None, issn_l=None, journal_title=issn, licence=None
        )
        archive.add(record, publisher="Öteki" if number % 3 == 2 else "Örnek Yayınevi", datestamp=long_ago)
    with archive.catalogue.writing() as session:
        session.add_all(
            Staff(login=name, password_hash="x", role="staff", active=True, created_at=NOW)
            for name in ("ayse", "mehmet", "zeynep")
        )
    return archive


def proposal(catalogue: Catalogue, audience: Audience, *issns: str, **changes: Any) -> Proposal:
    with catalogue.reading() as session:
        titles = frozenset(session.execute(select(Title.id).where(Title.set_issn.in_(issns))).scalars())
    assert len(titles) == len(issns)
    wanted = Proposal(
        TriggerKind.PUBLISHER_CEASED, audience, Scope(title_ids=titles), "Yayıncı kapandı", NOW - timedelta(days=1)
    )
    return replace(wanted, **changes)


def declared(catalogue: Catalogue, wanted: Proposal) -> str:
    with catalogue.writing() as session:
        row = triggers.propose(session, wanted, preview.of(session, wanted), by="ayse", at=NOW)
        triggers.approve(session, row.code, by="mehmet", at=NOW)
        return row.code


def rights_by_journal(late: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for page in late.pages("ListRecords", metadataPrefix="oai_openaire"):
        for record in page.root.iter("{http://www.openarchives.org/OAI/2.0/}record"):
            journal = next(record.iter("{http://namespace.openaire.eu/schema/oaire/}citationTitle")).text
            found.setdefault(journal, set()).add(next(record.iter(OAIRE_RIGHTS)).text)
    return found


def test_what_is_opened_and_closed_again_appears_in_the_feed(filled: Any, late: Any) -> None:
    catalogue = filled.catalogue
    before = {name: stamp for name, stamp, _ in late.headers()}
    assert rights_by_journal(late) == {one: {"metadata only access"} for one in ("2149-1305", "1307-6477", "2757-5284")}
    code = declared(catalogue, proposal(catalogue, Audience.ENTITLED, "2149-1305"))
    assert triggers.tell(catalogue) == 3
    assert triggers.tell(catalogue) == 0
    assert len(late.headers(set="triggered")) == 3
    assert late.ask("ListIdentifiers", metadataPrefix="oai_dc", set="open").errors
    everyone = declared(catalogue, proposal(catalogue, Audience.EVERYONE, "1307-6477"))
    assert triggers.tell(catalogue) == 3
    assert rights_by_journal(late) == {
        "2149-1305": {"restricted access"},
        "1307-6477": {"open access"},
        "2757-5284": {"metadata only access"},
    }
    assert len(late.headers(set="open")) == 3
    moved = {name for name, stamp, _ in late.headers() if before[name] != stamp}
    assert len(moved) == 6, "those and no others were announced anew"
    with catalogue.writing() as session:
        for one in (code, everyone):
            triggers.revoke(session, one, by="zeynep", reason="Yanlış dergi", at=NOW)
    assert triggers.tell(catalogue) == 6
    assert set.union(*rights_by_journal(late).values()) == {"metadata only access"}
    assert late.headers(set="journal:2149-1305")
    assert not [
        spec
        for spec in ("open", "triggered")
        if not late.ask("ListIdentifiers", metadataPrefix="oai_dc", set=spec).errors
    ]


@pytest.mark.parametrize("nation", [True, False])
def test_many_articles_are_told_batch_by_batch_and_a_kill_loses_none(
    filled: Any, late: Any, monkeypatch: pytest.MonkeyPatch, nation: bool
) -> None:
    catalogue = filled.catalogue
    monkeypatch.setattr(triggers, "AT_ONCE", 2)
    every = ("2149-1305", "1307-6477", "2757-5284")
    declared(
        catalogue,
        proposal(catalogue, Audience.EVERYONE, scope=Scope(nation=True))
        if nation
        else proposal(catalogue, Audience.EVERYONE, *every),
    )
    stops = iter([False, False, True])
    assert triggers.tell(catalogue, lambda: next(stops)) == 4
    assert len(late.headers(set="open")) == 4
    assert triggers.tell(catalogue) == 5
    assert len(late.headers(set="open")) == 9
    with catalogue.reading() as session:
        row = session.execute(select(Trigger)).scalar_one()
        assert (row.announced, row.next_due, row.announced_state) == (9, None, "open")


def test_an_article_that_comes_while_it_stands_is_open_from_the_start_and_its_end_closes_it(
    filled: Any, late: Any, article: Callable[[int], ArticleRecord]
) -> None:
    catalogue = filled.catalogue
    ends = datetime.now(UTC) + timedelta(hours=1)
    code = declared(catalogue, proposal(catalogue, Audience.EVERYONE, "2757-5284", until=ends))
    filled.add(replace(article(77), issn_electronic="2757-5284", issn_print=None, issn_l=None, licence=None))
    assert len(late.headers(set="open")) == 1
    assert triggers.tell(catalogue) == 4, "announced before the feed was told: told with the others"
    assert len(late.headers(set="open")) == 4
    with catalogue.writing() as session:
        row = triggers.locked(session, code)
        assert row.next_due == ends
        row.until = row.next_due = datetime.now(UTC) - timedelta(seconds=1)
    assert triggers.tell(catalogue) == 4
    assert late.ask("ListIdentifiers", metadataPrefix="oai_dc", set="open").errors


def test_what_came_before_the_feed_was_told_is_closed_when_it_is_revoked_first(
    filled: Any, late: Any, article: Callable[[int], ArticleRecord]
) -> None:
    catalogue = filled.catalogue
    code = declared(catalogue, proposal(catalogue, Audience.EVERYONE, "2757-5284"))
    filled.add(replace(article(79), issn_electronic="2757-5284", issn_print=None, issn_l=None, licence=None))
    assert len(late.headers(set="open")) == 1
    with catalogue.writing() as session:
        triggers.revoke(session, code, by="ayse", reason="Yanlışlık", at=datetime.now(UTC))
    assert triggers.tell(catalogue) == 4, "its whole scope, once"
    assert triggers.tell(catalogue) == 0
    for spec in ("open", "triggered"):
        assert late.ask("ListIdentifiers", metadataPrefix="oai_dc", set=spec).errors
    with catalogue.reading() as session:
        row = triggers.found(session, code)
        assert row is not None
        assert (row.announced_state, row.next_due) == ("closed", None)


def test_what_is_revoked_before_its_moment_is_never_told(filled: Any) -> None:
    catalogue = filled.catalogue
    to_come = datetime.now(UTC) + timedelta(days=1)
    code = declared(catalogue, proposal(catalogue, Audience.EVERYONE, "2757-5284", effective=to_come))
    with catalogue.writing() as session:
        assert triggers.revoke(session, code, by="ayse", reason="Yanlışlık", at=datetime.now(UTC)).next_due is None
    assert triggers.tell(catalogue) == 0


def _given_to(catalogue: Catalogue, issn: str, publisher: str) -> int:
    with catalogue.writing() as session:
        title = title_rows.title_by_issn(session, (issn,))
        assert title is not None
        title_rows.transfer(session, title, title_rows.publisher_named(session, publisher), NOW, NOW)
        return title.id


def test_a_journal_that_goes_to_another_publisher_leaves_the_scope_of_a_trigger_and_comes_into_it(
    filled: Any, late: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = filled.catalogue
    with catalogue.reading() as session:
        gone = title_rows.find_publisher(session, "Örnek Yayınevi")
        assert gone is not None
    over = Scope(publisher_ids=frozenset({gone.id}))
    declared(catalogue, proposal(catalogue, Audience.EVERYONE, scope=over))
    assert triggers.tell(catalogue) == 6
    monkeypatch.setattr(triggers, "AT_ONCE", 2)
    left = _given_to(catalogue, "1307-6477", "Öteki")
    with monkeypatch.context() as killed:
        killed.setattr(changes, "in_time", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            triggers.tell_of_title(catalogue, left)
    assert len(late.headers(set="open")) == 4, "two were told of, and one was not"
    assert triggers.tell_of_title(catalogue, left) == 1, "the rest"
    assert triggers.tell_of_title(catalogue, left) == 0
    came = _given_to(catalogue, "2757-5284", "Örnek Yayınevi")
    assert triggers.tell_of_title(catalogue, came) == 3
    assert len(late.headers(set="triggered")) == 6
    assert rights_by_journal(late) == {
        "2149-1305": {"open access"},
        "1307-6477": {"metadata only access"},
        "2757-5284": {"open access"},
    }


def test_whoever_waited_for_the_feed_while_a_trigger_opened_is_told_as_open(
    filled: Any, late: Any, monkeypatch: pytest.MonkeyPatch, article: Callable[[int], ArticleRecord]
) -> None:
    """Where an article belongs is worked out before the feed is locked; what opened meanwhile counts all the same."""
    catalogue = filled.catalogue
    honest, asked = opened.standing, []

    def at_first_nothing(session: Any, at: datetime) -> Any:
        asked.append(at)
        return () if len(asked) == 1 else honest(session, at)

    declared(catalogue, proposal(catalogue, Audience.EVERYONE, "2757-5284"))
    monkeypatch.setattr(opened, "standing", at_first_nothing)
    filled.add(replace(article(78), issn_electronic="2757-5284", issn_print=None, issn_l=None, licence=None))
    assert len(asked) == 2
    assert len(late.headers(set="open")) == 1


def test_two_people_declare_it_and_it_says_what_it_opens(filled: Any) -> None:
    catalogue = filled.catalogue
    wanted = proposal(catalogue, Audience.EVERYONE, "2149-1305", "1307-6477", effective=NOW + timedelta(days=3))
    with catalogue.writing() as session:
        said = preview.of(session, wanted)
        assert said == {"articles": 6, "titles": 2, "institutions": None, "missing": 0, "at_most": False}
        code = triggers.propose(session, wanted, said, by="ayse", at=NOW).code
    with catalogue.writing() as session, pytest.raises(NotNow, match="somebody else"):
        triggers.approve(session, code, by="ayse", at=NOW)
    with catalogue.writing() as session, pytest.raises(NotNow, match="no member of staff"):
        triggers.approve(session, code, by="nobody", at=NOW)
    with catalogue.writing() as session:
        row = triggers.approve(session, code, by="mehmet", at=NOW)
        assert triggers.state_of(row, NOW) is TriggerState.APPROVED
        assert triggers.state_of(row, NOW + timedelta(days=3)) is TriggerState.IN_FORCE
        assert row.next_due == NOW + timedelta(days=3)
    with catalogue.writing() as session, pytest.raises(NotNow, match="wait"):
        triggers.refuse(session, code, by="zeynep", reason="geç", at=NOW)
    with catalogue.writing() as session, pytest.raises(NotNow, match="why"):
        triggers.revoke(session, code, by="zeynep", reason="  ", at=NOW)
    with catalogue.writing() as session:
        row = triggers.revoke(session, code, by="ayse", reason="Yayıncı yeniden sunuyor", at=NOW)
        assert (triggers.state_of(row, NOW), row.next_due) == (TriggerState.REVOKED, None), "nothing had been told"
        told = [
            (one.agent, one.detail["what"])
            for one in session.execute(select(Event).where(Event.type == "policy assignment")).scalars()
        ]
        assert told == [("ayse", "proposed"), ("mehmet", "approved"), ("ayse", "revoked")]
        assert access_changes.number(session) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scope": Scope()}, "what the trigger opens"),
        ({"reason": " "}, "why"),
        ({"until": NOW - timedelta(days=2)}, "before it begins"),
        ({"audience": Audience.INSTITUTIONS}, "until when"),
        (
            {"audience": Audience.EVERYONE, "scope": Scope(nation=True, institution_ids=frozenset({1}))},
            "leave them out",
        ),
    ],
)
def test_what_makes_no_sense_is_not_proposed(filled: Any, changes: dict[str, Any], said: str) -> None:
    wanted = replace(proposal(filled.catalogue, Audience.ENTITLED, "2149-1305"), **changes)
    with filled.catalogue.writing() as session, pytest.raises(NotNow, match=said):
        triggers.propose(session, wanted, {}, by="ayse", at=NOW)


def test_the_table_itself_knows_that_it_takes_two(filled: Any) -> None:
    code = declared(filled.catalogue, proposal(filled.catalogue, Audience.ENTITLED, "2149-1305"))
    with pytest.raises(Exception, match="two_people"), filled.catalogue.writing() as session:
        session.execute(update(Trigger).where(Trigger.code == code).values(approved_by="ayse"))
    with filled.catalogue.reading() as session:
        assert session.execute(select(Article.id)).first()
