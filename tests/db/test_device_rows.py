"""Rows of devices, their keys, batches and images come back as they went in, and belong to one tenant."""

from __future__ import annotations

import asyncio
import math
import random
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from calotype.db.annotation import insert_annotations, select_annotations
from calotype.db.batch import (
    select_batch,
    select_batches,
    select_due_batches,
    update_batch_closed,
    update_batch_taken,
    update_image_counts,
    upsert_collecting_batch,
)
from calotype.db.device import (
    select_device,
    select_devices,
    select_devices_named,
    update_device,
    update_device_seen,
)
from calotype.db.device_image import (
    NUMBERS_AT_ONCE,
    select_batch_images,
    select_batches_of_images,
    select_numbers_taken,
    take_numbers,
)
from calotype.db.device_key import insert_device_key, select_device_key_by_hash, update_device_keys_expiry
from calotype.db.idempotency import KeptAnswer, delete_old_answers, insert_kept_answer, select_kept_answer
from calotype.db.upkeep import select_known_keys
from calotype.domain.annotation import Annotation, AnnotationType
from calotype.domain.batch import BatchStatus
from calotype.domain.device import DuplicatePolicy
from calotype.domain.device_image import DeviceImage, device_metadata, image_id_of
from calotype.domain.listing import Window
from tests.db.device_rows import add_device, add_image, new_device
from tests.db.rows import LATER, NOW, add_one

ALL = Window(100, 0)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
async def device(database, scope):
    """A device of a new tenant."""
    async with database.write() as connection:
        return await add_device(connection, scope)


# ---------------------------------------------------------------- devices


async def test_a_device_comes_back_as_it_went_in(database, scope, other_scope):
    """Whatever its metadata holds; for another tenant it does not exist."""
    metadata = {"ü": [1, 1.5, None, True], "z": {"nul": "\x00", "half": "\ud800"}, "a": 10**400}
    made = {"name": "gate 2", "duplicate_policy": DuplicatePolicy.ACCEPT}
    async with database.write() as connection:
        made = await add_device(connection, scope, metadata=metadata, **made)
        found = await select_device(connection, scope, made.id)
        assert found == made
        assert repr(found.metadata) == repr(metadata)
        assert await select_device(connection, scope, made.id, lock=True) == made
        assert await select_device(connection, other_scope, made.id) is None
        await update_device(connection, other_scope, made.id, {"name": "theirs"})
        await update_device(connection, scope, made.id, {"metadata": "{}"})
        await update_device_seen(connection, other_scope, made.id, LATER)
        assert await select_device(connection, scope, made.id) == new_device(
            id=made.id, name="gate 2", duplicate_policy=DuplicatePolicy.ACCEPT
        )
        await update_device_seen(connection, scope, made.id, LATER)
        assert (await select_device(connection, scope, made.id)).last_seen_at == LATER


