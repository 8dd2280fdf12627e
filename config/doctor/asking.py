"""The questions are asked side by side, none for longer than its time: what does not answer keeps nobody waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from config.doctor.lines import Line, bad, doubt
from config.doctor.questions import Beyond, OfRows, Patient
from repository.catalogue import schema
from repository.errors import Doubt, MahfuzError
from repository.texts import marked

ROWS_SECONDS = 10.0
"""How long all questions to the database together may take, and each of them half of it."""
SECONDS = 60.0
"""How long a store that is being tried, or a server that is asked, is waited for."""

log = structlog.get_logger(__name__)


class _Answers:
    """What has been answered so far; a thread that comes too late writes into the void."""

    def __init__(self) -> None:
        self._lines: dict[int, list[Line]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def give(self, place: int, lines: Iterable[Line]) -> None:
        with self._lock:
            if not self._closed:
                self._lines[place] = list(lines)

    def close(self) -> dict[int, list[Line]]:
        with self._lock:
            self._closed = True
            return dict(self._lines)


def beyond(patient: Patient, questions: Sequence[Beyond], seconds: float = SECONDS) -> list[tuple[Beyond, list[Line]]]:
    """Every question with its lines, in their order; one that is not answered in ``seconds`` is doubt."""
    answers = _Answers()
    hanging = {thread.name for thread in threading.enumerate()}  # one that never came back is not asked once more
    threads = [
        _begun(_thread(one), _answer, answers, place, patient, one)
        for place, one in enumerate(questions)
        if _thread(one) not in hanging
    ]
    _wait(threads, seconds)
    given = answers.close()
    return [(one, given.get(place, [_silent(one.code, one.subject, seconds)])) for place, one in enumerate(questions)]


def of_rows(patient: Patient, questions: Sequence[OfRows], seconds: float = ROWS_SECONDS) -> list[Line]:
    """The lines of every question in their order, all from one transaction on one connection.

    The first question must be about the database itself: where that does not answer, it alone says so.
    """
    answers = _Answers()
    _wait([_begun("doctor rows", _ask_rows, answers, patient, questions, seconds)], seconds)
    given = answers.close()
    found: list[Line] = []
    for place, question in enumerate(questions):
        if place not in given:
            return [*found, _silent(question.code, "", seconds)]
        found += given[place]
    return found


def _thread(question: Beyond) -> str:
    return f"doctor {question.name}"


def _begun(name: str, call: object, *given: object) -> threading.Thread:
    # Daemons: one that hangs for ever does not keep the process from ending.
    thread = threading.Thread(target=call, args=given, name=name, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


def _wait(threads: Iterable[threading.Thread], seconds: float) -> None:
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def _answer(answers: _Answers, place: int, patient: Patient, question: Beyond) -> None:
    try:
        found = list(question.ask(patient))
    except (MahfuzError, OSError) as error:
        found = [doubt(question.code, _NOT_ASKED, question.subject, problem=str(error))]
    except Exception as error:
        log.exception("a question of the doctor failed", question=question.name)
        found = [bad(question.code, _FAILED, question.subject, problem=f"{type(error).__name__}: {error}")]
    answers.give(place, found)


def _ask_rows(answers: _Answers, patient: Patient, questions: Sequence[OfRows], seconds: float) -> None:
    try:
        with patient.archive.catalogue.reading() as session:
            if session.get_bind().dialect.name == "postgresql":
                session.execute(text(f"SET LOCAL statement_timeout = {int(seconds * 500)}"))
            right = schema.present(session.connection()) == schema.HEAD
            for place, question in enumerate(questions):
                ask = right or question.of_server
                answers.give(place, _asked(patient, question, session) if ask else [])
    except Doubt as error:
        answers.give(0, [doubt(questions[0].code, "{problem}", problem=str(error))])
        for place in range(1, len(questions)):
            answers.give(place, [])
    except Exception as error:
        log.exception("the database could not be asked")
        answers.give(0, [bad(questions[0].code, _FAILED, problem=f"{type(error).__name__}: {error}")])
        for place in range(1, len(questions)):
            answers.give(place, [])


def _asked(patient: Patient, question: OfRows, session: Session) -> list[Line]:
    """What one question finds; one that fails does not take the others with it."""
    try:
        with session.begin_nested():
            return list(question.ask(patient, session))
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return [doubt(question.code, _NOT_ASKED, problem=" ".join(str(error.orig).split())[:300])]
    except MahfuzError as error:
        return [doubt(question.code, _NOT_ASKED, problem=str(error))]
    except Exception as error:
        log.exception("a question of the doctor failed", question=question.code)
        return [bad(question.code, _FAILED, problem=f"{type(error).__name__}: {error}")]


def _silent(code: str, subject: str, seconds: float) -> Line:
    return doubt(code, marked("No answer within {seconds} seconds."), subject, seconds=int(seconds))


_NOT_ASKED = marked("Could not be found out: {problem}")
_FAILED = marked("Asking failed by a fault of the program: {problem}")
