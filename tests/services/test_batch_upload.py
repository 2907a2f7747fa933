"""What is stored of a batch, in which order, and what limits and duplicates make of it."""

from __future__ import annotations

import asyncio
import tracemalloc
from dataclasses import replace

import pytest

from calotype.domain.errors import Unsupported
from calotype.domain.upload_session import BatchStatus, SessionStatus
from calotype.services import intake
from tests.services.batches import (
    PLAIN,
    SKIPPED,
    STORED,
    all_ids,
    counts,
    deadlocks,
    live,
    options,
    outcomes,
    photos,
    progress,
    rows,
    send,
    summary,
)
from tests.services.library import chunks, photo

MIB = 1024 * 1024


def limit(library, **limits):
    """Give a tenant limits, as an operator does."""
    for column, value in limits.items():
        library.sql(f"UPDATE tenant SET {column} = %s WHERE id = %s", value, library.scope.tenant_id)


# ------------------------------------------------------------------------ order


async def test_small_and_large_files_keep_the_order_in_which_they_were_sent(library):
    """A file above a MiB is stored while it arrives and smaller ones beside it, yet rows, answer and session keep the order."""
    sizes = [0, 3, 0, 0, 2, 0, 0, 0, 0, 0, 2, 0]
    files = [(f"{index}.jpg", photo() + bytes(size * MIB)) for index, size in enumerate(sizes)]

    result = await send(library, files)

    assert [item.filename for item in result.items] == [name for name, _ in files]
    assert [row[3] for row in rows(library, result.session_id)] == [item.asset_id for item in result.items]
    assert list(live(library).items()) == [(item.filename, item.asset_id) for item in result.items]
    assert result.status is BatchStatus.COMPLETED


async def test_bytes_of_every_file_are_stored_as_sent(library):
    """Whatever the pieces in which it arrives, a file's checksum is that of what was sent."""
    data = [photo() + bytes(size) for size in (0, MIB - 1, MIB, MIB + 1, 2 * MIB)]

    result = await send(library, [(f"{index}.jpg", chunks(one, 65_537)) for index, one in enumerate(data)])

    for item, one in zip(result.items, data, strict=True):
        assert await library.services.trash._store.get(item.object_key) == one


