"""Signed links to images: section 1.6, and point 16 of the checklist."""

from __future__ import annotations

import os
import time
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from tests.contracts.photos import photo
from tests.contracts.vision import DELETE, UPLOAD, exchange, head, image, plant, unknown, upload
from tests.contracts.vision_shapes import expect_error, is_new_id, one, results
from tests.running import PATIENCE, wait_for


@pytest.fixture(scope="module")
def shown(idle):
    """A client, an image of it, and its bytes."""
    data = photo(kind="PNG")
    with idle.client(idle.new_key()) as client:
        yield client, results(upload(client, ("a b.png", data)))[0], data


def test_a_link_gives_the_bytes_without_a_key(shown, browser):
    """Unchanged, under their own type, and never to be guessed at."""
    _, sent, data = shown
    answer = browser.get(sent["image_url"])
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert is_new_id(answer.headers["x-request-id"])


def test_a_link_minds_no_credential(shown, browser):
    """Neither a wrong key nor another account's."""
    _, sent, data = shown
    for headers in ({"X-Api-Key": "wrong"}, {"Authorization": "Bearer wrong"}):
        assert browser.get(sent["image_url"], headers=headers).content == data


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=5-", 5, None),
        ("bytes=-7", -7, None),
        ("bytes=0-0", 0, 1),
        ("bytes=10-999999", 10, None),
    ],
)
def test_a_link_serves_ranges(shown, browser, wanted, start, end):
    """206 with the part asked for, and where it lies."""
    _, sent, data = shown
    answer = browser.get(sent["image_url"], headers={"Range": wanted})
    part = data[start:end]
    first = start % len(data) if start < 0 else start
    assert (answer.status_code, answer.content) == (206, part)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(part) - 1}/{len(data)}"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("wanted", ["bytes=999999-", "bytes=1000000-1000001", "bytes=-0"])
