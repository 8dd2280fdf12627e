"""An independent conformance probe finds nothing wrong with the real server, while it is restarted and written to."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from full_size import one_database, sized
from served import Served, served

from repository.models import Article
from repository.vocabulary import ArticleRecord, article_id

PROBE = Path(__file__).parents[2] / "../shared/tools/oai_probe.py"
NUMBER = sized(230, 1000)
WRITERS = 8
WRITES_OF_EACH = sized(4, 30)
PREFIX = "oai:arsiv.example.org:"
PUBLISHERS = {"Örnek Yayınevi": "publisher:ornek-yayinevi", "Ikinci Yayınevi": "publisher:ikinci-yayinevi"}
BEGUN = datetime(2024, 3, 1, 9, tzinfo=UTC)
GONE = datetime(2024, 3, 2, tzinfo=UTC)
Numbered = Callable[[int], ArticleRecord]


class Hands:
    """What the probe has done to the archive while it asks: one method for each of its hooks."""

    def __init__(self, archive: Any, article: Numbered, server: Served) -> None:
        self._archive, self._article, self._server = archive, article, server
        self._numbers = {article_id(article(place)): place for place in range(NUMBER)}
        self._next = iter(range(10_000, 1_000_000))
        self._lock = threading.Lock()

    def restart(self, _: str) -> list[str]:
        """The server ends and begins anew on its port."""
        self._server.stop()
        self._server.start()
        return []

    def touch(self, identifier: str) -> list[str]:
        """A new version of an article is preserved."""
        record = self._article(self._numbers[identifier.removeprefix(PREFIX)])
        return self._shown(self._archive.add(record, version=2))

    def delete(self, identifier: str) -> list[str]:
        """An article is withdrawn."""
        self._archive.withdraw(identifier.removeprefix(PREFIX))
        return self._shown(identifier.removeprefix(PREFIX))

    def add(self, _: str) -> list[str]:
        """A new article is preserved."""
        return self._shown(self._archive.add(self._article(next(self._next))))

    def race(self, _: str) -> list[str]:
        """Several writers preserve articles at the same time, and take their time to commit."""
        with ThreadPoolExecutor(WRITERS) as writers:
            return [PREFIX + name for names in writers.map(self._write, range(WRITERS)) for name in names]

    def _write(self, writer: int) -> list[str]:
        choose, names = random.Random(writer), []
        for _ in range(WRITES_OF_EACH):
            with self._lock:
                place = next(self._next)
            with self._archive.catalogue.writing() as session:
                names.append(self._archive.enter(session, self._article(place), "Örnek Yayınevi", None))
                time.sleep(choose.uniform(0, 0.05))
        return names

    def _shown(self, name: str) -> list[str]:
        """The probe looks at once: not before the second has come in which the change is shown."""
        with self._archive.catalogue.reading() as session:
            stamp = session.get_one(Article, name).datestamp
        time.sleep(max(0.0, (stamp - datetime.now(UTC)).total_seconds() + 0.01))
        return [PREFIX + name]


@contextmanager
def asked_by_commands(hands: Hands) -> Iterator[Callable[[str], str]]:
    """``command(name)`` is a line for the shell that has one of the hands move and prints what it says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, name, argument = self.path.split("/", 2)
            said = "\n".join(getattr(hands, name)(unquote(argument))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    asks = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1] + u.quote(sys.argv[2])).read().decode())"
    try:
        yield (
            lambda name: (
                f'{sys.executable} -c "{asks}" http://127.0.0.1:{server.server_port}/{name}/ '
                + ("{id}" if name in ("touch", "delete") else "-")
            )
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def truth(article: Numbered) -> Iterator[dict[str, Any]]:
    """What must be served of each article that ``fill`` entered."""
    for place in range(NUMBER):
        record, deleted = article(place), place % 30 == 0
        yield {
            "id": PREFIX + article_id(record),
            "datestamp": f"{GONE if deleted else BEGUN + timedelta(minutes=place // 7):%Y-%m-%dT%H:%M:%SZ}",
            "deleted": deleted,
            "sets": [PUBLISHERS["Örnek Yayınevi" if place % 6 < 4 else "Ikinci Yayınevi"]],
            "dc": {"title": [record.title, *record.translated_titles.values()]},
        }


@pytest.mark.skipif(not PROBE.is_file(), reason="the conformance probe does not lie beside this checkout")
def test_the_probe_finds_nothing_wrong(
    database_url: str, tmp_path: Path, opened: Callable[[str], AbstractContextManager[Any]], article: Numbered
) -> None:
    one_database(database_url, "sqlite")
    facts = tmp_path / "truth.jsonl"
    facts.write_text("".join(json.dumps(one) + "\n" for one in truth(article)), encoding="utf-8")
    with opened(database_url) as archive:
        archive.fill(NUMBER)
        for name in archive.ids[::30]:
            archive.withdraw(name, datestamp=GONE)
        with (
            served(tmp_path / "home", database_url, oai="page_size = 100") as server,
            asked_by_commands(Hands(archive, article, server)) as command,
        ):
            names = ("touch", "delete", "add", "restart", "race")
            hooks = [word for name in names for word in (f"--{name}-cmd", command(name))]
            done = subprocess.run(
                [sys.executable, PROBE, server.oai, "--quiet", "--truth", facts, *hooks],
                capture_output=True,
                text=True,
                timeout=900,
                check=False,
            )
    assert done.stdout.strip().endswith(" 0 failed"), done.stdout + done.stderr
    assert "hook failed" not in done.stdout
    assert "SKIP  [MUST  ] hook" not in done.stdout
    assert int(done.stdout.strip().splitlines()[-1].split()[0]) > 300
    assert done.returncode == 0
    print(done.stdout)
