"""Uploads of devices: the example of the seed, what is taken, what an image is called, and what is said of it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from tests.contracts.device_shapes import UPLOADED, expect, expect_error
from tests.contracts.devices import (
    BATCHES,
    BOX,
    DEVICES,
    FILES,
    UPLOAD,
    asset,
    batch,
    enrol,
    files_of,
    form,
    image,
    images,
    objects,
)
from tests.contracts.photos import exif, photo
from tests.imaging.pictures import animation
from tests.running import upload, wait_until_processed

SEED = (
    '{"model_id":"mdl_123","model_version":"1.0.0","annotations":'
    '[{"class_value":"defect","type":"bbox","geometry":[0.52,0.48,0.2,0.1]}]}'
)


def test_the_call_of_the_seed_works_as_it_stands(server, camera, tmp_path):
    """curl, with the form of the documentation, gets its three keys; the id's first digits stand in the storage key."""
    (tmp_path / "image.jpg").write_bytes(photo())
    command = ["curl", "-sS", "-X", "POST", server.url + UPLOAD, "-H", f"X-Device-Key: {camera.key}"]
    command += ["-F", f"image=@{tmp_path / 'image.jpg'}", "-F", f"metadata={SEED}", "-w", "\n%{http_code}"]
    answer, _, status = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("\n")
    assert status == "200", answer
    body = json.loads(answer)
    assert body["success"] is True
    data = body["data"]
    assert data["storage_key"] == f"raw-data/{asset(data['image_id'])[:8]}_image.jpg"
    listed = image(camera.operator, data)
    assert (listed["model_id"], listed["model_version"], listed["annotations"]) == ("mdl_123", "1.0.0", [BOX])


def test_an_answer_has_exactly_its_keys(fleet_camera):
    """Image, batch, storage key, and that it is no duplicate."""
    assert expect(fleet_camera.post(), UPLOADED)["duplicate"] is False


def test_the_object_lies_under_its_storage_key(fleet, fleet_camera):
    """The store holds exactly the bytes that were sent, where the answer says."""
    data = photo()
    sent = fleet_camera.upload(data)
    assert (fleet.data_dir / "objects" / sent["storage_key"]).read_bytes() == data


def test_an_image_is_a_file_of_its_tenant(server, camera):
    """The Files API lists it under the same UUID, with its name, size and bytes, and develops it; nobody else sees it."""
    data = photo()
    sent = camera.upload(data, "gate.jpg")
    file_id = asset(sent["image_id"])
    assert files_of(camera.operator) == {file_id}
    detail = wait_until_processed(camera.operator, file_id)
    assert (detail["original_filename"], detail["size_bytes"]) == ("gate.jpg", len(data))
    assert detail["variant_status"] == "completed"
    assert camera.operator.get(f"{FILES}/{file_id}/variant/tiny_64").status_code == 302
    with server.client(server.new_key()) as stranger:
        assert files_of(stranger) == set()
        assert stranger.get(f"{FILES}/{file_id}").status_code == 404


def test_an_image_is_listed_by_its_batch(fleet_camera):
    """Everything that is known of an image without metadata."""
    data = photo()
    before = datetime.now(UTC)
    sent = fleet_camera.upload(data, "front door.jpg")
    (listed,) = images(fleet_camera.operator, sent["batch_id"])
    taken = datetime.fromisoformat(listed["captured_at"])
    assert before - timedelta(seconds=2) <= taken <= datetime.now(UTC) + timedelta(seconds=2)
    assert {**listed, "captured_at": "", "created_at": ""} == {
        "image_id": sent["image_id"],
        "storage_key": sent["storage_key"],
        "filename": "front door.jpg",
        "size_bytes": len(data),
        "captured_at": "",
        "created_at": "",
        "model_id": None,
        "model_version": None,
        "annotations": [],
        "metadata": {},
    }


