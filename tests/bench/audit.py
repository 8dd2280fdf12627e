"""Audit of both stores against bagit, against a bare loop, and against what the processor can hash at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from bench.measure import Line, Run, mahfuz, megabytes, peak_of, python, run, seconds_of, write_settings
from bench.s3 import Server


def bench(folder: Path, server: Server, settings: Path, second: Path, bucket: str, *, rounds: int) -> list[Line]:
    """Every copy of each store read by the real command, in turn with the baselines; all from the page cache.

    The folder's baseline is bagit, the bucket's a bare loop with the same client.
    """
    bags = sorted(second.rglob("v*.tar"))
    size = sum(bag.stat().st_size for bag in bags)
    unpacked = folder / "unpacked"
    unpacked.mkdir()
    for bag in bags:
        with tarfile.open(bag) as tar:
            tar.extractall(unpacked, filter="data")
    folders = sorted(map(str, unpacked.iterdir()))
    runs: dict[str, list[Run]] = {"second": [], "main": [], "bagit": [], "bare": []}
    inside: dict[str, list[float]] = {"second": [], "main": [], "bare": []}
    for _ in range(rounds):
        for store in ("second", "main"):
            done = run(mahfuz(settings, "audit", "--all", "--store", store, "--no-mend", "--json"))
            report = json.loads(done.output)
            if not report["expected"] == report["intact"] == len(bags) or report["bytes"] != size:
                raise SystemExit(f"the audit of {store} did not find {len(bags)} intact bags: {done.output[:500]}")
            runs[store].append(done)
            inside[store].append(report["seconds"])
        runs["bagit"].append(run(python("bagit", "--validate", "--quiet", *folders)))
        runs["bare"].append(run(python("bench.bare", bucket), BENCH_S3=json.dumps(asdict(server))))
        told = json.loads(runs["bare"][-1].output)
        if (told["bags"], told["bytes"]) != (len(bags), size):
            raise SystemExit(f"the bare loop found {told} in {bucket}: nothing was measured")
        inside["bare"].append(told["seconds"])
    shutil.rmtree(unpacked)
    ceiling = _hashing()
    bagit, bare = median(seconds_of(runs["bagit"])), median(inside["bare"])
    lines = []
    if ceiling is not None:
        cores = os.cpu_count() or 1
        lines.append(Line(f"openssl speed sha256, {cores} processes", (), f"{megabytes(ceiling)}/s", "", None))
    peak = peak_of(runs["bagit"])
    words = f"bagit --validate, one process, {len(bags)} bags unpacked"
    lines.append(_line(words, seconds_of(runs["bagit"]), size, peak))
    lines.append(_line("bare loop of the same client, S3, no start-up", inside["bare"], size, peak_of(runs["bare"])))
    for store, name in (("second", "folder"), ("main", "S3")):
        whole, peak = seconds_of(runs[store]), peak_of(runs[store])
        loop = bare if store == "main" else None
        lines.append(_line(f"mahfuz audit, {name}", whole, size, peak, bagit, ceiling))
        lines.append(_line(f"the same without start-up, {name}", inside[store], size, None, bagit, ceiling, loop))
    return lines


def large(folder: Path, server: Server, *, bags: int, size: int, rounds: int) -> list[Line]:
    """The same over a few large bags in an archive of their own."""
    home = folder / "large"
    home.mkdir()
    stores = (server.store("main", "large"), f'name = "second"\nurl = "file://{home}/second"')
    settings = write_settings(home / "mahfuz.toml", home / "home", *stores)
    run(python("bench.large", str(settings), str(bags), str(size)))
    lines = bench(home, server, settings, home / "second", "large", rounds=rounds)
    shutil.rmtree(home)
    return lines


def _line(
    what: str,
    seconds: Sequence[float],
    size: int,
    peak: int | None,
    base: float | None = None,
    ceiling: float | None = None,
    bare: float | None = None,
) -> Line:
    middle = median(seconds)
    ratio = f"{base / middle:.2f} × bagit" if base else ""
    if bare:
        ratio += f", {bare / middle:.2f} × bare loop"
    if base and ceiling:
        ratio += f", {size / middle / ceiling:.0%} of openssl"
    return Line(what, seconds, f"{megabytes(size / middle)}/s", ratio, peak)


def _hashing() -> float | None:
    """Bytes a second that openssl digests with SHA-256 on all cores together; None where there is no openssl."""
    if shutil.which("openssl") is None:
        return None
    words = ["openssl", "speed", "-seconds", "2", "-bytes", "1048576", "-multi", str(os.cpu_count() or 1)]
    said = run([*words, "-evp", "sha256"]).output
    found = re.findall(r"(?m)^(?:evp|sha256)\s+([\d.]+)k\s*$", said, re.IGNORECASE)
    return float(found[-1]) * 1000 if found else None
