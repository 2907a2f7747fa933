"""Videos, groups and scenes as the Vision API writes them, to the last key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from calotype.domain.asset import State
from calotype.domain.errors import InvalidInput
from calotype.domain.video import IndexingStatus, Storyboard, VideoGroup
from calotype.domain.video_search import FoundScene
from calotype.web.apis.vision.translate import video as translate
from calotype.web.apis.vision.translate import video_search
from calotype.web.apis.vision.wire import video as wire
from tests.web.videos import LINKS, SCENE, VIDEO, Described, found, run, scene

KEYS = ["video_id", "url", "indexing_status", "status", "metadata", "indexing_type", "group_id", "error"]
BOARD = Storyboard("key", 1.0, 3, 2, 16, 9)


def upload(**fields) -> wire.Upload:
    """The fields of an upload."""
    return wire.Upload.model_validate({"index": "True", **fields})


def query(**fields) -> wire.SearchRequest:
    """The fields of a search."""
    return wire.SearchRequest.model_validate({"query": "forklift", **fields})


@pytest.mark.parametrize(
    ("indexing", "download", "word"),
    [
        (None, None, "pending"),
        (None, State.COMPLETED, "pending"),
        (None, State.PENDING, "pending"),
        (None, State.FAILED, "failed"),
        (IndexingStatus.PENDING, State.PROCESSING, "pending"),
        (IndexingStatus.PENDING, None, "pending"),
        (IndexingStatus.PROCESSING, None, "indexing"),
        (IndexingStatus.COMPLETED, State.COMPLETED, "indexed"),
        (IndexingStatus.FAILED, None, "failed"),
        (IndexingStatus.CANCELLED, None, "failed"),
    ],
)
def test_every_state_has_its_word_twice(indexing, download, word):
    """Nothing but the four words; a reason is told of what failed, and of nothing else."""
    made = translate.video_to_wire(found(indexing=indexing, download=download, newest=run(error="why")), LINKS)
    assert made["indexing_status"] == made["status"] == word
    assert (made["error"] is not None) == (word == "failed")
    assert made["indexing_type"] == ("qa_and_search" if indexing else None)


def test_a_video_has_its_keys_in_order():
    """As the specification's example has them; what is not known is null, never missing."""
    starts = datetime(2025, 4, 12, 19, 5, 45, tzinfo=UTC)
    made = translate.video_to_wire(found(starts_at=starts, indexing=IndexingStatus.COMPLETED), LINKS)
    assert list(made) == KEYS
    assert (made["video_id"], made["url"], made["group_id"]) == (VIDEO, f"o/{VIDEO}", "default")
    assert made["metadata"] == {
        "width": 1280,
        "height": 720,
        "avg_fps": 25.0,
        "duration": 42.48,
        "video_name": "loading dock",
        "title": None,
        "video_start_timestamp_utc_ms": 1744484745000,
        "thumbnail": None,
        "thumbnails": None,
        "description": None,
        "source": None,
    }


def test_what_is_known_of_a_video_is_told():
    """Title, description, links to pictures once they are made, the URL it came from, its group."""
    group = uuid4()
    asset = Described(title="Dock", description="A pier.", variants={"medium_512": object()})
    made = translate.video_to_wire(
        found(asset, storyboard=BOARD, source_url="https://a.example", group_id=group), LINKS
    )
    told = made["metadata"]
    assert (told["title"], told["description"], told["source"]) == ("Dock", "A pier.", "https://a.example")
    assert (told["thumbnail"], told["thumbnails"]) == (f"t/{VIDEO}", f"s/{VIDEO}")
    assert made["group_id"] == str(group)


def test_a_video_whose_bytes_are_not_here_says_so():
    """Sizes are null until then; a download that failed tells its own reason, whatever its run says."""
    made = translate.video_to_wire(
        found(probe=None, download=State.FAILED, download_error="404", newest=run(error="x")), LINKS
    )
    assert [made["metadata"][name] for name in ("width", "height", "avg_fps", "duration")] == [None] * 4
    assert made["error"] == "404"
    cancelled = translate.video_to_wire(found(indexing=IndexingStatus.CANCELLED), LINKS)
    assert cancelled["error"]


@pytest.mark.parametrize("name", ["video_absolute_start_timestamp", "video_start_absolute_timestamp"])
@pytest.mark.parametrize("text", ["2025-04-12T19:05:45", "2025-04-12T19:05:45Z", "2025-04-12T21:05:45+02:00"])
def test_a_start_has_two_names_and_is_utc_unless_it_says_otherwise(name, text):
    """Either name, or both with the same time."""
    expected = datetime(2025, 4, 12, 19, 5, 45, tzinfo=UTC)
    assert translate.video_from_wire(upload(**{name: text})).starts_at == expected
    both = upload(video_absolute_start_timestamp=text, video_start_absolute_timestamp="2025-04-12T19:05:45")
    assert translate.video_from_wire(both).starts_at == expected


