"""Deliveries that could hold one work twice wait for each other; those that cannot do not."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from ingest.works import alone_with
from repository.vocabulary import ArticleRecord

BARE = ArticleRecord(title="Bir", journal_title="Örnek Dergi", issn_print="9999-0016")
NAMED = ArticleRecord(title="Bir", doi="10.5555/a", journal_title="Örnek Dergi", issn_print="9999-0016")
BY_NAME = ArticleRecord(title="Bir", journal_title="ÖRNEK DERGİ", issn_electronic="9999-0024")
ELSEWHERE = ArticleRecord(title="Bir", journal_title="Başka", issn_print="1300-0632")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "locks").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("one", "other", "waits"),
    [
        (BARE, NAMED, True),
        (NAMED, BARE, True),
        (BARE, BY_NAME, True),
        (NAMED, NAMED, False),
        (BARE, ELSEWHERE, False),
    ],
)
def test_who_waits_for_whom(home: Path, one: ArticleRecord, other: ArticleRecord, waits: bool) -> None:
    inside = threading.Event()

    def take() -> None:
        with alone_with(home, [other]):
            inside.set()

    second = threading.Thread(target=take)
    with ExitStack() as first:
        first.enter_context(alone_with(home, [one, one]))
        second.start()
        assert inside.wait(0.5 if waits else 30) is not waits
    second.join(30)
    assert inside.is_set()
