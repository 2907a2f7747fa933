"""Images by words: every word first, rare words before common ones, and never lost in a big library."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from calotype.db.image_search import SAMPLE, select_by_words, select_common_words
from calotype.db.tenant import insert_tenant
from calotype.domain.asset import State
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.ranking import DEPTH
from calotype.domain.scope import Scope
from calotype.domain.search_text import to_lexemes, to_tsvector
from tests.db.rows import NOW, add, new_asset

DONE = {"variant_status": State.COMPLETED, "description_status": State.COMPLETED}
BIG = 200_000
ROWS = 1_200
NUMERALS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@pytest.fixture(scope="module")
async def big(database):
    """A library treated as a big one: "harbour" in all rows, "fog" in every tenth, and a few rare words among the oldest."""
    async with database.write() as connection:
        scope = Scope(await insert_tenant(connection, f"tenant {uuid4()}", NOW))
        ids = {}
        for number in range(ROWS):
            words = ["harbour"]
            if number % 10 == 0:
                words.append("fog")
            if number < len(NUMERALS):
                words.append(NUMERALS[number])
            if number == 3:
                words.append("zeppelin")
            asset = new_asset(scope.tenant_id, title=" ".join(words), **DONE)
            ids[number] = await add(connection, asset, NOW + timedelta(seconds=number))
            said = to_tsvector([("A", " ".join(words))])
            await connection.execute(
                text("INSERT INTO custom_metadata VALUES (:id, :tenant, '{}', CAST(:said AS tsvector))"),
                {"id": asset.id, "tenant": scope.tenant_id, "said": said},
            )
    return scope, ids


async def found(database, scope, question, source=EmbeddingSource.CONTENT, assets=BIG):
    """The ids found by the words of a question, best first."""
    lexemes = to_lexemes(question, 16)
    async with database.snapshot() as connection:
        common = await select_common_words(connection, scope, source, assets)
        hits = await select_by_words(connection, scope, source, lexemes, common, assets)
    assert [hit.merit for hit in hits] == sorted((hit.merit for hit in hits), reverse=True)
    return [hit.id for hit in hits]


@pytest.mark.parametrize("source", list(EmbeddingSource))
@pytest.mark.parametrize("assets", [100, BIG])
async def test_a_rare_word_is_found_beside_common_ones(database, big, source, assets):
    """The oldest picture of all is first for its rare word, alone and among words that every picture has."""
    scope, ids = big
    assert await found(database, scope, "zeppelin", source, assets) == [ids[3]]
    ranked = await found(database, scope, "zeppelin harbour", source, assets)
    assert ranked[0] == ids[3]
    assert (await found(database, scope, "zeppelin harbour one", source, assets))[:2] == [ids[3], ids[0]]
    assert await found(database, scope, "submarine", source, assets) == []


@pytest.mark.parametrize("source", list(EmbeddingSource))
async def test_common_words_give_the_newest(database, big, source):
    """What every picture has is answered by the newest ones; with a second common word by the newest that have both."""
    scope, ids = big
    newest = [ids[number] for number in reversed(range(ROWS))]
    assert await found(database, scope, "harbour", source) == newest[:DEPTH]
    with_fog = [ids[number] for number in reversed(range(ROWS)) if number % 10 == 0]
    assert (await found(database, scope, "fog harbour", source))[: len(with_fog)] == with_fog


async def test_the_newest_are_looked_at_where_more_match_than_are_ranked(database, big):
    """A word of more rows than are ranked, too rare in the sample to be common, still finds the newest picture that has it."""
    scope, ids = big
    assert ROWS // 10 <= DEPTH <= SAMPLE
    assert (await found(database, scope, "fog"))[0] == ids[ROWS - 10]


async def test_trash_other_tenants_and_unfinished_images_are_left_out(database, scope):
    """Only live, described images of the tenant are found, in whichever way they are looked for."""
    async with database.write() as connection:
        mine = await add(connection, new_asset(scope.tenant_id, title="gate", **DONE))
        other = await insert_tenant(connection, f"tenant {uuid4()}", NOW)
        await add(connection, new_asset(other, title="gate", **DONE))
        await add(connection, new_asset(scope.tenant_id, title="gate"))
        await add(connection, new_asset(scope.tenant_id, title="gate", media_type="video", **DONE))
        await add(connection, new_asset(scope.tenant_id, title="gate", **DONE), deleted_at=NOW)
    for assets in (1, BIG):
        assert await found(database, scope, "gate", assets=assets) == [mine]
        assert await found(database, scope, "red gate", assets=assets) == [mine]
    assert await found(database, scope, "gate", EmbeddingSource.CUSTOM_METADATA) == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.sampled_from(["zeppelin", "nowhere", *NUMERALS]), min_size=1, max_size=6, unique=True))
async def test_big_and_small_libraries_agree_on_rare_words(database, big, words):
    """Whether words are looked up or sampled first makes no difference to the pictures that hold a rare one."""
    scope, ids = big
    rare = {ids[number] for number in range(len(NUMERALS)) if NUMERALS[number] in words}
    rare |= {ids[3]} if "zeppelin" in words else set()
    for assets in (100, BIG):
        assert set(await found(database, scope, " ".join(words), assets=assets)) == rare
        assert set((await found(database, scope, f"{' '.join(words)} harbour", assets=assets))[: len(rare)]) == rare


@given(question=st.text(max_size=200), source=st.sampled_from(EmbeddingSource), assets=st.sampled_from([1, BIG]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_question_is_answered(database, big, question, source, assets):
    """No text is anything but words to look for."""
    scope, _ = big
    assert len(await found(database, scope, question, source, assets)) <= DEPTH
