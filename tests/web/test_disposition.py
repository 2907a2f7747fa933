"""The `Content-Disposition` of downloads: safe and exact for every name (RFC 6266, RFC 5987)."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calotype.web.delivery.disposition import attachment

TURNS_THE_WRITING = "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HEADER = re.compile(
    r'attachment; filename="(?P<plain>(?:[^"\\]|\\.)*)"'
    r"(?:; filename\*=UTF-8''(?P<exact>(?:%[0-9A-F]{2}|[A-Za-z0-9!#$&+.^_`|~-])+))?"
)


def decoded(header):
    """The name as a client reads it, and the fallback beside it."""
    match = HEADER.fullmatch(header)
    assert match, header
    plain = re.sub(r"\\(.)", r"\1", match["plain"])
    return (unquote(match["exact"], errors="strict") if match["exact"] else plain), plain


@given(st.text())
@example("")
@example("\r\nSet-Cookie: a=b")
@example('"; filename="evil')
@example("\\")
@example("a\ud800b")
@example("\uff02wide quotes\uff02")
@example(" leading and trailing ")
@example("%41.jpg")
@example("photo-\u202egpj.exe")
def test_the_header_is_safe_and_exact(name):
    """The header is printable ASCII without line breaks, matches the grammar, and holds the name without any controls."""
    header = attachment(name)
    assert header.isascii()
    assert header.isprintable()
    visible = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cs"} and c not in TURNS_THE_WRITING)
    exact, plain = decoded(header)
    assert exact == (visible or "file")
    assert plain


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1).filter(lambda text: text == text.strip())
)
def test_plain_names_need_no_second_form(name):
    """A name of printable ASCII stands in `filename` alone."""
    header = attachment(name)
    assert "filename*" not in header or "filename*" in name
    assert decoded(header) == (name, name)


@pytest.mark.parametrize(("name", "fallback"), [("Brücke.jpg", "Brucke.jpg"), ("東京.jpg", ".jpg"), ("東京", "file")])
def test_the_fallback_is_what_ascii_can_say(name, fallback):
    """Clients that know only `filename` get the letters without accents, or "file" where nothing is left."""
    assert decoded(attachment(name)) == (name, fallback)
