"""Nobody sees or touches another tenant's upload in chunks: point 4 of the checklist."""

from __future__ import annotations

import httpx
import pytest

from tests.contracts.chunked import COMPLETED, Sending
from tests.contracts.chunked_attempts import ATTEMPTS
from tests.contracts.shapes import expect, expect_error
from tests.small_film import small_film


@pytest.fixture(scope="module")
def owner(cutter):
    """A tenant with uploads in chunks."""
    with cutter.client(cutter.new_key()) as client:
        yield client


@pytest.fixture(scope="module", params=["sent in part", "sent", "completed"])
def sending(owner, request):
    """An upload in one of its states."""
    sending = Sending.begin(owner, small_film())
    sending.send(*([1] if request.param == "sent in part" else []))
    if request.param == "completed":
        expect(sending.complete(), COMPLETED)
    return sending


@pytest.mark.parametrize("route", ATTEMPTS, ids=" ".join)
def test_another_tenants_upload_leads_nowhere(cutter_client, sending, route):
    """404 with both ids right, and nothing of it has changed."""
    before = sending.progress()
    ATTEMPTS[route](cutter_client, sending)
    expect_error(cutter_client.get(f"/api/v2/uploads/status/{sending.id}"), 404, "NOT_FOUND")
    assert sending.progress() == before


def test_a_target_cannot_be_bent_to_another_tenants_upload(cutter_client, sending):
    """The signature of one's own chunk is none for somebody else's."""
    own = Sending.begin(cutter_client, small_film())
    theirs = sending.made["chunks"][0]["upload_url"].partition("?")[0]
    query = own.made["chunks"][0]["upload_url"].partition("?")[2]
    expect_error(httpx.put(f"{theirs}?{query}", content=b"x", verify=False), 404, "NOT_FOUND")
