"""Requests nobody would think of: whatever is sent, the server answers as its OpenAPI document says."""

from __future__ import annotations

import pytest

from tests.e2e import fuzzing
from tests.running import RunningServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
_SHOWN = 10  # faults told in full


@pytest.fixture(scope="module")
def idle(tmp_path_factory):
    """A server without a worker that takes any number of requests."""
    with RunningServer(tmp_path_factory.mktemp("idle"), "--no-worker", CALOTYPE_RATE_LIMIT="100000000") as running:
        yield running


@pytest.mark.parametrize("tag", ["Files API", "Devices API", "Analysis API", "Vision API", "Server"])
def test_answers_are_those_of_the_document(idle, tag):
    """No operation answers with a fault, nor with a status, a type, or keys that do not stand there for it."""
    with idle.client() as client:
        document = client.get("/openapi.json").json()
    sent, faults = fuzzing.faults(document, fuzzing.furnished(idle), tag)
    assert sent > 0
    assert not faults, f"{len(faults)} faults of {sent} answers:\n\n" + "\n\n".join(faults[:_SHOWN])
