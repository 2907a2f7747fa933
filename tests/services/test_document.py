"""Documents as they are listed, read, changed and deleted, with real children reading them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from calotype.domain.asset import State
from calotype.domain.deletion import Fate
from calotype.domain.document import BlockKind
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.errors import Conflict, NotFound, NotReady, Refused, UndecodableDocument, Unsupported
from calotype.domain.listing import Window
from calotype.domain.upload import UploadOptions
from calotype.services.batch_upload import BatchOptions
from tests.documents_made import made_docx, text_pdf
from tests.services.library import chunks, photo

TEXT = "The harbour lies in fog.\n\nNobody rows on such a day.\n"


async def read_for_real(library, data, filename, **options):
    """Upload a document and have the library's own children read it; returns its id."""
    asset_id = await library.take_in(data, filename, **options)
    await library.services.extraction.extract(library.scope, asset_id, 1)
    return asset_id


def a_report(document):
    """What stands in a file of Word."""
    document.add_heading("Of fog", 1)
    document.add_paragraph("The harbour lies in fog.")


@pytest.mark.parametrize(
    ("data", "filename", "format_", "pages"),
    [
        (TEXT.encode(), "a.txt", "txt", None),
        (b"# Of fog\n\n" + TEXT.encode("utf-8"), "a.md", "md", None),
        (text_pdf([["The harbour lies in fog."], ["Nobody rows."]]), "a.pdf", "pdf", 2),
        (made_docx(a_report), "a.docx", "docx", None),
    ],
    ids=["txt", "md", "pdf", "docx"],
)
async def test_a_document_of_each_format_is_read(library, data, filename, format_, pages):
    """From the upload to the text, the passages with their vectors, and the picture of its first page."""
    asset_id = await read_for_real(library, data, filename)
    found = await library.services.documents.text(library.scope, asset_id)
    asset = found.document.asset
    assert (asset.text_status, asset.text_error, asset.format) == (State.COMPLETED, None, format_)
    assert "The harbour lies in fog." in found.text
    assert format_ == "docx" or found.document.document.page_count == pages
    assert asset.variants
    made = await library.services.documents.chunks(library.scope, asset_id, with_vectors=True)
    assert [one.chunk.index for one in made.chunks] == list(range(found.document.document.chunk_count))
    assert sorted(made.vectors) == list(range(len(made.chunks)))
    first = made.chunks[0].chunk
    assert (first.page_numbers is None) == (pages is None)
    if format_ in {"md", "docx"}:
        assert (first.kind, first.headings) == (BlockKind.HEADING, ("Of fog",))


async def test_an_empty_text_is_read_and_has_no_passages(library):
    """A file of blanks is a document with nothing in it."""
    asset_id = await read_for_real(library, b" \n\t\n ", "blank.txt")
    found = await library.services.documents.text(library.scope, asset_id)
    assert (found.text.strip(), found.document.document.chunk_count) == ("", 0)
    assert (await library.services.documents.chunks(library.scope, asset_id)).chunks == ()


async def test_a_damaged_pdf_is_kept_and_says_why_it_has_no_text(library):
    """It is somebody's file; its extraction has failed."""
    asset_id = await read_for_real(library, b"%PDF-1.7\nnothing of the kind", "broken.pdf")
    asset = await library.asset(asset_id)
    assert asset.text_status is State.FAILED
    assert asset.text_error
    with pytest.raises(Conflict):
        await library.services.documents.text(library.scope, asset_id)


@pytest.mark.parametrize(
    ("data", "filename", "fault"),
    [
        (b"PK\x03\x04" + b"\0" * 200, "a.docx", UndecodableDocument),
        (b"text" * 30_000 + b"\0", "a.txt", Unsupported),
        (b"just text", "a.dat", Unsupported),
    ],
)
async def test_what_is_no_document_is_refused_and_leaves_nothing(library, data, filename, fault):
    """Whether it comes alone, or small with others: the object is removed again, and there is no row."""
    with pytest.raises(fault):
        await library.take_in(data, filename)
    async with library.services.batch_uploads.reading(library.scope, ()) as batch:
        await batch.take(filename, chunks(data), BatchOptions(UploadOptions()))
        result = await batch.finish(BatchOptions(UploadOptions()))
    ((rejection,), items) = result.rejections, result.items
    assert (rejection.retryable, items) == (False, ())
    assert library.objects() == set()
    assert (await library.services.documents.page(library.scope, None, Window(10, 0))).total_count == 0


async def test_documents_are_listed_newest_first_and_by_their_state(library):
    """Live ones of this tenant only, with an exact count, a window at a time; past the end is nothing."""
    ids = [await library.take_in(f"Text {number}".encode(), "a.txt") for number in range(4)]
    await library.take_in(photo())
    await library.services.links.save(library.scope, "https://example.org/")
    neighbour = await library.neighbour()
    await neighbour.take_in(b"Their text", "a.txt")
    await library.services.extraction.extract(library.scope, ids[1], 1)
    await library.services.trash.delete(library.scope, ids[0])

    async def page(status=None, limit=10, offset=0):
        found = await library.services.documents.page(library.scope, status, Window(limit, offset))
        return [one.asset.id for one in found.documents], found.total_count

    assert await page() == ([ids[3], ids[2], ids[1]], 3)
    assert await page(limit=1, offset=1) == ([ids[2]], 3)
    assert await page(State.COMPLETED) == ([ids[1]], 1)
    assert await page(State.PENDING) == ([ids[3], ids[2]], 2)
    assert await page(State.FAILED) == ([], 0)
    assert await page(offset=2**62) == ([], 3)


