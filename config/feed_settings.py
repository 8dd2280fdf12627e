"""The settings of one feed: a publisher's feed is configuration and not code."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

from config.kept_files import secret_in, text_in
from ingest.feeds.content import Rule
from ingest.feeds.pln_entry import split_address, uuid_in

_URLS = {
    "folder": (r"file:///.+", "file:///srv/feeds/ornek"),
    "s3": (r"s3://[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9](/.*)?", "s3://bucket/prefix"),
    "sftp": (r"sftp://[^\s/?#@:]+(:[0-9]{1,5})?(/[^\s]*)?", "sftp://sftp.example.org/outgoing"),
    "https": (r"https://[^\s/?#@]+/[^\s?#]*", "https://feeds.example.org/archive/"),
    "oai": (r"https?://[^\s/?#@]+/[^\s#]*", "https://dergi.example.org/index.php/dergi/oai"),
    "pln": (r"https?://[^\s/?#@]+/[^\s?#]*", "https://dergi.example.org/"),
    "resourcesync": (r"https?://[^\s/?#@]+(/[^\s?#]*)?", "https://arsiv.example.org"),
}
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


class FeedSettings(BaseModel):
    """One feed. Which keys it needs depends on its kind; a key of another kind is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9\-]{0,62}$")
    publisher: str = Field(min_length=1, max_length=200)
    kind: Literal["folder", "s3", "sftp", "https", "oai", "pln", "resourcesync"]
    url: str
    schedule: str = "900"
    """Seconds between two looks, or five fields as cron has them, in the archive's time zone."""
    profile: str | None = None
    """The name of the delivery profile of what comes here; otherwise the publisher's own, or the default."""
    cadence_days: int | None = Field(default=None, ge=1)
    quiet_seconds: int = Field(default=60, ge=0)
    pattern: str = Field(default="*", min_length=1)
    ignore: list[str] = []
    after: Literal["keep", "delete", "move"] = "keep"
    sidecar: Literal["none", "go.xml", "ready.xml", "md5"] = "none"
    max_wait_days: int = Field(default=7, ge=1)
    endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: SecretStr | None = None
    secret_key_file: Path | None = None
    user: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    key: SecretStr | None = None
    """What another archive knows us by, for a feed of the kind resourcesync."""
    key_file: Path | None = None
    """That key in a file; of a feed of the kind sftp, the private key."""
    known_hosts: str | None = None
    """A line of a known_hosts file, or the path of one."""
    ca_file: Path | None = None
    """The certificate authority of an https server that no public one vouches for."""
    metadata_prefix: str = Field(default="oai_dc", pattern=r"^[A-Za-z0-9\-_.!~*'()]+$")
    """In which format a feed of the kind oai asks for its records (OAI-PMH 2.0 section 2.2)."""
    set_spec: str | None = Field(default=None, pattern=r"^[A-Za-z0-9\-_.!~*'():]+$")
    overlap_hours: int = Field(default=48, ge=0)
    """How far a harvest reaches back before the last one."""
    content_hosts: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.\-]+(:[0-9]{1,5})?$")]] = []
    """Servers beside that of ``url`` from which the files of a record may be fetched."""
    content_links: list[str] = []
    """Rules ``pattern => replacement`` that say which links of a record are files; without one, each is tried."""
    journals: list[str] = []
    """The UUIDs of the journals of a feed of the kind pln, as the PKP PN plugin of OJS shows them."""
    terms: list[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]] = []
    """What a journal's manager agrees to before OJS deposits anything."""
    terms_updated: date | None = None

    @field_validator("schedule", mode="before")
    @classmethod
    def _timed(cls, schedule: object) -> str:
        text = str(schedule)
        _timetable(text, UTC)
        return text

    @field_validator("content_links")
    @classmethod
    def _rules(cls, content_links: list[str]) -> list[str]:
        for text in content_links:
            Rule.read(text)
        return content_links

    @field_validator("journals")
    @classmethod
    def _uuids(cls, journals: list[str]) -> list[str]:
        found = [uuid_in(one) for one in journals]
        if wrong := [one for one, known in zip(journals, found, strict=True) if known is None]:
            raise ValueError(f"{wrong[0]!r} is no UUID, for example 9B2A7C1E-5D34-4F0B-8E6A-1C2D3E4F5A6B")
        return [one for one in found if one is not None]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        pattern, example = _URLS[self.kind]
        if not re.fullmatch(pattern, self.url):
            raise ValueError(f'url of the {self.kind} feed {self.name!r} must be like "{example}"')
        try:
            urlsplit(self.url).port  # noqa: B018
        except ValueError as error:
            raise ValueError(f'url of the feed {self.name!r}: {error}; it must be like "{example}"') from error
        if self.secret_key and self.secret_key_file:
            raise ValueError("give secret_key or secret_key_file, not both")
        if self.password and self.password_file:
            raise ValueError("give password or password_file, not both")
        self._only_its_own_keys()
        if self.kind == "s3" and not (self.access_key and (self.secret_key or self.secret_key_file)):
            raise ValueError("an s3 feed needs access_key and secret_key (or secret_key_file)")
        if self.kind == "sftp":
            if not self.known_hosts:
                raise ValueError(
                    "an sftp feed needs known_hosts: the server's host key as the publisher told it, "
                    'for example known_hosts = "sftp.example.org ssh-ed25519 AAAAC3Nz…"'
                )
            self._believable()
            if not self.user or not (self.password or self.password_file or self.key_file):
                raise ValueError("an sftp feed needs user, and password, password_file or key_file")
        if self.kind in {"https", "oai"} and self.after != "keep":
            raise ValueError(f'an {self.kind} feed cannot take anything away at the publisher: after = "keep"')
        if self.kind == "oai" and (wrong := sorted(self.model_fields_set & {"quiet_seconds", "sidecar"})):
            raise ValueError(f"{wrong[0]} means nothing to a feed of the kind oai: each record is whole")
        if self.kind == "pln":
            self._whole_of_pln()
        if self.kind == "resourcesync":
            self._whole_of_resourcesync()
        return self

    def _believable(self) -> None:
        """The host key is one, where it stands in the settings themselves."""
        if not self._keys_are_written_here():
            return
        from ingest.feeds.sftp import believed  # noqa: PLC0415 (no other feed waits for the SSH library)

        parts = urlsplit(self.url)
        try:
            believed(self.known_hosts or "", parts.hostname or "", parts.port or 22)
        except ValueError as error:
            raise ValueError(f"known_hosts of the feed {self.name!r}: {error}") from error

    def _keys_are_written_here(self) -> bool:
        return " " in (self.known_hosts or "").strip()

    def _whole_of_pln(self) -> None:
        if split_address(self.url) is None:
            raise ValueError(f"url of the pln feed {self.name!r} is no address of a web server")
        if not self.journals:
            raise ValueError("a pln feed needs journals: their UUIDs, as the PKP PN plugin of each shows it")
        if not self.terms or self.terms_updated is None:
            raise ValueError(
                "a pln feed needs terms, a list of sentences to which a journal's manager agrees, and "
                'terms_updated, the day of their last change, for example terms_updated = "2026-01-15"'
            )
        if bool(self.user) != bool(self.password or self.password_file):
            raise ValueError("packages are sent with user and password (or password_file): give both, or neither")
        if wrong := sorted(self.model_fields_set & {"after", "ignore", "pattern", "quiet_seconds", "sidecar"}):
            raise ValueError(f"{wrong[0]} means nothing to a feed of the kind pln: each deposit says what it is")

    def _whole_of_resourcesync(self) -> None:
        if self.key and self.key_file:
            raise ValueError("give key or key_file, not both")
        foreign = {"after", "ignore", "pattern", "profile", "quiet_seconds", "sidecar"}
        if wrong := sorted(self.model_fields_set & foreign):
            raise ValueError(
                f"{wrong[0]} means nothing to a feed of the kind resourcesync: its bags are kept as they are"
            )

    def _only_its_own_keys(self) -> None:
        of_kind = {
            "s3": {"endpoint_url", "region", "access_key", "secret_key", "secret_key_file"},
            "sftp": {"user", "password", "password_file", "key_file", "known_hosts"},
            "https": {"user", "password", "password_file", "ca_file"},
            "oai": {
                *("user", "password", "password_file", "ca_file"),
                *("metadata_prefix", "set_spec", "overlap_hours", "content_hosts", "content_links"),
            },
            "pln": {"user", "password", "password_file", "ca_file", "journals", "terms", "terms_updated"},
            "resourcesync": {"key", "key_file", "ca_file"},
            "folder": set[str](),
        }
        foreign = set().union(*of_kind.values()) - of_kind[self.kind]
        if wrong := sorted(self.model_fields_set & foreign):
            raise ValueError(f"{wrong[0]} means nothing to a feed of the kind {self.kind}")

    def secret(self) -> str | None:
        """The password, or the key, from wherever it is kept. Raises UsageError when its file cannot be read."""
        given = self.secret_key or self.password or self.key
        if given is not None:
            return given.get_secret_value()
        files = ("secret_key_file", "password_file", *(("key_file",) if self.kind == "resourcesync" else ()))
        for key in files:
            file: Path | None = getattr(self, key)
            if file is not None:
                return secret_in(file, f"feeds.{self.name}.{key}")
        return None

    def host_keys(self) -> str:
        """The lines of known_hosts. Raises UsageError when its file cannot be read."""
        given = self.known_hosts or ""
        if self._keys_are_written_here():
            return given
        return text_in(Path(given).expanduser(), f"feeds.{self.name}.known_hosts")

    def next_after(self, time_zone: str) -> Callable[[datetime], datetime]:
        """From the end of one look to the moment of the next."""
        return _timetable(self.schedule, ZoneInfo(time_zone))


def _timetable(schedule: str, zone: tzinfo) -> Callable[[datetime], datetime]:
    """Raises ValueError for what is neither a number of seconds nor five fields of cron."""
    if re.fullmatch(r"[0-9]{1,8}", schedule) and int(schedule) > 0:
        return lambda at: at + timedelta(seconds=int(schedule))
    fields = schedule.split()
    if len(fields) != 5:
        raise ValueError(f'{schedule!r} is neither seconds nor cron, for example "900" or "30 2 * * mon-fri"')
    # APScheduler counts the days of the week from Monday, cron from Sunday; names mean the same to both.
    fields[4] = re.sub(r"(?<![/\d])[0-7](?!\d)", lambda day: _DAYS[int(day.group())], fields[4])
    try:
        trigger = CronTrigger.from_crontab(" ".join(fields), timezone=zone)
    except ValueError as error:
        raise ValueError(f'{schedule!r} is no schedule: {error}; for example "30 2 * * mon-fri"') from error

    def next_after(at: datetime) -> datetime:
        found: datetime | None = trigger.get_next_fire_time(at, at)
        return (found or at + timedelta(days=3650)).astimezone(UTC)

    return next_after
