"""One tenant never sees or touches what is another's: point 4 of the checklist, for every route there is.

The routes are taken from the server's own OpenAPI document, so that a new one cannot be forgotten: a parameter that is not
known here, or a route with an id and no attempt below, fails.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from tests.contracts import analysis_shapes as analysis
from tests.contracts import device_shapes as devices
from tests.contracts import videos
from tests.contracts import vision_shapes as vision
from tests.contracts.analysis_attempts import ATTEMPTS as ATTEMPTS_AT_ANALYSIS
from tests.contracts.analysis_attempts import DOCUMENTED as ANALYSIS
from tests.contracts.batches import SESSIONS, ended_session, send_batch, session
from tests.contracts.chunked_attempts import ATTEMPTS as ATTEMPTS_AT_CHUNKS
from tests.contracts.color_shapes import BATCH_EXTRACT, COLOR_SEARCH
from tests.contracts.device_attempts import ATTEMPTS as ATTEMPTS_AT_DEVICES
from tests.contracts.documented import IDS, PLAIN, PUBLIC, documented_routes
from tests.contracts.film_attempts import ATTEMPTS as ATTEMPTS_AT_FILMS
from tests.contracts.photos import photo
from tests.contracts.shapes import (
    BATCH_DELETE,
    CHECK_DUPLICATES,
    DETAIL,
    FILES_MOVED,
    FOLDER_REMOVED,
    LIST,
    STREAM,
    expect,
    expect_error,
)
from tests.contracts.shapes import FOLDERS as SHAPE_OF_FOLDERS
from tests.contracts.sockets import Socket
from tests.contracts.text_attempts import ATTEMPTS as ATTEMPTS_AT_TEXTS
from tests.contracts.video_attempts import ATTEMPTS as ATTEMPTS_AT_VIDEOS
from tests.contracts.video_attempts import told
from tests.contracts.vision import entry, indexed, stored
from tests.running import upload, wait_until_processed

COLORS = "/api/v2/colors"
FILES = "/api/v2/user-files"
FOLDERS = "/api/v2/folders"
IMAGES = "/images"


@dataclass
class Victim:
    """What one tenant owns: a live file in a folder, a trashed one, an announced upload with its bytes, and a batch's session."""

    client: httpx.Client
    data: bytes
    live: str
    trashed: str
    announced: dict[str, str]
    folder: str
    session: str


@pytest.fixture(scope="module")
def routes(server):
    """(method, path, names of parameters and body keys) of every documented route."""
    with server.client() as client:
        return documented_routes(client.get("/openapi.json").json())


@pytest.fixture(scope="module")
def victim(server):
    """A tenant with something in every state."""
    data = photo()
    with server.client(server.new_key()) as client:
        live = upload(client, data, "secret.jpg", title="secret", tags="secret", auto_describe="false")["image_id"]
        trashed = upload(client, photo(), "gone.jpg", auto_describe="false")["image_id"]
        wait_until_processed(client, live)
        folder = client.post(FOLDERS, json={"name": "secret"}).json()["id"]
        client.post(f"{FOLDERS}/move-files", json={"file_ids": [live, trashed], "folder_id": folder})
        client.delete(f"{FILES}/{trashed}")
        form = {"filename": "a.jpg", "content_type": "image/jpeg", "size_bytes": str(len(data))}
        announced = client.post(f"{FILES}/upload/initiate", data=form).json()
        assert httpx.put(announced["upload_url"], content=data).status_code == 200
        batch = send_batch(client, photo())["session_id"]
        ended_session(client, batch)
        yield Victim(client, data, live, trashed, announced, folder, batch)


@pytest.fixture
def stranger(server):
    """A client of another tenant."""
    with server.client(server.new_key()) as client:
        yield client


def _refused(method: str, suffix: str = "", **options) -> Callable:
    def attempt(stranger, victim):
        for file_id in (victim.live, victim.trashed, victim.announced["image_id"]):
            expect_error(stranger.request(method, f"{FILES}/{file_id}{suffix}", **options), 404, "NOT_FOUND")

    return attempt


def _detail(stranger, victim):
    for file_id in (victim.live, victim.live[:8], victim.trashed, victim.announced["image_id"]):
        expect_error(stranger.get(f"{FILES}/{file_id}"), 404, "NOT_FOUND")


