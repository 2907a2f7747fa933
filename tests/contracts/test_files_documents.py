"""Documents among the files and by themselves: sections 3, 4 and 10 of the Files API, points 15 to 28 and 38 of the checklist."""

from __future__ import annotations

import io
from uuid import uuid4

import pytest
from PIL import Image

from tests.contracts import papers
from tests.contracts import vision_shapes as vision
from tests.contracts.file_library import PAGES
from tests.contracts.file_texts import (
    CHUNK,
    DOCUMENT_ITEM,
    DOCUMENTS,
    FILES,
    INFO,
    INFOS,
    KEYS,
    WHOLE_TEXT,
    chunks,
    detail,
    ids,
    listed,
    plainly,
    read,
    search,
    sent,
    whole_text,
)
from tests.contracts.shapes import ITEM, UPDATE, conforms, expect, expect_error

SIZES = ("tiny_64", "small_256", "medium_512", "medium_750", "large_1024")


# --------------------------------------------------------------------- among the files


def test_a_document_in_the_list_has_the_keys_of_documents_and_no_others(library):
    """27 seed keys, three extras and those of its type; a picture beside it has none of them."""
    page = library.client.get(FILES).json()
    assert page["total_count"] == 5
    for item in page["files"]:
        if item["id"] == library.image:
            conforms(item, ITEM)
            assert not item.keys() & (KEYS.keys() - ITEM.keys())
        else:
            conforms(item, DOCUMENT_ITEM)
    found = listed(library.client, library.pdf)
    assert (found["title"], found["filename"], found["tags"]) == ("Logbook", "logbook.pdf", ["sea", "log"])
    assert (found["document_type"], found["page_count"], found["text_extraction_status"]) == ("pdf", 3, "completed")
    assert found["chunk_count"] == len(chunks(library.client, library.pdf)) > 0
    assert (found["has_full_description"], found["upload_description"], found["visible_text"]) == (False, None, None)
    assert (found["content_created_at"], found["source_url"]) == (None, None)
    for document in library.documents:
        body, item = detail(library.client, document), listed(library.client, document)
        assert {key: body[key] for key in KEYS if key != "document_url"} == {
            key: item[key] for key in KEYS if key != "document_url"
        }


def test_a_document_in_detail_by_any_form_of_its_id(library):
    """The UUID in both cases and its first eight digits give the same."""
    found = detail(library.client, library.docx)
    for identity in (library.docx.upper(), library.docx[:8], library.docx[:8].upper()):
        again = detail(library.client, identity)
        assert again["id"] == library.docx
        assert again["processing_history"] == found["processing_history"]
    assert found["full_descriptions"] == []
    expect_error(library.client.get(f"{FILES}/{uuid4()}"), 404, "NOT_FOUND")


def test_the_list_is_filtered_by_media_type(library):
    """Types are ORed, and go together with other filters."""
    client = library.client
    assert set(ids(client, media_types="document")) == set(library.documents)
    assert set(ids(client, media_types="document,image")) == {*library.documents, library.image}
    assert ids(client, media_types="link") == ids(client, media_types="video") == []
    assert ids(client, media_types="document", tags="sea,log") == [library.pdf]
    assert set(ids(client, has_description="false", media_types="document")) == set(library.documents)
    assert ids(client, media_types="document", sort_by="created_at") == library.documents


