"""Speech is written down by a model behind a server or by one in a folder: what both do, and how each can fail."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import wave
from contextlib import asynccontextmanager

import pytest
import structlog

from calotype.bootstrap.transcriber import check_transcribing, open_speech
from calotype.domain.errors import DescriptionFailed, InvalidInput, SandboxFailure, Unavailable
from calotype.domain.scene import TranscriptSegment
from calotype.settings import Settings
from tests.speech_models import KEY, SEGMENTS, SpeechModel, transcription
from tests.whisper_models import make_whisper, write_speech

HEARD = tuple(TranscriptSegment(*segment) for segment in SEGMENTS)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    """The folder of a Whisper model."""
    return make_whisper(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Four seconds of sound."""
    return write_speech(tmp_path_factory.mktemp("sounds") / "speech.wav", 4)


@asynccontextmanager
async def opened(**settings):
    """A transcriber as it is built from settings; pauses are noted in `pauses` and not waited for."""
    given = Settings(**settings)
    check_transcribing(given)
    made = open_speech(given)
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    if made.fetcher:
        made.transcriber._endpoint._sleep = sleep
        made.transcriber._endpoint._jitter = lambda: 1.0
        made.transcriber.pauses = pauses
    try:
        yield made.transcriber
    finally:
        await made.aclose()


def asking(model, **settings):
    """The transcriber that asks a server."""
    given = {"speech_url": model.url, "speech_model": "ear:1b", "speech_api_key": KEY, **settings}
    return opened(**given)


@pytest.fixture(scope="module", params=["endpoint", "folder"])
async def transcriber(request, whisper):
    """Either of them, well configured."""
    if request.param == "folder":
        async with opened(speech_model=str(whisper)) as made:
            yield made
        return
    with SpeechModel() as model:
        async with asking(model) as made:
            yield made


# What both do.


async def test_what_is_said_is_written_down(transcriber, speech):
    """Segments in order, with their times, and the language that was recognised."""
    made = await transcriber.transcribe(speech)
    assert made.segments == HEARD
    assert made.language == "de"


async def test_no_segment_ends_after_the_sound(transcriber, tmp_path):
    """Models hear a little more than there is."""
    made = await transcriber.transcribe(write_speech(tmp_path / "short.wav", 1.75))
    assert made.segments[0] == HEARD[0]
    assert made.segments[-1].end <= 1.75
    assert [one.text for one in made.segments] == [one.text for one in HEARD]


async def test_the_language_can_be_told(transcriber, speech):
    """Instead of being recognised."""
    assert (await transcriber.transcribe(speech, "en")).segments == HEARD


async def test_no_sound_is_no_speech(transcriber, tmp_path):
    """A file without a sample has no segments."""
    made = await transcriber.transcribe(write_speech(tmp_path / "empty.wav", 0))
    assert (made.segments, made.language) == ((), None)


@pytest.mark.parametrize("kind", ["missing", "text", "stereo", "fast"])
async def test_other_files_are_refused(transcriber, tmp_path, kind):
    """Only a WAV file of 16 kHz, one channel and 16 bits is speech to be transcribed; the reason is told."""
    path = tmp_path / "other.wav"
    if kind == "text":
        path.write_bytes(b"RIFF no sound at all")
    elif kind != "missing":
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2 if kind == "stereo" else 1)
            file.setsampwidth(2)
            file.setframerate(44_100 if kind == "fast" else 16_000)
            file.writeframes(b"\0" * 64)
    with pytest.raises(DescriptionFailed, match=r"the sound (cannot be read|is not of 16 kHz)") as refused:
        await transcriber.transcribe(path)
    assert str(tmp_path) not in refused.value.message


async def test_many_pieces_at_once(transcriber, speech):
    """Each gets its own answer."""
    made = await asyncio.gather(*(transcriber.transcribe(speech) for _ in range(4)))
    assert {one.segments for one in made} == {HEARD}


# The one behind an API.


