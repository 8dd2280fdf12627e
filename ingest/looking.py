"""A delivery unpacked, scanned and divided into articles; nothing of it is kept yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.dialects import describe
from ingest.door import Door
from ingest.findings import delivery_verdict, finding
from ingest.inbox import Arrived
from ingest.profiles import told
from ingest.sips import Grouping, group
from ingest.unpack import Delivered, unpack
from ingest.virus import checked_for_viruses
from repository.vocabulary import ArticleOutcome, DeliveryState, Finding


@dataclass(frozen=True, slots=True)
class LookedThrough:
    """What was found of a delivery, and its articles by their files; no ``grouping`` when nothing of it can be used."""

    found: list[Finding]
    arrived: Arrived
    """With what the virus scanner said."""
    grouping: Grouping | None = None


def look_through(door: Door, arrived: Arrived, staging: Path) -> LookedThrough:
    """Read the delivery as its publisher's profile says, writing into ``staging`` alone.

    Raises OSError for our own disk, Doubt when a virus scanner is set and does not answer.
    """
    profile = door.profiles.of(arrived.publisher, arrived.profile)
    if profile is None:
        return LookedThrough([finding("PROFILE_UNKNOWN", name=arrived.profile)], arrived)
    raw_names = arrived.raw_names or (None,) * len(arrived.files)
    files = list(map(Delivered, arrived.file_names, arrived.files, raw_names))
    unpacked = unpack(files, staging, door.limits, profile)
    found = [*told(profile), *unpacked.findings]
    if delivery_verdict(found):
        return LookedThrough(found, arrived)
    if door.virus_scanner is not None:
        scanned = checked_for_viruses(door.virus_scanner, unpacked.members)
        found += scanned.findings
        if delivery_verdict(found):
            return LookedThrough(found, arrived)
        arrived = replace(arrived, virus_check=scanned.note)
    grouping = group(unpacked, describe, profile)
    found += grouping.findings
    return LookedThrough(found, arrived, None if delivery_verdict(found) else grouping)


def end_state(found: Sequence[Finding], outcomes: Sequence[ArticleOutcome] | None) -> DeliveryState:
    """In which state a delivery ends with these findings and articles; None: nothing of it could be used."""
    if outcomes is None:
        return delivery_verdict(found) or DeliveryState.REFUSED
    refused = outcomes.count(ArticleOutcome.REFUSED)
    if refused == len(outcomes):
        return DeliveryState.QUARANTINED
    return DeliveryState.PARTIAL if refused else DeliveryState.ACCEPTED
