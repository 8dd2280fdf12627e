"""A bag is kept once it has been put into every store and read back from each; here and nowhere else that is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from repository.bags import Bag, BagReport, Wanted, seal_of, verify_stream
from repository.errors import ObjectMissing, StoreUnavailable, WouldOverwrite
from repository.storage import BUFFER, Store
from repository.vocabulary import PayloadFile, bag_key

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Replication:
    """A bag as it lies in every store; ``verified``: when each store's bytes were read back and matched ``seal``."""

    seal: str
    bytes: int
    payload_digest: str
    files: tuple[PayloadFile, ...]
    bagging_date: str
    verified: Mapping[str, datetime]
    adopted: bool
    """True when a store already held a valid bag of the same payload, which was kept instead of ours."""


def preserve(
    bag: Bag,
    stores: Sequence[Store],
    clock: Callable[[], datetime],
    pool: Executor | None = None,
    *,
    adopting: bool = True,
) -> Replication:
    """Put ``bag`` into every store, read each copy back in full, and compare it with the seal.

    A valid bag of the same payload that already lies under the key (left by a run that was
    killed before it could register it) is adopted as it is and copied to the other stores;
    not where ``adopting`` is False: then the bag is kept as it is, or not at all.
    Raises WouldOverwrite when anything else lies there, StoreUnavailable, RefusedByStore;
    in each case nothing may be registered and the same call may be made again.
    """
    key = bag_key(bag.article_id, bag.version)
    first, *others = stores
    ours = bag
    # The others are asked first: once our bag lies in one store, an older one in another could not be adopted any more.
    if any(store.head(key) is not None for store in (others if adopting else stores)):
        bag = _as_found(bag, key, stores, adopting)
    try:
        first.put(key, bag.path, bag.seal)
    except WouldOverwrite:
        bag = _as_found(bag, key, stores, adopting)
    _each(pool, others, lambda store: store.put(key, bag.path, bag.seal))

    def verified_in(store: Store) -> tuple[str, datetime]:
        read_back(store, key, bag.seal, bag.bytes)
        return store.name, clock()

    return Replication(
        seal=bag.seal,
        bytes=bag.bytes,
        payload_digest=bag.payload_digest,
        files=bag.files,
        bagging_date=bag.bagging_date,
        verified=dict(_each(pool, stores, verified_in)),
        adopted=bag.seal != ours.seal,
    )


def read_back(store: Store, key: str, seal: str, octets: int) -> None:
    """Read the whole object and return only if its SHA-256 is ``seal`` and its length ``octets``.

    Raises StoreUnavailable when the store gives other bytes than were just put, or none: what was
    written never arrived as it was sent, so nothing is kept yet and the put is tried again.
    """
    try:
        with store.open(key) as stream:
            found, length = seal_of(stream)
    except ObjectMissing as missing:
        raise StoreUnavailable(store.name, f"{key} was put, acknowledged, and is not there") from missing
    if (found, length) != (seal, octets):
        raise StoreUnavailable(
            store.name, f"{key} read back as {length} bytes with SHA-256 {found}, put as {octets} with {seal}"
        )


def read_bag(store: Store, key: str, article: str, version: int, wanted: Wanted | None = None) -> BagReport:
    """Read a bag of ours in full under the strict rules; the report holds its metadata, and the payload files that are
    ``wanted``. Raises Doubt, ObjectMissing."""
    with store.open(key) as stream:
        return verify_stream(stream, own=(article, version), wanted=wanted)


def _as_found(bag: Bag, key: str, stores: Sequence[Store], adopting: bool) -> Bag:
    """The bag that already lies under ``key``, fetched to where ours was written, if it may take the place of ours."""
    adopted: Bag = bag
    for store in stores:
        if store.head(key) is None:
            continue
        report = read_bag(store, key, bag.article_id, bag.version)
        if report.seal == adopted.seal:
            continue
        if not report.valid:
            raise WouldOverwrite(
                store.name, key, "it is not a valid bag: " + ", ".join(f.code for f in report.findings)
            )
        if not adopting:
            raise WouldOverwrite(store.name, key, f"it is a valid bag with another seal, {report.seal}")
        if report.payload_digest != bag.payload_digest:
            raise WouldOverwrite(store.name, key, "it is a valid bag of another payload")
        if adopted is not bag:
            raise WouldOverwrite(store.name, key, "the stores hold two different bags of this payload")
        adopted = _fetched(bag, key, store, report)
    return adopted


def _fetched(bag: Bag, key: str, store: Store, report: BagReport) -> Bag:
    with store.open(key) as stream, bag.path.open("wb") as target:
        while block := stream.read(BUFFER):
            target.write(block)
    with bag.path.open("rb") as fetched:
        found, length = seal_of(fetched)
    if found != report.seal:
        raise StoreUnavailable(store.name, f"{key} was read twice and differed")
    return replace(
        bag,
        seal=found,
        bytes=length,
        files=report.files,
        bagging_date=dict(report.bag_info).get("Bagging-Date", bag.bagging_date),
    )


def _each(pool: Executor | None, stores: Sequence[Store], act: Callable[[Store], _T]) -> list[_T]:
    """``act`` on every store, side by side where a pool is given; all are finished before the first error is raised."""
    if pool is None:
        return [act(store) for store in stores]
    futures = [pool.submit(act, store) for store in stores]
    for future in futures:
        future.exception()
    return [future.result() for future in futures]
