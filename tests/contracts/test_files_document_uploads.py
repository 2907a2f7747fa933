"""Uploads of documents: sections 1.6 and 2.3 of the Files API, points 9 to 12 of the checklist."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from tests.contracts import papers
from tests.contracts.batches import EXE
from tests.contracts.conftest import NARROW_BYTES
from tests.contracts.file_links import NOWHERE, save
from tests.contracts.file_texts import (
    DOCUMENTS,
    DOCX_TYPE,
    FILES,
    INFO,
    TYPES,
    chunks,
    detail,
    extracted,
    ids,
    listed,
    send,
    sent,
    steps,
    upload_status,
)
from tests.contracts.photos import photo
from tests.contracts.planting import alter
from tests.contracts.shapes import STREAM, expect, expect_error
from tests.running import wait_for


@pytest.fixture(scope="module")
def tenant(server):
    """A tenant for tests that look at their own files only."""
    with server.client(server.new_key()) as client:
        yield client


@pytest.mark.parametrize("kind", papers.KINDS)
def test_a_document_is_kept_as_it_was_sent(tenant, browser, kind):
    """All 14 keys, type and hash by content, no variants and no description asked for, and the same bytes back."""
    data = papers.KINDS[kind]()
    name = f"report.{kind}"
    made = expect(send(tenant, data, name, title="Report", tags="a, b"), STREAM)
    expected = {
        "status": "completed",
        "s3_upload_completed": True,
        "variants_queued": False,
        "description_queued": False,
        "skipped": False,
        "skipped_existing_image_id": None,
        "storage_target": "default",
        "media_type": "document",
        "document_type": kind,
        "text_extraction_status": "pending",
    }
    assert {key: made[key] for key in expected} == expected
    found = extracted(tenant, made["image_id"])
    assert (found["content_type"], found["format"], found["document_type"]) == (TYPES[kind], kind, kind)
    assert (found["size_bytes"], found["hash"]) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
    assert (found["title"], found["tags"], found["original_filename"]) == ("Report", ["a", "b"], name)
    assert (found["upload_method"], found["object_key"]) == ("STREAMING", made["object_key"])
    assert made["object_key"].endswith(f"/{made['image_id']}/{name}")
    assert found["processing_history"][0]["operation_type"] == "upload"
    assert steps(found) == [("completed", None)]
    for link in (
        tenant.get(f"{FILES}/{made['image_id']}/download").headers["location"],
        tenant.get(f"{DOCUMENTS}/{made['image_id']}/download").headers["location"],
        found["document_url"],
        found["original_url"],
    ):
        answer = browser.get(link)
        assert answer.content == data
        assert answer.headers["content-type"].partition(";")[0] == TYPES[kind]
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "declared", "kind"),
    [
        ("a.txt", "application/octet-stream", "txt"),
        ("A.TXT", "application/octet-stream", "txt"),
        ("a.md", "application/octet-stream", "md"),
        ("a.markdown", "application/octet-stream", "md"),
        ("a", "text/plain", "txt"),
        ("a", "text/plain; charset=utf-8", "txt"),
        ("a", "text/markdown", "md"),
        ("a.log", "TEXT/PLAIN", "txt"),
    ],
)
def test_text_is_told_by_its_name_or_its_declared_type(tenant, name, declared, kind):
    """Plain text has no signature, so one of the two must say what it is."""
    made = expect(send(tenant, papers.note(), name, declared), STREAM)
    assert (made["media_type"], made["document_type"]) == ("document", kind)
    assert detail(tenant, made["image_id"])["content_type"] == TYPES[kind]


@pytest.mark.parametrize(
    ("make", "name", "declared", "kind"),
    [
        (papers.KINDS["pdf"], "a.jpg", "image/jpeg", "application/pdf"),
        (papers.KINDS["pdf"], "a.txt", "text/plain", "application/pdf"),
        (papers.KINDS["docx"], "a.zip", "application/zip", DOCX_TYPE),
        (papers.KINDS["docx"], "a.pdf", "application/pdf", DOCX_TYPE),
        (lambda: photo(kind="PNG"), "a.txt", "text/plain", "image/png"),
        (photo, "a.pdf", "application/pdf", "image/jpeg"),
        (
            lambda: papers.note("A PDF begins with\n%PDF-1.7\nas every child knows"),
            "a.md",
            "text/markdown",
            "text/markdown",
        ),
        (lambda: papers.note("PK is how archives begin"), "a.txt", "text/plain", "text/plain"),
        (lambda: papers.note("<!doctype html><title>x</title>"), "a.txt", "text/plain", "text/plain"),
    ],
    ids=[
        "pdf as jpg",
        "pdf as txt",
        "docx as zip",
        "docx as pdf",
        "png as txt",
        "jpg as pdf",
        "about pdf",
        "about zip",
        "html",
    ],
)
def test_the_content_decides_what_has_a_signature(tenant, make, name, declared, kind):
    """Name and declared type count for nothing where the bytes tell."""
    made = expect(send(tenant, make(), name, declared), STREAM)
    assert tenant.get(f"{FILES}/{made['image_id']}").json()["content_type"] == kind


REFUSED = {
    "text by no name": (papers.note, "a.jpg", "image/jpeg", 415),
    "text as json": (lambda: b'{"is": "json"}', "a.json", "application/json", 415),
    "a NUL": (lambda: b"text\0text", "a.txt", "text/plain", 415),
    "a late NUL": (lambda: b"text " * 100_000 + b"\0", "a.txt", "text/plain", 415),
    "a program": (lambda: EXE, "a.txt", "text/plain", 415),
    "an archive": (lambda: papers.archive("a.txt", "b.txt"), "a.docx", DOCX_TYPE, 415),
    "a spreadsheet": (lambda: papers.archive("[Content_Types].xml", "xl/workbook.xml"), "a.docx", DOCX_TYPE, 415),
    "an empty archive": (lambda: b"PK\x05\x06" + bytes(18), "a.docx", DOCX_TYPE, 415),
    "nothing": (lambda: b"", "a.txt", "text/plain", 422),
    "a cut archive": (lambda: papers.docx("x")[:2000], "a.docx", DOCX_TYPE, 422),
    "a swollen part": (papers.swollen_docx, "a.docx", DOCX_TYPE, 422),
    "a billion laughs": (papers.laughing_docx, "a.docx", DOCX_TYPE, 422),
    "a billion laughs in UTF-16": (lambda: papers.laughing_docx("utf-16"), "a.docx", DOCX_TYPE, 422),
    "another file wanted": (lambda: papers.curious_docx("file:///etc/passwd"), "a.docx", DOCX_TYPE, 422),
    "very many parts": (papers.crowded_docx, "a.docx", DOCX_TYPE, 422),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_document_is_refused_and_not_kept(client, what):
    """415 for other content, 422 for nothing at all, for broken archives and for bombs; no file is listed afterwards."""
    make, name, declared, status = REFUSED[what]
    code = "UNSUPPORTED_MEDIA_TYPE" if status == 415 else "VALIDATION_ERROR"
    expect_error(send(client, make(), name, declared), status, code)
    assert ids(client) == []
    assert client.get("/api/v2/uploads/quota-check", params={"file_count": 1}).json()["current_usage"] == 0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1251", "shift_jis", "gb18030"])
def test_text_is_read_in_whatever_it_is_written(tenant, encoding):
    """The words of a text come out as they were meant, with or without a mark at its beginning."""
    text = {
        "latin-1": "Größe und Übermaß eines Dübels für die äußere Tür in der Höhe, täglich geprüft. " * 5,
        "cp1251": "Съешь же ещё этих мягких французских булок, да выпей чаю на причале. " * 5,
        "shift_jis": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 5,
        "gb18030": "人人生而自由。在尊严和权利上一律平等。他们赋有理性和良心。" * 5,
    }.get(encoding, "Ein Kai, ein Hafen: Größe, 港, пирс")
    document = sent(tenant, text.encode(encoding), f"{encoding}.txt")
    extracted(tenant, document)
    assert tenant.get(f"{DOCUMENTS}/{document}/text").json()["text"].strip() == text.strip()


UNREADABLE = {"locked": papers.locked_pdf, "damaged": papers.damaged_pdf}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_pdf_that_cannot_be_read_is_kept_and_says_why(client, browser, what):
    """Its extraction fails with a reason in the history; its bytes, its list entry and its siblings are as ever."""
    data = UNREADABLE[what]()
    document = sent(client, data, "report.pdf")
    found = extracted(client, document, "failed")
    ((status, error),) = steps(found)
    assert status == "failed"
    assert error
    assert what != "locked" or "password" in error.lower()
    assert all(step["completed_at"] for step in found["processing_history"])
    assert listed(client, document)["text_extraction_status"] == "failed"
    assert browser.get(found["document_url"]).content == data
    assert chunks(client, document) == []
    expect_error(client.get(f"{DOCUMENTS}/{document}/text"), 409, "CONFLICT")
    for word, expected in (("failed", [document]), ("completed", []), ("pending", [])):
        page = client.get(DOCUMENTS, params={"status_filter": word}).json()
        assert [one["id"] for one in page["documents"]] == expected
        assert page["total_count"] == len(expected)
    status = upload_status(client, document)
    assert (status["unified_status"], status["is_terminal"], status["error_message"]) == ("failed", True, error)
    assert status["component_statuses"]["upload_status"] == "completed"
    assert status["component_statuses"]["variant_status"] is None


def test_hostile_words_are_kept_as_far_as_they_are_text(tenant):
    """Thousands of words like no other, endless words, and controls stop neither reading nor editing."""
    sums = "\n".join(os.urandom(32).hex() for _ in range(12_000))
    odd = "\f\x1b[1m bold " + "x" * 100_000 + " \ufffe\ufdd0 \u202e end"
    for text in (sums, odd):
        document = sent(tenant, text.encode(), "odd.txt")
        extracted(tenant, document)
        assert tenant.patch(f"{FILES}/{document}", json={"title": f"quay {document}"}).status_code == 200
        assert ids(tenant, search=f"quay {document}") == [document]


def test_a_page_of_absurd_size_does_not_stop_the_others(tenant):
    """A page of a kilometre has its text read like any other."""
    for size in ((1_000_000_000, 1_000_000_000), (0, 0), (1, 14_400)):
        document = sent(tenant, papers.pdf("Harbour master", "Second", size=size), "large.pdf")
        assert extracted(tenant, document)["page_count"] == 2


def test_a_repeated_document_is_skipped_when_asked(client):
    """The existing id and its keys in the answer, no second file; without the flag, or after its deletion, it is stored."""
    data = papers.pdf("once")
    first = sent(client, data, "a.pdf")
    extracted(client, first)
    again = expect(send(client, data, "b.pdf", skip_duplicates="true", title="Other"), STREAM)
    assert (again["status"], again["skipped"], again["image_id"]) == ("skipped", True, first)
    assert again["skipped_existing_image_id"] == first
    assert (again["media_type"], again["document_type"]) == ("document", "pdf")
    assert (again["variants_queued"], again["description_queued"], again["s3_upload_completed"]) == (False, False, True)
    assert ids(client) == [first]
    assert detail(client, first)["title"] is None
    second = sent(client, data, "a.pdf")
    assert set(ids(client)) == {first, second}
    for document in (first, second):
        assert client.delete(f"{FILES}/{document}").status_code == 200
    assert expect(send(client, data, "a.pdf", skip_duplicates="true"), STREAM)["skipped"] is False


def test_two_at_once_store_one_document(client):
    """Simultaneous uploads of the same bytes with the flag leave one file."""
    data = papers.note("the same")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: send(client, data, skip_duplicates="true"), range(4)))
    made = [expect(answer, STREAM) for answer in answers]
    assert sorted(one["skipped"] for one in made) == [False, True, True, True]
    assert len({one["image_id"] for one in made}) == 1
    assert len(ids(client)) == 1


@pytest.mark.parametrize(
    "fields", [{"title": "x" * 256}, {"tags": ",".join(map(str, range(41)))}, {"storage_target": "custom"}]
)
def test_bad_fields_are_refused_for_documents_as_for_pictures(client, fields):
    """422, and nothing is stored."""
    expect_error(send(client, papers.note(), **fields), 422, "VALIDATION_ERROR")
    assert ids(client) == []


def test_documents_come_by_stream_only(client, browser):
    """Announced uploads are for images: other types are 422, and a PDF in an image's place is 415 and then unknown."""
    form = {"filename": "a.pdf", "content_type": "application/pdf", "size_bytes": "100"}
    expect_error(client.post(f"{FILES}/upload/initiate", data=form), 422, "VALIDATION_ERROR")
    for data in (papers.pdf("x"), papers.note(), papers.docx("x")):
        form = {"filename": "a.txt", "content_type": "image/jpeg", "size_bytes": str(len(data))}
        made = client.post(f"{FILES}/upload/initiate", data=form).json()
        assert browser.put(made["upload_url"], content=data).status_code == 200
        body = {key: made[key] for key in ("object_key", "image_id")} | {"size_bytes": len(data)}
        expect_error(client.post(f"{FILES}/upload/confirm", json=body), 415, "UNSUPPORTED_MEDIA_TYPE")
        expect_error(client.post(f"{FILES}/upload/confirm", json=body), 404, "NOT_FOUND")
    assert ids(client) == []


