"""What a camera was answered stays, however the server ends, and sending again what was not answered makes no second image."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from itertools import count

import httpx
import pytest
from sqlalchemy import text

from tests.e2e.library import QUICK, listed, photo, with_services
from tests.e2e.processes import kill_everything
from tests.running import RunningServer, wait_for

pytestmark = pytest.mark.e2e
BATCH = 5  # images


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of this module's own, which its tests end and start again."""
    settings = {**QUICK, "CALOTYPE_BATCH_MAX_IMAGES": str(BATCH)}
    with RunningServer(tmp_path_factory.mktemp("cameras"), **settings) as running:
        yield running


class Camera:
    """A device that sends image after image over several connections until the server is gone, each under its own key."""

    def __init__(self, server: RunningServer, operator: httpx.Client) -> None:
        made = operator.post("/api/devices", json={"name": "camera"}).json()["data"]
        self.id: str = made["id"]
        self.sent: dict[str, bytes] = {}
        self.answered: dict[str, dict] = {}
        self._server = server
        self._key: str = made["api_key"]
        self._numbers = count()
        self._threads = [threading.Thread(target=self._send_on, daemon=True) for _ in range(3)]

    def start(self):
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def join(self):
        """Wait until every connection has met its end."""
        for thread in self._threads:
            thread.join()

    def _send_on(self):
        with self._server.client() as client:
            while True:
                name, data = str(next(self._numbers)), photo()
                self.sent[name] = data
                try:
                    answer = self.send(client, name)
                except httpx.TransportError:
                    return
                if answer.status_code != 200:
                    assert answer.status_code == 503, answer.text
                    return
                self.answered[name] = answer.json()["data"]

    def send(self, client, name):
        """Send one image, the first time or again."""
        return client.post(
            "/api/device/images/upload",
            files={"image": ("image.jpg", self.sent[name])},
            data={"metadata": f'{{"number":{name},"annotations":[{{"class_value":"a","type":"classification"}}]}}'},
            headers={"X-Device-Key": self._key, "Idempotency-Key": name},
        )


def images_of(operator, device_id):
    """The images of a device by the numbers they were sent with, in the words of an answer, and their batches."""
    found = {}
    batches = operator.get("/api/batches", params={"device_id": device_id, "limit": 100}).json()["data"]["items"]
    for batch in batches:
        page = operator.get(f"/api/batches/{batch['id']}/images", params={"limit": 100}).json()["data"]
        assert page["total"] == len(page["items"]) == batch["image_count"]
        for image in page["items"]:
            assert image["annotations"] == [{"class_value": "a", "type": "classification"}]
            number = str(image["metadata"]["number"])
            assert number not in found
            found[number] = {
                "image_id": image["image_id"],
                "batch_id": batch["id"],
                "storage_key": image["storage_key"],
                "duplicate": False,
            }
    return found, batches


def stored(server):
    """The keys of all images of devices on disk."""
    root = server.data_dir / "objects"
    return {str(path.relative_to(root)) for path in (root / "raw-data").rglob("*") if path.is_file()}


def end_by_power_cut(server):
    """Kill the server, its worker and its database at once."""
    kill_everything(server)


def end_in_order(server):
    """Ask the server to stop."""
    assert server.stop(signal.SIGTERM) == 0
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("end", [end_by_power_cut, end_in_order])
def test_what_was_answered_is_there_and_what_is_sent_again_is_there_once(server, end):
    """In batches that count it, with its bytes; each key answers as before, and nothing else is left in the store."""
    key = server.new_key()
    with server.client(key) as operator:
        cameras = [Camera(server, operator) for _ in range(2)]
    for camera in cameras:
        camera.start()
    wait_for(lambda: all(len(camera.answered) >= 12 for camera in cameras), "the uploads did not get going")
    end(server)
    for camera in cameras:
        camera.join()
    server.start()

    with server.client(key) as operator:
        for camera in cameras:
            before, _ = images_of(operator, camera.id)
            assert camera.answered.items() <= before.items()
            assert len(before) <= len(camera.sent)
            assert len(camera.answered) < len(camera.sent)
            for name in camera.sent:
                answer = camera.send(operator, name)
                assert answer.status_code == 200, answer.text
                if name in before:
                    assert answer.json()["data"] == before[name]
            after, batches = images_of(operator, camera.id)
            assert after.keys() == camera.sent.keys()
            assert before.items() <= after.items()
            for name, image in after.items():
                assert (server.data_dir / "objects" / image["storage_key"]).read_bytes() == camera.sent[name]
            full, rest = divmod(len(after), BATCH)
            states = Counter((batch["status"], batch["image_count"]) for batch in batches)
            assert states == Counter({("closed", BATCH): full}) + Counter({("collecting", rest): 1 if rest else 0})
            assert operator.get(f"/api/devices/{camera.id}").json()["data"]["image_count"] == len(after)
        files = listed(operator)
        assert len(files) == sum(len(camera.sent) for camera in cameras)

    with_services(server, lambda services: services.upkeep.sweep())
    assert with_services(server, lambda services: services.upkeep.missing_originals()) == []
    rows = with_services(server, all_keys)
    assert stored(server) == rows


async def all_keys(services):
    """The keys of all images of devices that have a row."""
    async with services.assets._database.read() as connection:
        found = await connection.execute(text("SELECT object_key FROM asset WHERE object_key LIKE 'raw-data/%'"))
        return set(found.scalars())
