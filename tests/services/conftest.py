"""A database of their own for these tests, so that nobody else's jobs are in the queue."""

from __future__ import annotations

import pytest
import structlog

from tests.running import new_migrated_database
from tests.services.analyses import Alive, Scripted, open_desk
from tests.services.batches import Develops
from tests.services.films import seated
from tests.services.library import library as open_library
from tests.services.texts import opened


@pytest.fixture(scope="module")
def own_database(database_url):
    """A migrated database that only this module uses."""
    return new_migrated_database(database_url)


@pytest.fixture(scope="module")
async def shared(own_database, tmp_path_factory):
    """The services of this module."""
    async with open_library(own_database, tmp_path_factory.mktemp("library")) as made:
        yield made


@pytest.fixture(scope="module")
async def twin(shared):
    """The services of a second process over the same database and object store."""
    async with open_library(shared._database_url, shared._data_dir) as made:
        yield made.services


@pytest.fixture
async def library(shared):
    """The library of a new tenant."""
    return await shared.neighbour()


@pytest.fixture(scope="session")
async def developed(tmp_path_factory):
    """Children that are done with every picture at once."""
    return await Develops.of_real_picture(tmp_path_factory.mktemp("developed") / "photo.jpg")


@pytest.fixture
def quick(library, developed, monkeypatch):
    """A library whose pictures are developed in no time, so that races come as close as they can."""
    monkeypatch.setattr(library.services.pictures, "_sandbox", developed)
    return library


@pytest.fixture
def describer():
    """A describer in the test's hand."""
    return Scripted()


@pytest.fixture
def plain_tracebacks():
    """What is logged of a fault is short; drawn with everything in it, it takes longer than the test."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
    yield
    structlog.reset_defaults()


@pytest.fixture
async def desk(shared, developed, monkeypatch, describer, plain_tracebacks):
    """A tenant with four developed pictures, a hundred credits, and a process that is seen to live."""
    async with shared.services.presence.running():
        yield await open_desk(shared, developed, monkeypatch, describer)
        await describer.leave_off()


@pytest.fixture
async def beside(desk, twin, monkeypatch, describer):
    """The same tenant in another living process, with the same describer."""
    monkeypatch.setattr(twin.describing, "_describer", describer)
    async with twin.presence.running():
        yield desk.seen_by(twin)


@pytest.fixture
def alive(desk, beside, monkeypatch):
    """Which of the two processes look alive is in the test's hand."""
    seen = Alive(desk.services.presence.key, beside.services.presence.key)
    seen.patch(monkeypatch)
    return seen


@pytest.fixture
async def cinema(library, developed, monkeypatch):
    """A new tenant's library of videos, whose children are in the test's hand."""
    async with seated(library, await developed.run(), monkeypatch) as made:
        yield made


@pytest.fixture
async def archive(library, developed, monkeypatch):
    """A new tenant's library of documents and links, whose children are in the test's hand."""
    async with opened(library, await developed.run(), monkeypatch) as made:
        yield made
