"""Signed links and downloads: sections 1.7 and 3.4, point 23 of the checklist."""

from __future__ import annotations

import re
import time
from urllib.parse import unquote

import pytest

from tests.contracts import planting
from tests.contracts.photos import photo
from tests.contracts.shapes import INITIATE, expect, expect_error
from tests.running import upload

FILES = "/api/v2/user-files"


def _download(client, file_id):
    answer = client.get(f"{FILES}/{file_id}/download")
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


@pytest.fixture(scope="module")
def stored(server):
    """The bytes of a file and its download link."""
    data = photo(100, 80)
    with server.client(server.new_key()) as client:
        made = upload(client, data, "pier.jpg", auto_describe="false")
        return data, _download(client, made["image_id"])


def test_a_download_is_the_original(stored, browser):
    """The link needs no credential, gives the very bytes, and says what a browser may do with them."""
    data, link = stored
    answer = browser.get(link)
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == str(len(data))
    assert answer.headers["content-disposition"] == 'attachment; filename="pier.jpg"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["accept-ranges"] == "bytes"
    assert re.fullmatch(r'(W/)?"[^"]+"', answer.headers["etag"])


def test_a_credential_on_a_signed_link_changes_nothing(stored, browser):
    """A client that sends its key everywhere, or a wrong one, gets the same answer."""
    data, link = stored
    assert browser.get(link, headers={"Authorization": "Bearer nonsense"}).content == data


def test_head_answers_like_get(stored, browser):
    """HEAD has the headers of GET and no body."""
    _, link = stored
    head, get = browser.head(link), browser.get(link)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "etag", "content-disposition", "x-content-type-options"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=10-19", 10, 20),
        ("bytes=10-", 10, None),
        ("bytes=-10", -10, None),
        ("bytes=0-", 0, None),
        ("bytes=5-999999999", 5, None),
        ("bytes=5-99999999999999999999999999", 5, None),
        ("bytes=-999999999", 0, None),
        ("bytes=-99999999999999999999999999", 0, None),
    ],
)
def test_ranges(stored, browser, header, start, end):
    """One range of bytes is answered 206 with exactly those bytes and where they lie."""
    data, link = stored
    answer = browser.get(link, headers={"Range": header})
    part = data[start:end]
    first = data.index(part) if start >= 0 else len(data) + start
    assert (answer.status_code, answer.content) == (206, part)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(part) - 1}/{len(data)}"
    assert answer.headers["content-length"] == str(len(part))
    assert answer.headers["etag"] == browser.head(link).headers["etag"]


@pytest.mark.parametrize(
    "header", ["bytes={size}-", "bytes={size}-{size}", "bytes=99999999999999999999999-", "bytes=-0"]
)
def test_a_range_behind_the_end_is_416(stored, browser, header):
    """A range that begins behind the end is unsatisfiable, and the answer tells the size."""
    data, link = stored
    answer = browser.get(link, headers={"Range": header.format(size=len(data))})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize(
    "header", ["bytes=9-5", "bytes=", "bytes=-", "lines=0-5", "bytes=a-b", "0-5", "bytes=0-1-2", "x"]
)
def test_a_range_without_meaning_is_ignored(stored, browser, header):
    """What is no valid range of bytes gets the whole object."""
    data, link = stored
    answer = browser.get(link, headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, data)


def test_unchanged_objects_need_not_be_sent_again(stored, browser):
    """If-None-Match with the known ETag is answered 304 without a body; another one gets the object."""
    data, link = stored
    etag = browser.head(link).headers["etag"]
    for header in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = browser.get(link, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content) == (304, b""), header
        assert answer.headers["etag"] == etag
    assert browser.get(link, headers={"If-None-Match": '"other"'}).content == data


def test_a_range_of_another_version_is_not_mixed(stored, browser):
    """If-Range sends the range when the client's part is of this version, else the whole object."""
    data, link = stored
    etag = browser.head(link).headers["etag"]
    assert browser.get(link, headers={"Range": "bytes=0-3", "If-Range": etag}).content == data[:4]
    assert browser.get(link, headers={"Range": "bytes=0-3", "If-Range": '"other"'}).content == data


