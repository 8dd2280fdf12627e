"""A home with stores of its own, worked on by the real command as its users work on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from servers import S3Server
from warm import Begun, Warm

_WARM = Warm()


def folder_store_table(name: str, home: Path) -> str:
    """The settings of a store in a folder of ``home``."""
    return f'[[stores]]\nname = "{name}"\nurl = "file://{home}/{name}"\n'


def s3_store_table(name: str, server: S3Server, bucket: str) -> str:
    """The settings of a store on the real S3 server."""
    return (
        f'[[stores]]\nname = "{name}"\nurl = "s3://{bucket}"\nendpoint_url = "{server.endpoint_url}"\n'
        f'access_key = "{server.access_key}"\nsecret_key = "{server.secret_key}"\n'
    )


class Installation:
    """One archive: its settings file, its home, and the command."""

    def __init__(self, home: Path, *stores: str, more: str = "") -> None:
        self.home = home
        home.mkdir()
        self.file = home / "mahfuz.toml"
        self.file.write_text(f'[archive]\nhome = "{home}"\n{more}\n' + "".join(stores), encoding="utf-8")
        self.file.chmod(0o600)  # secrets stand in it

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """The command, started as a user's shell would."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAHFUZ_")}
        return subprocess.Popen(
            [sys.executable, "-m", "config.cli", "--config", str(self.file), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).parent.parent,
        )

    def serve(self, port: int) -> Begun:
        """Its web server, in a process of its own; no test is about how it starts."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAHFUZ_")}
        words = ["--config", str(self.file), "serve", "--port", str(port)]
        with Path(os.devnull).open("wb") as nothing:
            return _WARM.begin(words, environment, nothing, nothing)

    def tell(self, *words: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAHFUZ_")}
        status, out, err = _WARM.tell(["--config", str(self.file), *words], environment, 300)
        return status, out.decode(), err.decode()

    def run(self, *words: str, status: int = 0) -> Any:
        """The JSON document of a command that must end with ``status``."""
        found, out, err = self.tell(*words, "--json")
        assert found == status, (found, out[-2000:], err[-2000:])
        return json.loads(out)

    def objects(self, store: str) -> list[str]:
        """Every file that lies in a store that is a folder."""
        root = self.home / store
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
