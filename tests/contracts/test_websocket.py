"""Progress as it happens: section 6, point 35 of the checklist."""

from __future__ import annotations

import json
import socket as sockets
import struct
import threading
from collections import Counter
from uuid import uuid4

import pytest

from tests.contracts.batches import (
    FILES,
    SESSIONS,
    counts,
    ended_session,
    field,
    file,
    multipart,
    photos,
    send_batch,
    session,
    unfinished,
)
from tests.contracts.photos import encoded, photo, undecodable
from tests.contracts.session_shapes import SESSION, TERMINAL
from tests.contracts.shapes import expect
from tests.contracts.sockets import PATH, Socket
from tests.running import wait_for, wait_until_processed


def _events(frames):
    return Counter(frame["event"] for frame in frames)


def _large():
    from PIL import Image

    return encoded(Image.effect_noise((1200, 900), 40).convert("RGB"))


def _check_story(snapshot, frames):
    """Assert that frames after a snapshot tell each file that ended since once, then the end once, and never go back."""
    end = frames[-1]["data"]
    assert end["status"] in TERMINAL
    since = {word: end[f"{word}_files"] - snapshot[f"{word}_files"] for word in ("completed", "failed", "skipped")}
    expected = {
        "file.completed": since["completed"] + since["skipped"], "file.failed": since["failed"], "session.completed": 1
    }  # fmt: skip
    assert _events(frames) == Counter(expected)
    assert frames[-1]["event"] == "session.completed"
    pending = [frame["data"]["pending_files"] for frame in frames]
    assert pending == sorted(pending, reverse=True)


def test_the_snapshot_of_a_session_that_waits(idle, idle_key, idle_owner):
    """Subscribing tells the state of the moment, exactly as polling does, and nothing else happens by itself."""
    body = send_batch(idle_owner, *photos(2))
    with Socket(idle, idle_key) as socket:
        assert socket.subscribe(body["websocket_channel"]) == session(idle_owner, body["session_id"])
        assert socket.waiting() == []


def test_each_file_and_the_end_are_told_once(server, key, owner):
    """From the snapshot on, each file that ends is told once, and at last the end of the session, once."""
    files = [_large(), undecodable(), _large(), photo(), undecodable(), _large()]
    body = send_batch(owner, *files)
    channel = body["websocket_channel"]
    with Socket(server, key) as socket, Socket(server) as other:
        other.authenticate(key)
        followed = [(one, one.subscribe(channel)) for one in (socket, other)]
        for one, snapshot in followed:
            frames = one.until("session.completed", channel)
            _check_story(snapshot, frames)
            assert frames[-1]["data"] == session(owner, body["session_id"])
            assert counts(frames[-1]["data"]) == (4, 2, 0, 0)
        # More work on a file of the ended session is no event of it.
        file_id = next(iter(owner.get(FILES).json()["files"]))["id"]
        owner.post(f"{FILES}/{file_id}/trigger-variants")
        wait_until_processed(owner, file_id)
        assert socket.waiting() == other.waiting() == []


def test_following_from_the_first_byte_on(server, key, owner):
    """A subscriber that is there while the request is read hears of every file, of skipped ones as completed, and of the end."""
    data = photo()
    sections = [
        field("auto_describe", "no"),
        field("skip_duplicates", "yes"),
        file(data),
        file(data),
        file(undecodable()),
    ]
    whole = multipart(*sections)
    with unfinished(server, key, whole[:300], len(whole)) as connection, Socket(server, key) as socket:
        found = wait_for(lambda: owner.get(SESSIONS).json()["sessions"], "no session of a request that is being read")
        channel = f"batch.{found[0]['session_id']}"
        snapshot = socket.subscribe(channel)
        assert (snapshot["status"], snapshot["total_files"]) == ("uploading", 0)
        connection.sendall(whole[300:])
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
        frames = socket.until("session.completed", channel)
        end = frames[-1]["data"]
        assert (end["status"], counts(end)) == ("completed", (1, 1, 1, 0))
        assert _events(frames) == Counter({"file.completed": 2, "file.failed": 1, "session.completed": 1})
        assert socket.waiting() == []


