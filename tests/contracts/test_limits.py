"""What is too large: section 1.6 and points 6 and 10 of the checklist, on a server with small limits."""

from __future__ import annotations

import itertools

import psycopg
import pytest

from tests.contracts.conftest import NARROW_BYTES, NARROW_PIXELS
from tests.contracts.photos import jpeg_of_size, photo, png_claiming
from tests.contracts.shapes import INITIATE, LIST, STREAM, expect, expect_error
from tests.running import upload

FILES = "/api/v2/user-files"
STREAM_URL = f"{FILES}/upload/stream"


def _post(client, data):
    return client.post(STREAM_URL, files={"file": ("photo.jpg", data)}, data={"auto_describe": "false"})


def test_a_file_of_exactly_the_limit_is_accepted(narrow_client):
    """The limit is allowed, one byte more is 413, and nothing of that is kept."""
    made = expect(_post(narrow_client, jpeg_of_size(NARROW_BYTES)), STREAM)
    assert narrow_client.get(f"{FILES}/{made['image_id']}").json()["size_bytes"] == NARROW_BYTES
    message = expect_error(_post(narrow_client, jpeg_of_size(NARROW_BYTES + 1)), 413, "PAYLOAD_TOO_LARGE")
    assert str(NARROW_BYTES) in message
    assert expect(narrow_client.get(FILES), LIST)["total_count"] == 1


def test_the_limit_holds_while_reading(narrow_client):
    """A body of unknown length is refused as soon as it is too long; it need not end first."""
    boundary = "b"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'.encode()
    pieces = itertools.chain([head, photo()], itertools.repeat(bytes(10_000), 200))
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    expect_error(narrow_client.post(STREAM_URL, content=pieces, headers=headers), 413, "PAYLOAD_TOO_LARGE")


def test_a_body_read_whole_is_limited_whatever_its_type_claims(client):
    """Calling two megabytes a form does not get them past the limit of a route that takes JSON."""
    body = b'{"object_key": "' + b"x" * 2_000_000 + b'"}'
    for content_type in ("application/json", "multipart/form-data; boundary=b"):
        answer = client.post(f"{FILES}/upload/confirm", content=body, headers={"Content-Type": content_type})
        expect_error(answer, 413, "PAYLOAD_TOO_LARGE")


def test_pixels_are_limited_to_the_last_one(narrow_client):
    """A picture of exactly the pixel limit is accepted; one row more is 422 and names limit and actual size."""
    expect(_post(narrow_client, png_claiming(NARROW_PIXELS // 1000, 1000)), STREAM)
    refused = _post(narrow_client, png_claiming(NARROW_PIXELS // 1000, 1001))
    message = expect_error(refused, 422, "IMAGE_PROCESSING_ERROR")
    assert str(NARROW_PIXELS) in message
    assert str(NARROW_PIXELS // 1000 * 1001) in message


@pytest.mark.parametrize("column", ["storage_quota_bytes", "monthly_upload_limit"])
def test_quotas_refuse_what_would_exceed_them(narrow, column):
    """A full storage quota is 413, used-up monthly uploads are 402, for both ways of uploading; filling up is allowed."""
    with narrow.client(narrow.new_key(f"limited by {column}")) as client:
        data = photo()
        limit = len(data) if column == "storage_quota_bytes" else 1
        with psycopg.connect(narrow.database_url()) as connection:
            connection.execute(f"UPDATE tenant SET {column} = %s WHERE name = %s", [limit, f"limited by {column}"])
        upload(client, data, auto_describe="false")
        form = {"filename": "a.jpg", "content_type": "image/jpeg", "size_bytes": "1000"}
        for answer in (_post(client, photo()), client.post(f"{FILES}/upload/initiate", data=form)):
            if column == "storage_quota_bytes":
                expect_error(answer, 413, "STORAGE_QUOTA_EXCEEDED")
            else:
                expect_error(answer, 402, "USAGE_LIMIT_EXCEEDED")
        assert client.get(FILES).json()["total_count"] == 1


def test_a_presigned_image_may_have_50_mib(client):
    """52,428,800 announced bytes are accepted, one more is 413."""
    form = {"filename": "a.jpg", "content_type": "image/jpeg"}
    initiate = f"{FILES}/upload/initiate"
    made = expect(client.post(initiate, data={**form, "size_bytes": "52428800"}), INITIATE)
    assert made["max_size_bytes"] == 52_428_800
    expect_error(client.post(initiate, data={**form, "size_bytes": "52428801"}), 413, "PAYLOAD_TOO_LARGE")
