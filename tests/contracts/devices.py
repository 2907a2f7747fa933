"""Devices as their operators and as their cameras see them: one call for each thing that is done with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

from tests.contracts.device_shapes import BATCH, CREATED, DEVICE, IMAGE, UPLOADED, expect, page_of
from tests.contracts.photos import photo
from tests.contracts.vision import exchange, head, multipart, part
from tests.running import RunningServer

UPLOAD = "/api/device/images/upload"
DEVICES = "/api/devices"
BATCHES = "/api/batches"
FILES = "/api/v2/user-files"
BOX = {"class_value": "defect", "type": "bbox", "geometry": [0.52, 0.48, 0.2, 0.1]}
LARGEST = 52_428_800  # bytes of one image
LARGEST_METADATA = 1_048_576  # bytes


@dataclass
class Camera:
    """A device with its key, at its server; `operator` is a client of its tenant."""

    server: RunningServer
    operator: httpx.Client
    id: str
    key: str

    def post(self, data: bytes | None = None, name: str = "image.jpg", **options: Any) -> httpx.Response:
        """Send one image, another one each time unless it is given; `metadata` is an object, or text as it stands.

        `fields` are further fields of the form, `key` another idempotency key than none.
        """
        metadata, fields, headers = options.get("metadata"), dict(options.get("fields") or {}), {}
        if metadata is not None:
            fields["metadata"] = metadata if isinstance(metadata, str | bytes) else json.dumps(metadata)
        if options.get("key") is not None:
            headers["Idempotency-Key"] = options["key"]
        return self.send({"image": (name, photo() if data is None else data)}, fields, headers)

    def send(self, files: Any, fields: Any = None, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send a form as it is given."""
        with self.server.client() as client:
            return client.post(UPLOAD, files=files, data=fields, headers={"X-Device-Key": self.key, **(headers or {})})

    def upload(self, data: bytes | None = None, name: str = "image.jpg", **options: Any) -> dict[str, Any]:
        """Send one image, which must be taken; returns the data of the answer."""
        return expect(self.post(data, name, **options), UPLOADED)

    def exchange(self, *pieces: bytes, lines: tuple[str, ...] = ()) -> Any:
        """Send pieces of a multipart body under these header lines, and read the answer before anything else is sent."""
        kind = "Content-Type: multipart/form-data; boundary=one-boundary"
        start = head("POST", UPLOAD, "Host: x", f"X-Device-Key: {self.key}", kind, *lines)
        return exchange(self.server, start, *pieces)

    def now(self) -> dict[str, Any]:
        """The device as it is."""
        return expect(self.operator.get(f"{DEVICES}/{self.id}"), DEVICE)


def enrol(server: RunningServer, operator: httpx.Client, name: str = "gate 2", **fields: Any) -> Camera:
    """A new device."""
    made = expect(operator.post(DEVICES, json={"name": name, **fields}), CREATED, 201)
    return Camera(server, operator, made["id"], made["api_key"])


def form(data: bytes, metadata: str | None = None, *, image_first: bool = True) -> bytes:
    """The multipart body of an upload."""
    parts = [part("image", data, "image.jpg", "image/jpeg")]
    if metadata is not None:
        parts.append(part("metadata", metadata))
    return multipart(*(parts if image_first else parts[::-1]))


def batch(operator: httpx.Client, batch_id: str) -> dict[str, Any]:
    """One batch as it is."""
    return expect(operator.get(f"{BATCHES}/{batch_id}"), BATCH)


def images(operator: httpx.Client, batch_id: str, **query: Any) -> list[dict[str, Any]]:
    """The images of a batch."""
    found: list[dict[str, Any]] = expect(operator.get(f"{BATCHES}/{batch_id}/images", params=query), page_of(IMAGE))[
        "items"
    ]
    return found


def image(operator: httpx.Client, sent: dict[str, Any]) -> dict[str, Any]:
    """The image that the answer to an upload told of, as its batch lists it."""
    (found,) = (each for each in images(operator, sent["batch_id"]) if each["image_id"] == sent["image_id"])
    return found


def files_of(operator: httpx.Client) -> set[str]:
    """The ids of all files of a tenant, as the Files API lists them."""
    return {file["id"] for file in operator.get(FILES, params={"limit": 100}).json()["files"]}


def asset(image_id: str) -> str:
    """The id of an image in every other API."""
    return image_id.removeprefix("img_")


def objects(server: RunningServer) -> set[str]:
    """The keys of all images of devices that lie in the server's store."""
    store = server.data_dir / "objects"
    return {str(path.relative_to(store)) for path in (store / "raw-data").rglob("*") if path.is_file()}
