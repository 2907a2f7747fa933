"""What is read on the page of a link, at first and later: sections 3.1 and 5 of the Files API, points 30 and 31."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.contracts.file_links import (
    FILES,
    NOTHING_KNOWN,
    RECRAWLED,
    crawled,
    crawls,
    followed,
    link,
    listed,
    recrawl,
    save,
)
from tests.contracts.file_texts import ids, upload_status
from tests.contracts.photos import encoded, photo, png_claiming
from tests.contracts.shapes import expect, expect_error

ARTICLE = """
<nav><a href="/menu">Menu of the site</a></nav>
<article><h1>Tide gauge</h1>
<p>The northern gauge was rebuilt after the storm of 1953, and has been read by the harbour master ever since.</p>
<p>Its barnacles are scraped away each spring, when the water in the estuary is at its lowest.</p>
<p>Readings are kept in ledgers, which are open to everybody who asks for them in writing.</p>
<img src="gauge.png" alt="The gauge" width="640" height="480">
<img src="https://images.example.com/a.jpg?size=2">
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
<img src="javascript:alert(1)">
</article>
<script>document.title = "Scripted"; fetch("/from-script")</script>
"""
HEAD = """
<meta charset="utf-8"><title> North  gauge </title>
<meta property="og:title" content="Gauge of the North">
<meta property="og:description" content="Readings since 1953">
<meta property="og:image" content="/preview.png">
<meta property="og:site_name" content="Tides &amp; Currents">
<meta property="og:type" content="article">
<meta property="og:locale" content="de_DE">
<link rel="icon" href="/static/icon.png">
"""


def test_a_page_tells_everything(reader, site, browser):
    """Title, Open Graph, favicon, images and text are read, the preview becomes its pictures, and no script is run."""
    preview = encoded(Image.new("RGB", (1600, 900), (200, 40, 30)), "PNG")
    site.put("/preview.png", preview, content_type="image/png")
    address = site.page("/gauge/north", ARTICLE, HEAD)
    found = followed(reader, address, title="Mine", tags=["sea"])
    assert (found["page_title"], found["title"], found["tags"]) == ("North gauge", "Mine", ["sea"])
    assert found["og_metadata"] == {
        "title": "Gauge of the North",
        "description": "Readings since 1953",
        "image": f"{site.base}/preview.png",
        "image_url": f"{site.base}/preview.png",
        "site_name": "Tides & Currents",
        "type": "article",
        "locale": "de_DE",
    }
    assert found["favicon_url"] == f"{site.base}/static/icon.png"
    assert found["domain"] == site.host
    pictures = found["extracted_images"]["images"]
    assert {"url": f"{site.base}/gauge/gauge.png", "alt": "The gauge", "width": 640, "height": 480} in pictures
    other = next(one for one in pictures if one["url"] == "https://images.example.com/a.jpg?size=2")
    assert (other["width"], other["height"]) == (None, None)
    assert not [one for one in pictures if not one["url"].startswith("http")]
    assert crawls(found) == [("completed", None)]
    assert upload_status(reader, found["id"])["unified_status"] == "completed"
    assert site.asked("/from-script") == []
    assert (found["dimensions"], found["variant_status"], found["variant_count"]) == ({}, None, None)
    item = listed(reader, found["id"])
    for key, side in (("thumbnail_url", 256), ("medium_url", 750), ("full_url", 1024)):
        shown = browser.get(item[key])
        assert shown.headers["content-type"].startswith("image/")
        picture = Image.open(io.BytesIO(shown.content))
        assert max(picture.size) == side
        assert all(abs(a - b) < 40 for a, b in zip(picture.convert("RGB").getpixel((9, 9)), (200, 40, 30), strict=True))
    for name in ("tiny_64", "small_256", "medium_750", "large_1024"):
        assert reader.get(f"{FILES}/{found['id']}/variant/{name}").status_code == 302
    expect_error(reader.get(f"{FILES}/{found['id']}/variant/original"), 404, "NOT_FOUND")
    for words in ("north gauge", "readings 1953", "gauge of the north"):
        assert ids(reader, search=words, search_mode="metadata") == [found["id"]], words
    assert ids(reader, search="barnacles estuary") == [found["id"]]
    assert ids(reader, search="mine sea barnacles") == [found["id"]]
    for mode in ("metadata", "visible_text"):
        assert ids(reader, search="barnacles", search_mode=mode) == []
    assert ids(reader, search="scripted") == []


def test_a_bare_page_tells_little(shelf, site):
    """What a page does not say is null, and there are no images."""
    found = followed(shelf, site.page("/", "hello"))
    assert found["page_title"] is None
    assert found["og_metadata"] == NOTHING_KNOWN
    assert (found["extracted_images"], found["extracted_images_count"]) == ({"images": []}, 0)
    assert (found["thumbnail_url"], found["title"]) == (None, None)


def test_a_base_and_other_icons(shelf, site):
    """Relative addresses are resolved against the page's base, and icons are found by any of their names."""
    head = '<base href="/deep/er/"><link rel="shortcut icon" href="i.ico"><meta property="og:image" content="p.png">'
    found = followed(shelf, site.page("/base", '<img src="a.png"><p>text</p>', head))
    assert found["favicon_url"] == f"{site.base}/deep/er/i.ico"
    assert found["og_metadata"]["image"] == f"{site.base}/deep/er/p.png"
    assert [one["url"] for one in found["extracted_images"]["images"]] == [f"{site.base}/deep/er/a.png"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<title>Größe 港</title><p>x".encode(), "text/html; charset=utf-8"),
        ("<title>Größe 港</title><p>x".encode("utf-16"), "text/html"),
        ('<meta charset="gb18030"><title>Größe 港</title>'.encode("gb18030"), "text/html"),
        (
            '<meta http-equiv="content-type" content="text/html; charset=utf-8"><title>Größe 港</title>'.encode(),
            "text/html",
        ),
        ('<meta charset="iso-8859-1"><title>Größe 港</title>'.encode(), 'text/html; charset="UTF-8"'),
        ('<meta charset="nonsense"><title>Größe 港</title>'.encode(), "text/html"),
        ("<title>Größe 港</title>".encode("shift_jis", "xmlcharrefreplace"), "text/html; charset=Shift_JIS"),
        (
            '<?xml version="1.0" encoding="utf-8"?><html><title>Größe 港</title></html>'.encode(),
            "application/xhtml+xml",
        ),
    ],
    ids=["header", "bom", "meta", "http-equiv", "header wins", "unknown", "shift_jis", "xhtml"],
)
def test_a_page_is_read_in_its_charset(shelf, site, body, content_type):
    """By header, mark, or what the page says of itself."""
    assert followed(shelf, site.put("/page", body, content_type=content_type))["page_title"] == "Größe 港"


