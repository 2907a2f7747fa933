"""The built-in description follows from the measurements, sentence by sentence."""

import re
from dataclasses import astuple, replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.ai.interfaces import Describer
from calotype.ai.measured_describer import PROVIDER, MeasuredDescriber
from calotype.domain.color_names import COLORS, lab_of
from calotype.domain.description import DescribeRequest
from calotype.domain.descriptive_metadata import conforming
from calotype.domain.embedding import content_text
from calotype.domain.picture import CaptureTime, DominantColor, PictureMetadata
from calotype.domain.sentences import sentences

PLAIN = DescribeRequest(4000, 3000, "photo", "JPEG", 2_700_000, PictureMetadata())
TAKEN = PictureMetadata(
    captured=CaptureTime(datetime(2021, 6, 5, 14, 3), "exif"),  # noqa: DTZ001 - wall time has no zone
    camera_make="Canon",
    camera_model="Canon EOS R5",
    lens="RF50mm F1.8",
    exposure_time=0.004,
    f_number=2.8,
    iso=100,
    focal_length=50.0,
)


def color(rgb, percentage, rank=1):
    """A dominant colour as measured."""
    return DominantColor(rank, percentage, rgb, lab_of(rgb))


async def said(request):
    """The text of a description."""
    return (await MeasuredDescriber().describe(request)).text


async def test_nothing_known_but_the_size_is_one_sentence():
    """Without metadata, colours and text, only kind, format and size are told."""
    assert await said(PLAIN) == "A photo in landscape format, 4000 x 3000 pixels (12.0 megapixels)."


async def test_everything_known_is_three_sentences():
    """Capture, colours and text each find their place."""
    colors = (color((30, 60, 190), 52.4), color((255, 255, 255), 30.1), color((45, 145, 60), 12.0))
    request = replace(PLAIN, metadata=TAKEN, colors=colors, visible_text='Open\n"daily"')
    assert await said(request) == (
        "A photo in landscape format, 4000 x 3000 pixels (12.0 megapixels), taken on 5 June 2021 "
        "with a Canon EOS R5 (RF50mm F1.8, 50 mm, f/2.8, 1/250 s, ISO 100). "
        "Its main colours are blue (52 %), white (30 %) and green (12 %). "
        "The text reads: \"Open 'daily'\"."
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"width": 10, "height": 20}, "A photo in portrait format, 10 x 20 pixels."),
        ({"width": 500, "height": 500}, "A photo in square format, 500 x 500 pixels (0.2 megapixels)."),
        ({"kind": "screenshot"}, "A screenshot in landscape format"),
        ({"kind": "hologram"}, "A picture in landscape format"),
        ({"frames": 12, "format": "GIF"}, ", 12 frames."),
        ({"frames": 3, "format": "TIFF"}, ", 3 pages."),
        (
            {"metadata": PictureMetadata(camera_make="Apple", camera_model="iPhone 12")},
            "with an Apple iPhone 12.",
        ),
        (
            {"metadata": PictureMetadata(camera_make="NIKON CORPORATION", camera_model="NIKON D90")},
            "a NIKON D90.",
        ),
        ({"metadata": PictureMetadata(exposure_time=2.5)}, "taken (2.5 s)."),
        ({"metadata": PictureMetadata(exposure_time=0.5, f_number=11.0)}, "taken (f/11, 0.5 s)."),
        ({"colors": (color((250, 250, 250), 99.0),)}, "Its main colour is white (99 %)."),
        ({"colors": (color((250, 250, 250), 3.0),)}, "megapixels)."),
    ],
)
async def test_each_fact_is_told_in_its_words(changes, expected):
    """One measurement, one phrase."""
    assert expected in await said(replace(PLAIN, **changes))


async def test_shades_of_one_name_are_one_colour():
    """Two whites are added up."""
    text = await said(replace(PLAIN, colors=(color((250, 250, 250), 40.0), color((252, 252, 252), 35.0, 2))))
    assert "Its main colour is white (75 %)." in text


