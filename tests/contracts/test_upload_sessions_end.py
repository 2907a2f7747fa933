"""Sessions that end by themselves: nobody reads their request any more, or nothing happens for a day (section 7.3)."""

from __future__ import annotations

import signal

import psycopg
import pytest

from tests.contracts.batches import (
    SESSIONS,
    coherent,
    counts,
    ended_session,
    field,
    file,
    listed,
    multipart,
    photos,
    send_batch,
    session,
    unfinished,
)
from tests.contracts.photos import photo
from tests.contracts.session_shapes import SESSION_LIST
from tests.contracts.shapes import expect, expect_error
from tests.contracts.sockets import Socket
from tests.running import RunningServer, wait_for


@pytest.fixture
def hasty(tmp_path):
    """A server that looks after lost work every second."""
    with RunningServer(tmp_path, CALOTYPE_UPKEEP_INTERVAL="1", CALOTYPE_STALLED_AFTER="2") as running:
        yield running


def test_a_session_whose_reader_died_ends(hasty):
    """After the server was killed while it read a batch, the files that had come are worked on and their session ends."""
    key = hasty.new_key()
    begun = multipart(field("auto_describe", "no"), file(photo(), "a.jpg"), file(photo(), "b.jpg"), ending="")
    with hasty.client(key) as client, unfinished(hasty, key, begun + multipart(file(photo()), ending="")[:-100]):
        wait_for(lambda: len(listed(client)) == 2, "the files were not stored while the request was read")
        session_id = expect(client.get(SESSIONS), SESSION_LIST)["sessions"][0]["session_id"]
        assert session(client, session_id)["status"] == "uploading"
        hasty.stop(signal.SIGKILL)
    hasty.start()
    with hasty.client(key) as client, Socket(hasty, key) as socket:
        snapshot = socket.subscribe(f"batch.{session_id}")
        assert snapshot["total_files"] == 2
        frames = socket.until("session.completed", f"batch.{session_id}")
        state = ended_session(client, session_id)
        assert (state["status"], counts(state)) == ("completed", (2, 0, 0, 0))
        assert frames[-1]["data"] == state


def test_a_session_without_progress_expires(hasty):
    """A day after the last progress a session is expired; it sums, cannot be cancelled, and later work does not change it."""
    key = hasty.new_key()
    with hasty.client(key) as client:
        body = send_batch(client, *photos(3))
        channel, first = body["websocket_channel"], body["immediate_results"][0]["image_id"]
        ended_session(client, body["session_id"])
        with psycopg.connect(hasty.database_url()) as connection:
            # As if its only file had been in work since yesterday.
            connection.execute("UPDATE asset SET variant_status = 'processing' WHERE id = %s", [first])
            connection.execute(
                "UPDATE upload_session_file SET created_at = created_at - interval '25 hours', "
                "ended_at = CASE WHEN asset_id = %s THEN NULL ELSE ended_at - interval '25 hours' END, "
                "outcome = CASE WHEN asset_id = %s THEN 'pending' ELSE outcome END",
                [first, first],
            )
            connection.execute(
                "UPDATE upload_session SET created_at = created_at - interval '25 hours', "
                "received_at = received_at - interval '25 hours', reader_seen_at = reader_seen_at - interval '25 hours'"
            )
        state = coherent(ended_session(client, body["session_id"]))
        assert state["status"] == "expired"
        assert (state["total_files"], state["completed_files"]) == (3, 2)
        expect_error(client.post(f"{SESSIONS}/{body['session_id']}/cancel"), 400, "VALIDATION_ERROR")
        listing = expect(client.get(SESSIONS, params={"status": "expired"}), SESSION_LIST)
        assert [entry["session_id"] for entry in listing["sessions"]] == [body["session_id"]]
        with psycopg.connect(hasty.database_url()) as connection:
            connection.execute("UPDATE asset SET variant_status = 'completed' WHERE id = %s", [first])
        with Socket(hasty, key) as socket:
            assert socket.subscribe(channel) == state
            assert socket.until("session.completed", channel)[-1]["data"] == state
        assert session(client, body["session_id"]) == state