def test_cancelling_is_told(idle, idle_key, idle_owner):
    """A cancelled session tells its skipped files as completed and then its end, with the state `cancelled`."""
    body = send_batch(idle_owner, *photos(3))
    channel = body["websocket_channel"]
    with Socket(idle, idle_key) as socket:
        snapshot = socket.subscribe(channel)
        state = expect(idle_owner.post(f"{SESSIONS}/{body['session_id']}/cancel"), SESSION)
        frames = socket.until("session.completed", channel)
        _check_story(snapshot, frames)
        assert frames[-1]["data"] == state
        assert socket.waiting() == []


def test_deleting_is_told(idle, idle_key, idle_owner):
    """A file that is deleted while it waits has ended, and with the last one the session."""
    body = send_batch(idle_owner, *photos(2))
    channel = body["websocket_channel"]
    first, second = [item["image_id"] for item in body["immediate_results"]]
    with Socket(idle, idle_key) as socket:
        socket.subscribe(channel)
        idle_owner.delete(f"{FILES}/{first}")
        frame = socket.receive()
        assert frame["event"] in {"file.completed", "file.failed"}
        assert frame["data"]["pending_files"] == 1
        idle_owner.delete(f"{FILES}/{second}")
        frames = socket.until("session.completed", channel)
        assert len(frames) == 2
        assert socket.waiting() == []


@pytest.mark.parametrize("kind", ["completed", "rejected", "cancelled"])
def test_a_session_that_is_over(server, idle, kind):
    """Who subscribes late gets the terminal state, and then the end once."""
    where = idle if kind == "cancelled" else server
    key = where.new_key()
    with where.client(key) as client:
        body = send_batch(client, b"x" if kind == "rejected" else photo())
        if kind == "cancelled":
            client.post(f"{SESSIONS}/{body['session_id']}/cancel")
        end = ended_session(client, body["session_id"])
        assert end["status"] == ("failed" if kind == "rejected" else kind)
        with Socket(where, key) as socket:
            assert socket.subscribe(body["websocket_channel"]) == end
            frame = socket.receive()
            assert (frame["event"], frame["data"]) == ("session.completed", end)
            assert socket.waiting() == []


def test_several_channels_are_told_apart(idle, idle_key, idle_owner):
    """One connection follows several sessions; after `unsubscribe` nothing comes of that channel any more."""
    one, two, three = [send_batch(idle_owner, photo()) for _ in range(3)]
    with Socket(idle, idle_key) as socket:
        for body in (one, two, three):
            assert socket.subscribe(body["websocket_channel"])["session_id"] == body["session_id"]
        socket.send({"action": "unsubscribe", "channel": one["websocket_channel"]})
        assert socket.waiting() == []
        for body in (one, two, three):
            idle_owner.post(f"{SESSIONS}/{body['session_id']}/cancel")
        frames = []
        while _events(frames)["session.completed"] < 2:
            frames.append(socket.receive())
        frames += socket.waiting()
        told = {frame["channel"]: 0 for frame in frames}
        assert told.keys() == {two["websocket_channel"], three["websocket_channel"]}
        assert _events(frames) == Counter({"file.completed": 2, "session.completed": 2})
        # Who comes back hears the state of the moment again.
        socket.send({"action": "subscribe", "channel": one["websocket_channel"]})
        assert socket.receive()["data"]["status"] == "cancelled"


def test_unsubscribing_from_nothing_is_harmless(server, key):
    """A channel that was never subscribed may be left; if that is an error, the connection stays all the same."""
    with Socket(server, key) as socket:
        socket.send({"action": "unsubscribe", "channel": f"batch.{uuid4()}"})
        told = socket.waiting()
        assert told == [] or [frame["event"] for frame in told] == ["error"]


def test_subscribing_again_tells_nothing_twice(idle, idle_key, idle_owner):
    """Each repeated subscription is answered by another snapshot at once, and not by a second copy of every event."""
    body = send_batch(idle_owner, *photos(2))
    channel = body["websocket_channel"]
    with Socket(idle, idle_key) as socket:
        first = socket.subscribe(channel)
        assert all(socket.subscribe(channel) == first for _ in range(50))
        idle_owner.post(f"{SESSIONS}/{body['session_id']}/cancel")
        frames = socket.until("session.completed", channel) + socket.waiting()
        assert _events(frames) == Counter({"file.completed": 2, "session.completed": 1})


