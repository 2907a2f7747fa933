"""What a stranger tries with another tenant's devices, batches and webhooks: an attempt for every route that takes an id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from tests.contracts.device_shapes import BATCH, expect, expect_error, page_of
from tests.contracts.devices import BATCHES, DEVICES, UPLOAD, Camera, enrol
from tests.running import RunningServer

WEBHOOKS = "/api/webhooks"


@dataclass
class Prey:
    """What one tenant owns: a device with a key, its open batch and a closed one, and a webhook."""

    camera: Camera
    open: str
    closed: str
    webhook: str

    def state(self) -> list[Any]:
        """Everything of it that a stranger could change."""
        paths = (DEVICES, BATCHES, WEBHOOKS, f"{WEBHOOKS}/{self.webhook}/deliveries", "/api/v2/user-files")
        answers = [self.camera.operator.get(path) for path in paths]
        answers += [self.camera.operator.get(f"{BATCHES}/{batch}/images") for batch in (self.open, self.closed)]
        assert [answer.status_code for answer in answers] == [200] * len(answers)
        # Links are signed anew each time.
        return [answer.json()["data"] for answer in answers if "data" in answer.json()]


def prey(server: RunningServer, operator: httpx.Client) -> Prey:
    """A tenant's device that has sent images."""
    camera = enrol(server, operator, "secret", metadata={"secret": True})
    closed = camera.upload(name="secret.jpg")["batch_id"]
    assert operator.post(f"{BATCHES}/{closed}/close").status_code == 200
    opened = camera.upload(name="secret.jpg")["batch_id"]
    answer = operator.post(WEBHOOKS, json={"url": "https://hooks.example.com/secret", "events": ["asset.failed"]})
    assert answer.status_code in {200, 201}, answer.text
    return Prey(camera, opened, closed, answer.json()["data"]["id"])


Attempt = Callable[[httpx.Client, Prey], None]


def _device(method: str, suffix: str = "", **options: Any) -> Attempt:
    def attempt(stranger: httpx.Client, owned: Prey) -> None:
        expect_error(stranger.request(method, f"{DEVICES}/{owned.camera.id}{suffix}", **options), "NOT_FOUND")

    return attempt


def _batch(method: str, suffix: str = "", **options: Any) -> Attempt:
    def attempt(stranger: httpx.Client, owned: Prey) -> None:
        for batch in (owned.open, owned.closed):
            expect_error(stranger.request(method, f"{BATCHES}/{batch}{suffix}", **options), "NOT_FOUND")

    return attempt


def _webhook(method: str, suffix: str = "") -> Attempt:
    def attempt(stranger: httpx.Client, owned: Prey) -> None:
        expect_error(stranger.request(method, f"{WEBHOOKS}/{owned.webhook}{suffix}"), "NOT_FOUND")

    return attempt


def _batches(stranger: httpx.Client, owned: Prey) -> None:
    for query in ({"device_id": owned.camera.id}, {"device_id": owned.camera.id, "status": "closed"}):
        page = expect(stranger.get(BATCHES, params=query), page_of(BATCH))
        assert (page["items"], page["total"]) == ([], 0)


def _upload(stranger: httpx.Client, owned: Prey) -> None:
    other = enrol(owned.camera.server, stranger)
    for batch in (owned.open, owned.closed):
        expect_error(other.post(fields={"batch_id": batch}), "NOT_FOUND")


ATTEMPTS: dict[tuple[str, str], Attempt] = {
    ("GET", f"{DEVICES}/{{device_id}}"): _device("GET"),
    ("PATCH", f"{DEVICES}/{{device_id}}"): _device("PATCH", json={"name": "mine now"}),
    ("DELETE", f"{DEVICES}/{{device_id}}"): _device("DELETE"),
    ("POST", f"{DEVICES}/{{device_id}}/rotate-key"): _device("POST", "/rotate-key"),
    ("GET", BATCHES): _batches,
    ("GET", f"{BATCHES}/{{batch_id}}"): _batch("GET"),
    ("GET", f"{BATCHES}/{{batch_id}}/images"): _batch("GET", "/images"),
    ("GET", f"{BATCHES}/{{batch_id}}/export"): _batch("GET", "/export", params={"format": "jsonl"}),
    ("POST", f"{BATCHES}/{{batch_id}}/close"): _batch("POST", "/close"),
    ("GET", f"{WEBHOOKS}/{{webhook_id}}"): _webhook("GET"),
    ("DELETE", f"{WEBHOOKS}/{{webhook_id}}"): _webhook("DELETE"),
    ("GET", f"{WEBHOOKS}/{{webhook_id}}/deliveries"): _webhook("GET", "/deliveries"),
    ("POST", UPLOAD): _upload,
}
