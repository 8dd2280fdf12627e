"""What a feed of bags brings, one by one: a trouble holds up its own article and no other, a fault its own bag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest

from ingest.feeds import Feed, FeedFailed, Offered, Source, bring, taking
from ingest.feeds.offered import NotAsListed, NotAsPromised, NotKept
from repository.catalogue import Catalogue, feeds
from repository.errors import DatabaseUnavailable, WouldOverwrite
from repository.vocabulary import utc_now


class Offering(Source):
    """A source that offers these names; fetching one may raise."""

    own_clock = False
    whole = False

    def __init__(self, *names: str, **troubles: Exception) -> None:
        self.names, self.troubles, self.fetched = names, troubles, list[str]()

    def listing(self) -> Iterator[Offered]:
        return (Offered(name, 3, None, "1") for name in self.names)

    def fetch(self, offered: Offered, target: Path) -> None:
        self.fetched.append(offered.name)
        if (trouble := self.troubles.get(offered.name.replace("/", "_"))) is not None:
            raise trouble
        target.write_bytes(b"bag")


class Keeping:
    """Keeps everything but what it is told not to."""

    def __init__(self) -> None:
        self.keeping: dict[str, Exception] = {}
        self.entering: dict[str, Exception] = {}
        self.entered: list[tuple[str, ...]] = []
        self.here: set[str] = set()

    def needs(self, feed: Feed, source: Source, offered: Offered) -> bool:
        return offered.name not in self.here

    def keep(self, feed: Feed, source: Source, offered: Offered, file: Path) -> None:
        assert file.read_bytes() == b"bag"
        if (trouble := self.keeping.get(offered.name)) is not None:
            raise trouble

    def enter(self, feed: Feed, names: Sequence[str]) -> None:
        if (trouble := next((self.entering[name] for name in names if name in self.entering), None)) is not None:
            raise trouble
        self.entered.append(tuple(names))

    def problem(self, feed: Feed, offered: Offered, error: NotKept | WouldOverwrite) -> str:
        return str(error)


@pytest.fixture
def catalogue(database_url: str) -> Iterator[Catalogue]:
    made = Catalogue(database_url)
    yield made
    made.close()


def look(catalogue: Catalogue, home: Path, source: Offering, keeping: Keeping) -> str | None:
    """One look at the feed; what it says of itself afterwards."""
    feed = Feed("f", "F", "resourcesync", "x", lambda: nullcontext(source), lambda at: at + timedelta(1), 0)
    assert list(bring(feed, catalogue, home, utc_now, keeping)) == []
    with catalogue.reading() as session:
        row = feeds.state_of(session, "f")
        assert row is not None
        return row.last_error


def states(catalogue: Catalogue, *names: str) -> list[str]:
    with catalogue.reading() as session:
        return [item.state if (item := feeds.item(session, "f", name)) else "-" for name in names]


def test_versions_come_in_order_and_no_two_of_an_article_at_once(catalogue: Catalogue, tmp_path: Path) -> None:
    source, keeping = Offering("b/1", "a/2", "a/1", "c/1"), Keeping()
    assert look(catalogue, tmp_path, source, keeping) is None
    assert keeping.entered == [("a/1",), ("a/2", "b/1", "c/1")]
    assert states(catalogue, *source.names) == ["fetched"] * 4
    assert not any((tmp_path / "feeds" / "f" / "parts").iterdir())
    assert look(catalogue, tmp_path, source, keeping) is None
    assert len(source.fetched) == 4


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (NotAsPromised("broken off"), "seen"),
        (NotKept("no bag"), "failed"),
        (WouldOverwrite("main", "k", "other bytes"), "seen"),
        (RuntimeError("a fault"), "failed"),
    ],
)
def test_a_trouble_holds_up_its_article_alone(
    catalogue: Catalogue, tmp_path: Path, trouble: Exception, state: str
) -> None:
    source, keeping = Offering("a/1", "a/2", "b/1"), Keeping()
    keeping.keeping["a/1"] = trouble
    said = look(catalogue, tmp_path, source, keeping)
    assert said is not None
    assert said.startswith("a/1: ")
    assert states(catalogue, *source.names) == [state, "seen", "fetched"]
    assert keeping.entered == [("b/1",)]


def test_over_what_the_program_falls_alone_is_left_out(catalogue: Catalogue, tmp_path: Path) -> None:
    source, keeping = Offering("a/1", "b/1", "c/1"), Keeping()
    keeping.entering["b/1"] = RuntimeError("a fault")
    look(catalogue, tmp_path, source, keeping)
    assert keeping.entered == [("a/1",), ("c/1",)]
    assert states(catalogue, *source.names) == ["fetched", "failed", "fetched"]


def test_what_is_gone_at_the_source_is_forgotten(catalogue: Catalogue, tmp_path: Path) -> None:
    source, keeping = Offering("a/1", "b/1", a_1=NotAsListed("gone")), Keeping()
    assert look(catalogue, tmp_path, source, keeping) is None
    assert states(catalogue, "a/1", "b/1") == ["-", "fetched"]


def test_when_the_archive_falls_silent_what_lies_in_the_stores_is_entered(catalogue: Catalogue, tmp_path: Path) -> None:
    source, keeping = Offering("a/1", "b/1", "c/1", b_1=FeedFailed("f", "silent")), Keeping()
    assert look(catalogue, tmp_path, source, keeping) == "silent"
    assert keeping.entered == [("a/1",)]
    assert states(catalogue, *source.names) == ["fetched", "seen", "seen"]


def test_what_could_not_be_entered_is_kept_and_not_fetched_again(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "AT_ONCE", 2)
    source, keeping = Offering("a/1", "b/1", "c/1"), Keeping()
    keeping.entering["a/1"] = DatabaseUnavailable("away")
    with pytest.raises(DatabaseUnavailable):
        look(catalogue, tmp_path, source, keeping)
    assert states(catalogue, *source.names) == ["seen"] * 3
    assert len(list((tmp_path / "feeds" / "f" / "parts").iterdir())) == 2
    keeping.entering.clear()
    look(catalogue, tmp_path, source, keeping)
    assert keeping.entered == [("a/1", "b/1"), ("c/1",)]
