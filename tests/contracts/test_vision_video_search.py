"""Searching videos: section 4.4, and point 33 of the checklist."""

from __future__ import annotations

import json
import threading

import pytest

from tests.contracts.shapes import expect
from tests.contracts.video_shapes import SEARCH, chunks_of
from tests.contracts.videos import DELETE, SEARCHES, demo, indexed, new_group, trailer, upload
from tests.contracts.vision import ENCODINGS, JSON, SPELLINGS, call, unknown
from tests.contracts.vision_shapes import expect_error, faults_of
from tests.films import BLUE, RED, YELLOW, film

PATHS = [spelling + path for spelling in SPELLINGS for path in SEARCHES]
START = "2025-04-12T19:05:45"
AROUND = ("2025-04-12T19:05:00Z", "2025-04-12T19:06:30+00:00")


class Archive:
    """A client, what it has uploaded, and its group."""

    def __init__(self, client):
        self.client = client
        self.group = new_group(client, "Docks")["group_id"]
        self.dated = upload(
            client,
            trailer(),
            index="True",
            video_name="loading dock",
            group_id=self.group,
            video_start_absolute_timestamp=START,
        )
        self.undated = upload(client, film(seconds=2, scenes=(YELLOW, RED)), index="True", video_name="yard")
        self.quiet = upload(client, film(seconds=2, scenes=(RED, BLUE)), index="False", video_name="never indexed")
        for video_id in (self.dated, self.undated):
            indexed(client, video_id)

    def chunks(self, query="red", path=SEARCHES[0], **fields):
        """What a search finds."""
        return chunks_of(self.client.post(path, json={"query": query, **fields}))

    def found(self, query="red", **fields):
        """The videos that a search finds, the best first."""
        return [chunk["video_id"] for chunk in self.chunks(query, **fields)]


@pytest.fixture(scope="module")
def archive(cinema):
    """Two indexed films with a red scene each, and one that is not indexed."""
    with cinema.client(cinema.new_key()) as client:
        yield Archive(client)


# ------------------------------------------------------------------------------ what is found


@pytest.mark.parametrize("path", PATHS)
def test_every_path_finds_the_same(archive, path):
    """A part of a film with all its keys; the account is the same in each, and the link works."""
    chunks = archive.chunks(path=path, max_results=200)
    assert {chunk["video_id"] for chunk in chunks} == {archive.dated, archive.undated}
    plain = archive.chunks(max_results=200)
    if path.endswith("/hybrid"):
        assert {chunk["video_chunk_id"] for chunk in chunks} >= {chunk["video_chunk_id"] for chunk in plain}
    else:
        assert [(chunk["video_chunk_id"], chunk["score"]) for chunk in chunks] == [
            (chunk["video_chunk_id"], chunk["score"]) for chunk in plain
        ]
    assert len({chunk["user_id"] for chunk in chunks}) == 1
    for chunk in chunks:
        assert chunk["video_title"] == {archive.dated: "loading dock", archive.undated: "yard"}[chunk["video_id"]]
        assert chunk["explanation"] is None
        assert archive.client.get(chunk["s3_presigned_url"]).status_code == 200


def test_the_best_is_the_scene_that_fits(archive):
    """The red scene is the first second of one film and the last of the other."""
    best = {chunk["video_id"]: chunk for chunk in reversed(archive.chunks())}
    assert best[archive.dated]["start_timestamp"] == 0.0
    assert best[archive.dated]["end_timestamp"] == pytest.approx(1, abs=0.21)
    assert best[archive.undated]["start_timestamp"] == pytest.approx(1, abs=0.21)
    assert best[archive.undated]["end_timestamp"] == pytest.approx(2, abs=0.21)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_search_means_the_same_in_every_encoding(archive, encoding):
    """Lists, numbers, times, and words for true and false."""
    body = {
        "query": "red",
        "max_results": 200,
        "threshold": 0,
        "video_ids": [archive.dated, unknown()],
        "group_ids": [archive.group, "default"],
        "datetime_from": AROUND[0],
        "datetime_to": AROUND[1],
        "timestamp_from": 0,
        "timestamp_to": 0.5,
        "generate_report": False,
        "use_embeds_rerank": True,
    }
    chunks = chunks_of(call(archive.client, SEARCHES[0], body, encoding))
    assert [(chunk["video_id"], chunk["start_timestamp"]) for chunk in chunks] == [(archive.dated, 0.0)]