def _variants(stranger, victim):
    for name in ("original", "tiny_64", "small_256", "medium_512", "medium_750", "large_1024"):
        for file_id in (victim.live, victim.trashed):
            expect_error(stranger.get(f"{FILES}/{file_id}/variant/{name}"), 404, "NOT_FOUND")


def _list(stranger, victim):
    ids = f"{victim.live},{victim.trashed},{victim.announced['image_id']}"
    for parameters in (
        {},
        {"ids": ids},
        {"search": "secret"},
        {"tags": "secret"},
        {"trashed": "true"},
        {"trashed": "true", "ids": ids},
        {"folder_id": victim.live},
        {"folder_id": victim.folder},
        {"folder_id": victim.folder, "trashed": "true"},
    ):
        page = expect(stranger.get(FILES, params=parameters), LIST)
        assert page == {"files": [], "total_count": 0, "has_more": False}, parameters


def _batch_delete(stranger, victim):
    ids = [victim.live, victim.trashed, victim.announced["image_id"]]
    body = expect(stranger.post(f"{FILES}/batch-delete", json={"file_ids": ids}), BATCH_DELETE)
    assert [(entry["id"], entry["message"]) for entry in body["failed"]] == [(id_, "File not found") for id_ in ids]


def _confirm(stranger, victim):
    body = {key: victim.announced[key] for key in ("object_key", "image_id")} | {"size_bytes": len(victim.data)}
    expect_error(stranger.post(f"{FILES}/upload/confirm", json=body), 404, "NOT_FOUND")


def _no_folder(method: str, suffix: str = "", **options) -> Callable:
    def attempt(stranger, victim):
        expect_error(stranger.request(method, f"{FOLDERS}/{victim.folder}{suffix}", **options), 404, "NOT_FOUND")

    return attempt


def _of_session(method: str, suffix: str) -> Callable:
    def attempt(stranger, victim):
        before = session(victim.client, victim.session)
        expect_error(stranger.request(method, f"{SESSIONS}/{victim.session}{suffix}"), 404, "NOT_FOUND")
        assert session(victim.client, victim.session) == before

    return attempt


def _remove_folder(stranger, victim):
    for mode in ("move_to_parent", "delete_all"):
        _no_folder("DELETE", params={"mode": mode})(stranger, victim)


def _create_folder(stranger, victim):
    answer = stranger.post(FOLDERS, json={"name": "mine", "parent_id": victim.folder})
    expect_error(answer, 404, "NOT_FOUND")


def _move_folder(stranger, victim):
    _no_folder("POST", "/move", json={"new_parent_id": None})(stranger, victim)
    mine = stranger.post(FOLDERS, json={"name": "secret"}).json()["id"]
    answer = stranger.post(f"{FOLDERS}/{mine}/move", json={"new_parent_id": victim.folder})
    expect_error(answer, 404, "NOT_FOUND")


def _move_files(stranger, victim):
    mine = stranger.post(FOLDERS, json={"name": "secret"}).json()["id"]
    body = {"file_ids": [victim.live, victim.trashed], "folder_id": victim.folder}
    expect_error(stranger.post(f"{FOLDERS}/move-files", json=body), 404, "NOT_FOUND")
    for target in (mine, None):
        moved = stranger.post(f"{FOLDERS}/move-files", json=body | {"folder_id": target})
        assert expect(moved, FILES_MOVED)["moved"] == 0


def _upload_status(stranger, victim):
    for file_id in (victim.live, victim.trashed, victim.announced["image_id"]):
        expect_error(stranger.get(f"/api/v2/uploads/status/{file_id}"), 404, "NOT_FOUND")


def _check_duplicates(stranger, victim):
    hashes = [hashlib.sha256(victim.data).hexdigest()]
    body = expect(stranger.post("/api/v2/uploads/check-duplicates", json={"hashes": hashes}), CHECK_DUPLICATES)
    assert body == {"duplicates": [], "unique": hashes}


def _colors(stranger, victim):
    for image_id in (victim.live, victim.trashed, victim.announced["image_id"]):
        expect_error(stranger.get(f"{COLORS}/images/{image_id}"), 404, "NOT_FOUND")


def _extract_colors(stranger, victim):
    for image_id in (victim.live, victim.trashed, victim.announced["image_id"]):
        url = f"{COLORS}/images/{image_id}/extract"
        expect_error(stranger.post(url, params={"force": "true"}), 404, "NOT_FOUND")


