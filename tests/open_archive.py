"""A whole archive with two stores in folders, open on a port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installation import folder_store_table
from werkzeug.serving import WSGIRequestHandler, make_server

from config import wiring
from config.app import create_app
from config.commands.ingesting import receive_once, wait_until_visible
from config.settings import load
from config.wiring import Archive
from ingest.receipts import Receipt
from repository.catalogue import feeds
from repository.models import Feed

_AT_ONCE = "[ingest]\nquiet_seconds = 0\n"


class Quiet(WSGIRequestHandler):
    """Speaks HTTP/1.1 and keeps no log."""

    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        """Nothing is said."""


@dataclass
class OpenArchive:
    """``base`` is its address."""

    base: str
    archive: Archive

    def receive(self) -> list[Receipt]:
        """What `mahfuz receive` does; when it returns, harvesters are shown what came."""
        done = list(receive_once(self.archive, self.archive.door()))
        wait_until_visible(done)
        return done

    def told(self, feed: str) -> Feed:
        """How the feed's last look ended."""
        with self.archive.catalogue.reading() as session:
            row = feeds.state_of(session, feed)
        assert row is not None
        return row


@contextmanager
def open_archive(home: Path, *tables: str, settings: str = _AT_ONCE, database: str = "") -> Iterator[OpenArchive]:
    """It is open for as long as the block lasts; ``settings`` come before the stores, ``tables`` after them."""
    server = make_server("127.0.0.1", 0, lambda *_: iter(()), threaded=True, request_handler=Quiet)
    base = f"http://127.0.0.1:{server.server_port}"
    home.mkdir(parents=True, exist_ok=True)
    file = home / "mahfuz.toml"
    file.write_text(
        f'[archive]\nhome = "{home}"\nbase_url = "{base}"\n[database]\nurl = "{database}"\n'
        f"{settings}\n" + folder_store_table("ankara", home) + folder_store_table("izmir", home) + "".join(tables),
        encoding="utf-8",
    )
    with wiring.opened(load(file, {}).settings) as archive:
        wiring.initialise(archive)
        server.app = create_app(wiring.rooms(archive))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield OpenArchive(base, archive)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
