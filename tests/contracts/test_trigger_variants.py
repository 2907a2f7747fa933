"""Making variants again: section 4.5, point 28 of the checklist."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.contracts import planting
from tests.contracts.photos import photo, undecodable
from tests.contracts.shapes import RUNNING_TRIGGER, TRIGGER, expect, expect_error
from tests.running import upload, wait_until_processed

FILES = "/api/v2/user-files"


def _trigger(client, file_id):
    return client.post(f"{FILES}/{file_id}/trigger-variants")


def _finish(server, file_id):
    """Let the waiting run of a file have ended."""
    planting.alter(server, "UPDATE asset SET variant_status = 'completed' WHERE id = %s", file_id)
    planting.alter(
        server, "UPDATE operation SET status = 'completed' WHERE asset_id = %s AND type = 'variants'", file_id
    )


def test_a_finished_file_can_be_done_again(client, browser):
    """Five keys; existing variants stay readable, and in the end there are variants again and one more run in the history."""
    made = upload(client, photo(300, 200), auto_describe="false")
    before = wait_until_processed(client, made["image_id"])
    answer = expect(_trigger(client, made["image_id"]), TRIGGER)
    assert answer["image_id"] == made["image_id"]
    assert browser.get(before["thumbnail_url"]).status_code == 200
    assert client.get(f"{FILES}/{made['image_id']}/variant/small_256").status_code == 302
    after = wait_until_processed(client, made["image_id"])
    assert (after["variant_status"], after["variant_count"], after["blur_hash"]) == (
        "completed",
        5,
        before["blur_hash"],
    )
    runs = [step for step in after["processing_history"] if step["operation_type"] == "variants"]
    assert [run["status"] for run in runs] == ["completed", "completed"]
    assert len(before["processing_history"]) + 1 == len(after["processing_history"])


def test_a_run_under_way_is_not_started_twice(narrow, narrow_client):
    """While a run waits, the answer is that run with `skipped_duplicate`; six keys then, five otherwise."""
    file_id = upload(narrow_client, photo(), auto_describe="false")["image_id"]
    waiting = expect(_trigger(narrow_client, file_id), RUNNING_TRIGGER)
    assert waiting["current_status"] == "queued"
    _finish(narrow, file_id)
    first = expect(_trigger(narrow_client, file_id), TRIGGER)
    second = expect(_trigger(narrow_client, file_id), RUNNING_TRIGGER)
    assert first["task_id"] == second["task_id"] != waiting["task_id"]
    assert expect(_trigger(narrow_client, file_id), RUNNING_TRIGGER) == second


def test_a_run_being_worked_on_says_so(narrow, narrow_client):
    """`current_status` is "processing" once a worker has the run."""
    file_id = upload(narrow_client, photo(), auto_describe="false")["image_id"]
    planting.alter(narrow, "UPDATE asset SET variant_status = 'processing' WHERE id = %s", file_id)
    planting.alter(
        narrow, "UPDATE operation SET status = 'processing' WHERE asset_id = %s AND type = 'variants'", file_id
    )
    assert expect(_trigger(narrow_client, file_id), RUNNING_TRIGGER)["current_status"] == "processing"


def test_what_failed_gets_another_chance(client):
    """A failed picture can be triggered; if it fails again, the history shows both runs."""
    made = upload(client, undecodable(), "broken.png", auto_describe="false")
    assert wait_until_processed(client, made["image_id"])["variant_status"] == "failed"
    expect(_trigger(client, made["image_id"]), TRIGGER)
    after = wait_until_processed(client, made["image_id"])
    assert after["variant_status"] == "failed"
    runs = [step["status"] for step in after["processing_history"] if step["operation_type"] == "variants"]
    assert runs == ["failed", "failed"]


def test_an_unknown_file_is_404(client):
    """There is nothing to trigger for an id that does not exist."""
    expect_error(_trigger(client, uuid4()), 404, "NOT_FOUND")


@pytest.mark.parametrize("media_type", ["document", "link"])
def test_only_pictures_have_variants(narrow, narrow_client, media_type):
    """Documents and links are 400."""
    file_id = upload(narrow_client, photo(), auto_describe="false")["image_id"]
    other = str(uuid4())
    planting.plant_file(narrow, file_id, other, media_type=media_type)
    expect_error(_trigger(narrow_client, other), 400, "VALIDATION_ERROR")


def test_a_link_has_nothing_to_download(narrow, narrow_client):
    """The download of a link is 400."""
    file_id = upload(narrow_client, photo(), auto_describe="false")["image_id"]
    other = str(uuid4())
    planting.plant_file(narrow, file_id, other, media_type="link")
    expect_error(narrow_client.get(f"{FILES}/{other}/download"), 400, "VALIDATION_ERROR")
