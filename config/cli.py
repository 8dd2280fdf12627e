"""The command `mahfuz`: every command answers with a text or, with --json, with one document on standard output."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import click

from config import logs
from config.commands import holdings, ingesting, people, servers, setting_up, watching
from config.commands.answers import Asked, complain
from repository.errors import MahfuzError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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


for command in (
    servers.up,
    servers.serve,
    servers.clock,
    servers.worker,
    setting_up.init,
    setting_up.doctor,
    setting_up.config,
    ingesting.ingest,
    ingesting.receive,
    ingesting.rebuild,
    ingesting.titles,
    watching.audit,
    holdings.status,
    holdings.article,
    holdings.bag,
    holdings.verify,
    people.staff,
):
    mahfuz.add_command(command)


def main() -> None:
    """Run the command line and leave with the exit status of the contract; a user's mistake shows no traceback."""
    logs.configure("warning")
    try:
        sys.exit(mahfuz.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.exceptions.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
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


if __name__ == "__main__":
    main()
