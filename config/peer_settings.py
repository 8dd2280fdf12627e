"""The settings of one peer: another archive that may have our bags."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from config.addresses import check_networks
from config.kept_files import secret_in
from repository.access.peers import Peer
from repository.errors import UsageError

SHORTEST_KEY = 20


class PeerSettings(BaseModel):
    """One archive: known by a key, by addresses, or by both at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9\-]{0,62}$")
    key: SecretStr | None = None
    key_file: Path | None = None
    addresses: list[str] = []
    """Single addresses or networks (CIDR), IPv4 or IPv6."""
    publishers: list[str] | None = Field(default=None, min_length=1)
    """By the names under which the archive knows them; absent: what all of them delivered."""

    @field_validator("key")
    @classmethod
    def _long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            _checked(key.get_secret_value())
        return key

    @field_validator("addresses")
    @classmethod
    def _networks(cls, addresses: list[str]) -> list[str]:
        check_networks(addresses, '"192.0.2.0/24" or "2001:db8::/32"')
        return addresses

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.key and self.key_file:
            raise ValueError("give key or key_file, not both")
        if not (self.key or self.key_file or self.addresses):
            raise ValueError(f"the peer {self.name!r} needs a key (or key_file), or addresses, or both")
        return self

    def peer(self) -> Peer:
        """The peer as the door sees it. Raises UsageError when the file of its key cannot be read, or holds none."""
        key = self.key.get_secret_value() if self.key else None
        if self.key_file is not None:
            where = f"peers.{self.name}.key_file"
            key = secret_in(self.key_file, where)
            try:
                _checked(key)
            except ValueError as error:
                raise UsageError(f"{where}: {error}") from error
        networks = tuple(ip_network(text) for text in self.addresses)
        publishers = None if self.publishers is None else frozenset(" ".join(one.split()) for one in self.publishers)
        return Peer(self.name, key, networks, publishers)


def _checked(key: str) -> None:
    if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(
            f"a key has at least {SHORTEST_KEY} characters, all of ASCII and none of them a blank, "
            "for example what `openssl rand -hex 32` prints"
        )