@pytest.mark.parametrize(
    ("kind", "name"),
    [("JPEG", "image.jpg"), ("PNG", "image.png"), ("PNG", "image.jpg"), ("JPEG", "notes.txt"), ("JPEG", "x.gif")],
)
def test_jpeg_and_png_are_told_by_content(fleet_camera, kind, name):
    """Whatever the name says, a JPEG or PNG is taken, and its name stays."""
    sent = fleet_camera.upload(photo(kind=kind), name)
    assert sent["storage_key"] == f"raw-data/{asset(sent['image_id'])[:8]}_{name}"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: animation("GIF"), id="gif"),
        pytest.param(lambda: photo(kind="WEBP"), id="webp"),
        pytest.param(lambda: photo(kind="BMP"), id="bmp"),
        pytest.param(lambda: photo(kind="TIFF"), id="tiff"),
        pytest.param(lambda: b"this is a text file, whatever its name says\n" * 9, id="text"),
        pytest.param(lambda: b"x", id="one byte"),
        pytest.param(lambda: b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", id="pdf"),
        pytest.param(lambda: b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", id="svg"),
    ],
)
def test_anything_else_is_refused_by_content(fleet, mute, data):
    """No name and no type makes a GIF or a text an image; nothing of it is stored."""
    before = objects(fleet)
    answer = mute.send({"image": ("image.jpg", data(), "image/jpeg")})
    expect_error(answer, "UNSUPPORTED_FORMAT")
    assert objects(fleet) == before
    assert mute.now()["open_batch_id"] is None


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"other": ("image.jpg", photo())}, id="under another name"),
        pytest.param({"image": ("image.jpg", b"")}, id="empty"),
        pytest.param(None, id="no file"),
    ],
)
def test_the_image_is_required(mute, files):
    """Without an image, or with an empty one, the refusal names `image`."""
    expect_error(mute.send(files, {"metadata": "{}"}), "VALIDATION_ERROR", "image")


def test_two_images_in_one_upload_are_refused(fleet, mute):
    """One upload is one image; neither of two is stored."""
    before = objects(fleet)
    files = [("image", ("a.jpg", photo())), ("image", ("b.jpg", photo()))]
    expect_error(mute.send(files), "VALIDATION_ERROR", "image")
    assert objects(fleet) == before


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_of_another_type_is_refused(fleet, mute, content_type):
    """An upload is a multipart form and nothing else."""
    with fleet.client() as client:
        headers = {"X-Device-Key": mute.key, "Content-Type": content_type}
        expect_error(client.post(UPLOAD, content=b'{"image": 1}', headers=headers), "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd.jpg", "passwd.jpg"),
        ("C:\\shots\\gate.jpg", "gate.jpg"),
        ("front door (1).jpg", "front_door_1_.jpg"),
        ("Übergröße.png", None),
        ("写真.jpg", None),
        ("a" * 300 + ".jpg", None),
    ],
)
def test_names_never_reach_beyond_the_storage_key(fleet, fleet_camera, name, safe):
    """What stands in the key is safe in any file system; the object is there."""
    sent = fleet_camera.upload(name=name)
    assert (fleet.data_dir / "objects" / sent["storage_key"]).is_file()
    if safe is not None:
        assert sent["storage_key"].partition("_")[2] == safe


def test_the_same_name_never_means_the_same_object(fleet, fleet_camera):
    """Many images of one name lie beside each other."""
    sent = {fleet_camera.upload(data)["storage_key"]: data for data in (photo() for _ in range(12))}
    assert len(sent) == 12
    assert {key: (fleet.data_dir / "objects" / key).read_bytes() for key in sent} == sent


@pytest.mark.parametrize("image_first", [True, False])
def test_the_parts_may_come_in_either_order(fleet_camera, image_first):
    """Metadata before or after the image is the same."""
    files = [("image", ("image.jpg", photo())), ("metadata", (None, '{"model_id": "m"}'))]
    sent = expect(fleet_camera.send(files if image_first else files[::-1]), UPLOADED)
    assert image(fleet_camera.operator, sent)["model_id"] == "m"


def test_metadata_may_come_as_a_file(fleet_camera):
    """`-F metadata=@sight.json` is metadata as well."""
    files = {"image": ("image.jpg", photo()), "metadata": ("sight.json", b'{"model_id": "m"}', "application/json")}
    assert image(fleet_camera.operator, expect(fleet_camera.send(files), UPLOADED))["model_id"] == "m"


def test_unknown_fields_of_the_form_are_ignored(fleet_camera):
    """A client newer than the server can still upload."""
    fleet_camera.upload(fields={"firmware": "7", "": "x"})


def test_unknown_keys_of_the_metadata_are_kept(fleet_camera):
    """They come back as they were sent, and what the server knows is not among them."""
    own = {
        "line": 4,
        "shift": {"name": "Frühschicht", "numbers": [1, 2.5, -0.001, 1e30, True, None]},
        "": "empty",
        "nul": "a\x00b",
        "half": "\ud800",
        "long": "ü" * 30_000,
    }
    sent = fleet_camera.upload(metadata={"model_id": "m", "model_version": "2", "annotations": [BOX], **own})
    listed = image(fleet_camera.operator, sent)
    assert listed["metadata"] == own
    assert (listed["model_id"], listed["model_version"], listed["annotations"]) == ("m", "2", [BOX])


