"""The life of an upload session from its first file to the last, and after its files are gone."""

from __future__ import annotations

from uuid import uuid4

import pytest

from calotype.domain.asset import State
from calotype.domain.errors import NotFound, UndecodablePicture
from calotype.domain.upload_session import FileOutcome, SessionStatus
from tests.services.batches import (
    PLAIN,
    cancel,
    counts,
    live,
    options,
    photos,
    progress,
    send,
    summary,
    work,
)
from tests.services.library import chunks


async def test_a_session_goes_from_uploading_over_pending_and_processing_to_completed(library):
    """Each step of the work shows in the numbers, and only the last one ends it."""
    async with library.services.batch_uploads.reading(library.scope) as batch:
        for name, data in photos(3):
            await batch.take(name, chunks(data), PLAIN)
        await batch._end_storing()
        seen = [await summary(library, batch.session_id)]
        await batch.finish(PLAIN)
    seen.append(await summary(library, batch.session_id))
    for asset_id in live(library).values():
        await work(library, asset_id)
        seen.append(await summary(library, batch.session_id))

    assert [found.status.value for found in seen] == ["uploading", "pending", "processing", "processing", "completed"]
    assert [counts(found)[0] for found in seen] == [0, 0, 1, 2, 3]
    assert [found.percentage for found in seen] == [0.0, 0.0, 33.3, 66.7, 100.0]
    assert all(found.completed_at is None for found in seen[:-1])
    assert seen[-1].completed_at > seen[-1].started_at


async def test_a_file_is_completed_when_variants_and_description_have_ended_however_the_description_ended(library):
    """A description that fails does not fail its file; variants that fail do, with their reason."""
    given = options(auto_describe=True)
    result = await send(library, photos(3), given)
    good, undescribed, broken = [await library.asset(item.asset_id) for item in result.items]

    await library.services.pictures.make_variants(library.scope, good.id, 1)
    assert counts(await summary(library, result.session_id)) == (0, 0, 0, 3)
    await work(library, good.id)
    await library.services.descriptions._fail(undescribed, "no words")
    assert counts(await summary(library, result.session_id)) == (1, 0, 0, 2)
    await library.services.pictures.make_variants(library.scope, undescribed.id, 1)
    await library.services.pictures._fail(broken, "cannot be decoded")

    found = await progress(library, result.session_id)
    assert counts(found.summary) == (2, 1, 0, 0)
    assert found.summary.status is SessionStatus.COMPLETED
    assert [(error.index, error.error, error.retryable) for error in found.errors] == [(2, "cannot be decoded", False)]
    assert [file.index for file in found.recent] == [2, 1, 0]
    assert found.recent[2].description == (await library.asset(good.id)).description[:100]


async def test_a_session_all_of_whose_files_failed_has_failed(library):
    """One that did not is enough for completed, none is failed."""
    result = await send(library, photos(2))
    for item in result.items:
        await library.services.pictures._fail(await library.asset(item.asset_id), "broken")

    assert (await summary(library, result.session_id)).status is SessionStatus.FAILED


async def test_work_that_fails_late_does_not_undo_what_was_decided_meanwhile(library, developed, monkeypatch):
    """A development that fails after its description was dropped leaves the description dropped."""
    result = await send(library, photos(1), options(auto_describe=True))
    asset_id = result.items[0].asset_id

    async def drop_and_fail(*_, **__):
        library.sql("UPDATE asset SET description_status = 'skipped' WHERE id = %s", asset_id)
        raise UndecodablePicture("broken")

    monkeypatch.setattr(library.services.pictures, "_develop", drop_and_fail)
    await library.services.pictures.make_variants(library.scope, asset_id, 1)

    asset = await library.asset(asset_id)
    assert (asset.variant_status, asset.description_status) == (State.FAILED, State.SKIPPED)
    assert counts(await summary(library, result.session_id)) == (0, 1, 0, 0)


