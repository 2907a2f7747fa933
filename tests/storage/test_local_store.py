"""What the store on this machine's disk promises beyond the contract: durability and cleanliness."""

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from calotype.domain.errors import NotFound, Unavailable
from calotype.storage.disk import Disk, UnfinishedFile
from calotype.storage.local import LocalStore
from calotype.storage.threads import Threads
from calotype.storage.writer import BATCH

LATER = timedelta(hours=1)


def unfinished(tmp_path):
    """The unfinished files of the store."""
    folder = tmp_path / "objects" / ".tmp"
    return list(folder.iterdir()) if folder.exists() else []


def folders(tmp_path):
    """All folders of the store but the one of unfinished files."""
    root = tmp_path / "objects"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_dir() and path.name != ".tmp")


def run_child(code, *arguments, **options):
    """Start a Python process with a store in mind."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True, **options
    )


@pytest.fixture
def recorded(monkeypatch):
    """What was flushed and renamed, in order, as (verb, path); every unfinished file is called that."""
    events = []
    fsync, rename = os.fsync, Path.rename

    def note_fsync(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        events.append(("flush", "unfinished" if path.parent.name == ".tmp" else str(path)))
        fsync(descriptor)

    def note_rename(path, target):
        events.append(("rename", str(target)))
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "rename", note_rename)
    return events


@pytest.mark.parametrize("size", [10, 3 * BATCH])
async def test_an_object_is_on_the_disk_before_commit_returns(local, tmp_path, recorded, size):
    """The bytes are flushed before the name appears; the name and new folders, before the return."""
    async with local.writer("new/folder/object") as writer:
        await writer.write(bytes(size))
        await writer.commit()
    root = str(tmp_path / "objects")
    target = f"{root}/new/folder/object"
    renamed = recorded.index(("rename", target))
    assert {("flush", "unfinished"), ("flush", root), ("flush", f"{root}/new")} <= set(recorded[:renamed])
    assert recorded[renamed + 1 :] == [("flush", f"{root}/new/folder")]


async def test_folders_are_flushed_once_for_many(local, tmp_path, recorded):
    """Objects put together share one flush of their folder; what is above a known folder is not flushed."""
    await local.put("p/1/a", b"")
    recorded.clear()
    await local.put_many([(f"p/1/{number}", b"x") for number in range(5)])
    root = str(tmp_path / "objects")
    flushed = [path for verb, path in recorded if verb == "flush"]
    assert flushed == ["unfinished"] * 5 + [f"{root}/p/1"]


async def test_a_small_object_costs_one_trip_to_a_thread(local, monkeypatch):
    """Writing or putting a small object, or several, hands exactly one job to the threads."""
    trips = []
    submit = Threads.submit
    monkeypatch.setattr(Threads, "submit", lambda *call: trips.append(call) or submit(*call))
    async with local.writer("small") as writer:
        await writer.write(bytes(BATCH // 2))
        await writer.write(bytes(BATCH // 2 - 1))
        await writer.commit()
    assert len(trips) == 1
    await local.put("other", b"x")
    assert len(trips) == 2
    await local.put_many([(f"v/{number}", b"x") for number in range(5)])
    assert len(trips) == 3


async def test_a_fast_sender_waits_for_a_slow_disk(local, monkeypatch):
    """While the disk is stuck, a writer takes no more than three batches into memory."""
    stuck, append = threading.Event(), UnfinishedFile.append
    monkeypatch.setattr(UnfinishedFile, "append", lambda *call: stuck.wait() and append(*call))
    async with local.writer("slow") as writer:

        async def send():
            for _ in range(64):
                await writer.write(bytes(BATCH // 4))

        sending = asyncio.create_task(send())
        for _ in range(500):
            await asyncio.sleep(0)
        taken = writer.size
        stuck.set()
        await sending
        await writer.commit()
    assert 0 < taken <= 3 * BATCH
    assert (await local.head("slow")).size == 16 * BATCH


@pytest.mark.parametrize("size", [10, BATCH, 5 * BATCH])
async def test_an_abandoned_upload_leaves_no_file(local, tmp_path, size):
    """After an error, a cancellation or a silent end, no unfinished file and no folder is left."""
    async with local.writer("a/b/silent") as writer:
        await writer.write(bytes(size))
    with contextlib.suppress(ZeroDivisionError):
        async with local.writer("a/b/error") as writer:
            await writer.write(bytes(size))
            raise ZeroDivisionError

    async def hang():
        async with local.writer("a/b/cancelled") as writer:
            await writer.write(bytes(size))
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert unfinished(tmp_path) == []
    assert folders(tmp_path) == []


async def test_empty_folders_go_with_their_last_object(local, tmp_path):
    """Deleting the last object of a folder removes it and those above it, but no folder that is in use."""
    await local.put_many([("a/b/c/1", b""), ("a/b/2", b"")])
    await local.delete("a/b/c/1")
    assert folders(tmp_path) == ["a", "a/b"]
    await local.delete("a/b/2")
    assert folders(tmp_path) == []
    await local.put("a/b/c/1", b"again")
    assert await local.get("a/b/c/1") == b"again"


async def test_deleting_beside_writing_loses_nothing(local, tmp_path):
    """While others delete the last objects of a folder, writers into the same folder always succeed."""

    async def come_and_go(name):
        for _ in range(60):
            await local.put(f"x/y/z/{name}", b"here")
            assert await local.get(f"x/y/z/{name}") == b"here"
            await local.delete(f"x/y/z/{name}")

    await asyncio.gather(*(come_and_go(name) for name in range(8)))
    assert folders(tmp_path) == []
    assert unfinished(tmp_path) == []


async def test_two_stores_share_a_folder(local, tmp_path):
    """Several processes' stores may put and delete in the same folders at the same time."""
    other = LocalStore(tmp_path / "objects")

    async def come_and_go(store, name):
        for _ in range(40):
            await store.put(f"x/y/{name}", b"here")
            await store.delete(f"x/y/{name}")

    await asyncio.gather(*(come_and_go(store, f"{number}") for number, store in enumerate([local, other] * 3)))
    await other.aclose()
    assert folders(tmp_path) == []


