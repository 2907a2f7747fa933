"""Telling pages and lists of streams from files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.crawling.pages import is_page, page_reader, stream_in


@pytest.mark.parametrize(
    "head",
    [
        b"<!DOCTYPE html><html>",
        b"\xef\xbb\xbf\r\n <!doctype HTML>",
        b"<html lang='en'>",
        b"<!-- made by -->\n<html>",
        b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x">',
        b"  <head><title>",
    ],
)
def test_a_page_is_told_by_its_beginning(head):
    """Whatever media type its server claims."""
    assert is_page("video/mp4", head)
    assert is_page(None, head)


def test_a_text_that_is_called_a_page_is_one():
    """Pages may begin with anything; binary data that is called so is not taken for one."""
    assert is_page("text/html", b"<div>Watch this")
    assert is_page("text/html", b"")
    assert not is_page("text/html", b"\0\0\0\x18ftypmp42")
    assert not is_page("text/plain", b"hello")
    assert not is_page(None, b"<htmlx>")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"#EXTM3U\n#EXT-X-VERSION:3", "HLS"),
        (b"\xef\xbb\xbf#EXTM3U", "HLS"),
        (b'<?xml version="1.0"?>\n<MPD xmlns="x">', "DASH"),
        (b"<MPD>", "DASH"),
        (b"\0\0\0\x18ftypmp42", None),
        (b"", None),
    ],
)
def test_a_list_of_a_streams_pieces_is_told(head, kind):
    """It is no video, though players take its URL for one."""
    assert stream_in(head) == kind


@given(st.binary(max_size=1024))
def test_any_beginning_is_judged(head):
    """Nothing that a server sends is an error here, and no file with a zero byte at its start is a page."""
    stream_in(head)
    is_page(None, head)
    assert not is_page("text/html", b"\0" + head)


def test_the_reader_of_pages_tells_its_version():
    """It is installed where these tests run."""
    assert page_reader()
