"""Asked to stop, a server finishes what it answers, a worker gives back what it works on, and both leave with status 0."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from tests.e2e.library import QUICK, job_states, jobs_in, photo, wait_until_all_completed, with_services
from tests.e2e.processes import database_pids, descendants, is_gone
from tests.running import PATIENCE, RunningServer, calotype_environment, upload, wait_for

pytestmark = pytest.mark.e2e
_BOUNDARY = "a-boundary-that-occurs-nowhere-else"
_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One data folder for this module, so that the database is made only once."""
    return tmp_path_factory.mktemp("stopping")


class SlowUpload:
    """An upload over a socket of its own, of which only the first half is sent until told to go on."""

    def __init__(self, url: str, key: str, data: bytes) -> None:
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="slow.jpg"\r\n\r\n'
        body = head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
        request = (
            f"POST /api/v2/user-files/upload/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\nContent-Length: {len(body)}\r\n"
            "Expect: 100-continue\r\n\r\n"
        )
        address = urlsplit(url)
        self._rest = body[len(body) // 2 :]
        self._socket = socket.create_connection((address.hostname, address.port), timeout=PATIENCE)
        self._socket.sendall(request.encode())
        # The server asks for the body only once it works on the request.
        assert self._socket.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        self._socket.sendall(body[: len(body) // 2])

    def finish(self):
        """Send the rest; returns the status line and the body of the answer."""
        self._socket.sendall(self._rest)
        answer = b""
        with self._socket:
            while piece := self._socket.recv(65536):
                answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        return head.split(b"\r\n")[0].decode(), json.loads(body)


async def stored_original(services, key, file_id):
    """The bytes of a file of the owner of a key."""
    principal = await services.api_keys.authenticate(key)
    asset = await services.assets.get(principal.scope, UUID(file_id))
    return await services.ingest._store.get(asset.object_key)


def is_listening(url):
    """Whether a new connection is accepted."""
    address = urlsplit(url)
    with contextlib.suppress(OSError), socket.create_connection((address.hostname, address.port), timeout=PATIENCE):
        return True
    return False


@pytest.mark.parametrize(
    ("number", "arguments"), [(signal.SIGTERM, ()), (signal.SIGTERM, ("--no-worker",)), (signal.SIGINT, ())]
)
def test_an_upload_under_way_is_answered_and_stored_before_a_server_stops(folder, number, arguments):
    """A client that is still sending when SIGTERM or Ctrl-C comes gets its 200, and its file is kept."""
    data = photo(300, 300)
    server = RunningServer(folder, *arguments, **QUICK)
    server.start()
    key = server.new_key()
    slow = SlowUpload(server.url, key, data)
    assert is_listening(server.url)
    pids = descendants(server.process.pid)

    server.process.send_signal(number)
    wait_for(lambda: not is_listening(server.url), "the server still takes connections")
    assert server.process.poll() is None
    status, answer = slow.finish()

    assert status == "HTTP/1.1 200 OK"
    assert server.process.wait(PATIENCE) == 0
    assert "Traceback" not in server.log()
    assert all(is_gone(pid) for pid in pids)
    assert database_pids(server) == []
    assert with_services(server, lambda services: stored_original(services, key, answer["image_id"])) == data


@pytest.fixture(scope="module")
def web_only(tmp_path_factory):
    """A server without a worker."""
    with RunningServer(tmp_path_factory.mktemp("web"), "--no-worker", **QUICK) as running:
        yield running


@contextlib.contextmanager
def worker(server: RunningServer, *program: str):
    """A worker process of its own beside a server."""
    process = subprocess.Popen(
        [sys.executable, "-m", *program],
        env={**calotype_environment(server.data_dir, **QUICK), "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])},
        stderr=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_worker_gives_back_the_jobs_it_cannot_end_in_time_and_another_does_them(web_only):
    """After SIGTERM or Ctrl-C a worker leaves with 0; no job is lost, failed or aborted, and the next worker ends them."""
    with web_only.client(web_only.new_key()) as client:
        for _ in range(3):
            upload(client, photo())
        url = web_only.database_url()
        with worker(web_only, "tests.e2e.slow_worker") as slow:
            wait_for(lambda: jobs_in(web_only.url, "doing") == 3, "the worker did not take the jobs")

            slow.send_signal(signal.SIGTERM)

            _, errors = slow.communicate(timeout=PATIENCE)
        assert slow.returncode == 0, errors
        assert "Traceback" not in errors
        assert job_states(url) == ["todo"] * 3
        with worker(web_only, "calotype", "worker") as quick:
            files = wait_until_all_completed(client)
            wait_for(lambda: job_states(url) == [], "jobs that are done stayed in the queue")
            quick.send_signal(signal.SIGINT)
            quick.communicate(timeout=PATIENCE)
        assert quick.returncode == 0
        assert len(files) == 3
        assert all(file["blur_hash"] for file in files.values())


@pytest.mark.parametrize(("number", "sign"), [(signal.SIGINT, "PG_VERSION"), (signal.SIGTERM, "log")])
def test_a_server_asked_to_stop_while_it_starts_leaves_nothing_running(tmp_path, number, sign):
    """A signal between the first moment and readiness ends the process with 0, and its database with it."""
    server = RunningServer(tmp_path)
    mark = server.data_dir / "postgres" / sign
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "calotype", "serve"],
        env=calotype_environment(server.data_dir),
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    with log:
        wait_for(mark.exists, "no database was started")
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()
    wait_for(lambda: database_pids(server) == [], "the database outlived the server that started it")
