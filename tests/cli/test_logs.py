"""Log lines about what strangers send."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest
import structlog

from calotype.cli.logs import configure_logs
from calotype.settings import Settings

HOSTILE = "/a\x1b[2J\x9b31m\r\n2026-01-01 [info] all is well\u202etxt.exe\u2028x"


@pytest.fixture
def printed(monkeypatch):
    """What was logged in a form; whatever was set before is set again afterwards."""
    root = logging.getLogger()
    handlers, level, known = root.handlers[:], root.level, structlog.get_config()

    def log(form, write):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        configure_logs(Settings(log_format=form))
        write(structlog.get_logger("calotype.test"))
        return stream.getvalue()

    yield log
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**known)


def write(logger):
    """Log something in all the ways there are."""
    logger.info("client went away", path="/a\x1b[2J")
    logger.info("client went away", path=HOSTILE)
    logger.info(HOSTILE)
    logging.getLogger("somebody").warning("no such file: %s", HOSTILE)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logger.exception("unexpected fault")


def test_a_terminal_obeys_no_stranger(printed):
    """No character that steers a terminal reaches it, and nothing a stranger sent begins a line."""
    text = printed("console", write)
    harmless = text
    for ours in ("\x1b[0m", "\x1b[1m", "\x1b[2m", *(f"\x1b[{color}m" for color in range(30, 38))):
        harmless = harmless.replace(ours, "")  # the colours of the console form itself
    assert not [character for character in harmless if character != "\n" and not character.isprintable()]
    assert "\\x1b[2J" in harmless
    assert text.count("all is well") == 4
    assert not [line for line in harmless.splitlines() if line.startswith("2026-01-01")]


def test_a_line_of_json_is_one(printed):
    """Each event is one line whatever is in it, and nothing of it is lost."""
    lines = [json.loads(line) for line in printed("json", write).splitlines()]
    assert len(lines) == 5
    assert lines[1]["path"] == lines[2]["event"] == HOSTILE
    assert f"ValueError: {HOSTILE}" in lines[4]["exception"]
