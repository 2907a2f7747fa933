"""What the contract tests share beside the server: a narrow one, and a way to follow links as a browser would."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.running import PATIENCE, RunningServer

NARROW_BYTES = 20_000
NARROW_PIXELS = 1_000_000
NARROW_RATE = 8
IDLE_BATCH = 7
IDLE_BATCH_BYTES = 200_000


@pytest.fixture(scope="session")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with small limits and without a worker, so that what is pending stays pending.

    Its rate limit is per key, and every test takes a key of its own; the window is decades long, so that none ends within a test.
    """
    with RunningServer(
        tmp_path_factory.mktemp("narrow"),
        "--no-worker",
        CALOTYPE_MAX_IMAGE_BYTES=str(NARROW_BYTES),
        CALOTYPE_MAX_PIXELS=str(NARROW_PIXELS),
        CALOTYPE_PRESIGNED_LIFETIME="1",
        CALOTYPE_RATE_LIMIT=str(NARROW_RATE),
        CALOTYPE_RATE_WINDOW="1000000000",
    ) as running:
        yield running


@pytest.fixture
def narrow_client(narrow: RunningServer) -> Iterator[httpx.Client]:
    """A client of the narrow server with the key of a tenant of its own."""
    with narrow.client(narrow.new_key()) as client:
        yield client


@pytest.fixture(scope="session")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server without a worker that takes any number of requests, but small files and small batches."""
    with RunningServer(
        tmp_path_factory.mktemp("idle"),
        "--no-worker",
        CALOTYPE_MAX_IMAGE_BYTES=str(NARROW_BYTES),
        CALOTYPE_MAX_BATCH_FILES=str(IDLE_BATCH),
        CALOTYPE_MAX_BATCH_BYTES=str(IDLE_BATCH_BYTES),
    ) as running:
        yield running


@pytest.fixture
def idle_client(idle: RunningServer) -> Iterator[httpx.Client]:
    """A client of the idle server with the key of a tenant of its own."""
    with idle.client(idle.new_key()) as client:
        yield client


@pytest.fixture(scope="session")
def browser() -> Iterator[httpx.Client]:
    """A client without any credential, for signed links."""
    with httpx.Client(timeout=PATIENCE, follow_redirects=False, verify=False) as client:
        yield client


@pytest.fixture
def key(server: RunningServer) -> str:
    """The key of a tenant of its own."""
    return server.new_key()


@pytest.fixture
def owner(server: RunningServer, key: str) -> Iterator[httpx.Client]:
    """A client with that key."""
    with server.client(key) as client:
        yield client


@pytest.fixture
def idle_key(idle: RunningServer) -> str:
    """The key of a tenant of its own on the idle server."""
    return idle.new_key()


@pytest.fixture
def idle_owner(idle: RunningServer, idle_key: str) -> Iterator[httpx.Client]:
    """A client with that key."""
    with idle.client(idle_key) as client:
        yield client
