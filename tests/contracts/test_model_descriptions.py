"""A server with models of one's own: what they say of an upload is what the APIs tell."""

from __future__ import annotations

import pytest

from tests import speech_models
from tests.contracts.file_films import analysed, detail, ended, queue, scenes, send, trailer
from tests.running import RunningServer, upload, wait_for, wait_until_processed
from tests.services.library import photo
from tests.speech_models import SpeechModel, transcription
from tests.vision_models import KEY, METADATA, VisionModel, completion, saying


@pytest.fixture(scope="module")
def model():
    """A model whose script each test sets."""
    with VisionModel() as running:
        yield running


@pytest.fixture(scope="module")
def ear():
    """A speech model whose script each test sets."""
    with SpeechModel() as running:
        yield running


@pytest.fixture(scope="module")
def seeing(model, ear, tmp_path_factory):
    """A server that uses them."""
    folder = tmp_path_factory.mktemp("seeing")
    with RunningServer(folder, CALOTYPE_OCR_ENABLED="false", **model.settings(**ear.settings())) as running:
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


def test_what_is_said_in_a_video_belongs_to_its_scenes(client, model, ear):
    """Each scene has the words of its time, which find it; each is described by its picture. The model got all of the sound."""
    model.script = [completion()]
    ear.script = [transcription([(0.1, 0.9, "Anchors aweigh."), (2.1, 2.9, "Land ahoy!")])]
    video_id = send(client, trailer(), title="Voyage").json()["image_id"]
    analysed(client, video_id)
    found = detail(client, video_id)
    assert (found["has_audio_transcript"], found["scene_count"]) == (True, 3)
    assert {scene["description"] for scene in scenes(client, video_id)} == {METADATA["description"]}
    name, kind, seconds = ear.asked[-1].sound
    assert (name, kind) == ("sound.wav", "audio/wav")
    assert seconds == pytest.approx(3, abs=0.2)
    hits = client.post("/videos/search", json={"query": "land ahoy", "max_results": 1}).json()["results"]
    assert [(hit["video_id"], hit["plain_text_transcript"]) for hit in hits] == [(video_id, "Land ahoy!")]


def test_a_speech_model_that_refuses_is_told(client, model, ear):
    """What becomes of the analysis is said, without address or key."""
    model.script, ear.script = [completion()], [401]
    video_id = send(client, trailer()).json()["image_id"]
    job = ended(client, queue(client, video_id))
    assert job["status"] in {"completed", "failed"}
    assert (job["error_message"] is None) == (job["status"] == "completed")
    assert detail(client, video_id)["has_audio_transcript"] is False
    for secret in (speech_models.KEY, "127.0.0.1"):
        assert secret not in repr(job)
