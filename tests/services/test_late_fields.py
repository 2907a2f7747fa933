"""Fields that stand behind the files are applied to those before them."""

from __future__ import annotations

import asyncio

from calotype.db.session_file import select_other_copy
from calotype.domain.upload_session import BatchStatus, FileOutcome, SessionStatus
from calotype.services import late_fields
from calotype.services.batch_upload import BatchOptions
from tests.services.batches import (
    PLAIN,
    SKIPPED,
    STORED,
    counts,
    live,
    options,
    outcomes,
    photos,
    progress,
    rows,
    send,
    summary,
    work,
)
from tests.services.library import chunks, photo

# ------------------------------------------------------------------ late fields


async def test_tags_behind_the_files_are_set_on_all_of_them_and_can_be_searched(library):
    """The place of a field in the form makes no difference."""
    result = await send(library, photos(3), late=options(tags=("harbour", "tern")))

    for item in result.items:
        assert (await library.asset(item.asset_id)).tags == ("harbour", "tern")
    found = library.sql(
        "SELECT count(*) FROM asset WHERE tenant_id = %s AND search @@ to_tsquery('simple', 'harbour')",
        library.scope.tenant_id,
    )
    assert found == [(3,)]


async def test_tags_between_the_files_are_set_on_those_before_and_after(library):
    """Every file gets what the whole form says."""
    async with library.services.batch_uploads.reading(library.scope) as batch:
        await batch.take("a.jpg", chunks(photo()), PLAIN)
        await batch.take("b.jpg", chunks(photo()), options(tags=("one",)))
        result = await batch.finish(options(tags=("one", "two")))

    assert [(await library.asset(item.asset_id)).tags for item in result.items] == [("one", "two")] * 2


async def test_a_file_deleted_before_the_late_fields_come_costs_no_other(library):
    """Who deletes one file of a batch under way does not lose the rest of it."""
    async with library.services.batch_uploads.reading(library.scope) as batch:
        for name, data in photos(3):
            await batch.take(name, chunks(data), PLAIN)
        await batch._end_storing()
        gone = live(library)["1.jpg"]
        await library.services.trash.delete(library.scope, gone)
        result = await batch.finish(options(tags=("late",)))

    assert result.status is BatchStatus.COMPLETED
    assert set(live(library)) == {"0.jpg", "2.jpg"}
    assert [(await library.asset(asset_id)).tags for asset_id in live(library).values()] == [("late",)] * 2
    assert rows(library, result.session_id)[1][1:3] == ("skipped", "Deleted")


async def test_auto_describe_false_behind_the_files_drops_descriptions_not_begun(library):
    """What is described already stays so; the others are not described, and the session waits for none of them."""
    described = options(auto_describe=True)
    async with library.services.batch_uploads.reading(library.scope) as batch:
        for name, data in photos(3):
            await batch.take(name, chunks(data), described)
        await batch._end_storing()
        ids = live(library)
        await work(library, ids["0.jpg"])
        await library.services.pictures.make_variants(library.scope, ids["1.jpg"], 1)
        result = await batch.finish(options(auto_describe=False))
    assert counts(await summary(library, result.session_id)) == (2, 0, 0, 1)
    for asset_id in ids.values():
        await work(library, asset_id)

    assert [(await library.asset(ids[f"{index}.jpg"])).has_description for index in range(3)] == [True, False, False]
    found = await summary(library, result.session_id)
    assert (found.status, counts(found)) == (SessionStatus.COMPLETED, (3, 0, 0, 0))


async def test_skip_duplicates_behind_the_files_keeps_the_first_of_each_content(library):
    """Copies that were stored are taken back in favour of the oldest, whether it was there before or came in this batch."""
    old, new = photo(), photo()
    first = await library.take_in(old, "old.jpg", auto_describe=False)

    files = [("new.jpg", new), ("copy.jpg", old), ("again.jpg", new), ("other.jpg", photo()), ("third.jpg", new)]
    result = await send(library, files, late=options(skip_duplicates=True))

    assert outcomes(result) == [STORED, SKIPPED, SKIPPED, STORED, SKIPPED]
    kept = live(library)
    assert set(kept) == {"old.jpg", "new.jpg", "other.jpg"}
    assert [item.asset_id for item in result.items] == [
        kept["new.jpg"],
        first,
        kept["new.jpg"],
        kept["other.jpg"],
        kept["new.jpg"],
    ]
    assert counts(await summary(library, result.session_id)) == (0, 0, 3, 2)


