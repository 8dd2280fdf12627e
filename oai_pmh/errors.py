"""The eight error conditions of OAI-PMH 2.0 (section 3.6): answers that a harvester gets with HTTP status 200."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ErrorCode(StrEnum):
    """The protocol's error codes, as the schema spells them."""

    BAD_VERB = "badVerb"
    BAD_ARGUMENT = "badArgument"
    BAD_RESUMPTION_TOKEN = "badResumptionToken"  # noqa: S105  (an error's name)
    CANNOT_DISSEMINATE_FORMAT = "cannotDisseminateFormat"
    ID_DOES_NOT_EXIST = "idDoesNotExist"
    NO_RECORDS_MATCH = "noRecordsMatch"
    NO_METADATA_FORMATS = "noMetadataFormats"
    NO_SET_HIERARCHY = "noSetHierarchy"


WITHOUT_ECHO = frozenset({ErrorCode.BAD_VERB, ErrorCode.BAD_ARGUMENT})
"""After these the request element carries no attributes (section 3.2, XML response format)."""


@dataclass(frozen=True, slots=True)
class ProtocolError:
    """One error element: its code, and a sentence for the person who reads the harvester's log."""

    code: ErrorCode
    message: str


class Refused(Exception):
    """The request has no other answer than these errors; there is at least one, and there may be several."""

    def __init__(self, *errors: ProtocolError) -> None:
        assert errors
        super().__init__("; ".join(f"{error.code}: {error.message}" for error in errors))
        self.errors = errors

    @property
    def echoes(self) -> bool:
        """Whether the request element may repeat the arguments."""
        return not WITHOUT_ECHO & {error.code for error in self.errors}


def refused(code: ErrorCode, message: str) -> Refused:
    """A refusal for one reason, to be raised."""
    return Refused(ProtocolError(code, message))
