"""A tenant's limits hold, also when many uploads want the last place at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from calotype.domain.errors import NotFound, QuotaExceeded, Unsupported, UsageLimitExceeded
from calotype.domain.upload import UploadOptions
from tests.services.library import chunks, photo

_AT_ONCE = 8


def limit(library, **limits):
    """Give a tenant limits, as an operator does."""
    for column, value in limits.items():
        library.sql(f"UPDATE tenant SET {column} = %s WHERE id = %s", value, library.scope.tenant_id)


async def outcomes_at_once(library, data):
    """Receive the same picture many times, then accept all at once; returns what became of each."""
    received = [
        await library.services.ingest.receive(library.scope, f"{index}.jpg", chunks(data)) for index in range(_AT_ONCE)
    ]
    return await asyncio.gather(
        *(library.services.ingest.accept(one, UploadOptions()) for one in received), return_exceptions=True
    )


async def test_of_many_uploads_at_once_only_as_many_are_kept_as_there_is_room_for(library):
    """The storage quota is never exceeded, and the bytes of the refused ones do not stay."""
    data = photo()
    limit(library, storage_quota_bytes=len(data) * 2)

    outcomes = await outcomes_at_once(library, data)

    refused = [outcome for outcome in outcomes if isinstance(outcome, QuotaExceeded)]
    assert len(refused) == _AT_ONCE - 2
    assert len(library.objects()) == 2
    assert refused[0].context["limit"] == len(data) * 2


async def test_of_many_uploads_at_once_only_as_many_are_kept_as_the_month_allows(library):
    """The last place of the month is taken once."""
    limit(library, monthly_upload_limit=3)

    outcomes = await outcomes_at_once(library, photo())

    assert sum(isinstance(outcome, UsageLimitExceeded) for outcome in outcomes) == _AT_ONCE - 3
    assert len(library.objects()) == 3


async def test_a_quota_may_be_filled_to_the_last_byte_and_the_trash_counts(library):
    """Exactly full is not too full; deleting makes no room until the purge."""
    data = photo()
    limit(library, storage_quota_bytes=len(data))
    asset_id = await library.take_in(data)
    with pytest.raises(QuotaExceeded):
        await library.take_in(photo(8, 8))

    await library.services.trash.delete(library.scope, asset_id)
    with pytest.raises(QuotaExceeded):
        await library.take_in(photo(8, 8))

    await library.services.trash.purge_due()
    await library.take_in(data)


async def test_announced_uploads_reserve_their_place(library):
    """Bytes and uploads that were promised to somebody are promised to nobody else."""
    limit(library, storage_quota_bytes=100_000)
    await library.services.presigned.initiate(library.scope, "a.jpg", 90_000, UploadOptions())
    with pytest.raises(QuotaExceeded):
        await library.services.presigned.initiate(library.scope, "b.jpg", 20_000, UploadOptions())

    other = await library.neighbour()
    limit(other, monthly_upload_limit=1)
    await other.services.presigned.initiate(other.scope, "a.jpg", 100, UploadOptions())
    with pytest.raises(UsageLimitExceeded):
        await other.services.presigned.initiate(other.scope, "b.jpg", 100, UploadOptions())
    with pytest.raises(UsageLimitExceeded):
        await other.take_in()


async def test_uploads_of_earlier_months_and_of_other_tenants_do_not_count(library):
    """A month begins on its first day, in UTC, and everybody has a month of their own."""
    limit(library, monthly_upload_limit=1)
    asset_id = await library.take_in()
    with pytest.raises(UsageLimitExceeded):
        await library.take_in()
    await (await library.neighbour()).take_in()

    library.sql(
        "UPDATE asset SET created_at = date_trunc('month', now()) - interval '1 second' WHERE id = %s", asset_id
    )

    await library.take_in()


async def test_a_duplicate_costs_nothing(library):
    """With skip_duplicates the same bytes fit into a quota that is full."""
    data = photo()
    limit(library, storage_quota_bytes=len(data), monthly_upload_limit=1)
    asset_id = await library.take_in(data)

    assert await library.take_in(data, skip_duplicates=True) == asset_id


async def test_the_two_step_way_takes_no_other_images_than_any_other(library, monkeypatch):
    """A format that is not accepted is refused at confirm, and the upload is forgotten."""
    data = photo()
    uploads = library.services.presigned
    made = await uploads.initiate(library.scope, "a.jpg", len(data), UploadOptions())
    await uploads.put(library.scope, made.upload_id, chunks(data))
    limits = replace(library.services.ingest._limits, refused_formats=frozenset({"jpeg"}))
    monkeypatch.setattr(library.services.ingest, "_limits", limits)

    with pytest.raises(Unsupported):
        await uploads.confirm(library.scope, made.upload_id, made.object_key, len(data))

    with pytest.raises(NotFound):
        await uploads.confirm(library.scope, made.upload_id, made.object_key, len(data))
    assert library.objects() == set()
