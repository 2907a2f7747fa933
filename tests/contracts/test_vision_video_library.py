"""Reading and deleting videos: sections 1.1 to 1.6 and 4.3, and points 1 to 4, 9, 29, 30, and 31 of the checklist."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import pytest

from tests.contracts.shapes import url as is_url
from tests.contracts.video_shapes import deletion, ids, one, videos_of
from tests.contracts.videos import (
    DELETE,
    GET,
    GROUPS,
    LIST,
    REPROCESS,
    ROUTES,
    SEARCHES,
    SOME_ID,
    UPLOAD,
    VIDEOS,
    demo,
    listed,
    new_group,
    plant,
    send,
    upload,
    video,
)
from tests.contracts.vision import ENCODINGS, FORM, JSON, MULTIPART, SPELLINGS, call, exchange, head, unknown
from tests.contracts.vision import plant as plant_images
from tests.contracts.vision_shapes import UNLIMITED, expect_error, is_new_id, rates
from tests.films import film
from tests.running import wait_for

READS = [spelling + path for spelling in SPELLINGS for path in (GET, LIST)]


@pytest.fixture(scope="module")
def shelf(idle):
    """A client and the ids of three videos, oldest first."""
    with idle.client(idle.new_key()) as client:
        yield client, plant(client, 3)


# ------------------------------------------------------------------------------ reading


@pytest.mark.parametrize("path", READS)
def test_named_videos_come_in_the_order_named(shelf, path):
    """Each once, in either letter case; unknown and malformed ids are left out."""
    client, known = shelf
    wanted = [known[2], unknown(), known[0].upper(), "no-uuid", known[2], UUID(known[1]).hex, "", "default"]
    assert ids(client.post(path, json={"video_ids": wanted})) == [known[2], known[0]]
    assert ids(client.post(path, json={"video_ids": [unknown()]})) == []
    assert ids(client.post(path, json={"video_ids": known[1]})) == [known[1]]
    assert ids(client.post(path, json={"video_ids": ",".join(known)})) == known


@pytest.mark.parametrize("path", READS)
def test_without_ids_all_videos_come_newest_first(shelf, path):
    """No body at all, an empty one of any type, `{}`, null, and an empty list."""
    client, known = shelf
    for options in (
        {},
        {"headers": JSON},
        {"headers": FORM},
        {"headers": MULTIPART},
        {"headers": {"content-type": "text/csv"}},
        {"json": {}},
        {"json": {"video_ids": None}},
        {"json": {"video_ids": []}},
        {"json": {"video_ids": ""}},
        {"json": {"limit": 1, "page": 7}},
        {"data": {"video_ids": ""}},
        {"content": b"{}"},
        {"content": b'{"video_ids": []}'},
    ):
        assert ids(client.post(path, **options)) == known[::-1], options
    assert ids(client.get(VIDEOS)) == known[::-1]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_reading_means_the_same_in_every_encoding(shelf, encoding):
    """One id, several, and none."""
    client, known = shelf
    assert ids(call(client, GET, {"video_ids": known}, encoding)) == known
    assert ids(call(client, GET, {"video_ids": known[:1]}, encoding)) == known[:1]
    assert ids(call(client, LIST, {}, encoding)) == known[::-1]


def test_a_query_may_name_videos(shelf):
    """Repeated, separated by commas, in both spellings, as videos/get."""
    client, known = shelf
    for spelling in SPELLINGS:
        path = spelling + VIDEOS
        assert ids(client.get(path, params=[("ids", each) for each in (known[2], unknown(), known[0], "x")])) == [
            known[2],
            known[0],
        ]
        assert ids(client.get(path, params={"ids": f"{known[1]},{known[0]}"})) == [known[1], known[0]]
        assert ids(client.get(path, params={"ids": ""})) == known[::-1]
        assert ids(client.get(path, params={"ids": unknown(), "surprise": 1})) == []


def test_lists_are_complete(idle_client):
    """Also beyond the twenty that images have on a page."""
    known = plant(idle_client, 23)
    assert listed(idle_client) == known[::-1]
    assert ids(idle_client.post(GET, json={"limit": 5})) == known[::-1]


@pytest.mark.parametrize("value", [5, True, {}, {"a": 1}, [5], [None], [[]], ["x", 5]])
@pytest.mark.parametrize("path", [GET, LIST, DELETE, REPROCESS])
def test_ids_that_are_no_strings_are_refused(anyone, path, value):
    """400 that names the field, and with POST /videos/delete never all of them."""
    error = expect_error(anyone.post(path, json={"video_ids": value}), 400, "invalid_parameter")
    assert error["param"].startswith("video_ids")


@pytest.mark.parametrize("path", [GET, LIST, DELETE, REPROCESS])
def test_a_call_names_at_most_a_thousand(anyone, path):
    """However they are written."""
    many = [SOME_ID] * 1001
    for value in (many, ",".join(many)):
        expect_error(anyone.post(path, json={"video_ids": value}), 400, "invalid_parameter", "video_ids")
    assert anyone.post(path, json={"video_ids": many[1:]}).status_code == (404 if path == REPROCESS else 200)


@pytest.mark.parametrize("path", [GET, LIST, DELETE, REPROCESS, "/search", "/videos/groups", UPLOAD])
def test_bodies_that_cannot_be_read_are_refused(anyone, path):
    """Broken JSON, arrays and scalars: 400 `malformed_body`; a type that is none of the three: 415."""
    for content in (b"{", b"[1]", b'"x"', b"5", b"null", b"{]"):
        for headers in (JSON, {}):
            expect_error(anyone.post(path, content=content, headers=headers), 400, "malformed_body")
    for kind in ("text/csv", "text/plain", "application/xml", "x"):
        expect_error(anyone.post(path, content=b"a,b", headers={"content-type": kind}), 415, "unsupported_media_type")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_video_is_bare(shelf, spelling):
    """The same object as in a list; the id in the path has no letter case."""
    client, known = shelf
    (listed_,) = videos_of(client.post(GET, json={"video_ids": known[:1]}))
    for written in (known[0], known[0].upper()):
        now = one(client.get(f"{spelling}/videos/{written}/"))
        assert {**now, "url": 0, "metadata": 0} == {**listed_, "url": 0, "metadata": 0}
        assert now["metadata"]["video_name"] == listed_["metadata"]["video_name"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_is_not_there_is_not_found(shelf, method):
    """An unknown id, and what is none: 404, never 400."""
    client, known = shelf
    expect_error(client.request(method, f"/videos/{unknown()}"), 404, "video_not_found", "video_id")
    for odd in (
        "x",
        "0",
        "null",
        "%20",
        "%00",
        "a" * 500,
        UUID(known[0]).hex,
        f"%7B{known[0]}%7D",
        known[0][:-1],
        "default",
    ):
        expect_error(client.request(method, f"/videos/{odd}"), 404)
    assert len(listed(client)) == 3


# ------------------------------------------------------------------------------ deleting


def _by_delete(client, path, known, encoding):
    return call(client, path + DELETE, {"video_ids": known}, encoding, method="DELETE")


def _by_post(client, path, known, encoding):
    return call(client, path + DELETE, {"video_ids": known}, encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delete", [_by_delete, _by_post])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_videos_are_deleted_by_either_method(idle_client, delete, spelling, encoding):
    """In order, each once; what is unknown or malformed is named so, also the second time."""
    known, nobody = plant(idle_client, 2), unknown()
    wanted = [known[1], nobody, known[0].upper(), "x", known[1]]
    assert deletion(delete(idle_client, spelling, wanted, encoding)) == (known[::-1], [nobody, "x"])
    assert deletion(delete(idle_client, spelling, known, encoding)) == ([], known)
    assert listed(idle_client) == []


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_video_is_deleted_by_its_path(idle_client, spelling):
    """With any body or none; the second time it is 404."""
    for number, encoding in enumerate(ENCODINGS):
        (video_id,) = plant(idle_client)
        written = video_id.upper() if number else video_id
        answer = call(idle_client, f"{spelling}/videos/{written}", {"reason": "old"}, encoding, method="DELETE")
        assert deletion(answer) == ([video_id], [])
    expect_error(idle_client.delete(f"{spelling}/videos/{video_id}"), 404, "video_not_found", "video_id")
    assert listed(idle_client) == []


@pytest.mark.parametrize("method", ["DELETE", "POST"])
@pytest.mark.parametrize("path", [DELETE, f"/v1{DELETE}"])
def test_deleting_nothing_is_refused(shelf, method, path):
    """No body, no ids, an empty list in any form: 400, and it is never taken for all."""
    client, known = shelf
    for options in (
        {},
        {"headers": JSON},
        {"headers": FORM},
        {"json": {}},
        {"json": {"video_ids": []}},
        {"json": {"video_ids": None}},
        {"json": {"video_ids": ""}},
        {"json": {"video_ids": [""]}},
        {"json": {"video_ids": ","}},
        {"json": {"ids": known}},
        {"data": {"video_ids": ""}},
        {"data": {"video_ids": "[]"}},
        {"params": {"video_ids": known[0]}},
    ):
        error = expect_error(client.request(method, path, **options), 400)
        assert error["param"] == "video_ids"
        assert error["code"] in {"missing_parameter", "invalid_parameter"}
    assert listed(client) == known[::-1]


def test_what_is_deleted_is_gone_everywhere(idle_client, browser):
    """From lists, by its id, and at its URL, at once."""
    gone, kept = plant(idle_client, 2)
    link = video(idle_client, gone)["url"]
    assert browser.get(link).status_code == 200
    idle_client.request("DELETE", DELETE, json={"video_ids": [gone]})
    expect_error(browser.get(link), 404, "video_not_found")
    expect_error(idle_client.get(f"/videos/{gone}"), 404, "video_not_found")
    assert ids(idle_client.post(GET, json={"video_ids": [gone, kept]})) == [kept]
    assert ids(idle_client.get(VIDEOS, params={"ids": gone})) == []
    assert ids(idle_client.get("/videos/groups/default/videos")) == [kept]
    expect_error(idle_client.post(REPROCESS, json={"video_ids": [gone]}), 404, "video_not_found")


def test_images_and_videos_are_apart(idle_client):
    """Routes of the one do not know the other, whatever they do."""
    (video_id,), (image_id,) = plant(idle_client), plant_images(idle_client)
    assert listed(idle_client) == [video_id]
    assert [each["image_id"] for each in idle_client.get("/images").json()["results"]] == [image_id]
    assert ids(idle_client.post(GET, json={"video_ids": [image_id, video_id]})) == [video_id]
    answer = idle_client.post("/images/get", json={"image_ids": [image_id, video_id]})
    assert [each["image_id"] for each in answer.json()["results"]] == [image_id]
    answer = idle_client.post("/images/list", json={"image_ids": [video_id]})
    assert answer.json() == {"results": []}
    for method in ("GET", "DELETE"):
        expect_error(idle_client.request(method, f"/videos/{image_id}"), 404, "video_not_found")
        expect_error(idle_client.request(method, f"/images/{video_id}"), 404, "image_not_found")
    assert deletion(idle_client.post(DELETE, json={"video_ids": [image_id]})) == ([], [image_id])
    answer = idle_client.post("/images/delete", json={"image_ids": [video_id]})
    assert (answer.json()["deleted"], answer.json()["not_found"]) == ([], [video_id])
    expect_error(idle_client.post(REPROCESS, json={"video_ids": [image_id]}), 404, "video_not_found")
    assert (len(listed(idle_client)), len(idle_client.get("/images").json()["results"])) == (1, 1)


# ------------------------------------------------------------------------------ links


def test_a_url_gives_the_bytes_without_a_key(idle_client, browser):
    """Unchanged, of the right type, whole and in parts."""
    for container, kind in (("mp4", "video/mp4"), ("webm", "video/webm"), ("mov", "video/quicktime")):
        data = film(container)
        link = video(idle_client, upload(idle_client, data, name="a.bin", kind="text/html"))["url"]
        answer = browser.get(link, headers={"X-Api-Key": "wrong"})
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, data, kind)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert is_new_id(answer.headers["x-request-id"])
        for wanted, part in (("bytes=0-9", data[:10]), ("bytes=-7", data[-7:]), ("bytes=100-", data[100:])):
            answer = browser.get(link, headers={"Range": wanted})
            assert (answer.status_code, answer.content) == (206, part)
            assert answer.headers["content-range"].endswith(f"/{len(data)}")
        expect_error(browser.get(link, headers={"Range": f"bytes={len(data)}-"}), 416, "invalid_range")
        assert int(browser.head(link).headers["content-length"]) == len(data)


def test_a_url_cannot_be_altered(shelf, browser):
    """Every part of it is signed, and one video's signature opens no other."""
    client, known = shelf
    mine, other = (urlsplit(video(client, each)["url"]) for each in known[:2])
    expect_error(browser.get(mine._replace(query="").geturl()), 403)
    expect_error(browser.get(mine._replace(path=other.path).geturl()), 403)
    for name, value in parse_qsl(mine.query):
        changed = dict(parse_qsl(mine.query)) | {name: value[:-1] + ("1" if value[-1] != "1" else "2")}
        expect_error(browser.get(mine._replace(query=urlencode(changed)).geturl()), 403)
    expect_error(browser.get(mine._replace(path=f"{mine.path}/thumbnail").geturl()), 403)