async def test_a_symbolic_link_is_no_object(local, tmp_path):
    """A link inside the folder is neither read nor listed, wherever it points to."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    await local.put("a/object", b"x")
    (tmp_path / "objects" / "a" / "link").symlink_to(secret)
    for read in (local.get, local.head):
        with pytest.raises(NotFound):
            await read("a/link")
    assert [found.key async for found in local.list()] == ["a/object"]


async def test_an_object_is_not_another_ones_folder(local):
    """An object below another object, or in place of a folder, is refused with a reason."""
    await local.put("a", b"x")
    with pytest.raises(Unavailable, match="name of this one's folder"):
        await local.put("a/b", b"x")
    await local.put("f/b", b"x")
    with pytest.raises(Unavailable, match="a folder has this name"):
        await local.put("f", b"x")


FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from calotype.domain.errors import Unavailable
from calotype.storage.local import LocalStore

async def main():
    store = LocalStore(Path(sys.argv[1]))
    await store.put("fits", b"x" * 1000)
    for write in (large, small, many, late):
        try:
            await write(store)
        except Unavailable as error:
            print(write.__name__, error.message, flush=True)
    print([found.key async for found in store.list()], flush=True)

async def large(store):
    async with store.writer("large") as writer:
        for _ in range(40):
            await writer.write(bytes(100_000))
        await writer.commit()

async def late(store):
    async with store.writer("late") as writer:
        await writer.write(bytes(1_990_000))
        await writer.write(bytes(20_000))
        await writer.commit()

async def small(store):
    await store.put("small", bytes(2_100_000))

async def many(store):
    await store.put_many([("many/1", b"x"), ("many/2", bytes(2_100_000))])

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
asyncio.run(main())
"""


async def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    """When the disk takes no more, every kind of writing raises Unavailable and leaves nothing behind."""
    child = run_child(FULL, tmp_path / "objects")
    lines = child.communicate(timeout=60)[0].splitlines()
    reason = "The object store cannot be used: the file is larger than this process may write"
    assert lines == [*(f"{name} {reason}" for name in ("large", "small", "many", "late")), "['fits']"]
    assert unfinished(tmp_path) == []


async def test_too_large_a_claim_is_refused_early(local):
    """An upload that says it is larger than the disk is refused at its start, not when the disk is full."""
    async with local.writer("huge", size_hint=10**18) as writer:
        with pytest.raises(Unavailable, match="bytes are needed"):
            await writer.write(bytes(4 * BATCH))


async def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    """When the store's folder cannot be made, writing and the check raise Unavailable; nothing is found."""
    (tmp_path / "file").write_text("in the way")
    store = LocalStore(tmp_path / "file" / "objects")
    with pytest.raises(Unavailable):
        await store.put("a", b"x")
    with pytest.raises(Unavailable):
        await store.check()
    with pytest.raises(NotFound):
        await store.get("a")
    assert [found async for found in store.list()] == []
    await store.aclose()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_lack_of_permission_is_told(local, tmp_path):
    """A folder that may not be written to makes the check fail with that reason."""
    await local.put("a", b"x")
    (tmp_path / "objects" / ".tmp").chmod(0o500)
    with pytest.raises(Unavailable, match="permission is denied"):
        await local.check()


