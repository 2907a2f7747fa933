"""The vendor's own example requests, with real ids: point 5 of the checklist. Each answer has every key the examples show."""

from __future__ import annotations

import pytest

from tests.contracts import papers
from tests.contracts.photos import exif, photo
from tests.running import upload, wait_until_processed

FILES = "/api/v2/user-files"

INITIATE_KEYS = {
    "upload_url", "upload_method", "upload_fields", "upload_headers", "object_key", "image_id", "expires_at",
    "max_size_bytes", "thumbnail_url", "variant_urls",
}  # fmt: skip
CONFIRM_KEYS = {"image_id", "description_status", "title", "tags"}
STREAM_KEYS = {
    "image_id", "object_key", "upload_method", "status", "processing_time_ms", "s3_upload_completed", "variants_queued",
    "description_queued", "skipped", "skipped_existing_image_id", "storage_target", "media_type", "document_type",
    "text_extraction_status",
}  # fmt: skip
LIST_KEYS = {
    "id", "title", "filename", "thumbnail_url", "upload_description", "visible_text", "tags", "size_bytes", "created_at",
    "content_created_at", "has_full_description", "dimensions", "format", "variant_status", "variant_count", "medium_url",
    "full_url", "blur_hash", "description_status", "description_error", "confidence_score", "content_type", "media_type",
    "video_metadata", "video_analysis_status", "document_type", "source_url",
}  # fmt: skip
DETAIL_KEYS = {
    "id", "object_key", "title", "tags", "size_bytes", "content_type", "dimensions", "format", "full_url", "thumbnail_url",
    "medium_url", "original_url", "variant_status", "variant_count", "upload_description", "visible_text",
    "description_generated_at", "full_descriptions", "created_at", "updated_at", "content_created_at", "upload_method",
    "original_filename", "hash", "processing_history", "blur_hash", "description_status", "media_type",
}  # fmt: skip
DESCRIPTION_KEYS = {
    "id", "description", "visible_text", "confidence_score", "providers_used", "verification_level", "processing_time_ms",
    "created_at",
}  # fmt: skip
HISTORY_KEYS = {"id", "operation_type", "status", "created_at", "completed_at", "error_message"}


def _body(answer, keys):
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert keys <= body.keys(), f"missing: {keys - body.keys()}"
    return body


@pytest.fixture(scope="module")
def photos(server):
    """A client and the ids of two described photos of 2025, with the example's title and tags."""
    with server.client(server.new_key()) as client:
        tags = exif(taken="2025:01:14 08:00:00")
        ids = [
            upload(client, photo(200, 150, exif=tags), "site_photo.jpg", title="Site Photo A", tags="damage,concrete")[
                "image_id"
            ]
            for _ in range(2)
        ]
        for file_id in ids:
            wait_until_processed(client, file_id, described=True)
        yield client, ids


def test_presigned_upload(client, browser):
    """Initiate with a form, PUT, confirm with JSON."""
    data = photo()
    form = {
        "filename": "site_photo.jpg",
        "content_type": "image/jpeg",
        "size_bytes": str(len(data)),
        "title": "Site Photo A",
        "tags": "damage,concrete",
    }
    # The example is a curl call with -F, which is multipart.
    answer = client.post(f"{FILES}/upload/initiate", files={name: (None, value) for name, value in form.items()})
    made = _body(answer, INITIATE_KEYS)
    tenant, file_id = made["object_key"].split("/")[1:3]
    assert made["object_key"] == f"uploads/{tenant}/{file_id}/site_photo.jpg"
    assert file_id == made["image_id"]
    assert (made["upload_method"], made["max_size_bytes"]) == ("PUT", 52_428_800)
    assert browser.put(made["upload_url"], content=data).status_code == 200
    confirm = {"object_key": made["object_key"], "size_bytes": len(data), "image_id": made["image_id"]}
    body = _body(client.post(f"{FILES}/upload/confirm", json=confirm), CONFIRM_KEYS)
    assert (body["description_status"], body["title"]) == ("pending", "Site Photo A")
    assert body["tags"] == ["damage", "concrete"]


