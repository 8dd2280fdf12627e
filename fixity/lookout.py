"""The lookout: each part of the program says that it runs, one of them asks what is the matter and has it told.

That one is the clock; while it gives no sign of life, whichever of the others looks first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from fixity import telling
from fixity.telling import Telling
from repository import webhook
from repository.catalogue import alert_letters, alerts, heartbeats, turns
from repository.catalogue.heartbeats import Who
from repository.causes import Cause, Found, InDoubt, Question
from repository.webhook import NotTaken

CLOCK, WORKER, WEB = "clock", "worker", "web"
STANDBY = "standby"
"""A clock that waits to take the place of the one that ticks says so under this name."""
PARTS = (CLOCK, WORKER, WEB)

JUMP_SECONDS = 60.0
"""A machine's clock that went so much faster or slower than time between two looks was set, or the machine slept."""
REST_SECONDS = 300.0
"""After that nothing is opened or closed for so long: what is reckoned in days seems late or early until it is done."""
UNTOLD = timedelta(hours=1)
"""What has waited for so long to be told reaches nobody from here."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Pulse:
    """The last beat that was seen of a part, by our own steady clock."""

    beat: tuple[object, ...]
    shown: datetime | None
    seen: float
    beating: bool = False


@dataclass
class Lookout:
    """What one part of the program sees of the archive."""

    telling: Telling
    who: Who
    questions: Sequence[Question]
    silent_seconds: float
    parts: Sequence[str] = PARTS
    """Those that have to run."""
    sign_url: str = ""
    """Asked by the clock every ``sign_every`` seconds as long as it looks, all parts run, and nothing waits untold for
    long: whoever waits there notices when that stops. Open alerts do not stop it: they are told."""
    sign_every: float = 300
    monotonic: Callable[[], float] = time.monotonic
    _pulses: dict[str, _Pulse] = field(default_factory=dict)
    _looked: tuple[datetime, float] | None = None
    _resting: float = float("-inf")
    _signed: float = float("-inf")

    def beat(self) -> None:
        """This part runs. Raises DatabaseUnavailable."""
        with self.telling.catalogue.writing() as session:
            heartbeats.beat(session, self.who, self.telling.clock())

    def look(self) -> None:
        """What is the matter now stands in the catalogue, and what is due to be told is told.

        A part that is not the clock leaves that to the clock while it lives. Raises DatabaseUnavailable.
        """
        parts, jumped = list(self._observed()), self._jumped()
        if self.who.part != CLOCK and not any(_is(CLOCK, one) for one in parts if isinstance(one, Cause)):
            return
        if not jumped:
            self._settle(parts)
        for told in telling.send(self.telling):
            if told.problem:
                log.warning("an alert is not told yet", channel=told.channel, problem=told.problem)
        if not parts and self._told():
            self._sign()

    def _sign(self) -> None:
        now = self.monotonic()
        if self.who.part != CLOCK or not self.sign_url or now - self._signed < self.sign_every:
            return
        try:
            webhook.ask(self.sign_url)
        except NotTaken as error:
            log.warning("the sign of life was not taken; the next look tries again", problem=str(error))
        else:
            self._signed = now

    def _observed(self) -> Iterator[Cause | InDoubt]:
        """Parts that give no sign of life, and those of which it is not known yet; one that does is not named.

        Reckoned by our own steady clock from the change that was seen last, so that no jump of a machine's clock, nor
        two machines whose clocks differ, makes a part silent or lets it seem alive.
        """
        with self.telling.catalogue.reading() as session:
            found = heartbeats.beats(session)
        now = self.monotonic()
        for part in self.parts:
            if part == self.who.part:
                continue
            rows = found.get(part, [])
            beat = tuple((row.host, row.pid, row.beat_at) for row in rows)
            pulse = self._pulses.get(part)
            if pulse is None or pulse.beat != beat:
                shown = rows[-1].beat_at if rows else None
                pulse = self._pulses[part] = _Pulse(beat, shown, now, beating=pulse is not None)
            if now - pulse.seen > self.silent_seconds:
                yield Cause("part-silent", part, since=pulse.shown, detail={"variant": part})
            elif not pulse.beating:
                yield InDoubt("part-silent", part)

    def _jumped(self) -> bool:
        """Whether the machine's clock was set a short while ago."""
        now, steady = self.telling.clock(), self.monotonic()
        if self._looked is not None:
            drift = (now - self._looked[0]).total_seconds() - (steady - self._looked[1])
            if abs(drift) > JUMP_SECONDS:
                log.warning("the machine's clock was set: alerts rest", seconds=round(drift), rest=REST_SECONDS)
                self._resting = steady + REST_SECONDS
        self._looked = (now, steady)
        return steady < self._resting

    def _settle(self, parts: Sequence[Cause | InDoubt]) -> None:
        with self.telling.catalogue.writing() as session:
            turns.take_alerts(session)
            at = self.telling.clock()
            found: list[Cause | InDoubt] = list(parts)
            for question in self.questions:
                found += _asked(question, session, at)
            changes = alerts.settle(session, found, at)
            alert_letters.plan(session, self.telling.channels, at)
        for alert in changes.opened:
            log.warning("alert", kind=alert.kind, subject=alert.subject, weight=alert.level, objects=alert.objects)
        for alert in changes.closed:
            log.info("alert is over", kind=alert.kind, subject=alert.subject)

    def _told(self) -> bool:
        with self.telling.catalogue.reading() as session:
            oldest = alert_letters.oldest_waiting(session)
        return oldest is None or self.telling.clock() - oldest < UNTOLD


def _asked(question: Question, session: Session, at: datetime) -> Found:
    """What one question finds; where it fails by a fault of ours, its alerts stay as they are."""
    try:
        with session.begin_nested():
            return list(question.ask(session, at))
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("what is the matter could not be asked", kinds=question.kinds)
        return [InDoubt(kind) for kind in question.kinds]


def _is(part: str, cause: Cause) -> bool:
    return cause.kind == "part-silent" and cause.subject == part
