"""An alert as people read it: its sentence, what to do, and where it is shown, in one of the archive's languages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from gettext import NullTranslations
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_decimal

from repository.bags.paths import shown
from repository.causes import KINDS, AlertLevel, Cause
from repository.texts import counted, marked

LEVELS = {AlertLevel.CRITICAL: marked("critical"), AlertLevel.WARNING: marked("warning")}
MORE_THAN = marked("more than {number}")
UNKNOWN = counted(
    "{subject}: a cause that this version does not know ({kind}).",
    "{subject}: a cause that this version does not know ({kind}).",
)
RECOVERY = "docs/recovery.md"
_LONGEST_VALUE = 300


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of alerts in one language."""

    language: str
    texts: NullTranslations
    zone: ZoneInfo

    def sentence(self, cause: Cause) -> str:
        """What is the matter, as one sentence; nothing in it ends a line or turns its direction."""
        kind = KINDS.get(cause.kind)
        variant = str(cause.detail.get("variant", ""))
        one, several = (kind.sentences.get(variant) or next(iter(kind.sentences.values()))) if kind else UNKNOWN
        number = format_decimal(cause.objects, locale=self.language)
        if cause.more:
            number = self.texts.gettext(MORE_THAN).format(number=number)
        values = {name: _plain(value) for name, value in cause.detail.items()} | {
            "kind": cause.kind,
            "subject": _plain(cause.subject),
            "number": number,
            "since": self.moment(cause.since),
        }
        said = self.texts.ngettext(one, several, cause.objects + cause.more)
        try:
            return said.format_map(values)
        except KeyError:  # written down by another version, which knew other values
            return f"{cause.kind} {values['subject']}".strip()

    def remedy(self, cause: Cause) -> str:
        """What to do, as one sentence."""
        kind = KINDS.get(cause.kind)
        return self.texts.gettext(kind.remedy) if kind else ""

    def level(self, cause: Cause) -> str:
        """How much it weighs, as a word."""
        return self.texts.gettext(LEVELS[cause.weight])

    def moment(self, at: datetime | None) -> str:
        """A moment in the archive's time zone; a dash for none."""
        if at is None:
            return "–"
        return format_datetime(at, "d MMM y HH:mm", tzinfo=self.zone, locale=self.language)


def proof(cause: Cause) -> str:
    """The page that shows the objects of a cause, below the archive's address; empty where there is none."""
    kind = KINDS.get(cause.kind)
    if kind is None or not kind.proof:
        return ""
    values = {name: quote(str(value), safe="") for name, value in cause.detail.items()}
    try:
        return kind.proof.format_map(values | {"subject": quote(cause.subject, safe="")})
    except KeyError:
        return ""


def section(cause: Cause) -> str:
    """The heading in docs/recovery.md under which it stands what to do step by step; empty where there is none."""
    kind = KINDS.get(cause.kind)
    return kind.section if kind else ""


def _plain(value: object) -> str:
    return shown(str(value))[:_LONGEST_VALUE]
