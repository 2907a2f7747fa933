"""`calotype doctor`: says that all is well, or what is not and what to do."""

from __future__ import annotations

import json
import sys

from tests import speech_models
from tests.speech_models import SpeechModel
from tests.vision_models import KEY, VisionModel
from tests.whisper_models import make_whisper


def test_a_healthy_installation_has_no_fault(calotype):
    """Database, extension, storage, decoders, models, disk and clock are looked at; the status is 0.

    An optional format that is not installed is named with what installs it, letter by letter, and is no fault.
    """
    done = calotype("doctor")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    for name in ("database", "extension vector", "clock", "storage", "disk", "model ocr", "describer"):
        assert f"✓ {name}: " in done.stdout
    for name in ("decoder jpeg", "video film", "video h264", "document pdf", "document docx", "document html"):
        assert f"✓ {name}: decodes" in done.stdout
    assert "- transcriber: none: what is said in videos is not written down" in done.stdout
    assert "→ set CALOTYPE_SPEECH_MODEL" in done.stdout
    assert "✓ page downloads: yt-dlp 20" in done.stdout
    assert ("- decoder jxl" in done.stdout) == (f"{sys.executable} -m pip install 'calotype[jxl]'" in done.stdout)


def test_a_storage_that_cannot_be_written_to_is_a_fault_with_a_remedy(calotype, tmp_path):
    """The status is 1, what is at fault is named, and so is the setting to look at; what is well is shown as well."""
    (tmp_path / "file").touch()

    done = calotype("doctor", CALOTYPE_STORAGE_URL=f"file://{tmp_path}/file/objects")

    assert done.returncode == 1
    lines = done.stdout.splitlines()
    fault = next(index for index, line in enumerate(lines) if line.startswith("✗"))
    assert lines[fault].startswith("✗ storage: ")
    assert "→ check CALOTYPE_STORAGE_URL" in lines[fault + 1]
    assert "✓ database: PostgreSQL" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_database_that_does_not_answer_is_a_fault_with_a_remedy(calotype):
    """The status is 1, and the password in the address is not shown."""
    url = "postgresql://me:secret@127.0.0.1:1/calotype"

    done = calotype("doctor", "--json", CALOTYPE_DATABASE_URL=url)

    assert done.returncode == 1
    (check,) = json.loads(done.stdout)
    assert check["is_fault"]
    assert "the database cannot be reached" in check["finding"]
    assert "check CALOTYPE_DATABASE_URL" in check["remedy"]
    assert "secret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_models_of_ones_own_are_tried_out(calotype, tmp_path):
    """One that describes is shown a small picture, one of speech gets a second of sound; one that fails is a fault.

    Without its address or key, whether it is a server or a folder.
    """
    folder = make_whisper(tmp_path / "tiny")
    (folder / "tokenizer.json").write_text("{}")
    limits = {"CALOTYPE_VISION_TIMEOUT": "20", "CALOTYPE_SPEECH_TIMEOUT": "20"}
    with VisionModel() as model, SpeechModel() as ear:
        well = calotype("doctor", **model.settings(**ear.settings(**limits)))
        assert model.asked[0].picture[1][:2] == b"\xff\xd8"
        assert ear.asked[0].sound == ("sound.wav", "audio/wav", 1.0)
        model.script = [401]
        refused = calotype("doctor", **model.settings(CALOTYPE_SPEECH_MODEL=str(folder)))
    assert well.returncode == 0, well.stdout + well.stderr
    assert "✓ describer: seer:7b looks at pictures and answers" in well.stdout
    assert "✓ transcriber: listens and answers" in well.stdout
    assert refused.returncode == 1
    assert "✗ describer: the vision model refused the request (401)" in refused.stdout
    assert "→ check CALOTYPE_VISION_URL" in refused.stdout
    assert "✗ transcriber: the speech model cannot be loaded" in refused.stdout
    assert "→ check CALOTYPE_SPEECH_URL" in refused.stdout
    for done in (well, refused):
        assert KEY not in done.stdout + done.stderr
        assert speech_models.KEY not in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
