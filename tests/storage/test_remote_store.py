"""What the store in a bucket sends, and how it fails; against a server that refuses wrong signatures."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from calotype.domain.errors import InvalidInput, Unavailable
from calotype.storage.remote import RemoteStore
from calotype.storage.remote_writer import PART, part_size

MIB = 1024 * 1024


async def upload(store, key, size, chunk=MIB):
    """Write zeros."""
    async with store.writer(key) as writer:
        for _ in range(size // chunk):
            await writer.write(bytes(chunk))
        await writer.write(bytes(size % chunk))
        return await writer.commit()


def parts(s3_server, key):
    """The sizes of the parts sent for a key, in the order of their numbers."""
    sent = [entry for entry in s3_server.requests(key) if "partNumber=" in entry["query"]]
    return [
        entry["length"]
        for entry in sorted(sent, key=lambda entry: int(entry["query"].split("partNumber=")[1].split("&")[0]))
    ]


def aborted(s3_server, key):
    """Whether an upload of the key was begun, and whether as many were aborted."""
    asked = s3_server.requests(key)
    begun = sum(entry["method"] == "POST" and entry["query"].startswith("uploads") for entry in asked)
    ended = sum(entry["method"] == "DELETE" and "uploadId" in entry["query"] for entry in asked)
    return begun > 0, begun == ended


@pytest.mark.parametrize("wrong", [{"secret_access_key": "wrong"}, {"access_key_id": "AKIAWRONG"}])
async def test_wrong_credentials_are_told(s3_server, tmp_path, wrong):
    """With a wrong secret or an unknown key every operation, the check among them, raises Unavailable."""
    store = s3_server.store(tmp_path, **wrong)
    for operation in (
        store.check(),
        store.put("a", b"x"),
        store.get("a"),
        store.head("a"),
        anext(store.list()),
    ):
        with pytest.raises(Unavailable, match="refuses our credentials"):
            await operation
    with pytest.raises(Unavailable):
        await upload(store, "large", 9 * MIB)
    await store.aclose()


async def test_the_reason_of_a_refusal_is_the_servers(s3_server, tmp_path):
    """The message names the server's own code, and is one readable line."""
    store = s3_server.store(tmp_path, secret_access_key="wrong")
    with pytest.raises(Unavailable) as caught:
        await store.check()
    assert "SignatureDoesNotMatch" in caught.value.message
    assert "\n" not in caught.value.message
    await store.aclose()


async def test_a_missing_bucket_is_told(s3_server, tmp_path):
    """A bucket that does not exist makes the check fail with that reason, not with NotFound."""
    store = RemoteStore("s3://no-such-bucket/x", scratch=tmp_path, options=s3_server.options, retries=0)
    with pytest.raises(Unavailable, match="bucket does not exist"):
        await store.check()
    with pytest.raises(Unavailable, match="bucket does not exist"):
        await store.get("a")
    await store.aclose()


async def test_a_server_that_is_down_is_told(unused_tcp_port, tmp_path):
    """When nothing answers, every kind of operation raises Unavailable."""
    options = {
        "endpoint": f"http://127.0.0.1:{unused_tcp_port}",
        "access_key_id": "a",
        "secret_access_key": "b",
    }
    store = RemoteStore("s3://bucket", scratch=tmp_path, options=options, retries=0)
    for operation in (store.check(), store.get("a"), store.head("a"), store.delete("a"), anext(store.list())):
        with pytest.raises(Unavailable, match="cannot be used"):
            await operation
    with pytest.raises(Unavailable):
        await upload(store, "large", 20 * MIB)
    await store.aclose()


async def test_a_small_object_is_one_request(s3_server, remote):
    """What fits into a part is sent in a single request, without a multipart upload."""
    await upload(remote, "single", PART)
    assert [(entry["method"], entry["length"]) for entry in s3_server.requests("single")] == [("PUT", PART)]


@pytest.mark.parametrize("chunk", [MIB, 65_536, 3_000_001])
async def test_parts_are_equal(s3_server, remote, chunk):
    """All parts of a large object but the last are of one size, however the bytes arrived."""
    key = f"parts-{chunk}"
    await upload(remote, key, 2 * PART + 12_345, chunk)
    assert parts(s3_server, key) == [PART, PART, 12_345]


async def test_no_checksums_are_sent_unasked(s3_server, remote):
    """No request for writing carries a checksum header or trailer, which some stores refuse."""
    await upload(remote, "plain", 9 * MIB)
    await remote.put("plain", b"x")
    names = {name for entry in s3_server.requests("plain") for name in entry["headers"]}
    assert names == {"HTTP_X_AMZ_CONTENT_SHA256", "HTTP_X_AMZ_DATE"}


async def test_a_failed_upload_is_aborted(s3_server, remote):
    """Giving up a multipart upload, by an error or a cancellation, aborts it in the bucket."""
    with contextlib.suppress(ZeroDivisionError):
        async with remote.writer("failed") as writer:
            for _ in range(20):
                await writer.write(bytes(MIB))
            raise ZeroDivisionError
    assert aborted(s3_server, "failed") == (True, True)

    async def receive(full):
        async with remote.writer("cancelled") as writer:
            for _ in range(20):
                await writer.write(bytes(MIB))
            full.set()
            while True:
                await writer.write(bytes(MIB))

    full = asyncio.Event()
    task = asyncio.create_task(receive(full))
    await full.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert aborted(s3_server, "cancelled") == (True, True)


def test_the_largest_objects_have_larger_parts():
    """Parts are 8 MiB, and grow with the announced size so that it fits into S3's 10,000 parts."""
    assert part_size(None) == part_size(1) == part_size(10**10) == PART
    for size in (10**11, 5 * 2**40):
        assert size / part_size(size) < 10_000
        assert part_size(size) % MIB == 0


async def test_a_download_is_removed_after_use(remote, tmp_path):
    """The copy behind a local path is in the scratch folder, and gone afterwards, also after an error."""
    await remote.put("a", b"content")
    async with remote.local_path("a") as path:
        assert path.parent == tmp_path / "scratch"
    with contextlib.suppress(ZeroDivisionError):
        async with remote.local_path("a") as path:
            raise ZeroDivisionError
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_old_downloads_are_swept(remote, tmp_path):
    """A copy left by a dead process is removed once it is old enough; other files are not touched."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "download-x").write_bytes(b"left")
    (scratch / "other").write_bytes(b"not ours")
    assert await remote.sweep_temporary(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await remote.sweep_temporary(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert [path.name for path in scratch.iterdir()] == ["other"]


async def test_the_environment_is_enough(s3_server, tmp_path, monkeypatch):
    """Credentials, region and endpoint are found under the names that AWS's own tools use."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.options["endpoint"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.options["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.options["secret_access_key"])
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    store = RemoteStore(f"s3://{s3_server.bucket}/environment", scratch=tmp_path, retries=0)
    await store.check()
    await store.aclose()


def test_plain_http_is_for_this_machine_only(tmp_path):
    """An endpoint elsewhere without encryption is refused when it is used."""
    options = {"endpoint": "http://storage.invalid:9000", "access_key_id": "a", "secret_access_key": "b"}
    store = RemoteStore("s3://bucket", scratch=tmp_path, options=options, retries=0)
    with pytest.raises(Unavailable):
        asyncio.run(store.put("a", b"x"))


@pytest.mark.parametrize("url", ["nonsense", "s3://", "az://account-without-a-key/container"])
def test_a_useless_url_is_refused(url):
    """A URL from which no bucket can be made is invalid input."""
    with pytest.raises(InvalidInput):
        RemoteStore(url)
