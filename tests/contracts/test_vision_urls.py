"""Images fetched from URLs: sections 1.8 and 3.2, and point 15 of the checklist."""

from __future__ import annotations

import json

import pytest

from tests.contracts.conftest import VISION_FILE_BYTES
from tests.contracts.photos import jpeg_of_size, photo, plain
from tests.contracts.vision import ENCODINGS, UPLOAD, call, entry, listed, part, send, upload
from tests.contracts.vision_shapes import expect_error, results


def _fetch(client, *urls, encoding="json", **metadata):
    return call(client, UPLOAD, {"metadata": {"image_urls": list(urls), **metadata}}, encoding)


def _expect_bad_url(answer, status, code, url, k=0, index=None):
    error = expect_error(answer, status, code, f"metadata.image_urls[{k}]")
    assert error["details"] == {"index": k if index is None else index, "name": url}
    return error


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_urls_alone_work_in_every_encoding(strict_client, sources, encoding):
    """Without any file; the bytes are kept as they were served."""
    data = [photo(), photo(kind="PNG")]
    urls = [sources.publish(each, Content_Type="text/plain") for each in data]
    requests = [entry(n=0), entry(n=1)]
    images = results(_fetch(strict_client, *urls, encoding=encoding, requests=requests))
    assert [each["image_metadata"] for each in images] == [{"n": 0}, {"n": 1}]
    assert [strict_client.get(each["image_url"]).content for each in images] == data
    assert listed(strict_client) == [each["image_id"] for each in images[::-1]]


def test_files_come_before_urls(strict_client, sources):
    """In result order and in `requests`, wherever the metadata stands in the body."""
    data = [photo() for _ in range(4)]
    urls = [sources.publish(each) for each in data[2:]]
    metadata = json.dumps({"image_urls": urls, "requests": [entry(n=n) for n in range(4)]})
    files = [part("images", each, "a.jpg") for each in data[:2]]
    for parts in ([part("metadata", metadata), *files], [*files, part("metadata", metadata)]):
        images = results(send(strict_client, *parts))
        assert [each["image_metadata"]["n"] for each in images] == [0, 1, 2, 3]
        assert [strict_client.get(each["image_url"]).content for each in images] == data


def test_one_url_is_a_list_of_one(strict_client, sources):
    """A plain string, JSON text, and a comma in it, which separates nothing."""
    url = sources.publish(photo(), name="a,b.jpg")
    for value in (url, json.dumps([url]), [url]):
        assert len(results(call(strict_client, UPLOAD, {"metadata": {"image_urls": value}}))) == 1
    body = {"metadata": json.dumps({"image_urls": url})}
    assert len(results(strict_client.post(UPLOAD, data=body))) == 1


def test_an_equal_url_is_another_image(strict_client, sources):
    """Named twice, it is there twice."""
    url = sources.publish(photo())
    images = results(_fetch(strict_client, url, url))
    assert images[0]["image_id"] != images[1]["image_id"]


def test_counts_include_urls(strict_client, sources):
    """`requests` belongs to files and URLs together; a mismatch is told before anything is fetched."""
    url = sources.publish(photo())
    for requests in ([], [entry()], [entry()] * 3):
        answer = upload(strict_client, photo(), metadata={"image_urls": [url], "requests": requests})
        expect_error(answer, 400, "invalid_parameter", "metadata.requests")
    assert sources.asked(url) == []
    assert listed(strict_client) == []


def test_nothing_of_the_caller_is_forwarded(strict_client, sources):
    """No key, cookie or header of the request reaches the source."""
    url = sources.publish(photo())
    secret = {"Cookie": "session=secret", "X-Custom": "secret", "Referer": "http://secret/", "X-Request-ID": "secret-1"}
    body = {"metadata": {"image_urls": [url]}}
    assert len(results(strict_client.post(UPLOAD, json=body, headers=secret))) == 1
    (headers,) = sources.asked(url)
    assert "secret" not in json.dumps(headers)
    assert not headers.keys() & {"cookie", "authorization", "x-api-key", "referer", "x-custom", "x-request-id"}


