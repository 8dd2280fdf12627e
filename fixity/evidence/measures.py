"""The measures that requirements name: each asks the figures one thing, and says what it saw or what is missing.

A measure is met only by figures. Where nothing was measured yet, that is what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from fixity.evidence.facts import Facts
from repository.catalogue import copies, rounds
from repository.storage.capabilities import Verdict
from repository.texts import marked
from repository.vocabulary import CopyState

SEALED_WITHIN = timedelta(days=2)
"""A head is signed once a day; a newest one that is older says that nobody signs."""

ROUND_WITHIN = timedelta(days=7)
REHEARSED_WITHIN = timedelta(days=100)
WALKED_WITHIN = timedelta(days=100)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one measure saw. ``told`` and ``remedy`` are sentences to be filled with ``values`` and translated."""

    met: bool
    told: str
    values: Mapping[str, Any] = field(default_factory=dict)
    remedy: str = ""
    proof: str = ""
    """The page or list that shows it, below the archive's address."""


NOTHING_KEPT = marked("Nothing is kept yet: there is nothing that could be measured.")
TAKE_SOMETHING_IN = marked("Take a delivery in (`mahfuz ingest`).")
NEVER_TRIED = marked("Not every store was tried within the last month.")
TRY = marked("Run `mahfuz clock`, which tries each store once a month, or `mahfuz doctor`.")
STORES = "/staff/storage"
NEVER_LOOKED = marked("Nobody has looked within the last month: scanner and events were not tried.")
LOOK = marked("Run `mahfuz evidence --out pack.zip`: it looks, and keeps what it saw.")


def whole_copies(facts: Facts, copies: int, places: int = 1) -> Outcome:
    """Every bag lies intact in so many stores, which stand in so many different places."""
    if not facts.bags.number:
        return Outcome(False, NOTHING_KEPT, remedy=TAKE_SOMETHING_IN)
    whole = facts.complete()
    named = {place.place for place in whole if place.place}
    values = {
        "stores": ", ".join(place.name for place in whole) or "–",
        "places": ", ".join(sorted(named)) or "–",
        "number": len(whole),
        "bags": facts.bags.number,
        "wanted": copies,
        "wanted_places": places,
    }
    told = marked("{number} stores hold an intact copy of each of the {bags} bags: {stores}. Places named: {places}.")
    remedy = marked(
        "{wanted} whole copies in {wanted_places} different places are required. Add a store, let the watch mend what "
        "is not intact, and name where each store stands (`place` in [[stores]])."
    )
    return Outcome(len(whole) >= copies and len(named) >= places, told, values, remedy, "/staff/fixity")


def different_threats(facts: Facts, number: int) -> Outcome:
    """Stores that hold everything would not share one disaster: so many different threats are named."""
    if not facts.bags.number:
        return Outcome(False, NOTHING_KEPT, remedy=TAKE_SOMETHING_IN)
    threats = {place.threat: place.name for place in facts.complete() if place.threat}
    values = {"number": len(threats), "threats": ", ".join(sorted(threats)) or "–", "wanted": number}
    told = marked("Stores with a whole copy name {number} different threats: {threats}.")
    remedy = marked(
        "{wanted} whole copies with different threats are required. Say for each store which disaster it would share "
        "(`threat` in [[stores]], for example an earthquake zone), and put a copy where another one rules."
    )
    return Outcome(len(threats) >= number, told, values, remedy, "/staff/fixity")


def stores_described(facts: Facts) -> Outcome:
    """The settings say of every store where it stands and what threatens it."""
    bare = [place.name for place in facts.places if not (place.place and place.threat)]
    values = {"number": len(facts.places), "bare": ", ".join(bare) or "–"}
    told = marked("{number} stores; without a place or a threat: {bare}.")
    return Outcome(not bare, told, values, marked("Fill in `place` and `threat` of each store in [[stores]]."))


