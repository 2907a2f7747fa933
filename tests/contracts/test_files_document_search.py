"""Search in documents, and their deletion: sections 4 and 10 of the Files API, points 25 to 27 and 38 of the checklist."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.contracts import papers
from tests.contracts.file_texts import (
    DOCUMENT_ITEM,
    DOCUMENTS,
    FILES,
    FOUND,
    INFOS,
    chunks,
    detail,
    ids,
    read,
    search,
    sent,
    whole_text,
)
from tests.contracts.photos import photo
from tests.contracts.planting import alter
from tests.contracts.shapes import BATCH_DELETE, conforms, expect, expect_error
from tests.running import upload

NOBODY = "00000000-0000-4000-8000-000000000000"

# ------------------------------------------------------------------------------ search


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("herring fleet", "pdf"),
        ("The lighthouse keeper logged the barometer", "pdf"),
        ("bollards painted black", "docx"),
        ("tide tables", "txt"),
        ("wreck of the Orion", "md"),
        ("港湾都市", "txt"),
    ],
)
def test_a_phrase_is_found(library, query, found):
    """The chunk that says it is the first, with its document, and its score above the usual threshold."""
    first = search(library.client, query)[0]
    assert first["document_id"] == getattr(library, found)
    known = {one["chunk_id"]: one for one in chunks(library.client, first["document_id"])}
    assert {**first, "similarity_score": None} == known[first["chunk_id"]]


def test_a_search_keeps_to_its_limits(library):
    """Limit, threshold and documents all narrow it; unknown documents match nothing."""
    client = library.client
    whole = search(client, "the", similarity_threshold=0)
    assert len(search(client, "the", similarity_threshold=0, limit=1)) <= 1
    assert search(client, "herring", document_ids=[library.docx], similarity_threshold=0.99) == []
    assert search(client, "herring", document_ids=[str(uuid4())]) == []
    assert search(client, "herring", document_ids=[library.image]) == []
    inside = search(client, "herring", document_ids=[library.pdf.upper(), str(uuid4())])
    assert {one["document_id"] for one in inside} == {library.pdf}
    assert {one["document_id"] for one in whole} <= set(library.documents)
    assert search(client, "herring", document_ids=None)[0]["document_id"] == library.pdf
    best = search(client, "herring")[0]["similarity_score"]
    assert all(one["similarity_score"] >= best for one in search(client, "herring", similarity_threshold=best))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": "  \t"},
        {"query": "x" * 1001},
        {"query": "a\0b"},
        {"query": 7},
        {"query": "x", "limit": 0},
        {"query": "x", "limit": 101},
        {"query": "x", "similarity_threshold": -0.1},
        {"query": "x", "similarity_threshold": 1.1},
        {"query": "x", "similarity_threshold": "NaN"},
        {"query": "x", "document_ids": ["nonsense"]},
        [],
        "x",
    ],
    ids=lambda body: str(body)[:40],
)
def test_a_bad_search_is_422(library, body):
    """Nothing blank, nothing too long, nothing beyond its range."""
    expect_error(library.client.post(f"{DOCUMENTS}/search", json=body), 422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "query",
    ["'\"", "%", "*", "!!!", "\\", "a & b | !c <-> d:*", "((", "'; DROP TABLE asset; --", "x" * 1000, "\U0001f41f"],
)
def test_odd_questions_do_no_harm(library, query):
    """200 with a well-formed answer, however little of it is a word."""
    expect(library.client.post(f"{DOCUMENTS}/search", json={"query": query}), FOUND)


# ---------------------------------------------------------------------------- deletion


def test_a_deleted_document_is_gone_everywhere_and_comes_back_whole(client):
    """204 without a body; then 404 on every route and in no list or search, until it is restored with its text."""
    document = read(client, papers.note("whelk and winkle"), "shell.txt", title="Shell")
    before = chunks(client, document)
    answer = client.delete(f"{DOCUMENTS}/{document}")
    assert (answer.status_code, answer.content) == (204, b"")
    for path in (f"{DOCUMENTS}/{document}", f"{FILES}/{document}"):
        expect_error(client.get(path), 404, "NOT_FOUND")
        expect_error(client.delete(path), 404, "NOT_FOUND")
        expect_error(client.patch(path, json={"title": "x"}), 404, "NOT_FOUND")
        expect_error(client.get(f"{path}/download"), 404, "NOT_FOUND")
    for suffix in ("text", "chunks"):
        expect_error(client.get(f"{DOCUMENTS}/{document}/{suffix}"), 404, "NOT_FOUND")
    expect_error(client.get(f"{FILES}/{document}/variant/original"), 404, "NOT_FOUND")
    expect_error(client.get(f"/api/v2/uploads/status/{document}"), 404, "NOT_FOUND")
    assert ids(client) == ids(client, search="whelk") == []
    assert client.get(DOCUMENTS).json()["total_count"] == 0
    assert search(client, "whelk and winkle", similarity_threshold=0) == []
    (item,) = client.get(FILES, params={"trashed": "true"}).json()["files"]
    conforms(item, DOCUMENT_ITEM)
    assert (item["id"], item["deleted_at"] is not None) == (document, True)
    assert client.post(f"{FILES}/{document}/restore").status_code == 200
    assert chunks(client, document) == before
    assert ids(client, search="whelk") == [document]
    assert search(client, "whelk and winkle")[0]["document_id"] == document
    assert client.get(DOCUMENTS).json()["total_count"] == 1


def test_deleting_as_a_file_takes_it_from_the_documents(client):
    """Both surfaces share one trash."""
    document = read(client, papers.note())
    assert client.delete(f"{FILES}/{document}").status_code == 200
    expect_error(client.get(f"{DOCUMENTS}/{document}"), 404, "NOT_FOUND")
    assert expect(client.get(DOCUMENTS), INFOS)["documents"] == []


def test_several_documents_are_deleted_at_once(client):
    """Each id in one array; what is no document, or not there, has failed and stays."""
    documents = [read(client, papers.note()) for _ in range(2)]
    image = upload(client, photo(), auto_describe="false")["image_id"]
    unknown = str(uuid4())
    answer = client.post(f"{DOCUMENTS}/batch-delete", json={"document_ids": [documents[0].upper(), image, unknown]})
    body = expect(answer, BATCH_DELETE)
    assert [one["id"] for one in body["deleted"]] == documents[:1]
    assert [(one["id"], one["message"]) for one in body["failed"]] == [
        (image, "File not found"),
        (unknown, "File not found"),
    ]
    assert body["summary"] == {"total": 3, "deleted": 1, "skipped": 0, "failed": 2}
    assert set(ids(client)) == {documents[1], image}
    both = client.post(f"{FILES}/batch-delete", json={"file_ids": [documents[1], image]})
    assert expect(both, BATCH_DELETE)["summary"]["deleted"] == 2


@pytest.mark.parametrize("count", [0, 101, "repeated", "nonsense", None])
def test_a_bad_batch_deletes_nothing(client, count):
    """None, too many, repeats in any case of letters, and what is no id: 422 for all."""
    document = read(client, papers.note())
    body = {
        0: {"document_ids": []},
        101: {"document_ids": [document, *(str(uuid4()) for _ in range(100))]},
        "repeated": {"document_ids": [document, document.upper()]},
        "nonsense": {"document_ids": [document, "nonsense"]},
        None: {},
    }[count]
    expect_error(client.post(f"{DOCUMENTS}/batch-delete", json=body), 422, "VALIDATION_ERROR")
    assert ids(client) == [document]


def test_what_is_being_read_is_not_deleted_by_documents(idle, idle_client):
    """409 for one, `skipped` among several on both surfaces; as a file it can be deleted all the same, and is restored."""
    document = sent(idle_client, papers.note())
    alter(idle, "UPDATE asset SET text_status = 'processing' WHERE id = %s", document)
    expect_error(idle_client.delete(f"{DOCUMENTS}/{document}"), 409, "CONFLICT")
    for path, key in ((DOCUMENTS, "document_ids"), (FILES, "file_ids")):
        body = expect(idle_client.post(f"{path}/batch-delete", json={key: [document]}), BATCH_DELETE)
        assert [(one["id"], one["message"]) for one in body["skipped"]] == [(document, "File is currently processing")]
    assert idle_client.get(f"/api/v2/uploads/status/{document}").json()["unified_status"] == "processing"
    assert idle_client.delete(f"{FILES}/{document}").status_code == 200
    assert idle_client.post(f"{FILES}/{document}/restore").status_code == 200
    assert ids(idle_client) == [document]


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", ""), ("PATCH", ""), ("PUT", "/search"), ("GET", f"/{NOBODY}/nothing")]
)
def test_wrong_methods_and_paths_are_told(client, method, path):
    """405 with `Allow`, or 404, never anything else."""
    answer = client.request(method, DOCUMENTS + path)
    assert answer.status_code in {404, 405}
    expect_error(answer, answer.status_code)


def test_a_scanned_page_is_read_from_its_picture(client):
    """The words of a PDF that is pictures only are found as if they were typed, where pictures can be read."""
    document = read(client, papers.scanned_pdf("HARBOUR", "MASTER"), "scan.pdf")
    assert detail(client, document)["page_count"] == 2
    text = whole_text(client, document).upper()
    if not text.strip():
        pytest.skip("nothing reads pictures here")
    assert "HARBOUR" in text
    assert "MASTER" in text
    assert ids(client, search="harbour") == [document]
    assert ids(client, search="harbour", search_mode="visible_text") == []
    (holding,) = [one for one in chunks(client, document) if "MASTER" in one["content"].upper()]
    assert 2 in holding["page_numbers"]
