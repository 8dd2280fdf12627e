"""What docs/deploy/ has for systemd and for containers: judged by their own programs, each command by our own."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import click
import pytest
from installation import Installation, folder_store_table
from served import free_port

from config.commands import mahfuz
from config.settings import load

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted(unit for unit in (DEPLOY / "systemd").iterdir() if unit.is_file())
SERVICES = [unit.name.replace("@.", "@1.") for unit in UNITS if unit.suffix == ".service"]
MOST_EXPOSED = 20
"""In tenths: 2.0 of 10, where systemd calls everything below 2.5 OK."""

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


class Unit(configparser.RawConfigParser):
    """A unit's sections; a key that is given twice has both values, a line each."""

    optionxform = staticmethod(str)  # type: ignore[assignment]

    def __init__(self, file: Path) -> None:
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#",), interpolation=None)
        self.read(file, encoding="utf-8")


def parsed(words: list[str]) -> click.Context:
    """``mahfuz`` with these words, as far as its options and commands go; nothing is done."""
    command: click.Command = mahfuz
    context = command.make_context("mahfuz", list(words))
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None, words
        command = found
        if name == "worker" and not any("--queues" in one.opts for one in command.params):
            pytest.skip("the worker of this version has no queues")
        context = command.make_context(str(name), rest, parent=context)
    return context


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as they would lie in /etc/systemd/system, where a program stands at the path that they name."""
    folder = tmp_path_factory.mktemp("system")
    shutil.copytree(DEPLOY / "systemd", folder, dirs_exist_ok=True)
    for unit in folder.glob("*.service"):
        text = unit.read_text(encoding="utf-8")
        assert "ExecStart=/srv/mahfuz/venv/bin/mahfuz " in text
        unit.write_text(text.replace("/srv/mahfuz/venv/bin/mahfuz", "/bin/true"), encoding="utf-8")
    return folder


def analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_LOG_COLOR": "0"}
    return subprocess.run(
        ["systemd-analyze", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@needs_analyze
def test_systemd_finds_nothing_wrong_with_the_units(installed: Path) -> None:
    names = [unit.name.replace("@.", "@1.") for unit in UNITS]
    assert len(names) == 7
    done = analyze(installed, "verify", *(f"./{name}" for name in names))
    assert (done.returncode, done.stderr.strip()) == (0, "")


@needs_analyze
@pytest.mark.parametrize("service", SERVICES)
def test_every_part_may_do_little(installed: Path, service: str) -> None:
    done = analyze(installed, "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", service)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout


@needs_analyze
def test_a_part_without_the_common_file_would_be_told(installed: Path, tmp_path: Path) -> None:
    for unit in installed.glob("mahfuz-clock.service"):
        shutil.copy(unit, tmp_path)
    done = analyze(tmp_path, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", "mahfuz-clock.service")
    assert done.returncode != 0


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: str(unit.name))
def test_every_unit_gives_a_command_that_there_is(unit: Path) -> None:
    service = Unit(unit)["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert program == "/srv/mahfuz/venv/bin/mahfuz"
    environment = dict(pair.split("=", 1) for pair in shlex.split(service.get("Environment", "")))
    words = [re.sub(r"\$\{(\w+)\}", lambda found: environment[found[1]], word) for word in words]
    parsed(words)


def test_the_common_file_overrides_nothing_that_a_unit_says(tmp_path: Path) -> None:
    common = Unit(DEPLOY / "systemd" / "mahfuz-.service.d" / "50-mahfuz.conf")["Service"]
    (variable, value) = common["Environment"].split("=")
    assert (variable, value) == ("MAHFUZ_CONFIG", "/etc/mahfuz/mahfuz.toml")
    for unit in UNITS:
        for key in dict(Unit(unit)).get("Service", ()):
            assert key not in common or key in ("Environment", "ReadWritePaths"), (
                f"{unit.name}: {key} is overridden by it"
            )


@pytest.fixture
def archive(tmp_path: Path) -> Installation:
    home = tmp_path / "home"
    one = Installation(home, folder_store_table("first", home), folder_store_table("second", home))
    one.run("init")
    return one


def test_the_web_server_tells_systemd_when_it_answers(archive: Installation, tmp_path: Path) -> None:
    """Type=notify: sd_notify(3), one datagram from the main process."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(60)
        port = free_port()
        command = [sys.executable, "-m", "config.cli", "--config", str(archive.file), "serve", "--port", str(port)]
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        try:
            assert "READY=1" in told.recv(4096).decode().splitlines()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=60) as answer:
                assert answer.status == 200
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not installed")
def test_it_takes_the_port_that_systemd_holds_for_it(archive: Installation) -> None:
    port = free_port()
    command = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", sys.executable, "-m", "config.cli"]
    command += ["--config", str(archive.file), "serve"]
    kept = {f"-E{name}={os.environ[name]}" for name in ("PYTHONPATH",) if name in os.environ}
    process = subprocess.Popen([command[0], *kept, *command[1:]], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.3)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=60) as answer:
            assert answer.read() == b"ready\n"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICE_KEYS = {
    "image", "build", "restart", "init", "read_only", "tmpfs", "cap_drop", "security_opt", "configs", "secrets",
    "volumes", "command", "depends_on", "ports", "stop_grace_period", "healthcheck", "environment", "shm_size",
    "profiles", "hostname",
}  # fmt: skip
"""Of the Compose specification, those that the file uses."""


