"""One library behind two wire formats: what came in through one is the same thing in the other."""

from __future__ import annotations

import os
import threading

import pytest

from tests.contracts.photos import photo, plain
from tests.contracts.shapes import DETAIL, ITEM, conforms, expect
from tests.contracts.vision import DELETE, GET, SEARCH, entry, image, indexed, listed, plant, stored, upload
from tests.contracts.vision_shapes import IMAGE, deletion, expect_error, found, ids, results
from tests.imaging.pictures import heic, jxl
from tests.running import upload as upload_file
from tests.running import wait_until_processed

FILES = "/api/v2/user-files"


def _files(client, **query):
    """The items of the Files API's list, by id."""
    items = client.get(FILES, params={"limit": 100, **query}).json()["files"]
    for item in items:
        conforms(item, ITEM)
    return {item["id"]: item for item in items}


@pytest.fixture(scope="module")
def library(server):
    """A client and the ids of one image from each side, both described."""
    with server.client(server.new_key()) as client:
        file_id = upload_file(client, plain(), "from files.png", title="A pelican", tags="bird")["image_id"]
        metadata = {"requests": [entry(index=True, caption="a walrus", recorded_timestamp_utc=5)]}
        (image_id,) = ids(upload(client, ("from vision.png", plain()), metadata=metadata))
        for each in (file_id, image_id):
            indexed(client, each)
        yield client, file_id, image_id


# ------------------------------------------------------------------------------ both ways


def test_a_file_is_an_image(library):
    """With the same id, its own time, and metadata that are empty."""
    client, file_id, image_id = library
    assert listed(client) == [image_id, file_id]
    seen = image(client, file_id)
    assert (seen["indexing_status"], seen["image_metadata"]) == (2, {})
    assert client.get(seen["image_url"]).headers["content-type"] == "image/png"
    assert ids(client.post(GET, json={"image_ids": [file_id, image_id]})) == [file_id, image_id]


def test_an_image_is_a_file(library):
    """In the Files API's list, in its detail with a history, and in its search."""
    client, file_id, image_id = library
    assert _files(client).keys() == {file_id, image_id}
    detail = expect(client.get(f"{FILES}/{image_id}"), DETAIL)
    assert detail["original_filename"] == "from vision.png"
    assert (detail["description_status"], detail["variant_status"]) == ("completed", "completed")
    assert detail["full_descriptions"]
    assert _files(client, search="vision").keys() == {image_id}
    assert _files(client, ids=image_id).keys() == {image_id}


def test_times_agree(library):
    """An upload's second is the same on both sides."""
    from datetime import datetime

    client, file_id, image_id = library
    for each in (file_id, image_id):
        created = datetime.fromisoformat(client.get(f"{FILES}/{each}").json()["created_at"])
        assert image(client, each)["upload_timestamp"] == pytest.approx(created.timestamp(), abs=1e-6)


def test_a_file_is_found_by_what_the_files_api_knows_of_it(library):
    """Title and tags count in an image search; nothing of the other image does."""
    client, file_id, _ = library
    for query in ("pelican", "bird"):
        assert [each["image_id"] for each in found(client.post(SEARCH, json={"query": query}))][:1] == [file_id]


def test_files_are_filtered_by_their_upload(library):
    """They have no recorded time; an image that has one is filtered by it alone."""
    client, file_id, image_id = library
    stamp = image(client, file_id)["upload_timestamp"]
    for operator, value, expected in (("eq", stamp, [file_id]), ("eq", 5, [image_id]), ("gt", 5, [file_id])):
        filters = {"recorded_timestamp_utc": {"operator": operator, "value": value}}
        assert listed(client, filters=filters) == expected


