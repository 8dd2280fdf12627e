"""Settings are read once, from one TOML file and the environment; a key that nobody knows stops the program.

pydantic checks the values; the merging is ours because a settings library passes over a
misspelt variable in silence and cannot say where a value came from.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from config.access_settings import AccessSettings
from config.alert_settings import AlertSettings
from config.feed_settings import FeedSettings
from config.kept_files import secret_in
from config.mail_settings import MailSettings
from config.oai_settings import OaiSettings
from config.peer_settings import PeerSettings
from config.policy_settings import PolicySettings
from config.profile_settings import ProfileSettings
from config.testimony_settings import TestimonySettings
from ingest.profiles import DEFAULT
from repository.errors import UsageError
from repository.turkish import machine_lower

PREFIX = "MAHFUZ_"
FILE_VARIABLE = "MAHFUZ_CONFIG"
_PASSWORD = re.compile(r"(://[^/?#@:\s]*:)\S*(@)|([?&](?:ssl)?password=)[^&#\s]*")
"""Up to the last @: SQLAlchemy takes a password in which there is a slash or an @ of its own."""
_DATABASES = ("sqlite:///", "postgresql+psycopg://")
_NO_DATABASE = "must begin with sqlite:/// or postgresql+psycopg://"
_DEFAULTS = Path(__file__).with_name("default.toml")
_EXAMPLES = {
    "stores": '[[stores]]\nname = "ankara"\nurl = "s3://mahfuz"\nendpoint_url = "https://s3.example.org"',
    "feeds": (
        '[[feeds]]\nname = "ornek"\npublisher = "Örnek Yayınevi"\nkind = "sftp"\n'
        'url = "sftp://sftp.example.org/outgoing"\nuser = "archive"\nkey_file = "/etc/mahfuz/ornek.key"\n'
        'known_hosts = "sftp.example.org ssh-ed25519 AAAA…"'
    ),
    "peers": (
        '[[peers]]\nname = "ikinci-arsiv"\nkey_file = "/etc/mahfuz/ikinci-arsiv.key"\naddresses = ["192.0.2.0/24"]'
    ),
    "profiles": (
        '[[profiles]]\nname = "ornek"\npublisher = "Örnek Yayınevi"\ndialects = ["jats"]\n'
        'pdf = ["same-name", "pattern"]\npdf_pattern = "../pdf/{stem}_tr.pdf"\nignore = ["*/kapak/*"]\n\n'
        '[[profiles.fallback]]\njournal_title = "Örnek Dergisi"\nissn_electronic = "9999-0016"'
    ),
    "database.url": 'url = "postgresql+psycopg://mahfuz@db.example.org/mahfuz"',
    "archive.base_url": 'base_url = "https://mahfuz.example.org"',
    "ingest.clamd": 'clamd = "unix:/run/clamav/clamd.ctl"',
    "policy.fixity_days": "fixity_days = 90",
    "oai": (
        '[oai]\nfriends = ["https://dergi.example.org/oai"]\n'
        'metadata_licence = "https://creativecommons.org/publicdomain/zero/1.0/"\n'
        "requests_at_once = 8\nrequests_waiting = 4"
    ),
    "access.saml": '[access.saml]\nsecret_file = "/etc/mahfuz/front.secret"\naddresses = ["127.0.0.1"]',
    "access.openid": (
        '[[access.openid]]\nname = "openathens"\nlabel = "OpenAthens"\nissuer = "https://connect.openathens.net"\n'
        'client_id = "…"\nclient_secret_file = "/etc/mahfuz/openathens.secret"\nhub = true'
    ),
    "mail": (
        '[mail]\nserver = "smtp.example.org"\nuser = "arsiv"\npassword_file = "/etc/mahfuz/smtp.key"\n'
        'from = "arsiv@example.org"\n\n[[mail.publishers]]\nname = "Örnek Yayınevi"\n'
        'recipients = ["teslim@yayinevi.example.org"]\nlanguage = "tr"'
    ),
    "testimony": (
        '[testimony]\ntime_stamp_url = "http://tsa.example.org/"\ntime_stamp_ca_file = "/etc/mahfuz/tsa-ca.pem"'
    ),
    "alerts": (
        '[alerts]\nrecipients = ["nobet@example.org"]\nescalate_to = ["mudur@example.org"]\n'
        'heartbeat_url = "https://monitor.example.org/ping/…"\n\n[[alerts.webhooks]]\nname = "ops"\n'
        'url = "https://ops.example.org/mahfuz"\nsecret_file = "/etc/mahfuz/webhook.key"'
    ),
}


class Section(BaseModel):
    """A table of the settings file: no key that is not written here, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ArchiveSettings(Section):
    """Who this archive is."""

    name: str = Field(min_length=1)
    home: Path
    base_url: str = Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")
    repository_identifier: str = Field(pattern=r"^[a-zA-Z][a-zA-Z0-9\-]*(\.[a-zA-Z][a-zA-Z0-9\-]*)+$")
    """The namespace of the OAI identifiers: a domain name (oai-identifier 2.0)."""
    admin_email: str = Field(pattern=r"^\S+@\S+$")
    languages: list[Literal["tr", "en"]] = Field(min_length=1)
    time_zone: str

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("base_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{name!r} is no time zone, for example Europe/Istanbul") from error
        return name


