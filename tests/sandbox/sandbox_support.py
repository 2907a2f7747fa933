"""What the tests of the sandbox share."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from calotype.domain.errors import SandboxFailure
from calotype.sandbox.pool import Sandbox

MEGABYTE = 1024 * 1024


@asynccontextmanager
async def sandbox(workers=1, megabytes=1024, **options):
    """A sandbox of which nothing is left afterwards."""
    made = Sandbox("decoder", workers, megabytes * MEGABYTE, **options)
    try:
        yield made
    finally:
        made.kill()
        await made.close()


async def until(condition):
    """Wait for an event outside this process; the suite's own timeout ends a wait in vain."""
    while not condition():  # noqa: ASYNC110 - other processes set no events here
        await asyncio.sleep(0.005)


def gone(pid):
    """Whether a process has ended; one that nobody collected yet has ended too."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rsplit(")", 1)[1].split()[0] in "ZX"


async def failure_of(made, function, *args, seconds=20.0):
    """The failure that a call ends in."""
    with pytest.raises(SandboxFailure) as caught:
        await made.run(function, *args, timeout=seconds)
    return caught.value
