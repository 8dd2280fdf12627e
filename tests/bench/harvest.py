"""A full OAI-PMH harvest, inside the process and over HTTP, against the query of the same rows."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.measure import (
    ROOT,
    Line,
    Run,
    mahfuz,
    peak_of,
    python,
    reap,
    run,
    seconds_of,
    surroundings,
    write_settings,
)

_FIRST = "verb=ListRecords&metadataPrefix=oai_dc"
_TOKEN = re.compile(rb"<resumptionToken[^>]*>([^<]+)</resumptionToken>")


def bench(folder: Path, *, records: int, rounds: int) -> list[Line]:
    """Fill a catalogue, then read it to the end in three ways, in turn."""
    home = folder / "harvest"
    home.mkdir()
    stores = [f'name = "{name}"\nurl = "file://{home}/{name}"' for name in ("main", "second")]
    settings = write_settings(home / "mahfuz.toml", home / "home", *stores)
    run(mahfuz(settings, "init", "--json"))
    run(python("bench.catalogue", "fill", str(settings), str(records)))
    ways: dict[str, list[Run]] = {"rows": [], "wsgi": []}
    loopback: list[float] = []
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    server = subprocess.Popen(
        mahfuz(settings, "serve", "--port", str(port)), cwd=ROOT, env=surroundings(), start_new_session=True
    )
    try:
        _wait_for(server, port)
        for _ in range(rounds):
            for way, done in ways.items():
                one = run(python("bench.catalogue", way, str(settings), str(records)))
                done.append(Run(float(one.output), one.peak, ""))
            loopback.append(_harvest_over_http(port, records))
    finally:
        server.send_signal(signal.SIGTERM)
        _, server_peak = reap(server)
    rows, wsgi = ways["rows"], ways["wsgi"]
    base = median(seconds_of(rows))

    def line(what: str, seconds: list[float], peak: int) -> Line:
        ratio = "" if what.startswith("query") else f"{base / median(seconds):.2f} × query"
        return Line(what, seconds, f"{records / median(seconds):,.0f} records/s", ratio, peak)

    return [
        line("query of the same rows, to the end", seconds_of(rows), peak_of(rows)),
        line("ListRecords inside the process (WSGI)", seconds_of(wsgi), peak_of(wsgi)),
        line("ListRecords over HTTP (mahfuz serve, loopback)", loopback, server_peak),
    ]


def harvest(get: Callable[[str], bytes], records: int) -> float:
    """Seconds of one harvest from the first request to the empty token; every record has to be there."""
    began = time.perf_counter()
    found, query = 0, _FIRST
    while True:
        page = get(query)
        found += page.count(b"<record>")
        token = _TOKEN.search(page)
        if token is None:
            break
        query = "verb=ListRecords&resumptionToken=" + token[1].decode()
    seconds = time.perf_counter() - began
    if found != records:
        raise SystemExit(f"the harvest brought {found} of {records} records: nothing was measured")
    return seconds


def _harvest_over_http(port: int, records: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(query: str) -> bytes:
        connection.request("GET", f"/oai?{query}")
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"/oai?{query} was answered with {answer.status}")
        return answer.read()

    try:
        return harvest(get, records)
    finally:
        connection.close()


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("mahfuz serve did not answer; its complaint is above")