class DatabaseSettings(Section):
    """Where the catalogue is."""

    url: str
    url_file: Path | None = None
    """The file that holds it, where it has a password in it."""

    @field_validator("url")
    @classmethod
    def _supported(cls, url: str) -> str:
        if url and not url.startswith(_DATABASES):
            raise ValueError(_NO_DATABASE)
        return url

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.url and self.url_file:
            raise ValueError("give url or url_file, not both")
        return self

    def address(self) -> str:
        """The URL, from wherever it is kept; empty for the embedded default. Raises UsageError."""
        if self.url_file is None:
            return self.url
        found = secret_in(self.url_file, "database.url_file")
        if not found.startswith(_DATABASES):
            raise UsageError(f"database.url_file: what {self.url_file} holds {_NO_DATABASE}")
        return found


class StoreSettings(Section):
    """One store. ``place`` and ``threat`` say where it stands and which disaster it would share."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9\-]{0,62}$")
    url: str = Field(pattern=r"^(file:///|s3://[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9])")
    endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: SecretStr | None = None
    secret_key_file: Path | None = None
    place: str = ""
    threat: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.secret_key and self.secret_key_file:
            raise ValueError("give secret_key or secret_key_file, not both")
        if self.url.startswith("s3://") and not (self.access_key and (self.secret_key or self.secret_key_file)):
            raise ValueError("an S3 store needs access_key and secret_key (or secret_key_file)")
        return self

    def secret(self) -> str:
        """The secret key, from wherever it is kept. Raises UsageError when its file cannot be read."""
        if self.secret_key_file is None:
            return self.secret_key.get_secret_value() if self.secret_key else ""
        return secret_in(self.secret_key_file, f"stores.{self.name}.secret_key_file")


class IngestSettings(Section):
    """How deliveries are taken in, and how large one may become."""

    quiet_seconds: int = Field(ge=0)
    tick_seconds: int = Field(ge=1)
    max_members: int = Field(ge=1)
    max_member_bytes: int = Field(ge=1)
    max_delivery_bytes: int = Field(ge=1)
    parallel: int = Field(ge=1, le=64)
    clamd: str = ""
    """Where clamd listens; empty: nothing is scanned for viruses."""

    @field_validator("clamd")
    @classmethod
    def _place(cls, clamd: str) -> str:
        if clamd and not re.fullmatch(r"unix:/[^\0]+|tcp://(\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]]+):[0-9]{1,5}", clamd):
            raise ValueError("must be unix:/path of a socket or tcp://host:port")
        return clamd


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"]


class Settings(Section):
    """Everything, checked."""

    archive: ArchiveSettings
    database: DatabaseSettings
    stores: list[StoreSettings] = []
    """Empty: the embedded default of two stores (config.wiring)."""
    feeds: list[FeedSettings] = []
    peers: list[PeerSettings] = []
    """Other archives that may have bags; none: nobody but staff has any."""
    profiles: list[ProfileSettings] = []
    policy: PolicySettings
    ingest: IngestSettings
    oai: OaiSettings
    access: AccessSettings
    mail: MailSettings
    alerts: AlertSettings
    testimony: TestimonySettings
    log: LogSettings

    @model_validator(mode="after")
    def _stores_are_enough(self) -> Self:
        names = [store.name for store in self.stores]
        if len(set(names)) != len(names):
            raise ValueError("stores: two stores have the same name")
        if self.stores and len(self.stores) < self.policy.copies:
            raise ValueError(f"policy.copies is {self.policy.copies} but only {len(self.stores)} stores are given")
        for key, named in self.policy.named_stores.items():
            if unknown := named - set(names or ("main", "second")):
                raise ValueError(f"policy.{key} names no store of ours: {', '.join(sorted(unknown))}")
        return self

    @model_validator(mode="after")
    def _feeds_differ(self) -> Self:
        names = [feed.name for feed in self.feeds]
        if len(set(names)) != len(names):
            raise ValueError("feeds: two feeds have the same name")
        journals = [journal for feed in self.feeds for journal in feed.journals]
        if twice := next((one for one in journals if journals.count(one) > 1), None):
            raise ValueError(f"feeds: the journal {twice} is named twice")
        return self

    @model_validator(mode="after")
    def _peers_differ(self) -> Self:
        names = [peer.name for peer in self.peers]
        if len(set(names)) != len(names):
            raise ValueError("peers: two peers have the same name")
        return self

    @model_validator(mode="after")
    def _profiles_differ(self) -> Self:
        names = [profile.name for profile in self.profiles]
        if len(set(names)) != len(names):
            raise ValueError("profiles: two profiles have the same name")
        publishers = [" ".join(one.publisher.split()) for one in self.profiles if one.publisher]
        if twice := next((one for one in publishers if publishers.count(one) > 1), None):
            raise ValueError(f"profiles: two profiles are of the publisher {twice!r}; let its feeds name theirs")
        for feed in self.feeds:
            if feed.profile is not None and feed.profile not in (*names, DEFAULT.name):
                known = ", ".join(names) or "none"
                raise ValueError(f"feeds.{feed.name}.profile: no profile is named {feed.profile!r}; there are: {known}")
        return self

    @model_validator(mode="after")
    def _alerts_can_be_told(self) -> Self:
        if self.alerts.recipients and not self.mail.server:
            raise ValueError(
                'alerts.recipients are told through a mail.server, for example server = "smtp.example.org"'
            )
        return self

    @property
    def database_url(self) -> str:
        """The catalogue's URL, with the embedded default filled in. Raises UsageError when its file cannot be read."""
        return self.database.address() or f"sqlite:///{self.archive.home / 'mahfuz.sqlite'}"

    def shown(self) -> Iterator[tuple[str, Any]]:
        """``(key, value)`` of every setting in order; secrets are masked, and so are passwords inside addresses."""
        for key, value in _flat(self.model_dump(mode="json", by_alias=True)):
            yield key, [_masked(one) for one in value] if isinstance(value, list) else _masked(value)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings and, for every key, where its value came from."""

    settings: Settings
    origins: Mapping[str, str]

    def shown(self) -> Iterator[tuple[str, Any, str]]:
        """``(key, value, origin)`` of every setting in order; secrets are masked."""
        for key, value in self.settings.shown():
            yield key, value, self.origins.get(key) or self.origins.get(key.split(".")[0], "default")


def load(file: Path | None, environment: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings. Raises UsageError that names the key, the reason and, where it helps, an example."""
    environment = os.environ if environment is None else environment
    merged = _toml(_DEFAULTS)
    origins = {key: "default" for key, _ in _flat(merged)}
    if file is None and environment.get(FILE_VARIABLE):
        file = Path(environment[FILE_VARIABLE])
    if file is not None:
        given = _toml(file)
        _merge(merged, given)
        origins.update({key: str(file) for key, _ in _flat(given)})
    for variable, path, value in _variables(environment):
        _put(merged, path, value, variable)
        origins[".".join(path)] = variable
    try:
        return Loaded(Settings.model_validate(merged), origins)
    except ValidationError as error:
        raise UsageError(_explained(error, origins)) from error