@pytest.mark.parametrize(
    ("words", "found", "by_metadata"),
    [
        ("lighthouse", "pdf", False),
        ("LIGHTHOUSE barometer", "pdf", False),
        ("herring lighthouse", "pdf", False),
        ("logbook herring", "pdf", False),
        ("logbook", "pdf", True),
        ("sea", "pdf", True),
        ("bollards", "docx", False),
        ("fathoms", "docx", False),
        ("harbour rules", "docx", True),
        ("Größe", "txt", False),
        ("港湾", "txt", False),
        ("tides", "txt", True),
        ("wrecks orion", "md", False),
        ("charts.md", "md", True),
    ],
)
def test_words_are_found_in_names_and_texts(library, words, found, by_metadata):
    """`all` looks into the text of documents as well, `metadata` only at what is said of them, `visible_text` at neither."""
    document = getattr(library, found)
    assert ids(library.client, search=words) == [document]
    assert ids(library.client, search=words, search_mode="all", media_types="document") == [document]
    assert ids(library.client, search=words, search_mode="metadata") == ([document] if by_metadata else [])
    assert ids(library.client, search=words, search_mode="visible_text") == []


def test_a_new_title_keeps_the_words_of_the_text(client):
    """After an edit both are found, and the old title is not."""
    document = read(client, papers.note("periwinkle"), "a.txt", title="Anemone")
    body = expect(client.patch(f"{FILES}/{document}", json={"title": "Limpet", "tags": ["shore"]}), UPDATE)
    assert (body["title"], body["tags"]) == ("Limpet", ["shore"])
    assert ids(client, search="limpet periwinkle shore") == [document]
    assert ids(client, search="anemone") == []
    body = expect(client.patch(f"{DOCUMENTS}/{document}", json={"title": None}), UPDATE)
    assert (body["title"], body["tags"]) == (None, ["shore"])
    assert ids(client, search="periwinkle") == [document]
    assert len(search(client, "periwinkle")) == 1


def test_words_late_in_a_long_document_are_found(client):
    """What stands on the last of very many pages is found like what stands on the first."""
    pages = [" ".join(f"word{(page * 7 + index) % 2000}" for index in range(300)) for page in range(300)]
    document = read(client, "\n\n".join([*pages, "samphire and 潮汐表"]).encode(), "long.txt")
    for words in ("samphire", "word0 word1999 samphire", "samphire 潮"):
        assert ids(client, search=words) == [document], words
    assert [one["document_id"] for one in search(client, "samphire", limit=1)] == [document]


def test_a_phrase_without_spaces_is_found_behind_many_words(client):
    """Chinese behind twenty thousand English words is found as it is before them."""
    document = read(client, f"{'harbour master ' * 10_000}\n\n潮汐表".encode(), "long.txt")
    assert ids(client, search="潮汐表") == [document]


def test_original_and_pictures_of_a_document(library, browser):
    """`original` is the file; a size redirects where there is a picture of the first page, and is a plain 404 where not."""
    client = library.client
    for document in library.documents:
        answer = client.get(f"{FILES}/{document}/variant/original")
        assert answer.status_code == 302
        assert browser.get(answer.headers["location"]).status_code == 200
        links = listed(client, document)
        for name in SIZES:
            answer = client.get(f"{FILES}/{document}/variant/{name}")
            if links["thumbnail_url"] is None:
                expect_error(answer, 404, "NOT_FOUND")
                assert "retry-after" not in answer.headers
                continue
            assert answer.status_code == 302
            shown = browser.get(answer.headers["location"])
            assert shown.headers["content-type"].startswith("image/")
            assert max(Image.open(io.BytesIO(shown.content)).size) <= int(name.rpartition("_")[2])
        for name in ("huge_4096", "small", "%00"):
            expect_error(client.get(f"{FILES}/{document}/variant/{name}"), 404, "NOT_FOUND")
        for key in ("thumbnail_url", "medium_url", "full_url"):
            assert links[key] is None or browser.get(links[key]).headers["content-type"].startswith("image/")
        expect_error(client.post(f"{FILES}/{document}/trigger-variants"), 400, "VALIDATION_ERROR")
    assert listed(client, library.pdf)["thumbnail_url"], "the first page of a PDF can be drawn"


