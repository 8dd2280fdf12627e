"""A catalogue that is harvested, generated and laid ready in one process each."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.generator import Size, generate

from config import window, wiring
from config.settings import load
from oai_pmh import preparing
from oai_pmh.sheaves import A_SHEAF


def main(step: str, settings: Path, count: int) -> None:
    """Do one step; print its seconds."""
    with wiring.opened(load(settings).settings, with_stores=False) as archive:
        began = time.perf_counter()
        if step == "fill":
            generate(archive.catalogue, Size(count, spoken=True))
        else:
            laid = preparing.prepare(window.of(archive), ["oai_dc"], lambda: False)
            if laid.records < 2 * (count - A_SHEAF):
                raise SystemExit(f"{laid.records} of {2 * count} records were laid ready: nothing was measured")
        sys.stdout.write(f"{time.perf_counter() - began}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