async def test_devices_are_listed_newest_first(database, scope, other_scope):
    """In windows that neither overlap nor leave one out, also among those of the same moment."""
    async with database.write() as connection:
        made = [await add_device(connection, scope, created_at=NOW + place // 3 * MOMENT) for place in range(10)]
        await add_device(connection, other_scope)
        pages = [await select_devices(connection, scope, Window(4, offset)) for offset in (0, 4, 8, 12)]
    listed = [device for page, _ in pages for device in page]
    assert {total for _, total in pages} == {10}
    assert [len(page) for page, _ in pages] == [4, 4, 2, 0]
    assert listed == sorted(made, key=lambda device: (device.created_at, device.id), reverse=True)


async def test_a_device_counts_the_images_of_all_its_batches(database, scope, device):
    """And tells which one is open; another device's are not counted."""
    async with database.write() as connection:
        other = await add_device(connection, scope)
        for place in range(5):
            image = await add_image(connection, scope, device.id)
            if place in {1, 3}:
                await update_batch_closed(connection, scope, image.batch_id, LATER)
        await add_image(connection, scope, other.id)
        found = await select_device(connection, scope, device.id)
    assert (found.image_count, found.open_batch_id) == (5, image.batch_id)


async def test_devices_of_a_name_come_with_those_that_work_first(database, scope, other_scope):
    """Whoever looks one up by its name wants one that works."""
    async with database.write() as connection:
        made = [await add_device(connection, scope, created_at=NOW + place * MOMENT) for place in range(3)]
        await add_device(connection, other_scope)
        await update_device(connection, scope, made[0].id, {"revoked_at": LATER})
        found = await select_devices_named(connection, scope, "camera")
    assert [device.id for device in found] == [made[1].id, made[2].id, made[0].id]


# ------------------------------------------------------------------- keys


async def test_keys_are_found_by_their_hash_and_end_when_they_are_told(database, scope, other_scope, device):
    """The time of an end is never put off, and another tenant cannot set it."""
    async with database.write() as connection:
        for name in (b"one", b"two"):
            await insert_device_key(connection, scope, device.id, name, NOW)
        await update_device_keys_expiry(connection, other_scope, device.id, NOW)
        await update_device_keys_expiry(connection, scope, device.id, LATER)
        await insert_device_key(connection, scope, device.id, b"three", NOW)
        await update_device_keys_expiry(connection, scope, device.id, LATER + timedelta(days=1))
        ends = [(await select_device_key_by_hash(connection, name)).expires_at for name in (b"one", b"two", b"three")]
        assert await select_device_key_by_hash(connection, b"four") is None
        found = await select_device_key_by_hash(connection, b"one")
    assert ends == [LATER, LATER, LATER + timedelta(days=1)]
    assert (found.tenant_id, found.device_id, found.duplicate_policy) == (scope.tenant_id, device.id, "reject")


# ---------------------------------------------------------------- batches


async def test_many_at_once_open_one_batch_and_all_are_counted(database, scope, device):
    """Twenty connections, each with its own transaction, all of which have found no batch."""
    together = asyncio.Barrier(20)

    async def join():
        async with database.write() as connection:
            assert await select_device(connection, scope, device.id)
            await together.wait()
            return await upsert_collecting_batch(connection, scope, device.id, NOW)

    joined = await asyncio.gather(*(join() for _ in range(20)))
    assert len({batch.id for batch in joined}) == 1
    assert sorted(batch.image_count for batch in joined) == list(range(1, 21))


async def test_closing_and_joining_at_once_lose_no_image(database, scope, device):
    """However often: the batches together count every image that joined one, and at most one is open."""

    async def join():
        async with database.write() as connection:
            return (await upsert_collecting_batch(connection, scope, device.id, NOW)).id

    async def close():
        async with database.write() as connection:
            found = await select_device(connection, scope, device.id)
            if found.open_batch_id:
                await update_batch_closed(connection, scope, found.open_batch_id, LATER)

    joined = await asyncio.gather(*(work() for _ in range(40) for work in (join, close, join)))
    ids = [batch_id for batch_id in joined if batch_id]
    async with database.read() as connection:
        found, _ = await select_batches(connection, scope, device.id, None, ALL)
    assert {batch.id: batch.image_count for batch in found} == {each: ids.count(each) for each in ids}
    assert sum(batch.status is BatchStatus.COLLECTING for batch in found) <= 1


async def test_only_a_working_device_of_the_tenant_opens_a_batch(database, scope, other_scope, device):
    """Neither a stranger's nor one that is revoked; nothing is counted then."""
    async with database.write() as connection:
        assert await upsert_collecting_batch(connection, other_scope, device.id, NOW) is None
        assert await upsert_collecting_batch(connection, scope, uuid4(), NOW) is None
        batch = await upsert_collecting_batch(connection, scope, device.id, NOW)
        await update_device(connection, scope, device.id, {"revoked_at": NOW})
        assert await upsert_collecting_batch(connection, scope, device.id, NOW) is None
        assert (await select_batch(connection, scope, batch.id)).image_count == 1


async def test_a_certain_batch_takes_images_while_it_is_open(database, scope, other_scope, device):
    """Of its own device and tenant only; it is closed once, with as many as it keeps."""
    async with database.write() as connection:
        batch = await upsert_collecting_batch(connection, scope, device.id, NOW)
        other = await add_device(connection, scope)
        assert await update_batch_taken(connection, other_scope, device.id, batch.id) is None
        assert await update_batch_taken(connection, scope, other.id, batch.id) is None
        assert (await update_batch_taken(connection, scope, device.id, batch.id)).image_count == 2
        assert await update_batch_closed(connection, other_scope, batch.id, LATER) is None
        closed = await update_batch_closed(connection, scope, batch.id, LATER, leaving=1)
        assert (closed.image_count, closed.closed_at, closed.status) == (1, LATER, BatchStatus.CLOSED)
        assert await update_batch_closed(connection, scope, batch.id, LATER + MOMENT) is None
        assert await update_batch_taken(connection, scope, device.id, batch.id) is None
        assert await select_batch(connection, scope, batch.id) == closed
        assert await select_batch(connection, other_scope, batch.id) is None


async def test_batches_are_listed_newest_first_by_device_and_status(database, scope, other_scope, device):
    """In windows, with how many there are in all."""
    async with database.write() as connection:
        other = await add_device(connection, scope)
        await upsert_collecting_batch(connection, other_scope, (await add_device(connection, other_scope)).id, NOW)
        made = {}
        for place in range(6):
            owner = (device, other)[place % 2]
            batch = await upsert_collecting_batch(connection, scope, owner.id, NOW + place * MOMENT)
            made[batch.id] = owner.id
            if place < 4:
                await update_batch_closed(connection, scope, batch.id, LATER)
        newest_first = list(made)[::-1]

        async def listed(device_id=None, status=None, window=ALL):
            found, total = await select_batches(connection, scope, device_id, status, window)
            return [batch.id for batch in found], total

        assert await listed() == (newest_first, 6)
        assert await listed(window=Window(2, 3)) == (newest_first[3:5], 6)
        assert await listed(device.id) == ([each for each in newest_first if made[each] == device.id], 3)
        assert await listed(status=BatchStatus.COLLECTING) == (newest_first[:2], 2)
        assert await listed(other.id, BatchStatus.CLOSED) == ([newest_first[2], newest_first[4]], 2)
        assert await listed(uuid4()) == ([], 0)


async def test_open_batches_become_due_by_their_age(database, scope, other_scope, device):
    """Of one tenant or of all, the oldest first; closed ones are never due."""
    long_ago = NOW - timedelta(days=10_000)
    async with database.write() as connection:
        others = [await add_device(connection, each) for each in (scope, other_scope, other_scope)]
        places = [(scope, device), (scope, others[0]), (other_scope, others[1]), (other_scope, others[2])]
        made = [
            (await upsert_collecting_batch(connection, each, owner.id, long_ago + place * MOMENT)).id
            for place, (each, owner) in enumerate(places)
        ]
        await update_batch_closed(connection, other_scope, made[3], LATER)
        due = [(scope.tenant_id, made[0]), (scope.tenant_id, made[1]), (other_scope.tenant_id, made[2])]
        assert await select_due_batches(connection, scope, long_ago + MOMENT, 100) == due[:2]
        assert await select_due_batches(connection, scope, long_ago, 100) == due[:1]
        assert await select_due_batches(connection, None, long_ago + 9 * MOMENT, 100) == due
        assert await select_due_batches(connection, None, long_ago + 9 * MOMENT, 2) == due[:2]
        for tenant, batch_id in zip((scope, scope, other_scope), made, strict=False):
            await update_batch_closed(connection, tenant, batch_id, LATER)


async def test_images_are_counted_into_and_out_of_their_batches(database, scope, other_scope, device):
    """Several batches at once; assets that no device sent and those of others count nowhere."""
    async with database.write() as connection:
        other = await add_device(connection, scope)
        first = [await add_image(connection, scope, device.id) for _ in range(3)]
        second = [await add_image(connection, scope, other.id) for _ in range(2)]
        ids = [image.asset_id for image in first[:2] + second]
    plain = await add_one(database, scope)

    async def counts():
        return [(await select_batch(connection, scope, image.batch_id)).image_count for image in (first[0], second[0])]

    async with database.write() as connection:
        await update_image_counts(connection, other_scope, ids, -1)
        assert await counts() == [3, 2]
        await update_image_counts(connection, scope, [*ids, plain], -1)
        assert await counts() == [1, 0]
        await update_image_counts(connection, scope, ids[1:], 1)
        assert await counts() == [2, 2]
        await update_image_counts(connection, scope, [plain], 1)
        await update_image_counts(connection, scope, [], 1)
        assert await counts() == [2, 2]


async def test_counting_over_the_same_batches_in_any_order_never_deadlocks(database, scope):
    """Transactions that name one image of each of eight batches, whose ids lie in other orders each time, all end."""
    async with database.write() as connection:
        devices = [await add_device(connection, scope) for _ in range(8)]
        images = [[await add_image(connection, scope, device.id) for _ in range(5)] for device in devices]
    dice = random.Random(1)

    async def count(change):
        async with database.write() as connection:
            ids = [dice.choice(of_batch).asset_id for of_batch in images]
            await update_image_counts(connection, scope, ids, change)

    await asyncio.gather(*(count(change) for _ in range(60) for change in (1, -1)))
    async with database.read() as connection:
        assert {(await select_batch(connection, scope, each[0].batch_id)).image_count for each in images} == {5}


# ------------------------------------------------------------------ images


async def test_images_of_a_batch_come_in_their_order_with_what_was_said(database, scope, other_scope, device):
    """In windows; those in the trash are not among them, nor for another tenant any."""
    said = {
        "model_id": "m",
        "model_version": "1",
        "annotations": [{"class_value": "ä", "type": "point", "geometry": [0, 1]}],
    }
    async with database.write() as connection:
        images = [
            await add_image(connection, scope, device.id, device_metadata(said), NOW + place * MOMENT, size_bytes=place)
            for place in range(5)
        ]
        batch_id = images[0].batch_id
        await connection.execute(text("UPDATE asset SET deleted_at = now() WHERE id = :id"), {"id": images[2].asset_id})
        found, total = await select_batch_images(connection, scope, batch_id, ALL)
        assert ([image.size_bytes for image in found], total) == ([0, 1, 3, 4], 4)
        assert {(image.model_id, image.model_version) for image in found} == {("m", "1")}
        assert [image.annotations for image in found] == [device_metadata(said).annotations] * 4
        window, total = await select_batch_images(connection, scope, batch_id, Window(2, 1))
        assert (window, total) == (found[1:3], 4)
        assert await select_batch_images(connection, other_scope, batch_id, ALL) == ([], 0)
        ids = [image.asset_id for image in images]
        assert await select_batches_of_images(connection, scope, [*ids, uuid4()]) == dict.fromkeys(ids, batch_id)
        assert await select_batches_of_images(connection, other_scope, ids) == {}
        assert await select_batches_of_images(connection, scope, []) == {}


async def test_annotations_come_back_exactly(database, scope, other_scope):
    """Every last bit of every number, whatever the lengths, in their order, a thousand in one statement."""
    dice = random.Random(3)
    odd = [0.0, 1.0, 5e-324, 2.2e-308, 1 - 2**-53, 0.1, math.nextafter(0.5, 1), -0.0]
    made = tuple(
        Annotation(
            dice.choice(["a", "NULL", "{}", '","', "\\", "😀", "null", "", "'"]) + str(place),
            kind := dice.choice(list(AnnotationType)),
            ()
            if kind is AnnotationType.CLASSIFICATION
            else tuple(dice.choice([*odd, dice.random()]) for _ in range(dice.choice([2, 4, 6, 40]))),
            dice.choice([None, *odd]),
            dice.choice([{}, {"x": ["\x00", "\ud800", 10**300, 1.5, None]}, {"geometry": []}, {"confidence": None}]),
        )
        for place in range(1_000)
    )
    first, second, third = [await add_one(database, scope) for _ in range(3)]
    async with database.write() as connection:
        await insert_annotations(connection, scope, first, made)
        await insert_annotations(connection, scope, second, made[:1])
        await insert_annotations(connection, scope, third, ())
        found = await select_annotations(connection, scope, [second, first, third])
        assert repr(found[first]) == repr(made)
        assert found == {first: made, second: made[:1]}
        assert await select_annotations(connection, other_scope, [first]) == {}
        assert await select_annotations(connection, scope, []) == {}


async def test_numbers_are_taken_once(database):
    """Whoever takes some has them alone, and all that were taken are below what is told; what is undone stays taken."""

    async def take(*, undone):
        try:
            async with database.write() as connection:
                found = await take_numbers(connection)
                if undone:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        return found

    taken = await asyncio.gather(*(take(undone=place % 2) for place in range(20)))
    assert len({number for numbers in taken for number in numbers}) == 20 * NUMBERS_AT_ONCE
    async with database.read() as connection:
        assert max(numbers.stop for numbers in taken) <= await select_numbers_taken(connection) < 2**32


async def test_before_the_first_image_no_number_is_taken(database):
    """Then nothing of the form of a storage key can be this server's; the last numbers there are end in a fault, never twice."""
    async with database.write() as connection:
        await connection.execute(text("ALTER SEQUENCE device_image_number RENAME TO device_image_number_kept"))
        await connection.execute(
            text("CREATE SEQUENCE device_image_number MINVALUE 0 MAXVALUE 4194303 NO CYCLE START 0")
        )
        created = "SELECT min_value, max_value, cycle, last_value FROM pg_sequences WHERE sequencename = :name"
        kept = (await connection.execute(text(created), {"name": "device_image_number_kept"})).one()
        assert (kept.min_value, kept.max_value, kept.cycle) == (1, 4194303, False)
        assert await select_numbers_taken(connection) == 0
        first = await take_numbers(connection)
        assert await select_numbers_taken(connection) == first.stop == NUMBERS_AT_ONCE
        await connection.execute(text("DROP SEQUENCE device_image_number"))
        await connection.execute(text("ALTER SEQUENCE device_image_number_kept RENAME TO device_image_number"))


# ------------------------------------------------------------- kept answers


def answer(fingerprint=b"1"):
    """An answer to a request."""
    return KeptAnswer(fingerprint, DeviceImage(uuid4(), uuid4(), "raw-data/x", is_duplicate=True))


async def test_an_answer_is_kept_until_it_is_too_old(database, scope, other_scope, device):
    """The first one stays; after its time it is not found, and another takes its place, whether or not it was removed."""
    first, second = answer(), answer(b"2")
    times = {"now": NOW, "kept_since": NOW - timedelta(hours=24)}
    later = {"now": NOW + timedelta(hours=24), "kept_since": NOW}
    async with database.write() as connection:
        assert await insert_kept_answer(connection, scope, device.id, "k", first, **times)
        assert not await insert_kept_answer(connection, scope, device.id, "k", second, **times)
        assert await insert_kept_answer(connection, scope, device.id, "K", second, **times)
        assert await select_kept_answer(connection, scope, device.id, "k", NOW - MOMENT) == first
        assert await select_kept_answer(connection, scope, device.id, "k", NOW) is None
        assert await select_kept_answer(connection, other_scope, device.id, "k", NOW - MOMENT) is None
        assert await select_kept_answer(connection, scope, uuid4(), "k", NOW - MOMENT) is None
        assert await insert_kept_answer(connection, scope, device.id, "k", second, **later)
        assert await select_kept_answer(connection, scope, device.id, "k", NOW) == second


async def test_of_several_at_once_one_answer_is_kept(database, scope, device):
    """The others wait for it, whether the place was free or its answer too old; when it is undone, the next one takes it."""
    times = {"now": NOW, "kept_since": NOW - timedelta(hours=24)}

    async def keep(key, made, *, undone=False):
        try:
            async with database.write() as connection:
                kept = await insert_kept_answer(connection, scope, device.id, key, made, **times)
                await asyncio.sleep(0)
                if undone and kept:
                    raise ZeroDivisionError
                return kept
        except ZeroDivisionError:
            return False

    async with database.write() as connection:
        old = {"now": NOW - timedelta(days=3), "kept_since": NOW - timedelta(days=4)}
        await insert_kept_answer(connection, scope, device.id, "old", answer(), **old)
    for key in ("new", "old"):
        kept = await asyncio.gather(*(keep(key, answer(), undone=place % 3 == 0) for place in range(12)))
        assert sum(kept) == 1


async def test_old_answers_are_forgotten_in_portions(database, scope, device):
    """The oldest first, as many as are asked for, and no other."""
    ages = [timedelta(days=20_000 - place) for place in range(5)]
    async with database.write() as connection:
        for place, age in enumerate(ages):
            await insert_kept_answer(
                connection, scope, device.id, str(place), answer(), now=NOW - age, kept_since=NOW - age - age
            )
        assert [await delete_old_answers(connection, NOW - ages[3], 3) for _ in range(3)] == [3, 1, 0]
        left = [
            await select_kept_answer(connection, scope, device.id, str(place), NOW - 2 * ages[0]) for place in range(5)
        ]
    assert [found is not None for found in left] == [False] * 4 + [True]


# -------------------------------------------------------------------- sweep


async def test_keys_of_images_of_devices_are_known_whole(database, scope):
    """By their first digits and by all of the key; keys of other doors beside them are known by their ids as ever."""
    numbers = [image_id_of(number) for number in (5, 6, 7, 2**32 - 1)]
    keys = [f"raw-data/{identity.hex[:8]}_image.jpg" for identity in numbers]
    for identity, key in zip(numbers[:3], keys, strict=False):
        await add_one(database, scope, id=identity, object_key=key)
    async with database.write() as connection:
        await connection.execute(text("UPDATE asset SET deleted_at = now() WHERE id = :id"), {"id": numbers[1]})
    plain = uuid4()
    upload = f"uploads/{scope.tenant_id}/{plain}/photo.jpg"
    await add_one(database, scope, id=plain, object_key=upload)
    others = [keys[0].replace("image", "other"), keys[3], keys[0].replace("raw-data/", "raw-data/ffffffff")]
    async with database.read() as connection:
        found = await select_known_keys(connection, [*keys, *others, upload, upload.replace(str(plain), str(uuid4()))])
        assert found == {*keys[:3], upload}
        assert await select_known_keys(connection, []) == set()