def stores_fit(facts: Facts) -> Outcome:
    """Trying each store showed all that an archive needs of one."""
    if facts.tried_at is None:
        return Outcome(False, NEVER_TRIED, remedy=TRY)
    unfit = [place.name for place in facts.places if not facts.trials[place.name].found.fit]
    values = {"number": len(facts.places), "unfit": ", ".join(unfit) or "–", "day": facts.tried_at}
    told = marked("{number} stores were tried on {day}; wanting in something that an archive needs: {unfit}.")
    return Outcome(not unfit, told, values, marked("`mahfuz doctor` says what each store lacks."), STORES)


def no_single_hand(facts: Facts) -> Outcome:
    """No single credential, user or disk could destroy all copies."""
    if facts.tried_at is None:
        return Outcome(False, NEVER_TRIED, remedy=TRY)
    open_ones = [one for one in facts.exposed if not one["safe"] and one["what"] in ("one hand", "one disk")]
    values = {"number": len(open_ones), "day": facts.tried_at}
    told = marked("Looked at on {day}: {number} ways in which one hand or one disk could destroy several copies.")
    remedy = marked(
        "`mahfuz doctor` names them under “one hand” and “one disk”, each with what to do (docs/deletion.md)."
    )
    return Outcome(not open_ones, told, values, remedy)


def deletion_guarded(facts: Facts) -> Outcome:
    """In at least one store an object lock or versions stand against deleting, as trying it showed."""
    if facts.tried_at is None:
        return Outcome(False, NEVER_TRIED, remedy=TRY)
    names = ("object_lock", "versioning", "deletion_refused")
    guarded = [
        store
        for store, one in sorted(facts.trials.items())
        if any(one.found.verdict(name) is Verdict.YES for name in names)
    ]
    values = {"stores": ", ".join(guarded) or "–", "number": len(guarded), "day": facts.tried_at}
    told = marked("Tried on {day}: {number} stores hold what is deleted or refuse to delete: {stores}.")
    remedy = marked(
        "Use a bucket with an object lock or with versions, or a key that may not delete (docs/deletion.md)."
    )
    return Outcome(bool(guarded), told, values, remedy, "/staff/disposals")


def sealed(facts: Facts) -> Outcome:
    """Every bag has a seal, and every file in it a digest: no row is entered without."""
    values = {"bags": facts.bags.number, "bytes": facts.bags.bytes}
    if not facts.bags.number:
        return Outcome(False, NOTHING_KEPT, remedy=TAKE_SOMETHING_IN)
    told = marked("{bags} bags ({bytes}), each with its SHA-256 seal and a manifest with the SHA-512 of every file.")
    return Outcome(True, told, values, proof="/staff/copies")


def delivered_checked(facts: Facts) -> Outcome:
    """Deliveries were taken in; every digest that came with one was compared before anything was kept."""
    number = sum(facts.deliveries.values())
    if not number:
        return Outcome(False, NOTHING_KEPT, remedy=TAKE_SOMETHING_IN)
    held = sum(facts.deliveries.get(state, 0) for state in ("quarantined", "refused", "partial"))
    told = marked(
        "{number} deliveries were opened, and each digest that came with one was compared; {held} are held, refused or "
        "accepted in part, each with its findings."
    )
    return Outcome(True, told, {"number": number, "held": held}, proof="/staff/deliveries")


def virus_scan(facts: Facts) -> Outcome:
    """A virus scanner is set up and answered at the last look."""
    if not facts.looks.fresh(facts.at):
        return Outcome(False, NEVER_LOOKED, remedy=LOOK)
    if facts.looks.scanner_silent:
        told = marked("The virus scanner did not answer on {day}: {reason}.")
        values = {"day": facts.looks.at, "reason": facts.looks.scanner_silent}
        return Outcome(False, told, values, marked("Start clamd, or mend ingest.clamd."))
    if facts.looks.scanner is None:
        told = marked("No virus scanner is set up: deliveries are not scanned.")
        return Outcome(False, told, remedy=marked("Set up clamd and ingest.clamd (docs/ingest.md)."))
    told = marked(
        "Every delivery is shown to {scanner}, which answered on {day}. What was taken in before a scanner was set up "
        "says so in its own PREMIS record."
    )
    return Outcome(True, told, {"scanner": facts.looks.scanner, "day": facts.looks.at}, proof="/staff/ingest")


