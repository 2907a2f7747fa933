"""What a stranger tries with another tenant's upload in chunks: an attempt for every route that takes an id."""

from __future__ import annotations

from tests.contracts.chunked import VIDEOS
from tests.contracts.shapes import expect_error


def _refused(path, **body):
    def attempt(stranger, sending):
        expect_error(stranger.post(f"{VIDEOS}/{path}", json={**sending.ids, **body}), 404, "NOT_FOUND")

    return attempt


def _progress(stranger, sending):
    expect_error(stranger.get(f"{VIDEOS}/progress/{sending.id}"), 404, "NOT_FOUND")


ATTEMPTS = {
    ("POST", f"{VIDEOS}/chunks/confirm"): _refused("chunks/confirm", chunk_number=1, etag="x", size_bytes=1),
    ("POST", f"{VIDEOS}/chunks/retry"): _refused("chunks/retry", chunk_number=1),
    ("POST", f"{VIDEOS}/abort"): _refused("abort"),
    ("POST", f"{VIDEOS}/complete"): _refused("complete", duration_seconds=1),
    ("GET", f"{VIDEOS}/progress/{{media_id}}"): _progress,
}
