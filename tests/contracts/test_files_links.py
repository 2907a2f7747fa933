"""Saving web links, and what holds of them as files: sections 3, 4 and 5 of the Files API, points 15 to 31 of the checklist."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.contracts import papers
from tests.contracts import vision_shapes as vision
from tests.contracts.file_links import FILES, FIXED, KEYS, LINK_ITEM, LINKS, NOWHERE, link, listed, recrawl, save
from tests.contracts.file_texts import ids, sent, upload_status
from tests.contracts.photos import photo
from tests.contracts.shapes import (
    BATCH_DELETE,
    DELETE,
    FILES_MOVED,
    ITEM,
    RESTORE,
    UPDATE,
    brief,
    conforms,
    expect,
    expect_error,
)
from tests.running import upload

FOLDERS = "/api/v2/folders"
EXAMPLE = {
    "url": "https://github.com/example/repo",
    "title": "My Favorite Repo",
    "tags": ["development", "reference"],
    "auto_crawl": True,
}


@pytest.fixture(scope="module")
def keeper(idle):
    """A tenant on a server without a worker, so that what is queued stays queued."""
    with idle.client(idle.new_key()) as client:
        yield client


@pytest.fixture(scope="module")
def folder(keeper):
    """A folder of that tenant."""
    return keeper.post(FOLDERS, json={"name": "Reading"}).json()["id"]


# ------------------------------------------------------------------------------ saving


def test_the_example_of_the_vendor(keeper, folder):
    """201 with seven keys, and the link is a file in its folder."""
    made = save(keeper, EXAMPLE["url"], **{key: EXAMPLE[key] for key in ("title", "tags")}, folder_id=folder)
    assert (made["title"], made["domain"], made["crawl_status"]) == ("My Favorite Repo", "github.com", "queued")
    found = link(keeper, made["id"])
    assert (found["source_url"], found["domain"], found["folder_id"]) == (EXAMPLE["url"], "github.com", folder)
    assert (found["tags"], found["created_at"]) == (EXAMPLE["tags"], made["created_at"])
    assert ids(keeper, folder_id=folder) == [made["id"]]
    assert keeper.get(f"{FOLDERS}/{folder}").json()["folder"]["file_count"] == 1


def test_before_its_crawl_a_link_knows_its_url_only(keeper):
    """All conditional keys are there, null or 0, in the list and in the detail, and no key of another type."""
    for address, auto_crawl, status in ((NOWHERE, True, "queued"), (NOWHERE + "later", False, "pending")):
        made = save(keeper, address, auto_crawl=auto_crawl)
        assert (made["title"], made["crawl_status"]) == (None, status)
        expected = {
            "crawl_status": status,
            "crawl_error": None,
            "crawled_at": None,
            "page_title": None,
            "og_metadata": None,
            "favicon_url": None,
            "extracted_images": None,
            "extracted_images_count": 0,
            "thumbnail_url": None,
            "medium_url": None,
            "full_url": None,
            "blur_hash": None,
            "title": None,
            "tags": [],
            "folder_id": None,
            "content_created_at": None,
        }
        for found in (link(keeper, made["id"]), listed(keeper, made["id"])):
            assert {key: found[key] for key in expected} == expected
        conforms(listed(keeper, made["id"]), LINK_ITEM)


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("http://example.com", "example.com"),
        ("https://Docs.Example.COM:8443/Path?q=1#part", "docs.example.com"),
        ("HTTP://EXAMPLE.com/", "example.com"),
        ("  https://example.com/trimmed\t", "example.com"),
        ("https://user:secret@example.com/", "example.com"),
        ("http://192.0.2.7:81/", "192.0.2.7"),
        ("https://example.com?no=path", "example.com"),
        ("https://example.com/" + "x" * 2028, "example.com"),
        ("https://example.com/ü/港?ß", "example.com"),
        ("https://example.com/a b", "example.com"),
    ],
    ids=brief,
)
def test_any_page_can_be_saved(keeper, address, domain):
    """The URL comes back as it was sent but for the blanks around it; the domain is its host in lower case without port."""
    made = save(keeper, address, auto_crawl=False)
    assert made["domain"] == domain
    assert link(keeper, made["id"])["source_url"] == address.strip()


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.com/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:text/html,x",
        "mailto:a@example.com",
        "example.com",
        "//example.com/",
        "http://",
        "https:///path",
        "http:example.com",
        "http://?q=1",
        "http://:80/",
        "http://user@/",
        "http://[::1",
        "http://[zz::]/",
        "",
        "   ",
        "h\nttp://example.com/",
    ],
    ids=brief,
)
def test_what_is_no_page_is_400(keeper, address):
    """Other schemes, and what has no host or no sensible one, are well-formed but refused."""
    before = keeper.get(FILES, params={"limit": 1}).json()["total_count"]
    expect_error(keeper.post(LINKS, json={"url": address}), 400, "VALIDATION_ERROR")
    assert keeper.get(FILES, params={"limit": 1}).json()["total_count"] == before


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com:port/",
        "http://example.com:99999/",
        "http://\u2100.com/",
        "http://exa\nmple.com/",
        "http://%00/",
    ],
    ids=brief,
)
def test_an_odd_host_does_no_harm(keeper, address):
    """It is refused, or kept to fail in its crawl, but never an error of the server."""
    answer = keeper.post(LINKS, json={"url": address, "auto_crawl": False})
    assert answer.status_code in {201, 400, 422}
    assert keeper.get(FILES, params={"media_types": "link"}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": None},
        {"url": 7},
        {"url": "https://example.com/" + "x" * 2029},
        {"url": "ftp://" + "x" * 2043},
        {"url": "https://example.com/\0"},
        {"url": NOWHERE, "title": "x" * 501},
        {"url": NOWHERE, "title": "a\0b"},
        {"url": NOWHERE, "title": 7},
        {"url": NOWHERE, "tags": [str(number) for number in range(41)]},
        {"url": NOWHERE, "tags": ["x" * 51]},
        {"url": NOWHERE, "tags": "a,b"},
        {"url": NOWHERE, "folder_id": "nonsense"},
        {"url": NOWHERE, "auto_crawl": "perhaps"},
        {"url": "ftp://example.com/", "title": "x" * 501},
        [],
        "text",
    ],
    ids=brief,
)
def test_a_malformed_link_is_422(keeper, body):
    """Missing, too long, of another type; the shape is looked at before the scheme."""
    before = keeper.get(FILES, params={"limit": 1}).json()["total_count"]
    expect_error(keeper.post(LINKS, json=body), 422, "VALIDATION_ERROR")
    assert keeper.get(FILES, params={"limit": 1}).json()["total_count"] == before


def test_limits_of_a_link_are_reached(keeper):
    """500 characters of title, 40 tags of 50; all are trimmed, repeats and empty ones dropped."""
    tags = ["t" * 50, *(f" tag {number} " for number in range(39)), "tag 1", " "]
    made = save(keeper, NOWHERE, title=f" {'港' * 500} ", tags=tags, auto_crawl=False)
    assert made["title"] == "港" * 500
    found = link(keeper, made["id"])
    assert found["tags"] == ["t" * 50, *(f"tag {number}" for number in range(39))]
    assert save(keeper, NOWHERE, title="   ", tags=None, folder_id=None)["title"] is None


def test_an_unknown_folder_is_404(keeper, folder):
    """The folder must be one's own; a bad scheme is told before it."""
    expect_error(keeper.post(LINKS, json={"url": NOWHERE, "folder_id": str(uuid4())}), 404, "NOT_FOUND")
    body = {"url": "ftp://example.com/", "folder_id": str(uuid4())}
    expect_error(keeper.post(LINKS, json=body), 400, "VALIDATION_ERROR")
    assert save(keeper, NOWHERE, folder_id=folder.upper())["title"] is None


