"""Limits of a tenant met by uploads through the Vision API: all of a batch or nothing, and two at once never pass together."""

from __future__ import annotations

import threading

import psycopg
import pytest

from tests.contracts.photos import jpeg_of_size
from tests.contracts.vision import listed, upload
from tests.contracts.vision_shapes import expect_error, results

SIZE = 10_000


@pytest.fixture
def limited(idle):
    """Makes clients of a tenant of its own with limits."""
    clients = []

    def make(**limits):
        name = f"limited {id(clients)} {len(clients)} {limits}"
        client = idle.client(idle.new_key(name))
        clients.append(client)
        columns = ", ".join(f"{column} = %s" for column in limits)
        with psycopg.connect(idle.database_url()) as connection:
            connection.execute(f"UPDATE tenant SET {columns} WHERE name = %s", [*limits.values(), name])
        return client

    yield make
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("column", "limit", "status"), [("storage_quota_bytes", 3 * SIZE, 413), ("monthly_upload_limit", 3, 403)]
)
def test_a_batch_beyond_a_limit_is_refused_as_one(limited, column, limit, status):
    """What would fit of it is not kept either; what fits exactly is taken, and after that nothing."""
    client = limited(**{column: limit})
    four, three = ([jpeg_of_size(SIZE) for _ in range(count)] for count in (4, 3))
    expect_error(upload(client, *four), status)
    assert listed(client) == []
    assert len(results(upload(client, *three))) == 3
    expect_error(upload(client, jpeg_of_size(SIZE)), status)
    assert len(listed(client)) == 3


def test_a_refused_batch_uses_nothing_up(limited):
    """Neither bytes nor uploads of the month, however often it is tried."""
    client = limited(storage_quota_bytes=2 * SIZE, monthly_upload_limit=2)
    for _ in range(4):
        expect_error(upload(client, jpeg_of_size(SIZE), ("notes.txt", b"text")), 415)
        expect_error(upload(client, jpeg_of_size(SIZE), metadata="["), 400)
    assert len(results(upload(client, jpeg_of_size(SIZE), jpeg_of_size(SIZE)))) == 2


def test_batches_at_once_never_exceed_a_limit_together(limited, idle):
    """Of six batches of two where eight images fit, four are taken whole."""
    client = limited(monthly_upload_limit=8)
    statuses, gate = [], threading.Barrier(6)

    def send():
        with idle.client() as other:
            other.headers.update(client.headers)
            gate.wait()
            statuses.append(upload(other, jpeg_of_size(SIZE), jpeg_of_size(SIZE)).status_code)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 4 + [403] * 2
    assert len(listed(client)) == 8
