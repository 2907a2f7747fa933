"""Agent search for pictures, documents and films: section 11 of the Files API, point 39 of the checklist."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from tests.contracts import papers
from tests.contracts.file_agents import AGENTS, KINDS, RESTRICTIONS, ask, found_ids
from tests.contracts.file_films import analysed, clip
from tests.contracts.file_films import send as send_film
from tests.contracts.file_links import NOWHERE, save
from tests.contracts.file_texts import FILES, chunks, detail, ids, read
from tests.contracts.photos import photo
from tests.contracts.planting import plant_visible_text
from tests.contracts.shapes import brief, expect_error
from tests.running import upload, wait_until_processed


@dataclass
class Collection:
    """A tenant with two pictures, two documents, two films and a link; `lighthouse` is said of one of each."""

    client: httpx.Client
    folder: str
    images: list[str]
    documents: list[str]
    videos: list[str]

    def of(self, kind):
        """Its media of a kind: the one about the lighthouse, and the other."""
        return getattr(self, kind)


@pytest.fixture(scope="module")
def collection(server):
    """That tenant; tests leave it as it was."""
    with server.client(server.new_key()) as client:
        titles = ("Lighthouse at dusk", "Market hall")
        images = [
            upload(client, photo(), f"{place}.jpg", title=title)["image_id"] for place, title in enumerate(titles)
        ]
        videos = [send_film(client, clip(91), "lighthouse.mp4", title="Lighthouse").json()["image_id"]]
        videos.append(send_film(client, clip(92), "market.mp4").json()["image_id"])
        pages = ("The lighthouse stands on the northern rock.", "Its lamp was lit by oil, and later by gas.")
        documents = [
            read(client, papers.pdf(*pages), "lights.pdf"),
            read(client, papers.note("Potatoes, leeks and mackerel at the market."), "market.txt"),
        ]
        save(client, NOWHERE, title="Lighthouse", auto_crawl=False)
        for image in images:
            wait_until_processed(client, image, described=True)
        plant_visible_text(server, images[0], "NORTH ROCK")
        for video in videos:
            analysed(client, video)
        folder = client.post("/api/v2/folders", json={"name": "Rocks"}).json()["id"]
        first = [kind[0] for kind in (images, documents, videos)]
        client.post("/api/v2/folders/move-files", json={"file_ids": first, "folder_id": folder})
        yield Collection(client, folder, images, documents, videos)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_asked_for_comes_first(collection, kind):
    """Each surface finds its own kind of media, with all keys, its ids in the order of its results."""
    assert found_ids(collection.client, kind, "lighthouse")[0] == collection.of(kind)[0]
    assert found_ids(collection.client, kind, "LIGHTHOUSE")[0] == collection.of(kind)[0]
    assert set(found_ids(collection.client, kind, "lighthouse")) <= set(collection.of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_star_browses_the_newest_first(collection, kind):
    """All there is of the kind, and nothing of any other."""
    assert found_ids(collection.client, kind, "*") == collection.of(kind)[::-1]
    assert found_ids(collection.client, kind, " * ") == collection.of(kind)[::-1]
    assert ask(collection.client, kind, "*", limit=1)["count"] == 1


def test_a_picture_that_was_found(collection):
    """Its names, its words, its folder, and a link to its picture."""
    first = ask(collection.client, "images", "lighthouse")["results"][0]
    expected = {"filename": "0.jpg", "title": "Lighthouse at dusk", "folder_id": collection.folder}
    assert {key: first[key] for key in expected} == expected
    assert first["thumbnail_url"]
    assert first["description"] == detail_of(collection, collection.images[0])["upload_description"]


def detail_of(collection, file_id):
    """The detail of any file."""
    return collection.client.get(f"{FILES}/{file_id}").json()


def test_a_passage_that_was_found(collection):
    """A chunk of the document as the documents themselves tell it."""
    first = ask(collection.client, "documents", "lighthouse")["results"][0]
    known = {one["chunk_id"]: one for one in chunks(collection.client, collection.documents[0])}[first["chunk_id"]]
    assert (first["text"], first["page_numbers"], first["chunk_index"]) == (
        known["content"],
        known["page_numbers"],
        known["chunk_index"],
    )
    assert first["document_filename"] == "lights.pdf"


def test_a_film_that_was_found(collection):
    """Its name, its length and its size; its scenes in it, with a link to the picture of each."""
    found = {one["video_id"]: one for one in ask(collection.client, "videos", "*")["results"]}
    for video in collection.videos:
        one, known = found[video], detail_of(collection, video)["video_metadata"]
        assert one["resolution"] == known["resolution"] == "64x48"
        assert one["duration_seconds"] == pytest.approx(known["duration_seconds"])
        assert one["thumbnail_url"]
        scenes = {
            scene["scene_id"]: scene
            for scene in collection.client.get(f"/api/v2/videos/{video}/scenes").json()["scenes"]
        }
        for scene in one["matched_scenes"]:
            assert scene["time_range_formatted"] == scenes[scene["scene_id"]]["time_range_formatted"]
    assert found[collection.videos[0]]["video_filename"] == "lighthouse.mp4"


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_keeps_to_what_it_is_given(collection, kind):
    """Ids restrict it; unknown ones, those of other kinds, and an unknown folder match nothing."""
    client, (first, second), key = collection.client, collection.of(kind), RESTRICTIONS[kind]
    assert found_ids(client, kind, "*", **{key: [first]}) == [first]
    assert found_ids(client, kind, "*", **{key: [second.upper(), str(uuid4())]}) == [second]
    assert found_ids(client, kind, "lighthouse", **{key: [str(uuid4())]}) == []
    others = [file for other in KINDS if other != kind for file in collection.of(other)]
    assert found_ids(client, kind, "lighthouse", **{key: others}) == []
    assert found_ids(client, kind, "*", **{key: None}) == [second, first]
    if kind != "documents":
        assert found_ids(client, kind, "*", folder_id=collection.folder) == [first]
        assert found_ids(client, kind, "*", folder_id=str(uuid4())) == []
        assert found_ids(client, kind, "*", folder_id=None) == [second, first]
        assert found_ids(client, kind, "*", folder_id=collection.folder, **{key: [second]}) == []


def test_documents_are_narrowed_by_their_types(collection):
    """Types are ORed; one that there is not is 422."""
    client, (first, second) = collection.client, collection.documents
    assert found_ids(client, "documents", "*", document_types=["pdf"]) == [first]
    assert found_ids(client, "documents", "*", document_types=["txt", "md"]) == [second]
    assert found_ids(client, "documents", "*", document_types=["docx"]) == []
    assert found_ids(client, "documents", "*", document_types=None) == [second, first]
    body = {"query": "*", "document_types": ["pdf", "odt"]}
    expect_error(client.post(f"{AGENTS}/documents", json=body), 422, "VALIDATION_ERROR")


def test_nothing_found_is_an_answer_like_any_other(collection, new_client):
    """A tenant without files gets empty lists, success, and a summary all the same."""
    nobody = new_client()
    for kind in KINDS:
        for query in ("lighthouse", "*"):
            found = ask(nobody, kind, query)
            assert (found["count"], found["results"]) == (0, [])
            assert found["summary"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": "  \n"},
        {"query": "x" * 2001},
        {"query": "a\0b"},
        {"query": None},
        {"query": 7},
        {"query": "x", "limit": 0},
        {"query": "x", "limit": 501},
        {"query": "x", "limit": "many"},
        [],
        "x",
    ],
    ids=brief,
)
def test_a_bad_question_is_422(collection, kind, body):
    """Blank, too long, or with a limit out of range."""
    expect_error(collection.client.post(f"{AGENTS}/{kind}", json=body), 422, "VALIDATION_ERROR")


@pytest.mark.parametrize("kind", KINDS)
def test_bad_restrictions_are_422(collection, kind):
    """Ids must be ids, and so must a folder."""
    client = collection.client
    for body in ({RESTRICTIONS[kind]: ["nonsense"]}, {RESTRICTIONS[kind]: "x"}):
        expect_error(client.post(f"{AGENTS}/{kind}", json={"query": "x", **body}), 422, "VALIDATION_ERROR")
    if kind != "documents":
        body = {"query": "x", "folder_id": "nonsense"}
        expect_error(client.post(f"{AGENTS}/{kind}", json=body), 422, "VALIDATION_ERROR")


@pytest.mark.parametrize("kind", KINDS)
def test_limits_are_reached_and_odd_questions_do_no_harm(collection, kind):
    """2,000 characters and 500 results are allowed; punctuation has no meaning."""
    for query in ("x" * 2000, "a & b | !c <-> d:*", "'\"\\", "%", "((", "***", "\U0001f41f", "港湾都市"):
        ask(collection.client, kind, query, limit=500)


@pytest.mark.parametrize("kind", KINDS)
def test_other_methods_and_no_key(collection, server, kind):
    """Searching is a POST, and not for strangers."""
    answer = collection.client.get(f"{AGENTS}/{kind}")
    expect_error(answer, 405, "VALIDATION_ERROR")
    assert answer.headers["allow"] == "POST"
    with server.client() as nobody:
        expect_error(nobody.post(f"{AGENTS}/{kind}", json={}), 401, "INVALID_API_KEY")
    expect_error(collection.client.post(f"{AGENTS}/links", json={"query": "x"}), 404, "NOT_FOUND")


def test_what_is_deleted_is_found_no_more(client):
    """Neither by words nor by browsing, until it is restored."""
    image = upload(client, photo(), title="Heron")["image_id"]
    document = read(client, papers.note("heron"), "heron.txt")
    wait_until_processed(client, image, described=True)
    for kind, file_id in (("images", image), ("documents", document)):
        for query in ("heron", "*"):
            assert found_ids(client, kind, query) == [file_id]
        assert client.delete(f"{FILES}/{file_id}").status_code == 200
        for query in ("heron", "*"):
            assert found_ids(client, kind, query) == []
        assert client.post(f"{FILES}/{file_id}/restore").status_code == 200
        assert found_ids(client, kind, "heron") == [file_id]
    assert set(ids(client)) == {image, document}
    assert detail(client, document)["text_extraction_status"] == "completed"