def test_other_methods_and_no_key(keeper, idle):
    """Saving is the one thing that route does, and not for strangers."""
    expect_error(keeper.put(LINKS, json={"url": NOWHERE}), 405, "VALIDATION_ERROR")
    expect_error(keeper.get(LINKS), 404, "NOT_FOUND")
    with idle.client() as nobody:
        expect_error(nobody.post(LINKS, json={"url": "x" * 3000}), 401, "INVALID_API_KEY")
        expect_error(nobody.post(f"{FILES}/{uuid4()}/recrawl"), 401, "INVALID_API_KEY")


SAME = ("http://ex.com/a", "HTTP://EX.com:80/a", "http://ex.com/a#part", "http://Ex.Com/a#")
OTHER = (
    "https://ex.com/a",
    "http://ex.com/A",
    "http://ex.com/a?",
    "http://ex.com/a/",
    "http://ex.com:443/a",
    "http://www.ex.com/a",
)


def test_a_repeated_url_is_told_and_stored(idle_client):
    """By scheme and host in lower case, without default port and fragment; anything else makes another page."""
    first = save(idle_client, SAME[0], auto_crawl=False)
    assert first["is_duplicate"] is False
    assert [save(idle_client, address)["is_duplicate"] for address in SAME] == [True] * len(SAME)
    others = [address for address in OTHER if not address.endswith("?")]  # of an empty query nothing is said
    assert [save(idle_client, address)["is_duplicate"] for address in others] == [False] * len(others)
    assert len(ids(idle_client, limit=100)) == 1 + len(SAME) + len(others)
    assert save(idle_client, "https://ex.com")["is_duplicate"] is False
    assert save(idle_client, "https://ex.com:443/")["is_duplicate"] is True
    assert save(idle_client, "https://EX.com#top")["is_duplicate"] is True


