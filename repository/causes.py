"""What can be the matter with the archive, as kinds of causes: one cause is one alert, whatever it concerns.

A kind is named for ever: it stands in the catalogue, in what webhooks are sent, and as a heading in docs/recovery.md.
Whoever adds one writes a function that finds it (fixity.causes, ingest.causes), and its chapter in docs/recovery.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from repository.texts import counted, marked
from repository.vocabulary import as_utc_text


class AlertLevel(StrEnum):
    """How soon somebody has to look: CRITICAL is told at once, WARNING is gathered with others first."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is said of one kind of cause. ``sentences`` have one form for one object and one for several.

    They are filled with ``subject``, ``since``, ``number`` and the values in the cause's own detail.
    """

    level: AlertLevel
    sentences: Mapping[str, tuple[str, str]]
    """By variant: a cause without one has the sentence of the empty name."""
    remedy: str
    section: str
    """The heading in docs/recovery.md."""
    proof: str = ""
    """The page that shows it, below the archive's address; ``{subject}`` is filled in."""
    not_by: str = ""
    """The channel that it is about, which cannot be the one to tell it."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause as it stands now. ``since`` is None where nobody knows it: then it counts from being noticed."""

    kind: str
    subject: str = ""
    objects: int = 0
    more: bool = False
    since: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    level: AlertLevel | None = None
    """Where it weighs otherwise than its kind."""

    @property
    def weight(self) -> AlertLevel:
        """How soon somebody has to look."""
        return self.level or KINDS[self.kind].level

    def as_json(self) -> dict[str, Any]:
        """The cause as it is kept in a letter and sent to webhooks."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "level": str(self.weight),
            "objects": self.objects,
            "more": self.more,
            "since": as_utc_text(self.since) if self.since else None,
            "detail": dict(self.detail),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cause:
        """The inverse of :meth:`as_json`."""
        return cls(
            kind=data["kind"],
            subject=data["subject"],
            objects=data["objects"],
            more=data["more"],
            since=datetime.fromisoformat(data["since"]) if data["since"] else None,
            detail=data["detail"],
            level=AlertLevel(data["level"]),
        )


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Whether this cause holds cannot be told now: an open alert stays open, and none is opened."""

    kind: str
    subject: str | None = None
    """None: whatever the subject."""


Found = Iterable[Cause | InDoubt]


@dataclass(frozen=True, slots=True)
class Question:
    """A function that finds causes of these kinds in the catalogue's present state, by index look-ups and tallies."""

    kinds: tuple[str, ...]
    ask: Callable[[Session, datetime], Found]


_C, _W = AlertLevel.CRITICAL, AlertLevel.WARNING

