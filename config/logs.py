"""Logs go to standard error: one event a line, JSON where no person watches, never a reader's address or a secret.

What belongs to one request or one delivery is bound where it begins (structlog.contextvars): ``request_id`` and
``delivery_id`` stand on every line until it is over, on those of libraries too. Our own lines name no person. What a
mail server or a database puts into its message is cut out here: the name before the @, the values of a row.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_MAILBOX = re.compile(r"(?<![\w./:@+-])[\w.+-]+(?=@[\w-]+(\.[\w-]+)+)")
"""The first half of an e-mail address; what stands before the @ of a URL is a user of the archive's own making."""
_ROW = re.compile(r"\nDETAIL:.*?(?=\n(?:HINT|CONTEXT|\[|\n)|\Z)", re.DOTALL)
"""Where PostgreSQL quotes the values of a row that it does not take."""


def without_persons(_logger: Any, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The line with no e-mail address in full and no values of a row."""
    for key, value in line.items():
        if isinstance(value, str) and ("@" in value or "DETAIL:" in value):
            line[key] = _MAILBOX.sub("…", _ROW.sub("", value))
    return line


def configure(level: str) -> None:
    """Send every log record, ours and the libraries', to standard error as one line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        without_persons,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    for chatty in (
        "botocore",
        "boto3",
        "urllib3",
        "apscheduler",
        "alembic",
        "sqlalchemy",
        "s3transfer",
        "pikepdf",
        "procrastinate",
        "psycopg",
    ):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
