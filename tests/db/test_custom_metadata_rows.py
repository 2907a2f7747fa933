"""Rows of custom metadata belong to one tenant and go with their asset."""

from __future__ import annotations

import random
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from calotype.db.asset import delete_asset
from calotype.db.custom_metadata import insert_custom_metadata, select_custom_metadata
from calotype.db.engine import pipelined
from calotype.domain.custom_metadata import custom_metadata
from calotype.domain.search_text import to_tsquery
from calotype.domain.searchable import searchable_metadata
from tests.db.rows import add_one

TEXT = st.text(max_size=10)
OBJECTS = st.dictionaries(
    TEXT, TEXT | st.integers() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4
)


async def say(database, scope, asset_id, value):
    """Store what is said of an asset; returns the JSON text."""
    made = custom_metadata(value)
    async with database.write() as connection:
        await insert_custom_metadata(connection, scope, asset_id, made.document, searchable_metadata(made.text))
    return made.document


async def said(database, scope, *asset_ids):
    """What is said of some assets."""
    async with database.read() as connection:
        return await select_custom_metadata(connection, scope, asset_ids)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OBJECTS)
async def test_any_document_comes_back_to_the_letter(database, scope, value):
    """Whatever the text holds, halves of surrogate pairs and NUL included; words of it can be searched."""
    asset_id = await add_one(database, scope)
    document = await say(database, scope, asset_id, value)
    assert await said(database, scope, asset_id) == {asset_id: document}


async def test_a_row_is_written_in_a_pipeline_like_any_other(database, scope):
    """As uploads do it, together with the asset."""
    asset_id = await add_one(database, scope)
    async with database.write() as connection, pipelined(connection) as pipeline:
        await insert_custom_metadata(pipeline, scope, asset_id, '{"a":1}', "'red':1A")
    assert await said(database, scope, asset_id) == {asset_id: '{"a":1}'}


async def test_only_those_asked_for_and_only_the_tenants_own_are_found(database, scope, other_scope):
    """What nobody said anything of, and what belongs to somebody else, is left out."""
    ids = [await add_one(database, one) for one in (scope, scope, scope, other_scope)]
    for asset_id, one in zip(ids[1:], (scope, scope, other_scope), strict=True):
        await say(database, one, asset_id, {"x": str(asset_id)})
    assert (await said(database, scope, *ids[:2], ids[3], uuid4())).keys() == {ids[1]}
    assert (await said(database, other_scope, *ids)).keys() == {ids[3]}
    assert await said(database, scope) == {}


async def test_an_asset_has_one_and_takes_it_along(database, scope):
    """No second row, none without its asset, none left of an asset that is gone."""
    asset_id = await add_one(database, scope)
    await say(database, scope, asset_id, {"x": 1})
    for one in (asset_id, uuid4()):
        with pytest.raises(IntegrityError):
            await say(database, scope, one, {"x": 2})
    async with database.write() as connection:
        assert await delete_asset(connection, scope, asset_id)
    assert await said(database, scope, asset_id) == {}


def letters(first, last):
    """Twenty thousand letters of a range, in no order."""
    chance = random.Random(1)
    return "".join(chr(chance.randrange(first, last)) for _ in range(20_000))


@pytest.mark.parametrize(
    "words",
    [
        letters(0x4E00, 0x9FFF),
        letters(0x3300, 0x33FF),
        letters(0x21, 0x2000),
        "\ufdfa" * 20_000,
        " ".join(f"{n:x}" for n in range(5000)),
        "x" * 20_000,
        letters(0x1F300, 0x1FAFF),
    ],
    ids=["ideographs", "squares", "letters", "ligatures", "numbers", "one word", "pictographs"],
)
async def test_the_longest_text_fits_into_its_index(database, scope, words):
    """However many different words there are, and whatever each letter unfolds to."""
    asset_id = await add_one(database, scope)
    await say(database, scope, asset_id, {"x": words})
    found = text(
        "SELECT asset_id FROM custom_metadata "
        "WHERE search @@ CAST(:query AS tsquery) AND ARRAY[tenant_id] @> ARRAY[CAST(:tenant AS uuid)]"
    )
    query = to_tsquery(words[:2] if len(set(words)) > 1 else words[:100])
    if query:
        async with database.read() as connection:
            rows = await connection.execute(found, {"query": query, "tenant": scope.tenant_id})
            assert rows.scalars().all() == [asset_id]
