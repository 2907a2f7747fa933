"""Duplicates of a library: real pictures in, groups out."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from calotype.domain.duplicate import Likeness
from calotype.domain.errors import InvalidInput
from tests.imaging import pictures
from tests.services.library import photo


def scene(seed, width=800, **options):
    """A made photograph as a JPEG."""
    picture = Image.fromarray(pictures.photo(800, 600, seed=seed))
    stream = io.BytesIO()
    picture.resize((width, width * 3 // 4), Image.Resampling.LANCZOS).save(stream, "JPEG", **options)
    return stream.getvalue()


async def test_copies_are_grouped_and_the_best_is_first(library):
    """The largest is the one to keep, its twin is identical, smaller and badly encoded ones are alike; others are not there."""
    best = scene(1, quality=95)
    small, keep, bad = [await library.finished(data) for data in (scene(1, 400), best, scene(1, quality=30))]
    twin = await library.finished(best)
    await library.finished(scene(2))
    await library.finished(photo())

    (group,) = await library.services.duplicates.groups(library.scope, 4)

    assert [file.id for file in group.files] == [keep, twin, bad, small]
    assert [file.likeness for file in group.files[:2]] == [Likeness.IDENTICAL] * 2
    assert {file.likeness for file in group.files[2:]} == {Likeness.ALIKE}
    assert group.likeness is Likeness.ALIKE
    assert group.distance == max(file.distance for file in group.files) <= 4
    assert group.spare_bytes == sum(file.size_bytes for file in group.files[1:])
    assert (group.files[0].width, group.files[0].height) == (800, 600)
    assert group.files[0].object_key.startswith(f"uploads/{library.scope.tenant_id}/{keep}/")


async def test_pictures_that_are_not_processed_are_grouped_by_their_bytes(library):
    """Two uploads of the same bytes are identical before any worker has seen them."""
    data = photo()
    first, second = [await library.take_in(data) for _ in range(2)]
    (group,) = await library.services.duplicates.groups(library.scope, 4)
    assert {file.id for file in group.files} == {first, second}
    assert group.likeness is Likeness.IDENTICAL
    assert group.files[0].width is None


async def test_trash_and_other_tenants_are_left_out(library):
    """What is deleted, and what belongs to somebody else, makes no group."""
    data = photo()
    first, _ = [await library.take_in(data) for _ in range(2)]
    await (await library.neighbour()).take_in(data)
    await library.services.trash.delete(library.scope, first)
    assert await library.services.duplicates.groups(library.scope, 4) == []


async def test_many_groups_come_with_most_to_spare_first(library, monkeypatch):
    """All groups are told, also when their names are asked for in portions."""
    monkeypatch.setattr("calotype.services.duplicate._NAMED_AT_ONCE", 3)
    for width in (8, 80, 16, 64, 32):
        data = photo(width, width)
        for _ in range(2):
            await library.take_in(data)
    found = await library.services.duplicates.groups(library.scope, 0)
    spare = [group.spare_bytes for group in found]
    assert len(found) == 5
    assert spare == sorted(spare, reverse=True)


@pytest.mark.parametrize("distance", [-1, 17])
async def test_distances_out_of_range_are_refused(library, distance):
    """Beyond the greatest distance everything would be alike."""
    with pytest.raises(InvalidInput):
        await library.services.duplicates.groups(library.scope, distance)


async def test_checksums_are_known_by_tenant(library):
    """Only those of live files of the scope come back."""
    asset_id = await library.take_in()
    checksum = (await library.asset(asset_id)).checksum
    known = library.services.duplicates.known
    assert await known(library.scope, {checksum, "0" * 64}) == {checksum}
    assert await known((await library.neighbour()).scope, {checksum}) == set()
    await library.services.trash.delete(library.scope, asset_id)
    assert await known(library.scope, {checksum}) == set()