def test_the_compose_file_names_only_what_it_has() -> None:
    assert set(COMPOSE) == {"name", "x-mahfuz", "services", "configs", "secrets", "volumes"}
    for name, service in COMPOSE["services"].items():
        assert set(service) <= SERVICE_KEYS, name
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        assert {one["source"] for one in service.get("configs", [])} <= set(COMPOSE["configs"])
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]
        for other, how in service.get("depends_on", {}).items():
            needed = COMPOSE["services"][other]
            if how["condition"] == "service_healthy":
                assert "test" in needed["healthcheck"]
            assert how["condition"] in ("service_healthy", "service_completed_successfully")
        assert re.search(r":\d[\w.]*$", service["image"]), f"{name}: the image is named with its version"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert "POSTGRES_PASSWORD" not in service.get("environment", {})
    for one in (*COMPOSE["configs"].values(), *COMPOSE["secrets"].values()):
        assert one["file"].startswith("./")


@pytest.mark.parametrize("name", ["init", "web", "clock", "worker"])
def test_every_part_of_ours_is_confined_and_has_a_command_that_there_is(name: str) -> None:
    service = COMPOSE["services"][name]
    parsed(service["command"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_settings_of_the_compose_file_are_settings() -> None:
    found = load(DEPLOY / "compose.toml", {"MAHFUZ_ARCHIVE__HOME": "/var/lib/mahfuz"}).settings
    given = tomllib.loads((DEPLOY / "compose.toml").read_text(encoding="utf-8"))
    secrets = [given["database"]["url_file"], *(one["secret_key_file"] for one in given["stores"])]
    assert {Path(one).name for one in secrets} == set(COMPOSE["x-mahfuz"]["secrets"])
    assert {str(Path(one).parent) for one in secrets} == {"/run/secrets"}
    assert found.access.trusted_proxies == 1


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile, a continued one in one piece."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Containerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_has_what_the_package_needs_and_no_root() -> None:
    told = instructions()
    words = [word for word, _ in told]
    assert words.count("FROM") == 2
    (base,) = [rest for word, rest in told if word == "ARG"]
    assert re.fullmatch(r"PYTHON=\S+:3\.\d+\.\d+-slim-\w+", base), "the base is named with its version"
    last = told[len(words) - 1 - words[::-1].index("FROM") :]
    (user,) = [rest for word, rest in last if word == "USER"]
    assert user == "10001:10001"
    copied = {one for word, rest in told if word == "COPY" and "--from" not in rest for one in rest.split()[:-1]}
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert copied >= set(build["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert copied >= {build["project"]["readme"], *build["project"]["license-files"], "pyproject.toml"}
    for one in copied:
        assert (ROOT / one).exists(), one
    (entry,) = [rest for word, rest in last if word == "ENTRYPOINT"]
    (command,) = [rest for word, rest in last if word == "CMD"]
    assert yaml.safe_load(entry) == ["mahfuz"]
    parsed(yaml.safe_load(command))