async def test_long_text_is_shortened_but_kept_whole_beside():
    """The sentence quotes the beginning; the visible text is handed on as it is."""
    text = "lorem " * 500
    description = await MeasuredDescriber().describe(replace(PLAIN, visible_text=text))
    assert description.text.endswith('lorem...".')
    assert len(description.text) < 500
    assert description.visible_text == text


async def test_the_describer_is_named_and_claims_no_confidence():
    """Measurements are not guesses, so there is no confidence in them."""
    used: Describer = MeasuredDescriber()
    description = await used.describe(PLAIN)
    assert (description.providers, description.confidence) == ((PROVIDER,), None)


# ----------------------------------------------------------------- the metadata object

OWN = replace(
    TAKEN,
    title="Pier at Dawn.",
    caption="Fishermen wait. The sea is calm.",
    keywords=("Pier", "#sea", "fishing boats", *(f"word {number}" for number in range(30))),
)


async def published(request):
    """The metadata object of a picture."""
    return (await MeasuredDescriber().describe(request)).metadata


async def test_what_was_measured_is_published():
    """Title, alternative text, caption, file name and tags of a picture of which nobody said anything."""
    colors = (color((30, 60, 190), 52.4), color((45, 145, 60), 12.0))
    made = await published(replace(PLAIN, metadata=TAKEN, colors=colors))
    assert made.title == "Landscape photo in blue and green, 5 June 2021"
    assert made.alt == "Landscape photo in blue and green, taken on 5 June 2021 with a Canon EOS R5."[:-1]
    assert made.caption == "A landscape photo in blue and green, taken on 5 June 2021 with a Canon EOS R5."
    assert made.filename == "landscape-photo-in-blue-and-green-5-june-2021"
    assert made.tags == ("photo", "landscape", "blue", "green", "canon", "2021", "jpeg")


async def test_with_nothing_known_there_is_still_enough():
    """Form, kind and format are always known."""
    made = await published(PLAIN)
    assert (made.title, made.alt, made.caption) == ("Landscape photo", "Landscape photo", "A landscape photo.")
    assert made.tags == ("photo", "landscape", "jpeg")


async def test_what_somebody_wrote_into_the_file_comes_first():
    """Its own title, caption and keywords; measured words have room beside them."""
    made = await published(replace(PLAIN, metadata=OWN, colors=(color((30, 60, 190), 52.4),)))
    assert made.title == "Pier at Dawn"
    assert made.alt == "Fishermen wait. The sea is calm."
    assert made.caption == "Fishermen wait."
    assert 'It is titled "Pier at Dawn" and captioned "Fishermen wait The sea is calm".' in made.description
    assert made.filename == "pier-at-dawn"
    assert len(made.tags) == 20
    assert made.tags[:3] == ("pier", "sea", "fishing boats")
    assert made.tags[-6:] == ("photo", "landscape", "blue", "canon", "2021", "jpeg")


@pytest.mark.parametrize("empty", ["photo of", "...", "12 / 34", "\u202e\x00", "Image of."])
async def test_own_words_that_say_nothing_are_passed_over(empty):
    """What was measured takes their place."""
    made = await published(replace(PLAIN, metadata=PictureMetadata(title=empty, caption=empty)))
    assert (made.title, made.alt) in {("Landscape photo", "Landscape photo"), (empty.rstrip("."), "Landscape photo")}


async def test_own_words_are_embedded():
    """What somebody wrote about the picture is found by its meaning, unlike what was measured."""
    text = await said(replace(PLAIN, metadata=OWN, visible_text="NO ENTRY"))
    assert content_text(None, (), text, None) == "Pier at Dawn Fishermen wait The sea is calm"