def test_trashed_links_and_those_of_others_are_no_duplicates(idle, idle_client):
    """Only live links of one's own count."""
    first = save(idle_client, NOWHERE)
    with idle.client(idle.new_key()) as other:
        assert save(other, NOWHERE)["is_duplicate"] is False
    assert idle_client.delete(f"{FILES}/{first['id']}").status_code == 200
    assert save(idle_client, NOWHERE)["is_duplicate"] is False
    assert idle_client.post(f"{FILES}/{first['id']}/restore").status_code == 200
    assert save(idle_client, NOWHERE)["is_duplicate"] is True


def test_of_several_at_once_one_is_the_first(idle_client):
    """Simultaneous links to one page are all stored, and all but one are told."""
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: save(idle_client, NOWHERE), range(6)))
    assert sorted(one["is_duplicate"] for one in made) == [False] + [True] * 5
    assert len({one["id"] for one in made}) == 6


def test_links_are_no_uploads(idle_client):
    """They use up neither the month's uploads nor the quota, and their state is that of a file whose work is done."""
    before = idle_client.get("/api/v2/uploads/quota-check", params={"file_count": 1}).json()
    made = save(idle_client, NOWHERE, auto_crawl=False)
    assert idle_client.get("/api/v2/uploads/quota-check", params={"file_count": 1}).json() == before
    status = upload_status(idle_client, made["id"])
    assert status["component_statuses"]["upload_status"] == "completed"
    assert status["component_statuses"]["variant_status"] is None
    stuck = idle_client.get("/api/v2/uploads/stuck-uploads", params={"stuck_minutes": 1}).json()
    assert stuck["stuck_count"] == 0


# ---------------------------------------------------------------------------- as files