def _masked(value: Any) -> Any:
    """A text without the password of an address in it; anything else as it is."""
    return _PASSWORD.sub(r"\1\3***\2", value) if isinstance(value, str) else value


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the settings file {file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the settings file {file} is not TOML: {error}") from error


def _merge(into: dict[str, Any], given: Mapping[str, Any]) -> None:
    for key, value in given.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _variables(environment: Mapping[str, str]) -> Iterator[tuple[str, list[str], Any]]:
    """Each variable of ours as ``(its name, its path, its value)``; ``…_FILE`` holds the path of a secret."""
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable == FILE_VARIABLE:
            continue
        path = [machine_lower(part) for part in variable.removeprefix(PREFIX).split("__")]
        yield variable, path, _value(path, environment[variable])


def _value(path: list[str], text: str) -> Any:
    if path in (["stores"], ["feeds"], ["peers"], ["profiles"], ["access", "openid"]) or text[:1] in {"[", "{"}:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise UsageError(f"the variable for {'.'.join(path)} does not hold JSON: {error}") from error
    return text


def _put(merged: dict[str, Any], path: list[str], value: Any, variable: str) -> None:
    """Set one key; what has a name is addressed by it: ``MAHFUZ_STORES__ANKARA__SECRET_KEY``."""
    place: Any = merged
    for part in path[:-1]:
        if isinstance(place, list):
            place = next((item for item in place if item.get("name") == part.replace("_", "-")), None)
        else:
            place = place.setdefault(part, {})
        if not isinstance(place, dict | list):
            raise UsageError(f"{variable}: there is no such place in the settings; see `mahfuz config show`")
    if not isinstance(place, dict):
        raise UsageError(
            f"{variable}: name a store, a feed, a peer or a profile and a key, "
            "for example MAHFUZ_STORES__ANKARA__SECRET_KEY"
        )
    place[path[-1]] = value


def _flat(table: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(table, Mapping) and (table or prefix == ""):
        for key, value in table.items():
            yield from _flat(value, f"{prefix}{key}.")
    elif isinstance(table, list) and table and isinstance(table[0], Mapping):
        for position, item in enumerate(table):
            yield from _flat(item, f"{prefix}{item.get('name', position)}.")
    else:
        yield prefix.removesuffix("."), table


def _explained(error: ValidationError, origins: Mapping[str, str]) -> str:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]) or "settings"
        origin = origins.get(key)
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            reason = "no such setting; `mahfuz config show` lists them all"
        parts = key.split(".")
        example = next((_EXAMPLES[one] for one in (key, ".".join(parts[:2]), parts[0]) if one in _EXAMPLES), None)
        where = f" (from {origin})" if origin else ""
        lines.append(f"{key}{where}: {reason}" + (f"\n  for example:\n{example}" if example else ""))
    return "\n".join(lines)