KINDS: Mapping[str, Kind] = {
    "store-silent": Kind(
        _C,
        {
            "": counted(
                "Store {subject} does not answer since {since}: {number} copy waits.",
                "Store {subject} does not answer since {since}: {number} copies wait.",
            ),
            "answers": counted(
                "Store {subject} answers, but {number} copy in it could not be read since {since}.",
                "Store {subject} answers, but {number} copies in it could not be read since {since}.",
            ),
        },
        marked("Look whether its machine runs and is reached; nothing is taken for damaged meanwhile."),
        "A store does not answer",
        "/staff/copies?store={subject}&state=unreadable",
    ),
    "store-emptied": Kind(
        _C,
        {
            "": counted(
                "Store {subject} has nothing that should be in it: {number} copy is missing. It was emptied or "
                "exchanged.",
                "Store {subject} has nothing that should be in it: {number} copies are missing. It was emptied or "
                "exchanged.",
            )
        },
        marked("Do not let it be filled before you know why: the wrong disk or bucket may be there."),
        "A store was emptied or exchanged",
        "/staff/copies?store={subject}&state=missing",
    ),
    "copies-damaged": Kind(
        _C,
        {
            "": counted(
                "{number} copy in store {subject} is damaged or missing and was not mended.",
                "{number} copies in store {subject} are damaged or missing and were not mended.",
            )
        },
        marked("See on the page of a copy why it could not be mended; the damaged bytes are kept."),
        "Copies are damaged or missing",
        "/staff/copies?store={subject}&state={state}",
    ),
    "decision-waiting": Kind(
        _C,
        {
            "": counted(
                "{number} damaged copy waits for the decision of a person: its witnesses disagree.",
                "{number} damaged copies wait for the decision of a person: their witnesses disagree.",
            )
        },
        marked("Compare the copies of the bag, and the publisher's delivery; nothing is overwritten meanwhile."),
        "A person must decide",
        "/staff/copies?state={state}",
    ),
    "canary-missed": Kind(
        _C,
        {
            "": counted(
                "The watch took {number} bag that is known to be bad in store {subject} for something else "
                "({canaries}): nothing that it says of this store is believed.",
                "The watch took {number} bags that are known to be bad in store {subject} for something else "
                "({canaries}): nothing that it says of this store is believed.",
            )
        },
        marked("Look at the version that runs, at proxies and caches before the store, and at what the store answers."),
        "A canary was not caught",
        "/staff/fixity",
    ),
    "inventory-differs": Kind(
        _W,
        {
            "": counted(
                "{number} object in store {subject} is not where or what the catalogue says, and waits for a person.",
                "{number} objects in store {subject} are not where or what the catalogue says, and wait for a person.",
            )
        },
        marked("Find out who writes into the store; nothing is taken away unasked."),
        "A store holds what the catalogue does not know",
        "/staff/inventory/differences?store={subject}",
    ),
    "copies-late": Kind(
        _W,
        {
            "": counted(
                "{number} copy in store {subject} was not read within the promised {days} days.",
                "{number} copies in store {subject} were not read within the promised {days} days.",
            )
        },
        marked("See whether rounds run and how fast; give the clock more time or bandwidth, or promise less."),
        "Copies are past their promise",
        "/staff/copies?store={subject}&overdue=1",
    ),
    "promise-missed": Kind(
        _W,
        {
            "": counted(
                "At the measured rate one pass over the copies in store {subject} takes too long: "
                "the promised {days} days will be missed by {late} days.",
                "At the measured rate one pass over the {number} copies in store {subject} takes too long: "
                "the promised {days} days will be missed by {late} days.",
            )
        },
        marked("See the forecast for what would have to change: the promise, the limits of the watch, or the store."),
        "A promise will be missed",
        "/staff/fixity/forecast?store={subject}",
    ),
    "rehearsal-failed": Kind(
        _W,
        {
            "": counted(
                "The last rehearsal of a rebuild found {number} difference: from the stores alone the catalogue would "
                "not come back as it is.",
                "The last rehearsal of a rebuild found {number} differences: from the stores alone the catalogue would "
                "not come back as it is.",
            ),
            "overdue": counted(
                "No rehearsal of a rebuild has come to its end since {since}; one is due every {days} days.",
                "No rehearsal of a rebuild has come to its end since {since}; one is due every {days} days.",
            ),
        },
        marked("See the differences, and run mahfuz rebuild --rehearse by hand; nothing was changed by it."),
        "A rehearsal failed or is overdue",
        "/staff/fixity#rehearsals",
    ),
    "ledger-missing": Kind(
        _W,
        {
            "": counted(
                "{number} ledger in store {subject} is damaged or gone and was not mended.",
                "{number} ledgers in store {subject} are damaged or gone and were not mended.",
            ),
            "late": counted(
                "No ledger has been laid down since {since}: what no bag holds is only in the database.",
                "No ledger has been laid down since {since}: what no bag holds is only in the database.",
            ),
        },
        marked("Run mahfuz ledger by hand; it says which store does not take it."),
        "A ledger is missing",
        "/staff/fixity#rehearsals",
    ),
    "tallies-differ": Kind(
        _W,
        {
            "": counted(
                "{number} figure that the pages show is not what the rows say ({what}).",
                "{number} figures that the pages show are not what the rows say ({what}).",
            )
        },
        marked("See which, and since when; find out what wrote past the program, then let them be corrected."),
        "A tally is wrong",
        "/staff/fixity/tallies",
    ),
    "no-round": Kind(
        _C,
        {
            "": counted(
                "No round of the watch has ended since {since}, although copies are due.",
                "No round of the watch has ended since {since}, although copies are due.",
            ),
            "never": counted(
                "The watch has not ended any round, although copies are due since {since}.",
                "The watch has not ended any round, although copies are due since {since}.",
            ),
        },
        marked("See whether the clock runs and what its log says; run mahfuz audit --due by hand."),
        "No round has ended",
        "/staff/rounds",
    ),
    "chain-broken": Kind(
        _C,
        {
            "": counted(
                "The chain of events is not as it was told and signed, at {number} place ({codes}).",
                "The chain of events is not as it was told and signed, at {number} places ({codes}).",
            )
        },
        marked("Find out who can write to the database, and compare with a backup; mahfuz events verify says more."),
        "The chain of events is broken",
        "/staff/fixity#testimony",
    ),
    "heads-lost": Kind(
        _C,
        {
            "": counted(
                "{number} signed head or time stamp in store {subject} is gone, or is none of ours ({codes}).",
                "{number} signed heads or time stamps in store {subject} are gone, or are none of ours ({codes}).",
            )
        },
        marked("Find out who can delete or write there: nothing of the archive's own does."),
        "Signed heads are gone from a store",
        "/staff/fixity#testimony",
    ),
    "testimony-late": Kind(
        _W,
        {
            "": counted(
                "The testimony was not verified since {since}.",
                "The testimony was not verified since {since}.",
            ),
            "unsigned": counted(
                "The end of the chain of events was not signed since {since}.",
                "The end of the chain of events was not signed since {since}.",
            ),
            "unput": counted(
                "Store {subject} lacks {number} signed head since {since}.",
                "Store {subject} lacks {number} signed heads since {since}.",
            ),
            "unstamped": counted(
                "The time-stamp authority has not stamped {number} signed head since {since}.",
                "The time-stamp authority has not stamped {number} signed heads since {since}.",
            ),
        },
        marked("See whether the clock runs and what its log says; run mahfuz events seal by hand."),
        "The testimony is not signed or verified in time",
        "/staff/fixity#testimony",
    ),
    "ingest-held": Kind(
        _W,
        {
            "": counted(
                "{number} delivery is held up: {cause}",
                "{number} deliveries are held up. The first: {cause}",
            )
        },
        marked("Mend what it names (a disk, a store, the virus scanner); the deliveries go on by themselves."),
        "Deliveries are held up",
        "/staff/ingest",
    ),
    "feed-failing": Kind(
        _W,
        {
            "": counted(
                "Feed {subject} of {publisher} fails since {since}: {cause}",
                "Feed {subject} of {publisher} fails since {since}: {cause}",
            )
        },
        marked("Try mahfuz feed test; mend the address, the password or the key, or ask the publisher."),
        "A feed fails",
        "/staff/ingest#feeds",
    ),
    "feed-late": Kind(
        _W,
        {
            "": counted(
                "Feed {subject} is late: {publisher} was expected to deliver by {since}.",
                "Feed {subject} is late: {publisher} was expected to deliver by {since}.",
            )
        },
        marked("Ask the publisher whether it still delivers, and whether to this place."),
        "A feed is late",
        "/staff/ingest#feeds",
    ),
    "quarantine-waiting": Kind(
        _W,
        {
            "": counted(
                "{number} delivery waits in quarantine for longer than {days} days, since {since}.",
                "{number} deliveries wait in quarantine for longer than {days} days, the first since {since}.",
            )
        },
        marked("Decide on each: work on it again, release it, or ask the publisher to send it anew."),
        "Deliveries wait in quarantine",
        "/staff/deliveries?state=quarantined",
    ),
    "mail-silent": Kind(
        _W,
        {
            "": counted(
                "The mail server does not take our letters since {since}; {number} waits. It says: {cause}",
                "The mail server does not take our letters since {since}; {number} wait. It says: {cause}",
            )
        },
        marked("Try mahfuz alerts test, and mend the mail server or [mail]; the letters go on by themselves."),
        "Letters are not taken",
        not_by="mail",
    ),
    "letters-refused": Kind(
        _W,
        {
            "": counted(
                "The mail server refused {number} letter for good: {cause}",
                "The mail server refused {number} letters for good. The first: {cause}",
            )
        },
        marked("Mend the address in the settings, then run mahfuz digest send and mahfuz alerts send."),
        "Letters are not taken",
        not_by="mail",
    ),
    "webhook-silent": Kind(
        _W,
        {
            "": counted(
                "The webhook {subject} does not take our messages since {since}; {number} waits. It says: {cause}",
                "The webhook {subject} does not take our messages since {since}; {number} wait. It says: {cause}",
            )
        },
        marked("Try mahfuz alerts test, and mend the receiver or its address; the messages go on by themselves."),
        "A webhook does not take messages",
        not_by="webhook",
    ),
    "part-silent": Kind(
        _C,
        {
            "clock": counted(
                "The clock (mahfuz clock) gives no sign of life since {since}: no copy is read, nothing due is done.",
                "The clock (mahfuz clock) gives no sign of life since {since}: no copy is read, nothing due is done.",
            ),
            "worker": counted(
                "The worker (mahfuz worker) gives no sign of life since {since}: no delivery is taken in.",
                "The worker (mahfuz worker) gives no sign of life since {since}: no delivery is taken in.",
            ),
            "web": counted(
                "The web server (mahfuz serve) gives no sign of life since {since}: nobody can read or harvest.",
                "The web server (mahfuz serve) gives no sign of life since {since}: nobody can read or harvest.",
            ),
        },
        marked("Look at its log on its machine and start it again; what was going on is taken up."),
        "A part of the program gives no sign of life",
    ),
}