def test_links_are_listed_among_other_files(idle_client):
    """Each with the keys of its type; types are ORed, tags ANDed, and the size of a link is the smallest."""
    image = upload(idle_client, photo(), auto_describe="false", tags="a")["image_id"]
    document = sent(idle_client, papers.note(), tags="a")
    made = save(idle_client, NOWHERE, tags=["a", "b"], title="Nowhere")["id"]
    page = idle_client.get(FILES).json()
    assert page["total_count"] == 3
    for item in page["files"]:
        if item["media_type"] == "link":
            conforms(item, LINK_ITEM)
        else:
            assert not item.keys() & (KEYS.keys() - ITEM.keys())
    assert ids(idle_client, media_types="link") == [made]
    assert set(ids(idle_client, media_types=["link", "document"])) == {made, document}
    assert set(ids(idle_client, media_types="link,document,image")) == {made, document, image}
    assert ids(idle_client, tags="a,b") == [made]
    assert ids(idle_client, sort_by="size_bytes", sort_order="asc", limit=1) == [made]
    assert ids(idle_client, sort_by="title", sort_order="asc", limit=1) == [made]
    assert made in ids(idle_client, has_description="false")
    seen = [ids(idle_client, limit=1, offset=place) for place in range(3)]
    assert {one for (one,) in seen} == {image, document, made}


def test_a_link_is_found_by_its_url_before_it_is_crawled(idle_client):
    """Domain, path, title and tags are words of it; it has no visible text."""
    made = save(
        idle_client, "https://tides.example.org/northern-gauge?station=7", title="Ebb", tags=["flood"], auto_crawl=False
    )
    for words in ("tides", "tides.example.org", "northern gauge", "ebb", "flood", "ebb flood tides"):
        assert ids(idle_client, search=words) == [made["id"]], words
        assert ids(idle_client, search=words, search_mode="metadata") == [made["id"]], words
        assert ids(idle_client, search=words, search_mode="visible_text") == [], words
    assert ids(idle_client, search="southern gauge") == []
    body = expect(idle_client.patch(f"{FILES}/{made['id']}", json={"title": "Neap", "tags": ["moon"]}), UPDATE)
    assert (body["title"], body["tags"]) == ("Neap", ["moon"])
    assert ids(idle_client, search="neap moon tides", search_mode="metadata") == [made["id"]]
    assert ids(idle_client, search="ebb") == []


def test_the_detail_of_a_link_by_any_form_of_its_id(keeper):
    """The UUID in both cases and its first eight digits."""
    made = save(keeper, NOWHERE, auto_crawl=False)
    found = link(keeper, made["id"])
    assert keeper.get(f"{FILES}/{made['id'].upper()}").json() == found
    by_prefix = keeper.get(f"{FILES}/{made['id'][:8]}")
    assert by_prefix.status_code == 409 or by_prefix.json() == found
    assert {key: found[key] for key in ("hash", "object_key", "dimensions", "size_bytes")} == {
        "hash": "",
        "object_key": "",
        "dimensions": {},
        "size_bytes": 0,
    }
    assert FIXED.keys() <= found.keys()


def test_a_link_has_no_file(keeper):
    """Its download is 400, its variants are 404 without a hint to come back, and none can be asked for."""
    made = save(keeper, NOWHERE)["id"]
    expect_error(keeper.get(f"{FILES}/{made}/download"), 400, "VALIDATION_ERROR")
    for name in ("original", "tiny_64", "small_256", "medium_512", "medium_750", "large_1024", "huge"):
        answer = keeper.get(f"{FILES}/{made}/variant/{name}")
        expect_error(answer, 404, "NOT_FOUND")
        assert "retry-after" not in answer.headers
    expect_error(keeper.post(f"{FILES}/{made}/trigger-variants"), 400, "VALIDATION_ERROR")


