"""A line that cuts, flips, drips, loses answers and lists what is long past: nothing wrong is taken for right."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from builders import PAYLOAD, build_bag
from deliveries import Published, delivery
from faults import FaultProxy, Lie
from full_size import sized
from servers import S3Server
from sqlalchemy import select
from store_contract import names, sha256, some_key, whole
from whole_archive import burn, door_over, dump, rebuilding

from fixity.audit import audit
from fixity.inventory import take_inventory
from fixity.mending import mend
from fixity.report import RoundReport
from fixity.rounds import Scope, run_round
from fixity.watch import Watch
from ingest import inbox, pauses, pipeline
from ingest.door import Door
from ingest.rebuild import rebuild
from repository import preservation
from repository.bags import Bag
from repository.catalogue import Catalogue, deliveries, schema
from repository.catalogue.copies import CopyRef
from repository.errors import Doubt, ObjectMissing, StoreUnavailable, WouldOverwrite
from repository.models import Aip
from repository.promise import Promises
from repository.storage import Store
from repository.storage.directory import DirectoryStore
from repository.storage.retrying import RetryingStore
from repository.storage.s3 import S3Limits, S3Store
from repository.vocabulary import AuditOutcome, DeliveryState, bag_key, utc_now

LIMITS = S3Limits(connect_seconds=1, read_seconds=1, deadline_seconds=3, attempts=1, slowest_bytes=10 << 20)
PATIENT = replace(LIMITS, connect_seconds=10, read_seconds=20, deadline_seconds=30)
"""Where nothing is slow but a loaded machine."""


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(s3_server.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def through(proxy: FaultProxy, s3_server: S3Server, s3_store: S3Store) -> S3Store:
    """The place of ``s3_store``, reached through the proxy."""
    return reached(proxy, s3_server, s3_store, PATIENT)


def reached(proxy: FaultProxy, s3_server: S3Server, direct: S3Store, limits: S3Limits) -> S3Store:
    prefix, liar = direct.prefix, proxy.endpoint_url
    return s3_server.store("main", direct.bucket, prefix=prefix, endpoint_url=liar, limits=limits, conditional_put=True)


# --- every verb and every lie -----------------------------------------------------------------------------------------


@dataclass
class Place:
    """One bag on the server, the straight way to it, and the way through the liar."""

    bag: Bag
    direct: S3Store
    through: S3Store

    @property
    def key(self) -> str:
        return bag_key(self.bag.article_id, self.bag.version)

    @property
    def ref(self) -> CopyRef:
        return CopyRef(1, "main", self.bag.article_id, self.bag.version, self.bag.seal, self.bag.bytes)

    @property
    def data(self) -> bytes:
        return self.bag.path.read_bytes()

    def lies(self) -> bytes | None:
        """What really lies on the server."""
        try:
            return whole(self.direct, self.key)
        except ObjectMissing:
            return None

    def put(self) -> None:
        self.direct.put(self.key, self.bag.path, self.bag.seal)


def reading(place: Place) -> None:
    """Bytes that are believed are those that lie there; doubt is no damage; and the line makes no damage."""
    place.put()
    found = audit(place.through, place.ref)
    assert found.outcome in (AuditOutcome.INTACT, AuditOutcome.UNREADABLE), found
    assert place.lies() == place.data


def ranged_reading(place: Place) -> None:
    place.put()
    with place.through.open(place.key, 600, 100) as stream:
        assert stream.read(1000) == place.data[600:700]


def keeping(place: Place) -> None:
    """What is said to be kept is kept, whole."""
    preservation.preserve(place.bag, [place.through], utc_now)
    assert place.lies() == place.data


def keeping_in_parts(place: Place) -> None:
    place.through.limits = place.through._bucket.limits = replace(LIMITS, single_put_bytes=1, part_bytes=5 << 20)
    keeping(place)


def heading(place: Place) -> None:
    place.put()
    found = place.through.head(place.key)
    assert found is not None
    assert found.bytes == place.bag.bytes


def listing(place: Place) -> None:
    place.put()
    found = names(place.through)
    assert place.key in found
    assert found == names(place.direct)


def mending(place: Place) -> None:
    wrong = bytes(len(place.data))
    (file := place.bag.path.with_name("wrong")).write_bytes(wrong)
    place.direct.put(place.key, file, sha256(wrong))
    try:
        place.through.replace(place.key, place.bag.path, place.bag.seal, sha256(wrong))
        preservation.read_back(place.through, place.key, place.bag.seal, place.bag.bytes)
    finally:
        assert place.lies() in (wrong, place.data)
    assert place.lies() == place.data


def giving_up(place: Place) -> None:
    place.put()
    try:
        place.through.dispose(place.key, place.bag.seal)
    finally:
        assert place.lies() in (None, place.data)
    assert place.lies() is None


VERBS: dict[str, tuple[Callable[[Place], None], str]] = {
    "get": (reading, "GET"),
    "ranged get": (ranged_reading, "GET"),
    "put": (keeping, "PUT"),
    "put, reading back": (keeping, "GET"),
    "put in parts": (keeping_in_parts, "PUT"),
    "put in parts, their beginning or end": (keeping_in_parts, "POST"),
    "head": (heading, "HEAD"),
    "list": (listing, "GET list-type=2"),
    "replace": (mending, "PUT"),
    "replace, looking first": (mending, "GET"),
    "dispose": (giving_up, "DELETE"),
    "dispose, reading first": (giving_up, "GET"),
}

ALIKE = {Lie.STALE, Lie.SHORT_LIST}
"""Lists that are in good order and not true: no reader of one list can know. See the whole operations below."""

TRIED = 5

WAITED_FOR = sized({"put in parts", "list", "dispose"}, set(VERBS))
"""Verbs that are let run into their deadline; the others are also in test_store_faults."""

UNKNOWABLE = {
    # A part of an object has no digest here: who gives a file out compares it with the file's own as it streams.
    ("ranged get", Lie.FLIP, 1),
    ("ranged get", Lie.FLIP, 99),
    # Two readings alike and a length that is right: see the test that follows.
    ("get", Lie.FLIP, 99),
    # A HEAD is no proof of anything, and nothing is decided by its length alone.
    *(("head", lie, times) for lie in (Lie.SHORTEN, Lie.EMPTY_200, Lie.ERROR_IN_200) for times in (1, 99)),
}


def lies_for(verb: str, times: int) -> list[Lie]:
    method = VERBS[verb][1]
    bodies = {Lie.FLIP_REQUEST} if method in ("PUT", "POST") else set()
    answers = {Lie.UNSAID_RANGE} if verb == "ranged get" else set()
    return [
        lie
        for lie in Lie
        if lie not in ALIKE
        and (verb, lie, times) not in UNKNOWABLE
        and (lie is not Lie.FLIP_REQUEST or bodies)
        and (lie is not Lie.UNSAID_RANGE or answers)
    ]


@pytest.mark.parametrize("times", [1, 99], ids=["once", "always"])
@pytest.mark.parametrize("verb", list(VERBS))
def test_no_verb_believes_a_lie_and_each_comes_to_an_end(
    proxy: FaultProxy, s3_server: S3Server, s3_store: S3Store, tmp_path: Path, verb: str, times: int
) -> None:
    """What a verb does not do it reports, as one of our own exceptions. A drip of hours and a silence end too."""
    outcomes: Counter[str] = Counter()
    slow = {Lie.DRIP, Lie.DRIP_HEADERS, Lie.SILENCE} if times > 1 or verb not in WAITED_FOR else set()
    for number, lie in enumerate(lies_for(verb, times)):
        if lie in slow:
            continue  # what it does once it does always
        # What is honest on the way to the lie may run into the short deadline, where the machine is loaded.
        for attempt in range(TRIED):
            (folder := tmp_path / f"{number}-{attempt}").mkdir()
            content = {**PAYLOAD, "a.bin": bytes(range(256)) * 40}
            bag = build_bag(folder, article_id=f"{number:016x}{attempt:016x}", payload=content)
            through = reached(proxy, s3_server, s3_store, LIMITS)
            through._bucket._confirmed = through._sha256_compared = True
            struck, outcome = struck_by(proxy, lie, Place(bag, s3_store, through), verb, times)
            if struck:
                outcomes[outcome] += 1
                break
            assert outcome == StoreUnavailable.__name__, (verb, lie)
        else:
            pytest.fail(f"{verb} was never struck by {lie}")
    print(verb, "once" if times == 1 else "always", dict(outcomes))


def struck_by(proxy: FaultProxy, lie: Lie, place: Place, verb: str, times: int) -> tuple[int, str]:
    """How often the lie struck this verb, and what came of it."""
    act, method = VERBS[verb]
    word, _, within = method.partition(" ")
    armed = proxy.arm(lie, word, within or place.key, at=-1, times=times)
    outcome = "done"
    try:
        act(place)
    except (Doubt, ObjectMissing, WouldOverwrite) as error:
        outcome = type(error).__name__
    armed.left = 0
    if (verb, times) != ("dispose", 99):
        assert place.lies() in (None, place.data) or act is mending
    return armed.struck, outcome


@pytest.mark.parametrize("lie", [Lie.FLIP_REQUEST, Lie.EMPTY_200])
def test_a_delivery_waits_for_a_line_that_is_at_fault_and_is_not_set_aside(
    proxy: FaultProxy, through: S3Store, tmp_path: Path, lie: Lie
) -> None:
    """Refused for a flipped bit, or taken by somebody on the way: three times in vain, and no fault of the delivery."""
    second = DirectoryStore("second", tmp_path / "second")
    second.prepare()
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'c.sqlite'}")
    schema.migrate(catalogue)
    door = door_over(catalogue, [through, second], tmp_path / "home")
    sent = delivery(tmp_path / "1.zip", [Published("10.5555/hat.1")])
    arrived = inbox.accept(catalogue, door.home, [sent], "Örnek Yayınevi", utc_now)
    through._bucket.confirm()
    through._sha256_compared = True
    struck = proxy.arm(lie, "PUT", "/v1.tar", at=5000, times=4)
    for _ in range(4):
        with pytest.raises(Doubt):
            pipeline.ingest(door, arrived)
        with catalogue.reading() as session:
            (line,) = pauses.paused(session, door.home, limit=5)
            assert line.held_up
            assert "main" in line.held_up
            assert deliveries.unfinished(session, inbox.home_of(door.home)) == [(arrived.delivery_id, 0)], (
                "no attempt counts as a fall"
            )
    assert struck.struck == 4
    assert pipeline.ingest(door, arrived).state == DeliveryState.ACCEPTED
    catalogue.close()


def test_the_same_flip_at_every_reading_costs_no_good_copy(
    proxy: FaultProxy, through: S3Store, s3_store: S3Store, tmp_path: Path
) -> None:
    """Two readings alike and a length that is right: for all that can be known, it is damage, and it is not so.

    The copy is mended: overwritten with the very bytes that it has, for only a source that bears the seal is put there.
    Read again it still differs, so it is not called whole; and behind the line it is.
    """
    bag = build_bag(tmp_path)
    key = bag_key(bag.article_id, bag.version)
    second = DirectoryStore("second", tmp_path / "second")
    second.prepare()
    for store in (s3_store, second):
        store.put(key, bag.path, bag.seal)
    flip = proxy.arm(Lie.FLIP, "GET", key, at=1000, times=99)
    refs = [CopyRef(1, name, bag.article_id, bag.version, bag.seal, bag.bytes) for name in ("main", "second")]
    found = audit(through, refs[0])
    assert found.outcome is AuditOutcome.DAMAGED
    mending = mend(refs[0], found, {"main": through, "second": second}, refs, tmp_path / "quarantine")
    assert not mending.mended
    assert mending.after is not None
    assert mending.after.outcome is AuditOutcome.DAMAGED
    assert flip.struck >= 5
    assert whole(s3_store, key) == whole(second, key) == bag.path.read_bytes()
    # The other way round nothing is taken from behind such a line.
    broken = bytearray(bag.path.read_bytes())
    broken[1000] ^= 8
    (second.root / key).write_bytes(broken)
    hurt = audit(second, refs[1])
    assert hurt.outcome is AuditOutcome.DAMAGED
    again = mend(refs[1], hurt, {"main": through, "second": second}, refs, tmp_path / "quarantine")
    assert not again.mended
    assert (second.root / key).read_bytes() == broken, "nothing that does not bear the seal is put anywhere"


def test_a_listing_that_goes_round_in_circles_comes_to_an_end(
    through: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = {None: "a", "a": "b", "b": "c", "c": "a"}
    asked: list[str | None] = []

    def answer(_operation: str, **where: str) -> dict[str, object]:
        asked.append(where.get("ContinuationToken"))
        return {"IsTruncated": True, "NextContinuationToken": pages[asked[-1]], "Contents": []}

    with monkeypatch.context() as patched:
        patched.setattr(through._bucket, "ask", answer)
        with pytest.raises(StoreUnavailable, match="goes on, and does not say where"):
            list(through._bucket.entries(""))
    assert len(asked) < 12


def test_a_listing_cut_on_the_way_is_not_the_end_of_the_store(
    proxy: FaultProxy, through: S3Store, s3_store: S3Store, tmp_path: Path
) -> None:
    (small := tmp_path / "small").write_bytes(b"x")
    for number in range(6):
        s3_store.put(some_key(number), small, sha256(b"x"))
    for lie in (Lie.EMPTY_200, Lie.ERROR_IN_200, Lie.CUT):
        struck = proxy.arm(lie, "GET", "list-type=2", at=-1)
        with pytest.raises(StoreUnavailable):
            names(through)
        assert struck.struck == 1
    assert len(names(through)) == 6


# --- whole operations in a storm --------------------------------------------------------------------------------------

_WEIGHTS = {
    "GET": {
        **dict.fromkeys((Lie.CUT, Lie.SHORTEN, Lie.LENGTHEN, Lie.WITHOUT_LENGTH, Lie.FLIP, Lie.TWICE, Lie.DELAY), 4),
        **dict.fromkeys((Lie.REFUSE, Lie.SERVER_ERROR, Lie.FORBID, Lie.ERROR_IN_200, Lie.EMPTY_200), 3),
        **dict.fromkeys((Lie.LOSE_ANSWER, Lie.DRIP, Lie.DRIP_HEADERS, Lie.SILENCE), 1),
    },
    "LIST": dict.fromkeys((Lie.STALE, Lie.SHORT_LIST, Lie.CUT, Lie.REFUSE, Lie.EMPTY_200, Lie.ERROR_IN_200), 1),
    "PUT": {
        **dict.fromkeys((Lie.LOSE_ANSWER, Lie.FLIP_REQUEST, Lie.TWICE, Lie.EMPTY_200, Lie.ERROR_IN_200), 4),
        **dict.fromkeys((Lie.REFUSE, Lie.SERVER_ERROR, Lie.FORBID, Lie.DELAY), 2),
        Lie.DRIP_HEADERS: 1,
    },
    "HEAD": dict.fromkeys((Lie.REFUSE, Lie.SERVER_ERROR, Lie.FORBID, Lie.LOSE_ANSWER, Lie.DELAY), 1),
}
ARTICLES = sized(8, 100)
PASSES = sized(2, 20)
ATTEMPTS = 60


class Storm:
    """Strikes one in so many requests, with a lie that fits it."""

    def __init__(self, dice: random.Random, rate: float) -> None:
        self._dice, self.rate = dice, rate

    def __call__(self, method: str, path: str) -> Lie | None:
        if self._dice.random() >= self.rate:
            return None
        kind = "LIST" if "list-type=2" in path else method
        weights = _WEIGHTS.get(kind, {Lie.REFUSE: 1})
        return self._dice.choices(list(weights), list(weights.values()))[0]


@dataclass
class Stormy:
    """An archive of which one store lies behind the liar, and the straight way to both."""

    door: Door
    direct: dict[str, Store]
    proxy: FaultProxy

    @property
    def watch(self) -> Watch:
        return Watch(
            catalogue=self.door.catalogue,
            stores={store.name: store for store in self.door.stores},
            promises=Promises(),
            quarantine=self.door.home / "quarantine",
            agent="mahfuz test",
            clock=utc_now,
        )

    def bytes_of(self) -> dict[tuple[str, str], bytes]:
        """Every bag, as it really lies in each store."""
        return {(name, key): whole(store, key) for name, store in self.direct.items() for key in names(store)}

    def until(self, act: Callable[[], bool]) -> int:
        """How often ``act`` was done until it said that it was complete; what stops it is one of our own exceptions."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if act():
                    return attempt
            except Doubt:
                continue  # anything else would put the blame for the line on something else
        pytest.fail(f"not complete after {ATTEMPTS} attempts")

    def is_whole(self) -> bool:
        """Whether every copy was read and is intact. A loaded machine may be too slow for so little patience: doubt."""
        status = self.audit().exit_status
        assert status in (0, 3), "no copy is damaged"
        return status == 0

    def audit(self) -> RoundReport:
        report = run_round(self.watch, Scope(due=False))
        assert report.expected == report.intact + report.damaged + report.missing + report.unreadable
        return report