def test_a_range_outside_is_refused(shown, browser, wanted):
    """416 in the one error body, naming the size."""
    _, sent, data = shown
    answer = browser.get(sent["image_url"], headers={"Range": wanted})
    expect_error(answer, 416, "invalid_range")
    assert answer.headers["content-range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize("wanted", ["bytes=x", "chunks=0-1", "bytes=5-1", "", "bytes"])
def test_a_range_that_means_nothing_is_ignored(shown, browser, wanted):
    """The whole picture is sent."""
    _, sent, data = shown
    answer = browser.get(sent["image_url"], headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (200, data)


def _with(link, **changes):
    """A link with other values in its query; None removes one."""
    parts = urlsplit(link)
    query = dict(parse_qsl(parts.query)) | changes
    kept = {name: value for name, value in query.items() if value is not None}
    return parts._replace(query=urlencode(kept)).geturl()


def test_an_altered_link_is_invalid(shown, browser):
    """Every part of it is signed; each answer is 403 and one error body."""
    client, sent, data = shown
    link = sent["image_url"]
    (other,) = plant(client)
    names = [name for name, _ in parse_qsl(urlsplit(link).query)]
    altered = [link.replace(sent["image_id"], other), link.replace(sent["image_id"], unknown()), link.partition("?")[0]]
    for name in names:
        value = dict(parse_qsl(urlsplit(link).query))[name]
        changed = ("1" if value[0] != "1" else "2") + value[1:]
        altered += [_with(link, **{name: new}) for new in (None, "", changed, value + "0", "\U0001f600", "x" * 5000)]
    for each in altered:
        assert each != link
        expect_error(browser.get(each), 403)
    assert browser.get(link).content == data


def test_a_link_of_one_image_does_not_open_another(idle, browser):
    """Neither of the same account nor of another one."""
    with idle.client(idle.new_key()) as first, idle.client(idle.new_key()) as second:
        (mine,), (theirs,) = plant(first), plant(second)
        query = urlsplit(image(first, mine)["image_url"]).query
        there = urlsplit(image(second, theirs)["image_url"])
        expect_error(browser.get(there._replace(query=query).geturl()), 403, "url_invalid")


def test_a_link_lives_for_an_hour(shown):
    """And not for longer, if it says when it ends."""
    client, sent, _ = shown
    before = int(time.time())
    query = dict(parse_qsl(urlsplit(image(client, sent["image_id"])["image_url"]).query))
    if "exp" in query:
        assert before + 3600 <= int(query["exp"]) <= time.time() + 3601


def test_a_link_expires(budgeted, browser):
    """After its lifetime it is 403 `url_expired`; a fresh one works."""
    with budgeted.client(budgeted.new_key()) as client:
        (sent,) = results(upload(client, photo()))
        answer = wait_for(lambda: _refusal(browser, sent["image_url"]), "the link did not expire")
        expect_error(answer, 403, "url_expired")
        expect_error(browser.get(_with(sent["image_url"], exp="99999999999")), 403, "url_invalid")

        def fresh():
            return browser.get(image(client, sent["image_id"])["image_url"]).status_code == 200

        assert wait_for(fresh, "no fresh link worked")


def _refusal(browser, link):
    answer = browser.get(link)
    return answer if answer.status_code != 200 else None


def test_a_deleted_images_link_is_404(idle_client, browser):
    """All links of it that were ever made, also after it was in somebody's cache."""
    (known,) = plant(idle_client)
    links = [image(idle_client, known)["image_url"] for _ in range(2)]
    tag = browser.get(links[0]).headers.get("etag", '"none"')
    idle_client.post(DELETE, json={"image_ids": [known]})
    for link in links:
        expect_error(browser.get(link), 404, "image_not_found")
        expect_error(browser.get(link, headers={"Range": "bytes=0-1"}), 404)
        expect_error(browser.get(link, headers={"If-None-Match": tag}), 404)


def test_caches_must_ask_again(shown, browser):
    """A deleted image must not live on in a cache."""
    _, sent, _ = shown
    control = browser.get(sent["image_url"]).headers.get("cache-control", "no-cache")
    assert "no-cache" in control or "no-store" in control
    assert "public" not in control


def test_an_altered_link_of_a_deleted_image_tells_nothing(idle_client, browser):
    """403 comes before 404."""
    (known,) = plant(idle_client)
    link = image(idle_client, known)["image_url"]
    idle_client.delete(f"/images/{known}")
    expect_error(browser.get(_with(link, sig="x")), 403)


def test_links_name_the_host_of_the_request(idle, idle_key, browser):
    """As the client called it, by name or by number."""
    port = urlsplit(idle.url).port
    for host in (f"localhost:{port}", f"127.0.0.1:{port}"):
        with httpx.Client(base_url=f"http://{host}", headers={"X-Api-Key": idle_key}, timeout=PATIENCE) as client:
            (sent,) = results(upload(client, photo()))
            assert sent["image_url"].startswith(f"http://{host}/")
            assert browser.get(sent["image_url"]).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example/x?y=",
        "a b",
        "user@evil.example",
        '"><script>',
        "x\\y",
        "",
        "[::1",
        "evil.example:99999999",
        "\xe9",
    ],
)
def test_a_strange_host_never_enters_a_link(idle, idle_key, shown, host):
    """It is refused, or the link is a plain address all the same."""
    lines = [f"Host: {host}", f"X-Api-Key: {idle_key}", "Connection: close"]
    sent = httpx.post(f"{idle.url}{UPLOAD}", headers={"X-Api-Key": idle_key}, files={"images": ("a.jpg", photo())})
    answer = exchange(idle, head("GET", f"/images/{results(sent)[0]['image_id']}", *lines))
    if answer.status_code != 200:
        assert answer.status_code == 400
        return
    link = one(answer)["image_url"]
    parts = urlsplit(link)
    assert parts.path.startswith("/media/")
    assert not set(link) & set(' "<>\\@')


def test_an_svg_of_the_library_cannot_run_here(idle_client, browser):
    """The Files API takes it, so it is an image here too; its link never lets a browser run what is in it."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><script>alert(1)</script></svg>'
    answer = idle_client.post(
        "/api/v2/user-files/upload/stream", files={"file": ("a.svg", svg)}, data={"auto_describe": "false"}
    )
    assert answer.status_code == 200
    served = browser.get(image(idle_client, answer.json()["image_id"])["image_url"])
    assert served.content == svg
    assert served.headers["x-content-type-options"] == "nosniff"
    policy = served.headers.get("content-security-policy", "")
    assert "sandbox" in policy or served.headers.get("content-disposition", "").startswith("attachment")


def test_a_link_of_the_other_api_opens_nothing_here(idle_client, browser):
    """Signatures are good for one purpose."""
    (known,) = plant(idle_client)
    other = urlsplit(idle_client.get(f"/api/v2/user-files/{known}").json()["original_url"])
    mine = urlsplit(image(idle_client, known)["image_url"])
    expect_error(browser.get(mine._replace(query=other.query).geturl()), 403)
    assert browser.get(other._replace(query=mine.query).geturl()).status_code in {403, 404}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_link_is_for_reading_only(shown, browser, method):
    """Other methods are 405."""
    _, sent, _ = shown
    expect_error(browser.request(method, sent["image_url"], content=os.urandom(10)), 405, "method_not_allowed")
