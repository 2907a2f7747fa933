"""What a stranger tries with another tenant's video, its analysis and its scenes: an attempt for every route that takes an id."""

from __future__ import annotations

from tests.contracts.file_films import JOBS, QUEUE, STATUS, THUMBNAILS, VIDEOS
from tests.contracts.shapes import expect_error


def _refused(method, path, **body):
    """A request whose path and body are filled in with the ids of the video, its job and its scene."""

    def attempt(stranger, ids):
        json = {key: value.format(**ids) for key, value in body.items()} or None
        expect_error(stranger.request(method, path.format(**ids), json=json), 404, "NOT_FOUND")

    return attempt


ATTEMPTS = {
    ("GET", f"{JOBS}/{{job_id}}"): _refused("GET", f"{JOBS}/{{job}}"),
    ("GET", f"{STATUS}/{{media_id}}"): _refused("GET", f"{STATUS}/{{video}}"),
    ("POST", f"{JOBS}/{{job_id}}/retry"): _refused("POST", f"{JOBS}/{{job}}/retry", media_id="{video}"),
    ("POST", QUEUE): _refused("POST", QUEUE, media_id="{video}"),
    ("GET", f"{VIDEOS}/{{video_id}}/scenes"): _refused("GET", f"{VIDEOS}/{{video}}/scenes"),
    ("GET", f"{THUMBNAILS}/{{scene_id}}/thumbnail"): _refused("GET", f"{THUMBNAILS}/{{scene}}/thumbnail"),
}
