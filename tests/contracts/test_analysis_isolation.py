"""One tenant never sees or touches another's sessions, images and credits."""

from __future__ import annotations

import pytest

from tests.contracts.analysis import account
from tests.contracts.analysis_attempts import ATTEMPTS, quarry
from tests.contracts.analysis_shapes import expect_error
from tests.contracts.photos import photo


@pytest.fixture(scope="module")
def owned(server):
    """A tenant with a session of two images, one of which is analysed, and credits."""
    return quarry(server)


@pytest.fixture
def stranger(server):
    """Another tenant with credits and a session of its own."""
    return account(server, 5)


@pytest.mark.parametrize("route", ATTEMPTS, ids=" ".join)
def test_another_tenants_ids_lead_nowhere(stranger, owned, route):
    """404 for each route, in the same words as for what never was, and nothing of the owner's has changed."""
    before = owned.state()
    ATTEMPTS[route](stranger.client, owned)
    assert owned.state() == before
    assert stranger.settled() == (5, 0)


def test_another_tenants_image_is_not_found_in_one_s_own_session(stranger, owned):
    """Its id and path are nobody's there."""
    mine = stranger.open(photo(), photo())
    for image in owned.session.images:
        foreign = {key: image[key] for key in ("id", "uploadPath", "originalFilename")}
        answer = mine.refused({"sessionId": mine.id, "images": [foreign]})
        expect_error(answer, "IMAGE_NOT_FOUND")
    assert stranger.settled() == (5, 0)


def test_another_tenants_asset_is_nobody_else_s(stranger, owned):
    """The ids of its assets lead nowhere in the other APIs."""
    for image in owned.session.images:
        assert stranger.others.get(f"/api/v2/user-files/{image['assetId']}").status_code == 404
        assert stranger.others.get(f"/images/{image['assetId']}").status_code == 404
        assert owned.session.account.others.get(f"/images/{image['assetId']}").status_code == 200


def test_two_keys_of_a_tenant_share_sessions_and_credits(server, owned):
    """What belongs to a tenant belongs to all its keys."""
    owner = owned.session.account
    other = type(owner)(server, owner.name, server.new_key(owner.name))
    assert other.call("GET", f"/sessions/{owned.session.id}").json()["sessionId"] == owned.session.id
    assert other.credits() == owner.credits()
