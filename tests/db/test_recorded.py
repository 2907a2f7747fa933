"""Listings by time of recording give exactly what plain arithmetic gives."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calotype.db import listing
from calotype.db.asset import select_assets
from calotype.db.engine import Database
from calotype.db.listing import select_page
from calotype.domain.asset import Asset
from calotype.domain.custom_metadata import custom_metadata
from calotype.domain.image import image_of
from calotype.domain.listing import AssetFilter, PageRequest, RecordedRange, SortKey
from calotype.domain.scope import Scope
from calotype.web.apis.vision.translate.image import image_to_wire, recorded_from_wire
from tests.db.conftest import new_tenant
from tests.db.rows import NOW, add, new_asset
from tests.examples import examples

SENT = [
    0,
    -0.0,
    1,
    1.0,
    1.5,
    -5,
    1772611200,
    1772611200.5,
    1e300,
    5e-324,
    -1e308,
    10**400,
    -(10**400),
    0.1,
    0.30000000000000004,
]
UPLOADED = [
    NOW,
    NOW + timedelta(microseconds=1),
    NOW - timedelta(seconds=1),
    datetime(1970, 1, 1, tzinfo=UTC),
    NOW.replace(microsecond=0),
]


@dataclass(frozen=True, slots=True)
class Library:
    """All images of a tenant, and when each was recorded, as its client can know it."""

    database: Database
    scope: Scope
    times: dict[Asset, Decimal]


def time_of(asset: Asset) -> Decimal:
    """The time that was sent with an image, or that of its upload as the answer prints it."""
    if asset.recorded_timestamp is not None:
        return asset.recorded_timestamp
    return Decimal(str(image_to_wire(image_of(asset, None), str)["upload_timestamp"]))


@pytest.fixture(scope="module")
async def library(database: Database) -> Library:
    """Images full of ties, between times that were sent and times of upload as well."""
    chance, scope = random.Random(7), Scope(await new_tenant(database))
    other = Scope(await new_tenant(database))
    sent = [*SENT, NOW.timestamp(), *(chance.uniform(1.6e9, 1.9e9) for _ in range(20))]
    async with database.write() as connection:
        ids = []
        for number in range(160):
            value = chance.choice([None, *sent])
            custom = custom_metadata({"recorded_timestamp_utc": value} if value is not None else {})
            moment = chance.choice([*UPLOADED, NOW + timedelta(microseconds=chance.randrange(10**14))])
            new = new_asset(
                (scope if number % 8 else other).tenant_id,
                media_type="image" if number % 9 else "video",
                recorded_timestamp=custom.recorded_timestamp if custom else None,
            )
            ids.append(await add(connection, new, moment, deleted_at=NOW if number % 11 == 0 else None))
    async with database.read() as connection:
        assets = await select_assets(connection, scope, ids)
    images = [asset for asset in assets.values() if asset.media_type == "image"]
    return Library(database, scope, {Handle(asset): time_of(asset) for asset in images})


class Handle:
    """An asset that can be a key."""

    def __init__(self, asset: Asset) -> None:
        self.asset = asset


async def listed(library: Library, recorded: RecordedRange, page: PageRequest, **more: Any) -> tuple[list[Any], int]:
    """The ids of a window of the images in a range, and how many there are."""
    wanted = AssetFilter(media_types=("image",), recorded=recorded, **more)
    async with library.database.snapshot() as connection:
        found = await select_page(connection, library.scope, wanted, page)
    return [asset.id for asset in found.assets], found.total_count


def expected(library: Library, fits: Any, page: PageRequest) -> tuple[list[Any], int]:
    """The same by a walk over all of them."""
    found = [handle.asset for handle, time in library.times.items() if fits(time)]
    keys = {SortKey.SIZE_BYTES: lambda asset: asset.size_bytes, SortKey.CREATED_AT: lambda asset: asset.created_at}
    found.sort(key=lambda asset: (keys[page.sort_by](asset), asset.id), reverse=page.descending)
    return [asset.id for asset in found[page.offset : page.offset + page.limit]], len(found)


OPERATORS = {
    "eq": lambda time, value: time == value,
    "gt": lambda time, value: time > value,
    "gte": lambda time, value: time >= value,
    "lt": lambda time, value: time < value,
    "lte": lambda time, value: time <= value,
}
THRESHOLDS = st.sampled_from([(2_000, 10_000, 1_000, 50_000), (0, 0, 1_000, 0), (0, 5, 40, 20), (50, 5, 400, 10)])
PAGES = st.builds(
    PageRequest,
    sort_by=st.sampled_from([SortKey.CREATED_AT, SortKey.SIZE_BYTES]),
    descending=st.booleans(),
    limit=st.integers(1, 60),
    offset=st.integers(0, 30),
)


def near(data: Any, library: Library) -> Decimal:
    """The time of an image, or one that differs from it as little as a number can."""
    time = data.draw(st.sampled_from(sorted(set(library.times.values()))))
    return time + data.draw(
        st.sampled_from(
            [Decimal(0), Decimal("1e-6"), Decimal("-1e-6"), Decimal("1e-12"), Decimal("-1e-12"), Decimal("1e-30")]
        )
    )


@settings(max_examples=examples(70), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from([*OPERATORS, "range"]), PAGES, THRESHOLDS, st.booleans())
async def test_any_comparison_equals_a_walk_over_all_images(library, data, operator, page, thresholds, among):
    """Every operator at every boundary, in every order and window, by whatever way the listing comes by it."""
    if operator == "range":
        low, high = sorted([near(data, library), near(data, library)])
        ends = data.draw(
            st.sampled_from([{"_from": low}, {"_to": high}, {"_from": low, "_to": high}, {"_from": low, "_to": low}])
        )
        recorded = RecordedRange(ends.get("_from"), ends.get("_to"))

        def fits(time):
            return ends.get("_from", time) <= time <= ends.get("_to", time)
    else:
        value = near(data, library)
        text = str(value)
        recorded = recorded_from_wire(operator, text if len(text) < 400 else int(value))

        def fits(time):
            return OPERATORS[operator](time, value)

    more = {"ids": tuple(handle.asset.id for handle in library.times)} if among else {}
    with pytest.MonkeyPatch.context() as patch:
        for name, number in zip(("_FEW", "_MANY", "_NEAR", "_RECORDED"), thresholds, strict=True):
            patch.setattr(listing, name, number)
        assert await listed(library, recorded, page, **more) == expected(library, fits, page)


async def test_the_time_that_an_answer_shows_finds_its_image(library):
    """The number a client reads is the number it can ask for, to the last microsecond."""
    for handle in library.times:
        shown = image_to_wire(image_of(handle.asset, None), str)["upload_timestamp"]
        time = handle.asset.recorded_timestamp
        ids, _ = await listed(
            library,
            recorded_from_wire("eq", shown if time is None else int(time) if time == int(time) else float(time)),
            PageRequest(SortKey.CREATED_AT, limit=1000),
        )
        assert handle.asset.id in ids


async def test_microseconds_are_not_rounded_in_any_year(database):
    """Until the year 2242, in which floats become coarser, the index and the float of the answer agree on every one."""
    scope, chance = Scope(await new_tenant(database)), random.Random(11)
    first, last = datetime(2001, 9, 9, tzinfo=UTC), datetime(2242, 3, 16, tzinfo=UTC)
    moments = [
        first + timedelta(microseconds=chance.randrange((last - first) // timedelta(microseconds=1)))
        for _ in range(200)
    ]
    async with database.write() as connection:
        ids = [await add(connection, new_asset(scope.tenant_id), moment) for moment in moments]
    for asset_id, moment in zip(ids, moments, strict=True):
        async with database.snapshot() as connection:
            wanted = AssetFilter(recorded=recorded_from_wire("eq", moment.timestamp()))
            assert [asset.id for asset in (await select_page(connection, scope, wanted, PageRequest())).assets] == [
                asset_id
            ]
