"""An upload of many images is there whole or not at all, whenever the server is killed."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.e2e.library import QUICK, photo, stored_keys, with_services
from tests.e2e.processes import kill_everything
from tests.running import RunningServer, wait_for

pytestmark = pytest.mark.e2e
_COUNT = 30
_BOUNDARY = "boundary"
_TYPE = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of this module's own, which its tests kill and start again."""
    with RunningServer(tmp_path_factory.mktemp("images"), **QUICK) as running:
        yield running


def part(name, content, filename=None):
    """One part of a multipart body."""
    named = f'; filename="{filename}"' if filename else ""
    return f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


def body(photos, pause=None, after=None):
    """The body of an upload; `pause` is called when `after` photos are sent, None means before the end."""
    requests = [{"metadata": {"place": place}} for place in range(len(photos))]
    yield part("metadata", json.dumps({"requests": requests}).encode())
    for place, data in enumerate(photos):
        if pause and place == after:
            pause()
        yield part("images", data, f"{place}.jpg")
    if pause and after is None:
        pause()
    yield f"--{_BOUNDARY}--\r\n".encode()


def send(client, content):
    """Upload; returns the answer."""
    return client.post("/images/upload", content=content, headers=_TYPE)


def listed(client):
    """What the Vision API lists."""
    return client.post("/images/list", json={"limit": 1000}).json()["results"]


def originals(server):
    """The originals in the object store."""
    return {key for key in stored_keys(server) if key.startswith("uploads/")}


def test_an_upload_that_was_cut_off_by_a_crash_leaves_nothing(server):
    """Kill -9 of everything when two thirds have arrived: no list shows it, and the sweep takes the rest."""
    key, before = server.new_key(), originals(server)

    def kill():
        wait_for(lambda: len(originals(server) - before) >= 10, "nothing was stored beside the reading")
        kill_everything(server)

    with server.client(key) as client, pytest.raises(httpx.TransportError):
        send(client, body([photo() for _ in range(_COUNT)], kill, 20))
    server.start()

    with server.client(key) as client:
        assert listed(client) == []
        assert client.get("/api/v2/user-files").json()["files"] == []
    assert originals(server) > before
    with_services(server, lambda services: services.upkeep.sweep())
    assert originals(server) == before


def test_an_upload_that_was_answered_is_there_after_a_crash(server):
    """Kill -9 of everything right after the answer: every image is there, in order, with its metadata and bytes."""
    key, before = server.new_key(), originals(server)
    photos = [photo() for _ in range(_COUNT)]
    with server.client(key) as client:
        answer = send(client, body(photos))
        kill_everything(server)
    sent = answer.json()["results"]
    server.start()

    with server.client(key) as client:
        found = listed(client)
        assert [image["image_id"] for image in found] == [image["image_id"] for image in sent][::-1]
        assert [image["image_metadata"] for image in found] == [{"place": place} for place in range(_COUNT)][::-1]
        assert [image["upload_timestamp"] for image in found] == [image["upload_timestamp"] for image in sent][::-1]
        assert [httpx.get(image["image_url"], verify=False).content for image in found] == photos[::-1]
    with_services(server, lambda services: services.upkeep.sweep())
    assert len(originals(server) - before) == _COUNT
    assert with_services(server, lambda services: services.upkeep.missing_originals()) == []


def test_an_upload_that_is_killed_while_its_rows_are_written_is_whole_or_not_there(server):
    """Whatever the moment was, the list shows all or none, and the store holds as many after the sweep."""
    key, before = server.new_key(), originals(server)
    answered = []

    def end():
        wait_for(lambda: len(originals(server) - before) == _COUNT - 1, "not all were stored")

    content = body([photo() for _ in range(_COUNT)], end)
    with server.client(key) as client:
        try:
            with client.stream(
                "POST", "/images/upload", content=_then(content, lambda: kill_everything(server)), headers=_TYPE
            ) as answer:
                answered.append(answer.status_code)
        except httpx.TransportError:
            pass
    server.start()
    with server.client(key) as client:
        found = listed(client)
    assert len(found) in ({_COUNT} if answered else {0, _COUNT})
    with_services(server, lambda services: services.upkeep.sweep())
    assert len(originals(server) - before) == len(found)


def _then(content, action):
    """The content, and then, when its last piece was sent, an action."""
    yield from content
    action()


def test_a_link_to_an_image_whose_bytes_are_gone_finds_nothing(server):
    """Somebody removed the file: that is no fault, and no path that is unknown."""
    with server.client(server.new_key()) as client:
        before = originals(server)
        (image,) = send(client, body([photo()])).json()["results"]
        assert httpx.get(image["image_url"], verify=False).status_code == 200
        (key,) = originals(server) - before
        (server.data_dir / "objects" / key).unlink()
        answer = httpx.get(image["image_url"], verify=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "image_not_found")
