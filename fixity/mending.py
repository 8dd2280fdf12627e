"""A damaged or lost copy made whole from one that was verified this very moment, and then read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fixity import quarantine as evidence
from fixity.audit import Reading, audit
from fixity.composing import composed
from repository.bags import BagReport, seal_of, verify_stream
from repository.catalogue.copies import CopyRef
from repository.errors import Doubt, MahfuzError, ObjectMissing, RefusedByStore, WouldOverwrite
from repository.storage import UNREADABLE, Mendable, Store
from repository.vocabulary import AuditOutcome, utc_now


@dataclass(frozen=True, slots=True)
class Mending:
    """How an attempt to mend one copy ended.

    ``after`` is the reading that followed it (None: not read again); ``mended`` is true only
    when that reading was INTACT and ours was the hand that replaced the bytes. ``decision``:
    witnesses disagree, and a person decides. ``doubt``: something did not answer, and the
    same attempt may go better later.
    """

    mended: bool
    detail: str
    source: str | None = None
    quarantined: Path | None = None
    after: Reading | None = None
    decision: bool = False
    doubt: bool = False
    emptied: bool = False
    """Not tried: the whole store was emptied or exchanged."""
    unsettled: bool = False
    """A third reading gave other bytes than the two before: what lies there is not known, and it is no damage yet."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known when everything is ready and nothing was replaced yet."""

    source: str
    quarantined: Path | None


class Unmendable(Exception):
    """No other copy can take its place. ``decision``: a person has to look; ``doubt``: it may go better later."""

    def __init__(self, detail: str, *, decision: bool = False, doubt: bool = False, unsettled: bool = False) -> None:
        super().__init__(detail)
        self.detail, self.decision, self.doubt, self.unsettled = detail, decision, doubt or unsettled, unsettled


def mend(
    ref: CopyRef,
    reading: Reading,
    stores: Mapping[str, Store],
    others: Sequence[CopyRef],
    quarantine: Path,
    *,
    clock: Callable[[], datetime] = utc_now,
    may_replace: Callable[[Evidence], bool] = lambda _: True,
) -> Mending:
    """Replace the copy ``ref``, which ``reading`` found DAMAGED or MISSING, by the bytes of one of ``others``.

    In this order: a copy of the same AIP is fetched now (or, where every copy is damaged, one is
    put together from them) and must bear the seal *and* be a valid bag of this article and
    version (two witnesses, so that neither an altered catalogue nor a bag sealed wrong can
    spread); the damaged bytes are kept in ``quarantine``; ``may_replace`` is asked (it writes
    down what is known so far, and says no when somebody else has claimed the copy); the bytes
    are replaced, on the condition that what lies there is still what was read; the copy is
    read again in full.

    Nothing is overwritten when the reading was doubt, when no such copy is found, or when
    witnesses disagree: the seal matches no copy and some copy is a valid bag nevertheless, a
    copy that bears the seal is no valid bag, or the bytes to be replaced are themselves a
    valid bag of this article and version with another payload (decay never makes one).
    """
    if not reading.mendable:
        return Mending(False, reading.detail or "doubt repairs nothing", decision=bool(reading.sealed_wrong))
    quarantined: Path | None = None
    source: str | None = None
    try:
        with ExitStack() as held:
            target = _mendable(stores[ref.store])
            source, whole, whole_report = source_of(ref, reading, stores, others, quarantine, held)
            if reading.outcome is AuditOutcome.DAMAGED:
                quarantined = _kept(ref, reading, stores[ref.store], whole_report, quarantine, clock())
            if not may_replace(Evidence(source, quarantined)):
                return Mending(False, "somebody else has claimed this copy since", source, quarantined)
            unheard = _replaced(target, ref, whole, reading)
    except Unmendable as why:
        return Mending(
            False,
            why.detail,
            source,
            quarantined,
            decision=why.decision,
            doubt=why.doubt,
            unsettled=why.unsettled,
        )
    except WouldOverwrite as error:
        after = audit(stores[ref.store], ref)
        return Mending(False, f"the store changed since it was read: {error}", source, quarantined, after)
    except (Doubt, ObjectMissing) as error:
        return Mending(False, str(error), source, quarantined, doubt=True)
    except OSError as error:
        return Mending(False, f"our own disk under {quarantine}: {error}", source, quarantined, doubt=True)
    after = audit(stores[ref.store], ref)
    if after.outcome is AuditOutcome.INTACT:
        return Mending(True, f"mended from {source!r} and read again{unheard}", source, quarantined, after)
    told = f"replaced from {source!r}{unheard}, but read again it is {after.outcome}: {after.detail}"
    doubt = bool(unheard) or after.outcome is AuditOutcome.UNREADABLE
    return Mending(False, told, source, quarantined, after, doubt=doubt)


