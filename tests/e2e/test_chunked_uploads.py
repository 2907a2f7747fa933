"""Uploads in chunks go on after whatever was killed: between chunks, and while they are put together."""

from __future__ import annotations

import hashlib
import threading

import httpx
import pytest

from tests.e2e.library import QUICK, download, listed, sha256, with_services
from tests.e2e.processes import kill_everything
from tests.running import RunningServer, wait_for
from tests.small_film import small_film

pytestmark = pytest.mark.e2e
VIDEOS = "/api/v2/video-uploads"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of this module's own, which its tests kill and start again."""
    settings = {**QUICK, "CALOTYPE_CHUNK_BYTES": str(4 * MIB)}
    with RunningServer(tmp_path_factory.mktemp("chunks"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def film():
    """A film with many megabytes at its end that no player looks at, so that putting it together takes a while."""
    film = small_film()
    tail = 100 * MIB
    return film + (8 + tail).to_bytes(4) + b"free" + bytes(tail)


class Sending:
    """A client that knows nothing but its key, the file, and the answer to initiate."""

    def __init__(self, server, key, data):
        self._server, self._key, self.data = server, key, data
        body = {"filename": "film.mp4", "content_type": "video/mp4", "size_bytes": len(data)}
        self.made = self.post("initiate", body).json()
        self.ids = {key: self.made[key] for key in ("media_id", "upload_id")}

    def post(self, path, body):
        """Ask the server as it runs now."""
        with self._server.client(self._key) as client:
            return client.post(f"{VIDEOS}/{path}", json=body)

    def progress(self):
        """How far it is."""
        with self._server.client(self._key) as client:
            return client.get(f"{VIDEOS}/progress/{self.made['media_id']}").json()

    def send(self, number):
        """Put and confirm one chunk, to wherever the server listens now."""
        size = self.made["chunk_size_bytes"]
        part = self.data[(number - 1) * size : number * size]
        path = httpx.URL(self.made["chunks"][number - 1]["upload_url"]).raw_path.decode()
        put = httpx.put(self._server.url + path, content=part, timeout=60, verify=False)
        assert put.status_code == 200, put.text
        confirmed = {"chunk_number": number, "etag": put.headers["etag"], "size_bytes": len(part)}
        assert self.post("chunks/confirm", self.ids | confirmed).status_code == 200

    def resume(self):
        """Send what is missing, as told by the server."""
        while (missing := self.progress()["current_chunk"]) is not None:
            self.send(missing)

    def complete(self):
        """Have it put together."""
        return self.post("complete", self.ids | {"duration_seconds": 1, "auto_analyze": False})


def test_an_upload_survives_the_end_of_everything(server, film):
    """Killed after some chunks and again while it is put together: what was confirmed is there, and the file is whole."""
    key = server.new_key()
    sending = Sending(server, key, film)
    for number in (1, 2, 5, 7):
        sending.send(number)
    kill_everything(server)
    server.start()
    progress = sending.progress()
    assert (progress["chunks_completed"], progress["current_chunk"], progress["status"]) == (4, 3, "uploading")
    sending.resume()

    answers = []

    def complete():
        try:
            answers.append(sending.complete().status_code)
        except httpx.TransportError:
            answers.append(None)

    completing = threading.Thread(target=complete)
    completing.start()
    wait_for(lambda: answers or sending.progress()["status"] == "processing", "complete did not begin")
    kill_everything(server)
    completing.join()
    server.start()
    assert answers in ([None], [200])
    if answers == [None]:
        assert sending.progress()["status"] in {"uploading", "completed"}

    done = sending.complete()

    assert done.status_code == 200, done.text
    assert sending.complete().json() == done.json()
    with server.client(key) as client:
        files = listed(client)
        assert list(files) == [sending.made["media_id"]]
        assert sha256(download(client, sending.made["media_id"])) == hashlib.sha256(film).hexdigest()
    with_services(server, lambda services: services.upkeep.sweep())
    assert _chunks(server) == []


def _chunks(server):
    return [path for path in (server.data_dir / "objects" / "chunks").rglob("*") if path.is_file()]
