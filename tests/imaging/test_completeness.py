"""Whole pictures pass, cut and damaged ones do not, whatever the format."""

from __future__ import annotations

import base64
import contextlib
import functools
import importlib.util
import mmap
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from calotype.domain.errors import CalotypeError, IncompletePicture, UndecodablePicture
from calotype.imaging import sniff as kinds
from calotype.imaging.completeness import check_complete
from calotype.imaging.decode import decode
from calotype.imaging.header import _NAMED_READERS, _READERS
from calotype.imaging.original import open_original
from calotype.imaging.selftest_samples import SAMPLES
from tests.examples import examples
from tests.imaging import pictures
from tests.imaging.developing import FORMATS
from tests.imaging.pictures import CORPUS, needs_corpus

PHOTO = pictures.photo(150, 110)
WHOLE = {
    **FORMATS,
    "jpeg photo": lambda: pictures.jpeg(PHOTO, quality=60),
    "jpeg with restarts": lambda: pictures.jpeg(PHOTO, quality=60, restart_marker_blocks=3),
    "progressive photo": lambda: pictures.jpeg(PHOTO, quality=60, progressive=True),
    "flat jpeg": lambda: pictures.jpeg(np.full((300, 401, 3), 128, np.uint8), optimize=True),
    "flat progressive jpeg": lambda: pictures.jpeg(np.full((300, 401, 3), 128, np.uint8), progressive=True),
    "cmyk jpeg": pictures.cmyk_jpeg,
    "16-bit png": pictures.grey_png_16,
    "packed tiff": lambda: pictures.encode(PHOTO, "TIFF", compression="packbits"),
    "big tiff": lambda: pictures.encode(pictures.quadrants(), "TIFF", big_tiff=True),
    "tiff of two pages": lambda: pictures.encode(
        Image.fromarray(PHOTO), "TIFF", save_all=True, append_images=[Image.new("L", (20, 20))], compression="tiff_lzw"
    ),
    "webp with a profile": lambda: pictures.encode(PHOTO, "WEBP", icc_profile=pictures.icc_profile()),
    "palette bmp": lambda: pictures.encode(Image.fromarray(PHOTO).quantize(), "BMP"),
    "animated avif": lambda: pictures.animation("AVIF"),
    "heic with alpha": lambda: pictures.heic("alpha"),
    "turned heic": lambda: pictures.heic("turned"),
    "dng": pictures.dng,
    "jxl": pictures.jxl,
}
# Ends that nobody can tell from the true one, each with its reason.
UNNOTICED = {
    "gif": "a GIF without its trailer is whole to decoders",
    "animated gif": "an animation may end behind any of its blocks",
    "palette bmp": "the padding of the last row holds nothing",
    "tiff of two pages": "what stands behind the last directory, a link to no other, may be left out",
    "jxl": "a bare codestream does not tell its length",
}


@functools.cache
def whole(name):
    """A picture's bytes and its format."""
    data = WHOLE[name]()
    return data, kinds.sniff(data).format


def is_complete(data, format_):
    """Whether the check passes; it may raise nothing but its own error."""
    try:
        check_complete(data, format_)
    except IncompletePicture:
        return False
    return True


@pytest.fixture
def opened(tmp_path):
    """Decodes bytes: the pixels, or None."""

    def open_bytes(data):
        path = tmp_path / "original"
        path.write_bytes(data)
        with contextlib.suppress(CalotypeError):
            return decode(open_original(path), 1024).pixels
        return None

    return open_bytes


@pytest.mark.parametrize("name", WHOLE)
def test_whole_pictures_pass(name):
    """Every picture as its encoder wrote it passes, in memory, as a view, and with a trailer where formats allow one."""
    data, format_ = whole(name)
    check_complete(data, format_)
    check_complete(memoryview(data), format_)
    if format_ != "svg":
        check_complete(data + b"\0" * 37, format_)


@pytest.mark.parametrize("name", WHOLE)
def test_cut_at_every_byte(name):
    """A file that ends early, at whatever byte, is refused with a sentence, but for ends that look like the true one."""
    data, format_ = whole(name)
    passed = [length for length in range(len(data)) if is_complete(data[:length], format_)]
    if name not in UNNOTICED:
        assert not passed


@pytest.mark.parametrize("name", ["gif", "animated gif", "palette bmp", "tiff of two pages"])
def test_a_cut_that_passes_costs_no_pixel(opened, name):
    """Where a shorter file passes, its picture is the same to the last pixel, and only few lengths do."""
    data, format_ = whole(name)
    passed = [data[:length] for length in range(len(data)) if is_complete(data[:length], format_)]
    assert 1 <= len(passed) <= 8
    for cut in passed:
        # The other frames of an animation may have made it transparent.
        assert (opened(cut)[:, :, :3] == opened(data)[:, :, :3]).all()