def test_stream_upload(client):
    """One file with all optional fields."""
    fields = {
        "title": "Site Photo A",
        "tags": "damage,concrete",
        "auto_describe": "true",
        "skip_duplicates": "false",
        "storage_target": "default",
    }
    answer = client.post(f"{FILES}/upload/stream", files={"file": ("site_photo.jpg", photo())}, data=fields)
    body = _body(answer, STREAM_KEYS)
    expected = {
        "upload_method": "STREAMING",
        "status": "completed",
        "s3_upload_completed": True,
        "variants_queued": True,
        "description_queued": True,
        "skipped": False,
        "skipped_existing_image_id": None,
        "storage_target": "default",
        "media_type": "image",
        "document_type": None,
        "text_extraction_status": None,
    }
    assert {key: body[key] for key in expected} == expected


def test_listing(photos):
    """The example's query with every parameter is accepted, and without its folder finds the files."""
    client, ids = photos
    created = client.get(f"{FILES}/{ids[0]}").json()["created_at"]
    query = {
        "search": "damage concrete",
        "search_mode": "all",
        "tags": "damage,concrete",
        "media_types": "image,document",
        "has_description": "true",
        "ids": ",".join(ids),
        "date_from": "2025-01-01T00:00:00Z",
        "date_to": created,
        "sort_by": "content_created_at",
        "sort_order": "desc",
        "limit": "20",
        "offset": "0",
    }
    page = _body(client.get(FILES, params=query), {"files", "total_count", "has_more"})
    assert [item["id"] for item in page["files"]] == ids[:1]
    item = page["files"][0]
    assert item.keys() >= LIST_KEYS
    assert (item["title"], item["filename"]) == ("Site Photo A", "site_photo.jpg")
    assert (item["content_created_at"], item["dimensions"]) == ("2025-01-14T08:00:00Z", {"width": 200, "height": 150})
    assert (item["variant_status"], item["variant_count"], item["description_status"]) == ("completed", 5, "completed")
    empty = _body(
        client.get(FILES, params={**query, "folder_id": "folder_abc123"}), {"files", "total_count", "has_more"}
    )
    assert empty["files"] == []


def test_detail(photos):
    """The detail of a described photo, with its description and its history."""
    client, ids = photos
    for identity in (ids[0], ids[0][:8]):
        body = _body(client.get(f"{FILES}/{identity}"), DETAIL_KEYS)
    assert body["full_descriptions"][0].keys() >= DESCRIPTION_KEYS
    assert body["full_descriptions"][0]["verification_level"] == "standard"
    assert all(step.keys() >= HISTORY_KEYS for step in body["processing_history"])
    assert body["hash"].startswith("sha256:")


@pytest.mark.parametrize("variant", ["original", "tiny_64", "small_256", "medium_750", "large_1024"])
def test_variants(photos, browser, variant):
    """Every variant of the list redirects to a picture."""
    client, ids = photos
    answer = client.get(f"{FILES}/{ids[0]}/variant/{variant}")
    assert answer.status_code == 302
    assert browser.get(answer.headers["location"]).headers["content-type"].startswith("image/")


def test_update(photos):
    """Title and tags, with the example's four keys."""
    client, ids = photos
    body = {"title": "Updated Photo Title", "tags": ["updated", "reviewed"]}
    answer = _body(client.patch(f"{FILES}/{ids[1]}", json=body), {"id", "title", "tags", "updated_at"})
    assert {key: answer[key] for key in body} == body


def test_delete(client):
    """A soft delete tells when."""
    file_id = upload(client, photo(), auto_describe="false")["image_id"]
    body = _body(client.delete(f"{FILES}/{file_id}"), {"id", "deleted_at", "message"})
    assert (body["id"], body["message"]) == (file_id, "File deleted successfully")