def test_hostile_markup_does_no_harm(shelf, site):
    """Endless values, thousands of elements and images, controls and wild sizes: the crawl ends, and lists are well-formed."""
    head = (
        f"<title>{'t' * 200_000}\ufffe&#0;&#xD800;&#x1F41F;</title>"
        f'<meta property="og:title" content="{"o" * 200_000}&#xD800;">'
        '<meta property="og:image" content="javascript:alert(1)"><link rel="icon" href="file:///etc/passwd">'
        '<base href="javascript:alert(1)//">'
    )
    body = "<div>" * 20_000 + "".join(f'<img src="/{number}.png" width="1e9" height="-5">' for number in range(3000))
    found = followed(shelf, site.page("/hostile", body + "\x01\x02 deep text", head))
    assert found["og_metadata"]["image"] is None
    assert found["favicon_url"] is None or found["favicon_url"].startswith("http")
    assert found["page_title"].startswith("ttt")
    assert len(shelf.get(f"{FILES}/{found['id']}").content) < 200_000
    assert found["extracted_images_count"] <= 1000


@pytest.mark.parametrize("preview", ["missing", "html", "bomb", "broken", "private"])
def test_a_preview_that_is_no_picture_is_no_picture(shelf, site, preview):
    """The crawl is completed all the same, without pictures."""
    address = {
        "missing": site.base + "/nothing.png",
        "html": site.page("/p.png"),
        "bomb": site.put("/bomb.png", png_claiming(50_000, 50_000), content_type="image/png"),
        "broken": site.put("/cut.jpg", photo(300, 300)[:400], content_type="image/jpeg"),
        "private": "http://10.0.0.1/p.png",
    }[preview]
    found = followed(shelf, site.page("/", "x", f'<title>T</title><meta property="og:image" content="{address}">'))
    assert found["page_title"] == "T"
    assert found["og_metadata"]["image"] == address
    assert found["thumbnail_url"] is None
    expect_error(shelf.get(f"{FILES}/{found['id']}/variant/small_256"), 404, "NOT_FOUND")


