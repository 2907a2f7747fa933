"""Batches of images are there whole or not at all, whichever process is killed at whatever moment."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.contracts.vision import UPLOAD, entry, multipart, part
from tests.contracts.vision_shapes import results
from tests.e2e.library import QUICK, photo, stored_keys, with_services
from tests.e2e.processes import kill_everything
from tests.running import RunningServer, wait_for

pytestmark = pytest.mark.e2e
BATCH = 12
SENDERS = 3


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of this module's own, which its tests kill and start again."""
    running = RunningServer(tmp_path_factory.mktemp("vision"), **QUICK)
    with running:
        yield running


class Batches:
    """Sends batches from several threads until the server is gone."""

    def __init__(self, server, key):
        self.answered = {}
        self._server, self._key = server, key
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(SENDERS)

    def __enter__(self):
        for sender in range(SENDERS):
            self._pool.submit(self._send, sender)
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._pool.shutdown()

    def _send(self, sender):
        from tests.contracts.vision import upload

        with self._server.client(self._key) as client:
            for number in range(10_000):
                if self._stop.is_set():
                    return
                name, data = f"{sender}-{number}", [photo() for _ in range(BATCH)]
                entries = [entry(batch=name, place=place) for place in range(BATCH)]
                try:
                    answer = upload(client, *data, metadata={"requests": entries})
                except httpx.HTTPError:
                    return
                if answer.status_code == 200:
                    self.answered[name] = [
                        (image["image_id"], each) for image, each in zip(results(answer), data, strict=True)
                    ]


def _all(client):
    """Every image there is."""
    found = []
    while page := results(client.post("/images/list", json={"limit": 1000, "offset": len(found)})):
        found += page
    return found


def test_a_killed_server_keeps_batches_whole(server):
    """After kill -9 in the middle of many: what was answered is there with its bytes, and no batch is there in part."""
    key = server.new_key()
    with Batches(server, key) as batches:
        wait_for(lambda: len(batches.answered) >= 8, "the uploads did not get going")
        kill_everything(server)

    server.start()

    with server.client(key) as client:
        images = _all(client)
        counts = Counter(image["image_metadata"]["batch"] for image in images)
        assert set(counts.values()) <= {BATCH}
        assert counts.keys() >= batches.answered.keys()
        by_id = {image["image_id"]: image for image in images}
        for name, sent in batches.answered.items():
            assert [by_id[image_id]["image_metadata"]["place"] for image_id, _ in sent] == list(range(BATCH)), name
            for image_id, data in sent[::5]:
                assert client.get(by_id[image_id]["image_url"]).content == data
    assert with_services(server, lambda services: services.upkeep.missing_originals()) == []


def test_a_server_that_is_stopped_keeps_nothing_of_what_had_not_arrived(tmp_path):
    """SIGTERM while a body is still arriving: after the next start none of it is listed, and none of it was stored."""
    with RunningServer(tmp_path, "--no-worker") as server:
        key = server.new_key()
        body = multipart(*(part("images", photo(), f"{n}.jpg") for n in range(40)))
        sent, stopped = threading.Event(), threading.Event()

        def pieces():
            yield body[:-1000]
            sent.set()
            stopped.wait(20)

        def send():
            with server.client(key) as client:
                kind = {"content-type": "multipart/form-data; boundary=one-boundary", "content-length": str(len(body))}
                client.post(UPLOAD, content=pieces(), headers=kind)

        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(send)
            assert sent.wait(20)
            server.process.send_signal(signal.SIGTERM)
            stopped.set()
            answer.exception()
        server.stop()
        server.start()
        with server.client(key) as client:
            assert _all(client) == []
        assert stored_keys(server) == set()