def test_a_url_ends(budgeted, browser):
    """After its time it is 403, and the next read gives one that works."""
    with budgeted.client(budgeted.new_key()) as client:
        (video_id,) = plant(client)
        link = video(client, video_id)["url"]
        wait_for(lambda: browser.get(link).status_code == 403, "the link did not end")
        expect_error(browser.get(link), 403, "url_expired")
        assert is_url(video(client, video_id)["url"])


# ------------------------------------------------------------------------------ every route


def test_every_route_wants_a_key(idle):
    """Without a key, and with a wrong one: 401 in both spellings, also when the body is bad."""
    with idle.client() as nobody:
        for method, path in ROUTES:
            for spelling in SPELLINGS:
                expect_error(nobody.request(method, spelling + path), 401, "missing_api_key")
                wrong = nobody.request(
                    method, spelling + path, content=b"{", headers={**JSON, "X-Api-Key": "calo_wrong"}
                )
                expect_error(wrong, 401, "invalid_api_key")
        for path in (UPLOAD, GET, DELETE, "/search", "/videos/groups"):
            expect_error(nobody.post(path, content=b"a", headers={"content-type": "text/csv"}), 401, "missing_api_key")


def test_both_spellings_answer_the_same(anyone):
    """With a slash at the end and without; no answer is a redirect, and each tells of budgets."""
    for method, path in ROUTES:
        answers = [anyone.request(method, spelling + path + slash) for spelling in SPELLINGS for slash in ("", "/")]
        assert len({answer.status_code for answer in answers}) == 1, path
        assert answers[0].status_code in {200, 400, 404}, path
        assert all(answer.json() == answers[0].json() for answer in answers), path
        assert all(rates(answer) == UNLIMITED for answer in answers)
        assert len({answer.headers["x-request-id"] for answer in answers}) == 4


