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


def _called(path: Path) -> set[str]:
    """The last part of every name that the module calls or hands on."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_one_module_alone_gives_copies_up() -> None:
    """Deleting a bag is no verb of a store: it is asked of ``Disposable``, by the disposal and by nobody else."""
    # One hands it on to the store behind; the other gives connections to the database back.
    behind = {"repository/storage/retrying.py", "repository/catalogue/__init__.py"}
    users = {path.relative_to(ROOT).as_posix() for path in sources() if "dispose" in _called(path)}
    assert users - behind == {"ingest/disposal.py"}
    named = {path.relative_to(ROOT).as_posix() for path in sources() if "Disposable" in path.read_text("utf-8")}
    assert {name for name in named if not name.startswith("repository/storage/")} == {"ingest/disposal.py"}


def test_nobody_else_deletes_what_lies_in_a_store() -> None:
    """Deletions in S3 stand in three modules: the disposal, trials of their own objects, publishers' own buckets."""
    requests = ("delete_object", "delete_objects", "delete_bucket", "put_bucket_lifecycle")
    found = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if any(f'"{name}' in path.read_text(encoding="utf-8") for name in requests)
    }
    assert found == {f"repository/storage/s3/{name}.py" for name in ("disposing", "reading", "trying")}


def test_who_knows_where_bags_lie_takes_no_file_away() -> None:
    """Whoever makes keys of bags or notices deletes no file, but one of their own making in a folder of ours."""
    takes_away = {"unlink", "rmtree", "rmdir", "remove", "removedirs"}
    own_files = {"config/commands/holdings.py"}  # the half-written file of `mahfuz bag`
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        if "bag_key" in text or "notice_key" in text or "DirectoryStore" in text:
            allowed = name in own_files or name.startswith("repository/storage/directory/")
            assert allowed or not takes_away & _called(path), name
    deleting = {
        path.name for path in (ROOT / "repository/storage/directory").glob("*.py") if takes_away & _called(path)
    }
    assert deleting == {"store.py", "staging.py", "trials.py"}
