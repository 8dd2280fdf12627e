"""What a PDF file is worth as the article of record: whole, repairable, damaged, encrypted, or no PDF at all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ingest.dialects.formats import recognise_bytes
from ingest.examiner import Examiner

_HEAD = 1024  # ISO 32000-1, note 13 of annex H: readers accept the header within the first 1024 bytes
_TAIL = 1 << 16
_MEMORY = 224 << 20
_SECONDS = 60.0


class PdfState(StrEnum):
    """What is known of a PDF file after :func:`examine`."""

    SOUND = "sound"
    REPAIRABLE = "repairable"
    EMPTY = "empty"
    NOT_A_PDF = "not a PDF"
    DAMAGED = "damaged"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class PdfReport:
    """The state, one sentence of detail, whether it is encrypted (yet opens), and the DOIs in its own metadata."""

    state: PdfState
    detail: str = ""
    encrypted: bool = False
    dois: tuple[str, ...] = ()


def examine(path: Path) -> PdfReport:
    """Open the file in another process, of bounded memory and time, and say what it is. The file is not changed."""
    size = path.stat().st_size
    if not size:
        return PdfReport(PdfState.EMPTY)
    with path.open("rb") as file:
        head = file.read(max(_HEAD, 4096))
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
    start = head[: _HEAD + 4].find(b"%PDF")
    if start < 0:
        seen = recognise_bytes(head, "")
        return PdfReport(PdfState.NOT_A_PDF, f"it is {seen.name}" if seen else "")
    answer = _opens.ask(str(path.resolve()))
    if answer is None:
        return PdfReport(PdfState.DAMAGED, f"opening it takes more than {_MEMORY >> 20} MiB or {_SECONDS} s")
    if answer.get("password"):
        return PdfReport(PdfState.LOCKED, answer["detail"], encrypted=True)
    if _is_cut(tail):
        return PdfReport(PdfState.DAMAGED, "its end is missing")
    if not answer["opens"]:
        return PdfReport(PdfState.DAMAGED, answer["detail"])
    state, detail = PdfState.SOUND, ""
    if start:
        state, detail = PdfState.REPAIRABLE, f"{start} bytes stand before its header"
    elif answer["repaired"]:
        state, detail = PdfState.REPAIRABLE, answer["detail"]
    return PdfReport(state, detail, bool(answer["encrypted"]), tuple(answer["dois"]))


def _is_cut(tail: bytes) -> bool:
    """Whether the file ends in the middle: no end mark, or objects after the last one (a linearised file cut off).

    A repair would open such a file with pages missing and say nothing.
    """
    end = tail.rfind(b"%%EOF")
    return end < 0 or b"endobj" in tail[end:]


_opens = Examiner("pdf_probe.py", str(_MEMORY), seconds=_SECONDS)
