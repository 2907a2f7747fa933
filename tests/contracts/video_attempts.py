"""What a stranger tries with another account's video and group: an attempt for every route of videos that takes an id."""

from __future__ import annotations

from tests.contracts import video_shapes
from tests.contracts.videos import DELETE, GET, GROUPS, LIST, REPROCESS, SEARCHES, UPLOAD, VIDEOS, send
from tests.contracts.vision import unknown
from tests.contracts.vision_shapes import expect_error


def _no_video(method, path, **body):
    """The same error as for an id that nobody has."""

    def attempt(stranger, ids):
        theirs, nobodys = (
            expect_error(
                stranger.request(method, path.format(video=video), json=_filled(body, video=video, group=ids["group"])),
                404,
                "video_not_found",
            )
            for video in (ids["video"], unknown())
        )
        assert theirs == nobodys

    return attempt


def _no_group(method, path, **body):
    def attempt(stranger, ids):
        theirs, nobodys = (
            expect_error(
                stranger.request(method, path.format(group=group), json=_filled(body, video=ids["video"], group=group)),
                404,
                "group_not_found",
            )
            for group in (ids["group"], unknown())
        )
        assert theirs == nobodys

    return attempt


def _filled(body, **ids):
    return {
        key: [each.format(**ids) for each in value] if isinstance(value, list) else value.format(**ids)
        for key, value in body.items()
    }


def _not_read(path):
    def attempt(stranger, ids):
        for body in ({}, {"video_ids": [ids["video"]]}, {"video_ids": [ids["video"], unknown()]}):
            assert video_shapes.ids(stranger.post(path, json=body)) == []

    return attempt


def _not_browsed(stranger, ids):
    for parameters in ({}, {"ids": ids["video"]}):
        assert video_shapes.ids(stranger.get(VIDEOS, params=parameters)) == []


def _not_deleted(stranger, ids):
    body = {"video_ids": [ids["video"]]}
    for method in ("DELETE", "POST"):
        assert video_shapes.deletion(stranger.request(method, DELETE, json=body)) == ([], [ids["video"]])


def _not_uploaded(stranger, ids):
    theirs, nobodys = (
        expect_error(send(stranger, group_id=group), 404, "group_not_found", "group_id")
        for group in (ids["group"], unknown())
    )
    assert theirs == nobodys
    assert video_shapes.ids(stranger.get(VIDEOS)) == []


def _not_found(path):
    def attempt(stranger, ids):
        for body in ({}, {"video_ids": [ids["video"]]}, {"group_ids": [ids["group"], "default"]}):
            answer = stranger.post(path, json={"query": "red secret", "max_results": 200, **body})
            assert video_shapes.chunks_of(answer) == []

    return attempt


def _of_groups(prefix):
    one, members = f"{prefix}/{{group_id}}", f"{prefix}/{{group_id}}/videos"
    path, inside = one.replace("group_id", "group"), members.replace("group_id", "group")
    return {
        ("GET", one): _no_group("GET", path),
        ("PATCH", one): _no_group("PATCH", path, name="mine now"),
        ("DELETE", one): _no_group("DELETE", path),
        ("GET", members): _no_group("GET", inside),
        ("POST", members): _no_group("POST", inside, video_ids=["{video}"]),
    }


ATTEMPTS = {
    ("POST", UPLOAD): _not_uploaded,
    ("POST", GET): _not_read(GET),
    ("POST", LIST): _not_read(LIST),
    ("GET", VIDEOS): _not_browsed,
    ("GET", f"{VIDEOS}/{{video_id}}"): _no_video("GET", f"{VIDEOS}/{{video}}"),
    ("DELETE", f"{VIDEOS}/{{video_id}}"): _no_video("DELETE", f"{VIDEOS}/{{video}}"),
    ("POST", DELETE): _not_deleted,
    ("DELETE", DELETE): _not_deleted,
    ("POST", REPROCESS): _no_video("POST", REPROCESS, video_ids=["{video}"]),
    **{("POST", path): _not_found(path) for path in SEARCHES},
    **{route: attempt for prefix in GROUPS for route, attempt in _of_groups(prefix).items()},
}
INTO_DEFAULT = _no_video("POST", f"{GROUPS[0]}/default/videos", video_ids=["{video}"])
