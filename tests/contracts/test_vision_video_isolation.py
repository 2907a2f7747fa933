"""One tenant never sees or touches another's videos and groups: point 9 of the Vision API's checklist, for every route."""

from __future__ import annotations

import pytest

from tests.contracts.video_attempts import ATTEMPTS, Owned
from tests.contracts.videos import indexed, new_group, upload, video


@pytest.fixture(scope="module")
def owner(server):
    """A tenant with a video in a group."""
    with server.client(server.new_key()) as client:
        yield client


@pytest.fixture(scope="module")
def owned(owner):
    """What that tenant has."""
    group = new_group(owner, "secret")
    video_id = upload(owner, index="true", video_name="secret harbour", group_id=group["group_id"])
    indexed(owner, video_id)
    return Owned(video_id, group["group_id"], "secret harbour")


@pytest.fixture
def stranger(server):
    """A client of another tenant."""
    with server.client(server.new_key()) as client:
        yield client


@pytest.mark.parametrize("route", ATTEMPTS, ids=" ".join)
def test_another_tenants_videos_lead_nowhere(stranger, owner, owned, route):
    """404 for single objects, absence from lists, deletions and searches, and nothing of theirs has changed."""
    before = [video(owner, owned.video)[key] for key in ("status", "group_id", "metadata")]
    groups = owner.get("/videos/groups").json()
    ATTEMPTS[route](stranger, owned)
    after = [video(owner, owned.video)[key] for key in ("status", "group_id", "metadata")]
    for state in (*before, *after):
        if isinstance(state, dict):
            state.pop("thumbnail", None)
    assert after == before
    assert owner.get("/videos/groups").json() == groups