def test_a_fixed_word_is_never_taken_for_an_id(anyone):
    """A method that such a path has not is 405 with those it has."""
    fixed = {
        UPLOAD: {"POST"},
        GET: {"POST"},
        LIST: {"POST"},
        DELETE: {"POST", "DELETE"},
        REPROCESS: {"POST"},
        "/videos/group": {"POST"},
        "/videos/groups": {"GET", "POST"},
        "/video-groups": {"GET", "POST"},
        **{path: {"POST"} for path in SEARCHES},
        VIDEOS: {"GET"},
        f"/videos/{SOME_ID}": {"GET", "DELETE"},
        f"/videos/groups/{SOME_ID}": {"GET", "PATCH", "DELETE"},
        f"/videos/groups/{SOME_ID}/videos": {"GET", "POST"},
    }
    for path, methods in fixed.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            for spelling in SPELLINGS:
                answer = anyone.request(method, spelling + path)
                expect_error(answer, 405, "method_not_allowed")
                assert set(answer.headers["allow"].split(", ")) - {"HEAD", "OPTIONS"} == methods, path


@pytest.mark.parametrize(
    "path", ["/video", "/videos/a/b", "/v1/v1/videos", "/videos/upload/x", "/videos/groups/x/y", "/Videos"]
)
def test_what_is_no_route_is_not_found(anyone, path):
    """Beside those that are."""
    for method in ("GET", "POST", "DELETE"):
        expect_error(anyone.request(method, path), 404)