async def test_a_server_gets_the_sound_and_nothing_else(speech):
    """One request: model, key, form of the answer, and a file without the name it has here."""
    with SpeechModel() as model:
        async with asking(model, speech_language="fr") as transcriber:
            await transcriber.transcribe(speech)
            await transcriber.transcribe(speech, "de")
    asked, other = model.asked
    assert asked.path == "/v1/audio/transcriptions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.form == {
        "model": "ear:1b",
        "language": "fr",
        "response_format": "verbose_json",
        "timestamp_granularities[]": "segment",
    }
    assert other.form["language"] == "de"
    assert asked.sound == ("sound.wav", "audio/wav", 4.0)


async def test_without_key_and_language_neither_is_sent(speech):
    """As most models at home want it."""
    with SpeechModel() as model:
        async with asking(model, speech_api_key=None) as transcriber:
            await transcriber.transcribe(speech)
    assert "authorization" not in model.asked[0].headers
    assert "language" not in model.asked[0].form


@pytest.mark.parametrize(
    "plain", [{"text": "all of it"}, {"text": "all of it", "segments": []}, {"text": " all\nof it ", "segments": None}]
)
async def test_text_alone_is_one_segment(speech, plain):
    """Over the whole piece; some models tell no times."""
    with SpeechModel(json.dumps(plain).encode()) as model:
        async with asking(model) as transcriber:
            made = await transcriber.transcribe(speech)
    assert made.segments == (TranscriptSegment(0, 4, "all of it"),)
    assert made.language is None


@pytest.mark.parametrize("silent", [{"text": ""}, {"text": " ", "segments": []}, {"segments": []}])
async def test_silence_has_no_segments(speech, silent):
    """However it is told."""
    with SpeechModel(json.dumps(silent).encode()) as model:
        async with asking(model) as transcriber:
            assert (await transcriber.transcribe(speech)).segments == ()


async def test_words_a_server_does_not_know_are_left_out(speech):
    """One that knows no granularities, or tells no segments at all, is asked for what it has from then on."""
    told = []

    def picky(asked):
        form = asked.form
        told.append((form["response_format"], "timestamp_granularities[]" in form))
        if "timestamp_granularities[]" in form:
            return 400, {}, b'{"error": {"message": "unknown field timestamp_granularities"}}'
        if form["response_format"] == "verbose_json":
            return 400, {}, b'{"error": {"param": "response_format", "code": "unsupported_value"}}'
        return b'{"text": "all of it"}'

    with SpeechModel(picky) as model:
        async with asking(model) as transcriber:
            for _ in range(2):
                assert (await transcriber.transcribe(speech)).segments[0].text == "all of it"
            assert transcriber.pauses == []
    assert told == [("verbose_json", True), ("verbose_json", False), ("json", False), ("json", False)]


async def test_a_server_that_refuses_every_form_is_not_asked_for_ever(speech):
    """Its refusal is told, and changes nothing for the next piece."""
    with SpeechModel((400, {}, b"response_format is wrong")) as model:
        async with asking(model) as transcriber:
            for _ in range(2):
                with pytest.raises(DescriptionFailed, match="refused the request"):
                    await transcriber.transcribe(speech)
    assert [asked.form["response_format"] for asked in model.asked] == ["verbose_json", "json"] * 2


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (transcription([(0, 1, "a"), (0, 9_000, "b")]), "cannot be used: a time in it lies outside of the sound"),
        (transcription([(0, 1, "word " * 10_000)]), "cannot be used: it holds more than can be said in that time"),
        (b'{"text": "a", "segments": [{"start": NaN, "end": 1, "text": "a"}]}', "is no JSON"),
        (b'{"text": "a", "segments": [{"start": 1e999, "end": 1, "text": "a"}]}', "is no JSON"),
        (
            b'{"text": "a", "segments": [{"start": 1' + b"0" * 400 + b', "end": 1, "text": "a"}]}',
            "time that is too large",
        ),
        (transcription([("0", "1", "a")]), "a segment without times"),
        (transcription([(True, False, "a")]), "a segment without times"),
        (transcription(segments={"0": "a"}), "no list of segments"),
        (transcription(segments=["a"]), "a segment that is no object"),
        (transcription(segments=[{"start": 0, "end": 1}]), "a segment without text"),
        (transcription(text=5), "a text that is none"),
        (b"{}", "neither text nor segments"),
        (b"[]", "is no JSON object"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "is no JSON"),
        (b"WEBVTT\n\n00:00.000 --> 00:01.500\nwaves", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"[" * 500_000, "is no JSON"),
        (b" " * 10_000_000, "is too large"),
        ("endless", "is too large"),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_lies_are_refused_after_three_attempts(speech, lie, reason):
    """With what is wrong, and without address, key or what was answered."""
    with SpeechModel(lie) as model:
        async with asking(model) as transcriber:
            with pytest.raises(DescriptionFailed, match=reason) as refused:
                await transcriber.transcribe(speech)
            assert transcriber.pauses == []
    assert len(model.asked) == 3
    for secret in (KEY, "127.0.0.1", "waves", "Sign in"):
        assert secret not in refused.value.message


