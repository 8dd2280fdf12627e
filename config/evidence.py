"""What evidence is made of, wired: the questions that only the settings, the stores or another room can answer."""

from __future__ import annotations

import platform
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from config import exposure
from config.settings import Settings
from fixity.evidence.room import Evidence, Place
from fixity.proof import prove
from ingest.virus import Clamd
from repository.promise import Promise
from repository.storage.capabilities import probe
from repository.turkish import machine_lower

if TYPE_CHECKING:
    from config.wiring import Archive

_ADDRESS = re.compile(r"[^\s@,;<>\"']+@[^\s@,;<>\"']+\.[^\s@,;<>\"']+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LEFT_OUT = "(a person's address, left out)"


def evidence(archive: Archive, agent: str) -> Evidence:
    """What making evidence is given."""
    settings, policy = archive.settings, archive.settings.policy
    promises = archive.promises()
    return Evidence(
        catalogue=archive.catalogue,
        home=archive.home,
        named={
            "name": settings.archive.name,
            "identifier": settings.archive.repository_identifier,
            "base_url": settings.archive.base_url,
        },
        agent=agent,
        places=places(settings, archive.places),
        promises=promises,
        policy={
            "copies": policy.copies,
            "fixity_days": _days(promises.otherwise, archive.places),
            "classes": [
                {
                    "name": one.name,
                    "publishers": sorted(one.publishers),
                    "titles": sorted(one.titles),
                    "fixity_days": _days(one.promise, archive.places),
                }
                for one in promises.classes
            ],
            "deep_fixity_days": policy.deep_fixity_days,
            "inventory_days": f"{policy.inventory_days:g}",
            "unreadable_days": f"{policy.unreadable_days:g}",
        },
        inventory=timedelta(days=policy.inventory_days),
        probe=(lambda: map(probe, archive.stores)) if archive.stores else None,
        exposed=lambda tried: [one.as_json() for one in exposure.looked_at(settings, tried)],
        prove=(lambda: prove(archive.notary(), archive.by_name).as_json()) if archive.stores else None,
        scanner=lambda: _scanner(settings),
        settings=lambda: list(shown(settings)),
        software=lambda: list(software(archive)),
        documents=documents(),
    )


def places(settings: Settings, known: Mapping[str, str]) -> tuple[Place, ...]:
    """The stores as the settings describe them. The embedded ones stand on one machine, and say so."""
    if not settings.stores:
        return tuple(Place(name, "file" if name == "second" else "s3", "", "") for name in known)
    return tuple(
        Place(one.name, "s3" if one.url.startswith("s3:") else "file", one.place, one.threat) for one in settings.stores
    )


def shown(settings: Settings) -> Iterator[dict[str, Any]]:
    """Every setting: secrets masked, the addresses of people left out but the archive's own, and the paths of hooks."""
    for key, value in settings.shown():
        if key == "archive.admin_email":
            yield {"key": key, "value": value}
            continue
        hook = key.startswith("alerts.") and isinstance(value, str) and "://" in value
        shown_value = f"{urlsplit(value).scheme}://{urlsplit(value).hostname}/…" if hook else _without_people(value)
        yield {"key": key, "value": shown_value}


def software(archive: Archive) -> Iterator[dict[str, Any]]:
    """The program, all that it needs and that is installed, the interpreter, and the database."""
    yield {"name": "Python", "version": platform.python_version(), "on": platform.platform()}
    backend = archive.catalogue.url.get_backend_name()
    version = sqlite3.sqlite_version if backend == "sqlite" else None
    yield {"name": backend, "version": version}
    waiting, seen = ["mahfuz"], set()
    found = []
    while waiting:
        name = waiting.pop()
        if (folded := re.sub(r"[-_.]+", "-", machine_lower(name))) in seen:
            continue
        seen.add(folded)
        try:
            one = distribution(name)
        except PackageNotFoundError:
            continue
        found.append({"name": one.metadata["Name"], "version": one.version})
        needs = [needed for needed in one.requires or () if "extra ==" not in needed]
        waiting += [named.group() for needed in needs if (named := _NAME.match(needed))]
    yield from sorted(found, key=lambda one: machine_lower(str(one["name"])))


def documents() -> Path | None:
    """The product's own documents, beside the code where it is run from its source; None elsewhere."""
    folder = Path(__file__).parent.parent / "docs"
    return folder if (folder / "watch.md").is_file() else None


def _days(promise: Promise, stores: Iterable[str]) -> dict[str, int]:
    return {store: int(promise.of(store)) for store in stores}


def _scanner(settings: Settings) -> str | None:
    return str(Clamd(settings.ingest.clamd).version()) if settings.ingest.clamd else None


def _without_people(value: Any) -> Any:
    if isinstance(value, str):
        return _ADDRESS.sub(_LEFT_OUT, value)
    return [_without_people(one) for one in value] if isinstance(value, list) else value