def test_other_doors_take_no_documents(client):
    """The Vision API stays one of pictures."""
    for data in (papers.note(), papers.pdf("x")):
        answer = client.post("/images/upload", files=[("images", ("a.jpg", data))])
        assert answer.status_code in {400, 415}
    assert ids(client) == []


def test_uploads_count_and_links_are_signed(client):
    """A document counts as one upload of the month; its address tampered with leads nowhere."""
    before = client.get("/api/v2/uploads/quota-check", params={"file_count": 1}).json()["current_usage"]
    document = sent(client, papers.note())
    after = client.get("/api/v2/uploads/quota-check", params={"file_count": 1}).json()["current_usage"]
    assert after == before + 1
    link = detail(client, document)["document_url"]
    changed = link[:-1] + ("0" if link[-1] != "0" else "1")
    assert httpx.get(changed, verify=False).status_code == 404


def test_a_document_may_be_as_large_as_the_limit(narrow_client):
    """A byte more is 413 in the end, whatever its kind; nothing of it is kept."""
    exact = sent(narrow_client, b"x" * NARROW_BYTES)
    assert detail(narrow_client, exact)["size_bytes"] == NARROW_BYTES
    for data, name in ((b"x" * (NARROW_BYTES + 1), "a.txt"), (papers.pdf("x") + bytes(NARROW_BYTES), "a.pdf")):
        expect_error(send(narrow_client, data, name), 413, "PAYLOAD_TOO_LARGE")
    assert ids(narrow_client) == [exact]


