"""Documents in batches, and before their text is read: sections 2.4 and 7 of the Files API, points 13, 14, 33 and 34."""

from __future__ import annotations

from uuid import uuid4

from tests.contracts import papers
from tests.contracts.batches import EXE, SESSIONS, coherent, ended_session, send_batch, session
from tests.contracts.file_texts import (
    DOCUMENTS,
    FILES,
    chunks,
    detail,
    extracted,
    ids,
    listed,
    sent,
    steps,
    upload_status,
)
from tests.contracts.photos import photo
from tests.contracts.session_shapes import SESSION, SESSION_RESULTS
from tests.contracts.shapes import expect, expect_error


def test_a_batch_of_all_kinds(client):
    """Results in the order sent with the keys of documents; the session ends once every text is read."""
    files = [(f"{kind}.{kind}", make()) for kind, make in papers.KINDS.items()]
    body = send_batch(client, *files, ("photo.jpg", photo()), tags="harbour")
    assert body["status"] == "completed"
    results = body["immediate_results"]
    assert [one["filename"] for one in results] == [*(name for name, _ in files), "photo.jpg"]
    assert [one["document_type"] for one in results] == [*papers.KINDS, None]
    assert [one["media_type"] for one in results] == ["document"] * 4 + ["image"]
    assert [one["text_extraction_status"] for one in results] == ["pending"] * 4 + [None]
    over = ended_session(client, body["session_id"])
    assert (over["status"], over["completed_files"]) == ("completed", 5)
    for one in results[:4]:
        found = detail(client, one["image_id"])
        assert found["text_extraction_status"] == "completed", "the session ended before the text was read"
        assert found["tags"] == ["harbour"]
        assert upload_status(client, one["image_id"])["batch_id"] == body["session_id"]


def test_a_document_that_cannot_be_read_fails_in_its_session(client):
    """It counts as failed with the reason of its history, and harms no other; what is refused is told by itself."""
    files = [
        ("locked.pdf", papers.locked_pdf()),
        ("cut.docx", papers.docx("x")[:2000]),
        ("note.txt", papers.note()),
        ("a.exe", EXE),
    ]
    body = send_batch(client, *files)
    assert body["status"] == "partial"
    assert [(one["index"], one["retryable"]) for one in body["rejections"]] == [(1, False), (3, False)]
    locked, note = (one["image_id"] for one in body["immediate_results"])
    over = ended_session(client, body["session_id"])
    assert (over["status"], over["completed_files"], over["failed_files"]) == ("completed", 1, 1)
    ((_, error),) = steps(extracted(client, locked, "failed"))
    assert [(one["filename"], one["error"]) for one in over["recent_errors"]] == [("locked.pdf", error)]
    page = expect(client.get(f"{SESSIONS}/{body['session_id']}/results"), SESSION_RESULTS)
    assert [(one["image_id"], one["status"], one["error_message"]) for one in page["results"]] == [
        (locked, "failed", error),
        (note, "completed", None),
    ]
    alone = ended_session(client, send_batch(client, ("locked.pdf", papers.locked_pdf()))["session_id"])
    assert alone["status"] == "failed"


def test_a_batch_of_bad_documents_only_is_rejected(client):
    """Broken archives and bombs are refused one by one, never the request."""
    body = send_batch(client, ("a.docx", papers.laughing_docx()), ("b.docx", papers.archive("x")), ("c.txt", b""))
    assert (body["status"], body["rejected_files"], body["immediate_results"]) == ("rejected", 3, [])
    assert ids(client) == []


def test_a_repeat_within_a_batch_is_skipped_for_the_first(client):
    """With the flag one file is stored and both results name it."""
    data = papers.note()
    body = send_batch(client, ("a.txt", data), ("b.txt", data), skip_duplicates="true")
    first, second = body["immediate_results"]
    assert (second["status"], second["skipped_existing_image_id"]) == ("skipped", first["image_id"])
    assert (second["media_type"], second["document_type"]) == ("document", "txt")
    assert ids(client) == [first["image_id"]]


# ------------------------------------------------------- before the text is read


def test_what_waits_says_so(idle_client, browser):
    """Without a worker a document is there at once, but for its text: pending everywhere, 409 for the text, no chunks."""
    document = sent(idle_client, papers.pdf("waiting"), "a.pdf")
    for body in (detail(idle_client, document), listed(idle_client, document)):
        assert (body["text_extraction_status"], body["chunk_count"]) == ("pending", None)
    assert steps(detail(idle_client, document)) == [("pending", None)]
    expect_error(idle_client.get(f"{DOCUMENTS}/{document}/text"), 409, "CONFLICT")
    assert chunks(idle_client, document) == []
    page = idle_client.get(DOCUMENTS, params={"status_filter": "pending"}).json()
    assert [one["id"] for one in page["documents"]] == [document]
    status = upload_status(idle_client, document)
    assert (status["unified_status"], status["is_terminal"]) == ("queued", False)
    answer = idle_client.get(f"{FILES}/{document}/variant/original")
    assert browser.get(answer.headers["location"]).status_code == 200
    late = idle_client.get(f"{FILES}/{document}/variant/small_256")
    expect_error(late, 404, "NOT_FOUND")


def test_a_cancelled_session_drops_what_waits(idle_client):
    """The file stays, is skipped with `Cancelled`, and its text has failed for good."""
    body = send_batch(idle_client, ("a.txt", papers.note()), ("b.pdf", papers.pdf("x")))
    first, second = (one["image_id"] for one in body["immediate_results"])
    assert session(idle_client, body["session_id"])["status"] == "pending"
    over = coherent(expect(idle_client.post(f"{SESSIONS}/{body['session_id']}/cancel"), SESSION))
    assert (over["status"], over["skipped_files"]) == ("cancelled", 2)
    assert {one["error_message"] for one in over["recent_completions"]} == {"Cancelled"}
    for document in (first, second):
        found = detail(idle_client, document)
        assert found["text_extraction_status"] == "failed"
        assert [status for status, _ in steps(found)] == ["failed"]
    expect_error(idle_client.post(f"{SESSIONS}/{body['session_id']}/cancel"), 400, "VALIDATION_ERROR")
    expect_error(idle_client.post(f"{SESSIONS}/{uuid4()}/cancel"), 404, "NOT_FOUND")


def test_deleting_ends_what_waits_and_restoring_takes_it_up(idle_client):
    """A pending document leaves its session when it is deleted, and comes back as pending as it was."""
    body = send_batch(idle_client, ("a.txt", papers.note()))
    (document,) = (one["image_id"] for one in body["immediate_results"])
    assert idle_client.delete(f"{DOCUMENTS}/{document}").status_code == 204
    assert session(idle_client, body["session_id"])["pending_files"] == 0
    assert idle_client.post(f"{FILES}/{document}/restore").status_code == 200
    assert detail(idle_client, document)["text_extraction_status"] == "pending"