def test_coming_and_going_does_not_hold_the_connection_up(idle, idle_key, idle_owner):
    """Whoever unsubscribes as soon as the snapshot is there can subscribe again, as often as that may be."""
    channel = send_batch(idle_owner, photo())["websocket_channel"]
    with Socket(idle, idle_key) as socket:
        for _ in range(50):
            socket.subscribe(channel)
            socket.send({"action": "unsubscribe", "channel": channel})
        assert socket.waiting() == []


def test_foreign_and_unknown_channels(idle, idle_key, idle_owner):
    """Another tenant's session and one that never was look the same: NOT_FOUND, and the connection goes on, hearing nothing."""
    body = send_batch(idle_owner, *photos(2))
    with Socket(idle, idle.new_key()) as stranger, Socket(idle, idle_key) as socket:
        socket.subscribe(body["websocket_channel"])
        foreign = stranger.error({"action": "subscribe", "channel": body["websocket_channel"]})
        unknown = f"batch.{uuid4()}"
        assert foreign[1] == "NOT_FOUND"
        assert foreign[0] in {None, body["websocket_channel"]}
        assert stranger.error({"action": "subscribe", "channel": unknown})[1] == "NOT_FOUND"
        idle_owner.post(f"{SESSIONS}/{body['session_id']}/cancel")
        socket.until("session.completed", body["websocket_channel"])
        assert stranger.waiting() == []


def test_unknown_keys_are_ignored(idle, idle_key, idle_owner):
    """A frame may hold more than is known."""
    channel = send_batch(idle_owner, photo())["websocket_channel"]
    with Socket(idle) as socket:
        socket.send({"action": "authenticate", "api_key": idle_key, "client": "test"})
        assert socket.receive()["event"] == "authenticated"
        socket.send({"action": "subscribe", "channel": channel, "since": 0})
        assert socket.receive()["event"] == "subscribed"


# ------------------------------------------------------------- bad clients


def test_a_vanished_client_does_not_delay_anybody(server, key, owner):
    """A subscriber whose connection breaks is forgotten; uploads and other subscribers go on."""
    gone = Socket(server, key)
    body = send_batch(owner, *[_large() for _ in range(3)])
    gone.subscribe(body["websocket_channel"])
    raw = gone.connection.socket
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    raw.shutdown(sockets.SHUT_RDWR)
    with Socket(server, key) as socket:
        snapshot = socket.subscribe(body["websocket_channel"])
        _check_story(snapshot, socket.until("session.completed", body["websocket_channel"]))
    assert send_batch(owner, photo())["status"] == "completed"


def test_a_client_that_never_reads_does_not_delay_an_upload(server, key, owner):
    """While a client sends thousands of frames and reads no answer, uploads and other subscribers go on."""
    body = send_batch(owner, *photos(2))
    ended_session(owner, body["session_id"])
    subscribe = json.dumps({"action": "subscribe", "channel": body["websocket_channel"]})
    deaf = sockets.create_connection((server.url.split("/")[2].split(":")[0], int(server.url.rpartition(":")[2])))
    try:
        handshake = (
            f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {key}\r\n\r\n"
        )
        deaf.sendall(handshake.encode())
        assert deaf.recv(12) == b"HTTP/1.1 101"
        payload = subscribe.encode()
        frame = bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload if len(payload) < 126 else None
        assert frame is not None
        deaf.setblocking(False)
        sent = 0
        while sent < 20_000:
            try:
                sent += deaf.send(frame * 50) // len(frame)
            except OSError:  # full, or the server has had enough of it
                break
        again = send_batch(owner, *photos(3))
        assert again["status"] == "completed"
        with Socket(server, key) as socket:
            snapshot = socket.subscribe(again["websocket_channel"])
            _check_story(snapshot, socket.until("session.completed", again["websocket_channel"]))
    finally:
        deaf.close()


def test_many_subscribers_hear_the_same(server, key, owner):
    """Twenty connections that come at different moments of the work each hear a whole story."""
    body = send_batch(owner, *[_large() for _ in range(6)])
    channel, failures = body["websocket_channel"], []

    def follow():
        try:
            with Socket(server, key) as socket:
                snapshot = socket.subscribe(channel)
                frames = socket.until("session.completed", channel)
                _check_story(snapshot, frames)
                assert socket.waiting() == []
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=follow) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
