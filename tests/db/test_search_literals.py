"""PostgreSQL takes every literal that is made of a text, and understands it as the domain means it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calotype.domain.listing import SearchMode
from calotype.domain.search_text import MAX_WORDS_PER_FIELD, to_body_tsvector, to_tsquery, to_tsvector
from tests.domain.tsearch import matches
from tests.examples import examples

STORABLE = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=80)
LOOKALIKES = st.text("ab é東京,'\\&|!:*()<>-_~=\n", max_size=20)
CHECKS = settings(max_examples=examples(70), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


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


@CHECKS
@given(LOOKALIKES, LOOKALIKES, LOOKALIKES, st.sampled_from(SearchMode))
def test_texts_within_are_found_as_the_model_finds_them(connection, body, title, asked, mode):
    """Joined to the words of the asset's own row, by the operator that joins them there."""
    vectors, query = (to_tsvector([("A", title)]), to_body_tsvector(body)), to_tsquery(asked, mode)
    if query is not None:
        row = connection.execute("SELECT (%s::tsvector || %s::tsvector) @@ %s::tsquery", (*vectors, query)).fetchone()
        assert row == (matches(" ".join(vectors), query),)


@CHECKS
@given(st.one_of(STORABLE, LOOKALIKES))
def test_any_text_within_is_stored_and_found_by_itself(connection, text):
    """There is no text that makes a syntax error, and none that does not find itself."""
    query = to_tsquery(text)
    if query is not None:
        assert is_found(connection, to_body_tsvector(text), query)


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"{number:064x}" for number in range(20_000)),
        "".join(chr(0x20000 + number * 7919 % 0xFFFE) for number in range(150_000)),
    ],
    ids=["hashes", "rare characters"],
)
def test_the_longest_texts_within_are_stored_beside_the_longest_titles(connection, text):
    """Both together stay below the limit of PostgreSQL, and none of the asset's own words is lost."""
    name = " ".join(f"tag{number:047}" for number in range(40))
    vector = to_tsvector([("A", "t" * 255), ("B", "f" * 255), ("B", name)])
    joined = "SELECT (%s::tsvector || %s::tsvector) @@ %s::tsquery"
    for asked in (text[:2], "t" * 100, f"tag{39:047}"):
        found = connection.execute(joined, (vector, to_body_tsvector(text), to_tsquery(asked))).fetchone()
        assert found == (True,)
