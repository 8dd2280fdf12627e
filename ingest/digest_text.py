"""The letter by which a publisher hears what became of its deliveries: plain text, in its language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date

from ingest.wording import Say, remedy, what
from repository.bags.paths import shown
from repository.catalogue.digests import Refusal, Told
from repository.texts import marked
from repository.vocabulary import ArticleOutcome, DeliveryState, Finding, Level

MOST_REFUSALS = 20
"""So many refused articles of a delivery are told one by one; its receipt has them all."""
MOST_TOLD = 200
"""So many deliveries are told with what is wrong in them; of those after them the letter has a line and the receipt."""
_MOST_FINDINGS = 10
_MOST_NAMES = 3

STATES = {
    DeliveryState.RECEIVED: marked("in progress"),
    DeliveryState.ACCEPTED: marked("accepted"),
    DeliveryState.PARTIAL: marked("partly accepted"),
    DeliveryState.QUARANTINED: marked("in quarantine"),
    DeliveryState.REFUSED: marked("refused"),
}
OUTCOMES = {
    ArticleOutcome.ACCEPTED: marked("preserved"),
    ArticleOutcome.UNCHANGED: marked("unchanged"),
    ArticleOutcome.REFUSED: marked("not accepted"),
}
SUBJECT = marked("{archive}: your deliveries of {day}")
GREETING = marked("To {publisher}")
OPENING = marked("This is what became of your deliveries to {archive}.")
DAY = marked("Day: {day}")
DELIVERIES = marked("Deliveries: {number} ({counts})")
ARTICLES = marked("Articles: {number} ({counts})")
RECEIPT = marked("Receipt: {address}")
NOT_ACCEPTED = marked("Not accepted:")
WHERE = marked("Where: {place}")
FILE_LINE = marked("{file}, line {line}")
WHAT = marked("What: {what}")
WHAT_TO_DO = marked("What to do: {remedy}")
MORE = marked("… and {number} more; the receipt has them all.")
RECEIPTS_EXPLAINED = marked(
    "A receipt needs no account: whoever has its address can read it. It says where each article is kept, and when "
    "you may delete your own copy. It can be had there as a signed document, which is verified with the keys at "
    "{address}"
)
WHERE_TO_ASK = marked("This letter was written by a machine. Questions go to {email}.")


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, in which language, and where receipts are."""

    archive: str
    email: str
    base_url: str
    zone: ZoneInfo
    language: str
    say: Say
    receipt: Callable[[str], str]
    """A delivery's id to the address of its receipt."""

    def days(self, since: datetime, until: datetime) -> str:
        """The day, or the first and the last of several; ``until`` is the midnight after it."""
        first = since.astimezone(self.zone).date()
        last = (until.astimezone(self.zone) - timedelta(seconds=1)).date()
        return " – ".join(format_date(day, "long", locale=self.language) for day in dict.fromkeys((first, last)))

    def subject(self, since: datetime, until: datetime) -> str:
        """One line for the head of the letter."""
        return _line(self.say(SUBJECT).format(archive=self.archive, day=self.days(since, until)))

    def text(self, publisher: str, since: datetime, until: datetime, told: Iterable[Told]) -> str:
        """The whole letter. Nothing that a publisher named can end a line of it or turn its direction."""
        states: Counter[str] = Counter()
        outcomes: Counter[str] = Counter()
        body: list[str] = []
        for number, one in enumerate(told, start=1):
            states[one.state] += 1
            outcomes.update(one.outcomes)
            body += ["", *self._delivery(number, one)]
        head = [
            _line(self.say(GREETING).format(publisher=publisher)),
            "",
            _line(self.say(OPENING).format(archive=self.archive)),
            "",
            self.say(DAY).format(day=self.days(since, until)),
            self.say(DELIVERIES).format(number=states.total(), counts=self._counts(states, STATES)),
            self.say(ARTICLES).format(number=outcomes.total(), counts=self._counts(outcomes, OUTCOMES)),
        ]
        foot = [
            "",
            "-- ",
            self.say(RECEIPTS_EXPLAINED).format(address=f"{self.base_url}/.well-known/mahfuz-keys.json"),
            self.say(WHERE_TO_ASK).format(email=self.email),
        ]
        return "\n".join([*head, *body, *foot]) + "\n"

    def _counts(self, counted: Counter[str], words: dict[DeliveryState, str] | dict[ArticleOutcome, str]) -> str:
        parts = [f"{self.say(word)} {counted[state]}" for state, word in words.items() if counted[state]]
        return ", ".join(parts) or "–"

    def _delivery(self, number: int, one: Told) -> Iterator[str]:
        names = [_line(name) for name in one.file_names[:_MOST_NAMES]]
        yield f"{number}. {', '.join(names)}{' …' if len(one.file_names) > _MOST_NAMES else ''}"
        counts = self._counts(Counter(one.outcomes), OUTCOMES)
        yield f"   {self.say(STATES[one.state])} ({counts})"
        yield "   " + self.say(RECEIPT).format(address=self.receipt(one.id))
        if number > MOST_TOLD:
            return
        for found in _errors(one.findings):
            yield from self._finding(found, "   ")
        if one.refusals:
            yield "   " + self.say(NOT_ACCEPTED)
        for refusal in one.refusals:
            yield f"   - {_named(refusal)}"
            for found in _errors(refusal.findings):
                yield from self._finding(found, "     ")
        more = one.outcomes.get(ArticleOutcome.REFUSED, 0) - len(one.refusals)
        if more > 0:
            yield "   " + self.say(MORE).format(number=more)

    def _finding(self, found: Finding, margin: str) -> Iterator[str]:
        yield f"{margin}{found.code}"
        if found.path:
            name = _line(found.path)
            place = self.say(FILE_LINE).format(file=name, line=found.line) if found.line else name
            yield f"{margin}  " + self.say(WHERE).format(place=place)
        yield f"{margin}  " + self.say(WHAT).format(what=_line(what(found, self.say)))
        yield f"{margin}  " + self.say(WHAT_TO_DO).format(remedy=_line(remedy(found, self.say)))


def _errors(findings: Iterable[Finding]) -> list[Finding]:
    return [found for found in findings if found.level is Level.ERROR][:_MOST_FINDINGS]


def _named(refusal: Refusal) -> str:
    title = f"“{_line(refusal.title)}”" if refusal.title else _line(refusal.name)
    return f"{title} (DOI {_line(refusal.doi)})" if refusal.doi else title


def _line(text: str) -> str:
    return shown(text)[:1000]
