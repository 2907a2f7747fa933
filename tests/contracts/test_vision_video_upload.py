"""Uploading videos as files: section 4.2, and points 22 to 25, 27, and 28 of the checklist."""

from __future__ import annotations

import io
import json
import wave

import pytest

from tests.contracts.conftest import CINEMA_BYTES
from tests.contracts.photos import photo
from tests.contracts.video_shapes import one, uploaded
from tests.contracts.videos import UPLOAD, demo, indexed, listed, new_group, plant, send, upload, video
from tests.contracts.vision import ENCODINGS, FORM, SPELLINGS, call, multipart, part, unknown
from tests.contracts.vision import MULTIPART as KIND
from tests.contracts.vision_shapes import expect_error, faults_of
from tests.films import film

NAMED = "video_absolute_start_timestamp"
SAMPLED = "video_start_absolute_timestamp"


def _parts(client, *parts):
    return client.post(UPLOAD, content=multipart(*parts), headers=KIND)


# ------------------------------------------------------------------------------ what is accepted


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_upload_is_answered_with_three_keys(idle_client, spelling, slash):
    """200, no URL yet, and the id can be read at once, with all that the file says of itself."""
    video_id = uploaded(send(idle_client, path=spelling + UPLOAD + slash))
    now = one(idle_client.get(f"{spelling}/videos/{video_id}{slash}"))
    assert (now["video_id"], now["status"], now["indexing_type"]) == (video_id, "pending", None)
    assert (now["group_id"], now["error"]) == ("default", None)
    told = now["metadata"]
    assert (told["width"], told["height"], told["avg_fps"], told["video_name"]) == (64, 48, 10.0, "demo.mp4")
    assert told["duration"] == pytest.approx(0.5, abs=0.11)
    for name in ("title", "video_start_timestamp_utc_ms", "thumbnails", "source"):
        assert told[name] is None


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "webm", "avi", "ts"])
def test_a_video_is_known_by_its_content(idle_client, container):
    """Whatever its name and type say, its size, rate, and length are known with the answer."""
    data = film(container, size=(80, 48), seconds=1)
    told = video(idle_client, upload(idle_client, data, name="notes.txt", kind="text/plain"))["metadata"]
    assert (told["width"], told["height"], told["avg_fps"]) == (80, 48, pytest.approx(10, abs=0.5))
    assert told["duration"] == pytest.approx(1, abs=0.21)
    for value in (told["width"], told["height"]):
        assert type(value) is int


def test_equal_files_are_two_videos(idle_client):
    """Sent twice, with one name, there are two, and the newest comes first."""
    known = plant(idle_client, 2, video_name="same")
    assert listed(idle_client) == known[::-1]
    assert len(set(known)) == 2


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("content/demo.mp4", "demo.mp4"),
        ("/content/demo.mp4", "demo.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\films\\demo.mp4", "demo.mp4"),
        ("café 日本.mp4", "café 日本.mp4"),
    ],
)
def test_without_a_name_the_files_is_used(idle_client, sent, kept):
    """Only its last component; an empty name is no name."""
    for fields in ({}, {"video_name": ""}):
        assert video(idle_client, upload(idle_client, name=sent, **fields))["metadata"]["video_name"] == kept
    assert video(idle_client, upload(idle_client, name=sent, video_name="vid16"))["metadata"]["video_name"] == "vid16"


def test_a_name_has_1_to_255_characters(idle_client):
    """Characters, and not bytes; one more is 400."""
    for name in ("x", "\U0001f39e" * 255, "a/b: <c>", "' OR 1=1"):
        assert video(idle_client, upload(idle_client, video_name=name))["metadata"]["video_name"] == name
    count = len(listed(idle_client))
    expect_error(send(idle_client, video_name="x" * 256), 400, "invalid_parameter", "video_name")
    assert len(listed(idle_client)) == count


def test_a_long_name_of_a_file_becomes_a_name(idle_client):
    """It is cut rather than refused, since no client chose it for us."""
    told = video(idle_client, upload(idle_client, name="x" * 300 + ".mp4"))["metadata"]
    assert 1 <= len(told["video_name"]) <= 255


@pytest.mark.parametrize("word", ["True", "true", "TRUE", "1", "yes", "on"])
def test_words_that_mean_true(idle_client, word):
    """Indexing has been asked for, and has not begun on a server without a worker."""
    now = video(idle_client, upload(idle_client, index=word))
    assert (now["status"], now["indexing_type"]) == ("pending", "qa_and_search")


