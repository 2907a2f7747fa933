"""Text in pictures is found, in reading order, and where there is none nothing is made up."""

import io
import itertools
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont, ImageOps

from calotype.ai import rapidocr_reader
from calotype.ai.rapidocr_reader import in_reading_order, read_text
from calotype.domain.description import TextLine
from calotype.domain.errors import Unavailable, UndecodablePicture
from calotype.sandbox.pool import Sandbox

CORPUS = os.environ.get("CALOTYPE_CORPUS")
GIGABYTE = 1024**3


def encoded(picture, name="JPEG"):
    """The bytes of a picture, as a file."""
    target = io.BytesIO()
    picture.save(target, name)
    return target.getvalue()


def page(lines, size=40, width=1024, height=700, color="black", paper="white"):
    """A picture of lines of text."""
    picture = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size)
    for row, line in enumerate(lines):
        draw.text((40, 30 + row * size * 2), line, fill=color, font=font)
    return picture


def texture():
    """Soft noise with edges, as in photos of leaves, without any text."""
    random = np.random.default_rng(7)
    small = random.integers(0, 255, (24, 36, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((1024, 683), Image.Resampling.BICUBIC)


def test_lines_are_read_from_top_to_bottom():
    """Three lines of print are read as three lines, in their order."""
    reading = read_text(encoded(page(["Quarterly report", "Total 1234 units", "Thank you"])))
    assert reading.text == "Quarterly report\nTotal 1234 units\nThank you"
    assert reading.confidence > 0.9
    tops = [line.box[1] for line in reading.lines]
    assert tops == sorted(tops)


@pytest.mark.parametrize("size", [14, 20, 90])
def test_small_and_large_print_is_read(size):
    """Print from 14 pixels to the height of a poster's is read."""
    reading = read_text(encoded(page(["Harbour lights", "Open until nine"], size)))
    assert "Harbour lights" in reading.text
    assert "Open until nine" in reading.text


@pytest.mark.parametrize(("color", "paper"), [("white", "black"), ("yellow", "navy"), ("black", "orange")])
def test_colours_do_not_matter(color, paper):
    """Light on dark is read as dark on light is."""
    assert "Museum 1879" in read_text(encoded(page(["Museum 1879"], 60, color=color, paper=paper))).text


@pytest.mark.parametrize("size", [(1024, 40), (1600, 44), (200, 60), (400, 1024)])
def test_strips_and_small_pictures_are_read(size):
    """Text is found in flat, small and narrow pictures, and its box lies within the picture."""
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).text((8, 4), "Invoice 77", fill="black", font=ImageFont.load_default(30))
    reading = read_text(encoded(picture, "PNG"))
    assert "Invoice 77" in reading.text
    left, top, right, bottom = reading.lines[0].box
    assert 0 <= left < right <= 1
    assert 0 <= top < bottom <= 1


def test_a_box_tells_where_the_text_is():
    """The box of a line surrounds it, in fractions of the picture."""
    picture = Image.new("RGB", (1000, 500), "white")
    ImageDraw.Draw(picture).text((500, 250), "Harbour", fill="black", font=ImageFont.load_default(50))
    left, top, right, bottom = read_text(encoded(picture)).lines[0].box
    assert left == pytest.approx(0.5, abs=0.03)
    assert 0.45 < top < 0.56 < bottom < 0.68
    assert 0.6 < right < 0.75


@pytest.mark.parametrize("picture", [texture(), Image.new("RGB", (1024, 683), "skyblue"), Image.new("L", (1, 1))])
@pytest.mark.parametrize("careful", [False, True])
def test_where_there_is_no_text_none_is_read(picture, careful):
    """Texture, plain colour and a single pixel hold no text."""
    reading = read_text(encoded(picture), careful=careful)
    assert (reading.text, reading.confidence, reading.lines) == ("", None, ())


def test_a_careful_look_finds_faint_small_print():
    """What the glance at a photo misses, the careful reading finds."""
    picture = texture().point(lambda value: value // 3)
    ImageDraw.Draw(picture).text((400, 300), "Sale 50%", fill="white", font=ImageFont.load_default(18))
    assert "Sale" in read_text(encoded(picture), careful=True).text


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0 cut short"])
def test_what_is_no_picture_is_refused(data):
    """Bytes that are no picture are a refusal, not an empty text."""
    with pytest.raises(UndecodablePicture):
        read_text(data)


def test_missing_models_are_told_and_not_fetched(tmp_path):
    """Without its model files the reader says which one is missing."""
    with pytest.raises(Unavailable, match=r"PP-OCRv6_det_small\.onnx is missing"):
        rapidocr_reader._parameters(tmp_path)


def test_long_text_is_bounded():
    """More text than the limit is cut, and is still a string without surrounding space."""
    line = TextLine("word " * 100, 0.9, (0, 0, 1, 1))
    assert len(rapidocr_reader._reading([line] * 100).text) <= rapidocr_reader.LONGEST_TEXT


@given(st.text())
def test_cleaned_text_is_one_normal_printable_line(text):
    """Whatever a model reads, a line is NFC, printable and without doubled space."""
    cleaned = rapidocr_reader._clean(text)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == " ".join(cleaned.split())
    assert all(letter.isprintable() for letter in cleaned)


_boxes = st.builds(
    lambda left, top, width, height: (left, top, min(1.0, left + width), min(1.0, top + height)),
    *[st.floats(0, 0.9)] * 2,
    *[st.floats(0.01, 0.3)] * 2,
)


@given(st.lists(_boxes, max_size=12))
@example([(0.0, 0.3125, 0.25, 0.4375), (0.0, 0.125, 0.25, 0.375), (0.5, 0.25, 0.75, 0.28125)])
def test_reading_order_loses_and_adds_nothing(boxes):
    """Sorting keeps every line, and a line wholly above another comes first unless a third, taller one puts both in a row."""
    lines = [TextLine(str(index), 0.9, box) for index, box in enumerate(boxes)]
    ordered = in_reading_order(lines)
    assert sorted(line.text for line in ordered) == sorted(line.text for line in lines)
    for earlier, later in itertools.combinations(ordered, 2):
        if later.box[3] < earlier.box[1]:
            middles = [(line.box[1] + line.box[3]) / 2 for line in (earlier, later)]
            assert any(all(line.box[1] <= middle <= line.box[3] for middle in middles) for line in lines)


def test_lines_of_one_row_are_read_from_left_to_right():
    """A line a little lower but in the same row is ordered by its left edge."""
    lines = [
        TextLine("right", 0.9, (0.6, 0.10, 0.9, 0.15)),
        TextLine("left", 0.9, (0.1, 0.11, 0.4, 0.16)),
        TextLine("below", 0.9, (0.0, 0.3, 0.4, 0.35)),
    ]
    assert [line.text for line in in_reading_order(lines)] == ["left", "right", "below"]


async def test_it_runs_within_the_limits_of_the_sandbox():
    """A child with 3 GB of address space loads the models, reads twice, and refuses what is no picture."""
    sandbox = Sandbox("text reader", 1, 3 * GIGABYTE, preload=("calotype.ai.rapidocr_reader",))
    try:
        for words in ("Bakery", "Station"):
            reading = await sandbox.run(read_text, encoded(page([words])), timeout=60)
            assert words in reading.text
        with pytest.raises(UndecodablePicture):
            await sandbox.run(read_text, b"nothing", timeout=60)
    finally:
        sandbox.kill()
        await sandbox.close()


def test_reading_again_takes_no_more_memory():
    """Pictures of many sizes leave no memory behind for each size."""
    import resource

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for width in (600, 1024, 700):
        read_text(encoded(page(["Memory"], width=width)))
    before = peak()
    for width in range(520, 1020, 60):
        read_text(encoded(page(["Memory"], width=width, height=300)))
    assert peak() - before < 100 * 1024


@pytest.mark.skipif(CORPUS is None, reason="needs CALOTYPE_CORPUS")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("book-beside-flowers.jpg", ["Sevgili Dost", "Posta Kutusundaki", "karambolde"]),
        ("craft-beer.jpg", ["SEASONAL", "BLONDE|WEEKEND WARRIOR", "RODEO CLOWN IPA", "BARREL AGED"]),
        ("handwritten-notes.jpg", ["In progress", "TO DO", "IMPORTANT", "more easily"]),
        ("japanese-shop.jpg", ["キリン"]),
    ],
)
def test_words_in_real_photos_are_read(name, words):
    """Print, handwriting and Japanese in real photos are read from their 1024-pixel variant."""
    text = read_text(variant("text", name)).text
    for word in words:
        assert any(choice in text for choice in word.split("|")), (word, text)


@pytest.mark.skipif(CORPUS is None, reason="needs CALOTYPE_CORPUS")
def test_no_words_are_read_in_photos_of_nature():
    """Flowers, rocks and a falcon hold no text."""
    folder = Path(CORPUS, "photos", "albums", "nature")
    read = {path.name: read_text(variant("nature", path.name)).text for path in sorted(folder.glob("*.jpg"))}
    assert len(read) > 5
    assert {name: text for name, text in read.items() if text} == {}


def variant(album, name):
    """A photo as its large variant would be: upright, 1024 pixels, JPEG."""
    picture = ImageOps.exif_transpose(Image.open(Path(CORPUS, "photos", "albums", album, name))).convert("RGB")
    scale = 1024 / max(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    return encoded(picture.resize(size, Image.Resampling.LANCZOS))
