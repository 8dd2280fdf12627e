"""What a question is, and of whom it is asked."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from config.doctor.lines import Line
from repository.vocabulary import utc_now

if TYPE_CHECKING:
    from config.wiring import Archive

DOCTOR = "doctor"
"""In the place of a part of the program: a person asks."""


@dataclass(frozen=True, slots=True)
class Patient:
    """The installation as it is looked at from one process."""

    archive: Archive
    part: str = DOCTOR
    """The part of the program that looks."""
    clock: Callable[[], datetime] = utc_now
    host: str = field(default_factory=socket.gethostname)


class About(StrEnum):
    """What an answer is about, and so who has to ask."""

    ARCHIVE = "archive"
    HOST = "host"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class OfRows:
    """A question to the database, by index look-ups: asked anew whenever somebody wants to know."""

    code: str
    ask: Callable[[Patient, Session], Iterable[Line]]
    of_server: bool = False
    """Of the database itself, whatever schema it has."""
    when_tried: bool = True
    """Whether it is asked beside questions that try the same thing."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """A question to this machine or over the network: it may take long, and the page shows what was found lately."""

    code: str
    ask: Callable[[Patient], Iterable[Line]]
    about: About = About.ARCHIVE
    subject: str = ""
    """Which one of several it asks."""
    trying: bool = False
    """Whether it leaves traces: asked by a person only."""

    @property
    def name(self) -> str:
        """Under which its answer is kept."""
        return f"{self.code} {self.subject}"[:32].strip()


Question = OfRows | Beyond
