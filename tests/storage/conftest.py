"""The stores under test: one on this machine's disk, one in the bucket of a real server."""

import pytest
import pytest_asyncio

from calotype.storage.local import LocalStore


@pytest_asyncio.fixture
async def local(tmp_path):
    """A store in a new folder."""
    store = LocalStore(tmp_path / "objects")
    yield store
    await store.aclose()


@pytest_asyncio.fixture
async def remote(s3_server, tmp_path):
    """A store in a new prefix of the server's bucket."""
    store = s3_server.store(tmp_path / "scratch")
    yield store
    await store.aclose()


@pytest.fixture(params=["local", "remote"])
def store(request):
    """Each kind of store in turn."""
    return request.getfixturevalue(request.param)
