"""A server with a vision model: what the model says of an upload is what the Files API tells."""

from __future__ import annotations

import pytest

from tests.running import RunningServer, upload, wait_for, wait_until_processed
from tests.services.library import photo
from tests.vision_models import KEY, METADATA, VisionModel, completion, saying


@pytest.fixture(scope="module")
def model():
    """A model whose script each test sets."""
    with VisionModel() as running:
        yield running


@pytest.fixture(scope="module")
def seeing(model, tmp_path_factory):
    """A server that uses it."""
    folder = tmp_path_factory.mktemp("seeing")
    with RunningServer(folder, CALOTYPE_OCR_ENABLED="false", **model.settings()) as running:
        yield running


@pytest.fixture
def client(seeing):
    """A client of that server with the key of a tenant of its own."""
    with seeing.client(seeing.new_key()) as made:
        yield made


def told(client, **fields):
    """Upload a picture; returns what is told of it once its work has ended."""
    return wait_until_processed(client, upload(client, photo(), **fields)["image_id"], described=True)


def test_an_upload_gets_the_models_description(client, model):
    """And is found by its words, and by the text the model read; the model saw a JPEG."""
    model.script = [saying(visible_text="ONE WAY")]
    detail = told(client)
    assert detail["description_status"] == "completed"
    (description,) = detail["full_descriptions"]
    assert description["description"] == METADATA["description"]
    assert description["visible_text"] == "ONE WAY"
    assert description["providers_used"] == ["seer:7b"]
    for words in ("lighthouse", "one way"):
        found = client.get("/api/v2/user-files", params={"search": words}).json()
        assert [file["id"] for file in found["files"]] == [detail["id"]]
    media_type, picture = model.asked[-1].picture
    assert (media_type, picture[:2]) == ("image/jpeg", b"\xff\xd8")


def test_a_model_that_stumbles_is_asked_again(client, model):
    """Nobody notices."""
    model.script = [500, b"nonsense", completion()]
    assert told(client)["full_descriptions"][0]["description"] == METADATA["description"]


def test_a_refusal_is_told_without_what_is_behind_it(client, seeing, model):
    """Reason, but neither address nor key nor answer; the log knows the answer, though not the key."""
    model.script = [(401, {}, f'{{"error": "no such key {KEY}"}}'.encode())]
    detail = told(client)
    assert detail["description_status"] == "failed"
    (listed,) = client.get("/api/v2/user-files").json()["files"]
    assert listed["description_error"] == "the vision model refused the request (401)"
    assert detail["variant_status"] == "completed"
    wait_for(lambda: "no such key" in seeing.log(), "the log does not tell what was answered")
    assert KEY not in seeing.log()


def test_a_model_that_is_away_for_a_while_is_waited_for(client, model):
    """The job comes back until it answers."""
    model.script = [500, 500, 500, 500, completion()]
    count = len(model.asked)
    assert told(client)["full_descriptions"][0]["description"] == METADATA["description"]
    assert len(model.asked) == count + 5