def test_what_one_side_renames_the_other_finds(client):
    """A title given through the Files API is found by an image search a moment later."""
    from tests.running import wait_for

    (known,) = ids(upload(client, plain()))
    indexed(client, known)
    assert client.patch(f"{FILES}/{known}", json={"title": "An ocelot", "tags": ["cat"]}).status_code == 200

    def is_found():
        return [each["image_id"] for each in found(client.post(SEARCH, json={"query": "ocelot"}))] == [known]

    wait_for(is_found, "a new title was not found")


# ------------------------------------------------------------------------------ deletion


def test_what_vision_deletes_the_files_api_restores(idle_client):
    """It is in the trash there, and back on both sides afterwards, with its metadata and its link."""
    (sent,) = stored(idle_client, entry(note="keep", recorded_timestamp_utc=7))
    known = sent["image_id"]
    assert deletion(idle_client.post(DELETE, json={"image_ids": [known]})) == ([known], [])
    assert _files(idle_client) == {}
    assert _files(idle_client, trashed="true").keys() == {known}
    expect_error(idle_client.get(sent["image_url"]), 404)
    assert idle_client.post(f"{FILES}/{known}/restore").status_code == 200
    back = image(idle_client, known)
    assert {**back, "image_url": ""} == {**sent, "image_url": ""}
    assert idle_client.get(sent["image_url"]).status_code == 200
    assert listed(idle_client, filters={"recorded_timestamp_utc": {"operator": "eq", "value": 7}}) == [known]


def test_what_the_files_api_deletes_is_gone_here(idle_client):
    """One by one and as a batch."""
    first, second, third = plant(idle_client, 3)
    assert idle_client.delete(f"{FILES}/{first}").status_code == 200
    assert idle_client.post(f"{FILES}/batch-delete", json={"file_ids": [second]}).status_code == 200
    assert listed(idle_client) == [third]
    assert deletion(idle_client.post(DELETE, json={"image_ids": [first, second]})) == ([], [first, second])
    assert ids(idle_client.post(GET, json={"image_ids": [first, second, third]})) == [third]


def test_a_restored_image_is_found_again(client):
    """Deleting took it out of search, restoring puts it back without another upload."""
    (known,) = ids(upload(client, plain(), metadata={"requests": [entry(index=True, caption="a capybara")]}))
    indexed(client, known)
    query = {"query": "capybara", "search_mode": "joined"}
    client.delete(f"/images/{known}")
    assert found(client.post(SEARCH, json=query)) == []
    client.post(f"{FILES}/{known}/restore")
    assert [each["image_id"] for each in found(client.post(SEARCH, json=query))] == [known]


def test_an_image_restored_before_it_was_indexed_is_indexed(client):
    """The work that deleting dropped is queued again."""
    known = ids(upload(client, *(photo(300, 200) for _ in range(4))))
    client.post(DELETE, json={"image_ids": known})
    assert client.post(f"{FILES}/{known[3]}/restore").status_code == 200
    indexed(client, known[3])
    assert listed(client) == known[3:]


# ------------------------------------------------------------------------------ states and kinds


def test_states_are_projected(idle_client):
    """Described or not, waiting or not: the number here says what the word says there."""
    waits = upload_file(idle_client, photo())["image_id"]
    never = upload_file(idle_client, photo(), auto_describe="false")["image_id"]
    assert (image(idle_client, waits)["indexing_status"], image(idle_client, never)["indexing_status"]) == (1, 0)
    on, off = (each["image_id"] for each in stored(idle_client, entry(index=True), entry(index=False)))
    words = {each: _files(idle_client)[each]["description_status"] for each in (on, off)}
    assert words[on] in {"pending", "queued", "processing"}
    assert words[off] in {None, "skipped"}


def test_a_picture_that_cannot_be_decoded_ends_failed(client):
    """Status 3, and it can still be read and deleted."""
    data = photo(64, 48)
    start = data.index(b"\xff\xda") + 20
    broken = data[:start] + bytes(len(data) - start - 2) + data[-2:]
    answer = client.post(f"{FILES}/upload/stream", files={"file": ("a.png", _undecodable_png())})
    if answer.status_code == 200:
        seen = indexed(client, answer.json()["image_id"], status=3)
        conforms(seen, IMAGE)
        assert found(client.post(SEARCH, json={"query": "picture"})) == []
    assert upload(client, broken).status_code in {200, 400}


