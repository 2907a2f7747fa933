"""Sending batches, and asking sessions until they have ended."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.contracts.photos import photo
from tests.contracts.session_shapes import BATCH, SESSION, SESSION_LIST, SESSION_RESULTS, TERMINAL
from tests.contracts.shapes import expect
from tests.running import PATIENCE, wait_for

FILES = "/api/v2/user-files"
SESSIONS = "/api/v2/uploads/sessions"
EXE = b"MZ\x90\x00" + bytes(500)
BATCH_URL = f"{FILES}/upload/stream-batch"
BOUNDARY = "calotype-boundary"


def post_batch(client, *files, **fields):
    """Send (filename, bytes) pairs, or bytes alone, as one batch; nothing is described unless asked for."""
    named = [file if isinstance(file, tuple) else (f"photo{place}.jpg", file) for place, file in enumerate(files)]
    data = {"auto_describe": "false", **fields}
    return client.post(BATCH_URL, files=[("files", file) for file in named], data=data)


def send_batch(client, *files, **fields):
    """Send a batch that is answered 200; returns the answer, whose counts and addresses are right."""
    body = expect(post_batch(client, *files, **fields), BATCH)
    assert body["total_files"] == len(files) == body["accepted_files"] + body["rejected_files"]
    assert body["status_url"] == f"{SESSIONS}/{body['session_id']}/status"
    assert body["websocket_channel"] == f"batch.{body['session_id']}"
    assert len(body["rejections"] or []) == body["rejected_files"]
    assert (body["immediate_results"] is None) == (len(files) > 5)
    assert body["immediate_results"] is None or len(body["immediate_results"]) == body["accepted_files"]
    return body


def photos(number):
    """That many new pictures."""
    return [photo() for _ in range(number)]


def field(name, value):
    """A text field as a section of a hand-written multipart body."""
    return f'Content-Disposition: form-data; name="{name}"', value.encode()


def file(data, filename="photo.jpg", name="files"):
    """A file as a section of a hand-written multipart body."""
    return f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: image/jpeg', data


def multipart(*sections, ending=f"--{BOUNDARY}--\r\n"):
    """A multipart body written by hand; a section is (headers, content)."""
    body = b"".join(f"--{BOUNDARY}\r\n{headers}\r\n\r\n".encode() + content + b"\r\n" for headers, content in sections)
    return body + ending.encode()


def post_raw(client, *sections, **options):
    """Send a hand-written body."""
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return client.post(BATCH_URL, content=multipart(*sections, **options), headers=headers)


@contextmanager
def unfinished(server, key, beginning, promised=1_000_000):
    """A request of which only a beginning has been sent; yields its socket."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), PATIENCE) as connection:
        head = (
            f"POST {BATCH_URL} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {promised}\r\n\r\n"
        )
        connection.sendall(head.encode() + beginning)
        yield connection


def coherent(body):
    """Assert what holds of every session at every moment; returns it."""
    ended = body["completed_files"] + body["failed_files"] + body["skipped_files"]
    total = body["total_files"]
    assert ended + body["pending_files"] == total
    assert body["progress_percentage"] == (round(100 * ended / total, 1) if total else 100)
    assert body["results_url"] == f"{SESSIONS}/{body['session_id']}/results"
    assert body["websocket_channel"] == f"batch.{body['session_id']}"
    assert (body["completed_at"] is not None) == (body["status"] in TERMINAL)
    if body["status"] in TERMINAL:
        assert body["pending_files"] == 0
        assert body["estimated_completion_time"] is None
    assert len(body["recent_completions"]) == min(ended, 10)
    assert len(body["recent_errors"]) <= 10
    return body


def session(client, session_id):
    """The state of a session."""
    body = coherent(expect(client.get(f"{SESSIONS}/{session_id}/status"), SESSION))
    assert body["session_id"] == session_id
    return body


def ended_session(client, session_id):
    """The state of a session once it is over; on the way every answer is coherent."""

    def over():
        body = session(client, session_id)
        return body if body["status"] in TERMINAL else None

    return wait_for(over, f"session {session_id} did not end")


def counts(body):
    """(completed, failed, skipped, pending) of a session."""
    return tuple(body[f"{word}_files"] for word in ("completed", "failed", "skipped", "pending"))


def is_empty(client):
    """Whether the tenant has no files."""
    return not listed(client)


def listed(client, **parameters):
    """The ids of the tenant's files."""
    return {item["id"] for item in client.get(FILES, params={"limit": 100, **parameters}).json()["files"]}


def results(client, session_id, **parameters):
    """A page of a session's results."""
    body = expect(client.get(f"{SESSIONS}/{session_id}/results", params=parameters), SESSION_RESULTS)
    assert body["session_id"] == session_id
    summary = body["summary"]
    assert summary["completed"] + summary["failed"] + summary["skipped"] <= summary["total_files"]
    return body


def cancel(client, session_id):
    """The answer to cancelling a session."""
    return client.post(f"{SESSIONS}/{session_id}/cancel")


def sessions(client, **parameters):
    """A page of the tenant's sessions."""
    return expect(client.get(SESSIONS, params=parameters), SESSION_LIST)