async def test_other_files_and_other_tenants_documents_are_not_found(library):
    """Whatever is asked of them, pictures and links least of all."""
    documents = library.services.documents
    foreign = await (await library.neighbour()).take_in(b"Their text", "a.txt")
    link = (await library.services.links.save(library.scope, "https://example.org/")).asset.id
    for asset_id in (await library.take_in(photo()), link, foreign, uuid4()):
        for asked in (
            documents.get(library.scope, asset_id),
            documents.text(library.scope, asset_id),
            documents.chunks(library.scope, asset_id),
            documents.update(library.scope, asset_id, {"title": "Mine"}),
            documents.delete(library.scope, asset_id),
            documents.extract_again(library.scope, asset_id),
        ):
            with pytest.raises(NotFound):
                await asked
        (outcome,) = await documents.delete_many(library.scope, [asset_id])
        assert (outcome.fate, outcome.message) == (Fate.FAILED, "File not found")


async def test_a_document_being_read_is_not_deleted_as_a_document(library):
    """By the routes of documents and with others it is passed over; as a single file it goes."""
    busy, free = [await library.take_in(f"Text {number}".encode(), "a.txt") for number in range(2)]
    library.sql("UPDATE asset SET text_status = 'processing' WHERE id = %s", busy)
    with pytest.raises(Conflict):
        await library.services.documents.delete(library.scope, busy)
    gone = await library.services.documents.delete_many(library.scope, [busy, free])
    assert [(one.asset_id, one.fate) for one in gone] == [(busy, Fate.SKIPPED), (free, Fate.DELETED)]
    assert [one.fate for one in await library.services.trash.delete_many(library.scope, [busy])] == [Fate.SKIPPED]
    await library.services.trash.delete(library.scope, busy)
    with pytest.raises(NotFound):
        await library.services.documents.delete(library.scope, busy)


async def test_a_deleted_document_is_nowhere_and_comes_back_whole(library):
    """Its passages are in no search meanwhile; once it is purged nothing of it is left."""
    documents = library.services.documents
    asset_id = await read_for_real(library, TEXT.encode(), "a.txt")
    before = await documents.chunks(library.scope, asset_id, with_vectors=True)
    await documents.delete(library.scope, asset_id)
    with pytest.raises(NotFound):
        await documents.chunks(library.scope, asset_id)
    await library.services.trash.restore(library.scope, asset_id)
    after = await documents.chunks(library.scope, asset_id, with_vectors=True)
    assert (after.chunks, after.vectors) == (before.chunks, before.vectors)
    assert library.jobs(asset_id) == []
    await documents.delete(library.scope, asset_id)
    await library.services.trash.purge_due()
    assert library.objects() == set()
    for table in ("document", "document_chunk", "asset_text", "embedding"):
        assert library.sql(f"SELECT 1 FROM {table} WHERE asset_id = %s", asset_id) == []


async def test_what_pictures_have_documents_and_links_have_not(library):
    """No run of variants, no variant before there is one, though a document gets one; a link has no original either."""
    assets = library.services.assets
    document = await library.take_in(TEXT.encode(), "a.txt")
    link = (await library.services.links.save(library.scope, "https://example.org/", crawl=False)).asset.id
    for asset_id in (document, link):
        with pytest.raises(Refused):
            await assets.trigger_variants(library.scope, asset_id)
    with pytest.raises(NotFound) as refused:
        await assets.with_variant(library.scope, link, "small_256")
    assert not isinstance(refused.value, NotReady)
    with pytest.raises(NotReady):
        await assets.with_variant(library.scope, document, "small_256")
    assert (await assets.with_variant(library.scope, document, "original"))[1] is None
    with pytest.raises(NotFound):
        await assets.with_variant(library.scope, link, "original")
    with pytest.raises(Refused):
        await assets.original(library.scope, link)
    await library.services.extraction.extract(library.scope, document, 1)
    assert (await assets.with_variant(library.scope, document, "small_256"))[1] is not None


async def test_a_change_of_a_documents_title_leaves_its_vectors_alone(library):
    """They are of its passages, in which the title does not stand: nothing is stale, and nobody has work."""
    asset_id = await read_for_real(library, TEXT.encode(), "a.txt")
    library.sql("DELETE FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(asset_id))
    await library.services.documents.update(library.scope, asset_id, {"title": "North pier", "tags": ["a"]})
    assert library.jobs(asset_id) == []
    assert library.sql("SELECT 1 FROM stale_embedding WHERE asset_id = %s", asset_id) == []
    rows = library.sql("SELECT DISTINCT source FROM embedding WHERE asset_id = %s", asset_id)
    assert rows == [(EmbeddingSource.CHUNK.value,)]


async def test_two_texts_of_the_same_bytes_are_one_content(library):
    """Whatever their names: the second is skipped, and answers with what the first one is."""
    first = await library.take_in(TEXT.encode(), "a.md")
    received = await library.services.ingest.receive(library.scope, "b.txt", chunks(TEXT.encode()))
    again = await library.services.ingest.accept(received, UploadOptions(skip_duplicates=True))
    assert (again.asset_id, again.is_duplicate) == (first, True)
    assert (again.media.format, again.text_status) == ("md", State.PENDING)
