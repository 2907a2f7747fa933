"""Every request and answer that the vendor's page on files shows: requests as they stand, answers with all keys and types.

The page is read where it lies, beside the corpus, and is never part of this project. Only base URL, key and ids are changed.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.contracts.photos import photo
from tests.e2e.shell import run
from tests.running import upload, wait_until_processed

NAME = "004_757c1dc3a4adf720.txt"
FILES = "/api/v2/user-files"
# What may be null although the page shows a value: nobody gives a score, and a picture of noise has no text (files.md).
NULLABLE = {"confidence_score", "visible_text"}


@pytest.fixture(scope="module")
def page():
    """What the page says of each route: (what stands before the answer, the answer)."""
    corpus = os.environ.get("CALOTYPE_CORPUS")
    path = Path(corpus).parent / "seeds" / NAME if corpus else None
    if path is None or not path.exists():
        pytest.skip("the vendor's text is not at hand")
    parts = re.split(r"^((?:GET|POST|PATCH|DELETE)/api/v2/\S+)$", path.read_text(), flags=re.MULTILINE)
    told = {}
    for route, text in zip(parts[1::2], parts[2::2], strict=True):
        asked, _, answered = text.partition("\nResponse\n")
        told[route.removeprefix("POST").removeprefix(FILES) or route] = (asked, first_object(answered))
    assert len(told) == 14
    return told


def first_object(text):
    """The first JSON object in a text with comments, None where there is none."""
    bare = re.sub(r"(^|\s)//.*$", "", text, flags=re.MULTILINE)
    return json.JSONDecoder().raw_decode(bare, bare.index("{"))[0] if "{" in bare else None


def missing(shown, given, place=""):
    """Where an answer lacks a key of what is shown, or has a value of another kind."""
    name = place.rpartition(".")[2]
    if shown is None or (given is None and name in NULLABLE):
        return []
    if isinstance(shown, dict) and isinstance(given, dict):
        return [
            fault
            for key, value in shown.items()
            for fault in (missing(value, given[key], f"{place}.{key}") if key in given else [f"{place}.{key}"])
        ]
    if isinstance(shown, list) and isinstance(given, list):
        if shown and not given:
            return [f"{place} is empty"]
        return [fault for one in given[: len(shown)] for fault in missing(shown[0], one, place)]
    if isinstance(shown, bool) or isinstance(given, bool) or not isinstance(shown, int | float):
        return [] if type(shown) is type(given) else [f"{place}: {given!r} instead of {shown!r}"]
    return [] if isinstance(given, int | float) else [f"{place}: {given!r} instead of {shown!r}"]


def accept(answer, shown, status=200):
    """Check an answer against the page; returns it."""
    assert answer.status_code == status, answer.text
    assert missing(shown, answer.json()) == []
    return answer.json()


def test_the_two_step_upload(page, server, tmp_path):
    """The command of the page runs in a shell; its answer leads to the upload, and that to the confirmation."""
    key = server.new_key()
    asked, shown = page["/upload/initiate"]
    command = asked[asked.index("curl -X POST") :].replace(" /api", f" {server.url}/api").replace("YOUR_API_KEY", key)
    data = photo()
    made = json.loads(run(command.replace("2048576", str(len(data))), tmp_path, **os.environ))
    assert missing(shown, made) == []
    asked, shown = page["/upload/confirm"]
    request = first_object(asked)
    assert request.keys() == {"object_key", "size_bytes", "image_id"}
    with server.client(key) as client:
        assert client.put(made["upload_url"], content=data).status_code == 200
        given = {"object_key": made["object_key"], "size_bytes": len(data), "image_id": made["image_id"]}
        confirmed = accept(client.post(f"{FILES}/upload/confirm", json=given), shown)
        assert (confirmed["title"], confirmed["tags"]) == (shown["title"], shown["tags"])
        assert accept(client.delete(f"{FILES}/{made['image_id']}"), page[f"DELETE{FILES}/{{file_id}}"][1])


def test_uploads_listing_detail_and_changes(page, server):
    """A described photo has every value that the page shows, in the list and in detail; so has what answers a change."""
    with server.client(server.new_key()) as client:
        single = client.post(
            f"{FILES}/upload/stream", files={"file": ("site_photo.jpg", photo())}, data={"tags": "damage,concrete"}
        )
        file_id = accept(single, page["/upload/stream"][1])["image_id"]
        several = client.post(
            f"{FILES}/upload/stream-batch", files=[("files", (f"photo{n}.jpg", photo())) for n in range(3)]
        )
        batch = accept(several, page["/upload/stream-batch"][1])
        assert batch["total_files"] == batch["accepted_files"] == len(batch["immediate_results"]) == 3
        asked, shown = page[f"PATCH{FILES}/{{file_id}}"]
        accept(client.patch(f"{FILES}/{file_id}", json=first_object(asked)), shown)
        wait_until_processed(client, file_id, described=True)
        listed = client.get(FILES, params={"tags": "updated", "limit": 1})
        # This picture was not taken at any time, which the page's was.
        shown = page[f"GET{FILES}"][1]
        taken = [shown["files"][0], page[f"GET{FILES}/{{file_id}}"][1]]
        for one in taken:
            one["content_created_at"] = None
        accept(listed, shown)
        accept(client.get(f"{FILES}/{file_id[:8]}"), taken[1])
        accept(client.post(f"{FILES}/{file_id}/trigger-variants"), page["/{file_id}/trigger-variants"][1])
        asked, shown = page["/batch-delete"]
        request = first_object(asked)
        request["file_ids"][0] = batch["immediate_results"][0]["image_id"]
        assert accept(client.post(f"{FILES}/batch-delete", json=request), shown)["summary"] == shown["summary"]


def test_the_query_of_the_listing(page, client):
    """With all of its parameters and their values at once it is understood; nothing lies in the page's folder."""
    asked, _ = page[f"GET{FILES}"]
    query = dict(re.findall(r"^[?&](\w+)=(.*?) //", asked, re.MULTILINE))
    assert len(query) == 13
    query["ids"] = upload(client, photo(), auto_describe="false")["image_id"]
    answer = client.get(FILES, params=query)
    assert (answer.status_code, answer.json()) == (200, {"files": [], "total_count": 0, "has_more": False})


def test_links(page, idle_client):
    """The request of the page, in a folder that is there, is answered as it shows; and so is the recrawl."""
    asked, shown = page["/links"]
    folder = idle_client.post("/api/v2/folders", json={"name": "Links"}).json()["id"]
    made = accept(idle_client.post(f"{FILES}/links", json={**first_object(asked), "folder_id": folder}), shown, 201)
    for name in ("source_url", "title", "domain", "crawl_status", "is_duplicate"):
        assert made[name] == shown[name]
    idle = idle_client.post(f"{FILES}/links", json={"url": "https://example.org/", "auto_crawl": False}).json()
    accept(idle_client.post(f"{FILES}/{idle['id']}/recrawl"), page["/{link_id}/recrawl"][1])
