"""The commands of `mahfuz`, by the work that they are for."""

from __future__ import annotations

import errno
import gc
import sys
from importlib import import_module
from pathlib import Path

import click

from config import logs
from config.commands.answers import Asked, complain
from repository.errors import MahfuzError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}

_COMMANDS = {
    "up": "servers",
    "serve": "servers",
    "clock": "servers",
    "worker": "servers",
    "init": "setting_up",
    "doctor": "setting_up",
    "config": "setting_up",
    "ingest": "ingesting",
    "receive": "ingesting",
    "rebuild": "rebuilding",
    "ledger": "rebuilding",
    "titles": "ingesting",
    "delivery": "deliveries",
    "feed": "feeds",
    "completeness": "complete",
    "receipt": "receipts",
    "digest": "letters",
    "alerts": "alerting",
    "audit": "watching",
    "inventory": "watching",
    "forecast": "watching",
    "store": "stores",
    "recount": "watching",
    "events": "events",
    "certificate": "evidencing",
    "evidence": "evidencing",
    "status": "holdings",
    "article": "holdings",
    "bag": "holdings",
    "verify": "holdings",
    "staff": "people",
    "backup": "backing_up",
    "access": "explaining",
    "withdraw": "withdrawing",
    "restore": "withdrawing",
    "disposal": "withdrawing",
    "salvage": "salvaging",
    "trigger": "declaring",
    "simulate": "declaring",
    "institution": "institutions",
    "consortium": "institutions",
    "licence": "licensing",
    "entitlement": "entitlements",
    "harvest-check": "harvesting",
    "dump": "harvesting",
    "holdings": "listing",
    "usage": "counted",
    "migrate-database": "moving",
}
"""Each command, with the module beside this one in ``commands`` whose function of the same name it is."""


class _Commands(click.Group):
    """The commands, each fetched when it is asked for: a command does not wait for the libraries of another."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        found: click.Command = getattr(import_module(f"config.commands.{module}"), cmd_name.replace("-", "_"))
        # What is loaded lives until the end: from here on garbage is looked for among what comes after it.
        gc.freeze()
        gc.enable()
        return found


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="The settings file (default: $MAHFUZ_CONFIG, or none).",
)
@click.version_option(package_name="mahfuz", prog_name="mahfuz")
@click.pass_context
def mahfuz(context: click.Context, config_file: Path | None) -> None:
    """Mahfuz keeps licensed e-journals: it takes deliveries in, seals them, reads them again and again, and opens them
    to those who paid.

    Exit status: 0 yes or done, 1 the answer is no (a refusal, damage), 2 bad usage or settings, 3 doubt (a store or
    the database did not answer), 4 a person must decide.
    """
    context.obj = Asked(config_file=config_file)


def run() -> None:
    """Run the command line and leave with its exit status."""
    logs.configure("warning")
    try:
        sys.exit(mahfuz.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.exceptions.Abort:
        sys.exit(130)
    except MahfuzError as error:
        complain(error)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        # Whoever reads us has closed: not our failure, and nothing may be written to it any more.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        complain(
            MahfuzError(f"{error.filename or 'a disk of this machine'}: {error.strerror}; make room and run it again")
        )
        sys.exit(3)
