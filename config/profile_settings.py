"""The settings of one delivery profile: how a publisher delivers is configuration and not code."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from ingest.dialects import DIALECTS
from ingest.patterns import PLACEHOLDERS, placeholders
from ingest.profiles import DEFAULT, Fallback, ManifestRule, Nested, PdfRule, Profile
from repository.kbart_lines import is_issn
from repository.vocabulary import ArticleRecord

Glob = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class FallbackSettings(BaseModel):
    """What is true of articles whose XML does not say it; of those whose metadata file fits ``files``."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    files: list[Glob] = Field(default=["*"], min_length=1)
    journal_title: Text | None = None
    issn: Text | None = None
    """Where it is not known of which medium."""
    issn_print: Text | None = None
    issn_electronic: Text | None = None
    publisher: Text | None = None
    language: str | None = Field(default=None, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    licence: Text | None = None

    @field_validator("issn", "issn_print", "issn_electronic")
    @classmethod
    def _true(cls, issn: str | None) -> str | None:
        if issn is not None and not is_issn(issn):
            raise ValueError(f'{issn!r} is not an ISSN, for example "1300-0012"')
        return issn

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set - {"files"}:
            raise ValueError('a fallback has to say something, for example journal_title = "Örnek Dergisi"')
        return self

    def value(self) -> Fallback:
        """It, as ingest is handed it."""
        record = ArticleRecord(
            journal_title=self.journal_title,
            issn_unspecified=self.issn,
            issn_print=self.issn_print,
            issn_electronic=self.issn_electronic,
            publisher=self.publisher,
            language=self.language,
            licence=self.licence,
        )
        return Fallback(record, tuple(self.files))


class ProfileSettings(BaseModel):
    """One profile. What it does not say is as for a publisher of whom nothing is known."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9\-]{0,62}$")
    publisher: Text | None = None
    metadata: list[Glob] = []
    dialects: list[str] = []
    pdf: list[PdfRule] = []
    pdf_pattern: Text | None = None
    ignore: list[Glob] = []
    nested: Nested = Nested.AUTO
    manifest_file: Glob | None = None
    manifest_algorithm: Literal["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] | None = None
    fallback: list[FallbackSettings] = []

    @field_validator("name")
    @classmethod
    def _not_the_default(cls, name: str) -> str:
        if name == DEFAULT.name:
            raise ValueError(f"{name!r} is what holds without a profile; give this one another name")
        return name

    @field_validator("dialects")
    @classmethod
    def _known(cls, dialects: list[str]) -> list[str]:
        if unknown := next((one for one in dialects if one not in DIALECTS), None):
            raise ValueError(f'{unknown!r} is no dialect; there are {", ".join(DIALECTS)}: dialects = ["jats"]')
        return dialects

    @field_validator("pdf")
    @classmethod
    def _each_once(cls, rules: list[PdfRule]) -> list[PdfRule]:
        if twice := next((rule for rule in rules if rules.count(rule) > 1), None):
            raise ValueError(f"{twice.value} is named twice; rules are tried in their order, each once")
        return rules

    @field_validator("pdf_pattern")
    @classmethod
    def _filled(cls, pattern: str | None) -> str | None:
        example = 'for example pdf_pattern = "../pdf/{volume}_{first_page}.pdf"'
        try:
            unknown = next((name for name in placeholders(pattern or "") if name not in PLACEHOLDERS), None)
        except ValueError as error:
            raise ValueError(f"the braces do not match ({error}), {example}") from error
        if unknown is not None:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(f"{{{unknown}}} stands for nothing; there are {known}, {example}")
        return pattern

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (PdfRule.PATTERN in self.pdf) != (self.pdf_pattern is not None):
            raise ValueError('pdf_pattern and "pattern" among pdf belong together: pdf = ["pattern", "same-name"]')
        return self

    def value(self) -> Profile:
        """It, as ingest is handed it."""
        return Profile(
            name=self.name,
            publisher=self.publisher,
            metadata=tuple(self.metadata),
            dialects=frozenset(self.dialects),
            pdf=tuple(self.pdf),
            pdf_pattern=self.pdf_pattern,
            ignore=tuple(self.ignore),
            nested=self.nested,
            manifest=ManifestRule(self.manifest_file, self.manifest_algorithm),
            fallbacks=tuple(one.value() for one in self.fallback),
        )
