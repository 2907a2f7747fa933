"""What all tests share: a real database, tenants of one's own on a real server, and pictures."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import hypothesis
import pytest

from calotype.db.embedded import EmbeddedPostgres
from tests.running import RunningServer, copy_cluster

pytest_plugins = ["tests.s3"]

# A busy machine must not fail a property for being slow.
hypothesis.settings.register_profile("calotype", deadline=None)
hypothesis.settings.load_profile("calotype")


# Folders whose tests take longest stand first, so that no core waits for the last file of the other.
_LONGEST_FIRST = ("e2e", "cli", "worker", "contracts", "services", "db")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a parallel run, put folders of slow files first; `loadfile` hands out files in this order."""
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)


def pytest_collection() -> None:
    """Look for no garbage among thousands of tests while they are collected: there is next to none."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave what was collected out of later garbage collections, which would walk through thousands of tests each time."""
    gc.enable()
    gc.collect()
    gc.freeze()


def _rank(item: pytest.Item) -> int:
    folder = item.path.parent.name
    return _LONGEST_FIRST.index(folder) if folder in _LONGEST_FIRST else len(_LONGEST_FIRST)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real photographs; tests that need it are skipped where it is not set."""
    folder = os.environ.get("CALOTYPE_CORPUS")
    if not folder:
        pytest.skip("CALOTYPE_CORPUS is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated PostgreSQL for tests below the web."""
    folder = tmp_path_factory.mktemp("database") / "postgres"
    copy_cluster(folder)
    server = EmbeddedPostgres(folder)
    yield server.start()
    server.stop()


@pytest.fixture
def new_client(server: RunningServer) -> Iterator[Callable[[], httpx.Client]]:
    """Makes clients, each with the key of a new tenant."""
    clients: list[httpx.Client] = []

    def make() -> httpx.Client:
        client = server.client(server.new_key())
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(new_client: Callable[[], httpx.Client]) -> httpx.Client:
    """A client with the key of a tenant of its own."""
    return new_client()