@pytest.mark.parametrize("word", ["False", "false", "0", "no", "Off"])
def test_words_that_mean_false(idle_client, word):
    """Indexing has not been asked for."""
    now = video(idle_client, upload(idle_client, index=word))
    assert (now["status"], now["indexing_type"]) == ("pending", None)


def test_fields_without_effect_are_accepted(idle_client):
    """All that the specification lists, objects as JSON text or as a part of their own, and what it does not list."""
    video_id = upload(
        idle_client,
        caption_mode="tagging_ad_video",
        caption_prompt="what is sold?",
        config='{"a": {"b": [1]}}',
        chunking_config='{"max_len": 25, "unknown": null}',
        person_indexing="True",
        persist_frames="no",
        encode_chunks="1",
        enable_thumbnails="False",
        user_id=unknown(),
        video_id=unknown(),
        surprise="x",
    )
    assert listed(idle_client) == [video_id]
    parts = [
        part("file", demo(), "a.mp4"),
        part("index", "on"),
        part("config", "{}", "config.json", "application/json"),
    ]
    assert video(idle_client, uploaded(_parts(idle_client, *parts)))["indexing_type"] == "qa_and_search"


@pytest.mark.parametrize("mode", ["generic", "security", "tagging_ad_video", "tte_1110", ""])
def test_modes_of_captions(anyone, mode):
    """The four words, and nothing, which is `generic`; checked on a request that lacks its index."""
    error = expect_error(send(anyone, index=None, caption_mode=mode), 400, "missing_parameter", "index")
    assert faults_of(error) in ([], ["index"])


def test_fields_may_follow_the_file_or_come_before_it(idle_client):
    """The order of parts means nothing, and names of parts need no quotes."""
    file, index, name = part("file", demo(), "a.mp4"), part("index", "1"), part("video_name", "first")
    for parts in ([file, index, name], [name, index, file], [index, file, name]):
        assert video(idle_client, uploaded(_parts(idle_client, *parts)))["metadata"]["video_name"] == "first"
    body = (
        multipart(file, index)
        .replace(b'name="', b"name=")
        .replace(b'"; filename', b"; filename")
        .replace(b'"\r', b"\r")
    )
    body = body.replace(b'filename="a.mp4', b"filename=a.mp4")
    uploaded(idle_client.post(UPLOAD, content=body, headers=KIND))


# ------------------------------------------------------------------------------ groups and times


@pytest.mark.parametrize("group", [None, "", "default"])
def test_without_a_group_it_is_default(idle_client, group):
    """Left out, empty, or named so."""
    assert video(idle_client, upload(idle_client, group_id=group))["group_id"] == "default"


def test_a_group_is_kept(idle_client):
    """In either letter case; other groups do not have it."""
    docks, yard = new_group(idle_client, "Docks"), new_group(idle_client, "Yard")
    for written in (docks["group_id"], docks["group_id"].upper()):
        assert video(idle_client, upload(idle_client, group_id=written))["group_id"] == docks["group_id"]
    assert idle_client.get(f"/videos/groups/{yard['group_id']}/videos").json() == {"results": []}


@pytest.mark.parametrize("group", ["20f4bc2d-3ebe-4fd2-829f-9d88c79e8a37", "no-uuid", "null", "*"])
def test_an_unknown_group_is_not_found(idle_client, group):
    """404, and nothing is kept."""
    expect_error(send(idle_client, group_id=group), 404, "group_not_found", "group_id")
    assert listed(idle_client) == []


def test_another_accounts_group_is_unknown(idle, idle_client):
    """404, as of one that never was."""
    with idle.client(idle.new_key()) as owner:
        group = new_group(owner, "secret")["group_id"]
        theirs = expect_error(send(idle_client, group_id=group), 404, "group_not_found", "group_id")
        nobodys = expect_error(send(idle_client, group_id=unknown()), 404, "group_not_found", "group_id")
        assert theirs == nobodys
    assert listed(idle_client) == []