def test_cookies_are_not_kept(strict_client, sources):
    """What one answer sets is not sent with the next request."""
    first = sources.publish(photo(), Set_Cookie="a=secret; Path=/")
    second = sources.publish(photo())
    assert len(results(_fetch(strict_client, first, second))) == 2
    assert len(results(_fetch(strict_client, second))) == 1
    assert not any("cookie" in headers for headers in sources.asked(second))


# ------------------------------------------------------------------------------ what is refused


FORBIDDEN = [
    "http://127.0.0.1/a.jpg", "http://127.1/a.jpg", "http://2130706433/a.jpg", "http://0x7f000001/a.jpg", "http://017700000001/a.jpg",
    "http://localhost/a.jpg", "http://LOCALHOST./a.jpg", "http://[::1]/a.jpg", "http://[::]/a.jpg", "http://0.0.0.0/a.jpg",
    "http://10.0.0.1/a.jpg", "http://172.16.0.1/a.jpg", "http://172.31.255.255/a.jpg", "http://192.168.1.1/a.jpg",
    "http://169.254.169.254/latest/meta-data", "http://100.64.0.1/a.jpg", "http://224.0.0.1/a.jpg", "http://240.0.0.1/a.jpg",
    "http://255.255.255.255/a.jpg", "http://[fe80::1]/a.jpg", "http://[fc00::1]/a.jpg", "http://[fd12::1]/a.jpg",
    "http://[ff02::1]/a.jpg", "http://[::ffff:127.0.0.1]/a.jpg", "http://[::ffff:10.0.0.1]/a.jpg", "http://[::127.0.0.1]/a.jpg",
    "http://[64:ff9b::7f00:1]/a.jpg", "http://[2002:7f00:1::]/a.jpg",
    "file:///etc/passwd", "ftp://93.184.216.34/a.jpg", "gopher://93.184.216.34/", "data:image/png;base64,AAAA", "javascript:1",
    "//93.184.216.34/a.jpg", "/etc/passwd", "a.jpg", "http://", "http:///a.jpg", "https://user:word@93.184.216.34/a.jpg",
    "http://user@93.184.216.34/a.jpg", "http://93.184.216.34:99999/", "http://a b/", "http://127.0.0.1\\@93.184.216.34/",
    "http://127.0.0.1%2f@93.184.216.34/", "http://127.0.0.1\r\nX: y/",
]  # fmt: skip


@pytest.mark.parametrize("url", FORBIDDEN)
def test_what_is_not_public_is_not_fetched(idle_client, url):
    """Loopback, private and reserved addresses in every form, other schemes, credentials, no host: 400, nothing is kept."""
    answer = upload(idle_client, photo(), metadata={"image_urls": [url], "requests": [entry(), entry()]})
    _expect_bad_url(answer, 400, "url_not_allowed", url, index=1)
    assert listed(idle_client) == []


def test_what_is_allowed_is_no_more_than_that(strict_client, sources):
    """A server that may fetch from 127.0.0.1 may still not fetch from its neighbours."""
    assert len(results(_fetch(strict_client, sources.publish(photo())))) == 1
    for url in ("http://127.0.0.2/a.jpg", "http://[::1]/a.jpg", "http://10.0.0.1/a.jpg"):
        _expect_bad_url(_fetch(strict_client, url), 400, "url_not_allowed", url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target",
    ["http://10.0.0.1/a.jpg", "http://[::1]/", "file:///etc/passwd", "http://user:x@127.0.0.1/", "ftp://127.0.0.1/"],
)
def test_a_redirect_is_checked_again(strict_client, sources, status, target):
    """To a private address, to another scheme, with credentials: nothing is kept."""
    url = sources.moved(target, status)
    error = _expect_bad_url(_fetch(strict_client, url), 400, "url_not_allowed", url)
    assert "10.0.0.1" not in error["message"]
    assert listed(strict_client) == []


