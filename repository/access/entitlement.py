"""May this reader open this article on that day? Rows in, a decision out, and never one without its reason.

What is earned stays earned: a right counts the days that were paid for up to the day of the question, so that
neither the end of a licence nor of a membership takes anything away that was a right before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from repository.coverage import Coverage, Days, Embargo, Place, days_of
from repository.rights import Audience, ClaimState, Closure, Hosting, LicenceStatus, LicenceType, Perpetual, TriggerKind
from repository.texts import marked


class Reason(StrEnum):
    """Why a file opens or stays closed. A code is never renamed."""

    OPEN_LICENCE = "open_licence"
    FREE_AFTER_EMBARGO = "free_after_embargo"
    OPENED_TO_EVERYONE = "opened_to_everyone"
    CURRENT_SUBSCRIPTION = "current_subscription"
    POST_CANCELLATION = "post_cancellation"
    TRIGGER = "trigger"
    CRISIS_GRANT = "crisis_grant"
    DOCUMENT_SUPPLY = "document_supply"
    STAFF = "staff"

    PRESERVED_ONLY = "preserved_only"
    NOT_OPEN_YET = "not_open_yet"
    AT_PUBLISHER = "at_publisher"
    EMBARGOED = "embargoed"
    NOT_AGREED = "not_agreed"
    NO_PERPETUAL_RIGHT = "no_perpetual_right"
    NOT_COVERED = "not_covered"
    NO_RIGHT = "no_right"


SENTENCES = {
    Reason.OPEN_LICENCE: marked("Open to everyone: the publisher released this article under an open licence."),
    Reason.FREE_AFTER_EMBARGO: marked(
        "Open to everyone: the publisher opens this journal after a time, which is over."
    ),
    Reason.OPENED_TO_EVERYONE: marked(
        "Open to everyone: the archive opened it, because the publisher serves it no more."
    ),
    Reason.CURRENT_SUBSCRIPTION: marked(
        "Open to you: your institution subscribes to it, and the archive may serve it."
    ),
    Reason.POST_CANCELLATION: marked("Open to you: your institution has a perpetual right to it."),
    Reason.TRIGGER: marked("Open to you: your institution subscribes to it, and the publisher does not serve it."),
    Reason.CRISIS_GRANT: marked("Open to you: it was opened to your institution for the time of a crisis."),
    Reason.DOCUMENT_SUPPLY: marked("Open to you: a library sent you this address, which serves for a short time."),
    Reason.STAFF: marked("Not open to readers; you may read it because you are signed in as staff of the archive."),
    Reason.PRESERVED_ONLY: marked(
        "Preserved here, and not open to readers yet: it opens to the institutions that hold a perpetual right to it "
        "when the publisher no longer serves them. Until then, read it at the publisher."
    ),
    Reason.NOT_OPEN_YET: marked(
        "Your institution has a perpetual right to this article, and the publisher still serves it: read it there. It "
        "opens here when it is no longer served there."
    ),
    Reason.AT_PUBLISHER: marked("Your institution subscribes to this journal: read the article at the publisher."),
    Reason.EMBARGOED: marked("The licence holds back what was published lately, and this article is still among it."),
    Reason.NOT_AGREED: marked(
        "Your institution claims a right to this article, and the publisher has not agreed to it: ask your library."
    ),
    Reason.NO_PERPETUAL_RIGHT: marked(
        "Your institution subscribed to this journal once, and its licence gives no right to read on afterwards."
    ),
    Reason.NOT_COVERED: marked("Your institution has a right to this journal, but not to what was published then."),
    Reason.NO_RIGHT: marked("Your institution has no right to this journal here."),
}


@dataclass(frozen=True, slots=True)
class Work:
    """The article that is asked for, as far as it decides."""

    title_id: int
    publisher_id: int
    """Whose the journal is now."""
    place: Place
    openly_licensed: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: of which institution, if of any; whether as staff of the archive; whether by a link for supply."""

    institution_id: int | None = None
    staff: bool = False
    supplied: bool = False