@pytest.fixture
def stormy(
    proxy: FaultProxy, s3_server: S3Server, s3_store: S3Store, tmp_path: Path, database_url: str
) -> Iterator[Stormy]:
    through = reached(proxy, s3_server, s3_store, LIMITS)
    second = DirectoryStore("second", tmp_path / "second-store")
    second.prepare()
    catalogue = Catalogue(database_url)
    order = (through, second) if "sqlite" in database_url else (second, through)
    stores = [RetryingStore(store, attempts=2, first_seconds=0.01) for store in order]
    yield Stormy(door_over(catalogue, stores, tmp_path / "home"), {"main": s3_store, "second": second}, proxy)
    catalogue.close()


def test_what_an_archive_does_in_a_storm_is_done_right_or_told(stormy: Stormy, tmp_path: Path) -> None:
    """Ingest, audit, inventory, mending and a rebuild, with every fourth request struck."""
    dice = random.Random(1889)
    proxy, door, told = stormy.proxy, stormy.door, {}
    proxy.storm = Storm(dice, 0.25)

    def took_in(sent: Path) -> bool:
        arrived = inbox.accept(door.catalogue, door.home, [sent], "Örnek Yayınevi", utc_now)
        return pipeline.ingest(door, arrived).state == DeliveryState.ACCEPTED

    articles = [Published(f"10.5555/firtina.{number}", title=f"Fırtına {number}") for number in range(ARTICLES)]
    told["ingest"] = sum(
        stormy.until(partial(took_in, delivery(tmp_path / f"{number}.zip", [article])))
        for number, article in enumerate(articles)
    )
    sealed = stormy.bytes_of()
    assert len(sealed) == 2 * ARTICLES
    seals = registered(door.catalogue)
    assert {(name, key): sha256(data) for (name, key), data in sealed.items()} == {
        (name, key): seals[key] for name, key in sealed
    }, "what is registered lies there, whole"

    doubts = 0
    for _ in range(PASSES):
        report = stormy.audit()
        assert (report.expected, report.damaged, report.missing, report.mended) == (2 * ARTICLES, 0, 0, 0)
        doubts += report.unreadable
    told["copies in doubt"] = doubts
    assert stormy.bytes_of() == sealed, "and nothing was written"

    complete = 0
    for _ in range(PASSES):
        taken = take_inventory(stormy.watch, "main")
        assert taken is not None
        complete += taken.complete
        assert not any(taken.found.values()), "what a list leaves out is asked for by name"
    told["inventories that were complete"] = complete

    hurt = dice.sample(sorted(sealed), ARTICLES)
    hurt = [place for number, place in enumerate(hurt) if place[1] not in {key for _, key in hurt[:number]}]
    for name, key in hurt:
        wreck(stormy.direct[name], key, dice)

    def mended() -> bool:
        stormy.audit()
        now = stormy.bytes_of()
        good = [place for place in sealed if place not in hurt]
        assert all(now[place] == sealed[place] for place in good), "a good copy was overwritten"
        return now == sealed

    told["mending"] = stormy.until(mended)
    proxy.storm = lambda _method, _path: None
    stormy.until(stormy.is_whole)
    before = dump(door.catalogue)

    proxy.storm = Storm(dice, 0.25)
    burn(door.catalogue)
    told["rebuild"] = stormy.until(lambda: rebuild(rebuilding(door)).exit_status != 3)
    proxy.storm = lambda _method, _path: None
    stormy.until(lambda: rebuild(rebuilding(door)).exit_status != 3)
    stormy.until(stormy.is_whole)
    assert dump(door.catalogue) == before
    assert stormy.bytes_of() == sealed
    struck = sum(proxy.storms.values())
    assert struck > sized(15, 800), "the storm was felt"
    print(f"{struck} of {len(proxy.requests)} requests struck: {dict(proxy.storms)}; {told}")


def registered(catalogue: Catalogue) -> dict[str, str]:
    """Key to seal of every bag that the catalogue knows."""
    with catalogue.reading() as session:
        return {bag_key(aip.article_id, aip.version): aip.seal for aip in session.execute(select(Aip)).scalars()}


def wreck(store: Store, key: str, dice: random.Random) -> None:
    """One byte of the object is another from now on."""
    data = bytearray(whole(store, key))
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    if isinstance(store, DirectoryStore):
        (store.root / key).write_bytes(data)
        return
    assert isinstance(store, S3Store)
    store._bucket.ask("put_object", Key=store.prefix + key, Body=bytes(data))
