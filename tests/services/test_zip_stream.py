"""ZIP files that are sent while they are made, read by programs that know nothing of how they were made."""

from __future__ import annotations

import asyncio
import io
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.services.zip_stream import ZipStream

WHEN = datetime(2026, 3, 4, 5, 6, 8, tzinfo=UTC)
MIB = 1024**2
GIB = 1024**3


async def chunks_of(*pieces):
    """The pieces, one after the other."""
    for piece in pieces:
        yield piece


def put(archive, way, name, *pieces):
    """An entry, in one of the ways there are, as its pieces."""
    if way == "stored":
        return archive.stored(name, sum(map(len, pieces)), WHEN, chunks_of(*pieces))
    if way == "deflated":
        return archive.deflated(name, WHEN, chunks_of(*pieces))
    return whole(archive, name, b"".join(pieces))


async def whole(archive, name, data):
    """A small entry as its one piece."""
    yield await archive.whole(name, WHEN, data)


async def made(contents):
    """A file of entries: their way, their name and their pieces."""
    archive, parts = ZipStream(), []
    for way, name, *pieces in contents:
        parts += [part async for part in put(archive, way, name, *pieces)]
    return b"".join([*parts, await archive.end()])


@given(
    st.lists(st.tuples(st.sampled_from(["stored", "whole", "deflated"]), st.lists(st.binary(max_size=300))), max_size=8)
)
def test_everything_put_in_comes_out(contents):
    """Whatever is put in, in whichever way, is read as it was, in the same order."""
    data = asyncio.run(made([(way, f"{number}.bin", *pieces) for number, (way, pieces) in enumerate(contents)]))
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.testzip() is None
        assert [entry.filename for entry in read.infolist()] == [f"{number}.bin" for number in range(len(contents))]
        for entry, (way, pieces) in zip(read.infolist(), contents, strict=True):
            assert read.read(entry) == b"".join(pieces)
            assert entry.date_time == (2026, 3, 4, 5, 6, 8)
            assert (entry.compress_type == zipfile.ZIP_STORED) is (way == "stored")


def check_with_unzip(path):
    """Let Info-ZIP, which warns of small deviations too, test a file."""
    found = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "warning" not in found.stdout + found.stderr


@pytest.mark.skipif(not shutil.which("unzip"), reason="unzip is not installed")
async def test_unzip_finds_no_fault(tmp_path):
    """Info-ZIP, which warns of the smallest deviation, says nothing."""
    contents = [("stored", "a/picture.jpg", b"\xff" * 1000), ("deflated", "b.json", b"[1,", b"2]"), ("whole", "c.txt")]
    (tmp_path / "made.zip").write_bytes(await made(contents))
    await asyncio.to_thread(check_with_unzip, tmp_path / "made.zip")


async def test_pieces_leave_as_they_come():
    """What was put in is taken out at once, so that nothing large gathers on the way."""
    archive, most = ZipStream(), 0
    async for piece in put(archive, "stored", "large.bin", *[bytes(MIB)] * 20):
        most = max(most, len(piece))
    assert MIB <= most < 2 * MIB


@pytest.mark.parametrize("way", ["stored", "deflated"])
async def test_who_stops_in_the_middle_has_no_zip(way):
    """An entry whose bytes fail raises that, and what was sent until then is no file that anybody takes for whole."""

    async def failing():
        yield b"a" * 1000
        raise OSError("no more")

    archive = ZipStream()
    got = io.BytesIO(b"".join([part async for part in put(archive, way, "whole.bin", b"b" * 100)]))
    got.seek(0, io.SEEK_END)
    entry = archive.stored("a", 2000, WHEN, failing()) if way == "stored" else archive.deflated("a", WHEN, failing())

    async def take_all():
        async for part in entry:
            got.write(part)

    with pytest.raises(OSError, match="no more"):
        await take_all()
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(got)


async def write_large(path):
    """A file of five gigabytes, of which only what is not zero is written."""
    archive, block, zeros = ZipStream(), bytes(64 * MIB), 0
    with path.open("wb") as file:
        for entry in (
            put(archive, "stored", "0.bin", *[block] * (5 * GIB // len(block))),
            put(archive, "stored", "1.bin", b"behind"),
            put(archive, "deflated", "last.json", b"[]"),
        ):
            async for piece in entry:
                if piece is block:
                    file.seek(len(piece), 1)
                    zeros += len(piece)
                else:
                    file.write(piece)
        file.write(await archive.end())
    return zeros


async def test_more_than_four_gigabytes(tmp_path, monkeypatch):
    """What lies behind the fourth gigabyte, and an entry that is larger than that, are found."""
    # Its checksum does not matter to who only looks at the directory, and takes seconds.
    monkeypatch.setattr(zipfile, "crc32", lambda data, crc=0: crc)
    assert await write_large(tmp_path / "large.zip") > 4 * GIB
    with zipfile.ZipFile(tmp_path / "large.zip") as read:
        assert [entry.file_size for entry in read.infolist()] == [5 * GIB, 6, 2]
        assert read.read("1.bin") == b"behind"
        assert read.read("last.json") == b"[]"
        with read.open("0.bin") as first:
            assert first.read(5) == bytes(5)


@pytest.mark.parametrize(("year", "shown"), [(1970, 1980), (2026, 2026), (9000, 2107)])
async def test_times_before_and_after_those_of_ms_dos(year, shown):
    """A time that the format cannot express becomes the nearest year that it can."""
    archive = ZipStream()
    data = await archive.whole("a", WHEN.replace(year=year), b"") + await archive.end()
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.infolist()[0].date_time[0] == shown
