"""Nobody sees, changes or deletes another account's videos and groups: section 1.2, and point 9 of the checklist."""

from __future__ import annotations

import pytest

from tests.contracts.video_attempts import ATTEMPTS, INTO_DEFAULT
from tests.contracts.video_shapes import chunks_of, deletion, group_of, groups_of, ids
from tests.contracts.videos import GROUPS, LIST, demo, indexed, listed, new_group, plant, upload, video
from tests.contracts.vision import unknown


@pytest.fixture(scope="module")
def owner(cinema):
    """A client with an indexed video in a group."""
    with cinema.client(cinema.new_key()) as client:
        group = new_group(client, "secret", metadata={"a": "secret"})["group_id"]
        video_id = upload(client, index="True", group_id=group, video_name="secret")
        indexed(client, video_id)
        yield client, {"video": video_id, "group": group}


@pytest.mark.parametrize("route", [*ATTEMPTS, ("POST", "into default")], ids=" ".join)
def test_another_accounts_videos_behave_like_unknown_ones(owner, cinema_client, browser, route):
    """Left out, 404 or `not_found`, never 403; nothing of them changes."""
    client, known = owner
    group, before = client.get(f"{GROUPS[0]}/{known['group']}").json(), video(client, known["video"])
    ATTEMPTS.get(route, INTO_DEFAULT)(cinema_client, known)
    after = video(client, known["video"])
    assert {**after, "url": 0, "metadata": 0} == {**before, "url": 0, "metadata": 0}
    assert group_of(client.get(f"{GROUPS[0]}/{known['group']}")) == group
    assert ids(client.get(f"{GROUPS[0]}/{known['group']}/videos")) == [known["video"]]
    assert browser.get(after["url"]).content == demo()


def test_the_owner_finds_what_the_stranger_could_not(owner):
    """The attempts fail for lack of right and for no other reason."""
    client, known = owner
    body = {"query": "red secret", "video_ids": [known["video"]], "group_ids": [known["group"]]}
    assert chunks_of(client.post("/search", json=body))


def test_another_accounts_groups_are_not_listed(owner, cinema_client):
    """And its names are free."""
    for prefix in GROUPS:
        assert groups_of(cinema_client.get(prefix)) == []
    assert new_group(cinema_client, "secret")["metadata"] == {}


def test_keys_of_one_account_see_the_same(idle):
    """And a `user_id` changes nothing."""
    tenant = "an account with two keys and videos"
    with idle.client(idle.new_key(tenant)) as first, idle.client(idle.new_key(tenant)) as second:
        (video_id,) = plant(first, user_id=unknown())
        group = new_group(first, "Docks")["group_id"]
        assert ids(second.post(LIST, json={"user_id": unknown()})) == [video_id]
        assert second.get(f"/videos/groups/{group}").status_code == 200
        assert deletion(second.delete(f"/videos/{video_id}")) == ([video_id], [])
        assert listed(first) == []
