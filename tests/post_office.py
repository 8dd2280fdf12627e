"""An archive in miniature with its lookout, a mail server and a receiver: what is the matter, and who hears of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from receiver import Receiver, receiver
from smtp_server import Received, SmtpServer, smtp_server
from watched import START, Miniature, miniature

from config import languages
from fixity import causes
from fixity.lookout import PARTS, Lookout
from fixity.telling import Telling
from repository.catalogue import alerts
from repository.catalogue.heartbeats import Who
from repository.causes import Question
from repository.mail import MailServer
from repository.models import Alert
from repository.webhook import Webhook

TO, BOSS, SECRET = "nobet@example.org", "mudur@example.org", b"a secret of the tests"


@dataclass
class Time:
    """A wall clock that can be set, and a steady one that cannot."""

    wall: datetime = START
    steady: float = 1000.0

    def forward(self, **by: float) -> None:
        """Time passes."""
        passed = timedelta(**by)
        self.wall += passed
        self.steady += passed.total_seconds()

    def set_by(self, **by: float) -> None:
        """Somebody sets the wall clock."""
        self.wall += timedelta(**by)


@dataclass
class Office:
    """What the tests work with."""

    small: Miniature
    time: Time
    server: SmtpServer
    receiver: Receiver
    telling: Telling
    lookouts: dict[str, Lookout] = field(default_factory=dict)

    def lookout(self, part: str = "clock", questions: Sequence[Question] | None = None, **changes: Any) -> Lookout:
        """The lookout of this part, as a process keeps it."""
        if part not in self.lookouts:
            usual = causes.questions(self.small.watch.promises.otherwise.of, timedelta(hours=36))
            self.lookouts[part] = Lookout(
                telling=self.telling,
                who=Who(part, "loopback", 1, START, "mahfuz test"),
                questions=usual if questions is None else questions,
                silent_seconds=180,
                monotonic=lambda: self.time.steady,
                **{"parts": [part], **changes},
            )
        return self.lookouts[part]

    def look(self, minutes: int = 1, part: str = "clock") -> None:
        """One look a minute."""
        for _ in range(minutes):
            self.time.forward(minutes=1)
            self.small.clock.now = self.time.wall
            self.lookout(part).look()

    def restarted(self, **changes: Any) -> None:
        """The process begins anew, with changed settings."""
        self.telling = replace(self.telling, **changes)
        self.lookouts.clear()

    @property
    def open(self) -> list[Alert]:
        """The open alerts."""
        with self.small.catalogue.reading() as session:
            return list(alerts.still_open(session, limit=None))

    @property
    def over(self) -> list[Alert]:
        """The closed ones."""
        with self.small.catalogue.reading() as session:
            return list(alerts.over(session, limit=1000))

    @property
    def letters(self) -> list[Received]:
        """What the mail server has taken."""
        return self.server.received

    def text(self, number: int = -1) -> str:
        """The text of a letter."""
        return self.letters[number].letter.get_content().replace("\r\n", "\n")

    def subjects(self) -> list[str]:
        """The subjects of all letters."""
        return [str(one.letter["Subject"]) for one in self.letters]


@contextmanager
def office(folder: Path, database_url: str, **small: Any) -> Iterator[Office]:
    """An archive with everything due, told by mail at once; webhooks only where a test adds one."""
    archive = miniature(folder, database_url, **small)
    time = Time()
    with smtp_server() as server, receiver() as hook:
        telling = Telling(
            catalogue=archive.catalogue,
            clock=lambda: time.wall,
            archive="Arşiv",
            email="sor@example.org",
            base_url="https://arsiv.example.org",
            identifier="arsiv.example.org",
            zone=ZoneInfo("Europe/Istanbul"),
            texts=languages.load(["tr", "en"]),
            server=MailServer("127.0.0.1", server.port, "none"),
            sender="arsiv@example.org",
            recipients=(TO,),
            escalate_to=(BOSS,),
            gather=timedelta(minutes=15),
            escalate=timedelta(hours=4),
        )
        yield Office(archive, time, server, hook, telling)
    archive.catalogue.close()


def hook_of(found: Office) -> Webhook:
    """The receiver as a webhook."""
    return Webhook("ops", found.receiver.url(), SECRET)


__all__ = ["BOSS", "PARTS", "SECRET", "TO", "Office", "hook_of", "office"]