# A bitmap, an uncompressed TIFF and a lossy WebP of any bytes are pictures.
@pytest.mark.parametrize(
    "name",
    [
        *("jpeg photo", "jpeg with restarts", "progressive photo", "png", "animated png", "gif", "avif", "heic"),
        *("svg", "lzw tiff", "16-bit png"),
    ],
)
def test_a_good_header_before_garbage_is_refused(name):
    """A file whose second half, or all but its first eighth, is other bytes does not pass, though its length is right."""
    data, format_ = whole(name)
    rng = np.random.default_rng(7)
    for kept in (len(data) // 8, len(data) // 2):
        for _ in range(8):
            damaged = data[:kept] + rng.bytes(len(data) - kept)
            if kinds.sniff(damaged) is not None:
                assert not is_complete(damaged, format_)
        assert not is_complete(data[:kept] + bytes(len(data) - kept), format_)


def test_every_picture_format_has_a_check():
    """Whatever the sniffer takes for a picture can be checked, and nothing else can."""
    for format_ in (*_READERS, *_NAMED_READERS):
        with pytest.raises(IncompletePicture):
            check_complete(b"x", format_)
        with pytest.raises(IncompletePicture, match="empty"):
            check_complete(b"", format_)
    with pytest.raises(UndecodablePicture, match="no picture format"):
        check_complete(b"x", "mp4")


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_of_the_self_test_pass(name):
    """The tiniest picture of each format is whole too."""
    data = zlib.decompress(base64.b64decode(SAMPLES[name]))
    check_complete(data, kinds.sniff(data).format)


@pytest.mark.parametrize("name", ["jpeg photo", "png", "heic", "webp"])
def test_a_mapping_can_be_closed_while_a_refusal_is_handled(tmp_path, name):
    """A mapped file is read in place, and no view of it outlives the check, not even in the refusal."""
    data, format_ = whole(name)
    path = tmp_path / "file"
    path.write_bytes(data[:-20])
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        check_complete(mapped, format_)
    except IncompletePicture:
        mapped.close()
    assert mapped.closed


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*_READERS, *_NAMED_READERS]), st.binary(max_size=400))
def test_any_bytes_are_refused_or_pass(format_, data):
    """Whatever the bytes, there is an answer and no other error."""
    is_complete(data, format_)


@settings(max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_any_damage_is_refused_or_passes(name, draw):
    """Whatever is changed, put in or taken out of a picture, there is an answer and no other error."""
    data, format_ = whole(name)
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(0, len(damaged)))
        length = draw.draw(st.sampled_from([0, 1, 2, 4, 8, 40]))
        damaged[at : at + length] = draw.draw(
            st.one_of(st.just(b"\xff" * length), st.just(bytes(length)), st.binary(max_size=12))
        )
    is_complete(bytes(damaged), format_)
    # The same of the format's siblings, whose check reads the same containers.
    for sibling in ("heif", "raf", "cr3", "rw2", "nef", "jxl"):
        is_complete(bytes(damaged), sibling)


def corpus_files():
    """The picture files of the corpus with their formats."""
    for path in sorted(CORPUS.rglob("*")) if CORPUS else ():
        kind = kinds.sniff(path.read_bytes()[: kinds.HEAD_BYTES]) if path.is_file() else None
        if kind is not None and kind.media_type == "image":
            yield path, kind.format


@needs_corpus
def test_real_photographs_pass():
    """Every picture of the corpus that is developed today passes, with whatever its camera and its editors wrote."""
    formats = set()
    for path, format_ in corpus_files():
        if format_ != "jxl" or importlib.util.find_spec("pylibjxl"):
            decode(open_original(path), 64)
        check_complete(path.read_bytes(), format_)
        formats.add(format_)
    assert {"jpeg", "png", "heic", "avif", "webp", "jxl"} <= formats


@needs_corpus
def test_halves_of_real_photographs_are_refused(opened):
    """No first half of a picture of the corpus passes, but for those whose picture is whole in it or that tell no length."""
    unnoticed = []
    for path, format_ in corpus_files():
        data = path.read_bytes()
        if is_complete(data[: len(data) // 2], format_):
            unnoticed.append(path.name)
            # The second half of a motion photo is its film.
            assert path.name == "8bit-sRGB.jxl" or (opened(data[: len(data) // 2]) == opened(data)).all()
    assert sorted(unnoticed) == ["8bit-sRGB.jxl", "samsung-one-ui-6.heic"]
