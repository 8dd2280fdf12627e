"""The S3 server that both sides of the bench write to: the archive's own embedded one, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.measure import ROOT, python, surroundings


@dataclass(frozen=True)
class Server:
    """Where it is and with which keys."""

    endpoint_url: str
    access_key: str
    secret_key: str

    def store(self, name: str, bucket: str) -> str:
        """A ``[[stores]]`` table for one bucket of it."""
        values = {"name": name, "url": f"s3://{bucket}", **asdict(self)}
        return "\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items())


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server with its data in ``folder`` while the block runs."""
    folder.mkdir()
    process = subprocess.Popen(
        python("bench.s3", str(folder)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=surroundings(),
        start_new_session=True,  # Ctrl-C reaches us, and we end it in order
    )
    try:
        assert process.stdout is not None
        if not (line := process.stdout.readline()):
            raise SystemExit("the embedded S3 server did not start; its complaint is above")
        yield Server(**json.loads(line))
    finally:
        process.communicate()


def _hold(folder: Path) -> None:
    from config.embedded import embedded_s3

    with embedded_s3(folder) as server:
        keys = {"access_key": server.access_key, "secret_key": server.secret_key}
        sys.stdout.write(json.dumps({"endpoint_url": server.endpoint_url, **keys}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    _hold(Path(sys.argv[1]))
