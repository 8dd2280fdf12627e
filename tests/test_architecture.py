"""The house's import contracts hold, and the rooms' names are ours."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest
from importlinter.application import use_cases
from importlinter.application.user_options import UserOptions  # noqa: F401  (fails early if the API moves)
from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
ROOMS = ("repository", "ingest", "fixity", "oai_pmh", "config")


def test_import_contracts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(config_filename="pyproject.toml", no_cache=True) == 0, (
        "run `lint-imports` for the broken contract"
    )
    assert use_cases is not None


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_are_ours_and_not_a_distribution_of_the_same_name(room: str) -> None:
    module = importlib.import_module(room)
    assert module.__file__ is not None
    assert Path(module.__file__).is_relative_to(ROOT)


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def sources() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def test_only_web_faces_speak_flask() -> None:
    flask = {"flask", "flask_login", "flask_wtf", "werkzeug"}
    allowed = {"config/app.py"}
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        if flask & imports_of(path) and name not in allowed:
            assert path.name == "web.py" or "web" in path.parent.parts, f"{name} speaks Flask"


def test_only_two_modules_speak_s3() -> None:
    """The folder knows how S3 fails; inside it one module alone knows how boto3 says so, and one how it signs."""
    speakers = [path.relative_to(ROOT).as_posix() for path in sources() if {"boto3", "botocore"} & imports_of(path)]
    assert sorted(speakers) == ["repository/storage/s3/client.py", "repository/storage/s3/wire.py"]


def test_only_the_switchboard_reads_the_environment() -> None:
    for path in sources():
        if path.relative_to(ROOT).parts[0] != "config":
            assert "os.environ" not in path.read_text(encoding="utf-8"), path
            assert "getenv" not in path.read_text(encoding="utf-8"), path


def test_no_drawers() -> None:
    drawers = {"utils", "helpers", "common", "misc", "base", "manager", "service", "handler", "processor"}
    for path in sources():
        assert path.stem.rstrip("s") not in {name.rstrip("s") for name in drawers}, path
