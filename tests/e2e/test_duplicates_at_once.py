"""The same bytes sent many times at once, with skip_duplicates, through two web processes: one file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.e2e.library import QUICK, listed, photo, stored_keys
from tests.running import RunningServer, upload

pytestmark = pytest.mark.e2e
_AT_ONCE = 12


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Two web servers over one database and one object store."""
    folder = tmp_path_factory.mktemp("nodes")
    with (
        RunningServer(folder, "--no-worker", **QUICK) as first,
        RunningServer(folder, "--no-worker", **QUICK, CALOTYPE_DATABASE_URL=first.database_url()) as second,
    ):
        yield first, second


def upload_at_once(servers, key, data, **fields):
    """Send the same bytes from many threads, to each server in turn; returns the answers."""
    together = Barrier(_AT_ONCE)

    def send(index):
        with servers[index % len(servers)].client(key) as client:
            client.get("/health")
            together.wait()
            return upload(client, data, f"{index}.jpg", **fields)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(send, range(_AT_ONCE)))


@pytest.mark.parametrize("count", [1, 2])
def test_the_same_bytes_sent_many_times_at_once_make_one_file(nodes, count):
    """Through one web process or two: one answer says completed, all others name its file, and one object is kept."""
    servers = nodes[:count]
    key = servers[0].new_key()
    before = stored_keys(servers[0])

    answers = upload_at_once(servers, key, photo(), skip_duplicates="true")

    made = [answer for answer in answers if not answer["skipped"]]
    assert len(made) == 1
    assert {answer["skipped_existing_image_id"] for answer in answers if answer["skipped"]} == {made[0]["image_id"]}
    with servers[0].client(key) as client:
        assert listed(client).keys() == {made[0]["image_id"]}
    assert stored_keys(servers[0]) - before == {made[0]["object_key"]}


def test_the_same_bytes_make_as_many_files_as_were_sent_where_duplicates_are_wanted(nodes):
    """Without skip_duplicates every upload is a file of its own, whose bytes are its own too."""
    key = nodes[0].new_key()
    before = stored_keys(nodes[0])

    answers = upload_at_once(nodes, key, photo())

    assert len({answer["image_id"] for answer in answers}) == _AT_ONCE
    assert stored_keys(nodes[0]) - before == {answer["object_key"] for answer in answers}


def test_what_another_tenant_has_is_no_duplicate(nodes):
    """Whether somebody else already keeps these bytes cannot be found out."""
    data = photo()
    answers = []
    for node in nodes:
        with node.client(node.new_key()) as client:
            answers.append(upload(client, data, skip_duplicates="true"))

    assert [answer["skipped"] for answer in answers] == [False, False]