async def test_variants_made_while_a_copy_is_taken_back_go_with_it(library, monkeypatch):
    """Between being found and being locked a copy may be developed; none of its objects stays."""
    data = photo()
    first = await library.take_in(data, auto_describe=False)
    before = library.objects()

    async def developed_meanwhile(connection, scope, session_id, asset):
        other = await select_other_copy(connection, scope, session_id, asset)
        await library.services.pictures.make_variants(library.scope, asset.id, 1)
        return other

    monkeypatch.setattr(late_fields, "select_other_copy", developed_meanwhile)
    described = options(auto_describe=True)
    result = await send(
        library, [("copy.jpg", data)], described, late=options(auto_describe=True, skip_duplicates=True)
    )

    assert [(item.outcome, item.asset_id) for item in result.items] == [(SKIPPED, first)]
    assert library.objects() == before


async def test_two_batches_at_once_that_skip_duplicates_late_keep_each_content_once(library):
    """Copies taken back by both never leave a content without any live file."""
    for _ in range(4):
        other = await library.neighbour()
        contents = [photo() for _ in range(6)]
        await asyncio.gather(
            *(
                send(other, [(f"{i}.jpg", data) for i, data in enumerate(order)], late=options(skip_duplicates=True))
                for order in (contents, contents[::-1])
            )
        )

        found = other.sql(
            "SELECT count(*), count(DISTINCT checksum) FROM asset WHERE tenant_id = %s AND deleted_at IS NULL",
            other.scope.tenant_id,
        )
        assert found == [(6, 6)]


async def test_late_fields_change_no_session_that_was_cancelled_meanwhile(library):
    """A copy in a session that is over keeps the outcome it was told with."""
    data = photo()
    async with library.services.batch_uploads.reading(library.scope) as batch:
        for name in ("a.jpg", "b.jpg"):
            await batch.take(name, chunks(data), PLAIN)
        await batch._end_storing()
        for asset_id in live(library).values():
            await work(library, asset_id)
        session_id = batch.session_id
        told = await library.services.sessions.cancel(library.scope, session_id)
        await batch.finish(options(skip_duplicates=True))

    assert await progress(library, session_id) == told
    assert counts(told.summary) == (2, 0, 0, 0)
    assert set(live(library)) == {"a.jpg", "b.jpg"}


async def test_intent_and_verification_level_are_kept_as_sent(library):
    """Nobody is told of them, but they are there."""
    result = await send(library, photos(1), BatchOptions(PLAIN.upload, "verify", "thorough"))

    found = library.sql("SELECT intent, verification_level FROM upload_session WHERE id = %s", result.session_id)
    assert found == [("verify", "thorough")]
    assert result.items[0].outcome is FileOutcome.COMPLETED


async def test_what_a_batch_is_for_may_stand_behind_its_files(library):
    """`intent` and `verification_level` are kept with the session wherever they stood."""
    late = BatchOptions(PLAIN.upload, "verify", "thorough")
    result = await send(library, photos(2), late=late)
    found = library.sql("SELECT intent, verification_level FROM upload_session WHERE id = %s", result.session_id)
    assert found == [("verify", "thorough")]


async def test_a_copy_that_was_begun_first_and_seen_last_is_taken_back(library):
    """Of two batches at once with the same content one copy stays, though the older row is written after the younger."""
    data = photo()
    reading = library.services.batch_uploads.reading
    async with reading(library.scope) as a, reading(library.scope) as b:
        await a.take("a.jpg", chunks(data), PLAIN)
        await a.finish(options(skip_duplicates=True))
        await b.take("b.jpg", chunks(data), PLAIN)
        await b._end_storing()
        library.sql(
            "UPDATE asset SET created_at = created_at - interval '1 minute' "
            "WHERE tenant_id = %s AND original_filename = 'b.jpg' RETURNING 1",
            library.scope.tenant_id,
        )
        await b.finish(options(skip_duplicates=True))
    names = library.sql(
        "SELECT original_filename FROM asset WHERE tenant_id = %s AND deleted_at IS NULL", library.scope.tenant_id
    )
    assert names == [("a.jpg",)]
