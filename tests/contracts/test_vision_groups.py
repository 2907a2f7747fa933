"""Groups of videos: section 4.5, and points 28, 34, and 35 of the checklist."""

from __future__ import annotations

import json
import threading
from datetime import datetime

import pytest

from tests.contracts.shapes import expect
from tests.contracts.video_shapes import DEFAULT_GROUP, DONE, MOVED, group_of, groups_of, ids
from tests.contracts.videos import DELETE, GROUPS, SOME_ID, UPLOAD, demo, new_group, plant, send, video
from tests.contracts.vision import ENCODINGS, SPELLINGS, call, unknown
from tests.contracts.vision_shapes import expect_error

PATHS = [spelling + prefix for spelling in SPELLINGS for prefix in GROUPS]
NEW = ["/videos/group", "/v1/videos/group", *PATHS]


@pytest.fixture(scope="module")
def docks(idle):
    """A client, a group of it, and the ids of two videos in it and of one in none."""
    with idle.client(idle.new_key()) as client:
        group = new_group(client, "Docks", metadata={"site": "north"})
        yield client, group, plant(client, 2, group_id=group["group_id"]), *plant(client)


# ------------------------------------------------------------------------------ making and reading


@pytest.mark.parametrize("path", NEW)
def test_a_group_is_made_read_changed_and_deleted(idle_client, path):
    """On every path, with and without a slash at its end."""
    where = path if path.endswith("s") else path + "s"
    group = group_of(idle_client.post(path + "/", json={"name": "Docks", "metadata": {"site": "north"}}))
    assert (group["name"], group["metadata"]) == ("Docks", {"site": "north"})
    assert group["created_at"] == group["updated_at"]
    assert group_of(idle_client.get(f"{where}/{group['group_id'].upper()}")) == group
    assert groups_of(idle_client.get(where)) == [group]
    changed = group_of(idle_client.patch(f"{where}/{group['group_id']}", json={"name": "Yard"}))
    assert {**changed, "name": "Docks", "updated_at": group["updated_at"]} == group
    assert datetime.fromisoformat(changed["updated_at"]) > datetime.fromisoformat(group["updated_at"])
    assert group_of(idle_client.get(f"{where}/{group['group_id']}/")) == changed
    body = expect(idle_client.delete(f"{where}/{group['group_id']}"), DONE)
    assert body == {"status": "success", "message": "Group deleted successfully"}
    for method in ("GET", "DELETE", "PATCH"):
        answer = idle_client.request(method, f"{where}/{group['group_id']}", json={"name": "x"})
        expect_error(answer, 404, "group_not_found", "group_id")
    assert groups_of(idle_client.get(where)) == []


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_groups_mean_the_same_in_every_encoding(idle_client, encoding):
    """Making and changing; metadata is JSON text in forms."""
    made = call(idle_client, GROUPS[0], {"name": " Docks ", "metadata": {"n": 1}}, encoding)
    group = group_of(made)
    assert (group["name"], group["metadata"]) == ("Docks", {"n": "1"})
    path = f"{GROUPS[1]}/{group['group_id']}"
    changed = group_of(call(idle_client, path, {"metadata": {"a": "b"}}, encoding, method="PATCH"))
    assert (changed["name"], changed["metadata"]) == ("Docks", {"a": "b"})
    assert expect(call(idle_client, path, {"reason": "x"}, encoding, method="DELETE"), DONE)


def test_groups_come_newest_first_without_default(idle_client):
    """All of them."""
    known = [
        new_group(idle_client, f"group {number}", prefix)["group_id"] for number in range(12) for prefix in GROUPS[:1]
    ]
    for path in PATHS:
        assert [group["group_id"] for group in groups_of(idle_client.get(path))] == known[::-1]


@pytest.mark.parametrize(
    ("name", "kept"),
    [("x", "x"), ("  Docks\t", "Docks"), ("é" * 255, "é" * 255), (" " + "x" * 255 + " ", "x" * 255), ("a, b; 'c'", "a, b; 'c'"),
     ("\U0001f69a", "\U0001f69a"), ("null", "null")],
)  # fmt: skip
def test_a_name_is_trimmed(idle_client, name, kept):
    """And has 1 to 255 characters then."""
    assert new_group(idle_client, name)["name"] == kept