async def test_a_better_answer_is_waited_for(speech):
    """A lie, a fault that passes, and then what was said."""
    with SpeechModel(b"<html>", 503, transcription()) as model:
        async with asking(model) as transcriber:
            assert (await transcriber.transcribe(speech)).segments == HEARD
            assert transcriber.pauses == [2.0]


@pytest.mark.parametrize("fault", [500, 429, "hang_up", "reset", "silent", "drip", b'{"error": {"message": "away"}}'])
async def test_a_model_that_is_away_is_told_apart_from_one_that_refuses(speech, fault):
    """The video waits for it; three attempts are made at a time."""
    limit = {"speech_timeout": 0.3} if fault in {"silent", "drip"} else {}
    with SpeechModel(fault) as model:
        async with asking(model, **limit) as transcriber:
            with pytest.raises(Unavailable, match="the speech model cannot be reached now") as away:
                await transcriber.transcribe(speech)
            assert transcriber.pauses == [1.0, 2.0]
    assert away.value.context["of"] == "model"
    assert len(model.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 413, 307])
async def test_a_refusal_is_taken_at_its_word(speech, status):
    """A wrong key, an unknown model, too large a piece; a redirect takes neither key nor sound elsewhere."""
    with SpeechModel() as elsewhere:
        headers = {"Location": f"{elsewhere.url}/audio/transcriptions"}
        with SpeechModel((status, headers, f"no {KEY}".encode())) as model:
            async with asking(model) as transcriber:
                with (
                    structlog.testing.capture_logs() as logs,
                    pytest.raises(DescriptionFailed, match=f"the speech model refused the request \\({status}\\)"),
                ):
                    await transcriber.transcribe(speech)
    assert len(model.asked) == 1
    assert elsewhere.asked == []
    assert KEY not in repr(logs)


async def test_transcribing_can_be_cancelled(speech):
    """While the model listens."""
    with SpeechModel("silent") as model:
        async with asking(model) as transcriber:
            running = asyncio.create_task(transcriber.transcribe(speech))
            await asyncio.to_thread(model.wait, 1)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running


# The one in a folder.


async def test_silence_is_not_listened_to(whisper, tmp_path):
    """The model would say something about it, as models do; what sounds like no speech does not reach it."""
    async with opened(speech_model=str(whisper)) as transcriber:
        made = await transcriber.transcribe(write_speech(tmp_path / "silent.wav", 3, silent=True))
    assert (made.segments, made.language) == ((), None)


async def test_the_model_runs_in_a_limited_child_that_keeps_it(whisper, speech):
    """One process, another than this one, and the same for the next piece."""
    made = open_speech(Settings(speech_model=str(whisper)))
    try:
        await made.transcriber.transcribe(speech)
        first = made.sandbox.pids
        await made.transcriber.transcribe(speech)
        assert made.sandbox.pids == first
        assert len(first) == 1
        assert os.getpid() not in first
    finally:
        await made.aclose()


