"""Where one hand could destroy every copy: what the settings and the trials of the stores say about it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings, StoreSettings
from repository.storage.capabilities import Capabilities, Verdict

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Hold:
    """One store as somebody would reach for it: by an access key, or as a user of this machine."""

    store: str
    hand: str
    """What one has to hold to destroy it; the same for stores that share it."""
    device: int | None = None
    """The disk of a folder."""
    on_this_machine: bool = False


@dataclass(frozen=True, slots=True)
class Exposed:
    """One finding: ``safe`` where something stands against it."""

    what: str
    safe: bool
    detail: str
    remedy: str = ""


def holds(settings: Settings) -> list[Hold]:
    """Every store with what one has to hold to destroy it."""
    user = f"the user {_user()} of this machine"
    if not settings.stores:
        home = settings.archive.home
        return [Hold("main", user, _device(home), True), Hold("second", user, _device(home), True)]
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
    for hand, some in together.items():
        if len(some) > 1:
            yield _shared(hand, some, len(some) == len(every))
    alone = not any(len(some) == len(every) for some in together.values())
    if open_ones and len(open_ones) == len(every) and alone:
        yield Exposed(
            "one hand",
            False,
            f"the user {_user()} of this machine has the keys of every store, and could destroy all copies",
            "switch on an object lock or versions in one store, or keep a copy that this machine cannot reach",
        )
    yield from _disks(every)


def protection(settings: Settings, store: str, found: Capabilities | None) -> Exposed | None:
    """What stands against destroying what lies in this store; None where nothing was seen to."""
    if found is None:
        return None
    what, days = f"store {store}: protected", lock_days(settings, store)
    if found.verdict("object_lock") is Verdict.YES:
        held = f"each new object is held for {days} days ({settings.policy.object_lock_mode})"
        if days:
            return Exposed(what, True, f"by its object lock: {held}")
        return Exposed(
            f"store {store}: object lock",
            False,
            "it has an object lock that works, and the settings hold nothing with it; what is overwritten or deleted "
            "is still recoverable as an older version",
            f"set policy.object_lock_days (or policy.object_lock_days_of.{store})",
        )
    if days:
        return Exposed(
            f"store {store}: object lock",
            False,
            f"policy.object_lock_days is {days}, and this store has no object lock that works: nothing is held",
            "make its bucket with an object lock, or set 0",
        )
    if found.verdict("versioning") is Verdict.YES:
        return Exposed(
            what,
            True,
            "by versions: an overwrite or a deletion leaves the older version recoverable, unless that is deleted too",
        )
    return None


def lock_days(settings: Settings, store: str) -> int:
    """For how many days each object put into this store is to be held."""
    return settings.policy.object_lock_days_of.get(store, settings.policy.object_lock_days)


def _is_protected(settings: Settings, store: str, found: Capabilities | None) -> bool:
    stands = protection(settings, store, found)
    return stands is not None and (stands.safe or (found is not None and found.verdict("versioning") is Verdict.YES))


def _shared(hand: str, some: Sequence[Hold], all_copies: bool) -> Exposed:
    names = " and ".join(one.store for one in some)
    share = "every copy" if all_copies else f"the copies in {names}"
    if all(one.on_this_machine for one in some):
        return Exposed(
            "one hand",
            False,
            f"{names} lie on this machine and can be written by {hand}: whoever is that user could destroy {share}",
            "for more than a trial, put a store on another machine, with a key of its own",
        )
    return Exposed(
        "one hand",
        False,
        f"{names} are opened by {hand}: who has it could destroy {share}",
        "give each store an access key of its own, kept by different people",
    )


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
            yield Exposed(
                "one disk", False, f"{' and '.join(names)} lie on the same disk", "put one of them on another disk"
            )


def _hold(one: StoreSettings, user: str) -> Hold:
    if one.url.startswith("file:///"):
        root = Path(one.url.removeprefix("file://"))
        return Hold(one.name, user, _device(root), True)
    where = one.endpoint_url or "Amazon S3"
    return Hold(one.name, f"the access key {one.access_key} at {where}")


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
