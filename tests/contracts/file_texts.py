"""Documents through the Files API: what is sent, and what answers look like by sections 3, 7 and 10."""

from __future__ import annotations

import re

from tests.contracts.session_shapes import UPLOAD_STATUS
from tests.contracts.shapes import (
    DETAIL,
    ITEM,
    STREAM,
    boolean,
    count,
    each,
    expect,
    integer,
    null,
    nullable,
    number,
    one_of,
    shaped,
    text,
    timestamp,
    url,
    uuid,
)
from tests.running import wait_for

FILES = "/api/v2/user-files"
DOCUMENTS = "/api/v2/documents"
STREAM_URL = f"{FILES}/upload/stream"
DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TYPES = {"pdf": "application/pdf", "docx": DOCX_TYPE, "txt": "text/plain", "md": "text/markdown"}
TEXT_STATUS = one_of("pending", "processing", "completed", "failed")
DOCUMENT_TYPE = one_of("pdf", "docx", "txt", "md")


def empty(value):
    """An object without anything in it."""
    return value == {}


def score(value):
    """A number from 0 to 1."""
    return number(value) and 0 <= value <= 1


NEVER = {
    "dimensions": empty,
    "variant_status": null,
    "variant_count": null,
    "description_status": null,
}
"""What documents and links never have."""

KEYS = {
    "document_type": DOCUMENT_TYPE,
    "page_count": nullable(count),
    "text_extraction_status": TEXT_STATUS,
    "chunk_count": nullable(count),
    "document_url": url,
}
DOCUMENT_ITEM = {**ITEM, **NEVER, **KEYS, "media_type": one_of("document")}
DOCUMENT_DETAIL = {**DETAIL, **NEVER, **KEYS, "media_type": one_of("document")}
DOCUMENT_LIST = {"files": each(shaped(DOCUMENT_ITEM)), "total_count": count, "has_more": boolean}
INFO = {
    "id": uuid,
    "filename": text,
    "content_type": nullable(text),
    "size_bytes": nullable(count),
    "page_count": nullable(count),
    "chunk_count": nullable(count),
    "extraction_status": nullable(TEXT_STATUS),
    "text_extraction_status": nullable(TEXT_STATUS),
    "created_at": timestamp,
}
INFOS = {
    "documents": each(shaped(INFO)),
    "total_count": count,
    "page": count,
    "page_size": count,
    "has_more": boolean,
}
WHOLE_TEXT = {
    "document_id": uuid,
    "filename": text,
    "text": text,
    "page_count": nullable(count),
    "metadata": nullable(lambda value: isinstance(value, dict)),
}
CHUNK = {
    "chunk_id": text,
    "document_id": uuid,
    "document_filename": text,
    "chunk_index": count,
    "content": lambda value: text(value) and value.strip(),
    "page_numbers": nullable(each(lambda value: integer(value) and value >= 1)),
    "heading_hierarchy": nullable(each(text)),
    "similarity_score": null,
    "metadata": nullable(lambda value: isinstance(value, dict)),
}
FOUND_CHUNK = {**CHUNK, "similarity_score": score}
CHUNKS = {
    "document_id": uuid,
    "chunks": each(shaped(CHUNK)),
    "total_chunks": count,
    "status_counts": nullable(shaped({"completed": count, "pending": count, "failed": count})),
}
FOUND = {
    "query": text,
    "results": each(shaped(FOUND_CHUNK)),
    "total_count": count,
    "search_time_ms": integer,
}


def send(client, data, name="note.txt", declared=None, **fields):
    """Stream a document."""
    file = (name, data, declared) if declared else (name, data)
    return client.post(STREAM_URL, files={"file": file}, data=fields)


def sent(client, data, name="note.txt", declared=None, **fields):
    """Stream a document that is taken; returns its id."""
    return expect(send(client, data, name, declared, **fields), STREAM)["image_id"]


def detail(client, document_id):
    """The detail of a document, in its shape."""
    return expect(client.get(f"{FILES}/{document_id}"), DOCUMENT_DETAIL)


def listed(client, document_id):
    """The item of a document in the list, in its shape."""
    (item,) = expect(client.get(FILES, params={"ids": document_id}), DOCUMENT_LIST)["files"]
    return item


def extracted(client, document_id, status="completed"):
    """The detail of a document once its text is read, or could not be; on the way every answer has its shape."""

    def over():
        found = detail(client, document_id)
        return found if found["text_extraction_status"] in {"completed", "failed"} else None

    found = wait_for(over, f"the text of {document_id} was not read")
    assert found["text_extraction_status"] == status, found["processing_history"]
    return found


def read(client, data, name="note.txt", **fields):
    """Stream a document and wait until its text is read; returns its id."""
    document = sent(client, data, name, **fields)
    extracted(client, document)
    return document


def chunks(client, document_id, **query):
    """The chunks of a document, in order and counted rightly."""
    body = expect(client.get(f"{DOCUMENTS}/{document_id}/chunks", params=query), CHUNKS)
    assert body["document_id"] == document_id
    assert body["total_chunks"] == len(body["chunks"])
    assert [one["chunk_index"] for one in body["chunks"]] == list(range(len(body["chunks"])))
    assert {one["document_id"] for one in body["chunks"]} <= {document_id}
    return body["chunks"]


def whole_text(client, document_id):
    """The text of a document."""
    body = expect(client.get(f"{DOCUMENTS}/{document_id}/text"), WHOLE_TEXT)
    assert body["document_id"] == document_id
    return body["text"]


def plainly(value):
    """A text as one line: how it is broken is not told."""
    return re.sub(r"\s+", " ", value).strip()


def search(client, query, **body):
    """Search the chunks of all documents; what is found is in order and within its bounds."""
    found = expect(client.post(f"{DOCUMENTS}/search", json={"query": query, **body}), FOUND)
    assert found["query"] == query
    scores = [one["similarity_score"] for one in found["results"]]
    assert scores == sorted(scores, reverse=True)
    assert all(one >= body.get("similarity_threshold", 0.3) for one in scores)
    assert len(scores) <= body.get("limit", 20)
    assert found["total_count"] >= len(scores)
    assert len({one["chunk_id"] for one in found["results"]}) == len(scores)
    return found["results"]


def ids(client, **query):
    """Which files a list holds."""
    answer = client.get(FILES, params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["files"]]


def upload_status(client, file_id):
    """How far the upload of a file is."""
    return expect(client.get(f"/api/v2/uploads/status/{file_id}"), UPLOAD_STATUS)


def steps(found, kind="extract_text"):
    """(status, error) of each step of a kind in a file's history, in order."""
    return [
        (step["status"], step["error_message"])
        for step in found["processing_history"]
        if step["operation_type"] == kind
    ]
