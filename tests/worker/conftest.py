"""Lets decoders import the misbehaving functions of this folder by name, however the tests are collected."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.running import new_migrated_database
from tests.services.library import library as open_library

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def own_database(database_url):
    """A migrated database that only this module uses."""
    return new_migrated_database(database_url)


@pytest.fixture
async def library(own_database, tmp_path):
    """A library with little to prepare."""
    async with open_library(own_database, tmp_path, worker_processes=1) as made:
        yield made