async def test_results_are_the_ended_files_in_the_order_sent(library):
    """Windows, the filter of failed files and the numbers belong together."""
    result = await send(library, photos(6))
    ids = [item.asset_id for item in result.items]
    for index in (4, 0, 3, 1):
        await work(library, ids[index])
    await library.services.pictures._fail(await library.asset(ids[5]), "broken")

    async def window(**asked):
        asked = {"include_failed": True, "offset": 0, "limit": 100, **asked}
        return await library.services.sessions.results(library.scope, result.session_id, **asked)

    whole = await window()
    assert [file.index for file in whole.files] == [0, 1, 3, 4, 5]
    assert whole.total_count == 5
    assert set(whole.assets) == {ids[index] for index in (0, 1, 3, 4, 5)}
    assert [file.index for file in (await window(offset=1, limit=2)).files] == [1, 3]
    good = await window(include_failed=False, offset=3)
    assert ([file.index for file in good.files], good.total_count) == ([4], 4)
    assert counts(good.summary) == (4, 1, 0, 1)
    assert ((await window(offset=99)).files, (await window(offset=99)).total_count) == ((), 5)


async def test_sessions_are_listed_newest_first_by_status_and_window(library):
    """The status that is computed can be asked for, and totals are those of all that match."""
    results = [await send(library, photos(1)) for _ in range(4)]
    await work(library, results[1].items[0].asset_id)
    await cancel(library, results[2].session_id)

    async def listed(status=None, offset=0, limit=20):
        page = await library.services.sessions.page(library.scope, status, offset, limit)
        return [session.id for session in page.sessions], page.total_count

    ids = [result.session_id for result in results]
    assert await listed() == (ids[::-1], 4)
    assert await listed(SessionStatus.PENDING) == ([ids[3], ids[0]], 2)
    assert await listed(SessionStatus.COMPLETED) == ([ids[1]], 1)
    assert await listed(SessionStatus.CANCELLED) == ([ids[2]], 1)
    assert await listed(SessionStatus.EXPIRED) == ([], 0)
    assert await listed(offset=1, limit=2) == ([ids[2], ids[1]], 4)
    assert await listed(offset=9) == ([], 4)
    assert await listed(SessionStatus.PENDING, offset=9) == ([], 2)


async def test_another_tenants_session_is_not_there(library):
    """Neither looking nor cancelling tells that it exists, and cancelling does nothing."""
    result = await send(library, photos(1))
    other = await library.neighbour()
    sessions = other.services.sessions

    for call in (
        sessions.progress(other.scope, result.session_id),
        sessions.cancel(other.scope, result.session_id),
        sessions.results(other.scope, result.session_id, include_failed=True, offset=0, limit=1),
        sessions.cancel(other.scope, uuid4()),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await sessions.page(other.scope, None, 0, 10)).total_count == 0
    assert (await summary(library, result.session_id)).status is SessionStatus.PENDING


# ------------------------------------------------------------ deletion and trash


async def test_a_file_deleted_while_it_waits_is_skipped_and_stays_so_after_its_restoration(library):
    """The session does not wait for what is in the trash; work done after the restoration is its own matter."""
    result = await send(library, photos(3))
    one, two, three = (item.asset_id for item in result.items)
    await library.services.trash.delete(library.scope, one)
    await library.services.trash.delete_many(library.scope, [two])
    await work(library, three)

    told = await progress(library, result.session_id)
    assert (told.summary.status, counts(told.summary)) == (SessionStatus.COMPLETED, (1, 0, 2, 0))
    assert {file.error for file in told.recent if file.outcome is FileOutcome.SKIPPED} == {"Deleted"}

    await library.services.trash.restore(library.scope, one)
    await work(library, one)
    assert (await library.asset(one)).variant_status is State.COMPLETED
    assert await progress(library, result.session_id) == told


async def test_purging_changes_no_session(library):
    """Its rows hold all that is told, so they outlive the files."""
    result = await send(library, photos(2), options(auto_describe=True))
    for item in result.items:
        await work(library, item.asset_id)
    told = await progress(library, result.session_id)

    for item in result.items:
        await library.services.trash.delete(library.scope, item.asset_id)
    assert await library.services.trash.purge_due() >= 2

    assert await progress(library, result.session_id) == told
    found = await library.services.sessions.results(
        library.scope, result.session_id, include_failed=True, offset=0, limit=10
    )
    assert (len(found.files), found.assets) == (2, {})