async def test_memory_does_not_grow_with_the_size_of_a_batch(library):
    """Three hundred MiB in small and large files need hardly more memory than ten."""
    head = photo()

    async def content(size):
        yield head
        piece = bytes(64 * 1024)
        for _ in range(size // len(piece)):
            yield piece

    async def peak(large, small):
        files = [(f"l{index}.jpg", content(large_size)) for index, large_size in enumerate([large * MIB] * 4)]
        files += [(f"s{index}.jpg", content(MIB * 3 // 4)) for index in range(small)]
        tracemalloc.start()
        try:
            result = await send(library, files)
            highest = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert result.status is BatchStatus.COMPLETED
        for item in result.items:
            await library.services.trash._store.delete(item.object_key)
        return highest

    few = await peak(2, 4)
    many = await peak(60, 80)

    assert many < few + 6 * MIB
    assert many < 40 * MIB


async def test_what_is_wrong_with_one_file_costs_no_other(library):
    """Empty, foreign, broken and too large files are refused with their place, all others are stored."""
    library.services.ingest._limits, whole = (
        replace(library.services.ingest._limits, max_image_bytes=2 * MIB),
        library.services.ingest._limits,
    )
    files = [
        ("a.jpg", photo()),
        ("empty.jpg", b""),
        ("tool.exe", b"MZ" + bytes(4000)),
        ("b.jpg", photo()),
        ("large.jpg", photo() + bytes(3 * MIB)),
        ("short.png", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("c.jpg", photo()),
    ]
    try:
        result = await send(library, files)
    finally:
        library.services.ingest._limits = whole

    assert outcomes(result) == [STORED, None, None, STORED, None, None, STORED]
    assert not any(rejection.retryable for rejection in result.rejections)
    assert [rejection.filename for rejection in result.rejections] == [
        "empty.jpg",
        "tool.exe",
        "large.jpg",
        "short.png",
    ]
    assert result.status is BatchStatus.PARTIAL
    assert list(live(library)) == ["a.jpg", "b.jpg", "c.jpg"]
    assert (await summary(library, result.session_id)).total == 3
    assert len(library.objects()) == 3


async def test_a_batch_of_refused_files_only_is_a_session_that_failed(library):
    """Nothing was taken, so nothing is waited for."""
    result = await send(library, [("a.bin", b"text"), ("b.txt", b"")])

    assert result.status is BatchStatus.REJECTED
    found = await summary(library, result.session_id)
    assert (found.status, found.total, found.percentage) == (SessionStatus.FAILED, 0, 100.0)
    assert found.completed_at is not None


# ------------------------------------------------------------------- duplicates


async def test_a_repeat_in_the_batch_is_skipped_in_favour_of_the_first_in_order(library):
    """However far apart they are sent, and whatever their sizes, the first is stored and the others name it."""
    one, large = photo(), photo() + bytes(2 * MIB)
    others = photos(20)
    files = [("one.jpg", one), ("large.jpg", large), *others, ("one again.jpg", one), ("large again.jpg", large)]
    files.insert(1, ("one at once.jpg", one))

    result = await send(library, files, options(skip_duplicates=True))

    kept = live(library)
    assert outcomes(result).count(SKIPPED) == 3
    assert set(kept) == {"one.jpg", "large.jpg", *(name for name, _ in others)}
    by_name = {item.filename: item.asset_id for item in result.items}
    assert by_name["one again.jpg"] == by_name["one at once.jpg"] == kept["one.jpg"]
    assert by_name["large again.jpg"] == kept["large.jpg"]
    assert result.status is BatchStatus.COMPLETED
    assert len(library.objects()) == len(kept)


async def test_batches_at_once_of_the_same_contents_in_other_orders_store_each_content_once(library):
    """Whoever comes first stores a content, everybody else is pointed to it, and nobody waits for ever."""
    contents = [photo() for _ in range(24)]
    before = deadlocks(library)
    for turn in range(4):
        orders = [contents, contents[::-1], contents[turn + 5 :] + contents[: turn + 5], contents[::2] + contents[::-2]]
        fresh = [data + turn.to_bytes(4) for data in contents]
        results = await asyncio.gather(
            *(
                send(
                    library,
                    [(f"{turn}.jpg", fresh[contents.index(data)]) for data in order],
                    options(skip_duplicates=True),
                )
                for order in orders
            )
        )

        assert sum(outcomes(result).count(STORED) for result in results) == len(contents)
        assert all(result.status is BatchStatus.COMPLETED for result in results)
        stored = {item.asset_id for result in results for item in result.items if item.outcome is STORED}
        assert {item.asset_id for result in results for item in result.items} == stored
    count, different = library.sql(
        "SELECT count(*), count(DISTINCT checksum) FROM asset WHERE tenant_id = %s", library.scope.tenant_id
    )[0]
    assert count == different == 4 * len(contents)
    assert len(library.objects()) == count
    assert deadlocks(library) == before


async def test_a_duplicate_is_over_when_it_is_stored_and_keeps_the_beginning_of_the_description(library):
    """A session of duplicates has nothing to wait for, and does not change when its originals are described anew or go."""
    data = photo()
    first = await library.finished(data)
    text = "A pier. " * 30
    library.sql("UPDATE asset SET description = %s WHERE id = %s", text, first)

    result = await send(library, [("again.jpg", data)], options(skip_duplicates=True))

    found = await progress(library, result.session_id)
    assert found.summary.status is SessionStatus.COMPLETED
    assert counts(found.summary) == (0, 0, 1, 0)
    assert found.recent[0].description == text[:100]
    library.sql("UPDATE asset SET description = 'other' WHERE id = %s", first)
    await library.services.trash.delete(library.scope, first)
    await library.services.trash.purge_due()
    assert await progress(library, result.session_id) == found


# ----------------------------------------------------------------------- limits


@pytest.mark.parametrize("room", [0, 1, 17, 20])
async def test_of_a_batch_above_the_monthly_limit_exactly_the_first_are_accepted(library, room):
    """The order sent decides who gets the last places, also across the groups in which rows are written."""
    limit(library, monthly_upload_limit=room)

    result = await send(library, photos(20))

    assert outcomes(result) == [STORED] * room + [None] * (20 - room)
    assert all(rejection.retryable for rejection in result.rejections)
    assert len(library.objects()) == room
    assert (await summary(library, result.session_id)).total == room


async def test_of_a_batch_above_the_quota_those_that_fit_are_accepted_in_order(library):
    """A file too large for what is left is refused, and a smaller one behind it may still fit."""
    files = photos(3)
    files.insert(2, ("large.jpg", photo() + bytes(MIB)))
    limit(library, storage_quota_bytes=sum(len(data) for name, data in files if name != "large.jpg"))

    result = await send(library, files)

    assert outcomes(result) == [STORED, STORED, None, STORED]
    assert result.rejections[0].retryable
    assert len(library.objects()) == 3


async def test_duplicates_take_nothing_of_a_limit(library):
    """A repeat needs no place, so a later new file gets it."""
    one = photo()
    limit(library, monthly_upload_limit=2)

    files = [("a.jpg", one), ("b.jpg", one), ("c.jpg", one), ("d.jpg", photo()), ("e.jpg", photo())]
    result = await send(library, files, options(skip_duplicates=True))

    assert outcomes(result) == [STORED, SKIPPED, SKIPPED, STORED, None]


async def test_single_uploads_and_batches_racing_for_one_limit_never_pass_it(library):
    """Every place is taken once, whoever takes it, and nobody waits for ever."""
    limit(library, monthly_upload_limit=30)
    before = deadlocks(library)

    batches = [send(library, photos(20), options(skip_duplicates=turn == 0)) for turn in range(2)]
    singles = [library.take_in() for _ in range(12)]
    found = await asyncio.gather(*batches, *singles, return_exceptions=True)

    taken = sum(outcomes(result).count(STORED) for result in found[:2])
    taken += sum(not isinstance(result, Exception) for result in found[2:])
    assert taken == 30
    assert len(all_ids(library)) == len(library.objects()) == 30
    for result in found[:2]:
        told = outcomes(result)
        assert told == sorted(told, key=lambda outcome: outcome is None), "the first in order are accepted"
    assert deadlocks(library) == before


@pytest.mark.parametrize("steps", range(8))
async def test_no_file_is_left_behind_whenever_it_comes(library, monkeypatch, steps):
    """A file that arrives in the very moment in which those before it are done is stored like any other."""
    ingest = library.services.ingest
    received = ingest.receive_many

    async def quick(scope, files):
        await asyncio.sleep(0)
        return [Unsupported("not looked at") for _ in files]

    async def late(data):
        for _ in range(steps):
            await asyncio.sleep(0)
        yield data

    monkeypatch.setattr(intake, "_STORING_AT_ONCE", 1)
    monkeypatch.setattr(ingest, "receive_many", quick)
    async with library.services.batch_uploads.reading(library.scope) as batch:
        for number in range(20):
            await batch.take(f"{number}.jpg", late(b"x"), PLAIN)
        monkeypatch.setattr(ingest, "receive_many", received)
        result = await batch.finish(PLAIN)
    assert [rejection.index for rejection in result.rejections] == list(range(20))
