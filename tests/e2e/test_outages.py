"""What a node stands on goes away while it runs: clients are told 503 with a reason, and everything goes on when it is back."""

from __future__ import annotations

import subprocess

import httpx
import pytest

from tests import forked
from tests.e2e.cluster import Node, query
from tests.e2e.library import QUICK, photo
from tests.postgres import ExternalPostgres
from tests.running import calotype_environment, upload, wait_for, wait_until_processed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
MIB = 1024 * 1024


class Installation:
    """A web node and a worker over a database and a store that can be taken away from them."""

    def __init__(self, folder) -> None:
        self.postgres = ExternalPostgres(folder / "external")
        self.postgres.start()
        self.store = folder / "store"
        self.store.mkdir()
        self.settings = {
            **QUICK,
            "CALOTYPE_WORKER_PROCESSES": "1",
            "CALOTYPE_DATABASE_URL": self.postgres.new_database("calotype", has_vector=True),
            "CALOTYPE_STORAGE_URL": f"file://{self.store}",
        }
        self.folder = folder
        self.web = Node("web", folder, "serve", "--no-worker", **self.settings)
        self.worker = Node("worker", folder, "worker", **self.settings)
        self.web.start()
        self.worker.start()
        made = forked.run(["keys", "create", "x"], calotype_environment(folder / "console", **self.settings))
        self.key = made.stdout.strip()
        self.client = httpx.Client(
            base_url=self.web.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=60, verify=False
        )
        self._pids = self._running()

    def _running(self):
        return [node.process.pid for node in (self.web, self.worker) if not node.has_ended]

    def health(self):
        """(status, what is told of database and storage)."""
        answer = self.client.get("/health", params={"verbose": "true"})
        return answer.status_code, {name: answer.json()[name] for name in ("database", "storage")}

    def ails(self):
        """What is told of database and storage once one of them does not answer; an answer may be a second old."""
        return wait_for(lambda: (found := self.health())[0] == 503 and found[1], "healthy as ever")

    def goes_on(self):
        """Whether a new upload is processed to its end, by the same processes as ever."""
        wait_for(lambda: self.health()[0] == 200, "never healthy again")
        assert (
            wait_until_processed(self.client, upload(self.client, photo())["image_id"])["variant_status"] == "completed"
        )
        assert self._running() == self._pids

    def close(self):
        """End it."""
        self.client.close()
        self.web.kill()
        self.worker.kill()
        self.postgres.stop("immediate")


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """One for all tests of this module."""
    made = Installation(tmp_path_factory.mktemp("outages"))
    yield made
    made.close()


def send(installation):
    """An upload that is expected to be refused."""
    return installation.client.post("/api/v2/user-files/upload/stream", files={"file": ("a.jpg", photo())})


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_database_that_goes_away_is_told_and_waited_for(installation, mode):
    """In the words of each wire format, in `/health`, without a word of its address; then everything goes on by itself."""
    upload(installation.client, photo())
    installation.postgres.stop(mode)
    try:
        answers = [
            send(installation),
            installation.client.get("/api/v2/user-files"),
            installation.client.post("/images/list", json={}),
            installation.client.get("/api/devices"),
            installation.client.get("/image-forge-api/v1/credits", headers={"X-API-Key": installation.key}),
        ]
        assert [answer.status_code for answer in answers] == [503] * 5
        assert all(answer.json() for answer in answers)
        assert not any("127.0.0.1" in answer.text or "psycopg" in answer.text for answer in answers)
        told = installation.ails()
        assert told["storage"] == "ok"
        assert "database" in told["database"]
        assert installation.client.get("/metrics").status_code == 200
        beginning = forked.run(["serve"], calotype_environment(installation.folder / "late", **installation.settings))
        assert (beginning.returncode, beginning.stderr.count("\n")) == (1, 1)
        assert "the database cannot be reached" in beginning.stderr
    finally:
        installation.postgres.start()
    installation.goes_on()


def test_a_store_that_goes_away_is_told_and_waited_for(installation):
    """Uploads say why; lists go on; a picture whose worker met it is finished when the store is back."""
    away = installation.store.with_name("away")
    installation.store.rename(away)
    installation.store.write_text("no folder")
    try:
        answer = send(installation)
        assert answer.status_code == 503, answer.text
        assert str(installation.store) not in answer.text
        assert "The object store cannot be used" in installation.web.log()
        told = installation.ails()
        assert told["database"] == "ok"
        assert "object store" in told["storage"]
        assert installation.client.get("/api/v2/user-files").status_code == 200
    finally:
        installation.store.unlink()
        away.rename(installation.store)
    installation.goes_on()


def test_a_worker_that_was_taken_for_dead_goes_on(installation):
    """One that stood still, while others started, finds that it is known no longer; it makes itself known again."""
    query(installation.settings["CALOTYPE_DATABASE_URL"], "DELETE FROM procrastinate_workers RETURNING id")
    wait_for(lambda: "lane begun anew" in upload_and_look(installation), "no lane met it")
    installation.goes_on()


def upload_and_look(installation):
    """What the worker has printed after another upload."""
    upload(installation.client, photo())
    return installation.worker.log()


@pytest.fixture
def small_disk(installation):
    """The store on a disk of four MiB."""
    uploads = installation.store / "uploads"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "calotype-test", installation.store], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("disks cannot be mounted here")
    yield uploads
    subprocess.run(["umount", "-l", installation.store], check=True)


def test_a_full_disk_refuses_uploads_and_nothing_else(installation, small_disk):
    """They are told so and leave nothing behind; waiting work is done once there is room."""
    first = upload(installation.client, photo())["image_id"]
    wait_until_processed(installation.client, first)
    filler = installation.store / "filler"
    installation.worker.pause()
    second = upload(installation.client, photo())["image_id"]
    _fill(filler)
    try:
        stored = _files(installation)
        for data in (photo(), photo(600, 600)):  # one that waits for no thread, one that is written as it comes
            answer = installation.client.post("/api/v2/user-files/upload/stream", files={"file": ("a.jpg", data)})
            assert answer.status_code == 503, answer.text
        answer = installation.client.post("/images/upload", files={"images": ("a.jpg", photo(600, 600))})
        assert answer.status_code == 503, answer.text
        assert "disk is full" in installation.web.log()
        assert _files(installation) == stored
        assert installation.client.get(f"/api/v2/user-files/{first}").status_code == 200
        assert "disk is full" in installation.ails()["storage"]
        installation.worker.resume()
        statement = "SELECT 1 FROM procrastinate_jobs WHERE attempts > 0 OR scheduled_at IS NOT NULL"
        wait_for(lambda: query(installation.settings["CALOTYPE_DATABASE_URL"], statement), "no job met the full disk")
    finally:
        filler.unlink()
        installation.worker.resume()
    assert wait_until_processed(installation.client, second)["variant_status"] == "completed"
    installation.goes_on()


def _fill(path):
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            while True:
                try:
                    file.write(bytes(size))
                except OSError:
                    break


def _files(installation):
    return {path for path in installation.store.rglob("*") if path.is_file()}
