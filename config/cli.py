"""The command `mahfuz`: every command answers with a text or, with --json, with one document on standard output."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line and leave with the exit status of the contract; a user's mistake shows no traceback."""
    # To look for garbage among what is just being loaded, and once more at the end, takes as long as to load it.
    gc.disable()
    try:
        from config.commands import run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
