"""Pictures that are cut off or damaged are taken with a note of it where that is asked for, and refused elsewhere."""

from __future__ import annotations

import io
from dataclasses import replace
from uuid import uuid4

import pytest
from PIL import Image

from calotype.domain.errors import CalotypeError, EmptyFile, TooManyPixels, UndecodablePicture, Unsupported
from calotype.services.ingest_limits import IngestLimits
from calotype.services.receive import ReceiveService, WholeFile
from tests.services.library import chunks

LIMITS = IngestLimits(50_000_000, 40_000_000, notes_faults=True)
FORMATS = {"JPEG": {"quality": 95}, "PNG": {}, "GIF": {}, "WEBP": {"lossless": True}, "BMP": {}, "TIFF": {}}
SIZES = {"small": (60, 40), "large": (1000, 800)}


def picture(name, size):
    """A picture of noise in a format; the large one is larger than what is kept of an upload in memory, where it can be."""
    stream = io.BytesIO()
    Image.effect_noise(size, 90).convert("P" if name == "GIF" else "RGB").save(stream, name, **FORMATS[name])
    return stream.getvalue()


@pytest.fixture(params=[(name, size) for name in FORMATS for size in SIZES], ids="-".join, scope="module")
def data(request):
    """A whole picture."""
    name, size = request.param
    return picture(name, SIZES[size])


async def received(library, data, limits=LIMITS, *, is_streamed=True):
    """Take a file in, in one way or the other; returns it."""
    service = ReceiveService(library.services.ingest._store, limits)
    if is_streamed:
        return await service.receive(library.scope, "a.jpg", chunks(data, 50_000))
    (outcome,) = await service.receive_many(library.scope, [WholeFile(uuid4(), "a.jpg", data)])
    if isinstance(outcome, CalotypeError):
        raise outcome
    return outcome


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_a_whole_picture_has_no_fault(library, data, is_streamed):
    """Whichever way it came, and it is stored as it is."""
    file = await received(library, data, is_streamed=is_streamed)
    assert (file.fault, file.size_bytes) == (None, len(data))
    assert file.object_key in library.objects()


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_a_picture_that_is_cut_off_is_taken_with_its_fault(library, data, is_streamed):
    """Where only whole ones are taken it is refused instead, and nothing of it stays."""
    half = data[: len(data) // 2]
    file = await received(library, half, is_streamed=is_streamed)
    assert file.fault
    assert file.object_key in library.objects()
    before = library.objects()
    with pytest.raises(UndecodablePicture):
        await received(library, half, replace(LIMITS, notes_faults=False, only_whole=True), is_streamed=is_streamed)
    assert library.objects() == before


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_a_header_that_cannot_be_read_is_a_fault(library, is_streamed):
    """A picture by its first bytes, and nothing behind them."""
    for start in (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"\x89PNG\r\n\x1a\n", b"GIF89a"):
        file = await received(library, start + b"\x00" * 40, is_streamed=is_streamed)
        assert file.fault


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_what_is_no_picture_is_refused_all_the_same(library, is_streamed):
    """Empty files, other kinds and too many pixels."""
    for data, refusal in ((b"", EmptyFile), (b"hello there, this is text", Unsupported)):
        with pytest.raises(refusal):
            await received(library, data, is_streamed=is_streamed)
    with pytest.raises(TooManyPixels):
        await received(library, picture("PNG", (60, 40)), replace(LIMITS, max_pixels=100), is_streamed=is_streamed)
