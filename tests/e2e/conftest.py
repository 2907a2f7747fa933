"""Where starting and ending themselves are tested, servers are started as people start them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running import RunningServer

_AS_EVER = {"test_embedded_recovery", "test_first_start", "test_stopping"}


@pytest.fixture(scope="module", autouse=True)
def started_as_ever(request: pytest.FixtureRequest) -> Iterator[None]:
    """In these modules no server is forked from a process that has imported everything before."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.stem in _AS_EVER:
            patch.setattr(RunningServer, "is_forked", False)
        yield


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """`calotype serve` as its own process, with its worker, for all tests of this folder."""
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running