def read_back(facts: Facts) -> Outcome:
    """Every copy was read back to the last byte at least once, at its storing or later."""
    if not facts.bags.number:
        return Outcome(False, NOTHING_KEPT, remedy=TAKE_SOMETHING_IN)
    values = {"never": facts.watched.never.number, "total": facts.watched.total.number}
    told = marked("Of {total} copies, {never} were never read to the end since they were stored or found.")
    remedy = marked("Let the watch go on, or run `mahfuz audit --due`.")
    return Outcome(not facts.watched.never.number, told, values, remedy, "/staff/copies?never=1")


def within_policy(facts: Facts) -> Outcome:
    """Every copy was verified within its days, and the canaries were caught."""
    if not facts.bags.number:
        return Outcome(False, NOTHING_KEPT, remedy=TAKE_SOMETHING_IN)
    watched = facts.watched
    late = watched.overdue.number + watched.never.number
    every = [("", facts.promises.otherwise), *((f"{one.name}/", one.promise) for one in facts.promises.classes)]
    days = ", ".join(f"{name}{place.name}: {one.of(place.name):g}" for name, one in every for place in facts.places)
    shown = f"> {late}" if watched.overdue_is_more else late
    values = {"total": watched.total.number, "late": shown, "oldest": watched.oldest, "days": days}
    told = marked(
        "{total} copies, {late} of them not verified within their days ({days}); the oldest verification is of "
        "{oldest}."
    )
    remedy = marked("`mahfuz forecast` says whether the policy can be kept; `mahfuz audit --due` reads what is due.")
    return Outcome(not late, told, values, remedy, "/staff/copies?overdue=1")


def canaries_caught(facts: Facts) -> Outcome:
    """In every store all bags with known damage were seen for what they are."""
    bare = [place.name for place in facts.places if not any(row.store == place.name for row in facts.canaries)]
    missed = [f"{row.store}/{row.name}" for row in facts.canaries if row.outcome != row.expected]
    values = {
        "number": len(facts.canaries),
        "missed": ", ".join(missed) or "–",
        "bare": ", ".join(bare) or "–",
    }
    told = marked("{number} canaries; not caught or not read: {missed}; stores in which none was read: {bare}.")
    remedy = marked("Run `mahfuz audit` and read docs/watch.md, “Canaries”.")
    return Outcome(bool(facts.canaries) and not missed and not bare, told, values, remedy, "/staff/fixity#canaries")


def rounds_told(facts: Facts) -> Outcome:
    """Rounds end, each with its counts by outcome in the chain of events."""
    ended = [row for row in facts.rounds if row.finished_at and not rounds.was_interrupted(row)]
    last = ended[0].finished_at if ended else None
    if last is None:
        told = marked("No round of the watch has come to its end yet.")
        return Outcome(
            False, told, remedy=marked("Start `mahfuz clock`, or run `mahfuz audit`."), proof="/staff/rounds"
        )
    told = marked(
        "The last round that came to its end did so on {day}; each is counted by outcome and told as an event."
    )
    remedy = marked("None has for a week: is `mahfuz clock` running?")
    return Outcome(facts.at - last <= ROUND_WITHIN, told, {"day": last}, remedy, "/staff/rounds")