def _undecodable_png():
    from tests.contracts.photos import undecodable

    return undecodable()


@pytest.mark.parametrize("kind", ["heic", "avif", "jxl", "tiff", "bmp", "gif", "webp"])
def test_everything_the_server_decodes_is_indexed(client, kind):
    """And has variants like any file."""
    data = {"heic": heic, "jxl": jxl}.get(kind, lambda: photo(64, 48, kind=kind.upper()))()
    (known,) = ids(upload(client, ("picture", data)))
    indexed(client, known)
    assert wait_until_processed(client, known)["variant_status"] == "completed"


def test_another_tenant_sees_nothing_of_either_side(library, client):
    """Not by list, id, search, or link of the other API."""
    _, file_id, image_id = library
    assert listed(client) == []
    for known in (file_id, image_id):
        expect_error(client.get(f"/images/{known}"), 404)
        assert client.get(f"{FILES}/{known}").status_code == 404
    assert found(client.post(SEARCH, json={"query": "pelican walrus", "search_mode": "joined"})) == []


# ------------------------------------------------------------------------------ at once


def _at_once(*calls):
    """Run calls in threads that start together; returns their results in order."""
    gate, done = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place, call):
        gate.wait()
        done[place] = call()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def test_two_deletions_at_once_share_the_images(idle, idle_key):
    """In opposite order, through both doors: each image is deleted by exactly one, and nobody waits for ever."""
    with idle.client(idle_key) as first, idle.client(idle_key) as second, idle.client(idle_key) as third:
        for _ in range(3):
            known = plant(first, 40)
            answers = _at_once(
                lambda: deletion(first.post(DELETE, json={"image_ids": known})),  # noqa: B023 - called at once
                lambda: deletion(second.post(DELETE, json={"image_ids": known[::-1]})),  # noqa: B023 - called at once
                lambda: third.post(f"{FILES}/batch-delete", json={"file_ids": known}).json(),  # noqa: B023 - called at once
            )
            gone = [*answers[0][0], *answers[1][0], *(each["id"] for each in answers[2]["deleted"])]
            assert sorted(gone) == sorted(known)
            assert listed(first) == []


def test_uploads_at_once_keep_their_own_order(idle, idle_key):
    """Batches of several clients do not mix up metadata, and all images are there."""

    def send(client, name):
        return stored(client, *(entry(name=name, place=place) for place in range(6)))

    with idle.client(idle_key) as first, idle.client(idle_key) as second:
        batches = _at_once(lambda: send(first, "a"), lambda: send(second, "b"))
        for name, batch in zip("ab", batches, strict=True):
            assert [each["image_metadata"] for each in batch] == [{"name": name, "place": place} for place in range(6)]
        everything = listed(first, limit=100)
        assert set(everything) == {each["image_id"] for batch in batches for each in batch}
        for batch in batches:
            order = [each["image_id"] for each in batch][::-1]
            assert [known for known in everything if known in order] == order


def test_a_refused_batch_beside_a_good_one_takes_nothing_with_it(idle, idle_key):
    """Of equal bytes, sent at once, those of the good batch stay."""
    data = [photo() for _ in range(5)]
    with idle.client(idle_key) as first, idle.client(idle_key) as second:
        good, bad = _at_once(
            lambda: upload(first, *data), lambda: upload(second, *data, ("notes.txt", b"text" + os.urandom(3)))
        )
        expect_error(bad, 415)
        images = results(good)
        assert listed(first) == [each["image_id"] for each in images[::-1]]
        assert [first.get(each["image_url"]).content for each in images] == data
