"""The letter that tells of alerts: what, since when, how much, and what to do, in each of the archive's languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from repository.catalogue.alert_letters import BEGUN, ESCALATED, OVER, RAISED
from repository.cause_words import RECOVERY, Words, proof, section
from repository.causes import Cause
from repository.texts import counted, marked

_HEADINGS = (
    (ESCALATED, marked("Nobody has acknowledged this")),
    (RAISED, marked("Now critical")),
    (BEGUN, marked("New")),
    (OVER, marked("Over")),
)
SUBJECTS = {
    ESCALATED: counted("{archive}: {number} alert unanswered", "{archive}: {number} alerts unanswered"),
    RAISED: counted("{archive}: {number} alert", "{archive}: {number} alerts"),
    OVER: counted("{archive}: {number} alert is over", "{archive}: {number} alerts are over"),
}
NOTICED = marked("Noticed: {moment}")
ENDED = marked("Over since: {moment}")
LEVEL = marked("Level: {level}")
SHOWN_AT = marked("Shown at: {address}")
TO_DO = marked("What to do: {remedy}")
STEP_BY_STEP = marked("Step by step: {file}, “{section}”")
ALL_ALERTS = marked("All alerts, and where they are acknowledged: {address}")
BY_MACHINE = marked("A machine wrote this letter, once for each cause. It writes again when the cause is over.")
TEST = marked("This is a test. Whoever reads it is reached by the alerts of {archive}; nothing is the matter.")
TEST_SUBJECT = marked("{archive}: test of the alerts")


def subject(words: Words, archive: str, items: Sequence[Mapping[str, Any]]) -> str:
    """One line for the head: how many alerts, and the sentence of the gravest where there is one."""
    kinds = {item["what"] for item in items}
    what = ESCALATED if ESCALATED in kinds else RAISED if kinds & {BEGUN, RAISED} else OVER
    told = [item for item in items if (item["what"] == OVER) == (what == OVER)]
    one, several = SUBJECTS[what]
    said = words.texts.ngettext(one, several, len(told)).format(archive=archive, number=len(told))
    gravest = min(told, key=lambda item: item["level"])  # critical goes before warning
    return f"{said}: {words.sentence(Cause.from_json(gravest))}"[:200]


def text(every: Sequence[Words], archive: str, base_url: str, items: Sequence[Mapping[str, Any]]) -> str:
    """The whole letter, first in the first language."""
    return "\n\n".join("\n".join(_in_one(words, base_url, items)) for words in every) + f"\n\n-- \n{archive}\n"


def _in_one(words: Words, base_url: str, items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    say = words.texts.gettext
    for what, heading in _HEADINGS:
        told = [item for item in items if item["what"] == what]
        if not told:
            continue
        yield f"{say(heading)}:"
        for item in told:
            yield from _item(words, base_url, item)
        yield ""
    yield say(ALL_ALERTS).format(address=f"{base_url}/staff/alerts")
    yield say(BY_MACHINE)


def _item(words: Words, base_url: str, item: Mapping[str, Any]) -> Iterator[str]:
    say, cause = words.texts.gettext, Cause.from_json(item)
    yield f"* {words.sentence(cause)}"
    yield "  " + say(LEVEL).format(level=words.level(cause))
    yield "  " + say(NOTICED).format(moment=words.moment(datetime.fromisoformat(item["opened_at"])))
    if item["what"] == OVER:
        yield "  " + say(ENDED).format(moment=words.moment(datetime.fromisoformat(item["closed_at"])))
        return
    if page := proof(cause):
        yield "  " + say(SHOWN_AT).format(address=f"{base_url}{page}")
    if remedy := words.remedy(cause):
        yield "  " + say(TO_DO).format(remedy=remedy)
    if heading := section(cause):
        yield "  " + say(STEP_BY_STEP).format(file=RECOVERY, section=heading)
