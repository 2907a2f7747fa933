"""One file with its history: section 3.2, point 21 of the checklist."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import pytest

from tests.contracts import planting
from tests.contracts.photos import photo, undecodable
from tests.contracts.shapes import DETAIL, expect, expect_error
from tests.running import upload, wait_until_processed

FILES = "/api/v2/user-files"


def test_the_detail_has_exactly_its_keys(client):
    """All 29 keys, each of its type, right after the upload and when everything is done."""
    made = upload(client, photo(300, 200), title="Pier", tags="a,b")
    early = expect(client.get(f"{FILES}/{made['image_id']}"), DETAIL)
    assert (early["title"], early["tags"], early["original_url"] is not None) == ("Pier", ["a", "b"], True)
    wait_until_processed(client, made["image_id"], described=True)
    detail = expect(client.get(f"{FILES}/{made['image_id']}"), DETAIL)
    assert detail["id"] == made["image_id"]
    assert detail["object_key"] == made["object_key"]
    assert detail["dimensions"] == {"width": 300, "height": 200}
    assert (detail["variant_status"], detail["description_status"]) == ("completed", "completed")
    assert len(detail["full_descriptions"]) == 1
    assert detail["updated_at"] == early["updated_at"], "background work is no change by the user"


def test_the_history_tells_every_step_in_order(client):
    """Upload, variants, colours and description, oldest first, each ended at or after it began."""
    made = upload(client, photo())
    steps = wait_until_processed(client, made["image_id"], described=True)["processing_history"]
    names = [step["operation_type"] for step in steps]
    assert sorted(names) == ["describe", "extract_colors", "upload", "variants"]
    assert names[0] == "upload"
    assert names.index("variants") < names.index("describe")
    assert {step["status"] for step in steps} == {"completed"}
    assert all(step["error_message"] is None for step in steps)
    times = [datetime.fromisoformat(step["created_at"]) for step in steps]
    assert times == sorted(times)
    for step, begun in zip(steps, times, strict=True):
        assert datetime.fromisoformat(step["completed_at"]) >= begun


def test_a_file_that_cannot_be_decoded_says_why(client):
    """A picture whose pixels are broken keeps its original, and its reason stands in list, detail and history."""
    made = upload(client, undecodable(), "broken.png")
    detail = wait_until_processed(client, made["image_id"], described=True)
    expect(client.get(f"{FILES}/{made['image_id']}"), DETAIL)
    assert (detail["variant_status"], detail["description_status"]) == ("failed", "failed")
    assert detail["thumbnail_url"] is detail["blur_hash"] is None
    assert detail["variant_count"] == 1
    steps = {step["operation_type"]: step for step in detail["processing_history"]}
    assert steps["upload"]["status"] == "completed"
    assert steps["variants"]["status"] == "failed"
    assert steps["variants"]["error_message"]
    item = client.get(FILES).json()["files"][0]
    assert item["variant_error"]
    assert item["description_error"]
    assert client.get(f"{FILES}/{made['image_id']}/variant/original").status_code == 302


def test_an_id_may_be_written_in_upper_case(client):
    """A UUID in upper case is the same one, and comes back in lower case."""
    made = upload(client, photo(), auto_describe="false")
    detail = expect(client.get(f"{FILES}/{made['image_id'].upper()}"), DETAIL)
    assert detail["id"] == made["image_id"]


def test_eight_characters_are_enough(client):
    """The first eight hexadecimal digits find the file, in any case."""
    made = upload(client, photo(), auto_describe="false")
    for prefix in (made["image_id"][:8], made["image_id"][:8].upper()):
        assert expect(client.get(f"{FILES}/{prefix}"), DETAIL)["id"] == made["image_id"]


def test_an_ambiguous_prefix_is_a_conflict(server, client, new_client):
    """Two live files with one prefix are 409; when one of them is deleted, or is another tenant's, the other is found."""
    made = upload(client, photo(), auto_describe="false")
    prefix = made["image_id"][:8]
    twin, foreign = (f"{prefix}{str(uuid4())[8:]}" for _ in range(2))
    other = new_client()
    planting.plant_file(server, upload(other, photo(), auto_describe="false")["image_id"], foreign)
    assert client.get(f"{FILES}/{prefix}").json()["id"] == made["image_id"]
    planting.plant_file(server, made["image_id"], twin)
    expect_error(client.get(f"{FILES}/{prefix}"), 409, "CONFLICT")
    client.delete(f"{FILES}/{twin}")
    assert client.get(f"{FILES}/{prefix}").json()["id"] == made["image_id"]
    assert other.get(f"{FILES}/{prefix}").json()["id"] == foreign


@pytest.mark.parametrize(
    "identity",
    [
        "6f0c5d0e-2c55-4d0b-9d5e-0f6a3b9f7a11",
        "00000000",
        "junk",
        "6f0c5d0",
        "6f0c5d0e2",
        "6f0c5d0e2c554d0b9d5e0f6a3b9f7a11",
        "{6f0c5d0e-2c55-4d0b-9d5e-0f6a3b9f7a11}",
        "6f0c5d0g",
        "%00",
        "%F0%9F%99%82",
        "'; DROP TABLE asset; --",
        "x" * 3000,
        "..",
    ],
)
def test_anything_else_is_404(client, identity):
    """Unknown ids, unknown prefixes and any other text are not found."""
    upload(client, photo(), auto_describe="false")
    answer = client.get(f"{FILES}/{identity}")
    if identity == "..":  # the client itself resolves it to another path
        expect_error(answer, 404)
    else:
        expect_error(answer, 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "suffix"),
    [
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/restore"),
        ("GET", "/variant/original"),
        ("GET", "/download"),
        ("POST", "/trigger-variants"),
    ],
)
@pytest.mark.parametrize("identity", ["junk", "6f0c5d0e", "6f0c5d0e2c554d0b9d5e0f6a3b9f7a11", "x" * 500])
def test_only_the_detail_takes_a_prefix(client, method, suffix, identity):
    """On every other route a path id that is no UUID is 422."""
    answer = client.request(method, f"{FILES}/{identity}{suffix}", **({"json": {}} if method == "PATCH" else {}))
    expect_error(answer, 422, "VALIDATION_ERROR")
    assert answer.json()["error"]["details"]["field"] == "path.file_id"
