"""What each page, round, harvest, list and decision costs as the archive grows: catalogues are generated and asked.

``report`` fills what is not there yet in the folder, asks everything, and prints the table; what it found stays in the
folder, so that sizes can be asked one after another. ``fill`` only fills one catalogue.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

_HERE = Path(__file__).resolve().parent
# Not this folder itself: its modules ingest.py and audit.py must not stand before the rooms of the same names.
sys.path[:1] = [str(_HERE.parent.parent), str(_HERE.parent)]

import servers  # noqa: E402
from bench.cost import Cost  # noqa: E402
from bench.generator import Size, generate  # noqa: E402
from bench.growth import Kept, document, show  # noqa: E402
from bench.questions import every  # noqa: E402
from bench.questions.asked import asking  # noqa: E402
from sqlalchemy import text  # noqa: E402

from repository.catalogue import Catalogue, schema  # noqa: E402

_DOCUMENT = _HERE.parent.parent / "docs" / "scale.md"
_SERVER = "-c shared_buffers=512MB -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=8GB"
"""As a small server has it; of what is filled no log is needed."""

_SHOWN = ("sqlite", "postgresql")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what was asked for."""
    asked = _asked(arguments)
    if asked.step == "fill":
        seconds = _filled(asked.url, Size(asked.articles))
        sys.stdout.write(json.dumps(seconds) + "\n")
        return
    folder = asked.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for database in asked.databases:
        for articles in asked.sizes:
            with _at(folder, database, articles) as url:
                size = Size(articles)
                kept = Kept.of(folder, database, articles)
                if seconds := _filled(url, size):
                    kept.filled(seconds, _octets(url))
                _ask(url, size, kept, asked.only, again=asked.again)
    found = Kept.all_in(folder)
    show(found, every_line=asked.every)
    if asked.write:
        _DOCUMENT.write_text(document(found), encoding="utf-8")


@contextmanager
def _at(folder: Path, database: str, articles: int) -> Iterator[str]:
    """The address of the catalogue of this size in ``folder``."""
    if database == "sqlite":
        yield f"sqlite:///{folder / f'scale_{articles}.sqlite'}"
        return
    folder.chmod(0o711)  # the server may be another user's
    with servers.postgresql(folder, kept=True, more=_SERVER) as server:
        yield server.kept_database(f"scale_{articles}")


def _filled(url: str, size: Size) -> dict[str, float]:
    """The seconds of each step; none where it was filled before, which is brought up to date."""
    catalogue = Catalogue(url)
    try:
        schema.migrate(catalogue)
        with catalogue.reading() as session:
            last = session.execute(text("SELECT max(number) FROM change")).scalar()
        return generate(catalogue, size) if last is None else {}
    finally:
        catalogue.close()


def _octets(url: str) -> int:
    """How much room the catalogue takes."""
    catalogue = Catalogue(url)
    try:
        if catalogue.url.database and catalogue.engine.dialect.name == "sqlite":
            return Path(catalogue.url.database).stat().st_size
        with catalogue.reading() as session:
            return int(session.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    finally:
        catalogue.close()


def _ask(url: str, size: Size, kept: Kept, only: Sequence[str], *, again: bool) -> None:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mahfuz-scale-", dir=kept.folder)))
        asked = stack.enter_context(asking(url, size, home))
        for question in every(asked):
            if not any(word in question.key for word in only) or (question.key in kept.costs and not again):
                continue
            began = time.perf_counter()
            cost: Cost = asked.costs.of(question.ask)
            kept.asked(question, cost)
            kept.write()
            sys.stderr.write(
                f"{kept.database} {size.articles:>9,} {cost.milliseconds:10.1f} ms {cost.statements:4} statements"
                f" {cost.work:12,.1f}  {question.name[:100]}  ({time.perf_counter() - began:.1f} s)\n"
            )


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scale", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    fill = steps.add_parser("fill", help="a catalogue of so many articles at a database URL")
    fill.add_argument("url")
    fill.add_argument("articles", type=int)
    report = steps.add_parser("report", help="fill what is missing, ask everything, print the table")
    report.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "mahfuz-scale")
    report.add_argument("--sizes", type=int, nargs="*", default=[10_000, 1_000_000], metavar="ARTICLES")
    report.add_argument("--databases", nargs="+", choices=_SHOWN, default=list(_SHOWN))
    report.add_argument("--only", nargs="+", default=[""], help="only questions with one of these in their name")
    report.add_argument("--again", action="store_true", help="also what was asked before")
    report.add_argument("--every", action="store_true", help="print every line, not only what grows")
    report.add_argument("--write", action="store_true", help="keep the table in docs/scale.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
