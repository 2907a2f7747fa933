"""Request ids: the client's where it is usable, else a new one."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.web.shared.request_id import request_id


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128))
def test_printable_ascii_is_kept(sent):
    """1 to 128 printable ASCII characters come back as they are."""
    assert request_id(sent) == sent


@given(st.text(max_size=300))
def test_nothing_else_is_kept(sent):
    """Every id is printable ASCII of at most 128 characters, and a fresh UUID where the sent one is not."""
    found = request_id(sent)
    assert found.isascii()
    assert found.isprintable()
    assert 1 <= len(found) <= 128
    if found != sent:
        assert str(UUID(found)) == found


@pytest.mark.parametrize("sent", [None, "", "a" * 129, "a\n", "\n", "a\r\nb", "\x7f", "é"])
def test_unusable_ids_are_replaced(sent):
    """No id, too long a one, and anything that could break a header or a log line."""
    assert UUID(request_id(sent)) != UUID(request_id(sent))
