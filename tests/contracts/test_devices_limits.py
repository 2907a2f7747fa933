"""What is too large, on the byte: refused as soon as that is certain, and without waiting for the rest."""

from __future__ import annotations

import itertools
import json
import os

import psycopg
import pytest

from tests.contracts.conftest import FLEET_BYTES
from tests.contracts.device_shapes import UPLOADED, expect, expect_error
from tests.contracts.devices import (
    DEVICES,
    LARGEST,
    LARGEST_METADATA,
    UPLOAD,
    enrol,
    files_of,
    form,
    image,
    objects,
)
from tests.contracts.photos import jpeg_of_size, photo
from tests.contracts.vision import BOUNDARY

CHUNKED = ("Transfer-Encoding: chunked",)
OPEN = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'.encode()


def chunk(data):
    """One chunk of a body of unknown length."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def text_of(size):
    """Metadata of exactly that many bytes."""
    start, end = '{"pad": "', '"}'
    return start + "x" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_fifty_megabytes_pass_and_one_byte_more_does_not(camera, kind):
    """52,428,800 bytes of a real picture, filled up behind its end, are an image; one more are none."""
    start = photo(kind=kind)
    data = start + os.urandom(LARGEST - len(start))
    sent = camera.upload(data, "large")
    assert image(camera.operator, sent)["size_bytes"] == LARGEST
    assert (camera.server.data_dir / "objects" / sent["storage_key"]).stat().st_size == LARGEST
    expect_error(camera.post(data + b"x"), "FILE_TOO_LARGE")
    assert camera.now()["image_count"] == 1


def test_the_limit_is_allowed_and_one_byte_more_is_not(fleet, fleet_camera):
    """The same on a server with a small limit; nothing of the larger one is kept, and the refusal tells the limit."""
    sent = fleet_camera.upload(jpeg_of_size(FLEET_BYTES))
    assert image(fleet_camera.operator, sent)["size_bytes"] == FLEET_BYTES
    before = objects(fleet)
    answer = fleet_camera.post(jpeg_of_size(FLEET_BYTES + 1))
    expect_error(answer, "FILE_TOO_LARGE")
    assert str(FLEET_BYTES) in answer.text
    assert objects(fleet) == before
    assert len(files_of(fleet_camera.operator)) == 1


def test_what_is_announced_too_long_is_refused_before_it_comes(mute):
    """A body of 200 MB is refused when not one byte of it was sent."""
    expect_error(mute.exchange(lines=("Content-Length: 200000000",)), "FILE_TOO_LARGE")


def test_an_image_is_refused_at_the_byte_that_is_too_many(mute):
    """Of a body that goes on, no more than that is waited for."""
    # A few bytes more, because the last ones could still be the beginning of a boundary.
    sent = OPEN + jpeg_of_size(FLEET_BYTES + 1) + bytes(100)
    answer = mute.exchange(sent, lines=(f"Content-Length: {len(sent) + 500_000}",))
    expect_error(answer, "FILE_TOO_LARGE")


def test_a_chunked_image_without_end_is_refused(mute):
    """A body that never says how long it is, and never ends, is refused while its sender still sends."""
    pieces = chunk(OPEN + photo()) + chunk(bytes(FLEET_BYTES))
    expect_error(mute.exchange(pieces, lines=CHUNKED), "FILE_TOO_LARGE")


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"", id="in front of the first part"),
        pytest.param(form(photo()), id="after the last part"),
        pytest.param(OPEN.replace(b'"image"', b'"other"'), id="in a part that nobody knows"),
    ],
)
def test_no_other_part_of_a_body_is_without_end(fleet, fleet_camera, start):
    """Wherever a client goes on for ever, it gets an answer; 12 MB are far beyond all limits of this server."""
    pieces = itertools.chain([start], itertools.repeat(b"x" * 65_536, 12 * 16))
    headers = {"X-Device-Key": fleet_camera.key, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    sent = 0

    def counted():
        nonlocal sent
        for piece in pieces:
            sent += len(piece)
            yield piece

    with fleet.client() as client:
        answer = client.post(UPLOAD, content=counted(), headers=headers)
    assert answer.status_code in {200, 413, 422}
    body = answer.json()
    assert body["success"] is (answer.status_code == 200)


def test_a_gif_is_refused_before_it_has_come(mute):
    """What a file is, its first bytes tell; the rest need not come."""
    start = OPEN + b"GIF89a" + bytes(100_000)
    answer = mute.exchange(chunk(start), lines=CHUNKED)
    assert answer.status_code in {413, 415}


def test_wrong_metadata_are_refused_before_the_image_comes(mute):
    """Metadata in front of the image are looked at first."""
    body = form(photo(), '{"annotations": 5}', image_first=False)
    start = body[: body.index(b'name="image"')]
    answer = mute.exchange(
        start + b'name="image"; filename="a.jpg"\r\n\r\n' + photo()[:50], lines=(f"Content-Length: {len(body)}",)
    )
    expect_error(answer, "VALIDATION_ERROR", "metadata.annotations")


@pytest.mark.parametrize("image_first", [True, False])
def test_metadata_may_have_a_megabyte(fleet, fleet_camera, image_first):
    """1,048,576 bytes are taken and come back; one more is 413 and stores nothing, wherever the metadata stand."""
    text = text_of(LARGEST_METADATA)
    files = [("image", ("image.jpg", photo())), ("metadata", (None, text))]
    sent = expect(fleet_camera.send(files if image_first else files[::-1]), UPLOADED)
    assert image(fleet_camera.operator, sent)["metadata"] == json.loads(text)
    before = objects(fleet)
    files = [("image", ("image.jpg", photo())), ("metadata", (None, text_of(LARGEST_METADATA + 1)))]
    expect_error(fleet_camera.send(files if image_first else files[::-1]), "FILE_TOO_LARGE")
    assert objects(fleet) == before


def test_metadata_without_end_are_refused(mute):
    """They are not read to an end that never comes."""
    start = OPEN.replace(b'"image"; filename="a.jpg"', b'"metadata"')
    pieces = chunk(start) + chunk(b" " * 300_000) * 4
    expect_error(mute.exchange(pieces, lines=CHUNKED), "FILE_TOO_LARGE")


def test_too_many_requests_of_a_device_are_refused(narrow):
    """A device has a rate of its own: the ninth request in a window is 429 and says when to come again."""
    with narrow.client(narrow.new_key()) as operator:
        camera = enrol(narrow, operator)
        for _ in range(8):
            camera.upload()
        answer = camera.post()
        expect_error(answer, "RATE_LIMITED")
        assert int(answer.headers["retry-after"]) > 0
        assert operator.get(f"{DEVICES}/{camera.id}").json()["data"]["image_count"] == 8


def test_a_full_quota_refuses_devices_as_well(fleet, fleet_camera):
    """What a tenant may store, its devices may, and nothing above; no object is left of what is refused."""
    data = photo()
    with psycopg.connect(fleet.database_url()) as connection:
        connection.execute(
            "UPDATE tenant SET storage_quota_bytes = %s WHERE id = (SELECT tenant_id FROM device WHERE id = %s)",
            [len(data), fleet_camera.id.removeprefix("dev_")],
        )
    fleet_camera.upload(data)
    before = objects(fleet)
    answer = fleet_camera.post()
    assert answer.status_code in {402, 413}
    assert answer.json().keys() == {"success", "error", "request_id"}
    assert objects(fleet) == before
    assert fleet_camera.now()["image_count"] == 1
    expect_error(fleet_camera.post(data), "DUPLICATE_IMAGE")
