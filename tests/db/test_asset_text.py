"""The texts within assets, and how their words join those of the asset's own row."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from calotype.db.asset import delete_asset, select_asset, update_asset
from calotype.db.asset_text import select_asset_text, upsert_asset_text
from calotype.db.listing import select_page
from calotype.domain.listing import AssetFilter, PageRequest, SearchMode
from calotype.domain.search_text import to_body_tsvector, to_tsvector
from tests.db.rows import add, add_one, new_asset


def own(words: str) -> str:
    """The words of a row whose title holds them."""
    return to_tsvector([("A", words)])


async def finds(connection, scope, asked: str, mode: SearchMode = SearchMode.ALL) -> bool:
    """Whether a search of the list finds anything."""
    page = await select_page(connection, scope, AssetFilter(search=asked, search_mode=mode), PageRequest())
    return bool(page.assets)


async def test_a_text_is_one_and_its_tenants(database, scope, other_scope):
    """The later one counts; another tenant neither reads nor writes it, and it goes with its asset."""
    async with database.write() as connection:
        asset_id = await add(connection, new_asset(scope.tenant_id))
        assert await select_asset_text(connection, scope, asset_id) is None
        await upsert_asset_text(connection, scope, asset_id, "first", "")
        await upsert_asset_text(connection, scope, asset_id, "second 'quoted' \\ %s :x", "")
        await upsert_asset_text(connection, other_scope, asset_id, "theirs", "")
        assert await select_asset_text(connection, scope, asset_id) == "second 'quoted' \\ %s :x"
        assert await select_asset_text(connection, other_scope, asset_id) is None
        await delete_asset(connection, scope, asset_id)
        rows = await connection.execute(text("SELECT 1 FROM asset_text WHERE asset_id = :id"), {"id": asset_id})
        assert rows.all() == []


async def test_the_words_of_both_are_found_together(database, scope):
    """Once those of the row are set next; whenever they are set again, the text's stay, and an old text's go."""
    async with database.write() as connection:
        asset_id = await add(connection, new_asset(scope.tenant_id, original_filename="notes.txt"))
        await upsert_asset_text(connection, scope, asset_id, "", to_body_tsvector("The harbour lies in fog"))
        assert not await finds(connection, scope, "harbour")
        await update_asset(connection, scope, asset_id, {"search": own("North pier")})
        assert await finds(connection, scope, "pier harbour fo")
        assert not await finds(connection, scope, "harbour", SearchMode.METADATA)
        assert not await finds(connection, scope, "harbour", SearchMode.VISIBLE_TEXT)
        assert await finds(connection, scope, "pier", SearchMode.METADATA)
        await update_asset(connection, scope, asset_id, {"search": own("South")})
        assert await finds(connection, scope, "south harbour")
        assert not await finds(connection, scope, "pier")
        await upsert_asset_text(connection, scope, asset_id, "", to_body_tsvector("A buoy"))
        await update_asset(connection, scope, asset_id, {"search": own("South")})
        assert await finds(connection, scope, "south buoy")
        assert not await finds(connection, scope, "harbour")


async def test_phrases_do_not_reach_from_the_row_into_the_text(database, scope):
    """Chinese, Japanese and Korean are found as substrings of either, though not across both."""
    async with database.write() as connection:
        asset_id = await add(connection, new_asset(scope.tenant_id))
        await upsert_asset_text(connection, scope, asset_id, "", to_body_tsvector("\u5927\u962a\u5e9c\u5927"))
        await update_asset(connection, scope, asset_id, {"search": own("\u6771\u4eac\u90fd")})
        for asked in ("\u4eac\u90fd", "\u962a\u5e9c\u5927", "\u4eac\u90fd \u962a\u5e9c"):
            assert await finds(connection, scope, asked)
        assert not await finds(connection, scope, "\u90fd\u5927")


async def test_whoever_locks_the_asset_first_loses_no_words_of_the_other(database, scope):
    """One writes the text, another one the title, over and over: in the end both are found."""
    for number in range(10):
        asset_id = await add_one(database, scope)

        async def read(asset_id=asset_id, number=number):
            async with database.write() as connection:
                await select_asset(connection, scope, asset_id, lock=True)
                await upsert_asset_text(connection, scope, asset_id, "", to_body_tsvector(f"inside{number}"))
                await update_asset(connection, scope, asset_id, {"search": own(f"own{number}")})

        async def change(asset_id=asset_id, number=number):
            async with database.write() as connection:
                await select_asset(connection, scope, asset_id, lock=True)
                await update_asset(connection, scope, asset_id, {"search": own(f"own{number}")})

        await asyncio.gather(*(work() for work in (change, read, change, change)))
        async with database.read() as connection:
            assert await finds(connection, scope, f"own{number} inside{number}")
