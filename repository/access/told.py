"""A decision told to people and to machines: by whom access is given, on what it rests, and what else was looked at.

Pages, the API and the command say the same, because all of them say it through here. Every sentence is marked where it
stands and said by a :data:`Say` in the language of whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from repository.access.entitlement import SENTENCES, Claim, Decision, InForce, Reason, Weighed
from repository.access.readers import How, Known
from repository.coverage import Coverage, Days, days_of, joined
from repository.rights import ClaimState, Hosting, LicenceStatus, Perpetual, TriggerKind
from repository.texts import marked
from repository.vocabulary import as_utc_text

Say = Callable[..., str]
"""``say(sentence, **values)``: the sentence in one language, its ``{names}`` filled."""

Fact = tuple[str, str]
"""What something is called, and what it is: both said already."""

FOR_EVERYONE = frozenset((Reason.OPEN_LICENCE, Reason.FREE_AFTER_EMBARGO, Reason.OPENED_TO_EVERYONE))
"""Why an article opens to whoever asks: these reasons come before all others, so that no reader hides them."""

PROVIDED = {
    Reason.CURRENT_SUBSCRIPTION: marked("Access provided by {institution}: current subscription"),
    Reason.POST_CANCELLATION: marked("Access provided by {institution}: perpetual right {years}"),
    Reason.TRIGGER: marked("Access provided by {institution}: subscription, which the publisher does not serve"),
    Reason.CRISIS_GRANT: marked("Access provided by {institution}: opened for the time of a crisis"),
}

WORDS: Mapping[StrEnum, str] = {
    Perpetual.NONE: marked("No right to read on afterwards"),
    Perpetual.PAID_YEARS: marked("A perpetual right to what was published while it was paid for"),
    Perpetual.FULL: marked("A perpetual right to all that was published up to the last day paid"),
    Perpetual.YEARS: marked("A perpetual right to the years that the licence names"),
    Hosting.ALWAYS: marked("The archive may serve it at any time"),
    Hosting.EXCLUSIVE: marked("The archive may serve it once the subscription has ended"),
    Hosting.ON_TRIGGER: marked("The archive may serve it after a trigger event"),
    ClaimState.ASSERTED: marked("claimed"),
    ClaimState.AGREED: marked("agreed"),
    ClaimState.DISPUTED: marked("disputed"),
    ClaimState.REJECTED: marked("rejected"),
    LicenceStatus.DRAFT: marked("draft"),
    LicenceStatus.REQUESTED: marked("requested"),
    LicenceStatus.IN_NEGOTIATION: marked("in negotiation"),
    LicenceStatus.ACTIVE: marked("active"),
    LicenceStatus.CLOSED: marked("closed"),
    TriggerKind.POST_CANCELLATION: marked("The subscription was cancelled"),
    TriggerKind.TITLE_TRANSFER: marked("The journal went to another publisher"),
    TriggerKind.PUBLISHER_CEASED: marked("The publisher has ceased"),
    TriggerKind.INADEQUATE_HOSTING: marked("The publisher does not serve it well enough"),
    TriggerKind.NATIONAL_EMERGENCY: marked("A national emergency"),
    How.NOBODY: marked("of no institution"),
    How.ADDRESS: marked("by the address"),
    How.SAML: marked("by sign-on"),
    How.OPENID: marked("by sign-on"),
    How.LIBRARIAN: marked("by an account of the library"),
    How.STAFF: marked("as staff of the archive"),
}
"""The words of the records and of readers, as they are said."""

_LICENCE = marked("Licence")
_RIGHT = marked("Perpetual access")
_SERVING = marked("Serving")
_COVERS = marked("Covers")
_WHOLE = marked("the whole journal")
_PAID = marked("Paid for")
_EARNED = marked("Right earned for")
_STATE = marked("State of the claim")
_STATUS = marked("State of the licence")
_TRIGGER = marked("Trigger event")
_SINCE = marked("In force since")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and its decision."""

    article: str
    doi: str | None
    title: str | None
    known: Known
    on: datetime
    decision: Decision


def provided(known: Known, decision: Decision, on: date, say: Say) -> str | None:
    """By whom access is given and on what ground, as one line; None where it is given by no institution."""
    sentence = PROVIDED.get(decision.reason_code)
    if sentence is None or known.library is None:
        return None
    claim = decision.evidence.claim if isinstance(decision.evidence, Weighed) else None
    years = years_text(earned_years(claim, on)) if claim else ""
    return say(sentence, institution=known.library.name, years=years).strip()


def grounds(decision: Decision, on: date, say: Say) -> list[Fact]:
    """What a decision rests on: licence, clause, coverage, trigger."""
    found = decision.evidence
    if isinstance(found, InForce):
        return _trigger_facts(found, say)
    return [] if found is None else [*claim_facts(found.claim, on, say), *_trigger_facts(found.trigger, say)]