async def test_a_language_the_model_does_not_know_is_refused(whisper, speech):
    """By name of the fault."""
    async with opened(speech_model=str(whisper)) as transcriber:
        with pytest.raises(DescriptionFailed, match="does not know the language"):
            await transcriber.transcribe(speech, "xx")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "model.bin").write_bytes(b"\0" * 64), "cannot be loaded"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "cannot be loaded"),
        (
            lambda folder: (folder / "preprocessor_config.json").write_text('{"feature_size": 128}'),
            "wants 80 mel bands",
        ),
        (lambda folder: (folder / "model.bin").unlink(), "model.bin is missing"),
    ],
    ids=["weights", "tokenizer", "bands", "gone"],
)
async def test_a_model_that_cannot_be_loaded_says_so(whisper, speech, tmp_path, spoil, reason):
    """Whatever became of its folder since the start; it may be mended, so the video waits."""
    folder = shutil.copytree(whisper, tmp_path / "model")
    made = open_speech(Settings(speech_model=str(folder)))
    spoil(folder)
    try:
        with pytest.raises(Unavailable, match=reason) as failed:
            await made.transcriber.transcribe(speech)
        assert str(folder) not in failed.value.message
    finally:
        await made.aclose()


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("crashed", Unavailable), ("start", Unavailable), ("memory", DescriptionFailed), ("timeout", DescriptionFailed)],
)
async def test_a_child_that_fails_is_a_fault_of_the_transcriber(whisper, speech, reason, kind):
    """One that passes where another child may do better."""

    async def run(*_, **__):
        raise SandboxFailure("it went wrong", reason=reason)

    async with opened(speech_model=str(whisper)) as transcriber:
        transcriber._run = run
        with pytest.raises(kind, match="speech could not be transcribed: it went wrong"):
            await transcriber.transcribe(speech)


# Settings.


async def test_without_settings_nothing_is_written_down():
    """There is no transcriber."""
    async with opened() as transcriber:
        assert transcriber is None


@pytest.mark.parametrize(
    ("settings", "field", "message"),
    [
        ({"speech_url": "http://localhost/v1"}, "speech_model", "by its address only"),
        ({"speech_url": "ftp://localhost/v1", "speech_model": "a"}, "speech_url", "cannot be used"),
        ({"speech_url": "http://me:secret@localhost/v1", "speech_model": "a"}, "speech_url", "cannot be used"),
        ({"speech_url": "http://a/v1", "speech_model": "a\r\nb"}, "speech_model", "cannot be sent"),
        ({"speech_url": "http://a/v1", "speech_model": "a", "speech_api_key": "two\nsecret"}, "speech_api_key", "sent"),
        ({"speech_language": "German"}, "speech_language", "code"),
        ({"speech_model": "large-v3"}, "speech_model", "does not exist"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_with_a_remedy(settings, field, message):
    """Before anything is started; the name of a model without an address is a folder, and never fetched."""
    with pytest.raises(InvalidInput, match=message) as refused:
        check_transcribing(Settings(**settings))
    assert refused.value.context["field"] == field
    assert f"CALOTYPE_{field.upper()}" in refused.value.context["remedy"]
    assert "secret" not in refused.value.message


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_folder_that_lacks_something_is_refused_by_its_name(whisper, tmp_path, name):
    """What the library would look for elsewhere, in the network, is missing here."""
    folder = shutil.copytree(whisper, tmp_path / "model")
    (folder / name).unlink()
    with pytest.raises(InvalidInput, match=f"{name} is missing"):
        check_transcribing(Settings(speech_model=str(folder)))


def test_without_the_extra_its_name_is_told(whisper, monkeypatch):
    """What has to be installed, letter by letter."""
    monkeypatch.setattr("calotype.ai.whisper_transcriber.find_spec", lambda _: None)
    with pytest.raises(InvalidInput) as refused:
        check_transcribing(Settings(speech_model=str(whisper)))
    assert refused.value.context["remedy"] == f"{sys.executable} -m pip install 'calotype[speech]'"