def _extract_colors_of_many(stranger, victim):
    ids = [victim.live, victim.trashed, victim.announced["image_id"]]
    answer = stranger.post(f"{COLORS}/batch/extract", json={"image_ids": ids, "force": True})
    assert expect(answer, BATCH_EXTRACT)["queued_count"] == 0


def _images(victim):
    return [victim.live, victim.trashed, victim.announced["image_id"]]


def _no_image(method: str) -> Callable:
    def attempt(stranger, victim):
        for image_id in _images(victim):
            vision.expect_error(stranger.request(method, f"{IMAGES}/{image_id}"), 404, "image_not_found", "image_id")

    return attempt


def _get_images(stranger, victim):
    assert vision.ids(stranger.post(f"{IMAGES}/get", json={"image_ids": _images(victim)})) == []


def _list_images(stranger, victim):
    of_all_times = {"recorded_timestamp_utc": {"operator": "gte", "value": 0}}
    for body in ({}, {"image_ids": _images(victim)}, {"filters": of_all_times}):
        assert vision.ids(stranger.post(f"{IMAGES}/list", json=body)) == []


def _browse_images(stranger, victim):
    for parameters in ({}, {"ids": ",".join(_images(victim))}):
        assert vision.ids(stranger.get(IMAGES, params=parameters)) == []


def _delete_images(stranger, victim):
    answer = stranger.post(f"{IMAGES}/delete", json={"image_ids": _images(victim)})
    assert vision.deletion(answer) == ([], _images(victim))


ATTEMPTS = {
    ("GET", IMAGES): _browse_images,
    ("GET", f"{IMAGES}/{{image_id}}"): _no_image("GET"),
    ("DELETE", f"{IMAGES}/{{image_id}}"): _no_image("DELETE"),
    ("POST", f"{IMAGES}/get"): _get_images,
    ("POST", f"{IMAGES}/list"): _list_images,
    ("POST", f"{IMAGES}/delete"): _delete_images,
    ("GET", f"{COLORS}/images/{{image_id}}"): _colors,
    ("POST", f"{COLORS}/images/{{image_id}}/extract"): _extract_colors,
    ("POST", f"{COLORS}/batch/extract"): _extract_colors_of_many,
    ("GET", FILES): _list,
    ("GET", f"{FILES}/{{file_id}}"): _detail,
    ("PATCH", f"{FILES}/{{file_id}}"): _refused("PATCH", json={"title": "mine now"}),
    ("DELETE", f"{FILES}/{{file_id}}"): _refused("DELETE"),
    ("POST", f"{FILES}/{{file_id}}/restore"): _refused("POST", "/restore"),
    ("GET", f"{FILES}/{{file_id}}/variant/{{variant_type}}"): _variants,
    ("GET", f"{FILES}/{{file_id}}/download"): _refused("GET", "/download"),
    ("GET", f"{FILES}/{{file_id}}/similar"): _refused("GET", "/similar"),
    ("POST", f"{FILES}/{{file_id}}/trigger-variants"): _refused("POST", "/trigger-variants"),
    ("POST", f"{FILES}/batch-delete"): _batch_delete,
    ("POST", f"{FILES}/upload/confirm"): _confirm,
    ("POST", FOLDERS): _create_folder,
    ("GET", f"{FOLDERS}/{{folder_id}}"): _no_folder("GET"),
    ("GET", f"{FOLDERS}/{{folder_id}}/breadcrumbs"): _no_folder("GET", "/breadcrumbs"),
    ("PATCH", f"{FOLDERS}/{{folder_id}}"): _no_folder("PATCH", json={"name": "mine now"}),
    ("POST", f"{FOLDERS}/{{folder_id}}/move"): _move_folder,
    ("DELETE", f"{FOLDERS}/{{folder_id}}"): _remove_folder,
    ("POST", f"{FOLDERS}/move-files"): _move_files,
    ("GET", f"{SESSIONS}/{{session_id}}/status"): _of_session("GET", "/status"),
    ("GET", f"{SESSIONS}/{{session_id}}/results"): _of_session("GET", "/results"),
    ("POST", f"{SESSIONS}/{{session_id}}/cancel"): _of_session("POST", "/cancel"),
    ("GET", "/api/v2/uploads/status/{image_id}"): _upload_status,
    ("POST", "/api/v2/uploads/check-duplicates"): _check_duplicates,
}


