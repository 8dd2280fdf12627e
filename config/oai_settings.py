"""The settings of the window: how much it gives at a time, to how many at once, and what it says of the archive."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from config.addresses import is_web_address

WEB_THREADS = 16
"""With how many threads the web server answers: harvesters may never have all of them."""
READERS_THREADS = 4
"""How many of them no harvester holds or waits in."""


def _address(url: str) -> str:
    if url and not is_web_address(url):
        raise ValueError('must be an address like "https://archive.example.org/oai": http or https, without a user')
    return url


Address = Annotated[str, AfterValidator(_address)]
Dump = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+(/[A-Za-z0-9\-_.!~*'():]+)?$")]
Email = Annotated[str, Field(pattern=r"^\S+@(\S+\.)+\S+$")]


class OaiSettings(BaseModel):
    """The [oai] table."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    page_size: int = Field(ge=1, le=5000)
    prepared: tuple[str, ...] = ("oai_dc",)
    """Formats laid ready before anybody asks; any other is from the moment at which somebody harvests it."""
    dumps: tuple[Dump, ...] = ("oai_dc",)
    """Of what all records are made into files: a metadataPrefix, or one and a setSpec with a slash between them."""
    dump_days: int = Field(default=30, ge=1)
    """How old the newest may become."""
    requests_at_once: int = Field(ge=1)
    requests_per_client: int = Field(ge=1)
    requests_waiting: int = Field(ge=0)
    wait_seconds: float = Field(ge=0, le=10)
    admin_emails: list[Email] = []
    """Who is named in Identify beside archive.admin_email."""
    friends: list[Address] = []
    metadata_licence: Address = ""
    content: str = ""
    metadata_policy: str = ""
    data_policy: str = ""
    icon_url: Address = ""
    icon_width: int | None = Field(default=None, ge=1)
    icon_height: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _readers_have_room(self) -> Self:
        most = WEB_THREADS - READERS_THREADS
        if self.requests_at_once + self.requests_waiting > most:
            raise ValueError(
                f"oai.requests_at_once and oai.requests_waiting may be {most} together: the web server has "
                f"{WEB_THREADS} threads, and {READERS_THREADS} of them are the readers'"
            )
        return self

    @model_validator(mode="after")
    def _icon_is_whole(self) -> Self:
        if not self.icon_url and (self.icon_width or self.icon_height):
            raise ValueError("oai.icon_width and oai.icon_height are of an oai.icon_url, and none is given")
        return self
