"""The first start makes the first key and shows it once; no other start does."""

from __future__ import annotations

import pytest

from tests.e2e.library import QUICK, photo
from tests.running import RunningServer, new_database, upload

pytestmark = pytest.mark.e2e


def test_the_first_key_is_shown_exactly_once_and_opens_the_default_library(database_url, tmp_path):
    """It works at once and stays; a second start shows none and makes none."""
    server = RunningServer(tmp_path, "--no-worker", **QUICK, CALOTYPE_DATABASE_URL=new_database(database_url))
    with server:
        key = server.first_key
        assert key is not None
        assert key.startswith("calo_")
        assert server.log().count(key) == 1
        assert "What is said in videos is not written down" in server.log()
        with server.client(key) as client:
            upload(client, photo())
            assert client.get("/api/v2/user-files").json()["total_count"] == 1
    server.first_key = None
    with server:
        assert server.first_key is None
        assert "API key" not in server.log()
        with server.client(key) as client:
            assert client.get("/api/v2/user-files").json()["total_count"] == 1
