"""Deliveries that could hold one work twice wait for each other; those that cannot do not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ingest.works import alone_with
from repository.catalogue import Catalogue
from repository.vocabulary import ArticleRecord

BARE = ArticleRecord(title="Bir", journal_title="Örnek Dergi", issn_print="9999-0016")
NAMED = ArticleRecord(title="Bir", doi="10.5555/a", journal_title="Örnek Dergi", issn_print="9999-0016")
BY_NAME = ArticleRecord(title="Bir", journal_title="ÖRNEK DERGİ", issn_electronic="9999-0024")
ELSEWHERE = ArticleRecord(title="Bir", journal_title="Başka", issn_print="1300-0632")


@pytest.fixture
def catalogue(database_url: str) -> Iterator[Catalogue]:
    found = Catalogue(database_url)
    yield found
    found.close()


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
def test_who_waits_for_whom(
    tmp_path: Path, catalogue: Catalogue, one: ArticleRecord, other: ArticleRecord, waits: bool
) -> None:
    """On PostgreSQL in two homes: of two machines."""
    elsewhere = tmp_path / "other" if catalogue.engine.dialect.name == "postgresql" else tmp_path
    inside = threading.Event()

    def take() -> None:
        with alone_with(catalogue, elsewhere, [other]):
            inside.set()

    second = threading.Thread(target=take)
    with ExitStack() as first:
        first.enter_context(alone_with(catalogue, tmp_path, [one, one]))
        second.start()
        assert inside.wait(0.5 if waits else 30) is not waits
    second.join(30)
    assert inside.is_set()