@dataclass(frozen=True, slots=True)
class Clause:
    """The perpetual-access clause of a licence."""

    gives: Perpetual
    years: Days | None = None
    """With :attr:`Perpetual.YEARS`."""
    back_years: int = 0
    """Calendar years before the first one paid, with :attr:`Perpetual.PAID_YEARS`."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One line of a licence's title list, or one claim of an institution of its own, as it concerns one reader."""

    entitlement_id: int
    licence: str
    """Its code."""
    licence_name: str
    type: LicenceType
    status: LicenceStatus
    closure: Closure | None
    hosting: Hosting
    clause: Clause
    coverage: Coverage
    embargo: Embargo
    state: ClaimState
    paid: tuple[Days, ...]
    """The days on which a period of the licence ran and the reader's institution was a party to it."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A trigger that two people declared, as far as it decides."""

    code: str
    kind: TriggerKind
    audience: Audience
    effective: datetime
    until: datetime | None = None
    title_ids: frozenset[int] = frozenset()
    publisher_ids: frozenset[int] = frozenset()
    nation: bool = False
    """All that is kept."""
    institution_ids: frozenset[int] = frozenset()
    """Empty: all institutions."""

    def opens(self, work: Work, institution_id: int | None, on: datetime) -> bool:
        """Whether it stands at this moment, for this article, and for this institution (None: for everybody)."""
        stands = self.effective <= on and (self.until is None or on < self.until)
        about = self.nation or work.title_id in self.title_ids or work.publisher_id in self.publisher_ids
        for_them = not self.institution_ids or institution_id in self.institution_ids
        return stands and about and for_them

    def opens_to(self, reader: Reader, work: Work, on: datetime) -> bool:
        """Whether it stands for this article and for the reader's institution, which there has to be."""
        return reader.institution_id is not None and self.opens(work, reader.institution_id, on)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What became of one claim: the reason that it would give, and the trigger that it leant on."""

    claim: Claim
    reason: Reason
    trigger: InForce | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """``allowed``, and why: ``reason_code`` for programs, ``reason`` in English for people (translated when shown)."""

    allowed: bool
    reason_code: Reason
    reason: str
    evidence: Weighed | InForce | None = None
    """The claim, or the trigger alone, from which it follows."""
    considered: tuple[Weighed, ...] = field(default=(), compare=False)
    """Every claim that was looked at."""


_BETTER: Mapping[Reason, int] = {reason: rank for rank, reason in enumerate(Reason)}
_ALLOWED = frozenset(tuple(Reason)[: tuple(Reason).index(Reason.PRESERVED_ONLY)])


def may_read(
    work: Work, reader: Reader, on: datetime, claims: Sequence[Claim] = (), triggers: Sequence[InForce] = ()
) -> Decision:
    """Whether the files of ``work`` may be given to ``reader`` at the moment ``on``; the same for the same values.

    ``on`` is aware, and its own date is the day on which licences run. ``claims`` are those on the journal that are
    for everyone or for the reader's institution, ``triggers`` those that two people declared. Of several reasons the
    first in the order of :class:`Reason` is given.
    """
    weighed = tuple(_weighed(work, reader, on, claims, triggers))
    reasons: list[tuple[Reason, Weighed | InForce | None]] = [(one.reason, one) for one in weighed]
    if work.openly_licensed:
        reasons.append((Reason.OPEN_LICENCE, None))
    for trigger in triggers:
        if trigger.audience is Audience.EVERYONE and trigger.opens(work, None, on):
            reasons.append((Reason.OPENED_TO_EVERYONE, trigger))
        elif trigger.audience is Audience.INSTITUTIONS and trigger.opens_to(reader, work, on):
            reasons.append((Reason.CRISIS_GRANT, trigger))
    if reader.supplied:
        reasons.append((Reason.DOCUMENT_SUPPLY, None))
    if reader.staff:
        reasons.append((Reason.STAFF, None))
    reasons.append((Reason.PRESERVED_ONLY if reader.institution_id is None else Reason.NO_RIGHT, None))
    reason, evidence = min(reasons, key=lambda one: _BETTER[one[0]])
    return Decision(reason in _ALLOWED, reason, SENTENCES[reason], evidence, weighed)


def paid_days(periods: Iterable[Days], parties: Iterable[Days]) -> tuple[Days, ...]:
    """The days on which one of these periods ran while the institution was a party to the licence."""
    found = {common for period in periods for party in parties if (common := period.common(party)) is not None}
    return tuple(sorted(found, key=lambda days: (days.first, days.last or date.max)))


def is_current(claim: Claim, day: date) -> bool:
    """Whether the licence runs on this day for the reader's institution."""
    ran = claim.status in (LicenceStatus.ACTIVE, LicenceStatus.CLOSED) and claim.closure is not Closure.REJECTED
    return ran and any(days.first <= day and (days.last is None or day <= days.last) for days in claim.paid)