def test_every_parameter_is_known_here(routes):
    """A parameter that this test has not been told about could be an id that nobody tries."""
    unknown = {f"{method} {path}: {name}" for method, path, names in routes for name in names - IDS - PLAIN}
    assert not unknown, f"say in IDS or PLAIN whether these name an object of a tenant: {sorted(unknown)}"


def test_every_route_with_an_id_is_attempted(routes):
    """Each route that takes an id has an attempt here, and each attempt has its route."""
    with_ids = {(method, path) for method, path, names in routes if names & IDS}
    elsewhere = (
        ATTEMPTS_AT_ANALYSIS,
        ATTEMPTS_AT_CHUNKS,
        ATTEMPTS_AT_DEVICES,
        ATTEMPTS_AT_FILMS,
        ATTEMPTS_AT_TEXTS,
        ATTEMPTS_AT_VIDEOS,
    )
    attempted = ATTEMPTS.keys() | set().union(*elsewhere)
    assert with_ids - attempted == set(), "write attempts with another tenant's ids for these routes"
    assert attempted - with_ids == set(), "these routes are gone"


@pytest.mark.parametrize("route", ATTEMPTS, ids=" ".join)
def test_another_tenants_ids_lead_nowhere(stranger, victim, route):
    """404 for single objects, absence from lists and batches, and nothing of the victim's has changed."""
    before = expect(victim.client.get(f"{FILES}/{victim.live}"), DETAIL)
    folders = expect(victim.client.get(FOLDERS), SHAPE_OF_FOLDERS)
    ATTEMPTS[route](stranger, victim)
    after = expect(victim.client.get(f"{FILES}/{victim.live}"), DETAIL)
    assert after["updated_at"] == before["updated_at"]
    assert after["processing_history"] == before["processing_history"]
    assert after["folder_id"] == victim.folder
    assert expect(victim.client.get(FOLDERS), SHAPE_OF_FOLDERS) == folders
    trashed = victim.client.get(FILES, params={"trashed": "true"}).json()["files"]
    assert [item["id"] for item in trashed] == [victim.trashed]


def test_another_accounts_videos_and_groups_are_as_if_they_were_not(server, stranger):
    """Every answer is word for word the one about ids that nobody has, and the owner's are as they were."""
    with server.client(server.new_key()) as owner:
        group = videos.new_group(owner, "secret")["group_id"]
        video = videos.upload(owner, video_name="secret", index="true", group_id=group)
        before = videos.indexed(owner, video)
        for route in ATTEMPTS_AT_VIDEOS:
            status, text = told(stranger, route, {"video": video, "group": group})
            assert (status, text) == told(stranger, route, {"video": str(uuid4()), "group": str(uuid4())}), route
            assert status != 422, route
            assert "secret" not in text
        after = videos.video(owner, video)
        assert {key: after[key] for key in ("status", "group_id", "error")} == {
            key: before[key] for key in ("status", "group_id", "error")
        }
        assert owner.get(f"/videos/groups/{group}").json()["name"] == "secret"
        found = owner.post("/videos/search", json={"query": "secret", "video_ids": [video], "group_ids": [group]})
        assert found.json()["total_results"] == 1


def test_another_tenants_folders_are_not_listed(stranger, victim):
    """The list of all folders is that of one's own."""
    assert expect(stranger.get(FOLDERS), SHAPE_OF_FOLDERS) == {"folders": []}
    assert [folder["name"] for folder in victim.client.get(FOLDERS).json()["folders"]] == ["secret"]


def test_another_tenants_content_is_no_duplicate(stranger, victim):
    """The answer to an upload does not tell that somebody else has the same picture."""
    answer = stranger.post(
        f"{FILES}/upload/stream",
        files={"file": ("a.jpg", victim.data)},
        data={"skip_duplicates": "true", "auto_describe": "false"},
    )
    assert expect(answer, STREAM)["skipped"] is False


def test_another_tenants_sessions_and_uploads_are_not_listed(stranger, victim):
    """Lists that take no id show a stranger nothing."""
    assert stranger.get(SESSIONS).json()["total_count"] == 0
    assert stranger.get("/api/v2/uploads/stuck-uploads", params={"stuck_minutes": 1}).json()["stuck_count"] == 0
    assert victim.client.get(SESSIONS).json()["total_count"] == 1


def test_another_tenants_channel_is_unknown(server, victim):
    """A stranger who asks for the victim's channel is told what everybody is told of a channel that never was."""
    with Socket(server, server.new_key()) as socket:
        channel = f"batch.{victim.session}"
        assert socket.error({"action": "subscribe", "channel": channel})[1] == "NOT_FOUND"
        assert socket.waiting() == []