@pytest.mark.parametrize("name", ["", " ", "\t\n", None, "x" * 256])
def test_a_name_of_no_length_or_too_long_is_refused(idle_client, name):
    """400 that names it, and nothing is made."""
    for path in NEW:
        expect_error(idle_client.post(path, json={"name": name}), 400, param="name")
    assert groups_of(idle_client.get(GROUPS[0])) == []


def test_a_name_is_required(anyone):
    """400 with a word of its own, with an empty body too."""
    for options in ({}, {"json": {}}, {"json": {"metadata": {"a": "b"}}}, {"data": {"metadata": "{}"}}):
        expect_error(anyone.post(GROUPS[0], **options), 400, "missing_parameter", "name")


@pytest.mark.parametrize("name", [5, True, ["a"], {"a": 1}])
def test_a_name_that_is_no_text_is_refused(anyone, name):
    """400 that names it."""
    expect_error(anyone.post(GROUPS[0], json={"name": name}), 400, "invalid_parameter", "name")


def test_names_are_taken_once_in_an_account(idle, idle_client):
    """409 for a second group of that name, and for `default`; another account may have it, and it is free once deleted."""
    group = new_group(idle_client, "Docks")
    for path in NEW:
        expect_error(idle_client.post(path, json={"name": " Docks "}), 409, "group_exists")
        expect_error(idle_client.post(path, json={"name": "default"}), 409, "group_exists")
    other = new_group(idle_client, "Yard")
    for name in ("Docks", "default"):
        answer = idle_client.patch(f"{GROUPS[0]}/{other['group_id']}", json={"name": name, "metadata": {"a": "b"}})
        expect_error(answer, 409, "group_exists")
    assert group_of(idle_client.get(f"{GROUPS[0]}/{other['group_id']}")) == other
    group_of(idle_client.patch(f"{GROUPS[0]}/{group['group_id']}", json={"name": "Docks"}))
    with idle.client(idle.new_key()) as somebody:
        new_group(somebody, "Docks")
    idle_client.delete(f"{GROUPS[0]}/{group['group_id']}")
    new_group(idle_client, "Docks")


def test_of_many_at_once_one_gets_the_name(idle, idle_key):
    """All others are told that it is taken."""
    statuses, gate = [], threading.Barrier(6)

    def make():
        with idle.client(idle_key) as client:
            gate.wait()
            statuses.append(client.post(GROUPS[0], json={"name": "Docks"}).status_code)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *[409] * 5]


# ------------------------------------------------------------------------------ metadata


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (..., {}),
        (None, {}),
        ({}, {}),
        ("", {}),
        ({"a": "b", "B": ""}, {"a": "b", "B": ""}),
        ({"n": 5, "f": 1.5, "t": True, "u": False, "x": None, "s": "5"},
         {"n": "5", "f": "1.5", "t": "true", "u": "false", "s": "5"}),
        ({"big": 12345678901234567890, "z": 0, "neg": -1.25}, {"big": "12345678901234567890", "z": "0", "neg": "-1.25"}),
        ({"é": "\U0001f69a", "": "empty key"}, {"é": "\U0001f69a", "": "empty key"}),
        ('{"a": 1}', {"a": "1"}),
        ({"x": None}, {}),
    ],
)  # fmt: skip
def test_metadata_is_a_map_of_strings(idle_client, sent, kept):
    """In every answer; numbers and booleans become their JSON text, null is left out."""
    made = new_group(idle_client, "Docks", **({} if sent is ... else {"metadata": sent}))
    assert made["metadata"] == kept
    assert group_of(idle_client.get(f"{GROUPS[0]}/{made['group_id']}"))["metadata"] == kept
    assert groups_of(idle_client.get(GROUPS[1]))[0]["metadata"] == kept


@pytest.mark.parametrize(
    "metadata",
    [{"a": {"b": 1}}, {"a": [1]}, {"a": []}, [], ["a"], 5, True, "text", "[1]", "{", {"a": "x" * 600}, {"x" * 600: "a"},
     {str(n): "y" for n in range(200)}],
)  # fmt: skip
def test_metadata_nested_or_too_long_is_refused(docks, metadata):
    """400 that names it, when a group is made and when it is changed; nothing is."""
    client, group, *_ = docks
    path = f"{GROUPS[0]}/{group['group_id']}"
    for answer in (
        client.post(GROUPS[0], json={"name": "Other", "metadata": metadata}),
        client.patch(path, json={"name": "Other", "metadata": metadata}),
    ):
        assert expect_error(answer, 400, "invalid_parameter")["param"].startswith("metadata")
    assert groups_of(client.get(GROUPS[0])) == [group]