def asked_round(facts: Facts) -> Outcome:
    """Somebody asked for an audit, and it came to its end: not only what was due was read."""
    for row in facts.rounds:
        if row.finished_at and not rounds.was_interrupted(row) and not rounds.label(row).startswith("due"):
            told = marked("An audit was asked for and ended on {day} (round {number}: {copies} copies).")
            values = {"day": row.finished_at, "number": row.id, "copies": row.expected}
            return Outcome(True, told, values, proof="/staff/rounds")
    told = marked("None of the last {number} rounds was asked for by a person.")
    remedy = marked("Run `mahfuz audit --all`, or `--store`, or `--article`, once a year at least.")
    return Outcome(False, told, {"number": len(facts.rounds)}, remedy, "/staff/rounds")


def mended(facts: Facts) -> Outcome:
    """Nothing that is known to be damaged or missing waits to be mended."""
    if not facts.bags.number:
        return Outcome(False, NOTHING_KEPT, remedy=TAKE_SOMETHING_IN)
    found = sum(sums["damaged"] + sums["missing"] for sums in facts.year.values())
    whole_again = sum(sums["mended"] for sums in facts.year.values())
    open_now = sum(facts.watched.of_state(state).number for state in (CopyState.DAMAGED, CopyState.MISSING))
    silent = facts.watched.of_state(copies.UNREADABLE).number
    told = marked(
        "In the last 365 days {found} readings found a copy damaged or missing, and {mended} were mended; {open} wait "
        "to be mended now, and {silent} could not be read."
    )
    values = {"found": found, "mended": whole_again, "open": open_now, "silent": silent}
    remedy = marked("Each has its page with what stands in the way (docs/recovery.md).")
    return Outcome(not open_now, told, values, remedy, "/staff/copies?state=damaged")


def inventoried(facts: Facts) -> Outcome:
    """Each store was compared with the catalogue, both ways, within the promised time, and nothing differs."""
    if not facts.bags.number:
        return Outcome(False, NOTHING_KEPT, remedy=TAKE_SOMETHING_IN)
    within = 2 * facts.inventory + timedelta(days=1)
    old, differing = [], 0
    for place in facts.places:
        row = facts.inventories.get(place.name)
        if row is None or row.finished_at is None or facts.at - row.finished_at > within:
            old.append(place.name)
        else:
            differing += sum(row.found.values())
    values = {"number": len(facts.places), "old": ", ".join(old) or "–", "differing": differing}
    told = marked(
        "{number} stores compared with the catalogue both ways; not lately: {old}; differences in the others: "
        "{differing}."
    )
    remedy = marked("Run `mahfuz inventory`, and look at each difference.")
    return Outcome(not old and not differing, told, values, remedy, "/staff/inventory")


def signed_heads(facts: Facts) -> Outcome:
    """The chain of events was signed lately, and the newest head lies in every store."""
    if facts.head is None:
        told = marked("{events} events are linked; no head was signed yet.")
        remedy = marked("Start `mahfuz clock`, or run `mahfuz events seal`.")
        return Outcome(False, told, {"events": facts.chained}, remedy)
    lacking = [place.name for place in facts.places if place.name not in facts.head_lies_in]
    values = {
        "events": facts.chained,
        "position": facts.head.position,
        "day": facts.head.at,
        "lacking": ", ".join(lacking) or "–",
    }
    told = marked(
        "{events} events, each with its agent, are linked; a head over {position} of them was signed on {day}. Stores "
        "that lack it: {lacking}."
    )
    remedy = marked("Start `mahfuz clock`, or run `mahfuz events seal`; `mahfuz doctor` tells of silent stores.")
    fresh = facts.at - facts.head.at <= SEALED_WITHIN
    return Outcome(fresh and not lacking, told, values, remedy)


