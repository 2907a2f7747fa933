"""Images of devices live in the library like all others: batches count what is live, and the store holds what has a row."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import pytest

from calotype.domain.device import DuplicatePolicy
from calotype.domain.device_image import image_id_of, number_of
from calotype.domain.errors import NotFound
from calotype.domain.folder import RemovalMode
from calotype.domain.listing import Window
from calotype.domain.object_keys import device_image_key
from tests.services.batches import deadlocks
from tests.services.devices import BOX, Device, at_once, check_whole, raw_objects, set_terms
from tests.services.exports import noise
from tests.services.library import chunks, photo


@pytest.fixture(autouse=True)
def whole(library):
    """After each test database and object store agree."""
    yield
    check_whole(library)
    assert deadlocks(library) == 0


@pytest.fixture
async def device(library):
    """A device that may send the same bytes again."""
    return await Device.of(library, DuplicatePolicy.ACCEPT)


async def images_of(device, batch_id):
    """The images of a batch as they are listed, and how many there are."""
    return await device.library.services.batches.images(device.library.scope, batch_id, Window(100, 0))


def counted(device):
    """The images that a device's batches count."""
    return [count for _, count, _ in device.batches()]


# ------------------------------------------------------------- what is told


async def test_images_are_told_as_they_came(device, library):
    """In their order, with name, size, model, what was seen, when, and the sender's own keys."""
    data, png = photo(), noise(30, 20)
    said = {
        "model_id": "mdl_123",
        "model_version": "1.0.0",
        "captured_at": "2024-02-29T10:20:30+05:30",
        "annotations": [BOX, {"class_value": "ok", "type": "classification", "confidence": None, "by": ["a\x00", 1.5]}],
        "line": {"b": 1, "a": [None, "\ud800"]},
    }
    first, second = await device.send(data, "über.jpg", said=said), await device.send(png, "")
    (one, two), total = await images_of(device, first.batch_id)
    assert total == 2
    assert (one.asset_id, two.asset_id) == (first.asset_id, second.asset_id)
    assert (one.filename, one.size_bytes, one.content_type) == ("über.jpg", len(data), "image/jpeg")
    assert (two.filename, two.size_bytes, two.content_type) == ("image", len(png), "image/png")
    assert (one.model_id, one.model_version, two.model_id) == ("mdl_123", "1.0.0", None)
    assert one.captured_at == datetime(2024, 2, 29, 4, 50, 30, tzinfo=UTC)
    assert two.captured_at == two.created_at
    assert one.metadata == {"line": said["line"]}
    assert [seen.extra for seen in one.annotations] == [{}, {"confidence": None, "by": ["a\x00", 1.5]}]
    assert (two.annotations, two.metadata) == ((), {})


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:00-00:00:31"]
)
async def test_any_time_of_capture_can_be_listed(device, library, moment):
    """The first and the last one there are, in this API and in all others."""
    image = await device.send(said={"captured_at": moment})
    ((found,), _) = await images_of(device, image.batch_id)
    asset = await library.asset(image.asset_id)
    assert found.captured_at == asset.captured_at
    assert found.captured_at.year in {1, 9999}


@pytest.mark.parametrize("said", [None, "2020-01-02T03:04:05+02:00"])
async def test_what_the_device_says_of_its_time_outlives_development(device, library, said):
    """Else it is what the picture itself says, else when it came; developing it again changes nothing."""
    exif = photo(exif=_exif("2011:11:11 11:11:11"))
    image = await device.send(exif, said={"captured_at": said})
    for _ in range(2):
        await library.services.pictures.make_variants(library.scope, image.asset_id, 1)
        ((found,), _) = await images_of(device, image.batch_id)
        expected = datetime.fromisoformat(said) if said else datetime(2011, 11, 11, 11, 11, 11, tzinfo=UTC)
        assert found.captured_at == expected


def _exif(moment):
    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = moment
    return exif


async def test_an_image_is_in_its_tenants_library_and_in_no_other(device, library):
    """Under the same id; the batch of another tenant does not exist."""
    image = await device.send()
    asset = await library.asset(image.asset_id)
    assert (asset.object_key, asset.original_filename) == (image.object_key, "image.jpg")
    stranger = await library.neighbour()
    with pytest.raises(NotFound):
        await stranger.asset(image.asset_id)
    batches = stranger.services.batches
    for work in (
        batches.get(stranger.scope, image.batch_id),
        batches.close(stranger.scope, image.batch_id),
        batches.images(stranger.scope, image.batch_id, Window(20, 0)),
    ):
        with pytest.raises(NotFound):
            await work
    assert await batches.page(stranger.scope, Window(20, 0), device_id=device.id) == ([], 0)


