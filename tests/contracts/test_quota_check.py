"""`GET /uploads/quota-check`: section 7.2 and point 32 of the checklist."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.contracts.photos import photo
from tests.contracts.planting import alter
from tests.contracts.shapes import QUOTA_CHECK, expect, expect_error
from tests.running import upload

URL = "/api/v2/uploads/quota-check"
FILES = "/api/v2/user-files"
UNLIMITED = 2_147_483_647


def quota(client, file_count=1):
    """The body of the answer."""
    return expect(client.get(URL, params={"file_count": file_count}), QUOTA_CHECK)


@pytest.fixture
def limited(server):
    """Makes clients of new tenants with limits, as their operator gives them."""
    clients = []

    def make(**limits):
        name = f"limited {uuid4()}"
        clients.append(server.client(server.new_key(name)))
        change(server, name, **limits)
        return clients[-1], name

    yield make
    for client in clients:
        client.close()


def change(server, tenant, **limits):
    """Change limits of a tenant."""
    for column, value in limits.items():
        alter(server, f"UPDATE tenant SET {column} = %s WHERE name = %s", value, tenant)


def test_without_limits_there_is_room_for_two_billion(client):
    """Usage is counted all the same, and the terms for batches are told."""
    upload(client, photo(), auto_describe="false")
    assert quota(client, 5) == {
        "can_proceed": True,
        "requested": 5,
        "available": UNLIMITED,
        "monthly_limit": UNLIMITED,
        "current_usage": 1,
        "prepaid_credits": 0,
        "max_batch_size": 100,
        "max_concurrent_uploads": 8,
        "message": None,
    }


def test_more_than_is_available_cannot_proceed_and_says_why(limited):
    """Exactly what is left is allowed; one more is not, with status 200 and a message. Deleting gives nothing back."""
    client, _ = limited(monthly_upload_limit=3)
    file_id = upload(client, photo(), auto_describe="false")["image_id"]
    allowed, refused = quota(client, 2), quota(client, 3)
    assert (allowed["can_proceed"], allowed["message"]) == (True, None)
    assert refused["can_proceed"] is False
    assert (refused["available"], refused["monthly_limit"], refused["current_usage"]) == (2, 3, 1)
    assert refused["message"]

    client.delete(f"{FILES}/{file_id}")
    assert quota(client)["current_usage"] == 1
    form = {"filename": "a.jpg", "content_type": "image/jpeg", "size_bytes": "100"}
    assert client.post(f"{FILES}/upload/initiate", data=form).status_code == 200
    announced = quota(client)
    assert (announced["current_usage"], announced["available"]) == (2, 1)


def test_what_is_foretold_is_what_happens(limited):
    """As many uploads succeed as were available, and the next is refused with 402."""
    client, _ = limited(monthly_upload_limit=3)
    for left in (3, 2, 1):
        assert quota(client)["available"] == left
        upload(client, photo(), auto_describe="false")
    assert quota(client)["can_proceed"] is False
    answer = client.post(f"{FILES}/upload/stream", files={"file": ("a.jpg", photo())}, data={"auto_describe": "false"})
    expect_error(answer, 402, "USAGE_LIMIT_EXCEEDED")


def test_usage_above_a_lowered_limit_leaves_nothing_and_not_less(server, limited):
    """`available` is never negative."""
    client, name = limited(monthly_upload_limit=3)
    for _ in range(2):
        upload(client, photo(), auto_describe="false")
    change(server, name, monthly_upload_limit=1)
    body = quota(client)
    assert (body["available"], body["can_proceed"], body["current_usage"]) == (0, False, 2)


def test_a_full_storage_quota_stops_uploads_too(server, limited):
    """The month is not used up, but the answer says that nothing more can be stored; one byte of room is room."""
    data = photo()
    client, name = limited(storage_quota_bytes=len(data))
    assert quota(client)["can_proceed"] is True
    upload(client, data, auto_describe="false")
    full = quota(client)
    assert (full["can_proceed"], full["available"], full["monthly_limit"]) == (False, UNLIMITED, UNLIMITED)
    assert "storage" in full["message"].lower()
    change(server, name, storage_quota_bytes=len(data) + 1)
    assert quota(client)["can_proceed"] is True


def test_a_batch_may_be_larger_than_one_request(client):
    """`max_batch_size` tells how to cut a large number of files, and refuses none."""
    assert quota(client, 101)["can_proceed"] is True


@pytest.mark.parametrize("value", ["0", "-1", "", "x", "1.5", "9" * 30, "\u0663"])
def test_bad_counts_are_refused(client, value):
    """The count is a plain decimal from 1; without it the request is 422 too."""
    expect_error(client.get(URL, params={"file_count": value}), 422, "VALIDATION_ERROR")
    expect_error(client.get(URL), 422, "VALIDATION_ERROR")


def test_counts_beyond_any_limit_are_answered(client):
    """More than two billion files is more than is available, even without a limit."""
    huge = quota(client, 2**63 - 1)
    assert (huge["requested"], huge["can_proceed"]) == (2**63 - 1, False)
    assert quota(client, UNLIMITED)["can_proceed"] is True


def test_tenants_have_quotas_of_their_own(limited, client):
    """One tenant's uploads and limits are not another's."""
    upload(limited(monthly_upload_limit=1)[0], photo(), auto_describe="false")
    other = quota(client)
    assert (other["can_proceed"], other["current_usage"], other["monthly_limit"]) == (True, 0, UNLIMITED)


def test_limits_beyond_what_stands_for_none_are_shown_as_that(limited):
    """A limit of ten billion does not overflow clients that read 32 bits."""
    client, _ = limited(monthly_upload_limit=10_000_000_000)
    assert (quota(client)["monthly_limit"], quota(client)["available"]) == (UNLIMITED, UNLIMITED)
