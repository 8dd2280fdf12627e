"""What becomes of a put and a read when the line between us and the server lies, and who is then believed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from faults import (
    BreakingStore,
    FaultProxy,
    FlippingStore,
    ForgettingStore,
    GarblingStore,
    Lie,
    SilentStore,
    TruncatingStore,
    UnheardStore,
)
from servers import S3Server
from store_contract import StoreContract, names, sha256, some_key, whole

from repository.errors import ObjectMissing, RefusedByStore, StoreUnavailable, WouldOverwrite
from repository.storage import Mendable, Put, Store
from repository.storage.directory import DirectoryStore
from repository.storage.retrying import RetryingStore
from repository.storage.s3 import S3Limits, S3Store

CONTENT = os.urandom(300_000)
DIGEST = sha256(CONTENT)
KEY = some_key(1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(s3_server.endpoint_url) as proxy:
        yield proxy


LIMITS = S3Limits(read_seconds=20, deadline_seconds=30, attempts=1, slowest_bytes=10 << 20)


@pytest.fixture
def through(proxy: FaultProxy, s3_server: S3Server, s3_store: S3Store) -> S3Store:
    """The place of ``s3_store``, reached through the proxy, with one attempt only."""
    return reached(proxy, s3_server, s3_store, LIMITS)


@pytest.fixture
def hurried(proxy: FaultProxy, s3_server: S3Server, s3_store: S3Store) -> S3Store:
    """The same with little patience, which the honest requests of a loaded machine may try: it is asked only to wait.

    What a store asks first of all, once, it need not ask.
    """
    store = reached(proxy, s3_server, s3_store, replace(LIMITS, read_seconds=1, deadline_seconds=3))
    store._bucket._confirmed = store._sha256_compared = True
    return store


def reached(proxy: FaultProxy, s3_server: S3Server, s3_store: S3Store, limits: S3Limits) -> S3Store:
    return s3_server.store(
        "main",
        s3_store.bucket,
        prefix=s3_store.prefix,
        endpoint_url=proxy.endpoint_url,
        limits=limits,
        conditional_put=True,
    )


def patient(store: S3Store) -> RetryingStore:
    return RetryingStore(store, sleep=lambda _: None)


# --- on the way to the server --------------------------------------------------------------------------------------


def test_the_proxy_itself_changes_nothing(through: S3Store, source: Path) -> None:
    assert through.put(KEY, source, DIGEST) is Put.WRITTEN
    assert whole(through, KEY) == CONTENT


def test_a_lost_acknowledgement_is_settled_by_comparing_digests(
    through: S3Store, proxy: FaultProxy, s3_store: S3Store, source: Path
) -> None:
    lost = proxy.arm(Lie.LOSE_ANSWER, "PUT", KEY)
    with pytest.raises(StoreUnavailable):
        through.put(KEY, source, DIGEST)
    assert lost.struck == 1
    assert whole(s3_store, KEY) == CONTENT  # the server had done it
    again = proxy.arm(Lie.LOSE_ANSWER, "PUT", some_key(2))
    assert patient(through).put(some_key(2), source, DIGEST) is Put.ALREADY
    assert again.struck == 1
    assert len([line for line in proxy.requests if line.startswith("PUT") and some_key(2) in line]) == 2


def test_a_lost_acknowledgement_never_hides_that_other_bytes_were_first(
    through: S3Store, proxy: FaultProxy, s3_store: S3Store, source: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    first.write_bytes(b"first")
    s3_store.put(KEY, first, sha256(b"first"))
    lost = proxy.arm(Lie.LOSE_ANSWER, "PUT", KEY)
    with pytest.raises(WouldOverwrite):
        patient(through).put(KEY, source, DIGEST)
    assert lost.struck == 1
    assert whole(s3_store, KEY) == b"first"


def test_a_bit_flipped_on_the_way_is_refused_by_the_server(
    through: S3Store, proxy: FaultProxy, s3_store: S3Store, source: Path
) -> None:
    flip = proxy.arm(Lie.FLIP_REQUEST, "PUT", KEY, at=150_000)
    with pytest.raises(RefusedByStore):
        through.put(KEY, source, DIGEST)
    assert flip.struck == 1
    assert s3_store.head(KEY) is None


@pytest.mark.parametrize("lie", [Lie.LOSE_ANSWER, Lie.REFUSE])
@pytest.mark.parametrize("step", ["uploads", "partNumber=2", "uploadId"])
def test_an_upload_in_parts_that_breaks_is_taken_away_and_done_again(
    through: S3Store, proxy: FaultProxy, s3_server: S3Server, tmp_path: Path, lie: Lie, step: str
) -> None:
    limits = S3Limits(single_put_bytes=1, part_bytes=5 << 20, attempts=1)
    store = s3_server.store(
        "main", through.bucket, prefix=through.prefix, endpoint_url=proxy.endpoint_url, limits=limits
    )
    large = tmp_path / "large"
    large.write_bytes(os.urandom(6_000_000))
    store.conditional_put = True
    broken = proxy.arm(lie, "PUT" if "part" in step else "POST", step)
    digest = sha256(large.read_bytes())
    assert patient(store).put(KEY, large, digest) in (Put.WRITTEN, Put.ALREADY)
    assert broken.struck == 1
    assert whole(store, KEY) == large.read_bytes()
    left = s3_server.client().list_multipart_uploads(Bucket=store.bucket, Prefix=store.prefix).get("Uploads", [])
    # An upload whose number never reached us is nobody's to abort; the bucket's own rules take it away.
    assert len(left) == (1 if (lie, step) == (Lie.LOSE_ANSWER, "uploads") else 0)


def test_a_refused_put_is_asked_again(through: S3Store, proxy: FaultProxy, source: Path) -> None:
    refused = proxy.arm(Lie.REFUSE, "PUT", KEY, times=3)
    assert patient(through).put(KEY, source, DIGEST) is Put.WRITTEN
    assert refused.struck == 3
    assert whole(through, KEY) == CONTENT


def test_a_server_that_refuses_for_ever_is_doubt(through: S3Store, proxy: FaultProxy, source: Path) -> None:
    refused = proxy.arm(Lie.REFUSE, "PUT", KEY, times=99)
    with pytest.raises(StoreUnavailable, match="503 SlowDown"):
        patient(through).put(KEY, source, DIGEST)
    assert refused.struck == 4


# --- on the way back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, 150_000, 299_999])
@pytest.mark.parametrize(("offset", "length"), [(0, None), (100, None), (0, 300_000)])
def test_an_answer_that_is_cut_is_doubt_and_never_a_shorter_object(
    through: S3Store, proxy: FaultProxy, source: Path, at: int, offset: int, length: int | None
) -> None:
    through.put(KEY, source, DIGEST)
    cut = proxy.arm(Lie.CUT, "GET", KEY, at=min(at, len(CONTENT) - offset - 1))
    with through.open(KEY, offset, length) as stream, pytest.raises(StoreUnavailable, match=r"early|broke off"):
        b"".join(iter(lambda: stream.read(100_000), b""))
    assert cut.struck == 1
    assert whole(through, KEY) == CONTENT


def test_an_answer_without_an_announced_length_is_doubt(through: S3Store, proxy: FaultProxy, source: Path) -> None:
    through.put(KEY, source, DIGEST)
    without = proxy.arm(Lie.WITHOUT_LENGTH, "GET", KEY, at=1000)
    with pytest.raises(StoreUnavailable, match="no length"):
        whole(through, KEY)
    assert without.struck == 1


def test_an_answer_that_goes_on_does_not_spoil_the_next_one(through: S3Store, proxy: FaultProxy, source: Path) -> None:
    through.put(KEY, source, DIGEST)
    longer = proxy.arm(Lie.LENGTHEN, "GET", KEY, times=3)
    for _ in range(3):
        assert whole(through, KEY) == CONTENT
    assert longer.struck == 3
    assert whole(patient(through), KEY) == CONTENT


def test_a_bit_flipped_on_the_way_back_is_the_auditors_to_find(
    through: S3Store, proxy: FaultProxy, source: Path
) -> None:
    through.put(KEY, source, DIGEST)
    flip = proxy.arm(Lie.FLIP, "GET", KEY, at=299_999)
    assert sha256(whole(through, KEY)) != DIGEST
    assert flip.struck == 1


def test_an_answer_to_another_range_is_doubt(through: S3Store, proxy: FaultProxy, source: Path) -> None:
    through.put(KEY, source, DIGEST)
    ignored = proxy.arm(Lie.UNSAID_RANGE, "GET", KEY)
    with pytest.raises(StoreUnavailable, match="asked for 10 bytes from 1000"), through.open(KEY, 1000, 10):
        pass
    assert ignored.struck == 1
    shorter = proxy.arm(Lie.SHORTEN, "GET", KEY, at=5)
    with pytest.raises(StoreUnavailable, match="asked for 10 bytes from 1000"), through.open(KEY, 1000, 10):
        pass
    assert shorter.struck == 1


def within_seconds(limit: float, began: float) -> bool:
    """Far less than the drip would take, which is 4 hours for the body and 20 s for the headers."""
    return time.monotonic() - began < limit


def test_a_drip_ends_within_the_deadline(through: S3Store, hurried: S3Store, proxy: FaultProxy, source: Path) -> None:
    through.put(KEY, source, DIGEST)
    drip, began = proxy.arm(Lie.DRIP, "GET", KEY), time.monotonic()
    with pytest.raises(StoreUnavailable, match="bytes came in"):
        whole(hurried, KEY)
    assert drip.struck == 1
    assert within_seconds(15, began)


@pytest.mark.parametrize("method", ["HEAD", "PUT"])
def test_dripping_headers_end_within_the_deadline(
    hurried: S3Store, proxy: FaultProxy, source: Path, method: str
) -> None:
    drip, began = proxy.arm(Lie.DRIP_HEADERS, method, KEY), time.monotonic()
    verb = {"PUT": lambda: hurried.put(KEY, source, DIGEST), "HEAD": lambda: hurried.head(KEY)}[method]
    with pytest.raises(StoreUnavailable, match="no end to"):
        verb()
    assert drip.struck == 1
    assert within_seconds(12, began)


def test_silence_ends_within_the_deadline(through: S3Store, hurried: S3Store, proxy: FaultProxy, source: Path) -> None:
    through.put(KEY, source, DIGEST)
    silence, began = proxy.arm(Lie.SILENCE, "GET", KEY), time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"timeout|no end"):
        whole(hurried, KEY)
    assert silence.struck == 1
    assert within_seconds(15, began)


def test_a_listing_that_breaks_goes_on_where_it_was(
    through: S3Store, proxy: FaultProxy, s3_store: S3Store, tmp_path: Path
) -> None:
    refused = proxy.arm(Lie.REFUSE, "GET", "list-type=2", times=2)
    small = tmp_path / "small"
    small.write_bytes(b"x")
    keys = sorted(some_key(number) for number in range(5))
    for key in keys:
        s3_store.put(key, small, sha256(b"x"))
    assert names(patient(through)) == keys
    assert refused.struck == 2


def test_a_replacement_whose_answer_was_lost_is_settled(
    through: S3Store, proxy: FaultProxy, source: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"damaged")
    through.put(KEY, damaged, sha256(b"damaged"))
    lost = proxy.arm(Lie.LOSE_ANSWER, "PUT", KEY)
    patient(through).replace(KEY, source, DIGEST, sha256(b"damaged"))
    assert lost.struck == 1
    assert whole(through, KEY) == CONTENT


# --- asking again --------------------------------------------------------------------------------------------------


class TestRetryingStore(StoreContract):
    """Asking again changes no promise."""

    @pytest.fixture
    def store(self, directory_store: DirectoryStore) -> RetryingStore:
        return RetryingStore(directory_store)


@pytest.fixture
def waited() -> list[float]:
    return []


def asking_again(store: Store, waited: list[float], **more: float) -> RetryingStore:
    clock = iter(range(100_000)).__next__
    return RetryingStore(store, sleep=waited.append, clock=lambda: clock() / 1000, chance=lambda: 1.0, **more)  # type: ignore[arg-type]


def test_pauses_double_up_to_the_longest(directory_store: DirectoryStore, waited: list[float]) -> None:
    silent = SilentStore(directory_store)
    store = asking_again(silent, waited, attempts=7, first_seconds=1, longest_seconds=10)
    with pytest.raises(StoreUnavailable):
        store.head("a")
    assert silent.struck == 7
    assert waited == [1, 2, 4, 8, 10, 10]


def test_the_deadline_ends_it_before_the_attempts_do(directory_store: DirectoryStore, waited: list[float]) -> None:
    silent = SilentStore(directory_store)
    store = asking_again(silent, waited, attempts=99, first_seconds=1, longest_seconds=10, deadline_seconds=3)
    with pytest.raises(StoreUnavailable):
        store.head("a")
    assert waited == [1, 2]
    assert silent.struck == 3


def test_answers_are_not_asked_for_again(directory_store: DirectoryStore, waited: list[float], source: Path) -> None:
    store = asking_again(directory_store, waited)
    store.put(KEY, source, DIGEST)
    with pytest.raises(ObjectMissing), store.open("nothing"):
        pass
    with pytest.raises(RefusedByStore):
        store.put("other", source, sha256(b"other"))
    with pytest.raises(WouldOverwrite):
        store.replace("none", source, DIGEST, sha256(b"damaged"))
    assert waited == []


def test_a_listing_is_taken_up_from_the_last_key(
    directory_store: DirectoryStore, waited: list[float], source: Path
) -> None:
    keys = sorted(some_key(number) for number in range(12))
    for key in keys:
        directory_store.put(key, source, DIGEST)
    silent = SilentStore(directory_store, after=3, times=8)
    listed = names(asking_again(silent, waited, attempts=9))
    assert listed == keys
    assert silent.struck == 8


def test_a_stream_is_begun_again_before_its_first_bytes_and_not_later(
    directory_store: DirectoryStore, waited: list[float], source: Path
) -> None:
    directory_store.put(KEY, source, DIGEST)
    early = BreakingStore(directory_store, keep=10, times=2)
    assert whole(asking_again(early, waited), KEY) == CONTENT
    assert early.struck == 2
    late = BreakingStore(directory_store, keep=200_000, times=1)
    with pytest.raises(StoreUnavailable, match="in the middle"):
        whole(asking_again(late, waited), KEY)
    assert late.struck == 1


def test_a_put_heard_by_nobody_is_settled_at_the_next_attempt(
    directory_store: DirectoryStore, waited: list[float], source: Path
) -> None:
    unheard = UnheardStore(directory_store, times=1)
    assert asking_again(unheard, waited).put(KEY, source, DIGEST) is Put.ALREADY
    assert unheard.struck == 1


# --- the faulty stores do what they say ----------------------------------------------------------------------------


def test_a_flipping_store_flips_one_bit_and_only_there(directory_store: DirectoryStore, source: Path) -> None:
    directory_store.put(KEY, source, DIGEST)
    directory_store.put(some_key(2), source, DIGEST)
    store = FlippingStore(directory_store, at=123_456, only={KEY})
    assert whole(store, some_key(2)) == CONTENT
    assert store.struck == 0
    came = whole(store, KEY)
    assert [place for place in range(len(CONTENT)) if came[place] != CONTENT[place]] == [123_456]
    with store.open(KEY, 123_450, 10) as stream:
        assert stream.read(10) != CONTENT[123_450:123_460]
    with store.open(KEY, 0, 10) as stream:
        assert stream.read(10) == CONTENT[:10]
    assert store.struck == 2


def test_a_truncating_store_ends_early(directory_store: DirectoryStore, source: Path) -> None:
    directory_store.put(KEY, source, DIGEST)
    store = TruncatingStore(directory_store, keep=200_000, times=1)
    with store.open(KEY) as stream:
        came = b"".join(iter(lambda: stream.read(30_000), b""))
    assert came == CONTENT[:200_000]
    assert store.struck == 1
    assert whole(store, KEY) == CONTENT


def test_a_forgetting_store_forgets(directory_store: DirectoryStore, source: Path) -> None:
    directory_store.put(KEY, source, DIGEST)
    directory_store.put(some_key(2), source, DIGEST)
    store = ForgettingStore(directory_store, only={KEY})
    assert store.head(KEY) is None
    with pytest.raises(ObjectMissing), store.open(KEY):
        pass
    assert names(store) == [some_key(2)]
    assert store.struck == 3


def test_a_garbling_store_writes_other_bytes(directory_store: DirectoryStore, source: Path) -> None:
    store = GarblingStore(directory_store, times=1)
    assert store.put(KEY, source, DIGEST) is Put.WRITTEN
    assert sha256(whole(store, KEY)) != DIGEST
    assert store.struck == 1
    assert isinstance(store, Store)
    assert isinstance(store, Mendable)
