"""A full OAI-PMH harvest beside static files of the same octets and beside two libraries, all behind one server."""

from __future__ import annotations

import gzip
import http.client
import importlib.util
import re
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.measure import ROOT, Line, mahfuz, python, reap, run, surroundings, write_settings

_FIRST = "verb=ListRecords&metadataPrefix=oai_dc"
_TOKEN = re.compile(rb"<resumptionToken[^>]*>([^<]+)</resumptionToken>")
_TAIL = 4000
"""Octets at the end of a page among which its token is."""

WORKERS, THREADS = 2, 16
PEERS_READ = 20_000
"""So many records are harvested from the libraries at most: from the beginning, where they are fastest."""


@dataclass(frozen=True)
class Harvest:
    """One harvest to its end: how many records, and the seconds of each page, from the request to its last octet."""

    records: int
    pages: tuple[float, ...]
    octets: int

    @property
    def seconds(self) -> float:
        """Of all pages."""
        return sum(self.pages)

    @property
    def deepening(self) -> float:
        """How many times as long as the first twentieth of the pages the last one takes."""
        some = max(1, len(self.pages) // 20)
        return sum(self.pages[-some:]) / sum(self.pages[:some])


def bench(folder: Path, *, records: int, rounds: int) -> list[Line]:
    """Fill a catalogue, lay its records ready, then harvest it in every way, in turn."""
    home = folder / "harvest"
    home.mkdir()
    stores = [f'name = "{name}"\nurl = "file://{home}/{name}"' for name in ("main", "second")]
    settings = write_settings(home / "mahfuz.toml", home / "home", *stores)
    run(mahfuz(settings, "init", "--json"))
    run(python("bench.catalogue", "fill", str(settings), str(records)))
    laid = run(python("bench.catalogue", "prepare", str(settings), str(records)))
    pages = home / "pages"
    pages.mkdir()
    done: dict[str, list[Harvest]] = {}
    memory: list[int] = []
    with _serving(mahfuz(settings, "serve", "--workers", str(WORKERS)), memory) as port:
        _keep(port, pages, records)
        surroundings_of_peers = {
            "BENCH_PAGES": str(pages),
            "BENCH_CATALOGUE": str(home / "home" / "mahfuz.sqlite"),
            "BENCH_RECORDS": str(records),
        }
        with _serving(_behind("static"), [], **surroundings_of_peers) as files:
            for _ in range(rounds):
                for what, harvested in (
                    ("static files", _static(files, pages, "xml")),
                    ("mahfuz", _harvest(port)),
                    ("static files, gzip", _static(files, pages, "xml.gz")),
                    ("mahfuz, gzip", _harvest(port, gzipped=True)),
                ):
                    if harvested.records != records:
                        raise SystemExit(f"{what}: {harvested.records} of {records} records came: nothing was measured")
                    done.setdefault(what, []).append(harvested)
    for library in ("pyoai", "oai_repo"):
        if importlib.util.find_spec("oaipmh" if library == "pyoai" else library) is not None:
            with _serving(_behind(library), [], **surroundings_of_peers) as port:
                done[library] = [_harvest(port, most=PEERS_READ) for _ in range(rounds)]
    return [
        Line("records laid ready, and their headers", [float(laid.output)], _rate(records, laid.output), "", laid.peak),
        *_lines(done, max(memory)),
    ]


def _lines(done: dict[str, list[Harvest]], peak: int) -> Iterator[Line]:
    rates = {what: median(one.records / one.seconds for one in harvests) for what, harvests in done.items()}
    for what, harvests in done.items():
        said = []
        if what.startswith("mahfuz"):
            said.append(f"{rates[what] / rates['static files' + what.removeprefix('mahfuz')]:.2f} × static")
            said += [f"{rates[what] / rates[one]:.1f} × {one}" for one in ("pyoai", "oai_repo") if one in rates]
            said.append(f"last page {median(one.deepening for one in harvests):.2f} × first")
        yield Line(
            f"{what} ({harvests[0].octets / 1e6:,.0f} MB)",
            [one.seconds for one in harvests],
            f"{rates[what]:,.0f} records/s",
            ", ".join(said),
            peak if what.startswith("mahfuz") else None,
        )


def _rate(records: int, seconds: str) -> str:
    return f"{2 * records / float(seconds):,.0f} records/s"


def _behind(what: str) -> list[str]:
    """The server that `mahfuz serve` is too, with the same number of processes and threads, before something else."""
    sizes = ["--workers", str(WORKERS), "--threads", str(THREADS)]
    return [sys.executable, "-m", "gunicorn", "-k", "gthread", *sizes, "--log-level", "warning", f"bench.peers:{what}"]


@contextmanager
def _serving(command: Sequence[str], memory: list[int], **more: str) -> Iterator[int]:
    """The port at which the server answers; what its largest process had at most is noted when it has ended."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    where = ["--port", str(port)] if "config.cli" in command else ["--bind", f"127.0.0.1:{port}"]
    server = subprocess.Popen([*command, *where], cwd=ROOT, env=surroundings(**more), start_new_session=True)
    try:
        _wait_for(server, port)
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        memory.append(reap(server)[1])


def _harvest(port: int, *, gzipped: bool = False, most: int | None = None) -> Harvest:
    """From the first request to the empty token, or until ``most`` records have come."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Accept-Encoding": "gzip"} if gzipped else {}
    found, octets, times, query = 0, 0, [], _FIRST
    while query and (most is None or found < most):
        page, length, seconds = _fetched(connection, f"/oai?{query}", headers, gzipped=gzipped)
        times.append(seconds)
        octets += length
        found += page.count(b"<record>")
        token = _TOKEN.search(page, max(0, len(page) - _TAIL))
        query = "verb=ListRecords&resumptionToken=" + token[1].decode() if token else ""
    connection.close()
    return Harvest(found, tuple(times), octets)


def _static(port: int, pages: Path, ending: str) -> Harvest:
    """The same pages, in their order, as files: whoever reads them looks for the token too."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    found, octets, times = 0, 0, []
    for file in sorted(pages.glob(f"*.{ending}")):
        page, length, seconds = _fetched(connection, f"/{file.name}", {}, gzipped=ending.endswith("gz"))
        times.append(seconds)
        octets += length
        found += page.count(b"<record>")
        _TOKEN.search(page, max(0, len(page) - _TAIL))
    connection.close()
    return Harvest(found, tuple(times), octets)


def _fetched(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str], *, gzipped: bool
) -> tuple[bytes, int, float]:
    """The text of a page, how many octets came, and in how many seconds, unpacked."""
    began = time.perf_counter()
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"{path} was answered with {answer.status}")
    body = answer.read()
    page = zlib.decompress(body, 31) if gzipped else body
    return page, len(body), time.perf_counter() - began


def _keep(port: int, pages: Path, records: int) -> None:
    """Every page as a file, plain and in gzip."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    query, found = _FIRST, 0
    while query:
        page, _, _ = _fetched(connection, f"/oai?{query}", {}, gzipped=False)
        name = f"{found:09}.xml"
        (pages / name).write_bytes(page)
        (pages / f"{name}.gz").write_bytes(gzip.compress(page, 6))
        found += page.count(b"<record>")
        token = _TOKEN.search(page, max(0, len(page) - _TAIL))
        query = "verb=ListRecords&resumptionToken=" + token[1].decode() if token else ""
    connection.close()
    if found != records:
        raise SystemExit(f"the harvest brought {found} of {records} records: nothing was measured")


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not answer; its complaint is above")
