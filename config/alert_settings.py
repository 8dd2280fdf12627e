"""The settings of alerts: who is told, by which ways, how soon, and who outside waits for our sign of life."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from config.addresses import is_web_address
from config.kept_files import secret_in
from config.mail_settings import Address

_SHORTEST_SECRET = 16


def _address(url: str) -> str:
    """An address that may be asked: by https, or on this very machine. Raises ValueError."""
    if not is_web_address(url, r"https://|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/|$)"):
        raise ValueError('must be like "https://monitor.example.org/…"; without TLS only on this machine')
    return url


class WebhookSettings(BaseModel):
    """One web server that is told of alerts, and the secret by which it knows that it is us."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9\-]{0,62}$")
    url: str
    secret: SecretStr | None = None
    secret_file: Path | None = None

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        return _address(url)

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if bool(self.secret) == bool(self.secret_file):
            raise ValueError("a webhook needs secret or secret_file, and not both: every message is signed with it")
        if self.secret and len(self.secret.get_secret_value()) < _SHORTEST_SECRET:
            raise ValueError(
                f"secret must have {_SHORTEST_SECRET} characters or more, for example of `openssl rand -hex 32`"
            )
        return self

    def key(self) -> bytes:
        """The secret, from wherever it is kept. Raises UsageError when its file cannot be read."""
        if self.secret is not None:
            return self.secret.get_secret_value().encode()
        assert self.secret_file is not None
        return secret_in(self.secret_file, f"alerts.webhooks.{self.name}.secret_file").encode()


class AlertSettings(BaseModel):
    """The [alerts] table. Without recipients and webhooks the pages alone show what is the matter."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    recipients: list[Address]
    webhooks: list[WebhookSettings] = []
    digest_minutes: int = Field(ge=0, le=1440)
    escalate_hours: int = Field(ge=0, le=720)
    """0: never."""
    escalate_to: list[Address]
    parts: list[Literal["clock", "worker", "web"]] = Field(min_length=1)
    silent_seconds: int = Field(ge=6, le=86400)
    round_hours: int = Field(ge=1)
    quarantine_days: int = Field(ge=1)
    heartbeat_url: SecretStr
    """Whoever knows it can give the sign in our place."""
    heartbeat_minutes: float = Field(gt=0, le=1440)

    @field_validator("heartbeat_url")
    @classmethod
    def _usable(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value():
            _address(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [one.name for one in self.webhooks]
        if len(set(names)) != len(names):
            raise ValueError("alerts.webhooks: two have the same name")
        if self.escalate_to and not self.recipients:
            raise ValueError("alerts.escalate_to is for what the recipients do not acknowledge: give alerts.recipients")
        return self

    @property
    def beat_seconds(self) -> float:
        """How often each part says that it runs."""
        return min(30.0, self.silent_seconds / 6)

    @property
    def look_seconds(self) -> float:
        """How often it is asked what is the matter."""
        return min(60.0, self.silent_seconds / 3)
