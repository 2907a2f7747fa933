"""Exports of batches over HTTP, as the one who runs a fleet asks for them."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import httpx
import pytest
from pycocotools.coco import COCO

from tests.contracts.photos import jpeg_of_size, photo

MIB = 1024 * 1024
SEEN = {"class_value": "defect", "type": "bbox", "geometry": [0.52, 0.48, 0.2, 0.1]}


@pytest.fixture
def camera(owner):
    """The key of a device of the owner's."""
    made = owner.post("/api/devices", json={"name": "camera", "duplicate_policy": "accept"})
    assert made.status_code == 201, made.text
    return made.json()["data"]["api_key"]


def send(client, key, data, filename="image.jpg", *seen):
    """Send an image as a device; returns the answer's data."""
    answer = client.post(
        "/api/device/images/upload",
        headers={"X-Device-Key": key},
        files={"image": (filename, data)},
        data={"metadata": json.dumps({"annotations": list(seen)})},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def peak(pid):
    """The most memory a process has had since its peak was last forgotten, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


def test_coco(owner, camera, tmp_path):
    """The answer is a ZIP to be saved, whose labels pycocotools loads and whose picture is the one that was sent."""
    data = photo(1000, 500)
    sent = send(owner, camera, data, "image.jpg", SEEN)
    answer = owner.get(f"/api/batches/{sent['batch_id']}/export", params={"format": "coco"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    name = f"{sent['batch_id']}_coco.zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as read:
        assert read.testzip() is None
        read.extractall(tmp_path)
    labels = COCO(next(tmp_path.glob("annotations/*.json")))
    ((image, ann),) = zip(labels.imgs.values(), labels.anns.values(), strict=True)
    assert (tmp_path / "images" / image["file_name"]).read_bytes() == data
    assert image["file_name"] == sent["storage_key"].removeprefix("raw-data/")
    assert ann["bbox"] == [420, 215, 200, 50]
    assert labels.cats[ann["category_id"]]["name"] == "defect"


@pytest.mark.parametrize(("format_", "labels"), [("yolo", "data.yaml"), ("jsonl", "metadata.jsonl")])
def test_the_other_formats(owner, camera, format_, labels):
    """Each format has its labels and the pictures."""
    sent = send(owner, camera, photo(), "image.jpg", SEEN)
    answer = owner.get(f"/api/batches/{sent['batch_id']}/export", params={"format": format_})
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as read:
        names = set(read.namelist())
        assert read.testzip() is None
    assert {labels, sent["storage_key"].replace("raw-data", "images")} <= names


@pytest.mark.parametrize("query", ["", "?format=", "?format=voc", "?format=COCO%20"])
def test_unknown_formats(owner, camera, query):
    """A format that is missing or unknown is a 422 that names the parameter."""
    sent = send(owner, camera, photo())
    answer = owner.get(f"/api/batches/{sent['batch_id']}/export{query}")
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert error["details"]["field"] == "format"


def test_who_may_export(server, owner, camera):
    """Somebody else's batch is as unknown as none; a device's key opens nothing here, nor does no key."""
    batch_id = send(owner, camera, photo())["batch_id"]
    path = f"/api/batches/{batch_id}/export?format=coco"
    with server.client(server.new_key()) as stranger:
        for unknown in (path, f"/api/batches/batch_{'0' * 8}-0000-4000-8000-000000000000/export?format=coco"):
            answer = stranger.get(unknown)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert owner.get(f"/api/batches/{batch_id.removeprefix('batch_')}/export?format=coco").status_code == 404
    for headers in ({}, {"X-Device-Key": camera}, {"Authorization": f"Bearer {camera}"}):
        assert httpx.get(server.url + path, headers=headers).status_code == 401


def test_a_file_that_breaks_off_ends_the_connection(server, owner, camera):
    """When an original is cut while it is sent, the client sees an error in place of an end."""
    sent = send(owner, camera, jpeg_of_size(40 * MIB))
    path = server.data_dir / "objects" / sent["storage_key"]
    with owner.stream("GET", f"/api/batches/{sent['batch_id']}/export?format=coco") as answer:
        assert answer.status_code == 200
        chunks = answer.iter_raw()
        next(chunks)
        # No buffer on the way holds so much that all of it could have been sent.
        with path.open("r+b") as file:
            file.truncate(MIB)
        with pytest.raises(httpx.RemoteProtocolError):
            for _ in chunks:
                pass


def test_memory_does_not_grow_with_the_batch(server, owner, camera):
    """An export of 60 MB, in pictures below and above what is kept of one, takes less than half of that."""
    total = 0
    for size in [2 * MIB, 10 * MIB] * 5:
        batch_id = send(owner, camera, jpeg_of_size(size), "image.jpg", SEEN)["batch_id"]
        total += size
    assert server.process is not None
    for format_ in ("coco", "yolo", "jsonl"):
        Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
        before, received = peak(server.process.pid), 0
        with owner.stream("GET", f"/api/batches/{batch_id}/export?format={format_}") as answer:
            for chunk in answer.iter_raw():
                received += len(chunk)
        assert received > total
        assert peak(server.process.pid) - before < 25 * MIB