@pytest.mark.parametrize("name", [NAMED, SAMPLED])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2025-04-12T19:05:45", 1744484745000),
        ("2025-04-12T19:05:45Z", 1744484745000),
        ("2025-04-12T21:05:45+02:00", 1744484745000),
        ("2025-04-12T13:35:45-05:30", 1744484745000),
        ("2025-04-12T19:05:45.250", 1744484745250),
        ("1969-12-31T23:59:59Z", -1000),
        ("", None),
    ],
)
def test_either_name_of_the_start_time_counts(idle_client, name, text, shown):
    """Without an offset it is UTC; shown in whole milliseconds."""
    told = video(idle_client, upload(idle_client, **{name: text}))["metadata"]
    assert told["video_start_timestamp_utc_ms"] == shown


def test_both_names_must_say_the_same(idle_client):
    """Equal values are one value, different ones 400."""
    same = {NAMED: "2025-04-12T19:05:45", SAMPLED: "2025-04-12T19:05:45"}
    told = video(idle_client, upload(idle_client, **same))["metadata"]
    assert told["video_start_timestamp_utc_ms"] == 1744484745000
    answer = send(idle_client, **{**same, NAMED: "2025-04-12T19:05:46"})
    assert expect_error(answer, 400, "invalid_parameter")["param"] in {NAMED, SAMPLED}
    assert len(listed(idle_client)) == 1


@pytest.mark.parametrize("name", [NAMED, SAMPLED])
@pytest.mark.parametrize(
    "text", ["yesterday", "2025-13-01T00:00:00", "2025-02-30", "19:05:45", "x" * 5000, "9999-99-99"]
)
def test_a_time_that_is_none_is_refused(anyone, name, text):
    """400 that names the field as it was sent."""
    expect_error(send(anyone, **{name: text}), 400, "invalid_parameter", name)


# ------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_file_or_a_url_is_required(anyone, encoding):
    """Neither is 400, in every encoding, with and without a name."""
    for body in ({"index": True}, {"index": "false", "video_name": "vid16"}, {"index": 1, "video_url": "", "file": ""}):
        error = expect_error(call(anyone, UPLOAD, body, encoding), 400)
        assert error["param"] in {"file", "video_url"}


def test_a_file_and_a_url_are_too_much(idle_client):
    """400, and nothing is kept."""
    error = expect_error(send(idle_client, video_url="http://93.184.216.34/a.mp4"), 400)
    assert error["param"] in {"file", "video_url"}
    assert listed(idle_client) == []


def test_an_empty_url_beside_a_file_is_none(idle_client):
    """The same as absent."""
    upload(idle_client, video_url="")


def test_index_is_required(idle_client):
    """Left out, empty, with a file or a URL: 400 that names it, and nothing is kept."""
    for index in (None, ""):
        expect_error(send(idle_client, index=index), 400, "missing_parameter", "index")
    for encoding in ENCODINGS:
        answer = call(idle_client, UPLOAD, {"video_url": "http://93.184.216.34/a.mp4"}, encoding)
        expect_error(answer, 400, "missing_parameter", "index")
    assert listed(idle_client) == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("index", ["maybe", "2", "-1", "nope", "[true]", "null"]),
        ("enable_thumbnails", ["maybe", "2"]),
        ("person_indexing", ["perhaps"]),
        ("persist_frames", ["x"]),
        ("encode_chunks", ["y e s"]),
        ("caption_mode", ["fancy", "GENERIC", "5"]),
        ("config", ["{", "[]", "5", "x", '"{}"']),
        ("chunking_config", ["{'a': 1}", "[1]", "true"]),
    ],
)
def test_values_that_mean_nothing_are_refused(idle_client, name, values):
    """400 that names the field, and nothing is kept."""
    for value in values:
        expect_error(send(idle_client, **{name: value}), 400, "invalid_parameter", name)
    assert listed(idle_client) == []


def test_several_faults_are_all_told(anyone):
    """The first in the main fields, all in the details."""
    error = expect_error(send(anyone, index=None, caption_mode="x", config="["), 400)
    assert sorted(faults_of(error)) == ["caption_mode", "config", "index"]


def test_text_where_the_file_belongs_is_refused(idle_client):
    """A file part needs a file name; in other encodings a file cannot be sent."""
    for answer in (
        _parts(idle_client, part("file", "just text"), part("index", "true")),
        _parts(idle_client, part("file", demo()), part("index", "true")),
        idle_client.post(UPLOAD, content="file=abc&index=true", headers=FORM),
        idle_client.post(UPLOAD, json={"file": "abc", "index": True}),
        idle_client.post(UPLOAD, json={"file": {"a": 1}, "index": True}),
    ):
        expect_error(answer, 400, param="file")
    assert listed(idle_client) == []


