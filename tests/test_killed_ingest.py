"""An ingest that is killed again and again, and run again, ends where an undisturbed one ends."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published, delivery
from servers import S3Server

from repository.vocabulary import bag_key

ARTICLES = 40
KILLS = 25
SEED = 20261123


class Installation:
    """A home with two stores of its own, worked on by the real command."""

    def __init__(self, home: Path, s3: Mapping[str, str]) -> None:
        self.home = home
        home.mkdir()
        self.file = home / "mahfuz.toml"
        self.file.write_text(
            f"""
[archive]
home = "{home}"
[[stores]]
name = "s3"
url = "s3://{s3["bucket"]}"
endpoint_url = "{s3["endpoint_url"]}"
access_key = "{s3["access_key"]}"
secret_key = "{s3["secret_key"]}"
[[stores]]
name = "folder"
url = "file://{home}/store"
""",
            encoding="utf-8",
        )

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MAHFUZ_")}
        return subprocess.Popen(
            [sys.executable, "-m", "config.cli", "--config", str(self.file), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).parent.parent,
        )

    def run(self, *words: str) -> Any:
        process = self.start(*words, "--json")
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, (process.returncode, out[-2000:], err[-2000:])
        return json.loads(out)

    def objects(self) -> list[str]:
        store = self.home / "store"
        return sorted(path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file())


def bags(installation: Installation) -> dict[str, bytes]:
    store = installation.home / "store"
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in sorted(store.rglob("v*.tar"))}


@pytest.fixture
def s3_place(s3_server: S3Server, make_bucket: Callable[[], str]) -> Callable[[], dict[str, str]]:
    """A new bucket each time, as settings name it."""
    return lambda: {
        "bucket": make_bucket(),
        "endpoint_url": s3_server.endpoint_url,
        "access_key": s3_server.access_key,
        "secret_key": s3_server.secret_key,
    }


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    return delivery(tmp_path / "issue.zip", [Published(f"10.5555/kill.{number}") for number in range(ARTICLES)])


def test_a_killed_ingest_run_again_ends_as_an_undisturbed_one(
    tmp_path: Path, sent: Path, s3_place: Callable[[], Mapping[str, str]]
) -> None:
    undisturbed = Installation(tmp_path / "undisturbed", s3_place())
    began = time.monotonic()
    undisturbed.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
    whole = time.monotonic() - began

    killed = Installation(tmp_path / "killed", s3_place())
    moments = random.Random(SEED)
    deaths, finished = 0, 0
    while deaths < KILLS and finished < KILLS:
        process = killed.start("ingest", str(sent), "--publisher", "Örnek Yayınevi")
        try:
            process.communicate(timeout=moments.uniform(0.2, 1.0) * whole)
            finished += 1
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            assert process.returncode == -signal.SIGKILL, "it really was killed"
            deaths += 1
    assert deaths >= 5, (deaths, finished)

    answer = killed.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
    (receipt,) = answer["deliveries"]
    assert receipt["state"] in ("accepted", "unchanged")
    assert len(receipt["articles"]) == ARTICLES
    status = killed.run("status")
    assert (status["articles"], status["aips"], status["deliveries"]) == (ARTICLES, ARTICLES, {"accepted": 1})
    assert status["copies"] == {"folder": {"intact": ARTICLES}, "s3": {"intact": ARTICLES}}
    assert bags(killed) == bags(undisturbed), "the same seals, no other object"
    expected = sorted(bag_key(line["id"], 1) for line in receipt["articles"])
    assert [name for name in killed.objects() if name.endswith(".tar")] == expected
    assert [name for name in killed.objects() if not name.endswith(".tar")] == [".mahfuz-store"], "nothing is left over"
    audit = killed.run("audit", "--all")
    assert (audit["expected"], audit["intact"]) == (2 * ARTICLES, 2 * ARTICLES)
    assert not any((killed.home / "staging").iterdir())
