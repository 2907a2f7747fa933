"""Who may come in: section 1.1 and point 1 of the checklist."""

from __future__ import annotations

import pytest

from tests.contracts import planting
from tests.contracts.photos import photo
from tests.contracts.shapes import LIST, expect, expect_error
from tests.running import upload

FILES = "/api/v2/user-files"
WELL_FORMED = "calo_" + "a" * 43
BAD_HEADERS = {
    "none": None,
    "empty": "",
    "only the scheme": "Bearer",
    "basic": "Basic Y2FsbzpjYWxv",
    "other scheme": f"Token {WELL_FORMED}",
    "no scheme": WELL_FORMED,
    "unknown key": f"Bearer {WELL_FORMED}",
    "not a key": "Bearer secret",
    "short": "Bearer calo_abc",
    "upper-case prefix": "Bearer CALO_" + "a" * 43,
    "odd characters": "Bearer calo_" + "a" * 20 + "!'\"%",
    "not ASCII": "Bearer calo_ключключключключключключ".encode(),
    "very long": "Bearer calo_" + "a" * 5000,
}


def _send(client, header, method="GET", path=FILES, **options):
    headers = {} if header is None else {"Authorization": header}
    return client.request(method, path, headers=headers, **options)


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_a_bad_credential_is_refused(server, name):
    """Whatever is not a valid bearer key is answered 401 INVALID_API_KEY."""
    with server.client() as client:
        expect_error(_send(client, BAD_HEADERS[name]), 401, "INVALID_API_KEY")


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("GET", f"{FILES}?limit=none", {}),
        ("GET", f"{FILES}/not-an-id", {}),
        ("PATCH", f"{FILES}/not-an-id", {"content": b"{"}),
        ("DELETE", f"{FILES}/not-an-id", {}),
        ("POST", f"{FILES}/batch-delete", {"json": {"file_ids": "none"}}),
        ("POST", f"{FILES}/upload/confirm", {"content": b"\xff"}),
        ("POST", f"{FILES}/upload/initiate", {"json": {}}),
        ("POST", f"{FILES}/upload/stream", {"content": b"", "headers": {"Content-Type": "multipart/form-data"}}),
        ("POST", f"{FILES}/not-an-id/trigger-variants", {}),
    ],
)
def test_authentication_comes_before_everything_else(server, method, path, options):
    """A request that is wrong in itself is answered 401 as long as it carries no valid key."""
    with server.client() as client:
        expect_error(client.request(method, path, **options), 401, "INVALID_API_KEY")


def test_a_revoked_key_is_refused(server):
    """A key works until it is revoked, and from then on is an invalid one."""
    key = server.new_key()
    with server.client(key) as client:
        expect(client.get(FILES), LIST)
        planting.revoke(server, key)
        expect_error(client.get(FILES), 401, "INVALID_API_KEY")


def test_an_expired_key_says_so(server):
    """An expired key is answered 401 EXPIRED_API_KEY, also when the body is invalid."""
    with server.client(planting.expired_key(server)) as client:
        expect_error(client.get(FILES), 401, "EXPIRED_API_KEY")
        expect_error(client.post(f"{FILES}/batch-delete", content=b"{"), 401, "EXPIRED_API_KEY")


def test_a_key_may_have_any_lower_case_prefix(server):
    """The prefix of a key means nothing to the server; clients that check theirs can have it."""
    with server.client(server.new_key(prefix="aion")) as client:
        expect(client.get(FILES), LIST)


def test_the_scheme_may_be_written_in_any_case(server):
    """`bearer` is the same scheme as `Bearer`."""
    key = server.new_key()
    with server.client() as client:
        expect(_send(client, f"bearer {key}"), LIST)


def test_two_keys_of_a_tenant_see_the_same_files(server):
    """A key stands for its tenant."""
    tenant = "a tenant with two keys"
    with server.client(server.new_key(tenant)) as one, server.client(server.new_key(tenant)) as other:
        made = upload(one, photo(), auto_describe="false")
        assert [item["id"] for item in other.get(FILES).json()["files"]] == [made["image_id"]]


def test_tenant_and_tracing_headers_are_ignored(client, new_client):
    """`X-Tenant-ID` does not choose a tenant, and tracing headers change nothing."""
    upload(new_client(), photo(), auto_describe="false")
    headers = {
        "X-Tenant-ID": "default",
        "X-Correlation-ID": "1",
        "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    }
    assert expect(client.get(FILES, headers=headers), LIST)["total_count"] == 0