@pytest.mark.parametrize("nothing", [{}, {"model_id": None, "annotations": None, "captured_at": None}])
def test_every_key_of_the_metadata_is_optional(fleet_camera, nothing):
    """An empty object, and nulls, say nothing."""
    listed = image(fleet_camera.operator, fleet_camera.upload(metadata=nothing))
    assert (listed["model_id"], listed["model_version"], listed["annotations"]) == (None, None, [])


@pytest.mark.parametrize(
    "metadata",
    [
        *("{", "[]", "null", "7", '"text"', '{"a": NaN}', '{"a": Infinity}', '{"a": 1e999}', b'{"a": "\xff"}'),
        "[" * 5000,
        '{"a":' * 500 + "1" + "}" * 500,
    ],
    ids=lambda text: repr(text[:14]),
)
def test_metadata_that_is_no_json_object_is_refused(fleet, mute, metadata):
    """The refusal names `metadata`, and nothing is stored."""
    before = objects(fleet)
    files = {"image": ("image.jpg", photo()), "metadata": (None, metadata)}
    expect_error(mute.send(files), "VALIDATION_ERROR", "metadata")
    assert objects(fleet) == before


@pytest.mark.parametrize("image_first", [True, False])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model_id", "m" * 256),
        ("model_id", 5),
        ("model_id", "a\x00b"),
        ("model_id", "\ud800"),
        ("model_version", "v" * 65),
        ("model_version", 1.0),
        ("captured_at", "yesterday"),
        ("captured_at", 1_700_000_000),
        ("captured_at", ""),
        ("captured_at", "2026-13-01T00:00:00Z"),
        ("captured_at", "0001-01-01T00:00:00+14:00"),
        ("annotations", {}),
        ("annotations", "none"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_wrong_with_the_metadata_is_named(fleet, mute, key, value, image_first):
    """The whole upload is refused, wherever its metadata stand, and nothing is stored."""
    before = objects(fleet)
    files = [("image", ("image.jpg", photo())), ("metadata", (None, json.dumps({key: value})))]
    answer = mute.send(files if image_first else files[::-1])
    expect_error(answer, "VALIDATION_ERROR", f"metadata.{key}")
    assert objects(fleet) == before
    assert files_of(mute.operator) == set()


def test_the_longest_names_of_a_model_are_taken(fleet_camera):
    """255 characters of an id, 64 of a version, whatever characters they are."""
    said = {"model_id": "ü" * 255, "model_version": "写" * 64}
    listed = image(fleet_camera.operator, fleet_camera.upload(metadata=said))
    assert (listed["model_id"], listed["model_version"]) == ("ü" * 255, "写" * 64)


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("2024-05-04T10:00:00Z", datetime(2024, 5, 4, 10, tzinfo=UTC)),
        ("2024-05-04T10:00:00.250+02:00", datetime(2024, 5, 4, 8, 0, 0, 250_000, tzinfo=UTC)),
        ("2024-05-04T10:00:00", datetime(2024, 5, 4, 10, tzinfo=UTC)),
    ],
)
def test_what_the_device_says_of_the_time_wins(camera, said, moment):
    """`captured_at` is that moment at once, and still after the picture's own EXIF was read."""
    data = photo(exif=exif(taken="2019:05:04 10:00:00", offset="+02:00"))
    sent = camera.upload(data, metadata={"captured_at": said})
    assert datetime.fromisoformat(image(camera.operator, sent)["captured_at"]) == moment
    detail = wait_until_processed(camera.operator, asset(sent["image_id"]))
    assert datetime.fromisoformat(image(camera.operator, sent)["captured_at"]) == moment
    assert datetime.fromisoformat(detail["content_created_at"]) == moment


def test_otherwise_the_time_is_that_of_the_exif(camera):
    """A device that says nothing leaves it to the picture."""
    sent = camera.upload(photo(exif=exif(taken="2019:05:04 10:00:00", offset="+02:00")))
    wait_until_processed(camera.operator, asset(sent["image_id"]))
    taken = datetime.fromisoformat(image(camera.operator, sent)["captured_at"])
    assert taken == datetime(2019, 5, 4, 8, tzinfo=UTC)


def test_otherwise_it_is_the_time_of_the_upload(camera):
    """A picture that says nothing either was taken when it came."""
    sent = camera.upload()
    wait_until_processed(camera.operator, asset(sent["image_id"]))
    listed = image(camera.operator, sent)
    assert listed["captured_at"] == listed["created_at"]


def test_the_device_and_its_batch_know_of_the_image(fleet_camera):
    """Counts, the open batch, and when the device was last seen."""
    assert fleet_camera.now()["last_seen_at"] is None
    sent = fleet_camera.upload()
    fleet_camera.upload()
    now = fleet_camera.now()
    assert (now["image_count"], now["open_batch_id"]) == (2, sent["batch_id"])
    assert now["last_seen_at"] is not None
    found = batch(fleet_camera.operator, sent["batch_id"])
    assert (found["device_id"], found["status"], found["image_count"]) == (fleet_camera.id, "collecting", 2)