def test_at_most_so_many_results(archive):
    """The best of those that a larger search finds."""
    everything = [chunk["video_chunk_id"] for chunk in archive.chunks("red green blue yellow", max_results=200)]
    assert len(everything) > 2
    for most in (1, 2, "2", 2.0):
        some = archive.chunks("red green blue yellow", max_results=most)
        assert [chunk["video_chunk_id"] for chunk in some] == everything[: int(most)]


def test_a_threshold_keeps_what_reaches_it(archive):
    """Every score found is a threshold that it passes itself; 0 and null keep all."""
    chunks = archive.chunks("red blue", max_results=200)
    for threshold in (0, None):
        assert len(archive.chunks("red blue", max_results=200, threshold=threshold)) == len(chunks)
    for chunk in chunks:
        kept = archive.chunks("red blue", max_results=200, threshold=chunk["score"])
        assert len(kept) == sum(each["score"] >= chunk["score"] for each in chunks)
        assert all(each["score"] >= chunk["score"] for each in kept)


def test_videos_and_groups_restrict(archive):
    """Null and `[]` mean everywhere, both together their intersection; unknown ones match nothing, and are no fault."""
    both = {archive.dated, archive.undated}
    for fields, expected in (
        ({}, both),
        ({"video_ids": None, "group_ids": None}, both),
        ({"video_ids": [], "group_ids": []}, both),
        ({"video_ids": "", "group_ids": ""}, both),
        ({"video_ids": [archive.dated]}, {archive.dated}),
        ({"video_ids": archive.undated.upper()}, {archive.undated}),
        ({"video_ids": f"{archive.dated},{archive.undated}"}, both),
        ({"video_ids": [archive.quiet]}, set()),
        ({"video_ids": [unknown()]}, set()),
        ({"video_ids": ["no-uuid"]}, set()),
        ({"video_ids": ["no-uuid", archive.dated]}, {archive.dated}),
        ({"group_ids": [archive.group]}, {archive.dated}),
        ({"group_ids": ["default"]}, {archive.undated}),
        ({"group_ids": "default"}, {archive.undated}),
        ({"group_ids": ["default", archive.group.upper()]}, both),
        ({"group_ids": [unknown()]}, set()),
        ({"group_ids": ["no-uuid"]}, set()),
        ({"group_ids": [archive.group], "video_ids": [archive.undated]}, set()),
        ({"group_ids": [archive.group], "video_ids": [archive.dated, archive.undated]}, {archive.dated}),
    ):
        assert set(archive.found(max_results=200, **fields)) == expected, fields


def test_real_time_restricts(archive):
    """The start of the video and what passes in it; a video without a start has the time of its upload. Overlap counts."""
    dated, undated = {archive.dated}, {archive.undated}
    for fields, expected in (
        ({"datetime_from": AROUND[0], "datetime_to": AROUND[1]}, dated),
        ({"datetime_to": AROUND[1]}, dated),
        ({"datetime_from": AROUND[1]}, undated),
        ({"datetime_from": "2025-04-12T19:05:45.5", "datetime_to": "2025-04-12T19:05:45.6"}, dated),
        ({"datetime_from": "2025-04-12T21:05:45+02:00", "datetime_to": "2025-04-12T21:05:46+02:00"}, dated),
        ({"datetime_from": "2025-04-12T19:05:47", "datetime_to": AROUND[1]}, set()),
        ({"datetime_to": "2025-04-12T19:05:44"}, set()),
        ({"datetime_from": "2100-01-01T00:00:00Z"}, set()),
        ({"datetime_from": None, "datetime_to": ""}, dated | undated),
    ):
        # The best alone, because others may be found for a little likeness.
        best = {chunk["video_id"] for chunk in archive.chunks(max_results=200, **fields) if chunk["score"] > 0.5}
        assert best == expected, fields


