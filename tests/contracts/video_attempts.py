"""What a stranger tries with another tenant's videos and groups of the Vision API: an attempt for every route with an id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tests.contracts.video_shapes import chunks_of, deletion, ids
from tests.contracts.videos import DELETE, GET, GROUPS, LIST, REPROCESS, SEARCHES, UPLOAD, VIDEOS, send
from tests.contracts.vision_shapes import expect_error


@dataclass(frozen=True)
class Owned:
    """What one tenant has: an indexed video of that name in a group."""

    video: str
    group: str
    name: str


Attempt = Callable[[httpx.Client, Owned], None]


def _refused(method: str, path: str, code: str, **body: str) -> Attempt:
    """A request whose path and body are filled in with the ids."""

    def attempt(stranger: httpx.Client, owned: Owned) -> None:
        places = {"video": owned.video, "group": owned.group}
        json = {key: [value.format(**places)] if key == "video_ids" else value for key, value in body.items()}
        answer = stranger.request(method, path.format(**places), json=json or None)
        expect_error(answer, 404, code)

    return attempt


def _absent(method: str, path: str) -> Attempt:
    def attempt(stranger: httpx.Client, owned: Owned) -> None:
        assert ids(stranger.request(method, path, json={"video_ids": [owned.video]})) == []
        assert ids(stranger.request(method, path)) == []

    return attempt


def _browse(stranger: httpx.Client, owned: Owned) -> None:
    assert ids(stranger.get(VIDEOS, params={"ids": owned.video})) == []
    assert ids(stranger.get(VIDEOS)) == []


def _delete(method: str) -> Attempt:
    def attempt(stranger: httpx.Client, owned: Owned) -> None:
        assert deletion(stranger.request(method, DELETE, json={"video_ids": [owned.video]})) == ([], [owned.video])

    return attempt


def _search(path: str) -> Attempt:
    def attempt(stranger: httpx.Client, owned: Owned) -> None:
        for wanted in ({}, {"video_ids": [owned.video]}, {"group_ids": [owned.group]}):
            assert chunks_of(stranger.post(path, json={"query": owned.name, **wanted})) == []

    return attempt


def _upload(stranger: httpx.Client, owned: Owned) -> None:
    expect_error(send(stranger, group_id=owned.group), 404, "group_not_found")


ATTEMPTS: dict[tuple[str, str], Attempt] = {
    ("POST", UPLOAD): _upload,
    ("POST", GET): _absent("POST", GET),
    ("POST", LIST): _absent("POST", LIST),
    ("GET", VIDEOS): _browse,
    ("POST", DELETE): _delete("POST"),
    ("DELETE", DELETE): _delete("DELETE"),
    ("POST", REPROCESS): _refused("POST", REPROCESS, "video_not_found", video_ids="{video}"),
    ("GET", f"{VIDEOS}/{{video_id}}"): _refused("GET", f"{VIDEOS}/{{video}}", "video_not_found"),
    ("DELETE", f"{VIDEOS}/{{video_id}}"): _refused("DELETE", f"{VIDEOS}/{{video}}", "video_not_found"),
    **{("POST", path): _search(path) for path in SEARCHES},
    **{
        (method, f"{prefix}/{{group_id}}{suffix}"): _refused(
            method, f"{prefix}/{{group}}{suffix}", "group_not_found", **body
        )
        for prefix in GROUPS
        for method, suffix, body in (
            ("GET", "", {}),
            ("PATCH", "", {"name": "mine now"}),
            ("DELETE", "", {}),
            ("GET", "/videos", {}),
            ("POST", "/videos", {"video_ids": "{video}"}),
        )
    },
}