def test_metadata_has_500_characters_as_json(idle_client):
    """Exactly so many are taken; one more is refused."""
    fitting = 500 - len(json.dumps({"a": ""}))
    assert new_group(idle_client, "Docks", metadata={"a": "x" * (fitting - 5)})["metadata"]["a"]
    answer = idle_client.post(GROUPS[0], json={"name": "Yard", "metadata": {"a": "x" * (fitting + 5)}})
    expect_error(answer, 400, "invalid_parameter", "metadata")


# ------------------------------------------------------------------------------ changing


def test_what_is_left_out_stays(idle_client):
    """Null too; metadata is replaced whole, and `{}` beside a name clears it."""
    group = new_group(idle_client, "Docks", metadata={"site": "north", "n": 1})
    path = f"{GROUPS[0]}/{group['group_id']}"
    last = group
    for body, name, metadata in (
        ({"name": "Yard", "metadata": None}, "Yard", {"site": "north", "n": "1"}),
        ({"metadata": {"a": True}}, "Yard", {"a": "true"}),
        ({"name": None, "metadata": {"b": "c"}}, "Yard", {"b": "c"}),
        ({"name": "", "metadata": {"d": "e"}}, "Yard", {"d": "e"}),
        ({"name": "Yard", "metadata": {}}, "Yard", {}),
        ({"name": " Quay "}, "Quay", {}),
    ):
        now = group_of(idle_client.patch(path, json=body))
        assert (now["name"], now["metadata"], now["created_at"]) == (name, metadata, group["created_at"])
        assert datetime.fromisoformat(now["updated_at"]) > datetime.fromisoformat(last["updated_at"])
        last = now
    assert group_of(idle_client.get(path)) == last


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"json": {}},
        {"json": {"name": None}},
        {"json": {"name": ""}},
        {"json": {"name": "  "}},
        {"json": {"metadata": {}}},
        {"json": {"metadata": None}},
        {"json": {"name": " ", "metadata": {}}},
        {"json": {"group_id": "x", "created_at": "y"}},
        {"data": {"name": "", "metadata": "{}"}},
    ],
)
def test_a_change_of_nothing_is_refused(docks, options):
    """Neither a name nor an entry of metadata: 400."""
    client, group, *_ = docks
    expect_error(client.patch(f"{GROUPS[0]}/{group['group_id']}", **options), 400)
    assert group_of(client.get(f"{GROUPS[0]}/{group['group_id']}")) == group


@pytest.mark.parametrize("prefix", PATHS)
def test_what_is_no_group_is_not_found(anyone, prefix):
    """Unknown ids and what is none: 404, never 400, for every method."""
    for written in (unknown(), SOME_ID, "x", "0", "null", "%20", "a" * 300):
        for method, suffix in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/videos"), ("POST", "/videos")):
            body = {"name": "x", "video_ids": [SOME_ID]}
            answer = anyone.request(method, f"{prefix}/{written}{suffix}", json=body)
            expect_error(answer, 404, "group_not_found")


@pytest.mark.parametrize("prefix", PATHS)
def test_default_can_only_be_read(docks, prefix):
    """It has its name, no times, and all videos that are in no group; changing and deleting it is 409."""
    client, _, _, alone = docks
    shown = expect(client.get(f"{prefix}/default"), DEFAULT_GROUP)
    assert shown["metadata"] == {}
    assert ids(client.get(f"{prefix}/default/videos")) == [alone]
    expect_error(client.patch(f"{prefix}/default", json={"name": "x"}), 409, "default_group")
    expect_error(client.delete(f"{prefix}/default"), 409, "default_group")


# ------------------------------------------------------------------------------ videos in groups