def _replaced(target: Mendable, ref: CopyRef, whole: Path, reading: Reading) -> str:
    """Replace the copy; what the store said where it did not say yes. Whether it was done is for the next reading."""
    try:
        unreadable = reading.outcome is AuditOutcome.DAMAGED and reading.found_sha256 is None
        target.replace(ref.key, whole, ref.seal, UNREADABLE if unreadable else reading.found_sha256)
    except (Doubt, RefusedByStore) as error:
        return f" (the store did not confirm it: {error})"
    return ""


def _mendable(store: Store) -> Mendable:
    if not isinstance(store, Mendable):
        raise Unmendable(f"nothing can be replaced in the store {store.name!r}")
    return store


def source_of(
    ref: CopyRef,
    reading: Reading,
    stores: Mapping[str, Store],
    others: Sequence[CopyRef],
    folder: Path,
    held: ExitStack,
) -> tuple[str, Path, BagReport]:
    """The first other copy that bears the seal and is valid, fetched, or one put together from damaged copies.

    Raises Unmendable with what was seen.
    """
    seen: list[str] = []
    valid: list[str] = []
    pieces: dict[str, Path] = {}
    silent = False
    for other in others:
        if other.store == ref.store:
            continue
        if other.store not in stores:
            seen.append(f"{other.store}: not configured")
            silent = True
            continue
        with ExitStack() as attempt:
            try:
                path, sha256, octets = attempt.enter_context(evidence.fetched(stores[other.store], other, folder))
            except ObjectMissing:
                seen.append(f"{other.store}: missing")
                continue
            except Doubt as error:
                seen.append(f"{other.store}: {error}")
                silent = True
                continue
            report = _report(path, other)
            if (sha256, octets) == (ref.seal, ref.bytes):
                if not report.valid:
                    codes = ", ".join(finding.code for finding in report.findings)
                    told = f"the copy in {other.store!r} bears the seal and is no valid bag: {codes}"
                    raise Unmendable(told, decision=True)
                held.push(attempt.pop_all())
                return other.store, path, report
            seen.append(f"{other.store}: SHA-256 {sha256}")
            pieces[other.store] = path
            held.push(attempt.pop_all())
            if report.valid:
                valid.append(other.store)
    if reading.outcome is AuditOutcome.DAMAGED and _valid_where_it_lies(ref, reading, stores[ref.store]):
        valid.append(ref.store)
    if valid:
        raise Unmendable(
            f"no copy bears the seal, yet in {', '.join(sorted(valid))} lies a valid bag of this article and version: "
            f"the seal in the catalogue may be what is wrong ({'; '.join(seen)})",
            decision=True,
        )
    if reading.found_sha256 is not None and pieces:
        pieces[ref.store] = held.enter_context(evidence.fetched(stores[ref.store], ref, folder))[0]
    if (whole := _composed(ref, pieces, folder, held)) is not None:
        return " + ".join(sorted(pieces)), *whole
    raise Unmendable("no copy to mend from: " + ("; ".join(seen) or "it is the only one"), doubt=silent)


def _composed(ref: CopyRef, pieces: Mapping[str, Path], folder: Path, held: ExitStack) -> tuple[Path, BagReport] | None:
    """A whole bag put together from damaged copies: it bears the seal and is valid, as any other source must."""
    if len(pieces) < 2:
        return None
    path = held.enter_context(evidence.room(folder))
    if not composed(list(pieces.values()), ref.seal, ref.bytes, path):
        return None
    with path.open("rb") as stream:
        if seal_of(stream) != (ref.seal, ref.bytes):
            return None
    report = _report(path, ref)
    return (path, report) if report.valid else None


def _kept(ref: CopyRef, reading: Reading, store: Store, whole: BagReport, folder: Path, at: datetime) -> Path:
    """The damaged bytes in quarantine; raises Unmendable when they are not those that were read, or a valid bag.

    Of bytes that cannot be read only a report is kept.
    """
    if reading.found_sha256 is None:
        return evidence.keep_report(ref, folder, at=at, detail=reading.detail)
    with evidence.fetched(store, ref, folder) as (path, sha256, _octets):
        if sha256 != reading.found_sha256:
            raise Unmendable("the store gives other bytes than a moment ago: nothing is replaced", unsettled=True)
        found = _report(path, ref)
        kept = evidence.keep(path, sha256, ref, folder, at=at, detail=reading.detail)
    if found.valid and found.payload_digest != whole.payload_digest:
        raise Unmendable(
            "the bytes that lie there are a valid bag of this article and version with another payload: "
            f"decay does not do that; they are kept in {kept}",
            decision=True,
        )
    return kept


def _valid_where_it_lies(ref: CopyRef, reading: Reading, store: Store) -> bool:
    try:
        with store.open(ref.key) as stream:
            report = verify_stream(stream, own=(ref.article_id, ref.version))
    except MahfuzError:
        return False
    return report.valid and report.seal == reading.found_sha256


def _report(path: Path, ref: CopyRef) -> BagReport:
    with path.open("rb") as stream:
        return verify_stream(stream, own=(ref.article_id, ref.version))
