"""A library seen from outside: pictures to upload, what is listed, and what lies in database and object store."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
import threading

import httpx
import psycopg
from PIL import Image

from calotype.bootstrap import open_application, open_database
from calotype.settings import Settings
from tests.running import RunningServer, upload, wait_for

QUICK = {
    "CALOTYPE_OCR_ENABLED": "false",
    "CALOTYPE_STALLED_AFTER": "3",
    "CALOTYPE_UPKEEP_INTERVAL": "1",
    "CALOTYPE_WORKER_PROCESSES": "2",
}
"""Settings with which lost work is found soon."""

_OPEN = {"pending", "processing"}


def photo(width=96, height=64):
    """A JPEG of noise that nobody has uploaded before."""
    stream = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(stream, "JPEG")
    return stream.getvalue()


def sha256(data):
    """The hexadecimal checksum of some bytes."""
    return hashlib.sha256(data).hexdigest()


def listed(client: httpx.Client):
    """Every file of a library by id, page by page."""
    found: dict[str, dict] = {}
    while True:
        page = client.get("/api/v2/user-files", params={"limit": 100, "offset": len(found)}).json()
        found |= {file["id"]: file for file in page["files"]}
        if not page["has_more"]:
            return found


def download(client: httpx.Client, file_id):
    """The bytes of an original."""
    answer = client.get(f"/api/v2/user-files/{file_id}/download", follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return answer.content


def wait_until_all_completed(client: httpx.Client, patience=90.0):
    """Wait until nothing of a library is unfinished; fails when anything ended badly. Returns its files."""

    def ended():
        files = listed(client)
        states = [(file["variant_status"], file["description_status"]) for file in files.values()]
        return None if any(_OPEN & set(pair) for pair in states) else files

    files = wait_for(ended, "some work never ended", patience)
    assert {file["variant_status"] for file in files.values()} <= {"completed"}
    assert {file["description_status"] for file in files.values()} <= {"completed", "skipped"}
    return files


def jobs_in(server_url, state):
    """How many jobs are in a state, as monitoring sees it."""
    text = httpx.get(f"{server_url}/metrics", verify=False).text
    counts = re.findall(rf'^calotype_jobs\{{state="{state}",task="[^"]*"\}} ([0-9.]+)$', text, re.MULTILINE)
    return int(sum(map(float, counts)))


def job_states(database_url):
    """The states of all jobs in the queue, straight from the database."""
    with psycopg.connect(database_url) as connection:
        return [row[0] for row in connection.execute("SELECT status::text FROM procrastinate_jobs")]


def with_services(server: RunningServer, work):
    """Run `work(application)` in this process, over a server's database and object store, whether it runs or not.

    The youngest orphans are due for the sweep then.
    """
    settings = Settings(data_dir=server.data_dir, orphan_age_hours=0)

    async def run(database_url):
        async with open_application(settings, database_url) as application:
            return await work(application)

    with open_database(settings) as database_url:
        return asyncio.run(run(database_url))


def stored_keys(server: RunningServer):
    """The keys of all objects on disk."""
    root = server.data_dir / "objects"
    folders = [root / "uploads", root / "variants"]
    return {str(path.relative_to(root)) for folder in folders for path in folder.rglob("*") if path.is_file()}


class Uploads:
    """Threads that upload new pictures until told to stop or the server is gone, and note each one that was answered."""

    def __init__(self, server: RunningServer, key: str, threads: int = 6) -> None:
        self.answered: dict[str, str] = {}
        self._server = server
        self._key = key
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._upload, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _upload(self) -> None:
        with self._server.client(self._key) as client:
            while not self._stop.is_set():
                data = photo()
                try:
                    answer = upload(client, data)
                except httpx.TransportError:
                    return
                self.answered[answer["image_id"]] = sha256(data)