@pytest.mark.parametrize("part", ["exp", "type", "name", "sig"])
def test_a_tampered_link_is_404(stored, browser, part):
    """A link of which one character of any parameter was changed, or which lost a parameter, leads nowhere."""
    _, link = stored
    found = re.search(rf"[?&]{part}=([^&]*)", link)
    assert found
    value = found[1]
    changed = ("1" if value[0] != "1" else "2") + value[1:]
    for address in (
        link.replace(f"{part}={value}", f"{part}={changed}"),
        link.replace(f"{part}={value}", f"{part}="),
        link.replace(f"{part}={value}", ""),
    ):
        expect_error(browser.get(address), 404, "NOT_FOUND")


def test_an_expired_link_is_404(server, client, browser):
    """A link with a good signature leads nowhere once its time is over."""
    made = upload(client, photo(), auto_describe="false")
    link = planting.expired_link(server, made["object_key"], "image/jpeg")
    assert link.partition("?")[0] == _download(client, made["image_id"]).partition("?")[0]
    expect_error(browser.get(link), 404, "NOT_FOUND")


def test_links_live_an_hour(stored):
    """A link is good for at least an hour, and for little more."""
    _, link = stored
    lifetime = int(re.search(r"[?&]exp=(\d+)", link)[1]) - time.time()
    assert 3600 - 60 < lifetime < 3600 + 600


def test_the_path_is_signed_too(server, stored, browser):
    """One file's signature opens no other file, and no path out of the store."""
    _, link = stored
    with server.client(server.new_key()) as client:
        made = upload(client, photo(), "pier.jpg", auto_describe="false")
        other = _download(client, made["image_id"])
    mine, _, query = link.partition("?")
    theirs, _, _ = other.partition("?")
    assert mine != theirs
    base = mine[: mine.index("/_o/") + 4]
    for path in (
        theirs,
        f"{base}..%2f..%2fetc%2fpasswd",
        f"{base}%2e%2e/%2e%2e/etc/passwd",
        base,
        f"{base}%00",
        f"{base}a//b",
    ):
        expect_error(browser.get(f"{path}?{query}"), 404, "NOT_FOUND")
    expect_error(browser.get(mine), 404, "NOT_FOUND")


def test_a_signed_link_cannot_be_written_to(stored, browser):
    """Only GET and HEAD work on a link; nothing can be put or deleted through it."""
    data, link = stored
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        assert browser.request(method, link, content=b"x").status_code in {404, 405}
    assert browser.get(link).content == data


NAMES = [
    "pier.jpg",
    "Brücke.jpg",
    "東京タワー.jpg",
    "🙂.jpg",
    'a "quoted" name.jpg',
    "semi;colon, comma=equals.jpg",
    "100%25.jpg",
    "it's.jpg",
    "\u202egpj.exe",
    "a\u2028b.jpg",
    "é" * 255,
    "name*=UTF-8''x.jpg",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_comes_back(client, browser, name):
    """The header is plain ASCII whatever the name; the fallback is a quoted string, and the exact name can be read from it.

    But for what turns the writing or breaks the line, which the detail alone has.
    """
    form = {"filename": name, "content_type": "image/jpeg", "size_bytes": "1", "auto_describe": "false"}
    made = expect(client.post(f"{FILES}/upload/initiate", data=form), INITIATE)
    data = photo()
    browser.put(made["upload_url"], content=data)
    body = {"object_key": made["object_key"], "size_bytes": len(data), "image_id": made["image_id"]}
    assert client.post(f"{FILES}/upload/confirm", json=body).status_code == 200
    answer = browser.get(_download(client, made["image_id"]))
    header = answer.headers["content-disposition"]
    assert answer.content == data
    assert header.isascii()
    parsed = re.fullmatch(
        r'attachment; filename="((?:[^"\\]|\\.)*)"(?:; filename\*=UTF-8\'\'([A-Za-z0-9%._~!#$&+^`|-]+))?', header
    )
    assert parsed, header
    exact = unquote(parsed[2], errors="strict") if parsed[2] else re.sub(r"\\(.)", r"\1", parsed[1])
    stored = client.get(f"{FILES}/{made['image_id']}").json()["original_filename"]
    assert stored == name
    assert exact == name.translate(dict.fromkeys([0x202E, 0x2028]))


def test_a_link_already_handed_out_may_go_on_working(client, browser):
    """After a delete no new link is given; an old one either works or is 404, and never a fault."""
    data = photo()
    made = upload(client, data, auto_describe="false")
    link = _download(client, made["image_id"])
    client.delete(f"{FILES}/{made['image_id']}")
    expect_error(client.get(f"{FILES}/{made['image_id']}/download"), 404, "NOT_FOUND")
    assert browser.get(link).status_code in {200, 404}
