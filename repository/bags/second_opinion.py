"""What the Library of Congress's own bagit says of a bag, asked in a process apart: an oracle, never the engine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from repository.bags.codes import finding
from repository.bags.folder_contents import irregular
from repository.bags.paths import unsafe_path
from repository.bags.tar import TarReader
from repository.bags.tar_blocks import FOLDER, REGULAR, TarDamage
from repository.vocabulary import Finding

# bagit 1.9.0 changes the working directory, opens named pipes and hangs, and looks at files beside the bag: so it gets
# a process of its own, only regular files, and an end to its time.
_COMMAND = (sys.executable, "-P", "-m", "bagit", "--validate", "--quiet", "--")
LONGEST_SECONDS = 600.0


class _NotAsked(Exception):
    """There is a reason not to give this bag to bagit."""


def bagit_opinion(path: Path, timeout_seconds: float = LONGEST_SECONDS) -> Finding | None:
    """None when bagit accepts the bag, else a finding with its last words, or why it could not be asked.

    ``path`` is an unpacked bag or a tar; a tar is unpacked into a temporary folder, regular
    files with harmless names only. Raises OSError when ``path`` cannot be read.
    """
    version = metadata.version("bagit")
    try:
        if path.is_dir():
            if odd := irregular(path):
                raise _NotAsked(f"{odd} is not a regular file")
            refusal = _ask(path, timeout_seconds)
        else:
            with tempfile.TemporaryDirectory(prefix="second-opinion-") as folder:
                refusal = _ask(_unpacked(path, Path(folder)), timeout_seconds)
    except _NotAsked as reason:
        return finding("BAG_SECOND_OPINION_NONE", version=version, reason=str(reason))
    return None if refusal is None else finding("BAG_SECOND_OPINION", version=version, reason=refusal)


def _ask(bag: Path, timeout_seconds: float) -> str | None:
    try:
        run = subprocess.run(  # noqa: S603 (our own interpreter, a path after --)
            [*_COMMAND, str(bag.absolute())],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        raise _NotAsked(f"it gave no answer in {timeout_seconds:g} seconds") from expired
    if run.returncode == 0:
        return None
    said = run.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
    return said[-1][-500:] if said else f"it ended with status {run.returncode} and no word"


def _unpacked(tar: Path, folder: Path) -> Path:
    """The tar's one top folder, below ``folder``; anything but plain files with harmless names is a reason to stop."""
    tops: set[str] = set()
    with tar.open("rb", buffering=0) as stream:
        reader = TarReader(stream)
        try:
            for entry in reader.entries():
                name = entry.path.removeprefix("./")
                if entry.kind == FOLDER:
                    name = name.rstrip("/")
                    if name in ("", "."):
                        continue
                if unsafe_path(name) or entry.kind not in (REGULAR, FOLDER):
                    raise _NotAsked(f"the tar's member {entry.path!r} cannot be unpacked safely")
                tops.add(name.split("/")[0])
                target = folder / name
                if entry.kind == FOLDER:
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    for piece in reader.data(entry):
                        file.write(piece)
        except TarDamage as damage:
            raise _NotAsked(damage.finding.message) from damage
        except (FileExistsError, NotADirectoryError) as clash:
            raise _NotAsked("two of the tar's members have one name") from clash
    if len(tops) != 1:
        raise _NotAsked("the tar does not hold exactly one folder")
    return folder / tops.pop()