def test_seconds_restrict(archive):
    """Overlap counts, and the end of the film is no fault."""
    chunks = archive.chunks("red green blue yellow", max_results=200)
    for fields in (
        {"timestamp_from": 0},
        {"timestamp_to": 0.5},
        {"timestamp_from": 1.5, "timestamp_to": 1.6},
        {"timestamp_from": 2.5},
        {"timestamp_from": 100},
        {"timestamp_to": 1e9},
    ):
        first, last = fields.get("timestamp_from", 0), fields.get("timestamp_to", 1e12)
        expected = {
            chunk["video_chunk_id"]
            for chunk in chunks
            if chunk["start_timestamp"] <= last and chunk["end_timestamp"] >= first
        }
        found = {
            chunk["video_chunk_id"] for chunk in archive.chunks("red green blue yellow", max_results=200, **fields)
        }
        assert found == expected, fields


def test_words_without_effect_are_accepted(archive):
    """Without a language model there is no report; unknown fields mean nothing."""
    options = {
        "generate_report": "true",
        "use_embeds_rerank": False,
        "use_llm_rerank": 1,
        "add_ocr_to_caption": "yes",
        "search_demo": True,
        "user_id": unknown(),
        "surprise": [1],
    }
    body = expect(archive.client.post(SEARCHES[1], json={"query": "red", **options}), SEARCH)
    assert body["report"] is None
    assert {chunk["video_id"] for chunk in body["results"]} == {archive.dated, archive.undated}


def test_nobody_else_finds_it(archive, cinema_client):
    """Whatever is asked for, by id and by group."""
    for fields in ({}, {"video_ids": [archive.dated]}, {"group_ids": [archive.group]}, {"group_ids": ["default"]}):
        answer = cinema_client.post(SEARCHES[0], json={"query": "red", "max_results": 200, **fields})
        assert answer.json() == {"results": [], "report": None, "total_results": 0}


def test_nonsense_finds_nothing(archive):
    """200 with an empty list."""
    assert archive.chunks("xqzzvy wvvkqj") == []


def test_the_name_of_a_video_is_found(archive):
    """Keywords reach the name."""
    assert set(archive.found("loading dock", path=SEARCHES[2])) == {archive.dated}


@pytest.mark.parametrize("path", SEARCHES)
@pytest.mark.parametrize(
    "query", ["the", "!", "日本語", "' OR 1=1 --", "red & !truck | (", "<->", ":*", "%", "\\", '"unclosed', "x" * 2000,
              "\U0001f69a" * 2000]
)  # fmt: skip
def test_any_text_can_be_searched_for(archive, query, path):
    """Up to 2000 characters, whatever they mean to a database."""
    archive.chunks(query, path=path)


def test_a_deleted_video_vanishes_at_once(cinema_client):
    """Before anything is tidied up, also while others search."""
    known = [upload(cinema_client, demo(), index="True", video_name=f"film {number}") for number in range(3)]
    for video_id in known:
        indexed(cinema_client, video_id)

    def found():
        answer = cinema_client.post(SEARCHES[0], json={"query": "red film", "max_results": 200})
        return {chunk["video_id"] for chunk in chunks_of(answer)}

    assert found() == set(known)
    cinema_client.post(DELETE, json={"video_ids": known[:1]})
    assert found() == set(known[1:])
    cinema_client.delete(f"/videos/{known[1]}")
    assert found() == {known[2]}


def test_searches_beside_deletions_never_fail(cinema, cinema_client):
    """Each finds what is there, or less, and is a whole answer."""
    known = [upload(cinema_client, demo(), index="True") for _ in range(3)]
    for video_id in known:
        indexed(cinema_client, video_id)
    faults, stop = [], threading.Event()
    key = cinema_client.headers["Authorization"]

    def search():
        with cinema.client() as client:
            while not stop.is_set():
                answer = client.post(SEARCHES[0], json={"query": "red"}, headers={"Authorization": key})
                if answer.status_code != 200:
                    faults.append(answer.text)

    thread = threading.Thread(target=search)
    thread.start()
    for video_id in known:
        cinema_client.delete(f"/videos/{video_id}")
    stop.set()
    thread.join()
    assert faults == []