def test_a_file_without_any_name_is_refused(idle_client):
    """Neither a file name nor `video_name`: 400, and nothing is kept."""
    answer = _parts(idle_client, part("file", demo(), ""), part("index", "true"))
    assert expect_error(answer, 400)["param"] in {"file", "video_name"}
    assert listed(idle_client) == []


def _sound():
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8000))
    return stream.getvalue()


NO_VIDEOS = {
    "text": b"just some text, and nothing that moves",
    "page": b"<!doctype html><html><body>hello</body></html>",
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1/a.ts\n",
    "list": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "zip": b"PK\x03\x04" + bytes(60),
}


@pytest.mark.parametrize(
    "kind", [*NO_VIDEOS, "jpeg", "png", "gif", "wave", "sound in an MP4", "sound in Matroska", "noise"]
)
def test_what_is_no_video_is_refused(idle_client, kind):
    """415, whatever its name says, and nothing is kept."""
    data = (
        NO_VIDEOS.get(kind)
        or {
            "jpeg": photo,
            "png": lambda: photo(kind="PNG"),
            "gif": lambda: photo(kind="GIF"),
            "wave": _sound,
            "sound in an MP4": lambda: film(scenes=(), audio="aac"),
            "sound in Matroska": lambda: film("mkv", scenes=(), audio="libopus"),
            "noise": lambda: bytes(range(1, 200)) * 40,
        }[kind]()
    )
    expect_error(send(idle_client, data), 415, "unsupported_media_type", "file")
    assert listed(idle_client) == []


def test_an_empty_file_is_refused(idle_client):
    """400 with a word of its own, and nothing is kept."""
    expect_error(send(idle_client, b""), 400, "empty_file", "file")
    assert listed(idle_client) == []


def test_what_is_cut_beyond_reading_is_refused(idle_client):
    """An MP4 without its index, and heads of others: 400, and nothing is kept."""
    whole = film(seconds=1)
    for data in (whole[:200], whole[: whole.index(b"moov") - 4], film("mkv")[:300], film("avi")[:500]):
        expect_error(send(idle_client, data), 400, "corrupt_file", "file")
    assert listed(idle_client) == []


def test_a_file_too_big_is_refused(cinema, cinema_client):
    """At the limit it is taken, one byte more is 413, and nothing is kept of that."""
    data = demo()
    largest = data + (CINEMA_BYTES - len(data)).to_bytes(4, "big") + b"free" + bytes(CINEMA_BYTES - len(data) - 8)
    assert len(largest) == CINEMA_BYTES
    known = upload(cinema_client, largest)
    expect_error(send(cinema_client, largest + b"\0"), 413, "payload_too_large")
    assert listed(cinema_client) == [known]


def test_texts_of_an_upload_have_a_limit_of_their_own(strict, strict_client):
    """Over the limit of bodies: 413, whatever the file's is."""
    expect_error(send(strict_client, caption_prompt="x" * 20_000), 413, "payload_too_large")
    assert listed(strict_client) == []


def test_a_json_body_may_say_all_that_has_no_file(anyone):
    """Types of JSON are taken as they are: what is refused here is only the address."""
    body = {
        "index": True,
        "video_url": "http://10.0.0.1/a.mp4",
        "video_name": None,
        "enable_thumbnails": 0,
        "config": {"a": 1},
        "chunking_config": json.dumps({"b": 2}),
        "group_id": None,
        "caption_prompt": None,
    }
    expect_error(anyone.post(UPLOAD, json=body), 400, "url_not_allowed", "video_url")
    for name, value in (("config", [1]), ("index", "x"), ("video_name", 5), ("group_id", ["a", 1]), ("video_url", {})):
        expect_error(anyone.post(UPLOAD, json={**body, name: value}), 400, "invalid_parameter", name)


# ------------------------------------------------------------------------------ with a worker


def test_an_upload_that_is_not_indexed_stays_pending(cinema_client):
    """While another of the same account is indexed."""
    quiet, busy = upload(cinema_client), upload(cinema_client, index="True")
    assert indexed(cinema_client, busy)["indexing_type"] == "qa_and_search"
    now = video(cinema_client, quiet)
    assert (now["status"], now["indexing_type"], now["error"]) == ("pending", None, None)