def test_a_download_is_an_attachment_under_its_own_name(client, browser):
    """Names of any letters, with quotes and line breaks, are safe; part of a file can be asked for."""
    data = papers.note("a" * 1000)
    for name in ('größe "港".txt', "plain.txt"):
        document = sent(client, data, name)
        for path in (f"{FILES}/{document}/download", f"{DOCUMENTS}/{document}/download"):
            answer = client.get(path)
            assert answer.status_code == 302
            whole = browser.get(answer.headers["location"])
            assert whole.content == data
            disposition = whole.headers["content-disposition"]
            assert disposition.startswith("attachment;")
            assert "\r" not in disposition
            part = browser.get(answer.headers["location"], headers={"Range": "bytes=10-19"})
            assert (part.status_code, part.content) == (206, data[10:20])
    for path in (f"{DOCUMENTS}/{uuid4()}/download", f"{FILES}/{uuid4()}/download"):
        expect_error(client.get(path), 404, "NOT_FOUND")


def test_documents_and_other_media_keep_apart(library):
    """A picture is no document to any route of documents, and a document no picture to those of pictures."""
    client, image = library.client, library.image
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/text"),
        ("GET", "/chunks"),
        ("GET", "/download"),
    ):
        options = {"json": {"title": "x"}} if method == "PATCH" else {}
        for file_id in (image, uuid4()):
            expect_error(client.request(method, f"{DOCUMENTS}/{file_id}{path}", **options), 404, "NOT_FOUND")
        expect_error(client.request(method, f"{DOCUMENTS}/nonsense{path}", **options), 422, "VALIDATION_ERROR")
    document = library.pdf
    assert client.get(f"/images/{document}").status_code == 404
    assert document not in vision.ids(client.get("/images"))
    expect_error(client.get(f"/api/v2/colors/images/{document}"), 404, "NOT_FOUND")
    queued = client.post("/api/v2/colors/batch/extract", json={"image_ids": [document], "force": True}).json()
    assert queued["queued_count"] == 0
    expect_error(client.get(f"/api/v2/videos/{document}/scenes"), 404, "NOT_FOUND")
    expect_error(client.post("/api/v2/video-analysis/queue", json={"media_id": document}), 404, "NOT_FOUND")


# ----------------------------------------------------------------------- by themselves


def test_documents_are_listed_newest_first_by_pages(library):
    """Every document once, whatever the size of a page; `has_more` is false on the last one and beyond."""
    client = library.client
    whole = expect(client.get(DOCUMENTS), INFOS)
    assert [one["id"] for one in whole["documents"]] == library.documents
    assert (whole["total_count"], whole["page"], whole["page_size"], whole["has_more"]) == (4, 1, 20, False)
    for size in (1, 3, 4):
        pages = [expect(client.get(DOCUMENTS, params={"page": page, "page_size": size}), INFOS) for page in range(1, 6)]
        assert [one["id"] for page in pages for one in page["documents"]] == library.documents
        assert [page["has_more"] for page in pages] == [size * number < 4 for number in range(1, 6)]
        assert {(page["total_count"], page["page_size"]) for page in pages} == {(4, size)}
        assert [page["page"] for page in pages] == list(range(1, 6))
    done = expect(client.get(DOCUMENTS, params={"status_filter": "completed"}), INFOS)
    assert done["documents"] == whole["documents"]
    for word in ("pending", "processing", "failed"):
        page = expect(client.get(DOCUMENTS, params={"status_filter": word}), INFOS)
        assert (page["documents"], page["total_count"], page["has_more"]) == ([], 0, False)


