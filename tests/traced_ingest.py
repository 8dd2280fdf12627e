"""The real command, run in a process that notes every file it makes, moves or removes, by Python's own audit events.

``python traced_ingest.py LOG ESCAPE WORD…`` runs ``mahfuz WORD…`` and leaves in LOG one JSON list of ``[event, path]``.
With ESCAPE 1 the unpacking is broken on purpose: it writes under the publisher's names, as careless programs do, so
that a test can see whether such a thing would be seen.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PATHS: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "sqlite3.connect": ((0, None),),
}
"""Where an event's arguments hold a path, and the descriptor of the folder that it is relative to."""


def main() -> None:
    log, escape, *words = sys.argv[1:]
    seen: list[tuple[str, str]] = []

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = flags & WRITING or (isinstance(mode, str) and set(mode) & set("wxa+"))
            if writes and not isinstance(path, int):  # a descriptor was opened by a path before, which was noted
                seen.append((event, _shown(path)))
        elif event in PATHS:
            for at, folder in PATHS[event]:
                if not isinstance(arguments[at], int):
                    seen.append((event, _shown(arguments[at], -1 if folder is None else arguments[folder])))

    root = Path(__file__).parent.parent
    sys.path.insert(0, str(root))
    from config.cli import main as command

    if escape == "1":
        _break_out()
    sys.addaudithook(note)
    sys.argv = ["mahfuz", *words]
    status: object = 0
    try:
        command()
    except SystemExit as end:
        status = end.code
    del sys.argv
    Path(log).write_text(json.dumps(seen), encoding="utf-8")
    sys.stdout.flush()
    os._exit(status if isinstance(status, int) else 1)


def _shown(path: Any, folder: int = -1) -> str:
    around = "" if folder == -1 else str(Path(f"/proc/self/fd/{folder}").readlink())
    return os.path.abspath(os.path.join(around, os.fsdecode(path)))  # noqa: PTH100, PTH118


def _break_out() -> None:
    """A planted fault: nothing is judged, and members lie under the names that the publisher gave them."""
    import ingest.unpack as door

    names: list[str] = []

    def believed(entries: Any, archive: str, tell: object) -> list[str]:
        names.extend(entry.raw.decode() for entry in entries)
        return [entry.raw.decode() for entry in entries]

    def numbered(self: Any, number: int) -> Path:
        return Path(os.path.join(self._folder, names[number - 1]))  # noqa: PTH118

    door.judge_listing = believed  # type: ignore[assignment]
    door._Opening._numbered = numbered  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
