"""Pictures that stand for documents and links: made by real children, kept with the asset, and removed with their use."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import pytest
from PIL import Image

from calotype.domain.errors import CalotypeError, UndecodablePicture, Unsupported
from calotype.domain.picture import VariantName
from calotype.services.preview import Preview, unused
from tests.services.library import photo


def picture(size=(1600, 1200), kind="PNG", mode="RGB"):
    """A plain picture."""
    stream = io.BytesIO()
    Image.new(mode, size, 128).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
async def asset(library):
    """A document without a picture."""
    return await library.asset(await library.take_in(b"Some text", "a.txt"))


@pytest.fixture
def previews(library):
    """What makes pictures of the first pages of documents."""
    return library.services.extraction._previews


async def keep(library, previews, asset, made):
    """Give a preview to an asset; returns the keys that are not needed any more."""
    async with library.services.extraction._database.write() as connection:
        return await previews.keep(connection, library.scope, await library.asset(asset.id), made)


async def test_all_variants_are_made_and_stored_before_anybody_is_told(library, previews, asset):
    """As those of a picture are; the asset has them once they are kept, and neither size nor state of a picture."""
    made = await previews.make(asset, picture())
    assert set(made.variants) == set(VariantName)
    assert {key for key in library.objects() if key.startswith("variants/")} == {
        variant.object_key for variant in made.variants.values()
    }
    assert not (await library.asset(asset.id)).variants
    assert await keep(library, previews, asset, made) == set()
    after = await library.asset(asset.id)
    assert (dict(after.variants), after.blur_hash) == (dict(made.variants), made.blur_hash)
    assert (after.width, after.variant_status, after.updated_at) == (None, None, asset.updated_at)


async def test_what_another_picture_replaces_is_removed_and_what_it_wrote_over_stays(library, previews, asset):
    """Transparent pictures become PNG, others JPEG, under names of their own."""
    first = await previews.make(asset, picture())
    await keep(library, previews, asset, first)
    second = await previews.make(asset, picture(mode="RGBA"))
    stale = await keep(library, previews, asset, second)
    now = {variant.object_key for variant in second.variants.values()}
    assert stale == {variant.object_key for variant in first.variants.values()} - now
    await previews.discard(stale)
    assert {key for key in library.objects() if key.startswith("variants/")} == now
    assert await keep(library, previews, asset, None) == now
    await previews.discard(now)
    assert not (await library.asset(asset.id)).variants
    assert {key for key in library.objects() if key.startswith("variants/")} == set()


@pytest.mark.parametrize(
    "data",
    [
        b"<!doctype html><title>Not found</title>",
        b"",
        b"%PDF-1.7",
        b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(600),
    ],
    ids=["page", "nothing", "document", "film"],
)
async def test_what_is_no_picture_is_refused_without_a_child(library, previews, asset, data, monkeypatch):
    """Whatever it was called by whom it came from; nothing is stored."""
    monkeypatch.setattr(previews, "_sandbox", None)
    with pytest.raises(Unsupported):
        await previews.make(asset, data)
    assert not any(key.startswith("variants/") for key in library.objects())


async def test_a_broken_picture_and_one_of_too_many_pixels_are_refused(library, previews, asset, monkeypatch):
    """By the child, as those that are uploaded; nothing is stored."""
    with pytest.raises(CalotypeError):
        await previews.make(asset, picture()[:60])
    monkeypatch.setattr(previews, "_max_pixels", 1000)
    with pytest.raises(UndecodablePicture):
        await previews.make(asset, picture())
    assert not any(key.startswith("variants/") for key in library.objects())


async def test_many_at_once_do_not_mix(library, previews):
    """Each asset gets its own picture."""
    assets = [await library.asset(await library.take_in(f"{n}".encode(), "a.txt")) for n in range(4)]
    made = await asyncio.gather(*(previews.make(one, photo(200 + n, 100)) for n, one in enumerate(assets)))
    assert [one.variants[VariantName.LARGE_1024].width for one in made] == [200, 201, 202, 203]
    for one, preview in zip(assets, made, strict=True):
        assert all(f"/{one.id}/" in variant.object_key for variant in preview.variants.values())


async def test_what_was_made_in_vain_is_what_the_asset_does_not_use(library, previews, asset):
    """All of it where there is no asset any more, and nothing where nothing was made."""
    made = await previews.make(asset, picture())
    names = {variant.object_key for variant in made.variants.values()}
    one, *_ = made.variants.items()
    assert unused(None, asset) == unused(None, None) == set()
    assert unused(made, None) == unused(made, asset) == names
    assert unused(made, replace(asset, variants=dict([one]))) == names - {one[1].object_key}
    assert unused(Preview({}, ""), asset) == set()
