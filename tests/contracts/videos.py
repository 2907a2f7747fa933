"""Requests for videos and groups of the Vision API, and the small films they are about."""

from __future__ import annotations

import functools

from tests.contracts.video_shapes import group_of, one, uploaded, videos_of
from tests.films import BLUE, GREEN, RED, film
from tests.running import wait_for

UPLOAD, GET, LIST, DELETE, REPROCESS = (f"/videos/{word}" for word in ("upload", "get", "list", "delete", "reprocess"))
VIDEOS = "/videos"
GROUPS = ("/videos/groups", "/video-groups")
SEARCHES = ("/search", "/videos/search", "/videos/search/hybrid")
SOME_ID = "c41e7b06-58f2-4d19-a3c7-0e9d86b5f172"
ROUTES = (
    ("POST", UPLOAD),
    ("POST", GET),
    ("POST", LIST),
    ("POST", DELETE),
    ("DELETE", DELETE),
    ("POST", REPROCESS),
    ("GET", VIDEOS),
    ("GET", f"/videos/{SOME_ID}"),
    ("DELETE", f"/videos/{SOME_ID}"),
    *(("POST", path) for path in SEARCHES),
    ("POST", "/videos/group"),
    *(
        (method, path)
        for prefix in GROUPS
        for method, path in (
            ("POST", prefix),
            ("GET", prefix),
            ("GET", f"{prefix}/{SOME_ID}"),
            ("PATCH", f"{prefix}/{SOME_ID}"),
            ("DELETE", f"{prefix}/{SOME_ID}"),
            ("GET", f"{prefix}/{SOME_ID}/videos"),
            ("POST", f"{prefix}/{SOME_ID}/videos"),
        )
    ),
)
"""Every route for videos and their groups, with an id that nobody has."""


@functools.cache
def demo():
    """A film of half a second, 64 x 48 pixels, 10 frames a second, as an MP4."""
    return film(seconds=0.5)


@functools.cache
def trailer():
    """A film of three scenes of a second each, red, green, and blue."""
    return film(seconds=3, scenes=(RED, GREEN, BLUE))


def send(client, data=None, *, name="demo.mp4", kind="video/mp4", path=UPLOAD, **fields):
    """Upload a film as a file in a multipart form; `index` is false unless it is given, None leaves a field out."""
    fields = {"index": "false", **fields}
    file = {"file": (name, demo() if data is None else data, kind)}
    return client.post(path, files=file, data={key: value for key, value in fields.items() if value is not None})


def upload(client, data=None, **options):
    """Upload a film; returns its id."""
    return uploaded(send(client, data, **options))


def plant(client, count=1, **fields):
    """Upload films that are not to be indexed unless it is said; returns their ids in order of upload."""
    return [upload(client, **fields) for _ in range(count)]


def video(client, video_id):
    """One video as it is now."""
    return one(client.get(f"/videos/{video_id}"))


def listed(client):
    """The ids of all videos, in the order of the list."""
    return [each["video_id"] for each in videos_of(client.get(VIDEOS))]


def settled(client, video_id):
    """Wait until a video is indexed or has failed; returns it."""

    def ended():
        now = video(client, video_id)
        return now if now["status"] in {"indexed", "failed"} else None

    return wait_for(ended, f"{video_id} was neither indexed nor failed")


def indexed(client, video_id):
    """Wait until a video is indexed; returns it."""
    now = settled(client, video_id)
    assert now["status"] == "indexed", now
    return now


def failed(client, video_id):
    """Wait until a video has failed; returns the reason."""
    now = settled(client, video_id)
    assert now["status"] == "failed", now
    return now["error"]


def new_group(client, name, path=GROUPS[0], **fields):
    """Make a group; returns it."""
    return group_of(client.post(path, json={"name": name, **fields}))
