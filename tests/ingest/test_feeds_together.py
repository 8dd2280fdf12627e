"""Several feeds of one archive, most of them broken: each is told with its cause, none stops another, all go on."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

import asyncssh
import pytest
from deliveries import Published, delivery
from open_archive import OpenArchive, open_archive
from sftp_server import PASSWORD, USER, sftp_server

CAUSES = {
    "down": "cannot be reached",
    "impostor": "shows another host key",
    "secret": "feeds.secret.password_file",
    "page": "not answered by OAI-PMH",
    "missing": "there is no folder",
    "nobody": "is not known",
}


def free_port() -> int:
    """A port at which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def table(name: str, kind: str, url: str, **more: str) -> str:
    given = {"name": name, "publisher": f"Yayınevi {name}", "kind": kind, "url": url, **more}
    lines = [f"{key} = {value!r}" for key, value in given.items()]
    return "\n".join(["[[feeds]]", *lines, "" if kind == "oai" else "quiet_seconds = 0", ""])


def told(archive: OpenArchive) -> dict[str, str | None]:
    return {name: archive.told(name).last_error for name in (*CAUSES, "good")}


@pytest.fixture
def outgoing(tmp_path: Path) -> Path:
    folder = tmp_path / "outgoing"
    folder.mkdir()
    delivery(folder / "issue.zip", [Published("10.5555/besleme.1")])
    return folder


def test_broken_feeds_stop_nobody_say_why_and_go_on_by_themselves(tmp_path: Path, outgoing: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    secret, missing, port = tmp_path / "password", tmp_path / "missing", free_port()
    with sftp_server(outgoing, key) as right, open_archive(tmp_path / "page") as page, ExitStack() as first:
        impostor = first.enter_context(sftp_server(outgoing))
        account = {"user": USER, "known_hosts": right.host_key}
        tables = (
            table("down", "sftp", f"sftp://127.0.0.1:{port}/", password=PASSWORD, **account),
            table("impostor", "sftp", f"sftp://127.0.0.1:{impostor.port}/", password=PASSWORD, **account),
            table("secret", "sftp", f"sftp://127.0.0.1:{right.port}/", password_file=str(secret), **account),
            table("page", "oai", f"{page.base}/titles"),
            table("missing", "folder", missing.as_uri()),
            table("nobody", "https", "https://no-such-host.invalid/out/"),
            table("good", "folder", outgoing.as_uri()),
        )
        with open_archive(tmp_path / "home", *tables) as ours:
            (receipt,) = ours.receive()
            assert receipt.publisher == "Yayınevi good"
            said = told(ours)
            assert said.pop("good") is None
            for name, cause in CAUSES.items():
                assert cause in (said[name] or ""), (name, said[name])
            assert impostor.bytes_read == []
            since = {name: ours.told(name).error_since for name in CAUSES}

            first.close()
            secret.write_text(PASSWORD, encoding="utf-8")
            missing.mkdir()
            delivery(missing / "issue.zip", [Published("10.5555/besleme.2")])
            with sftp_server(outgoing, key, port), sftp_server(outgoing, key, impostor.port):
                came = {receipt.publisher for receipt in ours.receive()}
            assert came == {f"Yayınevi {name}" for name in ("down", "impostor", "secret", "missing")}
            assert {name for name, error in told(ours).items() if error} == {"page", "nobody"}
            assert {ours.told(name).error_since for name in ("page", "nobody")} == {since["page"], since["nobody"]}