_words = st.none() | st.text(max_size=30)
_sayings = st.none() | st.lists(
    st.sampled_from(
        ["Dr. Who", "The end.", "What?", "\u6d77\u3002", '"', "photo of", "f/2.8", "\u202e", "a\n", ". ", "!"]
    )
).map(" ".join)
_metadata = st.builds(
    PictureMetadata,
    captured=st.none() | st.builds(CaptureTime, st.datetimes(), st.just("exif")),
    camera_make=_words,
    camera_model=_words,
    lens=_words,
    exposure_time=st.none() | st.floats(1e-5, 1000),
    f_number=st.none() | st.floats(0.5, 100),
    iso=st.none() | st.integers(1, 1_000_000),
    focal_length=st.none() | st.floats(0.5, 3000),
    title=_words | _sayings,
    caption=_words | _sayings,
    keywords=st.lists(st.text(max_size=30), max_size=30).map(tuple),
)
_rgb = st.tuples(*[st.integers(0, 255)] * 3)
_requests = st.builds(
    DescribeRequest,
    width=st.integers(1, 50_000),
    height=st.integers(1, 50_000),
    kind=st.sampled_from(["photo", "graphic", "screenshot", "document", "other"]),
    format=st.sampled_from(["JPEG", "GIF", "TIFF"]),
    size_bytes=st.integers(1, 10**9),
    metadata=_metadata,
    colors=st.lists(st.builds(color, _rgb, st.floats(0, 100)), max_size=5).map(tuple),
    visible_text=st.none() | st.text(max_size=500),
    frames=st.integers(1, 100),
)


@given(_requests)
async def test_every_statement_has_its_measurement(request_made):
    """What is said is in the input, what is absent is not mentioned, and twice the same is said."""
    text = await said(request_made)
    metadata = request_made.metadata
    assert text == await said(request_made)
    assert f"{request_made.width} x {request_made.height} pixels" in text
    own = text.split('The text reads: "')[0].split("It is titled")[0].split("It is captioned")[0]
    assert ('The text reads: "' in text) <= bool((request_made.visible_text or "").split())
    if metadata.captured is None and not (metadata.camera_make or metadata.camera_model or metadata.lens):
        assert not re.search(r"taken on|taken with", own)
    if metadata.captured is not None:
        assert f" {metadata.captured.wall.year}" in own
    names = re.findall(r"(?:colour is|colours are|,|and) ([a-z ]+) \(\d+ %\)", own.split("Its main")[-1])
    if request_made.colors:
        assert set(names) <= {*COLORS}
    else:
        assert "Its main colour" not in own or "Its main" in repr(metadata)
    assert "\n" not in text


@given(
    st.integers(1, 99_999),
    st.integers(1, 99_999),
    st.sampled_from(["photo", "graphic", "screenshot", "document", "other"]),
    st.sampled_from([PictureMetadata(), TAKEN]),
    st.lists(st.sampled_from(sorted(COLORS)), max_size=4),
    st.none() | st.text(),
)
async def test_only_kind_and_colours_are_embedded(width, height, kind, metadata, names, visible_text):
    """Of whatever it says, a vector is made of nothing but the kind, if it is no photo, and the colours' names."""
    colors = tuple(color(COLORS[name], 20, rank) for rank, name in enumerate(names, 1))
    text = await said(DescribeRequest(width, height, kind, "JPEG", 1, metadata, colors, visible_text))
    embedded = content_text(None, (), text, None)
    allowed = {"graphic", "screenshot", "document", "and", *" ".join(COLORS).replace(",", "").split()}
    assert set(embedded.replace(",", "").split()) <= allowed | {"dark", "light", "grey"}
    assert bool(names) <= bool(embedded)


@given(_requests)
async def test_everything_published_keeps_the_rules(request_made):
    """Whatever a file claims of itself: nothing is refused, and conforming it once more changes nothing."""
    made = await published(request_made)
    assert conforming(*astuple(made)) == made
    assert 1 <= len(sentences(made.description)) <= 4
