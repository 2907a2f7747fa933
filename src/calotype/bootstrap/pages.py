"""The child process that reads one page."""

from __future__ import annotations

import os

from calotype.sandbox.pool import Sandbox

_MEMORY = 1024 * 1024 * 1024  # bytes of address space; reading a page takes about a tenth of it
# An installation that trusts certificates of its own trusts them here as well.
_PASSED_ON = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def open_page_sandbox(file_limit: int) -> Sandbox:
    """A child for one page, which may write a file of so many bytes; the next page gets another."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return Sandbox("pages", workers=1, memory_limit=_MEMORY, nice=10, environment=environment, file_limit=file_limit)