def test_what_is_deleted_is_counted_no_more(camera):
    """Wherever it is deleted: by itself, with others, with its folder, through the Vision API; restored, it is back."""
    sent = [camera.upload() for _ in range(5)]
    operator, batch_id = camera.operator, sent[0]["batch_id"]
    ids = [asset(each["image_id"]) for each in sent]
    for file_id in ids:
        wait_until_processed(operator, file_id)

    def counts():
        counted = batch(operator, batch_id)["image_count"]
        assert counted == camera.now()["image_count"] == len(images(operator, batch_id))
        return counted

    assert counts() == 5
    assert operator.delete(f"{FILES}/{ids[0]}").status_code == 200
    assert counts() == 4
    assert operator.delete(f"{FILES}/{ids[0]}").status_code == 404
    assert counts() == 4
    operator.post(f"{FILES}/batch-delete", json={"file_ids": ids[:2]})
    assert counts() == 3
    folder = operator.post("/api/v2/folders", json={"name": "f"}).json()["id"]
    operator.post("/api/v2/folders/move-files", json={"file_ids": [ids[2]], "folder_id": folder})
    assert counts() == 3
    assert operator.delete(f"/api/v2/folders/{folder}", params={"mode": "delete_all"}).status_code == 200
    assert counts() == 2
    operator.post("/images/delete", json={"image_ids": [ids[3]]})
    assert counts() == 1
    for number, file_id in enumerate(ids[:4], start=2):
        assert operator.post(f"{FILES}/{file_id}/restore").status_code == 200
        assert counts() == number
    assert [each["image_id"] for each in images(operator, batch_id)] == [each["image_id"] for each in sent]


def test_the_checksum_of_the_files_api_is_that_of_the_bytes(fleet_camera):
    """An image of a device is as much a duplicate as any other file."""
    data = photo()
    fleet_camera.upload(data)
    hashes = [hashlib.sha256(data).hexdigest()]
    answer = fleet_camera.operator.post("/api/v2/uploads/check-duplicates", json={"hashes": hashes}).json()
    assert answer == {"duplicates": hashes, "unique": []}


def test_a_picture_that_cannot_be_read_is_no_image(mute):
    """A JPEG that ends in its header is refused, naming `image`."""
    expect_error(mute.post(photo()[:20]), "VALIDATION_ERROR", "image")


def test_only_post_uploads(fleet, mute):
    """Any other method is 405 in the same envelope."""
    with fleet.client() as client:
        answer = client.get(UPLOAD, headers={"X-Device-Key": mute.key})
    assert answer.status_code == 405
    assert answer.json().keys() == {"success", "error", "request_id"}


def test_unknown_routes_are_not_found(fleet, mute):
    """Below the device's path and below the operator's, in the same envelope."""
    with fleet.client() as client:
        expect_error(client.post("/api/device/images", headers={"X-Device-Key": mute.key}), "NOT_FOUND")
    expect_error(mute.operator.get(f"{DEVICES}/{mute.id}/images"), "NOT_FOUND")
    expect_error(mute.operator.get(f"{BATCHES}/x/y/z"), "NOT_FOUND")


def test_a_header_of_the_client_is_the_request_id(fleet_camera):
    """What the client calls its request, success and failure are told under."""
    for files in ({"image": ("image.jpg", photo())}, {"image": ("image.jpg", b"text")}):
        answer = fleet_camera.send(files, headers={"X-Request-ID": "camera-7-0001"})
        assert answer.headers["x-request-id"] == "camera-7-0001"
        assert answer.json().get("request_id", "camera-7-0001") == "camera-7-0001"


def test_a_form_that_breaks_off_is_refused(fleet, mute):
    """A body that ends in the middle of the image is no upload, though its length is the one announced."""
    before = objects(fleet)
    body = form(photo())[:-40]
    answer = mute.exchange(body, lines=(f"Content-Length: {len(body)}",))
    expect_error(answer, "VALIDATION_ERROR")
    assert objects(fleet) == before


def test_files_of_the_tenant_are_no_images_of_a_batch(fleet_camera):
    """What comes through another API joins no batch."""
    upload(fleet_camera.operator, photo())
    sent = fleet_camera.upload()
    assert [each["image_id"] for each in images(fleet_camera.operator, sent["batch_id"])] == [sent["image_id"]]


def test_cameras_share_no_batch(fleet, fleet_camera):
    """Each device collects for itself."""
    other = enrol(fleet, fleet_camera.operator, "another")
    assert fleet_camera.upload()["batch_id"] != other.upload()["batch_id"]
