"""The same deliveries and copies by 1, 2 and 4 workers of a catalogue on PostgreSQL, beside a bare client."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from bench.measure import Line, mahfuz, megabytes, python, run, surroundings, write_settings
from bench.s3 import Server
from servers import PostgreSQLServer
from sqlalchemy import func, select, text

from repository.catalogue import Catalogue
from repository.models import Article, Copy

WORKERS = (1, 2, 4)
_PUBLISHER = "bench"
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 1800.0


def bench(
    folder: Path, s3: Server, database: PostgreSQLServer, *, articles: int, size: int, per_delivery: int
) -> Iterator[Line]:
    """For each number of workers an archive of its own: its inbox is taken in, then the bucket is read."""
    deliveries = folder / "deliveries"
    deliveries.mkdir(parents=True)
    run(python("bench.generate", str(deliveries), str(articles), str(size), str(per_delivery)))
    work = folder / "naive"
    work.mkdir()
    words = (str(deliveries), str(work), "workers-naive", str(work / "second"))
    naive = run(python("bench.naive", *words), BENCH_S3=json.dumps(asdict(s3)))
    shutil.rmtree(work)
    yield Line("naive script", [naive.seconds], f"{articles / naive.seconds:.1f} articles/s", "", naive.peak)
    taken, read, octets = {}, {}, 0
    for number in WORKERS:
        with database.fresh_database() as url:
            bucket = f"workers-{number}"
            taken[number], read[number], octets = _by(number, folder, s3, url, bucket, deliveries, articles)
        rate = articles / taken[number]
        ratio = f"{naive.seconds / taken[number]:.2f} × naive"
        yield Line(f"ingest by {_so_many(number)}", [taken[number]], f"{rate:.1f} articles/s", ratio, None)
    told = json.loads(run(python("bench.bare", f"workers-{WORKERS[-1]}"), BENCH_S3=json.dumps(asdict(s3))).output)
    bare = told["seconds"]
    yield Line("bare loop of the same client, S3", [bare], f"{megabytes(told['bytes'] / bare)}/s", "", None)
    for number in WORKERS:
        rate, ratio = f"{megabytes(octets / read[number])}/s", f"{bare / read[number]:.2f} × bare loop"
        yield Line(f"audit by {_so_many(number)}", [read[number]], rate, ratio, None)
    shutil.rmtree(deliveries)


def _by(
    number: int, folder: Path, s3: Server, url: str, bucket: str, deliveries: Path, articles: int
) -> tuple[float, float, int]:
    """Seconds of the ingest, of the audit, and the bytes that were read."""
    home = folder / bucket
    stores = (s3.store("main", bucket), f'name = "second"\nurl = "file://{home}/second"')
    home.mkdir()
    settings = write_settings(home / "mahfuz.toml", home / "home", *stores)
    more = f'\n[database]\nurl = "{url}"\n[ingest]\nquiet_seconds = 0\ntick_seconds = 1\n'
    settings.write_text(settings.read_text() + more + "[policy]\nfixity_tick_seconds = 1\nrehearsal_days = 0\n")
    run(mahfuz(settings, "init", "--json"))
    inbox = home / "home" / "inbox" / _PUBLISHER
    catalogue = Catalogue(url)
    try:
        with _running(settings, number):
            time.sleep(5)  # what they take to start is not measured
            began = time.perf_counter()
            inbox.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(deliveries, inbox.with_name(".arriving"), copy_function=_linked)
            inbox.with_name(".arriving").rename(inbox)
            _until(lambda: _asked(catalogue, select(func.count()).select_from(Article)) == articles)
            taken = time.perf_counter() - began
            time.sleep(2)
            octets = int(_asked(catalogue, text("SELECT sum(bytes) FROM aip")))
            began = time.perf_counter()
            with catalogue.engine.begin() as bare:
                late = "UPDATE copy SET next_due = '1990-01-01', promised_until = '1990-01-01' WHERE store = 'main'"
                bare.execute(text(late))
            due = select(func.count()).select_from(Copy).where(Copy.next_due < func.now())
            _until(lambda: _asked(catalogue, due) == 0)
            return taken, time.perf_counter() - began, octets
    finally:
        catalogue.close()
        shutil.rmtree(home)


def _so_many(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"


def _linked(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def _asked(catalogue: Catalogue, statement: object) -> int:
    with catalogue.engine.connect() as bare:
        return int(bare.execute(statement).scalar_one())  # type: ignore[call-overload]


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit("the workers did not come to an end: nothing was measured")
        time.sleep(_LOOK_SECONDS)


@contextmanager
def _running(settings: Path, number: int) -> Iterator[None]:
    parts: Sequence[str] = ("clock", *["worker"] * number)
    processes = [
        subprocess.Popen(
            mahfuz(settings, part), env=surroundings(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for part in parts
    ]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
