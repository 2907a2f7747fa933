"""Between the domain and the Files API's wire: pure functions, so tried with all sorts of values."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.asset import Asset, DescriptionRecord, Operation, OperationType, State, StoredVariant
from calotype.domain.asset import UploadMethod as Method
from calotype.domain.asset_detail import AssetDetail
from calotype.domain.deletion import Deletion, Fate
from calotype.domain.listing import AssetFilter, AssetPage, PageRequest, SearchMode, SortKey
from calotype.domain.picture import VariantName
from calotype.web.apis.files.translate import file as translate
from calotype.web.apis.files.wire import file as wire
from tests.contracts import shapes

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MOMENTS = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2200, 1, 1),  # noqa: DTZ001 - likewise
    timezones=st.sampled_from([UTC, timezone(timedelta(0))]),
)
STATES = st.sampled_from(State)
WORK = st.sampled_from([State.PENDING, State.PROCESSING, State.COMPLETED, State.FAILED])
SIDES = st.integers(1, 100_000)
VARIANTS = st.sets(st.sampled_from(VariantName)).map(
    lambda names: {name: StoredVariant(f"variants/{name}", "image/jpeg", 1, 1, 1) for name in names}
)
ASSETS = st.builds(
    Asset,
    id=st.uuids(),
    tenant_id=st.uuids(),
    media_type=st.just("image"),
    content_type=st.sampled_from(["image/jpeg", "image/png"]),
    format=st.sampled_from(["jpeg", "png"]),
    upload_method=st.sampled_from(Method),
    object_key=TEXTS,
    original_filename=TEXTS,
    size_bytes=st.integers(0, 2**60),
    checksum=st.binary(min_size=32, max_size=32).map(bytes.hex),
    created_at=MOMENTS,
    updated_at=MOMENTS,
    title=st.none() | TEXTS,
    tags=st.lists(TEXTS, max_size=3).map(tuple),
    deleted_at=st.none() | MOMENTS,
    captured_at=st.none() | MOMENTS,
    width=st.none() | SIDES,
    height=st.none() | SIDES,
    variant_status=st.none() | WORK,
    variant_error=st.none() | TEXTS,
    variants=VARIANTS,
    blur_hash=st.none() | TEXTS,
    description_status=st.none() | STATES,
    description_error=st.none() | TEXTS,
    description=st.none() | TEXTS,
    visible_text=st.none() | TEXTS,
    confidence=st.none() | st.floats(0, 1),
    described_at=st.none() | MOMENTS,
    has_description=st.booleans(),
    folder_id=st.none() | st.uuids(),
)
DESCRIPTIONS = st.builds(
    DescriptionRecord,
    id=st.uuids(),
    description=TEXTS,
    visible_text=st.none() | TEXTS,
    confidence=st.none() | st.floats(0, 1),
    providers=st.lists(TEXTS, max_size=2).map(tuple),
    verification_level=st.just("standard"),
    processing_time_ms=st.none() | st.integers(0, 10**6),
    created_at=MOMENTS,
)
OPERATIONS = st.builds(
    Operation,
    id=st.uuids(),
    asset_id=st.uuids(),
    type=st.sampled_from(OperationType),
    status=WORK,
    created_at=MOMENTS,
    completed_at=st.none() | MOMENTS,
    error_message=st.none() | TEXTS,
)


def link(asset, name):
    """A link to a variant that exists."""
    return f"http://server/{name}" if name in asset.variants else None


def sent(model):
    """What a client reads."""
    return json.loads(model.model_dump_json())


@given(ASSETS)
def test_an_item_says_what_the_asset_says(asset):
    """Every key of the shape is there, and its value comes from the right place."""
    item = sent(translate.item_to_wire(asset, link))
    shapes.conforms(item, shapes.ITEM)
    same = (
        "title",
        "size_bytes",
        "blur_hash",
        "visible_text",
        "variant_error",
        "description_error",
        "format",
        "content_type",
    )
    assert {key: item[key] for key in same} == {key: getattr(asset, key) for key in same}
    assert item["id"] == str(asset.id)
    assert (item["tags"], item["filename"]) == (list(asset.tags), asset.original_filename or None)
    assert (item["upload_description"], item["has_full_description"]) == (asset.description, asset.has_description)
    assert datetime.fromisoformat(item["created_at"]) == asset.created_at
    assert (item["content_created_at"] is None) == (asset.captured_at is None)
    assert (item["dimensions"] == {}) == (asset.width is None or asset.height is None)
    urls = {
        "thumbnail_url": VariantName.SMALL_256,
        "medium_url": VariantName.MEDIUM_750,
        "full_url": VariantName.LARGE_1024,
    }
    assert {key: item[key] for key in urls} == {key: link(asset, name) for key, name in urls.items()}
    assert item["variant_count"] == 1 + len(asset.variants.keys() - {VariantName.MEDIUM_512})


@given(ASSETS, st.lists(DESCRIPTIONS, max_size=2), st.lists(OPERATIONS, max_size=4))
def test_a_detail_says_what_the_asset_says(asset, descriptions, operations):
    """Every key of the shape is there, and descriptions and history keep their order."""
    detail = AssetDetail(asset, tuple(descriptions), tuple(operations))
    body = sent(translate.detail_to_wire(detail, link, lambda found: f"http://server/{found.id}", str))
    shapes.conforms(body, shapes.DETAIL)
    item = sent(translate.item_to_wire(asset, link))
    common = body.keys() & item.keys()
    assert {key: body[key] for key in common} == {key: item[key] for key in common}
    assert (body["hash"], body["object_key"]) == (f"sha256:{asset.checksum}", asset.object_key)
    assert body["original_url"] == f"http://server/{asset.id}"
    assert [made["id"] for made in body["full_descriptions"]] == [str(made.id) for made in descriptions]
    assert [made["providers_used"] for made in body["full_descriptions"]] == [
        list(made.providers) for made in descriptions
    ]
    assert [step["id"] for step in body["processing_history"]] == [str(step.id) for step in operations]
    assert [step["operation_type"] for step in body["processing_history"]] == [step.type.value for step in operations]


@given(st.lists(ASSETS, max_size=3), st.integers(0, 10), st.integers(0, 5))
def test_there_is_more_until_the_last_page(assets, offset, behind):
    """`has_more` says whether anything follows this window."""
    page = AssetPage(tuple(assets), offset + len(assets) + behind, offset)
    body = sent(translate.page_to_wire(page, link, str, str))
    shapes.conforms(body, shapes.LIST)
    assert (body["has_more"], body["total_count"]) == (behind > 0, page.total_count)
    assert [item["id"] for item in body["files"]] == [str(asset.id) for asset in assets]


@given(
    st.lists(st.builds(Deletion, st.uuids(), st.sampled_from(Fate), st.none() | TEXTS, st.none() | MOMENTS), max_size=6)
)
def test_a_batch_puts_each_id_into_one_list(outcomes):
    """The three lists together are the batch, each in its order, and the summary counts them."""
    body = sent(translate.batch_to_wire(outcomes))
    shapes.conforms(body, shapes.BATCH_DELETE)
    for fate in Fate:
        ids = [str(outcome.asset_id) for outcome in outcomes if outcome.fate is fate]
        assert [entry["id"] for entry in body[fate.value]] == ids
        assert body["summary"][fate.value] == len(ids)
    assert body["summary"]["total"] == len(outcomes)


def test_an_empty_query_asks_for_everything():
    """Without parameters nothing is filtered, and the newest 20 by capture time come first."""
    query = wire.ListQuery.model_validate({})
    assert translate.filter_from_wire(query) == AssetFilter()
    expected = PageRequest(SortKey.CONTENT_CREATED_AT, descending=True, limit=20, offset=0)
    assert translate.page_from_wire(query) == expected


def test_a_full_query_asks_for_all_of_it():
    """Each parameter arrives at its place."""
    ids = [uuid4(), uuid4()]
    query = wire.ListQuery.model_validate(
        {
            "search": "damage report",
            "search_mode": "visible_text",
            "tags": ["safety,inspection", "safety"],
            "media_types": ["image", "document"],
            "folder_id": str(ids[0]).upper(),
            "has_description": "yes",
            "ids": [f"{ids[0]},{ids[1]}"],
            "date_from": "2025-01-01T01:00:00+01:00",
            "date_to": "2025-01-31",
            "sort_by": "size_bytes",
            "sort_order": "asc",
            "limit": "7",
            "offset": "14",
            "unknown": "ignored",
        }
    )
    assert translate.filter_from_wire(query) == AssetFilter(
        search="damage report",
        search_mode=SearchMode.VISIBLE_TEXT,
        tags=("safety", "inspection"),
        media_types=("image", "document"),
        folder_id=ids[0],
        has_description=True,
        ids=tuple(ids),
        created_from=datetime(2025, 1, 1, tzinfo=UTC),
        created_to=datetime(2025, 1, 31, 23, 59, 59, 999999, tzinfo=UTC),
    )
    assert translate.page_from_wire(query) == PageRequest(SortKey.SIZE_BYTES, descending=False, limit=7, offset=14)


@pytest.mark.parametrize("folder", ["folder_abc123", "\0", "x" * 10_000, "00000000"])
def test_an_unknown_folder_is_one_without_files(folder):
    """A folder that cannot exist is a folder no file is in, instead of no filter."""
    query = wire.ListQuery.model_validate({"folder_id": folder})
    assert translate.filter_from_wire(query).folder_id == UUID(int=0)


@pytest.mark.parametrize("folder", [None, "", "  "])
def test_no_folder_is_no_filter(folder):
    """An absent or empty folder does not narrow the list."""
    assert translate.filter_from_wire(wire.ListQuery.model_validate({"folder_id": folder})).folder_id is None


def test_patch_tells_absent_from_null():
    """What was not sent is not in the set of fields, so that null can clear."""
    assert wire.UpdateRequest.model_validate({}).model_fields_set == set()
    cleared = wire.UpdateRequest.model_validate({"title": None, "tags": None})
    assert cleared.model_fields_set == {"title", "tags"}
    assert (cleared.title, cleared.tags) == (None, ())
