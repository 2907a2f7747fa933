"""What a stranger tries with another account's video and group through the Vision API: one request for every route with an id."""

from __future__ import annotations

import re

_GROUP_PATHS = ("/videos/groups", "/video-groups")
_SEARCHES = ("/search", "/videos/search", "/videos/search/hybrid")

ATTEMPTS = {
    ("POST", "/videos/upload"): {
        "data": {"video_name": "mine", "index": "false", "group_id": "{group}"},
        "files": {"file": ("mine.mp4", b"not looked at")},
    },
    ("GET", "/videos/{video_id}"): None,
    ("DELETE", "/videos/{video_id}"): None,
    **{("POST", f"/videos/{word}"): {"video_ids": ["{video}"]} for word in ("get", "list", "delete", "reprocess")},
    ("DELETE", "/videos/delete"): {"video_ids": ["{video}"]},
    ("GET", "/videos"): {"params": {"ids": "{video}"}},
    **{
        (method, f"{prefix}/{{group_id}}{rest}"): body
        for prefix in _GROUP_PATHS
        for method, rest, body in (
            ("GET", "", None),
            ("PATCH", "", {"name": "mine"}),
            ("DELETE", "", None),
            ("GET", "/videos", None),
            ("POST", "/videos", {"video_ids": ["{video}"]}),
        )
    },
    **{("POST", path): {"query": "secret", "video_ids": ["{video}"], "group_ids": ["{group}"]} for path in _SEARCHES},
}
"""JSON bodies (or parameters, or forms) by route; {video} and {group} stand for the ids."""


def told(client, route, ids):
    """Status and text of the answer to an attempt, without what differs from one request to the next."""
    method, path = route
    options = _filled(ATTEMPTS[route], ids)
    if options is not None and not options.keys() & {"params", "data"}:
        options = {"json": options}
    answer = client.request(method, path.format(video_id=ids["video"], group_id=ids["group"]), **(options or {}))
    text = re.sub(r'"request_id": ?"[^"]*"', "", answer.text)
    for name, value in ids.items():
        text = text.replace(value, name)
    return answer.status_code, text


def _filled(value, ids):
    if isinstance(value, dict):
        return {key: _filled(entry, ids) for key, entry in value.items()}
    if isinstance(value, list):
        return [_filled(entry, ids) for entry in value]
    return value.format(**ids) if isinstance(value, str) else value
