"""Upload sessions over several web processes, some of which do not live to see the end."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections import Counter
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.e2e.library import QUICK, listed, photo
from tests.running import PATIENCE, RunningServer, wait_for

pytestmark = pytest.mark.e2e

COUNT = 200
SETTINGS = {**QUICK, "CALOTYPE_MAX_BATCH_FILES": str(COUNT)}
BOUNDARY = "calotypetestboundary"


@pytest.fixture
def pair(tmp_path):
    """A server with worker and database, and a second web process over the same database and objects."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with RunningServer(first, **SETTINGS) as home:
        shared = {
            "CALOTYPE_DATABASE_URL": home.database_url(),
            "CALOTYPE_STORAGE_URL": f"file://{home.data_dir.resolve()}/objects",
        }
        with RunningServer(second, "--no-worker", **SETTINGS, **shared) as other:
            yield home, other


class Watcher:
    """A thread that follows a session over a WebSocket to its end, or to the end of its server."""

    def __init__(self, server, key, channel):
        self.events = []
        self.snapshot = None
        self._url = server.url.replace("http", "ws", 1) + "/api/v2/ws"
        self._key = key
        self._channel = channel
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self):
        headers = {"Authorization": f"Bearer {self._key}"}
        try:
            with connect(self._url, additional_headers=headers, open_timeout=PATIENCE) as socket_:
                socket_.send(json.dumps({"action": "subscribe", "channel": self._channel}))
                while not self.is_over:
                    frame = json.loads(socket_.recv(timeout=PATIENCE))
                    assert frame["channel"] == self._channel, frame
                    if frame["event"] == "subscribed":
                        self.snapshot = frame["data"]
                    else:
                        self.events.append((frame["event"], frame["data"]))
        except ConnectionClosed:
            pass

    @property
    def is_over(self):
        """Whether the end of the session was seen."""
        return any(kind == "session.completed" for kind, _ in self.events)

    def kinds(self):
        """How often each kind of event was told."""
        return Counter(kind for kind, _ in self.events)

    def join(self):
        """Wait for the end of the session, or of the server."""
        self._thread.join(180)
        assert not self._thread.is_alive(), self.kinds()


def sums(status):
    """Whether the counters of a session add up."""
    parts = ("completed_files", "failed_files", "skipped_files", "pending_files")
    return sum(status[part] for part in parts) == status["total_files"]


@pytest.mark.timeout(300)
def test_a_session_is_watched_to_its_end_while_one_of_two_web_processes_is_killed(pair):
    """200 files sent through one web process end one by one for a watcher of the other, though the first dies on the way."""
    home, other = pair
    key = home.new_key()
    files = [("files", (f"photo-{number}.jpg", photo(), "image/jpeg")) for number in range(COUNT)]
    with other.client(key) as client:
        answer = client.post("/api/v2/user-files/upload/stream-batch", files=files, timeout=180)
    assert answer.status_code == 200, answer.text
    batch = answer.json()
    assert (batch["accepted_files"], batch["status"], batch["immediate_results"]) == (COUNT, "completed", None)

    staying = Watcher(home, key, batch["websocket_channel"])
    losing = Watcher(other, key, batch["websocket_channel"])
    wait_for(lambda: len(losing.events) >= 20 and staying.snapshot, "nothing was told of the session")
    other.stop(signal.SIGKILL)
    losing.join()
    assert not losing.is_over
    late = Watcher(home, key, batch["websocket_channel"])
    staying.join()
    late.join()

    for watcher in (staying, late):
        before = watcher.snapshot["completed_files"]
        assert watcher.kinds() == {"file.completed": COUNT - before, "session.completed": 1}
        assert all(sums(status) for _, status in watcher.events)
        assert watcher.events[-1][1]["status"] == "completed"
    assert late.snapshot["completed_files"] >= losing.snapshot["completed_files"]
    with home.client(key) as client:
        final = client.get(batch["status_url"]).json()
        assert (final["status"], final["completed_files"], final["progress_percentage"]) == ("completed", COUNT, 100.0)
        assert len(listed(client)) == COUNT


def _half_a_batch(server, key, whole, part):
    """A connection that has sent `whole` files and the beginning of another one."""
    pieces = []
    for number in range(whole + 1):
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{number}.jpg"\r\n\r\n'
        pieces += [head.encode(), photo() if number < whole else part, b"\r\n" if number < whole else b""]
    address = urlsplit(server.url)
    connection = socket.create_connection((address.hostname, address.port))
    connection.sendall(
        f"POST /api/v2/user-files/upload/stream-batch HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        "Content-Length: 100000000\r\n\r\n".encode()
        + b"".join(pieces)
    )
    return connection


@pytest.mark.timeout(240)
def test_a_session_whose_reader_was_killed_ends_with_what_had_arrived(pair):
    """Files that had arrived whole when the web process died are kept and finished, and the session ends by itself."""
    home, other = pair
    key = home.new_key()
    with home.client(key) as client:
        with _half_a_batch(other, key, whole=7, part=photo()[:500]):

            def session():
                sessions = client.get("/api/v2/uploads/sessions").json()["sessions"]
                return sessions[0] if sessions and sessions[0]["total_files"] == 7 else None

            uploading = wait_for(session, "the files that had arrived were not taken")
            assert uploading["status"] == "uploading"
            other.stop(signal.SIGKILL)
        url = f"/api/v2/uploads/sessions/{uploading['session_id']}/status"
        ended = wait_for(
            lambda: (status := client.get(url).json())["completed_at"] and status, "the session did not end"
        )
        assert (ended["status"], ended["total_files"], ended["completed_files"]) == ("completed", 7, 7)
        assert len(listed(client)) == 7
