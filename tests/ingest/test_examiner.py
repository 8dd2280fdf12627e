"""A process that looks at files for us: what befalls it befalls nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.examiner import Examiner

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer <<>>\n%%EOF"


@pytest.fixture
def examiner() -> Iterator[Examiner]:
    one = Examiner("pdf_probe.py", str(1 << 30))
    yield one
    one.close()


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    return str(path)


def process_of(examiner: Examiner) -> int:
    assert examiner._process is not None
    return examiner._process.pid


def test_one_process_answers_many_questions(examiner: Examiner, file: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(examiner.ask, [file] * 20))
    assert all(answer is not None and "opens" in answer for answer in answers)
    first = process_of(examiner)
    examiner.ask(file)
    assert process_of(examiner) == first


def test_one_that_died_is_replaced(examiner: Examiner, file: str) -> None:
    assert examiner.ask(file) is not None
    first = process_of(examiner)
    assert examiner._process is not None
    examiner._process.kill()
    examiner._process.wait()
    assert examiner.ask(file) is not None
    assert process_of(examiner) != first


def test_one_that_is_too_slow_gives_no_answer_and_the_next_question_has_one(examiner: Examiner, file: str) -> None:
    examiner.seconds = 0
    assert examiner.ask(file) is None
    examiner.seconds = 60
    assert examiner.ask(file) is not None


def test_one_whose_words_are_no_answer_says_none(examiner: Examiner, file: str) -> None:
    assert examiner.ask({"not": "a path"}) is None
    assert examiner.ask(file) is not None


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the environment of another process is told by Linux only")
def test_it_sees_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.setenv("MAHFUZ_STORES__MAIN__SECRET_KEY", "a secret")
    examiner = Examiner("pdf_probe.py", str(1 << 30), environment={"GOGC": "50"})
    assert examiner.ask(file) is not None
    seen = Path(f"/proc/{process_of(examiner)}/environ").read_bytes()
    examiner.close()
    assert b"GOGC=50" in seen
    assert b"a secret" not in seen


def test_a_forked_process_has_its_own_and_leaves_ours_alone(examiner: Examiner, file: str) -> None:
    assert examiner.ask(file) is not None
    ours = process_of(examiner)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        answer = examiner.ask(file)
        os.write(writer, f"{process_of(examiner)} {answer is not None}".encode())
        examiner.close()
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        pid, answered = told.read().decode().split()
    os.waitpid(child, 0)
    assert int(pid) != ours
    assert answered == "True"
    assert examiner.ask(file) is not None
    assert process_of(examiner) == ours
