"""The settings of the testimony: who stamps signed heads with the time, and by whose certificates that is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from config.addresses import is_web_address


class TestimonySettings(BaseModel):
    """The [testimony] table. Without an address heads are signed and not stamped."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    time_stamp_url: str
    """Without TLS too: what comes back is signed, and what is sent is a digest."""
    time_stamp_ca_file: Path | None = None
    """Certificates in PEM: the roots, and what stands between them and the authority where it does not send that."""
    time_stamp_seconds: float = Field(gt=0, le=300)

    @field_validator("time_stamp_url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if url and not is_web_address(url):
            raise ValueError('must be like "http://tsa.example.org/": http or https, without a user')
        return url

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.time_stamp_url and self.time_stamp_ca_file is None:
            raise ValueError(
                "testimony.time_stamp_url needs time_stamp_ca_file: a time stamp that nobody can verify is not kept"
            )
        return self