def claim_facts(claim: Claim, on: date, say: Say) -> list[Fact]:
    """What one claim says, as far as it decides."""
    years = years_text(earned_years(claim, on))
    facts = [
        (_LICENCE, f"{claim.licence_name} ({claim.licence})"),
        (_STATUS, say(WORDS[claim.status])),
        (_STATE, say(WORDS[claim.state])),
        (_COVERS, coverage_text(claim.coverage) or say(_WHOLE)),
        (_PAID, years_text((days.first.year, days.last.year if days.last else None) for days in claim.paid)),
        (_RIGHT, say(WORDS[claim.clause.gives])),
        (_EARNED, years),
        (_SERVING, say(WORDS[claim.hosting])),
    ]
    return [(say(name), value) for name, value in facts if value]


def _trigger_facts(trigger: InForce | None, say: Say) -> list[Fact]:
    if trigger is None:
        return []
    return [
        (say(_TRIGGER), f"{say(WORDS[trigger.kind])} ({trigger.code})"),
        (say(_SINCE), trigger.effective.date().isoformat()),
    ]


def earned_years(claim: Claim, on: date) -> list[tuple[int, int | None]]:
    """The years in which what the claim covers was earned for ever by this day, as runs; empty where nothing was.

    For people: a year counts as a whole, where the decision itself goes by days, volumes and issues.
    """
    paid = [common for days in claim.paid if (common := days.common(Days(date.min, on))) is not None]
    if not paid or claim.clause.gives is Perpetual.NONE:
        return []
    ends = [days.last or on for days in paid]
    if claim.clause.gives is Perpetual.FULL:
        runs = [(1, max(ends).year)]
    elif claim.clause.gives is Perpetual.YEARS:
        years = claim.clause.years
        runs = [(years.first.year, years.last.year if years.last else 9999)] if years else []
    else:
        runs = [(days.first.year, end.year) for days, end in zip(paid, ends, strict=True)]
        first = min(begin for begin, _ in runs)
        runs.append((first - claim.clause.back_years, first))
    first_day, last_day = days_of(claim.coverage.first_date), days_of(claim.coverage.last_date)
    low, high = first_day.first.year if first_day else 1, last_day.first.year if last_day else 9999
    clipped = sorted((max(begin, low), min(end, high)) for begin, end in runs)
    return [(begin, None if end == 9999 else end) for begin, end in joined(clipped)]


def years_text(runs: Iterable[tuple[int, int | None]]) -> str:
    """``2009–2018, 2020–``."""
    return ", ".join(
        str(begin) if begin == end else f"{begin if begin > 1 else ''}–{end or ''}"
        for begin, end in dict.fromkeys(runs)
    )


def coverage_text(coverage: Coverage) -> str:
    """``2009, 1(1) – 2018-06``: as librarians write a run; an open end is three dots, and two of them are nothing."""
    first = _end(coverage.first_date, coverage.first_volume, coverage.first_issue)
    last = _end(coverage.last_date, coverage.last_volume, coverage.last_issue)
    return f"{first or '…'} – {last or '…'}" if first or last else ""


def _end(day: str | None, volume: str | None, issue: str | None) -> str:
    number = f"{volume or ''}({issue})" if issue else volume or ""
    return ", ".join(part for part in (day, number) if part)


def as_json(asked: Asked, says: Mapping[str, Say], *, considered: bool) -> dict[str, Any]:
    """The decision for machines, its sentences in every language of ``says``; with every claim that was looked at."""
    decision, known, on = asked.decision, asked.known, asked.on.date()
    library = known.library
    evidence = decision.evidence
    claim = evidence.claim if isinstance(evidence, Weighed) else None
    trigger = evidence.trigger if isinstance(evidence, Weighed) else evidence
    document: dict[str, Any] = {
        "article": asked.article,
        "doi": asked.doi,
        "on": as_utc_text(asked.on),
        "reader": {
            "institution": {"code": library.code, "name": library.name} if library else None,
            "how": str(known.how),
        },
        "allowed": decision.allowed,
        "reason_code": str(decision.reason_code),
        "reason": {code: say(decision.reason) for code, say in says.items()},
        "provided_by": {code: provided(known, decision, on, say) for code, say in says.items()},
        "evidence": {
            "claim": _claim_json(claim, on) if claim else None,
            "trigger": _trigger_json(trigger) if trigger else None,
        },
    }
    if not any(document["provided_by"].values()):
        document["provided_by"] = None
    if considered:
        document["considered"] = [
            {
                "reason_code": str(one.reason),
                "reason": {code: say(SENTENCES[one.reason]) for code, say in says.items()},
                "claim": _claim_json(one.claim, on),
                "trigger": _trigger_json(one.trigger) if one.trigger else None,
            }
            for one in decision.considered
        ]
    return document


def _claim_json(claim: Claim, on: date) -> dict[str, Any]:
    return {
        "entitlement": claim.entitlement_id,
        "licence": claim.licence,
        "licence_name": claim.licence_name,
        "licence_status": str(claim.status),
        "state": str(claim.state),
        "covers": coverage_text(claim.coverage) or None,
        "paid": [[one.first.isoformat(), one.last.isoformat() if one.last else None] for one in claim.paid],
        "perpetual": str(claim.clause.gives),
        "earned": years_text(earned_years(claim, on)) or None,
        "hosting": str(claim.hosting),
    }


def _trigger_json(trigger: InForce) -> dict[str, Any]:
    return {"code": trigger.code, "kind": str(trigger.kind), "effective": as_utc_text(trigger.effective)}
