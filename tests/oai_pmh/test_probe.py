"""An independent conformance probe finds nothing wrong with a window that is served on a real port."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from oai_pmh.web import Window, blueprint

PROBE = Path(__file__).parents[2] / "../shared/tools/oai_probe.py"


class Quiet(WSGIRequestHandler):
    """Speaks HTTP/1.1 and keeps no log."""

    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        """Nothing is said."""


@contextmanager
def served(window: Window) -> Iterator[str]:
    """The window on a free port of this machine; its address."""
    app = Flask("window")
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    address = f"http://127.0.0.1:{server.server_port}"
    app.register_blueprint(blueprint(replace(window, base_url=address)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{address}/oai"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(not PROBE.is_file(), reason="the conformance probe does not lie beside this checkout")
def test_the_probe_finds_nothing_wrong(archive: Any, window: Window) -> None:
    archive.fill(230)
    for name in archive.ids[::30]:
        archive.withdraw(name, datestamp=datetime(2024, 3, 2, tzinfo=UTC) + timedelta(seconds=1))
    with served(replace(window, page_size=100)) as address:
        done = subprocess.run(
            [sys.executable, PROBE, address, "--quiet"], capture_output=True, text=True, timeout=300, check=False
        )
    assert done.stdout.strip().endswith(" 0 failed"), done.stdout + done.stderr
    assert int(done.stdout.strip().splitlines()[-1].split()[0]) > 300
    assert done.returncode == 0