@pytest.mark.parametrize("prefix", PATHS)
def test_a_groups_videos_are_listed(docks, prefix):
    """Newest first, as they are everywhere else."""
    client, group, members, _ = docks
    answer = client.get(f"{prefix}/{group['group_id']}/videos/")
    assert ids(answer) == members[::-1]
    assert {each["group_id"] for each in answer.json()["results"]} == {group["group_id"]}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_group_of_a_video_is_fixed(docks, encoding):
    """409 that points to version 2 for one that would move, into a group or out of it; nothing moves."""
    client, group, members, alone = docks
    path = f"{GROUPS[0]}/{group['group_id']}/videos"
    for where, wanted in ((path, [alone]), (path, [*members, alone]), (f"{GROUPS[0]}/default/videos", members[:1])):
        for spelling in SPELLINGS:
            answer = call(client, spelling + where, {"video_ids": wanted}, encoding)
            assert "v2" in expect_error(answer, 409, "group_immutable")["message"]
    assert ids(client.get(path)) == members[::-1]
    assert video(client, alone)["group_id"] == "default"


def test_videos_that_are_there_already_move_nowhere(docks):
    """200 with nothing moved; for `default` too."""
    client, group, members, alone = docks
    for where, wanted in (
        (group["group_id"], members),
        (group["group_id"], members[0]),
        ("default", [alone, alone.upper()]),
    ):
        body = expect(client.post(f"{GROUPS[1]}/{where}/videos", json={"video_ids": wanted}), MOVED)
        assert body == {"status": "success", "moved_count": 0, "group_id": where, "video_ids": []}


def test_unknown_videos_are_not_found(docks):
    """404, also beside known ones; none at all is 400."""
    client, group, members, _ = docks
    path = f"{GROUPS[0]}/{group['group_id']}/videos"
    for wanted in ([unknown()], [*members, unknown()], ["no-uuid"], [members[0], "x"]):
        expect_error(client.post(path, json={"video_ids": wanted}), 404, "video_not_found")
    for body in ({}, {"video_ids": []}, {"video_ids": None}, {"video_ids": ""}):
        expect_error(client.post(path, json=body), 400, param="video_ids")
    assert ids(client.get(path)) == members[::-1]


def test_a_group_that_holds_videos_stays(idle_client):
    """409 until its last video is deleted; then the group goes and the videos are not missed."""
    group = new_group(idle_client, "Docks")["group_id"]
    known = plant(idle_client, 2, group_id=group)
    expect_error(idle_client.delete(f"{GROUPS[0]}/{group}"), 409, "group_not_empty")
    idle_client.post(DELETE, json={"video_ids": known[:1]})
    expect_error(idle_client.delete(f"{GROUPS[1]}/{group}"), 409, "group_not_empty")
    assert ids(idle_client.get(f"{GROUPS[0]}/{group}/videos")) == known[1:]
    idle_client.post(DELETE, json={"video_ids": known[1:]})
    assert ids(idle_client.get(f"{GROUPS[0]}/{group}/videos")) == []
    assert expect(idle_client.delete(f"{GROUPS[0]}/{group}"), DONE)
    expect_error(send(idle_client, group_id=group), 404, "group_not_found", "group_id")


def test_uploads_and_the_deletion_of_their_group_race_fairly(idle, idle_key):
    """Either the group is gone and the upload refused, or the video is in the group and the group stays."""
    with idle.client(idle_key) as client:
        for _ in range(4):
            group = new_group(client, "Docks")["group_id"]
            answers = {}
            gate = threading.Barrier(2)

            def delete(group=group, answers=answers, gate=gate):
                with idle.client(idle_key) as other:
                    gate.wait()
                    answers["delete"] = other.delete(f"{GROUPS[0]}/{group}")

            thread = threading.Thread(target=delete)
            thread.start()
            gate.wait()
            file = {"file": ("a.mp4", demo(), "video/mp4")}
            sent = client.post(UPLOAD, files=file, data={"index": "false", "group_id": group})
            thread.join()
            if sent.status_code == 200:
                expect_error(answers["delete"], 409, "group_not_empty")
                video_id = sent.json()["video_id"]
                assert video(client, video_id)["group_id"] == group
                client.delete(f"/videos/{video_id}")
                expect(client.delete(f"{GROUPS[0]}/{group}"), DONE)
            else:
                expect_error(sent, 404, "group_not_found", "group_id")
                expect(answers["delete"], DONE)