# ------------------------------------------------------------------ counts


async def test_every_way_of_deleting_is_counted(device, library):
    """One, several, a folder with what is in it; again is no deletion, and restoring is the way back, also when closed."""
    services, scope = library.services, library.scope
    images = [await device.send() for _ in range(6)]
    ids = [image.asset_id for image in images]
    await services.trash.delete(scope, ids[0])
    assert counted(device) == [5]
    await services.trash.delete_many(scope, ids[:2])
    assert counted(device) == [4]
    await services.images.delete(scope, [ids[2], ids[2]])
    assert counted(device) == [3]
    folder = await services.folders.create(scope, "a", None)
    below = await services.folders.create(scope, "b", folder.id)
    await services.folders.move_files(scope, ids[3:5], below.id)
    await services.folders.remove(scope, folder.id, RemovalMode.DELETE_ALL)
    assert counted(device) == [1]
    await services.batches.close(scope, images[0].batch_id)
    for number, asset_id in enumerate(ids[:5], 2):
        await services.trash.restore(scope, asset_id)
        assert counted(device) == [number]
    listed, total = await images_of(device, images[0].batch_id)
    assert ([image.asset_id for image in listed], total) == (ids, 6)


async def test_a_deleted_image_makes_room_in_its_batch(device, library, monkeypatch):
    """A batch is full of what is live; restoring may bring it above its size, and then the next image closes it."""
    set_terms(monkeypatch, library.services, max_images=3)
    first, second = await device.send(), await device.send()
    await library.services.trash.delete(library.scope, first.asset_id)
    third = await device.send()
    await library.services.trash.restore(library.scope, first.asset_id)
    fourth = await device.send()
    assert {second.batch_id, third.batch_id, fourth.batch_id} == {first.batch_id}
    assert device.batches() == [(first.batch_id, 4, True)]


async def test_counts_do_not_drift_whatever_happens_at_once(library, twin):
    """Images of two devices in small batches are sent, deleted in every way, restored, and batches closed, by two processes."""
    devices = [await Device.of(library, DuplicatePolicy.ACCEPT) for _ in range(2)]
    ids = [image.asset_id for image in await at_once(*(device.send() for _ in range(15) for device in devices))]
    dice, scope = random.Random(5), library.scope
    works = []
    for services in (library.services, twin) * 12:
        one, some = dice.choice(ids), dice.sample(ids, 8)
        works += [
            services.trash.delete(scope, one),
            services.trash.delete_many(scope, some),
            services.images.delete(scope, dice.sample(ids, 8)),
            _through_a_folder(services, scope, dice.sample(ids, 4)),
            services.trash.restore(scope, dice.choice(ids)),
            services.trash.restore(scope, one),
            _close_all(services, scope),
            dice.choice(devices).through(services).send(),
        ]
    dice.shuffle(works)
    await at_once(*works)
    check_whole(library)


async def _through_a_folder(services, scope, ids):
    folder = await services.folders.create(scope, str(ids[0]), None)
    await services.folders.move_files(scope, ids, folder.id)
    await services.folders.remove(scope, folder.id, RemovalMode.DELETE_ALL)


async def _close_all(services, scope):
    found, _ = await services.batches.page(scope, Window(100, 0))
    for batch in found:
        await services.batches.close(scope, batch.id)


async def test_purging_takes_what_was_said_of_an_image_and_leaves_its_neighbours(device, library):
    """Rows and object of the purged one are gone; equal bytes of another image lie under another key."""
    data = photo()
    gone, kept = [await device.send(data, said={"annotations": [BOX], "line": 1}) for _ in range(2)]
    await library.services.trash.delete(library.scope, gone.asset_id)
    await library.services.trash.purge_due()
    for table in ("device_image", "annotation", "custom_metadata"):
        rows = library.sql(f"SELECT asset_id FROM {table} WHERE tenant_id = %s", library.scope.tenant_id)
        assert rows == [(kept.asset_id,)]
    assert raw_objects(library) & {gone.object_key, kept.object_key} == {kept.object_key}
    assert counted(device) == [1]


# ------------------------------------------------------------------- sweep