def test_five_redirects_are_followed(strict_client, sources):
    """And not a sixth; relative ones too."""
    url = sources.publish(data := photo())
    for _ in range(5):
        url = sources.moved(url.removeprefix(sources.base))
    (image,) = results(_fetch(strict_client, url))
    assert strict_client.get(image["image_url"]).content == data
    url = sources.moved(url)
    _expect_bad_url(_fetch(strict_client, url), 400, "download_failed", url)


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410, 429, 500, 503])
def test_what_cannot_be_fetched_is_a_failed_download(strict_client, sources, status):
    """Any status but 200, without resolved addresses in the message."""
    url = sources.publish(b"" if status == 204 else photo(), status)
    error = _expect_bad_url(_fetch(strict_client, url), 400, "download_failed", url)
    assert "127.0.0.1" not in error["message"].replace(url, "")


def test_a_port_where_nobody_listens_is_a_failed_download(strict_client, sources):
    """So is a name that does not exist, and a body shorter than it said."""
    short = sources.publish(photo(), short=10)
    for url in ("http://127.0.0.1:9/a.jpg", "http://no-such-host.invalid/a.jpg", short):
        _expect_bad_url(_fetch(strict_client, url), 400, "download_failed", url)


def test_what_is_fetched_is_checked_as_a_file_is(strict_client, sources):
    """No image: 415. Empty, cut, too many pixels: 400. Too big: 413. Each names the URL."""
    cases = [
        (b"just text", 415, "unsupported_media_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_media_type"),
        (b"", 400, "empty_file"),
        (photo()[:-300], 400, "corrupt_file"),
        (plain(400, 400), 400, "invalid_parameter"),
        (jpeg_of_size(VISION_FILE_BYTES + 1), 413, "payload_too_large"),
    ]
    for data, status, code in cases:
        url = sources.publish(data)
        _expect_bad_url(_fetch(strict_client, sources.publish(photo()), url), status, code, url, 1)
    assert len(results(_fetch(strict_client, sources.publish(jpeg_of_size(VISION_FILE_BYTES))))) == 1
    assert len(listed(strict_client)) == 1


def test_the_first_bad_one_is_reported_over_files_and_urls(strict_client, sources):
    """The index counts in result order, the param in the list of URLs; a bad file comes before every URL."""
    good, gone, text = sources.publish(photo()), sources.publish(status=404), sources.publish(b"text")
    answer = upload(strict_client, photo(), metadata={"image_urls": [good, gone, text]})
    _expect_bad_url(answer, 400, "download_failed", gone, 1, index=2)
    answer = upload(strict_client, photo(), metadata={"image_urls": [good, text, gone]})
    _expect_bad_url(answer, 415, "unsupported_media_type", text, 1, index=2)
    answer = upload(strict_client, photo(), ("b.txt", b"text"), metadata={"image_urls": [gone, good]})
    assert expect_error(answer, 415, param="images[1]")["details"] == {"index": 1, "name": "b.txt"}
    assert listed(strict_client) == []


@pytest.mark.parametrize("value", [5, True, {}, {"url": "x"}, [5], [None], [[]], [{}], ["http://93.184.216.34/", 5]])
def test_urls_that_are_no_strings_are_refused(strict_client, value):
    """400 that names the place."""
    error = expect_error(call(strict_client, UPLOAD, {"metadata": {"image_urls": value}}), 400)
    assert error["param"].startswith("metadata.image_urls")


def test_a_url_becomes_a_file_name(strict_client, sources):
    """The library knows what it fetched by the last segment of its path."""
    (image,) = results(_fetch(strict_client, sources.publish(photo(), name="yard%20gate.jpg")))
    name = strict_client.get(f"/api/v2/user-files/{image['image_id']}").json()["original_filename"]
    assert name in {"yard gate.jpg", "yard%20gate.jpg"}
