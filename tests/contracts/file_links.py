"""Web links through the Files API: what is sent, and what answers look like by sections 3 and 5."""

from __future__ import annotations

from tests.contracts.file_texts import NEVER, steps
from tests.contracts.shapes import (
    DETAIL,
    ITEM,
    boolean,
    count,
    each,
    expect,
    integer,
    null,
    nullable,
    one_of,
    shaped,
    text,
    timestamp,
    url,
    uuid,
)
from tests.running import wait_for

FILES = "/api/v2/user-files"
LINKS = f"{FILES}/links"
CRAWL_STATUS = one_of("pending", "queued", "processing", "completed", "failed")
OPEN = {"queued", "processing"}
NOWHERE = "http://192.0.2.1/"  # reserved for documentation: nobody ever answers, and nobody is asked

SAVED = {
    "id": uuid,
    "source_url": text,
    "title": nullable(text),
    "domain": text,
    "crawl_status": one_of("queued", "pending"),
    "is_duplicate": boolean,
    "created_at": timestamp,
}
RECRAWLED = {"status": one_of("queued"), "link_id": uuid}
NOTHING_KNOWN = dict.fromkeys(("title", "description", "image", "image_url", "site_name", "type", "locale"))


def open_graph(value):
    """Seven keys, each a string or null, of which `image` and `image_url` are the same absolute URL."""
    return (
        isinstance(value, dict)
        and value.keys() == NOTHING_KNOWN.keys()
        and all(one is None or text(one) for one in value.values())
        and value["image"] == value["image_url"]
        and (value["image"] is None or url(value["image"]))
    )


def images(value):
    """An object with an array of the images of a page, never the bare array."""
    shape = {"url": url, "alt": nullable(text), "width": nullable(integer), "height": nullable(integer)}
    return isinstance(value, dict) and value.keys() == {"images"} and each(shaped(shape))(value["images"])


KEYS = {
    "source_url": text,
    "domain": text,
    "og_metadata": nullable(open_graph),
    "favicon_url": nullable(url),
    "crawl_status": CRAWL_STATUS,
    "crawl_error": nullable(text),
    "crawled_at": nullable(timestamp),
    "page_title": nullable(text),
    "extracted_images": nullable(images),
    "extracted_images_count": count,
}
FIXED = {
    **NEVER,
    "size_bytes": one_of(0),
    "format": one_of("html"),
    "content_type": one_of("text/html"),
    "media_type": one_of("link"),
    "upload_description": null,
    "visible_text": null,
}
LINK_ITEM = {**ITEM, **FIXED, "filename": null, "has_full_description": one_of(False), **KEYS}
LINK_DETAIL = {
    **DETAIL,
    **FIXED,
    "object_key": one_of(""),
    "original_url": null,
    "original_filename": null,
    "hash": one_of(""),
    "upload_method": one_of("LINK"),
    "full_descriptions": one_of([]),
    **KEYS,
}
LINK_LIST = {"files": each(shaped(LINK_ITEM)), "total_count": count, "has_more": boolean}


def save(client, address, **body):
    """Save a link that is taken; returns the answer."""
    made = expect(client.post(LINKS, json={"url": address, **body}), SAVED, 201)
    assert made["source_url"] == address.strip()
    assert made["crawl_status"] == ("queued" if body.get("auto_crawl", True) else "pending")
    return made


def recrawl(client, link_id):
    """Ask for a crawl."""
    return client.post(f"{FILES}/{link_id}/recrawl")


def link(client, link_id):
    """The detail of a link, coherent, and the same as its item in the list where they share keys."""
    found = expect(client.get(f"{FILES}/{link_id}"), LINK_DETAIL)
    pictures = found["extracted_images"]
    assert found["extracted_images_count"] == len(pictures["images"] if pictures else [])
    if found["crawl_status"] == "failed":
        assert found["crawl_error"]
        assert found["crawled_at"]
    if found["crawl_status"] == "completed":
        assert found["crawl_error"] is None
        assert found["crawled_at"]
        assert found["og_metadata"] is not None
        assert pictures is not None
    return found


def listed(client, link_id, **query):
    """The item of a link in the list, in its shape."""
    (item,) = expect(client.get(FILES, params={"ids": link_id, **query}), LINK_LIST)["files"]
    return item


def crawled(client, link_id, status="completed"):
    """The detail of a link once its crawl is over."""

    def over():
        found = link(client, link_id)
        return None if found["crawl_status"] in OPEN else found

    found = wait_for(over, f"{link_id} was not crawled")
    assert found["crawl_status"] == status, found["crawl_error"]
    item = listed(client, link_id)
    assert {key: item[key] for key in KEYS} == {key: found[key] for key in KEYS}
    return found


def followed(client, address, status="completed", **body):
    """Save a link and wait until it is crawled; returns its detail."""
    return crawled(client, save(client, address, **body)["id"], status)


def crawls(found):
    """(status, error) of each crawl in a link's history."""
    return steps(found, "crawl")
