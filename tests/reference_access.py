"""Who may read what, written a second time from docs/perpetual-access.md alone: day by day, by sets, and slowly.

It shares no code with ``repository.access`` and none of its shapes: a history here is what people do on days.
"""

from __future__ import annotations

import calendar
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

FIRST, LAST = date(2006, 1, 1), date(2015, 12, 31)
HORIZON = range(FIRST.toordinal(), LAST.toordinal() + 1)


@dataclass
class Line:
    """One line of a title list, of all parties (``of`` None) or claimed by one institution."""

    title: int
    first: tuple[str | None, str | None, str | None]
    last: tuple[str | None, str | None, str | None]
    embargo: str
    state: str
    of: int | None


@dataclass
class Agreement:
    """A licence as it was lived: signed, prolonged, joined and left, closed."""

    code: str
    kind: str
    status: str
    closure: str | None
    hosting: str
    gives: str
    years: tuple[str, str] | None
    back: int
    periods: list[tuple[date, date | None]]
    parties: list[tuple[str, int, date | None, date | None]]
    """``institution`` or ``consortium``, which, from when, to when."""
    lines: list[Line]


@dataclass
class Event:
    """A trigger as it was declared."""

    code: str
    audience: str
    begins: date
    ends: date | None
    titles: set[int]
    publishers: set[int]
    nation: bool
    institutions: set[int]
    approved: bool
    revoked: bool


@dataclass
class History:
    """Everything that happened."""

    agreements: list[Agreement]
    events: list[Event]
    members: list[tuple[int, int, date, date | None]]
    """Consortium, institution, from when, to when."""
    publisher_of: dict[int, int] = field(default_factory=lambda: {1: 1, 2: 1, 3: 2})


@dataclass(frozen=True)
class Article:
    title: int
    published: str | None
    volume: str | None
    issue: str | None
    cc: bool


def answer(history: History, article: Article, institution: int | None, on: date) -> str:
    """The reason for which it opens, or ``no``."""
    if article.cc:
        return "open_licence"
    standing = [one for one in history.events if _stands(history, one, article, on)]
    found = set()
    for agreement in history.agreements:
        for line in agreement.lines:
            if line.title == article.title and line.state == "agreed":
                found |= set(_opens(history, agreement, line, article, institution, on, standing))
    for_all = [one for one in standing if not one.institutions]
    if any(one.audience == "everyone" for one in for_all):
        found.add("opened_to_everyone")
    if institution is not None and any(one.audience == "institutions" and _for(one, institution) for one in standing):
        found.add("crisis_grant")
    order = (
        "free_after_embargo",
        "opened_to_everyone",
        "current_subscription",
        "post_cancellation",
        "trigger",
        "crisis_grant",
    )
    return next((one for one in order if one in found), "no")


def _opens(
    history: History,
    agreement: Agreement,
    line: Line,
    article: Article,
    institution: int | None,
    on: date,
    standing: list[Event],
) -> Iterator[str]:
    if agreement.status not in ("active", "closed") or agreement.closure == "rejected":
        return
    if not _on_the_list(line, article):
        return
    if agreement.kind == "open":
        running = {day for first, last in agreement.periods for day in _all_days(first, last)}
        free = on.toordinal() in running and _past_the_wall(line, article, on) and _within_the_last(line, article, on)
        if free and (agreement.hosting == "always" or any(not one.institutions for one in standing)):
            yield "free_after_embargo"
        return
    if institution is None or line.of not in (None, institution):
        return
    paid = days_paid(history, agreement, institution)
    mine = [one for one in standing if _for(one, institution)]
    today, wall = on.toordinal() in paid, _past_the_wall(line, article, on)
    subscribed = today and wall and _within_the_last(line, article, on)
    if subscribed and agreement.hosting == "always":
        yield "current_subscription"
    served = agreement.hosting == "always" or (agreement.hosting == "exclusive" and not today) or bool(mine)
    if served and wall and for_ever(agreement, paid, article, on):
        yield "post_cancellation"
    if subscribed and mine:
        yield "trigger"


