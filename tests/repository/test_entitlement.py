"""A decision on who may read what is right in every history, and what is earned stays earned."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import reference_access as reference
from full_size import sized
from reference_access import FIRST, Article, History, some_article, some_day, some_history
from sqlalchemy import func, select

from repository.access import reach, rights
from repository.access.entitlement import (
    Claim,
    Clause,
    InForce,
    Reader,
    Reason,
    Work,
    is_earned,
    may_read,
    paid_days,
)
from repository.catalogue import Catalogue, schema
from repository.coverage import Coverage, Days, Embargo, Place, days_of, embargo_of
from repository.models import (
    Consortium,
    Entitlement,
    Institution,
    Issue,
    Licence,
    LicenceParty,
    LicencePeriod,
    Membership,
    Publisher,
    Title,
    Trigger,
    TriggerInstitution,
    TriggerScope,
)
from repository.rights import (
    Audience,
    ClaimState,
    Closure,
    Hosting,
    LicenceStatus,
    LicenceType,
    Perpetual,
    TriggerKind,
)

HISTORIES = sized(1000, 20_000)
KEPT_HISTORIES = sized(25, 500)
QUESTIONS = 15


def moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def claims(history: History, title: int, institution: int | None) -> tuple[Claim, ...]:
    """What the history says of one journal to one reader, as values."""
    found = []
    for agreement in history.agreements:
        parties: list[Days] = []
        for kind, number, since, until in agreement.parties:
            span = Days(since or date.min, until)
            if kind == "institution" and number == institution:
                parties.append(span)
            if kind == "consortium":
                for consortium, member, joined, left in history.members:
                    both = span.common(Days(joined, left))
                    if consortium == number and member == institution and both:
                        parties.append(both)
        if agreement.kind == "open":
            parties = [Days(date.min, None)]
        first, last = (days_of(one) for one in agreement.years or (None, None))
        years = Days(first.first, last.last) if first and last else None
        found += [
            Claim(
                entitlement_id=0,
                licence=agreement.code,
                licence_name=agreement.code,
                type=LicenceType(agreement.kind),
                status=LicenceStatus(agreement.status),
                closure=Closure(agreement.closure) if agreement.closure else None,
                hosting=Hosting(agreement.hosting),
                clause=Clause(Perpetual(agreement.gives), years, agreement.back),
                coverage=Coverage(*line.first, *line.last),
                embargo=embargo_of(line.embargo) or Embargo(),
                state=ClaimState(line.state),
                paid=paid_days([Days(*period) for period in agreement.periods], parties),
            )
            for line in agreement.lines
            if line.title == title and line.of in (None, institution)
        ]
    return tuple(found)


def triggers(history: History) -> tuple[InForce, ...]:
    return tuple(
        InForce(
            one.code,
            TriggerKind.PUBLISHER_CEASED,
            Audience(one.audience),
            midnight(one.begins),
            midnight(one.ends) if one.ends else None,
            frozenset(one.titles),
            frozenset(one.publishers),
            one.nation,
            frozenset(one.institutions),
        )
        for one in history.events
        if one.approved and not one.revoked
    )


def work(history: History, article: Article) -> Work:
    place = Place(article.published, article.volume, article.issue)
    return Work(article.title, history.publisher_of[article.title], place, article.cc)


def questions(dice: random.Random) -> Iterator[tuple[Article, int | None, date]]:
    for _ in range(QUESTIONS):
        yield some_article(dice), dice.choice((None, 1, 2, 3, 4, 1, 2, 3, 4)), some_day(dice)


def test_no_wrong_grant_and_no_wrong_refusal_in_any_history() -> None:
    dice, met = random.Random(20261127), Counter[str]()
    for number in range(HISTORIES):
        history = some_history(dice)
        for article, institution, on in questions(dice):
            decision = may_read(
                work(history, article),
                Reader(institution),
                moment(on),
                claims(history, article.title, institution),
                triggers(history),
            )
            said = str(decision.reason_code) if decision.allowed else "no"
            assert said == reference.answer(history, article, institution, on), (number, article, institution, on)
            met[str(decision.reason_code)] += 1
    unmet = set(Reason) - {Reason(one) for one in met} - {Reason.STAFF, Reason.DOCUMENT_SUPPLY}
    assert not unmet, "every reason was met"
    assert min(met.values()) >= HISTORIES // 100, met


def test_an_end_never_shortens_a_right_that_was_earned_before_it() -> None:
    dice, earned = random.Random(7), 0
    for _ in range(HISTORIES):
        history = some_history(dice)
        for article, institution, on in questions(dice):
            for claim in claims(history, article.title, institution):
                if not is_earned(claim, article.published, on):
                    continue
                earned += 1
                later = on + timedelta(days=dice.randint(0, 2000))
                ended = replace(
                    claim,
                    status=LicenceStatus.CLOSED,
                    closure=dice.choice((Closure.CANCELLED, Closure.CEASED, Closure.SUPERSEDED)),
                    paid=tuple(Days(days.first, min(days.last or on, on)) for days in claim.paid if days.first <= on),
                )
                assert is_earned(claim, article.published, later)
                assert is_earned(ended, article.published, later)
    assert earned > HISTORIES // 2


@pytest.fixture
def catalogue(database_url: str) -> Iterator[Catalogue]:
    made = Catalogue(database_url)
    schema.migrate(made)
    yield made
    made.close()


def entered(session, history: History) -> tuple[dict[int, int], dict[int, int]]:  # type: ignore[no-untyped-def]
    """The history as rows; the numbers of its titles and institutions here."""
    now, mark = datetime.now(UTC), f"h{session.execute(select(func.count()).select_from(Publisher)).scalar_one()}"
    publishers = {n: Publisher(name=f"{mark} P{n}", slug=f"{mark}-p{n}") for n in (1, 2)}
    session.add_all(publishers.values())
    session.flush()
    titles = {
        n: Title(publisher_id=publishers[p].id, name=f"{mark} T{n}", sort_key="", folded="")
        for n, p in history.publisher_of.items()
    }
    institutions = {
        n: Institution(code=f"{mark}-i{n}", name=f"I{n}", sort_key="", folded="", created_at=now) for n in (1, 2, 3, 4)
    }
    consortium = Consortium(code=f"{mark}-c", name="C")
    session.add_all([*titles.values(), *institutions.values(), consortium])
    session.flush()
    for _, member, joined, left in history.members:
        session.add(
            Membership(consortium_id=consortium.id, institution_id=institutions[member].id, since=joined, until=left)
        )
    for agreement in history.agreements:
        licence = Licence(
            code=f"{mark}-{agreement.code}",
            name=agreement.code,
            folded="",
            publisher_id=publishers[1].id,
            type=agreement.kind,
            basis="signed",
            status=agreement.status,
            closure=agreement.closure,
            perpetual=agreement.gives,
            perpetual_from=agreement.years[0] if agreement.years else None,
            perpetual_to=agreement.years[1] if agreement.years else None,
            back_years=agreement.back,
            hosting=agreement.hosting,
            created_at=now,
        )
        session.add(licence)
        session.flush()
        session.add_all(LicencePeriod(licence_id=licence.id, since=a, until=b) for a, b in agreement.periods)
        for kind, number, since, until in agreement.parties:
            who = institutions[number].id if kind == "institution" else None
            whole = consortium.id if kind == "consortium" else None
            session.add(
                LicenceParty(licence_id=licence.id, institution_id=who, consortium_id=whole, since=since, until=until)
            )
        for line in agreement.lines:
            ends = dict(zip(("first_date", "first_volume", "first_issue"), line.first, strict=True))
            ends |= dict(zip(("last_date", "last_volume", "last_issue"), line.last, strict=True))
            session.add(
                Entitlement(
                    licence_id=licence.id,
                    institution_id=institutions[line.of].id if line.of else None,
                    title_id=titles[line.title].id,
                    name="",
                    embargo=line.embargo or None,
                    state=line.state,
                    by="test",
                    at=now,
                    **ends,
                )
            )
    for one in history.events:
        row = Trigger(
            code=f"{mark}-{one.code}",
            kind="publisher_ceased",
            audience=one.audience,
            nation=False,
            reason="test",
            effective=midnight(one.begins),
            until=midnight(one.ends) if one.ends else None,
            preview={},
            proposed_by="a",
            proposed_at=now,
            approved_by="b" if one.approved else None,
            approved_at=now if one.approved else None,
            revoked_by="c" if one.revoked else None,
            revoked_at=now if one.revoked else None,
        )
        session.add(row)
        session.flush()
        # One history must not open another: the nation of each is its own titles.
        about = set(titles) if one.nation else one.titles
        session.add_all(TriggerScope(trigger_id=row.id, title_id=titles[n].id) for n in about)
        session.add_all(TriggerScope(trigger_id=row.id, publisher_id=publishers[n].id) for n in one.publishers)
        session.add_all(
            TriggerInstitution(trigger_id=row.id, institution_id=institutions[n].id) for n in one.institutions
        )
    session.flush()
    return {n: row.id for n, row in titles.items()}, {n: row.id for n, row in institutions.items()}


def test_rows_decide_as_the_history_does(catalogue: Catalogue) -> None:
    dice, opened = random.Random(42), 0
    for _ in range(KEPT_HISTORIES):
        history = some_history(dice)
        with catalogue.writing() as session:
            titles, institutions = entered(session, history)
        with catalogue.reading() as session:
            for article, institution, on in questions(dice):
                who = institutions[institution] if institution else None
                found = rights.on_title(session, titles[article.title], who, moment(on))
                asked = replace(work(history, article), title_id=found.title_id, publisher_id=found.publisher_id)
                decision = may_read(asked, Reader(who), moment(on), found.claims, found.triggers)
                said = str(decision.reason_code) if decision.allowed else "no"
                assert said == reference.answer(history, article, institution, on)
                opened += decision.allowed
    assert opened > KEPT_HISTORIES // 2


def test_what_is_reckoned_by_issues_is_what_each_of_their_articles_would_be_told(catalogue: Catalogue) -> None:
    """The simulator never walks articles; so it is held to the decision, issue by issue."""
    dice, reached = random.Random(3), 0
    for _ in range(KEPT_HISTORIES):
        history, on = some_history(dice), some_day(dice)
        with catalogue.writing() as session:
            titles, institutions = entered(session, history)
            for title in titles.values():
                session.add_all(
                    Issue(title_id=title, shelf=f"{year}", year=year, volume=str(year - 2005), issue="2", articles=2)
                    for year in range(2006, 2015)
                )
        with catalogue.reading() as session:
            held = reach.holdings(session, title_ids=titles.values())
            found = reach.reckon(session, held, on, institutions.values())
            for one in held:
                as_if = InForce("x", TriggerKind.PUBLISHER_CEASED, Audience.ENTITLED, moment(FIRST), nation=True)
                for institution in institutions.values():
                    claimed = rights.on_title(session, one.title_id, institution, moment(on)).claims
                    mine = [claim for claim in claimed if claim.type is not LicenceType.OPEN]
                    got = found.get(institution, {}).get(one.title_id, reach.Reach())
                    for number, shelf in enumerate(one.shelves):
                        asked = Work(one.title_id, 0, shelf.place, openly_licensed=False)
                        decision = may_read(asked, Reader(institution), moment(on), mine, [as_if])
                        assert decision.allowed == bool((got.earned | got.subscribed) >> number & 1)
                        reached += decision.allowed
    assert reached > KEPT_HISTORIES


def test_staff_and_links_for_supply_open_what_nothing_else_does() -> None:
    closed = Work(1, 1, Place("2015", "3", "1"), openly_licensed=False)
    on = moment(FIRST)
    assert may_read(closed, Reader(), on).reason_code is Reason.PRESERVED_ONLY
    assert may_read(closed, Reader(1), on).reason_code is Reason.NO_RIGHT
    assert may_read(closed, Reader(staff=True), on).reason_code is Reason.STAFF
    assert may_read(closed, Reader(supplied=True), on).reason_code is Reason.DOCUMENT_SUPPLY


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", Embargo()),
        ("P1Y", Embargo(wall=(1, "Y"))),
        ("r180d", Embargo(rolling=(180, "D"))),
        ("R10Y;P30D", Embargo((10, "Y"), (30, "D"))),
        *((bad, None) for bad in ("P1", "1Y", "P1W", "R1Y;", ";P1Y", "P1Y;R1Y", "R1YP30D", "P1Y ;x", "P99999Y")),
    ],
)
def test_embargoes_are_read_as_kbart_writes_them(text: str, read: Embargo | None) -> None:
    assert embargo_of(text) == read


def test_a_partial_date_stands_for_all_its_days() -> None:
    assert days_of("2016-02") == (date(2016, 2, 1), date(2016, 2, 29))
    assert days_of("2015") == (date(2015, 1, 1), date(2015, 12, 31))
    assert [days_of(bad) for bad in ("", "2015-13", "2015-02-30", "15", "2015-1", "0000", None)] == [None] * 7


@pytest.mark.parametrize("audience", [Audience.INSTITUTIONS, Audience.ENTITLED])
def test_a_trigger_for_one_institution_opens_no_open_licence_to_the_world(audience: Audience) -> None:
    asked = Work(7, 1, Place("2015", "1", "1"), openly_licensed=False)
    paid = (Days(date(2000, 1, 1), None),)
    clause = Clause(Perpetual.NONE)
    licence = (LicenceType.OPEN, LicenceStatus.ACTIVE, None, Hosting.ON_TRIGGER)
    claim = Claim(1, "a", "A", *licence, clause, Coverage(), Embargo(), ClaimState.AGREED, paid)
    some = frozenset({7})
    for_one = InForce(
        "t", TriggerKind.POST_CANCELLATION, audience, moment(FIRST), None, some, institution_ids=frozenset({5})
    )
    for_all = InForce("t", TriggerKind.POST_CANCELLATION, audience, moment(FIRST), None, some)
    on = moment(FIRST) + timedelta(days=1)
    assert not may_read(asked, Reader(), on, [claim], [for_one]).allowed
    assert not may_read(asked, Reader(6), on, [claim], [for_one]).allowed
    assert may_read(asked, Reader(), on, [claim], [for_all]).reason_code is Reason.FREE_AFTER_EMBARGO
