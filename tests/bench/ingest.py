"""Ingest against the naive script, on the same deliveries and the same two stores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.measure import Line, Run, mahfuz, peak_of, python, run, seconds_of, write_settings
from bench.s3 import Server

PUBLISHER = "Bench Yayınevi"


@dataclass(frozen=True)
class Ingested:
    """The lines of the table, and the archive of the last round, for the bench of the audit."""

    lines: list[Line]
    settings: Path
    second: Path
    bucket: str


def bench(folder: Path, server: Server, *, articles: int, size: int, per_delivery: int, rounds: int) -> Ingested:
    """Generate the deliveries, then let both take them in, in turn, each time into empty stores."""
    deliveries = folder / "deliveries"
    deliveries.mkdir()
    run(python("bench.generate", str(deliveries), str(articles), str(size), str(per_delivery)))
    files = sorted(map(str, deliveries.glob("*.zip")))
    naive, checked, ours = [], [], []
    for number in range(rounds):
        if number:
            shutil.rmtree(folder / f"ours-{number - 1}")
        naive.append(_naive(folder, server, deliveries, f"naive-{number}"))
        checked.append(_naive(folder, server, deliveries, f"checked-{number}", "checked"))
        home = folder / f"ours-{number}"
        home.mkdir()
        stores = (server.store("main", f"ours-{number}"), f'name = "second"\nurl = "file://{home}/second"')
        settings = write_settings(home / "mahfuz.toml", home / "home", *stores)
        run(mahfuz(settings, "init", "--json"))
        ours.append(run(mahfuz(settings, "ingest", *files, "--publisher", PUBLISHER, "--json")))
        _expect_all_accepted(ours[-1], articles)
    shutil.rmtree(deliveries)
    before, same, after = (median(seconds_of(runs)) for runs in (naive, checked, ours))
    ratio = f"{before / after:.2f} × naive, {same / after:.2f} × naive with checks"
    lines = [
        Line("naive script", seconds_of(naive), f"{articles / before:.1f} articles/s", "", peak_of(naive)),
        Line("naive with checks", seconds_of(checked), f"{articles / same:.1f} articles/s", "", peak_of(checked)),
        Line("mahfuz ingest", seconds_of(ours), f"{articles / after:.1f} articles/s", ratio, peak_of(ours)),
    ]
    return Ingested(lines, settings, home / "second", f"ours-{rounds - 1}")


def memory(folder: Path, server: Server, *, counts: Sequence[int], size: int, per_delivery: int) -> list[Line]:
    """One command for each number of articles, each into empty stores: the memory must not grow with the number."""
    lines = []
    for count in counts:
        place = folder / f"memory-{count}"
        deliveries = place / "deliveries"
        deliveries.mkdir(parents=True)
        run(python("bench.generate", str(deliveries), str(count), str(size), str(per_delivery)))
        stores = (server.store("main", f"memory-{count}"), f'name = "second"\nurl = "file://{place}/second"')
        settings = write_settings(place / "mahfuz.toml", place / "home", *stores)
        run(mahfuz(settings, "init", "--json"))
        files = sorted(map(str, deliveries.glob("*.zip")))
        done = run(mahfuz(settings, "ingest", *files, "--publisher", PUBLISHER, "--json"))
        _expect_all_accepted(done, count)
        shutil.rmtree(place)
        rate = f"{count / done.seconds:.1f} articles/s"
        lines.append(Line(f"mahfuz ingest of {count:,} articles", [done.seconds], rate, "", done.peak))
    return lines


def _naive(folder: Path, server: Server, deliveries: Path, name: str, *more: str) -> Run:
    work = folder / name
    work.mkdir()
    words = (str(deliveries), str(work), name, str(work / "second"), *more)
    done = run(python("bench.naive", *words), BENCH_S3=json.dumps(asdict(server)))
    shutil.rmtree(work)
    return done


def _expect_all_accepted(done: Run, articles: int) -> None:
    """A quick ingest that refused the articles would be no measurement."""
    outcomes = [line["outcome"] for delivery in json.loads(done.output)["deliveries"] for line in delivery["articles"]]
    if outcomes != ["accepted"] * articles:
        raise SystemExit(f"of {articles} articles {outcomes.count('accepted')} were accepted: nothing was measured")