def days_paid(history: History, agreement: Agreement, institution: int) -> set[int]:
    """Every day on which the licence ran and the institution was a party to it, by itself or by a consortium."""
    ran = {day for first, last in agreement.periods for day in _all_days(first, last)}
    party: set[int] = set()
    for kind, number, since, until in agreement.parties:
        span = set(_all_days(since or FIRST, until))
        if kind == "institution" and number == institution:
            party |= span
        if kind == "consortium":
            for consortium, member, joined, left in history.members:
                if consortium == number and member == institution:
                    party |= span & set(_all_days(joined, left))
    return ran & party


def for_ever(agreement: Agreement, paid: set[int], article: Article, on: date) -> bool:
    """Whether the clause has given the article by this day."""
    so_far = {day for day in paid if day <= on.toordinal()}
    dated = _dated(article.published)
    if not so_far or not dated or agreement.gives == "none":
        return False
    if agreement.gives == "full":
        return min(dated) <= max(so_far)
    if agreement.gives == "years":
        assert agreement.years
        named = _dated(agreement.years[0]) | _dated(agreement.years[1])
        return min(dated) <= max(named) and max(dated) >= min(named)
    before = date.fromordinal(min(so_far)).year - agreement.back
    reached = {day for day in dated if date.fromordinal(day).year >= before and day <= min(so_far)}
    return bool(dated & so_far) or (agreement.back > 0 and bool(reached))


def _stands(history: History, one: Event, article: Article, on: date) -> bool:
    if not one.approved or one.revoked or on < one.begins or (one.ends is not None and on >= one.ends):
        return False
    return one.nation or article.title in one.titles or history.publisher_of[article.title] in one.publishers


def _for(one: Event, institution: int) -> bool:
    return not one.institutions or institution in one.institutions


def _on_the_list(line: Line, article: Article) -> bool:
    return _not_beyond(line.first, article, 1) and _not_beyond(line.last, article, -1)


def _not_beyond(end: tuple[str | None, str | None, str | None], article: Article, way: int) -> bool:
    day, volume, issue = end
    if not day and not volume:
        return True
    if volume and volume.isdigit() and article.volume and article.volume.isdigit():
        if int(article.volume) != int(volume):
            return (int(article.volume) - int(volume)) * way > 0
        if issue and issue.isdigit() and article.issue and article.issue.isdigit():
            return (int(article.issue) - int(issue)) * way >= 0
        return True
    mine, theirs = _dated(article.published), _dated(day)
    if not mine or not theirs:
        return False
    return max(mine) >= min(theirs) if way == 1 else min(mine) <= max(theirs)


def _past_the_wall(line: Line, article: Article, on: date) -> bool:
    wall = next((part for part in line.embargo.split(";") if part.startswith("P")), None)
    if wall is None:
        return True
    dated = _dated(article.published)
    return bool(dated) and max(dated) < _since(wall, on).toordinal()


def _within_the_last(line: Line, article: Article, on: date) -> bool:
    rolling = next((part for part in line.embargo.split(";") if part.startswith("R")), None)
    if rolling is None:
        return True
    dated = _dated(article.published)
    return bool(dated) and max(dated) >= _since(rolling, on).toordinal()


def _since(part: str, on: date) -> date:
    number, unit = int(part[1:-1]), part[-1]
    if unit == "D":
        return on - timedelta(days=number)
    if unit == "Y":
        return date(on.year - (number - 1), 1, 1)
    year, month = on.year, on.month
    for _ in range(number):
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return date(year, month, min(on.day, calendar.monthrange(year, month)[1]))


def _dated(text: str | None) -> set[int]:
    if not text:
        return set()
    parts = [int(part) for part in text.split("-")]
    first = date(parts[0], parts[1] if len(parts) > 1 else 1, parts[2] if len(parts) > 2 else 1)
    if len(parts) == 3:
        last = first
    elif len(parts) == 2:
        last = date(parts[0], parts[1], calendar.monthrange(parts[0], parts[1])[1])
    else:
        last = date(parts[0], 12, 31)
    return set(range(first.toordinal(), last.toordinal() + 1))


def _all_days(first: date, last: date | None) -> range:
    return range(max(first.toordinal(), HORIZON.start), min((last or LAST).toordinal(), LAST.toordinal()) + 1)


# --- random histories -----------------------------------------------------------------------------------------------


def some_day(dice: random.Random) -> date:
    """Rather often the first or last of a year, where mistakes live."""
    year = dice.randint(2007, 2014)
    return dice.choice((date(year, 1, 1), date(year, 12, 31), date(year, dice.randint(1, 12), dice.randint(1, 28))))


