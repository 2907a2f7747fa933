"""What a stranger tries with another tenant's documents and links: an attempt for every route that takes an id of theirs."""

from __future__ import annotations

from collections.abc import Callable

from tests.contracts.file_agents import AGENTS, KINDS, RESTRICTIONS, ask
from tests.contracts.file_links import FILES, LINKS, NOWHERE, recrawl
from tests.contracts.file_texts import DOCUMENTS, search
from tests.contracts.shapes import BATCH_DELETE, expect, expect_error

WORDS = "lighthouse quay herring"


def _refused(method: str, suffix: str = "", **options) -> Callable:
    def attempt(stranger, library, made):
        for file_id in (*library.documents, library.image, made):
            answer = stranger.request(method, f"{DOCUMENTS}/{file_id}{suffix}", **options)
            expect_error(answer, 404, "NOT_FOUND")

    return attempt


def _batch_delete(stranger, library, made):
    wanted = [*library.documents, made]
    body = expect(stranger.post(f"{DOCUMENTS}/batch-delete", json={"document_ids": wanted}), BATCH_DELETE)
    assert [(one["id"], one["message"]) for one in body["failed"]] == [(one, "File not found") for one in wanted]


def _search(stranger, library, made):
    for options in ({}, {"document_ids": [*library.documents, made]}):
        assert search(stranger, WORDS, similarity_threshold=0, limit=100, **options) == []


def _recrawl(stranger, library, made):
    for file_id in (made, *library.documents):
        expect_error(recrawl(stranger, file_id), 404, "NOT_FOUND")


def _save(stranger, library, made):
    folder = library.client.post("/api/v2/folders", json={"name": f"of {made}"}).json()["id"]
    expect_error(stranger.post(LINKS, json={"url": NOWHERE, "folder_id": folder}), 404, "NOT_FOUND")
    expect_error(stranger.post(LINKS, json={"url": NOWHERE, "folder_id": library.image}), 404, "NOT_FOUND")
    assert stranger.get(FILES).json()["total_count"] == 0


def _agents(kind: str) -> Callable:
    def attempt(stranger, library, made):
        everything = [library.image, *library.documents, made]
        for query in (WORDS, "*"):
            assert ask(stranger, kind, query)["count"] == 0
            assert ask(stranger, kind, query, **{RESTRICTIONS[kind]: everything})["count"] == 0

    return attempt


ATTEMPTS = {
    ("GET", f"{DOCUMENTS}/{{document_id}}"): _refused("GET"),
    ("PATCH", f"{DOCUMENTS}/{{document_id}}"): _refused("PATCH", json={"title": "mine now"}),
    ("DELETE", f"{DOCUMENTS}/{{document_id}}"): _refused("DELETE"),
    ("GET", f"{DOCUMENTS}/{{document_id}}/text"): _refused("GET", "/text"),
    ("GET", f"{DOCUMENTS}/{{document_id}}/chunks"): _refused("GET", "/chunks", params={"include_embeddings": "true"}),
    ("GET", f"{DOCUMENTS}/{{document_id}}/download"): _refused("GET", "/download"),
    ("POST", f"{DOCUMENTS}/{{document_id}}/extract"): _refused("POST", "/extract"),
    ("POST", f"{DOCUMENTS}/batch-delete"): _batch_delete,
    ("POST", f"{DOCUMENTS}/search"): _search,
    ("POST", LINKS): _save,
    ("POST", f"{FILES}/{{link_id}}/recrawl"): _recrawl,
    **{("POST", f"{AGENTS}/{kind}"): _agents(kind) for kind in KINDS},
}
