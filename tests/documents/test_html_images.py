"""The images of a page are those its readers see, with scripts or without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.documents.html_images import from_set, pixels
from calotype.domain.link import PageImage
from tests.documents.pages import read


@pytest.mark.parametrize(
    ("markup", "name"),
    [
        ("<img src=/a.png>", "a.png"),
        ("<img data-src=/a.png src=/spinner.gif>", "a.png"),
        ("<img data-original=/a.png src='data:image/gif;base64,R0'>", "a.png"),
        ("<img data-src='{\"json\": 1}' src=/a.png>", "a.png"),
        ("<img data-srcset='/s.png 100w, /a.png 900w' src=/spinner.gif>", "a.png"),
        ("<img srcset='/a.png 2x, /s.png'>", "a.png"),
        ("<img src=/a.png srcset='/large.png 2000w'>", "a.png"),
        ("<img src='' srcset='data:image/png;base64,AA== 2x, /a.png 1x'>", "a.png"),
        ("<picture><source srcset='/a.webp 800w, /s.webp 400w'><img src='data:,'></picture>", "a.webp"),
        ("<picture><source data-srcset=/a.webp><img></picture>", "a.webp"),
        ("<noscript><img src=/a.png></noscript>", "a.png"),
        ("<amp-img src=/a.png></amp-img>", "a.png"),
        ("<a href=/x><img\n src = '\n/a.png ' ></a>", "a.png"),
    ],
)
def test_an_image_is_found_wherever_it_is_kept(markup, name):
    """In the attributes of scripts that load it late, in sets of sizes, in pictures, and for readers without scripts."""
    assert [image.url for image in read(markup).images] == [f"https://pages.example/{name}"]


def test_images_come_in_order_each_once_with_what_is_said_of_them():
    """What is written into the page or is no http(s) URL is left out."""
    page = read("""<img src=/b.png alt=" A  pier\n in fog " width=640 height="480px"><img src="data:image/png;base64,AAAA" alt=x>
        <img src="javascript:alert(1)"><img src="//cdn.example/a.png" alt="" width="50%" height=auto><img src="/b.png#again"><img>
        <img src="ftp://x.example/a.png"><img src="http://[bad/">""")
    assert page.images == (
        PageImage("https://pages.example/b.png", "A pier in fog", 640, 480),
        PageImage("https://cdn.example/a.png"),
    )


def test_there_are_a_hundred_at_most():
    """The first ones."""
    images = read("".join(f"<img src=/{number}.png>" for number in range(300))).images
    assert [image.url for image in images] == [f"https://pages.example/{number}.png" for number in range(100)]


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("640", 640),
        (" 640.7 px", 640),
        ("+5", 5),
        ("100%", None),
        ("auto", None),
        ("0", None),
        ("-5", None),
        ("1e3", None),
        ("9999999", None),
        ("99999999999999999999", None),
        ("\u0663", None),
        ("", None),
        (None, None),
    ],
)
def test_sizes_are_whole_pixels_or_nothing(text, side):
    """Percentages, names and nonsense are no sizes."""
    assert pixels(text) == side


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("a 1w, b 30w,c 2w", ["b", "c", "a"]),
        ("a, b 2x", ["b", "a"]),
        ("a,b 2x", ["a,b"]),
        (",, a 1.5x ,, b nanx", ["a", "b"]),
        ("a 100w 50h, b", ["a", "b"]),
        ("/w_100,h_50/a.png 100w, /w_200,h_90/a.png 200w", ["/w_200,h_90/a.png", "/w_100,h_50/a.png"]),
        ("", []),
        (" , ", []),
    ],
)
def test_sets_are_taken_apart_as_the_standard_says(text, urls):
    """The largest comes first; a comma is part of a URL unless it ends it."""
    assert from_set(text) == urls


@given(st.text())
def test_any_text_may_stand_for_a_set(text):
    """Nothing of it is empty or ends in a comma."""
    assert all(url and not url.endswith(",") for url in from_set(text))
