"""ZIP files as they are sent, read by programs that know nothing of how they were made."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.zip_file import ZipWriter

WHEN = datetime(2026, 3, 4, 5, 6, 8, tzinfo=UTC)
GIB = 1024**3


def stored(writer, name, data):
    """The parts of an entry that is not compressed."""
    return [writer.stored(name, len(data), zlib.crc32(data), WHEN), data]


def growing(writer, name, pieces):
    """The parts of an entry that is made in pieces."""
    entry = writer.growing(name, WHEN)
    return [entry.begin(), *(entry.add(piece) for piece in pieces), entry.finish()]


@given(
    st.lists(st.tuples(st.sampled_from(["stored", "whole", "growing"]), st.lists(st.binary(max_size=300))), max_size=8)
)
def test_everything_put_in_comes_out(contents):
    """Whatever is put in, in whichever way, is read as it was, in the same order."""
    writer, parts = ZipWriter(), []
    for number, (way, pieces) in enumerate(contents):
        data = b"".join(pieces)
        match way:
            case "stored":
                parts += stored(writer, f"{number}.bin", data)
            case "whole":
                parts.append(writer.whole(f"{number}.bin", data, WHEN))
            case _:
                parts += growing(writer, f"{number}.bin", pieces)
    assert writer.offset == sum(map(len, parts))
    with zipfile.ZipFile(io.BytesIO(b"".join([*parts, *writer.end()]))) as read:
        assert read.testzip() is None
        assert [entry.filename for entry in read.infolist()] == [f"{number}.bin" for number in range(len(contents))]
        for entry, (way, pieces) in zip(read.infolist(), contents, strict=True):
            assert read.read(entry) == b"".join(pieces)
            assert entry.date_time == (2026, 3, 4, 5, 6, 8)
            assert (entry.compress_type == zipfile.ZIP_STORED) is (way == "stored")


@pytest.mark.skipif(not shutil.which("unzip"), reason="unzip is not installed")
def test_unzip_finds_no_fault(tmp_path):
    """Info-ZIP, which warns of the smallest deviation, says nothing."""
    writer = ZipWriter()
    parts = [*stored(writer, "a/picture.jpg", b"\xff" * 1000), *growing(writer, "b.json", [b"[1,", b"2]"])]
    parts += [writer.whole("c.txt", b"", WHEN), *writer.end()]
    (tmp_path / "made.zip").write_bytes(b"".join(parts))
    found = subprocess.run(["unzip", "-t", tmp_path / "made.zip"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "warning" not in found.stdout + found.stderr


def test_a_cut_file_is_no_zip():
    """Whoever gets only the beginning cannot take it for a whole file."""
    writer = ZipWriter()
    parts = [*stored(writer, "a.jpg", b"a" * 100), *growing(writer, "b.json", [b"{}"])]
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(parts)))


def test_more_than_four_gigabytes(tmp_path):
    """What lies behind the fourth gigabyte, and an entry that is larger than that, are found."""
    writer, path = ZipWriter(), tmp_path / "large.zip"
    with path.open("wb") as file:
        for number, size in enumerate((5 * GIB, 10)):
            # A hole in the file stands for the bytes; its checksum does not matter to who only looks at the directory.
            file.write(writer.stored(f"{number}.bin", size, zlib.crc32(bytes(10)), WHEN))
            file.seek(size, 1)
        file.write(b"".join(growing(writer, "last.json", [b"[]"])))
        assert file.tell() == writer.offset
        file.write(b"".join(writer.end()))
    with zipfile.ZipFile(path) as read:
        assert [entry.file_size for entry in read.infolist()] == [5 * GIB, 10, 2]
        assert read.read("1.bin") == bytes(10)
        assert read.read("last.json") == b"[]"
        with read.open("0.bin") as first:
            assert first.read(5) == bytes(5)


def test_more_than_65535_entries():
    """The number of entries is not bounded by what 16 bits can count."""
    writer = ZipWriter()
    parts = [writer.stored(f"{number}", 0, 0, WHEN) for number in range(70_000)]
    with zipfile.ZipFile(io.BytesIO(b"".join([*parts, *writer.end()]))) as read:
        assert len(read.infolist()) == 70_000
        assert read.read("69999") == b""


@pytest.mark.parametrize(("year", "shown"), [(1970, 1980), (2026, 2026), (9000, 2107)])
def test_times_before_and_after_those_of_ms_dos(year, shown):
    """A time that the format cannot express becomes the nearest year that it can."""
    writer = ZipWriter()
    parts = [writer.whole("a", b"", WHEN.replace(year=year)), *writer.end()]
    with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as read:
        assert read.infolist()[0].date_time[0] == shown
