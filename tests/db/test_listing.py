"""Listings give exactly what a plain walk over all rows would give."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from calotype.db import listing
from calotype.db.asset import select_assets
from calotype.db.engine import Database
from calotype.domain.asset import Asset
from calotype.domain.listing import AssetFilter, PageRequest, SearchMode, SortKey
from calotype.domain.scope import Scope, Visibility
from calotype.domain.search_text import to_tsquery
from calotype.domain.searchable import searchable_asset
from calotype.services.search import SearchService
from tests.db.conftest import new_tenant
from tests.db.rows import NOW, add, add_folder, count_assets, new_asset
from tests.domain.tsearch import matches
from tests.examples import examples

WORDS = ["pier", "piers", "Boat", "the", "red", "harbour", "Café", "東京都", "2041", "京都"]
TAGS = ["sea", "Sea", "2024", "a b", "夜"]
MEDIA = ["image", "video", "document", "link"]
TIMES = [NOW + timedelta(hours=hours) for hours in (-30, -1, 0, 1, 500)]


@dataclass(frozen=True, slots=True)
class Library:
    """All assets of two tenants, as they are in the database."""

    scopes: tuple[Scope, Scope]
    folders: tuple[UUID, ...]
    assets: tuple[Asset, ...]
    title_ranks: dict[UUID, int]
    service: SearchService


@pytest.fixture(scope="module")
async def library(database: Database) -> Library:
    """Some hundred rows full of ties, nulls and lookalikes."""
    chance = random.Random(5)
    scopes = (Scope(await new_tenant(database)), Scope(await new_tenant(database)))
    async with database.write() as connection:
        folders = [[(await add_folder(connection, scope)).id for _ in range(2)] for scope in scopes]
        for number in range(360):
            which = number % 3 == 0
            await _add_random(connection, chance, scopes[which], folders[which])
        # The server's collation decides what comes first; everything else is decided here.
        ranks = await connection.execute(
            text("SELECT id, dense_rank() OVER (ORDER BY lower(title)) FROM asset WHERE title IS NOT NULL")
        )
    service = SearchService(database)
    assets: list[Asset] = []
    for scope in scopes:
        async with database.read() as connection:
            rows = await connection.execute(text("SELECT id FROM asset WHERE tenant_id = :t"), {"t": scope.tenant_id})
            assets += (await select_assets(connection, scope.any(), list(rows.scalars()))).values()
    assert len(assets) == 360
    return Library(scopes, (*folders[0], *folders[1]), tuple(assets), {row[0]: row[1] for row in ranks}, service)


async def _add_random(connection: Any, chance: random.Random, scope: Scope, folders: list[UUID]) -> None:
    def some(most: int) -> str:
        return " ".join(chance.choices(WORDS, k=chance.randint(1, most)))

    is_described = chance.random() < 0.6
    await add(
        connection,
        new_asset(
            scope.tenant_id,
            title=some(2) if chance.random() < 0.7 else None,
            tags=tuple(dict.fromkeys(chance.choices(TAGS, k=chance.randint(0, 3)))),
            original_filename=f"IMG_{chance.choice(WORDS)}-{chance.choice(WORDS)}.jpg",
            media_type=chance.choice(MEDIA),
            size_bytes=chance.choice([0, 5, 5, 70, 10**12]),
        ),
        chance.choice(TIMES),
        captured_at=chance.choice([None, *TIMES]),
        folder_id=chance.choice([None, *folders]),
        description=some(3) if is_described else None,
        has_description=is_described,
        visible_text=some(3) if chance.random() < 0.4 else None,
        deleted_at=NOW if chance.random() < 0.15 else None,
    )


def expected(library: Library, scope: Scope, wanted: AssetFilter, page: PageRequest) -> list[Asset]:
    """All matches in order, by a walk over every row."""
    found = [asset for asset in library.assets if _visible(asset, scope) and _wanted(asset, wanted)]
    keyed = {
        SortKey.CREATED_AT: lambda asset: asset.created_at,
        SortKey.CONTENT_CREATED_AT: lambda asset: asset.captured_at or asset.created_at,
        SortKey.TITLE: lambda asset: library.title_ranks[asset.id],
        SortKey.SIZE_BYTES: lambda asset: asset.size_bytes,
    }[page.sort_by]
    last = [asset for asset in found if page.sort_by is SortKey.TITLE and asset.title is None]
    first = [asset for asset in found if asset not in last]
    first.sort(key=lambda asset: (keyed(asset), asset.id), reverse=page.descending)
    last.sort(key=lambda asset: asset.id, reverse=page.descending)
    return first + last


def _visible(asset: Asset, scope: Scope) -> bool:
    states = {Visibility.LIVE: [False], Visibility.TRASHED: [True], Visibility.ANY: [False, True]}[scope.visibility]
    return asset.tenant_id == scope.tenant_id and (asset.deleted_at is not None) in states


def _wanted(asset: Asset, wanted: AssetFilter) -> bool:
    return (
        _found(asset, wanted)
        and set(wanted.tags) <= set(asset.tags)
        and (not wanted.media_types or asset.media_type in wanted.media_types)
        and wanted.folder_id in {None, asset.folder_id}
        and wanted.has_description in {None, asset.has_description}
        and (wanted.ids is None or asset.id in wanted.ids)
        and (wanted.created_from is None or asset.created_at >= wanted.created_from)
        and (wanted.created_to is None or asset.created_at <= wanted.created_to)
    )


def _found(asset: Asset, wanted: AssetFilter) -> bool:
    query = to_tsquery(wanted.search or "", wanted.search_mode)
    document = searchable_asset(
        title=asset.title,
        filename=asset.original_filename,
        tags=asset.tags,
        description=asset.description,
        visible_text=asset.visible_text,
    )
    return query is None or matches(document, query)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


TIME_BOUNDS = st.sampled_from(TIMES).flatmap(
    lambda moment: st.sampled_from([moment, moment - timedelta(microseconds=1), moment + timedelta(microseconds=1)])
)
SEARCHES = st.lists(st.sampled_from([*WORDS, "bo", "IMG", "jpg", "cafe", "京", "!"]), min_size=1, max_size=2).map(
    " ".join
)
FILTERS = st.builds(
    AssetFilter,
    search=_maybe(SEARCHES),
    search_mode=st.sampled_from(SearchMode),
    tags=st.lists(st.sampled_from([*TAGS, "no"]), max_size=2).map(tuple),
    media_types=st.lists(st.sampled_from(MEDIA), max_size=2, unique=True).map(tuple),
    has_description=_maybe(st.booleans()),
    created_from=_maybe(TIME_BOUNDS),
    created_to=_maybe(TIME_BOUNDS),
)
PAGES = st.builds(
    PageRequest,
    sort_by=st.sampled_from(SortKey),
    descending=st.booleans(),
    limit=st.integers(1, 100),
    offset=st.integers(0, 250),
)


# The ways a page can be come by begin at these numbers of matches; small ones let a small library go all of them.
THRESHOLDS = st.sampled_from([(2_000, 10_000, 1_000), (0, 0, 1_000), (0, 20, 40), (50, 5, 400)])


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    FILTERS, PAGES, st.sampled_from(Visibility), st.integers(0, 1), st.integers(0, 60), st.integers(0, 8), THRESHOLDS
)
async def test_any_listing_equals_a_walk_over_all_rows(
    library, wanted, page, visibility, which, chosen, folder, thresholds
):
    """Filters, order, ties, window and count are exactly those of the brute-force model, whatever way leads there."""
    if chosen < 20:
        wanted = replace(wanted, ids=tuple(asset.id for asset in library.assets[: chosen * 10]))
    if folder < 5:  # two of each tenant, and one that does not exist
        wanted = replace(wanted, folder_id=(*library.folders, uuid4())[folder])
    few, many, near = thresholds
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "_FEW", few)
        patch.setattr(listing, "_MANY", many)
        patch.setattr(listing, "_NEAR", near)
        await _check(library, Scope(library.scopes[which].tenant_id, visibility), wanted, page)


@pytest.mark.parametrize("search", ["pier", "the", "2041", "red boat", "京都"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("key", SortKey)
async def test_a_frequent_word_that_is_rare_where_the_order_begins(library, monkeypatch, key, descending, search):
    """When the first rows of an order hold too few matches to fill the window, the others are found all the same."""
    monkeypatch.setattr(listing, "_MANY", 0)
    for limit in (1, 5, 10):
        monkeypatch.setattr(listing, "_NEAR", 4 * limit)
        await _check(library, library.scopes[0], AssetFilter(search=search), PageRequest(key, descending, limit))


async def _check(library: Library, scope: Scope, wanted: AssetFilter, page: PageRequest) -> None:
    all_matches = expected(library, scope, wanted, page)
    found = await library.service.page(scope, wanted, page)
    window = all_matches[page.offset : page.offset + page.limit]
    assert [asset.id for asset in found.assets] == [asset.id for asset in window]
    assert found.assets == tuple(window)
    assert found.total_count == len(all_matches)
    assert found.has_more == (page.offset + len(window) < len(all_matches))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("key", SortKey)
async def test_pages_of_every_order_never_overlap_and_miss_nothing(library, key, descending):
    """Reading page after page gives every row once, in order, ties and untitled ones included."""
    scope = library.scopes[0]
    whole = expected(library, scope, AssetFilter(), PageRequest(key, descending))
    read: list[Asset] = []
    while True:
        page = await library.service.page(scope, AssetFilter(), PageRequest(key, descending, 37, len(read)))
        read += page.assets
        if not page.has_more:
            break
    assert [asset.id for asset in read] == [asset.id for asset in whole]
    untitled = [asset.title is None for asset in read]
    assert key is not SortKey.TITLE or untitled == sorted(untitled)


@pytest.mark.parametrize("offset", [10**6, 2**62])
async def test_a_window_behind_the_end_is_empty_but_counted(library, offset):
    """An offset too large gives no rows, and still the exact number."""
    await _check(library, library.scopes[0], AssetFilter(), PageRequest(offset=offset))


@pytest.mark.parametrize("search", ["", "  ", "&|!", "🙂"])
async def test_a_search_without_words_is_no_filter(library, search):
    """Blank searches list everything."""
    await _check(library, library.scopes[0], AssetFilter(search=search), PageRequest())


async def test_no_ids_means_no_assets(library):
    """An empty set of ids is a condition nothing fulfils; no set is no condition."""
    page = await library.service.page(library.scopes[0], AssetFilter(ids=()), PageRequest())
    assert (page.assets, page.total_count) == ((), 0)


async def test_ids_of_another_tenant_are_just_absent(library):
    """Asking for another tenant's ids finds nothing."""
    theirs = tuple(asset.id for asset in library.assets if asset.tenant_id == library.scopes[1].tenant_id)
    page = await library.service.page(library.scopes[0].any(), AssetFilter(ids=theirs), PageRequest())
    assert page.total_count == 0


async def test_counts_agree_over_the_visibilities(library, database):
    """Live and trashed ones together are all."""
    scope = library.scopes[0]
    async with database.read() as connection:
        live, trashed, everything = [
            await count_assets(connection, Scope(scope.tenant_id, visibility)) for visibility in Visibility
        ]
    assert live + trashed == everything
    assert min(live, trashed) > 0