def test_two_different_starts_are_a_mistake():
    """Nobody knows which was meant."""
    fields = upload(
        video_absolute_start_timestamp="2025-04-12T19:05:45", video_start_absolute_timestamp="2025-04-12T19:05:46"
    )
    with pytest.raises(InvalidInput):
        translate.video_from_wire(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"caption_mode": "poetic"},
        {"config": "[1]"},
        {"chunking_config": "{"},
        {"index": "perhaps"},
        {"video_name": "a" * 256},
    ],
)
def test_fields_that_cannot_be_meant_are_refused(fields):
    """Those without effect are read all the same."""
    with pytest.raises(ValidationError):
        upload(**fields)


def test_groups_are_read_and_written():
    """`default` is no group, in any letter case; what is no id is a group that nobody has."""
    group = VideoGroup(
        uuid4(),
        "Docks",
        {"site": "north"},
        datetime(2026, 3, 4, 8, 13, 23, 410000, UTC),
        datetime(2026, 3, 4, tzinfo=UTC),
    )
    assert translate.group_id_from_wire(str(group.id).upper()) == group.id
    assert translate.group_id_from_wire(" Default ") is None
    assert translate.group_id_from_wire("nonsense") == UUID(int=0)
    assert translate.group_to_wire(group) == {
        "group_id": str(group.id),
        "name": "Docks",
        "metadata": {"site": "north"},
        "created_at": "2026-03-04T08:13:23.410000+00:00",
        "updated_at": "2026-03-04T00:00:00.000000+00:00",
    }
    assert translate.default_group()["created_at"] is None
    assert translate.moved_to_wire(None, []) == {
        "status": "success",
        "moved_count": 0,
        "group_id": "default",
        "video_ids": [],
    }


def test_a_found_scene_has_its_keys_in_order():
    """Times and score are numbers; the title is the video's own, else its name."""
    user = uuid4()
    made = video_search.found_to_wire([FoundScene(scene(), found(storyboard=BOARD), 1)], user, LINKS)
    assert (made["report"], made["total_results"]) == (None, 1)
    assert list(made["results"][0].items()) == [
        ("video_chunk_id", SCENE),
        ("video_id", VIDEO),
        ("user_id", user),
        ("score", 1.0),
        ("start_timestamp", 15.0),
        ("end_timestamp", 30.0),
        ("plain_text_caption", "A forklift."),
        ("plain_text_transcript", None),
        ("explanation", None),
        ("s3_presigned_url", f"o/{VIDEO}"),
        ("video_title", "loading dock"),
        ("video_thumbnails", f"s/{VIDEO}"),
    ]
    titled = video_search.found_to_wire([FoundScene(scene(), found(Described(title="Dock")), 0.5)], user, LINKS)
    assert titled["results"][0]["video_title"] == "Dock"


def test_a_search_reads_its_filters():
    """Empty lists mean everywhere, unknown ids nowhere, `default` the videos of no group."""
    one = uuid4()
    plain = video_search.query_from_wire(query())
    assert (plain.limit, plain.threshold, plain.wanted.video_ids, plain.wanted.group_ids) == (10, None, None, None)
    empty = video_search.query_from_wire(query(video_ids=[], group_ids=[])).wanted
    assert (empty.video_ids, empty.group_ids) == (None, None)
    unknown = video_search.query_from_wire(query(video_ids=["nonsense"], group_ids=["default", str(one)])).wanted
    assert (unknown.video_ids, unknown.group_ids, unknown.in_no_group) == ((), (one,), True)
    timed = video_search.query_from_wire(query(datetime_from="2025-04-12T21:05:45+02:00", timestamp_to="3")).wanted
    assert timed.from_time == datetime(2025, 4, 12, 21, 5, 45, tzinfo=timezone(timedelta(hours=2)))
    assert timed.to_seconds == 3.0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"query": "  "}, "query"),
        ({"timestamp_from": 2, "timestamp_to": 1}, "timestamp_from"),
        ({"datetime_from": "2025-01-02", "datetime_to": "2025-01-01"}, "datetime_from"),
    ],
)
def test_a_search_that_cannot_be_meant_is_refused(fields, field):
    """With the field that is wrong."""
    with pytest.raises(InvalidInput) as refused:
        video_search.query_from_wire(query(**fields))
    assert refused.value.context["field"] == field


@pytest.mark.parametrize(
    "fields",
    [{"threshold": 1.1}, {"max_results": 0}, {"max_results": 201}, {"timestamp_from": -1}, {"query": "a" * 2001}],
)
def test_numbers_of_a_search_have_bounds(fields):
    """As the specification gives them."""
    with pytest.raises(ValidationError):
        query(**fields)
