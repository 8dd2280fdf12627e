"""The settings of mail: the server that takes our letters, and which publisher is written to, where and how."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from config.kept_files import secret_in

_OWN_MACHINE = ("localhost", "127.0.0.1", "::1")
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def _printable(address: str) -> str:
    if not address.isprintable():
        raise ValueError("must be an address of ASCII characters, for example arsiv@example.org")
    return address


# The addr-spec of RFC 5322 3.4.1 as far as people use it: no comments, no quoted strings, one line of ASCII.
Address = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?$"
    ),
    AfterValidator(_printable),
]


class AddresseeSettings(BaseModel):
    """A publisher that is written to, by the name under which it delivers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=200)
    recipients: list[Address] = Field(min_length=1)
    language: Literal["tr", "en"] = "tr"


class MailSettings(BaseModel):
    """The [mail] table. Without a server nothing is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    server: str = Field(pattern=r"^[^\s/@]*$")
    security: Literal["starttls", "tls", "none"]
    port: int | None = Field(default=None, ge=1, le=65535)
    """The usual one of ``security`` where none is given (RFC 8314, RFC 6409, RFC 5321)."""
    ca_file: Path | None = None
    user: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    sender: Address | Literal[""] = Field(alias="from")
    recipients: list[Address]
    """The archive's own people: each digest goes to them too, unseen by the publisher."""
    at: time
    """When the digest of a day that has ended is sent, in the archive's time zone."""
    publishers: list[AddresseeSettings] = []

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.server and not self.sender:
            raise ValueError('mail.from is needed where there is a mail.server, for example from = "arsiv@example.org"')
        if self.password and self.password_file:
            raise ValueError("give mail.password or mail.password_file, not both")
        if bool(self.user) != bool(self.password or self.password_file):
            raise ValueError("mail.user and mail.password (or mail.password_file) belong together")
        if self.user and self.security == "none" and self.server not in _OWN_MACHINE:
            raise ValueError('a password would cross the network in clear: security = "starttls" or "tls"')
        names = [one.name for one in self.publishers]
        if len(set(names)) != len(names):
            raise ValueError("mail.publishers: two have the same name")
        if self.publishers and not self.server:
            raise ValueError('mail.publishers are written to through a mail.server, for example "smtp.example.org"')
        return self

    @property
    def port_used(self) -> int:
        """The port that is asked."""
        return self.port or _PORTS[self.security]

    def secret(self) -> str | None:
        """The password, from wherever it is kept. Raises UsageError when its file cannot be read."""
        if self.password is not None:
            return self.password.get_secret_value()
        return secret_in(self.password_file, "mail.password_file") if self.password_file else None