# ------------------------------------------------------------------------- recrawls


def test_a_recrawl_brings_what_is_new(reader, site):
    """Once by hand although it was crawled just now, and not again for an hour; words and pictures are those of the new page."""
    site.put("/a.png", photo(kind="PNG"), content_type="image/png")
    address = site.page(
        "/", "<p>limpets on the old wall</p>", '<title>Old</title><meta property="og:image" content="/a.png">'
    )
    first = followed(reader, address)
    assert first["page_title"] == "Old"
    assert first["thumbnail_url"]
    site.page("/", "<p>mussels on the new wall</p>", "<title>New</title>")
    assert expect(recrawl(reader, first["id"]), RECRAWLED)["link_id"] == first["id"]
    second = crawled(reader, first["id"])
    assert second["page_title"] == "New"
    assert second["crawled_at"] > first["crawled_at"]
    assert second["og_metadata"] == NOTHING_KNOWN
    assert second["thumbnail_url"] is None
    assert crawls(second) == [("completed", None)] * 2
    assert ids(reader, search="old") == []
    assert ids(reader, search="new", search_mode="metadata") == [first["id"]]
    refused = recrawl(reader, first["id"])
    expect_error(refused, 429, "RATE_LIMIT_ERROR")
    assert int(refused.headers["retry-after"]) <= 3600


def test_a_failed_recrawl_keeps_what_was_known(reader, site):
    """Only its state, its error and its time change."""
    site.put("/a.png", photo(kind="PNG"), content_type="image/png")
    head = '<title>Kept</title><meta property="og:image" content="/a.png"><link rel="icon" href="/i.png">'
    address = site.page("/", '<p>kelp and wrack</p><img src="b.png">', head)
    first = followed(reader, address)
    site.page("/", "x", status=500)
    assert recrawl(reader, first["id"]).status_code == 200
    second = crawled(reader, first["id"], "failed")
    assert "500" in second["crawl_error"]
    assert second["crawled_at"] > first["crawled_at"]
    for key in ("page_title", "og_metadata", "favicon_url", "extracted_images", "extracted_images_count"):
        assert second[key] == first[key]
    assert second["thumbnail_url"]
    assert ids(reader, search="kept kelp") == [first["id"]]
    assert [state for state, _ in crawls(second)] == ["completed", "failed"]


def test_a_link_saved_for_later_is_crawled_when_asked(reader, site):
    """`pending` until then; the first crawl by hand begins the hour, a crawl of itself does not."""
    address = site.page("/", "x", "<title>Later</title>")
    made = save(reader, address, auto_crawl=False)["id"]
    assert crawls(link(reader, made)) == []
    assert site.requests == []
    assert recrawl(reader, made).status_code == 200
    assert crawled(reader, made)["page_title"] == "Later"
    expect_error(recrawl(reader, made), 429, "RATE_LIMIT_ERROR")


def test_a_link_deleted_and_restored_is_what_it_was(reader, site):
    """What was found on its page comes back with it."""
    found = followed(reader, site.page("/", "<p>urchins</p>", "<title>Kept</title>"), title="Mine")
    assert reader.delete(f"{FILES}/{found['id']}").status_code == 200
    assert ids(reader, search="urchins") == []
    assert reader.post(f"{FILES}/{found['id']}/restore").status_code == 200
    again = link(reader, found["id"])
    ignored = {"updated_at"}
    assert {key: again[key] for key in again.keys() - ignored} == {key: found[key] for key in found.keys() - ignored}
    assert ids(reader, search="mine urchins kept") == [found["id"]]
    body = reader.patch(f"{FILES}/{found['id']}", json={"title": "Other"})
    assert body.status_code == 200
    assert ids(reader, search="other urchins kept") == [found["id"]]
