"""What was answered stays, whichever process is killed, and work that was interrupted is done again."""

from __future__ import annotations

import os
import signal
from uuid import uuid4

import pytest

from tests.e2e.library import (
    QUICK,
    Uploads,
    download,
    jobs_in,
    listed,
    photo,
    sha256,
    stored_keys,
    wait_until_all_completed,
    with_services,
)
from tests.e2e.processes import command, database_pids, descendants, is_gone, kill_everything, worker_of
from tests.running import RunningServer, upload, wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of this module's own, which its tests kill and start again."""
    running = RunningServer(tmp_path_factory.mktemp("durability"), **QUICK)
    with running:
        yield running


def test_nothing_that_was_answered_is_lost_when_everything_is_killed_in_the_middle_of_many_uploads(server):
    """After kill -9 of everything it starts by itself, lists every answered upload with its bytes, and ends its work."""
    key = server.new_key()
    with Uploads(server, key) as uploads:
        wait_for(lambda: len(uploads.answered) >= 30, "the uploads did not get going")
        kill_everything(server)

    server.start()

    with server.client(key) as client:
        files = listed(client)
        assert uploads.answered.keys() <= files.keys()
        for file_id, checksum in uploads.answered.items():
            assert sha256(download(client, file_id)) == checksum
        files = wait_until_all_completed(client)
        assert all(file["variant_count"] == 5 and file["blur_hash"] for file in files.values())
    assert with_services(server, lambda services: services.upkeep.missing_originals()) == []


def test_objects_without_rows_are_swept_and_nothing_else(server):
    """What a crash left in the object store without a row is removed, what has a row stays, and so do foreign files."""
    key = server.new_key()
    with server.client(key) as client:
        for _ in range(3):
            upload(client, photo())
        kept = wait_until_all_completed(client)
        tenant = client.get(f"/api/v2/user-files/{next(iter(kept))}").json()["object_key"].split("/")[1]
    objects = server.data_dir / "objects"
    orphans = [f"uploads/{tenant}/{uuid4()}/photo.jpg", f"variants/{tenant}/{uuid4()}/tiny_64.jpg"]
    foreign = "uploads/mine/notes.txt"
    for name in [*orphans, foreign]:
        (objects / name).parent.mkdir(parents=True, exist_ok=True)
        (objects / name).write_bytes(photo())
    before = stored_keys(server)

    swept = with_services(server, lambda services: services.upkeep.sweep())

    after = stored_keys(server)
    assert before - after >= set(orphans)
    assert swept == len(before - after)
    assert foreign in after
    own = {name.split("/")[2] for name in after if name.split("/")[1] == tenant}
    assert own == kept.keys()
    with server.client(key) as client:
        assert all(download(client, file_id) for file_id in kept)
        assert all(client.get(file["thumbnail_url"]).status_code == 200 for file in kept.values())


def test_a_killed_worker_is_replaced_and_its_jobs_are_done(server):
    """Kill -9 of the worker alone: the server goes on, starts another, and every picture is finished."""
    key = server.new_key()
    with server.client(key) as client:
        before = worker_of(server)
        for _ in range(12):
            upload(client, photo(1200, 900))
        wait_for(lambda: jobs_in(server.url, "doing"), "the worker took no job")

        os.kill(before, signal.SIGKILL)

        wait_for(lambda: is_gone(before), "the worker outlived SIGKILL")
        assert len(wait_until_all_completed(client)) == 12
    assert worker_of(server) != before
    assert server.process.poll() is None


def test_a_killed_server_leaves_no_worker_behind_and_its_database_to_the_next_server(server):
    """Kill -9 of the server alone: its worker and decoders end by themselves, and the next server takes PostgreSQL over."""
    worker = worker_of(server)
    decoders = wait_for(
        lambda: [pid for pid in descendants(worker) if "calotype.sandbox.child" in command(pid)], "no decoder started"
    )

    server.process.kill()
    server.process.wait()

    wait_for(lambda: all(is_gone(pid) for pid in [worker, *decoders]), "the worker went on without its server")
    database = database_pids(server)
    assert database
    server.start()
    with server.client(server.new_key()) as client:
        upload(client, photo())
        wait_until_all_completed(client)
    assert database_pids(server)[0] == database[0]
    assert server.stop() == 0
    assert database_pids(server) == []
