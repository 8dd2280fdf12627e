"""Where one hand could destroy every copy: what the settings and the trials of the stores say about it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.doctor.lines import Said, Value
from config.settings import Settings, StoreSettings
from repository.storage.capabilities import Capabilities, Verdict
from repository.texts import marked

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Hold:
    """One store as somebody would reach for it: by an access key, or as a user of this machine."""

    store: str
    hand: str
    """What one has to hold to destroy it; the same for stores that share it."""
    key: str = ""
    where: str = ""
    """The access key and at which server it opens; empty for a folder."""
    device: int | None = None
    """The disk of a folder."""
    on_this_machine: bool = False


@dataclass(frozen=True, slots=True)
class Exposed:
    """One finding: ``safe`` where something stands against it. ``subject`` is the store that it is about."""

    code: str
    subject: str
    safe: bool
    said: Said
    remedy: Said | None = None

    @property
    def what(self) -> str:
        """What was looked at, in English."""
        return _WHAT[self.code].format(subject=self.subject)

    @property
    def detail(self) -> str:
        """What was found, in English."""
        return str(self.said)

    def as_json(self) -> dict[str, Any]:
        """As evidence: ``what``, ``safe``, ``detail`` and ``remedy``, in English."""
        remedy = str(self.remedy) if self.remedy else ""
        return {"what": self.what, "safe": self.safe, "detail": self.detail, "remedy": remedy}


_WHAT = {
    "protected": "store {subject}: protected",
    "object-lock": "store {subject}: object lock",
    "one-hand": "one hand",
    "one-disk": "one disk",
}


def holds(settings: Settings) -> list[Hold]:
    """Every store with what one has to hold to destroy it."""
    user = f"the user {_user()} of this machine"
    if not settings.stores:
        home = settings.archive.home
        return [Hold(name, user, device=_device(home), on_this_machine=True) for name in ("main", "second")]
    return [_hold(one, user) for one in settings.stores]


def looked_at(settings: Settings, found: Mapping[str, Capabilities]) -> Iterator[Exposed]:
    """What stands between one hand and all copies; ``found``: what trying each store showed."""
    every = holds(settings)
    for hold in every:
        if (stands := protection(settings, hold.store, found.get(hold.store))) is not None:
            yield stands
    open_ones = [one for one in every if not _is_protected(settings, one.store, found.get(one.store))]
    together: dict[str, list[Hold]] = {}
    for hold in open_ones:
        together.setdefault(hold.hand, []).append(hold)
    for some in together.values():
        if len(some) > 1:
            yield _shared(some, len(some) == len(every))
    alone = not any(len(some) == len(every) for some in together.values())
    if open_ones and len(open_ones) == len(every) and alone:
        said = marked("the user {user} of this machine has the keys of every store, and could destroy all copies")
        remedy = marked(
            "Switch on an object lock or versions in one store, or keep a copy that this machine cannot reach."
        )
        yield _open("one-hand", "", said, remedy, user=_user())
    yield from _disks(every)


def protection(settings: Settings, store: str, found: Capabilities | None) -> Exposed | None:
    """What stands against destroying what lies in this store; None where nothing was seen to."""
    if found is None:
        return None
    days, mode = lock_days(settings, store), str(settings.policy.object_lock_mode)
    if found.verdict("object_lock") is Verdict.YES:
        if days:
            said = marked("by its object lock: each new object is held for {days} days ({mode})")
            return Exposed("protected", store, True, Said(said, {"days": days, "mode": mode}))
        said = marked(
            "it has an object lock that works, and the settings hold nothing with it; what is overwritten or deleted "
            "is still recoverable as an older version"
        )
        remedy = marked("Set policy.object_lock_days (or policy.object_lock_days_of.{store}).")
        return _open("object-lock", store, said, remedy, store=store)
    unknown = next((one for one in found.tried if one.name == "object_lock" and one.verdict is Verdict.UNKNOWN), None)
    if days and unknown:
        said = marked(
            "policy.object_lock_days is {days}, and whether this store has an object lock that works is not known, so "
            "nothing is held: {seen}"
        )
        remedy = marked("Allow our access key to hold versions and to be told of it (docs/clusters.md).")
        return _open("object-lock", store, said, remedy, days=days, seen=unknown.detail)
    if days:
        said = marked(
            "policy.object_lock_days is {days}, and this store has no object lock that works: nothing is held"
        )
        return _open("object-lock", store, said, marked("Make its bucket with an object lock, or set 0."), days=days)
    if found.verdict("versioning") is Verdict.YES:
        said = marked(
            "by versions: an overwrite or a deletion leaves the older version recoverable, unless that is deleted too"
        )
        return Exposed("protected", store, True, Said(said))
    return None


def lock_days(settings: Settings, store: str) -> int:
    """For how many days each object put into this store is to be held."""
    return settings.policy.object_lock_days_of.get(store, settings.policy.object_lock_days)


def _is_protected(settings: Settings, store: str, found: Capabilities | None) -> bool:
    stands = protection(settings, store, found)
    return stands is not None and (stands.safe or (found is not None and found.verdict("versioning") is Verdict.YES))


def _shared(some: Sequence[Hold], all_copies: bool) -> Exposed:
    stores = ", ".join(one.store for one in some)
    if all(one.on_this_machine for one in some):
        all_of_them = marked("{stores} lie on this machine: whoever is its user {user} could destroy every copy")
        theirs = marked("{stores} lie on this machine: whoever is its user {user} could destroy the copies in them")
        remedy = marked("For more than a trial, put a store on another machine, with a key of its own.")
        return _open("one-hand", "", all_of_them if all_copies else theirs, remedy, stores=stores, user=_user())
    all_of_them = marked("{stores} are opened by the access key {key} at {where}: who has it could destroy every copy")
    theirs = marked(
        "{stores} are opened by the access key {key} at {where}: who has it could destroy the copies in them"
    )
    remedy = marked("Give each store an access key of its own, kept by different people.")
    values = {"stores": stores, "key": some[0].key, "where": some[0].where}
    return _open("one-hand", "", all_of_them if all_copies else theirs, remedy, **values)


def _open(code: str, subject: str, said: str, remedy: str, **values: Value) -> Exposed:
    return Exposed(code, subject, False, Said(said, values), Said(remedy, values))


def _disks(every: Sequence[Hold]) -> Iterator[Exposed]:
    """Folders on one disk are two copies of nothing; said of the embedded default already."""
    if every and all(one.on_this_machine for one in every):
        return
    disks: dict[int, list[str]] = {}
    for one in every:
        if one.device is not None:
            disks.setdefault(one.device, []).append(one.store)
    for names in disks.values():
        if len(names) > 1:
            said, remedy = marked("{stores} lie on the same disk"), marked("Put one of them on another disk.")
            yield _open("one-disk", "", said, remedy, stores=", ".join(names))


def _hold(one: StoreSettings, user: str) -> Hold:
    if one.url.startswith("file:///"):
        root = Path(one.url.removeprefix("file://"))
        return Hold(one.name, user, device=_device(root), on_this_machine=True)
    where, key = one.endpoint_url or "Amazon S3", one.access_key or ""
    return Hold(one.name, f"the access key {key} at {where}", key, where)


def _device(path: Path) -> int | None:
    for folder in (path, *path.parents):
        try:
            return folder.stat().st_dev
        except OSError:
            continue
    return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