def test_what_is_said_of_a_document(library):
    """The nine keys of DocumentInfo, the same alone and in the list."""
    client = library.client
    for one in client.get(DOCUMENTS).json()["documents"]:
        assert expect(client.get(f"{DOCUMENTS}/{one['id'].upper()}"), INFO) == one
        found = detail(client, one["id"])
        assert (one["filename"], one["size_bytes"]) == (found["original_filename"], found["size_bytes"])
        assert one["extraction_status"] == one["text_extraction_status"] == "completed"
        for key in ("content_type", "page_count", "chunk_count", "created_at"):
            assert one[key] == found[key]


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"page": -1},
        {"page": "x"},
        {"page_size": 0},
        {"page_size": 101},
        {"status_filter": "done"},
        {"status_filter": ""},
    ],
    ids=str,
)
def test_bad_parameters_of_the_list_are_422(library, query):
    """Pages from 1, sizes from 1 to 100, and the four words."""
    expect_error(library.client.get(DOCUMENTS, params=query), 422, "VALIDATION_ERROR")


@pytest.mark.parametrize("page", [1000, 2**31, 2**62])
def test_a_page_beyond_the_end_is_empty(library, page):
    """However far: no number is too large to be beyond the end."""
    body = expect(library.client.get(DOCUMENTS, params={"page": page}), INFOS)
    assert (body["documents"], body["total_count"], body["has_more"]) == ([], 4, False)


def test_the_text_of_each_kind(library):
    """All of it in its order, whatever the format; PDFs have their pages counted."""
    client = library.client
    text = plainly(whole_text(client, library.pdf))
    places = [text.index(plainly(page)) for page in PAGES]
    assert places == sorted(places)
    assert expect(client.get(f"{DOCUMENTS}/{library.pdf}/text"), WHOLE_TEXT)["page_count"] == 3
    text = plainly(whole_text(client, library.docx))
    words = ["Moorings", "renewed every spring", "Bollards", "painted black", "Draught", "4.2 fathoms"]
    assert [text.index(word) for word in words] == sorted(text.index(word) for word in words)
    assert "Größe and 港湾都市" in whole_text(client, library.txt)
    assert "Soundings in metres" in whole_text(client, library.md)


def test_chunks_hold_the_text_with_pages_and_headings(library):
    """Each page's words are in a chunk that names the page, and what stands under headings tells them."""
    client = library.client
    for document in library.documents:
        found = chunks(client, document)
        together = plainly(" ".join(one["content"] for one in found))
        for word in plainly(whole_text(client, document)).split():
            assert word.strip("#-*|") in together
        assert {one["document_filename"] for one in found} == {detail(client, document)["original_filename"]}
        assert all("embedding" not in (one["metadata"] or {}) for one in found)
        counts = client.get(f"{DOCUMENTS}/{document}/chunks").json()["status_counts"]
        assert counts is None or sum(counts.values()) == len(found)
    for number, page in enumerate(PAGES, 1):
        (holding,) = [one for one in chunks(client, library.pdf) if plainly(page) in plainly(one["content"])]
        assert number in holding["page_numbers"]
    assert all(one["page_numbers"] is None or min(one["page_numbers"]) >= 1 for one in chunks(client, library.docx))
    iron = next(one for one in chunks(client, library.docx) if "Cast iron" in one["content"])
    assert {"Moorings", "Bollards"} & set(iron["heading_hierarchy"] or [])
    wreck = next(one for one in chunks(client, library.md) if "Orion" in one["content"])
    assert {"Charts", "Wrecks"} & set(wreck["heading_hierarchy"] or [])


def test_embeddings_come_when_asked_for(library):
    """`metadata.embedding` is an array of numbers, as long for each chunk, and only then."""
    answer = library.client.get(f"{DOCUMENTS}/{library.pdf}/chunks", params={"include_embeddings": "true"})
    made = [one["metadata"].get("embedding") for one in answer.json()["chunks"]]
    lengths = {len(vector) for vector in made if vector is not None}
    assert len(lengths) <= 1
    assert all(isinstance(value, float) for vector in made if vector is not None for value in vector)
    for one in answer.json()["chunks"]:
        conforms(one, CHUNK)
    path = f"{DOCUMENTS}/{library.pdf}/chunks"
    expect_error(library.client.get(path, params={"include_embeddings": "maybe"}), 422, "VALIDATION_ERROR")
