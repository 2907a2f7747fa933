"""PostgreSQL takes every literal that is made of a text, and understands it as the domain means it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calotype.domain.listing import SearchMode
from calotype.domain.search_text import MAX_WORDS_PER_FIELD, to_tsquery, to_tsvector
from tests.domain.tsearch import matches

STORABLE = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=80)
LOOKALIKES = st.text("ab é東京,'\\&|!:*()<>-_~=\n", max_size=20)
CHECKS = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """A plain connection to the test database."""
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def is_found(connection: psycopg.Connection, vector: str, query: str) -> bool:
    """What PostgreSQL answers."""
    row = connection.execute("SELECT %s::tsvector @@ %s::tsquery", (vector, query)).fetchone()
    assert row
    return bool(row[0])


@CHECKS
@given(st.one_of(STORABLE, LOOKALIKES), st.sampled_from(SearchMode))
def test_any_text_is_stored_and_found_by_itself(connection, text, mode):
    """There is no text that makes a syntax error, and none that does not find itself."""
    vector, query = to_tsvector([("A", text), ("D", text)]), to_tsquery(text, mode)
    if query is None:
        assert connection.execute("SELECT %s::tsvector", (vector,)).fetchone() == ("",)
    else:
        assert is_found(connection, vector, query)


@CHECKS
@given(st.lists(LOOKALIKES, min_size=4, max_size=4), LOOKALIKES, st.sampled_from(SearchMode))
def test_postgresql_finds_what_the_model_finds(connection, texts, asked, mode):
    """The meaning the domain's tests give to literals is the one of PostgreSQL."""
    vector, query = to_tsvector(zip("ABCD", texts, strict=True)), to_tsquery(asked, mode)
    if query is not None:
        assert is_found(connection, vector, query) == matches(vector, query)


def test_the_longest_texts_are_stored(connection):
    """Many different words, and very long ones, stay below the limits of PostgreSQL."""
    many = " ".join(f"word{number}" for number in range(MAX_WORDS_PER_FIELD))
    vector = to_tsvector([("A", "東京" * 1000), ("C", many), ("D", "x" * 100_000)])
    assert is_found(connection, vector, to_tsquery("x" * 100_000) or "")
    assert is_found(connection, vector, to_tsquery(f"word{MAX_WORDS_PER_FIELD - 1} 京東京") or "")


def test_the_longest_search_is_understood(connection):
    """A search as long as the API takes it, all of it different words, is no problem."""
    asked = " ".join(f"{number:x}" for number in range(250))
    assert is_found(connection, to_tsvector([("A", asked)]), to_tsquery(asked) or "")
