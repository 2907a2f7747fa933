"""Documents and links are their tenant's alone: point 4 of the checklist, for every route that takes an id of theirs."""

from __future__ import annotations

import pytest

from tests.contracts import papers
from tests.contracts.file_agents import AGENTS, found_ids
from tests.contracts.file_links import FILES, NOWHERE, save
from tests.contracts.file_texts import DOCUMENTS, ids, search, send
from tests.contracts.shapes import STREAM, expect, expect_error
from tests.contracts.text_attempts import ATTEMPTS


@pytest.fixture(scope="module")
def saved(library):
    """A link of the tenant whose documents are read, which is never crawled."""
    made = save(library.client, f"{NOWHERE}lighthouse", title="Lighthouse", auto_crawl=False)["id"]
    yield made
    library.client.delete(f"{FILES}/{made}")


@pytest.fixture
def stranger(server):
    """A client of another tenant."""
    with server.client(server.new_key()) as client:
        yield client


@pytest.mark.parametrize("route", ATTEMPTS, ids=" ".join)
def test_another_tenants_documents_and_links_lead_nowhere(library, saved, stranger, route):
    """404 for single ones, absence from searches and batches, and nothing of the owner's has changed."""
    everything = [*library.documents, saved]
    before = [_state(library.client, one) for one in everything]
    ATTEMPTS[route](stranger, library, saved)
    assert [_state(library.client, one) for one in everything] == before


def _state(client, file_id):
    found = client.get(f"{FILES}/{file_id}").json()
    return {key: value for key, value in found.items() if not key.endswith("_url") or key == "source_url"}


def test_a_stranger_sees_none_of_it_in_lists(library, saved, stranger):
    """Neither by words nor by ids, nor in the list of documents."""
    wanted = ",".join([*library.documents, saved])
    for query in ({}, {"ids": wanted}, {"search": "lighthouse"}, {"media_types": "document,link"}, {"tags": "sea"}):
        assert ids(stranger, **query) == []
    assert stranger.get(DOCUMENTS).json()["total_count"] == 0
    for file_id in (*library.documents, saved):
        for path in ("", "/download", "/variant/original", "/variant/small_256"):
            expect_error(stranger.get(f"{FILES}/{file_id}{path}"), 404, "NOT_FOUND")
        expect_error(stranger.get(f"/api/v2/uploads/status/{file_id}"), 404, "NOT_FOUND")


def test_anothers_content_is_no_duplicate(library, stranger):
    """Nobody learns from an upload, or from a link, that somebody else has the same."""
    link = library.client.get(f"{DOCUMENTS}/{library.md}/download").headers["location"]
    data = library.client.get(link, headers={"Authorization": ""}).content
    assert data.startswith(b"# Charts")
    assert expect(send(stranger, data, "charts.md", skip_duplicates="true"), STREAM)["skipped"] is False
    assert save(stranger, f"{NOWHERE}lighthouse", auto_crawl=False)["is_duplicate"] is False


def test_the_owner_can_do_what_the_stranger_could_not(library, saved, stranger):
    """The attempts above fail for lack of right and for no other reason."""
    client = library.client
    assert search(client, "lighthouse", document_ids=library.documents)
    assert library.pdf in found_ids(client, "documents", "lighthouse", document_ids=library.documents)
    assert found_ids(client, "images", "quay", image_ids=[library.image]) == [library.image]
    assert saved in ids(client, search="lighthouse", media_types="link")
    assert client.post(f"{AGENTS}/documents", json={"query": "*"}).json()["count"] > 0
    for path in ("", "/text", "/chunks"):
        assert client.get(f"{DOCUMENTS}/{library.pdf}{path}").status_code == 200
    mine = expect(send(stranger, papers.note(), "mine.txt"), STREAM)["image_id"]
    assert ids(stranger) == [mine]
