"""The settings of what is promised of every bag, and of what keeping the promise may cost a store."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from repository.kbart_lines import is_issn
from repository.promise import ContentClass, Promise, Promises


class ContentClassSettings(BaseModel):
    """Some publishers and journals of which something else is promised than of the rest."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    name: str = Field(min_length=1, max_length=80)
    publishers: list[str] = []
    """By the names under which they deliver."""
    titles: list[str] = []
    """Any ISSN of a journal."""
    fixity_days: int | None = Field(default=None, ge=1)
    """None: as of all others."""
    fixity_days_of: dict[str, Annotated[int, Field(ge=1)]] = {}
    deep_fixity_days: int | None = Field(default=None, ge=1)

    @field_validator("titles")
    @classmethod
    def _issns(cls, titles: list[str]) -> list[str]:
        for title in titles:
            if not (is_issn(title) and title[4:5] == "-" and title == title.upper()):
                raise ValueError(f"{title!r} is no ISSN, which looks like 1234-5679")
        return titles

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.publishers and not self.titles:
            raise ValueError(
                f"{self.name}: name its publishers or its titles, for example publishers = ['Örnek Yayınevi']"
            )
        return self


class PolicySettings(BaseModel):
    """What is promised of every bag."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    copies: int = Field(ge=1)
    fixity_days: int = Field(ge=1)
    fixity_days_of: dict[str, Annotated[int, Field(ge=1)]] = {}
    """Per store, where it differs."""
    classes: list[ContentClassSettings] = []
    """The first that fits an article is its class."""
    deep_fixity_days: int = Field(ge=1)
    fixity_tick_seconds: int = Field(ge=1)
    inventory_days: float = Field(gt=0)
    unreadable_days: float = Field(gt=0)
    rehearsal_days: float = Field(ge=0)
    """After so many days writing the catalogue again is rehearsed; 0: never."""
    rehearsal_articles: int = Field(ge=1)
    """Of so many articles, read in full from every store."""
    audit_megabytes_per_second: float = Field(ge=0)
    """Of each store, in each process that reads; 0: no limit."""
    audit_megabytes_per_second_of: dict[str, float] = {}
    audit_requests_per_second: float = Field(ge=0)
    audit_requests_per_second_of: dict[str, float] = {}
    fill_megabytes_per_second: float = Field(ge=0)
    """Into each store that was added, of bags that are copied there; 0: no limit."""
    fill_megabytes_per_second_of: dict[str, float] = {}
    disposal_wait_days: int = Field(ge=0, le=36500)
    disposal_store_delay_days: int = Field(ge=0, le=36500)
    object_lock_days: int = Field(ge=0, le=36500)
    object_lock_days_of: dict[str, Annotated[int, Field(ge=0, le=36500)]] = {}
    """Per store, where it differs."""
    object_lock_mode: Literal["governance", "compliance"]

    @field_validator("classes")
    @classmethod
    def _classes_differ(cls, classes: list[ContentClassSettings]) -> list[ContentClassSettings]:
        names = [one.name for one in classes]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two classes are named {twice!r}")
        return classes

    @field_validator("audit_megabytes_per_second", "audit_requests_per_second", "fill_megabytes_per_second")
    @classmethod
    def _not_a_drip(cls, rate: float) -> float:
        if 0 < rate < 1:
            raise ValueError("must be 0 (no limit) or at least 1: below that servers hang up on a reader")
        return rate

    @field_validator("audit_megabytes_per_second_of", "audit_requests_per_second_of", "fill_megabytes_per_second_of")
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
            "fill_megabytes_per_second_of",
        )
        named = {key: set(getattr(self, key)) for key in keys}
        return named | {f"classes.{one.name}.fixity_days_of": set(one.fixity_days_of) for one in self.classes}

    @property
    def promises(self) -> Promises:
        """All that is promised, as the rooms are given it."""
        otherwise = Promise(self.fixity_days, self.fixity_days_of, self.deep_fixity_days)
        return Promises(
            otherwise,
            tuple(
                ContentClass(
                    one.name,
                    Promise(
                        one.fixity_days or self.fixity_days,
                        one.fixity_days_of if one.fixity_days else {**self.fixity_days_of, **one.fixity_days_of},
                        one.deep_fixity_days or self.deep_fixity_days,
                    ),
                    frozenset(" ".join(name.split()) for name in one.publishers),
                    frozenset(one.titles),
                )
                for one in self.classes
            ),
        )