def test_a_month_is_used_up_by_documents_and_not_by_links(idle, idle_client):
    """The second document is 402, a quota that is full 413; a link is saved all the same."""
    first = sent(idle_client, papers.note())
    tenant = upload_status(idle_client, first)["tenant_id"]
    alter(idle, "UPDATE tenant SET monthly_upload_limit = 1 WHERE id = %s", tenant)
    wait_for(lambda: send(idle_client, papers.note()).status_code == 402, "the limit was never noticed")
    expect_error(send(idle_client, papers.note()), 402, "USAGE_LIMIT_EXCEEDED")
    alter(idle, "UPDATE tenant SET monthly_upload_limit = NULL, storage_quota_bytes = 1 WHERE id = %s", tenant)
    expect_error(send(idle_client, papers.note()), 413, "STORAGE_QUOTA_EXCEEDED")
    save(idle_client, NOWHERE)
    assert send(idle_client, b"x").status_code == 413


def test_a_text_is_read_again_when_asked(client):
    """What failed is queued once more and fails once more; what was read stays what it was; others' and pictures are 404."""
    locked = sent(client, papers.locked_pdf(), "locked.pdf")
    note = sent(client, papers.note("razor shells"))
    for document, status in ((locked, "failed"), (note, "completed")):
        extracted(client, document, status)
        body = expect(client.post(f"{DOCUMENTS}/{document}/extract"), INFO, 202)
        assert body["text_extraction_status"] in {"pending", "processing", status}
        found = wait_for(
            lambda one=document: len(steps(found := detail(client, one))) == 2 and found, "no second attempt"
        )
        assert [one for one, _ in steps(extracted(client, found["id"], status))] == [status] * 2
    assert ids(client, search="razor") == [note]
    assert len(chunks(client, note)) == 1
    image = client.post(f"{FILES}/upload/stream", files={"file": ("a.jpg", photo())}).json()["image_id"]
    for other in (image, uuid4()):
        expect_error(client.post(f"{DOCUMENTS}/{other}/extract"), 404, "NOT_FOUND")