# ------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("path", PATHS)
def test_a_query_is_required(anyone, path):
    """Missing, blank, null: 400 that names it."""
    for body in ({}, {"max_results": 5}, {"query": None}, {"query": ""}, {"query": " \t\u00a0"}):
        expect_error(anyone.post(path, json=body), 400, param="query")
    expect_error(anyone.post(path), 400, "missing_parameter", "query")


@pytest.mark.parametrize("path", SEARCHES)
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("query", ["x" * 2001, ["x"], {"a": 1}, 5]),
        ("max_results", [0, 201, -1, 1.5, "x", True, [5], "1e400"]),
        ("threshold", [-0.01, 1.01, "x", True, [0.5], {}, "NaN", "inf", 2]),
        ("video_ids", [5, {}, [5], [None], True]),
        ("group_ids", [5, {}, [5], [None], True]),
        ("datetime_from", ["yesterday", "2025-13-01", 5, True, []]),
        ("datetime_to", ["x", "25:00", {}]),
        ("timestamp_from", [-0.1, "x", "NaN", True, []]),
        ("timestamp_to", [-1, "inf", {}]),
        ("generate_report", ["maybe", 2, []]),
        ("use_embeds_rerank", ["x"]),
        ("use_llm_rerank", [5]),
        ("add_ocr_to_caption", ["perhaps"]),
        ("search_demo", [{}]),
    ],
)
def test_what_is_outside_its_limits_is_refused(anyone, path, name, values):
    """400 that names the field."""
    for value in values:
        answer = anyone.post(path, content=json.dumps({"query": "gate", name: value}), headers=JSON)
        error = expect_error(answer, 400, "invalid_parameter")
        assert error["param"].partition("[")[0] == name


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("max_results", [1, 200, "200", 20.0]),
        ("threshold", [0, 1, 0.5, "0.5", None]),
        ("timestamp_from", [0, "1.5", 1e9]),
        ("datetime_from", ["2025-04-12", "2025-04-12T19:05:45Z", "0001-01-01T00:00:00", "9999-12-31T23:59:59"]),
    ],
)
def test_what_is_within_its_limits_is_taken(anyone, name, values):
    """Both ends included."""
    for value in values:
        assert chunks_of(anyone.post(SEARCHES[0], json={"query": "gate", name: value})) == []


def test_spans_that_run_backwards_are_refused(anyone):
    """From after to: 400; the same moment is a span, in whatever offset it is written."""
    for first, last in (
        ("2025-04-12T19:05:46", "2025-04-12T19:05:45"),
        ("2025-04-12T19:05:45", "2025-04-12T20:05:45+02:00"),
    ):
        answer = anyone.post(SEARCHES[0], json={"query": "x", "datetime_from": first, "datetime_to": last})
        assert expect_error(answer, 400, "invalid_parameter")["param"] in {"datetime_from", "datetime_to"}
    answer = anyone.post(SEARCHES[0], json={"query": "x", "timestamp_from": 2, "timestamp_to": 1.9})
    assert expect_error(answer, 400, "invalid_parameter")["param"] in {"timestamp_from", "timestamp_to"}
    same = {"query": "x", "timestamp_from": 2, "timestamp_to": 2.0}
    same |= {"datetime_from": "2025-04-12T19:05:45", "datetime_to": "2025-04-12T21:05:45+02:00"}
    assert chunks_of(anyone.post(SEARCHES[0], json=same)) == []


def test_several_faults_are_all_told(anyone):
    """The first in the main fields, all in the details."""
    error = expect_error(anyone.post(SEARCHES[0], json={"max_results": 0, "threshold": 5}), 400)
    assert sorted(faults_of(error)) == ["max_results", "query", "threshold"]