def test_a_link_is_no_picture_film_or_document(keeper):
    """No other surface knows its id."""
    made = save(keeper, NOWHERE)["id"]
    for path in ("", "/text", "/chunks", "/download"):
        expect_error(keeper.get(f"/api/v2/documents/{made}{path}"), 404, "NOT_FOUND")
    expect_error(keeper.delete(f"/api/v2/documents/{made}"), 404, "NOT_FOUND")
    expect_error(keeper.get(f"/api/v2/colors/images/{made}"), 404, "NOT_FOUND")
    expect_error(keeper.get(f"/api/v2/videos/{made}/scenes"), 404, "NOT_FOUND")
    expect_error(keeper.post("/api/v2/video-analysis/queue", json={"media_id": made}), 404, "NOT_FOUND")
    assert keeper.get(f"/images/{made}").status_code == 404
    assert made not in vision.ids(keeper.get("/images"))
    assert (
        keeper.post("/api/v2/documents/search", json={"query": "192", "similarity_threshold": 0}).json()["results"]
        == []
    )


def test_a_link_is_edited_like_any_file(keeper):
    """255 characters of title, although saving takes 500; null clears, nothing changes nothing."""
    made = save(keeper, NOWHERE, title="x" * 500, tags=["a"])["id"]
    before = link(keeper, made)
    assert expect(keeper.patch(f"{FILES}/{made}", json={}), UPDATE)["updated_at"] == before["updated_at"]
    expect_error(keeper.patch(f"{FILES}/{made}", json={"title": "x" * 256}), 422, "VALIDATION_ERROR")
    assert link(keeper, made) == before
    body = expect(keeper.patch(f"{FILES}/{made}", json={"tags": ["b"]}), UPDATE)
    assert (body["title"], body["tags"]) == ("x" * 500, ["b"])
    body = expect(keeper.patch(f"{FILES}/{made}", json={"title": None, "tags": None}), UPDATE)
    assert (body["title"], body["tags"]) == (None, [])


def test_a_deleted_link_is_gone_and_comes_back(idle_client):
    """404 on every route, recrawl included; with `trashed` it is listed with its keys; restored it is queued as it was."""
    made = save(idle_client, NOWHERE, tags=["a"])["id"]
    expect(idle_client.delete(f"{FILES}/{made}"), DELETE)
    for method, suffix in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/download"), ("POST", "/recrawl")):
        options = {"json": {}} if method == "PATCH" else {}
        expect_error(idle_client.request(method, f"{FILES}/{made}{suffix}", **options), 404, "NOT_FOUND")
    assert ids(idle_client) == ids(idle_client, search="192") == []
    assert listed(idle_client, made, trashed="true")["deleted_at"]
    expect(idle_client.post(f"{FILES}/{made}/restore"), RESTORE)
    expect_error(idle_client.post(f"{FILES}/{made}/restore"), 409, "CONFLICT")
    found = link(idle_client, made)
    assert (found["crawl_status"], found["tags"]) == ("queued", ["a"])
    expect_error(recrawl(idle_client, made), 400, "VALIDATION_ERROR")


def test_links_are_moved_and_deleted_with_others(idle_client):
    """A folder takes them along, and a batch deletes them beside pictures; what is queued does not stop it."""
    image = upload(idle_client, photo(), auto_describe="false")["image_id"]
    first, second = (save(idle_client, NOWHERE)["id"] for _ in range(2))
    folder = idle_client.post(FOLDERS, json={"name": "a"}).json()["id"]
    body = {"file_ids": [first, image], "folder_id": folder}
    assert expect(idle_client.post(f"{FOLDERS}/move-files", json=body), FILES_MOVED)["moved"] == 2
    removed = idle_client.delete(f"{FOLDERS}/{folder}", params={"mode": "delete_all"}).json()
    assert removed["files_affected"] == 2
    assert ids(idle_client) == [second]
    deleted = expect(idle_client.post(f"{FILES}/batch-delete", json={"file_ids": [second, first]}), BATCH_DELETE)
    assert deleted["summary"] == {"total": 2, "deleted": 1, "skipped": 0, "failed": 1}
    expect(idle_client.post(f"{FILES}/{first}/restore"), RESTORE)
    assert link(idle_client, first)["folder_id"] is None
