"""Images between the wire of the Vision API and the domain."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.asset import State
from calotype.domain.errors import InvalidInput
from calotype.domain.image import ImageRequest, LibraryImage
from calotype.domain.image_search import ImageQuery, ImageSearchMode
from calotype.domain.listing import AssetFilter, RecordedRange, SortKey
from calotype.web.apis.vision.answers import echo_answer, json_answer
from calotype.web.apis.vision.translate import ids
from calotype.web.apis.vision.translate import image as translate
from calotype.web.apis.vision.wire.image import ListRequest, SearchRequest, UploadMetadata

TEXT = st.text(max_size=8)
DOCUMENTS = st.dictionaries(
    TEXT,
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT | st.none() | st.lists(TEXT),
    max_size=4,
)

EARLY = datetime.fromisoformat("1971-01-01")


def link(image_id):
    """The URL of an image."""
    return f"http://server/media/{image_id}"


@pytest.mark.parametrize(
    ("state", "status"),
    [(None, 0), (State.SKIPPED, 0), (State.PENDING, 1), (State.PROCESSING, 1), (State.COMPLETED, 2), (State.FAILED, 3)],
)
def test_every_state_has_its_number(state, status):
    """0 not indexed, 1 in progress, 2 indexed, 3 failed."""
    found = translate.image_to_wire(LibraryImage(uuid4(), datetime.now(UTC), state, None), link)
    assert (found["indexing_status"], type(found["indexing_status"])) == (status, int)


def test_the_states_are_all_there():
    """A new one needs a number."""
    assert set(State) == {State.SKIPPED, State.PENDING, State.PROCESSING, State.COMPLETED, State.FAILED}


@given(
    st.uuids(),
    st.datetimes(timezones=st.just(UTC), min_value=EARLY, max_value=EARLY.replace(year=2200)),
    DOCUMENTS,
)
def test_an_image_has_its_five_keys_in_order(image_id, uploaded_at, document):
    """The id in small letters, a time that is a float to the microsecond, the metadata as it was."""
    image = LibraryImage(image_id, uploaded_at, State.COMPLETED, json.dumps(document) if document else None)
    answer = json_answer(translate.images_to_wire([image], link)).body
    (found,) = json.loads(answer)["results"]
    assert list(found) == ["image_id", "image_url", "indexing_status", "upload_timestamp", "image_metadata"]
    assert (found["image_id"], found["image_url"]) == (str(image_id), link(image_id))
    assert isinstance(found["upload_timestamp"], float)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert (
        Decimal(str(found["upload_timestamp"])) == Decimal((uploaded_at - epoch) // timedelta(microseconds=1)) / 10**6
    )
    assert json.dumps(found["image_metadata"]) == json.dumps(document)


@given(
    st.uuids(),
    st.sampled_from([str, lambda one: str(one).upper(), lambda one: f"  {one}\n", lambda one: str(one).title()]),
)
def test_ids_are_read_in_any_letter_case(identity, spelled):
    """With space around them, too."""
    assert ids.parse_id(spelled(identity)) == identity


@given(
    TEXT
    | st.uuids().map(lambda one: one.hex)
    | st.uuids().map(lambda one: f"{{{one}}}")
    | st.uuids().map(lambda one: one.urn)
)
def test_other_spellings_are_no_ids(text):
    """Only the form with dashes is one: nothing is cut off or put in."""
    assert ids.parse_id(text) is None


IDS = [UUID(int=number) for number in range(4)]
NAMES = st.lists(st.sampled_from([*map(str, IDS), str(UUID(int=2**127)).upper(), "nonsense", "", "\ud800"]), max_size=9)


@given(NAMES, st.sets(st.sampled_from(IDS)))
def test_a_deletion_names_each_image_once_where_it_belongs(texts, existing):
    """Both lists keep the order of the request; what is no id was not found, as it was written."""
    gone = existing & set(ids.ids_from_wire(texts))
    answer = json.loads(echo_answer(ids.deletion_to_wire(ids.deletion_of(texts, gone), "Images")).body)
    assert list(answer) == ["status", "message", "deleted", "not_found"]
    assert (answer["status"], answer["message"]) == ("success", "Images deleted successfully")
    normal = list(dict.fromkeys(text.lower() for text in texts))
    assert answer["deleted"] == [text for text in normal if text in set(map(str, gone))]
    assert answer["not_found"] == [text for text in normal if text not in set(map(str, gone))]


@given(NAMES)
def test_ids_keep_their_order_without_repetitions(texts):
    """What is no id is left out."""
    expected = list(dict.fromkeys(text.lower() for text in texts if len(text) == 36))
    assert list(map(str, ids.ids_from_wire(texts))) == expected


NUMBERS = st.integers(-(10**12), 10**12) | st.floats(-1e12, 1e12) | st.just(10**400)


def compares(range_, value):
    """Whether a time lies within a range."""
    low = range_.lowest is None or (value >= range_.lowest if range_.includes_lowest else value > range_.lowest)
    return low and (
        range_.highest is None or (value <= range_.highest if range_.includes_highest else value < range_.highest)
    )


@given(st.sampled_from(["eq", "gt", "gte", "lt", "lte"]), NUMBERS, NUMBERS)
def test_operators_mean_what_they_say(operator, value, other):
    """At the number itself and on both sides of it, without rounding."""
    number = Decimal(str(value))
    range_ = translate.recorded_from_wire(operator, value)
    for time in (number, number - Decimal("1e-9"), number + Decimal("1e-9"), Decimal(str(other))):
        expected = {
            "eq": time == number,
            "gt": time > number,
            "gte": time >= number,
            "lt": time < number,
            "lte": time <= number,
        }
        assert compares(range_, time) == expected[operator]


@given(st.none() | NUMBERS, st.none() | NUMBERS, st.booleans())
def test_a_range_includes_both_ends(lowest, highest, as_text):
    """A missing end is open; without either, or the wrong way round, it cannot be meant."""
    value = {name: end for name, end in (("_from", lowest), ("_to", highest)) if end is not None}
    ends = [None if end is None else Decimal(str(end)) for end in (lowest, highest)]
    if not value or (None not in ends and ends[0] > ends[1]):
        with pytest.raises(InvalidInput) as refused:
            translate.recorded_from_wire("range", value)
        assert refused.value.context["field"] == "filters.recorded_timestamp_utc.value"
    else:
        assert translate.recorded_from_wire("range", json.dumps(value) if as_text else value) == RecordedRange(*ends)


@pytest.mark.parametrize(
    ("operator", "value", "field"),
    [
        ("range", 5, "value"),
        ("range", [], "value"),
        ("range", {"_from": None}, "value"),
        ("range", {"_from": "x"}, "value._from"),
        ("range", {"_from": 1, "_to": True}, "value._to"),
        ("range", {"_from": [1]}, "value._from"),
        ("eq", {"_from": 1}, "value"),
        ("gt", "x", "value"),
        ("lte", [1], "value"),
        ("gte", True, "value"),
        ("lt", "nan", "value"),
    ],
)
def test_a_comparison_that_cannot_be_meant_is_named(operator, value, field):
    """An object where a number belongs and the reverse, and what is no number."""
    with pytest.raises(InvalidInput) as refused:
        translate.recorded_from_wire(operator, value)
    assert refused.value.context["field"] == f"filters.recorded_timestamp_utc.{field}"


@pytest.mark.parametrize(
    ("sent", "ids"),
    [
        ({}, None),
        ({"image_ids": []}, None),
        ({"image_ids": ["x"]}, ()),
        ({"image_ids": str(IDS[1]).upper()}, (IDS[1],)),
    ],
)
def test_a_listing_without_ids_is_not_restricted(sent, ids):
    """But one with nothing but nonsense finds nothing."""
    assert translate.filter_from_wire(ListRequest(**sent), "image") == AssetFilter(media_types=("image",), ids=ids)


@pytest.mark.parametrize("offset", [0, 7, 10**30])
def test_pages_are_newest_first(offset):
    """An offset that no list can have is one behind the end of all."""
    page = translate.page_from_wire(5, offset)
    assert (page.sort_by, page.descending, page.limit) == (SortKey.CREATED_AT, True, 5)
    assert page.offset == offset or page.offset >= 2**40 > page.offset // 2**10


def test_requests_of_an_upload_are_read_one_by_one():
    """Absent means the defaults for all; an empty list is another thing; metadata too deep is named."""
    assert translate.requests_from_wire(UploadMetadata()) is None
    assert translate.requests_from_wire(UploadMetadata(requests=[])) == []
    assert translate.requests_from_wire(UploadMetadata(requests=[{}])) == [ImageRequest(index=True, custom=None)]
    deep = {"a": 1}
    for _ in range(101):
        deep = {"a": deep}
    with pytest.raises(InvalidInput) as refused:
        translate.requests_from_wire(UploadMetadata(requests=[{}, {"metadata": deep}]))
    assert refused.value.context["field"] == "metadata.requests[1].metadata"


@pytest.mark.parametrize(
    "words",
    [{"image_weight": "x"}, {"text_weight": -1}, {"image_weight": 0, "text_weight": "0.0"}, {"image_weight": 10**400}],
)
def test_weights_count_in_one_mode_only(words):
    """What cannot be meant is refused where it matters and ignored where it does not."""
    asked = {"query": "red truck", **words}
    assert translate.query_from_wire(SearchRequest(**asked)) == ImageQuery("red truck")
    with pytest.raises(InvalidInput) as refused:
        translate.query_from_wire(SearchRequest(**asked, search_mode="joined"))
    assert refused.value.context["field"] in words


def test_a_search_is_read_with_its_defaults():
    """Weights a half each; a query of nothing but space asks nothing."""
    joined = SearchRequest(query=" x ", search_mode="joined", text_weight="2", threshold=0.25, max_results="7")
    assert translate.query_from_wire(joined) == ImageQuery(" x ", 7, 0.25, ImageSearchMode.JOINED, 0.5, 2.0)
    with pytest.raises(InvalidInput):
        translate.query_from_wire(SearchRequest(query=" \n"))