def test_batch_delete(client):
    """One known id and one that looks like an id, as in the example."""
    known, unknown = upload(client, photo(), auto_describe="false")["image_id"], "660f9500-f39c-52e5-b827-557766550111"
    answer = client.post(f"{FILES}/batch-delete", json={"file_ids": [known, unknown]})
    body = _body(answer, {"deleted", "skipped", "failed", "summary"})
    assert body["deleted"] == [
        {"id": known, "status": "deleted", "message": None, "deleted_at": body["deleted"][0]["deleted_at"]}
    ]
    assert body["failed"] == [{"id": unknown, "status": "failed", "message": "File not found", "deleted_at": None}]
    assert body["summary"] == {"total": 2, "deleted": 1, "skipped": 0, "failed": 1}


def test_download(photos, browser):
    """The redirect's target is an attachment under the file's name."""
    client, ids = photos
    answer = client.get(f"{FILES}/{ids[0]}/download")
    assert answer.status_code == 302
    assert "site_photo.jpg" in browser.get(answer.headers["location"]).headers["content-disposition"]


def test_trigger_variants(photos):
    """The example's five keys for a finished photo."""
    client, ids = photos
    answer = client.post(f"{FILES}/{ids[1]}/trigger-variants")
    body = _body(answer, {"success", "message", "task_id", "current_status", "image_id"})
    assert body["message"] == "Variant generation triggered"
    assert (body["success"], body["current_status"], body["image_id"]) == (True, "queued", ids[1])


DOCUMENT_KEYS = {"document_type", "page_count", "text_extraction_status", "chunk_count", "document_url"}
LINK_KEYS = {
    "source_url", "domain", "og_metadata", "favicon_url", "crawl_status", "extracted_images", "extracted_images_count",
}  # fmt: skip


def test_document_upload(client):
    """`media_type` is document, and `document_type` and `text_extraction_status` are populated."""
    answer = client.post(f"{FILES}/upload/stream", files={"file": ("report.txt", papers.note())})
    body = _body(answer, STREAM_KEYS)
    assert (body["media_type"], body["document_type"], body["text_extraction_status"]) == ("document", "txt", "pending")
    (item,) = _body(client.get(FILES, params={"media_types": "document"}), {"files"})["files"]
    assert item.keys() >= LIST_KEYS | DOCUMENT_KEYS
    assert _body(client.get(f"{FILES}/{body['image_id']}"), DETAIL_KEYS | DOCUMENT_KEYS)["media_type"] == "document"


def test_links(idle_client):
    """The example's link is saved with 201, listed by its type, and crawled again when asked."""
    folder = idle_client.post("/api/v2/folders", json={"name": "Links"}).json()["id"]
    example = {
        "url": "https://github.com/example/repo",
        "title": "My Favorite Repo",
        "tags": ["development", "reference"],
        "folder_id": folder,
        "auto_crawl": False,
    }
    answer = idle_client.post(f"{FILES}/links", json=example)
    assert answer.status_code == 201
    made = answer.json()
    assert made.keys() >= {"id", "source_url", "title", "domain", "crawl_status", "is_duplicate", "created_at"}
    assert (made["domain"], made["is_duplicate"], made["title"]) == ("github.com", False, example["title"])
    (item,) = _body(idle_client.get(FILES, params={"media_types": "link"}), {"files"})["files"]
    assert item.keys() >= LIST_KEYS | LINK_KEYS
    detail = _body(idle_client.get(f"{FILES}/{made['id']}"), DETAIL_KEYS | LINK_KEYS)
    assert detail.keys() >= {"page_title", "crawl_error", "crawled_at"}
    again = idle_client.post(f"{FILES}/{made['id']}/recrawl")
    assert _body(again, {"status", "link_id"}) == {"status": "queued", "link_id": made["id"]}
    assert idle_client.post(f"{FILES}/{made['id']}/recrawl").status_code == 429
