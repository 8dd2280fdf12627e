"""The settings of what is promised of every bag, and of what keeping the promise may cost a store."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class PolicySettings(BaseModel):
    """What is promised of every bag."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    copies: int = Field(ge=1)
    fixity_days: int = Field(ge=1)
    fixity_days_of: dict[str, int] = {}
    """Per store, where it differs."""
    deep_fixity_days: int = Field(ge=1)
    fixity_tick_seconds: int = Field(ge=1)
    inventory_days: float = Field(gt=0)
    unreadable_days: float = Field(gt=0)
    audit_megabytes_per_second: float = Field(ge=0)
    """Of each store, in each process that reads; 0: no limit."""
    audit_megabytes_per_second_of: dict[str, float] = {}
    audit_requests_per_second: float = Field(ge=0)
    audit_requests_per_second_of: dict[str, float] = {}
    disposal_wait_days: int = Field(ge=0, le=36500)
    disposal_store_delay_days: int = Field(ge=0, le=36500)
    object_lock_days: int = Field(ge=0, le=36500)
    object_lock_days_of: dict[str, Annotated[int, Field(ge=0, le=36500)]] = {}
    """Per store, where it differs."""
    object_lock_mode: Literal["governance", "compliance"]

    @field_validator("audit_megabytes_per_second", "audit_requests_per_second")
    @classmethod
    def _not_a_drip(cls, rate: float) -> float:
        if 0 < rate < 1:
            raise ValueError("must be 0 (no limit) or at least 1: below that servers hang up on a reader")
        return rate

    @field_validator("audit_megabytes_per_second_of", "audit_requests_per_second_of")
    @classmethod
    def _no_drips(cls, rates: dict[str, float]) -> dict[str, float]:
        for store, rate in rates.items():
            if rate < 0 or 0 < rate < 1:
                raise ValueError(f"{store}: must be 0 (no limit) or at least 1: below that servers hang up on a reader")
        return rates

    @property
    def named_stores(self) -> dict[str, set[str]]:
        """The keys that name stores, each with those that it names."""
        keys = (
            "fixity_days_of",
            "object_lock_days_of",
            "audit_megabytes_per_second_of",
            "audit_requests_per_second_of",
        )
        return {key: set(getattr(self, key)) for key in (*keys, "object_lock_days_of")}
