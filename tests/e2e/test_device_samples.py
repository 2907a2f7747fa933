"""The vendor's own sample of a device's upload, and every command of our page on the Devices API, run as they stand.

The vendor's text is read where it lies, beside the corpus, and is never part of this project. Only base URL, key and file are
changed in it.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path

import pytest

from tests.contracts.device_shapes import CREATED, UPLOADED, expect
from tests.contracts.photos import photo
from tests.e2e.shell import run
from tests.running import RunningServer, calotype_environment

SEED = "002_1a6f70b3879ea86e.txt"
PAGE = Path(__file__).parents[2] / "docs" / "devices-api.md"
ADDRESS = "http://127.0.0.1:8484"
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.fixture(scope="module")
def sample():
    """The vendor's curl command, which its page has twice."""
    corpus = os.environ.get("CALOTYPE_CORPUS")
    path = Path(corpus).parent / "seeds" / SEED if corpus else None
    if path is None or not path.exists():
        pytest.skip("the vendor's text is not at hand")
    found = re.findall(r"^curl (?:.*\\\n)*.*", path.read_text(), re.MULTILINE)
    assert len(found) == 2
    assert found[0] == found[1]
    return found[0]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A server whose first tenant nobody else uses, and whose folder is that of the commands."""
    with RunningServer(tmp_path_factory.mktemp("page"), "--no-worker") as running:
        yield running


def filled(sample, server, key, image):
    """The sample with this server's address, this key and this file."""
    text = re.sub(r"https://[^/\s]+", server.url, sample)
    return text.replace("adk_x9y8z7w6v5u4...", key).replace("/path/to/image.jpg", str(image))


def test_the_vendors_sample_uploads_an_image(sample, server, client, tmp_path):
    """The answer has the keys that the vendor's has, and they fit each other and what the batch tells."""
    made = expect(client.post("/api/devices", json={"name": "gate"}), CREATED, 201)
    data = photo()
    (tmp_path / "image.jpg").write_bytes(data)

    printed = run(filled(sample, server, made["api_key"], tmp_path / "image.jpg"), tmp_path, **os.environ)

    answer = json.loads(printed)
    assert answer["success"] is True
    sent = answer["data"]
    assert sent.keys() == UPLOADED.keys()
    image_id = re.fullmatch(rf"img_({_UUID})", sent["image_id"])[1]
    assert re.fullmatch(rf"batch_{_UUID}", sent["batch_id"])
    assert sent["storage_key"] == f"raw-data/{image_id[:8]}_image.jpg"
    assert (server.data_dir / "objects" / sent["storage_key"]).read_bytes() == data
    (image,) = client.get(f"/api/batches/{sent['batch_id']}/images").json()["data"]["items"]
    assert (image["model_id"], image["model_version"]) == ("mdl_123", "1.0.0")
    box = {"class_value": "defect", "type": "bbox", "geometry": [0.52, 0.48, 0.2, 0.1]}
    assert image["annotations"] == [box]
    assert client.get(f"/api/v2/user-files/{image_id}").json()["annotations"] == [box]


def test_every_command_of_our_page_works(own, tmp_path):
    """From an API key to a ZIP file, with nothing but what the page says; a repetition gives the first answer."""
    text = PAGE.read_text()
    scripts = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(scripts) == 3
    for name in ("image.jpg", "next.jpg"):
        (tmp_path / name).write_bytes(photo())
    script = "\n".join(scripts).replace(ADDRESS, own.url)
    assert script.count(own.url) == 1

    printed = run(script, tmp_path, **calotype_environment(own.data_dir, KEY=own.first_key))

    starts = [found.start() for found in re.finditer(r'\{"success"', printed)]
    answers = [json.JSONDecoder().raw_decode(printed, start)[0] for start in starts]
    assert all(answer["success"] for answer in answers)
    sent, batches, images, closed, first, again = (answer["data"] for answer in answers)
    assert sent.keys() == UPLOADED.keys()
    (batch,) = batches["items"]
    assert (batch["id"], batch["status"], batch["image_count"]) == (sent["batch_id"], "collecting", 1)
    assert [image["image_id"] for image in images["items"]] == [sent["image_id"]]
    assert (closed["id"], closed["status"]) == (batch["id"], "closed")
    assert first == again
    assert first["image_id"] != sent["image_id"]
    for name in ("batch.zip", "labels.zip"):
        assert zipfile.ZipFile(tmp_path / name).testzip() is None
