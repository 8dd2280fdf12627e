"""The archive measured against the simplest thing that could do the same: `make bench` prints one table.

Nothing is asserted about times. Everything is written in one temporary folder, which is removed at the end.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

_HERE = Path(__file__).resolve().parent
# Not this folder itself: its modules ingest.py and audit.py must not stand before the rooms of the same names.
sys.path[:1] = [str(_HERE.parent.parent), str(_HERE.parent)]

import servers  # noqa: E402
from bench import access, audit, generator, harvest, ingest, report, s3, workers  # noqa: E402
from bench.measure import Line  # noqa: E402

_BENCHES = ("ingest", "audit", "large", "harvest", "access", "workers")
LARGE_BAGS, LARGE_BYTES = 16, 100_000_000
_AS_SERVED = "-c fsync=on -c synchronous_commit=on -c full_page_writes=on -c autovacuum_naptime=60"
"""PostgreSQL as a library runs it, and not as the tests do."""
_DOCUMENT = _HERE.parent.parent / "docs" / "performance.md"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benches that were asked for, print the table, and keep it where ``--write`` says so."""
    asked = _asked(arguments)
    wanted = asked.only or (() if asked.memory else _BENCHES)
    scale = report.Scale(asked.articles, asked.size, asked.per_delivery, asked.records, asked.rounds)
    sections: list[report.Section] = []
    with tempfile.TemporaryDirectory(prefix="mahfuz-bench-", dir=asked.folder) as name:
        folder = Path(name)
        _expect_room(folder, scale, asked.memory)
        if {"ingest", "audit"} & set(wanted):
            with s3.serving(folder / "s3") as server:
                taken_in = ingest.bench(
                    folder,
                    server,
                    articles=scale.articles,
                    size=scale.size,
                    per_delivery=scale.per_delivery,
                    rounds=scale.rounds if "ingest" in wanted else 1,
                )
                if "ingest" in wanted:
                    sections.append(report.Section("ingest", taken_in.lines))
                if "audit" in wanted:
                    where = (taken_in.settings, taken_in.second, taken_in.bucket)
                    lines = audit.bench(folder, server, *where, rounds=scale.rounds)
                    sections.append(report.Section("audit", lines))
        if "large" in wanted:
            with s3.serving(folder / "s3-large") as server:
                lines = audit.large(folder, server, bags=LARGE_BAGS, size=LARGE_BYTES, rounds=scale.rounds)
                sections.append(report.Section("large", lines))
        if asked.memory:
            with s3.serving(folder / "s3-memory") as server:
                lines = ingest.memory(
                    folder, server, counts=asked.memory, size=scale.size, per_delivery=scale.per_delivery
                )
                sections.append(report.Section("memory", lines))
        if "harvest" in wanted:
            lines = harvest.bench(folder, records=scale.records, rounds=scale.rounds)
            sections.append(report.Section("harvest", lines))
        if "access" in wanted:
            sections += _decided(folder, scale.rounds)
        if "workers" in wanted:
            sections.append(report.Section("workers", list(_shared(folder, scale))))
    report.show(sections, scale)
    if asked.write:
        before = _DOCUMENT.read_text(encoding="utf-8") if _DOCUMENT.exists() else ""
        _DOCUMENT.write_text(report.document(sections, scale, before), encoding="utf-8")


def _decided(folder: Path, rounds: int) -> Iterator[report.Section]:
    size = generator.Size(1_000_000)
    lines = list(access.bench(folder / "lists", f"sqlite:///{folder / 'nation.sqlite'}", size=size, rounds=rounds))
    yield report.Section("access", lines)
    with ExitStack() as stack:
        place = stack.enter_context(servers.shared_folder(folder.name))
        server = stack.enter_context(servers.postgresql(place, more=_AS_SERVED))
        url = stack.enter_context(server.fresh_database())
        lines = list(access.bench(folder / "lists-postgresql", url, size=size, rounds=rounds))
    yield report.Section("access-postgresql", lines)


def _shared(folder: Path, scale: report.Scale) -> Iterator[Line]:
    with ExitStack() as stack:
        server = stack.enter_context(s3.serving(folder / "s3-workers"))
        place = stack.enter_context(servers.shared_folder("workers"))
        database = stack.enter_context(servers.postgresql(place, more=_AS_SERVED))
        yield from workers.bench(
            folder / "workers",
            server,
            database,
            articles=scale.articles,
            size=scale.size,
            per_delivery=scale.per_delivery,
        )


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=_BENCHES, help="this bench only (may be given twice)")
    parser.add_argument("--articles", type=int, default=1000)
    parser.add_argument("--size", type=int, default=1_400_000, help="bytes of an article")
    parser.add_argument("--per-delivery", type=int, default=20, help="articles in one zip")
    parser.add_argument("--records", type=int, default=20_000, help="articles of the catalogue that is harvested")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many is told")
    parser.add_argument(
        "--memory",
        type=int,
        nargs="+",
        default=[],
        metavar="ARTICLES",
        help="one ingest for each of these numbers, to see that memory does not grow (500 5000); alone if no --only",
    )
    parser.add_argument("--folder", help="where the temporary folder is made")
    parser.add_argument("--write", action="store_true", help="keep what was measured in docs/performance.md")
    return parser.parse_args(arguments)


def _expect_room(folder: Path, scale: report.Scale, most: Sequence[int]) -> None:
    """The S3 server frees nothing while it runs: both sides' bags of all rounds, and three more sets beside them."""
    needed = max(scale.articles * (3 * scale.rounds + 4), 4 * max(most, default=0)) * scale.size
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(
            f"the bench needs {needed / 1e9:.1f} GB in {folder.parent} and there are {free / 1e9:.1f} GB: "
            "name another place with --folder, or take fewer --articles"
        )


if __name__ == "__main__":
    main()
