"""This machine: its disks, its limits, its zone and language, and who can read what is secret."""

from __future__ import annotations

import locale
import os
import resource
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from config.doctor.lines import Line, Value, Verdict, bad, good, note, say
from config.doctor.questions import Patient
from config.settings import PREFIX, Settings
from ingest.virus import Clamd
from repository.errors import Doubt
from repository.texts import marked

LEAST_FREE = 0.05
LEAST_TEMPORARY_BYTES = 100 * 1000**2
LEAST_FILES = 1024
FULL_SHARE = 0.8
OLDEST_SIGNATURES = timedelta(days=7)
GIVEN = (Path("/run/secrets"), Path("/run/credentials"), Path("/var/run/secrets"))
"""Where containers and service managers put secrets, and keep strangers out in ways of their own."""
_ZONES = (("Europe/Istanbul", datetime(2026, 1, 15, 12, tzinfo=UTC), timedelta(hours=3)),)
"""What data of time zones that are not too old know: Türkiye has no winter time since 2016."""
_MASK = "***"
_OPEN = Path("/proc/self/fd")


def disk(patient: Patient) -> Iterator[Line]:
    """Room for bytes and for files where the archive's own folder lies."""
    home = patient.archive.home
    usage, told = shutil.disk_usage(home), os.statvfs(home)
    verdict = Verdict.BAD if usage.free < LEAST_FREE * usage.total else Verdict.GOOD
    values: dict[str, Value] = {"free_bytes": usage.free, "total_bytes": usage.total, "folder": str(home)}
    yield say("disk", verdict, marked("{free_bytes} of {total_bytes} free in {folder}"), **values)
    if told.f_files:
        few = told.f_favail < LEAST_FREE * told.f_files
        said = marked("{free} of {total} free in {folder}")
        values = {"free": told.f_favail, "total": told.f_files, "folder": str(home)}
        yield say("inodes", Verdict.BAD if few else Verdict.GOOD, said, **values)


def temporary(_patient: Patient) -> Iterator[Line]:
    """Whether there is a folder for what is needed for moments only, with room in it."""
    try:
        folder = Path(tempfile.gettempdir())
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        yield bad("temporary", "{problem}", problem=str(error))
        return
    verdict = Verdict.BAD if free < LEAST_TEMPORARY_BYTES else Verdict.GOOD
    yield say("temporary", verdict, marked("{free_bytes} free in {folder}"), free_bytes=free, folder=str(folder))


def zone(patient: Patient) -> Iterator[Line]:
    """Whether the data of time zones are there, and know what they should."""
    name = patient.archive.settings.archive.time_zone
    wrong = [key for key, at, offset in _ZONES if at.astimezone(ZoneInfo.no_cache(key)).utcoffset() != offset]
    if wrong:
        yield bad("time-zone", marked("the data are too old: {zones} is wrong"), zones=", ".join(wrong))
        return
    now = patient.clock().astimezone(ZoneInfo.no_cache(name))
    yield good("time-zone", marked("{zone}, now {offset} from UTC"), zone=name, offset=f"{now:%z}")


def language(patient: Patient) -> Iterator[Line]:
    """Whether names of files are UTF-8 for this process, whatever language it was started in."""
    encodings = {"files": sys.getfilesystemencoding(), "texts": locale.getpreferredencoding(do_setlocale=False)}
    values: dict[str, Value] = {**encodings, "locale": os.environ.get("LC_ALL") or os.environ.get("LANG") or "–"}
    wrong = any(one.replace("-", "").lower() != "utf8" for one in encodings.values())  # an ASCII name of Python's own
    said = marked("file names in {files}, texts in {texts} (locale {locale})")
    yield (bad if wrong else good)("locale", said, patient.part, **values)


def open_files(patient: Patient) -> Iterator[Line]:
    """How many files and connections this process may hold, and holds."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = len(list(_OPEN.iterdir())) if _OPEN.is_dir() else 0
    if most == resource.RLIM_INFINITY:
        yield good("open-files", marked("{held} open, without a limit"), patient.part, held=held)
        return
    scarce = most < LEAST_FILES or held > FULL_SHARE * most
    said = marked("{held} open of {most}")
    yield (bad if scarce else good)("open-files", said, patient.part, held=held, most=most)


def secrets(patient: Patient) -> Iterator[Line]:
    """Who can read the files that hold secrets, and who can change them."""
    loose, unread, number = [], [], 0
    for file in secret_files(patient.archive.settings, patient.archive.home, patient.archive.origins):
        number += 1
        try:
            mode = file.stat().st_mode
        except FileNotFoundError:
            unread += [f"{file}: ✗"]
            continue
        if not os.access(file, os.R_OK):
            unread += [str(file)]
        readable = mode & stat.S_IROTH and not any(file.is_relative_to(one) for one in GIVEN)
        if readable or mode & (stat.S_IWGRP | stat.S_IWOTH):
            loose += [f"{file} ({stat.filemode(mode)[1:]})"]
    if loose:
        yield bad("secrets", marked("others can read or change {files}"), files=", ".join(loose))
    if unread:
        yield bad("secrets", marked("cannot be read by this process: {files}"), files=", ".join(unread))
    if not number:
        yield good("secrets", marked("there are none yet"))
    elif not loose and not unread:
        yield good("secrets", marked("{number} files, each closed to strangers"), number=number)


def secret_files(settings: Settings, home: Path, origins: Mapping[str, str]) -> Iterator[Path]:
    """Every file that holds a secret: the settings where one stands in them, those that they name, and our own keys."""
    told = [key for key, value in settings.shown() if isinstance(value, str) and _MASK in value]
    where = dict.fromkeys(origins.get(key) or origins.get(key.split(".")[0], "default") for key in told)
    yield from (Path(one) for one in where if one != "default" and not one.startswith(PREFIX))
    yield from dict.fromkeys(_named(settings.model_dump()))
    yield from (own for own in (home / "secret", home / "signing" / "key.pem") if own.exists())


def _named(value: object, key: str = "") -> Iterator[Path]:
    """Values of keys such as ``secret_key_file``; certificates and known hosts are no secrets."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _named(inner, str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _named(inner, key)
    elif isinstance(value, Path) and key.endswith(
        ("secret_file", "key_file", "password_file", "token_file", "url_file")
    ):
        yield value


def virus_scanner(patient: Patient) -> Iterator[Line]:
    """Whether clamd answers, and how old its signatures are."""
    address = patient.archive.settings.ingest.clamd
    if not address:
        yield note("virus-scanner", marked("none: deliveries are not scanned for viruses"))
        return
    try:
        found = Clamd(address).version()
    except Doubt as error:
        yield say("virus-scanner", Verdict.DOUBT, "{problem}", problem=str(error))
        return
    if found.dated is None:
        yield note("virus-scanner", marked("{version}, of unknown age"), version=str(found))
        return
    age = patient.clock() - found.dated
    line = bad if age.days > OLDEST_SIGNATURES.days else good
    yield line("virus-scanner", marked("{version}, age in days: {days}"), version=str(found), days=age.days)
