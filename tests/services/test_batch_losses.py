"""A content that a client was told is here already stays here, and an answer that was lost changes nothing."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from calotype.domain.errors import InvalidInput
from tests.services.batches import (
    PLAIN,
    SKIPPED,
    STORED,
    ForgetfulDatabase,
    counts,
    live,
    options,
    outcomes,
    send,
    summary,
    until_blocked,
)
from tests.services.library import chunks, photo


async def test_a_copy_stays_when_the_first_is_deleted_before_it_is_taken_back(library):
    """A content is never given up in favour of one that is going into the trash."""
    data = photo()
    first = await library.take_in(data, "first.jpg", auto_describe=False)

    async with library.services.batch_uploads.reading(library.scope) as batch:
        await batch.take("copy.jpg", chunks(data), PLAIN)
        await batch._end_storing()
        with psycopg.connect(library._database_url) as deleting:
            deleting.execute("UPDATE asset SET deleted_at = now() WHERE id = %s", (first,))
            finishing = asyncio.create_task(batch.finish(options(skip_duplicates=True)))
            # Either it waits for the deletion, or it has looked already and ends.
            blocked = asyncio.create_task(until_blocked(library))
            await asyncio.wait([finishing, blocked], return_when=asyncio.FIRST_COMPLETED)
            blocked.cancel()
            deleting.commit()
        result = await finishing

    assert list(live(library)) == ["copy.jpg"]
    assert outcomes(result) == [STORED]


async def test_a_refused_batch_keeps_what_a_late_skip_of_another_batch_relies_on(library):
    """Who was told that the content is here may delete his own; so it stays, although its batch is refused."""
    data = photo()
    results = []

    async def refused():
        async with library.services.batch_uploads.reading(library.scope) as batch:
            await batch.take("first.jpg", chunks(data), PLAIN)
            await batch._end_storing()
            results.append(await send(library, [("copy.jpg", data)], late=options(skip_duplicates=True)))
            raise InvalidInput("a bad field behind the files")

    with pytest.raises(InvalidInput):
        await refused()

    (result,) = results
    assert outcomes(result) == [SKIPPED]
    assert live(library) == {"first.jpg": result.items[0].asset_id}
    assert len(library.objects()) == 1


async def test_a_duplicate_whose_commit_was_not_answered_is_skipped_all_the_same(library, monkeypatch):
    """What the session says of a file is what its client is told."""
    one = photo()
    first = await library.take_in(one)
    ingest = library.services.ingest
    monkeypatch.setattr(ingest, "_database", ForgetfulDatabase(ingest._database))

    result = await send(library, [("a.jpg", photo()), ("copy.jpg", one)], options(skip_duplicates=True))

    assert outcomes(result) == [STORED, SKIPPED]
    assert result.items[1].asset_id == first
    assert all(item.error is None and item.media for item in result.items)
    assert counts(await summary(library, result.session_id)) == (0, 0, 1, 1)