@pytest.mark.parametrize(
    ("number", "words"),
    [(28, "disk is full"), (13, "permission is denied"), (30, "read-only"), (5, "input/output")],
)
async def test_failures_of_the_disk_are_readable(local, monkeypatch, tmp_path, number, words):
    """What the disk reports while flushing reaches the caller in words, and nothing is published."""

    def fail(_descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    for size in (10, 3 * BATCH):
        async with local.writer("lost") as writer:
            await writer.write(bytes(size))
            with pytest.raises(Unavailable, match=words):
                await writer.commit()
    monkeypatch.undo()
    assert [found async for found in local.list()] == []
    assert unfinished(tmp_path) == []


HANGING = """
import asyncio, sys
from pathlib import Path
from calotype.storage.local import LocalStore

async def main():
    store = LocalStore(Path(sys.argv[1]))
    async with store.writer("victim") as writer:
        for _ in range(8):
            await writer.write(bytes(1024 * 1024 + 1))
        print("writing", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_killed_upload_is_invisible_and_swept(local, tmp_path):
    """A process killed while writing leaves no object, only a file that the sweep removes in time."""
    child = run_child(HANGING, tmp_path / "objects")
    assert child.stdout.readline() == "writing\n"
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    assert [found async for found in local.list()] == []
    with pytest.raises(NotFound):
        await local.head("victim")
    assert len(unfinished(tmp_path)) == 1
    assert await local.sweep_temporary(datetime.now(UTC) - LATER) == 0
    assert await local.sweep_temporary(datetime.now(UTC) + LATER) == 1
    assert unfinished(tmp_path) == []


COMMITTING = """
import asyncio, hashlib, os, sys
from pathlib import Path
from calotype.storage.local import LocalStore

async def client(store):
    while True:
        data = os.urandom(1 + int.from_bytes(os.urandom(2)) * 40)
        key = hashlib.sha256(data).hexdigest()
        async with store.writer(f"{key[0]}/{key}") as writer:
            await writer.write(data)
            await writer.commit()
        print(f"{key[0]}/{key}", flush=True)

async def main():
    store = LocalStore(Path(sys.argv[1]))
    await asyncio.gather(*(client(store) for _ in range(4)))

asyncio.run(main())
"""


async def test_whatever_is_visible_after_a_kill_is_whole(local, tmp_path):
    """After a kill among many commits, each object told of is there, and each that is there is whole."""
    child = run_child(COMMITTING, tmp_path / "objects")
    told = [child.stdout.readline().strip() for _ in range(30)]
    child.send_signal(signal.SIGKILL)
    told += child.communicate(timeout=30)[0].split()
    found = [entry.key async for entry in local.list()]
    assert {key for key in told if len(key) == 66} <= set(found)
    for key in found:
        assert key.endswith(hashlib.sha256(await local.get(key)).hexdigest())


async def test_a_swept_upload_fails_with_a_reason(local):
    """An upload whose unfinished file was swept cannot be committed, and says why."""
    async with local.writer("slow") as writer:
        await writer.write(bytes(2 * BATCH + 1))
        await writer.write(bytes(BATCH))
        assert await local.sweep_temporary(datetime.now(UTC) + LATER) == 1
        with pytest.raises(Unavailable, match="swept away"):
            await writer.commit()
    assert [found async for found in local.list()] == []


async def test_a_local_path_is_the_object_itself(local, tmp_path):
    """No copy is made for reading a local object as a file."""
    await local.put("a/b", b"x")
    async with local.local_path("a/b") as path:
        assert path == tmp_path / "objects" / "a" / "b"


def test_a_listing_of_a_large_folder_is_never_held_in_memory(tmp_path):
    """Thousands of files in one folder are described one after the other, also when each is removed once it was seen."""
    disk = Disk(tmp_path)
    folder = tmp_path / "raw-data"
    folder.mkdir()
    for number in range(5_000):
        (folder / f"{number:08x}_image.jpg").touch()
    tracemalloc.start()
    try:
        seen = sum(1 for _ in disk.walk("raw-data"))
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()
    assert seen == 5_000
    for stored in disk.walk("raw-data"):
        disk.delete([stored.key])
    assert list(disk.walk("raw-data")) == []