@pytest.mark.parametrize("header", ["X-Api-Key", "x-api-key", "X-API-KEY", "authorization", "AUTHORIZATION"])
def test_a_key_is_taken_from_either_header(idle, idle_key, header):
    """However it is written."""
    value = idle_key if header.lower() == "x-api-key" else f"bEARer {idle_key}"
    answer = exchange(idle, head("GET", VIDEOS, "Host: x", f"{header}: {value}", "Connection: close"))
    assert ids(answer) == []


def test_keys_of_one_account_see_the_same(idle):
    """And a `user_id` changes nothing."""
    tenant = "an account with two keys and videos"
    with idle.client(idle.new_key(tenant)) as first, idle.client(idle.new_key(tenant)) as second:
        (video_id,) = plant(first, user_id=unknown())
        group = new_group(first, "Docks")["group_id"]
        assert ids(second.post(LIST, json={"user_id": unknown()})) == [video_id]
        assert second.get(f"/videos/groups/{group}").status_code == 200
        assert deletion(second.delete(f"/videos/{video_id}")) == ([video_id], [])
        assert listed(first) == []


def test_another_accounts_videos_behave_like_unknown_ones(idle, idle_client, browser):
    """Left out, 404 or `not_found`, never 403; nothing of them changes."""
    with idle.client(idle.new_key()) as owner:
        group = new_group(owner, "secret", metadata={"a": "b"})
        (video_id,) = plant(owner, group_id=group["group_id"])
        before = video(owner, video_id)
        assert listed(idle_client) == []
        assert ids(idle_client.post(GET, json={"video_ids": [video_id]})) == []
        assert ids(idle_client.get(VIDEOS, params={"ids": video_id})) == []
        assert deletion(idle_client.post(DELETE, json={"video_ids": [video_id]})) == ([], [video_id])
        for method, path, body in (
            ("GET", "/videos/{}", None),
            ("DELETE", "/videos/{}", None),
            ("POST", REPROCESS, {"video_ids": ["{}"]}),
            ("POST", "/videos/groups/default/videos", {"video_ids": ["{}"]}),
        ):
            theirs, nobodys = (
                idle_client.request(method, path.format(each), json={"video_ids": [each]} if body else None)
                for each in (video_id, unknown())
            )
            assert expect_error(theirs, 404, "video_not_found") == expect_error(nobodys, 404, "video_not_found")
        for prefix in GROUPS:
            path = f"{prefix}/{group['group_id']}"
            for method, where, body in (
                ("GET", path, None),
                ("PATCH", path, {"name": "mine"}),
                ("DELETE", path, None),
                ("GET", f"{path}/videos", None),
                ("POST", f"{path}/videos", {"video_ids": [video_id]}),
            ):
                expect_error(idle_client.request(method, where, json=body), 404)
            assert idle_client.get(prefix).json() == {"results": []}
            new_group(idle_client, "secret")
            idle_client.delete(f"{prefix}/{idle_client.get(prefix).json()['results'][0]['group_id']}")
        after = video(owner, video_id)
        assert {**after, "url": 0} == {**before, "url": 0}
        assert owner.get(f"/videos/groups/{group['group_id']}").json() == group
        assert browser.get(after["url"]).content == demo()


def test_uploads_are_counted(budgeted):
    """Over the budget both spellings are 429 together, before the body is read, and keep nothing."""
    with budgeted.client(budgeted.new_key()) as client:
        for spelling in SPELLINGS:
            assert send(client, path=spelling + UPLOAD).status_code == 200
        for path in (UPLOAD, f"/v1{UPLOAD}", UPLOAD + "/"):
            answer = send(client, path=path)
            expect_error(answer, 429, "rate_limit_exceeded")
            assert int(answer.headers["retry-after"]) >= 1
        expect_error(client.post(UPLOAD, content=b"a", headers={"content-type": "text/csv"}), 429)
        assert len(listed(client)) == 2
        assert rates(client.get(VIDEOS)) == UNLIMITED


def test_searches_are_counted(budgeted):
    """All paths of the search together, and apart from uploads."""
    with budgeted.client(budgeted.new_key()) as client:
        paths = [spelling + path for path in SEARCHES for spelling in SPELLINGS]
        answers = [client.post(path, json={"query": "gate"}) for path in paths]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 429, 429]
        assert rates(answers[1])[:2] == ("2", "0")
        expect_error(answers[-1], 429, "rate_limit_exceeded")
        assert send(client).status_code == 200
