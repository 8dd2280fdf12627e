"""Audit of both stores against bagit on the same bags unpacked, and against what the processor can hash at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.measure import Line, Run, mahfuz, megabytes, peak_of, python, run, seconds_of


def bench(folder: Path, settings: Path, second: Path, *, rounds: int) -> list[Line]:
    """Every copy of each store read by the real command, in turn with bagit; all from the page cache."""
    bags = sorted(second.rglob("v*.tar"))
    size = sum(bag.stat().st_size for bag in bags)
    unpacked = folder / "unpacked"
    unpacked.mkdir()
    for bag in bags:
        with tarfile.open(bag) as tar:
            tar.extractall(unpacked, filter="data")
    folders = sorted(map(str, unpacked.iterdir()))
    runs: dict[str, list[Run]] = {"second": [], "main": [], "bagit": []}
    inside: dict[str, list[float]] = {"second": [], "main": []}
    for _ in range(rounds):
        for store, seconds in inside.items():
            done = run(mahfuz(settings, "audit", "--all", "--store", store, "--no-mend", "--json"))
            report = json.loads(done.output)
            if not report["expected"] == report["intact"] == len(bags) or report["bytes"] != size:
                raise SystemExit(f"the audit of {store} did not find {len(bags)} intact bags: {done.output[:500]}")
            runs[store].append(done)
            seconds.append(report["seconds"])
        runs["bagit"].append(run(python("bagit", "--validate", "--quiet", *folders)))
    shutil.rmtree(unpacked)
    ceiling = _hashing()
    bagit = seconds_of(runs["bagit"])
    base = median(bagit)
    lines = []
    if ceiling is not None:
        cores = os.cpu_count() or 1
        lines.append(Line(f"openssl speed sha256, {cores} processes", (), f"{megabytes(ceiling)}/s", "", None))
    peak = peak_of(runs["bagit"])
    lines.append(_line(f"bagit --validate, one process, {len(bags)} bags unpacked", bagit, size, peak))
    for store, name in (("second", "folder"), ("main", "S3")):
        whole, peak = seconds_of(runs[store]), peak_of(runs[store])
        lines.append(_line(f"mahfuz audit, {name}", whole, size, peak, base, ceiling))
        lines.append(_line(f"the same without start-up, {name}", inside[store], size, None, base, ceiling))
    return lines


def _line(
    what: str,
    seconds: Sequence[float],
    size: int,
    peak: int | None,
    base: float | None = None,
    ceiling: float | None = None,
) -> Line:
    middle = median(seconds)
    ratio = f"{base / middle:.2f} × bagit" if base else ""
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