def testimony_verified(facts: Facts) -> Outcome:
    """The whole chain was walked lately and agrees with every signed head: by a look, or by the clock."""
    remedy = marked("Run `mahfuz events verify`: it names each place, and which store was silent (docs/testimony.md).")
    proof, clock = facts.looks.testimony, facts.proof
    if proof is not None and facts.looks.fresh(facts.at):
        told = marked("On {day} {events} events were walked: {problems} problems.")
        values = {"day": facts.looks.at, "events": proof["events"], "problems": proof["problem_count"]}
        return Outcome(bool(proof["whole"]), told, values, remedy)
    if clock.ended_at is None:
        return Outcome(False, NEVER_LOOKED, remedy=LOOK)
    told = marked("The clock has walked all events; the last time it came to their end on {day}: {problems} problems.")
    values = {"day": clock.ended_at, "problems": len(clock.problems)}
    good = not clock.problems and facts.at - clock.ended_at <= WALKED_WITHIN
    return Outcome(good, told, values, remedy, "/staff/fixity#testimony")


def formats_identified(facts: Facts) -> Outcome:
    """The files of the newest and the oldest bags have a PRONOM identifier."""
    seen = facts.seen
    if not seen.files:
        return Outcome(False, NOTHING_KEPT, remedy=TAKE_SOMETHING_IN)
    told = marked(
        "Of {bags} bags the {looked} newest and oldest were looked at: {files} files, {unidentified} without a PRONOM "
        "identifier. Each bag says by which tool and signatures, and when."
    )
    values = {
        "bags": facts.bags.number,
        "looked": seen.bags,
        "files": seen.files,
        "unidentified": seen.unidentified,
    }
    remedy = marked("Look at the files without one, on the pages of their articles; a statement may say what they are.")
    return Outcome(not seen.unidentified, told, values, remedy)


def described(facts: Facts) -> Outcome:
    """The articles of the newest and the oldest bags have a title and a journal in their record."""
    seen = facts.seen
    if not seen.bags:
        return Outcome(False, NOTHING_KEPT, remedy=TAKE_SOMETHING_IN)
    told = marked(
        "Of {bags} bags the {looked} newest and oldest were looked at: {bare} of an article without a title or a "
        "journal. Each bag holds what its publisher said, and its PREMIS record."
    )
    values = {"bags": facts.bags.number, "looked": seen.bags, "bare": seen.undescribed}
    return Outcome(not seen.undescribed, told, values, marked("Ask the publisher to deliver the metadata."), "/titles")


def accounts(facts: Facts) -> Outcome:
    """There are accounts of staff, so that who acts has a name."""
    told = marked("{number} accounts of staff can sign in.")
    remedy = marked("Give each member of staff an account of their own (`mahfuz staff add`).")
    return Outcome(facts.accounts > 0, told, {"number": facts.accounts}, remedy)


def rehearsed(facts: Facts) -> Outcome:
    """The catalogue was lately written again from the stores alone, for trial, and came out the same."""
    last = facts.rehearsal
    if last is None:
        told = marked("No rehearsal is known: that the catalogue can be written again from the stores was not shown.")
        return Outcome(False, told, remedy=marked("Rehearse a rebuild (docs/recovery.md)."))
    told = marked(
        "The last rehearsal of a rebuild was on {day}, of {articles} articles, {events} events and {ledgers} ledgers: "
        "{differences} differences."
    )
    values = {
        "day": last.started_at,
        "articles": last.articles,
        "events": last.events,
        "ledgers": last.ledgers,
        "differences": last.differences,
    }
    good = not last.differences and facts.at - last.started_at <= REHEARSED_WITHIN
    remedy = marked("Rehearse again, and look at what differs (docs/recovery.md).")
    return Outcome(good, told, values, remedy, "/staff/fixity#rehearsals")


MEASURES: Mapping[str, Callable[..., Outcome]] = {
    measure.__name__: measure
    for measure in (
        whole_copies,
        different_threats,
        stores_described,
        stores_fit,
        no_single_hand,
        deletion_guarded,
        sealed,
        delivered_checked,
        virus_scan,
        read_back,
        within_policy,
        canaries_caught,
        rounds_told,
        asked_round,
        mended,
        inventoried,
        signed_heads,
        testimony_verified,
        formats_identified,
        described,
        accounts,
        rehearsed,
    )
}
"""By the names that the data use."""