def some_partial(dice: random.Random) -> str | None:
    day = some_day(dice)
    return dice.choice((f"{day:%Y}", f"{day:%Y-%m}", f"{day:%Y-%m-%d}", f"{day:%Y}", None))


def some_article(dice: random.Random) -> Article:
    issue = dice.choice((None, "1", "2", "3-4", "4"))
    volume = dice.choice((None, "3", "4", "5", "6", "XII"))
    return Article(dice.randint(1, 3), some_partial(dice), volume, issue, dice.random() < 0.03)


def some_history(dice: random.Random) -> History:
    """Licences of two titles or three for four institutions, two of them in a consortium for a while."""
    members = []
    for institution in (1, 2, 3):
        first = some_day(dice)
        members.append((1, institution, first, dice.choice((None, first + timedelta(days=dice.randint(0, 1500))))))
    return History(
        [_agreement(dice, number) for number in range(dice.randint(1, 4))],
        [_event(dice, number) for number in range(dice.randint(0, 3))],
        members,
    )


def _agreement(dice: random.Random, number: int) -> Agreement:
    periods, first = [], some_day(dice)
    for _ in range(dice.randint(1, 3)):
        last = first + timedelta(days=dice.choice((0, 30, 364, 365, 900)))
        periods.append((first, last))
        first = last + timedelta(days=dice.choice((1, 1, 200)))
    status = dice.choice(("active", "active", "active", "closed", "closed", "draft"))
    if status == "active" and dice.random() < 0.3:
        periods[-1] = (periods[-1][0], None)
    parties = []
    for _ in range(dice.randint(1, 4)):
        since = dice.choice((None, None, None, some_day(dice)))
        until = None if dice.random() < 0.6 else (since or FIRST) + timedelta(days=dice.randint(0, 2000))
        kind = dice.choice(("institution", "institution", "consortium"))
        parties.append((kind, dice.randint(1, 4) if kind == "institution" else 1, since, until))
    years = None
    gives = dice.choice(("none", "paid_years", "paid_years", "full", "years"))
    if gives == "years":
        low = dice.randint(2006, 2013)
        years = (str(low), str(dice.randint(low, 2014)))
    kind = dice.choice(("national", "national", "consortial", "consortial", "local", "local", "open"))
    return Agreement(
        code=f"licence-{number}",
        kind=kind,
        status=status,
        closure=dice.choice(("cancelled", "ceased", "superseded", "rejected")) if status == "closed" else None,
        hosting=dice.choice(("always", "exclusive", "on_trigger", "on_trigger")),
        gives=gives,
        years=years,
        back=dice.choice((0, 0, 1, 3)),
        periods=periods,
        parties=parties,
        lines=[_line(dice, everyones=kind == "open") for _ in range(dice.randint(1, 3))],
    )


def _line(dice: random.Random, *, everyones: bool) -> Line:
    def end() -> tuple[str | None, str | None, str | None]:
        volume = dice.choice((None, None, "3", "4", "5"))
        return some_partial(dice), volume, dice.choice((None, "2")) if volume else None

    return Line(
        title=dice.randint(1, 3),
        first=end() if dice.random() < 0.3 else (None, None, None),
        last=end() if dice.random() < 0.3 else (None, None, None),
        embargo=dice.choice(("", "", "", "P1Y", "P6M", "P180D", "R2Y", "R1Y;P30D", "P2Y")),
        state=dice.choice(("agreed", "agreed", "agreed", "asserted", "disputed", "rejected")),
        of=None if everyones else dice.choice((None, None, None, 1, 2)),
    )


def _event(dice: random.Random, number: int) -> Event:
    begins = some_day(dice)
    return Event(
        code=f"trigger-{number}",
        audience=dice.choice(("entitled", "entitled", "entitled", "institutions", "everyone")),
        begins=begins,
        ends=dice.choice((None, None, begins + timedelta(days=dice.randint(1, 700)))),
        titles={dice.randint(1, 3)} if dice.random() < 0.6 else set(),
        publishers={dice.randint(1, 2)} if dice.random() < 0.4 else set(),
        nation=dice.random() < 0.1,
        institutions={dice.randint(1, 4)} if dice.random() < 0.4 else set(),
        approved=dice.random() < 0.85,
        revoked=dice.random() < 0.15,
    )
