"""What all tests share: a real database, tenants of one's own on a real server, and pictures."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest

from calotype.db.embedded import EmbeddedPostgres
from tests.running import RunningServer, copy_cluster

pytest_plugins = ["tests.s3"]

# A busy machine must not fail a property for being slow.
hypothesis.settings.register_profile("calotype", deadline=None)
hypothesis.settings.load_profile("calotype")


# What takes longest stands first, so that no core waits for the last file of another: folders, and what of a folder uses the same
# servers and is done by one process, so that these are started and kept running once.
_TOGETHER = ("contracts/test_analysis", "contracts/test_files", "contracts/test_vision", "contracts/test_devices")
_LONGEST_FIRST = (*_TOGETHER, "contracts", "e2e", "cli", "worker", "services", "db")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """In a parallel run of whole files, give those that stand together to one process."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = super()._split_scope(nodeid)
            return next((name for name in _TOGETHER if path.startswith(f"tests/{name}_")), path)

    return Together(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a parallel run, put what takes long first; files are handed out in this order."""
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
    name = f"{item.path.parent.name}/{item.path.name}"
    return next((at for at, known in enumerate(_LONGEST_FIRST) if name.startswith((f"{known}_", f"{known}/"))), 99)


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
