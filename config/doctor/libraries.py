"""Libraries of this machine of which faults are known that this program would meet, or goes around."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from config.doctor.lines import Line, Verdict, good, say
from config.doctor.questions import Patient
from repository.texts import marked

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a library: in which versions, what comes of it, and how much it weighs here."""

    library: str
    is_in: Callable[[Version], bool]
    said: str
    verdict: Verdict


def _before(*versions: Version) -> Callable[[Version], bool]:
    """Older than the mended version of its own line, or than the first of them where its line has none."""

    def is_in(found: Version) -> bool:
        of_line = [one for one in versions if one[:2] == found[:2]]
        return found < of_line[0] if of_line else found < min(versions)

    return is_in


FAULTS = (
    Fault(
        "python",
        _before((3, 11, 14), (3, 12, 12), (3, 13, 10)),
        marked("{version}: unpacks outside the folder (CVE-2025-4517), or takes a file for another (CVE-2025-8291)"),
        Verdict.NOTE,  # ingest never lets it unpack by itself
    ),
    Fault("lxml", _before((6, 1, 0)), marked("{version}: reads foreign files into XML (CVE-2026-41066)"), Verdict.BAD),
    Fault("gunicorn", _before((26, 1)), marked("{version}: loses threads and files at each reload"), Verdict.NOTE),
    Fault("apscheduler", _before((3, 11, 3)), marked("{version}: jobs are missed when the clock changes"), Verdict.BAD),
)
LIBRARIES = ("sqlalchemy", "psycopg", "boto3", "lxml", "cryptography", "flask", "gunicorn", "apscheduler")


def faults(_patient: Patient) -> Iterator[Line]:
    """A line for each fault that is met, or one that says that there is none."""
    found = {name: found_ for name in {"python", *LIBRARIES, *(one.library for one in FAULTS)} if (found_ := _of(name))}
    met = [one for one in FAULTS if one.library in found and one.is_in(numbers(found[one.library]))]
    for one in met:
        yield say("library", one.verdict, one.said, one.library, version=found[one.library])
    if not met:
        told = ", ".join(f"{name} {found[name]}" for name in ("python", *LIBRARIES) if name in found)
        yield good("library", marked("none with a known fault: {told}"), told=told)


def numbers(text: str) -> Version:
    """``(6, 1, 3)`` of ``6.1.3``; what is not yet released (``6.1.0rc1``) counts as the release."""
    return tuple(int(one) for one in re.findall(r"\d+", text.split("rc", maxsplit=1)[0])[:3])


def _of(name: str) -> str:
    if name == "python":
        return ".".join(str(one) for one in sys.version_info[:3])
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