def is_earned(claim: Claim, published: str | None, day: date) -> bool:
    """Whether the clause has given what was published then for ever, by this day; whatever the title list covers.

    Only days up to ``day`` count, so that what is true on one day is true on every later one, whatever ends.
    """
    if claim.status not in (LicenceStatus.ACTIVE, LicenceStatus.CLOSED) or claim.closure is Closure.REJECTED:
        return False
    so_far = Days(date.min, day)
    paid = [common for days in claim.paid if (common := days.common(so_far)) is not None]
    dated = days_of(published)
    if not paid or dated is None or claim.clause.gives is Perpetual.NONE:
        return False
    if claim.clause.gives is Perpetual.FULL:
        return dated.first <= max(days.last or day for days in paid)
    if claim.clause.gives is Perpetual.YEARS:
        return claim.clause.years is not None and claim.clause.years.meets(dated)
    first = min(days.first for days in paid)
    back = Days(date(max(first.year - claim.clause.back_years, 1), 1, 1), first) if claim.clause.back_years else None
    return any(days.meets(dated) for days in paid) or (back is not None and back.meets(dated))


def _weighed(
    work: Work, reader: Reader, on: datetime, claims: Sequence[Claim], triggers: Sequence[InForce]
) -> Iterator[Weighed]:
    for claim in claims:
        institution = None if claim.type is LicenceType.OPEN else reader.institution_id
        opened = next((one for one in triggers if one.opens(work, institution, on)), None)
        reason, leant = _reason(work, claim, on, opened)
        if _BETTER[reason] < _BETTER[Reason.PRESERVED_ONLY] and claim.state is not ClaimState.AGREED:
            reason, leant = Reason.NOT_AGREED, None
        elif claim.state is ClaimState.REJECTED:
            reason, leant = Reason.NO_RIGHT, None
        if claim.type is LicenceType.OPEN and reason not in _ALLOWED:
            continue  # what everyone may not read says nothing of this reader
        yield Weighed(claim, reason, leant)


def _reason(work: Work, claim: Claim, on: datetime, opened: InForce | None) -> tuple[Reason, InForce | None]:
    day, published = on.date(), work.place.published
    if not claim.coverage.has(work.place):
        return Reason.NOT_COVERED, None
    current, earned = is_current(claim, day), is_earned(claim, published, day)
    over = claim.embargo.is_over(published, day)
    subscribed = current and over and claim.embargo.still_rolls(published, day)
    if claim.type is LicenceType.OPEN:
        free = subscribed and (claim.hosting is Hosting.ALWAYS or opened is not None)
        return (Reason.FREE_AFTER_EMBARGO if free else Reason.NOT_COVERED), None
    if subscribed and claim.hosting is Hosting.ALWAYS:
        return Reason.CURRENT_SUBSCRIPTION, None
    if earned and over:
        if claim.hosting is Hosting.ALWAYS or (claim.hosting is Hosting.EXCLUSIVE and not current):
            return Reason.POST_CANCELLATION, None
        if opened is not None:
            return Reason.POST_CANCELLATION, opened
    if subscribed:
        return (Reason.AT_PUBLISHER, None) if opened is None else (Reason.TRIGGER, opened)
    if earned and over:
        return Reason.NOT_OPEN_YET, None
    if not over and (current or earned):
        return Reason.EMBARGOED, None
    if claim.clause.gives is Perpetual.NONE and claim.paid:
        return Reason.NO_PERPETUAL_RIGHT, None
    return Reason.NOT_COVERED, None
