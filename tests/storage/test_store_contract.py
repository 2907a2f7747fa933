"""What every object store does, tried on each of them."""

import asyncio
import contextlib
import hashlib
import os
import random
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calotype.domain.errors import InvalidInput, NotFound
from calotype.storage.writer import BATCH

MIB = 1024 * 1024
LARGE = 20 * MIB + 12_345  # three parts of an upload
EDGES = st.sampled_from([0, 1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH, 2 * BATCH + 1, 3 * BATCH])
few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def make_bytes(size):
    """Bytes without a pattern, the same for the same size."""
    return random.Random(size).randbytes(size)


async def put_in_chunks(store, key, chunks, size_hint=None):
    """Write an object and return what the writer told of it."""
    async with store.writer(key, size_hint) as writer:
        for chunk in chunks:
            await writer.write(chunk)
        return await writer.commit()


async def keys_of(store, prefix=""):
    """All keys of a folder in order."""
    return sorted([found.key async for found in store.list(prefix)])


def read_some_photographs():
    """Up to twelve files of the corpus, from all over it."""
    files = sorted(path for path in Path(os.environ["CALOTYPE_CORPUS"]).rglob("*") if path.is_file())
    return [path.read_bytes() for path in files[:: max(1, len(files) // 12)][:12]]


@few
@given(size=EDGES, extra=st.integers(0, 5000), cuts=st.lists(st.integers(1, 2 * BATCH), max_size=8))
async def test_bytes_come_back_however_they_were_cut(store, size, extra, cuts):
    """What is read is what was written, and its checksum and size are told, for any cutting into chunks."""
    data, key, chunks, position = make_bytes(size + extra), secrets.token_hex(8), [], 0
    for cut in cuts:
        chunks.append(data[position : position + cut])
        position += cut
    stored = await put_in_chunks(store, key, [*chunks, data[position:]])
    assert await store.get(key) == data
    assert (stored.key, stored.size) == (key, len(data))
    assert stored.checksum == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_chunks_may_be_reused(store, kind):
    """A chunk of any buffer type may be overwritten by its owner as soon as `write` has returned."""
    data = make_bytes(3 * BATCH)
    own = bytearray(64 * 1024)
    async with store.writer("reused") as writer:
        for start in range(0, len(data), len(own)):
            own[:] = data[start : start + len(own)]
            await writer.write(kind(own))
            own[:] = bytes(len(own))
        assert writer.size == len(data)
        await writer.commit()
    assert await store.get("reused") == data


async def test_a_large_object_survives(store):
    """An object of several parts comes back in whole, with its checksum, whatever size was announced."""
    data = make_bytes(LARGE)
    chunks = [data[start : start + 300_000] for start in range(0, LARGE, 300_000)]
    for hint in (None, LARGE, 1):
        stored = await put_in_chunks(store, "large", chunks, hint)
        assert stored.checksum == hashlib.sha256(data).hexdigest()
        assert await store.get("large") == data


async def test_head_tells_what_writing_told(store):
    """Size, etag and time are the same from the writer, from `put`, from `head` and from `list`."""
    before = datetime.now(UTC) - timedelta(seconds=2)
    for stored in (await put_in_chunks(store, "one/a", [b"abc"]), await store.put("one/b", b"defg")):
        found = await store.head(stored.key)
        assert (found.size, found.etag, found.checksum) == (stored.size, stored.etag, None)
        assert before < found.modified_at <= datetime.now(UTC)
        assert abs(found.modified_at - stored.modified_at) < timedelta(seconds=2)
        assert [entry async for entry in store.list("one") if entry.key == stored.key] == [found]


async def test_the_etag_changes_with_the_content(store):
    """Another content under the same key has another etag, also when it is as long."""
    assert (await store.put("tag", b"first")).etag != (await store.put("tag", b"other")).etag


async def test_many_are_put_at_once(store):
    """Objects put together all exist afterwards, and are described in the order given."""
    items = [(f"many/{number % 7}/{number}", make_bytes(number * 100)) for number in range(150)]
    stored = await store.put_many(items)
    assert [(found.key, found.size) for found in stored] == [(key, len(data)) for key, data in items]
    assert [found.checksum for found in stored] == [hashlib.sha256(data).hexdigest() for _, data in items]
    assert await keys_of(store, "many") == sorted(key for key, _ in items)
    assert await store.get("many/2/149") == items[149][1]
    assert await store.put_many([]) == ()


async def test_an_object_is_replaced_in_whole(store):
    """Writing to a key that exists replaces its object."""
    await store.put("twice", b"a long first content")
    await store.put("twice", b"short")
    assert await store.get("twice") == b"short"


async def test_writers_of_one_key_do_not_mix(store):
    """When several write the same key at once, one of them wins in whole."""
    contents = [bytes([number]) * (BATCH + number) for number in range(8)]
    await asyncio.gather(*(put_in_chunks(store, "contested", [data, data]) for data in contents))
    assert await store.get("contested") in [data * 2 for data in contents]
    assert await keys_of(store) == ["contested"]


@pytest.mark.parametrize("size", [0, 10, BATCH + 1, LARGE])
async def test_giving_up_leaves_nothing(store, size):
    """Leaving a writer without commit, by choice or by an error, leaves the key as it was."""
    await store.put("kept", b"before")
    for key in ("kept", "new"):
        async with store.writer(key) as writer:
            await writer.write(make_bytes(size))
        with contextlib.suppress(ZeroDivisionError):
            async with store.writer(key) as writer:
                await writer.write(make_bytes(size))
                raise ZeroDivisionError
    assert await keys_of(store) == ["kept"]
    assert await store.get("kept") == b"before"


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8, 13, 21, 34])
async def test_a_cancelled_upload_leaves_nothing(store, steps):
    """A task cancelled at any point of receiving leaves no object."""

    async def receive():
        async with store.writer("cancelled") as writer:
            while True:
                await writer.write(bytes(BATCH + 1))
                await asyncio.sleep(0)

    task = asyncio.create_task(receive())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await keys_of(store) == []


async def test_a_cancelled_commit_is_whole_or_nothing(store):
    """A task cancelled in its commit leaves the whole object or none."""
    data = make_bytes(LARGE)
    for steps in range(1, 12, 3):
        task = asyncio.create_task(put_in_chunks(store, "late", [data]))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        with contextlib.suppress(NotFound):
            assert await store.get("late") == data


async def test_a_writer_is_used_once(store):
    """After commit nothing more can be written, and a second commit is refused."""
    async with store.writer("once") as writer:
        await writer.commit()
        with pytest.raises(RuntimeError):
            await writer.write(b"more")
        with pytest.raises(RuntimeError):
            await writer.commit()
    assert await store.get("once") == b""


async def test_an_object_is_unseen_until_commit(store):
    """Nobody sees an object before its commit, however much of it was written."""
    async with store.writer("unseen") as writer:
        await writer.write(make_bytes(LARGE))
        assert await keys_of(store) == []
        with pytest.raises(NotFound):
            await store.head("unseen")
        await writer.commit()
    assert await keys_of(store) == ["unseen"]


@few
@given(offset=st.integers(0, 3000), length=st.integers(0, 3000), size=st.sampled_from([0, 1, 1000, 2000]))
async def test_ranges_are_slices(store, offset, length, size):
    """Reading a range gives what slicing gives, also beyond the end and of nothing."""
    data, key = make_bytes(size), f"ranges/{size}"
    await store.put(key, data)
    assert await store.read_at(key, offset, length) == data[offset : offset + length]
    pieces = [piece async for piece in store.stream(key, offset, offset + length, 700)]
    assert b"".join(pieces) == data[offset : offset + length]
    assert b"".join([piece async for piece in store.stream(key, offset)]) == data[offset:]


async def test_a_stream_is_cut_into_pieces(store):
    """A large object is streamed in pieces, and a reader that stops early loses nothing and locks nothing."""
    data = make_bytes(LARGE)
    await put_in_chunks(store, "streamed", [data])
    pieces = [piece async for piece in store.stream("streamed", chunk=MIB)]
    assert b"".join(pieces) == data
    assert len(pieces) > 5
    stream = store.stream("streamed")
    assert data.startswith(await anext(stream))
    await stream.aclose()
    await store.delete("streamed")


async def test_what_is_missing_is_not_found(store):
    """Every way of reading an object that does not exist raises NotFound."""
    await store.put("folder/object", b"x")
    for key in ("none", "folder", "folder/object/below", "folder/none"):
        for read in (
            store.get,
            store.head,
            lambda key: store.read_at(key, 0, 0),
            lambda key: store.read_at(key, 5, 5),
        ):
            with pytest.raises(NotFound):
                await read(key)
        with pytest.raises(NotFound):
            await anext(store.stream(key))
        with pytest.raises(NotFound):
            async with store.local_path(key):
                pass


async def test_deleting_is_idempotent(store):
    """Deleted objects are gone, others stay, and deleting what does not exist is no error."""
    await store.put_many([(f"d/{number}", b"x") for number in range(5)])
    await store.delete("d/0")
    await store.delete("d/0")
    await store.delete("never/was")
    await store.delete("d")
    await store.delete_many(["d/1", "never/was", "d/2", "d/1", "d/3/below"])
    await store.delete_many([])
    assert await keys_of(store) == ["d/3", "d/4"]


async def test_a_prefix_is_a_folder(store):
    """Listing a folder tells all that is below it at any depth, but nothing of a longer name's folder."""
    names = ["a/b", "a/c/d", "a/c/e/f", "ab/c", "b", "a-b"]
    await store.put_many([(name, b"x") for name in names])
    assert await keys_of(store) == sorted(names)
    assert await keys_of(store, "a") == await keys_of(store, "a/") == ["a/b", "a/c/d", "a/c/e/f"]
    assert await keys_of(store, "a/c") == ["a/c/d", "a/c/e/f"]
    assert await keys_of(store, "none") == await keys_of(store, "b") == []


async def test_a_long_listing_is_complete(store):
    """More objects than any page of a listing holds are all listed, once each."""
    names = [f"long/{number % 3}/{number}" for number in range(1100)]
    if "local" in type(store).__module__:
        await store.put_many([(name, b"") for name in names])
    else:
        names = names[:60]
        await store.put_many([(name, b"") for name in names])
    assert await keys_of(store, "long") == sorted(names)


async def test_new_objects_can_be_left_out(store):
    """A listing of what is older than a time leaves out what is not."""
    await store.put("young", b"x")
    now = datetime.now(UTC)
    assert [found async for found in store.list(older_than=now - timedelta(hours=1))] == []
    assert [found.key async for found in store.list(older_than=now + timedelta(hours=1))] == ["young"]


async def test_an_object_can_be_had_as_a_file(store):
    """Within its context, a local path is a file with the object's content; the object stays afterwards."""
    data = make_bytes(5 * MIB)
    await put_in_chunks(store, "as/file.jpg", [data])
    async with store.local_path("as/file.jpg") as path:
        assert isinstance(path, Path)
        assert path.read_bytes() == data
    assert await store.get("as/file.jpg") == data


async def test_a_working_store_passes_its_check(store):
    """The self-check of a store that works leaves nothing behind."""
    await store.check()
    assert await keys_of(store) == []


@few
@given(name=st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\"), min_size=1, max_size=50))
async def test_any_printable_name_is_a_key(store, name):
    """Names in every script, with any punctuation, are kept exactly."""
    if name in {".", "..", ".tmp"} or not name.isprintable():
        return
    key = f"{secrets.token_hex(4)}/{name}/{name}"
    data = name.encode()
    await store.put(key, data)
    assert await store.get(key) == data
    assert await keys_of(store, key.split("/", 1)[0]) == [key]
    await store.delete(key)
    assert await keys_of(store, key.split("/", 1)[0]) == []


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", "a\\b", "a\0", "a\n", "x" * 300])
async def test_no_operation_takes_what_is_no_key(store, key):
    """Every operation refuses a malformed key before anything happens."""
    operations = [
        store.get(key),
        store.head(key),
        store.read_at(key, 0, 1),
        anext(store.stream(key)),
        store.local_path(key).__aenter__(),
        store.put(key, b""),
        store.put_many([("fine", b""), (key, b"")]),
        store.delete(key),
        store.delete_many(["fine", key]),
    ]
    for operation in operations:
        with pytest.raises(InvalidInput):
            await operation
    with pytest.raises(InvalidInput):
        store.writer(key)
    assert await keys_of(store) == []


async def test_positions_are_not_negative(store):
    """A negative offset, length or end is refused."""
    await store.put("here", b"abc")
    for operation in (
        store.read_at("here", -1, 1),
        store.read_at("here", 0, -1),
        anext(store.stream("here", -1)),
    ):
        with pytest.raises(InvalidInput):
            await operation


@pytest.mark.skipif("CALOTYPE_CORPUS" not in os.environ, reason="CALOTYPE_CORPUS is not set")
async def test_real_photographs_survive(store):
    """Real photographs come back byte for byte with the checksum of their files."""
    photographs = read_some_photographs()
    assert photographs
    for number, data in enumerate(photographs):
        chunks = [data[start : start + 65_536] for start in range(0, len(data), 65_536)]
        stored = await put_in_chunks(store, f"corpus/{number}", chunks, len(data))
        assert stored.checksum == hashlib.sha256(data).hexdigest()
        assert await store.get(stored.key) == data