def test_another_tenants_colors_are_not_found(stranger, victim):
    """A search that every picture meets finds the owner's and tells a stranger of none."""
    body = {"hex_code": "#808080", "delta_e_threshold": 100, "min_percentage": 0}
    assert expect(victim.client.post(f"{COLORS}/search", json=body), COLOR_SEARCH)["total_count"] > 0
    page = expect(stranger.post(f"{COLORS}/search", json=body), COLOR_SEARCH)
    assert (page["results"], page["total_count"]) == ([], 0)


def test_another_tenants_images_are_not_found(server, stranger):
    """What the owner finds, no search tells a stranger of, however it weighs."""
    with server.client(server.new_key()) as owner:
        (image,) = stored(owner, entry(index=True, caption="secret"))
        indexed(owner, image["image_id"])
        for mode, query in (("vision", "jpg"), ("joined", "secret")):
            body = {"query": query, "search_mode": mode, "max_results": 200}
            assert [found["image_id"] for found in vision.found(owner.post(f"{IMAGES}/search", json=body))] == [
                image["image_id"]
            ]
            assert vision.found(stranger.post(f"{IMAGES}/search", json=body)) == []


def test_the_owner_can_do_what_the_stranger_could_not(victim):
    """The attempts above fail for lack of right and for no other reason."""
    client, data = victim.client, victim.data
    assert victim.live in vision.ids(client.get(IMAGES))
    assert vision.ids(client.get(IMAGES, params={"ids": victim.live})) == [victim.live]
    assert vision.ids(client.post(f"{IMAGES}/get", json={"image_ids": _images(victim)})) == [victim.live]
    assert vision.ids(client.post(f"{IMAGES}/list", json={"image_ids": _images(victim)})) == [victim.live]
    assert vision.one(client.get(f"{IMAGES}/{victim.live}"))["image_id"] == victim.live
    assert client.patch(f"{FILES}/{victim.live}", json={"title": "secret"}).status_code == 200
    assert client.get(f"{FILES}/{victim.live[:8]}").status_code == 200
    assert client.get(f"{FILES}/{victim.live}/variant/tiny_64").status_code == 302
    assert client.get(f"{FILES}/{victim.live}/download").status_code == 302
    assert client.get(f"{FILES}/{victim.live}/similar").status_code == 200
    hashes = [hashlib.sha256(data).hexdigest()]
    known = client.post("/api/v2/uploads/check-duplicates", json={"hashes": hashes}).json()
    assert known == {"duplicates": hashes, "unique": []}
    assert client.post(f"{FILES}/{victim.live}/trigger-variants").status_code == 200
    assert client.post(f"{FILES}/{victim.trashed}/restore").status_code == 200
    body = {key: victim.announced[key] for key in ("object_key", "image_id")} | {"size_bytes": len(data)}
    assert client.post(f"{FILES}/upload/confirm", json=body).status_code == 200
    assert client.get(f"{FOLDERS}/{victim.folder}/breadcrumbs").status_code == 200
    assert client.patch(f"{FOLDERS}/{victim.folder}", json={"name": "still secret"}).status_code == 200
    answer = client.delete(f"{FOLDERS}/{victim.folder}", params={"mode": "delete_all"})
    assert expect(answer, FOLDER_REMOVED)["files_affected"] == 2
    assert expect(client.get(FILES, params={"search": "secret", "trashed": "1"}), LIST)["total_count"] == 1


def test_every_route_wants_a_key(server, routes):
    """Without a key, and with one that was never given out, each route answers 401; only those named here are public."""
    with server.client() as nobody, server.client("calo_" + "z" * 40) as pretender:
        for method, path, _ in routes:
            if path in PUBLIC:
                continue
            real = re.sub(r"\{\w+\}", "6f0c5d0e-2c55-4d0b-9d5e-0f6a3b9f7a11", path)
            for client in (nobody, pretender):
                if path.startswith("/api/v2/"):
                    expect_error(client.request(method, real), 401, "INVALID_API_KEY")
                elif path.startswith("/api/"):
                    devices.expect_error(client.request(method, real), "UNAUTHORIZED")
                elif path.startswith(f"{ANALYSIS}/"):
                    analysis.expect_error(client.request(method, real), "UNAUTHORIZED")
                else:
                    vision.expect_error(client.request(method, real), 401)