async def test_the_sweep_takes_what_this_server_left_and_nothing_else(device, library):
    """Images with a row stay, in the trash too; so does whatever others keep in a folder of that name."""
    live, trashed = await device.send(), await device.send()
    await library.services.trash.delete(library.scope, trashed.asset_id)
    orphan = (await device.receive()).object_key
    taken = library.sql("SELECT last_value FROM device_image_number")[0][0] * 1024 + 1024
    foreign = {
        device_image_key(image_id_of(taken), "image.jpg"),
        device_image_key(image_id_of(2**32 - 1), "image.jpg"),
        "raw-data/notes.txt",
        "raw-data/2024/0a1b2c3d_image.jpg",
        "raw-data/0A1B2C3D_image.jpg",
        "raw-data/0a1b2c3d4_image.jpg",
        "raw-data/0a1b2c3d",
    }
    same_digits = live.object_key.replace("image.jpg", "other.jpg")
    store = library.services.upkeep._store
    for key in (*foreign, same_digits):
        await store.put(key, b"x")

    assert await library.services.upkeep.sweep() == 2

    left = raw_objects(library)
    assert left >= foreign | {live.object_key, trashed.object_key}
    assert not left & {orphan, same_digits}
    await store.delete_many(sorted(foreign))


async def test_a_date_in_a_foreign_name_is_no_number_of_ours(library):
    """`raw-data/20240131_scan.jpg` looks like ours; it is not swept as long as its number was given to nobody."""
    store = library.services.upkeep._store
    taken = library.sql("SELECT last_value FROM device_image_number")[0][0] * 1024 + 1024
    dates = [f"20{year}{month:02}{day:02}" for year in range(20, 30) for month in range(1, 13) for day in (1, 15)]
    names = [f"raw-data/{date}_scan.jpg" for date in dates if number_of(date) >= taken]
    assert len(names) > 200
    await store.put_many([(name, b"x") for name in names])
    await library.services.upkeep.sweep()
    assert raw_objects(library) >= set(names)
    await store.delete_many(names)


async def test_the_sweep_looks_at_more_than_it_holds_at_once(device, library, monkeypatch):
    """However many there are."""
    monkeypatch.setattr("calotype.services.upkeep._BATCH", 2)
    kept = {(await device.send()).object_key for _ in range(5)}
    for _ in range(5):
        await device.receive()
    assert await library.services.upkeep.sweep() == 5
    assert raw_objects(library) >= kept


# -------------------------------------------------------------------- keys


async def test_no_two_images_ever_share_a_key(library, twin):
    """Twenty thousand, taken by two processes at once, all of the same name: no two begin with the same digits.

    Nor are numbers thrown away, however many ask at the same moment.
    """
    taken = "SELECT last_value FROM device_image_number"
    before = library.sql(taken)[0][0]
    numbers = await asyncio.gather(
        *(services.device_uploads._next_number() for _ in range(10_000) for services in (library.services, twin))
    )
    keys = {device_image_key(image_id_of(number), "image.jpg") for number in numbers}
    assert len(keys) == 20_000
    assert len({key[:17] for key in keys}) == 20_000
    assert library.sql(taken)[0][0] - before <= 20


async def test_a_key_is_the_digits_of_the_id_and_a_safe_name(device, library):
    """Whatever the file is called, its object lies in one folder, and the bytes are those that were sent."""
    for name in ("image.jpg", "../../etc/passwd", "a/b\\c.jpg", "\x00", ".", "ü.png", "x" * 300 + ".jpg", "日本", ""):
        data = photo()
        image = await device.send(data, name)
        folder, _, file = image.object_key.partition("/")
        assert (folder, file[:9]) == ("raw-data", f"{image.asset_id.hex[:8]}_")
        assert "/" not in file
        assert len(file) <= 109
        assert (library._objects / image.object_key).read_bytes() == data


async def test_what_is_held_in_memory_does_not_grow_with_the_image(device, library):
    """A large image goes to the store while it comes."""
    most = 0
    uploads = library.services.device_uploads

    async def large():
        nonlocal most
        async for chunk in chunks(noise(2000, 1500), 64 * 1024):
            yield chunk
            most = max(most, sum(path.stat().st_size for path in (library._objects / ".tmp").iterdir()))

    received = await uploads.receive(library.scope, "a.png", large())
    assert received.size_bytes > 8_000_000
    assert most > received.size_bytes - 4_000_000
    await uploads.discard(received)
