"""How a command is asked and how it answers: settings in, one text or one JSON document out, an exit status last."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config import logs, wiring
from config.settings import Loaded, Settings, load
from repository.errors import Doubt, MahfuzError

as_json = click.option("--json", "json_wanted", is_flag=True, help="Answer with one JSON document.")
_DRAWN_SECONDS = 0.1
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was said before the command's name."""

    config_file: Path | None
    staying: bool = False
    """For a server, which logs what it does."""

    def loaded(self) -> Loaded:
        """The settings with their origins. Raises UsageError."""
        return load(self.config_file)

    def settings(self) -> Settings:
        """The settings. Raises UsageError."""
        return self.told().settings

    def told(self) -> Loaded:
        """The settings with their origins; from here on the log is as they say. Raises UsageError."""
        found = self.loaded()
        # A person at a terminal reads the answer; what stays in the background tells its story line by line.
        said = found.origins["log.level"] != "default"
        logs.configure(found.settings.log.level if said or self.staying else "warning")
        return found

    @contextmanager
    def archive(self, *, with_stores: bool = True) -> Iterator[wiring.Archive]:
        """The archive, wired and up to date. Raises UsageError, Doubt."""
        loaded = self.told()
        with wiring.opened(loaded.settings, loaded.origins, with_stores=with_stores) as archive:
            yield wiring.initialise(archive)


def answer(json_wanted: bool, data: Any, say: Callable[[Console], None], status: int = 0) -> None:
    """Print ``data`` as the one JSON document, or let ``say`` print the text; leave with ``status``."""
    if json_wanted:
        json.dump(data, sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    else:
        say(out)
    sys.stdout.flush()
    if status:
        raise click.exceptions.Exit(status)


def complain(error: MahfuzError) -> None:
    """One plain line about what stopped us, and for doubt one about what has become of the work."""
    err.print(f"mahfuz: {error}", style="bold red", markup=False)
    if isinstance(error, Doubt):
        err.print("What was begun is kept; it goes on with the next `mahfuz receive`, or when this is run again.")


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, nothing elsewhere: call it with (done, of all).

    It is drawn by whoever calls: with a thread of its own for that, no process could be forked beside it.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, auto_refresh=False) as bar:
        task = bar.add_task(label, total=None)
        drawn = 0.0

        def show(done: int, total: int) -> None:
            nonlocal drawn
            now = time.monotonic()
            due = now - drawn >= _DRAWN_SECONDS or done == total
            bar.update(task, completed=done, total=total or None, refresh=due)
            drawn = now if due else drawn

        yield show
