"""A page of any bytes is read, and what is given of it can be kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.documents.html_page import read_page
from calotype.domain.link import PageContent
from calotype.domain.web_address import absolute
from tests.documents.pages import URL, article

_UNKEPT = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_MARKUP = r"""<html lang=de> <head> <title> </title> <meta name=description content=' <meta property=og:image content=" ' " >
    < / = <base href= <link rel=icon sizes=any href= <link rel=canonical href= <img src= srcset= width=9 <picture> <svg> <table>
    <source data-srcset= <td> <nav> <footer> <p> </p> <div hidden> <script> </script> <style> <noscript> <!-- --> <![CDATA[
    &nbsp; &#0; &#xD800; &#1114112; <frameset> <template> <?xml version="1.0"?> http://a.example/ //b.example ../c javascript:d
    data:,e http://[::1 \\f , 2x %00 %zz <plaintext> <textarea> </html> <select> <body style=display:none> <math> text"""
_PIECES = st.sampled_from([*_MARKUP.split(), "\x00", "\ufeff", "\u202e", "\U0001f600"])
_PAGES = st.lists(_PIECES | st.text(max_size=8), max_size=40).map(" ".join)
_CHARSETS = st.none() | st.sampled_from(["utf-8", "utf-16", "windows-1252", "gb18030", "shift_jis", "idna", "\0"])


def texts_of(page: PageContent) -> Iterator[str | None]:
    """All lines of it that are no URLs."""
    graph = page.open_graph
    yield from (
        page.title,
        page.language,
        page.charset,
        graph.title,
        graph.description,
        graph.site_name,
        graph.type,
        graph.locale,
    )
    yield from (image.alt for image in page.images)


def check(page: PageContent) -> None:
    """Refuse what could not be stored or shown."""
    for text in texts_of(page):
        assert text is None or (text and text == text.strip() and "\n" not in text and not _UNKEPT.search(text))
        assert len(text or "") <= 5000
    assert page.text == page.text.strip()
    assert not _UNKEPT.search(page.text)
    urls = [page.favicon_url, page.canonical_url, page.open_graph.image, *(image.url for image in page.images)]
    for url in urls:
        assert url is None or (
            re.fullmatch(r"https?://[!-~]+", url) and len(url) <= 2048 and absolute(None, url) == url
        )
    assert len(page.images) <= 100


@given(
    _PAGES,
    st.sampled_from(["utf-8", "utf-16", "latin-1", "cp932"]),
    _CHARSETS,
    st.sampled_from([URL, "http://[::1]/", "x", ""]),
)
def test_any_markup_is_read(markup, codec, declared, url):
    """Whatever pieces it is made of, and however it is encoded and declared."""
    check(read_page(markup.encode(codec, "ignore"), url, declared))


@given(st.binary(max_size=400), _CHARSETS)
def test_any_bytes_are_read(data, declared):
    """Pictures and programs that are sent as pages, too."""
    check(read_page(data, URL, declared))


@pytest.mark.parametrize("cut", range(0, 8000, 611))
def test_a_page_that_was_cut_off_is_read(cut):
    """As the limit of a body may leave it."""
    check(read_page(article(2, 2).encode()[:cut], URL, None))


def test_the_encoding_that_was_found_is_told():
    """And names that of the text."""
    page = read_page("<title>größer</title><p>für".encode("cp1252"), URL, "ISO-8859-1")
    assert (page.title, page.text, page.charset) == ("größer", "für", "windows-1252")


def test_a_page_of_five_megabytes_is_read():
    """With its whole text."""
    page = read_page(article(6000, 9000).encode(), URL, None)
    assert page.title == "North pier closed | Example News"
    assert len(page.text) > 1_900_000
    check(page)
